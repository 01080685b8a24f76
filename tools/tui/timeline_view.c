/* timeline_view.c: what is shown of a timeline. */
#include "tui/timeline_impl.h"

#include <assert.h>

const tui_state_t *tui_timeline_state(const tui_timeline_t *self)
{
    return self->mode == TUI_TIMELINE_LIVE ? self->head->state : self->shown;
}

const tui_state_t *tui_timeline_head(const tui_timeline_t *self)
{
    return self->head->state;
}

/* Where the session goes on: its end says so, or the head is there already. */
static const char *next_of(const tui_timeline_t *self)
{
    const tui_session_t *session = tui_state_session(tui_timeline_track(self)->state);
    if (session->continued_by[0] != 0 || self->old == NULL)
        return session->continued_by;
    return tui_track_session(self->head);
}

void tui_timeline_moment(const tui_timeline_t *self, tui_moment_t *moment)
{
    assert(self != NULL && moment != NULL);
    const tui_track_t *track = tui_timeline_track(self);
    const tui_session_t *session = tui_state_session(track->state);
    const tui_totals_t *shown = tui_state_totals(tui_timeline_state(self));
    bool live = self->mode == TUI_TIMELINE_LIVE;
    *moment = (tui_moment_t){
        .mode = self->mode,
        .session = tui_timeline_session(self),
        .next = next_of(self),
        .seq = shown->seq,
        .at_ms = live ? session->clock_ms : self->moment_ms,
        .head_seq = tui_track_seq(track),
        .begun_ms = session->begun_ms,
        .head_ms = session->clock_ms,
        .catching_up = !tui_timeline_is_whole(self),
        .ended = self->old != NULL || track->ended || session->ended_ms != 0,
        .reading = self->chasing,
        .waits = self->chasing && tui_timeline_is_beyond(self),
        .missing = shown->missing,
        .gap_seq = shown->missing == 0 ? 0
                   : live              ? track->gap_seq
                                       : self->gap_seq,
        .gap_count = shown->missing == 0 ? 0
                     : live              ? track->gap_count
                                         : self->gap_count,
        .factor = self->mode == TUI_TIMELINE_PLAYING ? self->factor : 0,
        .went_back = track->went_back,
        .trouble = self->trouble,
        .text = self->text,
    };
}

/* The column in which a time stands. */
static size_t column_of(const tui_session_t *session, size_t columns, int64_t at_ms)
{
    int64_t span = session->clock_ms - session->begun_ms + 1, at = at_ms - session->begun_ms;
    if (at <= 0 || span <= 0)
        return 0;
    size_t column = (size_t)((double)at * (double)columns / (double)span);
    return column < columns ? column : columns - 1;
}

size_t tui_timeline_marks(const tui_timeline_t *self, size_t columns, tui_mark_t *marks)
{
    assert(self != NULL && columns > 0 && marks != NULL);
    const tui_track_t *track = tui_timeline_track(self);
    const tui_session_t *session = tui_state_session(track->state);
    memset(marks, 0, columns * sizeof *marks);
    for (size_t i = 0; i < track->mark_count; i++) {
        const tui_mark_t *from = &track->marks[i];
        tui_mark_t *to = &marks[column_of(session, columns, from->at_ms)];
        uint64_t faults = to->faults + from->faults, failures = to->failures + from->failures;
        if (to->seq == 0)
            *to = *from;
        else if (from->kind < to->kind)
            to->kind = from->kind;
        to->faults = faults;
        to->failures = failures;
    }
    return column_of(session, columns,
                     self->mode == TUI_TIMELINE_LIVE ? session->clock_ms : self->moment_ms);
}

const char *tui_timeline_mode_word(tui_timeline_mode_t mode)
{
    static const char *const words[] = {
        [TUI_TIMELINE_LIVE] = "live",
        [TUI_TIMELINE_FROZEN] = "frozen",
        [TUI_TIMELINE_PAST] = "past",
        [TUI_TIMELINE_PLAYING] = "playing",
    };
    assert(mode <= TUI_TIMELINE_PLAYING);
    return words[mode];
}

size_t tui_timeline_bytes(const tui_timeline_t *self)
{
    size_t bytes = self->head->saved_bytes + self->cache.bytes + self->near.room;
    return bytes + (self->old != NULL ? self->old->saved_bytes : 0);
}
