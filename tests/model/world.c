/* world.c: the clock and the nodes of the model. */
#include "process.h"
#include "world_state.h"

#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

static const int64_t WALL_START_MS = 1767225600000;

/* ---- clock, dice, trace ---- */

vd_now_t vd_world_now(const vd_world_t *self)
{
    return (vd_now_t){self->now_us, WALL_START_MS + self->wall_offset_ms + self->now_us / 1000};
}

uint64_t vd_world_random(vd_world_t *self, uint64_t bound)
{
    assert(bound > 0);
    return vd_random_next(&self->seed) % bound;
}

bool vd_world_chance(vd_world_t *self, uint32_t permille)
{
    return vd_world_random(self, 1000) < permille;
}

void vd_world_weather(vd_world_t *self, const vd_weather_t *weather)
{
    assert(weather->delay_min_us <= weather->delay_max_us);
    self->weather = *weather;
}

static void mix(vd_world_t *self, const void *bytes, size_t size)
{
    self->sum =
        (self->sum << 7 | self->sum >> 57) ^ vd_crc32c((uint32_t)self->sum, vd_bytes(bytes, size));
}

uint64_t vd_world_sum(const vd_world_t *self)
{
    return self->sum;
}

uint64_t vd_world_steps(const vd_world_t *self)
{
    return self->steps;
}

