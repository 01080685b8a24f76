/* follow_progress.c: see follow_progress.h. */
#include "follow_progress.h"

#include "tui/progress_draw.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    FRAME_MS = 100,
    SECOND_MS = 1000,
    ROWS_MAX = 24, /* of the block, however high the terminal is */
    BLOCK_BYTES = 1 << 20,
    TENTHS = 10,
};

struct cli_progress {
    tui_progress_t *model;
    char session[VD_NAME_BYTES_MAX + 1]; /* what the model is of */
    bool session_failed;
    bool block; /* a block, not lines */
    bool color;
    /* The block. */
    tui_canvas_t *canvas;
    int columns[ROWS_MAX]; /* of its lines as they stand on the terminal */
    int lines;
    int width; /* of the terminal when it was drawn */
    bool changed;
    int64_t drawn_ms;
    int64_t second; /* of what runs, as it was drawn */
    /* The lines. */
    uint64_t round, tenths;
};

/* ---- the block ---- */

static struct winsize terminal_size(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    return size;
}

/* Rows that the block takes now: a terminal that has become narrower breaks its lines. */
static int rows_taken(const cli_progress_t *self, int width)
{
    int rows = 0;
    for (int i = 0; i < self->lines; i++)
        rows += self->columns[i] <= width ? 1 : (self->columns[i] + width - 1) / width;
    return rows;
}

static const char *sequence_of(uint8_t tone)
{
    static const char *const sequences[TUI_TONES] = {
        [TUI_PLAIN] = "\033[0m",    [TUI_DIM] = "\033[0;2m",     [TUI_BOLD] = "\033[0;1m",
        [TUI_TITLE] = "\033[0;1m",  [TUI_GOOD] = "\033[0;32m",   [TUI_WARN] = "\033[0;33m",
        [TUI_BAD] = "\033[0;1;31m", [TUI_ACCENT] = "\033[0;36m",
    };
    return sequences[tone];
}

static void add_text(vd_buffer_t *out, const char *text)
{
    vd_buffer_add(out, text, strlen(text));
}

/* A row of the canvas without the blanks at its end. Returns its columns. */
static int add_row(const cli_progress_t *self, vd_buffer_t *out, int y)
{
    int columns = tui_canvas_width(self->canvas);
    while (columns > 0 && strcmp(tui_canvas_at(self->canvas, columns - 1, y)->text, " ") == 0)
        columns--;
    uint8_t tone = TUI_PLAIN;
    for (int x = 0; x < columns; x++) {
        const tui_cell_t *cell = tui_canvas_at(self->canvas, x, y);
        if (self->color && cell->tone != tone && strcmp(cell->text, " ") != 0)
            add_text(out, sequence_of(tone = cell->tone));
        add_text(out, cell->text);
    }
    if (tone != TUI_PLAIN)
        add_text(out, sequence_of(TUI_PLAIN));
    return columns;
}

static void draw_block(cli_progress_t *self)
{
    struct winsize size = terminal_size();
    int height = tui_progress_rows(self->model), before = rows_taken(self, size.ws_col);
    /* Two rows are left: for the cursor, and for what is said below in the end. */
    int room = size.ws_row > 3 ? size.ws_row - 2 : 1, most = room < ROWS_MAX ? room : ROWS_MAX;
    char up[32];
    height = height < most ? height : most;
    self->changed = false;
    self->drawn_ms = cli_mono_ms();
    if (height < 1 ||
        !tui_canvas_clear(self->canvas, size.ws_col > 1 ? size.ws_col - 1 : 1, height))
        return;
    tui_progress_draw(self->model, self->canvas, tui_canvas_box(self->canvas), cli_wall_ms());
    vd_buffer_t out;
    vd_buffer_init(&out, BLOCK_BYTES);
    if (before > 0) { /* what has scrolled out of sight cannot be reached */
        snprintf(up, sizeof up, "\033[%dA", before < size.ws_row - 1 ? before : size.ws_row - 1);
        add_text(&out, up);
    }
    for (int y = 0; y < height; y++) {
        add_text(&out, "\r\033[K");
        self->columns[y] = add_row(self, &out, y);
        add_text(&out, "\n");
    }
    if (before > height)
        add_text(&out, "\033[J");
    fwrite(out.data, 1, out.size, stdout);
    fflush(stdout);
    vd_buffer_free(&out);
    self->lines = height;
    self->width = size.ws_col;
}

