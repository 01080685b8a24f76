/* client.c: a client, its directories, its errors, its sockets, and JSON for its values. */
#include "client/client_impl.h"
#include "wire/address.h"
#include "wire/run.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    JSON_BYTES_MAX = 16 * VD_FRAME_BYTES_MAX, /* base64 and escapes make a value longer */
    ROW_SHOWN_BYTES = 200,                    /* of what stands in VEDETTE_ENDPOINTS, in an error */
    RECONNECT_MS = 10,
    RECONNECT_MS_MAX = 50, /* an ingestor is back within a tenth of a second */
    /* On tcp: an end that is gone without a word is noticed. */
    CONNECT_MS = 2000,
    UNACKED_MS = 5000,
    KEEPALIVE_S = 2,
    KEEPALIVE_AGAIN_S = 1,
    KEEPALIVES = 3,
};

const char *vd_client_status_name(vd_status_t status)
{
    return vd_status_name(status);
}

const char *vd_client_status_text(vd_status_t status)
{
    return vd_status_text(status);
}

const char *vd_client_version(void)
{
    return VD_VERSION;
}

vd_status_t vd_client_use_endpoint(vd_client_t *self, const char *actor, const char *port,
                                   const char *endpoint)
{
    assert(self != NULL);
    vd_route_t route = {0};
    char text[VD_TEXT_BYTES_MAX];
    int size = snprintf(route.name, sizeof route.name, "%s.%s", actor != NULL ? actor : "",
                        port != NULL ? port : "");
    if (actor == NULL || port == NULL || !vd_name_valid(vd_str(actor)) ||
        !vd_name_valid(vd_str(port)) || size >= (int)sizeof route.name)
        return vd_client_fail(self, VD_USAGE, "'%s' is not the port of an actor, ACTOR.PORT",
                              route.name);
    if (vd_address_check(endpoint != NULL ? endpoint : "", false, text, sizeof text) != VD_OK)
        return vd_client_fail(self, VD_USAGE, "%s: %s", route.name, text);
    vd_str_copy(route.endpoint, sizeof route.endpoint, vd_str(endpoint));
    uint32_t at = 0;
    while (at < self->route_count && strcmp(self->routes[at].name, route.name) != 0)
        at++;
    if (at == VD_CLIENT_ROUTES_MAX)
        return vd_client_fail(self, VD_USAGE,
                              "%s: a client has at most %d endpoints of its own; leave some out",
                              route.name, VD_CLIENT_ROUTES_MAX);
    self->routes[at] = route;
    self->route_count += at == self->route_count;
    return VD_OK;
}

/* One row of VEDETTE_ENDPOINTS. */
static vd_status_t use_row(vd_client_t *self, vd_str_t text)
{
    char row[sizeof self->routes[0].name + VD_ENDPOINT_BYTES_MAX + 1];
    char *equals = NULL, *dot = NULL;
    if (vd_str_copy(row, sizeof row, text))
        equals = strchr(row, '=');
    if (equals != NULL)
        dot = memrchr(row, '.', (size_t)(equals - row));
    if (dot == NULL)
        return vd_client_fail(self, VD_USAGE, "'%.*s' is not of the form ACTOR.PORT=ENDPOINT",
                              text.size < ROW_SHOWN_BYTES ? (int)text.size : ROW_SHOWN_BYTES,
                              (const char *)text.data);
    *dot = *equals = 0;
    return vd_client_use_endpoint(self, row, dot + 1, equals + 1);
}

/* Takes VEDETTE_ENDPOINTS: rows ACTOR.PORT=ENDPOINT with commas or blanks between them. */
static vd_status_t use_environment(vd_client_t *self)
{
    static const char between[] = ", \t\r\n";
    const char *rest = getenv("VEDETTE_ENDPOINTS");
    vd_status_t status = VD_OK;
    while (rest != NULL && status == VD_OK && *(rest += strspn(rest, between)) != 0) {
        size_t size = strcspn(rest, between);
        status = use_row(self, vd_bytes(rest, size));
        rest += size;
    }
    return status == VD_OK
               ? VD_OK
               : vd_client_fail(self, status, "VEDETTE_ENDPOINTS: %s", vd_client_error(self));
}

