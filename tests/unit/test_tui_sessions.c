/* test_tui_sessions.c: stored sessions are listed, opened, replayed and compared figure by figure. */
#include "tui/app.h"
#include "tui/compare.h"

#include "tui_runtime.h"
#include "wire/message.h"

#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1763820131000)

enum { BYTES = 1 << 20 };

static void expect_shown(tui_app_t *app, int width, int height, const char *text)
{
    if (strstr(world_drawn(app, width, height), text) == NULL)
        fail_msg("there is no \"%s\" in:\n%s", text, world_drawn(app, width, height));
}

static bool next_ask(tui_app_t *app, tui_ask_kind_t kind, tui_ask_t *ask)
{
    while (tui_app_next_ask(app, ask)) {
        vd_buffer_free(&ask->bytes);
        if (ask->kind == kind)
            return true;
    }
    return false;
}

static void answer(tui_app_t *app, uint64_t number, vd_bytes_t value)
{
    tui_input_t input = {.kind = TUI_INPUT_ANSWER, .number = number, .value = value};
    tui_app_step(app, NOW_MS, &input);
}

static void write_session(vd_buffer_t *out, const char *id, const char *state, uint64_t events,
                          int64_t lasted_ms)
{
    vd_buffer_t labels;
    char name[64];
    vd_buffer_init(&labels, 1024);
    vd_write_map(&labels, 1);
    vd_write_pair_text(&labels, "rack", id);
    snprintf(name, sizeof name, "name of %s", id);
    vd_session_record_t row = {.session = vd_str(id),
                               .name = vd_str(name),
                               .state = vd_str(state),
                               .command = vd_str("make all"),
                               .started_ms = NOW_MS - 60000,
                               .last_ms = NOW_MS - 60000 + lasted_ms,
                               .last_seq = events,
                               .bytes = events * 300};
    row.labels = vd_buffer_view(&labels);
    assert_int_equal(vd_record_encode(VD_RECORD_session, &row, out), VD_OK);
    vd_buffer_free(&labels);
}

static tui_app_t *begin(void)
{
    tui_app_options_t options = {.screen = "sessions"};
    tui_app_t *app = tui_app_new(&options);
    tui_ask_t ask;
    tui_input_t tick = {.kind = TUI_INPUT_TICK};
    vd_buffer_t rows;
    assert_non_null(app);
    tui_app_step(app, NOW_MS, &tick);
    assert_true(next_ask(app, TUI_ASK_SESSIONS, &ask));
    vd_buffer_init(&rows, BYTES);
    vd_write_array(&rows, 3);
    write_session(&rows, "third", "active", 12, 5000);
    write_session(&rows, "second", "failed", 40, 65000);
    write_session(&rows, "first", "completed", 30, 61000);
    answer(app, ask.number, vd_buffer_view(&rows));
    vd_buffer_free(&rows);
    return app;
}

/* Answers every ask for events of the two sessions: `second` has failures that `first` has not. */
static int serve(tui_app_t *app)
{
    tui_ask_t ask;
    int asks = 0;
    while (next_ask(app, TUI_ASK_EVENTS, &ask)) {
        vd_buffer_t packed;
        bool second = strcmp(ask.name, "second") == 0;
        assert_true(second || strcmp(ask.name, "first") == 0);
        vd_buffer_init(&packed, BYTES);
        for (uint64_t seq = ask.seq; seq < ask.seq + ask.count; seq++) {
            vd_buffer_t raw, data;
            vd_buffer_init(&raw, 4096);
            vd_buffer_init(&data, 4096);
            bool failed = second && seq % 10 == 0;
            vd_write_map(&data, 2);
            vd_write_pair_text(&data, "node", "n");
            vd_write_pair_text(&data, "error", "it broke");
            vd_event_write(&raw, NOW_MS + (int64_t)seq * (second ? 100 : 50),
                           vd_str(failed ? "node_generation_failed" : "tick"),
                           vd_buffer_view(&data), vd_bytes(NULL, 0));
            tui_events_add(&packed, vd_str(ask.name), seq, vd_buffer_view(&raw));
            vd_buffer_free(&raw);
            vd_buffer_free(&data);
        }
        answer(app, ask.number, vd_buffer_view(&packed));
        vd_buffer_free(&packed);
        asks++;
    }
    return asks;
}

