/* test_tui_progress.c: what the events of a workflow make of its nodes, levels and figures, and that no events do harm. */
#include "tui/progress.h"

#include "wire/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 1000000000 };

static int64_t now_ms;

static bool apply_bytes(tui_progress_t *progress, const char *type, vd_bytes_t data)
{
    char ts[VD_TS_SIZE];
    vd_ts_format(now_ms += 10, ts);
    vd_event_t event = {.ts = vd_str(ts), .type = vd_str(type), .data = data};
    return tui_progress_apply(progress, &event);
}

/* One event whose data are JSON. */
__attribute__((format(printf, 3, 4))) static void apply(tui_progress_t *progress, const char *type,
                                                        const char *format, ...)
{
    char json[2048], error[1024];
    vd_buffer_t data;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(json, sizeof json, format, arguments);
    va_end(arguments);
    vd_buffer_init(&data, 65536);
    assert_int_equal(vd_json_parse(vd_str(json), &data, error, sizeof error), VD_OK);
    assert_int_equal(vd_event_check(vd_str(type), vd_buffer_view(&data), error, sizeof error),
                     VD_OK);
    assert_true(apply_bytes(progress, type, vd_buffer_view(&data)));
    vd_buffer_free(&data);
}

static tui_progress_t *begin(void)
{
    now_ms = START_MS;
    tui_progress_t *progress = tui_progress_new();
    assert_non_null(progress);
    return progress;
}

static const tui_progress_node_t *node(const tui_progress_t *progress, const char *name)
{
    const tui_progress_node_t *found = tui_progress_find(progress, vd_str(name));
    assert_non_null(found);
    return found;
}

static const tui_progress_step_t *last_step(const tui_progress_node_t *node)
{
    assert_true(node->steps > 0);
    return &node->step[(node->steps - 1) % TUI_PROGRESS_STEPS];
}

/* Saved, loaded and saved again it is the same. */
static void expect_kept(const tui_progress_t *progress)
{
    vd_buffer_t saved, again;
    vd_buffer_init(&saved, 16 << 20);
    vd_buffer_init(&again, 16 << 20);
    tui_progress_save(progress, &saved);
    tui_progress_t *loaded = tui_progress_new();
    assert_int_equal(tui_progress_load(loaded, vd_buffer_view(&saved)), VD_OK);
    tui_progress_save(loaded, &again);
    assert_true(!saved.full && vd_bytes_equal(vd_buffer_view(&saved), vd_buffer_view(&again)));
    tui_progress_destroy(&loaded);
    vd_buffer_free(&saved);
    vd_buffer_free(&again);
}

/* ---- the contract ---- */

static void test_request_and_answer_complete_a_node(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "plan_constructed", "{\"nodes\": 1}");
    apply(progress, "request_enqueued", "{\"request\": \"r1\", \"node\": \"a\"}");
    assert_int_equal(node(progress, "a")->state, TUI_PROGRESS_WAITING);
    apply(progress, "provider_request_sent", "{\"provider\": \"p\", \"request\": \"r1\"}");
    assert_int_equal(node(progress, "a")->state, TUI_PROGRESS_RUNNING);
    assert_int_equal(tui_progress_all(progress)->on_the_way, 1);
    apply(progress, "provider_response_received",
          "{\"provider\": \"p\", \"request\": \"r1\", \"duration_ms\": 120}");
    const tui_progress_node_t *a = node(progress, "a");
    assert_int_equal(a->state, TUI_PROGRESS_COMPLETE);
    assert_int_equal(a->answered, 1);
    assert_int_equal(last_step(a)->deed, TUI_PROGRESS_ANSWERED);
    assert_int_equal(last_step(a)->ms, 120);
    assert_string_equal(tui_progress_provider(progress, last_step(a)->provider - 1u)->name, "p");
    assert_int_equal(tui_progress_done(progress), tui_progress_total(progress));
    assert_int_equal(tui_progress_open_requests(progress), 0);
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static void test_a_told_node_ends_when_it_is_told(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "node_generation_started", "{\"node\": \"a\", \"level\": 0, \"attempt\": 1}");
    apply(progress, "request_enqueued", "{\"request\": \"r1\", \"node\": \"a\"}");
    apply(progress, "provider_request_sent", "{\"provider\": \"p\", \"request\": \"r1\"}");
    apply(progress, "provider_response_received",
          "{\"provider\": \"p\", \"request\": \"r1\", \"duration_ms\": 5}");
    assert_int_equal(node(progress, "a")->state, TUI_PROGRESS_RUNNING);
    apply(progress, "node_generation_completed",
          "{\"node\": \"a\", \"duration_ms\": 44, \"size_bytes\": 1000}");
    assert_int_equal(node(progress, "a")->state, TUI_PROGRESS_COMPLETE);
    assert_int_equal(node(progress, "a")->duration_ms, 44);
    assert_int_equal(node(progress, "a")->size_bytes, 1000);
    assert_int_equal(node(progress, "a")->level, 1);
    tui_progress_destroy(&progress);
}

