/* commit.c: the batches of the sequencer: collecting, out, durable, or dropped after a failure. */
#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
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

static bool is_suspect(const vd_session_t *session)
{
    return session != NULL && session->open->suspicion.streak >= VD_SEQ_STREAK_MAX;
}

/* May events of `session` stand beside those that are in the batch? */
static bool goes_with(const vd_batch_t *batch, const vd_session_t *session)
{
    if (batch->run_count == 0 || (session != NULL && batch->alone == session))
        return true;
    return batch->alone == NULL && !is_suspect(session);
}

vd_batch_t *vd_seq_collect(vd_sequencer_t *self, vd_now_t now, const vd_session_t *session,
                           uint32_t count, size_t size)
{
    assert(!self->trouble && !self->stopping && (session == NULL || session->open != NULL));
    vd_batch_t *batch = batch_in(self, VD_BATCH_COLLECTING);
    if (batch != NULL &&
        ((count > 0 && !goes_with(batch, session)) || !vd_batch_fits(batch, count, size))) {
        if (batch->frames == 0)
            return NULL; /* not even an empty batch has the memory */
        seal(self, now, batch);
        batch = NULL;
    }
    if (batch == NULL) {
        if (self->batch_count == VD_BATCHES)
            return NULL;
        self->batch_count++;
        batch = batch_at(self, self->batch_count - 1);
        vd_batch_begin(batch, ++self->batch_id);
        if (!vd_batch_fits(batch, count, size))
            return NULL;
    }
    if (count > 0 && is_suspect(session))
        batch->alone = session;
    return batch;
}

uint64_t vd_seq_find_record(vd_sequencer_t *self, const vd_session_t *session, vd_str_t record)
{
    uint64_t seq = 0;
    for (uint32_t i = 0; i < self->batch_count && seq == 0; i++)
        if (batch_at(self, i)->state != VD_BATCH_DONE)
            seq = vd_batch_find_record(batch_at(self, i), session, record);
    return seq;
}

void vd_seq_seal(vd_sequencer_t *self, vd_now_t now)
{
    vd_batch_t *batch = batch_in(self, VD_BATCH_COLLECTING);
    if (batch != NULL && batch->frames > 0)
        seal(self, now, batch);
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
    vd_seq_acquit(self, batch);
    for (uint32_t i = 0; i < batch->session_count; i++) {
        vd_session_t *session = batch->sessions[i];
        assert(session->open != NULL);
        session->open->durable = batch->session_records[i];
        if (vd_session_is_closed(&session->open->durable))
            vd_seq_close_session(self, session);
    }
    for (uint32_t i = 0; i < batch->leaving_count; i++) {
        vd_names_remove(&self->producers, batch->leaving[i]);
        vd_producer_destroy(batch->leaving[i]);
    }
    batch->leaving_count = 0;
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
        if (self->hurt > 0 && !self->stopping)
            vd_seq_tell_hurt(self, now);
        vd_seq_launch(self, now, effects);
        vd_seq_answer(self, now, effects);
        return;
    }
    char what[64];
    snprintf(what, sizeof what, "could not write commit %" PRIu64, input->token);
    vd_seq_blame(self, batch, input->status);
    vd_seq_begin_trouble(self, now, input, what, effects);
}

static void reopen_later(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->trouble && !self->out && self->reopen_wait_us >= REOPEN_WAIT_MIN_US);
    vd_effects_timer(effects, VD_SEQ_TIMER_REOPEN, now.mono_us + self->reopen_wait_us);
    self->reopen_wait_us *= 2;
    if (self->reopen_wait_us > REOPEN_WAIT_MAX_US)
        self->reopen_wait_us = REOPEN_WAIT_MAX_US;
}

void vd_seq_begin_trouble(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                          const char *what, vd_effects_t *effects)
{
    assert(!self->trouble && !self->out && input->status != VD_OK);
    const char *why = input->result != NULL ? input->result : "no further reason";
    self->trouble = true;
    self->trouble_told = input->status;
    self->trouble_ms = now.wall_ms;
    snprintf(self->trouble_text, sizeof self->trouble_text, "%s", why);
    self->stats.failures++;
    for (uint32_t i = 0; i < self->batch_count; i++)
        if (batch_at(self, i)->state != VD_BATCH_DONE)
            vd_seq_hurt_all(self, batch_at(self, i));
    vd_effects_log(effects, VD_ERROR,
                   "the store %s (%s): %s; nothing is acknowledged until it has been reopened",
                   what, vd_status_text(input->status), why);
    /* A disk that fails again as soon as it is written to is given time, more each time. */
    bool again = self->writes_since_us != 0 &&
                 now.mono_us - self->writes_since_us < REOPEN_WAIT_MAX_US && !self->stopping;
    if (again) {
        reopen_later(self, now, effects);
    } else {
        self->reopen_wait_us = REOPEN_WAIT_MIN_US;
        vd_seq_reopen(self, effects);
    }
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
    assert(session->open != NULL);
    session->batch = 0;
    bool was_active = session->open->assigned.state == VD_SESSION_ACTIVE;
    bool is_active = session->open->durable.state == VD_SESSION_ACTIVE;
    self->active -= was_active;
    self->active += is_active;
    if (session->open->durable.state == 0) {
        vd_seq_drop_session(self, session);
        return;
    }
    session->open->assigned = session->open->durable;
    session->open->telling = false;
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
        for (uint32_t i = 0; i < batch->leaving_count; i++)
            batch->leaving[i]->leaving = false;
    }
    self->batch_count = kept;
    /* A removal moves later things up, at most back to where the walk stands: look there again. */
    while ((thing = vd_names_next(&self->producers, &at)) != NULL) {
        vd_producer_t *producer = thing;
        bool goes = producer->durable.epoch == 0;
        roll_back_producer(self, producer);
        at -= goes;
    }
    for (vd_session_t *session = self->open, *next; session != NULL; session = next) {
        next = session->next_open;
        roll_back_session(self, session);
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
    if (batch == NULL) /* it was no append that failed */
        return tail->index == self->durable_index && tail->chain == self->durable_chain;
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
        reopen_later(self, now, effects);
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
    self->writes_since_us = now.mono_us;
    self->prune.more = true; /* what was under way may have been cut short */
    vd_effects_log(effects, VD_INFO, "the store writes again, from commit %" PRIu64 " on",
                   self->durable_index + 1);
    if (!self->stopping)
        vd_seq_end_trouble(self, now, effects);
    vd_seq_answer(self, now, effects);
}
