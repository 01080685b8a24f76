/* verify.h: reading a store part by part to see whether all of it is there and whole.
 *
 * 1. A part is bounded, so that whoever asks can be one of many. Every CRC in it is checked, and the
 *    chain of commits from the one before.
 * 2. What is missing or damaged is named by session and sequences; where not even that is known, by
 *    its commit. What was pruned is no damage.
 */
#ifndef VD_STORE_VERIFY_H
#define VD_STORE_VERIFY_H

#include "store/store.h"

#define VD_DAMAGE_MAX 64 /* rows in one part */

typedef struct vd_store_damage {
    uint64_t index;                      /* commit; 0: a record that belongs to none */
    char session[VD_NAME_BYTES_MAX + 1]; /* empty: not known */
    uint64_t first;
    uint64_t count;
    char text[256];
} vd_store_damage_t;

typedef struct vd_store_verified {
    uint64_t index; /* checked up to this commit */
    uint32_t chain;
    uint64_t head; /* the highest there is */
    bool more;
    uint64_t commits;
    uint64_t events; /* good ones */
    uint64_t pruned; /* events that were */
    uint64_t bytes;  /* of the good runs */
    uint32_t damage_count;
    vd_store_damage_t damage[VD_DAMAGE_MAX];
} vd_store_verified_t;

/* Checks the next part behind commit `after` (0: from the lowest), which had chain `chain` when it
 * was checked (0: not known). `cursor` is one of the store's. VD_OK, whatever was found;
 * VD_WENT_BACK: the store ends before `after`; VD_IO or another status with text: not now. */
vd_status_t vd_store_verify(vd_store_t *store, vd_store_cursor_t *cursor, uint64_t after,
                            uint32_t chain, vd_store_verified_t *part, char *error,
                            size_t error_size);

#endif
