/* test_wallet_observer.c: wallets that are paid on branches of a chain, as the observer wallet tells it; every
 * balance is held against a naive scan from the first block on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"
#include "laws/observer_laws.h"
#include "unit/wallet_world.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t draw(uint64_t *seed)
{
    return vd_hash_mix(*seed += UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- stories ---- */

static void tells_balances_on_every_branch(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    uint32_t fork = wallet_world_grow(&world, 0, 5);
    wallet_world_pay(&world, WALLET_ALICE, 700);
    fork = wallet_world_grow(&world, fork, 1);
    wallet_world_pay(&world, WALLET_BOB, 40);
    uint32_t left = wallet_world_grow(&world, fork, 1);
    wallet_world_pay(&world, WALLET_BOB, 5);
    wallet_world_pay(&world, WALLET_ALICE, 1);
    uint32_t right = wallet_world_grow(&world, wallet_world_grow(&world, fork, 1), 1);
    world.head[0] = left;
    world.head[1] = world.head[2] = right;
    const char *told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_times(told, "block_taken"), 10);
    assert_int_equal(wallet_world_times(told, "refused"), 0);
    assert_int_equal(wallet_world_times(told, "\"wallet\":\"bob\",\"node\":\"n0\""), 1);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, left), 700);
    assert_int_equal(wallet_world_balance(&world, WALLET_BOB, left), 40);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, right), 701);
    assert_int_equal(wallet_world_balance(&world, WALLET_BOB, right), 5);
    wallet_world_expect(&world);
    /* A reorganization: the answer follows ancestry. */
    world.head[0] = right;
    told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_times(told, "block_taken"), 0);
    assert_int_equal(wallet_world_times(told, "\"balance\":5,\"previous\":40"), 1);
    assert_int_equal(wallet_world_times(told, "\"balance\":701,\"previous\":700"), 1);
    wallet_world_expect(&world);
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* A node that hangs, and one that leaves, hide nothing of the others'. */
static void goes_on_without_a_node(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    wallet_world_pay(&world, WALLET_ALICE, 3);
    wallet_world_all_at(&world, wallet_world_grow(&world, 0, 60));
    world.silent[0] = true;
    wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, world.head[1]), 3);
    vd_bench_drop(&world.bench, "n1");
    const char *told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_times(told, "node_removed"), 1);
    wallet_world_pay(&world, WALLET_ALICE, 4);
    world.head[2] = wallet_world_grow(&world, world.head[2], 1);
    wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, world.head[2]), 7);
    world.silent[0] = false;
    wallet_world_settle(&world);
    wallet_world_expect(&world);
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* Its past is found in the kept blocks, and what was spent of it too; other blocks are not read again. */
static void looks_again_when_an_address_appears(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    world.hidden[WALLET_ALICE] = true;
    uint32_t at = wallet_world_grow(&world, 0, 100);
    wallet_world_pay(&world, WALLET_ALICE, 900);
    at = wallet_world_grow(&world, at, 50);
    wallet_world_spend(&world, at, WALLET_ALICE, WALLET_OTHER, 250);
    at = wallet_world_grow(&world, at, 50);
    uint32_t side = wallet_world_grow(&world, wallet_world_ancestor(&world, at, 180), 30);
    wallet_world_spend(&world, side, WALLET_ALICE, WALLET_BOB, 1);
    side = wallet_world_grow(&world, side, 1);
    wallet_world_all_at(&world, side);
    wallet_world_settle(&world);
    wallet_world_all_at(&world, at);
    wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, at), 0);
    world.hidden[WALLET_ALICE] = false;
    world.asked = 0;
    const char *told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, at), 650);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, side), 649);
    assert_true(wallet_world_times(told, "block_reread") >= 3);
    assert_true(world.asked < 40); /* three of 232 blocks, and a few that might have held it */
    assert_int_equal(wallet_world_times(told, "block_taken"), 0);
    wallet_world_expect(&world);
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* Blocks wait for the sources that answer; one that fails keeps nobody waiting. */
static void waits_for_addresses_at_the_start(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    for (int payment = 0; payment < 220; payment++)
        wallet_world_pay(&world, WALLET_BOB, 1);
    wallet_world_all_at(&world, wallet_world_grow(&world, 0, 3));
    world.server_status = "";
    wallet_world_step(&world);
    wallet_world_step(&world);
    assert_int_equal(vd_graph_count(wallet_world_state(&world)->graph), 0);
    world.server_status = "unreachable";
    wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, world.head[0]), 0);
    assert_int_equal(vd_graph_count(wallet_world_state(&world)->graph), 4);
    world.server_status = "ok";
    const char *told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_times(told, "history_read"), 3);
    assert_int_equal(wallet_world_balance(&world, WALLET_BOB, world.head[0]), 220);
    wallet_world_expect(&world);
    wallet_world_close(&world);

    wallet_world_open(&world, "[observers.wallet]\n");
    for (int payment = 0; payment < 120; payment++)
        wallet_world_pay(&world, WALLET_BOB, 1);
    wallet_world_all_at(&world, wallet_world_grow(&world, 0, 3));
    told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_times(told, "block_reread"), 0);
    assert_int_equal(wallet_world_times(told, "block_taken"), 4);
    wallet_world_expect(&world);
    wallet_world_close(&world);
}

