/* session_id.h: ids of sessions: YYYYMMDDTHHMMSSmmmZ-xxxxxxxxxxxx.
 *
 * 1. Ids sort by time as text: those of one maker strictly in the order in which they were made,
 *    also when its clock goes back; those of several makers by the millisecond.
 * 2. They are unique without asking anybody: 47 random bits for the first id of a millisecond, and
 *    a random step of up to 30 bits to the next, so that a process and its fork differ too.
 */
#ifndef VD_SESSION_ID_H
#define VD_SESSION_ID_H

#include "wire/run.h"

#define VD_SESSION_ID_SIZE 33 /* bytes, the zero byte included */

/* What a maker of ids remembers; begins with zeroes. */
typedef struct vd_session_ids {
    int64_t last_ms;
    uint64_t last; /* the number behind the dash */
} vd_session_ids_t;

/* Makes the next id at time `wall_ms`; `random` is fresh for each call. */
void vd_session_id_next(vd_session_ids_t *self, int64_t wall_ms, uint64_t random,
                        char out[VD_SESSION_ID_SIZE]);

#endif
