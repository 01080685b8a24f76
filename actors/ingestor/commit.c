/* commit.c: the batches of the sequencer: collecting, out, durable, or dropped after a failure. */
#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    REOPEN_WAIT_MIN_US = 50000,
    REOPEN_WAIT_MAX_US = 2000000,
    ROOM_LEFT = 16, /* effects kept free for what follows in the step */
    ARENA_BYTES =
        VD_EFFECT_BYTES_MAX / 2 /* answers are small; the rest goes out in the next step */
};

static vd_batch_t *batch_at(vd_sequencer_t *self, uint32_t place)
{
    assert(place < self->batch_count);
    return &self->batches[(self->batch_head + place) % VD_BATCHES];
}

static vd_batch_t *batch_in(vd_sequencer_t *self, vd_batch_state_t state)
{
    for (uint32_t i = 0; i < self->batch_count; i++)
        if (batch_at(self, i)->state == state)
            return batch_at(self, i);
    return NULL;
}

bool vd_seq_is_idle(vd_sequencer_t *self)
{
    for (uint32_t i = 0; i < self->batch_count; i++)
        if (batch_at(self, i)->state != VD_BATCH_COLLECTING || batch_at(self, i)->frames > 0)
            return false;
    return true;
}

static void seal(vd_sequencer_t *self, vd_now_t now, vd_batch_t *batch)
{
    int64_t time_ms = now.wall_ms > self->sealed_ms ? now.wall_ms : self->sealed_ms;
    vd_batch_seal(batch, self->sealed_index + 1, time_ms, self->writer, self->sealed_chain,
                  self->counter);
    self->sealed_index = batch->store.commit.index;
    self->sealed_chain = batch->store.commit.chain;
    self->sealed_ms = time_ms;
}

vd_batch_t *vd_seq_collect(vd_sequencer_t *self, vd_now_t now, uint32_t count, size_t size)
{
    assert(!self->trouble && !self->stopping);
    vd_batch_t *batch = batch_in(self, VD_BATCH_COLLECTING);
    if (batch != NULL && !vd_batch_fits(batch, count, size)) {
        if (batch->frames == 0)
            return NULL; /* not even an empty batch has the memory */
        seal(self, now, batch);
        batch = NULL;
    }
    if (batch != NULL)
        return batch;
    if (self->batch_count == VD_BATCHES)
        return NULL;
    self->batch_count++;
    batch = batch_at(self, self->batch_count - 1);
    vd_batch_begin(batch, ++self->batch_id);
    return vd_batch_fits(batch, count, size) ? batch : NULL;
}

void vd_seq_launch(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->out || self->trouble)
        return;
    vd_batch_t *batch = batch_in(self, VD_BATCH_SEALED);
    if (batch == NULL) {
        batch = batch_in(self, VD_BATCH_COLLECTING);
        if (batch == NULL || batch->frames == 0)
            return;
        seal(self, now, batch);
    }
    assert(batch->store.commit.index == self->durable_index + 1);
    batch->state = VD_BATCH_OUT;
    self->out = true;
    vd_effects_do(effects, VD_SEQ_APPEND, batch->store.commit.index, &batch->store);
}

/* Takes what a batch says as what is on disk, and shows it. */
static void make_durable(vd_sequencer_t *self, vd_batch_t *batch, vd_effects_t *effects)
{
    const vd_commit_t *commit = &batch->store.commit;
    assert(batch->state == VD_BATCH_OUT && commit->index == self->durable_index + 1);
    self->durable_index = commit->index;
    self->durable_chain = commit->chain;
    self->durable_ms = commit->time_ms;
    self->durable_counter = batch->store.epoch_counter;
    for (uint32_t i = 0; i < batch->producer_count; i++)
        batch->producers[i].producer->durable = batch->producer_records[i];
    for (uint32_t i = 0; i < batch->session_count; i++) {
        vd_session_t *session = batch->sessions[i];
        assert(session->open != NULL);
        session->open->durable = batch->session_records[i];
        if (!vd_session_is_closed(&session->open->durable))
            continue;
        free(session->open);
        session->open = NULL;
    }
    if (batch->leaving != NULL) {
        vd_names_remove(&self->producers, batch->leaving);
        vd_producer_destroy(batch->leaving);
        batch->leaving = NULL;
    }
    batch->state = VD_BATCH_DONE;
    self->stats.commits++;
    self->stats.events += batch->events;
    vd_effects_do(effects, VD_SEQ_VISIBLE, commit->index, &batch->store);
}

