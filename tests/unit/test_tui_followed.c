/* test_tui_followed.c: which session is looked at, and what is true of it: one that goes on, is over, rests, rolled, is
 * not there; frozen; with a runtime that is late. */
#include "tui_events.h"
#include "tui_runtime.h"

#include "wire/message.h"
#include "wire/value.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step(tui_app_t *app, int64_t at_ms, tui_input_t input)
{
    tui_app_step(app, at_ms, &input);
}

static void look_at(tui_app_t *app, int64_t at_ms)
{
    step(app, at_ms, (tui_input_t){.kind = TUI_INPUT_TICK});
}

/* The newest ask of this kind, of those that are out; none: number 0. */
static tui_ask_t asked(tui_app_t *app, tui_ask_kind_t kind)
{
    tui_ask_t ask, found = {0};
    while (tui_app_next_ask(app, &ask)) {
        vd_buffer_free(&ask.bytes);
        if (ask.kind == kind)
            found = ask;
    }
    return found;
}

static void answer(tui_app_t *app, uint64_t number, vd_status_t status, const char *text)
{
    assert_int_not_equal(number, 0);
    step(app, WORLD_MS,
         (tui_input_t){.kind = TUI_INPUT_ANSWER, .number = number, .status = status, .text = text});
}

/* ---- sessions beside the world's ---- */

static void write_record(vd_buffer_t *out, const char *session, const char *state, uint64_t last)
{
    vd_session_record_t record = {
        .session = vd_str(session), .state = vd_str(state), .last_seq = last};
    vd_buffer_init(out, 4096);
    assert_int_equal(vd_record_encode(VD_RECORD_session, &record, out), VD_OK);
}

static void open_session(tui_app_t *app, const char *session, const char *state, uint64_t last)
{
    vd_buffer_t record;
    write_record(&record, session, state, last);
    step(
        app, WORLD_MS,
        (tui_input_t){.kind = TUI_INPUT_OPENED, .text = session, .value = vd_buffer_view(&record)});
    vd_buffer_free(&record);
}

static void tell_record(tui_app_t *app, const char *session, const char *state, uint64_t last)
{
    vd_buffer_t record;
    write_record(&record, session, state, last);
    step(app, WORLD_MS,
         (tui_input_t){
             .kind = TUI_INPUT_NOW, .feed = TUI_FEED_SESSION, .value = vd_buffer_view(&record)});
    vd_buffer_free(&record);
}

/* Gives an event of a session. */
static void happens(tui_app_t *app, const char *session, uint64_t seq, int64_t at_ms,
                    const char *type, const char *data)
{
    tui_script_t script;
    vd_buffer_t packed;
    vd_buffer_init(&packed, 1 << 20);
    tui_script_init(&script, session);
    tui_script_add(&script, at_ms, type, data, NULL);
    vd_event_t event = tui_script_event(&script, 1);
    assert_true(tui_events_add(&packed, vd_str(session), seq, event.raw));
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_EVENTS, .value = vd_buffer_view(&packed)});
    vd_buffer_free(&packed);
    tui_script_free(&script);
}

static void begins(tui_app_t *app, const char *session)
{
    happens(app, session, 1, WORLD_MS - 90000, "session_started", "{\"name\":\"day\"}");
    happens(app, session, 2, WORLD_MS - 80000, "actor_ready", "{\"actor\":\"miner\",\"pid\":7}");
}

static void ends(tui_app_t *app, const char *session, const char *next)
{
    char data[128];
    snprintf(data, sizeof data, "{\"status\":\"completed\",\"continued_by\":\"%s\"}", next);
    happens(app, session, 3, WORLD_MS - 60000, "session_ended", data);
}

static void closed(tui_app_t *app, vd_status_t status, const char *text)
{
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_CLOSED, .status = status, .text = text});
}

