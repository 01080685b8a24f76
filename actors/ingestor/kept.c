/* kept.c: positions under names, and the operations that write. */
#include "kept.h"

#include "wire/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void vd_kept_init(vd_kept_t *self, vd_store_t *store)
{
    assert(self != NULL && store != NULL);
    *self = (vd_kept_t){.store = store};
}

void vd_kept_free(vd_kept_t *self)
{
    for (uint32_t i = 0; i < VD_KEPT_WRITES; i++)
        free((void *)self->waiting[i].write.state);
    *self = (vd_kept_t){0};
}

vd_status_t vd_kept_perform(vd_store_t *store, const vd_kept_write_t *write, char *error,
                            size_t error_size)
{
    const vd_kept_state_t *state = write->state;
    if (state != NULL)
        return vd_store_save_snapshot(store, &state->snapshot,
                                      vd_bytes(state->bytes, state->snapshot.size), state->keep,
                                      error, error_size);
    if (write->forget)
        return vd_store_forget_position(store, write->position.name, error, error_size);
    return vd_store_save_position(store, &write->position, error, error_size);
}

vd_kept_waiting_t *vd_kept_wait(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    for (uint32_t i = 0; i < VD_KEPT_WRITES; i++) {
        if (self->waiting[i].used)
            continue;
        self->waiting[i] = (vd_kept_waiting_t){.used = true,
                                               .port = input->port,
                                               .peer = input->peer,
                                               .correlation = input->message->correlation};
        return &self->waiting[i];
    }
    vd_effects_reply_error(effects, input, VD_OVERLOADED,
                           "%d positions and states are being written; send it again later",
                           VD_KEPT_WRITES);
    return NULL;
}

void vd_kept_write(vd_kept_t *self, vd_kept_waiting_t *waiting, vd_effects_t *effects)
{
    vd_effects_do(effects, VD_KEPT_WRITE, (uint64_t)(waiting - self->waiting), &waiting->write);
}

bool vd_kept_check_place(vd_kept_t *self, const vd_input_t *input, const vd_kept_place_t *place,
                         bool pruned, vd_effects_t *effects)
{
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    if (!vd_str_is(place->store, tail.id)) {
        vd_effects_reply_error(effects, input, VD_WENT_BACK,
                               "the position is of store %.*s, and this is store %s",
                               (int)place->store.size, (const char *)place->store.data, tail.id);
        return false;
    }
    /* A place inside a commit has that commit's chain. */
    uint64_t touched = place->index + (place->offset > 0 ? 1 : 0);
    vd_status_t status =
        vd_store_holds(self->store, place->index, place->offset, (uint32_t)place->chain);
    if (status == VD_OK && place->chain > UINT32_MAX)
        status = VD_WENT_BACK;
    if (status == VD_OK || (status == VD_PRUNED && pruned))
        return true;
    if (status == VD_WENT_BACK)
        vd_effects_reply_error(effects, input, VD_WENT_BACK,
                               "commit %" PRIu64 " with this chain is not in the store, which ends "
                               "at commit %" PRIu64,
                               touched, tail.index);
    else
        vd_effects_reply_error(effects, input, status, "commit %" PRIu64 " cannot be read: %s",
                               touched, vd_status_text(status));
    return false;
}

bool vd_kept_check_name(const vd_input_t *input, vd_str_t name, vd_effects_t *effects)
{
    if (vd_name_valid(name))
        return true;
    vd_effects_reply_error(effects, input, VD_USAGE,
                           "'%.*s' is not a name: take letters, digits and _ . - : # / @",
                           (int)name.size, (const char *)name.data);
    return false;
}

static void on_save(vd_kept_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_save_position_body_t *ask = &input->message->save_position;
    bool forget = ask->store.size == 0;
    vd_kept_place_t place = {ask->store, ask->index, ask->offset, ask->chain};
    if (!vd_kept_check_name(input, ask->name, effects) ||
        (!forget && !vd_kept_check_place(self, input, &place, true, effects)))
        return;
    vd_kept_waiting_t *waiting = vd_kept_wait(self, input, effects);
    if (waiting == NULL)
        return;
    waiting->write.forget = forget;
    vd_store_position_t *position = &waiting->write.position;
    vd_str_copy(position->name, sizeof position->name, ask->name);
    vd_str_copy(position->session, sizeof position->session, ask->session);
    position->index = ask->index;
    position->offset = ask->offset;
    position->chain = (uint32_t)ask->chain;
    position->saved_ms = now.wall_ms;
    vd_kept_write(self, waiting, effects);
}

