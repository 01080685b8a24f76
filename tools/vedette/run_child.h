/* run_child.h: the command of `vedette run` as a process.
 *
 * 1. It is in our process group: the terminal's signals reach both, job control works on both, and
 *    it is in the foreground when we are. It inherits stdin and every descriptor that we were given.
 * 2. From run_child_start on, signals come as numbers from run_child_signal, and never end us.
 * 3. A signal from the terminal has reached the command already; one that somebody sent to us is
 *    passed on.
 */
#ifndef VD_RUN_CHILD_H
#define VD_RUN_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

enum {
    RUN_EVENTS_FD_MIN = 3,
    RUN_EVENTS_FD_MAX = 255,
};

typedef struct run_child {
    pid_t pid;
    int signals;          /* readable when there is one */
    int out, err, events; /* our ends of its pipes; whoever takes one sets it to -1 */
    bool ended;
    int state;      /* as of waitpid */
    int exec_error; /* errno when the command could not be executed */
} run_child_t;

/* The lowest descriptor from 3 on that is free in this process. */
int run_free_descriptor(void);
/* Starts argv[0] with the write end of the pipe for events at descriptor `events_fd`. False, with
 * the error in errno, when there is no process; a command that cannot be executed is one that has
 * ended, with `exec_error`. */
bool run_child_start(run_child_t *self, char *const argv[], int events_fd);
void run_child_free(run_child_t *self);
/* Takes what has come: notices the end of the command, passes signals on while it lives. Returns
 * the number of a signal that should end us: one that came after the command had ended, 0: none. */
int run_child_signal(run_child_t *self);
/* The exit code of `vedette run`. */
int run_child_exit_code(const run_child_t *self);

#endif