static void test_lists_at_every_size(void **state)
{
    (void)state;
    static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}};
    tui_app_t *app = begin();
    for (size_t i = 0; i < 3; i++) {
        expect_shown(app, sizes[i][0], sizes[i][1], "sessions: 3");
        expect_shown(app, sizes[i][0], sizes[i][1], "name of second");
        expect_shown(app, sizes[i][0], sizes[i][1], "completed");
        expect_shown(app, sizes[i][0], sizes[i][1], " 40");
    }
    expect_shown(app, 120, 40, "make all");
    expect_shown(app, 120, 40, "rack=third");
    expect_shown(app, 120, 40, "1m05s");
    world_type(app, "/failed\n");
    expect_shown(app, 80, 24, "sessions: 1 of 3");
    tui_app_destroy(&app);
}

static void test_opens_and_replays(void **state)
{
    (void)state;
    tui_ask_t ask;
    tui_app_t *app = begin();
    world_key(app, TUI_KEY_DOWN);
    world_key(app, TUI_KEY_ENTER);
    assert_true(next_ask(app, TUI_ASK_OPEN, &ask));
    assert_string_equal(ask.name, "second");
    tui_input_t opened = {.kind = TUI_INPUT_OPENED, .text = "second"};
    tui_app_step(app, NOW_MS, &opened);
    assert_ptr_equal(tui_app_screen(app), &tui_screen_overview);
    assert_string_equal(tui_app_session(app), "second");
    world_key(app, '8');
    expect_shown(app, 80, 24, "> name of second");
    world_key(app, TUI_KEY_DOWN);
    world_key(app, 'p');
    assert_true(next_ask(app, TUI_ASK_OPEN, &ask));
    assert_string_equal(ask.name, "first");
    opened.text = "first";
    tui_app_step(app, NOW_MS, &opened);
    assert_ptr_equal(tui_app_screen(app), &tui_screen_stream);
    tui_input_t tick = {.kind = TUI_INPUT_TICK};
    tui_app_step(app, NOW_MS, &tick);
    assert_int_equal(tui_app_moment(app)->mode, TUI_TIMELINE_PLAYING);
    assert_true(tui_app_moment(app)->factor > 0.9 && tui_app_moment(app)->factor < 1.1);
    tui_app_destroy(&app);
}

static void test_compares_two(void **state)
{
    (void)state;
    static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}};
    tui_app_t *app = begin();
    world_key(app, '=');
    expect_shown(app, 80, 24, "mark two sessions");
    world_key(app, TUI_KEY_END);
    world_key(app, 'm');
    expect_shown(app, 80, 24, "[1] name of first");
    world_key(app, TUI_KEY_UP);
    world_key(app, 'm');
    expect_shown(app, 80, 24, "[2] name of second");
    world_key(app, '=');
    expect_shown(app, 80, 24, "reading first: 0 of 30 events");
    assert_int_equal(serve(app), 2);
    for (size_t i = 0; i < 3; i++) {
        expect_shown(app, sizes[i][0], sizes[i][1], "first  first");
        expect_shown(app, sizes[i][0], sizes[i][1], "figures differ");
        expect_shown(app, sizes[i][0], sizes[i][1], "lasted");
    }
    expect_shown(app, 120, 40, "event node_generation_failed");
    world_type(app, "/node_generation\n");
    expect_shown(app, 80, 24, "+4");
    world_key(app, TUI_KEY_ESCAPE);
    world_key(app, TUI_KEY_ESCAPE);
    expect_shown(app, 80, 24, "sessions: 3");
    tui_app_destroy(&app);
}

/* Answers the next look at the store with its `count` newest sessions, named by number. */
static void list_again(tui_app_t *app, int count)
{
    tui_ask_t ask;
    vd_buffer_t rows;
    tui_input_t tick = {.kind = TUI_INPUT_TICK};
    tui_app_step(app, NOW_MS + 3600000, &tick); /* it looks from time to time */
    assert_true(next_ask(app, TUI_ASK_SESSIONS, &ask));
    assert_int_equal(ask.count, 1001);
    vd_buffer_init(&rows, BYTES);
    vd_write_array(&rows, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        write_session(&rows, id, "completed", 10, 1000);
    }
    assert_false(rows.full);
    answer(app, ask.number, vd_buffer_view(&rows));
    vd_buffer_free(&rows);
}

