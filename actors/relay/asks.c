/* asks.c: the table of open questions. */
#include "asks.h"

#include <assert.h>
#include <stdlib.h>

static void destroy(vd_ask_t *ask)
{
    vd_buffer_free(&ask->frames);
    free(ask);
}

void vd_asks_free(vd_asks_t *self)
{
    while (self->count > 0)
        destroy(self->list[--self->count]);
}

vd_ask_t *vd_asks_add(vd_asks_t *self, vd_ask_kind_t kind, const vd_peer_t *peer,
                      const vd_message_t *message)
{
    if (self->count == VD_ASKS_MAX)
        return NULL;
    vd_ask_t *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return NULL;
    vd_buffer_init(&ask->frames, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    ask->kind = kind;
    ask->correlation = ++self->correlation;
    if (peer != NULL)
        ask->peer = *peer;
    if (message != NULL) {
        ask->from = message->correlation;
        if (vd_message_encode(message, &ask->frames, &ask->header_size) != VD_OK) {
            destroy(ask);
            return NULL;
        }
    }
    self->list[self->count++] = ask;
    return ask;
}

void vd_asks_remove(vd_asks_t *self, vd_ask_t *ask)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i] == ask) {
            self->count--;
            memmove(&self->list[i], &self->list[i + 1], (self->count - i) * sizeof self->list[0]);
            destroy(ask);
            return;
        }
    assert(!"the question is in the table");
}

vd_ask_t *vd_asks_find(const vd_asks_t *self, uint64_t correlation)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i]->correlation == correlation)
            return self->list[i];
    return NULL;
}

vd_ask_t *vd_asks_of(const vd_asks_t *self, const vd_peer_t *peer, uint64_t from)
{
    for (uint32_t i = 0; i < self->count; i++) {
        vd_ask_t *ask = self->list[i];
        if (ask->kind != VD_ASK_WINDOW && ask->from == from && vd_peer_equal(&ask->peer, peer))
            return ask;
    }
    return NULL;
}

uint32_t vd_asks_count_of(const vd_asks_t *self, const vd_peer_t *peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->count; i++)
        count += self->list[i]->kind != VD_ASK_WINDOW && vd_peer_equal(&self->list[i]->peer, peer);
    return count;
}

vd_message_t vd_ask_message(const vd_ask_t *ask)
{
    vd_message_t message;
    vd_bytes_t frames = vd_buffer_view(&ask->frames);
    vd_status_t status =
        vd_message_decode(vd_bytes(frames.data, ask->header_size),
                          vd_bytes(frames.data + ask->header_size, frames.size - ask->header_size),
                          vd_bytes(NULL, 0), &message);
    assert(status == VD_OK);
    (void)status;
    return message;
}
