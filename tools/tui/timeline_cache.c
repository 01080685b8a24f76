/* timeline_cache.c: the events around the moment that is looked at. */
#include "tui/timeline_cache.h"

#include <assert.h>
#include <stdlib.h>

static tui_cached_t *at(const tui_cache_t *self, size_t index)
{
    assert(index < self->count);
    return (tui_cached_t *)(uintptr_t)&self
        ->items[(self->first + index) % TUI_TIMELINE_CACHE_EVENTS];
}

static void drop_first(tui_cache_t *self)
{
    tui_cached_t *item = at(self, 0);
    self->bytes -= item->size;
    free(item->bytes);
    self->first = (self->first + 1) % TUI_TIMELINE_CACHE_EVENTS;
    self->count--;
}

void tui_cache_clear(tui_cache_t *self)
{
    while (self->count > 0)
        drop_first(self);
    assert(self->bytes == 0);
}

uint64_t tui_cache_end(const tui_cache_t *self)
{
    if (self->count == 0)
        return 0;
    const tui_cached_t *last = at(self, self->count - 1);
    return last->seq + last->count;
}

static void append(tui_cache_t *self, tui_cached_t item)
{
    if (tui_cache_end(self) != item.seq)
        tui_cache_clear(self);
    while (self->count > 0 && (self->count == TUI_TIMELINE_CACHE_EVENTS ||
                               self->bytes + item.size > TUI_TIMELINE_CACHE_BYTES))
        drop_first(self);
    self->bytes += item.size;
    self->count++;
    *at(self, self->count - 1) = item;
}

bool tui_cache_add(tui_cache_t *self, uint64_t seq, vd_bytes_t event)
{
    assert(event.size > 0);
    uint8_t *bytes = malloc(event.size);
    if (bytes == NULL)
        return false;
    memcpy(bytes, event.data, event.size);
    append(self, (tui_cached_t){.seq = seq, .count = 1, .bytes = bytes, .size = event.size});
    return true;
}

void tui_cache_add_missing(tui_cache_t *self, uint64_t seq, uint64_t count)
{
    assert(count > 0);
    append(self, (tui_cached_t){.seq = seq, .count = count});
}

/* The place of what holds the event; `count` when nothing does. */
static size_t place(const tui_cache_t *self, uint64_t seq)
{
    if (self->count == 0 || seq < at(self, 0)->seq || seq >= tui_cache_end(self))
        return self->count;
    size_t low = 0, high = self->count - 1;
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        if (at(self, middle)->seq <= seq)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

const tui_cached_t *tui_cache_find(const tui_cache_t *self, uint64_t seq)
{
    size_t index = place(self, seq);
    return index < self->count ? at(self, index) : NULL;
}

size_t tui_cache_ahead(const tui_cache_t *self, uint64_t seq, size_t *bytes)
{
    size_t from = place(self, seq);
    *bytes = 0;
    for (size_t i = from; i < self->count; i++)
        *bytes += at(self, i)->size;
    return self->count - from;
}
