/* hasty.c: a planted defect: an ingestor that says "on disk" before it is.
 *
 * Linked into an executable of the tests' own in the place of some functions of the store: an append is answered at once,
 * and done LATE_MS later by a thread. Ended in good order nothing is lost; killed, it loses what it had acknowledged.
 * Every other write, and the end, waits until all appends are done.
 */
#include "ingestor/store/store.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LATE_MS = 25, WAITING_MAX = 256 };

/* A batch that has been answered, with everything that it points to. */
typedef struct late {
    vd_store_batch_t batch;
    void **pieces;
    size_t piece_count, piece_room;
    int64_t answered_ms;
} late_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static late_t *waiting[WAITING_MAX];
static uint64_t taken, written;
static vd_store_t *the_store;

vd_status_t __real_vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                                   size_t error_size);
vd_status_t __wrap_vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                                   size_t error_size);
vd_status_t __real_vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                          char *error, size_t error_size);
vd_status_t __wrap_vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                          char *error, size_t error_size);
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
        vd_status_t status = __real_vd_store_append(the_store, &late->batch, text, sizeof text);
        if (status != VD_OK) {
            fprintf(stderr, "a late append failed: %s\n", text);
            abort();
        }
        free_late(late);
        pthread_mutex_lock(&lock);
        written++;
        pthread_cond_broadcast(&done);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void wait_until_written(void)
{
    pthread_mutex_lock(&lock);
    while (taken != written)
        pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}

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

vd_status_t __wrap_vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                          char *error, size_t error_size)
{
    wait_until_written();
    return __real_vd_store_save_position(self, position, error, error_size);
}

void __wrap_vd_store_close(vd_store_t **self)
{
    if (*self == the_store)
        wait_until_written();
    __real_vd_store_close(self);
}
