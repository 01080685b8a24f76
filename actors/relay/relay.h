/* relay.h: the core of the relay: reads the committed stream once and serves it to many.
 *
 * 1. It has one stream upstream (the ingestor, or another relay) and keeps the newest commits in
 *    memory. What is older it asks for in windows (windows.h), which its subscribers share.
 * 2. It never says other than the publisher above it: where a stream may begin is asked upstream
 *    unless memory alone can tell; a position that was refused, a session that was pruned, a range
 *    that is damaged are handed on as they are. Sessions, kept positions and the state of the store
 *    are asked upstream for whoever asks here.
 * 3. A stream is begun no earlier than the relay has come as far as its position.
 * 4. Without the publisher above, it goes on serving what it has, says HEAD, and answers what it
 *    cannot know with not_ready after ANSWER_US.
 * 5. When the store upstream is another one or went back, or the relay's own position is gone, every
 *    stream is ended with DROP: the subscribers START again, and are told what holds of their
 *    positions.
 * 6. Memory is bounded: `recent_bytes` and `windows_bytes`, and what the publisher (publisher.h)
 *    keeps.
 */
#ifndef VD_RELAY_H
#define VD_RELAY_H

#include "stream/recent.h"
#include "stream/stream.h"

enum vd_relay_port {
    VD_RELAY_READ = 1, /* ROUTER: as the ingestor's port read */
    VD_RELAY_STREAMS,  /* ROUTER: SUBSCRIBERS, STEER */
    VD_RELAY_UPSTREAM, /* DEALER: two connections to the publisher above */
};

/* An effect of kind DO: object is a text (const char *) that says what the relay cannot do at the
 * moment; empty: all is well. No DONE. */
enum { VD_RELAY_TELL_TROUBLE = 1 };

typedef struct vd_relay_options {
    const char *name;     /* of this relay */
    const char *upstream; /* name of the publisher above, for people */
    const char *endpoint; /* its port read */
    size_t recent_bytes;
    size_t windows_bytes;
    const vd_publisher_knobs_t *knobs; /* NULL: the defaults */
    uint64_t seed;
} vd_relay_options_t;

/* What a relay has done in its life. */
typedef struct vd_relay_totals {
    uint64_t commits;  /* that came from upstream, once each */
    uint64_t windows;  /* of older commits that were asked for */
    uint64_t forwards; /* requests that were handed on */
    uint64_t resets;   /* how often every stream was ended */
    uint64_t unknown;  /* requests that got no answer from upstream in time */
} vd_relay_totals_t;

typedef struct vd_relay vd_relay_t;

/* NULL without memory. The options are copied. */
vd_relay_t *vd_relay_new(const vd_relay_options_t *options);
void vd_relay_destroy(vd_relay_t **self);
/* The step function (vd_step_fn); `state` is a vd_relay_t. */
void vd_relay_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

uint32_t vd_relay_subscribers(const vd_relay_t *self);
/* The newest commit that is held, and the newest one upstream that it knows of. */
uint64_t vd_relay_head(const vd_relay_t *self);
uint64_t vd_relay_upstream_head(const vd_relay_t *self);
/* Bytes of commits that are held: the newest, and older ones. */
size_t vd_relay_recent_bytes(const vd_relay_t *self);
size_t vd_relay_windows_bytes(const vd_relay_t *self);
const vd_relay_totals_t *vd_relay_totals(const vd_relay_t *self);
const vd_publisher_totals_t *vd_relay_publisher_totals(const vd_relay_t *self);

#endif
