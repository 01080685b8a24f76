/* kept.h: SAVE_POSITION, LOAD_POSITION, and GET of the feed "positions": the positions that the store keeps under names, as a part
 * of the reading core.
 *
 * 1. What is kept is read here. What is to be kept, or forgotten, is an operation, for the store has
 *    one writer:
 *      VD_KEPT_WRITE  object const vd_kept_write_t *, alive until DONE. DONE: status, and as result
 *                     the text of a failure.
 *    SAVE_POSITION is answered after DONE, so that a DONE is a position that LOAD_POSITION finds.
 * 2. At most VD_KEPT_WRITES operations are out; what comes beyond is refused with overloaded.
 * 3. Only a position in this store is kept: one that it does not reach is refused with went_back.
 */
#ifndef VD_KEPT_H
#define VD_KEPT_H

#include "core/core.h"
#include "store/store.h"

#define VD_KEPT_FEED "positions"

enum { VD_KEPT_WRITE = 0x4b57, VD_KEPT_WRITES = 32 };

typedef struct vd_kept_write {
    vd_store_position_t position; /* forget: the name alone */
    bool forget;
} vd_kept_write_t;

typedef struct vd_kept_waiting {
    bool used;
    uint16_t port;
    vd_peer_t peer;
    uint64_t correlation;
    vd_kept_write_t write;
} vd_kept_waiting_t;

typedef struct vd_kept {
    vd_store_t *store;
    vd_kept_waiting_t waiting[VD_KEPT_WRITES]; /* the place is the token */
} vd_kept_t;

/* The store stays the caller's. */
void vd_kept_init(vd_kept_t *self, vd_store_t *store);
/* Takes an input. Returns whether it was for this part: SAVE_POSITION, LOAD_POSITION, GET of
 * its feed, DONE of its operation. */
bool vd_kept_step(vd_kept_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
