/* cmd_run.c: runs a command in a session of its own. */
#include "cli.h"
#include "run_child.h"
#include "run_record.h"
#include "run_stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COMMAND_BYTES_MAX = 1000, /* of the command line that are recorded */
    LABELS_BYTES_MAX = 1024,  /* what a session takes */
    BLOCKED_WAIT_MS = 20,
    PENDING_WAIT_MS = 50, /* the longest between looks for receipts */
    IDLE_WAIT_MS = 1000,  /* between signs of life */
    RUN_FAILED = 125,
};

enum { OUT, ERR, EVENTS, STREAMS };

typedef struct run {
    cli_t *cli;
    int events_fd;
    int64_t timeout_ms, drain_ms;
    char name[VD_NAME_BYTES_MAX + 1];
    vd_buffer_t labels;
    run_record_t record;
    run_child_t child;
    run_stream_t streams[STREAMS];
    int64_t begun_ms, ended_ms;
    int hurry; /* signals that came after the end of the command */
    bool left_open;
} run_t;

/* ---- what was asked for ---- */

static int read_options(run_t *self)
{
    cli_t *cli = self->cli;
    uint64_t fd;
    if (!cli_duration(cli, "timeout", 30000, &self->timeout_ms) ||
        !cli_duration(cli, "drain", 2000, &self->drain_ms) ||
        !cli_number(cli, "events-fd", (uint64_t)run_free_descriptor(), &fd))
        return vd_status_exit_code(VD_USAGE);
    if (fd < RUN_EVENTS_FD_MIN || fd > RUN_EVENTS_FD_MAX)
        return cli_fail(cli, VD_USAGE, "--events-fd: %d to %d", RUN_EVENTS_FD_MIN,
                        RUN_EVENTS_FD_MAX);
    self->events_fd = (int)fd;
    const char *slash = strrchr(cli->rest[0], '/');
    const char *base = slash != NULL && slash[1] != 0 ? slash + 1 : cli->rest[0];
    vd_buffer_t text;
    vd_buffer_init(&text, 4096);
    const char *name = cli_value(cli, "name", NULL);
    bool whole = run_text(vd_str(name != NULL ? name : base), &text);
    bool fits = vd_str_copy(self->name, sizeof self->name, vd_buffer_view(&text));
    vd_buffer_free(&text);
    if (name != NULL && (!whole || !fits || *name == 0))
        return cli_fail(cli, VD_USAGE, "--name: 1 to %d bytes of UTF-8", VD_NAME_BYTES_MAX);
    if (!whole || !fits)
        vd_str_copy(self->name, sizeof self->name, vd_str("command"));
    vd_buffer_init(&self->labels, LABELS_BYTES_MAX);
    if (!cli_labels(cli, &self->labels))
        return vd_status_exit_code(VD_USAGE);
    if (self->labels.full)
        return cli_fail(cli, VD_USAGE, "--label: all of them together have at most %d bytes",
                        LABELS_BYTES_MAX);
    const char *session = cli_value(cli, "session", NULL);
    if (session == NULL)
        session = vd_client_new_session_id(cli->client);
    if (!vd_name_valid(vd_str(session)))
        return cli_fail(cli, VD_USAGE, "--session %s: it is not a session id", session);
    vd_str_copy(self->record.session, sizeof self->record.session, vd_str(session));
    self->record.strict = cli_has(cli, "strict");
    self->record.best_effort = cli_has(cli, "best-effort");
    return 0;
}

static bool needs_quotes(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";
    return *word == 0 || word[strspn(word, plain)] != 0;
}

