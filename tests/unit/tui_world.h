/* tui_world.h: a session that is stored, what it was live at each of its events, and somebody who looks at
 * it, for tests of the timeline. */
#ifndef VD_TESTS_TUI_WORLD_H
#define VD_TESTS_TUI_WORLD_H

#include "tui/timeline.h"
#include "unit/tui_events.h"

typedef struct tui_world {
    const tui_script_t *script;
    tui_timeline_t *timeline;
    uint64_t seed;
    uint64_t heard;   /* events that the head was told */
    uint64_t *hashes; /* [seq] */
    int64_t *clocks;  /* [seq]; 0 before any event */
    uint64_t reads;   /* events that were asked for */
    uint64_t cut;     /* answers are cut after so many events, or less; 0: never */
    uint64_t gap, gap_size;
} tui_world_t;

/* Nothing is heard of the script yet. `saved_bytes` as in tui_timeline_new. */
tui_world_t tui_world_begin(const tui_script_t *script, size_t saved_bytes, uint64_t seed);
void tui_world_end(tui_world_t *self);
/* A world with so many events by a seed that is printed, for `what`. */
void tui_world_run(void (*what)(tui_world_t *), size_t events);
/* The head hears the next `count` events; all, and that these are all. */
void tui_world_hear(tui_world_t *self, uint64_t count);
void tui_world_hear_all(tui_world_t *self);
/* Answers one wish, all of it or its beginning; false: there is none. Answers until there is none. */
bool tui_world_answer(tui_world_t *self);
void tui_world_answer_all(tui_world_t *self);
tui_moment_t tui_world_moment(const tui_world_t *self);
/* The moment is this event, and the state what it was live. */
void tui_world_expect(tui_world_t *self, uint64_t seq);
/* The last event before the clock passes a time, as far as was heard. */
uint64_t tui_world_seq_of_time(const tui_world_t *self, int64_t at_ms);

#endif
