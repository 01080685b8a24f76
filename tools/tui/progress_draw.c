/* progress_draw.c: see progress_draw.h. */
#include "tui/progress_draw.h"

#include "vedette/text.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    GAUGE_MIN = 10, /* columns: less tells nothing */
    GAUGE_MAX = 60,
    DETAILS = 3,    /* failed nodes whose steps are told in a list */
    LEVEL_ROWS = 8, /* in a list with nodes */
    NAME_MAX_COLUMNS = 40,
    NARROW = 64,
    SECOND_MS = 1000,
    TALL = 18, /* rows from which levels have rows of their own */
};

/* A line that is written from left to right. */
typedef struct line {
    tui_canvas_t *canvas;
    tui_box_t box;
    int x, y;
} line_t;

static void add(line_t *line, tui_tone_t tone, const char *text)
{
    line->x += tui_put(line->canvas, line->box, line->x, line->y, tone, text);
}

/* Puts words behind what is there, if they fit whole. */
static void add_words(line_t *line, tui_tone_t tone, const char *words)
{
    int gap = line->x == 0 ? 0 : line->box.width < NARROW ? 1 : 2;
    if (line->x + gap + tui_columns(vd_str(words)) > line->box.width)
        return;
    line->x += gap;
    add(line, tone, words);
}

/* "12 failed": nothing for 0 unless it is `always` told. */
static void add_count(line_t *line, tui_tone_t tone, uint64_t count, const char *what, bool always)
{
    char words[64];
    if (count == 0 && !always)
        return;
    snprintf(words, sizeof words, "%" PRIu64 " %s", count, what);
    add_words(line, tone, words);
}

/* "1 change", "2 changes". */
static void add_things(line_t *line, tui_tone_t tone, uint64_t count, const char *thing)
{
    if (count > 0)
        add_words(line, tone, CLI_COUNT(count, thing));
}

static void add_duration(line_t *line, tui_tone_t tone, const char *what, uint64_t ms)
{
    char took[32], words[64];
    cli_format_duration((int64_t)ms, took, sizeof took);
    snprintf(words, sizeof words, "%s%s", what, took);
    add_words(line, tone, words);
}

/* The word in front of a line of figures. */
static line_t labelled(tui_canvas_t *canvas, tui_box_t box, int y, const char *label)
{
    enum { COLUMNS = 10 };
    tui_put_cell(canvas, box, 0, y, COLUMNS - 1, false, TUI_TITLE, vd_str(label));
    return (line_t){canvas, tui_within(box, COLUMNS, y, 0, 1), 0, 0};
}

/* ---- how far it is ---- */

static void draw_gauge(const tui_progress_t *self, line_t *line, int columns)
{
    uint64_t total = tui_progress_total(self), done = tui_progress_done(self);
    uint64_t failed = tui_progress_round(self)->node[TUI_PROGRESS_FAILED];
    double each = total > 0 ? (double)columns / (double)total : 0;
    int good = (int)((double)(done - failed) * each), bad = (int)((double)failed * each);
    if (bad == 0 && failed > 0 && good < columns)
        bad = 1; /* a failure is seen however many went well */
    for (int i = 0; i < columns; i++) {
        bool over = i < good + bad;
        tui_tone_t tone = i < good ? TUI_GOOD : over ? TUI_BAD : TUI_DIM;
        line->x += tui_put_glyph(line->canvas, line->box, line->x, line->y, tone,
                                 over ? TUI_BAR_7 : TUI_HLINE);
    }
}

static int64_t round_ms(const tui_progress_round_t *round, int64_t now_ms)
{
    if (round->ended)
        return (int64_t)round->duration_ms;
    int64_t begun = (int64_t)round->started_ms;
    int64_t ms = round->begun && now_ms > begun ? now_ms - begun : 0;
    return ms - ms % SECOND_MS; /* as tui_progress_node_ms has it */
}

