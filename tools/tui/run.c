/* run.c: see run.h. */
#include "tui/run.h"
#include "tui/link.h"
#include "tui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MS = 34,  /* just under 30 a second */
    SLICE_MS = 10,  /* of data between looks at the keyboard */
    TIDY_MS = 1000, /* a look at the size, for a change of it that nobody told */
};

typedef struct tui_loop {
    tui_terminal_t *terminal;
    tui_link_t *link;
    tui_app_t *app;
    tui_canvas_t *canvas;
    int64_t drawn_ms, ticked_ms;
    bool dirty, done;
} tui_loop_t;

static volatile sig_atomic_t ended, suspended;

static void on_end(int number)
{
    ended = number;
}

static void on_suspend(int number)
{
    suspended = number;
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT};
    struct sigaction end = {.sa_handler = on_end}, suspend = {.sa_handler = on_suspend};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &end, NULL);
    sigaction(SIGTSTP, &suspend, NULL);
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void step(tui_loop_t *self, const tui_input_t *input)
{
    tui_app_step(self->app, clock_ms(CLOCK_REALTIME), input);
    self->dirty = true;
}

/* ---- asks that are done here ---- */

static void answer(tui_loop_t *self, const tui_ask_t *ask, vd_status_t status, const char *text)
{
    tui_input_t input = {
        .kind = TUI_INPUT_ANSWER, .number = ask->number, .status = status, .text = text};
    step(self, &input);
}

/* A file of the ask's name that was not there; of a name with a number in it where it was: names have
 * the second in them, and hands are faster. */
