/* timeline.c: the life of a timeline, its head, and what is wished for. */
#include "tui/timeline.h"
#include "tui/state_rows.h"
#include "tui/timeline_impl.h"

#include <assert.h>
#include <stdlib.h>

tui_timeline_t *tui_timeline_new(size_t saved_bytes)
{
    tui_timeline_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->near, TUI_STATE_BYTES_MAX);
    vd_buffer_init(&self->scratch, TUI_STATE_BYTES_MAX);
    /* A half for the head, and a half for the session that it came from. */
    self->saved_bytes_max = (saved_bytes > 0 ? saved_bytes : TUI_TIMELINE_SAVED_BYTES) / 2;
    self->head = tui_track_new(self->saved_bytes_max);
    self->shown = tui_state_new();
    self->work = tui_state_new();
    if (self->head == NULL || self->shown == NULL || self->work == NULL)
        tui_timeline_destroy(&self);
    return self;
}

void tui_timeline_destroy(tui_timeline_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    tui_cache_clear(&(*self)->cache);
    tui_track_destroy(&(*self)->head);
    tui_track_destroy(&(*self)->old);
    tui_state_destroy(&(*self)->shown);
    tui_state_destroy(&(*self)->work);
    vd_buffer_free(&(*self)->near);
    vd_buffer_free(&(*self)->scratch);
    free(*self);
    *self = NULL;
}

void tui_timeline_open(tui_timeline_t *self, vd_str_t session)
{
    assert(self != NULL);
    tui_text_copy(self->opened, sizeof self->opened, session);
    tui_track_clear(self->head);
    self->head->went_back = 0;
    tui_timeline_live(self);
}

/* ---- the head ---- */

/* The head's session has ended and goes on in another one. */
static void go_over(tui_timeline_t *self)
{
    tui_track_t *next = NULL;
    if (self->mode != TUI_TIMELINE_LIVE && self->old == NULL)
        next = tui_track_new(self->saved_bytes_max);
    if (next != NULL) {
        self->old = self->head;
        self->head = next;
        if (self->chasing && tui_timeline_is_beyond(self))
            tui_timeline_go(self, self->by_time, self->target_seq, self->target_ms);
        return;
    }
    if (self->old == NULL)
        tui_timeline_live(self);
    tui_track_clear(self->head);
    self->head->went_back = 0;
}

/* Is the moment that is waited for the one before this event? */
static bool is_time_before(const tui_timeline_t *self, const vd_event_t *event)
{
    int64_t at_ms;
    return self->by_time && vd_ts_parse(event->ts, &at_ms) && at_ms > self->target_ms;
}

bool tui_timeline_event(tui_timeline_t *self, const vd_event_t *event)
{
    assert(self != NULL && event != NULL);
    const char *session = tui_track_session(self->head);
    if (session[0] != 0 && !vd_str_is(tui_name_cut(event->session), session))
        go_over(self);
    bool waits = self->chasing && self->old == NULL && tui_timeline_is_beyond(self);
    if (event->seq <= tui_track_seq(self->head))
        return false;
    if (waits && is_time_before(self, event))
        tui_timeline_take_head(self);
    else if (waits && !self->by_time && event->seq > self->target_seq)
        tui_timeline_take_gap(self);
    (void)tui_track_event(self->head, event);
    if (waits && !self->by_time && event->seq == self->target_seq)
        tui_timeline_take_head(self);
    return true;
}

void tui_timeline_missing(tui_timeline_t *self, uint64_t seq, uint64_t count)
{
    assert(self != NULL);
    bool waits = self->chasing && self->old == NULL && tui_timeline_is_beyond(self);
    uint64_t behind = seq + count;
    if (waits && !self->by_time && behind > seq && behind > self->target_seq)
        tui_timeline_take_gap(self);
    tui_track_missing(self->head, seq, count);
}

/* What is beyond the head will not be heard now. */
static void settle(tui_timeline_t *self)
{
    if (self->chasing && tui_timeline_is_beyond(self) && tui_timeline_is_whole(self))
        tui_timeline_go(self, self->by_time, self->target_seq, self->target_ms);
}

void tui_timeline_caught_up(tui_timeline_t *self)
{
    assert(self != NULL);
    self->head->caught_up = true;
    settle(self);
}

void tui_timeline_ended(tui_timeline_t *self)
{
    assert(self != NULL);
    self->head->ended = true;
    settle(self);
}

void tui_timeline_went_back(tui_timeline_t *self)
{
    assert(self != NULL);
    tui_track_clear(self->head);
    self->head->went_back++;
    if (self->old != NULL || self->mode == TUI_TIMELINE_LIVE)
        return;
    if (!self->chasing) {
        self->by_time = false;
        self->target_seq = tui_state_totals(self->shown)->seq;
    }
    tui_timeline_forget(self);
    self->shown_holds = self->has_work = false;
    tui_timeline_go(self, self->by_time, self->target_seq, self->target_ms);
}

/* ---- wishes ---- */

