/* test_modes.c: the mode machine against the table of protocol/vectors/modes.json, and what no
 * table can say: it never flaps, whatever lag and queue do. */
#include "core/core.h"
#include "stream/modes.h"

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifndef VD_VECTORS
#error "VD_VECTORS names the directory with the vectors"
#endif

static json_t *load(void)
{
    json_error_t error;
    json_t *table = json_load_file(VD_VECTORS "/modes.json", 0, &error);
    if (table == NULL)
        fail_msg("modes.json:%d: %s", error.line, error.text);
    return table;
}

static uint64_t number(const json_t *object, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        return strtoull(json_string_value(value), NULL, 16);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : otherwise;
}

static vd_mode_knobs_t knobs_of(const json_t *row)
{
    vd_mode_knobs_t knobs = vd_mode_knobs_default;
    const json_t *object = json_object_get(row, "knobs");
    knobs.start_commit_sync_lag =
        number(object, "start_commit_sync_lag", knobs.start_commit_sync_lag);
    knobs.resume_live_lag = number(object, "resume_live_lag", knobs.resume_live_lag);
    knobs.stop_commit_sync_lag = number(object, "stop_commit_sync_lag", knobs.stop_commit_sync_lag);
    knobs.pause_live_queue = number(object, "pause_live_queue", knobs.pause_live_queue);
    knobs.resume_live_queue = number(object, "resume_live_queue", knobs.resume_live_queue);
    knobs.dwell_ms = number(object, "dwell_ms", knobs.dwell_ms);
    return knobs;
}

static void knobs_are_checked_against_each_other(void **state)
{
    (void)state;
    json_t *table = load(), *row;
    size_t at;
    json_array_foreach(json_object_get(table, "knobs"), at, row)
    {
        char error[256] = "";
        vd_mode_knobs_t knobs = knobs_of(row);
        const char *wanted = json_string_value(json_object_get(row, "error"));
        vd_status_t status = vd_modes_check(&knobs, error, sizeof error);
        assert_int_equal(status, wanted != NULL ? VD_USAGE : VD_OK);
        assert_string_equal(error, wanted != NULL ? wanted : "");
    }
    assert_true(at > 5);
    json_decref(table);
}

static vd_stream_mode_t mode_of(const json_t *row, const char *key)
{
    const char *name = json_string_value(json_object_get(row, key));
    assert_non_null(name);
    for (vd_stream_mode_t mode = VD_MODE_LIVE_ONLY; mode <= VD_MODE_PAUSED; mode++)
        if (strcmp(vd_mode_name(mode), name) == 0)
            return mode;
    fail_msg("there is no mode '%s'", name);
    return VD_MODE_PAUSED;
}

static vd_streams_t streams_of(const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "streams"));
    if (name == NULL)
        return VD_STREAMS_BOTH;
    return strcmp(name, "live") == 0 ? VD_STREAMS_LIVE : VD_STREAMS_COMMIT;
}

/* The steps of a run, with a clock that reads `origin_ms` at its beginning. */
static void go_through(const json_t *run, int64_t origin_ms)
{
    const char *what = json_string_value(json_object_get(run, "what"));
    vd_mode_knobs_t knobs = knobs_of(run);
    vd_modes_t modes;
    json_t *row;
    size_t at;
    vd_modes_init(&modes, &knobs, streams_of(run), mode_of(run, "begin"), origin_ms);
    json_array_foreach(json_object_get(run, "steps"), at, row)
    {
        int64_t now_ms = (int64_t)((uint64_t)origin_ms + number(row, "now_ms", 0));
        vd_mode_view_t view = {
            .lag = json_object_get(row, "head") != NULL
                       ? vd_lag(number(row, "head", 0), number(row, "index", 0))
                       : number(row, "lag", 0),
            .queue = number(row, "queue", 0),
            .held = json_is_true(json_object_get(row, "held")),
            .no_live = json_is_true(json_object_get(row, "no_live")),
            .apart = json_is_true(json_object_get(row, "apart")),
        };
        vd_stream_mode_t mode = vd_modes_look(&modes, now_ms, &view);
        if (mode != mode_of(row, "mode"))
            fail_msg("%s, step %zu: %s", what, at, vd_mode_name(mode));
    }
    assert_true(at > 0);
}

static void the_table_holds(void **state)
{
    (void)state;
    json_t *table = load(), *run;
    size_t at;
    json_array_foreach(json_object_get(table, "runs"), at, run)
    {
        go_through(run, 0);
        go_through(run, INT64_MAX - 3000); /* the clock wraps on the way */
    }
    assert_true(at > 10);
    json_decref(table);
}

/* Never two ways back within the dwell, and on average not one change in it. */
static void it_never_flaps(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed;
        vd_mode_knobs_t knobs = vd_mode_knobs_default;
        vd_modes_t modes;
        int64_t now_ms = 0, changed_ms = -2000;
        uint64_t changes = 0;
        vd_modes_init(&modes, &knobs, VD_STREAMS_BOTH, VD_MODE_LIVE_ONLY, now_ms);
        while (now_ms < 100000) {
            vd_stream_mode_t before = modes.mode;
            vd_mode_view_t view = {.lag = vd_random_next(&random) % 70,
                                   .queue = vd_random_next(&random) % 600,
                                   .no_live = vd_random_next(&random) % 50 == 0};
            vd_stream_mode_t mode = vd_modes_look(&modes, now_ms, &view);
            if (mode != before) {
                bool back = mode == VD_MODE_OVERLAP || mode == VD_MODE_LIVE_ONLY;
                assert_true(!back || now_ms - changed_ms >= 2000);
                assert_int_equal(modes.since_ms, now_ms);
                changed_ms = now_ms;
                changes++;
            }
            now_ms += (int64_t)(vd_random_next(&random) % 200);
        }
        assert_in_range(changes, 3, 100000 / 2000 + 4);
    }
}

/* A fall back to commits costs what other changes cost. */
static void a_fall_back_costs(void **state)
{
    (void)state;
    vd_mode_knobs_t knobs = vd_mode_knobs_default;
    vd_modes_t modes;
    vd_mode_view_t near = {.lag = 0};
    vd_modes_init(&modes, &knobs, VD_STREAMS_BOTH, VD_MODE_LIVE_ONLY, 10000);
    vd_modes_fall_back(&modes, 10000);
    assert_int_equal(modes.mode, VD_MODE_COMMITS_ONLY);
    vd_modes_fall_back(&modes, 11500); /* is no change */
    assert_int_equal(vd_modes_look(&modes, 11999, &near), VD_MODE_COMMITS_ONLY);
    assert_int_equal(vd_modes_look(&modes, 12000, &near), VD_MODE_OVERLAP);
    vd_modes_fall_back(&modes, 12000);
    assert_int_equal(vd_modes_look(&modes, 15999, &near), VD_MODE_COMMITS_ONLY);
    assert_int_equal(vd_modes_look(&modes, 16000, &near), VD_MODE_OVERLAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knobs_are_checked_against_each_other),
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(it_never_flaps),
        cmocka_unit_test(a_fall_back_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
