/* exec_child.h: a command as a process group that ends as a whole.
 *
 * 1. A guard leads the group: it starts the command, tells how it ended, and then kills what is
 *    left of the group. It does the same when its starter dies, however that happens. Whoever kills
 *    the guard's group kills everything. A process that leaves the group is on its own.
 * 2. The command gets /dev/null as input, its two outputs as pipes, an environment without
 *    VEDETTE_*, and no other descriptor. It is run by a shell; `$1`, `$2`, ... are the arguments.
 */
#ifndef VD_EXEC_CHILD_H
#define VD_EXEC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { VD_EXEC_ARGUMENTS_MAX = 64 };

typedef struct vd_exec_child {
    pid_t guard;
    int pidfd;              /* becomes readable when the guard has ended */
    int out, errors, state; /* ends to read from; not blocking */
} vd_exec_child_t;

/* How a command has ended. */
typedef struct vd_exec_end {
    int exit;   /* -1: it has not ended by itself */
    int signal; /* 0: none */
} vd_exec_end_t;

/* Starts `command` with `count` arguments, at most EXEC_ARGUMENTS_MAX. The group dies with the thread
 * that started it. False with errno set. */
bool vd_exec_start(const char *command, const char *const *arguments, size_t count,
                   vd_exec_child_t *child);
/* Kills the group. */
void vd_exec_kill(const vd_exec_child_t *child);
/* Takes in the end of a child whose pidfd is readable, or waits for it, at most `wait_ms`. Closes
 * everything. False when it has not ended. */
bool vd_exec_reap(vd_exec_child_t *child, int wait_ms, vd_exec_end_t *end);

#endif
