/* test_canvas.c: what is drawn is cut to its box, character by character, and reads back as text. */
#include "tui/canvas.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(const tui_canvas_t *canvas, const char *expected)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 65536);
    tui_canvas_text(canvas, &text);
    vd_buffer_add(&text, "", 1);
    assert_string_equal((const char *)text.data, expected);
    vd_buffer_free(&text);
}

static void test_cuts_to_box(void **state)
{
    (void)state;
    tui_canvas_t *canvas = tui_canvas_new(8, 3, false);
    tui_box_t box = {2, 1, 4, 1};
    assert_int_equal(tui_put(canvas, box, 0, 0, TUI_PLAIN, "abcdefgh"), 4);
    tui_put(canvas, box, 0, 1, TUI_PLAIN, "below");
    tui_put(canvas, box, -2, 0, TUI_PLAIN, "XYz");
    tui_put(canvas, (tui_box_t){6, -1, 9, 9}, 0, 0, TUI_PLAIN, "outside");
    tui_put(canvas, (tui_box_t){6, 2, 9, 9}, 0, 0, TUI_PLAIN, "outside");
    expect_text(canvas, "\n  zbcd\n      ou\n");
    tui_canvas_destroy(&canvas);
    assert_null(canvas);
}

static void test_wide_and_joining_characters(void **state)
{
    (void)state;
    tui_canvas_t *canvas = tui_canvas_new(6, 2, false);
    tui_box_t box = tui_canvas_box(canvas);
    assert_int_equal(tui_columns(vd_str("日本e\xcc\x81")), 5);
    assert_int_equal(tui_put(canvas, box, 0, 0, TUI_PLAIN, "日本e\xcc\x81"), 5);
    tui_put(canvas, (tui_box_t){0, 1, 3, 1}, 0, 0, TUI_PLAIN, "日本");
    expect_text(canvas, "日本e\xcc\x81\n日\n");
    tui_put_cell(canvas, box, 0, 1, 4, false, TUI_PLAIN, vd_str("日本日"));
    expect_text(canvas, "日本e\xcc\x81\n日 …\n");
    tui_canvas_destroy(&canvas);
}

static void test_nothing_reaches_the_terminal_raw(void **state)
{
    (void)state;
    tui_canvas_t *canvas = tui_canvas_new(12, 1, false);
    tui_put_str(canvas, tui_canvas_box(canvas), 0, 0, TUI_PLAIN,
                vd_bytes("a\x1b[m\xff\0\x7f\xc2\x9b\xe6", 10));
    expect_text(canvas, "a?[m?????\n");
    tui_canvas_destroy(&canvas);
}

static void test_ascii(void **state)
{
    (void)state;
    tui_canvas_t *canvas = tui_canvas_new(10, 2, true);
    tui_box_t box = tui_canvas_box(canvas);
    tui_put(canvas, box, 0, 0, TUI_PLAIN, "n\xc3\xa9 日x");
    tui_rule(canvas, box, 1, "t");
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 10; x++)
            for (const char *text = tui_canvas_at(canvas, x, y)->text; *text != 0; text++)
                assert_true(*text >= ' ' && *text < 0x7f);
    expect_text(canvas, "n? ?x\n- t ------\n");
    tui_canvas_destroy(&canvas);
}

static void test_cells_and_bars(void **state)
{
    (void)state;
    tui_canvas_t *canvas = tui_canvas_new(12, 2, false);
    tui_box_t box = tui_canvas_box(canvas);
    tui_put_cell(canvas, box, 0, 0, 5, true, TUI_PLAIN, vd_str("12"));
    tui_put_cell(canvas, box, 6, 0, 5, false, TUI_BAD, vd_str("abcdefgh"));
    tui_sparkline(canvas, box, 0, 1, TUI_ACCENT, (uint64_t[]){0, 1, 50, 100}, 4);
    expect_text(canvas, "   12 abcd…\n ▁▄█\n");
    assert_int_equal(tui_canvas_at(canvas, 6, 0)->tone, TUI_BAD);
    tui_mark(canvas, box, 0);
    assert_true(tui_canvas_at(canvas, 11, 0)->marked && !tui_canvas_at(canvas, 11, 1)->marked);
    assert_true(tui_canvas_clear(canvas, 3, 1));
    assert_int_equal(tui_canvas_width(canvas), 3);
    expect_text(canvas, "\n");
    tui_canvas_destroy(&canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_to_box),
        cmocka_unit_test(test_wide_and_joining_characters),
        cmocka_unit_test(test_nothing_reaches_the_terminal_raw),
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_cells_and_bars),
    };
    if (setlocale(LC_ALL, "C.UTF-8") == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
