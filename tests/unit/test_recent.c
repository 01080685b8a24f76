/* test_recent.c: the memory of recent commits: what is held, what is pushed out, two threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/recent.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define STORE "0123456789abcdef"

enum { EVENTS = 3 };

/* A commit with one run of EVENTS events, each of `size` bytes of data, and on demand an absent
 * run. */
typedef struct made {
    vd_commit_t commit;
    vd_commit_run_t runs[2];
    vd_buffer_t bytes;
    uint64_t event_bytes;
} made_t;

static void make(made_t *made, uint64_t index, size_t size, bool absent)
{
    static uint8_t filling[1 << 20];
    vd_buffer_t event, data;
    vd_buffer_init(&made->bytes, 1 << 24);
    vd_buffer_init(&event, 1 << 22);
    vd_buffer_init(&data, 1 << 22);
    made->event_bytes = 0;
    for (int i = 0; i < EVENTS; i++) {
        vd_buffer_clear(&event);
        vd_buffer_clear(&data);
        filling[0] = (uint8_t)index;
        vd_write_bin(&data, vd_bytes(filling, size));
        vd_event_write(&event, 1700000000000, vd_str("count.up"), vd_buffer_view(&data),
                       vd_str(""));
        assert_true(vd_run_add(&made->bytes, vd_buffer_view(&event)));
        made->event_bytes += event.size;
    }
    vd_buffer_free(&event);
    vd_buffer_free(&data);
    made->runs[0] = (vd_commit_run_t){.session = vd_str("red"),
                                      .first_seq = EVENTS * (index - 1) + 1,
                                      .count = EVENTS,
                                      .run = vd_buffer_view(&made->bytes)};
    made->runs[1] = (vd_commit_run_t){.session = vd_str("green"),
                                      .at = EVENTS,
                                      .first_seq = index,
                                      .count = 1,
                                      .absent = VD_PRUNED,
                                      .digest = 77};
    made->commit = (vd_commit_t){.index = index,
                                 .time_ms = 1700000000000,
                                 .epoch = 1,
                                 .chain = (uint32_t)index * 7,
                                 .run_count = absent ? 2 : 1,
                                 .runs = made->runs};
}

static bool add(vd_recent_t *recent, uint64_t index, size_t size)
{
    made_t made;
    make(&made, index, size, false);
    bool held = vd_recent_add(recent, &made.commit);
    vd_buffer_free(&made.bytes);
    return held;
}

static void test_holds_what_was_added(void **state)
{
    (void)state;
    made_t made;
    vd_stream_tail_t tail;
    uint32_t chain = 0;
    vd_recent_t *recent = vd_recent_new(1 << 20);
    vd_recent_begin(recent, STORE, 4, 28);
    vd_recent_tail(recent, &tail);
    assert_string_equal(tail.store, STORE);
    assert_int_equal(tail.first, 0);
    assert_int_equal(tail.head, 4);
    assert_int_equal(tail.chain, 28);
    make(&made, 5, 100, true);
    assert_true(vd_recent_add(recent, &made.commit));
    vd_recent_tail(recent, &tail);
    assert_int_equal(tail.first, 5);
    assert_int_equal(tail.head, 5);
    assert_int_equal(tail.chain, 35);
    assert_int_equal(vd_recent_chain(recent, 3, &chain), VD_PRUNED);
    assert_int_equal(vd_recent_chain(recent, 4, &chain), VD_OK);
    assert_int_equal(chain, 28);
    assert_int_equal(vd_recent_chain(recent, 5, &chain), VD_OK);
    assert_int_equal(chain, 35);
    assert_int_equal(vd_recent_chain(recent, 6, &chain), VD_NOT_FOUND);
    assert_null(vd_recent_take(recent, 4));
    assert_null(vd_recent_take(recent, 6));

    /* The bytes are those of the wire, and the decoded commit is the one that was added. */
    vd_buffer_t wire;
    vd_buffer_init(&wire, 1 << 20);
    vd_commit_write(&wire, &made.commit);
    const vd_recent_commit_t *held = vd_recent_take(recent, 5);
    assert_non_null(held);
    assert_true(vd_bytes_equal(vd_shared_view(held->bytes), vd_buffer_view(&wire)));
    assert_int_equal(held->events, EVENTS);
    assert_int_equal(held->event_bytes, made.event_bytes);
    assert_int_equal(held->commit.run_count, 2);
    vd_buffer_clear(&wire);
    vd_commit_write(&wire, &held->commit);
    assert_true(vd_bytes_equal(vd_shared_view(held->bytes), vd_buffer_view(&wire)));
    assert_int_equal(held->commit.runs[1].absent, VD_PRUNED);
    assert_true(held->commit.runs[0].run.data != made.runs[0].run.data);
    vd_recent_release(&held);
    assert_null(held);
    vd_buffer_free(&wire);
    vd_buffer_free(&made.bytes);
    vd_recent_destroy(&recent);
    assert_null(recent);
    vd_recent_destroy(&recent);
}

