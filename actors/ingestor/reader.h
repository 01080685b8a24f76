/* reader.h: the thread that reads: its own loop and shell with the core of reading.h on the port
 * "read".
 *
 * 1. Made and bound on the caller's thread, so that a taken endpoint is told at start; then the
 *    thread has the sockets for itself until it has ended.
 */
#ifndef VD_READER_H
#define VD_READER_H

#include "kit/actor.h"
#include "store/store.h"

typedef struct vd_reader vd_reader_t;

/* Makes the shell, binds, and adds it to the actor. NULL with the error logged and in *status. */
vd_reader_t *vd_reader_new(vd_actor_t *actor, vd_store_t *store, vd_status_t *status);
/* The eventfd to write to when the store has grown. */
int vd_reader_grown_fd(const vd_reader_t *self);
/* Starts the thread. False when the system has no more. */
bool vd_reader_start(vd_reader_t *self);
/* Ends the thread and closes the sockets. */
void vd_reader_destroy(vd_reader_t **self);

#endif
