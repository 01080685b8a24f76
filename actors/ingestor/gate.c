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

static void take_checkpoint(vd_gate_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_str_t dir = input->message->checkpoint.dir;
    if (!self->open) {
        vd_effects_reply_error(effects, input, VD_STORE_TROUBLE, "%s", self->text);
    } else if (self->copying) {
        vd_effects_reply_error(effects, input, VD_BUSY,
                               "a copy of the store is being made in %s already", self->dir);
    } else if (dir.size < 2 || dir.data[0] != '/' ||
               !vd_str_copy(self->dir, sizeof self->dir, dir)) {
        vd_effects_reply_error(effects, input, VD_USAGE,
                               "dir is the absolute path of a directory that is not there yet");
    } else {
        self->copying = true;
        self->peer = input->peer;
        self->correlation = input->message->correlation;
        vd_effects_do(effects, VD_GATE_CHECKPOINT, 0, self->dir);
    }
}

static void end_checkpoint(vd_gate_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_message_t answer = {.id = VD_MESSAGE_DONE, .correlation = self->correlation};
    assert(self->copying);
    self->copying = false;
    if (input->status != VD_OK) {
        answer.id = VD_MESSAGE_ERROR;
        answer.error.status = vd_str(vd_status_name(input->status));
        answer.error.text = vd_str(input->result);
    }
    vd_effects_log(effects, input->status == VD_OK ? VD_INFO : VD_WARN, "checkpoint in %s: %s",
                   self->dir, input->status == VD_OK ? "made" : (const char *)input->result);
    vd_effects_send(effects, VD_SEQ_PORT_CONTROL, &self->peer, &answer);
}

void vd_gate_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_gate_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    if (input->kind == VD_INPUT_MESSAGE && input->port == VD_SEQ_PORT_CONTROL &&
        input->message->id == VD_MESSAGE_CHECKPOINT) {
        take_checkpoint(self, input, effects);
        return;
    }
    if (input->kind == VD_INPUT_DONE && input->id == VD_GATE_CHECKPOINT) {
        end_checkpoint(self, input, effects);
        return;
    }
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
