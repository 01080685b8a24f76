/* collect_world.h: a collector, the echo, in the world of tests, and the observer that it reads. */
#ifndef COLLECT_WORLD_H
#define COLLECT_WORLD_H

#include "host/collecting.h"
#include "unit/observer_echo.h"
#include "unit/observer_world.h"

enum { STORY = 1 << 20 };

/* The snapshot of the other observer: the last word that it has said, in which session, as which event
 * of it. */
extern char origin_word[64], origin_session[VD_NAME_BYTES_MAX + 1];
extern const char *origin_phase;
extern uint64_t origin_seq, origin_total;
void write_origin(world_t *world, vd_buffer_t *out);

/* Sets up a world with the collector in it. */
int begin_collector(void **state);
/* An event of session `place` that `observer` has written. */
void write_event(world_t *world, uint32_t place, const char *type, const char *observer,
                 const char *text);
/* The other observer says a word, in the newest session; with hear, time passes. */
void say(world_t *world, const char *text);
void hear(world_t *world, const char *text);

/* The echoes of all sessions that are there, with blanks between them. */
const char *echoes(const world_t *world);
const echo_t *echo_of(const world_t *world);
/* These echoes were stored, and the last one is the state. */
void assert_echoes(const world_t *world, const char *words);
/* The cause of the newest event of the collector. */
void assert_cause(const world_t *world, const char *session, uint64_t seq);

#endif
