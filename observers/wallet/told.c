/* told.c: what events make of the state. */
#include "wallet.h"

#include <assert.h>

/* ---- rows in the order of their names ---- */

static int compare(vd_str_t a, vd_str_t b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least ? memcmp(a.data, b.data, least) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* The place of a name in a list of rows that begin with theirs. */
static uint32_t place(const void *rows, uint32_t count, size_t size, vd_str_t name, bool *found)
{
    const char *row = rows;
    uint32_t at = 0;
    while (at < count && compare(vd_str(row + at * size), name) < 0)
        at++;
    *found = at < count && vd_str_is(name, row + at * size);
    return at;
}

/* The row of a name, made if need be; NULL for a name that cannot be, or one too many. */
static void *put(void *rows, uint32_t *count, uint32_t max, size_t size, vd_str_t name)
{
    bool found;
    char *list = rows;
    uint32_t at = place(rows, *count, size, name, &found);
    char *row = list + at * size;
    if (found)
        return row;
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX || *count == max)
        return NULL;
    memmove(row + size, row, (*count - at) * size);
    memset(row, 0, size);
    vd_str_copy(row, VD_NAME_BYTES_MAX + 1, name);
    ++*count;
    return row;
}

static void drop(void *rows, uint32_t *count, size_t size, vd_str_t name)
{
    bool found;
    uint32_t at = place(rows, *count, size, name, &found);
    char *row = (char *)rows + at * size;
    if (found)
        memmove(row, row + size, (--*count - at) * size);
}

const vd_wallet_node_t *vd_wallet_node(const vd_watched_wallets_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place(self->nodes, self->node_count, sizeof *self->nodes, name, &found);
    return found ? &self->nodes[at] : NULL;
}

const vd_wallet_history_t *vd_wallet_history(const vd_watched_wallets_t *self, vd_str_t source)
{
    bool found;
    uint32_t at =
        place(self->histories, self->history_count, sizeof *self->histories, source, &found);
    return found ? &self->histories[at] : NULL;
}

static vd_wallet_node_t *put_node(vd_watched_wallets_t *self, const vd_value_t *data)
{
    return put(self->nodes, &self->node_count, VD_PURSUIT_NODES_MAX, sizeof *self->nodes,
               vd_value_get_str(data, "node"));
}

static void take_text(char *out, size_t size, const vd_value_t *data, const char *key)
{
    vd_str_copy(out, size, vd_value_get_str(data, key));
}

static bool is_true(const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) && value.kind == VD_KIND_BOOL && value.boolean;
}

/* ---- addresses ---- */

static void raise_since(vd_watched_wallets_t *self, uint32_t wallet)
{
    uint32_t root = vd_graph_root(self->graph);
    uint64_t height = root == VD_BLOCK_NONE ? 0 : vd_graph_height(self->graph, root);
    if (height > self->since[wallet])
        self->since[wallet] = height;
}

static void addresses_watched(vd_watched_wallets_t *self, const vd_value_t *data)
{
    vd_value_t list, address;
    vd_str_t name = vd_value_get_str(data, "wallet");
    const vd_wallet_history_t *history = vd_wallet_history(self, vd_value_get_str(data, "source"));
    uint32_t wallet = vd_ledger_wallet(self->ledger, name);
    if (wallet == VD_WALLET_NONE)
        wallet = vd_ledger_add_wallet(self->ledger, name);
    if (wallet == VD_WALLET_NONE || !vd_value_get(data, "addresses", &list) ||
        list.kind != VD_KIND_ARRAY)
        return;
    /* What a server hands out that was read through is new; anything else may have a past. */
    if (!history || !history->done)
        raise_since(self, wallet);
    while (vd_value_next(&list.bytes, &address)) {
        uint32_t before = vd_ledger_address_count(self->ledger);
        vd_str_t text = vd_value_str(&address);
        if (vd_ledger_watch(self->ledger, wallet, text) == VD_OK &&
            vd_ledger_address_count(self->ledger) > before)
            vd_looks_mark(self->looks, self->graph, vd_filter_address(text), 0);
    }
}

