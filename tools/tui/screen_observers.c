/* screen_observers.c: the observers, and what the chosen one knows, drawn as it declares itself.
 *
 * Of the moment that is looked at: now it is asked for its snapshot, in the past for what it knew then.
 * One ask is out at a time; what was wished for last is asked next. What was shown last stays until
 * there is something newer, and says which moment it is of. */
#include "tui/layout.h"
#include "tui/screen.h"
#include "vedette/text.h"

#include <stdio.h>

enum {
    OBSERVERS_MAX = 128,
    CHANGED_MS = 250,  /* between snapshots of one that changes */
    FIGURES_MS = 1000, /* between others: figures come with samples, and in no event */
    LIST_COLUMNS = 34,
    WIDE_COLUMNS = 100, /* from here on the list stands beside the view */
};

/* What is asked for, or shown. */
typedef struct moment {
    char observer[VD_NAME_BYTES_MAX + 1]; /* "": nothing */
    bool live;
    char session[VD_NAME_BYTES_MAX + 1]; /* of one in the past */
    uint64_t seq;
} moment_t;

typedef struct row {
    char name[VD_NAME_BYTES_MAX + 1];
    char state[24];
    uint64_t events;
    int64_t last_ms;
} row_t;

typedef struct observers {
    tui_table_t *table;
    tui_layout_t *view;
    row_t rows[OBSERVERS_MAX];
    size_t count;
    int64_t clock_ms;
    bool full; /* the view alone; keys are its own */
    uint64_t layout_ask, snapshot_ask;
    bool has_layout; /* it is known which one the observer has */
    moment_t asked, shown;
    int64_t asked_ms;
    uint64_t asked_events; /* of the observer, when it was asked */
    char at[32];           /* the time of the snapshot that is shown */
    char trouble[160];     /* what the snapshot says of itself */
    char error[240];       /* why there is none of the moment; "": there is */
} observers_t;

enum { NAME, STATE, EVENTS, LAST };

static const tui_column_t columns[] = {
    [NAME] = {"OBSERVER", 14, 100, false, true, false},
    [STATE] = {"STATE", 8, 90, false, false, false},
    [LAST] = {"LAST EVENT", 10, 50, false, false, true},
    [EVENTS] = {"EVENTS", 7, 60, true, false, false},
};

static observers_t *memory(tui_app_t *app)
{
    return tui_app_memory(app, &tui_screen_observers);
}

/* ---- the list ---- */

static vd_str_t key_of(const void *context, size_t row)
{
    return vd_str(((const observers_t *)context)->rows[row].name);
}

static void cell_of(const void *context, size_t at, int column, tui_item_t *item)
{
    const observers_t *self = context;
    const row_t *row = &self->rows[at];
    if (column == NAME)
        tui_item_text(item, TUI_PLAIN, row->name);
    else if (column == STATE)
        tui_item_text(item, tui_state_tone(vd_str(row->state)), row->state);
    else if (column == EVENTS)
        tui_item_number(item, TUI_PLAIN, (double)row->events, "%llu",
                        (unsigned long long)row->events);
    else
        tui_item_number(item, TUI_PLAIN, (double)row->last_ms, "%s",
                        TUI_TIME(row->last_ms, self->clock_ms));
}

static row_t *find_row(observers_t *self, const char *name)
{
    for (size_t at = 0; at < self->count; at++)
        if (strcmp(self->rows[at].name, name) == 0)
            return &self->rows[at];
    return NULL;
}

static void add_row(observers_t *self, const char *name, const char *state)
{
    if (self->count == OBSERVERS_MAX || find_row(self, name) != NULL)
        return;
    row_t *row = &self->rows[self->count++];
    *row = (row_t){0};
    vd_str_copy(row->name, sizeof row->name, vd_str(name));
    vd_str_copy(row->state, sizeof row->state, vd_str(state));
}

/* Processes that are observers, now or by what events tell, and whoever events name as one. */
static void take_rows(observers_t *self, tui_app_t *app)
{
    size_t count = 0;
    self->count = 0;
    const tui_state_t *state = tui_app_state(app);
    const tui_now_actor_t *now = tui_now_actors(tui_app_now(app), &count);
    for (size_t at = 0; tui_app_live(app) && at < count; at++)
        if (strcmp(now[at].kind, "observer") == 0)
            add_row(self, now[at].name, now[at].state);
    const tui_actor_t *told = tui_state_actors(state, &count);
    for (size_t at = 0; at < count; at++)
        if (strcmp(told[at].kind, "observer") == 0)
            add_row(self, told[at].name,
                    tui_app_live(app) ? "gone" : tui_actor_state_word(told[at].state));
    const tui_observer_t *named = tui_state_observers(state, &count);
    for (size_t at = 0; at < count; at++) {
        add_row(self, named[at].name, "-");
        row_t *row = find_row(self, named[at].name);
        if (row != NULL) {
            row->events = named[at].events;
            row->last_ms = named[at].last_ms;
        }
    }
}