static void test_a_failed_node_shows_its_error(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "plan_constructed", "{\"nodes\": 2}");
    apply(progress, "node_generation_started", "{\"node\": \"a\", \"attempt\": 1}");
    apply(progress, "request_enqueued", "{\"request\": \"r1\", \"node\": \"a\"}");
    apply(progress, "provider_request_sent",
          "{\"provider\": \"p\", \"request\": \"r1\", \"attempt\": 1}");
    apply(progress, "provider_request_failed",
          "{\"provider\": \"p\", \"request\": \"r1\", \"error\": \"503 busy\", \"attempt\": 1}");
    assert_string_equal(node(progress, "a")->error, "503 busy");
    apply(progress, "provider_request_retrying",
          "{\"provider\": \"p\", \"request\": \"r1\", \"attempt\": 2, \"delay_ms\": 100}");
    assert_int_equal(tui_progress_all(progress)->retrying, 1);
    assert_int_equal(tui_progress_all(progress)->processing, 1);
    apply(progress, "provider_request_sent",
          "{\"provider\": \"p\", \"request\": \"r1\", \"attempt\": 2}");
    assert_int_equal(tui_progress_all(progress)->retrying, 0);
    apply(progress, "provider_request_failed",
          "{\"provider\": \"p\", \"request\": \"r1\", \"error\": \"503 busy\", \"attempt\": 2}");
    apply(progress, "node_generation_failed",
          "{\"node\": \"a\", \"error\": \"p gave it up: 503 busy\", \"attempt\": 1}");
    const tui_progress_node_t *a = node(progress, "a");
    assert_int_equal(a->state, TUI_PROGRESS_FAILED);
    assert_string_equal(a->error, "p gave it up: 503 busy");
    assert_int_equal(a->failures, 2);
    assert_int_equal(last_step(a)->deed, TUI_PROGRESS_ENDED);
    assert_int_equal(tui_progress_all(progress)->on_the_way, 0);
    assert_string_equal(tui_progress_provider(progress, 0)->error, "503 busy");
    expect_kept(progress);
    /* Its next attempt. */
    apply(progress, "node_generation_started", "{\"node\": \"a\", \"attempt\": 2}");
    assert_int_equal(node(progress, "a")->state, TUI_PROGRESS_RUNNING);
    assert_null(node(progress, "a")->error);
    assert_int_equal(tui_progress_round(progress)->node[TUI_PROGRESS_FAILED], 0);
    tui_progress_destroy(&progress);
}

