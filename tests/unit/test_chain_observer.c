/* test_chain_observer.c: nodes that grow, fork, lag, fail and lie, as the observer chain tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hash.h"
#include "laws/chain_world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- stories ---- */

static void catches_up_parents_first(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 300));
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "block_discovered"), 101);
    assert_int_equal(world_times(told, "head_changed"), WORLD_NODES);
    assert_int_equal(world_times(told, "reorg"), 0);
    assert_int_equal(world_times(told, "refused"), 0);
    const vd_graph_t *graph = world_state(&world)->graph;
    assert_int_equal(vd_graph_height(graph, vd_graph_root(graph)), 200);
    world_expect_heads(&world);
    world_move_all(&world, world_grow(&world, world.nodes[0].head, 500));
    told = world_settle(&world);
    assert_int_equal(world_times(told, "block_discovered"), 500);
    assert_int_equal(world_times(told, "reorg"), 0);
    world_expect_heads(&world);
    world_expect_lawful(&world);
    world_close(&world);
}

static void tells_reorganizations_of_every_depth(void **state)
{
    (void)state;
    static world_t world;
    char part[128], id[65];
    world_open(&world, "[observers.chain]\nhistory = 100\nconfirmations = 60\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 150));
    world_settle(&world);
    for (uint32_t depth = 1; depth <= 40; depth += depth < 20 ? 1 : 10) {
        uint32_t old = world.nodes[0].head;
        uint32_t fork = world_at(&world, old, world.height[old] - depth);
        world_move_all(&world, world_grow(&world, fork, depth + 1));
        const char *told = world_settle(&world);
        world_id(fork, id);
        snprintf(part, sizeof part, "\"fork_point\":\"%s\",\"depth\":%u,", id, depth);
        assert_int_equal(world_times(told, "reorg "), WORLD_NODES);
        assert_int_equal(world_times(told, part), WORLD_NODES);
        assert_int_equal(world_times(told, "block_discovered"), depth + 1);
        world_expect_heads(&world);
    }
    world_expect_lawful(&world);
    world_close(&world);
}

/* A head that was left before its header came is told all the same. */
static void tells_heads_that_were_left_at_once(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 20));
    world_settle(&world);
    uint32_t first = world_grow(&world, world_at(&world, world.nodes[0].head, 17), 4);
    uint32_t second = world_grow(&world, world_at(&world, first, 20), 3);
    world_move(&world, 0, first);
    world_step(&world);
    world_move(&world, 0, second);
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "reorg "), 2);
    assert_int_equal(world_times(told, "\"depth\":3"), 1);
    assert_int_equal(world_times(told, "\"depth\":1"), 1);
    world_expect_heads(&world);
    world_expect_lawful(&world);
    world_close(&world);
}

/* A node goes back block by block before it goes on, and may be seen at each of these steps. */
static void tells_the_whole_depth_of_one_that_is_seen_on_its_way(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 30));
    world_settle(&world);
    uint32_t old = world.nodes[0].head, other = world_grow(&world, world_at(&world, old, 20), 11);
    world_move(&world, 1, other);
    world_settle(&world);
    for (uint32_t height = 29; height >= 20; height -= 3) {
        world_move(&world, 0, world_at(&world, old, height));
        assert_int_equal(world_times(world_settle(&world), "reorg "), 0);
    }
    world_move(&world, 0, world_at(&world, other, 23));
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "reorg "), 1);
    assert_int_equal(world_times(told, "\"depth\":10,"), 1);
    world_expect_lawful(&world);
    world_move(&world, 0, other);
    assert_int_equal(world_times(world_settle(&world), "reorg "), 0);
    /* Who went back and returns has reorganized nothing, nor has who goes on from there. */
    world_move(&world, 0, world_at(&world, other, 25));
    world_settle(&world);
    world_expect_lawful(&world);
    world_move(&world, 0, world_grow(&world, other, 2));
    assert_int_equal(world_times(world_settle(&world), "reorg "), 0);
    world_move(&world, 0, world_grow(&world, world_at(&world, other, 30), 3));
    told = world_settle(&world);
    assert_int_equal(world_times(told, "\"depth\":3,"), 1);
    world_expect_heads(&world);
    world_expect_lawful(&world);
    world_close(&world);
}