static void history_read(vd_watched_wallets_t *self, const vd_value_t *data)
{
    vd_wallet_history_t *row = put(self->histories, &self->history_count, VD_WALLET_SOURCES_MAX,
                                   sizeof *self->histories, vd_value_get_str(data, "source"));
    if (!row)
        return;
    bool done = is_true(data, "done");
    take_text(row->first, sizeof row->first, data, "first");
    take_text(row->after, sizeof row->after, data, "after");
    if (!done)
        return;
    memcpy(row->mark, row->first, sizeof row->mark);
    row->first[0] = row->after[0] = 0;
    row->done = true;
}

static void source_removed(vd_watched_wallets_t *self, const vd_value_t *data)
{
    drop(self->histories, &self->history_count, sizeof *self->histories,
         vd_value_get_str(data, "source"));
}

/* ---- blocks ---- */

/* The moves of an event into a delta. False without memory. */
static bool read_moves(const vd_watched_wallets_t *self, const vd_value_t *data, vd_delta_t *delta)
{
    vd_value_t list, row;
    if (!vd_value_get(data, "moves", &list) || list.kind != VD_KIND_ARRAY)
        return true;
    while (vd_value_next(&list.bytes, &row)) {
        vd_move_t move = {vd_value_get_str(&row, "tx"),
                          (uint32_t)vd_value_get_u64(&row, "index", 0),
                          vd_ledger_wallet(self->ledger, vd_value_get_str(&row, "wallet")),
                          vd_value_get_u64(&row, "value", 0), is_true(&row, "spent")};
        if (!vd_delta_add(delta, &move))
            return false;
    }
    return true;
}

static void block_taken(vd_watched_wallets_t *self, const vd_value_t *data)
{
    vd_value_t filter;
    vd_graph_claim_t claim = {vd_value_get_str(data, "id"), vd_value_get_str(data, "parent"),
                              vd_value_get_u64(data, "height", VD_HEIGHT_UNKNOWN),
                              vd_value_get_str(data, "node")};
    bool first = vd_graph_root(self->graph) == VD_BLOCK_NONE;
    vd_verdict_t verdict =
        first ? vd_graph_plant(self->graph, &claim) : vd_graph_add(self->graph, &claim);
    vd_delta_t delta = {.block = vd_graph_find(self->graph, claim.id)};
    if (verdict != VD_VERDICT_ADDED || !vd_value_get(data, "filter", &filter) ||
        filter.kind != VD_KIND_BIN)
        return;
    for (uint32_t at = 0; first && at < vd_ledger_wallet_count(self->ledger); at++)
        raise_since(self, at);
    if (read_moves(self, data, &delta) &&
        vd_ledger_take(self->ledger, self->graph, &delta) == VD_OK &&
        vd_looks_put(self->looks, self->graph, delta.block, filter.bytes))
        vd_looks_done(self->looks, delta.block, is_true(data, "more"));
    vd_delta_free(&delta);
}

static void block_reread(vd_watched_wallets_t *self, const vd_value_t *data)
{
    vd_delta_t delta = {.block = vd_graph_find(self->graph, vd_value_get_str(data, "id"))};
    if (delta.block == VD_BLOCK_NONE)
        return;
    if (read_moves(self, data, &delta) &&
        vd_ledger_take(self->ledger, self->graph, &delta) == VD_OK) {
        uint64_t above = vd_graph_height(self->graph, delta.block) + 1;
        for (uint32_t at = 0; at < delta.count; at++)
            if (!delta.moves[at].spent)
                vd_looks_mark(self->looks, self->graph,
                              vd_filter_outpoint(delta.moves[at].tx, delta.moves[at].index), above);
        vd_looks_done(self->looks, delta.block, is_true(data, "more"));
    }
    vd_delta_free(&delta);
}

