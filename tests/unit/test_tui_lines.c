/* test_tui_lines.c: lines wrap and are cut character by character; a value becomes lines of JSON, however hostile it is. */
#include "tui/json_lines.h"

#include "wire/limits.h"
#include "wire/run.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static vd_buffer_t text_of(const tui_lines_t *lines)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 4 * TUI_LINES_BYTES_MAX);
    tui_lines_text(lines, &text);
    assert_true(vd_buffer_add(&text, "", 1));
    return text;
}

static void expect(const tui_lines_t *lines, const char *expected)
{
    vd_buffer_t text = text_of(lines);
    assert_string_equal((const char *)text.data, expected);
    vd_buffer_free(&text);
}

static void expect_drawn(const tui_lines_t *lines, int width, int height, size_t first,
                         const char *expected)
{
    vd_buffer_t text;
    tui_canvas_t *canvas = tui_canvas_new(width, height, false);
    vd_buffer_init(&text, 65536);
    tui_lines_draw(lines, canvas, tui_canvas_box(canvas), first);
    tui_canvas_text(canvas, &text);
    vd_buffer_add(&text, "", 1);
    assert_string_equal((const char *)text.data, expected);
    vd_buffer_free(&text);
    tui_canvas_destroy(&canvas);
}

/* Lays out JSON text. */
static void lay_out(tui_lines_t *lines, const char *json, int columns, unsigned depth)
{
    vd_buffer_t value;
    char error[256];
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    assert_int_equal(vd_json_parse(vd_str(json), &value, error, sizeof error), VD_OK);
    tui_lines_clear(lines, columns, true);
    tui_json_lines(lines, vd_buffer_view(&value), 0, depth);
    vd_buffer_free(&value);
}

static void test_wraps(void **state)
{
    tui_lines_t *lines = *state;
    tui_lines_clear(lines, 10, true);
    tui_lines_begin(lines, 1);
    tui_lines_put(lines, TUI_TITLE, vd_str("key "));
    assert_int_equal(tui_lines_room(lines), 5);
    tui_lines_put(lines, TUI_PLAIN, vd_str("0123456789abcdef"));
    tui_lines_end(lines);
    tui_lines_put(lines, TUI_PLAIN, vd_str("日本日本日本"));
    expect(lines, " key 01234\n   56789ab\n   cdef\n日本日本日\n  本\n");
    tui_lines_clear(lines, 20, true);
    tui_lines_put(lines, TUI_PLAIN, vd_str("one\ntwo"));
    expect(lines, "one\n  two\n");
}

static void test_cuts(void **state)
{
    tui_lines_t *lines = *state;
    tui_lines_clear(lines, 10, false);
    tui_lines_put(lines, TUI_TITLE, vd_str("first "));
    tui_lines_put(lines, TUI_PLAIN, vd_str("\x1b[31msecond"));
    tui_lines_begin(lines, 0);
    tui_lines_put(lines, TUI_PLAIN, vd_str("exactly so"));
    tui_lines_put(lines, TUI_PLAIN, vd_str("and more"));
    expect_drawn(lines, 10, 3, 0, "first ?[3…\nexactly s…\n\n");
    expect_drawn(lines, 10, 1, 1, "exactly s…\n");
    expect_drawn(lines, 10, 1, 9, "\n");
}

static void test_is_bounded(void **state)
{
    tui_lines_t *lines = *state;
    tui_lines_clear(lines, 80, true);
    for (int i = 0; i < 3 * TUI_LINES_MAX; i++) {
        tui_lines_begin(lines, 0);
        tui_lines_putf(lines, TUI_PLAIN, "line %d", i);
    }
    assert_true(tui_lines_full(lines));
    assert_int_equal(tui_lines_count(lines), TUI_LINES_MAX);
    vd_buffer_t text = text_of(lines);
    assert_non_null(strstr((const char *)text.data, "\n(the rest is left out)\n"));
    vd_buffer_free(&text);
    tui_lines_clear(lines, 80, true);
    char much[5000];
    memset(much, 'x', sizeof much);
    for (int i = 0; i < 100; i++)
        tui_lines_put(lines, TUI_PLAIN, vd_bytes(much, sizeof much));
    assert_true(tui_lines_full(lines));
}

static void test_json(void **state)
{
    tui_lines_t *lines = *state;
    lay_out(lines, "{\"port\":8080,\"name\":\"a\\\"b\",\"up\":true,\"x\":null}", 80, 9);
    expect(lines, "{\"port\": 8080, \"name\": \"a\\\"b\", \"up\": true, \"x\": null}\n");
    lay_out(lines, "{\"port\":8080,\"name\":\"a\",\"list\":[1,2,3],\"far\":{\"deep\":[{\"k\":1}]}}",
            20, 9);
    expect(lines, "{\n"
                  "  \"port\": 8080,\n"
                  "  \"name\": \"a\",\n"
                  "  \"list\": [1, 2, 3],\n"
                  "  \"far\": {\n"
                  "    \"deep\": [\n"
                  "      {\"k\": 1}\n"
                  "    ]\n"
                  "  }\n"
                  "}\n");
    lay_out(lines, "[]", 80, 9);
    expect(lines, "[]\n");
    lay_out(lines, "\"a long text that is wrapped\"", 16, 9);
    expect(lines, "\"a long text \n  that is \n  wrapped\"\n");
}