static void test_marks_move_up_and_may_be_gone(void **state)
{
    (void)state;
    tui_ask_t ask;
    tui_app_t *app = begin();
    world_type(app, "mjm"); /* third, second */
    expect_shown(app, 80, 24, "[2] name of second");
    world_type(app, "km"); /* third no more */
    expect_shown(app, 80, 24, "[1] name of second");
    world_type(app, "jj="); /* and the chosen one */
    expect_shown(app, 80, 24, "reading second: 0 of 40 events");
    world_key(app, TUI_KEY_ESCAPE);
    while (next_ask(app, TUI_ASK_EVENTS, &ask))
        continue;
    list_again(app, 3);
    world_type(app, "=");
    expect_shown(app, 80, 24, "second is not there any more; mark another with m");
    assert_false(next_ask(app, TUI_ASK_EVENTS, &ask));
    tui_app_destroy(&app);
}

static void test_more_than_are_listed(void **state)
{
    (void)state;
    tui_app_t *app = begin();
    list_again(app, 1000);
    expect_shown(app, 80, 24, "─ sessions: 1000");
    list_again(app, 1001);
    expect_shown(app, 80, 24, "the newest sessions, more with vedette session ls: 1000");
    tui_app_destroy(&app);
}

static void test_what_cannot_be_read_is_said(void **state)
{
    (void)state;
    tui_ask_t ask;
    tui_app_t *app = begin();
    world_key(app, 'm');
    world_key(app, TUI_KEY_DOWN);
    world_key(app, '=');
    assert_true(next_ask(app, TUI_ASK_EVENTS, &ask));
    tui_input_t input = {.kind = TUI_INPUT_ANSWER,
                         .number = ask.number,
                         .status = VD_UNKNOWN_SESSION,
                         .text = "it was pruned"};
    tui_app_step(app, NOW_MS, &input);
    expect_shown(app, 80, 24, "third cannot be read: it was pruned");
    assert_false(next_ask(app, TUI_ASK_EVENTS, &ask));
    tui_app_destroy(&app);
}

static void test_rows_of_a_comparison(void **state)
{
    (void)state;
    tui_summary_t left = {
        .state = TUI_SESSION_COMPLETED, .exit = 0, .lasted_ms = 1000, .events = 5};
    tui_summary_t right = {.state = TUI_SESSION_FAILED, .exit = 3, .lasted_ms = 61000, .events = 4};
    static tui_compared_t rows[TUI_COMPARE_ROWS_MAX];
    left.type_count = 2;
    strcpy(left.types[0].name, "a");
    left.types[0].events = 3;
    strcpy(left.types[1].name, "c");
    left.types[1].events = 2;
    right.type_count = 2;
    strcpy(right.types[0].name, "b");
    right.types[0].events = 2;
    strcpy(right.types[1].name, "c");
    right.types[1].events = 2;
    size_t count = tui_compare(&left, &right, rows);
    static const char *const expected[][4] = {
        {"state", "completed", "failed", "differs"},
        {"exit code", "0", "3", "differs"},
        {"lasted", "1s", "1m01s", "+1m00s"},
        {"events", "5", "4", "-1"},
        {"event a", "3", "0", "-3"},
        {"event b", "0", "2", "+2"},
        {"event c", "2", "2", ""},
    };
    assert_int_equal(count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].label, expected[i][0]);
        assert_string_equal(rows[i].left, expected[i][1]);
        assert_string_equal(rows[i].right, expected[i][2]);
        assert_string_equal(rows[i].change, expected[i][3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_at_every_size),
        cmocka_unit_test(test_opens_and_replays),
        cmocka_unit_test(test_compares_two),
        cmocka_unit_test(test_marks_move_up_and_may_be_gone),
        cmocka_unit_test(test_more_than_are_listed),
        cmocka_unit_test(test_what_cannot_be_read_is_said),
        cmocka_unit_test(test_rows_of_a_comparison),
    };
    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
