/* screen_sources.c: what is observed: now as the broker and the pollers tell it, in the past the sources
 * that causes of events name. */
#include "tui/listing.h"
#include "tui/screen.h"
#include "vedette/text.h"

#include <stdio.h>

typedef struct sources {
    tui_listing_t listing;
    const tui_now_source_t *now; /* NULL in the past */
    const tui_source_t *told;
    size_t count;
    const tui_state_t *state;
    int64_t clock_ms;
    /* What the table was made of. */
    uint64_t version, events;
    bool live, made;
    char filter[TUI_FILTER_BYTES];
} sources_t;

enum {
    NAME,
    STATE,
    INTERVAL,
    ERRORS,
    LATENCY,
    EVENTS,
    POLLER,
    ERROR,
    ADAPTER,
    ADDRESS,
    PROVIDER,
    SINCE,
    SAMPLE
};

static const tui_column_t columns[] = {
    [NAME] = {"SOURCE", 22, 100, false, false, false},
    [STATE] = {"STATE", 10, 99, false, false, false},
    [INTERVAL] = {"EVERY", 6, 60, true, false, false},
    [ERRORS] = {"ERRORS", 7, 80, true, false, false},
    [LATENCY] = {"LATENCY", 8, 70, true, false, false},
    [EVENTS] = {"EVENTS", 7, 75, true, false, false},
    [POLLER] = {"POLLER", 10, 65, false, false, false},
    [ERROR] = {"LAST ERROR", 12, 90, false, true, false},
    [ADAPTER] = {"ADAPTER", 8, 30, false, false, true},
    [ADDRESS] = {"ADDRESS", 24, 40, false, false, true},
    [PROVIDER] = {"PROVIDER", 10, 20, false, false, true},
    [SINCE] = {"LAST EVENT", 10, 35, false, false, true},
    [SAMPLE] = {"SAMPLE", 8, 10, true, false, true},
};

static sources_t *memory(tui_app_t *app)
{
    return tui_app_memory(app, &tui_screen_sources);
}

static vd_str_t key_of(const void *context, size_t row)
{
    const sources_t *self = context;
    return vd_str(self->now != NULL ? self->now[row].name : self->told[row].name);
}

static void put_errors(const tui_now_source_t *source, tui_item_t *item)
{
    char text[16];
    double percent = tui_source_errors(source, text, sizeof text);
    tui_item_number(item, source->failures > 0 ? TUI_WARN : TUI_PLAIN, percent, "%s", text);
}

static void put_latency(const tui_now_source_t *source, tui_item_t *item)
{
    double ms = (double)source->took_us / 1000;
    if (source->reads == 0)
        tui_item_text(item, TUI_DIM, "-");
    else if (ms < 1)
        tui_item_number(item, TUI_PLAIN, 0, "<1ms");
    else
        tui_item_number(item, TUI_PLAIN, ms, "%.0fms", ms);
}

static void put_interval(const tui_now_source_t *source, tui_item_t *item)
{
    char text[32];
    if (source->interval_ms == 0) {
        tui_item_text(item, TUI_DIM, "-");
        return;
    }
    if (source->interval_ms % 1000 == 0)
        cli_format_duration((int64_t)source->interval_ms, text, sizeof text);
    else
        snprintf(text, sizeof text, "%llums", (unsigned long long)source->interval_ms);
    tui_item_number(item, TUI_PLAIN, (double)source->interval_ms, "%s", text);
}

static void cell_of_now(const tui_now_source_t *source, int column, tui_item_t *item)
{
    char word[32];
    switch (column) {
    case NAME:
        tui_item_text(item, TUI_PLAIN, source->name);
        break;
    case STATE:
        tui_source_word(source, word, sizeof word);
        tui_item_text(item, tui_state_tone(vd_str(word)), word);
        break;
    case INTERVAL:
        put_interval(source, item);
        break;
    case ERRORS:
        put_errors(source, item);
        break;
    case LATENCY:
        put_latency(source, item);
        break;
    case POLLER:
        tui_item_text(item, TUI_PLAIN, source->poller[0] != 0 ? source->poller : "-");
        break;
    case ADAPTER:
        tui_item_text(item, TUI_PLAIN, source->adapter);
        break;
    case ADDRESS:
        tui_item_text(item, TUI_PLAIN, source->address);
        break;
    case PROVIDER:
        tui_item_text(item, TUI_PLAIN, source->provider);
        break;
    case ERROR: {
        bool failing = source->reads > 0 && strcmp(source->status, "ok") != 0;
        tui_item_text(item, failing ? TUI_BAD : TUI_DIM,
                      source->error[0] != 0 ? source->error
                      : failing             ? source->status
                                            : "");
        break;
    }
    default:
        break;
    }
}

