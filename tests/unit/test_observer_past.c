/* test_observer_past.c: kept states: a restart reads what came after the newest one, whatever is wrong
 * with it; and the past is told as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

#include "host/host_state.h"

#include <stdio.h>
#include <stdlib.h>

static const int64_t start_ms = 1700000000000;

/* The next lives keep their state every so many events; the life at hand is one of them. */
static void keep_every(world_t *world, uint64_t events)
{
    world->snapshot_events = events;
    kill_host(world);
    pass(world, 2000);
    assert_true(world->ready);
}

static void see_words(world_t *world, int first, int last)
{
    for (int at = first; at <= last; at++) {
        char word[16];
        snprintf(word, sizeof word, "w%d", at);
        see(world, word);
        pass(world, 1000);
    }
}

/* The next life; `tail` is told how many frames of its own it was sent, `applied` what its state has
 * applied in all. */
static void assert_restart(world_t *world, uint32_t tail, uint32_t applied, const char *word)
{
    world->tail = 0;
    kill_host(world);
    pass(world, 9000);
    assert_true(world->ready);
    assert_int_equal(world->tail, tail);
    assert_int_equal(word_of(world)->applied, applied);
    assert_string_equal(word_of(world)->text, word);
}

static void test_a_restart_reads_the_tail_alone(void **state)
{
    world_t *world = *state;
    keep_every(world, 4);
    see_words(world, 1, 10);
    assert_int_equal(world->kept_count, 2); /* after session_started and 3, and after 7 */
    assert_restart(world, 3, 10, "w10");
    see_words(world, 11, 13);
    assert_int_equal(world->stored, 13);
    assert_word(world, "w13");
}

static void test_a_state_that_has_changed_is_kept_in_time(void **state)
{
    world_t *world = *state;
    world->snapshot_interval_ms = 20000;
    keep_every(world, 1000);
    see_words(world, 1, 2);
    assert_int_equal(world->kept_count, 0);
    pass(world, 20000);
    assert_int_equal(world->kept_count, 1);
    pass(world, 60000); /* nothing new */
    assert_int_equal(world->kept_count, 1);
    assert_restart(world, 0, 2, "w2");
}

static void test_nothing_is_kept_if_not_wanted(void **state)
{
    world_t *world = *state;
    world->snapshot_interval_ms = 1000;
    keep_every(world, 0);
    see_words(world, 1, 5);
    assert_int_equal(world->kept_count, 0);
    assert_restart(world, 5, 5, "w5");
}

static void test_the_version_of_a_state_counts(void **state)
{
    world_t *world = *state;
    keep_every(world, 2);
    see_words(world, 1, 5);
    word_observer.version = 2;
    assert_restart(world, 5, 5, "w5");
    see_words(world, 6, 7);
    word_observer.version = 1;
    assert_restart(world, 2, 7, "w7"); /* from its own, older one */
}

static void test_the_kind_of_a_state_counts(void **state)
{
    world_t *world = *state;
    keep_every(world, 2);
    see_words(world, 1, 5);
    word_observer.name = "other"; /* run as "word" all the same */
    assert_restart(world, 5, 5, "w5");
    see_words(world, 6, 7);
    word_observer.name = "word";
    assert_restart(world, 2, 7, "w7");
}

static void test_an_older_state_is_taken_when_the_newest_is_of_no_use(void **state)
{
    world_t *world = *state;
    keep_every(world, 2);
    see_words(world, 1, 6); /* kept after 1, 3 and 5 */
    assert_int_equal(world->kept_count, 3);
    vd_buffer_clear(&world->kept[2].state);
    vd_write_text(&world->kept[2].state, "nonsense");
    world->kept[2].state.data[0] = 0xc1; /* never a value */
    assert_restart(world, 3, 6, "w6");
    /* Of a store that was lost, all of them: every event is read. */
    world->chain_broken = true;
    world->tail = 0;
    kill_host(world);
    pass(world, 9000);
    assert_int_equal(world->tail, 6);
    assert_int_equal(word_of(world)->applied, 6);
    assert_error(world, NULL, false);
}

static void test_states_that_cannot_be_loaded(void **state)
{
    world_t *world = *state;
    keep_every(world, 1);
    see_words(world, 1, 20);
    assert_int_equal(world->kept_count, 20);
    word_load_refuses = true;
    world->loads = 0;
    assert_restart(world, 20, 20, "w20");
    assert_true(world->loads > 2 && world->loads < 12); /* not all of them */
}

