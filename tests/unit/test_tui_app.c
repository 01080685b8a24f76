/* test_tui_app.c: keys, typed lines, asks and the frame around every screen. */
#include "tui_runtime.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tui_app_t *start(bool readonly)
{
    tui_app_options_t options = {.readonly = readonly};
    tui_app_t *app = tui_app_new(&options);
    assert_non_null(app);
    return app;
}

static tui_ask_t expect_ask(tui_app_t *app, tui_ask_kind_t kind)
{
    tui_ask_t ask = {0};
    while (tui_app_next_ask(app, &ask) && ask.kind != kind)
        vd_buffer_free(&ask.bytes);
    assert_int_equal(ask.kind, kind);
    return ask;
}

static void expect_no_ask(tui_app_t *app, tui_ask_kind_t kind)
{
    tui_ask_t ask;
    while (tui_app_next_ask(app, &ask)) {
        assert_int_not_equal(ask.kind, kind);
        vd_buffer_free(&ask.bytes);
    }
}

static void test_screens_by_key_and_name(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    for (int i = 0; i < 8; i++) {
        world_key(app, '1' + i);
        assert_ptr_equal(tui_app_screen(app), tui_screens[i]);
    }
    world_type(app, ":act\t\n");
    assert_ptr_equal(tui_app_screen(app), &tui_screen_actors);
    world_type(app, ":subs\n"); /* a beginning will do */
    assert_ptr_equal(tui_app_screen(app), &tui_screen_subscribers);
    world_type(app, ":s\n"); /* but not of several */
    assert_ptr_equal(tui_app_screen(app), &tui_screen_subscribers);
    world_expect(app, "there is no 's'");
    world_type(app, ":streem\n");
    world_expect(app, "did you mean stream?");
    world_type(app, ":over");
    world_key(app, TUI_KEY_ESCAPE);
    assert_ptr_equal(tui_app_screen(app), &tui_screen_subscribers);
    world_key(app, TUI_KEY_TAB);
    assert_ptr_equal(tui_app_screen(app), &tui_screen_observers);
    tui_app_destroy(&app);
    tui_app_options_t options = {.screen = "sources"};
    app = tui_app_new(&options);
    assert_ptr_equal(tui_app_screen(app), &tui_screen_sources);
    tui_app_destroy(&app);
    options.screen = "nowhere";
    assert_null(tui_app_new(&options));
}

static void test_filter_of_each_screen(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    world_key(app, '2');
    world_type(app, "/brok");
    assert_string_equal(tui_app_filter(app), "brok"); /* while it is typed */
    world_type(app, "er\n");
    world_expect(app, "filter: broker");
    world_key(app, '3');
    assert_string_equal(tui_app_filter(app), "");
    world_key(app, '2');
    world_type(app, "/x");
    world_key(app, TUI_KEY_ESCAPE); /* as it was */
    assert_string_equal(tui_app_filter(app), "broker");
    world_key(app, TUI_KEY_ESCAPE);
    assert_string_equal(tui_app_filter(app), "");
    tui_app_destroy(&app);
}

static void test_quits_and_asks(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    world_key(app, 'q');
    expect_ask(app, TUI_ASK_QUIT);
    world_type(app, ":quit\n");
    expect_ask(app, TUI_ASK_QUIT);
    world_key(app, TUI_CTRL('z'));
    expect_ask(app, TUI_ASK_SUSPEND);
    world_type(app, ":open abc:7\n");
    tui_ask_t ask = expect_ask(app, TUI_ASK_OPEN);
    assert_string_equal(ask.name, "abc");
    world_key(app, 'e');
    ask = expect_ask(app, TUI_ASK_EXPORT);
    assert_string_equal(ask.name, "vedette-overview-20251122T140211Z.txt");
    assert_true(ask.bytes.size > 0);
    vd_buffer_free(&ask.bytes);
    tui_input_t answer = {.kind = TUI_INPUT_ANSWER,
                          .number = ask.number,
                          .status = VD_IO,
                          .text = "cannot write x: no space"};
    tui_app_step(app, WORLD_MS, &answer);
    world_expect(app, "cannot write x: no space");
    world_key(app, 'j');
    assert_null(strstr(world_drawn(app, 80, 24), "cannot write"));
    tui_app_destroy(&app);
}

static void confirm(tui_app_t *app)
{
    tui_ask_t ask = {.kind = TUI_ASK_CONTROL, .name = "poller-1", .word = "restart"};
    tui_app_confirm(app, &ask, "restart");
}

