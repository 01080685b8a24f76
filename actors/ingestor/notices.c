/* notices.c: a bounded queue of what subscribers go through. */
#include "notices.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NOTICES_MAX = 64 };

struct vd_notices {
    pthread_mutex_t lock;
    int file;
    uint32_t at, count;
    uint64_t lost;
    vd_seq_notice_t waiting[NOTICES_MAX];
};

vd_notices_t *vd_notices_new(void)
{
    vd_notices_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->file < 0) {
        free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void vd_notices_destroy(vd_notices_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    close((*self)->file);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

static void fill(vd_seq_notice_t *notice, const vd_publisher_news_t *news)
{
    bool dropped = news->kind == VD_NEWS_DROPPED;
    *notice =
        (vd_seq_notice_t){.kind = dropped ? VD_SEQ_SUBSCRIBER_DROPPED : VD_SEQ_SUBSCRIBER_MODE,
                          .lag = news->lag,
                          .queue = news->queue,
                          .status = news->status};
    snprintf(notice->name, sizeof notice->name, "%s", news->name);
    snprintf(notice->where, sizeof notice->where, "%s", news->where);
    if (dropped) {
        snprintf(notice->text, sizeof notice->text, "%s", news->text);
        return;
    }
    snprintf(notice->from, sizeof notice->from, "%s", news->before);
    snprintf(notice->to, sizeof notice->to, "%s", news->mode);
}

/* What a peer says of itself may be anything. */
static bool is_mode(const char *word)
{
    static const char *const modes[] = {"live_only", "commits_only", "overlap", "paused"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(word, modes[i]) == 0)
            return true;
    return false;
}

void vd_notices_put(vd_notices_t *self, const vd_publisher_news_t *news)
{
    assert(self != NULL && news != NULL);
    if (news->kind == VD_NEWS_MODE && (!is_mode(news->before) || !is_mode(news->mode)))
        return;
    pthread_mutex_lock(&self->lock);
    bool fits = self->count < NOTICES_MAX;
    if (fits)
        fill(&self->waiting[(self->at + self->count++) % NOTICES_MAX], news);
    else
        self->lost++;
    pthread_mutex_unlock(&self->lock);
    uint64_t one = 1;
    ssize_t size = 0;
    do
        size = fits ? write(self->file, &one, sizeof one) : 0;
    while (size < 0 && errno == EINTR);
}

int vd_notices_fd(const vd_notices_t *self)
{
    return self->file;
}

void vd_notices_hush(vd_notices_t *self)
{
    uint64_t count;
    ssize_t size = read(self->file, &count, sizeof count);
    (void)size; /* nothing to read: looking again does no harm */
}

bool vd_notices_take(vd_notices_t *self, vd_seq_notice_t *notice)
{
    pthread_mutex_lock(&self->lock);
    bool any = self->count > 0;
    if (any) {
        *notice = self->waiting[self->at];
        self->at = (self->at + 1) % NOTICES_MAX;
        self->count--;
    }
    pthread_mutex_unlock(&self->lock);
    return any;
}

uint64_t vd_notices_lost(vd_notices_t *self)
{
    pthread_mutex_lock(&self->lock);
    uint64_t lost = self->lost;
    pthread_mutex_unlock(&self->lock);
    return lost;
}
