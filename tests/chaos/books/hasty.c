/* hasty.c: a planted defect: an ingestor that says "on disk" before it is.
 *
 * Linked into an executable of the tests' own in the place of some functions of the store: an append is answered at once,
 * and done LATE_MS later by a thread. Ended in good order nothing is lost; killed, it loses what it had acknowledged.
 *
 * 1. Nothing else differs. At most WAITING_MAX appends are late; the next one waits, as it would for a disk.
 * 2. What names a place in the store waits for the appends up to there, and not for those behind it.
 * 3. The reading thread hears of a commit when it is written, for it never is ahead of the store.
 * 4. One writes at a time. Pruning, opening again and the end wait until no append is late.
 */
#include "ingestor/reader.h"
#include "ingestor/store/store.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LATE_MS = 25, WAITING_MAX = 8 };

/* A batch that has been answered, with everything that it points to. */
typedef struct late {
    vd_store_batch_t batch;
    void **pieces;
    size_t piece_count, piece_room;
    int64_t answered_ms;
    vd_reader_t *reader; /* is to hear of it, in the store of this id; NULL: not yet */
    char store[VD_STORE_ID_SIZE];
} late_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static late_t *waiting[WAITING_MAX];
static uint64_t taken, written;
static vd_store_t *the_store;

/* WRAPPED (NAME, PARAMETERS): both names of a function that the linker puts this one in the place of. */
#define WRAPPED(name, ...)                                                                         \
    vd_status_t __real_##name(__VA_ARGS__);                                                        \
    vd_status_t __wrap_##name(__VA_ARGS__)

WRAPPED(vd_store_append, vd_store_t *, const vd_store_batch_t *, char *, size_t);
WRAPPED(vd_store_save_position, vd_store_t *, const vd_store_position_t *, char *, size_t);
WRAPPED(vd_store_forget_position, vd_store_t *, const char *, char *, size_t);
WRAPPED(vd_store_save_snapshot, vd_store_t *, const vd_store_snapshot_t *, vd_bytes_t, uint32_t,
        char *, size_t);
WRAPPED(vd_store_holds, vd_store_t *, uint64_t, uint64_t, uint32_t);
WRAPPED(vd_store_reopen, vd_store_t *, vd_store_tail_t *, char *, size_t);
WRAPPED(vd_store_prune_mark, vd_store_t *, const char *const *, uint32_t, char *, size_t);
WRAPPED(vd_store_prune_step, vd_store_t *, bool *, char *, size_t);
void __real_vd_reader_show(vd_reader_t *self, const char *store, const vd_commit_t *commit);
void __wrap_vd_reader_show(vd_reader_t *self, const char *store, const vd_commit_t *commit);
void __real_vd_reader_tell_changed(vd_reader_t *self, const vd_store_tail_t *tail);
void __wrap_vd_reader_tell_changed(vd_reader_t *self, const vd_store_tail_t *tail);
void __real_vd_store_close(vd_store_t **self);
void __wrap_vd_store_close(vd_store_t **self);

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- copies ---- */

static void *copy(late_t *late, const void *data, size_t size)
{
    void *piece = malloc(size + 1);
    if (late->piece_count == late->piece_room) {
        late->piece_room = 2 * late->piece_room + 16;
        late->pieces = realloc(late->pieces, late->piece_room * sizeof *late->pieces);
    }
    assert(piece != NULL && late->pieces != NULL);
    if (size > 0)
        memcpy(piece, data, size);
    ((char *)piece)[size] = 0;
    late->pieces[late->piece_count++] = piece;
    return piece;
}

static vd_bytes_t copy_bytes(late_t *late, vd_bytes_t bytes)
{
    return vd_bytes(copy(late, bytes.data, bytes.size), bytes.size);
}

static void copy_runs(late_t *late)
{
    vd_commit_t *commit = &late->batch.commit;
    vd_commit_run_t *runs = copy(late, commit->runs, commit->run_count * sizeof *runs);
    for (uint32_t i = 0; i < commit->run_count; i++) {
        runs[i].session = copy_bytes(late, runs[i].session);
        runs[i].run = copy_bytes(late, runs[i].run);
    }
    commit->runs = runs;
}

static void copy_names(late_t *late)
{
    vd_store_batch_t *batch = &late->batch;
    const char **names = copy(late, batch->forgotten, batch->forgotten_count * sizeof *names);
    for (uint32_t i = 0; i < batch->forgotten_count; i++)
        names[i] = copy(late, names[i], strlen(names[i]));
    batch->forgotten = names;
    vd_store_record_t *records = copy(late, batch->records, batch->record_count * sizeof *records);
    for (uint32_t i = 0; i < batch->record_count; i++) {
        records[i].session = copy_bytes(late, records[i].session);
        records[i].record = copy_bytes(late, records[i].record);
    }
    batch->records = records;
}

static late_t *copy_batch(const vd_store_batch_t *batch)
{
    late_t *late = calloc(1, sizeof *late);
    assert(late != NULL);
    late->batch = *batch;
    late->answered_ms = now_ms();
    copy_runs(late);
    copy_names(late);
    const vd_store_producer_t **producers =
        copy(late, batch->producers, batch->producer_count * sizeof *producers);
    for (uint32_t i = 0; i < batch->producer_count; i++)
        producers[i] = copy(late, producers[i], sizeof *producers[i]);
    late->batch.producers = producers;
    const vd_store_session_t **sessions =
        copy(late, batch->sessions, batch->session_count * sizeof *sessions);
    for (uint32_t i = 0; i < batch->session_count; i++)
        sessions[i] = copy(late, sessions[i], sizeof *sessions[i]);
    late->batch.sessions = sessions;
    return late;
}

