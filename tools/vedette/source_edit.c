/* source_edit.c: `source add` and `source rm`: what the provider manual is asked for. */
#include "cli.h"

#include <assert.h>
#include <stdio.h>

#define PROVIDER "manual"

/* The record of a source in the membership; false when there is none. */
static bool find_source(vd_bytes_t membership, const char *name, vd_source_record_t *source)
{
    vd_value_t map, sources, row;
    if (!vd_value_of(membership, &map) || !vd_value_get(&map, "sources", &sources))
        return false;
    vd_bytes_t rest = sources.bytes;
    while (sources.kind == VD_KIND_ARRAY && vd_value_next(&rest, &row))
        if (vd_str_is(vd_value_get_str(&row, "name"), name))
            return vd_record_decode(row.raw, VD_RECORD_source, source) == VD_OK;
    return false;
}

/* Is the name free, or one of those that were added by hand? Otherwise the error is told, with
 * `status`, and *code set. A broker that is away is no obstacle: it says who was first. */
static bool is_ours(cli_t *cli, vd_status_t status, int *code)
{
    vd_blob_t blob;
    vd_source_record_t source;
    if (vd_client_get(cli->client, "broker", "control", "membership", CLI_TIMEOUT_MS, &blob) !=
            VD_OK ||
        !find_source(vd_bytes(blob.data, blob.size), cli->arguments[1], &source) ||
        vd_str_is(source.provider, PROVIDER))
        return true;
    *code =
        cli_fail(cli, status, "source %s is listed by provider %.*s, not added by hand%s",
                 cli->arguments[1], (int)source.provider.size, (const char *)source.provider.data,
                 status == VD_EXISTS ? ": choose another name" : "");
    return false;
}

static int ask(cli_t *cli, const vd_message_t *message)
{
    vd_reply_t reply;
    vd_value_t map;
    vd_bytes_t rows;
    vd_child_record_t child;
    int code = 1;
    if (cli_children(cli, &rows) == VD_OK && !cli_child(rows, PROVIDER, &child))
        return cli_fail(cli, VD_UNREACHABLE,
                        "this runtime takes no sources by hand: its configuration says enabled = "
                        "false in [providers." PROVIDER "]");
    if (!cli_actor_runs(cli, PROVIDER, &code))
        return code;
    vd_status_t status = cli_ask(cli, PROVIDER, "control", message, true, CLI_TIMEOUT_MS, &reply);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_str_t text = {0};
    if (vd_value_of(vd_bytes(reply.body.data, reply.body.size), &map))
        text = vd_value_get_str(&map, "text");
    cli_say(cli, "source %s: %.*s", cli->arguments[1], (int)text.size,
            text.size > 0 ? (const char *)text.data : "");
    return 0;
}

bool cli_labels(const cli_t *cli, vd_buffer_t *out)
{
    uint32_t count = 0;
    for (int round = 0; round < 2; round++) {
        if (round == 1)
            vd_write_map(out, count);
        for (int i = 0; i < cli->given_count; i++) {
            if (strcmp(cli->given[i].option->name, "label") != 0)
                continue;
            const char *text = cli->given[i].value;
            size_t size = strcspn(text, "=");
            if (text[size] == 0 || size == 0) {
                cli_fail(cli, VD_USAGE, "--label %s: it is KEY=TEXT", text);
                return false;
            }
            bool again = false;
            for (int j = i + 1; j < cli->given_count && !again; j++)
                again = strcmp(cli->given[j].option->name, "label") == 0 &&
                        strncmp(cli->given[j].value, text, size + 1) == 0;
            if (again)
                continue;
            count += round == 0;
            if (round == 0)
                continue;
            vd_write_str(out, vd_bytes(text, size));
            vd_write_text(out, text + size + 1);
        }
    }
    return true;
}

static bool take_spec(cli_t *cli, vd_buffer_t *out)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    const char *text = cli_value(cli, "spec", NULL);
    if (text == NULL || vd_json_parse(vd_str(text), out, error, sizeof error) == VD_OK)
        return true;
    cli_fail(cli, VD_USAGE, "--spec is not JSON: %s", error);
    return false;
}

static int add(cli_t *cli, vd_bytes_t labels, vd_bytes_t spec)
{
    vd_source_record_t source = {
        .name = vd_str(cli->arguments[1]),
        .adapter = vd_str(cli_value(cli, "adapter", "http")),
        .address = vd_str(cli_value(cli, "address", "")),
        .auth = vd_str(cli_value(cli, "auth", "")),
        .labels = labels,
        .spec = spec,
    };
    vd_buffer_t rows;
    vd_buffer_init(&rows, VD_BODY_BYTES_MAX);
    vd_write_array(&rows, 1);
    vd_status_t status = vd_record_encode(VD_RECORD_source, &source, &rows);
    vd_message_t message = {.id = VD_MESSAGE_SOURCE_ADD};
    message.source_add.sources = vd_buffer_view(&rows);
    int code = status == VD_OK ? ask(cli, &message)
                               : cli_fail(cli, VD_USAGE,
                                          "source %s: name, address, auth, labels or spec are too "
                                          "long",
                                          cli->arguments[1]);
    vd_buffer_free(&rows);
    return code;
}

int cli_source_add(cli_t *cli)
{
    int code = vd_status_exit_code(VD_USAGE);
    vd_buffer_t labels, spec;
    assert(cli->argument_count == 2);
    if (cli_value(cli, "address", "")[0] == 0)
        return cli_fail(cli, VD_USAGE, "where is %s? Give --address", cli->arguments[1]);
    if (!vd_name_valid(vd_str(cli->arguments[1])))
        return cli_fail(cli, VD_USAGE,
                        "source %s: a name is 1 to %d letters, digits or any of _ . - : # / @",
                        cli->arguments[1], VD_NAME_BYTES_MAX);
    vd_buffer_init(&labels, VD_SPEC_BYTES_MAX);
    vd_buffer_init(&spec, VD_SPEC_BYTES_MAX);
    if (cli_labels(cli, &labels) && take_spec(cli, &spec) && is_ours(cli, VD_EXISTS, &code))
        code = add(cli, vd_buffer_view(&labels), vd_buffer_view(&spec));
    vd_buffer_free(&labels);
    vd_buffer_free(&spec);
    return code;
}

int cli_source_rm(cli_t *cli)
{
    int code = 1;
    assert(cli->argument_count == 2);
    if (!is_ours(cli, VD_NOT_FOUND, &code))
        return code;
    vd_message_t message = {.id = VD_MESSAGE_SOURCE_REMOVE};
    message.source_remove.name = vd_str(cli->arguments[1]);
    return ask(cli, &message);
}
