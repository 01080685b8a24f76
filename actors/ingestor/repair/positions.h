/* positions.h: positions of subscribers, carried over to the new store.
 *
 * 1. A position is kept when the commit that it stands behind or in survives; its chain becomes that
 *    of the new store. One within a commit that is lost stands before all of it, so that an event comes
 *    once more rather than not at all.
 */
#ifndef VD_REPAIR_POSITIONS_H
#define VD_REPAIR_POSITIONS_H

#include "repair/source.h"
#include "repair/writing.h"

#include <stdio.h>

typedef struct vd_position_kept {
    vd_store_position_t position;
    bool kept;
} vd_position_kept_t;

typedef struct vd_positions {
    vd_position_kept_t *list; /* by the commit that they know of, once it is loaded */
    uint32_t count;
    uint32_t next;      /* of those whose commit was not met yet */
    uint64_t met;       /* the newest commit that was met and is not lost */
    uint32_t met_chain; /* of it, in the new store */
} vd_positions_t;

/* Reads what there is. `anchor` is the last commit that was removed from the beginning, with its chain;
 * 0: none. VD_OK or VD_NO_MEMORY. */
vd_status_t vd_positions_load(vd_positions_t *self, vd_source_t *source, uint64_t anchor,
                              uint32_t anchor_chain);
/* Commit `index`, the next in order, has `chain` in the damaged store and `new_chain` in the new
 * one. */
void vd_positions_meet(vd_positions_t *self, uint64_t index, uint32_t chain, uint32_t new_chain);
/* The record of commit `index`, the next in order, is lost: what it holds is put together. */
void vd_positions_meet_lost(vd_positions_t *self, uint64_t index);
/* Writes those that are kept, and tells of the others. */
void vd_positions_put(const vd_positions_t *self, vd_writing_t *writing, FILE *out);
void vd_positions_free(vd_positions_t *self);

#endif
