/* test_publisher.c: live and commit streams as a publisher sends them: frames, credit, gaps,
 * batches, filters, positions. */
#include "publisher_world.h"

#include <stdio.h>
#include <string.h>

#define MUCH (1u << 20)

static void test_live_goes_out_at_once(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 3, 2, 50);
    world_live(w, "ann", 5);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_STARTED)->message.started.index, 3);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_COMMITS), 0);
    world_commit(w, 2, 50);
    world_grown(w);
    const sent_t *frame = world_last(w, "ann", 5, VD_MESSAGE_COMMITS);
    const vd_recent_commit_t *held = vd_recent_take(w->recent, 4);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_COMMITS), 1);
    assert_int_equal(frame->message.commits.after, 3);
    assert_int_equal(frame->message.commits.index, 4);
    assert_int_equal(frame->message.commits.events, 2);
    assert_int_equal(frame->message.commits.head, 4);
    assert_int_equal(frame->message.commits.chain, w->commits[3]->commit.chain);
    assert_true(vd_bytes_equal(frame->message.payload, vd_shared_view(held->bytes)));
    vd_recent_release(&held);
    world_free(w);
}

static void test_all_that_is_there_goes_in_one_frame(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_live(w, "ann", 5);
    world_commits(w, 7, 2, 50);
    world_grown(w);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_COMMITS), 1);
    const sent_t *frame = world_last(w, "ann", 5, VD_MESSAGE_COMMITS);
    assert_int_equal(frame->message.commits.after, 0);
    assert_int_equal(frame->message.commits.index, 7);
    assert_int_equal(world_frame_commits(frame), 7);
    /* But not more than it wishes, nor than fits. */
    vd_start_body_t start = {
        .stream = vd_str("live"), .head = true, .items = 1000000, .bytes = 1000000000, .batch = 2};
    world_start(w, "bob", 6, &start);
    world_commits(w, 5, 2, 50);
    world_grown(w);
    assert_int_equal(world_count(w, "bob", 6, VD_MESSAGE_COMMITS), 3);
    world_forget(w);
    world_commits(w, 4, 1, 100000);
    world_grown(w);
    assert_true(world_count(w, "ann", 5, VD_MESSAGE_COMMITS) >= 2);
    for (uint32_t i = 0; i < w->sent_count; i++)
        assert_true(w->sent[i].message.payload.size <= VD_ITEMS_BYTES_MAX + 1024);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_COMMITS)->message.commits.index, 16);
    world_free(w);
}

static void test_no_credit_no_event_but_head_gap_and_drop(void **state)
{
    (void)state;
    world_t *w = world_new(20000, NULL);
    vd_start_body_t start = {.stream = vd_str("live"), .head = true};
    world_start(w, "ann", 5, &start);
    start = (vd_start_body_t){0};
    world_start(w, "bob", 6, &start);
    world_commits(w, 3, 1, 100);
    world_grown(w);
    world_pass_alive(w, 3000000, "ann", 5, 0);
    assert_true(world_count(w, "ann", 5, VD_MESSAGE_HEAD) >= 3);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_HEAD)->message.head.head, 3);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_HEAD)->message.head.sent, 0);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_GAP), 0);
    /* Memory loses what was not sent. */
    world_commits(w, 200, 1, 100);
    world_grown(w);
    const sent_t *gap = world_last(w, "ann", 5, VD_MESSAGE_GAP);
    assert_int_equal(gap->message.gap.after, 0);
    assert_int_equal(gap->message.gap.index, 203);
    assert_int_equal(gap->message.gap.head, 203);
    assert_int_equal(gap->message.gap.chain, w->commits[202]->commit.chain);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_GAP), 1);
    assert_int_equal(world_count(w, "bob", 6, VD_MESSAGE_GAP), 0);
    /* A gap is told once for each time that memory has run over, not with each commit. */
    world_commit(w, 1, 100);
    world_grown(w);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_GAP), 1);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_COMMITS), 0);
    world_pass_alive(w, 56000000, "ann", 5, 0);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_DROP), 0);
    world_pass(w, 3000000);
    const sent_t *drop = world_last(w, "ann", 5, VD_MESSAGE_DROP);
    assert_true(vd_str_is(drop->message.drop.status, "too_slow"));
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_COMMITS), 0);
    assert_true(vd_str_is(world_last(w, "bob", 6, VD_MESSAGE_DROP)->message.drop.status, "silent"));
    assert_int_equal(world_count(w, "bob", 6, VD_MESSAGE_COMMITS), 0);
    world_free(w);
}

