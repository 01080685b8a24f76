/* intake.h: from COMMITS frames, whichever stream brought them, to events at the one position.
 *
 * 1. The position is behind everything that was handed on. What a frame holds before it is counted
 *    and left out; so each event is handed on once, however often it came.
 * 2. Each event is handed on after its CRC was checked, with the position behind it.
 * 3. A place is told by its chain, too: of two histories of a store, one before it went back in time
 *    and one after, a reader takes the one that it has begun. A chain of 0 is not known.
 * 4. A handler may begin or end a stream from inside a callback: it raises `life`, and the frame at
 *    hand is left.
 */
#ifndef VD_STREAM_INTAKE_H
#define VD_STREAM_INTAKE_H

#include "stream/stream.h"

typedef struct vd_tally {
    uint64_t items; /* events */
    uint64_t bytes; /* of them */
} vd_tally_t;

typedef struct vd_intake {
    const vd_subscriber_handler_t *handler;
    void *arg;
    bool known; /* position is one */
    vd_position_t position;
    uint64_t life;
    vd_tally_t handed; /* in this life of the process */
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];
} vd_intake_t;

/* Below, equal to or above 0 as the place (index, offset) is before, at or behind the position. */
int vd_place_compare(uint64_t index, uint64_t offset, const vd_position_t *position);
/* Takes the payload of a COMMITS frame that leads on from the position or from before it, to where
 * the frame says. `received` counts every event in it, each before it is handed on. VD_OK;
 * VD_CANCELLED: the handler went elsewhere; or what is wrong with the frame: what came before that
 * was handed on. */
vd_status_t vd_intake_take(vd_intake_t *self, vd_now_t now, const vd_commits_body_t *commits,
                           vd_bytes_t payload, vd_tally_t *received, vd_effects_t *effects);
/* Is what a frame leads on from the history of the position? `after_chain` is the chain of the place
 * that it leads on from; 0: not known. VD_OK, also when there is nothing in it behind the position;
 * VD_WENT_BACK: it is another history, the store went back in time; VD_NOT_FOUND: the frame does not
 * tell, because the position is inside of it and the commit there is left out. */
vd_status_t vd_intake_check(vd_intake_t *self, const vd_commits_body_t *commits,
                            uint32_t after_chain, vd_bytes_t payload);
/* Counts the bytes of the events in a payload. VD_OK or VD_MALFORMED. */
vd_status_t vd_intake_count(vd_intake_t *self, vd_bytes_t payload, vd_tally_t *tally);

#endif
