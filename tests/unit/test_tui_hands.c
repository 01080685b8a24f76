/* test_tui_hands.c: what hands do: nothing is done that was not confirmed, nothing is copied or written in
 * part without a word, prompts are read where there is one line alone, marks are told without colours. */
#include "tui_runtime.h"
#include "wire/message.h"
#include "wire/value.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BYTES = 1 << 20 };

static bool next_ask(tui_app_t *app, tui_ask_kind_t kind, tui_ask_t *ask)
{
    while (tui_app_next_ask(app, ask)) {
        if (ask->kind == kind)
            return true;
        vd_buffer_free(&ask->bytes);
    }
    return false;
}

/* ---- who has no name ---- */

static tui_app_t *with_nameless(void)
{
    tui_app_t *app = world_start(NULL, 25);
    vd_subscriber_record_t row = {.id = 7, .streams = vd_str("live"), .mode = vd_str("live_only")};
    vd_buffer_t out;
    vd_buffer_init(&out, BYTES);
    vd_write_array(&out, 1);
    vd_write_map(&out, 2);
    vd_write_pair_text(&out, "publisher", "ingestor");
    vd_write_text(&out, "rows");
    vd_write_array(&out, 1);
    vd_record_encode(VD_RECORD_subscriber, &row, &out);
    tui_input_t input = {
        .kind = TUI_INPUT_NOW, .feed = TUI_FEED_SUBSCRIBERS, .value = vd_buffer_view(&out)};
    tui_app_step(app, WORLD_MS, &input);
    vd_buffer_free(&out);
    world_type(app, "5");
    world_expect(app, "(no name)");
    return app;
}

/* Whatever ends a line but Enter does nothing, and neither does an empty one. */
static void test_leaving_never_confirms(void **state)
{
    (void)state;
    static const int ends[] = {TUI_KEY_ESCAPE, TUI_CTRL('c'), TUI_KEY_BACKSPACE, TUI_KEY_ENTER};
    static const char verbs[] = "puK";
    tui_app_t *app = with_nameless();
    tui_ask_t ask;
    for (size_t verb = 0; verbs[verb] != 0; verb++)
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
            world_key(app, verbs[verb]);
            world_expect(app, "ingestor/7, type that:");
            world_key(app, ends[i]);
            world_expect(app, "nothing was done");
            assert_false(next_ask(app, TUI_ASK_STEER, &ask));
        }
    world_type(app, "Kingestor/7");
    world_key(app, TUI_KEY_ESCAPE); /* as much as is typed */
    assert_false(next_ask(app, TUI_ASK_STEER, &ask));
    world_type(app, "Kingestor/8\n");
    world_expect(app, "'ingestor/8' is not ingestor/7");
    assert_false(next_ask(app, TUI_ASK_STEER, &ask));
    world_type(app, "Kingestor/7\n");
    assert_true(next_ask(app, TUI_ASK_STEER, &ask));
    assert_int_equal(ask.id, 7);
    assert_string_equal(ask.name, "");
    assert_string_equal(ask.word, "kick");
    tui_app_destroy(&app);
}

static void test_nobody_is_steered_by_who_only_reads(void **state)
{
    (void)state;
    tui_app_options_t options = {.readonly = true};
    tui_app_t *app = world_start(&options, 25);
    tui_ask_t ask;
    world_type(app, "5");
    for (const char *verb = "puK"; *verb != 0; verb++) {
        world_key(app, *verb);
        world_expect(app, "nothing can be changed here: started with --readonly");
        world_type(app, "dashboard\n");
        assert_false(next_ask(app, TUI_ASK_STEER, &ask));
    }
    tui_app_destroy(&app);
}

/* ---- copies and files ---- */

/* Event `seq`, with as much text as is not copied. */
static void give_large(tui_app_t *app, uint64_t seq, size_t size)
{
    char *text = malloc(size + 1);
    vd_buffer_t raw, data, events;
    assert_non_null(text);
    memset(text, '\033', size); /* six characters each, as JSON */
    text[size] = 0;
    vd_buffer_init(&raw, BYTES);
    vd_buffer_init(&data, BYTES);
    vd_buffer_init(&events, BYTES);
    vd_write_map(&data, 1);
    vd_write_pair_text(&data, "text", text);
    vd_event_write(&raw, WORLD_MS, vd_str("large"), vd_buffer_view(&data), vd_bytes(NULL, 0));
    assert_true(tui_events_add(&events, vd_str(WORLD_SESSION), seq, vd_buffer_view(&raw)));
    tui_input_t input = {.kind = TUI_INPUT_EVENTS, .value = vd_buffer_view(&events)};
    tui_app_step(app, WORLD_MS, &input);
    vd_buffer_free(&raw);
    vd_buffer_free(&data);
    vd_buffer_free(&events);
    free(text);
}

