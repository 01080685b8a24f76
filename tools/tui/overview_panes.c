/* overview_panes.c: see overview_panes.h. */
#include "tui/overview_panes.h"

#include "vedette/text.h"

#include <stdio.h>

enum {
    WIDE_COLUMNS = 100, /* from here on the two panes stand side by side */
    PANE_ROWS_MIN = 3,  /* a rule, what is worst, and how many more there are */
    LISTED_MAX = 64,    /* rows of a pane, however high the terminal is */
    GRADES = 7,         /* from the worst to the best */
    GAP_COLUMNS = 2,
    LATE_MUCH = 16,
};

/* The rows of a pane, those that are worst first. */
typedef struct listed {
    size_t rows[GRADES][LISTED_MAX];
    size_t counts[GRADES];
    size_t count, total; /* that the filter lets through, and that there are */
} listed_t;

typedef struct pen {
    tui_app_t *app;
    tui_canvas_t *canvas;
    bool now; /* figures of now are shown */
    int64_t clock_ms;
    const tui_state_t *state;
    const char *filter;
} pen_t;

/* Draws row `at` of what a pane lists into the one row that the box has. */
typedef void draw_row_fn(const pen_t *pen, tui_box_t box, size_t at);

static void list_row(listed_t *self, unsigned grade, size_t at)
{
    size_t *count = &self->counts[grade];
    if (*count < LISTED_MAX)
        self->rows[grade][(*count)++] = at;
    self->count++;
}

/* Does the filter find itself in what is shown of a row? */
static bool passes(const pen_t *pen, const char *name, const char *state, const char *text)
{
    char row[512];
    if (pen->filter[0] == 0)
        return true;
    snprintf(row, sizeof row, "%s %s %s", name, state, text);
    return tui_filter_match(pen->filter, row);
}

/* ---- actors ---- */

static unsigned grade_of_actor(const tui_now_actor_t *actor)
{
    if (strcmp(actor->wanted, "up") != 0)
        return GRADES - 1; /* it is down as wanted */
    return strcmp(actor->state, "failed") == 0 ? 0 : strcmp(actor->state, "ready") != 0 ? 1 : 2;
}

static unsigned grade_of_told(const tui_actor_t *actor)
{
    static const unsigned grades[TUI_ACTOR_STATES] = {
        [TUI_ACTOR_FAILED] = 0,           [TUI_ACTOR_DEAD] = 1,  [TUI_ACTOR_STARTING] = 1,
        [TUI_ACTOR_STOPPED] = GRADES - 1, [TUI_ACTOR_READY] = 2,
    };
    return grades[actor->state];
}

static void list_actors(const pen_t *pen, listed_t *listed)
{
    if (pen->now) {
        const tui_now_actor_t *actors = tui_now_actors(tui_app_now(pen->app), &listed->total);
        for (size_t i = 0; i < listed->total; i++)
            if (passes(pen, actors[i].name, actors[i].state, actors[i].reason))
                list_row(listed, grade_of_actor(&actors[i]), i);
        return;
    }
    const tui_actor_t *told = tui_state_actors(pen->state, &listed->total);
    for (size_t i = 0; i < listed->total; i++)
        if (passes(pen, told[i].name, tui_actor_state_word(told[i].state), told[i].error))
            list_row(listed, grade_of_told(&told[i]), i);
}

/* A name takes what the other columns leave, within bounds. */
static int name_columns(tui_box_t box, int others)
{
    enum { MIN = 12, MAX = 28 };
    int columns = box.width - others;
    return columns < MIN ? MIN : columns > MAX ? MAX : columns;
}

static int put(const pen_t *pen, tui_box_t box, int x, int columns, bool right, tui_tone_t tone,
               const char *text)
{
    tui_put_cell(pen->canvas, box, x, 0, columns, right, tone, vd_str(text));
    return x + columns + 1;
}

/* The rest of the row; nothing where no word would be told from another. */
static void put_rest(const pen_t *pen, tui_box_t box, int x, tui_tone_t tone, const char *text)
{
    enum { MIN = 6 };
    if (text[0] != 0 && box.width - x >= MIN)
        tui_put_cell(pen->canvas, box, x, 0, box.width - x, false, tone, vd_str(text));
}

