/* reader.h: the thread that reads: its own loop and shell with the core of reading.h on the ports
 * "read" and "streams".
 *
 * 1. Made and bound on the caller's thread, so that a taken endpoint is told at start; then the
 *    thread has the sockets for itself until it has ended.
 * 2. While the store is closed, STORE is answered with why, SUBSCRIBERS with nobody, and everything
 *    else with store_trouble.
 * 3. What is visible is told by the thread that shows it, one wake-up for each commit, and only while
 *    somebody has a stream; only then are commits held in memory for live streams.
 */
#ifndef VD_READER_H
#define VD_READER_H

#include "handover.h"
#include "kit/actor.h"
#include "mode.h"
#include "notices.h"
#include "report.h"

typedef struct vd_reader vd_reader_t;

typedef struct vd_reader_spec {
    vd_actor_t *actor;
    const char *dir;       /* of the store */
    const vd_mode_t *mode; /* as it is open */
    vd_report_view_t view; /* what the writing side tells */
    vd_notices_t *notices; /* told of what subscribers go through; outlives the reader */
    size_t recent_bytes;   /* of commits in memory */
    vd_publisher_knobs_t knobs;
} vd_reader_spec_t;

/* Makes the shell, binds, and adds it to the actor. NULL with the error logged and in *status. */
vd_reader_t *vd_reader_new(const vd_reader_spec_t *spec, vd_status_t *status);
/* The store that was closed is open now. Once, from another thread. False without memory. */
bool vd_reader_open(vd_reader_t *self, vd_store_t *store);
/* Where positions and states go that have to be written; it lives as long as the reader, and is closed. */
vd_handover_t *vd_reader_handover(vd_reader_t *self);
/* A commit is visible: wakes the thread, if it has anybody to tell. By the thread that shows
 * commits, as the next one. */
void vd_reader_show(vd_reader_t *self, const char *store, const vd_commit_t *commit);
/* What can be read has changed otherwise, and ends at `tail`. By that thread, too. */
void vd_reader_tell_changed(vd_reader_t *self, const vd_store_tail_t *tail);
/* Starts the thread. False when the system has no more. */
bool vd_reader_start(vd_reader_t *self);
/* Ends the thread and closes the sockets. */
void vd_reader_destroy(vd_reader_t **self);

#endif
