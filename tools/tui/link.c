/* link.c: see link.h: the life of the threads, and asks on their way to them. */
#include "tui/link_impl.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { QUEUE_BYTES_MAX = 2 << 20, STACK_BYTES = 512 << 10 };

bool tui_link_stopping(tui_link_t *self)
{
    pthread_mutex_lock(&self->lock);
    bool stopping = self->stopping;
    pthread_mutex_unlock(&self->lock);
    return stopping;
}

bool tui_link_sleep(tui_link_t *self, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&self->lock);
    int error = 0;
    while (!self->stopping && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&self->wake, &self->lock, &until);
    bool stopping = self->stopping;
    pthread_mutex_unlock(&self->lock);
    return !stopping;
}

static bool start(tui_link_t *self, void *(*work)(void *))
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool started = pthread_create(&self->threads[self->thread_count], &attributes, work, self) == 0;
    self->thread_count += started;
    pthread_attr_destroy(&attributes);
    return started;
}

tui_link_t *tui_link_new(const char *dir, const char *session, bool offline)
{
    tui_link_t *self = calloc(1, sizeof *self);
    sigset_t all, old;
    if (self == NULL)
        return NULL;
    self->offline = offline;
    self->opening = true;
    self->opened.kind = TUI_ASK_OPEN;
    vd_str_copy(self->dir, sizeof self->dir, vd_str(dir));
    vd_str_copy(self->opened.name, sizeof self->opened.name, vd_str(session));
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->wake, NULL);
    self->queue = tui_queue_new(QUEUE_BYTES_MAX);
    /* Signals are for the thread with the terminal. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    bool started = self->queue != NULL && start(self, tui_link_follow) &&
                   start(self, tui_link_read) && start(self, tui_link_others) &&
                   start(self, tui_link_feeds);
    /* Who is asked may hang: another one is not to wait for it. A store alone is asked of by one,
     * for observers are started for it. */
    if (started && !offline)
        started = start(self, tui_link_others);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!started)
        tui_link_destroy(&self);
    return self;
}

static void drop(tui_ask_list_t *list)
{
    for (; list->count > 0; list->count--, list->first++)
        vd_buffer_free(&list->asks[list->first % TUI_LINK_ASKS].bytes);
}

void tui_link_destroy(tui_link_t **self_p)
{
    tui_link_t *self = *self_p;
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_broadcast(&self->wake);
    pthread_mutex_unlock(&self->lock);
    if (self->queue != NULL)
        tui_queue_close(self->queue);
    for (size_t i = 0; i < self->thread_count; i++)
        pthread_join(self->threads[i], NULL);
    drop(&self->reads);
    drop(&self->others);
    tui_queue_destroy(&self->queue);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

tui_queue_t *tui_link_queue(tui_link_t *self)
{
    return self->queue;
}

void tui_link_answer(tui_link_t *self, uint64_t number, vd_status_t status, const char *text,
                     vd_bytes_t value)
{
    tui_input_t input = {.kind = TUI_INPUT_ANSWER, .number = number, .status = status};
    input.text = text;
    input.value = value;
    tui_queue_put(self->queue, &input);
}

static bool put(tui_ask_list_t *list, const tui_ask_t *ask)
{
    if (list->count == TUI_LINK_ASKS)
        return false;
    list->asks[(list->first + list->count++) % TUI_LINK_ASKS] = *ask;
    return true;
}

/* Nobody waits for this one any longer. */
static void cancel(tui_ask_list_t *list, uint64_t number)
{
    if (list->running == number)
        list->cancelled = number;
    for (size_t i = 0; i < list->count; i++) {
        tui_ask_t *ask = &list->asks[(list->first + i) % TUI_LINK_ASKS];
        if (ask->number == number)
            ask->count = 0;
    }
}

void tui_link_ask(tui_link_t *self, tui_ask_t *ask)
{
    bool taken = true;
    assert(ask->kind < TUI_ASK_COPY);
    pthread_mutex_lock(&self->lock);
    if (ask->kind == TUI_ASK_OPEN) {
        self->opened = *ask;
        self->opening = true;
    } else if (ask->kind == TUI_ASK_EVENTS) {
        if (ask->id != 0)
            cancel(&self->reads, ask->id);
        taken = put(&self->reads, ask);
    } else {
        taken = put(&self->others, ask);
    }
    pthread_cond_broadcast(&self->wake);
    pthread_mutex_unlock(&self->lock);
    if (!taken) { /* the core never has so many out */
        vd_buffer_free(&ask->bytes);
        tui_link_answer(self, ask->number, VD_OVERLOADED, "too much is asked at once",
                        vd_bytes(NULL, 0));
    }
}

vd_status_t tui_link_request(vd_client_t *client, const char *actor, const char *port,
                             const vd_message_t *message, bool once, int timeout_ms,
                             vd_reply_t *reply)
{
    vd_buffer_t encoded;
    size_t header_size = 0;
    vd_buffer_init(&encoded, VD_HEADER_BYTES_MAX + VD_BODY_BYTES_MAX);
    *reply = (vd_reply_t){0};
    vd_status_t status = vd_message_encode(message, &encoded, &header_size);
    if (status == VD_OK) {
        vd_request_t request = {.actor = actor, .port = port, .id = message->id, .once = once};
        request.body = encoded.data + header_size;
        request.body_size = encoded.size - header_size;
        status = vd_client_request(client, &request, timeout_ms, reply);
    }
    vd_buffer_free(&encoded);
    return status;
}
