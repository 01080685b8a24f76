/* chain.h: the observer of one chain of blocks: where its nodes stand, how they fork, and what is final.
 *
 * 1. A node is a source of adapter http whose label "app" is the configured one and which has no label
 *    "wallet"; its label "reader" says in which form it answers (chainkit/reader.h). One observer watches
 *    one chain.
 * 2. The graph begins `history` blocks below the first head that is heard. A head that is not in it is
 *    caught up with: headers are asked for upwards by height, and downwards where they do not connect,
 *    until they do.
 * 3. One failing node hides nothing of another's. What a node says that cannot be beside what is known is
 *    told as node_refused and changes nothing else.
 * 4. A node's head that goes to a block which does not descend from the one before is a reorganization,
 *    unless it only went back on its own branch. A node that reorganizes goes back block by block, and is
 *    seen on the way: what counts is the head that it had before it went back.
 * 5. What is final is what nodes say is irreversible, or, if none does, what stands `confirmations`
 *    below the best head. It never goes back. Blocks more than `history` below it are forgotten.
 * 6. A divergence is told when two nodes call blocks irreversible of which neither descends from the
 *    other; never of heads.
 *
 * Events:
 *   block_discovered {id, parent, height, node}     parents first; the first one is the root
 *   head_changed {node, id, height, previous, left}   left: only while it is back on its own branch
 *   reorg {node, from, to, fork_point, depth, removed, added}   ids, at most 64 of each, the highest
 *   node_lagging {node, height, best, behind}, node_caught_up {node, height}
 *   node_refused {node, block, reason}              once for each block and reason in a row
 *   node_removed {node}
 *   finality_advanced {id, height}
 *   divergence {nodes, blocks}
 */
#ifndef VD_CHAIN_OBSERVER_H
#define VD_CHAIN_OBSERVER_H

#include "chainkit/pursuit.h"
#include "observer.h"

#define VD_CHAIN_TABLE       "observers.chain"
#define VD_CHAIN_NODES_MAX   VD_PURSUIT_NODES_MAX
#define VD_CHAIN_LISTED_MAX  64
#define VD_CHAIN_HEADS_KEPT  8 /* newest heads of a node that are looked at */
#define VD_CHAIN_REASON_SIZE 24
#define VD_CHAIN_ID_SIZE     (VD_NAME_BYTES_MAX + 1)
#define VD_CHAIN_BLOCKS_MAX  200000

typedef struct vd_chain_node {
    char name[VD_NAME_BYTES_MAX + 1];
    char head[VD_CHAIN_ID_SIZE]; /* empty: none is known yet */
    uint64_t height;
    char left[VD_CHAIN_ID_SIZE]; /* the head from which it went back; empty: it did not */
    bool lagging;
    char refused[VD_CHAIN_ID_SIZE]; /* the last block that was refused from it */
    char reason[VD_CHAIN_REASON_SIZE];
} vd_chain_node_t;

/* What the events say beside the graph. */
typedef struct vd_chain_nodes {
    uint32_t count;
    vd_chain_node_t list[VD_CHAIN_NODES_MAX]; /* in the order of their names */
    char final[VD_CHAIN_ID_SIZE];
    uint64_t final_height;
    bool diverged;
} vd_chain_nodes_t;

typedef struct vd_watched_chain {
    char app[VD_NAME_BYTES_MAX + 1];
    int64_t interval_ms;
    int64_t deadline_ms;
    uint64_t history;
    uint64_t confirmations;
    uint64_t lagging_after;
    vd_graph_t *graph;
    vd_chain_nodes_t nodes;
} vd_watched_chain_t;

/* nodes.c */
const vd_chain_node_t *vd_chain_node(const vd_chain_nodes_t *self, vd_str_t name);
void vd_chain_nodes_apply(vd_chain_nodes_t *self, const vd_event_t *event);
void vd_chain_nodes_save(const vd_chain_nodes_t *self, vd_buffer_t *out);
vd_status_t vd_chain_nodes_load(vd_chain_nodes_t *self, const vd_value_t *map);

/* chain_turn.c, chain_view.c */
vd_status_t vd_chain_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_chain_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
extern const vd_query_row_t vd_chain_queries[];
vd_status_t vd_chain_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                           vd_bytes_t args, vd_buffer_t *out);

extern const vd_observer_t vd_chain_observer;

#endif
