/* cmd_history.c: `history`: what an observer told from cycle to cycle, and what it tells. */
#include "cli.h"

#include "client/vedette_handle.h"

#include <inttypes.h>
#include <stdio.h>

enum { LOOK_OUT_MS = 500 }; /* between looks whether stdout is still read */

typedef struct history {
    cli_t *cli;
    vd_handle_t *handle;
    cli_events_t events;
    vd_buffer_t line;
    uint64_t wanted, deltas;
    bool follows;
} history_t;

/* The delta as one map: where it is, what it is, and all that it says. */
static const char *json_of(history_t *self, const vd_handle_delta_t *delta)
{
    vd_buffer_t *line = &self->line;
    vd_value_t map;
    bool snapshot = delta->kind == VD_HANDLE_SNAPSHOT;
    vd_buffer_clear(line);
    if (!vd_value_of(vd_bytes(delta->raw.data, delta->raw.size), &map))
        return NULL;
    vd_write_map(line, map.count + (snapshot ? 3 : 1));
    vd_write_pair_text(line, "cursor", delta->cursor);
    if (snapshot) {
        vd_write_pair_text(line, "kind", "snapshot");
        vd_write_pair_text(line, "why", vd_client_status_name(delta->why));
    }
    vd_write_raw(line, map.bytes);
    return line->full ? NULL
                      : vd_client_json(self->cli->client, (vd_blob_t){line->data, line->size});
}

static void tell_error(const history_t *self)
{
    vd_handle_error_t error;
    char text[1024];
    if (vd_handle_last_error(self->handle, &error) != VD_OK)
        return;
    cli_clean(vd_str(error.text), text, sizeof text);
    cli_say(self->cli, "%s %s: %s%s", error.at, error.stage, text,
            error.recovered_age_ms >= 0 ? " (it is over)" : "");
}

/* For eyes: the events alone; what else happens is told on stderr. */
static void print_rows(history_t *self, const vd_handle_delta_t *delta)
{
    vd_follow_event_t event;
    if (delta->kind == VD_HANDLE_ERROR)
        tell_error(self);
    else if (delta->kind == VD_HANDLE_SNAPSHOT)
        cli_say(self->cli,
                "%s: what was told before cycle %" PRIu64
                " is not held; its events: vedette follow",
                vd_client_status_text(delta->why), delta->cycle + 1);
    while (vd_handle_next_event(self->handle, &event) == VD_OK)
        cli_events_print(&self->events, &event, NULL);
}

static void print(history_t *self, const vd_handle_delta_t *delta)
{
    vd_follow_event_t none = {.ts = "", .type = ""};
    self->deltas++;
    if (self->cli->output == CLI_TABLE)
        print_rows(self, delta);
    else
        cli_events_print(&self->events, &none, json_of(self, delta));
}

static int run(history_t *self)
{
    bool told = false;
    int64_t silent_ms = 0;
    while (self->deltas < self->wanted) {
        vd_handle_delta_t delta;
        vd_status_t status =
            cli_interrupted() ? VD_CANCELLED : vd_handle_next(self->handle, 0, &delta);
        if (status == VD_TIMED_OUT) {
            fflush(stdout);
            status = vd_handle_next(self->handle, LOOK_OUT_MS, &delta);
        }
        if (!cli_stdout_open() || status == VD_CANCELLED || status == VD_NOT_FOUND)
            return 0;
        if (status == VD_OK) {
            told = false;
            silent_ms = 0;
            print(self, &delta);
            continue;
        }
        silent_ms += LOOK_OUT_MS;
        bool gone = status == VD_NOT_READY || status == VD_UNREACHABLE;
        if (status != VD_TIMED_OUT && (!gone || !self->follows))
            return cli_fail_client(self->cli, status);
        if (!self->follows && silent_ms >= CLI_TIMEOUT_MS)
            return cli_fail(self->cli, VD_TIMED_OUT, "%s does not answer; see: vedette ps",
                            vd_handle_observer(self->handle));
        if (gone && !told)
            cli_say(self->cli, "%s; waiting for it", vd_client_error(self->cli->client));
        told = told || gone;
    }
    return 0;
}

int cmd_history(cli_t *cli)
{
    history_t self = {.cli = cli, .follows = cli_has(cli, "follow")};
    vd_handle_options_t options = {.after = cli_value(cli, "after", ""),
                                   .until_head = !self.follows};
    const char *observer = cli->arguments[0];
    int code = 0;
    if (!cli_number(cli, "count", UINT64_MAX, &self.wanted))
        return vd_status_exit_code(VD_USAGE);
    if (!cli_actor_known(cli, observer, "observer", &code) ||
        (!self.follows && !cli_actor_runs(cli, observer, &code)))
        return code;
    cli_catch_signals();
    vd_status_t status = vd_handle_new(&self.handle, cli->client, observer, &options);
    if (status != VD_OK)
        return cli_fail_client(cli, status);
    vd_buffer_init(&self.line, VD_FRAME_BYTES_MAX);
    cli_events_begin(&self.events, cli, cli_has(cli, "full"), false);
    code = run(&self);
    cli_events_end(&self.events);
    if (code == 0 && cli->output == CLI_TABLE)
        cli_say(cli, "%s; go on with --after %s", CLI_COUNT(self.deltas, "delta"),
                vd_handle_cursor(self.handle));
    vd_buffer_free(&self.line);
    vd_handle_destroy(&self.handle);
    return code;
}