static void names_who_lags_and_who_fails_hides_nothing(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 600\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 20));
    world_settle(&world);
    world_move(&world, 0, world_grow(&world, world.nodes[0].head, 500));
    world.nodes[2].silent = true;
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "node_lagging"), 1);
    assert_int_equal(world_times(told, "\"node\":\"n1\",\"height\":20,\"best\":520,\"behind\":500"),
                     1);
    assert_int_equal(world_times(told, "block_discovered"), 500);
    world_move(&world, 1, world_at(&world, world.nodes[0].head, 300));
    world.nodes[2].silent = false;
    world_move(&world, 2, world.nodes[0].head);
    told = world_settle(&world);
    assert_int_equal(world_times(told, "reorg"), 0);
    assert_int_equal(world_times(told, "node_lagging"), 0);
    world_move(&world, 1, world.nodes[0].head);
    told = world_settle(&world);
    assert_int_equal(world_times(told, "node_caught_up"), 1);
    /* Back on its own branch is no reorganization. */
    world_move(&world, 1, world_at(&world, world.nodes[0].head, 515));
    told = world_settle(&world);
    assert_int_equal(world_times(told, "head_changed"), 1);
    assert_int_equal(world_times(told, "reorg"), 0);
    vd_bench_drop(&world.bench, "n2");
    told = world_settle(&world);
    assert_int_equal(world_times(told, "node_removed"), 1);
    world_expect_lawful(&world);
    world_close(&world);
}

static void names_who_lies(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 50\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 20));
    world.nodes[2].silent = true;
    world_settle(&world);
    world_move(&world, 0, world_grow(&world, world.nodes[0].head, 10));
    world_move(&world, 1, world.nodes[0].head);
    world_settle(&world);
    /* The last one comes, and tells another parent of a block that is known. */
    world.nodes[2].silent = false;
    world_move(&world, 2, world_grow(&world, world.nodes[0].head, 5));
    world.nodes[2].lie = LIE_PARENT;
    world.nodes[2].lie_at = world_at(&world, world.nodes[2].head, 28);
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "node_refused"), 1);
    assert_int_equal(world_times(told, "\"node\":\"n2\",\"block\":"), 1);
    assert_int_equal(world_times(told, "\"reason\":\"changed\""), 1);
    world_expect_heads(&world);
    world_expect_lawful(&world);
    world_close(&world);
}

static void forgets_what_is_long_final(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 40\nconfirmations = 10\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 30));
    world_settle(&world);
    for (uint32_t round = 0; round < 60; round++) {
        world_move_all(&world, world_grow(&world, world.nodes[0].head, 25));
        const char *told = world_settle(&world);
        assert_true(world_times(told, "finality_advanced") >= 1);
        assert_true(vd_graph_count(world_state(&world)->graph) <= 40 + 10 + 10 + 25 + 2);
    }
    const vd_chain_nodes_t *nodes = &world_state(&world)->nodes;
    assert_int_equal(nodes->final_height, world.height[world.nodes[0].head] - 10);
    world_expect_lawful(&world);
    world_close(&world);
}

static void ask(const world_t *world, const char *name, uint32_t a, uint32_t b,
                const char *expected)
{
    char id[65];
    vd_buffer_t args, out, text;
    vd_buffer_init(&args, 1024);
    vd_buffer_init(&out, 65536);
    vd_buffer_init(&text, 65536);
    vd_write_array(&args, 2);
    world_id(a, id);
    vd_write_text(&args, id);
    world_id(b, id);
    vd_write_text(&args, id);
    assert_int_equal(vd_chain_query(world->bench.state, world->bench.samples, vd_str(name),
                                    vd_buffer_view(&args), &out),
                     VD_OK);
    vd_value_json(&text, vd_buffer_view(&out));
    vd_buffer_add(&text, "", 1);
    if (!strstr((const char *)text.data, expected))
        fail_msg("%s is not in %s", expected, (const char *)text.data);
    vd_buffer_free(&args);
    vd_buffer_free(&out);
    vd_buffer_free(&text);
}

static void answers_questions_about_the_graph(void **state)
{
    (void)state;
    static world_t world;
    char id[65];
    vd_buffer_t out;
    world_open(&world, "[observers.chain]\n", FORM_HSD);
    uint32_t fork = world_grow(&world, 0, 10), left = world_grow(&world, fork, 3),
             right = world_grow(&world, fork, 5);
    world_move(&world, 0, left);
    world_move(&world, 1, right);
    world_move(&world, 2, right);
    world_settle(&world);
    world_id(fork, id);
    ask(&world, "common", left, right, id);
    ask(&world, "path", left, right, "\"depth\":3");
    ask(&world, "ancestor", fork, right, "true");
    ask(&world, "ancestor", left, right, "false");
    vd_buffer_init(&out, 65536);
    assert_int_equal(vd_chain_query(world.bench.state, world.bench.samples, vd_str("path"),
                                    vd_bytes("\x90", 1), &out),
                     VD_USAGE);
    assert_int_equal(vd_chain_query(world.bench.state, world.bench.samples, vd_str("path"),
                                    vd_bytes("\x92\xa1x\xa1y", 5), &out),
                     VD_NOT_FOUND);
    vd_chain_view(world.bench.state, world.bench.samples, &out);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&out), VD_DEPTH_MAX), VD_OK);
    vd_buffer_free(&out);
    world_close(&world);
}

static bool is_recent(vd_value_t recent, vd_str_t id)
{
    vd_value_t block;
    while (vd_value_next(&recent.bytes, &block))
        if (vd_bytes_equal(vd_value_get_str(&block, "id"), id))
            return true;
    return false;
}