static void tell_status(tui_app_t *app, const char *session)
{
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_write_map(&out, 4);
    vd_write_pair_text(&out, "state", "ready");
    vd_write_pair_text(&out, "session", session);
    vd_write_pair_u64(&out, "actors", 9);
    vd_write_pair_u64(&out, "ready", 8);
    step(app, WORLD_MS,
         (tui_input_t){
             .kind = TUI_INPUT_NOW, .feed = TUI_FEED_STATUS, .value = vd_buffer_view(&out)});
    vd_buffer_free(&out);
}

/* ---- one that is over ---- */

static void test_over_is_shown_as_of_its_end(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_expect(app, "poller-1 is in backoff");
    open_session(app, "yesterday", "completed", 3);
    begins(app, "yesterday");
    world_expect_not(app, "poller-1 is in backoff"); /* while it is read, too */
    ends(app, "yesterday", "");
    world_expect(app, "ENDED");
    world_expect(app, "health completed the session is over");
    world_expect(app, "yesterday, completed since 14:01:11Z");
    world_expect(app, "actors 1 of 1 ready");
    world_expect(app, "latency -");
    world_expect(app, "store -");
    world_key(app, '2');
    world_expect(app, "actors: 1");
    world_expect(app, "miner");
    world_expect_not(app, "raft");
    world_key(app, '3');
    world_expect_not(app, "web-1");
    world_key(app, '5');
    world_expect_not(app, "dashboard");
    happens(app, "yesterday", 4, WORLD_MS, "odd", "{}");
    world_key(app, '6');
    assert_int_equal(asked(app, TUI_ASK_SNAPSHOT).number, 0);
    tui_app_destroy(&app);
}

static void test_the_runtimes_own_stays_as_it_was(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    closed(app, VD_SESSION_CLOSED, "it has ended");
    world_expect(app, "ENDED");
    world_expect(app, "poller-1 is in backoff");
    world_key(app, '2');
    world_expect(app, "raft");
    tell_status(app, "another"); /* of a runtime that was started again */
    world_expect_not(app, "raft");
    tui_app_destroy(&app);
}

/* ---- one that cannot be opened ---- */

static void test_what_cannot_be_opened_changes_nothing(void **state)
{
    (void)state;
    static const tui_app_options_t newest = {.newest = true};
    tui_app_t *app = world_start(&newest, 25);
    world_type(app, ":open nosuch:7\n");
    tui_ask_t ask = asked(app, TUI_ASK_OPEN);
    assert_string_equal(ask.name, "nosuch");
    answer(app, ask.number, VD_UNKNOWN_SESSION, "there is no session 'nosuch'");
    world_expect(app, "there is no session 'nosuch'");
    world_expect(app, "LIVE");
    world_head(app, 26, 30);
    world_expect(app, " 30/30");
    world_type(app, ":open " WORLD_SESSION ":5\n"); /* it is followed: nothing is to be opened */
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0);
    assert_int_equal(tui_app_moment(app)->mode, TUI_TIMELINE_PAST);
    world_key(app, 'L');
    tell_status(app, "another"); /* the newest is still the one that is meant */
    ask = asked(app, TUI_ASK_OPEN);
    assert_int_not_equal(ask.number, 0);
    assert_string_equal(ask.name, "");
    tui_app_destroy(&app);
}

static void test_a_row_that_is_gone_is_not_waited_for(void **state)
{
    (void)state;
    vd_buffer_t record, rows;
    tui_app_t *app = world_start(NULL, 25);
    world_key(app, '8');
    look_at(app, WORLD_MS + 5000);
    tui_ask_t ask = asked(app, TUI_ASK_SESSIONS);
    vd_buffer_init(&rows, 8192);
    write_record(&record, "pruned", "completed", 3);
    vd_write_array(&rows, 1);
    vd_write_raw(&rows, vd_buffer_view(&record));
    step(app, WORLD_MS,
         (tui_input_t){
             .kind = TUI_INPUT_ANSWER, .number = ask.number, .value = vd_buffer_view(&rows)});
    vd_buffer_free(&rows);
    vd_buffer_free(&record);
    world_key(app, TUI_KEY_ENTER);
    world_expect(app, "opening pruned ...");
    answer(app, asked(app, TUI_ASK_OPEN).number, VD_PRUNED, "session pruned was pruned");
    world_expect(app, "session pruned was pruned");
    open_session(app, "pruned", "active", 1); /* by another way: the screen stays */
    assert_ptr_equal(tui_app_screen(app), &tui_screen_sessions);
    tui_app_destroy(&app);
}

