/* chaos_run.c: `chaos run`, and one fault by itself. */
#include "cmd_chaos.h"

#include "chaos/engine.h"
#include "chaos/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOOK_MS = 5,
    OPEN_MS = 15000,
    CLOSE_MS = 30000,
    CLOSE_GONE_MS = 2000, /* when nobody is there to store it */
    SCRIPT_BYTES_MAX = 1 << 20,
    INTERRUPTED = 130,
};

/* Where the lines come from. */
typedef enum source { FROM_SEED, FROM_FILE, FROM_STDIN, FROM_WORDS } source_t;

typedef struct runner {
    cli_t *cli;
    chaos_engine_t engine;
    chaos_report_t report;
    chaos_record_t record;
    chaos_choice_t choice;
    chaos_plan_t plan;
    source_t source;
    char *script, *rest; /* of a file, whole */
    char input[CHAOS_LINE_BYTES + 1];
    size_t input_size;
    bool input_ended, input_skips; /* skips: to the end of a line that was too long */
    uint64_t line_number;
    vd_buffer_t scratch;
} runner_t;

static bool asked_to_end(void)
{
    return cli_interrupted() || !cli_stdout_open();
}

/* ---- output ---- */

static void print_value(runner_t *self)
{
    if (!self->scratch.full)
        cli_print_line(vd_buffer_view(&self->scratch));
    vd_buffer_clear(&self->scratch);
    fflush(stdout);
}

static void on_note(void *arg, const chaos_note_t *note)
{
    runner_t *self = arg;
    char text[CHAOS_LINE_BYTES + VD_TEXT_BYTES_MAX];
    chaos_record_note(&self->record, note);
    if (self->cli->output == CLI_TABLE) {
        chaos_note_text(note, text, sizeof text);
        puts(text);
        fflush(stdout);
        return;
    }
    chaos_note_write(note, &self->scratch);
    print_value(self);
}

static void print_begin(runner_t *self)
{
    if (self->cli->output == CLI_TABLE) {
        if (self->report.seeded)
            printf("seed %" PRIu64 "\n", self->report.seed);
        cli_say(self->cli, "vedette: recorded in session %s", self->record.session);
        fflush(stdout);
        return;
    }
    vd_write_map(&self->scratch, 2u + self->report.seeded);
    vd_write_pair_text(&self->scratch, "phase", "begun");
    vd_write_pair_text(&self->scratch, "session", self->record.session);
    if (self->report.seeded)
        vd_write_pair_u64(&self->scratch, "seed", self->report.seed);
    print_value(self);
}

static void print_line_end(runner_t *self, bool good, const char *error)
{
    self->report.bad_lines += error[0] != 0;
    if (self->cli->output == CLI_TABLE) {
        if (error[0] != 0)
            cli_fail(self->cli, VD_USAGE, "line %" PRIu64 ": %s", self->line_number, error);
        return;
    }
    vd_write_map(&self->scratch, 3u + (error[0] != 0));
    vd_write_pair_text(&self->scratch, "phase", "line");
    vd_write_pair_u64(&self->scratch, "line", self->line_number);
    vd_write_pair_bool(&self->scratch, "ok", good);
    if (error[0] != 0)
        vd_write_pair_text(&self->scratch, "text", error);
    print_value(self);
}

static void print_summary(runner_t *self)
{
    if (self->cli->output != CLI_TABLE) {
        chaos_report_write(&self->report, &self->scratch);
        print_value(self);
        return;
    }
    putchar('\n');
    chaos_report_text(&self->report, &self->scratch);
    fwrite(self->scratch.data, 1, self->scratch.size, stdout);
    fflush(stdout);
}

/* ---- lines ---- */

