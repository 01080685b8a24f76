/* runtime.c: questions to the runtime that several commands ask. */
#include "cli.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

vd_status_t cli_ask(cli_t *cli, const char *actor, const char *port, const vd_message_t *message,
                    bool once, int timeout_ms, vd_reply_t *reply)
{
    vd_buffer_t encoded;
    vd_buffer_init(&encoded, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    size_t header_size = 0;
    *reply = (vd_reply_t){0};
    vd_status_t status = vd_message_encode(message, &encoded, &header_size);
    if (status == VD_OK) {
        vd_request_t request = {.actor = actor, .port = port, .id = message->id, .once = once};
        request.body = encoded.data + header_size;
        request.body_size = encoded.size - header_size;
        status = vd_client_request(cli->client, &request, timeout_ms, reply);
    }
    vd_buffer_free(&encoded);
    return status;
}

vd_status_t cli_answer(const vd_reply_t *reply, uint16_t id, vd_message_t *answer)
{

    vd_buffer_t header;
    vd_buffer_init(&header, VD_HEADER_BYTES_MAX);
    vd_write_array(&header, 3);
    vd_write_u64(&header, VD_PROTOCOL_VERSION);
    vd_write_u64(&header, reply->id);
    vd_write_u64(&header, 0);
    vd_status_t status = header.full ? VD_NO_MEMORY : VD_OK;
    if (status == VD_OK)
        status =
            vd_message_decode(vd_buffer_view(&header), vd_bytes(reply->body.data, reply->body.size),
                              vd_bytes(reply->payload.data, reply->payload.size), answer);
    vd_buffer_free(&header);
    return status == VD_OK && answer->id != id ? VD_MALFORMED : status;
}

vd_status_t cli_children(cli_t *cli, vd_bytes_t *rows)
{
    vd_blob_t value;
    vd_status_t status =
        vd_client_get(cli->client, "supervisor", "control", "lifecycle", CLI_TIMEOUT_MS, &value);
    *rows = status == VD_OK ? vd_bytes(value.data, value.size) : vd_bytes(NULL, 0);
    return status;
}

bool cli_child(vd_bytes_t rows, const char *name, vd_child_record_t *child)
{
    vd_value_t array, row;
    if (!vd_value_of(rows, &array))
        return false;
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row))
        if (vd_record_decode(row.raw, VD_RECORD_child, child) == VD_OK &&
            vd_str_is(child->name, name))
            return true;
    return false;
}

vd_status_t cli_status(cli_t *cli, int timeout_ms, vd_reply_t *reply, vd_value_t *map)
{
    vd_message_t message = {.id = VD_MESSAGE_STATUS};
    vd_status_t status = cli_ask(cli, "supervisor", "control", &message, false, timeout_ms, reply);
    if (status == VD_OK && !vd_value_of(vd_bytes(reply->body.data, reply->body.size), map))
        status = VD_MALFORMED;
    return status;
}

void cli_trouble(cli_t *cli, const char *actor, const char *port, char *out, size_t size)
{
    enum { PONG_MS = 250 };
    assert(out != NULL && size > 0);
    vd_message_t ping = {.id = VD_MESSAGE_PING};
    vd_reply_t reply;
    vd_value_t map;
    out[0] = 0;
    if (cli_ask(cli, actor, port, &ping, false, PONG_MS, &reply) == VD_OK &&
        vd_value_of(vd_bytes(reply.body.data, reply.body.size), &map))
        cli_clean(vd_value_get_str(&map, "trouble"), out, size);
}

void cli_store_trouble(cli_t *cli, char *out, size_t size)
{
    cli_trouble(cli, "ingestor", "emit", out, size);
}

void cli_audit_trouble(cli_t *cli, char *out, size_t size)
{
    vd_bytes_t rows;
    vd_child_record_t child;
    out[0] = 0;
    if (cli_children(cli, &rows) == VD_OK && cli_child(rows, "auditor", &child) &&
        vd_str_is(child.state, "ready"))
        cli_trouble(cli, "auditor", "requests", out, size);
}

bool cli_actor_known(cli_t *cli, const char *name, const char *kind, int *exit_code)
{
    enum { NAMES_MAX = 128 };
    static char names[NAMES_MAX][VD_NAME_BYTES_MAX + 1];
    const char *list[NAMES_MAX];
    size_t count = 0;
    vd_bytes_t rows;
    vd_status_t status = cli_children(cli, &rows);
    if (status != VD_OK) {
        *exit_code = cli_fail_client(cli, status);
        return false;
    }
    vd_value_t array, row;
    vd_child_record_t child;
    vd_value_of(rows, &array);
    vd_bytes_t rest = array.bytes;
    while (count < NAMES_MAX && vd_value_next(&rest, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_child, &child) != VD_OK ||
            (kind != NULL && !vd_str_is(child.kind, kind) && !vd_str_is(child.name, name)))
            continue;
        if (vd_str_is(child.name, name) && kind != NULL && !vd_str_is(child.kind, kind)) {
            *exit_code = cli_fail(cli, VD_NOT_FOUND, "'%s' is no %s; see: vedette ps", name, kind);
            return false;
        }
        if (vd_str_is(child.name, name))
            return true;
        vd_str_copy(names[count], sizeof names[count], child.name);
        list[count] = names[count];
        count++;
    }
    const char *what = kind != NULL ? kind : "actor";
    const char *nearest = cli_nearest(name, list, count);
    if (nearest != NULL)
        *exit_code = cli_fail(cli, VD_NOT_FOUND, "there is no %s '%s'; did you mean %s?", what,
                              name, nearest);
    else
        *exit_code =
            cli_fail(cli, VD_NOT_FOUND, "there is no %s '%s'; see: vedette ps", what, name);
    return false;
}

