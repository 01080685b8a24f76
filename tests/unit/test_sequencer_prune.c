/* test_sequencer_prune.c: which sessions are pruned, on request and by the policy. */
#include "sequencer_bench.h"

static const uint8_t EMPTY_MAP[] = {0x80};
static const uint8_t CONTINUES_B[] = {0x81, 0xa9, 'c', 'o', 'n',  't', 'i',
                                      'n',  'u',  'e', 's', 0xa1, 'b'};
static const uint8_t OWNER_MAP[] = {0x81, 0xa5, 'o', 'w', 'n', 'e', 'r', 0xc3};
static const uint8_t FAILED_MAP[] = {0x81, 0xa6, 's', 't', 'a', 't', 'u', 's',
                                     0xa6, 'f',  'a', 'i', 'l', 'e', 'd'};

static uint64_t next_number;

static void write_events(bench_t *b, uint64_t epoch, const char *session, const char *types,
                         vd_bytes_t data)
{
    vd_buffer_t run;
    uint32_t count = bench_run_of(&run, types, data);
    vd_buffer_free(&run);
    bench_emit_full(b, "p", epoch, next_number, session, types, data, next_number - 1);
    assert_int_equal(bench_answer(b, VD_MESSAGE_COMMITTED).rejects, 0);
    next_number += count;
}

/* Sessions a, b, d have ended, in this order, an hour after each other; s and c are open, c goes on
 * from b. Returns the epoch of p. */
static uint64_t make_sessions(bench_t *b)
{
    static const char *const ended[] = {"a", "b", "d"};
    uint64_t epoch = bench_begin(b, "p");
    next_number = 2;
    for (size_t i = 0; i < 3; i++) {
        write_events(b, epoch, ended[i], "session_started x", vd_bytes(EMPTY_MAP, 1));
        write_events(b, epoch, ended[i], "session_ended",
                     i == 0 ? vd_bytes(FAILED_MAP, sizeof FAILED_MAP) : vd_bytes(EMPTY_MAP, 1));
        b->now.wall_ms += 3600000;
    }
    write_events(b, epoch, "c", "session_started", vd_bytes(CONTINUES_B, sizeof CONTINUES_B));
    return epoch;
}

static void test_pruning_by_count(void **state)
{
    bench_t *b = *state;
    make_sessions(b);
    bench_prune(b, "", 0, 3, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
    bench_prune(b, "", 0, 2, true); /* dry */
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "a");
    assert_int_equal(bench_state_of(b, "a"), VD_SESSION_FAILED);
    bench_prune(b, "", 0, 2, false);
    answer_t pruned = bench_answer(b, VD_MESSAGE_PRUNED);
    assert_string_equal(pruned.ids, "a");
    assert_int_equal(pruned.mark, 3); /* events */
    vd_store_session_t record;
    assert_int_equal(vd_store_session(b->store, "a", &record), VD_PRUNED);
    assert_int_equal(bench_state_of(b, "d"), VD_SESSION_COMPLETED);
    /* Of what is left b is the oldest, and an open session goes on from it. */
    bench_prune(b, "", 0, 1, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
}

static void test_pruning_by_age(void **state)
{
    bench_t *b = *state;
    make_sessions(b);
    bench_prune(b, "", 4 * 3600000, 0, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
    bench_prune(b, "", 2 * 3600000, 3, false); /* both limits have to allow it */
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
    bench_prune(b, "", 1, 0, false);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "a d");
    assert_int_equal(bench_state_of(b, "b"), VD_SESSION_COMPLETED);
    assert_int_equal(bench_state_of(b, "s"), VD_SESSION_ACTIVE);
}

/* Limits are a peer's numbers: any of them may come. */
static void test_limits_of_any_size(void **state)
{
    bench_t *b = *state;
    make_sessions(b);
    bench_prune(b, "", UINT64_MAX, 1, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
    bench_prune(b, "", 1, UINT64_MAX, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
}

static void test_pruning_one(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = make_sessions(b);
    static const struct {
        const char *session;
        vd_status_t status;
    } refused[] = {{"s", VD_DENIED}, {"b", VD_DENIED}, {"nowhere", VD_NOT_FOUND}, {"", VD_USAGE}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bench_prune(b, refused[i].session, 0, 0, false);
        assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, refused[i].status);
    }
    write_events(b, epoch, "c", "session_ended", vd_bytes(FAILED_MAP, sizeof FAILED_MAP));
    bench_prune(b, "b", 0, 0, false);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "b");
    bench_prune(b, "b", 0, 0, false); /* asked again: nothing is left to do */
    assert_int_equal(bench_answer(b, VD_MESSAGE_PRUNED).count, 0);
    /* The id stays taken while something names it, also for a later life. */
    for (int restart = 0; restart < 2; restart++) {
        bench_emit_full(b, "p", epoch, next_number, "b", "session_started", vd_bytes(EMPTY_MAP, 1),
                        next_number - 1);
        assert_int_equal(b->answers[0].status, VD_SESSION_EXISTS);
        next_number++;
        b->count = 0;
        bench_shut(b);
        bench_boot(b);
    }
}

/* Interrupted is not ended, and what it goes on from is kept for its owner's return. */
static void test_interrupted_is_excluded(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = make_sessions(b);
    write_events(b, epoch, "o", "session_started", vd_bytes(OWNER_MAP, sizeof OWNER_MAP));
    bench_wait_s(b, 31);
    assert_int_equal(bench_state_of(b, "o"), VD_SESSION_INTERRUPTED);
    bench_prune(b, "o", 0, 0, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_DENIED);
    b->now.wall_ms += 24LL * 3600000;
    bench_prune(b, "", 1, 0, false);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "a d");
}

