/* test_store_pruning.c: the contract of store.h where sessions are pruned, held against every
 * backend. */
#include "store/verify.h"
#include "tests/laws/faulty_store.h"
#include "tests/laws/store_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that are easily mixed up in keys. */
static const char *const names[] = {"a",
                                    "a:00000000000000000001",
                                    "a:b",
                                    "a:-x",
                                    "a/b",
                                    "b.c",
                                    "a:00000000000000000003:00000000000000000001"};
enum { NAMES = sizeof names / sizeof *names };

static bool count_name(void *arg, const char *session)
{
    (void)session;
    ++*(unsigned *)arg;
    return true;
}

static bool never_pruned(void *arg, const vd_store_session_t *session)
{
    const char *const *pruned = arg;
    for (; *pruned != NULL; pruned++)
        assert_string_not_equal(session->session, *pruned);
    return true;
}

/* A session that was pruned is gone from view: its record, its events, its ids of frames. */
static void check_gone(fixture_t *f, const char *session, bool buried)
{
    vd_store_session_t record;
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    uint64_t index, at, seq;
    char error[VD_TEXT_BYTES_MAX];
    vd_status_t wanted = buried ? VD_PRUNED : VD_NOT_FOUND;
    assert_int_equal(vd_store_session(f->store, session, &record), wanted);
    assert_int_equal(vd_store_find(f->store, session, 1, &index, &at), wanted);
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, session), VD_OK);
    assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), wanted);
    vd_store_cursor_destroy(&cursor);
    vd_status_t known = vd_store_record(f->store, session, "id", &seq);
    assert_true(known == VD_NOT_FOUND || (buried && known == VD_OK));
}

/* Absent runs and their events, as a reader of everything sees them. */
static uint64_t count_absent(fixture_t *f)
{
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    uint64_t absent = 0;
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, NULL), VD_OK);
    while (vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK) {
        assert_string_equal(error, "");
        for (uint32_t r = 0; r < commit.run_count; r++)
            absent += commit.runs[r].absent != VD_OK;
    }
    vd_store_cursor_destroy(&cursor);
    return absent;
}

static uint64_t count_pruned(const fixture_t *f)
{
    vd_store_tail_t tail;
    uint64_t pruned = 0;
    vd_store_tail(f->store, &tail);
    for (uint64_t c = tail.first_index - 1; c < f->commit_count; c++)
        for (uint32_t r = 0; r < f->commits[c]->run_count; r++)
            pruned += f->commits[c]->runs[r].absent == VD_PRUNED;
    return pruned;
}

static void check_clean(fixture_t *f)
{
    static vd_store_verified_t part;
    vd_store_cursor_t *cursor = NULL;
    char error[VD_TEXT_BYTES_MAX];
    uint64_t after = 0;
    uint32_t chain = 0;
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    do {
        assert_int_equal(
            vd_store_verify(f->store, cursor, after, chain, &part, error, sizeof error), VD_OK);
        if (part.damage_count > 0)
            fail_msg("commit %" PRIu64 ": %s", part.damage[0].index, part.damage[0].text);
        assert_true(!part.more || part.index > after);
        after = part.index;
        chain = part.chain;
    } while (part.more);
    assert_int_equal(after, f->commit_count);
    assert_int_equal(chain, f->tail.chain);
    vd_store_cursor_destroy(&cursor);
}

static void append_record(fixture_t *f, const char *session)
{
    vd_store_record_t record = {vd_str(session), vd_str("id"), 1};
    vd_store_batch_t batch = {.records = &record, .record_count = 1};
    fixture_append(f, &batch);
}

