/* answer.c: samples and readings on request. */
#include "poller_parts.h"

#include <assert.h>

/* Pairs of a row of "readings". */
#define READING_PAIRS 15

static void write_row(const vd_standing_t *read, vd_now_t now, vd_buffer_t *out)
{
    char feed[VD_FEED_BYTES_MAX + 1];
    vd_read_feed(vd_standing_part(read, VD_PART_SOURCE), read->key, feed);
    int64_t age_ms = read->ok_at_ms == 0 ? -1 : now.wall_ms - read->ok_at_ms;
    vd_write_map(out, READING_PAIRS);
    vd_write_pair_str(out, "source", vd_standing_part(read, VD_PART_SOURCE));
    vd_write_pair_str(out, "op", vd_standing_part(read, VD_PART_OP));
    vd_write_pair_str(out, "target", vd_standing_part(read, VD_PART_TARGET));
    vd_write_pair_text(out, "feed", feed);
    vd_write_pair_u64(out, "n", read->samples[0].size > 0 ? read->n : 0);
    vd_write_pair_i64(out, "at_ms", read->at_ms);
    vd_write_pair_i64(out, "ok_at_ms", read->ok_at_ms);
    vd_write_pair_i64(out, "age_ms", age_ms);
    vd_write_pair_u64(out, "took_us", read->took_us);
    vd_write_pair_text(out, "status", vd_status_name(read->status));
    vd_write_pair_text(out, "error", read->error);
    vd_write_pair_i64(out, "error_at_ms", read->error_at_ms);
    vd_write_pair_u64(out, "failures", read->failures);
    vd_write_pair_u64(out, "reads", read->reads);
    vd_write_pair_u64(out, "interval_ms", (uint64_t)(read->interval_us / 1000));
}

/* Writes the rows that fit. Returns whether all did. */
static bool write_readings(vd_poller_t *self, vd_now_t now, vd_buffer_t *out)
{
    vd_buffer_clear(&self->rows);
    vd_buffer_clear(out);
    uint32_t count = 0, at = 0;
    size_t room = VD_FRAME_BYTES_MAX - 16;
    /* The head of the array tells its count: an array of 32 bits, filled in at the end. */
    uint8_t *head = vd_buffer_reserve(out, 5);
    if (head == NULL)
        return false;
    out->size += 5;
    for (; at < self->reads.high; at++) {
        if (!self->reads.slots[at].used)
            continue;
        size_t before = out->size;
        write_row(&self->reads.slots[at], now, out);
        if (out->full || out->size > room) {
            vd_buffer_cut(out, before);
            break;
        }
        count++;
    }
    const uint8_t bytes[5] = {0xdd, (uint8_t)(count >> 24), (uint8_t)(count >> 16),
                              (uint8_t)(count >> 8), (uint8_t)count};
    memcpy(out->data, bytes, sizeof bytes);
    return at == self->reads.high;
}

static void send_snapshot(vd_poller_t *self, const vd_input_t *input, vd_str_t feed, uint64_t n,
                          bool complete, vd_bytes_t value, vd_effects_t *effects)
{
    vd_message_t answer = {
        .id = VD_MESSAGE_SNAPSHOT,
        .payload = value,
        .snapshot = {.feed = feed, .inc = self->inc, .n = n, .complete = complete}};
    vd_effects_reply(effects, input, &answer);
}

static void send_reset(vd_poller_t *self, const vd_input_t *input, vd_str_t feed, uint64_t n,
                       bool complete, vd_bytes_t value, vd_status_t why, vd_effects_t *effects)
{
    vd_message_t answer = {.id = VD_MESSAGE_RESET,
                           .payload = value,
                           .reset = {.feed = feed,
                                     .inc = self->inc,
                                     .n = n,
                                     .complete = complete,
                                     .status = vd_str(vd_status_name(why))}};
    vd_effects_reply(effects, input, &answer);
}

