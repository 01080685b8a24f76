/* test_observer_collect.c: a collector: what another observer writes comes before its turns, each
 * event once, in order, whatever dies, gets lost, rolls or is missing meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/collect_world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one session ---- */

static void test_each_event_is_before_a_turn(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    assert_echoes(world, "tree");
    assert_cause(world, "s1", 2);
    hear(world, "_nothing");
    write_event(world, 0, "word_said", "somebody", "foreign");
    write_event(world, 0, VD_OBSERVER_STATE, "other", "state");
    say(world, "house");
    say(world, "house");
    say(world, "river");
    pass(world, 1000);
    assert_echoes(world, "tree house house river");
    assert_int_equal(echo_turns, 5); /* what is foreign, or a state, is no input */
    assert_int_equal(world->stream.begun, 1);
    assert_int_equal(world->snapshots, 0);
    assert_error(world, NULL, false);
    vd_value_t all = snapshot(world);
    assert_int_equal(vd_value_get_u64(&all, "seq", 0), world->sessions[0].seq);
}

/* What yields nothing is read again, and leads to nothing again. */
static void test_a_restart_reads_on_behind_the_last_echo(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    hear(world, "_one");
    hear(world, "_two");
    assert_int_equal(echo_turns, 3);
    kill_host(world);
    say(world, "house");
    pass(world, 1000);
    assert_int_equal(echo_turns, 6); /* one, two and house: tree is in its own events */
    assert_echoes(world, "tree house");
    assert_int_equal(echo_of(world)->count, 2);
}

/* A turn without an input says that there is none: one that comes back behind has them all before. */
static void test_no_idle_turn_while_it_is_behind(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->stream_silent = true;
    kill_host(world);
    echo_turns = 0;
    echo_idle_after = UINT32_MAX;
    for (int at = 0; at < 100; at++)
        say(world, at % 2 ? "_a" : "b");
    pass(world, 3000);
    assert_int_equal(echo_turns, 0);
    world->stream_silent = false;
    pass(world, 20000);
    assert_int_equal(echo_turns, 100);
    assert_int_equal(echo_idle_after, 100);
}

static void test_a_failed_turn_keeps_its_input(void **state)
{
    world_t *world = *state;
    echo_fails = true;
    hear(world, "tree");
    say(world, "house");
    pass(world, 5000);
    assert_error(world, "turn", true);
    assert_true(echo_turns < 10); /* once in the interval */
    assert_echoes(world, "");
    echo_fails = false;
    pass(world, 2000);
    assert_echoes(world, "tree house");
    assert_error(world, "turn", false);
}

static void test_a_slow_collector_makes_the_stream_wait(void **state)
{
    world_t *world = *state;
    world->fate = HOLD;
    for (int at = 0; at < 900; at++) {
        say(world, at % 2 ? "a" : "b");
        deliver(world);
    }
    pass(world, 3000);
    assert_in_range(world->stream.events, VD_COLLECTING_EVENTS, VD_COLLECTING_EVENTS + 1);
    world->fate = COMMIT;
    pass(world, 20000);
    assert_int_equal(world->stored, 900);
    assert_int_equal(echo_of(world)->count, 900);
}

static void check_death(uint32_t at, bool before, bool many)
{
    void *state;
    begin_collector(&state);
    world_t *world = state;
    char expected[STORY] = "tree house";
    hear(world, "tree");
    world->dies_at = world->sent + at;
    world->dies_before = before;
    hear(world, "house");
    hear(world, "_quiet");
    if (many) {
        hear(world, "many");
        for (int i = 1; i <= ECHO_MANY; i++)
            sprintf(expected + strlen(expected), " many%d", i);
    }
    hear(world, "river");
    pass(world, 3000);
    if (world->dies_at != 0)
        world->dies_at = 0, kill_host(world);
    pass(world, 3000);
    strcat(expected, " river");
    assert_echoes(world, expected);
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, expected);
    assert_int_equal(echo_of(world)->count, 3 + (many ? ECHO_MANY : 0));
    tear_down(&state);
}

static void test_killed_at_any_moment(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 14; at++)
        for (unsigned kind = 0; kind < 4; kind++)
            check_death(at, kind & 1, kind & 2);
}

