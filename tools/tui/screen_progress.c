/* screen_progress.c: how far a workflow is: its levels and figures, its nodes in a table, one in detail. */
#include "tui/progress_draw.h"
#include "tui/screen.h"
#include "tui/state.h"
#include "vedette/text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    DETAIL_ROWS = 10, /* of the pane, where there is room */
    TABLE_ROWS_MIN = 4,
};

typedef struct memory {
    tui_table_t *table;
    const tui_progress_t *progress;
    const tui_progress_node_t *nodes[TUI_PROGRESS_NODES_MAX];
    size_t count;
    int64_t clock_ms;
    bool detail;
} memory_t;

enum { NODE, STATE, LEVEL, TOOK, SIZE, WHAT, ATTEMPT, REQUESTS, FAILURES, STARTED, ENDED };

static const tui_column_t columns[] = {
    [NODE] = {"NODE", 24, 100, false, false, false},
    [STATE] = {"STATE", 8, 99, false, false, false},
    [LEVEL] = {"LEVEL", 5, 60, true, false, false},
    [TOOK] = {"TOOK", 7, 80, true, false, false},
    [SIZE] = {"SIZE", 6, 50, true, false, false},
    [WHAT] = {"WHAT", 16, 90, false, true, false},
    [ATTEMPT] = {"ATTEMPT", 7, 40, true, false, false},
    [REQUESTS] = {"REQUESTS", 8, 30, true, false, true},
    [FAILURES] = {"FAILURES", 8, 20, true, false, true},
    [STARTED] = {"STARTED", 10, 15, false, false, true},
    [ENDED] = {"ENDED", 10, 10, false, false, true},
};

static vd_str_t key_of(const void *context, size_t row)
{
    return vd_str(((const memory_t *)context)->nodes[row]->name);
}

static void put_count(tui_item_t *item, uint64_t count, tui_tone_t tone)
{
    if (count > 0)
        tui_item_number(item, tone, (double)count, "%" PRIu64, count);
}

static void put_time(tui_item_t *item, int64_t ms, int64_t clock_ms)
{
    tui_item_number(item, TUI_PLAIN, (double)ms, "%s", TUI_TIME(ms, clock_ms));
}

static void put_figure(const memory_t *self, const tui_progress_node_t *node, int column,
                       tui_item_t *item)
{
    char text[32];
    int64_t ms = tui_progress_node_ms(node, self->clock_ms);
    if (column == LEVEL && node->level > 0)
        tui_item_number(item, TUI_PLAIN, (double)(node->level - 1), "%" PRIu64, node->level - 1);
    if (column == TOOK && ms > 0) {
        cli_format_duration(ms, text, sizeof text);
        tui_item_number(item, TUI_PLAIN, (double)ms, "%s", text);
    }
    if (column == SIZE && node->size_bytes > 0) {
        cli_format_bytes(node->size_bytes, text, sizeof text);
        tui_item_number(item, TUI_PLAIN, (double)node->size_bytes, "%s", text);
    }
}

static void cell_of(const void *context, size_t row, int column, tui_item_t *item)
{
    const memory_t *self = context;
    const tui_progress_node_t *node = self->nodes[row];
    tui_progress_state_t state = (tui_progress_state_t)node->state;
    char text[TUI_PROGRESS_LINE_SIZE];
    switch (column) {
    case NODE:
        tui_item_text(item, TUI_PLAIN, node->name);
        break;
    case STATE:
        tui_item_text(item, tui_progress_tone(state), tui_progress_state_name(state));
        break;
    case WHAT:
        tui_progress_node_text(self->progress, node, text);
        tui_item_text(item, state == TUI_PROGRESS_FAILED ? TUI_BAD : TUI_DIM, text);
        break;
    case ATTEMPT:
        put_count(item, node->attempt, node->attempt > 1 ? TUI_WARN : TUI_PLAIN);
        break;
    case REQUESTS:
        put_count(item, node->requests, TUI_PLAIN);
        break;
    case FAILURES:
        put_count(item, node->failures, TUI_WARN);
        break;
    case STARTED:
        put_time(item, node->started_ms, self->clock_ms);
        break;
    case ENDED:
        put_time(item, node->ended_ms, self->clock_ms);
        break;
    default:
        put_figure(self, node, column, item);
    }
}

