/* graph_state.h: how a graph is kept, for the files that make it up.
 *
 * 1. Blocks stand in slots of one array, found by id through chains of a hash table. Free slots are
 *    chained by `next_sibling`.
 * 2. Each block has a jump to some ancestor, so placed that any ancestor is a logarithmic number of
 *    jumps and steps away: where the last two jumps below the parent are equally long, both of them
 *    as one, else the parent. A jump to below the root is broken and never followed; `jump_height`
 *    tells, since the slot that it leads to may be another block's by then.
 * 3. Handles of a graph over another one begin behind the slots of the lower one.
 */
#ifndef VD_GRAPH_STATE_H
#define VD_GRAPH_STATE_H

#include "chainkit/graph.h"

#define VD_SOURCE_UNKNOWN UINT16_MAX

typedef struct vd_block_slot {
    char id[VD_NAME_BYTES_MAX];
    uint8_t id_size; /* 0: the slot is free */
    uint16_t source;
    uint32_t hash;
    uint32_t next; /* of the same bucket */
    uint32_t parent;
    uint32_t jump;
    uint32_t first_child, next_sibling;
    uint32_t tip; /* its place among the tips; VD_BLOCK_NONE: it has children */
    uint64_t height;
    uint64_t jump_height;
    uint64_t serial;
} vd_block_slot_t;

typedef struct vd_orphan {
    char id[VD_NAME_BYTES_MAX];
    char parent[VD_NAME_BYTES_MAX];
    uint8_t id_size, parent_size;
    uint32_t id_hash, parent_hash;
    char source[VD_NAME_BYTES_MAX + 1];
    uint64_t height; /* or VD_HEIGHT_UNKNOWN */
} vd_orphan_t;

struct vd_graph {
    vd_graph_limits_t limits;
    const vd_graph_t *under;
    uint32_t first; /* handle of the first slot */
    vd_block_slot_t *slots;
    uint32_t slot_count, slot_room, free_slot, block_count;
    uint32_t *buckets;
    uint32_t bucket_count; /* a power of two, or 0 */
    uint32_t root;         /* own; VD_BLOCK_NONE: none, or of the lower graph */
    uint64_t serial;       /* of the newest block */
    uint32_t *tips;
    uint32_t tip_count, tip_room;
    char (*sources)[VD_NAME_BYTES_MAX + 1];
    uint32_t source_count, source_room;
    vd_orphan_t *orphans;
    uint32_t orphan_count, orphan_room;
    uint32_t *added;
    uint32_t added_count, added_room;
    vd_graph_refusal_t *refused;
    uint32_t refused_count, refused_room;
};

/* The block of a handle, in this graph or a lower one. */
const vd_block_slot_t *vd_graph_slot(const vd_graph_t *self, uint32_t block);
/* Adds a block under `parent` (VD_BLOCK_NONE: as the root). ADDED, FULL or NO_MEMORY. */
vd_verdict_t vd_graph_attach(vd_graph_t *self, uint32_t parent, vd_str_t id, uint64_t height,
                             uint16_t source, uint32_t *block);
/* Takes a slot of this graph out of its bucket and the tips, and frees it. */
void vd_graph_release(vd_graph_t *self, uint32_t block);
/* Makes a childless block of this graph a tip. False without memory. */
bool vd_graph_make_tip(vd_graph_t *self, uint32_t block);
/* The number of a source's name, kept on first use. */
uint16_t vd_graph_source_number(vd_graph_t *self, vd_str_t source);
/* Drops the orphans that cannot be above the root. */
void vd_graph_drop_low_orphans(vd_graph_t *self, uint64_t root_height);
/* Writes an id: as bytes when it is lower-case hexadecimal, else as text. */
void vd_graph_write_id(vd_buffer_t *out, vd_str_t id);
/* Reads it into VD_NAME_BYTES_MAX bytes. False for what was not written so. */
bool vd_graph_read_id(const vd_value_t *value, char *id, size_t *size);
/* Room for one more element of `size` bytes; false without memory or beyond `max`. */
bool vd_graph_room(void **list, uint32_t *room, uint32_t count, uint32_t max, size_t size);

#endif
