/* roll.c: when the session of this up has to go on in another one. */
#include "state.h"

#include <assert.h>

void vd_roll_start(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(!self->roll_asks);
    vd_peer_t ingestor = vd_peer_named("ingestor");
    self->roll_asks = true;
    vd_effects_connect(effects, VD_SUPERVISOR_READ, &ingestor, self->setup.ingestor_read);
    vd_effects_timer(effects, VD_TIMER_ROLL, now.mono_us + VD_SESSION_ASK_US);
}

/* Could it roll now, if it had to? */
static bool may_roll(const vd_supervisor_t *self)
{
    return self->session.state == VD_SESSION_OPEN && !self->stopping &&
           !vd_session_is_rolling(&self->session);
}

static void roll(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(may_roll(self));
    if (self->roll_refused_us != 0 && now.mono_us - self->roll_refused_us < VD_SESSION_AGAIN_US)
        return;
    self->roll_refused_us = now.mono_us; /* no longer so when it goes on in the next one */
    vd_session_roll(&self->session, now, effects);
}

static void ask(vd_supervisor_t *self, vd_effects_t *effects)
{
    vd_peer_t ingestor = vd_peer_named("ingestor");
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS, .correlation = ++self->roll_correlation};
    message.sessions.session = vd_str(self->session.id);
    vd_effects_send(effects, VD_SUPERVISOR_READ, &ingestor, &message);
}

static void look(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_effects_timer(effects, VD_TIMER_ROLL, now.mono_us + VD_SESSION_ASK_US);
    if (!may_roll(self))
        return;
    if (self->roll_refused_us != 0 && self->session.begun_us >= self->roll_refused_us)
        self->roll_refused_us = 0;
    bool old = now.mono_us - self->session.begun_us >= self->setup.session_roll_us;
    if (old || self->session.closed)
        roll(self, now, effects);
    else
        ask(self, effects);
}

/* Our session was pruned after somebody else had ended it: nobody knows it any more. */
static bool is_gone(const vd_message_t *message)
{
    if (message->id == VD_MESSAGE_ERROR)
        return vd_status_of_name(message->error.status) == VD_PRUNED;
    return vd_rows_count(message->payload) == 0;
}

static void take_row(vd_supervisor_t *self, vd_now_t now, const vd_message_t *message,
                     vd_effects_t *effects)
{
    vd_bytes_t rows = message->payload;
    vd_session_record_t row = {.last_seq = 0};
    bool rows_came = message->id == VD_MESSAGE_SESSION_ROWS;
    if ((!rows_came && message->id != VD_MESSAGE_ERROR) ||
        message->correlation != self->roll_correlation || !may_roll(self) ||
        (rows_came && vd_scan_exact(rows, VD_DEPTH_MAX) != VD_OK))
        return;
    bool ended = is_gone(message);
    if (!ended && (!rows_came || vd_rows_next(&rows, VD_RECORD_session, &row) != VD_OK ||
                   !vd_str_is(row.session, self->session.id)))
        return;
    ended = ended || vd_str_is(row.state, "completed") || vd_str_is(row.state, "failed");
    if (ended)
        self->session.closed = true;
    if (ended || row.last_seq >= self->setup.session_roll_events)
        roll(self, now, effects);
}

void vd_roll_tell(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!vd_session_went_over(&self->session))
        return;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++)
        if (self->children[i].name[0] != '\0')
            vd_session_actor_runs(&self->session, now, &self->children[i], effects);
}

bool vd_roll_step(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                  vd_effects_t *effects)
{
    assert(self && input);
    if (input->kind == VD_INPUT_TIMER && input->id == VD_TIMER_ROLL) {
        look(self, now, effects);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE || input->port != VD_SUPERVISOR_READ)
        return false;
    take_row(self, now, input->message, effects);
    return true;
}
