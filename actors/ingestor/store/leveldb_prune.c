/* leveldb_prune.c: taking sessions out of view, and freeing what they hold in bounded parts. */
#include "kit/failpoint.h"
#include "store/leveldb_compact.h"
#include "store/leveldb_store.h"
#include "store/leveldb_tables.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* What one step does at most: appends wait for it. */
#define RECORDS_PER_STEP 4096u
#define RUNS_PER_STEP    256u
#define COMMITS_PER_STEP 1024u
#define BYTES_PER_STEP   (4u * 1024 * 1024)
#define RECORD_BYTES_CAP (64u * 1024 * 1024)

/* A tombstone whose session still holds space. */
typedef struct pending {
    char session[VD_NAME_BYTES_MAX + 1];
    vd_tombstone_t stone;
} pending_t;

struct vd_leveldb_prune {
    vd_leveldb_t *store;
    vd_leveldb_compact_t *compact;
    pending_t *pending;
    size_t pending_count, pending_room;
    vd_key_t
        next; /* of the first pending: what it has beside runs is deleted below; empty: none is */
    _Atomic uint64_t pending_shown;
    uint64_t stones; /* tombstones in the store */
    vd_buffer_t record;
    vd_commit_run_t *runs;
    uint32_t run_room;
};

vd_leveldb_prune_t *vd_leveldb_prune_new(vd_leveldb_t *store)
{
    vd_leveldb_prune_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->store = store;
    vd_buffer_init(&self->record, RECORD_BYTES_CAP);
    self->compact = vd_leveldb_compact_new(store);
    if (self->compact == NULL)
        vd_leveldb_prune_destroy(&self);
    return self;
}

void vd_leveldb_prune_destroy(vd_leveldb_prune_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_leveldb_compact_destroy(&(*self)->compact);
    vd_buffer_free(&(*self)->record);
    free((*self)->pending);
    free((*self)->runs);
    free(*self);
    *self = NULL;
}

uint64_t vd_leveldb_prune_pending(vd_leveldb_t *self)
{
    return atomic_load(&self->prune->pending_shown);
}

static void show_pending(vd_leveldb_prune_t *self)
{
    atomic_store(&self->pending_shown, self->pending_count);
}

static bool make_room(vd_leveldb_prune_t *self, size_t count)
{
    if (count <= self->pending_room)
        return true;
    size_t room = count + self->pending_room + 16;
    pending_t *pending = realloc(self->pending, room * sizeof *pending);
    if (pending == NULL)
        return false;
    self->pending = pending;
    self->pending_room = room;
    return true;
}

static void add_pending(vd_leveldb_prune_t *self, const char *session, const vd_tombstone_t *stone)
{
    assert(self->pending_count < self->pending_room && stone->next_seq <= stone->last_seq);
    pending_t *pending = &self->pending[self->pending_count++];
    vd_str_copy(pending->session, sizeof pending->session, vd_str(session));
    pending->stone = *stone;
}

static void drop_first(vd_leveldb_prune_t *self)
{
    assert(self->pending_count > 0);
    self->pending_count--;
    memmove(self->pending, self->pending + 1, self->pending_count * sizeof *self->pending);
    self->next.size = 0;
    show_pending(self);
}

/* The record under `key`, until the next call. */
static vd_status_t get(vd_leveldb_prune_t *self, const vd_key_t *key, vd_bytes_t *value)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_buffer_clear(&self->record);
    vd_status_t status = vd_leveldb_get(self->store, key, &self->record, error, sizeof error);
    *value = vd_buffer_view(&self->record);
    return status;
}

static void put_stone(vd_leveldb_t *store, const char *session, const vd_tombstone_t *stone)
{
    vd_key_t key;
    vd_key_name(&key, VD_KEY_TOMBSTONES, vd_str(session));
    vd_record_tombstone_write(&store->value, stone);
    vd_leveldb_put(store, &key);
}

/* Says that the disk has yet to give back what the session held. */
static void put_freeing(vd_leveldb_t *store, const char *session)
{
    vd_key_t key;
    vd_key_name(&key, VD_KEY_FREEING, vd_str(session));
    leveldb_writebatch_put(store->batch, key.bytes, key.size, "", 0);
}

static void delete_key(vd_leveldb_t *store, const vd_key_t *key)
{
    leveldb_writebatch_delete(store->batch, key->bytes, key->size);
}

