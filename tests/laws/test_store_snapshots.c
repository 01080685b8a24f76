/* test_store_snapshots.c: laws of the states of observers that a store keeps. */
#include "tests/laws/faulty_store.h"
#include "tests/laws/store_fixture.h"

#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"a", "a/b"};

/* The state of an observer behind commit `index`, and `offset` events of the next one. */
static vd_store_snapshot_t snapshot_of(const fixture_t *f, const char *session,
                                       const char *observer, uint64_t index, uint64_t offset)
{
    uint64_t touched = index + (offset > 0 ? 1 : 0);
    vd_store_snapshot_t snapshot = {.version = 1,
                                    .index = index,
                                    .offset = offset,
                                    .chain = touched > 0 ? f->commits[touched - 1]->chain : 0,
                                    .seq = index * 10,
                                    .cycle = index + 5,
                                    .at_ms = 1700000000000 + (int64_t)index * 100,
                                    .saved_ms = 1800000000000 + (int64_t)index};
    snprintf(snapshot.session, sizeof snapshot.session, "%s", session);
    snprintf(snapshot.observer, sizeof snapshot.observer, "%s", observer);
    return snapshot;
}

/* What such a state consists of. */
static vd_bytes_t state_of(const vd_store_snapshot_t *snapshot, uint8_t bytes[4096])
{
    size_t size = 1 + (size_t)(snapshot->index * 397 % 4096);
    for (size_t i = 0; i < size; i++)
        bytes[i] =
            (uint8_t)(i + snapshot->index + snapshot->offset + (uint8_t)snapshot->observer[0]);
    return vd_bytes(bytes, size);
}

static vd_status_t save_keeping(fixture_t *f, const vd_store_snapshot_t *snapshot, uint32_t keep)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    uint8_t bytes[4096];
    vd_status_t status = vd_store_save_snapshot(f->store, snapshot, state_of(snapshot, bytes), keep,
                                                error, sizeof error);
    assert_int_equal(status == VD_OK, error[0] == 0);
    return status;
}

static vd_status_t save(fixture_t *f, const char *session, const char *observer, uint64_t index)
{
    vd_store_snapshot_t snapshot = snapshot_of(f, session, observer, index, 0);
    return save_keeping(f, &snapshot, 0);
}

/* The index of what is found, which is whole and as it was saved; 0: nothing. */
static uint64_t load(fixture_t *f, const vd_store_snapshot_ask_t *ask)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    uint8_t bytes[4096];
    vd_store_snapshot_t found;
    vd_buffer_t state;
    vd_buffer_init(&state, VD_STATE_BYTES_MAX);
    vd_status_t status = vd_store_load_snapshot(f->store, ask, &found, &state, error, sizeof error);
    assert_string_equal(error, "");
    if (status == VD_OK) {
        vd_store_snapshot_t given =
            snapshot_of(f, ask->session, ask->observer, found.index, found.offset);
        vd_bytes_t is = state_of(&given, bytes);
        assert_string_equal(found.session, given.session);
        assert_string_equal(found.observer, given.observer);
        assert_int_equal(found.chain, given.chain);
        assert_int_equal(found.seq, given.seq);
        assert_int_equal(found.cycle, given.cycle);
        assert_int_equal(found.at_ms, given.at_ms);
        assert_int_equal(found.saved_ms, given.saved_ms);
        assert_int_equal(found.size, is.size);
        assert_int_equal(state.size, is.size);
        assert_memory_equal(state.data, is.data, is.size);
    } else {
        assert_int_equal(status, VD_NOT_FOUND);
        assert_int_equal(state.size, 0);
    }
    vd_buffer_free(&state);
    return status == VD_OK ? found.index : 0;
}

static uint64_t newest(fixture_t *f, const char *session, const char *observer)
{
    vd_store_snapshot_ask_t ask = {.session = session, .observer = observer, .version = 1};
    return load(f, &ask);
}

static void fill(fixture_t *f, unsigned commits)
{
    fixture_open(f);
    for (unsigned i = 0; i < commits; i++)
        fixture_append_sized(f, names[i % 2], 3, 20);
}

