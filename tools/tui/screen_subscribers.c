/* screen_subscribers.c: who follows the events, and how: now as publishers see it, in the past as events
 * told of them. */
#include "tui/listing.h"
#include "tui/screen.h"
#include "vedette/text.h"

#include <stdio.h>

typedef struct subscribers {
    tui_listing_t listing;
    const tui_now_subscriber_t *now; /* NULL in the past */
    const tui_subscriber_t *told;
    size_t count;
    int64_t clock_ms;
} subscribers_t;

enum { NAME, MODE, LAG, QUEUE, CREDIT, BATCH, BYTES, DROPS, SINCE, AT, SESSION, GAPS, TEXT };

static const tui_column_t columns[] = {
    [NAME] = {"NAME", 16, 100, false, true, false},
    [MODE] = {"MODE", 13, 99, false, false, false},
    [LAG] = {"LAG", 7, 95, true, false, false},
    [QUEUE] = {"QUEUE", 7, 90, true, false, false},
    [CREDIT] = {"CREDIT", 8, 70, true, false, false},
    [BATCH] = {"BATCH", 6, 65, true, false, false},
    [BYTES] = {"BYTES", 7, 50, true, false, false},
    [DROPS] = {"DROPS", 6, 80, true, false, false},
    [SINCE] = {"SINCE", 9, 60, false, false, false},
    [AT] = {"AT", 10, 40, false, false, false},
    [SESSION] = {"SESSION", 20, 30, false, false, true},
    [GAPS] = {"GAPS", 6, 20, true, false, true},
    [TEXT] = {"WHY", 16, 10, false, false, true},
};

static subscribers_t *memory(tui_app_t *app)
{
    return tui_app_memory(app, &tui_screen_subscribers);
}

static vd_str_t key_of(const void *context, size_t row)
{
    const subscribers_t *self = context;
    return vd_str(self->now != NULL ? self->now[row].key : self->told[row].name);
}

static void put_count(tui_item_t *item, tui_tone_t tone, uint64_t count)
{
    tui_item_number(item, tone, (double)count, "%llu", (unsigned long long)count);
}

static void put_time(tui_item_t *item, int64_t ms, int64_t clock_ms)
{
    tui_item_number(item, TUI_PLAIN, (double)ms, "%s", TUI_TIME(ms, clock_ms));
}

static void cell_of_now(const subscribers_t *self, const tui_now_subscriber_t *row, int column,
                        tui_item_t *item)
{
    char text[32];
    tui_tone_t behind = row->lag > 0 ? TUI_WARN : TUI_PLAIN;
    const char *mode = row->held ? "held" : row->mode[0] != 0 ? row->mode : "-";
    if (column == NAME)
        tui_item_text(item, TUI_PLAIN, row->name[0] != 0 ? row->name : "(no name)");
    else if (column == MODE)
        tui_item_text(item, row->held ? TUI_WARN : tui_state_tone(vd_str(mode)), mode);
    else if (column == LAG)
        put_count(item, behind, row->lag);
    else if (column == QUEUE)
        put_count(item, row->queue > 0 ? TUI_WARN : TUI_PLAIN, row->queue);
    else if (column == CREDIT)
        put_count(item, row->credit == 0 ? TUI_WARN : TUI_PLAIN, row->credit);
    else if (column == BATCH)
        put_count(item, TUI_PLAIN, row->batch);
    else if (column == DROPS)
        put_count(item, row->drops > 0 ? TUI_BAD : TUI_PLAIN, row->drops);
    else if (column == GAPS)
        put_count(item, TUI_PLAIN, row->gaps);
    else if (column == SINCE)
        put_time(item, row->since_ms, self->clock_ms);
    else if (column == AT)
        tui_item_text(item, TUI_PLAIN, row->publisher);
    else if (column == SESSION)
        tui_item_text(item, TUI_PLAIN, row->session[0] != 0 ? row->session : "all");
    else if (column == BYTES) {
        cli_format_bytes(row->bytes, text, sizeof text);
        tui_item_number(item, TUI_PLAIN, (double)row->bytes, "%s", text);
    }
}

static void cell_of_events(const subscribers_t *self, const tui_subscriber_t *row, int column,
                           tui_item_t *item)
{
    if (column == NAME)
        tui_item_text(item, TUI_PLAIN, row->name);
    else if (column == MODE)
        tui_item_text(item, tui_state_tone(vd_str(row->mode)), row->mode);
    else if (column == LAG)
        put_count(item, row->lag > 0 ? TUI_WARN : TUI_PLAIN, row->lag);
    else if (column == QUEUE)
        put_count(item, row->queue > 0 ? TUI_WARN : TUI_PLAIN, row->queue);
    else if (column == DROPS)
        put_count(item, row->drops > 0 ? TUI_BAD : TUI_PLAIN, row->drops);
    else if (column == SINCE)
        put_time(item, row->since_ms, self->clock_ms);
    else if (column == AT)
        tui_item_text(item, TUI_PLAIN, row->publisher[0] != 0 ? row->publisher : "ingestor");
    else if (column == TEXT)
        tui_item_text(item, TUI_PLAIN, row->text);
    else
        tui_item_text(item, TUI_DIM, "-");
}

