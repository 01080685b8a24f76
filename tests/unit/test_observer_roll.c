/* test_observer_roll.c: an observer goes from session to session: nothing is lost or repeated,
 * whatever dies or gets lost meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

#include "wire/events.h"

#include <stdio.h>
#include <stdlib.h>

/* Every word that is in the story was applied exactly once, and the last one is the state. */
static void assert_story(world_t *world, const char *words)
{
    assert_string_equal(story(world), words);
    uint32_t count = words[0] ? 1 : 0;
    for (const char *at = words; *at; at++)
        count += *at == ' ';
    const char *last = strrchr(words, ' ');
    assert_string_equal(word_of(world)->text, last ? last + 1 : words);
    assert_int_equal(word_of(world)->applied, count);
}

/* Where the observer is. */
static void assert_session(world_t *world, const char *id)
{
    vd_value_t all = snapshot(world);
    assert_true(vd_str_is(vd_value_get_str(&all, "session"), id));
}

/* Is the first thing that the observer wrote in the session its state, and that only once? */
static void assert_state_first(const world_t *world, uint32_t place)
{
    uint32_t own = 0;
    for (uint32_t at = 0; at < world->frame_count; at++) {
        const frame_t *frame = &world->frames[at];
        vd_bytes_t run = vd_buffer_view(&frame->run);
        vd_entry_t entry;
        vd_event_t event;
        if (frame->session != place || !frame->own)
            continue;
        assert_int_equal(vd_run_next(&run, &entry), VD_OK);
        assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
        assert_int_equal(vd_str_is(event.type, VD_OBSERVER_STATE), own == 0);
        char error[VD_TEXT_BYTES_MAX];
        assert_int_equal(vd_event_check(event.type, event.data, error, sizeof error), VD_OK);
        own++;
    }
    assert_true(own > 0);
}

static void test_a_rejected_turn_goes_to_the_next_session(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    see(world, "house");
    assert_story(world, "tree house");
    assert_session(world, "s2");
    assert_state_first(world, 1);
    assert_int_equal(world->states, 1);
    assert_error(world, NULL, false);
    see(world, "river");
    assert_story(world, "tree house river");
    /* Told with its place in the new session: session_started, the state, house, river. */
    vd_value_t item, events, event;
    assert_true(vd_value_of(vd_buffer_view(&world->item), &item));
    assert_true(vd_value_get(&item, "events", &events));
    assert_true(vd_value_next(&events.bytes, &event));
    assert_int_equal(vd_value_get_u64(&event, "seq", 0), 4);
}

static void test_an_idle_observer_follows_soon(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    for (uint32_t at = 1; at <= 3; at++) {
        roll(world);
        pass(world, VD_WATCH_MS + 1500);
        assert_int_equal(world->states, at);
        assert_state_first(world, at);
    }
    assert_session(world, "s4");
    assert_story(world, "tree");
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree");
    see(world, "house");
    assert_story(world, "tree house");
}

static void test_who_slept_goes_to_the_newest_session_at_once(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    for (int at = 0; at < 5; at++)
        roll(world);
    see(world, "house");
    assert_story(world, "tree house");
    assert_session(world, "s6");
    assert_int_equal(world->states, 1);
}

static void test_a_roll_while_the_state_is_on_its_way(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    world->rows_silent = true;
    see(world, "house");
    world->rows_silent = false;
    world->fate = HOLD; /* the state goes out, and nothing comes of it */
    pass(world, 1000);
    roll(world);
    world->fate = COMMIT;
    pass(world, 5000);
    assert_story(world, "tree house");
    assert_session(world, "s3");
    assert_int_equal(world->states, 1);
    assert_state_first(world, 2);
}

static void test_a_store_in_trouble_delays_a_move(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    world->fate = REFUSE;
    see(world, "house");
    pass(world, 10000);
    assert_story(world, "tree");
    world->fate = COMMIT;
    pass(world, 5000);
    assert_story(world, "tree house");
    assert_error(world, "commit", false);
}