static void cell_of_events(const sources_t *self, const tui_source_t *told, int column,
                           tui_item_t *item)
{
    if (column == EVENTS)
        tui_item_number(item, TUI_PLAIN, told != NULL ? (double)told->events : 0, "%llu",
                        (unsigned long long)(told != NULL ? told->events : 0));
    else if (told == NULL)
        tui_item_text(item, TUI_DIM, "-");
    else if (column == SINCE)
        tui_item_number(item, TUI_PLAIN, (double)told->last_ms, "%s",
                        TUI_TIME(told->last_ms, self->clock_ms));
    else
        tui_item_number(item, TUI_PLAIN, (double)told->sample, "%llu",
                        (unsigned long long)told->sample);
}

static void cell_of(const void *context, size_t row, int column, tui_item_t *item)
{
    const sources_t *self = context;
    vd_str_t name = key_of(context, row);
    bool of_events = column == EVENTS || column == SINCE || column == SAMPLE;
    if (of_events)
        cell_of_events(self,
                       self->told != NULL ? self->told + row : tui_state_source(self->state, name),
                       column, item);
    else if (self->now != NULL)
        cell_of_now(self->now + row, column, item);
    else if (column == NAME)
        tui_item_str(item, TUI_PLAIN, name);
    else
        tui_item_text(item, TUI_DIM, "-");
}

/* With thousands of sources the table is made anew only when something has changed; in the past always,
 * for the rows of another moment may stand elsewhere. */
static bool is_fresh(const sources_t *self, const tui_app_t *app, bool live)
{
    return self->made && live && self->live && self->version == tui_now_version(tui_app_now(app)) &&
           self->events == tui_state_totals(self->state)->seq &&
           strcmp(self->filter, tui_app_filter(app)) == 0;
}

static sources_t *refresh(tui_app_t *app)
{
    sources_t *self = memory(app);
    bool live = tui_app_shows_now(app),
         opened = tui_listing_open(&self->listing, columns, sizeof columns / sizeof *columns);
    const tui_state_t *state = tui_app_state(app);
    self->made = self->made && self->state == state;
    self->state = state;
    self->clock_ms = tui_app_clock_ms(app);
    if (!opened || is_fresh(self, app, live))
        return self;
    self->now = live ? tui_now_sources(tui_app_now(app), &self->count) : NULL;
    self->told = live ? NULL : tui_state_sources(state, &self->count);
    self->live = live;
    self->made = true;
    self->version = live ? tui_now_version(tui_app_now(app)) : 0;
    self->events = tui_state_totals(state)->seq;
    vd_str_copy(self->filter, sizeof self->filter, vd_str(tui_app_filter(app)));
    tui_list_t rows = {self, self->count, key_of, cell_of};
    tui_listing_set(&self->listing, &rows, self->filter);
    return self;
}

static bool key(tui_app_t *app, int key)
{
    return tui_listing_key(&refresh(app)->listing, key);
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    sources_t *self = refresh(app);
    char title[96];
    const tui_now_figures_t *figures = tui_now_figures(tui_app_now(app));
    if (self->live)
        snprintf(title, sizeof title, "sources, %zu up, %zu failing, %zu late, %zu unread",
                 figures->up, figures->failing, figures->late, figures->unread);
    else
        snprintf(title, sizeof title, "sources of events");
    if (self->live)
        tui_listing_note(&self->listing, figures->sources_left_out, "more found no room");
    else
        tui_listing_note(&self->listing, tui_state_totals(tui_app_state(app))->sources_left_out,
                         "events of others found no room");
    tui_listing_draw(&self->listing, canvas, box, title,
                     self->live ? "no source is known; a broker that has just started is told of "
                                  "them within seconds"
                                : "no event up to this moment has a source as its cause");
}

static void text(tui_app_t *app, bool chosen, vd_buffer_t *out)
{
    tui_listing_text(&refresh(app)->listing, chosen, out);
}

static void close(tui_app_t *app)
{
    tui_listing_close(&memory(app)->listing);
}

const tui_screen_t tui_screen_sources = {
    .name = "sources",
    .help = "What is observed. fresh: the last good reading is younger than three intervals;\n"
            "late 4x: it is four or more of them old; failing: the last read went wrong.\n"
            "ERRORS is the share of reads that failed. In the past: the sources that causes of\n"
            "events name; readings, their ages and errors are figures of now.\n\n"
            "Enter      all there is to say of one",
    .memory = sizeof(sources_t),
    .key = key,
    .draw = draw,
    .text = text,
    .close = close,
};
