/* components.h: the state of the observer availability: what is watched, and how often and for how
 * long it was down, by the committed events.
 *
 * 1. A component has one name; components stand in the order of their names: equal states save to
 *    equal bytes.
 * 2. It is up or down since a time; the outage that it is in counts, but its duration only when it
 *    has ended.
 */
#ifndef VD_COMPONENTS_H
#define VD_COMPONENTS_H

#include "wire/run.h"
#include "wire/value.h"

#define VD_COMPONENT_NAME_SIZE 256
#define VD_COMPONENT_FIELDS    6

typedef struct vd_component {
    char name[VD_COMPONENT_NAME_SIZE];
    bool up;
    char since[VD_TS_SIZE];
    uint64_t outages;
    uint64_t longest_ms;  /* of those that have ended */
    uint64_t downtime_ms; /* of them, together */
} vd_component_t;

typedef struct vd_components {
    uint32_t count, room;
    vd_component_t *list;
} vd_components_t;

/* NULL when there is none of this name. */
const vd_component_t *vd_components_find(const vd_components_t *self, vd_str_t name);
/* What an event of this observer says. Others, and what does not fit, change nothing. */
void vd_components_apply(vd_components_t *self, const vd_event_t *event);
void vd_components_free(vd_components_t *self);

/* One component as a map {name, up, since, outages, longest_ms, downtime_ms}. */
void vd_component_write(vd_buffer_t *out, const vd_component_t *component);
/* All of them as an array, and back into an empty table: VD_OK, VD_MALFORMED or VD_NO_MEMORY. */
void vd_components_write(const vd_components_t *self, vd_buffer_t *out);
vd_status_t vd_components_read(vd_components_t *self, const vd_value_t *array);

#endif
