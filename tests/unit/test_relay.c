/* test_relay.c: the relay's core between a publisher and many subscribers. */
#include "relay_world.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define KIB    ((size_t)1024)
#define MIB    (KIB * KIB)

/* Behind a commit, in one, or behind its last event. */
static void subscribe_anywhere(relay_world_t *w, uint64_t *random)
{
    uint64_t index = vd_random_next(random) % w->count;
    relay_world_subscribe_at(w, index, vd_random_next(random) % (w->made[index]->events + 1));
}

/* Whatever they ask for, one stream goes up, and each has every event once. */
static void test_many_follow(void **state)
{
    relay_world_t *w = relay_world_new(1, 4 * MIB, 2 * MIB);
    (void)state;
    relay_world_commit_some(w, 50, 5, 100);
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 32; i++) {
        vd_subscription_t wanted = {.head = true};
        relay_world_subscribe(w, &wanted);
    }
    for (unsigned i = 0; i < 200; i++) {
        relay_world_commit_some(w, 3, 5, 100);
        relay_world_run(w, 3000);
    }
    relay_world_settle(w, 10 * SECOND);
    relay_world_run(w, SECOND);
    assert_int_equal(vd_publisher_subscribers(w->publisher), 1);
    assert_int_equal(vd_relay_subscribers(w->relay), 32);
    assert_int_equal(w->asked[VD_MESSAGE_FETCH], 0);
    for (uint32_t i = 0; i < w->client_count; i++)
        assert_true(w->clients[i].handed > 500);
    relay_world_free(w);
}

/* A reader that has no credit holds up nobody, and is served when it has some. */
static void test_slow_reader(void **state)
{
    relay_world_t *w = relay_world_new(5, 64 * KIB, MIB);
    (void)state;
    relay_world_commit_some(w, 400, 20, 1000);
    relay_world_run(w, SECOND);
    vd_subscription_t little = {.position = relay_world_position(w, 10, 0), .credit_items = 4};
    client_t *slow = relay_world_subscribe(w, &little);
    slow->slow = true;
    client_t *quick = relay_world_subscribe_at(w, 20, 0);
    while (!relay_world_has_all(w, quick))
        relay_world_run(w, 10000);
    assert_true(slow->handed >= 4 && slow->handed < 10);
    relay_world_consume(w, slow);
    relay_world_settle(w, 200 * SECOND);
    relay_world_free(w);
}

/* Without the publisher above, what is in memory is served; with it, everything goes on. */
static void test_origin_dies(void **state)
{
    relay_world_t *w = relay_world_new(6, 4 * MIB, MIB);
    (void)state;
    relay_world_run(w, SECOND);
    relay_world_commit_some(w, 100, 10, 300);
    relay_world_run(w, SECOND);
    client_t *old = relay_world_subscribe_at(w, 100, 0);
    relay_world_run(w, SECOND);
    relay_world_kill_origin(w);
    relay_world_run(w, 5 * SECOND);
    assert_string_not_equal(w->trouble, "");
    client_t *late = relay_world_subscribe_at(w, 5, 0);
    vd_subscription_t head = {.head = true};
    client_t *newest = relay_world_subscribe(w, &head);
    vd_subscription_t one = {.position = relay_world_position(w, 50, 0), .session = "red"};
    client_t *red = relay_world_subscribe(w, &one);
    red->next = 1;
    for (uint64_t i = 0; i < 50; i++)
        for (uint32_t r = 0; r < w->made[i]->commit.run_count; r++)
            if (vd_str_is(w->made[i]->runs[r].session, "red"))
                red->next += w->made[i]->runs[r].count;
    relay_world_settle(w, 5 * SECOND);
    assert_true(old->stops + late->stops + newest->stops + red->stops == 0);
    assert_int_equal(vd_subscriber_head(late->subscriber), 100);
    relay_world_commit_some(w, 50, 10, 300);
    relay_world_start_origin(w);
    relay_world_settle(w, 20 * SECOND);
    relay_world_run(w, SECOND);
    assert_string_equal(w->trouble, "");
    assert_int_equal(vd_relay_totals(w->relay)->resets, 0);
    relay_world_free(w);
}

