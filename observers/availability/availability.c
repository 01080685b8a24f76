/* availability.c: the observer availability: its configuration, its life, its snapshot. */
#include "availability.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_config_row_t rows[] = {
    {"reads", VD_CONFIG_STR, "\"services\"", 0, 0,
     "the observer whose events say what is up: services, or one of kind raft", NULL},
    {"forget_after", VD_CONFIG_DURATION, "\"24h\"", 1000, 31536000000,
     "what is down for longer is forgotten", NULL},
    {"components_max", VD_CONFIG_INT, "2000", 1, 3000, "nothing new is taken in beyond so many",
     NULL},
    {0}};

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    vd_availability_t *self = calloc(1, sizeof *self);
    *state = self;
    if (!self) {
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    self->forget_after_ms = vd_config_duration_ms(config, VD_AVAILABILITY_TABLE, "forget_after");
    self->components_max = (uint32_t)vd_config_int(config, VD_AVAILABILITY_TABLE, "components_max");
    return VD_OK;
}

static void destroy(void **state)
{
    assert(state);
    vd_availability_t *self = *state;
    if (self)
        vd_components_free(&self->components);
    free(self);
    *state = NULL;
}

/* It reads no sources. */
static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    assert(state && samples && source && reads);
    (void)state, (void)samples, (void)source, (void)reads;
}

static void apply(void *state, const vd_event_t *event)
{
    vd_availability_t *self = state;
    assert(self && event);
    vd_components_apply(&self->components, event);
}

static void view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_availability_t *self = state;
    assert(self && out);
    (void)samples;
    uint64_t up = 0, outages = 0;
    for (uint32_t at = 0; at < self->components.count; at++) {
        up += self->components.list[at].up;
        outages += self->components.list[at].outages;
    }
    vd_write_map(out, 5);
    vd_write_pair_u64(out, "up_count", up);
    vd_write_pair_u64(out, "down_count", self->components.count - up);
    vd_write_pair_u64(out, "outages", outages);
    vd_write_pair_bool(out, "full", self->components.count >= self->components_max);
    vd_write_text(out, "components");
    vd_components_write(&self->components, out);
}

static const vd_query_row_t queries[] = {
    {"component", "NAME", "one component"},
    {"down", "", "the components that are down"},
    {0},
};

static vd_status_t query(const void *state, const vd_samples_t *samples, vd_str_t name,
                         vd_bytes_t args, vd_buffer_t *out)
{
    const vd_availability_t *self = state;
    const vd_components_t *components = &self->components;
    vd_value_t list, wanted;
    uint32_t down = 0;
    assert(self && out);
    (void)samples;
    if (vd_str_is(name, "component")) {
        if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY || list.count != 1 ||
            !vd_value_next(&list.bytes, &wanted) || wanted.kind != VD_KIND_STR)
            return VD_USAGE;
        const vd_component_t *component = vd_components_find(components, vd_value_str(&wanted));
        if (component)
            vd_component_write(out, component);
        return component ? VD_OK : VD_NOT_FOUND;
    }
    if (!vd_str_is(name, "down"))
        return VD_NOT_FOUND;
    for (uint32_t at = 0; at < components->count; at++)
        down += !components->list[at].up;
    vd_write_array(out, down);
    for (uint32_t at = 0; at < components->count; at++)
        if (!components->list[at].up)
            vd_component_write(out, &components->list[at]);
    return VD_OK;
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_availability_t *self = state;
    assert(self && out);
    vd_components_write(&self->components, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_availability_t *self = state;
    vd_value_t array;
    assert(self);
    if (!vd_value_of(value, &array))
        return VD_MALFORMED;
    return vd_components_read(&self->components, &array);
}

const vd_observer_t vd_availability_observer = {
    .name = "availability",
    .version = 1,
    .summary = "Outages of what another observer watches: how often, how long, and what is down.",
    .kinds = "component_found outage_began outage_ended component_dropped",
    .on_demand = true,
    .collects = true,
    .config = rows,
    .layout = vd_availability_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_availability_turn,
    .apply = apply,
    .view = view,
    .queries = queries,
    .query = query,
    .save = save,
    .load = load,
};
