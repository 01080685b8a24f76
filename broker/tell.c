/* tell.c: what the feed "membership" says: items of what changed, and the snapshot. */
#include "membership_parts.h"

#include <assert.h>

void vd_mark_source_dirty(vd_membership_t *self, vd_source_t *source)
{
    assert(source->use != VD_SOURCE_FREE);
    if (!source->dirty)
        self->dirty_sources++;
    source->dirty = true;
}

static void write_member(vd_membership_t *self, const vd_member_t *member, vd_buffer_t *out)
{
    assert(member->used && member->endpoint_count <= VD_ENDPOINTS_PER_ACTOR_MAX);
    vd_buffer_clear(&self->rows);
    vd_write_array(&self->rows, member->endpoint_count);
    for (uint32_t i = 0; i < member->endpoint_count; i++) {
        vd_endpoint_record_t row = {.port = vd_str(member->endpoints[i].port),
                                    .endpoint = vd_str(member->endpoints[i].endpoint)};
        vd_status_t status = vd_record_encode(VD_RECORD_endpoint, &row, &self->rows);
        assert(status == VD_OK);
    }
    vd_actor_record_t record = {
        .name = vd_str(member->name),
        .kind = vd_str(member->kind),
        .inc = member->inc,
        .pid = member->pid,
        .state = vd_str(member->suspect ? "suspect" : "ready"),
        .endpoints = vd_buffer_view(&self->rows),
    };
    vd_status_t status = vd_record_encode(VD_RECORD_actor, &record, out);
    assert(status == VD_OK);
}

static void write_source(const vd_membership_t *self, const vd_source_t *source, vd_buffer_t *out)
{
    vd_source_record_t record;
    vd_source_view(source, &record);
    record.provider = vd_str(self->providers[source->provider].name);
    if (source->poller != VD_POLLER_NONE) {
        assert(self->members[source->poller].used);
        record.poller = vd_str(self->members[source->poller].name);
    }
    vd_status_t status = vd_record_encode(VD_RECORD_source, &record, out);
    assert(status == VD_OK);
}

static void write_provider(const vd_provider_row_t *row, vd_now_t now, vd_buffer_t *out)
{
    assert(row->used);
    int64_t age_us = row->good_us == 0 ? 0 : now.mono_us - row->good_us;
    vd_write_map(out, 5);
    vd_write_pair_text(out, "name", row->name);
    vd_write_pair_u64(out, "inc", row->inc);
    vd_write_pair_u64(out, "age_ms", age_us < 0 ? 0 : (uint64_t)age_us / 1000);
    vd_write_pair_text(out, "error", row->error);
    vd_write_pair_u64(out, "sources", row->sources);
}

static vd_buffer_t *begin_item(vd_membership_t *self, const char *op, uint32_t pairs)
{
    vd_buffer_clear(&self->item);
    vd_write_map(&self->item, 1 + pairs);
    vd_write_pair_text(&self->item, "op", op);
    return &self->item;
}

static void publish(vd_membership_t *self, vd_effects_t *effects)
{
    assert(!self->item.full && self->item.size > 0);
    vd_feed_publish(&self->feed, effects, vd_buffer_view(&self->item));
}

static void tell_gone(vd_membership_t *self, const char *op, const char *name, uint64_t inc,
                      const char *reason, vd_effects_t *effects)
{
    vd_buffer_t *item = begin_item(self, op, reason != NULL ? 3 : 2);
    vd_write_pair_text(item, "name", name);
    vd_write_pair_u64(item, "inc", inc);
    if (reason != NULL)
        vd_write_pair_text(item, "reason", reason);
    publish(self, effects);
}

void vd_tell_member_gone(vd_membership_t *self, const vd_member_t *member, const char *reason,
                         vd_effects_t *effects)
{
    assert(member->used && reason != NULL);
    tell_gone(self, "actor_gone", member->name, member->inc, reason, effects);
}

