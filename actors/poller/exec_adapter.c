/* exec_adapter.c: the adapter "exec": what a command says. */
#include "adapter.h"
#include "kit/exec_child.h"

#include "wire/limits.h"
#include "wire/value.h"

#include <assert.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define OUT_MAX          192
#define RUNNING_MAX      32 /* commands at a time; further ones wait */
#define DYING_MAX        64 /* killed and not gone */
#define ERRORS_BYTES_MAX 2048
#define META_BYTES_MAX   (ERRORS_BYTES_MAX + 128)
#define EVENTS_MAX       64
#define CLOSE_WAIT_MS    100

static const char *const ops[] = {"run", NULL};

typedef enum vd_exec_state { QUEUED = 1, RUNNING, DYING } vd_exec_state_t;

struct vd_exec_work;

/* What an event of epoll is about. */
typedef struct vd_exec_watch {
    struct vd_exec_work *work;
    int fd;
} vd_exec_watch_t;

typedef struct vd_exec_work {
    struct vd_exec_work *next;
    vd_exec_state_t state;
    uint64_t token, bytes_max;
    int64_t started_us;
    vd_status_t status; /* of a command that could not run, or said too much */
    bool ended;         /* the guard has */
    vd_exec_child_t child;
    vd_exec_watch_t out, errors, pid;
    vd_buffer_t content, said; /* output and errors */
    char error[256];
    char command[VD_TEXT_BYTES_MAX + 1], target[VD_TEXT_BYTES_MAX + 1];
} vd_exec_work_t;

typedef struct vd_exec_adapter_state {
    vd_adapter_host_t host;
    int epoll;
    zmq_pollitem_t item;
    vd_exec_work_t *works; /* the oldest first */
    uint32_t running, dying;
} vd_exec_adapter_state_t;

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- works ---- */

static void free_work(vd_exec_work_t *work)
{
    assert(work->child.guard == 0);
    vd_buffer_free(&work->content);
    vd_buffer_free(&work->said);
    free(work);
}

static void take_out(vd_exec_adapter_state_t *self, vd_exec_work_t *work)
{
    vd_exec_work_t **at = &self->works;
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    self->running -= work->state == RUNNING;
    self->dying -= work->state == DYING;
}

static void append(vd_exec_adapter_state_t *self, vd_exec_work_t *work)
{
    vd_exec_work_t **at = &self->works;
    while (*at != NULL)
        at = &(*at)->next;
    *at = work;
}

static void watch(vd_exec_adapter_state_t *self, vd_exec_work_t *work, vd_exec_watch_t *one, int fd)
{
    *one = (vd_exec_watch_t){work, fd};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    int rc = epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
    assert(rc == 0);
}

static void unwatch(vd_exec_adapter_state_t *self, vd_exec_watch_t *one)
{
    if (one->fd >= 0)
        epoll_ctl(self->epoll, EPOLL_CTL_DEL, one->fd, NULL);
    one->fd = -1;
}

/* ---- output ---- */

static bool take_said(vd_exec_work_t *work, const uint8_t *block, size_t size)
{
    size_t room = ERRORS_BYTES_MAX - work->said.size;
    vd_buffer_add(&work->said, block, size < room ? size : room);
    return true;
}

static bool take_content(vd_exec_work_t *work, const uint8_t *block, size_t size)
{
    if (work->status == VD_OK && size <= work->bytes_max - work->content.size &&
        vd_buffer_add(&work->content, block, size))
        return true;
    if (work->status == VD_OK) {
        work->status = VD_TOO_LARGE;
        snprintf(work->error, sizeof work->error, "the command says more than %llu bytes",
                 (unsigned long long)work->bytes_max);
        vd_exec_kill(&work->child);
    }
    return false;
}

/* Reads what is there, at most `blocks` blocks. */
static void take_output(vd_exec_adapter_state_t *self, vd_exec_work_t *work, vd_exec_watch_t *one,
                        int blocks)
{
    uint8_t block[16384];
    for (int i = 0; i < blocks && one->fd >= 0; i++) {
        ssize_t size = read(one->fd, block, sizeof block);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        bool more =
            size > 0 && (one == &work->out ? take_content : take_said)(work, block, (size_t)size);
        if (!more)
            unwatch(self, one);
    }
}

/* ---- results ---- */