static void test_bounded_by_bytes(void **state)
{
    (void)state;
    const size_t bytes_max = 64 * 1024;
    vd_stream_tail_t tail;
    uint32_t chain = 0;
    vd_recent_t *recent = vd_recent_new(bytes_max);
    vd_recent_begin(recent, STORE, 0, 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_true(add(recent, i, 200));
        assert_true(vd_recent_bytes(recent) <= bytes_max);
    }
    vd_recent_tail(recent, &tail);
    assert_int_equal(tail.head, 1000);
    assert_true(tail.first > 800 && tail.first < 1000);
    assert_true(vd_recent_bytes(recent) > bytes_max / 2);
    assert_null(vd_recent_take(recent, tail.first - 1));
    assert_int_equal(vd_recent_chain(recent, tail.first - 1, &chain), VD_OK);
    assert_int_equal(chain, (uint32_t)(tail.first - 1) * 7);
    assert_int_equal(vd_recent_chain(recent, tail.first - 2, &chain), VD_PRUNED);
    for (uint64_t i = tail.first; i <= 1000; i++) {
        const vd_recent_commit_t *held = vd_recent_take(recent, i);
        assert_int_equal(held->commit.index, i);
        vd_recent_release(&held);
    }
    vd_recent_destroy(&recent);
}

static void test_small_commits_are_bounded_too(void **state)
{
    (void)state;
    vd_stream_tail_t tail;
    vd_recent_t *recent = vd_recent_new(4096);
    const vd_commit_t none = {.index = 1};
    vd_recent_begin(recent, STORE, 0, 0);
    for (uint64_t i = 1; i <= 500; i++) {
        vd_commit_t bare = none;
        bare.index = i;
        assert_true(vd_recent_add(recent, &bare));
    }
    vd_recent_tail(recent, &tail);
    assert_int_equal(tail.head, 500);
    assert_true(tail.first > 400);
    vd_recent_destroy(&recent);
}

static void test_what_does_not_follow_begins_anew(void **state)
{
    (void)state;
    vd_stream_tail_t tail;
    uint32_t chain;
    vd_recent_t *recent = vd_recent_new(1 << 20);
    vd_recent_begin(recent, STORE, 0, 0);
    assert_true(add(recent, 1, 10));
    assert_true(add(recent, 2, 10));
    assert_true(add(recent, 9, 10));
    vd_recent_tail(recent, &tail);
    assert_int_equal(tail.first, 9);
    assert_int_equal(tail.head, 9);
    assert_int_equal(vd_recent_chain(recent, 8, &chain), VD_PRUNED);
    assert_null(vd_recent_take(recent, 2));
    vd_recent_begin(recent, "fedcba9876543210", 12, 84);
    vd_recent_tail(recent, &tail);
    assert_string_equal(tail.store, "fedcba9876543210");
    assert_int_equal(tail.first, 0);
    assert_int_equal(tail.head, 12);
    assert_int_equal(vd_recent_bytes(recent), 0);
    vd_recent_destroy(&recent);
}

