/* test_tui_observers.c: the screen "observers": what it asks for, and what it says of what it shows. */
#include "tui/app.h"
#include "tui_events.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS INT64_C(1763820131000) /* 2025-11-22T14:02:11Z */

static int64_t clock_ms;

static void step(tui_app_t *app, const tui_input_t *input)
{
    tui_app_step(app, clock_ms, input);
}

static void press(tui_app_t *app, int key)
{
    step(app, &(tui_input_t){.kind = TUI_INPUT_KEY, .key = key});
}

static void wait_until(tui_app_t *app, int64_t at_ms)
{
    clock_ms = at_ms;
    step(app, &(tui_input_t){.kind = TUI_INPUT_TICK});
}

/* Events of two observers, as they arrive. */
static void tell(tui_app_t *app, uint64_t from, uint64_t to)
{
    tui_script_t script;
    vd_buffer_t packed;
    tui_script_init(&script, "s1");
    vd_buffer_init(&packed, 1 << 20);
    for (uint64_t seq = 1; seq <= to; seq++)
        tui_script_add(&script, NOW_MS + (int64_t)seq, "changed", "{}",
                       seq % 2 ? "{\"observer\":\"rain\",\"source\":\"one\",\"turn\":1}"
                               : "{\"observer\":\"snow\",\"source\":\"one\",\"turn\":1}");
    for (uint64_t seq = from; seq <= to; seq++) {
        vd_event_t event = tui_script_event(&script, seq);
        assert_true(tui_events_add(&packed, vd_str("s1"), seq, event.raw));
    }
    step(app, &(tui_input_t){.kind = TUI_INPUT_EVENTS, .value = vd_buffer_view(&packed)});
    vd_buffer_free(&packed);
    tui_script_free(&script);
}

static tui_app_t *start(bool offline)
{
    tui_app_options_t options = {.screen = "observers", .offline = offline};
    tui_app_t *app = tui_app_new(&options);
    assert_non_null(app);
    clock_ms = NOW_MS;
    step(app, &(tui_input_t){.kind = TUI_INPUT_OPENED, .text = "s1"});
    tell(app, 1, 6);
    return app;
}

/* The ask of this kind, which is among those that are out; none: number 0. */
static tui_ask_t take_ask(tui_app_t *app, tui_ask_kind_t kind)
{
    tui_ask_t ask, found = {0};
    while (tui_app_next_ask(app, &ask)) {
        vd_buffer_free(&ask.bytes);
        if (ask.kind == kind)
            found = ask;
    }
    return found;
}

static void answer(tui_app_t *app, uint64_t number, vd_status_t status, const char *text,
                   const char *json)
{
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t value;
    vd_buffer_init(&value, 65536);
    assert_int_not_equal(number, 0);
    if (json != NULL)
        assert_int_equal(vd_json_parse(vd_str(json), &value, error, sizeof error), VD_OK);
    step(app, &(tui_input_t){.kind = TUI_INPUT_ANSWER,
                             .number = number,
                             .status = status,
                             .text = text,
                             .value = vd_buffer_view(&value)});
    vd_buffer_free(&value);
}

static const char *drawn(tui_app_t *app, int width, int height)
{
    static vd_buffer_t text;
    tui_canvas_t *canvas = tui_canvas_new(width, height, false);
    tui_app_draw(app, canvas);
    vd_buffer_free(&text);
    vd_buffer_init(&text, 1 << 20);
    tui_canvas_text(canvas, &text);
    vd_buffer_add(&text, "", 1);
    tui_canvas_destroy(&canvas);
    return (const char *)text.data;
}

static void expect(tui_app_t *app, const char *text)
{
    if (strstr(drawn(app, 80, 24), text) == NULL)
        fail_msg("there is no \"%s\" in:\n%s", text, drawn(app, 80, 24));
}

static void expect_not(tui_app_t *app, const char *text)
{
    if (strstr(drawn(app, 80, 24), text) != NULL)
        fail_msg("there is \"%s\" in:\n%s", text, drawn(app, 80, 24));
}

#define SNAPSHOT(word)                                                                             \
    "{\"observer\":\"rain\",\"phase\":\"running\",\"at\":\"2025-11-22T14:02:10.000Z\","            \
    "\"state\":{\"word\":\"" word "\"}}"
#define LAYOUT "{\"elements\":[{\"text\":\"the word is {word}\"}]}"

static void test_shows_the_chosen_one_as_it_declares(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    expect(app, "rain");
    expect(app, "snow");
    tui_ask_t ask = {0}, layout = {0}, snapshot = {0};
    while (tui_app_next_ask(app, &ask)) {
        if (ask.kind == TUI_ASK_LAYOUT)
            layout = ask;
        else if (ask.kind == TUI_ASK_SNAPSHOT)
            snapshot = ask;
        vd_buffer_free(&ask.bytes);
    }
    assert_string_equal(layout.name, "rain");
    assert_string_equal(snapshot.name, "rain");
    answer(app, snapshot.number, VD_OK, "", SNAPSHOT("one"));
    expect(app, "word  one"); /* a tree, until the layout is there */
    answer(app, layout.number, VD_OK, "", LAYOUT);
    expect(app, "the word is one");
    press(app, TUI_KEY_DOWN); /* the next one: nothing of the first is left under its name */
    expect_not(app, "the word is one");
    assert_string_equal(take_ask(app, TUI_ASK_SNAPSHOT).name, "snow");
    tui_app_destroy(&app);
}

