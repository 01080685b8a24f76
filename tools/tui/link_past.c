/* link_past.c: see link_past.h. */
#include "tui/link_past.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 10000, NOTIFY_FD = 3, ENVIRONMENT_MAX = 512 };

extern char **environ;

/* The program of the observer, which is beside our own. */
static bool find_program(const char *name, char *out, size_t size)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = 0;
    int written = snprintf(out, size, "%s/vedette-observer-%s", self, name);
    return strchr(name, '/') == NULL && written > 0 && (size_t)written < size &&
           access(out, X_OK) == 0;
}

/* Our environment, but for what belongs to whoever started us. */
static void make_environment(char *out[ENVIRONMENT_MAX])
{
    static char notify[] = "VEDETTE_NOTIFY_FD=3";
    size_t count = 0;
    out[count++] = notify;
    for (char **at = environ; *at != NULL && count < ENVIRONMENT_MAX - 1; at++)
        if (strncmp(*at, "VEDETTE_NOTIFY_FD=", 18) != 0 &&
            strncmp(*at, "VEDETTE_LOCK_FD=", 16) != 0)
            out[count++] = *at;
    out[count] = NULL;
}

/* In a group of its own, so that a Ctrl-C is not for it, and with nothing to say. */
static bool spawn(const char *program, const char *dir, const char *name, int notify, pid_t *pid)
{
    char *environment[ENVIRONMENT_MAX];
    const char *argv[] = {program, "--past", "--dir", dir, "--name", name, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    make_environment(environment);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    for (int fd = 0; fd < NOTIFY_FD; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, notify, NOTIFY_FD);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawn(pid, program, &files, &attributes, (char *const *)argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed == 0;
}

static bool is_ready(int notify)
{
    struct pollfd item = {.fd = notify, .events = POLLIN};
    char bytes[64];
    while (poll(&item, 1, READY_MS) > 0) {
        ssize_t size = read(notify, bytes, sizeof bytes);
        if (size >= 5)
            return memcmp(bytes, "ready", 5) == 0;
        if (size == 0 || errno != EINTR)
            return false;
    }
    return false;
}

static void end(tui_past_observer_t *observer)
{
    close(observer->notify);
    kill(observer->pid, SIGTERM);
    while (waitpid(observer->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* A place for one more; the oldest goes where there is none. */
static tui_past_observer_t *take_place(tui_past_observers_t *self)
{
    if (self->count < TUI_LINK_OBSERVERS)
        return &self->list[self->count++];
    tui_past_observer_t *place = &self->list[self->oldest];
    self->oldest = (self->oldest + 1) % TUI_LINK_OBSERVERS;
    end(place);
    return place;
}

vd_status_t tui_past_observer_start(tui_past_observers_t *self, const char *dir, const char *name,
                                    char error[VD_TEXT_BYTES_MAX + 1])
{
    char program[4096];
    int ends[2];
    tui_past_observer_t made = {.pid = -1};
    for (size_t at = 0; at < self->count; at++)
        if (strcmp(self->list[at].name, name) == 0)
            return VD_OK;
    if (!find_program(name, program, sizeof program)) {
        snprintf(error, VD_TEXT_BYTES_MAX + 1,
                 "observer %.64s does not come with Vedette: start its runtime to see what it knew",
                 name);
        return VD_NOT_FOUND;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(error, VD_TEXT_BYTES_MAX + 1, "observer %.64s: %s", name, strerror(errno));
        return VD_IO;
    }
    vd_str_copy(made.name, sizeof made.name, vd_str(name));
    made.notify = ends[0];
    bool spawned = spawn(program, dir, name, ends[1], &made.pid);
    close(ends[1]);
    if (spawned && is_ready(ends[0])) {
        *take_place(self) = made;
        return VD_OK;
    }
    snprintf(error, VD_TEXT_BYTES_MAX + 1, "%.200s --past does not become ready", program);
    if (spawned)
        end(&made);
    else
        close(ends[0]);
    return VD_FAILED;
}

void tui_past_observers_end(tui_past_observers_t *self)
{
    for (size_t at = 0; at < self->count; at++)
        end(&self->list[at]);
    self->count = 0;
}