void vd_world_note(vd_world_t *self, const char *format, ...)
{
    if (self->trace == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(self->trace, "%10.3f ", (double)self->now_us / 1000.0);
    vfprintf(self->trace, format, arguments);
    fputc('\n', self->trace);
    va_end(arguments);
}

void vd_world_note_message(vd_world_t *self, const char *what, const char *who,
                           const vd_message_t *message)
{
    if (self->trace == NULL)
        return;
    vd_buffer_t line;
    vd_buffer_init(&line, VD_BODY_BYTES_MAX);
    vd_message_print(message, &line);
    vd_world_note(self, "%-12s %s %.*s", who, what, (int)line.size, (const char *)line.data);
    vd_buffer_free(&line);
}

/* ---- what is to happen ---- */

static bool before(const vd_happening_t *a, const vd_happening_t *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void vd_world_push(vd_world_t *self, vd_happening_t happening)
{
    if (self->heap_count == self->heap_room) {
        self->heap_room = self->heap_room * 2 + 256;
        self->heap = realloc(self->heap, self->heap_room * sizeof *self->heap);
        assert(self->heap != NULL);
    }
    happening.order = ++self->order;
    uint32_t at = self->heap_count++;
    for (; at > 0 && before(&happening, &self->heap[(at - 1) / 2]); at = (at - 1) / 2)
        self->heap[at] = self->heap[(at - 1) / 2];
    self->heap[at] = happening;
}

static vd_happening_t pop(vd_world_t *self)
{
    assert(self->heap_count > 0);
    vd_happening_t first = self->heap[0];
    vd_happening_t last = self->heap[--self->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= self->heap_count)
            break;
        if (child + 1 < self->heap_count && before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (!before(&self->heap[child], &last))
            break;
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = last;
    return first;
}

void vd_world_later(vd_world_t *self, int64_t delay_us, vd_node_t *node, vd_world_fn *fn, void *arg,
                    uint64_t number)
{
    assert(delay_us >= 0 && fn != NULL);
    vd_world_push(self, (vd_happening_t){.at_us = self->now_us + delay_us,
                                         .node = node,
                                         .life = node != NULL ? node->life : VD_MODEL_ANY_LIFE,
                                         .fn = fn,
                                         .arg = arg,
                                         .number = number});
}

/* ---- nodes ---- */

vd_node_t *vd_world_add(vd_world_t *self, const vd_node_spec_t *spec)
{
    assert(self->node_count < VD_MODEL_NODES_MAX && spec->step != NULL && spec->boot != NULL);
    vd_node_t *node = calloc(1, sizeof *node);
    assert(node != NULL);
    node->spec = *spec;
    self->nodes[self->node_count++] = node;
    return node;
}

/* Counts memory to a node; to NULL: to nobody. Returns who it was before. */
static int64_t *account(vd_world_t *self, int64_t *of)
{
    int64_t *before = self->accounted;
    self->accounted = of;
    if (self->account != NULL)
        self->account(of);
    return before;
}

void vd_world_account(vd_world_t *self, vd_account_fn *fn)
{
    self->account = fn;
}

int64_t vd_node_bytes(const vd_node_t *node)
{
    return node->bytes;
}

const char *vd_node_core(const vd_node_t *node)
{
    return node->spec.core != NULL ? node->spec.core : "";
}

void vd_node_hold(vd_node_t *node, vd_happening_t happening)
{
    if (node->held_count == node->held_room) {
        node->held_room = node->held_room * 2 + 16;
        node->held = realloc(node->held, node->held_room * sizeof *node->held);
        assert(node->held != NULL);
    }
    node->held[node->held_count++] = happening;
}

void vd_node_release(vd_world_t *self, vd_node_t *node, bool happens)
{
    for (uint32_t i = 0; i < node->held_count; i++) {
        node->held[i].at_us = self->now_us;
        if (happens)
            vd_world_push(self, node->held[i]);
        else
            free(node->held[i].packet);
    }
    node->held_count = node->held_published = 0;
}

void vd_node_freeze(vd_world_t *self, vd_node_t *node)
{
    (void)self;
    node->frozen = node->up;
}

void vd_node_thaw(vd_world_t *self, vd_node_t *node)
{
    if (node->frozen)
        vd_node_release(self, node, true);
    node->frozen = false;
}

const void *vd_node_process(const vd_node_t *node)
{
    return node->spec.process != NULL ? (const void *)node->spec.process : node;
}

void vd_node_end_life(vd_world_t *self, vd_node_t *node, vd_status_t status)
{
    assert(node->up);
    node->up = node->frozen = node->exited = false;
    vd_node_release(self, node, false);
    vd_network_drop(self, node, NULL, 0);
    node->subscription_count = 0;
    for (uint32_t i = 0; i < VD_TIMERS_MAX; i++)
        node->due_us[i] = -1;
    node->spec.end(self, node, node->state, node->spec.arg);
    node->state = NULL;
    if (node->spec.ended != NULL)
        node->spec.ended(self, node, status, node->spec.arg);
}

void vd_node_kill(vd_world_t *self, vd_node_t *node)
{
    if (!node->up)
        return;
    vd_world_note(self, "%-12s killed", node->spec.name);
    mix(self, node->spec.name, strlen(node->spec.name));
    vd_node_end_life(self, node, VD_CANCELLED);
}

static void unsubscribe(vd_node_t *node, uint16_t port, const char *topic)
{
    for (uint32_t i = 0; i < node->subscription_count; i++) {
        if (node->subscription_ports[i] != port || strcmp(node->subscriptions[i], topic) != 0)
            continue;
        uint32_t last = --node->subscription_count;
        memmove(node->subscriptions[i], node->subscriptions[last], sizeof node->subscriptions[0]);
        node->subscription_ports[i] = node->subscription_ports[last];
        node->subscribed_us[i] = node->subscribed_us[last];
        return;
    }
}

/* Carries out one effect; false when the node's life has ended with it. */
static bool carry_out(vd_world_t *self, vd_node_t *node, const vd_effects_t *effects,
                      const vd_effect_t *effect)
{
    const char *text = vd_effect_text(effects, effect);
    switch (effect->kind) {
    case VD_EFFECT_SEND:
        if (node->tapped)
            vd_world_tell_tap(self, node, effects, effect);
        vd_network_send(self, node, effects, effect);
        break;
    case VD_EFFECT_CONNECT:
        vd_network_connect(self, node, effect, text);
        break;
    case VD_EFFECT_DISCONNECT:
        vd_network_drop(self, node, &effect->peer, effect->port);
        break;
    case VD_EFFECT_SUBSCRIBE:
        assert(node->subscription_count < VD_MODEL_SUBSCRIPTIONS_MAX);
        node->subscription_ports[node->subscription_count] = effect->port;
        node->subscribed_us[node->subscription_count] =
            self->now_us + (int64_t)vd_world_random(self, self->weather.delay_max_us + 1);
        vd_str_copy(node->subscriptions[node->subscription_count++], sizeof node->subscriptions[0],
                    vd_str(text));
        break;
    case VD_EFFECT_UNSUBSCRIBE:
        unsubscribe(node, effect->port, text);
        break;
    case VD_EFFECT_TIMER:
        node->due_us[effect->id] = effect->at_us;
        if (effect->at_us >= 0)
            vd_world_push(self,
                          (vd_happening_t){.at_us = effect->at_us > self->now_us ? effect->at_us
                                                                                 : self->now_us,
                                           .node = node,
                                           .life = node->life,
                                           .number = effect->id});
        break;
    case VD_EFFECT_LOG:
        vd_world_note(self, "%-12s says: %s", node->spec.name, text);
        break;
    case VD_EFFECT_DO:
        assert(node->spec.perform != NULL);
        node->spec.perform(self, node, effect, node->spec.arg);
        break;
    case VD_EFFECT_EXIT:
        vd_world_note(self, "%-12s exits: %s: %s", node->spec.name, vd_status_name(effect->status),
                      text);
        if (node->spec.process != NULL)
            vd_process_exited(self, node->spec.process, node, effect->status);
        else
            vd_node_end_life(self, node, effect->status);
        return false;
    }
    return true;
}

void vd_node_input(vd_world_t *self, vd_node_t *node, const vd_input_t *input)
{
    assert(node->up && self->depth < sizeof self->spare / sizeof *self->spare);
    vd_effects_t *effects = self->spare[self->depth++];
    uint64_t life = node->life;
    if (node->exited) {
        self->depth--;
        return;
    }
    vd_effects_clear(effects);
    self->steps++;
    int64_t *before = account(self, &node->bytes);
    node->spec.step(node->state, vd_world_now(self), input, effects);
    account(self, before);
    assert(!effects->overflow);
    mix(self, &self->now_us, sizeof self->now_us);
    mix(self, effects->arena.data, effects->arena.size);
    uint32_t torn = UINT32_MAX;
    if (node->may_tear && vd_world_chance(self, self->weather.tear))
        torn = (uint32_t)vd_world_random(self, effects->count + 1);
    for (uint32_t i = 0; i < effects->count && i < torn; i++)
        if (!carry_out(self, node, effects, &effects->list[i]) || node->life != life || !node->up)
            break;
    /* What it has sent and shared with others is on its way now. */
    before = account(self, &node->bytes);
    vd_effects_clear(effects);
    account(self, before);
    self->depth--;
    if (torn != UINT32_MAX && node->up && node->life == life) {
        if (node->spec.process != NULL)
            vd_process_kill(self, node->spec.process);
        else
            vd_node_kill(self, node);
    }
    if (self->stepped != NULL && node->up && node->life == life)
        self->stepped(self->stepped_arg, node);
}

void vd_node_boot(vd_world_t *self, vd_node_t *node)
{
    assert(!node->up);
    node->life++;
    node->up = true;
    for (uint32_t i = 0; i < VD_TIMERS_MAX; i++)
        node->due_us[i] = -1;
    if (node->spec.process == NULL)
        vd_world_note(self, "%-12s boots, life %" PRIu64, node->spec.name, node->life);
    vd_node_release(self, node, true);
    node->bytes = 0;
    int64_t *before = account(self, &node->bytes);
    node->state = node->spec.boot(self, node, node->spec.arg);
    account(self, before);
    assert(node->state != NULL);
    vd_node_input(self, node, &(vd_input_t){.kind = VD_INPUT_START});
}

bool vd_node_is_up(const vd_node_t *node)
{
    return node->up;
}

uint64_t vd_node_life(const vd_node_t *node)
{
    return node->life;
}

void *vd_node_state(const vd_node_t *node)
{
    return node->state;
}

const char *vd_node_name(const vd_node_t *node)
{
    return node->spec.name;
}

void vd_node_may_tear(vd_node_t *node)
{
    node->may_tear = true;
}

/* ---- running ---- */

static void deliver(vd_world_t *self, const vd_packet_t *packet)
{
    vd_node_t *node = packet->to;
    vd_message_t message;
    const uint8_t *at = packet->bytes;
    vd_status_t status = vd_message_decode(
        vd_bytes(at, packet->header_size), vd_bytes(at + packet->header_size, packet->body_size),
        vd_bytes(at + packet->header_size + packet->body_size, packet->payload_size), &message);
    assert(status == VD_OK);
    (void)status;
    vd_world_note_message(self, "<-", node->spec.name, &message);
    if (self->tap != NULL) {
        vd_peer_t forger = vd_peer_named(VD_MODEL_FORGER);
        const char *topic = vd_peer_equal(&packet->peer, &forger) ? VD_MODEL_FORGER : "";
        self->tap(self->tap_arg, node, true, packet->port, &packet->peer, topic, &message);
    }
    if (vd_network_pong(self, node, packet, &message))
        return;
    vd_input_t input = {
        .kind = VD_INPUT_MESSAGE, .port = packet->port, .peer = packet->peer, .message = &message};
    vd_node_input(self, node, &input);
}

/* A frame that arrives: it is taken, or waits, or is lost. */
static void arrive(vd_world_t *self, vd_happening_t *happening)
{
    vd_packet_t *packet = happening->packet;
    vd_node_t *node = packet->to;
    bool its_life = packet->life == VD_MODEL_ANY_LIFE || packet->life == node->life;
    bool waits = node->frozen || (!node->up && packet->life == VD_MODEL_ANY_LIFE);
    if (packet->published && node->held_published >= VD_PUB_HWM)
        waits = its_life = false;
    if (node->held_count >= VD_MODEL_HELD_MAX)
        waits = its_life = false;
    /* What waits for a peer, or for its next life, dies with who sent it. */
    if ((!node->up || node->life != packet->sent_life) && packet->from != NULL &&
        (!packet->from->up || packet->from->life != packet->from_life))
        waits = its_life = false;
    if (waits && its_life) {
        node->held_published += packet->published;
        vd_node_hold(node, *happening);
        return;
    }
    if (node->up && its_life)
        deliver(self, packet);
    free(packet);
}

static void happen(vd_world_t *self, vd_happening_t *happening)
{
    if (happening->packet != NULL) {
        arrive(self, happening);
        return;
    }
    vd_node_t *node = happening->node;
    if (node != NULL && happening->life != node->life)
        return;
    if (node != NULL && node->frozen) {
        vd_node_hold(node, *happening);
        return;
    }
    if (happening->fn != NULL) {
        if (node == NULL || node->up)
            happening->fn(self, happening->arg, happening->number);
        return;
    }
    uint32_t id = (uint32_t)happening->number;
    if (!node->up || node->due_us[id] < 0 || node->due_us[id] > self->now_us)
        return; /* cleared, or set anew to a later time */
    node->due_us[id] = -1;
    vd_node_input(self, node, &(vd_input_t){.kind = VD_INPUT_TIMER, .id = id});
}

void vd_world_run(vd_world_t *self, int64_t until_us)
{
    while (!self->ended && self->heap_count > 0 && self->heap[0].at_us <= until_us) {
        vd_happening_t happening = pop(self);
        assert(happening.at_us >= self->now_us);
        self->now_us = happening.at_us;
        happen(self, &happening);
    }
    if (!self->ended)
        self->now_us = until_us;
}

uint64_t vd_world_next_pid(vd_world_t *self)
{
    return ++self->pids + 100;
}

void vd_world_end(vd_world_t *self)
{
    self->ended = true;
}

void vd_world_set_wall(vd_world_t *self, int64_t offset_ms)
{
    self->wall_offset_ms = offset_ms;
}

void vd_world_listen(vd_world_t *self, vd_tap_fn *tap, void *arg)
{
    self->tap = tap;
    self->tap_arg = arg;
}

void vd_node_tap(vd_node_t *node)
{
    node->tapped = true;
}

void vd_world_watch(vd_world_t *self, vd_stepped_fn *stepped, void *arg)
{
    self->stepped = stepped;
    self->stepped_arg = arg;
}

vd_world_t *vd_world_new(uint64_t seed, FILE *trace)
{
    vd_world_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->seed = seed;
    self->trace = trace;
    self->now_us = 1000000;
    self->weather = (vd_weather_t){.delay_min_us = 50, .delay_max_us = 200};
    for (size_t i = 0; i < sizeof self->spare / sizeof *self->spare; i++) {
        self->spare[i] = vd_effects_new();
        assert(self->spare[i] != NULL);
    }
    return self;
}

void vd_world_destroy(vd_world_t **world)
{
    vd_world_t *self = *world;
    *world = NULL;
    for (uint32_t i = self->node_count; i-- > 0;) {
        vd_node_t *node = self->nodes[i];
        if (node->up)
            node->spec.end(self, node, node->state, node->spec.arg);
        vd_node_release(self, node, false);
        free(node->held);
        free(node);
    }
    while (self->heap_count > 0)
        free(self->heap[--self->heap_count].packet);
    for (size_t i = 0; i < sizeof self->spare / sizeof *self->spare; i++)
        vd_effects_destroy(&self->spare[i]);
    free(self->heap);
    free(self->links);
    free(self);
}
