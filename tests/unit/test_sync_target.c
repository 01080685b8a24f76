/* test_sync_target.c: local nodes that come to where most public ones stand, as the observer sync_target
 * tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sync_target/sync_target.h"
#include "unit/block_world.h"

#include <stdio.h>

static vd_block_world_t world;

static const char *const one_local[] = {"local", "public", "public", "public"};
static const char *const two_local[] = {"local", "local", "public", "public"};

static void open_with(const char *more, const char *const *groups)
{
    char toml[512];
    snprintf(toml, sizeof toml, "[observers.sync_target]\n%s", more);
    vd_block_world_open(&world, &vd_sync_target_observer, toml, 4, "group", groups);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, 0, 20));
}

static const vd_sync_known_t *known(void)
{
    return &((const vd_sync_target_t *)world.bench.state)->known;
}

static bool is_there(const char *name)
{
    const vd_sync_node_t *node = vd_sync_node(known(), vd_str(name));
    assert_non_null(node);
    return node->there;
}

static void follows_the_majority(void **state)
{
    (void)state;
    open_with("", one_local);
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "target_changed "), 1);
    assert_int_equal(vd_times(told, "\"agreeing\":3,\"reachable\":3,\"previous\":null"), 1);
    assert_int_equal(vd_times(told, "local_reached "), 1);
    assert_int_equal(vd_times(told, "sync_reached "), 1);
    assert_true(known()->reached);
    /* One of three is no majority, two are. */
    uint32_t next = vd_block_world_grow(&world, world.head[0], 1);
    world.head[1] = next;
    assert_int_equal(vd_times(vd_block_world_settle(&world), "target_changed "), 0);
    world.head[2] = next;
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"height\":21,\"agreeing\":2,\"reachable\":3"), 1);
    /* The local one is one block behind, which is nothing. */
    assert_int_equal(vd_times(told, "local_"), 0);
    /* All at odds: it stays. */
    world.head[2] = vd_block_world_grow(&world, world.head[0], 1);
    assert_int_equal(vd_times(vd_block_world_settle(&world), "target_"), 0);
    assert_int_equal(vd_times(vd_block_world_view(&world), "\"agreeing\":1,"), 1);
    /* Who cannot be reached does not count. */
    world.silent[2] = world.silent[3] = true;
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "target_"), 0); /* it is the same head */
    world.head[1] = vd_block_world_grow(&world, next, 1);
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"height\":22,\"agreeing\":1,\"reachable\":1"), 1);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

static void tells_who_is_lost_and_why(void **state)
{
    (void)state;
    open_with("lost_after = 5\n", two_local);
    vd_block_world_settle(&world);
    uint32_t start = world.head[0];
    world.head[2] = world.head[3] = vd_block_world_grow(&world, start, 4);
    world.head[0] = world.head[2];
    assert_int_equal(vd_times(vd_block_world_settle(&world), "local_"), 0);
    world.head[2] = world.head[3] = vd_block_world_grow(&world, world.head[2], 1);
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "local_lost "), 1);
    assert_int_equal(vd_times(told, "\"behind\":5,\"reason\":\"behind\""), 1);
    assert_int_equal(vd_times(told, "\"missing\":[\"n1\"]"), 1);
    assert_int_equal(vd_times(told, "sync_progress "), 1);
    assert_int_equal(vd_times(told, "\"there\":1,\"nodes\":2,\"lowest\":20"), 1);
    assert_false(is_there("n1"));
    /* A block less is not enough to be there again; the target is, and so is what is above it. */
    world.head[1] = vd_block_world_ancestor(&world, world.head[2], 24);
    assert_int_equal(vd_times(vd_block_world_settle(&world), "local_"), 0);
    world.head[1] = vd_block_world_grow(&world, world.head[2], 3);
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "local_reached "), 1);
    assert_int_equal(vd_times(told, "sync_reached "), 1);
    /* As high, but elsewhere. */
    world.head[1] = vd_block_world_grow(&world, start, 6);
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"reason\":\"other_branch\""), 1);
    /* Silent: not at once. */
    world.silent[0] = true;
    vd_block_world_step(&world);
    assert_true(is_there("n0"));
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "\"reason\":\"unreachable\""), 1);
    assert_int_equal(vd_times(vd_block_world_ask(&world, "missing", NULL), "\"name\""), 2);
    world.silent[0] = false;
    world.head[0] = world.head[1] = world.head[2];
    told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "sync_reached "), 1);
    vd_bench_drop(&world.bench, "n1");
    assert_int_equal(vd_times(vd_block_world_settle(&world), "local_removed "), 1);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