static void test_an_ingestor_that_keeps_nothing(void **state)
{
    world_t *world = *state;
    world->load_unsupported = true;
    keep_every(world, 2);
    see_words(world, 1, 5);
    assert_restart(world, 5, 5, "w5");
    world->load_unsupported = false;
    world->load_silent = true;
    assert_restart(world, 5, 5, "w5");
}

static void test_a_store_that_refuses_is_told_once_and_outlived(void **state)
{
    world_t *world = *state;
    world->snapshot_interval_ms = 5000;
    world->keep_fate = REFUSE;
    keep_every(world, 2);
    see_words(world, 1, 3);
    assert_int_equal(world->kept_count, 0);
    assert_error(world, "state", true);
    see_words(world, 4, 5);
    world->keep_fate = COMMIT;
    pass(world, 10000);
    assert_true(world->kept_count > 0);
    assert_error(world, "state", false);
    assert_restart(world, 0, 5, "w5");
}

static void test_no_answer_is_asked_again(void **state)
{
    world_t *world = *state;
    world->snapshot_interval_ms = 5000;
    world->keep_fate = HOLD;
    keep_every(world, 2);
    see_words(world, 1, 3);
    pass(world, 5000);
    world->keep_fate = COMMIT;
    pass(world, 20000);
    assert_int_equal(world->kept_count, 1);
    assert_restart(world, 0, 3, "w3");
}

static void test_a_state_over_the_limit_is_not_kept(void **state)
{
    world_t *world = *state;
    keep_every(world, 2);
    word_padding = VD_STATE_BYTES_MAX;
    see_words(world, 1, 3);
    assert_int_equal(world->kept_count, 0);
    assert_error(world, "state", true);
    word_padding = 10;
    see_words(world, 4, 5);
    assert_int_equal(world->kept_count, 1);
    assert_error(world, "state", false);
}

/* One that is larger than a frame of events is no first word of a session, but is kept there at once. */
static void test_a_large_state_is_kept_in_the_next_session(void **state)
{
    world_t *world = *state;
    keep_every(world, 1000);
    word_padding = 2 * VD_EMIT_BYTES_MAX;
    see_words(world, 1, 3);
    assert_int_equal(world->kept_count, 0);
    roll(world);
    pass(world, 1000);
    assert_int_equal(world->states, 0);
    assert_int_equal(world->kept_count, 1);
    assert_true(strcmp(world->kept[0].session, "s2") == 0);
    assert_error(world, "state", false);
    assert_restart(world, 0, 3, "w3");
    word_padding = 10;
}

static void test_a_kept_state_of_the_next_session(void **state)
{
    world_t *world = *state;
    keep_every(world, 2);
    see_words(world, 1, 3);
    roll(world);
    see_words(world, 4, 7);
    uint32_t states = world->states;
    assert_int_equal(states, 1);
    assert_true(strcmp(world->kept[world->kept_count - 1].session, "s2") == 0);
    assert_restart(world, 0, 7, "w7");
    assert_int_equal(world->states, states); /* not written again */
    roll(world);
    see_words(world, 8, 10);
    assert_restart(world, 1, 10, "w10");
}

static void test_a_state_of_another_version_at_the_beginning_of_a_session(void **state)
{
    world_t *world = *state;
    see_words(world, 1, 3);
    roll(world);
    see_words(world, 4, 5);
    for (int change = 1; change <= 2; change++) {
        uint32_t states = world->states, loads = word_loads;
        if (change == 1)
            word_observer.version = 2;
        else
            word_observer.name = "other";
        assert_restart(world, change == 1 ? 9 : 11, 5, "w5"); /* the newest session is read twice */
        assert_int_equal(word_loads, loads);                  /* every event was applied anew */
        assert_int_equal(world->states, states + 1);
        pass(world, 2000);
        kill_host(world);
        pass(world, 2000);
        assert_int_equal(word_loads, loads + 1);
        assert_int_equal(world->states, states + 1);
    }
    assert_word(world, "w5");
}

/* ---- the past ---- */

