/* request.c: one request and its one answer, and the questions that are made of it. */
#include "client/client_impl.h"

#include <assert.h>
#include <errno.h>

enum {
    AGAIN_MS = 300, /* silence before a request is sent again; doubles */
    AGAIN_MS_MAX = 3000,
    STOOD_US = 1000000, /* later than this at the end of a wait: the process stood still */
    LOOK_MS = 20,       /* between looks whether a process that is being started accepts */
    ROWS_PAGE = VD_SESSION_ROWS_MAX,
};

/* The socket of an endpoint, kept or new; a new one takes the place of the oldest. */
static vd_link_t *link_to(vd_client_t *self, const char *endpoint, bool fresh)
{
    vd_link_t *link = NULL;
    for (size_t i = 0; i < VD_CLIENT_LINKS_MAX; i++)
        if (self->links[i].socket != NULL && strcmp(self->links[i].endpoint, endpoint) == 0)
            link = &self->links[i];
    if (link != NULL && !fresh)
        return link;
    if (link == NULL)
        link = &self->links[self->link_turn++ % VD_CLIENT_LINKS_MAX];
    if (link->socket != NULL)
        zmq_close(link->socket);
    *link = (vd_link_t){.type = ZMQ_DEALER};
    link->socket = vd_client_socket(self, ZMQ_DEALER);
    if (link->socket == NULL)
        return NULL;
    vd_str_copy(link->endpoint, sizeof link->endpoint, vd_str(endpoint));
    if (zmq_connect(link->socket, endpoint) != 0) {
        vd_client_fail(self, VD_IO, "cannot connect to %s: %s", endpoint, zmq_strerror(errno));
        zmq_close(link->socket);
        *link = (vd_link_t){0};
        return NULL;
    }
    return link;
}

static bool send_request(vd_client_t *self, void *socket, const vd_request_t *request)
{
    vd_buffer_clear(&self->out);
    vd_write_array(&self->out, 3);
    vd_write_u64(&self->out, VD_PROTOCOL_VERSION);
    vd_write_u64(&self->out, request->id);
    vd_write_u64(&self->out, self->correlation);
    static const uint8_t empty_map = 0x80;
    const void *body = request->body_size > 0 ? request->body : &empty_map;
    size_t size = request->body_size > 0 ? request->body_size : 1;
    return zmq_send(socket, self->out.data, self->out.size, ZMQ_SNDMORE) >= 0 &&
           zmq_send(socket, body, size, 0) >= 0;
}

static void drop_answer(vd_client_t *self)
{
    for (uint32_t i = 0; i < self->frame_count; i++)
        zmq_msg_close(&self->frames[i]);
    self->frame_count = 0;
}

/* Reads version, id and correlation; what the body means is the caller's, so unknown messages pass
 * too. */
static bool read_header(vd_bytes_t frame, uint16_t *id, uint64_t *correlation)
{
    vd_value_t header, version, number, reference;
    if (frame.size > VD_HEADER_BYTES_MAX || vd_scan_exact(frame, VD_DEPTH_MAX) != VD_OK ||
        !vd_value_of(frame, &header) || header.kind != VD_KIND_ARRAY || header.count < 3)
        return false;
    vd_bytes_t rest = header.bytes;
    if (!vd_value_next(&rest, &version) || !vd_value_next(&rest, &number) ||
        !vd_value_next(&rest, &reference) || vd_value_u64(&number, UINT64_MAX) > UINT16_MAX)
        return false;
    *id = (uint16_t)vd_value_u64(&number, 0);
    *correlation = vd_value_u64(&reference, 0);
    return vd_value_u64(&version, 0) == VD_PROTOCOL_VERSION && reference.kind == VD_KIND_U64;
}

/* Takes what has arrived until the answer to the current request is among it. VD_TIMED_OUT: not
 * yet. */
