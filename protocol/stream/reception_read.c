/* reception_read.c: reading by FETCH, one request and one answer, when streams bring nothing. */
#include "stream/reception_state.h"

#include <assert.h>
#include <inttypes.h>

#define ANSWER_US INT64_C(2000000)

static void tell_mode(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->intake.handler->mode != NULL)
        self->intake.handler->mode(self->intake.arg, now, self->modes.mode, self->reading, effects);
}

void vd_reception_read(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(!self->reading && self->intake.known);
    vd_reception_stop_lane(self, &self->live, effects);
    vd_reception_stop_lane(self, &self->commit, effects);
    self->reading = true;
    self->read_attempts = 0;
    vd_modes_fall_back(&self->modes, now.mono_us / 1000);
    vd_effects_log(effects, VD_WARN,
                   "%d rounds of catching up from commit %" PRIu64
                   " brought nothing: reading by request until the head is reached",
                   VD_RECEPTION_ROUNDS_MAX, self->intake.position.index);
    vd_reception_read_on(self, now, effects);
    tell_mode(self, now, effects);
}

void vd_reception_read_on(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_tally_t waiting = vd_reception_waiting(self);
    if (self->read_out)
        return;
    if (waiting.items >= self->window.items || waiting.bytes >= self->window.bytes) {
        self->read_due_us = INT64_MAX; /* vd_reception_consumed goes on */
        return;
    }
    vd_message_t message = {.id = VD_MESSAGE_FETCH, .correlation = ++self->correlation};
    const vd_position_t *position = &self->intake.position;
    self->read_correlation = self->correlation;
    message.fetch.store = vd_str(position->store);
    message.fetch.index = position->index;
    message.fetch.offset = position->offset;
    message.fetch.chain = position->chain;
    message.fetch.session = vd_str(self->wanted.session);
    message.fetch.type = vd_str(self->wanted.type);
    message.fetch.items_max = self->window.items - waiting.items;
    vd_effects_send(effects, self->port, &self->peer, &message);
    self->read_out = true;
    self->read_attempts++;
    int64_t patience_us = vd_lane_backoff_us(self->read_attempts, &self->seed);
    self->read_due_us = now.mono_us + (patience_us > ANSWER_US ? patience_us : ANSWER_US);
    vd_reception_set_timer(self, now, effects);
}

/* Asks again: now, or after a while when that was tried too often. */
static void ask_again(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t wait_us = vd_lane_backoff_us(self->read_attempts, &self->seed);
    self->read_out = false;
    if (wait_us == 0) {
        vd_reception_read_on(self, now, effects);
        return;
    }
    self->read_due_us = now.mono_us + wait_us;
    vd_reception_set_timer(self, now, effects);
}

void vd_reception_read_due(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->reading);
    if (now.mono_us < self->read_due_us)
        return;
    if (self->read_out) {
        vd_effects_disconnect(effects, self->port, &self->peer);
        vd_effects_connect(effects, self->port, &self->peer, self->endpoint);
        self->read_out = false;
    }
    vd_reception_read_on(self, now, effects);
}

static void take_streams_again(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->reading = self->read_out = false;
    self->rounds = 0;
    vd_effects_log(effects, VD_INFO,
                   "reading by request has reached commit %" PRIu64 ": taking streams again",
                   self->intake.position.index);
    vd_reception_begin(self, now, &self->commit, effects);
    tell_mode(self, now, effects);
}

static void on_commits(vd_reception_t *self, vd_now_t now, const vd_message_t *message,
                       vd_effects_t *effects)
{
    const vd_commits_body_t *commits = &message->commits;
    const vd_position_t *position = &self->intake.position;
    self->read_out = false;
    if (!vd_str_is(commits->store, position->store) ||
        vd_place_compare(commits->after, commits->after_offset, position) > 0) {
        ask_again(self, now, effects);
        return;
    }
    vd_tally_t received = {0};
    vd_reception_note_head(self, commits->head);
    vd_status_t status =
        vd_reception_take(self, now, commits, message->payload, &received, effects);
    if (status == VD_CANCELLED)
        return;
    if (status != VD_OK && ++self->damaged > VD_RECEPTION_DAMAGED_MAX) {
        vd_reception_end(self, now, status,
                         vd_str("the publisher's frames are damaged time after time"), 0, effects);
        return;
    }
    if (status != VD_OK) {
        ask_again(self, now, effects);
        return;
    }
    self->damaged = 0;
    self->read_attempts = 0;
    if (vd_lag(self->head, position->index) <= self->modes.knobs.resume_live_lag)
        take_streams_again(self, now, effects);
    else
        vd_reception_read_on(self, now, effects);
    vd_reception_progress(self, now, effects);
}

void vd_reception_read_answer(vd_reception_t *self, vd_now_t now, const vd_message_t *message,
                              vd_effects_t *effects)
{
    vd_status_t status;
    switch (message->id) {
    case VD_MESSAGE_COMMITS:
        on_commits(self, now, message, effects);
        return;
    case VD_MESSAGE_STREAM_RESET:
        self->head = message->stream_reset.head;
        vd_reception_end(self, now, vd_status_of_name(message->stream_reset.status),
                         message->stream_reset.text, message->stream_reset.first, effects);
        return;
    case VD_MESSAGE_ERROR:
        status = vd_status_of_name(message->error.status);
        if (vd_reception_is_passing(status))
            ask_again(self, now, effects);
        else
            vd_reception_end(self, now, status, message->error.text, 0, effects);
        return;
    default:
        return;
    }
}
