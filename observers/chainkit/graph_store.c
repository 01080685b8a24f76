/* graph_store.c: a graph pruned, and as one value.
 *
 * The value is {root_height, sources: [name...], digits, ids, others: [place, id, ...], links: [place, back,
 * ...], told: [count, source, ...]}, of the blocks in the order of their serials, whose places count from
 * 0. `ids` are the ids of most of them one after the other, each of `digits` lower-case hexadecimal digits
 * as bytes; those that are none stand in `others`, as in vd_graph_write_id. `links` names the blocks whose
 * parent is not the one before: it stands so many places before. `told` are the numbers of the sources, so
 * many blocks in a row each (0: unknown). So a block takes little more than its id.
 */
#include "chainkit/graph_state.h"

#include <assert.h>
#include <stdlib.h>

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

/* Into half as many bytes; false for what is not lower-case hexadecimal. */
static bool to_bytes(vd_str_t id, uint8_t *bytes)
{
    for (size_t at = 0; at + 1 < id.size; at += 2) {
        int high = hex_digit((char)id.data[at]), low = hex_digit((char)id.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[at / 2] = (uint8_t)(high * 16 + low);
    }
    return id.size % 2 == 0;
}

static void to_digits(vd_bytes_t bytes, char *id)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t at = 0; at < bytes.size; at++) {
        id[2 * at] = digits[bytes.data[at] >> 4];
        id[2 * at + 1] = digits[bytes.data[at] & 15];
    }
}

void vd_graph_write_id(vd_buffer_t *out, vd_str_t id)
{
    uint8_t bytes[VD_NAME_BYTES_MAX / 2];
    if (to_bytes(id, bytes))
        vd_write_bin(out, vd_bytes(bytes, id.size / 2));
    else
        vd_write_str(out, id);
}

bool vd_graph_read_id(const vd_value_t *value, char *id, size_t *size)
{
    if (value->kind == VD_KIND_STR) {
        *size = value->bytes.size;
        return *size > 0 && *size <= VD_NAME_BYTES_MAX && memcpy(id, value->bytes.data, *size);
    }
    if (value->kind != VD_KIND_BIN || value->bytes.size == 0 ||
        value->bytes.size > VD_NAME_BYTES_MAX / 2)
        return false;
    to_digits(value->bytes, id);
    *size = 2 * value->bytes.size;
    return true;
}

/* The lists of a graph on their way into its value. */
typedef struct lists {
    vd_buffer_t ids, others, links, told;
    uint32_t other_count, link_count, told_count;
} lists_t;

static void write_told(lists_t *lists, uint64_t count, uint64_t source)
{
    vd_write_u64(&lists->told, count);
    vd_write_u64(&lists->told, source);
    lists->told_count++;
}

/* How many digits most ids have; 0: none is hexadecimal. */
static size_t common_digits(const vd_graph_t *self, const uint32_t *order)
{
    uint32_t counts[VD_NAME_BYTES_MAX + 1] = {0}, best = 0;
    uint8_t bytes[VD_NAME_BYTES_MAX / 2];
    for (uint32_t at = 0; at < self->block_count; at++) {
        const vd_block_slot_t *slot = &self->slots[order[at]];
        if (to_bytes(vd_bytes(slot->id, slot->id_size), bytes))
            counts[slot->id_size]++;
    }
    for (uint32_t digits = 1; digits <= VD_NAME_BYTES_MAX; digits++)
        if (counts[digits] > counts[best])
            best = digits;
    return best;
}

static void fill_lists(const vd_graph_t *self, const uint32_t *order, const uint32_t *place,
                       size_t digits, lists_t *lists)
{
    uint8_t bytes[VD_NAME_BYTES_MAX / 2];
    uint64_t source = 0, in_a_row = 0;
    for (uint32_t at = 0; at < self->block_count; at++) {
        const vd_block_slot_t *slot = &self->slots[order[at]];
        vd_str_t id = vd_bytes(slot->id, slot->id_size);
        if (id.size == digits && to_bytes(id, bytes)) {
            vd_buffer_add(&lists->ids, bytes, digits / 2);
        } else {
            vd_write_u64(&lists->others, at);
            vd_graph_write_id(&lists->others, id);
            lists->other_count++;
        }
        if (slot->parent != VD_BLOCK_NONE && at - place[slot->parent] != 1) {
            vd_write_u64(&lists->links, at);
            vd_write_u64(&lists->links, at - place[slot->parent]);
            lists->link_count++;
        }
        uint64_t own = slot->source == VD_SOURCE_UNKNOWN ? 0 : slot->source + (uint64_t)1;
        if (in_a_row > 0 && own != source) {
            write_told(lists, in_a_row, source);
            in_a_row = 0;
        }
        source = own;
        in_a_row++;
    }
    if (in_a_row > 0)
        write_told(lists, in_a_row, source);
}

