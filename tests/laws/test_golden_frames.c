/* test_golden_frames.c: every frame that any version ever wrote is read: names, ids, and known
 * fields keep their value. */
#include "tests/laws/golden.h"

#include "wire/catalogue.h"
#include "wire/commit.h"
#include "wire/message.h"
#include "wire/run.h"

#include <stdio.h>
#include <stdlib.h>

/* The field of a decoded body, against the value that stands in the frame. */
static void same_as_frame(const vd_field_t *field, const void *got, const vd_value_t *frame)
{
    vd_bytes_t bytes = vd_bytes(NULL, 0);
    switch (field->type) {
    case VD_TYPE_U64:
        assert_true(frame->kind == VD_KIND_U64 && frame->u64 == *(const uint64_t *)got);
        return;
    case VD_TYPE_I64:
        assert_int_equal(vd_value_i64(frame, -1), *(const int64_t *)got);
        return;
    case VD_TYPE_F64:
        assert_true(vd_value_f64(frame, -1) == *(const double *)got);
        return;
    case VD_TYPE_BOOL:
        assert_true(frame->kind == VD_KIND_BOOL && frame->boolean == *(const bool *)got);
        return;
    case VD_TYPE_STR:
    case VD_TYPE_BIN:
        bytes = frame->bytes;
        break;
    default:
        bytes = frame->raw;
    }
    assert_true(vd_bytes_equal(bytes, *(const vd_bytes_t *)got));
}

/* The same against what is written beside the frame for people: texts, and numbers as far as a
 * float holds them. */
static void same_as_written(const vd_field_t *field, const void *got, const json_t *written)
{
    if (field->type == VD_TYPE_STR) {
        assert_true(json_is_string(written));
        assert_true(vd_str_is(*(const vd_str_t *)got, json_string_value(written)));
    } else if (field->type == VD_TYPE_U64) {
        assert_true(json_real_value(written) == (double)*(const uint64_t *)got);
    } else if (field->type == VD_TYPE_I64) {
        assert_true(json_real_value(written) == (double)*(const int64_t *)got);
    } else if (field->type == VD_TYPE_F64) {
        assert_true(json_number_value(written) == *(const double *)got);
    } else if (field->type == VD_TYPE_BOOL) {
        assert_int_equal(json_is_true(written), *(const bool *)got);
    } else if (field->type == VD_TYPE_ROWS) {
        assert_int_equal(json_array_size(written), vd_rows_count(*(const vd_bytes_t *)got));
    }
}

static void check_message(const json_t *vector)
{
    vd_bytes_t header = golden_bytes(golden_text(vector, "header"));
    vd_bytes_t body = golden_bytes(golden_text(vector, "body"));
    const char *name = golden_text(vector, "message");
    const json_t *written = json_object_get(vector, "fields");
    vd_message_t message;
    vd_value_t map, value;
    vd_status_t status = vd_message_decode(header, body, vd_bytes(NULL, 0), &message);
    if (status != VD_OK)
        fail_msg("%s is not read any more: %s", name, vd_status_name(status));
    const vd_shape_t *shape = vd_shape_of_message(message.id);
    size_t known = 0;
    assert_string_equal(shape->upper, name);
    assert_int_equal(message.id, golden_number(vector, "id"));
    assert_int_equal(message.correlation, golden_number(vector, "correlation"));
    assert_true(vd_value_of(body, &map) && map.count == json_object_size(written));
    for (size_t at = 0; at < shape->field_count; at++) {
        const vd_field_t *field = &shape->fields[at];
        const void *got = (const char *)&message.done + field->offset;
        if (!vd_value_get(&map, field->name, &value))
            continue;
        known++;
        same_as_frame(field, got, &value);
        same_as_written(field, got, json_object_get(written, field->name));
    }
    /* A key that was dropped or has another name now is a value that an older peer sends for
     * nothing. */
    if (known != map.count)
        fail_msg("%s: of %u keys %zu are known", name, map.count, known);
    free((void *)header.data);
    free((void *)body.data);
}

static void test_messages_keep_names_ids_and_values(void **state)
{
    static char sets[GOLDEN_SETS_MAX][512];
    (void)state;
    size_t count = golden_sets("frames", sets);
    for (size_t set = 0; set < count; set++) {
        json_t *list = golden_json(sets[set], "messages.json", true), *vector;
        size_t at;
        assert_true(json_array_size(list) > 0);
        json_array_foreach(list, at, vector)
        {
            check_message(vector);
        }
        json_decref(list);
    }
}

static void check_commit(const json_t *vector)
{
    enum { RUNS_MAX = 8 };
    vd_bytes_t bytes = golden_bytes(golden_text(vector, "commit")), rest = bytes;
    vd_commit_t commit;
    vd_commit_run_t runs[RUNS_MAX];
    uint64_t bad;
    assert_int_equal(vd_commit_next(&rest, &commit, runs, RUNS_MAX), VD_OK);
    assert_int_equal(rest.size, 0);
    assert_int_equal(commit.index, golden_number(vector, "index"));
    assert_int_equal(commit.chain, golden_number(vector, "chain"));
    assert_true(vd_commit_follows((uint32_t)golden_number(vector, "previous"), &commit));
    for (uint32_t at = 0; at < commit.run_count; at++)
        if (runs[at].absent == VD_OK)
            assert_int_equal(vd_run_check(runs[at].run, runs[at].count, &bad), VD_OK);
    free((void *)bytes.data);
}

static void test_commits_keep_their_chain(void **state)
{
    static char sets[GOLDEN_SETS_MAX][512];
    (void)state;
    size_t count = golden_sets("frames", sets);
    for (size_t set = 0; set < count; set++) {
        json_t *list = golden_json(sets[set], "commits.json", true), *vector;
        size_t at;
        assert_true(json_array_size(list) > 0);
        json_array_foreach(list, at, vector)
        {
            check_commit(vector);
        }
        json_decref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_keep_names_ids_and_values),
        cmocka_unit_test(test_commits_keep_their_chain),
    };
    return cmocka_run_group_tests_name("golden frames", tests, NULL, NULL);
}
