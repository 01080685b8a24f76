/* stage.c: steps of a core, and what must hold after each. */
#include "stage.h"

enum { DUE_MAX = 64 }; /* timers told before the next step of the input */

static const int64_t NEVER = INT64_MAX;

void fuzz_stage_open(fuzz_stage_t *self, vd_step_fn *step, void *state)
{
    static vd_effects_t *effects; /* made once: they are large */
    *self = (fuzz_stage_t){.step = step, .state = state};
    if (effects == NULL)
        effects = vd_effects_new();
    self->effects = effects;
    FUZZ_HOLDS(effects != NULL && state != NULL);
    self->now = (vd_now_t){.mono_us = 1000000, .wall_ms = 1700000000000};
    for (uint32_t i = 0; i < VD_TIMERS_MAX; i++)
        self->due_us[i] = NEVER;
}

void fuzz_stage_port(fuzz_stage_t *self, uint16_t port, fuzz_port_kind_t kind)
{
    static const char *const names[FUZZ_CALLERS] = {"a", "b", "c", "d"};
    FUZZ_HOLDS(self->port_count < FUZZ_PORTS_MAX);
    fuzz_port_t *one = &self->ports[self->port_count++];
    *one = (fuzz_port_t){.port = port, .kind = kind};
    self->receiving += kind != FUZZ_PUB;
    FUZZ_HOLDS(kind == FUZZ_PUB || self->receiving == self->port_count);
    if (kind != FUZZ_ROUTER)
        return;
    one->peer_count = FUZZ_CALLERS;
    for (uint32_t i = 0; i < FUZZ_CALLERS; i++)
        one->peers[i].name = vd_peer_named(names[i]);
}

void fuzz_stage_close(fuzz_stage_t *self)
{
    vd_effects_clear(self->effects);
}

static fuzz_port_t *port_of(fuzz_stage_t *self, uint16_t port)
{
    for (uint32_t i = 0; i < self->port_count; i++)
        if (self->ports[i].port == port)
            return &self->ports[i];
    FUZZ_HOLDS(!"a port that the core has");
    return NULL;
}

/* NULL: there is none. */
static fuzz_peer_t *find_peer(fuzz_port_t *port, const vd_peer_t *name)
{
    for (uint32_t i = 0; i < port->peer_count; i++)
        if (vd_peer_equal(&port->peers[i].name, name))
            return &port->peers[i];
    return NULL;
}

/* ---- effects ---- */

static void take_send(fuzz_stage_t *self, const vd_effect_t *effect)
{
    vd_message_t message;
    fuzz_port_t *port = port_of(self, effect->port);
    vd_bytes_t header = vd_effect_header(self->effects, effect);
    FUZZ_HOLDS(vd_message_decode(header, vd_effect_body(self->effects, effect),
                                 vd_effect_payload(self->effects, effect), &message) == VD_OK);
    fuzz_peer_t *peer = find_peer(port, &effect->peer);
    if (port->kind == FUZZ_PUB)
        FUZZ_HOLDS(effect->text_size > 0);
    else if (port->kind == FUZZ_ROUTER)
        FUZZ_HOLDS(peer != NULL && peer->spoken);
    else
        FUZZ_HOLDS(peer != NULL || port->crowded);
    if (message.correlation != 0 && peer != NULL) {
        memmove(peer->sent + 1, peer->sent, 2 * sizeof peer->sent[0]);
        peer->sent[0] = message.correlation;
    }
    if (self->sent != NULL)
        self->sent(self, effect, &message);
}

static void take_connect(fuzz_stage_t *self, const vd_effect_t *effect)
{
    fuzz_port_t *port = port_of(self, effect->port);
    uint32_t at = 0;
    FUZZ_HOLDS(port->kind == FUZZ_CONNECTS && effect->text_size > 0 && effect->peer.size > 0);
    if (find_peer(port, &effect->peer) != NULL)
        return;
    while (at < port->peer_count && port->peers[at].name.size > 0)
        at++;
    port->crowded = port->crowded || at == FUZZ_PEERS;
    if (at == FUZZ_PEERS)
        return;
    port->peers[at] = (fuzz_peer_t){.name = effect->peer};
    port->peer_count += at == port->peer_count;
}

/* What waits there does not come any more, and nothing goes there. */
static void take_disconnect(fuzz_stage_t *self, const vd_effect_t *effect)
{
    fuzz_port_t *port = port_of(self, effect->port);
    fuzz_peer_t *peer = find_peer(port, &effect->peer);
    FUZZ_HOLDS(port->kind == FUZZ_CONNECTS);
    if (peer != NULL)
        *peer = (fuzz_peer_t){.spoken = false};
}

