/* tally.h: the observer of the model: it keeps the last value of each source, and how often it has
 * changed.
 *
 * 1. Its events say from what to what and for the how-many-th time, so that one that is missing,
 *    repeated or out of order shows in the next one.
 * 2. A value that is a multiple of TALLY_ASKS is looked at with a one-off read before it counts; one
 *    that is a multiple of TALLY_BAD fails the turn until the source goes on.
 */
#ifndef VD_MODEL_TALLY_H
#define VD_MODEL_TALLY_H

#include "observers/observer.h"

enum { TALLY_SOURCES_MAX = 16, TALLY_ASKS = 5, TALLY_BAD = 17 };

typedef struct vd_tally_row {
    char source[VD_NAME_BYTES_MAX + 1]; /* empty: free */
    uint64_t value, changes;
} vd_tally_row_t;

typedef struct vd_tally {
    vd_tally_row_t rows[TALLY_SOURCES_MAX]; /* by name */
    uint32_t count;
    uint64_t events;
} vd_tally_t;

extern const vd_observer_t vd_tally_observer;

const vd_tally_row_t *vd_tally_find(const vd_tally_t *self, vd_str_t source);
/* Why the event does not follow on the state; NULL: it does. */
const char *vd_tally_objection(const vd_tally_t *self, const vd_event_t *event);

#endif
