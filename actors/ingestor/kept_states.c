/* kept_states.c: states of observers. */
#include "kept.h"

#include "wire/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- saving ---- */

/* Answers and returns false when it is nothing that is kept. */
static bool check_state(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_save_snapshot_body_t *ask = &input->message->save_snapshot;
    vd_bytes_t state = input->message->payload;
    if (!vd_kept_check_name(input, ask->observer, effects) ||
        !vd_kept_check_name(input, ask->session, effects))
        return false;
    if (state.size > VD_STATE_BYTES_MAX) {
        vd_effects_reply_error(effects, input, VD_TOO_LARGE,
                               "the state of observer %.*s has %zu bytes; at most %d are kept",
                               (int)ask->observer.size, (const char *)ask->observer.data,
                               state.size, VD_STATE_BYTES_MAX);
        return false;
    }
    vd_status_t status = vd_scan_exact(state, VD_DEPTH_MAX);
    if (status != VD_OK) {
        vd_effects_reply_error(effects, input, status, "the state is not one value: %s",
                               vd_status_text(status));
        return false;
    }
    vd_kept_place_t place = {ask->store, ask->index, ask->offset, ask->chain};
    if (!vd_kept_check_place(self, input, &place, false, effects))
        return false;
    if (self->state_bytes == 0 || self->state_bytes + state.size <= VD_STATE_QUEUE_BYTES_MAX)
        return true;
    vd_effects_reply_error(effects, input, VD_OVERLOADED,
                           "%zu bytes of states are being written; send it again later",
                           self->state_bytes);
    return false;
}

/* The time of the commit that the state reaches into. The observer knows its own clock alone, which
 * may be behind the time of commits after it was set back: what it says counts only where the commit
 * cannot be read. */
static int64_t time_of(vd_kept_t *self, const vd_save_snapshot_body_t *ask)
{
    vd_store_cursor_t *cursor = NULL;
    char error[VD_TEXT_BYTES_MAX];
    vd_commit_t commit;
    int64_t at_ms = ask->at_ms;
    if (vd_store_cursor_new(self->store, &cursor) != VD_OK)
        return at_ms;
    if (vd_store_cursor_seek(cursor, ask->index + (ask->offset > 0 ? 1 : 0), NULL) == VD_OK &&
        vd_store_cursor_next(cursor, &commit, error, sizeof error) == VD_OK)
        at_ms = commit.time_ms;
    vd_store_cursor_destroy(&cursor);
    return at_ms;
}

static vd_kept_state_t *state_new(vd_kept_t *self, const vd_message_t *message, vd_now_t now)
{
    const vd_save_snapshot_body_t *ask = &message->save_snapshot;
    size_t size = message->payload.size;
    vd_kept_state_t *state = malloc(sizeof *state + size);
    if (state == NULL)
        return NULL;
    memset(state, 0, sizeof *state);
    vd_store_snapshot_t *snapshot = &state->snapshot;
    vd_str_copy(snapshot->session, sizeof snapshot->session, ask->session);
    vd_str_copy(snapshot->observer, sizeof snapshot->observer, ask->observer);
    snapshot->version = ask->version;
    snapshot->index = ask->index;
    snapshot->offset = ask->offset;
    snapshot->chain = (uint32_t)ask->chain;
    snapshot->seq = ask->seq;
    snapshot->cycle = ask->cycle;
    snapshot->at_ms = time_of(self, ask);
    snapshot->saved_ms = now.wall_ms;
    snapshot->size = (uint32_t)size;
    state->keep = ask->keep < VD_STATES_MAX ? (uint32_t)ask->keep : VD_STATES_MAX;
    memcpy(state->bytes, message->payload.data, size);
    return state;
}

void vd_kept_save_state(vd_kept_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    if (!check_state(self, input, effects))
        return;
    vd_kept_waiting_t *waiting = vd_kept_wait(self, input, effects);
    if (waiting == NULL)
        return;
    waiting->write.state = state_new(self, input->message, now);
    if (waiting->write.state == NULL) {
        waiting->used = false;
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "there is no memory for the state");
        return;
    }
    self->state_bytes += waiting->write.state->snapshot.size;
    vd_kept_write(self, waiting, effects);
}

/* ---- loading ---- */

/* The state goes out as shared bytes: it may be larger than what a step writes otherwise. */
static void answer(vd_kept_t *self, const vd_input_t *input, const vd_store_snapshot_t *snapshot,
                   vd_bytes_t state, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_STORED_SNAPSHOT,
                            .correlation = input->message->correlation};
    vd_shared_t *payload = vd_shared_new(state.size);
    if (payload == NULL) {
        vd_effects_reply_error(effects, input, VD_NO_MEMORY, "there is no memory for the state");
        return;
    }
    memcpy(payload->data, state.data, state.size);
    payload->size = state.size;
    vd_stored_snapshot_body_t *body = &message.stored_snapshot;
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    body->observer = vd_str(snapshot->observer);
    body->version = snapshot->version;
    body->session = vd_str(snapshot->session);
    body->store = vd_str(tail.id);
    body->index = snapshot->index;
    body->offset = snapshot->offset;
    body->chain = snapshot->chain;
    body->seq = snapshot->seq;
    body->cycle = snapshot->cycle;
    body->at_ms = snapshot->at_ms;
    vd_effects_send_shared(effects, input->port, &input->peer, &message, payload);
    vd_shared_release(&payload);
}

static void answer_none(const vd_input_t *input, vd_status_t status, const char *observer,
                        const char *session, vd_effects_t *effects)
{
    if (status == VD_PRUNED)
        vd_effects_reply_error(effects, input, status, "session %s was pruned", session);
    else if (status == VD_NOT_FOUND)
        vd_effects_reply_error(effects, input, status,
                               "no state of observer %s that was asked for is kept in session %s",
                               observer, session);
    else
        vd_effects_reply_error(effects, input, status,
                               "the states of observer %s in session %s cannot be read: %s",
                               observer, session, vd_status_text(status));
}

void vd_kept_load_state(vd_kept_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_load_snapshot_body_t *ask = &input->message->load_snapshot;
    char observer[VD_NAME_BYTES_MAX + 1] = "", session[VD_NAME_BYTES_MAX + 1] = "";
    char damage[VD_TEXT_BYTES_MAX] = "";
    vd_store_snapshot_t snapshot;
    vd_buffer_t state;
    if (!vd_kept_check_name(input, ask->observer, effects) ||
        !vd_kept_check_name(input, ask->session, effects))
        return;
    vd_str_copy(observer, sizeof observer, ask->observer);
    vd_str_copy(session, sizeof session, ask->session);
    vd_store_snapshot_ask_t wanted = {.session = session,
                                      .observer = observer,
                                      .version = ask->version,
                                      .below = ask->below,
                                      .seq = ask->seq,
                                      .at_ms = ask->at_ms};
    vd_buffer_init(&state, VD_STATE_BYTES_MAX);
    vd_status_t status =
        vd_store_load_snapshot(self->store, &wanted, &snapshot, &state, damage, sizeof damage);
    if (damage[0] != 0)
        vd_effects_log(effects, VD_WARN, "%s; it counts as not there", damage);
    if (status == VD_OK)
        answer(self, input, &snapshot, vd_buffer_view(&state), effects);
    else
        answer_none(input, status, observer, session, effects);
    vd_buffer_free(&state);
}
