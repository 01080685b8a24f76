/* cmd_audit.c: `audit`: what the auditor has checked, and what it has found. */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>

#define ACTOR "auditor"

static const cli_column_t columns[] = {
    {"INVARIANT", "name", false, NULL},   {"CHECKED", "checked", true, NULL},
    {"VIOLATED", "violated", true, NULL}, {"UNKNOWN", "unknown", true, NULL},
    {"MEANING", "meaning", false, NULL},
};

/* What was found, below the table. */
static void print_violations(const vd_value_t *rows)
{
    static const char *const keys[] = {"name", "at", "text", "evidence"};
    vd_bytes_t rest = rows->bytes;
    vd_value_t row;
    while (vd_value_next(&rest, &row)) {
        char texts[4][512];
        if (vd_value_get_u64(&row, "violated", 0) == 0)
            continue;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            cli_clean(vd_value_get_str(&row, keys[i]), texts[i], sizeof texts[i]);
        printf("\n%s, %s: %s\n    %s\n", texts[0], texts[1], texts[2], texts[3]);
    }
}

static int print(cli_t *cli, const vd_value_t *audit, const vd_value_t *rows)
{
    char text[512];
    if (cli->output == CLI_JSON)
        return cli_print_value(cli, audit->raw);
    if (cli->output == CLI_TABLE) {
        uint64_t from = vd_value_get_u64(audit, "from", 0);
        cli_clean(vd_value_get_str(audit, "store"), text, sizeof text);
        if (from == 0)
            printf("nothing is checked yet\n\n");
        else
            printf("store %s, checked from commit %" PRIu64 " to %" PRIu64 " of %" PRIu64 "\n\n",
                   text, from, vd_value_get_u64(audit, "position", 0),
                   vd_value_get_u64(audit, "head", 0));
    }
    int code = cli_print_rows(cli, rows->raw, columns, sizeof columns / sizeof *columns);
    if (cli->output == CLI_TABLE)
        print_violations(rows);
    return code;
}

int cmd_audit(cli_t *cli)
{
    vd_value_t audit, rows;
    vd_bytes_t children;
    vd_blob_t answer;
    vd_child_record_t child;
    int code = 0;
    vd_status_t status = cli_children(cli, &children);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (!cli_child(children, ACTOR, &child))
        return cli_fail(cli, VD_NOT_FOUND,
                        "no auditor runs here; put processes = 1 under [auditor] into the "
                        "configuration and start the runtime again");
    if (!cli_actor_runs(cli, ACTOR, &code))
        return code;
    status = vd_client_get(cli->client, ACTOR, "requests", "audit", CLI_TIMEOUT_MS, &answer);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (!vd_value_of(vd_bytes(answer.data, answer.size), &audit) ||
        !vd_value_get(&audit, "invariants", &rows))
        return cli_fail(cli, VD_MALFORMED, "the auditor's answer has no invariants");
    uint64_t violations = vd_value_get_u64(&audit, "violations", 0);
    code = print(cli, &audit, &rows);
    if (code != 0 || violations == 0)
        return code;
    return cli_fail(cli, VD_FAILED,
                    "%" PRIu64 " times something was violated; keep the store and "
                    "the logs as they are until it is clear why",
                    violations);
}