static bool has_room(const vd_effects_t *effects)
{
    return vd_effects_room(effects) > ROOM_LEFT && effects->arena.size < ARENA_BYTES;
}

/* Answers one producer of a batch: its OPEN, or everything up to the mark of the batch. */
static void answer_producer(vd_sequencer_t *self, const vd_batch_t *batch, uint32_t place,
                            vd_effects_t *effects)
{
    const vd_batch_producer_t *entry = &batch->producers[place];
    const vd_store_producer_t *record = &batch->producer_records[place];
    vd_producer_t *producer = entry->producer;
    if (producer->open_life != 0 && producer->open_life == record->life) {
        producer->open_life = 0;
        producer->peer = producer->open_peer;
        vd_seq_send_opened(self, record, producer->confirmed, &producer->open_peer,
                           producer->open_correlation, effects);
    } else if (entry->emitted) {
        vd_seq_send_committed(self, record, producer->confirmed, &producer->peer,
                              &batch->store.commit, effects);
    }
}

void vd_seq_answer(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    while (self->batch_count > 0 && batch_at(self, 0)->state == VD_BATCH_DONE) {
        vd_batch_t *batch = batch_at(self, 0);
        while (batch->rejects_answered < batch->reject_count && has_room(effects))
            vd_seq_send_rejected(self, batch, &batch->rejects[batch->rejects_answered++], effects);
        while (batch->rejects_answered == batch->reject_count &&
               batch->producers_answered < batch->producer_count && has_room(effects))
            answer_producer(self, batch, batch->producers_answered++, effects);
        if (batch->producers_answered < batch->producer_count) {
            vd_effects_timer(effects, VD_SEQ_TIMER_ANSWERS, now.mono_us);
            return;
        }
        self->batch_head = (self->batch_head + 1) % VD_BATCHES;
        self->batch_count--;
    }
}

void vd_seq_take_appended(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          vd_effects_t *effects)
{
    vd_batch_t *batch = batch_in(self, VD_BATCH_OUT);
    assert(self->out && !self->trouble && batch != NULL);
    assert(input->token == batch->store.commit.index);
    self->out = false;
    if (input->status == VD_OK) {
        make_durable(self, batch, effects);
        vd_seq_launch(self, now, effects);
        vd_seq_answer(self, now, effects);
        return;
    }
    self->trouble = true;
    self->trouble_told = input->status;
    self->stats.failures++;
    self->reopen_wait_us = REOPEN_WAIT_MIN_US;
    vd_effects_log(effects, VD_ERROR,
                   "the store could not write commit %" PRIu64 " (%s): %s; nothing is acknowledged "
                   "until it has been reopened",
                   input->token, vd_status_text(input->status),
                   input->result != NULL ? (const char *)input->result : "no further reason");
    vd_seq_reopen(self, effects);
}

void vd_seq_reopen(vd_sequencer_t *self, vd_effects_t *effects)
{
    if (!self->trouble || self->out)
        return;
    self->out = true;
    vd_effects_do(effects, VD_SEQ_REOPEN, self->durable_index + 1, NULL);
}

static void roll_back_producer(vd_sequencer_t *self, vd_producer_t *producer)
{
    /* What is on disk keeps its answer. */
    if (producer->open_life != producer->durable.life)
        producer->open_life = 0;
    producer->batch = 0;
    producer->leaving = false;
    if (producer->durable.epoch == 0) {
        vd_names_remove(&self->producers, producer);
        vd_producer_destroy(producer);
        return;
    }
    uint64_t confirmed = producer->confirmed;
    producer->assigned = producer->durable;
    producer->confirmed = 0;
    vd_producer_unremember(producer, producer->durable.mark);
    vd_producer_confirm(producer,
                        confirmed < producer->durable.mark ? confirmed : producer->durable.mark);
}