static void ask_past(world_t *world, const char *session, uint64_t seq, int64_t at_ms)
{
    vd_message_t past = {.id = VD_MESSAGE_PAST, .correlation = 9};
    past.past.session = vd_str(session);
    past.past.seq = seq;
    past.past.at_ms = at_ms;
    world->answer_id = 0;
    post(world, VD_HOST_PORT_REQUESTS, "someone", &past);
    deliver(world);
}

/* The answer: after which event of which session it is, and the word. */
static void assert_answer(world_t *world, const char *session, uint64_t seq, const char *word)
{
    vd_value_t all, part;
    if (world->answer_id == VD_MESSAGE_ERROR)
        print_message("%s\n", world->error);
    assert_int_equal(world->answer_id, VD_MESSAGE_VALUE);
    assert_int_equal(vd_scan_exact(vd_buffer_view(&world->answer), VD_DEPTH_MAX), VD_OK);
    assert_true(vd_value_of(vd_buffer_view(&world->answer), &all));
    assert_true(vd_str_is(vd_value_get_str(&all, "observer"), "word"));
    assert_true(vd_str_is(vd_value_get_str(&all, "phase"), "past"));
    assert_true(vd_str_is(vd_value_get_str(&all, "session"), session));
    assert_int_equal(vd_value_get_u64(&all, "seq", 99), seq);
    assert_true(vd_value_get(&all, "sources", &part) && part.count == 0);
    assert_int_equal(vd_value_get_u64(&all, "source_count", 99), 0);
    assert_int_equal(vd_value_get_u64(&all, "sources_failed", 99), 0);
    assert_true(vd_value_get(&all, "errors", &part) && part.count == 0);
    assert_true(vd_value_get(&all, "state", &part));
    assert_true(vd_str_is(vd_value_get_str(&part, "word"), word));
}

static void assert_past(world_t *world, const char *session, uint64_t seq, int64_t at_ms,
                        const char *in, uint64_t last, const char *word)
{
    ask_past(world, session, seq, at_ms);
    assert_answer(world, in, last, word);
}

static int64_t now_ms(const world_t *world)
{
    return start_ms + world->now_us / 1000;
}

static void test_the_past_by_sequence(void **state)
{
    world_t *world = *state;
    for (uint64_t every = 0; every <= 4; every += 2) { /* with kept states and without */
        keep_every(world, every);
        see_words(world, (int)every * 3 + 1, (int)every * 3 + 6);
    }
    assert_true(world->kept_count > 2 && world->stored == 18);
    for (uint64_t seq = 2; seq <= 19; seq++) {
        char word[16];
        snprintf(word, sizeof word, "w%d", (int)seq - 1);
        assert_past(world, "", seq, 0, "s1", seq, word);
        assert_past(world, "s1", seq, 0, "s1", seq, word);
    }
    assert_past(world, "", 1, 0, "s1", 0, "");        /* nothing was known yet */
    assert_past(world, "", 1000, 0, "s1", 19, "w18"); /* beyond the head */
    assert_past(world, "", 0, 0, "s1", 19, "w18");    /* no bound: now */
    assert_word(world, "w18");
    assert_int_equal(word_of(world)->applied, 18);
}

static void test_the_past_reads_behind_a_kept_state(void **state)
{
    world_t *world = *state;
    keep_every(world, 5);
    see_words(world, 1, 12);
    world->tail = 0;
    assert_past(world, "", 9, 0, "s1", 9, "w8");
    assert_int_equal(world->tail, 8); /* the world sends all that follows: those after w4 */
    word_load_refuses = true;
    assert_past(world, "", 9, 0, "s1", 9, "w8");
    word_load_refuses = false;
    world->chain_broken = true;
    assert_past(world, "", 9, 0, "s1", 9, "w8");
}