/* The other end of its connections is gone without a word: the relay takes new ones, whatever it has
 * asked on the old ones. */
static void test_half_open(void **state)
{
    relay_world_t *w = relay_world_new(16, 64 * KIB, 256 * KIB);
    (void)state;
    relay_world_commit_some(w, 500, 20, 1000);
    relay_world_run(w, SECOND);
    client_t *old = relay_world_subscribe_at(w, 0, 0);
    while (old->handed == 0)
        relay_world_run(w, 100);
    assert_false(relay_world_has_all(w, old));
    relay_world_half_open(w);
    relay_world_settle(w, 20 * SECOND);
    assert_int_equal(old->stops, 0);
    /* While nothing was asked. */
    relay_world_run(w, 20 * SECOND);
    relay_world_half_open(w);
    client_t *late = relay_world_subscribe_session(w, 0, w->seqs[0] / 2);
    relay_world_commit_some(w, 10, 20, 1000);
    relay_world_settle(w, 10 * SECOND);
    assert_int_equal(old->stops + late->stops, 0);
    assert_int_equal(vd_relay_totals(w->relay)->resets, 0);
    relay_world_free(w);
}

/* Subscribers of a relay that dies go on behind the next one from their own positions. */
static void test_relay_dies(void **state)
{
    relay_world_t *w = relay_world_new(7, MIB, MIB);
    (void)state;
    relay_world_commit_some(w, 100, 10, 300);
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 32; i++)
        relay_world_subscribe_at(w, 3 * i, 0);
    for (unsigned life = 0; life < 5; life++) {
        relay_world_commit_some(w, 20, 10, 300);
        relay_world_run(w, 3000);
        relay_world_kill_relay(w);
        relay_world_commit_some(w, 20, 10, 300);
        relay_world_run(w, 10000);
        relay_world_start_relay(w);
        relay_world_run(w, 100000);
    }
    relay_world_settle(w, 60 * SECOND);
    relay_world_free(w);
}

/* A relay that was stopped goes on; nobody misses anything. */
static void test_relay_stops(void **state)
{
    relay_world_t *w = relay_world_new(8, 64 * KIB, MIB);
    (void)state;
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 8; i++)
        relay_world_subscribe_at(w, 0, 0);
    relay_world_commit_some(w, 20, 10, 300);
    relay_world_run(w, SECOND);
    w->relay_frozen = true;
    for (unsigned i = 0; i < 300; i++) {
        relay_world_commit_some(w, 2, 10, 300);
        relay_world_run(w, 100000);
    }
    w->relay_frozen = false;
    relay_world_settle(w, 60 * SECOND);
    relay_world_free(w);
}

/* When the store above went back, whose position no longer holds is told so, and the others go
 * on. */
static void test_store_goes_back(void **state)
{
    relay_world_t *w = relay_world_new(9, 4 * MIB, MIB);
    (void)state;
    relay_world_run(w, SECOND);
    relay_world_commit_some(w, 100, 5, 100);
    relay_world_run(w, SECOND);
    client_t *ahead = relay_world_subscribe_at(w, 60, 0);
    vd_subscription_t little = {.position = relay_world_position(w, 10, 0), .credit_items = 1};
    client_t *behind = relay_world_subscribe(w, &little);
    behind->slow = true;
    relay_world_run(w, SECOND);
    assert_true(relay_world_has_all(w, ahead));
    relay_world_kill_origin(w);
    relay_world_go_back(w, 50);
    relay_world_commit_some(w, 70, 5, 100);
    relay_world_start_origin(w);
    while (ahead->stops == 0)
        relay_world_run(w, 100000);
    assert_int_equal(ahead->status, VD_WENT_BACK);
    relay_world_consume(w, behind);
    relay_world_settle(w, 200 * SECOND);
    assert_int_equal(behind->stops, 0);
    assert_int_equal(vd_relay_totals(w->relay)->resets, 1);
    client_t *anew = relay_world_subscribe_at(w, 80, 0);
    relay_world_settle(w, 10 * SECOND);
    assert_int_equal(anew->stops, 0);
    relay_world_free(w);
}

