/* steering.c: who is served, and what an operator may do about it. */
#include "stream/publisher_state.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Is it shown? One that has left is, only while an operator holds it. */
static bool is_shown(const vd_reader_row_t *row)
{
    return vd_row_streams(row) || row->held;
}

static bool is_meant(const vd_reader_row_t *row, vd_str_t name, uint64_t id)
{
    return is_shown(row) && (name.size == 0 || vd_str_is(name, row->name)) &&
           (id == 0 || id == row->id);
}

static uint64_t left(uint64_t granted, uint64_t spent)
{
    return granted > spent ? granted - spent : 0;
}

/* A filter may be any bytes; what no type can have in it is shown as '?'. */
static vd_str_t in_print(const char *type, char copy[VD_NAME_BYTES_MAX + 1])
{
    size_t size = 0;
    for (; type[size] != 0; size++)
        copy[size] = type[size] > ' ' && type[size] <= '~' ? type[size] : '?';
    return vd_bytes(copy, size);
}

static void write_row(const vd_publisher_t *self, const vd_reader_row_t *row, vd_buffer_t *out)
{
    char type[VD_NAME_BYTES_MAX + 1];
    const vd_outflow_t *commit = &row->flows[VD_COMMIT], *live = &row->flows[VD_LIVE];
    const vd_outflow_t *flow = commit->open ? commit : live;
    const vd_outflow_t *other = commit->open && live->open ? live : NULL;
    vd_subscriber_record_t record = {
        .id = row->id,
        .name = vd_str(row->name),
        .streams = vd_str(vd_row_streams_name(row)),
        .mode = vd_str(row->mode),
        .held = row->held,
        .session = vd_str(flow->session),
        .type = in_print(flow->type, type),
        .sent = other != NULL && other->sent.index < flow->sent.index ? other->sent.index
                                                                      : flow->sent.index,
        .done = row->done,
        .lag = vd_row_lag(self, row),
        .queue = row->queue,
        .credit_items = flow->open ? left(flow->credit_items, flow->spent_items) : 0,
        .credit_bytes = flow->open ? left(flow->credit_bytes, flow->spent_bytes) : 0,
        .batch = flow->batch,
        .events = row->events,
        .bytes = row->bytes,
        .gaps = row->gaps,
        .drops = vd_drops_of(self, row->name),
        .since_ms = row->since_ms,
    };
    if (other != NULL) {
        record.credit_items += left(other->credit_items, other->spent_items);
        record.credit_bytes += left(other->credit_bytes, other->spent_bytes);
    }
    vd_status_t status = vd_record_encode(VD_RECORD_subscriber, &record, out);
    assert(status == VD_OK);
    (void)status;
}

static void on_subscribers(vd_publisher_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_str_t name = input->message->subscribers.name;
    uint32_t count = 0;
    vd_buffer_t rows, answer;
    vd_buffer_init(&rows, VD_FRAME_BYTES_MAX - 16);
    vd_buffer_init(&answer, VD_FRAME_BYTES_MAX);
    vd_look_at_tails(self);
    for (uint32_t i = 0; i < self->count; i++) {
        if (!is_meant(&self->rows[i], name, 0))
            continue;
        write_row(self, &self->rows[i], &rows);
        count++;
    }
    vd_write_array(&answer, count);
    vd_write_raw(&answer, vd_buffer_view(&rows));
    if (rows.full || answer.full) {
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "no memory for the rows; ask again");
    } else {
        vd_message_t message = {.id = VD_MESSAGE_SUBSCRIBER_ROWS,
                                .payload = vd_buffer_view(&answer)};
        message.subscriber_rows.count = count;
        vd_effects_reply(effects, input, &message);
    }
    vd_buffer_free(&rows);
    vd_buffer_free(&answer);
}

static void hold(vd_publisher_t *self, vd_reader_row_t *row, bool held, vd_effects_t *effects)
{
    row->held = held;
    for (int kind = 0; kind < VD_STREAM_KINDS; kind++)
        if (row->flows[kind].open)
            vd_send_hold(self, row, &row->flows[kind],
                         held ? "an operator has paused this subscriber"
                              : "an operator lets this subscriber go on",
                         effects);
}

static void on_steer(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects)
{
    const vd_steer_body_t *steer = &input->message->steer;
    bool kick = vd_str_is(steer->verb, "kick"), pause = vd_str_is(steer->verb, "pause");
    uint32_t count = 0;
    if (!kick && !pause && !vd_str_is(steer->verb, "resume")) {
        vd_effects_reply_error(effects, input, VD_USAGE,
                               "\"%.*s\" cannot be done to a subscriber; pause, resume or kick",
                               (int)steer->verb.size, (const char *)steer->verb.data);
        return;
    }
    if (steer->name.size == 0 && steer->id == 0) {
        vd_effects_reply_error(effects, input, VD_USAGE,
                               "no subscriber is named; give its name or its id");
        return;
    }
    vd_look_at_tails(self);
    for (uint32_t i = self->count; i-- > 0;) {
        vd_reader_row_t *row = &self->rows[i];
        if (!is_meant(row, steer->name, steer->id))
            continue;
        if (vd_effects_room(effects) < VD_EFFECTS_KEPT)
            break; /* the count tells that these were not all */
        count++;
        if (kick)
            vd_row_drop(self, now, row, NULL, VD_KICKED, "an operator ended it", effects);
        else
            hold(self, row, pause, effects);
    }
    if (count == 0) {
        vd_effects_reply_error(effects, input, VD_NOT_FOUND,
                               "no such subscriber is served here; list the subscribers");
        return;
    }
    vd_message_t done = {.id = VD_MESSAGE_DONE};
    char text[64];
    snprintf(text, sizeof text, "%u subscriber%s", count, count == 1 ? "" : "s");
    done.done.text = vd_str(text);
    vd_effects_reply(effects, input, &done);
    vd_pump(self, now, effects);
}

bool vd_steered(vd_publisher_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    assert(input->kind == VD_INPUT_MESSAGE);
    switch (input->message->id) {
    case VD_MESSAGE_SUBSCRIBERS:
        on_subscribers(self, input, effects);
        return true;
    case VD_MESSAGE_STEER:
        on_steer(self, now, input, effects);
        return true;
    default:
        return false;
    }
}