static vd_status_t take_answer(vd_client_t *self, void *socket, vd_reply_t *reply)
{
    for (;;) {
        drop_answer(self);
        int count = vd_client_receive(socket, self->frames, 3);
        if (count == 0)
            return VD_TIMED_OUT;
        self->frame_count = count > 0 ? (uint32_t)count : 0;
        uint64_t correlation = 0;
        uint16_t id = 0;
        if (count < 2 || !read_header(vd_client_frame(&self->frames[0]), &id, &correlation) ||
            correlation != self->correlation)
            continue;
        vd_bytes_t body = vd_client_frame(&self->frames[1]);
        vd_value_t map;
        if (vd_scan_exact(body, VD_DEPTH_MAX) != VD_OK || !vd_value_of(body, &map) ||
            map.kind != VD_KIND_MAP)
            continue;
        vd_bytes_t payload = count == 3 ? vd_client_frame(&self->frames[2]) : vd_bytes(NULL, 0);
        *reply = (vd_reply_t){
            .id = id, .body = {body.data, body.size}, .payload = {payload.data, payload.size}};
        if (id != VD_MESSAGE_ERROR)
            return VD_OK;
        vd_str_t text = vd_value_get_str(&map, "text");
        vd_status_t status = vd_status_of_name(vd_value_get_str(&map, "status"));
        return vd_client_fail(self, status == VD_OK ? VD_FAILED : status, "%.*s", (int)text.size,
                              (const char *)text.data);
    }
}

static vd_status_t await(vd_client_t *self, void *socket, int64_t until_us, vd_reply_t *reply)
{
    for (;;) {
        vd_status_t status = take_answer(self, socket, reply);
        if (status != VD_TIMED_OUT || self->frame_count > 0)
            return status;
        int64_t rest_us = until_us - vd_client_mono_us();
        if (rest_us <= 0)
            return VD_TIMED_OUT;
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)((rest_us + 999) / 1000)) < 0 && errno == EINTR)
            return vd_client_fail(self, VD_CANCELLED, "a signal ended the call");
    }
}

/* Waits until somebody accepts at the endpoint, as long as the runtime is there. */
static vd_status_t await_listener(vd_client_t *self, const char *endpoint, int64_t deadline_us)
{
    for (;;) {
        vd_status_t status = vd_client_probe(self, endpoint);
        if (status == VD_OK)
            return VD_OK;
        if (status == VD_UNREACHABLE)
            return vd_client_unreachable(self);
        if (vd_client_mono_us() >= deadline_us)
            return VD_TIMED_OUT;
        if (zmq_poll(NULL, 0, LOOK_MS) < 0 && errno == EINTR)
            return vd_client_fail(self, VD_CANCELLED, "a signal ended the call");
    }
}

static vd_status_t converse(vd_client_t *self, const vd_request_t *request, const char *endpoint,
                            int64_t deadline_us, vd_reply_t *reply)
{
    int64_t again_ms = AGAIN_MS;
    bool sent = false;
    void *socket = NULL;
    for (;;) {
        vd_status_t status = await_listener(self, endpoint, deadline_us);
        if (status != VD_OK)
            return status;
        if (!sent || !request->once) {
            vd_link_t *link = link_to(self, endpoint, sent || request->once);
            if (link == NULL)
                return VD_FAILED;
            socket = link->socket;
            sent = send_request(self, socket, request);
        }
        int64_t begun_us = vd_client_mono_us();
        int64_t until_us = begun_us + again_ms * 1000;
        if (until_us > deadline_us)
            until_us = deadline_us;
        status = await(self, socket, until_us, reply);
        /* What a process sleeps through (SIGSTOP, a suspended machine) is no silence of the other
         * end. */
        int64_t now_us = vd_client_mono_us();
        if (now_us - until_us > STOOD_US)
            deadline_us += now_us - begun_us;
        if (status != VD_TIMED_OUT || now_us >= deadline_us)
            return status;
        again_ms = again_ms * 2 < AGAIN_MS_MAX ? again_ms * 2 : AGAIN_MS_MAX;
    }
}

vd_status_t vd_client_request(vd_client_t *self, const vd_request_t *request, int timeout_ms,
                              vd_reply_t *reply)
{
    assert(request != NULL && reply != NULL);
    *reply = (vd_reply_t){0};
    drop_answer(self);
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_status_t status = vd_client_endpoint(self, request->actor, request->port, endpoint);
    if (status != VD_OK)
        return status;
    if (request->body_size > VD_BODY_BYTES_MAX)
        return vd_client_fail(self, VD_TOO_LARGE, "a request has at most %d bytes",
                              VD_BODY_BYTES_MAX);
    self->correlation++;
    status = converse(self, request, endpoint, vd_client_deadline_us(timeout_ms), reply);
    if (status == VD_TIMED_OUT && reply->id != VD_MESSAGE_ERROR)
        return vd_client_fail(self, status, "%s did not answer within %d ms", request->actor,
                              timeout_ms);
    return status;
}

