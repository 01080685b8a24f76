/* test_tui_screen_progress.c: a recorded session of the workflow example: its progress event by event, and the screen that
 * shows it. */
#include "tui/app.h"
#include "tui/progress_draw.h"
#include "tui_events.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDED VD_RECORDED "/workflow.ndjson"

static tui_script_t script;

static int read_script(void **state)
{
    (void)state;
    tui_script_init(&script, "recorded");
    tui_script_read(&script, RECORDED);
    return script.count > 100 ? 0 : -1;
}

static int free_script(void **state)
{
    (void)state;
    tui_script_free(&script);
    return 0;
}

static void save(const tui_progress_t *progress, vd_buffer_t *out)
{
    vd_buffer_clear(out);
    tui_progress_save(progress, out);
    assert_false(out->full);
}

/* Going on from what was saved is the same as never having stopped, wherever that was. */
static void test_saved_and_gone_on_from_at_every_event(void **state)
{
    (void)state;
    tui_progress_t *live = tui_progress_new(), *kept = tui_progress_new();
    vd_buffer_t one, other;
    vd_buffer_init(&one, 1 << 20);
    vd_buffer_init(&other, 1 << 20);
    for (uint64_t seq = 1; seq <= script.count; seq++) {
        vd_event_t event = tui_script_event(&script, seq);
        save(live, &one);
        assert_int_equal(tui_progress_load(kept, vd_buffer_view(&one)), VD_OK);
        assert_int_equal(tui_progress_apply(live, &event), tui_progress_apply(kept, &event));
        save(live, &one);
        save(kept, &other);
        assert_true(vd_bytes_equal(vd_buffer_view(&one), vd_buffer_view(&other)));
    }
    vd_buffer_free(&one);
    vd_buffer_free(&other);
    tui_progress_destroy(&live);
    tui_progress_destroy(&kept);
}

static uint64_t count_of(const char *type)
{
    uint64_t count = 0;
    for (uint64_t seq = 1; seq <= script.count; seq++)
        count += vd_str_is(tui_script_event(&script, seq).type, type);
    return count;
}

/* What it says is what the events are, and nothing is left over in the end. */
static void test_figures_are_those_of_the_events(void **state)
{
    (void)state;
    tui_progress_t *progress = tui_progress_new();
    for (uint64_t seq = 1; seq <= script.count; seq++) {
        vd_event_t event = tui_script_event(&script, seq);
        tui_progress_apply(progress, &event);
        assert_true(tui_progress_done(progress) <= tui_progress_total(progress));
    }
    const tui_progress_all_t *all = tui_progress_all(progress);
    assert_int_equal(all->complete, count_of("node_generation_completed"));
    assert_int_equal(all->failed, count_of("node_generation_failed"));
    assert_int_equal(all->skipped, count_of("node_skipped"));
    assert_int_equal(all->sent, count_of("provider_request_sent"));
    assert_int_equal(all->answered, count_of("provider_response_received"));
    assert_int_equal(all->retried, count_of("provider_request_retrying"));
    assert_int_equal(all->sent, all->answered + all->request_failures);
    assert_int_equal(all->generations_failed, count_of("generation_failed"));
    assert_int_equal(tui_progress_round(progress)->number, count_of("generation_started"));
    assert_int_equal(all->on_the_way + all->retrying + all->pending + all->processing, 0);
    assert_int_equal(tui_progress_round(progress)->node[TUI_PROGRESS_RUNNING], 0);
    assert_int_equal(tui_progress_percent(progress), 100);
    assert_int_equal(tui_progress_waiting(progress), 0);
    assert_string_equal(tui_progress_round_name(progress), "complete");
    tui_progress_destroy(&progress);
}

/* ---- the screen ---- */

/* The screen as of the event of `type` that is told for the n-th time. */
static tui_app_t *shown_at(const char *type, int nth)
{
    tui_app_options_t options = {.screen = "progress"};
    tui_app_t *app = tui_app_new(&options);
    vd_buffer_t packed;
    int64_t now_ms = 0;
    vd_buffer_init(&packed, 8 << 20);
    assert_non_null(app);
    for (uint64_t seq = 1; seq <= script.count && nth > 0; seq++) {
        vd_event_t event = tui_script_event(&script, seq);
        nth -= vd_str_is(event.type, type);
        assert_true(tui_events_add(&packed, vd_str(script.session), seq, event.raw));
        assert_true(vd_ts_parse(event.ts, &now_ms));
    }
    assert_int_equal(nth, 0);
    tui_input_t opened = {.kind = TUI_INPUT_OPENED, .text = script.session};
    tui_input_t events = {.kind = TUI_INPUT_EVENTS, .value = vd_buffer_view(&packed)};
    tui_app_step(app, now_ms, &opened);
    tui_app_step(app, now_ms, &events);
    vd_buffer_free(&packed);
    return app;
}

