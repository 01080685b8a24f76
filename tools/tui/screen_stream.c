/* screen_stream.c: the screen "stream": the events, and all that is known of one of them. */
#include "tui/screen.h"

#include "tui/state.h"
#include "tui/stream.h"
#include "tui/stream_detail.h"
#include "vedette/text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    BESIDE_COLUMNS = 110,
    ROWS_MAX = 512,
    BRIEF_BYTES = 1024,
    FORMAT_BYTES = 16384,
    LIST_ROWS_MIN = 4
};

typedef struct view {
    tui_stream_t *stream;
    tui_detail_t *detail;
    char filter[TUI_FILTER_BYTES]; /* that the stream has */
    char sought[TUI_FILTER_BYTES]; /* the newest that was not empty */
    char error[160];               /* what is wrong with the filter */
    uint64_t page;                 /* number of the ask for events; 0: none is out */
    uint64_t went_back;            /* how often the store had when the stream was begun */
    bool open, focused;            /* the detail */
} view_t;

/* Made when it is needed first. NULL without memory. */
static view_t *view_of(tui_app_t *app)
{
    view_t *self = tui_app_memory(app, &tui_screen_stream);
    if (self == NULL)
        return NULL;
    if (self->stream == NULL)
        self->stream = tui_stream_new();
    if (self->detail == NULL)
        self->detail = tui_detail_new();
    return self->stream != NULL && self->detail != NULL ? self : NULL;
}

static void close_view(tui_app_t *app)
{
    view_t *self = tui_app_memory(app, &tui_screen_stream);
    if (self == NULL)
        return;
    tui_stream_destroy(&self->stream);
    tui_detail_destroy(&self->detail);
}

/* ---- what comes in ---- */

/* Begins anew when another session is looked at, or the store went back under this one. */
static void begin_stream(tui_app_t *app, view_t *self)
{
    uint64_t went_back = tui_app_moment(app)->went_back;
    if (went_back != self->went_back)
        tui_stream_open(self->stream, "");
    self->went_back = went_back;
    tui_stream_open(self->stream, tui_app_session(app));
}

static void take_events(tui_app_t *app, const vd_event_t *events, size_t count)
{
    view_t *self = view_of(app);
    if (self == NULL)
        return;
    begin_stream(app, self);
    vd_str_t session = vd_str(tui_stream_session(self->stream));
    for (size_t i = 0; i < count; i++)
        if (vd_bytes_equal(events[i].session, session))
            tui_stream_event(self->stream, events[i].seq, events[i].raw);
}

static void take_answer(tui_app_t *app, const tui_input_t *answer)
{
    view_t *self = view_of(app);
    vd_bytes_t rest = answer->value;
    vd_event_t event;
    if (self == NULL || tui_detail_answer(self->detail, answer) || answer->number != self->page)
        return;
    while (tui_events_next(&rest, &event))
        tui_stream_read(self->stream, event.seq, event.raw);
    if (answer->more) /* a part, or what is missing among them */
        return;
    self->page = 0;
    tui_stream_read_done(self->stream, answer->status);
    if (answer->status != VD_OK)
        tui_app_say(app, TUI_WARN, "%s",
                    answer->text != NULL ? answer->text : vd_status_text(answer->status));
}

static void take_filter(tui_app_t *app, view_t *self)
{
    const char *filter = tui_app_filter(app);
    if (strcmp(filter, self->filter) == 0)
        return;
    vd_str_copy(self->filter, sizeof self->filter, vd_str(filter));
    self->error[0] = 0;
    if (!tui_stream_filter(self->stream, filter, self->error, sizeof self->error))
        tui_stream_filter(self->stream, "", NULL, 0);
    else if (filter[0] != 0)
        vd_str_copy(self->sought, sizeof self->sought, vd_str(filter));
}

