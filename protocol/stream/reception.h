/* reception.h: the reading end of both streams as a pure core: live and commit stream, joined under
 * the machine of modes (stream/modes.h).
 *
 * 1. Each event is handed on once, in order, with the position behind it, whatever the streams
 *    brought twice, lost or brought early. The handler is that of a subscriber (stream/stream.h).
 * 2. Live is stopped before commits start. In OVERLAP the live stream begins behind the newest
 *    commit, and what it brings is held back until the commit stream has come up to it. The commit
 *    stream is stopped when that is so.
 * 3. In PAUSED no events are taken, but a commit stream without credit goes on: it tells of the head,
 *    and what an operator wishes can be heard. While an operator holds the subscriber, its streams
 *    stay as they are: the publisher sends no events in them.
 * 4. Live that cannot be had (USE_COMMITS, GAP) is a reason to take commits, from the own position.
 *    Who asked for live alone is told of the gap instead and goes on behind it.
 * 5. A lost frame, DROP and silence make a stream begin anew from the own position, as it is then
 *    (stream/lane.h law 3). Five rounds of catching up that moved the position by nothing make the
 *    reception give up streams: it reads by FETCH, one request, one answer, until it has reached
 *    the head, and says so. Then it tries the streams again.
 * 6. Events that were handed on wait until vd_reception_consumed says that they do not. Credit is
 *    granted for what is then free; lag is looked at with every frame, the queue as it was before it.
 * 7. It holds at most two windows: what waits, and what came early.
 */
#ifndef VD_STREAM_RECEPTION_H
#define VD_STREAM_RECEPTION_H

#include "stream/stream.h"

typedef struct vd_reception vd_reception_t;

/* What it does now, for people. */
typedef struct vd_reception_view {
    vd_stream_mode_t mode;
    int64_t since_us; /* of the monotonic clock: the mode */
    uint64_t lag;     /* commits */
    uint64_t queue;   /* events that wait, those held back included */
    uint64_t head;    /* newest commit known */
    bool held;        /* by an operator */
    bool reading;     /* by FETCH, since the streams brought nothing */
} vd_reception_view_t;

/* Makes a reception on connecting port `port`, peer `peer`, with its timer. NULL without memory. */
vd_reception_t *vd_reception_new(uint16_t port, const vd_peer_t *peer, uint32_t timer,
                                 const vd_subscriber_handler_t *handler, void *arg);
void vd_reception_destroy(vd_reception_t **self);
/* Connects (or moves) to the publisher at `endpoint`; streams go on there from the position. */
void vd_reception_connect(vd_reception_t *self, vd_now_t now, const char *endpoint,
                          vd_effects_t *effects);
/* Begins, in place of what was before; events that were handed on before do not wait any more. The
 * knobs of the subscription have been checked. */
void vd_reception_start(vd_reception_t *self, vd_now_t now, const vd_subscription_t *subscription,
                        vd_effects_t *effects);
void vd_reception_stop(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes an input. Returns whether it was for this reception. */
bool vd_reception_step(vd_reception_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects);
/* So many more events, of so many bytes (sum of event.raw.size), do not wait any more. */
void vd_reception_consumed(vd_reception_t *self, vd_now_t now, uint64_t events, uint64_t bytes,
                           vd_effects_t *effects);
/* Every commit up to this one was dealt with; told to the publisher, for people. */
void vd_reception_done(vd_reception_t *self, uint64_t index);
/* The position behind the last event that was handed on; store is empty before it is known. */
const vd_position_t *vd_reception_position(const vd_reception_t *self);
void vd_reception_look(const vd_reception_t *self, vd_reception_view_t *view);

#endif
