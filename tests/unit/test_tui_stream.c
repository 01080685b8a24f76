/* test_tui_stream.c: the window on a session's events: what follows, what stays, what is read, what is filtered. */
#include "tui/stream.h"

#include "stream_events.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEIGHT = 10, BYTES = 1 << 20 };

static void give(tui_stream_t *stream, uint64_t from, uint64_t to)
{
    for (uint64_t seq = from; seq <= to; seq++)
        tui_stream_event(stream, seq, stream_event(seq));
}

/* Reads what is wanted from a session that has events 1 to `last`. Returns how often. */
static int serve(tui_stream_t *stream, uint64_t last)
{
    uint64_t seq, count;
    int asks = 0;
    tui_row_t rows[HEIGHT];
    for (tui_stream_rows(stream, HEIGHT, rows); tui_stream_wants(stream, &seq, &count);
         tui_stream_rows(stream, HEIGHT, rows)) {
        assert_false(tui_stream_wants(stream, &seq, &count));
        for (uint64_t at = seq; at < seq + count && at <= last; at++)
            tui_stream_read(stream, at, stream_event(at));
        tui_stream_read_done(stream, VD_OK);
        asks++;
    }
    return asks;
}

static tui_stream_t *open_stream(void)
{
    tui_stream_t *stream = tui_stream_new();
    tui_stream_open(stream, "one");
    return stream;
}

/* The first and the last row of a view of HEIGHT, and the chosen one. */
static void expect_view(tui_stream_t *stream, uint64_t first, uint64_t last, uint64_t chosen)
{
    tui_row_t rows[HEIGHT];
    size_t count = tui_stream_rows(stream, HEIGHT, rows);
    assert_true(count > 0);
    assert_int_equal(rows[0].seq, first);
    assert_int_equal(rows[count - 1].seq, last);
    int marked = 0;
    for (size_t i = 0; i < count; i++) {
        vd_event_t read;
        assert_int_equal(vd_event_read(rows[i].raw, &read), VD_OK);
        marked += rows[i].chosen;
        assert_true(rows[i].chosen == (rows[i].seq == chosen));
    }
    assert_int_equal(marked, 1);
}

static void test_follows_and_stays(void **state)
{
    (void)state;
    tui_stream_t *stream = open_stream();
    give(stream, 1, 30);
    expect_view(stream, 21, 30, 30);
    give(stream, 31, 40);
    expect_view(stream, 31, 40, 40);
    tui_stream_move(stream, -3);
    expect_view(stream, 31, 40, 37);
    give(stream, 41, 1000);
    expect_view(stream, 31, 40, 37);
    assert_false(tui_stream_follows(stream));
    tui_stream_move(stream, -7);
    expect_view(stream, 30, 39, 30);
    tui_stream_move(stream, 12);
    expect_view(stream, 33, 42, 42);
    tui_stream_end(stream);
    expect_view(stream, 991, 1000, 1000);
    give(stream, 1001, 1001);
    expect_view(stream, 992, 1001, 1001);
    tui_stream_move(stream, -1);
    tui_stream_move(stream, 1);
    assert_false(tui_stream_follows(stream));
    tui_stream_move(stream, 1); /* down from the newest */
    assert_true(tui_stream_follows(stream));
    tui_stream_destroy(&stream);
}

static void test_is_bounded_and_comes_back(void **state)
{
    (void)state;
    enum { MANY = 60000 };
    tui_stream_t *stream = open_stream();
    give(stream, 1, MANY);
    tui_stream_figures_t figures = tui_stream_figures(stream);
    assert_true(figures.bytes <= TUI_STREAM_BYTES && figures.bytes > TUI_STREAM_BYTES / 2);
    assert_int_equal(figures.passed, MANY);
    assert_int_equal(figures.last, MANY);
    assert_true(figures.first > 1);
    assert_int_equal(serve(stream, MANY), 0);
    /* Held, the window fills up and stays. */
    tui_stream_move(stream, -5);
    give(stream, MANY + 1, 2 * MANY);
    expect_view(stream, MANY - 9, MANY, MANY - 5);
    figures = tui_stream_figures(stream);
    assert_true(figures.newer >= MANY - TUI_STREAM_PAGE);
    assert_true(figures.bytes <= TUI_STREAM_BYTES);
    /* What only was counted is read when it is looked at. */
    for (int i = 0; i < 100; i++) {
        tui_stream_move(stream, 9);
        serve(stream, 2 * MANY);
    }
    tui_row_t row;
    assert_true(tui_stream_chosen(stream, &row));
    assert_int_equal(row.seq, MANY - 5 + 900);
    assert_true(tui_stream_figures(stream).bytes <= TUI_STREAM_BYTES);
    tui_stream_end(stream);
    assert_int_equal(serve(stream, 2 * MANY), 1);
    expect_view(stream, 2 * MANY - 9, 2 * MANY, 2 * MANY);
    tui_stream_home(stream);
    assert_int_equal(serve(stream, 2 * MANY), 1);
    expect_view(stream, 1, 10, 1);
    give(stream, 2 * MANY + 1, 2 * MANY + 9);
    expect_view(stream, 1, 10, 1);
    tui_stream_destroy(&stream);
}

