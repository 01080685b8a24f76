/* committer.h: the thread that writes: batches in, outcomes out, one after the other.
 *
 * 1. Jobs and outcomes go through two bounded one-way queues, each with an eventfd that wakes its
 *    reader. The sequencer has at most one append, or reopening, and one part of pruning out at a
 *    time, so that neither can overflow.
 * 2. Positions and states that readers want kept come through the hand-over, from another thread; they yield to
 *    the jobs.
 */
#ifndef VD_COMMITTER_H
#define VD_COMMITTER_H

#include "handover.h"
#include "store/store.h"
#include "written.h"

#include <stdbool.h>

typedef struct vd_committer vd_committer_t;

typedef enum vd_job_kind {
    VD_JOB_APPEND = 1,
    VD_JOB_REOPEN,
    VD_JOB_PRUNE,
    VD_JOB_FREE,
} vd_job_kind_t;

typedef struct vd_job {
    vd_job_kind_t kind;
    uint64_t token;
    const vd_store_batch_t *batch; /* APPEND: alive until the outcome was taken */
    const char *const *names;      /* PRUNE: sessions; likewise */
    uint32_t name_count;
} vd_job_t;

typedef struct vd_job_outcome {
    vd_job_t job;
    vd_status_t status;
    vd_store_tail_t tail; /* REOPEN with VD_OK */
    bool more;            /* FREE with VD_OK: there is more to free */
    char text[VD_TEXT_BYTES_MAX];
} vd_job_outcome_t;

/* Starts the thread on `store`, which stays the caller's, and opens `handover`, which outlives it.
 * `written` is told of each append. NULL without memory, descriptors or threads. */
vd_committer_t *vd_committer_new(vd_store_t *store, vd_handover_t *handover, vd_written_t *written);
/* Lets the jobs that are queued end, and the thread; closes the hand-over. */
void vd_committer_destroy(vd_committer_t **self);
/* Queues a job. */
void vd_committer_submit(vd_committer_t *self, const vd_job_t *job);
/* Has a job ended since this was asked last, or is there none? */
bool vd_committer_progresses(vd_committer_t *self);
/* Readable when there are outcomes. */
int vd_committer_fd(const vd_committer_t *self);
/* Silences the descriptor: before the outcomes are taken. */
void vd_committer_hush(vd_committer_t *self);
/* Takes the next outcome. False when there is none. */
bool vd_committer_take(vd_committer_t *self, vd_job_outcome_t *outcome);

#endif
