/* plan.c: a random schedule from a seed. */
#include "chaos/plan.h"

#include <assert.h>
#include <string.h>

enum { TRIES_MAX = 64 };

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(chaos_plan_t *self)
{
    uint64_t z = self->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number below `bound`. */
static uint64_t below(chaos_plan_t *self, uint64_t bound)
{
    assert(bound > 0);
    return next_random(self) % bound;
}

/* What a random fault is like, and how often it comes beside the others. */
typedef struct likeness {
    const char *name;
    unsigned weight;
    uint64_t number_min, number_max;
    int64_t for_min_ms, for_max_ms;
    bool supervisor;  /* may be aimed at it, too */
    bool asked;       /* only to who takes requests */
    const char *only; /* the one actor that it is for */
} likeness_t;

static const likeness_t likenesses[] = {
    {.name = "kill", .weight = 12, .supervisor = true},
    {.name = "stop", .weight = 4, .for_min_ms = 100, .for_max_ms = 3000, .supervisor = true},
    {.name = "crash_loop", .weight = 1, .number_min = 2, .number_max = 4},
    {.name = "missing_executable", .weight = 1, .for_min_ms = 200, .for_max_ms = 2000},
    {.name = "disk_full", .weight = 1, .for_min_ms = 200, .for_max_ms = 3000, .only = "ingestor"},
    {.name = "disk_error", .weight = 1, .for_min_ms = 200, .for_max_ms = 3000, .only = "ingestor"},
    {.name = "disk_slow",
     .weight = 1,
     .number_min = 20,
     .number_max = 500,
     .for_min_ms = 500,
     .for_max_ms = 5000,
     .only = "ingestor"},
    {.name = "clock", .weight = 2, .for_min_ms = 2000, .for_max_ms = 6000, .asked = true},
    {.name = "descriptors",
     .weight = 1,
     .number_min = 1,
     .number_max = 64,
     .for_min_ms = 200,
     .for_max_ms = 3000,
     .asked = true},
    {.name = "memory",
     .weight = 1,
     .number_min = 1 << 16,
     .number_max = 1 << 19,
     .for_min_ms = 200,
     .for_max_ms = 3000,
     .asked = true},
    {.name = "garbage", .weight = 1, .number_min = 100, .number_max = 2000, .asked = true},
    {.name = "hostile", .weight = 1, .number_min = 10, .number_max = 200, .asked = true},
};

static const likeness_t *likeness_of(chaos_kind_t kind)
{
    const char *name = chaos_row(kind)->name;
    for (size_t i = 0; i < sizeof likenesses / sizeof *likenesses; i++)
        if (strcmp(likenesses[i].name, name) == 0)
            return &likenesses[i];
    assert(false); /* every fault of faults.def has its row */
    return NULL;
}

bool chaos_plan_fits(chaos_kind_t kind, const char *actor, bool mute)
{
    const likeness_t *likeness = likeness_of(kind);
    if (likeness->asked && mute)
        return false;
    if (strcmp(actor, "supervisor") == 0)
        return likeness->supervisor;
    return likeness->only == NULL || strcmp(likeness->only, actor) == 0;
}

void chaos_plan_init(chaos_plan_t *self, const chaos_plan_setup_t *setup)
{
    assert(setup->actor_count > 0 && setup->actor_count <= CHAOS_PLAN_ACTORS);
    *self = (chaos_plan_t){.setup = *setup, .state = setup->seed};
    for (size_t i = 0; i < CHAOS_PLAN_ACTORS; i++)
        for (size_t j = 0; j < CHAOS_PLAN_DEATHS; j++)
            self->deaths[i][j] = INT64_MIN / 2;
}

/* CHAOS_KINDS when no kind fits any actor. */
static chaos_kind_t choose_kind(chaos_plan_t *self)
{
    uint64_t sum = 0;
    for (int i = 0; i < CHAOS_KINDS; i++)
        sum += self->setup.kinds[i] ? likeness_of((chaos_kind_t)i)->weight : 0;
    assert(sum > 0);
    uint64_t at = below(self, sum);
    for (int i = 0; i < CHAOS_KINDS; i++) {
        uint64_t weight = self->setup.kinds[i] ? likeness_of((chaos_kind_t)i)->weight : 0;
        if (at < weight)
            return (chaos_kind_t)i;
        at -= weight;
    }
    return CHAOS_KINDS;
}

static uint64_t between(chaos_plan_t *self, uint64_t min, uint64_t max)
{
    assert(min <= max);
    return min + below(self, max - min + 1);
}

bool chaos_plan_kills(chaos_kind_t kind)
{
    return kind == CHAOS_KILL || kind == CHAOS_CRASH_LOOP || kind == CHAOS_MISSING_EXECUTABLE;
}

uint64_t chaos_plan_deaths(const chaos_step_t *step)
{
    return step->kind == CHAOS_CRASH_LOOP ? step->number : chaos_plan_kills(step->kind);
}

/* Would these deaths be too many for the actor? */
static bool too_often(const chaos_plan_t *self, size_t actor, uint64_t deaths)
{
    uint64_t recent = 0;
    for (size_t i = 0; i < CHAOS_PLAN_DEATHS; i++)
        recent += self->at_ms - self->deaths[actor][i] < CHAOS_PLAN_WINDOW_MS;
    return self->setup.every_ms > 0 && deaths > 0 && recent + deaths > CHAOS_PLAN_DEATHS;
}

static void note_deaths(chaos_plan_t *self, size_t actor, uint64_t deaths)
{
    int64_t *times = self->deaths[actor];
    for (uint64_t n = 0; n < deaths && n < CHAOS_PLAN_DEATHS; n++) {
        memmove(times + 1, times, (CHAOS_PLAN_DEATHS - 1) * sizeof *times);
        times[0] = self->at_ms;
    }
}

static void shape(chaos_plan_t *self, chaos_step_t *step)
{
    const likeness_t *likeness = likeness_of(step->kind);
    if (likeness->number_max > 0)
        step->number = between(self, likeness->number_min, likeness->number_max);
    if (likeness->for_max_ms > 0)
        step->for_ms =
            (int64_t)between(self, (uint64_t)likeness->for_min_ms, (uint64_t)likeness->for_max_ms);
    if (strchr(chaos_row(step->kind)->kinds, 'o') != NULL)
        step->shift_ms = below(self, 2) == 0 ? 3600000 : -3600000;
}

/* Chooses what, whom and how. False when nothing may come now. */
static bool choose(chaos_plan_t *self, chaos_step_t *step)
{
    const chaos_plan_setup_t *setup = &self->setup;
    for (int i = 0; i < TRIES_MAX; i++) {
        chaos_kind_t kind = choose_kind(self);
        size_t actor = (size_t)below(self, setup->actor_count);
        *step = (chaos_step_t){.kind = kind};
        shape(self, step);
        uint64_t deaths = chaos_plan_deaths(step);
        if (!chaos_plan_fits(kind, setup->actors[actor], setup->mute[actor]) ||
            too_often(self, actor, deaths) ||
            (setup->kills > 0 && deaths > setup->kills - self->kills))
            continue;
        bool whole = vd_str_copy(step->target, sizeof step->target, vd_str(setup->actors[actor]));
        assert(whole);
        (void)whole;
        note_deaths(self, actor, deaths);
        self->kills += deaths;
        return true;
    }
    return false;
}

bool chaos_plan_whole(const chaos_plan_t *self)
{
    const chaos_plan_setup_t *setup = &self->setup;
    return (setup->count > 0 && self->count >= setup->count) ||
           (setup->kills > 0 && self->kills >= setup->kills) ||
           (setup->for_ms > 0 && self->at_ms > setup->for_ms);
}

bool chaos_plan_next(chaos_plan_t *self, chaos_line_t *line)
{
    const chaos_plan_setup_t *setup = &self->setup;
    *line = (chaos_line_t){0};
    if (chaos_plan_whole(self))
        return false;
    /* Once the window is over nothing is too often any more. */
    int64_t patience_ms = setup->every_ms > 0 ? CHAOS_PLAN_WINDOW_MS + 2 * setup->every_ms : -1;
    for (int i = 0; i < TRIES_MAX || line->after_ms <= patience_ms; i++) {
        if (setup->every_ms > 0) {
            int64_t gap_ms = (int64_t)between(self, (uint64_t)setup->every_ms / 2,
                                              (uint64_t)setup->every_ms * 3 / 2);
            line->after_ms += gap_ms;
            self->at_ms += gap_ms;
        }
        if (chaos_plan_whole(self))
            return false;
        if (!choose(self, &line->steps[0]))
            continue;
        line->count = 1;
        self->count++;
        return true;
    }
    return false;
}
