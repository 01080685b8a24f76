/* kept.c: positions under names. */
#include "kept.h"

#include "wire/value.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

void vd_kept_init(vd_kept_t *self, vd_store_t *store)
{
    assert(self != NULL && store != NULL);
    *self = (vd_kept_t){.store = store};
}

static vd_kept_waiting_t *find_room(vd_kept_t *self)
{
    for (uint32_t i = 0; i < VD_KEPT_WRITES; i++)
        if (!self->waiting[i].used)
            return &self->waiting[i];
    return NULL;
}

/* Is it a position in this store? Refused otherwise. */
static bool check_place(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_save_position_body_t *ask = &input->message->save_position;
    vd_store_tail_t tail;
    uint32_t chain = 0;
    /* A place inside a commit has that commit's chain. */
    uint64_t touched = ask->index + (ask->offset > 0 ? 1 : 0);
    vd_store_tail(self->store, &tail);
    if (!vd_str_is(ask->store, tail.id)) {
        vd_effects_reply_error(effects, input, VD_WENT_BACK,
                               "the position is of store %.*s, and this is store %s",
                               (int)ask->store.size, (const char *)ask->store.data, tail.id);
        return false;
    }
    bool reached = ask->index <= tail.index && touched <= tail.index;
    vd_status_t status = reached ? VD_OK : VD_NOT_FOUND;
    if (status == VD_OK)
        status = vd_store_chain(self->store, touched, &chain);
    if (status == VD_PRUNED || (status == VD_OK && chain == ask->chain))
        return true;
    if (status == VD_OK || status == VD_NOT_FOUND)
        vd_effects_reply_error(effects, input, VD_WENT_BACK,
                               "commit %" PRIu64 " with this chain is not in the store, which ends "
                               "at commit %" PRIu64,
                               touched, tail.index);
    else
        vd_effects_reply_error(effects, input, status, "commit %" PRIu64 " cannot be read: %s",
                               touched, vd_status_text(status));
    return false;
}

static bool check_name(const vd_input_t *input, vd_str_t name, vd_effects_t *effects)
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
    if (!check_name(input, ask->name, effects) || (!forget && !check_place(self, input, effects)))
        return;
    vd_kept_waiting_t *waiting = find_room(self);
    if (waiting == NULL) {
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%d positions are being written; send it again later",
                               VD_KEPT_WRITES);
        return;
    }
    *waiting = (vd_kept_waiting_t){.used = true,
                                   .port = input->port,
                                   .peer = input->peer,
                                   .correlation = input->message->correlation,
                                   .write = {.forget = forget}};
    vd_store_position_t *position = &waiting->write.position;
    vd_str_copy(position->name, sizeof position->name, ask->name);
    vd_str_copy(position->session, sizeof position->session, ask->session);
    position->index = ask->index;
    position->offset = ask->offset;
    position->chain = (uint32_t)ask->chain;
    position->saved_ms = now.wall_ms;
    vd_effects_do(effects, VD_KEPT_WRITE, (uint64_t)(waiting - self->waiting), &waiting->write);
}

static void on_written(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    assert(input->token < VD_KEPT_WRITES);
    vd_kept_waiting_t *waiting = &self->waiting[input->token];
    assert(waiting->used);
    waiting->used = false;
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
    if (!check_name(input, name, effects))
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
    if (input->kind == VD_INPUT_DONE && input->id == VD_KEPT_WRITE)
        on_written(self, input, effects);
    else if (input->kind == VD_INPUT_MESSAGE && input->message->id == VD_MESSAGE_SAVE_POSITION)
        on_save(self, now, input, effects);
    else if (input->kind == VD_INPUT_MESSAGE && input->message->id == VD_MESSAGE_LOAD_POSITION)
        on_load(self, input, effects);
    else if (input->kind == VD_INPUT_MESSAGE && input->message->id == VD_MESSAGE_GET &&
             vd_str_is(input->message->get.feed, VD_KEPT_FEED))
        on_list(self, input, effects);
    else
        return false;
    return true;
}