static void write_list(vd_buffer_t *out, const char *key, uint32_t pairs, const vd_buffer_t *list)
{
    vd_write_text(out, key);
    vd_write_array(out, 2 * pairs);
    vd_write_raw(out, vd_buffer_view(list));
    out->full |= list->full;
}

static void write_blocks(const vd_graph_t *self, const uint32_t *order, vd_buffer_t *out)
{
    lists_t lists = {0};
    vd_buffer_t *buffers[] = {&lists.ids, &lists.others, &lists.links, &lists.told};
    uint32_t *place = calloc(self->slot_count + (size_t)1, sizeof *place);
    out->full |= !place || (!order && self->block_count > 0);
    for (size_t at = 0; at < sizeof buffers / sizeof *buffers; at++)
        vd_buffer_init(buffers[at], out->cap);
    size_t digits = out->full ? 0 : common_digits(self, order);
    for (uint32_t at = 0; !out->full && at < self->block_count; at++)
        place[order[at]] = at;
    if (!out->full)
        fill_lists(self, order, place, digits, &lists);
    vd_write_pair_u64(out, "digits", digits);
    vd_write_text(out, "ids");
    vd_write_bin(out, vd_buffer_view(&lists.ids));
    out->full |= lists.ids.full;
    write_list(out, "others", lists.other_count, &lists.others);
    write_list(out, "links", lists.link_count, &lists.links);
    write_list(out, "told", lists.told_count, &lists.told);
    for (size_t at = 0; at < sizeof buffers / sizeof *buffers; at++)
        vd_buffer_free(buffers[at]);
    free(place);
}

