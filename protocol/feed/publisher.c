/* publisher.c: the publisher's end of a feed: numbers, a bounded history, answers. */
#include "feed/feed.h"

#include <assert.h>
#include <stdlib.h>

bool vd_feed_publisher_init(vd_feed_publisher_t *self, const char *feed, uint64_t inc,
                            uint16_t pub_port, uint32_t items_max, uint32_t bytes_max)
{
    assert(feed != NULL && strlen(feed) <= VD_FEED_BYTES_MAX && inc != 0);
    assert(items_max > 0 && bytes_max > 1);
    *self = (vd_feed_publisher_t){.inc = inc,
                                  .first = 1,
                                  .pub_port = pub_port,
                                  .complete = true,
                                  .items_max = items_max,
                                  .bytes_max = bytes_max};
    vd_str_copy(self->feed, sizeof self->feed, vd_str(feed));
    self->slots = calloc(items_max, sizeof *self->slots);
    self->bytes = malloc(bytes_max);
    if (self->slots != NULL && self->bytes != NULL)
        return true;
    vd_feed_publisher_free(self);
    return false;
}

void vd_feed_publisher_free(vd_feed_publisher_t *self)
{
    assert(self != NULL);
    free(self->slots);
    free(self->bytes);
    self->slots = NULL;
    self->bytes = NULL;
}

void vd_feed_publisher_renew(vd_feed_publisher_t *self)
{
    assert(self->inc != 0);
    self->inc = self->inc + 1 != 0 ? self->inc + 1 : 1; /* compared for equality only */
    self->head = 0;
    self->first = 1;
    self->write_at = 0;
}

static const vd_feed_slot_t *slot_of(const vd_feed_publisher_t *self, uint64_t n)
{
    assert(n >= self->first && n <= self->head);
    return &self->slots[n % self->items_max];
}

static vd_bytes_t item_of(const vd_feed_publisher_t *self, uint64_t n)
{
    const vd_feed_slot_t *slot = slot_of(self, n);
    return vd_bytes(self->bytes + slot->at, slot->size);
}

void vd_feed_publisher_tick(vd_feed_publisher_t *self, vd_now_t now)
{
    assert(self->slots != NULL && self->age_us_max >= 0);
    self->now_us = now.mono_us;
    if (self->age_us_max == 0)
        return;
    while (self->first <= self->head &&
           now.mono_us - slot_of(self, self->first)->told_us > self->age_us_max)
        self->first++;
}

/* Makes room for `size` bytes at write_at, forgetting the oldest items. */
static void make_room(vd_feed_publisher_t *self, uint32_t size)
{
    if (self->head + 1 - self->first == self->items_max)
        self->first++;
    if (size > self->bytes_max - self->write_at) {
        /* What lies behind is older than what lies at the front. */
        while (self->first <= self->head && slot_of(self, self->first)->at >= self->write_at)
            self->first++;
        self->write_at = 0;
    }
    while (self->first <= self->head) {
        const vd_feed_slot_t *oldest = slot_of(self, self->first);
        bool apart = oldest->at >= self->write_at + size || oldest->at < self->write_at;
        if (apart)
            break;
        self->first++;
    }
}

uint64_t vd_feed_publish(vd_feed_publisher_t *self, vd_effects_t *effects, vd_bytes_t item)
{
    assert(self->slots != NULL && item.size > 0);
    assert(item.size <= self->bytes_max / 2 && item.size <= VD_SNAPSHOT_BYTES_MAX);
    make_room(self, (uint32_t)item.size);
    memcpy(self->bytes + self->write_at, item.data, item.size);
    self->head++;
    self->slots[self->head % self->items_max] =
        (vd_feed_slot_t){self->write_at, (uint32_t)item.size, self->now_us};
    self->write_at += (uint32_t)item.size;
    assert(self->write_at <= self->bytes_max && self->first <= self->head);

    vd_message_t message = {.id = VD_MESSAGE_ITEM};
    message.item.feed = vd_str(self->feed);
    message.item.inc = self->inc;
    message.item.n = self->head;
    if (item.size <= VD_PUB_FRAME_BYTES_MAX)
        message.payload = item;
    vd_effects_publish(effects, self->pub_port, self->feed, &message);
    return self->head;
}

