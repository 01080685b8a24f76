/* test_sequencer_subscribers.c: what subscribers go through, told in the session of the runtime:
 * where, how often, and never because of itself. */
#include "sequencer_bench.h"

#include "wire/value.h"

enum { BURST = 32 };

static void give(bench_t *b, const vd_seq_notice_t *notice)
{
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_SEQ_NOTICE, .result = notice};
    bench_step(b, &input);
}

static void give_mode(bench_t *b)
{
    static const vd_seq_notice_t mode = {.kind = VD_SEQ_SUBSCRIBER_MODE,
                                         .name = "reader",
                                         .from = "live_only",
                                         .to = "commits_only",
                                         .lag = 51,
                                         .queue = 3};
    give(b, &mode);
}

static void give_drop(bench_t *b)
{
    static const vd_seq_notice_t drop = {.kind = VD_SEQ_SUBSCRIBER_DROPPED,
                                         .name = "reader",
                                         .status = VD_TOO_SLOW,
                                         .text = "no credit for 60 s"};
    give(b, &drop);
}

/* The data of the last event of a session. */
static vd_value_t last_data(bench_t *b, const char *session, char type[VD_NAME_BYTES_MAX + 1])
{
    static vd_buffer_t kept;
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    vd_value_t data = {0};
    char error[VD_TEXT_BYTES_MAX];
    assert_int_equal(vd_store_cursor_new(b->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, session), VD_OK);
    vd_buffer_free(&kept);
    vd_buffer_init(&kept, 1 << 20);
    while (vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK) {
        vd_bytes_t run = commit.runs[0].run;
        vd_entry_t entry;
        vd_event_t event;
        while (vd_run_next(&run, &entry) == VD_OK) {
            vd_buffer_clear(&kept);
            assert_true(vd_buffer_add(&kept, entry.event.data, entry.event.size));
            assert_int_equal(vd_event_read(vd_buffer_view(&kept), &event), VD_OK);
            vd_str_copy(type, VD_NAME_BYTES_MAX + 1, event.type);
            assert_true(vd_value_of(event.data, &data));
        }
    }
    vd_store_cursor_destroy(&cursor);
    return data;
}

static uint32_t told(bench_t *b, const char *session)
{
    uint32_t count = 0;
    for (const char *at = bench_types(b, session); (at = strstr(at, "subscriber_")) != NULL; at++)
        count++;
    return count;
}

static void test_it_is_told_in_the_runtimes_session(void **state)
{
    bench_t *b = *state;
    char type[VD_NAME_BYTES_MAX + 1];
    vd_sequencer_set_runtime(b->sequencer, vd_str("s"));
    give_mode(b); /* it has not begun */
    assert_int_equal(b->visible, 0);
    uint64_t p = bench_begin(b, "p");
    bench_emit(b, "p", p, 2, "other", "session_started");
    bench_answer(b, VD_MESSAGE_COMMITTED);
    give_mode(b);
    vd_value_t data = last_data(b, "s", type);
    assert_string_equal(type, "subscriber_mode");
    assert_int_equal(data.count, 5);
    assert_true(vd_str_is(vd_value_get_str(&data, "name"), "reader"));
    assert_true(vd_str_is(vd_value_get_str(&data, "from"), "live_only"));
    assert_true(vd_str_is(vd_value_get_str(&data, "to"), "commits_only"));
    assert_int_equal(vd_value_get_u64(&data, "lag", 0), 51);
    assert_int_equal(vd_value_get_u64(&data, "queue", 0), 3);
    give_drop(b);
    data = last_data(b, "s", type);
    assert_string_equal(type, "subscriber_dropped");
    assert_true(vd_str_is(vd_value_get_str(&data, "reason"), "too_slow"));
    assert_true(vd_str_is(vd_value_get_str(&data, "text"), "no credit for 60 s"));
    assert_int_equal(told(b, "other"), 0);
    assert_int_equal(vd_sequencer_stats(b->sequencer)->told, 2);
    /* Sequences go on behind it. */
    assert_int_equal(bench_session(b, "s").last_seq, 3);
    bench_emit(b, "p", p, 3, "s", "a");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 4);
}

static void test_without_a_runtime_nothing_is_told(void **state)
{
    bench_t *b = *state;
    bench_begin(b, "p");
    give_mode(b);
    give_drop(b);
    assert_int_equal(bench_session(b, "s").last_seq, 1);
    assert_int_equal(vd_sequencer_stats(b->sequencer)->left_out, 0);
}