/* Takes the nodes as they are at the moment that is looked at. NULL without memory. */
static memory_t *refresh(tui_app_t *app)
{
    memory_t *self = tui_app_memory(app, &tui_screen_progress);
    if (self == NULL)
        return NULL;
    if (self->table == NULL)
        self->table = tui_table_new(columns, sizeof columns / sizeof *columns);
    if (self->table == NULL)
        return NULL;
    self->progress = tui_state_progress(tui_app_state(app));
    self->clock_ms = tui_app_shown_ms(app);
    self->count = tui_progress_sorted(self->progress, self->nodes);
    tui_list_t rows = {self, self->count, key_of, cell_of};
    tui_table_rows(self->table, &rows);
    tui_table_filter(self->table, tui_app_filter(app));
    return self;
}

static bool key(tui_app_t *app, int key)
{
    memory_t *self = refresh(app);
    if (self == NULL)
        return false;
    bool choosing = tui_table_choosing(self->table);
    if (!choosing && (key == TUI_KEY_ENTER || (key == TUI_KEY_ESCAPE && self->detail))) {
        self->detail = key == TUI_KEY_ENTER && !self->detail;
        return true;
    }
    return tui_table_key(self->table, key);
}

/* The chosen node, at the foot of the box. Returns the rows that it took. */
static int draw_detail(memory_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    size_t row;
    int rows = box.height / 2 < DETAIL_ROWS + 1 ? box.height / 2 : DETAIL_ROWS + 1;
    if (!self->detail || rows < 2 || !tui_table_selected(self->table, &row))
        return 0;
    tui_box_t pane = tui_within(box, 0, box.height - rows, 0, rows);
    tui_rule(canvas, pane, 0, "detail");
    tui_progress_draw_node(self->progress, self->nodes[row], canvas, tui_within(pane, 0, 1, 0, 0),
                           self->clock_ms);
    return rows;
}

static void draw(tui_app_t *app, tui_canvas_t *canvas, tui_box_t box)
{
    memory_t *self = refresh(app);
    if (self == NULL) {
        tui_put(canvas, box, 0, 0, TUI_BAD, "no memory");
        return;
    }
    if (tui_progress_all(self->progress)->events == 0) {
        tui_rule(canvas, box, 0, "progress");
        tui_put(canvas, box, 0, 1, TUI_DIM, "no event up to this moment tells of a workflow");
        return;
    }
    box.height -= draw_detail(self, canvas, box);
    int head = box.height / 3 > TABLE_ROWS_MIN ? box.height / 3 : TABLE_ROWS_MIN;
    if (box.height - head < TABLE_ROWS_MIN)
        head = box.height > TABLE_ROWS_MIN + 2 ? box.height - TABLE_ROWS_MIN : 2;
    int used = tui_progress_draw_head(self->progress, canvas, tui_within(box, 0, 0, 0, head),
                                      self->clock_ms);
    char title[96];
    size_t shown = tui_table_shown(self->table);
    if (shown < self->count)
        snprintf(title, sizeof title, "nodes: %zu of %zu", shown, self->count);
    else
        snprintf(title, sizeof title, "nodes: %zu", shown);
    tui_rule(canvas, box, used, title);
    if (box.height > used + 1)
        tui_table_draw(self->table, canvas, tui_within(box, 0, used + 1, 0, 0));
}

static int64_t runs_ms(const tui_app_t *app)
{
    return tui_progress_runs_ms(tui_state_progress(tui_app_state(app)));
}

static void text(tui_app_t *app, bool chosen, vd_buffer_t *out)
{
    memory_t *self = refresh(app);
    if (self != NULL && chosen)
        tui_table_row_text(self->table, out);
    else if (self != NULL)
        tui_table_text(self->table, out);
}

static void close(tui_app_t *app)
{
    memory_t *self = tui_app_memory(app, &tui_screen_progress);
    if (self != NULL)
        tui_table_destroy(&self->table);
}

const tui_screen_t tui_screen_progress = {
    .name = "progress",
    .help = "How far a workflow is, by the events that tell of one (vedette events): its plan,\n"
            "levels, queue and providers, what is scanned and watched, and its nodes: those that\n"
            "failed first, then those that run, wait, are complete, were skipped.\n\n"
            "Enter      what happened to the chosen node, with its whole error",
    .memory = sizeof(memory_t),
    .key = key,
    .draw = draw,
    .text = text,
    .close = close,
    .runs_ms = runs_ms,
};