static void draw_actor(const pen_t *pen, tui_box_t box, size_t at)
{
    enum {
        STATE = 8,
        CPU = 4,
        MEMORY = 6,
        RESTARTS = 12,
        OTHERS = STATE + CPU + MEMORY + RESTARTS + 4
    };
    size_t count;
    const tui_now_actor_t *now =
        pen->now ? tui_now_actors(tui_app_now(pen->app), &count) + at : NULL;
    const tui_actor_t *told = now == NULL ? tui_state_actors(pen->state, &count) + at : NULL;
    const char *state = now != NULL ? now->state : tui_actor_state_word(told->state);
    const char *reason = now == NULL                        ? told->error
                         : strcmp(now->state, "ready") != 0 ? now->reason
                                                            : "";
    uint64_t restarts = now != NULL ? now->restarts : told->restarts;
    char cpu[16] = "-", memory[24] = "-";
    if (now != NULL && now->pid > 0 && now->cpu_percent >= 0)
        snprintf(cpu, sizeof cpu, "%d%%", now->cpu_percent);
    if (now != NULL && now->pid > 0 && now->memory_bytes > 0)
        cli_format_bytes(now->memory_bytes, memory, sizeof memory);
    int x = put(pen, box, 0, name_columns(box, OTHERS), false, TUI_PLAIN,
                now != NULL ? now->name : told->name);
    x = put(pen, box, x, STATE, false, tui_state_tone(vd_str(state)), state);
    if (reason[0] == 0) { /* else it stands in their place */
        x = put(pen, box, x, CPU, true, TUI_PLAIN, cpu);
        x = put(pen, box, x, MEMORY, true, TUI_PLAIN, memory);
    }
    x = put(pen, box, x, RESTARTS, true, restarts > 0 ? TUI_WARN : TUI_DIM,
            CLI_COUNT(restarts, "restart"));
    put_rest(pen, box, x, TUI_BAD, reason);
}

/* ---- sources ---- */

static unsigned grade_of_source(const tui_now_source_t *source)
{
    if (source->reads == 0)
        return strcmp(source->status, "no poller") == 0 ? 1 : 4;
    if (strcmp(source->status, "ok") != 0)
        return 0;
    if (source->late > 0)
        return source->late >= LATE_MUCH ? 2 : 3;
    return source->failures > 0 ? 5 : 6;
}

static void list_sources(const pen_t *pen, listed_t *listed)
{
    char word[32];
    if (!pen->now) {
        const tui_source_t *told = tui_state_sources(pen->state, &listed->total);
        for (size_t i = 0; i < listed->total; i++)
            if (passes(pen, told[i].name, "", ""))
                list_row(listed, 0, i);
        return;
    }
    const tui_now_source_t *sources = tui_now_sources(tui_app_now(pen->app), &listed->total);
    for (size_t i = 0; i < listed->total; i++)
        if (passes(pen, sources[i].name, tui_source_word(&sources[i], word, sizeof word),
                   sources[i].error))
            list_row(listed, grade_of_source(&sources[i]), i);
}

static void draw_source(const pen_t *pen, tui_box_t box, size_t at)
{
    enum { STATE = 10, ERRORS = 10, OTHERS = STATE + ERRORS + 2 };
    char word[32], share[16], errors[32];
    size_t count;
    if (!pen->now) {
        const tui_source_t *told = tui_state_sources(pen->state, &count) + at;
        int x = put(pen, box, 0, name_columns(box, OTHERS), false, TUI_PLAIN, told->name);
        snprintf(errors, sizeof errors, "%s, newest ", CLI_COUNT(told->events, "event"));
        x += tui_put(pen->canvas, box, x, 0, TUI_PLAIN, errors);
        tui_put(pen->canvas, box, x, 0, TUI_PLAIN, TUI_TIME(told->last_ms, pen->clock_ms));
        return;
    }
    const tui_now_source_t *source = tui_now_sources(tui_app_now(pen->app), &count) + at;
    bool failing = source->reads > 0 && strcmp(source->status, "ok") != 0;
    tui_source_word(source, word, sizeof word);
    tui_source_errors(source, share, sizeof share);
    snprintf(errors, sizeof errors, "%s failed", share);
    int x = put(pen, box, 0, name_columns(box, 2 * OTHERS), false, TUI_PLAIN, source->name);
    x = put(pen, box, x, STATE, false, tui_state_tone(vd_str(word)), word);
    x = put(pen, box, x, ERRORS, true, source->failures > 0 ? TUI_WARN : TUI_DIM,
            source->reads > 0 ? errors : "-");
    put_rest(pen, box, x, failing ? TUI_BAD : TUI_DIM,
             source->error[0] != 0 ? source->error
             : failing             ? source->status
                                   : "");
}

/* ---- observers ---- */

static const char *state_of_observer(const pen_t *pen, const tui_observer_t *row)
{
    const tui_now_actor_t *now = pen->now ? tui_now_actor(tui_app_now(pen->app), row->name) : NULL;
    const tui_actor_t *told = tui_state_actor(pen->state, vd_str(row->name));
    return now != NULL ? now->state : told != NULL ? tui_actor_state_word(told->state) : "-";
}

static void list_observers(const pen_t *pen, listed_t *listed)
{
    const tui_observer_t *rows = tui_state_observers(pen->state, &listed->total);
    for (size_t i = 0; i < listed->total; i++)
        if (passes(pen, rows[i].name, state_of_observer(pen, &rows[i]), rows[i].source))
            list_row(listed, 0, i);
}

static void draw_observer(const pen_t *pen, tui_box_t box, size_t at)
{
    enum { STATE = 8, OTHERS = 60 };
    size_t count;
    char text[160];
    const tui_observer_t *row = tui_state_observers(pen->state, &count) + at;
    const char *state = state_of_observer(pen, row);
    int x = put(pen, box, 0, name_columns(box, OTHERS), false, TUI_PLAIN, row->name);
    x = put(pen, box, x, STATE, false, tui_state_tone(vd_str(state)), state);
    snprintf(text, sizeof text, "%s, the newest at %s%s%s", CLI_COUNT(row->events, "event"),
             TUI_TIME(row->last_ms, pen->clock_ms), row->source[0] != 0 ? ", of " : "",
             row->source);
    put_rest(pen, box, x, TUI_PLAIN, text);
}

