/* provider.c: listing, and telling in parts. */
#include "provider.h"

#include <assert.h>

enum { TIMER_BEAT = 1 };

/* Rows and bytes of one part: the catalogue's limit, and a body with room for its other fields. */
#define PART_ROWS_MAX  256
#define PART_BYTES_MAX (VD_BODY_BYTES_MAX / 4 * 3)

static vd_peer_t broker_peer(void)
{
    return vd_peer_named("broker");
}

static void send(vd_provider_t *self, vd_message_t *message, vd_effects_t *effects)
{
    vd_peer_t peer = broker_peer();
    message->correlation = ++self->correlation;
    vd_effects_send(effects, VD_PROVIDER_BROKER, &peer, message);
}

/* Moves the next rows into self->part, as an array. */
static void cut_part(vd_provider_t *self)
{
    vd_bytes_t rest = self->rest;
    uint32_t count = 0;
    vd_value_t row;
    while (count < self->rest_count && count < PART_ROWS_MAX) {
        bool there = vd_value_next(&rest, &row);
        assert(there);
        size_t size = (size_t)(row.raw.data - self->rest.data) + row.raw.size;
        if (count > 0 && size > PART_BYTES_MAX)
            break;
        count++;
    }
    vd_bytes_t rows = self->rest;
    vd_buffer_clear(&self->part);
    vd_write_array(&self->part, count);
    self->rest_count -= count;
    while (count-- > 0 && vd_value_next(&rows, &row))
        vd_write_raw(&self->part, row.raw);
    self->rest = rows;
    assert(!self->part.full);
}

static void send_part(vd_provider_t *self, vd_now_t now, vd_effects_t *effects)
{
    cut_part(self);
    int64_t age_us = self->error[0] == 0 || !self->listed ? 0 : now.mono_us - self->good_us;
    vd_message_t message = {.id = VD_MESSAGE_ANNOUNCE,
                            .announce = {.provider = vd_str(self->name),
                                         .inc = self->inc,
                                         .set = self->set,
                                         .part = self->part_number++,
                                         .last = self->rest_count == 0,
                                         .age_ms = (uint64_t)age_us / 1000,
                                         .error = vd_str(self->error),
                                         .sources = vd_buffer_view(&self->part)}};
    send(self, &message, effects);
    self->announcing = true;
    self->asked = self->correlation;
    self->asked_us = now.mono_us;
}

/* Begins a set, if there is anything to tell. */
static void announce(vd_provider_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->listed && self->error[0] == 0)
        return;
    vd_value_t array = {.count = 0};
    if (self->listed) {
        bool read = vd_value_of(vd_buffer_view(&self->sources), &array);
        assert(read && array.kind == VD_KIND_ARRAY);
    }
    self->rest = array.bytes;
    self->rest_count = array.count;
    self->due = false;
    self->set++;
    self->part_number = 0;
    send_part(self, now, effects);
}

/* Takes over why a listing failed, for people: text that may have been cut anywhere, as plain
 * characters. Returns whether it is another reason than before. */
static bool set_error(vd_provider_t *self, vd_str_t text)
{
    char clean[sizeof self->error];
    vd_str_copy(clean, sizeof clean, text.size > 0 ? text : vd_str("for an unknown reason"));
    for (char *at = clean; *at != 0; at++)
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    if (strcmp(clean, self->error) == 0)
        return false;
    memcpy(self->error, clean, sizeof clean);
    return true;
}

static void take_listing(vd_provider_t *self, vd_now_t now, const vd_listing_t *listing,
                         vd_effects_t *effects)
{
    self->listing = false;
    self->list_us = now.mono_us + self->refresh_us;
    if (listing->status != VD_OK) {
        if (self->refresh_us > (int64_t)VD_PROVIDER_RETRY_MS * 1000)
            self->list_us = now.mono_us + (int64_t)VD_PROVIDER_RETRY_MS * 1000;
        if (!set_error(self, listing->error))
            return;
        vd_effects_log(effects, VD_WARN, "listing the sources failed: %s", self->error);
        self->due = true;
        return;
    }
    if (self->error[0] != 0)
        vd_effects_log(effects, VD_INFO, "the sources are listed again");
    self->good_us = now.mono_us;
    bool same = self->listed && self->error[0] == 0 &&
                vd_bytes_equal(vd_buffer_view(&self->sources), listing->sources);
    self->listed = true;
    self->error[0] = 0;
    if (same)
        return;
    vd_buffer_clear(&self->sources);
    bool fits = vd_buffer_add(&self->sources, listing->sources.data, listing->sources.size);
    assert(fits);
    /* A set that is half told was cut from the bytes that are gone now: it ends here. */
    self->announcing = false;
    self->due = true;
}

