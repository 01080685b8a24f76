/* test_tui_layout.c: snapshots drawn as the layouts of their observers say, as text; and what strangers
 * may send in place of either.
 *
 * What is drawn stands in layouts/; "test_tui_layout write" writes it anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "availability/availability.h"
#include "chain/chain.h"
#include "core/core.h"
#include "inclusion/inclusion.h"
#include "layout/layout.h"
#include "machine/machine.h"
#include "raft/raft.h"
#include "services/services.h"
#include "stall/stall.h"
#include "sync_target/sync_target.h"
#include "tui/layout.h"
#include "wallet/wallet.h"
#include "wire/run.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES = 262144 };

static const vd_observer_t *const observers[] = {
    &vd_availability_observer, &vd_chain_observer,       &vd_inclusion_observer,
    &vd_machine_observer,      &vd_raft_observer,        &vd_services_observer,
    &vd_stall_observer,        &vd_sync_target_observer, &vd_wallet_observer};

enum { OBSERVERS = sizeof observers / sizeof *observers };

static bool writes; /* golden texts, instead of comparing with them */

static size_t read_file(const char *name, char *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VD_LAYOUTS, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    size_t size = fread(out, 1, FILE_BYTES - 1, file);
    fclose(file);
    out[size] = 0;
    return size;
}

static void write_file(const char *name, vd_bytes_t text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VD_LAYOUTS, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
}

static void parse(const char *json, vd_buffer_t *out)
{
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_clear(out);
    if (vd_json_parse(vd_str(json), out, error, sizeof error) != VD_OK)
        fail_msg("%s", error);
}

/* With the layout of an observer; NULL: none. */
static tui_layout_t *with_layout(const vd_observer_t *observer)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    tui_layout_t *view = tui_layout_new();
    vd_buffer_t layout;
    vd_buffer_init(&layout, VD_LAYOUT_BYTES_MAX);
    if (observer && vd_layout_of_json(observer->layout, &layout, error, sizeof error) != VD_OK)
        fail_msg("%s: %s", observer->name, error);
    assert_true(tui_layout_take(view, vd_buffer_view(&layout)));
    vd_buffer_free(&layout);
    return view;
}

static void show_json(tui_layout_t *view, const char *json)
{
    vd_buffer_t snapshot;
    vd_buffer_init(&snapshot, 1 << 24);
    parse(json, &snapshot);
    assert_true(tui_layout_show(view, vd_buffer_view(&snapshot)));
    vd_buffer_free(&snapshot);
}

/* ---- golden texts ---- */

typedef struct golden {
    const vd_observer_t *observer;
    const char *snapshot;
    int width, height;
    bool ascii, tree;
} golden_t;

static const golden_t goldens[] = {
    {&vd_raft_observer, "raft", 120, 40, false, false},
    {&vd_raft_observer, "raft", 80, 24, false, false},
    {&vd_raft_observer, "raft", 60, 16, false, false},
    {&vd_raft_observer, "raft", 60, 16, true, true},
    {&vd_raft_observer, "raft_split", 120, 40, false, false},
    {&vd_raft_observer, "raft_split", 60, 16, false, false},
    {&vd_chain_observer, "chain", 120, 40, false, false},
    {&vd_chain_observer, "chain", 80, 24, false, false},
    {&vd_chain_observer, "chain", 60, 16, false, false},
    {&vd_chain_observer, "chain", 60, 30, true, false},
    {&vd_chain_observer, "chain", 60, 16, false, true},
    {&vd_machine_observer, "machine", 80, 24, false, false},
    {&vd_machine_observer, "machine", 60, 16, true, false},
};

static void test_golden(void **state)
{
    static char json[FILE_BYTES], wanted[FILE_BYTES];
    (void)state;
    for (size_t at = 0; at < sizeof goldens / sizeof *goldens; at++) {
        const golden_t *golden = &goldens[at];
        char name[128];
        vd_buffer_t text;
        vd_buffer_init(&text, FILE_BYTES);
        snprintf(name, sizeof name, "%s.json", golden->snapshot);
        read_file(name, json);
        tui_layout_t *view = with_layout(golden->tree ? NULL : golden->observer);
        show_json(view, json);
        tui_canvas_t *canvas = tui_canvas_new(golden->width, golden->height, golden->ascii);
        tui_layout_draw(view, canvas, tui_canvas_box(canvas));
        tui_canvas_text(canvas, &text);
        snprintf(name, sizeof name, "%s_%dx%d%s%s.txt", golden->snapshot, golden->width,
                 golden->height, golden->tree ? "_tree" : "", golden->ascii ? "_ascii" : "");
        if (writes) {
            write_file(name, vd_buffer_view(&text));
        } else {
            read_file(name, wanted);
            assert_true(vd_buffer_add(&text, "", 1));
            if (strcmp((const char *)text.data, wanted) != 0)
                fail_msg("%s is not what is drawn:\n%s", name, (const char *)text.data);
        }
        tui_canvas_destroy(&canvas);
        tui_layout_destroy(&view);
        vd_buffer_free(&text);
    }
}

