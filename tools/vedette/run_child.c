/* run_child.c: starts the command, passes signals on to it, notices its end. */
#include "run_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

int run_free_descriptor(void)
{
    int fd = RUN_EVENTS_FD_MIN;
    while (fd < RUN_EVENTS_FD_MAX && (fcntl(fd, F_GETFD) >= 0 || errno != EBADF))
        fd++;
    return fd;
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

/* Three pipes, and a fourth that tells why the command could not be executed. */
static bool make_pipes(int pipes[4][2], int events_fd)
{
    for (int i = 0; i < 4; i++)
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            return false;
    for (int i = 0; i < 3; i++)
        if (fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) != 0)
            return false;
    int far =
        fcntl(pipes[3][1], F_DUPFD_CLOEXEC, events_fd + 1); /* it must outlive dup2 to there */
    if (far < 0)
        return false;
    close(pipes[3][1]);
    pipes[3][1] = far;
    return true;
}

/* In the child: nothing but system calls. */
static void execute(char *const argv[], int pipes[4][2], int events_fd, const sigset_t *mask)
{
    int at = pipes[2][1];
    bool placed = dup2(pipes[0][1], STDOUT_FILENO) >= 0 && dup2(pipes[1][1], STDERR_FILENO) >= 0;
    if (at == events_fd)
        placed = placed && fcntl(at, F_SETFD, 0) == 0;
    else
        placed = placed && dup2(at, events_fd) >= 0;
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (placed)
        execvp(argv[0], argv);
    int error = errno;
    ssize_t written = write(pipes[3][1], &error, sizeof error);
    _exit(written == sizeof error ? 127 : 126);
}

/* Waits for exec: 0, or its errno. */
static int read_exec_error(int fd)
{
    int error = 0;
    ssize_t size;
    do
        size = read(fd, &error, sizeof error);
    while (size < 0 && errno == EINTR);
    return size == sizeof error ? error : 0;
}

bool run_child_start(run_child_t *self, char *const argv[], int events_fd)
{
    assert(argv[0] != NULL && events_fd >= RUN_EVENTS_FD_MIN && events_fd <= RUN_EVENTS_FD_MAX);
    int pipes[4][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    sigset_t taken, before;
    *self = (run_child_t){.pid = -1, .signals = -1, .out = -1, .err = -1, .events = -1};
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaddset(&taken, forwarded[i]);
    sigprocmask(SIG_BLOCK, &taken, &before);
    signal(SIGCHLD, SIG_DFL); /* whoever started us may have ignored it; then nobody is told */
    self->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signals >= 0 && make_pipes(pipes, events_fd))
        self->pid = fork();
    if (self->pid < 0) {
        int error = errno;
        for (int i = 0; i < 4; i++)
            close_pair(pipes[i]);
        errno = error;
        return false;
    }
    if (self->pid == 0)
        execute(argv, pipes, events_fd, &before);
    for (int i = 0; i < 4; i++) {
        close(pipes[i][1]);
        pipes[i][1] = -1;
    }
    self->out = pipes[0][0];
    self->err = pipes[1][0];
    self->events = pipes[2][0];
    self->exec_error = read_exec_error(pipes[3][0]);
    close(pipes[3][0]);
    return true;
}

void run_child_free(run_child_t *self)
{
    int *const fds[] = {&self->signals, &self->out, &self->err, &self->events};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static void notice_end(run_child_t *self)
{
    if (!self->ended && waitpid(self->pid, &self->state, WNOHANG) == self->pid)
        self->ended = true;
}

int run_child_signal(run_child_t *self)
{
    struct signalfd_siginfo info;
    int late = 0;
    while (read(self->signals, &info, sizeof info) == sizeof info) {
        int number = (int)info.ssi_signo;
        bool from_terminal = info.ssi_code == SI_KERNEL;
        if (number == SIGCHLD)
            continue;
        if (self->ended)
            late = number;
        else if (!from_terminal)
            kill(self->pid, number);
    }
    /* Last: what came before its end is no wish to end us. */
    notice_end(self);
    return late;
}

int run_child_exit_code(const run_child_t *self)
{
    assert(self->ended);
    if (self->exec_error != 0)
        return self->exec_error == ENOENT ? 127 : 126;
    return WIFSIGNALED(self->state) ? 128 + WTERMSIG(self->state) : WEXITSTATUS(self->state);
}
