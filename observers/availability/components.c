/* components.c: the components, in the order of their names. */
#include "components.h"

#include <assert.h>
#include <stdlib.h>

static int compare(const char *a, vd_str_t b)
{
    size_t size = strlen(a), least = size < b.size ? size : b.size;
    int order = least ? memcmp(a, b.data, least) : 0;
    return order ? order : (size > b.size) - (size < b.size);
}

/* The place of `name`, or where it would go. */
static uint32_t place(const vd_components_t *self, vd_str_t name, bool *found)
{
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(self->list[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < self->count && compare(self->list[low].name, name) == 0;
    return low;
}

const vd_component_t *vd_components_find(const vd_components_t *self, vd_str_t name)
{
    assert(self);
    bool found;
    uint32_t at = place(self, name, &found);
    return found ? &self->list[at] : NULL;
}

/* Adds a component or replaces it. False without memory. */
static bool put(vd_components_t *self, const vd_component_t *component)
{
    bool found;
    uint32_t at = place(self, vd_str(component->name), &found);
    if (!found && self->count == self->room) {
        uint32_t room = self->room ? 2 * self->room : 16;
        vd_component_t *list = realloc(self->list, room * sizeof *list);
        if (!list)
            return false;
        self->list = list;
        self->room = room;
    }
    if (!found) {
        memmove(&self->list[at + 1], &self->list[at], (self->count - at) * sizeof *self->list);
        self->count++;
    }
    self->list[at] = *component;
    return true;
}

static void drop(vd_components_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place(self, name, &found);
    if (!found)
        return;
    self->count--;
    memmove(&self->list[at], &self->list[at + 1], (self->count - at) * sizeof *self->list);
}

void vd_components_apply(vd_components_t *self, const vd_event_t *event)
{
    assert(self && event);
    vd_value_t data;
    vd_component_t component = {.up = true};
    bool found = vd_str_is(event->type, "component_found");
    bool began = vd_str_is(event->type, "outage_began");
    bool ended = vd_str_is(event->type, "outage_ended");
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    vd_str_t name = vd_value_get_str(&data, "component");
    if (vd_str_is(event->type, "component_dropped"))
        drop(self, name);
    if ((!found && !began && !ended) || !vd_str_copy(component.name, sizeof component.name, name))
        return;
    const vd_component_t *known = vd_components_find(self, name);
    if (known)
        component = *known;
    component.up = !began;
    vd_str_copy(component.since, sizeof component.since, vd_value_get_str(&data, "at"));
    component.outages += began;
    if (ended) {
        uint64_t duration_ms = vd_value_get_u64(&data, "duration_ms", 0);
        component.downtime_ms += duration_ms;
        if (duration_ms > component.longest_ms)
            component.longest_ms = duration_ms;
    }
    put(self, &component);
}

void vd_components_free(vd_components_t *self)
{
    assert(self);
    free(self->list);
    *self = (vd_components_t){0};
}

void vd_component_write(vd_buffer_t *out, const vd_component_t *component)
{
    assert(out && component);
    vd_write_map(out, VD_COMPONENT_FIELDS);
    vd_write_pair_text(out, "name", component->name);
    vd_write_pair_bool(out, "up", component->up);
    vd_write_pair_text(out, "since", component->since);
    vd_write_pair_u64(out, "outages", component->outages);
    vd_write_pair_u64(out, "longest_ms", component->longest_ms);
    vd_write_pair_u64(out, "downtime_ms", component->downtime_ms);
}

void vd_components_write(const vd_components_t *self, vd_buffer_t *out)
{
    assert(self && out);
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++)
        vd_component_write(out, &self->list[at]);
}

static bool read_one(const vd_value_t *map, vd_component_t *component)
{
    vd_value_t up;
    if (map->kind != VD_KIND_MAP || !vd_value_get(map, "up", &up) || up.kind != VD_KIND_BOOL)
        return false;
    *component = (vd_component_t){.up = up.boolean,
                                  .outages = vd_value_get_u64(map, "outages", 0),
                                  .longest_ms = vd_value_get_u64(map, "longest_ms", 0),
                                  .downtime_ms = vd_value_get_u64(map, "downtime_ms", 0)};
    return vd_str_copy(component->name, sizeof component->name, vd_value_get_str(map, "name")) &&
           vd_str_copy(component->since, sizeof component->since, vd_value_get_str(map, "since"));
}

vd_status_t vd_components_read(vd_components_t *self, const vd_value_t *array)
{
    assert(self && self->count == 0 && array);
    vd_bytes_t rest = array->bytes;
    vd_value_t one;
    vd_component_t component;
    if (array->kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    while (vd_value_next(&rest, &one)) {
        if (!read_one(&one, &component))
            return VD_MALFORMED;
        if (!put(self, &component))
            return VD_NO_MEMORY;
    }
    return VD_OK;
}