static void begin_batch(vd_leveldb_t *store)
{
    leveldb_writebatch_clear(store->batch);
    vd_buffer_clear(&store->value);
}

static vd_bytes_t key_here(const leveldb_iterator_t *iterator)
{
    size_t size = 0;
    const char *key = leveldb_iter_key(iterator, &size);
    return vd_bytes(key, size);
}

static vd_bytes_t value_here(const leveldb_iterator_t *iterator)
{
    size_t size = 0;
    const char *value = leveldb_iter_value(iterator, &size);
    return vd_bytes(value, size);
}

vd_status_t vd_leveldb_prune_load(vd_leveldb_t *store, char *error, size_t error_size)
{
    vd_leveldb_prune_t *self = store->prune;
    vd_status_t status = VD_OK;
    size_t prefix = strlen(VD_KEY_TOMBSTONES);
    leveldb_iterator_t *stones = leveldb_create_iterator(store->db, store->read);
    self->stones = self->pending_count = 0;
    self->next.size = 0;
    leveldb_iter_seek(stones, VD_KEY_TOMBSTONES, prefix);
    for (; status == VD_OK && leveldb_iter_valid(stones); leveldb_iter_next(stones)) {
        vd_bytes_t key = key_here(stones);
        vd_tombstone_t stone;
        char session[VD_NAME_BYTES_MAX + 1];
        if (!vd_key_begins(key, VD_KEY_TOMBSTONES))
            break;
        self->stones++;
        if (!vd_str_copy(session, sizeof session, vd_bytes(key.data + prefix, key.size - prefix)) ||
            vd_record_tombstone_read(value_here(stones), &stone) != VD_OK ||
            stone.next_seq > stone.last_seq)
            continue;
        if (make_room(self, self->pending_count + 1))
            add_pending(self, session, &stone);
        else
            status = VD_NO_MEMORY;
    }
    leveldb_iter_destroy(stones);
    show_pending(self);
    if (status != VD_OK)
        snprintf(error, error_size, "store %s: no memory for what is to be pruned", store->dir);
    return status;
}

void vd_leveldb_prune_resume(vd_leveldb_t *store)
{
    /* What is still to be deleted is freed with it. */
    if (store->mode == VD_STORE_WRITE && store->prune->pending_count == 0)
        vd_leveldb_compact_go(store->prune->compact, false);
}

/* ---- marking ---- */

static vd_status_t check_prunable(const vd_store_session_t *session, char *error, size_t error_size)
{
    if (session->state == VD_SESSION_COMPLETED || session->state == VD_SESSION_FAILED)
        return VD_OK;
    snprintf(error, error_size, "session %s has not ended: it is not pruned", session->session);
    return VD_BUSY;
}

/* Puts the tombstone of one session into the batch. VD_CANCELLED: it has one. */
static vd_status_t mark_one(vd_leveldb_t *store, const char *name, vd_tombstone_t *stone,
                            char *error, size_t error_size)
{
    vd_store_session_t session;
    vd_key_t key;
    vd_status_t status = vd_leveldb_session_locked(store, name, &session);
    if (status == VD_PRUNED)
        return VD_CANCELLED;
    if (status != VD_OK) {
        snprintf(error, error_size, "session %s: %s", name, vd_status_text(status));
        return status;
    }
    status = check_prunable(&session, error, error_size);
    if (status != VD_OK)
        return status;
    vd_key_name(&key, VD_KEY_SESSION_META, vd_str(name));
    delete_key(store, &key);
    vd_key_name(&key, VD_KEY_SESSIONS, vd_str(name));
    delete_key(store, &key);
    *stone = (vd_tombstone_t){session.last_seq, session.last_index, 1};
    put_stone(store, name, stone);
    return VD_OK;
}

static vd_status_t check_not_failed(const vd_leveldb_t *store, char *error, size_t error_size)
{
    if (!atomic_load(&store->failed))
        return VD_OK;
    snprintf(error, error_size, "store %s: a write has failed before; it must be reopened",
             store->dir);
    return VD_STORE_TROUBLE;
}

static vd_status_t write_part(vd_leveldb_t *store, char *error, size_t error_size)
{
    vd_failpoint("ingestor.prune");
    vd_status_t status = vd_leveldb_write(store, error, error_size);
    vd_failpoint("ingestor.prune");
    return status;
}