static void test_an_end_that_names_nobody_is_waited_out(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    end_session(world, 0, false);
    see(world, "house");
    pass(world, 10000);
    assert_story(world, "tree");
    assert_error(world, "commit", true);
    uint32_t emits = world->emits;
    pass(world, 10000);
    assert_int_equal(world->emits, emits); /* it asks, and does not try in vain */
    begin_session(world);                  /* it continues the one before, which cannot say so */
    pass(world, 3000);
    assert_story(world, "tree house");
    assert_session(world, "s2");
    assert_error(world, "commit", false);
}

/* Who goes on from our session may have ended, too, before we ask; and many came after it. */
static void test_one_that_goes_on_and_has_ended_is_found(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->rows_silent = true;
    end_session(world, 0, false);
    begin_session(world); /* it continues a session that does not name it */
    for (int i = 0; i < 5; i++)
        roll(world);
    see(world, "house");
    pass(world, 3000);
    assert_story(world, "tree");
    world->rows_silent = false;
    world->page_max = 2;
    pass(world, 8000);
    assert_story(world, "tree house");
    assert_session(world, "s7");
    assert_error(world, "commit", false);
}

static void test_no_answer_about_sessions_is_told_and_outlived(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    world->rows_silent = true;
    see(world, "house");
    pass(world, 20000);
    assert_error(world, "commit", true);
    world->rows_silent = false;
    pass(world, 2000);
    assert_story(world, "tree house");
    assert_error(world, "commit", false);
}

/* Who restarts is given the session of the moment, or, when it was slow, one before. */
static void check_death(world_t *world, uint32_t at, bool before, bool idle, bool old)
{
    see(world, "tree");
    roll(world);
    see(world, "house");
    roll(world);
    if (old)
        world->given = 1;
    world->dies_at = world->sent + at;
    world->dies_before = before;
    if (!idle)
        see(world, "river");
    pass(world, 8000);
    if (idle)
        see(world, "river");
    if (world->dies_at != 0) { /* there was less to say */
        world->dies_at = 0;
        kill_host(world);
    }
    pass(world, 8000);
    assert_story(world, "tree house river");
    assert_session(world, "s3");
    assert_state_first(world, 2);
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree house river");
}

static void test_killed_at_any_moment_of_a_roll(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 12; at++)
        for (unsigned kind = 0; kind < 8; kind++) {
            void *world;
            set_up(&world);
            check_death(world, at, kind & 1, kind & 2, kind & 4);
            tear_down(&world);
        }
}

static void test_a_restart_follows_from_the_session_it_was_given(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    see(world, "house");
    roll(world);
    see(world, "river");
    world->given = 0;
    kill_host(world);
    pass(world, 3000);
    assert_session(world, "s3");
    assert_story(world, "tree house river");
    uint32_t replays = world->replays;
    kill_host(world);
    pass(world, 3000);
    assert_int_equal(world->replays, replays + 1); /* the newest session has all it takes */
}

static void test_a_session_without_its_state_is_restored_from_the_one_before(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    see(world, "house");
    roll(world);
    roll(world);
    kill_host(world); /* before it has learnt of it */
    pass(world, 1000);
    assert_session(world, "s4");
    assert_story(world, "tree house");
    see(world, "river");
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree house river");
}

static void test_a_state_in_parts(void **state)
{
    world_t *world = *state;
    word_padding = 900000;
    see(world, "tree");
    roll(world);
    see(world, "house");
    assert_int_equal(world->states, 1);
    /* Everything before the state in the new session is left out; only a whole state is one. */
    uint32_t replays = world->replays;
    kill_host(world);
    pass(world, 3000);
    assert_int_equal(world->replays, replays + 1);
    assert_story(world, "tree house");
}

static void test_a_state_too_large_is_told_and_restored_from_before(void **state)
{
    world_t *world = *state;
    word_padding = VD_STATE_BYTES_MAX;
    see(world, "tree");
    roll(world);
    see(world, "house");
    assert_story(world, "tree house");
    assert_int_equal(world->states, 0);
    assert_error(world, "state", true);
    roll(world);
    see(world, "river");
    assert_story(world, "tree house river");
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree house river");
    word_padding = 0;
    roll(world);
    see(world, "sea");
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree house river sea");
    assert_int_equal(world->states, 1);
}