static void test_the_past_by_time(void **state)
{
    world_t *world = *state;
    int64_t times[13];
    keep_every(world, 3);
    for (int at = 1; at <= 12; at++) {
        if (at == 5 || at == 9)
            roll(world);
        see_words(world, at, at);
        times[at] = now_ms(world);
        pass(world, 2500);
    }
    static const char *const sessions[] = {"s1", "s2", "s3"};
    static const int firsts[] = {1, 5, 9};
    for (int at = 1; at <= 12; at++) {
        char word[16];
        int place = (at - 1) / 4;
        snprintf(word, sizeof word, "w%d", at);
        /* session_started, and in the later ones the state, come first. */
        uint64_t seq = (uint64_t)(at - firsts[place]) + (place == 0 ? 2 : 3);
        assert_past(world, "", 0, times[at], sessions[place], seq, word);
        assert_past(world, sessions[place], 0, times[at], sessions[place], seq, word);
        assert_past(world, sessions[place], seq, 0, sessions[place], seq, word);
        assert_past(world, sessions[place], seq, times[12], sessions[place], seq, word);
        assert_past(world, "s3", 0, times[at], sessions[place], seq, word);
    }
    assert_past(world, "", 0, now_ms(world) + 100000, "s3", 6, "w12");
    /* Before the observer was in the next session it was in the one before. */
    assert_past(world, "s2", 1, 0, "s1", 5, "w4");
    ask_past(world, "", 0, start_ms - 5);
    assert_int_equal(world->answer_id, VD_MESSAGE_ERROR);
    assert_int_equal(world->error_status, VD_NOT_FOUND);
}

static void test_sessions_that_are_not_there(void **state)
{
    world_t *world = *state;
    see_words(world, 1, 2);
    ask_past(world, "nothing", 5, 0);
    assert_int_equal(world->error_status, VD_UNKNOWN_SESSION);
    ask_past(world, "no session id", 5, 0); /* nobody else waits for it meanwhile */
    assert_int_equal(world->error_status, VD_USAGE);
    roll(world);
    see_words(world, 3, 4);
    world->sessions[0].gone = world->sessions[0].tombstone = true;
    ask_past(world, "s1", 2, 0);
    assert_int_equal(world->error_status, VD_PRUNED);
    assert_past(world, "", 4, 0, "s2", 4, "w4");
}

static void test_what_is_missing_in_the_past_is_told(void **state)
{
    world_t *world = *state;
    vd_value_t all, error;
    see_words(world, 1, 5);
    world->frames[3].damaged = true; /* w3 */
    ask_past(world, "", 5, 0);
    assert_int_equal(world->answer_id, VD_MESSAGE_VALUE);
    assert_true(vd_value_of(vd_buffer_view(&world->answer), &all));
    assert_true(vd_value_get(&all, "error", &error));
    assert_true(vd_str_is(vd_value_get_str(&error, "stage"), "state"));
    assert_error(world, NULL, false); /* of the state that lives, nothing is missing */
}

static void test_turns_go_on_meanwhile_and_few_wait(void **state)
{
    world_t *world = *state;
    see_words(world, 1, 3);
    world->replay_silent = true;
    ask_past(world, "", 2, 0);
    for (int at = 0; at < VD_PAST_WAITING_MAX; at++)
        ask_past(world, "", 3, 0);
    assert_int_equal(world->answer_id, 0);
    ask_past(world, "", 3, 0);
    assert_int_equal(world->error_status, VD_BUSY);
    see_words(world, 4, 5);
    assert_word(world, "w5");
    uint32_t answers = world->answers_count;
    world->replay_silent = false;
    pass(world, 20000);
    assert_int_equal(world->answers_count, answers + 1 + VD_PAST_WAITING_MAX);
    assert_answer(world, "s1", 3, "w2");
    assert_past(world, "", 6, 0, "s1", 6, "w5");
}

static void test_a_past_that_does_not_come_is_given_up(void **state)
{
    world_t *world = *state;
    see_words(world, 1, 2);
    world->rows_silent = true;
    ask_past(world, "", 2, 0);
    pass(world, 70000);
    assert_int_equal(world->answer_id, VD_MESSAGE_ERROR);
    assert_int_equal(world->error_status, VD_TIMED_OUT);
    world->rows_silent = false;
    assert_past(world, "", 2, 0, "s1", 2, "w1");
}

static void test_nobody_is_told_of_the_past_before_the_present(void **state)
{
    world_t *world = *state;
    world->replay_silent = true;
    kill_host(world);
    ask_past(world, "", 2, 0);
    assert_int_equal(world->error_status, VD_NOT_READY);
}

/* Words, rolls, deaths, losses, and states that are kept, lost and of no use, as the seed has it:
 * the state is always what all events lead to, and so is every moment. */
