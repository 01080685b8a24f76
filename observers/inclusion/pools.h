/* pools.h: what a moment's samples say of transactions beside blocks: the pools of nodes, and lists. */
#ifndef VD_POOLS_H
#define VD_POOLS_H

#include "inclusion.h"

#define VD_POOL_LOOKS 2 /* its newest samples that are looked at */

/* The pool of one node, newest sample first. */
typedef struct vd_node_pool {
    uint32_t count; /* of the good ones in a row */
    const vd_sample_record_t *samples[VD_POOL_LOOKS];
    vd_answer_t answers[VD_POOL_LOOKS];
} vd_node_pool_t;

typedef struct vd_pools {
    vd_node_pool_t nodes[VD_PURSUIT_NODES_MAX]; /* as the pursued nodes stand */
} vd_pools_t;

/* Reads the pools of all nodes whose heads were heard. */
void vd_pools_hear(vd_pools_t *self, const vd_pursuit_t *pursuit);
void vd_pools_close(vd_pools_t *self);
/* Where the node stood when its newest pool was read. False when that cannot be told yet; `head` is
 * empty when it moved meanwhile. */
bool vd_pools_head(const vd_pools_t *self, const vd_pursuit_t *pursuit, uint32_t node,
                   char head[VD_TX_ID_SIZE]);
/* Marks the transactions that are in any look at any pool: one for each of the table. */
void vd_pools_mark(const vd_pools_t *self, const vd_pursuit_t *pursuit, const vd_txs_t *txs,
                   bool *marks);
/* Has every node that answers shown its pool twice, the first time not after its head, and do its blocks
 * stand in the graph? So what is nowhere has gone. */
bool vd_pools_are_settled(const vd_pools_t *self, const vd_pursuit_t *pursuit);

/* What the configuration and all lists name now, with who does. True when every list was read. */
bool vd_lists_read(const vd_inclusion_t *self, const vd_samples_t *samples, vd_txs_t *wanted);

#endif