/* The command line as a shell would read it, cut to COMMAND_BYTES_MAX. */
static void write_command(char *const argv[], vd_buffer_t *out)
{
    vd_buffer_t line, text;
    vd_buffer_init(&line, COMMAND_BYTES_MAX);
    vd_buffer_init(&text, 3 * COMMAND_BYTES_MAX);
    for (size_t i = 0; argv[i] != NULL && !line.full; i++) {
        bool quoted = needs_quotes(argv[i]);
        vd_buffer_add(&line, " '", i == 0 ? 0 : 1);
        vd_buffer_add(&line, "'", quoted);
        for (const char *at = argv[i]; *at != 0 && !line.full; at++)
            vd_buffer_add(&line, *at == '\'' ? "'\\''" : at, *at == '\'' ? 4 : 1);
        vd_buffer_add(&line, "'", quoted);
    }
    run_text(vd_buffer_view(&line), &text);
    if (line.full)
        vd_buffer_add(&text, "...", 3);
    vd_write_str(out, vd_buffer_view(&text));
    vd_buffer_free(&line);
    vd_buffer_free(&text);
}

/* What the command is told. */
static void set_environment(const run_t *self)
{
    char number[16], path[PATH_MAX];
    snprintf(number, sizeof number, "%d", self->events_fd);
    setenv("VEDETTE_EVENTS_FD", number, 1);
    setenv("VEDETTE_SESSION", self->record.session, 1);
    if (self->cli->dir != NULL && realpath(self->cli->dir, path) != NULL)
        setenv("VEDETTE_DIR", path, 1);
}

/* ---- the session ---- */

static vd_status_t begin_session(run_t *self)
{
    run_record_t *record = &self->record;
    vd_buffer_t data;
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_write_map(&data, 4);
    vd_write_pair_text(&data, "name", self->name);
    vd_write_text(&data, "command");
    write_command(self->cli->rest, &data);
    vd_write_text(&data, "labels");
    vd_write_raw(&data, vd_buffer_view(&self->labels));
    vd_write_pair_bool(&data, "owner", true);
    assert(!data.full);
    run_record_event(record, "session_started", vd_buffer_view(&data));
    vd_buffer_free(&data);
    run_record_push(record, 0);
    return vd_producer_flush(record->producer, cli_wait_ms(self->timeout_ms));
}

/* Begins the session. Returns 0, or the exit code with the error told. */
static int begin(run_t *self)
{
    cli_t *cli = self->cli;
    int code = 0;
    cli_await_start(cli);
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_status_t status = run_record_open(&self->record, cli, cli_wait_ms(self->timeout_ms));
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    status = begin_session(self);
    if (self->record.over)
        return vd_status_exit_code(status); /* that was told */
    self->record.begun = status == VD_OK;
    return status == VD_OK ? 0 : cli_fail_client(cli, status);
}

static void end_session(run_t *self, const char *error)
{
    vd_buffer_t data;
    const run_child_t *child = &self->child;
    bool executed = child->ended && child->exec_error == 0;
    bool killed = executed && WIFSIGNALED(child->state);
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_write_map(&data, 2u + executed + (error[0] != 0) + self->left_open);
    vd_write_pair_text(&data, "status", error[0] != 0 ? "failed" : "completed");
    if (killed)
        vd_write_pair_u64(&data, "signal", (uint64_t)WTERMSIG(child->state));
    else if (executed)
        vd_write_pair_u64(&data, "exit", (uint64_t)WEXITSTATUS(child->state));
    vd_write_pair_u64(&data, "duration_ms", (uint64_t)(self->ended_ms - self->begun_ms));
    if (error[0] != 0)
        vd_write_pair_text(&data, "error", error);
    if (self->left_open)
        vd_write_pair_text(&data, "text",
                           "processes that it left behind still held its output open");
    assert(!data.full);
    run_record_end(&self->record, vd_buffer_view(&data));
    vd_buffer_free(&data);
}