/* Fills `scratch` with the snapshot. False, with an ERROR answered, when it is over the limit. */
static bool write_snapshot(const vd_feed_publisher_t *self, const vd_input_t *input,
                           vd_effects_t *effects, vd_feed_snapshot_fn *snapshot, void *arg,
                           vd_buffer_t *scratch)
{
    vd_buffer_clear(scratch);
    snapshot(arg, scratch);
    assert(scratch->full || scratch->size > 0);
    if (!scratch->full && scratch->size <= VD_FRAME_BYTES_MAX)
        return true;
    vd_effects_reply_error(effects, input, VD_TOO_LARGE,
                           "the snapshot of feed %s is over %zu bytes: observe less", self->feed,
                           scratch->cap);
    return false;
}

static void answer_get(vd_feed_publisher_t *self, const vd_input_t *input, vd_effects_t *effects,
                       vd_feed_snapshot_fn *snapshot, void *arg, vd_buffer_t *scratch)
{
    if (!write_snapshot(self, input, effects, snapshot, arg, scratch))
        return;
    vd_message_t reply = {.id = VD_MESSAGE_SNAPSHOT, .payload = vd_buffer_view(scratch)};
    reply.snapshot.feed = vd_str(self->feed);
    reply.snapshot.inc = self->inc;
    reply.snapshot.n = self->head;
    reply.snapshot.complete = self->complete;
    vd_effects_reply(effects, input, &reply);
}

static void answer_reset(vd_feed_publisher_t *self, const vd_input_t *input, vd_effects_t *effects,
                         vd_status_t why, vd_feed_snapshot_fn *snapshot, void *arg,
                         vd_buffer_t *scratch)
{
    if (!write_snapshot(self, input, effects, snapshot, arg, scratch))
        return;
    vd_message_t reply = {.id = VD_MESSAGE_RESET, .payload = vd_buffer_view(scratch)};
    reply.reset.feed = vd_str(self->feed);
    reply.reset.inc = self->inc;
    reply.reset.n = self->head;
    reply.reset.complete = self->complete;
    reply.reset.status = vd_str(vd_status_name(why));
    vd_effects_reply(effects, input, &reply);
}

/* Answers with the items after `after`: as many as fit, at least one if there is any. */
static void answer_items(vd_feed_publisher_t *self, const vd_input_t *input, vd_effects_t *effects,
                         uint64_t after, uint64_t items_max, vd_buffer_t *scratch)
{
    assert(after + 1 >= self->first && after <= self->head);
    uint32_t count = 0;
    size_t bytes = 0;
    for (uint64_t n = after + 1; n <= self->head && (items_max == 0 || count < items_max); n++) {
        size_t size = slot_of(self, n)->size;
        if (count > 0 && bytes + size > VD_ITEMS_BYTES_MAX)
            break;
        bytes += size;
        count++;
    }
    vd_buffer_clear(scratch);
    vd_write_array(scratch, count);
    for (uint32_t at = 0; at < count; at++)
        vd_write_raw(scratch, item_of(self, after + 1 + at));
    assert(!scratch->full); /* one item and ITEMS_BYTES_MAX fit wherever a snapshot does */
    vd_message_t reply = {.id = VD_MESSAGE_ITEMS, .payload = vd_buffer_view(scratch)};
    reply.items.feed = vd_str(self->feed);
    reply.items.inc = self->inc;
    reply.items.first = after + 1;
    reply.items.count = count;
    reply.items.head = self->head;
    vd_effects_reply(effects, input, &reply);
}

bool vd_feed_answer(vd_feed_publisher_t *self, const vd_input_t *input, vd_effects_t *effects,
                    vd_feed_snapshot_fn *snapshot, void *arg, vd_buffer_t *scratch)
{
    assert(snapshot != NULL && scratch != NULL);
    if (input->kind != VD_INPUT_MESSAGE)
        return false;
    const vd_message_t *message = input->message;
    if (message->id == VD_MESSAGE_GET && vd_str_is(message->get.feed, self->feed)) {
        answer_get(self, input, effects, snapshot, arg, scratch);
        return true;
    }
    if (message->id != VD_MESSAGE_READ || !vd_str_is(message->read_items.feed, self->feed))
        return false;
    uint64_t after = message->read_items.after;
    if (message->read_items.inc == 0)
        answer_items(self, input, effects, self->first - 1, message->read_items.items_max, scratch);
    else if (message->read_items.inc != self->inc)
        answer_reset(self, input, effects, VD_RESTARTED, snapshot, arg, scratch);
    else if (after > self->head)
        answer_reset(self, input, effects, VD_WENT_BACK, snapshot, arg, scratch);
    else if (after + 1 < self->first)
        answer_reset(self, input, effects, VD_PRUNED, snapshot, arg, scratch);
    else
        answer_items(self, input, effects, after, message->read_items.items_max, scratch);
    return true;
}
