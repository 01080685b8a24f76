/* test_reception.c: live and commit stream joined: the modes, each event once whatever the streams
 * overlapped, lost or brought early, a reader that lags, pauses, is held, and gives streams up. */
#include "stream_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S    INT64_C(1000000)
#define MIB1 ((size_t)1 << 20)

static vd_subscription_t from_now(void)
{
    return (vd_subscription_t){.name = "test", .head = true};
}

static uint64_t events_of(const world_t *w)
{
    return w->seqs[0] + w->seqs[1] + w->seqs[2];
}

/* Commits with one event each, so that events and commits count the same. */
static void commit_one(world_t *w)
{
    w->single = true;
    world_commit(w, 1, 20);
    w->single = false;
}

/* A reader who begins behind the newest commit. */
static void subscribe_now(world_t *w, const vd_subscription_t *subscription)
{
    w->expected = events_of(w);
    world_subscribe(w, subscription);
    world_run(w, 0);
}

static void live_alone_is_enough_at_the_head(void **state)
{
    (void)state;
    world_t *w = world_new(1);
    world_live(w, MIB1);
    for (unsigned i = 0; i < 100; i++)
        world_commit(w, 3, 40);
    vd_subscription_t now = from_now();
    subscribe_now(w, &now);
    uint64_t before = events_of(w);
    for (unsigned i = 0; i < 200; i++) {
        world_commit(w, 3, 40);
        world_run(w, 0);
        assert_int_equal(w->handed, events_of(w) - before);
    }
    world_run(w, 30 * S);
    assert_string_equal(w->trace, "+live ");
    assert_string_equal(w->modes, "live_only ");
    world_free(w);
}

static void it_resumes_from_every_position(void **state)
{
    (void)state;
    world_t *w = world_new(2);
    world_live(w, 3000); /* some of it is held in memory */
    for (unsigned i = 0; i < 60; i++)
        world_commit(w, 4, 20);
    uint64_t index = 0;
    for (uint64_t c = 1; c <= w->commit_count; c++) {
        const world_commit_t *commit = w->commits[c - 1];
        for (uint32_t r = 0; r < commit->commit.run_count; r++)
            for (uint32_t i = 0; i < commit->runs[r].count; i++) {
                vd_subscription_t at = {.name = "test"};
                index++;
                strcpy(at.position.store, w->store);
                at.position.index = c - 1;
                at.position.offset = commit->runs[r].at + i + 1;
                at.position.chain = commit->commit.chain;
                w->expected = index;
                w->handed = 0;
                world_subscribe(w, &at);
                world_settle(w, 5 * S);
                assert_int_equal(w->handed, events_of(w) - index);
                world_run(w, 5 * S);
                assert_int_equal(w->mode, VD_MODE_LIVE_ONLY);
            }
    }
    assert_string_equal(w->modes, "commits_only overlap live_only ");
    assert_string_equal(w->trace, "+commit +live -commit ");
    world_free(w);
}

/* Who comes with a backlog takes commits, joins and goes on live, while more is committed. */
static void a_backlog_ends_in_live(void **state)
{
    (void)state;
    world_t *w = world_new(3);
    world_live(w, MIB1);
    for (unsigned i = 0; i < 3000; i++)
        world_commit(w, 3, 40);
    vd_subscription_t all = {.name = "test"};
    world_subscribe(w, &all);
    for (unsigned i = 0; i < 500; i++) {
        world_commit(w, 3, 40);
        world_run(w, S / 100);
    }
    world_settle(w, S);
    assert_int_equal(w->mode, VD_MODE_LIVE_ONLY);
    assert_string_equal(w->trace, "+commit +live -commit ");
    world_free(w);
}

/* Of a type that never comes: where the streams join counts, not how long ago it was told. */
static void a_filter_that_leaves_all_out_is_no_lag(void **state)
{
    (void)state;
    world_t *w = world_new(15);
    world_live(w, MIB1);
    vd_subscription_t none = {.name = "test", .type = "none"};
    none.knobs = vd_mode_knobs_default;
    none.knobs.start_commit_sync_lag = 20;
    commit_one(w);
    world_subscribe(w, &none);
    for (unsigned i = 0; i < 600; i++) {
        commit_one(w);
        world_run(w, S / 50);
    }
    assert_string_equal(w->modes, "commits_only overlap live_only ");
    world_free(w);
}

/* Takes `per_round` events of what waits, so many bytes each on average. */
static void take_some(world_t *w, uint64_t events)
{
    if (events > w->waiting_events)
        events = w->waiting_events;
    if (events == 0)
        return;
    world_consume(w, events, w->waiting_bytes * events / w->waiting_events);
}

/* Live never ends, and the application is slower than it: lag shows although every moment brings a
 * frame. Commits are taken instead, and never both; when the application is faster, live again. */
