/* test_tui_progress_draw.c: the progress of a workflow in boxes of all sizes, read as text. */
#include "tui/progress_draw.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t now_ms = 1700000000000;

static void apply(tui_progress_t *progress, const char *type, const char *json)
{
    char ts[VD_TS_SIZE], error[1024];
    vd_buffer_t data;
    vd_ts_format(now_ms += 1000, ts);
    vd_buffer_init(&data, 65536);
    assert_int_equal(vd_json_parse(vd_str(json), &data, error, sizeof error), VD_OK);
    vd_event_t event = {.ts = vd_str(ts), .type = vd_str(type), .data = vd_buffer_view(&data)};
    assert_true(tui_progress_apply(progress, &event));
    vd_buffer_free(&data);
}

/* A generation in its middle: one node failed, one runs, one waits, two are over. */
static tui_progress_t *middle(void)
{
    static const char *const told[][2] = {
        {"scan_started", "{\"path\": \"/srv/tree\"}"},
        {"scan_completed", "{\"scanned\": 9, \"duration_ms\": 12, \"changed\": 5}"},
        {"plan_constructed", "{\"nodes\": 5, \"levels\": 3, \"skipped\": 0}"},
        {"generation_started", "{\"nodes\": 5, \"levels\": 3}"},
        {"level_started", "{\"level\": 1, \"nodes\": 2}"},
        {"node_generation_started", "{\"node\": \"base.txt\", \"level\": 1, \"attempt\": 1}"},
        {"node_generation_completed",
         "{\"node\": \"base.txt\", \"duration_ms\": 340, \"size_bytes\": 5000}"},
        {"node_skipped", "{\"node\": \"old.txt\", \"reason\": \"nothing has changed\"}"},
        {"level_completed", "{\"level\": 1, \"generated\": 1, \"duration_ms\": 2000}"},
        {"level_started", "{\"level\": 2, \"nodes\": 2}"},
        {"node_generation_started", "{\"node\": \"intro.txt\", \"level\": 2, \"attempt\": 2}"},
        {"request_enqueued", "{\"request\": \"r1\", \"node\": \"intro.txt\", \"pending\": 1}"},
        {"request_processing", "{\"request\": \"r1\", \"waited_ms\": 4}"},
        {"provider_request_sent",
         "{\"provider\": \"compose\", \"request\": \"r1\", \"attempt\": 1}"},
        {"provider_request_failed",
         "{\"provider\": \"compose\", \"request\": \"r1\", \"attempt\": 1, \"duration_ms\": 70, "
         "\"error\": \"HTTP 503: busy\"}"},
        {"provider_request_retrying",
         "{\"provider\": \"compose\", \"request\": \"r1\", \"attempt\": 2, \"delay_ms\": 100}"},
        {"node_generation_failed",
         "{\"node\": \"intro.txt\", \"attempt\": 2, \"duration_ms\": 900, "
         "\"error\": \"compose has failed 4 times, the last time with HTTP 503: busy\"}"},
        {"node_generation_started", "{\"node\": \"main.txt\", \"level\": 2, \"attempt\": 1}"},
        {"request_enqueued", "{\"request\": \"r2\", \"node\": \"main.txt\", \"pending\": 1}"},
        {"provider_request_sent",
         "{\"provider\": \"compose\", \"request\": \"r2\", \"attempt\": 1}"},
        {"descendant_check_started", "{\"node\": \"all.txt\", \"descendants\": 2}"},
        {"queue_stats", "{\"pending\": 0, \"processing\": 1, \"completed\": 3, \"failed\": 1}"},
        {"watch_started", "{\"path\": \"/srv/tree\"}"},
        {"file_changed", "{\"path\": \"main.txt\", \"change\": \"modified\"}"},
    };
    tui_progress_t *progress = tui_progress_new();
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        apply(progress, told[i][0], told[i][1]);
    return progress;
}

/* What a box shows, as text to be freed; nothing is drawn outside of it. */
static char *drawn(const tui_progress_t *progress, int width, int height, bool ascii)
{
    tui_canvas_t *canvas = tui_canvas_new(width + 2, height + 2, ascii);
    vd_buffer_t text;
    vd_buffer_init(&text, 1 << 20);
    tui_progress_draw(progress, canvas, (tui_box_t){1, 1, width, height}, now_ms + 500);
    for (int y = 0; y < height + 2; y++)
        for (int x = 0; x < width + 2; x++)
            if (x == 0 || y == 0 || x == width + 1 || y == height + 1)
                assert_string_equal(tui_canvas_at(canvas, x, y)->text, " ");
    tui_canvas_text(canvas, &text);
    vd_buffer_add(&text, "", 1);
    tui_canvas_destroy(&canvas);
    if (getenv("SHOW") != NULL)
        printf("%dx%d\n%s", width, height, (const char *)text.data);
    return (char *)text.data;
}