static observers_t *refresh(tui_app_t *app)
{
    observers_t *self = memory(app);
    if (self->table == NULL)
        self->table = tui_table_new(columns, sizeof columns / sizeof *columns);
    if (self->view == NULL)
        self->view = tui_layout_new();
    self->clock_ms = tui_app_clock_ms(app);
    take_rows(self, app);
    tui_list_t rows = {self, self->count, key_of, cell_of};
    if (self->table != NULL) {
        tui_table_rows(self->table, &rows);
        tui_table_filter(self->table, tui_app_filter(app));
    }
    return self;
}

static const row_t *chosen(const observers_t *self)
{
    size_t row;
    bool found = self->table != NULL && tui_table_selected(self->table, &row);
    return found ? &self->rows[row] : NULL;
}

/* ---- asking ---- */

static bool same(const moment_t *a, const moment_t *b)
{
    return strcmp(a->observer, b->observer) == 0 && a->live == b->live &&
           strcmp(a->session, b->session) == 0 && a->seq == b->seq;
}

/* What is wished for. */
static moment_t wish(tui_app_t *app, const observers_t *self)
{
    moment_t moment = {.live = tui_app_live(app)};
    const row_t *row = chosen(self);
    if (row != NULL)
        memcpy(moment.observer, row->name, sizeof moment.observer);
    if (!moment.live) {
        vd_str_copy(moment.session, sizeof moment.session, vd_str(tui_app_session(app)));
        moment.seq = tui_state_totals(tui_app_state(app))->seq;
    }
    return moment;
}

static bool is_due(const observers_t *self, const moment_t *moment, const row_t *row)
{
    if (!same(moment, &self->asked))
        return true;
    if (!moment->live)
        return false;
    int64_t wait_ms = row->events != self->asked_events ? CHANGED_MS : FIGURES_MS;
    return self->clock_ms - self->asked_ms >= wait_ms || self->clock_ms < self->asked_ms;
}

static void ask_snapshot(tui_app_t *app, observers_t *self, const moment_t *moment)
{
    tui_ask_t ask = {.kind = moment->live ? TUI_ASK_SNAPSHOT : TUI_ASK_PAST, .seq = moment->seq};
    memcpy(ask.name, moment->observer, sizeof ask.name);
    memcpy(ask.word, moment->session, sizeof ask.word);
    self->snapshot_ask = tui_app_ask(app, &ask);
    if (self->snapshot_ask == 0)
        return;
    self->asked = *moment;
    self->asked_ms = self->clock_ms;
}

static void ask_layout(tui_app_t *app, observers_t *self, const char *observer)
{
    tui_ask_t ask = {.kind = TUI_ASK_LAYOUT};
    vd_str_copy(ask.name, sizeof ask.name, vd_str(observer));
    self->layout_ask = tui_app_ask(app, &ask);
}

/* Another observer: nothing of the one before is shown under its name. */
static void turn_to(observers_t *self, const char *observer)
{
    self->has_layout = false;
    self->layout_ask = self->snapshot_ask = 0;
    self->asked = self->shown = (moment_t){0};
    vd_str_copy(self->shown.observer, sizeof self->shown.observer, vd_str(observer));
    self->error[0] = self->at[0] = self->trouble[0] = 0;
    tui_layout_take(self->view, vd_bytes(NULL, 0));
    tui_layout_show(self->view, vd_bytes(NULL, 0));
}

static void step(tui_app_t *app)
{
    observers_t *self = refresh(app);
    const row_t *row = chosen(self);
    if (row == NULL || self->view == NULL)
        return;
    if (strcmp(row->name, self->shown.observer) != 0)
        turn_to(self, row->name);
    moment_t moment = wish(app, self);
    const tui_moment_t *shown = tui_app_moment(app);
    if (!moment.live && shown->mode == TUI_TIMELINE_LIVE && shown->catching_up)
        return; /* the end that is looked at is not reached yet */
    if (self->snapshot_ask == 0 && is_due(self, &moment, row)) {
        self->asked_events = row->events;
        if (!self->has_layout && self->layout_ask == 0)
            ask_layout(app, self, row->name);
        ask_snapshot(app, self, &moment);
    }
}

/* ---- answers ---- */

static void fail(observers_t *self, const tui_input_t *answer)
{
    vd_str_copy(self->error, sizeof self->error,
                vd_str(answer->text != NULL && answer->text[0] != 0
                           ? answer->text
                           : vd_status_text(answer->status)));
}

