/* test_json_read.c: an event is the same line of JSON after it was read from one. */
#include "wire/json_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { EVENTS = 3000 };

static char error[VD_TEXT_BYTES_MAX];

/* The line of an event in wire bytes; the caller frees the buffer. */
static vd_buffer_t line_of(vd_bytes_t bytes)
{
    vd_event_t event = {.session = vd_str("s-1"), .seq = UINT64_MAX};
    vd_buffer_t line;
    vd_buffer_init(&line, VD_EVENT_LINE_MAX);
    assert_int_equal(vd_event_read(bytes, &event), VD_OK);
    vd_event_json(&line, &event);
    assert_false(line.full);
    return line;
}

/* Reads the line of `bytes`; the line of what was read has to be the same. */
static void check_same(vd_bytes_t bytes, vd_buffer_t *again)
{
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq = 0;
    vd_buffer_t line = line_of(bytes);
    vd_buffer_init(again, 2 * VD_EVENT_BYTES_MAX);
    vd_status_t status =
        vd_event_of_json(vd_buffer_view(&line), again, session, &seq, error, sizeof error);
    if (status != VD_OK)
        fail_msg("%s: %.*s", error, (int)(line.size < 400 ? line.size : 400), line.data);
    assert_string_equal(session, "s-1");
    assert_true(seq == UINT64_MAX);
    vd_buffer_t other = line_of(vd_buffer_view(again));
    if (!vd_bytes_equal(vd_buffer_view(&line), vd_buffer_view(&other)))
        fail_msg("%.*s\nbecame\n%.*s", (int)(line.size < 2000 ? line.size : 2000), line.data,
                 (int)(other.size < 2000 ? other.size : 2000), other.data);
    vd_buffer_free(&other);
    vd_buffer_free(&line);
}

static void begin_event(vd_buffer_t *out, uint32_t fields)
{
    vd_buffer_init(out, VD_EVENT_BYTES_MAX);
    vd_write_map(out, fields);
    vd_write_pair_text(out, "ts", "2026-01-31T10:15:00.123Z");
    vd_write_pair_text(out, "type", "count");
    vd_write_text(out, "data");
}

static void check_data(vd_bytes_t data)
{
    vd_buffer_t event, again;
    begin_event(&event, 3);
    vd_write_raw(&event, data);
    check_same(vd_buffer_view(&event), &again);
    vd_buffer_free(&again);
    vd_buffer_free(&event);
}

#define CHECK_BYTES(...)                                                                           \
    do {                                                                                           \
        static const uint8_t bytes_[] = {__VA_ARGS__};                                             \
        check_data(vd_bytes(bytes_, sizeof bytes_));                                               \
    } while (0)

static void edges(void **state)
{
    (void)state;
    CHECK_BYTES(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff); /* 2^64 - 1 */
    CHECK_BYTES(0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0);                      /* 2^63 */
    CHECK_BYTES(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0);                      /* -2^63 */
    CHECK_BYTES(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0);                      /* -0.0 */
    CHECK_BYTES(0xcb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0x00, 0x75, 0x9c); /* 1e300 */
    CHECK_BYTES(0xcb, 0x00, 0, 0, 0, 0, 0, 0, 1);                      /* 5e-324 */
    CHECK_BYTES(0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0);                   /* infinity: null */
    CHECK_BYTES(0xca, 0x3d, 0xcc, 0xcc, 0xcd);                         /* 0.1 as a float */
    CHECK_BYTES(0xa0);                                                 /* "" */
    CHECK_BYTES(0xa2, 0, 0x1f);                                        /* control characters */
    CHECK_BYTES(0xa3, 0xff, 'a', 0xc3);                                /* no UTF-8 */
    CHECK_BYTES(0xa4, 0xf0, 0x9f, 0x8c, 0x8d);                         /* beyond 16 bits */
    CHECK_BYTES(0xc4, 0);                                              /* empty bin */
    CHECK_BYTES(0xc7, 0, 0xff);                                        /* empty ext, -1 */
    CHECK_BYTES(0xd4, 0x7f, 1);                                        /* ext */
    CHECK_BYTES(0x82, 1, 2, 0xa1, '1', 3);                             /* the key 1 twice */
    CHECK_BYTES(0x82, 0xa1, 'a', 1, 0xa1, 'a', 2);                     /* the key a twice */
    CHECK_BYTES(0x81, 0x81, 0x92, 0xc0, 0xa1, '"', 0xc4, 1, 9, 0xc3);  /* a map as a key */
    CHECK_BYTES(0x82, 0xa3, 'e', 'x', 't', 1, 0xa6, 'b', 'a', 's', 'e', '6', '4', 0xa1, '!');
    CHECK_BYTES(0x82, 0xa3, 'e', 'x', 't', 0xcd, 1, 0, 0xa6, 'b', 'a', 's', 'e', '6', '4', 0xa0);
}