static void test_what_is_pruned_is_gone_and_the_rest_is_whole(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a", "a:00000000000000000001", "b.c", NULL};
    static const char *const kept[] = {"a:b", "a:-x", "a/b"};
    unsigned stones = 0;
    fixture_open(f);
    append_record(f, "a");
    append_record(f, "a:b");
    for (unsigned i = 0; i < 80; i++)
        fixture_append_random(f, names, NAMES);
    for (unsigned i = 0; i < 3; i++)
        fixture_end_session(f, gone[i]);
    fixture_prune(f, gone, 3);
    /* At once, before a byte is freed, and after each part of it. */
    do {
        for (unsigned i = 0; i < 3; i++)
            check_gone(f, gone[i], true);
        assert_int_equal(vd_store_sessions(f->store, never_pruned, (void *)gone), VD_OK);
        fixture_check_all(f, NULL);
        for (unsigned i = 0; i < 3; i++)
            fixture_check_all(f, kept[i]);
    } while (fixture_prune_step(f));
    assert_true(count_pruned(f) > 0);
    assert_int_equal(count_absent(f), count_pruned(f));
    assert_int_equal(vd_store_tombstones(f->store, count_name, &stones), VD_OK);
    assert_int_equal(stones, 3);
    uint64_t seq;
    assert_int_equal(vd_store_record(f->store, "a", "id", &seq), VD_NOT_FOUND);
    assert_int_equal(vd_store_record(f->store, "a:b", "id", &seq), VD_OK);
    fixture_reopen(f);
    assert_int_equal(count_absent(f), count_pruned(f));
    check_clean(f);
    for (unsigned i = 0; i < 20; i++)
        fixture_append_random(f, kept, 3);
    fixture_check_all(f, NULL);
    check_clean(f);
}

static void test_pruning_goes_on_after_the_end_of_the_process(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a", "b.c"};
    vd_store_info_t info;
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_random(f, names, NAMES);
    fixture_append_sized(f, "a", 40, 10000);
    for (unsigned i = 0; i < 300; i++)
        fixture_append_sized(f, "a", 1, 10);
    for (unsigned i = 0; i < 2; i++)
        fixture_end_session(f, gone[i]);
    fixture_prune(f, gone, 2);
    bool more = true;
    for (unsigned turn = 0; more; turn++) {
        vd_store_info(f->store, &info);
        assert_true(info.pruning <= 2);
        fixture_reopen(f);
        check_gone(f, "a", true);
        fixture_check_all(f, NULL);
        more = fixture_prune_step(f);
        if (turn == 1)
            fixture_append_random(f, names + 1, 2);
    }
    vd_store_info(f->store, &info);
    assert_int_equal(info.pruning, 0);
    assert_int_equal(count_absent(f), count_pruned(f));
    check_clean(f);
}

static void test_an_empty_beginning_is_removed_and_known_by_its_chain(void **state)
{
    fixture_t *f = *state;
    static const char *const old[] = {"a", "b.c"};
    vd_store_tail_t tail;
    uint32_t chain;
    unsigned stones = 0;
    fixture_open(f);
    for (unsigned i = 0; i < 30; i++)
        fixture_append_random(f, old, 2);
    for (unsigned i = 0; i < 2; i++)
        fixture_end_session(f, old[i]);
    uint64_t before = f->commit_count;
    for (unsigned i = 0; i < 10; i++)
        fixture_append_sized(f, "a:b", 2, 20);
    fixture_prune(f, old, 2);
    while (fixture_prune_step(f))
        ;
    for (unsigned turn = 0; turn < 2; turn++) {
        vd_store_tail(f->store, &tail);
        assert_int_equal(tail.first_index, before + 1);
        assert_int_equal(tail.index, f->commit_count);
        assert_int_equal(vd_store_chain(f->store, before, &chain), VD_OK);
        assert_int_equal(chain, f->commits[before - 1]->chain);
        assert_int_equal(vd_store_chain(f->store, before - 1, &chain), VD_PRUNED);
        assert_int_equal(vd_store_chain(f->store, before + 1, &chain), VD_OK);
        /* With its last commit a session is forgotten. */
        check_gone(f, "a", false);
        assert_int_equal(vd_store_tombstones(f->store, count_name, &stones), VD_OK);
        assert_int_equal(stones, 0);
        assert_int_equal(fixture_check_all(f, NULL), 10);
        check_clean(f);
        fixture_reopen(f);
    }
    assert_false(fixture_prune_step(f));
}

static void test_the_newest_commit_stays(void **state)
{
    fixture_t *f = *state;
    static const char *const all[] = {"a"};
    vd_store_tail_t tail;
    fixture_open(f);
    for (unsigned i = 0; i < 12; i++)
        fixture_append_random(f, all, 1);
    fixture_end_session(f, "a");
    fixture_prune(f, all, 1);
    while (fixture_prune_step(f))
        ;
    vd_store_tail(f->store, &tail);
    assert_int_equal(tail.first_index, f->commit_count);
    assert_int_equal(tail.chain, f->tail.chain);
    fixture_reopen(f);
    fixture_append_sized(f, "b.c", 1, 10);
    assert_int_equal(fixture_check_all(f, NULL), 2);
    check_clean(f);
}