static void test_live_goes_on_behind_a_gap(void **state)
{
    (void)state;
    world_t *w = world_new(20000, NULL);
    vd_start_body_t start = {.stream = vd_str("live"), .head = true, .items = 1, .bytes = 1000000};
    world_start(w, "ann", 5, &start);
    world_commit(w, 2, 100);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 5), 1);
    world_commits(w, 200, 1, 100);
    world_grown(w);
    const sent_t *gap = world_last(w, "ann", 5, VD_MESSAGE_GAP);
    assert_int_equal(gap->message.gap.after, 0);
    assert_int_equal(gap->message.gap.after_offset, 1);
    assert_int_equal(gap->message.gap.index, 201);
    world_credit(w, "ann", 5, 100, 1000000, "");
    assert_int_equal(world_events(w, "ann", 5), 1);
    world_commit(w, 1, 100);
    world_grown(w);
    const sent_t *frame = world_last(w, "ann", 5, VD_MESSAGE_COMMITS);
    assert_int_equal(frame->message.commits.after, 201);
    assert_int_equal(frame->message.commits.index, 202);
    assert_int_equal(vd_publisher_totals(w->publisher)->gaps, 1);
    world_free(w);
}

static void test_a_position_that_memory_lost_is_sent_to_commits(void **state)
{
    (void)state;
    world_t *w = world_new(20000, NULL);
    vd_stream_tail_t live;
    world_commits(w, 200, 1, 100);
    vd_recent_tail(w->recent, &live);
    vd_start_body_t start = {.stream = vd_str("live"), .items = 1000, .bytes = 1000000};
    world_position(w, live.first - 2, &start);
    world_start(w, "ann", 5, &start);
    const sent_t *answer = world_last(w, "ann", 5, VD_MESSAGE_USE_COMMITS);
    assert_int_equal(answer->message.use_commits.from, live.first - 1);
    assert_int_equal(answer->message.use_commits.live, live.first);
    assert_int_equal(answer->message.use_commits.head, 200);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
    world_credit(w, "ann", 5, 2000, 2000000, "");
    assert_true(
        vd_str_is(world_last(w, "ann", 5, VD_MESSAGE_DROP)->message.drop.status, "not_found"));
    /* Right before what is held nothing is missing. */
    world_position(w, live.first - 1, &start);
    world_start(w, "ann", 6, &start);
    assert_int_equal(world_events(w, "ann", 6),
                     200 - live.first + 1 + (200 / 3) - (live.first - 1) / 3);
    assert_int_equal(world_last(w, "ann", 6, VD_MESSAGE_COMMITS)->message.commits.index, 200);
    /* At the head an empty memory will do; behind it, it will not. */
    vd_recent_begin(w->recent, w->store, 200, w->commits[199]->commit.chain);
    world_position(w, 200, &start);
    world_start(w, "bob", 7, &start);
    world_last(w, "bob", 7, VD_MESSAGE_STARTED);
    world_position(w, 199, &start);
    world_start(w, "cid", 8, &start);
    answer = world_last(w, "cid", 8, VD_MESSAGE_USE_COMMITS);
    assert_int_equal(answer->message.use_commits.from, 200);
    assert_int_equal(answer->message.use_commits.live, 201);
    world_free(w);
}

static void test_live_begins_at_a_sequence(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 10, 4, 50);
    vd_start_body_t start = {.stream = vd_str("live"),
                             .session = vd_str("red"),
                             .seq = 34,
                             .items = 1000,
                             .bytes = 1000000};
    world_start(w, "ann", 5, &start);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_STARTED)->message.started.index, 8);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_STARTED)->message.started.offset, 1);
    assert_int_equal(world_events(w, "ann", 5), 7);
    world_free(w);
}

