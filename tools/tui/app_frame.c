/* app_frame.c: what stands around every screen: its title, the moment, the last line, the help. */
#include "tui/app_impl.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const common_help =
    "1-8, Tab   the screens: overview, actors, sources, stream, subscribers,\n"
    "           observers, progress, sessions\n"
    ":          go to a screen by name; open SESSION[:SEQ], at TIME, live, quit\n"
    "/          filter what is listed; with ! in front: what is not so\n"
    "n N        to the next, to the previous that was looked for\n"
    "arrows, j k, PgUp PgDn, Home End, g G   move\n"
    "Enter Esc  detail and back\n"
    "s S c      sort by the next column, the other way round; choose columns\n"
    "Space      freeze what is shown; the data go on. In the past: play, stop\n"
    "[ ] { }    an event back, an event on; ten seconds back, on\n"
    "t          go to a time: 14:02:11, 2026-11-22T14:02:11Z, -5m, or a sequence 123\n"
    "< >        play slower, faster\n"
    "L          back to live. In the past all is what events tell: CPU, memory, lags and\n"
    "           ages of readings are figures of now, which no event has; they are - there\n"
    "m M        to the next, to the previous fault. The line of time has faults as filled\n"
    "           marks, failures as empty ones; on one of them you are a triangle\n"
    "y e        copy the chosen row; write what is listed into a file\n"
    "r x        restart, stop the chosen actor, after its name was typed\n"
    "Ctrl-L     draw anew\n"
    "Ctrl-Z     suspend; fg comes back\n"
    "q          quit\n";

/* Draws lines from `top` on. Returns how many there are. */
static int draw_lines(tui_canvas_t *canvas, tui_box_t box, int y, int top, const char *text)
{
    int count = 0;
    while (text != NULL && *text != 0) {
        size_t size = strcspn(text, "\n");
        if (count >= top)
            tui_put_str(canvas, box, 0, y + count - top, TUI_PLAIN, vd_bytes(text, size));
        count++;
        text += size + (text[size] == '\n');
    }
    return count;
}

static void draw_help(tui_app_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    const tui_screen_t *screen = tui_app_screen(self);
    vd_buffer_t text;
    vd_buffer_init(&text, 16384);
    if (screen->help != NULL)
        vd_buffer_add(&text, screen->help, strlen(screen->help));
    vd_buffer_add(&text, "\n\n", 2);
    vd_buffer_add(&text, common_help, strlen(common_help) + 1);
    if (!text.full) {
        int lines = 0;
        for (size_t i = 0; i < text.size; i++)
            lines += text.data[i] == '\n';
        int most = lines > box.height - 1 ? lines - (box.height - 1) : 0;
        self->help_top = self->help_top < most ? self->help_top : most;
        tui_putf(canvas, box, 0, 0, TUI_TITLE, "%s: help", screen->name);
        draw_lines(canvas, tui_within(box, 0, 1, 0, 0), 0, self->help_top, (const char *)text.data);
    }
    vd_buffer_free(&text);
}

static void draw_title(tui_app_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    enum { TABS_COLUMNS = 112 };
    char text[64];
    int x = 0;
    tui_tone_t tone = tui_app_moment_text(self, text, sizeof text);
    int width = tui_columns(vd_str(text));
    tui_box_t left = tui_within(box, 0, 0, box.width - width - 1, 1);
    for (int i = 0; i < TUI_SCREENS; i++) {
        bool chosen = i == self->screen;
        if (chosen || box.width >= TABS_COLUMNS)
            x += tui_putf(canvas, left, x, 0, chosen ? TUI_TITLE : TUI_DIM,
                          chosen ? "[%d %s]" : " %d %s ", i + 1, tui_screens[i]->name);
    }
    if (box.width < TABS_COLUMNS)
        tui_put(canvas, left, x + 1, 0, TUI_DIM, tui_app_session(self));
    tui_put(canvas, box, box.width - width, 0, tone, text);
}

