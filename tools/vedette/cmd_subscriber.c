/* cmd_subscriber.c: `subscriber`: who follows, at which publisher and in which mode; pausing, resuming
 * and ending it. */
#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    PUBLISHERS_MAX = 64,
    ROWS_BYTES_MAX = 16 * VD_FRAME_BYTES_MAX,
};

typedef struct publishers {
    uint32_t count;
    char names[PUBLISHERS_MAX][VD_NAME_BYTES_MAX + 1];
} publishers_t;

static const cli_column_t columns[] = {
    {"NAME", "name", false, NULL},
    {"MODE", "mode", false, NULL},
    {"LAG", "lag", true, NULL},
    {"QUEUE", "queue", true, NULL},
    {"CREDIT", "credit", true, NULL},
    {"BATCH", "batch", true, NULL},
    {"BYTES", "bytes", true, cli_format_memory},
    {"DROPS", "drops", true, NULL},
    {"SINCE", "since_ms", true, cli_format_since},
    {"AT", "publisher", false, NULL},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

/* ---- who publishes ---- */

static bool has_streams(const vd_actor_record_t *actor)
{
    vd_value_t array, row;
    vd_endpoint_record_t endpoint;
    if (!vd_value_of(actor->endpoints, &array))
        return false;
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row))
        if (vd_record_decode(row.raw, VD_RECORD_endpoint, &endpoint) == VD_OK &&
            vd_str_is(endpoint.port, "streams"))
            return true;
    return false;
}

/* The ingestor, and whoever else has a port "streams". Without a broker the ingestor alone is
 * known. */
static void find_publishers(cli_t *cli, publishers_t *publishers)
{
    vd_blob_t blob;
    vd_value_t map, actors, row;
    vd_actor_record_t actor;
    int code = 0;
    publishers->count = 1;
    vd_str_copy(publishers->names[0], sizeof *publishers->names, vd_str("ingestor"));
    if (!cli_actor_runs(cli, "broker", &code) ||
        vd_client_get(cli->client, "broker", "control", "membership", CLI_TIMEOUT_MS, &blob) !=
            VD_OK ||
        !vd_value_of(vd_bytes(blob.data, blob.size), &map) ||
        !vd_value_get(&map, "actors", &actors))
        return;
    vd_bytes_t rest = actors.bytes;
    while (publishers->count < PUBLISHERS_MAX && vd_value_next(&rest, &row))
        if (vd_record_decode(row.raw, VD_RECORD_actor, &actor) == VD_OK && has_streams(&actor) &&
            !vd_str_is(actor.name, "ingestor"))
            vd_str_copy(publishers->names[publishers->count++], sizeof *publishers->names,
                        actor.name);
}

/* ---- their subscribers ---- */

static void write_row(vd_buffer_t *out, const char *publisher, const vd_subscriber_record_t *row)
{
    vd_write_map(out, 20);
    vd_write_pair_str(out, "name", row->name);
    vd_write_pair_text(out, "publisher", publisher);
    vd_write_pair_u64(out, "id", row->id);
    vd_write_pair_str(out, "streams", row->streams);
    vd_write_pair_str(out, "mode", row->mode);
    vd_write_pair_bool(out, "held", row->held);
    vd_write_pair_str(out, "session", row->session);
    vd_write_pair_str(out, "type", row->type);
    vd_write_pair_u64(out, "sent", row->sent);
    vd_write_pair_u64(out, "done", row->done);
    vd_write_pair_u64(out, "lag", row->lag);
    vd_write_pair_u64(out, "queue", row->queue);
    vd_write_pair_u64(out, "credit", row->credit_items);
    vd_write_pair_u64(out, "credit_bytes", row->credit_bytes);
    vd_write_pair_u64(out, "batch", row->batch);
    vd_write_pair_u64(out, "events", row->events);
    vd_write_pair_u64(out, "bytes", row->bytes);
    vd_write_pair_u64(out, "gaps", row->gaps);
    vd_write_pair_u64(out, "drops", row->drops);
    vd_write_pair_i64(out, "since_ms", row->since_ms);
}

typedef struct found {
    vd_buffer_t rows; /* maps, one behind the other */
    uint32_t count;
    uint64_t id; /* 0: any */
} found_t;

static void take_rows(found_t *found, const char *publisher, vd_bytes_t rows)
{
    vd_value_t array, row;
    vd_subscriber_record_t record;
    if (!vd_value_of(rows, &array))
        return;
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_subscriber, &record) != VD_OK ||
            (found->id != 0 && record.id != found->id))
            continue;
        write_row(&found->rows, publisher, &record);
        found->count++;
    }
}

/* Asks every publisher. One that does not answer is told on stderr; when it is the ingestor, that is
 * the end. */
static bool collect(cli_t *cli, const char *name, found_t *found, int *code)
{
    static publishers_t publishers;
    vd_message_t message = {.id = VD_MESSAGE_SUBSCRIBERS};
    message.subscribers.name = vd_str(name);
    if (!cli_actor_runs(cli, "ingestor", code))
        return false;
    find_publishers(cli, &publishers);
    for (uint32_t i = 0; i < publishers.count; i++) {
        vd_reply_t reply;
        vd_status_t status =
            cli_ask(cli, publishers.names[i], "streams", &message, false, CLI_TIMEOUT_MS, &reply);
        if (status == VD_OK) {
            take_rows(found, publishers.names[i], vd_bytes(reply.payload.data, reply.payload.size));
            continue;
        }
        *code = cli_fail_client(cli, status);
        if (i == 0)
            return false;
    }
    *code = 0;
    return true;
}

