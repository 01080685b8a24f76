/* emitting.c: EMIT: which frames get a place, in which order. */
#include "sequencer_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Is the frame's record stored in its session, or about to be? The verdict says so then, or that
 * the store cannot tell (STORE_TROUBLE). */
static void judge_record(vd_sequencer_t *self, const vd_emit_body_t *body,
                         const vd_session_t *session, vd_verdict_t *verdict)
{
    char record[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(record, sizeof record, body->record);
    uint64_t seq = vd_seq_find_record(self, session, body->record);
    vd_status_t status = VD_OK;
    if (seq == 0)
        status = self->lookup.record(self->lookup.arg, session->id, record, &seq);
    if (status == VD_NOT_FOUND)
        return;
    verdict->status = status == VD_OK ? VD_EXISTS : VD_STORE_TROUBLE;
    verdict->seq = seq;
    snprintf(verdict->text, sizeof verdict->text, "record %s is stored as %s:%" PRIu64, record,
             session->id, seq);
}

/* May a session of this id begin, which the sequencer does not know? */
static void judge_beginning(vd_sequencer_t *self, vd_str_t id, vd_verdict_t *verdict)
{
    char name[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(name, sizeof name, id);
    const vd_suspicion_t *suspicion = vd_seq_suspicion(self, id);
    vd_status_t status = self->lookup.session(self->lookup.arg, name);
    if (suspicion != NULL && suspicion->failures >= VD_SEQ_FAILURES_MAX) {
        verdict->status = VD_FAILED;
        snprintf(verdict->text, sizeof verdict->text,
                 "session %s could not be written %" PRIu32 " times while others could: %.100s",
                 name, suspicion->failures, self->trouble_text);
    } else if (status == VD_PRUNED) {
        verdict->status = VD_SESSION_EXISTS;
        snprintf(verdict->text, sizeof verdict->text, "session %s was pruned: take another id",
                 name);
    } else if (status != VD_NOT_FOUND) {
        verdict->status = VD_STORE_TROUBLE;
    } else if (self->active >= VD_SESSIONS_OPEN_MAX) {
        verdict->status = VD_TOO_LARGE;
        snprintf(verdict->text, sizeof verdict->text,
                 "%d sessions are active: end one before beginning another", VD_SESSIONS_OPEN_MAX);
    }
}

/* Judges a new frame: its bytes, its record, its session. */
static void judge(vd_sequencer_t *self, const vd_emit_body_t *body, vd_bytes_t run,
                  const vd_session_t *session, vd_verdict_t *verdict)
{
    uint64_t bad = 0;
    *verdict = (vd_verdict_t){.status = vd_run_check(run, body->count, &bad)};
    if (verdict->status != VD_OK) {
        snprintf(verdict->text, sizeof verdict->text, "event %" PRIu64 " of %" PRIu64 ": %s",
                 bad + 1, body->count, vd_status_text(verdict->status));
        return;
    }
    if (!vd_name_valid(body->session) || (body->record.size > 0 && !vd_name_valid(body->record))) {
        verdict->status = VD_BAD_EVENT;
        snprintf(verdict->text, sizeof verdict->text, "the %s is not a valid name",
                 vd_name_valid(body->session) ? "record" : "session's id");
        return;
    }
    if (body->record.size > 0 && session != NULL)
        judge_record(self, body, session, verdict);
    if (verdict->status == VD_OK)
        vd_session_judge(session, body->session, run, (uint32_t)body->count, verdict);
    if (verdict->status == VD_OK && verdict->begins)
        judge_beginning(self, body->session, verdict);
}

static void accept_frame(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                         vd_producer_t *producer, vd_session_t *session,
                         const vd_verdict_t *verdict, vd_batch_t *batch)
{
    const vd_emit_body_t *body = &input->message->emit;
    vd_store_session_t *record = &session->open->assigned;
    bool was_active = record->state == VD_SESSION_ACTIVE;
    if (body->record.size > 0)
        vd_batch_note_record(batch, session, body->record, record->last_seq + 1);
    if (verdict->tells > 0)
        record->status_seq = record->last_seq + verdict->tells;
    if (verdict->shows > 0)
        record->snapshot_seq = record->last_seq + verdict->shows;
    vd_batch_add(batch, session, record->last_seq + 1, input->message->payload,
                 (uint32_t)body->count);
    record->last_seq += body->count;
    record->bytes += input->message->payload.size;
    vd_session_apply(session, verdict, &producer->assigned, now);
    self->active -= was_active;
    self->active += record->state == VD_SESSION_ACTIVE;
    memcpy(producer->assigned.session, session->id, sizeof session->id);
    producer->assigned.seq = record->last_seq;
}

static void reject_frame(vd_sequencer_t *self, const vd_emit_body_t *body, vd_producer_t *producer,
                         const vd_verdict_t *verdict, vd_batch_t *batch)
{
    vd_producer_reject(producer, body->first, (uint32_t)body->count, verdict->status, verdict->seq);
    vd_batch_reject(batch, producer, body->first, (uint32_t)body->count, verdict);
    producer->assigned.session[0] = 0;
    producer->assigned.seq = 0;
    self->stats.rejected += body->count;
}

/* The batch for a frame that is accepted; begins its session where there is none. NULL when there is
 * no room. */
static vd_batch_t *collect_for(vd_sequencer_t *self, vd_now_t now, const vd_emit_body_t *body,
                               size_t size, vd_session_t **session)
{
    bool begins = *session == NULL;
    if (begins) {
        *session = vd_session_new(body->session);
        if (*session == NULL || !vd_seq_add_session(self, *session))
            return NULL;
        const vd_suspicion_t *suspicion = vd_seq_suspicion(self, body->session);
        if (suspicion != NULL)
            (*session)->open->suspicion = *suspicion;
    }
    vd_batch_t *batch = NULL;
    if (vd_seq_tell_outage(self, now, *session))
        batch = vd_seq_collect(self, now, *session, (uint32_t)body->count, size);
    if (batch == NULL && begins)
        vd_seq_drop_session(self, *session);
    return batch;
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
    if (verdict.status == VD_STORE_TROUBLE) {
        vd_seq_not_now(self, input, producer->assigned.mark + 1, VD_STORE_TROUBLE,
                       VD_SEQ_TROUBLE_MS, effects);
        return;
    }
    bool accepted = verdict.status == VD_OK;
    vd_batch_t *batch = NULL;
    if (accepted)
        batch = collect_for(self, now, body, run.size, &session);
    else if (vd_producer_can_reject(producer))
        batch = vd_seq_collect(self, now, NULL, 0, 0);
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

/* What the store does not take now is an outage for the session, too. */
static void wait_for_store(vd_sequencer_t *self, const vd_input_t *input, vd_producer_t *producer,
                           vd_effects_t *effects)
{
    vd_session_t *session = vd_names_get(&self->sessions, input->message->emit.session);
    if (session != NULL && session->open != NULL)
        vd_seq_hurt(self, session);
    vd_seq_not_now(self, input, producer->durable.mark + 1, VD_STORE_TROUBLE, VD_SEQ_TROUBLE_MS,
                   effects);
}

void vd_seq_take_emit(vd_sequencer_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_emit_body_t *body = &input->message->emit;
    vd_producer_t *producer = vd_names_get(&self->producers, body->producer);
    if (!may_write(self, input, producer, effects))
        return;
    vd_producer_hear(producer, now, input);
    vd_producer_confirm(producer, body->answered);
    uint32_t digest = vd_crc32c(0, body->session);
    if (body->record.size > 0)
        digest = vd_crc32c(digest, body->record);
    digest = vd_run_digest(digest, input->message->payload);
    uint64_t last = body->first + body->count - 1;
    if (last <= producer->durable.mark ||
        (!self->trouble && body->first <= producer->assigned.mark))
        take_again(self, input, producer, digest, effects);
    else if (self->trouble)
        wait_for_store(self, input, producer, effects);
    else if (body->first > producer->assigned.mark + 1)
        vd_seq_not_now(self, input, producer->assigned.mark + 1, VD_OUT_OF_ORDER, 0, effects);
    else
        take_next(self, now, input, producer, digest, effects);
}
