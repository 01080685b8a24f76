/* test_leveldb.c: what the backend "leveldb" does with damaged, foreign, newer and locked
 * stores. */
#include "tests/laws/store_fixture.h"

#include "store/leveldb_keys.h"
#include "store/verify.h"

#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = {"a", "b"};

/* ---- damage: done with the database's own functions, behind the store's back ---- */

static leveldb_t *open_raw(const char *dir)
{
    char *trouble = NULL;
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_create_if_missing(options, 1);
    leveldb_t *db = leveldb_open(options, dir, &trouble);
    leveldb_options_destroy(options);
    assert_null(trouble);
    return db;
}

static void put_raw(const char *dir, const vd_key_t *key, vd_bytes_t value)
{
    char *trouble = NULL;
    leveldb_t *db = open_raw(dir);
    leveldb_writeoptions_t *options = leveldb_writeoptions_create();
    if (value.data != NULL)
        leveldb_put(db, options, key->bytes, key->size, (const char *)value.data, value.size,
                    &trouble);
    else
        leveldb_delete(db, options, key->bytes, key->size, &trouble);
    leveldb_writeoptions_destroy(options);
    leveldb_close(db);
    assert_null(trouble);
}

static vd_buffer_t get_raw(const char *dir, const vd_key_t *key)
{
    char *trouble = NULL;
    size_t size = 0;
    vd_buffer_t value;
    leveldb_t *db = open_raw(dir);
    leveldb_readoptions_t *options = leveldb_readoptions_create();
    char *found = leveldb_get(db, options, key->bytes, key->size, &size, &trouble);
    assert_null(trouble);
    assert_non_null(found);
    vd_buffer_init(&value, 1 << 24);
    vd_buffer_add(&value, found, size);
    leveldb_free(found);
    leveldb_readoptions_destroy(options);
    leveldb_close(db);
    return value;
}

/* Fills the store with 40 commits and closes it. */
static void fill(fixture_t *f)
{
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_random(f, names, 2);
    vd_store_close(&f->store);
}

/* The first run of the commit must be told as damaged; what else it shows must be what was given. */
static void check_absent(const vd_commit_t *read, const vd_commit_t *given)
{
    assert_int_equal(read->run_count, given->run_count);
    assert_int_equal(read->runs[0].absent, VD_CORRUPT);
    for (uint32_t r = 0; r < read->run_count; r++) {
        const vd_commit_run_t *run = &read->runs[r];
        assert_true(vd_bytes_equal(run->session, given->runs[r].session));
        assert_int_equal(run->first_seq, given->runs[r].first_seq);
        assert_int_equal(run->count, given->runs[r].count);
        assert_int_equal(run->at, given->runs[r].at);
        if (run->absent == VD_OK)
            assert_true(vd_bytes_equal(run->run, given->runs[r].run));
        else
            assert_int_equal(run->run.size, 0);
    }
}

/* Reads everything: the first run of commit `bad` must be told as damaged, with `word` in the text,
 * all others be whole. */
static void check_one_bad(fixture_t *f, uint64_t bad, const char *word)
{
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    vd_store_cursor_new(f->store, &cursor);
    vd_store_cursor_seek(cursor, 1, NULL);
    for (uint64_t i = 1; i <= f->commit_count; i++) {
        vd_status_t status = vd_store_cursor_next(cursor, &commit, error, sizeof error);
        assert_int_equal(status, VD_OK);
        assert_int_equal(commit.index, i);
        if (i == bad)
            check_absent(&commit, f->commits[i - 1]);
        else
            fixture_same_commit(&commit, f->commits[i - 1], NULL);
        if (i != bad)
            assert_string_equal(error, "");
        else if (strstr(error, word) == NULL || strstr(error, f->dir) == NULL)
            fail_msg("\"%s\" does not name %s and the store", error, word);
    }
    assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), VD_NOT_FOUND);
    vd_store_cursor_destroy(&cursor);
}

