/* timeline_track.c: one session as its events came. */
#include "tui/timeline_track.h"

#include <assert.h>
#include <stdlib.h>

tui_track_t *tui_track_new(size_t saved_bytes_max)
{
    tui_track_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->state = tui_state_new();
    if (self->state == NULL) {
        free(self);
        return NULL;
    }
    vd_buffer_init(&self->scratch, TUI_STATE_BYTES_MAX);
    self->saved_bytes_max = saved_bytes_max;
    tui_track_clear(self);
    return self;
}

static void drop_saved(tui_track_t *self, size_t index)
{
    self->saved_bytes -= self->saved[index].bytes.size;
    free((void *)(uintptr_t)self->saved[index].bytes.data);
}

void tui_track_clear(tui_track_t *self)
{
    for (size_t i = 0; i < self->saved_count; i++)
        drop_saved(self, i);
    assert(self->saved_bytes == 0);
    self->saved_count = self->mark_count = 0;
    self->spacing = TUI_TRACK_SPACING;
    self->mark_ms = TUI_TRACK_MARK_MS;
    self->caught_up = self->ended = false;
    self->gap_seq = self->gap_count = 0;
    tui_state_clear(self->state);
}

void tui_track_destroy(tui_track_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    tui_track_clear(*self);
    tui_state_destroy(&(*self)->state);
    vd_buffer_free(&(*self)->scratch);
    free(*self);
    *self = NULL;
}

/* ---- saved states ---- */

static uint64_t last_saved(const tui_track_t *self)
{
    return self->saved_count > 0 ? self->saved[self->saved_count - 1].seq : 0;
}

/* Every second goes, the first of all among them. */
static void thin(tui_track_t *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->saved_count; i++) {
        if (i % 2 == 1)
            self->saved[kept++] = self->saved[i];
        else
            drop_saved(self, i);
    }
    self->saved_count = kept;
    self->spacing *= 2;
}

static bool keep(tui_track_t *self, vd_bytes_t state)
{
    uint8_t *bytes = malloc(state.size);
    if (bytes == NULL)
        return false;
    memcpy(bytes, state.data, state.size);
    self->saved[self->saved_count++] = (tui_saved_t){.seq = tui_track_seq(self),
                                                     .clock_ms = tui_track_clock(self),
                                                     .bytes = vd_bytes(bytes, state.size)};
    self->saved_bytes += state.size;
    return true;
}

/* What cannot be saved is tried again ever more rarely. */
static void save(tui_track_t *self)
{
    vd_buffer_clear(&self->scratch);
    bool whole = tui_state_save(self->state, &self->scratch);
    size_t size = self->scratch.size;
    if (!whole || size > self->saved_bytes_max) {
        vd_buffer_free(&self->scratch);
        self->spacing *= 2;
        return;
    }
    while (self->saved_count > 0 && (self->saved_count == TUI_TRACK_SAVED_MAX ||
                                     self->saved_bytes + size > self->saved_bytes_max))
        thin(self);
    if (tui_track_seq(self) - last_saved(self) >= self->spacing &&
        !keep(self, vd_buffer_view(&self->scratch)))
        self->spacing *= 2;
}

const tui_saved_t *tui_track_before(const tui_track_t *self, bool by_time, uint64_t seq,
                                    int64_t at_ms, uint64_t behind)
{
    size_t low = 0, high = self->saved_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const tui_saved_t *at = &self->saved[middle];
        if (by_time ? at->clock_ms <= at_ms : at->seq <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && self->saved[low - 1].seq > behind ? &self->saved[low - 1] : NULL;
}

uint64_t tui_track_behind_time(const tui_track_t *self, int64_t at_ms)
{
    const tui_saved_t *before = tui_track_before(self, true, 0, at_ms, 0);
    size_t next = before == NULL ? 0 : (size_t)(before - self->saved) + 1;
    return next < self->saved_count ? self->saved[next].seq : tui_track_seq(self) + 1;
}

/* ---- marks ---- */

static int64_t place_of(const tui_track_t *self, int64_t at_ms)
{
    int64_t begun_ms = tui_state_session(self->state)->begun_ms;
    return at_ms <= begun_ms ? 0 : (at_ms - begun_ms) / self->mark_ms;
}

static void join(tui_mark_t *mark, const tui_mark_t *other)
{
    mark->faults += other->faults;
    mark->failures += other->failures;
    if (other->kind < mark->kind)
        mark->kind = other->kind;
}

static void widen(tui_track_t *self)
{
    size_t kept = 0;
    self->mark_ms *= 2;
    for (size_t i = 0; i < self->mark_count; i++) {
        bool same = kept > 0 && place_of(self, self->marks[kept - 1].at_ms) ==
                                    place_of(self, self->marks[i].at_ms);
        if (same)
            join(&self->marks[kept - 1], &self->marks[i]);
        else
            self->marks[kept++] = self->marks[i];
    }
    self->mark_count = kept;
}

/* Faults stand at the clock of the session, which never goes back: they come in order. */
static void mark_fault(tui_track_t *self)
{
    const tui_fault_t *fault = tui_state_fault(self->state, 0);
    bool failure = fault->kind == TUI_FAULT_FAILURE;
    tui_mark_t mark = {.seq = fault->seq,
                       .at_ms = tui_track_clock(self),
                       .kind = fault->kind,
                       .faults = !failure,
                       .failures = failure};
    if (self->mark_count > 0) {
        tui_mark_t *last = &self->marks[self->mark_count - 1];
        if (place_of(self, last->at_ms) == place_of(self, mark.at_ms)) {
            join(last, &mark);
            return;
        }
    }
    self->marks[self->mark_count++] = mark;
    while (self->mark_count == TUI_TIMELINE_MARKS)
        widen(self);
}

/* ---- events ---- */

bool tui_track_event(tui_track_t *self, const vd_event_t *event)
{
    uint64_t faults = tui_state_fault_total(self->state), before = tui_track_seq(self);
    if (!tui_state_apply(self->state, event))
        return false;
    if (event->seq > before + 1) {
        self->gap_seq = before + 1;
        self->gap_count = event->seq - before - 1;
    }
    if (tui_state_fault_total(self->state) != faults)
        mark_fault(self);
    if (event->seq - last_saved(self) >= self->spacing)
        save(self);
    return true;
}

void tui_track_missing(tui_track_t *self, uint64_t seq, uint64_t count)
{
    uint64_t before = tui_track_seq(self), last = seq + count - 1;
    if (count == 0 || last < seq || last <= before)
        return;
    self->gap_seq = before + 1;
    self->gap_count = last - before;
    tui_state_skip(self->state, last);
}