/* As deep as an event may be, with an ext at the bottom, which shows as a map. */
static void depth(void **state)
{
    (void)state;
    vd_buffer_t data;
    vd_buffer_init(&data, 1024);
    for (int i = 0; i < VD_DEPTH_MAX - 1; i++)
        vd_write_array(&data, 1);
    vd_buffer_add(&data, "\xd4\x05\x01", 3);
    check_data(vd_buffer_view(&data));
    vd_buffer_free(&data);
}

/* An event full of bytes has a line that would be too long an event if its base64 stayed text. */
static void what_fits_as_bytes_fits_again(void **state)
{
    (void)state;
    vd_buffer_t data;
    static uint8_t bytes[VD_EVENT_BYTES_MAX - 20000];
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    vd_write_array(&data, 3);
    vd_write_bin(&data, vd_bytes(bytes, sizeof bytes - 20000));
    vd_write_array(&data, 1000);
    for (int i = 0; i < 1000; i++)
        vd_buffer_add(&data, "\xca\x3d\xcc\xcc\xcd", 5);
    vd_write_str(&data, vd_bytes(memset(bytes, 0xff, 30000), 30000));
    check_data(vd_buffer_view(&data));
    vd_buffer_free(&data);
}

static void further_fields_keep_their_order(void **state)
{
    (void)state;
    vd_buffer_t event, again;
    begin_event(&event, 6);
    vd_write_nil(&event);
    vd_write_text(&event, "zeta");
    vd_write_f64(&event, 1.0);
    vd_write_text(&event, "cause");
    vd_write_map(&event, 1);
    vd_write_pair_text(&event, "observer", "host");
    vd_write_text(&event, "");
    vd_write_bin(&event, vd_bytes("\1\2", 2));
    check_same(vd_buffer_view(&event), &again);
    vd_event_t read = {0};
    assert_int_equal(vd_event_read(vd_buffer_view(&again), &read), VD_OK);
    assert_true(read.cause.size > 0);
    vd_buffer_free(&again);
    vd_buffer_free(&event);
}

/* ---- events made at random ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % bound;
}

static void random_bytes(vd_buffer_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)random_below(256);
        vd_buffer_add(out, &byte, 1);
    }
}

static void random_text(vd_buffer_t *out)
{
    static const char *const words[] = {
        "",     "a",    "\"\\/",        "\b\f\n\r\t", "\xc3\xa4",
        "\x7f", "\xff", "\xed\xa0\x80", "QUJD",       "\xef\xbf\xbd",
        "ext"};
    vd_buffer_t text;
    vd_buffer_init(&text, 4096);
    for (uint32_t i = random_below(5); i > 0; i--)
        vd_buffer_add(&text, words[i % 11], strlen(words[i % 11]));
    for (uint32_t i = random_below(8); i > 0; i--) {
        const char *word = words[random_below(11)];
        vd_buffer_add(&text, word, strlen(word));
    }
    random_bytes(&text, random_below(4));
    vd_write_str(out, vd_buffer_view(&text));
    vd_buffer_free(&text);
}

static void random_value(vd_buffer_t *out, unsigned level)
{
    static const uint8_t numbers[] = {0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3};
    static const uint8_t widths[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    uint32_t kind = random_below(level > 6 ? 6 : 9), count = random_below(level > 3 ? 4 : 20);
    uint8_t head[3] = {0xc7, (uint8_t)count, (uint8_t)random_below(256)};
    switch (kind) {
    case 0:
        vd_buffer_add(out, &"\xc0\xc2\xc3"[random_below(3)], 1);
        break;
    case 1:
    case 2:
        vd_buffer_add(out, &numbers[count % 10], 1);
        random_bytes(out, widths[count % 10]);
        break;
    case 3:
        random_text(out);
        break;
    case 4:
        vd_write_array(out, 0);
        break;
    case 5:
        vd_buffer_add(out, head, sizeof head);
        random_bytes(out, count);
        break;
    case 6:
        vd_write_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            random_value(out, level + 1);
        break;
    default:
        vd_write_map(out, count);
        for (uint32_t i = 0; i < count; i++) {
            if (random_below(4) > 0)
                random_text(out);
            else
                random_value(out, level + 3);
            random_value(out, level + 1);
        }
    }
}

static void any_event(void **state)
{
    (void)state;
    const char *seed = getenv("VD_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("VD_SEED=%llu\n", (unsigned long long)random_state);
    for (int i = 0; i < EVENTS; i++) {
        vd_buffer_t data;
        vd_buffer_init(&data, VD_EVENT_BYTES_MAX - 64);
        random_value(&data, 1);
        if (!data.full)
            check_data(vd_buffer_view(&data));
        vd_buffer_free(&data);
    }
}

/* ---- what is no event ---- */