/* The list of a wallet server is read back, page by page, until what was read before; when the transaction
 * at which it was is gone, from the newest on again. */
static void reads_a_list_back(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    for (int payment = 0; payment < 130; payment++)
        wallet_world_pay(&world, WALLET_BOB, 1);
    uint32_t at = wallet_world_grow(&world, 0, 1);
    wallet_world_all_at(&world, at);
    world.forget_page = true;
    const char *told = wallet_world_settle(&world);

    assert_int_equal(wallet_world_times(told, "\"first\":\"\",\"after\":\"\",\"done\":false"), 1);
    assert_int_equal(wallet_world_times(told, "\"done\":true"), 1);
    assert_int_equal(wallet_world_balance(&world, WALLET_BOB, at), 130);
    for (int payment = 0; payment < 70; payment++)
        wallet_world_pay(&world, WALLET_BOB, 1);
    at = wallet_world_grow(&world, at, 1);
    wallet_world_all_at(&world, at);
    told = wallet_world_settle(&world);
    assert_int_equal(wallet_world_times(told, "history_read"), 2); /* two pages, up to the mark */
    assert_int_equal(wallet_world_balance(&world, WALLET_BOB, at), 200);
    wallet_world_expect(&world);
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* Old blocks are forgotten; what they left still counts, and what came too late is said to. */
static void forgets_old_blocks(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\nhistory = 40\n");
    world.hidden[WALLET_ALICE] = true;
    uint32_t at = 0;
    for (uint32_t round = 0; round < 40; round++) {
        wallet_world_pay(&world, WALLET_BOB, 10);
        if (round == 2 || round == 38)
            wallet_world_pay(&world, WALLET_ALICE, 1);
        at = wallet_world_grow(&world, at, 12);
        if (round % 5 == 4)
            wallet_world_spend(&world, at, WALLET_BOB, WALLET_OTHER, 5);
        uint32_t stale =
            wallet_world_grow(&world, wallet_world_ancestor(&world, at, 12 * round), 3);
        world.head[0] = stale;
        world.head[1] = world.head[2] = at;
        wallet_world_settle(&world);
        assert_true(vd_graph_count(wallet_world_state(&world)->graph) <=
                    (40 + 10 + 12 + 2) * 5 / 4);
        assert_int_equal(wallet_world_balance(&world, WALLET_BOB, at),
                         wallet_world_scan(&world, WALLET_BOB, at));
    }
    assert_true(vd_ledger_coin_count(wallet_world_state(&world)->ledger) < 60);
    world.hidden[WALLET_ALICE] = false;
    wallet_world_settle(&world);
    /* One of the two payments is older than what is kept. */
    assert_int_equal(wallet_world_scan(&world, WALLET_ALICE, at), 2);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, at), 1);
    const vd_watched_wallets_t *wallets = wallet_world_state(&world);
    uint32_t alice = vd_ledger_wallet(wallets->ledger, vd_str("alice"));
    assert_int_equal(wallets->since[alice],
                     vd_graph_height(wallets->graph, vd_graph_root(wallets->graph)));
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* A block that does more than an event, and more than a turn, can tell. */
static void tells_a_large_block_in_parts(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    uint32_t at = wallet_world_grow(&world, 0, 2);
    world.crowd = 2500; /* outputs of one transaction */
    at = wallet_world_grow(&world, at, 1);
    world.crowd = 0;
    at = wallet_world_grow(&world, at, 2);
    wallet_world_all_at(&world, at);
    const char *told = wallet_world_settle(&world);
    assert_true(wallet_world_times(told, "block_reread") >= 6);
    assert_int_equal(wallet_world_times(told, "block_taken"), 6);
    /* No balance is told of which a part is missing. */
    assert_int_equal(wallet_world_times(told, "\"balance\":2500,\"previous\":0"), WALLET_NODES);
    assert_int_equal(wallet_world_times(told, "balance_changed"), WALLET_NODES);
    wallet_world_expect(&world);
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* ---- lies ---- */

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    static const struct {
        wallet_lie_t lie;
        const char *reason;
    } lies[] = {
        {WALLET_LIE_HEIGHT, "\"reason\":\"wrong_height\""},
        {WALLET_LIE_TWICE, "\"reason\":\"impossible\""},
        {WALLET_LIE_VALUE, "\"reason\":\"unreadable\""},
        {WALLET_LIE_HEADER, "\"reason\":\"without_transactions\""},
        {WALLET_LIE_TEXT, "\"reason\":\"unreadable\""},
        {WALLET_LIE_LARGE, "\"text\":\"the answer is larger than a sample may be\""},
    };
    for (size_t story = 0; story < 2 * (sizeof lies / sizeof lies[0]); story++) {
        size_t at = story / 2;
        static wallet_world_t world;
        wallet_world_open(&world, "[observers.wallet]\n");
        wallet_world_pay(&world, WALLET_ALICE, 50);
        wallet_world_all_at(&world, wallet_world_grow(&world, 0, 4));
        uint32_t liar = story % 2 ? 2 : 0, honest = 2 - liar; /* each is heard first once */
        world.silent[liar] = true;
        wallet_world_settle(&world);
        /* A node comes with a block of its own, and lies of it. */
        world.silent[liar] = false;
        wallet_world_spend(&world, world.head[honest], WALLET_ALICE, WALLET_BOB, 20);
        uint32_t lied = wallet_world_grow(&world, world.head[honest], 1);
        world.head[liar] = wallet_world_grow(&world, lied, 1);
        world.liar = liar;
        world.lie = lies[at].lie;
        world.lied = lied;
        for (int step = 0; step < 12; step++)
            wallet_world_step(&world);
        const char *told = wallet_world_told(&world);
        if (!strstr(told, lies[at].reason))
            fail_msg("lie %zu is not refused: %s", at, told);
        assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, world.head[honest]), 50);
        /* Who tells the truth is believed. */
        world.head[1] = world.head[honest] = world.head[liar];
        wallet_world_settle(&world);
        wallet_world_expect(&world);
        vd_law_restart(&world.bench);
        wallet_world_close(&world);
    }
}