/* Takes a line out of what was read, in `out` (CHAOS_LINE_BYTES). What is no text of a line is told in `error`. */
static void take_input(runner_t *self, size_t size, bool ended, char *out, char *error)
{
    memcpy(out, self->input, size);
    out[size] = 0;
    size_t taken = size + ended;
    self->input_size -= taken;
    memmove(self->input, self->input + taken, self->input_size);
    if (strlen(out) < size)
        snprintf(error, CHAOS_ERROR_BYTES, "a byte of value 0 stands in it");
    else if (self->input_skips && strchr(out, '#') == NULL) /* what is behind that is a comment */
        snprintf(error, CHAOS_ERROR_BYTES, "a line has at most %d bytes", CHAOS_LINE_BYTES - 1);
    self->input_skips = false;
}

/* The next line of text of a script from stdin: 1, 0 not yet, -1 at the end. */
static int read_input(runner_t *self, char *out, char *error)
{
    const size_t room_max = sizeof self->input - 1;
    for (;;) {
        char *end = memchr(self->input, '\n', self->input_size);
        if (end != NULL || (self->input_ended && self->input_size > 0)) {
            size_t size = end != NULL ? (size_t)(end - self->input) : self->input_size;
            take_input(self, size, end != NULL, out, error);
            return 1;
        }
        if (self->input_ended)
            return -1;
        struct pollfd item = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&item, 1, 0) <= 0)
            return 0;
        /* What is longer than any line can be makes room for its end: only its beginning is kept. */
        self->input_skips |= self->input_size == room_max;
        self->input_size -= self->input_size == room_max;
        size_t room = self->input_skips ? 1 : room_max - self->input_size;
        ssize_t got = read(STDIN_FILENO, self->input + self->input_size, room);
        if (got > 0)
            self->input_size += (size_t)got;
        else if (got == 0 || errno != EINTR)
            self->input_ended = true;
    }
}

/* The next line to make: 1, 0 not yet, -1 no more. One that is none is told. */
static int next_line(runner_t *self, chaos_line_t *line)
{
    char input[CHAOS_LINE_BYTES], error[CHAOS_ERROR_BYTES] = "";
    if (self->source == FROM_SEED) {
        self->line_number++;
        return chaos_plan_next(&self->plan, line) ? 1 : -1;
    }
    for (;;) {
        const char *text = input;
        int found = 1;
        error[0] = 0;
        if (self->source == FROM_STDIN)
            found = read_input(self, input, error);
        else if ((text = strsep(&self->rest, "\n")) == NULL)
            found = -1;
        if (found <= 0)
            return found;
        self->line_number++;
        vd_status_t status = error[0] == 0 ? chaos_line_parse(text, line, error) : VD_USAGE;
        if (status == VD_OK && line->count == 0) {
            if (self->source == FROM_STDIN)
                print_line_end(self, true, "");
            continue;
        }
        if (status == VD_OK && chaos_engine_knows(&self->engine, line, error))
            return 1;
        print_line_end(self, false, error);
    }
}

/* Makes a line until it is over. */
static void make(runner_t *self, const chaos_line_t *line)
{
    chaos_engine_begin(&self->engine, line, self->line_number);
    while (chaos_engine_go(&self->engine, LOOK_MS))
        chaos_record_go(&self->record);
    print_line_end(self, chaos_engine_good(&self->engine), "");
}

static void make_all(runner_t *self)
{
    chaos_line_t line;
    while (!asked_to_end() && !chaos_engine_gone(&self->engine)) {
        int found = next_line(self, &line);
        if (found < 0)
            return;
        if (found > 0) {
            make(self, &line);
            continue;
        }
        struct pollfd item = {.fd = STDIN_FILENO, .events = POLLIN};
        poll(&item, 1, 2 * LOOK_MS);
        chaos_world_look(&self->engine.ground.world, 0);
        chaos_record_go(&self->record);
    }
}

/* ---- begin and end ---- */

