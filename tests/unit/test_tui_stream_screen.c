/* test_tui_stream_screen.c: the screen "stream": rows, filter, detail, why, the past. */
#include "tui/app.h"

#include "stream_events.h"
#include "tui_runtime.h"
#include "wire/value.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS STREAM_EVENTS_MS

enum { BYTES = 1 << 20 };

static void expect_shown(tui_app_t *app, int width, int height, const char *text)
{
    if (strstr(world_drawn(app, width, height), text) == NULL)
        fail_msg("there is no \"%s\" in:\n%s", text, world_drawn(app, width, height));
}

static void send(tui_app_t *app, tui_input_kind_t kind, uint64_t number, uint64_t from, uint64_t to)
{
    vd_buffer_t packed;
    vd_buffer_init(&packed, BYTES);
    for (uint64_t seq = from; seq <= to; seq++)
        tui_events_add(&packed, vd_str("one"), seq, stream_event(seq));
    tui_input_t input = {.kind = kind, .number = number, .value = vd_buffer_view(&packed)};
    tui_app_step(app, NOW_MS, &input);
    vd_buffer_free(&packed);
}

static tui_app_t *begin(void)
{
    tui_app_options_t options = {.screen = "stream"};
    tui_input_t opened = {.kind = TUI_INPUT_OPENED, .text = "one"};
    tui_app_t *app = tui_app_new(&options);
    assert_non_null(app);
    tui_app_step(app, NOW_MS, &opened);
    send(app, TUI_INPUT_EVENTS, 0, 1, 60);
    return app;
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

static void test_screen_at_every_size(void **state)
{
    (void)state;
    static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}};
    for (size_t i = 0; i < 3; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        tui_app_t *app = begin();
        expect_shown(app, width, height, "newest  60 events");
        expect_shown(app, width, height, "   60 14:02:11");
        expect_shown(app, width, height, " tenth_failed ");
        world_key(app, TUI_KEY_UP);
        send(app, TUI_INPUT_EVENTS, 0, 61, 70);
        expect_shown(app, width, height, "held  70 events");
        world_key(app, TUI_KEY_ENTER);
        expect_shown(app, width, height, "event 59");
        expect_shown(app, width, height, "one:59");
        expect_shown(app, width, height, "\"number\": 59");
        world_key(app, TUI_KEY_ENTER);
        expect_shown(app, width, height, "arrows scroll");
        world_key(app, TUI_KEY_END);
        expect_shown(app, width, height, "asking ...");
        world_key(app, TUI_KEY_ESCAPE);
        world_key(app, TUI_KEY_ESCAPE);
        assert_null(strstr(world_drawn(app, width, height), "event 59"));
        tui_app_destroy(&app);
    }
}

static void test_screen_filters(void **state)
{
    (void)state;
    tui_app_t *app = begin();
    world_type(app, "/type:tenth*");
    world_key(app, TUI_KEY_ENTER);
    expect_shown(app, 80, 24, "filter: type:tenth*");
    expect_shown(app, 80, 24, "   10 14:02:11");
    assert_null(strstr(world_drawn(app, 80, 24), " tick "));
    world_key(app, TUI_KEY_ESCAPE);
    expect_shown(app, 80, 24, " tick ");
    world_key(app, 'N');
    world_key(app, 'N');
    world_key(app, TUI_KEY_ENTER);
    expect_shown(app, 120, 40, "event 40");
    world_type(app, "/seq:x\n");
    expect_shown(app, 80, 24, "seq:x: it is seq:A-B");
    tui_app_destroy(&app);
}

static vd_bytes_t snapshot(vd_buffer_t *out, uint64_t count)
{
    vd_buffer_clear(out);
    vd_write_map(out, 1);
    vd_write_text(out, "state");
    vd_write_map(out, 1);
    vd_write_pair_u64(out, "count", count);
    return vd_buffer_view(out);
}

static void test_screen_shows_what_an_event_changed(void **state)
{
    (void)state;
    tui_ask_t ask = {0};
    vd_buffer_t value;
    vd_buffer_init(&value, BYTES);
    tui_app_t *app = begin();
    world_key(app, TUI_KEY_ENTER);
    assert_true(next_ask(app, TUI_ASK_PAST, &ask));
    assert_string_equal(ask.name, "services");
    assert_string_equal(ask.word, "one");
    assert_int_equal(ask.seq, 59);
    tui_input_t answer = {.kind = TUI_INPUT_ANSWER, .number = ask.number};
    answer.value = snapshot(&value, 7);
    tui_app_step(app, NOW_MS, &answer);
    assert_true(next_ask(app, TUI_ASK_PAST, &ask));
    assert_int_equal(ask.seq, 60);
    answer = (tui_input_t){.kind = TUI_INPUT_ANSWER, .number = ask.number};
    answer.value = snapshot(&value, 8);
    tui_app_step(app, NOW_MS, &answer);
    expect_shown(app, 120, 40, "what it changed in services");
    expect_shown(app, 120, 40, "count");
    expect_shown(app, 120, 40, "- 7");
    expect_shown(app, 120, 40, "+ 8");
    /* Another event: asked anew; what goes wrong is said. */
    world_key(app, TUI_KEY_UP);
    assert_true(next_ask(app, TUI_ASK_PAST, &ask));
    assert_int_equal(ask.seq, 58);
    answer = (tui_input_t){.kind = TUI_INPUT_ANSWER,
                           .number = ask.number,
                           .status = VD_PRUNED,
                           .text = "it was pruned"};
    tui_app_step(app, NOW_MS, &answer);
    expect_shown(app, 120, 40, "not known: it was pruned");
    assert_false(next_ask(app, TUI_ASK_PAST, &ask));
    vd_buffer_free(&value);
    tui_app_destroy(&app);
}