static void test_too_large_is_not_held(void **state)
{
    (void)state;
    vd_stream_tail_t tail;
    vd_recent_t *recent = vd_recent_new(32 * 1024);
    vd_recent_begin(recent, STORE, 0, 0);
    assert_true(add(recent, 1, 10));
    assert_false(add(recent, 2, 100000));
    vd_recent_tail(recent, &tail);
    assert_int_equal(tail.first, 0);
    assert_int_equal(tail.head, 2);
    assert_int_equal(tail.chain, 14);
    assert_true(add(recent, 3, 10));
    vd_recent_tail(recent, &tail);
    assert_int_equal(tail.first, 3);
    vd_recent_destroy(&recent);
}

static void test_taken_outlives_the_memory(void **state)
{
    (void)state;
    vd_recent_t *recent = vd_recent_new(16 * 1024);
    vd_recent_begin(recent, STORE, 0, 0);
    assert_true(add(recent, 1, 100));
    const vd_recent_commit_t *held = vd_recent_take(recent, 1);
    vd_shared_t *bytes = vd_shared_hold(held->bytes);
    for (uint64_t i = 2; i < 200; i++)
        add(recent, i, 500);
    assert_null(vd_recent_take(recent, 1));
    assert_int_equal(held->commit.index, 1);
    assert_true(vd_str_is(held->commit.runs[0].session, "red"));
    vd_recent_destroy(&recent);
    vd_recent_release(&held);
    assert_true(bytes->size > 3 * 100);
    vd_shared_release(&bytes);
    assert_null(bytes);
}

/* ---- two threads ---- */

enum { COMMITS = 20000 };

typedef struct pair {
    vd_recent_t *recent;
    atomic_bool ended;
    uint64_t seen;
    uint64_t wrong; /* told by the thread that began the other: only there asserts work */
} pair_t;

static void *read_on(void *arg)
{
    pair_t *pair = arg;
    uint64_t next = 1;
    while (next <= COMMITS) {
        vd_stream_tail_t tail;
        bool ended = atomic_load(&pair->ended);
        vd_recent_tail(pair->recent, &tail);
        const vd_recent_commit_t *held = vd_recent_take(pair->recent, next);
        if (held == NULL && next > tail.head && !ended) {
            sched_yield();
            continue;
        }
        if (held == NULL) {
            pair->wrong += next > tail.head;
            next++; /* it was too late for this one */
            continue;
        }
        vd_bytes_t rest = vd_shared_view(held->bytes);
        vd_commit_t commit;
        vd_commit_run_t runs[2];
        if (vd_commit_next(&rest, &commit, runs, 2) != VD_OK || commit.index != next ||
            held->commit.index != next)
            pair->wrong++;
        vd_recent_release(&held);
        pair->seen++;
        next++;
    }
    return NULL;
}

static void test_one_writes_one_reads(void **state)
{
    (void)state;
    pthread_t reader;
    pair_t pair = {.recent = vd_recent_new(64 * 1024)};
    made_t made;
    vd_recent_begin(pair.recent, STORE, 0, 0);
    make(&made, 1, 50, true);
    assert_int_equal(pthread_create(&reader, NULL, read_on, &pair), 0);
    for (uint64_t i = 1; i <= COMMITS; i++) {
        made.commit.index = i;
        assert_true(vd_recent_add(pair.recent, &made.commit));
    }
    atomic_store(&pair.ended, true);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_true(pair.seen > 0);
    assert_int_equal(pair.wrong, 0);
    vd_buffer_free(&made.bytes);
    vd_recent_destroy(&pair.recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_what_was_added),
        cmocka_unit_test(test_bounded_by_bytes),
        cmocka_unit_test(test_small_commits_are_bounded_too),
        cmocka_unit_test(test_what_does_not_follow_begins_anew),
        cmocka_unit_test(test_too_large_is_not_held),
        cmocka_unit_test(test_taken_outlives_the_memory),
        cmocka_unit_test(test_one_writes_one_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