/* The last line that the command said to its error output, fit for a text. */
static void last_line(const vd_exec_work_t *work, char *out, size_t size)
{
    const uint8_t *data = work->said.data;
    size_t end = work->said.size;
    while (end > 0 && data[end - 1] <= ' ')
        end--;
    size_t begin = end;
    while (begin > 0 && data[begin - 1] != '\n' && end - begin < size - 3)
        begin--;
    size_t used = 0;
    if (begin < end) {
        out[used++] = ':';
        out[used++] = ' ';
    }
    for (size_t i = begin; i < end; i++)
        out[used++] = (char)(data[i] >= ' ' && data[i] <= '~' ? data[i] : '?');
    out[used] = 0;
}

static void judge(vd_exec_work_t *work, const vd_exec_end_t *end)
{
    char said[100];
    last_line(work, said, sizeof said);
    if (work->status != VD_OK)
        return;
    if (end->signal != 0)
        snprintf(work->error, sizeof work->error, "the command was killed by signal %d (%s)%s",
                 end->signal, strsignal(end->signal), said);
    else if (end->exit != 0)
        snprintf(work->error, sizeof work->error, "the command ended with %d%s", end->exit, said);
    if (end->signal != 0 || end->exit != 0)
        work->status = VD_FAILED;
}

/* Errors of a command may be any bytes: what is not printable is told as "?". */
static void write_meta(const vd_exec_work_t *work, const vd_exec_end_t *end, vd_buffer_t *out)
{
    char said[ERRORS_BYTES_MAX];
    for (size_t i = 0; i < work->said.size; i++) {
        uint8_t byte = work->said.data[i];
        said[i] = (char)((byte >= ' ' && byte <= '~') || byte == '\n' || byte == '\t' ? byte : '?');
    }
    vd_write_map(out, 3);
    vd_write_pair_i64(out, "exit", end->exit);
    vd_write_pair_i64(out, "signal", end->signal);
    vd_write_pair_str(out, "stderr", vd_bytes(said, work->said.size));
}

static void tell(vd_exec_adapter_state_t *self, vd_exec_work_t *work, const vd_exec_end_t *end)
{
    vd_buffer_t meta;
    vd_buffer_init(&meta, META_BYTES_MAX);
    if (end != NULL) {
        judge(work, end);
        write_meta(work, end, &meta);
    }
    vd_read_result_t result = {.status = work->status,
                               .error = vd_str(work->error),
                               .took_us = (uint64_t)(clock_us() - work->started_us),
                               .meta = vd_buffer_view(&meta)};
    if (work->status != VD_TOO_LARGE)
        result.content = vd_buffer_view(&work->content);
    self->host.done(self->host.arg, work->token, &result);
    vd_buffer_free(&meta);
}

/* ---- the way of a command ---- */

static void run_command(vd_exec_adapter_state_t *self, vd_exec_work_t *work)
{
    assert(work->state == QUEUED && work->status == VD_OK);
    const char *target = work->target;
    if (!vd_exec_start(work->command, &target, 1, &work->child)) {
        work->status = errno == ENOMEM ? VD_NO_MEMORY : VD_FAILED;
        snprintf(work->error, sizeof work->error, "no process for the command: %s",
                 strerror(errno));
        return;
    }
    work->state = RUNNING;
    self->running++;
    watch(self, work, &work->out, work->child.out);
    watch(self, work, &work->errors, work->child.errors);
    watch(self, work, &work->pid, work->child.pidfd);
}

static void run_next(vd_exec_adapter_state_t *self)
{
    for (vd_exec_work_t *work = self->works; work != NULL; work = work->next)
        if (work->state == QUEUED && work->status == VD_OK && self->running < RUNNING_MAX &&
            self->dying < DYING_MAX)
            run_command(self, work);
}

/* A work that has come to its end; NULL when there is none. */
static vd_exec_work_t *find_ended(vd_exec_adapter_state_t *self)
{
    vd_exec_work_t *work = self->works;
    while (work != NULL && !work->ended && !(work->state == QUEUED && work->status != VD_OK))
        work = work->next;
    return work;
}

static void finish(vd_exec_adapter_state_t *self, vd_exec_work_t *work)
{
    vd_exec_end_t end = {0};
    bool told = work->state != DYING, ran = work->ended;
    if (ran) {
        /* A process that has left the group may say more for ever: a full pipe is enough. */
        take_output(self, work, &work->out, 64);
        take_output(self, work, &work->errors, 4);
        unwatch(self, &work->out);
        unwatch(self, &work->errors);
        unwatch(self, &work->pid);
        bool reaped = vd_exec_reap(&work->child, 0, &end);
        assert(reaped);
    }
    take_out(self, work);
    if (told)
        tell(self, work, ran ? &end : NULL);
    free_work(work);
}

static int look_again(zloop_t *loop, int timer, void *arg);

