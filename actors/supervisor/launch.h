/* launch.h: makes one child process.
 *
 * 1. Between fork and exec only what is safe after fork in a process with threads is called.
 * 2. When exec fails, the child writes VD_LAUNCH_FAILED and the errno as a line into the notify
 *    pipe and exits with 127.
 */
#ifndef VD_SUPERVISOR_LAUNCH_H
#define VD_SUPERVISOR_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#define VD_LAUNCH_FAILED "exec "

typedef struct vd_launch {
    const char *path; /* of the executable */
    const char *name; /* of the actor */
    const char *dir;  /* empty: not passed on, as the next two */
    const char *config;
    const char *session;
    int notify_fd; /* its number in the child is in VEDETTE_NOTIFY_FD */
    int lock_fd;   /* likewise in VEDETTE_LOCK_FD; -1: none */
    bool first;    /* nothing of this runtime ran before: VEDETTE_FIRST=1 */
    int output_fd; /* standard output and error; -1: those of the supervisor */
} vd_launch_t;

/* Forks and executes. The process id, or -1 with errno. */
pid_t vd_launch(const vd_launch_t *launch);

#endif