static void test_pages_backwards(void **state)
{
    (void)state;
    tui_stream_t *stream = open_stream();
    tui_stream_head(stream, 5000);
    assert_int_equal(serve(stream, 5000), 1);
    expect_view(stream, 4991, 5000, 5000);
    for (int i = 0; i < 100; i++) {
        tui_stream_move(stream, -9);
        serve(stream, 5000);
    }
    expect_view(stream, 4100, 4109, 4100);
    /* An event of the head comes while a page is read. */
    uint64_t seq, count;
    tui_stream_end(stream);
    tui_stream_destroy(&stream);
    stream = open_stream();
    tui_stream_head(stream, 100);
    assert_true(tui_stream_wants(stream, &seq, &count));
    give(stream, 101, 101);
    for (uint64_t at = seq; at <= 101; at++)
        tui_stream_read(stream, at, stream_event(at));
    tui_stream_read_done(stream, VD_OK);
    expect_view(stream, 92, 101, 101);
    assert_int_equal(tui_stream_figures(stream).events, 101);
    tui_stream_destroy(&stream);
}

static void test_a_page_that_fails_is_not_asked_for_at_once(void **state)
{
    (void)state;
    uint64_t seq, count;
    tui_stream_t *stream = open_stream();
    tui_stream_head(stream, 5000);
    assert_true(tui_stream_wants(stream, &seq, &count));
    tui_stream_read_done(stream, VD_TIMED_OUT);
    assert_false(tui_stream_wants(stream, &seq, &count));
    tui_stream_end(stream);
    assert_true(tui_stream_wants(stream, &seq, &count));
    /* Pruned: the answer is empty. */
    tui_stream_read_done(stream, VD_OK);
    assert_false(tui_stream_wants(stream, &seq, &count));
    tui_row_t rows[HEIGHT];
    assert_int_equal(tui_stream_rows(stream, HEIGHT, rows), 0);
    tui_stream_destroy(&stream);
}

static void test_the_past_ends_at_the_moment(void **state)
{
    (void)state;
    tui_stream_t *stream = open_stream();
    give(stream, 1, 2000);
    tui_stream_limit(stream, 1500);
    expect_view(stream, 1491, 1500, 1500);
    give(stream, 2001, 2002);
    expect_view(stream, 1491, 1500, 1500);
    tui_stream_move(stream, -4);
    tui_stream_move(stream, 100);
    expect_view(stream, 1491, 1500, 1500);
    tui_stream_limit(stream, 1501);
    expect_view(stream, 1492, 1501, 1501);
    tui_stream_limit(stream, 3);
    expect_view(stream, 1, 3, 3);
    tui_stream_limit(stream, 0);
    expect_view(stream, 1993, 2002, 2002);
    /* Far away from the window. */
    tui_stream_head(stream, 100000);
    tui_stream_limit(stream, 70000);
    assert_int_equal(serve(stream, 100000), 1);
    expect_view(stream, 69991, 70000, 70000);
    tui_stream_destroy(&stream);
}

static int matches(const char *filter)
{
    char error[200] = "";
    int rows = 0;
    tui_stream_t *stream = open_stream();
    give(stream, 1, 100);
    bool is = tui_stream_filter(stream, filter, error, sizeof error);
    tui_row_t row[101];
    rows = (int)tui_stream_rows(stream, 101, row);
    tui_stream_destroy(&stream);
    assert_true(is == (error[0] == 0));
    return is ? rows : -1;
}

static void test_filters(void **state)
{
    (void)state;
    assert_int_equal(matches(""), 100);
    assert_int_equal(matches("type:tenth_*"), 10);
    assert_int_equal(matches("type:tenth"), 0);
    assert_int_equal(matches("!type:tenth_*"), 90);
    assert_int_equal(matches("seq:10-19"), 10);
    assert_int_equal(matches("seq:91-"), 10);
    assert_int_equal(matches("seq:-5"), 5);
    assert_int_equal(matches("seq:7"), 1);
    assert_int_equal(matches("sunDAY"), 14);
    assert_int_equal(matches("TENTH"), 10);
    assert_int_equal(matches("\"number\":42"), 1);
    assert_int_equal(matches("42"), 1);
    assert_int_equal(matches("sunday tenth"), 1);
    assert_int_equal(matches("sunday !tenth"), 13);
    assert_int_equal(matches("! sunday tenth"), 99);
    assert_int_equal(matches("!sunday !tenth"), 77);
    assert_int_equal(matches("!"), 100);
    assert_int_equal(matches("nothing_like_it"), 0);
    assert_int_equal(matches("seq:"), -1);
    assert_int_equal(matches("seq:x-3"), -1);
    assert_int_equal(matches("type:"), -1);
}

