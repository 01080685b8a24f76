/* exec_child.c: the guard of a command, and the command. */
#include "kit/exec_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL      "/bin/sh"
#define FILES_SOFT 1024
#define STATE_FD   3
#define HIGH_FD    16 /* where the ends stand before they are put to 0 to 3 */

/* All that the guard and the command need, made before the fork: behind it nothing may be
 * allocated. */
typedef struct vd_exec_plan {
    char *arguments[VD_EXEC_ARGUMENTS_MAX + 5];
    char **environment;
    pid_t starter;
    int out, errors, state; /* ends to write to */
} vd_exec_plan_t;

/* ---- behind the fork: functions that are safe in a signal handler, and no others ---- */

static void reset_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &plain, NULL);
}

static void reset_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > FILES_SOFT) {
        files.rlim_cur = FILES_SOFT;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void close_from(unsigned first)
{
    if (syscall(SYS_close_range, first, ~0U, 0U) == 0)
        return;
    struct rlimit files;
    rlim_t count = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : FILES_SOFT;
    for (unsigned fd = first; fd < count; fd++)
        close((int)fd);
}

static _Noreturn void be_command(const vd_exec_plan_t *plan, pid_t guard)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard)
        _exit(127);
    close(STATE_FD);
    reset_files();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(SHELL, plan->arguments, plan->environment);
    _exit(127);
}

static _Noreturn void end_group(void)
{
    kill(-getpid(), SIGKILL);
    _exit(127);
}

static _Noreturn void be_guard(const vd_exec_plan_t *plan)
{
    setpgid(0, 0);
    reset_signals();
    prctl(PR_SET_NAME, "vedette-guard");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int null = open("/dev/null", O_RDWR);
    if (getppid() != plan->starter || null < 0 || dup2(null, 0) < 0 || dup2(plan->out, 1) < 0 ||
        dup2(plan->errors, 2) < 0 || dup2(plan->state, STATE_FD) < 0)
        _exit(127);
    close_from(STATE_FD + 1);
    pid_t self = getpid(), command = _Fork();
    if (command == 0)
        be_command(plan, self);
    if (command < 0)
        end_group();
    close(0);
    close(1);
    close(2);
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    int state = 0;
    for (;;) {
        int number = sigwaitinfo(&awaited, NULL);
        if (number == SIGTERM)
            end_group();
        if (number == SIGCHLD && waitpid(command, &state, WNOHANG) == command)
            break;
    }
    /* Into a pipe that is empty: it fits. */
    if (write(STATE_FD, &state, sizeof state) != (ssize_t)sizeof state)
        end_group();
    end_group();
}

/* ---- before the fork ---- */

static char **make_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    char **environment = calloc(count + 1, sizeof *environment);
    if (environment == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "VEDETTE_", 8) != 0)
            environment[kept++] = environ[i];
    return environment;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe whose writing end stands above the numbers that the guard fills. */
static bool make_pipe(int *from, int *to)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *from = ends[0];
    *to = fcntl(ends[1], F_DUPFD_CLOEXEC, HIGH_FD);
    close(ends[1]);
    return *to >= 0 && fcntl(*from, F_SETFL, O_NONBLOCK) == 0;
}

static void close_child(vd_exec_child_t *child)
{
    close_fd(&child->out);
    close_fd(&child->errors);
    close_fd(&child->state);
    close_fd(&child->pidfd);
}

static bool fork_guard(const vd_exec_plan_t *plan, vd_exec_child_t *child)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = _Fork();
    if (pid == 0)
        be_guard(plan);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        errno = error;
        return false;
    }
    setpgid(pid, pid); /* whoever comes first */
    child->guard = pid;
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (child->pidfd >= 0)
        return true;
    error = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    errno = error;
    return false;
}

bool vd_exec_start(const char *command, const char *const *arguments, size_t count,
                   vd_exec_child_t *child)
{
    assert(command != NULL && count <= VD_EXEC_ARGUMENTS_MAX && child != NULL);
    char shell[] = "sh", option[] = "-c";
    vd_exec_plan_t plan = {
        .arguments = {shell, option, (char *)command, shell},
        .environment = make_environment(),
        .starter = getpid(),
        .out = -1,
        .errors = -1,
        .state = -1,
    };
    for (size_t at = 0; at < count; at++)
        plan.arguments[4 + at] = (char *)arguments[at];
    *child = (vd_exec_child_t){.pidfd = -1, .out = -1, .errors = -1, .state = -1};
    bool good = plan.environment != NULL && make_pipe(&child->out, &plan.out) &&
                make_pipe(&child->errors, &plan.errors) && make_pipe(&child->state, &plan.state) &&
                fork_guard(&plan, child);
    int error = errno;
    close_fd(&plan.out);
    close_fd(&plan.errors);
    close_fd(&plan.state);
    free(plan.environment);
    if (!good)
        close_child(child);
    errno = error;
    return good;
}

void vd_exec_kill(const vd_exec_child_t *child)
{
    assert(child != NULL && child->guard > 0);
    kill(-child->guard, SIGKILL);
}

bool vd_exec_reap(vd_exec_child_t *child, int wait_ms, vd_exec_end_t *end)
{
    assert(child != NULL && child->guard > 0 && end != NULL);
    struct pollfd item = {.fd = child->pidfd, .events = POLLIN};
    if (poll(&item, 1, wait_ms) != 1)
        return false;
    /* The guard may have been killed alone; until it is reaped, its group cannot be another's. */
    vd_exec_kill(child);
    int state = 0, told = 0;
    pid_t pid = waitpid(child->guard, &state, 0);
    assert(pid == child->guard);
    if (read(child->state, &told, sizeof told) == (ssize_t)sizeof told)
        state = told;
    *end = (vd_exec_end_t){.exit = WIFEXITED(state) ? WEXITSTATUS(state) : -1,
                           .signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0};
    close_child(child);
    child->guard = 0;
    return true;
}
