/* test_assignment.c: the laws of placing sources on pollers, over random histories. */
#include "broker/assignment.h"

#include "core/core.h"
#include "core/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SOURCES_MAX 400
#define POLLERS_MAX 12

typedef struct world {
    vd_assignment_t *assignment;
    uint64_t seed;
    uint32_t source_count, poller_count;
    vd_assign_source_t sources[SOURCES_MAX];
    vd_assign_poller_t pollers[POLLERS_MAX];
    uint32_t next_id;
} world_t;

static uint64_t pick(world_t *world, uint64_t below)
{
    return vd_random_next(&world->seed) % below;
}

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

static uint32_t count_at(const world_t *world, int32_t poller)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->source_count; i++)
        count += world->sources[i].poller == poller;
    return count;
}

static void add_source(world_t *world)
{
    if (world->source_count == SOURCES_MAX)
        return;
    uint32_t id = ++world->next_id;
    world->sources[world->source_count++] =
        (vd_assign_source_t){vd_hash(0, vd_bytes(&id, sizeof id)), VD_POLLER_NONE, id};
}

static void remove_source(world_t *world)
{
    if (world->source_count == 0)
        return;
    uint32_t i = (uint32_t)pick(world, world->source_count);
    world->sources[i] = world->sources[--world->source_count];
}

static void add_poller(world_t *world)
{
    if (world->poller_count == POLLERS_MAX)
        return;
    uint32_t id = ++world->next_id;
    world->pollers[world->poller_count++] =
        (vd_assign_poller_t){.hash = vd_hash(1, vd_bytes(&id, sizeof id)), .open = true};
}

/* Returns how many sources it held. */
static uint32_t remove_poller(world_t *world)
{
    if (world->poller_count == 0)
        return 0;
    int32_t gone = (int32_t)pick(world, world->poller_count);
    uint32_t held = count_at(world, gone);
    int32_t last = (int32_t)--world->poller_count;
    world->pollers[gone] = world->pollers[last];
    for (uint32_t i = 0; i < world->source_count; i++) {
        if (world->sources[i].poller == gone)
            world->sources[i].poller = VD_POLLER_NONE;
        else if (world->sources[i].poller == last)
            world->sources[i].poller = gone;
    }
    return held;
}

static uint32_t assign(world_t *world, bool moves)
{
    return vd_assign(world->assignment, world->sources, world->source_count, world->pollers,
                     world->poller_count, moves);
}

static uint32_t open_count(const world_t *world)
{
    uint32_t open = 0;
    for (uint32_t p = 0; p < world->poller_count; p++)
        open += world->pollers[p].open;
    return open;
}

/* The sources that must move, whatever the method: those over the bound, and those without a
 * place. */
static uint32_t must_move(const world_t *world, uint32_t bound)
{
    uint32_t moves = count_at(world, VD_POLLER_NONE);
    for (uint32_t p = 0; p < world->poller_count; p++) {
        uint32_t load = count_at(world, (int32_t)p);
        if (world->pollers[p].open && load > bound)
            moves += load - bound;
    }
    return moves;
}

static uint32_t bound_of(const world_t *world)
{
    uint32_t open = open_count(world), closed_load = 0;
    for (uint32_t p = 0; p < world->poller_count; p++)
        if (!world->pollers[p].open)
            closed_load += count_at(world, (int32_t)p);
    uint32_t fair = ceil_div(world->source_count, world->poller_count);
    uint32_t needed = ceil_div(world->source_count - closed_load, open);
    return fair > needed ? fair : needed;
}

static void check_placed(const world_t *world, uint32_t bound)
{
    assert_int_equal(count_at(world, VD_POLLER_NONE), 0);
    for (uint32_t p = 0; p < world->poller_count; p++) {
        assert_int_equal(count_at(world, (int32_t)p), world->pollers[p].load);
        if (world->pollers[p].open)
            assert_true(world->pollers[p].load <= bound);
    }
}

static world_t *new_world(uint64_t seed)
{
    world_t *world = test_calloc(1, sizeof *world);
    world->seed = seed;
    world->assignment = vd_assignment_new(SOURCES_MAX);
    assert_non_null(world->assignment);
    return world;
}

