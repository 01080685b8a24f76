/* test_publisher_bounds.c: what one peer can have of a publisher's memory, and one step of its time,
 * whatever it grants and asks. */
#include "publisher_world.h"

#include <stdio.h>

#define MUCH      ((size_t)64 * 1024 * 1024)
#define SOME      ((size_t)1024 * 1024)
#define BYTES_MAX 100000u

static world_t *bounded_world(void)
{
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.bytes_max = BYTES_MAX;
    return world_new(MUCH, &knobs);
}

static uint64_t sent_bytes(const world_t *w)
{
    return vd_publisher_totals(w->publisher)->event_bytes;
}

static void grant(world_t *w, uint64_t correlation, size_t unsent)
{
    w->unsent = unsent;
    world_credit(w, "ann", correlation, 1000000, 1000000000, "");
    world_pass(w, 1000);
}

static void test_both_streams_of_a_peer_have_one_bound(void **state)
{
    (void)state;
    world_t *w = bounded_world();
    world_live(w, "ann", 6);
    world_commits(w, 300, 1, 500);
    world_grown(w);
    uint64_t live = sent_bytes(w);
    assert_in_range(live, BYTES_MAX, BYTES_MAX + 1000);
    vd_start_body_t start = {.items = 1000000, .bytes = 1000000000};
    w->unsent = live;
    world_start(w, "ann", 5, &start);
    world_pass(w, 1000);
    assert_int_equal(sent_bytes(w), live);
    w->unsent = live - 50000;
    grant(w, 5, live - 50000);
    assert_in_range(sent_bytes(w) - live, 49000, 51000);
    world_free(w);
}

/* Signs of life are no proof of reading: what still waits for a peer counts, however often it grants
 * or begins anew. */
static void test_who_grants_and_does_not_read_gets_no_more(void **state)
{
    (void)state;
    world_t *w = bounded_world();
    world_commits(w, 3000, 1, 500);
    world_replay(w, "ann", 5);
    uint64_t first = sent_bytes(w);
    for (unsigned i = 0; i < 20; i++)
        grant(w, 5, first);
    assert_int_equal(sent_bytes(w), first);
    vd_start_body_t start = {.items = 1000000, .bytes = 1000000000};
    for (uint64_t i = 0; i < 20; i++)
        world_start(w, "ann", 10 + i, &start);
    assert_int_equal(sent_bytes(w), first);
    /* It reads: what it has read may be sent again, and at last everything is. */
    for (unsigned i = 0; i < 2000 && world_events(w, "ann", 29) < 4000; i++)
        grant(w, 29, 0);
    assert_int_equal(world_events(w, "ann", 29), 4000);
    world_free(w);
}

static void fetch(world_t *w, size_t unsent)
{
    vd_message_t message = {.id = VD_MESSAGE_FETCH, .correlation = 9};
    w->unsent = unsent;
    world_send(w, PORT_READ, "ann", &message);
}

static void test_a_fetch_waits_until_its_peer_has_read(void **state)
{
    (void)state;
    world_t *w = bounded_world();
    world_commits(w, 100, 1, 500);
    fetch(w, BYTES_MAX - 1);
    assert_int_equal(world_count(w, "ann", 9, VD_MESSAGE_COMMITS), 1);
    fetch(w, BYTES_MAX);
    assert_int_equal(world_count(w, "ann", 9, VD_MESSAGE_COMMITS), 1);
    const vd_error_body_t *error = &world_last(w, "ann", 9, VD_MESSAGE_ERROR)->message.error;
    assert_true(vd_str_is(error->status, "overloaded"));
    fetch(w, 0);
    assert_int_equal(world_count(w, "ann", 9, VD_MESSAGE_COMMITS), 2);
    world_free(w);
}

/* What a FETCH was answered with takes room from the streams of its peer. */
static void test_what_was_fetched_counts(void **state)
{
    (void)state;
    world_t *w = bounded_world();
    world_commits(w, 120, 1, 500);
    world_live(w, "ann", 6);
    fetch(w, 0);
    assert_in_range(w->step_bytes, 70000, BYTES_MAX);
    size_t fetched = w->step_bytes;
    world_commits(w, 300, 1, 500);
    world_grown(w);
    assert_in_range(sent_bytes(w), BYTES_MAX - fetched - 1000, BYTES_MAX - fetched + 1000);
    world_free(w);
}

