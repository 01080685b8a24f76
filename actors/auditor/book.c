/* book.c: counts, places, and what waits to be told. */
#include "book.h"

#include <assert.h>

static const struct {
    const char *name, *meaning;
} invariants[VD_INVARIANTS] = {
#define VD_INVARIANT(name, meaning) {#name, meaning},
#include "invariants.def"
#undef VD_INVARIANT
};

const char *vd_invariant_name(vd_invariant_t invariant)
{
    assert(invariant < VD_INVARIANTS);
    return invariants[invariant].name;
}

const char *vd_invariant_meaning(vd_invariant_t invariant)
{
    assert(invariant < VD_INVARIANTS);
    return invariants[invariant].meaning;
}

vd_violation_t vd_violation_of(vd_invariant_t invariant, vd_str_t session, uint64_t seq,
                               uint64_t index)
{
    vd_violation_t violation = {.invariant = invariant, .seq = seq, .index = index};
    vd_str_copy(violation.session, sizeof violation.session, session);
    return violation;
}

_Static_assert(VD_BOOK_WAITING_MAX > VD_INVARIANTS, "the first one of each finds room");

/* Remembers a place. False when it was known, or cannot be remembered any more. */
static bool is_new_place(vd_book_t *self, vd_invariant_t invariant, uint64_t place)
{
    uint32_t *count = &self->place_count[invariant];
    for (uint32_t i = 0; i < *count; i++)
        if (self->places[invariant][i] == place)
            return false;
    if (*count == VD_BOOK_PLACES_MAX) {
        self->untold++;
        return false;
    }
    self->places[invariant][(*count)++] = place;
    return true;
}

bool vd_book_violate(vd_book_t *self, const vd_violation_t *violation, uint64_t place)
{
    vd_invariant_t invariant = violation->invariant;
    assert(invariant < VD_INVARIANTS && violation->text[0] != 0);
    bool first = vd_book_violations(self) == 0;
    self->violated[invariant]++;
    if (!is_new_place(self, invariant, place))
        return false;
    self->last[invariant] = *violation;
    self->last[invariant].at_ms = self->now_ms;
    if (first)
        self->first = self->last[invariant];
    uint32_t room =
        self->violated[invariant] == 1 ? VD_BOOK_WAITING_MAX : VD_BOOK_WAITING_MAX - VD_INVARIANTS;
    if (self->waiting_count >= room) {
        self->untold++;
        return true;
    }
    uint32_t at = (self->waiting_at + self->waiting_count++) % VD_BOOK_WAITING_MAX;
    self->waiting[at] = self->last[invariant];
    return true;
}

const vd_violation_t *vd_book_waiting(const vd_book_t *self)
{
    return self->waiting_count > 0 ? &self->waiting[self->waiting_at] : NULL;
}

void vd_book_told(vd_book_t *self)
{
    assert(self->waiting_count > 0);
    self->waiting_at = (self->waiting_at + 1) % VD_BOOK_WAITING_MAX;
    self->waiting_count--;
}

uint64_t vd_book_violations(const vd_book_t *self)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        sum += self->violated[i];
    return sum;
}
