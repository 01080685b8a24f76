/* children.c: finds and runs the other executables. */
#include "children.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_MS = 10000, ARGUMENTS_MAX = 8 };

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void cli_executables(cli_executables_t *out)
{
    char dir[900];
    out->count = 0;
    ssize_t length = readlink("/proc/self/exe", dir, sizeof dir - 1);
    dir[length > 0 ? length : 0] = 0;
    char *slash = strrchr(dir, '/');
    if (slash == NULL)
        return;
    *slash = 0;
    DIR *entries = opendir(dir);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL &&
           out->count < CLI_EXECUTABLES_MAX) {
        char *path = out->paths[out->count];
        size_t room = sizeof out->paths[0];
        if (strncmp(entry->d_name, "vedette-", 8) != 0 || strchr(entry->d_name, '.') != NULL ||
            snprintf(path, room, "%s/%s", dir, entry->d_name) >= (int)room)
            continue;
        if (access(path, X_OK) == 0)
            out->count++;
    }
    if (entries != NULL)
        closedir(entries);
    qsort(out->paths, out->count, sizeof out->paths[0], by_name);
}

/* Reads from both pipes until both have ended. False when the time is over. */
static bool collect(int fds[2], vd_buffer_t *buffers[2])
{
    int64_t deadline = cli_mono_ms() + RUN_MS;
    while (fds[0] >= 0 || fds[1] >= 0) {
        struct pollfd items[2] = {{.fd = fds[0], .events = POLLIN},
                                  {.fd = fds[1], .events = POLLIN}};
        int64_t rest = deadline - cli_mono_ms();
        if (rest <= 0)
            return false;
        if (poll(items, 2, (int)rest) < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < 2; i++) {
            char block[4096];
            if (fds[i] < 0 || items[i].revents == 0)
                continue;
            ssize_t size = read(fds[i], block, sizeof block);
            if (size > 0)
                vd_buffer_add(buffers[i], block, (size_t)size);
            else if (size == 0 || errno != EINTR) {
                close(fds[i]);
                fds[i] = -1;
            }
        }
    }
    return true;
}

static void be_child(const char *path, const char *const *arguments, int out, int errors)
{
    const char *argv[ARGUMENTS_MAX + 2] = {path};
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i] != NULL; i++)
        argv[i + 1] = arguments[i];
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execv(path, (char *const *)argv);
    _exit(127);
}

int cli_run(const char *path, const char *const *arguments, vd_buffer_t *out, vd_buffer_t *errors)
{
    assert(out != NULL && errors != NULL);
    int first[2], second[2];
    if (pipe2(first, O_CLOEXEC) != 0)
        return -1;
    if (pipe2(second, O_CLOEXEC) != 0) {
        close(first[0]);
        close(first[1]);
        return -1;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        be_child(path, arguments, first[1], second[1]);
    close(first[1]);
    close(second[1]);
    int fds[2] = {first[0], second[0]};
    vd_buffer_t *buffers[2] = {out, errors};
    bool ended = pid > 0 && collect(fds, buffers);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    int state = 0;
    if (pid > 0 && !ended)
        kill(pid, SIGKILL);
    if (pid <= 0 || waitpid(pid, &state, 0) != pid || !ended)
        return -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}
