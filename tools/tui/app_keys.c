/* app_keys.c: what keys do that no screen takes, and lines that are typed. */
#include "tui/app_impl.h"
#include "vedette/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXPORT_BYTES_MAX = 16 << 20, COPY_BYTES_MAX = 256 << 10 };

static const char *const commands[] = {
    "overview", "actors", "sources", "stream", "subscribers", "observers", "progress",
    "sessions", "open ",  "at ",     "live",   "help",        "quit",      NULL,
};

static void quit(tui_app_t *self)
{
    tui_ask_t ask = {.kind = TUI_ASK_QUIT};
    tui_app_ask_for(self, &ask, -1);
}

/* Where it has no room it would take the keys unseen. */
static void show_help(tui_app_t *self)
{
    self->helping = !tui_app_is_tiny(self);
    if (!self->helping)
        tui_app_say(self, TUI_WARN, "help needs %d columns and %d rows", TUI_TINY_COLUMNS,
                    TUI_TINY_ROWS);
}

/* ---- typed lines ---- */

/* "open SESSION" or "open SESSION:SEQ". */
static void run_open(tui_app_t *self, const char *what)
{
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t seq = 0;
    const char *colon = strrchr(what, ':');
    size_t size =
        colon != NULL && cli_parse_number(colon + 1, &seq) ? (size_t)(colon - what) : strlen(what);
    if (!vd_str_copy(name, sizeof name, vd_bytes(what, size)))
        tui_app_say(self, TUI_BAD, "a session's name has at most %d bytes", VD_NAME_BYTES_MAX);
    else
        tui_app_open(self, name, seq);
}

static void run_command(tui_app_t *self, const char *text)
{
    const tui_screen_t *found = NULL;
    size_t size = strlen(text), matches = 0;
    while (size > 0 && text[size - 1] == ' ')
        size--;
    if (size == 0)
        return;
    if (strncmp(text, "open ", 5) == 0) {
        run_open(self, text + 5);
        return;
    }
    for (int i = 0; i < TUI_SCREENS; i++)
        if (strncmp(tui_screens[i]->name, text, size) == 0) {
            found = strlen(tui_screens[i]->name) == size || matches == 0 ? tui_screens[i] : found;
            matches = strlen(tui_screens[i]->name) == size ? 1 : matches + 1;
        }
    if (strcmp(text, "q") == 0 || strcmp(text, "quit") == 0) {
        quit(self);
    } else if (strcmp(text, "help") == 0) {
        show_help(self);
    } else if (strncmp(text, "at ", 3) == 0) {
        tui_app_at(self, text + 3);
    } else if (strcmp(text, "live") == 0) {
        tui_app_seek(self, 0);
    } else if (matches == 1) {
        tui_app_show(self, found);
    } else {
        const char *nearest = cli_nearest(text, commands, sizeof commands / sizeof *commands - 1);
        if (nearest != NULL)
            tui_app_say(self, TUI_BAD, "there is no '%.40s'; did you mean %s?", text, nearest);
        else
            tui_app_say(self, TUI_BAD, "there is no '%.40s'; the screens are 1 to 8, see ?", text);
    }
}

/* `done`: the line was ended with Enter; whatever else ends it does nothing. */
static void run_name(tui_app_t *self, bool done, const char *text)
{
    tui_ask_t ask = self->unconfirmed;
    const char *wanted = ask.confirm[0] != 0 ? ask.confirm : ask.name;
    self->unconfirmed = (tui_ask_t){0};
    if (done && wanted[0] != 0 && strcmp(text, wanted) == 0) {
        tui_app_say(self, TUI_PLAIN, "%s %s ...", ask.word, wanted);
        tui_app_ask(self, &ask);
        return;
    }
    if (done && text[0] != 0)
        tui_app_say(self, TUI_WARN, "nothing was done: '%.40s' is not %s", text, wanted);
    else
        tui_app_say(self, TUI_WARN, "nothing was done");
    vd_buffer_free(&ask.bytes);
}

static void set_filter(tui_app_t *self, const char *text)
{
    vd_str_copy(self->filters[self->screen], TUI_FILTER_BYTES, vd_str(text));
}

static void end_typing(tui_app_t *self, bool done)
{
    tui_typing_t typing = self->typing;
    char text[TUI_PROMPT_BYTES];
    memcpy(text, self->prompt.text, sizeof text);
    self->typing = TUI_TYPING_NOTHING;
    if (typing == TUI_TYPING_FILTER)
        set_filter(self, done ? text : self->kept_filter);
    else if (typing == TUI_TYPING_COMMAND && done)
        run_command(self, text);
    else if (typing == TUI_TYPING_TIME && done && text[0] != 0)
        tui_app_at(self, text);
    else if (typing == TUI_TYPING_NAME)
        run_name(self, done, text);
}

static void type(tui_app_t *self, int key)
{
    tui_prompt_end_t end = tui_prompt_key(&self->prompt, key);
    if (end != TUI_PROMPT_OPEN)
        end_typing(self, end == TUI_PROMPT_DONE);
    else if (self->typing == TUI_TYPING_FILTER)
        set_filter(self, self->prompt.text);
}

static void begin(tui_app_t *self, tui_typing_t typing, const char *title, const char *text)
{
    self->typing = typing;
    tui_prompt_open(&self->prompt, title, text, typing == TUI_TYPING_COMMAND ? commands : NULL);
}

/* ---- copy, export, control ---- */

