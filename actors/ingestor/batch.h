/* batch.h: what becomes one commit: runs, and the producers and sessions that it changes.
 *
 * 1. A frame's run is copied once, behind the others. Only when the frames of several sessions are
 *    mixed are the pieces of a session gathered in a second copy at the seal.
 * 2. The seal copies the records of producers and sessions as they are assigned then: what is
 *    assigned later belongs to later batches.
 * 3. Memory is reserved at init and touched as it is used.
 */
#ifndef VD_BATCH_H
#define VD_BATCH_H

#include "producers.h"
#include "sessions.h"

typedef enum vd_batch_state {
    VD_BATCH_COLLECTING = 1,
    VD_BATCH_SEALED, /* complete, waits for the one before */
    VD_BATCH_OUT,    /* its append is on the way */
    VD_BATCH_DONE,   /* on disk; answers are being sent */
} vd_batch_state_t;

typedef struct vd_batch_reject {
    vd_producer_t *producer;
    uint64_t epoch;
    uint64_t first;
    uint32_t count;
    vd_status_t status;
    uint32_t text_at, text_size;
} vd_batch_reject_t;

typedef struct vd_batch_producer {
    vd_producer_t *producer;
    bool emitted;
} vd_batch_producer_t;

struct vd_batch_piece;
struct vd_batch_run;

typedef struct vd_batch {
    uint64_t id; /* above 0, new for each use of the slot */
    vd_batch_state_t state;
    uint32_t frames, events;
    vd_buffer_t bytes, gathered, texts;
    struct vd_batch_piece *pieces;
    uint32_t piece_count;
    struct vd_batch_run *runs;
    vd_commit_run_t *commit_runs;
    uint32_t run_count;
    vd_batch_producer_t *producers;
    vd_store_producer_t *producer_records;
    const vd_store_producer_t **producer_list;
    uint32_t producer_count;
    vd_session_t **sessions;
    vd_store_session_t *session_records;
    const vd_store_session_t **session_list;
    uint32_t session_count;
    vd_batch_reject_t *rejects;
    uint32_t reject_count;
    vd_producer_t *leaving; /* forgotten with this batch; NULL: none */
    const char *leaving_name;
    uint32_t rejects_answered, producers_answered;
    vd_store_batch_t store;
} vd_batch_t;

/* False without memory. */
bool vd_batch_init(vd_batch_t *self);
void vd_batch_free(vd_batch_t *self);
/* Empties the batch for a new use. */
void vd_batch_begin(vd_batch_t *self, uint64_t id);
/* May a frame of `count` events and `size` bytes still go into it? Makes sure of the memory for
 * it. */
bool vd_batch_fits(vd_batch_t *self, uint32_t count, size_t size);
/* Adds a frame that fits: `count` events of `session` from sequence `first_seq` on. */
void vd_batch_add(vd_batch_t *self, vd_session_t *session, uint64_t first_seq, vd_bytes_t run,
                  uint32_t count);
/* Puts a producer's or session's record into the batch (once). Counts as a frame. */
void vd_batch_touch_producer(vd_batch_t *self, vd_producer_t *producer, bool emitted);
void vd_batch_touch_session(vd_batch_t *self, vd_session_t *session);
/* Adds a rejection to answer with. */
void vd_batch_reject(vd_batch_t *self, vd_producer_t *producer, uint64_t first, uint32_t count,
                     vd_status_t status, const char *text);
/* Completes the batch as the commit after (index - 1, chain `previous`). */
void vd_batch_seal(vd_batch_t *self, uint64_t index, int64_t time_ms, uint64_t epoch,
                   uint32_t previous, uint64_t epoch_counter);

#endif