static void test_a_flipped_bit_is_told_and_not_served(void **state)
{
    fixture_t *f = *state;
    fill(f);
    const vd_commit_run_t *run = &f->commits[9]->runs[0];
    vd_key_t key;
    vd_key_event(&key, run->session, run->first_seq);
    vd_buffer_t value = get_raw(f->dir, &key);
    value.data[value.size - 1] ^= 1;
    put_raw(f->dir, &key, vd_buffer_view(&value));
    vd_buffer_free(&value);
    fixture_open(f);
    char event[64];
    snprintf(event, sizeof event, "event %.*s:", (int)run->session.size,
             (const char *)run->session.data);
    check_one_bad(f, 10, event);
}

static void test_a_run_in_the_wrong_place_is_told(void **state)
{
    fixture_t *f = *state;
    fill(f);
    const vd_commit_run_t *run = &f->commits[4]->runs[0];
    vd_key_t key;
    vd_buffer_t value;
    vd_buffer_init(&value, 1 << 24);
    vd_key_event(&key, run->session, run->first_seq);
    vd_record_run_write(&value, 6, run);
    put_raw(f->dir, &key, vd_buffer_view(&value));
    vd_buffer_free(&value);
    fixture_open(f);
    check_one_bad(f, 5, "says commit 6");
}

static void test_other_events_under_good_checksums_break_the_chain(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_sized(f, "a", 1, 10);
    vd_store_close(&f->store);
    vd_key_t key;
    vd_commit_run_t forged = f->commits[20]->runs[0];
    vd_buffer_t value;
    forged.run = f->commits[21]->runs[0].run;
    vd_buffer_init(&value, 1 << 24);
    vd_key_event(&key, forged.session, forged.first_seq);
    vd_record_run_write(&value, 21, &forged);
    put_raw(f->dir, &key, vd_buffer_view(&value));
    vd_buffer_free(&value);
    fixture_open(f);
    check_one_bad(f, 21, "chain");
}

static void test_a_missing_run_is_told(void **state)
{
    fixture_t *f = *state;
    fill(f);
    vd_key_t key;
    vd_key_event(&key, f->commits[14]->runs[0].session, f->commits[14]->runs[0].first_seq);
    put_raw(f->dir, &key, vd_bytes(NULL, 0));
    fixture_open(f);
    check_one_bad(f, 15, key.bytes);
}

/* Reads a session: what is missing must be told once, as `first` and `count`, all else be there. */
static void check_session(fixture_t *f, const char *session, uint64_t first, uint32_t count)
{
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    vd_status_t status;
    char error[VD_TEXT_BYTES_MAX];
    uint64_t next = 1, told = 0;
    vd_store_cursor_new(f->store, &cursor);
    vd_store_cursor_seek(cursor, 1, session);
    while ((status = vd_store_cursor_next(cursor, &commit, error, sizeof error)) == VD_OK) {
        assert_int_equal(commit.run_count, 1);
        assert_int_equal(commit.runs[0].first_seq, next);
        next += commit.runs[0].count;
        if (commit.runs[0].absent == VD_OK)
            continue;
        assert_int_equal(commit.runs[0].absent, VD_CORRUPT);
        assert_int_equal(commit.runs[0].first_seq, first);
        assert_int_equal(commit.runs[0].count, count);
        told++;
    }
    assert_int_equal(status, VD_NOT_FOUND);
    assert_int_equal(told, 1);
    assert_int_equal(next, fixture_last_seq(f, session) + 1);
    vd_store_cursor_destroy(&cursor);
}

static void lose(fixture_t *f, uint64_t index, bool with_commit)
{
    vd_key_t key;
    const vd_commit_run_t *run = &f->commits[index - 1]->runs[0];
    vd_key_event(&key, run->session, run->first_seq);
    put_raw(f->dir, &key, vd_bytes(NULL, 0));
    vd_key_number(&key, VD_KEY_COMMITS, index);
    if (with_commit)
        put_raw(f->dir, &key, vd_bytes(NULL, 0));
}

