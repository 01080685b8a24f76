/* schedule.c: the heap and the grid. */
#include "schedule.h"

#include <assert.h>
#include <stdlib.h>

#define SOON_US 100000
/* Reads that are due together cost fewer wake-ups, and their samples come together: more of them at
 * once than a PUB holds would be lost. Each interval has so many such moments. */
#define STEPS 64

bool vd_schedule_init(vd_schedule_t *self, uint32_t count_max)
{
    assert(self != NULL && count_max > 0);
    *self = (vd_schedule_t){.count_max = count_max};
    self->heap = calloc(count_max, sizeof *self->heap);
    self->place = calloc(count_max, sizeof *self->place);
    if (self->heap != NULL && self->place != NULL)
        return true;
    vd_schedule_free(self);
    return false;
}

void vd_schedule_free(vd_schedule_t *self)
{
    assert(self != NULL);
    free(self->heap);
    free(self->place);
    *self = (vd_schedule_t){0};
}

static void put(vd_schedule_t *self, uint32_t at, vd_schedule_entry_t entry)
{
    self->heap[at] = entry;
    self->place[entry.id] = at + 1;
}

/* Moves `entry`, to be put at `at`, up or down to where the order holds. */
static void sift(vd_schedule_t *self, uint32_t at, vd_schedule_entry_t entry)
{
    assert(at < self->count);
    while (at > 0 && self->heap[(at - 1) / 2].due_us > entry.due_us) {
        put(self, at, self->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= self->count)
            break;
        if (child + 1 < self->count && self->heap[child + 1].due_us < self->heap[child].due_us)
            child++;
        if (self->heap[child].due_us >= entry.due_us)
            break;
        put(self, at, self->heap[child]);
        at = child;
    }
    put(self, at, entry);
}

void vd_schedule_set(vd_schedule_t *self, uint32_t id, int64_t due_us)
{
    assert(id < self->count_max);
    uint32_t at = self->place[id];
    if (at == 0) {
        assert(self->count < self->count_max);
        at = ++self->count;
    }
    sift(self, at - 1, (vd_schedule_entry_t){due_us, id});
}

void vd_schedule_clear(vd_schedule_t *self, uint32_t id)
{
    assert(id < self->count_max);
    uint32_t at = self->place[id];
    if (at == 0)
        return;
    self->place[id] = 0;
    vd_schedule_entry_t last = self->heap[--self->count];
    if (last.id != id)
        sift(self, at - 1, last);
}

uint32_t vd_schedule_first(const vd_schedule_t *self, int64_t *due_us)
{
    assert(due_us != NULL);
    if (self->count == 0)
        return VD_SCHEDULE_NONE;
    *due_us = self->heap[0].due_us;
    return self->heap[0].id;
}

int64_t vd_schedule_soon(int64_t now_us, int64_t interval_us, uint64_t source_hash)
{
    assert(interval_us > 0);
    int64_t spread_us = interval_us < SOON_US ? interval_us : SOON_US;
    return now_us + (int64_t)(source_hash % (uint64_t)spread_us);
}

int64_t vd_schedule_next(int64_t now_us, int64_t started_us, int64_t interval_us,
                         uint64_t source_hash)
{
    assert(interval_us > 0 && now_us >= 0);
    int64_t offset_us = (int64_t)(source_hash % STEPS) * interval_us / STEPS;
    int64_t after_us = now_us;
    if (started_us + interval_us / 2 > after_us)
        after_us = started_us + interval_us / 2;
    int64_t ticks = after_us < offset_us ? 0 : (after_us - offset_us) / interval_us + 1;
    int64_t next_us = offset_us + ticks * interval_us;
    assert(next_us > now_us && next_us - after_us <= interval_us);
    return next_us;
}
