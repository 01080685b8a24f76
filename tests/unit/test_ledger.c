/* test_ledger.c: deltas by hand: what cannot be is refused, a past that is read later counts, and a long
 * chain with many wallets stays small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "chainkit/ledger.h"

#include <malloc.h>
#include <stdio.h>

static const vd_graph_limits_t graph_limits = {
    .blocks_max = 200000, .orphans_max = 64, .orphans_per_source_max = 32};
static const vd_ledger_limits_t limits = {
    .addresses_max = 1024, .coins_max = 1048576, .kept_max = 8};

/* ---- by hand ---- */

typedef struct small {
    vd_graph_t *graph;
    vd_ledger_t *ledger;
} small_t;

static small_t small(uint32_t coins_max)
{
    vd_ledger_limits_t own = limits;
    own.coins_max = coins_max;
    small_t self = {vd_graph_new(&graph_limits), vd_ledger_new(&own)};
    assert_int_equal(vd_ledger_add_wallet(self.ledger, vd_str("alice")), 0);
    assert_int_equal(vd_ledger_add_wallet(self.ledger, vd_str("bob")), 1);
    assert_int_equal(vd_ledger_add_wallet(self.ledger, vd_str("bob")), VD_WALLET_NONE);
    assert_int_equal(vd_ledger_watch(self.ledger, 0, vd_str("a1")), VD_OK);
    assert_int_equal(vd_ledger_watch(self.ledger, 0, vd_str("a1")), VD_OK);
    assert_int_equal(vd_ledger_watch(self.ledger, 1, vd_str("a1")), VD_EXISTS);
    assert_int_equal(vd_ledger_watch(self.ledger, 1, vd_str("b1")), VD_OK);
    vd_graph_claim_t root = {vd_str("r"), vd_str(""), 0, vd_str("n1")};
    assert_int_equal(vd_graph_plant(self.graph, &root), VD_VERDICT_ADDED);
    return self;
}

static uint32_t grown(small_t *self, const char *id, const char *parent)
{
    vd_graph_claim_t claim = {vd_str(id), vd_str(parent), VD_HEIGHT_UNKNOWN, vd_str("n1")};
    assert_int_equal(vd_graph_add(self->graph, &claim), VD_VERDICT_ADDED);
    return vd_graph_find(self->graph, vd_str(id));
}

static vd_status_t take(small_t *self, uint32_t block, const vd_move_t *moves, uint32_t count)
{
    vd_move_t copy[4];
    for (uint32_t at = 0; at < count; at++)
        copy[at] = moves[at];
    vd_delta_t delta = {.block = block, .count = count, .moves = copy};
    return vd_ledger_take(self->ledger, self->graph, &delta);
}

