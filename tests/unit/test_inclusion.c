/* test_inclusion.c: transactions that wait, are mined, get deep and are dropped, as the observer inclusion
 * tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"
#include "inclusion/inclusion.h"
#include "unit/block_world.h"

#include <stdio.h>

static vd_block_world_t world;

static const char *tx(uint32_t number)
{
    static char id[WORLD_ID_SIZE];
    vd_world_tx_id(number, id);
    return id;
}

static vd_tx_state_t state_of(uint32_t number)
{
    const vd_inclusion_t *self = world.bench.state;
    const vd_watched_tx_t *found = vd_txs_find(&self->known.txs, vd_str(tx(number)));
    if (!found)
        fail_msg("transaction %u is not watched", number);
    return found->state;
}

static bool is_watched(uint32_t number)
{
    const vd_inclusion_t *self = world.bench.state;
    return vd_txs_find(&self->known.txs, vd_str(tx(number))) != NULL;
}

static void open_with(const char *more, uint32_t transactions)
{
    char toml[2048];
    int size = snprintf(toml, sizeof toml, "[observers.inclusion]\n%stransactions = [", more);
    for (uint32_t at = 0; at < transactions; at++)
        size += snprintf(toml + size, sizeof toml - (size_t)size, "\"%s\", ", tx(at));
    snprintf(toml + size, sizeof toml - (size_t)size, "]\n");
    vd_block_world_open(&world, &vd_inclusion_observer, toml, 3, NULL, NULL);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, 0, 30));
}

/* The list "local" names these transactions, one a line. */
static void list(const char *text)
{
    vd_buffer_t labels;
    vd_buffer_init(&labels, 256);
    vd_write_map(&labels, 1);
    vd_write_pair_text(&labels, "transactions", "list.txt");
    vd_bench_source(&world.bench, &(vd_source_record_t){.name = vd_str("local"),
                                                        .adapter = vd_str("file"),
                                                        .address = vd_str("/"),
                                                        .labels = vd_buffer_view(&labels),
                                                        .inc = 1});
    vd_buffer_free(&labels);
    vd_bench_put(&world.bench, "read", "list.txt", text);
}

static void goes_from_pool_to_depth(void **state)
{
    (void)state;
    open_with("depths = [\"1\", \"3\"]\n", 2);
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_watched "), 2);
    assert_int_equal(vd_times(told, "tx_"), 2);
    assert_int_equal(state_of(0), VD_TX_UNSEEN);
    world.pool[1] = 1;
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_seen "), 1);
    assert_int_equal(vd_times(told, "\"node\":\"n1\""), 1);
    assert_int_equal(state_of(0), VD_TX_MEMPOOL);
    vd_block_world_all_pool(&world, 0);
    vd_block_world_all_at(&world, vd_block_world_mine(&world, world.head[0], 1));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_included "), 1);
    assert_int_equal(vd_times(told, "tx_confirmed "), 1);
    assert_int_equal(vd_times(told, "tx_dropped "), 0);
    assert_int_equal(state_of(0), VD_TX_INCLUDED);
    assert_int_equal(vd_times(vd_block_world_ask(&world, "tx", tx(0)), "\"depth\":1"), 1);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, world.head[0], 1));
    assert_int_equal(vd_times(vd_block_world_settle(&world), "tx_"), 0);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, world.head[0], 9));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_"), 1);
    assert_int_equal(vd_times(told, "\"height\":31,\"depth\":3}"), 1);
    assert_int_equal(vd_times(vd_block_world_ask(&world, "tx", tx(0)), "\"depth\":11"), 1);
    assert_int_equal(vd_times(vd_block_world_ask(&world, "in", "unseen"), "\"tx\":"), 1);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

