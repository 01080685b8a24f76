/* watch.c: a watcher of a soft feed: the feed's reader core behind a blocking call.
 *
 * Values wait in one buffer until the caller takes them; the sockets are read only while it is
 * empty. A snapshot throws away what waits before it. If the buffer should ever be full, the reader
 * begins anew. */
#include "client/client_impl.h"
#include "feed/feed.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PORT_REQUEST = 1,
    PORT_SUB = 2,
    TIMER_FEED = 0,
    QUEUE_BYTES_MAX = 16 * VD_FRAME_BYTES_MAX,
    QUEUE_BYTES_KEEP = 262144,
    SILENT_MS = 2000,
};

typedef struct waiting {
    uint32_t size;
    int snapshot; /* as vd_watch_next tells it */
} waiting_t;

struct vd_watch {
    vd_engine_t engine;
    vd_client_t *client;
    vd_feed_reader_t reader;
    char actor[VD_NAME_BYTES_MAX + 1];
    char feed[VD_FEED_BYTES_MAX + 1];
    char request[VD_ENDPOINT_BYTES_MAX + 1];
    char pub[VD_ENDPOINT_BYTES_MAX + 1];
    vd_buffer_t queue;
    size_t queue_at;
    bool dry;
};

static void add(vd_watch_t *self, vd_bytes_t value, int snapshot)
{
    if (self->dry)
        return;
    waiting_t head = {.size = (uint32_t)value.size, .snapshot = snapshot};
    size_t before = self->queue.size;
    if (vd_buffer_add(&self->queue, &head, sizeof head) &&
        vd_buffer_add(&self->queue, value.data, value.size))
        return;
    vd_buffer_cut(&self->queue, before);
    self->dry = true;
}

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    vd_watch_t *self = arg;
    (void)now, (void)effects;
    if (complete && self->queue_at == 0)
        vd_buffer_clear(&self->queue);
    add(self, value, complete ? 1 : 2);
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    (void)now, (void)n, (void)effects;
    add(arg, value, 0);
}

static const vd_feed_handler_t handler = {on_snapshot, on_item};

static bool step(void *arg, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_watch_t *self = arg;
    return vd_feed_reader_step(&self->reader, now, input, effects);
}

static void begin(vd_watch_t *self)
{
    vd_peer_t peer = vd_peer_named(self->actor);
    vd_feed_reader_init(&self->reader, self->feed, PORT_REQUEST, PORT_SUB, TIMER_FEED, &handler,
                        self);
    vd_feed_reader_connect(&self->reader, vd_client_now(), &peer, self->request, self->pub,
                           vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
    self->dry = false;
}

vd_status_t vd_watch_new(vd_watch_t **self_p, vd_client_t *client, const char *actor,
                         const char *request_port, const char *pub_port, const char *feed)
{
    assert(self_p != NULL && client != NULL);
    *self_p = NULL;
    char request[VD_ENDPOINT_BYTES_MAX + 1], pub[VD_ENDPOINT_BYTES_MAX + 1];
    vd_status_t status = vd_client_endpoint(client, actor, request_port, request);
    if (status == VD_OK)
        status = vd_client_endpoint(client, actor, pub_port, pub);
    if (status == VD_OK && (feed == NULL || strlen(feed) > VD_FEED_BYTES_MAX))
        status = vd_client_fail(client, VD_USAGE, "the name of a feed has at most %d bytes",
                                VD_FEED_BYTES_MAX);
    if (status == VD_OK && vd_client_probe(client, request) == VD_UNREACHABLE)
        status = vd_client_unreachable(client);
    if (status != VD_OK)
        return status;
    vd_watch_t *self = calloc(1, sizeof *self);
    if (self == NULL ||
        vd_engine_add(&self->engine, client, step, self, PORT_REQUEST, PORT_SUB) != VD_OK) {
        free(self);
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for a watch");
    }
    self->client = client;
    vd_buffer_init(&self->queue, QUEUE_BYTES_MAX);
    vd_str_copy(self->actor, sizeof self->actor, vd_str(actor));
    vd_str_copy(self->feed, sizeof self->feed, vd_str(feed));
    vd_str_copy(self->request, sizeof self->request, vd_str(request));
    vd_str_copy(self->pub, sizeof self->pub, vd_str(pub));
    begin(self);
    *self_p = self;
    return VD_OK;
}

void vd_watch_destroy(vd_watch_t **self_p)
{
    assert(self_p != NULL);
    vd_watch_t *self = *self_p;
    if (self == NULL)
        return;
    vd_engine_remove(&self->engine);
    vd_buffer_free(&self->queue);
    free(self);
    *self_p = NULL;
}

static bool has_news(void *arg)
{
    const vd_watch_t *self = arg;
    return self->queue.size > 0 || self->dry;
}

static vd_status_t tell_silence(vd_watch_t *self)
{
    bool silent = vd_client_mono_us() - self->engine.heard_us > SILENT_MS * 1000;
    if (silent && vd_client_probe(self->client, self->request) == VD_UNREACHABLE)
        return vd_client_unreachable(self->client);
    return VD_TIMED_OUT;
}

vd_status_t vd_watch_next(vd_watch_t *self, int timeout_ms, vd_blob_t *value, int *snapshot)
{
    assert(value != NULL && snapshot != NULL);
    if (self->queue_at == self->queue.size) {
        self->queue_at = 0;
        if (self->queue.room > QUEUE_BYTES_KEEP)
            vd_buffer_free(&self->queue);
        else
            vd_buffer_clear(&self->queue);
        if (self->dry)
            begin(self);
        vd_status_t status =
            vd_engine_run(self->client, vd_client_deadline_us(timeout_ms), has_news, self);
        if (status == VD_TIMED_OUT)
            return tell_silence(self);
        if (status != VD_OK)
            return status;
        if (self->queue.size == 0)
            return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for a value; call again");
    }
    waiting_t head;
    assert(self->queue.size - self->queue_at >= sizeof head);
    memcpy(&head, self->queue.data + self->queue_at, sizeof head);
    *value = (vd_blob_t){self->queue.data + self->queue_at + sizeof head, head.size};
    *snapshot = head.snapshot;
    self->queue_at += sizeof head + head.size;
    return VD_OK;
}
