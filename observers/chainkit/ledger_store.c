/* ledger_store.c: a ledger pruned, and as one value.
 *
 * The value is {wallets: [name...], addresses: [wallet, text, ...], coins: [tx, index, wallet, value,
 * base, ...], rows: [moves or nil, ...]}: the coins in the order in which they were first seen, and for
 * each block of the graph, in the order of its serials, its moves: 2 * the place of the coin in the list,
 * + 1 when it was spent.
 */
#include "chainkit/ledger_state.h"

#include <assert.h>
#include <stdlib.h>

/* ---- pruning ---- */

/* Makes what the block did part of the base. */
static void fold(vd_ledger_t *self, uint32_t block)
{
    while (self->rows[block].first != VD_NONE) {
        const vd_touch_t *touch = &self->touches[self->rows[block].first];
        uint32_t at = touch->coin;
        vd_ledger_coin_t *coin = &self->coins[at];
        self->base[coin->wallet] += touch->spent ? -coin->value : coin->value;
        coin->base = !touch->spent;
        vd_ledger_untouch_first(self, block);
        vd_ledger_settle_coin(self, at);
    }
}

/* Forgets the rows whose blocks are no longer in the graph. */
static void sweep(vd_ledger_t *self, const vd_graph_t *graph)
{
    for (uint32_t block = 0; block < self->row_count; block++) {
        vd_ledger_row_t *row = &self->rows[block];
        if (row->serial == 0 || vd_graph_is(graph, block, row->serial))
            continue;
        while (row->first != VD_NONE) {
            uint32_t coin = self->touches[row->first].coin;
            vd_ledger_untouch_first(self, block);
            vd_ledger_settle_coin(self, coin);
        }
        *row = (vd_ledger_row_t){.first = VD_NONE, .last = VD_NONE};
    }
}

vd_status_t vd_ledger_prune(vd_ledger_t *self, vd_graph_t *graph, uint32_t root)
{
    assert(self && graph && vd_graph_descends(graph, root, vd_graph_root(graph)));
    uint32_t old = vd_graph_root(graph);
    size_t length = (size_t)(vd_graph_height(graph, root) - vd_graph_height(graph, old));
    if (!vd_ledger_has(self, graph, root)) /* its ancestors' were taken before it */
        return VD_NOT_FOUND;
    uint32_t *line = malloc((length + 1) * sizeof *line);
    if (!line)
        return VD_NO_MEMORY;
    fold(self, old);
    vd_graph_line(graph, old, root, line, length);
    for (size_t at = 0; at < length; at++)
        fold(self, line[at]);
    free(line);
    vd_graph_prune(graph, root);
    sweep(self, graph);
    return VD_OK;
}

/* ---- saving ---- */

typedef struct ranked {
    uint64_t serial;
    uint32_t coin;
} ranked_t;

static int compare_ranked(const void *a_p, const void *b_p)
{
    const ranked_t *a = a_p, *b = b_p;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

/* Writes the coins and fills their places. */
static void write_coins(const vd_ledger_t *self, ranked_t *ranked, uint32_t *place,
                        vd_buffer_t *out)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < self->coin_slots; at++)
        if (self->coins[at].tx_size)
            ranked[count++] = (ranked_t){self->coins[at].serial, at};
    if (count > 1)
        qsort(ranked, count, sizeof *ranked, compare_ranked);
    vd_write_array(out, 5 * count);
    for (uint32_t at = 0; at < count; at++) {
        const vd_ledger_coin_t *coin = &self->coins[ranked[at].coin];
        place[ranked[at].coin] = at;
        vd_graph_write_id(out, vd_bytes(coin->tx, coin->tx_size));
        vd_write_u64(out, coin->index);
        vd_write_u64(out, coin->wallet);
        vd_write_u64(out, coin->value);
        vd_write_bool(out, coin->base);
    }
}

