/* test_relay_past.c: what a relay serves that it has no more in memory: old positions, by windows. */
#include "relay_world.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define KIB    ((size_t)1024)
#define MIB    (KIB * KIB)

/* Old positions are served through a cache that is far smaller than what is read. */
static void test_old_positions(void **state)
{
    relay_world_t *w = relay_world_new(2, 64 * KIB, MIB);
    (void)state;
    relay_world_commit_some(w, 1000, 20, 1000);
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 24; i++)
        relay_world_subscribe_at(w, 40 * i, 0);
    vd_subscription_t first = {0};
    relay_world_subscribe(w, &first);
    for (unsigned s = 0; s < 3; s++) {
        relay_world_subscribe_session(w, s, 0);
        relay_world_subscribe_session(w, s, w->seqs[s] / 2);
        relay_world_subscribe_session(w, s, w->seqs[s] + 1);
    }
    for (unsigned i = 0; i < 50; i++) {
        relay_world_commit_some(w, 2, 20, 1000);
        relay_world_run(w, 5000);
        assert_true(vd_relay_windows_bytes(w->relay) <= 2 * MIB);
        assert_true(vd_relay_recent_bytes(w->relay) <= 64 * KIB);
    }
    relay_world_settle(w, 120 * SECOND);
    assert_true(w->asked[VD_MESSAGE_FETCH] > 10);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 1);
    relay_world_run(w, 40 * SECOND);
    assert_int_equal(vd_relay_windows_bytes(w->relay), 0);
    relay_world_free(w);
}

/* Positions in the midst of an old commit, and behind its last event, of which nothing is left then. */
static void test_old_positions_inside(void **state)
{
    relay_world_t *w = relay_world_new(21, 64 * KIB, MIB);
    (void)state;
    relay_world_commit_some(w, 600, 20, 1000);
    relay_world_run(w, SECOND);
    for (uint64_t index = 0; index < 20 * 25; index += 25) {
        uint64_t events = w->made[index]->events;
        relay_world_subscribe_at(w, index, events);
        relay_world_subscribe_at(w, index, (events + 1) / 2);
    }
    relay_world_settle(w, 120 * SECOND);
    assert_true(w->asked[VD_MESSAGE_FETCH] > 10);
    for (uint32_t i = 0; i < w->client_count; i++)
        assert_int_equal(w->clients[i].stops, 0);
    relay_world_free(w);
}

/* A filter that leaves everything out goes over more than the cache holds, and is told the end. */
static void test_filter_leaves_all_out(void **state)
{
    relay_world_t *w = relay_world_new(15, 64 * KIB, MIB);
    (void)state;
    relay_world_commit_some(w, 1000, 20, 1000);
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 4; i++) {
        vd_subscription_t wanted = {.type = "nothing.*"};
        snprintf(wanted.session, sizeof wanted.session, "%s", i < 3 ? relay_sessions[i] : "");
        relay_world_subscribe(w, &wanted);
    }
    relay_world_settle(w, 20 * SECOND);
    for (uint32_t i = 0; i < w->client_count; i++)
        assert_int_equal(w->clients[i].handed, 0);
    relay_world_free(w);
}

/* The same windows serve all who read at the same place. */
static void test_windows_are_shared(void **state)
{
    relay_world_t *w = relay_world_new(3, 64 * KIB, 8 * MIB);
    (void)state;
    relay_world_commit_some(w, 500, 20, 1000);
    relay_world_run(w, SECOND);
    relay_world_subscribe_at(w, 0, 0);
    relay_world_settle(w, 60 * SECOND);
    uint64_t alone = w->asked[VD_MESSAGE_FETCH];
    relay_world_kill_relay(w);
    relay_world_start_relay(w);
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 20; i++)
        relay_world_subscribe_at(w, 0, 0);
    relay_world_settle(w, 60 * SECOND);
    assert_true(alone > 5);
    assert_true(w->asked[VD_MESSAGE_FETCH] - alone < 2 * alone);
    relay_world_free(w);
}

/* A commit that no frame can hold comes in pieces and is put together, above and in windows; and a
 * position may be inside it. */
static void test_large_commits(void **state)
{
    relay_world_t *w = relay_world_new(4, 16 * MIB, 4 * MIB);
    (void)state;
    relay_world_commit_some(w, 5, 4, 100);
    relay_world_commit_some(w, 12, 400, 4000);
    relay_world_run(w, SECOND);
    for (uint64_t index = 0; index < 17; index++) {
        const made_t *made = w->made[index];
        relay_world_subscribe_at(w, index, made->events / 2);
        relay_world_subscribe_at(w, index, 0);
    }
    for (unsigned s = 0; s < 3; s++)
        relay_world_subscribe_session(w, s, w->seqs[s] / 3);
    for (unsigned i = 0; i < 5; i++) {
        relay_world_commit(w, 400, 4000);
        relay_world_run(w, 20000);
    }
    relay_world_settle(w, 120 * SECOND);
    assert_true(vd_relay_totals(w->relay)->commits >= 5);
    assert_int_equal(vd_relay_totals(w->relay)->resets, 0);
    relay_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_positions),         cmocka_unit_test(test_old_positions_inside),
        cmocka_unit_test(test_filter_leaves_all_out), cmocka_unit_test(test_windows_are_shared),
        cmocka_unit_test(test_large_commits),
    };
    return cmocka_run_group_tests_name("relay_past", tests, NULL, NULL);
}
