/* test_leveldb_snapshots.c: states of observers in the backend "leveldb" whose records are damaged, of
 * another store, to be freed or to be repaired. */
#include "tests/laws/store_fixture.h"

#include "repair/repair.h"
#include "store/leveldb_keys.h"

#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMITS = 6, MANY = 40 };

/* ---- the database itself, behind the store's back ---- */

static leveldb_t *open_raw(const char *dir)
{
    char *trouble = NULL;
    leveldb_options_t *options = leveldb_options_create();
    leveldb_t *db = leveldb_open(options, dir, &trouble);
    leveldb_options_destroy(options);
    assert_null(trouble);
    return db;
}

static void key_of(vd_key_t *key, const char *prefix, uint64_t index)
{
    vd_key_snapshot(key, prefix, vd_str("a"), vd_str("o"), index);
}

static char *get_raw(const char *dir, const vd_key_t *key, size_t *size)
{
    char *trouble = NULL;
    leveldb_t *db = open_raw(dir);
    leveldb_readoptions_t *options = leveldb_readoptions_create();
    char *value = leveldb_get(db, options, key->bytes, key->size, size, &trouble);
    leveldb_readoptions_destroy(options);
    leveldb_close(db);
    assert_null(trouble);
    assert_non_null(value);
    return value;
}

static void put_raw(const char *dir, const vd_key_t *key, const char *value, size_t size)
{
    char *trouble = NULL;
    leveldb_t *db = open_raw(dir);
    leveldb_writeoptions_t *options = leveldb_writeoptions_create();
    leveldb_put(db, options, key->bytes, key->size, value, size, &trouble);
    leveldb_writeoptions_destroy(options);
    leveldb_close(db);
    assert_null(trouble);
}

/* How many keys begin so. */
static unsigned count_raw(const char *dir, const char *prefix)
{
    unsigned count = 0;
    leveldb_t *db = open_raw(dir);
    leveldb_readoptions_t *options = leveldb_readoptions_create();
    leveldb_iterator_t *keys = leveldb_create_iterator(db, options);
    leveldb_iter_seek(keys, prefix, strlen(prefix));
    for (; leveldb_iter_valid(keys); leveldb_iter_next(keys), count++) {
        size_t size;
        const char *key = leveldb_iter_key(keys, &size);
        if (!vd_key_begins(vd_bytes(key, size), prefix))
            break;
    }
    leveldb_iter_destroy(keys);
    leveldb_readoptions_destroy(options);
    leveldb_close(db);
    return count;
}

/* ---- states ---- */

static void save(fixture_t *f, const char *session, uint64_t index, size_t size)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    uint8_t *bytes = malloc(size);
    vd_store_snapshot_t snapshot = {.version = 1, .index = index, .observer = "o"};
    assert_non_null(bytes);
    memset(bytes, (int)index, size);
    vd_str_copy(snapshot.session, sizeof snapshot.session, vd_str(session));
    snapshot.chain = f->commits[index - 1]->chain;
    vd_status_t status =
        vd_store_save_snapshot(f->store, &snapshot, vd_bytes(bytes, size), 0, error, sizeof error);
    free(bytes);
    assert_string_equal(error, "");
    assert_int_equal(status, VD_OK);
}

/* The index of the newest that is handed out; 0: none. `error`: what was passed over. */
static uint64_t newest(fixture_t *f, char error[VD_TEXT_BYTES_MAX])
{
    vd_buffer_t state;
    vd_store_snapshot_t found;
    vd_store_snapshot_ask_t ask = {.session = "a", .observer = "o", .version = 1};
    vd_buffer_init(&state, VD_STATE_BYTES_MAX);
    vd_status_t status =
        vd_store_load_snapshot(f->store, &ask, &found, &state, error, VD_TEXT_BYTES_MAX);
    assert_true(status == VD_OK || status == VD_NOT_FOUND);
    for (size_t i = 0; i < state.size; i++)
        assert_int_equal(state.data[i], (uint8_t)found.index);
    vd_buffer_free(&state);
    return status == VD_OK ? found.index : 0;
}

static void fill(fixture_t *f)
{
    fixture_open(f);
    for (unsigned i = 0; i < COMMITS; i++)
        fixture_append_sized(f, "a", 2, 30);
}

/* Whatever byte of its two records is another one. */
static void test_a_damaged_state_is_as_if_it_were_not_there(void **state)
{
    static const char *const prefixes[] = {VD_KEY_SNAPSHOTS, VD_KEY_STATES};
    fixture_t *f = *state;
    char error[VD_TEXT_BYTES_MAX];
    fill(f);
    save(f, "a", 2, 40);
    save(f, "a", 4, 40);
    vd_store_close(&f->store);
    for (unsigned p = 0; p < 2; p++) {
        vd_key_t key;
        size_t size = 0;
        key_of(&key, prefixes[p], 4);
        char *value = get_raw(f->dir, &key, &size);
        for (size_t at = 0; at < size; at += 1 + size / 30) {
            value[at] ^= 0x10;
            put_raw(f->dir, &key, value, size);
            fixture_open(f);
            assert_int_equal(newest(f, error), 2);
            /* Another version is not damage. */
            assert_true(p == 0 || strstr(error, "observer o in session a") != NULL);
            vd_store_close(&f->store);
            value[at] ^= 0x10;
        }
        put_raw(f->dir, &key, value, size);
        fixture_open(f);
        assert_int_equal(newest(f, error), 4);
        assert_string_equal(error, "");
        vd_store_close(&f->store);
        leveldb_free(value);
    }
}