/* ---- layouts ---- */

static void test_all_layouts_are_valid(void **state)
{
    (void)state;
    for (size_t at = 0; at < OBSERVERS; at++) {
        assert_non_null(observers[at]->layout);
        tui_layout_t *view = with_layout(observers[at]);
        tui_layout_destroy(&view);
    }
}

static void test_vectors(void **state)
{
    static char json[FILE_BYTES];
    (void)state;
    vd_buffer_t all;
    vd_value_t list, row, layout, wanted;
    vd_buffer_init(&all, 1 << 20);
    read_file("../../../protocol/vectors/layouts.json", json);
    parse(json, &all);
    assert_true(vd_value_of(vd_buffer_view(&all), &list) && list.count > 40);
    while (vd_value_next(&list.bytes, &row)) {
        char error[VD_TEXT_BYTES_MAX + 1] = "", text[VD_TEXT_BYTES_MAX + 1];
        assert_true(vd_value_get(&row, "layout", &layout));
        assert_true(vd_value_get(&row, "error", &wanted));
        vd_layout_t *read = vd_layout_new(layout.raw, error, sizeof error);
        vd_str_copy(text, sizeof text, vd_value_str(&wanted));
        assert_string_equal(error, text);
        assert_int_equal(read == NULL, text[0] != 0);
        vd_layout_destroy(&read);
    }
    vd_buffer_free(&all);
}

static void test_a_wrong_layout_leaves_the_tree(void **state)
{
    (void)state;
    vd_buffer_t value;
    vd_buffer_init(&value, 4096);
    tui_layout_t *view = tui_layout_new();
    parse("{\"elements\":[{\"text\":\"{\"}]}", &value);
    assert_false(tui_layout_take(view, vd_buffer_view(&value)));
    assert_string_equal(tui_layout_error(view), "layout: elements[0].text: a brace is not closed");
    show_json(view, "{\"state\":{\"a\":1}}");
    vd_buffer_clear(&value);
    tui_layout_text(view, 20, true, &value);
    assert_true(vd_str_is(vd_buffer_view(&value), "a  1\n"));
    assert_true(tui_layout_take(view, vd_bytes("\xc0", 1)));
    assert_string_equal(tui_layout_error(view), "");
    tui_layout_destroy(&view);
    vd_buffer_free(&value);
}

/* ---- moving about ---- */

static int marked_line(tui_layout_t *view, tui_canvas_t *canvas)
{
    tui_canvas_clear(canvas, tui_canvas_width(canvas), tui_canvas_height(canvas));
    tui_layout_draw(view, canvas, tui_canvas_box(canvas));
    for (int y = 0; y < tui_canvas_height(canvas); y++)
        if (tui_canvas_at(canvas, 0, y)->marked)
            return y;
    return -1;
}

static void show_rows(tui_layout_t *view, int from, int count)
{
    char json[8192];
    size_t size = (size_t)snprintf(json, sizeof json, "{\"state\":{\"services\":[");
    for (int at = from; at < from + count; at++)
        size += (size_t)snprintf(json + size, sizeof json - size, "%s{\"port\":%d}",
                                 at > from ? "," : "", at);
    snprintf(json + size, sizeof json - size, "]}}");
    show_json(view, json);
}

