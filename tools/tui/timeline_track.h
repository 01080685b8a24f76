/* timeline_track.h: one session as its events came: the state at its head, saved states on the way, and
 * marks.
 *
 * 1. Saved states stand at least `spacing` events apart; when they have no more room, every second
 *    goes and the spacing doubles.
 * 2. Marks gather the faults of equal parts of the session's time, which double when there are too
 *    many.
 */
#ifndef TUI_TIMELINE_TRACK_H
#define TUI_TIMELINE_TRACK_H

#include "tui/timeline.h"

enum {
    TUI_TRACK_SAVED_MAX = 512,
    TUI_TRACK_SPACING = 256, /* events, at first */
    TUI_TRACK_MARK_MS = 250, /* the width of a mark, at first */
};

typedef struct tui_saved {
    uint64_t seq;
    int64_t clock_ms;
    vd_bytes_t bytes;
} tui_saved_t;

typedef struct tui_track {
    tui_state_t *state;
    bool caught_up, ended;
    uint64_t went_back;
    uint64_t gap_seq, gap_count; /* the last that was told */
    tui_saved_t saved[TUI_TRACK_SAVED_MAX];
    size_t saved_count, saved_bytes, saved_bytes_max;
    uint64_t spacing;
    tui_mark_t marks[TUI_TIMELINE_MARKS];
    size_t mark_count;
    int64_t mark_ms;     /* width */
    vd_buffer_t scratch; /* for saving */
} tui_track_t;

/* NULL without memory. */
tui_track_t *tui_track_new(size_t saved_bytes_max);
void tui_track_destroy(tui_track_t **self);
/* Nothing is known of it any more, but for how often the store went back. */
void tui_track_clear(tui_track_t *self);
/* Takes the next event. False: it was known. */
bool tui_track_event(tui_track_t *self, const vd_event_t *event);
void tui_track_missing(tui_track_t *self, uint64_t seq, uint64_t count);
/* The last saved state up to an event, or up to a time, that is behind event `behind`; NULL: none. */
const tui_saved_t *tui_track_before(const tui_track_t *self, bool by_time, uint64_t seq,
                                    int64_t at_ms, uint64_t behind);
/* The first event that is known to be behind a time: at a saved state, or behind the head. */
uint64_t tui_track_behind_time(const tui_track_t *self, int64_t at_ms);

static inline uint64_t tui_track_seq(const tui_track_t *self)
{
    return tui_state_totals(self->state)->seq;
}

static inline int64_t tui_track_clock(const tui_track_t *self)
{
    return tui_state_session(self->state)->clock_ms;
}

static inline const char *tui_track_session(const tui_track_t *self)
{
    return tui_state_session(self->state)->id;
}

#endif
