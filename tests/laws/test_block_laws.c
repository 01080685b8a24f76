/* test_block_laws.c: the laws of the observer contract, for the observers that read nodes of a chain, on
 * random worlds of nodes that mine, fork, hang, come back and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/core.h"
#include "inclusion/inclusion.h"
#include "laws/observer_laws.h"
#include "sync_target/sync_target.h"
#include "unit/block_world.h"

enum { WORLDS = 25, STEPS = 50, NODES = 4, TXS = 12 };

typedef struct subject {
    const vd_observer_t *observer;
    const char *toml;
} subject_t;

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    return (uint32_t)(vd_random_next(seed) % limit);
}

static void move(vd_block_world_t *world, uint64_t *seed)
{
    uint32_t node = below(seed, NODES), other = below(seed, NODES), back = below(seed, 4);
    uint32_t head = world->head[node];
    if (below(seed, 3) == 0) {
        world->head[node] = world->head[other];
    } else {
        uint32_t height = world->height[head] > back ? world->height[head] - back : 0;
        head = vd_block_world_ancestor(world, head, height);
        head = vd_block_world_grow(world, head, below(seed, back + 2));
        world->head[node] = vd_block_world_mine(world, head, UINT64_C(1) << below(seed, TXS));
    }
    world->pool[other] ^= UINT64_C(1) << below(seed, TXS);
    if (below(seed, 8) == 0)
        world->silent[node] = !world->silent[node];
}

/* A fresh state with all that was committed tells what the one at hand tells. */
static void restart(vd_bench_t *bench)
{
    void *fresh = vd_bench_fresh(bench);
    vd_bench_apply(bench->observer, fresh, vd_buffer_view(&bench->log));
    vd_law_equal(bench, fresh);
    bench->observer->destroy(&fresh);
}

static void run_world(const subject_t *subject, uint64_t seed)
{
    static const char *const groups[NODES] = {"local", "public", "local", "public"};
    static vd_block_world_t world;
    vd_bench_t *bench = &world.bench;
    vd_block_world_open(&world, subject->observer, subject->toml, NODES, "group", groups);
    vd_block_world_all_at(&world, vd_block_world_grow(&world, 0, 8));
    for (uint32_t step = 0; step < STEPS; step++) {
        if (below(&seed, 3) > 0)
            move(&world, &seed);
        if (below(&seed, 6) > 0)
            vd_block_world_show(&world);
        vd_law_pure(bench);
        vd_law_declared(bench);
        if (below(&seed, 8) == 0)
            continue; /* never committed: it is found again */
        vd_block_world_take(&world);
        vd_law_view(bench);
        if (below(&seed, 10) == 0)
            restart(bench);
    }
    vd_block_world_settle(&world);
    vd_bench_assert_kept(bench, &seed);
    vd_law_restart(bench);
    vd_bench_turn(bench);
    assert_int_equal(bench->turn.count, 0);
    assert_true(bench->log.size > 0); /* the worlds move */
    vd_block_world_close(&world);
}

static void test_laws(void **state)
{
    const subject_t *subject = *state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        print_message("%s seed %llu\n", subject->observer->name, (unsigned long long)seed);
        run_world(subject, seed);
    }
}

static void test_hostile_saves(void **state)
{
    const subject_t *subject = *state;
    vd_law_hostile_saves(subject->observer, subject->toml);
}

static void test_queries(void **state)
{
    const subject_t *subject = *state;
    vd_law_queries(subject->observer, subject->toml);
}

int main(void)
{
    static subject_t inclusion = {&vd_inclusion_observer,
                                  "[observers.inclusion]\nmempools = true\nhistory = 12\n"
                                  "depths = [\"1\", \"4\"]\ntransactions_max = 9\n"};
    static subject_t sync_target = {&vd_sync_target_observer,
                                    "[observers.sync_target]\nprogress = \"1h\"\n"
                                    "lost_after = 2\nunreachable_after = 2\n"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_laws, &inclusion),
        cmocka_unit_test_prestate(test_laws, &sync_target),
        cmocka_unit_test_prestate(test_hostile_saves, &inclusion),
        cmocka_unit_test_prestate(test_hostile_saves, &sync_target),
        cmocka_unit_test_prestate(test_queries, &inclusion),
        cmocka_unit_test_prestate(test_queries, &sync_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
