/* app_time.c: which moment is looked at: keys of time, times that are typed, what the timeline has to read. */
#include "tui/app_impl.h"
#include "vedette/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEN_SECONDS_MS = 10000, TICK_MS = 40, SECOND_MS = 1000, EVENTS_AT_ONCE = 64 };

static const double factors[] = {0.1, 0.5, 1, 2, 5, 10, 30, 100, 1000};

enum { FACTORS = sizeof factors / sizeof *factors };

void tui_app_look(tui_app_t *self)
{
    tui_timeline_moment(self->timeline, &self->moment);
}

/* ---- what the timeline reads ---- */

void tui_app_want(tui_app_t *self)
{
    tui_range_t range;
    tui_ask_t ask = {.kind = TUI_ASK_EVENTS};
    if (!tui_timeline_wants(self->timeline, &range) || range.wish == self->wish)
        return;
    vd_str_copy(ask.name, sizeof ask.name, vd_str(range.session));
    ask.seq = range.from;
    ask.count = range.to - range.from + 1;
    ask.id = self->wish_number;
    self->wish_number = tui_app_ask_for(self, &ask, -1);
    self->wish = self->wish_number != 0 ? range.wish : 0;
}

bool tui_app_was_read(tui_app_t *self, const tui_input_t *answer)
{
    vd_bytes_t rest = answer->value;
    vd_event_t event;
    if (answer->number == 0 || answer->number != self->wish_number)
        return false;
    while (tui_events_next(&rest, &event))
        if (!tui_timeline_read(self->timeline, self->wish, &event))
            break;
    if (answer->more && answer->status != VD_OK)
        tui_timeline_read_missing(self->timeline, self->wish, answer->seq, answer->count);
    if (!answer->more) {
        uint64_t wish = self->wish;
        self->wish = self->wish_number = 0;
        tui_timeline_read_done(self->timeline, wish, answer->status, answer->text);
    }
    return true;
}

/* ---- the head ---- */

/* Is it the number of an event? */
static bool read_seq(const char *text, uint64_t *seq)
{
    return cli_parse_number(text[0] == '#' ? text + 1 : text, seq);
}

void tui_app_begin(tui_app_t *self, bool caught_up)
{
    char text[sizeof self->begin_at];
    uint64_t seq;
    memcpy(text, self->begin_at, sizeof text);
    if (text[0] == 0 || !(caught_up || read_seq(text, &seq)))
        return;
    self->begin_at[0] = 0;
    tui_app_at(self, text);
}

/* Takes some events, which everybody sees as they were read once. */
static void take_events(tui_app_t *self, const tui_input_t *input, const vd_event_t *events,
                        size_t count)
{
    int64_t ts_ms;
    for (size_t i = 0; i < count; i++) {
        tui_timeline_event(self->timeline, &events[i]);
        bool new = events[i].seq > input->seq && self->moment.mode != TUI_TIMELINE_FROZEN;
        if (new &&vd_ts_parse(events[i].ts, &ts_ms))
            tui_now_saw(self->now, ts_ms, self->clock_ms);
    }
    for (int i = 0; i < TUI_SCREENS; i++)
        if (tui_screens[i]->events != NULL)
            tui_screens[i]->events(self, events, count);
}

void tui_app_take_head(tui_app_t *self, const tui_input_t *input)
{
    vd_event_t events[EVENTS_AT_ONCE];
    vd_bytes_t rest = input->value;
    size_t count;
    if (input->status == VD_OK)
        self->there_seq = input->seq;
    do {
        for (count = 0; count < EVENTS_AT_ONCE && tui_events_next(&rest, &events[count]);)
            count++;
        take_events(self, input, events, count);
    } while (count == EVENTS_AT_ONCE);
    if (input->status == VD_WENT_BACK)
        tui_timeline_went_back(self->timeline);
    else if (input->status != VD_OK && input->count > 0)
        tui_timeline_missing(self->timeline, input->seq, input->count);
    if (input->more)
        return;
    tui_timeline_caught_up(self->timeline);
    tui_app_begin(self, true);
}

/* ---- wishes ---- */

void tui_app_seek(tui_app_t *self, uint64_t seq)
{
    if (seq == 0)
        tui_timeline_live(self->timeline);
    else
        tui_timeline_seek(self->timeline, seq);
}

/* A time of day on the day of `base_ms`, or a whole date and time; seconds and milliseconds may be left
 * out. */
