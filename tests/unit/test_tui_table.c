/* test_tui_table.c: rows are filtered, sorted, chosen and drawn as table.h says. */
#include "tui/table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct thing {
    const char *name;
    int size;
    const char *note;
} thing_t;

typedef struct world {
    thing_t things[8];
    tui_table_t *table;
    tui_canvas_t *canvas;
    size_t count;
} world_t;

static const tui_column_t columns[] = {
    {"NAME", 8, 9, false, false, false},
    {"SIZE", 6, 5, true, false, false},
    {"NOTE", 10, 1, false, true, false},
    {"MORE", 6, 2, false, false, true},
};

static vd_str_t key_of(const void *context, size_t row)
{
    const world_t *world = context;
    return vd_str(world->things[row].name);
}

static void cell_of(const void *context, size_t row, int column, tui_item_t *item)
{
    const thing_t *thing = &((const world_t *)context)->things[row];
    if (column == 0)
        tui_item_text(item, TUI_PLAIN, thing->name);
    else if (column == 1)
        tui_item_number(item, TUI_PLAIN, thing->size, "%d", thing->size);
    else
        tui_item_text(item, TUI_DIM, column == 2 ? thing->note : "more");
}

static void give(world_t *world)
{
    tui_list_t rows = {world, world->count, key_of, cell_of};
    tui_table_rows(world->table, &rows);
}

static void setup(world_t *world)
{
    *world = (world_t){.things = {{"delta", 10, "slow"},
                                  {"Alpha", 9, "a\nb"},
                                  {"charlie", 100, "fast"},
                                  {"bravo", 10, "slow too"}},
                       .count = 4};
    world->table = tui_table_new(columns, 4);
    world->canvas = tui_canvas_new(40, 6, false);
    give(world);
}

static void teardown(world_t *world)
{
    tui_table_destroy(&world->table);
    tui_canvas_destroy(&world->canvas);
    assert_null(world->table);
}

static void expect(world_t *world, int width, int height, const char *expected)
{
    vd_buffer_t text;
    vd_buffer_init(&text, 65536);
    tui_canvas_clear(world->canvas, width, height);
    tui_table_draw(world->table, world->canvas, tui_canvas_box(world->canvas));
    tui_canvas_text(world->canvas, &text);
    vd_buffer_add(&text, "", 1);
    assert_string_equal((const char *)text.data, expected);
    vd_buffer_free(&text);
}

static const char *chosen(const world_t *world)
{
    size_t row;
    return tui_table_selected(world->table, &row) ? world->things[row].name : "none";
}

static void keys(world_t *world, const char *typed)
{
    for (; *typed != 0; typed++)
        assert_true(tui_table_key(world->table, *typed));
}

static void test_columns_fit(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    world.count = 2;
    give(&world);
    expect(&world, 32, 3,
           "NAME        SIZE  NOTE\ndelta         10  slow\nAlpha          9  a?b\n");
    expect(&world, 20, 3, "NAME        SIZE\ndelta         10\nAlpha          9\n");
    expect(&world, 9, 3, "NAME\ndelta\nAlpha\n");
    expect(&world, 3, 3, "NA…\nde…\nAl…\n");
    expect(&world, 3, 1, "\n");
    teardown(&world);
}

static void test_sorts_numbers_as_numbers(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    tui_table_sort(world.table, 1, false);
    expect(&world, 18, 5,
           "NAME       ▲SIZE\nAlpha          9\ndelta         10\nbravo         10\ncharlie      "
           "100\n");
    tui_table_sort(world.table, 1, true);
    expect(&world, 18, 5,
           "NAME       ▼SIZE\ncharlie      100\ndelta         10\nbravo         10\nAlpha         "
           " 9\n");
    keys(&world, "s"); /* by NOTE */
    keys(&world, "s"); /* not by what is not shown: as they came */
    expect(&world, 18, 3, "NAME        SIZE\ndelta         10\nAlpha          9\n");
    keys(&world, "s"); /* letters count in any case */
    expect(&world, 18, 5,
           "NAME▲       SIZE\nAlpha          9\nbravo         10\ncharlie      100\ndelta         "
           "10\n");
    teardown(&world);
}