static void test_a_row_stays_chosen(void **state)
{
    (void)state;
    tui_layout_t *view = with_layout(&vd_services_observer);
    tui_canvas_t *canvas = tui_canvas_new(40, 8, true);
    show_rows(view, 100, 50);
    assert_int_equal(marked_line(view, canvas), -1);
    tui_layout_move(view, 1);
    assert_int_equal(marked_line(view, canvas), 2); /* a text and the titles stand above */
    tui_layout_move(view, 3);
    assert_int_equal(marked_line(view, canvas), 5);
    assert_string_equal(tui_canvas_at(canvas, 3, 5)->text, "3");
    show_rows(view, 99, 50); /* one more above it */
    assert_int_equal(marked_line(view, canvas), 6);
    tui_layout_move(view, 10);
    assert_int_equal(marked_line(view, canvas), 7);
    assert_int_equal(tui_layout_top(view), 9);
    tui_layout_last(view);
    assert_int_equal(marked_line(view, canvas), 7);
    assert_int_equal(tui_layout_top(view), 44);
    tui_layout_turn(view, -1);
    assert_int_equal(tui_layout_top(view), 37);
    show_rows(view, 100, 2); /* it is gone: the nearest one */
    assert_int_equal(marked_line(view, canvas), 3);
    tui_layout_first(view);
    assert_int_equal(marked_line(view, canvas), 2);
    tui_layout_move(view, -1000);
    assert_int_equal(marked_line(view, canvas), 2);
    tui_canvas_destroy(&canvas);
    tui_layout_destroy(&view);
}

/* ---- strangers ---- */

/* Draws at several sizes, moves about, and takes it as text. */
static void use(tui_layout_t *view)
{
    static const int sizes[][2] = {{120, 40}, {80, 24}, {60, 16}, {9, 3}, {1, 1}};
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        tui_canvas_t *canvas = tui_canvas_new(sizes[at][0], sizes[at][1], at % 2 == 1);
        assert_non_null(canvas);
        tui_layout_draw(view, canvas, tui_canvas_box(canvas));
        tui_layout_move(view, 1);
        tui_layout_last(view);
        tui_layout_unfold(view, 1);
        tui_layout_draw(view, canvas, tui_canvas_box(canvas));
        tui_layout_unfold(view, -1);
        assert_true(tui_layout_lines(view) <= 4096);
        tui_canvas_destroy(&canvas);
    }
}

static void test_a_hundred_thousand_rows(void **state)
{
    (void)state;
    enum { ROWS = 100000 };
    vd_buffer_t snapshot;
    vd_buffer_init(&snapshot, 1 << 24);
    vd_write_map(&snapshot, 1);
    vd_write_text(&snapshot, "state");
    vd_write_map(&snapshot, 3);
    for (int list = 0; list < 3; list++) {
        static const char *const names[] = {"members", "nodes", "recent"};
        vd_write_text(&snapshot, names[list]);
        vd_write_array(&snapshot, ROWS / 4);
        for (uint32_t row = 0; row < ROWS / 4; row++) {
            vd_write_map(&snapshot, 3);
            vd_write_pair_u64(&snapshot, "id", row);
            vd_write_pair_u64(&snapshot, "height", row);
            vd_write_pair_u64(&snapshot, "below", row / 3);
        }
    }
    assert_false(snapshot.full);
    static const vd_observer_t *const drawn[] = {&vd_raft_observer, &vd_chain_observer, NULL};
    for (size_t at = 0; at < sizeof drawn / sizeof *drawn; at++) {
        tui_layout_t *view = with_layout(drawn[at]);
        assert_true(tui_layout_show(view, vd_buffer_view(&snapshot)));
        use(view);
        tui_layout_destroy(&view);
    }
    vd_buffer_free(&snapshot);
}

static void expect_graph(const char *recent, const char *wanted)
{
    char json[4096];
    vd_buffer_t text;
    vd_buffer_init(&text, 65536);
    snprintf(json, sizeof json, "{\"state\":{\"best\":{},\"recent\":%s}}", recent);
    tui_layout_t *view = with_layout(&vd_chain_observer);
    show_json(view, json);
    tui_layout_text(view, 40, true, &text);
    assert_true(vd_buffer_add(&text, "", 1));
    const char *graph = strstr((const char *)text.data, "forks ");
    assert_non_null(graph);
    assert_string_equal(strchr(graph, '\n') + 1, wanted);
    tui_layout_destroy(&view);
    vd_buffer_free(&text);
}