/* ---- lines ---- */

__attribute__((format(printf, 3, 4))) static void line(const vd_event_t *event, const char *what,
                                                       const char *format, ...)
{
    char text[2048], clean[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cli_clean(vd_str(text), clean, sizeof clean);
    printf("%.12s  %-18s %s\n", (const char *)event->ts.data + 11, what, clean);
}

static void line_of_level(const tui_progress_t *model, const vd_event_t *event, uint64_t number)
{
    for (size_t i = 0; i < tui_progress_level_count(model); i++) {
        const tui_progress_level_t *level = tui_progress_level(model, i);
        if (level->number != number)
            continue;
        char took[32], failed[48] = "";
        if (level->state == TUI_PROGRESS_RUNNING) {
            line(event, "level started", "%" PRIu64 ": %s", number,
                 CLI_COUNT(level->nodes, "node"));
            return;
        }
        cli_format_duration((int64_t)level->duration_ms, took, sizeof took);
        if (level->failed > 0)
            snprintf(failed, sizeof failed, ", %" PRIu64 " failed", level->failed);
        line(event, "level completed", "%" PRIu64 ": %" PRIu64 " generated%s in %s", number,
             level->generated, failed, took);
        return;
    }
}

static void line_of_end(const tui_progress_t *model, const vd_event_t *event)
{
    const tui_progress_round_t *round = tui_progress_round(model);
    char took[32];
    cli_format_duration((int64_t)round->duration_ms, took, sizeof took);
    if (round->failed)
        line(event, "generation failed", "after %s: %s", took, tui_progress_error(model));
    else
        line(event, "generation ended",
             "%s in %s: %" PRIu64 " complete, %" PRIu64 " failed, %" PRIu64 " skipped",
             tui_progress_round_name(model), took, round->node[TUI_PROGRESS_COMPLETE],
             round->node[TUI_PROGRESS_FAILED], round->node[TUI_PROGRESS_SKIPPED]);
}

/* A line each 10 %, where so much is done as never before in this round. */
static void line_of_tenth(cli_progress_t *self, const vd_event_t *event)
{
    const tui_progress_round_t *round = tui_progress_round(self->model);
    uint64_t tenths = tui_progress_percent(self->model) / TENTHS;
    if (round->number != self->round) {
        self->round = round->number;
        self->tenths = 0;
    }
    if (!round->begun || tenths <= self->tenths)
        return;
    self->tenths = tenths;
    line(event, "progress", "%u %%: %" PRIu64 " of %" PRIu64 ", %" PRIu64 " failed",
         tui_progress_percent(self->model), tui_progress_done(self->model),
         tui_progress_total(self->model), round->node[TUI_PROGRESS_FAILED]);
}

static void show_line(cli_progress_t *self, const vd_event_t *event)
{
    const tui_progress_round_t *round = tui_progress_round(self->model);
    vd_value_t data;
    if (!vd_value_of(event->data, &data))
        return;
    vd_str_t error = vd_value_get_str(&data, "error"), node = vd_value_get_str(&data, "node");
    if (vd_str_is(event->type, "plan_constructed"))
        line(event, "plan", "%s in %s, %" PRIu64 " skipped", CLI_COUNT(round->plan_nodes, "node"),
             CLI_COUNT(round->plan_levels, "level"), round->plan_skipped);
    else if (vd_str_is(event->type, "level_started") || vd_str_is(event->type, "level_completed"))
        line_of_level(self->model, event, vd_value_get_u64(&data, "level", UINT64_MAX));
    else if (vd_str_is(event->type, "node_generation_failed"))
        line(event, "node failed", "%.*s: %.*s", (int)node.size, (const char *)node.data,
             (int)error.size, (const char *)error.data);
    line_of_tenth(self, event);
    if (vd_str_is(event->type, "generation_completed") ||
        vd_str_is(event->type, "generation_failed"))
        line_of_end(self->model, event);
}

/* ---- all of it ---- */

/* Does the terminal show characters beyond ASCII? Their widths are those of the locale. */
static bool begin_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return true;
    setlocale(LC_CTYPE, "C.UTF-8");
    return false;
}

