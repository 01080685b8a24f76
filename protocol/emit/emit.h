/* emit.h: the producer's end of an emit conversation as a pure core.
 *
 * 1. Events are numbered from mark + 1. A frame is the atomic unit: it is committed whole, rejected
 *    whole, or sent again whole with the same numbers and the same bytes.
 * 2. At most `window` events are out unanswered; frames beyond wait. vd_emit_offer refuses what
 *    does not fit (VD_EMIT_FRAMES_MAX frames, `bytes_max` bytes) with VD_OVERLOADED and takes
 *    nothing.
 * 3. After any silence, reconnect or NOT_NOW the core sends the same numbers again; the ingestor
 *    says which are stored. Reconnecting keeps the epoch: OPEN takes the name once, and is sent
 *    until it is answered. When there is nothing else to say, OPEN with the epoch is the sign of
 *    life (EMIT_BEAT_MS). After 3 s without an answer to anything it takes a new connection.
 * 4. Every frame ends in exactly one outcome: committed (with session, sequence of the last event
 *    and position where it is known) or rejected. Outcomes come in order of numbers. A COMMITTED
 *    names the rejected numbers that it covers, so no lost REJECTED makes a rejected frame look
 *    stored.
 * 5. Fenced is final: a newer producer of this name exists; nothing more is sent. Frames without
 *    outcome then end as VD_FENCED: whether they are stored is not known here.
 * 6. Numbers are given anew only under a new epoch: when the ingestor's store has lost what it had
 *    answered (NOT_NOW went_back) or a frame was refused without consuming its numbers, the core
 *    takes its name again.
 * 7. Allocates in vd_emit_new only. Any call may fill effects; what does not fit follows from the
 *    timer.
 * 8. A frame may have a record: the caller's own id, which its session takes once, from whomever
 *    and in whichever life. The frame that comes second ends as VD_EXISTS.
 */
#ifndef VD_EMIT_H
#define VD_EMIT_H

#include "core/core.h"
#include "wire/commit.h"

#define VD_EMIT_FRAMES_MAX 1024 /* frames out or waiting */

typedef struct vd_outcome {
    uint64_t token; /* what the frame was offered with */
    uint64_t first; /* number of its first event; 0: never had one */
    uint32_t count;
    vd_status_t status; /* VD_OK: on disk; else why it was rejected */
    char text[VD_TEXT_BYTES_MAX + 1];
    /* Of the COMMITTED answer that covered the frame. position.index >= the frame's own commit. */
    vd_position_t position;
    char session[VD_NAME_BYTES_MAX + 1]; /* of the event with number mark; empty if unknown */
    uint64_t mark; /* == first + count - 1: `seq` is the last event's of this frame */
    /* With VD_EXISTS: that of the first event that `session` has under the frame's record. */
    uint64_t seq;
} vd_outcome_t;

typedef void vd_outcome_fn(void *arg, vd_now_t now, const vd_outcome_t *outcome,
                           vd_effects_t *effects);

typedef enum vd_emit_state {
    VD_EMIT_CLOSED = 1, /* before vd_emit_open */
    VD_EMIT_OPENING,    /* OPEN is out */
    VD_EMIT_READY,
    VD_EMIT_WAITING, /* NOT_NOW: holds back until a moment */
    VD_EMIT_FENCED,  /* final */
} vd_emit_state_t;

typedef struct vd_emit vd_emit_t;

/* Makes the core for producer `producer` on connecting port `port`, peer `peer`, with its timer id.
 * `life` is random and fresh for each life of the process (vd_actor_inc). Frames are kept in a ring
 * of `bytes_max` bytes (at least 2 x EMIT_BYTES_MAX to take the largest). `outcome` may offer, and
 * nothing else. NULL without memory. */
vd_emit_t *vd_emit_new(const char *producer, uint64_t life, uint16_t port, const vd_peer_t *peer,
                       uint32_t timer, uint32_t bytes_max, vd_outcome_fn *outcome, void *arg);
void vd_emit_destroy(vd_emit_t **self);
/* Connects to the ingestor and sends OPEN. Again with another endpoint: moves there and sends again
 * what is out. */
void vd_emit_open(vd_emit_t *self, vd_now_t now, const char *endpoint, vd_effects_t *effects);
/* Takes a frame of `count` events (a run, see wire/run.h) for `session`, with a record (a valid
 * name; empty: none); sends it when the window allows. VD_OK; VD_OVERLOADED (nothing taken, offer
 * again after an outcome); VD_FENCED; VD_TOO_LARGE. Before OPENED frames are taken and wait. */
vd_status_t vd_emit_offer_record(vd_emit_t *self, vd_now_t now, vd_str_t session, vd_str_t record,
                                 vd_bytes_t run, uint32_t count, uint64_t token,
                                 vd_effects_t *effects);
/* The same for a frame without a record. */
static inline vd_status_t vd_emit_offer(vd_emit_t *self, vd_now_t now, vd_str_t session,
                                        vd_bytes_t run, uint32_t count, uint64_t token,
                                        vd_effects_t *effects)
{
    return vd_emit_offer_record(self, now, session, vd_bytes(NULL, 0), run, count, token, effects);
}
/* Takes an input. Returns whether it was for this core. */
bool vd_emit_step(vd_emit_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);
vd_emit_state_t vd_emit_state(const vd_emit_t *self);
/* Why the store cannot write, as the ingestor said last; empty: it can, as far as is known. */
const char *vd_emit_trouble(const vd_emit_t *self);
/* Events taken and without outcome. */
uint64_t vd_emit_pending(const vd_emit_t *self);
uint64_t vd_emit_epoch(const vd_emit_t *self);

#endif
