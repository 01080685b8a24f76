/* stream.h: both ends of a stream as pure cores: commits from a position, under the reader's credit.
 * The publishing end, of live and commit streams, is in stream/publisher.h.
 *
 * 1. A stream is begun by START and ended by STOP, DROP or STREAM_RESET. Everything that belongs to
 *    it, in both directions, carries the correlation of its START; what carries another one is of
 *    an older stream.
 * 2. Credit is cumulative since START, in events and in bytes of events (the wire bytes of each,
 *    without CRC). One event may overdraw. Absent runs, COMMITS without events, HEAD, GAP, HOLD,
 *    DROP and STREAM_RESET are free of credit; but of COMMITS without events at most
 *    UNCREDITED_BYTES_MAX are sent before the next CREDIT, whatever that grants.
 * 3. A COMMITS frame leads from the position (after, after_offset) to (index, offset), so that a
 *    frame that was lost shows at the next one, and a commit may be cut anywhere: by credit, by
 *    size, by a filter.
 * 4. The subscriber hands on each event once, in order, with the position behind it, after its CRC
 *    was checked. After silence, DROP, a gap or a new connection it goes on from its own position:
 *    at once three times, then after 100 ms to 10 s, with jitter.
 * 5. The subscriber does not allocate after it was made.
 */
#ifndef VD_STREAM_H
#define VD_STREAM_H

#include "stream/modes.h"
#include "stream/publisher.h"

/* ---- subscriber ---- */

/* Where a stream begins and what it shows. With position.store: from that position. Else with
 * `head`: behind the newest commit. Else with `seq`: from session:seq. Else from the first
 * commit. */
typedef struct vd_subscription {
    char name[VD_NAME_BYTES_MAX + 1]; /* for people */
    vd_position_t position;
    bool head;
    char session[VD_NAME_BYTES_MAX + 1]; /* empty: all */
    uint64_t seq;
    char type[VD_NAME_BYTES_MAX + 1]; /* glob; empty: all */
    uint64_t credit_items;            /* granted ahead; 0: CREDIT_ITEMS_DEFAULT */
    uint64_t credit_bytes;            /* granted ahead; 0: CREDIT_BYTES_DEFAULT */
    uint64_t seed;                    /* of the jitter */
    uint64_t batch;                   /* commits in a frame, at most; 0: as the publisher has it */
    vd_streams_t streams;             /* a reception's */
    vd_mode_knobs_t knobs;            /* a reception's; start_commit_sync_lag 0: the defaults */
} vd_subscription_t;

/* What a subscriber tells. Callbacks run inside a step; bytes live until they return. */
typedef struct vd_subscriber_handler {
    /* The next event: `event` with session and seq, the commit it came in, the position behind
     * it. */
    void (*event)(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                  const vd_position_t *position, vd_effects_t *effects);
    /* `count` events of `session` from `first` on are not there: VD_PRUNED, or VD_CORRUPT (damaged
     * or lost). With count 0 what is missing is a whole commit, whose events are not known.
     * `position` is behind them. May be NULL. */
    void (*absent)(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                   vd_status_t status, const vd_position_t *position, vd_effects_t *effects);
    /* The stream began, went on, or gave a sign of life: what was handed on reaches up to
     * `position`; the newest commit is `head`. May be NULL. */
    void (*progress)(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                     vd_effects_t *effects);
    /* The stream cannot go on from its position and has stopped: VD_WENT_BACK, VD_PRUNED (the
     * position, or the session) or VD_CORRUPT (commits first..head are held), VD_UNKNOWN_SESSION,
     * VD_KICKED (by an operator), or why the publisher refuses it. vd_subscriber_start begins it
     * again, elsewhere. */
    void (*stopped)(void *arg, vd_now_t now, vd_status_t status, const char *text, uint64_t first,
                    uint64_t head, vd_effects_t *effects);
    /* Of a reception: its mode is another one now, or (`reading`) it has given up streams, or takes
     * them again. May be NULL. */
    void (*mode)(void *arg, vd_now_t now, vd_stream_mode_t mode, bool reading,
                 vd_effects_t *effects);
    /* Of a reception of live alone: commits `first` to `last` were lost to it; `position` is behind
     * them. May be NULL. */
    void (*gap)(void *arg, vd_now_t now, uint64_t first, uint64_t last,
                const vd_position_t *position, vd_effects_t *effects);
} vd_subscriber_handler_t;

typedef enum vd_subscriber_state {
    VD_SUBSCRIBER_IDLE = 1, /* not begun, stopped, or ended by STREAM_RESET */
    VD_SUBSCRIBER_STARTING, /* START is out */
    VD_SUBSCRIBER_RUNNING,
    VD_SUBSCRIBER_WAITING, /* for the moment to START again */
} vd_subscriber_state_t;

/* A subscriber is the reception (stream/reception.h) of the commit stream alone. */
typedef struct vd_reception vd_subscriber_t;

/* Makes a subscriber on connecting port `port`, peer `peer`, with its timer. NULL without
 * memory. */
vd_subscriber_t *vd_subscriber_new(uint16_t port, const vd_peer_t *peer, uint32_t timer,
                                   const vd_subscriber_handler_t *handler, void *arg);
void vd_subscriber_destroy(vd_subscriber_t **self);
/* Connects (or moves) to the publisher at `endpoint`; a stream that runs goes on there from its
 * position. */
void vd_subscriber_connect(vd_subscriber_t *self, vd_now_t now, const char *endpoint,
                           vd_effects_t *effects);
/* Begins a stream, in place of the one before. vd_subscriber_connect may come before or after. */
void vd_subscriber_start(vd_subscriber_t *self, vd_now_t now, const vd_subscription_t *subscription,
                         vd_effects_t *effects);
/* Ends the stream. */
void vd_subscriber_stop(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes an input. Returns whether it was for this subscriber (its peer's stream messages, its
 * timer). */
bool vd_subscriber_step(vd_subscriber_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects);
/* So many more events, of so many bytes (sum of event.raw.size), were dealt with: new credit is
 * granted as half of what is granted ahead has been used up. */
void vd_subscriber_consumed(vd_subscriber_t *self, vd_now_t now, uint64_t events, uint64_t bytes,
                            vd_effects_t *effects);
vd_subscriber_state_t vd_subscriber_state(const vd_subscriber_t *self);
/* The position behind the last event that was handed on; store is empty before the first
 * STARTED. */
const vd_position_t *vd_subscriber_position(const vd_subscriber_t *self);
/* Highest commit that the publisher told of. */
uint64_t vd_subscriber_head(const vd_subscriber_t *self);

#endif