static void test_a_session_is_read_over_a_lost_run(void **state)
{
    fixture_t *f = *state;
    static const uint64_t places[] = {1, 12, 13};
    uint64_t index, at;
    fixture_open(f);
    for (unsigned i = 0; i < 30; i++) {
        fixture_append_sized(f, "a", 3, 10);
        fixture_append_sized(f, "a:b", 2, 10);
    }
    vd_store_close(&f->store);
    lose(f, places[1], false); /* of a:b */
    lose(f, places[0], false); /* the first of a */
    fixture_open(f);
    check_session(f, "a", 1, 3);
    check_session(f, "a:b", 11, 2);
    assert_int_equal(vd_store_find(f->store, "a", 2, &index, &at), VD_OK);
    assert_true(index == 1 && at == 1);
    assert_int_equal(vd_store_find(f->store, "a:b", 12, &index, &at), VD_OK);
    assert_true(index == 12 && at == 1);
    assert_int_equal(vd_store_find(f->store, "a:b", 13, &index, &at), VD_OK);
    assert_true(index == 14 && at == 0);
}

static void test_what_is_lost_with_its_commit_is_told_too(void **state)
{
    fixture_t *f = *state;
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_sized(f, "a", 3, 10);
    vd_store_close(&f->store);
    lose(f, 9, true);
    lose(f, 10, true);
    fixture_open(f);
    check_session(f, "a", 25, 6);
    vd_store_cursor_new(f->store, &cursor);
    vd_store_cursor_seek(cursor, 1, NULL);
    for (uint64_t i = 1; i <= 40; i++) {
        /* The one behind a lost commit is good. */
        assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error),
                         i == 9 || i == 10 ? VD_CORRUPT : VD_OK);
        assert_int_equal(commit.index, i);
    }
    vd_store_cursor_destroy(&cursor);
}

static void test_verifying_names_what_is_damaged(void **state)
{
    fixture_t *f = *state;
    static vd_store_verified_t part;
    vd_store_cursor_t *cursor = NULL;
    char error[VD_TEXT_BYTES_MAX];
    fixture_open(f);
    for (unsigned i = 0; i < 40; i++)
        fixture_append_sized(f, "a", 3, 10);
    vd_store_close(&f->store);
    lose(f, 5, false);
    lose(f, 9, true);
    fixture_open(f);
    vd_store_cursor_new(f->store, &cursor);
    assert_int_equal(vd_store_verify(f->store, cursor, 0, 0, &part, error, sizeof error), VD_OK);
    assert_int_equal(part.damage_count, 2);
    assert_int_equal(part.damage[0].index, 5);
    assert_string_equal(part.damage[0].session, "a");
    assert_int_equal(part.damage[0].first, 13);
    assert_int_equal(part.damage[0].count, 3);
    assert_int_equal(part.damage[1].index, 9);
    assert_string_equal(part.damage[1].session, "");
    assert_int_equal(part.events, 38 * 3);
    assert_int_equal(part.index, 40);
    assert_false(part.more);
    /* From a place with another chain, and from beyond the end. */
    assert_int_equal(vd_store_verify(f->store, cursor, 20, 1, &part, error, sizeof error), VD_OK);
    assert_int_equal(part.damage_count, 1);
    assert_int_equal(part.damage[0].index, 20);
    assert_int_equal(vd_store_verify(f->store, cursor, 41, 0, &part, error, sizeof error),
                     VD_WENT_BACK);
    vd_store_cursor_destroy(&cursor);
}

/* A commit of both sessions. */
static uint64_t commit_of_both(const fixture_t *f)
{
    for (uint64_t c = 0; c < f->commit_count; c++)
        if (f->commits[c]->run_count == 2)
            return c + 1;
    fail_msg("no commit has two runs");
    return 0;
}