static void test_screen_tells_why(void **state)
{
    (void)state;
    tui_ask_t ask = {0};
    vd_buffer_t story;
    char error[100];
    vd_buffer_init(&story, BYTES);
    tui_app_t *app = begin();
    world_key(app, 'w');
    assert_true(next_ask(app, TUI_ASK_WHY, &ask));
    assert_int_equal(ask.seq, 60);
    assert_string_equal(ask.name, "one");
    expect_shown(app, 120, 40, "asking ...");
    assert_int_equal(
        vd_json_parse(vd_str("{\"facts\":[{\"topic\":\"turn\",\"level\":0,\"from\":\"store\","
                             "\"tone\":\"plain\",\"text\":\"turn 60 of services\"},"
                             "{\"topic\":\"before\",\"level\":0,\"from\":\"store\",\"tone\":"
                             "\"bad\",\"text\":\"actor_exited poller-1\"}]}"),
                      &story, error, sizeof error),
        VD_OK);
    tui_input_t answer = {.kind = TUI_INPUT_ANSWER, .number = ask.number};
    answer.value = vd_buffer_view(&story);
    tui_app_step(app, NOW_MS, &answer);
    expect_shown(app, 60, 16, "why 60");
    expect_shown(app, 60, 16, "turn    turn 60 of services");
    expect_shown(app, 60, 16, "before  actor_exited poller-1");
    world_key(app, TUI_KEY_ESCAPE);
    expect_shown(app, 60, 16, "event 60");
    vd_buffer_free(&story);
    tui_app_destroy(&app);
}

static void test_screen_reads_older_events(void **state)
{
    (void)state;
    tui_ask_t ask = {0};
    tui_app_options_t options = {.screen = "stream"};
    tui_input_t opened = {.kind = TUI_INPUT_OPENED, .text = "one"};
    tui_app_t *app = tui_app_new(&options);
    tui_app_step(app, NOW_MS, &opened);
    send(app, TUI_INPUT_EVENTS, 0, 1001, 1020); /* a head that is followed from there */
    assert_true(next_ask(app, TUI_ASK_EVENTS, &ask));
    assert_string_equal(ask.name, "one");
    assert_int_equal(ask.seq + ask.count, 1001);
    send(app, TUI_INPUT_ANSWER, ask.number, ask.seq, ask.seq + ask.count - 1);
    expect_shown(app, 80, 30, " 1000 14:02:12");
    tui_app_destroy(&app);
}

/* In the past the newest event is that of the moment; live brings the others back. */
static void test_screen_in_the_past(void **state)
{
    (void)state;
    tui_ask_t ask = {0};
    tui_app_t *app = begin();
    for (int i = 0; i < 30; i++)
        world_key(app, TUI_KEY_UP);
    world_key(app, 'o');
    while (next_ask(app, TUI_ASK_EVENTS, &ask))
        send(app, TUI_INPUT_ANSWER, ask.number, ask.seq, ask.seq + ask.count - 1);
    expect_shown(app, 80, 24, "PAST");
    expect_shown(app, 80, 24, "then  up to 30 of 60 events");
    expect_shown(app, 80, 24, "   30 14:02:11");
    assert_null(strstr(world_drawn(app, 80, 24), "   31 14:02:11"));
    send(app, TUI_INPUT_EVENTS, 0, 61, 65);
    assert_null(strstr(world_drawn(app, 80, 24), "   31 14:02:11"));
    world_key(app, '[');
    while (next_ask(app, TUI_ASK_EVENTS, &ask))
        send(app, TUI_INPUT_ANSWER, ask.number, ask.seq, ask.seq + ask.count - 1);
    assert_null(strstr(world_drawn(app, 80, 24), "   30 14:02:11"));
    world_key(app, 'L');
    expect_shown(app, 80, 24, "   65 14:02:11");
    world_key(app, ' ');
    send(app, TUI_INPUT_EVENTS, 0, 66, 70);
    expect_shown(app, 80, 24, "FROZEN");
    expect_shown(app, 80, 24, "   65 14:02:11");
    assert_null(strstr(world_drawn(app, 80, 24), "   66 14:02:11"));
    tui_app_destroy(&app);
}

/* The store went back: what was seen is void, and comes again as it is now. */
static void test_screen_when_the_store_went_back(void **state)
{
    (void)state;
    tui_app_t *app = begin();
    tui_input_t back = {.kind = TUI_INPUT_EVENTS, .status = VD_WENT_BACK};
    expect_shown(app, 80, 24, "   60 14:02:11");
    tui_app_step(app, NOW_MS, &back);
    send(app, TUI_INPUT_EVENTS, 0, 1, 8);
    expect_shown(app, 80, 24, "    8 14:02:11");
    expect_shown(app, 80, 24, "newest  8 events");
    assert_null(strstr(world_drawn(app, 80, 24), "   60 14:02:11"));
    tui_app_destroy(&app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screen_at_every_size),
        cmocka_unit_test(test_screen_filters),
        cmocka_unit_test(test_screen_shows_what_an_event_changed),
        cmocka_unit_test(test_screen_tells_why),
        cmocka_unit_test(test_screen_reads_older_events),
        cmocka_unit_test(test_screen_in_the_past),
        cmocka_unit_test(test_screen_when_the_store_went_back),
    };
    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