static void test_only_sessions_that_have_ended_are_pruned(void **state)
{
    fixture_t *f = *state;
    static const char *const some[] = {"b.c", "a"}, *const unknown[] = {"b.c", "never"};
    vd_store_session_t interrupted = {.session = "a/b", .state = VD_SESSION_INTERRUPTED};
    const vd_store_session_t *sessions[] = {&interrupted};
    const char *const halted[] = {"a/b"};
    vd_store_session_t found;
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_batch_t batch = {.sessions = sessions, .session_count = 1};
    if (f->faulty != NULL)
        return; /* the statuses are those of a disk that works */
    fixture_open(f);
    for (unsigned i = 0; i < 20; i++)
        fixture_append_random(f, names, NAMES);
    fixture_append(f, &batch);
    fixture_end_session(f, "b.c");
    assert_int_equal(vd_store_prune_mark(f->store, some, 2, error, sizeof error), VD_BUSY);
    assert_non_null(strstr(error, "a"));
    assert_int_equal(vd_store_prune_mark(f->store, unknown, 2, error, sizeof error), VD_NOT_FOUND);
    assert_non_null(strstr(error, "never"));
    assert_int_equal(vd_store_prune_mark(f->store, halted, 1, error, sizeof error), VD_BUSY);
    /* All or none. */
    assert_int_equal(vd_store_session(f->store, "b.c", &found), VD_OK);
    assert_false(fixture_prune_step(f));
    fixture_check_all(f, NULL);
    fixture_prune(f, some, 1);
    fixture_prune(f, some, 1); /* a second time is no error */
    check_gone(f, "b.c", true);
}

static void test_a_cursor_goes_through_what_is_being_pruned(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    vd_status_t status;
    char error[VD_TEXT_BYTES_MAX];
    uint64_t last = 0;
    fixture_open(f);
    for (unsigned i = 0; i < 20; i++)
        fixture_append_sized(f, "a", 3, 20);
    for (unsigned i = 0; i < 100; i++)
        fixture_append_random(f, names, NAMES);
    fixture_end_session(f, "a");
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, NULL), VD_OK);
    fixture_prune(f, gone, 1);
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 5 == 2)
            fixture_prune_step(f);
        status = vd_store_cursor_next(cursor, &commit, error, sizeof error);
        if (status != VD_OK)
            break;
        assert_string_equal(error, "");
        assert_true(commit.index > last);
        fixture_same_commit(&commit, f->commits[commit.index - 1], NULL);
        last = commit.index;
    }
    assert_int_equal(status, VD_NOT_FOUND);
    assert_int_equal(last, f->commit_count);
    vd_store_cursor_destroy(&cursor);
}

/* A long life with everything in it; on "faulty" with faults and losses of power. */
static void test_a_long_life(void **state)
{
    fixture_t *f = *state;
    char ids[12][8];
    const char *open[3] = {NULL};
    fixture_open(f);
    for (unsigned turn = 0; turn < 12; turn++) {
        const char **place = &open[turn % 3];
        if (*place != NULL) {
            fixture_end_session(f, *place);
            fixture_prune(f, place, 1);
        }
        snprintf(ids[turn], sizeof ids[turn], "s-%02u", turn);
        *place = ids[turn];
        append_record(f, *place);
        for (unsigned i = 0; i < 30; i++)
            fixture_append_random(f, open, turn < 2 ? turn + 1 : 3);
        while (fixture_prune_step(f) && turn % 4 != 3)
            ;
        fixture_check_all(f, NULL);
        if (turn % 3 == 1)
            fixture_reopen(f);
    }
    while (fixture_prune_step(f))
        ;
    assert_int_equal(count_absent(f), count_pruned(f));
    check_clean(f);
    fixture_reopen(f);
    check_clean(f);
    if (f->faulty == NULL)
        return;
    assert_true(vd_faulty_faults(f->faulty) > 20);
    assert_true(vd_faulty_cuts(f->faulty) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY(test_what_is_pruned_is_gone_and_the_rest_is_whole),
        EVERY(test_pruning_goes_on_after_the_end_of_the_process),
        EVERY(test_an_empty_beginning_is_removed_and_known_by_its_chain),
        EVERY(test_the_newest_commit_stays),
        EVERY(test_only_sessions_that_have_ended_are_pruned),
        EVERY(test_a_cursor_goes_through_what_is_being_pruned),
        EVERY(test_a_long_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
