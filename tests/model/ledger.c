/* ledger.c: the order of events. */
#include "ledger.h"

#include <assert.h>
#include <stdlib.h>

enum { LEDGER_SESSIONS_MAX = 1024 };

struct vd_ledger {
    vd_ledger_entry_t *entries;
    uint64_t count, room;
    char sessions[LEDGER_SESSIONS_MAX][VD_NAME_BYTES_MAX + 1];
    uint32_t session_count;
};

vd_ledger_t *vd_ledger_new(void)
{
    vd_ledger_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    return self;
}

void vd_ledger_destroy(vd_ledger_t **self)
{
    free((*self)->entries);
    free(*self);
    *self = NULL;
}

void vd_ledger_add(vd_ledger_t *self, const vd_seen_t *seen, int64_t now_us)
{
    if (self->count == self->room) {
        self->room = self->room * 2 + 1024;
        self->entries = realloc(self->entries, self->room * sizeof *self->entries);
        assert(self->entries != NULL);
    }
    uint32_t session = self->session_count;
    while (session > 0 && !vd_str_is(seen->session, self->sessions[session - 1]))
        session--;
    if (session == 0) {
        assert(self->session_count < LEDGER_SESSIONS_MAX);
        session = ++self->session_count;
        vd_str_copy(self->sessions[session - 1], sizeof self->sessions[0], seen->session);
    }
    self->entries[self->count++] =
        (vd_ledger_entry_t){.index = seen->index,
                            .seq = seen->seq,
                            .place = (uint32_t)seen->place,
                            .crc = seen->crc,
                            .session = session - 1,
                            .seen_us = now_us,
                            .tick = vd_str_is(seen->event->type, "tick")};
}

uint64_t vd_ledger_count(const vd_ledger_t *self)
{
    return self->count;
}

const vd_ledger_entry_t *vd_ledger_at(const vd_ledger_t *self, uint64_t at)
{
    assert(at < self->count);
    return &self->entries[at];
}

const char *vd_ledger_session(const vd_ledger_t *self, uint32_t session)
{
    assert(session < self->session_count);
    return self->sessions[session];
}

uint64_t vd_ledger_find(const vd_ledger_t *self, uint64_t index, uint64_t place)
{
    uint64_t low = 0, high = self->count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        const vd_ledger_entry_t *entry = &self->entries[middle];
        if (entry->index < index || (entry->index == index && entry->place < place))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void vd_ledger_damage(vd_ledger_t *self, uint64_t at, uint32_t count)
{
    assert(at + count <= self->count);
    for (uint32_t i = 0; i < count; i++)
        self->entries[at + i].damaged = true;
}
