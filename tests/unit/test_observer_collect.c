/* test_observer_collect.c: a collector: what another observer writes comes before its turns, each
 * event once, in order, whatever dies, gets lost, rolls or is missing meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "host/collecting.h"
#include "unit/observer_echo.h"
#include "unit/observer_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORY = 1 << 20 };

/* ---- the other observer ---- */

/* Its snapshot: the last word that it has said, in which session, as which event of it. */
static char origin_word[64], origin_session[VD_NAME_BYTES_MAX + 1];
static const char *origin_phase;
static uint64_t origin_seq, origin_total;

static void write_origin(world_t *world, vd_buffer_t *out)
{
    (void)world;
    vd_write_map(out, 5);
    vd_write_pair_text(out, "session", origin_session);
    vd_write_pair_text(out, "phase", origin_phase);
    vd_write_pair_text(out, "at", "2026-01-01T00:00:00.000Z");
    vd_write_pair_u64(out, "seq", origin_seq);
    vd_write_text(out, "state");
    vd_write_map(out, 2);
    vd_write_pair_text(out, "word", origin_word);
    vd_write_pair_u64(out, "total", origin_total);
}

static int begin(void **state)
{
    origin_phase = "running";
    origin_seq = origin_total = 0;
    origin_word[0] = 0;
    strcpy(origin_session, "s1");
    echo_fails = false;
    echo_turns = 0;
    set_up_collector(state, &echo_observer, "other", write_origin);
    return 0;
}

static void write_event(world_t *world, uint32_t place, const char *type, const char *observer,
                        const char *text)
{
    vd_buffer_t data, cause, event, run;
    vd_buffer_init(&data, 1024);
    vd_buffer_init(&cause, 1024);
    vd_buffer_init(&event, 4096);
    vd_buffer_init(&run, 4096);
    vd_write_text(&data, text);
    vd_write_map(&cause, 2);
    vd_write_pair_text(&cause, "observer", observer);
    vd_write_pair_u64(&cause, "turn", 1);
    vd_event_write(&event, 1700000000123, vd_str(type), vd_buffer_view(&data),
                   vd_buffer_view(&cause));
    assert_true(vd_run_add(&run, vd_buffer_view(&event)));
    write_run(world, place, vd_buffer_view(&run), 1);
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
    vd_buffer_free(&event);
    vd_buffer_free(&run);
}

/* The other observer says a word, in the newest session. */
static void say(world_t *world, const char *text)
{
    uint32_t place = world->session_count - 1;
    write_event(world, place, "word_said", "other", text);
    snprintf(origin_word, sizeof origin_word, "%s", text);
    strcpy(origin_session, world->sessions[place].id);
    origin_seq = world->sessions[place].seq;
}

static void hear(world_t *world, const char *text)
{
    say(world, text);
    pass(world, 300);
}

/* ---- what came of it ---- */

static void add_events(const frame_t *frame, char *text)
{
    vd_bytes_t run = vd_buffer_view(&frame->run);
    vd_entry_t entry;
    while (vd_run_next(&run, &entry) == VD_OK) {
        vd_event_t event;
        vd_value_t data;
        char word[64];
        assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
        if (vd_str_is(event.type, VD_OBSERVER_STATE))
            continue;
        assert_true(vd_value_of(event.data, &data));
        vd_str_copy(word, sizeof word, vd_value_get_str(&data, "text"));
        uint64_t number = vd_value_get_u64(&data, "number", 0);
        size_t size = strlen(text);
        assert_true(size + 100 < STORY);
        if (number > 0)
            snprintf(text + size, STORY - size, "%s%s%llu", size > 0 ? " " : "", word,
                     (unsigned long long)number);
        else
            snprintf(text + size, STORY - size, "%s%s", size > 0 ? " " : "", word);
    }
}

/* The echoes of all sessions that are there, with blanks between them. */
static const char *echoes(const world_t *world)
{
    static char text[STORY];
    text[0] = 0;
    for (uint32_t place = 0; place < world->session_count; place++)
        for (uint32_t at = 0; at < world->frame_count; at++)
            if (world->frames[at].session == place && world->frames[at].own &&
                !world->sessions[place].gone)
                add_events(&world->frames[at], text);
    return text;
}

static const echo_t *echo_of(const world_t *world)
{
    return vd_host_state(world->host);
}

static void assert_echoes(const world_t *world, const char *words)
{
    assert_string_equal(echoes(world), words);
    const char *last = strrchr(words, ' ');
    assert_string_equal(echo_of(world)->text, last ? last + 1 : words);
}

/* The cause of the newest event of the collector. */
static void assert_cause(const world_t *world, const char *session, uint64_t seq)
{
    const frame_t *newest = NULL;
    for (uint32_t at = 0; at < world->frame_count; at++)
        if (world->frames[at].own)
            newest = &world->frames[at];
    vd_bytes_t run = vd_buffer_view(&newest->run);
    vd_entry_t entry;
    vd_event_t event;
    vd_value_t cause;
    assert_int_equal(vd_run_next(&run, &entry), VD_OK);
    assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
    assert_true(vd_value_of(event.cause, &cause));
    assert_true(vd_str_is(vd_value_get_str(&cause, "observer"), "echo"));
    assert_true(vd_str_is(vd_value_get_str(&cause, "source"), "other"));
    assert_true(vd_str_is(vd_value_get_str(&cause, "session"), session));
    assert_int_equal(vd_value_get_u64(&cause, "sample", 0), seq);
}

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
    begin(&state);
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
        begin(&made);
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
    begin(&state);
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

/* ---- holes ---- */

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
            begin(&made);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_event_is_before_a_turn),
        TEST(test_a_restart_reads_on_behind_the_last_echo),
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
