/* batch.h: what becomes one commit: runs, and the producers and sessions that it changes.
 *
 * 1. A frame's run is copied once, behind the others. Only when the frames of several sessions are
 *    mixed are the pieces of a session gathered in a second copy at the seal.
 * 2. The seal copies the records of producers and sessions as they are assigned then: what is
 *    assigned later belongs to later batches.
 * 3. Memory is reserved at init and touched as it is used.
 * 4. A session whose events may be what makes appends fail is alone in its batches: then its
 *    failures harm no other, and tell something.
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

/* The record of a frame in the batch. */
typedef struct vd_batch_record {
    const vd_session_t *session;
    uint64_t seq; /* of the frame's first event */
    uint32_t hash;
    char record[VD_NAME_BYTES_MAX + 1];
} vd_batch_record_t;

typedef struct vd_batch_reject {
    vd_producer_t *producer;
    uint64_t epoch;
    uint64_t first;
    uint32_t count;
    vd_status_t status;
    uint64_t seq; /* with VD_EXISTS: where the record stands */
    uint32_t text_at, text_size;
} vd_batch_reject_t;

typedef struct vd_batch_producer {
    vd_producer_t *producer;
    bool emitted;
} vd_batch_producer_t;

struct vd_batch_piece;
struct vd_batch_run;

enum { VD_BATCH_LEAVING_MAX = 64 };

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
    vd_batch_record_t *records;
    vd_store_record_t *record_list;
    uint32_t *record_slots; /* open addressing: place + 1; 0: free */
    uint32_t record_count;
    vd_producer_t *leaving[VD_BATCH_LEAVING_MAX]; /* forgotten with this batch */
    const char *leaving_names[VD_BATCH_LEAVING_MAX];
    uint32_t leaving_count;
    const vd_session_t *alone; /* the only session with events in it; NULL: any */
    bool notices;              /* has events of the ingestor itself */
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
/* Gives the frame that is added next at sequence `seq` of `session` its record, which the batch does
 * not hold yet. */
void vd_batch_note_record(vd_batch_t *self, const vd_session_t *session, vd_str_t record,
                          uint64_t seq);
/* The first sequence of the frame that has this record in the batch; 0: none has. */
uint64_t vd_batch_find_record(const vd_batch_t *self, const vd_session_t *session, vd_str_t record);
/* Adds a rejection to answer with. */
void vd_batch_reject(vd_batch_t *self, vd_producer_t *producer, uint64_t first, uint32_t count,
                     const vd_verdict_t *verdict);
/* Makes a commit of a batch that may have nothing in it. */
void vd_batch_touch(vd_batch_t *self);
/* Has a producer forgotten with the batch. False when there is no room for one more. Counts as a
 * frame. */
bool vd_batch_leave(vd_batch_t *self, vd_producer_t *producer);
/* The session of a run (< run_count). */
vd_session_t *vd_batch_session(const vd_batch_t *self, uint32_t run);
/* Completes the batch as the commit after (index - 1, chain `previous`). */
void vd_batch_seal(vd_batch_t *self, uint64_t index, int64_t time_ms, uint64_t epoch,
                   uint32_t previous, uint64_t epoch_counter);

#endif
