/* looks.c: filters of blocks, and the marks of those that have to be looked at again. */
#include "looks.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

enum { BITS_PER_KEY = 10, PROBES = 6, FILTER_BYTES_MIN = 8, ROOM_MIN = 64 };

/* What the filter of a block is read from. */
enum { WHOLE = 0, AGAIN = 1, PART = 2 };

typedef struct look {
    uint64_t serial; /* 0: none */
    uint8_t here[FILTER_BYTES_MIN];
    uint8_t *filter; /* NULL: it is `here`, or there is none */
    uint16_t size;
    uint8_t mark;
} look_t;

struct vd_looks {
    uint32_t room;
    look_t *rows;
    uint32_t count, part_count;
};

/* ---- filters ---- */

uint64_t vd_filter_address(vd_str_t address)
{
    return vd_hash(UINT64_MAX, address);
}

uint64_t vd_filter_outpoint(vd_str_t tx, uint32_t index)
{
    return vd_hash(index, tx);
}

static uint64_t probe(uint64_t key, uint32_t number, size_t size)
{
    return ((key + number * (vd_hash_mix(key) | 1)) >> 7) & (8 * size - 1);
}

static void enter(uint8_t *filter, size_t size, uint64_t key)
{
    for (uint32_t at = 0; at < PROBES; at++) {
        uint64_t bit = probe(key, at, size);
        filter[bit / 8] |= (uint8_t)(1 << bit % 8);
    }
}

bool vd_filter_has(vd_bytes_t filter, uint64_t key)
{
    for (uint32_t at = 0; at < PROBES && filter.size > 0; at++) {
        uint64_t bit = probe(key, at, filter.size);
        if (!(filter.data[bit / 8] & (1 << bit % 8)))
            return false;
    }
    return true;
}

static void enter_tx(const vd_chain_tx_t *tx, uint8_t *filter, size_t size)
{
    for (uint32_t at = 0; at < tx->input_count; at++)
        if (tx->inputs[at].tx.size > 0)
            enter(filter, size, vd_filter_outpoint(tx->inputs[at].tx, tx->inputs[at].index));
    for (uint32_t at = 0; at < tx->output_count; at++)
        if (tx->outputs[at].address.size > 0)
            enter(filter, size, vd_filter_address(tx->outputs[at].address));
}

size_t vd_filter_make(const vd_chain_block_t *content, uint8_t *filter)
{
    assert(content && filter);
    size_t keys = 0, size = FILTER_BYTES_MIN;
    for (uint32_t at = 0; at < content->tx_count; at++)
        keys += (size_t)content->txs[at].input_count + content->txs[at].output_count;
    while (8 * size < BITS_PER_KEY * keys && size <= VD_FILTER_BYTES_MAX)
        size *= 2;
    if (size > VD_FILTER_BYTES_MAX)
        return 0;
    memset(filter, 0, size);
    for (uint32_t at = 0; at < content->tx_count; at++)
        enter_tx(&content->txs[at], filter, size);
    return size;
}

static bool is_filter(vd_bytes_t filter)
{
    size_t size = filter.size;
    return size == 0 ||
           (size >= FILTER_BYTES_MIN && size <= VD_FILTER_BYTES_MAX && (size & (size - 1)) == 0);
}

/* ---- rows ---- */

vd_looks_t *vd_looks_new(void)
{
    return calloc(1, sizeof(vd_looks_t));
}

static void set_mark(vd_looks_t *self, look_t *row, uint8_t mark)
{
    self->count += (mark != WHOLE) - (row->mark != WHOLE);
    self->part_count += (mark == PART) - (row->mark == PART);
    row->mark = mark;
}

static void clear(vd_looks_t *self, look_t *row)
{
    set_mark(self, row, WHOLE);
    free(row->filter);
    *row = (look_t){0};
}

void vd_looks_destroy(vd_looks_t **self_p)
{
    assert(self_p);
    vd_looks_t *self = *self_p;
    *self_p = NULL;
    for (uint32_t at = 0; self && at < self->room; at++)
        clear(self, &self->rows[at]);
    if (self)
        free(self->rows);
    free(self);
}

static bool make_room(vd_looks_t *self, uint32_t block)
{
    if (block < self->room)
        return true;
    uint32_t room = self->room < ROOM_MIN ? ROOM_MIN : self->room;
    while (room <= block)
        room *= 2;
    look_t *rows = realloc(self->rows, room * sizeof *rows);
    if (!rows)
        return false;
    memset(rows + self->room, 0, (room - self->room) * sizeof *rows);
    self->rows = rows;
    self->room = room;
    return true;
}

