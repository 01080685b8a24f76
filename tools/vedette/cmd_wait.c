/* cmd_wait.c: waits for the runtime, or for what an observer shows. */
#include "cli.h"

#include "expression/expression.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

enum { WAIT_MS = 30000 };

static int wait_down(cli_t *cli, int64_t timeout_ms)
{
    int64_t deadline = cli_mono_ms() + timeout_ms;
    vd_reply_t reply;
    vd_value_t map;
    while (cli_status(cli, 500, &reply, &map) != VD_UNREACHABLE) {
        if (cli_mono_ms() >= deadline)
            return cli_fail(cli, VD_TIMED_OUT, "the runtime is still up after %" PRId64 " ms",
                            timeout_ms);
        poll(NULL, 0, CLI_LOOK_MS);
    }
    return 0;
}

static int wait_ready(cli_t *cli, int64_t timeout_ms)
{
    int code = 1;
    vd_status_t status = cli_wait_ready(cli, timeout_ms, false, 0, &code);
    if (status == VD_FAILED)
        return code;
    if (status == VD_UNREACHABLE)
        return cli_fail_client(cli, status);
    if (status != VD_OK)
        return cli_fail(cli, VD_TIMED_OUT,
                        "the runtime is not ready after %" PRId64 " ms; see: vedette ps",
                        timeout_ms);
    cli_say(cli, "ready");
    return 0;
}

/* Points at the place of an error. */
static int fail_expression(cli_t *cli, const char *text, const vd_expression_error_t *error)
{
    char clean[4 * VD_EXPRESSION_BYTES_MAX];
    int code = cli_fail(cli, VD_USAGE, "the expression, %s", error->text);
    cli_clean(vd_str(text), clean, sizeof clean);
    fprintf(stderr, "  %s\n  %*s^\n", clean, (int)error->column - 1, "");
    return code;
}

/* A name that is not there may be of one that comes, or a slip. */
static void hint_at_slip(cli_t *cli, const char *observer)
{
    vd_bytes_t rows;
    vd_child_record_t child;
    int code = 0;
    if (cli_children(cli, &rows) == VD_OK && !cli_child(rows, observer, &child) &&
        !cli_actor_known(cli, observer, "observer", &code))
        cli_say(cli, "waiting for one of this name");
}

static int wait_expression(cli_t *cli, const char *observer, const char *text, int64_t timeout_ms)
{
    static vd_expression_t expression;
    vd_expression_error_t error;
    vd_blob_t snapshot;
    vd_value_t map;
    vd_status_t status;
    int64_t begun = cli_mono_ms(), rest = timeout_ms;
    if (vd_expression_parse(&expression, vd_str(text), &error) != VD_OK)
        return fail_expression(cli, text, &error);
    hint_at_slip(cli, observer);
    for (;;) {
        status = vd_wait(cli->client, observer, text, cli_wait_ms(rest), &snapshot);
        rest = begun + timeout_ms - cli_mono_ms();
        if (status != VD_UNREACHABLE || rest <= 0)
            break;
        poll(NULL, 0, CLI_LOOK_MS); /* the runtime may be only starting */
    }
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (vd_value_of(vd_bytes(snapshot.data, snapshot.size), &map))
        cli_say(cli, "%s: true after %" PRId64 " ms, in cycle %" PRIu64, observer,
                cli_mono_ms() - begun, vd_value_get_u64(&map, "cycle", 0));
    if (cli->output == CLI_TABLE)
        return 0;
    return cli_print_value(cli, vd_bytes(snapshot.data, snapshot.size));
}

int cmd_wait(cli_t *cli)
{
    int64_t timeout_ms;
    const char *what = cli_value(cli, "for", "ready");
    if (!cli_duration(cli, "timeout", WAIT_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    if (cli->argument_count == 1)
        return cli_fail(cli, VD_USAGE, "wait %s: for what? e.g. vedette wait %s '$.cycle > 0'",
                        cli->arguments[0], cli->arguments[0]);
    if (cli->argument_count == 2 && cli_has(cli, "for"))
        return cli_fail(cli, VD_USAGE, "wait --for is for the runtime: it takes no OBSERVER");
    if (cli->argument_count == 2)
        return wait_expression(cli, cli->arguments[0], cli->arguments[1], timeout_ms);
    if (strcmp(what, "down") == 0)
        return wait_down(cli, timeout_ms);
    if (strcmp(what, "ready") != 0)
        return cli_fail(cli, VD_USAGE, "--for %s: it is ready or down", what);
    return wait_ready(cli, timeout_ms);
}
