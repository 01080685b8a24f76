#include "pollers.h"
#include "state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* FNV-1a with a final mix; never 0, which marks a free slot. */
static uint64_t hash_of(vd_str_t name)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ name.data[i]) * 1099511628211u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

bool vd_sources_init(vd_sources_t *self)
{
    assert(self);
    self->count = 0;
    self->slots = calloc(VD_SOURCES_SLOTS, sizeof *self->slots);
    return self->slots != NULL;
}

void vd_sources_free(vd_sources_t *self)
{
    free(self->slots);
    self->slots = NULL;
}

void vd_sources_clear(vd_sources_t *self)
{
    assert(self->slots);
    if (self->count > 0)
        memset(self->slots, 0, VD_SOURCES_SLOTS * sizeof *self->slots);
    self->count = 0;
}

/* The slot of `hash`, or the free one where it belongs. */
static uint32_t slot_of(const vd_sources_t *self, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (VD_SOURCES_SLOTS - 1);
    while (self->slots[at] != 0 && self->slots[at] != hash)
        at = (at + 1) & (VD_SOURCES_SLOTS - 1);
    return at;
}

void vd_sources_add(vd_sources_t *self, vd_str_t name)
{
    assert(self->slots && self->count <= VD_SOURCES_MAX);
    uint64_t hash = hash_of(name);
    uint32_t at = slot_of(self, hash);
    if (name.size == 0 || self->slots[at] == hash || self->count == VD_SOURCES_MAX)
        return;
    self->slots[at] = hash;
    self->count++;
}

void vd_sources_remove(vd_sources_t *self, vd_str_t name)
{
    assert(self->slots);
    uint32_t hole = slot_of(self, hash_of(name));
    if (self->slots[hole] == 0)
        return;
    assert(self->count > 0);
    self->count--;
    self->slots[hole] = 0;
    /* Moves back what was displaced over the hole, so that no search ends too early. */
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & (VD_SOURCES_SLOTS - 1);
        if (self->slots[at] == 0)
            return;
        uint32_t home = (uint32_t)self->slots[at] & (VD_SOURCES_SLOTS - 1);
        uint32_t from_home = (at - home) & (VD_SOURCES_SLOTS - 1);
        uint32_t from_hole = (at - hole) & (VD_SOURCES_SLOTS - 1);
        if (from_home < from_hole)
            continue;
        self->slots[hole] = self->slots[at];
        self->slots[at] = 0;
        hole = at;
    }
}

static void take_snapshot(void *arg, vd_now_t now, vd_bytes_t bytes, bool complete,
                          vd_effects_t *effects)
{
    vd_supervisor_t *self = arg;
    vd_value_t map, sources;
    (void)now;
    (void)effects;
    if (complete)
        vd_sources_clear(&self->sources);
    if (!vd_value_of(bytes, &map) || !vd_value_get(&map, "sources", &sources) ||
        sources.kind != VD_KIND_ARRAY)
        return;
    vd_bytes_t rest = sources.bytes;
    vd_value_t source;
    while (vd_value_next(&rest, &source))
        vd_sources_add(&self->sources, vd_value_get_str(&source, "name"));
}

static void take_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t bytes, vd_effects_t *effects)
{
    vd_supervisor_t *self = arg;
    vd_value_t map, source;
    (void)now;
    (void)n;
    (void)effects;
    if (!vd_value_of(bytes, &map))
        return;
    vd_str_t op = vd_value_get_str(&map, "op");
    if (vd_str_is(op, "source") && vd_value_get(&map, "source", &source))
        vd_sources_add(&self->sources, vd_value_get_str(&source, "name"));
    else if (vd_str_is(op, "source_gone"))
        vd_sources_remove(&self->sources, vd_value_get_str(&map, "name"));
}

const vd_feed_handler_t VD_POLLERS_HANDLER = {.snapshot = take_snapshot, .item = take_item};

static vd_child_t *poller(vd_supervisor_t *self, uint32_t number, char name[32])
{
    (void)snprintf(name, 32, "poller-%u", number);
    return vd_supervisor_find(self, name);
}

/* One poller more, or one that was going away wanted again. */
static void want_up(vd_supervisor_t *self, vd_now_t now, uint32_t number, vd_effects_t *effects)
{
    char name[32];
    vd_child_t *child = poller(self, number, name);
    if (!child)
        (void)vd_supervisor_add(self, now, name, "poller", "vedette-poller", VD_RANK_POLLER,
                                effects);
    else if (child->wanted == VD_WANT_GONE)
        child->wanted = VD_WANT_UP;
}

/* A poller fewer. False: it goes later. One that has died early of late keeps what that has taught: made
 * anew it would not wait before it starts, and would never fail. */
static bool want_gone(vd_supervisor_t *self, vd_now_t now, uint32_t number, vd_effects_t *effects)
{
    char name[32];
    vd_child_t *child = poller(self, number, name);
    if (!child || child->wanted == VD_WANT_GONE)
        return true;
    if (!vd_child_is_settled(child, &self->setup.policy, now))
        return false;
    child->wanted = VD_WANT_GONE;
    (void)vd_supervisor_apply(self, now, child, VD_CHILD_STOP, effects);
    return true;
}

/* Looks again after a while, whether pollers may go. */
static void linger(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->shrink_at_us = now.mono_us + VD_POLLERS_LINGER_US;
    vd_effects_timer(effects, VD_TIMER_POLLERS, self->shrink_at_us);
}

void vd_pollers_follow(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->setup.pollers_max >= 1 && self->setup.pollers_max <= VD_SUPERVISOR_POLLERS_MAX);
    uint32_t wanted = self->sources.count;
    wanted = wanted < 1 ? 1 : wanted;
    wanted = wanted > self->setup.pollers_max ? self->setup.pollers_max : wanted;
    for (uint32_t number = 1; number <= wanted; number++)
        want_up(self, now, number, effects);
    bool surplus = false;
    for (uint32_t number = wanted + 1; number <= self->setup.pollers_max; number++) {
        char name[32];
        vd_child_t *child = poller(self, number, name);
        surplus = surplus || (child && child->wanted != VD_WANT_GONE);
    }
    if (!surplus) {
        self->shrink_at_us = 0;
        return;
    }
    if (self->shrink_at_us == 0)
        linger(self, now, effects);
    if (now.mono_us < self->shrink_at_us)
        return;
    bool gone = true;
    self->shrink_at_us = 0;
    for (uint32_t number = self->setup.pollers_max; number > wanted; number--)
        gone = want_gone(self, now, number, effects) && gone;
    if (!gone)
        linger(self, now, effects);
}