static void test_a_state_that_cannot_be_loaded_is_restored_from_before(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    see(world, "house");
    roll(world);
    see(world, "river");
    word_load_refuses = true;
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree house river");
}

/* The newest frame of the observer is lost. */
static void damage_newest(world_t *world)
{
    for (uint32_t at = world->frame_count; at-- > 0;)
        if (world->frames[at].own) {
            world->frames[at].damaged = true;
            return;
        }
}

static void test_a_damaged_state_is_restored_from_before(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    pass(world, VD_WATCH_MS + 1500);
    assert_int_equal(world->states, 1);
    damage_newest(world);
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree");
    assert_int_equal(world->states, 2); /* there is a good one again */
    see(world, "house");
    kill_host(world);
    pass(world, 3000);
    assert_story(world, "tree house");
}

static void test_damaged_events_are_told_and_found_again(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    see(world, "house");
    damage_newest(world);
    kill_host(world);
    pass(world, 3000);
    assert_error(world, "state", true);
    assert_string_equal(word_of(world)->text, "house"); /* the source still shows it */
    assert_int_equal(word_of(world)->applied, 2);
}

static void test_what_was_pruned_is_told(void **state)
{
    world_t *world = *state;
    word_padding = VD_STATE_BYTES_MAX; /* so that nothing but the first session knows of tree */
    see(world, "tree");
    roll(world);
    see(world, "house");
    roll(world);
    see(world, "river");
    world->sessions[0].gone = true;
    kill_host(world);
    pass(world, 3000);
    assert_true(world->ready);
    assert_error(world, "state", true);
    assert_string_equal(word_of(world)->text, "river");
    assert_int_equal(word_of(world)->applied, 2);
    see(world, "sea");
    assert_string_equal(story(world), "tree house river sea");
}

/* A tombstone answers with an error: that is an answer, too. */
static void test_an_observer_whose_session_has_a_tombstone_begins_anew(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    roll(world);
    world->sessions[0].gone = world->sessions[0].tombstone = true;
    see(world, "house");
    pass(world, 5000);
    assert_true(world->exited);
    assert_int_equal(world->exit_status, VD_UNKNOWN_SESSION);
}

static void test_a_tombstone_on_the_way_back_is_an_end(void **state)
{
    world_t *world = *state;
    word_padding = VD_STATE_BYTES_MAX; /* so that nothing but the first session knows of tree */
    see(world, "tree");
    roll(world);
    see(world, "house");
    world->sessions[0].gone = world->sessions[0].tombstone = true;
    kill_host(world);
    pass(world, 3000);
    assert_true(world->ready);
    assert_error(world, "state", true);
    assert_int_equal(word_of(world)->applied, 1);
}

/* Who is given a session that somebody has ended finds out who goes on from it before it has a
 * state. */
static void test_a_restart_finds_who_goes_on_from_an_end_that_names_nobody(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    begin_session(world);
    end_session(world, 0, false);
    see(world, "house");
    pass(world, 4000);
    assert_session(world, "s2");
    see(world, "river");
    world->given = 0;
    kill_host(world);
    pass(world, 4000);
    assert_session(world, "s2");
    assert_story(world, "tree house river");
    assert_int_equal(word_of(world)->applied, 3);
    assert_int_equal(world->states, 1);
}

static void test_an_observer_whose_session_is_gone_begins_anew(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    roll(world);
    world->sessions[0].gone = true;
    see(world, "house");
    pass(world, 5000);
    assert_true(world->exited);
    assert_int_equal(world->exit_status, VD_UNKNOWN_SESSION);
    assert_string_equal(story(world), "tree");
}

