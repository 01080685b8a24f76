/* cmd_emit.c: writes one event and tells where it stands once it is on disk. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    COMMIT_MS = 30000,
    JSON_BYTES_MAX = 4 * VD_EVENT_BYTES_MAX, /* JSON is longer than what it says */
};

static int read_stdin(cli_t *cli, vd_buffer_t *text)
{
    for (;;) {
        uint8_t *to = vd_buffer_reserve(text, 16384);
        if (to == NULL)
            return cli_fail(cli, VD_TOO_LARGE, "stdin: an event has at most %d bytes",
                            VD_EVENT_BYTES_MAX);
        ssize_t size = read(STDIN_FILENO, to, 16384);
        if (size == 0)
            return 0;
        if (size > 0)
            text->size += (size_t)size;
        else if (errno != EINTR)
            return cli_fail(cli, VD_IO, "stdin: %s", strerror(errno));
    }
}

/* The data of the event, from --data. Returns 0, or the exit code. */
static int read_data(cli_t *cli, vd_blob_t *data)
{
    const char *json = cli_value(cli, "data", "{}");
    bool from_stdin = strcmp(json, "-") == 0;
    vd_buffer_t text;
    vd_buffer_init(&text, JSON_BYTES_MAX);
    int code = from_stdin ? read_stdin(cli, &text) : 0;
    if (code == 0 && from_stdin && text.size == 0)
        code = cli_fail(cli, VD_USAGE, "--data -: stdin is empty; it has to be one JSON value");
    if (code == 0 && !from_stdin)
        vd_buffer_add(&text, json, strlen(json));
    if (code == 0 && vd_client_pack(cli->client, (const char *)text.data, text.size, data) != VD_OK)
        code = cli_fail(cli, VD_USAGE, "--data%s: %s", from_stdin ? " (stdin)" : "",
                        vd_client_error(cli->client));
    vd_buffer_free(&text);
    return code;
}

/* The session that was named: by the option, or by `vedette run` for its command. NULL: none. */
static const char *named_session(const cli_t *cli)
{
    const char *own = getenv("VEDETTE_SESSION");
    return cli_value(cli, "session", own != NULL && *own != 0 ? own : NULL);
}

/* The one that was named, or the newest active one. */
static int find_session(cli_t *cli, int timeout_ms, char *out, size_t size)
{
    const char *given = named_session(cli);
    if (given != NULL) {
        if (!vd_str_copy(out, size, vd_str(given)) || !vd_name_valid(vd_str(given)))
            return cli_fail(cli, VD_USAGE, "%s is not a session id", given);
        return 0;
    }
    vd_blob_t row;
    vd_session_record_t session;
    cli_await_start(cli);
    vd_status_t status = vd_client_session(cli->client, NULL, timeout_ms, &row);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    if (vd_record_decode(vd_bytes(row.data, row.size), VD_RECORD_session, &session) != VD_OK)
        return cli_fail(cli, VD_MALFORMED, "the ingestor's row of a session is not one");
    vd_str_copy(out, size, session.session);
    return 0;
}

static int print_receipt(const cli_t *cli, const char *session, const vd_receipt_t *receipt)
{
    bool before = receipt->status == VD_EXISTS;
    if (cli->output == CLI_TABLE)
        printf("%s:%" PRIu64 "%s\n", session, receipt->seq, before ? "  (stored before)" : "");
    else
        printf("{\"session\":\"%s\",\"seq\":%" PRIu64 "%s}\n", session, receipt->seq,
               before ? ",\"exists\":true" : "");
    return 0;
}

/* The session has ended: names the one that goes on from it. */
static int fail_closed(cli_t *cli, const char *session)
{
    vd_blob_t row;
    vd_session_record_t record;
    bool known =
        vd_client_session(cli->client, session, COMMIT_MS, &row) == VD_OK &&
        vd_record_decode(vd_bytes(row.data, row.size), VD_RECORD_session, &record) == VD_OK &&
        record.continued_by.size > 0;
    if (known)
        return cli_fail(cli, VD_SESSION_CLOSED, "session %s has ended; it goes on in %.*s", session,
                        (int)record.continued_by.size, (const char *)record.continued_by.data);
    return cli_fail(cli, VD_SESSION_CLOSED, "session %s has ended; see: vedette session ls",
                    session);
}

static int emit(cli_t *cli, vd_producer_t *producer, char *session, size_t session_size,
                vd_blob_t data, int timeout_ms)
{
    vd_status_t status = vd_producer_emit_record(producer, session, cli_value(cli, "record", NULL),
                                                 cli->arguments[0], data);
    if (status == VD_BAD_EVENT || status == VD_TOO_LARGE)
        return cli_fail(cli, VD_USAGE, "%s", vd_client_error(cli->client));
    if (status == VD_OK)
        status = vd_producer_flush(producer, timeout_ms);
    if (status == VD_UNKNOWN_SESSION)
        return cli_fail(cli, status, "there is no session '%s'; see: vedette session ls", session);
    if (status == VD_SESSION_CLOSED && named_session(cli) == NULL) {
        /* It was the newest one, and rolled meanwhile: nothing is stored of the event. */
        int code = find_session(cli, timeout_ms, session, session_size);
        return code != 0 ? code : emit(cli, producer, session, session_size, data, timeout_ms);
    }
    if (status == VD_SESSION_CLOSED)
        return fail_closed(cli, session);
    if (status == VD_TIMED_OUT)
        return cli_fail(cli, status, "%s; the event may still be stored",
                        vd_client_error(cli->client));
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_receipt_t receipt;
    vd_producer_receipt(producer, &receipt);
    return print_receipt(cli, session, &receipt);
}

int cmd_emit(cli_t *cli)
{
    char session[VD_NAME_BYTES_MAX + 1], name[VD_NAME_BYTES_MAX + 1];
    vd_blob_t data = {0};
    int64_t timeout_ms;
    if (!cli_duration(cli, "timeout", COMMIT_MS, &timeout_ms))
        return vd_status_exit_code(VD_USAGE);
    if (!vd_type_valid(vd_str(cli->arguments[0])))
        return cli_fail(cli, VD_USAGE, "'%s' is not an event type: 1 to %d of a-z A-Z 0-9 _ . -",
                        cli->arguments[0], VD_NAME_BYTES_MAX);
    const char *record = cli_value(cli, "record", NULL);
    if (record != NULL && !vd_name_valid(vd_str(record)))
        return cli_fail(cli, VD_USAGE, "--record %s: 1 to %d of a-z A-Z 0-9 _ . - : # / @", record,
                        VD_NAME_BYTES_MAX);
    int code = read_data(cli, &data);
    if (code == 0 && cli_actor_runs(cli, "ingestor", &code))
        code = find_session(cli, cli_wait_ms(timeout_ms), session, sizeof session);
    if (code != 0)
        return code;
    /* A name of its own: commands that run at the same time must not fence each other. */
    uint32_t salt = (uint32_t)cli_mono_ms();
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        salt ^= (uint32_t)cli_wall_ms();
    snprintf(name, sizeof name, "emit-%d-%08" PRIx32, (int)getpid(), salt);
    vd_producer_t *producer = NULL;
    vd_status_t status =
        vd_producer_open(&producer, cli->client, name, NULL, NULL, cli_wait_ms(timeout_ms));
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_producer_strict(producer, cli_has(cli, "strict"));
    code = emit(cli, producer, session, sizeof session, data, cli_wait_ms(timeout_ms));
    vd_producer_destroy(&producer);
    return code;
}
