/* place.h: where a collector is in the events of the observer that it reads, and how that is stored.
 *
 * 1. The place stands in the cause of every event that a collector writes, and beside every state of
 *    it that is saved: {input: {observer, session, seq, rest}, state}. So it follows from what is
 *    stored, together with the state that belongs to it.
 * 2. `origin` is the observer that is read; NULL or empty: the observer is no collector, has no place,
 *    and its state is saved as it is.
 */
#ifndef VD_PLACE_H
#define VD_PLACE_H

#include "observer.h"

/* What is still to be done of the input. */
typedef enum vd_rest {
    VD_REST_NOTHING,
    VD_REST_EVENT,    /* the event is to be given again */
    VD_REST_SNAPSHOT, /* the other observer's snapshot is to be asked for */
} vd_rest_t;

typedef struct vd_input_place {
    char session[VD_NAME_BYTES_MAX + 1]; /* empty: not known */
    uint64_t seq;                        /* the last event dealt with; with rest, at hand */
    vd_rest_t rest;
} vd_input_place_t;

/* Writes the cause of an event. */
void vd_place_write_cause(const vd_input_place_t *self, const char *origin, const char *observer,
                          uint64_t turn, vd_buffer_t *out);
/* Takes the place from the cause of an own event that is replayed. */
void vd_place_replay(vd_input_place_t *self, const char *origin, const vd_event_t *event);
/* The state with the place, as one value. */
void vd_place_save(const vd_input_place_t *self, const char *origin, const vd_observer_t *observer,
                   const void *state, vd_buffer_t *out);
/* Back into a fresh state, and the place. A status other than VD_OK leaves the place as it is. */
vd_status_t vd_place_load(vd_input_place_t *self, const char *origin, const vd_observer_t *observer,
                          void *state, vd_bytes_t value);

#endif