static void test_levels(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "plan_constructed", "{\"nodes\": 3, \"levels\": 2}");
    assert_string_equal(tui_progress_round_name(progress), "planned");
    apply(progress, "generation_started", "{\"nodes\": 3, \"levels\": 2}");
    apply(progress, "level_started", "{\"level\": 1, \"nodes\": 2}");
    assert_int_equal(tui_progress_level_count(progress), 1);
    assert_int_equal(tui_progress_level(progress, 0)->state, TUI_PROGRESS_RUNNING);
    apply(progress, "node_generation_started", "{\"node\": \"a\", \"level\": 1}");
    apply(progress, "node_generation_started", "{\"node\": \"b\", \"level\": 1}");
    assert_int_equal(tui_progress_level(progress, 0)->count[TUI_PROGRESS_RUNNING], 2);
    apply(progress, "node_generation_completed", "{\"node\": \"a\", \"duration_ms\": 4}");
    apply(progress, "node_generation_failed", "{\"node\": \"b\", \"error\": \"no\"}");
    assert_int_equal(tui_progress_level(progress, 0)->count[TUI_PROGRESS_COMPLETE], 1);
    apply(progress, "level_completed",
          "{\"level\": 1, \"generated\": 1, \"failed\": 1, \"duration_ms\": 90}");
    assert_int_equal(tui_progress_level(progress, 0)->state, TUI_PROGRESS_FAILED);
    assert_int_equal(tui_progress_level(progress, 0)->duration_ms, 90);
    apply(progress, "level_started", "{\"level\": 2, \"nodes\": 1}");
    apply(progress, "node_skipped", "{\"node\": \"c\", \"reason\": \"b failed\"}");
    apply(progress, "level_completed", "{\"level\": 2, \"generated\": 0}");
    assert_int_equal(tui_progress_level(progress, 1)->state, TUI_PROGRESS_COMPLETE);
    assert_int_equal(tui_progress_round(progress)->levels_done, 2);
    assert_string_equal(node(progress, "c")->error, "b failed");
    assert_int_equal(tui_progress_done(progress), 3);
    apply(progress, "generation_completed",
          "{\"duration_ms\": 300, \"generated\": 1, \"failed\": 1}");
    assert_string_equal(tui_progress_round_name(progress), "failed");
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static void test_deduplicated_requests_end_together(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "request_enqueued", "{\"request\": \"r1\", \"node\": \"a\", \"pending\": 1}");
    apply(progress, "request_enqueued", "{\"request\": \"r2\", \"node\": \"b\", \"pending\": 2}");
    apply(progress, "request_deduplicated", "{\"request\": \"r2\", \"joined\": \"r1\"}");
    assert_int_equal(tui_progress_all(progress)->pending, 1);
    apply(progress, "request_processing", "{\"request\": \"r1\", \"waited_ms\": 3}");
    apply(progress, "provider_request_sent", "{\"provider\": \"p\", \"request\": \"r1\"}");
    assert_int_equal(node(progress, "b")->state, TUI_PROGRESS_RUNNING);
    apply(progress, "provider_response_received",
          "{\"provider\": \"p\", \"request\": \"r1\", \"duration_ms\": 5}");
    assert_int_equal(node(progress, "a")->state, TUI_PROGRESS_COMPLETE);
    assert_int_equal(node(progress, "b")->state, TUI_PROGRESS_COMPLETE);
    assert_int_equal(tui_progress_open_requests(progress), 0);
    apply(progress, "queue_stats",
          "{\"pending\": 7, \"processing\": 2, \"completed\": 1, \"failed\": 3}");
    assert_int_equal(tui_progress_all(progress)->pending, 7);
    assert_int_equal(tui_progress_all(progress)->queue_failed, 3);
    tui_progress_destroy(&progress);
}

