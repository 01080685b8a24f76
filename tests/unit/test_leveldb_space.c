/* test_leveldb_space.c: disk space behind pruning, with the backend "leveldb": that it comes back,
 * and what may go wrong on the disk meanwhile. */
#include "tests/laws/store_fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

/* The thread sanitizer asks this: a child of this test begins threads of its own. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

/* ---- a disk that holds back a compaction ---- */

static pthread_t appender;
static _Atomic int table_syncs; /* by others than the appender */
static _Atomic int held_at;     /* the one that waits until this is 0; 0: none does */
static _Atomic bool holding, background_fails;

static bool is_table(int file)
{
    char link[64], name[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, name, sizeof name);
    return size > 4 && memcmp(name + size - 4, ".ldb", 4) == 0;
}

static int on_sync(int file)
{
    if (pthread_equal(pthread_self(), appender) || !is_table(file))
        return 0;
    int number = ++table_syncs;
    time_t deadline = time(NULL) + 20;
    while (held_at != 0 && number >= held_at && time(NULL) < deadline) {
        holding = true;
        poll(NULL, 0, 1);
    }
    return 0;
}

static int on_write(size_t *size)
{
    if (!background_fails || pthread_equal(pthread_self(), appender))
        return 0;
    *size = 0;
    return EIO;
}

static void hold_at(int sync)
{
    appender = pthread_self();
    table_syncs = 0;
    holding = background_fails = false;
    held_at = sync;
    fixture_hook_disk(on_write, on_sync);
}

static void let_go(void)
{
    held_at = 0;
}

static void wait_until_held(void)
{
    time_t deadline = time(NULL) + 20;
    while (!holding && time(NULL) < deadline)
        poll(NULL, 0, 1);
    assert_true(holding);
}

/* ---- what is pruned ---- */

static uint64_t disk_bytes(fixture_t *f)
{
    vd_store_info_t info;
    vd_store_info(f->store, &info);
    return info.disk_bytes;
}

static void wait_for_disk(fixture_t *f, uint64_t bytes)
{
    time_t deadline = time(NULL) + 60;
    while (disk_bytes(f) > bytes && time(NULL) < deadline)
        poll(NULL, 0, 5);
    if (disk_bytes(f) > bytes)
        fail_msg("%u KiB are in use, not %u", (unsigned)(disk_bytes(f) / 1024),
                 (unsigned)(bytes / 1024));
}

static void append_bytes(fixture_t *f, const char *session, unsigned mib)
{
    for (unsigned i = 0; i < 4 * mib; i++)
        fixture_append_sized(f, session, 4, MIB / 16);
}

/* "a" with 5 MiB between others with 9, ended. */
static void fill(fixture_t *f)
{
    fixture_open(f);
    append_bytes(f, "0", 1);
    append_bytes(f, "a", 5);
    append_bytes(f, "b", 8);
    fixture_end_session(f, "a");
}

static void prune(fixture_t *f)
{
    static const char *const gone[] = {"a"};
    fixture_prune(f, gone, 1);
    while (fixture_prune_step(f))
        ;
}

static void test_space_in_tables_comes_back(void **state)
{
    fixture_t *f = *state;
    fill(f);
    fixture_reopen(f); /* what the log held is in tables now */
    assert_true(disk_bytes(f) > 14u * MIB);
    prune(f);
    wait_for_disk(f, 10u * MIB);
    fixture_check_all(f, NULL);
}

static void test_space_in_memory_only_comes_back(void **state)
{
    fixture_t *f = *state;
    fixture_open(f);
    append_bytes(f, "0", 1);
    append_bytes(f, "a", 5);
    fixture_end_session(f, "a");
    assert_true(disk_bytes(f) > 6u * MIB);
    prune(f);
    wait_for_disk(f, 2u * MIB);
    fixture_check_all(f, NULL);
}

