/* names.c: open addressing with linear probing, at most half full. */
#include "names.h"

#include <assert.h>
#include <stdlib.h>

enum { ROOM_MIN = 64 };

/* Eight bytes at a time: names are looked up for every frame. */
static uint64_t hash_of(vd_str_t name)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    uint64_t hash = name.size * factor, word;
    size_t at = 0;
    for (; name.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, name.data + at, sizeof word);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 29;
    }
    word = 0;
    if (name.size > at)
        memcpy(&word, name.data + at, name.size - at);
    hash = (hash ^ word) * factor;
    return hash ^ hash >> 32;
}

static uint32_t home(const vd_names_t *self, const void *thing)
{
    return (uint32_t)hash_of(vd_str(thing)) & (self->room - 1);
}

void vd_names_free(vd_names_t *self)
{
    free(self->slots);
    *self = (vd_names_t){0};
}

void *vd_names_get(const vd_names_t *self, vd_str_t name)
{
    if (self->room == 0)
        return NULL;
    uint32_t at = (uint32_t)hash_of(name) & (self->room - 1);
    for (; self->slots[at] != NULL; at = (at + 1) & (self->room - 1))
        if (vd_str_is(name, self->slots[at]))
            return self->slots[at];
    return NULL;
}

static void place(vd_names_t *self, void *thing)
{
    uint32_t at = home(self, thing);
    while (self->slots[at] != NULL)
        at = (at + 1) & (self->room - 1);
    self->slots[at] = thing;
}

bool vd_names_put(vd_names_t *self, void *thing)
{
    assert(thing != NULL && vd_names_get(self, vd_str(thing)) == NULL);
    if ((self->count + 1) * 2 > self->room) {
        vd_names_t grown = {.room = self->room > 0 ? self->room * 2 : ROOM_MIN};
        grown.count = self->count;
        grown.slots = calloc(grown.room, sizeof *grown.slots);
        if (grown.slots == NULL)
            return false;
        for (uint32_t i = 0; i < self->room; i++)
            if (self->slots[i] != NULL)
                place(&grown, self->slots[i]);
        free(self->slots);
        *self = grown;
    }
    place(self, thing);
    self->count++;
    return true;
}

void vd_names_remove(vd_names_t *self, const void *thing)
{
    assert(self->count > 0);
    uint32_t at = home(self, thing);
    while (self->slots[at] != thing) {
        assert(self->slots[at] != NULL);
        at = (at + 1) & (self->room - 1);
    }
    self->slots[at] = NULL;
    self->count--;
    /* What was pushed behind the freed slot by a collision moves up. */
    for (at = (at + 1) & (self->room - 1); self->slots[at] != NULL;
         at = (at + 1) & (self->room - 1)) {
        void *moved = self->slots[at];
        self->slots[at] = NULL;
        place(self, moved);
    }
}

void *vd_names_next(const vd_names_t *self, uint32_t *at)
{
    while (*at < self->room) {
        void *thing = self->slots[(*at)++];
        if (thing != NULL)
            return thing;
    }
    return NULL;
}