/* Many readers of large events do not hold the loop: the rest of them has its turn in the next
 * step. */
static void test_live_goes_out_in_steps_of_a_bounded_size(void **state)
{
    (void)state;
    enum { READERS = 200, EVENT = 100000 };
    world_t *w = world_new(MUCH, NULL);
    char name[16];
    for (unsigned i = 0; i < READERS; i++) {
        snprintf(name, sizeof name, "peer%u", i);
        world_live(w, name, 6);
    }
    for (unsigned round = 1; round <= 3; round++) {
        world_commit(w, 2, EVENT);
        world_grown(w);
        assert_in_range(w->step_bytes, 1, vd_publisher_knobs_default.live_bytes_max + 3 * EVENT);
        assert_true(w->due_us[1] <= w->now.mono_us);
        world_pass(w, 0);
        for (unsigned i = 0; i < READERS; i++) {
            snprintf(name, sizeof name, "peer%u", i);
            assert_int_equal(world_events(w, name, 6), 2 * round + round / 3);
        }
    }
    world_free(w);
}

static void test_a_replay_rests_while_live_events_go_out(void **state)
{
    (void)state;
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.replay_bytes_per_s_max = 1000000;
    world_t *w = world_new(SOME, &knobs);
    world_commits(w, 3000, 1, 1000); /* memory holds a third of them */
    world_live(w, "new", 6);
    world_commit(w, 1, 100);
    world_grown(w);
    world_replay(w, "old", 5);
    size_t size = world_last(w, "old", 5, VD_MESSAGE_COMMITS)->message.payload.size;
    /* Neither what is new nor credit ends the rest, and who reads from memory has none. */
    world_commit(w, 1, 100);
    world_grown(w);
    vd_start_body_t start = {.items = 1000000, .bytes = 1000000000};
    world_credit(w, "old", 5, start.items, 2 * start.bytes, "");
    world_position(w, 2990, &start);
    world_start(w, "near", 7, &start);
    world_pass(w, (int64_t)size - 10000);
    assert_int_equal(world_count(w, "new", 6, VD_MESSAGE_COMMITS), 2);
    assert_int_equal(world_count(w, "old", 5, VD_MESSAGE_COMMITS), 1);
    assert_int_equal(world_last(w, "near", 7, VD_MESSAGE_COMMITS)->message.commits.index, 3002);
    /* It has all the machine when no live events go out. */
    world_pass(w, 30000);
    assert_int_equal(world_last(w, "old", 5, VD_MESSAGE_COMMITS)->message.commits.index, 3002);
    world_free(w);
}

/* Were the rate for all together, none of many would catch up with what is written meanwhile. */
static void test_replays_rest_each_by_itself(void **state)
{
    (void)state;
    enum { REPLAYS = 20, STEP_US = 10000, S_US = 1000000 };
    vd_publisher_knobs_t knobs = vd_publisher_knobs_default;
    knobs.replay_bytes_per_s_max = 1000000;
    world_t *w = world_new(SOME, &knobs);
    world_commits(w, 3000, 1, 1000);
    world_live(w, "new", 6);
    world_commit(w, 1, 100);
    world_grown(w);
    for (uint64_t r = 0; r < REPLAYS; r++) {
        char name[16];
        snprintf(name, sizeof name, "old-%u", (unsigned)r);
        world_replay(w, name, 10 + r);
    }
    for (int64_t at = 0; at < S_US; at += STEP_US) {
        world_commit(w, 1, 100);
        world_grown(w);
        world_pass(w, STEP_US);
    }
    for (uint64_t r = 0; r < REPLAYS; r++) {
        char name[16];
        snprintf(name, sizeof name, "old-%u", (unsigned)r);
        uint64_t index = world_last(w, name, 10 + r, VD_MESSAGE_COMMITS)->message.commits.index;
        assert_true(index > 500 && index < 1500); /* commits of 1000 bytes, with the first frame */
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_streams_of_a_peer_have_one_bound),
        cmocka_unit_test(test_who_grants_and_does_not_read_gets_no_more),
        cmocka_unit_test(test_a_fetch_waits_until_its_peer_has_read),
        cmocka_unit_test(test_what_was_fetched_counts),
        cmocka_unit_test(test_live_goes_out_in_steps_of_a_bounded_size),
        cmocka_unit_test(test_a_replay_rests_while_live_events_go_out),
        cmocka_unit_test(test_replays_rest_each_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
