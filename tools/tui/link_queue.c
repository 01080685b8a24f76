/* link_queue.c: see link_queue.h. */
#include "tui/link_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct tui_queue {
    pthread_mutex_t lock;
    pthread_cond_t room;
    tui_parcel_t *first, **end;
    size_t bytes, bytes_max;
    int fd;
    bool closed;
};

tui_queue_t *tui_queue_new(size_t bytes_max)
{
    tui_queue_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->fd < 0) {
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->room, NULL);
    self->end = &self->first;
    self->bytes_max = bytes_max;
    return self;
}

void tui_queue_destroy(tui_queue_t **self)
{
    tui_parcel_t *parcel;
    if (*self == NULL)
        return;
    while ((parcel = tui_queue_take(*self)) != NULL)
        free(parcel);
    close((*self)->fd);
    pthread_cond_destroy(&(*self)->room);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

int tui_queue_fd(const tui_queue_t *self)
{
    return self->fd;
}

static tui_parcel_t *pack(const tui_input_t *input)
{
    struct timespec now;
    size_t text = input->text != NULL ? strlen(input->text) + 1 : 0;
    tui_parcel_t *parcel = malloc(sizeof *parcel + input->value.size + text);
    if (parcel == NULL)
        return NULL;
    uint8_t *data = (uint8_t *)(parcel + 1);
    clock_gettime(CLOCK_REALTIME, &now);
    parcel->next = NULL;
    parcel->size = sizeof *parcel + input->value.size + text;
    parcel->at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    parcel->input = *input;
    if (input->value.size > 0)
        memcpy(data, input->value.data, input->value.size);
    parcel->input.value = vd_bytes(data, input->value.size);
    if (text > 0)
        parcel->input.text = memcpy(data + input->value.size, input->text, text);
    return parcel;
}

bool tui_queue_put(tui_queue_t *self, const tui_input_t *input)
{
    static const uint64_t one = 1;
    tui_parcel_t *parcel = pack(input);
    if (parcel == NULL)
        return false;
    pthread_mutex_lock(&self->lock);
    while (!self->closed && self->first != NULL && self->bytes + parcel->size > self->bytes_max)
        pthread_cond_wait(&self->room, &self->lock);
    bool closed = self->closed;
    if (!closed) {
        /* A counter of one takes another one: this cannot fail. */
        if (self->first == NULL && write(self->fd, &one, sizeof one) < 0)
            abort();
        *self->end = parcel;
        self->end = &parcel->next;
        self->bytes += parcel->size;
    }
    pthread_mutex_unlock(&self->lock);
    if (closed)
        free(parcel);
    return !closed;
}

tui_parcel_t *tui_queue_take(tui_queue_t *self)
{
    uint64_t count;
    pthread_mutex_lock(&self->lock);
    tui_parcel_t *parcel = self->first;
    if (parcel != NULL) {
        self->first = parcel->next;
        self->bytes -= parcel->size;
        if (self->first == NULL)
            self->end = &self->first;
        pthread_cond_broadcast(&self->room);
    }
    if (self->first == NULL && read(self->fd, &count, sizeof count) < 0)
        count = 0;
    pthread_mutex_unlock(&self->lock);
    return parcel;
}

void tui_queue_close(tui_queue_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    pthread_cond_broadcast(&self->room);
    pthread_mutex_unlock(&self->lock);
}