static void test_folds(void **state)
{
    tui_lines_t *lines = *state;
    lay_out(lines, "{\"a\":{\"b\":[[1],[2],[3]],\"c\":{\"d\":{}}},\"e\":1}", 24, 1);
    expect(lines, "{\n  \"a\": {2 keys},\n  \"e\": 1\n}\n");
    lay_out(lines, "{\"a\":{\"b\":[[1],[2],[3]],\"c\":{\"d\":{}}},\"e\":1}", 24, 2);
    expect(lines,
           "{\n  \"a\": {\n    \"b\": [3 elements],\n    \"c\": {1 key}\n  },\n  \"e\": 1\n}\n");
}

static void test_tones(void **state)
{
    tui_lines_t *lines = *state;
    tui_canvas_t *canvas = tui_canvas_new(40, 1, false);
    lay_out(lines, "{\"k\":\"text\",\"n\":17}", 40, 9);
    tui_lines_draw(lines, canvas, tui_canvas_box(canvas), 0);
    assert_int_equal(tui_canvas_at(canvas, 1, 0)->tone, TUI_TITLE);
    assert_int_equal(tui_canvas_at(canvas, 6, 0)->tone, TUI_GOOD);
    assert_int_equal(tui_canvas_at(canvas, 19, 0)->tone, TUI_ACCENT);
    tui_canvas_destroy(&canvas);
}

static void test_odd_values(void **state)
{
    tui_lines_t *lines = *state;
    vd_buffer_t value;
    uint8_t bytes[2000];
    memset(bytes, 0xab, sizeof bytes);
    vd_buffer_init(&value, 65536);
    vd_write_array(&value, 5);
    vd_write_f64(&value, (double)NAN);
    vd_write_f64(&value, (double)-INFINITY);
    vd_write_bin(&value, vd_bytes(bytes, 3));
    vd_write_bin(&value, vd_bytes(bytes, sizeof bytes));
    vd_write_str(&value, vd_bytes("a\xff\x1b\n", 4));
    tui_lines_clear(lines, 120, true);
    tui_json_lines(lines, vd_buffer_view(&value), 0, 9);
    vd_buffer_t text = text_of(lines);
    const char *shown = (const char *)text.data;
    assert_non_null(
        strstr(shown, "  null (NaN),\n  null (-infinity),\n  \"q6ur\" (bin, 3 bytes),\n"));
    assert_non_null(strstr(shown, "... (bin, 2.0K bytes),\n"));
    assert_non_null(strstr(shown, "\"a\xef\xbf\xbd\\u001b\\n\"\n"));
    vd_buffer_free(&text);
    vd_buffer_clear(&value);
    vd_write_map(&value, 1);
    vd_write_u64(&value, 7);
    vd_write_text(&value, "a key that is a number");
    tui_lines_clear(lines, 120, true);
    tui_json_lines(lines, vd_buffer_view(&value), 0, 9);
    expect(lines, "{\"7\": \"a key that is a number\"}\n");
    vd_buffer_free(&value);
}

static void test_hostile_values(void **state)
{
    tui_lines_t *lines = *state;
    uint8_t deep[200];
    memset(deep, 0x91, sizeof deep);
    tui_lines_clear(lines, 60, true);
    tui_json_lines(lines, vd_bytes(deep, sizeof deep), 0, 99);
    expect(lines, "(200 bytes that are no value)\n");
    tui_lines_clear(lines, 60, true);
    tui_json_lines(lines, vd_bytes("\xdd\x08\0\0\0", 5), 0, 9);
    tui_json_lines(lines, vd_bytes(NULL, 0), 2, 9);
    expect(lines, "(5 bytes that are no value)\n  (0 bytes that are no value)\n");
    vd_buffer_t value;
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    enum { MANY = 100000 };
    vd_write_array(&value, MANY);
    for (int i = 0; i < MANY; i++)
        vd_write_array(&value, 0);
    tui_lines_clear(lines, 60, true);
    tui_json_lines(lines, vd_buffer_view(&value), 0, 9);
    assert_true(tui_lines_full(lines));
    vd_buffer_clear(&value);
    for (int i = 0; i < VD_DEPTH_MAX; i++)
        vd_write_array(&value, 1);
    vd_write_text(&value, "at the bottom of it all, which is far to the right");
    tui_lines_clear(lines, 24, true);
    tui_json_lines(lines, vd_buffer_view(&value), 0, 99);
    vd_buffer_t text = text_of(lines);
    for (char *line = strtok((char *)text.data, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 24);
    vd_buffer_free(&text);
    vd_buffer_free(&value);
}

static int setup(void **state)
{
    *state = tui_lines_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    tui_lines_destroy((tui_lines_t **)state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wraps),      cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_is_bounded), cmocka_unit_test(test_json),
        cmocka_unit_test(test_folds),      cmocka_unit_test(test_tones),
        cmocka_unit_test(test_odd_values), cmocka_unit_test(test_hostile_values),
    };
    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, setup, teardown);
}