static void press(tui_app_t *app, int key)
{
    tui_input_t input = {.kind = TUI_INPUT_KEY, .key = key};
    tui_app_step(app, 1, &input);
}

static const char *drawn(tui_app_t *app, int width, int height)
{
    static char shown[1 << 17];
    vd_buffer_t text;
    tui_canvas_t *canvas = tui_canvas_new(width, height, false);
    tui_app_draw(app, canvas);
    vd_buffer_init(&text, sizeof shown - 1);
    tui_canvas_text(canvas, &text);
    vd_str_copy(shown, sizeof shown, vd_buffer_view(&text));
    vd_buffer_free(&text);
    tui_canvas_destroy(&canvas);
    return shown;
}

static void expect(const char *shown, const char *words)
{
    if (strstr(shown, words) == NULL)
        fail_msg("no '%s' in\n%s", words, shown);
}

static void test_the_screen_at_every_size(void **state)
{
    (void)state;
    const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}};
    tui_app_t *app = shown_at("node_generation_failed", 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *shown = drawn(app, sizes[i][0], sizes[i][1]);
        expect(shown, "running");
        expect(shown, "1 failed");
        expect(shown, "NODE");
        expect(shown, "chapters/long.txt");
        expect(shown, "failed");
    }
    expect(drawn(app, 120, 40), "the provider refuses it: 422");
    expect(drawn(app, 120, 40), "level 1   complete  4 done of 4");
    expect(drawn(app, 120, 40), "1 deduplicated");
    tui_app_destroy(&app);
}

static void test_detail_filter_and_sort(void **state)
{
    (void)state;
    tui_app_t *app = shown_at("node_generation_failed", 1);
    press(app, TUI_KEY_ENTER);
    const char *shown = drawn(app, 80, 24);
    expect(shown, "failed  chapters/long.txt");
    expect(shown, "2000 is the most");
    expect(shown, "sent to compose, attempt 1");
    press(app, TUI_KEY_ESCAPE);
    press(app, '/');
    for (const char *at = "base/"; *at != 0; at++)
        press(app, *at);
    press(app, TUI_KEY_ENTER);
    shown = drawn(app, 80, 24);
    expect(shown, "nodes: 5 of 11");
    assert_null(strstr(shown, "book.txt"));
    tui_app_destroy(&app);
    app = shown_at("generation_failed", 1);
    expect(drawn(app, 80, 24), "there is no provider");
    tui_app_destroy(&app);
}

static const char *drawn_after(tui_app_t *app, int64_t now_ms)
{
    tui_input_t tick = {.kind = TUI_INPUT_TICK};
    tui_app_step(app, now_ms, &tick);
    return drawn(app, 80, 24);
}

/* Answers what the timeline wants to read: of the script, and `last` behind it. */
static void answer_range(tui_app_t *app, vd_bytes_t last, int64_t now_ms)
{
    tui_ask_t ask;
    while (tui_app_next_ask(app, &ask)) {
        vd_buffer_t packed;
        vd_bytes_t rest = last;
        vd_event_t event;
        vd_buffer_free(&ask.bytes);
        if (ask.kind != TUI_ASK_EVENTS)
            continue;
        vd_buffer_init(&packed, 8 << 20);
        assert_true(tui_events_next(&rest, &event));
        for (uint64_t seq = ask.seq; seq < ask.seq + ask.count && seq <= event.seq; seq++)
            assert_true(
                tui_events_add(&packed, vd_str(script.session), seq,
                               seq == event.seq ? event.raw : tui_script_event(&script, seq).raw));
        tui_input_t input = {.kind = TUI_INPUT_ANSWER,
                             .number = ask.number,
                             .more = true,
                             .value = vd_buffer_view(&packed)};
        tui_app_step(app, now_ms, &input);
        vd_buffer_free(&packed);
        input = (tui_input_t){.kind = TUI_INPUT_ANSWER, .number = ask.number};
        tui_app_step(app, now_ms, &input);
    }
}

/* Each second of what runs is drawn, and nothing in between; nothing else asks to be drawn again. */
static void test_what_runs_is_drawn_each_second(void **state)
{
    (void)state;
    char before[1 << 15], took[32];
    tui_app_t *app = shown_at("generation_started", 1);
    const tui_progress_t *progress = tui_state_progress(tui_app_state(app));
    int64_t begun_ms = (int64_t)tui_progress_round(progress)->started_ms;
    assert_true(begun_ms > 0);
    drawn_after(app, begun_ms + 400);
    assert_int_equal(tui_app_wait_ms(app), 600);
    for (int second = 1; second <= 12; second++) {
        const char *shown = drawn_after(app, begun_ms + second * 1000);
        snprintf(took, sizeof took, "  %ds\n", second);
        expect(shown, took);
        assert_int_equal(tui_app_wait_ms(app), 1000);
        snprintf(before, sizeof before, "%s", shown);
        assert_string_equal(drawn_after(app, begun_ms + second * 1000 + 999), before);
        assert_int_equal(tui_app_wait_ms(app), 1);
    }
    for (int key = '1'; key <= '8'; key++) {
        press(app, key);
        assert_int_equal(tui_app_wait_ms(app) >= 0, key == '7');
    }
    tui_input_t gone = {.kind = TUI_INPUT_LINK, .status = VD_UNREACHABLE};
    press(app, '7');
    tui_app_step(app, begun_ms + 13000, &gone);
    assert_true(tui_app_wait_ms(app) < 0);
    tui_app_destroy(&app);
    app = shown_at("generation_completed", 1);
    assert_true(tui_app_wait_ms(app) < 0);
    tui_app_destroy(&app);
    app = shown_at("generation_started", 1);
    press(app, ' '); /* frozen */
    assert_true(tui_app_wait_ms(app) < 0);
    tui_app_destroy(&app);
}

