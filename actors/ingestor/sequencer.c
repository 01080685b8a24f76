/* sequencer.c: the steps of the single writer. */
#include "sequencer.h"

#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_BYTES_MAX = VD_BODY_BYTES_MAX / 2,
    OWN_BYTES_MAX = 4096, /* of an event of the ingestor itself */
};

vd_sequencer_t *vd_sequencer_new(const vd_store_tail_t *tail)
{
    assert(tail != NULL && (tail->index > 0 || tail->chain == 0));
    vd_sequencer_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->rows, ROWS_BYTES_MAX);
    vd_buffer_init(&self->data, OWN_BYTES_MAX);
    vd_buffer_init(&self->event, OWN_BYTES_MAX);
    vd_buffer_init(&self->run, OWN_BYTES_MAX);
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
    vd_seq_begin_telling(self);
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
    vd_seq_forget_suspects(self);
    for (uint32_t i = 0; i < VD_BATCHES; i++)
        vd_batch_free(&self->batches[i]);
    vd_seq_forget_prune(self);
    vd_buffer_free(&self->rows);
    vd_buffer_free(&self->data);
    vd_buffer_free(&self->event);
    vd_buffer_free(&self->run);
    free(self);
}

void vd_sequencer_set_lookup(vd_sequencer_t *self, const vd_sequencer_lookup_t *lookup)
{
    assert(self != NULL && lookup->record != NULL && lookup->session != NULL);
    self->lookup = *lookup;
}

void vd_sequencer_set_runtime(vd_sequencer_t *self, vd_str_t session)
{
    assert(self != NULL);
    if (!vd_name_valid(session) ||
        !vd_str_copy(self->telling.session, sizeof self->telling.session, session))
        self->telling.session[0] = 0;
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

bool vd_seq_add_session(vd_sequencer_t *self, vd_session_t *session)
{
    assert(session->open != NULL && session->next_open == NULL);
    if (!vd_names_put(&self->sessions, session)) {
        vd_session_destroy(session);
        return false;
    }
    session->next_open = self->open;
    if (self->open != NULL)
        self->open->previous_open = session;
    self->open = session;
    return true;
}

static void take_off_list(vd_sequencer_t *self, vd_session_t *session)
{
    assert(session->open != NULL && self->open != NULL);
    vd_seq_unhurt(self, session);
    if (session->next_open != NULL)
        session->next_open->previous_open = session->previous_open;
    if (session->previous_open != NULL)
        session->previous_open->next_open = session->next_open;
    else
        self->open = session->next_open;
    session->next_open = session->previous_open = NULL;
}

void vd_seq_close_session(vd_sequencer_t *self, vd_session_t *session)
{
    const vd_store_session_t *record = &session->open->durable;
    assert(vd_session_is_closed(record));
    vd_seq_follow_runtime(self, session);
    session->ended_ms = record->ended_ms;
    session->events = record->last_seq;
    session->bytes = record->bytes;
    take_off_list(self, session);
    free(session->open);
    session->open = NULL;
}

void vd_seq_drop_session(vd_sequencer_t *self, vd_session_t *session)
{
    assert(session->open->durable.state == 0);
    take_off_list(self, session);
    vd_names_remove(&self->sessions, session);
    vd_session_destroy(session);
}

bool vd_sequencer_restore_session(vd_sequencer_t *self, const vd_store_session_t *record)
{
    assert(self != NULL && record != NULL && record->state != 0);
    vd_session_t *session = vd_session_new(vd_str(record->session));
    if (session == NULL || !vd_seq_add_session(self, session))
        return false;
    session->open->assigned = session->open->durable = *record;
    if (vd_session_is_closed(record)) {
        vd_seq_close_session(self, session);
        return true;
    }
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

/* ---- the step ---- */

static void take_control(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    if (self->stopping)
        vd_effects_reply_error(effects, input, VD_NOT_READY, "the ingestor is stopping");
    else if (input->message->id == VD_MESSAGE_PRUNE)
        vd_seq_take_prune(self, now, input, effects);
    else
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED, "the port for control takes PRUNE");
}

static void take_message(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    if (self->stopping)
        return; /* silence: the producer sends again, to whoever comes next */
    if (input->message->id == VD_MESSAGE_OPEN)
        vd_seq_take_open(self, now, input, effects);
    else if (input->message->id == VD_MESSAGE_EMIT)
        vd_seq_take_emit(self, now, input, effects);
    else
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "the port for writing takes OPEN and EMIT");
}

static void take_timer(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    if (input->id == VD_SEQ_TIMER_OWNERS && !self->stopping) {
        vd_seq_look_at_owners(self, now, effects);
        vd_seq_expire_marks(self, now, effects);
        vd_seq_prune_by_policy(self, now);
    } else if (input->id == VD_SEQ_TIMER_REOPEN && !self->stopping)
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
        assert(self->lookup.record != NULL);
        self->prune.more = true; /* of an earlier life */
        vd_seq_start_owners(self, now, effects);
        break;
    case VD_INPUT_MESSAGE:
        if (input->port == VD_SEQ_PORT_EMIT)
            take_message(self, now, input, effects);
        else
            take_control(self, now, input, effects);
        break;
    case VD_INPUT_TIMER:
        take_timer(self, now, input, effects);
        break;
    case VD_INPUT_DONE:
        if (input->id == VD_SEQ_APPEND)
            vd_seq_take_appended(self, now, input, effects);
        else if (input->id == VD_SEQ_REOPEN)
            vd_seq_take_reopened(self, now, input, effects);
        else if (input->id == VD_SEQ_NOTICE)
            vd_seq_take_notice(self, now, input->result);
        else
            vd_seq_take_pruned(self, now, input, effects);
        break;
    case VD_INPUT_STOP:
        self->stopping = true;
        break;
    }
    if (self->exited)
        return;
    vd_seq_launch(self, now, effects);
    vd_seq_launch_prune(self, now, effects);
    if (self->stopping && !self->out && (self->trouble || vd_seq_is_idle(self))) {
        self->exited = true;
        vd_effects_exit(effects, VD_OK, "stopped behind commit %" PRIu64, self->durable_index);
    }
}