static bool count_one(void *arg, const vd_store_snapshot_t *snapshot)
{
    (void)snapshot;
    ++*(unsigned *)arg;
    return true;
}

static unsigned count_all(fixture_t *f)
{
    unsigned count = 0;
    assert_int_equal(vd_store_snapshots(f->store, count_one, &count), VD_OK);
    return count;
}

static void test_the_newest_within_the_bounds_is_found(void **state)
{
    fixture_t *f = *state;
    fill(f, 12);
    vd_store_snapshot_ask_t ask = {.session = "a", .observer = "o", .version = 1};
    assert_int_equal(load(f, &ask), 0);
    for (uint64_t i = 2; i <= 10; i += 2)
        assert_int_equal(save(f, "a", "o", i), VD_OK);
    /* Names that begin alike, and what a stroke in a name could be taken for. */
    assert_int_equal(save(f, "a", "o:p", 11), VD_OK);
    assert_int_equal(save(f, "a", "b/o", 11), VD_OK);
    assert_int_equal(save(f, "a/b", "o", 12), VD_OK);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(load(f, &ask), 10);
        assert_int_equal(newest(f, "a/b", "o"), 12);
        assert_int_equal(newest(f, "a", "b/o"), 11);
        ask.below = 10;
        assert_int_equal(load(f, &ask), 8);
        ask.below = 7;
        assert_int_equal(load(f, &ask), 6);
        ask.below = 2;
        assert_int_equal(load(f, &ask), 0);
        ask.below = 0;
        ask.seq = 79;
        assert_int_equal(load(f, &ask), 6);
        ask.at_ms = 1700000000000 + 599;
        assert_int_equal(load(f, &ask), 4);
        ask.seq = 0;
        ask.at_ms = 1;
        assert_int_equal(load(f, &ask), 0);
        ask.at_ms = 0;
        ask.version = 2;
        assert_int_equal(load(f, &ask), 0);
        ask.version = 1;
        assert_int_equal(count_all(f), 8);
        fixture_reopen(f);
    }
}

static void test_the_same_place_is_saved_over(void **state)
{
    fixture_t *f = *state;
    fill(f, 4);
    vd_store_snapshot_t inside = snapshot_of(f, "a", "o", 2, 1);
    assert_int_equal(save(f, "a", "o", 2), VD_OK);
    assert_int_equal(save_keeping(f, &inside, 0), VD_OK);
    assert_int_equal(newest(f, "a", "o"), 2);
    assert_int_equal(count_all(f), 1);
}

static void test_the_newest_stay(void **state)
{
    fixture_t *f = *state;
    fill(f, 20);
    for (uint64_t i = 1; i <= 20; i++) {
        vd_store_snapshot_t snapshot = snapshot_of(f, "a", "o", i, 0);
        assert_int_equal(save(f, "a", "other", i), VD_OK);
        assert_int_equal(save_keeping(f, &snapshot, 3), VD_OK);
        assert_int_equal(count_all(f), i + (i < 3 ? i : 3));
    }
    vd_store_snapshot_ask_t ask = {.session = "a", .observer = "o", .version = 1, .below = 18};
    assert_int_equal(load(f, &ask), 0);
    ask.below = 19;
    assert_int_equal(load(f, &ask), 18);
    vd_store_snapshot_t again = snapshot_of(f, "a", "o", 20, 0);
    assert_int_equal(save_keeping(f, &again, 1), VD_OK);
    ask.below = 20;
    assert_int_equal(load(f, &ask), 0);
    ask.observer = "other";
    assert_int_equal(load(f, &ask), 19);
}

/* Without being asked to, too. */
static void test_their_number_is_bounded(void **state)
{
    fixture_t *f = *state;
    char observer[32];
    fill(f, VD_STATES_MAX + 10);
    for (uint64_t i = 1; i <= VD_STATES_MAX + 10; i++)
        assert_int_equal(save(f, "a", "o-0", i), VD_OK);
    assert_int_equal(count_all(f), VD_STATES_MAX);
    assert_int_equal(newest(f, "a", "o-0"), VD_STATES_MAX + 10);
    for (unsigned i = 1; i < VD_STATE_OBSERVERS_MAX; i++) {
        snprintf(observer, sizeof observer, "o-%u", i);
        assert_int_equal(save(f, "a", observer, 1), VD_OK);
    }
    assert_int_equal(save(f, "a", "more", 1), VD_TOO_LARGE);
    assert_int_equal(save(f, "a", "o-5", 2), VD_OK);
    assert_int_equal(save(f, "a/b", "more", 2), VD_OK);
    /* It was no failed write: everything goes on. */
    fixture_append_sized(f, "a", 1, 10);
    fixture_check_all(f, NULL);
}

