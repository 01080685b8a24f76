/* assignment.c: rendezvous hashing with bounded load. */
#include "assignment.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

typedef struct vd_candidate {
    uint64_t score;
    uint32_t at; /* in the sources */
} vd_candidate_t;

struct vd_assignment {
    uint32_t sources_max;
    vd_candidate_t *candidates;
};

vd_assignment_t *vd_assignment_new(uint32_t sources_max)
{
    assert(sources_max > 0);
    vd_assignment_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->sources_max = sources_max;
    self->candidates = calloc(sources_max, sizeof *self->candidates);
    if (self->candidates == NULL)
        vd_assignment_destroy(&self);
    return self;
}

void vd_assignment_destroy(vd_assignment_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    free((*self)->candidates);
    free(*self);
    *self = NULL;
}

static uint64_t score(const vd_assign_source_t *source, const vd_assign_poller_t *poller)
{
    return vd_hash_mix(source->hash ^ vd_hash_mix(poller->hash + 1));
}

static int by_score(const void *left, const void *right)
{
    const vd_candidate_t *a = left, *b = right;
    return a->score < b->score ? -1 : a->score > b->score;
}

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    assert(b > 0);
    return a / b + (a % b != 0);
}

/* The bound of an open poller; 0 when none is open. */
static uint32_t bound(const vd_assign_poller_t *pollers, uint32_t poller_count,
                      uint32_t source_count)
{
    uint32_t open = 0, closed_load = 0;
    for (uint32_t p = 0; p < poller_count; p++) {
        open += pollers[p].open;
        closed_load += pollers[p].open ? 0 : pollers[p].load;
    }
    if (open == 0)
        return 0;
    assert(closed_load <= source_count);
    uint32_t fair = ceil_div(source_count, poller_count);
    uint32_t needed = ceil_div(source_count - closed_load, open);
    return fair > needed ? fair : needed;
}

/* Takes from an overfull poller the sources that like it least. */
static void shed(vd_assignment_t *self, vd_assign_source_t *sources, uint32_t source_count,
                 vd_assign_poller_t *poller, int32_t place, uint32_t keep)
{
    assert(poller->load > keep);
    uint32_t count = 0;
    for (uint32_t s = 0; s < source_count; s++)
        if (sources[s].poller == place)
            self->candidates[count++] = (vd_candidate_t){score(&sources[s], poller), s};
    assert(count == poller->load);
    qsort(self->candidates, count, sizeof *self->candidates, by_score);
    for (uint32_t i = 0; i < count - keep; i++)
        sources[self->candidates[i].at].poller = VD_POLLER_NONE;
    poller->load = keep;
}

/* Gives `source` the open poller that it likes best among those with room. */
static void place(vd_assign_source_t *source, vd_assign_poller_t *pollers, uint32_t poller_count,
                  uint32_t load_max)
{
    int32_t best = VD_POLLER_NONE;
    uint64_t best_score = 0;
    for (uint32_t p = 0; p < poller_count; p++) {
        if (!pollers[p].open || pollers[p].load >= load_max)
            continue;
        uint64_t s = score(source, &pollers[p]);
        if (best == VD_POLLER_NONE || s > best_score) {
            best = (int32_t)p;
            best_score = s;
        }
    }
    assert(best != VD_POLLER_NONE);
    source->poller = best;
    pollers[best].load++;
}

uint32_t vd_assign(vd_assignment_t *self, vd_assign_source_t *sources, uint32_t source_count,
                   vd_assign_poller_t *pollers, uint32_t poller_count, bool moves)
{
    assert(self != NULL && source_count <= self->sources_max);
    for (uint32_t p = 0; p < poller_count; p++)
        pollers[p].load = 0;
    for (uint32_t s = 0; s < source_count; s++) {
        assert(sources[s].poller >= VD_POLLER_NONE && sources[s].poller < (int32_t)poller_count);
        if (sources[s].poller != VD_POLLER_NONE)
            pollers[sources[s].poller].load++;
    }
    uint32_t load_max = bound(pollers, poller_count, source_count);
    if (load_max == 0)
        return 0;
    uint32_t homeless_before = 0;
    for (uint32_t s = 0; s < source_count; s++)
        homeless_before += sources[s].poller == VD_POLLER_NONE;
    for (uint32_t p = 0; moves && p < poller_count; p++)
        if (pollers[p].open && pollers[p].load > load_max)
            shed(self, sources, source_count, &pollers[p], (int32_t)p, load_max);

    /* Those without a place take it in the order of their hashes, which no listing order
     * changes. */
    uint32_t count = 0;
    for (uint32_t s = 0; s < source_count; s++)
        if (sources[s].poller == VD_POLLER_NONE)
            self->candidates[count++] = (vd_candidate_t){sources[s].hash, s};
    assert(count >= homeless_before);
    qsort(self->candidates, count, sizeof *self->candidates, by_score);
    for (uint32_t i = 0; i < count; i++)
        place(&sources[self->candidates[i].at], pollers, poller_count, load_max);
    return count;
}
