/* looks.h: which blocks have to be looked at again, since an address or a coin became known after they were
 * read.
 *
 * 1. Of each block a filter is kept of the addresses that it pays and the outputs that it spends: what the
 *    filter has not is not in the block; what it has may be. A block with very many of them has no
 *    filter, and may hold anything. So few blocks are read again, however many addresses come later.
 * 2. Rows stand at the handles of the graph; the serial tells whose they are.
 */
#ifndef VD_LOOKS_H
#define VD_LOOKS_H

#include "chainkit/content.h"

#define VD_FILTER_BYTES_MAX 512

/* ---- filters ---- */

uint64_t vd_filter_address(vd_str_t address);
uint64_t vd_filter_outpoint(vd_str_t tx, uint32_t index);
/* Writes the filter of a block into VD_FILTER_BYTES_MAX bytes; returns its size; 0: anything may be in
 * it. */
size_t vd_filter_make(const vd_chain_block_t *content, uint8_t *filter);
/* May the key be in it? */
bool vd_filter_has(vd_bytes_t filter, uint64_t key);

/* ---- looks ---- */

typedef struct vd_looks vd_looks_t;
/* NULL without memory. */
vd_looks_t *vd_looks_new(void);
void vd_looks_destroy(vd_looks_t **self_p);

/* Keeps the filter of a block that was read. False without memory, or for a filter that cannot be. */
bool vd_looks_put(vd_looks_t *self, const vd_graph_t *graph, uint32_t block, vd_bytes_t filter);
/* Marks the blocks of height `from` or more that may hold the key. */
void vd_looks_mark(vd_looks_t *self, const vd_graph_t *graph, uint64_t key, uint64_t from);
/* The block was read; `again`: not to its end. */
void vd_looks_done(vd_looks_t *self, uint32_t block, bool again);
/* Has it to be looked at again? */
bool vd_looks_wants(const vd_looks_t *self, const vd_graph_t *graph, uint32_t block);
/* How many have to be looked at, and of how many only a part was read so far. */
uint32_t vd_looks_count(const vd_looks_t *self);
uint32_t vd_looks_part_count(const vd_looks_t *self);
/* Writes at most `max` of those that have to be looked at, from handle *at on, which moves on; returns how
 * many. */
size_t vd_looks_next(const vd_looks_t *self, uint32_t *at, uint32_t *out, size_t max);
/* Forgets the blocks that are no longer in the graph. */
void vd_looks_sweep(vd_looks_t *self, const vd_graph_t *graph);

/* As one MessagePack value, with the graph beside it; and back, into fresh ones. */
void vd_looks_save(const vd_looks_t *self, const vd_graph_t *graph, vd_buffer_t *out);
vd_status_t vd_looks_load(vd_looks_t *self, const vd_graph_t *graph, vd_bytes_t value);

#endif
