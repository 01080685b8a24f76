/* watch.c: a watcher of a soft feed: the feed's reader core behind a blocking call.
 *
 * Values wait in one buffer until the caller takes them; the sockets are read only while it is
 * empty, so that what was given out stays where it is while other objects of the client are run. A
 * snapshot throws away what waits before it, unless the watch goes by items. If the buffer should ever
 * be full, the reader begins anew: behind what has come, where it goes by items. */
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
    RENEW_MS = 4000, /* without a word before other connections are taken */
    FULL_MS = 500,   /* between looks whether what waits was taken */
};

typedef struct waiting {
    uint32_t size;
    int snapshot; /* as vd_watch_next tells it */
    vd_status_t why;
    uint64_t inc, n;
} waiting_t;

struct vd_watch {
    vd_engine_t engine;
    vd_client_t *client;
    vd_feed_reader_t reader;
    char actor[VD_NAME_BYTES_MAX + 1];
    char feed[VD_FEED_BYTES_MAX + 1];
    char request[VD_ENDPOINT_BYTES_MAX + 1];
    char pub[VD_ENDPOINT_BYTES_MAX + 1];
    vd_watch_place_t place; /* where the reader begins the next time */
    bool begun;             /* the first answer is there */
    uint64_t end_inc, end;  /* what is newest then */
    vd_buffer_t queue;
    size_t queue_at;
    bool dry;
};

static void add(vd_watch_t *self, vd_bytes_t value, int snapshot)
{
    if (self->dry)
        return;
    waiting_t head = {.size = (uint32_t)value.size,
                      .snapshot = snapshot,
                      .why = snapshot != 0 ? self->reader.reset : VD_OK,
                      .inc = self->reader.inc,
                      .n = self->reader.n};
    size_t before = self->queue.size;
    if (vd_buffer_add(&self->queue, &head, sizeof head) &&
        vd_buffer_add(&self->queue, value.data, value.size)) {
        self->place.inc = head.inc;
        self->place.n = head.n;
        return;
    }
    vd_buffer_cut(&self->queue, before);
    self->dry = true;
}

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    vd_watch_t *self = arg;
    (void)now, (void)effects;
    if (complete && self->queue_at == 0 && !self->place.by_item)
        vd_buffer_clear(&self->queue);
    add(self, value, complete ? 1 : 2);
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    (void)now, (void)n, (void)effects;
    add(arg, value, 0);
}

static const vd_feed_handler_t handler = {on_snapshot, on_item};

/* While something waits, or was given out, no more is taken. */
static bool is_full(void *arg)
{
    const vd_watch_t *self = arg;
    return self->queue.size > 0;
}

static bool step(void *arg, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_watch_t *self = arg;
    if (input->kind == VD_INPUT_TIMER && is_full(self)) {
        /* Answers that are not taken would pile up in the socket. */
        vd_effects_timer(effects, TIMER_FEED, now.mono_us + FULL_MS * INT64_C(1000));
        return true;
    }
    if (input->kind == VD_INPUT_TIMER)
        vd_engine_renew(&self->engine, RENEW_MS);
    bool mine = vd_feed_reader_step(&self->reader, now, input, effects);
    const vd_feed_reader_t *reader = &self->reader;
    if (!self->begun && reader->answered > 0) {
        bool more = reader->seen_inc == reader->inc && reader->seen > reader->n;
        self->begun = true;
        self->end_inc = reader->inc;
        self->end = more ? reader->seen : reader->n;
    }
    return mine;
}

/* Was everything taken that it was to give? */
static bool is_over(const vd_watch_t *self)
{
    const vd_feed_reader_t *reader = &self->reader;
    return self->place.until_head && self->begun && !self->dry &&
           self->queue_at == self->queue.size &&
           (reader->inc != self->end_inc || reader->n >= self->end);
}

static void begin(vd_watch_t *self)
{
    vd_peer_t peer = vd_peer_named(self->actor);
    vd_feed_reader_init(&self->reader, self->feed, PORT_REQUEST, PORT_SUB, TIMER_FEED, &handler,
                        self);
    if (self->place.by_item)
        vd_feed_reader_begin_at(&self->reader, self->place.inc, self->place.n);
    vd_feed_reader_connect(&self->reader, vd_client_now(), &peer, self->request, self->pub,
                           vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
    self->dry = false;
}

vd_status_t vd_watch_new(vd_watch_t **self, vd_client_t *client, const char *actor,
                         const char *request_port, const char *pub_port, const char *feed)
{
    static const vd_watch_place_t place = {0};
    return vd_watch_open(self, client, actor, request_port, pub_port, feed, &place);
}

vd_status_t vd_watch_open(vd_watch_t **self_p, vd_client_t *client, const char *actor,
                          const char *request_port, const char *pub_port, const char *feed,
                          const vd_watch_place_t *place)
{
    assert(self_p != NULL && client != NULL && place != NULL);
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
    self->engine.full = is_full;
    self->client = client;
    self->place = *place;
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

bool vd_watch_ready(const vd_watch_t *self)
{
    return self->queue_at < self->queue.size || self->dry || is_over(self);
}

static bool has_news(void *arg)
{
    return vd_watch_ready(arg);
}

vd_status_t vd_watch_probe(vd_watch_t *self)
{
    vd_status_t status = vd_client_probe(self->client, self->request);
    if (status == VD_UNREACHABLE)
        return vd_client_unreachable(self->client);
    if (status == VD_NOT_READY)
        vd_client_fail(self->client, status, "%s is not there now; see: vedette ps", self->actor);
    return status;
}

static vd_status_t tell_silence(vd_watch_t *self)
{
    bool silent = vd_client_mono_us() - self->engine.heard_us > SILENT_MS * 1000;
    if (silent && vd_client_probe(self->client, self->request) == VD_UNREACHABLE)
        return vd_client_unreachable(self->client);
    return VD_TIMED_OUT;
}

vd_status_t vd_watch_take(vd_watch_t *self, int timeout_ms, vd_watched_t *news)
{
    assert(news != NULL);
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
        if (is_over(self))
            return VD_NOT_FOUND;
        if (self->queue.size == 0)
            return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for a value; call again");
    }
    waiting_t head;
    assert(self->queue.size - self->queue_at >= sizeof head);
    memcpy(&head, self->queue.data + self->queue_at, sizeof head);
    *news = (vd_watched_t){.value = {self->queue.data + self->queue_at + sizeof head, head.size},
                           .snapshot = head.snapshot,
                           .inc = head.inc,
                           .n = head.n,
                           .why = head.why};
    self->queue_at += sizeof head + head.size;
    return VD_OK;
}

vd_status_t vd_watch_next(vd_watch_t *self, int timeout_ms, vd_blob_t *value, int *snapshot)
{
    assert(value != NULL && snapshot != NULL);
    vd_watched_t news;
    vd_status_t status = vd_watch_take(self, timeout_ms, &news);
    if (status != VD_OK)
        return status;
    *value = news.value;
    *snapshot = news.snapshot;
    return VD_OK;
}
