/* test_tui_screens.c: overview, actors, sources and subscribers: at every size, filtered, now and in the
 * past. */
#include "tui_runtime.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}, {59, 16}, {60, 15}, {30, 3}};

/* No line is wider than the screen, and there are not more than it has. */
static void expect_within(tui_app_t *app, int width, int height)
{
    const char *text = world_drawn(app, width, height);
    int lines = 0;
    for (; *text != 0; lines++) {
        size_t size = strcspn(text, "\n");
        assert_true(tui_columns(vd_bytes(text, size)) <= width);
        text += size + (text[size] == '\n');
    }
    assert_true(lines <= height);
}

static void test_every_screen_at_every_size(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    for (int round = 0; round < 3; round++) {
        for (int key = '1'; key <= '8'; key++) {
            world_key(app, key);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                expect_within(app, sizes[i][0], sizes[i][1]);
        }
        world_type(app, round == 0 ? "2\n35\n" : "[["); /* details open; the past */
        world_answer(app);
    }
    tui_app_destroy(&app);
    tui_app_options_t options = {0};
    app = tui_app_new(&options); /* before anything is known */
    for (int key = '1'; key <= '8'; key++) {
        world_key(app, key);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            expect_within(app, sizes[i][0], sizes[i][1]);
    }
    tui_app_destroy(&app);
}

static void test_overview(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_expect(app, "health degraded poller-1 is in backoff");
    world_expect(app, "actors 3 of 4 ready; poller-1 backoff");
    world_expect(app, "sources 36 up, 1 failing, 1 late, 2 not read; web-7: connection refused");
    world_expect(app, "1/s, 25 in all");
    world_expect(app, "commit p50 0.4ms p99 12ms; emit to visible p50 12000ms");
    world_expect(app, "writing, 4711 events in 3 sessions, 5.0M");
    world_expect(app, "night, " WORLD_SESSION ", active since 14:01:47Z");
    world_expect(app, "newest faults (2)");
    world_expect(app, "14:02:06Z death poller-1: killed by signal 9 (20)");
    world_type(app, "t15\n");
    world_answer(app);
    world_expect(app, "newest faults (1)");
    world_expect(app, "latency -");
    world_expect_not(app, "in backoff");
    tui_app_destroy(&app);
}

/* Fails unless the texts are drawn, in this order. */
static void expect_in_order(const char *drawn, const char *const *texts)
{
    const char *at = drawn;
    for (size_t i = 0; texts[i] != NULL; i++) {
        const char *found = strstr(at, texts[i]);
        if (found == NULL)
            fail_msg("there is no \"%s\" in its place in:\n%s", texts[i], drawn);
        at = found;
    }
}

/* As far as there is room: who is there, what is not well first. */
static void test_panes_of_the_overview(void **state)
{
    (void)state;
    static const char *const wide[] = {"health",
                                       "session",
                                       "─ actors",
                                       "─ sources",
                                       "poller-1",
                                       "backoff",
                                       "3 restarts",
                                       "web-7",
                                       "failing",
                                       "15% failed connection",
                                       "supervisor",
                                       "web-39",
                                       "no poller",
                                       "broker",
                                       "web-5",
                                       "late 8x",
                                       "ingestor",
                                       "25%   5.0M",
                                       "web-38",
                                       "not read",
                                       "fresh",
                                       "and 17 more",
                                       "newest faults (2)",
                                       "death",
                                       NULL};
    static const char *const narrow[] = {"session",
                                         "─ actors",
                                         "poller-1",
                                         "backoff",
                                         "3 restarts killed by signal 9",
                                         "and 4 more",
                                         "─ sources",
                                         "web-7",
                                         "failing",
                                         "connection refused",
                                         "web-39",
                                         "web-5",
                                         "and 37 more",
                                         "newest faults (2)",
                                         "death",
                                         NULL};
    tui_app_t *app = world_start(NULL, 25);
    expect_in_order(world_drawn(app, 120, 40), wide);
    expect_in_order(world_drawn(app, 80, 24), narrow);
    const char *small = world_drawn(app, 60, 16);
    assert_null(strstr(small, "─ actors"));
    assert_non_null(strstr(small, "─ newest faults (2)"));
    world_type(app, "t15\n"); /* nothing of now */
    world_answer(app);
    world_expect(app, "poller-1 dead 0 restarts killed by");
    world_expect(app, "─ sources of events");
    world_expect(app, "web-1 10 events, newest 14:02:01Z");
    world_expect(app, "raft - 10 events, the newest at 14:02:01Z, of web-1");
    world_expect_not(app, "failing");
    tui_app_destroy(&app);
}

