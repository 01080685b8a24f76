/* graph.h: the blocks of a chain as a tree above one root, built from what strangers say of them.
 *
 * 1. A block is in the graph when its parent is; the first one, the root, is planted. Its height is
 *    its parent's plus one, whatever is said of it. A block that was added never changes.
 * 2. A claim is what one source says of one block. What cannot be true beside what is known is
 *    refused with a reason, and changes nothing. A claim whose parent is unknown waits as an orphan,
 *    within a bound for all and one for each source, so that no source takes the room of another.
 * 3. Blocks get serial numbers in the order in which they came in, parents before children.
 *    Everything that is told in an order is told in one that the claims alone decide.
 * 4. Blocks are named by handles, which are valid until the block is pruned and may then be used
 *    again: keep the serial beside a handle that is kept.
 * 5. Pruning moves the root up; what does not descend from the new root goes. So memory is bounded
 *    by `blocks_max`, and a graph that is full takes nothing until it is pruned.
 * 6. A graph may lie over another one, which it only reads and which must not change meanwhile: what
 *    would be, if these claims were taken. Handles of the lower one are valid in the upper one. It is
 *    neither pruned nor saved.
 */
#ifndef VD_GRAPH_H
#define VD_GRAPH_H

#include "wire/limits.h"
#include "wire/value.h"

#define VD_BLOCK_NONE     UINT32_MAX
#define VD_HEIGHT_UNKNOWN UINT64_MAX
#define VD_HEIGHT_MAX     (UINT64_MAX >> 1)

#define VD_GRAPH_BLOCKS_MAX  1048576
#define VD_GRAPH_ORPHANS_MAX 4096
#define VD_GRAPH_SOURCES_MAX 1024

typedef struct vd_graph vd_graph_t;

typedef struct vd_graph_limits {
    uint32_t blocks_max;             /* 1 to VD_GRAPH_BLOCKS_MAX */
    uint32_t orphans_max;            /* 1 to VD_GRAPH_ORPHANS_MAX */
    uint32_t orphans_per_source_max; /* 1 to orphans_max */
} vd_graph_limits_t;

/* What a source says of a block. */
typedef struct vd_graph_claim {
    vd_str_t id;     /* 1 to VD_NAME_BYTES_MAX bytes */
    vd_str_t parent; /* likewise; of the root it is not looked at */
    uint64_t height; /* up to VD_HEIGHT_MAX; VD_HEIGHT_UNKNOWN: it is not said */
    vd_str_t source; /* who says so */
} vd_graph_claim_t;

typedef enum vd_verdict {
    VD_VERDICT_ADDED,
    VD_VERDICT_KNOWN,        /* the same is known already */
    VD_VERDICT_ORPHAN,       /* waits for its parent */
    VD_VERDICT_BAD_CLAIM,    /* an id or a height that cannot be */
    VD_VERDICT_CYCLE,        /* it would descend from itself */
    VD_VERDICT_WRONG_HEIGHT, /* not its parent's height plus one */
    VD_VERDICT_CHANGED,      /* it is known with another parent or height */
    VD_VERDICT_BELOW,        /* not above the root: it was pruned, or is of another chain */
    VD_VERDICT_FULL,         /* blocks_max */
    VD_VERDICT_CROWDED,      /* too many orphans, of this source or of all */
    VD_VERDICT_NO_MEMORY,
} vd_verdict_t;
/* "added", "wrong_height", ... */
const char *vd_verdict_name(vd_verdict_t verdict);
/* Does it say that the source contradicts what is known, or itself? */
bool vd_verdict_is_lie(vd_verdict_t verdict);

/* NULL without memory. */
vd_graph_t *vd_graph_new(const vd_graph_limits_t *limits);
/* An empty graph over `under`, with the same limits for what is its own. */
vd_graph_t *vd_graph_over(const vd_graph_t *under);
void vd_graph_destroy(vd_graph_t **self_p);

/* ---- claims ---- */

/* Makes this block the root of a graph that has none; its height must be said. */
vd_verdict_t vd_graph_plant(vd_graph_t *self, const vd_graph_claim_t *claim);
/* Judges a claim and takes it. With ADDED, orphans that waited for it come in behind it. */
vd_verdict_t vd_graph_add(vd_graph_t *self, const vd_graph_claim_t *claim);
/* The blocks that the last vd_graph_plant or vd_graph_add brought in, parents first. */
const uint32_t *vd_graph_added(const vd_graph_t *self, size_t *count);
/* The orphans that it refused, since their ancestor is now known. */
typedef struct vd_graph_refusal {
    char id[VD_NAME_BYTES_MAX + 1];
    char source[VD_NAME_BYTES_MAX + 1];
    vd_verdict_t verdict;
} vd_graph_refusal_t;
const vd_graph_refusal_t *vd_graph_refused(const vd_graph_t *self, size_t *count);

