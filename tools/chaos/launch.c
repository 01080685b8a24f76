#include "chaos/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_BYTES = 1 << 18, WORDS_MAX = 4096 };

/* What is kept, each in a file of its own. */
static const char *const parts[] = {"exe", "cwd", "log", "argv", "env"};
enum { EXE, CWD, LOG, ARGV, ENV, PARTS };

static bool write_part(const char *file, int part, const char *bytes, size_t size)
{
    char path[800];
    snprintf(path, sizeof path, "%s.%s", file, parts[part]);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool whole = fd >= 0 && write(fd, bytes, size) == (ssize_t)size;
    if (fd >= 0)
        whole = close(fd) == 0 && whole;
    return whole;
}

/* Reads a part as text with a zero byte behind it. -1 with errno. */
static ssize_t read_part(const char *file, int part, char *out, size_t size)
{
    char path[800];
    snprintf(path, sizeof path, "%s.%s", file, parts[part]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = 0;
    return got;
}

/* Where a link of its /proc folder leads, as text. */
static bool read_link(const chaos_process_t *process, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)process->pid, name);
    ssize_t got = readlink(path, out, size - 1);
    out[got > 0 ? got : 0] = 0;
    return got > 0;
}

static bool write_text(const char *file, int part, const char *text)
{
    return write_part(file, part, text, strlen(text));
}

/* The kernel marks the name of a file that was removed, or replaced by another one. */
static bool save_exe(const chaos_process_t *process, const char *file)
{
    static const char mark[] = " (deleted)";
    char exe[PATH_MAX];
    if (!read_link(process, "exe", exe, sizeof exe))
        return false;
    size_t size = strlen(exe), mark_size = strlen(mark);
    if (size > mark_size && strcmp(exe + size - mark_size, mark) == 0)
        exe[size - mark_size] = 0;
    return access(exe, X_OK) == 0 && write_text(file, EXE, exe);
}

static bool save_cwd(const chaos_process_t *process, const char *file)
{
    char cwd[PATH_MAX];
    return read_link(process, "cwd", cwd, sizeof cwd) && write_text(file, CWD, cwd);
}

static bool save_log(const chaos_process_t *process, const char *file, const char *logs)
{
    char log[PATH_MAX];
    struct stat info;
    if (!read_link(process, "fd/2", log, sizeof log) || stat(log, &info) != 0 ||
        !S_ISREG(info.st_mode))
        snprintf(log, sizeof log, "%s/supervisor.log", logs);
    return write_text(file, LOG, log);
}

static bool save_words(const chaos_process_t *process, const char *name, const char *file, int part)
{
    static char bytes[WORDS_BYTES];
    ssize_t size = chaos_process_read(process, name, bytes, sizeof bytes - 1);
    if (size == sizeof bytes - 1) { /* there is more, and without it it would be another one */
        errno = E2BIG;
        return false;
    }
    return size >= 0 && write_part(file, part, bytes, (size_t)size);
}

bool chaos_launch_save(const chaos_process_t *process, const char *file, const char *logs)
{
    if (save_exe(process, file) && save_cwd(process, file) && save_log(process, file, logs) &&
        save_words(process, "cmdline", file, ARGV) && save_words(process, "environ", file, ENV))
        return true;
    int error = errno;
    chaos_launch_forget(file);
    errno = error;
    return false;
}

void chaos_launch_forget(const char *file)
{
    for (int part = 0; part < PARTS; part++) {
        char path[800];
        snprintf(path, sizeof path, "%s.%s", file, parts[part]);
        unlink(path);
    }
}

/* Words that end with a zero byte each, as a list that ends with NULL. */
static void list_words(char *bytes, ssize_t size, char **list)
{
    size_t count = 0;
    for (char *at = bytes; at < bytes + size && count + 1 < WORDS_MAX; at += strlen(at) + 1)
        list[count++] = at;
    list[count] = NULL;
}

static _Noreturn void become(const char *exe, const char *cwd, int log, char **argv, char **env)
{
    sigset_t none;
    setsid();
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(log >= 0 ? log : null, STDOUT_FILENO);
    dup2(log >= 0 ? log : null, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    if (chdir(cwd) != 0 && chdir("/") != 0)
        _exit(1);
    execve(exe, argv, env);
    _exit(127);
}

int chaos_launch_again(const char *file)
{
    static char exe[PATH_MAX], cwd[PATH_MAX], log[PATH_MAX];
    static char arguments[WORDS_BYTES], environment[WORDS_BYTES];
    static char *argv[WORDS_MAX], *env[WORDS_MAX];
    ssize_t argv_size = read_part(file, ARGV, arguments, sizeof arguments);
    ssize_t env_size = read_part(file, ENV, environment, sizeof environment);
    if (argv_size <= 0 || env_size < 0 || read_part(file, EXE, exe, sizeof exe) <= 0 ||
        read_part(file, CWD, cwd, sizeof cwd) <= 0 || read_part(file, LOG, log, sizeof log) <= 0)
        return errno != 0 ? errno : EIO;
    list_words(arguments, argv_size, argv);
    list_words(environment, env_size, env);
    if (access(exe, X_OK) != 0)
        return errno;
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* A child of init in the end: nobody has to see it die. */
    pid_t pid = fork();
    if (pid == 0) {
        pid_t leader = fork();
        if (leader == 0)
            become(exe, cwd, log_fd, argv, env);
        _exit(leader > 0 ? 0 : 1);
    }
    int error = pid < 0 ? errno : 0, state = 0;
    if (log_fd >= 0)
        close(log_fd);
    if (pid > 0 && waitpid(pid, &state, 0) == pid && state != 0)
        error = EAGAIN;
    return error;
}
