/* test_chain_laws.c: the laws of the observer contract, for the observer chain, on random worlds of nodes that
 * mine, fork, hang, sync, disagree on what is final, and lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/core.h"
#include "laws/chain_world.h"
#include "laws/observer_laws.h"

enum { WORLDS = 40, STEPS = 60, LIES = LIE_TIPS + 1 };

static const char *const toml =
    "[observers.chain]\nhistory = 30\nconfirmations = 12\nlagging_after = 4\n";

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    return (uint32_t)(vd_random_next(seed) % limit);
}

static uint32_t back_from(const world_t *world, uint32_t block, uint32_t count)
{
    uint32_t height = world->height[block];
    return world_at(world, block, height > count ? height - count : 0);
}

static void move(world_t *world, uint64_t *seed)
{
    uint32_t at = below(seed, WORLD_NODES), other = below(seed, WORLD_NODES);
    node_t *node = &world->nodes[at];
    uint32_t back = below(seed, 3) ? below(seed, 4) : below(seed, 12);
    if (below(seed, 3) == 0)
        world_move(world, at, world->nodes[other].head);
    else
        world_move(world, at, world_grow(world, back_from(world, node->head, back), back + 1));
    if (below(seed, 6) == 0)
        node->silent = !node->silent;
    if (below(seed, 8) == 0)
        node->syncing = !node->syncing;
    if (node->final >= 0 && below(seed, 3) == 0)
        node->final = (int32_t)back_from(world, node->head, 6 + below(seed, 6));
    node->lie = below(seed, 4) == 0 ? (lie_t)below(seed, LIES) : LIE_NOTHING;
    node->lie_at = back_from(world, node->head, below(seed, 4));
}

static void take(world_t *world)
{
    vd_bytes_t rest = vd_buffer_view(&world->bench.turn.reads);
    vd_read_record_t read;
    while (vd_bench_next_read(&rest, &read))
        world_answer(world, &read);
    vd_bench_commit(&world->bench);
}

static void restart(vd_bench_t *bench)
{
    void *fresh = vd_bench_fresh(bench);
    vd_bench_apply(bench->observer, fresh, vd_buffer_view(&bench->log));
    vd_law_equal(bench, fresh);
    bench->observer->destroy(&fresh);
}

/* Everybody is well again and on one branch. */
static void heal(world_t *world)
{
    world_move_all(world, world_grow(world, world->nodes[0].head, 12));
    for (uint32_t at = 0; at < WORLD_NODES; at++) {
        node_t *node = &world->nodes[at];
        node->silent = node->syncing = false;
        node->lie = LIE_NOTHING;
        if (node->final >= 0)
            node->final = (int32_t)back_from(world, node->head, 10);
    }
}

static void run_world(form_t form, uint64_t seed)
{
    static world_t world;
    vd_bench_t *bench = &world.bench;
    world_open(&world, toml, form);
    world_move_all(&world, world_grow(&world, 0, 20 + below(&seed, 40)));
    for (uint32_t step = 0; step < STEPS; step++) {
        if (below(&seed, 3) > 0)
            move(&world, &seed);
        if (below(&seed, 3) > 0)
            world_show(&world);
        vd_law_pure(bench);
        vd_law_declared(bench);
        if (below(&seed, 8) == 0)
            continue; /* never committed: it is found again */
        take(&world);
        vd_law_view(bench);
        if (below(&seed, 10) == 0)
            restart(bench);
    }
    heal(&world);
    bench->wall_ms += 2 * 60000; /* whoever was taken for one of another chain is looked at again */
    world_settle(&world);
    for (int turns = 0; turns < 2 * VD_ANSWER_TURNS; turns++) {
        assert_int_equal(vd_bench_turn(bench), VD_OK);
        take(&world);
    }
    vd_bench_assert_kept(bench, &seed);
    vd_law_restart(bench);
    assert_int_equal(bench->turn.read_count, 0);
    world_close(&world);
}

static void test_laws(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++)
        for (form_t form = FORM_HSD; form <= FORM_LOGOS_NEW; form++) {
            print_message("form %d seed %llu\n", form, (unsigned long long)seed);
            run_world(form, seed);
        }
}

static void test_hostile_saves(void **state)
{
    (void)state;
    vd_law_hostile_saves(&vd_chain_observer, toml);
}

static void test_queries(void **state)
{
    (void)state;
    vd_law_queries(&vd_chain_observer, toml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_hostile_saves),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