static void test_what_is_not_kept(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX] = "";
    fill(f, 5);
    vd_store_snapshot_t good = snapshot_of(f, "a", "o", 3, 1), bad = good;
    bad.chain ^= 1;
    assert_int_equal(save_keeping(f, &bad, 0), VD_WENT_BACK);
    bad = snapshot_of(f, "a", "o", 5, 0);
    bad.offset = 1;
    assert_int_equal(save_keeping(f, &bad, 0), VD_WENT_BACK);
    bad.offset = 0;
    bad.index = 6;
    assert_int_equal(save_keeping(f, &bad, 0), VD_WENT_BACK);
    bad.index = UINT64_MAX;
    assert_int_equal(save_keeping(f, &bad, 0), VD_WENT_BACK);
    bad = snapshot_of(f, "a", "o", 0, 0);
    assert_int_equal(save_keeping(f, &bad, 0), VD_USAGE);
    bad = snapshot_of(f, "c", "o", 3, 0);
    assert_int_equal(save_keeping(f, &bad, 0), VD_UNKNOWN_SESSION);
    uint8_t *large = calloc(1, VD_STATE_BYTES_MAX + 1);
    assert_non_null(large);
    assert_int_equal(vd_store_save_snapshot(f->store, &good,
                                            vd_bytes(large, VD_STATE_BYTES_MAX + 1), 0, error,
                                            sizeof error),
                     VD_TOO_LARGE);
    assert_int_equal(count_all(f), 0);
    assert_int_equal(vd_store_save_snapshot(f->store, &good, vd_bytes(large, VD_STATE_BYTES_MAX), 0,
                                            error, sizeof error),
                     VD_OK);
    assert_int_equal(count_all(f), 1);
    free(large);
}

static void test_it_is_no_commit_and_costs_no_sync(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t tail;
    fill(f, 5);
    unsigned syncs = fixture_syncs();
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(save(f, "a", "o", 1 + i % 5), VD_OK);
    assert_int_equal(fixture_syncs(), syncs);
    vd_store_tail(f->store, &tail);
    assert_int_equal(tail.index, 5);
    fixture_append_sized(f, "a", 1, 10);
    assert_int_equal(fixture_check_all(f, NULL), 6);
}

static void test_they_go_with_their_session(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    char error[VD_TEXT_BYTES_MAX];
    vd_store_snapshot_t found;
    vd_buffer_t bytes;
    fill(f, 8);
    for (uint64_t i = 1; i <= 8; i++) {
        vd_store_snapshot_t one = snapshot_of(f, "a", "o", i, 0);
        vd_store_snapshot_t two = snapshot_of(f, "a/b", "o", i, 0);
        while (save_keeping(f, &one, 0) != VD_OK || save_keeping(f, &two, 0) != VD_OK) {
            vd_store_tail_t tail;
            assert_non_null(f->faulty);
            fixture_recover(f, &tail);
        }
    }
    fixture_end_session(f, "a");
    fixture_prune(f, gone, 1);
    vd_buffer_init(&bytes, VD_STATE_BYTES_MAX);
    vd_store_snapshot_ask_t ask = {.session = "a", .observer = "o", .version = 1};
    assert_int_equal(vd_store_load_snapshot(f->store, &ask, &found, &bytes, error, sizeof error),
                     VD_PRUNED);
    assert_int_equal(save(f, "a", "o", 3), VD_PRUNED);
    for (unsigned step = 0; fixture_prune_step(f); step++) {
        if (step == 0)
            fixture_reopen(f);
        assert_true(step < 100);
    }
    vd_buffer_free(&bytes);
    assert_true(newest(f, "a/b", "o") == 8 || f->faulty != NULL);
    unsigned left = count_all(f);
    assert_true(left == 8 || (f->faulty != NULL && left <= 8));
    fixture_check_all(f, NULL);
}

