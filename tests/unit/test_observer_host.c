/* test_observer_host.c: the observer host in virtual time: every loss, death and refusal that it
 * has to outlive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/observer_world.h"

#include <stdio.h>

static void test_a_change_is_stored_applied_and_told(void **state)
{
    world_t *world = *state;
    assert_true(world->ready);
    assert_true(world->opened_before_replay);
    see(world, "tree");
    assert_int_equal(world->stored, 1);
    assert_string_equal(word_of(world)->text, "tree");
    assert_word(world, "tree");
    assert_error(world, NULL, false);
    vd_value_t item, events, event;
    assert_true(vd_value_of(vd_buffer_view(&world->item), &item));
    assert_true(vd_value_get(&item, "events", &events));
    assert_int_equal(events.count, 1);
    assert_true(vd_value_next(&events.bytes, &event));
    assert_int_equal(vd_value_get_u64(&event, "seq", 0), 2);
    assert_true(vd_str_is(vd_value_get_str(&event, "type"), "word_changed"));
    assert_int_equal(vd_value_get_u64(&item, "cycle", 0), vd_host_cycle(world->host));
}

static void test_nothing_is_shown_before_it_is_stored(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->fate = HOLD;
    see(world, "house");
    assert_word(world, "tree");
    assert_int_equal(word_of(world)->applied, 1);
}

static void test_while_the_store_refuses_samples_coalesce(void **state)
{
    world_t *world = *state;
    see(world, "one");
    world->fate = REFUSE;
    see(world, "two");
    for (int at = 0; at < 10; at++) {
        char text[16];
        snprintf(text, sizeof text, "word%d", at);
        see(world, text);
        pass(world, 850);
    }
    assert_int_equal(world->stored, 1);
    assert_error(world, "commit", true);
    world->fate = COMMIT;
    pass(world, 3000);
    /* The turn that waited, then one for all that came meanwhile. */
    assert_int_equal(world->stored, 3);
    assert_word(world, "word9");
    assert_error(world, "commit", false);
}

static void test_killed_after_the_store_before_the_answer(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->answers = false;
    see(world, "house");
    assert_int_equal(world->stored, 2);
    assert_string_equal(word_of(world)->text, "tree");
    uint64_t cycle = vd_host_cycle(world->host);
    world->answers = true;
    kill_host(world);
    pass(world, 3000);
    assert_int_equal(world->stored, 2); /* not repeated */
    assert_string_equal(word_of(world)->text, "house");
    assert_true(vd_host_cycle(world->host) > cycle);
    see(world, "river");
    assert_int_equal(world->stored, 3);
}

static void test_killed_before_the_store(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->fate = HOLD;
    see(world, "house");
    assert_int_equal(world->stored, 1);
    world->fate = COMMIT;
    kill_host(world);
    pass(world, 3000);
    assert_int_equal(world->stored, 2); /* found again, once */
    assert_word(world, "house");
}

static void test_no_turn_before_the_replay_is_over(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->replay_silent = true;
    kill_host(world);
    pass(world, 2000);
    see(world, "house");
    assert_false(world->ready);
    assert_int_equal(world->stored, 1);
    world->replay_silent = false;
    pass(world, 20000);
    assert_true(world->ready);
    assert_int_equal(world->stored, 2);
    assert_word(world, "house");
}

static void test_a_rejected_turn_changes_nothing(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->fate = REJECT;
    see(world, "house");
    assert_word(world, "tree");
    assert_error(world, "commit", true);
    uint32_t emits = world->emits;
    pass(world, 3000);
    assert_true(world->emits - emits <= 4); /* tried again with the interval, not in a loop */
    world->fate = COMMIT;
    pass(world, 3000);
    assert_word(world, "house");
    assert_error(world, "commit", false);
    assert_int_equal(world->stored, 2);
}

static void test_a_failed_turn_keeps_the_last_good_snapshot(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    see(world, "bad");
    pass(world, 3000);
    assert_word(world, "tree");
    assert_error(world, "turn", true);
    see(world, "house");
    pass(world, 1500);
    assert_word(world, "house");
    assert_error(world, "turn", false);
}

static void test_a_lost_sample_is_asked_for(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    read_word(world, "house", LOST);
    pass(world, 1500);
    assert_true(world->fetches > 0);
    assert_word(world, "house");
}

static void test_a_sample_too_large_to_publish_is_asked_for(void **state)
{
    world_t *world = *state;
    read_word(world, "novel", TOO_LARGE);
    pass(world, 200);
    assert_int_equal(world->fetches, 1);
    assert_word(world, "novel");
}

static void test_repeated_and_foreign_samples_are_ignored(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->n--;
    see(world, "old");
    world->poller_inc++;
    world->n += 10;
    see(world, "foreign"); /* of an incarnation that has not answered */
    world->poller_inc--;
    assert_word(world, "tree");
    assert_int_equal(world->stored, 1);
}