/* Brings the stream to the moment that is looked at. */
static void take_moment(tui_app_t *app, view_t *self)
{
    uint64_t seq = tui_state_totals(tui_app_state(app))->seq;
    begin_stream(app, self);
    tui_stream_head(self->stream, seq);
    /* At the head of a store that nobody writes to, too: it moves while it is being opened. */
    tui_stream_limit(self->stream, tui_app_moment(app)->mode == TUI_TIMELINE_LIVE ? 0 : seq);
}

static void ask_for_page(tui_app_t *app, view_t *self)
{
    tui_ask_t ask = {.kind = TUI_ASK_EVENTS};
    if (!tui_stream_wants(self->stream, &ask.seq, &ask.count))
        return;
    vd_str_copy(ask.name, sizeof ask.name, vd_str(tui_stream_session(self->stream)));
    self->page = tui_app_ask(app, &ask);
    if (self->page == 0)
        tui_stream_read_done(self->stream, VD_OVERLOADED);
}

static void step(tui_app_t *app)
{
    view_t *self = view_of(app);
    tui_row_t row;
    if (self == NULL)
        return;
    take_moment(app, self);
    take_filter(app, self);
    ask_for_page(app, self);
    if (self->open && tui_stream_chosen(self->stream, &row)) {
        tui_ask_t ask;
        tui_detail_show(self->detail, tui_stream_session(self->stream), row.seq, row.raw);
        /* What flies past is not asked about. */
        if (!tui_stream_follows(self->stream) && tui_detail_wants(self->detail, &ask))
            tui_detail_asked(self->detail, tui_app_ask(app, &ask));
    }
}

/* ---- keys ---- */

static void open_detail(view_t *self)
{
    self->focused = self->open;
    self->open = true;
    tui_stream_hold(self->stream);
}

static void tell_why(tui_app_t *app, view_t *self)
{
    tui_row_t row;
    tui_ask_t ask = {.kind = TUI_ASK_WHY};
    tui_stream_hold(self->stream);
    if (!tui_stream_chosen(self->stream, &row))
        return;
    self->open = true;
    ask.seq = row.seq;
    vd_str_copy(ask.name, sizeof ask.name, vd_str(tui_stream_session(self->stream)));
    tui_detail_show(self->detail, ask.name, row.seq, row.raw);
    tui_detail_tell_why(self->detail, tui_app_ask(app, &ask));
}

/* All screens go to the moment of the chosen event. */
static void look_at(tui_app_t *app, view_t *self)
{
    tui_row_t row;
    if (tui_stream_chosen(self->stream, &row))
        tui_app_seek(app, row.seq);
}

static bool key_of_list(view_t *self, int key)
{
    int64_t page = 20;
    switch (key) {
    case TUI_KEY_UP:
    case 'k':
        tui_stream_move(self->stream, -1);
        return true;
    case TUI_KEY_DOWN:
    case 'j':
        tui_stream_move(self->stream, 1);
        return true;
    case TUI_KEY_PAGE_UP:
        tui_stream_move(self->stream, -page);
        return true;
    case TUI_KEY_PAGE_DOWN:
        tui_stream_move(self->stream, page);
        return true;
    case TUI_KEY_HOME:
    case 'g':
        tui_stream_home(self->stream);
        return true;
    case TUI_KEY_END:
    case 'G':
        tui_stream_end(self->stream);
        return true;
    default:
        return false;
    }
}

static bool key_pressed(tui_app_t *app, int key)
{
    view_t *self = view_of(app);
    if (self == NULL)
        return false;
    if (self->open && tui_detail_key(self->detail, key, self->focused))
        return true;
    if (key_of_list(self, key))
        return true;
    if (key == TUI_KEY_ENTER) {
        open_detail(self);
    } else if (key == 'w') {
        tell_why(app, self);
    } else if (key == 'o') {
        look_at(app, self);
    } else if (key == TUI_KEY_ESCAPE && self->open) {
        self->open = self->focused;
        self->focused = false;
    } else if ((key == 'n' || key == 'N') && self->sought[0] != 0) {
        if (!tui_stream_seek(self->stream, self->sought, key == 'n' ? 1 : -1))
            tui_app_say(app, TUI_DIM, "no further event in the window matches %s", self->sought);
    } else {
        return false;
    }
    return true;
}