static void test_it_follows_the_session_that_continues(void **state)
{
    static const uint8_t continues[] = {0x81, 0xa9, 'c', 'o', 'n',  't', 'i',
                                        'n',  'u',  'e', 's', 0xa1, 's'};
    static const uint8_t ended[] = {0x81, 0xa6, 's', 't', 'a', 't', 'u', 's', 0xa9,
                                    'c',  'o',  'm', 'p', 'l', 'e', 't', 'e', 'd'};
    bench_t *b = *state;
    vd_sequencer_set_runtime(b->sequencer, vd_str("s"));
    uint64_t p = bench_begin(b, "p");
    bench_emit_full(b, "p", p, 2, "t", "session_started", vd_bytes(continues, sizeof continues), 0);
    bench_answer(b, VD_MESSAGE_COMMITTED);
    give_mode(b);
    assert_int_equal(told(b, "s"), 1);
    bench_emit_full(b, "p", p, 3, "s", "session_ended", vd_bytes(ended, sizeof ended), 0);
    bench_answer(b, VD_MESSAGE_COMMITTED);
    give_mode(b);
    assert_int_equal(told(b, "s"), 1);
    assert_int_equal(told(b, "t"), 1);
    bench_emit_full(b, "p", p, 4, "t", "session_ended", vd_bytes(ended, sizeof ended), 0);
    bench_answer(b, VD_MESSAGE_COMMITTED);
    uint32_t visible = b->visible;
    give_mode(b); /* it is over */
    assert_int_equal(b->visible, visible);
}

/* A subscriber that changes its mode for each such event that it gets would never come to rest, if
 * this were not bounded by what others write. */
static void test_it_cannot_feed_on_itself(void **state)
{
    bench_t *b = *state;
    char type[VD_NAME_BYTES_MAX + 1];
    vd_sequencer_set_runtime(b->sequencer, vd_str("s"));
    uint64_t p = bench_begin(b, "p");
    for (int i = 0; i < 1000; i++) {
        give_mode(b);
        b->now.mono_us += 1000000;
        b->now.wall_ms += 1000;
    }
    assert_int_equal(told(b, "s"), BURST);
    assert_int_equal(vd_sequencer_stats(b->sequencer)->left_out, 1000 - BURST);
    /* What another writes lets one more go, which tells how many were left out. */
    bench_emit(b, "p", p, 2, "s", "a");
    bench_answer(b, VD_MESSAGE_COMMITTED);
    give_mode(b);
    give_mode(b);
    assert_int_equal(told(b, "s"), BURST + 1);
    vd_value_t data = last_data(b, "s", type);
    assert_int_equal(vd_value_get_u64(&data, "left_out", 0), 1000 - BURST);
}

static void test_its_rate_is_bounded(void **state)
{
    bench_t *b = *state;
    vd_sequencer_set_runtime(b->sequencer, vd_str("s"));
    uint64_t p = bench_begin(b, "p");
    b->now.mono_us += 1000000;
    for (uint64_t i = 0; i < 200; i++) {
        bench_emit(b, "p", p, 2 + i, "s", "a");
        bench_answer(b, VD_MESSAGE_COMMITTED);
        give_mode(b);
    }
    assert_int_equal(told(b, "s"), BURST);
    b->now.mono_us += 1000000;
    for (int i = 0; i < 20; i++)
        give_mode(b);
    assert_int_equal(told(b, "s"), BURST + 10);
}

static void test_in_trouble_it_is_left_out(void **state)
{
    bench_t *b = *state;
    vd_sequencer_set_runtime(b->sequencer, vd_str("s"));
    uint64_t p = bench_begin(b, "p");
    vd_memory_fail(b->image, VD_IO, false, 3);
    bench_emit(b, "p", p, 2, "s", "a");
    assert_true(vd_sequencer_in_trouble(b->sequencer));
    give_mode(b);
    for (int i = 0; i < 10 && vd_sequencer_in_trouble(b->sequencer); i++)
        bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    assert_false(vd_sequencer_in_trouble(b->sequencer));
    assert_int_equal(told(b, "s"), 0);
    b->count = 0;
    give_mode(b);
    assert_int_equal(told(b, "s"), 1);
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_it_is_told_in_the_runtimes_session),
        WITH_BENCH(test_without_a_runtime_nothing_is_told),
        WITH_BENCH(test_it_follows_the_session_that_continues),
        WITH_BENCH(test_it_cannot_feed_on_itself),
        WITH_BENCH(test_its_rate_is_bounded),
        WITH_BENCH(test_in_trouble_it_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
