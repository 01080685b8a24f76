/* http_adapter.c: the adapter "http": reads over HTTP and HTTPS, all on the loop's thread. */
#include "http_engine.h"
#include "http_plain.h"
#include "http_work.h"
#include "resolver.h"

#include "core/hash.h"
#include "wire/limits.h"

#include <assert.h>
#include <czmq.h>
#include <stdlib.h>
#include <time.h>

#define OUT_MAX        8192
#define IDLE_MAX       512 /* works kept for the next read */
#define BUCKETS        1024
#define META_BYTES_MAX VD_SPEC_BYTES_MAX

static const char *const ops[] = {"get", "post", NULL};

typedef struct vd_http_adapter_state {
    vd_adapter_host_t host;
    /* Made with the first read: a poller without sources of this kind stays small. */
    vd_http_engine_t *engine;
    vd_resolver_t *resolver;
    vd_http_plain_t *plain;
    zmq_pollitem_t item, plain_item;
    vd_http_work_t *buckets[BUCKETS]; /* under way, by token */
    vd_http_work_t *idle;
    uint32_t idle_count, waiting_count;
    vd_http_work_t *ended; /* ended without a transfer, to be told */
    vd_buffer_t meta;
} vd_http_adapter_state_t;

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- works ---- */

/* The low half of a token counts places, which are few and used again. */
static vd_http_work_t **bucket_of(vd_http_adapter_state_t *self, uint64_t token)
{
    return &self->buckets[token % BUCKETS];
}

static void enter(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    vd_http_work_t **bucket = bucket_of(self, work->token);
    work->next = *bucket;
    *bucket = work;
}

static bool leave(vd_http_work_t **list, const vd_http_work_t *work)
{
    while (*list != NULL && *list != work)
        list = &(*list)->next;
    if (*list == NULL)
        return false;
    *list = work->next;
    return true;
}

static vd_http_work_t *take_work(vd_http_adapter_state_t *self)
{
    vd_http_work_t *work = self->idle;
    if (work != NULL) {
        self->idle = work->next;
        self->idle_count--;
        return work;
    }
    return vd_http_work_new();
}

static void put_work(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    assert(!work->added && !work->waiting && work->conn == NULL);
    vd_http_work_clear(work);
    if (self->idle_count == IDLE_MAX) {
        vd_http_work_destroy(&work);
        return;
    }
    work->next = self->idle;
    self->idle = work;
    self->idle_count++;
}

static void stop_transfer(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    if (work->added)
        vd_http_engine_remove(self->engine, work->handle, work->place_hash);
    work->added = false;
    if (work->conn != NULL)
        vd_http_plain_cancel(self->plain, work);
    self->waiting_count -= work->waiting;
    work->waiting = false;
}

/* ---- the way of a read ---- */

static uint64_t hash_of(const vd_http_place_t *place)
{
    uint64_t hash = vd_hash(place->port, vd_str(place->host));
    return place->secure ? 0 : hash != 0 ? hash : 1;
}

static bool equip(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    CURL *handle = work->handle != NULL ? NULL : vd_http_engine_handle(self->engine);
    if (handle != NULL)
        vd_http_work_equip(work, handle);
    else if (work->handle == NULL)
        vd_http_work_fail(work, VD_NO_MEMORY, "no memory for one more transfer");
    return work->handle != NULL;
}

/* Goes on with a read that stands at a place: resolves, waits or transfers. False when it has
 * ended, with status and error set. */
static bool go_on(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    assert(!work->added);
    const char *addresses = NULL;
    if (!work->place.literal) {
        vd_resolved_t how =
            vd_resolver_ask(self->resolver, work->place.host, clock_us(), &addresses);
        if (how == VD_UNRESOLVED) {
            char why[VD_RESOLVED_BYTES_MAX + 64];
            snprintf(why, sizeof why, "its name does not resolve: %s", addresses);
            vd_http_work_fail(work, VD_UNREACHABLE, why);
        }
        self->waiting_count -= work->waiting;
        work->waiting = how == VD_RESOLVING;
        self->waiting_count += work->waiting;
        if (how != VD_RESOLVED)
            return how == VD_RESOLVING;
    }
    if (!equip(self, work) || !vd_http_work_prepare(work, addresses))
        return false;
    work->place_hash = hash_of(&work->place);
    work->added = vd_http_engine_add(self->engine, work->handle, work->place_hash);
    if (!work->added)
        vd_http_work_fail(work, VD_NO_MEMORY, "no memory for one more transfer");
    return work->added;
}

