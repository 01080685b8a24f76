/* session_replay.c: `session replay`: the events of a session with the time between them as it
 * was. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STEP_MS = 30000,   /* for the next part */
    LOOK_OUT_MS = 500, /* between looks whether stdout is still read */
};

static const double speed_max = 1e9;

typedef struct pace {
    double speed;       /* 0: at once */
    int64_t gap_ms_max; /* of time as it was; 0: none */
    int64_t last_ms;    /* time stamp of the last event; 0: there was none */
    double shown_ms;    /* of time as it was, since the beginning */
    int64_t began_ms;   /* on this machine's clock */
} pace_t;

/* "2", "0.5", "10x", "max". */
static bool read_speed(const char *text, double *speed)
{
    char *end = NULL;
    if (strcmp(text, "max") == 0) {
        *speed = 0;
        return true;
    }
    *speed = strtod(text, &end);
    if (end == text || (*end == 'x' ? end[1] : *end) != 0)
        return false;
    return isfinite(*speed) && *speed > 0 && *speed <= speed_max;
}

/* Where the replay begins: the sequence. Returns 0, or the exit code with the error told. */
static int read_from(cli_t *cli, uint64_t *seq)
{
    const char *from = cli_value(cli, "from", "start");
    uint64_t number = 0;
    vd_blob_t row;
    vd_session_record_t session;
    *seq = 1;
    if (strcmp(from, "start") == 0)
        return 0;
    if (!cli_parse_number(from[0] == '-' ? from + 1 : from, &number))
        return cli_fail(cli, VD_USAGE, "--from %s: it is start, a sequence, or -N for the last N",
                        from);
    *seq = number > 0 ? number : 1;
    if (from[0] != '-')
        return 0;
    vd_status_t status = vd_client_session(cli->client, cli->arguments[1], CLI_TIMEOUT_MS, &row);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (vd_record_decode(vd_bytes(row.data, row.size), VD_RECORD_session, &session) != VD_OK)
        return cli_fail(cli, VD_MALFORMED, "the ingestor's row of a session is not one");
    *seq = number < session.last_seq ? session.last_seq - number + 1 : 1;
    return 0;
}

/* Waits until the event's time has come. False when the command shall end. */
static bool await(pace_t *pace, const char *ts)
{
    int64_t wall_ms = 0;
    if (!vd_ts_parse(vd_str(ts), &wall_ms) || pace->speed == 0)
        return cli_stdout_open();
    /* Clocks went back now and then: then there was no time between. */
    int64_t gap_ms = pace->last_ms > 0 && wall_ms > pace->last_ms ? wall_ms - pace->last_ms : 0;
    if (pace->gap_ms_max > 0 && gap_ms > pace->gap_ms_max)
        gap_ms = pace->gap_ms_max;
    pace->last_ms = wall_ms;
    pace->shown_ms += (double)gap_ms / pace->speed;
    for (;;) {
        double left_ms = pace->shown_ms - (double)(cli_mono_ms() - pace->began_ms);
        if (cli_interrupted() || !cli_stdout_open())
            return false;
        if (left_ms < 1)
            return true;
        fflush(stdout);
        poll(NULL, 0, left_ms < LOOK_OUT_MS ? (int)left_ms : LOOK_OUT_MS);
    }
}

static int replay(cli_t *cli, vd_export_t *stored, pace_t *pace)
{
    vd_follow_event_t event;
    cli_events_t events;
    vd_status_t status = VD_OK;
    cli_events_begin(&events, cli, cli_has(cli, "full"), false);
    pace->began_ms = cli_mono_ms();
    while (status == VD_OK) {
        status = cli_interrupted() ? VD_CANCELLED : vd_export_next(stored, STEP_MS, &event);
        if (status != VD_OK)
            break;
        if (!await(pace, event.ts))
            status = VD_CANCELLED;
        else
            cli_events_print(&events, &event,
                             cli->output != CLI_TABLE ? vd_export_json(stored) : NULL);
    }
    cli_events_end(&events);
    if (status == VD_NOT_FOUND || status == VD_CANCELLED)
        return 0;
    return cli_fail_client(cli, status);
}

int cli_session_replay(cli_t *cli)
{
    pace_t pace = {0};
    vd_export_t *stored = NULL;
    uint64_t seq;
    const char *speed = cli_value(cli, "speed", "1");
    if (!read_speed(speed, &pace.speed))
        return cli_fail(cli, VD_USAGE, "--speed %s: it is a factor such as 2 or 0.5, or max",
                        speed);
    if (!cli_duration(cli, "max-gap", 0, &pace.gap_ms_max))
        return vd_status_exit_code(VD_USAGE);
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    code = read_from(cli, &seq);
    if (code != 0)
        return code;
    vd_status_t status =
        vd_export_new(&stored, cli->client, cli->arguments[1], seq, CLI_TIMEOUT_MS);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    cli_catch_signals();
    code = replay(cli, stored, &pace);
    vd_export_destroy(&stored);
    return code;
}