static void draw_bar(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y,
                     int64_t now_ms)
{
    const tui_progress_round_t *round = tui_progress_round(self);
    const char *name = tui_progress_round_name(self);
    line_t line = {canvas, box, 0, y};
    tui_tone_t tone = strcmp(name, "failed") == 0     ? TUI_BAD
                      : strcmp(name, "complete") == 0 ? TUI_GOOD
                                                      : TUI_BOLD;
    char figures[96], took[32] = "", number[40] = "";
    if (round->ended || round_ms(round, now_ms) > 0)
        cli_format_duration(round_ms(round, now_ms), took, sizeof took);
    if (round->number > 1)
        snprintf(number, sizeof number, "  round %" PRIu64, round->number);
    snprintf(figures, sizeof figures, " %3u %%  %" PRIu64 " of %" PRIu64 "%s%s%s",
             tui_progress_percent(self), tui_progress_done(self), tui_progress_total(self),
             took[0] ? "  " : "", took, number);
    tui_put_cell(canvas, box, 0, y, 9, false, tone, vd_str(name));
    line.x = 10;
    int columns = box.width - line.x - tui_columns(vd_str(figures)) - 1;
    if (columns >= GAUGE_MIN)
        draw_gauge(self, &line, columns < GAUGE_MAX ? columns : GAUGE_MAX);
    add(&line, TUI_PLAIN, figures);
}

static void draw_counts(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const uint64_t *count = tui_progress_round(self)->node;
    line_t line = labelled(canvas, box, y, "nodes");
    add_count(&line, TUI_BAD, count[TUI_PROGRESS_FAILED], "failed", false);
    add_count(&line, TUI_ACCENT, count[TUI_PROGRESS_RUNNING], "running", true);
    add_count(&line, TUI_PLAIN, tui_progress_waiting(self), "waiting", true);
    add_count(&line, TUI_GOOD, count[TUI_PROGRESS_COMPLETE], "complete", true);
    uint64_t told = count[TUI_PROGRESS_SKIPPED], planned = tui_progress_round(self)->plan_skipped;
    add_count(&line, TUI_DIM, told > planned ? told : planned, "skipped", false);
    add_count(&line, TUI_WARN, tui_progress_round(self)->checks_failed, "checks failed", false);
}

/* ---- queue, providers, scan and watch ---- */

static void draw_queue(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const tui_progress_all_t *all = tui_progress_all(self);
    line_t line = labelled(canvas, box, y, "queue");
    add_count(&line, TUI_PLAIN, all->pending, "pending", true);
    add_count(&line, TUI_ACCENT, all->processing, "processing", true);
    if (all->queue_told > 0)
        add_count(&line, TUI_GOOD, all->queue_completed, "completed", true);
    add_count(&line, TUI_BAD, all->queue_failed, "failed", false);
    add_count(&line, TUI_DIM, all->deduplicated, "deduplicated", true);
    if (all->turns > 0)
        add_duration(&line, TUI_DIM, "waited ", all->waited_ms / all->turns);
}

static void draw_provider(const tui_progress_provider_t *provider, tui_canvas_t *canvas,
                          tui_box_t box, int y)
{
    line_t line = labelled(canvas, box, y, provider->name);
    add_count(&line, TUI_PLAIN, provider->sent, "sent", true);
    add_count(&line, TUI_GOOD, provider->answered, "answered", true);
    add_count(&line, TUI_BAD, provider->failed, "failed", false);
    add_count(&line, TUI_WARN, provider->retried, "retried", false);
    if (provider->answered > 0) {
        add_duration(&line, TUI_DIM, "last ", provider->last_ms);
        add_duration(&line, TUI_DIM, "mean ", provider->sum_ms / provider->answered);
        add_duration(&line, TUI_DIM, "most ", provider->most_ms);
    }
    if (provider->failed > 0 && provider->error != NULL) {
        line.x += 2;
        tui_put_cell(canvas, line.box, line.x, 0, line.box.width - line.x, false, TUI_DIM,
                     vd_str(provider->error));
    }
}

static void draw_scan(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const tui_progress_all_t *all = tui_progress_all(self);
    line_t line = labelled(canvas, box, y, "scan");
    add(&line, all->scan_runs ? TUI_ACCENT : TUI_PLAIN, all->scan_runs ? "running" : "complete");
    add_count(&line, TUI_PLAIN, all->scanned, "scanned", true);
    if (all->scan_runs && all->scan_total > 0)
        add_count(&line, TUI_PLAIN, all->scan_total, "in all", true);
    add_count(&line, TUI_PLAIN, all->scan_changed, "changed", false);
    line.x += 2;
    add(&line, TUI_DIM, tui_progress_scan_path(self));
}