static void tell_source(vd_membership_t *self, uint32_t at, vd_effects_t *effects)
{
    vd_source_t *source = &self->sources.slots[at];
    assert(source->dirty && self->dirty_sources > 0);
    source->dirty = false;
    self->dirty_sources--;
    if (source->use == VD_SOURCE_GONE) {
        tell_gone(self, "source_gone", source->name, source->inc, NULL, effects);
        vd_source_table_forget(&self->sources, at);
        return;
    }
    vd_buffer_t *item = begin_item(self, "source", 1);
    vd_write_text(item, "source");
    write_source(self, source, item);
    publish(self, effects);
}

/* Tells dirty sources of one use. The gone come first: a name that came back is told in that
 * order. */
static uint32_t tell_sources(vd_membership_t *self, vd_source_use_t use, uint32_t room,
                             vd_effects_t *effects)
{
    uint32_t told = 0;
    for (uint32_t i = 0; i < self->sources.high && told < room && self->dirty_sources > 0; i++) {
        const vd_source_t *source = &self->sources.slots[i];
        if (!source->dirty || source->use != use)
            continue;
        tell_source(self, i, effects);
        told++;
    }
    return told;
}

static uint32_t tell_members(vd_membership_t *self, uint32_t room, vd_effects_t *effects)
{
    uint32_t told = 0;
    for (uint32_t i = 0; i < VD_ACTORS_MAX && told < room; i++) {
        vd_member_t *member = &self->members[i];
        if (!member->used || !member->dirty)
            continue;
        member->dirty = false;
        vd_buffer_t *item = begin_item(self, "actor", 1);
        vd_write_text(item, "actor");
        write_member(self, member, item);
        publish(self, effects);
        told++;
    }
    return told;
}

static uint32_t tell_providers(vd_membership_t *self, vd_now_t now, vd_effects_t *effects)
{
    uint32_t told = 0;
    for (uint32_t i = 0; i < VD_PROVIDERS_MAX; i++) {
        vd_provider_row_t *row = &self->providers[i];
        if (!row->used || !row->dirty)
            continue;
        row->dirty = false;
        vd_buffer_t *item = begin_item(self, "provider", 1);
        vd_write_text(item, "provider");
        write_provider(row, now, item);
        publish(self, effects);
        told++;
    }
    return told;
}

bool vd_tell_changes(vd_membership_t *self, vd_now_t now, vd_effects_t *effects)
{
    uint32_t told = tell_members(self, VD_ITEMS_PER_STEP_MAX, effects);
    told += tell_sources(self, VD_SOURCE_GONE, VD_ITEMS_PER_STEP_MAX - told, effects);
    told += tell_sources(self, VD_SOURCE_LIVE, VD_ITEMS_PER_STEP_MAX - told, effects);
    if (told < VD_ITEMS_PER_STEP_MAX)
        tell_providers(self, now, effects);
    return told < VD_ITEMS_PER_STEP_MAX;
}

void vd_tell_snapshot(vd_membership_t *self, vd_now_t now, vd_buffer_t *out)
{
    uint32_t providers = 0;
    for (uint32_t i = 0; i < VD_PROVIDERS_MAX; i++)
        providers += self->providers[i].used;
    vd_write_map(out, 3);
    vd_write_text(out, "actors");
    vd_write_array(out, self->member_count);
    for (uint32_t i = 0; i < VD_ACTORS_MAX; i++)
        if (self->members[i].used)
            write_member(self, &self->members[i], out);
    vd_write_text(out, "sources");
    vd_write_array(out, self->sources.live);
    for (uint32_t i = 0; i < self->sources.high; i++)
        if (self->sources.slots[i].use == VD_SOURCE_LIVE)
            write_source(self, &self->sources.slots[i], out);
    vd_write_text(out, "providers");
    vd_write_array(out, providers);
    for (uint32_t i = 0; i < VD_PROVIDERS_MAX; i++)
        if (self->providers[i].used)
            write_provider(&self->providers[i], now, out);
    assert(!out->full);
}