/* The newest sample; nil while there is none. */
static vd_bytes_t newest(vd_poller_t *self, const vd_standing_t *read)
{
    if (read->samples[0].size > 0)
        return vd_buffer_view(&read->samples[0]);
    vd_buffer_clear(&self->rows);
    vd_write_nil(&self->rows);
    return vd_buffer_view(&self->rows);
}

/* Samples that are kept. */
static uint64_t kept(const vd_standing_t *read)
{
    uint64_t count = 0;
    while (count < VD_SAMPLES_KEPT && read->samples[count].size > 0)
        count++;
    return count;
}

/* Sends the samples after `after`: as many as one answer takes, the oldest first. */
static void send_items(vd_poller_t *self, const vd_input_t *input, const vd_standing_t *read,
                       uint64_t after, uint64_t items_max, vd_effects_t *effects)
{
    uint64_t wanted = read->n - after;
    assert(wanted <= kept(read));
    if (items_max > 0 && wanted > items_max)
        wanted = items_max;
    const vd_buffer_t *first = wanted == 0 ? NULL : &read->samples[read->n - after - 1];
    if (wanted == VD_SAMPLES_KEPT &&
        read->samples[0].size + read->samples[1].size > VD_ITEMS_BYTES_MAX)
        wanted = 1;
    vd_buffer_clear(&self->scratch);
    vd_write_array(&self->scratch, (uint32_t)wanted);
    for (uint64_t i = 0; i < wanted; i++)
        vd_write_raw(&self->scratch, vd_buffer_view(first - i));
    assert(!self->scratch.full);
    vd_message_t answer = {.id = VD_MESSAGE_ITEMS,
                           .payload = vd_buffer_view(&self->scratch),
                           .items = {.feed = input->message->read_items.feed,
                                     .inc = self->inc,
                                     .first = after + 1,
                                     .count = wanted,
                                     .head = read->n}};
    vd_effects_reply(effects, input, &answer);
}

static void answer_read(vd_poller_t *self, const vd_input_t *input, const vd_standing_t *read,
                        vd_effects_t *effects)
{
    const vd_read_items_body_t *body = &input->message->read_items;
    vd_status_t why = VD_OK;
    if (body->inc != self->inc)
        why = VD_RESTARTED;
    else if (body->after > read->n)
        why = VD_WENT_BACK;
    else if (read->n - body->after > kept(read))
        why = VD_PRUNED;
    if (why == VD_OK)
        send_items(self, input, read, body->after, body->items_max, effects);
    else
        send_reset(self, input, body->feed, read->n, true, newest(self, read), why, effects);
}

static void answer_readings(vd_poller_t *self, vd_now_t now, const vd_input_t *input, vd_str_t feed,
                            vd_effects_t *effects)
{
    bool complete = write_readings(self, now, &self->scratch);
    vd_bytes_t value = vd_buffer_view(&self->scratch);
    if (input->message->id == VD_MESSAGE_GET) {
        send_snapshot(self, input, feed, self->readings_n, complete, value, effects);
        return;
    }
    vd_status_t why = input->message->read_items.inc != self->inc ? VD_RESTARTED : VD_PRUNED;
    send_reset(self, input, feed, self->readings_n, complete, value, why, effects);
}

void vd_poller_answer(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    bool get = input->message->id == VD_MESSAGE_GET;
    assert(get || input->message->id == VD_MESSAGE_READ);
    vd_str_t feed = get ? input->message->get.feed : input->message->read_items.feed;
    if (vd_str_is(feed, "readings")) {
        answer_readings(self, now, input, feed, effects);
        return;
    }
    uint32_t at = vd_reads_of_feed(&self->reads, feed);
    if (at == VD_STANDING_NONE) {
        vd_effects_reply_error(effects, input, VD_NOT_FOUND,
                               "no read stands here for feed %.*s; send STAND first",
                               (int)feed.size, (const char *)feed.data);
        return;
    }
    const vd_standing_t *read = &self->reads.slots[at];
    if (get)
        send_snapshot(self, input, feed, read->n, true, newest(self, read), effects);
    else
        answer_read(self, input, read, effects);
}