/* Out of the best branch into the pool, back in, and from one block into another. */
static void follows_reorganizations(void **state)
{
    (void)state;
    open_with("depths = [\"2\"]\n", 2);
    uint32_t fork = world.head[0];
    uint32_t left = vd_block_world_grow(&world, vd_block_world_mine(&world, fork, 3), 1);
    vd_block_world_all_at(&world, left);
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_included "), 2);
    assert_int_equal(vd_times(told, "tx_confirmed "), 2);
    /* Tx 0 is in the other branch too; tx 1 goes back to a pool. */
    uint32_t right = vd_block_world_grow(&world, vd_block_world_mine(&world, fork, 1), 2);
    vd_block_world_all_at(&world, right);
    world.pool[2] = 2;
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "best_changed "), 1);
    assert_int_equal(vd_times(told, "\"depth\":2}\ntx_included"), 1);
    assert_int_equal(vd_times(told, "tx_included "), 1);
    assert_int_equal(vd_times(told, "\"previous\":null"), 0);
    assert_int_equal(vd_times(told, "\"reason\":\"reorg\""), 1);
    assert_int_equal(vd_times(told, "tx_seen "), 1);
    assert_int_equal(state_of(0), VD_TX_INCLUDED);
    assert_int_equal(state_of(1), VD_TX_MEMPOOL);
    /* Back again. */
    vd_block_world_all_pool(&world, 0);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, left, 2));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_included "), 2);
    assert_int_equal(vd_times(told, "tx_confirmed "), 2);
    assert_int_equal(vd_times(told, "tx_dropped "), 0);
    assert_int_equal(state_of(1), VD_TX_INCLUDED);
    assert_int_equal(vd_times(vd_block_world_view(&world), "\"reorged\":1,"), 1);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

static void dropped_and_never_seen_again_stays_dropped(void **state)
{
    (void)state;
    open_with("", 1);
    uint32_t fork = world.head[0];
    vd_block_world_all_at(&world, vd_block_world_mine(&world, fork, 1));
    vd_block_world_settle(&world);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, fork, 2));
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_dropped "), 1);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, world.head[0], 200));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_"), 0);
    assert_int_equal(state_of(0), VD_TX_DROPPED);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

/* One node is behind: what it still holds in its pool is in a block of the others. */
static void a_lagging_pool_hides_nothing(void **state)
{
    (void)state;
    open_with("", 1);
    vd_block_world_settle(&world);
    vd_block_world_all_pool(&world, 1);
    vd_block_world_settle(&world);
    world.head[0] = world.head[1] = vd_block_world_mine(&world, world.head[0], 1);
    world.pool[0] = world.pool[1] = 0;
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_included "), 1);
    assert_int_equal(vd_times(told, "tx_seen "), 0);
    world.head[2] = world.head[0];
    world.pool[2] = 0;
    assert_int_equal(vd_times(vd_block_world_settle(&world), "tx_"), 0);
    /* In a block of a branch that is not the best one it has not gone, though no pool has it. */
    vd_block_world_close(&world);
    open_with("", 1);
    vd_block_world_all_pool(&world, 1);
    vd_block_world_settle(&world);
    uint32_t fork = world.head[0];
    vd_block_world_all_at(&world, vd_block_world_grow(&world, fork, 2));
    vd_block_world_settle(&world);
    world.head[2] = vd_block_world_mine(&world, fork, 1);
    vd_block_world_all_pool(&world, 0);
    assert_int_equal(vd_times(vd_block_world_settle(&world), "tx_"), 0);
    world.head[2] = world.head[0];
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"reason\":\"evicted\""), 1);
    assert_int_equal(state_of(0), VD_TX_DROPPED);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

static void watches_what_a_list_names(void **state)
{
    (void)state;
    char text[512];
    open_with("history = 50\n", 0);
    vd_block_world_all_at(&world, vd_block_world_mine(&world, world.head[0], 1 << 5));
    vd_block_world_all_at(&world, vd_block_world_grow(&world, world.head[0], 9));
    list("");
    vd_block_world_settle(&world);
    /* It has been in a block for long: the blocks are read again for it. */
    int size = snprintf(text, sizeof text, "# mine\n\n  %s\r\n", tx(5));
    snprintf(text + size, sizeof text - (size_t)size, "%s\nnonsense\n", tx(6));
    list(text);
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"by\":\"list:local\""), 2);
    assert_int_equal(vd_times(told, "tx_included "), 1);
    assert_int_equal(vd_times(told, "tx_confirmed "), 1);
    assert_int_equal(state_of(5), VD_TX_INCLUDED);
    assert_int_equal(state_of(6), VD_TX_UNSEEN);
    assert_int_equal(vd_times(vd_block_world_view(&world), "\"bad_lines\":1"), 1);
    list(NULL); /* that it cannot be read changes nothing */
    assert_int_equal(vd_times(vd_block_world_settle(&world), "tx_"), 0);
    list(tx(6));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"reason\":\"unlisted\""), 1);
    assert_false(is_watched(5));
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

