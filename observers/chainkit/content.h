/* content.h: what nodes answer, in one form, whatever the node: blocks with their transactions, heads,
 * tips and pools.
 *
 * 1. A reader fills these from the bytes of one sample, wholly or not at all. Texts are views into
 *    what `bytes` holds, and live until the answer is freed.
 * 2. Values are exact unsigned integers of 64 bits.
 */
#ifndef VD_CONTENT_H
#define VD_CONTENT_H

#include "chainkit/graph.h"

#define VD_BLOCK_TXS_MAX    16384
#define VD_TX_ENDS_MAX      16384 /* inputs and outputs of a block together */
#define VD_POOL_TXS_MAX     16384
#define VD_NODE_TIPS_MAX    256
#define VD_ADDRESS_SIZE_MAX 128

typedef struct vd_tx_input {
    vd_str_t tx; /* the output that it spends; empty: it spends none (a reward) */
    uint32_t index;
} vd_tx_input_t;

typedef struct vd_tx_output {
    vd_str_t address; /* empty: of no address */
    uint64_t value;
} vd_tx_output_t;

typedef struct vd_chain_tx {
    vd_str_t id;
    vd_str_t block;  /* that it is in, where the answer says it; empty: none */
    uint64_t height; /* likewise; VD_HEIGHT_UNKNOWN: none */
    uint32_t input_count, output_count;
    const vd_tx_input_t *inputs;
    const vd_tx_output_t *outputs;
} vd_chain_tx_t;

typedef struct vd_chain_block {
    vd_str_t id, parent;
    uint64_t height; /* VD_HEIGHT_UNKNOWN: the node does not say it */
    uint64_t time_s; /* as the block says; 0: it does not */
    uint32_t tx_count;
    const vd_chain_tx_t *txs;
    bool has_txs; /* the answer was the whole block, not its header alone */
} vd_chain_block_t;

/* Where a node stands. */
typedef struct vd_chain_head {
    vd_str_t network; /* empty: it does not say */
    vd_str_t tip;
    uint64_t height;
    vd_str_t final; /* its last irreversible block; empty: it knows none */
    bool syncing;
    bool has_peers; /* it says how many */
    uint64_t peers;
} vd_chain_head_t;

typedef struct vd_node_tip {
    vd_str_t id;
    uint64_t height;
    bool active; /* the head of the node */
} vd_node_tip_t;

#endif