static void test_another_store_in_the_middle_of_a_move(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    roll(world);
    world->rows_silent = true;
    see(world, "house");
    forget_store(world);
    world->store = "bbbb";
    world->session_count = 0;
    begin_session(world); /* of the same name as the one that is given up */
    vd_message_t answer = {.id = VD_MESSAGE_NOT_NOW};
    answer.not_now.epoch = world->epoch;
    answer.not_now.status = vd_str("went_back");
    post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
    world->rows_silent = false;
    pass(world, 5000);
    assert_story(world, "house");
    assert_session(world, "s1");
}

/* Rolls, deaths, losses and words as the seed has it; in the end everything is as the words came. */
static void run_seed(world_t *world, uint64_t seed)
{
    char expected[STORED] = "";
    uint64_t random = seed;
    world->seed = seed * 7919 + 1;
    for (int at = 0; at < 30; at++) {
        char word[16];
        uint64_t what = vd_random_next(&random);
        snprintf(word, sizeof word, "w%d", at);
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s",
                 at > 0 ? " " : "", word);
        world->loss_percent = what % 3 == 0 ? 20 : 0;
        if (what / 4 % 2 == 0 && world->session_count + 2 < SESSIONS) {
            roll(world);
            if (what / 8 % 8 == 0)
                roll(world);
        }
        if (what / 64 % 3 == 0) {
            world->dies_at = world->sent + 1 + (uint32_t)(what / 256 % 8);
            world->dies_before = what / 4096 % 2;
        }
        if (what / 16384 % 4 == 0)
            world->given -= world->given > 0;
        world->answers = what / 65536 % 4 != 0;
        see(world, word);
        pass(world, (int64_t)(what / 1048576 % 3000));
        world->answers = true;
        /* A word that nobody saw before the next one came is no event: let it be seen. */
        world->loss_percent = 0;
        pass(world, 12000);
        assert_string_equal(word_of(world)->text, word);
        world->given = world->session_count - 1;
    }
    assert_story(world, expected);
    kill_host(world);
    pass(world, 3000);
    assert_story(world, expected);
}

static void test_seeds(void **state)
{
    (void)state;
    const char *given = getenv("VD_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (given ? 1 : 60); seed++) {
        void *world;
        print_message("VD_SEED=%llu\n", (unsigned long long)seed);
        set_up(&world);
        run_seed(world, seed);
        tear_down(&world);
    }
}

int main(void)
{
#define ROLL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROLL_TEST(test_a_rejected_turn_goes_to_the_next_session),
        ROLL_TEST(test_an_idle_observer_follows_soon),
        ROLL_TEST(test_who_slept_goes_to_the_newest_session_at_once),
        ROLL_TEST(test_a_roll_while_the_state_is_on_its_way),
        ROLL_TEST(test_a_store_in_trouble_delays_a_move),
        ROLL_TEST(test_an_end_that_names_nobody_is_waited_out),
        ROLL_TEST(test_one_that_goes_on_and_has_ended_is_found),
        ROLL_TEST(test_no_answer_about_sessions_is_told_and_outlived),
        cmocka_unit_test(test_killed_at_any_moment_of_a_roll),
        ROLL_TEST(test_a_restart_follows_from_the_session_it_was_given),
        ROLL_TEST(test_a_session_without_its_state_is_restored_from_the_one_before),
        ROLL_TEST(test_a_state_in_parts),
        ROLL_TEST(test_a_state_too_large_is_told_and_restored_from_before),
        ROLL_TEST(test_a_state_that_cannot_be_loaded_is_restored_from_before),
        ROLL_TEST(test_a_damaged_state_is_restored_from_before),
        ROLL_TEST(test_damaged_events_are_told_and_found_again),
        ROLL_TEST(test_what_was_pruned_is_told),
        ROLL_TEST(test_an_observer_whose_session_is_gone_begins_anew),
        ROLL_TEST(test_an_observer_whose_session_has_a_tombstone_begins_anew),
        ROLL_TEST(test_a_tombstone_on_the_way_back_is_an_end),
        ROLL_TEST(test_a_restart_finds_who_goes_on_from_an_end_that_names_nobody),
        ROLL_TEST(test_another_store_in_the_middle_of_a_move),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
