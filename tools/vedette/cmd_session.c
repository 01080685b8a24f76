/* cmd_session.c: `session`: the table of its verbs, `session ls` and `session show`. */
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
    if (cli->argument_count > 1)
        return cli_fail(cli, VD_USAGE, "usage: vedette session ls [--state STATE] [--count N]");
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
    static const struct {
        const char *verb;
        int (*run)(cli_t *cli);
        bool writes;
    } verbs[] = {{"ls", list, false},
                 {"show", show, false},
                 {"export", cli_session_export, false},
                 {"import", cli_session_import, true},
                 {"replay", cli_session_replay, false},
                 {"prune", cli_session_prune, true}};
    enum { VERBS = sizeof verbs / sizeof *verbs };
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].verb;
        if (strcmp(verbs[i].verb, cli->arguments[0]) != 0)
            continue;
        if (verbs[i].writes && cli_has(cli, CLI_OFFLINE))
            return cli_fail(cli, VD_USAGE, "session %s writes: it needs a runtime, not --offline",
                            verbs[i].verb);
        return verbs[i].run(cli);
    }
    const char *nearest = cli_nearest(cli->arguments[0], names, VERBS);
    return cli_fail(cli, VD_USAGE, "session has no verb %s; %s%s", cli->arguments[0],
                    nearest != NULL ? "did you mean " : "see: vedette session --help",
                    nearest != NULL ? nearest : "");
}
