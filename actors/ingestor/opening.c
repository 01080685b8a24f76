/* opening.c: OPEN: who holds a producer's name. */
#include "sequencer_state.h"

#include <assert.h>

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
        vd_producer_hear(producer, now, input);
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
        if (!vd_seq_is_silent(self, producer, now))
            continue;
        if (oldest == NULL || producer->durable.used_ms < oldest->durable.used_ms)
            oldest = producer;
    }
    vd_batch_t *batch = oldest != NULL ? vd_seq_collect(self, now, NULL, 0, 0) : NULL;
    if (batch != NULL && batch->leaving_count == 0)
        vd_batch_leave(batch, oldest);
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
    vd_batch_t *batch = vd_seq_collect(self, now, NULL, 0, 0);
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

void vd_seq_take_open(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
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
        vd_producer_hear(producer, now, input);
        vd_seq_send_opened(self, &producer->durable, producer->confirmed, &input->peer,
                           input->message->correlation, effects);
    } else if (producer != NULL && producer->assigned.life == body->life) {
        producer->open_correlation = input->message->correlation;
        producer->open_peer = input->peer;
    } else if (producer == NULL || !vd_producer_is_past(&producer->assigned, body->life)) {
        take_name(self, now, input, producer, effects);
    }
}
