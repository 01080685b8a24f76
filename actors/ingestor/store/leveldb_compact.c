/* leveldb_compact.c: the thread that lets LevelDB rewrite tables. */
#include "store/leveldb_compact.h"

#include <assert.h>
#include <stdlib.h>

/* Ranges that wait; one more widens the last. */
#define RANGES_MAX 64u

typedef struct range {
    vd_key_t from, to;
} range_t;

struct vd_leveldb_compact {
    vd_leveldb_t *store;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stop;
    uint32_t count;
    range_t ranges[RANGES_MAX];
};

vd_leveldb_compact_t *vd_leveldb_compact_new(vd_leveldb_t *store)
{
    vd_leveldb_compact_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->store = store;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->wake, NULL);
    return self;
}

void vd_leveldb_compact_destroy(vd_leveldb_compact_t **compact)
{
    assert(compact != NULL);
    vd_leveldb_compact_t *self = *compact;
    *compact = NULL;
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    if (self->running)
        pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static void rewrite(vd_leveldb_t *store, const range_t *range)
{
    pthread_rwlock_rdlock(&store->lock);
    if (store->db != NULL)
        leveldb_compact_range(store->db, range->from.bytes, range->from.size, range->to.bytes,
                              range->to.size);
    pthread_rwlock_unlock(&store->lock);
}

static void *run(void *arg)
{
    vd_leveldb_compact_t *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        if (self->count == 0) {
            pthread_cond_wait(&self->wake, &self->lock);
            continue;
        }
        range_t range = self->ranges[0];
        self->count--;
        memmove(self->ranges, self->ranges + 1, self->count * sizeof *self->ranges);
        pthread_mutex_unlock(&self->lock);
        rewrite(self->store, &range);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static int compare(const vd_key_t *a, const vd_key_t *b)
{
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static void add(vd_leveldb_compact_t *self, const range_t *range)
{
    assert(compare(&range->from, &range->to) < 0);
    pthread_mutex_lock(&self->lock);
    if (self->count < RANGES_MAX) {
        self->ranges[self->count++] = *range;
    } else {
        range_t *last = &self->ranges[RANGES_MAX - 1];
        if (compare(&range->from, &last->from) < 0)
            last->from = range->from;
        if (compare(&range->to, &last->to) > 0)
            last->to = range->to;
    }
    /* Without a thread the space comes back when LevelDB rewrites the tables by itself. */
    if (!self->running)
        self->running = pthread_create(&self->thread, NULL, run, self) == 0;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

void vd_leveldb_compact_session(vd_leveldb_compact_t *self, const char *session)
{
    range_t range;
    vd_key_event(&range.from, vd_str(session), 0);
    vd_key_event(&range.to, vd_str(session), UINT64_MAX);
    add(self, &range);
}

void vd_leveldb_compact_commits(vd_leveldb_compact_t *self, uint64_t index)
{
    range_t range;
    vd_key_number(&range.from, VD_KEY_COMMITS, 0);
    vd_key_number(&range.to, VD_KEY_COMMITS, index + 1);
    add(self, &range);
}
