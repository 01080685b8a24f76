/* test_wire.c: scanning, values, the codec, runs, events, commits, JSON and time stamps. */
#include "wire/catalogue.h"
#include "wire/commit.h"
#include "wire/message.h"
#include "wire/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES(...) vd_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define NONE       vd_bytes(NULL, 0)

static void scan_refuses_what_does_not_fit(void **state)
{
    (void)state;
    size_t size;
    assert_int_equal(vd_scan(BYTES(0xdd, 0x08, 0, 0, 0), 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(BYTES(0xdf, 0xff, 0xff, 0xff, 0xff), 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(BYTES(0xdb, 0xff, 0xff, 0xff, 0xff, 'a'), 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(BYTES(0xc1), 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(NONE, 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(BYTES(0x92, 0x01), 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(BYTES(0xcf, 1, 2, 3), 24, &size), VD_MALFORMED);
    assert_int_equal(vd_scan(BYTES(0x92, 0x01, 0xa1, 'x', 0x55), 24, &size), VD_OK);
    assert_int_equal(size, 4);
    assert_int_equal(vd_scan_exact(BYTES(0x01, 0x02), 24), VD_MALFORMED);
}

static void scan_refuses_depth(void **state)
{
    (void)state;
    uint8_t nested[64];
    memset(nested, 0x91, sizeof nested);
    nested[24] = 0xc0;
    assert_int_equal(vd_scan_exact(vd_bytes(nested, 25), 24), VD_OK);
    nested[24] = 0x91;
    nested[25] = 0xc0;
    assert_int_equal(vd_scan_exact(vd_bytes(nested, 26), 24), VD_TOO_DEEP);
}

static void numbers_read_as_written(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0,  1,   127, 128,  255,  256,    65535,     65536,
                                      -1, -32, -33, -128, -129, -32769, INT64_MAX, INT64_MIN};
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        vd_value_t value;
        vd_buffer_clear(&out);
        vd_write_i64(&out, numbers[i]);
        assert_true(vd_value_of(vd_buffer_view(&out), &value));
        assert_int_equal(value.kind, numbers[i] < 0 ? VD_KIND_I64 : VD_KIND_U64);
        assert_true(vd_value_i64(&value, 42) == numbers[i]);
    }
    vd_buffer_free(&out);
}

static void maps_are_searched_by_key(void **state)
{
    (void)state;
    vd_value_t value, member;
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_write_map(&out, 3);
    vd_write_pair_u64(&out, "big", UINT64_MAX);
    vd_write_pair_f64(&out, "half", 0.5);
    vd_write_pair_text(&out, "text", "hello");
    assert_true(vd_value_of(vd_buffer_view(&out), &value));
    assert_true(vd_value_get(&value, "big", &member));
    assert_true(member.u64 == UINT64_MAX);
    assert_int_equal(vd_value_i64(&member, -7), -7);
    assert_true(vd_value_get_f64(&value, "half", 0) == 0.5);
    assert_true(vd_str_is(vd_value_get_str(&value, "text"), "hello"));
    assert_false(vd_value_get(&value, "none", &member));
    vd_buffer_free(&out);
}

static void fill(const vd_shape_t *shape, vd_message_t *message)
{
    for (size_t f = 0; f < shape->field_count; f++) {
        void *at = (char *)&message->done + shape->fields[f].offset;
        if (shape->fields[f].type == VD_TYPE_STR)
            *(vd_str_t *)at = vd_str("text");
        if (shape->fields[f].type == VD_TYPE_U64 || shape->fields[f].type == VD_TYPE_I64)
            *(uint64_t *)at = 1000 + f;
        if (shape->fields[f].type == VD_TYPE_BOOL)
            *(bool *)at = true;
    }
}

static void check_filled(const vd_shape_t *shape, const vd_message_t *message)
{
    for (size_t f = 0; f < shape->field_count; f++) {
        const void *at = (const char *)&message->done + shape->fields[f].offset;
        if (shape->fields[f].type == VD_TYPE_STR)
            assert_true(vd_str_is(*(const vd_str_t *)at, "text"));
        if (shape->fields[f].type == VD_TYPE_U64 || shape->fields[f].type == VD_TYPE_I64)
            assert_int_equal(*(const uint64_t *)at, 1000 + f);
        if (shape->fields[f].type == VD_TYPE_BOOL)
            assert_true(*(const bool *)at);
    }
}

static void every_message_survives_the_round_trip(void **state)
{
    (void)state;
    size_t count;
    const vd_shape_t *shapes = vd_shapes_of_messages(&count);
    assert_true(count > 40);
    vd_buffer_t out;
    vd_buffer_init(&out, 65536);
    for (size_t i = 0; i < count; i++) {
        vd_message_t message = {.id = shapes[i].id, .correlation = 77 + i}, back;
        size_t header_size;
        fill(&shapes[i], &message);
        vd_buffer_clear(&out);
        assert_int_equal(vd_message_encode(&message, &out, &header_size), VD_OK);
        vd_bytes_t body = vd_bytes(out.data + header_size, out.size - header_size);
        vd_status_t status = vd_message_decode(vd_bytes(out.data, header_size), body, NONE, &back);
        assert_int_equal(status, VD_OK);
        assert_int_equal(back.id, message.id);
        assert_int_equal(back.correlation, 77 + i);
        check_filled(&shapes[i], &back);
    }
    vd_buffer_free(&out);
}

static void ids_and_names_are_unique(void **state)
{
    (void)state;
    size_t count;
    const vd_shape_t *shapes = vd_shapes_of_messages(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(shapes[i].id, shapes[j].id);
            assert_string_not_equal(shapes[i].upper, shapes[j].upper);
        }
}

static void decode_names_what_is_wrong(void **state)
{
    (void)state;
    vd_message_t message;
    /* [1, 3, 9]: PING; [2, ...]: a newer version; [1, 9999, 5]: an unknown message. */
    assert_int_equal(vd_message_decode(BYTES(0x93, 1, 3, 9), BYTES(0x80), NONE, &message), VD_OK);
    assert_int_equal(message.correlation, 9);
    assert_int_equal(vd_message_decode(BYTES(0x93, 2, 3, 9), BYTES(0x80), NONE, &message),
                     VD_UNSUPPORTED);
    assert_int_equal(message.correlation, 9);
    assert_int_equal(
        vd_message_decode(BYTES(0x93, 1, 0xcd, 0x27, 0x0f, 5), BYTES(0x80), NONE, &message),
        VD_UNSUPPORTED);
    assert_int_equal(message.id, 9999);
    vd_bytes_t open = BYTES(0x93, 1, 16, 0);
    assert_int_equal(vd_message_decode(open, BYTES(0x80), NONE, &message), VD_MISSING_FIELD);
    /* OPEN {"producer": 5}, then with an unknown key beside. */
    vd_bytes_t wrong = BYTES(0x81, 0xa8, 'p', 'r', 'o', 'd', 'u', 'c', 'e', 'r', 5);
    assert_int_equal(vd_message_decode(open, wrong, NONE, &message), VD_WRONG_TYPE);
    vd_bytes_t more = BYTES(0x83, 0xa1, 'z', 0x91, 1, 0xa8, 'p', 'r', 'o', 'd', 'u', 'c', 'e', 'r',
                            0xa1, 'x', 0xa4, 'l', 'i', 'f', 'e', 7);
    assert_int_equal(vd_message_decode(open, more, NONE, &message), VD_OK);
    assert_true(vd_str_is(message.open.producer, "x"));
    assert_int_equal(message.open.life, 7);
    assert_int_equal(vd_message_decode(BYTES(0xdd, 8, 0, 0, 0), BYTES(0x80), NONE, &message),
                     VD_MALFORMED);
}

static void rows_are_read_in_order(void **state)
{
    (void)state;
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_endpoint_record_t a = {.port = vd_str("control"), .endpoint = vd_str("ipc:///x")};
    vd_endpoint_record_t b = {.port = vd_str("events"), .endpoint = vd_str("ipc:///y")}, row;
    vd_write_array(&out, 2);
    assert_int_equal(vd_record_encode(VD_RECORD_endpoint, &a, &out), VD_OK);
    assert_int_equal(vd_record_encode(VD_RECORD_endpoint, &b, &out), VD_OK);
    vd_bytes_t rows = vd_buffer_view(&out);
    assert_int_equal(vd_rows_count(rows), 2);
    assert_int_equal(vd_rows_next(&rows, VD_RECORD_endpoint, &row), VD_OK);
    assert_true(vd_str_is(row.port, "control"));
    assert_int_equal(vd_rows_next(&rows, VD_RECORD_endpoint, &row), VD_OK);
    assert_true(vd_str_is(row.endpoint, "ipc:///y"));
    assert_int_equal(vd_rows_next(&rows, VD_RECORD_endpoint, &row), VD_NOT_FOUND);
    vd_buffer_free(&out);
}

static void crc32c_is_the_published_one(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0};
    assert_int_equal(vd_crc32c(0, vd_bytes(zeros, 32)), 0x8a9136aa);
    assert_int_equal(vd_crc32c(0, vd_str("123456789")), 0xe3069283);
    uint32_t parts = vd_crc32c(vd_crc32c(0, vd_str("1234")), vd_str("56789"));
    assert_int_equal(parts, 0xe3069283);
}

static void add_event(vd_buffer_t *run, const char *type, uint64_t number)
{
    vd_buffer_t event, data;
    vd_buffer_init(&event, 4096);
    vd_buffer_init(&data, 4096);
    vd_write_map(&data, 1);
    vd_write_pair_u64(&data, "n", number);
    vd_event_write(&event, 1700000000123, vd_str(type), vd_buffer_view(&data), NONE);
    assert_true(vd_run_add(run, vd_buffer_view(&event)));
    vd_buffer_free(&event);
    vd_buffer_free(&data);
}

static void runs_are_checked_entry_by_entry(void **state)
{
    (void)state;
    vd_buffer_t run;
    vd_buffer_init(&run, 65536);
    for (uint64_t i = 0; i < 5; i++)
        add_event(&run, "thing_happened", i);
    uint64_t bad;
    assert_int_equal(vd_run_check(vd_buffer_view(&run), 5, &bad), VD_OK);
    assert_int_equal(vd_run_check(vd_buffer_view(&run), 4, &bad), VD_MALFORMED);
    assert_int_equal(vd_run_check(vd_buffer_view(&run), 6, &bad), VD_MALFORMED);
    size_t one = run.size / 5;
    run.data[one * 2 + 20] ^= 1;
    assert_int_equal(vd_run_check(vd_buffer_view(&run), 5, &bad), VD_BAD_CRC);
    assert_int_equal(bad, 2);
    vd_buffer_free(&run);
}

static void events_need_time_type_and_data(void **state)
{
    (void)state;
    vd_event_t event;
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_event_write(&out, 0, vd_str("a.b-c_1"), BYTES(0xc0), BYTES(0x80));
    assert_int_equal(vd_event_read(vd_buffer_view(&out), &event), VD_OK);
    assert_true(vd_str_is(event.ts, "1970-01-01T00:00:00.000Z"));
    assert_int_equal(event.cause.size, 1);
    vd_buffer_clear(&out);
    vd_event_write(&out, 0, vd_str("bad type"), BYTES(0xc0), NONE);
    assert_int_equal(vd_event_read(vd_buffer_view(&out), &event), VD_BAD_EVENT);
    vd_buffer_clear(&out);
    vd_write_map(&out, 1);
    vd_write_pair_text(&out, "type", "x");
    assert_int_equal(vd_event_read(vd_buffer_view(&out), &event), VD_BAD_EVENT);
    vd_buffer_clear(&out);
    vd_write_map(&out, 4);
    vd_write_pair_text(&out, "ts", "1970-01-01T00:00:00.000Z");
    vd_write_pair_text(&out, "type", "x");
    vd_write_pair_u64(&out, "data", 1);
    vd_write_pair_text(&out, "type", "y");
    assert_int_equal(vd_event_read(vd_buffer_view(&out), &event), VD_BAD_EVENT);
    vd_buffer_free(&out);
}

static void the_type_is_found_wherever_it_stands(void **state)
{
    (void)state;
    vd_buffer_t out;
    vd_buffer_init(&out, 4096);
    vd_event_write(&out, 0, vd_str("usual"), BYTES(0xc0), BYTES(0x80));
    assert_true(vd_str_is(vd_event_peek_type(vd_buffer_view(&out)), "usual"));
    vd_buffer_clear(&out);
    vd_write_map(&out, 3);
    vd_write_pair_u64(&out, "data", 1);
    vd_write_pair_text(&out, "type", "unusual");
    vd_write_pair_text(&out, "ts", "1970-01-01T00:00:00.000Z");
    assert_true(vd_str_is(vd_event_peek_type(vd_buffer_view(&out)), "unusual"));
    vd_buffer_free(&out);
}

static void time_stamps_have_24_characters(void **state)
{
    (void)state;
    char text[VD_TS_SIZE];
    int64_t back;
    static const int64_t times[] = {0, 951782400000, 1709164800999, 4102444799999, 253402300799999};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        vd_ts_format(times[i], text);
        assert_int_equal(strlen(text), 24);
        assert_true(vd_ts_parse(vd_str(text), &back));
        assert_true(back == times[i]);
    }
    vd_ts_format(951782400000, text);
    assert_string_equal(text, "2000-02-29T00:00:00.000Z");
    assert_false(vd_ts_parse(vd_str("2001-02-29T00:00:00.000Z"), &back));
    assert_false(vd_ts_parse(vd_str("2001-02-28T24:00:00.000Z"), &back));
    assert_false(vd_ts_parse(vd_str("2001-02-28T00:00:00.000z"), &back));
    assert_false(vd_ts_parse(vd_str("2001-02-28 00:00:00.000Z"), &back));
}

static void commits_chain_and_round_trip(void **state)
{
    (void)state;
    vd_buffer_t run, out;
    vd_buffer_init(&run, 65536);
    vd_buffer_init(&out, 65536);
    add_event(&run, "x", 1);
    add_event(&run, "y", 2);
    vd_commit_run_t runs[1] = {
        {.session = vd_str("s1"), .first_seq = 7, .count = 2, .run = vd_buffer_view(&run)}};
    vd_commit_t commit = {
        .index = 3, .time_ms = 1700000000000, .epoch = 2, .run_count = 1, .runs = runs};
    commit.chain = vd_commit_chain(99, &commit);
    assert_int_not_equal(commit.chain, vd_commit_chain(98, &commit));
    vd_commit_write(&out, &commit);
    vd_bytes_t payload = vd_buffer_view(&out);
    vd_commit_t back;
    vd_commit_run_t room[2];
    assert_int_equal(vd_commit_next(&payload, &back, room, 2), VD_OK);
    assert_int_equal(back.runs[0].count, 2);
    assert_int_equal(vd_commit_chain(99, &back), commit.chain);
    assert_int_equal(vd_commit_next(&payload, &back, room, 2), VD_NOT_FOUND);
    vd_buffer_free(&run);
    vd_buffer_free(&out);
}

static void json_both_ways(void **state)
{
    (void)state;
    vd_buffer_t value, text;
    vd_buffer_init(&value, 4096);
    vd_buffer_init(&text, 4096);
    char error[VD_TEXT_BYTES_MAX];
    const char *json = "{\"a\":[1,-2,0.1,true,null,\"q\\\"\xc3\xa9\\n\"],\"b\":{}}";
    assert_int_equal(vd_json_parse(vd_str(json), &value, error, sizeof error), VD_OK);
    vd_value_json(&text, vd_buffer_view(&value));
    assert_true(vd_str_is(vd_buffer_view(&text), json));
    assert_int_equal(vd_json_parse(vd_str("{\"a\":"), &value, error, sizeof error), VD_MALFORMED);
    assert_non_null(strstr(error, "line 1"));
    vd_buffer_clear(&text);
    vd_value_json(&text, BYTES(0xa2, 0xff, 'a'));
    assert_true(vd_str_is(vd_buffer_view(&text), "\"\xef\xbf\xbd"
                                                 "a\""));
    vd_buffer_clear(&text);
    vd_value_json(&text, BYTES(0xc4, 2, 0xff, 0xfe));
    assert_true(vd_str_is(vd_buffer_view(&text), "\"//4=\""));
    vd_buffer_free(&value);
    vd_buffer_free(&text);
}

/* {{{1: 2}: 3}: 4}, {{1: 2}: 3}, and keys within keys as deep as a value may be. */
static void keys_that_are_maps(void **state)
{
    enum { DEEP = VD_DEPTH_MAX - 1 };
    uint8_t deep[2 * DEEP + 1];
    vd_buffer_t text;
    (void)state;
    vd_buffer_init(&text, 4096);
    vd_value_json(&text, BYTES(0x81, 0x81, 0x81, 1, 2, 3, 4));
    assert_true(vd_str_is(vd_buffer_view(&text), "{\"{\\\"gQEC\\\":3}\":4}"));
    vd_buffer_clear(&text);
    vd_value_json(&text, BYTES(0x81, 0x81, 1, 2, 3));
    assert_true(vd_str_is(vd_buffer_view(&text), "{\"{\\\"1\\\":2}\":3}"));
    vd_buffer_clear(&text);
    memset(deep, 0x81, DEEP);
    memset(deep + DEEP, 1, DEEP + 1);
    assert_int_equal(vd_scan_exact(vd_bytes(deep, sizeof deep), VD_DEPTH_MAX), VD_OK);
    vd_value_json(&text, vd_bytes(deep, sizeof deep));
    assert_true(!text.full && text.size < 12 * sizeof deep);
    vd_buffer_free(&text);
}

/* What is quoted becomes text that a message can carry. */
static void quoted_text_is_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t text_size, size;
        const char *copy;
    } rows[] = {
        {"", 0, 1, ""},
        {"all", 3, 4, "all"},
        {"all", 3, 1, ""},
        {"caf\xc3\xa9", 5, 6, "caf\xc3\xa9"},
        {"caf\xc3\xa9", 5, 5, "caf"},                                  /* no half of a character */
        {"a\0b", 3, 8, "a?b"},                                         /* a zero byte */
        {"\xff\xc3x\xc3", 4, 8, "??x?"},                               /* bytes of no character */
        {"\xed\xa0\x80", 3, 8, "???"},                                 /* a surrogate */
        {"\xf0\x9f\x98\x80\xf0\x9f\x98", 7, 8, "\xf0\x9f\x98\x80???"}, /* cut at its end */
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        char out[8];
        vd_str_t copy =
            vd_text_copy(out, rows[at].size, vd_bytes(rows[at].text, rows[at].text_size));
        assert_string_equal(out, rows[at].copy);
        assert_true(copy.data == (const uint8_t *)out && copy.size == strlen(out));
    }
    char words[8];
    vd_buffer_t wire;
    size_t header;
    vd_message_t read, done = {.id = VD_MESSAGE_DONE};
    vd_buffer_init(&wire, 4096);
    for (int made = 0; made < 2; made++) { /* as it is, and copied */
        vd_buffer_clear(&wire);
        done.done.text = vd_bytes("a\0\xff", 3);
        if (made == 1)
            done.done.text = vd_text_copy(words, sizeof words, done.done.text);
        assert_int_equal(vd_message_encode(&done, &wire, &header), VD_OK);
        assert_int_equal(vd_message_decode(vd_bytes(wire.data, header),
                                           vd_bytes(wire.data + header, wire.size - header), NONE,
                                           &read),
                         made == 1 ? VD_OK : VD_MALFORMED);
    }
    assert_true(vd_str_is(read.done.text, "a??"));
    vd_buffer_free(&wire);
}

