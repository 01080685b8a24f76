/* screen_sessions.c: the screen "sessions": what is stored: opened, replayed, compared. */
#include "tui/comparison.h"
#include "tui/listing.h"
#include "tui/screen.h"
#include "vedette/text.h"
#include "wire/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SESSIONS_MAX = 1000, /* one more is asked for: to know of it */
    ROWS_BYTES = 4 << 20,
    LOOK_MS = 3000, /* between looks at what there is, while it is in view */
    MARKS = 2,
};

typedef struct sessions {
    tui_listing_t listing;
    vd_buffer_t bytes;         /* the rows as they were told */
    vd_session_record_t *rows; /* views into them */
    size_t count;
    bool told, more; /* the store holds more of them */
    uint64_t asked;
    int64_t asked_ms, clock_ms;
    char marks[MARKS][VD_NAME_BYTES_MAX + 1]; /* "": none */
    char opening[VD_NAME_BYTES_MAX + 1];      /* "": none */
    double factor;                            /* to replay it at; 0: it is only opened */
    const char *current;
    tui_comparison_t *comparison;
} sessions_t;

enum { NAME, STATE, STARTED, LASTED, EVENTS, BYTES, COMMAND, LABELS, SAYS, SESSION };

static const tui_column_t columns[] = {
    [NAME] = {"NAME", 18, 100, false, false, false},
    [STATE] = {"STATE", 12, 99, false, false, false},
    [STARTED] = {"STARTED", 20, 90, false, false, false},
    [LASTED] = {"LASTED", 8, 80, true, false, false},
    [EVENTS] = {"EVENTS", 9, 95, true, false, false},
    [BYTES] = {"BYTES", 7, 70, true, false, false},
    [COMMAND] = {"COMMAND", 18, 60, false, true, false},
    [LABELS] = {"LABELS", 12, 50, false, false, false},
    [SAYS] = {"SAYS", 20, 40, false, false, true},
    [SESSION] = {"SESSION", 33, 30, false, false, true},
};

static sessions_t *memory(tui_app_t *app)
{
    return tui_app_memory(app, &tui_screen_sessions);
}

/* ---- rows ---- */

static vd_str_t key_of(const void *context, size_t row)
{
    return ((const sessions_t *)context)->rows[row].session;
}

static int64_t lasted_ms(const vd_session_record_t *row)
{
    int64_t end_ms = row->ended_ms > 0 ? row->ended_ms : row->last_ms;
    return row->started_ms > 0 && end_ms > row->started_ms ? end_ms - row->started_ms : 0;
}

static void put_name(const sessions_t *self, const vd_session_record_t *row, tui_item_t *item)
{
    int mark = 0;
    while (mark < MARKS && !vd_str_is(row->session, self->marks[mark]))
        mark++;
    bool open = vd_str_is(row->session, self->current);
    vd_str_t name = row->name.size > 0 ? row->name : row->session;
    item->tone = open ? TUI_BOLD : TUI_PLAIN;
    snprintf(item->text, sizeof item->text, "%s%s%.*s",
             mark == 0   ? "[1] "
             : mark == 1 ? "[2] "
                         : "",
             open ? "> " : "", (int)name.size, (const char *)name.data);
}

/* "key=text key=text". */
static void put_labels(const vd_session_record_t *row, tui_item_t *item)
{
    vd_value_t map, key, value;
    size_t used = 0;
    if (!vd_value_of(row->labels, &map) || map.kind != VD_KIND_MAP)
        return;
    vd_bytes_t rest = map.bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value) && used < sizeof item->text) {
        vd_str_t text = vd_value_str(&value);
        used +=
            (size_t)snprintf(item->text + used, sizeof item->text - used, "%s%.*s=%.*s",
                             used > 0 ? " " : "", (int)key.bytes.size, (const char *)key.bytes.data,
                             (int)text.size, (const char *)text.data);
    }
}

static void cell_of(const void *context, size_t at, int column, tui_item_t *item)
{
    const sessions_t *self = context;
    const vd_session_record_t *row = &self->rows[at];
    char text[32];
    if (column == NAME) {
        put_name(self, row, item);
    } else if (column == STATE) {
        tui_item_str(item, tui_state_tone(row->state), row->state);
    } else if (column == STARTED) {
        tui_item_number(item, TUI_PLAIN, (double)row->started_ms, "%s",
                        TUI_TIME(row->started_ms, self->clock_ms));
    } else if (column == LASTED) {
        cli_format_duration(lasted_ms(row), text, sizeof text);
        tui_item_number(item, TUI_PLAIN, (double)lasted_ms(row), "%s", text);
    } else if (column == EVENTS) {
        tui_item_number(item, TUI_PLAIN, (double)row->last_seq, "%" PRIu64, row->last_seq);
    } else if (column == BYTES) {
        cli_format_bytes(row->bytes, text, sizeof text);
        tui_item_number(item, TUI_PLAIN, (double)row->bytes, "%s", text);
    } else if (column == COMMAND) {
        tui_item_str(item, TUI_PLAIN, row->command);
    } else if (column == LABELS) {
        put_labels(row, item);
    } else if (column == SESSION) {
        tui_item_str(item, TUI_DIM, row->session);
    } else {
        bool bad = row->trouble.size > 0 || row->error.size > 0;
        tui_item_str(item, bad ? TUI_BAD : TUI_PLAIN,
                     row->trouble.size > 0 ? row->trouble
                     : row->error.size > 0 ? row->error
                                           : row->text);
    }
}

