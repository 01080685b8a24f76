/* leveldb.c: the limits of LevelDB alone: synced batches of single events in a loop, and reading them in order. */
#include "benchmarks/events.h"
#include "benchmarks/measure.h"

#include <leveldb/c.h>

enum { BATCH = 256, KEY_BYTES = 16 };

static void check(const char *what, char *trouble)
{
    if (trouble != NULL)
        vd_bench_fail("%s: %s", what, trouble);
}

static leveldb_t *open_db(const char *dir)
{
    char *trouble = NULL;
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_create_if_missing(options, 1);
    leveldb_t *db = leveldb_open(options, dir, &trouble);
    check(dir, trouble);
    leveldb_options_destroy(options);
    return db;
}

/* snprintf would be a tenth of what is measured. */
static void make_key(char key[KEY_BYTES], size_t number)
{
    for (int i = KEY_BYTES - 1; i >= 0; i--, number /= 10)
        key[i] = (char)('0' + number % 10);
}

int vd_bench_leveldb_write(int argc, char **argv)
{
    if (argc != 2)
        vd_bench_fail("leveldb-write wants DIR COUNT");
    size_t count = vd_bench_count(argv[1]);
    leveldb_t *db = open_db(argv[0]);
    leveldb_writeoptions_t *write = leveldb_writeoptions_create();
    leveldb_writebatch_t *batch = leveldb_writebatch_create();
    leveldb_writeoptions_set_sync(write, 1);
    vd_bench_data_t data;
    vd_bench_data_init(&data);
    char key[KEY_BYTES];
    uint8_t event[VD_BENCH_EVENT_BYTES];
    double begun = vd_bench_now_us();
    for (size_t i = 0; i < count; i++) {
        char *trouble = NULL;
        vd_bench_data_next(&data, i);
        vd_bench_event(&data, event);
        make_key(key, i);
        leveldb_writebatch_put(batch, key, KEY_BYTES, (const char *)event, sizeof event);
        if (i % BATCH != BATCH - 1 && i + 1 < count)
            continue;
        leveldb_write(db, write, batch, &trouble);
        check(argv[0], trouble);
        leveldb_writebatch_clear(batch);
    }
    vd_bench_print_rate("leveldb-write", count, vd_bench_now_us() - begun);
    leveldb_writebatch_destroy(batch);
    leveldb_writeoptions_destroy(write);
    leveldb_close(db);
    return 0;
}

int vd_bench_leveldb_read(int argc, char **argv)
{
    if (argc != 1)
        vd_bench_fail("leveldb-read wants DIR");
    leveldb_t *db = open_db(argv[0]);
    leveldb_readoptions_t *read = leveldb_readoptions_create();
    double begun = vd_bench_now_us();
    leveldb_iterator_t *iterator = leveldb_create_iterator(db, read);
    size_t count = 0;
    for (leveldb_iter_seek_to_first(iterator); leveldb_iter_valid(iterator);
         leveldb_iter_next(iterator)) {
        size_t size = 0;
        leveldb_iter_value(iterator, &size);
        if (size != VD_BENCH_EVENT_BYTES)
            vd_bench_fail("%s: a value of %zu bytes", argv[0], size);
        count++;
    }
    vd_bench_print_rate("leveldb-read", count, vd_bench_now_us() - begun);
    leveldb_iter_destroy(iterator);
    leveldb_readoptions_destroy(read);
    leveldb_close(db);
    return 0;
}
