/* test_sequencer.c: the sequencer step by step, on a store in memory. */
#include "sequencer_bench.h"

static const uint8_t EMPTY_MAP[] = {0x80};
static const uint8_t OWNER_MAP[] = {0x81, 0xa5, 'o', 'w', 'n', 'e', 'r', 0xc3};

static void test_lives(void **state)
{
    bench_t *b = *state;
    bench_open_with(b, "p", 11, 0);
    answer_t first = bench_answer(b, VD_MESSAGE_OPENED);
    bench_open_with(b, "p", 11, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_OPENED).epoch, first.epoch);
    bench_open_with(b, "p", 11, first.epoch);
    assert_int_equal(bench_answer(b, VD_MESSAGE_OPENED).epoch, first.epoch);
    bench_open_with(b, "p", 22, 0);
    answer_t second = bench_answer(b, VD_MESSAGE_OPENED);
    assert_true(second.epoch > first.epoch);
    /* The life before is fenced in all it says, and an OPEN of its that comes late fences
     * nobody. */
    bench_open_with(b, "p", 11, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_REJECTED).status, VD_FENCED);
    bench_open_with(b, "p", 11, first.epoch);
    assert_int_equal(bench_answer(b, VD_MESSAGE_REJECTED).status, VD_FENCED);
    bench_emit(b, "p", first.epoch, 1, "s", "session_started");
    answer_t refused = bench_answer(b, VD_MESSAGE_REJECTED);
    assert_int_equal(refused.status, VD_FENCED);
    assert_int_equal(refused.count, 0);
    bench_emit(b, "p", second.epoch, 1, "s", "session_started");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).epoch, second.epoch);
    /* Who is not known has to open. */
    bench_emit(b, "q", 1, 1, "s", "a");
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
    bench_open_with(b, "q", 1, 5);
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
    bench_open_with(b, "no name", 1, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_MALFORMED);
    bench_open_with(b, "q", 0, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_MALFORMED);
    /* A restart keeps who is fenced. */
    bench_shut(b);
    bench_boot(b);
    bench_open_with(b, "p", 11, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_REJECTED).status, VD_FENCED);
}

static void test_rejections(void **state)
{
    static const struct {
        const char *session, *types;
        vd_status_t status; /* VD_OK: accepted */
    } rows[] = {
        {"s", "a", VD_OK},
        {"nowhere", "a", VD_UNKNOWN_SESSION},
        {"s", "session_started", VD_SESSION_EXISTS},
        {"s", "a session_started", VD_BAD_EVENT},
        {"t", "a session_started", VD_BAD_EVENT},
        {"t", "session_started session_started", VD_BAD_EVENT},
        {"t", "session_started a session_ended", VD_OK},
        {"t", "a", VD_SESSION_CLOSED},
        {"t", "session_started", VD_SESSION_EXISTS},
        {"s", "session_ended a", VD_SESSION_CLOSED},
        {"s", "a a !", VD_BAD_CRC},
        {"s", "session_", VD_OK},
        {"a b", "a", VD_BAD_EVENT},
        {"s", "session_ended", VD_OK},
        {"s", "a", VD_SESSION_CLOSED},
        {"s", "session_ended", VD_SESSION_CLOSED},
    };
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p"), next = 2;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        vd_buffer_t run;
        uint32_t count = bench_run_of(&run, rows[i].types, vd_bytes(EMPTY_MAP, 1));
        vd_buffer_free(&run);
        bench_emit_full(b, "p", epoch, next, rows[i].session, rows[i].types, vd_bytes(EMPTY_MAP, 1),
                        next - 1);
        if (rows[i].status != VD_OK) {
            /* The numbers are consumed: REJECTED first, and COMMITTED names them. */
            assert_int_equal(b->count, 2);
            assert_int_equal(b->answers[0].id, VD_MESSAGE_REJECTED);
            assert_int_equal(b->answers[0].status, rows[i].status);
            assert_int_equal(b->answers[0].mark, next);
            assert_int_equal(b->answers[0].count, count);
            assert_int_equal(b->answers[1].rejects, 1);
            b->answers[0] = b->answers[1];
            b->count = 1;
        }
        answer_t committed = bench_answer(b, VD_MESSAGE_COMMITTED);
        assert_int_equal(committed.mark, next + count - 1);
        assert_int_equal(committed.rejects, rows[i].status != VD_OK);
        next += count;
    }
}

