/* sequencer_state.h: the state of the sequencer and what its files offer each other.
 *
 *   sequencer.c  what the store holds taken over; the step      commit.c   batches: out, durable,
 *   opening.c    OPEN: who holds a producer's name                         dropped
 *   emitting.c   EMIT: which frames get a place                 answers.c  every message that is
 *   owners.c     sessions whose owner is silent                            sent
 *   marks.c      marks that nobody uses any more                outage.c   what failed appends do to
 *   prune.c      which sessions are pruned                                 sessions
 *   telling.c    what subscribers go through
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
    VD_SEQ_STREAK_MAX = 2, /* failures in a row, then the session's events go alone */
    VD_SEQ_FAILURES_MAX =
        5, /* failures between which others succeed, then the session has failed */
};

/* A session that is not in the store, because its beginning made an append fail. */
typedef struct vd_suspect {
    char id[VD_NAME_BYTES_MAX + 1]; /* first member: begins with the name */
    vd_suspicion_t suspicion;
} vd_suspect_t;

/* Pruning: one request, or one round of the policy, at a time. */
typedef struct vd_prune {
    vd_prune_limits_t policy;
    int64_t look_us; /* the policy looks again then */
    bool out;        /* an operation is on its way */
    bool more;       /* there may be space to free */
    int64_t free_us; /* not before */
    int64_t begun_us;
    /* What is being done. */
    bool asked; /* by a peer, and not by the policy */
    vd_peer_t peer;
    uint64_t correlation;
    vd_prune_limits_t limits;
    char session[VD_NAME_BYTES_MAX + 1];
    vd_session_t **list; /* NULL: nothing is being done */
    uint32_t count;
    uint64_t events, bytes;
    vd_prune_job_t job; /* count 0: there is nothing to carry out */
} vd_prune_t;

/* Telling what subscribers go through. */
typedef struct vd_telling {
    char session[VD_NAME_BYTES_MAX + 1]; /* of the runtime, as far as is known */
    uint32_t by_frames, by_time;         /* events that may still be written */
    uint64_t frames_seen;                /* when the first was reckoned */
    int64_t time_us;                     /* up to when the second was */
    uint64_t left_out;                   /* since the last that was written */
} vd_telling_t;

struct vd_sequencer {
    char store[VD_STORE_ID_SIZE];
    vd_sequencer_lookup_t lookup;
    uint64_t writer; /* epoch of this life of the ingestor */
    vd_names_t producers;
    vd_names_t sessions;
    vd_session_t *open;  /* list of the sessions that are open */
    uint32_t active;     /* sessions that are active as assigned */
    uint32_t hurt;       /* sessions in which an outage is still to be told */
    vd_names_t suspects; /* vd_suspect_t: sessions that could not even begin */
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
    int64_t trouble_ms;       /* since when */
    char trouble_text[256];
    bool stopping;
    bool exited;
    int64_t start_us;
    int64_t owners_us; /* when owners were last looked at */
    int64_t marks_us;  /* when marks are looked at next */
    uint64_t look;     /* number of that look */
    int64_t reopen_wait_us;
    int64_t writes_since_us; /* when the last trouble ended; 0: there was none */
    vd_prune_t prune;
    vd_telling_t telling;
    vd_buffer_t rows;             /* scratch for rejects in answers */
    vd_buffer_t data, event, run; /* scratch for events of the ingestor itself */
    vd_sequencer_stats_t stats;
};

/* ---- sequencer.c ---- */

/* Adds a session that is open. False without memory: then it is destroyed. */
bool vd_seq_add_session(vd_sequencer_t *self, vd_session_t *session);
/* Its end is on disk: only the name is kept. */
void vd_seq_close_session(vd_sequencer_t *self, vd_session_t *session);
/* It was never on disk. */
void vd_seq_drop_session(vd_sequencer_t *self, vd_session_t *session);

/* ---- opening.c, emitting.c, owners.c, marks.c ---- */

