/* leveldb_read.c: single records and lists of the backend "leveldb". */
#include "store/leveldb_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

vd_status_t vd_leveldb_get(vd_leveldb_t *self, const vd_key_t *key, vd_buffer_t *out, char *error,
                           size_t error_size)
{
    char *trouble = NULL;
    size_t size = 0;
    if (self->db == NULL) {
        snprintf(error, error_size, "store %s is closed after a failed write", self->dir);
        return VD_IO;
    }
    char *value = leveldb_get(self->db, self->read, key->bytes, key->size, &size, &trouble);
    if (trouble != NULL) {
        snprintf(error, error_size, "store %s, record %s: %s", self->dir, key->bytes, trouble);
        leveldb_free(trouble);
        return VD_CORRUPT;
    }
    if (value == NULL) {
        snprintf(error, error_size, "store %s: there is no record %s", self->dir, key->bytes);
        return VD_NOT_FOUND;
    }
    bool fits = vd_buffer_add(out, value, size);
    leveldb_free(value);
    if (!fits)
        snprintf(error, error_size, "store %s, record %s: %zu bytes are too many", self->dir,
                 key->bytes, size);
    return fits ? VD_OK : VD_CORRUPT;
}

void vd_leveldb_tail(vd_store_t *store, vd_store_tail_t *tail)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    pthread_mutex_lock(&self->tail_lock);
    *tail = self->tail;
    pthread_mutex_unlock(&self->tail_lock);
}

static vd_bytes_t iterator_key(const leveldb_iterator_t *iterator)
{
    size_t size = 0;
    const char *key = leveldb_iter_key(iterator, &size);
    return vd_bytes(key, size);
}

static vd_bytes_t iterator_value(const leveldb_iterator_t *iterator)
{
    size_t size = 0;
    const char *value = leveldb_iter_value(iterator, &size);
    return vd_bytes(value, size);
}

/* Did the iterator stop for a damaged table rather than at the end? */
static bool iterator_failed(const leveldb_iterator_t *iterator)
{
    char *trouble = NULL;
    leveldb_iter_get_error(iterator, &trouble);
    bool failed = trouble != NULL;
    leveldb_free(trouble);
    return failed;
}

/* Places the iterator at the first record under `prefix`, or, backwards, at the last whose name is
 * below `before` (empty: at the last). */
static void begin_walk(leveldb_iterator_t *iterator, const char *prefix, const char *before)
{
    vd_key_t key;
    if (before == NULL) {
        leveldb_iter_seek(iterator, prefix, strlen(prefix));
        return;
    }
    vd_key_name(&key, prefix, vd_str(before));
    if (before[0] == 0)
        key.bytes[key.size - 1]++; /* behind every name: '/' ends the prefix */
    leveldb_iter_seek(iterator, key.bytes, key.size);
    if (leveldb_iter_valid(iterator))
        leveldb_iter_prev(iterator);
    else if (!iterator_failed(iterator))
        leveldb_iter_seek_to_last(iterator);
}

vd_status_t vd_leveldb_walk(vd_leveldb_t *self, const vd_leveldb_walk_t *way)
{
    vd_status_t status = VD_OK;
    size_t prefix = strlen(way->prefix);
    pthread_rwlock_rdlock(&self->lock);
    if (self->db == NULL) {
        pthread_rwlock_unlock(&self->lock);
        return VD_IO;
    }
    leveldb_iterator_t *iterator = leveldb_create_iterator(self->db, self->read);
    begin_walk(iterator, way->prefix, way->before);
    while (status == VD_OK && leveldb_iter_valid(iterator)) {
        vd_bytes_t key = iterator_key(iterator);
        if (!vd_key_begins(key, way->prefix))
            break;
        vd_str_t name = vd_bytes(key.data + prefix, key.size - prefix);
        status = way->each(way->arg, name, iterator_value(iterator));
        if (status == VD_CORRUPT && self->mode == VD_STORE_QUARANTINE)
            status = VD_OK;
        if (way->before == NULL)
            leveldb_iter_next(iterator);
        else
            leveldb_iter_prev(iterator);
    }
    if (status == VD_OK && self->mode != VD_STORE_QUARANTINE && iterator_failed(iterator))
        status = VD_CORRUPT;
    leveldb_iter_destroy(iterator);
    pthread_rwlock_unlock(&self->lock);
    return status == VD_CANCELLED ? VD_OK : status;
}

typedef struct producer_walk {
    bool (*each)(void *arg, const vd_store_producer_t *producer);
    void *arg;
    vd_store_producer_t producer;
} producer_walk_t;

static vd_status_t each_producer(void *arg, vd_str_t name, vd_bytes_t value)
{
    producer_walk_t *self = arg;
    vd_status_t status = vd_record_producer_read(value, name, &self->producer);
    if (status != VD_OK)
        return status;
    return self->each(self->arg, &self->producer) ? VD_OK : VD_CANCELLED;
}

