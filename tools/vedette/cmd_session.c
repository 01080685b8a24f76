/* cmd_session.c: `session ls` and `session show`. */
#include "cli.h"

#include <stdio.h>

static int list(cli_t *cli)
{
    static const cli_column_t columns[] = {
        {"SESSION", "session", false, NULL},
        {"NAME", "name", false, NULL},
        {"STATE", "state", false, NULL},
        {"OWNER", "owner", false, NULL},
        {"EVENTS", "last_seq", true, NULL},
        {"STARTED", "started_ms", false, cli_format_time},
        {"LAST", "last_ms", false, cli_format_time},
    };
    uint64_t count;
    const char *state = cli_value(cli, "state", NULL);
    static const char *const states[] = {"active", "completed", "failed", "interrupted"};
    bool known = state == NULL;
    for (size_t i = 0; i < 4 && !known; i++)
        known = strcmp(states[i], state) == 0;
    if (!known)
        return cli_fail(cli, VD_USAGE, "--state %s: it is active, completed, failed or interrupted",
                        state);
    if (!cli_number(cli, "count", 100, &count))
        return vd_status_exit_code(VD_USAGE);
    if (count == 0 || count > 10000)
        return cli_fail(cli, VD_USAGE, "--count: 1 to 10000");
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_blob_t rows;
    vd_status_t status =
        vd_client_sessions(cli->client, state, (uint32_t)count, CLI_TIMEOUT_MS, &rows);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    return cli_print_rows(cli, vd_bytes(rows.data, rows.size), columns,
                          sizeof columns / sizeof *columns);
}

static int show(cli_t *cli)
{
    if (cli->argument_count != 2)
        return cli_fail(cli, VD_USAGE, "usage: vedette session show SESSION");
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_blob_t row;
    vd_status_t status = vd_client_session(cli->client, cli->arguments[1], CLI_TIMEOUT_MS, &row);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    return cli_print_value(cli, vd_bytes(row.data, row.size));
}

int cmd_session(cli_t *cli)
{
    const char *verb = cli->arguments[0];
    if (strcmp(verb, "show") == 0)
        return show(cli);
    if (strcmp(verb, "ls") != 0)
        return cli_fail(cli, VD_USAGE, "session %s: it is ls or show", verb);
    if (cli->argument_count > 1)
        return cli_fail(cli, VD_USAGE, "usage: vedette session ls [--state STATE] [--count N]");
    return list(cli);
}
