/* life.h: the life of a process towards the system and its supervisor: signals, descriptors,
 * readiness.
 *
 * 1. SIGTERM, SIGINT and SIGHUP come through a descriptor of the loop; SIGPIPE is ignored.
 * 2. The descriptors that a supervisor hands over (VEDETTE_NOTIFY_FD, VEDETTE_LOCK_FD) are closed
 *    on exec and their variables removed, so that no child of this process has them.
 * 3. VEDETTE_FIRST says that nothing of this runtime ran before this process. It is removed, too.
 * 4. The end of whoever reads the notify pipe is the end of this process: the supervisor is gone.
 */
#ifndef VD_LIFE_H
#define VD_LIFE_H

#include "wire/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct vd_life {
    int signal_fd;
    int notify_fd; /* -1: nobody is told */
    int lock_fd;   /* of the runtime, only kept open; -1: none */
    bool first;    /* nothing of the runtime ran before */
} vd_life_t;

/* Takes over descriptors, blocks signals, raises the limit of open files. Before any thread is
 * started. VD_OK, or VD_USAGE or VD_IO with text in `error`. */
vd_status_t vd_life_begin(vd_life_t *self, char *error, size_t error_size);
void vd_life_end(vd_life_t *self);
/* Writes a word ("ready", "alive") and a newline to the notify pipe. False when its reader is
 * gone. */
bool vd_life_tell(vd_life_t *self, const char *word);
/* Closes the notify pipe: who lives on without its reader has nobody to tell. */
void vd_life_tell_nobody(vd_life_t *self);
/* Reads one signal number; 0 when there is none. */
int vd_life_signal(vd_life_t *self);

#endif