static void take_rows(sessions_t *self, vd_bytes_t value)
{
    vd_session_record_t row;
    vd_status_t status = VD_OK;
    vd_bytes_t rest;
    vd_buffer_clear(&self->bytes);
    self->bytes.cap = ROWS_BYTES;
    self->bytes.full = false;
    self->count = 0;
    if (self->rows == NULL)
        self->rows = calloc(SESSIONS_MAX, sizeof *self->rows);
    if (self->rows == NULL || !vd_buffer_add(&self->bytes, value.data, value.size))
        return;
    rest = vd_buffer_view(&self->bytes);
    self->more = false;
    while (!self->more && status != VD_NOT_FOUND) {
        status = vd_rows_next(&rest, VD_RECORD_session, &row);
        self->more = status == VD_OK && self->count == SESSIONS_MAX;
        if (status == VD_OK && !self->more)
            self->rows[self->count++] = row;
    }
    self->told = true;
}

static sessions_t *refresh(tui_app_t *app)
{
    sessions_t *self = memory(app);
    if (!tui_listing_open(&self->listing, columns, sizeof columns / sizeof *columns))
        return self;
    self->clock_ms = tui_app_clock_ms(app);
    self->current = tui_app_session(app);
    tui_list_t rows = {self, self->count, key_of, cell_of};
    tui_listing_set(&self->listing, &rows, self->comparison == NULL ? tui_app_filter(app) : "");
    return self;
}

/* ---- asking ---- */

static void ask_for_sessions(tui_app_t *app, sessions_t *self)
{
    tui_ask_t ask = {.kind = TUI_ASK_SESSIONS, .count = SESSIONS_MAX + 1};
    self->asked_ms = tui_app_clock_ms(app);
    self->asked = tui_app_ask(app, &ask);
}

static void step(tui_app_t *app)
{
    sessions_t *self = memory(app);
    tui_ask_t ask;
    int64_t since_ms = tui_app_clock_ms(app) - self->asked_ms;
    if (self->asked == 0 && (since_ms >= LOOK_MS || since_ms < 0))
        ask_for_sessions(app, self);
    if (self->comparison != NULL && tui_comparison_wants(self->comparison, &ask))
        tui_comparison_asked(self->comparison, tui_app_ask(app, &ask));
    if (self->opening[0] == 0)
        return;
    if (strcmp(self->opening, tui_app_session(app)) != 0) {
        if (!tui_app_opens(app)) /* it could not be */
            self->opening[0] = 0;
        return;
    }
    self->opening[0] = 0;
    tui_app_say(app, TUI_PLAIN, "%s", ""); /* it is open: that it opens is over */
    if (self->factor > 0)
        tui_timeline_play(tui_app_timeline(app), self->factor, tui_app_clock_ms(app));
    tui_app_show(app, self->factor > 0 ? &tui_screen_stream : &tui_screen_overview);
}

static void open_screen(tui_app_t *app)
{
    sessions_t *self = memory(app);
    self->opening[0] = 0;
    self->asked_ms = 0;
    self->asked = 0;
}

static void take_answer(tui_app_t *app, const tui_input_t *answer)
{
    sessions_t *self = memory(app);
    if (self->comparison != NULL && tui_comparison_answer(self->comparison, answer))
        return;
    if (answer->number != self->asked || answer->number == 0)
        return;
    self->asked = 0;
    if (answer->status == VD_OK)
        take_rows(self, answer->value);
    else
        tui_app_say(app, TUI_WARN, "%s",
                    answer->text != NULL ? answer->text : vd_status_text(answer->status));
}

/* ---- keys ---- */

static const vd_session_record_t *chosen(const sessions_t *self)
{
    size_t row;
    bool any = self->listing.table != NULL && tui_table_selected(self->listing.table, &row);
    return any && row < self->count ? &self->rows[row] : NULL;
}

/* `factor` above 0: from its beginning, so many times as fast as it was. */
static void open_session(tui_app_t *app, sessions_t *self, double factor)
{
    const vd_session_record_t *row = chosen(self);
    if (row == NULL)
        return;
    vd_str_copy(self->opening, sizeof self->opening, row->session);
    self->factor = factor;
    tui_app_open(app, self->opening, factor > 0 ? 1 : 0);
    tui_app_say(app, TUI_PLAIN, "opening %s ...", self->opening);
}

