/* inclusion.h: the observer of transactions: whether each is seen, waits in a pool, is in a block of the
 * best branch and how deep, or was dropped out of it.
 *
 * 1. Nodes are taken and blocks found as chainkit/pursuit.h says; of a node whose form does not tell
 *    transactions nothing is read. The graph begins `history` blocks below the first head: what was
 *    included before is not found.
 * 2. Watched are: the configured transactions, those that a list names (a source of adapter file whose
 *    label "transactions" is the file: one id a line, empty lines and those with # aside), and, with
 *    `mempools`, each that appears in the pool of a node. At most VD_TXS_MAX, and transactions_max.
 * 3. The best branch ends in the highest head of the nodes that answer, of equal ones the one whose block
 *    came first. It goes to a lower one only when no node that answers is on it any more.
 * 4. A block at the end of the best branch has depth 1. A transaction is told included in one block at a
 *    time, of the best branch, and confirmed once at each configured depth, anew after another block.
 * 5. It is dropped by a reorganization when the best branch no longer has it, and evicted when it was in
 *    a pool and is in none any more, nor in a block of any head.
 * 6. Of each block it is known up to which transaction (in the order in which they came) it was searched.
 *    Blocks of the best branch that were read before a transaction came are read again for it, except
 *    those which it cannot be in: a pool does not hold what stands below its own node's head.
 * 7. What a mempool alone brought in is forgotten when it is evicted, and when its block is `history`
 *    below the best head; what a list brought in, when no list has it any more.
 *
 * Events:
 *   block_read {id, parent, height, node, txs}      parents first; txs: the watched ones in it; nil: the
 *                                                   node told a header alone
 *   best_changed {id, height, previous, depth}      depth: so many blocks were left
 *   tx_watched {tx, by, node, head}                 node and head: whose pool had it; nil else
 *   tx_seen {tx, node}                              it waits in the pool of this node
 *   tx_included {tx, block, height, previous}
 *   tx_confirmed {tx, block, height, depth}
 *   tx_dropped {tx, block, reason}                  reason: reorg or evicted
 *   tx_forgotten {tx, reason}                       reason: unlisted, settled or evicted
 */
#ifndef VD_INCLUSION_H
#define VD_INCLUSION_H

#include "chainkit/pursuit.h"
#include "txs.h"

#define VD_INCLUSION_TABLE      "observers.inclusion"
#define VD_INCLUSION_BLOCKS_MAX 8192
#define VD_INCLUSION_DEPTHS_MAX 8
#define VD_INCLUSION_LIST_LABEL "transactions"

typedef struct vd_inclusion_counts {
    uint64_t seen, included, confirmed, reorged, evicted; /* events of each kind */
} vd_inclusion_counts_t;

/* What the events say beside the graph. */
typedef struct vd_included {
    uint64_t watched; /* so many tx_watched there were: the number of the newest transaction */
    /* By the handle of a block: up to which of them it was searched. */
    uint64_t searched[VD_INCLUSION_BLOCKS_MAX];
    char best[VD_TX_ID_SIZE]; /* empty: none yet */
    uint64_t best_height;
    vd_inclusion_counts_t counts;
    vd_txs_t txs;
} vd_included_t;

typedef struct vd_inclusion {
    char app[VD_NAME_BYTES_MAX + 1];
    int64_t interval_ms, pool_interval_ms, deadline_ms;
    bool mempools;
    uint64_t history;
    uint32_t txs_max;
    uint32_t depth_count;
    uint64_t depths[VD_INCLUSION_DEPTHS_MAX]; /* ascending */
    vd_txs_t configured;
    vd_graph_t *graph;
    vd_included_t known;
} vd_inclusion_t;

/* The reader of a source that is a node and tells transactions; else NULL. */
const vd_reader_t *vd_inclusion_reader(const vd_inclusion_t *self,
                                       const vd_source_record_t *source);
/* The file of a source that is a list of transactions; else empty. */
vd_str_t vd_inclusion_list(const vd_source_record_t *source);
/* The next id of a list's content; *bad counts lines that are none. False at the end. */
bool vd_inclusion_next_id(vd_bytes_t *content, vd_str_t *id, uint32_t *bad);

/* included.c: what an event says, of the graph of the committed ones. */
void vd_included_apply(vd_included_t *self, const vd_graph_t *graph, const vd_event_t *event);
/* Is this block, of that graph, searched for all that is watched? */
bool vd_included_searched(const vd_included_t *self, uint32_t block);
void vd_included_save(const vd_included_t *self, const vd_graph_t *graph, vd_buffer_t *out);
vd_status_t vd_included_load(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *map);

/* inclusion_turn.c, inclusion_view.c */
vd_status_t vd_inclusion_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_inclusion_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
extern const vd_query_row_t vd_inclusion_queries[];
vd_status_t vd_inclusion_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                               vd_bytes_t args, vd_buffer_t *out);

extern const char vd_inclusion_layout[]; /* layout.json */
extern const vd_observer_t vd_inclusion_observer;

#endif
