/* store_fixture.h: a store under test, with a copy of everything that it has acknowledged.
 *
 * 1. Every append is kept as the commit that was given, so that reading can be compared byte for
 *    byte.
 * 2. The system calls that write are this program's own: they can be made to fail, and syncs are
 *    counted.
 */
#ifndef VD_TESTS_STORE_FIXTURE_H
#define VD_TESTS_STORE_FIXTURE_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/memory.h"
#include "store/store.h"

#define FIXTURE_COMMITS_MAX 4096

typedef struct fixture {
    const char *backend;
    char dir[256];
    vd_memory_image_t *image;
    struct vd_faulty *faulty; /* backend "faulty"; else NULL */
    vd_store_t *store;
    uint64_t seed;
    uint64_t commit_count;
    vd_commit_t *commits[FIXTURE_COMMITS_MAX];
    vd_commit_t *pending; /* its append has failed */
    vd_store_tail_t tail; /* as it must be */
} fixture_t;

/* A test on a backend, and on all of them. */
#define ON(test, backend)                                                                          \
    cmocka_unit_test_prestate_setup_teardown(test, fixture_setup, fixture_teardown, backend)
#define BOTH(test)  ON(test, "memory"), ON(test, "leveldb")
#define EVERY(test) BOTH(test), ON(test, "faulty")

int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_open(fixture_t *f);
/* Closes and opens. */
void fixture_reopen(fixture_t *f);

/* Lets the program's own writes and syncs ask first (faulty_store.h). NULL: no more. */
void fixture_hook_disk(int (*on_write)(size_t *size), int (*on_sync)(int file));

/* Reopens after something has failed; what was acknowledged must be there. */
void fixture_recover(fixture_t *f, vd_store_tail_t *tail);
/* Appends, over every fault of "faulty"; completes batch->commit with index, time and chain, and keeps a copy. */
void fixture_append(fixture_t *f, vd_store_batch_t *batch);
void fixture_append_random(fixture_t *f, const char *const *names, unsigned count);
void fixture_append_empty(fixture_t *f, uint64_t epoch_counter);
void fixture_append_sized(fixture_t *f, const char *session, unsigned events, size_t size);
void fixture_append_many_sessions(fixture_t *f, unsigned count);
/* Ends a session: its record then says completed. */
void fixture_end_session(fixture_t *f, const char *session);
/* Marks sessions as pruned, in the store and in the copies, where their bytes stay. */
void fixture_prune(fixture_t *f, const char *const *sessions, unsigned count);
/* One step of pruning. Returns whether there is more. */
bool fixture_prune_step(fixture_t *f);
/* Appends with a write that fails (or, with `at_sync`, a sync), and goes on failing until
 * healed. */
void fixture_fail_append(fixture_t *f, const char *const *names, unsigned count, bool at_sync);
void fixture_heal(fixture_t *f);
/* Appends an event; when that fails, with text, it is for fixture_adopt. */
vd_status_t fixture_try_append(fixture_t *f, const char *session, char error[VD_TEXT_BYTES_MAX]);
/* After a reopening: keeps the failed commit if the store has it. */
void fixture_adopt(fixture_t *f, const vd_store_tail_t *tail);

bool fixture_has(const vd_commit_t *commit, const char *session);
uint64_t fixture_last_seq(const fixture_t *f, const char *session);
/* Compares a commit that was read, under a session filter or NULL. */
void fixture_same_commit(const vd_commit_t *read, const vd_commit_t *given, const char *session);
/* Reads everything from commit `from` on and compares. Returns how many commits there were. */
uint64_t fixture_check_from(fixture_t *f, uint64_t from, const char *session);
uint64_t fixture_check_all(fixture_t *f, const char *session);

/* Syncs that this program has made. */
unsigned fixture_syncs(void);

#endif
