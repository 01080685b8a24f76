#include "chaos/world.h"

#include "chaos/script.h"
#include "vedette/text.h"
#include "wire/message.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_LOOK_MS = 5000, ASK_MS = 2000 };

vd_status_t chaos_place(const char *dir, vd_paths_t *paths, char *place, size_t size, char *error)
{
    vd_status_t status = vd_paths_resolve(dir, paths, error, CHAOS_ERROR_BYTES);
    if (status != VD_OK)
        return status;
    const char *slash = strrchr(paths->sources, '/');
    assert(slash != NULL);
    snprintf(place, size, "%.*s/chaos", (int)(slash - paths->sources), paths->sources);
    return VD_OK;
}

/* ---- what is told ---- */

static chaos_actor_t *row_of(chaos_world_t *self, vd_str_t name)
{
    for (size_t i = 0; i < self->count; i++)
        if (vd_str_is(name, self->actors[i].name))
            return &self->actors[i];
    return NULL;
}

static void take_child(chaos_world_t *self, vd_bytes_t raw)
{
    vd_child_record_t child;
    if (vd_record_decode(raw, VD_RECORD_child, &child) != VD_OK)
        return;
    chaos_actor_t *row = row_of(self, child.name);
    if (vd_str_is(child.state, "gone")) {
        if (row != NULL)
            *row = self->actors[--self->count];
        return;
    }
    if (row == NULL && self->count < CHAOS_ACTORS_MAX) {
        row = &self->actors[self->count++];
        *row = (chaos_actor_t){0};
        vd_str_copy(row->name, sizeof row->name, child.name);
    }
    if (row == NULL)
        return;
    vd_str_copy(row->kind, sizeof row->kind, child.kind);
    vd_str_copy(row->state, sizeof row->state, child.state);
    vd_str_copy(row->reason, sizeof row->reason, child.reason);
    row->wanted = vd_str_is(child.wanted, "up");
    row->pid = child.pid;
    row->restarts = child.restarts;
}

static void take(chaos_world_t *self, vd_blob_t value, bool snapshot)
{
    vd_value_t array, row;
    if (!snapshot) {
        take_child(self, vd_bytes(value.data, value.size));
        return;
    }
    if (!vd_value_of(vd_bytes(value.data, value.size), &array))
        return;
    self->count = 0;
    vd_bytes_t rest = array.bytes;
    while (vd_value_next(&rest, &row))
        take_child(self, row.raw);
}

void chaos_world_look(chaos_world_t *self, int wait_ms)
{
    enum { ITEMS_MAX = 256 };
    double begun_ms = chaos_now_ms();
    vd_blob_t value;
    int snapshot = 0;
    vd_status_t status = vd_watch_next(self->watch, wait_ms, &value, &snapshot);
    for (int i = 0; status == VD_OK && i < ITEMS_MAX; i++) {
        take(self, value, snapshot != 0);
        status = vd_watch_next(self->watch, 0, &value, &snapshot);
    }
    /* Without a runtime there is nothing to wait for, and it says so at once. */
    double left_ms = wait_ms - (chaos_now_ms() - begun_ms);
    if (status != VD_OK && status != VD_TIMED_OUT && left_ms > 0)
        usleep((useconds_t)(left_ms * 1000));
}

void chaos_world_ask(chaos_world_t *self)
{
    enum { BETWEEN_MS = 20, ANSWER_MS = 20 };
    vd_blob_t value;
    if (chaos_now_ms() - self->asked_ms < BETWEEN_MS)
        return;
    if (vd_client_get(self->client, "supervisor", "control", "lifecycle", ANSWER_MS, &value) ==
        VD_OK)
        take(self, value, true);
    self->asked_ms = chaos_now_ms();
}

const chaos_actor_t *chaos_world_actor(const chaos_world_t *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->actors[i].name, name) == 0)
            return &self->actors[i];
    return NULL;
}