/* The body is encoded behind the bytes that send_request writes anew each time. */
vd_status_t vd_client_ask(vd_client_t *self, const char *actor, const char *port,
                          const vd_message_t *message, int timeout_ms, vd_reply_t *reply)
{
    *reply = (vd_reply_t){0};
    vd_buffer_t encoded;
    vd_buffer_init(&encoded, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    size_t header_size = 0;
    vd_status_t status = vd_message_encode(message, &encoded, &header_size);
    if (status != VD_OK) {
        vd_buffer_free(&encoded);
        return vd_client_fail(self, status, "cannot ask %s.%s: a name or text is %s", actor, port,
                              vd_status_text(status));
    }
    vd_request_t request = {.actor = actor, .port = port, .id = message->id};
    request.body = encoded.data + header_size;
    request.body_size = encoded.size - header_size;
    status = vd_client_request(self, &request, timeout_ms, reply);
    vd_buffer_free(&encoded);
    return status;
}

/* The payload of an answer, which has to be one value. */
static vd_status_t payload_of(vd_client_t *self, const char *actor, const vd_reply_t *reply,
                              uint16_t id, vd_blob_t *value)
{
    *value = (vd_blob_t){0};
    if (reply->id != id ||
        vd_scan_exact(vd_bytes(reply->payload.data, reply->payload.size), VD_DEPTH_MAX) != VD_OK)
        return vd_client_fail(self, VD_MALFORMED, "%s answered with something else than was asked",
                              actor);
    *value = reply->payload;
    return VD_OK;
}

vd_status_t vd_client_get(vd_client_t *self, const char *actor, const char *port, const char *feed,
                          int timeout_ms, vd_blob_t *value)
{
    vd_message_t message = {.id = VD_MESSAGE_GET};
    message.get.feed = vd_str(feed);
    vd_reply_t reply;
    vd_status_t status = vd_client_ask(self, actor, port, &message, timeout_ms, &reply);
    return status == VD_OK ? payload_of(self, actor, &reply, VD_MESSAGE_SNAPSHOT, value) : status;
}

vd_status_t vd_client_snapshot(vd_client_t *self, const char *observer, int timeout_ms,
                               vd_blob_t *value)
{
    return vd_client_get(self, observer, "requests", "state", timeout_ms, value);
}

vd_status_t vd_client_query(vd_client_t *self, const char *observer, const char *name,
                            vd_blob_t args, int timeout_ms, vd_blob_t *value)
{
    static const uint8_t empty_array = 0x90;
    vd_message_t message = {.id = VD_MESSAGE_QUERY};
    message.query.name = vd_str(name);
    message.query.args = args.size > 0 ? vd_bytes(args.data, args.size) : vd_bytes(&empty_array, 1);
    vd_reply_t reply;
    vd_status_t status = vd_client_ask(self, observer, "requests", &message, timeout_ms, &reply);
    return status == VD_OK ? payload_of(self, observer, &reply, VD_MESSAGE_VALUE, value) : status;
}

static vd_status_t membership(vd_client_t *self, const char *part, int timeout_ms, vd_blob_t *rows)
{
    vd_blob_t all;
    vd_status_t status = vd_client_get(self, "broker", "control", "membership", timeout_ms, &all);
    if (status != VD_OK)
        return status;
    vd_value_t map, list;
    if (!vd_value_of(vd_bytes(all.data, all.size), &map) || !vd_value_get(&map, part, &list) ||
        list.kind != VD_KIND_ARRAY)
        return vd_client_fail(self, VD_MALFORMED, "the broker's snapshot has no %s", part);
    *rows = (vd_blob_t){list.raw.data, list.raw.size};
    return VD_OK;
}

vd_status_t vd_client_actors(vd_client_t *self, int timeout_ms, vd_blob_t *rows)
{
    return membership(self, "actors", timeout_ms, rows);
}

vd_status_t vd_client_sources(vd_client_t *self, int timeout_ms, vd_blob_t *rows)
{
    return membership(self, "sources", timeout_ms, rows);
}

/* Copies the rows of one page; `last` is the id of its last session. Returns how many there
 * were. */
static uint32_t keep_rows(vd_buffer_t *out, vd_bytes_t payload, uint32_t room,
                          vd_session_record_t *last)
{
    uint32_t count = 0;
    vd_bytes_t rows = payload;
    vd_value_t array, row;
    if (!vd_value_of(payload, &array) || array.kind != VD_KIND_ARRAY)
        return 0;
    rows = array.bytes;
    while (count < room && vd_value_next(&rows, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_session, last) != VD_OK)
            continue;
        vd_write_raw(out, row.raw);
        count++;
    }
    return count;
}