static void test_numbers(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p");
    bench_emit(b, "p", epoch, 4, "s", "a");
    answer_t late = bench_answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(late.status, VD_OUT_OF_ORDER);
    assert_int_equal(late.mark, 2);
    b->hold = true;
    bench_emit(b, "p", epoch, 2, "s", "a b");
    bench_emit(b, "p", epoch, 2, "s", "a b");
    bench_silence(b); /* nothing is said before it is on disk */
    bench_emit(b, "p", epoch, 2, "s", "a c");
    assert_int_equal(bench_answer(b, VD_MESSAGE_REJECTED).status, VD_NUMBER_REUSED);
    b->hold = false;
    bench_perform(b);
    answer_t committed = bench_answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(committed.mark, 3);
    assert_int_equal(committed.seq, 3);
    /* On disk: the same again is confirmed, other bytes or other borders are refused. */
    bench_emit(b, "p", epoch, 2, "s", "a b");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 3);
    static const struct {
        uint64_t first;
        const char *session, *types;
    } reused[] = {{2, "s", "a c"},   {2, "s", "a"},   {3, "s", "b"}, {2, "t", "a b"},
                  {2, "s", "a b c"}, {3, "s", "b c"}, {1, "s", "a"}};
    for (size_t i = 0; i < sizeof reused / sizeof *reused; i++) {
        bench_emit(b, "p", epoch, reused[i].first, reused[i].session, reused[i].types);
        answer_t refused = bench_answer(b, VD_MESSAGE_REJECTED);
        assert_int_equal(refused.status, VD_NUMBER_REUSED);
        assert_int_equal(refused.count, 0);
    }
    /* A producer that was answered more than the store has written is told so. */
    bench_emit_full(b, "p", epoch, 9, "s", "a", vd_bytes(EMPTY_MAP, 1), 8);
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
    bench_emit(b, "p", epoch, 0, "s", "a");
    assert_int_equal(bench_answer(b, VD_MESSAGE_REJECTED).status, VD_MALFORMED);
}

static void test_group_commit(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_open_with(b, "q", 9, 0);
    uint64_t q = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    b->hold = true;
    bench_emit(b, "p", p, 2, "s", "a");
    uint64_t index = b->token;
    uint32_t visible = b->visible;
    bench_emit(b, "p", p, 3, "s", "b");
    bench_emit(b, "q", q, 1, "t", "session_started");
    bench_emit(b, "p", p, 4, "s", "c");
    bench_emit(b, "q", q, 2, "nowhere", "a");
    bench_emit(b, "q", q, 3, "t", "d");
    assert_int_equal(b->token, index);
    bench_silence(b);
    bench_perform(b);
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    assert_int_equal(b->visible, visible + 1);
    /* All that came meanwhile is one commit: a run for each session, in order of arrival. */
    assert_int_equal(b->operation, VD_SEQ_APPEND);
    assert_int_equal(b->token, index + 1);
    assert_int_equal(b->batch->commit.run_count, 2);
    assert_true(vd_str_is(b->batch->commit.runs[0].session, "s"));
    assert_int_equal(b->batch->commit.runs[0].count, 2);
    assert_int_equal(b->batch->commit.runs[1].first_seq, 1);
    assert_int_equal(b->batch->commit.runs[1].at, 2);
    uint64_t bad;
    for (int i = 0; i < 2; i++)
        assert_int_equal(vd_run_check(b->batch->commit.runs[i].run, 2, &bad), VD_OK);
    bench_perform(b);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->answers[0].id, VD_MESSAGE_REJECTED);
    assert_int_equal(b->answers[0].mark, 2);
    assert_int_equal(b->answers[1].mark, 4);
    assert_int_equal(b->answers[2].mark, 3);
    assert_int_equal(b->answers[2].rejects, 1);
}

static void test_time_never_goes_back(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", epoch, 2, "s", "a");
    int64_t time_ms = b->batch->commit.time_ms;
    bench_perform(b);
    b->now.wall_ms -= 3600000;
    bench_emit(b, "p", epoch, 3, "s", "a");
    assert_int_equal(b->batch->commit.time_ms, time_ms);
    bench_perform(b);
}

static void fail_append(bench_t *b, bool there)
{
    uint64_t p = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", p, 2, "s", "a");
    bench_emit(b, "p", p, 3, "s", "b");
    vd_memory_fail(b->image, VD_NO_SPACE, there, 1);
    bench_perform(b);
    bench_silence(b);
    assert_true(vd_sequencer_in_trouble(b->sequencer));
    bench_emit(b, "p", p, 4, "s", "c");
    answer_t wait = bench_answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_STORE_TROUBLE);
    assert_int_equal(wait.mark, 2);
    assert_true(wait.retry_ms > 0);
    bench_open_with(b, "q", 5, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_STORE_TROUBLE);
    assert_int_equal(b->operation, VD_SEQ_REOPEN);
    bench_perform(b); /* fails once */
    assert_int_equal(b->operation, 0);
    bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    b->hold = false;
    bench_perform(b);
    assert_false(vd_sequencer_in_trouble(b->sequencer));
    if (there)
        assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    bench_silence(b);
    bench_emit(b, "p", p, 2, "s", "a");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    bench_emit(b, "p", p, 3, "s", "other bytes");
    answer_t last = bench_answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(last.mark, 4);
    assert_int_equal(last.seq, 5); /* sequence 3 or 2 tells of the outage */
}