static void write_row(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                      const uint32_t *place, vd_buffer_t *out)
{
    uint32_t count = 0;
    if (!vd_ledger_has(self, graph, block)) {
        vd_write_nil(out);
        return;
    }
    uint32_t first = self->rows[block].first;
    for (uint32_t at = first; at != VD_NONE; at = self->touches[at].next_of_block)
        count++;
    vd_write_array(out, count);
    for (uint32_t at = first; at != VD_NONE; at = self->touches[at].next_of_block)
        vd_write_u64(out, 2 * (uint64_t)place[self->touches[at].coin] + self->touches[at].spent);
}

void vd_ledger_save(const vd_ledger_t *self, const vd_graph_t *graph, vd_buffer_t *out)
{
    assert(self && graph && out);
    uint32_t count = vd_graph_count(graph);
    uint32_t *order = vd_graph_in_order(graph);
    uint32_t *place = calloc(self->coin_slots + (size_t)1, sizeof *place);
    ranked_t *ranked = calloc(self->coin_count + (size_t)1, sizeof *ranked);
    vd_write_map(out, 4);
    vd_write_text(out, "wallets");
    vd_write_array(out, self->wallet_count);
    for (uint32_t at = 0; at < self->wallet_count; at++)
        vd_write_text(out, self->wallets[at]);
    vd_write_text(out, "addresses");
    vd_write_array(out, 2 * self->address_count);
    for (uint32_t at = 0; at < self->address_count; at++) {
        vd_write_u64(out, self->addresses[at].wallet);
        vd_write_str(out, vd_bytes(self->addresses[at].text, self->addresses[at].size));
    }
    out->full |= !place || !ranked || (!order && count > 0);
    if (!out->full) {
        vd_write_text(out, "coins");
        write_coins(self, ranked, place, out);
        vd_write_text(out, "rows");
        vd_write_array(out, count);
        for (uint32_t at = 0; at < count; at++)
            write_row(self, graph, order[at], place, out);
    }
    free(order);
    free(place);
    free(ranked);
}

/* ---- loading ---- */

static vd_status_t load_wallets(vd_ledger_t *self, vd_value_t list)
{
    vd_value_t name;
    bool fresh = self->wallet_count == 0;
    uint32_t expected = 0;
    if (!fresh && list.count != self->wallet_count)
        return VD_MALFORMED;
    for (; vd_value_next(&list.bytes, &name); expected++) {
        if (name.kind != VD_KIND_STR)
            return VD_MALFORMED;
        uint32_t at = fresh ? vd_ledger_add_wallet(self, vd_value_str(&name))
                            : vd_ledger_wallet(self, vd_value_str(&name));
        if (at != expected)
            return VD_MALFORMED;
    }
    return VD_OK;
}

static vd_status_t load_addresses(vd_ledger_t *self, vd_value_t list)
{
    vd_value_t wallet, text;
    while (vd_value_next(&list.bytes, &wallet)) {
        if (!vd_value_next(&list.bytes, &text) || wallet.kind != VD_KIND_U64 ||
            wallet.u64 >= self->wallet_count || text.kind != VD_KIND_STR)
            return VD_MALFORMED;
        vd_status_t status = vd_ledger_watch(self, (uint32_t)wallet.u64, vd_value_str(&text));
        if (status != VD_OK)
            return status == VD_EXISTS ? VD_MALFORMED : status;
    }
    return VD_OK;
}