static void take(fuzz_stage_t *self, const vd_effect_t *effect)
{
    FUZZ_HOLDS(!self->exited);
    switch (effect->kind) {
    case VD_EFFECT_SEND:
        take_send(self, effect);
        break;
    case VD_EFFECT_CONNECT:
        take_connect(self, effect);
        break;
    case VD_EFFECT_DISCONNECT:
        take_disconnect(self, effect);
        break;
    case VD_EFFECT_TIMER:
        FUZZ_HOLDS(effect->id < VD_TIMERS_MAX);
        self->due_us[effect->id] = effect->at_us < 0 ? NEVER : effect->at_us;
        break;
    case VD_EFFECT_EXIT:
        self->exited = true;
        break;
    case VD_EFFECT_DO:
        FUZZ_HOLDS(self->perform != NULL);
        self->perform(self, effect);
        break;
    default:
        break;
    }
}

void fuzz_stage_input(fuzz_stage_t *self, const vd_input_t *input)
{
    if (self->exited)
        return;
    vd_effects_clear(self->effects);
    self->step(self->state, self->now, input, self->effects);
    FUZZ_HOLDS(!self->effects->overflow);
    for (uint32_t i = 0; i < self->effects->count; i++)
        take(self, &self->effects->list[i]);
    if (self->after != NULL)
        self->after(self);
}

/* ---- steps ---- */

static void tell_due(fuzz_stage_t *self)
{
    for (int told = 0; told < DUE_MAX && !self->exited; told++) {
        uint32_t next = 0;
        for (uint32_t i = 1; i < VD_TIMERS_MAX; i++)
            if (self->due_us[i] < self->due_us[next])
                next = i;
        if (self->due_us[next] > self->now.mono_us)
            return;
        self->due_us[next] = NEVER;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = next};
        fuzz_stage_input(self, &input);
    }
}

static void pass(fuzz_stage_t *self, int64_t ms)
{
    self->now.mono_us += ms * 1000;
    self->now.wall_ms += ms;
    tell_due(self);
}

static void give(fuzz_stage_t *self, const fuzz_port_t *port, fuzz_peer_t *peer,
                 const vd_message_t *message, size_t unsent)
{
    vd_input_t step = {.kind = VD_INPUT_MESSAGE,
                       .port = port->port,
                       .peer = peer->name,
                       .unsent = unsent,
                       .message = message};
    peer->spoken = true;
    fuzz_stage_input(self, &step);
}

static void tell(fuzz_stage_t *self, uint8_t how, vd_bytes_t *input)
{
    vd_message_t message;
    fuzz_port_t *port = &self->ports[(how & 7U) % self->receiving];
    uint32_t from = port->peer_count > FUZZ_CALLERS ? fuzz_byte(input) : how >> 3 & 3U;
    vd_bytes_t header = fuzz_part(input), body = fuzz_part(input), payload = fuzz_part(input);
    if (port->peer_count == 0 || vd_message_decode(header, body, payload, &message) != VD_OK)
        return;
    fuzz_peer_t *peer = &port->peers[from % port->peer_count];
    uint32_t back = how >> 5 & 3U;
    if (peer->name.size == 0)
        return;
    if (port->kind == FUZZ_CONNECTS && back > 0)
        message.correlation = peer->sent[back - 1];
    give(self, port, peer, &message, self->shares && back == 3 ? 64U << 20 : 0);
}

void fuzz_stage_tell(fuzz_stage_t *self, uint16_t port_number, const vd_message_t *message)
{
    fuzz_port_t *port = port_of(self, port_number);
    if (port->peer_count > 0 && port->peers[0].name.size > 0)
        give(self, port, &port->peers[0], message, 0);
}

void fuzz_stage_run(fuzz_stage_t *self, vd_bytes_t *input)
{
    vd_input_t start = {.kind = VD_INPUT_START};
    fuzz_stage_input(self, &start);
    for (int i = 0; i < FUZZ_STEPS_MAX && input->size > 0 && !self->exited; i++) {
        uint8_t how = fuzz_byte(input);
        pass(self, (how & 0x80) != 0 ? 1300 : 1);
        if ((how & 7) == 7)
            pass(self, (int64_t)fuzz_byte(input) * fuzz_byte(input) * 10);
        else if ((how & 7) == 6 && self->complete != NULL)
            self->complete(self, how, input);
        else
            tell(self, how, input);
    }
}