vd_status_t vd_leveldb_producers(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_producer_t *), void *arg)
{
    producer_walk_t producers = {.each = each, .arg = arg};
    vd_leveldb_walk_t way = {.prefix = VD_KEY_PRODUCERS, .each = each_producer, .arg = &producers};
    return vd_leveldb_walk((vd_leveldb_t *)store, &way);
}

typedef struct session_walk {
    bool (*each)(void *arg, const vd_store_session_t *session);
    void *arg;
    vd_store_session_t session;
    bool damaged;
} session_walk_t;

static vd_status_t each_session(void *arg, vd_str_t name, vd_bytes_t value)
{
    session_walk_t *self = arg;
    vd_status_t status = vd_record_session_read(value, name, &self->session);
    if (status == VD_CORRUPT)
        self->damaged = true;
    if (status != VD_OK)
        return status == VD_CORRUPT ? VD_OK : status;
    return self->each(self->arg, &self->session) ? VD_OK : VD_CANCELLED;
}

static vd_status_t walk_sessions(vd_store_t *store, const char *before,
                                 bool (*each)(void *, const vd_store_session_t *), void *arg)
{
    session_walk_t sessions = {.each = each, .arg = arg};
    vd_leveldb_walk_t way = {VD_KEY_SESSION_META, before, each_session, &sessions};
    vd_status_t status = vd_leveldb_walk((vd_leveldb_t *)store, &way);
    return status == VD_OK && sessions.damaged ? VD_CORRUPT : status;
}

vd_status_t vd_leveldb_sessions(vd_store_t *store, bool (*each)(void *, const vd_store_session_t *),
                                void *arg)
{
    return walk_sessions(store, NULL, each, arg);
}

vd_status_t vd_leveldb_sessions_before(vd_store_t *store, const char *before,
                                       bool (*each)(void *, const vd_store_session_t *), void *arg)
{
    return strlen(before) <= VD_NAME_BYTES_MAX ? walk_sessions(store, before, each, arg) : VD_USAGE;
}

typedef struct tombstone_walk {
    bool (*each)(void *arg, const char *session);
    void *arg;
} tombstone_walk_t;

static vd_status_t each_tombstone(void *arg, vd_str_t name, vd_bytes_t value)
{
    tombstone_walk_t *self = arg;
    char session[VD_NAME_BYTES_MAX + 1];
    (void)value;
    if (!vd_str_copy(session, sizeof session, name))
        return VD_CORRUPT;
    return self->each(self->arg, session) ? VD_OK : VD_CANCELLED;
}

vd_status_t vd_leveldb_tombstones(vd_store_t *store, bool (*each)(void *, const char *), void *arg)
{
    tombstone_walk_t tombstones = {each, arg};
    vd_leveldb_walk_t way = {
        .prefix = VD_KEY_TOMBSTONES, .each = each_tombstone, .arg = &tombstones};
    return vd_leveldb_walk((vd_leveldb_t *)store, &way);
}

vd_status_t vd_leveldb_session_locked(vd_leveldb_t *self, const char *name, vd_store_session_t *out)
{
    vd_key_t key;
    vd_buffer_t value;
    char error[VD_TEXT_BYTES_MAX];
    if (strlen(name) > VD_NAME_BYTES_MAX)
        return VD_NOT_FOUND;
    vd_key_name(&key, VD_KEY_SESSION_META, vd_str(name));
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    vd_status_t status = vd_leveldb_get(self, &key, &value, error, sizeof error);
    if (status == VD_OK)
        status = vd_record_session_read(vd_buffer_view(&value), vd_str(name), out);
    if (status == VD_NOT_FOUND) {
        vd_key_name(&key, VD_KEY_TOMBSTONES, vd_str(name));
        status = vd_leveldb_get(self, &key, &value, error, sizeof error);
        status = status == VD_OK ? VD_PRUNED : status;
    }
    vd_buffer_free(&value);
    return status;
}

vd_status_t vd_leveldb_record(vd_store_t *store, const char *session, const char *record,
                              uint64_t *seq)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_key_t key;
    vd_buffer_t value;
    char error[VD_TEXT_BYTES_MAX];
    if (strlen(session) > VD_NAME_BYTES_MAX || strlen(record) > VD_NAME_BYTES_MAX)
        return VD_NOT_FOUND;
    vd_key_record(&key, vd_str(session), vd_str(record));
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    pthread_rwlock_rdlock(&self->lock);
    vd_status_t status = vd_leveldb_get(self, &key, &value, error, sizeof error);
    pthread_rwlock_unlock(&self->lock);
    if (status == VD_OK)
        status = vd_record_seq_read(vd_buffer_view(&value), seq);
    vd_buffer_free(&value);
    return status;
}

vd_status_t vd_leveldb_session(vd_store_t *store, const char *session, vd_store_session_t *out)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    pthread_rwlock_rdlock(&self->lock);
    vd_status_t status = vd_leveldb_session_locked(self, session, out);
    pthread_rwlock_unlock(&self->lock);
    return status;
}

/* ---- runs ---- */