static bool read_time(const char *text, int64_t base_ms, int64_t *ms)
{
    char ts[VD_TS_SIZE], clock[16] = "00:00:00.000";
    size_t size = strlen(text);
    const char *time = text;
    vd_ts_format(base_ms, ts);
    if (size > 10 && text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == ' ')) {
        memcpy(ts, text, 10);
        time = text + 11;
    }
    size = strlen(time);
    if (size > 0 && (time[size - 1] == 'Z' || time[size - 1] == 'z'))
        size--;
    if ((size != 5 && size != 8 && size != 12) || strchr(time, ':') == NULL)
        return false;
    memcpy(clock, time, size);
    memcpy(ts + 11, clock, 12);
    return vd_ts_parse(vd_str(ts), ms);
}

bool tui_app_at(tui_app_t *self, const char *text)
{
    uint64_t seq;
    int64_t ms, by;
    const tui_moment_t *moment = &self->moment;
    tui_app_look(self);
    if (self->session[0] == 0) { /* as soon as there is one */
        vd_str_copy(self->begin_at, sizeof self->begin_at, vd_str(text));
        return true;
    }
    int64_t base = moment->at_ms > 0 ? moment->at_ms : self->clock_ms;
    while (text[0] == ' ')
        text++;
    bool back = text[0] == '-', on = text[0] == '+';
    if (read_seq(text, &seq))
        tui_timeline_seek(self->timeline, seq > 0 ? seq : 1);
    else if ((back || on) && cli_parse_duration(text + 1, &by))
        tui_timeline_step_ms(self->timeline, back ? -by : by);
    else if (read_time(text, base, &ms))
        tui_timeline_seek_ms(self->timeline, ms);
    else {
        tui_app_say(self, TUI_BAD,
                    "'%.40s' is no time; such as 14:02:11, 2026-11-22T14:02:11Z, -5m, or 123 for "
                    "an event",
                    text);
        return false;
    }
    return true;
}

/* The next speed: faster, slower. */
static void change_speed(tui_app_t *self, int by)
{
    const tui_moment_t *moment = &self->moment;
    int at = 2;
    if (moment->mode == TUI_TIMELINE_LIVE) {
        tui_app_say(self, TUI_DIM, "it is live; [ { t lead into the past");
        return;
    }
    if (moment->mode == TUI_TIMELINE_PLAYING) {
        at = 0;
        while (at < FACTORS - 1 && factors[at] < moment->factor)
            at++;
        at += by;
    }
    if (at < 0)
        tui_timeline_play(self->timeline, 0, self->clock_ms);
    else
        tui_timeline_play(self->timeline, factors[at < FACTORS ? at : FACTORS - 1], self->clock_ms);
}

static void freeze(tui_app_t *self)
{
    switch (self->moment.mode) {
    case TUI_TIMELINE_FROZEN:
        tui_timeline_live(self->timeline);
        break;
    case TUI_TIMELINE_PAST:
        tui_timeline_play(self->timeline, 1, self->clock_ms);
        break;
    default:
        self->frozen = (tui_frozen_t){tui_app_shown_ms(self), tui_app_gone_ms(self),
                                      tui_app_shows_now(self), tui_app_is_interrupted(self)};
        tui_timeline_freeze(self->timeline);
        break;
    }
}

bool tui_app_time_key(tui_app_t *self, int key)
{
    switch (key) {
    case '[':
    case ']':
        tui_timeline_step(self->timeline, key == ']' ? 1 : -1);
        return true;
    case '{':
    case '}':
        tui_timeline_step_ms(self->timeline, key == '}' ? TEN_SECONDS_MS : -TEN_SECONDS_MS);
        return true;
    case 'm':
    case 'M':
        tui_timeline_step_mark(self->timeline, key == 'm' ? 1 : -1);
        return true;
    case '<':
    case '>':
        change_speed(self, key == '>' ? 1 : -1);
        return true;
    case 'L':
        tui_timeline_live(self->timeline);
        return true;
    case ' ':
        freeze(self);
        return true;
    default:
        return false;
    }
}

int tui_app_wait_ms(const tui_app_t *self)
{
    const tui_screen_t *screen = tui_app_screen(self);
    if (self->moment.mode == TUI_TIMELINE_PLAYING)
        return TICK_MS;
    int64_t since_ms = self->helping || screen->runs_ms == NULL ? 0 : screen->runs_ms(self);
    if (since_ms == 0 || !tui_app_runs_on(self))
        return -1;
    /* Its seconds, not those of the clock: each of them is shown. */
    return SECOND_MS - (int)((self->clock_ms - since_ms) % SECOND_MS + SECOND_MS) % SECOND_MS;
}

