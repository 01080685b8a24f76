/* timeline_seek.c: how a moment is reached, and what is read for it. */
#include "tui/state_rows.h"
#include "tui/timeline_impl.h"

#include <assert.h>

static uint64_t seq_of(const tui_state_t *state)
{
    return tui_state_totals(state)->seq;
}

static int64_t clock_of(const tui_state_t *state)
{
    return tui_state_session(state)->clock_ms;
}

void tui_timeline_forget(tui_timeline_t *self)
{
    tui_cache_clear(&self->cache);
    self->asked = false;
    self->near_seq = 0;
    self->gap_seq = self->gap_count = 0;
    self->trouble = VD_OK;
    self->text[0] = 0;
}

bool tui_timeline_is_whole(const tui_timeline_t *self)
{
    return self->old != NULL || self->head->caught_up || self->head->ended;
}

bool tui_timeline_is_beyond(const tui_timeline_t *self)
{
    const tui_track_t *track = tui_timeline_track(self);
    return self->by_time ? self->target_ms >= tui_track_clock(track)
                         : self->target_seq > tui_track_seq(track);
}

/* ---- reaching it ---- */

static void reached(tui_timeline_t *self)
{
    if (self->has_work) {
        tui_state_t *before = self->shown;
        self->shown = self->work;
        self->work = before;
        self->has_work = false;
    }
    self->shown_holds = true;
    self->chasing = false;
    self->moment_ms = self->by_time ? self->target_ms : clock_of(self->shown);
}

void tui_timeline_take_head(tui_timeline_t *self)
{
    const tui_track_t *track = tui_timeline_track(self);
    vd_buffer_clear(&self->scratch);
    self->has_work = false;
    bool copied = tui_state_save(track->state, &self->scratch) &&
                  tui_state_load(self->shown, vd_buffer_view(&self->scratch)) == VD_OK;
    vd_buffer_free(&self->scratch);
    if (!copied) {
        self->trouble = VD_NO_MEMORY;
        tui_text_copy(self->text, sizeof self->text, vd_str("no memory for a state of the past"));
        return;
    }
    self->gap_seq = track->gap_seq;
    self->gap_count = track->gap_count;
    reached(self);
}

void tui_timeline_take_gap(tui_timeline_t *self)
{
    uint64_t from = tui_track_seq(tui_timeline_track(self)) + 1;
    assert(!self->by_time && self->target_seq >= from);
    tui_timeline_take_head(self);
    if (self->chasing)
        return;
    tui_state_skip(self->shown, self->target_seq);
    self->gap_seq = from;
    self->gap_count = self->target_seq - from + 1;
}

static bool fits(const tui_timeline_t *self, uint64_t seq, int64_t clock_ms)
{
    return self->by_time ? clock_ms <= self->target_ms : seq <= self->target_seq;
}

/* Chooses what is nearest before the moment to go on from: what is being built, what is shown, or a
 * saved state. */
static void choose_base(tui_timeline_t *self)
{
    uint64_t best = 0;
    bool begun = self->has_work && fits(self, seq_of(self->work), clock_of(self->work));
    bool in_place = self->shown_holds && fits(self, seq_of(self->shown), clock_of(self->shown));
    vd_bytes_t bytes = {0};
    if (begun)
        best = seq_of(self->work);
    if (in_place && seq_of(self->shown) >= best) {
        best = seq_of(self->shown);
        begun = false;
    } else {
        in_place = false;
    }
    if (self->near_seq > best && fits(self, self->near_seq, self->near_clock_ms)) {
        best = self->near_seq;
        bytes = vd_buffer_view(&self->near);
    }
    const tui_saved_t *saved = tui_track_before(tui_timeline_track(self), self->by_time,
                                                self->target_seq, self->target_ms, best);
    if (saved != NULL)
        bytes = saved->bytes;
    self->has_work = !in_place || bytes.size > 0;
    if (!self->has_work || (begun && bytes.size == 0))
        return;
    tui_state_clear(self->work);
    if (bytes.size > 0)
        (void)tui_state_load(self->work, bytes); /* else from the first event */
}

