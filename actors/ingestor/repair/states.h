/* states.h: states of observers, carried over to the new store.
 *
 * 1. A state is kept when everything up to its position is as it was: else it would say what the
 *    events do not.
 */
#ifndef VD_REPAIR_STATES_H
#define VD_REPAIR_STATES_H

#include "repair/source.h"
#include "repair/writing.h"

#include <stdio.h>

/* Writes those that are kept, and tells of the others. Up to commit `same` the new store is as the
 * damaged one was. VD_OK or VD_NO_MEMORY. */
vd_status_t vd_states_copy(vd_source_t *source, vd_writing_t *writing, uint64_t same, FILE *out);

#endif
