/* timeline_cache.h: the events around the moment that is looked at, in order and without a hole.
 *
 * 1. What is known to be missing stands there as a range of its own.
 * 2. The oldest make room for new ones. A single event may take more than all the room.
 */
#ifndef TUI_TIMELINE_CACHE_H
#define TUI_TIMELINE_CACHE_H

#include "tui/timeline.h"

/* An event, or a range of missing ones. */
typedef struct tui_cached {
    uint64_t seq, count;
    uint8_t *bytes; /* NULL: they are missing */
    size_t size;
} tui_cached_t;

typedef struct tui_cache {
    tui_cached_t items[TUI_TIMELINE_CACHE_EVENTS]; /* a ring */
    size_t first, count, bytes;
} tui_cache_t;

void tui_cache_clear(tui_cache_t *self);
/* Appends; what does not follow on the last makes the cache begin anew. False without memory. */
bool tui_cache_add(tui_cache_t *self, uint64_t seq, vd_bytes_t event);
void tui_cache_add_missing(tui_cache_t *self, uint64_t seq, uint64_t count);
/* What holds event `seq`; NULL: it is not here. */
const tui_cached_t *tui_cache_find(const tui_cache_t *self, uint64_t seq);
/* The first sequence behind it; 0: it is empty. */
uint64_t tui_cache_end(const tui_cache_t *self);
/* How many items, and bytes, stand from event `seq` on. */
size_t tui_cache_ahead(const tui_cache_t *self, uint64_t seq, size_t *bytes);

#endif
