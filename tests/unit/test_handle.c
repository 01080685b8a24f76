/* test_handle.c: what a handle makes of what it hears: cursors, deltas, snapshots, errors, lives. */
#include "client/handle_core.h"
#include "wire/json_read.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NOW_MS = 1000000 }; /* 1970-01-01T00:16:40.000Z */

static vd_buffer_t value;

/* A value from JSON with ' for ". */
static vd_blob_t json(const char *text)
{
    char quoted[4096], error[VD_TEXT_BYTES_MAX + 1];
    assert_true(strlen(text) < sizeof quoted);
    size_t size = 0;
    for (; text[size] != 0; size++)
        quoted[size] = text[size] == '\'' ? '"' : text[size];
    vd_buffer_free(&value);
    vd_buffer_init(&value, 65536);
    assert_int_equal(vd_json_parse(vd_bytes(quoted, size), &value, error, sizeof error), VD_OK);
    return (vd_blob_t){value.data, value.size};
}

static vd_handle_delta_t take(vd_handle_core_t *core, uint64_t n, vd_status_t why, bool snapshot,
                              const char *text)
{
    vd_handle_delta_t delta = {0};
    vd_watched_t news = {.value = json(text), .snapshot = snapshot, .inc = 7, .n = n, .why = why};
    assert_true(vd_handle_core_delta(core, NOW_MS, &news, &delta));
    return delta;
}

static void cursors_are_read_or_refused(void **state)
{
    (void)state;
    vd_watch_place_t place = {0};
    assert_true(vd_handle_core_place("18446744073709551615:12", &place));
    assert_true(place.by_item && place.inc == UINT64_MAX && place.n == 12);
    assert_true(vd_handle_core_place("5:0", &place));
    assert_true(place.inc == 5 && place.n == 0);
    assert_true(vd_handle_core_place("", &place)); /* from the first that is held */
    assert_true(place.by_item && place.inc == 0 && place.n == 0);
    static const char *const bad[] = {"5",
                                      "5:",
                                      ":5",
                                      "0:5",
                                      "5:5 ",
                                      "5:5:5",
                                      "-5:5",
                                      "5:-5",
                                      "5 :5",
                                      "x:5",
                                      "18446744073709551616:1"};
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++)
        assert_false(vd_handle_core_place(bad[at], &place));
}

static void deltas_have_kind_cursor_and_events(void **state)
{
    (void)state;
    vd_handle_core_t core;
    vd_follow_event_t event;
    vd_handle_core_init(&core);
    vd_handle_delta_t delta = take(&core, 3, VD_OK, false,
                                   "{'kind': 'cycle', 'cycle': 9, 'at': '1970-01-01T00:00:01.000Z',"
                                   " 'events': [{'seq': 4, 'type': 'a', 'data': {'x': 1}},"
                                   " {'seq': 5, 'type': 'bc', 'data': null}]}");
    assert_int_equal(delta.kind, VD_HANDLE_CYCLE);
    assert_string_equal(delta.cursor, "7:3");
    assert_int_equal(delta.cycle, 9);
    assert_int_equal(delta.event_count, 2);
    assert_true(vd_handle_core_event(&core, &event));
    assert_string_equal(event.type, "a");
    assert_int_equal(event.seq, 4);
    assert_string_equal(event.ts, "1970-01-01T00:00:01.000Z");
    assert_int_equal(event.data.size, 4);
    assert_true(vd_handle_core_event(&core, &event));
    assert_string_equal(event.type, "bc");
    assert_false(vd_handle_core_event(&core, &event));

    delta = take(&core, 4, VD_OK, false,
                 "{'kind': 'error', 'cycle': 9, 'at': '1970-01-01T00:00:02.000Z', 'events': []}");
    assert_int_equal(delta.kind, VD_HANDLE_ERROR);
    assert_false(vd_handle_core_event(&core, &event));
    delta = take(&core, 6, VD_PRUNED, true, "{'phase': 'running', 'cycle': 12}");
    assert_int_equal(delta.kind, VD_HANDLE_SNAPSHOT);
    assert_int_equal(delta.why, VD_PRUNED);
    assert_string_equal(delta.cursor, "7:6");
    assert_string_equal(delta.at, "");

    vd_watched_t news = {.value = json("[1]"), .inc = 7, .n = 8};
    assert_false(vd_handle_core_delta(&core, NOW_MS, &news, &delta));
    vd_handle_core_free(&core);
}

