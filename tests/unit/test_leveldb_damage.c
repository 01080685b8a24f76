/* test_leveldb_damage.c: the backend "leveldb" on files that are damaged or only to be read. */
#include "tests/laws/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMITS = 40 };

static const char *const names[] = {"a", "b"};

/* Fills the store with commits and closes it; what it has then is in its log. */
static void fill(fixture_t *f)
{
    fixture_open(f);
    for (unsigned i = 0; i < COMMITS; i++)
        fixture_append_random(f, names, 2);
    vd_store_close(&f->store);
}

/* ---- what a directory looks like ---- */

typedef struct looks {
    unsigned count;
    uint64_t sum;
} looks_t;

/* Names, sizes and bytes of its files, in whatever order. */
static looks_t look(const char *dir)
{
    looks_t looks = {0};
    DIR *listing = opendir(dir);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[600];
        int c;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        uint64_t hash = 14695981039346656037u;
        for (const char *at = entry->d_name; *at != 0; at++)
            hash = (hash ^ (uint8_t)*at) * 1099511628211u;
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        while ((c = getc(file)) != EOF)
            hash = (hash ^ (uint8_t)c) * 1099511628211u;
        fclose(file);
        looks.count++;
        looks.sum += hash;
    }
    closedir(listing);
    return looks;
}

static void same_looks(const char *dir, looks_t before)
{
    looks_t now = look(dir);
    assert_int_equal(now.count, before.count);
    assert_true(now.sum == before.sum);
}

/* The path of the file of the directory whose name ends so. */
static void find(const char *dir, const char *end, char path[600])
{
    DIR *listing = opendir(dir);
    path[0] = 0;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        size_t size = strlen(entry->d_name), tail = strlen(end);
        if (size > tail && strcmp(entry->d_name + size - tail, end) == 0)
            snprintf(path, 600, "%s/%s", dir, entry->d_name);
    }
    closedir(listing);
    assert_true(path[0] != 0);
}

static void flip(const char *path, off_t at)
{
    uint8_t byte;
    int file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

/* ---- reading ---- */

static vd_status_t open_as(fixture_t *f, const char *dir, vd_store_mode_t mode, char *error)
{
    vd_store_options_t options = {.mode = mode};
    return vd_store_open("leveldb", dir, &options, &f->store, error, VD_TEXT_BYTES_MAX);
}

/* What the last commit that was not whole was blamed on. */
static char blamed[VD_TEXT_BYTES_MAX];

/* Reads everything; whatever is served is what was given. Returns how many commits are whole. */
static unsigned read_whole(fixture_t *f)
{
    vd_store_cursor_t *cursor = NULL;
    vd_commit_t commit;
    char error[VD_TEXT_BYTES_MAX];
    unsigned whole = 0;
    assert_int_equal(vd_store_cursor_new(f->store, &cursor), VD_OK);
    assert_int_equal(vd_store_cursor_seek(cursor, 1, NULL), VD_OK);
    for (;;) {
        vd_status_t status = vd_store_cursor_next(cursor, &commit, error, sizeof error);
        if (status == VD_NOT_FOUND)
            break;
        assert_true(status == VD_OK || status == VD_CORRUPT);
        bool absent = status == VD_CORRUPT;
        for (uint32_t r = 0; status == VD_OK && r < commit.run_count; r++)
            absent |= commit.runs[r].absent != VD_OK;
        if (!absent) {
            fixture_same_commit(&commit, f->commits[commit.index - 1], NULL);
            whole++;
        } else {
            assert_true(error[0] != 0);
            memcpy(blamed, error, sizeof blamed);
        }
    }
    vd_store_cursor_destroy(&cursor);
    return whole;
}

static void test_reading_changes_no_byte(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    fill(f);
    looks_t before = look(f->dir);
    for (int mode = VD_STORE_READ; mode <= VD_STORE_QUARANTINE; mode++) {
        assert_int_equal(open_as(f, f->dir, (vd_store_mode_t)mode, error), VD_OK);
        assert_int_equal(read_whole(f), COMMITS);
        same_looks(f->dir, before);
        vd_store_close(&f->store);
        same_looks(f->dir, before);
    }
}

static void test_an_opening_that_wrote_nothing_is_taken_back(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    fill(f);
    looks_t before = look(f->dir);
    assert_int_equal(open_as(f, f->dir, VD_STORE_WRITE, error), VD_OK);
    assert_int_equal(read_whole(f), COMMITS);
    vd_store_close(&f->store);
    same_looks(f->dir, before);
    fixture_open(f);
    fixture_append_random(f, names, 2);
    fixture_reopen(f);
    assert_int_equal(fixture_check_all(f, NULL), COMMITS + 1);
}

static void test_a_damaged_log_loses_the_damaged_record_alone(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX], log[600];
    fill(f);
    find(f->dir, ".log", log);
    off_t size = size_of(log);
    for (off_t at = size / 9; at < size - size / 9; at += size / 9) {
        flip(log, at);
        looks_t before = look(f->dir);
        assert_int_equal(open_as(f, f->dir, VD_STORE_WRITE, error), VD_CORRUPT);
        assert_non_null(strstr(error, "repair --copy"));
        same_looks(f->dir, before);
        assert_int_equal(open_as(f, f->dir, VD_STORE_QUARANTINE, error), VD_OK);
        assert_int_equal(read_whole(f), COMMITS - 1);
        vd_store_close(&f->store);
        same_looks(f->dir, before);
        flip(log, at);
    }
}