vd_status_t vd_client_sessions(vd_client_t *self, const char *state, uint32_t rows_max,
                               int timeout_ms, vd_blob_t *rows)
{
    uint32_t wanted = rows_max > 0 ? rows_max : 100;
    uint32_t count = 0;
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    char before[VD_NAME_BYTES_MAX + 1] = "";
    vd_buffer_clear(&self->rows);
    /* The array's head comes last, when the count is known: five bytes are kept for it. */
    static const uint8_t head_room[5] = {0xdd, 0, 0, 0, 0};
    vd_buffer_add(&self->rows, head_room, sizeof head_room);
    for (;;) {
        vd_message_t message = {.id = VD_MESSAGE_SESSIONS};
        message.sessions.state = vd_str(state);
        message.sessions.before = vd_str(before);
        message.sessions.rows_max = wanted - count < ROWS_PAGE ? wanted - count : ROWS_PAGE;
        vd_reply_t reply;
        vd_status_t status = vd_client_ask(self, "ingestor", "read", &message,
                                           vd_client_rest_ms(deadline_us), &reply);
        vd_blob_t page = {0};
        if (status == VD_OK)
            status = payload_of(self, "ingestor", &reply, VD_MESSAGE_SESSION_ROWS, &page);
        if (status != VD_OK)
            return status;
        vd_session_record_t last;
        uint32_t got =
            keep_rows(&self->rows, vd_bytes(page.data, page.size), wanted - count, &last);
        count += got;
        vd_value_t body, more;
        vd_value_of(vd_bytes(reply.body.data, reply.body.size), &body);
        if (got == 0 || count >= wanted || !vd_value_get(&body, "more", &more) ||
            more.kind != VD_KIND_BOOL || !more.boolean)
            break;
        vd_str_copy(before, sizeof before, last.session);
    }
    if (self->rows.full)
        return vd_client_fail(self, VD_TOO_LARGE, "the sessions are over %d bytes; ask for fewer",
                              VD_FRAME_BYTES_MAX);
    for (uint32_t i = 0; i < 4; i++)
        self->rows.data[1 + i] = (uint8_t)(count >> (24 - 8 * i));
    *rows = (vd_blob_t){self->rows.data, self->rows.size};
    return VD_OK;
}

vd_status_t vd_client_session(vd_client_t *self, const char *session, int timeout_ms,
                              vd_blob_t *row)
{
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS};
    message.sessions.session = vd_str(session);
    message.sessions.state = vd_str(session == NULL ? "active" : NULL);
    message.sessions.rows_max = 1;
    vd_reply_t reply;
    vd_blob_t page = {0};
    vd_status_t status = vd_client_ask(self, "ingestor", "read", &message, timeout_ms, &reply);
    if (status == VD_OK)
        status = payload_of(self, "ingestor", &reply, VD_MESSAGE_SESSION_ROWS, &page);
    if (status == VD_PRUNED && session != NULL)
        return vd_client_fail(self, status, "session %s was pruned", session);
    if (status != VD_OK)
        return status;
    vd_value_t rows, first;
    if (!vd_value_of(vd_bytes(page.data, page.size), &rows) || rows.kind != VD_KIND_ARRAY)
        return vd_client_fail(self, VD_MALFORMED, "the ingestor's list of sessions is no array");
    vd_bytes_t rest = rows.bytes;
    if (!vd_value_next(&rest, &first)) {
        if (session == NULL)
            return vd_client_fail(self, VD_UNKNOWN_SESSION, "there is no active session");
        return vd_client_fail(self, VD_UNKNOWN_SESSION,
                              "there is no session '%s'; see: vedette session ls", session);
    }
    *row = (vd_blob_t){first.raw.data, first.raw.size};
    return VD_OK;
}

vd_status_t vd_client_session_record(vd_client_t *self, const char *session, int timeout_ms,
                                     vd_session_record_t *record)
{
    vd_blob_t row;
    vd_status_t status = vd_client_session(self, session, timeout_ms, &row);
    if (status == VD_OK &&
        vd_record_decode(vd_bytes(row.data, row.size), VD_RECORD_session, record) != VD_OK)
        return vd_client_fail(self, VD_MALFORMED, "the ingestor's row of a session is not one");
    return status;
}
