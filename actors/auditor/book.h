/* book.h: what was checked, what was violated, and the evidence.
 *
 * 1. Each invariant has three counts: how often it was checked and held, how often it was violated, and
 *    how often there was something that could not be told (unknown): that is no violation.
 * 2. A violation is kept once for each invariant and place. Of each invariant VD_BOOK_PLACES_MAX
 *    places are remembered; beyond them its violations are counted and kept no more, whatever the
 *    others have.
 * 3. Violations wait to be told, at most VD_BOOK_WAITING_MAX of them. The first one of an invariant
 *    always finds room. What is not kept for one of these bounds is counted (`untold`).
 */
#ifndef VD_AUDITOR_BOOK_H
#define VD_AUDITOR_BOOK_H

#include "core/core.h"

#define VD_BOOK_PLACES_MAX  32u
#define VD_BOOK_WAITING_MAX 64u
#define VD_BOOK_TEXT_SIZE   256u

typedef enum vd_invariant {
#define VD_INVARIANT(name, meaning) VD_INVARIANT_##name,
#include "invariants.def"
#undef VD_INVARIANT
    VD_INVARIANTS
} vd_invariant_t;

const char *vd_invariant_name(vd_invariant_t invariant);
const char *vd_invariant_meaning(vd_invariant_t invariant);

typedef struct vd_violation {
    vd_invariant_t invariant;
    char session[VD_NAME_BYTES_MAX + 1]; /* empty: it is of none */
    uint64_t seq;                        /* 0: it is of none */
    uint64_t index;                      /* commit; 0: of none */
    char text[VD_BOOK_TEXT_SIZE];        /* what is wrong, for people */
    char evidence[VD_BOOK_TEXT_SIZE];    /* what was seen, and what it contradicts */
    int64_t at_ms;                       /* when it was found, UTC */
} vd_violation_t;

typedef struct vd_book {
    uint64_t checked[VD_INVARIANTS];
    uint64_t violated[VD_INVARIANTS];
    uint64_t unknown[VD_INVARIANTS];
    vd_violation_t last[VD_INVARIANTS]; /* of those that were violated */
    vd_violation_t first;               /* of all, ever */
    int64_t now_ms;                     /* as it was told last */
    uint32_t place_count[VD_INVARIANTS];
    uint64_t places[VD_INVARIANTS][VD_BOOK_PLACES_MAX];
    uint32_t waiting_at, waiting_count;
    uint64_t untold; /* violations that were not kept, or not among those that wait */
    vd_violation_t waiting[VD_BOOK_WAITING_MAX];
} vd_book_t;

/* It held. */
static inline void vd_book_check(vd_book_t *self, vd_invariant_t invariant)
{
    self->checked[invariant]++;
}
/* It cannot be told. */
static inline void vd_book_unknown(vd_book_t *self, vd_invariant_t invariant)
{
    self->unknown[invariant]++;
}

/* It is violated, as `violation` says. `place` is what it is violated at: a hash of whatever makes it
 * one place. True when it is the first time there. */
bool vd_book_violate(vd_book_t *self, const vd_violation_t *violation, uint64_t place);
/* The oldest that waits; NULL: none. */
const vd_violation_t *vd_book_waiting(const vd_book_t *self);
/* It was told. */
void vd_book_told(vd_book_t *self);
/* How many were found, over all invariants. */
uint64_t vd_book_violations(const vd_book_t *self);
/* Room for a violation of `invariant` whose text and evidence are written with snprintf. */
vd_violation_t vd_violation_of(vd_invariant_t invariant, vd_str_t session, uint64_t seq,
                               uint64_t index);

#endif