static void end_world(world_t *world)
{
    vd_assignment_destroy(&world->assignment);
    vd_assignment_destroy(&world->assignment);
    test_free(world);
}

static void change(world_t *world)
{
    switch (pick(world, 8)) {
    case 0:
        add_poller(world);
        break;
    case 1:
        remove_poller(world);
        break;
    case 2:
        if (world->poller_count > 0) {
            vd_assign_poller_t *poller = &world->pollers[pick(world, world->poller_count)];
            poller->open = !poller->open;
        }
        break;
    case 3:
    case 4:
        remove_source(world);
        break;
    default:
        add_source(world);
        break;
    }
}

/* At every moment of a random history: everything is placed, no open poller is over the bound, and
 * nothing moved that did not have to. */
static void random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        world_t *world = new_world(seed);
        for (int step = 0; step < 400; step++) {
            change(world);
            if (open_count(world) == 0) {
                assert_int_equal(assign(world, true), 0);
                continue;
            }
            uint32_t bound = bound_of(world);
            uint32_t needed = must_move(world, bound);
            uint32_t moved = assign(world, true);
            if (moved != needed)
                print_error("seed %llu step %d\n", (unsigned long long)seed, step);
            assert_int_equal(moved, needed);
            check_placed(world, bound);
            assert_int_equal(assign(world, true), 0);
        }
        end_world(world);
    }
}

/* With an equal share for each, a poller's end moves what it read and nothing else; its return
 * brings back no more than its share. */
static void little_moves(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        world_t *world = new_world(seed);
        for (int i = 0; i < 8; i++)
            add_poller(world);
        for (int i = 0; i < 200; i++)
            add_source(world);
        assign(world, true);
        uint32_t held = remove_poller(world);
        assert_int_equal(assign(world, true), held);
        check_placed(world, ceil_div(200, 7));
        add_poller(world);
        assert_true(assign(world, true) <= ceil_div(200, 8));
        check_placed(world, ceil_div(200, 8));
        end_world(world);
    }
}

/* The listing order changes nothing. */
static void same_from_nothing(void **state)
{
    (void)state;
    world_t *a = new_world(7), *b = new_world(7);
    for (int i = 0; i < 5; i++)
        add_poller(a);
    for (int i = 0; i < 99; i++)
        add_source(a);
    b->source_count = a->source_count;
    b->poller_count = a->poller_count;
    memcpy(b->pollers, a->pollers, sizeof a->pollers);
    for (uint32_t i = 0; i < a->source_count; i++)
        b->sources[a->source_count - 1 - i] = a->sources[i];
    assign(a, true);
    assign(b, true);
    for (uint32_t i = 0; i < a->source_count; i++)
        assert_int_equal(a->sources[i].poller, b->sources[a->source_count - 1 - i].poller);
    end_world(a);
    end_world(b);
}

/* While a new broker learns who is there, what has a place keeps it, over the bound or not. */
static void nothing_moves_when_told(void **state)
{
    (void)state;
    world_t *world = new_world(3);
    add_poller(world);
    for (int i = 0; i < 10; i++)
        add_source(world);
    assert_int_equal(assign(world, false), 10);
    add_poller(world);
    assert_int_equal(assign(world, false), 0);
    assert_int_equal(count_at(world, 0), 10);
    add_source(world);
    assert_int_equal(assign(world, false), 1);
    assert_int_equal(count_at(world, 1), 1);
    assert_int_equal(assign(world, true), 4);
    check_placed(world, 6);
    end_world(world);
}

/* A suspect poller keeps what it holds and gets nothing; its suspicion alone moves nothing. */
static void suspicion_moves_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        world_t *world = new_world(seed);
        for (int i = 0; i < 3; i++)
            add_poller(world);
        for (int i = 0; i < 10; i++)
            add_source(world);
        assign(world, true);
        uint32_t held = count_at(world, 1);
        world->pollers[1].open = false;
        assert_int_equal(assign(world, true), 0);
        for (int i = 0; i < 20; i++)
            add_source(world);
        assign(world, true);
        assert_int_equal(count_at(world, 1), held);
        end_world(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories),        cmocka_unit_test(little_moves),
        cmocka_unit_test(same_from_nothing),       cmocka_unit_test(nothing_moves_when_told),
        cmocka_unit_test(suspicion_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