static void test_two_streams_of_a_peer_are_independent(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 30, 1, 50);
    world_live(w, "ann", 5);
    world_replay(w, "ann", 6);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 1);
    assert_int_equal(world_events(w, "ann", 5), 0);
    assert_int_equal(world_events(w, "ann", 6), 40);
    world_commit(w, 1, 50);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 5), 1);
    assert_int_equal(world_events(w, "ann", 6), 41);
    /* STOP ends the one that it names. */
    world_stop(w, "ann", 5);
    world_commit(w, 1, 50);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 5), 1);
    assert_int_equal(world_events(w, "ann", 6), 42);
    world_stop(w, "ann", 99);
    assert_int_equal(world_count(w, "ann", 99, VD_MESSAGE_DONE), 1);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 1);
    /* A second START of a kind replaces the first of it alone. */
    world_live(w, "ann", 7);
    world_live(w, "ann", 8);
    world_commit(w, 1, 50);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 7), 0);
    assert_int_equal(world_events(w, "ann", 8), 2);
    assert_int_equal(world_events(w, "ann", 6), 44);
    /* Each has its own silence. */
    for (int i = 0; i < 12; i++) {
        world_pass(w, 1000000);
        world_credit(w, "ann", 6, 2000000, 2000000000, "");
    }
    assert_int_equal(world_count(w, "ann", 8, VD_MESSAGE_DROP), 1);
    assert_int_equal(world_count(w, "ann", 6, VD_MESSAGE_DROP), 0);
    /* What could not be told apart is refused. */
    vd_start_body_t start = {.stream = vd_str("live"), .head = true};
    world_start(w, "ann", 6, &start);
    assert_int_equal(world_count(w, "ann", 6, VD_MESSAGE_ERROR), 1);
    world_free(w);
}

/* Commits in the frames of a replay over `count` commits, one after the other. */
static uint32_t replay_frames(const vd_publisher_knobs_t *knobs, unsigned count, uint64_t batch,
                              bool remember, uint32_t *sizes, uint32_t room)
{
    world_t *w = world_new(MUCH * 8, knobs);
    w->remember = remember;
    if (!remember)
        vd_recent_begin(w->recent, w->store, 0, 0);
    world_commits(w, count, 1, 20);
    vd_start_body_t start = {.items = 1000000, .bytes = 1000000000, .batch = batch};
    world_start(w, "ann", 5, &start);
    world_pass(w, 1000);
    uint32_t frames = 0;
    for (uint32_t i = 0; i < w->sent_count && frames < room; i++)
        if (w->sent[i].message.id == VD_MESSAGE_COMMITS)
            sizes[frames++] = world_frame_commits(&w->sent[i]);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_COMMITS)->message.commits.index, count);
    world_free(w);
    return frames;
}

static void test_batches_follow_the_lag(void **state)
{
    (void)state;
    uint32_t sizes[512];
    for (int remember = 0; remember < 2; remember++) {
        uint32_t frames = replay_frames(NULL, 1150, 0, remember, sizes, 512);
        /* 1150 and 1050 behind: 100; from 950 on 20, from 90 on 5, from 10 on 1 */
        uint64_t lag = 1150;
        for (uint32_t i = 0; i < frames; i++) {
            uint32_t expected = lag > 1000 ? 100 : lag > 100 ? 20 : lag > 10 ? 5 : 1;
            assert_int_equal(sizes[i], expected);
            lag -= sizes[i];
        }
        assert_int_equal(lag, 0);
        frames = replay_frames(NULL, 1150, 7, remember, sizes, 512);
        assert_int_equal(sizes[0], 7);
        assert_int_equal(sizes[frames - 1], 1);
    }
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.batch_lag[2] = 4;
    knobs.batch_commits[2] = 3;
    knobs.batch_commits[3] = 2;
    uint32_t frames = replay_frames(&knobs, 9, 0, true, sizes, 512);
    assert_int_equal(frames, 4); /* 9: 3, 6: 3, 3: 2, 1: 1 */
    assert_int_equal(sizes[0], 3);
    assert_int_equal(sizes[1], 3);
    assert_int_equal(sizes[2], 2);
    assert_int_equal(sizes[3], 1);
}