void tui_timeline_go(tui_timeline_t *self, bool by_time, uint64_t seq, int64_t at_ms)
{
    assert(self->mode != TUI_TIMELINE_LIVE);
    const tui_track_t *track = tui_timeline_track(self);
    self->chasing = true;
    self->by_time = by_time;
    self->target_seq = seq > 0 ? seq : 1;
    self->target_ms = at_ms;
    self->trouble = VD_OK;
    self->text[0] = 0;
    if (by_time && tui_track_seq(track) > 0 && at_ms < tui_state_session(track->state)->begun_ms) {
        self->by_time = false;
        self->target_seq = 1;
    }
    bool at_head = !self->by_time && self->target_seq == tui_track_seq(track);
    if (tui_timeline_is_beyond(self) && tui_timeline_is_whole(self)) {
        self->by_time = false;
        self->target_seq = tui_track_seq(track);
        at_head = true;
    }
    if (at_head) {
        tui_timeline_take_head(self);
        return;
    }
    if (tui_timeline_is_beyond(self)) {
        self->has_work = false;
        return;
    }
    choose_base(self);
    tui_timeline_chase(self);
}

/* A little before the moment, so that steps back need not go the whole way again. */
static void keep_near(tui_timeline_t *self, const tui_state_t *state)
{
    uint64_t seq = seq_of(state);
    if (self->by_time || seq + TUI_TIMELINE_NEAR != self->target_seq)
        return;
    vd_buffer_clear(&self->near);
    self->near_seq = tui_state_save(state, &self->near) ? seq : 0;
    self->near_clock_ms = clock_of(state);
}

/* The last event that the moment may be. */
static uint64_t last_possible(const tui_timeline_t *self)
{
    return self->by_time ? tui_track_behind_time(tui_timeline_track(self), self->target_ms) - 1
                         : self->target_seq;
}

/* Takes what is known to be missing, up to the moment. */
static void skip(tui_timeline_t *self, tui_state_t *state, const tui_cached_t *item)
{
    uint64_t from = seq_of(state) + 1, last = item->seq + item->count - 1;
    if (last > last_possible(self))
        last = last_possible(self);
    tui_state_skip(state, last);
    self->gap_seq = from;
    self->gap_count = last - from + 1;
}

/* Takes one thing of the cache. False: the moment is reached before it. */
static bool take(tui_timeline_t *self, tui_state_t *state, const tui_cached_t *item)
{
    if (item->bytes == NULL) {
        skip(self, state, item);
        return true;
    }
    vd_event_t event = {.session = vd_str(tui_timeline_session(self)), .seq = item->seq};
    int64_t at_ms;
    if (vd_event_read(vd_bytes(item->bytes, item->size), &event) != VD_OK) {
        skip(self, state, item);
        return true;
    }
    if (self->by_time && vd_ts_parse(event.ts, &at_ms) && at_ms > self->target_ms)
        return false;
    (void)tui_state_apply(state, &event);
    assert(seq_of(state) == item->seq);
    return true;
}

void tui_timeline_chase(tui_timeline_t *self)
{
    if (!self->chasing || tui_timeline_is_beyond(self))
        return;
    tui_state_t *state = self->has_work ? self->work : self->shown;
    uint64_t last = last_possible(self);
    while (seq_of(state) < last) {
        if (self->has_work)
            keep_near(self, state);
        const tui_cached_t *item = tui_cache_find(&self->cache, seq_of(state) + 1);
        if (item == NULL)
            return;
        if (!take(self, state, item))
            break;
    }
    reached(self);
}

/* ---- reading ---- */

