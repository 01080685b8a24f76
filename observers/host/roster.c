/* roster.c: applies the broker's feed to sources and pollers. */
#include "roster.h"

#include <assert.h>
#include <stdlib.h>

vd_outlet_t *vd_roster_outlet(const vd_roster_t *self, vd_str_t name)
{
    assert(self && self->outlet_count <= VD_ACTORS_MAX);
    for (uint32_t at = 0; at < self->outlet_count; at++)
        if (!self->outlets[at]->gone && vd_str_is(name, self->outlets[at]->name))
            return self->outlets[at];
    return NULL;
}

void vd_roster_forget(vd_roster_t *self, vd_outlet_t *outlet)
{
    assert(self && outlet && outlet->gone);
    for (uint32_t at = 0; at < self->outlet_count; at++)
        if (self->outlets[at] == outlet) {
            self->outlets[at] = self->outlets[--self->outlet_count];
            free(outlet);
            return;
        }
    assert(!"the outlet is in the table");
}

/* What was read through this poller has to be asked for again. */
static void reset_reads(vd_roster_t *self, vd_str_t poller)
{
    for (uint32_t at = 0; at < self->samples->source_count; at++) {
        vd_observed_t *source = self->samples->sources[at];
        if (!vd_bytes_equal(source->record.poller, poller))
            continue;
        for (uint32_t slot = 0; slot < source->slot_count; slot++)
            if (source->slots[slot]->standing)
                source->slots[slot]->inc = source->slots[slot]->n = 0;
    }
}

static void drop_outlet(vd_roster_t *self, vd_outlet_t *outlet)
{
    reset_reads(self, vd_str(outlet->name));
    outlet->gone = true;
    self->changes++;
}

static bool take_endpoints(const vd_actor_record_t *actor, char *requests, char *samples)
{
    vd_bytes_t rows = actor->endpoints;
    vd_endpoint_record_t row;
    requests[0] = samples[0] = 0;
    for (;;) {
        vd_status_t status = vd_rows_next(&rows, VD_RECORD_endpoint, &row);
        if (status == VD_NOT_FOUND)
            break;
        if (status != VD_OK)
            return false;
        if (vd_str_is(row.port, "requests"))
            vd_str_copy(requests, VD_ENDPOINT_BYTES_MAX + 1, row.endpoint);
        else if (vd_str_is(row.port, "samples"))
            vd_str_copy(samples, VD_ENDPOINT_BYTES_MAX + 1, row.endpoint);
    }
    return requests[0] && samples[0];
}

static void take_actor(vd_roster_t *self, const vd_actor_record_t *actor)
{
    char requests[VD_ENDPOINT_BYTES_MAX + 1], samples[VD_ENDPOINT_BYTES_MAX + 1];
    if (!vd_str_is(actor->kind, "poller"))
        return;
    if (actor->name.size > VD_PEER_BYTES_MAX || !take_endpoints(actor, requests, samples)) {
        self->malformed++;
        return;
    }
    vd_outlet_t *outlet = vd_roster_outlet(self, actor->name);
    if (!outlet) {
        if (self->outlet_count == VD_ACTORS_MAX || !(outlet = calloc(1, sizeof *outlet)))
            return;
        vd_str_copy(outlet->name, sizeof outlet->name, actor->name);
        self->outlets[self->outlet_count++] = outlet;
    }
    outlet->marked = true;
    if (outlet->inc == actor->inc && strcmp(outlet->requests, requests) == 0 &&
        strcmp(outlet->samples, samples) == 0)
        return;
    reset_reads(self, actor->name);
    outlet->inc = actor->inc;
    outlet->moved = outlet->dirty = true;
    strcpy(outlet->requests, requests);
    strcpy(outlet->samples, samples);
    self->changes++;
}

static void take_source(vd_roster_t *self, const vd_source_record_t *record)
{
    vd_observed_t *source = vd_samples_source(self->samples, record->name);
    bool moved = source && !vd_bytes_equal(source->record.poller, record->poller);
    source = vd_samples_set_source(self->samples, record);
    if (!source) {
        self->malformed++;
        return;
    }
    source->marked = true;
    self->changes++;
    if (!moved)
        return;
    for (uint32_t at = 0; at < source->slot_count; at++)
        if (source->slots[at]->standing)
            source->slots[at]->inc = source->slots[at]->n = 0;
    vd_outlet_t *outlet = vd_roster_outlet(self, record->poller);
    if (outlet)
        outlet->dirty = true;
}

