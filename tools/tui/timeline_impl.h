/* timeline_impl.h: what the files of the timeline share: timeline.c (its life, its head, what is wished
 * for), timeline_seek.c (how a moment is reached, and what is read for it), timeline_view.c (what is
 * shown of it).
 *
 * 1. A moment behind the one that is shown is reached from there, in place. Another one is built
 *    aside, from the nearest saved state before it, and shown when it stands.
 * 2. What the head has not heard yet is waited for and copied from the head when it passes; it is
 *    never read.
 */
#ifndef TUI_TIMELINE_IMPL_H
#define TUI_TIMELINE_IMPL_H

#include "tui/timeline.h"
#include "tui/timeline_cache.h"
#include "tui/timeline_track.h"

enum {
    TUI_TIMELINE_NEAR = 64,       /* a state is kept so many events before a moment, to step back */
    TUI_TIMELINE_AHEAD_LOW = 64,  /* events ahead of the moment: below, more are read */
    TUI_TIMELINE_AHEAD_HIGH = 256 /* ... and so many */
};

struct tui_timeline {
    char opened[TUI_NAME_BYTES + 1];
    size_t saved_bytes_max;
    tui_track_t *head;
    tui_track_t *old; /* the session that is looked at, when the head has gone over; else NULL */
    tui_timeline_mode_t mode;
    /* The moment. */
    tui_state_t *shown;
    bool shown_holds; /* it is of the track that is looked at, as that is now */
    int64_t moment_ms;
    tui_state_t *work;
    bool has_work;
    uint64_t gap_seq, gap_count;
    /* What is wished for. */
    bool chasing, by_time;
    uint64_t target_seq;
    int64_t target_ms;
    /* A state shortly before the moment. */
    vd_buffer_t near;
    uint64_t near_seq; /* 0: none */
    int64_t near_clock_ms;
    /* Reading. */
    tui_cache_t cache;
    bool asked;
    uint64_t wish, from, next, to;
    vd_status_t trouble;
    char text[TUI_NOTE_BYTES + 1];
    /* Playing. */
    double factor, play_ms; /* play_ms below 0: it begins */
    int64_t play_now_ms;
    vd_buffer_t scratch;
};

static inline tui_track_t *tui_timeline_track(const tui_timeline_t *self)
{
    return self->old != NULL ? self->old : self->head;
}

/* The name of the session that is looked at. */
static inline const char *tui_timeline_session(const tui_timeline_t *self)
{
    const char *session = tui_track_session(tui_timeline_track(self));
    return session[0] != 0 ? session : self->opened;
}

/* ---- timeline_seek.c ---- */

/* Goes for a moment; the mode is not live. */
void tui_timeline_go(tui_timeline_t *self, bool by_time, uint64_t seq, int64_t at_ms);
/* Goes as far as what is at hand leads. */
void tui_timeline_chase(tui_timeline_t *self);
/* Is what is wished for beyond what the head has heard? */
bool tui_timeline_is_beyond(const tui_timeline_t *self);
/* Will anything be heard by the track that is looked at that is there already? */
bool tui_timeline_is_whole(const tui_timeline_t *self);
/* The head, as it is, is what was wished for; or, what was wished for is in a gap behind it. */
void tui_timeline_take_head(tui_timeline_t *self);
void tui_timeline_take_gap(tui_timeline_t *self);
/* Forgets what was read and asked for. */
void tui_timeline_forget(tui_timeline_t *self);

#endif