/* Waits until everything is on disk. False when that was given up. */
static bool flush(run_t *self)
{
    int64_t begun_ms = cli_mono_ms();
    int hurry = self->hurry;
    bool told = false;
    while (!run_record_push(&self->record, BLOCKED_WAIT_MS) ||
           vd_producer_pending(self->record.producer) > 0) {
        int64_t past_ms = cli_mono_ms() - begun_ms;
        self->hurry += run_child_signal(&self->child) != 0;
        if (self->record.over)
            return false;
        if (past_ms >= self->timeout_ms || self->hurry > hurry)
            return false;
        if (past_ms >= RUN_PATIENCE_MS && !told)
            cli_say(self->cli,
                    "vedette: the command has ended; waiting for the runtime to take its "
                    "last events (Ctrl-C gives up)");
        told = told || past_ms >= RUN_PATIENCE_MS;
    }
    return !self->record.over;
}

/* ---- while the command runs ---- */

static bool start(run_t *self)
{
    run_child_t *child = &self->child;
    if (!run_child_start(child, self->cli->rest, self->events_fd))
        return false;
    bool made = run_stream_init(&self->streams[OUT], "stdout", child->out, STDOUT_FILENO,
                                RUN_LINE_BYTES_MAX);
    made = run_stream_init(&self->streams[ERR], "stderr", child->err, STDERR_FILENO,
                           RUN_LINE_BYTES_MAX) &&
           made;
    made =
        run_stream_init(&self->streams[EVENTS], "events", child->events, -1, RUN_EVENT_BYTES_MAX) &&
        made;
    child->out = child->err = child->events = -1;
    if (!made)
        errno = ENOMEM;
    return made;
}

static bool streams_done(const run_t *self)
{
    for (int i = 0; i < STREAMS; i++)
        if (!run_stream_done(&self->streams[i]))
            return false;
    return true;
}

/* The command is dead; others may still hold its pipes. */
static void drain(run_t *self)
{
    if (self->ended_ms == 0) {
        self->ended_ms = cli_mono_ms();
        for (int i = 0; i < STREAMS; i++)
            run_stream_note_death(&self->streams[i]);
    }
    if (self->hurry == 0 && cli_mono_ms() - self->ended_ms < self->drain_ms)
        return;
    for (int i = 0; i < STREAMS; i++)
        if (run_stream_give_up(&self->streams[i])) {
            if (!self->left_open)
                cli_say(self->cli,
                        "vedette: %s has ended, and processes that it left behind still hold its "
                        "output open; what they write is not recorded",
                        self->cli->rest[0]);
            self->left_open = true;
        }
}

/* How long to wait for something to come. */
static int wait_ms(const run_t *self, bool moved, int *pending_ms)
{
    if (moved || self->record.blocked_ms != 0) {
        *pending_ms = 1;
        return 0;
    }
    if (self->child.ended && !streams_done(self))
        return BLOCKED_WAIT_MS;
    if (vd_producer_pending(self->record.producer) == 0)
        return IDLE_WAIT_MS;
    *pending_ms = *pending_ms * 2 < PENDING_WAIT_MS ? *pending_ms * 2 : PENDING_WAIT_MS;
    return *pending_ms;
}

static void serve(run_t *self)
{
    int pending_ms = 1;
    while (!self->child.ended || !streams_done(self)) {
        bool moved = false;
        for (int i = 0; i < STREAMS; i++)
            moved = run_stream_go(&self->streams[i], &self->record) || moved;
        bool blocked = self->record.blocked_ms != 0;
        run_record_push(&self->record, blocked ? BLOCKED_WAIT_MS : 0);
        self->hurry += run_child_signal(&self->child) != 0;
        if (self->hurry > 0 && blocked) {
            self->record.incomplete = true;
            return;
        }
        if (self->child.ended)
            drain(self);
        struct pollfd entries[1 + 2 * STREAMS];
        nfds_t count = 1;
        entries[0] = (struct pollfd){.fd = self->child.signals, .events = POLLIN};
        for (int i = 0; i < STREAMS; i++)
            count += (nfds_t)run_stream_poll(&self->streams[i], entries + count);
        if (!self->child.ended || !streams_done(self))
            poll(entries, count, wait_ms(self, moved, &pending_ms));
    }
    if (self->ended_ms == 0)
        self->ended_ms = cli_mono_ms();
}

