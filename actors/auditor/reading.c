/* reading.c: the committed history, read with FETCH from the auditor's own position. */
#include "auditor_parts.h"

#include "core/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define POLL_US     (250 * MS)
#define AGAIN_US    (500 * MS)
#define LATER_US    (5000 * MS)
#define DEADLINE_US (3000 * MS)
/* After the store went back: until whoever reads there has learned of it. */
#define QUIET_US (60000 * MS)

static void ask(vd_auditor_t *self, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_FETCH};
    if (self->state == VD_READING_HEAD) {
        message.id = VD_MESSAGE_START;
        message.start.stream = vd_str("commit");
        message.start.name = vd_str(self->name);
        message.start.head = true;
    } else if (self->state == VD_READING_ON) {
        const vd_position_t *position = vd_history_position(self->history);
        message.fetch.store = vd_str(position->store);
        message.fetch.index = position->index;
        message.fetch.offset = position->offset;
        message.fetch.chain = position->chain;
    }
    self->asked = vd_auditor_ask(self, &self->reader, &message, effects);
    self->asking = true;
    self->asked_us = self->now.mono_us;
    self->deadline_us = self->now.mono_us + DEADLINE_US;
}

void vd_reading_start(vd_auditor_t *self, vd_effects_t *effects)
{
    self->reader = vd_peer_named("read");
    self->state = self->from_start ? VD_READING_FIRST : VD_READING_HEAD;
    self->heard_us = self->now.mono_us;
    vd_effects_connect(effects, VD_AUDITOR_ASK, &self->reader, self->endpoints[VD_AT_READ]);
    ask(self, effects);
}

void vd_reading_tick(vd_auditor_t *self, vd_effects_t *effects)
{
    if (self->asking && self->now.mono_us >= self->deadline_us) {
        self->unanswered++;
        self->asking = false;
        self->refusal[0] = 0;
        vd_effects_disconnect(effects, VD_AUDITOR_ASK, &self->reader);
        vd_effects_connect(effects, VD_AUDITOR_ASK, &self->reader, self->endpoints[VD_AT_READ]);
    }
    if (!self->asking && self->now.mono_us >= self->again_us)
        ask(self, effects);
}

static void begin(vd_auditor_t *self, vd_str_t store, uint64_t index, uint32_t chain, bool known)
{
    vd_position_t position = {.index = index, .chain = chain};
    vd_str_copy(position.store, sizeof position.store, store);
    vd_history_begin(self->history, &position, known, index == 0);
    self->state = VD_READING_ON;
    self->from = index + 1;
    self->begun_ms = self->now.wall_ms;
}

__attribute__((format(printf, 2, 3))) static void refuse(vd_auditor_t *self, const char *format,
                                                         ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->refusal, sizeof self->refusal, format, args);
    va_end(args);
}

/* The ingestor answers, and there is nothing that keeps the history from being read. */
static void heard(vd_auditor_t *self)
{
    self->heard_us = self->now.mono_us;
    self->refusal[0] = 0;
}

static void on_started(vd_auditor_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    const vd_started_body_t *body = &message->started;
    vd_message_t stop = {.id = VD_MESSAGE_STOP, .correlation = message->correlation};
    vd_effects_send(effects, VD_AUDITOR_ASK, &self->reader, &stop);
    if (self->state != VD_READING_HEAD || body->offset > 0) {
        self->again_us = self->now.mono_us + AGAIN_US;
        return;
    }
    /* Before the first commit the chain is 0, whatever is told. */
    heard(self);
    begin(self, body->store, body->index, body->index > 0 ? (uint32_t)body->chain : 0,
          body->chain != 0 || body->index == 0);
    vd_effects_log(effects, VD_INFO, "checking store %.*s from commit %" PRIu64 " on",
                   (int)body->store.size, (const char *)body->store.data, self->from);
    ask(self, effects);
}

/* What others say was perhaps true, and is not any more: they have to learn of it. */
static void leave_alone(vd_auditor_t *self)
{
    vd_claims_clear(&self->claims);
    vd_telling_forget(self);
    self->quiet_us = self->now.mono_us + QUIET_US;
    vd_actors_forget(self);
}

/* Begins somewhere else: what is between is not checked. */
static void restart(vd_auditor_t *self, vd_reading_state_t where, bool other)
{
    self->state = where;
    self->restarts++;
    self->head = 0;
    self->again_us = self->now.mono_us;
    vd_claims_clear(&self->claims);
    vd_telling_forget(self);
    if (other)
        leave_alone(self);
}

static void check_head(vd_auditor_t *self, uint64_t head)
{
    if (head < self->head) {
        vd_violation_t violation = vd_violation_of(VD_INVARIANT_head_grows, vd_str(""), 0, head);
        snprintf(violation.text, sizeof violation.text,
                 "the newest commit was %" PRIu64 " and is %" PRIu64, self->head, head);
        snprintf(violation.evidence, sizeof violation.evidence,
                 "the ingestor told both, one after the other, of store %s",
                 vd_history_position(self->history)->store);
        vd_book_violate(&self->book, &violation, head);
        leave_alone(self);
    } else {
        vd_book_check(&self->book, VD_INVARIANT_head_grows);
    }
    self->head = head;
}