static void test_rounds(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    for (int round = 1; round <= 3; round++) {
        apply(progress, "descendant_check_started", "{\"node\": \"a\"}");
        apply(progress, "descendant_check_failed",
              "{\"node\": \"a\", \"error\": \"b is missing\"}");
        apply(progress, "plan_constructed", "{\"nodes\": 1, \"skipped\": 2}");
        assert_int_equal(tui_progress_round(progress)->checks_failed, 1);
        assert_string_equal(node(progress, "a")->error, "b is missing");
        apply(progress, "generation_started", "{}");
        apply(progress, "node_generation_completed", "{\"node\": \"a\", \"duration_ms\": 1}");
        assert_int_equal(tui_progress_total(progress), 3);
        assert_int_equal(tui_progress_done(progress), 3);
        apply(progress, "generation_completed", "{\"duration_ms\": 1}");
        assert_int_equal(tui_progress_round(progress)->number, round);
        assert_int_equal(tui_progress_node_count(progress), 1);
    }
    assert_int_equal(tui_progress_all(progress)->complete, 3);
    apply(progress, "generation_failed", "{\"error\": \"no more room\"}");
    assert_string_equal(tui_progress_error(progress), "no more room");
    assert_string_equal(tui_progress_round_name(progress), "failed");
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static void test_scan_and_watch(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "scan_started", "{\"path\": \"/tree\"}");
    apply(progress, "scan_progress", "{\"scanned\": 3, \"total\": 9}");
    const tui_progress_all_t *all = tui_progress_all(progress);
    assert_true(all->scan_runs && all->scanned == 3 && all->scan_total == 9);
    apply(progress, "scan_completed", "{\"scanned\": 9, \"duration_ms\": 2, \"changed\": 1}");
    assert_true(!all->scan_runs && all->scanned == 9 && all->scan_changed == 1);
    apply(progress, "watch_started", "{\"path\": \"/tree\"}");
    apply(progress, "file_changed", "{\"path\": \"x\", \"change\": \"modified\"}");
    apply(progress, "batch_processed", "{\"changes\": 1, \"failed\": 0}");
    assert_true(all->modified == 1 && all->batches == 1 && all->batch_changes == 1);
    assert_string_equal(tui_progress_changed_path(progress), "x");
    assert_string_equal(tui_progress_scan_path(progress), "/tree");
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static void test_every_type_of_the_catalogue_counts(void **state)
{
    (void)state;
    static const char *const groups[] = {"context",  "orchestrator", "queue",
                                         "provider", "scanner",      "watcher"};
    vd_buffer_t empty;
    vd_buffer_init(&empty, 16);
    vd_write_map(&empty, 0);
    size_t count, known = 0;
    const vd_event_type_t *types = vd_event_types(&count);
    tui_progress_t *progress = begin();
    for (size_t i = 0; i < count; i++) {
        bool workflow = false;
        for (size_t at = 0; at < sizeof groups / sizeof *groups; at++)
            workflow = workflow || strcmp(types[i].group, groups[at]) == 0;
        assert_int_equal(apply_bytes(progress, types[i].name, vd_buffer_view(&empty)), workflow);
        known += workflow;
    }
    assert_int_equal(tui_progress_all(progress)->events, known);
    expect_kept(progress);
    tui_progress_destroy(&progress);
    vd_buffer_free(&empty);
}

/* ---- limits and harm ---- */

static void test_figures_stay_exact_beyond_the_limits(void **state)
{
    (void)state;
    enum { NODES = TUI_PROGRESS_NODES_MAX * 3 };
    tui_progress_t *progress = begin();
    apply(progress, "plan_constructed", "{\"nodes\": %d}", NODES);
    for (int i = 0; i < NODES; i++)
        apply(progress, "node_generation_started", "{\"node\": \"n%d\", \"level\": %d}", i,
              i % 700);
    const tui_progress_round_t *round = tui_progress_round(progress);
    assert_int_equal(round->node[TUI_PROGRESS_RUNNING], NODES);
    assert_int_equal(tui_progress_node_count(progress), TUI_PROGRESS_NODES_MAX);
    assert_int_equal(tui_progress_level_count(progress), TUI_PROGRESS_LEVELS_MAX);
    for (int i = 0; i < NODES; i++)
        if (i % 3 == 0)
            apply(progress, "node_generation_failed", "{\"node\": \"n%d\", \"error\": \"e\"}", i);
        else if (i % 3 == 1)
            apply(progress, "node_generation_completed", "{\"node\": \"n%d\", \"duration_ms\": 1}",
                  i);
    assert_int_equal(round->node[TUI_PROGRESS_RUNNING], NODES / 3);
    assert_int_equal(round->node[TUI_PROGRESS_FAILED], NODES / 3);
    assert_int_equal(round->node[TUI_PROGRESS_COMPLETE], NODES / 3);
    assert_int_equal(tui_progress_waiting(progress), 0);
    /* What is over makes room: failures beyond the limit are there by name. */
    assert_int_equal(node(progress, "n6000")->state, TUI_PROGRESS_FAILED);
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static void test_requests_without_end(void **state)
{
    (void)state;
    enum { REQUESTS = TUI_PROGRESS_REQUESTS_MAX * 4 };
    tui_progress_t *progress = begin();
    for (int i = 0; i < REQUESTS; i++) {
        apply(progress, "request_enqueued", "{\"request\": \"r%d\", \"node\": \"a\"}", i);
        apply(progress, "provider_request_sent", "{\"provider\": \"p%d\", \"request\": \"r%d\"}", i,
              i);
    }
    const tui_progress_all_t *all = tui_progress_all(progress);
    assert_int_equal(all->on_the_way, REQUESTS);
    assert_int_equal(tui_progress_open_requests(progress), TUI_PROGRESS_REQUESTS_MAX);
    assert_int_equal(tui_progress_provider_count(progress), TUI_PROGRESS_PROVIDERS_MAX);
    for (int i = 0; i < REQUESTS; i++)
        apply(progress, i % 2 ? "provider_request_failed" : "provider_response_received",
              "{\"provider\": \"p0\", \"request\": \"r%d\", \"error\": \"e\", \"duration_ms\": 2}",
              i);
    assert_int_equal(all->on_the_way, 0);
    assert_int_equal(all->answered, REQUESTS / 2);
    assert_int_equal(all->latency_sum_ms, REQUESTS);
    /* Those that failed make room for new ones. */
    for (int i = 0; i < REQUESTS; i++)
        apply(progress, "request_enqueued", "{\"request\": \"s%d\", \"node\": \"b\"}", i);
    assert_int_equal(node(progress, "b")->open, TUI_PROGRESS_REQUESTS_MAX);
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static void test_long_names(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    char name[300];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    apply(progress, "node_generation_started", "{\"node\": \"%sä1\"}", name);
    apply(progress, "node_generation_started", "{\"node\": \"%sä2\"}", name);
    assert_int_equal(tui_progress_node_count(progress), 2);
    const char *shown = tui_progress_node(progress, 1)->name;
    assert_true(strstr(shown, "...x") != NULL && strstr(shown, "xä2") != NULL);
    apply(progress, "node_generation_failed", "{\"node\": \"%sä2\", \"error\": \"%sü\"}", name,
          name);
    assert_int_equal(tui_progress_node(progress, 1)->state, TUI_PROGRESS_FAILED);
    assert_int_equal(strlen(tui_progress_node(progress, 1)->error), TUI_PROGRESS_TEXT_SIZE - 1);
    expect_kept(progress);
    tui_progress_destroy(&progress);
}

static uint64_t seed;

static uint32_t chance(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* Data with the fields of a type, most of them of the right kind, with values that are odd. */
static void write_odd(vd_buffer_t *data, const vd_event_type_t *type)
{
    char text[32];
    vd_write_map(data, (uint32_t)type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        const vd_event_field_t *field = &type->fields[i];
        bool text_field = field->kind == VD_EVENT_TEXT || field->kind == VD_EVENT_CHOICE;
        vd_write_text(data, field->name);
        uint32_t odd = chance(20);
        snprintf(text, sizeof text, "%c%u", field->name[0], chance(chance(8) ? 12 : 9000));
        if (odd == 0)
            vd_write_array(data, 0);
        else if (odd == 1)
            vd_write_i64(data, -5);
        else if (odd == 2)
            vd_write_u64(data, UINT64_MAX - chance(3));
        else if (odd == 3)
            vd_write_text(data, "");
        else if (text_field)
            vd_write_text(data, text);
        else
            vd_write_u64(data, chance(9));
    }
}

static void test_any_events_in_any_order(void **state)
{
    (void)state;
    seed = 42;
    size_t count;
    const vd_event_type_t *types = vd_event_types(&count);
    tui_progress_t *progress = begin();
    vd_buffer_t data;
    vd_buffer_init(&data, 65536);
    for (int i = 0; i < 200000; i++) {
        vd_buffer_clear(&data);
        const vd_event_type_t *type = &types[chance((uint32_t)count)];
        bool ends =
            strncmp(type->name, "generation_", 11) == 0 || strncmp(type->name, "plan", 4) == 0;
        if (ends && chance(500) != 0) /* rounds that are long enough to be full */
            continue;
        write_odd(&data, type);
        apply_bytes(progress, type->name, vd_buffer_view(&data));
        const tui_progress_round_t *round = tui_progress_round(progress);
        uint64_t tracked = 0, all = 0;
        for (size_t at = 0; at < TUI_PROGRESS_STATES; at++) {
            assert_true(round->stray[at] <= round->node[at]);
            tracked += round->node[at] - round->stray[at];
            all += round->node[at];
        }
        assert_int_equal(tracked, tui_progress_node_count(progress));
        assert_true(tui_progress_total(progress) >= all);
        assert_true(tui_progress_total(progress) >= tui_progress_done(progress));
        if (i % 20000 == 0)
            expect_kept(progress);
    }
    apply_bytes(progress, "file_changed", vd_bytes("\xdd\x08\0\0", 4));
    apply_bytes(progress, "file_changed", vd_bytes(NULL, 0));
    expect_kept(progress);
    vd_buffer_free(&data);
    tui_progress_destroy(&progress);
}

static void test_what_was_not_saved_is_refused(void **state)
{
    (void)state;
    tui_progress_t *progress = begin();
    apply(progress, "node_generation_started", "{\"node\": \"a\", \"level\": 1}");
    apply(progress, "request_enqueued", "{\"request\": \"r1\", \"node\": \"a\"}");
    apply(progress, "provider_request_failed",
          "{\"provider\": \"p\", \"request\": \"r1\", \"error\": \"503\"}");
    vd_buffer_t saved, odd;
    vd_buffer_init(&saved, 65536);
    vd_buffer_init(&odd, 65536);
    tui_progress_save(progress, &saved);
    for (size_t size = 0; size < saved.size; size++)
        assert_int_equal(tui_progress_load(progress, vd_bytes(saved.data, size)), VD_MALFORMED);
    seed = 7;
    for (int i = 0; i < 20000; i++) {
        vd_buffer_clear(&odd);
        vd_buffer_add(&odd, saved.data, saved.size);
        odd.data[chance((uint32_t)odd.size)] = (uint8_t)chance(256);
        tui_progress_t *loaded = tui_progress_new();
        if (tui_progress_load(loaded, vd_buffer_view(&odd)) == VD_OK) {
            apply(loaded, "node_generation_failed", "{\"node\": \"a\", \"error\": \"e\"}");
            apply(loaded, "provider_response_received",
                  "{\"provider\": \"p\", \"request\": \"r1\", \"duration_ms\": 5}");
            apply(loaded, "plan_constructed", "{\"nodes\": 1}");
        }
        tui_progress_destroy(&loaded);
    }
    assert_non_null(tui_progress_find(progress, vd_str("a")));
    vd_buffer_free(&saved);
    vd_buffer_free(&odd);
    tui_progress_destroy(&progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer_complete_a_node),
        cmocka_unit_test(test_a_told_node_ends_when_it_is_told),
        cmocka_unit_test(test_a_failed_node_shows_its_error),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_deduplicated_requests_end_together),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_scan_and_watch),
        cmocka_unit_test(test_every_type_of_the_catalogue_counts),
        cmocka_unit_test(test_figures_stay_exact_beyond_the_limits),
        cmocka_unit_test(test_requests_without_end),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_any_events_in_any_order),
        cmocka_unit_test(test_what_was_not_saved_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
