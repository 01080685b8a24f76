/* collecting.h: the input of a collector: what another observer has written, one event at a time.
 *
 * 1. The input is the committed events of the observer `origin` (but for its saved states), in the
 *    chain of our sessions, in order, by a commit stream under credit: a slow collector makes it
 *    wait, one that is behind reads what it missed.
 * 2. One input is before a turn. The events of its turn, and in their cause the place behind it, are
 *    one frame. An input that yields no event moves the place in memory alone; it is read again
 *    after a restart, with the same state, and so with the same result.
 * 3. The place is (session, sequence) of the last input that was dealt with. It follows from our own
 *    committed events, or from a saved state (place.h). An input at or before it is
 *    passed over.
 * 4. The events of a turn that was full say that the input is not done (`rest`); it is before the
 *    next turn again, also after a restart.
 * 5. Where events are missing (pruned or damaged, or what we knew before is lost) the next input is
 *    the snapshot of the other observer, and those behind it follow.
 */
#ifndef VD_COLLECTING_H
#define VD_COLLECTING_H

#include "stream/stream.h"
#include "turn.h"

#define VD_COLLECTING_EVENTS 512 /* granted ahead */

typedef enum vd_collecting_phase {
    VD_COLLECTING_IDLE,      /* the state is not restored, or it is no collector */
    VD_COLLECTING_READING,   /* a stream of the session `session` */
    VD_COLLECTING_LINKING,   /* it has ended: which one goes on from it? */
    VD_COLLECTING_BEGINNING, /* the snapshot is asked for, or before a turn */
} vd_collecting_phase_t;

typedef struct vd_host vd_host_t;
typedef struct vd_taken vd_taken_t; /* something that was read and waits */

typedef struct vd_collecting {
    char origin[VD_NAME_BYTES_MAX + 1];       /* empty: it is no collector */
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1]; /* of the origin's requests */
    vd_collecting_phase_t phase;
    vd_input_place_t place;
    bool given; /* the first of the queue is before the turn at hand */
    vd_taken_t *first, *last;
    vd_subscriber_t *subscriber;
    uint64_t life;                       /* of the stream: grows with each START */
    bool broken;                         /* it has stopped, and is to be begun again */
    bool told;                           /* as an error */
    bool joined;                         /* the stream has been at the head since it began */
    char session[VD_NAME_BYTES_MAX + 1]; /* that is read */
    uint64_t read;                       /* its last event that came into the queue */
    uint64_t correlation;
    bool by_list;                       /* asked for is a page of sessions */
    char before[VD_NAME_BYTES_MAX + 1]; /* where that page begins */
    int64_t asked_us;                   /* when the snapshot was asked for first; 0: it is not */
} vd_collecting_t;

/* Sets up a collector of `origin`, whose requests are at `endpoint`. */
void vd_collecting_init(vd_host_t *host, const char *origin, const char *endpoint);
void vd_collecting_free(vd_host_t *host);
bool vd_collecting_is_on(const vd_host_t *host);

/* ---- the place ---- */

/* The state is about to be made anew: nothing is read, the place is not known. */
void vd_collecting_forget(vd_host_t *host, vd_now_t now, vd_effects_t *effects);
/* The state of the observer with its place, as one value (place.h). */
void vd_collecting_save(const vd_host_t *host, vd_buffer_t *out);

/* ---- reading ---- */

/* The state is restored: reads on from the place; without one, from the first event of session
 * `oldest`; `lost`: what was before is not in the state. */
void vd_collecting_begin(vd_host_t *host, vd_now_t now, const char *oldest, bool lost,
                         vd_effects_t *effects);
/* Takes an input. Returns whether it was for this part. */
bool vd_collecting_step(vd_host_t *host, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects);
/* After each step: what follows from what was read. */
void vd_collecting_settle(vd_host_t *host, vd_now_t now, vd_effects_t *effects);

/* ---- turns ---- */

/* Does an input wait for a turn? */
bool vd_collecting_has_input(const vd_host_t *host);
/* Is nothing to be read before what happens now, as far as is known? Until then no turn is without an
 * input: what it says of the time that has passed would leave out what was told meanwhile. */
bool vd_collecting_is_joined(const vd_host_t *host);
/* Gives the next input to the turn that is about to run. */
void vd_collecting_give(vd_host_t *host);
/* The turn at hand has filled up: it runs again, to say so in its events. Returns false when it has
 * none of the input. */
bool vd_collecting_cut(vd_host_t *host);
/* The turn at hand has succeeded, its events are committed. Returns whether it had an input. */
bool vd_collecting_turned(vd_host_t *host, vd_now_t now, vd_effects_t *effects);

#endif
