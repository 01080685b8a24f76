/* app.c: see app.h: life, inputs, asks and what screens are told. */
#include "tui/app_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const tui_screen_t *const tui_screens[TUI_SCREENS + 1] = {
    &tui_screen_overview,    &tui_screen_actors,    &tui_screen_sources,  &tui_screen_stream,
    &tui_screen_subscribers, &tui_screen_observers, &tui_screen_progress, &tui_screen_sessions,
};

static int screen_named(const char *name)
{
    for (int i = 0; i < TUI_SCREENS; i++)
        if (strcmp(tui_screens[i]->name, name) == 0)
            return i;
    return -1;
}

tui_app_t *tui_app_new(const tui_app_options_t *options)
{
    int screen = options->screen != NULL ? screen_named(options->screen) : 0;
    tui_app_t *self = screen >= 0 ? calloc(1, sizeof *self) : NULL;
    if (self == NULL)
        return NULL;
    self->readonly = options->readonly || options->offline;
    self->offline = options->offline;
    self->screen = screen;
    self->linked = true;
    self->newest = options->newest;
    vd_str_copy(self->begin_at, sizeof self->begin_at, vd_str(options->at));
    self->width = 80;
    self->height = 24;
    self->now = tui_now_new();
    self->timeline = tui_timeline_new(0);
    bool made = self->now != NULL && self->timeline != NULL;
    for (int i = 0; i < TUI_SCREENS && made; i++) {
        self->memory[i] = calloc(1, tui_screens[i]->memory + 1);
        made = self->memory[i] != NULL;
    }
    if (!made) {
        tui_app_destroy(&self);
        return NULL;
    }
    tui_app_look(self);
    if (tui_screens[screen]->open != NULL)
        tui_screens[screen]->open(self);
    return self;
}

void tui_app_destroy(tui_app_t **self)
{
    tui_app_t *app = *self;
    tui_ask_t ask;
    if (app == NULL)
        return;
    while (tui_app_next_ask(app, &ask))
        vd_buffer_free(&ask.bytes);
    vd_buffer_free(&app->unconfirmed.bytes);
    for (int i = 0; i < TUI_SCREENS; i++) {
        if (app->memory[i] != NULL && tui_screens[i]->close != NULL)
            tui_screens[i]->close(app);
        free(app->memory[i]);
    }
    tui_now_destroy(&app->now);
    tui_timeline_destroy(&app->timeline);
    free(app);
    *self = NULL;
}

/* ---- asks ---- */

uint64_t tui_app_ask_for(tui_app_t *self, tui_ask_t *ask, int screen)
{
    tui_out_t *out = NULL;
    for (int i = 0; i < TUI_ASKS_MAX && out == NULL; i++)
        out = self->outs[i].number == 0 ? &self->outs[i] : NULL;
    if (self->ask_count == TUI_ASKS_MAX || out == NULL) {
        vd_buffer_free(&ask->bytes);
        return 0;
    }
    ask->number = ++self->numbers;
    self->asks[(self->ask_first + self->ask_count++) % TUI_ASKS_MAX] = *ask;
    if (ask->kind < TUI_ASK_SUSPEND)
        *out = (tui_out_t){ask->number, screen, ask->kind};
    return ask->number;
}

uint64_t tui_app_ask(tui_app_t *self, tui_ask_t *ask)
{
    return tui_app_ask_for(self, ask, self->screen);
}

bool tui_app_next_ask(tui_app_t *self, tui_ask_t *ask)
{
    if (self->ask_count == 0)
        return false;
    *ask = self->asks[self->ask_first];
    self->ask_first = (self->ask_first + 1) % TUI_ASKS_MAX;
    self->ask_count--;
    return true;
}

void tui_app_confirm(tui_app_t *self, tui_ask_t *ask, const char *what)
{
    char title[TUI_PROMPT_BYTES];
    if (self->readonly) {
        tui_app_say(self, TUI_WARN, "nothing can be changed here: %s",
                    self->offline ? "the store alone is open" : "started with --readonly");
        vd_buffer_free(&ask->bytes);
        return;
    }
    vd_buffer_free(&self->unconfirmed.bytes);
    self->unconfirmed = *ask;
    bool named = ask->confirm[0] == 0;
    snprintf(title, sizeof title, "to %s %.88s, type %s: ", what, named ? ask->name : ask->confirm,
             named ? "its name" : "that");
    tui_prompt_open(&self->prompt, title, "", NULL);
    self->typing = TUI_TYPING_NAME;
}

void tui_app_say(tui_app_t *self, tui_tone_t tone, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->said, sizeof self->said, format, arguments);
    va_end(arguments);
    self->said_tone = tone;
}