static void expect(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("no '%s' in\n%s", words, text);
}

/* Where words stand: earlier is further up. */
static void expect_above(const char *text, const char *upper, const char *lower)
{
    expect(text, upper);
    expect(text, lower);
    assert_true(strstr(text, upper) < strstr(text, lower));
}

static void test_a_whole_screen(void **state)
{
    (void)state;
    tui_progress_t *progress = middle();
    const struct {
        int width, height;
    } sizes[] = {{120, 40}, {80, 24}, {80, 21}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = drawn(progress, sizes[i].width, sizes[i].height, false);
        expect(text, "running");
        expect(text, "60 %  3 of 5");
        expect(text, "1 failed  1 running  1 waiting  1 complete  1 skipped");
        expect(text, "level 1   complete  1 done of 2  2s");
        expect(text, "level 2   running   1 done of 2  1 running  1 failed");
        expect_above(text, "failed   intro.txt", "running  main.txt");
        expect_above(text, "running  main.txt", "waiting  all.txt");
        expect_above(text, "waiting  all.txt", "complete base.txt");
        expect_above(text, "complete base.txt", "skipped  old.txt");
        expect(text, "compose has failed 4 times, the last time with HTTP 503: busy");
        if (sizes[i].width > 100)
            expect(text, "compose failed after 70ms, attempt 1");
        expect(text, "sent to compose, attempt 1");
        expect(text, "4.9K bytes");
        expect(text, "0 pending  1 processing  3 completed  1 failed  0 deduplicated");
        expect(text, "2 sent  0 answered  1 failed  1 retried  HTTP 503: busy");
        expect(text, "complete  9 scanned  5 changed  /srv/tree");
        expect(text, "1 change  0 batches  last main.txt");
        free(text);
    }
    tui_progress_destroy(&progress);
}

static void test_little_room(void **state)
{
    (void)state;
    tui_progress_t *progress = middle();
    const struct {
        int width, height;
    } sizes[] = {{60, 14}, {80, 10}, {60, 10}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = drawn(progress, sizes[i].width, sizes[i].height, false);
        expect(text, "60 %  3 of 5");
        expect(text, "1 failed");
        expect(text, "1 skipped");
        expect(text, "level 2 running");
        expect_above(text, "failed   intro.txt", "running  main.txt");
        expect(text, "compose has failed 4 times, the last");
        expect(text, "1 processing");
        free(text);
    }
    tui_progress_destroy(&progress);
}

static void test_any_size_and_state(void **state)
{
    (void)state;
    tui_progress_t *told = middle(), *empty = tui_progress_new();
    for (int width = 1; width < 100; width += 7)
        for (int height = 1; height < 30; height++) {
            free(drawn(told, width, height, true));
            free(drawn(empty, width, height, false));
        }
    char *text = drawn(empty, 80, 5, true);
    expect(text, "idle");
    free(text);
    text = drawn(told, 100, tui_progress_rows(told), true);
    expect(text, "complete base.txt");
    expect(text, "last main.txt");
    for (const char *at = text; *at != 0; at++)
        assert_true((unsigned char)*at < 0x80);
    free(text);
    tui_progress_destroy(&told);
    tui_progress_destroy(&empty);
}

static void test_a_given_up_generation(void **state)
{
    (void)state;
    tui_progress_t *progress = middle();
    apply(progress, "generation_failed", "{\"error\": \"no room on the disk\"}");
    char *text = drawn(progress, 80, 24, false);
    expect(text, "no room on the disk");
    expect(text, "level 2   failed");
    free(text);
    tui_progress_destroy(&progress);
}

static void test_a_node_in_detail(void **state)
{
    (void)state;
    tui_progress_t *progress = middle();
    tui_canvas_t *canvas = tui_canvas_new(40, 14, false);
    vd_buffer_t text;
    vd_buffer_init(&text, 65536);
    const tui_progress_node_t *node = tui_progress_find(progress, vd_str("intro.txt"));
    tui_progress_draw_node(progress, node, canvas, tui_canvas_box(canvas), now_ms);
    tui_canvas_text(canvas, &text);
    vd_buffer_add(&text, "", 1);
    const char *shown = (const char *)text.data;
    expect(shown, "failed  intro.txt\nlevel 2  attempt 2 900ms 1 request");
    expect(shown, "compose has failed 4 times, the last\ntime with HTTP 503: busy\n");
    expect_above(shown, "sent to compose, attempt 1", "compose failed after 70ms");
    expect_above(shown, "again in 100ms, attempt 2", "Z failed after 900ms");
    vd_buffer_free(&text);
    tui_canvas_destroy(&canvas);
    tui_progress_destroy(&progress);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_screen),     cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_any_size_and_state), cmocka_unit_test(test_a_given_up_generation),
        cmocka_unit_test(test_a_node_in_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
