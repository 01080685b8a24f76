/* plan.h: a random schedule: the lines of a script that a seed means.
 *
 * 1. The same seed and the same setup give the same lines, for ever: the generator stands here.
 * 2. With a time between lines, no actor is killed more often than CHAOS_PLAN_DEATHS times in
 *    CHAOS_PLAN_WINDOW_MS of the script's own time, half of what a supervisor forgives; the real time
 *    is never shorter. Without one, nothing holds a plan back.
 * 3. A plan ends with whichever of its limits is reached first, or short of them when nothing of what may come fits.
 * 4. Pure: names of actors are given.
 */
#ifndef CHAOS_PLAN_H
#define CHAOS_PLAN_H

#include "chaos/script.h"

enum {
    CHAOS_PLAN_ACTORS = 128,
    CHAOS_PLAN_DEATHS = 5,
    CHAOS_PLAN_WINDOW_MS = 60000,
};

typedef struct chaos_plan_setup {
    uint64_t seed;
    bool kinds[CHAOS_KINDS]; /* that may come */
    const char *const *actors;
    size_t actor_count;
    bool mute[CHAOS_PLAN_ACTORS]; /* it takes no requests */
    int64_t every_ms;             /* between lines, on average; 0: one right behind the other */
    uint64_t count;               /* faults; 0: no limit */
    uint64_t kills;               /* deaths, those of a crash loop each; 0: no limit */
    int64_t for_ms;               /* sum of the times between the lines; 0: no limit */
} chaos_plan_setup_t;

typedef struct chaos_plan {
    chaos_plan_setup_t setup;
    uint64_t state;
    uint64_t count, kills;
    int64_t at_ms; /* the script's own time */
    /* Of each actor the times of its last deaths. */
    int64_t deaths[CHAOS_PLAN_ACTORS][CHAOS_PLAN_DEATHS];
} chaos_plan_t;

/* `setup` is copied, the actors' names are not. There is at least one kind and one actor. */
void chaos_plan_init(chaos_plan_t *self, const chaos_plan_setup_t *setup);
/* The next line. False: the plan is over. */
bool chaos_plan_next(chaos_plan_t *self, chaos_line_t *line);
/* Has one of its limits been reached? A plan that is over and is not whole ended short of them. */
bool chaos_plan_whole(const chaos_plan_t *self);
/* Does a fault of this kind kill on purpose? */
bool chaos_plan_kills(chaos_kind_t kind);
/* How many deaths a fault is on purpose. */
uint64_t chaos_plan_deaths(const chaos_step_t *step);
/* May a fault of this kind be aimed at this actor, which takes no requests when it is `mute`? */
bool chaos_plan_fits(chaos_kind_t kind, const char *actor, bool mute);

#endif