static void test_one_that_is_lost_is_opened_again(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "2/raft\n");
    closed(app, VD_KICKED, "an operator ended it");
    world_expect(app, "NOT FOLLOWED");
    world_expect(app, "an operator ended it"); /* though there is a filter */
    world_expect_not(app, "LIVE");
    world_type(app, ":open " WORLD_SESSION "\n");
    assert_string_equal(asked(app, TUI_ASK_OPEN).name, WORLD_SESSION);
    open_session(app, WORLD_SESSION, "active", 25);
    world_head(app, 1, 26);
    world_expect(app, "LIVE");
    world_expect(app, " 26/26");
    tui_app_destroy(&app);
    app = tui_app_new(&(tui_app_options_t){0}); /* there never was one */
    closed(app, VD_UNKNOWN_SESSION, "there is no session 'x'");
    world_expect(app, "NOT FOLLOWED");
    tui_app_destroy(&app);
}

static void test_many_are_opened(void **state)
{
    (void)state;
    char name[32], command[64];
    tui_app_t *app = world_start(NULL, 5);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "s%d", i);
        snprintf(command, sizeof command, ":open %s\n", name);
        world_type(app, command);
        tui_ask_t ask = asked(app, TUI_ASK_OPEN);
        assert_string_equal(ask.name, name);
        open_session(app, name, "active", 0);
        if (i % 2 == 0) /* of others another one was wished for before they were answered */
            answer(app, ask.number, VD_OK, NULL);
        assert_string_equal(tui_app_session(app), name);
    }
    tui_app_destroy(&app);
}

/* ---- one that went on in another ---- */

static void test_a_session_that_rolled_is_opened_again(void **state)
{
    (void)state;
    static const tui_app_options_t newest = {.newest = true};
    tui_app_t *app = tui_app_new(&newest);
    open_session(app, "first", "active", 0);
    begins(app, "first");
    ends(app, "first", "second");
    begins(app, "second");
    assert_string_equal(tui_app_session(app), "second");
    assert_non_null(strstr(world_drawn(app, 80, 24), "[1 overview] second"));
    world_type(app, ":open second:1\n");
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0);
    world_key(app, 'L');
    world_type(app, ":open first\n");
    tui_ask_t ask = asked(app, TUI_ASK_OPEN);
    assert_string_equal(ask.name, "first");
    open_session(app, "first", "completed", 3);
    assert_string_equal(tui_app_session(app), "first");
    begins(app, "first");
    ends(app, "first", "second");
    world_expect(app, "ENDED");
    world_expect(app, " 3/3");
    assert_non_null(strstr(world_drawn(app, 80, 24), "[1 overview] first"));
    tui_app_destroy(&app);
}

static void test_back_to_the_head_from_the_session_before(void **state)
{
    (void)state;
    tui_app_t *app = tui_app_new(&(tui_app_options_t){0});
    open_session(app, "first", "active", 0);
    begins(app, "first");
    world_type(app, "t2\n");
    ends(app, "first", "second");
    begins(app, "second");
    assert_string_equal(tui_app_session(app), "first"); /* a moment of it is looked at */
    world_type(app, ":open second\n");
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0);
    assert_string_equal(tui_app_session(app), "second");
    world_expect(app, "LIVE");
    tui_app_destroy(&app);
}

/* ---- one whose owner is gone ---- */

