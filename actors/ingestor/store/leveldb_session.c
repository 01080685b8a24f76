/* leveldb_session.c: the way of a cursor from run to run of one session. */
#include "store/leveldb_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* Reads the run under the iterator. VD_CORRUPT when it is none. */
static vd_status_t run_here(const vd_leveldb_cursor_t *self, vd_run_record_t *record)
{
    size_t size = 0;
    const char *value = leveldb_iter_value(self->events, &size);
    vd_status_t status = vd_record_run_read(vd_bytes(value, size), record);
    return status == VD_OK && record->count > 0 ? VD_OK : VD_CORRUPT;
}

/* Finds the session's first run in commit self->index or later: sequences grow with commits. VD_OK
 * with self->seq; VD_NOT_FOUND; VD_CORRUPT when the way is not whole, with self->seq behind the last
 * sequence that is known to be earlier. */
static vd_status_t locate(vd_leveldb_cursor_t *self, const vd_store_session_t *known)
{
    uint64_t low = 1, high = known->last_seq;
    uint64_t before = 0; /* the last sequence that is known to be earlier */
    uint64_t found = 0;
    vd_str_t session = vd_str(self->session);
    assert(self->events != NULL);
    while (low <= high) {
        uint64_t first;
        vd_run_record_t record;
        uint64_t middle = low + (high - low) / 2;
        vd_status_t status = vd_leveldb_seek_run(self->events, session, middle, &first);
        if (status == VD_OK)
            status = run_here(self, &record);
        self->seq = before + 1;
        if (status != VD_OK)
            return VD_CORRUPT;
        if (record.index >= self->index) {
            found = first;
            high = first - 1;
            continue;
        }
        before = first + record.count - 1;
        self->seq = before + 1;
        if (before < middle)
            return VD_CORRUPT;
        low = before + 1;
    }
    if (found == 0)
        return before == known->last_seq ? VD_NOT_FOUND : VD_CORRUPT;
    return found == before + 1 ? VD_OK : VD_CORRUPT;
}

/* Finds the run of the session in a commit, at or behind `seq`. */
static bool find_item(vd_bytes_t record, const char *session, uint64_t seq,
                      vd_session_place_t *place)
{
    vd_commit_head_t head;
    vd_commit_item_t item;
    if (vd_record_commit_read(record, &head) != VD_OK)
        return false;
    for (place->at = 0; vd_record_commit_item(&head.items, &item); place->at += item.count) {
        if (!vd_str_is(item.session, session) || seq >= item.first_seq + item.count)
            continue;
        place->first_seq = item.first_seq;
        place->count = item.count;
        return true;
    }
    return false;
}

vd_status_t vd_leveldb_scan_commits(vd_leveldb_t *store, const char *session, uint64_t from,
                                    uint64_t end, uint64_t seq, vd_session_place_t *place)
{
    vd_key_t key;
    bool found = false;
    leveldb_iterator_t *commits = leveldb_create_iterator(store->db, store->read);
    vd_key_number(&key, VD_KEY_COMMITS, from);
    leveldb_iter_seek(commits, key.bytes, key.size);
    for (; !found && leveldb_iter_valid(commits); leveldb_iter_next(commits)) {
        size_t key_size = 0, value_size = 0;
        const char *name = leveldb_iter_key(commits, &key_size);
        if (!vd_key_number_of(vd_bytes(name, key_size), VD_KEY_COMMITS, &place->index) ||
            place->index > end)
            break;
        const char *value = leveldb_iter_value(commits, &value_size);
        found = find_item(vd_bytes(value, value_size), session, seq, place);
    }
    leveldb_iter_destroy(commits);
    return found ? VD_OK : VD_NOT_FOUND;
}

/* Finds the session's next run by its keys. VD_CORRUPT: they lead nowhere. */
static vd_status_t follow_keys(vd_leveldb_cursor_t *self, const vd_store_session_t *known,
                               vd_session_place_t *place)
{
    vd_run_record_t record;
    vd_status_t status = VD_OK;
    if (self->events == NULL)
        self->events = leveldb_create_iterator(self->store->db, self->store->read);
    if (self->seq == 0)
        status = locate(self, known);
    if (status == VD_OK)
        status =
            vd_leveldb_seek_run(self->events, vd_str(self->session), self->seq, &place->first_seq);
    if (status != VD_OK || place->first_seq != self->seq)
        return VD_CORRUPT;
    status = run_here(self, &record);
    if (status != VD_OK)
        return status;
    place->index = record.index;
    place->at = record.at;
    place->count = record.count;
    return record.index > self->end ? VD_NOT_FOUND : VD_OK;
}

/* The session's next run by what the commits say; or the range before it of which nothing is left,
 * neither a run nor the commit that named it. */
static vd_status_t follow_commits(vd_leveldb_cursor_t *self, const vd_store_session_t *known,
                                  vd_session_place_t *place)
{
    uint64_t expected = self->seq, end = known->last_seq + 1;
    /* The session's record may also be newer than the iterator. */
    vd_leveldb_cursor_rest(self);
    self->seq = 0;
    vd_status_t status =
        vd_leveldb_scan_commits(self->store, self->session, self->index, self->end, 0, place);
    if (status == VD_OK)
        end = place->first_seq;
    else if (known->last_index > self->end)
        return status;
    if (expected == 0 || end <= expected || (status == VD_OK && place->index == self->index))
        return status;
    /* What was lost was committed before the commit that was found. */
    place->index = status == VD_OK ? place->index - 1 : self->end;
    place->at = 0;
    place->first_seq = expected;
    place->count = (uint32_t)(end - expected);
    place->lost = true;
    return VD_OK;
}

vd_status_t vd_leveldb_next_of_session(vd_leveldb_cursor_t *self, vd_session_place_t *place,
                                       char *error, size_t error_size)
{
    vd_store_session_t known;
    assert(self->session[0] != 0 && self->store->db != NULL);
    vd_status_t status = vd_leveldb_session_locked(self->store, self->session, &known);
    if (status == VD_PRUNED)
        snprintf(error, error_size, "session %s was pruned", self->session);
    else if (status != VD_OK && status != VD_NOT_FOUND)
        snprintf(error, error_size, "store %s: the record of session %s cannot be read: %s",
                 self->store->dir, self->session, vd_status_text(status));
    if (status != VD_OK)
        return status;
    if (known.last_index < self->index || self->seq > known.last_seq)
        return VD_NOT_FOUND;
    status = follow_keys(self, &known, place);
    return status == VD_CORRUPT ? follow_commits(self, &known, place) : status;
}
