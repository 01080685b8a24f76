/* process.c: cores that live and die together. */
#include "process.h"

#include "kit/lease.h"
#include "world_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PROCESS_NODES_MAX = 6, STOP_MS = 5000 };

struct vd_process {
    vd_process_spec_t spec;
    vd_node_t *nodes[PROCESS_NODES_MAX];
    uint32_t node_count;
    vd_node_t *lease_node; /* NULL: it does not register */
    vd_lease_t lease;
    vd_buffer_t rows;
    bool up, frozen, stopping, first;
    uint64_t life, inc, pid;
    int64_t ready_us;
    int64_t awake_us;
    vd_status_t status; /* worst of its cores */
    char session[VD_NAME_BYTES_MAX + 1];
};

/* ---- the lease ---- */

static void *lease_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_process_t *self = arg;
    (void)world;
    (void)node;
    self->lease = (vd_lease_t){.name = self->spec.name,
                               .kind = self->spec.kind,
                               .inc = self->inc,
                               .pid = self->pid,
                               .endpoints = vd_buffer_view(&self->rows),
                               .broker = VD_MODEL_BROKER_CONTROL};
    return &self->lease;
}

static void lease_end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    (void)world;
    (void)node;
    (void)state;
    (void)arg;
}

static void write_endpoints(vd_process_t *self)
{
    uint32_t count = 0;
    char texts[VD_ENDPOINTS_PER_ACTOR_MAX][VD_ENDPOINT_BYTES_MAX + 1];
    vd_endpoint_record_t rows[VD_ENDPOINTS_PER_ACTOR_MAX];
    for (uint32_t n = 0; n < self->node_count; n++)
        for (size_t w = 0; w < self->nodes[n]->spec.wire_count; w++) {
            const vd_wire_t *wire = &self->nodes[n]->spec.wires[w];
            if (wire->kind != VD_WIRE_ROUTER && wire->kind != VD_WIRE_PUB)
                continue;
            assert(count < VD_ENDPOINTS_PER_ACTOR_MAX);
            snprintf(texts[count], sizeof texts[0], "%s.%s", self->spec.name, wire->name);
            rows[count].port = vd_str(wire->name);
            rows[count].endpoint = vd_str(texts[count]);
            count++;
        }
    vd_buffer_clear(&self->rows);
    vd_write_array(&self->rows, count);
    for (uint32_t i = 0; i < count; i++)
        vd_record_encode(VD_RECORD_endpoint, &rows[i], &self->rows);
}

/* ---- life ---- */

vd_process_t *vd_process_new(vd_world_t *world, const vd_process_spec_t *spec)
{
    static const vd_wire_t wires[] = {{VD_LEASE_PORT, VD_WIRE_DEALER, "lease"}};
    vd_process_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->spec = *spec;
    self->ready_us = -1;
    vd_buffer_init(&self->rows, VD_BODY_BYTES_MAX);
    vd_node_spec_t lease = {.name = spec->name,
                            .core = "lease",
                            .process = self,
                            .step = vd_lease_step,
                            .wires = wires,
                            .wire_count = 1,
                            .boot = lease_boot,
                            .end = lease_end,
                            .arg = self};
    if (spec->registers)
        self->lease_node = vd_world_add(world, &lease);
    return self;
}

void vd_process_destroy(vd_process_t **self)
{
    if (*self != NULL)
        vd_buffer_free(&(*self)->rows);
    free(*self);
    *self = NULL;
}

vd_node_t *vd_process_add(vd_world_t *world, vd_process_t *self, const vd_node_spec_t *spec)
{
    assert(self->node_count < PROCESS_NODES_MAX && !self->up);
    vd_node_spec_t own = *spec;
    own.name = self->spec.name;
    own.process = self;
    self->nodes[self->node_count] = vd_world_add(world, &own);
    vd_node_may_tear(self->nodes[self->node_count]);
    return self->nodes[self->node_count++];
}

void vd_process_boot(vd_world_t *world, vd_process_t *self, const char *session, bool first)
{
    assert(!self->up && self->node_count > 0);
    static const char *none = "";
    uint64_t life = ++self->life;
    self->up = true;
    self->first = first;
    self->frozen = self->stopping = false;
    self->ready_us = -1;
    self->awake_us = vd_world_now(world).mono_us;
    self->status = VD_OK;
    self->inc = vd_world_random(world, UINT64_MAX - 1) + 1;
    self->pid = vd_world_next_pid(world);
    snprintf(self->session, sizeof self->session, "%s", session != NULL ? session : none);
    write_endpoints(self);
    vd_world_note(world, "%-12s boots, pid %" PRIu64 ", life %" PRIu64, self->spec.name, self->pid,
                  life);
    for (uint32_t i = 0; i < self->node_count && self->up && self->life == life; i++)
        if (!self->nodes[i]->up)
            vd_node_boot(world, self->nodes[i]);
    if (self->up && self->life == life && !self->spec.holds_ready)
        vd_process_ready(world, self);
}

void vd_process_ready(vd_world_t *world, vd_process_t *self)
{
    if (self->ready_us >= 0 || self->stopping || !self->up)
        return;
    uint64_t life = self->life;
    self->ready_us = vd_world_now(world).mono_us;
    if (self->lease_node != NULL && !self->lease_node->up)
        vd_node_boot(world, self->lease_node);
    if (self->up && self->life == life && self->spec.ready != NULL)
        self->spec.ready(world, self, self->spec.arg);
}

static void boot_again(vd_world_t *world, void *arg, uint64_t number)
{
    vd_process_t *self = arg;
    (void)number;
    if (!self->up)
        vd_process_boot(world, self, "", false);
}

