/* test_chain_nodes.c: nodes that sync, leave branches unseen, contradict each other or lie, as the
 * observer chain tells it. What nodes of Logos answer is made up after what is known of its form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "laws/chain_world.h"

#include <stdio.h>

/* ---- syncing ---- */

/* A node that begins anew, and one that comes back on another branch while it still catches up. */
static void a_syncing_node_does_not_reorganize(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 200\n", FORM_HSD);
    uint32_t fork = world_grow(&world, 0, 100), old = world_grow(&world, fork, 10);
    world_move_all(&world, old);
    world_settle(&world);
    uint32_t best = world_grow(&world, fork, 60);
    world_move(&world, 0, best);
    world_move(&world, 1, best);
    world.nodes[2].silent = true;
    assert_int_equal(world_times(world_settle(&world), "reorg "), 2);
    world.nodes[2].silent = false;
    world.nodes[2].syncing = true;
    world_move(&world, 2, world_at(&world, best, 130));
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "node_syncing"), 1);
    assert_int_equal(world_times(told, "\"node\":\"n2\",\"height\":130}"), 1);
    assert_int_equal(world_times(told, "reorg "), 0);
    assert_int_equal(world_times(told, "head_changed"), 1);
    assert_true(vd_chain_node(&world_state(&world)->nodes, vd_str("n2"))->syncing);
    world.nodes[2].syncing = false;
    world_move(&world, 2, best);
    told = world_settle(&world);
    assert_int_equal(world_times(told, "node_synced"), 1);
    assert_int_equal(world_times(told, "node_caught_up"), 1);
    assert_int_equal(world_times(told, "reorg "), 0);
    world_expect_lawful(&world);
    world_close(&world);
}

/* ---- what is not seen of a branch that was left ---- */

static void expect_depth(const char *told, uint32_t fork, uint32_t from, uint32_t depth)
{
    char id[65], other[65], part[256];
    world_id(from, id);
    world_id(fork, other);
    snprintf(part, sizeof part, "\"from\":\"%s\"", id);
    assert_int_equal(world_times(told, part), 1);
    snprintf(part, sizeof part, "\"fork_point\":\"%s\",\"depth\":%u,", other, depth);
    assert_int_equal(world_times(told, part), 1);
}

/* The node went on on its branch, and left it, between two reads. */
static void the_depth_counts_what_was_not_seen(void **state)
{
    (void)state;
    static world_t world;
    for (uint32_t hidden = 0; hidden <= 30; hidden += hidden < 4 ? 1 : 13) {
        world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_HSD);
        uint32_t fork = world_grow(&world, 0, 50), seen = world_grow(&world, fork, 2);
        world_move_all(&world, seen);
        world_settle(&world);
        world.turns_per_read = 10;
        uint32_t left = world_grow(&world, seen, hidden);
        world_move(&world, 0, left);
        world_move(&world, 0, world_grow(&world, fork, hidden + 3));
        const char *told = world_settle(&world);
        assert_int_equal(world_times(told, "reorg "), 1);
        expect_depth(told, fork, left, hidden + 2);
        assert_int_equal(world_times(told, "refused"), 0);
        world_expect_heads(&world);
        world_expect_lawful(&world);
        world_close(&world);
    }
}

/* A node that does not tell its tips, or never answers, delays its own head for a moment. */
static void tips_that_cannot_be_had_hold_nothing_up(void **state)
{
    (void)state;
    static world_t world;
    for (int mute = 0; mute < 2; mute++) {
        world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_HSD);
        uint32_t fork = world_grow(&world, 0, 50);
        world_move_all(&world, world_grow(&world, fork, 2));
        world_settle(&world);
        uint32_t best = world_grow(&world, fork, 5);
        world_move(&world, 1, best);
        world_settle(&world);
        world_move(&world, 0, best);
        world.nodes[0].lie = LIE_TIPS;
        world.no_answers = mute;
        const char *told = world_settle(&world);
        assert_int_equal(world_times(told, "reorg "), 1);
        assert_int_equal(world_times(told, "\"depth\":2,"), 1);
        world.nodes[0].lie = LIE_NOTHING;
        world_expect_heads(&world);
        world_close(&world);
    }
}