static void test_losses_repeat_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        void *made;
        begin_collector(&made);
        world_t *world = made;
        char expected[1024] = "";
        world->seed = seed;
        world->loss_percent = 30;
        for (int at = 0; at < 20; at++) {
            char word[8];
            snprintf(word, sizeof word, "w%d", at);
            sprintf(expected + strlen(expected), "%s%s", at > 0 ? " " : "", word);
            hear(world, word);
            if (vd_random_next(&seed) % 8 == 0)
                kill_host(world);
        }
        world->loss_percent = 0;
        pass(world, 60000);
        assert_echoes(world, expected);
        tear_down(&made);
    }
}

static void test_the_store_goes_back(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    hear(world, "house");
    forget_store(world);
    world->epoch++;
    world->open_life = 0;
    world->session_count = 0;
    world->store = "bbbb";
    begin_session(world);
    say(world, "river");
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, "river");
    assert_int_equal(echo_of(world)->count, 1);
}

/* ---- sessions ---- */

static void test_the_input_rolls(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    roll(world);
    say(world, "house");
    pass(world, 5000);
    roll(world);
    roll(world);
    say(world, "river");
    pass(world, 5000);
    assert_echoes(world, "tree house river");
    assert_int_equal(world->snapshots, 0);
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, "tree house river");
    assert_int_equal(echo_of(world)->count, 3);
    hear(world, "rain");
    assert_echoes(world, "tree house river rain");
}

static void test_an_end_that_names_nobody(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->page_max = 2;
    end_session(world, 0, false);
    pass(world, 3000);
    begin_session(world);
    for (int at = 0; at < 5; at++)
        roll(world);
    say(world, "house");
    pass(world, 9000);
    assert_echoes(world, "tree house");
    assert_int_equal(world->snapshots, 0);
}

/* The network repeats answers: the second one is none to what is asked then. */
static void test_answers_that_come_twice(void **state)
{
    world_t *world = *state;
    hear(world, "tree");
    world->rows_twice = true;
    end_session(world, 0, false);
    pass(world, 3000);
    begin_session(world);
    for (int at = 0; at < 5; at++)
        roll(world);
    say(world, "house");
    pass(world, 9000);
    assert_echoes(world, "tree house");
    assert_int_equal(world->snapshots, 0);
}

/* One that is new reads from the first session on. */
static void test_a_new_collector_reads_all_there_is(void **state)
{
    world_t *world = *state;
    for (int at = 0; at < 3; at++) {
        world->dead = true; /* nothing of it arrives */
        say(world, at == 0 ? "tree" : at == 1 ? "house" : "river");
        roll(world);
    }
    kill_host(world);
    pass(world, 5000);
    assert_echoes(world, "tree house river");
}

static void check_death_in_roll(uint32_t at, bool before)
{
    void *state;
    begin_collector(&state);
    world_t *world = state;
    hear(world, "tree");
    hear(world, "_quiet");
    world->dies_at = world->sent + at;
    world->dies_before = before;
    say(world, "house");
    roll(world);
    say(world, "river");
    pass(world, 8000);
    roll(world);
    pass(world, 8000);
    if (world->dies_at != 0)
        world->dies_at = 0, kill_host(world);
    say(world, "rain");
    pass(world, 8000);
    assert_echoes(world, "tree house river rain");
    kill_host(world);
    pass(world, 3000);
    assert_echoes(world, "tree house river rain");
    assert_int_equal(echo_of(world)->count, 4);
    assert_int_equal(world->snapshots, 0);
    tear_down(&state);
}

static void test_killed_at_any_moment_of_a_roll(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 24; at++)
        for (unsigned before = 0; before < 2; before++)
            check_death_in_roll(at, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_collector, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_event_is_before_a_turn),
        TEST(test_a_restart_reads_on_behind_the_last_echo),
        TEST(test_no_idle_turn_while_it_is_behind),
        TEST(test_a_failed_turn_keeps_its_input),
        TEST(test_a_slow_collector_makes_the_stream_wait),
        cmocka_unit_test(test_killed_at_any_moment),
        cmocka_unit_test(test_losses_repeat_nothing),
        TEST(test_the_store_goes_back),
        TEST(test_the_input_rolls),
        TEST(test_an_end_that_names_nobody),
        TEST(test_answers_that_come_twice),
        TEST(test_a_new_collector_reads_all_there_is),
        cmocka_unit_test(test_killed_at_any_moment_of_a_roll),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
