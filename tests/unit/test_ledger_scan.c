/* test_ledger_scan.c: the balance of any wallet on any block is what a naive scan from the first block
 * says, over random histories with forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "chainkit/ledger.h"
#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    HISTORIES = 8,
    BLOCKS = 240,
    TXS_PER_BLOCK = 5,
    TXS = BLOCKS * TXS_PER_BLOCK,
    ENDS = 3,
    WALLETS = 4,
    ADDRESSES = 12, /* three for each wallet; one in four of the outputs goes to none of them */
    COINS = TXS * ENDS,
};

static const vd_graph_limits_t graph_limits = {
    .blocks_max = 200000, .orphans_max = 64, .orphans_per_source_max = 32};
static const vd_ledger_limits_t limits = {
    .addresses_max = 1024, .coins_max = 1048576, .kept_max = 8};

typedef struct history {
    uint64_t seed;
    vd_graph_t *graph;
    vd_ledger_t *ledger;
    uint32_t count;
    int32_t parent[BLOCKS];
    uint32_t height[BLOCKS];
    uint32_t tx_count;
    char tx_id[TXS][65];
    vd_tx_input_t inputs[TXS][ENDS];
    vd_tx_output_t outputs[TXS][ENDS];
    vd_chain_tx_t txs[TXS];
    uint32_t block_txs[BLOCKS]; /* how many */
    uint32_t tx_of[BLOCKS][TXS_PER_BLOCK];
    vd_chain_tx_t content[BLOCKS][TXS_PER_BLOCK];
    char id[BLOCKS][65];
    bool gone[BLOCKS]; /* pruned */
    char addresses[ADDRESSES + 4][32];
} history_t;