bool cli_actor_runs(cli_t *cli, const char *name, int *exit_code)
{
    enum { LOOK_TIMEOUT_MS = 300 };
    vd_blob_t value;
    vd_child_record_t child;
    if (cli->offline.dir[0] != 0)
        return true;
    if (vd_client_get(cli->client, "supervisor", "control", "lifecycle", LOOK_TIMEOUT_MS, &value) !=
            VD_OK ||
        !cli_child(vd_bytes(value.data, value.size), name, &child))
        return true;
    /* One that is wanted up and has no process yet only waits for its turn. */
    if (vd_str_is(child.state, "stopped") && !vd_str_is(child.wanted, "up"))
        *exit_code =
            cli_fail(cli, VD_UNREACHABLE, "%s is stopped; start it: vedette start %s", name, name);
    else if (vd_str_is(child.state, "paused"))
        *exit_code = cli_fail(cli, VD_UNREACHABLE, "%s is paused; let it go on: vedette resume %s",
                              name, name);
    else if (vd_str_is(child.state, "failed"))
        *exit_code = cli_fail(cli, VD_UNREACHABLE,
                              "%s has failed: %.*s; see: vedette logs %s, vedette start %s", name,
                              (int)child.reason.size, (const char *)child.reason.data, name, name);
    else
        return true;
    return false;
}

void cli_await_start(cli_t *cli)
{
    enum { LOOK_TIMEOUT_MS = 2000, STARTS_IN_MS = 15000 };
    int64_t deadline = cli_mono_ms() + STARTS_IN_MS;
    vd_reply_t reply;
    vd_value_t map;
    if (cli->offline.dir[0] != 0)
        return;
    while (cli_status(cli, LOOK_TIMEOUT_MS, &reply, &map) == VD_OK &&
           vd_str_is(vd_value_get_str(&map, "state"), "starting") && cli_mono_ms() < deadline)
        usleep(10000);
}

bool cli_sibling(const cli_t *cli, const char *name, char *out, size_t size)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = 0;
    int written = snprintf(out, size, "%s/%s", self, name);
    if (written > 0 && (size_t)written < size && access(out, X_OK) == 0)
        return true;
    cli_fail(cli, VD_FAILED, "%s is not there; install Vedette as a whole", out);
    return false;
}

/* Has our child ended? Its exit code, or 1 after a signal. */
static bool has_ended(int pid, int *exit_code)
{
    int state = 0;
    if (pid <= 0 || waitpid(pid, &state, WNOHANG) != pid)
        return false;
    *exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 1;
    return true;
}

vd_status_t cli_wait_ready(cli_t *cli, int64_t timeout_ms, bool answers_only, int pid,
                           int *exit_code)
{
    assert(exit_code != NULL);
    int64_t deadline = cli_mono_ms() + timeout_ms;
    for (;;) {
        vd_reply_t reply;
        vd_value_t map;
        if (has_ended(pid, exit_code))
            return VD_FAILED;
        int64_t rest = deadline - cli_mono_ms();
        vd_status_t status = cli_status(cli,
                                        rest > 500 ? 500
                                        : rest > 0 ? (int)rest
                                                   : 0,
                                        &reply, &map);
        if (status == VD_OK) {
            vd_str_t state = vd_value_get_str(&map, "state");
            vd_str_t text = vd_value_get_str(&map, "text");
            if (answers_only || vd_str_is(state, "ready"))
                return VD_OK;
            if (vd_str_is(state, "failed")) {
                *exit_code =
                    cli_fail(cli, VD_FAILED, "the runtime has failed: %.*s; see: vedette ps",
                             (int)text.size, (const char *)text.data);
                return VD_FAILED;
            }
        } else if (status != VD_UNREACHABLE && status != VD_TIMED_OUT) {
            *exit_code = cli_fail_client(cli, status);
            return VD_FAILED;
        }
        if (cli_mono_ms() >= deadline)
            return status == VD_UNREACHABLE ? VD_UNREACHABLE : VD_TIMED_OUT;
        usleep(CLI_LOOK_MS * 1000);
    }
}