void tui_app_show(tui_app_t *self, const tui_screen_t *screen)
{
    for (int i = 0; i < TUI_SCREENS; i++)
        if (tui_screens[i] == screen && i != self->screen) {
            self->screen = i;
            if (screen->open != NULL)
                screen->open(self);
        }
}

void tui_app_show_filtered(tui_app_t *self, const tui_screen_t *screen, const char *filter)
{
    char text[TUI_FILTER_BYTES];
    vd_str_copy(text, sizeof text, vd_str(filter));
    tui_app_show(self, screen);
    memcpy(self->filters[self->screen], text, sizeof text);
}

/* ---- inputs ---- */

static void take_answer(tui_app_t *self, const tui_input_t *input)
{
    for (int i = 0; i < TUI_ASKS_MAX; i++) {
        tui_out_t out = self->outs[i];
        if (out.number == 0 || out.number != input->number)
            continue;
        if (!input->more)
            self->outs[i].number = 0;
        if (tui_app_was_read(self, input) || input->status == VD_CANCELLED)
            return;
        if (out.kind == TUI_ASK_OPEN) {
            tui_app_not_opened(self, input);
            return;
        }
        bool heard = out.screen >= 0 && tui_screens[out.screen]->answer != NULL;
        bool is_deed = out.kind == TUI_ASK_CONTROL || out.kind == TUI_ASK_STEER ||
                       out.kind == TUI_ASK_COPY || out.kind == TUI_ASK_EXPORT;
        if (is_deed || !heard)
            tui_app_say(self, input->status == VD_OK ? TUI_GOOD : TUI_BAD, "%s",
                        input->text != NULL ? input->text : vd_status_text(input->status));
        if (heard)
            tui_screens[out.screen]->answer(self, input);
        return;
    }
}

/* A supervisor that is late may be under load: it is gone when it cannot be reached, or is late again
 * and again. */
static void take_link(tui_app_t *self, const tui_input_t *input)
{
    enum { LATE_ROUNDS = 3 };
    bool linked = input->status == VD_OK;
    bool late = input->status == VD_TIMED_OUT && self->linked;
    self->late_rounds = late ? self->late_rounds + 1 : 0;
    if (linked == self->linked || (late && self->late_rounds < LATE_ROUNDS))
        return;
    self->linked = linked;
    self->link_since_ms = self->clock_ms;
    self->silent_rounds = 0;
    if (linked)
        tui_timeline_retry(self->timeline);
    vd_str_copy(self->link_text, sizeof self->link_text,
                vd_str(input->text != NULL ? input->text : ""));
}

/* Nothing is heard of a session while the ingestor is silent: once may be a matter of load. */
static void take_store(tui_app_t *self, vd_status_t status)
{
    if (status == VD_OK)
        self->silent_rounds = 0;
    else if (self->silent_rounds++ == 0)
        self->silent_since_ms = self->clock_ms;
}

/* Those of now stay as they are while it is frozen. */
static void take_now(tui_app_t *self, const tui_input_t *input)
{
    bool frozen = self->moment.mode == TUI_TIMELINE_FROZEN;
    if (input->feed == TUI_FEED_STORE)
        take_store(self, input->status);
    if (input->feed == TUI_FEED_STATUS)
        tui_app_take_runtime(self, input->value);
    if (input->feed == TUI_FEED_SESSION && !frozen)
        tui_app_take_record(self, input->value);
    else if (!frozen)
        tui_now_take(self->now, self->clock_ms, input->feed, input->status, input->value);
}

void tui_app_step(tui_app_t *self, int64_t now_ms, const tui_input_t *input)
{
    self->clock_ms = now_ms;
    switch (input->kind) {
    case TUI_INPUT_KEY:
        tui_app_key(self, input->key);
        break;
    case TUI_INPUT_EVENTS:
        tui_app_take_head(self, input);
        break;
    case TUI_INPUT_NOW:
        take_now(self, input);
        break;
    case TUI_INPUT_ANSWER:
        take_answer(self, input);
        break;
    case TUI_INPUT_LINK:
        take_link(self, input);
        break;
    case TUI_INPUT_OPENED:
        tui_app_opened(self, input);
        break;
    case TUI_INPUT_CLOSED:
        tui_app_closed(self, input);
        break;
    case TUI_INPUT_TICK:
        tui_timeline_tick(self->timeline, now_ms);
        break;
    }
    tui_app_want(self);
    tui_app_look(self);
    tui_app_follow_newest(self);
    if (tui_screens[self->screen]->step != NULL)
        tui_screens[self->screen]->step(self);
}

/* ---- what screens are told ---- */

const tui_screen_t *tui_app_screen(const tui_app_t *self)
{
    return tui_screens[self->screen];
}

const tui_state_t *tui_app_state(const tui_app_t *self)
{
    return tui_timeline_state(self->timeline);
}

tui_timeline_t *tui_app_timeline(const tui_app_t *self)
{
    return self->timeline;
}