static uint64_t balance(const small_t *self, uint32_t block, uint32_t wallet)
{
    uint64_t balances[2];
    assert_int_equal(vd_ledger_balances(self->ledger, self->graph, block, balances), VD_OK);
    return balances[wallet];
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    small_t self = small(4);
    uint64_t balances[2];
    const vd_move_t coin = {vd_str("t1"), 0, 0, 70, false}, spent = {vd_str("t1"), 0, 0, 70, true},
                    other_value = {vd_str("t1"), 0, 0, 71, false},
                    no_wallet = {vd_str("t2"), 0, 2, 1, false},
                    too_much = {vd_str("t2"), 0, 0, UINT64_MAX - 69, false},
                    unknown = {vd_str("t3"), 0, 0, 1, true};
    uint32_t root = vd_graph_root(self.graph), a = grown(&self, "a", "r"),
             b = grown(&self, "b", "a"), c = grown(&self, "c", "r");
    assert_int_equal(take(&self, a, &coin, 1), VD_NOT_FOUND);
    assert_int_equal(vd_ledger_balances(self.ledger, self.graph, root, balances), VD_NOT_FOUND);
    assert_int_equal(take(&self, root, &coin, 0), VD_OK);
    assert_int_equal(take(&self, a, &coin, 1), VD_OK);
    assert_int_equal(take(&self, a, &coin, 1), VD_OK);
    assert_int_equal(balance(&self, a, 0), 70);
    assert_int_equal(take(&self, b, &coin, 1), VD_MALFORMED);
    assert_int_equal(take(&self, b, &no_wallet, 1), VD_MALFORMED);
    assert_int_equal(take(&self, b, &unknown, 1), VD_MALFORMED);
    assert_int_equal(take(&self, b, &too_much, 1), VD_TOO_LARGE);
    assert_int_equal(take(&self, c, &other_value, 1), VD_MALFORMED);
    assert_int_equal(take(&self, c, &spent, 1), VD_MALFORMED); /* it is of another branch */
    assert_false(vd_ledger_has(self.ledger, self.graph, b));
    assert_false(vd_ledger_has(self.ledger, self.graph, c));
    /* What went before the impossible one is taken back. */
    const vd_move_t twice[] = {{vd_str("t5"), 1, 1, 5, false}, spent, spent, unknown};
    assert_int_equal(take(&self, b, twice, 4), VD_MALFORMED);
    assert_int_equal(vd_ledger_coin_count(self.ledger), 1);
    assert_int_equal(take(&self, b, twice, 2), VD_OK);
    assert_int_equal(balance(&self, b, 0), 0);
    assert_int_equal(balance(&self, b, 1), 5);
    assert_int_equal(balance(&self, a, 0), 70);
    /* The same transaction on another branch is the same coin. */
    assert_int_equal(take(&self, c, &coin, 1), VD_OK);
    assert_int_equal(vd_ledger_coin_count(self.ledger), 2);
    assert_int_equal(balance(&self, c, 0), 70);
    const vd_move_t many[] = {{vd_str("m1"), 0, 0, 1, false},
                              {vd_str("m2"), 0, 0, 1, false},
                              {vd_str("m3"), 0, 0, 1, false}};
    assert_int_equal(take(&self, c, many, 3), VD_TOO_LARGE);
    assert_int_equal(vd_ledger_coin_count(self.ledger), 2);
    assert_int_equal(balance(&self, c, 0), 70);
    vd_graph_destroy(&self.graph);
    vd_ledger_destroy(&self.ledger);
}

/* An address that is watched later: its past is read again, and balances follow. */
static void takes_a_past_that_is_read_later(void **state)
{
    (void)state;
    char error[128];
    small_t self = small(100);
    uint32_t root = vd_graph_root(self.graph), a = grown(&self, "a", "r"),
             b = grown(&self, "b", "a");
    const vd_tx_output_t pay = {vd_str("a2"), 9}, back = {vd_str("b1"), 8};
    const vd_tx_input_t from = {vd_str("t1"), 0};
    const vd_chain_tx_t first = {.id = vd_str("t1"), .output_count = 1, .outputs = &pay},
                        second = {.id = vd_str("t2"),
                                  .input_count = 1,
                                  .inputs = &from,
                                  .output_count = 1,
                                  .outputs = &back};
    const vd_chain_block_t blocks[] = {{.tx_count = 1, .txs = &first},
                                       {.tx_count = 1, .txs = &second}};
    const uint32_t handles[] = {a, b};
    assert_int_equal(take(&self, root, NULL, 0), VD_OK);
    for (int round = 0; round < 3; round++) {
        for (int at = 0; at < 2; at++) {
            vd_delta_t delta = {.block = handles[at]};
            assert_int_equal(
                vd_ledger_read(self.ledger, self.graph, &blocks[at], &delta, error, sizeof error),
                VD_OK);
            assert_int_equal(vd_ledger_take(self.ledger, self.graph, &delta), VD_OK);
            vd_delta_free(&delta);
        }
        assert_int_equal(balance(&self, a, 0), round ? 9 : 0);
        assert_int_equal(balance(&self, b, 0), 0);
        assert_int_equal(balance(&self, b, 1), 8);
        assert_int_equal(vd_ledger_watch(self.ledger, 0, vd_str("a2")), VD_OK);
    }
    /* A block that spends what its ancestor has spent is refused with the outpoint. */
    vd_delta_t delta = {.block = grown(&self, "c", "b")};
    assert_int_equal(
        vd_ledger_read(self.ledger, self.graph, &blocks[1], &delta, error, sizeof error),
        VD_MALFORMED);
    assert_string_equal(error, "t1:0 is spent twice");
    assert_int_equal(
        vd_ledger_read(self.ledger, self.graph, &blocks[0], &delta, error, sizeof error),
        VD_MALFORMED);
    assert_string_equal(error, "t1:0 is created twice");
    vd_graph_destroy(&self.graph);
    vd_ledger_destroy(&self.ledger);
}

