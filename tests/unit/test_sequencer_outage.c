/* test_sequencer_outage.c: what failed appends do to the sessions whose events were in them. */
#include "sequencer_bench.h"

#include "wire/events.h"

static const uint8_t OWNER_MAP[] = {0x81, 0xa5, 'o', 'w', 'n', 'e', 'r', 0xc3};

static void reopen(bench_t *b)
{
    while (vd_sequencer_in_trouble(b->sequencer)) {
        if (b->operation == 0)
            bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
        bench_perform(b);
    }
}

/* The fields of the newest ingest_interrupted of a session. */
static void read_notice(bench_t *b, const char *session, char from[32], char to[32], char *text,
                        size_t size)
{
    vd_store_cursor_t *cursor;
    vd_commit_t commit;
    char error[256];
    bool found = false;
    assert_int_equal(vd_store_cursor_new(b->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, session), VD_OK);
    while (vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK) {
        vd_bytes_t rest = commit.runs[0].run;
        vd_entry_t entry;
        uint64_t bad;
        assert_int_equal(vd_run_check(rest, commit.runs[0].count, &bad), VD_OK);
        while (vd_run_next(&rest, &entry) == VD_OK) {
            vd_event_t event;
            vd_value_t data;
            assert_int_equal(vd_event_read(entry.event, &event), VD_OK);
            if (!vd_str_is(event.type, "ingest_interrupted"))
                continue;
            found = true;
            assert_int_equal(vd_event_check(event.type, event.data, error, sizeof error), VD_OK);
            assert_true(vd_value_of(event.data, &data));
            vd_str_copy(from, 32, vd_value_get_str(&data, "from"));
            vd_str_copy(to, 32, vd_value_get_str(&data, "to"));
            vd_str_copy(text, size, vd_value_get_str(&data, "text"));
        }
    }
    vd_store_cursor_destroy(&cursor);
    assert_true(found);
}

/* Sessions s (batch that fails), t (waits behind it), u (is refused meanwhile) are told; v, which
 * saw nothing of it, is not. */
static void test_an_outage_is_told(void **state)
{
    static const char *const sessions[] = {"t", "u", "v"};
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    for (uint64_t i = 0; i < 3; i++)
        bench_emit(b, "p", p, 2 + i, sessions[i], "session_started");
    b->count = 0;
    b->hold = true;
    bench_emit(b, "p", p, 5, "s", "a");
    bench_emit(b, "p", p, 6, "t", "b");
    vd_memory_fail(b->image, VD_NO_SPACE, false, 3);
    bench_perform(b);
    b->now.mono_us += 5000000;
    b->now.wall_ms += 5000;
    bench_emit(b, "p", p, 7, "u", "c");
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_STORE_TROUBLE);
    reopen(b);
    b->hold = false;
    bench_perform(b);
    bench_emit(b, "p", p, 5, "s", "a");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 3);
    assert_string_equal(bench_types(b, "s"), "session_started ingest_interrupted a");
    assert_string_equal(bench_types(b, "t"), "session_started ingest_interrupted");
    assert_string_equal(bench_types(b, "u"), "session_started ingest_interrupted");
    assert_string_equal(bench_types(b, "v"), "session_started");
    char from[32], to[32], text[256];
    read_notice(b, "s", from, to, text, sizeof text);
    assert_string_equal(from, "2026-01-01T00:00:00.000Z");
    assert_string_equal(to, "2026-01-01T00:00:05.000Z");
    assert_non_null(strstr(text, "made to fail"));
    /* Once: the next commits say no more of it. */
    bench_emit(b, "p", p, 6, "t", "b");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 3);
    assert_int_equal(bench_session(b, "t").bytes, bench_session(b, "s").bytes);
}

/* A session that never came to be, or that has ended, is told nothing. */
static void test_an_outage_of_no_session(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", p, 2, "new", "session_started");
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    reopen(b);
    b->hold = false;
    assert_int_equal(b->operation, 0); /* there is nothing to write */
    bench_emit(b, "p", p, 2, "new", "session_started");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 1);
    b->hold = true;
    bench_emit(b, "p", p, 3, "s", "session_ended");
    vd_memory_fail(b->image, VD_IO, true, 0); /* reported as failed, and there */
    bench_perform(b);
    reopen(b);
    b->hold = false;
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 3);
    assert_string_equal(bench_types(b, "s"), "session_started session_ended");
    assert_string_equal(bench_types(b, "new"), "session_started");
}

