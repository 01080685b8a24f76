/* lease.c: registration at the broker, renewed. */
#include "kit/lease.h"

#include <assert.h>

enum { TIMER_RENEW = 0 };

static vd_peer_t broker_peer(void)
{
    return vd_peer_named("broker");
}

static void register_now(vd_lease_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_peer_t peer = broker_peer();
    vd_message_t message = {.id = VD_MESSAGE_REGISTER, .correlation = ++self->correlation};
    message.register_actor.name = vd_str(self->name);
    message.register_actor.kind = vd_str(self->kind);
    message.register_actor.inc = self->inc;
    message.register_actor.pid = self->pid;
    message.register_actor.endpoints = self->endpoints;
    vd_effects_send(effects, VD_LEASE_PORT, &peer, &message);
    vd_effects_timer(effects, TIMER_RENEW, now.mono_us + VD_LEASE_RENEW_MS * INT64_C(1000));
}

static void renew(vd_lease_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_peer_t peer = broker_peer();
    if (now.mono_us - self->heard_us >= VD_LEASE_MS * INT64_C(1000)) {
        if (!self->away)
            vd_effects_log(effects, VD_WARN,
                           "the broker does not answer at %s; going on without it", self->broker);
        self->away = true;
        self->heard_us = now.mono_us;
        vd_effects_disconnect(effects, VD_LEASE_PORT, &peer);
        vd_effects_connect(effects, VD_LEASE_PORT, &peer, self->broker);
    }
    register_now(self, now, effects);
}

static void take_registered(vd_lease_t *self, vd_now_t now, const vd_registered_body_t *body,
                            vd_effects_t *effects)
{
    self->heard_us = now.mono_us;
    if (self->registered && self->broker_inc != body->inc)
        vd_effects_log(effects, VD_INFO, "registered with a new broker");
    else if (self->away)
        vd_effects_log(effects, VD_INFO, "the broker answers again");
    self->broker_inc = body->inc;
    self->registered = true;
    self->away = false;
}

static void take_message(vd_lease_t *self, vd_now_t now, const vd_message_t *message,
                         vd_effects_t *effects)
{
    if (message->id == VD_MESSAGE_REGISTERED) {
        take_registered(self, now, &message->registered, effects);
    } else if (message->id == VD_MESSAGE_ERROR) {
        self->heard_us = now.mono_us;
        vd_effects_log(effects, VD_WARN, "the broker refuses to register this actor: %.*s",
                       (int)message->error.text.size, (const char *)message->error.text.data);
    }
}

static void leave(vd_lease_t *self, vd_effects_t *effects)
{
    vd_peer_t peer = broker_peer();
    vd_message_t message = {.id = VD_MESSAGE_LEAVE};
    message.leave.name = vd_str(self->name);
    message.leave.inc = self->inc;
    vd_effects_send(effects, VD_LEASE_PORT, &peer, &message);
    vd_effects_exit(effects, VD_OK, "%s", "");
}

void vd_lease_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_lease_t *self = state;
    assert(self->name != NULL && self->kind != NULL && self->broker != NULL);
    vd_peer_t peer = broker_peer();
    switch (input->kind) {
    case VD_INPUT_START:
        self->heard_us = now.mono_us;
        vd_effects_connect(effects, VD_LEASE_PORT, &peer, self->broker);
        register_now(self, now, effects);
        break;
    case VD_INPUT_MESSAGE:
        take_message(self, now, input->message, effects);
        break;
    case VD_INPUT_TIMER:
        assert(input->id == TIMER_RENEW);
        renew(self, now, effects);
        break;
    case VD_INPUT_STOP:
        leave(self, effects);
        break;
    case VD_INPUT_DONE:
        assert(!"the lease begins no operation");
        break;
    }
}