static void test_no_half_event_is_copied(void **state)
{
    (void)state;
    enum { LARGE = 60000 };
    tui_app_t *app = world_start(NULL, 5);
    tui_ask_t ask;
    world_type(app, "4");
    give_large(app, 6, LARGE);
    world_type(app, "y");
    assert_false(next_ask(app, TUI_ASK_COPY, &ask));
    world_expect(app, "nothing was copied: it has more than 262144 bytes; e writes it");
    world_type(app, "e");
    assert_true(next_ask(app, TUI_ASK_EXPORT, &ask));
    assert_true(ask.bytes.size > 6 * LARGE);
    assert_int_equal(ask.count, 0); /* all there is */
    vd_buffer_free(&ask.bytes);
    tui_app_destroy(&app);
}

static void test_a_file_has_whole_lines_and_says_how_many(void **state)
{
    (void)state;
    enum { LARGE = 250000, EVENTS = 14 }; /* 4 MiB of events, 21 MB as JSON */
    tui_app_t *app = world_start(NULL, 5);
    tui_ask_t ask;
    world_type(app, "4");
    for (uint64_t seq = 6; seq < 6 + EVENTS; seq++)
        give_large(app, seq, LARGE);
    world_type(app, "e");
    assert_true(next_ask(app, TUI_ASK_EXPORT, &ask));
    size_t lines = 0;
    for (size_t i = 0; i < ask.bytes.size; i++)
        lines += ask.bytes.data[i] == '\n';
    assert_true(ask.count > 5 && ask.count < 5 + EVENTS);
    assert_int_equal(lines, ask.count);
    assert_int_equal(ask.bytes.data[ask.bytes.size - 1], '\n');
    vd_buffer_free(&ask.bytes);
    tui_app_destroy(&app);
}

/* ---- one line alone ---- */

static void test_one_line_shows_what_is_typed(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    const char *live = world_drawn(app, 50, 10);
    assert_memory_equal(live, "LIVE", 4);
    world_type(app, ":");
    const char *typed = world_drawn(app, 50, 10);
    assert_memory_equal(typed, ":\n", 2);
    world_key(app, TUI_KEY_ESCAPE);
    world_type(app, "2jr");
    world_type(app, "x\n");
    assert_non_null(strstr(world_drawn(app, 50, 10), "nothing was done"));
    world_type(app, "?");
    assert_non_null(strstr(world_drawn(app, 50, 10), "help needs 60 columns"));
    world_type(app, "3"); /* it is no key of a help that nobody sees */
    assert_ptr_equal(tui_app_screen(app), &tui_screen_sources);
    world_drawn(app, 80, 24);
    world_type(app, "?");
    world_expect(app, "sources: help");
    world_drawn(app, 50, 10); /* it was open while there was room */
    world_type(app, "2");
    assert_ptr_equal(tui_app_screen(app), &tui_screen_actors);
    tui_app_destroy(&app);
}

/* ---- the line of time ---- */

static void give(tui_app_t *app, uint64_t seq, int64_t at_ms, const char *type)
{
    vd_buffer_t raw, data, events;
    vd_buffer_init(&raw, BYTES);
    vd_buffer_init(&data, BYTES);
    vd_buffer_init(&events, BYTES);
    vd_write_map(&data, 2);
    vd_write_pair_text(&data, "node", "n");
    vd_write_pair_text(&data, "error", "it broke");
    vd_event_write(&raw, at_ms, vd_str(type), vd_buffer_view(&data), vd_bytes(NULL, 0));
    assert_true(tui_events_add(&events, vd_str(WORLD_SESSION), seq, vd_buffer_view(&raw)));
    tui_input_t input = {.kind = TUI_INPUT_EVENTS, .value = vd_buffer_view(&events)};
    tui_app_step(app, WORLD_MS, &input);
    vd_buffer_free(&raw);
    vd_buffer_free(&data);
    vd_buffer_free(&events);
}

/* The line of time, as drawn. */
static const char *track(tui_app_t *app)
{
    static char line[512];
    const char *text = world_drawn(app, 120, 40);
    for (int i = 0; i < 38; i++)
        text += strcspn(text, "\n") + 1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

static void test_marks_differ_by_their_signs(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    give(app, 26, WORLD_MS + 1000, "node_generation_failed");
    give(app, 27, WORLD_MS + 3000, "thing_seen");
    assert_non_null(strstr(track(app), "◆"));
    assert_non_null(strstr(track(app), "◆"));
    assert_non_null(strstr(track(app), "○"));
    assert_non_null(strstr(track(app), "●"));
    assert_null(strstr(track(app), "▲"));
    world_type(app, "t20\n"); /* a death */
    world_answer(app);
    assert_non_null(strstr(track(app), "▲"));
    assert_null(strstr(track(app), "●"));
    tui_app_destroy(&app);
}

static void test_a_time_may_begin_with_a_blank(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "t -5s\n");
    world_answer(app);
    world_expect(app, "PAST 14:02:06Z");
    tui_app_destroy(&app);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaving_never_confirms),
        cmocka_unit_test(test_nobody_is_steered_by_who_only_reads),
        cmocka_unit_test(test_no_half_event_is_copied),
        cmocka_unit_test(test_a_file_has_whole_lines_and_says_how_many),
        cmocka_unit_test(test_one_line_shows_what_is_typed),
        cmocka_unit_test(test_marks_differ_by_their_signs),
        cmocka_unit_test(test_a_time_may_begin_with_a_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
