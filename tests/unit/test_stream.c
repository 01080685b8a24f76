/* test_stream.c: both ends of the commit stream: positions, credit, filters, and a lossy
 * network. */
#include "stream_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S INT64_C(1000000)

static vd_subscription_t everything(void)
{
    return (vd_subscription_t){.name = "test"};
}

static void test_every_event_once_in_order(void **state)
{
    (void)state;
    world_t *w = world_new(1);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < 300; i++)
        world_commit(w, 6, 60);
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    for (unsigned i = 0; i < 50; i++) {
        world_commit(w, 6, 60);
        /* At the head a commit goes out by itself, without waiting. */
        world_run(w, 0);
        assert_int_equal(w->handed, w->seqs[0] + w->seqs[1] + w->seqs[2]);
    }
    world_free(w);
}

static void test_a_subscriber_tells_how_far_it_is(void **state)
{
    (void)state;
    world_t *w = world_new(3);
    vd_subscription_t some = everything();
    strcpy(some.session, world_sessions[1]);
    for (unsigned i = 0; i < 100; i++)
        world_commit(w, 5, 40);
    world_subscribe(w, &some);
    world_run(w, 5 * S);
    assert_int_equal(w->told_done, w->commit_count);
    world_free(w);
}

static void test_the_head_is_told_although_nothing_matches(void **state)
{
    (void)state;
    world_t *w = world_new(20);
    vd_subscription_t some = everything();
    for (unsigned i = 0; i < 100; i++)
        world_commit(w, 5, 40);
    strcpy(some.type, "nothing");
    world_subscribe(w, &some);
    world_run(w, S / 10);
    assert_int_equal(w->position.index, w->commit_count);
    world_free(w);
}

/* A commit may become readable while a frame is filled: it is for the next frame, whose head tells it. */
static void test_nothing_comes_from_beyond_the_head(void **state)
{
    (void)state;
    for (unsigned s = 0; s < 4; s++) {
        world_t *w = world_new(25 + s);
        vd_subscription_t some = everything();
        for (unsigned i = 0; i < 60; i++)
            world_commit(w, 5, 40);
        w->unseen = 2;
        strcpy(some.session, s < 3 ? world_sessions[s] : "");
        world_subscribe(w, &some);
        world_run(w, 3 * S);
        assert_int_equal(w->position.index, w->commit_count - 2);
        w->unseen = 0;
        world_settle(w, 5 * S);
        world_free(w);
    }
}

static void test_filters_leave_out_what_does_not_match(void **state)
{
    (void)state;
    static const char *const globs[] = {"", "count.*", "*even", "nothing"};
    for (unsigned g = 0; g < 4; g++)
        for (unsigned s = 0; s < 4; s++) {
            world_t *w = world_new(2 + g * 4 + s);
            vd_subscription_t some = everything();
            for (unsigned i = 0; i < 200; i++)
                world_commit(w, 5, 40);
            strcpy(some.type, globs[g]);
            strcpy(some.session, s < 3 ? world_sessions[s] : "");
            world_subscribe(w, &some);
            /* Even where nothing matches the position reaches the head. */
            world_settle(w, 5 * S);
            world_free(w);
        }
}

static void test_credit_is_never_overdrawn_by_more_than_one_event(void **state)
{
    (void)state;
    world_t *w = world_new(30);
    vd_subscription_t small = everything();
    for (unsigned i = 0; i < 100; i++)
        world_commit(w, 20, 100);
    w->consume = false;
    small.credit_items = 7;
    world_subscribe(w, &small);
    world_run(w, 5 * S);
    assert_int_equal(w->handed, 7);
    w->expected = w->handed = 0;
    small.credit_items = 0;
    small.credit_bytes = 1;
    world_subscribe(w, &small);
    world_run(w, 5 * S);
    assert_int_equal(w->handed, 1);
    /* And with one event's credit at a time everything comes. */
    w->consume = true;
    w->expected = w->handed = 0;
    small.credit_items = 1;
    world_subscribe(w, &small);
    world_settle(w, 60 * S);
    world_free(w);
}

/* A publisher sends SUBSCRIBER_BYTES_MAX between two CREDITs, whatever was granted: with a window
 * beyond that no time is lost either. */
static void test_a_wide_window_does_not_wait(void **state)
{
    (void)state;
    world_t *w = world_new(35);
    vd_subscription_t wide = everything();
    for (unsigned i = 0; i < 12; i++)
        world_commit(w, 20, 200000);
    wide.credit_items = 1000000;
    wide.credit_bytes = 8 * VD_SUBSCRIBER_BYTES_MAX;
    world_subscribe(w, &wide);
    world_settle(w, S / 2);
    assert_true(w->sent_bytes > 2 * VD_SUBSCRIBER_BYTES_MAX);
    world_free(w);
}