static void test_failed_append_there(void **state)
{
    fail_append(*state, true);
}

static void test_failed_append_not_there(void **state)
{
    fail_append(*state, false);
}

static void test_restart(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p");
    bench_emit(b, "p", epoch, 2, "nowhere", "a");
    b->count = 0;
    bench_shut(b);
    bench_boot(b);
    /* The epoch lives on, the rejection is still named, and the session goes on. */
    bench_emit(b, "p", epoch, 2, "nowhere", "a");
    answer_t again = bench_answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(again.mark, 2);
    assert_int_equal(again.rejects, 1);
    bench_emit_full(b, "p", epoch, 3, "s", "a", vd_bytes(EMPTY_MAP, 1), 2);
    answer_t next = bench_answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(next.seq, 2);
    assert_int_equal(next.rejects, 0);
    bench_open_with(b, "q", 3, 0);
    assert_true(bench_answer(b, VD_MESSAGE_OPENED).epoch > epoch + 1);
}

static void test_owners(void **state)
{
    bench_t *b = *state;
    bench_open_with(b, "p", 1, 0);
    uint64_t epoch = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    bench_emit_full(b, "p", epoch, 1, "owned", "session_started",
                    vd_bytes(OWNER_MAP, sizeof OWNER_MAP), 0);
    bench_emit(b, "p", epoch, 2, "free", "session_started");
    bench_wait_s(b, 29);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_ACTIVE);
    bench_wait_s(b, 1);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_INTERRUPTED);
    assert_int_equal(bench_state_of(b, "free"), VD_SESSION_ACTIVE);
    /* A sign of life under the epoch resumes it; a restart does not; another life does only by
     * writing. */
    bench_open_with(b, "p", 1, epoch);
    bench_wait_s(b, 1);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_ACTIVE);
    bench_shut(b);
    bench_boot(b);
    bench_wait_s(b, 29);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_ACTIVE);
    bench_wait_s(b, 1);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_INTERRUPTED);
    b->count = 0;
    bench_open_with(b, "p", 2, 0);
    epoch = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    bench_wait_s(b, 2);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_INTERRUPTED);
    bench_emit(b, "p", epoch, 3, "owned", "a");
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_ACTIVE);
    /* Time in which the process stood still is nobody's silence. */
    bench_wait_s(b, 20);
    b->now.mono_us += 3600LL * 1000000;
    bench_wait_s(b, 1);
    assert_int_equal(bench_state_of(b, "owned"), VD_SESSION_ACTIVE);
}

static void test_rejects_are_bounded(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p"), next = 2;
    /* Different reasons in turn, so that ranges do not merge. */
    for (int i = 0; i < VD_REJECTS_PER_PRODUCER_MAX; i++)
        bench_emit(b, "p", epoch, next++, i % 2 == 0 ? "nowhere" : "s",
                   i % 2 == 0 ? "a" : "session_started");
    assert_int_equal(b->answers[b->count - 1].rejects, VD_REJECTS_PER_PRODUCER_MAX);
    b->count = 0;
    bench_emit(b, "p", epoch, next, "nowhere", "a");
    answer_t wait = bench_answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_OVERLOADED);
    assert_int_equal(wait.mark, next);
    bench_emit_full(b, "p", epoch, next, "nowhere", "a", vd_bytes(EMPTY_MAP, 1), next - 1);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->answers[1].rejects, 1);
}

static void test_queue_is_bounded(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p"), next = 2;
    static uint8_t data[200005] = {0xc6, 0, 3, 0x0d, 0x40}; /* bin of 200,000 bytes */
    b->hold = true;
    uint64_t taken = 0;
    for (int i = 0; i < 100; i++) {
        bench_emit_full(b, "p", epoch, next, "s", "a", vd_bytes(data, sizeof data), 0);
        if (b->count > 0)
            break;
        next++;
        taken += sizeof data;
    }
    answer_t wait = bench_answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_OVERLOADED);
    assert_int_equal(wait.mark, next);
    assert_true(taken > VD_INGEST_QUEUE_BYTES_MAX / 2 && taken <= VD_INGEST_QUEUE_BYTES_MAX);
    b->hold = false;
    bench_perform(b);
    assert_int_equal(b->answers[b->count - 1].mark, next - 1);
    b->count = 0;
    bench_emit(b, "p", epoch, next, "s", "a");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, next);
}