static void free_late(late_t *late)
{
    for (size_t i = 0; i < late->piece_count; i++)
        free(late->pieces[i]);
    free(late->pieces);
    free(late);
}

/* ---- writing late ---- */

/* Until no append is late that brings commit `index`, or one before it. */
static void wait_for_commit(uint64_t index)
{
    pthread_mutex_lock(&lock);
    while (taken != written && waiting[written % WAITING_MAX]->batch.commit.index <= index)
        pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}

/* Until the place can be in the store: behind commit `index` and `offset` events of the next one. */
static void wait_for_place(uint64_t index, uint64_t offset)
{
    wait_for_commit(index + (offset > 0 ? 1 : 0));
}

static void begin_write(void)
{
    pthread_mutex_lock(&writing);
}

static vd_status_t end_write(vd_status_t status)
{
    pthread_mutex_unlock(&writing);
    return status;
}

static void *write_late(void *arg)
{
    (void)arg;
    for (;;) {
        char text[VD_TEXT_BYTES_MAX] = "";
        pthread_mutex_lock(&lock);
        while (taken == written)
            pthread_cond_wait(&done, &lock);
        late_t *late = waiting[written % WAITING_MAX];
        pthread_mutex_unlock(&lock);
        int64_t early_ms = late->answered_ms + LATE_MS - now_ms();
        if (early_ms > 0)
            poll(NULL, 0, (int)early_ms);
        begin_write();
        vd_status_t status =
            end_write(__real_vd_store_append(the_store, &late->batch, text, sizeof text));
        if (status != VD_OK) {
            fprintf(stderr, "a late append failed: %s\n", text);
            abort();
        }
        pthread_mutex_lock(&lock);
        if (late->reader != NULL)
            __real_vd_reader_show(late->reader, late->store, &late->batch.commit);
        written++;
        pthread_cond_broadcast(&done);
        pthread_mutex_unlock(&lock);
        free_late(late);
    }
    return NULL;
}

/* ---- in the place of the store's ---- */

vd_status_t __wrap_vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                                   size_t error_size)
{
    (void)error, (void)error_size;
    static pthread_t thread;
    late_t *late = copy_batch(batch);
    pthread_mutex_lock(&lock);
    if (the_store == NULL) {
        the_store = self;
        pthread_create(&thread, NULL, write_late, NULL);
        pthread_detach(thread);
    }
    while (taken - written == WAITING_MAX)
        pthread_cond_wait(&done, &lock);
    waiting[taken++ % WAITING_MAX] = late;
    pthread_cond_broadcast(&done);
    pthread_mutex_unlock(&lock);
    return VD_OK;
}

vd_status_t __wrap_vd_store_holds(vd_store_t *self, uint64_t index, uint64_t offset, uint32_t chain)
{
    wait_for_place(index, offset);
    return __real_vd_store_holds(self, index, offset, chain);
}

vd_status_t __wrap_vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                          char *error, size_t error_size)
{
    wait_for_place(position->index, position->offset);
    begin_write();
    return end_write(__real_vd_store_save_position(self, position, error, error_size));
}

vd_status_t __wrap_vd_store_forget_position(vd_store_t *self, const char *name, char *error,
                                            size_t error_size)
{
    begin_write();
    return end_write(__real_vd_store_forget_position(self, name, error, error_size));
}

vd_status_t __wrap_vd_store_save_snapshot(vd_store_t *self, const vd_store_snapshot_t *snapshot,
                                          vd_bytes_t state, uint32_t keep, char *error,
                                          size_t error_size)
{
    wait_for_place(snapshot->index, snapshot->offset);
    begin_write();
    return end_write(__real_vd_store_save_snapshot(self, snapshot, state, keep, error, error_size));
}

vd_status_t __wrap_vd_store_reopen(vd_store_t *self, vd_store_tail_t *tail, char *error,
                                   size_t error_size)
{
    wait_for_commit(UINT64_MAX);
    begin_write();
    return end_write(__real_vd_store_reopen(self, tail, error, error_size));
}

vd_status_t __wrap_vd_store_prune_mark(vd_store_t *self, const char *const *sessions,
                                       uint32_t count, char *error, size_t error_size)
{
    wait_for_commit(UINT64_MAX);
    begin_write();
    return end_write(__real_vd_store_prune_mark(self, sessions, count, error, error_size));
}

vd_status_t __wrap_vd_store_prune_step(vd_store_t *self, bool *more, char *error, size_t error_size)
{
    wait_for_commit(UINT64_MAX);
    begin_write();
    return end_write(__real_vd_store_prune_step(self, more, error, error_size));
}

void __wrap_vd_reader_show(vd_reader_t *self, const char *store, const vd_commit_t *commit)
{
    late_t *late = NULL;
    pthread_mutex_lock(&lock);
    for (uint64_t i = written; i < taken && late == NULL; i++)
        if (waiting[i % WAITING_MAX]->batch.commit.index == commit->index)
            late = waiting[i % WAITING_MAX];
    if (late != NULL) {
        late->reader = self;
        vd_str_copy(late->store, sizeof late->store, vd_str(store));
    } else
        __real_vd_reader_show(self, store, commit);
    pthread_mutex_unlock(&lock);
}

void __wrap_vd_reader_tell_changed(vd_reader_t *self, const vd_store_tail_t *tail)
{
    wait_for_commit(UINT64_MAX);
    __real_vd_reader_tell_changed(self, tail);
}

void __wrap_vd_store_close(vd_store_t **self)
{
    if (*self == the_store)
        wait_for_commit(UINT64_MAX);
    __real_vd_store_close(self);
}