/* The whole of a file, in `script`. */
static int load_script(runner_t *self, const char *name, size_t *size)
{
    cli_t *cli = self->cli;
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return cli_fail(cli, errno == ENOENT ? VD_NOT_FOUND : VD_IO, "--script %s: %s", name,
                        strerror(errno));
    self->script = calloc(1, SCRIPT_BYTES_MAX + 1);
    *size = self->script != NULL ? fread(self->script, 1, SCRIPT_BYTES_MAX, file) : 0;
    int error = ferror(file) ? errno : 0;
    bool whole = feof(file);
    fclose(file);
    if (self->script == NULL)
        return cli_fail(cli, VD_NO_MEMORY, "--script %s: no memory for it", name);
    if (error != 0)
        return cli_fail(cli, VD_IO, "--script %s: %s", name, strerror(error));
    if (!whole)
        return cli_fail(cli, VD_TOO_LARGE, "--script %s: it is read up to %d bytes", name,
                        SCRIPT_BYTES_MAX);
    return 0;
}

/* Reads a script, and says what is wrong with it before anything is broken. */
static int read_script(runner_t *self, const char *name)
{
    char error[CHAOS_ERROR_BYTES];
    chaos_line_t line;
    size_t size = 0;
    int code = load_script(self, name, &size);
    if (code != 0)
        return code;
    uint64_t number = 0;
    for (const char *at = self->script, *end = at + size; at < end;) {
        size_t length = strcspn(at, "\n");
        number++;
        if (at + length < end && at[length] == 0)
            return cli_fail(self->cli, VD_USAGE, "%s:%" PRIu64 ": a byte of value 0 stands in it",
                            name, number);
        vd_status_t status = chaos_line_parse(at, &line, error);
        if (status == VD_OK && !chaos_engine_knows(&self->engine, &line, error))
            status = VD_NOT_FOUND;
        if (status != VD_OK)
            return cli_fail(self->cli, status, "%s:%" PRIu64 ": %s", name, number, error);
        at += length + 1;
    }
    self->rest = self->script;
    return 0;
}

/* The fault that the words of the command line say. */
static int read_words(runner_t *self)
{
    char error[CHAOS_ERROR_BYTES];
    chaos_line_t line;
    size_t used = 0;
    self->script = calloc(1, CHAOS_LINE_BYTES);
    if (self->script == NULL)
        return cli_fail(self->cli, VD_NO_MEMORY, "no memory for a line");
    for (int i = 0; i < self->cli->argument_count && used < CHAOS_LINE_BYTES; i++)
        used += (size_t)snprintf(self->script + used, CHAOS_LINE_BYTES - used, "%s%s",
                                 i > 0 ? " " : "", self->cli->arguments[i]);
    vd_status_t status =
        used < CHAOS_LINE_BYTES ? chaos_line_parse(self->script, &line, error) : VD_TOO_LARGE;
    if (status != VD_OK)
        return cli_fail(self->cli, status, "%s",
                        status == VD_TOO_LARGE ? "too many words for a line" : error);
    if (!chaos_engine_knows(&self->engine, &line, error))
        return cli_fail(self->cli, VD_NOT_FOUND, "%s", error);
    self->rest = self->script;
    return 0;
}

static int prepare(runner_t *self)
{
    cli_t *cli = self->cli;
    const char *script = cli_value(cli, "script", NULL);
    if (strcmp(cli->arguments[0], "run") != 0) {
        self->source = FROM_WORDS;
        return read_words(self);
    }
    if (script != NULL) {
        static const char *const random[] = {"seed",  "for",    "kills", "count",
                                             "every", "faults", "actors"};
        for (size_t i = 0; i < sizeof random / sizeof *random; i++)
            if (cli_has(cli, random[i]))
                return cli_fail(cli, VD_USAGE, "--script says all: it goes without --%s",
                                random[i]);
        self->source = strcmp(script, "-") == 0 ? FROM_STDIN : FROM_FILE;
        return self->source == FROM_STDIN ? 0 : read_script(self, script);
    }
    int code = chaos_choose(cli, &self->engine.ground.world, &self->choice);
    if (code != 0)
        return code;
    self->source = FROM_SEED;
    self->report.seeded = true;
    self->report.seed = self->choice.setup.seed;
    chaos_plan_init(&self->plan, &self->choice.setup);
    return 0;
}

/* What was asked for, as it is typed. */
static void write_command(const cli_t *cli, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "vedette chaos");
    for (int i = 0; i < cli->argument_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, " %s", cli->arguments[i]);
    for (int i = 0; i < cli->given_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, " --%s %s", cli->given[i].option->name,
                                 cli->given[i].value != NULL ? cli->given[i].value : "");
}

