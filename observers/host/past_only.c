/* past_only.c: an observer that observes nothing: it tells what is stored of moments of the past. */
#include "host_state.h"

#include <assert.h>

static void refuse(const vd_host_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_effects_reply_error(effects, input, VD_NOT_READY,
                           "observer %s observes nothing here: ask it for a moment of a stored "
                           "session (PAST), or start its runtime",
                           self->name);
}

static void answer(vd_host_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    bool past = message->id == VD_MESSAGE_PAST && message->past.session.size > 0;
    bool declared =
        message->id == VD_MESSAGE_QUERY &&
        (vd_str_is(message->query.name, VD_QUERIES) || vd_str_is(message->query.name, VD_LAYOUT));
    if (past)
        vd_host_past_asked(self, now, input, effects);
    else if (declared)
        vd_host_answer_query(self, input, effects);
    else
        refuse(self, input, effects);
}

void vd_host_step_past_only(void *state, vd_now_t now, const vd_input_t *input,
                            vd_effects_t *effects)
{
    vd_host_t *self = state;
    assert(self && input && effects);
    if (self->ended)
        return;
    self->wall_ms = now.wall_ms;
    if (input->kind == VD_INPUT_STOP) {
        self->ended = true;
        vd_effects_exit(effects, VD_OK, "stopped");
    } else if (input->kind == VD_INPUT_START) {
        self->phase = VD_HOST_RUNNING;
        vd_effects_do(effects, VD_HOST_READY, 0, NULL);
    } else if (input->kind == VD_INPUT_MESSAGE && input->port == VD_HOST_PORT_REQUESTS) {
        answer(self, now, input, effects);
    } else {
        vd_host_past_step(self, now, input, effects);
    }
}