static void test_interrupted(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    open_session(app, "killed", "interrupted", 2);
    begins(app, "killed");
    happens(app, "killed", 2, WORLD_MS - 70000, "late", "{}");
    world_expect(app, "INTERRUPTED");
    world_expect(app, "killed, interrupted since 14:00:51Z"); /* its last event */
    world_expect(app, "health interrupted");
    assert_false(tui_app_runs_on(app));
    assert_int_equal(tui_app_shown_ms(app), WORLD_MS - 80000);
    happens(app, "killed", 3, WORLD_MS - 1000, "back", "{}"); /* a sign of life */
    world_expect(app, "LIVE");
    world_expect(app, "killed, active since 14:00:41Z");
    assert_true(tui_app_runs_on(app));
    assert_int_equal(tui_app_shown_ms(app), WORLD_MS);
    tell_record(app, "killed", "interrupted", 3);
    world_expect(app, "INTERRUPTED");
    world_key(app, ' ');
    tell_record(app, "killed", "active", 3);
    world_expect(app, "killed, interrupted since"); /* as it was frozen */
    world_key(app, ' ');
    tell_record(app, WORLD_SESSION, "interrupted", 99); /* of another one */
    world_expect(app, "LIVE");
    tell_record(app, "killed", "interrupted", 3);
    world_type(app, "t2\n");
    world_expect(app, "killed, active since"); /* it was, then */
    tui_app_destroy(&app);
    app =
        world_start(NULL, 25); /* the runtime's own: what was known of it stays, but runs no more */
    tell_record(app, WORLD_SESSION, "interrupted", 25);
    world_expect(app, "INTERRUPTED");
    world_expect(app, "poller-1 is in backoff");
    assert_false(tui_app_runs_on(app));
    tui_app_destroy(&app);
}

/* ---- another runtime ---- */

/* It tells of its session before that is in the store. */
static void test_a_session_that_is_not_stored_yet_is_looked_for(void **state)
{
    (void)state;
    static const tui_app_options_t newest = {.newest = true};
    tui_app_t *app = world_start(&newest, 25);
    tell_status(app, "another");
    tui_ask_t ask = asked(app, TUI_ASK_OPEN);
    assert_int_not_equal(ask.number, 0);
    assert_string_equal(ask.name, "");
    tell_status(app, "another");
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0); /* that is under way */
    step(app, WORLD_MS,
         (tui_input_t){.kind = TUI_INPUT_ANSWER,
                       .number = ask.number,
                       .status = VD_UNKNOWN_SESSION,
                       .text = "no session is active"});
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0); /* not at once */
    world_expect_not(app, "no session is active");
    tell_status(app, "another");
    ask = asked(app, TUI_ASK_OPEN);
    assert_int_not_equal(ask.number, 0);
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_OPENED, .text = WORLD_SESSION});
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_ANSWER, .number = ask.number});
    tell_status(app, "another"); /* the one before was found once more */
    ask = asked(app, TUI_ASK_OPEN);
    assert_int_not_equal(ask.number, 0);
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_OPENED, .text = "another"});
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_ANSWER, .number = ask.number});
    begins(app, "another");
    tell_status(app, "another");
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0);
    tui_app_destroy(&app);
}

/* ---- frozen ---- */

static void test_frozen_is_all_of_it(void **state)
{
    (void)state;
    static const tui_app_options_t newest = {.newest = true};
    tui_app_t *app = world_start(&newest, 25);
    tell_record(app, WORLD_SESSION, "active", 25);
    world_key(app, ' ');
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0);
    char *before = strdup(world_drawn(app, 120, 37)); /* but the line of time, which goes on */
    size_t shown = (size_t)(strstr(before, "newest faults") - before);
    tell_status(app, "another");
    happens(app, WORLD_SESSION, 26, WORLD_MS - 900000, "new", "{}");
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_LINK, .status = VD_UNREACHABLE});
    look_at(app, WORLD_MS + 10000);
    assert_memory_equal(world_drawn(app, 120, 37), before, shown);
    step(app, WORLD_MS, (tui_input_t){.kind = TUI_INPUT_LINK, .status = VD_OK});
    closed(app, VD_SESSION_CLOSED, "it has ended");
    assert_memory_equal(world_drawn(app, 120, 37), before, shown);
    assert_int_equal(asked(app, TUI_ASK_OPEN).number, 0);
    world_key(app, ' ');
    assert_int_not_equal(asked(app, TUI_ASK_OPEN).number, 0); /* of the runtime that is there now */
    free(before);
    tui_app_destroy(&app);
}

