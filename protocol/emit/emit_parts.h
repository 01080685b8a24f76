/* emit_parts.h: what the files of the producer's end share. */
#ifndef VD_EMIT_PARTS_H
#define VD_EMIT_PARTS_H

#include "emit/emit.h"
#include "emit/frames.h"

#define VD_EMIT_RETRY_MIN_US  50000 /* an ingestor that was killed is back in twice that */
#define VD_EMIT_TROUBLE_BYTES 512

struct vd_emit {
    char producer[VD_NAME_BYTES_MAX + 1];
    uint16_t port;
    uint32_t timer;
    vd_peer_t peer;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_outcome_fn *outcome;
    void *arg;
    vd_emit_state_t state;
    uint64_t seed; /* of lives, correlations and the jitter of retries */
    uint64_t life;
    uint64_t opening; /* correlation of OPEN */
    uint64_t epoch;
    uint64_t window;
    uint64_t next;     /* number for the next frame that gets one */
    uint64_t answered; /* every number up to this one has its outcome */
    vd_frames_t frames;
    uint64_t pending;    /* events in frames */
    uint32_t sent;       /* frames from the oldest on that are out */
    uint64_t sent_count; /* events in these */
    bool settling;       /* inside a call of `outcome` */
    bool more;           /* effects were full: go on at once */
    int64_t retry_us;
    int64_t silent_us; /* when silence is long enough to send again; 0: nothing is out */
    int64_t asked_us;  /* when the first was sent of all that no word has come after; 0: nothing */
    int64_t wait_us;   /* WAITING: until then */
    int64_t beat_us;   /* when a sign of life is due */
    int64_t timer_us;  /* what the timer is set to; 0: not set */
    int64_t back_us;   /* when NOT_NOW last made it go back; 0: not yet */
    /* Frames that may be out: one after silence; with each answer twice as many up to `burst_fast`,
     * then one more. Frames that arrive out of order halve both. */
    uint32_t burst, burst_fast;
    char trouble
        [VD_EMIT_TROUBLE_BYTES]; /* of the last NOT_NOW store_trouble; empty when it is over */
};

/* ---- emit.c ---- */

bool vd_emit_is_open(const vd_emit_t *self);
int64_t vd_emit_jittered(vd_emit_t *self, int64_t us);
/* Numbers can be given anew only under a new epoch, else a frame that is still on its way under its
 * old number could be stored beside itself. */
void vd_emit_open_anew(vd_emit_t *self, vd_now_t now, vd_effects_t *effects);
/* Sends what the window and the effects allow. */
void vd_emit_pump(vd_emit_t *self, vd_now_t now, vd_effects_t *effects);
/* Everything from `place` on is to be sent again. */
void vd_emit_go_back(vd_emit_t *self, uint32_t place);
/* Ends the oldest frame. */
void vd_emit_end_frame(vd_emit_t *self, vd_now_t now, vd_outcome_t *outcome, vd_effects_t *effects);
/* Ends frames in order: those that were rejected, and the others up to `mark`. */
void vd_emit_settle(vd_emit_t *self, vd_now_t now, uint64_t mark, const vd_outcome_t *covered,
                    vd_effects_t *effects);

/* ---- answers.c ---- */

void vd_emit_take(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                  vd_effects_t *effects);

#endif
