/* sequencer.c: the steps of the single writer. */
#include "sequencer.h"

#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OWNERS_EVERY_US = 1000000,
    ROWS_BYTES_MAX = VD_BODY_BYTES_MAX / 2,
};
/* A producer that was silent for so long may be forgotten when there are too many. */
static const int64_t FORGET_AFTER_US = 3600LL * 1000000;

vd_sequencer_t *vd_sequencer_new(const vd_store_tail_t *tail)
{
    assert(tail != NULL && (tail->index > 0 || tail->chain == 0));
    vd_sequencer_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->rows, ROWS_BYTES_MAX);
    bool whole = true;
    for (uint32_t i = 0; i < VD_BATCHES && whole; i++)
        whole = vd_batch_init(&self->batches[i]);
    if (!whole) {
        vd_sequencer_destroy(&self);
        return NULL;
    }
    memcpy(self->store, tail->id, sizeof self->store);
    self->durable_index = self->sealed_index = tail->index;
    self->durable_chain = self->sealed_chain = tail->chain;
    self->durable_ms = self->sealed_ms = tail->time_ms;
    self->writer = tail->epoch_counter + 1;
    self->durable_counter = self->counter = self->writer;
    return self;
}

void vd_sequencer_destroy(vd_sequencer_t **sequencer)
{
    assert(sequencer != NULL);
    vd_sequencer_t *self = *sequencer;
    *sequencer = NULL;
    if (self == NULL)
        return;
    uint32_t at = 0;
    void *thing;
    while ((thing = vd_names_next(&self->producers, &at)) != NULL)
        vd_producer_destroy(thing);
    at = 0;
    while ((thing = vd_names_next(&self->sessions, &at)) != NULL)
        vd_session_destroy(thing);
    vd_names_free(&self->producers);
    vd_names_free(&self->sessions);
    for (uint32_t i = 0; i < VD_BATCHES; i++)
        vd_batch_free(&self->batches[i]);
    vd_buffer_free(&self->rows);
    free(self);
}

bool vd_sequencer_restore_producer(vd_sequencer_t *self, const vd_store_producer_t *record)
{
    assert(self != NULL && record != NULL && record->epoch > 0);
    vd_producer_t *producer = vd_producer_new(vd_str(record->name));
    if (producer == NULL || !vd_names_put(&self->producers, producer)) {
        if (producer != NULL)
            vd_producer_destroy(producer);
        return false;
    }
    producer->assigned = producer->durable = *record;
    return true;
}

bool vd_sequencer_restore_session(vd_sequencer_t *self, const vd_store_session_t *record)
{
    assert(self != NULL && record != NULL && record->state != 0);
    vd_session_t *session = vd_session_new(vd_str(record->session));
    if (session == NULL || !vd_names_put(&self->sessions, session)) {
        if (session != NULL)
            vd_session_destroy(session);
        return false;
    }
    if (vd_session_is_closed(record)) {
        free(session->open);
        session->open = NULL;
        return true;
    }
    session->open->assigned = session->open->durable = *record;
    self->active += record->state == VD_SESSION_ACTIVE;
    return true;
}

const vd_sequencer_stats_t *vd_sequencer_stats(const vd_sequencer_t *self)
{
    return &self->stats;
}

uint64_t vd_sequencer_head(const vd_sequencer_t *self)
{
    return self->durable_index;
}

bool vd_sequencer_in_trouble(const vd_sequencer_t *self)
{
    return self->trouble;
}

/* ---- OPEN ---- */

static void hear(vd_producer_t *producer, vd_now_t now, const vd_input_t *input)
{
    producer->peer = input->peer;
    producer->heard_us = now.mono_us;
}

