/* included.c: what each event says of transactions, blocks and the best branch. */
#include "inclusion.h"

#include <assert.h>
#include <stdlib.h>

enum { MAP_FIELDS = 6, COUNT_FIELDS = 5 };

static void block_read(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    vd_value_t txs, id;
    vd_str_t block_id = vd_value_get_str(data, "id");
    uint32_t block = vd_graph_find(graph, block_id);
    bool told = vd_value_get(data, "txs", &txs) && txs.kind == VD_KIND_ARRAY;
    if (block < VD_INCLUSION_BLOCKS_MAX)
        self->searched[block] = told ? self->watched : 0;
    if (!told)
        return;
    while (vd_value_next(&txs.bytes, &id)) {
        vd_watched_tx_t *tx = vd_txs_find(&self->txs, vd_value_str(&id));
        if (tx)
            vd_watched_tx_found(tx, block_id);
    }
}

static void best_changed(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    (void)graph;
    vd_str_copy(self->best, sizeof self->best, vd_value_get_str(data, "id"));
    self->best_height = vd_value_get_u64(data, "height", 0);
}

/* What was searched for all others, and is at or below the head of the node whose pool had it, need not
 * be searched for it. */
static void tx_watched(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    vd_watched_tx_t *tx = vd_txs_put(&self->txs, vd_value_get_str(data, "tx"));
    if (!tx)
        return;
    bool known = tx->by[0] != 0;
    vd_str_copy(tx->by, sizeof tx->by, vd_value_get_str(data, "by"));
    if (known)
        return; /* another says so now; it is searched for already */
    uint64_t before = self->watched++;
    uint32_t block = vd_graph_find(graph, vd_value_get_str(data, "head"));
    for (; block < VD_INCLUSION_BLOCKS_MAX; block = vd_graph_parent(graph, block))
        if (self->searched[block] == before)
            self->searched[block] = self->watched;
}

static void tx_seen(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    (void)graph;
    vd_watched_tx_t *tx = vd_txs_find(&self->txs, vd_value_get_str(data, "tx"));
    if (!tx)
        return;
    tx->state = VD_TX_MEMPOOL;
    self->counts.seen++;
}

static void tx_included(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    (void)graph;
    vd_watched_tx_t *tx = vd_txs_find(&self->txs, vd_value_get_str(data, "tx"));
    vd_str_t block = vd_value_get_str(data, "block");
    if (!tx || !vd_is_chain_id(block))
        return;
    tx->state = VD_TX_INCLUDED;
    vd_str_copy(tx->block, sizeof tx->block, block);
    tx->height = vd_value_get_u64(data, "height", 0);
    tx->confirmed = 0;
    self->counts.included++;
}

static void tx_confirmed(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    (void)graph;
    vd_watched_tx_t *tx = vd_txs_find(&self->txs, vd_value_get_str(data, "tx"));
    if (!tx)
        return;
    tx->confirmed = vd_value_get_u64(data, "depth", 0);
    self->counts.confirmed++;
}

static void tx_dropped(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    (void)graph;
    vd_watched_tx_t *tx = vd_txs_find(&self->txs, vd_value_get_str(data, "tx"));
    if (!tx)
        return;
    tx->state = VD_TX_DROPPED;
    tx->confirmed = 0;
    if (vd_str_is(vd_value_get_str(data, "reason"), "reorg"))
        self->counts.reorged++;
    else
        self->counts.evicted++;
}

static void tx_forgotten(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data)
{
    (void)graph;
    vd_txs_drop(&self->txs, vd_value_get_str(data, "tx"));
}

void vd_included_apply(vd_included_t *self, const vd_graph_t *graph, const vd_event_t *event)
{
    static const struct {
        const char *type;
        void (*apply)(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *data);
    } effects[] = {
        {"block_read", block_read}, {"best_changed", best_changed}, {"tx_watched", tx_watched},
        {"tx_seen", tx_seen},       {"tx_included", tx_included},   {"tx_confirmed", tx_confirmed},
        {"tx_dropped", tx_dropped}, {"tx_forgotten", tx_forgotten},
    };
    assert(self && graph && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    for (size_t at = 0; at < sizeof effects / sizeof effects[0]; at++)
        if (vd_str_is(event->type, effects[at].type))
            effects[at].apply(self, graph, &data);
}

bool vd_included_searched(const vd_included_t *self, uint32_t block)
{
    assert(self && block < VD_INCLUSION_BLOCKS_MAX);
    return self->searched[block] == self->watched;
}

/* ---- storage ---- */

void vd_included_save(const vd_included_t *self, const vd_graph_t *graph, vd_buffer_t *out)
{
    assert(self && graph && out);
    uint32_t *order = vd_graph_in_order(graph), count = vd_graph_count(graph);
    out->full |= !order && count > 0;
    vd_write_map(out, MAP_FIELDS);
    vd_write_pair_u64(out, "watched", self->watched);
    vd_write_pair_text(out, "best", self->best);
    vd_write_pair_u64(out, "best_height", self->best_height);
    vd_write_text(out, "searched");
    vd_write_array(out, order ? count : 0);
    for (uint32_t at = 0; order && at < count; at++)
        vd_write_u64(out, self->searched[order[at]]);
    vd_write_text(out, "counts");
    vd_write_array(out, COUNT_FIELDS);
    vd_write_u64(out, self->counts.seen);
    vd_write_u64(out, self->counts.included);
    vd_write_u64(out, self->counts.confirmed);
    vd_write_u64(out, self->counts.reorged);
    vd_write_u64(out, self->counts.evicted);
    vd_write_text(out, "txs");
    vd_txs_write(&self->txs, out);
    free(order);
}

static bool load_searched(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *map)
{
    vd_value_t list, value;
    uint32_t *order = vd_graph_in_order(graph), count = vd_graph_count(graph), at = 0;
    bool good = vd_value_get(map, "searched", &list) && list.kind == VD_KIND_ARRAY &&
                list.count == count && (order || count == 0) && count <= VD_INCLUSION_BLOCKS_MAX;
    while (good && at < count && vd_value_next(&list.bytes, &value)) {
        good = order[at] < VD_INCLUSION_BLOCKS_MAX &&
               vd_value_u64(&value, UINT64_MAX) <= self->watched;
        if (good)
            self->searched[order[at++]] = value.u64;
    }
    free(order);
    return good && at == count;
}

vd_status_t vd_included_load(vd_included_t *self, const vd_graph_t *graph, const vd_value_t *map)
{
    assert(self && graph && map);
    vd_value_t counts, number, txs;
    vd_str_t best = vd_value_get_str(map, "best");
    uint64_t *fields[COUNT_FIELDS] = {&self->counts.seen, &self->counts.included,
                                      &self->counts.confirmed, &self->counts.reorged,
                                      &self->counts.evicted};
    self->watched = vd_value_get_u64(map, "watched", 0);
    self->best_height = vd_value_get_u64(map, "best_height", 0);
    if (best.size > 0 && vd_graph_find(graph, best) == VD_BLOCK_NONE)
        return VD_MALFORMED;
    vd_str_copy(self->best, sizeof self->best, best);
    if (!load_searched(self, graph, map) || !vd_value_get(map, "counts", &counts) ||
        counts.kind != VD_KIND_ARRAY || !vd_value_get(map, "txs", &txs))
        return VD_MALFORMED;
    for (int at = 0; at < COUNT_FIELDS && vd_value_next(&counts.bytes, &number); at++)
        *fields[at] = vd_value_u64(&number, 0);
    return vd_txs_read(&self->txs, &txs);
}