/* Several heads came between two turns, the last of which is known: the others are told before it. */
static void heads_between_two_turns_are_told_in_order(void **state)
{
    (void)state;
    static world_t world;
    char id[65];
    world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_HSD);
    uint32_t fork = world_grow(&world, 0, 50), old = world_grow(&world, fork, 1);
    world_move_all(&world, old);
    world_settle(&world);
    uint32_t best = world_grow(&world, fork, 4);
    world_move(&world, 1, best);
    world_settle(&world);
    uint32_t between = world_grow(&world, old, 2);
    world_move(&world, 0, between);
    world_show(&world);
    world_move(&world, 0, best);
    const char *told = world_settle(&world);
    world_id(between, id);
    const char *first = strstr(told, "head_changed {\"node\":\"n0\"");
    assert_true(first && strstr(first, id) && strstr(first, id) < strstr(first, "\n"));
    expect_depth(told, fork, between, 3);
    assert_int_equal(world_times(told, "reorg "), 1);
    world_expect_lawful(&world);
    world_close(&world);
}

/* However deep the fork is: far more than what is asked for, or lives, in one turn. */
static void forks_of_any_depth_are_found(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 1000\nconfirmations = 1000\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 1200));
    world_settle(&world);
    uint32_t fork = world_at(&world, world.nodes[0].head, 310);
    world_move_all(&world, world_grow(&world, fork, 900));
    const char *told = world_settle(&world);
    assert_int_equal(world_times(told, "reorg "), WORLD_NODES);
    assert_int_equal(world_times(told, "\"depth\":890,"), WORLD_NODES);
    world_expect_heads(&world);
    world_expect_lawful(&world);
    world_close(&world);
}

/* ---- nodes that can be asked for blocks by their ids alone ---- */

static void ancestors_lead_to_what_is_known(void **state)
{
    (void)state;
    static world_t world;
    for (form_t form = FORM_LOGOS_OLD; form <= FORM_LOGOS_NEW; form++) {
        world_open(&world, "[observers.chain]\nhistory = 100\n", form);
        world_move_all(&world, world_grow(&world, 0, 300));
        const char *told = world_settle(&world);
        assert_int_equal(world_times(told, "block_discovered"), 101);
        assert_true(world_times(told, "ancestors_read") >= WORLD_NODES);
        const vd_graph_t *graph = world_state(&world)->graph;
        assert_int_equal(vd_graph_height(graph, vd_graph_root(graph)), 200);
        world_expect_heads(&world);
        world_expect_lawful(&world);
        /* While one catches up from afar, blocks go on coming. */
        for (uint32_t step = 0; step < 40; step++) {
            world_move_all(&world, world_grow(&world, world.nodes[0].head, step == 0 ? 200 : 1));
            for (uint32_t turn = 0; turn < 8; turn++)
                world_step(&world);
        }
        told = world_settle(&world);
        assert_int_equal(world_times(told, "refused"), 0);
        assert_int_equal(vd_graph_count(graph), 101 + 239);
        world_expect_heads(&world);
        world_expect_lawful(&world);
        for (uint32_t at = 0; at < VD_CHAIN_NODES_MAX; at++)
            assert_int_equal(world_state(&world)->walks[at].count, 0);
        /* A fork further down than the life of answers. */
        uint32_t fork = world_at(&world, world.nodes[0].head, 500);
        world_move(&world, 1, world_grow(&world, fork, 60));
        told = world_settle(&world);
        assert_int_equal(world_times(told, "\"depth\":39,"), 1);
        world_expect_heads(&world);
        world_close(&world);
    }
}

static void the_beginning_of_all_may_be_the_root(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_LOGOS_NEW);
    world_move_all(&world, world_grow(&world, 0, 30));
    assert_int_equal(world_times(world_settle(&world), "block_discovered"), 31);
    world_expect_heads(&world);
    world_expect_lawful(&world);
    world_close(&world);
}

/* ---- what is final ---- */

static void expect_final(const world_t *world, uint32_t block)
{
    char id[65];
    world_id(block, id);
    assert_string_equal(world_state(world)->nodes.final, id);
}

static void what_is_irreversible_is_final(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 100\n", FORM_LOGOS_OLD);
    world_move_all(&world, world_grow(&world, 0, 60));
    for (uint32_t node = 0; node < WORLD_NODES; node++)
        world.nodes[node].final = (int32_t)world_at(&world, world.nodes[0].head, 30 + node);
    world_settle(&world);
    expect_final(&world, world_at(&world, world.nodes[0].head, 31));
    /* One alone decides nothing, whatever it says. */
    uint32_t false_one = world_grow(&world, world_at(&world, world.nodes[0].head, 40), 90);
    world_move(&world, 2, false_one);
    world.nodes[2].final = (int32_t)false_one;
    world_settle(&world);
    expect_final(&world, world_at(&world, world.nodes[0].head, 31));
    world.nodes[0].final = world.nodes[1].final =
        (int32_t)world_at(&world, world.nodes[0].head, 50);
    world_settle(&world);
    expect_final(&world, world_at(&world, world.nodes[0].head, 50));
    world_expect_lawful(&world);
    world_close(&world);
}