vd_status_t vd_leveldb_prune_mark(vd_store_t *base, const char *const *sessions, uint32_t count,
                                  char *error, size_t error_size)
{
    vd_leveldb_t *store = (vd_leveldb_t *)base;
    vd_leveldb_prune_t *self = store->prune;
    size_t before = self->pending_count;
    vd_status_t status = check_not_failed(store, error, error_size);
    if (status == VD_OK && !make_room(self, before + count)) {
        snprintf(error, error_size, "no memory for %" PRIu32 " sessions to be pruned", count);
        status = VD_NO_MEMORY;
    }
    if (status != VD_OK)
        return status;
    begin_batch(store);
    for (uint32_t i = 0; i < count && status == VD_OK; i++) {
        vd_tombstone_t stone;
        status = mark_one(store, sessions[i], &stone, error, error_size);
        if (status == VD_OK)
            add_pending(self, sessions[i], &stone);
        status = status == VD_CANCELLED ? VD_OK : status;
    }
    if (status == VD_OK && self->pending_count > before)
        status = write_part(store, error, error_size);
    if (status != VD_OK)
        self->pending_count = before;
    self->stones += self->pending_count - before;
    show_pending(self);
    return status;
}

/* ---- freeing ---- */

/* Deletes what stands under the prefix, from `next` on. True when all of it is in the batch; else `next`
 * is the first that is not. What is deleted stays in the way of iterators for long: each step begins
 * behind it. */
static bool free_keys(vd_leveldb_prune_t *self, const vd_key_t *prefix, uint32_t *count,
                      vd_key_t *next)
{
    vd_leveldb_t *store = self->store;
    size_t bytes = 0;
    bool all = true;
    const vd_key_t *from = vd_leveldb_key_compare(next, prefix) > 0 ? next : prefix;
    leveldb_iterator_t *records = leveldb_create_iterator(store->db, store->read_through);
    leveldb_iter_seek(records, from->bytes, from->size);
    for (; all && leveldb_iter_valid(records); leveldb_iter_next(records)) {
        vd_bytes_t key = key_here(records);
        if (!vd_key_begins(key, prefix->bytes) || key.size > VD_KEY_SIZE_MAX)
            break;
        all = *count < RECORDS_PER_STEP && bytes < BYTES_PER_STEP;
        ++*count;
        bytes += value_here(records).size;
        if (all) {
            leveldb_writebatch_delete(store->batch, (const char *)key.data, key.size);
        } else {
            memcpy(next->bytes, key.data, key.size);
            next->size = key.size;
        }
    }
    leveldb_iter_destroy(records);
    return all;
}

/* Likewise all that the session has beside its runs: ids of frames, and states of observers. `next`
 * goes through them in the order of their keys. */
static bool free_records(vd_leveldb_prune_t *self, const char *session, vd_key_t *next)
{
    static const char *const prefixes[] = {VD_KEY_RECORDS, VD_KEY_SNAPSHOTS, VD_KEY_STATES};
    uint32_t count = 0;
    bool all = true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes && all; i++) {
        vd_key_t prefix;
        vd_key_snapshots(&prefix, prefixes[i], vd_str(session), vd_str(""));
        all = free_keys(self, &prefix, &count, next);
    }
    return all;
}

/* Reads a commit whole into self->runs; its bytes are in self->record. */
static vd_status_t read_commit(vd_leveldb_prune_t *self, uint64_t index, vd_commit_t *commit)
{
    vd_key_t key;
    vd_bytes_t value;
    vd_commit_head_t head;
    vd_commit_item_t item;
    vd_key_number(&key, VD_KEY_COMMITS, index);
    vd_status_t status = get(self, &key, &value);
    if (status == VD_OK)
        status = vd_record_commit_read(value, &head);
    if (status != VD_OK)
        return status;
    if (head.count > self->run_room) {
        vd_commit_run_t *runs = realloc(self->runs, head.count * sizeof *runs);
        if (runs == NULL)
            return VD_NO_MEMORY;
        self->runs = runs;
        self->run_room = head.count;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        if (!vd_record_commit_item(&head.items, &item))
            return VD_CORRUPT;
        self->runs[i] = (vd_commit_run_t){.session = item.session,
                                          .first_seq = item.first_seq,
                                          .count = item.count,
                                          .absent = item.absent,
                                          .digest = item.digest};
    }
    *commit = (vd_commit_t){.index = index,
                            .time_ms = head.time_ms,
                            .epoch = head.epoch,
                            .chain = head.chain,
                            .run_count = head.count,
                            .runs = self->runs};
    return VD_OK;
}

