/* follow_via.c: whom a follow reads from: the ingestor, or a relay; and another one when that is dead
 * or silent. */
#include "client/follow_impl.h"

enum {
    LOOK_MS = 250,
    QUIET_MS = 750,   /* without a word before it is looked whether anybody is there */
    SILENT_MS = 4000, /* without a word before another one is taken */
    RELAYS_MAX = 32,
};

/* Is somebody there? */
static bool take(vd_follow_t *self, const char *actor, char *endpoint)
{
    if (vd_client_endpoint(self->client, actor, "read", endpoint) != VD_OK ||
        vd_client_probe(self->client, endpoint) != VD_OK)
        return false;
    vd_str_copy(self->actor, sizeof self->actor, vd_str(actor));
    return true;
}

/* Takes any relay there is but `avoid`. */
static bool take_relay(vd_follow_t *self, const char *avoid, char *endpoint)
{
    uint32_t begin = (uint32_t)(vd_random_next(&self->via_seed) % RELAYS_MAX);
    uint32_t stride = 1 + 2 * (uint32_t)(vd_random_next(&self->via_seed) % (RELAYS_MAX / 2));
    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        char name[VD_NAME_BYTES_MAX + 1];
        snprintf(name, sizeof name, "relay-%u", 1 + (begin + i * stride) % RELAYS_MAX);
        if (strcmp(name, avoid) != 0 && take(self, name, endpoint))
            return true;
    }
    return false;
}

vd_status_t vd_follow_choose(vd_follow_t *self, char endpoint[VD_ENDPOINT_BYTES_MAX + 1])
{
    char avoid[VD_NAME_BYTES_MAX + 1];
    memcpy(avoid, self->actor, sizeof avoid);
    bool named = self->via[0] != 0 && strcmp(self->via, "relay") != 0;
    if (named && strcmp(self->via, avoid) != 0 && take(self, self->via, endpoint))
        return VD_OK;
    if (self->via[0] != 0 && take_relay(self, avoid, endpoint))
        return VD_OK;
    /* Whether it is there or not: it comes back at the same place. */
    vd_str_copy(self->actor, sizeof self->actor, vd_str("ingestor"));
    return vd_client_endpoint(self->client, self->actor, "read", endpoint);
}

void vd_follow_watch_via(vd_follow_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->via[0] == 0)
        return;
    self->via_due_us = now.mono_us + LOOK_MS * INT64_C(1000);
    vd_effects_timer(effects, VD_FOLLOW_TIMER_VIA, self->via_due_us);
}

/* Does the one that is read from give no sign of life any more? */
static bool is_gone(vd_follow_t *self, vd_now_t now)
{
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    int64_t since_us =
        self->engine.heard_us > self->moved_us ? self->engine.heard_us : self->moved_us;
    int64_t quiet_us = now.mono_us - since_us;
    if (quiet_us < QUIET_MS * 1000)
        return false;
    return quiet_us > SILENT_MS * 1000 ||
           vd_client_endpoint(self->client, self->actor, "read", endpoint) != VD_OK ||
           vd_client_probe(self->client, endpoint) != VD_OK;
}

bool vd_follow_via_step(vd_follow_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    if (input->kind != VD_INPUT_TIMER || input->id != VD_FOLLOW_TIMER_VIA)
        return false;
    /* Late means that the caller was elsewhere: what was said meanwhile has not been read yet. */
    bool late = now.mono_us - self->via_due_us > LOOK_MS * 1000;
    if (!late && is_gone(self, now) && vd_follow_choose(self, endpoint) == VD_OK) {
        self->moved_us = now.mono_us;
        vd_reception_connect(self->reception, now, endpoint, effects);
    }
    vd_follow_watch_via(self, now, effects);
    return true;
}