/* A damaged run of a session that is pruned takes nothing else of its commits along. */
static void test_pruning_what_is_damaged_harms_nobody_else(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    fill(f);
    uint64_t index = commit_of_both(f);
    const vd_commit_run_t *runs = f->commits[index - 1]->runs;
    uint32_t a = vd_str_is(runs[0].session, "a") ? 0 : 1;
    vd_run_record_t record;
    vd_key_t key;
    vd_key_event(&key, runs[a].session, runs[a].first_seq);
    vd_buffer_t value = get_raw(f->dir, &key);
    assert_int_equal(vd_record_run_read(vd_buffer_view(&value), &record), VD_OK);
    value.data[record.run.data - value.data + 2] ^= 1; /* in the checksum of its first event */
    put_raw(f->dir, &key, vd_buffer_view(&value));
    vd_buffer_free(&value);
    fixture_open(f);
    fixture_end_session(f, "a");
    fixture_prune(f, gone, 1);
    while (fixture_prune_step(f))
        ;
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    vd_store_cursor_new(f->store, &cursor);
    vd_store_cursor_seek(cursor, index - 1, NULL); /* the one before tells the chain */
    vd_store_cursor_next(cursor, &commit, error, sizeof error);
    assert_int_equal(vd_store_cursor_next(cursor, &commit, error, sizeof error), VD_OK);
    assert_int_equal(commit.index, index);
    assert_int_equal(commit.runs[a].absent, VD_CORRUPT);
    assert_int_equal(commit.runs[1 - a].absent, VD_OK);
    assert_true(vd_bytes_equal(commit.runs[1 - a].run, runs[1 - a].run));
    vd_store_cursor_destroy(&cursor);
}

static vd_status_t open_status(fixture_t *f, char error[VD_TEXT_BYTES_MAX])
{
    vd_store_t *store = NULL;
    error[0] = 0;
    vd_status_t status = vd_store_open("leveldb", f->dir, NULL, &store, error, VD_TEXT_BYTES_MAX);
    vd_store_close(&store);
    if (status != VD_OK && strstr(error, f->dir) == NULL)
        fail_msg("\"%s\" does not name the store", error);
    return status;
}

static void test_a_damaged_tail_refuses_to_open(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    fill(f);
    vd_key_t key;
    vd_key_number(&key, VD_KEY_COMMITS, 38);
    put_raw(f->dir, &key, vd_bytes(NULL, 0));
    assert_int_equal(open_status(f, error), VD_CORRUPT);
    assert_non_null(strstr(error, "38"));
}

/* Behind commits that were pruned there is always one: a store without it is not an empty one. */
static void test_an_end_that_is_lost_begins_no_new_store(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    char error[VD_TEXT_BYTES_MAX];
    vd_store_tail_t tail;
    vd_key_t key;
    fixture_open(f);
    fixture_append_sized(f, "a", 1, 10);
    fixture_end_session(f, "a");
    fixture_append_sized(f, "b", 1, 10);
    fixture_prune(f, gone, 1);
    while (fixture_prune_step(f))
        ;
    vd_store_tail(f->store, &tail);
    assert_true(tail.first_index > 1);
    vd_store_close(&f->store);
    for (uint64_t index = tail.first_index; index <= tail.index; index++) {
        vd_key_number(&key, VD_KEY_COMMITS, index);
        put_raw(f->dir, &key, vd_bytes(NULL, 0));
    }
    assert_int_equal(open_status(f, error), VD_CORRUPT);
    assert_non_null(strstr(error, "missing"));
}

static void test_a_newer_format_is_not_garbage(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    fill(f);
    vd_key_t key;
    static const uint8_t newer[] = {0x92, VD_STORE_FORMAT + 1, 0xc0};
    vd_key_name(&key, VD_KEY_STORE, vd_str(""));
    put_raw(f->dir, &key, vd_bytes(newer, sizeof newer));
    assert_int_equal(open_status(f, error), VD_UNSUPPORTED);
    assert_non_null(strstr(error, "newer"));
}