void chaos_world_unknown(const chaos_world_t *self, const char *name, char *out, size_t size)
{
    const char *names[CHAOS_ACTORS_MAX];
    for (size_t i = 0; i < self->count; i++)
        names[i] = self->actors[i].name;
    const char *nearest = cli_nearest(name, names, self->count);
    snprintf(out, size, "there is no actor %s%s%s%s", name,
             nearest != NULL ? "; did you mean " : "; see: vedette ps",
             nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

/* ---- questions ---- */

static vd_status_t ask(chaos_world_t *self, const char *actor, const char *port,
                       const vd_message_t *message, int timeout_ms, vd_reply_t *reply)
{
    vd_buffer_t encoded;
    size_t header_size = 0;
    vd_buffer_init(&encoded, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    vd_status_t status = vd_message_encode(message, &encoded, &header_size);
    if (status == VD_OK) {
        vd_request_t request = {.actor = actor, .port = port, .id = message->id};
        request.body = encoded.data + header_size;
        request.body_size = encoded.size - header_size;
        status = vd_client_request(self->client, &request, timeout_ms, reply);
    }
    vd_buffer_free(&encoded);
    return status;
}

bool chaos_world_status(chaos_world_t *self, int timeout_ms)
{
    vd_message_t message = {.id = VD_MESSAGE_STATUS};
    vd_reply_t reply;
    vd_value_t map;
    if (ask(self, "supervisor", "control", &message, timeout_ms, &reply) != VD_OK ||
        !vd_value_of(vd_bytes(reply.body.data, reply.body.size), &map))
        return false;
    self->supervisor = vd_value_get_u64(&map, "pid", 0);
    self->ready = vd_str_is(vd_value_get_str(&map, "state"), "ready");
    self->stopping = vd_str_is(vd_value_get_str(&map, "state"), "stopping");
    return true;
}

bool chaos_world_port(const chaos_world_t *self, const char *actor, size_t *at, const char **port)
{
    static const char *const ports[] = {"control", "requests", "emit", "read"};
    while (*at < sizeof ports / sizeof *ports) {
        char path[VD_ENDPOINT_BYTES_MAX + 1];
        *port = ports[(*at)++];
        vd_paths_endpoint(&self->paths, actor, *port, path);
        if (strncmp(path, "ipc://", 6) == 0 && access(path + 6, F_OK) == 0)
            return true;
    }
    return false;
}

bool chaos_world_answers(chaos_world_t *self, const char *actor, int timeout_ms)
{
    vd_message_t message = {.id = VD_MESSAGE_PING};
    vd_reply_t reply;
    size_t at = 0;
    const char *port;
    if (!chaos_world_port(self, actor, &at, &port))
        return true; /* it has none: nobody asks it anything */
    return ask(self, actor, port, &message, timeout_ms, &reply) == VD_OK;
}

void chaos_world_trouble(chaos_world_t *self, const char *actor, char *out, size_t size)
{
    vd_message_t message = {.id = VD_MESSAGE_PING};
    vd_reply_t reply;
    vd_value_t map;
    size_t at = 0;
    const char *port;
    out[0] = 0;
    if (chaos_world_port(self, actor, &at, &port) &&
        ask(self, actor, port, &message, ASK_MS, &reply) == VD_OK &&
        vd_value_of(vd_bytes(reply.body.data, reply.body.size), &map))
        vd_str_copy(out, size, vd_value_get_str(&map, "trouble"));
}

bool chaos_world_metric(chaos_world_t *self, const char *actor, const char *name, int timeout_ms,
                        uint64_t *value)
{
    size_t at = 0;
    const char *port;
    vd_blob_t blob;
    vd_value_t map, found;
    if (!chaos_world_port(self, actor, &at, &port) ||
        vd_client_get(self->client, actor, port, "metrics", timeout_ms, &blob) != VD_OK ||
        !vd_value_of(vd_bytes(blob.data, blob.size), &map) || !vd_value_get(&map, name, &found))
        return false;
    *value = vd_value_u64(&found, 0);
    return true;
}

vd_status_t chaos_world_control(chaos_world_t *self, const char *verb, const char *actor)
{
    vd_message_t message = {.id = VD_MESSAGE_CONTROL};
    vd_reply_t reply;
    message.control.verb = vd_str(verb);
    message.control.actor = vd_str(actor);
    return ask(self, "supervisor", "control", &message, ASK_MS, &reply);
}

/* ---- open and close ---- */

vd_status_t chaos_world_open(chaos_world_t *self, vd_client_t *client, const char *dir, char *error)
{
    *self = (chaos_world_t){.client = client};
    vd_status_t status = chaos_place(dir, &self->paths, self->place, sizeof self->place, error);
    if (status != VD_OK)
        return status;
    status = vd_watch_new(&self->watch, client, "supervisor", "control", "lifecycle", "lifecycle");
    double begun_ms = chaos_now_ms();
    while (status == VD_OK && self->count == 0) {
        vd_blob_t value;
        int snapshot = 0;
        status = vd_watch_next(self->watch, FIRST_LOOK_MS, &value, &snapshot);
        if (status == VD_OK)
            take(self, value, snapshot != 0);
        if (chaos_now_ms() - begun_ms > FIRST_LOOK_MS)
            status = VD_TIMED_OUT;
    }
    if (status == VD_OK && !chaos_world_status(self, FIRST_LOOK_MS))
        status = VD_TIMED_OUT;
    if (status != VD_OK)
        snprintf(error, CHAOS_ERROR_BYTES, "%s", vd_client_error(client));
    return status;
}

void chaos_world_close(chaos_world_t *self)
{
    vd_watch_destroy(&self->watch);
}
