/* follow_keep.c: where the caller of a follow stands, kept under a name in the store. */
#include "client/follow_impl.h"

#include <assert.h>
#include <inttypes.h>

enum {
    KEEP_EVERY_US = 1000000,
    KEEP_AGAIN_US = 3000000, /* without an answer */
    LAST_OUT_US = 1000000,   /* for the answer that is still out at the end */
};

static bool same_place(const vd_follow_place_t *a, const vd_follow_place_t *b)
{
    return strcmp(a->position.store, b->position.store) == 0 &&
           a->position.index == b->position.index && a->position.offset == b->position.offset &&
           a->position.chain == b->position.chain && strcmp(a->session, b->session) == 0;
}

static vd_message_t save_of(const vd_follow_t *self, const vd_follow_place_t *place)
{
    vd_message_t message = {.id = VD_MESSAGE_SAVE_POSITION,
                            .correlation = VD_FOLLOW_SAVE_CORRELATION};
    message.save_position.name = vd_str(self->durable);
    message.save_position.store = vd_str(place->position.store);
    message.save_position.index = place->position.index;
    message.save_position.offset = place->position.offset;
    message.save_position.chain = place->position.chain;
    message.save_position.session = vd_str(place->session);
    return message;
}

/* The position of an answer POSITION. */
static bool read_place(const vd_reply_t *reply, vd_follow_place_t *place)
{
    vd_value_t map;
    *place = (vd_follow_place_t){0};
    if (reply->id != VD_MESSAGE_POSITION ||
        !vd_value_of(vd_bytes(reply->body.data, reply->body.size), &map) ||
        !vd_str_copy(place->position.store, sizeof place->position.store,
                     vd_value_get_str(&map, "store")) ||
        !vd_str_copy(place->session, sizeof place->session, vd_value_get_str(&map, "session")))
        return false;
    place->position.index = vd_value_get_u64(&map, "index", 0);
    place->position.offset = vd_value_get_u64(&map, "offset", 0);
    place->position.chain = (uint32_t)vd_value_get_u64(&map, "chain", 0);
    return place->position.store[0] != 0;
}

vd_status_t vd_follow_load(vd_follow_t *self, int timeout_ms)
{
    vd_message_t message = {.id = VD_MESSAGE_LOAD_POSITION};
    vd_reply_t reply;
    vd_follow_place_t place;
    message.load_position.name = vd_str(self->durable);
    vd_status_t status =
        vd_client_ask(self->client, "ingestor", "read", &message, timeout_ms, &reply);
    if (status == VD_NOT_FOUND)
        return VD_OK;
    if (status != VD_OK)
        return status;
    if (!read_place(&reply, &place))
        return vd_client_fail(self->client, VD_MALFORMED,
                              "what is kept under '%s' is not a position", self->durable);
    if (!self->rolls && strcmp(place.session, self->wanted.session) != 0)
        return vd_client_fail(self->client, VD_USAGE,
                              "the position under '%s' was read from %s%s, not from %s%s; use "
                              "another name, or follow that",
                              self->durable, place.session[0] ? "session " : "every session",
                              place.session, self->wanted.session[0] ? "session " : "every session",
                              self->wanted.session);
    if (self->rolls && place.session[0] != 0)
        strcpy(self->wanted.session, place.session);
    self->wanted.position = place.position;
    self->wanted.head = false;
    self->wanted.seq = 0;
    self->place = self->saved = place;
    return VD_OK;
}

void vd_follow_keep(vd_follow_t *self, int64_t now_us)
{
    int64_t since_us = now_us - self->saving_us;
    if (self->durable[0] == 0 || self->place.position.store[0] == 0 ||
        since_us < (self->save_out ? KEEP_AGAIN_US : KEEP_EVERY_US) ||
        same_place(&self->place, &self->saved))
        return;
    vd_message_t message = save_of(self, &self->place);
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_send(vd_engine_effects(&self->engine), VD_FOLLOW_PORT_READ, &peer, &message);
    vd_engine_carry_out(&self->engine);
    self->saving = self->place;
    self->saving_us = now_us;
    self->save_out = true;
}

void vd_follow_kept(vd_follow_t *self, const vd_message_t *message)
{
    if (!self->save_out)
        return;
    self->save_out = false;
    if (message->id == VD_MESSAGE_DONE)
        self->saved = self->saving;
}

static bool is_kept(void *arg)
{
    const vd_follow_t *self = arg;
    return !self->save_out;
}

vd_status_t vd_follow_keep_now(vd_follow_t *self, int timeout_ms)
{
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    if (self->durable[0] == 0 || self->place.position.store[0] == 0 ||
        same_place(&self->place, &self->saved))
        return VD_OK;
    /* What is under way goes another way than what is asked now, and may come in after it. */
    int64_t patience_us = vd_client_mono_us() + LAST_OUT_US;
    self->round_events = 0;
    if (self->save_out)
        vd_engine_run(self->client, deadline_us < patience_us ? deadline_us : patience_us, is_kept,
                      self);
    vd_message_t message = save_of(self, &self->place);
    vd_reply_t reply;
    int rest_ms = vd_client_rest_ms(deadline_us);
    vd_status_t status = vd_client_ask(self->client, "ingestor", "read", &message, rest_ms, &reply);
    if (status == VD_OK)
        self->saved = self->place;
    return status;
}
