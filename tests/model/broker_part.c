/* broker_part.c: the broker, and the provider that tells it of the sources. */
#include "whole.h"

#include "actors/provider/provider.h"
#include "broker/membership.h"

#include <assert.h>
#include <stdlib.h>

/* ---- broker ---- */

static const vd_wire_t broker_wires[] = {{VD_MEMBERSHIP_CONTROL, VD_WIRE_ROUTER, "control"},
                                         {VD_MEMBERSHIP_PUB, VD_WIRE_PUB, "membership"}};

static void *broker_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_whole_t *self = arg;
    (void)world;
    (void)node;
    vd_membership_config_t config = {.name = "broker",
                                     .inc = vd_process_inc(self->broker),
                                     .pid = vd_process_pid(self->broker),
                                     .control_endpoint = VD_MODEL_BROKER_CONTROL,
                                     .membership_endpoint = VD_MODEL_BROKER_MEMBERSHIP,
                                     .seed = vd_process_inc(self->broker),
                                     .first = vd_process_is_first(self->broker)};
    return vd_membership_new(&config);
}

static void broker_end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_membership_t *membership = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_membership_destroy(&membership);
}

/* ---- provider ---- */

static const vd_wire_t provider_wires[] = {{VD_PROVIDER_BROKER, VD_WIRE_DEALER, "broker"}};

static void *provider_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_whole_t *self = arg;
    (void)node;
    vd_provider_t *provider = calloc(1, sizeof *provider);
    assert(provider != NULL);
    provider->name = "static";
    provider->inc = vd_process_inc(self->provider);
    provider->broker = VD_MODEL_BROKER_CONTROL;
    provider->refresh_us = 500000 + (int64_t)vd_world_random(world, 3000000);
    vd_buffer_init(&provider->sources, VD_SOURCE_LIST_BYTES_MAX);
    vd_buffer_init(&provider->part, VD_BODY_BYTES_MAX);
    return provider;
}

static void provider_end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_provider_t *provider = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_buffer_free(&provider->sources);
    vd_buffer_free(&provider->part);
    free(provider);
}

static void listed(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    vd_buffer_t rows;
    uint32_t count = 0;
    (void)number;
    vd_buffer_init(&rows, 65536);
    for (int i = 0; i < WHOLE_SOURCES; i++)
        count += self->sources[i].exists;
    vd_write_array(&rows, count);
    for (int i = 0; i < WHOLE_SOURCES; i++) {
        const vd_model_source_t *source = &self->sources[i];
        vd_source_record_t record = {.name = vd_str(source->name),
                                     .adapter = vd_str("file"),
                                     .address = vd_str(source->address)};
        if (source->exists)
            vd_record_encode(VD_RECORD_source, &record, &rows);
    }
    assert(!rows.full);
    vd_listing_t listing = {.status = VD_OK, .sources = vd_buffer_view(&rows)};
    if (self->listing_fails)
        listing = (vd_listing_t){.status = VD_FAILED, .error = vd_str("the list is away")};
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_PROVIDER_LIST,
                        .status = listing.status,
                        .result = &listing};
    vd_world_note(world, "%-12s lists %u sources: %s", "sources", count,
                  vd_status_name(listing.status));
    vd_node_input(world, self->provider_node, &input);
    vd_buffer_free(&rows);
}

static void provider_perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect,
                             void *arg)
{
    vd_whole_t *self = arg;
    assert(effect->id == VD_PROVIDER_LIST);
    int64_t delay_us = 100 + (int64_t)vd_world_random(world, 20000);
    if (self->listing_hangs)
        delay_us += (int64_t)vd_world_random(world, 8000000);
    vd_world_later(world, delay_us, node, listed, self, 0);
}

void vd_provider_part_changed(vd_whole_t *self)
{
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_PROVIDER_CHANGED};
    bool told = vd_world_chance(self->world, 500);
    if (told && vd_node_is_up(self->provider_node) && !vd_process_is_frozen(self->provider))
        vd_node_input(self->world, self->provider_node, &input);
}

void vd_broker_part_add(vd_whole_t *self)
{
    vd_process_spec_t broker = vd_runtime_spec(self, "broker", "broker");
    vd_process_spec_t provider = vd_runtime_spec(self, "static", "provider");
    broker.registers = false; /* it is in its own membership without a lease */
    self->broker = vd_process_new(self->world, &broker);
    self->provider = vd_process_new(self->world, &provider);
    vd_node_spec_t node = {.step = vd_membership_step,
                           .wires = broker_wires,
                           .wire_count = 2,
                           .boot = broker_boot,
                           .end = broker_end,
                           .arg = self};
    self->broker_node = vd_process_add(self->world, self->broker, &node);
    vd_node_tap(self->broker_node);
    node = (vd_node_spec_t){.step = vd_provider_step,
                            .wires = provider_wires,
                            .wire_count = 1,
                            .boot = provider_boot,
                            .end = provider_end,
                            .perform = provider_perform,
                            .arg = self};
    self->provider_node = vd_process_add(self->world, self->provider, &node);
}