static void test_the_byte_limit_wins(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 1200, 1, 6000);
    world_replay(w, "ann", 5);
    world_pass(w, 1000000);
    uint32_t frames = 0;
    for (uint32_t i = 0; i < w->sent_count; i++) {
        if (w->sent[i].message.id != VD_MESSAGE_COMMITS)
            continue;
        frames++;
        assert_true(w->sent[i].message.payload.size <= VD_ITEMS_BYTES_MAX);
    }
    assert_true(frames > 20);
    assert_true(world_frame_commits(world_last(w, "ann", 5, VD_MESSAGE_COMMITS)) > 0);
    world_free(w);
}

static void test_filters_work_in_both(void **state)
{
    (void)state;
    static const char *const kinds[] = {"live", "commit"};
    for (int kind = 0; kind < 2; kind++) {
        world_t *w = world_new(MUCH, NULL);
        world_commits(w, 3, 2, 50); /* so that blue exists */
        vd_start_body_t start = {.stream = vd_str(kinds[kind]),
                                 .head = true,
                                 .session = vd_str("blue"),
                                 .items = 1000,
                                 .bytes = 1000000};
        world_start(w, "blue", 5, &start);
        start.session = vd_str("");
        start.type = vd_str("oth*");
        world_start(w, "other", 6, &start);
        start.type = vd_str("nothing");
        world_start(w, "nothing", 7, &start);
        world_commits(w, 9, 2, 50);
        world_grown(w);
        assert_int_equal(world_events(w, "blue", 5), 3);
        assert_int_equal(world_events(w, "other", 6), 3);
        assert_int_equal(world_events(w, "nothing", 7), 0);
        vd_bytes_t rest = world_last(w, "blue", 5, VD_MESSAGE_COMMITS)->message.payload;
        vd_commit_t commit;
        vd_commit_run_t runs[2];
        while (vd_commit_next(&rest, &commit, runs, 2) == VD_OK) {
            assert_int_equal(commit.run_count, 1);
            assert_true(vd_str_is(runs[0].session, "blue"));
            assert_int_equal(runs[0].at, 2);
        }
        /* What was left out is told now and then: the position goes on. */
        world_pass(w, 2000000);
        assert_int_equal(world_last(w, "nothing", 7, VD_MESSAGE_COMMITS)->message.commits.index,
                         12);
        world_free(w);
    }
}

static void test_a_frame_is_encoded_once(void **state)
{
    (void)state;
    enum { PEERS = 32 };
    char name[16];
    world_t *w = world_new(MUCH, NULL);
    for (int i = 0; i < PEERS; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        world_live(w, name, 100 + (uint64_t)i);
    }
    /* One commit: the very bytes of the memory. */
    world_commit(w, 10, 300);
    world_grown(w);
    const vd_recent_commit_t *held = vd_recent_take(w->recent, 1);
    for (int i = 0; i < PEERS; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        assert_ptr_equal(world_last(w, name, 0, VD_MESSAGE_COMMITS)->shared, held->bytes->data);
    }
    vd_recent_release(&held);
    assert_int_equal(vd_publisher_totals(w->publisher)->frames, PEERS);
    assert_int_equal(vd_publisher_totals(w->publisher)->encoded, 1);
    /* Several: made once. */
    world_commits(w, 5, 10, 300);
    world_grown(w);
    const void *shared = world_last(w, "peer0", 0, VD_MESSAGE_COMMITS)->shared;
    for (int i = 0; i < PEERS; i++) {
        snprintf(name, sizeof name, "peer%d", i);
        const sent_t *frame = world_last(w, name, 0, VD_MESSAGE_COMMITS);
        assert_ptr_equal(frame->shared, shared);
        assert_int_equal(frame->message.correlation, 100 + i);
        assert_int_equal(world_frame_commits(frame), 5);
    }
    assert_int_equal(vd_publisher_totals(w->publisher)->frames, 2 * PEERS);
    assert_int_equal(vd_publisher_totals(w->publisher)->encoded, 2);
    /* One with little credit gets its own, the others theirs. */
    vd_start_body_t start = {.stream = vd_str("live"), .head = true, .items = 3, .bytes = 100000};
    world_start(w, "poor", 9, &start);
    world_commits(w, 2, 10, 300);
    world_grown(w);
    assert_int_equal(world_events(w, "poor", 9), 3);
    assert_int_equal(vd_publisher_totals(w->publisher)->encoded, 4);
    world_free(w);
}