static vd_status_t open_record(runner_t *self)
{
    char command[1024], seed[32] = "";
    write_command(self->cli, command, sizeof command);
    if (self->report.seeded)
        snprintf(seed, sizeof seed, "%" PRIu64, self->report.seed);
    return chaos_record_open(&self->record, self->cli->client,
                             cli_value(self->cli, "session", NULL), command, seed, OPEN_MS);
}

/* Was there less to make than was asked for? */
static bool is_short(const runner_t *self)
{
    return self->source == FROM_SEED && !asked_to_end() &&
           (self->plan.count == 0 || !chaos_plan_whole(&self->plan));
}

static int exit_code(const runner_t *self, bool good)
{
    cli_t *cli = self->cli;
    if (cli_interrupted())
        return INTERRUPTED;
    if (self->engine.gone[0] != 0)
        return cli_fail(cli, VD_UNREACHABLE, "%s; nothing more is broken", self->engine.gone);
    if (self->report.bad_lines > 0)
        return cli_fail(cli, VD_FAILED, "%s of the script could not be made",
                        CLI_COUNT(self->report.bad_lines, "line"));
    if (!chaos_report_good(&self->report))
        return cli_fail(cli, VD_FAILED,
                        "not every fault was proved, undone and recovered from; see above, or: "
                        "vedette follow %s --from start",
                        self->record.session);
    if (is_short(self))
        return chaos_tell_short(cli, &self->plan);
    return good ? 0 : vd_status_exit_code(VD_FAILED);
}

static int finish(runner_t *self)
{
    bool gone = self->engine.gone[0] != 0;
    bool well = chaos_report_good(&self->report), good = well && !gone && !is_short(self);
    char text[128];
    snprintf(text, sizeof text, "%s%s%s", CLI_COUNT(self->engine.number, "fault"),
             good   ? ", each proved, undone and recovered from"
             : gone ? ", then the runtime was ended"
             : well ? ", fewer than were asked for"
                    : ", not all of them went well",
             cli_interrupted() ? "; interrupted" : "");
    print_summary(self);
    if (!chaos_record_close(&self->record, good, text, gone ? CLOSE_GONE_MS : CLOSE_MS)) {
        cli_fail(self->cli, VD_FAILED, "the record in session %s is not complete%s%s",
                 self->record.session, self->record.refusal[0] != 0 ? ": " : "",
                 self->record.refusal);
        good = false;
    }
    return exit_code(self, good);
}

int chaos_run(cli_t *cli)
{
    static runner_t self;
    char error[CHAOS_ERROR_BYTES];
    const char *session = cli_value(cli, "session", NULL);
    self.cli = cli;
    if (session != NULL && !vd_name_valid(vd_str(session)))
        return cli_fail(cli, VD_USAGE, "--session %s: it is not a session id", session);
    vd_buffer_init(&self.scratch, 1 << 20);
    self.engine.report = &self.report;
    self.engine.tell = on_note;
    self.engine.arg = &self;
    self.engine.asked_to_end = asked_to_end;
    cli_await_start(cli);
    vd_status_t status = chaos_engine_open(&self.engine, cli->client, cli->dir, error);
    int code = status == VD_OK ? prepare(&self) : cli_fail(cli, status, "%s", error);
    if (code == 0) {
        cli_catch_signals();
        status = open_record(&self);
        if (status != VD_OK && session != NULL && self.record.refusal[0] != 0)
            code = cli_fail(cli, status, "--session %s: %s", session, self.record.refusal);
        else if (status != VD_OK)
            code = cli_fail_client(cli, status);
    }
    if (code == 0) {
        print_begin(&self);
        make_all(&self);
        code = finish(&self);
    }
    vd_producer_destroy(&self.record.producer);
    chaos_engine_close(&self.engine);
    chaos_report_free(&self.report);
    vd_buffer_free(&self.scratch);
    free(self.script);
    return code;
}