static void watches_every_pool_within_its_bounds(void **state)
{
    (void)state;
    open_with("mempools = true\nhistory = 20\ndepths = [\"2\"]\ntransactions_max = 4\n", 1);
    vd_block_world_settle(&world);
    uint32_t before = world.blocks_read;
    world.pool[0] = 0x6; /* tx 1, 2 */
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"by\":\"mempool\""), 2);
    assert_int_equal(vd_times(told, "tx_seen "), 2);
    /* They are in no block below the head of the node that has them: none is read again. */
    assert_int_equal(world.blocks_read, before);
    world.pool[0] = 0x1e; /* one more than there is room for */
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_watched "), 1);
    assert_int_equal(vd_times(vd_block_world_view(&world), "\"full\":true"), 1);
    /* One is mined, one evicted. */
    world.pool[0] = 0x10;
    vd_block_world_all_at(&world, vd_block_world_mine(&world, world.head[0], 0x6));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_included "), 2);
    assert_int_equal(vd_times(told, "\"reason\":\"evicted\""), 2);
    assert_false(is_watched(3));
    assert_true(is_watched(4)); /* there is room for it now */
    vd_block_world_all_at(&world, vd_block_world_grow(&world, world.head[0], 40));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_confirmed "), 2);
    assert_int_equal(vd_times(told, "\"reason\":\"settled\""), 2);
    assert_false(is_watched(1));
    assert_true(is_watched(0));
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

/* A pool of a node that is behind names what the others have long mined. */
static void finds_what_was_mined_before_it_was_seen(void **state)
{
    (void)state;
    open_with("mempools = true\n", 0);
    vd_block_world_settle(&world);
    world.head[0] = world.head[1] = vd_block_world_mine(&world, world.head[0], 1);
    for (int turn = 0; turn < 2 * VD_ANSWER_TURNS; turn++)
        vd_block_world_step(&world); /* no answer is held any longer */
    uint32_t before = world.blocks_read;
    world.pool[2] = 1;
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "tx_watched "), 1);
    assert_int_equal(vd_times(told, "tx_included "), 1);
    assert_int_equal(vd_times(told, "tx_dropped "), 0);
    assert_int_equal(world.blocks_read, before + 1);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

static void the_best_branch_is_that_of_those_who_answer(void **state)
{
    (void)state;
    open_with("", 1);
    uint32_t fork = world.head[0];
    vd_block_world_settle(&world);
    world.head[0] = vd_block_world_grow(&world, vd_block_world_mine(&world, fork, 1), 3);
    vd_block_world_settle(&world);
    assert_int_equal(state_of(0), VD_TX_INCLUDED);
    /* It goes silent; the others are behind, on its branch: nothing changes. */
    world.silent[0] = true;
    assert_int_equal(vd_times(vd_block_world_settle(&world), "best_changed"), 0);
    /* They go on without it. */
    world.head[1] = world.head[2] = vd_block_world_grow(&world, fork, 1);
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "best_changed"), 1);
    assert_int_equal(state_of(0), VD_TX_DROPPED);
    world.silent[0] = false;
    vd_block_world_settle(&world);
    assert_int_equal(state_of(0), VD_TX_INCLUDED);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

/* What nodes say that cannot be changes nothing. */
static void hostile_answers_change_nothing(void **state)
{
    (void)state;
    static const char *const answers[] = {"",
                                          "[",
                                          "{}",
                                          "[1]",
                                          "[\"x\"]",
                                          "null",
                                          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]",
                                          "\"\"",
                                          "{\"chain\":{\"height\":-1,\"tip\":\"00\"}}",
                                          "{\"chain\":{\"height\":1e300,\"tip\":null}}"};
    open_with("mempools = true\n", 1);
    vd_block_world_all_pool(&world, 1);
    vd_block_world_settle(&world);
    for (size_t at = 0; at < sizeof answers / sizeof answers[0]; at++)
        for (int both = 0; both < 2; both++) {
            vd_bench_put_of(&world.bench, "n0", "get", "/mempool", "ok", vd_str(answers[at]));
            if (both)
                vd_bench_put_of(&world.bench, "n0", "get", "/", "ok", vd_str(answers[at]));
            assert_int_equal(vd_bench_turn(&world.bench), VD_OK);
            assert_int_equal(world.bench.turn.count, 0);
            vd_bench_commit(&world.bench);
        }
    assert_int_equal(state_of(0), VD_TX_MEMPOOL);
    vd_block_world_close(&world);
}