/* ---- the end ---- */

/* Why the command failed, in words; "" when it did not. */
static void say_why(const run_t *self, char *out, size_t size)
{
    const run_child_t *child = &self->child;
    out[0] = 0;
    if (child->exec_error != 0)
        snprintf(out, size, "cannot run %s: %s", self->cli->rest[0], strerror(child->exec_error));
    else if (WIFSIGNALED(child->state))
        snprintf(out, size, "killed by signal %d (SIG%s)", WTERMSIG(child->state),
                 sigabbrev_np(WTERMSIG(child->state)) ? sigabbrev_np(WTERMSIG(child->state)) : "?");
    else if (WEXITSTATUS(child->state) != 0)
        snprintf(out, size, "exit code %d", WEXITSTATUS(child->state));
}

static int finish(run_t *self)
{
    char error[VD_TEXT_BYTES_MAX], took[32];
    cli_t *cli = self->cli;
    run_record_t *record = &self->record;
    say_why(self, error, sizeof error);
    if (self->child.exec_error != 0)
        cli_fail(cli, VD_FAILED, "%s", error);
    end_session(self, error);
    bool stored = flush(self);
    cli_format_duration(self->ended_ms - self->begun_ms, took, sizeof took);
    if (!stored)
        cli_fail(cli, VD_FAILED,
                 "the record of session %s is not complete: %s not known to be stored",
                 record->session,
                 CLI_COUNT(vd_producer_pending(record->producer) + record->count, "event"));
    else if (cli->verbosity > 0 ||
             (cli->verbosity == 0 && isatty(STDERR_FILENO) && self->child.exec_error == 0))
        cli_say(cli, "vedette: session %s: %s%s%s, %s in %s", record->session,
                error[0] != 0 ? "failed: " : "completed", error,
                record->incomplete ? ", with lines that are missing" : "",
                CLI_COUNT(record->written, "event"), took);
    int code = run_child_exit_code(&self->child);
    bool good = stored && !record->incomplete;
    return code == 0 && !good && !record->best_effort ? RUN_FAILED : code;
}

/* Nobody records: the command takes our place. */
static int run_unrecorded(run_t *self)
{
    cli_say(self->cli, "vedette: %s runs without being recorded", self->cli->rest[0]);
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0 && nowhere != self->events_fd) {
        dup2(nowhere, self->events_fd);
        close(nowhere);
    }
    fflush(stdout);
    signal(SIGPIPE, SIG_DFL);
    execvp(self->cli->rest[0], self->cli->rest);
    int error = errno;
    cli_fail(self->cli, VD_FAILED, "cannot run %s: %s", self->cli->rest[0], strerror(error));
    return error == ENOENT ? 127 : 126;
}

static int run(run_t *self)
{
    int code = begin(self);
    if (code != 0)
        return self->record.best_effort ? run_unrecorded(self) : code;
    if (self->cli->verbosity > 0)
        cli_say(self->cli, "vedette: session %s", self->record.session);
    self->begun_ms = cli_mono_ms();
    if (!start(self)) {
        cli_fail(self->cli, VD_FAILED, "cannot start a process: %s", strerror(errno));
        self->ended_ms = cli_mono_ms();
        end_session(self, "no process could be started");
        flush(self);
        return RUN_FAILED;
    }
    serve(self);
    return finish(self);
}

int cmd_run(cli_t *cli)
{
    static run_t self;
    self.cli = cli;
    self.child = (run_child_t){.pid = -1, .signals = -1, .out = -1, .err = -1, .events = -1};
    for (int i = 0; i < STREAMS; i++)
        self.streams[i].in = -1;
    int code = read_options(&self);
    if (code == 0) {
        set_environment(&self);
        code = run(&self);
    }
    for (int i = 0; i < STREAMS; i++)
        run_stream_free(&self.streams[i]);
    run_child_free(&self.child);
    run_record_close(&self.record);
    vd_buffer_free(&self.labels);
    return code;
}
