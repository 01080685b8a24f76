/* answers.c: what the ingestor answers to a producer. */
#include "emit/emit_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    BACK_PAUSE_US = 50000, /* another NOT_NOW within this is about what was sent before */
    WAIT_MAX_MS = 10000,
};

/* Marks the frames that a row of rejects names. */
static void mark_rejects(vd_emit_t *self, vd_bytes_t rows)
{
    vd_reject_record_t row;
    vd_status_t read;
    while ((read = vd_rows_next(&rows, VD_RECORD_reject, &row)) != VD_NOT_FOUND) {
        vd_status_t status = vd_status_of_name(row.status);
        if (read != VD_OK || status == VD_OK)
            continue;
        for (uint32_t i = 0; i < self->frames.count; i++) {
            vd_frame_t *frame = vd_frames_at(&self->frames, i);
            if (frame->first > 0 && frame->first >= row.first &&
                frame->first - row.first < row.count)
                vd_frames_reject(&self->frames, frame, status, row.seq,
                                 vd_str(vd_status_text(status)));
        }
    }
}

static void end_fenced(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_effects_log(effects, VD_ERROR,
                   "producer %s is fenced: a newer process has taken its name; this one must end",
                   self->producer);
    self->state = VD_EMIT_FENCED;
    self->silent_us = 0;
    self->more = false;
    while (self->frames.count > 0) {
        vd_outcome_t outcome = {.status = VD_FENCED};
        vd_str_copy(outcome.text, sizeof outcome.text, vd_str(vd_status_text(VD_FENCED)));
        vd_emit_end_frame(self, now, &outcome, effects);
    }
}

static void take_opened(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                        vd_effects_t *effects)
{
    if (self->state != VD_EMIT_OPENING || message->correlation != self->opening ||
        message->opened.epoch == 0)
        return;
    vd_outcome_t covered = {0};
    vd_str_copy(covered.position.store, sizeof covered.position.store, message->opened.store);
    mark_rejects(self, message->opened.rejects);
    vd_emit_settle(self, now, message->opened.mark, &covered, effects);
    self->state = VD_EMIT_READY;
    self->epoch = message->opened.epoch;
    self->window = message->opened.window > 0 ? message->opened.window : 1;
    if (self->window > VD_EMIT_WINDOW_EVENTS_MAX)
        self->window = VD_EMIT_WINDOW_EVENTS_MAX;
    self->answered = message->opened.mark;
    self->next = self->answered + 1;
    for (uint32_t i = 0; i < self->frames.count; i++) {
        vd_frame_t *frame = vd_frames_at(&self->frames, i);
        frame->first = frame->status == VD_OK ? self->next : 0;
        self->next += frame->status == VD_OK ? frame->count : 0;
    }
    self->silent_us = 0;
    self->retry_us = VD_EMIT_RETRY_MIN_US;
    self->back_us = 0;
    vd_emit_pump(self, now, effects);
}

static void take_committed(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                           vd_effects_t *effects)
{
    const vd_committed_body_t *body = &message->committed;
    if (!vd_emit_is_open(self) || body->epoch != self->epoch || body->mark <= self->answered)
        return;
    if (body->mark >= self->next) {
        vd_effects_log(effects, VD_WARN,
                       "the ingestor confirms number %" PRIu64 " of %s, which was never sent",
                       body->mark, self->producer);
        return;
    }
    vd_outcome_t covered = {.seq = body->seq};
    covered.position.index = body->index;
    covered.position.chain = (uint32_t)body->chain;
    vd_str_copy(covered.position.store, sizeof covered.position.store, body->store);
    vd_str_copy(covered.session, sizeof covered.session, body->session);
    mark_rejects(self, body->rejects);
    vd_emit_settle(self, now, body->mark, &covered, effects);
    self->state = VD_EMIT_READY;
    vd_emit_pump(self, now, effects);
}

static vd_frame_t *frame_numbered(const vd_emit_t *self, uint64_t first, uint32_t *place)
{
    for (*place = 0; *place < self->frames.count; ++*place) {
        vd_frame_t *frame = vd_frames_at(&self->frames, *place);
        if (first > 0 && frame->first == first)
            return frame;
    }
    return NULL;
}

