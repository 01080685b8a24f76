/* cmd_top.c: `top`: the overview as text: again and again on a terminal, frame after frame in a pipe. */
#include "cli.h"
#include "tui/app.h"
#include "tui/link.h"

#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    COLUMNS = 80,
    ROWS = 24,
    DELAY_MS = 2000,
    DELAY_MIN_MS = 100,
    FIRST_MS = 5000, /* for everything to be told before the first frame */
    LOOK_MS = 100,   /* between looks whether it is to end */
};

typedef struct top {
    cli_t *cli;
    tui_app_t *app;
    tui_link_t *link;
    tui_canvas_t *canvas;
    bool batch;
    bool heard; /* the events that there were */
} top_t;

static void step(top_t *self, const tui_parcel_t *parcel)
{
    tui_ask_t ask;
    const tui_input_t *input = &parcel->input;
    tui_app_step(self->app, parcel->at_ms, input);
    self->heard = self->heard || (input->kind == TUI_INPUT_EVENTS && !input->more) ||
                  input->kind == TUI_INPUT_CLOSED;
    while (tui_app_next_ask(self->app, &ask))
        if (ask.kind < TUI_ASK_COPY)
            tui_link_ask(self->link, &ask);
        else
            vd_buffer_free(&ask.bytes);
}

/* Has every process that is asked said something? */
static bool all_told(const top_t *self)
{
    static const tui_feed_t feeds[] = {TUI_FEED_STATUS,   TUI_FEED_CHILDREN, TUI_FEED_MEMBERSHIP,
                                       TUI_FEED_READINGS, TUI_FEED_STORE,    TUI_FEED_AUDIT};
    for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++)
        if (!tui_now_told(tui_app_now(self->app), feeds[i]))
            return false;
    return self->heard;
}

/* Takes what comes until then, or (`first`) until everything was told. False: it is to end. */
static bool take_until(top_t *self, int64_t until_ms, bool first)
{
    tui_queue_t *queue = tui_link_queue(self->link);
    while (!first || !all_told(self)) {
        int64_t rest = until_ms - cli_mono_ms();
        if (cli_interrupted() || !cli_stdout_open())
            return false;
        if (rest <= 0)
            return true;
        struct pollfd item = {.fd = tui_queue_fd(queue), .events = POLLIN};
        poll(&item, 1, rest < LOOK_MS ? (int)rest : LOOK_MS);
        for (tui_parcel_t *parcel; (parcel = tui_queue_take(queue)) != NULL; free(parcel))
            step(self, parcel);
    }
    return true;
}

static void size_of_stdout(const top_t *self, int *width, int *height)
{
    struct winsize size;
    bool eyes = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *width = eyes && size.ws_col > 0 ? size.ws_col : COLUMNS;
    *height = eyes && size.ws_row > 1 && !self->batch ? size.ws_row - 1 : ROWS;
}

static void draw_title(top_t *self, tui_box_t box)
{
    char ts[VD_TS_SIZE];
    enum { SECONDS = 19 };
    vd_ts_format(cli_wall_ms(), ts);
    ts[SECONDS] = 0;
    int x = tui_putf(self->canvas, box, 0, 0, TUI_TITLE, "vedette %sZ", ts);
    if (!tui_app_linked(self->app))
        tui_put(self->canvas, box, x, 0, TUI_BAD,
                "  the runtime is gone; what is shown is from then");
}

/* One frame: text alone, or over the one before. */
static vd_status_t print_frame(top_t *self)
{
    vd_buffer_t text;
    int width, height;
    size_of_stdout(self, &width, &height);
    if (!tui_canvas_clear(self->canvas, width, height))
        return VD_NO_MEMORY;
    tui_box_t box = tui_canvas_box(self->canvas);
    draw_title(self, box);
    tui_screen_overview.draw(self->app, self->canvas, tui_within(box, 0, 1, 0, 0));
    vd_buffer_init(&text, 4 << 20);
    tui_canvas_text(self->canvas, &text);
    while (text.size > 1 && text.data[text.size - 1] == '\n' && text.data[text.size - 2] == '\n')
        text.size--;
    if (!self->batch) /* from the top left corner, each line up to its end, and nothing below */
        fputs("\033[H", stdout);
    for (size_t at = 0; at < text.size; at++) {
        if (text.data[at] == '\n' && !self->batch)
            fputs("\033[K", stdout);
        putchar(text.data[at]);
    }
    fputs(self->batch ? "\n" : "\033[J", stdout);
    vd_buffer_free(&text);
    fflush(stdout);
    return VD_OK;
}

static int run(top_t *self, uint64_t frames, int64_t delay_ms)
{
    int64_t next_ms = cli_mono_ms() + FIRST_MS;
    if (!take_until(self, next_ms, true))
        return 0;
    for (uint64_t i = 0; i < frames; i++) {
        if (print_frame(self) != VD_OK)
            return cli_fail(self->cli, VD_NO_MEMORY, "no memory");
        next_ms = cli_mono_ms() + delay_ms;
        if (i + 1 < frames && !take_until(self, next_ms, false))
            return 0;
    }
    return 0;
}

int cmd_top(cli_t *cli)
{
    top_t self = {.cli = cli, .batch = cli_has(cli, "batch") || !isatty(STDOUT_FILENO)};
    tui_app_options_t options = {.readonly = true, .newest = true, .screen = "overview"};
    uint64_t frames;
    int64_t delay_ms;
    vd_reply_t reply;
    vd_value_t map;
    if (!cli_number(cli, "count", UINT64_MAX, &frames) ||
        !cli_duration(cli, "delay", DELAY_MS, &delay_ms))
        return vd_status_exit_code(VD_USAGE);
    if (frames == 0 || delay_ms < DELAY_MIN_MS)
        return cli_fail(cli, VD_USAGE, "%s",
                        frames == 0 ? "--count: at least 1" : "--delay: at least 100ms");
    setlocale(LC_ALL, "");
    cli_await_start(cli);
    vd_status_t status = cli_status(cli, CLI_TIMEOUT_MS, &reply, &map);
    if (status == VD_UNREACHABLE)
        return cli_fail_client(cli, status);
    cli_catch_signals();
    self.app = tui_app_new(&options);
    self.canvas = tui_canvas_new(COLUMNS, ROWS, MB_CUR_MAX == 1);
    self.link = tui_link_new(cli->dir, NULL, false);
    bool made = self.app != NULL && self.canvas != NULL && self.link != NULL;
    int code = made ? run(&self, frames, delay_ms) : cli_fail(cli, VD_NO_MEMORY, "no memory");
    tui_link_destroy(&self.link);
    tui_canvas_destroy(&self.canvas);
    tui_app_destroy(&self.app);
    return code;
}
