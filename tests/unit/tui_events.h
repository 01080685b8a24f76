/* tui_events.h: events for tests of the screen, made as real bytes and read back from them. */
#ifndef VD_TESTS_TUI_EVENTS_H
#define VD_TESTS_TUI_EVENTS_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/run.h"

/* The events of a session, one after the other, with sequences from 1. */
typedef struct tui_script {
    vd_buffer_t bytes;
    size_t *ends; /* in the bytes, of each event */
    size_t count, room;
    char session[65];
} tui_script_t;

void tui_script_init(tui_script_t *self, const char *session);
void tui_script_free(tui_script_t *self);
/* Appends an event; `data` and `cause` (may be NULL) are JSON. */
void tui_script_add(tui_script_t *self, int64_t at_ms, const char *type, const char *data,
                    const char *cause);
/* The same with a value of any kind. */
void tui_script_add_value(tui_script_t *self, int64_t at_ms, const char *type, vd_bytes_t data,
                          vd_bytes_t cause);
/* Reads the event with a sequence. */
vd_event_t tui_script_event(const tui_script_t *self, uint64_t seq);
/* Appends the events of a file with lines as they are exported. */
void tui_script_read(tui_script_t *self, const char *path);
/* Appends `count` events, by a seed: what a runtime does in its life, what it observes, and what
 * nobody has asked for. */
void tui_script_random(tui_script_t *self, uint64_t seed, size_t count);

/* Numbers by a seed. */
uint64_t tui_random(uint64_t *seed);
uint64_t tui_random_below(uint64_t *seed, uint64_t bound);
/* The seed of this run, printed: VEDETTE_SEED or one of the clock. */
uint64_t tui_random_seed(void);

#endif