static void on_written(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    assert(input->token < VD_KEPT_WRITES);
    vd_kept_waiting_t *waiting = &self->waiting[input->token];
    assert(waiting->used);
    waiting->used = false;
    if (waiting->write.state != NULL)
        self->state_bytes -= waiting->write.state->snapshot.size;
    free((void *)waiting->write.state);
    waiting->write.state = NULL;
    vd_message_t answer = {.id = VD_MESSAGE_DONE, .correlation = waiting->correlation};
    if (input->status != VD_OK) {
        const char *text = input->result;
        answer.id = VD_MESSAGE_ERROR;
        answer.error.status = vd_str(vd_status_name(input->status));
        answer.error.text = vd_str(text != NULL ? text : vd_status_text(input->status));
    }
    vd_effects_send(effects, waiting->port, &waiting->peer, &answer);
}

static void on_load(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_str_t name = input->message->load_position.name;
    vd_store_position_t position;
    vd_store_tail_t tail;
    char text[VD_NAME_BYTES_MAX + 1] = "";
    if (!vd_kept_check_name(input, name, effects))
        return;
    vd_str_copy(text, sizeof text, name);
    vd_status_t status = vd_store_position(self->store, text, &position);
    if (status == VD_NOT_FOUND) {
        vd_effects_reply_error(effects, input, status, "no position is kept under the name %s",
                               text);
        return;
    }
    if (status != VD_OK) {
        vd_effects_reply_error(effects, input, status,
                               "the position %s cannot be read: %s; begin elsewhere, or forget it: "
                               "vedette subscriber forget %s",
                               text, vd_status_text(status), text);
        return;
    }
    vd_store_tail(self->store, &tail);
    vd_message_t answer = {.id = VD_MESSAGE_POSITION};
    answer.position.name = vd_str(position.name);
    answer.position.store = vd_str(tail.id);
    answer.position.index = position.index;
    answer.position.offset = position.offset;
    answer.position.chain = position.chain;
    answer.position.session = vd_str(position.session);
    answer.position.saved_ms = position.saved_ms;
    vd_effects_reply(effects, input, &answer);
}

typedef struct listing {
    vd_buffer_t rows;
    uint32_t count;
    uint64_t head;
} listing_t;

static bool each_position(void *arg, const vd_store_position_t *position)
{
    listing_t *self = arg;
    vd_write_map(&self->rows, 7);
    vd_write_pair_text(&self->rows, "name", position->name);
    vd_write_pair_u64(&self->rows, "index", position->index);
    vd_write_pair_u64(&self->rows, "offset", position->offset);
    vd_write_pair_u64(&self->rows, "chain", position->chain);
    vd_write_pair_text(&self->rows, "session", position->session);
    vd_write_pair_i64(&self->rows, "saved_ms", position->saved_ms);
    vd_write_pair_u64(&self->rows, "lag",
                      self->head > position->index ? self->head - position->index : 0);
    self->count += !self->rows.full;
    return !self->rows.full;
}

static void on_list(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    listing_t listing = {.count = 0};
    vd_buffer_t payload;
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    listing.head = tail.index;
    vd_buffer_init(&listing.rows, VD_SNAPSHOT_BYTES_MAX);
    vd_buffer_init(&payload, VD_FRAME_BYTES_MAX);
    /* A damaged record is left out: LOAD_POSITION tells it. */
    vd_status_t status = vd_store_positions(self->store, each_position, &listing);
    vd_write_array(&payload, listing.count);
    vd_write_raw(&payload, vd_buffer_view(&listing.rows));
    if (listing.rows.full || payload.full)
        status = VD_NO_MEMORY;
    if (status != VD_OK && status != VD_CORRUPT) {
        vd_effects_reply_error(effects, input, status, "the positions cannot be read: %s",
                               vd_status_text(status));
    } else {
        vd_message_t answer = {.id = VD_MESSAGE_SNAPSHOT, .payload = vd_buffer_view(&payload)};
        answer.snapshot.feed = vd_str(VD_KEPT_FEED);
        answer.snapshot.complete = true;
        vd_effects_reply(effects, input, &answer);
    }
    vd_buffer_free(&listing.rows);
    vd_buffer_free(&payload);
}

bool vd_kept_step(vd_kept_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && effects != NULL);
    if (input->kind == VD_INPUT_DONE && input->id == VD_KEPT_WRITE) {
        on_written(self, input, effects);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE)
        return false;
    switch (input->message->id) {
    case VD_MESSAGE_SAVE_POSITION:
        on_save(self, now, input, effects);
        return true;
    case VD_MESSAGE_LOAD_POSITION:
        on_load(self, input, effects);
        return true;
    case VD_MESSAGE_SAVE_SNAPSHOT:
        vd_kept_save_state(self, now, input, effects);
        return true;
    case VD_MESSAGE_LOAD_SNAPSHOT:
        vd_kept_load_state(self, input, effects);
        return true;
    case VD_MESSAGE_GET:
        if (!vd_str_is(input->message->get.feed, VD_KEPT_FEED))
            return false;
        on_list(self, input, effects);
        return true;
    default:
        return false;
    }
}