/* OPEN with an epoch: a sign of life. */
static void take_beat(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_producer_t *producer, vd_effects_t *effects)
{
    const vd_open_body_t *body = &input->message->open;
    if (producer == NULL || body->epoch > producer->assigned.epoch) {
        vd_seq_not_now(self, input, 0, VD_WENT_BACK, 0, effects);
    } else if (body->epoch < producer->durable.epoch) {
        vd_seq_refuse(self, input, VD_FENCED, vd_status_text(VD_FENCED), effects);
    } else if (body->epoch == producer->assigned.epoch && body->epoch == producer->durable.epoch) {
        if (body->life != producer->durable.life) {
            vd_seq_not_now(self, input, 0, VD_WENT_BACK, 0, effects);
            return;
        }
        hear(producer, now, input);
        vd_seq_send_opened(self, &producer->durable, producer->confirmed, &input->peer,
                           input->message->correlation, effects);
    }
    /* Else a newer life is being given the name: what comes of it is not on disk yet. */
}

/* Finds a producer that has been silent for long, and has it forgotten with the next batch. */
static void forget_one(vd_sequencer_t *self, vd_now_t now)
{
    vd_producer_t *oldest = NULL, *producer;
    uint32_t at = 0;
    while ((producer = vd_names_next(&self->producers, &at)) != NULL) {
        int64_t silent_since =
            producer->heard_us > self->start_us ? producer->heard_us : self->start_us;
        if (producer->leaving || producer->durable.epoch == 0 ||
            now.mono_us - silent_since < FORGET_AFTER_US)
            continue;
        if (oldest == NULL || producer->durable.used_ms < oldest->durable.used_ms)
            oldest = producer;
    }
    vd_batch_t *batch = oldest != NULL ? vd_seq_collect(self, now, 0, 0) : NULL;
    if (batch == NULL || batch->leaving != NULL)
        return;
    batch->leaving = oldest;
    batch->frames++;
    oldest->leaving = true;
}

static vd_producer_t *add_producer(vd_sequencer_t *self, vd_str_t name)
{
    vd_producer_t *producer = vd_producer_new(name);
    if (producer != NULL && vd_names_put(&self->producers, producer))
        return producer;
    if (producer != NULL)
        vd_producer_destroy(producer);
    return NULL;
}

static void take_name(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_producer_t *producer, vd_effects_t *effects)
{
    const vd_open_body_t *body = &input->message->open;
    if (self->trouble) {
        vd_seq_not_now(self, input, 0, VD_STORE_TROUBLE, VD_SEQ_TROUBLE_MS, effects);
        return;
    }
    if (producer == NULL && self->producers.count >= VD_PRODUCERS_MAX) {
        forget_one(self, now);
        vd_seq_not_now(self, input, 0, VD_OVERLOADED, VD_SEQ_TROUBLE_MS, effects);
        return;
    }
    vd_batch_t *batch = vd_seq_collect(self, now, 0, 0);
    if (batch != NULL && producer == NULL)
        producer = add_producer(self, body->producer);
    if (batch == NULL || producer == NULL || producer->leaving) {
        vd_seq_not_now(self, input, 0, VD_OVERLOADED, VD_SEQ_OVERLOADED_MS, effects);
        return;
    }
    vd_producer_take(producer, body->life, ++self->counter);
    producer->open_life = body->life;
    producer->open_correlation = input->message->correlation;
    producer->open_peer = input->peer;
    producer->heard_us = now.mono_us;
    vd_batch_touch_producer(batch, producer, false);
}

static void take_open(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_open_body_t *body = &input->message->open;
    if (!vd_name_valid(body->producer) || body->life == 0) {
        vd_effects_reply_error(
            effects, input, VD_MALFORMED,
            "OPEN needs a producer's name of 1 to %d characters and a life above 0",
            VD_NAME_BYTES_MAX);
        return;
    }
    vd_producer_t *producer = vd_names_get(&self->producers, body->producer);
    if (body->epoch != 0) {
        take_beat(self, now, input, producer, effects);
    } else if (producer != NULL && vd_producer_is_past(&producer->durable, body->life)) {
        vd_seq_refuse(self, input, VD_FENCED, vd_status_text(VD_FENCED), effects);
    } else if (producer != NULL && producer->durable.life == body->life &&
               producer->assigned.life == body->life) {
        hear(producer, now, input);
        vd_seq_send_opened(self, &producer->durable, producer->confirmed, &input->peer,
                           input->message->correlation, effects);
    } else if (producer != NULL && producer->assigned.life == body->life) {
        producer->open_correlation = input->message->correlation;
        producer->open_peer = input->peer;
    } else if (producer == NULL || !vd_producer_is_past(&producer->assigned, body->life)) {
        take_name(self, now, input, producer, effects);
    }
}

