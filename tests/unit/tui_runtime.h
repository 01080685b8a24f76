/* tui_runtime.h: an app that is told of a small runtime: eight processes, sources, subscribers, events. */
#ifndef TUI_RUNTIME_H
#define TUI_RUNTIME_H

#include "tui/app.h"

#define WORLD_MS      INT64_C(1763820131000) /* 2025-11-22T14:02:11Z */
#define WORLD_SESSION "20251122T140000000Z-0123456789ab"

/* Opens WORLD_SESSION, tells of its `events` events (one a second, the last at WORLD_MS) and of now. */
tui_app_t *world_start(const tui_app_options_t *options, uint64_t events);
/* Events `first` to `last` as the head gives them. Every tenth is the death of poller-1. */
void world_head(tui_app_t *app, uint64_t first, uint64_t last);
/* The same while `there` events are there already. */
void world_part(tui_app_t *app, uint64_t first, uint64_t last, uint64_t there);
void world_now(tui_app_t *app);
/* Takes asks: ranges of events are answered at once, what else is asked is dropped. */
void world_answer(tui_app_t *app);
void world_key(tui_app_t *app, int key);
void world_type(tui_app_t *app, const char *text);
/* What is drawn; lives until the next call. */
const char *world_drawn(tui_app_t *app, int width, int height);
/* Fails unless `text` is in it; each run of blanks in it counts as one. */
void world_expect(tui_app_t *app, const char *text);
void world_expect_not(tui_app_t *app, const char *text);

#endif