static void run_seed(world_t *world, uint64_t seed)
{
    uint64_t random = seed;
    uint32_t words = 0;
    world->seed = seed * 7919 + 1;
    world->snapshot_interval_ms = 1000 + (int64_t)(seed % 5) * 1000;
    keep_every(world, 1 + seed % 7);
    for (int at = 1; at <= 25; at++) {
        char word[16];
        uint64_t what = vd_random_next(&random);
        snprintf(word, sizeof word, "w%d", at);
        world->loss_percent = what % 3 == 0 ? 20 : 0;
        world->keep_fate = what / 4 % 4 == 0 ? (what / 16 % 2 ? HOLD : REFUSE) : COMMIT;
        word_load_refuses = what / 32 % 8 == 0;
        world->load_silent = what / 256 % 8 == 0;
        word_observer.version = 1 + (uint32_t)(what / 2048 % 8 == 0);
        if (what / 16384 % 5 == 0)
            roll(world);
        if (what / 131072 % 2 == 0) {
            world->dies_at = world->sent + 1 + (uint32_t)(what / 262144 % 10);
            world->dies_before = what / 4194304 % 2;
        }
        see(world, word);
        pass(world, (int64_t)(what / 8388608 % 3000));
        world->loss_percent = 0;
        word_load_refuses = world->load_silent = false;
        pass(world, 20000);
        words++;
        assert_string_equal(word_of(world)->text, word);
        assert_int_equal(word_of(world)->applied, words);
    }
    world->keep_fate = COMMIT;
    /* Every moment, by the time of its commit, is what the words up to it say. */
    uint32_t said = 0;
    for (uint32_t at = 0; at < world->frame_count; at++) {
        char word[16] = "";
        const frame_t *frame = &world->frames[at];
        vd_value_t all, part;
        bool changed = frame->own && frame->count == 1 && strstr(story(world), "w") != NULL;
        vd_bytes_t run = vd_buffer_view(&frame->run);
        vd_entry_t entry;
        vd_event_t event;
        assert_int_equal(vd_run_next(&run, &entry), VD_OK);
        assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
        said += changed && vd_str_is(event.type, "word_changed");
        if (said > 0)
            snprintf(word, sizeof word, "w%u", said);
        if (at + 1 < world->frame_count && world->frames[at + 1].time_ms == frame->time_ms)
            continue;
        ask_past(world, "", 0, frame->time_ms);
        assert_int_equal(world->answer_id, VD_MESSAGE_VALUE);
        assert_true(vd_value_of(vd_buffer_view(&world->answer), &all));
        assert_true(vd_value_get(&all, "state", &part));
        assert_true(vd_str_is(vd_value_get_str(&part, "word"), word));
    }
    assert_int_equal(said, words);
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
#define PAST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PAST_TEST(test_a_restart_reads_the_tail_alone),
        PAST_TEST(test_a_state_that_has_changed_is_kept_in_time),
        PAST_TEST(test_nothing_is_kept_if_not_wanted),
        PAST_TEST(test_the_version_of_a_state_counts),
        PAST_TEST(test_the_kind_of_a_state_counts),
        PAST_TEST(test_an_older_state_is_taken_when_the_newest_is_of_no_use),
        PAST_TEST(test_states_that_cannot_be_loaded),
        PAST_TEST(test_an_ingestor_that_keeps_nothing),
        PAST_TEST(test_a_store_that_refuses_is_told_once_and_outlived),
        PAST_TEST(test_no_answer_is_asked_again),
        PAST_TEST(test_a_state_over_the_limit_is_not_kept),
        PAST_TEST(test_a_large_state_is_kept_in_the_next_session),
        PAST_TEST(test_a_kept_state_of_the_next_session),
        PAST_TEST(test_a_state_of_another_version_at_the_beginning_of_a_session),
        PAST_TEST(test_the_past_by_sequence),
        PAST_TEST(test_the_past_reads_behind_a_kept_state),
        PAST_TEST(test_the_past_by_time),
        PAST_TEST(test_sessions_that_are_not_there),
        PAST_TEST(test_what_is_missing_in_the_past_is_told),
        PAST_TEST(test_turns_go_on_meanwhile_and_few_wait),
        PAST_TEST(test_a_past_that_does_not_come_is_given_up),
        PAST_TEST(test_nobody_is_told_of_the_past_before_the_present),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
