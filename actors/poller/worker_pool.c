/* worker_pool.c: the threads, the queue and the list of what is done. */
#include "worker_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES  131072
#define CLOSE_WAIT_S 1

typedef struct vd_queue {
    vd_work_t *first, *last;
} vd_queue_t;

struct vd_pool {
    vd_pool_spec_t spec;
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* there is work, or the end */
    pthread_cond_t left;   /* a thread has ended */
    bool closing, abandoned;
    uint32_t threads, idle, stuck; /* threads counts the stuck too */
    uint32_t done_count;
    vd_queue_t waiting, running, done, hanging;
};

static void append(vd_queue_t *queue, vd_work_t *work)
{
    work->next = NULL;
    if (queue->last != NULL)
        queue->last->next = work;
    else
        queue->first = work;
    queue->last = work;
}

static vd_work_t *take_first(vd_queue_t *queue)
{
    vd_work_t *work = queue->first;
    if (work == NULL)
        return NULL;
    queue->first = work->next;
    if (queue->first == NULL)
        queue->last = NULL;
    return work;
}

/* Takes the work with this token out of `queue`; NULL when it is not there. */
static vd_work_t *take_token(vd_queue_t *queue, uint64_t token)
{
    vd_work_t *before = NULL;
    for (vd_work_t *work = queue->first; work != NULL; before = work, work = work->next) {
        if (work->token != token)
            continue;
        if (before != NULL)
            before->next = work->next;
        else
            queue->first = work->next;
        if (queue->last == work)
            queue->last = before;
        return work;
    }
    return NULL;
}

vd_pool_t *vd_pool_new(const vd_pool_spec_t *spec)
{
    assert(spec != NULL && spec->workers > 0 && spec->run != NULL && spec->release != NULL);
    vd_pool_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->spec = *spec;
    if (self->spec.stack_bytes == 0)
        self->spec.stack_bytes = STACK_BYTES;
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->fd < 0) {
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->wanted, NULL);
    pthread_condattr_t attributes; /* the end is not to wait for a time of day that jumps */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->left, &attributes);
    pthread_condattr_destroy(&attributes);
    return self;
}

