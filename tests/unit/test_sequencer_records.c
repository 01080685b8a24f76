/* test_sequencer_records.c: what a frame's record does, what is kept of a session, and how long a
 * producer is remembered. */
#include "sequencer_bench.h"

static const uint8_t OWNER_MAP[] = {0x81, 0xa5, 'o', 'w', 'n', 'e', 'r', 0xc3};

/* The frame at `first` was stored before, at sequence `seq`. */
static void expect_exists(bench_t *b, uint64_t first, uint64_t seq)
{
    assert_int_equal(b->count, 2);
    assert_int_equal(b->answers[0].id, VD_MESSAGE_REJECTED);
    assert_int_equal(b->answers[0].status, VD_EXISTS);
    assert_int_equal(b->answers[0].mark, first);
    assert_int_equal(b->answers[0].seq, seq);
    assert_int_equal(b->answers[1].id, VD_MESSAGE_COMMITTED);
    assert_int_equal(b->answers[1].reject_seq, seq);
    b->count = 0;
}

static void test_a_record_is_stored_once(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_emit_record(b, "p", p, 2, "s", "a b", "order/7");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 3);
    bench_emit_record(b, "p", p, 4, "s", "other bytes here", "order/7");
    expect_exists(b, 4, 2);
    /* From another producer, and in another life of the ingestor. */
    for (int restart = 0; restart < 2; restart++) {
        bench_open_with(b, "q", 9 + (uint64_t)restart, 0);
        answer_t opened = bench_answer(b, VD_MESSAGE_OPENED);
        bench_emit_record(b, "q", opened.epoch, opened.mark + 1, "s", "c", "order/7");
        assert_int_equal(b->answers[0].seq, 2);
        b->count = 0;
        bench_shut(b);
        bench_boot(b);
    }
    assert_int_equal(bench_session(b, "s").last_seq, 3);
    /* Another session has records of its own, and another record is another. */
    bench_emit(b, "p", p, 7, "t", "session_started");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 1);
    bench_emit_record(b, "p", p, 8, "t", "a", "order/7");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 2);
    bench_emit_record(b, "p", p, 9, "s", "a", "order/8");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 4);
}

/* Known before it is on disk, and unknown again when the store has failed. */
static void test_a_record_on_its_way(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", p, 2, "s", "a"); /* is out; the others collect */
    bench_emit_record(b, "p", p, 3, "s", "b", "r");
    bench_emit_record(b, "p", p, 4, "s", "c", "r");
    bench_emit_record(b, "p", p, 5, "s", "d", "r2");
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    bench_perform(b);
    bench_silence(b);
    b->hold = false;
    bench_perform(b); /* the outage is told, as sequence 2 */
    bench_emit_record(b, "p", p, 2, "s", "c", "r");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 3);
    b->hold = true;
    bench_emit_record(b, "p", p, 3, "s", "x", "r3");
    bench_emit_record(b, "p", p, 4, "s", "y", "r3");
    bench_emit_record(b, "p", p, 5, "s", "z", "r4");
    b->hold = false;
    bench_perform(b);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->answers[0].mark, 3);
    assert_int_equal(b->answers[1].status, VD_EXISTS);
    assert_int_equal(b->answers[1].seq, 4);
    assert_int_equal(b->answers[2].mark, 5);
    assert_int_equal(b->answers[2].seq, 5);
    b->count = 0;
}

static void test_a_record_of_an_ended_session(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_emit_record(b, "p", p, 2, "s", "session_ended", "end");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 2);
    bench_emit_record(b, "p", p, 3, "s", "session_ended", "end");
    expect_exists(b, 3, 2);
    bench_emit_full(b, "p", p, 4, "s", "a", vd_bytes(OWNER_MAP, sizeof OWNER_MAP), 3);
    assert_int_equal(b->answers[0].status, VD_SESSION_CLOSED);
    b->count = 0;
    bench_emit_record(b, "p", p, 5, "s", "a", "not a name");
    assert_int_equal(b->answers[0].status, VD_BAD_EVENT);
}

/* The sequence of each must be told, so ranges of neighbours are not made one. */
static void test_existing_neighbours_are_told_apart(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_emit_record(b, "p", p, 2, "s", "a", "one");
    bench_emit_record(b, "p", p, 3, "s", "a", "two");
    b->count = 0;
    bench_emit_record(b, "p", p, 4, "s", "a", "one");
    bench_emit_record(b, "p", p, 5, "s", "a", "two");
    assert_int_equal(b->answers[1].rejects, 1);
    assert_int_equal(b->answers[3].rejects, 2);
    assert_int_equal(b->answers[3].reject_seq, 3);
    bench_shut(b);
    bench_boot(b);
    b->count = 0;
    bench_emit_record(b, "p", p, 5, "s", "a", "two"); /* sent again: the same answer */
    answer_t again = bench_answer(b, VD_MESSAGE_COMMITTED);
    assert_int_equal(again.rejects, 2);
    assert_int_equal(again.reject_seq, 3);
}

static void test_a_store_that_cannot_tell(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->lookup_fails = VD_IO;
    bench_emit_record(b, "p", p, 2, "s", "a", "r");
    answer_t wait = bench_answer(b, VD_MESSAGE_NOT_NOW);
    assert_int_equal(wait.status, VD_STORE_TROUBLE);
    assert_int_equal(wait.mark, 2);
    bench_emit(b, "p", p, 2, "u", "session_started");
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_STORE_TROUBLE);
    uint32_t lookups = b->lookups;
    bench_emit(b, "p", p, 2, "s", "a"); /* without a record nothing is asked */
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    assert_int_equal(b->lookups, lookups);
}