static vd_status_t load_coins(vd_ledger_t *self, vd_value_t list)
{
    char tx[VD_NAME_BYTES_MAX];
    size_t size;
    vd_value_t id, index, wallet, value, base;
    while (vd_value_next(&list.bytes, &id)) {
        uint32_t coin;
        if (!vd_value_next(&list.bytes, &index) || !vd_value_next(&list.bytes, &wallet) ||
            !vd_value_next(&list.bytes, &value) || !vd_value_next(&list.bytes, &base) ||
            !vd_graph_read_id(&id, tx, &size) || index.kind != VD_KIND_U64 ||
            index.u64 > UINT32_MAX || wallet.kind != VD_KIND_U64 ||
            wallet.u64 >= self->wallet_count || value.kind != VD_KIND_U64 ||
            base.kind != VD_KIND_BOOL)
            return VD_MALFORMED;
        vd_move_t move = {vd_bytes(tx, size), (uint32_t)index.u64, (uint32_t)wallet.u64, value.u64,
                          false};
        if (vd_ledger_find_coin(self, move.tx, move.index) != VD_NONE)
            return VD_MALFORMED;
        vd_status_t status = vd_ledger_add_coin(self, &move, &coin);
        if (status != VD_OK)
            return status;
        self->coins[coin].base = base.boolean;
        if (base.boolean)
            self->base[move.wallet] += value.u64;
    }
    return VD_OK;
}

static vd_status_t load_row(vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                            vd_value_t row)
{
    vd_value_t move;
    bool created;
    uint32_t parent = vd_graph_parent(graph, block);
    if (row.kind == VD_KIND_NIL)
        return VD_OK;
    if (row.kind != VD_KIND_ARRAY ||
        (parent != VD_BLOCK_NONE && !vd_ledger_has(self, graph, parent)))
        return VD_MALFORMED;
    if (!vd_ledger_add_row(self, block, vd_graph_serial(graph, block)))
        return VD_NO_MEMORY;
    while (vd_value_next(&row.bytes, &move)) {
        if (move.kind != VD_KIND_U64 || move.u64 / 2 >= self->coin_count)
            return VD_MALFORMED;
        uint32_t coin = (uint32_t)(move.u64 / 2); /* they were added in this order */
        bool spent = move.u64 % 2,
             unspent = vd_ledger_is_unspent(self, graph, coin, block, &created);
        if (spent ? !unspent : created)
            return VD_MALFORMED;
        if (!vd_ledger_touch(self, block, coin, spent))
            return VD_NO_MEMORY;
    }
    return VD_OK;
}

static vd_status_t load_rows(vd_ledger_t *self, const vd_graph_t *graph, vd_value_t list)
{
    vd_value_t row;
    vd_status_t status = VD_OK;
    if (list.count != vd_graph_count(graph))
        return VD_MALFORMED;
    uint32_t *order = vd_graph_in_order(graph);
    if (!order)
        return list.count == 0 ? VD_OK : VD_NO_MEMORY;
    for (uint32_t at = 0; status == VD_OK && at < list.count; at++)
        status =
            vd_value_next(&list.bytes, &row) ? load_row(self, graph, order[at], row) : VD_MALFORMED;
    free(order);
    for (uint32_t coin = 0; status == VD_OK && coin < self->coin_count; coin++)
        if (!self->coins[coin].base && self->coins[coin].touch == VD_NONE)
            status = VD_MALFORMED;
    return status;
}

vd_status_t vd_ledger_load(vd_ledger_t *self, const vd_graph_t *graph, vd_bytes_t value)
{
    assert(self && graph && self->row_count == 0 && self->coin_count == 0);
    vd_value_t map, wallets, addresses, coins, rows;
    if (!vd_value_of(value, &map) || !vd_value_get(&map, "wallets", &wallets) ||
        !vd_value_get(&map, "addresses", &addresses) || !vd_value_get(&map, "coins", &coins) ||
        !vd_value_get(&map, "rows", &rows) || wallets.kind != VD_KIND_ARRAY ||
        addresses.kind != VD_KIND_ARRAY || coins.kind != VD_KIND_ARRAY ||
        rows.kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    vd_status_t status = load_wallets(self, wallets);
    if (status == VD_OK)
        status = load_addresses(self, addresses);
    if (status == VD_OK)
        status = load_coins(self, coins);
    return status == VD_OK ? load_rows(self, graph, rows) : status;
}
