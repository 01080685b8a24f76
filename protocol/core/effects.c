/* effects.c: the list of effects that a core fills in one step, and the seeded generator. */
#include "core/core.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* An arena that one large step has grown is given back instead of being held through quiet
 * times. */
enum { ARENA_KEEP_BYTES = 1048576 };

vd_peer_t vd_peer_of(const void *bytes, size_t size)
{
    assert(size <= VD_PEER_BYTES_MAX && (bytes != NULL || size == 0));
    vd_peer_t peer = {.size = (uint8_t)size};
    if (size > 0)
        memcpy(peer.bytes, bytes, size);
    return peer;
}

vd_peer_t vd_peer_named(const char *name)
{
    assert(name != NULL);
    return vd_peer_of(name, strlen(name));
}

bool vd_peer_equal(const vd_peer_t *a, const vd_peer_t *b)
{
    assert(a->size <= VD_PEER_BYTES_MAX && b->size <= VD_PEER_BYTES_MAX);
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

vd_effects_t *vd_effects_new(void)
{
    /* calloc of this size comes from fresh pages: entries that are never used cost no memory. */
    vd_effects_t *self = calloc(1, sizeof *self);
    if (self != NULL)
        vd_buffer_init(&self->arena, VD_EFFECT_BYTES_MAX);
    return self;
}

/* Lets go of the payloads that are held. */
static void let_go(vd_effects_t *self)
{
    for (uint32_t at = 0; self->shares && at < self->count; at++)
        vd_shared_release(&self->list[at].shared);
    self->shares = false;
}

void vd_effects_destroy(vd_effects_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    let_go(*self);
    vd_buffer_free(&(*self)->arena);
    free(*self);
    *self = NULL;
}

void vd_effects_clear(vd_effects_t *self)
{
    assert(self->count <= VD_EFFECTS_MAX);
    let_go(self);
    self->count = 0;
    self->overflow = false;
    if (self->arena.room > ARENA_KEEP_BYTES)
        vd_buffer_free(&self->arena);
    else
        vd_buffer_clear(&self->arena);
}

uint32_t vd_effects_room(const vd_effects_t *self)
{
    assert(self->count <= VD_EFFECTS_MAX);
    return VD_EFFECTS_MAX - self->count;
}

static vd_bytes_t view(const vd_effects_t *self, uint32_t at, uint32_t size)
{
    assert(size == 0 || (at <= self->arena.size && size <= self->arena.size - at));
    return size == 0 ? vd_bytes(NULL, 0) : vd_bytes(self->arena.data + at, size);
}

const char *vd_effect_text(const vd_effects_t *self, const vd_effect_t *effect)
{
    vd_bytes_t text = view(self, effect->text_at, effect->text_size);
    return text.size == 0 ? "" : (const char *)text.data;
}

vd_bytes_t vd_effect_header(const vd_effects_t *self, const vd_effect_t *effect)
{
    return view(self, effect->header_at, effect->header_size);
}

vd_bytes_t vd_effect_body(const vd_effects_t *self, const vd_effect_t *effect)
{
    return view(self, effect->body_at, effect->body_size);
}

vd_bytes_t vd_effect_payload(const vd_effects_t *self, const vd_effect_t *effect)
{
    return effect->shared != NULL ? vd_shared_view(effect->shared)
                                  : view(self, effect->payload_at, effect->payload_size);
}

/* Begins an effect, NULL when the list is full. It counts only once it is complete (see keep). */
static vd_effect_t *begin(vd_effects_t *self, vd_effect_kind_t kind)
{
    assert(self->count <= VD_EFFECTS_MAX);
    if (self->count == VD_EFFECTS_MAX) {
        self->overflow = true;
        return NULL;
    }
    vd_effect_t *effect = &self->list[self->count];
    *effect = (vd_effect_t){.kind = kind};
    return effect;
}

/* Ends an effect: counts it, or undoes what it put into the arena. */
static void keep(vd_effects_t *self, bool whole, size_t arena_before)
{
    assert(self->count < VD_EFFECTS_MAX && arena_before <= self->arena.size);
    if (whole) {
        self->count++;
        return;
    }
    vd_buffer_cut(&self->arena, arena_before);
    self->overflow = true;
}

/* Copies a text with its zero byte into the arena; `text_size` leaves the zero byte out of the
 * view's end. */
static bool put_text(vd_effects_t *self, vd_effect_t *effect, const char *text)
{
    size_t size = strlen(text) + 1;
    effect->text_at = (uint32_t)self->arena.size;
    if (!vd_buffer_add(&self->arena, text, size))
        return false;
    effect->text_size = (uint32_t)size;
    return true;
}

static bool put_message(vd_effects_t *self, vd_effect_t *effect, const vd_message_t *message)
{
    size_t at = self->arena.size;
    size_t header_size = 0;
    if (vd_message_encode(message, &self->arena, &header_size) != VD_OK || self->arena.full)
        return false;
    assert(header_size > 0 && at + header_size <= self->arena.size);
    effect->header_at = (uint32_t)at;
    effect->header_size = (uint32_t)header_size;
    effect->body_at = (uint32_t)(at + header_size);
    effect->body_size = (uint32_t)(self->arena.size - effect->body_at);
    effect->payload_at = (uint32_t)self->arena.size;
    effect->payload_size = (uint32_t)message->payload.size;
    return message->payload.size <= VD_FRAME_BYTES_MAX &&
           vd_buffer_add(&self->arena, message->payload.data, message->payload.size);
}

void vd_effects_send(vd_effects_t *self, uint16_t port, const vd_peer_t *peer,
                     const vd_message_t *message)
{
    assert(peer != NULL && message != NULL);
    vd_effect_t *effect = begin(self, VD_EFFECT_SEND);
    if (effect == NULL)
        return;
    size_t before = self->arena.size;
    effect->port = port;
    effect->peer = *peer;
    keep(self, put_message(self, effect, message), before);
}

void vd_effects_send_shared(vd_effects_t *self, uint16_t port, const vd_peer_t *peer,
                            const vd_message_t *message, vd_shared_t *payload)
{
    assert(payload != NULL && message->payload.size == 0);
    uint32_t before = self->count;
    if (payload->size > VD_STATE_BYTES_MAX) {
        self->overflow = true;
        return;
    }
    vd_effects_send(self, port, peer, message);
    if (self->count == before)
        return;
    self->list[before].shared = vd_shared_hold(payload);
    self->shares = true;
}

void vd_effects_publish(vd_effects_t *self, uint16_t port, const char *topic,
                        const vd_message_t *message)
{
    assert(topic != NULL && message != NULL);
    vd_effect_t *effect = begin(self, VD_EFFECT_SEND);
    if (effect == NULL)
        return;
    size_t before = self->arena.size;
    effect->port = port;
    keep(self, put_text(self, effect, topic) && put_message(self, effect, message), before);
}

void vd_effects_reply(vd_effects_t *self, const vd_input_t *input, vd_message_t *message)
{
    assert(input->kind == VD_INPUT_MESSAGE && input->message != NULL);
    message->correlation = input->message->correlation;
    vd_effects_send(self, input->port, &input->peer, message);
}

void vd_effects_reply_error(vd_effects_t *self, const vd_input_t *input, vd_status_t status,
                            const char *format, ...)
{
    assert(status != VD_OK && format != NULL);
    char text[VD_TEXT_BYTES_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    vd_message_t reply = {.id = VD_MESSAGE_ERROR};
    reply.error.status = vd_str(vd_status_name(status));
    reply.error.text = vd_str(text);
    vd_effects_reply(self, input, &reply);
}

/* Effects that are a port, a peer and a text, each of which may be absent. */
static void add_plain(vd_effects_t *self, vd_effect_kind_t kind, uint16_t port,
                      const vd_peer_t *peer, const char *text)
{
    vd_effect_t *effect = begin(self, kind);
    if (effect == NULL)
        return;
    size_t before = self->arena.size;
    effect->port = port;
    if (peer != NULL)
        effect->peer = *peer;
    keep(self, text == NULL || put_text(self, effect, text), before);
}

void vd_effects_connect(vd_effects_t *self, uint16_t port, const vd_peer_t *peer,
                        const char *endpoint)
{
    assert(peer != NULL && endpoint != NULL);
    add_plain(self, VD_EFFECT_CONNECT, port, peer, endpoint);
}

void vd_effects_disconnect(vd_effects_t *self, uint16_t port, const vd_peer_t *peer)
{
    assert(peer != NULL);
    add_plain(self, VD_EFFECT_DISCONNECT, port, peer, NULL);
}

void vd_effects_subscribe(vd_effects_t *self, uint16_t port, const char *topic)
{
    assert(topic != NULL);
    add_plain(self, VD_EFFECT_SUBSCRIBE, port, NULL, topic);
}

void vd_effects_unsubscribe(vd_effects_t *self, uint16_t port, const char *topic)
{
    assert(topic != NULL);
    add_plain(self, VD_EFFECT_UNSUBSCRIBE, port, NULL, topic);
}

static void add_timer(vd_effects_t *self, uint32_t id, int64_t at_us)
{
    assert(id < VD_TIMERS_MAX);
    vd_effect_t *effect = begin(self, VD_EFFECT_TIMER);
    if (effect == NULL)
        return;
    effect->id = id;
    effect->at_us = at_us;
    keep(self, true, self->arena.size);
}

void vd_effects_timer(vd_effects_t *self, uint32_t id, int64_t at_us)
{
    assert(at_us >= 0);
    add_timer(self, id, at_us);
}

void vd_effects_timer_clear(vd_effects_t *self, uint32_t id)
{
    add_timer(self, id, -1);
}

static void add_words(vd_effects_t *self, vd_effect_kind_t kind, int word, const char *format,
                      va_list args)
{
    assert(kind == VD_EFFECT_LOG || kind == VD_EFFECT_EXIT);
    char text[VD_TEXT_BYTES_MAX + 1];
    vsnprintf(text, sizeof text, format, args);
    vd_effect_t *effect = begin(self, kind);
    if (effect == NULL)
        return;
    if (kind == VD_EFFECT_LOG)
        effect->level = (vd_level_t)word;
    else
        effect->status = (vd_status_t)word;
    size_t before = self->arena.size;
    keep(self, put_text(self, effect, text), before);
}

void vd_effects_log(vd_effects_t *self, vd_level_t level, const char *format, ...)
{
    assert(level <= VD_ERROR && format != NULL);
    va_list args;
    va_start(args, format);
    add_words(self, VD_EFFECT_LOG, (int)level, format, args);
    va_end(args);
}

void vd_effects_exit(vd_effects_t *self, vd_status_t status, const char *format, ...)
{
    assert(format != NULL);
    va_list args;
    va_start(args, format);
    add_words(self, VD_EFFECT_EXIT, (int)status, format, args);
    va_end(args);
}

void vd_effects_do(vd_effects_t *self, uint32_t operation, uint64_t token, void *object)
{
    vd_effect_t *effect = begin(self, VD_EFFECT_DO);
    if (effect == NULL)
        return;
    effect->id = operation;
    effect->token = token;
    effect->object = object;
    keep(self, true, self->arena.size);
}

uint64_t vd_random_next(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15ull;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}
