/* lookup.c: the threads of lookups, and how the loop hears of their ends. */
#include "lookup.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* What a lookup may take longer than its deadline before it is given up: it ends by itself, with a
 * better reason, when it can. */
enum { GRACE_MS = 500, CLOSE_WAIT_S = 2 };

/* What the threads share with the loop. */
typedef struct vd_lookup_threads {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running;
    int wake; /* becomes readable when one has ended */
} vd_lookup_threads_t;

typedef struct vd_lookup_job {
    const vd_lookup_t *lookup;
    vd_lookup_threads_t *threads;
    vd_lookup_work_t work;
    vd_buffer_t out;
    vd_status_t status;
    char error[VD_TEXT_BYTES_MAX + 1];
    bool ended, given_up; /* under the lock */
} vd_lookup_job_t;

static void raise_fd(int fd)
{
    uint64_t one = 1;
    ssize_t size = write(fd, &one, sizeof one);
    (void)size; /* only a full counter refuses it, and that is readable too */
}

static void free_job(vd_lookup_job_t *job)
{
    if (job->work.cancel >= 0)
        close(job->work.cancel);
    vd_buffer_free(&job->out);
    free(job);
}

static void *run_job(void *arg)
{
    vd_lookup_job_t *job = arg;
    vd_lookup_threads_t *threads = job->threads;
    job->status = job->lookup->run(job->lookup, &job->work);
    pthread_mutex_lock(&threads->lock);
    job->ended = true;
    threads->running--;
    if (job->given_up)
        free_job(job);
    else
        raise_fd(threads->wake);
    pthread_cond_signal(&threads->ended);
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

static void stop_timer(vd_lookup_t *self)
{
    if (self->timer >= 0)
        zloop_timer_end(vd_actor_loop(self->host.actor), self->timer);
    self->timer = -1;
}

static void fail(vd_lookup_t *self, vd_status_t status, const char *error)
{
    vd_listing_t listing = {.status = status, .error = vd_str(error)};
    self->host.done(self->host.arg, &listing);
}

/* Gives up the job that is out, and says whether it had ended. */
static bool give_up(vd_lookup_t *self)
{
    vd_lookup_job_t *job = self->job;
    self->job = NULL;
    pthread_mutex_lock(&self->threads->lock);
    bool ended = job->ended;
    job->given_up = true;
    raise_fd(job->work.cancel);
    pthread_mutex_unlock(&self->threads->lock);
    return ended;
}

static void tell(vd_lookup_t *self)
{
    vd_lookup_job_t *job = self->job;
    self->job = NULL;
    stop_timer(self);
    vd_listing_t listing = {.status = job->status, .error = vd_str(job->error)};
    if (job->status == VD_OK)
        listing.sources = vd_buffer_view(&job->out);
    self->host.done(self->host.arg, &listing);
    free_job(job);
}

static int on_wake(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    vd_lookup_t *self = arg;
    uint64_t count;
    if (read(item->fd, &count, sizeof count) != (ssize_t)sizeof count)
        return 0;
    pthread_mutex_lock(&self->threads->lock);
    bool ended = self->job != NULL && self->job->ended;
    pthread_mutex_unlock(&self->threads->lock);
    if (ended)
        tell(self);
    return 0;
}

static int on_timer(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    vd_lookup_t *self = arg;
    assert(timer == self->timer && self->job != NULL);
    self->timer = -1;
    vd_lookup_job_t *job = self->job;
    if (give_up(self)) {
        self->job = job; /* it came in the last moment */
        tell(self);
        return 0;
    }
    char error[128];
    snprintf(error, sizeof error, "no answer within %lld ms", (long long)self->timeout_ms);
    fail(self, VD_TIMED_OUT, error);
    return 0;
}

static bool begin(vd_lookup_t *self)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_mutex_lock(&self->threads->lock);
    self->threads->running++;
    pthread_mutex_unlock(&self->threads->lock);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good = pthread_create(&thread, NULL, run_job, self->job) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (good) {
        pthread_detach(thread);
        return true;
    }
    pthread_mutex_lock(&self->threads->lock);
    self->threads->running--;
    pthread_mutex_unlock(&self->threads->lock);
    return false;
}

void vd_lookup_list(void *arg)
{
    vd_lookup_t *self = arg;
    assert(self != NULL && self->job == NULL);
    pthread_mutex_lock(&self->threads->lock);
    unsigned stuck = self->threads->running;
    pthread_mutex_unlock(&self->threads->lock);
    if (stuck >= VD_LOOKUPS_STUCK_MAX) {
        fail(self, VD_TIMED_OUT, "no answer, and the lookups before have not ended either");
        return;
    }
    vd_lookup_job_t *job = calloc(1, sizeof *job);
    if (job == NULL) {
        fail(self, VD_NO_MEMORY, "out of memory");
        return;
    }
    vd_buffer_init(&job->out, VD_SOURCE_LIST_BYTES_MAX);
    job->lookup = self;
    job->threads = self->threads;
    job->work = (vd_lookup_work_t){.deadline_ms = zclock_mono() + self->timeout_ms,
                                   .cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                   .out = &job->out,
                                   .error = job->error,
                                   .error_size = sizeof job->error};
    self->job = job;
    if (job->work.cancel < 0 || !begin(self)) {
        self->job = NULL;
        free_job(job);
        fail(self, VD_FAILED, "no descriptor or no thread for a lookup");
        return;
    }
    self->timer = zloop_timer(vd_actor_loop(self->host.actor),
                              (size_t)(self->timeout_ms + GRACE_MS), 1, on_timer, self);
}