static void test_a_new_poller_is_a_reset_and_no_event(void **state)
{
    world_t *world = *state;
    for (int at = 0; at < 5; at++)
        see(world, "tree");
    uint32_t stands = world->stands;
    world->poller_inc = POLLER + 1;
    world->n = 0;
    read_word(world, "tree", LOST);
    pass(world, 3000); /* the next STAND tells it */
    assert_true(world->stands > stands);
    assert_int_equal(world->stored, 1);
    see(world, "house");
    assert_word(world, "house");
    assert_int_equal(world->stored, 2);
}

static void test_a_broker_that_forgot_takes_nothing_away(void **state)
{
    world_t *world = *state;
    vd_value_t all, sources;
    see(world, "tree");
    world->broker_inc++;
    world->broker_knows = world->broker_complete = false;
    pass(world, 20000);
    see(world, "house");
    assert_word(world, "house");
    all = snapshot(world);
    assert_true(vd_value_get(&all, "sources", &sources));
    assert_int_equal(sources.count, 1);
    /* Once it is sure, the source is gone, and with it its reads; what was said of it stays. */
    world->broker_complete = true;
    pass(world, 20000);
    all = snapshot(world);
    assert_true(vd_value_get(&all, "sources", &sources));
    assert_int_equal(sources.count, 0);
    assert_word(world, "house");
    assert_int_equal(world->stored, 2);
}

static void test_a_source_is_read_as_soon_as_it_has_a_poller(void **state)
{
    world_t *world = *state;
    pass(world, 300);
    assert_int_equal(world->stands, 0);
    assign(world);
    deliver(world);
    assert_int_equal(world->stands, 1);
}

static void test_a_one_off_read_is_answered_or_given_up(void **state)
{
    world_t *world = *state;
    see(world, "ask");
    assert_int_equal(world->onces, 1);
    assert_word(world, "ok");
    world->answers_once = false;
    for (int at = 0; at < VD_ANSWER_TURNS + 2; at++) {
        char text[16];
        snprintf(text, sizeof text, "word%d", at);
        see(world, text); /* the answer ages */
    }
    see(world, "ask");
    pass(world, 5000);
    assert_word(world, "timed_out");
}

static void test_late_turns_are_delayed_not_bunched(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    uint32_t items = world->items;
    world->now_us += 20000000; /* the process stood still for 20 s */
    pass(world, 100);
    assert_true(world->items - items <= 2);
    pass(world, 5000);
    assert_true(world->items - items >= 4 && world->items - items <= 8);
}

/* What left while the observer was away is told by a turn, and no sample ever leads to one. */
static void test_turns_begin_when_there_is_nothing_to_read(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    world->broker_inc++;
    world->broker_knows = world->broker_complete = false;
    kill_host(world);
    pass(world, 5000);
    assert_true(world->ready);
    uint64_t cycle = vd_host_cycle(world->host); /* the one that is restored */
    pass(world, 5000);
    assert_int_equal(vd_host_cycle(world->host), cycle);
    world->broker_complete = true; /* there is nothing, and that is certain */
    pass(world, 5000);
    assert_true(vd_host_cycle(world->host) > cycle);
}

static void test_fenced_is_the_end(void **state)
{
    world_t *world = *state;
    world->fate = HOLD;
    see(world, "tree");
    vd_message_t answer = {.id = VD_MESSAGE_REJECTED};
    answer.rejected.epoch = world->epoch;
    answer.rejected.first = 1;
    answer.rejected.status = vd_str("fenced");
    post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
    deliver(world);
    assert_true(world->exited);
    assert_int_equal(world->exit_status, VD_FENCED);
}

static void test_another_store_makes_the_state_anew(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    /* The store is lost: the ingestor knows nothing of what it had answered. */
    forget_store(world);
    world->sessions[0].seq = 0;
    world->store = "bbbb";
    vd_message_t answer = {.id = VD_MESSAGE_NOT_NOW};
    answer.not_now.epoch = world->epoch;
    answer.not_now.status = vd_str("went_back");
    post(world, VD_HOST_PORT_EMIT, "ingestor", &answer);
    pass(world, 5000);
    assert_int_equal(world->stored, 1); /* told again: this store did not have it */
    assert_word(world, "tree");
    vd_value_t all = snapshot(world), position;
    assert_true(vd_value_get(&all, "position", &position));
    assert_true(vd_str_is(vd_value_get_str(&position, "store"), "bbbb"));
}

/* Asks, and returns the answer as JSON, or the text of the ERROR. */
static const char *ask(world_t *world, const char *name, const char *args)
{
    static vd_buffer_t json;
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t value;
    vd_buffer_init(&value, 4096);
    assert_int_equal(vd_json_parse(vd_str(args), &value, error, sizeof error), VD_OK);
    vd_message_t query = {.id = VD_MESSAGE_QUERY, .correlation = 6};
    query.query.name = vd_str(name);
    query.query.args = vd_buffer_view(&value);
    post(world, VD_HOST_PORT_REQUESTS, "someone", &query);
    deliver(world);
    vd_buffer_free(&value);
    if (world->answer_id == VD_MESSAGE_ERROR)
        return world->error;
    assert_int_equal(world->answer_id, VD_MESSAGE_VALUE);
    vd_buffer_free(&json);
    vd_buffer_init(&json, 4096);
    vd_value_json(&json, vd_buffer_view(&world->answer));
    assert_true(vd_buffer_add(&json, "", 1));
    return (const char *)json.data;
}