static int make_file(const tui_ask_t *ask, char *name, size_t size)
{
    enum { TRIES = 100 };
    const char *dot = strrchr(ask->name, '.');
    int stem = dot != NULL ? (int)(dot - ask->name) : (int)strlen(ask->name), fd = -1;
    for (int i = 1; i <= TRIES; i++) {
        if (i == 1)
            snprintf(name, size, "%s", ask->name);
        else
            snprintf(name, size, "%.*s-%d%s", stem, ask->name, i, ask->name + stem);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

static void export(tui_loop_t *self, const tui_ask_t *ask)
{
    char text[5000], dir[4096], name[VD_NAME_BYTES_MAX + 8], part[96] = "";
    int fd = make_file(ask, name, sizeof name);
    const uint8_t *at = ask->bytes.data;
    size_t left = ask->bytes.size;
    while (fd >= 0 && left > 0) {
        ssize_t written = write(fd, at, left);
        if (written < 0 && errno != EINTR)
            break;
        at += written > 0 ? written : 0;
        left -= written > 0 ? (size_t)written : 0;
    }
    int error = errno;
    if (getcwd(dir, sizeof dir) == NULL)
        snprintf(dir, sizeof dir, ".");
    if (ask->count > 0)
        snprintf(part, sizeof part, ": the first %llu lines, there was no room for the rest",
                 (unsigned long long)ask->count);
    if (fd >= 0 && left == 0)
        snprintf(text, sizeof text, "written: %s/%s%s", dir, name, part);
    else
        snprintf(text, sizeof text, "cannot write %s in %s: %s", name, dir, strerror(error));
    if (fd >= 0)
        close(fd);
    answer(self, ask, fd >= 0 && left == 0 ? VD_OK : VD_IO, text);
}

static void copy(tui_loop_t *self, const tui_ask_t *ask)
{
    char text[128];
    if (!tui_terminal_copy(self->terminal, vd_buffer_view(&ask->bytes))) {
        answer(self, ask, VD_IO, "nothing was copied: the terminal does not take it");
        return;
    }
    snprintf(text, sizeof text, "%zu bytes offered to the clipboard (OSC 52; the terminal decides)",
             ask->bytes.size);
    answer(self, ask, VD_OK, text);
}

static void carry_out(tui_loop_t *self)
{
    tui_ask_t ask;
    while (tui_app_next_ask(self->app, &ask)) {
        if (ask.kind < TUI_ASK_COPY) {
            tui_link_ask(self->link, &ask);
            continue;
        }
        if (ask.kind == TUI_ASK_COPY)
            copy(self, &ask);
        else if (ask.kind == TUI_ASK_EXPORT)
            export(self, &ask);
        else if (ask.kind == TUI_ASK_SUSPEND)
            suspended = SIGTSTP;
        else if (ask.kind == TUI_ASK_REDRAW)
            tui_terminal_redraw(self->terminal);
        else
            self->done = true;
        vd_buffer_free(&ask.bytes);
    }
}

/* ---- the loop ---- */

static void read_keys(tui_loop_t *self)
{
    int key;
    while (!self->done && (key = tui_terminal_key(self->terminal)) >= 0) {
        tui_input_t input = {.kind = TUI_INPUT_KEY, .key = key};
        if (key > 0)
            step(self, &input);
        self->dirty = true; /* a change of the size is told as a key without a meaning */
        carry_out(self);
    }
}

static void read_link(tui_loop_t *self)
{
    int64_t until = clock_ms(CLOCK_MONOTONIC) + SLICE_MS;
    tui_parcel_t *parcel;
    do {
        parcel = tui_queue_take(tui_link_queue(self->link));
        if (parcel != NULL) {
            tui_app_step(self->app, parcel->at_ms, &parcel->input);
            self->dirty = true;
        }
        free(parcel);
        carry_out(self);
    } while (parcel != NULL && clock_ms(CLOCK_MONOTONIC) < until);
}

static void draw(tui_loop_t *self)
{
    int width, height;
    tui_terminal_size(self->terminal, &width, &height);
    if (!tui_canvas_clear(self->canvas, width, height))
        return;
    tui_app_draw(self->app, self->canvas);
    tui_terminal_show(self->terminal, self->canvas);
    self->drawn_ms = clock_ms(CLOCK_MONOTONIC);
    self->dirty = false;
}

/* How long there is nothing to do. */
static int wait_ms(const tui_loop_t *self)
{
    int wait = tui_app_wait_ms(self->app);
    if (wait < 0 || wait > TIDY_MS)
        wait = TIDY_MS;
    if (!self->dirty)
        return wait;
    int64_t rest = self->drawn_ms + FRAME_MS - clock_ms(CLOCK_MONOTONIC);
    return rest <= 0 ? 0 : rest < wait ? (int)rest : wait;
}

static void suspend(tui_loop_t *self)
{
    tui_terminal_suspend(self->terminal);
    suspended = 0;
    self->dirty = true;
}

static void tick(tui_loop_t *self)
{
    tui_input_t input = {.kind = TUI_INPUT_TICK};
    int width, height;
    tui_terminal_size(self->terminal, &width, &height);
    if (width != tui_canvas_width(self->canvas) || height != tui_canvas_height(self->canvas))
        self->dirty = true;
    if (tui_app_wait_ms(self->app) >= 0)
        step(self, &input);
    self->ticked_ms = clock_ms(CLOCK_MONOTONIC);
    carry_out(self);
}

/* Time passes while data come as well: they may come so fast that there is never nothing to do. */
static bool tick_is_due(const tui_loop_t *self)
{
    int wait = tui_app_wait_ms(self->app);
    return wait >= 0 && clock_ms(CLOCK_MONOTONIC) - self->ticked_ms >= wait;
}

static void loop(tui_loop_t *self)
{
    while (!self->done && !ended) {
        struct pollfd items[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = tui_queue_fd(tui_link_queue(self->link)), .events = POLLIN},
        };
        int ready = poll(items, 2, wait_ms(self));
        if (suspended)
            suspend(self);
        if (ready < 0 || items[0].revents & POLLIN)
            read_keys(self);
        if (items[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            self->done = true; /* the terminal has gone */
        if (ready > 0 && items[1].revents != 0)
            read_link(self);
        if (ready == 0 || tick_is_due(self))
            tick(self);
        if (self->dirty && clock_ms(CLOCK_MONOTONIC) - self->drawn_ms >= FRAME_MS)
            draw(self);
    }
}

int tui_run(const tui_run_options_t *options, char *error, size_t error_size)
{
    tui_loop_t self = {.dirty = true};
    error[0] = 0;
    catch_signals();
    self.app = tui_app_new(&options->app);
    self.canvas = tui_canvas_new(80, 24, options->ascii || !tui_terminal_utf8());
    self.link = tui_link_new(options->dir, options->session, options->app.offline);
    bool made = self.app != NULL && self.canvas != NULL && self.link != NULL;
    if (!made)
        snprintf(error, error_size, "no memory");
    else
        self.terminal = tui_terminal_open(error, error_size);
    if (self.terminal != NULL) {
        draw(&self);
        loop(&self);
    }
    bool shown = self.terminal != NULL;
    tui_terminal_close(&self.terminal);
    tui_link_destroy(&self.link);
    tui_canvas_destroy(&self.canvas);
    tui_app_destroy(&self.app);
    return shown ? 0 : 1;
}