/* ---- how it is shown ---- */

tui_tone_t tui_app_moment_text(const tui_app_t *self, char *out, size_t size)
{
    const tui_moment_t *moment = &self->moment;
    char at[32];
    const char *wait = moment->reading ? " ..." : "";
    bool live = moment->mode == TUI_TIMELINE_LIVE, lost = live && tui_app_is_lost(self);
    bool opening = moment->session[0] != 0 && moment->catching_up && !lost &&
                   (moment->waits || (live && self->linked));
    tui_time(moment->at_ms, self->clock_ms, at, sizeof at);
    if (opening && self->there_seq > moment->head_seq)
        snprintf(out, size, "READING %llu of %llu", (unsigned long long)moment->head_seq,
                 (unsigned long long)self->there_seq);
    else if (opening)
        snprintf(out, size, "READING %llu", (unsigned long long)moment->head_seq);
    else if (live && self->linked && moment->session[0] == 0 && !lost)
        snprintf(out, size, "OPENING");
    else if (moment->mode == TUI_TIMELINE_PLAYING)
        snprintf(out, size, "PLAYING %gx %s%s", moment->factor, at, wait);
    else if (moment->mode == TUI_TIMELINE_PAST)
        snprintf(out, size, "PAST %s%s", at, wait);
    else if (moment->mode == TUI_TIMELINE_FROZEN)
        snprintf(out, size, "FROZEN at %s", at);
    else if (!self->linked)
        snprintf(out, size, "GONE since %s", TUI_TIME(self->link_since_ms, self->clock_ms));
    else if (tui_app_is_silent(self))
        snprintf(out, size, "SILENT since %s", TUI_TIME(self->silent_since_ms, self->clock_ms));
    else
        snprintf(out, size, "%s",
                 lost                           ? "NOT FOLLOWED"
                 : self->offline                ? "OFFLINE"
                 : moment->ended                ? "ENDED"
                 : tui_app_is_interrupted(self) ? "INTERRUPTED"
                                                : "LIVE");
    if (live && (!self->linked || tui_app_is_silent(self) || lost))
        return TUI_BAD;
    bool good = live && !moment->catching_up && moment->session[0] != 0 && !self->offline &&
                !tui_app_is_interrupted(self);
    return good ? TUI_GOOD : TUI_WARN;
}

/* Faults are filled, failures are not; at the moment that is looked at stands a dot, on a mark a
 * triangle: they are told apart without colours. */
static void draw_track(const tui_app_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    tui_mark_t *marks = calloc((size_t)box.width, sizeof *marks);
    if (marks == NULL)
        return;
    size_t at = tui_timeline_marks(self->timeline, (size_t)box.width, marks);
    for (int x = 0; x < box.width; x++) {
        bool here = (size_t)x == at, fault = marks[x].faults > 0, failure = marks[x].failures > 0;
        if (fault || failure)
            tui_put_glyph(canvas, box, x, 0, fault ? TUI_BAD : TUI_WARN,
                          here    ? TUI_UP
                          : fault ? TUI_DIAMOND
                                  : TUI_RING);
        else
            tui_put_glyph(canvas, box, x, 0, here ? TUI_ACCENT : TUI_DIM,
                          here ? TUI_DOT : TUI_HLINE);
    }
    free(marks);
}

void tui_app_draw_scrubber(const tui_app_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    enum { TRACK_MIN = 10 };
    const tui_moment_t *moment = &self->moment;
    char left[40], right[80];
    if (moment->session[0] == 0 || moment->begun_ms == 0)
        return;
    snprintf(left, sizeof left, "%s ", TUI_TIME(moment->begun_ms, self->clock_ms));
    snprintf(right, sizeof right, " %s %llu/%llu", TUI_TIME(moment->head_ms, self->clock_ms),
             (unsigned long long)moment->seq, (unsigned long long)moment->head_seq);
    int from = tui_put(canvas, box, 0, 0, TUI_DIM, left);
    int width = box.width - from - tui_columns(vd_str(right));
    if (width < TRACK_MIN)
        return;
    draw_track(self, canvas, tui_within(box, from, 0, width, 1));
    tui_put(canvas, box, from + width, 0, TUI_DIM, right);
}