const tui_now_t *tui_app_now(const tui_app_t *self)
{
    return self->now;
}

/* Is the head of it what goes on now? A session that is over, or rests, is looked at as of its end, unless
 * it is the runtime's own: then what was known last stays. */
static bool is_of_now(const tui_app_t *self)
{
    const tui_moment_t *moment = &self->moment;
    bool rests = tui_app_is_over(self) || tui_app_is_interrupted(self);
    return !self->offline &&
           (!rests || strcmp(moment->session, tui_now_figures(self->now)->session) == 0);
}

bool tui_app_live(const tui_app_t *self)
{
    return self->moment.mode == TUI_TIMELINE_LIVE && is_of_now(self);
}

/* Does it, as far as is known but for the runtime being there? */
static bool goes_on(const tui_app_t *self)
{
    return tui_app_live(self) && !tui_app_is_over(self) && !tui_app_is_interrupted(self);
}

bool tui_app_runs_on(const tui_app_t *self)
{
    return goes_on(self) && self->linked;
}

bool tui_app_shows_now(const tui_app_t *self)
{
    bool frozen = self->moment.mode == TUI_TIMELINE_FROZEN;
    return frozen ? self->frozen.of_now : tui_app_live(self);
}

bool tui_app_offline(const tui_app_t *self)
{
    return self->offline;
}

const tui_moment_t *tui_app_moment(const tui_app_t *self)
{
    return &self->moment;
}

bool tui_app_linked(const tui_app_t *self)
{
    return self->linked;
}

int64_t tui_app_gone_ms(const tui_app_t *self)
{
    if (self->moment.mode == TUI_TIMELINE_FROZEN)
        return self->frozen.gone_ms;
    return self->linked ? 0 : self->link_since_ms;
}

const char *tui_app_session(const tui_app_t *self)
{
    return self->moment.session[0] != 0 ? self->moment.session : self->session;
}

bool tui_app_readonly(const tui_app_t *self)
{
    return self->readonly;
}

bool tui_app_ascii(const tui_app_t *self)
{
    return self->ascii;
}

const char *tui_app_filter(const tui_app_t *self)
{
    return self->filters[self->screen];
}

int64_t tui_app_clock_ms(const tui_app_t *self)
{
    return self->clock_ms;
}

int64_t tui_app_shown_ms(const tui_app_t *self)
{
    if (self->moment.mode == TUI_TIMELINE_FROZEN)
        return self->frozen.shown_ms;
    if (!goes_on(self))
        return self->moment.at_ms;
    return self->linked ? self->clock_ms : self->link_since_ms;
}

void *tui_app_memory(tui_app_t *self, const tui_screen_t *screen)
{
    for (int i = 0; i < TUI_SCREENS; i++)
        if (tui_screens[i] == screen)
            return self->memory[i];
    return NULL;
}

const char *tui_time(int64_t ms, int64_t clock_ms, char *out, size_t size)
{
    enum { DATE_SIZE = 10, SECONDS_SIZE = 19 };
    char ts[VD_TS_SIZE], today[VD_TS_SIZE];
    if (ms <= 0) {
        snprintf(out, size, "-");
        return out;
    }
    vd_ts_format(ms, ts);
    vd_ts_format(clock_ms, today);
    ts[SECONDS_SIZE] = 0;
    ts[DATE_SIZE] = ' ';
    bool same_day = memcmp(ts, today, DATE_SIZE) == 0;
    snprintf(out, size, "%sZ", same_day ? ts + DATE_SIZE + 1 : ts);
    return out;
}

tui_tone_t tui_state_tone(vd_str_t state)
{
    static const struct {
        const char *word;
        tui_tone_t tone;
    } tones[] = {
        {"ready", TUI_GOOD},     {"completed", TUI_GOOD}, {"fresh", TUI_GOOD},
        {"live_only", TUI_GOOD}, {"active", TUI_ACCENT},  {"starting", TUI_WARN},
        {"backoff", TUI_WARN},   {"stopping", TUI_WARN},  {"paused", TUI_WARN},
        {"degraded", TUI_WARN},  {"overlap", TUI_WARN},   {"commits_only", TUI_WARN},
        {"not read", TUI_WARN},  {"no poller", TUI_WARN}, {"interrupted", TUI_WARN},
        {"failed", TUI_BAD},     {"failing", TUI_BAD},    {"dead", TUI_BAD},
        {"dropped", TUI_BAD},    {"gone", TUI_BAD},       {"stopped", TUI_DIM},
    };
    for (size_t i = 0; i < sizeof tones / sizeof *tones; i++)
        if (vd_str_is(state, tones[i].word))
            return tones[i].tone;
    return state.size > 4 && memcmp(state.data, "late", 4) == 0 ? TUI_WARN : TUI_PLAIN;
}
