/* reader.h: the thread that reads: its own loop and shell with the core of reading.h on the port
 * "read".
 *
 * 1. Made and bound on the caller's thread, so that a taken endpoint is told at start; then the
 *    thread has the sockets for itself until it has ended.
 * 2. While the store is closed, STORE is answered with why, and everything else with store_trouble.
 */
#ifndef VD_READER_H
#define VD_READER_H

#include "kit/actor.h"
#include "mode.h"
#include "report.h"

typedef struct vd_reader vd_reader_t;

/* Makes the shell for the store in `dir`, open as `mode` says, with what the writing side tells,
 * binds, and adds it to the actor. NULL with the error logged and in *status. */
vd_reader_t *vd_reader_new(vd_actor_t *actor, const char *dir, const vd_mode_t *mode,
                           const vd_report_view_t *view, vd_status_t *status);
/* The store that was closed is open now. Once, from another thread. False without memory. */
bool vd_reader_open(vd_reader_t *self, vd_store_t *store);
/* The store has grown: wakes the thread, if it has anybody to tell. From any thread. */
void vd_reader_tell_grown(vd_reader_t *self);
/* Starts the thread. False when the system has no more. */
bool vd_reader_start(vd_reader_t *self);
/* Ends the thread and closes the sockets. */
void vd_reader_destroy(vd_reader_t **self);

#endif
