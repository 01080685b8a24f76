/* sequencer.h: the single writer as a pure core: who may write, in which order, and what is on
 * disk.
 *
 * 1. OPEN gives a producer name to a life of a process under a new epoch, which is on disk before
 *    OPENED; older epochs are fenced. The same life gets the same epoch again; a life that was
 *    fenced never gets another.
 * 2. EMIT is taken in order of numbers, whole or not at all. Numbers that come again are answered
 *    from what is known; with other bytes they are refused (number_reused, while the process
 *    lives).
 * 3. What is assigned and what is durable are kept apart: one batch is out, the next ones collect.
 *    Answers tell durable things only. A rejection consumes its numbers and is durable, too, before
 *    it is answered.
 * 4. After a failed append every later assignment is dropped and producers are told to wait, until
 *    reopening the store has told whether the batch is there.
 * 5. Operations (VD_EFFECT_DO), one at a time except VISIBLE:
 *      VD_SEQ_APPEND   object const vd_store_batch_t *, alive until DONE. DONE: status; result: on
 *                      failure a text (const char *) or NULL.
 *      VD_SEQ_REOPEN   no object. DONE: VD_OK and result const vd_store_tail_t *, or why not and a
 *                      text.
 *      VD_SEQ_VISIBLE  object const vd_store_batch_t *, alive until the next step: this commit is
 *                      on disk and may be shown. Never answered with DONE.
 *      VD_SEQ_PRUNE    object const vd_prune_job_t *, alive until DONE: take these sessions out of
 *                      view. DONE: as of vd_store_prune_mark; on failure a text.
 *      VD_SEQ_FREE     no object: free a part of what was pruned. DONE: VD_OK and result const bool
 *                      *, is there more; or why not and a text.
 *    The token of the first three is the commit's index. The last two are one at a time, beside the
 *    others, which come first.
 * 6. A frame with a record that its session has already is rejected with exists and the sequence of
 *    the first, whoever wrote that.
 * 7. An outage is told in the session of the runtime and in every other active one that it touched:
 *    ingest_interrupted {from, to, text}, an event of the ingestor itself, before anything else. A
 *    session whose events make appends
 *    fail while others succeed, every time, has failed, as a state with its error. What fails for
 *    want of space counts for nothing.
 * 8. A producer that was not used for MARK_EXPIRES_MS is forgotten, unless it owns an open session.
 * 9. Completed and failed sessions are pruned, on request (PRUNE) or by the policy that was set;
 *    never one that an open session continues.
 * 10. What subscribers go through is told in the session of the runtime, and in those that continue
 *    it, while it is active: subscriber_mode and subscriber_dropped, events of the ingestor itself.
 *    DONE with VD_SEQ_NOTICE and a vd_seq_notice_t as result, which nothing has asked for, has it
 *    told. Their number is bounded, in time and by the frames of others since: they cannot bring
 *    forth each other. What is left out is counted, and told in the next.
 * 11. EXIT with VD_OK answers STOP, when nothing is out; with VD_WENT_BACK, when a reopened store
 *    has lost commits: a new process has to load what there is.
 */
#ifndef VD_SEQUENCER_H
#define VD_SEQUENCER_H

#include "core/core.h"
#include "store/store.h"

enum {
    VD_SEQ_APPEND = 1,
    VD_SEQ_REOPEN,
    VD_SEQ_VISIBLE,
    VD_SEQ_PRUNE,
    VD_SEQ_FREE,
    VD_SEQ_NOTICE,
};
/* Ports and timers of this core. */
enum { VD_SEQ_PORT_EMIT = 1, VD_SEQ_PORT_CONTROL };
enum { VD_SEQ_TIMER_OWNERS = 1, VD_SEQ_TIMER_REOPEN, VD_SEQ_TIMER_ANSWERS, VD_SEQ_TIMER_PRUNE };

/* Sessions to take out of view. */
typedef struct vd_prune_job {
    const char **names;
    uint32_t count;
} vd_prune_job_t;

