/* graph_store.c: a graph pruned, and as one value.
 *
 * The value is {root_height, sources: [name...], blocks: [id, back, source, ...]}: the blocks in the
 * order of their serials, three elements each: the id (as bytes when it is lower-case hexadecimal, else
 * as text), how many blocks before it in the list its parent stands (0: the root), and the number of its
 * source (0: unknown).
 */
#include "chainkit/graph_state.h"

#include <assert.h>
#include <stdlib.h>

enum { ELEMENTS = 3 };

/* ---- pruning ---- */

/* Releases a block and all its descendants. The list of those still to go is chained through
 * `next_sibling`. */
static uint32_t release_tree(vd_graph_t *self, uint32_t block)
{
    uint32_t count = 0;
    self->slots[block].next_sibling = VD_BLOCK_NONE;
    while (block != VD_BLOCK_NONE) {
        uint32_t next = self->slots[block].next_sibling, child = self->slots[block].first_child;
        while (child != VD_BLOCK_NONE) {
            uint32_t sibling = self->slots[child].next_sibling;
            self->slots[child].next_sibling = next;
            next = child;
            child = sibling;
        }
        vd_graph_release(self, block);
        count++;
        block = next;
    }
    return count;
}

/* Releases what leaves the block `at` elsewhere than towards its child `keep`. */
static uint32_t release_beside(vd_graph_t *self, uint32_t at, uint32_t keep)
{
    uint32_t count = 0, child = self->slots[at].first_child;
    while (child != VD_BLOCK_NONE) {
        uint32_t sibling = self->slots[child].next_sibling;
        if (child != keep)
            count += release_tree(self, child);
        child = sibling;
    }
    return count;
}

uint32_t vd_graph_prune(vd_graph_t *self, uint32_t root)
{
    assert(self && !self->under && vd_graph_descends(self, root, self->root));
    uint32_t count = 0, keep = root, above = self->slots[root].parent;
    for (uint32_t at = above; at != VD_BLOCK_NONE; at = self->slots[at].parent) {
        count += release_beside(self, at, keep);
        keep = at;
    }
    while (above != VD_BLOCK_NONE) {
        uint32_t at = above;
        above = self->slots[at].parent;
        vd_graph_release(self, at);
        count++;
    }
    vd_block_slot_t *slot = &self->slots[root];
    slot->parent = slot->next_sibling = VD_BLOCK_NONE;
    slot->jump = self->root = root;
    slot->jump_height = slot->height;
    vd_graph_drop_low_orphans(self, slot->height);
    return count;
}

/* ---- saving ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void vd_graph_write_id(vd_buffer_t *out, vd_str_t id)
{
    uint8_t bytes[VD_NAME_BYTES_MAX / 2];
    bool hex = id.size % 2 == 0;
    for (size_t at = 0; hex && at < id.size; at += 2) {
        int high = hex_digit((char)id.data[at]), low = hex_digit((char)id.data[at + 1]);
        hex = high >= 0 && low >= 0;
        bytes[at / 2] = (uint8_t)(hex ? high * 16 + low : 0);
    }
    if (hex)
        vd_write_bin(out, vd_bytes(bytes, id.size / 2));
    else
        vd_write_str(out, id);
}

bool vd_graph_read_id(const vd_value_t *value, char *id, size_t *size)
{
    static const char digits[] = "0123456789abcdef";
    if (value->kind == VD_KIND_STR) {
        *size = value->bytes.size;
        return *size > 0 && *size <= VD_NAME_BYTES_MAX && memcpy(id, value->bytes.data, *size);
    }
    if (value->kind != VD_KIND_BIN || value->bytes.size == 0 ||
        value->bytes.size > VD_NAME_BYTES_MAX / 2)
        return false;
    for (size_t at = 0; at < value->bytes.size; at++) {
        id[2 * at] = digits[value->bytes.data[at] >> 4];
        id[2 * at + 1] = digits[value->bytes.data[at] & 15];
    }
    *size = 2 * value->bytes.size;
    return true;
}

static void write_blocks(const vd_graph_t *self, const uint32_t *order, vd_buffer_t *out)
{
    uint32_t *place = calloc(self->slot_count + (size_t)1, sizeof *place);
    out->full |= !place || (!order && self->block_count > 0);
    if (out->full) {
        free(place);
        return;
    }
    for (uint32_t at = 0; at < self->block_count; at++)
        place[order[at]] = at;
    for (uint32_t at = 0; at < self->block_count; at++) {
        const vd_block_slot_t *slot = &self->slots[order[at]];
        vd_graph_write_id(out, vd_bytes(slot->id, slot->id_size));
        vd_write_u64(out, slot->parent == VD_BLOCK_NONE ? 0 : at - place[slot->parent]);
        vd_write_u64(out, slot->source == VD_SOURCE_UNKNOWN ? 0 : slot->source + (uint64_t)1);
    }
    free(place);
}

void vd_graph_save(const vd_graph_t *self, vd_buffer_t *out)
{
    assert(self && !self->under && out);
    uint32_t *order = vd_graph_in_order(self);
    vd_write_map(out, 3);
    vd_write_pair_u64(out, "root_height",
                      self->root == VD_BLOCK_NONE ? 0 : self->slots[self->root].height);
    vd_write_text(out, "sources");
    vd_write_array(out, self->source_count);
    for (uint32_t at = 0; at < self->source_count; at++)
        vd_write_text(out, self->sources[at]);
    vd_write_text(out, "blocks");
    vd_write_array(out, ELEMENTS * self->block_count);
    write_blocks(self, order, out);
    free(order);
}

/* ---- loading ---- */