/* ---- EMIT ---- */

/* Numbers that were assigned before: answered from what is on disk; what is not is answered by its
 * batch. */
static void take_again(vd_sequencer_t *self, const vd_input_t *input, vd_producer_t *producer,
                       uint32_t digest, vd_effects_t *effects)
{
    const vd_emit_body_t *body = &input->message->emit;
    uint64_t last = body->first + body->count - 1;
    bool straddles = last > producer->assigned.mark;
    if (straddles || vd_producer_recall(producer, body->first, (uint32_t)body->count, digest) ==
                         VD_RECALL_OTHER) {
        vd_effects_log(effects, VD_WARN,
                       "producer %s used number %" PRIu64 " again with other bytes: refused",
                       producer->assigned.name, body->first);
        vd_seq_refuse(self, input, VD_NUMBER_REUSED, vd_status_text(VD_NUMBER_REUSED), effects);
    } else if (last <= producer->durable.mark &&
               producer->durable.epoch == producer->assigned.epoch) {
        vd_seq_send_committed(self, &producer->durable, producer->confirmed, &producer->peer, NULL,
                              effects);
    }
}

/* Judges a new frame: its bytes, then its session. */
static void judge(vd_sequencer_t *self, const vd_emit_body_t *body, vd_bytes_t run,
                  const vd_session_t *session, vd_verdict_t *verdict)
{
    uint64_t bad = 0;
    *verdict = (vd_verdict_t){.status = vd_run_check(run, body->count, &bad)};
    if (verdict->status != VD_OK) {
        snprintf(verdict->text, sizeof verdict->text, "event %" PRIu64 " of %" PRIu64 ": %s",
                 bad + 1, body->count, vd_status_text(verdict->status));
    } else if (!vd_name_valid(body->session)) {
        verdict->status = VD_BAD_EVENT;
        snprintf(verdict->text, sizeof verdict->text, "the session's id is not a valid name");
    } else {
        vd_session_judge(session, body->session, run, (uint32_t)body->count, verdict);
    }
    if (verdict->status == VD_OK && verdict->begins && self->active >= VD_SESSIONS_OPEN_MAX) {
        verdict->status = VD_TOO_LARGE;
        snprintf(verdict->text, sizeof verdict->text,
                 "%d sessions are active: end one before beginning another", VD_SESSIONS_OPEN_MAX);
    }
}

static void accept_frame(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                         vd_producer_t *producer, vd_session_t *session,
                         const vd_verdict_t *verdict, vd_batch_t *batch)
{
    const vd_emit_body_t *body = &input->message->emit;
    vd_store_session_t *record = &session->open->assigned;
    bool was_active = record->state == VD_SESSION_ACTIVE;
    vd_batch_add(batch, session, record->last_seq + 1, input->message->payload,
                 (uint32_t)body->count);
    record->last_seq += body->count;
    vd_session_apply(session, verdict, &producer->assigned, now);
    self->active -= was_active;
    self->active += record->state == VD_SESSION_ACTIVE;
    memcpy(producer->assigned.session, session->id, sizeof session->id);
    producer->assigned.seq = record->last_seq;
}

static void reject_frame(vd_sequencer_t *self, const vd_emit_body_t *body, vd_producer_t *producer,
                         const vd_verdict_t *verdict, vd_batch_t *batch)
{
    vd_producer_reject(producer, body->first, (uint32_t)body->count, verdict->status);
    vd_batch_reject(batch, producer, body->first, (uint32_t)body->count, verdict->status,
                    verdict->text);
    producer->assigned.session[0] = 0;
    producer->assigned.seq = 0;
    self->stats.rejected += body->count;
}