/* ---- drawing ---- */

static tui_tone_t tone_of(vd_str_t type)
{
    static const char *const bad[] = {"failed",  "exited",  "interrupted",
                                      "dropped", "refused", "lost"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t size = strlen(bad[i]);
        if (type.size >= size && memcmp(type.data + type.size - size, bad[i], size) == 0)
            return TUI_BAD;
    }
    return TUI_ACCENT;
}

/* The beginning of the data as JSON: of large data the beginning alone is formatted. */
static void brief(vd_bytes_t data, char out[BRIEF_BYTES])
{
    vd_buffer_t json;
    out[0] = 0;
    if (data.size == 0 || (data.size == 1 && data.data[0] == 0xc0))
        return;
    vd_buffer_init(&json, FORMAT_BYTES);
    vd_value_json(&json, data);
    size_t most = BRIEF_BYTES - sizeof "...", size = json.size < most ? json.size : most;
    vd_str_copy(out, BRIEF_BYTES, vd_bytes(json.data, size));
    if (json.full)
        memcpy(out + size, "...", sizeof "...");
    vd_buffer_free(&json);
}

static void draw_row(tui_canvas_t *canvas, tui_box_t box, int y, int digits, const tui_row_t *row)
{
    enum {
        TYPE_COLUMNS = 26,
        TYPE_NARROW = 18,
        WIDE = 100,
        CLOCK = 11,
        CLOCK_MS = 12,
        CLOCK_S = 8
    };
    char data[BRIEF_BYTES], clock[16] = "";
    vd_event_t event = {0};
    bool wide = box.width >= WIDE;
    int type = wide ? TYPE_COLUMNS : TYPE_NARROW;
    if (vd_event_read(row->raw, &event) != VD_OK)
        return;
    if (event.ts.size > CLOCK + CLOCK_MS)
        vd_str_copy(clock, sizeof clock,
                    vd_bytes(event.ts.data + CLOCK, (size_t)(wide ? CLOCK_MS : CLOCK_S)));
    int x = 0;
    char seq[24];
    snprintf(seq, sizeof seq, "%" PRIu64, row->seq);
    tui_put_cell(canvas, box, x, y, digits, true, TUI_DIM, vd_str(seq));
    x += digits + 1;
    x += tui_putf(canvas, box, x, y, TUI_PLAIN, "%sZ ", clock);
    tui_put_cell(canvas, box, x, y, type, false, tone_of(event.type), event.type);
    x += type + 1;
    brief(event.data, data);
    if (box.width > x)
        tui_put_cell(canvas, box, x, y, box.width - x, false, TUI_PLAIN, vd_str(data));
    if (row->chosen)
        tui_mark(canvas, box, y);
}

static void draw_head(const view_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    tui_stream_figures_t figures = tui_stream_figures(self->stream);
    bool past = figures.limit > 0;
    const char *word = tui_stream_follows(self->stream) ? (past ? "then" : "newest") : "held";
    int x = tui_put(canvas, box, 0, 0, TUI_TITLE, word);
    if (past)
        x += tui_putf(canvas, box, x, 0, TUI_PLAIN, "  up to %" PRIu64 " of %" PRIu64 " events",
                      figures.limit, figures.head);
    else
        x += tui_putf(canvas, box, x, 0, TUI_PLAIN, "  %" PRIu64 " events", figures.head);
    if (figures.newer > 0 && !past)
        x += tui_putf(canvas, box, x, 0, TUI_WARN, "  %" PRIu64 " newer", figures.newer);
    if (figures.events > 0)
        x += tui_putf(canvas, box, x, 0, TUI_DIM, "  in memory %" PRIu64 "-%" PRIu64, figures.first,
                      figures.last);
    if (self->error[0] != 0)
        tui_putf(canvas, box, x, 0, TUI_WARN, "  %s", self->error);
    else if (tui_stream_reading(self->stream))
        tui_put(canvas, box, x, 0, TUI_DIM, "  reading ...");
    else if (figures.stopped && figures.first > 1)
        tui_putf(canvas, box, x, 0, TUI_WARN, "  searched down to %" PRIu64 "; a key searches on",
                 figures.first);
}