/* The session of the runtime is told each outage, also one that no event was touched by. */
static void test_the_runtime_is_told(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_emit(b, "p", p, 2, "other", "session_started");
    vd_sequencer_set_runtime(b->sequencer, vd_str("s"));
    b->hold = true;
    bench_open_with(b, "q", 2, 0);
    vd_memory_fail(b->image, VD_NO_SPACE, false, 0);
    bench_perform(b);
    reopen(b);
    b->hold = false;
    bench_perform(b);
    assert_string_equal(bench_types(b, "s"), "session_started ingest_interrupted");
    assert_string_equal(bench_types(b, "other"), "session_started");
    bench_emit(b, "p", p, 3, "s", "session_ended");
    assert_string_equal(bench_types(b, "s"), "session_started ingest_interrupted session_ended");
    b->hold = true;
    bench_emit(b, "p", p, 4, "other", "a");
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    reopen(b);
    b->hold = false;
    bench_perform(b);
    assert_string_equal(bench_types(b, "s"), "session_started ingest_interrupted session_ended");
    assert_string_equal(bench_types(b, "other"), "session_started ingest_interrupted");
}

/* A batch that turns out to be there is an outage all the same; an outage in the telling is told
 * with the first moment. */
static void test_an_outage_in_the_telling(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", p, 2, "s", "a");
    vd_memory_fail(b->image, VD_IO, true, 0);
    bench_perform(b);
    reopen(b);
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
    b->now.wall_ms += 1000;
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    b->now.wall_ms += 1000;
    reopen(b);
    b->hold = false;
    bench_perform(b);
    assert_string_equal(bench_types(b, "s"), "session_started a ingest_interrupted");
    char from[32], to[32], text[256];
    read_notice(b, "s", from, to, text, sizeof text);
    assert_string_equal(from, "2026-01-01T00:00:00.000Z");
    assert_string_equal(to, "2026-01-01T00:00:02.000Z");
}

/* What the producer sends first after an outage stands behind what tells of it, however many
 * sessions there are. */
static void test_many_sessions(void **state)
{
    enum { SESSIONS = 3000 };
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p"), next = 2;
    char name[32];
    for (int i = 0; i < SESSIONS; i++) {
        snprintf(name, sizeof name, "m%d", i);
        bench_emit(b, "p", p, next++, name, "session_started");
    }
    b->count = 0;
    b->hold = true;
    uint64_t first = next;
    for (int i = 0; i < SESSIONS; i++) {
        snprintf(name, sizeof name, "m%d", i);
        bench_emit(b, "p", p, next++, name, "x");
    }
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    reopen(b);
    bench_emit(b, "p", p, first, "m0", "x");
    b->hold = false;
    bench_perform(b);
    for (int i = 0; i < SESSIONS; i++) {
        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(bench_session(b, name).last_seq, i == 0 ? 3 : 2);
    }
    assert_string_equal(bench_types(b, "m0"), "session_started ingest_interrupted x");
    assert_string_equal(bench_types(b, "m2999"), "session_started ingest_interrupted");
}

/* ---- a session whose events cannot be written ---- */

static void recover(bench_t *b)
{
    for (int i = 0; i < 20 && (vd_sequencer_in_trouble(b->sequencer) || b->operation); i++)
        if (b->operation == 0)
            bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
}

/* Tries to write to sessions bad and s until bad has failed; returns how often that was. */
static int write_until_failed(bench_t *b, uint64_t p, uint64_t q, uint64_t *q_next)
{
    for (int tries = 1; tries <= 100; tries++) {
        b->count = 0;
        bench_emit(b, "p", p, 3, "bad", "x");
        recover(b);
        bench_emit(b, "q", q, *q_next, "s", "y");
        recover(b);
        for (uint32_t i = 0; i < b->count; i++) {
            if (b->answers[i].id == VD_MESSAGE_REJECTED) {
                assert_int_equal(b->answers[i].status, VD_SESSION_CLOSED);
                return tries;
            }
            if (b->answers[i].id == VD_MESSAGE_COMMITTED && b->answers[i].epoch == q)
                *q_next = b->answers[i].mark + 1;
        }
    }
    return 100;
}