static void test_what_is_kept_of_a_session(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    vd_store_session_t before = bench_session(b, "s");
    assert_int_equal(before.status_seq, 0);
    bench_emit(b, "p", p, 2, "s", "a session_status b session_status c");
    vd_store_session_t after = bench_session(b, "s");
    assert_int_equal(after.status_seq, 5);
    assert_int_equal(after.snapshot_seq, 0);
    assert_int_equal(after.last_seq, 6);
    uint64_t bytes = before.bytes;
    vd_store_cursor_t *cursor;
    vd_commit_t commit;
    char error[256];
    assert_int_equal(vd_store_cursor_new(b->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, after.last_index, "s"), VD_OK);
    assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), VD_OK);
    bytes += commit.runs[0].run.size;
    vd_store_cursor_destroy(&cursor);
    assert_int_equal(after.bytes, bytes);
    /* A session_status that was rejected is none. */
    bench_emit(b, "p", p, 7, "s", "session_status !");
    assert_int_equal(bench_session(b, "s").status_seq, 5);
    b->count = 0;
    static const uint8_t snapshot[] = {0x81, 0xa8, 's', 'n', 'a', 'p', 's', 'h', 'o', 't', 0x80};
    bench_emit_full(b, "p", p, 8, "s", "x session_status session_status y",
                    vd_bytes(snapshot, sizeof snapshot), 7);
    assert_int_equal(bench_session(b, "s").snapshot_seq, 9);
    b->count = 0;
    bench_emit(b, "p", p, 12, "s", "session_status");
    assert_int_equal(bench_session(b, "s").snapshot_seq, 9);
    assert_int_equal(bench_session(b, "s").status_seq, 11);
    b->count = 0;
}

/* ---- marks ---- */

static bool is_known(bench_t *b, const char *producer, uint64_t life, uint64_t epoch)
{
    bench_open_with(b, producer, life, epoch);
    assert_int_equal(b->count, 1);
    b->count = 0;
    return b->answers[0].id == VD_MESSAGE_OPENED;
}

static void pass(bench_t *b, int64_t hours)
{
    b->now.mono_us += hours * 3600 * 1000000;
    b->now.wall_ms += hours * 3600 * 1000;
}

static void test_marks_expire(void **state)
{
    bench_t *b = *state;
    enum { MANY = 100 };
    char name[32];
    bench_open_with(b, "owner", 1, 0);
    uint64_t owner = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    bench_emit_full(b, "owner", owner, 1, "owned", "session_started",
                    vd_bytes(OWNER_MAP, sizeof OWNER_MAP), 0);
    bench_open_with(b, "beats", 2, 0);
    b->count = 0;
    uint64_t epochs[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "p%d", i);
        bench_open_with(b, name, 3, 0);
        epochs[i] = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    }
    uint64_t beats = epochs[0] - 1;
    pass(b, 23);
    bench_wait_s(b, 60);
    assert_true(is_known(b, "beats", 2, beats));
    assert_true(is_known(b, "p0", 3, epochs[0]));
    pass(b, 1);
    bench_wait_s(b, 60);
    assert_true(is_known(b, "beats", 2, beats));  /* was heard an hour ago */
    assert_true(is_known(b, "p0", 3, epochs[0])); /* likewise */
    assert_true(is_known(b, "owner", 1, owner));  /* its session is open */
    for (int i = 1; i < MANY; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_false(is_known(b, name, 3, epochs[i]));
    }
    bench_shut(b);
    bench_boot(b);
    assert_true(is_known(b, "owner", 1, owner));
    assert_false(is_known(b, "p1", 3, epochs[1]));
    /* The name is free: it begins anew, with an epoch that never was. */
    bench_open_with(b, "p1", 4, 0);
    answer_t opened = bench_answer(b, VD_MESSAGE_OPENED);
    assert_true(opened.epoch > epochs[MANY - 1]);
    assert_int_equal(opened.mark, 0);
}

/* Who was away while the ingestor was may come back first. */
static void test_marks_wait_after_a_start(void **state)
{
    bench_t *b = *state;
    bench_open_with(b, "p", 1, 0);
    uint64_t epoch = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    bench_shut(b);
    pass(b, 100);
    bench_boot(b);
    bench_wait_s(b, 3000);
    assert_true(is_known(b, "p", 1, epoch));
    bench_shut(b);
    bench_boot(b);
    bench_wait_s(b, 3700);
    assert_false(is_known(b, "p", 1, epoch));
}

/* A failed append forgets nobody. */
static void test_marks_stay_when_the_store_fails(void **state)
{
    bench_t *b = *state;
    bench_open_with(b, "p", 1, 0);
    uint64_t epoch = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    pass(b, 25);
    vd_memory_fail(b->image, VD_IO, false, 0);
    b->hold = true;
    bench_wait_s(b, 1);
    assert_int_equal(b->operation, VD_SEQ_APPEND);
    bench_perform(b);
    bench_perform(b);
    b->hold = false;
    assert_true(is_known(b, "p", 1, epoch));
    bench_emit(b, "p", epoch, 1, "s", "session_started");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_record_is_stored_once),
        CASE(test_a_record_on_its_way),
        CASE(test_a_record_of_an_ended_session),
        CASE(test_existing_neighbours_are_told_apart),
        CASE(test_a_store_that_cannot_tell),
        CASE(test_what_is_kept_of_a_session),
        CASE(test_marks_expire),
        CASE(test_marks_wait_after_a_start),
        CASE(test_marks_stay_when_the_store_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