/* How long something runs stands where it stood, frozen and without the runtime, and is in the past what it
 * was then. */
static void test_what_runs_does_not_jump(void **state)
{
    (void)state;
    tui_app_t *app = shown_at("generation_started", 1);
    const tui_progress_t *progress = tui_state_progress(tui_app_state(app));
    int64_t begun_ms = (int64_t)tui_progress_round(progress)->started_ms;
    tui_input_t link = {.kind = TUI_INPUT_LINK, .status = VD_UNREACHABLE};
    expect(drawn_after(app, begun_ms + 20000), "  20s\n");
    tui_input_t space = {.kind = TUI_INPUT_KEY, .key = ' '};
    tui_app_step(app, begun_ms + 20500, &space);
    expect(drawn_after(app, begun_ms + 50000), "  20s\n");
    tui_app_step(app, begun_ms + 60000, &space);
    expect(drawn_after(app, begun_ms + 60000), "  1m00s\n");
    tui_app_step(app, begun_ms + 70000, &link);
    expect(drawn_after(app, begun_ms + 90000), "  1m10s\n");
    tui_app_step(app, begun_ms + 95000, &space);
    expect(drawn_after(app, begun_ms + 99000), "  1m10s\n");
    tui_app_step(app, begun_ms + 99000, &space);
    link.status = VD_OK;
    tui_app_step(app, begun_ms + 100000, &link);
    expect(drawn_after(app, begun_ms + 100000), "  1m40s\n");
    tui_app_destroy(&app);
}

/* By time, a moment between two events: what ran had run for so long. */
static void test_what_ran_in_the_past(void **state)
{
    (void)state;
    char took[32];
    tui_app_t *app = shown_at("generation_started", 1);
    const tui_progress_t *progress = tui_state_progress(tui_app_state(app));
    int64_t begun_ms = (int64_t)tui_progress_round(progress)->started_ms;
    uint64_t seq = tui_state_totals(tui_app_state(app))->seq + 1;
    vd_buffer_t raw, packed;
    vd_buffer_init(&raw, 4096);
    vd_buffer_init(&packed, 8192);
    vd_event_write(&raw, begun_ms + 60000, vd_str("queue_stats"), vd_bytes("\x80", 1),
                   vd_bytes(NULL, 0));
    assert_true(tui_events_add(&packed, vd_str(script.session), seq, vd_buffer_view(&raw)));
    tui_input_t event = {.kind = TUI_INPUT_EVENTS, .value = vd_buffer_view(&packed)};
    tui_app_step(app, begun_ms + 60000, &event);
    vd_buffer_free(&raw);
    tui_app_seek(app, seq - 1);
    for (int second = 1; second < 60; second += 7) {
        tui_timeline_seek_ms(tui_app_timeline(app), begun_ms + second * 1000);
        snprintf(took, sizeof took, "  %ds\n", second);
        drawn_after(app, begun_ms + 90000);
        answer_range(app, vd_buffer_view(&packed), begun_ms + 90000);
        expect(drawn_after(app, begun_ms + 90000), took);
        assert_true(tui_app_wait_ms(app) < 0);
    }
    vd_buffer_free(&packed);
    tui_app_destroy(&app);
}

static void test_without_a_workflow(void **state)
{
    (void)state;
    tui_app_t *app = shown_at("session_started", 1);
    expect(drawn(app, 80, 24), "no event up to this moment tells of a workflow");
    press(app, TUI_KEY_ENTER);
    press(app, 's');
    drawn(app, 80, 24);
    tui_app_destroy(&app);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saved_and_gone_on_from_at_every_event),
        cmocka_unit_test(test_figures_are_those_of_the_events),
        cmocka_unit_test(test_the_screen_at_every_size),
        cmocka_unit_test(test_detail_filter_and_sort),
        cmocka_unit_test(test_what_runs_is_drawn_each_second),
        cmocka_unit_test(test_what_runs_does_not_jump),
        cmocka_unit_test(test_what_ran_in_the_past),
        cmocka_unit_test(test_without_a_workflow),
    };
    return cmocka_run_group_tests(tests, read_script, free_script);
}
