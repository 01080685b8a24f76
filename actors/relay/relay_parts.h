/* relay_parts.h: what the files of the relay's core share.
 *
 * 1. In one step the publisher is given at most one input, so that the effects of a step stay within
 *    their limits; what waits for it is given in the steps after (`work`).
 */
#ifndef VD_RELAY_PARTS_H
#define VD_RELAY_PARTS_H

#include "asks.h"
#include "joiner.h"
#include "relay.h"
#include "windows.h"

#define MS INT64_C(1000)

enum { TIMER_PUBLISHER = 1, TIMER_SUBSCRIBER = 8, TIMER_TICK, TIMER_WORK };

struct vd_relay {
    char name[VD_NAME_BYTES_MAX + 1];
    char upstream[VD_NAME_BYTES_MAX + 1];
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    uint64_t seed;
    vd_publisher_knobs_t knobs;
    vd_relay_totals_t totals;
    char trouble[VD_TEXT_BYTES_MAX];

    /* The stream upstream. */
    vd_peer_t live;
    vd_subscriber_t *subscriber;
    vd_joiner_t *joiner;
    vd_commit_run_t pieces[VD_COMMIT_PIECES_MAX];
    bool known;          /* place is one */
    vd_position_t place; /* everything up to it was taken */
    int64_t again_us;    /* when the stream, which has ended, is begun again; 0: it runs */
    int64_t heard_us;    /* from it */

    /* What is served. */
    vd_recent_t *recent;
    vd_windows_t *windows;
    vd_publisher_t *publisher;
    uint64_t first; /* lowest commit that is known to be held upstream */
    bool grown;     /* the publisher has not been told yet */
    bool stepped;   /* it had its input of this step */
    bool working;   /* the timer for the rest is set */
    vd_now_t now;   /* of this step */

    /* The source, while the publisher reads. */
    vd_place_t reader;     /* where it stands */
    bool beginning;        /* a START whose place was asked for is being given to it */
    uint64_t beginning_at; /* the commit that its chain belongs to */
    uint32_t beginning_chain;
    bool torn; /* memory and what is upstream are of two histories */
    const vd_recent_commit_t *taken;
    vd_commit_run_t runs[8]; /* of one session, of the commit that was read last */

    /* Questions upstream. */
    vd_peer_t ask;
    vd_asks_t asks;
    bool ticking;
    int64_t ask_heard_us; /* from there, or when the connection was taken */
    bool ask_unheard;     /* something was asked again, and nothing has come since */
};

extern const vd_stream_source_t vd_relay_source;
/* Is `place`, which holds upstream, one of another history than memory? */
bool vd_relay_is_torn(const vd_relay_t *self, const vd_place_t *place);
/* Ends every stream and forgets what was held. */
void vd_relay_reset(vd_relay_t *self, vd_effects_t *effects);

/* ---- relay_requests.c ---- */

/* A request on the port for reading. Returns whether it was dealt with: else it is for the
 * publisher. */
bool vd_relay_on_request(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects);
/* A message on the connection for questions. */
void vd_relay_on_answer(vd_relay_t *self, const vd_message_t *message, vd_effects_t *effects);
/* Asks for what is wished and there is room for. */
void vd_relay_ask_windows(vd_relay_t *self, vd_effects_t *effects);
/* Gives the publisher a START whose place is known and reached. False: there is none. */
bool vd_relay_begin_one(vd_relay_t *self, vd_effects_t *effects);
bool vd_relay_may_begin(const vd_relay_t *self);
/* What was answered of places no longer holds: they are asked for again. */
void vd_relay_forget_places(vd_relay_t *self);
/* Asks again what has had no answer, and gives up what is overdue. */
void vd_relay_tick_asks(vd_relay_t *self, vd_effects_t *effects);

#endif
