/* screen_actors.c: the processes of the runtime: now as the supervisor sees them, in the past as events
 * told of them. */
#include "tui/listing.h"
#include "tui/screen.h"
#include "vedette/text.h"

#include <stdio.h>

typedef struct row {
    const tui_now_actor_t *now; /* NULL in the past */
    const tui_actor_t *told;    /* by events; NULL: of those that are looked at none names it */
} row_t;

typedef struct actors {
    tui_listing_t listing;
    row_t rows[TUI_NOW_ACTORS_MAX];
    size_t count;
    int64_t clock_ms;
} actors_t;

enum { NAME, STATE, PID, SINCE, RESTARTS, CPU, MEMORY, RETRY, ERROR, KIND, STARTED, DEATHS };

static const tui_column_t columns[] = {
    [NAME] = {"NAME", 14, 100, false, false, false},
    [STATE] = {"STATE", 9, 99, false, false, false},
    [PID] = {"PID", 8, 60, true, false, false},
    [SINCE] = {"SINCE", 9, 70, false, false, false},
    [RESTARTS] = {"RESTARTS", 8, 80, true, false, false},
    [CPU] = {"CPU", 5, 75, true, false, false},
    [MEMORY] = {"MEMORY", 7, 76, true, false, false},
    [RETRY] = {"NEXT RETRY", 10, 50, false, false, false},
    [ERROR] = {"LAST ERROR", 12, 90, false, true, false},
    [KIND] = {"KIND", 10, 40, false, false, true},
    [STARTED] = {"STARTED", 10, 30, false, false, true},
    [DEATHS] = {"DEATHS", 7, 20, true, false, true},
};

static actors_t *memory(tui_app_t *app)
{
    return tui_app_memory(app, &tui_screen_actors);
}

static vd_str_t key_of(const void *context, size_t row)
{
    const row_t *at = &((const actors_t *)context)->rows[row];
    return vd_str(at->now != NULL ? at->now->name : at->told->name);
}

static void put_time(tui_item_t *item, int64_t ms, int64_t clock_ms)
{
    tui_item_number(item, TUI_PLAIN, (double)ms, "%s", TUI_TIME(ms, clock_ms));
}

/* What is known of now alone. */
static void cell_of_now(const tui_now_actor_t *now, int column, tui_item_t *item)
{
    char text[32];
    if (now == NULL)
        tui_item_text(item, TUI_DIM, "-");
    else if (column == CPU && now->cpu_percent >= 0 && now->pid > 0)
        tui_item_number(item, TUI_PLAIN, now->cpu_percent, "%d%%", now->cpu_percent);
    else if (column == MEMORY && now->memory_bytes > 0 && now->pid > 0) {
        cli_format_bytes(now->memory_bytes, text, sizeof text);
        tui_item_number(item, TUI_PLAIN, (double)now->memory_bytes, "%s", text);
    } else
        tui_item_text(item, TUI_DIM, "-");
}

/* Why it is as it is; when all is well, how it died last. */
static void put_error(const row_t *row, tui_item_t *item)
{
    bool wrong = row->now != NULL && row->now->reason[0] != 0;
    if (wrong)
        tui_item_text(item, strcmp(row->now->state, "ready") == 0 ? TUI_PLAIN : TUI_BAD,
                      row->now->reason);
    else if (row->told != NULL)
        tui_item_text(item, TUI_DIM, row->told->error);
}

static void put_state(const row_t *row, tui_item_t *item)
{
    const char *state = row->now != NULL ? row->now->state : tui_actor_state_word(row->told->state);
    tui_item_text(item, tui_state_tone(vd_str(state)), state);
}

static uint64_t pid_of(const row_t *row)
{
    if (row->now != NULL)
        return row->now->pid;
    bool runs = row->told->state == TUI_ACTOR_STARTING || row->told->state == TUI_ACTOR_READY;
    return runs ? row->told->pid : 0;
}

static void put_count(tui_item_t *item, uint64_t count)
{
    tui_item_number(item, count > 0 ? TUI_WARN : TUI_PLAIN, (double)count, "%llu",
                    (unsigned long long)count);
}

