/* ledger_balance.c: balances at any block, from the nearest block whose balances are kept. */
#include "chainkit/ledger_state.h"

#include <assert.h>
#include <stdlib.h>

/* The balances that are kept for a block; NULL: none. */
static const uint64_t *kept_of(const vd_ledger_t *self, uint32_t block)
{
    vd_ledger_cache_t *cache = self->cache;
    uint32_t at = block < cache->block_room ? cache->of_block[block] : VD_NONE;
    if (at == VD_NONE || cache->kept[at].block != block ||
        cache->kept[at].serial != self->rows[block].serial)
        return NULL;
    cache->kept[at].used = ++cache->clock;
    return &cache->values[(size_t)at * self->wallet_count];
}

static bool make_room(const vd_ledger_t *self, uint32_t block)
{
    vd_ledger_cache_t *cache = self->cache;
    if (!cache->kept) {
        uint64_t *values =
            calloc((size_t)self->limits.kept_max * self->wallet_count, sizeof *values);
        vd_kept_balances_t *kept = calloc(self->limits.kept_max, sizeof *kept);
        if (!values || !kept) {
            free(values);
            free(kept);
            return false;
        }
        cache->values = values;
        cache->kept = kept;
    }
    if (block < cache->block_room)
        return true;
    uint32_t *of_block = realloc(cache->of_block, self->row_count * sizeof *of_block);
    if (!of_block)
        return false;
    memset(of_block + cache->block_room, 0xff, /* VD_NONE */
           (self->row_count - cache->block_room) * sizeof *of_block);
    cache->of_block = of_block;
    cache->block_room = self->row_count;
    return true;
}

/* Keeps the balances of a block, in the place of those that were not used for longest. Without
 * memory they are not kept. */
static void keep(const vd_ledger_t *self, uint32_t block, const uint64_t *balances)
{
    vd_ledger_cache_t *cache = self->cache;
    uint32_t oldest = 0;
    if (self->wallet_count == 0 || !make_room(self, block))
        return;
    for (uint32_t at = 1; at < self->limits.kept_max; at++)
        if (cache->kept[at].used < cache->kept[oldest].used)
            oldest = at;
    cache->kept[oldest] = (vd_kept_balances_t){
        .serial = self->rows[block].serial, .used = ++cache->clock, .block = block};
    cache->of_block[block] = oldest;
    memcpy(&cache->values[(size_t)oldest * self->wallet_count], balances,
           self->wallet_count * sizeof *balances);
}

void vd_ledger_forget_balances(const vd_ledger_t *self)
{
    vd_ledger_cache_t *cache = self->cache;
    for (uint32_t at = 0; cache->kept && at < self->limits.kept_max; at++)
        cache->kept[at] = (vd_kept_balances_t){0};
}

void vd_ledger_drop_balances(vd_ledger_t *self)
{
    free(self->cache->kept);
    free(self->cache->values);
    self->cache->kept = NULL;
    self->cache->values = NULL;
    if (self->cache->block_room > 0)
        memset(self->cache->of_block, 0xff, /* VD_NONE */
               self->cache->block_room * sizeof *self->cache->of_block);
}

static void add(const vd_ledger_t *self, const uint64_t *more, uint64_t *balances)
{
    for (uint32_t at = 0; at < self->wallet_count; at++)
        balances[at] += more[at];
}

vd_status_t vd_ledger_balances(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                               uint64_t *balances)
{
    assert(self && graph && balances);
    if (!vd_ledger_has(self, graph, block))
        return VD_NOT_FOUND;
    memset(balances, 0, self->wallet_count * sizeof *balances);
    const uint64_t *kept = NULL;
    uint32_t at = block;
    /* Unsigned sums wrap on the way and are right at its end: no balance passes UINT64_MAX. */
    while (at != VD_BLOCK_NONE && !(kept = kept_of(self, at))) {
        assert(vd_ledger_has(self, graph, at));
        for (uint32_t touch = self->rows[at].first; touch != VD_NONE;
             touch = self->touches[touch].next_of_block) {
            const vd_ledger_coin_t *coin = &self->coins[self->touches[touch].coin];
            balances[coin->wallet] += self->touches[touch].spent ? -coin->value : coin->value;
        }
        at = vd_graph_parent(graph, at);
    }
    add(self, kept ? kept : self->base, balances);
    if (at != block)
        keep(self, block, balances);
    return VD_OK;
}

/* The delta of a block in a chain of them; NULL: it is not there. */
static const vd_delta_t *delta_of(const vd_delta_t *last, uint32_t block)
{
    while (last && last->block != block)
        last = last->before;
    return last;
}

vd_status_t vd_ledger_balances_ahead(const vd_ledger_t *self, const vd_graph_t *graph,
                                     uint32_t block, const vd_delta_t *last, uint64_t *balances)
{
    assert(self && graph && balances);
    uint32_t known = block;
    while (!vd_ledger_has(self, graph, known)) {
        if (!delta_of(last, known))
            return VD_NOT_FOUND;
        known = vd_graph_parent(graph, known);
        if (known == VD_BLOCK_NONE)
            break;
    }
    memset(balances, 0, self->wallet_count * sizeof *balances);
    if (known != VD_BLOCK_NONE)
        vd_ledger_balances(self, graph, known, balances);
    for (; block != known; block = vd_graph_parent(graph, block)) {
        const vd_delta_t *delta = delta_of(last, block);
        for (uint32_t at = 0; at < delta->count; at++)
            balances[delta->moves[at].wallet] +=
                delta->moves[at].spent ? -delta->moves[at].value : delta->moves[at].value;
    }
    return VD_OK;
}

typedef struct found_coin {
    uint64_t serial;
    uint32_t coin;
} found_coin_t;

static int compare_found(const void *a_p, const void *b_p)
{
    const found_coin_t *a = a_p, *b = b_p;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

size_t vd_ledger_coins(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                       uint32_t wallet, vd_coin_t *out, size_t max)
{
    assert(self && graph && wallet < self->wallet_count && (out || max == 0));
    size_t count = 0;
    bool created;
    found_coin_t *found = malloc((self->coin_count + (size_t)1) * sizeof *found);
    for (uint32_t at = 0; found && at < self->coin_slots; at++)
        if (self->coins[at].tx_size && self->coins[at].wallet == wallet &&
            vd_ledger_is_unspent(self, graph, at, block, &created))
            found[count++] = (found_coin_t){self->coins[at].serial, at};
    if (count > 1)
        qsort(found, count, sizeof *found, compare_found);
    for (size_t at = 0; at < count && at < max; at++) {
        const vd_ledger_coin_t *coin = &self->coins[found[at].coin];
        out[at] = (vd_coin_t){vd_bytes(coin->tx, coin->tx_size), coin->index, coin->value};
    }
    free(found);
    return count;
}