void vd_graph_save(const vd_graph_t *self, vd_buffer_t *out)
{
    assert(self && !self->under && out);
    uint32_t *order = vd_graph_in_order(self);
    vd_write_map(out, 7);
    vd_write_pair_u64(out, "root_height",
                      self->root == VD_BLOCK_NONE ? 0 : self->slots[self->root].height);
    vd_write_text(out, "sources");
    vd_write_array(out, self->source_count);
    for (uint32_t at = 0; at < self->source_count; at++)
        vd_write_text(out, self->sources[at]);
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

/* A list of pairs that is read from its front, each pair when its turn comes. */
typedef struct pairs {
    vd_bytes_t rest;
    vd_value_t first, second;
    bool there;
} pairs_t;

static void next_pair(pairs_t *self)
{
    self->there = vd_value_next(&self->rest, &self->first) && self->first.kind == VD_KIND_U64 &&
                  vd_value_next(&self->rest, &self->second);
}

static bool open_pairs(const vd_value_t *map, const char *key, pairs_t *self)
{
    vd_value_t list;
    if (!vd_value_get(map, key, &list) || list.kind != VD_KIND_ARRAY || list.count % 2 != 0)
        return false;
    self->rest = list.bytes;
    next_pair(self);
    return true;
}

static bool is_over(const pairs_t *self)
{
    return !self->there && self->rest.size == 0;
}

typedef struct loading {
    uint64_t root_height;
    size_t digits;
    vd_bytes_t ids; /* those that are left */
    pairs_t others, links, told;
    uint64_t in_a_row; /* blocks that are left of the row of `told` at hand */
    uint32_t *order;   /* the blocks so far */
} loading_t;

/* The next id; false: the lists do not say it. */
static bool load_id(loading_t *loading, uint32_t at, char *id, size_t *size)
{
    if (loading->others.there && loading->others.first.u64 == at) {
        bool good = vd_graph_read_id(&loading->others.second, id, size);
        next_pair(&loading->others);
        return good;
    }
    size_t bytes = loading->digits / 2;
    if (bytes == 0 || loading->ids.size < bytes)
        return false;
    to_digits(vd_bytes(loading->ids.data, bytes), id);
    *size = loading->digits;
    loading->ids = vd_bytes(loading->ids.data + bytes, loading->ids.size - bytes);
    return true;
}

static bool load_back(loading_t *loading, uint32_t at, uint64_t *back)
{
    *back = at > 0;
    if (!loading->links.there || loading->links.first.u64 != at)
        return true;
    *back = vd_value_u64(&loading->links.second, 0);
    next_pair(&loading->links);
    return *back > 1 && *back <= at;
}

static bool load_told(loading_t *loading, const vd_graph_t *self, uint16_t *source)
{
    if (loading->in_a_row == 0 && loading->told.there)
        loading->in_a_row = loading->told.first.u64;
    uint64_t number = vd_value_u64(&loading->told.second, UINT64_MAX);
    if (loading->in_a_row == 0 || number > self->source_count)
        return false;
    *source = number ? (uint16_t)(number - 1) : VD_SOURCE_UNKNOWN;
    if (--loading->in_a_row == 0)
        next_pair(&loading->told);
    return true;
}

static vd_status_t load_block(vd_graph_t *self, loading_t *loading, uint32_t at)
{
    char id[VD_NAME_BYTES_MAX];
    size_t size = 0;
    uint64_t back = 0;
    uint16_t source = 0;
    if (!load_id(loading, at, id, &size) || !load_back(loading, at, &back) ||
        !load_told(loading, self, &source) ||
        vd_graph_find(self, vd_bytes(id, size)) != VD_BLOCK_NONE)
        return VD_MALFORMED;
    uint32_t parent = at == 0 ? VD_BLOCK_NONE : loading->order[at - back];
    uint64_t height = at == 0 ? loading->root_height : vd_graph_height(self, parent) + 1;
    vd_verdict_t verdict =
        vd_graph_attach(self, parent, vd_bytes(id, size), height, source, &loading->order[at]);
    return verdict == VD_VERDICT_ADDED  ? VD_OK
           : verdict == VD_VERDICT_FULL ? VD_TOO_LARGE
                                        : VD_NO_MEMORY;
}

static bool open_loading(const vd_value_t *map, loading_t *loading)
{
    vd_value_t ids;
    loading->root_height = vd_value_get_u64(map, "root_height", VD_HEIGHT_UNKNOWN);
    loading->digits = (size_t)vd_value_get_u64(map, "digits", VD_NAME_BYTES_MAX + 1);
    if (loading->root_height > VD_HEIGHT_MAX || loading->digits > VD_NAME_BYTES_MAX ||
        loading->digits % 2 != 0 || !vd_value_get(map, "ids", &ids) || ids.kind != VD_KIND_BIN)
        return false;
    loading->ids = ids.bytes;
    return open_pairs(map, "others", &loading->others) &&
           open_pairs(map, "links", &loading->links) && open_pairs(map, "told", &loading->told);
}

/* Is there nothing left of any list? */
static bool is_whole(const loading_t *loading)
{
    return loading->ids.size == 0 && loading->in_a_row == 0 && is_over(&loading->others) &&
           is_over(&loading->links) && is_over(&loading->told);
}

vd_status_t vd_graph_load(vd_graph_t *self, vd_bytes_t value)
{
    assert(self && !self->under && self->block_count == 0 && self->source_count == 0);
    vd_value_t map, sources;
    loading_t loading = {0};
    if (!vd_value_of(value, &map) || !vd_value_get(&map, "sources", &sources) ||
        sources.kind != VD_KIND_ARRAY || !load_sources(self, sources) ||
        !open_loading(&map, &loading))
        return VD_MALFORMED;
    vd_status_t status = VD_OK;
    loading.order = calloc(self->limits.blocks_max + (size_t)1, sizeof *loading.order);
    if (!loading.order)
        return VD_NO_MEMORY;
    for (uint32_t at = 0; status == VD_OK && !is_whole(&loading); at++)
        status = load_block(self, &loading, at);
    free(loading.order);
    return status;
}