/* ---- panes ---- */

static void draw_pane(const pen_t *pen, tui_box_t box, const char *title, const listed_t *listed,
                      draw_row_fn *draw_row)
{
    size_t rows = (size_t)box.height - 1, shown = 0;
    char text[64];
    if (rows > LISTED_MAX)
        rows = LISTED_MAX;
    snprintf(text, sizeof text, "%s: %zu of %zu", title, listed->count, listed->total);
    tui_rule(pen->canvas, box, 0, listed->count < listed->total ? text : title);
    if (listed->count == 0)
        tui_put(pen->canvas, box, 0, 1, TUI_DIM,
                listed->total == 0 ? "none is known" : "none that the filter lets through");
    size_t most = listed->count <= rows ? rows : rows - 1;
    for (unsigned grade = 0; grade < GRADES; grade++)
        for (size_t i = 0; i < listed->counts[grade] && shown < most; i++) {
            tui_box_t row = tui_within(box, 0, 1 + (int)shown++, 0, 1);
            draw_row(pen, row, listed->rows[grade][i]);
        }
    if (listed->count > rows)
        tui_putf(pen->canvas, box, 0, 1 + (int)shown, TUI_DIM, "and %zu more",
                 listed->count - shown);
}

/* Rows that a pane would fill. */
static int rows_of(const listed_t *listed)
{
    return listed->count == 0           ? 2
           : listed->count > LISTED_MAX ? 1 + LISTED_MAX
                                        : 1 + (int)listed->count;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int draw_actors_and_sources(const pen_t *pen, tui_box_t box, int y, int room)
{
    bool wide = box.width >= WIDE_COLUMNS;
    listed_t actors = {.count = 0}, sources = {.count = 0};
    if (room < (wide ? 1 : 2) * PANE_ROWS_MIN)
        return y;
    list_actors(pen, &actors);
    list_sources(pen, &sources);
    const char *title = pen->now ? "sources" : "sources of events";
    int first = rows_of(&actors), second = rows_of(&sources);
    if (wide) {
        int rows = least(room, first > second ? first : second);
        int left = (box.width - GAP_COLUMNS) / 2, x = left + GAP_COLUMNS;
        draw_pane(pen, tui_within(box, 0, y, left, rows), "actors", &actors, draw_actor);
        draw_pane(pen, tui_within(box, x, y, 0, rows), title, &sources, draw_source);
        return y + rows;
    }
    /* Half each; what one does not need is the other's. */
    int half = room / 2;
    first = least(first, second < room - half ? room - second : half);
    second = least(second, room - first);
    draw_pane(pen, tui_within(box, 0, y, 0, first), "actors", &actors, draw_actor);
    draw_pane(pen, tui_within(box, 0, y + first, 0, second), title, &sources, draw_source);
    return y + first + second;
}

static pen_t pen_of(tui_app_t *app, tui_canvas_t *canvas, const char *filter)
{
    return (pen_t){.app = app,
                   .canvas = canvas,
                   .now = tui_app_shows_now(app),
                   .clock_ms = tui_app_clock_ms(app),
                   .state = tui_app_state(app),
                   .filter = filter};
}

/* The worst grade of what is listed, and whether anything is. */
static bool is_worse(const listed_t *listed, unsigned good)
{
    for (unsigned grade = 0; grade < good; grade++)
        if (listed->counts[grade] > 0)
            return true;
    return false;
}

const tui_screen_t *tui_overview_leads_to(tui_app_t *app, const char *filter)
{
    enum { ACTOR_WELL = 2, SOURCE_WELL = 5 }; /* grades */
    pen_t pen = pen_of(app, NULL, filter);
    listed_t actors = {.count = 0}, sources = {.count = 0}, observers = {.count = 0};
    list_actors(&pen, &actors);
    list_sources(&pen, &sources);
    list_observers(&pen, &observers);
    bool ill = is_worse(&actors, ACTOR_WELL);
    bool worse = pen.now && is_worse(&sources, SOURCE_WELL);
    if (!ill && sources.count > 0 && (actors.count == 0 || worse))
        return &tui_screen_sources;
    return actors.count == 0 && observers.count > 0 ? &tui_screen_observers : &tui_screen_actors;
}

int tui_overview_draw_panes(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box, int y, int below)
{
    pen_t pen = pen_of(app, canvas, tui_app_filter(app));
    int end = draw_actors_and_sources(&pen, box, y, box.height - below - y);
    int room = box.height - below - end;
    listed_t observers = {.count = 0};
    list_observers(&pen, &observers);
    if (end == y || observers.count == 0 || room < PANE_ROWS_MIN)
        return end;
    int rows = least(room, rows_of(&observers));
    draw_pane(&pen, tui_within(box, 0, end, 0, rows), "observers", &observers, draw_observer);
    return end + rows;
}