/* Puts the commit of a run that is freed into the batch, with the run as absent. Returns its bytes;
 * 0 when the commit's record is damaged, and stays as it is. */
static size_t put_absent(vd_leveldb_prune_t *self, const char *session, uint64_t first_seq,
                         const vd_run_record_t *record)
{
    vd_key_t key;
    vd_commit_t commit;
    if (read_commit(self, record->index, &commit) != VD_OK)
        return 0;
    for (uint32_t i = 0; i < commit.run_count; i++) {
        vd_commit_run_t *run = &self->runs[i];
        if (run->first_seq != first_seq || !vd_str_is(run->session, session))
            continue;
        run->absent = VD_PRUNED;
        run->digest = vd_run_digest(0, record->run);
    }
    vd_key_number(&key, VD_KEY_COMMITS, record->index);
    vd_record_commit_write(&self->store->value, &commit);
    size_t size = self->store->value.size;
    vd_leveldb_put(self->store, &key);
    return size;
}

/* Do the events match their checksums? The digest of others is not the one that the commit's chain
 * was made of. */
static bool is_whole(const vd_run_record_t *record)
{
    vd_bytes_t rest = record->run;
    vd_entry_t entry;
    for (uint32_t i = 0; i < record->count; i++)
        if (vd_run_next(&rest, &entry) != VD_OK || vd_crc32c(0, entry.event) != entry.crc)
            return false;
    return rest.size == 0;
}

/* Puts what frees runs of the session into the batch and moves `stone`. What is damaged is left as
 * it is. */
static void free_runs(vd_leveldb_prune_t *self, const char *session, vd_tombstone_t *stone)
{
    vd_leveldb_t *store = self->store;
    vd_key_t key, prefix;
    size_t bytes = 0;
    uint32_t count = 0;
    vd_key_event(&prefix, vd_str(session), 0);
    prefix.bytes[prefix.size - VD_KEY_DIGITS] = 0;
    vd_key_event(&key, vd_str(session), stone->next_seq);
    leveldb_iterator_t *events = leveldb_create_iterator(store->db, store->read_through);
    leveldb_iter_seek(events, key.bytes, key.size);
    bool more = false;
    for (; leveldb_iter_valid(events) && !more; leveldb_iter_next(events)) {
        vd_bytes_t name = key_here(events);
        vd_run_record_t record;
        uint64_t first_seq;
        if (!vd_key_begins(name, prefix.bytes))
            break;
        if (!vd_key_is_event(name, vd_str(session), &first_seq))
            continue; /* of a session whose name begins like this key */
        more = count++ == RUNS_PER_STEP || bytes > BYTES_PER_STEP;
        stone->next_seq = first_seq;
        if (more || vd_record_run_read(value_here(events), &record) != VD_OK)
            continue;
        bytes += record.run.size;
        if (!is_whole(&record))
            continue;
        bytes += put_absent(self, session, first_seq, &record);
        leveldb_writebatch_delete(store->batch, (const char *)name.data, name.size);
    }
    leveldb_iter_destroy(events);
    if (!more)
        stone->next_seq = stone->last_seq + 1;
}

static vd_status_t free_part(vd_leveldb_prune_t *self, char *error, size_t error_size)
{
    vd_leveldb_t *store = self->store;
    pending_t *first = &self->pending[0];
    vd_tombstone_t stone = first->stone;
    vd_key_t next = self->next;
    begin_batch(store);
    if (free_records(self, first->session, &next))
        free_runs(self, first->session, &stone);
    put_stone(store, first->session, &stone);
    bool done = stone.next_seq > stone.last_seq;
    if (done)
        put_freeing(store, first->session);
    vd_status_t status = write_part(store, error, error_size);
    if (status != VD_OK)
        return status;
    first->stone = stone;
    self->next = next;
    if (done)
        drop_first(self);
    if (self->pending_count > 0)
        return VD_OK;
    vd_failpoint("ingestor.freed");
    vd_leveldb_compact_go(self->compact, true);
    return VD_OK;
}

/* ---- the beginning of the commits ---- */

