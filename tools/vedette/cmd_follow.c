/* cmd_follow.c: prints events as they are committed. */
#include "cli.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    RECENT = 10,       /* events that a bare follow begins with, as tail -f does */
    LOOK_OUT_MS = 500, /* between looks whether stdout is still read */
    ROOM_MIN = 8,      /* less of the data tells nothing */
};

/* How events are printed. */
typedef struct printer {
    const cli_t *cli;
    size_t width;  /* of a line; 0: whole */
    uint64_t left; /* events that are still wanted */
    bool any;      /* one was printed */
} printer_t;

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* Lines are cut for eyes alone: what is piped is whole. */
static size_t width_of_stdout(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    return size.ws_col;
}

/* Fills the options from the command line. Returns 0, or the exit code with the error told. */
static int read_options(const cli_t *cli, vd_follow_options_t *options, uint64_t *count)
{
    const char *from = cli_value(cli, "from", NULL);
    uint64_t number = 0;
    options->session = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    options->type = cli_value(cli, "type", NULL);
    /* To a store that nobody writes to nothing is added. */
    bool end = cli_has(cli, "end");
    options->until_head = end || cli->offline.dir[0] != 0;
    bool all = options->session != NULL && strcmp(options->session, "*") == 0;
    if (!cli_number(cli, "count", UINT64_MAX, count))
        return vd_status_exit_code(VD_USAGE);
    if (options->type != NULL && options->type[0] == 0)
        return cli_fail(cli, VD_USAGE, "--type is empty; '*' is every type");
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

/* -o json is one array, whole whenever the command ends; ndjson has an event a line. */
static void print_json(printer_t *printer, vd_follow_t *follow)
{
    const char *json = vd_follow_json(follow);
    if (printer->cli->output == CLI_JSON)
        fputs(printer->any ? ",\n  " : "[\n  ", stdout);
    fputs(json != NULL ? json : "null", stdout);
    if (printer->cli->output == CLI_NDJSON)
        putchar('\n');
}

static void print_row(const printer_t *printer, vd_follow_t *follow, const vd_follow_event_t *event)
{
    char data[4096], clock[16] = "";
    vd_str_copy(clock, sizeof clock, vd_str(event->ts + 11)); /* the time of day, without Z */
    clock[12] = 0;
    bool all = strcmp(vd_follow_session(follow), "*") == 0;
    int used = printf("%s  %s%s%5" PRIu64 "  %-20s ", clock, all ? event->session : "",
                      all ? " " : "", event->seq, event->type);
    vd_bytes_t value = vd_bytes(event->data.data, event->data.size);
    size_t room = used >= 0 && (size_t)used < printer->width ? printer->width - (size_t)used : 0;
    if (value.size == 1 && value.data[0] == 0xc0) /* nil: no data */
        putchar('\n');
    else if (printer->width == 0)
        cli_print_line(value);
    else if (room < ROOM_MIN)
        putchar('\n');
    else {
        cli_brief(value, room, data, sizeof data);
        puts(data);
    }
}

static void print_event(printer_t *printer, vd_follow_t *follow, const vd_follow_event_t *event)
{
    if (printer->cli->output != CLI_TABLE)
        print_json(printer, follow);
    else
        print_row(printer, follow, event);
    printer->any = true;
    printer->left--;
}

/* Follows until an end. Returns the exit code. */
static int run(cli_t *cli, vd_follow_t *follow, printer_t *printer)
{
    bool told = false;
    while (printer->left > 0) {
        vd_follow_event_t event;
        vd_status_t status = interrupted ? VD_CANCELLED : vd_follow_next(follow, 0, &event);
        if (status == VD_TIMED_OUT) { /* nothing at hand: what is printed goes out before waiting */
            fflush(stdout);
            status = vd_follow_next(follow, LOOK_OUT_MS, &event);
        }
        if (!cli_stdout_open() || status == VD_CANCELLED)
            return 0;
        switch (status) {
        case VD_OK:
            told = false;
            print_event(printer, follow, &event);
            break;
        case VD_TIMED_OUT:
            break;
        case VD_SESSION_CLOSED:
            if (!cli_has(cli, "end") && cli->offline.dir[0] == 0)
                cli_say(cli, "%s", vd_client_error(cli->client));
            return 0;
        case VD_NOT_FOUND:
            return 0;
        case VD_UNREACHABLE:
            if (!told)
                cli_say(cli, "%s; waiting for it", vd_client_error(cli->client));
            told = true;
            break;
        case VD_PRUNED:
        case VD_WENT_BACK:
        case VD_CORRUPT:
            cli_fail(cli, status, "%s", vd_client_error(cli->client));
            break;
        default:
            return cli_fail_client(cli, status);
        }
    }
    return 0;
}

int cmd_follow(cli_t *cli)
{
    vd_follow_options_t options = {0};
    vd_follow_t *follow = NULL;
    printer_t printer = {.cli = cli};
    printer.width = cli_has(cli, "full") ? 0 : width_of_stdout();
    int code = read_options(cli, &options, &printer.left);
    if (code != 0 || !cli_actor_runs(cli, "ingestor", &code))
        return code;
    if (options.session == NULL)
        cli_await_start(cli);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    vd_status_t status = vd_follow_new(&follow, cli->client, &options, CLI_TIMEOUT_MS);
    if (status == VD_CANCELLED && interrupted)
        return 0;
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    code = run(cli, follow, &printer);
    if (cli->output == CLI_JSON)
        puts(printer.any ? "\n]" : "[]");
    vd_follow_destroy(&follow);
    return code;
}