static void test_a_table_that_is_cut_short_is_an_error_of_reading(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX], table[600];
    fixture_open(f);
    for (unsigned i = 0; i < COMMITS; i++)
        fixture_append_sized(f, "a", 1, 200000); /* more than is cached */
    fixture_reopen(f);                           /* makes the log a table */
    fixture_append_random(f, names, 2);
    find(f->dir, ".ldb", table);
    assert_int_equal(truncate(table, size_of(table) / 3), 0);
    assert_true(read_whole(f) < COMMITS); /* under an open store, and no signal */
    vd_store_close(&f->store);
    assert_int_equal(open_as(f, f->dir, VD_STORE_QUARANTINE, error), VD_OK);
    assert_int_equal(read_whole(f), 1);
    unlink(table);
    vd_store_close(&f->store);
    assert_int_equal(open_as(f, f->dir, VD_STORE_QUARANTINE, error), VD_OK);
    assert_int_equal(read_whole(f), 1);
}

/* Wherever it is: in an event, in a key, in the checksum itself. */
static void test_a_flipped_bit_of_a_table_is_seen_by_the_checksum_of_its_block(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX], table[600];
    fill(f);
    fixture_open(f);
    fixture_append_sized(f, "a", 1, 200000); /* a block of its own */
    fixture_reopen(f);                       /* makes the log a table */
    vd_store_close(&f->store);
    find(f->dir, ".ldb", table);
    unsigned seen = 0, flips = 0;
    off_t size = size_of(table);
    for (off_t at = 11; at < size; at += size / 97, flips++) {
        flip(table, at);
        blamed[0] = 0;
        vd_status_t status = open_as(f, f->dir, VD_STORE_WRITE, blamed);
        bool whole = status == VD_OK && read_whole(f) == COMMITS + 1;
        assert_true(whole || status != VD_OK ||
                    strstr(blamed, ".ldb: block checksum mismatch") != NULL);
        seen += !whole;
        vd_store_close(&f->store);
        flip(table, at);
    }
    assert_true(seen > flips - flips / 8); /* all but filters and the end, which are not read */
    assert_int_equal(open_as(f, f->dir, VD_STORE_WRITE, error), VD_OK);
    assert_int_equal(read_whole(f), COMMITS + 1);
}

static void test_a_checkpoint_is_the_store_as_it_was(void **state)
{
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX], copy[300], command[700];
    snprintf(copy, sizeof copy, "%s.copy", f->dir);
    fill(f);
    fixture_open(f);
    fixture_append_random(f, names, 2);
    assert_int_equal(vd_store_checkpoint(f->store, copy, error, sizeof error), VD_OK);
    assert_int_equal(vd_store_checkpoint(f->store, copy, error, sizeof error), VD_EXISTS);
    assert_int_equal(vd_store_checkpoint(f->store, "/proc/no/copy", error, sizeof error), VD_IO);
    fixture_append_random(f, names, 2);
    fixture_check_all(f, NULL);
    vd_store_close(&f->store);
    assert_int_equal(open_as(f, copy, VD_STORE_READ, error), VD_OK);
    assert_int_equal(read_whole(f), COMMITS + 1);
    vd_store_close(&f->store);
    snprintf(command, sizeof command, "rm -r '%s'", copy);
    assert_int_equal(system(command), 0);
}

#define ON_DISK(test)                                                                              \
    cmocka_unit_test_prestate_setup_teardown(test, fixture_setup, fixture_teardown, "leveldb")

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(test_reading_changes_no_byte),
        ON_DISK(test_an_opening_that_wrote_nothing_is_taken_back),
        ON_DISK(test_a_damaged_log_loses_the_damaged_record_alone),
        ON_DISK(test_a_table_that_is_cut_short_is_an_error_of_reading),
        ON_DISK(test_a_flipped_bit_of_a_table_is_seen_by_the_checksum_of_its_block),
        ON_DISK(test_a_checkpoint_is_the_store_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