static void test_a_bound_holds_whatever_is_granted(void **state)
{
    (void)state;
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.bytes_max = 100000;
    world_t *w = world_new(MUCH, &knobs);
    world_commits(w, 2000, 1, 500);
    world_replay(w, "ann", 5);
    world_pass(w, 1000000);
    uint64_t bytes = vd_publisher_totals(w->publisher)->event_bytes;
    assert_true(bytes >= 100000 && bytes < 101000);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_DROP), 0);
    world_credit(w, "ann", 5, 1000000, 1000000000, "");
    world_pass(w, 1000000);
    uint64_t more = vd_publisher_totals(w->publisher)->event_bytes - bytes;
    assert_true(more >= 100000 && more < 101000);
    while (world_events(w, "ann", 5) < 2666) {
        world_credit(w, "ann", 5, 1000000, 1000000000, "");
        world_pass(w, 1000);
    }
    world_free(w);
}

static void test_live_comes_first_and_replay_yields(void **state)
{
    (void)state;
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.yield_bytes_max = 64 * 1024;
    world_t *w = world_new(MUCH, &knobs);
    world_commits(w, 3000, 1, 1000);
    world_replay(w, "old", 5);
    assert_true(w->step_bytes > 512 * 1024);
    world_live(w, "new", 6);
    world_forget(w);
    world_commit(w, 1, 100);
    world_grown(w);
    assert_true(vd_peer_equal(&w->sent[0].peer, &(vd_peer_t){.size = 3, .bytes = "new"}));
    assert_int_equal(w->sent[0].message.id, VD_MESSAGE_COMMITS);
    assert_true(world_count(w, "old", 5, VD_MESSAGE_COMMITS) > 0);
    assert_true(w->step_bytes < 64 * 1024 + 110 * 1024);
    world_pass(w, 100000);
    assert_int_equal(world_last(w, "old", 5, VD_MESSAGE_COMMITS)->message.commits.index, 3001);
    world_free(w);
}

static void test_commits_of_one_session_are_shared_by_its_readers(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    vd_start_body_t start = {
        .stream = vd_str("live"), .head = true, .items = 1000000, .bytes = 1000000000};
    world_commits(w, 3, 1, 100);
    start.session = vd_str("red");
    world_start(w, "ann", 5, &start);
    start.session = vd_str("blue");
    world_start(w, "bob", 6, &start);
    world_commit(w, 2, 100);
    world_grown(w);
    const vd_recent_commit_t *held = vd_recent_take(w->recent, 4);
    assert_ptr_equal(world_last(w, "ann", 5, VD_MESSAGE_COMMITS)->shared, held->bytes->data);
    vd_recent_release(&held);
    assert_int_equal(world_events(w, "bob", 6), 0);
    /* The next but one has an event of another session. */
    world_commits(w, 2, 2, 100);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 5), 6);
    assert_int_equal(world_events(w, "bob", 6), 1);
    world_free(w);
}

static void test_memory_serves_commit_streams_too(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 50, 1, 100);
    world_replay(w, "ann", 5);
    world_pass(w, 1000);
    assert_int_equal(world_last(w, "ann", 5, VD_MESSAGE_COMMITS)->message.commits.index, 50);
    assert_int_equal(world_events(w, "ann", 5), 50 + 50 / 3);
    world_forget(w);
    world_commit(w, 3, 100);
    world_grown(w);
    const vd_recent_commit_t *held = vd_recent_take(w->recent, 51);
    assert_ptr_equal(world_last(w, "ann", 5, VD_MESSAGE_COMMITS)->shared, held->bytes->data);
    vd_recent_release(&held);
    world_free(w);
}

