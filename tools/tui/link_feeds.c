/* link_feeds.c: the thread that keeps asking how the runtime is. */
#include "tui/link_impl.h"
#include "wire/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUND_MS = 1000,
    SHARE = 25, /* what takes long is asked seldom: this times longer is waited for */
    NAMES_MAX = 64,
    ROWS_BYTES_MAX = 16 << 20,
};

/* One thing that is asked for again and again. */
typedef struct tui_round {
    tui_link_t *link;
    vd_client_t *client;
    int64_t membership_due_ms, readings_due_ms;
    char pollers[NAMES_MAX][VD_NAME_BYTES_MAX + 1];
    size_t poller_count;
    char publishers[NAMES_MAX][VD_NAME_BYTES_MAX + 1];
    size_t publisher_count;
    vd_buffer_t rows, out;
    bool audited; /* there is an auditor, and it is ready */
    bool told;
    vd_status_t link_status; /* that was told */
} tui_round_t;

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(tui_round_t *self, tui_feed_t feed, vd_status_t status, vd_bytes_t value)
{
    tui_input_t input = {.kind = TUI_INPUT_NOW, .feed = feed, .status = status};
    if (status == VD_OK)
        input.value = value;
    tui_queue_put(self->link->queue, &input);
}

static vd_status_t ask(tui_round_t *self, const char *actor, const char *port, uint16_t id,
                       vd_reply_t *reply)
{
    vd_message_t message = {.id = id};
    return tui_link_request(self->client, actor, port, &message, false, TUI_LINK_ASK_MS / 5, reply);
}

/* ---- processes ---- */

static uint64_t anonymous_bytes(uint64_t pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (uint64_t)kib * 1024;
}