/* Tells the result and gives the work back. */
static void tell(vd_http_adapter_state_t *self, vd_http_work_t *work, CURLcode code)
{
    vd_read_result_t result;
    vd_http_work_result(work, code, &self->meta, &result);
    result.took_us = (uint64_t)(clock_us() - work->started_us);
    /* The work is in no list while the poller, told, begins further reads or cancels some. */
    self->host.done(self->host.arg, work->token, &result);
    put_work(self, work);
}

static void tell_failed(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    vd_read_result_t result = {.status = work->status,
                               .error = vd_str(work->error),
                               .took_us = (uint64_t)(clock_us() - work->started_us)};
    self->host.done(self->host.arg, work->token, &result);
    put_work(self, work);
}

static void finish(vd_http_adapter_state_t *self, CURL *handle, CURLcode code)
{
    vd_http_work_t *work = NULL;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&work);
    assert(work != NULL && work->handle == handle && work->added);
    bool follow = vd_http_work_follow(work, code);
    vd_http_engine_remove(self->engine, handle, work->place_hash);
    work->added = false;
    if (code == CURLE_COULDNT_CONNECT && !work->place.literal)
        vd_resolver_doubt(self->resolver, work->place.host);
    if (follow && go_on(self, work))
        return;
    bool left = leave(bucket_of(self, work->token), work);
    assert(left);
    if (follow)
        tell_failed(self, work);
    else
        tell(self, work, code);
}

static void tell_ended(vd_http_adapter_state_t *self)
{
    while (self->ended != NULL) {
        vd_http_work_t *work = self->ended;
        self->ended = work->next;
        tell_failed(self, work);
    }
}

/* Takes in names and goes on with the reads that waited for one. */
static void take_names(vd_http_adapter_state_t *self)
{
    vd_resolver_take(self->resolver, clock_us());
    for (int i = 0; i < BUCKETS && self->waiting_count > 0; i++)
        for (vd_http_work_t **at = &self->buckets[i]; *at != NULL;) {
            vd_http_work_t *work = *at;
            if (!work->waiting || go_on(self, work)) {
                at = &work->next;
                continue;
            }
            *at = work->next;
            work->next = self->ended;
            self->ended = work;
        }
}

static int turn(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop, (void)item;
    vd_http_adapter_state_t *self = arg;
    if (vd_http_engine_turn(self->engine))
        take_names(self);
    tell_ended(self);
    CURL *handle;
    CURLcode code;
    while ((handle = vd_http_engine_done(self->engine, &code)) != NULL)
        finish(self, handle, code);
    return 0;
}

/* ---- reads without libcurl ---- */

static void plain_done(void *arg, vd_http_work_t *work, vd_bytes_t head, vd_bytes_t content)
{
    vd_http_adapter_state_t *self = arg;
    bool left = leave(bucket_of(self, work->token), work);
    assert(left);
    vd_buffer_clear(&self->meta);
    vd_http_write_meta(200, 0, head, &self->meta);
    vd_read_result_t result = {.status = VD_OK,
                               .took_us = (uint64_t)(clock_us() - work->started_us),
                               .meta = vd_buffer_view(&self->meta),
                               .content = content};
    self->host.done(self->host.arg, work->token, &result);
    put_work(self, work);
}

static void plain_odd(void *arg, vd_http_work_t *work)
{
    vd_http_adapter_state_t *self = arg;
    if (go_on(self, work))
        return;
    bool left = leave(bucket_of(self, work->token), work);
    assert(left);
    work->next = self->ended;
    self->ended = work;
}

static int turn_plain(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop, (void)item;
    vd_http_adapter_state_t *self = arg;
    vd_http_plain_turn(self->plain);
    tell_ended(self);
    return 0;
}

/* ---- the contract ---- */