static void cell_of(const void *context, size_t at, int column, tui_item_t *item)
{
    const actors_t *self = context;
    const row_t *row = &self->rows[at];
    const tui_now_actor_t *now = row->now;
    uint64_t pid = pid_of(row);
    switch (column) {
    case NAME:
        tui_item_str(item, TUI_PLAIN, key_of(context, at));
        break;
    case KIND:
        tui_item_text(item, TUI_DIM, now != NULL ? now->kind : row->told->kind);
        break;
    case STATE:
        put_state(row, item);
        break;
    case PID:
        if (pid > 0)
            tui_item_number(item, TUI_PLAIN, (double)pid, "%llu", (unsigned long long)pid);
        else
            tui_item_text(item, TUI_DIM, "-");
        break;
    case SINCE:
        put_time(item, now != NULL ? now->since_ms : row->told->since_ms, self->clock_ms);
        break;
    case STARTED:
        put_time(item, now != NULL ? now->started_ms : row->told->started_ms, self->clock_ms);
        break;
    case RESTARTS:
        put_count(item, now != NULL ? now->restarts : row->told->restarts);
        break;
    case DEATHS:
        put_count(item, row->told != NULL ? row->told->deaths : 0);
        break;
    case RETRY:
        put_time(item, now != NULL ? now->retry_ms : 0, self->clock_ms);
        break;
    case ERROR:
        put_error(row, item);
        break;
    default:
        cell_of_now(now, column, item);
    }
}

/* Takes the rows as they are known for the moment. */
static actors_t *refresh(tui_app_t *app)
{
    actors_t *self = memory(app);
    size_t count = 0;
    const tui_state_t *state = tui_app_state(app);
    self->count = 0;
    self->clock_ms = tui_app_clock_ms(app);
    if (!tui_listing_open(&self->listing, columns, sizeof columns / sizeof *columns))
        return self;
    if (tui_app_shows_now(app)) {
        const tui_now_actor_t *now = tui_now_actors(tui_app_now(app), &count);
        for (; self->count < count; self->count++)
            self->rows[self->count] =
                (row_t){now + self->count, tui_state_actor(state, vd_str(now[self->count].name))};
    } else {
        const tui_actor_t *told = tui_state_actors(state, &count);
        for (; self->count < count && self->count < TUI_NOW_ACTORS_MAX; self->count++)
            self->rows[self->count] = (row_t){NULL, told + self->count};
    }
    tui_list_t rows = {self, self->count, key_of, cell_of};
    tui_listing_set(&self->listing, &rows, tui_app_filter(app));
    const tui_totals_t *totals = tui_state_totals(tui_app_state(app));
    if (tui_app_shows_now(app)) {
        tui_listing_note(&self->listing, tui_now_figures(tui_app_now(app))->actors_left_out,
                         "more found no room");
    } else {
        tui_listing_note(&self->listing, totals->actors_left_out, "events of others found no room");
    }
    return self;
}

static bool key(tui_app_t *app, int key)
{
    return tui_listing_key(&refresh(app)->listing, key);
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    tui_listing_draw(&refresh(app)->listing, canvas, box, "actors",
                     tui_app_shows_now(app) ? "the supervisor has told of none yet"
                                            : "no event up to this moment tells of an actor");
}

static void text(tui_app_t *app, bool chosen, vd_buffer_t *out)
{
    tui_listing_text(&refresh(app)->listing, chosen, out);
}

static bool actor(tui_app_t *app, char name[VD_NAME_BYTES_MAX + 1])
{
    actors_t *self = refresh(app);
    size_t row;
    if (self->listing.table == NULL || !tui_table_selected(self->listing.table, &row))
        return false;
    vd_str_copy(name, VD_NAME_BYTES_MAX + 1, key_of(self, row));
    return true;
}

static void close(tui_app_t *app)
{
    tui_listing_close(&memory(app)->listing);
}

const tui_screen_t tui_screen_actors = {
    .name = "actors",
    .help = "The processes of the runtime. In the past, what events tell of them: figures of now\n"
            "(cpu, memory, next retry) are not known there.\n\n"
            "r          restart the chosen one, after its name was typed\n"
            "x          stop it; vedette start NAME starts it again\n"
            "Enter      all there is to say of it",
    .memory = sizeof(actors_t),
    .key = key,
    .draw = draw,
    .text = text,
    .actor = actor,
    .close = close,
};
