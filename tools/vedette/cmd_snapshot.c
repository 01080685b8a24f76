/* cmd_snapshot.c: what an observer knows now, what it knew at a moment, and what has changed. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAST_TIMEOUT_MS = 60000 };

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Digits alone. `seq` is left as it is by anything else, such as a time, which begins with some. */
static bool parse_seq(const char *text, uint64_t *seq)
{
    size_t size = strlen(text);
    if (size == 0 || size > 19 || strspn(text, "0123456789") != size)
        return false;
    *seq = strtoull(text, NULL, 10);
    return true;
}

/* 2026-01-31T12:00:00.000Z, also without the milliseconds; or 5m, for so long ago. */
static bool parse_time(const char *text, int64_t *at_ms)
{
    char whole[VD_TS_SIZE];
    size_t size = strlen(text);
    int64_t ago_ms = 0;
    if (vd_ts_parse(vd_str(text), at_ms))
        return true;
    if (size == VD_TS_SIZE - 5 && text[size - 1] == 'Z') {
        snprintf(whole, sizeof whole, "%.*s.000Z", (int)size - 1, text);
        return vd_ts_parse(vd_str(whole), at_ms);
    }
    if (!cli_parse_duration(text, &ago_ms) || ago_ms < 0)
        return false;
    *at_ms = wall_ms() - ago_ms;
    return true;
}

/* TIME, SEQ or SESSION:SEQ. Returns 0, or the exit code with the error told. */
static int parse_moment(cli_t *cli, const char *text, char *session, vd_past_options_t *moment)
{
    const char *colon = strrchr(text, ':');
    *moment = (vd_past_options_t){.session = cli_value(cli, "session", NULL)};
    bool named = colon && parse_seq(colon + 1, &moment->seq);
    if (!named && !parse_seq(text, &moment->seq) && !parse_time(text, &moment->at_ms))
        return cli_fail(cli, VD_USAGE,
                        "'%s' is not a moment: a sequence (120), SESSION:SEQ, a time "
                        "(2026-01-31T12:00:00Z), or how long ago (5m)",
                        text);
    if (moment->seq == 0 && moment->at_ms == 0)
        return cli_fail(cli, VD_USAGE, "sequences begin at 1");
    if (!named)
        return 0;
    if (moment->session)
        return cli_fail(cli, VD_USAGE, "'%s' names a session, and so does --session", text);
    vd_str_t name = vd_bytes(text, (size_t)(colon - text));
    if (!vd_name_valid(name))
        return cli_fail(cli, VD_USAGE, "'%.*s' is not a session id", (int)name.size, text);
    vd_str_copy(session, VD_NAME_BYTES_MAX + 1, name);
    moment->session = session;
    return 0;
}

/* The snapshot as of `text`; NULL: as of now. Copied to `out`. Returns 0, or the exit code. */
static int fetch(cli_t *cli, const char *text, vd_buffer_t *out)
{
    char session[VD_NAME_BYTES_MAX + 1];
    vd_past_options_t moment = {.session = cli_value(cli, "session", NULL)};
    vd_blob_t value;
    int code = text ? parse_moment(cli, text, session, &moment) : 0;
    if (code != 0)
        return code;
    vd_status_t status =
        vd_client_past(cli->client, cli->arguments[0], &moment, PAST_TIMEOUT_MS, &value);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    return vd_buffer_add(out, value.data, value.size) ? 0
                                                      : cli_fail(cli, VD_NO_MEMORY, "no memory");
}

static int show_past(cli_t *cli)
{
    vd_buffer_t value;
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    int code = fetch(cli, cli_value(cli, "at", NULL), &value);
    if (code == 0)
        code = cli_print_value(cli, vd_buffer_view(&value));
    vd_buffer_free(&value);
    return code;
}

static void format_value(const vd_value_t *value, char *out, size_t size)
{
    if (value->kind == VD_KIND_NIL)
        snprintf(out, size, "-");
    else
        cli_brief(value->raw, size - 1, out, size);
}

static int show_diff(cli_t *cli)
{
    static const cli_column_t columns[] = {{"PATH", "path", false, NULL},
                                           {"BEFORE", "before", false, format_value},
                                           {"AFTER", "after", false, format_value}};
    vd_buffer_t before, after;
    vd_blob_t rows = {0};
    vd_buffer_init(&before, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&after, VD_FRAME_BYTES_MAX);
    int code = fetch(cli, cli_value(cli, "diff", NULL), &before);
    if (code == 0)
        code = fetch(cli, cli->argument_count > 1 ? cli->arguments[1] : NULL, &after);
    if (code == 0) {
        vd_status_t status = vd_client_diff(cli->client, (vd_blob_t){before.data, before.size},
                                            (vd_blob_t){after.data, after.size}, &rows);
        code = status != VD_OK ? cli_fail_client(cli, status)
                               : cli_print_rows(cli, vd_bytes(rows.data, rows.size), columns, 3);
    }
    vd_buffer_free(&before);
    vd_buffer_free(&after);
    return code;
}

static int show_now(cli_t *cli)
{
    vd_blob_t value;
    vd_status_t status = vd_client_snapshot(cli->client, cli->arguments[0], CLI_TIMEOUT_MS, &value);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    return cli_print_value(cli, vd_bytes(value.data, value.size));
}

int cmd_snapshot(cli_t *cli)
{
    int code = 0;
    bool diff = cli_has(cli, "diff"), past = cli_has(cli, "at") || cli_has(cli, "session");
    if (diff && cli_has(cli, "at"))
        return cli_fail(cli, VD_USAGE, "--at shows one moment and --diff compares two: give one");
    if (!diff && cli->argument_count > 1)
        return cli_fail(cli, VD_USAGE, "'%s' is too much; two moments are compared with --diff",
                        cli->arguments[1]);
    if (!cli_actor_known(cli, cli->arguments[0], "observer", &code) ||
        !cli_actor_runs(cli, cli->arguments[0], &code))
        return code;
    return diff ? show_diff(cli) : past ? show_past(cli) : show_now(cli);
}