static void test_large_commits_are_cut(void **state)
{
    (void)state;
    world_t *w = world_new(40);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < 6; i++)
        world_commit(w, 12, 200000);
    world_commit(w, 4000, 200);
    world_subscribe(w, &all);
    world_settle(w, 10 * S);
    strcpy(all.type, "*even"); /* pieces of one event each */
    w->expected = w->handed = 0;
    world_subscribe(w, &all);
    world_settle(w, 10 * S);
    world_free(w);
}

static void test_a_stream_begins_at_a_sequence(void **state)
{
    (void)state;
    world_t *w = world_new(50);
    for (unsigned i = 0; i < 30; i++)
        world_commit(w, 6, 10);
    for (unsigned s = 0; s < 3; s++)
        for (uint64_t seq = 1; seq <= w->seqs[s] + 1; seq++) {
            vd_subscription_t from = everything();
            strcpy(from.session, world_sessions[s]);
            from.seq = seq;
            w->expected = w->handed = 0;
            world_subscribe(w, &from);
            world_settle(w, 5 * S);
            assert_int_equal(w->handed, w->seqs[s] + 1 - seq);
        }
    world_free(w);
}

static void test_a_stream_goes_on_from_every_position(void **state)
{
    (void)state;
    world_t *w = world_new(60);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < 20; i++)
        world_commit(w, 6, 10);
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    uint64_t total = w->handed, index = 0;
    for (uint64_t c = 1; c <= w->commit_count; c++) {
        const world_commit_t *commit = w->commits[c - 1];
        for (uint32_t r = 0; r < commit->commit.run_count; r++)
            for (uint32_t i = 0; i < commit->runs[r].count; i++) {
                index++;
                strcpy(all.position.store, w->store);
                all.position.index = c - 1;
                all.position.offset = commit->runs[r].at + i + 1;
                all.position.chain = commit->commit.chain;
                w->expected = index;
                w->handed = 0;
                world_subscribe(w, &all);
                world_settle(w, 5 * S);
                assert_int_equal(w->handed, total - index);
            }
    }
    world_free(w);
}

static void test_positions_that_cannot_be_gone_on_from_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *store;
        uint64_t index, offset;
        unsigned wrong_chain;
        uint64_t first;
        const char *session;
        uint64_t seq;
        vd_status_t status; /* VD_OK: it goes on */
        bool anchored;
    } rows[] = {
        {"0123456789abcdef", 10, 0, 0, 1, "", 0, VD_OK, false},
        {"0123456789abcdef", 30, 0, 0, 1, "", 0, VD_OK, false},
        {"0123456789abcdef", 31, 0, 0, 1, "", 0, VD_WENT_BACK, false},
        {"0123456789abcdef", 30, 1, 0, 1, "", 0, VD_WENT_BACK, false},
        {"0123456789abcdef", 10, 0, 1, 1, "", 0, VD_WENT_BACK, false},
        {"0123456789abcdef", UINT64_MAX, UINT64_MAX, 0, 1, "", 0, VD_WENT_BACK, false},
        {"fedcba9876543210", 10, 0, 0, 1, "", 0, VD_WENT_BACK, false},
        {"x", 0, 0, 0, 1, "", 0, VD_WENT_BACK, false},
        {"0123456789abcdef", 10, 0, 0, 11, "", 0, VD_PRUNED, false},
        {"0123456789abcdef", 11, 0, 0, 11, "", 0, VD_OK, false},
        /* The last commit that was removed is known by its chain alone. */
        {"0123456789abcdef", 10, 0, 0, 11, "", 0, VD_OK, true},
        {"0123456789abcdef", 10, 0, 1, 11, "", 0, VD_WENT_BACK, true},
        {"0123456789abcdef", 9, 0, 0, 11, "", 0, VD_PRUNED, true},
        {"0123456789abcdef", 9, 1, 0, 11, "", 0, VD_PRUNED, true},
        {"0123456789abcdef", 20, 0, 0, 1, "blue", 0, VD_PRUNED, false},
        {"", 0, 0, 0, 1, "blue", 0, VD_PRUNED, false},
        {"", 0, 0, 0, 1, "blue", 1, VD_PRUNED, false},
        {"", 0, 0, 0, 1, "red", UINT64_MAX, VD_WENT_BACK, false},
        {"", 0, 0, 0, 1, "pink", 0, VD_UNKNOWN_SESSION, false},
        {"", 0, 0, 0, 1, "pink", 1, VD_UNKNOWN_SESSION, false},
        {"", 0, 0, 0, 25, "red", 1, VD_PRUNED, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        world_t *w = world_new(70);
        vd_subscription_t from = everything();
        for (unsigned c = 0; c < 30; c++)
            world_commit(w, 3, 10);
        w->first = rows[i].first;
        w->anchored = rows[i].anchored;
        strcpy(w->pruned, "blue");
        strcpy(from.position.store, rows[i].store);
        strcpy(from.session, rows[i].session);
        from.seq = rows[i].seq;
        from.position.index = rows[i].index;
        from.position.offset = rows[i].offset;
        if (rows[i].index > 0 && rows[i].index <= 30)
            from.position.chain = w->commits[rows[i].index - 1]->commit.chain;
        from.position.chain += rows[i].wrong_chain;
        for (uint64_t c = 0; rows[i].status == VD_OK && c < rows[i].index; c++)
            for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++)
                w->expected += w->commits[c]->runs[r].count;
        world_subscribe(w, &from);
        world_run(w, 2 * S);
        if ((rows[i].status == VD_OK) != (w->stops == 0) ||
            (w->stops > 0 && w->stop_status != rows[i].status))
            fail_msg("row %u: %u stops, %s", i, w->stops, vd_status_name(w->stop_status));
        if (rows[i].status == VD_OK)
            world_settle(w, 2 * S);
        else
            assert_int_equal(vd_publisher_subscribers(w->publisher), 0);
        world_free(w);
    }
}

