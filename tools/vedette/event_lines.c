/* event_lines.c: events on stdout, as rows for eyes or as JSON. */
#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROOM_MIN = 8 }; /* less of the data tells nothing */

/* Lines are cut for eyes alone: what is piped is whole. */
size_t cli_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    return size.ws_col;
}

void cli_events_begin(cli_events_t *self, const cli_t *cli, bool full, bool sessions)
{
    assert(self != NULL && cli != NULL);
    *self = (cli_events_t){
        .cli = cli, .width = full ? 0 : cli_columns(), .sessions = sessions, .count = 0};
}

static void print_json(const cli_events_t *self, const char *json)
{
    if (self->cli->output == CLI_JSON)
        fputs(self->count > 0 ? ",\n  " : "[\n  ", stdout);
    fputs(json != NULL ? json : "null", stdout);
    if (self->cli->output == CLI_NDJSON)
        putchar('\n');
}

static void print_row(const cli_events_t *self, const vd_follow_event_t *event)
{
    char data[4096], clock[16] = "";
    vd_str_copy(clock, sizeof clock, vd_str(event->ts + 11)); /* the time of day, without Z */
    clock[12] = 0;
    int used = printf("%s  %s%s%5" PRIu64 "  %-20s ", clock, self->sessions ? event->session : "",
                      self->sessions ? " " : "", event->seq, event->type);
    vd_bytes_t value = vd_bytes(event->data.data, event->data.size);
    size_t room = used >= 0 && (size_t)used < self->width ? self->width - (size_t)used : 0;
    if (value.size == 1 && value.data[0] == 0xc0) /* nil: no data */
        putchar('\n');
    else if (self->width == 0)
        cli_print_line(value);
    else if (room < ROOM_MIN)
        putchar('\n');
    else {
        cli_brief(value, room, data, sizeof data);
        puts(data);
    }
}

void cli_events_print(cli_events_t *self, const vd_follow_event_t *event, const char *json)
{
    assert(event->ts != NULL && event->type != NULL);
    if (self->cli->output != CLI_TABLE)
        print_json(self, json);
    else
        print_row(self, event);
    self->count++;
}

void cli_events_end(const cli_events_t *self)
{
    if (self->cli->output == CLI_JSON)
        puts(self->count > 0 ? "\n]" : "[]");
}