/* What goes wrong with the observer itself, or its sources, by its snapshot. */
static void take_trouble(observers_t *self, const vd_value_t *snapshot)
{
    vd_value_t error, recovered;
    vd_str_t phase = vd_value_get_str(snapshot, "phase");
    uint64_t failed = vd_value_get_u64(snapshot, "sources_failed", 0);
    self->trouble[0] = 0;
    if (phase.size > 0 && !vd_str_is(phase, "running") && !vd_str_is(phase, "past")) {
        snprintf(self->trouble, sizeof self->trouble, "it is %.*s",
                 phase.size < 32 ? (int)phase.size : 32, (const char *)phase.data);
    } else if (vd_value_get(snapshot, "error", &error) && error.kind == VD_KIND_MAP &&
               vd_value_get(&error, "recovered_at", &recovered) && recovered.kind == VD_KIND_NIL) {
        vd_str_t text = vd_value_get_str(&error, "text");
        snprintf(self->trouble, sizeof self->trouble, "error: %.*s",
                 text.size < 140 ? (int)text.size : 140, (const char *)text.data);
    } else if (failed > 0) {
        snprintf(self->trouble, sizeof self->trouble, "%llu of %llu sources cannot be read",
                 (unsigned long long)failed,
                 (unsigned long long)vd_value_get_u64(snapshot, "source_count", 0));
    }
}

static void take_snapshot(observers_t *self, const tui_input_t *answer)
{
    vd_value_t snapshot;
    int64_t at_ms = 0;
    if (answer->status != VD_OK) {
        fail(self, answer);
        return;
    }
    if (!tui_layout_show(self->view, answer->value) || !vd_value_of(answer->value, &snapshot)) {
        snprintf(self->error, sizeof self->error, "its snapshot is no value that can be shown");
        return;
    }
    self->error[0] = 0;
    self->shown = self->asked;
    if (!vd_ts_parse(vd_value_get_str(&snapshot, "at"), &at_ms))
        at_ms = 0;
    snprintf(self->at, sizeof self->at, "%s", TUI_TIME(at_ms, self->clock_ms));
    take_trouble(self, &snapshot);
}

static void answer(tui_app_t *app, const tui_input_t *answer)
{
    observers_t *self = memory(app);
    self->clock_ms = tui_app_clock_ms(app);
    if (answer->number == self->layout_ask) {
        self->layout_ask = 0;
        /* One that knows no layouts has none; one that does not answer is asked again. */
        self->has_layout = answer->status == VD_OK || answer->status == VD_NOT_FOUND;
        if (answer->status == VD_OK)
            tui_layout_take(self->view, answer->value);
    } else if (answer->number == self->snapshot_ask) {
        self->snapshot_ask = 0;
        take_snapshot(self, answer);
    }
}

/* ---- drawing and keys ---- */

/* Which moment is shown, and why it is not the one that is looked at. */
static void write_title(tui_app_t *app, const observers_t *self, char *out, size_t size)
{
    moment_t moment = wish(app, self);
    const row_t *row = chosen(self);
    if (row == NULL)
        snprintf(out, size, "no observer");
    else if (!tui_layout_has(self->view))
        snprintf(out, size, "%.64s", row->name);
    else if (self->shown.live && moment.live && self->error[0] == 0)
        snprintf(out, size, "%.64s", row->name);
    else if (self->shown.live)
        snprintf(out, size, "%.64s as of %s", row->name, self->at);
    else
        snprintf(out, size, "%.64s after event %llu, as of %s", row->name,
                 (unsigned long long)self->shown.seq, self->at);
}

/* Lines above the view; returns how many. */
static int draw_notes(tui_app_t *app, const observers_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    int y = 1;
    moment_t moment = wish(app, self);
    tui_rule(canvas, box, 0, "");
    char title[160];
    write_title(app, self, title, sizeof title);
    tui_rule(canvas, box, 0, title);
    if (self->error[0] != 0)
        tui_put_cell(canvas, box, 0, y++, box.width, false, TUI_BAD, vd_str(self->error));
    else if (!moment.live && !same(&moment, &self->shown) && chosen(self) != NULL)
        tui_putf(canvas, box, 0, y++, TUI_DIM, "asking what it knew after event %llu",
                 (unsigned long long)moment.seq);
    if (self->trouble[0] != 0)
        tui_put_cell(canvas, box, 0, y++, box.width, false, TUI_WARN, vd_str(self->trouble));
    if (self->view != NULL && tui_layout_error(self->view)[0] != 0)
        tui_put_cell(canvas, box, 0, y++, box.width, false, TUI_WARN,
                     vd_str(tui_layout_error(self->view)));
    return y;
}