static void test_a_commit_that_cannot_be_read_is_told_and_passed(void **state)
{
    (void)state;
    world_t *w = world_new(80);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < 40; i++)
        world_commit(w, 3, 10);
    w->corrupt = 25;
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    assert_int_equal(w->stops, 0);
    assert_int_equal(w->lost, 1);
    /* Right behind it a stream can begin. */
    strcpy(all.position.store, w->store);
    all.position.index = 25;
    w->expected = 0;
    for (uint64_t c = 0; c < 25; c++)
        for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++)
            w->expected += w->commits[c]->runs[r].count;
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    assert_int_equal(w->stops, 0);
    assert_int_equal(w->lost, 1);
    world_free(w);
}

/* The newest one too, whose chain the tail still has. */
static void test_the_newest_commit_may_be_the_one_that_cannot_be_read(void **state)
{
    (void)state;
    world_t *w = world_new(82);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < 40; i++)
        world_commit(w, 3, 10);
    w->corrupt = 40;
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->position.index, 40);
    assert_int_equal(w->position.chain, 0);
    all.position = w->position; /* from its own position it goes on, as long as it is the newest */
    world_subscribe(w, &all);
    world_run(w, S);
    assert_int_equal(w->stops, 0);
    world_commit(w, 3, 10);
    world_settle(w, 5 * S);
    assert_int_equal(w->stops, 0);
    assert_int_equal(w->position.index, 41);
    all.position = (vd_position_t){.index = 41}; /* of one that can be read it is another history */
    strcpy(all.position.store, w->store);
    world_subscribe(w, &all);
    world_run(w, S);
    assert_int_equal(w->stops, 1);
    assert_int_equal(w->stop_status, VD_WENT_BACK);
    world_free(w);
}

/* Runs are lost here and there, in one go at the beginning, and of commits with many others. */
static void lose_some(world_t *w, unsigned turn)
{
    for (uint64_t c = 1; c <= w->commit_count; c++)
        for (uint32_t r = 0; r < w->commits[c - 1]->commit.run_count; r++)
            if (c < 20 || (c * 7 + r + turn) % 5 == 0)
                world_lose(w, c, r, (c + turn) % 2 == 0 ? VD_PRUNED : VD_CORRUPT);
}

/* What will never be read is no reason to say nothing. */
static void test_a_commit_of_a_newer_version_ends_the_stream(void **state)
{
    (void)state;
    world_t *w = world_new(81);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < 40; i++)
        world_commit(w, 3, 10);
    w->corrupt = 25;
    w->how = VD_UNSUPPORTED;
    world_subscribe(w, &all);
    world_run(w, 5 * S);
    assert_int_equal(w->position.index, 24);
    assert_int_equal(w->stops, 1);
    assert_int_equal(w->stop_status, VD_UNSUPPORTED);
    world_free(w);
}

