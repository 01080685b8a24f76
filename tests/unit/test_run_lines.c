/* test_run_lines.c: streams of bytes become lines, however they arrive; bytes become text. */
#include "run_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX = 16, ROOM = 8192 };

/* All lines of a stream that arrives in pieces of `step` bytes, each as "[text|cut|unended]". */
static void cut_up(const char *bytes, size_t size, size_t step, char out[ROOM])
{
    run_lines_t lines;
    run_line_t line;
    size_t used = 0;
    assert_true(run_lines_init(&lines, MAX));
    for (size_t at = 0; at < size; at += step) {
        vd_bytes_t rest = vd_bytes(bytes + at, size - at < step ? size - at : step);
        while (run_lines_take(&lines, &rest, &line))
            used += (size_t)snprintf(out + used, ROOM - used, "[%.*s|%d|%d]", (int)line.bytes.size,
                                     (const char *)line.bytes.data, (int)line.cut, line.unended);
        assert_int_equal(rest.size, 0);
    }
    if (run_lines_end(&lines, &line))
        used += (size_t)snprintf(out + used, ROOM - used, "[%.*s|%d|%d]", (int)line.bytes.size,
                                 (const char *)line.bytes.data, (int)line.cut, line.unended);
    assert_false(run_lines_end(&lines, &line)); /* once */
    out[used] = 0;
    run_lines_free(&lines);
}

static void expect(const char *bytes, const char *wanted)
{
    for (size_t step = 1; step <= strlen(bytes) + 1; step++) {
        char found[ROOM];
        cut_up(bytes, strlen(bytes), step, found);
        if (strcmp(found, wanted) != 0)
            fail_msg("in pieces of %zu bytes: %s, wanted %s", step, found, wanted);
    }
}

static void lines_are_the_same_however_they_arrive(void **state)
{
    (void)state;
    expect("", "");
    expect("\n", "[|0|0]");
    expect("\n\n", "[|0|0][|0|0]");
    expect("one\ntwo\n", "[one|0|0][two|0|0]");
    expect("one\ntwo", "[one|0|0][two|0|1]");
    expect("one\r\ntwo\r\r\n", "[one|0|0][two\r|0|0]");
    expect("a\rb\n\r", "[a\rb|0|0][\r|0|1]");
}

static void long_lines_are_cut_and_say_so(void **state)
{
    (void)state;
    expect("0123456789abcdef\n", "[0123456789abcdef|0|0]");
    expect("0123456789abcdefg\nx\n", "[0123456789abcdef|1|0][x|0|0]");
    expect("0123456789abcdef\r\n", "[0123456789abcdef|0|0]");
    expect("0123456789abcdef\rX\n", "[0123456789abcdef|2|0]");
    expect("0123456789abcdefghijkl", "[0123456789abcdef|6|1]");
}

static void a_line_is_cut_between_characters(void **state)
{
    (void)state;
    expect("0123456789abcd\xe2\x82\xac!\n", "[0123456789abcd|4|0]");
    expect("0123456789abc\xe2\x82\xac!\n", "[0123456789abc\xe2\x82\xac|1|0]");
    expect("0123456789ab\xf0\x9f\x90\xa7!\n", "[0123456789ab\xf0\x9f\x90\xa7|1|0]");
    expect("0123456789abc\xf0\x9f\x90\xa7!\n", "[0123456789abc|5|0]");
    expect("0123456789abcde\xff\xff\n", "[0123456789abcde\xff|1|0]"); /* no character is cut */
}

static void zeroes_are_bytes_like_others(void **state)
{
    (void)state;
    run_lines_t lines;
    run_line_t line;
    assert_true(run_lines_init(&lines, MAX));
    vd_bytes_t rest = vd_bytes("a\0b\n\0", 5);
    assert_true(run_lines_take(&lines, &rest, &line));
    assert_int_equal(line.bytes.size, 3);
    assert_memory_equal(line.bytes.data, "a\0b", 3);
    assert_false(run_lines_take(&lines, &rest, &line));
    assert_true(run_lines_end(&lines, &line) && line.unended && line.bytes.size == 1);
    run_lines_free(&lines);
}

static void text_of(const char *bytes, const char *wanted)
{
    vd_buffer_t out;
    vd_buffer_init(&out, 256);
    bool whole = run_text(vd_str(bytes), &out);
    vd_buffer_add(&out, "", 1);
    assert_string_equal((const char *)out.data, wanted);
    assert_int_equal(whole, strcmp(bytes, wanted) == 0);
    vd_buffer_free(&out);
}

#define BAD "\xef\xbf\xbd"

static void bytes_that_are_no_characters_are_replaced(void **state)
{
    (void)state;
    text_of("", "");
    text_of("plain", "plain");
    text_of("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7",
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7");
    text_of("\xff"
            "a\xfe",
            BAD "a" BAD);
    text_of("\xc3", BAD);
    text_of("\xc3(", BAD "(");
    text_of("\xe2\x82", BAD BAD);
    text_of("\xc0\xaf", BAD BAD); /* longer than it need be */
    text_of("\xe0\x80\xaf", BAD BAD BAD);
    text_of("\xed\xa0\x80", BAD BAD BAD);         /* half a pair */
    text_of("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* beyond the last character */
    text_of("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_they_arrive),
        cmocka_unit_test(long_lines_are_cut_and_say_so),
        cmocka_unit_test(a_line_is_cut_between_characters),
        cmocka_unit_test(zeroes_are_bytes_like_others),
        cmocka_unit_test(bytes_that_are_no_characters_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