static void globs_match(void **state)
{
    (void)state;
    assert_true(vd_glob_match(vd_str("service_*"), vd_str("service_gone")));
    assert_true(vd_glob_match(vd_str("*"), vd_str("")));
    assert_true(vd_glob_match(vd_str("a*b*c"), vd_str("aXXbYYbc")));
    assert_false(vd_glob_match(vd_str("a*b*c"), vd_str("aXXbYYb")));
    assert_false(vd_glob_match(vd_str("a?"), vd_str("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_refuses_what_does_not_fit),
        cmocka_unit_test(scan_refuses_depth),
        cmocka_unit_test(numbers_read_as_written),
        cmocka_unit_test(maps_are_searched_by_key),
        cmocka_unit_test(every_message_survives_the_round_trip),
        cmocka_unit_test(ids_and_names_are_unique),
        cmocka_unit_test(decode_names_what_is_wrong),
        cmocka_unit_test(rows_are_read_in_order),
        cmocka_unit_test(crc32c_is_the_published_one),
        cmocka_unit_test(runs_are_checked_entry_by_entry),
        cmocka_unit_test(events_need_time_type_and_data),
        cmocka_unit_test(the_type_is_found_wherever_it_stands),
        cmocka_unit_test(time_stamps_have_24_characters),
        cmocka_unit_test(commits_chain_and_round_trip),
        cmocka_unit_test(json_both_ways),
        cmocka_unit_test(keys_that_are_maps),
        cmocka_unit_test(quoted_text_is_whole),
        cmocka_unit_test(globs_match),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