static bool decode(vd_roster_t *self, vd_bytes_t map, vd_record_id_t id, void *record)
{
    if (vd_record_decode(map, id, record) == VD_OK)
        return true;
    self->malformed++;
    return false;
}

static void take_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                          vd_effects_t *effects)
{
    vd_roster_t *self = arg;
    vd_value_t map, list, element;
    vd_actor_record_t actor;
    vd_source_record_t source;
    (void)now, (void)effects;
    for (uint32_t at = 0; at < self->outlet_count; at++)
        self->outlets[at]->marked = false;
    for (uint32_t at = 0; at < self->samples->source_count; at++)
        self->samples->sources[at]->marked = false;
    self->changes++;
    if (!vd_value_of(value, &map) || map.kind != VD_KIND_MAP) {
        self->malformed++;
        return;
    }
    if (vd_value_get(&map, "actors", &list) && list.kind == VD_KIND_ARRAY)
        while (vd_value_next(&list.bytes, &element))
            if (decode(self, element.raw, VD_RECORD_actor, &actor))
                take_actor(self, &actor);
    if (vd_value_get(&map, "sources", &list) && list.kind == VD_KIND_ARRAY)
        while (vd_value_next(&list.bytes, &element))
            if (decode(self, element.raw, VD_RECORD_source, &source))
                take_source(self, &source);
    if (!complete)
        return;
    self->samples->complete = true;
    for (uint32_t at = 0; at < self->outlet_count; at++)
        if (!self->outlets[at]->marked && !self->outlets[at]->gone)
            drop_outlet(self, self->outlets[at]);
    for (uint32_t at = self->samples->source_count; at-- > 0;)
        if (!self->samples->sources[at]->marked)
            vd_samples_drop_source(self->samples, self->samples->sources[at]->record.name);
}

static void take_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    vd_roster_t *self = arg;
    vd_value_t map, part;
    vd_actor_record_t actor;
    vd_source_record_t record;
    (void)now, (void)n, (void)effects;
    if (!vd_value_of(value, &map) || map.kind != VD_KIND_MAP) {
        self->malformed++;
        return;
    }
    vd_str_t op = vd_value_get_str(&map, "op");
    vd_str_t name = vd_value_get_str(&map, "name");
    uint64_t inc = vd_value_get_u64(&map, "inc", 0);
    if (vd_str_is(op, "actor") && vd_value_get(&map, "actor", &part)) {
        if (decode(self, part.raw, VD_RECORD_actor, &actor))
            take_actor(self, &actor);
    } else if (vd_str_is(op, "source") && vd_value_get(&map, "source", &part)) {
        if (decode(self, part.raw, VD_RECORD_source, &record))
            take_source(self, &record);
    } else if (vd_str_is(op, "actor_gone")) {
        vd_outlet_t *outlet = vd_roster_outlet(self, name);
        if (outlet && outlet->inc == inc)
            drop_outlet(self, outlet);
    } else if (vd_str_is(op, "source_gone")) {
        vd_observed_t *source = vd_samples_source(self->samples, name);
        if (!source || (inc != 0 && source->record.inc != inc))
            return;
        vd_samples_drop_source(self->samples, name);
        self->changes++;
    }
}

void vd_roster_init(vd_roster_t *self, vd_samples_t *samples, uint16_t request_port,
                    uint16_t sub_port, uint32_t timer)
{
    static const vd_feed_handler_t handler = {take_snapshot, take_item};
    assert(self && samples);
    *self = (vd_roster_t){.samples = samples};
    vd_feed_reader_init(&self->reader, "membership", request_port, sub_port, timer, &handler, self);
}

void vd_roster_free(vd_roster_t *self)
{
    assert(self);
    while (self->outlet_count > 0)
        free(self->outlets[--self->outlet_count]);
}