/* What may be removed: each limit that is not 0 has to allow it. */
typedef struct vd_prune_limits {
    uint64_t older_than_ms; /* since its end */
    uint64_t keep;          /* but for the newest so many of those that have ended */
} vd_prune_limits_t;

typedef struct vd_sequencer_stats {
    uint64_t frames;   /* EMIT taken, each once */
    uint64_t events;   /* of them on disk */
    uint64_t commits;  /* on disk */
    uint64_t rejected; /* events rejected */
    uint64_t refused;  /* EMIT answered with fenced or number_reused */
    uint64_t not_now;
    uint64_t failures; /* of appends */
    uint64_t pruned;   /* sessions */
    uint64_t told;     /* events of subscribers that were written */
    uint64_t left_out; /* and that were not */
} vd_sequencer_stats_t;

typedef enum vd_seq_notice_kind {
    VD_SEQ_SUBSCRIBER_MODE = 1,
    VD_SEQ_SUBSCRIBER_DROPPED,
} vd_seq_notice_kind_t;

/* What a subscriber went through. */
typedef struct vd_seq_notice {
    vd_seq_notice_kind_t kind;
    char name[VD_NAME_BYTES_MAX + 1];  /* as it calls itself */
    char where[VD_NAME_BYTES_MAX + 1]; /* the relay that serves it; empty: the ingestor */
    char from[VD_NAME_BYTES_MAX + 1];  /* MODE */
    char to[VD_NAME_BYTES_MAX + 1];    /* MODE */
    uint64_t lag, queue;               /* MODE */
    vd_status_t status;                /* DROPPED: why */
    char text[VD_TEXT_BYTES_MAX];      /* DROPPED: for people */
} vd_seq_notice_t;

/* What the sequencer asks the store itself, in the middle of a step: cheap, and not while the store
 * is in trouble. */
typedef struct vd_sequencer_lookup {
    void *arg;
    /* As vd_store_record. */
    vd_status_t (*record)(void *arg, const char *session, const char *record, uint64_t *seq);
    /* Of a session that is not known: VD_NOT_FOUND (its id is free), VD_PRUNED, or trouble. */
    vd_status_t (*session)(void *arg, const char *session);
} vd_sequencer_lookup_t;

typedef struct vd_sequencer vd_sequencer_t;

/* Makes the core for a store that ends at `tail`. NULL without memory. */
vd_sequencer_t *vd_sequencer_new(const vd_store_tail_t *tail);
void vd_sequencer_destroy(vd_sequencer_t **self);
/* Before the first step: how the store is asked. */
void vd_sequencer_set_lookup(vd_sequencer_t *self, const vd_sequencer_lookup_t *lookup);
/* Before the first step: what the store holds. False without memory. */
bool vd_sequencer_restore_producer(vd_sequencer_t *self, const vd_store_producer_t *record);
bool vd_sequencer_restore_session(vd_sequencer_t *self, const vd_store_session_t *record);
/* That an open session which was restored goes on from `continues`, as its session_started says. */
void vd_sequencer_restore_continues(vd_sequencer_t *self, vd_str_t session, vd_str_t continues);
/* Before the first step: what is pruned without being asked for; both 0: nothing. */
void vd_sequencer_set_policy(vd_sequencer_t *self, const vd_prune_limits_t *limits);
/* Before the first step: the session of the runtime; it may begin later. Empty: there is none. */
void vd_sequencer_set_runtime(vd_sequencer_t *self, vd_str_t session);
/* The step function (vd_step_fn); `state` is a vd_sequencer_t. */
void vd_sequencer_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);
const vd_sequencer_stats_t *vd_sequencer_stats(const vd_sequencer_t *self);
/* The newest commit that is on disk. */
uint64_t vd_sequencer_head(const vd_sequencer_t *self);
/* Is the store in trouble? */
bool vd_sequencer_in_trouble(const vd_sequencer_t *self);

#endif