static void test_a_run_of_a_newer_format_is_no_damage(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    fill(f);
    const vd_commit_run_t *run = &f->commits[39]->runs[0];
    vd_key_t key;
    vd_key_event(&key, run->session, run->first_seq);
    vd_buffer_t value = get_raw(f->dir, &key);
    value.data[1] = VD_STORE_FORMAT + 1;
    put_raw(f->dir, &key, vd_buffer_view(&value));
    vd_buffer_free(&value);
    assert_int_equal(open_status(f, error), VD_UNSUPPORTED);
    assert_non_null(strstr(error, "newer version"));
}

static void test_another_database_is_left_alone(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    vd_key_t key;
    vd_key_name(&key, "something else", vd_str(""));
    put_raw(f->dir, &key, vd_str("value"));
    assert_int_equal(open_status(f, error), VD_CORRUPT);
    vd_buffer_t value = get_raw(f->dir, &key);
    assert_int_equal(value.size, 5);
    vd_buffer_free(&value);
}

static void test_a_missing_current_begins_no_new_store(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX], current[300], aside[300];
    fill(f);
    snprintf(current, sizeof current, "%s/CURRENT", f->dir);
    snprintf(aside, sizeof aside, "%s/aside", f->dir);
    assert_int_equal(rename(current, aside), 0);
    assert_int_equal(open_status(f, error), VD_CORRUPT);
    assert_int_equal(rename(aside, current), 0);
    fixture_open(f);
    assert_int_equal(fixture_check_all(f, NULL), f->commit_count);
}

static void test_a_second_process_is_refused(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    pid_t child = fork();
    if (child == 0) {
        char error[VD_TEXT_BYTES_MAX] = "", who[32];
        vd_store_t *store = NULL;
        vd_status_t status = vd_store_open("leveldb", f->dir, NULL, &store, error, sizeof error);
        snprintf(who, sizeof who, "process %ld", (long)getppid());
        _exit(status == VD_BUSY && strstr(error, who) != NULL ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_the_directory_is_private_and_a_directory(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX] = "", path[300];
    struct stat found;
    assert_int_equal(chmod(f->dir, 0755), 0);
    fixture_open(f);
    assert_int_equal(stat(f->dir, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    vd_store_t *store = NULL;
    snprintf(path, sizeof path, "%s/CURRENT", f->dir);
    assert_int_equal(vd_store_open("leveldb", path, NULL, &store, error, sizeof error), VD_IO);
    assert_non_null(strstr(error, "not a directory"));
    snprintf(path, sizeof path, "%s/no/such/parent", f->dir);
    assert_int_equal(vd_store_open("leveldb", path, NULL, &store, error, sizeof error), VD_IO);
}

#define ON_DISK(test)                                                                              \
    cmocka_unit_test_prestate_setup_teardown(test, fixture_setup, fixture_teardown, "leveldb")

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(test_a_flipped_bit_is_told_and_not_served),
        ON_DISK(test_a_run_in_the_wrong_place_is_told),
        ON_DISK(test_other_events_under_good_checksums_break_the_chain),
        ON_DISK(test_a_missing_run_is_told),
        ON_DISK(test_a_session_is_read_over_a_lost_run),
        ON_DISK(test_what_is_lost_with_its_commit_is_told_too),
        ON_DISK(test_verifying_names_what_is_damaged),
        ON_DISK(test_pruning_what_is_damaged_harms_nobody_else),
        ON_DISK(test_a_damaged_tail_refuses_to_open),
        ON_DISK(test_an_end_that_is_lost_begins_no_new_store),
        ON_DISK(test_a_newer_format_is_not_garbage),
        ON_DISK(test_a_run_of_a_newer_format_is_no_damage),
        ON_DISK(test_another_database_is_left_alone),
        ON_DISK(test_a_missing_current_begins_no_new_store),
        ON_DISK(test_a_second_process_is_refused),
        ON_DISK(test_the_directory_is_private_and_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