static void test_queries_are_declared(void **state)
{
    world_t *world = *state;
    see(world, "tree");
    assert_string_equal(ask(world, "queries", "[]"),
                        "[{\"name\":\"letters\",\"arguments\":\"FROM\",\"help\":\"the letters "
                        "from the one at FROM on\"},{\"name\":\"word\",\"arguments\":\"\","
                        "\"help\":\"the word\"}]");
    assert_string_equal(ask(world, "word", "[]"), "\"tree\"");
    assert_string_equal(ask(world, "letters", "[2]"), "\"ee\"");
    assert_string_equal(ask(world, "letters", "[\"x\"]"),
                        "query letters of observer word: the arguments are: FROM (the letters from "
                        "the one at FROM on)");
    assert_string_equal(ask(world, "letters", "[9]"),
                        "query letters of observer word: nothing is known of [9]");
    assert_string_equal(ask(world, "letter", "[2]"),
                        "observer word has no query 'letter'; it answers letters FROM; word");
    assert_string_equal(ask(world, "layout", "[]"),
                        "{\"elements\":[{\"text\":\"the word is {word}\"}]}");
}

/* A wrong layout is an error of the observer's own, which it does not start with. */
static void test_a_wrong_layout_is_told(void **state)
{
    (void)state;
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_observer_t wrong = word_observer;
    vd_host_options_t options = {.observer = &wrong,
                                 .name = "word",
                                 .session = "s",
                                 .interval_ms = 1000,
                                 .history = 64,
                                 .history_bytes = VD_HISTORY_BYTES_MIN,
                                 .broker_control = "ipc://b",
                                 .broker_membership = "ipc://m",
                                 .ingestor_emit = "ipc://e",
                                 .ingestor_read = "ipc://r"};
    wrong.layout = "{\"elements\":[{\"table\":\"words\",\"columns\":[{\"value\":\"item.\"}]}]}";
    assert_null(vd_host_new(&options, error, sizeof error));
    assert_string_equal(error, "layout: elements[0].columns[0].value: column 6: expected a name, "
                               "found the end");
    wrong.layout = "{\"elements\":";
    assert_null(vd_host_new(&options, error, sizeof error));
    assert_non_null(strstr(error, "layout: line 1, column "));
}

static void test_unknown_queries_and_feeds_are_answered(void **state)
{
    world_t *world = *state;
    vd_message_t query = {.id = VD_MESSAGE_QUERY, .correlation = 6};
    query.query.name = vd_str("nothing");
    post(world, VD_HOST_PORT_REQUESTS, "someone", &query);
    deliver(world);
    assert_int_equal(world->answer_id, VD_MESSAGE_ERROR);
    world->answer_id = 0;
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 7};
    get.get.feed = vd_str("nothing");
    post(world, VD_HOST_PORT_REQUESTS, "someone", &get);
    deliver(world);
    assert_int_equal(world->answer_id, VD_MESSAGE_ERROR);
}

int main(void)
{
#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HOST_TEST(test_a_change_is_stored_applied_and_told),
        cmocka_unit_test(test_a_wrong_layout_is_told),
        HOST_TEST(test_nothing_is_shown_before_it_is_stored),
        HOST_TEST(test_while_the_store_refuses_samples_coalesce),
        HOST_TEST(test_killed_after_the_store_before_the_answer),
        HOST_TEST(test_killed_before_the_store),
        HOST_TEST(test_no_turn_before_the_replay_is_over),
        HOST_TEST(test_a_rejected_turn_changes_nothing),
        HOST_TEST(test_a_failed_turn_keeps_the_last_good_snapshot),
        HOST_TEST(test_a_lost_sample_is_asked_for),
        HOST_TEST(test_a_sample_too_large_to_publish_is_asked_for),
        HOST_TEST(test_repeated_and_foreign_samples_are_ignored),
        HOST_TEST(test_a_new_poller_is_a_reset_and_no_event),
        HOST_TEST(test_a_broker_that_forgot_takes_nothing_away),
        cmocka_unit_test_setup_teardown(test_a_source_is_read_as_soon_as_it_has_a_poller,
                                        set_up_unassigned, tear_down),
        HOST_TEST(test_a_one_off_read_is_answered_or_given_up),
        HOST_TEST(test_late_turns_are_delayed_not_bunched),
        HOST_TEST(test_turns_begin_when_there_is_nothing_to_read),
        HOST_TEST(test_fenced_is_the_end),
        HOST_TEST(test_another_store_makes_the_state_anew),
        HOST_TEST(test_queries_are_declared),
        HOST_TEST(test_unknown_queries_and_feeds_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
