/* shell.c: the loop's side of pure cores. */
#include "kit/shell.h"

#include "kit/frames.h"
#include "kit/log.h"
#include "kit/shell_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Twice for each "alive" that is told of it. */
enum { BEAT_MS = 500 };
/* Below this a copy costs less than the holding, and the count of messages is bound enough. */
enum { COUNTED_BYTES_MIN = 512 };

vd_now_t vd_shell_now(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (vd_now_t){
        .mono_us = (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

/* ---- effects ---- */

static const vd_port_t *find_port(const vd_shell_core_t *core, uint16_t number)
{
    for (size_t at = 0; at < core->spec.port_count; at++)
        if (core->ports[at].port == number)
            return &core->ports[at];
    return NULL;
}

static vd_shared_t *copy_of(vd_bytes_t payload)
{
    vd_shared_t *copy = vd_shared_new(payload.size);
    if (copy == NULL)
        return NULL;
    memcpy(copy->data, payload.data, payload.size);
    copy->size = payload.size;
    return copy;
}

bool vd_shell_send_counted(vd_link_t *link, const vd_peer_t *peer, vd_bytes_t header,
                           vd_bytes_t body, vd_bytes_t payload, vd_shared_t *shared)
{
    vd_bytes_t first = vd_bytes(peer->bytes, peer->size);
    if (payload.size < COUNTED_BYTES_MIN)
        return vd_frames_send(link->handle, &first, header, body, payload);
    if (shared == NULL && vd_unsent_bytes(link->unsent, peer) + payload.size > VD_UNSENT_BYTES_MAX)
        return false;
    vd_shared_t *held = shared != NULL ? vd_shared_hold(shared) : copy_of(payload);
    vd_unsent_ticket_t *ticket = held != NULL ? vd_unsent_count(link->unsent, peer, held) : NULL;
    vd_bytes_t view = held != NULL ? vd_shared_view(held) : payload;
    vd_shared_release(&held);
    vd_frames_held_t until = {.let_go = vd_unsent_let_go, .hint = ticket};
    return ticket != NULL && vd_frames_send_held(link->handle, &first, header, body, view, &until);
}

static void send_message(vd_shell_t *self, vd_shell_core_t *core, const vd_effect_t *effect)
{
    vd_link_t *link = vd_links_find(&core->links, effect->port, &effect->peer);
    if (link == NULL) {
        /* A connection that the core has not made, or that could not be made. */
        vd_count(&self->metrics.drops);
        return;
    }
    vd_bytes_t first = {0};
    bool has_first = link->port.kind == VD_PORT_PUB;
    if (link->port.kind == VD_PORT_PUB)
        first = vd_str(vd_effect_text(self->effects, effect));
    vd_bytes_t header = vd_effect_header(self->effects, effect);
    vd_bytes_t body = vd_effect_body(self->effects, effect);
    vd_bytes_t payload = vd_effect_payload(self->effects, effect);
    bool sent =
        link->port.kind == VD_PORT_ROUTER
            ? vd_shell_send_counted(link, &effect->peer, header, body, payload, effect->shared)
            : vd_frames_send(link->handle, has_first ? &first : NULL, header, body, payload);
    vd_shell_used(self, link);
    if (sent)
        vd_count(&self->metrics.frames_out);
    else
        vd_count(&self->metrics.drops);
}

static void change_connection(vd_shell_t *self, vd_shell_core_t *core, const vd_effect_t *effect)
{
    const vd_port_t *port = find_port(core, effect->port);
    assert(port != NULL);
    const char *text = vd_effect_text(self->effects, effect);
    char error[512] = "";
    vd_link_t *sub;
    self->used = true;
    switch (effect->kind) {
    case VD_EFFECT_CONNECT:
        if (vd_links_connect(&core->links, port, &effect->peer, text, error, sizeof error) != VD_OK)
            vd_log(VD_ERROR, "%s", error);
        return;
    case VD_EFFECT_DISCONNECT:
        vd_links_disconnect(&core->links, port, &effect->peer);
        return;
    default:
        sub = vd_links_find(&core->links, effect->port, NULL);
        assert(sub != NULL && port->kind == VD_PORT_SUB);
        sub->used = true;
        if (effect->kind == VD_EFFECT_SUBSCRIBE)
            zsock_set_subscribe(sub->socket, text);
        else
            zsock_set_unsubscribe(sub->socket, text);
    }
}

static void queue_operation(vd_shell_t *self, int handle, const vd_effect_t *effect)
{
    if (self->operation_count == self->operation_room) {
        size_t room = self->operation_room == 0 ? 16 : self->operation_room * 2;
        vd_operation_t *grown = realloc(self->operations, room * sizeof *grown);
        if (grown == NULL) {
            vd_log(VD_ERROR, "out of memory: an operation cannot be begun");
            abort(); /* the core waits for its end: a new life is the only way on */
        }
        self->operations = grown;
        self->operation_room = room;
    }
    self->operations[self->operation_count++] = (vd_operation_t){
        .handle = handle, .id = effect->id, .token = effect->token, .object = effect->object};
}

static void exit_core(vd_shell_t *self, vd_shell_core_t *core, const vd_effect_t *effect)
{
    const char *text = vd_effect_text(self->effects, effect);
    core->exited = true;
    core->status = effect->status;
    if (effect->status != VD_OK)
        vd_log(VD_ERROR, "%s: %s", core->spec.name,
               text[0] != 0 ? text : vd_status_text(effect->status));
    else if (text[0] != 0)
        vd_log(VD_INFO, "%s", text);
    vd_shell_wake(self);
}

static void carry_out(vd_shell_t *self, vd_shell_core_t *core)
{
    const vd_effects_t *effects = self->effects;
    for (uint32_t at = 0; at < effects->count; at++) {
        const vd_effect_t *effect = &effects->list[at];
        switch (effect->kind) {
        case VD_EFFECT_SEND:
            send_message(self, core, effect);
            break;
        case VD_EFFECT_CONNECT:
        case VD_EFFECT_DISCONNECT:
        case VD_EFFECT_SUBSCRIBE:
        case VD_EFFECT_UNSUBSCRIBE:
            change_connection(self, core, effect);
            break;
        case VD_EFFECT_TIMER:
            vd_shell_timer_set(core, effect->id, effect->at_us);
            break;
        case VD_EFFECT_LOG:
            vd_log(effect->level, "%s", vd_effect_text(effects, effect));
            break;
        case VD_EFFECT_DO:
            queue_operation(self, core->handle, effect);
            break;
        case VD_EFFECT_EXIT:
            exit_core(self, core, effect);
            break;
        }
    }
}

static void begin_operations(vd_shell_t *self)
{
    if (self->performing)
        return; /* further up the stack they are being begun: those of this step come in their turn
                 */
    self->performing = true;
    while (self->operation_at < self->operation_count) {
        vd_operation_t operation = self->operations[self->operation_at++];
        vd_shell_core_t *core = self->cores[operation.handle];
        assert(core->spec.perform != NULL);
        vd_effect_t effect = {.kind = VD_EFFECT_DO,
                              .id = operation.id,
                              .token = operation.token,
                              .object = operation.object};
        core->spec.perform(core->spec.perform_arg, self->spec.actor, &effect);
    }
    self->operation_at = self->operation_count = 0;
    self->performing = false;
}

void vd_shell_step(vd_shell_t *self, int handle, vd_now_t now, const vd_input_t *input)
{
    assert(handle >= 0 && handle < self->core_count);
    assert(!self->stepping);
    vd_shell_core_t *core = self->cores[handle];
    if (core->exited)
        return;
    self->stepping = true;
    vd_count(&self->metrics.steps);
    vd_effects_clear(self->effects);
    core->spec.step(core->spec.state, now, input, self->effects);
    if (self->effects->overflow) {
        vd_count(&self->metrics.overflows);
        vd_log(VD_ERROR, "%s: effects of a step were lost: a message over a limit, or too many",
               core->spec.name);
    }
    carry_out(self, core);
    self->stepping = false;
    begin_operations(self);
}

void vd_shell_input(vd_shell_t *self, int handle, const vd_input_t *input)
{
    vd_shell_step(self, handle, vd_shell_now(), input);
    vd_shell_look(self);
}

/* ---- making ---- */

vd_shell_t *vd_shell_new(const vd_shell_spec_t *spec)
{
    assert(spec->loop != NULL && spec->settle != NULL && spec->paths != NULL);
    vd_shell_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->spec = *spec;
    self->timer_fd = -1;
    pthread_mutex_init(&self->trouble_lock, NULL);
    self->begun_us = vd_shell_now().mono_us;
    self->effects = vd_effects_new();
    if (self->effects == NULL || !vd_shell_timers_begin(self))
        vd_shell_destroy(&self);
    return self;
}

void vd_shell_destroy(vd_shell_t **self_p)
{
    assert(self_p != NULL);
    vd_shell_t *self = *self_p;
    if (self == NULL)
        return;
    assert(!self->stepping && !self->performing);
    for (int at = 0; at < self->core_count; at++) {
        vd_links_free(&self->cores[at]->links);
        free(self->cores[at]);
    }
    vd_shell_timers_end(self);
    vd_effects_destroy(&self->effects);
    free(self->operations);
    pthread_mutex_destroy(&self->trouble_lock);
    free(self);
    *self_p = NULL;
}

static bool is_bound(const vd_port_t *port)
{
    return port->kind == VD_PORT_ROUTER || port->kind == VD_PORT_PUB;
}

static vd_status_t open_ports(vd_shell_t *self, vd_shell_core_t *core)
{
    self->used = true;
    for (size_t at = 0; at < core->spec.port_count; at++) {
        vd_port_t *port = &core->ports[at];
        char endpoint[VD_ENDPOINT_BYTES_MAX + 1] = "";
        char error[512] = "";
        if (is_bound(port))
            vd_paths_endpoint(self->spec.paths, self->spec.name, port->name, endpoint);
        vd_status_t status = vd_links_open(&core->links, port, endpoint, error, sizeof error);
        if (status != VD_OK) {
            vd_log(VD_ERROR, "%s", error);
            return status;
        }
    }
    return VD_OK;
}

int vd_shell_add(vd_shell_t *self, const vd_core_spec_t *spec, vd_status_t *status)
{
    assert(spec->step != NULL && spec->name != NULL && spec->port_count <= SHELL_PORTS_MAX);
    assert(self->core_count < SHELL_CORES_MAX);
    vd_shell_core_t *core = calloc(1, sizeof *core);
    if (core == NULL) {
        *status = VD_NO_MEMORY;
        return -1;
    }
    core->shell = self;
    core->handle = self->core_count;
    core->spec = *spec;
    if (spec->port_count > 0)
        memcpy(core->ports, spec->ports, spec->port_count * sizeof *spec->ports);
    core->next_us = NEVER_US;
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        core->due_us[id] = NEVER_US;
    vd_links_init(&core->links, self->spec.loop, vd_shell_on_readable, core, self->spec.name,
                  self->spec.inc);
    core->links.frame_bytes_max = spec->frame_bytes_max;
    *status = open_ports(self, core);
    if (*status != VD_OK) {
        vd_links_free(&core->links);
        free(core);
        return -1;
    }
    self->cores[self->core_count] = core;
    return self->core_count++;
}

vd_status_t vd_shell_bind_also(vd_shell_t *self, const char *name, const char *endpoint,
                               char *error, size_t error_size)
{
    for (int at = 0; at < self->core_count; at++)
        for (vd_link_t *link = self->cores[at]->links.first; link != NULL; link = link->next) {
            if (!is_bound(&link->port) || strcmp(link->port.name, name) != 0)
                continue;
            vd_shell_used(self, link);
            return vd_endpoint_bind(link->socket, endpoint, error, error_size);
        }
    if (self->joined != NULL)
        return vd_shell_bind_also(self->joined, name, endpoint, error, error_size);
    snprintf(error, error_size, "%s has no port %.64s to bind to %.200s", self->spec.name, name,
             endpoint);
    return VD_NOT_FOUND;
}

void vd_shell_set_trouble(vd_shell_t *self, const char *text)
{
    pthread_mutex_lock(&self->trouble_lock);
    vd_str_copy(self->trouble, sizeof self->trouble, vd_str(text));
    pthread_mutex_unlock(&self->trouble_lock);
    if (self->joined != NULL)
        vd_shell_set_trouble(self->joined, text);
}

void vd_shell_trouble(vd_shell_t *self, char text[VD_TEXT_BYTES_MAX + 1])
{
    pthread_mutex_lock(&self->trouble_lock);
    memcpy(text, self->trouble, sizeof self->trouble);
    pthread_mutex_unlock(&self->trouble_lock);
}

bool vd_shell_has_subscribers(const vd_shell_t *self, int handle, const char *name)
{
    assert(handle >= 0 && handle < self->core_count);
    const vd_link_t *link = self->cores[handle]->links.first;
    while (link != NULL && (link->port.kind != VD_PORT_PUB || strcmp(link->port.name, name) != 0))
        link = link->next;
    assert(link != NULL);
    return link->topics > 0;
}

int vd_shell_core_count(const vd_shell_t *self)
{
    return self->core_count;
}

const char *vd_shell_core_name(const vd_shell_t *self, int handle)
{
    assert(handle >= 0 && handle < self->core_count);
    return self->cores[handle]->spec.name;
}

bool vd_shell_core_exited(const vd_shell_t *self, int handle, vd_status_t *status)
{
    assert(handle >= 0 && handle < self->core_count);
    if (status != NULL)
        *status = self->cores[handle]->status;
    return self->cores[handle]->exited;
}

void vd_shell_metrics(const vd_shell_t *self, vd_metrics_t *sum)
{
    *sum = (vd_metrics_t){0};
    vd_metrics_add(sum, &self->metrics);
    if (self->joined != NULL)
        vd_metrics_add(sum, &self->joined->metrics);
    if (self->joined_by != NULL)
        vd_metrics_add(sum, &self->joined_by->metrics);
}

static int on_beat(zloop_t *loop, int timer, void *arg)
{
    vd_shell_t *self = arg;
    (void)loop;
    (void)timer;
    atomic_fetch_add_explicit(&self->beats, 1, memory_order_relaxed);
    return 0;
}

bool vd_shell_joined_progresses(vd_shell_t *self)
{
    if (self->joined == NULL)
        return true;
    uint32_t beats = atomic_load_explicit(&self->joined->beats, memory_order_relaxed);
    bool progresses = beats != self->beats_seen;
    self->beats_seen = beats;
    return progresses;
}

bool vd_shell_join(vd_shell_t *self, vd_shell_t *other)
{
    assert(self != other && self->joined == NULL && other->joined == NULL);
    self->joined = other;
    other->joined_by = self;
    other->begun_us = self->begun_us;
    return zloop_timer(other->spec.loop, BEAT_MS, 0, on_beat, other) >= 0;
}

static uint32_t count_bound(const vd_shell_t *self)
{
    uint32_t count = 0;
    for (int at = 0; at < self->core_count; at++)
        for (size_t port = 0; port < self->cores[at]->spec.port_count; port++)
            count += is_bound(&self->cores[at]->ports[port]);
    return count;
}

static void write_endpoints(const vd_shell_t *self, vd_buffer_t *out)
{
    for (int at = 0; at < self->core_count; at++) {
        const vd_shell_core_t *core = self->cores[at];
        for (size_t port = 0; port < core->spec.port_count; port++) {
            if (!is_bound(&core->ports[port]))
                continue;
            char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
            const char *name = core->ports[port].name;
            vd_paths_endpoint(self->spec.paths, self->spec.name, name, endpoint);
            vd_endpoint_record_t record = {.port = vd_str(name), .endpoint = vd_str(endpoint)};
            vd_status_t status = vd_record_encode(VD_RECORD_endpoint, &record, out);
            assert(status == VD_OK);
        }
    }
}

uint32_t vd_shell_endpoints(const vd_shell_t *self, vd_buffer_t *out)
{
    uint32_t count = count_bound(self) + (self->joined != NULL ? count_bound(self->joined) : 0);
    assert(count <= VD_ENDPOINTS_PER_ACTOR_MAX);
    vd_write_array(out, count);
    write_endpoints(self, out);
    if (self->joined != NULL)
        write_endpoints(self->joined, out);
    return count;
}