static void test_absent_runs_are_told_once_and_in_their_place(void **state)
{
    (void)state;
    static const char *const globs[] = {"", "*even", "nothing"};
    for (unsigned turn = 0; turn < 24; turn++) {
        world_t *w = world_new(800 + turn);
        vd_subscription_t some = everything();
        for (unsigned i = 0; i < 200; i++)
            world_commit(w, 8, 3000);
        lose_some(w, turn);
        strcpy(some.session, turn % 4 < 3 ? world_sessions[turn % 4] : "");
        strcpy(some.type, globs[turn % 3]);
        w->loss_percent = turn % 2 == 0 ? 0 : 3;
        w->delay_us_max = turn % 2 == 0 ? 0 : 2000;
        world_subscribe(w, &some);
        world_settle(w, 600 * S);
        assert_true(w->missing > 0);
        assert_int_equal(w->stops, 0);
        world_free(w);
    }
}

/* Who stands in the middle of a run that is lost since is told of the rest of it. */
static void test_the_rest_of_a_run_is_told_to_who_knows_its_beginning(void **state)
{
    (void)state;
    world_t *w = world_new(85);
    vd_subscription_t all = everything();
    while (w->commit_count == 0 || w->commits[w->commit_count - 1]->commit.run_count == 0 ||
           w->commits[w->commit_count - 1]->runs[0].count < 5)
        world_commit(w, 10, 10);
    const world_commit_t *last = w->commits[w->commit_count - 1];
    strcpy(all.position.store, w->store);
    all.position.index = w->commit_count - 1;
    all.position.offset = 3;
    all.position.chain = last->commit.chain;
    for (uint64_t c = 0; c + 1 < w->commit_count; c++)
        for (uint32_t r = 0; r < w->commits[c]->commit.run_count; r++)
            w->expected += w->commits[c]->runs[r].count;
    w->expected += 3;
    world_lose(w, w->commit_count, 0, VD_PRUNED);
    uint64_t count = last->runs[0].count;
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    assert_int_equal(w->missing, count - 3);
    world_free(w);
}

static void test_absent_runs_cost_no_credit(void **state)
{
    (void)state;
    world_t *w = world_new(86);
    vd_subscription_t small = everything();
    for (unsigned i = 0; i < 60; i++)
        world_commit(w, 4, 40);
    for (uint64_t c = 1; c <= 50; c++)
        for (uint32_t r = 0; r < w->commits[c - 1]->commit.run_count; r++)
            world_lose(w, c, r, VD_PRUNED);
    w->consume = false;
    small.credit_items = 2;
    world_subscribe(w, &small);
    world_run(w, 5 * S);
    assert_int_equal(w->handed, 2);
    assert_true(w->missing > 2);
    world_free(w);
}

/* A long way of commits of which nothing is left costs no credit, and still no more is sent than
 * whoever stands still can be sent; who listens has all of it at once. */
static void test_what_costs_no_credit_is_bounded_too(void **state)
{
    (void)state;
    world_t *w = world_new(88);
    vd_subscription_t all = everything();
    for (unsigned i = 0; i < WORLD_COMMITS_MAX; i++)
        world_commit(w, 1, 10);
    for (uint64_t c = 1; c <= w->commit_count; c++)
        for (uint32_t r = 0; r < w->commits[c - 1]->commit.run_count; r++)
            world_lose(w, c, r, VD_PRUNED);
    world_subscribe(w, &all);
    world_run(w, S);
    uint64_t all_bytes = w->sent_bytes;
    assert_true(all_bytes > VD_UNCREDITED_BYTES_MAX * 3 / 2);
    assert_int_equal(w->position.index, w->commit_count);
    vd_message_t start = {.id = VD_MESSAGE_START, .correlation = 9};
    start.start.items = start.start.bytes = 1000;
    w->connection += 100; /* another one, which never says anything again */
    world_send(w, &start);
    w->connection -= 100;
    world_run(w, 5 * S);
    assert_true(w->sent_bytes - all_bytes >= VD_UNCREDITED_BYTES_MAX);
    assert_true(w->sent_bytes - all_bytes < all_bytes);
    world_free(w);
}

static void test_a_silent_subscriber_is_dropped(void **state)
{
    (void)state;
    world_t *w = world_new(90);
    vd_subscription_t all = everything();
    world_commit(w, 3, 10);
    world_subscribe(w, &all);
    world_run(w, 30 * S);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 1);
    vd_message_t start = {.id = VD_MESSAGE_START, .correlation = 9};
    w->connection += 100; /* another one, which never says anything again */
    world_send(w, &start);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 2);
    w->connection -= 100;
    world_run(w, 12 * S);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 1);
    world_free(w);
}