uint32_t vd_graph_orphan_count(const vd_graph_t *self);
/* The parent of an orphan, as this source says; the view lives until the next claim. False: there is
 * no such orphan. */
bool vd_graph_orphan_parent(const vd_graph_t *self, vd_str_t id, vd_str_t source, vd_str_t *parent);
/* A block that orphans wait for, of which nothing is known; `source` is who should have it. The
 * views live until the next claim. */
typedef struct vd_graph_wish {
    vd_str_t id, source;
    uint64_t height; /* or VD_HEIGHT_UNKNOWN */
} vd_graph_wish_t;
/* Writes at most `max` of them, each once, in the order in which the orphans came; returns how
 * many. */
size_t vd_graph_wishes(const vd_graph_t *self, vd_graph_wish_t *out, size_t max);

/* ---- blocks ---- */

uint32_t vd_graph_count(const vd_graph_t *self);
/* VD_BLOCK_NONE while nothing is planted. */
uint32_t vd_graph_root(const vd_graph_t *self);
/* VD_BLOCK_NONE when it is not in the graph. */
uint32_t vd_graph_find(const vd_graph_t *self, vd_str_t id);
vd_str_t vd_graph_id(const vd_graph_t *self, uint32_t block);
uint64_t vd_graph_height(const vd_graph_t *self, uint32_t block);
/* VD_BLOCK_NONE of the root. */
uint32_t vd_graph_parent(const vd_graph_t *self, uint32_t block);
uint64_t vd_graph_serial(const vd_graph_t *self, uint32_t block);
/* Who said so first; empty when there are too many sources to keep their names. */
vd_str_t vd_graph_source(const vd_graph_t *self, uint32_t block);
/* Is this handle still this block? */
bool vd_graph_is(const vd_graph_t *self, uint32_t block, uint64_t serial);

/* ---- ancestry, each in logarithmic time ---- */

/* The ancestor of this height, or the block itself; VD_BLOCK_NONE below the root or above it. */
uint32_t vd_graph_ancestor_at(const vd_graph_t *self, uint32_t block, uint64_t height);
/* Is `above` the block or one of its descendants? */
bool vd_graph_descends(const vd_graph_t *self, uint32_t above, uint32_t block);
/* The highest block from which both descend. */
uint32_t vd_graph_fork(const vd_graph_t *self, uint32_t a, uint32_t b);

/* From one head to another: down from `from` to the fork, then up to `to`. */
typedef struct vd_graph_path {
    uint32_t from, to, fork;
    uint64_t removed, added; /* how many blocks; a reorganization is `removed` deep */
} vd_graph_path_t;
vd_graph_path_t vd_graph_path(const vd_graph_t *self, uint32_t from, uint32_t to);
/* The blocks above `below` up to `tip`, which descends from it, parents first: the last `max` of
 * them at most. Returns how many. */
size_t vd_graph_line(const vd_graph_t *self, uint32_t below, uint32_t tip, uint32_t *out,
                     size_t max);

/* The blocks without children, the highest first, of equal ones the one that came first. Writes at
 * most `max` of them; returns how many there are. */
size_t vd_graph_tips(const vd_graph_t *self, uint32_t *out, size_t max);
/* The first of the tips; VD_BLOCK_NONE of an empty graph. */
uint32_t vd_graph_best(const vd_graph_t *self);

/* ---- bounds and storage ---- */

/* Makes `root` the root: ancestors, branches that leave below it, and orphans that can no longer
 * belong to it go. Returns how many blocks. */
uint32_t vd_graph_prune(vd_graph_t *self, uint32_t root);
/* The blocks in the order of their serials, `vd_graph_count` of them; to be freed. NULL without
 * memory or blocks. */
uint32_t *vd_graph_in_order(const vd_graph_t *self);
/* The blocks as one MessagePack value; orphans are not kept. */
void vd_graph_save(const vd_graph_t *self, vd_buffer_t *out);
/* Into an empty graph, which has to be destroyed when this fails. */
vd_status_t vd_graph_load(vd_graph_t *self, vd_bytes_t value);

#endif