static void test_a_session_that_cannot_be_written(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p"), q_next = 1;
    bench_emit(b, "p", p, 2, "bad", "session_started");
    b->count = 0;
    bench_open_with(b, "q", 2, 0);
    uint64_t q = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    b->cursed = "bad";
    int tries = write_until_failed(b, p, q, &q_next);
    assert_in_range(tries, 4, 12);
    assert_true(q_next > 2); /* the other session was written to meanwhile */
    vd_store_session_t failed = bench_session(b, "bad");
    assert_int_equal(failed.state, VD_SESSION_FAILED);
    assert_int_equal(failed.last_seq, 1);
    assert_true(failed.ended_ms > 0);
    assert_non_null(strstr(failed.error, "could not be written"));
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_ACTIVE);
    assert_string_equal(bench_session(b, "s").error, "");
    bench_shut(b);
    bench_boot(b);
    b->count = 0;
    bench_emit(b, "p", p, 4, "bad", "z");
    assert_int_equal(b->answers[0].status, VD_SESSION_CLOSED);
}

/* Events that always come together with those that fail are written alone before long. */
static void test_no_blame_for_those_beside(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_emit(b, "p", p, 2, "bad", "session_started");
    b->count = 0;
    bench_open_with(b, "q", 2, 0);
    uint64_t q = bench_answer(b, VD_MESSAGE_OPENED).epoch;
    b->cursed = "bad";
    for (uint64_t tries = 0; tries < 20 && bench_state_of(b, "bad") == VD_SESSION_ACTIVE; tries++) {
        b->hold = true;
        bench_open_with(b, "r", 10 + tries, 0); /* is out: what comes now shares a commit */
        if (strstr(bench_types(b, "s"), " y") == NULL)
            bench_emit(b, "q", q, 1, "s", "y");
        bench_emit(b, "p", p, 3, "bad", "x");
        for (int i = 0; i < 20 && (b->operation != 0 || vd_sequencer_in_trouble(b->sequencer)); i++)
            if (b->operation != 0)
                bench_perform(b);
            else
                bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
        b->hold = false;
        b->count = 0;
    }
    assert_int_equal(bench_state_of(b, "bad"), VD_SESSION_FAILED);
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_ACTIVE);
    assert_non_null(strstr(bench_types(b, "s"), " y"));
    assert_null(strstr(strstr(bench_types(b, "s"), " y") + 1, " y"));
}

/* One that cannot even begin is refused in the end; until then it holds up nobody else for long. */
static void test_a_session_that_cannot_begin(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_open_with(b, "q", 2, 0);
    uint64_t q = bench_answer(b, VD_MESSAGE_OPENED).epoch, q_next = 1;
    bool refused = false;
    b->cursed = "bad";
    for (int tries = 0; tries < 20 && !refused; tries++) {
        b->count = 0;
        b->hold = true;
        bench_emit(b, "q", q, q_next, "s", "y"); /* is out; the rest shares a commit if it may */
        bench_emit(b, "p", p, 2, "bad", "session_started");
        bench_emit(b, "q", q, q_next + 1, "s", "z");
        b->hold = false;
        if (b->operation != 0)
            bench_perform(b);
        for (int i = 0; i < 5 && vd_sequencer_in_trouble(b->sequencer); i++)
            bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
        for (uint32_t i = 0; i < b->count; i++) {
            if (b->answers[i].id == VD_MESSAGE_COMMITTED && b->answers[i].epoch == q)
                q_next = b->answers[i].mark + 1;
            if (b->answers[i].id != VD_MESSAGE_REJECTED)
                continue;
            assert_int_equal(b->answers[i].status, VD_FAILED);
            refused = true;
        }
    }
    assert_true(refused);
    assert_true(q_next > 5);
    vd_store_session_t record;
    assert_int_equal(vd_store_session(b->store, "bad", &record), VD_NOT_FOUND);
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_ACTIVE);
    /* Another life may try again. */
    b->cursed = NULL;
    bench_shut(b);
    bench_boot(b);
    b->count = 0;
    bench_emit_full(b, "p", p, 3, "bad", "session_started", vd_bytes(OWNER_MAP, sizeof OWNER_MAP),
                    2);
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).seq, 1);
}

/* Alone in the store it fails, too: commits without events tell that the store can write. */
static void test_a_session_alone_that_cannot_be_written(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->cursed = "s";
    for (int i = 0; i < 30 && bench_state_of(b, "s") == VD_SESSION_ACTIVE; i++) {
        bench_emit(b, "p", p, 2, "s", "x");
        for (int j = 0; j < 20 && vd_sequencer_in_trouble(b->sequencer); j++)
            bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    }
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_FAILED);
}