cli_progress_t *cli_progress_new(const cli_t *cli)
{
    cli_progress_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool dumb = terminal == NULL || terminal[0] == 0 || strcmp(terminal, "dumb") == 0;
    bool ascii = !begin_locale() || cli_has(cli, "ascii");
    self->block = isatty(STDOUT_FILENO) && !dumb;
    self->color = no_color == NULL || no_color[0] == 0;
    self->changed = true;
    self->model = tui_progress_new();
    self->canvas = tui_canvas_new(1, 1, ascii);
    if (self->model == NULL || self->canvas == NULL)
        cli_progress_destroy(&self);
    return self;
}

void cli_progress_destroy(cli_progress_t **self)
{
    if (*self == NULL)
        return;
    tui_progress_destroy(&(*self)->model);
    tui_canvas_destroy(&(*self)->canvas);
    free(*self);
    *self = NULL;
}

/* A session that goes on from another has a progress of its own. */
static void begin_session(cli_progress_t *self, const char *session)
{
    if (strcmp(self->session, session) == 0)
        return;
    tui_progress_t *model = self->session[0] != 0 ? tui_progress_new() : NULL;
    vd_str_copy(self->session, sizeof self->session, vd_str(session));
    if (model == NULL)
        return;
    cli_progress_leave(self);
    tui_progress_destroy(&self->model);
    self->model = model;
    self->round = self->tenths = 0;
    self->changed = true;
}

void cli_progress_take(cli_progress_t *self, const vd_follow_event_t *event)
{
    vd_event_t taken = {.ts = vd_str(event->ts),
                        .session = vd_str(event->session),
                        .seq = event->seq,
                        .type = vd_str(event->type),
                        .data = vd_bytes(event->data.data, event->data.size)};
    vd_value_t data;
    begin_session(self, event->session);
    if (vd_str_is(taken.type, "session_ended") && vd_value_of(taken.data, &data))
        self->session_failed = vd_str_is(vd_value_get_str(&data, "status"), "failed");
    if (!tui_progress_apply(self->model, &taken))
        return;
    self->changed = true;
    if (!self->block)
        show_line(self, &taken);
    else if (cli_mono_ms() - self->drawn_ms >= FRAME_MS)
        draw_block(self);
}

int cli_progress_idle(cli_progress_t *self, int most_ms)
{
    if (!self->block) {
        fflush(stdout);
        return most_ms;
    }
    int64_t since_ms = cli_mono_ms() - self->drawn_ms;
    int64_t begun_ms = tui_progress_runs_ms(self->model), now_ms = cli_wall_ms();
    bool due = self->changed || terminal_size().ws_col != self->width;
    /* Each second of what runs is shown once. */
    int64_t second = begun_ms > 0 ? (now_ms - begun_ms) / SECOND_MS : self->second;
    if (due ? since_ms >= FRAME_MS : second != self->second) {
        draw_block(self);
        self->second = second;
        due = false;
    }
    int64_t wait_ms = due ? FRAME_MS - since_ms : most_ms;
    if (!due && begun_ms > 0 && begun_ms <= now_ms)
        wait_ms = SECOND_MS - (now_ms - begun_ms) % SECOND_MS;
    return wait_ms < most_ms ? (int)wait_ms : most_ms;
}

void cli_progress_leave(cli_progress_t *self)
{
    if (self->block && self->changed)
        draw_block(self);
    fflush(stdout);
    self->lines = 0;
}

int cli_progress_code(const cli_progress_t *self)
{
    return self->session_failed || strcmp(tui_progress_round_name(self->model), "failed") == 0;
}
