/* runtime_lock.h: the lock of a runtime directory, held by the supervisor and all its actors.
 *
 * 1. It is held by the open file, which the actors inherit: it ends with the last of them.
 * 2. Who finds it held waits: the actors of a killed supervisor die within moments.
 */
#ifndef VD_RUNTIME_LOCK_H
#define VD_RUNTIME_LOCK_H

#include "wire/status.h"

#include <stddef.h>
#include <stdint.h>

/* Takes <run>/runtime.lock, waiting up to `wait_ms`. VD_OK and the descriptor (closed by exec);
 * VD_BUSY or VD_IO with text in `error`. */
vd_status_t vd_runtime_lock_take(const char *run, int64_t wait_ms, int *fd, char *error,
                                 size_t error_size);

#endif
