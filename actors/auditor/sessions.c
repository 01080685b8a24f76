/* sessions.c: a hash table with chains over a fixed array. */
#include "sessions.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

struct vd_audited_sessions {
    uint32_t room, count, buckets; /* buckets: a power of two */
    uint64_t clock, forgotten;
    uint32_t *heads;            /* slot + 1; 0: none */
    vd_audited_session_t *list; /* `next`: slot + 1 */
};

vd_audited_sessions_t *vd_audited_sessions_new(uint32_t room)
{
    assert(room > 0);
    vd_audited_sessions_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->room = room;
    for (self->buckets = 16; self->buckets < room; self->buckets *= 2)
        ;
    self->heads = calloc(self->buckets, sizeof *self->heads);
    self->list = calloc(room, sizeof *self->list);
    if (self->heads == NULL || self->list == NULL)
        vd_audited_sessions_destroy(&self);
    return self;
}

void vd_audited_sessions_destroy(vd_audited_sessions_t **self)
{
    if (*self != NULL) {
        free((*self)->heads);
        free((*self)->list);
        free(*self);
    }
    *self = NULL;
}

void vd_audited_sessions_clear(vd_audited_sessions_t *self)
{
    memset(self->heads, 0, self->buckets * sizeof *self->heads);
    self->count = 0;
    self->forgotten = 0;
}

static uint32_t *bucket_of(vd_audited_sessions_t *self, vd_str_t id)
{
    return &self->heads[vd_hash(0, id) & (self->buckets - 1)];
}

vd_audited_session_t *vd_audited_sessions_find(vd_audited_sessions_t *self, vd_str_t id)
{
    for (uint32_t at = *bucket_of(self, id); at != 0; at = self->list[at - 1].next)
        if (vd_str_is(id, self->list[at - 1].id))
            return &self->list[at - 1];
    return NULL;
}

static void unlink_slot(vd_audited_sessions_t *self, uint32_t slot)
{
    uint32_t *at = bucket_of(self, vd_str(self->list[slot].id));
    while (*at != slot + 1) {
        assert(*at != 0);
        at = &self->list[*at - 1].next;
    }
    *at = self->list[slot].next;
}

/* Makes room by forgetting one. */
static uint32_t forget_one(vd_audited_sessions_t *self)
{
    uint32_t worst = 0;
    for (uint32_t i = 1; i < self->count; i++) {
        const vd_audited_session_t *one = &self->list[i], *other = &self->list[worst];
        bool over = one->ended_index > 0, other_over = other->ended_index > 0;
        if (over != other_over ? over : one->touched < other->touched)
            worst = i;
    }
    unlink_slot(self, worst);
    self->forgotten++;
    return worst;
}

vd_audited_session_t *vd_audited_sessions_add(vd_audited_sessions_t *self, vd_str_t id)
{
    assert(vd_audited_sessions_find(self, id) == NULL);
    uint32_t slot = self->count < self->room ? self->count++ : forget_one(self);
    uint32_t *bucket = bucket_of(self, id);
    vd_audited_session_t *session = &self->list[slot];
    *session = (vd_audited_session_t){.next = *bucket};
    vd_str_copy(session->id, sizeof session->id, id);
    *bucket = slot + 1;
    vd_audited_sessions_touch(self, session);
    return session;
}

void vd_audited_sessions_touch(vd_audited_sessions_t *self, vd_audited_session_t *session)
{
    session->touched = ++self->clock;
}

void vd_audited_sessions_loosen(vd_audited_sessions_t *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        self->list[i].loose = true;
}

uint32_t vd_audited_sessions_count(const vd_audited_sessions_t *self)
{
    return self->count;
}

uint64_t vd_audited_sessions_forgotten(const vd_audited_sessions_t *self)
{
    return self->forgotten;
}
