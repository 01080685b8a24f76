/* test_tui_long.c: a session of a million events: how fast it is folded, how fast its middle is there, and
 * that what it takes of memory is bounded. Its figures are printed, not judged. */
#include "unit/tui_world.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __OPTIMIZE__
enum { LONG = 1000000 };
#else
enum { LONG = 100000 };
#endif
enum { BLOCK = 10000 };

/* A session of any length: one block of events over and over, each time later. */
static vd_event_t long_event(const tui_script_t *block, uint64_t seq)
{
    vd_event_t event = tui_script_event(block, (seq - 1) % BLOCK + 1);
    char ts[VD_TS_SIZE];
    vd_ts_format(1700000000000 + (int64_t)seq * 7, ts);
    memcpy((uint8_t *)(uintptr_t)event.ts.data, ts, VD_TS_SIZE - 1);
    event.seq = seq;
    return event;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t allocated(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* What is read of it alone, without any fold. */
static double reading_takes(const tui_script_t *block)
{
    double from = seconds();
    for (uint64_t seq = 1; seq <= LONG; seq++)
        (void)long_event(block, seq);
    return seconds() - from;
}

static void jump_to(tui_timeline_t *timeline, const tui_script_t *block, uint64_t to)
{
    tui_range_t range;
    tui_moment_t at;
    uint64_t read = 0;
    double from = seconds();
    tui_timeline_seek(timeline, to);
    for (tui_timeline_moment(timeline, &at); at.reading; tui_timeline_moment(timeline, &at)) {
        assert_true(tui_timeline_wants(timeline, &range));
        bool more = true;
        for (uint64_t seq = range.from; seq <= range.to && more; seq++, read++) {
            vd_event_t event = long_event(block, seq);
            more = tui_timeline_read(timeline, range.wish, &event);
        }
        if (more)
            tui_timeline_read_done(timeline, range.wish, VD_OK, NULL);
    }
    assert_int_equal(at.seq, to);
    printf("to event %llu: %.1f ms, %llu events read\n", (unsigned long long)to,
           (seconds() - from) * 1e3, (unsigned long long)read);
}

static void live_long(const char *what, const tui_script_t *block)
{
    double bare = reading_takes(block);
    size_t before = allocated();
    tui_timeline_t *timeline = tui_timeline_new(0);
    tui_timeline_open(timeline, vd_str(block->session));
    double from = seconds();
    for (uint64_t seq = 1; seq <= LONG; seq++) {
        vd_event_t event = long_event(block, seq);
        tui_timeline_event(timeline, &event);
    }
    tui_timeline_caught_up(timeline);
    double took = seconds() - from;
    printf("%s: %.2f M events/s folded, %.2f M/s with their reading; %zu KiB in saved states\n",
           what, LONG / (took - bare) / 1e6, LONG / took / 1e6, tui_timeline_bytes(timeline) >> 10);
    jump_to(timeline, block, LONG / 2);
    jump_to(timeline, block, LONG / 2 - 1);
    jump_to(timeline, block, 1);
    jump_to(timeline, block, LONG - 1);
    size_t holds = allocated() - before;
    printf("%s: %zu KiB in all\n", what, holds >> 10);
    assert_true(tui_timeline_bytes(timeline) <=
                TUI_TIMELINE_SAVED_BYTES + TUI_TIMELINE_CACHE_BYTES + TUI_STATE_BYTES_MAX);
    assert_true(allocated() < before || holds < 20u << 20);
    tui_timeline_destroy(&timeline);
}

static void test_long_sessions(void **unused)
{
    (void)unused;
    tui_script_t block;
    tui_script_init(&block, "by-seed");
    tui_script_random(&block, tui_random_seed(), BLOCK);
    live_long("all kinds", &block);
    tui_script_free(&block);
    tui_script_init(&block, "plain");
    for (int i = 0; i < BLOCK; i++)
        tui_script_add(&block, 1700000000000, i % 3 ? "reading_taken" : "output",
                       "{\"stream\":\"stdout\",\"text\":\"compiling something\",\"value\":12.5}",
                       NULL);
    live_long("plain", &block);
    tui_script_free(&block);
    tui_script_init(&block, "observed");
    for (int i = 0; i < BLOCK; i++)
        tui_script_add(&block, 1700000000000, "height_changed", "{\"node\":\"n1\",\"height\":1234}",
                       i % 2
                           ? "{\"observer\":\"chain\",\"source\":\"n1\",\"sample\":11,\"turn\":1}"
                           : "{\"observer\":\"chain\",\"source\":\"n2\",\"sample\":12,\"turn\":1}");
    live_long("observed", &block);
    tui_script_free(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