/* After a restart, what open sessions go on from is told by whoever restores them. */
static void test_continued_after_a_restart(void **state)
{
    bench_t *b = *state;
    make_sessions(b);
    bench_shut(b);
    bench_boot(b);
    vd_sequencer_restore_continues(b->sequencer, vd_str("c"), vd_str("b"));
    bench_prune(b, "", 1, 0, false);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "a d");
}

static void test_policy(void **state)
{
    bench_t *b = *state;
    vd_prune_limits_t limits = {.keep = 1};
    vd_store_session_t record;
    uint64_t epoch = make_sessions(b);
    bench_wait_s(b, 2);
    assert_int_equal(bench_state_of(b, "a"), VD_SESSION_FAILED); /* off */
    vd_sequencer_set_policy(b->sequencer, &limits);
    bench_wait_s(b, 1);
    assert_int_equal(vd_store_session(b->store, "a", &record), VD_PRUNED);
    assert_int_equal(bench_state_of(b, "b"), VD_SESSION_COMPLETED); /* is continued */
    assert_int_equal(bench_state_of(b, "d"), VD_SESSION_COMPLETED);
    write_events(b, epoch, "c", "session_ended", vd_bytes(FAILED_MAP, sizeof FAILED_MAP));
    bench_wait_s(b, 1);
    assert_int_equal(vd_store_session(b->store, "b", &record), VD_PRUNED);
    assert_int_equal(vd_store_session(b->store, "d", &record), VD_PRUNED);
    assert_int_equal(bench_state_of(b, "c"), VD_SESSION_FAILED);
    bench_silence(b);
    limits = (vd_prune_limits_t){.older_than_ms = 3600000};
    vd_sequencer_set_policy(b->sequencer, &limits);
    bench_wait_s(b, 3598);
    assert_int_equal(bench_state_of(b, "c"), VD_SESSION_FAILED);
    bench_wait_s(b, 2);
    assert_int_equal(vd_store_session(b->store, "c", &record), VD_PRUNED);
}

/* Appends go on while something is pruned, and freeing goes on after a restart. */
static void test_pruning_beside_appends(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = make_sessions(b);
    b->hold_prune = true;
    bench_prune(b, "a", 0, 0, false);
    bench_silence(b);
    assert_int_equal(b->prune_operation, VD_SEQ_PRUNE);
    write_events(b, epoch, "s", "x", vd_bytes(EMPTY_MAP, 1));
    bench_prune(b, "d", 0, 0, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_BUSY);
    bench_prune(b, "a", 0, 0, false); /* the same again: one answer */
    bench_silence(b);
    bench_perform_prune(b);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "a");
    assert_int_equal(b->prune_operation, VD_SEQ_FREE);
    uint32_t freed = b->freed;
    bench_shut(b);
    b->hold_prune = false;
    bench_boot(b);
    assert_true(b->freed > freed);
}

static void test_pruning_in_trouble(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = make_sessions(b);
    b->hold_prune = true;
    bench_prune(b, "a", 0, 0, false);
    b->hold = true;
    bench_emit(b, "p", epoch, next_number, "s", "x");
    vd_memory_fail(b->image, VD_NO_SPACE, false, 1);
    bench_perform(b);
    bench_silence(b);
    bench_prune(b, "d", 0, 0, false);
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_STORE_TROUBLE);
    bench_perform_prune(b); /* the failed store does not take it */
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_STORE_TROUBLE);
    bench_perform(b);
    bench_step(b, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = VD_SEQ_TIMER_REOPEN});
    b->hold = b->hold_prune = false;
    bench_perform(b);
    assert_false(vd_sequencer_in_trouble(b->sequencer));
    bench_prune(b, "a", 0, 0, false);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "a");
}

/* A session that cannot be marked is no outage of the store. */
static void test_what_cannot_be_marked_stops_nobody(void **state)
{
    bench_t *b = *state;
    uint64_t epoch = make_sessions(b);
    b->hold_prune = true;
    bench_prune(b, "a", 0, 0, false);
    assert_int_equal(b->prune_operation, VD_SEQ_PRUNE);
    b->prune_operation = 0;
    bench_step(b, &(vd_input_t){.kind = VD_INPUT_DONE,
                                .id = VD_SEQ_PRUNE,
                                .status = VD_CORRUPT,
                                .result = "its record is damaged"});
    assert_int_equal(bench_answer(b, VD_MESSAGE_ERROR).status, VD_CORRUPT);
    assert_int_equal(vd_sequencer_stats(b->sequencer)->failures, 0);
    b->hold_prune = false;
    write_events(b, epoch, "s", "x", vd_bytes(EMPTY_MAP, 1));
    bench_prune(b, "d", 0, 0, false);
    assert_string_equal(bench_answer(b, VD_MESSAGE_PRUNED).ids, "d");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_pruning_by_count),
        CASE(test_pruning_by_age),
        CASE(test_limits_of_any_size),
        CASE(test_pruning_one),
        CASE(test_interrupted_is_excluded),
        CASE(test_continued_after_a_restart),
        CASE(test_policy),
        CASE(test_pruning_beside_appends),
        CASE(test_pruning_in_trouble),
        CASE(test_what_cannot_be_marked_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