static void draw_watch(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const tui_progress_all_t *all = tui_progress_all(self);
    line_t line = labelled(canvas, box, y, "watch");
    uint64_t changes = all->created + all->modified + all->removed + all->renamed;
    add_words(&line, TUI_PLAIN, CLI_COUNT(changes, "change"));
    add_count(&line, TUI_PLAIN, all->batches, all->batches == 1 ? "batch" : "batches", true);
    add_count(&line, TUI_BAD, all->batch_failed, "failed", false);
    line.x += 2;
    const char *path = tui_progress_changed_path(self);
    add(&line, TUI_DIM, path[0] ? "last " : tui_progress_watch_path(self));
    add(&line, TUI_DIM, path);
}

typedef struct foot {
    bool queue, scan, watch;
    int providers, rows;
} foot_t;

/* Which lines of figures there are in so many rows: queue, providers, scan, watch. */
static foot_t plan_foot(const tui_progress_t *self, int room)
{
    const tui_progress_all_t *all = tui_progress_all(self);
    foot_t foot = {0};
    room = room > 0 ? room : 0;
    int left = room;
    foot.queue = left > 0 && (all->enqueued > 0 || all->queue_told > 0);
    left -= foot.queue;
    int providers = (int)tui_progress_provider_count(self);
    foot.providers = providers < left ? providers : left;
    left -= foot.providers;
    foot.scan = left > 0 && all->scans > 0;
    left -= foot.scan;
    foot.watch = left > 0 && all->watches + all->batches > 0;
    left -= foot.watch;
    foot.rows = room - left;
    return foot;
}

static void draw_foot(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y,
                      const foot_t *foot)
{
    if (foot->queue)
        draw_queue(self, canvas, box, y++);
    for (int i = 0; i < foot->providers; i++)
        draw_provider(tui_progress_provider(self, (size_t)i), canvas, box, y++);
    if (foot->scan)
        draw_scan(self, canvas, box, y++);
    if (foot->watch)
        draw_watch(self, canvas, box, y++);
}

/* ---- levels ---- */

static uint64_t level_done(const tui_progress_level_t *level)
{
    uint64_t told = level->generated + level->failed;
    uint64_t counted = level->count[TUI_PROGRESS_COMPLETE] + level->count[TUI_PROGRESS_FAILED];
    return told > counted ? told : counted;
}

static void draw_level(const tui_progress_level_t *level, tui_canvas_t *canvas, tui_box_t box,
                       int y, int64_t now_ms)
{
    tui_progress_state_t state = (tui_progress_state_t)level->state;
    char label[32];
    snprintf(label, sizeof label, "level %" PRIu64, level->number);
    line_t line = labelled(canvas, box, y, label);
    tui_put_cell(canvas, line.box, 0, 0, 9, false, tui_progress_tone(state),
                 vd_str(tui_progress_state_name(state)));
    line.x = 8;
    add_count(&line, TUI_PLAIN, level_done(level), "done", true);
    if (level->nodes > 0)
        line.x += tui_putf(canvas, line.box, line.x, 0, TUI_PLAIN, " of %" PRIu64, level->nodes);
    add_count(&line, TUI_ACCENT, level->count[TUI_PROGRESS_RUNNING], "running", false);
    uint64_t failed = level->count[TUI_PROGRESS_FAILED];
    add_count(&line, TUI_BAD, level->failed > failed ? level->failed : failed, "failed", false);
    int64_t begun = (int64_t)level->started_ms;
    if (state != TUI_PROGRESS_RUNNING)
        add_duration(&line, TUI_DIM, "", level->duration_ms);
    else if (begun > 0 && now_ms - begun >= SECOND_MS)
        add_duration(&line, TUI_DIM, "", (uint64_t)((now_ms - begun) / SECOND_MS * SECOND_MS));
}