static void check_refused(const char *line, vd_status_t wanted, const char *text)
{
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq;
    vd_buffer_t out;
    vd_buffer_init(&out, 2 * VD_EVENT_BYTES_MAX);
    vd_buffer_add(&out, "kept", 4);
    vd_status_t status = vd_event_of_json(vd_str(line), &out, session, &seq, error, sizeof error);
    if (status != wanted || strstr(error, text) == NULL)
        fail_msg("%s\ngave %s: %s", line, vd_status_name(status), error);
    assert_int_equal(out.size, 4);
    vd_buffer_free(&out);
}

#define EVENT(data)                                                                                \
    "{\"ts\":\"2026-01-31T10:15:00.123Z\",\"session\":\"s\",\"seq\":1,\"type\":\"t\","             \
    "\"data\":" data "}"

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    check_refused("", VD_MALFORMED, "column 1");
    check_refused("[]", VD_MALFORMED, "'{'");
    check_refused("{}", VD_BAD_EVENT, "ts is missing");
    check_refused(EVENT("1") " x", VD_MALFORMED, "behind the event");
    check_refused(EVENT("1,\"data\":2"), VD_BAD_EVENT, "twice");
    check_refused(EVENT("1,\"cause\":{},\"cause\":{}"), VD_BAD_EVENT, "twice");
    check_refused(EVENT("1,\"aux\":\"YWE=\",\"aux\":\"YmI=\""), VD_BAD_EVENT, "twice");
    check_refused(EVENT("18446744073709551616"), VD_MALFORMED, "beyond 64 bits");
    check_refused(EVENT("-9223372036854775809"), VD_MALFORMED, "beyond 64 bits");
    check_refused(EVENT("1e999"), VD_MALFORMED, "beyond the doubles");
    check_refused(EVENT("01"), VD_MALFORMED, "no value");
    check_refused(EVENT("1."), VD_MALFORMED, "no value");
    check_refused(EVENT("nul"), VD_MALFORMED, "no value");
    check_refused(EVENT("\"\\ud800\""), VD_MALFORMED, "half of a pair");
    check_refused(EVENT("\"\\x\""), VD_MALFORMED, "escape");
    check_refused(EVENT("\"\xff\""), VD_MALFORMED, "UTF-8");
    check_refused(EVENT("\"\n\""), VD_MALFORMED, "control character");
    check_refused(EVENT("[1"), VD_MALFORMED, "']'");
    check_refused("{\"ts\":\"2026-01-31T10:15:00Z\"}", VD_BAD_EVENT, "ts has to be");
    check_refused("{\"seq\":0}", VD_BAD_EVENT, "seq has to be");
    check_refused("{\"session\":\"a b\"}", VD_BAD_EVENT, "session has to be");
    check_refused("{\"type\":\"a b\"}", VD_BAD_EVENT, "type has to be");
    char deep[256] = "{\"x\":";
    memset(deep + 5, '[', 100);
    check_refused(deep, VD_TOO_DEEP, "nested deeper");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(depth),
        cmocka_unit_test(what_fits_as_bytes_fits_again),
        cmocka_unit_test(further_fields_keep_their_order),
        cmocka_unit_test(any_event),
        cmocka_unit_test(what_is_no_event_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