vd_client_t *vd_client_new(const char *dir)
{
    vd_client_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->dir_given = dir != NULL && *dir != 0;
    self->paths_status = vd_paths_resolve(dir, &self->paths, self->error, sizeof self->error);
    if (self->paths_status == VD_OK)
        self->paths_status = use_environment(self);
    memcpy(self->paths_error, self->error, sizeof self->paths_error);
    vd_buffer_init(&self->out, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&self->json, JSON_BYTES_MAX);
    vd_buffer_init(&self->pack, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&self->rows, VD_FRAME_BYTES_MAX);
    vd_buffer_init(&self->seen, VD_FRAME_BYTES_MAX);
    return self;
}

static void drop_frames(vd_client_t *self)
{
    for (uint32_t i = 0; i < self->frame_count; i++)
        zmq_msg_close(&self->frames[i]);
    self->frame_count = 0;
}

void vd_client_destroy(vd_client_t **self_p)
{
    assert(self_p != NULL);
    vd_client_t *self = *self_p;
    if (self == NULL)
        return;
    assert(self->engines == NULL); /* law 5 of vedette.h */
    drop_frames(self);
    for (size_t i = 0; i < VD_CLIENT_LINKS_MAX; i++)
        if (self->links[i].socket != NULL)
            zmq_close(self->links[i].socket);
    if (self->context != NULL)
        while (zmq_ctx_term(self->context) != 0 && errno == EINTR)
            continue;
    vd_effects_destroy(&self->effects);
    vd_buffer_free(&self->out);
    vd_buffer_free(&self->json);
    vd_buffer_free(&self->pack);
    vd_buffer_free(&self->rows);
    vd_buffer_free(&self->seen);
    free(self);
    *self_p = NULL;
}

const char *vd_client_error(const vd_client_t *self)
{
    return self->error;
}

const char *vd_client_new_session_id(vd_client_t *self)
{
    uint64_t random = 0;
    vd_now_t now = vd_client_now();
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint64_t)now.mono_us * 0x9e3779b97f4a7c15u;
    vd_session_id_next(&self->session_ids, now.wall_ms, random, self->session_id);
    return self->session_id;
}

const char *vd_client_run_dir(const vd_client_t *self)
{
    return self->paths.run;
}

const char *vd_client_store_dir(const vd_client_t *self)
{
    return self->paths.store;
}

const char *vd_client_log_dir(const vd_client_t *self)
{
    return self->paths.logs;
}

vd_status_t vd_client_fail(vd_client_t *self, vd_status_t status, const char *format, ...)
{
    assert(status != VD_OK && format != NULL);
    char text[sizeof self->error]; /* an argument may be the old text */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(self->error, text, sizeof text);
    return status;
}

int64_t vd_client_mono_us(void)
{
    struct timespec mono;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    return (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000;
}

vd_now_t vd_client_now(void)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (vd_now_t){.mono_us = vd_client_mono_us(),
                      .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000};
}

int64_t vd_client_deadline_us(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : vd_client_mono_us() + (int64_t)timeout_ms * 1000;
}

int vd_client_rest_ms(int64_t deadline_us)
{
    if (deadline_us == INT64_MAX)
        return -1;
    int64_t rest_ms = (deadline_us - vd_client_mono_us() + 999) / 1000;
    return rest_ms < 0 ? 0 : rest_ms < INT_MAX ? (int)rest_ms : INT_MAX;
}

vd_status_t vd_client_endpoint(vd_client_t *self, const char *actor, const char *port,
                               char out[VD_ENDPOINT_BYTES_MAX + 1])
{
    if (self->paths_status != VD_OK)
        return vd_client_fail(self, self->paths_status, "%s", self->paths_error);
    if (actor == NULL || port == NULL || !vd_name_valid(vd_str(actor)) ||
        strchr(actor, '/') != NULL)
        return vd_client_fail(self, VD_USAGE, "'%s' is not the name of an actor",
                              actor != NULL ? actor : "");
    char name[sizeof self->routes[0].name];
    snprintf(name, sizeof name, "%s.%s", actor, port);
    for (uint32_t i = 0; i < self->route_count; i++)
        if (strcmp(self->routes[i].name, name) == 0) {
            memcpy(out, self->routes[i].endpoint, sizeof self->routes[i].endpoint);
            return VD_OK;
        }
    size_t size = strlen(self->paths.run) + strlen(actor) + strlen(port) + 2;
    if (size > VD_IPC_PATH_BYTES_MAX)
        return vd_client_fail(self, VD_USAGE, "%s/%s.%s: a socket's path has at most %d bytes",
                              self->paths.run, actor, port, VD_IPC_PATH_BYTES_MAX);
    vd_paths_endpoint(&self->paths, actor, port, out);
    return VD_OK;
}