/* All levels in one line: how many are over, and those that run. */
static void draw_level_line(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const tui_progress_round_t *round = tui_progress_round(self);
    uint64_t planned = round->plan_levels > round->generation_levels ? round->plan_levels
                                                                     : round->generation_levels;
    line_t line = labelled(canvas, box, y, "levels");
    add_count(&line, TUI_GOOD, round->levels_done, "over", true);
    add_count(&line, TUI_BAD, round->levels_failed, "with failures", false);
    for (size_t i = 0; i < tui_progress_level_count(self); i++) {
        const tui_progress_level_t *level = tui_progress_level(self, i);
        if (level->state == TUI_PROGRESS_RUNNING)
            line.x += 2 + tui_putf(canvas, line.box, line.x + 2, 0, TUI_ACCENT,
                                   "level %" PRIu64 " running", level->number);
    }
    if (planned > round->levels_begun)
        add_count(&line, TUI_PLAIN, planned - round->levels_begun, "waiting", true);
}

/* The newest levels, so many as there are rows. */
static int draw_levels(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y,
                       int rows, int64_t now_ms)
{
    size_t count = tui_progress_level_count(self);
    if (count == 0 && tui_progress_round(self)->plan_levels == 0)
        return 0;
    draw_level_line(self, canvas, box, y);
    size_t shown = rows < 2 ? 0 : count < (size_t)rows - 1 ? count : (size_t)rows - 1;
    for (size_t i = 0; i < shown; i++)
        draw_level(tui_progress_level(self, count - shown + i), canvas, box, y + 1 + (int)i,
                   now_ms);
    return 1 + (int)shown;
}

/* ---- nodes ---- */

/* One row; false when its text had to be cut, where `whole` says that it must not be: then the row
 * has none. */
static bool draw_node_row(const tui_progress_t *self, const tui_progress_node_t *node,
                          tui_canvas_t *canvas, tui_box_t box, int name, int64_t now_ms, bool whole)
{
    enum { STATE = 9, TOOK = 7, LEVEL = 10, WIDE = 100 };
    tui_progress_state_t state = (tui_progress_state_t)node->state;
    char text[TUI_PROGRESS_LINE_SIZE], took[32] = "";
    int x = STATE;
    int64_t ms = tui_progress_node_ms(node, now_ms);
    tui_put_cell(canvas, box, 0, 0, STATE - 1, false, tui_progress_tone(state),
                 vd_str(tui_progress_state_name(state)));
    tui_put_cell(canvas, box, x, 0, name, false, TUI_PLAIN, vd_str(node->name));
    x += name + 1;
    if (ms > 0)
        cli_format_duration(ms, took, sizeof took);
    tui_put_cell(canvas, box, x, 0, TOOK, true, TUI_DIM, vd_str(took));
    x += TOOK + 1;
    if (box.width >= WIDE) {
        if (node->level > 0)
            tui_putf(canvas, box, x, 0, TUI_DIM, "level %" PRIu64, node->level - 1);
        x += LEVEL;
    }
    if (node->attempt > 1)
        x += 1 + tui_putf(canvas, box, x, 0, TUI_WARN, "attempt %" PRIu64, node->attempt);
    tui_progress_node_text(self, node, text);
    bool fits = x + tui_columns(vd_str(text)) <= box.width;
    if (fits || !whole)
        tui_put_cell(canvas, box, x, 0, box.width - x, false,
                     state == TUI_PROGRESS_FAILED ? TUI_BAD : TUI_DIM, vd_str(text));
    return fits || !whole;
}

/* Its newest steps, so many as fit into one line, the oldest first. */
static void draw_steps(const tui_progress_t *self, const tui_progress_node_t *node,
                       tui_canvas_t *canvas, tui_box_t box)
{
    enum { GAP = 2 };
    char text[TUI_PROGRESS_STEPS][TUI_PROGRESS_LINE_SIZE];
    int kept = 0, columns = 0;
    uint64_t first = node->steps > TUI_PROGRESS_STEPS ? node->steps - TUI_PROGRESS_STEPS : 0;
    for (uint64_t at = node->steps; at-- > first;) {
        const tui_progress_step_t *step = &node->step[at % TUI_PROGRESS_STEPS];
        if (step->deed == TUI_PROGRESS_ENDED)
            continue;
        tui_progress_step_text(self, node, step, text[kept]);
        columns += GAP + tui_columns(vd_str(text[kept]));
        if (columns - GAP > box.width)
            break;
        kept++;
    }
    for (int x = 0; kept > 0; kept--) {
        x += tui_put(canvas, box, x, 0, TUI_DIM, text[kept - 1]);
        if (kept > 1)
            x += tui_put(canvas, box, x, 0, TUI_DIM, "; ");
    }
}