/* The store above went back and grew again beyond what the relay has in memory, before the relay's own
 * stream is told: who reads older commits by asking upstream is not led into the old memory. */
static void test_goes_back_unseen(void **state)
{
    relay_world_t *w = relay_world_new(16, 64 * KIB, 2 * MIB);
    vd_subscription_t red = {.session = "red"};
    (void)state;
    relay_world_run(w, SECOND);
    relay_world_commit_some(w, 100, 20, 1000);
    relay_world_run(w, SECOND);
    relay_world_kill_origin(w);
    relay_world_go_back(w, 50);
    relay_world_commit_some(w, 70, 20, 1000);
    relay_world_start_origin(w);
    client_t *all = relay_world_subscribe_at(w, 30, 0);
    client_t *inside = relay_world_subscribe_at(w, 98, 1);
    client_t *one = relay_world_subscribe(w, &red);
    relay_world_run(w, 300000);
    assert_int_equal(vd_relay_totals(w->relay)->resets, 1);
    relay_world_settle(w, 20 * SECOND);
    assert_int_equal(all->stops + inside->stops + one->stops, 0);
    assert_int_equal(vd_relay_totals(w->relay)->resets, 1);
    relay_world_free(w);
}

static client_t *run_until_stopped(relay_world_t *w, client_t *c)
{
    int64_t end_us = w->now.mono_us + 20 * SECOND;
    while (c->stops == 0 && w->now.mono_us < end_us)
        relay_world_run(w, 10000);
    assert_int_equal(c->stops, 1);
    return c;
}

/* The relay itself stands where both histories are the same, and has read ahead in windows: what they
 * hold of the old one is given to nobody. */
static void test_goes_back_above_windows(void **state)
{
    relay_world_t *w = relay_world_new(17, 64 * KIB, 2 * MIB);
    (void)state;
    relay_world_commit_some(w, 40, 20, 1000);
    relay_world_run(w, SECOND);
    relay_world_commit_some(w, 60, 20, 1000);
    client_t *before = relay_world_subscribe_at(w, 10, 0);
    relay_world_settle(w, 10 * SECOND);
    relay_world_kill_origin(w);
    relay_world_go_back(w, 80);
    relay_world_commit_some(w, 40, 20, 1000);
    relay_world_start_origin(w);
    client_t *anew[4];
    for (unsigned i = 0; i < 4; i++)
        anew[i] = relay_world_subscribe_at(w, 82 + 3 * i, i % 2);
    relay_world_run(w, SECOND);
    run_until_stopped(w, before);
    assert_int_equal(before->status, VD_WENT_BACK);
    relay_world_settle(w, 20 * SECOND);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(anew[i]->stops, 0);
    relay_world_free(w);
}

/* What the publisher above refuses is refused here in the same words. */
static void test_refusals(void **state)
{
    relay_world_t *w = relay_world_new(10, 64 * KIB, MIB);
    (void)state;
    relay_world_commit_some(w, 200, 10, 1000);
    relay_world_run(w, SECOND);
    w->first = 50;
    client_t *c = run_until_stopped(w, relay_world_subscribe_at(w, 10, 0));
    assert_int_equal(c->status, VD_PRUNED);
    assert_non_null(strstr(c->text, "commits before 50 are pruned"));
    vd_subscription_t wrong = {.position = relay_world_position(w, 100, 0)};
    wrong.position.chain++;
    assert_int_equal(run_until_stopped(w, relay_world_subscribe(w, &wrong))->status, VD_WENT_BACK);
    vd_subscription_t beyond = {.position = relay_world_position(w, 200, 0)};
    beyond.position.index = 300;
    assert_int_equal(run_until_stopped(w, relay_world_subscribe(w, &beyond))->status, VD_WENT_BACK);
    vd_subscription_t other = {.position = relay_world_position(w, 100, 0)};
    other.position.store[0] = 'f';
    assert_int_equal(run_until_stopped(w, relay_world_subscribe(w, &other))->status, VD_WENT_BACK);
    vd_subscription_t nobody = {.session = "nobody"};
    assert_int_equal(run_until_stopped(w, relay_world_subscribe(w, &nobody))->status,
                     VD_UNKNOWN_SESSION);
    /* Right before what is held is good. */
    client_t *good = relay_world_subscribe_at(w, 49, 0);
    relay_world_settle(w, 60 * SECOND);
    assert_int_equal(good->stops, 0);
    snprintf(w->pruned, sizeof w->pruned, "green");
    assert_int_equal(run_until_stopped(w, relay_world_subscribe_session(w, 1, 0))->status,
                     VD_PRUNED);
    relay_world_free(w);
}