/* Balances of blocks that were read and not taken yet are those that they have once they are. */
static void tells_balances_ahead(void **state)
{
    (void)state;
    small_t self = small(100);
    uint64_t ahead[2], after[2];
    uint32_t root = vd_graph_root(self.graph), a = grown(&self, "a", "r"),
             b = grown(&self, "b", "a"), c = grown(&self, "c", "a"), d = grown(&self, "d", "c");
    vd_move_t first[] = {{vd_str("t1"), 0, 0, 70, false}, {vd_str("t1"), 1, 1, 5, false}},
              second[] = {{vd_str("t1"), 0, 0, 70, true}, {vd_str("t2"), 0, 1, 60, false}},
              third[] = {{vd_str("t1"), 1, 1, 5, true}};
    vd_delta_t deltas[] = {{.block = a, .count = 2, .moves = first},
                           {.block = b, .count = 2, .moves = second, .before = &deltas[0]},
                           {.block = c, .count = 1, .moves = third, .before = &deltas[1]}};
    const uint32_t blocks[] = {root, a, b, c};
    assert_int_equal(take(&self, root, NULL, 0), VD_OK);
    assert_int_equal(vd_ledger_balances_ahead(self.ledger, self.graph, d, &deltas[2], ahead),
                     VD_NOT_FOUND);
    assert_int_equal(vd_ledger_balances_ahead(self.ledger, self.graph, c, NULL, ahead),
                     VD_NOT_FOUND);
    for (int taken = 0; taken <= 3; taken++) {
        for (int at = 0; at < 4; at++) {
            static const uint64_t expected[4][2] = {{0, 0}, {70, 5}, {0, 65}, {70, 0}};
            assert_int_equal(
                vd_ledger_balances_ahead(self.ledger, self.graph, blocks[at], &deltas[2], ahead),
                VD_OK);
            assert_memory_equal(ahead, expected[at], sizeof ahead);
            if (at <= taken) {
                assert_int_equal(vd_ledger_balances(self.ledger, self.graph, blocks[at], after),
                                 VD_OK);
                assert_memory_equal(after, ahead, sizeof after);
            }
        }
        if (taken < 3)
            assert_int_equal(vd_ledger_take(self.ledger, self.graph, &deltas[taken]), VD_OK);
    }
    /* What was taken is taken out of a delta. */
    vd_move_t more[] = {second[0], {vd_str("t3"), 0, 0, 1, false}, second[1]};
    vd_delta_t delta = {.block = b, .count = 3, .moves = more};
    vd_ledger_strip(self.ledger, &delta);
    assert_int_equal(delta.count, 1);
    assert_true(vd_str_is(delta.moves[0].tx, "t3"));
    vd_graph_destroy(&self.graph);
    vd_ledger_destroy(&self.ledger);
}

/* A wallet may come when balances are kept already. */
static void takes_a_wallet_later(void **state)
{
    (void)state;
    small_t self = small(100);
    uint64_t balances[3];
    const vd_move_t coin = {vd_str("t1"), 0, 1, 7, false}, late = {vd_str("t2"), 0, 2, 9, false};
    uint32_t root = vd_graph_root(self.graph), a = grown(&self, "a", "r"),
             b = grown(&self, "b", "a");
    assert_int_equal(take(&self, root, NULL, 0), VD_OK);
    assert_int_equal(take(&self, a, &coin, 1), VD_OK);
    assert_int_equal(balance(&self, a, 1), 7);
    assert_int_equal(vd_ledger_add_wallet(self.ledger, vd_str("carol")), 2);
    assert_int_equal(take(&self, b, &late, 1), VD_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(vd_ledger_balances(self.ledger, self.graph, a, balances), VD_OK);
        assert_memory_equal(balances, ((uint64_t[]){0, 7, 0}), sizeof balances);
        assert_int_equal(vd_ledger_balances(self.ledger, self.graph, b, balances), VD_OK);
        assert_memory_equal(balances, ((uint64_t[]){0, 7, 9}), sizeof balances);
    }
    vd_graph_destroy(&self.graph);
    vd_ledger_destroy(&self.ledger);
}

/* ---- size ---- */