static void test_control_is_confirmed(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    confirm(app);
    world_expect(app, "to restart poller-1, type its name:");
    world_type(app, "poller-2\n");
    expect_no_ask(app, TUI_ASK_CONTROL);
    world_expect(app, "nothing was done: 'poller-2' is not poller-1");
    confirm(app);
    world_type(app, "poller-1\n");
    tui_ask_t ask = expect_ask(app, TUI_ASK_CONTROL);
    assert_string_equal(ask.name, "poller-1");
    assert_string_equal(ask.word, "restart");
    tui_app_destroy(&app);
    app = start(true);
    confirm(app);
    world_expect(app, "nothing can be changed here");
    world_type(app, "poller-1\n");
    expect_no_ask(app, TUI_ASK_CONTROL);
    tui_app_destroy(&app);
}

static void test_gone_and_back(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    tui_input_t link = {.kind = TUI_INPUT_LINK, .status = VD_UNREACHABLE};
    tui_app_step(app, WORLD_MS, &link);
    tui_app_step(app, WORLD_MS + 5000, &link);
    world_expect(app, "runtime gone since 14:02:11Z; what is shown is from then");
    world_expect(app, "GONE since 14:02:11Z");
    link.status = VD_OK;
    tui_app_step(app, WORLD_MS + 9000, &link);
    assert_null(strstr(world_drawn(app, 80, 24), "gone"));
    tui_app_destroy(&app);
}

static void test_help_and_sizes(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}, {59, 16}, {20, 4}, {1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_non_null(world_drawn(app, sizes[i][0], sizes[i][1]));
    assert_ptr_equal(strchr(world_drawn(app, 59, 30), '\n')[1] == '\n' ? app : NULL, app);
    world_drawn(app, 60, 16);
    world_key(app, '?');
    world_expect(app, "overview: help");
    assert_null(strstr(world_drawn(app, 60, 16), "q          quit"));
    for (int i = 0; i < 40; i++)
        world_key(app, 'j');
    assert_non_null(strstr(world_drawn(app, 60, 16), "q          quit"));
    world_key(app, TUI_KEY_ESCAPE);
    assert_null(strstr(world_drawn(app, 80, 24), "overview: help"));
    tui_app_destroy(&app);
}

static void test_times(void **state)
{
    (void)state;
    assert_string_equal(TUI_TIME(WORLD_MS, WORLD_MS + 1), "14:02:11Z");
    assert_string_equal(TUI_TIME(WORLD_MS, WORLD_MS + 86400000), "2025-11-22 14:02:11Z");
    assert_string_equal(TUI_TIME(0, 1), "-");
}

static void test_time(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 100);
    world_expect(app, "14:00:32Z");
    world_expect(app, "100/100");
    world_type(app, "[[");
    world_answer(app);
    world_expect(app, "PAST 14:02:09Z");
    world_expect(app, " 98/100");
    world_type(app, "]]");
    world_answer(app);
    world_expect(app, " 100/100");
    world_type(app, "{");
    world_answer(app);
    world_expect(app, "PAST 14:02:01Z");
    world_type(app, "t14:01:00\n");
    world_answer(app);
    world_expect(app, "PAST 14:01:00Z");
    world_type(app, "t-10s\n");
    world_answer(app);
    world_expect(app, "PAST 14:00:50Z");
    world_type(app, ":at 2025-11-22T14:02:00Z\n");
    world_answer(app);
    world_expect(app, "PAST 14:02:00Z");
    world_type(app, "tyesterday\n");
    world_expect(app, "'yesterday' is no time");
    world_type(app, "t33\n");
    world_answer(app);
    world_expect(app, " 33/100");
    world_type(app, "m"); /* to the next fault */
    world_answer(app);
    world_expect(app, " 40/100");
    world_type(app, "MM");
    world_answer(app);
    world_expect(app, " 20/100");
    world_head(app, 101, 110); /* the head goes on, what is shown does not */
    world_expect(app, " 20/110");
    world_type(app, "L");
    world_expect(app, "LIVE");
    world_expect(app, " 110/110");
    tui_app_destroy(&app);
}