void vd_seq_take_open(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);
void vd_seq_take_emit(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);
/* Looks at owners from now on. */
void vd_seq_start_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);
void vd_seq_look_at_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);
/* May this producer be forgotten to make room for another? */
bool vd_seq_is_silent(const vd_sequencer_t *self, const vd_producer_t *producer, vd_now_t now);
/* Has marks forgotten that were not used for MARK_EXPIRES_MS, some at a time. */
void vd_seq_expire_marks(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);

/* ---- commit.c ---- */

/* The batch that collects, with room for a frame; NULL when the queue is full. `session`: whose
 * `count` events are to be added; NULL: those of a new one, or none. */
vd_batch_t *vd_seq_collect(vd_sequencer_t *self, vd_now_t now, const vd_session_t *session,
                           uint32_t count, size_t size);
/* The first sequence of the frame with this record that is assigned and not on disk; 0: none. */
uint64_t vd_seq_find_record(vd_sequencer_t *self, const vd_session_t *session, vd_str_t record);
/* What comes from now on is in another commit. */
void vd_seq_seal(vd_sequencer_t *self, vd_now_t now);
/* Sends the next batch out, if none is and there is something in it. */
void vd_seq_launch(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);
void vd_seq_take_appended(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          vd_effects_t *effects);
void vd_seq_take_reopened(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          vd_effects_t *effects);
void vd_seq_reopen(vd_sequencer_t *self, vd_effects_t *effects);
/* The store has failed with what `input` says; `what` it could not do. */
void vd_seq_begin_trouble(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          const char *what, vd_effects_t *effects);
/* Sends answers of batches on disk as far as they fit, and frees the batches. */
void vd_seq_answer(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);

/* Is everything that was taken in on disk and answered? */
bool vd_seq_is_idle(vd_sequencer_t *self);

/* ---- outage.c ---- */

/* The append of this batch has failed with `status`: whose fault may it be? */
void vd_seq_blame(vd_sequencer_t *self, const vd_batch_t *batch, vd_status_t status);
/* The batch is on disk: nothing is held against its sessions any more. */
void vd_seq_acquit(vd_sequencer_t *self, const vd_batch_t *batch);
/* What is held against a session that is about to begin; NULL: nothing. */
const vd_suspicion_t *vd_seq_suspicion(const vd_sequencer_t *self, vd_str_t id);
void vd_seq_forget_suspects(vd_sequencer_t *self);
/* Notes that the outage is to be told in this session; in that of the runtime and in each that the
 * batch has events of. */
void vd_seq_hurt(vd_sequencer_t *self, vd_session_t *session);
void vd_seq_hurt_all(vd_sequencer_t *self, const vd_batch_t *batch);
void vd_seq_unhurt(vd_sequencer_t *self, vd_session_t *session);
/* Tells the outage in the sessions that it touched, as far as the queue has room. */
void vd_seq_tell_hurt(vd_sequencer_t *self, vd_now_t now);
/* Tells it in this one, if it is to be told there and is not yet. False when the queue is full. */
bool vd_seq_tell_outage(vd_sequencer_t *self, vd_now_t now, vd_session_t *session);
/* The store writes again. */
void vd_seq_end_trouble(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);

/* ---- telling.c ---- */

void vd_seq_begin_telling(vd_sequencer_t *self);
/* The session of the runtime, or the one that continues it; NULL: none that is active. */
vd_session_t *vd_seq_runtime_session(vd_sequencer_t *self);
/* A session has ended, on disk: if it was that of the runtime, another one may be now. */
void vd_seq_follow_runtime(vd_sequencer_t *self, const vd_session_t *closed);
void vd_seq_take_notice(vd_sequencer_t *self, vd_now_t now, const vd_seq_notice_t *notice);

/* ---- prune.c ---- */

void vd_seq_take_prune(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects);
/* Looks for what the policy has removed. */
void vd_seq_prune_by_policy(vd_sequencer_t *self, vd_now_t now);
/* Begins the next operation, if one is due. */
void vd_seq_launch_prune(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes DONE of both operations. */
void vd_seq_take_pruned(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects);
void vd_seq_forget_prune(vd_sequencer_t *self);

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