vd_status_t vd_leveldb_seek_run(leveldb_iterator_t *events, vd_str_t session, uint64_t seq,
                                uint64_t *first_seq)
{
    vd_key_t key, prefix;
    vd_key_event(&key, session, seq);
    vd_key_name(&prefix, VD_KEY_EVENTS, session);
    size_t own_size = prefix.size + 1 + VD_KEY_DIGITS;
    for (;;) {
        leveldb_iter_seek(events, key.bytes, key.size);
        bool exact = leveldb_iter_valid(events) &&
                     vd_bytes_equal(iterator_key(events), vd_bytes(key.bytes, key.size));
        if (!exact && leveldb_iter_valid(events))
            leveldb_iter_prev(events);
        else if (!exact && !iterator_failed(events))
            leveldb_iter_seek_to_last(events);
        if (!leveldb_iter_valid(events))
            return iterator_failed(events) ? VD_CORRUPT : VD_NOT_FOUND;
        vd_bytes_t found = iterator_key(events);
        if (vd_key_is_event(found, session, first_seq))
            return VD_OK;
        if (found.size <= own_size || memcmp(found.data, key.bytes, prefix.size + 1) != 0)
            return VD_NOT_FOUND;
        /* A run of another session, whose name begins like this key: nothing of ours stands between
         * it and the key that it begins with. */
        memcpy(key.bytes, found.data, own_size);
        key.size = own_size;
        key.bytes[own_size] = 0;
    }
}

/* Where the run that holds `seq` stands, by its key. VD_CORRUPT: the keys do not lead there; `place`
 * is then that of the run before, if there is one. */
static vd_status_t find_run(vd_leveldb_t *self, const char *session, uint64_t seq,
                            vd_session_place_t *place)
{
    vd_run_record_t record;
    leveldb_iterator_t *events = leveldb_create_iterator(self->db, self->read);
    vd_status_t status = vd_leveldb_seek_run(events, vd_str(session), seq, &place->first_seq);
    if (status == VD_OK)
        status = vd_record_run_read(iterator_value(events), &record);
    if (status == VD_OK) {
        place->index = record.index;
        place->at = record.at;
        place->count = record.count;
    }
    leveldb_iter_destroy(events);
    return status == VD_OK && seq - place->first_seq < record.count ? VD_OK : VD_CORRUPT;
}

vd_status_t vd_leveldb_find(vd_store_t *store, const char *session, uint64_t seq, uint64_t *index,
                            uint64_t *at)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_store_session_t *known = calloc(1, sizeof *known);
    vd_session_place_t place = {0};
    if (known == NULL)
        return VD_NO_MEMORY;
    pthread_rwlock_rdlock(&self->lock);
    vd_status_t status = vd_leveldb_session_locked(self, session, known);
    if (status == VD_OK && (seq == 0 || seq > known->last_seq))
        status = VD_NOT_FOUND;
    if (status == VD_OK) {
        status = find_run(self, session, seq, &place);
        if (status == VD_CORRUPT)
            status =
                vd_leveldb_scan_commits(self, session, place.index, known->last_index, seq, &place);
        if (status == VD_NOT_FOUND)
            status = VD_CORRUPT;
    }
    pthread_rwlock_unlock(&self->lock);
    *index = place.index;
    *at = place.at + (seq > place.first_seq ? seq - place.first_seq : 0);
    free(known);
    return status;
}

/* The chain of a commit that is no longer held. VD_OK: it is the anchor; VD_PRUNED; VD_NOT_FOUND: it
 * is held, or never was. */
static vd_status_t chain_below(vd_leveldb_t *self, uint64_t index, uint32_t *chain)
{
    vd_status_t status = VD_NOT_FOUND;
    pthread_mutex_lock(&self->tail_lock);
    if (index == self->anchor) {
        *chain = self->anchor_chain;
        status = VD_OK;
    } else if (index < self->tail.first_index) {
        status = VD_PRUNED;
    }
    pthread_mutex_unlock(&self->tail_lock);
    return status;
}

vd_status_t vd_leveldb_chain(vd_store_t *store, uint64_t index, uint32_t *chain)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_store_tail_t tail;
    vd_commit_head_t head;
    vd_key_t key;
    vd_buffer_t value;
    char error[VD_TEXT_BYTES_MAX];
    assert(index > 0);
    vd_leveldb_tail(store, &tail);
    if (index > tail.index)
        return VD_NOT_FOUND;
    vd_status_t status = chain_below(self, index, chain);
    if (status != VD_NOT_FOUND)
        return status;
    vd_key_number(&key, VD_KEY_COMMITS, index);
    vd_buffer_init(&value, VD_FRAME_BYTES_MAX);
    pthread_rwlock_rdlock(&self->lock);
    status = vd_leveldb_get(self, &key, &value, error, sizeof error);
    pthread_rwlock_unlock(&self->lock);
    if (status == VD_OK)
        status = vd_record_commit_read(vd_buffer_view(&value), &head);
    if (status == VD_OK) {
        *chain = head.chain;
    } else if (status == VD_NOT_FOUND) { /* lost, or removed since it was looked for */
        status = chain_below(self, index, chain);
        status = status == VD_NOT_FOUND ? VD_CORRUPT : status;
    }
    vd_buffer_free(&value);
    return status;
}