/* Each descends from the one that it names, and from none that is listed between them. */
static void expect_recent(const world_t *world, const vd_value_t *recent)
{
    const vd_graph_t *graph = world_state(world)->graph;
    vd_bytes_t rest = recent->bytes;
    vd_value_t block;
    uint64_t before = UINT64_MAX;
    while (vd_value_next(&rest, &block)) {
        vd_str_t wanted = vd_value_get_str(&block, "below");
        uint32_t at = vd_graph_find(graph, vd_value_get_str(&block, "id"));
        assert_int_not_equal(at, VD_BLOCK_NONE);
        assert_int_equal(vd_graph_height(graph, at), vd_value_get_u64(&block, "height", 0));
        assert_true(vd_graph_height(graph, at) <= before);
        before = vd_graph_height(graph, at);
        do
            at = vd_graph_parent(graph, at);
        while (at != VD_BLOCK_NONE && !is_recent(*recent, vd_graph_id(graph, at)));
        if (at == VD_BLOCK_NONE)
            assert_int_equal(wanted.size, 0);
        else
            assert_true(vd_bytes_equal(wanted, vd_graph_id(graph, at)));
    }
}

static void shows_the_blocks_that_forks_are_drawn_from(void **state)
{
    (void)state;
    static world_t world;
    vd_buffer_t out;
    vd_value_t map, recent;
    char id[65];
    world_open(&world, "[observers.chain]\nhistory = 600\nconfirmations = 200\n", FORM_HSD);
    vd_buffer_init(&out, 1 << 20);
    uint32_t low = world_grow(&world, 0, 250), fork = world_grow(&world, low, 250);
    uint32_t heads[] = {world_grow(&world, fork, 5), world_grow(&world, fork, 9), low};
    world_move_all(&world, low);
    world_settle(&world);
    for (uint32_t node = 0; node < 3; node++)
        world_move(&world, node, heads[node]);
    world_settle(&world);
    vd_chain_view(world.bench.state, world.bench.samples, &out);
    assert_true(vd_value_of(vd_buffer_view(&out), &map) && vd_value_get(&map, "recent", &recent));
    assert_int_equal(recent.count, VD_CHAIN_RECENT_MAX);
    expect_recent(&world, &recent);
    const uint32_t wanted[] = {heads[0], heads[1], low, fork};
    for (size_t at = 0; at < sizeof wanted / sizeof *wanted; at++) {
        world_id(wanted[at], id);
        assert_true(is_recent(recent, vd_str(id)));
    }
    assert_true(is_recent(recent, vd_value_get_str(&map, "final")));
    vd_buffer_free(&out);
    world_close(&world);
}

/* Nodes that grow, fork, hang and come back as they like: they end up where they are. */
static void follows_random_histories(void **state)
{
    (void)state;
    static world_t world;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t random = seed;
        world_open(&world, "[observers.chain]\nhistory = 100\nconfirmations = 40\n", FORM_HSD);
        world_move_all(&world, world_grow(&world, 0, 30));
        for (uint32_t move = 0; move < 60; move++) {
            uint64_t draw = vd_hash_mix(random += UINT64_C(0x9e3779b97f4a7c15));
            uint32_t node = (uint32_t)(draw % WORLD_NODES),
                     other = (uint32_t)((draw >> 8) % WORLD_NODES);
            uint32_t head = world.nodes[node].head, back = (uint32_t)((draw >> 16) % 6);
            uint32_t height = world.height[head] > back ? world.height[head] - back : 0;
            if ((draw >> 24) % 4 == 0)
                world_move(&world, node, world.nodes[other].head);
            else
                world_move(&world, node,
                           world_grow(&world, world_at(&world, head, height),
                                      back + 1 + (draw >> 32) % 5));
            world.nodes[node].silent = (draw >> 40) % 8 == 0;
            world_step(&world);
        }
        for (uint32_t node = 0; node < WORLD_NODES; node++)
            world.nodes[node].silent = false;
        world_settle(&world);
        assert_int_equal(world_times((const char *)world.text.data, "refused"), 0);
        world_expect_heads(&world);
        world_expect_lawful(&world);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catches_up_parents_first),
        cmocka_unit_test(tells_reorganizations_of_every_depth),
        cmocka_unit_test(tells_heads_that_were_left_at_once),
        cmocka_unit_test(tells_the_whole_depth_of_one_that_is_seen_on_its_way),
        cmocka_unit_test(names_who_lags_and_who_fails_hides_nothing),
        cmocka_unit_test(names_who_lies),
        cmocka_unit_test(forgets_what_is_long_final),
        cmocka_unit_test(answers_questions_about_the_graph),
        cmocka_unit_test(shows_the_blocks_that_forks_are_drawn_from),
        cmocka_unit_test(follows_random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