/* One node with a longer chain of its own makes nothing of it final. */
static void one_node_alone_makes_nothing_final(void **state)
{
    (void)state;
    static world_t world;
    world_open(&world, "[observers.chain]\nhistory = 40\nconfirmations = 10\n", FORM_HSD);
    world_move_all(&world, world_grow(&world, 0, 30));
    world_settle(&world);
    world_move(&world, 2, world_grow(&world, world_at(&world, world.nodes[0].head, 25), 400));
    world_settle(&world);
    assert_int_equal(world_state(&world)->nodes.final_height, 20);
    for (int round = 0; round < 20; round++) {
        uint32_t best = world_grow(&world, world.nodes[0].head, 20);
        world_move(&world, 0, best);
        world_move(&world, 1, best);
        world_settle(&world);
        expect_final(&world, world_at(&world, best, world.height[best] - 10));
        world_expect_heads(&world);
    }
    world_close(&world);
}

static void irreversible_blocks_that_conflict_are_a_divergence(void **state)
{
    (void)state;
    static world_t world;
    char id[65], part[128];
    for (form_t form = FORM_LOGOS_OLD; form <= FORM_LOGOS_NEW; form++) {
        world_open(&world, "[observers.chain]\nhistory = 100\n", form);
        uint32_t fork = world_grow(&world, 0, 40);
        world_move_all(&world, fork);
        world_settle(&world);
        /* Two branches, however long, are none. */
        world_move(&world, 0, world_grow(&world, fork, 30));
        world_move(&world, 1, world_grow(&world, fork, 35));
        world.nodes[0].final = world.nodes[1].final = (int32_t)fork;
        assert_int_equal(world_times(world_settle(&world), "divergence"), 0);
        /* Nor is a block that is irreversible to one of them alone. */
        world.nodes[0].final = (int32_t)world_at(&world, world.nodes[0].head, 50);
        assert_int_equal(world_times(world_settle(&world), "divergence"), 0);
        world.nodes[1].final = (int32_t)world_at(&world, world.nodes[1].head, 45);
        const char *told = world_settle(&world);
        assert_int_equal(world_times(told, "divergence {\"nodes\":[\"n0\",\"n1\"]"), 1);
        world_id(fork, id);
        snprintf(part, sizeof part, "\"fork_point\":\"%s\"", id);
        assert_int_equal(world_times(told, part), 1);
        assert_true(vd_chain_diverged(&world_state(&world)->nodes));
        /* Once, though it goes on; and again with another one. */
        world.nodes[1].final = (int32_t)world_at(&world, world.nodes[1].head, 55);
        assert_int_equal(world_times(world_settle(&world), "divergence"), 0);
        world_move(&world, 2, world.nodes[1].head);
        world.nodes[2].final = world.nodes[1].final;
        told = world_settle(&world);
        assert_int_equal(world_times(told, "divergence {\"nodes\":[\"n0\",\"n2\"]"), 1);
        world_expect_lawful(&world);
        /* Over, when the one has been made anew. */
        world_move(&world, 0, world.nodes[1].head);
        world.nodes[0].final = world.nodes[1].final;
        told = world_settle(&world);
        assert_int_equal(world_times(told, "divergence_ended"), 1);
        assert_false(vd_chain_diverged(&world_state(&world)->nodes));
        world_expect_lawful(&world);
        world_close(&world);
    }
}

/* ---- lies ---- */

typedef struct case_of_lie {
    form_t form;
    lie_t lie;
    const char *reason;
} case_of_lie_t;

static void expect_named(const world_t *world, const char *told, const char *reason)
{
    char part[128];
    vd_buffer_t view;
    snprintf(part, sizeof part, "\"reason\":\"%s\"", reason);
    if (world_times(told, part) == 0)
        fail_msg("%s was not told: %s", reason, told);
    assert_int_equal(world_times(told, "node_refused {\"node\":\"n2\""),
                     world_times(told, "node_refused"));
    vd_buffer_init(&view, 1 << 20);
    vd_chain_view(world->bench.state, world->bench.samples, &view);
    vd_value_t map, list, row;
    assert_true(vd_value_of(vd_buffer_view(&view), &map) && vd_value_get(&map, "nodes", &list));
    bool named = false;
    while (vd_value_next(&list.bytes, &row))
        named |= vd_str_is(vd_value_get_str(&row, "name"), "n2") &&
                 vd_value_get_u64(&row, "refusals", 0) > 0 &&
                 vd_value_get_str(&row, "reason").size > 0;
    assert_true(named);
    vd_buffer_free(&view);
}