static void *open_adapter(const vd_adapter_host_t *host)
{
    assert(host != NULL && host->loop != NULL && host->done != NULL);
    vd_http_adapter_state_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->host = *host;
    vd_buffer_init(&self->meta, META_BYTES_MAX);
    return self;
}

/* Makes what reads need. False without memory or descriptors: the next read tries again. */
static bool make_ready(vd_http_adapter_state_t *self)
{
    if (self->engine != NULL)
        return true;
    if (self->resolver == NULL)
        self->resolver = vd_resolver_new();
    if (self->resolver == NULL)
        return false;
    self->engine = vd_http_engine_new(vd_resolver_fd(self->resolver),
                                      self->host.ca_file != NULL ? self->host.ca_file : "");
    if (self->engine == NULL)
        return false;
    self->item = (zmq_pollitem_t){.fd = vd_http_engine_fd(self->engine), .events = ZMQ_POLLIN};
    int added = zloop_poller(self->host.loop, &self->item, turn, self);
    assert(added == 0);
    zloop_poller_set_tolerant(self->host.loop, &self->item);
    vd_http_plain_owner_t owner = {plain_done, plain_odd, self};
    self->plain = vd_http_plain_new(&owner, vd_http_engine_connections_max());
    if (self->plain == NULL)
        return true; /* libcurl does it all */
    self->plain_item = (zmq_pollitem_t){.fd = vd_http_plain_fd(self->plain), .events = ZMQ_POLLIN};
    added = zloop_poller(self->host.loop, &self->plain_item, turn_plain, self);
    assert(added == 0);
    zloop_poller_set_tolerant(self->host.loop, &self->plain_item);
    return true;
}

/* Begins a read that was taken in. */
static bool begin(vd_http_adapter_state_t *self, vd_http_work_t *work)
{
    bool plain = self->plain != NULL && vd_http_plain_start(self->plain, work, work->started_us);
    return plain || go_on(self, work);
}

static void start(void *arg, const vd_read_request_t *request)
{
    vd_http_adapter_state_t *self = arg;
    vd_http_work_t *work = make_ready(self) ? take_work(self) : NULL;
    if (work == NULL)
        return; /* the poller's deadline tells it */
    if (vd_http_work_take(work, request, clock_us()) && begin(self, work)) {
        enter(self, work);
    } else {
        work->next = self->ended;
        self->ended = work;
    }
    /* What has ended at once is told at a turn; libcurl itself rings for what it has ended. */
    if (self->ended != NULL)
        vd_http_engine_wake(self->engine);
}

static void cancel(void *arg, uint64_t token)
{
    vd_http_adapter_state_t *self = arg;
    vd_http_work_t **lists[] = {bucket_of(self, token), &self->ended};
    for (int i = 0; i < 2; i++) {
        vd_http_work_t *work = *lists[i];
        while (work != NULL && work->token != token)
            work = work->next;
        if (work == NULL)
            continue;
        leave(lists[i], work);
        stop_transfer(self, work);
        put_work(self, work);
        return;
    }
}

static void destroy_all(vd_http_adapter_state_t *self, vd_http_work_t **list)
{
    while (*list != NULL) {
        vd_http_work_t *work = *list;
        *list = work->next;
        stop_transfer(self, work);
        vd_http_work_destroy(&work);
    }
}

static void close_adapter(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_http_adapter_state_t *self = *self_pointer;
    if (self == NULL)
        return;
    if (self->engine != NULL)
        zloop_poller_end(self->host.loop, &self->item);
    if (self->plain != NULL)
        zloop_poller_end(self->host.loop, &self->plain_item);
    for (int i = 0; i < BUCKETS; i++)
        destroy_all(self, &self->buckets[i]);
    destroy_all(self, &self->ended);
    destroy_all(self, &self->idle);
    vd_http_plain_destroy(&self->plain);
    vd_http_engine_destroy(&self->engine);
    vd_resolver_destroy(&self->resolver);
    vd_buffer_free(&self->meta);
    free(self);
    *self_pointer = NULL;
}

const vd_adapter_t vd_http_adapter = {
    .name = "http",
    .summary = "What answers over HTTP or HTTPS.",
    .ops = ops,
    .out_max = OUT_MAX,
    .open = open_adapter,
    .start = start,
    .cancel = cancel,
    .close = close_adapter,
};