static void list(vd_provider_t *self, vd_effects_t *effects)
{
    assert(!self->listing);
    self->listing = true;
    self->again = false;
    vd_effects_do(effects, VD_PROVIDER_LIST, 0, NULL);
}

static void connect_broker(vd_provider_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_peer_t peer = broker_peer();
    self->heard_us = now.mono_us;
    self->announcing = false;
    vd_effects_connect(effects, VD_PROVIDER_BROKER, &peer, self->broker);
}

/* Once a renewal: is the broker there, is it the same, was the last part answered? */
static void beat(vd_provider_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (now.mono_us - self->heard_us > (int64_t)VD_LEASE_MS * 1000) {
        vd_peer_t peer = broker_peer();
        vd_effects_disconnect(effects, VD_PROVIDER_BROKER, &peer);
        connect_broker(self, now, effects);
        self->due = true;
    }
    if (self->announcing && now.mono_us - self->asked_us > (int64_t)VD_PROVIDER_ANSWER_MS * 1000) {
        self->announcing = false;
        self->due = true;
    }
    if (now.mono_us - self->told_us > (int64_t)VD_PROVIDER_ANNOUNCE_MS * 1000)
        self->due = true;
    vd_message_t ping = {.id = VD_MESSAGE_PING};
    send(self, &ping, effects);
    if (!self->listing && now.mono_us >= self->list_us)
        list(self, effects);
    vd_effects_timer(effects, TIMER_BEAT, now.mono_us + (int64_t)VD_LEASE_RENEW_MS * 1000);
}

/* The broker has refused the set. It is told again later; the broker's feed shows the reason. */
static void take_error(vd_provider_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    const vd_error_body_t *error = &input->message->error;
    self->announcing = false;
    if (vd_status_of_name(error->status) == VD_OUT_OF_ORDER) {
        self->due = true;
        return;
    }
    if (!self->warned)
        vd_effects_log(effects, VD_ERROR, "the broker refuses the sources: %.*s",
                       (int)error->text.size, (const char *)error->text.data);
    self->warned = true;
    self->told_us = now.mono_us;
}

/* Answers carry the correlation of their part; a beat has its own in between. */
static void take_message(vd_provider_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    self->heard_us = now.mono_us;
    switch (input->message->id) {
    case VD_MESSAGE_PONG:
        if (input->message->pong.inc == self->broker_inc)
            return;
        self->broker_inc = input->message->pong.inc;
        self->announcing = false;
        self->due = true;
        return;
    case VD_MESSAGE_DONE:
        if (!self->announcing || input->message->correlation != self->asked)
            return;
        self->announcing = false;
        if (self->rest_count > 0) {
            send_part(self, now, effects);
            return;
        }
        self->warned = false;
        self->told_us = now.mono_us;
        return;
    case VD_MESSAGE_ERROR:
        if (self->announcing && input->message->correlation == self->asked)
            take_error(self, now, input, effects);
        return;
    default:
        return;
    }
}

void vd_provider_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_provider_t *self = state;
    assert(self != NULL && self->name != NULL && self->inc != 0 && self->refresh_us > 0);
    switch (input->kind) {
    case VD_INPUT_START:
        connect_broker(self, now, effects);
        list(self, effects);
        vd_effects_timer(effects, TIMER_BEAT, now.mono_us);
        break;
    case VD_INPUT_MESSAGE:
        take_message(self, now, input, effects);
        break;
    case VD_INPUT_DONE:
        if (input->id == VD_PROVIDER_LIST)
            take_listing(self, now, input->result, effects);
        else
            self->again = true;
        if (self->again && !self->listing)
            list(self, effects);
        break;
    case VD_INPUT_TIMER:
        beat(self, now, effects);
        break;
    case VD_INPUT_STOP:
        vd_effects_exit(effects, VD_OK, "stopped");
        return;
    }
    if (self->due && !self->announcing && self->broker_inc != 0)
        announce(self, now, effects);
}