static uint64_t draw(history_t *self)
{
    return vd_hash_mix(self->seed += UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- the naive scan ---- */

typedef struct scan {
    bool unspent[TXS][ENDS];
} scan_t;

static void scan_block(const history_t *self, uint32_t block, scan_t *scan)
{
    for (uint32_t at = 0; at < self->block_txs[block]; at++) {
        uint32_t number = self->tx_of[block][at];
        const vd_chain_tx_t *tx = &self->txs[number];
        for (uint32_t in = 0; in < tx->input_count; in++)
            for (uint32_t other = 0; other < self->tx_count; other++)
                if (vd_bytes_equal(tx->inputs[in].tx, self->txs[other].id))
                    scan->unspent[other][tx->inputs[in].index] = false;
        for (uint32_t to = 0; to < tx->output_count; to++)
            scan->unspent[number][to] = true;
    }
}

/* The coins of everybody at a block, from the first block on. */
static void scan_to(const history_t *self, int32_t block, scan_t *scan)
{
    uint32_t line[BLOCKS], count = 0;
    memset(scan, 0, sizeof *scan);
    for (; block >= 0; block = self->parent[block])
        line[count++] = (uint32_t)block;
    while (count > 0)
        scan_block(self, line[--count], scan);
}

static int wallet_of(const history_t *self, vd_str_t address)
{
    for (int at = 0; at < ADDRESSES; at++)
        if (vd_str_is(address, self->addresses[at]))
            return at % WALLETS;
    return -1;
}

/* ---- random histories ---- */

static uint32_t new_tx(history_t *self)
{
    uint32_t number = self->tx_count++;
    vd_chain_tx_t *tx = &self->txs[number];
    snprintf(self->tx_id[number], sizeof self->tx_id[number], "%016llx%016llx",
             (unsigned long long)draw(self), (unsigned long long)number);
    *tx = (vd_chain_tx_t){.id = vd_str(self->tx_id[number]),
                          .inputs = self->inputs[number],
                          .outputs = self->outputs[number],
                          .output_count = 1 + (uint32_t)(draw(self) % ENDS)};
    for (uint32_t at = 0; at < tx->output_count; at++) {
        uint64_t to = draw(self) % (ADDRESSES + 4);
        self->outputs[number][at] = (vd_tx_output_t){
            to == ADDRESSES ? vd_str("") : vd_str(self->addresses[to]),
            (UINT64_C(1) << 53) + draw(self) % 1000000}; /* no double holds most of them */
    }
    return number;
}

static void put_tx(history_t *self, uint32_t block, uint32_t number, scan_t *scan)
{
    const vd_chain_tx_t *tx = &self->txs[number];
    uint32_t place = self->block_txs[block]++;
    self->tx_of[block][place] = number;
    self->content[block][place] = *tx;
    for (uint32_t in = 0; in < tx->input_count; in++)
        for (uint32_t other = 0; other < self->tx_count; other++)
            if (vd_bytes_equal(tx->inputs[in].tx, self->txs[other].id))
                scan->unspent[other][tx->inputs[in].index] = false;
    for (uint32_t to = 0; to < tx->output_count; to++)
        scan->unspent[number][to] = true;
}

/* A transaction that spends some of what is there. */
static void spend(history_t *self, uint32_t block, scan_t *scan)
{
    uint32_t known = self->tx_count, number = new_tx(self);
    vd_chain_tx_t *tx = &self->txs[number];
    uint64_t skip = draw(self) % (known ? known : 1);
    for (uint32_t step = 0; step < known && tx->input_count < 2; step++) {
        uint32_t other = (uint32_t)((skip + step) % known);
        for (uint32_t to = 0; to < ENDS && tx->input_count < 2; to++)
            if (scan->unspent[other][to])
                self->inputs[number][tx->input_count++] = (vd_tx_input_t){self->txs[other].id, to};
    }
    if (tx->input_count > 0)
        put_tx(self, block, number, scan);
}

/* The same transaction as on another branch, if it can be here. */
static void repeat(history_t *self, uint32_t block, scan_t *scan)
{
    uint64_t number = draw(self) % self->tx_count;
    const vd_chain_tx_t *tx = &self->txs[number];
    bool can = tx->input_count > 0;
    for (uint32_t to = 0; to < tx->output_count; to++)
        can &= !scan->unspent[number][to];
    for (int32_t at = (int32_t)block; can && at >= 0; at = self->parent[at])
        for (uint32_t place = 0; place < self->block_txs[at]; place++)
            can &= self->tx_of[at][place] != number;
    for (uint32_t in = 0; can && in < tx->input_count; in++)
        for (uint32_t other = 0; other < self->tx_count; other++)
            if (vd_bytes_equal(tx->inputs[in].tx, self->txs[other].id))
                can &= scan->unspent[other][tx->inputs[in].index];
    if (can)
        put_tx(self, block, (uint32_t)number, scan);
}

static void make_block(history_t *self, uint32_t block)
{
    static scan_t scan;
    uint32_t far = block < 20 ? block : 20;
    uint32_t back = block == 0 || draw(self) % 10 < 8 ? 1 : 1 + (uint32_t)(draw(self) % far);
    self->parent[block] = block == 0 ? -1 : (int32_t)(block - back);
    self->height[block] = block == 0 ? 0 : self->height[self->parent[block]] + 1;
    snprintf(self->id[block], sizeof self->id[block], "%016llx%08x", (unsigned long long)draw(self),
             block);
    scan_to(self, self->parent[block], &scan);
    put_tx(self, block, new_tx(self), &scan); /* the reward */
    spend(self, block, &scan);
    if (draw(self) % 2)
        spend(self, block, &scan);
    repeat(self, block, &scan);
}

static history_t *history(uint64_t seed)
{
    history_t *self = calloc(1, sizeof *self);
    self->seed = seed;
    for (int at = 0; at < ADDRESSES + 4; at++)
        snprintf(self->addresses[at], sizeof self->addresses[at], "addr%d", at);
    for (uint32_t at = 0; at < BLOCKS; at++)
        make_block(self, at);
    self->graph = vd_graph_new(&graph_limits);
    self->ledger = vd_ledger_new(&limits);
    for (int at = 0; at < WALLETS; at++) {
        char name[8];
        snprintf(name, sizeof name, "w%d", at);
        assert_int_equal(vd_ledger_add_wallet(self->ledger, vd_str(name)), at);
    }
    for (int at = 0; at < ADDRESSES; at++)
        assert_int_equal(
            vd_ledger_watch(self->ledger, (uint32_t)at % WALLETS, vd_str(self->addresses[at])),
            VD_OK);
    return self;
}

static void end(history_t *self)
{
    vd_graph_destroy(&self->graph);
    vd_ledger_destroy(&self->ledger);
    free(self);
}

/* ---- feeding ---- */

static vd_chain_block_t content_of(const history_t *self, uint32_t block)
{
    return (vd_chain_block_t){.id = vd_str(self->id[block]),
                              .tx_count = self->block_txs[block],
                              .txs = self->content[block],
                              .has_txs = true};
}

static uint32_t claim(const history_t *self, vd_graph_t *graph, uint32_t block)
{
    vd_graph_claim_t said = {vd_str(self->id[block]), vd_str(""), self->height[block],
                             vd_str("n1")};
    if (self->parent[block] >= 0) {
        said.parent = vd_str(self->id[self->parent[block]]);
        assert_int_equal(vd_graph_add(graph, &said), VD_VERDICT_ADDED);
    } else {
        assert_int_equal(vd_graph_plant(graph, &said), VD_VERDICT_ADDED);
    }
    return vd_graph_find(graph, said.id);
}

/* Reads the blocks from..to as one turn does: before any is taken, each beside those before it. Then
 * takes them. */
static void feed(history_t *self, uint32_t from, uint32_t to)
{
    char error[256];
    vd_delta_t deltas[BLOCKS] = {0};
    const vd_delta_t *last = NULL;
    vd_graph_t *over = vd_graph_over(self->graph);
    for (uint32_t at = from; at < to; at++) {
        if (self->gone[at])
            continue;
        vd_chain_block_t content = content_of(self, at);
        deltas[at].block = claim(self, over, at);
        deltas[at].before = last;
        last = &deltas[at];
        if (vd_ledger_read(self->ledger, over, &content, &deltas[at], error, sizeof error))
            fail_msg("block %u: %s", at, error);
    }
    vd_graph_destroy(&over);
    for (uint32_t at = from; at < to; at++) {
        if (self->gone[at])
            continue;
        deltas[at].block = claim(self, self->graph, at);
        assert_int_equal(vd_ledger_take(self->ledger, self->graph, &deltas[at]), VD_OK);
        vd_delta_free(&deltas[at]);
    }
}

/* ---- comparing ---- */

static void compare_block(const history_t *self, const vd_ledger_t *ledger, const vd_graph_t *graph,
                          uint32_t block)
{
    static scan_t scan;
    uint64_t expected[WALLETS] = {0}, balances[WALLETS];
    uint32_t counts[WALLETS] = {0};
    vd_coin_t *coins = calloc(COINS, sizeof *coins);
    uint32_t handle = vd_graph_find(graph, vd_str(self->id[block]));
    scan_to(self, (int32_t)block, &scan);
    for (uint32_t tx = 0; tx < self->tx_count; tx++)
        for (uint32_t to = 0; to < ENDS; to++) {
            int wallet = scan.unspent[tx][to] ? wallet_of(self, self->outputs[tx][to].address) : -1;
            if (wallet < 0)
                continue;
            expected[wallet] += self->outputs[tx][to].value;
            counts[wallet]++;
        }
    assert_int_equal(vd_ledger_balances(ledger, graph, handle, balances), VD_OK);
    for (uint32_t wallet = 0; wallet < WALLETS; wallet++) {
        uint64_t sum = 0;
        assert_true(balances[wallet] == expected[wallet]);
        size_t count = vd_ledger_coins(ledger, graph, handle, wallet, coins, COINS);
        assert_int_equal(count, counts[wallet]);
        for (size_t at = 0; at < count; at++)
            sum += coins[at].value;
        assert_true(sum == expected[wallet]);
    }
    free(coins);
}

static void compare(history_t *self, const vd_ledger_t *ledger, const vd_graph_t *graph,
                    uint32_t to)
{
    for (uint32_t asked = 0; asked < 30; asked++) {
        uint32_t block = (uint32_t)(draw(self) % to);
        if (!self->gone[block])
            compare_block(self, ledger, graph, block);
    }
}

static void prune(history_t *self, uint32_t to)
{
    uint32_t best = vd_graph_best(self->graph);
    uint64_t root_height = vd_graph_height(self->graph, vd_graph_root(self->graph));
    uint64_t height = root_height + (vd_graph_height(self->graph, best) - root_height) / 2;
    uint32_t root = vd_graph_ancestor_at(self->graph, best, height), index = 0;
    while (!vd_str_is(vd_graph_id(self->graph, root), self->id[index]))
        index++;
    assert_int_equal(vd_ledger_prune(self->ledger, self->graph, root), VD_OK);
    for (uint32_t at = 0; at < BLOCKS; at++) {
        int32_t above = (int32_t)at;
        while (above >= 0 && (uint32_t)above != index)
            above = self->parent[above];
        if (above < 0)
            self->gone[at] = true;
    }
    for (uint32_t at = 0; at < to; at++)
        assert_true((vd_graph_find(self->graph, vd_str(self->id[at])) == VD_BLOCK_NONE) ==
                    self->gone[at]);
}

static void saved(const history_t *self, vd_buffer_t *graph, vd_buffer_t *ledger)
{
    vd_buffer_init(graph, 1 << 22);
    vd_buffer_init(ledger, 1 << 22);
    vd_graph_save(self->graph, graph);
    vd_ledger_save(self->ledger, self->graph, ledger);
    assert_false(graph->full || ledger->full);
}

/* Puts a copy by save and load in the place of what there is. */
static void reload(history_t *self)
{
    vd_buffer_t graph, ledger;
    saved(self, &graph, &ledger);
    vd_graph_destroy(&self->graph);
    vd_ledger_destroy(&self->ledger);
    self->graph = vd_graph_new(&graph_limits);
    self->ledger = vd_ledger_new(&limits);
    assert_int_equal(vd_graph_load(self->graph, vd_buffer_view(&graph)), VD_OK);
    assert_int_equal(vd_ledger_load(self->ledger, self->graph, vd_buffer_view(&ledger)), VD_OK);
    vd_buffer_free(&graph);
    vd_buffer_free(&ledger);
}

/* One history to its end, with or without a reload on the way; the bytes of the end state. */
static void run(uint64_t seed, bool with_reload, vd_buffer_t *graph, vd_buffer_t *ledger)
{
    history_t *self = history(seed);
    enum { FIRST = BLOCKS / 3, SECOND = BLOCKS * 2 / 3 };
    feed(self, 0, 40);
    feed(self, 40, 41);
    feed(self, 41, FIRST);
    compare(self, self->ledger, self->graph, FIRST);
    prune(self, FIRST);
    compare(self, self->ledger, self->graph, FIRST);
    if (with_reload)
        reload(self);
    feed(self, FIRST, SECOND);
    compare(self, self->ledger, self->graph, SECOND);
    prune(self, SECOND);
    if (with_reload)
        reload(self);
    feed(self, SECOND, BLOCKS);
    compare(self, self->ledger, self->graph, BLOCKS);
    saved(self, graph, ledger);
    end(self);
}

static void balances_are_a_naive_scan(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        vd_buffer_t graph, ledger, other_graph, other_ledger;
        run(seed * 7919, false, &graph, &ledger);
        run(seed * 7919, true, &other_graph, &other_ledger);
        assert_true(vd_bytes_equal(vd_buffer_view(&graph), vd_buffer_view(&other_graph)));
        assert_true(vd_bytes_equal(vd_buffer_view(&ledger), vd_buffer_view(&other_ledger)));
        vd_buffer_free(&graph);
        vd_buffer_free(&ledger);
        vd_buffer_free(&other_graph);
        vd_buffer_free(&other_ledger);
    }
}

static void refuses_damaged_ledgers(void **state)
{
    (void)state;
    history_t *self = history(99);
    vd_buffer_t graph, ledger;
    feed(self, 0, 60);
    saved(self, &graph, &ledger);
    uint32_t refused = 0;
    for (uint32_t at = 0; at < 3000; at++) {
        uint8_t *byte = &ledger.data[draw(self) % ledger.size], was = *byte;
        *byte = (uint8_t)draw(self);
        vd_ledger_t *loaded = vd_ledger_new(&limits);
        uint64_t balances[VD_LEDGER_WALLETS_MAX];
        bool scanned = vd_scan_exact(vd_buffer_view(&ledger), VD_DEPTH_MAX) == VD_OK;
        if (!scanned || vd_ledger_load(loaded, self->graph, vd_buffer_view(&ledger)) != VD_OK)
            refused++;
        else
            vd_ledger_balances(loaded, self->graph, vd_graph_best(self->graph), balances);
        vd_ledger_destroy(&loaded);
        *byte = was;
    }
    assert_true(refused > 100);
    vd_buffer_free(&graph);
    vd_buffer_free(&ledger);
    end(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balances_are_a_naive_scan),
        cmocka_unit_test(refuses_damaged_ledgers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