static void test_plays(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 100);
    tui_input_t tick = {.kind = TUI_INPUT_TICK};
    world_type(app, ">");
    world_expect(app, "it is live");
    world_type(app, "t50\n");
    world_answer(app);
    assert_true(tui_app_wait_ms(app) < 0);
    world_type(app, " >>>"); /* 1, 2, 5, 10 */
    world_expect(app, "PLAYING 10x 14:01:21Z");
    assert_true(tui_app_wait_ms(app) >= 0);
    for (int i = 0; i <= 20; i++) {
        tui_app_step(app, WORLD_MS + 100 * i, &tick);
        world_answer(app);
    }
    world_expect(app, " 70/100");
    world_type(app, " ");
    world_expect(app, "PAST 14:01:41Z");
    tui_app_destroy(&app);
}

static void test_frozen(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 20);
    world_type(app, "2 ");
    world_expect(app, "FROZEN at 14:02:11Z");
    world_head(app, 21, 30);
    tui_input_t gone = {.kind = TUI_INPUT_NOW, .feed = TUI_FEED_CHILDREN};
    gone.value = vd_bytes("\x90", 1);
    tui_app_step(app, WORLD_MS, &gone);
    world_expect(app, "actors: 6"); /* what was known then */
    world_expect(app, " 20/30");
    world_type(app, " ");
    world_expect(app, "LIVE");
    world_expect(app, " 30/30");
    tui_app_destroy(&app);
}

static void test_begins_at_a_moment(void **state)
{
    (void)state;
    tui_app_options_t options = {.at = "7", .screen = "actors", .offline = true};
    tui_app_t *app = world_start(&options, 20);
    world_answer(app);
    world_expect(app, "PAST");
    world_expect(app, " 7/20");
    world_type(app, "r");
    world_expect(app, "nothing can be changed here");
    world_type(app, ":open other:5\n");
    world_answer(app);
    world_expect(app, " 7/20"); /* until the other is there */
    tui_app_destroy(&app);
}

/* The moment that is wished for is shown as soon as it was heard, whatever else is still to come. */
static void test_begins_while_it_is_opened(void **state)
{
    (void)state;
    tui_app_options_t options = {.screen = "stream", .offline = true};
    tui_app_t *app = tui_app_new(&options);
    tui_input_t opened = {.kind = TUI_INPUT_OPENED, .text = WORLD_SESSION};
    assert_non_null(app);
    world_expect(app, "OPENING");
    world_type(app, "t7\n"); /* before there is a session */
    tui_app_step(app, WORLD_MS, &opened);
    world_part(app, 1, 5, 20);
    world_expect(app, "READING 5 of 20");
    world_part(app, 6, 10, 20);
    world_answer(app);
    world_expect(app, "PAST");
    world_expect(app, " 7/10");
    world_expect(app, " 7 14:01:58.000Z");
    world_key(app, 'L');
    world_expect(app, "READING 10 of 20");
    world_head(app, 11, 20);
    world_expect(app, "OFFLINE");
    world_answer(app);
    world_expect(app, " 20 14:02:11.000Z");
    tui_app_destroy(&app);
}

/* A runtime whose ingestor hangs is there, but nothing is heard of it. */
static void test_silent(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 20);
    tui_input_t input = {.kind = TUI_INPUT_NOW, .feed = TUI_FEED_STORE, .status = VD_TIMED_OUT};
    tui_app_step(app, WORLD_MS, &input);
    world_expect(app, "LIVE");
    tui_app_step(app, WORLD_MS + 2000, &input);
    world_expect(app, "SILENT since 14:02:11Z");
    world_expect(app, "the ingestor does not answer since 14:02:11Z");
    world_now(app);
    world_expect(app, "LIVE");
    world_expect_not(app, "does not answer");
    tui_app_destroy(&app);
}

static void test_pruned(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 0);
    tui_input_t input = {
        .kind = TUI_INPUT_EVENTS, .status = VD_PRUNED, .seq = 1, .count = 5, .more = true};
    tui_app_step(app, WORLD_MS, &input);
    world_head(app, 6, 20);
    world_expect(app, "5 events before this moment are not there");
    world_expect(app, " 20/20");
    tui_app_destroy(&app);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens_by_key_and_name),
        cmocka_unit_test(test_filter_of_each_screen),
        cmocka_unit_test(test_quits_and_asks),
        cmocka_unit_test(test_control_is_confirmed),
        cmocka_unit_test(test_gone_and_back),
        cmocka_unit_test(test_help_and_sizes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_plays),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_begins_at_a_moment),
        cmocka_unit_test(test_begins_while_it_is_opened),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