/* None of them is worth it alone. */
static void test_space_of_many_small_sessions_comes_back(void **state)
{
    fixture_t *f = *state;
    enum { SESSIONS = 300 };
    static char names[SESSIONS][8];
    static const char *gone[SESSIONS];
    fixture_open(f);
    append_bytes(f, "0", 1);
    for (unsigned i = 0; i < SESSIONS; i++) {
        snprintf(names[i], sizeof names[i], "n%03u", i);
        gone[i] = names[i];
        fixture_append_sized(f, names[i], 1, 10000);
        fixture_end_session(f, names[i]);
    }
    append_bytes(f, "z", 1);
    fixture_reopen(f);
    assert_true(disk_bytes(f) > 4u * MIB);
    fixture_prune(f, gone, SESSIONS);
    while (fixture_prune_step(f))
        ;
    wait_for_disk(f, 5u * MIB / 2);
    fixture_check_all(f, NULL);
}

/* A process prunes and is killed before anything was compacted. */
static void test_space_comes_back_after_a_kill(void **state)
{
    fixture_t *f = *state;
    fill(f);
    vd_store_close(&f->store);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        hold_at(1);
        fixture_open(f);
        prune(f);
        raise(SIGKILL);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    fixture_open(f);
    assert_true(disk_bytes(f) > 14u * MIB);
    wait_for_disk(f, 10u * MIB);
}

static void test_appends_go_on_while_space_is_freed(void **state)
{
    fixture_t *f = *state;
    fill(f);
    fixture_reopen(f);
    hold_at(2); /* the deletions are in a table; this one is merged from others */
    prune(f);
    wait_until_held();
    append_bytes(f, "b", 1);
    assert_int_equal(table_syncs, 2);
    let_go();
    wait_for_disk(f, 12u * MIB);
    fixture_check_all(f, NULL);
    fixture_hook_disk(NULL, NULL);
}

static void fail_and_recover(fixture_t *f, bool at_sync)
{
    static const char *const names[] = {"b"};
    vd_store_tail_t tail;
    fixture_fail_append(f, names, 1, at_sync);
    let_go();
    background_fails = false;
    fixture_heal(f);
    fixture_hook_disk(NULL, NULL);
    fixture_recover(f, &tail);
    fixture_adopt(f, &tail);
    fixture_check_all(f, NULL);
    fixture_reopen(f);
    fixture_append_sized(f, "b", 1, 10); /* until then the old log stays */
    wait_for_disk(f, 10u * MIB);
}

static void test_a_log_that_cannot_be_synced_meanwhile(void **state)
{
    fixture_t *f = *state;
    fill(f);
    fixture_reopen(f);
    hold_at(2);
    prune(f);
    wait_until_held();
    fail_and_recover(f, true);
}

/* In the middle of a merge the write buffer is full, and cannot be written. */
static void test_memory_that_cannot_be_written_meanwhile(void **state)
{
    fixture_t *f = *state;
    fill(f);
    fixture_reopen(f);
    hold_at(2);
    prune(f);
    wait_until_held();
    append_bytes(f, "b", 18);
    background_fails = true;
    let_go();
    char error[VD_TEXT_BYTES_MAX];
    time_t deadline = time(NULL) + 20;
    vd_store_tail_t tail;
    /* LevelDB refuses writes once it has noticed; the handle is given up only then. */
    do {
        poll(NULL, 0, 1);
        error[0] = 0;
    } while (fixture_try_append(f, "b", error) == VD_OK && time(NULL) < deadline);
    assert_int_not_equal(error[0], 0);
    background_fails = false;
    fixture_hook_disk(NULL, NULL);
    fixture_recover(f, &tail);
    fixture_adopt(f, &tail);
    fixture_check_all(f, NULL);
    fixture_reopen(f);
    fixture_append_sized(f, "b", 1, 10);
    wait_for_disk(f, 30u * MIB);
}

#define ON_DISK(test) ON(test, "leveldb")

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(test_space_in_tables_comes_back),
        ON_DISK(test_space_in_memory_only_comes_back),
        ON_DISK(test_space_of_many_small_sessions_comes_back),
        ON_DISK(test_space_comes_back_after_a_kill),
        ON_DISK(test_appends_go_on_while_space_is_freed),
        ON_DISK(test_a_log_that_cannot_be_synced_meanwhile),
        ON_DISK(test_memory_that_cannot_be_written_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