static void expect_error(world_t *w, const vd_start_body_t *start, const char *status)
{
    static uint64_t correlation = 1000;
    world_start(w, "eve", ++correlation, start);
    const sent_t *answer = world_last(w, "eve", correlation, VD_MESSAGE_ERROR);
    assert_true(vd_str_is(answer->message.error.status, status));
    assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
}

static void expect_reset(world_t *w, const vd_start_body_t *start, const char *status)
{
    static uint64_t correlation = 2000;
    world_start(w, "eve", ++correlation, start);
    const sent_t *answer = world_last(w, "eve", correlation, VD_MESSAGE_STREAM_RESET);
    assert_true(vd_str_is(answer->message.stream_reset.status, status));
    assert_int_equal(answer->message.stream_reset.head, 20);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
}

static void test_positions_and_filters_that_are_not_valid(void **state)
{
    (void)state;
    static const char *const kinds[] = {"live", "commit", ""};
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 20, 1, 100);
    for (int kind = 0; kind < 3; kind++) {
        const vd_start_body_t begin = {.stream = vd_str(kinds[kind]), .items = 10, .bytes = 10000};
        vd_start_body_t start = begin;
        world_position(w, 20, &start);
        start.index = 21; /* beyond the head: the store went back */
        expect_reset(w, &start, "went_back");
        start.index = 20;
        start.offset = 1;
        expect_reset(w, &start, "went_back");
        start.offset = 0;
        start.chain++;
        expect_reset(w, &start, "went_back");
        start.chain = UINT64_C(1) << 40;
        expect_reset(w, &start, "went_back");
        world_position(w, 20, &start);
        start.store = vd_str("another");
        expect_reset(w, &start, "went_back");
        start = begin;
        start.session = vd_str("red");
        start.seq = 100;
        expect_reset(w, &start, "went_back");
        start.session = vd_str("green");
        expect_error(w, &start, "unknown_session");
        start.session = vd_str("no name");
        expect_error(w, &start, "malformed");
        start.session = vd_str("");
        expect_error(w, &start, "malformed");
    }
    vd_start_body_t start = {.stream = vd_str("both")};
    expect_error(w, &start, "malformed");
    w->first = 10;
    start = (vd_start_body_t){0};
    world_position(w, 5, &start);
    expect_reset(w, &start, "pruned");
    world_free(w);
}

static void test_what_memory_forgets_on_purpose(void **state)
{
    (void)state;
    world_t *w = world_new(MUCH, NULL);
    world_commits(w, 5, 1, 100);
    world_live(w, "ann", 5);
    vd_recent_begin(w->recent, w->store, 5, w->commits[4]->commit.chain);
    world_grown(w);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_GAP), 0);
    world_commit(w, 1, 100);
    world_grown(w);
    assert_int_equal(world_events(w, "ann", 5), 2);
    assert_int_equal(world_count(w, "ann", 5, VD_MESSAGE_GAP), 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_goes_out_at_once),
        cmocka_unit_test(test_all_that_is_there_goes_in_one_frame),
        cmocka_unit_test(test_no_credit_no_event_but_head_gap_and_drop),
        cmocka_unit_test(test_live_goes_on_behind_a_gap),
        cmocka_unit_test(test_a_position_that_memory_lost_is_sent_to_commits),
        cmocka_unit_test(test_live_begins_at_a_sequence),
        cmocka_unit_test(test_two_streams_of_a_peer_are_independent),
        cmocka_unit_test(test_batches_follow_the_lag),
        cmocka_unit_test(test_the_byte_limit_wins),
        cmocka_unit_test(test_filters_work_in_both),
        cmocka_unit_test(test_a_frame_is_encoded_once),
        cmocka_unit_test(test_a_bound_holds_whatever_is_granted),
        cmocka_unit_test(test_live_comes_first_and_replay_yields),
        cmocka_unit_test(test_commits_of_one_session_are_shared_by_its_readers),
        cmocka_unit_test(test_memory_serves_commit_streams_too),
        cmocka_unit_test(test_positions_and_filters_that_are_not_valid),
        cmocka_unit_test(test_what_memory_forgets_on_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