static void base_moved(vd_watched_wallets_t *self, const vd_value_t *data)
{
    uint32_t block = vd_graph_find(self->graph, vd_value_get_str(data, "id"));
    if (block != VD_BLOCK_NONE && vd_ledger_prune(self->ledger, self->graph, block) == VD_OK)
        vd_looks_sweep(self->looks, self->graph);
}

/* ---- nodes ---- */

static void balance_changed(vd_watched_wallets_t *self, const vd_value_t *data)
{
    vd_wallet_node_t *node = put_node(self, data);
    uint32_t wallet = vd_ledger_wallet(self->ledger, vd_value_get_str(data, "wallet"));
    if (!node || wallet == VD_WALLET_NONE)
        return;
    take_text(node->tip, sizeof node->tip, data, "tip");
    node->height = vd_value_get_u64(data, "height", 0);
    node->balances[wallet] = vd_value_get_u64(data, "balance", 0);
}

static void node_refused(vd_watched_wallets_t *self, const vd_value_t *data)
{
    vd_wallet_node_t *node = put_node(self, data);
    if (!node)
        return;
    take_text(node->refused, sizeof node->refused, data, "block");
    take_text(node->reason, sizeof node->reason, data, "reason");
}

static void node_removed(vd_watched_wallets_t *self, const vd_value_t *data)
{
    drop(self->nodes, &self->node_count, sizeof *self->nodes, vd_value_get_str(data, "node"));
}

