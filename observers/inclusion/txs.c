/* txs.c: the table of transactions. */
#include "txs.h"

#include "chainkit/graph_state.h"

#include <assert.h>
#include <stdlib.h>

enum { FIELDS = 6, FIRST_ROOM = 16 };

static const char *const state_names[VD_TX_STATES] = {"unseen", "mempool", "included", "dropped"};

const char *vd_tx_state_name(vd_tx_state_t state)
{
    assert(state < VD_TX_STATES);
    return state_names[state];
}

static uint32_t place(const vd_txs_t *self, vd_str_t id)
{
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(self->list[middle].id, id.data, VD_CHAIN_ID_DIGITS) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const vd_txs_t *self, uint32_t at, vd_str_t id)
{
    return at < self->count && memcmp(self->list[at].id, id.data, VD_CHAIN_ID_DIGITS) == 0;
}

vd_watched_tx_t *vd_txs_find(const vd_txs_t *self, vd_str_t id)
{
    assert(self);
    if (!vd_is_chain_id(id))
        return NULL;
    uint32_t at = place(self, id);
    return is_at(self, at, id) ? &self->list[at] : NULL;
}

vd_watched_tx_t *vd_txs_put(vd_txs_t *self, vd_str_t id)
{
    assert(self);
    if (!vd_is_chain_id(id))
        return NULL;
    uint32_t at = place(self, id);
    if (is_at(self, at, id))
        return &self->list[at];
    if (self->count == VD_TXS_MAX)
        return NULL;
    if (self->count == self->room) {
        uint32_t room = self->room ? 2 * self->room : FIRST_ROOM;
        vd_watched_tx_t *list = realloc(self->list, room * sizeof *list);
        if (!list)
            return NULL;
        self->list = list;
        self->room = room;
    }
    memmove(&self->list[at + 1], &self->list[at], (self->count - at) * sizeof *self->list);
    self->list[at] = (vd_watched_tx_t){0};
    vd_str_copy(self->list[at].id, sizeof self->list[at].id, id);
    self->count++;
    return &self->list[at];
}

void vd_txs_drop(vd_txs_t *self, vd_str_t id)
{
    vd_watched_tx_t *tx = vd_txs_find(self, id);
    if (!tx)
        return;
    self->count--;
    memmove(tx, tx + 1, (size_t)(&self->list[self->count] - tx) * sizeof *tx);
}

void vd_watched_tx_found(vd_watched_tx_t *self, vd_str_t block)
{
    assert(self);
    for (uint32_t at = 0; at < self->block_count; at++)
        if (vd_str_is(block, self->blocks[at]))
            return;
    if (!vd_is_chain_id(block))
        return;
    if (self->block_count == VD_TX_BLOCKS_MAX)
        memmove(self->blocks[0], self->blocks[1], --self->block_count * sizeof self->blocks[0]);
    vd_str_copy(self->blocks[self->block_count++], VD_TX_ID_SIZE, block);
}

bool vd_txs_copy(vd_txs_t *self, const vd_txs_t *other)
{
    assert(self && self->count == 0 && !self->list && other);
    size_t room = other->count ? other->count : 1;
    self->list = malloc(room * sizeof *self->list);
    if (!self->list)
        return false;
    if (other->count > 0)
        memcpy(self->list, other->list, other->count * sizeof *self->list);
    self->count = other->count;
    self->room = (uint32_t)room;
    return true;
}

void vd_txs_free(vd_txs_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_txs_t){0};
}

/* ---- storage ---- */

void vd_txs_write(const vd_txs_t *self, vd_buffer_t *out)
{
    assert(self && out);
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++) {
        const vd_watched_tx_t *tx = &self->list[at];
        vd_write_array(out, FIELDS + tx->block_count);
        vd_graph_write_id(out, vd_str(tx->id));
        vd_write_text(out, tx->by);
        vd_write_u64(out, tx->state);
        vd_graph_write_id(out, vd_str(tx->block));
        vd_write_u64(out, tx->height);
        vd_write_u64(out, tx->confirmed);
        for (uint32_t block = 0; block < tx->block_count; block++)
            vd_graph_write_id(out, vd_str(tx->blocks[block]));
    }
}

/* The next element as an id, or as none. */
static bool next_id(vd_bytes_t *rest, char id[VD_TX_ID_SIZE])
{
    vd_value_t value;
    char text[VD_NAME_BYTES_MAX];
    size_t size = 0;
    if (!vd_value_next(rest, &value))
        return false;
    bool none = value.bytes.size == 0 && (value.kind == VD_KIND_STR || value.kind == VD_KIND_BIN);
    if (!none && (!vd_graph_read_id(&value, text, &size) || !vd_is_chain_id(vd_bytes(text, size))))
        return false;
    return vd_str_copy(id, VD_TX_ID_SIZE, vd_bytes(text, size));
}

static bool next_u64(vd_bytes_t *rest, uint64_t *number)
{
    vd_value_t value;
    if (!vd_value_next(rest, &value) || value.kind != VD_KIND_U64)
        return false;
    *number = value.u64;
    return true;
}

static bool read_row(vd_bytes_t rest, vd_watched_tx_t *tx)
{
    vd_value_t by;
    uint64_t state;
    char block[VD_TX_ID_SIZE];
    if (!next_id(&rest, tx->id) || !tx->id[0] || !vd_value_next(&rest, &by) ||
        !vd_str_copy(tx->by, sizeof tx->by, vd_value_str(&by)) || !next_u64(&rest, &state) ||
        state >= VD_TX_STATES || !next_id(&rest, tx->block) || !next_u64(&rest, &tx->height) ||
        !next_u64(&rest, &tx->confirmed) || (state == VD_TX_INCLUDED && !tx->block[0]))
        return false;
    tx->state = (vd_tx_state_t)state;
    while (rest.size > 0) {
        if (!next_id(&rest, block))
            return false;
        vd_watched_tx_found(tx, vd_str(block));
    }
    return true;
}

vd_status_t vd_txs_read(vd_txs_t *self, const vd_value_t *array)
{
    assert(self && self->count == 0 && array);
    vd_value_t row;
    vd_bytes_t rest = array->bytes;
    if (array->kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    while (vd_value_next(&rest, &row)) {
        vd_watched_tx_t tx = {{0}, {0}, VD_TX_UNSEEN, {0}, 0, 0, 0, {{0}}};
        if (row.kind != VD_KIND_ARRAY || !read_row(row.bytes, &tx) ||
            vd_txs_find(self, vd_str(tx.id)) || self->count == VD_TXS_MAX)
            return VD_MALFORMED;
        vd_watched_tx_t *to = vd_txs_put(self, vd_str(tx.id));
        if (!to)
            return VD_NO_MEMORY;
        *to = tx;
    }
    return VD_OK;
}