static void tells_progress_at_its_interval(void **state)
{
    (void)state;
    open_with("progress = \"1s\"\n", one_local);
    uint32_t top = vd_block_world_grow(&world, world.head[0], 100);
    world.head[1] = world.head[2] = world.head[3] = top;
    const char *told = vd_block_world_settle(&world);
    assert_int_equal(vd_times(told, "sync_progress "), 1);
    assert_int_equal(vd_times(told, "sync_lost "), 0); /* it was never reached */
    for (uint32_t line = 0; line < 5; line++) {
        world.head[0] = vd_block_world_ancestor(&world, top, 30 + 10 * line);
        told = vd_block_world_settle(&world);
        assert_int_equal(vd_times(told, "sync_progress "), 0);
        world.bench.wall_ms += 1000;
        char part[64];
        snprintf(part, sizeof part, "\"lowest\":%u}", 30 + 10 * line);
        told = vd_block_world_settle(&world);
        assert_int_equal(vd_times(told, "sync_progress "), 1);
        assert_int_equal(vd_times(told, part), 1);
    }
    world.head[0] = top;
    assert_int_equal(vd_times(vd_block_world_settle(&world), "sync_reached "), 1);
    world.bench.wall_ms += 5000;
    assert_int_equal(vd_times(vd_block_world_settle(&world), "sync_"), 0);
    vd_block_world_assert_lawful(&world);
    vd_block_world_close(&world);
}

/* Before every public node has answered or failed there is no target. */
static void waits_for_all_public_nodes(void **state)
{
    (void)state;
    open_with("unreachable_after = 2\n", one_local);
    world.silent[3] = true;
    vd_buffer_clear(&world.text);
    vd_block_world_step(&world);
    assert_int_equal(known()->id[0], 0);
    assert_int_equal(vd_times(vd_block_world_settle(&world), "\"reachable\":2"), 1);
    vd_block_world_close(&world);
}

static void hostile_answers_change_nothing(void **state)
{
    (void)state;
    static const char high[] = "{\"chain\":{\"height\":18446744073709551615,\"tip\":\"00\"}}";
    static const char *const answers[] = {
        "", "{", "[]", "null", "{\"chain\":1}", high, "{\"hash\":\"00\",\"height\":-1}"};
    open_with("unreachable_after = 32\n", two_local);
    world.head[1] = vd_block_world_grow(&world, world.head[0], 3);
    vd_block_world_settle(&world);
    for (size_t at = 0; at < sizeof answers / sizeof answers[0]; at++)
        for (uint32_t node = 0; node < 4; node++) {
            const char *name = vd_block_world_node(node);
            vd_bench_put_of(&world.bench, name, "get", "/", "ok", vd_str(answers[at]));
            vd_bench_put_of(&world.bench, name, "get", "/header/20", "ok", vd_str(answers[at]));
            assert_int_equal(vd_bench_turn(&world.bench), VD_OK);
            assert_int_equal(world.bench.turn.count, 0);
            vd_bench_commit(&world.bench);
        }
    assert_true(known()->reached);
    vd_block_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_majority),
        cmocka_unit_test(tells_who_is_lost_and_why),
        cmocka_unit_test(tells_progress_at_its_interval),
        cmocka_unit_test(waits_for_all_public_nodes),
        cmocka_unit_test(hostile_answers_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