enum { LONG = 100000, FIFTY = 50, LONG_COINS = 4, MEBIBYTE = 1 << 20 };

/* A hundred thousand headers with fifty wallets, four coins in each block and most of them spent
 * later, take at most 256 MiB; a new head has its balances at once. */
static void stays_small(void **state)
{
    (void)state;
    char ids[2][65] = {"", ""}, name[32], tx[65], earlier[LONG_COINS][65];
    struct mallinfo2 before = mallinfo2();
    vd_ledger_limits_t own = limits;
    own.kept_max = 256;
    small_t self = {vd_graph_new(&graph_limits), vd_ledger_new(&own)};
    for (uint32_t at = 0; at < FIFTY; at++) {
        snprintf(name, sizeof name, "wallet%u", at);
        assert_int_equal(vd_ledger_add_wallet(self.ledger, vd_str(name)), at);
    }
    for (uint32_t at = 0; at < LONG; at++) {
        vd_delta_t delta = {0};
        snprintf(ids[at % 2], sizeof ids[0], "%032x%032x", at * 2654435761U, at);
        vd_graph_claim_t said = {vd_str(ids[at % 2]), vd_str(ids[(at + 1) % 2]), at, vd_str("n1")};
        assert_int_equal(at ? vd_graph_add(self.graph, &said) : vd_graph_plant(self.graph, &said),
                         VD_VERDICT_ADDED);
        delta.block = vd_graph_find(self.graph, said.id);
        for (uint32_t coin = 0; coin < LONG_COINS; coin++) {
            snprintf(tx, sizeof tx, "%032x%024x%08x", coin * 2654435761U, coin, at);
            snprintf(earlier[coin], sizeof earlier[coin], "%032x%024x%08x", coin * 2654435761U,
                     coin, at - 5);
            vd_move_t spent = {vd_str(earlier[coin]), 0, (at - 5 + coin) % FIFTY, 5, true};
            if (at >= 5 && coin > 0)
                assert_true(vd_delta_add(&delta, &spent));
        }
        char created[LONG_COINS][65];
        for (uint32_t coin = 0; coin < LONG_COINS; coin++) {
            snprintf(created[coin], sizeof created[coin], "%032x%024x%08x", coin * 2654435761U,
                     coin, at);
            vd_move_t move = {vd_str(created[coin]), 0, (at + coin) % FIFTY, 5, false};
            assert_true(vd_delta_add(&delta, &move));
        }
        assert_int_equal(vd_ledger_take(self.ledger, self.graph, &delta), VD_OK);
        if (at % 100 == 0) {
            uint64_t balances[FIFTY];
            assert_int_equal(vd_ledger_balances(self.ledger, self.graph, delta.block, balances),
                             VD_OK);
        }
        vd_delta_free(&delta);
    }
    struct mallinfo2 after = mallinfo2();
    size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    print_message("%d headers, %d wallets, %u coins: %zu MiB\n", LONG, FIFTY,
                  vd_ledger_coin_count(self.ledger), used / MEBIBYTE);
    assert_true(used <= 256 * (size_t)MEBIBYTE);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* theirs does not count */
    assert_true(used > 16 * (size_t)MEBIBYTE);
#endif
    uint64_t balances[FIFTY], sum = 0;
    uint32_t best = vd_graph_best(self.graph);
    assert_int_equal(vd_ledger_balances(self.ledger, self.graph, best, balances), VD_OK);
    for (uint32_t at = 0; at < FIFTY; at++)
        sum += balances[at];
    assert_int_equal(sum, 5 * (LONG + 5 * (LONG_COINS - 1)));
    /* Pruned to a hundred blocks, only what is unspent stays. */
    uint32_t root = vd_graph_ancestor_at(self.graph, best, LONG - 100);
    assert_int_equal(vd_ledger_prune(self.ledger, self.graph, root), VD_OK);
    assert_int_equal(vd_graph_count(self.graph), 100);
    assert_int_equal(vd_ledger_coin_count(self.ledger), LONG + 104 * (LONG_COINS - 1));
    vd_graph_destroy(&self.graph);
    vd_ledger_destroy(&self.ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(takes_a_past_that_is_read_later),
        cmocka_unit_test(tells_balances_ahead),
        cmocka_unit_test(takes_a_wallet_later),
        cmocka_unit_test(stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