static void test_actors(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "2");
    world_expect(app, "actors: 6");
    world_expect(app, "ingestor ready 1001 14:01:11Z 0 25% 5.0M -");
    world_expect(app, "backoff - 14:01:11Z 3 - - 14:02:15Z");
    world_expect(app, "killed by signal 9 (Killed), 3");
    world_expect(app, "a-relay-with-… stopped");
    world_type(app, "/!ready\n");
    world_expect(app, "actors: 2 of 6");
    world_key(app, TUI_KEY_ESCAPE);
    world_type(app, "G\n"); /* its name whole, in the pane */
    world_expect(app, "a-relay-with-a-name-that-is-long-indeed-for-a-column");
    world_key(app, TUI_KEY_ESCAPE);
    world_expect_not(app, "detail");
    world_type(app, "gjjr"); /* whom it means is the chosen one */
    world_expect(app, "to restart ingestor, type its name:");
    world_key(app, TUI_KEY_ESCAPE);
    world_type(app, "t15\n");
    world_answer(app);
    world_expect(app, "actors: 3");
    world_expect(app, "dead ");
    world_expect(app, "killed by signal 9");
    world_expect_not(app, "25%");
    tui_app_destroy(&app);
}

static void test_sources(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "3");
    world_expect(app, "36 up, 1 failing, 1 late, 2 unread: 40");
    world_type(app, "/\025web-5\n");
    world_expect(app, "web-5 late 8x 1s 0 12ms");
    world_type(app, "/\025web-7\n");
    world_expect(app, "web-7 failing 1s 15% 12ms");
    world_expect(app, "connection refused?[2J by 127.0.0.1");
    world_type(app, "/\025web-38\n");
    world_expect(app, "web-38 not read");
    world_type(app, "/\025web-39\n");
    world_expect(app, "web-39 no poller");
    world_type(app, "/\025failing\n");
    world_expect(app, ": 1 of 40");
    world_key(app, TUI_KEY_ESCAPE);
    world_type(app, "t15\n");
    world_answer(app);
    world_expect(app, "sources of events: 1");
    world_expect(app, "web-1 ");
    world_type(app, "L");
    world_expect(app, "2 unread: 40");
    tui_app_destroy(&app);
}

static void test_subscribers(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    tui_ask_t ask;
    world_type(app, "5");
    world_expect(app, "subscribers: 2");
    world_expect(app, "commits_only 1234 77 0 100 118M 2");
    world_type(app, "jK");
    world_expect(app, "to kick archive, type its name:");
    world_answer(app);
    world_type(app, "archive\n");
    assert_true(tui_app_next_ask(app, &ask));
    assert_int_equal(ask.kind, TUI_ASK_STEER);
    assert_int_equal(ask.id, 2);
    world_type(app, "t15\n");
    world_answer(app);
    world_expect(app, "no event up to this moment tells of a subscriber");
    world_type(app, "jK");
    tui_app_destroy(&app);
}

static void test_nothing_ticks(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    for (int key = '1'; key <= '5'; key++) {
        if (key == '4')
            continue;
        world_key(app, key);
        tui_input_t tick = {.kind = TUI_INPUT_TICK};
        tui_app_step(app, WORLD_MS + 2000, &tick); /* nothing happens any more */
        char *before = strdup(world_drawn(app, 120, 40));
        tui_app_step(app, WORLD_MS + 12000, &tick);
        assert_true(tui_app_wait_ms(app) < 0);
        assert_string_equal(world_drawn(app, 120, 40), before);
        free(before);
    }
    tui_app_destroy(&app);
}

static void test_exports_all_and_copies_one(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    tui_ask_t ask;
    world_answer(app);
    world_type(app, "3e");
    assert_true(tui_app_next_ask(app, &ask));
    assert_int_equal(ask.kind, TUI_ASK_EXPORT);
    size_t lines = 0;
    for (size_t i = 0; i < ask.bytes.size; i++)
        lines += ask.bytes.data[i] == '\n';
    assert_int_equal(lines, 41);
    vd_buffer_free(&ask.bytes);
    world_type(app, "y");
    assert_true(tui_app_next_ask(app, &ask));
    assert_int_equal(ask.kind, TUI_ASK_COPY);
    assert_memory_equal(ask.bytes.data, "web-0\tfresh\t", 12);
    vd_buffer_free(&ask.bytes);
    tui_app_destroy(&app);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_screen_at_every_size),
        cmocka_unit_test(test_overview),
        cmocka_unit_test(test_panes_of_the_overview),
        cmocka_unit_test(test_actors),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_subscribers),
        cmocka_unit_test(test_nothing_ticks),
        cmocka_unit_test(test_exports_all_and_copies_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