static void a_live_stream_that_never_ends_is_left_when_it_lags(void **state)
{
    (void)state;
    world_t *w = world_new(4);
    world_live(w, MIB1);
    vd_subscription_t now = from_now();
    now.credit_items = 100;
    now.knobs = vd_mode_knobs_default;
    now.knobs.pause_live_queue = 1000; /* so that lag alone decides */
    w->consume = false;
    subscribe_now(w, &now);
    for (unsigned i = 0; i < 600; i++) {
        commit_one(w);
        commit_one(w);
        world_run(w, S / 100);
        take_some(w, 1);
    }
    assert_string_equal(w->trace, "+live -live +commit ");
    assert_int_equal(w->mode, VD_MODE_COMMITS_ONLY);
    for (unsigned i = 0; i < 900; i++) {
        commit_one(w);
        world_run(w, S / 100);
        take_some(w, 20);
    }
    assert_string_equal(w->modes, "live_only commits_only overlap live_only ");
    assert_string_equal(w->trace, "+live -live +commit +live -commit ");
    w->consume = true;
    take_some(w, w->waiting_events);
    world_settle(w, 5 * S);
    world_free(w);
}

/* The queue of the table: 500 events pause live, 50 resume it; meanwhile an idle commit stream
 * tells of the head. */
static void a_long_queue_pauses_live(void **state)
{
    (void)state;
    for (unsigned far = 0; far < 2; far++) {
        world_t *w = world_new(5 + far);
        world_live(w, MIB1);
        vd_subscription_t now = from_now();
        w->consume = false;
        subscribe_now(w, &now);
        for (unsigned i = 0; i < 499; i++) {
            commit_one(w);
            world_run(w, S / 100);
        }
        assert_string_equal(w->modes, "live_only ");
        for (unsigned i = 0; i < 30; i++) {
            commit_one(w);
            world_run(w, S / 100);
        }
        assert_string_equal(w->modes, "live_only paused ");
        assert_string_equal(w->trace, "+live +idle -live ");
        uint64_t handed = w->handed;
        assert_in_range(handed, 500, 522);
        for (unsigned i = 0; i < (far ? 60 : 10); i++)
            commit_one(w);
        world_run(w, 30 * S);
        assert_int_equal(w->handed, handed);
        take_some(w, w->waiting_events - 51);
        world_run(w, 5 * S);
        assert_string_equal(w->modes, "live_only paused ");
        take_some(w, 1);
        w->consume = true;
        world_settle(w, 5 * S);
        world_run(w, 5 * S);
        if (far) {
            assert_string_equal(w->modes, "live_only paused commits_only overlap live_only ");
            assert_string_equal(w->trace, "+live +idle -live +live -commit ");
        } else {
            assert_string_equal(w->modes, "live_only paused live_only ");
            assert_string_equal(w->trace, "+live +idle -live +live -commit ");
        }
        world_free(w);
    }
}

static void an_operator_holds_it(void **state)
{
    (void)state;
    world_t *w = world_new(7);
    world_live(w, MIB1);
    vd_subscription_t now = from_now();
    subscribe_now(w, &now);
    vd_message_t hold = {.id = VD_MESSAGE_HOLD, .hold = {.held = true}};
    world_tell(w, &hold);
    assert_string_equal(w->modes, "live_only paused ");
    assert_string_equal(w->trace, "+live "); /* its streams stay as they are */
    world_run(w, 20 * S);
    hold.hold.held = false;
    world_tell(w, &hold);
    assert_string_equal(w->modes, "live_only paused live_only ");
    commit_one(w);
    world_settle(w, S);
    assert_string_equal(w->trace, "+live ");
    world_free(w);
}

/* The stream begins anew under its number: what came of it before is no credit for what comes. */
static void a_start_that_comes_twice_grants_no_more(void **state)
{
    (void)state;
    world_t *w = world_new(18);
    world_live(w, MIB1);
    vd_subscription_t now = from_now();
    now.credit_items = 20;
    subscribe_now(w, &now);
    for (unsigned i = 0; i < 10; i++)
        commit_one(w);
    world_run(w, S);
    assert_int_equal(w->handed, 10);
    uint64_t before = w->streams[0];
    vd_message_t start = {.id = VD_MESSAGE_START, .correlation = before};
    start.start.stream = vd_str("live");
    start.start.head = true;
    start.start.items = 20;
    start.start.bytes = MIB1;
    world_send(w, &start);
    world_run(w, S);
    w->consume = false;
    for (unsigned i = 0; i < 40; i++)
        commit_one(w);
    world_run(w, 5 * S);
    assert_int_equal(w->waiting_events, 20);
    assert_true(w->streams[0] > before);
    w->consume = true;
    take_some(w, w->waiting_events);
    world_settle(w, 20 * S);
    world_free(w);
}

