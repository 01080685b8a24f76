/* chain.h: the observer of one chain of blocks: where its nodes stand, how they fork, and what is final.
 *
 * 1. A node is a source of adapter http whose label "app" is the configured one and which has no label
 *    "wallet"; its label "reader" says in which form it answers (chainkit/reader.h). One observer watches
 *    one chain.
 * 2. The graph begins `history` blocks below the first head that is heard. A head that is not in it is
 *    caught up with: by the headers above what is known, where the node can be asked by height, and
 *    else, and where they do not connect, by its ancestors until one is known. A long way down is kept
 *    as it is gone (ancestors_read); blocks are told parents first all the same.
 * 3. One failing node hides nothing of another's. What a node says that cannot be beside what is known, or
 *    that it cannot show, is told as node_refused and changes nothing else. A node whose chain does
 *    not come from the root is told as of another chain, and looked at again after a while.
 * 4. A node's head that goes to a block which does not descend from the one before is a reorganization,
 *    unless it only went back on its own branch, or the node says that it is syncing. A node that
 *    reorganizes goes back block by block, and is seen on the way: what counts is the head that it had
 *    before it went back. Where the node tells its tips, what it has of the branch that it left above
 *    the last head that was seen counts as left, too. What begins and ends between two reads is not
 *    told, nor is what a node shows no trace of.
 * 5. What is final is the highest block that more than half of the nodes agree on: of those that say what
 *    is irreversible, or, if none does, what stands `confirmations` below their heads. Nodes that are
 *    syncing have no say. It never goes back. Blocks more than `history` below it are forgotten.
 * 6. A divergence is told when two nodes call blocks irreversible of which neither descends from the
 *    other; never of heads.
 *
 * Events:
 *   block_discovered {id, parent, height, node}     parents first; the first one is the root
 *   ancestors_read {node, height, blocks, next}     of a head that is caught up with, downwards
 *   head_changed {node, id, height, previous, left}   left: only while it is back on its own branch
 *   reorg {node, previous, from, to, fork_point, depth, removed, added}   ids, at most 64, the highest;
 *                                                   `from` is `previous`, or stands above it
 *   node_syncing {node, height}, node_synced {node, height}
 *   node_lagging {node, height, best, behind}, node_caught_up {node, height}
 *   node_refused {node, block, reason, until_ms}    not again while it is among the newest ones
 *   node_removed {node}
 *   finality_advanced {id, height}
 *   divergence {nodes, blocks, fork_point}, divergence_ended {nodes}
 */
#ifndef VD_CHAIN_OBSERVER_H
#define VD_CHAIN_OBSERVER_H

#include "chainkit/pursuit.h"
#include "observer.h"

#define VD_CHAIN_TABLE        "observers.chain"
#define VD_CHAIN_NODES_MAX    VD_PURSUIT_NODES_MAX
#define VD_CHAIN_LISTED_MAX   64
#define VD_CHAIN_RECENT_MAX   64
#define VD_CHAIN_HEADS_KEPT   8 /* newest heads of a node that are looked at */
#define VD_CHAIN_REFUSED_KEPT 8
#define VD_CHAIN_REASON_SIZE  24
#define VD_CHAIN_ID_SIZE      (VD_NAME_BYTES_MAX + 1)
#define VD_CHAIN_BLOCKS_MAX   200000
#define VD_CHAIN_WALK_MAX     16384 /* blocks of one walk down */

typedef struct vd_chain_refusal {
    char block[VD_CHAIN_ID_SIZE]; /* empty: what was refused names none */
    char reason[VD_CHAIN_REASON_SIZE];
} vd_chain_refusal_t;

typedef struct vd_chain_node {
    char name[VD_NAME_BYTES_MAX + 1];
    char head[VD_CHAIN_ID_SIZE]; /* empty: none is known yet */
    uint64_t height;
    char left[VD_CHAIN_ID_SIZE]; /* the head from which it went back; empty: it did not */
    bool lagging, syncing, diverged;
    int64_t until_ms; /* before then it is of another chain */
    uint64_t refusals;
    vd_chain_refusal_t refused[VD_CHAIN_REFUSED_KEPT]; /* number n at n % KEPT, from 0 */
} vd_chain_node_t;

/* What the events say beside the graph. */
typedef struct vd_chain_nodes {
    uint32_t count;
    vd_chain_node_t list[VD_CHAIN_NODES_MAX]; /* in the order of their names */
    char final[VD_CHAIN_ID_SIZE];
    uint64_t final_height;
} vd_chain_nodes_t;

/* A way down from a block that is not in the graph. */
typedef struct vd_chain_walk {
    char node[VD_NAME_BYTES_MAX + 1]; /* empty: there is none */
    uint64_t height;                  /* of the first block; VD_HEIGHT_UNKNOWN */
    uint32_t count, room;
    char (*ids)[VD_CHAIN_ID_SIZE]; /* each the parent of the one before */
    char next[VD_CHAIN_ID_SIZE];   /* the parent of the last */
} vd_chain_walk_t;

typedef struct vd_watched_chain {
    char app[VD_NAME_BYTES_MAX + 1];
    int64_t interval_ms;
    int64_t deadline_ms;
    uint64_t history;
    uint64_t confirmations;
    uint64_t lagging_after;
    vd_graph_t *graph;
    vd_chain_nodes_t nodes;
    vd_chain_walk_t walks[VD_CHAIN_NODES_MAX];
} vd_watched_chain_t;

/* nodes.c */
const vd_chain_node_t *vd_chain_node(const vd_chain_nodes_t *self, vd_str_t name);
/* The newest refusal; NULL: there is none. */
const vd_chain_refusal_t *vd_chain_refused(const vd_chain_node_t *node);
/* Is this one among the newest? */
bool vd_chain_was_refused(const vd_chain_node_t *node, vd_str_t block, const char *reason);
bool vd_chain_diverged(const vd_chain_nodes_t *self);
void vd_chain_nodes_apply(vd_chain_nodes_t *self, const vd_event_t *event);
void vd_chain_nodes_save(const vd_chain_nodes_t *self, vd_buffer_t *out);
vd_status_t vd_chain_nodes_load(vd_chain_nodes_t *self, const vd_value_t *map);

/* walks.c: the walks of a state, one for each node at most. */
const vd_chain_walk_t *vd_chain_walk(const vd_watched_chain_t *self, vd_str_t node);
void vd_chain_walks_apply(vd_watched_chain_t *self, const vd_event_t *event);
void vd_chain_walks_save(const vd_watched_chain_t *self, vd_buffer_t *out);
vd_status_t vd_chain_walks_load(vd_watched_chain_t *self, const vd_value_t *list);
void vd_chain_walks_free(vd_watched_chain_t *self);

/* chain_turn.c, chain_view.c */
vd_status_t vd_chain_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_chain_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
/* chain_recent.c: the newest blocks, VD_CHAIN_RECENT_MAX at most, as an array of {id, height, node, below}, the
 * highest first: what the nodes' heads, the tips, and what is final are joined by, and what stands
 * below the best. `below` is the highest of them from which the block descends, nil where there is none. */
void vd_chain_write_recent(const vd_watched_chain_t *self, vd_buffer_t *out);
extern const char vd_chain_layout[];
extern const vd_query_row_t vd_chain_queries[];
vd_status_t vd_chain_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                           vd_bytes_t args, vd_buffer_t *out);

extern const vd_observer_t vd_chain_observer;

#endif