static void the_last_error_is_kept(void **state)
{
    (void)state;
    vd_handle_core_t core;
    vd_handle_error_t error;
    vd_handle_core_init(&core);
    assert_false(vd_handle_core_error(&core, NOW_MS, &error));
    take(&core, 1, VD_OK, false,
         "{'kind': 'error', 'error': {'stage': 'read', 'text': 'no answer',"
         " 'at': '1970-01-01T00:16:00.000Z', 'recovered_at': null, 'count': 3}}");
    assert_true(vd_handle_core_error(&core, NOW_MS, &error));
    assert_string_equal(error.stage, "read");
    assert_string_equal(error.text, "no answer");
    assert_int_equal(error.age_ms, 40000);
    assert_int_equal(error.recovered_age_ms, -1);
    assert_int_equal(error.count, 3);
    /* A new life that is only beginning says nothing of it; one that runs without it has recovered. */
    take(&core, 0, VD_RESTARTED, true, "{'phase': 'restoring', 'error': null}");
    assert_true(vd_handle_core_error(&core, NOW_MS, &error));
    assert_int_equal(error.recovered_age_ms, -1);
    take(&core, 1, VD_OK, false, "{'kind': 'cycle', 'cycle': 2, 'events': []}");
    assert_true(vd_handle_core_error(&core, NOW_MS + 500, &error));
    assert_int_equal(error.recovered_age_ms, 500);
    assert_int_equal(error.age_ms, 40500);
    /* A clock that is ahead makes no negative age. */
    take(&core, 2, VD_OK, false,
         "{'kind': 'cycle', 'error': {'stage': 'turn', 'text': 't',"
         " 'at': '1970-01-01T00:20:00.000Z', 'recovered_at': '1970-01-01T00:21:00.000Z',"
         " 'count': 1}}");
    assert_true(vd_handle_core_error(&core, NOW_MS, &error));
    assert_string_equal(error.stage, "turn");
    assert_int_equal(error.age_ms, 0);
    assert_int_equal(error.recovered_age_ms, 0);
    vd_handle_core_free(&core);
}

static void a_snapshot_is_read(void **state)
{
    (void)state;
    vd_handle_core_t core;
    vd_handle_view_t snapshot;
    vd_handle_core_init(&core);
    static const char *const text =
        "{'observer': 'raft', 'session': 's', 'phase': 'running', 'cycle': 8,"
        " 'at': '1970-01-01T00:16:39.500Z', 'source_count': 700, 'sources_failed': 2, 'sources':"
        " [{'name': 'm1', 'age_ms': 12, 'status': 'ok', 'error': ''},"
        " {'name': 'm2', 'age_ms': null, 'status': 'timed_out', 'error': 'no answer in 1 s'}],"
        " 'errors': [{'stage': 'read', 'text': 'x', 'at': '1970-01-01T00:16:00.000Z',"
        " 'recovered_at': null, 'count': 2}, {'stage': 'turn', 'text': 'y',"
        " 'at': '1970-01-01T00:15:00.000Z', 'recovered_at': '1970-01-01T00:16:30.000Z',"
        " 'count': 1}], 'state': {'leader': 'm1'}}";
    for (int round = 0; round < 2; round++) {
        assert_int_equal(vd_handle_core_snapshot(&core, NOW_MS, json(text), &snapshot), VD_OK);
        assert_string_equal(snapshot.observer, "raft");
        assert_string_equal(snapshot.phase, "running");
        assert_int_equal(snapshot.cycle, 8);
        assert_int_equal(snapshot.age_ms, 500);
        assert_string_equal(snapshot.observed_at, "1970-01-01T00:16:39.500Z");
        assert_int_equal(snapshot.source_count, 700);
        assert_int_equal(snapshot.sources_failed, 2);
        assert_int_equal(snapshot.sources_told, 2);
        assert_string_equal(snapshot.sources[0].name, "m1");
        assert_int_equal(snapshot.sources[0].age_ms, 12);
        assert_string_equal(snapshot.sources[0].error, "");
        assert_int_equal(snapshot.sources[1].age_ms, -1);
        assert_string_equal(snapshot.sources[1].status, "timed_out");
        assert_string_equal(snapshot.sources[1].error, "no answer in 1 s");
        assert_int_equal(snapshot.error_count, 2);
        assert_int_equal(snapshot.errors[0].recovered_age_ms, -1);
        assert_int_equal(snapshot.errors[1].recovered_age_ms, 10000);
        assert_int_equal(snapshot.errors[1].age_ms, 100000);
        assert_int_equal(snapshot.state.size, 11);
    }
    /* Before the first cycle, and from an observer that tells less. */
    assert_int_equal(vd_handle_core_snapshot(&core, NOW_MS,
                                             json("{'phase': 'opening', 'at': null, 'sources': "
                                                  "[{'name': 'a'}], 'state': null}"),
                                             &snapshot),
                     VD_OK);
    assert_string_equal(snapshot.observed_at, "");
    assert_int_equal(snapshot.age_ms, -1);
    assert_int_equal(snapshot.source_count, 1);
    assert_string_equal(snapshot.sources[0].status, "");
    assert_int_equal(snapshot.error_count, 0);
    assert_int_equal(vd_handle_core_snapshot(&core, NOW_MS, json("3"), &snapshot), VD_MALFORMED);
    vd_handle_core_free(&core);
}

