/* txs.h: the transactions that are watched, and what the events say of each.
 *
 * 1. They stand in the order of their ids: equal tables save to equal bytes.
 * 2. A transaction may be in several blocks, of different branches: the VD_TX_BLOCKS_MAX that came
 *    last are kept. `block` is the one that it was last told to be in.
 */
#ifndef VD_TXS_H
#define VD_TXS_H

#include "chainkit/reader.h"

#define VD_TX_ID_SIZE    (VD_CHAIN_ID_DIGITS + 1)
#define VD_TX_BLOCKS_MAX 4
#define VD_TXS_MAX       3000
#define VD_BY_SIZE       (VD_NAME_BYTES_MAX + 8)
#define VD_BY_MEMPOOL    "mempool"       /* it is watched because it was in one */
#define VD_BY_CONFIG     "configuration" /* because the configuration says so */
#define VD_BY_LIST       "list:"         /* and the source's name: because that lists it */

typedef enum vd_tx_state {
    VD_TX_UNSEEN,
    VD_TX_MEMPOOL,
    VD_TX_INCLUDED,
    VD_TX_DROPPED
} vd_tx_state_t;
#define VD_TX_STATES 4
/* "unseen", "mempool", "included", "dropped" */
const char *vd_tx_state_name(vd_tx_state_t state);

typedef struct vd_watched_tx {
    char id[VD_TX_ID_SIZE];
    char by[VD_BY_SIZE]; /* why it is watched */
    vd_tx_state_t state;
    char block[VD_TX_ID_SIZE]; /* included: in it; dropped: out of it; empty: never in one */
    uint64_t height;           /* of it */
    uint64_t confirmed;        /* the greatest depth that was told of it; 0: none */
    uint32_t block_count;
    char blocks[VD_TX_BLOCKS_MAX][VD_TX_ID_SIZE];
} vd_watched_tx_t;

typedef struct vd_txs {
    uint32_t count, room;
    vd_watched_tx_t *list;
} vd_txs_t;

/* NULL when it is not watched. */
vd_watched_tx_t *vd_txs_find(const vd_txs_t *self, vd_str_t id);
/* The transaction, made if need be; NULL for what is no id, beyond VD_TXS_MAX, or without memory. */
vd_watched_tx_t *vd_txs_put(vd_txs_t *self, vd_str_t id);
void vd_txs_drop(vd_txs_t *self, vd_str_t id);
/* It was found in this block. */
void vd_watched_tx_found(vd_watched_tx_t *self, vd_str_t block);
/* Copies all of them into an empty table. False without memory. */
bool vd_txs_copy(vd_txs_t *self, const vd_txs_t *other);
void vd_txs_free(vd_txs_t *self);

/* All of them as an array, and back into an empty table: VD_OK, VD_MALFORMED or VD_NO_MEMORY. */
void vd_txs_write(const vd_txs_t *self, vd_buffer_t *out);
vd_status_t vd_txs_read(vd_txs_t *self, const vd_value_t *array);

#endif