/* The columns of names: no more than they need, and no more than there are for them. */
static int name_columns(const tui_progress_node_t *const *nodes, size_t count, int width)
{
    int most = width / 3 < NAME_MAX_COLUMNS ? width / 3 : NAME_MAX_COLUMNS, columns = 8;
    for (size_t i = 0; i < count; i++) {
        int needed = tui_columns(vd_str(nodes[i]->name));
        columns = needed > columns ? needed : columns;
    }
    return columns < most ? columns : most;
}

static void draw_nodes(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box,
                       int64_t now_ms)
{
    const tui_progress_node_t *sorted[TUI_PROGRESS_NODES_MAX];
    size_t count = tui_progress_sorted(self, sorted), rows = (size_t)box.height;
    int name = name_columns(sorted, count < rows ? count : rows, box.width), y = 0;
    int details = box.height >= 4 ? box.height / 4 : 0;
    details = details < DETAILS ? details : DETAILS;
    for (size_t i = 0; i < count && y < box.height; i++) {
        if (y + 1 == box.height && count - i > 1) {
            tui_putf(canvas, box, 9, y, TUI_DIM, "and %zu more", count - i);
            return;
        }
        const tui_progress_node_t *node = sorted[i];
        bool detail = node->state == TUI_PROGRESS_FAILED && details > 0 && y + 1 < box.height;
        bool told =
            draw_node_row(self, node, canvas, tui_within(box, 0, y++, 0, 1), name, now_ms, detail);
        if (!detail)
            continue;
        details--;
        tui_box_t below = tui_within(box, 9, y++, 0, 1);
        if (told)
            draw_steps(self, node, canvas, below);
        else
            tui_put_cell(canvas, below, 0, 0, below.width, false, TUI_BAD, vd_str(node->error));
    }
}

/* Draws text over rows, broken at blanks where it can be. Returns how many rows it took. */
static int draw_wrapped(tui_canvas_t *canvas, tui_box_t box, int y, tui_tone_t tone,
                        const char *text)
{
    int rows = 0;
    while (*text != 0 && y + rows < box.height) {
        size_t size = strlen(text), blank = 0;
        while (size > 1 && tui_columns(vd_bytes(text, size)) > box.width)
            do
                size--;
            while (size > 1 && ((unsigned char)text[size] & 0xc0) == 0x80);
        for (size_t i = 0; text[size] != 0 && i < size; i++)
            blank = text[i] == ' ' ? i : blank;
        size_t taken = blank > 0 ? blank : size;
        tui_put_str(canvas, box, 0, y + rows++, tone, vd_bytes(text, taken));
        text += taken + strspn(text + taken, " ");
    }
    return rows;
}

void tui_progress_draw_node(const tui_progress_t *self, const tui_progress_node_t *node,
                            tui_canvas_t *canvas, tui_box_t box, int64_t now_ms)
{
    tui_progress_state_t state = (tui_progress_state_t)node->state;
    char text[TUI_PROGRESS_LINE_SIZE], ts[VD_TS_SIZE];
    line_t line = {canvas, box, 0, 0};
    add(&line, tui_progress_tone(state), tui_progress_state_name(state));
    line.x += 2;
    add(&line, TUI_BOLD, node->name);
    line = (line_t){canvas, box, 0, 1};
    if (node->level > 0)
        line.x = tui_putf(canvas, box, 0, 1, TUI_PLAIN, "level %" PRIu64, node->level - 1);
    if (node->attempt > 0)
        line.x +=
            2 + tui_putf(canvas, box, line.x + 2, 1, TUI_PLAIN, "attempt %" PRIu64, node->attempt);
    if (tui_progress_node_ms(node, now_ms) > 0)
        add_duration(&line, TUI_PLAIN, "", (uint64_t)tui_progress_node_ms(node, now_ms));
    add_things(&line, TUI_PLAIN, node->requests, "request");
    add_count(&line, TUI_GOOD, node->answered, "answered", false);
    add_things(&line, TUI_BAD, node->failures, "failure");
    add_things(&line, TUI_PLAIN, node->size_bytes, "byte");
    int y = 2;
    if (node->error != NULL)
        y += draw_wrapped(canvas, box, y, state == TUI_PROGRESS_FAILED ? TUI_BAD : TUI_WARN,
                          node->error);
    uint64_t first = node->steps > TUI_PROGRESS_STEPS ? node->steps - TUI_PROGRESS_STEPS : 0;
    for (uint64_t at = first; at < node->steps; at++) {
        const tui_progress_step_t *step = &node->step[at % TUI_PROGRESS_STEPS];
        tui_progress_step_text(self, node, step, text);
        vd_ts_format(step->at_ms, ts);
        tui_put(canvas, box, 0, y, TUI_DIM, ts + 11);
        tui_put(canvas, box, 14, y++, TUI_PLAIN, text);
    }
}