/* A range that is gone is pruned while it is read: its readers are told. */
static void test_pruned_meanwhile(void **state)
{
    relay_world_t *w = relay_world_new(11, 64 * KIB, MIB);
    (void)state;
    relay_world_commit_some(w, 1000, 20, 1000);
    relay_world_run(w, SECOND);
    vd_subscription_t little = {.position = relay_world_position(w, 10, 0), .credit_items = 50};
    client_t *slow = relay_world_subscribe(w, &little);
    slow->slow = true;
    relay_world_run(w, SECOND);
    assert_true(slow->handed > 0);
    w->first = 900;
    client_t *others[4];
    for (unsigned i = 0; i < 4; i++)
        others[i] = relay_world_subscribe_at(w, 900 + i, 0);
    relay_world_run(w, 3 * SECOND);
    relay_world_consume(w, slow);
    run_until_stopped(w, slow);
    assert_int_equal(slow->status, VD_PRUNED);
    relay_world_settle(w, 20 * SECOND);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(others[i]->stops, 0);
    relay_world_free(w);
}

/* What is absent above is named here, from memory and from windows. */
static void test_absent(void **state)
{
    relay_world_t *w = relay_world_new(12, 4 * MIB, MIB);
    (void)state;
    relay_world_commit_some(w, 40, 5, 100);
    relay_world_run(w, SECOND);
    uint64_t gone = 0;
    for (uint64_t i = 20; i < 60; i++) {
        if (i >= 40)
            relay_world_commit(w, 5, 100);
        vd_commit_run_t *run = &w->made[i]->runs[0];
        if (w->made[i]->commit.run_count == 0)
            continue;
        run->absent = i % 2 ? VD_PRUNED : VD_CORRUPT;
        run->digest = i % 2 ? vd_run_digest(0, run->run) : 0;
        run->run = vd_bytes(NULL, 0);
        gone += run->count;
    }
    w->corrupt = 10;
    relay_world_run(w, SECOND);
    for (unsigned i = 0; i < 4; i++)
        relay_world_subscribe_at(w, 3, 0);
    relay_world_settle(w, 30 * SECOND);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(w->clients[i].absent, gone);
        assert_int_equal(w->clients[i].lost, 1);
    }
    w->corrupt = w->count + 1;
    relay_world_commit_some(w, 3, 5, 100);
    relay_world_settle(w, 10 * SECOND);
    relay_world_subscribe_at(w, w->count - 3, 0);
    relay_world_settle(w, 10 * SECOND);
    assert_int_equal(w->clients[4].lost, 1);
    relay_world_free(w);
}

/* Other requests are handed on; without the publisher above they are answered clearly. */
static void test_requests(void **state)
{
    relay_world_t *w = relay_world_new(13, MIB, MIB);
    (void)state;
    relay_world_commit_some(w, 10, 5, 100);
    relay_world_run(w, SECOND);
    client_t *c = relay_world_subscribe_at(w, 0, 0);
    vd_message_t sessions = {.id = VD_MESSAGE_SESSIONS, .correlation = 77};
    relay_world_send(w, c, &sessions);
    relay_world_run(w, 10000);
    assert_int_equal(w->answer_id, VD_MESSAGE_SESSION_ROWS);
    assert_int_equal(w->answer_correlation, 77);
    vd_message_t load = {.id = VD_MESSAGE_LOAD_POSITION, .correlation = 78};
    load.load_position.name = vd_str("somebody");
    relay_world_send(w, c, &load);
    relay_world_run(w, 10000);
    assert_int_equal(w->answer_correlation, 78);
    assert_int_equal(w->answer_status, VD_NOT_FOUND);
    vd_message_t query = {.id = VD_MESSAGE_SHUTDOWN, .correlation = 79};
    relay_world_send(w, c, &query);
    relay_world_run(w, 10000);
    assert_int_equal(w->answer_correlation, 79);
    assert_int_equal(w->answer_status, VD_UNSUPPORTED);
    relay_world_kill_origin(w);
    sessions.correlation = 80;
    relay_world_send(w, c, &sessions);
    relay_world_send(w, c, &sessions); /* a client that hears nothing sends again */
    relay_world_run(w, 4 * SECOND);
    assert_int_equal(w->answer_correlation, 79);
    relay_world_run(w, 2 * SECOND);
    assert_int_equal(w->answer_correlation, 80);
    assert_int_equal(w->answer_status, VD_NOT_READY);
    relay_world_free(w);
}