static void kicked_is_final(void **state)
{
    (void)state;
    world_t *w = world_new(8);
    world_live(w, MIB1);
    vd_subscription_t now = from_now();
    subscribe_now(w, &now);
    vd_message_t drop = {.id = VD_MESSAGE_DROP};
    drop.drop.status = vd_str("kicked");
    drop.drop.text = vd_str("by an operator");
    world_tell(w, &drop);
    assert_int_equal(w->stops, 1);
    assert_int_equal(w->stop_status, VD_KICKED);
    w->expected = events_of(w);
    commit_one(w);
    world_run(w, 20 * S);
    assert_int_equal(w->handed, 0);
    world_free(w);
}

/* Memory holds little: live behind it is answered with USE_COMMITS, live that lost something tells
 * of a gap; both end in commits, and nothing is missing. */
static void what_memory_lost_is_read_from_the_store(void **state)
{
    (void)state;
    world_t *w = world_new(9);
    world_live(w, 2000);
    vd_subscription_t now = from_now();
    now.credit_items = 30;
    w->consume = false;
    subscribe_now(w, &now);
    for (unsigned i = 0; i < 70; i++)
        commit_one(w); /* the credit is spent, and memory goes on */
    world_run(w, 2 * S);
    w->consume = true;
    take_some(w, w->waiting_events);
    world_settle(w, 10 * S);
    world_run(w, 10 * S);
    assert_int_equal(w->mode, VD_MODE_LIVE_ONLY);
    assert_non_null(strstr(w->trace, "+live -live +commit "));
    world_free(w);
}

static void live_alone_tells_of_what_it_lost(void **state)
{
    (void)state;
    world_t *w = world_new(10);
    world_live(w, 2000);
    vd_subscription_t now = from_now();
    now.credit_items = 30;
    now.streams = VD_STREAMS_LIVE;
    w->consume = false;
    subscribe_now(w, &now);
    for (unsigned i = 0; i < 200; i++)
        commit_one(w);
    world_run(w, 2 * S);
    w->consume = true;
    take_some(w, w->waiting_events);
    world_settle(w, 10 * S);
    assert_true(w->gap_commits >= 100);
    assert_string_equal(w->trace, "+live ");
    /* A position that memory does not hold is no reason to take commits either. */
    vd_subscription_t old = now;
    old.head = false;
    strcpy(old.position.store, w->store);
    w->expected = w->gap_commits = 0;
    world_subscribe(w, &old);
    world_settle(w, 10 * S);
    assert_true(w->gap_commits >= 200);
    assert_null(strstr(w->trace, "commit"));
    world_free(w);
}

static void commits_alone_never_take_live(void **state)
{
    (void)state;
    world_t *w = world_new(11);
    world_live(w, MIB1);
    for (unsigned i = 0; i < 300; i++)
        world_commit(w, 3, 40);
    vd_subscription_t all = {.name = "test", .streams = VD_STREAMS_COMMIT};
    world_subscribe(w, &all);
    world_settle(w, 5 * S);
    world_run(w, 10 * S);
    assert_string_equal(w->trace, "+commit ");
    assert_string_equal(w->modes, "commits_only ");
    world_free(w);
}

/* Streams that answer and bring nothing: five rounds, then every commit by request, then streams
 * again. */
static void fruitless_streams_are_given_up_for_requests(void **state)
{
    (void)state;
    world_t *w = world_new(12);
    world_live(w, MIB1);
    for (unsigned i = 0; i < 2000; i++)
        world_commit(w, 3, 40);
    vd_subscription_t all = {.name = "test", .credit_items = 500};
    w->swallow = true;
    world_subscribe(w, &all);
    world_settle(w, 60 * S);
    assert_non_null(strstr(w->modes, "commits_only(reading) "));
    assert_non_null(
        strstr(w->trace, "+commit +commit +commit -commit +commit -commit +commit -commit fetch "));
    w->swallow = false;
    commit_one(w);
    world_settle(w, 60 * S);
    world_run(w, 20 * S);
    assert_int_equal(w->mode, VD_MODE_LIVE_ONLY);
    assert_false(w->reading);
    world_free(w);
}

/* A publisher that is gone is no fruitless round. */
static void silence_is_not_fruitless(void **state)
{
    (void)state;
    world_t *w = world_new(13);
    world_live(w, MIB1);
    vd_subscription_t now = from_now();
    for (unsigned i = 0; i < 20; i++)
        world_commit(w, 3, 40);
    subscribe_now(w, &now);
    w->loss_percent = 100;
    world_run(w, 120 * S);
    for (unsigned i = 0; i < 20; i++)
        world_commit(w, 3, 40);
    world_run(w, 120 * S);
    w->loss_percent = 0;
    world_settle(w, 30 * S);
    assert_null(strstr(w->modes, "reading"));
    world_free(w);
}