/* The commit that it stands behind was removed from the beginning: nothing says that it was that one. */
static void test_behind_what_was_removed_none_is_found(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a/b"};
    fixture_open(f);
    for (unsigned i = 0; i < 3; i++)
        fixture_append_sized(f, "a/b", 2, 10);
    fixture_append_sized(f, "a", 2, 10);
    fixture_end_session(f, "a/b");
    for (uint64_t i = 2; i <= 4; i++)
        assert_int_equal(save(f, "a", "o", i), VD_OK);
    fixture_prune(f, gone, 1);
    while (fixture_prune_step(f))
        ;
    vd_store_snapshot_ask_t ask = {.session = "a", .observer = "o", .version = 1, .below = 4};
    assert_int_equal(newest(f, "a", "o"), 4);
    assert_int_equal(load(f, &ask), 3); /* the anchor */
    ask.below = 3;
    assert_int_equal(load(f, &ask), 0);
    assert_int_equal(save(f, "a", "o", 1), VD_PRUNED);
}

/* Restored from an old copy, and gone on with otherwise. */
static void test_a_store_that_went_back_hands_none_out(void **state)
{
    fixture_t *f = *state;
    fill(f, 10);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(save(f, "a", "o", i), VD_OK);
    vd_store_close(&f->store);
    vd_memory_cut(f->image, 6);
    fixture_open(f);
    assert_int_equal(newest(f, "a", "o"), 6);
}

static void test_after_a_failed_append_none_is_saved(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t tail;
    char error[VD_TEXT_BYTES_MAX] = "";
    fill(f, 2);
    assert_int_equal(save(f, "a", "o", 1), VD_OK);
    fixture_fail_append(f, names, 2, false);
    vd_status_t status = save(f, "a", "o", 2);
    assert_int_equal(status, VD_STORE_TROUBLE);
    fixture_heal(f);
    /* The memory one fails to reopen once. */
    while (vd_store_reopen(f->store, &tail, error, sizeof error) != VD_OK)
        continue;
    fixture_adopt(f, &tail);
    assert_int_equal(newest(f, "a", "o"), 1);
    assert_int_equal(save(f, "a", "o", 2), VD_OK);
    assert_int_equal(newest(f, "a", "o"), 2);
}

/* Over every fault: what is there was saved once, whole, and is never ahead of the store. */
static void test_it_never_leads_the_store(void **state)
{
    fixture_t *f = *state;
    vd_store_tail_t tail;
    uint64_t failed = 0, lost = 0;
    fixture_open(f);
    for (unsigned round = 0; round < 250; round++) {
        fixture_append_sized(f, "a", 2, 30);
        vd_store_snapshot_t snapshot = snapshot_of(f, "a", "o", f->commit_count, 0);
        if (save_keeping(f, &snapshot, 4) != VD_OK) {
            failed++;
            fixture_recover(f, &tail);
        }
        vd_store_tail(f->store, &tail);
        uint64_t found = newest(f, "a", "o");
        assert_true(found <= tail.index && (found > 0 || round < 20));
        lost += found < f->commit_count;
        assert_true(found == f->commit_count || failed > 0);
        assert_true(count_all(f) <= 4);
    }
    assert_true(vd_faulty_faults(f->faulty) > 10);
    assert_true(lost > 0 && lost < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_the_newest_within_the_bounds_is_found),
        BOTH(test_the_same_place_is_saved_over),
        BOTH(test_the_newest_stay),
        BOTH(test_their_number_is_bounded),
        BOTH(test_what_is_not_kept),
        BOTH(test_it_is_no_commit_and_costs_no_sync),
        EVERY(test_they_go_with_their_session),
        BOTH(test_behind_what_was_removed_none_is_found),
        ON(test_a_store_that_went_back_hands_none_out, "memory"),
        BOTH(test_after_a_failed_append_none_is_saved),
        ON(test_it_never_leads_the_store, "faulty"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