void vd_wallet_apply(void *state, const vd_event_t *event)
{
    static const struct {
        const char *type;
        void (*apply)(vd_watched_wallets_t *self, const vd_value_t *data);
    } effects[] = {
        {"addresses_watched", addresses_watched}, {"history_read", history_read},
        {"source_removed", source_removed},       {"block_taken", block_taken},
        {"block_reread", block_reread},           {"base_moved", base_moved},
        {"balance_changed", balance_changed},     {"node_refused", node_refused},
        {"node_removed", node_removed},
    };
    assert(state && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    for (size_t at = 0; at < sizeof effects / sizeof effects[0]; at++)
        if (vd_str_is(event->type, effects[at].type))
            effects[at].apply(state, &data);
}

/* ---- storage ---- */

static void save_node(const vd_watched_wallets_t *self, const vd_wallet_node_t *node,
                      vd_buffer_t *out)
{
    uint32_t wallets = vd_ledger_wallet_count(self->ledger);
    vd_write_map(out, 6);
    vd_write_pair_text(out, "name", node->name);
    vd_write_pair_text(out, "tip", node->tip);
    vd_write_pair_u64(out, "height", node->height);
    vd_write_pair_text(out, "refused", node->refused);
    vd_write_pair_text(out, "reason", node->reason);
    vd_write_text(out, "balances");
    vd_write_array(out, wallets);
    for (uint32_t at = 0; at < wallets; at++)
        vd_write_u64(out, node->balances[at]);
}

static void save_history(const vd_wallet_history_t *row, vd_buffer_t *out)
{
    vd_write_map(out, 5);
    vd_write_pair_text(out, "source", row->source);
    vd_write_pair_text(out, "mark", row->mark);
    vd_write_pair_text(out, "first", row->first);
    vd_write_pair_text(out, "after", row->after);
    vd_write_pair_bool(out, "done", row->done);
}

void vd_wallet_save(const void *state, vd_buffer_t *out)
{
    const vd_watched_wallets_t *self = state;
    assert(self && out);
    vd_write_map(out, 6);
    vd_write_text(out, "graph");
    vd_graph_save(self->graph, out);
    vd_write_text(out, "ledger");
    vd_ledger_save(self->ledger, self->graph, out);
    vd_write_text(out, "looks");
    vd_looks_save(self->looks, self->graph, out);
    vd_write_text(out, "since");
    vd_write_array(out, vd_ledger_wallet_count(self->ledger));
    for (uint32_t at = 0; at < vd_ledger_wallet_count(self->ledger); at++)
        vd_write_u64(out, self->since[at]);
    vd_write_text(out, "nodes");
    vd_write_array(out, self->node_count);
    for (uint32_t at = 0; at < self->node_count; at++)
        save_node(self, &self->nodes[at], out);
    vd_write_text(out, "histories");
    vd_write_array(out, self->history_count);
    for (uint32_t at = 0; at < self->history_count; at++)
        save_history(&self->histories[at], out);
}

/* Numbers into a list of `count`. */
static bool load_numbers(const vd_value_t *map, const char *key, uint64_t *list, uint32_t count)
{
    vd_value_t value, number;
    if (!vd_value_get(map, key, &value) || value.kind != VD_KIND_ARRAY || value.count != count)
        return false;
    for (uint32_t at = 0; at < count; at++) {
        if (!vd_value_next(&value.bytes, &number) || number.kind != VD_KIND_U64)
            return false;
        list[at] = number.u64;
    }
    return true;
}

static bool load_nodes(vd_watched_wallets_t *self, vd_value_t list)
{
    vd_value_t row;
    while (vd_value_next(&list.bytes, &row)) {
        vd_wallet_node_t *node =
            put(self->nodes, &self->node_count, VD_PURSUIT_NODES_MAX, sizeof *self->nodes,
                row.kind == VD_KIND_MAP ? vd_value_get_str(&row, "name") : vd_str(""));
        if (!node ||
            !load_numbers(&row, "balances", node->balances, vd_ledger_wallet_count(self->ledger)))
            return false;
        take_text(node->tip, sizeof node->tip, &row, "tip");
        node->height = vd_value_get_u64(&row, "height", 0);
        take_text(node->refused, sizeof node->refused, &row, "refused");
        take_text(node->reason, sizeof node->reason, &row, "reason");
    }
    return true;
}

static bool load_histories(vd_watched_wallets_t *self, vd_value_t list)
{
    vd_value_t value;
    while (vd_value_next(&list.bytes, &value)) {
        vd_wallet_history_t *row = put(
            self->histories, &self->history_count, VD_WALLET_SOURCES_MAX, sizeof *self->histories,
            value.kind == VD_KIND_MAP ? vd_value_get_str(&value, "source") : vd_str(""));
        if (!row)
            return false;
        take_text(row->mark, sizeof row->mark, &value, "mark");
        take_text(row->first, sizeof row->first, &value, "first");
        take_text(row->after, sizeof row->after, &value, "after");
        row->done = is_true(&value, "done");
    }
    return true;
}

vd_status_t vd_wallet_load(void *state, vd_bytes_t bytes)
{
    vd_watched_wallets_t *self = state;
    assert(self && self->node_count == 0);
    vd_value_t map, graph, ledger, looks, nodes, histories;
    if (!vd_value_of(bytes, &map) || !vd_value_get(&map, "graph", &graph) ||
        !vd_value_get(&map, "ledger", &ledger) || !vd_value_get(&map, "looks", &looks) ||
        !vd_value_get(&map, "nodes", &nodes) || nodes.kind != VD_KIND_ARRAY ||
        !vd_value_get(&map, "histories", &histories) || histories.kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    vd_status_t status = vd_graph_load(self->graph, graph.raw);
    if (status == VD_OK)
        status = vd_ledger_load(self->ledger, self->graph, ledger.raw);
    if (status == VD_OK)
        status = vd_looks_load(self->looks, self->graph, looks.raw);
    if (status != VD_OK)
        return status;
    bool good = load_numbers(&map, "since", self->since, vd_ledger_wallet_count(self->ledger)) &&
                load_nodes(self, nodes) && load_histories(self, histories);
    return good ? VD_OK : VD_MALFORMED;
}
