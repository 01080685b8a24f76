/* test_events.c: the catalogue of event types: its table is sound, and the check says what the
 * vectors say; ids of sessions. */
#include "wire/events.h"
#include "wire/limits.h"
#include "wire/run.h"
#include "wire/session_id.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifndef VD_VECTORS
#error "VD_VECTORS names the directory with the vectors"
#endif

static vd_bytes_t data_of(const json_t *vector, vd_buffer_t *out)
{
    const char *hex = json_string_value(json_object_get(vector, "msgpack"));
    vd_buffer_clear(out);
    for (; hex != NULL && *hex != 0; hex += 2) {
        unsigned number;
        assert_int_equal(sscanf(hex, "%2x", &number), 1);
        uint8_t byte = (uint8_t)number;
        vd_buffer_add(out, &byte, 1);
    }
    if (out->size == 0) {
        char error[VD_TEXT_BYTES_MAX + 1];
        char *json = json_dumps(json_object_get(vector, "data"), JSON_COMPACT | JSON_ENCODE_ANY);
        assert_non_null(json);
        assert_int_equal(vd_json_parse(vd_str(json), out, error, sizeof error), VD_OK);
        free(json);
    }
    assert_int_equal(vd_scan_exact(vd_buffer_view(out), VD_DEPTH_MAX), VD_OK);
    return vd_buffer_view(out);
}

static void the_check_says_what_the_vectors_say(void **state)
{
    (void)state;
    json_error_t problem;
    json_t *list = json_load_file(VD_VECTORS "/events.json", 0, &problem), *vector;
    if (list == NULL)
        fail_msg("events.json:%d: %s", problem.line, problem.text);
    size_t at;
    vd_buffer_t out;
    vd_buffer_init(&out, VD_EVENT_BYTES_MAX);
    json_array_foreach(list, at, vector)
    {
        char error[VD_TEXT_BYTES_MAX + 1];
        const char *type = json_string_value(json_object_get(vector, "type"));
        const char *wanted = json_string_value(json_object_get(vector, "error"));
        vd_status_t status =
            vd_event_check(vd_str(type), data_of(vector, &out), error, sizeof error);
        if (status != (wanted != NULL ? VD_BAD_EVENT : VD_OK) ||
            strcmp(error, wanted != NULL ? wanted : "") != 0)
            fail_msg("%s: %s \"%s\"", json_string_value(json_object_get(vector, "what")),
                     vd_status_name(status), error);
    }
    assert_true(at > 30);
    vd_buffer_free(&out);
    json_decref(list);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    size_t count;
    const vd_event_type_t *types = vd_event_types(&count);
    for (size_t i = 0; i < count; i++) {
        const vd_event_type_t *type = &types[i];
        assert_true(vd_type_valid(vd_str(type->name)) && type->group[0] && type->meaning[0]);
        assert_ptr_equal(vd_event_type(vd_str(type->name)), type); /* no name twice */
        for (size_t f = 0; f < type->field_count; f++) {
            const vd_event_field_t *field = &type->fields[f];
            assert_int_equal(field->kind == VD_EVENT_CHOICE, strchr(field->unit, '|') != NULL);
            const char *unit = strrchr(field->name, '_');
            if (unit != NULL && strcmp(unit, "_ms") == 0)
                assert_string_equal(field->unit, "ms");
            for (size_t other = 0; other < f; other++)
                assert_string_not_equal(field->name, type->fields[other].name);
        }
    }
}

static void every_type_that_the_design_names_is_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"session_started",
                                        "session_ended",
                                        "session_status",
                                        "plan_constructed",
                                        "descendant_check_started",
                                        "descendant_check_passed",
                                        "descendant_check_failed",
                                        "node_skipped",
                                        "generation_started",
                                        "generation_completed",
                                        "generation_failed",
                                        "level_started",
                                        "level_completed",
                                        "node_generation_started",
                                        "node_generation_completed",
                                        "node_generation_failed",
                                        "request_enqueued",
                                        "request_deduplicated",
                                        "request_processing",
                                        "queue_stats",
                                        "provider_request_sent",
                                        "provider_request_failed",
                                        "provider_request_retrying",
                                        "provider_response_received",
                                        "scan_started",
                                        "scan_progress",
                                        "scan_completed",
                                        "watch_started",
                                        "file_changed",
                                        "batch_processed",
                                        "actor_started",
                                        "actor_ready",
                                        "actor_exited",
                                        "actor_failed",
                                        "ingest_interrupted",
                                        "observer_state"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vd_event_type(vd_str(names[i])) == NULL)
            fail_msg("%s is not in the catalogue", names[i]);
    assert_null(vd_event_type(vd_str("session")));
    assert_null(vd_event_type(vd_str("")));
}

/* Bytes that were never scanned, and none at all, are refused or pass, and are never read beyond. */
static void hostile_data_are_refused(void **state)
{
    (void)state;
    char error[64];
    const uint8_t cut[] = {0x82, 0xa6, 's', 't'};
    assert_int_equal(vd_event_check(vd_str("session_ended"), vd_bytes(cut, sizeof cut), error, 64),
                     VD_BAD_EVENT);
    assert_int_equal(vd_event_check(vd_str("session_ended"), vd_bytes(NULL, 0), error, 64),
                     VD_BAD_EVENT);
    assert_int_equal(vd_event_check(vd_str("session_started"), vd_bytes(NULL, 0), error, 64),
                     VD_OK);
    char small[8]; /* an error is cut to its room */
    assert_int_equal(vd_event_check(vd_str("session_ended"), vd_bytes(NULL, 0), small, 8),
                     VD_BAD_EVENT);
    assert_string_equal(small, "session");
}

static void ids_of_a_session_are_unique_and_sort_under_rapid_creation(void **state)
{
    (void)state;
    vd_session_ids_t ids = {0};
    uint64_t random = 88172645463325252u;
    char last[VD_SESSION_ID_SIZE] = "", id[VD_SESSION_ID_SIZE];
    int64_t wall_ms = 1767225600123;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        if (i % 50000 == 49999)
            wall_ms -= 10000; /* the clock goes back */
        else if (i % 1000 == 0)
            wall_ms++;
        vd_session_id_next(&ids, wall_ms, i % 3 == 0 ? UINT64_MAX : random, id);
        if (strcmp(last, id) >= 0)
            fail_msg("%s is not behind %s", id, last);
        memcpy(last, id, sizeof last);
    }
    assert_true(vd_name_valid(vd_str(id)));
}

static void an_id_of_a_session_begins_with_its_time(void **state)
{
    (void)state;
    vd_session_ids_t ids = {0};
    char id[VD_SESSION_ID_SIZE];
    vd_session_id_next(&ids, 1767225600123, 0x1f2e3d4c5b6a, id);
    assert_string_equal(id, "20260101T000000123Z-1f2e3d4c5b6a");
    vd_session_id_next(&ids, 1767225600123, 0, id);
    assert_string_equal(id, "20260101T000000123Z-1f2e3d4c5b6b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_says_what_the_vectors_say),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(every_type_that_the_design_names_is_listed),
        cmocka_unit_test(hostile_data_are_refused),
        cmocka_unit_test(ids_of_a_session_are_unique_and_sort_under_rapid_creation),
        cmocka_unit_test(an_id_of_a_session_begins_with_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
