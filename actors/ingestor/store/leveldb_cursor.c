/* leveldb_cursor.c: commits in order from the backend "leveldb", each checked against its
 * record. */
#include "store/leveldb_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Room for one commit with its records. */
#define COMMIT_BYTES_CAP (64u * 1024 * 1024)
/* With fewer commits to go than this, single reads cost less than iterators. */
#define FEW_COMMITS 4u

/* Where an error text goes. */
typedef struct text {
    char *bytes;
    size_t size;
} text_t;

__attribute__((format(printf, 4, 5))) static vd_status_t
corrupt(const vd_leveldb_cursor_t *self, text_t text, uint64_t index, const char *format, ...)
{
    va_list args;
    int size =
        snprintf(text.bytes, text.size, "store %s, commit %" PRIu64 ": ", self->store->dir, index);
    va_start(args, format);
    if (size > 0 && (size_t)size < text.size)
        vsnprintf(text.bytes + size, text.size - (size_t)size, format, args);
    va_end(args);
    return VD_CORRUPT;
}

void vd_leveldb_cursor_rest(vd_leveldb_cursor_t *self)
{
    if (self->commits != NULL)
        leveldb_iter_destroy(self->commits);
    if (self->events != NULL)
        leveldb_iter_destroy(self->events);
    self->commits = NULL;
    self->events = NULL;
}

vd_status_t vd_leveldb_cursor_new(vd_store_t *store, vd_store_cursor_t **cursor)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_leveldb_cursor_t *made = calloc(1, sizeof *made);
    if (made == NULL)
        return VD_NO_MEMORY;
    made->base.ops = self->base.ops;
    made->store = self;
    made->index = 1;
    vd_buffer_init(&made->bytes, COMMIT_BYTES_CAP);
    vd_buffer_init(&made->again, COMMIT_BYTES_CAP);
    pthread_rwlock_rdlock(&self->lock);
    pthread_mutex_lock(&self->tail_lock);
    made->following = self->cursors;
    self->cursors = made;
    pthread_mutex_unlock(&self->tail_lock);
    pthread_rwlock_unlock(&self->lock);
    *cursor = &made->base;
    return VD_OK;
}

void vd_leveldb_cursor_destroy(vd_store_cursor_t *cursor)
{
    vd_leveldb_cursor_t *self = (vd_leveldb_cursor_t *)cursor;
    vd_leveldb_t *store = self->store;
    pthread_rwlock_rdlock(&store->lock);
    pthread_mutex_lock(&store->tail_lock);
    vd_leveldb_cursor_t **link = &store->cursors;
    while (*link != self) {
        assert(*link != NULL);
        link = &(*link)->following;
    }
    *link = self->following;
    pthread_mutex_unlock(&store->tail_lock);
    vd_leveldb_cursor_rest(self);
    pthread_rwlock_unlock(&store->lock);
    vd_buffer_free(&self->bytes);
    vd_buffer_free(&self->again);
    free(self->runs);
    free(self->places);
    free(self);
}

vd_status_t vd_leveldb_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session)
{
    vd_leveldb_cursor_t *self = (vd_leveldb_cursor_t *)cursor;
    const char *name = session != NULL ? session : "";
    vd_store_tail_t tail;
    if (strlen(name) > VD_NAME_BYTES_MAX)
        return VD_NOT_FOUND;
    vd_leveldb_tail(&self->store->base, &tail);
    if (index < tail.first_index)
        index = tail.first_index;
    pthread_rwlock_rdlock(&self->store->lock);
    vd_leveldb_cursor_rest(self);
    pthread_rwlock_unlock(&self->store->lock);
    /* Going on where it stands, a cursor keeps what it knows of the way. */
    if (index != self->index || strcmp(name, self->session) != 0) {
        self->chained = false;
        self->seq = 0;
        memcpy(self->session, name, strlen(name) + 1);
        self->index = index;
    }
    self->first = tail.first_index;
    self->end = tail.index;
    return VD_OK;
}

/* ---- one commit ---- */

static bool stands_at(const leveldb_iterator_t *iterator, const vd_key_t *key)
{
    size_t size = 0;
    if (!leveldb_iter_valid(iterator))
        return false;
    const char *name = leveldb_iter_key(iterator, &size);
    return vd_bytes_equal(vd_bytes(name, size), vd_bytes(key->bytes, key->size));
}