static void draw_view(tui_app_t *app, observers_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    int y = draw_notes(app, self, canvas, box);
    if (self->view != NULL && box.height > y)
        tui_layout_draw(self->view, canvas, tui_within(box, 0, y, 0, 0));
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    observers_t *self = refresh(app);
    if (self->table == NULL || self->full) {
        draw_view(app, self, canvas, box);
        return;
    }
    if (self->count == 0) {
        tui_rule(canvas, box, 0, "observers");
        tui_put(canvas, box, 0, 1, TUI_DIM,
                tui_app_live(app) ? "no observer runs"
                                  : "no event up to this moment tells of an observer");
        return;
    }
    bool wide = box.width >= WIDE_COLUMNS;
    int third = box.height / 3 > 3 ? box.height / 3 : 3, rows = (int)self->count + 2;
    int height = wide ? box.height : rows < third ? rows : third;
    tui_box_t list = tui_within(box, 0, 0, wide ? LIST_COLUMNS : box.width, height);
    tui_rule(canvas, list, 0, "observers");
    tui_table_draw(self->table, canvas, tui_within(list, 0, 1, 0, 0));
    draw_view(app, self, canvas,
              wide ? tui_within(box, LIST_COLUMNS + 2, 0, 0, 0) : tui_within(box, 0, height, 0, 0));
}

/* Keys of the view, when it is alone. */
static bool view_key(observers_t *self, int key)
{
    switch (key) {
    case TUI_KEY_ESCAPE:
        self->full = false;
        return true;
    case TUI_KEY_UP:
    case 'k':
        tui_layout_move(self->view, -1);
        return true;
    case TUI_KEY_DOWN:
    case 'j':
        tui_layout_move(self->view, 1);
        return true;
    case TUI_KEY_PAGE_UP:
        tui_layout_turn(self->view, -1);
        return true;
    case TUI_KEY_PAGE_DOWN:
        tui_layout_turn(self->view, 1);
        return true;
    case TUI_KEY_HOME:
    case 'g':
        tui_layout_first(self->view);
        return true;
    case TUI_KEY_END:
    case 'G':
        tui_layout_last(self->view);
        return true;
    default:
        return false;
    }
}

static bool key(tui_app_t *app, int key)
{
    observers_t *self = refresh(app);
    if (self->view == NULL || self->table == NULL)
        return false;
    if (tui_table_choosing(self->table))
        return tui_table_key(self->table, key);
    if (key == '+' || key == '-') {
        tui_layout_unfold(self->view, key == '+' ? 1 : -1);
        return true;
    }
    if (key == TUI_KEY_ENTER) {
        self->full = !self->full && chosen(self) != NULL;
        return true;
    }
    return self->full ? view_key(self, key) : tui_table_key(self->table, key);
}

static void text(tui_app_t *app, bool only_chosen, vd_buffer_t *out)
{
    enum { TEXT_COLUMNS = 120 };
    observers_t *self = refresh(app);
    const row_t *row = chosen(self);
    char title[160];
    if (row == NULL || self->view == NULL)
        return;
    if (only_chosen && !self->full) {
        vd_buffer_add(out, row->name, strlen(row->name));
        return;
    }
    write_title(app, self, title, sizeof title);
    vd_buffer_add(out, title, strlen(title));
    vd_buffer_add(out, "\n", 1);
    tui_layout_text(self->view, TEXT_COLUMNS, tui_app_ascii(app), out);
}

static bool actor(tui_app_t *app, char name[VD_NAME_BYTES_MAX + 1])
{
    const row_t *row = chosen(refresh(app));
    if (row != NULL)
        memcpy(name, row->name, VD_NAME_BYTES_MAX + 1);
    return row != NULL;
}

static void close(tui_app_t *app)
{
    observers_t *self = memory(app);
    tui_table_destroy(&self->table);
    tui_layout_destroy(&self->view);
}

const tui_screen_t tui_screen_observers = {
    .name = "observers",
    .help = "The observers, and what the chosen one knows, drawn as it declares. In the past it is "
            "what\n"
            "the observer knew then, put together from stored events: figures that come with each\n"
            "read are in no event, and are not there.\n\n"
            "Enter      the view alone: arrows scroll and choose a row; Esc goes back\n"
            "+ -        unfold trees and branches, fold them again\n"
            "r          restart the chosen one, after its name was typed\n"
            "x          stop it; vedette start NAME starts it again",
    .memory = sizeof(observers_t),
    .key = key,
    .draw = draw,
    .answer = answer,
    .text = text,
    .actor = actor,
    .close = close,
    .step = step,
};