static void settle(vd_exec_adapter_state_t *self)
{
    vd_exec_work_t *work;
    while ((work = find_ended(self)) != NULL)
        finish(self, work);
    run_next(self);
    if (find_ended(self) != NULL)
        zloop_timer(self->host.loop, 1, 1, look_again, self);
}

/* For what has ended without a process, and so has no descriptor that tells it. */
static int look_again(zloop_t *loop, int timer, void *arg)
{
    (void)loop, (void)timer;
    settle(arg);
    return 0;
}

static int turn(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop, (void)item;
    vd_exec_adapter_state_t *self = arg;
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        vd_exec_watch_t *one = events[i].data.ptr;
        if (one == &one->work->pid)
            one->work->ended = true;
        else
            take_output(self, one->work, one, 4);
    }
    settle(self);
    return 0;
}

/* ---- the contract ---- */

static void *open_adapter(const vd_adapter_host_t *host)
{
    assert(host != NULL && host->loop != NULL && host->done != NULL);
    vd_exec_adapter_state_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->host = *host;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0) {
        free(self);
        return NULL;
    }
    self->item = (zmq_pollitem_t){.fd = self->epoll, .events = ZMQ_POLLIN};
    int added = zloop_poller(host->loop, &self->item, turn, self);
    assert(added == 0);
    zloop_poller_set_tolerant(host->loop, &self->item);
    return self;
}

static const char *copy_request(vd_exec_work_t *work, const vd_read_request_t *request)
{
    bool command = vd_str_copy(work->command, sizeof work->command, request->address);
    bool target = vd_str_copy(work->target, sizeof work->target, request->target);
    if (request->address.size == 0)
        return "the source's address must be a command line";
    if (!command || !target)
        return "the command line or the target is too long";
    if (strlen(work->command) != request->address.size ||
        strlen(work->target) != request->target.size)
        return "the command line or the target holds a zero byte";
    if (request->auth.size > 0)
        return "a command takes no auth";
    return NULL;
}

static void start(void *arg, const vd_read_request_t *request)
{
    vd_exec_adapter_state_t *self = arg;
    vd_exec_work_t *work = calloc(1, sizeof *work);
    if (work == NULL)
        return; /* the poller's deadline tells it */
    work->state = QUEUED;
    work->token = request->token;
    work->bytes_max = request->bytes_max;
    work->started_us = clock_us();
    work->out.fd = work->errors.fd = work->pid.fd = -1;
    vd_buffer_init(&work->content, VD_SAMPLE_BYTES_MAX);
    vd_buffer_init(&work->said, ERRORS_BYTES_MAX);
    const char *why = copy_request(work, request);
    if (why != NULL) {
        work->status = VD_MALFORMED;
        snprintf(work->error, sizeof work->error, "%s", why);
    }
    append(self, work);
    run_next(self);
    if (work->state == QUEUED && work->status != VD_OK)
        zloop_timer(self->host.loop, 1, 1, look_again, self);
}

static void cancel(void *arg, uint64_t token)
{
    vd_exec_adapter_state_t *self = arg;
    vd_exec_work_t *work = self->works;
    while (work != NULL && (work->token != token || work->state == DYING))
        work = work->next;
    if (work == NULL)
        return;
    if (work->state == QUEUED) {
        take_out(self, work);
        free_work(work);
        return;
    }
    unwatch(self, &work->out);
    unwatch(self, &work->errors);
    vd_exec_kill(&work->child);
    work->state = DYING;
    self->running--;
    self->dying++;
}

static void close_adapter(void **self_pointer)
{
    assert(self_pointer != NULL);
    vd_exec_adapter_state_t *self = *self_pointer;
    if (self == NULL)
        return;
    zloop_poller_end(self->host.loop, &self->item);
    for (const vd_exec_work_t *work = self->works; work != NULL; work = work->next)
        if (work->state != QUEUED)
            vd_exec_kill(&work->child);
    while (self->works != NULL) {
        vd_exec_work_t *work = self->works;
        vd_exec_end_t end;
        take_out(self, work);
        /* One that the kernel holds stays behind, killed. */
        if (work->state != QUEUED && !vd_exec_reap(&work->child, CLOSE_WAIT_MS, &end))
            work->child.guard = 0;
        free_work(work);
    }
    close(self->epoll);
    free(self);
    *self_pointer = NULL;
}

const vd_adapter_t vd_exec_adapter = {
    .name = "exec",
    .summary = "What a command of this machine says.",
    .ops = ops,
    .out_max = OUT_MAX,
    .open = open_adapter,
    .start = start,
    .cancel = cancel,
    .close = close_adapter,
};