static void draw_list(view_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    tui_row_t rows[ROWS_MAX];
    tui_box_t list = tui_within(box, 0, 1, 0, 0);
    if (box.height < 2)
        return;
    size_t height = list.height < ROWS_MAX ? (size_t)list.height : ROWS_MAX;
    size_t count = tui_stream_rows(self->stream, height, rows);
    int digits = 5;
    for (uint64_t most = tui_stream_figures(self->stream).head; most > 99999; most /= 10)
        digits++;
    for (size_t i = 0; i < count; i++)
        draw_row(canvas, list, (int)i, digits, &rows[i]);
    if (count == 0)
        tui_put(canvas, list, 0, 0, TUI_DIM,
                tui_stream_reading(self->stream) ? "reading ..."
                : self->filter[0] != 0           ? "no event matches the filter"
                                                 : "no events");
    draw_head(self, canvas, box);
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    view_t *self = view_of(app);
    if (self == NULL)
        return;
    tui_box_t list = box, pane = box;
    if (self->open && box.width >= BESIDE_COLUMNS) {
        list.width = box.width / 2 - 1;
        pane = tui_within(box, list.width + 1, 0, 0, 0);
    } else if (self->open) {
        list.height = box.height / 3 > LIST_ROWS_MIN ? box.height / 3 : LIST_ROWS_MIN;
        pane = tui_within(box, 0, list.height, 0, 0);
    }
    draw_list(self, canvas, list);
    if (self->open && pane.x > box.x)
        for (int y = 0; y < box.height; y++)
            tui_put_glyph(canvas, box, list.width, y, TUI_DIM, TUI_VLINE);
    if (self->open)
        tui_detail_draw(self->detail, canvas, pane, self->focused);
}

/* ---- text ---- */

static bool add_line(void *arg, const tui_row_t *row)
{
    const struct {
        vd_buffer_t *out;
        const char *session;
    } *to = arg;
    vd_event_t event = {0};
    if (vd_event_read(row->raw, &event) == VD_OK) {
        event.session = vd_str(to->session);
        event.seq = row->seq;
        vd_event_json(to->out, &event);
        vd_buffer_add(to->out, "\n", 1);
    }
    return !to->out->full;
}

/* What is listed as lines of JSON, as follow -o ndjson has them; the detail as it stands there. */
static void write_text(tui_app_t *app, bool chosen, vd_buffer_t *out)
{
    view_t *self = view_of(app);
    tui_row_t row;
    if (self == NULL)
        return;
    struct {
        vd_buffer_t *out;
        const char *session;
    } to = {out, tui_stream_session(self->stream)};
    if (self->open && self->focused)
        tui_detail_text(self->detail, out);
    else if (!chosen)
        tui_stream_each(self->stream, add_line, &to);
    else if (tui_stream_chosen(self->stream, &row))
        add_line(&to, &row);
}

const tui_screen_t tui_screen_stream = {
    .name = "stream",
    .help = "The events of the session, the newest at the bottom, which the cursor follows\n"
            "until it is moved; then it stays on its event while new ones come.\n"
            "/       words that must all be in the type or the data; type:GLOB, seq:A-B;\n"
            "        ! before a word: without it; ! and a blank: all that do not match\n"
            "Enter   the event in full, its cause, and what it changed in its observer's\n"
            "        state; again: the arrows scroll it. Esc closes it\n"
            "+ -     show more, fewer levels of it\n"
            "w       why: what it came of, and what the runtime did around it\n"
            "o       look at all screens as of this event; L is live again\n"
            "n N     the next, the previous event that matches the newest filter\n"
            "Home    the first event; End: the newest, and follow it\n",
    .memory = sizeof(view_t),
    .key = key_pressed,
    .draw = draw,
    .answer = take_answer,
    .text = write_text,
    .close = close_view,
    .events = take_events,
    .step = step,
};
