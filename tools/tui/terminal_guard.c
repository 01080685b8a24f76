/* terminal_guard.c: a process that stays behind the one that draws, to restore the terminal whatever
 * becomes of that one. */
#include "tui/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t child_pid;

static void pass_on(int number)
{
    if (child_pid > 0)
        kill((pid_t)child_pid, number);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT};
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* a job in the background may set the terminal, too */
}

static void leave_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTTOU};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_DFL);
}

/* The child could not do it: out of the other screen, colours off, the cursor back. */
static void restore(const struct termios *before)
{
    static const char text[] = "\033[?1049l\033[0m\033[?25h\033[?1l\033>\033[?2004l\r";
    tcsetattr(STDIN_FILENO, TCSADRAIN, before);
    ssize_t written = write(STDOUT_FILENO, text, sizeof text - 1);
    (void)written;
}

/* Until the child has ended; stops whenever it has stopped. */
static int await_end(pid_t pid)
{
    int state = 0;
    for (;;) {
        pid_t ended = waitpid(pid, &state, WUNTRACED);
        if (ended < 0 && errno == EINTR)
            continue;
        if (ended != pid)
            return -1;
        if (!WIFSTOPPED(state))
            return state;
        raise(SIGSTOP); /* the shell takes over; SIGCONT is for both of us */
        kill(pid, SIGCONT);
    }
}

int tui_guard(int (*work)(void *context), void *context)
{
    struct termios before;
    bool known = tcgetattr(STDIN_FILENO, &before) == 0;
    pid_t self = getpid();
    sigset_t passed, old;
    sigemptyset(&passed);
    sigaddset(&passed, SIGTERM);
    sigaddset(&passed, SIGHUP);
    sigaddset(&passed, SIGINT);
    sigprocmask(SIG_BLOCK, &passed, &old); /* until it is known whom to pass them to */
    catch_signals();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        leave_signals();
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        sigprocmask(SIG_SETMASK, &old, NULL);
        int code = getppid() == self ? work(context) : 1;
        fflush(stdout);
        _exit(code);
    }
    child_pid = pid;
    sigprocmask(SIG_SETMASK, &old, NULL);
    int state = pid > 0 ? await_end(pid) : -1;
    child_pid = 0;
    if (state >= 0 && WIFEXITED(state))
        return WEXITSTATUS(state);
    if (known)
        restore(&before);
    int number = state >= 0 && WIFSIGNALED(state) ? WTERMSIG(state) : 0;
    if (number > 0)
        fprintf(stderr, "vedette: the screen was ended by signal %d (%s)\n", number,
                strsignal(number));
    else
        fprintf(stderr, "vedette: the screen could not be started: %s\n", strerror(errno));
    return number > 0 ? 128 + number : 1;
}
