/* session_import.c: `session import`: events from lines of JSON into the store, as they were.
 *
 * Lines are read in pieces of a bounded buffer, so that a file of any size needs the same memory.
 */
#include "cli.h"

#include "wire/json_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    READ_BYTES = 262144,
    STEP_MS = 1000,  /* of waiting for room, between looks at signals */
    STALL_MS = 30000 /* without anything going on */
};

typedef struct import {
    cli_t *cli;
    vd_import_t *lines;
    const char *file;
    int fd;
    int64_t told_ms;
    uint64_t done; /* events that were stored or compared at the last look */
    bool shown;    /* a line of progress stands on the terminal */
} import_t;

static void clear_progress(import_t *self)
{
    if (self->shown)
        fputs("\r\033[K", stderr);
    self->shown = false;
}

static void show_progress(import_t *self)
{
    enum { TELL_MS = 200 };
    vd_import_count_t count;
    int64_t now_ms = cli_mono_ms();
    bool wanted = self->cli->verbosity >= 0 && isatty(STDERR_FILENO) && !isatty(self->fd);
    if (!wanted || now_ms - self->told_ms < TELL_MS)
        return;
    vd_import_counts(self->lines, &count);
    self->told_ms = now_ms;
    self->shown = true;
    fprintf(stderr, "\r%" PRIu64 " lines, %" PRIu64 " events stored\033[K", count.lines,
            count.stored);
    fflush(stderr);
}

/* Is it worth while to make the call again? Sets *code with the error told when it is not. */
static bool again(import_t *self, vd_status_t status, int64_t *since_ms, int *code)
{
    vd_import_count_t count;
    bool waits = status == VD_TIMED_OUT || (status == VD_CANCELLED && !cli_interrupted());
    vd_import_counts(self->lines, &count);
    if (*since_ms == 0 || count.stored + count.known != self->done)
        *since_ms = cli_mono_ms();
    self->done = count.stored + count.known;
    if (waits && cli_mono_ms() - *since_ms < STALL_MS) {
        show_progress(self);
        return true;
    }
    bool interrupted = status == VD_CANCELLED || waits || status == VD_UNREACHABLE;
    clear_progress(self);
    /* What came before a bad line is stored. */
    if (!interrupted)
        vd_import_finish(self->lines, STALL_MS);
    vd_import_counts(self->lines, &count);
    *code = cli_fail(self->cli, status, "%s: %s; stored: %s%s", self->file,
                     status == VD_CANCELLED ? "interrupted" : vd_client_error(self->cli->client),
                     CLI_COUNT(count.stored, "event"),
                     interrupted ? "; the same import again goes on from there" : "");
    return false;
}

/* Takes one line. Returns the exit code. */
static int take_line(import_t *self, const uint8_t *line, size_t size)
{
    int code = 0;
    int64_t since_ms = 0;
    vd_status_t status;
    do {
        status = cli_interrupted() ? VD_CANCELLED
                                   : vd_import_line(self->lines, (const char *)line, size, STEP_MS);
        if (status == VD_OK)
            return 0;
    } while (again(self, status, &since_ms, &code));
    return code;
}

/* Takes the whole lines of the buffer and keeps the rest. Returns the exit code. */
static int take_lines(import_t *self, vd_buffer_t *text, bool end)
{
    size_t at = 0;
    int code = 0;
    while (code == 0 && at < text->size) {
        const uint8_t *from = text->data + at;
        const uint8_t *newline = memchr(from, '\n', text->size - at);
        if (newline == NULL && !end)
            break;
        size_t size = newline != NULL ? (size_t)(newline - from) : text->size - at;
        code = take_line(self, from, size);
        at += size + (newline != NULL ? 1 : 0);
    }
    if (at > 0 && at < text->size)
        memmove(text->data, text->data + at, text->size - at);
    vd_buffer_cut(text, text->size - at);
    return code;
}

static int read_lines(import_t *self, vd_buffer_t *text)
{
    vd_import_count_t count;
    for (;;) {
        uint8_t *to = vd_buffer_reserve(text, READ_BYTES);
        if (to == NULL) {
            vd_import_counts(self->lines, &count);
            return cli_fail(self->cli, VD_TOO_LARGE,
                            "%s: line %" PRIu64 ": no event is that long (over %d bytes)",
                            self->file, count.lines + 1, VD_EVENT_LINE_MAX);
        }
        ssize_t size = read(self->fd, to, READ_BYTES);
        if (size < 0 && errno != EINTR)
            return cli_fail(self->cli, VD_IO, "%s: %s", self->file, strerror(errno));
        if (size < 0 && !cli_interrupted())
            continue;
        if (size < 0)
            return cli_fail(self->cli, VD_CANCELLED,
                            "%s: interrupted; the same import again goes on", self->file);
        text->size += (size_t)size;
        int code = take_lines(self, text, size == 0);
        if (code != 0 || size == 0)
            return code;
        show_progress(self);
    }
}

static int finish(import_t *self)
{
    int code = 0;
    int64_t since_ms = 0;
    vd_status_t status;
    do {
        status = cli_interrupted() ? VD_CANCELLED : vd_import_finish(self->lines, STEP_MS);
        if (status == VD_OK)
            return 0;
    } while (again(self, status, &since_ms, &code));
    return code;
}

static void print_count(const import_t *self)
{
    vd_import_count_t count;
    vd_import_counts(self->lines, &count);
    if (self->cli->output != CLI_TABLE)
        printf("{\"stored\":%" PRIu64 ",\"known\":%" PRIu64 ",\"sessions\":%" PRIu64 "}\n",
               count.stored, count.known, count.sessions);
    else
        printf("%s stored in %s%s\n", CLI_COUNT(count.stored, "event"),
               CLI_COUNT(count.sessions, "session"),
               count.known == 0 ? "" : "; the store had the others already");
}

int cli_session_import(cli_t *cli)
{
    import_t self = {.cli = cli, .fd = STDIN_FILENO};
    vd_buffer_t text;
    int code = 0;
    self.file = cli->argument_count > 1 ? cli->arguments[1] : "-";
    bool from_stdin = strcmp(self.file, "-") == 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    if (!from_stdin)
        self.fd = open(self.file, O_RDONLY | O_CLOEXEC);
    if (self.fd < 0)
        return cli_fail(cli, errno == ENOENT ? VD_NOT_FOUND : VD_IO, "%s: %s", self.file,
                        strerror(errno));
    if (from_stdin)
        self.file = "stdin";
    self.lines = vd_import_new(cli->client);
    vd_buffer_init(&text, VD_EVENT_LINE_MAX + READ_BYTES);
    cli_catch_signals();
    if (self.lines == NULL)
        code = cli_fail(cli, VD_NO_MEMORY, "no memory");
    else
        code = read_lines(&self, &text);
    if (code == 0)
        code = finish(&self);
    clear_progress(&self);
    if (code == 0)
        print_count(&self);
    vd_import_destroy(&self.lines);
    vd_buffer_free(&text);
    if (!from_stdin)
        close(self.fd);
    return code;
}
