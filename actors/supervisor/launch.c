#include "launch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Where the child finds its two descriptors. */
#define NOTIFY_FD 3
#define LOCK_FD   4

static const char NOTIFY_VARIABLE[] = "VEDETTE_NOTIFY_FD=";
static const char LOCK_VARIABLE[] = "VEDETTE_LOCK_FD=";
static const char FIRST_VARIABLE[] = "VEDETTE_FIRST=";

static bool is_ours(const char *variable)
{
    return strncmp(variable, NOTIFY_VARIABLE, sizeof NOTIFY_VARIABLE - 1) == 0 ||
           strncmp(variable, LOCK_VARIABLE, sizeof LOCK_VARIABLE - 1) == 0 ||
           strncmp(variable, FIRST_VARIABLE, sizeof FIRST_VARIABLE - 1) == 0;
}

/* The environment for the child: ours, with our variables replaced. To be freed. */
static char **make_environment(bool lock, bool first)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **out = calloc(count + 4, sizeof *out);
    if (!out)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_ours(environ[i]))
            out[kept++] = environ[i];
    out[kept++] = "VEDETTE_NOTIFY_FD=3";
    if (lock)
        out[kept++] = "VEDETTE_LOCK_FD=4";
    if (first)
        out[kept++] = "VEDETTE_FIRST=1";
    return out;
}

static void tell_errno(int number)
{
    char line[sizeof VD_LAUNCH_FAILED + 12] = VD_LAUNCH_FAILED;
    char digits[12];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    size_t size = sizeof VD_LAUNCH_FAILED - 1;
    while (count > 0)
        line[size++] = digits[--count];
    line[size++] = '\n';
    ssize_t wrote = write(NOTIFY_FD, line, size);
    (void)wrote; /* without a reader there is nobody left to tell */
}

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Leaves 0 to 4 as the child's only descriptors. */
static void arrange_descriptors(const vd_launch_t *launch)
{
    /* Copies first, above all places, so that none is overwritten before it has moved. */
    int notify_fd = fcntl(launch->notify_fd, F_DUPFD, 10);
    int lock_fd = launch->lock_fd < 0 ? -1 : fcntl(launch->lock_fd, F_DUPFD, 10);
    int output_fd = launch->output_fd < 0 ? -1 : fcntl(launch->output_fd, F_DUPFD, 10);
    int input_fd = open("/dev/null", O_RDONLY);
    (void)dup2(input_fd, STDIN_FILENO);
    if (output_fd >= 0) {
        (void)dup2(output_fd, STDOUT_FILENO);
        (void)dup2(output_fd, STDERR_FILENO);
    }
    (void)dup2(notify_fd, NOTIFY_FD);
    if (lock_fd >= 0)
        (void)dup2(lock_fd, LOCK_FD);
    (void)close_range(lock_fd >= 0 ? LOCK_FD + 1 : NOTIFY_FD + 1, ~0U, 0);
}

static _Noreturn void become(const vd_launch_t *launch, pid_t supervisor, char **arguments,
                             char **environment)
{
    /* The signal is lost when the supervisor died before it was asked for. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != supervisor)
        _exit(1);
    (void)setpgid(0, 0);
    reset_signals();
    arrange_descriptors(launch);
    (void)execve(launch->path, arguments, environment);
    tell_errno(errno);
    _exit(127);
}

pid_t vd_launch(const vd_launch_t *launch)
{
    assert(launch && launch->path && launch->name && launch->name[0] != '\0');
    assert(launch->notify_fd >= 0);
    const char *arguments[10] = {launch->path, "--name", launch->name};
    size_t count = 3;
    const char *const options[][2] = {
        {"--dir", launch->dir}, {"--config", launch->config}, {"--session", launch->session}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i][1] && options[i][1][0] != '\0') {
            arguments[count++] = options[i][0];
            arguments[count++] = options[i][1];
        }
    char **environment = make_environment(launch->lock_fd >= 0, launch->first);
    if (!environment) {
        errno = ENOMEM;
        return -1;
    }
    pid_t supervisor = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(launch, supervisor, (char **)arguments, environment);
    int number = errno;
    free(environment);
    errno = number;
    return pid;
}