int64_t vd_lookup_refresh_ms(const void *arg)
{
    const vd_lookup_t *self = arg;
    return self->refresh_ms;
}

int vd_lookup_left_ms(const vd_lookup_work_t *work)
{
    int64_t left = work->deadline_ms - zclock_mono();
    return left > 0 ? (int)left : 0;
}

static bool read_labels(vd_lookup_t *self, const vd_config_t *config, char *error,
                        size_t error_size)
{
    const char *table = self->host.table;
    size_t count = vd_config_list_count(config, table, "labels");
    vd_write_map(&self->labels, (uint32_t)count);
    for (size_t at = 0; at < count; at++) {
        const char *text = vd_config_list_at(config, table, "labels", at);
        if (count <= VD_LABELS_MAX && vd_label_write(vd_str(text), &self->labels))
            continue;
        snprintf(error, error_size,
                 "%s.labels: \"%.80s\" must be written KEY=TEXT, at most %d of "
                 "them in all",
                 table, text, VD_LABELS_MAX);
        return false;
    }
    if (count > 0)
        self->form.labels = vd_buffer_view(&self->labels);
    return true;
}

static bool read_form(vd_lookup_t *self, char *error, size_t error_size)
{
    const vd_config_t *config = vd_actor_config(self->host.actor);
    const char *table = self->host.table;
    self->form.adapter = vd_str(vd_config_str(config, table, "adapter"));
    self->form.address = vd_str(vd_config_str(config, table, "address"));
    self->refresh_ms = vd_config_duration_ms(config, table, "refresh");
    self->timeout_ms = vd_config_duration_ms(config, table, "timeout");
    const char *why = vd_target_check(self->form.address);
    if (why != NULL)
        snprintf(error, error_size, "%s.address: %s", table, why);
    return why == NULL && read_labels(self, config, error, error_size);
}

static vd_lookup_threads_t *new_threads(void)
{
    vd_lookup_threads_t *threads = calloc(1, sizeof *threads);
    if (threads == NULL)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    threads->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return threads;
}

bool vd_lookup_open(vd_lookup_t *self, const vd_provider_host_t *host, vd_lookup_fn *run,
                    char *error, size_t error_size)
{
    assert(self != NULL && host != NULL && host->done != NULL && run != NULL);
    self->host = *host;
    self->run = run;
    self->timer = -1;
    vd_buffer_init(&self->labels, VD_SPEC_BYTES_MAX);
    if (!read_form(self, error, error_size))
        return false;
    self->threads = new_threads();
    zmq_pollitem_t item = {.fd = self->threads != NULL ? self->threads->wake : -1,
                           .events = ZMQ_POLLIN};
    if (item.fd >= 0 && zloop_poller(vd_actor_loop(host->actor), &item, on_wake, self) == 0)
        return true;
    snprintf(error, error_size, "no memory or no descriptor for lookups: %s", strerror(errno));
    return false;
}

/* Waits until no thread runs; false when some are left. */
static bool wait_threads(vd_lookup_threads_t *threads)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_WAIT_S;
    int result = 0;
    pthread_mutex_lock(&threads->lock);
    while (threads->running > 0 && result == 0)
        result = pthread_cond_timedwait(&threads->ended, &threads->lock, &until);
    bool ended = threads->running == 0;
    pthread_mutex_unlock(&threads->lock);
    return ended;
}

bool vd_lookup_close(vd_lookup_t *self)
{
    assert(self != NULL);
    vd_lookup_threads_t *threads = self->threads;
    if (threads != NULL) {
        vd_lookup_job_t *job = self->job;
        stop_timer(self);
        if (job != NULL && give_up(self))
            free_job(job);
        zmq_pollitem_t item = {.fd = threads->wake, .events = ZMQ_POLLIN};
        if (threads->wake >= 0)
            zloop_poller_end(vd_actor_loop(self->host.actor), &item);
        if (!wait_threads(threads))
            return false;
        if (threads->wake >= 0)
            close(threads->wake);
        pthread_cond_destroy(&threads->ended);
        pthread_mutex_destroy(&threads->lock);
        free(threads);
        self->threads = NULL;
    }
    vd_buffer_free(&self->labels);
    return true;
}
