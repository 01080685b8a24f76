/* cmd_follow.c: prints events as they are committed. */
#include "cli.h"
#include "follow_progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    RECENT = 10,       /* events that a bare follow begins with, as tail -f does */
    LOOK_OUT_MS = 500, /* between looks whether stdout is still read */
    KEEP_MS = 2000,    /* for keeping the place at the end */
};

/* With -v: the mode whenever it changes. */
static void show_mode(void *arg, const vd_follow_mode_t *mode)
{
    cli_t *cli = arg;
    cli_say(cli, "%s%s%s: %" PRIu64 " commits behind, %" PRIu64 " events wait", mode->name,
            mode->held ? ", held by an operator" : "",
            mode->reading ? ", reading by request since the streams brought nothing" : "",
            mode->lag, mode->queue);
}

/* What shows progress needs every event, and shows none. */
static int refuse_with_progress(cli_t *cli)
{
    static const char *const others[] = {"from", "count", "type", "durable", "full"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (cli_has(cli, others[i]))
            return cli_fail(cli, VD_USAGE, "--progress goes without --%s: it takes all events",
                            others[i]);
    if (cli->output != CLI_TABLE)
        return cli_fail(cli, VD_USAGE,
                        "--progress goes without -o: for programs, follow -o ndjson");
    if (cli->argument_count > 0 && strcmp(cli->arguments[0], "*") == 0)
        return cli_fail(cli, VD_USAGE, "--progress is of one session; see: vedette session ls");
    return 0;
}

/* Fills the options from the command line. Returns 0, or the exit code with the error told. */
static int read_options(cli_t *cli, vd_follow_options_t *options, uint64_t *count)
{
    const char *from = cli_value(cli, "from", NULL);
    uint64_t number = 0;
    options->session = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    options->type = cli_value(cli, "type", NULL);
    /* To a store that nobody writes to nothing is added. */
    bool end = cli_has(cli, "end");
    options->durable = cli_value(cli, "durable", NULL);
    options->name = options->durable;
    options->via = cli_value(cli, "via", NULL);
    if (cli->verbosity > 0) {
        options->on_mode = show_mode;
        options->on_mode_arg = cli;
    }
    options->until_head = end || cli->offline.dir[0] != 0;
    bool all = options->session != NULL && strcmp(options->session, "*") == 0;
    if (!cli_number(cli, "count", UINT64_MAX, count))
        return vd_status_exit_code(VD_USAGE);
    if (options->type != NULL && options->type[0] == 0)
        return cli_fail(cli, VD_USAGE, "--type is empty; '*' is every type");
    if (cli_has(cli, "progress")) {
        options->from = VD_FROM_START;
        return refuse_with_progress(cli);
    }
    if (from == NULL && (end || all)) {
        options->from = end ? VD_FROM_START : VD_FROM_NOW;
    } else if (from == NULL) {
        options->from = VD_FROM_TAIL;
        options->seq = RECENT;
    } else if (strcmp(from, "start") == 0) {
        options->from = VD_FROM_START;
    } else if (strcmp(from, "now") == 0) {
        options->from = VD_FROM_NOW;
    } else if (strchr(from, ':') != NULL) {
        options->from = VD_FROM_POSITION;
        options->position = from;
    } else if (cli_parse_number(from[0] == '-' ? from + 1 : from, &number)) {
        options->from = from[0] == '-' ? VD_FROM_TAIL : VD_FROM_SEQ;
        options->seq = number;
    } else {
        return cli_fail(cli, VD_USAGE,
                        "--from %s: it is start, now, a sequence, or -N for the last N", from);
    }
    return 0;
}

static int fail_stdout(cli_t *cli)
{
    return cli_fail(cli, VD_IO, "cannot write to stdout: %s", strerror(errno));
}

/* Where the events go. */
typedef struct shown {
    cli_events_t events;
    cli_progress_t *progress; /* with --progress, in place of the events */
} shown_t;

static void show(cli_t *cli, shown_t *shown, vd_follow_t *follow, const vd_follow_event_t *event)
{
    if (shown->progress != NULL)
        cli_progress_take(shown->progress, event);
    else
        cli_events_print(&shown->events, event,
                         cli->output != CLI_TABLE ? vd_follow_json(follow) : NULL);
}

/* Nothing is at hand: what is shown goes out before waiting. Returns how long to wait. */
static int show_now(shown_t *shown)
{
    if (shown->progress != NULL)
        return cli_progress_idle(shown->progress, LOOK_OUT_MS);
    fflush(stdout);
    return LOOK_OUT_MS;
}

/* What is said on stderr stands below a block. */
static void leave(shown_t *shown)
{
    if (shown->progress != NULL)
        cli_progress_leave(shown->progress);
}

/* Follows until an end. Returns the exit code: 1 too when something is missing in what is printed,
 * but for what was pruned of the sessions among all. */
static int run(cli_t *cli, vd_follow_t *follow, shown_t *shown, uint64_t wanted)
{
    bool told = false, kept = cli_value(cli, "durable", NULL) != NULL;
    int code = 0;
    while (shown->events.count < wanted) {
        vd_follow_event_t event;
        vd_status_t status = cli_interrupted() ? VD_CANCELLED : vd_follow_next(follow, 0, &event);
        if (status == VD_TIMED_OUT)
            status = vd_follow_next(follow, show_now(shown), &event);
        if (status != VD_OK && status != VD_TIMED_OUT)
            leave(shown);
        if (!cli_stdout_open() || status == VD_CANCELLED)
            return code;
        switch (status) {
        case VD_OK:
            told = false;
            show(cli, shown, follow, &event);
            if (kept && fflush(stdout) != 0) /* the next call may keep the place behind it */
                return errno == EPIPE ? code : fail_stdout(cli);
            break;
        case VD_TIMED_OUT:
            break;
        case VD_SESSION_CLOSED:
            code = code == 0 && shown->progress != NULL ? cli_progress_code(shown->progress) : code;
            if (code == 0 && !cli_has(cli, "end") && cli->offline.dir[0] == 0)
                cli_say(cli, "%s", vd_client_error(cli->client));
            return code;
        case VD_NOT_FOUND:
            return code == 0 && shown->progress != NULL ? cli_progress_code(shown->progress) : code;
        case VD_UNREACHABLE:
            if (!told)
                cli_say(cli, "%s; waiting for it", vd_client_error(cli->client));
            told = true;
            break;
        case VD_PRUNED:
        case VD_WENT_BACK:
        case VD_CORRUPT:
            cli_fail_client(cli, status);
            if (status != VD_PRUNED || !shown->events.sessions)
                code = vd_status_exit_code(status);
            break;
        default:
            return cli_fail_client(cli, status);
        }
    }
    return code;
}

/* What was printed counts once it is out, the last event too: the next run begins behind it. */
static void keep_place(cli_t *cli, vd_follow_t *follow, const char *durable)
{
    if (fflush(stdout) != 0 || !cli_stdout_open())
        return;
    vd_status_t status = vd_follow_close(follow, KEEP_MS);
    if (status != VD_OK)
        cli_say(cli, "the place under '%s' may be an older one: %s", durable,
                vd_client_error(cli->client));
}

/* In a store that nobody writes to no session need be active: then its newest one is meant. */
static vd_status_t newest(cli_t *cli, char session[VD_NAME_BYTES_MAX + 1])
{
    vd_session_record_t record;
    vd_blob_t rows;
    vd_status_t status = vd_client_sessions(cli->client, NULL, 1, CLI_TIMEOUT_MS, &rows);
    vd_bytes_t rest = vd_bytes(rows.data, rows.size);
    if (status == VD_OK)
        status = vd_rows_next(&rest, VD_RECORD_session, &record);
    if (status == VD_OK)
        vd_str_copy(session, VD_NAME_BYTES_MAX + 1, record.session);
    return status;
}

int cmd_follow(cli_t *cli)
{
    vd_follow_options_t options = {0};
    vd_follow_t *follow = NULL;
    char session[VD_NAME_BYTES_MAX + 1];
    shown_t shown = {0};
    uint64_t wanted;
    int code = read_options(cli, &options, &wanted);
    if (code != 0 || !cli_actor_runs(cli, "ingestor", &code))
        return code;
    if (options.session == NULL)
        cli_await_start(cli);
    cli_catch_signals();
    vd_status_t status = vd_follow_new(&follow, cli->client, &options, CLI_TIMEOUT_MS);
    bool none = status == VD_UNKNOWN_SESSION && options.session == NULL;
    if (none && cli->offline.dir[0] != 0 && newest(cli, session) == VD_OK) {
        options.session = session;
        status = vd_follow_new(&follow, cli->client, &options, CLI_TIMEOUT_MS);
    }
    if (status == VD_CANCELLED && cli_interrupted())
        return 0;
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    cli_events_begin(&shown.events, cli, cli_has(cli, "full"),
                     strcmp(vd_follow_session(follow), "*") == 0);
    if (cli_has(cli, "progress") && (shown.progress = cli_progress_new(cli)) == NULL)
        code = cli_fail(cli, VD_NO_MEMORY, "no memory");
    else
        code = run(cli, follow, &shown, wanted);
    cli_events_end(&shown.events);
    cli_progress_destroy(&shown.progress);
    if (options.durable != NULL)
        keep_place(cli, follow, options.durable);
    vd_follow_destroy(&follow);
    return code;
}