static void roll_back_session(vd_sequencer_t *self, vd_session_t *session)
{
    session->batch = 0;
    if (session->open == NULL)
        return;
    bool was_active = session->open->assigned.state == VD_SESSION_ACTIVE;
    bool is_active = session->open->durable.state == VD_SESSION_ACTIVE;
    self->active -= was_active;
    self->active += is_active;
    if (session->open->durable.state == 0) {
        vd_names_remove(&self->sessions, session);
        vd_session_destroy(session);
        return;
    }
    session->open->assigned = session->open->durable;
}

/* Drops everything that is assigned and not durable. Batches that are done keep their answers. */
static void drop_assigned(vd_sequencer_t *self)
{
    uint32_t at = 0;
    void *thing;
    uint32_t kept = 0;
    while (kept < self->batch_count && batch_at(self, kept)->state == VD_BATCH_DONE)
        kept++;
    for (uint32_t b = kept; b < self->batch_count; b++) {
        vd_batch_t *batch = batch_at(self, b);
        if (batch->leaving != NULL)
            batch->leaving->leaving = false;
    }
    self->batch_count = kept;
    /* A removal moves later things up, at most back to where the walk stands: look there again. */
    while ((thing = vd_names_next(&self->producers, &at)) != NULL) {
        vd_producer_t *producer = thing;
        bool goes = producer->durable.epoch == 0;
        roll_back_producer(self, producer);
        at -= goes;
    }
    at = 0;
    while ((thing = vd_names_next(&self->sessions, &at)) != NULL) {
        vd_session_t *session = thing;
        bool goes = session->open != NULL && session->open->durable.state == 0;
        roll_back_session(self, session);
        at -= goes;
    }
    self->sealed_index = self->durable_index;
    self->sealed_chain = self->durable_chain;
    self->sealed_ms = self->durable_ms;
    self->counter = self->durable_counter;
}

/* Is the store as it was before the batch that is out, or as it is after it? */
static bool resolve(vd_sequencer_t *self, const vd_store_tail_t *tail, vd_effects_t *effects)
{
    vd_batch_t *batch = batch_in(self, VD_BATCH_OUT);
    assert(batch != NULL);
    const vd_commit_t *commit = &batch->store.commit;
    if (tail->index == commit->index && tail->chain == commit->chain) {
        make_durable(self, batch, effects);
        return true;
    }
    return tail->index == self->durable_index && tail->chain == self->durable_chain;
}

void vd_seq_take_reopened(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          vd_effects_t *effects)
{
    assert(self->out && self->trouble);
    self->out = false;
    if (input->status != VD_OK) {
        vd_effects_timer(effects, VD_SEQ_TIMER_REOPEN, now.mono_us + self->reopen_wait_us);
        self->reopen_wait_us *= 2;
        if (self->reopen_wait_us > REOPEN_WAIT_MAX_US)
            self->reopen_wait_us = REOPEN_WAIT_MAX_US;
        if (input->status != self->trouble_told)
            vd_effects_log(effects, VD_WARN, "the store cannot be reopened yet (%s): %s",
                           vd_status_text(input->status),
                           input->result != NULL ? (const char *)input->result
                                                 : "no further reason");
        self->trouble_told = input->status;
        return;
    }
    const vd_store_tail_t *tail = input->result;
    assert(tail != NULL);
    uint64_t expected = self->durable_index;
    if (!resolve(self, tail, effects)) {
        self->exited = true;
        vd_effects_exit(effects, VD_WENT_BACK,
                        "the store ends at commit %" PRIu64 " and not at %" PRIu64
                        " after it was reopened",
                        tail->index, expected);
        return;
    }
    drop_assigned(self);
    self->trouble = false;
    vd_effects_log(effects, VD_INFO, "the store writes again, from commit %" PRIu64 " on",
                   self->durable_index + 1);
    vd_seq_answer(self, now, effects);
}