/* Places the iterator at `key`. In a store that is read in order it mostly stands right before
 * it. */
static vd_status_t move_to(vd_leveldb_cursor_t *self, leveldb_iterator_t *iterator,
                           const vd_key_t *key, text_t text)
{
    if (stands_at(iterator, key))
        return VD_OK;
    if (leveldb_iter_valid(iterator))
        leveldb_iter_next(iterator);
    if (stands_at(iterator, key))
        return VD_OK;
    leveldb_iter_seek(iterator, key->bytes, key->size);
    if (stands_at(iterator, key))
        return VD_OK;
    char *trouble = NULL;
    leveldb_iter_get_error(iterator, &trouble);
    snprintf(text.bytes, text.size, "store %s, record %s: %s", self->store->dir, key->bytes,
             trouble != NULL ? trouble : "is missing");
    vd_status_t status = trouble != NULL ? VD_CORRUPT : VD_NOT_FOUND;
    leveldb_free(trouble);
    return status;
}

/* Appends the record under `key` to the cursor's bytes and tells where it stands. */
static vd_status_t fetch(vd_leveldb_cursor_t *self, leveldb_iterator_t *iterator,
                         const vd_key_t *key, size_t *at, text_t text)
{
    size_t size = 0;
    *at = self->bytes.size;
    if (iterator == NULL)
        return vd_leveldb_get(self->store, key, &self->bytes, text.bytes, text.size);
    vd_status_t status = move_to(self, iterator, key, text);
    if (status != VD_OK)
        return status;
    const char *value = leveldb_iter_value(iterator, &size);
    if (vd_buffer_add(&self->bytes, value, size))
        return VD_OK;
    snprintf(text.bytes, text.size, "store %s, record %s: %zu bytes are too many", self->store->dir,
             key->bytes, size);
    return VD_CORRUPT;
}

static vd_bytes_t fetched(const vd_leveldb_cursor_t *self, size_t at)
{
    return vd_bytes(self->bytes.data + at, self->bytes.size - at);
}

static bool make_room(vd_leveldb_cursor_t *self, uint32_t count)
{
    if (count <= self->run_room)
        return true;
    vd_commit_run_t *runs = realloc(self->runs, count * sizeof *runs);
    if (runs != NULL)
        self->runs = runs;
    vd_run_place_t *places = realloc(self->places, count * sizeof *places);
    if (places != NULL)
        self->places = places;
    if (runs == NULL || places == NULL)
        return false;
    self->run_room = count;
    return true;
}

static vd_status_t read_head(vd_leveldb_cursor_t *self, uint64_t index, size_t *at,
                             vd_commit_head_t *head, text_t text)
{
    vd_key_t key;
    vd_key_number(&key, VD_KEY_COMMITS, index);
    vd_status_t status = fetch(self, self->commits, &key, at, text);
    if (status == VD_NOT_FOUND)
        return corrupt(self, text, index, "its record is missing");
    if (status != VD_OK)
        return status;
    status = vd_record_commit_read(fetched(self, *at), head);
    if (status == VD_UNSUPPORTED)
        snprintf(text.bytes, text.size,
                 "store %s, commit %" PRIu64 " was written by a newer version", self->store->dir,
                 index);
    else if (status != VD_OK)
        return corrupt(self, text, index, "its record is damaged");
    return status;
}

/* Looks once more at what the commit says of a run that is not there: it may have been pruned since
 * the commit was read. Changes `run` then. */
static bool is_absent_now(vd_leveldb_cursor_t *self, uint64_t index, vd_str_t session,
                          vd_commit_run_t *run)
{
    vd_key_t key;
    vd_commit_head_t head;
    vd_commit_item_t item;
    char error[VD_TEXT_BYTES_MAX];
    vd_key_number(&key, VD_KEY_COMMITS, index);
    vd_buffer_clear(&self->again);
    if (vd_leveldb_get(self->store, &key, &self->again, error, sizeof error) != VD_OK ||
        vd_record_commit_read(vd_buffer_view(&self->again), &head) != VD_OK)
        return false;
    while (vd_record_commit_item(&head.items, &item)) {
        if (item.first_seq != run->first_seq || !vd_bytes_equal(item.session, session))
            continue;
        run->absent = item.absent;
        run->digest = item.digest;
    }
    return run->absent != VD_OK;
}

