/* leveldb_compact.c: the thread that leads LevelDB to rewrite tables. */
#include "store/leveldb_compact.h"

#include "store/leveldb_tables.h"

#include <assert.h>
#include <stdlib.h>

/* A table is merged after a lookup for each 16 KiB of it, and after a hundred at least: this is
 * enough for the largest, which is made of a full write buffer and one batch behind it. */
#define LOOKUPS_MAX 6144u
#define WAIT_MS     50u
/* Merges that a range may take: so many, and so many for each of its tables. */
#define MERGES       64u
#define TABLE_MERGES 4u
#define NAMES_MAX    256u

struct vd_leveldb_compact {
    vd_leveldb_t *store;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, wanted, written;
    bool broken; /* a failed write has ended it: it may be the cause */
    atomic_bool stop;
    leveldb_writebatch_t *batch;
    vd_leveldb_tables_t tables;
    uint32_t name_count;
    char names[NAMES_MAX][VD_NAME_BYTES_MAX + 1];
};

vd_leveldb_compact_t *vd_leveldb_compact_new(vd_leveldb_t *store)
{
    vd_leveldb_compact_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->store = store;
    self->batch = leveldb_writebatch_create();
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
    atomic_store(&self->stop, true);
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    if (self->running)
        pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    leveldb_writebatch_destroy(self->batch);
    vd_leveldb_tables_free(&self->tables);
    free(self);
}

/* Takes the database, if it is to be gone on with; then leave() gives it back. */
static bool enter(vd_leveldb_compact_t *self)
{
    vd_leveldb_t *store = self->store;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db != NULL && !atomic_load(&store->failed) && !atomic_load(&self->stop))
        return true;
    pthread_rwlock_unlock(&store->lock);
    return false;
}

static void leave(vd_leveldb_compact_t *self)
{
    pthread_rwlock_unlock(&self->store->lock);
}

/* Has what is in memory written as a table. Nothing is behind the key: see law 2. */
static bool flush(vd_leveldb_compact_t *self)
{
    static const char behind[] = "\xff";
    if (!enter(self))
        return false;
    vd_leveldb_env_hurry(self->store->env, true);
    leveldb_compact_range(self->store->db, behind, 1, behind, 1);
    vd_leveldb_env_hurry(self->store->env, false);
    leave(self);
    return true;
}

/* Writes self->batch beside the appends. */
static bool write_batch(vd_leveldb_compact_t *self)
{
    char error[VD_TEXT_BYTES_MAX];
    if (!enter(self))
        return false;
    bool good = vd_leveldb_write_batch(self->store, self->batch, error, sizeof error) == VD_OK;
    leave(self);
    leveldb_writebatch_clear(self->batch);
    return good;
}

static void delete_key(vd_leveldb_compact_t *self, const vd_key_t *key)
{
    leveldb_writebatch_delete(self->batch, key->bytes, key->size);
}

/* ---- one range ---- */

static uint64_t size_of(vd_leveldb_compact_t *self, const vd_leveldb_range_t *range)
{
    uint64_t size = 0;
    const char *from = range->from.bytes, *to = range->to.bytes;
    leveldb_approximate_sizes(self->store->db, 1, &from, &range->from.size, &to, &range->to.size,
                              &size);
    return size;
}

/* Lets the range go on up to the first key that is there. */
static void widen(vd_leveldb_compact_t *self, vd_leveldb_range_t *range)
{
    leveldb_iterator_t *keys = leveldb_create_iterator(self->store->db, self->store->read_through);
    leveldb_iter_seek(keys, range->from.bytes, range->from.size);
    if (leveldb_iter_valid(keys)) {
        vd_key_t to = {0};
        const char *bytes = leveldb_iter_key(keys, &to.size);
        if (to.size <= VD_KEY_SIZE_MAX) {
            memcpy(to.bytes, bytes, to.size);
            if (vd_leveldb_key_compare(&to, &range->to) > 0)
                range->to = to;
        }
    }
    leveldb_iter_destroy(keys);
}

/* Looks up a key that is not there. False when LevelDB takes nothing up for it. */
static bool charge(vd_leveldb_compact_t *self, const vd_key_t *key)
{
    vd_leveldb_t *store = self->store;
    uint64_t begun = vd_leveldb_env_works(store->env);
    for (uint32_t i = 0; i < LOOKUPS_MAX && begun == vd_leveldb_env_works(store->env); i++) {
        char *trouble = NULL;
        size_t size = 0;
        leveldb_free(
            leveldb_get(store->db, store->read_through, key->bytes, key->size, &size, &trouble));
        bool failed = trouble != NULL;
        leveldb_free(trouble);
        if (failed)
            return false;
    }
    return begun != vd_leveldb_env_works(store->env) || !vd_leveldb_env_wait(store->env, 0);
}

/* Waits until LevelDB has done what it has taken up. */
static void wait_for_work(vd_leveldb_compact_t *self)
{
    uint64_t works = vd_leveldb_env_works(self->store->env);
    while (!vd_leveldb_env_wait(self->store->env, WAIT_MS) && !atomic_load(&self->stop) &&
           works == vd_leveldb_env_works(self->store->env))
        continue;
}

/* Deletes the ends of the range, which are not there, for a table that lies over all of it. */
static bool cover(vd_leveldb_compact_t *self, const vd_leveldb_range_t *range)
{
    vd_key_t last = range->to;
    assert(last.size > 0 && last.bytes[last.size - 1] > 0);
    last.bytes[last.size - 1]--; /* with the largest byte behind it: the last key before `to` */
    if (last.size < VD_KEY_SIZE_MAX)
        last.bytes[last.size++] = (char)0xff;
    delete_key(self, &range->from);
    delete_key(self, &last);
    return write_batch(self) && flush(self);
}