/* The next numbers of a producer: gives them a place, or consumes them. */
static void take_next(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_producer_t *producer, uint32_t digest, vd_effects_t *effects)
{
    const vd_emit_body_t *body = &input->message->emit;
    vd_bytes_t run = input->message->payload;
    vd_session_t *session = vd_names_get(&self->sessions, body->session);
    vd_verdict_t verdict;
    judge(self, body, run, session, &verdict);
    bool accepted = verdict.status == VD_OK;
    vd_batch_t *batch = NULL;
    if (accepted || vd_producer_can_reject(producer))
        batch = vd_seq_collect(self, now, accepted ? (uint32_t)body->count : 0,
                               accepted ? run.size : 0);
    if (batch != NULL && accepted && session == NULL) {
        session = vd_session_new(body->session);
        if (session == NULL || !vd_names_put(&self->sessions, session)) {
            free(session != NULL ? session->open : NULL);
            free(session);
            batch = NULL;
        }
    }
    if (batch == NULL) {
        vd_seq_not_now(self, input, producer->assigned.mark + 1, VD_OVERLOADED,
                       VD_SEQ_OVERLOADED_MS, effects);
        return;
    }
    vd_batch_touch_producer(batch, producer, true);
    if (accepted)
        accept_frame(self, now, input, producer, session, &verdict, batch);
    else
        reject_frame(self, body, producer, &verdict, batch);
    producer->assigned.mark = body->first + body->count - 1;
    vd_producer_remember(producer, body->first, (uint32_t)body->count, digest);
    self->stats.frames++;
}

/* May this EMIT write at all? Answers if not. */
static bool may_write(vd_sequencer_t *self, const vd_input_t *input, const vd_producer_t *producer,
                      vd_effects_t *effects)
{
    const vd_emit_body_t *body = &input->message->emit;
    if (producer != NULL && body->epoch < producer->durable.epoch) {
        vd_seq_refuse(self, input, VD_FENCED, vd_status_text(VD_FENCED), effects);
        return false;
    }
    if (body->count == 0 || body->count > VD_EMIT_EVENTS_MAX || body->first == 0 ||
        body->first > UINT64_MAX - body->count) {
        vd_seq_refuse(self, input, VD_MALFORMED, "first or count of the frame is out of range",
                      effects);
        return false;
    }
    if (producer == NULL || body->epoch > producer->assigned.epoch ||
        (body->epoch == producer->assigned.epoch && body->answered > producer->assigned.mark)) {
        vd_seq_not_now(self, input, 0, VD_WENT_BACK, 0, effects);
        return false;
    }
    /* An older epoch whose successor is not on disk yet gets no answer: what comes of it is not
     * known. */
    return body->epoch == producer->assigned.epoch && !producer->leaving;
}

static void take_emit(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_emit_body_t *body = &input->message->emit;
    vd_producer_t *producer = vd_names_get(&self->producers, body->producer);
    if (!may_write(self, input, producer, effects))
        return;
    hear(producer, now, input);
    vd_producer_confirm(producer, body->answered);
    uint32_t digest = vd_run_digest(vd_crc32c(0, body->session), input->message->payload);
    uint64_t last = body->first + body->count - 1;
    if (last <= producer->durable.mark ||
        (!self->trouble && body->first <= producer->assigned.mark))
        take_again(self, input, producer, digest, effects);
    else if (self->trouble)
        vd_seq_not_now(self, input, producer->durable.mark + 1, VD_STORE_TROUBLE, VD_SEQ_TROUBLE_MS,
                       effects);
    else if (body->first > producer->assigned.mark + 1)
        vd_seq_not_now(self, input, producer->assigned.mark + 1, VD_OUT_OF_ORDER, 0, effects);
    else
        take_next(self, now, input, producer, digest, effects);
}

/* ---- owners ---- */

