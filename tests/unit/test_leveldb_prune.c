/* test_leveldb_prune.c: pruning in the backend "leveldb": the disk comes back, in small steps. */
#include "tests/laws/store_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

static void test_pruning_gives_the_disk_back(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    vd_store_info_t before, after;
    fixture_open(f);
    fixture_append_sized(f, "b", 1, 10);
    for (unsigned i = 0; i < 60; i++)
        fixture_append_sized(f, "a", 4, 60000);
    fixture_append_sized(f, "b", 1, 10);
    fixture_end_session(f, "a");
    fixture_reopen(f); /* what the log held is in tables now */
    vd_store_info(f->store, &before);
    assert_true(before.disk_bytes > 10u * 1024 * 1024);
    fixture_prune(f, gone, 1);
    vd_store_info(f->store, &after);
    assert_int_equal(after.pruning, 1);
    while (fixture_prune_step(f))
        ;
    time_t deadline = time(NULL) + 30;
    do {
        poll(NULL, 0, 5);
        vd_store_info(f->store, &after);
    } while (after.disk_bytes > 2u * 1024 * 1024 && time(NULL) < deadline);
    assert_true(after.disk_bytes <= 2u * 1024 * 1024);
    assert_int_equal(after.pruning, 0);
    fixture_check_all(f, NULL);
}

/* Appends wait for a step, so that it reads no more than a few of these runs of 1 MB. */
static void test_pruning_goes_in_small_steps(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    unsigned steps = 0;
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_sized(f, "a", 16, 60000);
    fixture_end_session(f, "a");
    fixture_prune(f, gone, 1);
    while (fixture_prune_step(f))
        steps++;
    assert_true(steps >= 8);
    fixture_check_all(f, NULL);
}

enum { IDS = 9000, IDS_AT_ONCE = 3000 };

static void append_ids(fixture_t *f, unsigned from)
{
    static char ids[IDS_AT_ONCE][VD_NAME_BYTES_MAX + 1];
    static vd_store_record_t records[IDS_AT_ONCE];
    for (unsigned i = 0; i < IDS_AT_ONCE; i++) {
        snprintf(ids[i], sizeof ids[i], "id-%u", from + i);
        records[i] = (vd_store_record_t){vd_str("a"), vd_str(ids[i]), 1};
    }
    vd_store_batch_t batch = {.records = records, .record_count = IDS_AT_ONCE};
    fixture_append(f, &batch);
}

/* More ids of frames than go in one step, with the end of the process in between. */
static void test_pruning_many_ids(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    fixture_open(f);
    fixture_append_sized(f, "a", 1, 10);
    for (unsigned i = 0; i < IDS; i += IDS_AT_ONCE)
        append_ids(f, i);
    fixture_end_session(f, "a");
    fixture_append_sized(f, "b", 1, 10);
    fixture_prune(f, gone, 1);
    assert_true(fixture_prune_step(f));
    assert_true(fixture_prune_step(f));
    fixture_reopen(f);
    while (fixture_prune_step(f))
        ;
    for (unsigned i = 0; i < IDS; i++) {
        char id[VD_NAME_BYTES_MAX + 1];
        uint64_t seq;
        snprintf(id, sizeof id, "id-%u", i);
        assert_int_equal(vd_store_record(f->store, "a", id, &seq), VD_NOT_FOUND);
    }
    fixture_check_all(f, NULL);
}

int main(void)
{
#define ON_DISK(test) ON(test, "leveldb")
    const struct CMUnitTest tests[] = {
        ON_DISK(test_pruning_gives_the_disk_back),
        ON_DISK(test_pruning_goes_in_small_steps),
        ON_DISK(test_pruning_many_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
