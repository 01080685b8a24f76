/* test_tui_told.c: what processes tell of now: it stays while they do not answer, what finds no room is
 * counted, what the auditor finds is part of the health; the overview filters it and leads to it. */
#include "tui_runtime.h"
#include "wire/message.h"
#include "wire/value.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BYTES = 1 << 20, MANY = 600 };

static void tell(tui_app_t *app, int64_t at_ms, tui_feed_t feed, const vd_buffer_t *value)
{
    assert_false(value->full);
    tui_input_t input = {.kind = TUI_INPUT_NOW, .feed = feed, .value = vd_buffer_view(value)};
    tui_app_step(app, at_ms, &input);
}

/* A round in which `name` did not answer. */
static void tell_silence(tui_app_t *app, int64_t at_ms, tui_feed_t feed, const char *key,
                         const char *name)
{
    vd_buffer_t out;
    vd_buffer_init(&out, BYTES);
    vd_write_array(&out, 1);
    vd_write_map(&out, 1);
    vd_write_pair_text(&out, key, name);
    tell(app, at_ms, feed, &out);
    vd_buffer_free(&out);
}

static void tell_subscribers(tui_app_t *app, const char *publisher, size_t count, const char *name)
{
    vd_buffer_t out;
    vd_buffer_init(&out, BYTES);
    vd_write_array(&out, 2);
    vd_write_map(&out, 1);
    vd_write_pair_text(&out, "publisher", "ingestor"); /* it does not answer */
    vd_write_map(&out, 2);
    vd_write_pair_text(&out, "publisher", publisher);
    vd_write_text(&out, "rows");
    vd_write_array(&out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        vd_subscriber_record_t row = {.id = i + 1,
                                      .name = vd_str(name),
                                      .streams = vd_str("live"),
                                      .mode = vd_str("live_only")};
        vd_record_encode(VD_RECORD_subscriber, &row, &out);
    }
    tell(app, WORLD_MS, TUI_FEED_SUBSCRIBERS, &out);
    vd_buffer_free(&out);
}

static void test_a_silent_ingestor_leaves_its_subscribers(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "5");
    tell_silence(app, WORLD_MS, TUI_FEED_SUBSCRIBERS, "publisher", "ingestor");
    world_expect(app, "subscribers: 2; ingestor does not answer: as of before");
    world_expect(app, "commits_only 1234 77 0 100 118M 2");
    tell_subscribers(app, "relay-1", 1, "wall");
    world_expect(app, "subscribers: 3; ingestor does not answer");
    world_expect(app, "archive");
    world_expect(app, "wall");
    tui_app_destroy(&app);
    app = tui_app_new(&(tui_app_options_t){.screen = "subscribers"});
    tell_silence(app, WORLD_MS, TUI_FEED_SUBSCRIBERS, "publisher", "ingestor");
    world_expect(app, "not known: nobody has answered yet");
    tui_app_destroy(&app);
}

static void test_a_silent_poller_leaves_its_readings(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "3");
    tell_silence(app, WORLD_MS, TUI_FEED_READINGS, "poller", "poller-1");
    world_expect(app, "36 up, 1 failing, 1 late, 2 unread: 40");
    world_type(app, "/\025web-7\n");
    world_expect(app, "web-7 failing 1s 15% 12ms");
    world_type(app, "/\025web-3 \n"); /* hangs, then: no figure of it is of now */
    tell_silence(app, WORLD_MS + 8000, TUI_FEED_READINGS, "poller", "poller-1");
    world_type(app, "/\025web-30\n");
    world_expect(app, "web-30 late 8x 1s 0 12ms");
    vd_buffer_t none;
    vd_buffer_init(&none, BYTES);
    vd_write_array(&none, 0); /* nobody is its poller any more */
    tell(app, WORLD_MS + 9000, TUI_FEED_READINGS, &none);
    vd_buffer_free(&none);
    world_expect(app, "web-30 not read");
    tui_app_destroy(&app);
}