static void cell_of(const void *context, size_t row, int column, tui_item_t *item)
{
    const subscribers_t *self = context;
    if (self->now != NULL)
        cell_of_now(self, self->now + row, column, item);
    else
        cell_of_events(self, self->told + row, column, item);
}

/* What is not listed, or not of now. */
static void note(tui_app_t *app, subscribers_t *self)
{
    const tui_totals_t *totals = tui_state_totals(tui_app_state(app));
    const tui_now_figures_t *figures = tui_now_figures(tui_app_now(app));
    tui_listing_t *listing = &self->listing;
    if (self->told != NULL) {
        tui_listing_note(listing, totals->subscribers_left_out, "events of others found no room");
        tui_listing_note(listing, totals->untold, "changes were not written");
        return;
    }
    tui_listing_note(listing, figures->subscribers_left_out, "more found no room");
    if (figures->silent[0] != 0)
        snprintf(listing->note + strlen(listing->note),
                 sizeof listing->note - strlen(listing->note), "; %s does not answer: as of before",
                 figures->silent);
}

static subscribers_t *refresh(tui_app_t *app)
{
    subscribers_t *self = memory(app);
    bool live = tui_app_shows_now(app);
    if (!tui_listing_open(&self->listing, columns, sizeof columns / sizeof *columns))
        return self;
    self->now = NULL;
    self->told = NULL;
    self->clock_ms = tui_app_clock_ms(app);
    if (live)
        self->now = tui_now_subscribers(tui_app_now(app), &self->count);
    else
        self->told = tui_state_subscribers(tui_app_state(app), &self->count);
    tui_list_t rows = {self, self->count, key_of, cell_of};
    tui_listing_set(&self->listing, &rows, tui_app_filter(app));
    note(app, self);
    return self;
}

/* `p`, `u` and `K` hold for the chosen one alone. */
static bool steer(tui_app_t *app, const char *verb)
{
    subscribers_t *self = refresh(app);
    size_t row;
    tui_ask_t ask = {.kind = TUI_ASK_STEER};
    if (self->listing.table == NULL || !tui_table_selected(self->listing.table, &row))
        return true;
    if (self->now == NULL) {
        tui_app_say(app, TUI_WARN, "this is the past; L is live");
        return true;
    }
    vd_str_copy(ask.name, sizeof ask.name, vd_str(self->now[row].name));
    if (ask.name[0] == 0) /* it is told from others by where it is, and its number there */
        vd_str_copy(ask.confirm, sizeof ask.confirm, vd_str(self->now[row].key));
    vd_str_copy(ask.at, sizeof ask.at, vd_str(self->now[row].publisher));
    vd_str_copy(ask.word, sizeof ask.word, vd_str(verb));
    ask.id = self->now[row].id;
    tui_app_confirm(app, &ask, verb);
    return true;
}

static bool key(tui_app_t *app, int key)
{
    subscribers_t *self = refresh(app);
    bool choosing = self->listing.table != NULL && tui_table_choosing(self->listing.table);
    if (!choosing && key == 'p')
        return steer(app, "pause");
    if (!choosing && key == 'u')
        return steer(app, "resume");
    if (!choosing && key == 'K')
        return steer(app, "kick");
    return tui_listing_key(&self->listing, key);
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    tui_listing_draw(&refresh(app)->listing, canvas, box, "subscribers",
                     !tui_app_shows_now(app) ? "no event up to this moment tells of a subscriber"
                     : tui_now_figures(tui_app_now(app))->silent[0] != 0
                         ? "not known: nobody has answered yet"
                         : "nobody follows the events");
}

static void text(tui_app_t *app, bool chosen, vd_buffer_t *out)
{
    tui_listing_text(&refresh(app)->listing, chosen, out);
}

static void close(tui_app_t *app)
{
    tui_listing_close(&memory(app)->listing);
}

const tui_screen_t tui_screen_subscribers = {
    .name = "subscribers",
    .help = "Who follows the events, at the ingestor and at relays. LAG counts commits, QUEUE\n"
            "events that wait for the application, CREDIT events that may be sent, BATCH commits\n"
            "in the last frame. In the past: what events tell of their modes and drops;\n"
            "the lag is that at the last change of mode, credit and batch are figures of now.\n\n"
            "p u K      pause, resume, kick the chosen one, after its name was typed\n"
            "Enter      all there is to say of one",
    .memory = sizeof(subscribers_t),
    .key = key,
    .draw = draw,
    .text = text,
    .close = close,
};
