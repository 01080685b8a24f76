/* cmd_observer.c: `query`: what an observer answers; `observer`: one of your own. */
#include "cli.h"

#include <stdio.h>

/* An argument of a query: JSON where it is some, else text. */
static void write_argument(cli_t *cli, vd_buffer_t *out, const char *text)
{
    vd_blob_t value;
    if (vd_client_pack(cli->client, text, strlen(text), &value) == VD_OK)
        vd_write_raw(out, vd_bytes(value.data, value.size));
    else
        vd_write_text(out, text);
}

static int list_queries(cli_t *cli)
{
    static const cli_column_t columns[] = {{"NAME", "name", false, NULL},
                                           {"ARGUMENTS", "arguments", false, NULL},
                                           {"ANSWER", "help", false, NULL}};
    vd_blob_t rows;
    vd_status_t status = vd_client_query(cli->client, cli->arguments[0], "queries", (vd_blob_t){0},
                                         CLI_TIMEOUT_MS, &rows);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    return cli_print_rows(cli, vd_bytes(rows.data, rows.size), columns, 3);
}

static int ask(cli_t *cli)
{
    vd_blob_t value;
    vd_buffer_t args;
    vd_status_t status = VD_USAGE;
    int code = 0;
    vd_buffer_init(&args, VD_SPEC_BYTES_MAX);
    vd_write_array(&args, (uint32_t)cli->argument_count - 2);
    for (int i = 2; i < cli->argument_count; i++)
        write_argument(cli, &args, cli->arguments[i]);
    if (args.full)
        code = cli_fail(cli, status, "the arguments are over %d bytes", VD_SPEC_BYTES_MAX);
    else
        status = vd_client_query(cli->client, cli->arguments[0], cli->arguments[1],
                                 (vd_blob_t){args.data, args.size}, CLI_TIMEOUT_MS, &value);
    vd_buffer_free(&args);
    if (status != VD_OK)
        return code != 0 ? code : cli_fail_client(cli, status);
    return cli_print_value(cli, vd_bytes(value.data, value.size));
}

int cmd_query(cli_t *cli)
{
    int code = 0;
    if (!cli_actor_known(cli, cli->arguments[0], "observer", &code) ||
        !cli_actor_runs(cli, cli->arguments[0], &code))
        return code;
    return cli->argument_count == 1 ? list_queries(cli) : ask(cli);
}

int cmd_observer(cli_t *cli)
{
    static const cli_verb_t verbs[] = {
        {"new", "NAME [--language c|python] [--dir DIR]", 1, 1, false, cli_observer_new},
    };
    return cli_run_verb(cli, verbs, sizeof verbs / sizeof *verbs);
}