bool vd_looks_put(vd_looks_t *self, const vd_graph_t *graph, uint32_t block, vd_bytes_t filter)
{
    assert(self && graph && block < VD_GRAPH_BLOCKS_MAX);
    uint8_t *own = NULL;
    if (!is_filter(filter) || !make_room(self, block))
        return false;
    if (filter.size > FILTER_BYTES_MIN && !(own = malloc(filter.size)))
        return false;
    look_t *row = &self->rows[block];
    clear(self, row);
    row->serial = vd_graph_serial(graph, block);
    row->size = (uint16_t)filter.size;
    row->filter = own;
    if (filter.size > 0)
        memcpy(own ? own : row->here, filter.data, filter.size);
    return true;
}

static vd_bytes_t filter_of(const look_t *row)
{
    return vd_bytes(row->filter ? row->filter : row->here, row->size);
}

void vd_looks_mark(vd_looks_t *self, const vd_graph_t *graph, uint64_t key, uint64_t from)
{
    assert(self && graph);
    for (uint32_t at = 0; at < self->room; at++) {
        look_t *row = &self->rows[at];
        if (row->serial != 0 && row->mark == WHOLE && vd_filter_has(filter_of(row), key) &&
            vd_graph_is(graph, at, row->serial) && vd_graph_height(graph, at) >= from)
            set_mark(self, row, AGAIN);
    }
}

void vd_looks_done(vd_looks_t *self, uint32_t block, bool again)
{
    assert(self);
    if (block < self->room && self->rows[block].serial != 0)
        set_mark(self, &self->rows[block], again ? PART : WHOLE);
}

bool vd_looks_wants(const vd_looks_t *self, const vd_graph_t *graph, uint32_t block)
{
    assert(self && graph);
    return block < self->room && self->rows[block].mark != WHOLE &&
           vd_graph_is(graph, block, self->rows[block].serial);
}

uint32_t vd_looks_count(const vd_looks_t *self)
{
    return self->count;
}

uint32_t vd_looks_part_count(const vd_looks_t *self)
{
    return self->part_count;
}

size_t vd_looks_next(const vd_looks_t *self, uint32_t *at, uint32_t *out, size_t max)
{
    assert(self && at && out);
    size_t count = 0;
    for (; self->count > 0 && *at < self->room && count < max; ++*at)
        if (self->rows[*at].mark != WHOLE)
            out[count++] = *at;
    return count;
}

void vd_looks_sweep(vd_looks_t *self, const vd_graph_t *graph)
{
    assert(self && graph);
    for (uint32_t at = 0; at < self->room; at++)
        if (self->rows[at].serial != 0 && !vd_graph_is(graph, at, self->rows[at].serial))
            clear(self, &self->rows[at]);
}

/* ---- storage ---- */

void vd_looks_save(const vd_looks_t *self, const vd_graph_t *graph, vd_buffer_t *out)
{
    assert(self && graph && out);
    uint32_t count = vd_graph_count(graph);
    uint32_t *order = vd_graph_in_order(graph);
    out->full |= !order && count > 0;
    vd_write_array(out, order ? 2 * count : 0);
    for (uint32_t at = 0; order && at < count; at++) {
        static const look_t none = {0};
        const look_t *row = order[at] < self->room ? &self->rows[order[at]] : &none;
        bool is = row->serial != 0 && vd_graph_is(graph, order[at], row->serial);
        if (is)
            vd_write_bin(out, filter_of(row));
        else
            vd_write_nil(out);
        vd_write_u64(out, is ? row->mark : WHOLE);
    }
    free(order);
}

vd_status_t vd_looks_load(vd_looks_t *self, const vd_graph_t *graph, vd_bytes_t value)
{
    assert(self && graph && self->room == 0);
    vd_value_t list, filter, mark;
    vd_status_t status = VD_OK;
    uint32_t count = vd_graph_count(graph);
    if (!vd_value_of(value, &list) || list.kind != VD_KIND_ARRAY || list.count != 2 * count)
        return VD_MALFORMED;
    uint32_t *order = vd_graph_in_order(graph);
    if (!order)
        return count == 0 ? VD_OK : VD_NO_MEMORY;
    for (uint32_t at = 0; status == VD_OK && at < count; at++) {
        if (!vd_value_next(&list.bytes, &filter) || !vd_value_next(&list.bytes, &mark) ||
            (filter.kind != VD_KIND_BIN && filter.kind != VD_KIND_NIL) ||
            mark.kind != VD_KIND_U64 || mark.u64 > PART)
            status = VD_MALFORMED;
        else if (filter.kind == VD_KIND_NIL)
            continue;
        else if (!is_filter(filter.bytes))
            status = VD_MALFORMED;
        else if (!vd_looks_put(self, graph, order[at], filter.bytes))
            status = VD_NO_MEMORY;
        else
            set_mark(self, &self->rows[order[at]], (uint8_t)mark.u64);
    }
    free(order);
    return status;
}
