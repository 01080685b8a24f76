/* test_observer_holes.c: a collector whose input is damaged, pruned or lost goes on from the snapshot of the
 * observer that it reads, and forgets nothing that was to be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/collect_world.h"

#include <stdio.h>
#include <stdlib.h>

static void damage_last(world_t *world)
{
    world->frames[world->frame_count - 1].damaged = true;
}

static void test_a_hole_is_filled_by_the_snapshot(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->stream.on = false; /* it hears what follows later, in one go */
    say(world, "house");
    damage_last(world);
    say(world, "rock");  /* in the snapshot, and read behind the hole: passed over */
    say(world, "river"); /* in the snapshot, and read behind the hole: told once */
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, "tree river");
    assert_int_equal(world->snapshots, 1);
    assert_error(world, "state", false);
    hear(world, "rain");
    hear(world, "river");
    assert_echoes(world, "tree river rain river");
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, "tree river rain river");
    assert_int_equal(world->snapshots, 1); /* the place is behind it */
}

/* Behind a snapshot that the other observer gives between the end of its session and the next one, no
 * end would come any more. */
static void test_a_snapshot_as_the_session_ends(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->stream_silent = true;
    world->stream.on = false;
    say(world, "house");
    damage_last(world);
    roll(world);
    pass(world, 5000); /* its own state goes over */
    origin_seq = world->sessions[0].seq;
    world->rows_silent = true; /* which session goes on is not told in this life */
    world->stream_silent = false;
    pass(world, 5000);
    assert_int_equal(world->snapshots, 1);
    kill_host(world);
    world->rows_silent = false;
    pass(world, 5000);
    say(world, "river");
    pass(world, 5000);
    assert_echoes(world, "tree house river");
    assert_int_equal(world->snapshots, 1);
}

/* What comes while the snapshot is not to be had waits, and what it does not hold follows it. */
static void test_the_other_observer_is_asked_until_it_answers(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->stream.on = false;
    say(world, "house");
    damage_last(world);
    origin_phase = "restoring";
    kill_host(world);
    pass(world, 8000);
    assert_echoes(world, "tree");
    assert_error(world, "state", true);
    world->origin = NULL;
    pass(world, 3000);
    uint64_t seq = origin_seq;
    say(world, "river");
    say(world, "rain");
    strcpy(origin_word, "house");
    origin_seq = seq;
    origin_phase = "running";
    world->origin = write_origin;
    pass(world, 2000);
    assert_echoes(world, "tree house river rain");
    assert_error(world, "state", false);
}

static void test_what_was_pruned_is_filled_by_the_snapshot(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    hear(world, "_quiet");
    roll(world);
    pass(world, 5000); /* its state is in the second session, and what it reads, too */
    roll(world);
    world->rows_silent = true;
    say(world, "house");
    pass(world, 100);
    world->sessions[1].gone = world->sessions[0].gone = true;
    world->rows_silent = false;
    kill_host(world);
    pass(world, 5000);
    assert_echoes(world, "house");
    assert_true(world->snapshots >= 1);
    hear(world, "river");
    assert_echoes(world, "house river");
    uint32_t snapshots = world->snapshots;
    kill_host(world);
    pass(world, 3000);
    hear(world, "rain");
    assert_echoes(world, "house river rain");
    assert_int_equal(world->snapshots, snapshots);
}

/* What it has not read is pruned; its own state is not. */
static void test_a_session_pruned_before_it_was_read(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->stream_silent = true;
    world->stream.on = false;
    say(world, "house");
    roll(world);
    pass(world, 5000); /* its state goes over, with a place in the first session */
    say(world, "river");
    world->sessions[0].gone = true;
    world->stream_silent = false;
    kill_host(world);
    pass(world, 5000);
    assert_echoes(world, "river");
    assert_int_equal(echo_of(world)->count, 2);
    assert_true(world->snapshots >= 1);
    hear(world, "rain");
    assert_echoes(world, "river rain");
}

/* That the snapshot is still to be had is not forgotten, whatever session it goes to meanwhile. */
static void test_a_loss_is_remembered(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    roll(world);
    world->rows_silent = true;
    pass(world, 5000);
    world->origin = NULL;
    world->sessions[0].gone = true;
    world->rows_silent = false;
    say(world, "house");
    say(world, "_quiet");
    strcpy(origin_word, "house");
    kill_host(world);
    pass(world, 3000);
    assert_int_equal(world->states, 1); /* from here on the chain is whole again */
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, "");
    world->origin = write_origin;
    pass(world, 3000);
    assert_echoes(world, "house");
}

/* A snapshot that leads to more than one turn takes is gone on with after a restart. */
static void test_killed_at_any_moment_of_a_snapshot(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 16; at++)
        for (unsigned before = 0; before < 2; before++) {
            void *made;
            begin_collector(&made);
            world_t *world = made;
            hear(world, "tree");
            world->stream.on = false;
            say(world, "house");
            damage_last(world);
            say(world, "river");
            origin_total = 1200;
            kill_host(world);
            world->dies_at = world->sent + at;
            world->dies_before = before;
            pass(world, 8000);
            if (world->dies_at != 0)
                world->dies_at = 0, kill_host(world);
            pass(world, 8000);
            hear(world, "rain");
            kill_host(world);
            pass(world, 3000);
            char expected[STORY] = "tree";
            for (int i = 1; i <= 1200; i++)
                sprintf(expected + strlen(expected), " %d", i);
            strcat(expected, " river rain");
            assert_echoes(world, expected);
            assert_int_equal(echo_of(world)->count, 1203);
            tear_down(&made);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_collector, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_hole_is_filled_by_the_snapshot),
        TEST(test_a_snapshot_as_the_session_ends),
        TEST(test_the_other_observer_is_asked_until_it_answers),
        TEST(test_what_was_pruned_is_filled_by_the_snapshot),
        TEST(test_a_session_pruned_before_it_was_read),
        TEST(test_a_loss_is_remembered),
        cmocka_unit_test(test_killed_at_any_moment_of_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