/* The first sequence that has to be read, and how far; 0: none. */
static uint64_t needed(const tui_timeline_t *self, uint64_t *to)
{
    const tui_track_t *track = tui_timeline_track(self);
    uint64_t head = tui_track_seq(track), from;
    if (self->mode == TUI_TIMELINE_LIVE || self->trouble != VD_OK ||
        (self->chasing && tui_timeline_is_beyond(self)))
        return 0;
    from = seq_of(self->has_work ? self->work : self->shown) + 1;
    if (self->chasing) {
        *to = last_possible(self) + (self->by_time ? 0 : TUI_TIMELINE_AHEAD_HIGH);
    } else {
        size_t bytes, ahead = tui_cache_ahead(&self->cache, from, &bytes);
        bool rests = self->mode == TUI_TIMELINE_FROZEN || ahead >= TUI_TIMELINE_AHEAD_LOW ||
                     bytes >= TUI_TIMELINE_CACHE_BYTES / 4;
        if (rests && !self->asked)
            return 0;
        if (ahead > 0)
            from = tui_cache_end(&self->cache);
        *to = from + TUI_TIMELINE_AHEAD_HIGH - 1;
    }
    *to = *to < head ? *to : head;
    return from <= *to ? from : 0;
}

bool tui_timeline_wants(tui_timeline_t *self, tui_range_t *range)
{
    assert(self != NULL && range != NULL);
    uint64_t to = 0, from = needed(self, &to);
    if (from == 0) {
        self->asked = false;
        return false;
    }
    if (!self->asked || self->next != from) {
        self->wish++;
        self->asked = true;
        self->from = self->next = from;
        self->to = to;
    }
    *range = (tui_range_t){.wish = self->wish,
                           .session = tui_timeline_session(self),
                           .from = self->from,
                           .to = self->to};
    return true;
}

static bool is_wished(const tui_timeline_t *self, uint64_t wish)
{
    return self->asked && self->wish == wish && self->mode != TUI_TIMELINE_LIVE;
}

/* Something was added to the cache. Is more of this wish needed? */
static bool go_on(tui_timeline_t *self)
{
    uint64_t to;
    size_t bytes;
    tui_timeline_chase(self);
    self->asked = self->next <= self->to && needed(self, &to) == self->next;
    if (self->asked && !self->chasing)
        self->asked = tui_cache_ahead(&self->cache, seq_of(self->shown) + 1, &bytes) <
                          TUI_TIMELINE_AHEAD_HIGH &&
                      bytes < TUI_TIMELINE_CACHE_BYTES / 2;
    return self->asked;
}

bool tui_timeline_read(tui_timeline_t *self, uint64_t wish, const vd_event_t *event)
{
    assert(self != NULL && event != NULL);
    if (!is_wished(self, wish))
        return false;
    if (event->seq < self->next)
        return true;
    if (event->seq > self->next)
        tui_cache_add_missing(&self->cache, self->next, event->seq - self->next);
    self->next = event->seq + 1;
    if (event->raw.size == 0 || !tui_cache_add(&self->cache, event->seq, event->raw))
        tui_cache_add_missing(&self->cache, event->seq, 1);
    return go_on(self);
}

bool tui_timeline_read_missing(tui_timeline_t *self, uint64_t wish, uint64_t seq, uint64_t count)
{
    assert(self != NULL);
    if (!is_wished(self, wish))
        return false;
    uint64_t head = tui_track_seq(tui_timeline_track(self)), behind = seq + count;
    if (behind < seq || behind > head + 1)
        behind = head + 1;
    if (count == 0 || behind <= self->next)
        return true;
    tui_cache_add_missing(&self->cache, self->next, behind - self->next);
    self->next = behind;
    return go_on(self);
}

void tui_timeline_read_done(tui_timeline_t *self, uint64_t wish, vd_status_t status,
                            const char *text)
{
    assert(self != NULL);
    if (!is_wished(self, wish))
        return;
    self->asked = false;
    if (status == VD_PRUNED || status == VD_CORRUPT || status == VD_UNKNOWN_SESSION) {
        tui_cache_add_missing(&self->cache, self->next, self->to - self->next + 1);
        tui_timeline_chase(self);
        return;
    }
    if (status == VD_OK && self->next > self->from)
        return;
    self->trouble = status == VD_OK ? VD_NOT_FOUND : status;
    if (status == VD_OK)
        text = "nothing was given of what was asked for";
    tui_text_copy(self->text, sizeof self->text, vd_str(text));
}

void tui_timeline_retry(tui_timeline_t *self)
{
    assert(self != NULL);
    self->trouble = VD_OK;
    self->text[0] = 0;
}