void tui_timeline_live(tui_timeline_t *self)
{
    assert(self != NULL);
    self->mode = TUI_TIMELINE_LIVE;
    self->chasing = self->has_work = self->shown_holds = false;
    tui_track_destroy(&self->old);
    tui_timeline_forget(self);
    tui_state_clear(self->shown);
    tui_state_clear(self->work);
}

/* Leaves live, at what the head is. False without memory. */
static bool leave_live(tui_timeline_t *self, tui_timeline_mode_t mode)
{
    if (self->mode == TUI_TIMELINE_LIVE) {
        self->by_time = false;
        tui_timeline_take_head(self);
        if (self->trouble != VD_OK)
            return false;
    }
    self->mode = mode;
    return true;
}

void tui_timeline_freeze(tui_timeline_t *self)
{
    assert(self != NULL);
    if (self->mode == TUI_TIMELINE_PLAYING)
        self->mode = TUI_TIMELINE_PAST;
    else if (self->mode == TUI_TIMELINE_LIVE)
        (void)leave_live(self, TUI_TIMELINE_FROZEN);
}

void tui_timeline_seek(tui_timeline_t *self, uint64_t seq)
{
    assert(self != NULL);
    if (leave_live(self, TUI_TIMELINE_PAST))
        tui_timeline_go(self, false, seq, 0);
}

void tui_timeline_seek_ms(tui_timeline_t *self, int64_t at_ms)
{
    assert(self != NULL);
    if (leave_live(self, TUI_TIMELINE_PAST))
        tui_timeline_go(self, true, 0, at_ms);
}

/* Where a step begins: what is wished for, where that is known, or what is shown. */
static uint64_t seq_here(const tui_timeline_t *self)
{
    if (self->mode == TUI_TIMELINE_LIVE)
        return tui_track_seq(self->head);
    return self->chasing && !self->by_time ? self->target_seq : tui_state_totals(self->shown)->seq;
}

static int64_t time_here(const tui_timeline_t *self)
{
    if (self->mode == TUI_TIMELINE_LIVE)
        return tui_track_clock(self->head);
    return self->chasing && self->by_time ? self->target_ms : self->moment_ms;
}

void tui_timeline_step(tui_timeline_t *self, int64_t events)
{
    assert(self != NULL);
    uint64_t here = seq_here(self), size = events < 0 ? 0 - (uint64_t)events : (uint64_t)events;
    if (events < 0)
        tui_timeline_seek(self, here > size ? here - size : 1);
    else
        tui_timeline_seek(self, here > UINT64_MAX - size ? UINT64_MAX : here + size);
}

void tui_timeline_step_ms(tui_timeline_t *self, int64_t ms)
{
    assert(self != NULL);
    static const int64_t most_ms = INT64_C(1) << 50; /* far behind any time stamp */
    int64_t step = ms > most_ms ? most_ms : ms < -most_ms ? -most_ms : ms;
    int64_t at_ms = time_here(self) + step;
    tui_timeline_seek_ms(self, at_ms > most_ms ? most_ms : at_ms < 0 ? 0 : at_ms);
}

void tui_timeline_step_mark(tui_timeline_t *self, int direction)
{
    assert(self != NULL && direction != 0);
    const tui_track_t *track = tui_timeline_track(self);
    uint64_t here = seq_here(self), found = 0;
    for (size_t i = 0; i < track->mark_count; i++) {
        uint64_t seq = track->marks[i].seq;
        if (direction < 0 && seq < here)
            found = seq;
        if (direction > 0 && seq > here && found == 0)
            found = seq;
    }
    if (found != 0)
        tui_timeline_seek(self, found);
}

void tui_timeline_play(tui_timeline_t *self, double factor, int64_t now_ms)
{
    assert(self != NULL);
    if (self->mode == TUI_TIMELINE_LIVE)
        return;
    if (!(factor > 0)) {
        self->mode = TUI_TIMELINE_PAST;
        return;
    }
    self->factor = factor < 0.1 ? 0.1 : factor > 1000 ? 1000 : factor;
    if (self->mode != TUI_TIMELINE_PLAYING)
        self->play_ms = self->chasing ? -1 : (double)self->moment_ms; /* once it is reached */
    self->mode = TUI_TIMELINE_PLAYING;
    self->play_now_ms = now_ms;
}

/* While what comes next is being read, time stands still. */
void tui_timeline_tick(tui_timeline_t *self, int64_t now_ms)
{
    assert(self != NULL);
    if (self->mode != TUI_TIMELINE_PLAYING)
        return;
    int64_t passed_ms = now_ms > self->play_now_ms ? now_ms - self->play_now_ms : 0;
    self->play_now_ms = now_ms;
    if (self->chasing || self->trouble != VD_OK)
        return;
    const tui_track_t *track = tui_timeline_track(self);
    if (tui_state_totals(self->shown)->seq == tui_track_seq(track)) {
        if (track == self->head && !track->ended)
            tui_timeline_live(self);
        else
            self->mode = TUI_TIMELINE_PAST;
        return;
    }
    self->play_ms = self->play_ms < 0 ? (double)self->moment_ms
                                      : self->play_ms + (double)passed_ms * self->factor;
    if ((int64_t)self->play_ms > self->moment_ms)
        tui_timeline_go(self, true, 0, (int64_t)self->play_ms);
}