/* Reads the run that the commit lists, into run `r`. */
static vd_status_t load_run(vd_leveldb_cursor_t *self, uint64_t index, uint64_t place,
                            const vd_commit_item_t *item, uint32_t r, text_t text)
{
    vd_key_t key;
    size_t at;
    vd_run_record_t record;
    vd_key_event(&key, item->session, item->first_seq);
    vd_status_t status = fetch(self, self->events, &key, &at, text);
    if (status == VD_NOT_FOUND)
        return corrupt(self, text, index, "record %s is missing", key.bytes);
    if (status != VD_OK)
        return status;
    status = vd_record_run_read(fetched(self, at), &record);
    if (status == VD_UNSUPPORTED)
        snprintf(text.bytes, text.size, "store %s, record %s was written by a newer version",
                 self->store->dir, key.bytes);
    else if (status != VD_OK)
        return corrupt(self, text, index, "record %s is damaged", key.bytes);
    if (status != VD_OK)
        return status;
    if (record.index != index || record.at != place || record.count != item->count)
        return corrupt(self, text, index,
                       "record %s says commit %" PRIu64 ", place %" PRIu64 ", %u events", key.bytes,
                       record.index, record.at, record.count);
    self->runs[r].run = record.run;
    self->places[r].run_at = (size_t)(record.run.data - self->bytes.data);
    return VD_OK;
}

/* Puts the run that the commit lists into run `r`: its bytes, or that it is absent. */
static vd_status_t read_run(vd_leveldb_cursor_t *self, uint64_t index, uint64_t place,
                            const vd_commit_item_t *item, uint32_t r, text_t text)
{
    vd_commit_run_t *run = &self->runs[r];
    size_t session_at = (size_t)(item->session.data - self->bytes.data);
    *run = (vd_commit_run_t){.session = item->session,
                             .at = place,
                             .first_seq = item->first_seq,
                             .count = item->count,
                             .absent = item->absent,
                             .digest = item->digest};
    self->places[r] = (vd_run_place_t){.session_at = session_at};
    if (run->absent != VD_OK)
        return VD_OK;
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status = load_run(self, index, place, item, r, (text_t){error, sizeof error});
    if (status != VD_CORRUPT) {
        if (status != VD_OK)
            snprintf(text.bytes, text.size, "%s", error);
        return status;
    }
    vd_str_t session = vd_bytes(self->bytes.data + session_at, item->session.size);
    if (is_absent_now(self, index, session, run))
        return VD_OK;
    run->absent = VD_CORRUPT;
    snprintf(text.bytes, text.size, "%s", error);
    return VD_OK;
}

/* Checks each event of run `r`. */
static vd_status_t check_run(const vd_leveldb_cursor_t *self, uint64_t index, uint32_t r,
                             text_t text)
{
    const vd_commit_run_t *run = &self->runs[r];
    vd_bytes_t rest = run->run;
    vd_entry_t entry;
    for (uint32_t i = 0; i < run->count; i++)
        if (vd_run_next(&rest, &entry) != VD_OK || vd_crc32c(0, entry.event) != entry.crc)
            return corrupt(self, text, index, "event %.*s:%" PRIu64 " does not match its checksum",
                           (int)run->session.size, (const char *)run->session.data,
                           run->first_seq + i);
    if (rest.size > 0)
        return corrupt(self, text, index, "the run of session %.*s has bytes behind its %u events",
                       (int)run->session.size, (const char *)run->session.data, run->count);
    return VD_OK;
}