static void test_one_that_ends_while_it_is_frozen(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    open_session(app, "beside", "active", 2);
    begins(app, "beside");
    world_expect(app, "poller-1 is in backoff");
    world_key(app, ' ');
    ends(app, "beside", "");
    world_expect(app, "poller-1 is in backoff");
    world_key(app, ' ');
    world_expect(app, "the session is over");
    tui_app_destroy(&app);
}

/* ---- a runtime that is late, and one that is idle ---- */

static void test_late_is_not_gone(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    tui_input_t late = {.kind = TUI_INPUT_LINK, .status = VD_TIMED_OUT};
    for (int round = 0; round < 4; round++) {
        step(app, WORLD_MS, late);
        step(app, WORLD_MS + 2000, late);
        world_expect(app, "LIVE");
        assert_true(tui_app_runs_on(app));
        step(app, WORLD_MS + 3000, (tui_input_t){.kind = TUI_INPUT_LINK, .status = VD_OK});
    }
    for (int round = 0; round < 3; round++)
        step(app, WORLD_MS + 4000, late);
    world_expect(app, "GONE since 14:02:15Z");
    step(app, WORLD_MS + 6000, late);
    world_expect(app, "GONE since 14:02:15Z");
    step(app, WORLD_MS + 7000, (tui_input_t){.kind = TUI_INPUT_LINK, .status = VD_OK});
    world_expect(app, "LIVE");
    step(app, WORLD_MS + 8000, (tui_input_t){.kind = TUI_INPUT_LINK, .status = VD_UNREACHABLE});
    world_expect(app, "GONE since 14:02:19Z");
    tui_app_destroy(&app);
}

static void test_the_rate_falls_to_nothing(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_expect(app, " 1/s, 25 in all");
    look_at(app, WORLD_MS + 1999);
    world_expect(app, " 1/s, 25 in all");
    world_key(app, ' '); /* steps at WORLD_MS */
    look_at(app, WORLD_MS + 60000);
    world_expect(app, " 1/s, 25 in all");
    world_key(app, ' ');
    look_at(app, WORLD_MS + 2000);
    world_expect(app, " 0/s, 25 in all");
    assert_true(tui_app_wait_ms(app) < 0); /* whatever comes later changes nothing */
    char *before = strdup(world_drawn(app, 120, 40));
    look_at(app, WORLD_MS + 3600000);
    assert_string_equal(world_drawn(app, 120, 40), before);
    free(before);
    assert_non_null(strstr(world_drawn(app, 60, 16), " 0/s, 25 in all, up to 14:02:11Z"));
    world_type(app, "t20\n");
    world_answer(app);
    world_expect(app, " 1/s, 20 in all");
    tui_app_destroy(&app);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_over_is_shown_as_of_its_end),
        cmocka_unit_test(test_the_runtimes_own_stays_as_it_was),
        cmocka_unit_test(test_a_session_that_is_not_stored_yet_is_looked_for),
        cmocka_unit_test(test_what_cannot_be_opened_changes_nothing),
        cmocka_unit_test(test_a_row_that_is_gone_is_not_waited_for),
        cmocka_unit_test(test_one_that_is_lost_is_opened_again),
        cmocka_unit_test(test_many_are_opened),
        cmocka_unit_test(test_a_session_that_rolled_is_opened_again),
        cmocka_unit_test(test_back_to_the_head_from_the_session_before),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_frozen_is_all_of_it),
        cmocka_unit_test(test_one_that_ends_while_it_is_frozen),
        cmocka_unit_test(test_late_is_not_gone),
        cmocka_unit_test(test_the_rate_falls_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