static void test_what_finds_no_room_is_counted(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "5");
    tell_subscribers(app, "relay-1", MANY, "one of many");
    world_expect(app, "subscribers: 512; 90 more found no room");
    world_now(app); /* other feeds say nothing of it */
    tell_subscribers(app, "relay-1", MANY, "one of many");
    vd_buffer_t out;
    vd_buffer_init(&out, BYTES);
    vd_write_map(&out, 0);
    tell(app, WORLD_MS, TUI_FEED_STORE, &out);
    world_expect(app, "90 more found no room");
    vd_buffer_clear(&out);
    vd_write_array(&out, MANY);
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "actor-%d", i);
        vd_child_record_t child = {.name = vd_str(name),
                                   .kind = vd_str("observer"),
                                   .state = vd_str("ready"),
                                   .wanted = vd_str("up")};
        vd_record_encode(VD_RECORD_child, &child, &out);
    }
    tell(app, WORLD_MS, TUI_FEED_CHILDREN, &out);
    vd_buffer_free(&out);
    world_type(app, "2");
    world_expect(app, "actors: 512; 89 more found no room"); /* the supervisor is one of them */
    tui_app_destroy(&app);
}

static void tell_audit(tui_app_t *app, const char *trouble)
{
    vd_buffer_t out;
    vd_buffer_init(&out, BYTES);
    vd_write_map(&out, trouble[0] != 0 ? 1 : 0);
    if (trouble[0] != 0)
        vd_write_pair_text(&out, "trouble", trouble);
    tell(app, WORLD_MS, TUI_FEED_AUDIT, &out);
    vd_buffer_free(&out);
}

static void test_health_has_what_the_auditor_finds(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    tell_audit(app, "1 invariant is violated: sequence_is_whole");
    world_expect(app,
                 "health troubled audit: 1 invariant is violated: sequence_is_whole; poller-1");
    tui_input_t silent = {
        .kind = TUI_INPUT_NOW, .feed = TUI_FEED_AUDIT, .status = VD_TIMED_OUT, .text = ""};
    tui_app_step(app, WORLD_MS, &silent);
    world_expect(app, "audit: 1 invariant is violated"); /* what was told last stays */
    tell_audit(app, "");
    world_expect(app, "health degraded poller-1 is in backoff");
    tui_app_destroy(&app);
}

static void test_the_overview_is_filtered(void **state)
{
    (void)state;
    tui_app_t *app = world_start(NULL, 25);
    world_type(app, "/web-7\n");
    world_expect(app, "sources: 1 of 40");
    world_expect(app, "actors: 0 of 6");
    world_expect(app, "newest faults (0 of 2)");
    world_expect(app, "none that the filter lets through");
    world_expect_not(app, "web-39");
    world_type(app, "/\025!poller-1\n");
    world_expect(app, "actors: 5 of 6");
    world_expect(app, "newest faults (0 of 2)");
    world_type(app, "/\025(20)\n");
    world_expect(app, "newest faults (1 of 2)");
    world_expect(app, "poller-1: killed by signal 9 (20)");
    world_type(app, "t15\n"); /* in the past as well */
    world_answer(app);
    world_expect(app, "newest faults (0 of 1)");
    world_key(app, TUI_KEY_ESCAPE);
    world_expect(app, "newest faults (1)");
    tui_app_destroy(&app);
}

static void test_enter_leads_to_what_is_not_well(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        const tui_screen_t *screen;
    } ways[] = {{"", &tui_screen_actors}, /* poller-1 is in backoff */
                {"web-7", &tui_screen_sources},
                {"ingestor", &tui_screen_actors},
                {"nothing at all", &tui_screen_actors}};
    tui_app_t *app = world_start(NULL, 25);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        world_type(app, "1/\025");
        world_type(app, ways[i].filter);
        world_type(app, "\n");
        world_key(app, TUI_KEY_ENTER);
        assert_ptr_equal(tui_app_screen(app), ways[i].screen);
        assert_string_equal(tui_app_filter(app), ways[i].filter);
    }
    tui_app_destroy(&app);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_ingestor_leaves_its_subscribers),
        cmocka_unit_test(test_a_silent_poller_leaves_its_readings),
        cmocka_unit_test(test_what_finds_no_room_is_counted),
        cmocka_unit_test(test_health_has_what_the_auditor_finds),
        cmocka_unit_test(test_the_overview_is_filtered),
        cmocka_unit_test(test_enter_leads_to_what_is_not_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
