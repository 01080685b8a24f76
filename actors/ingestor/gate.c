/* gate.c: answering producers while nothing can be written. */
#include "gate.h"

#include <assert.h>

enum { RETRY_MS = 250 };

static void not_now(vd_gate_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    bool emit = input->message->id == VD_MESSAGE_EMIT;
    vd_message_t message = {.id = VD_MESSAGE_NOT_NOW};
    message.not_now.epoch = emit ? input->message->emit.epoch : 0;
    message.not_now.from = emit ? input->message->emit.first : 0;
    message.not_now.status = vd_str(vd_status_name(VD_STORE_TROUBLE));
    message.not_now.retry_ms = RETRY_MS;
    message.not_now.text = vd_str(self->text);
    vd_effects_reply(effects, input, &message);
    self->not_now++;
}

void vd_gate_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_gate_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    if (self->sequencer != NULL) {
        vd_sequencer_step(self->sequencer, now, input, effects);
        return;
    }
    if (input->kind == VD_INPUT_STOP)
        vd_effects_exit(effects, VD_OK, "nothing was written");
    if (input->kind != VD_INPUT_MESSAGE)
        return;
    if (input->message->id == VD_MESSAGE_OPEN || input->message->id == VD_MESSAGE_EMIT)
        not_now(self, input, effects);
    else
        vd_effects_reply_error(effects, input, VD_STORE_TROUBLE, "%s", self->text);
}