static bool load_sources(vd_graph_t *self, vd_value_t list)
{
    vd_value_t name;
    uint16_t expected = 0;
    while (vd_value_next(&list.bytes, &name)) {
        if (name.kind != VD_KIND_STR ||
            vd_graph_source_number(self, vd_value_str(&name)) != expected++)
            return false;
    }
    return true;
}

/* One block; `order` holds those before it. */
static vd_status_t load_block(vd_graph_t *self, vd_bytes_t *rest, uint64_t root_height,
                              uint32_t *order)
{
    char id[VD_NAME_BYTES_MAX];
    size_t size;
    vd_value_t id_value, back, source;
    uint32_t at = self->block_count;
    if (!vd_value_next(rest, &id_value) || !vd_value_next(rest, &back) ||
        !vd_value_next(rest, &source) || !vd_graph_read_id(&id_value, id, &size) ||
        back.kind != VD_KIND_U64 || source.kind != VD_KIND_U64 || source.u64 > self->source_count ||
        (at == 0) != (back.u64 == 0) || back.u64 > at ||
        vd_graph_find(self, vd_bytes(id, size)) != VD_BLOCK_NONE)
        return VD_MALFORMED;
    uint32_t parent = at == 0 ? VD_BLOCK_NONE : order[at - back.u64];
    uint64_t height = at == 0 ? root_height : vd_graph_height(self, parent) + 1;
    uint16_t number = source.u64 ? (uint16_t)(source.u64 - 1) : VD_SOURCE_UNKNOWN;
    vd_verdict_t verdict =
        vd_graph_attach(self, parent, vd_bytes(id, size), height, number, &order[at]);
    return verdict == VD_VERDICT_ADDED  ? VD_OK
           : verdict == VD_VERDICT_FULL ? VD_TOO_LARGE
                                        : VD_NO_MEMORY;
}

vd_status_t vd_graph_load(vd_graph_t *self, vd_bytes_t value)
{
    assert(self && !self->under && self->block_count == 0 && self->source_count == 0);
    vd_value_t map, sources, blocks;
    if (!vd_value_of(value, &map) || !vd_value_get(&map, "sources", &sources) ||
        sources.kind != VD_KIND_ARRAY || !vd_value_get(&map, "blocks", &blocks) ||
        blocks.kind != VD_KIND_ARRAY || blocks.count % ELEMENTS != 0 ||
        !load_sources(self, sources))
        return VD_MALFORMED;
    uint64_t root_height = vd_value_get_u64(&map, "root_height", VD_HEIGHT_UNKNOWN);
    uint32_t count = blocks.count / ELEMENTS;
    if (root_height > VD_HEIGHT_MAX)
        return VD_MALFORMED;
    if (count > self->limits.blocks_max)
        return VD_TOO_LARGE;
    uint32_t *order = calloc(count + (size_t)1, sizeof *order);
    vd_status_t status = order ? VD_OK : VD_NO_MEMORY;
    for (uint32_t at = 0; at < count && status == VD_OK; at++)
        status = load_block(self, &blocks.bytes, root_height, order);
    free(order);
    return status;
}
