/* kept.h: positions under names (SAVE_POSITION, LOAD_POSITION, GET of the feed "positions") and states of
 * observers (SAVE_SNAPSHOT, LOAD_SNAPSHOT) that the store keeps, as a part of the reading core.
 *
 * 1. What is kept is read here. What is to be kept, or forgotten, is an operation, for the store has
 *    one writer:
 *      VD_KEPT_WRITE  object const vd_kept_write_t *, alive until DONE. DONE: status, and as result
 *                     the text of a failure.
 *    Who saves is answered after DONE, so that what is answered with DONE is found.
 * 2. At most VD_KEPT_WRITES operations are out, with STATE_QUEUE_BYTES_MAX of states beyond the
 *    first; what comes beyond is refused with overloaded.
 * 3. Only a position in this store is kept: one that it does not reach is refused with went_back.
 *    So is the state at one, and it is never handed out again when the position is gone.
 * 4. Damaged states are passed over, and named in the log.
 */
#ifndef VD_KEPT_H
#define VD_KEPT_H

#include "core/core.h"
#include "store/store.h"

#define VD_KEPT_FEED "positions"

enum { VD_KEPT_WRITE = 0x4b57, VD_KEPT_WRITES = 32 };

/* A state that is to be kept. */
typedef struct vd_kept_state {
    vd_store_snapshot_t snapshot;
    uint32_t keep;
    uint8_t bytes[]; /* snapshot.size */
} vd_kept_state_t;

typedef struct vd_kept_write {
    const vd_kept_state_t *state; /* NULL: it is a position; alive until DONE */
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
    size_t state_bytes;                        /* of the states that wait */
    vd_kept_waiting_t waiting[VD_KEPT_WRITES]; /* the place is the token */
} vd_kept_t;

/* The store stays the caller's. */
void vd_kept_init(vd_kept_t *self, vd_store_t *store);
/* Gives up what waits: nobody writes it any more. */
void vd_kept_free(vd_kept_t *self);
/* Performs the operation: by the one who writes to the store. Text of a failure in `error`. */
vd_status_t vd_kept_perform(vd_store_t *store, const vd_kept_write_t *write, char *error,
                            size_t error_size);
/* Takes an input. Returns whether it was for this part: a message of those above, or DONE of its
 * operation. */
bool vd_kept_step(vd_kept_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

/* ---- between kept.c and kept_states.c ---- */

/* A place for an operation that answers `input`; NULL, with the answer, when too many are out. */
vd_kept_waiting_t *vd_kept_wait(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects);
/* Hands the operation out. */
void vd_kept_write(vd_kept_t *self, vd_kept_waiting_t *waiting, vd_effects_t *effects);
/* Answers and returns false when it is no name. */
bool vd_kept_check_name(const vd_input_t *input, vd_str_t name, vd_effects_t *effects);
/* Likewise when it is no place in this store, or, unless `pruned`, one that was pruned. */
typedef struct vd_kept_place {
    vd_str_t store;
    uint64_t index, offset, chain;
} vd_kept_place_t;
bool vd_kept_check_place(vd_kept_t *self, const vd_input_t *input, const vd_kept_place_t *place,
                         bool pruned, vd_effects_t *effects);
void vd_kept_save_state(vd_kept_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects);
void vd_kept_load_state(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects);

#endif