static void test_the_table_is_bounded(void **state)
{
    (void)state;
    world_t *w = world_new(95);
    vd_subscription_t all = everything();
    vd_message_t start = {.id = VD_MESSAGE_START, .correlation = 9};
    world_commit(w, 3, 10);
    for (unsigned i = 0; i < VD_SUBSCRIBERS_MAX + 10; i++) {
        w->connection++;
        world_send(w, &start);
    }
    assert_int_equal(vd_publisher_subscribers(w->publisher), VD_SUBSCRIBERS_MAX);
    /* One that finds it full comes in when the silent ones have been dropped. */
    world_subscribe(w, &all);
    world_run(w, 1 * S);
    assert_int_equal(w->handed, 0);
    world_settle(w, 30 * S);
    world_free(w);
}

/* Deaths of both ends, lost and late frames, small credit: each event once, in order. */
static void exchange(uint64_t seed)
{
    world_t *w = world_new(seed);
    vd_subscription_t wanted = everything();
    static const char *const globs[] = {"", "count.*", "*even"};
    unsigned kind = (unsigned)(seed % 12);
    strcpy(wanted.session, kind % 4 < 3 ? "" : world_sessions[seed % 3]);
    strcpy(wanted.type, globs[kind % 3]);
    wanted.credit_items = 1 + seed * 7 % 200;
    wanted.credit_bytes = kind % 2 ? 5000 : 0;
    wanted.seed = seed;
    for (unsigned s = 0; s < 3 || w->seqs[0] * w->seqs[1] * w->seqs[2] == 0; s++)
        world_commit(w, 5, 50);
    w->delay_us_max = 20000;
    w->loss_percent = (unsigned)(seed % 25);
    world_subscribe(w, &wanted);
    for (unsigned round = 0; round < 300; round++) {
        unsigned dice = (unsigned)(vd_random_next(&w->seed) % 100);
        for (unsigned i = 0; i < dice % 4; i++)
            world_commit(w, 1 + dice % 30, 50);
        if (dice == 7)
            world_restart_publisher(w);
        if (dice == 8 && w->position.store[0] != 0) {
            /* A subscriber that kept its position takes up exactly there. */
            wanted.position = w->position;
            world_subscribe(w, &wanted);
        }
        world_run(w, dice * 1000);
        assert_int_equal(w->stops, 0);
    }
    w->loss_percent = 0;
    world_settle(w, 120 * S);
    assert_int_equal(w->stops, 0);
    world_free(w);
}

static void test_a_lossy_network_loses_and_doubles_nothing(void **state)
{
    (void)state;
    const char *text = getenv("VEDETTE_SEED");
    uint64_t first = text != NULL ? strtoull(text, NULL, 10) : 1000;
    uint64_t count = text != NULL ? 1 : 40;
    for (uint64_t seed = first; seed < first + count; seed++) {
        printf("VEDETTE_SEED=%llu\n", (unsigned long long)seed);
        exchange(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_once_in_order),
        cmocka_unit_test(test_a_subscriber_tells_how_far_it_is),
        cmocka_unit_test(test_the_head_is_told_although_nothing_matches),
        cmocka_unit_test(test_nothing_comes_from_beyond_the_head),
        cmocka_unit_test(test_filters_leave_out_what_does_not_match),
        cmocka_unit_test(test_credit_is_never_overdrawn_by_more_than_one_event),
        cmocka_unit_test(test_a_wide_window_does_not_wait),
        cmocka_unit_test(test_large_commits_are_cut),
        cmocka_unit_test(test_a_stream_begins_at_a_sequence),
        cmocka_unit_test(test_a_stream_goes_on_from_every_position),
        cmocka_unit_test(test_positions_that_cannot_be_gone_on_from_are_told),
        cmocka_unit_test(test_a_commit_that_cannot_be_read_is_told_and_passed),
        cmocka_unit_test(test_the_newest_commit_may_be_the_one_that_cannot_be_read),
        cmocka_unit_test(test_a_commit_of_a_newer_version_ends_the_stream),
        cmocka_unit_test(test_absent_runs_are_told_once_and_in_their_place),
        cmocka_unit_test(test_the_rest_of_a_run_is_told_to_who_knows_its_beginning),
        cmocka_unit_test(test_absent_runs_cost_no_credit),
        cmocka_unit_test(test_what_costs_no_credit_is_bounded_too),
        cmocka_unit_test(test_a_silent_subscriber_is_dropped),
        cmocka_unit_test(test_the_table_is_bounded),
        cmocka_unit_test(test_a_lossy_network_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