static void leaves_addresses_that_cannot_be(void **state)
{
    (void)state;
    static wallet_world_t world;
    wallet_world_open(&world, "[observers.wallet]\n");
    wallet_world_pay(&world, WALLET_ALICE, 50);
    wallet_world_pay(&world, WALLET_BOB, 60);
    wallet_world_all_at(&world, wallet_world_grow(&world, 0, 4));
    world.file = "two words\n";
    wallet_world_settle(&world);
    assert_int_equal(vd_ledger_wallet(wallet_world_state(&world)->ledger, vd_str("alice")),
                     VD_WALLET_NONE);
    world.file = "# nothing yet\r\n\n";
    wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, world.head[0]), 0);
    /* Another wallet's address stays its own. */
    world.file = "a1\nb1 # not mine";
    wallet_world_settle(&world);
    assert_int_equal(wallet_world_balance(&world, WALLET_ALICE, world.head[0]), 50);
    assert_int_equal(wallet_world_balance(&world, WALLET_BOB, world.head[0]), 60);
    wallet_world_expect(&world);
    vd_law_restart(&world.bench);
    wallet_world_close(&world);
}

/* ---- questions ---- */

static vd_status_t ask(const wallet_world_t *world, const char *name, const char *args,
                       const char *expected)
{
    vd_buffer_t bytes, out, text;
    vd_buffer_init(&bytes, 1024);
    vd_buffer_init(&out, 1 << 20);
    vd_buffer_init(&text, 1 << 20);
    uint32_t count = args[0] != 0;
    for (const char *at = args; *at; at++)
        count += *at == ' ';
    vd_write_array(&bytes, count);
    for (const char *at = args; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
        vd_write_str(&bytes, vd_bytes(at, strcspn(at, " ")));
    vd_status_t status = vd_wallet_query(world->bench.state, world->bench.samples, vd_str(name),
                                         vd_buffer_view(&bytes), &out);
    if (status == VD_OK) {
        vd_value_json(&text, vd_buffer_view(&out));
        vd_buffer_add(&text, "", 1);
        if (!strstr((const char *)text.data, expected))
            fail_msg("%s is not in %s", expected, (const char *)text.data);
    }
    vd_buffer_free(&bytes);
    vd_buffer_free(&out);
    vd_buffer_free(&text);
    return status;
}

static void answers_questions(void **state)
{
    (void)state;
    static wallet_world_t world;
    char id[65], args[128];
    wallet_world_open(&world, "[observers.wallet]\n");
    assert_int_equal(ask(&world, "balances", "", ""), VD_NOT_FOUND);
    wallet_world_pay(&world, WALLET_ALICE, 7);
    uint32_t first = wallet_world_grow(&world, 0, 1);
    wallet_world_pay(&world, WALLET_ALICE, 8);
    wallet_world_all_at(&world, wallet_world_grow(&world, first, 1));
    wallet_world_settle(&world);
    wallet_world_id(first, id);
    snprintf(args, sizeof args, "alice %s", id);
    assert_int_equal(ask(&world, "balance", "alice", "\"balance\":15"), VD_OK);
    assert_int_equal(ask(&world, "balance", args, "\"height\":1,\"balance\":7"), VD_OK);
    assert_int_equal(ask(&world, "balances", "", "\"balances\":{\"alice\":15,\"bob\":0}"), VD_OK);
    assert_int_equal(ask(&world, "balances", id, "{\"alice\":7,\"bob\":0}"), VD_OK);
    assert_int_equal(ask(&world, "coins", "alice", "\"count\":2,\"coins\":[{\"tx\":"), VD_OK);
    assert_int_equal(ask(&world, "coins", "bob", "\"coins\":[]"), VD_OK);
    assert_int_equal(ask(&world, "balance", "", ""), VD_USAGE);
    assert_int_equal(ask(&world, "balance", "a b c", ""), VD_USAGE);
    assert_int_equal(ask(&world, "balances", "a b", ""), VD_USAGE);
    assert_int_equal(ask(&world, "balance", "nobody", ""), VD_NOT_FOUND);
    assert_int_equal(ask(&world, "balance", "alice nowhere", ""), VD_NOT_FOUND);
    vd_law_view(&world.bench);
    wallet_world_close(&world);
}

/* ---- random histories ---- */

/* Grows a node's branch by some blocks with payments, on its head or a few blocks below. */
static void move(wallet_world_t *world, uint64_t *seed)
{
    uint32_t node = (uint32_t)(draw(seed) % WALLET_NODES), back = (uint32_t)(draw(seed) % 5);
    uint32_t head = world->head[node];
    uint32_t height = world->height[head] > back ? world->height[head] - back : 0;
    uint32_t on = draw(seed) % 3 ? head : wallet_world_ancestor(world, head, height);
    for (uint32_t count = 1 + (uint32_t)(draw(seed) % 4); count > 0; count--) {
        if (draw(seed) % 2)
            wallet_world_pay(world, (wallet_t)(draw(seed) % 3), 1 + draw(seed) % 1000);
        if (draw(seed) % 2)
            wallet_world_spend(world, on, (wallet_t)(draw(seed) % 3), (wallet_t)(draw(seed) % 3),
                               1 + draw(seed) % 500);
        on = wallet_world_grow(world, on, 1);
    }
    world->head[node] = on;
    if (draw(seed) % 4 == 0)
        world->head[node] = world->head[draw(seed) % WALLET_NODES];
    world->silent[node] = draw(seed) % 8 == 0;
    world->server_status = draw(seed) % 6 ? "ok" : "timed_out";
    world->hidden[WALLET_ALICE] = draw(seed) % 3 == 0 && world->hidden[WALLET_ALICE];
}

static void follows_random_histories(void **state)
{
    (void)state;
    static wallet_world_t world;
    for (uint64_t number = 1; number <= 12; number++) {
        uint64_t seed = number, cuts = number;
        wallet_world_open(&world, "[observers.wallet]\n");
        world.hidden[WALLET_ALICE] = number % 2;
        wallet_world_all_at(&world, wallet_world_grow(&world, 0, 3));
        for (uint32_t moves = 0; moves < 40; moves++) {
            move(&world, &seed);
            world.lost = draw(&seed) % 8 == 0;
            wallet_world_step(&world);
            vd_law_view(&world.bench);
        }
        world.lost = false;
        memset(world.silent, 0, sizeof world.silent);
        memset(world.hidden, 0, sizeof world.hidden);
        world.server_status = "ok";
        wallet_world_settle(&world);
        wallet_world_expect(&world);
        vd_bench_assert_kept(&world.bench, &cuts);
        vd_law_restart(&world.bench);
        wallet_world_close(&world);
    }
}

static void keeps_the_laws_of_observers(void **state)
{
    (void)state;
    vd_law_hostile_saves(&vd_wallet_observer, "[observers.wallet]\n");
    vd_law_queries(&vd_wallet_observer, "[observers.wallet]\n");
}

/* What is stored and damaged is refused, or is a state. */
static void loads_no_damaged_state(void **state)
{
    (void)state;
    static wallet_world_t world;
    vd_buffer_t saved;
    uint64_t seed = 5;
    wallet_world_open(&world, "[observers.wallet]\n");
    wallet_world_pay(&world, WALLET_ALICE, 7);
    wallet_world_all_at(&world, wallet_world_grow(&world, 0, 6));
    wallet_world_settle(&world);
    vd_buffer_init(&saved, 1 << 20);
    vd_wallet_save(world.bench.state, &saved);
    for (int round = 0; round < 3000; round++) {
        size_t at = (size_t)(draw(&seed) % saved.size);
        uint8_t kept = saved.data[at];
        saved.data[at] = (uint8_t)draw(&seed);
        void *fresh = vd_bench_fresh(&world.bench);
        if (vd_scan_exact(vd_buffer_view(&saved), VD_DEPTH_MAX) == VD_OK)
            vd_wallet_load(fresh, vd_buffer_view(&saved));
        vd_wallet_observer.destroy(&fresh);
        saved.data[at] = kept;
    }
    vd_buffer_free(&saved);
    wallet_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_balances_on_every_branch),
        cmocka_unit_test(goes_on_without_a_node),
        cmocka_unit_test(looks_again_when_an_address_appears),
        cmocka_unit_test(waits_for_addresses_at_the_start),
        cmocka_unit_test(reads_a_list_back),
        cmocka_unit_test(forgets_old_blocks),
        cmocka_unit_test(tells_a_large_block_in_parts),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(leaves_addresses_that_cannot_be),
        cmocka_unit_test(answers_questions),
        cmocka_unit_test(follows_random_histories),
        cmocka_unit_test(keeps_the_laws_of_observers),
        cmocka_unit_test(loads_no_damaged_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
