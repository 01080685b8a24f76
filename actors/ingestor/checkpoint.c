/* checkpoint.c: the thread that copies the store. */
#include "checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct vd_checkpoint {
    int ended_fd;
    bool started; /* the thread is to be joined */
    pthread_t thread;
    vd_store_t *store;
    char dir[VD_TEXT_BYTES_MAX];
    vd_status_t status;
    char text[VD_TEXT_BYTES_MAX];
};

vd_checkpoint_t *vd_checkpoint_new(void)
{
    vd_checkpoint_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->ended_fd >= 0)
        return self;
    free(self);
    return NULL;
}

void vd_checkpoint_destroy(vd_checkpoint_t **checkpoint)
{
    assert(checkpoint != NULL);
    vd_checkpoint_t *self = *checkpoint;
    *checkpoint = NULL;
    if (self == NULL)
        return;
    if (self->started)
        pthread_join(self->thread, NULL);
    close(self->ended_fd);
    free(self);
}

static void *run(void *arg)
{
    vd_checkpoint_t *self = arg;
    uint64_t one = 1;
    self->status = vd_store_checkpoint(self->store, self->dir, self->text, sizeof self->text);
    ssize_t size = write(self->ended_fd, &one, sizeof one);
    assert(size == (ssize_t)sizeof one);
    (void)size;
    return NULL;
}

bool vd_checkpoint_start(vd_checkpoint_t *self, vd_store_t *store, const char *dir)
{
    assert(!self->started && store != NULL && strlen(dir) < sizeof self->dir);
    self->store = store;
    snprintf(self->dir, sizeof self->dir, "%s", dir);
    self->started = pthread_create(&self->thread, NULL, run, self) == 0;
    return self->started;
}

int vd_checkpoint_fd(const vd_checkpoint_t *self)
{
    return self->ended_fd;
}

bool vd_checkpoint_take(vd_checkpoint_t *self, vd_status_t *status, const char **text)
{
    uint64_t count;
    if (read(self->ended_fd, &count, sizeof count) != (ssize_t)sizeof count) {
        assert(errno == EAGAIN || errno == EINTR);
        return false;
    }
    assert(self->started);
    pthread_join(self->thread, NULL);
    self->started = false;
    *status = self->status;
    *text = self->text;
    return true;
}