static void test_selection_stays_with_its_row(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    keys(&world, "jj");
    assert_string_equal(chosen(&world), "charlie");
    tui_table_sort(world.table, 0, false);
    assert_string_equal(chosen(&world), "charlie");
    world.things[2].name = "echo"; /* it is gone: its place stays */
    give(&world);
    assert_string_equal(chosen(&world), "delta");
    keys(&world, "G");
    assert_string_equal(chosen(&world), "echo");
    keys(&world, "jk");
    assert_string_equal(chosen(&world), "delta");
    assert_true(tui_table_select(world.table, vd_str("bravo")));
    assert_false(tui_table_select(world.table, vd_str("nobody")));
    assert_string_equal(chosen(&world), "bravo");
    world.count = 0;
    give(&world);
    assert_string_equal(chosen(&world), "none");
    keys(&world, "jknNgG");
    teardown(&world);
}

static void test_filter(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    tui_table_filter(world.table, "SLOW");
    assert_int_equal(tui_table_shown(world.table), 2);
    assert_int_equal(tui_table_count(world.table), 4);
    tui_table_filter(world.table, "!slow");
    assert_int_equal(tui_table_shown(world.table), 2);
    assert_string_equal(chosen(&world), "Alpha");
    tui_table_filter(world.table, "zebra");
    expect(&world, 50, 2, "NAME        SIZE  NOTE\nnone of 4 is like \"zebra\"; Esc shows all\n");
    tui_table_filter(world.table, "slow");
    tui_table_filter(world.table, "");
    assert_int_equal(tui_table_shown(world.table), 4);
    keys(&world, "g");
    keys(&world, "n"); /* what was sought is found in all rows */
    assert_string_equal(chosen(&world), "bravo");
    keys(&world, "n");
    assert_string_equal(chosen(&world), "delta");
    keys(&world, "N");
    assert_string_equal(chosen(&world), "bravo");
    teardown(&world);
}

static void test_scrolls(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    expect(&world, 9, 3, "NAME\ndelta\nAlpha\n");
    tui_table_key(world.table, TUI_KEY_PAGE_DOWN);
    expect(&world, 9, 3, "NAME\nAlpha\ncharlie\n");
    tui_table_key(world.table, TUI_KEY_END);
    expect(&world, 9, 3, "NAME\ncharlie\nbravo\n");
    expect(&world, 9, 5, "NAME\ndelta\nAlpha\ncharlie\nbravo\n");
    assert_true(tui_canvas_at(world.canvas, 0, 4)->marked);
    assert_false(tui_table_key(world.table, 'q'));
    teardown(&world);
}

static void test_chooses_columns(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    keys(&world, "c");
    assert_true(tui_table_choosing(world.table));
    keys(&world, " j jj "); /* never the first; SIZE goes, MORE comes */
    expect(
        &world, 40, 6,
        "NAME      NO─ columns: Space, Esc ──────\ndelta     sl [x] NAME\nAlpha     a? [ ] SIZE\n"
        "charlie   fa [x] NOTE\nbravo     sl [x] MORE\n            ────────────────────────────\n");
    tui_table_key(world.table, TUI_KEY_ESCAPE);
    assert_false(tui_table_choosing(world.table));
    expect(&world, 32, 2, "NAME      NOTE            MORE\ndelta     slow            more\n");
    teardown(&world);
}

static void test_text(void **state)
{
    (void)state;
    world_t world;
    setup(&world);
    world.things[1].note = "x";
    tui_table_filter(world.table, "!slow");
    vd_buffer_t text;
    vd_buffer_init(&text, 65536);
    tui_table_text(world.table, &text);
    tui_table_row_text(world.table, &text);
    vd_buffer_add(&text, "", 1);
    assert_string_equal((const char *)text.data, "NAME     SIZE  NOTE\n"
                                                 "Alpha       9  x\n"
                                                 "charlie   100  fast\n"
                                                 "Alpha\t9\tx\tmore\n");
    vd_buffer_free(&text);
    teardown(&world);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_fit),
        cmocka_unit_test(test_sorts_numbers_as_numbers),
        cmocka_unit_test(test_selection_stays_with_its_row),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_scrolls),
        cmocka_unit_test(test_chooses_columns),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