/* Reads the runs that the commit lists: all, or the one of `session` at `seq`. */
static vd_status_t read_runs(vd_leveldb_cursor_t *self, uint64_t index, size_t head_at,
                             const vd_commit_head_t *head, uint32_t *count, text_t text)
{
    size_t items_at = head_at + (size_t)(head->items.data - (self->bytes.data + head_at));
    size_t items_size = head->items.size;
    uint64_t place = 0;
    *count = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        vd_bytes_t items = vd_bytes(self->bytes.data + items_at, items_size);
        vd_commit_item_t item;
        if (!vd_record_commit_item(&items, &item))
            return corrupt(self, text, index, "item %u of its record is damaged", i);
        items_at += items_size - items.size;
        items_size = items.size;
        if (self->session[0] == 0 || vd_str_is(item.session, self->session)) {
            if (!make_room(self, *count + 1 > self->run_room ? *count * 2 + 8 : *count + 1))
                return VD_NO_MEMORY;
            vd_status_t status = read_run(self, index, place, &item, *count, text);
            if (status != VD_OK)
                return status;
            ++*count;
        }
        place += item.count;
    }
    /* The bytes have stopped moving. */
    for (uint32_t r = 0; r < *count; r++) {
        self->runs[r].session.data = self->bytes.data + self->places[r].session_at;
        if (self->runs[r].absent == VD_OK)
            self->runs[r].run.data = self->bytes.data + self->places[r].run_at;
    }
    return VD_OK;
}

/* Learns the chain of the commit before the first that is held, where it is known. */
static void learn_anchor(vd_leveldb_cursor_t *self, uint64_t index)
{
    pthread_mutex_lock(&self->store->tail_lock);
    self->chained = self->store->anchor == index - 1;
    self->chain = self->store->anchor_chain;
    pthread_mutex_unlock(&self->store->tail_lock);
}

/* Learns the chain of the commit before `index`, where that one is held. */
static vd_status_t learn_chain(vd_leveldb_cursor_t *self, uint64_t index)
{
    char error[VD_TEXT_BYTES_MAX];
    size_t at;
    vd_commit_head_t head = {0};
    vd_status_t status = VD_OK;
    if (self->chained)
        return VD_OK;
    if (index > 1 && index <= self->first) {
        learn_anchor(self, index);
        return VD_OK;
    }
    if (index > 1) {
        vd_buffer_clear(&self->bytes);
        status = read_head(self, index - 1, &at, &head, (text_t){error, sizeof error});
    }
    self->chained = status == VD_OK;
    self->chain = head.chain;
    /* Damage of the one before is told there. */
    return status == VD_CORRUPT ? VD_OK : status;
}

/* A commit that does not follow is not served: its runs are told as damaged. */
static vd_status_t check_chain(const vd_leveldb_cursor_t *self, vd_commit_t *commit, text_t text)
{
    if (!self->chained || vd_commit_follows(self->chain, commit))
        return VD_OK;
    vd_status_t status =
        corrupt(self, text, commit->index, "its chain does not follow from commit %" PRIu64,
                commit->index - 1);
    for (uint32_t r = 0; r < commit->run_count; r++) {
        self->runs[r].run = vd_bytes(NULL, 0);
        self->runs[r].absent = VD_CORRUPT;
        self->runs[r].digest = 0;
    }
    return commit->run_count > 0 ? VD_OK : status;
}

static vd_status_t read_commit(vd_leveldb_cursor_t *self, uint64_t index, vd_commit_t *commit,
                               text_t text)
{
    size_t head_at = 0;
    vd_commit_head_t head = {0};
    uint32_t count = 0;
    vd_status_t status = self->session[0] == 0 ? learn_chain(self, index) : VD_OK;
    vd_buffer_clear(&self->bytes);
    if (status == VD_OK)
        status = read_head(self, index, &head_at, &head, text);
    if (status == VD_OK)
        status = read_runs(self, index, head_at, &head, &count, text);
    if (status != VD_OK)
        return status;
    *commit = (vd_commit_t){.index = index,
                            .time_ms = head.time_ms,
                            .epoch = head.epoch,
                            .chain = head.chain,
                            .run_count = count,
                            .runs = self->runs};
    for (uint32_t r = 0; r < count; r++) {
        vd_commit_run_t *run = &self->runs[r];
        if (run->absent != VD_OK || check_run(self, index, r, text) == VD_OK)
            continue;
        run->absent = VD_CORRUPT;
        run->run = vd_bytes(NULL, 0);
    }
    if (status == VD_OK && self->session[0] == 0)
        status = check_chain(self, commit, text);
    return status;
}

/* ---- the next commit ---- */

/* The commit says nothing that can be read, but the run of the session that was sought is known to
 * be its. */