/* While nothing at all can be written, that is no session's fault, however often it is tried. */
static void test_a_long_outage_fails_nobody(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->hold = true;
    for (int i = 0; i < 50; i++) {
        if (!vd_sequencer_in_trouble(b->sequencer))
            bench_emit(b, "p", p, 2, "s", "x");
        for (int j = 0; j < 5; j++) {
            if (b->operation == VD_SEQ_APPEND)
                vd_memory_fail(b->image, VD_IO, false, 0);
            if (b->operation != 0)
                bench_perform(b);
        }
        bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    }
    reopen(b);
    b->hold = false;
    bench_perform(b);
    b->count = 0;
    bench_emit(b, "p", p, 2, "s", "x");
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_ACTIVE);
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
}

/* Does session s live on, and is event 2 of p at last written to it? */
static void expect_alive(bench_t *b, uint64_t p)
{
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_ACTIVE);
    b->count = 0;
    bench_emit(b, "p", p, 2, "s", "x");
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).mark, 2);
}

/* Neither is it when the disk fails now and then, whatever is written to it. */
static void test_a_disk_that_fails_at_times_fails_nobody(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    for (uint64_t i = 0; i < 20; i++) {
        vd_memory_fail(b->image, VD_IO, false, 0);
        bench_emit(b, "p", p, 2, "s", "x");
        recover(b); /* which writes a commit without events */
        vd_memory_fail(b->image, VD_IO, false, 0);
        bench_open_with(b, "r", 10 + i, 0);
        recover(b);
    }
    expect_alive(b, p);
}

/* Nor on a full disk, where the little that tells whether the store can write still finds room. */
static void test_a_full_disk_fails_nobody(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    for (int i = 0; i < 20; i++) {
        vd_memory_fail(b->image, VD_NO_SPACE, false, 0);
        bench_emit(b, "p", p, 2, "s", "x");
        recover(b);
    }
    expect_alive(b, p);
}

/* A disk on which every write fails and opening works is not opened again and again without a pause. */
static void test_failing_again_at_once_waits(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    b->hold = true;
    bench_emit(b, "p", p, 2, "s", "x");
    vd_memory_fail(b->image, VD_IO, true, 0);
    bench_perform(b);
    assert_int_equal(b->operation, VD_SEQ_REOPEN); /* the first time at once */
    bench_perform(b);
    assert_false(vd_sequencer_in_trouble(b->sequencer));
    assert_int_equal(b->operation, VD_SEQ_APPEND); /* the outage is told */
    vd_memory_fail(b->image, VD_IO, true, 0);
    bench_perform(b);
    assert_true(vd_sequencer_in_trouble(b->sequencer));
    assert_int_equal(b->operation, 0);
    reopen(b);
    b->now.mono_us += 10000000; /* it has written for a while */
    while (b->operation != 0)
        bench_perform(b);
    bench_emit(b, "p", p, 3, "s", "x");
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    assert_int_equal(b->operation, VD_SEQ_REOPEN);
    reopen(b);
}

/* Telling is no sign of life of the owner. */
static void test_an_owner_that_is_silent_in_an_outage(void **state)
{
    bench_t *b = *state;
    uint64_t p = bench_begin(b, "p");
    bench_emit_full(b, "p", p, 2, "o", "session_started", vd_bytes(OWNER_MAP, sizeof OWNER_MAP), 0);
    b->count = 0;
    bench_wait_s(b, 20);
    b->hold = true;
    bench_open_with(b, "q", 3, 0);
    vd_memory_fail(b->image, VD_IO, false, 0);
    bench_perform(b);
    bench_emit(b, "p", p, 3, "o", "x");
    assert_int_equal(bench_answer(b, VD_MESSAGE_NOT_NOW).status, VD_STORE_TROUBLE);
    reopen(b);
    b->hold = false;
    bench_perform(b);
    assert_string_equal(bench_types(b, "o"), "session_started ingest_interrupted");
    bench_wait_s(b, 29);
    assert_int_equal(bench_state_of(b, "o"), VD_SESSION_ACTIVE);
    bench_wait_s(b, 2);
    assert_int_equal(bench_state_of(b, "o"), VD_SESSION_INTERRUPTED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_an_outage_is_told),
        CASE(test_an_outage_of_no_session),
        CASE(test_the_runtime_is_told),
        CASE(test_an_outage_in_the_telling),
        CASE(test_many_sessions),
        CASE(test_a_session_that_cannot_be_written),
        CASE(test_no_blame_for_those_beside),
        CASE(test_a_session_that_cannot_begin),
        CASE(test_a_session_alone_that_cannot_be_written),
        CASE(test_a_long_outage_fails_nobody),
        CASE(test_a_disk_that_fails_at_times_fails_nobody),
        CASE(test_a_full_disk_fails_nobody),
        CASE(test_failing_again_at_once_waits),
        CASE(test_an_owner_that_is_silent_in_an_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