static void test_graphs_of_strangers(void **state)
{
    (void)state;
    /* In a circle, its own parent, twice, without a parent that is there, without an id. */
    expect_graph(
        "[{\"id\":\"a\",\"height\":1,\"below\":\"b\"},{\"id\":\"b\",\"height\":2,\"below\":\"a\"},"
        "{\"id\":\"c\",\"height\":3,\"below\":\"c\"},{\"id\":\"b\",\"height\":9,\"below\":\"x\"},"
        "{\"height\":4},7,null]",
        "* 9 b\n~ goes on below\n* 3 c\n~ goes on below\n* 1 a\n~ goes on below\n"
        "4 more are not shown\n");
    /* Heights and ids of every kind. */
    expect_graph(
        "[{\"id\":5,\"height\":\"x\",\"below\":null},{\"id\":[1],\"height\":-3,\"below\":5},"
        "{\"id\":\"日本\",\"height\":9223372036854775807,\"below\":5}]",
        "* 9223372036854775807 ??\n~ 9223372036854775806 more\no x 5\n* -3 [1]\n"
        "~ goes on below\n");
}

static uint64_t seed = 1;

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(vd_random_next(&seed) % limit);
}

/* Changes some bytes of what a program would have sent. */
static void test_changed_bytes(void **state)
{
    static const char *const snapshots[] = {"raft.json", "chain.json", "machine.json"};
    static char json[FILE_BYTES];
    (void)state;
    vd_buffer_t snapshot, layout, changed;
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_init(&snapshot, 1 << 20);
    vd_buffer_init(&layout, 1 << 20);
    vd_buffer_init(&changed, 1 << 20);
    for (int round = 0; round < 200; round++) {
        const vd_observer_t *observer = observers[below(OBSERVERS)];
        vd_buffer_clear(&layout);
        assert_int_equal(vd_layout_of_json(observer->layout, &layout, error, sizeof error), VD_OK);
        read_file(snapshots[round % 3], json);
        parse(json, &snapshot);
        for (int which = 0; which < 2; which++) {
            vd_buffer_t *bytes = which == 0 ? &snapshot : &layout;
            for (uint32_t left = below(6); left > 0; left--)
                bytes->data[below((uint32_t)bytes->size)] = (uint8_t)vd_random_next(&seed);
        }
        tui_layout_t *view = tui_layout_new();
        if (!tui_layout_take(view, vd_buffer_view(&layout)))
            assert_true(strncmp(tui_layout_error(view), "layout: ", 8) == 0);
        if (tui_layout_show(view, vd_buffer_view(&snapshot)))
            use(view);
        tui_layout_destroy(&view);
    }
    vd_buffer_free(&snapshot);
    vd_buffer_free(&layout);
    vd_buffer_free(&changed);
}

/* A layout that asks for more than a page may take says so, and ends. */
static void test_a_layout_that_asks_for_too_much(void **state)
{
    (void)state;
    vd_buffer_t value, snapshot, text;
    vd_buffer_init(&value, VD_LAYOUT_BYTES_MAX);
    vd_buffer_init(&snapshot, 1 << 20);
    vd_buffer_init(&text, 1 << 20);
    vd_write_map(&snapshot, 1);
    vd_write_text(&snapshot, "state");
    vd_write_map(&snapshot, 1);
    vd_write_text(&snapshot, "l");
    vd_write_array(&snapshot, 20000);
    for (uint32_t at = 0; at < 20000; at++)
        vd_write_u64(&snapshot, at);
    parse("{\"elements\":[{\"text\":\"before\"},{\"table\":\"l\",\"columns\":[{\"value\":"
          "\"any(l, any(l, any(l, item < 0)))\"}]}]}",
          &value);
    tui_layout_t *view = tui_layout_new();
    assert_true(tui_layout_take(view, vd_buffer_view(&value)));
    assert_true(tui_layout_show(view, vd_buffer_view(&snapshot)));
    tui_layout_text(view, 80, true, &text);
    assert_true(vd_buffer_add(&text, "", 1));
    assert_non_null(strstr((const char *)text.data, "the layout asks for too much"));
    assert_true(strncmp((const char *)text.data, "before\n", 7) == 0);
    tui_layout_destroy(&view);
    vd_buffer_free(&value);
    vd_buffer_free(&snapshot);
    vd_buffer_free(&text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_all_layouts_are_valid),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_a_wrong_layout_leaves_the_tree),
        cmocka_unit_test(test_a_row_stays_chosen),
        cmocka_unit_test(test_a_hundred_thousand_rows),
        cmocka_unit_test(test_graphs_of_strangers),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_a_layout_that_asks_for_too_much),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    writes = argc > 1 && strcmp(argv[1], "write") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