/* Does somebody accept at this endpoint? Other transports than ipc cannot be told without talking:
 * yes. */
static bool accepts(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return true;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!vd_str_copy(address.sun_path, sizeof address.sun_path, vd_str(endpoint + 6)))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    bool yes = rc == 0 || errno == EAGAIN; /* EAGAIN: its queue is full, so it is there */
    close(fd);
    return yes;
}

vd_status_t vd_client_probe(vd_client_t *self, const char *endpoint)
{
    if (accepts(endpoint))
        return VD_OK;
    char supervisor[VD_ENDPOINT_BYTES_MAX + 1];
    vd_paths_endpoint(&self->paths, "supervisor", "control", supervisor);
    return accepts(supervisor) ? VD_NOT_READY : VD_UNREACHABLE;
}

vd_status_t vd_client_unreachable(vd_client_t *self)
{
    if (access(self->paths.run, X_OK) != 0 && errno == EACCES)
        return vd_client_fail(self, VD_UNREACHABLE,
                              "%s is not open to this user: use the one that runs the runtime, or "
                              "another --dir",
                              self->paths.run);
    return vd_client_fail(self, VD_UNREACHABLE, "no runtime in %s; start one: vedette up%s%s",
                          self->paths.run, self->dir_given ? " --dir " : "",
                          self->dir_given ? self->paths.dir : "");
}

static void set_int(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(rc == 0);
    (void)rc;
}

void *vd_client_socket(vd_client_t *self, int type)
{
    if (self->context == NULL) {
        self->context = zmq_ctx_new();
        if (self->context != NULL)
            zmq_ctx_set(self->context, ZMQ_BLOCKY, 0);
    }
    void *socket = self->context != NULL ? zmq_socket(self->context, type) : NULL;
    if (socket == NULL) {
        vd_client_fail(self, VD_FAILED, "cannot make a socket: %s", zmq_strerror(errno));
        return NULL;
    }
    set_int(socket, ZMQ_SNDHWM, VD_SOCKET_HWM);
    set_int(socket, ZMQ_RCVHWM, VD_SOCKET_HWM);
    set_int(socket, ZMQ_SNDTIMEO, VD_SEND_TIMEOUT_MS);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX);
    set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
    set_int(socket, ZMQ_TCP_MAXRT, UNACKED_MS);
    set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_S);
    set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_AGAIN_S);
    set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVES);
    int64_t bytes_max = VD_FRAME_BYTES_MAX;
    int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max);
    assert(rc == 0);
    (void)rc;
    return socket;
}

int vd_client_receive(void *socket, zmq_msg_t *frames, int room)
{
    int count = 0;
    bool more = true;
    bool too_long = false;
    while (more) {
        zmq_msg_t spare;
        zmq_msg_t *frame = count < room ? &frames[count] : &spare;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            break; /* there is none: the parts of a message arrive together */
        }
        more = zmq_msg_more(frame) != 0;
        if (frame == &spare) {
            too_long = true;
            zmq_msg_close(frame);
        } else {
            count++;
        }
    }
    if (!too_long)
        return count;
    for (int i = 0; i < count; i++)
        zmq_msg_close(&frames[i]);
    return -1;
}

vd_bytes_t vd_client_frame(zmq_msg_t *frame)
{
    return vd_bytes(zmq_msg_data(frame), zmq_msg_size(frame));
}

const char *vd_client_json(vd_client_t *self, vd_blob_t value)
{
    vd_bytes_t bytes = vd_bytes(value.data, value.size);
    if (vd_scan_exact(bytes, VD_DEPTH_MAX) != VD_OK)
        return NULL;
    vd_buffer_clear(&self->json);
    vd_value_json(&self->json, bytes);
    return vd_buffer_add(&self->json, "", 1) ? (const char *)self->json.data : NULL;
}

vd_status_t vd_client_pack(vd_client_t *self, const char *json, size_t size, vd_blob_t *value)
{
    char text[VD_TEXT_BYTES_MAX + 1] = "";
    vd_buffer_clear(&self->pack);
    vd_status_t status = vd_json_parse(vd_bytes(json, size), &self->pack, text, sizeof text);
    if (status != VD_OK)
        return vd_client_fail(self, status, "%s", text[0] != 0 ? text : vd_status_text(status));
    if (self->pack.full)
        return vd_client_fail(self, VD_TOO_LARGE, "the JSON value is over %d bytes",
                              VD_FRAME_BYTES_MAX);
    *value = (vd_blob_t){self->pack.data, self->pack.size};
    return VD_OK;
}