/* Good records, of a store that went another way from commit 3 on. */
static void test_a_state_of_another_history_is_not_handed_out(void **state)
{
    fixture_t *f = *state, *other;
    void *made = (void *)"leveldb"; /* as cmocka gives it */
    char error[VD_TEXT_BYTES_MAX];
    assert_int_equal(fixture_setup(&made), 0);
    other = made;
    other->seed = f->seed;
    fixture_open(f);
    fixture_open(other);
    for (unsigned i = 0; i < COMMITS; i++) {
        fixture_append_sized(f, "a", 2, 30);
        fixture_append_sized(other, "a", 2, i < 2 ? 30 : 31);
    }
    for (uint64_t i = 1; i <= COMMITS; i++)
        save(other, "a", i, 50);
    vd_store_close(&other->store);
    vd_store_close(&f->store);
    for (uint64_t i = 1; i <= COMMITS; i++) {
        static const char *const prefixes[] = {VD_KEY_SNAPSHOTS, VD_KEY_STATES};
        for (unsigned p = 0; p < 2; p++) {
            vd_key_t key;
            size_t size;
            key_of(&key, prefixes[p], i);
            char *value = get_raw(other->dir, &key, &size);
            put_raw(f->dir, &key, value, size);
            leveldb_free(value);
        }
    }
    fixture_open(f);
    assert_int_equal(newest(f, error), 2);
    assert_string_equal(error, ""); /* they are whole */
    fixture_teardown(&made);
}

/* Of large ones, in steps, over the end of the process; nothing of another session. */
static void test_pruning_leaves_none_of_their_records(void **state)
{
    fixture_t *f = *state;
    static const char *const gone[] = {"a"};
    fixture_open(f);
    for (unsigned i = 0; i < MANY; i++)
        fixture_append_sized(f, i % 2 ? "a" : "b", 1, 10);
    for (uint64_t i = 1; i <= MANY; i++)
        save(f, "a", i, 300000);
    save(f, "b", MANY, 100);
    fixture_end_session(f, "a");
    fixture_prune(f, gone, 1);
    unsigned steps = 1;
    assert_true(fixture_prune_step(f));
    fixture_reopen(f);
    while (fixture_prune_step(f))
        steps++;
    assert_true(steps >= 3); /* 12 MB are not looked through at once */
    vd_store_close(&f->store);
    assert_int_equal(count_raw(f->dir, VD_KEY_SNAPSHOTS "a "), 0);
    assert_int_equal(count_raw(f->dir, VD_KEY_STATES "a "), 0);
    assert_int_equal(count_raw(f->dir, VD_KEY_SNAPSHOTS), 1);
    assert_int_equal(count_raw(f->dir, VD_KEY_STATES), 1);
    fixture_open(f);
}

/* Saved at 2 and 3, behind which nothing is lost, and at 5: an event of commit 4 is. */
static void test_a_repaired_store_keeps_what_is_still_true(void **state)
{
    fixture_t *f = *state, *other;
    void *made = (void *)"leveldb";
    char error[VD_TEXT_BYTES_MAX], *told = NULL;
    size_t told_size = 0;
    vd_key_t key;
    fill(f);
    save(f, "a", 2, 70);
    save(f, "a", 3, 70);
    save(f, "a", 5, 70);
    vd_store_close(&f->store);
    vd_key_event(&key, vd_str("a"), f->commits[3]->runs[0].first_seq);
    put_raw(f->dir, &key, "no run", 6);
    assert_int_equal(fixture_setup(&made), 0);
    other = made;
    FILE *out = open_memstream(&told, &told_size);
    assert_non_null(out);
    vd_status_t status = vd_repair(f->dir, other->dir, out, error, sizeof error);
    fclose(out);
    assert_string_equal(error, "");
    assert_int_equal(status, VD_OK);
    assert_non_null(strstr(told, "lost   state of observer o in session a at commit 5"));
    assert_null(strstr(told, "at commit 3"));
    fixture_open(other);
    assert_int_equal(newest(other, error), 3);
    vd_store_close(&other->store);
    assert_int_equal(count_raw(other->dir, VD_KEY_SNAPSHOTS), 2);
    assert_int_equal(count_raw(other->dir, VD_KEY_STATES), 2);
    free(told);
    fixture_teardown(&made);
}

int main(void)
{
#define ON_DISK(test) ON(test, "leveldb")
    const struct CMUnitTest tests[] = {
        ON_DISK(test_a_damaged_state_is_as_if_it_were_not_there),
        ON_DISK(test_a_state_of_another_history_is_not_handed_out),
        ON_DISK(test_pruning_leaves_none_of_their_records),
        ON_DISK(test_a_repaired_store_keeps_what_is_still_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