static bool cpu_ms(uint64_t pid, uint64_t *ms)
{
    char path[64], line[1024] = "";
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *behind = read ? strrchr(line, ')') : NULL; /* the name may hold anything */
    if (behind == NULL ||
        sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
               &system) != 2)
        return false;
    *ms = (uint64_t)((user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
    return true;
}

static void add_process(tui_round_t *self, uint64_t pid, uint32_t *count)
{
    uint64_t ms = 0;
    if (pid == 0 || !cpu_ms(pid, &ms))
        return;
    vd_write_map(&self->rows, 3);
    vd_write_pair_u64(&self->rows, "pid", pid);
    vd_write_pair_u64(&self->rows, "cpu_ms", ms);
    vd_write_pair_u64(&self->rows, "rss_bytes", anonymous_bytes(pid));
    (*count)++;
}

static void tell_rows(tui_round_t *self, tui_feed_t feed, uint32_t count)
{
    vd_buffer_clear(&self->out);
    vd_write_array(&self->out, count);
    vd_write_raw(&self->out, vd_buffer_view(&self->rows));
    tell(self, feed, self->out.full || self->rows.full ? VD_NO_MEMORY : VD_OK,
         vd_buffer_view(&self->out));
    vd_buffer_clear(&self->rows);
    vd_buffer_clear(&self->out);
}

/* What one of several processes told, or that it did not answer. */
static void add_rows(tui_round_t *self, const char *key, const char *name, vd_status_t status,
                     vd_bytes_t rows)
{
    vd_value_t array;
    bool told = status == VD_OK && vd_value_of(rows, &array) && array.kind == VD_KIND_ARRAY;
    vd_write_map(&self->rows, told ? 2 : 1);
    vd_write_pair_text(&self->rows, key, name);
    if (!told)
        return;
    vd_write_text(&self->rows, "rows");
    vd_write_raw(&self->rows, rows);
}

static void ask_children(tui_round_t *self, uint64_t supervisor)
{
    vd_blob_t blob = {0};
    vd_value_t array, row;
    vd_child_record_t child;
    uint32_t count = 0;
    vd_status_t status = vd_client_get(self->client, "supervisor", "control", "lifecycle",
                                       TUI_LINK_ASK_MS / 5, &blob);
    tell(self, TUI_FEED_CHILDREN, status, vd_bytes(blob.data, blob.size));
    if (status != VD_OK || !vd_value_of(vd_bytes(blob.data, blob.size), &array))
        return;
    add_process(self, supervisor, &count);
    vd_bytes_t rest = array.bytes;
    self->audited = false;
    while (array.kind == VD_KIND_ARRAY && vd_value_next(&rest, &row)) {
        if (vd_record_decode(row.raw, VD_RECORD_child, &child) != VD_OK)
            continue;
        add_process(self, child.pid, &count);
        self->audited =
            self->audited || (vd_str_is(child.name, "auditor") && vd_str_is(child.state, "ready"));
    }
    tell_rows(self, TUI_FEED_PROCESSES, count);
}

/* ---- sources ---- */

static void add_name(char names[][VD_NAME_BYTES_MAX + 1], size_t *count, vd_str_t name)
{
    for (size_t i = 0; i < *count; i++)
        if (vd_str_is(name, names[i]))
            return;
    if (name.size > 0 && *count < NAMES_MAX)
        vd_str_copy(names[(*count)++], VD_NAME_BYTES_MAX + 1, name);
}

static bool has_streams(const vd_actor_record_t *actor)
{
    vd_endpoint_record_t endpoint;
    vd_bytes_t rest = actor->endpoints;
    vd_status_t status;
    while ((status = vd_rows_next(&rest, VD_RECORD_endpoint, &endpoint)) != VD_NOT_FOUND)
        if (status == VD_OK && vd_str_is(endpoint.port, "streams"))
            return true;
    return false;
}

static void note_membership(tui_round_t *self, vd_bytes_t bytes)
{
    vd_value_t map, array, row;
    vd_source_record_t source;
    vd_actor_record_t actor;
    self->poller_count = 0;
    self->publisher_count = 0;
    if (!vd_value_of(bytes, &map))
        return;
    if (vd_value_get(&map, "sources", &array)) {
        vd_bytes_t rest = array.bytes;
        while (vd_value_next(&rest, &row))
            if (vd_record_decode(row.raw, VD_RECORD_source, &source) == VD_OK)
                add_name(self->pollers, &self->poller_count, source.poller);
    }
    if (vd_value_get(&map, "actors", &array)) {
        vd_bytes_t rest = array.bytes;
        while (vd_value_next(&rest, &row))
            if (vd_record_decode(row.raw, VD_RECORD_actor, &actor) == VD_OK &&
                !vd_str_is(actor.name, "ingestor") && has_streams(&actor))
                add_name(self->publishers, &self->publisher_count, actor.name);
    }
}

static int64_t due(int64_t began_ms)
{
    int64_t now = mono_ms(), took = now - began_ms;
    return now + (took * SHARE > ROUND_MS ? took * SHARE : ROUND_MS) - ROUND_MS / 10;
}

static void ask_membership(tui_round_t *self)
{
    vd_blob_t blob = {0};
    int64_t began = mono_ms();
    if (began < self->membership_due_ms)
        return;
    vd_status_t status =
        vd_client_get(self->client, "broker", "control", "membership", TUI_LINK_ASK_MS / 5, &blob);
    vd_bytes_t bytes = vd_bytes(blob.data, blob.size);
    tell(self, TUI_FEED_MEMBERSHIP, status, bytes);
    if (status == VD_OK)
        note_membership(self, bytes);
    self->membership_due_ms = due(began);
}

static void ask_readings(tui_round_t *self)
{
    int64_t began = mono_ms();
    if (began < self->readings_due_ms)
        return;
    for (size_t i = 0; i < self->poller_count; i++) {
        vd_blob_t blob = {0};
        vd_status_t status = vd_client_get(self->client, self->pollers[i], "requests", "readings",
                                           TUI_LINK_ASK_MS / 5, &blob);
        add_rows(self, "poller", self->pollers[i], status, vd_bytes(blob.data, blob.size));
    }
    tell_rows(self, TUI_FEED_READINGS, (uint32_t)self->poller_count);
    self->readings_due_ms = due(began);
}

/* ---- subscribers ---- */

static void add_subscribers(tui_round_t *self, const char *publisher)
{
    vd_reply_t reply = {0};
    vd_status_t status = ask(self, publisher, "streams", VD_MESSAGE_SUBSCRIBERS, &reply);
    add_rows(self, "publisher", publisher, status,
             vd_bytes(reply.payload.data, reply.payload.size));
}

static void ask_subscribers(tui_round_t *self)
{
    add_subscribers(self, "ingestor");
    for (size_t i = 0; i < self->publisher_count; i++)
        add_subscribers(self, self->publishers[i]);
    tell_rows(self, TUI_FEED_SUBSCRIBERS, (uint32_t)self->publisher_count + 1);
}

/* ---- the auditor ---- */

static void ask_auditor(tui_round_t *self)
{
    vd_reply_t reply = {0};
    if (!self->audited) {
        vd_write_map(&self->out, 0);
        tell(self, TUI_FEED_AUDIT, VD_OK, vd_buffer_view(&self->out));
        vd_buffer_clear(&self->out);
        return;
    }
    vd_status_t status = ask(self, "auditor", "requests", VD_MESSAGE_PING, &reply);
    tell(self, TUI_FEED_AUDIT, status, vd_bytes(reply.body.data, reply.body.size));
}

/* ---- rounds ---- */

/* Once, but that it was late each time: see take_link of the core. */
static void tell_link(tui_round_t *self, vd_status_t status)
{
    if (self->told && self->link_status == status && status != VD_TIMED_OUT)
        return;
    tui_input_t input = {.kind = TUI_INPUT_LINK, .status = status};
    input.text = status == VD_OK ? "" : vd_client_error(self->client);
    tui_queue_put(self->link->queue, &input);
    self->link_status = status;
    self->told = true;
}

/* What the store says of the session that is followed: of no event can be seen that nobody goes on with
 * it. */
static void ask_session(tui_round_t *self)
{
    char session[VD_NAME_BYTES_MAX + 1];
    vd_blob_t row = {0};
    pthread_mutex_lock(&self->link->lock);
    memcpy(session, self->link->followed, sizeof session);
    pthread_mutex_unlock(&self->link->lock);
    if (session[0] == 0)
        return;
    vd_status_t status = vd_client_session(self->client, session, TUI_LINK_ASK_MS / 5, &row);
    tell(self, TUI_FEED_SESSION, status, vd_bytes(row.data, row.size));
}

static void go_round(tui_round_t *self)
{
    vd_reply_t reply;
    vd_value_t map;
    uint64_t pid = 0;
    bool offline = self->link->offline;
    if (!offline) {
        vd_status_t status = ask(self, "supervisor", "control", VD_MESSAGE_STATUS, &reply);
        tell_link(self, status);
        vd_bytes_t body = vd_bytes(reply.body.data, reply.body.size);
        tell(self, TUI_FEED_STATUS, status, body);
        if (status != VD_OK)
            return;
        pid = vd_value_of(body, &map) ? vd_value_get_u64(&map, "pid", 0) : 0;
    }
    vd_status_t status = ask(self, "ingestor", "read", VD_MESSAGE_STORE, &reply);
    tell(self, TUI_FEED_STORE, status, vd_bytes(reply.body.data, reply.body.size));
    if (status == VD_OK)
        ask_session(self);
    if (offline)
        return;
    ask_children(self, pid);
    ask_membership(self);
    ask_readings(self);
    ask_subscribers(self);
    ask_auditor(self);
}

void *tui_link_feeds(void *link)
{
    tui_round_t self = {.link = link};
    self.client = vd_client_new(self.link->dir);
    vd_buffer_init(&self.rows, ROWS_BYTES_MAX);
    vd_buffer_init(&self.out, ROWS_BYTES_MAX + 16);
    while (self.client != NULL && !tui_link_stopping(self.link)) {
        go_round(&self);
        if (!tui_link_sleep(self.link, ROUND_MS))
            break;
    }
    vd_client_destroy(&self.client);
    vd_buffer_free(&self.rows);
    vd_buffer_free(&self.out);
    return NULL;
}
