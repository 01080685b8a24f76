/* test_vectors.c: the vectors under protocol/vectors: every valid frame decodes to itself again,
 * every hostile one is refused with the status that is written beside it, every commit has the
 * chain it says. */
#include "wire/commit.h"
#include "wire/message.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifndef VD_VECTORS
#error "VD_VECTORS names the directory with the vectors"
#endif

static json_t *load(const char *name)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", VD_VECTORS, name);
    /* Numbers are read as floats: some are above what jansson takes as an integer. */
    json_t *list = json_load_file(path, JSON_DECODE_INT_AS_REAL, &error);
    if (list == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    assert_true(json_is_array(list) && json_array_size(list) > 0);
    return list;
}

static vd_bytes_t bytes_of(const json_t *vector, const char *key, uint8_t room[4096])
{
    const char *hex = json_string_value(json_object_get(vector, key));
    assert_non_null(hex);
    size_t size = strlen(hex) / 2;
    assert_true(size <= 4096);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        room[i] = (uint8_t)byte;
    }
    return vd_bytes(room, size);
}

static void valid_frames_come_back_the_same(void **state)
{
    (void)state;
    json_t *list = load("messages.json"), *vector;
    size_t at;
    vd_buffer_t out;
    vd_buffer_init(&out, 65536);
    json_array_foreach(list, at, vector)
    {
        uint8_t header_room[4096], body_room[4096];
        vd_bytes_t header = bytes_of(vector, "header", header_room);
        vd_bytes_t body = bytes_of(vector, "body", body_room);
        vd_message_t message;
        vd_status_t status = vd_message_decode(header, body, vd_bytes(NULL, 0), &message);
        if (status != VD_OK)
            fail_msg("vector %zu: %s", at, vd_status_name(status));
        const char *name = json_string_value(json_object_get(vector, "message"));
        assert_string_equal(vd_message_name(message.id), name);
        size_t header_size;
        vd_buffer_clear(&out);
        assert_int_equal(vd_message_encode(&message, &out, &header_size), VD_OK);
        assert_true(vd_bytes_equal(vd_bytes(out.data, header_size), header));
        assert_true(vd_bytes_equal(vd_bytes(out.data + header_size, out.size - header_size), body));
    }
    vd_buffer_free(&out);
    json_decref(list);
}

static void hostile_frames_are_refused_by_name(void **state)
{
    (void)state;
    json_t *list = load("hostile.json"), *vector;
    size_t at;
    json_array_foreach(list, at, vector)
    {
        uint8_t header_room[4096], body_room[4096];
        vd_bytes_t header = bytes_of(vector, "header", header_room);
        vd_bytes_t body = bytes_of(vector, "body", body_room);
        vd_message_t message;
        vd_status_t status = vd_message_decode(header, body, vd_bytes(NULL, 0), &message);
        const char *wanted = json_string_value(json_object_get(vector, "status"));
        if (strcmp(vd_status_name(status), wanted) != 0)
            fail_msg("%s: %s instead of %s", json_string_value(json_object_get(vector, "what")),
                     vd_status_name(status), wanted);
    }
    json_decref(list);
}

static void commits_have_their_chain(void **state)
{
    (void)state;
    json_t *list = load("commits.json"), *vector;
    size_t at;
    json_array_foreach(list, at, vector)
    {
        uint8_t room[4096];
        vd_bytes_t bytes = bytes_of(vector, "commit", room);
        vd_commit_t commit;
        vd_commit_run_t runs[8];
        assert_int_equal(vd_commit_next(&bytes, &commit, runs, 8), VD_OK);
        assert_int_equal(bytes.size, 0);
        uint32_t previous = (uint32_t)json_number_value(json_object_get(vector, "previous"));
        assert_true(vd_commit_follows(previous, &commit));
        assert_int_equal(commit.chain,
                         (uint32_t)json_number_value(json_object_get(vector, "chain")));
        commit.chain++;
        bool lost = commit.run_count > 0 && runs[0].absent == VD_CORRUPT;
        assert_int_equal(vd_commit_follows(previous, &commit), lost);
        for (uint32_t i = 0; i < commit.run_count; i++) {
            uint64_t bad;
            if (runs[i].absent != VD_OK)
                continue;
            assert_int_equal(vd_run_check(commit.runs[i].run, commit.runs[i].count, &bad), VD_OK);
        }
    }
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_frames_come_back_the_same),
        cmocka_unit_test(hostile_frames_are_refused_by_name),
        cmocka_unit_test(commits_have_their_chain),
    };
    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