static void take_rejected(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                          vd_effects_t *effects)
{
    const vd_rejected_body_t *body = &message->rejected;
    vd_status_t status = vd_status_of_name(body->status);
    bool for_open = body->epoch == 0 && message->correlation == self->opening;
    if (!for_open && (!vd_emit_is_open(self) || body->epoch != self->epoch))
        return;
    if (status == VD_FENCED) {
        end_fenced(self, now, effects);
        return;
    }
    uint32_t place;
    vd_frame_t *frame = frame_numbered(self, body->first, &place);
    if (for_open || frame == NULL || status == VD_OK)
        return;
    vd_frames_reject(&self->frames, frame, status, body->seq, body->text);
    if (body->count == 0) {
        vd_effects_log(effects, VD_ERROR, "number %" PRIu64 " of %s is refused: %.*s; opening anew",
                       body->first, self->producer, (int)body->text.size,
                       body->text.size > 0 ? (const char *)body->text.data : "");
        vd_emit_open_anew(self, now, effects);
        return;
    }
    vd_emit_settle(self, now, 0, NULL, effects);
    vd_emit_pump(self, now, effects);
}

/* Keeps what the ingestor says of its store. */
static void note_trouble(vd_emit_t *self, const vd_not_now_body_t *body)
{
    if (vd_status_of_name(body->status) == VD_STORE_TROUBLE)
        snprintf(self->trouble, sizeof self->trouble, "%.*s", (int)body->text.size,
                 body->text.size > 0 ? (const char *)body->text.data : "");
}

static void take_not_now_open(vd_emit_t *self, vd_now_t now, const vd_not_now_body_t *body,
                              vd_effects_t *effects)
{
    uint64_t wait_ms = body->retry_ms < WAIT_MAX_MS ? body->retry_ms : WAIT_MAX_MS;
    if (self->state == VD_EMIT_OPENING)
        self->silent_us =
            now.mono_us + vd_emit_jittered(self, (int64_t)wait_ms * 1000 + VD_EMIT_RETRY_MIN_US);
    else if (vd_status_of_name(body->status) == VD_WENT_BACK)
        vd_emit_open_anew(self, now, effects);
}

static void take_not_now(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                         vd_effects_t *effects)
{
    const vd_not_now_body_t *body = &message->not_now;
    note_trouble(self, body);
    if (body->epoch == 0 && message->correlation == self->opening) {
        take_not_now_open(self, now, body, effects);
        return;
    }
    if (!vd_emit_is_open(self) || body->epoch != self->epoch)
        return;
    if (vd_status_of_name(body->status) == VD_WENT_BACK) {
        vd_effects_log(effects, VD_WARN,
                       "the store has lost what it had answered to %s; opening anew",
                       self->producer);
        vd_emit_open_anew(self, now, effects);
        return;
    }
    uint32_t place;
    if (frame_numbered(self, body->from, &place) == NULL || place >= self->sent)
        return;
    if (body->retry_ms > 0 && self->state == VD_EMIT_READY) {
        uint64_t wait_ms = body->retry_ms < WAIT_MAX_MS ? body->retry_ms : WAIT_MAX_MS;
        self->state = VD_EMIT_WAITING;
        self->wait_us = now.mono_us + (int64_t)wait_ms * 1000;
        self->silent_us = 0;
    } else if (self->back_us != 0 && now.mono_us - self->back_us < BACK_PAUSE_US) {
        return;
    }
    self->back_us = now.mono_us;
    self->burst = self->burst_fast = self->burst > 1 ? self->burst / 2 : 1;
    vd_emit_go_back(self, place);
    vd_emit_pump(self, now, effects);
}

void vd_emit_take(vd_emit_t *self, vd_now_t now, const vd_message_t *message, vd_effects_t *effects)
{
    self->asked_us = 0;
    switch (message->id) {
    case VD_MESSAGE_OPENED:
        self->trouble[0] = 0;
        take_opened(self, now, message, effects);
        break;
    case VD_MESSAGE_COMMITTED:
        self->trouble[0] = 0;
        take_committed(self, now, message, effects);
        break;
    case VD_MESSAGE_REJECTED:
        take_rejected(self, now, message, effects);
        break;
    case VD_MESSAGE_NOT_NOW:
        take_not_now(self, now, message, effects);
        break;
    case VD_MESSAGE_ERROR:
        vd_effects_log(effects, VD_WARN, "the ingestor answers %s: %.*s", self->producer,
                       (int)message->error.text.size,
                       message->error.text.size > 0 ? (const char *)message->error.text.data : "");
        break;
    default:
        break;
    }
}
