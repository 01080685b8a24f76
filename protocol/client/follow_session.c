/* follow_session.c: the end of the session that is followed, seen or found out, and what goes on
 * from it. */
#include "client/follow_impl.h"

#include <assert.h>

enum {
    HEIRLESS_LOOKS = 3, /* for a session that goes on from one whose end names none */
    HEIR_ROWS = 32,     /* of active sessions, newest first */
    SILENT_MS = 2000,   /* without a word nobody is asked */
};

void vd_follow_note_end(vd_follow_t *self, vd_bytes_t data)
{
    vd_value_t map;
    bool is_map = vd_value_of(data, &map) && map.kind == VD_KIND_MAP;
    vd_str_t next = is_map ? vd_value_get_str(&map, "continued_by") : vd_str("");
    self->next[0] = 0;
    if (self->rolls && vd_name_valid(next))
        vd_str_copy(self->next, sizeof self->next, next);
}

static void ask_session(vd_follow_t *self, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS,
                            .correlation = VD_FOLLOW_SESSION_CORRELATION};
    message.sessions.session = vd_str(self->wanted.session);
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_send(effects, VD_FOLLOW_PORT_READ, &peer, &message);
}

/* A session that the ingestor has given up cannot name its successor, which names it. */
static void ask_heir(vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS, .correlation = VD_FOLLOW_HEIR_CORRELATION};
    message.sessions.state = vd_str("active");
    message.sessions.rows_max = HEIR_ROWS;
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_send(effects, VD_FOLLOW_PORT_READ, &peer, &message);
}

static void on_session_rows(vd_follow_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    vd_bytes_t payload = message->payload;
    vd_value_t rows, row;
    vd_session_record_t session;
    if (vd_scan_exact(payload, VD_DEPTH_MAX) != VD_OK || !vd_value_of(payload, &rows) ||
        rows.kind != VD_KIND_ARRAY)
        return;
    vd_bytes_t rest = rows.bytes;
    if (!vd_value_next(&rest, &row) ||
        vd_record_decode(row.raw, VD_RECORD_session, &session) != VD_OK)
        return;
    bool ended = vd_str_is(session.state, "completed") || vd_str_is(session.state, "failed");
    if (!ended || self->closed || !vd_str_is(session.session, self->wanted.session) ||
        self->position.store[0] == 0 || self->position.index < session.last_index)
        return;
    self->next[0] = 0;
    if (self->rolls && vd_name_valid(session.continued_by))
        vd_str_copy(self->next, sizeof self->next, session.continued_by);
    if (self->rolls && self->next[0] == 0 && self->heirless++ < HEIRLESS_LOOKS)
        ask_heir(effects);
    else
        self->closed = true;
}

/* Does one of the active sessions go on from ours? */
static void on_heir_rows(vd_follow_t *self, const vd_message_t *message)
{
    vd_bytes_t rows = message->payload;
    vd_session_record_t row;
    vd_status_t status;
    if (self->closed || !self->rolls || vd_scan_exact(rows, VD_DEPTH_MAX) != VD_OK)
        return;
    while ((status = vd_rows_next(&rows, VD_RECORD_session, &row)) != VD_NOT_FOUND)
        if (status == VD_OK && vd_str_is(row.continues, self->wanted.session)) {
            vd_str_copy(self->next, sizeof self->next, row.session);
            self->closed = true;
            return;
        }
}

bool vd_follow_session_step(vd_follow_t *self, vd_now_t now, const vd_input_t *input,
                            vd_effects_t *effects)
{
    if (input->kind == VD_INPUT_TIMER && input->id == VD_FOLLOW_TIMER_SESSION) {
        bool alive = now.mono_us - self->engine.heard_us < SILENT_MS * 1000;
        if (vd_follow_is_single(self) && !self->closed && alive)
            ask_session(self, effects);
        vd_effects_timer(effects, VD_FOLLOW_TIMER_SESSION,
                         now.mono_us + VD_FOLLOW_SESSION_EVERY_MS * 1000);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE || input->message->id != VD_MESSAGE_SESSION_ROWS)
        return false;
    if (input->message->correlation == VD_FOLLOW_SESSION_CORRELATION)
        on_session_rows(self, input->message, effects);
    else if (input->message->correlation == VD_FOLLOW_HEIR_CORRELATION)
        on_heir_rows(self, input->message);
    return true;
}

void vd_follow_go_over(vd_follow_t *self)
{
    assert(self->closed && self->next[0] != 0 && self->queue.size == 0);
    strcpy(self->wanted.session, self->next);
    self->next[0] = 0;
    self->heirless = 0;
    self->closed = self->reached = false;
    self->wanted.position = self->position = (vd_position_t){0};
    self->wanted.head = false;
    self->wanted.seq = 1;
    self->stopped = VD_OK;
    vd_reception_start(self->reception, vd_client_now(), &self->wanted,
                       vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
}