/* The rows as an array. */
static bool begin_found(cli_t *cli, found_t *found)
{
    vd_buffer_init(&found->rows, ROWS_BYTES_MAX);
    found->count = 0;
    return cli_number(cli, "id", 0, &found->id);
}

static bool close_array(const found_t *found, vd_buffer_t *out)
{
    vd_buffer_init(out, ROWS_BYTES_MAX + 8);
    vd_write_array(out, found->count);
    vd_write_raw(out, vd_buffer_view(&found->rows));
    return !found->rows.full && !out->full;
}

static int fail_unknown(cli_t *cli, const char *name)
{
    return cli_fail(cli, VD_NOT_FOUND, "no subscriber '%s' is there; see: vedette subscriber ls",
                    name);
}

static int list(cli_t *cli)
{
    found_t found;
    vd_buffer_t rows;
    int code = vd_status_exit_code(VD_USAGE);
    if (begin_found(cli, &found) && collect(cli, "", &found, &code)) {
        if (found.count == 0)
            cli_say(cli, "nobody follows");
        code = close_array(&found, &rows)
                   ? cli_print_rows(cli, vd_buffer_view(&rows), columns, COLUMNS)
                   : cli_fail(cli, VD_NO_MEMORY, "no memory");
        vd_buffer_free(&rows);
    }
    vd_buffer_free(&found.rows);
    return code;
}

static int show(cli_t *cli)
{
    const char *name = cli->arguments[1];
    found_t found;
    vd_buffer_t rows;
    vd_value_t row;
    int code = vd_status_exit_code(VD_USAGE);
    if (begin_found(cli, &found) && collect(cli, name, &found, &code)) {
        if (found.count == 0) {
            code = fail_unknown(cli, name);
        } else if (cli->output == CLI_TABLE) {
            vd_bytes_t rest = vd_buffer_view(&found.rows);
            for (uint32_t i = 0; vd_value_next(&rest, &row); i++) {
                if (i > 0)
                    putchar('\n');
                cli_print_tree(row.raw);
            }
        } else {
            close_array(&found, &rows);
            code = cli_print_rows(cli, vd_buffer_view(&rows), columns, COLUMNS);
            vd_buffer_free(&rows);
        }
    }
    vd_buffer_free(&found.rows);
    return code;
}

/* ---- steering ---- */

static int steer(cli_t *cli)
{
    static publishers_t publishers;
    const char *verb = cli->arguments[0], *name = cli->arguments[1];
    vd_message_t message = {.id = VD_MESSAGE_STEER};
    uint64_t id = 0;
    uint32_t steered = 0;
    int code = 0;
    if (!cli_number(cli, "id", 0, &id))
        return vd_status_exit_code(VD_USAGE);
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    message.steer.verb = vd_str(verb);
    message.steer.name = vd_str(name);
    message.steer.id = id;
    find_publishers(cli, &publishers);
    for (uint32_t i = 0; i < publishers.count; i++) {
        vd_reply_t reply;
        vd_status_t status =
            cli_ask(cli, publishers.names[i], "streams", &message, false, CLI_TIMEOUT_MS, &reply);
        if (status == VD_OK)
            steered++;
        else if (status != VD_NOT_FOUND)
            code = cli_fail_client(cli, status);
    }
    if (steered == 0 && code == 0)
        return fail_unknown(cli, name);
    if (steered > 0)
        cli_say(cli, "subscriber %s: %s", name,
                strcmp(verb, "pause") == 0    ? "paused"
                : strcmp(verb, "resume") == 0 ? "goes on"
                                              : "ended");
    return code;
}

/* ---- positions ---- */

static int list_positions(cli_t *cli)
{
    static const cli_column_t position_columns[] = {
        {"NAME", "name", false, NULL},
        {"COMMIT", "index", true, NULL},
        {"LAG", "lag", true, NULL},
        {"SESSION", "session", false, NULL},
        {"SAVED", "saved_ms", true, cli_format_since},
    };
    vd_blob_t blob;
    vd_value_t rows;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    vd_status_t status =
        vd_client_get(cli->client, "ingestor", "read", "positions", CLI_TIMEOUT_MS, &blob);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (vd_value_of(vd_bytes(blob.data, blob.size), &rows) && rows.count == 0)
        cli_say(cli, "no position is kept");
    return cli_print_rows(cli, vd_bytes(blob.data, blob.size), position_columns,
                          sizeof position_columns / sizeof *position_columns);
}

static int forget(cli_t *cli)
{
    vd_message_t message = {.id = VD_MESSAGE_SAVE_POSITION};
    vd_reply_t reply;
    int code = 0;
    if (!cli_actor_runs(cli, "ingestor", &code))
        return code;
    message.save_position.name = vd_str(cli->arguments[1]);
    vd_status_t status = cli_ask(cli, "ingestor", "read", &message, true, CLI_TIMEOUT_MS, &reply);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    cli_say(cli, "position %s: forgotten", cli->arguments[1]);
    return 0;
}

int cmd_subscriber(cli_t *cli)
{
    static const cli_verb_t verbs[] = {
        {"ls", "", 0, 0, false, list},          {"show", "NAME", 1, 1, false, show},
        {"pause", "NAME", 1, 1, true, steer},   {"resume", "NAME", 1, 1, true, steer},
        {"kick", "NAME", 1, 1, true, steer},    {"positions", "", 0, 0, false, list_positions},
        {"forget", "NAME", 1, 1, true, forget},
    };
    return cli_run_verb(cli, verbs, sizeof verbs / sizeof *verbs);
}