/* ---- every interleaving ---- */

static void go_elsewhere(world_t *w, vd_subscription_t *wanted, unsigned dice)
{
    if (dice == 7)
        world_restart_publisher(w);
    if (dice == 8 && w->position.store[0] != 0) {
        /* Another life takes up exactly where this one stood. */
        wanted->position = w->position;
        wanted->head = false;
        world_subscribe(w, wanted);
    }
    if (dice == 9 || dice == 10) {
        vd_message_t hold = {.id = VD_MESSAGE_HOLD, .hold = {.held = dice == 9}};
        if (w->streams[0] != 0 || w->streams[1] != 0)
            world_tell(w, &hold);
    }
}

/* Bursts, pauses, small memory and credit, slow and fast application, lost, late and overtaking
 * frames, deaths of both ends: each event once, in order, and nothing missing. */
static void exchange(uint64_t seed)
{
    static const char *const globs[] = {"", "count.*", "*even"};
    world_t *w = world_new(seed);
    vd_subscription_t wanted = {.name = "test", .seed = seed};
    unsigned kind = (unsigned)(seed % 12);
    world_live(w, seed % 3 == 0 ? 3000 : 200000);
    strcpy(wanted.session, kind % 4 < 3 ? "" : world_sessions[seed % 3]);
    strcpy(wanted.type, globs[kind % 3]);
    wanted.credit_items = 20 + seed * 7 % 400;
    wanted.credit_bytes = kind % 2 ? 20000 : 0;
    wanted.knobs = vd_mode_knobs_default;
    wanted.knobs.stop_commit_sync_lag = seed % 4;
    wanted.knobs.pause_live_queue = 51 + seed % 100;
    wanted.knobs.dwell_ms = seed % 5 == 0 ? 0 : 300;
    for (unsigned s = 0; s < 3 || w->seqs[0] * w->seqs[1] * w->seqs[2] == 0; s++)
        world_commit(w, 5, 50);
    w->delay_us_max = 20000;
    w->swap_percent = 30;
    w->loss_percent = seed % 2 ? (unsigned)(seed % 12) : 0;
    world_subscribe(w, &wanted);
    for (unsigned round = 0; round < 400; round++) {
        unsigned dice = (unsigned)(vd_random_next(&w->seed) % 100);
        for (unsigned i = 0; i < (dice == 1 ? 90 : dice % 4); i++)
            world_commit(w, 1 + dice % 10, 50);
        go_elsewhere(w, &wanted, dice);
        w->consume = dice % 50 < 40;
        if (w->consume)
            take_some(w, w->waiting_events);
        world_run(w, dice * 1000);
        assert_int_equal(w->stops, 0);
    }
    w->loss_percent = 0;
    w->consume = true;
    take_some(w, w->waiting_events);
    vd_message_t go_on = {.id = VD_MESSAGE_HOLD};
    if (w->streams[0] != 0 || w->streams[1] != 0)
        world_tell(w, &go_on);
    world_settle(w, 120 * S);
    world_run(w, 10 * S);
    assert_int_equal(w->stops, 0);
    assert_int_equal(w->mode, VD_MODE_LIVE_ONLY);
    world_free(w);
}

static void each_event_once_in_every_interleaving(void **state)
{
    (void)state;
    const char *text = getenv("VEDETTE_SEED");
    uint64_t first = text != NULL ? strtoull(text, NULL, 10) : 1000;
    uint64_t count = text != NULL ? 1 : 150;
    for (uint64_t seed = first; seed < first + count; seed++) {
        printf("VEDETTE_SEED=%llu\n", (unsigned long long)seed);
        exchange(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_alone_is_enough_at_the_head),
        cmocka_unit_test(it_resumes_from_every_position),
        cmocka_unit_test(a_backlog_ends_in_live),
        cmocka_unit_test(a_filter_that_leaves_all_out_is_no_lag),
        cmocka_unit_test(a_live_stream_that_never_ends_is_left_when_it_lags),
        cmocka_unit_test(a_long_queue_pauses_live),
        cmocka_unit_test(an_operator_holds_it),
        cmocka_unit_test(a_start_that_comes_twice_grants_no_more),
        cmocka_unit_test(kicked_is_final),
        cmocka_unit_test(what_memory_lost_is_read_from_the_store),
        cmocka_unit_test(live_alone_tells_of_what_it_lost),
        cmocka_unit_test(commits_alone_never_take_live),
        cmocka_unit_test(fruitless_streams_are_given_up_for_requests),
        cmocka_unit_test(silence_is_not_fruitless),
        cmocka_unit_test(each_event_once_in_every_interleaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