static void test_asks_again_as_it_changes(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    tui_ask_t first = take_ask(app, TUI_ASK_SNAPSHOT);
    wait_until(app, NOW_MS + 5000);
    assert_int_equal(take_ask(app, TUI_ASK_SNAPSHOT).number, 0); /* one at a time */
    answer(app, first.number, VD_OK, "", SNAPSHOT("one"));
    clock_ms = NOW_MS + 5000;
    tui_ask_t second = take_ask(app, TUI_ASK_SNAPSHOT);
    answer(app, second.number, VD_OK, "", SNAPSHOT("two"));
    expect(app, "two");
    tell(app, 7, 8);
    assert_int_equal(take_ask(app, TUI_ASK_SNAPSHOT).number, 0); /* at most four a second */
    wait_until(app, NOW_MS + 5251);
    tui_ask_t third = take_ask(app, TUI_ASK_SNAPSHOT);
    answer(app, third.number, VD_OK, "", SNAPSHOT("three"));
    wait_until(app, NOW_MS + 5251 + 600); /* without a change each second */
    assert_int_equal(take_ask(app, TUI_ASK_SNAPSHOT).number, 0);
    wait_until(app, NOW_MS + 5251 + 1000);
    assert_int_not_equal(take_ask(app, TUI_ASK_SNAPSHOT).number, 0);
    tui_app_destroy(&app);
}

static void test_one_that_is_down_keeps_its_view(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    answer(app, take_ask(app, TUI_ASK_SNAPSHOT).number, VD_OK, "", SNAPSHOT("one"));
    wait_until(app, NOW_MS + 2000);
    answer(app, take_ask(app, TUI_ASK_SNAPSHOT).number, VD_NOT_READY,
           "observer rain does not answer", NULL);
    expect(app, "word  one");
    expect(app, "rain as of 14:02:10Z");
    expect(app, "observer rain does not answer");
    wait_until(app, NOW_MS + 4000);
    answer(app, take_ask(app, TUI_ASK_SNAPSHOT).number, VD_OK, "", SNAPSHOT("back"));
    expect_not(app, "does not answer");
    expect_not(app, "as of");
    expect(app, "word  back");
    tui_app_destroy(&app);
}

static void test_says_what_goes_wrong_with_it(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    answer(app, take_ask(app, TUI_ASK_SNAPSHOT).number, VD_OK, "",
           "{\"phase\":\"running\",\"error\":{\"stage\":\"turn\",\"text\":\"a bad "
           "word\",\"recovered_at\":null},\"state\":{}}");
    expect(app, "error: a bad word");
    wait_until(app, NOW_MS + 2000);
    answer(app, take_ask(app, TUI_ASK_SNAPSHOT).number, VD_OK, "",
           "{\"phase\":\"running\",\"error\":null,\"source_count\":3,\"sources_failed\":2}");
    expect(app, "2 of 3 sources cannot be read");
    tui_app_destroy(&app);
}

/* A store alone has no now: what was known after the newest event is asked for. */
static void test_the_past_says_which_moment_it_is(void **state)
{
    (void)state;
    tui_app_t *app = start(true);
    tui_ask_t past = take_ask(app, TUI_ASK_PAST);
    assert_string_equal(past.name, "rain");
    assert_string_equal(past.word, "s1");
    assert_int_equal(past.seq, 6);
    expect(app, "asking what it knew after event 6");
    tell(app, 7, 9); /* another moment meanwhile: it is asked for when the first is answered */
    assert_int_equal(take_ask(app, TUI_ASK_PAST).number, 0);
    answer(app, past.number, VD_OK, "", SNAPSHOT("old"));
    expect(app, "rain after event 6, as of 14:02:10Z");
    expect(app, "asking what it knew after event 9");
    past = take_ask(app, TUI_ASK_PAST);
    assert_int_equal(past.seq, 9);
    answer(app, past.number, VD_PRUNED, "events of session s1 up to 4 were pruned", NULL);
    expect(app, "word  old");
    expect(app, "were pruned");
    wait_until(app, NOW_MS + 60000); /* the past does not change */
    assert_int_equal(take_ask(app, TUI_ASK_PAST).number, 0);
    tui_app_destroy(&app);
}

static void test_the_view_alone(void **state)
{
    (void)state;
    tui_app_t *app = start(false);
    answer(app, take_ask(app, TUI_ASK_SNAPSHOT).number, VD_OK, "", SNAPSHOT("one"));
    expect(app, "snow");
    press(app, TUI_KEY_ENTER);
    expect_not(app, "snow");
    expect(app, "word  one");
    press(app, TUI_KEY_DOWN);
    press(app, TUI_KEY_ESCAPE);
    expect(app, "snow");
    assert_non_null(strstr(drawn(app, 120, 40), "word  one"));
    assert_non_null(strstr(drawn(app, 60, 16), "word  one"));
    tui_app_destroy(&app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_the_chosen_one_as_it_declares),
        cmocka_unit_test(test_asks_again_as_it_changes),
        cmocka_unit_test(test_one_that_is_down_keeps_its_view),
        cmocka_unit_test(test_says_what_goes_wrong_with_it),
        cmocka_unit_test(test_the_past_says_which_moment_it_is),
        cmocka_unit_test(test_the_view_alone),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
