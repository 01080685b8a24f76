/* observer_laws.h: what has to hold of every observer, whatever its samples; each fails the test.
 *
 * The names are those of the laws: of a bench at hand, at any moment of its life.
 */
#ifndef VD_OBSERVER_LAWS_H
#define VD_OBSERVER_LAWS_H

#include "laws/observer_fixture.h"

/* Both are saved as the same bytes. */
void vd_law_same_state(const vd_observer_t *observer, const void *a, const void *b);
/* The state is the one at hand, as far as anybody can tell: saved as the same bytes, with the same
 * view and the same turn on the samples at hand. A turn is run on each. */
void vd_law_equal(vd_bench_t *bench, void *state);
/* Runs one turn, twice: the same state and samples give the same bytes. */
void vd_law_pure(vd_bench_t *bench);
/* Every event of the turn is of a type that the observer declares. */
void vd_law_declared(const vd_bench_t *bench);
/* The view is one value, and the same each time. */
void vd_law_view(const vd_bench_t *bench);
/* A fresh state with all that was committed is the one at hand, and takes its place; where nothing
 * is left to be told, its turn is quiet. */
void vd_law_restart(vd_bench_t *bench);

/* Of an observer and its configuration: what is no save is refused or taken, and does no harm. */
void vd_law_hostile_saves(const vd_observer_t *observer, const char *toml);
/* What is offered is answered; what is not is unknown; no arguments do harm. */
void vd_law_queries(const vd_observer_t *observer, const char *toml);

#endif
