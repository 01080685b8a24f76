/* assignment.h: which poller reads which source: rendezvous hashing with bounded load, as a pure
 * function.
 *
 * 1. An open poller holds at most ceil(sources / pollers), unless closed ones hold so few that the
 *    open ones have to hold more: then ceil(what closed ones do not hold / open pollers).
 * 2. A source stays where it is as long as its poller is there and not over the bound. What moves
 *    when a poller comes or goes, or a source does, is only what the bound and the missing poller
 *    make move.
 * 3. From nothing, the same sources and pollers give the same places, in whatever order they are
 *    listed: a new broker finds again what the old one had laid out from nothing.
 * 4. A closed poller (suspect) keeps what it holds and is given nothing.
 */
#ifndef VD_ASSIGNMENT_H
#define VD_ASSIGNMENT_H

#include <stdbool.h>
#include <stdint.h>

#define VD_POLLER_NONE (-1)

typedef struct vd_assign_source {
    uint64_t hash;  /* of its name */
    int32_t poller; /* place in `pollers`, or VD_POLLER_NONE; in and out */
    uint32_t id;    /* the caller's own */
} vd_assign_source_t;

typedef struct vd_assign_poller {
    uint64_t hash; /* of its name */
    bool open;     /* may be given sources */
    uint32_t load; /* out: sources that it holds */
} vd_assign_poller_t;

/* Scratch for `sources_max` sources. */
typedef struct vd_assignment vd_assignment_t;

vd_assignment_t *vd_assignment_new(uint32_t sources_max);
void vd_assignment_destroy(vd_assignment_t **self);

/* Lays out `sources` over `pollers`, in place. With `moves` false nothing that has a place moves,
 * and only what has none gets one. Returns how many sources have another place than before. Without
 * an open poller nothing is placed. */
uint32_t vd_assign(vd_assignment_t *self, vd_assign_source_t *sources, uint32_t source_count,
                   vd_assign_poller_t *pollers, uint32_t poller_count, bool moves);

#endif
