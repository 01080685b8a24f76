/* lock.h: one process for each name: a lock file in the run directory.
 *
 * 1. The lock is held by the open file, so it ends with the process, however it ends. Children do
 *    not inherit it.
 * 2. The file holds the pid of its holder, for people; it is never removed (that would let two hold
 *    "the" lock).
 */
#ifndef VD_LOCK_H
#define VD_LOCK_H

#include "wire/status.h"

/* Takes the lock `path`. VD_OK and the descriptor; VD_BUSY when another process holds it; else why
 * it cannot be taken. `error` then names the file, the holder's pid and the remedy. `who` is what
 * the lock stands for. */
vd_status_t vd_lock_take(const char *path, const char *who, int *fd, char *error,
                         size_t error_size);
/* Gives the lock back; -1 is ignored. */
void vd_lock_release(int *fd);

#endif