static void refuses_configurations_that_cannot_be(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "transactions = [\"xyz\"]\n",
        "depths = [\"0\"]\n",
        "depths = [\"6\", \"1\"]\n",
        "depths = [\"101\"]\n",
        "depths = [\"1x\"]\n",
        "app = \"\"\n",
        "depths = [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]\n"};
    for (size_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        static const vd_config_table_t empty = {0};
        vd_config_table_t table = empty;
        char toml[256], error[512] = "";
        void *self = NULL;
        vd_buffer_t errors;
        vd_config_t *config = NULL;
        table.path = VD_INCLUSION_TABLE;
        table.rows = vd_inclusion_observer.config;
        vd_buffer_init(&errors, 4096);
        snprintf(toml, sizeof toml, "[observers.inclusion]\n%s", bad[at]);
        assert_int_equal(vd_config_parse("test", vd_str(toml), &table, 1, &config, &errors), VD_OK);
        assert_int_equal(vd_inclusion_observer.init(&self, config, error, sizeof error), VD_CONFIG);
        assert_true(error[0] != 0 && !self);
        vd_config_destroy(&config);
        vd_buffer_free(&errors);
    }
}

/* Nodes that mine, fork, hang and come back as they like: in the end each transaction is where the best
 * branch has it. */
static void follows_random_histories(void **state)
{
    (void)state;
    enum { WATCHED = 12 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        open_with(seed % 2 ? "mempools = true\n" : "", WATCHED);
        for (uint32_t move = 0; move < 50; move++) {
            uint64_t draw = vd_hash_mix(random += UINT64_C(0x9e3779b97f4a7c15));
            uint32_t node = (uint32_t)(draw % 3), other = (uint32_t)((draw >> 8) % 3);
            uint32_t head = world.head[node], back = (uint32_t)((draw >> 16) % 4);
            uint32_t on = vd_block_world_ancestor(&world, head, world.height[head] - back);
            if ((draw >> 24) % 4 == 0)
                world.head[node] = world.head[other];
            else
                world.head[node] =
                    vd_block_world_mine(&world, vd_block_world_grow(&world, on, back),
                                        UINT64_C(1) << (draw >> 32) % (WATCHED + 4));
            world.pool[other] ^= UINT64_C(1) << (draw >> 40) % (WATCHED + 4);
            world.silent[node] = (draw >> 48) % 8 == 0;
            vd_block_world_step(&world);
        }
        memset(world.silent, 0, sizeof world.silent);
        vd_block_world_all_pool(&world, 0);
        vd_block_world_all_at(&world, vd_block_world_grow(&world, world.head[0], 20));
        vd_block_world_settle(&world);
        uint64_t included = 0;
        for (uint32_t at = world.head[0]; at != 0; at = (uint32_t)world.parent[at])
            included |= world.txs[at];
        for (uint32_t at = 0; at < WATCHED; at++)
            if ((included >> at & 1) != (state_of(at) == VD_TX_INCLUDED))
                fail_msg("seed %llu: transaction %u is %s", (unsigned long long)seed, at,
                         vd_tx_state_name(state_of(at)));
        vd_block_world_assert_lawful(&world);
        vd_block_world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_from_pool_to_depth),
        cmocka_unit_test(follows_reorganizations),
        cmocka_unit_test(dropped_and_never_seen_again_stays_dropped),
        cmocka_unit_test(a_lagging_pool_hides_nothing),
        cmocka_unit_test(watches_what_a_list_names),
        cmocka_unit_test(watches_every_pool_within_its_bounds),
        cmocka_unit_test(finds_what_was_mined_before_it_was_seen),
        cmocka_unit_test(the_best_branch_is_that_of_those_who_answer),
        cmocka_unit_test(hostile_answers_change_nothing),
        cmocka_unit_test(refuses_configurations_that_cannot_be),
        cmocka_unit_test(follows_random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
