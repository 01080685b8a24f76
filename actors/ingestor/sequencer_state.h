/* sequencer_state.h: the state of the sequencer and what its files offer each other.
 *
 *   sequencer.c  what the store holds taken over; the step      commit.c   batches: out, durable,
 *   opening.c    OPEN: who holds a producer's name                         dropped
 *   emitting.c   EMIT: which frames get a place                 answers.c  every message that is
 *   owners.c     sessions whose owner is silent                            sent
 */
#ifndef VD_SEQUENCER_STATE_H
#define VD_SEQUENCER_STATE_H

#include "batch.h"
#include "sequencer.h"

/* Batches at a time; with COMMIT_BYTES_MAX each, together INGEST_QUEUE_BYTES_MAX. */
enum { VD_BATCHES = VD_INGEST_QUEUE_BYTES_MAX / VD_COMMIT_BYTES_MAX };

enum {
    VD_SEQ_OVERLOADED_MS = 20,
    VD_SEQ_TROUBLE_MS = 250,
};

struct vd_sequencer {
    char store[VD_STORE_ID_SIZE];
    uint64_t writer; /* epoch of this life of the ingestor */
    vd_names_t producers;
    vd_names_t sessions;
    uint32_t active; /* sessions that are active as assigned */
    /* The newest commit on disk, and the newest that is sealed. */
    uint64_t durable_index, sealed_index;
    uint32_t durable_chain, sealed_chain;
    int64_t durable_ms, sealed_ms;
    uint64_t durable_counter, counter; /* epochs given */
    /* Ring of batches, oldest first: done, out, sealed, collecting. */
    vd_batch_t batches[VD_BATCHES];
    uint32_t batch_head, batch_count;
    uint64_t batch_id;
    bool out;                 /* an append or a reopening is on its way */
    bool trouble;             /* the outcome of the batch that is out is unknown */
    vd_status_t trouble_told; /* why, as the log says it already */
    bool stopping;
    bool exited;
    int64_t start_us;
    int64_t owners_us; /* when owners were last looked at */
    int64_t reopen_wait_us;
    vd_buffer_t rows; /* scratch for rejects in answers */
    vd_sequencer_stats_t stats;
};

/* ---- opening.c, emitting.c, owners.c ---- */

void vd_seq_take_open(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);
void vd_seq_take_emit(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);
/* Looks at owners from now on. */
void vd_seq_start_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);
void vd_seq_look_at_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);

/* ---- commit.c ---- */

/* The batch that collects, with room for a frame; NULL when the queue is full. */
vd_batch_t *vd_seq_collect(vd_sequencer_t *self, vd_now_t now, uint32_t count, size_t size);
/* Sends the next batch out, if none is and there is something in it. */
void vd_seq_launch(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);
void vd_seq_take_appended(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          vd_effects_t *effects);
void vd_seq_take_reopened(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          vd_effects_t *effects);
void vd_seq_reopen(vd_sequencer_t *self, vd_effects_t *effects);
/* Sends answers of batches on disk as far as they fit, and frees the batches. */
void vd_seq_answer(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);

/* Is everything that was taken in on disk and answered? */
bool vd_seq_is_idle(vd_sequencer_t *self);

/* ---- answers.c ---- */

void vd_seq_send_opened(vd_sequencer_t *self, const vd_store_producer_t *record, uint64_t confirmed,
                        const vd_peer_t *peer, uint64_t correlation, vd_effects_t *effects);
/* Answers with the newest commit, which holds everything that `record` says. */
void vd_seq_send_committed(vd_sequencer_t *self, const vd_store_producer_t *record,
                           uint64_t confirmed, const vd_peer_t *peer, const vd_commit_t *commit,
                           vd_effects_t *effects);
void vd_seq_send_rejected(vd_sequencer_t *self, const vd_batch_t *batch,
                          const vd_batch_reject_t *reject, vd_effects_t *effects);
/* Refuses the message of `input` without consuming a number. */
void vd_seq_refuse(vd_sequencer_t *self, const vd_input_t *input, vd_status_t status,
                   const char *text, vd_effects_t *effects);
/* Answers the message of `input` with NOT_NOW. */
void vd_seq_not_now(vd_sequencer_t *self, const vd_input_t *input, uint64_t from,
                    vd_status_t status, uint64_t retry_ms, vd_effects_t *effects);

#endif