static void draw_last_line(tui_app_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const char *filter = self->filters[self->screen];
    if (self->typing != TUI_TYPING_NOTHING)
        tui_prompt_draw(&self->prompt, canvas, box, y);
    else if (self->said[0] != 0)
        tui_put(canvas, box, 0, y, self->said_tone, self->said);
    else if (!self->linked)
        tui_putf(canvas, box, 0, y, TUI_BAD, "runtime gone since %s%s",
                 TUI_TIME(self->link_since_ms, self->clock_ms),
                 tui_app_live(self) ? "; what is shown is from then" : "");
    else if (tui_app_is_silent(self))
        tui_putf(canvas, box, 0, y, TUI_BAD,
                 "the ingestor does not answer since %s: what came since is not shown",
                 TUI_TIME(self->silent_since_ms, self->clock_ms));
    else if (tui_app_is_lost(self) && self->moment.mode == TUI_TIMELINE_LIVE)
        tui_put(canvas, box, 0, y, TUI_BAD, self->closed);
    else if (filter[0] != 0)
        tui_putf(canvas, box, 0, y, TUI_ACCENT, "filter: %s   (Esc shows all)", filter);
    else if (self->moment.trouble != VD_OK)
        tui_putf(canvas, box, 0, y, TUI_BAD, "the past cannot be read: %s", self->moment.text);
    else if (self->moment.missing > 0)
        tui_putf(canvas, box, 0, y, TUI_WARN,
                 "%llu events before this moment are not there: pruned, or damaged",
                 (unsigned long long)self->moment.missing);
    else if (self->closed[0] != 0)
        tui_put(canvas, box, 0, y, TUI_WARN, self->closed);
    else
        tui_put(canvas, box, 0, y, TUI_DIM,
                self->readonly ? "? help  : go to  / filter  q quit   read-only"
                               : "? help  : go to  / filter  q quit");
}

/* All there is room for. */
static void draw_tiny(tui_app_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    char text[64];
    const tui_now_figures_t *figures = tui_now_figures(self->now);
    tui_tone_t tone = tui_app_moment_text(self, text, sizeof text);
    if (self->typing != TUI_TYPING_NOTHING) {
        tui_prompt_draw(&self->prompt, canvas, box, 0);
        return;
    }
    if (self->said[0] != 0) {
        tui_put(canvas, box, 0, 0, self->said_tone, self->said);
        return;
    }
    int x = tui_put(canvas, box, 0, 0, tone, text);
    if (figures->state[0] != 0)
        tui_putf(canvas, box, x, 0, tui_state_tone(vd_str(figures->state)), "  %s %llu/%llu",
                 figures->state, (unsigned long long)figures->ready,
                 (unsigned long long)figures->actors);
}

static tui_box_t content(tui_box_t box)
{
    return tui_within(box, 0, 1, 0, box.height - 3);
}

void tui_app_draw(tui_app_t *self, tui_canvas_t *canvas)
{
    tui_box_t box = tui_canvas_box(canvas);
    self->width = box.width;
    self->height = box.height;
    self->ascii = tui_canvas_ascii(canvas);
    if (tui_app_is_tiny(self)) {
        draw_tiny(self, canvas, box);
        return;
    }
    draw_title(self, canvas, box);
    if (self->helping)
        draw_help(self, canvas, content(box));
    else
        tui_app_screen(self)->draw(self, canvas, content(box));
    tui_app_draw_scrubber(self, canvas, tui_within(box, 0, box.height - 2, 0, 1));
    draw_last_line(self, canvas, box, box.height - 1);
}

void tui_app_export_text(tui_app_t *self, vd_buffer_t *out)
{
    int height = self->height > TUI_TINY_ROWS ? self->height : TUI_TINY_ROWS;
    tui_canvas_t *canvas = tui_canvas_new(self->width, height, self->ascii);
    if (canvas == NULL)
        return;
    tui_app_screen(self)->draw(self, canvas, tui_canvas_box(canvas));
    tui_canvas_text(canvas, out);
    tui_canvas_destroy(&canvas);
}