static void test_a_filter_searches_back_and_stops(void **state)
{
    (void)state;
    char error[100];
    tui_stream_t *stream = open_stream();
    tui_stream_head(stream, 50000);
    assert_true(tui_stream_filter(stream, "seq:49000", error, sizeof error));
    int asks = serve(stream, 50000);
    expect_view(stream, 49000, 49000, 49000);
    assert_int_equal(asks, TUI_STREAM_SEARCH_PAGES); /* it goes on for more that match, and stops */
    assert_true(tui_stream_figures(stream).stopped);
    tui_stream_move(stream, -1);
    assert_int_equal(serve(stream, 50000), TUI_STREAM_SEARCH_PAGES);
    assert_true(tui_stream_seek(stream, "!nothing", -1) == false);
    assert_true(tui_stream_filter(stream, "", error, sizeof error));
    serve(stream, 50000);
    tui_stream_go(stream, 700);
    serve(stream, 50000);
    assert_true(tui_stream_seek(stream, "sunday", -1));
    tui_row_t row;
    assert_true(tui_stream_chosen(stream, &row));
    assert_int_equal(row.seq, 693);
    tui_stream_destroy(&stream);
}

/* What is searched for further back does not push out what is followed. */
static void test_a_search_keeps_what_is_followed(void **state)
{
    (void)state;
    enum { MANY = 60000 };
    char error[100];
    tui_stream_t *stream = open_stream();
    give(stream, 1, MANY);
    assert_true(tui_stream_filter(stream, "nothing_like_it", error, sizeof error));
    assert_int_equal(serve(stream, MANY), 0);
    assert_true(tui_stream_figures(stream).stopped);
    give(stream, MANY + 1, MANY + 100);
    assert_int_equal(tui_stream_figures(stream).newer, 0);
    assert_true(tui_stream_filter(stream, "seq:59000-", error, sizeof error));
    serve(stream, MANY + 100);
    expect_view(stream, MANY + 91, MANY + 100, MANY + 100);
    /* Held, it goes on from the cursor, which stays. */
    assert_true(tui_stream_filter(stream, "seq:-59000", error, sizeof error));
    tui_stream_move(stream, -1);
    assert_true(tui_stream_filter(stream, "seq:100 ", error, sizeof error));
    for (int i = 0; i < 20; i++) {
        tui_stream_move(stream, -1);
        serve(stream, MANY + 100);
    }
    assert_int_equal(tui_stream_figures(stream).first, 1);
    expect_view(stream, 100, 100, 100);
    tui_stream_destroy(&stream);
}

static void test_large_events(void **state)
{
    (void)state;
    tui_stream_t *stream = open_stream();
    vd_buffer_t data, raw;
    enum { LARGE = 200000 };
    static uint8_t filling[LARGE];
    vd_buffer_init(&data, BYTES);
    vd_buffer_init(&raw, BYTES);
    vd_write_bin(&data, vd_bytes(filling, sizeof filling));
    vd_event_write(&raw, STREAM_EVENTS_MS, vd_str("large"), vd_buffer_view(&data),
                   vd_bytes(NULL, 0));
    for (uint64_t seq = 1; seq <= 100; seq++)
        tui_stream_event(stream, seq, vd_buffer_view(&raw));
    assert_true(tui_stream_figures(stream).bytes <= TUI_STREAM_BYTES);
    expect_view(stream, 91, 100, 100);
    /* A page of them is read in parts, from the near end. */
    tui_row_t rows[HEIGHT];
    uint64_t seq, count;
    uint64_t first = tui_stream_figures(stream).first;
    tui_stream_move(stream, -15);
    tui_stream_rows(stream, HEIGHT, rows);
    assert_true(tui_stream_wants(stream, &seq, &count));
    for (uint64_t at = seq; at < seq + count; at++)
        tui_stream_read(stream, at, vd_buffer_view(&raw));
    tui_stream_read_done(stream, VD_OK);
    tui_stream_figures_t figures = tui_stream_figures(stream);
    assert_true(figures.first < first && figures.bytes <= TUI_STREAM_BYTES);
    assert_int_equal(figures.last - figures.first + 1, figures.events);
    vd_buffer_free(&data);
    vd_buffer_free(&raw);
    tui_stream_destroy(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_and_stays),
        cmocka_unit_test(test_is_bounded_and_comes_back),
        cmocka_unit_test(test_pages_backwards),
        cmocka_unit_test(test_a_page_that_fails_is_not_asked_for_at_once),
        cmocka_unit_test(test_the_past_ends_at_the_moment),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_a_filter_searches_back_and_stops),
        cmocka_unit_test(test_a_search_keeps_what_is_followed),
        cmocka_unit_test(test_large_events),
    };
    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