/* Each on_ready has its on_stop. */
static void lives_begin_and_end(void **state)
{
    (void)state;
    vd_handle_core_t core;
    vd_handle_core_init(&core);
    enum { STOPS = VD_HANDLE_STOPS, READIES = VD_HANDLE_READIES, CYCLES = VD_HANDLE_CYCLES };
    static const struct {
        vd_status_t why; /* of a delta, or instead of one */
        char what;       /* s: snapshot, r: of one that runs, c: cycle, e: error, -: none */
        unsigned flags;
    } steps[] = {
        {VD_NOT_READY, '-', 0},
        {VD_OK, 's', CYCLES},
        {VD_OK, 'e', 0},
        {VD_OK, 'c', READIES | CYCLES},
        {VD_OK, 'c', CYCLES},
        {VD_PRUNED, 'r', CYCLES}, /* the same life */
        {VD_RESTARTED, 's', STOPS | CYCLES},
        {VD_RESTARTED, 's', CYCLES}, /* it died before it was ready */
        {VD_OK, 'c', READIES | CYCLES},
        {VD_RESTARTED, 'r', STOPS | READIES | CYCLES},
        {VD_NOT_READY, '-', STOPS},
        {VD_UNREACHABLE, '-', 0},
        {VD_OK, 'c', READIES | CYCLES}, /* it was only not reached */
        {VD_CANCELLED, '-', STOPS},
        {VD_CANCELLED, '-', 0},
    };
    for (size_t at = 0; at < sizeof steps / sizeof *steps; at++) {
        vd_handle_delta_t delta;
        char what = steps[at].what;
        if (what == 's')
            delta = take(&core, at, steps[at].why, true, "{'phase': 'opening'}");
        else if (what == 'r')
            delta = take(&core, at, steps[at].why, true, "{'phase': 'running'}");
        else if (what == 'c')
            delta = take(&core, at, VD_OK, false, "{'kind': 'cycle', 'events': []}");
        else if (what == 'e')
            delta = take(&core, at, VD_OK, false, "{'kind': 'error', 'events': []}");
        unsigned flags = vd_handle_core_news(&core, what == '-' ? NULL : &delta,
                                             what == '-' ? steps[at].why : VD_OK);
        assert_int_equal(flags, steps[at].flags);
        if ((flags & VD_HANDLE_STOPS) != 0)
            assert_int_equal(core.stops, steps[at].why);
    }
    vd_handle_core_free(&core);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_are_read_or_refused),
        cmocka_unit_test(deltas_have_kind_cursor_and_events),
        cmocka_unit_test(the_last_error_is_kept),
        cmocka_unit_test(a_snapshot_is_read),
        cmocka_unit_test(lives_begin_and_end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vd_buffer_free(&value);
    return failed;
}