static void copy(tui_app_t *self)
{
    const tui_screen_t *screen = tui_app_screen(self);
    tui_ask_t ask = {.kind = TUI_ASK_COPY};
    vd_buffer_init(&ask.bytes, COPY_BYTES_MAX);
    if (screen->text != NULL)
        screen->text(self, true, &ask.bytes);
    if (ask.bytes.size == 0 && !ask.bytes.full)
        tui_app_export_text(self, &ask.bytes);
    if (ask.bytes.full) { /* half of it would be of no use */
        tui_app_say(self, TUI_WARN, "nothing was copied: it has more than %d bytes; e writes it",
                    COPY_BYTES_MAX);
        vd_buffer_free(&ask.bytes);
        return;
    }
    tui_app_ask_for(self, &ask, -1);
}

/* What found no room goes in whole lines. */
static void cut_to_lines(tui_ask_t *ask)
{
    size_t size = ask->bytes.size;
    if (!ask->bytes.full)
        return;
    while (size > 0 && ask->bytes.data[size - 1] != '\n')
        size--;
    vd_buffer_cut(&ask->bytes, size);
    for (size_t i = 0; i < size; i++)
        ask->count += ask->bytes.data[i] == '\n';
}

static void export_shown(tui_app_t *self)
{
    const tui_screen_t *screen = tui_app_screen(self);
    char ts[VD_TS_SIZE], stamp[VD_TS_SIZE];
    size_t used = 0;
    tui_ask_t ask = {.kind = TUI_ASK_EXPORT};
    vd_buffer_init(&ask.bytes, EXPORT_BYTES_MAX);
    vd_ts_format(self->clock_ms, ts);
    for (size_t i = 0; ts[i] != 0 && ts[i] != '.'; i++)
        if (ts[i] != '-' && ts[i] != ':')
            stamp[used++] = ts[i];
    stamp[used] = 0;
    snprintf(ask.name, sizeof ask.name, "vedette-%.20s-%sZ.txt", screen->name, stamp);
    if (screen->text != NULL)
        screen->text(self, false, &ask.bytes);
    if (ask.bytes.size == 0)
        tui_app_export_text(self, &ask.bytes);
    cut_to_lines(&ask);
    tui_app_ask_for(self, &ask, -1);
}

static void control(tui_app_t *self, const char *verb)
{
    const tui_screen_t *screen = tui_app_screen(self);
    tui_ask_t ask = {.kind = TUI_ASK_CONTROL};
    vd_str_copy(ask.word, sizeof ask.word, vd_str(verb));
    if (screen->actor != NULL && screen->actor(self, ask.name))
        tui_app_confirm(self, &ask, verb);
    else
        tui_app_say(self, TUI_WARN, "choose an actor first: press 2");
}

static void effect(tui_app_t *self, tui_ask_kind_t kind)
{
    tui_ask_t ask = {.kind = kind};
    tui_app_ask_for(self, &ask, -1);
}

/* ---- keys ---- */

static bool key_of_core(tui_app_t *self, int key)
{
    if (key >= '1' && key < '1' + TUI_SCREENS)
        tui_app_show(self, tui_screens[key - '1']);
    else if (key == TUI_KEY_TAB)
        tui_app_show(self, tui_screens[(self->screen + 1) % TUI_SCREENS]);
    else if (key == ':')
        begin(self, TUI_TYPING_COMMAND, ":", "");
    else if (key == 't')
        begin(self, TUI_TYPING_TIME, "time or event: ", "");
    else if (key == '?')
        show_help(self);
    else if (key == 'y')
        copy(self);
    else if (key == 'e')
        export_shown(self);
    else if (key == 'r')
        control(self, "restart");
    else if (key == 'x')
        control(self, "stop");
    else if (key == 'q' || key == TUI_CTRL('c'))
        quit(self);
    else if (key == TUI_CTRL('z'))
        effect(self, TUI_ASK_SUSPEND);
    else if (key == TUI_CTRL('l') || key == TUI_KEY_REDRAW)
        effect(self, TUI_ASK_REDRAW);
    else
        return false;
    return true;
}

static void key_of_help(tui_app_t *self, int key)
{
    if (key == TUI_KEY_DOWN || key == 'j')
        self->help_top++;
    else if (key == TUI_KEY_UP || key == 'k')
        self->help_top -= self->help_top > 0;
    else if (key == TUI_KEY_PAGE_DOWN)
        self->help_top += self->height / 2;
    else if (key == TUI_KEY_PAGE_UP)
        self->help_top -= self->help_top > self->height / 2 ? self->height / 2 : self->help_top;
    else
        self->helping = false;
    if (!self->helping)
        self->help_top = 0;
}

void tui_app_key(tui_app_t *self, int key)
{
    const tui_screen_t *screen = tui_app_screen(self);
    if (self->typing != TUI_TYPING_NOTHING && key == TUI_CTRL('c'))
        key = TUI_KEY_ESCAPE;
    self->said[0] = 0;
    if (key == TUI_CTRL('z') || key == TUI_CTRL('l')) {
        key_of_core(self, key);
    } else if (self->typing != TUI_TYPING_NOTHING) {
        type(self, key);
    } else if (self->helping && !tui_app_is_tiny(self)) {
        key_of_help(self, key);
    } else if (screen->key != NULL && screen->key(self, key)) {
        return;
    } else if (key == '/') {
        memcpy(self->kept_filter, self->filters[self->screen], TUI_FILTER_BYTES);
        begin(self, TUI_TYPING_FILTER, "/", self->filters[self->screen]);
    } else if (key == TUI_KEY_ESCAPE) {
        set_filter(self, "");
    } else if (!tui_app_time_key(self, key) && !key_of_core(self, key) && key > ' ' && key < 127) {
        tui_app_say(self, TUI_DIM, "%c does nothing here; ? shows what does", key);
    }
}
