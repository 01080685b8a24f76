/* facts.h: what a session says of itself in its own events: the part of its row that no record
 * holds.
 *
 * 1. Read when a row is made, from at most four events: session_started (seq 1), the newest
 *    session_status and the newest with a snapshot, and session_ended (the last event of a session
 *    that is closed).
 * 2. What cannot be read (pruned, damaged, of another shape) is left empty: a row is told in any
 *    case.
 */
#ifndef VD_FACTS_H
#define VD_FACTS_H

#include "store/store.h"

typedef struct vd_facts {
    char command[VD_TEXT_BYTES_MAX + 1];
    char continues[VD_NAME_BYTES_MAX + 1];
    char continued_by[VD_NAME_BYTES_MAX + 1];
    char text[VD_TEXT_BYTES_MAX + 1];
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t status; /* one value, or empty */
    size_t read_bytes;  /* of runs, to find all this; counts up until somebody sets it to 0 */
} vd_facts_t;

void vd_facts_init(vd_facts_t *self);
void vd_facts_free(vd_facts_t *self);
/* Fills in the facts of `session` from its events. `cursor` is placed anew. */
void vd_facts_read(vd_facts_t *self, vd_store_t *store, vd_store_cursor_t *cursor,
                   const vd_store_session_t *session);

#endif