static void on_commits(vd_auditor_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    const vd_commits_body_t *body = &message->commits;
    vd_reading_state_t before = self->state;
    if (before == VD_READING_FIRST)
        begin(self, body->store, body->after, 0, body->after == 0);
    if (!vd_history_take(self->history, body, message->payload)) {
        self->state = before;
        self->unanswered++;
        self->again_us = self->now.mono_us + AGAIN_US;
        refuse(self, "answers with what does not lead on from there or cannot be read");
        vd_effects_log(effects, VD_WARN,
                       "the answer behind commit %" PRIu64 " does not lead on from there or cannot "
                       "be read; asking again",
                       vd_history_position(self->history)->index);
        return;
    }
    bool more = body->index < body->head;
    bool further = body->index > body->after || body->offset > body->after_offset;
    if (more && !further)
        refuse(self, "answers with nothing although its newest commit is %" PRIu64, body->head);
    else
        heard(self);
    vd_book_check(&self->book, VD_INVARIANT_store_kept);
    check_head(self, body->head);
    vd_claims_settle(&self->claims, self->now.mono_us, self->asked_us, body->head, self->history);
    vd_telling_settle(self);
    if (more && further)
        ask(self, effects);
    else
        self->again_us = self->now.mono_us + POLL_US;
}

static void tell_went_back(vd_auditor_t *self, const vd_stream_reset_body_t *body)
{
    const vd_position_t *position = vd_history_position(self->history);
    bool same = vd_str_is(body->store, position->store);
    vd_violation_t violation =
        vd_violation_of(VD_INVARIANT_store_kept, vd_str(""), 0, position->index);
    snprintf(violation.text, sizeof violation.text,
             same ? "the store went back: what was commit %" PRIu64 " is not there as it was"
                  : "the store is another one than that in which commit %" PRIu64 " was read",
             position->index);
    snprintf(violation.evidence, sizeof violation.evidence,
             "read: store %s, commit %" PRIu64 ", chain %" PRIu32
             "; now: store %.*s, newest commit %" PRIu64 "; %.*s",
             position->store, position->index, position->chain, (int)body->store.size,
             (const char *)body->store.data, body->head,
             (int)(body->text.size < 100 ? body->text.size : 100), (const char *)body->text.data);
    vd_book_violate(&self->book, &violation, vd_hash(body->head, body->store));
}

static void refuse_with(vd_auditor_t *self, vd_str_t status, vd_str_t text)
{
    refuse(self, "answers %.*s: %.*s", (int)status.size, (const char *)status.data, (int)text.size,
           (const char *)text.data);
}

static void on_reset(vd_auditor_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    const vd_stream_reset_body_t *body = &message->stream_reset;
    vd_status_t status = vd_status_of_name(body->status);
    vd_effects_log(effects, VD_WARN, "the history cannot be read on: %.*s: %.*s",
                   (int)body->status.size, (const char *)body->status.data, (int)body->text.size,
                   (const char *)body->text.data);
    self->again_us = self->now.mono_us + AGAIN_US;
    refuse_with(self, body->status, body->text);
    if (self->state != VD_READING_ON) {
        self->state = VD_READING_HEAD;
        return;
    }
    if (status == VD_WENT_BACK) {
        tell_went_back(self, body);
        restart(self, VD_READING_HEAD, true);
    } else if (status == VD_PRUNED) {
        vd_book_unknown(&self->book, VD_INVARIANT_store_whole);
        restart(self, VD_READING_FIRST, false);
    } else if (status == VD_CORRUPT) {
        uint64_t index = vd_history_position(self->history)->index + 1;
        vd_violation_t violation = vd_violation_of(VD_INVARIANT_store_whole, vd_str(""), 0, index);
        snprintf(violation.text, sizeof violation.text,
                 "the store cannot be read behind commit %" PRIu64, index - 1);
        snprintf(violation.evidence, sizeof violation.evidence, "the ingestor says: %.*s",
                 (int)(body->text.size < 200 ? body->text.size : 200),
                 (const char *)body->text.data);
        vd_book_violate(&self->book, &violation, index);
        restart(self, VD_READING_HEAD, false);
    } else {
        self->again_us = self->now.mono_us + LATER_US;
    }
}

void vd_reading_take(vd_auditor_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    if (!self->asking || message->correlation != self->asked)
        return;
    self->asking = false;
    self->again_us = self->now.mono_us + AGAIN_US;
    if (message->id == VD_MESSAGE_STARTED)
        on_started(self, message, effects);
    else if (message->id == VD_MESSAGE_COMMITS && self->state != VD_READING_HEAD)
        on_commits(self, message, effects);
    else if (message->id == VD_MESSAGE_STREAM_RESET)
        on_reset(self, message, effects);
    else if (message->id == VD_MESSAGE_ERROR)
        refuse_with(self, message->error.status, message->error.text);
}