static void test_more_answers_than_effects(void **state)
{
    bench_t *b = *state;
    enum { PRODUCERS = 2500 };
    bench_begin(b, "first");
    b->hold = true;
    char name[32];
    for (int i = 0; i < PRODUCERS; i++) {
        snprintf(name, sizeof name, "p%d", i);
        bench_open_with(b, name, 1, 0);
    }
    bench_silence(b);
    b->hold = false;
    bench_perform(b);
    while (b->answers_timer) {
        b->answers_timer = false;
        bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_ANSWERS});
    }
    assert_int_equal(b->count, PRODUCERS);
    assert_string_equal(b->answers[PRODUCERS - 1].peer, name);
}

static void test_stop(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", epoch, 2, "s", "a");
    bench_step(b, &(vd_input_t){.kind = VD_INPUT_STOP});
    assert_false(b->exited);
    bench_emit(b, "p", epoch, 3, "s", "a");
    bench_silence(b);
    bench_perform(b);
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    assert_true(b->exited);
    assert_int_equal(b->exit_status, VD_OK);
}

static void test_store_went_back(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", epoch, 2, "s", "a");
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    vd_store_close(&b->store);
    vd_memory_cut(b->image, 1);
    assert_int_equal(vd_memory_image_open(b->image, &b->store), VD_OK);
    bench_perform(b);
    assert_true(b->exited);
    assert_int_equal(b->exit_status, VD_WENT_BACK);
}

/* However often it is tried, a store without room is told once. */
static void test_trouble_is_told_once(void **state)
{
    enum { ATTEMPTS = 20 };
    bench_t *b = *state;
    uint64_t epoch = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", epoch, 2, "s", "a");
    vd_memory_fail(b->image, VD_NO_SPACE, false, ATTEMPTS);
    bench_perform(b);
    for (int i = 0; i < ATTEMPTS; i++) {
        assert_int_equal(b->operation, VD_SEQ_REOPEN);
        bench_perform(b);
        assert_true(vd_sequencer_in_trouble(b->sequencer));
        bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    }
    bench_perform(b);
    assert_false(vd_sequencer_in_trouble(b->sequencer));
    assert_int_equal(b->warned, 1);
}

/* With as many producers as there may be, a new one gets the place of one that was silent for an
 * hour: of those, the one that was used the longest time ago. */
static void test_a_silent_producer_is_forgotten(void **state)
{
    bench_t *b = *state;
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t epochs[2] = {0};
    for (uint32_t i = 0; i < VD_PRODUCERS_MAX; i++) {
        snprintf(name, sizeof name, "p-%u", i);
        b->now.wall_ms++;
        bench_open_with(b, name, i + 1, 0);
        uint64_t epoch = bench_answer(b, VD_MESSAGE_OPENED).epoch;
        if (i < 2)
            epochs[i] = epoch;
    }
    bench_open_with(b, "new", 9999, 0);
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_OVERLOADED);
    bench_wait_s(b, 3601);
    bench_open_with(b, "p-0", 1, epochs[0]); /* a sign of life */
    assert_int_equal(bench_answer(b, VD_MESSAGE_OPENED).epoch, epochs[0]);
    bench_open_with(b, "new", 9999, 0); /* makes room, and is to come again */
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_OVERLOADED);
    bench_open_with(b, "new", 9999, 0);
    assert_true(bench_answer(b, VD_MESSAGE_OPENED).epoch > epochs[1]);
    for (int restart = 0; restart < 2; restart++) {
        bench_open_with(b, "p-0", 1, epochs[0]);
        assert_int_equal(bench_answer(b, VD_MESSAGE_OPENED).epoch, epochs[0]);
        bench_open_with(b, "p-1", 2, epochs[1]); /* has to begin anew, as after a loss */
        assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_WENT_BACK);
        bench_shut(b); /* what is on disk says the same */
        bench_boot(b);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_lives),
        CASE(test_rejections),
        CASE(test_numbers),
        CASE(test_group_commit),
        CASE(test_time_never_goes_back),
        CASE(test_failed_append_there),
        CASE(test_failed_append_not_there),
        CASE(test_restart),
        CASE(test_owners),
        CASE(test_rejects_are_bounded),
        CASE(test_queue_is_bounded),
        CASE(test_more_answers_than_effects),
        CASE(test_stop),
        CASE(test_store_went_back),
        CASE(test_trouble_is_told_once),
        CASE(test_a_silent_producer_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
