/* answers.c: every message that the sequencer sends. */
#include "sequencer_state.h"

#include <assert.h>
#include <string.h>

/* The rows of rejected ranges that the producer has not confirmed, in the sequencer's scratch. */
static vd_bytes_t rejects_of(vd_sequencer_t *self, const vd_store_producer_t *record,
                             uint64_t confirmed)
{
    assert(record->reject_count <= VD_REJECTS_PER_PRODUCER_MAX);
    uint32_t from = 0;
    while (from < record->reject_count &&
           record->rejects[from].first + record->rejects[from].count - 1 <= confirmed)
        from++;
    if (from == record->reject_count)
        return vd_bytes(NULL, 0);
    vd_buffer_clear(&self->rows);
    vd_write_array(&self->rows, record->reject_count - from);
    for (uint32_t i = from; i < record->reject_count; i++) {
        const vd_store_reject_t *reject = &record->rejects[i];
        assert(reject->status != VD_OK);
        vd_reject_record_t row = {.first = reject->first,
                                  .count = reject->count,
                                  .status = vd_str(vd_status_name(reject->status)),
                                  .seq = reject->seq};
        vd_record_encode(VD_RECORD_reject, &row, &self->rows);
    }
    return vd_buffer_view(&self->rows);
}

void vd_seq_send_opened(vd_sequencer_t *self, const vd_store_producer_t *record, uint64_t confirmed,
                        const vd_peer_t *peer, uint64_t correlation, vd_effects_t *effects)
{
    assert(record->epoch > 0 && record->epoch <= self->durable_counter);
    vd_message_t message = {.id = VD_MESSAGE_OPENED, .correlation = correlation};
    message.opened.epoch = record->epoch;
    message.opened.mark = record->mark;
    message.opened.store = vd_str(self->store);
    message.opened.window = VD_EMIT_WINDOW_EVENTS_MAX;
    message.opened.rejects = rejects_of(self, record, confirmed);
    vd_effects_send(effects, VD_SEQ_PORT_EMIT, peer, &message);
}

void vd_seq_send_committed(vd_sequencer_t *self, const vd_store_producer_t *record,
                           uint64_t confirmed, const vd_peer_t *peer, const vd_commit_t *commit,
                           vd_effects_t *effects)
{
    assert(record->epoch > 0);
    vd_message_t message = {.id = VD_MESSAGE_COMMITTED};
    message.committed.epoch = record->epoch;
    message.committed.mark = record->mark;
    message.committed.store = vd_str(self->store);
    message.committed.index = commit != NULL ? commit->index : self->durable_index;
    message.committed.chain = commit != NULL ? commit->chain : self->durable_chain;
    message.committed.session = vd_str(record->session);
    message.committed.seq = record->seq;
    message.committed.rejects = rejects_of(self, record, confirmed);
    assert(message.committed.index > 0 && message.committed.index <= self->durable_index);
    vd_effects_send(effects, VD_SEQ_PORT_EMIT, peer, &message);
}

void vd_seq_send_rejected(vd_sequencer_t *self, const vd_batch_t *batch,
                          const vd_batch_reject_t *reject, vd_effects_t *effects)
{
    (void)self;
    assert(batch->state == VD_BATCH_DONE && reject->count > 0);
    vd_message_t message = {.id = VD_MESSAGE_REJECTED, .correlation = reject->first};
    message.rejected.epoch = reject->epoch;
    message.rejected.first = reject->first;
    message.rejected.count = reject->count;
    message.rejected.status = vd_str(vd_status_name(reject->status));
    message.rejected.seq = reject->seq;
    if (reject->text_size > 0)
        message.rejected.text = vd_bytes(batch->texts.data + reject->text_at, reject->text_size);
    vd_effects_send(effects, VD_SEQ_PORT_EMIT, &reject->producer->peer, &message);
}

void vd_seq_refuse(vd_sequencer_t *self, const vd_input_t *input, vd_status_t status,
                   const char *text, vd_effects_t *effects)
{
    assert(status != VD_OK && text != NULL);
    bool is_emit = input->message->id == VD_MESSAGE_EMIT;
    vd_message_t message = {.id = VD_MESSAGE_REJECTED};
    message.rejected.epoch = is_emit ? input->message->emit.epoch : 0;
    message.rejected.first = is_emit ? input->message->emit.first : 0;
    message.rejected.count = 0;
    message.rejected.status = vd_str(vd_status_name(status));
    message.rejected.text = vd_str(text);
    vd_effects_reply(effects, input, &message);
    self->stats.refused++;
}

void vd_seq_not_now(vd_sequencer_t *self, const vd_input_t *input, uint64_t from,
                    vd_status_t status, uint64_t retry_ms, vd_effects_t *effects)
{
    assert(status != VD_OK);
    bool is_emit = input->message->id == VD_MESSAGE_EMIT;
    vd_message_t message = {.id = VD_MESSAGE_NOT_NOW};
    message.not_now.epoch = is_emit ? input->message->emit.epoch : 0;
    message.not_now.from = from;
    message.not_now.status = vd_str(vd_status_name(status));
    message.not_now.retry_ms = retry_ms;
    message.not_now.text = vd_str(vd_status_text(status));
    vd_effects_reply(effects, input, &message);
    self->stats.not_now++;
}
