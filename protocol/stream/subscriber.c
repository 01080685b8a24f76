/* subscriber.c: the reading end of the commit stream alone. */
#include "stream/reception_state.h"

vd_subscriber_t *vd_subscriber_new(uint16_t port, const vd_peer_t *peer, uint32_t timer,
                                   const vd_subscriber_handler_t *handler, void *arg)
{
    vd_subscriber_t *self = vd_reception_new(port, peer, timer, handler, arg);
    if (self != NULL)
        self->prompt = true;
    return self;
}

void vd_subscriber_destroy(vd_subscriber_t **self)
{
    vd_reception_destroy(self);
}

void vd_subscriber_connect(vd_subscriber_t *self, vd_now_t now, const char *endpoint,
                           vd_effects_t *effects)
{
    vd_reception_connect(self, now, endpoint, effects);
}

void vd_subscriber_start(vd_subscriber_t *self, vd_now_t now, const vd_subscription_t *subscription,
                         vd_effects_t *effects)
{
    vd_subscription_t commits = *subscription;
    commits.streams = VD_STREAMS_COMMIT;
    vd_reception_start(self, now, &commits, effects);
}

void vd_subscriber_stop(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_reception_stop(self, now, effects);
}

bool vd_subscriber_step(vd_subscriber_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    return vd_reception_step(self, now, input, effects);
}

void vd_subscriber_consumed(vd_subscriber_t *self, vd_now_t now, uint64_t events, uint64_t bytes,
                            vd_effects_t *effects)
{
    vd_reception_consumed(self, now, events, bytes, effects);
}

vd_subscriber_state_t vd_subscriber_state(const vd_subscriber_t *self)
{
    switch (self->commit.state) {
    case VD_LANE_STARTING:
        return VD_SUBSCRIBER_STARTING;
    case VD_LANE_RUNNING:
        return VD_SUBSCRIBER_RUNNING;
    case VD_LANE_WAITING:
        return VD_SUBSCRIBER_WAITING;
    case VD_LANE_IDLE:
        break;
    }
    return self->reading ? VD_SUBSCRIBER_RUNNING : VD_SUBSCRIBER_IDLE;
}

const vd_position_t *vd_subscriber_position(const vd_subscriber_t *self)
{
    return vd_reception_position(self);
}

uint64_t vd_subscriber_head(const vd_subscriber_t *self)
{
    return self->head;
}
