/* asks.h: what a relay has asked of the publisher above it and has no answer to yet.
 *
 * 1. Each question has a correlation of its own upstream and remembers whose it is: a peer's, to be
 *    handed on under the correlation that the peer gave it, or the relay's.
 * 2. The table is bounded, and so is what one peer has in it.
 */
#ifndef VD_RELAY_ASKS_H
#define VD_RELAY_ASKS_H

#include "core/core.h"
#include "wire/commit.h"

#define VD_ASKS_MAX          1024u
#define VD_ASKS_PER_PEER_MAX 16u

typedef enum vd_ask_kind {
    VD_ASK_FORWARD = 1, /* a request of a peer: the answer goes to it as it is */
    VD_ASK_PLACE,       /* a START of a peer: where does it begin? */
    VD_ASK_WINDOW,      /* older commits */
} vd_ask_kind_t;

typedef struct vd_ask {
    vd_ask_kind_t kind;
    uint64_t correlation; /* upstream */
    int64_t sent_us;
    int64_t deadline_us; /* of FORWARD and PLACE */
    uint32_t tries;
    vd_peer_t peer; /* FORWARD, PLACE */
    uint64_t from;  /* FORWARD, PLACE: correlation that the peer gave */
    uint64_t token; /* WINDOW */
    bool answered;  /* PLACE: it begins at `place`, as soon as the relay has come so far */
    vd_position_t place;
    vd_buffer_t frames; /* the message, header and body; empty: WINDOW */
    size_t header_size;
} vd_ask_t;

typedef struct vd_asks {
    uint64_t correlation; /* the last one that was given */
    uint32_t count;
    vd_ask_t *list[VD_ASKS_MAX]; /* the oldest first */
} vd_asks_t;

void vd_asks_free(vd_asks_t *self);
/* A new question with a new correlation. `message`, of the peer, is kept; NULL: none. NULL when the
 * table is full or there is no memory. */
vd_ask_t *vd_asks_add(vd_asks_t *self, vd_ask_kind_t kind, const vd_peer_t *peer,
                      const vd_message_t *message);
void vd_asks_remove(vd_asks_t *self, vd_ask_t *ask);
/* By its correlation upstream; NULL if there is none. */
vd_ask_t *vd_asks_find(const vd_asks_t *self, uint64_t correlation);
/* By the peer's correlation; NULL if there is none. */
vd_ask_t *vd_asks_of(const vd_asks_t *self, const vd_peer_t *peer, uint64_t from);
uint32_t vd_asks_count_of(const vd_asks_t *self, const vd_peer_t *peer);
/* The message that is kept, decoded; it points into the question. */
vd_message_t vd_ask_message(const vd_ask_t *ask);

#endif
