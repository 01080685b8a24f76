/* lane.h: one stream as its reader sees it: START, credit, signs of life, when to try again.
 *
 * 1. Everything of a stream carries the correlation of its START; a lane that begins anew takes the
 *    next one, and what still comes of the old stream is not its own.
 * 2. What was granted never shrinks. It is what has come of the stream since START and the window,
 *    less what still waits: so that never more than the window is out.
 * 3. A lane is tried again at once three times, then after 100 ms to 10 s, doubling, with jitter; data
 *    or a sign of life begins the count anew.
 */
#ifndef VD_STREAM_LANE_H
#define VD_STREAM_LANE_H

#include "stream/intake.h"

typedef enum vd_lane_state {
    VD_LANE_IDLE = 0,
    VD_LANE_STARTING, /* START is out */
    VD_LANE_RUNNING,
    VD_LANE_WAITING, /* for the moment to START again */
} vd_lane_state_t;

typedef struct vd_lane {
    bool live;
    vd_lane_state_t state;
    uint64_t correlation;
    vd_position_t begin;       /* where STARTED said that it begins */
    vd_position_t reach;       /* what has come of it leads up to here, in its history */
    vd_tally_t received;       /* since START */
    vd_tally_t granted;        /* since START */
    uint64_t uncredited_bytes; /* of frames without events since credit was granted last */
    uint32_t attempts;         /* STARTs since it last gave a sign of life */
    bool ran;                  /* since START */
    vd_position_t from;        /* the position at START */
    int64_t heard_us;
    int64_t asked_us; /* START or CREDIT sent */
    int64_t due_us;   /* WAITING: when to START; STARTING: when the answer is overdue */
} vd_lane_t;

/* How long to wait before the next try. */
int64_t vd_lane_backoff_us(uint32_t attempts, uint64_t *seed);
/* Makes `message` the START of a new stream behind `position` (store empty: as `wanted` says; `head`:
 * behind the newest commit), with `window` granted; the lane then waits for its answer. The rest of
 * the message is the caller's. */
void vd_lane_begin(vd_lane_t *self, vd_now_t now, uint64_t correlation,
                   const vd_subscription_t *wanted, const vd_position_t *position, bool head,
                   vd_tally_t window, uint64_t *seed, vd_message_t *message);
/* What may be granted in total while `waiting` waits. */
vd_tally_t vd_lane_grant(const vd_lane_t *self, vd_tally_t window, vd_tally_t waiting);
/* Is so much more than was granted that it is worth a CREDIT? Half a window is; so is what comes well
 * before the publisher waits for one (SUBSCRIBER_BYTES_MAX). */
bool vd_lane_is_due(const vd_lane_t *self, vd_tally_t window, vd_tally_t grant);
/* Something of this stream has come. */
void vd_lane_heard(vd_lane_t *self, vd_now_t now);

#endif