/* ---- all of it ---- */

/* Rows that the nodes fill with what is told of the first that failed. */
static int node_rows(const tui_progress_t *self)
{
    uint64_t failed = tui_progress_round(self)->node[TUI_PROGRESS_FAILED];
    return (int)tui_progress_node_count(self) + (failed < DETAILS ? (int)failed : DETAILS);
}

int tui_progress_rows(const tui_progress_t *self)
{
    foot_t foot = plan_foot(self, TUI_ROWS_MAX);
    int levels = (int)tui_progress_level_count(self);
    levels = levels < LEVEL_ROWS ? levels : LEVEL_ROWS;
    int rows = 2 + (tui_progress_error(self)[0] != 0) + (levels > 0) + levels + node_rows(self) +
               foot.rows;
    rows += rows + 2 >= TALL ? 2 : 0;
    return rows < TUI_ROWS_MAX ? rows : TUI_ROWS_MAX;
}

static int draw_error(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box, int y)
{
    const char *error = tui_progress_error(self);
    if (error[0] != 0)
        tui_put_cell(canvas, box, 0, y, box.width, false, TUI_BAD, vd_str(error));
    return error[0] != 0;
}

int tui_progress_draw_head(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box,
                           int64_t now_ms)
{
    enum { FIRST = 3 /* bar, counts, levels in a line */ };
    int y = 2;
    draw_bar(self, canvas, box, 0, now_ms);
    draw_counts(self, canvas, box, 1);
    y += draw_error(self, canvas, box, y);
    foot_t foot = plan_foot(self, box.height - FIRST - (y - 2));
    int levels = box.height - y - foot.rows;
    if (levels > 0)
        y += draw_levels(self, canvas, box, y, levels < 1 + LEVEL_ROWS ? levels : 1 + LEVEL_ROWS,
                         now_ms);
    draw_foot(self, canvas, box, y, &foot);
    y += foot.rows;
    return y < box.height ? y : box.height;
}

void tui_progress_draw(const tui_progress_t *self, tui_canvas_t *canvas, tui_box_t box,
                       int64_t now_ms)
{
    bool tall = box.height >= TALL;
    int y = 0;
    draw_bar(self, canvas, box, y++, now_ms);
    draw_counts(self, canvas, box, y++);
    y += draw_error(self, canvas, box, y);
    foot_t foot = plan_foot(self, (box.height - 2) / 3);
    if (box.height > 4)
        y += draw_levels(self, canvas, box, y, tall ? 1 + LEVEL_ROWS : 1, now_ms);
    int rows = box.height - y - foot.rows - (tall ? 2 : 0), wanted = node_rows(self);
    rows = rows < wanted ? rows : wanted;
    if (tall && rows > 0)
        tui_rule(canvas, box, y++, "nodes");
    if (rows > 0)
        draw_nodes(self, canvas, tui_within(box, 0, y, 0, rows), now_ms);
    y += rows > 0 ? rows : 0;
    if (tall && foot.rows > 0)
        tui_rule(canvas, box, y++, "requests and files");
    draw_foot(self, canvas, box, y, &foot);
}
