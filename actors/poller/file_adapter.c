/* file_adapter.c: the adapter "file": files, file systems and links of this machine, read by a pool
 * of threads. */
#include "adapter.h"
#include "file_ops.h"
#include "worker_pool.h"

#include "wire/value.h"

#include <assert.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORKERS        4
#define STUCK_MAX      16
#define OUT_MAX        192
#define META_BYTES_MAX 512
#define PATH_BYTES_MAX (2 * VD_TEXT_BYTES_MAX + 2)

typedef struct vd_file_work {
    vd_work_t work; /* first: the pool knows no more */
    vd_file_job_t job;
    uint64_t took_us;
    char op[VD_NAME_BYTES_MAX + 1];
    char prefix[VD_TEXT_BYTES_MAX + 1];
    char match[VD_TEXT_BYTES_MAX + 1];
    char path[PATH_BYTES_MAX];
} vd_file_work_t;

typedef struct vd_file_adapter_state {
    vd_adapter_host_t host;
    vd_pool_t *pool;
    zmq_pollitem_t item;
} vd_file_adapter_state_t;

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void run_work(vd_work_t *work)
{
    vd_file_work_t *self = (vd_file_work_t *)work;
    uint64_t from_us = clock_us();
    vd_file_run(&self->job);
    self->took_us = clock_us() - from_us;
}

static void give_up_work(vd_work_t *work)
{
    atomic_store(&((vd_file_work_t *)work)->job.stop, true);
}

static void release_work(vd_work_t *work)
{
    vd_file_work_t *self = (vd_file_work_t *)work;
    vd_buffer_free(&self->job.meta);
    vd_buffer_free(&self->job.content);
    free(self);
}

/* Tells what is done. A flood of results leaves the loop a chance between batches. */
static int take_done(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop, (void)item;
    vd_file_adapter_state_t *self = arg;
    for (int i = 0; i < 64; i++) {
        vd_file_work_t *work = (vd_file_work_t *)vd_pool_take(self->pool);
        if (work == NULL)
            break;
        const vd_file_job_t *job = &work->job;
        vd_read_result_t result = {.status = job->status,
                                   .error = vd_str(job->error),
                                   .took_us = work->took_us,
                                   .meta = vd_buffer_view(&job->meta),
                                   .content = vd_buffer_view(&job->content)};
        self->host.done(self->host.arg, work->work.token, &result);
        release_work(&work->work);
    }
    return 0;
}

static void *open_adapter(const vd_adapter_host_t *host)
{
    assert(host != NULL && host->loop != NULL && host->done != NULL);
    vd_file_adapter_state_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_pool_spec_t spec = {.workers = WORKERS,
                           .stuck_max = STUCK_MAX,
                           .run = run_work,
                           .give_up = give_up_work,
                           .release = release_work};
    self->host = *host;
    self->pool = vd_pool_new(&spec);
    if (self->pool == NULL) {
        free(self);
        return NULL;
    }
    self->item = (zmq_pollitem_t){.fd = vd_pool_fd(self->pool), .events = ZMQ_POLLIN};
    int added = zloop_poller(host->loop, &self->item, take_done, self);
    assert(added == 0);
    zloop_poller_set_tolerant(host->loop, &self->item);
    return self;
}

static void close_adapter(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_file_adapter_state_t *self = *self_pointer;
    if (self == NULL)
        return;
    zloop_poller_end(self->host.loop, &self->item);
    vd_pool_destroy(&self->pool);
    free(self);
    *self_pointer = NULL;
}

/* What links and lines must be like, from args. */
static vd_status_t read_args(vd_bytes_t args, vd_file_work_t *work)
{
    vd_value_t map;
    if (args.size == 0)
        return VD_OK;
    if (!vd_value_of(args, &map) || map.kind != VD_KIND_MAP)
        return VD_WRONG_TYPE;
    bool fits = vd_str_copy(work->prefix, sizeof work->prefix, vd_value_get_str(&map, "prefix")) &&
                vd_str_copy(work->match, sizeof work->match, vd_value_get_str(&map, "match"));
    return fits ? VD_OK : VD_TOO_LARGE;
}

static bool is_same_path(const vd_work_t *work, const void *arg)
{
    return strcmp(((const vd_file_work_t *)work)->path, ((const vd_file_work_t *)arg)->path) == 0;
}

/* Why the work is not even begun; VD_OK when it is. */
static vd_status_t prepare(vd_file_adapter_state_t *self, vd_file_work_t *work,
                           const vd_read_request_t *request)
{
    const char *why = "";
    vd_status_t status =
        vd_file_path(request->address, request->target, work->path, sizeof work->path);
    if (status != VD_OK)
        why = status == VD_DENIED ? "a target must not contain .."
                                  : "address and target are too long";
    if (status == VD_OK) {
        status = read_args(request->args, work);
        why = "args must be a map with the texts prefix and match";
    }
    if (status == VD_OK && vd_pool_stuck_matches(self->pool, is_same_path, work)) {
        status = VD_TIMED_OUT;
        why = "an earlier read of it hangs still";
    }
    if (status != VD_OK)
        snprintf(work->job.error, sizeof work->job.error, "%.*s: %s", (int)request->target.size,
                 (const char *)request->target.data, why);
    return status;
}

static void start(void *arg, const vd_read_request_t *request)
{
    vd_file_adapter_state_t *self = arg;
    vd_file_work_t *work = calloc(1, sizeof *work);
    if (work == NULL)
        return; /* the poller's deadline tells it */
    bool copied = vd_str_copy(work->op, sizeof work->op, request->op);
    assert(copied);
    work->work.token = request->token;
    work->job.op = work->op;
    work->job.path = work->path;
    work->job.prefix = work->prefix;
    work->job.match = work->match;
    work->job.bytes_max = request->bytes_max;
    atomic_init(&work->job.stop, false);
    vd_buffer_init(&work->job.meta, META_BYTES_MAX);
    /* Room for the step in which it is noticed that there is more. */
    vd_buffer_init(&work->job.content, request->bytes_max + 65536);
    work->job.status = prepare(self, work, request);
    if (work->job.status == VD_OK)
        vd_pool_start(self->pool, &work->work);
    else
        vd_pool_finish(self->pool, &work->work);
}

static void cancel(void *arg, uint64_t token)
{
    vd_file_adapter_state_t *self = arg;
    vd_pool_cancel(self->pool, token);
}

const vd_adapter_t vd_file_adapter = {
    .name = "file",
    .summary = "Files, file systems and links of this machine.",
    .ops = vd_file_op_names,
    .out_max = OUT_MAX,
    .open = open_adapter,
    .start = start,
    .cancel = cancel,
    .close = close_adapter,
};