/* A peer cannot fill the table of what is asked upstream. */
static void test_one_peer_asks_too_much(void **state)
{
    relay_world_t *w = relay_world_new(14, MIB, MIB);
    (void)state;
    relay_world_run(w, SECOND);
    client_t *c = relay_world_subscribe_at(w, 0, 0);
    relay_world_kill_origin(w);
    for (uint64_t i = 0; i < 100; i++) {
        vd_message_t sessions = {.id = VD_MESSAGE_SESSIONS, .correlation = 100 + i};
        relay_world_send(w, c, &sessions);
    }
    relay_world_run(w, 10000);
    assert_int_equal(w->answer_correlation, 199);
    assert_int_equal(w->answer_status, VD_OVERLOADED);
    relay_world_free(w);
}

/* Losses, deaths and stops at random, large and small commits: each has every event once. */
static void test_random(void **state)
{
    (void)state;
    const char *wish = getenv("VEDETTE_SEED");
    uint64_t first = wish != NULL ? strtoull(wish, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (wish != NULL ? 1 : 12); seed++) {
        uint64_t random = seed * 7919;
        print_message("seed %llu\n", (unsigned long long)seed);
        relay_world_t *w = relay_world_new(seed, 256 * KIB, MIB);
        relay_world_commit_some(w, 60, 10, 2000);
        relay_world_run(w, SECOND);
        w->loss_percent = (unsigned)(seed % 4);
        for (unsigned turn = 0; turn < 120; turn++) {
            uint64_t dice = vd_random_next(&random) % 100;
            if (dice < 20 && w->client_count < 20)
                subscribe_anywhere(w, &random);
            else if (dice < 25 && w->client_count < 20 && w->seqs[dice % 3] > 0)
                relay_world_subscribe_session(w, (unsigned)(dice % 3),
                                              1 + vd_random_next(&random) % w->seqs[dice % 3]);
            else if (dice < 30 && w->origin_up)
                relay_world_kill_origin(w);
            else if (dice < 40 && !w->origin_up)
                relay_world_start_origin(w);
            else if (dice < 43 && w->relay_up)
                relay_world_kill_relay(w);
            else if (dice < 55 && !w->relay_up)
                relay_world_start_relay(w);
            else if (dice < 60)
                w->relay_frozen = !w->relay_frozen && w->relay_up;
            relay_world_commit_some(w, (unsigned)(dice % 4), dice > 90 ? 300 : 10, 2000);
            relay_world_run(w, (int64_t)(vd_random_next(&random) % 600000));
            assert_true(w->relay == NULL || vd_relay_windows_bytes(w->relay) <= 8 * MIB);
        }
        w->relay_frozen = false;
        if (!w->origin_up)
            relay_world_start_origin(w);
        if (!w->relay_up)
            relay_world_start_relay(w);
        relay_world_run(w, 15 * SECOND);
        w->loss_percent = 0;
        relay_world_settle(w, 300 * SECOND);
        for (uint32_t i = 0; i < w->client_count; i++)
            assert_int_equal(w->clients[i].stops, 0);
        relay_world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_follow),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_origin_dies),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_relay_dies),
        cmocka_unit_test(test_relay_stops),
        cmocka_unit_test(test_store_goes_back),
        cmocka_unit_test(test_goes_back_unseen),
        cmocka_unit_test(test_goes_back_above_windows),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_pruned_meanwhile),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_one_peer_asks_too_much),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