static void mark(sessions_t *self)
{
    const vd_session_record_t *row = chosen(self);
    if (row == NULL)
        return;
    for (int i = 0; i < MARKS; i++)
        if (vd_str_is(row->session, self->marks[i])) {
            for (; i < MARKS - 1; i++) /* the second one becomes the first */
                memcpy(self->marks[i], self->marks[i + 1], sizeof self->marks[i]);
            self->marks[MARKS - 1][0] = 0;
            return;
        }
    /* A third one takes the place of the second. */
    int at = self->marks[0][0] == 0 ? 0 : 1;
    vd_str_copy(self->marks[at], sizeof self->marks[at], row->session);
}

/* False, with that said: it is not listed any more. */
static bool last_of(tui_app_t *app, const sessions_t *self, const char *session, uint64_t *seq)
{
    for (size_t i = 0; i < self->count; i++)
        if (vd_str_is(self->rows[i].session, session)) {
            *seq = self->rows[i].last_seq;
            return true;
        }
    tui_app_say(app, TUI_WARN, "%s is not there any more; mark another with m", session);
    return false;
}

static void compare(tui_app_t *app, sessions_t *self)
{
    const vd_session_record_t *row = chosen(self);
    char other[VD_NAME_BYTES_MAX + 1] = "";
    /* With one marked, the chosen one is the other. */
    if (row != NULL && !vd_str_is(row->session, self->marks[0]))
        vd_str_copy(other, sizeof other, row->session);
    const char *left = self->marks[0], *right = self->marks[1][0] != 0 ? self->marks[1] : other;
    if (left[0] == 0 || right[0] == 0) {
        tui_app_say(app, TUI_WARN, "mark two sessions with m, or one and choose another");
        return;
    }
    uint64_t left_seq, right_seq;
    if (!last_of(app, self, left, &left_seq) || !last_of(app, self, right, &right_seq))
        return;
    tui_comparison_destroy(&self->comparison);
    self->comparison = tui_comparison_new(left, left_seq, right, right_seq);
}

static bool key_pressed(tui_app_t *app, int key)
{
    sessions_t *self = refresh(app);
    if (self->listing.table == NULL)
        return false;
    if (self->comparison != NULL) {
        if (key == TUI_KEY_ESCAPE && tui_app_filter(app)[0] == 0)
            tui_comparison_destroy(&self->comparison);
        else
            return tui_comparison_key(self->comparison, key);
        return true;
    }
    if (tui_table_choosing(self->listing.table))
        return tui_listing_key(&self->listing, key);
    switch (key) {
    case TUI_KEY_ENTER:
        open_session(app, self, 0);
        return true;
    case 'p':
        open_session(app, self, 1);
        return true;
    case 'P':
        open_session(app, self, 10);
        return true;
    case 'd':
        return tui_listing_key(&self->listing, TUI_KEY_ENTER);
    case 'm':
        mark(self);
        return true;
    case '=':
        compare(app, self);
        return true;
    default:
        return tui_listing_key(&self->listing, key);
    }
}

/* ---- drawing ---- */

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    sessions_t *self = refresh(app);
    if (self->comparison != NULL)
        tui_comparison_draw(self->comparison, canvas, box, tui_app_filter(app));
    else
        tui_listing_draw(&self->listing, canvas, box,
                         self->more ? "the newest sessions, more with vedette session ls"
                                    : "sessions",
                         self->told ? "the store holds no session" : "asking ...");
}

static void text(tui_app_t *app, bool chosen_alone, vd_buffer_t *out)
{
    sessions_t *self = refresh(app);
    if (self->comparison != NULL)
        tui_comparison_text(self->comparison, chosen_alone, out);
    else
        tui_listing_text(&self->listing, chosen_alone, out);
}

static void close_screen(tui_app_t *app)
{
    sessions_t *self = memory(app);
    tui_listing_close(&self->listing);
    tui_comparison_destroy(&self->comparison);
    vd_buffer_free(&self->bytes);
    free(self->rows);
}

const tui_screen_t tui_screen_sessions = {
    .name = "sessions",
    .help = "The sessions that are stored, the newest first; > is the one that is looked at.\n\n"
            "Enter      look at it in all screens: live; one that is over or interrupted as of\n"
            "           its end, where figures of now are not known\n"
            "p P        replay it from its beginning, as fast as it was, ten times as fast;\n"
            "           < and > change that\n"
            "d          all there is to say of it\n"
            "m          mark one, and another\n"
            "=          compare the two that are marked, or the one with the chosen one;\n"
            "           Esc goes back",
    .memory = sizeof(sessions_t),
    .open = open_screen,
    .key = key_pressed,
    .draw = draw,
    .answer = take_answer,
    .text = text,
    .close = close_screen,
    .step = step,
};