static void look_at_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    /* A process that stood still has heard nobody: that is no silence of theirs. */
    int64_t since_us = now.mono_us - self->owners_us;
    bool stood_still = since_us > 5LL * OWNERS_EVERY_US;
    self->owners_us = now.mono_us;
    vd_effects_timer(effects, VD_SEQ_TIMER_OWNERS, now.mono_us + OWNERS_EVERY_US);
    vd_session_t *session;
    uint32_t at = 0;
    while (!self->trouble && (session = vd_names_next(&self->sessions, &at)) != NULL) {
        if (session->open == NULL || vd_session_is_closed(&session->open->assigned) ||
            session->open->assigned.owner[0] == 0)
            continue;
        if (stood_still)
            session->open->alive_us += since_us;
        vd_store_session_t *record = &session->open->assigned;
        vd_producer_t *owner = vd_names_get(&self->producers, vd_str(record->owner));
        vd_session_state_t due = vd_session_state_due(session, owner ? &owner->assigned : NULL,
                                                      owner ? owner->heard_us : INT64_MIN, now);
        vd_batch_t *batch = due != record->state ? vd_seq_collect(self, now, 0, 0) : NULL;
        if (batch == NULL)
            continue;
        self->active -= record->state == VD_SESSION_ACTIVE;
        self->active += due == VD_SESSION_ACTIVE;
        record->state = due;
        vd_batch_touch_session(batch, session);
        vd_effects_log(effects, VD_INFO, "session %s is %s", session->id,
                       due == VD_SESSION_ACTIVE ? "active again"
                                                : "interrupted: its owner is silent");
    }
}

static void start(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->start_us = self->owners_us = now.mono_us;
    vd_session_t *session;
    uint32_t at = 0;
    while ((session = vd_names_next(&self->sessions, &at)) != NULL) {
        if (session->open == NULL)
            continue;
        bool interrupted = session->open->assigned.state == VD_SESSION_INTERRUPTED;
        session->open->alive_us = now.mono_us - (interrupted ? VD_OWNER_SILENT_MS * 1000LL : 0);
    }
    vd_effects_timer(effects, VD_SEQ_TIMER_OWNERS, now.mono_us + OWNERS_EVERY_US);
}

/* ---- the step ---- */

static void take_message(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    if (self->stopping)
        return; /* silence: the producer sends again, to whoever comes next */
    if (input->message->id == VD_MESSAGE_OPEN)
        take_open(self, now, input, effects);
    else if (input->message->id == VD_MESSAGE_EMIT)
        take_emit(self, now, input, effects);
    else
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "the port for writing takes OPEN and EMIT");
}

static void take_timer(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    if (input->id == VD_SEQ_TIMER_OWNERS && !self->stopping)
        look_at_owners(self, now, effects);
    else if (input->id == VD_SEQ_TIMER_REOPEN && !self->stopping)
        vd_seq_reopen(self, effects);
    else if (input->id == VD_SEQ_TIMER_ANSWERS)
        vd_seq_answer(self, now, effects);
}

void vd_sequencer_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_sequencer_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    if (self->exited)
        return;
    switch (input->kind) {
    case VD_INPUT_START:
        start(self, now, effects);
        break;
    case VD_INPUT_MESSAGE:
        if (input->port == VD_SEQ_PORT_EMIT)
            take_message(self, now, input, effects);
        break;
    case VD_INPUT_TIMER:
        take_timer(self, now, input, effects);
        break;
    case VD_INPUT_DONE:
        if (input->id == VD_SEQ_APPEND)
            vd_seq_take_appended(self, now, input, effects);
        else if (input->id == VD_SEQ_REOPEN)
            vd_seq_take_reopened(self, now, input, effects);
        break;
    case VD_INPUT_STOP:
        self->stopping = true;
        break;
    }
    if (self->exited)
        return;
    vd_seq_launch(self, now, effects);
    if (self->stopping && !self->out && (self->trouble || vd_seq_is_idle(self))) {
        self->exited = true;
        vd_effects_exit(effects, VD_OK, "stopped behind commit %" PRIu64, self->durable_index);
    }
}