/* A node that lies about one of its blocks is named, again and again no more than once, and what the others
 * say goes on being told. */
static void who_lies_is_named(void **state)
{
    (void)state;
    static const case_of_lie_t cases[] = {
        {FORM_HSD, LIE_PARENT, "missing"},
        {FORM_HSD, LIE_HEIGHT, "wrong_height"},
        {FORM_HSD, LIE_RING, "cycle"},
        {FORM_HSD, LIE_HASH, "bad_answer"},
        {FORM_HSD, LIE_MISSING, "missing"},
        {FORM_HSD, LIE_GARBAGE, "bad_answer"},
        {FORM_HSD, LIE_HEAD, "wrong_height"},
        {FORM_LOGOS_OLD, LIE_PARENT, "missing"},
        {FORM_LOGOS_NEW, LIE_RING, "cycle"},
        {FORM_LOGOS_OLD, LIE_MISSING, "missing"},
        {FORM_LOGOS_NEW, LIE_GARBAGE, "bad_answer"},
        {FORM_LOGOS_OLD, LIE_HEAD, "wrong_height"},
    };
    static world_t world;
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        const case_of_lie_t *one = &cases[at];
        print_message("form %d lie %d\n", one->form, one->lie);
        world_open(&world, "[observers.chain]\nhistory = 50\n", one->form);
        world_move_all(&world, world_grow(&world, 0, 20));
        world_settle(&world);
        world.nodes[2].lie = one->lie;
        uint32_t own = world_grow(&world, world.nodes[2].head, 5);
        uint32_t others = world_grow(&world, world.nodes[2].head, 1);
        world.nodes[2].lie_at = world_at(&world, own, 23);
        world_move(&world, 2, own);
        vd_buffer_clear(&world.text);
        for (int step = 0; step < 60; step++) {
            if (step % 2 == 0)
                world_move(&world, 1, others = world_grow(&world, others, 1));
            world_step(&world);
        }
        vd_buffer_add(&world.text, "", 1);
        const char *told = (const char *)world.text.data;
        expect_named(&world, told, one->reason);
        assert_true(world_times(told, "node_refused") <= 4);
        assert_true(world_times(told, "block_discovered") >= 29);
        world_expect_lawful(&world);
        world_close(&world);
    }
}

/* A node of another chain, or of one that forked below the root, is named, is looked at once in a while, and
 * costs the others nothing. */
static void who_is_of_another_chain_is_named(void **state)
{
    (void)state;
    static world_t world;
    for (form_t form = FORM_HSD; form <= FORM_LOGOS_NEW; form++) {
        world_open(&world, "[observers.chain]\nhistory = 50\nconfirmations = 20\n", form);
        uint32_t best = world_grow(&world, 0, 200);
        world_move_all(&world, best);
        world.nodes[2].silent = true;
        world_settle(&world);
        world.nodes[2].silent = false;
        world_move(&world, 2, world_grow(&world, world_at(&world, best, 100), 200));
        const char *told = world_settle(&world);
        expect_named(&world, told, "other_chain");
        assert_int_equal(world_times(told, "block_discovered"), 0);
        world.asked = 0;
        for (int step = 0; step < 50; step++)
            world_step(&world);
        assert_int_equal(world.asked, 0);
        world.bench.wall_ms += 70000;
        told = world_settle(&world);
        assert_int_equal(world_times(told, "other_chain"), 1);
        /* It has been made anew. */
        world_move(&world, 2, best);
        world.bench.wall_ms += 70000;
        world_settle(&world);
        world_expect_heads(&world);
        world_expect_lawful(&world);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syncing_node_does_not_reorganize),
        cmocka_unit_test(the_depth_counts_what_was_not_seen),
        cmocka_unit_test(tips_that_cannot_be_had_hold_nothing_up),
        cmocka_unit_test(heads_between_two_turns_are_told_in_order),
        cmocka_unit_test(forks_of_any_depth_are_found),
        cmocka_unit_test(ancestors_lead_to_what_is_known),
        cmocka_unit_test(the_beginning_of_all_may_be_the_root),
        cmocka_unit_test(what_is_irreversible_is_final),
        cmocka_unit_test(one_node_alone_makes_nothing_final),
        cmocka_unit_test(irreversible_blocks_that_conflict_are_a_divergence),
        cmocka_unit_test(who_lies_is_named),
        cmocka_unit_test(who_is_of_another_chain_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