static void tell_lost_run(vd_leveldb_cursor_t *self, const vd_session_place_t *place,
                          vd_commit_t *commit)
{
    uint32_t chain = 0;
    size_t at;
    vd_commit_head_t head;
    char error[VD_TEXT_BYTES_MAX];
    vd_buffer_clear(&self->bytes);
    if (read_head(self, place->index, &at, &head, (text_t){error, sizeof error}) == VD_OK)
        chain = head.chain;
    self->runs[0] = (vd_commit_run_t){.session = vd_str(self->session),
                                      .at = place->at,
                                      .first_seq = place->first_seq,
                                      .count = place->count,
                                      .absent = VD_CORRUPT};
    *commit =
        (vd_commit_t){.index = place->index, .chain = chain, .run_count = 1, .runs = self->runs};
}

/* Commits at the beginning may have been removed since the cursor was placed. */
static bool skip_removed(vd_leveldb_cursor_t *self, uint64_t index)
{
    vd_store_tail_t tail;
    vd_leveldb_tail(&self->store->base, &tail);
    if (index >= tail.first_index)
        return false;
    vd_leveldb_cursor_rest(self);
    self->first = self->index = tail.first_index;
    self->chained = false;
    return true;
}

static vd_status_t next_of_all(vd_leveldb_cursor_t *self, vd_commit_t *commit, text_t text)
{
    if (self->commits == NULL && self->end - self->index >= FEW_COMMITS) {
        self->commits = leveldb_create_iterator(self->store->db, self->store->read_through);
        self->events = leveldb_create_iterator(self->store->db, self->store->read_through);
    }
    vd_status_t status = read_commit(self, self->index, commit, text);
    if (status != VD_CORRUPT || !skip_removed(self, self->index))
        return status;
    text.bytes[0] = 0;
    return read_commit(self, self->index, commit, text);
}

static vd_status_t next_of_session(vd_leveldb_cursor_t *self, vd_commit_t *commit, text_t text)
{
    vd_session_place_t place = {0};
    vd_status_t status = vd_leveldb_next_of_session(self, &place, text.bytes, text.size);
    if (status != VD_OK)
        return status;
    if (!place.lost)
        status = read_commit(self, place.index, commit, text);
    if ((place.lost || status == VD_CORRUPT) && make_room(self, 1)) {
        snprintf(text.bytes, text.size,
                 "store %s, session %s: events from %" PRIu64 " on are damaged or lost",
                 self->store->dir, self->session, place.first_seq);
        tell_lost_run(self, &place, commit);
        status = VD_OK;
    }
    if (status == VD_OK && commit->run_count == 1)
        self->seq = commit->runs[0].first_seq + commit->runs[0].count;
    return status;
}

static vd_status_t next_locked(vd_leveldb_cursor_t *self, vd_commit_t *commit, text_t text)
{
    if (self->store->db == NULL) {
        snprintf(text.bytes, text.size, "store %s is closed after a failed write",
                 self->store->dir);
        return VD_IO;
    }
    bool all = self->session[0] == 0;
    vd_status_t status =
        all ? next_of_all(self, commit, text) : next_of_session(self, commit, text);
    self->chained = status == VD_OK && all;
    self->chain = status == VD_OK ? commit->chain : 0;
    if (status == VD_OK) {
        self->index = commit->index + 1;
    } else if (status == VD_NOT_FOUND) {
        self->index = self->end + 1;
    } else if (status == VD_CORRUPT) {
        commit->index = self->index++;
        self->seq = 0;
    }
    return status;
}

vd_status_t vd_leveldb_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                   size_t error_size)
{
    vd_leveldb_cursor_t *self = (vd_leveldb_cursor_t *)cursor;
    memset(commit, 0, sizeof *commit);
    vd_status_t status = VD_NOT_FOUND;
    pthread_rwlock_rdlock(&self->store->lock);
    if (self->index <= self->end)
        status = next_locked(self, commit, (text_t){error, error_size});
    assert(status != VD_CORRUPT || error[0] != 0);
    /* At the end nothing is held on to: an iterator keeps old tables on disk, and in memory what was
     * written last when it was made. */
    if (status == VD_NOT_FOUND || self->index > self->end)
        vd_leveldb_cursor_rest(self);
    pthread_rwlock_unlock(&self->store->lock);
    return status;
}