static bool has_run(vd_leveldb_prune_t *self, vd_str_t session, uint64_t first_seq)
{
    vd_key_t key;
    char *trouble = NULL;
    size_t size = 0;
    vd_key_event(&key, session, first_seq);
    char *value =
        leveldb_get(self->store->db, self->store->read, key.bytes, key.size, &size, &trouble);
    bool has = value != NULL || trouble != NULL;
    leveldb_free(value);
    leveldb_free(trouble);
    return has;
}

/* The tombstone of a session; false when there is none. */
static bool stone_of(vd_leveldb_prune_t *self, vd_str_t session, vd_key_t *key,
                     vd_tombstone_t *stone)
{
    char *trouble = NULL;
    size_t size = 0;
    vd_key_name(key, VD_KEY_TOMBSTONES, session);
    char *value =
        leveldb_get(self->store->db, self->store->read, key->bytes, key->size, &size, &trouble);
    bool there = value != NULL && vd_record_tombstone_read(vd_bytes(value, size), stone) == VD_OK;
    leveldb_free(value);
    leveldb_free(trouble);
    return there;
}

/* Is nothing left of this run? One that is lost counts as freed once its session is pruned. */
static bool is_gone(vd_leveldb_prune_t *self, const vd_commit_run_t *run)
{
    vd_key_t key;
    vd_tombstone_t stone;
    return run->absent == VD_PRUNED || (stone_of(self, run->session, &key, &stone) &&
                                        !has_run(self, run->session, run->first_seq));
}

/* Puts the removal of a commit into the batch, and of the tombstones that it named last. False when
 * something is left in it. */
static bool remove_commit(vd_leveldb_prune_t *self, const vd_commit_t *commit, uint64_t *stones)
{
    vd_key_t key;
    vd_tombstone_t stone;
    for (uint32_t i = 0; i < commit->run_count; i++)
        if (!is_gone(self, &commit->runs[i]))
            return false;
    for (uint32_t i = 0; i < commit->run_count; i++)
        if (stone_of(self, commit->runs[i].session, &key, &stone) &&
            stone.last_index <= commit->index) {
            delete_key(self->store, &key);
            ++*stones;
        }
    vd_key_number(&key, VD_KEY_COMMITS, commit->index);
    delete_key(self->store, &key);
    return true;
}

/* Makes the anchor what readers see. */
static void show_anchor(vd_leveldb_t *store)
{
    pthread_mutex_lock(&store->tail_lock);
    store->anchor = store->head.anchor;
    store->anchor_chain = store->head.anchor_chain;
    store->tail.first_index = store->head.anchor + 1;
    assert(store->tail.first_index <= store->tail.index);
    pthread_mutex_unlock(&store->tail_lock);
}

static vd_status_t trim(vd_leveldb_prune_t *self, bool *more, char *error, size_t error_size)
{
    vd_leveldb_t *store = self->store;
    vd_store_head_t before = store->head;
    vd_commit_t commit;
    uint64_t stones = 0;
    uint32_t count = 0;
    uint64_t first = store->tail.first_index;
    begin_batch(store);
    /* The newest commit stays: the next one follows on it. */
    for (uint64_t index = first; index > 0 && index < store->tail.index; index++) {
        if (count == COMMITS_PER_STEP || read_commit(self, index, &commit) != VD_OK ||
            !remove_commit(self, &commit, &stones))
            break;
        store->head.anchor = index;
        store->head.anchor_chain = commit.chain;
        count++;
    }
    if (count == 0)
        return VD_OK;
    vd_leveldb_put_head(store);
    /* Before they go: whoever reads meanwhile is to hear that they are pruned, not that they are
     * lost. */
    show_anchor(store);
    vd_status_t status = write_part(store, error, error_size);
    if (status != VD_OK) {
        store->head = before;
        show_anchor(store);
        return status;
    }
    assert(self->stones >= stones);
    self->stones -= stones;
    *more = count == COMMITS_PER_STEP;
    if (!*more)
        vd_leveldb_compact_go(self->compact, true);
    return VD_OK;
}

vd_status_t vd_leveldb_prune_step(vd_store_t *base, bool *more, char *error, size_t error_size)
{
    vd_leveldb_t *store = (vd_leveldb_t *)base;
    vd_leveldb_prune_t *self = store->prune;
    vd_status_t status = check_not_failed(store, error, error_size);
    if (status != VD_OK || self->stones == 0)
        return status;
    if (self->pending_count == 0)
        return trim(self, more, error, error_size);
    *more = true;
    return free_part(self, error, error_size);
}
