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
 *    The token of all three is the commit's index.
 * 6. EXIT with VD_OK answers STOP, when nothing is out; with VD_WENT_BACK, when a reopened store
 *    has lost commits: a new process has to load what there is.
 */
#ifndef VD_SEQUENCER_H
#define VD_SEQUENCER_H

#include "core/core.h"
#include "store/store.h"

enum { VD_SEQ_APPEND = 1, VD_SEQ_REOPEN, VD_SEQ_VISIBLE };
/* Ports and timers of this core. */
enum { VD_SEQ_PORT_EMIT = 1 };
enum { VD_SEQ_TIMER_OWNERS = 1, VD_SEQ_TIMER_REOPEN, VD_SEQ_TIMER_ANSWERS };

typedef struct vd_sequencer_stats {
    uint64_t frames;   /* EMIT taken, each once */
    uint64_t events;   /* of them on disk */
    uint64_t commits;  /* on disk */
    uint64_t rejected; /* events rejected */
    uint64_t refused;  /* EMIT answered with fenced or number_reused */
    uint64_t not_now;
    uint64_t failures; /* of appends */
} vd_sequencer_stats_t;

typedef struct vd_sequencer vd_sequencer_t;

/* Makes the core for a store that ends at `tail`. NULL without memory. */
vd_sequencer_t *vd_sequencer_new(const vd_store_tail_t *tail);
void vd_sequencer_destroy(vd_sequencer_t **self);
/* Before the first step: what the store holds. False without memory. */
bool vd_sequencer_restore_producer(vd_sequencer_t *self, const vd_store_producer_t *record);
bool vd_sequencer_restore_session(vd_sequencer_t *self, const vd_store_session_t *record);
/* The step function (vd_step_fn); `state` is a vd_sequencer_t. */
void vd_sequencer_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);
const vd_sequencer_stats_t *vd_sequencer_stats(const vd_sequencer_t *self);
/* The newest commit that is on disk. */
uint64_t vd_sequencer_head(const vd_sequencer_t *self);
/* Is the store in trouble? */
bool vd_sequencer_in_trouble(const vd_sequencer_t *self);

#endif