static void free_pool(vd_pool_t *self)
{
    assert(self->threads == 0);
    assert(self->running.first == NULL && self->hanging.first == NULL);
    vd_work_t *work;
    while ((work = take_first(&self->waiting)) != NULL || (work = take_first(&self->done)) != NULL)
        self->spec.release(work);
    close(self->fd);
    pthread_cond_destroy(&self->left);
    pthread_cond_destroy(&self->wanted);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static void tell(const vd_pool_t *self)
{
    uint64_t one = 1;
    ssize_t written = write(self->fd, &one, sizeof one);
    assert(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static void put_done(vd_pool_t *self, vd_work_t *work)
{
    append(&self->done, work);
    self->done_count++;
    tell(self);
}

/* Runs one piece of work; called and left with the lock held. */
static void run_one(vd_pool_t *self, vd_work_t *work)
{
    append(&self->running, work);
    pthread_mutex_unlock(&self->lock);
    self->spec.run(work);
    pthread_mutex_lock(&self->lock);
    vd_work_t *mine = take_token(work->given_up ? &self->hanging : &self->running, work->token);
    assert(mine == work);
    if (mine->given_up) {
        assert(self->stuck > 0);
        self->stuck--;
        self->spec.release(mine);
    } else {
        put_done(self, mine);
    }
}

static void *serve(void *arg)
{
    vd_pool_t *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!self->closing && self->threads - self->stuck <= self->spec.workers) {
        vd_work_t *work = NULL;
        if (self->done_count < self->spec.workers)
            work = take_first(&self->waiting);
        if (work != NULL) {
            run_one(self, work);
            continue;
        }
        self->idle++;
        pthread_cond_wait(&self->wanted, &self->lock);
        self->idle--;
    }
    self->threads--;
    bool last = self->abandoned && self->threads == 0;
    pthread_cond_signal(&self->left);
    pthread_mutex_unlock(&self->lock);
    if (last)
        free_pool(self);
    return NULL;
}

/* Starts a thread when there is more work than threads wait for; called with the lock held. */
static void grow(vd_pool_t *self)
{
    uint32_t able = self->threads - self->stuck;
    if (self->waiting.first == NULL || self->idle > 0 || able >= self->spec.workers ||
        self->stuck > self->spec.stuck_max)
        return;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, self->spec.stack_bytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals belong to the loop's thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, &attributes, serve, self) == 0)
        self->threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

void vd_pool_destroy(vd_pool_t **self_pointer)
{
    assert(self_pointer != NULL);
    vd_pool_t *self = *self_pointer;
    *self_pointer = NULL;
    if (self == NULL)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_WAIT_S;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_broadcast(&self->wanted);
    int waited = 0;
    while (self->threads > self->stuck && waited == 0)
        waited = pthread_cond_timedwait(&self->left, &self->lock, &until);
    self->abandoned = true;
    bool last = self->threads == 0;
    pthread_mutex_unlock(&self->lock);
    if (last)
        free_pool(self);
}

int vd_pool_fd(const vd_pool_t *self)
{
    assert(self != NULL);
    return self->fd;
}

void vd_pool_start(vd_pool_t *self, vd_work_t *work)
{
    assert(self != NULL && work != NULL);
    pthread_mutex_lock(&self->lock);
    work->given_up = false;
    append(&self->waiting, work);
    grow(self);
    pthread_cond_signal(&self->wanted);
    pthread_mutex_unlock(&self->lock);
}

void vd_pool_finish(vd_pool_t *self, vd_work_t *work)
{
    assert(self != NULL && work != NULL);
    pthread_mutex_lock(&self->lock);
    work->given_up = false;
    put_done(self, work);
    pthread_mutex_unlock(&self->lock);
}

vd_work_t *vd_pool_take(vd_pool_t *self)
{
    assert(self != NULL);
    pthread_mutex_lock(&self->lock);
    vd_work_t *work = take_first(&self->done);
    if (work != NULL) {
        self->done_count--;
        pthread_cond_signal(&self->wanted);
    } else {
        uint64_t count;
        ssize_t got = read(self->fd, &count, sizeof count);
        assert(got == (ssize_t)sizeof count || errno == EAGAIN);
    }
    pthread_mutex_unlock(&self->lock);
    return work;
}

vd_pool_cancelled_t vd_pool_cancel(vd_pool_t *self, uint64_t token)
{
    assert(self != NULL);
    pthread_mutex_lock(&self->lock);
    vd_pool_cancelled_t how = VD_POOL_UNKNOWN;
    vd_work_t *work = take_token(&self->waiting, token);
    if (work == NULL) {
        work = take_token(&self->done, token);
        self->done_count -= work != NULL;
    }
    if (work != NULL) {
        self->spec.release(work);
        how = VD_POOL_RELEASED;
    } else if ((work = take_token(&self->running, token)) != NULL) {
        work->given_up = true;
        append(&self->hanging, work);
        self->spec.give_up(work);
        self->stuck++;
        how = VD_POOL_STUCK;
        grow(self);
    }
    pthread_mutex_unlock(&self->lock);
    return how;
}

uint32_t vd_pool_stuck(vd_pool_t *self)
{
    pthread_mutex_lock(&self->lock);
    uint32_t stuck = self->stuck;
    pthread_mutex_unlock(&self->lock);
    return stuck;
}

bool vd_pool_stuck_matches(vd_pool_t *self, bool (*match)(const vd_work_t *work, const void *arg),
                           const void *arg)
{
    assert(self != NULL && match != NULL);
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (const vd_work_t *work = self->hanging.first; work != NULL && !found; work = work->next)
        found = match(work, arg);
    pthread_mutex_unlock(&self->lock);
    return found;
}