typedef enum next { NEXT_STOP, NEXT_FREE, NEXT_MERGING, NEXT_ALONE } next_t;

/* One merge of the range: what is next? */
static next_t merge(vd_leveldb_compact_t *self, const vd_leveldb_range_t *range)
{
    vd_key_t key;
    next_t next = NEXT_ALONE;
    if (!enter(self))
        return NEXT_STOP;
    if (size_of(self, range) < VD_LEVELDB_COMPACT_WORTH)
        next = NEXT_FREE;
    else if (!vd_leveldb_tables_list(&self->tables, self->store->db, range))
        next = NEXT_STOP;
    else if (vd_leveldb_tables_shared(&self->tables, range, &key) && charge(self, &key))
        next = NEXT_MERGING;
    leave(self);
    if (next == NEXT_MERGING)
        wait_for_work(self);
    return next;
}

/* False when it was broken off. */
static bool free_range(vd_leveldb_compact_t *self, vd_leveldb_range_t *range)
{
    bool covered = false;
    size_t merges = MERGES;
    assert(vd_leveldb_key_compare(&range->from, &range->to) < 0);
    if (!enter(self))
        return false;
    if (size_of(self, range) < VD_LEVELDB_COMPACT_WORTH)
        widen(self, range);
    bool worth = size_of(self, range) >= VD_LEVELDB_COMPACT_WORTH;
    if (worth && vd_leveldb_tables_list(&self->tables, self->store->db, range))
        merges += TABLE_MERGES * self->tables.count;
    leave(self);
    for (; worth && merges > 0; merges--) {
        next_t next = merge(self, range);
        if (next == NEXT_STOP)
            return false;
        if (next == NEXT_FREE || (next == NEXT_ALONE && covered))
            break;
        if (next == NEXT_ALONE && !cover(self, range))
            return false;
        covered = covered || next == NEXT_ALONE;
    }
    return true;
}

static bool free_session(vd_leveldb_compact_t *self, const char *session)
{
    vd_leveldb_range_t range;
    vd_key_event(&range.from, vd_str(session), 0);
    vd_key_event(&range.to, vd_str(session), UINT64_MAX);
    if (!free_range(self, &range))
        return false;
    vd_key_record(&range.from, vd_str(session), vd_str(""));
    range.to = range.from;
    range.to.bytes[range.to.size - 1]++;
    if (!free_range(self, &range))
        return false;
    vd_key_snapshots(&range.from, VD_KEY_STATES, vd_str(session), vd_str(""));
    range.to = range.from;
    range.to.bytes[range.to.size - 1]++;
    return free_range(self, &range);
}

/* ---- all of them ---- */

static void read_names(vd_leveldb_compact_t *self)
{
    size_t prefix = strlen(VD_KEY_FREEING);
    leveldb_iterator_t *keys = leveldb_create_iterator(self->store->db, self->store->read);
    self->name_count = 0;
    leveldb_iter_seek(keys, VD_KEY_FREEING, prefix);
    for (; leveldb_iter_valid(keys) && self->name_count < NAMES_MAX; leveldb_iter_next(keys)) {
        size_t size = 0;
        const char *key = leveldb_iter_key(keys, &size);
        char *name = self->names[self->name_count];
        if (!vd_key_begins(vd_bytes(key, size), VD_KEY_FREEING))
            break;
        if (vd_str_copy(name, sizeof self->names[0], vd_bytes(key + prefix, size - prefix)))
            self->name_count++;
    }
    leveldb_iter_destroy(keys);
}

/* Frees sessions, and forgets that they were to be freed. */
static bool free_sessions(vd_leveldb_compact_t *self)
{
    for (;;) {
        vd_key_t key;
        if (!enter(self))
            return false;
        read_names(self);
        leave(self);
        if (self->name_count == 0)
            return true;
        /* Until something is written the opening can be taken back, and files stay for it. */
        if (!write_batch(self))
            return false;
        for (uint32_t i = 0; i < self->name_count; i++)
            if (!free_session(self, self->names[i]))
                return false;
        for (uint32_t i = 0; i < self->name_count; i++) {
            vd_key_name(&key, VD_KEY_FREEING, vd_str(self->names[i]));
            delete_key(self, &key);
        }
        if (!write_batch(self))
            return false;
    }
}

static bool free_commits(vd_leveldb_compact_t *self)
{
    vd_leveldb_range_t range;
    pthread_mutex_lock(&self->store->tail_lock);
    uint64_t anchor = self->store->anchor;
    pthread_mutex_unlock(&self->store->tail_lock);
    vd_key_number(&range.from, VD_KEY_COMMITS, 0);
    vd_key_number(&range.to, VD_KEY_COMMITS, anchor + 1);
    return anchor == 0 || free_range(self, &range);
}

static void *run(void *arg)
{
    vd_leveldb_compact_t *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!atomic_load(&self->stop)) {
        if (!self->wanted) {
            pthread_cond_wait(&self->wake, &self->lock);
            continue;
        }
        bool written = self->written;
        self->wanted = self->written = false;
        pthread_mutex_unlock(&self->lock);
        bool done = (!written || flush(self)) && free_sessions(self) && free_commits(self);
        pthread_mutex_lock(&self->lock);
        self->broken = !done;
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

void vd_leveldb_compact_go(vd_leveldb_compact_t *self, bool written)
{
    assert(self->store->mode == VD_STORE_WRITE);
    pthread_mutex_lock(&self->lock);
    self->wanted = self->wanted || written || !self->broken;
    self->written = self->written || written;
    /* Without a thread the space comes back when LevelDB rewrites the tables by itself. */
    if (!self->running)
        self->running = pthread_create(&self->thread, NULL, run, self) == 0;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}
