/* relay_part.c: a relay between the ingestor and those who read from it. */
#include "whole.h"

#include "relay/relay.h"

#include <assert.h>
#include <stdlib.h>

struct vd_relay_part {
    vd_whole_t *whole;
    vd_process_t *process;
    vd_node_t *node;
    vd_relay_options_t options;
};

static const vd_wire_t wires[] = {{VD_RELAY_READ, VD_WIRE_ROUTER, "read"},
                                  {VD_RELAY_STREAMS, VD_WIRE_ROUTER, "streams"},
                                  {VD_RELAY_UPSTREAM, VD_WIRE_DEALER, "upstream"}};

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_relay_part_t *self = arg;
    (void)node;
    self->options.seed = vd_world_random(world, UINT64_MAX);
    vd_relay_t *relay = vd_relay_new(&self->options);
    assert(relay != NULL);
    return relay;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_relay_t *relay = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_relay_destroy(&relay);
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    (void)world;
    (void)node;
    (void)arg;
    assert(effect->id == VD_RELAY_TELL_TROUBLE);
    (void)effect;
}

void vd_relay_part_add(vd_whole_t *whole)
{
    vd_relay_part_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->whole = whole;
    whole->relay = self;
    self->options =
        (vd_relay_options_t){.name = "relay-1",
                             .upstream = "ingestor",
                             .endpoint = "ingestor.read",
                             .recent_bytes = (size_t)1500 << vd_world_random(whole->world, 10),
                             .windows_bytes = 1024 * 1024}; /* the least that it takes */
    vd_process_spec_t spec = {
        .name = "relay-1", .kind = "relay", .registers = true, .again_us = 2000000};
    self->process = vd_process_new(whole->world, &spec);
    vd_node_spec_t node = {.step = vd_relay_step,
                           .wires = wires,
                           .wire_count = sizeof wires / sizeof wires[0],
                           .boot = boot,
                           .end = end,
                           .perform = perform,
                           .arg = self};
    self->node = vd_process_add(whole->world, self->process, &node);
    vd_node_tap(self->node);
    vd_process_boot(whole->world, self->process, "", false);
}

void vd_relay_part_free(vd_whole_t *self)
{
    if (self->relay != NULL)
        vd_process_destroy(&self->relay->process);
    free(self->relay);
    self->relay = NULL;
}

vd_process_t *vd_relay_part_process(vd_whole_t *self)
{
    return self->relay->process;
}

void vd_relay_part_stepped(vd_whole_t *self, vd_node_t *node)
{
    const vd_relay_part_t *part = self->relay;
    if (part == NULL || node != part->node || !vd_node_is_up(node))
        return;
    const vd_relay_t *relay = vd_node_state(node);
    if (vd_relay_recent_bytes(relay) > part->options.recent_bytes ||
        vd_relay_windows_bytes(relay) > part->options.windows_bytes)
        vd_whole_fail(self, "[bounds] the relay holds %zu and %zu bytes of commits",
                      vd_relay_recent_bytes(relay), vd_relay_windows_bytes(relay));
}