static void end(vd_world_t *world, vd_process_t *self, bool killed)
{
    assert(self->up);
    vd_status_t status = self->status;
    self->up = self->frozen = false;
    if (self->lease_node != NULL && self->lease_node->up)
        vd_node_end_life(world, self->lease_node, status);
    for (uint32_t i = self->node_count; i-- > 0;)
        if (self->nodes[i]->up)
            vd_node_end_life(world, self->nodes[i], status);
    if (self->spec.ended != NULL)
        self->spec.ended(world, self, status, killed, self->spec.arg);
    if (self->spec.again_us > 0)
        vd_world_later(world, 1000 + (int64_t)vd_world_random(world, (uint64_t)self->spec.again_us),
                       NULL, boot_again, self, 0);
}

void vd_process_kill(vd_world_t *world, vd_process_t *self)
{
    if (!self->up)
        return;
    vd_world_note(world, "%-12s killed", self->spec.name);
    end(world, self, true);
}

static void kill_late(vd_world_t *world, void *arg, uint64_t life)
{
    vd_process_t *self = arg;
    if (self->up && self->life == life)
        vd_process_kill(world, self);
}

static bool all_exited(const vd_process_t *self)
{
    for (uint32_t i = 0; i < self->node_count; i++)
        if (!self->nodes[i]->exited)
            return false;
    return true;
}

/* The cores first, the lease last. */
static void stop_rest(vd_world_t *world, vd_process_t *self)
{
    static const vd_input_t stop = {.kind = VD_INPUT_STOP};
    uint64_t life = self->life;
    for (uint32_t i = 0; i < self->node_count && self->up && self->life == life; i++)
        if (self->nodes[i]->up && !self->nodes[i]->exited)
            vd_node_input(world, self->nodes[i], &stop);
}

static void settle(vd_world_t *world, vd_process_t *self)
{
    static const vd_input_t stop = {.kind = VD_INPUT_STOP};
    uint64_t life = self->life;
    if (!self->up || !all_exited(self))
        return;
    if (self->lease_node != NULL && self->lease_node->up && !self->lease_node->exited)
        vd_node_input(world, self->lease_node, &stop);
    if (self->up && self->life == life)
        end(world, self, false);
}

static void stop_now(vd_world_t *world, void *arg, uint64_t life)
{
    vd_process_t *self = arg;
    if (!self->up || self->life != life)
        return;
    stop_rest(world, self);
    if (self->up && self->life == life)
        settle(world, self);
}

void vd_process_stop(vd_world_t *world, vd_process_t *self)
{
    if (!self->up || self->stopping)
        return;
    self->stopping = true;
    vd_world_note(world, "%-12s is asked to stop", self->spec.name);
    vd_world_later(world, STOP_MS * 1000, NULL, kill_late, self, self->life);
    vd_world_later(world, 1, self->nodes[0], stop_now, self, self->life);
}

void vd_process_exited(vd_world_t *world, vd_process_t *self, vd_node_t *node, vd_status_t status)
{
    node->exited = true;
    for (uint32_t i = 0; i < VD_TIMERS_MAX; i++)
        node->due_us[i] = -1;
    if (node == self->lease_node)
        return;
    if (status != VD_OK && self->status == VD_OK)
        self->status = status;
    if (!self->stopping) {
        self->stopping = true;
        vd_world_later(world, STOP_MS * 1000, NULL, kill_late, self, self->life);
    }
    vd_world_later(world, 1, node, stop_now, self, self->life);
}

void vd_process_freeze(vd_world_t *world, vd_process_t *self)
{
    if (!self->up || self->frozen)
        return;
    vd_world_note(world, "%-12s is frozen", self->spec.name);
    self->frozen = true;
    for (uint32_t i = 0; i < self->node_count; i++)
        vd_node_freeze(world, self->nodes[i]);
    if (self->lease_node != NULL)
        vd_node_freeze(world, self->lease_node);
}

void vd_process_thaw(vd_world_t *world, vd_process_t *self)
{
    if (!self->up || !self->frozen)
        return;
    vd_world_note(world, "%-12s goes on", self->spec.name);
    self->frozen = false;
    self->awake_us = vd_world_now(world).mono_us;
    for (uint32_t i = 0; i < self->node_count; i++)
        vd_node_thaw(world, self->nodes[i]);
    if (self->lease_node != NULL)
        vd_node_thaw(world, self->lease_node);
}

bool vd_process_is_up(const vd_process_t *self)
{
    return self->up;
}

bool vd_process_is_ready(const vd_process_t *self)
{
    return self->up && self->ready_us >= 0;
}

bool vd_process_is_stopping(const vd_process_t *self)
{
    return self->up && self->stopping;
}

bool vd_process_is_frozen(const vd_process_t *self)
{
    return self->up && self->frozen;
}

bool vd_process_is_first(const vd_process_t *self)
{
    return self->first;
}

const char *vd_process_name(const vd_process_t *self)
{
    return self->spec.name;
}

const char *vd_process_kind(const vd_process_t *self)
{
    return self->spec.kind;
}

const char *vd_process_session(const vd_process_t *self)
{
    return self->session;
}

uint64_t vd_process_life(const vd_process_t *self)
{
    return self->life;
}

uint64_t vd_process_inc(const vd_process_t *self)
{
    return self->inc;
}

uint64_t vd_process_pid(const vd_process_t *self)
{
    return self->pid;
}

vd_node_t *vd_process_node(const vd_process_t *self)
{
    assert(self->node_count > 0);
    return self->nodes[0];
}

int64_t vd_process_ready_us(const vd_process_t *self)
{
    return self->ready_us;
}

int64_t vd_process_awake_us(const vd_process_t *self)
{
    return self->awake_us;
}
