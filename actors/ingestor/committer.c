/* committer.c: the writing thread and its queues. */
#include "committer.h"

#include "kit/failpoint.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_SIZE 8u /* a power of two */

/* One writer, one reader: each moves its own end only. */
typedef struct queue_ends {
    _Atomic uint32_t written;
    _Atomic uint32_t read;
} queue_ends_t;

struct vd_committer {
    vd_store_t *store;
    vd_written_t *written;
    pthread_t thread;
    atomic_bool stop;
    int job_fd;
    int outcome_fd;
    vd_handover_t *handover;
    queue_ends_t jobs_ends;
    vd_job_t jobs[QUEUE_SIZE];
    queue_ends_t outcomes_ends;
    vd_job_outcome_t outcomes[QUEUE_SIZE];
    uint32_t done_seen; /* by vd_committer_progresses */
};

static void wake(int file)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(file, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    /* EAGAIN: its counter is full, so that its reader is awake already. */
    assert(written == (ssize_t)sizeof one || errno == EAGAIN);
}

/* Place of the next thing to read; false when there is none. */
static bool readable(queue_ends_t *ends, uint32_t *place)
{
    uint32_t read = atomic_load_explicit(&ends->read, memory_order_relaxed);
    if (atomic_load_explicit(&ends->written, memory_order_acquire) == read)
        return false;
    *place = read % QUEUE_SIZE;
    return true;
}

static void advance_read(queue_ends_t *ends)
{
    atomic_fetch_add_explicit(&ends->read, 1, memory_order_release);
}

static uint32_t writable(queue_ends_t *ends)
{
    uint32_t written = atomic_load_explicit(&ends->written, memory_order_relaxed);
    assert(written - atomic_load_explicit(&ends->read, memory_order_acquire) < QUEUE_SIZE);
    return written % QUEUE_SIZE;
}

static void advance_written(queue_ends_t *ends)
{
    atomic_fetch_add_explicit(&ends->written, 1, memory_order_release);
}

/* ---- the thread ---- */

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static vd_status_t append(vd_committer_t *self, const vd_store_batch_t *batch, char *text,
                          size_t size)
{
    uint64_t begun_us = now_us(), events = 0;
    vd_status_t status = vd_store_append(self->store, batch, text, size);
    uint64_t took_us = now_us() - begun_us;
    for (uint32_t r = 0; r < batch->commit.run_count; r++)
        events += batch->commit.runs[r].count;
    vd_written_note(self->written, status == VD_OK, events, took_us);
    return status;
}

static void work(vd_committer_t *self, const vd_job_t *job)
{
    vd_job_outcome_t *outcome = &self->outcomes[writable(&self->outcomes_ends)];
    outcome->job = *job;
    outcome->text[0] = 0;
    char *text = outcome->text;
    size_t size = sizeof outcome->text;
    switch (job->kind) {
    case VD_JOB_APPEND:
        vd_failpoint("ingestor.before_commit");
        outcome->status = append(self, job->batch, text, size);
        vd_failpoint("ingestor.after_commit");
        break;
    case VD_JOB_REOPEN:
        outcome->status = vd_store_reopen(self->store, &outcome->tail, text, size);
        break;
    case VD_JOB_PRUNE:
        outcome->status = vd_store_prune_mark(self->store, job->names, job->name_count, text, size);
        break;
    case VD_JOB_FREE:
        outcome->status = vd_store_prune_step(self->store, &outcome->more, text, size);
        break;
    }
    advance_written(&self->outcomes_ends);
    wake(self->outcome_fd);
}

/* Writes what a reader wants kept. False when there is nothing. */
static bool keep(vd_committer_t *self)
{
    vd_kept_write_t write;
    uint64_t token;
    char text[VD_TEXT_BYTES_MAX] = "";
    if (!vd_handover_take(self->handover, &token, &write))
        return false;
    vd_status_t status = vd_kept_perform(self->store, &write, text, sizeof text);
    vd_handover_answer(self->handover, token, status, text);
    return true;
}

static void *run(void *arg)
{
    vd_committer_t *self = arg;
    for (;;) {
        uint32_t place;
        while (readable(&self->jobs_ends, &place)) {
            vd_job_t job = self->jobs[place];
            advance_read(&self->jobs_ends);
            work(self, &job);
        }
        if (keep(self))
            continue;
        if (atomic_load(&self->stop))
            return NULL;
        uint64_t count;
        ssize_t size = read(self->job_fd, &count, sizeof count);
        assert(size == (ssize_t)sizeof count || errno == EINTR);
    }
}

/* ---- the other side ---- */

static void wake_to_keep(void *arg)
{
    vd_committer_t *self = arg;
    wake(self->job_fd);
}

vd_committer_t *vd_committer_new(vd_store_t *store, vd_handover_t *handover, vd_written_t *written)
{
    assert(store != NULL && handover != NULL && written != NULL);
    vd_committer_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->store = store;
    self->written = written;
    self->handover = handover;
    self->job_fd = eventfd(0, EFD_CLOEXEC);
    self->outcome_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->job_fd >= 0 && self->outcome_fd >= 0 &&
        pthread_create(&self->thread, NULL, run, self) == 0) {
        vd_handover_open(handover, wake_to_keep, self);
        return self;
    }
    if (self->job_fd >= 0)
        close(self->job_fd);
    if (self->outcome_fd >= 0)
        close(self->outcome_fd);
    free(self);
    return NULL;
}

void vd_committer_destroy(vd_committer_t **committer)
{
    assert(committer != NULL);
    vd_committer_t *self = *committer;
    *committer = NULL;
    if (self == NULL)
        return;
    atomic_store(&self->stop, true);
    wake(self->job_fd);
    pthread_join(self->thread, NULL);
    vd_handover_close(self->handover, VD_NOT_READY, "the ingestor is stopping");
    close(self->job_fd);
    close(self->outcome_fd);
    free(self);
}

void vd_committer_submit(vd_committer_t *self, const vd_job_t *job)
{
    assert(job->kind != VD_JOB_APPEND || job->batch != NULL);
    self->jobs[writable(&self->jobs_ends)] = *job;
    advance_written(&self->jobs_ends);
    wake(self->job_fd);
}

bool vd_committer_progresses(vd_committer_t *self)
{
    uint32_t done = atomic_load_explicit(&self->outcomes_ends.written, memory_order_relaxed);
    uint32_t asked = atomic_load_explicit(&self->jobs_ends.written, memory_order_relaxed);
    bool progresses = done == asked || done != self->done_seen;
    self->done_seen = done;
    return progresses;
}

int vd_committer_fd(const vd_committer_t *self)
{
    return self->outcome_fd;
}

void vd_committer_hush(vd_committer_t *self)
{
    uint64_t count;
    ssize_t size = read(self->outcome_fd, &count, sizeof count);
    assert(size == (ssize_t)sizeof count || errno == EAGAIN || errno == EINTR);
}

bool vd_committer_take(vd_committer_t *self, vd_job_outcome_t *outcome)
{
    uint32_t place;
    if (!readable(&self->outcomes_ends, &place))
        return false;
    *outcome = self->outcomes[place];
    advance_read(&self->outcomes_ends);
    return true;
}
