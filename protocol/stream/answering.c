/* answering.c: what a publisher sends beside commits. */
#include "stream/publisher_state.h"

bool vd_ends_stream(vd_status_t status)
{
    /* What a newer version has written stays as it is, too. */
    return status == VD_CORRUPT || status == VD_PRUNED || status == VD_UNSUPPORTED;
}

void vd_send_drop(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                  vd_status_t status, const char *text, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_DROP, .correlation = correlation};
    message.drop.status = vd_str(vd_status_name(status));
    message.drop.text = vd_str(text);
    vd_effects_send(effects, self->options.port, peer, &message);
}

void vd_send_head(vd_publisher_t *self, vd_now_t now, const vd_reader_row_t *row,
                  vd_outflow_t *flow, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_HEAD, .correlation = flow->correlation};
    message.head.store = vd_str(self->tail.store);
    message.head.head = self->head;
    message.head.sent = flow->sent.index;
    message.head.sent_offset = flow->sent.offset;
    vd_effects_send(effects, self->options.port, &row->peer, &message);
    flow->told_us = now.mono_us;
}

void vd_send_hold(vd_publisher_t *self, const vd_reader_row_t *row, const vd_outflow_t *flow,
                  const char *text, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_HOLD, .correlation = flow->correlation};
    message.hold.held = row->held;
    message.hold.text = vd_str(text);
    vd_effects_send(effects, self->options.port, &row->peer, &message);
}

void vd_send_reset(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                   vd_status_t status, const char *text, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_STREAM_RESET, .correlation = correlation};
    message.stream_reset.store = vd_str(self->tail.store);
    message.stream_reset.status = vd_str(vd_status_name(status));
    message.stream_reset.first = self->tail.first;
    message.stream_reset.head = self->head;
    message.stream_reset.text = vd_str(text);
    vd_effects_send(effects, self->options.port, peer, &message);
}
