/* leveldb_snapshots.c: states of observers in the backend "leveldb": heads, which are looked through, and
 * bodies, which are as large as the states are. */
#include "store/leveldb_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* As large as a record with the largest state in it. */
#define BODY_BYTES_CAP ((size_t)VD_STATE_BYTES_MAX + 64)
/* States of an observer that one saving looks through: more than are ever left. */
#define HEADS_MAX (2u * VD_STATES_MAX)

static vd_status_t walk(vd_leveldb_t *self, const vd_key_t *prefix, const char *before,
                        vd_status_t (*each)(void *, vd_str_t, vd_bytes_t), void *arg)
{
    vd_leveldb_walk_t way = {.prefix = prefix->bytes, .before = before, .each = each, .arg = arg};
    return vd_leveldb_walk(self, &way);
}

/* ---- saving ---- */

/* What there is of the observer, oldest first. */
typedef struct heads {
    uint32_t count;
    uint64_t list[HEADS_MAX];
} heads_t;

static vd_status_t take_head(void *arg, vd_str_t name, vd_bytes_t value)
{
    heads_t *self = arg;
    (void)value;
    if (self->count == HEADS_MAX)
        return VD_CANCELLED;
    if (vd_key_number_of(name, "", &self->list[self->count]))
        self->count++;
    return VD_OK;
}

typedef struct observers {
    const char *session;
    char last[VD_NAME_BYTES_MAX + 1];
    uint32_t count;
} observers_t;

static vd_status_t count_observer(void *arg, vd_str_t name, vd_bytes_t value)
{
    observers_t *self = arg;
    const uint8_t *blank = name.size > 0 ? memchr(name.data, ' ', name.size) : NULL;
    char observer[VD_NAME_BYTES_MAX + 1];
    (void)value;
    if (blank == NULL ||
        !vd_str_copy(observer, sizeof observer, vd_bytes(name.data, (size_t)(blank - name.data))))
        return VD_OK;
    self->count += strcmp(observer, self->last) != 0;
    memcpy(self->last, observer, sizeof observer);
    return VD_OK;
}

/* May another observer keep states in the session? */
static vd_status_t check_observers(vd_leveldb_t *self, const vd_store_snapshot_t *snapshot,
                                   char *error, size_t error_size)
{
    vd_key_t prefix;
    observers_t observers = {.count = 0};
    vd_key_snapshots(&prefix, VD_KEY_SNAPSHOTS, vd_str(snapshot->session), vd_str(""));
    /* What cannot be read counts for nothing. */
    (void)walk(self, &prefix, NULL, count_observer, &observers);
    if (observers.count < VD_STATE_OBSERVERS_MAX)
        return VD_OK;
    snprintf(error, error_size, "states of %d observers are kept in session %s already",
             VD_STATE_OBSERVERS_MAX, snapshot->session);
    return VD_TOO_LARGE;
}

static void delete_state(vd_leveldb_t *self, const vd_store_snapshot_t *snapshot, uint64_t index)
{
    static const char *const prefixes[] = {VD_KEY_SNAPSHOTS, VD_KEY_STATES};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        vd_key_t key;
        vd_key_snapshot(&key, prefixes[i], vd_str(snapshot->session), vd_str(snapshot->observer),
                        index);
        leveldb_writebatch_delete(self->batch, key.bytes, key.size);
    }
}

/* Puts the removal of what is not to stay beside the new one into the batch. */
static void delete_others(vd_leveldb_t *self, const vd_store_snapshot_t *snapshot,
                          const heads_t *heads, uint32_t keep)
{
    uint32_t count = heads->count, others = 0;
    /* They are of a store that went on otherwise. */
    for (; count > 0 && heads->list[count - 1] > self->tail.index; count--)
        delete_state(self, snapshot, heads->list[count - 1]);
    for (uint32_t i = 0; i < count; i++)
        others += heads->list[i] != snapshot->index;
    for (uint32_t i = 0; i < count && others + 1 > keep; i++) {
        if (heads->list[i] == snapshot->index)
            continue;
        delete_state(self, snapshot, heads->list[i]);
        others--;
    }
}

vd_status_t vd_leveldb_save_snapshot(vd_store_t *store, const vd_store_snapshot_t *snapshot,
                                     vd_bytes_t state, uint32_t keep, char *error,
                                     size_t error_size)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_key_t key;
    heads_t heads = {.count = 0};
    vd_str_t session = vd_str(snapshot->session), observer = vd_str(snapshot->observer);
    assert(keep > 0 && state.size == snapshot->size);
    if (atomic_load(&self->failed)) {
        snprintf(error, error_size, "store %s: a write has failed before; it must be reopened",
                 self->dir);
        return VD_STORE_TROUBLE;
    }
    assert(self->db != NULL);
    vd_key_snapshots(&key, VD_KEY_SNAPSHOTS, session, observer);
    (void)walk(self, &key, NULL, take_head, &heads);
    vd_status_t status =
        heads.count == 0 ? check_observers(self, snapshot, error, error_size) : VD_OK;
    if (status != VD_OK)
        return status;
    leveldb_writebatch_clear(self->batch);
    vd_buffer_clear(&self->value);
    delete_others(self, snapshot, &heads, keep);
    vd_key_snapshot(&key, VD_KEY_STATES, session, observer, snapshot->index);
    vd_record_state_write(&self->value, state);
    vd_leveldb_put(self, &key);
    vd_key_snapshot(&key, VD_KEY_SNAPSHOTS, session, observer, snapshot->index);
    vd_record_snapshot_write(&self->value, snapshot, state);
    vd_leveldb_put(self, &key);
    return vd_leveldb_write_unsynced(self, error, error_size);
}

/* ---- loading ---- */

typedef struct search {
    vd_leveldb_t *store;
    const vd_store_snapshot_ask_t *ask;
    vd_store_snapshot_t *out;
    vd_buffer_t *state;
    vd_buffer_t body;
    char *error; /* the newest that was passed over; empty: none */
    size_t error_size;
    bool found;
} search_t;

static bool is_meant(const vd_store_snapshot_ask_t *ask, const vd_store_snapshot_t *snapshot)
{
    return snapshot->version == ask->version &&
           (ask->seq == 0 || (snapshot->seq > 0 && snapshot->seq <= ask->seq)) &&
           (ask->at_ms == 0 || snapshot->at_ms <= ask->at_ms);
}

static vd_status_t pass_over(search_t *self, vd_str_t number, const char *why)
{
    if (self->error[0] == 0)
        snprintf(
            self->error, self->error_size,
            "store %s: the state of observer %s in session %s at commit %.*s is damaged: %.300s",
            self->store->dir, self->ask->observer, self->ask->session, (int)number.size,
            (const char *)number.data, why);
    return VD_OK;
}

static vd_status_t look_at(void *arg, vd_str_t number, vd_bytes_t value)
{
    search_t *self = arg;
    vd_key_t key;
    uint32_t crc;
    vd_bytes_t state;
    char why[VD_TEXT_BYTES_MAX] = "";
    /* The name is what stands behind the prefix of all. */
    vd_key_snapshots(&key, "", vd_str(self->ask->session), vd_str(self->ask->observer));
    if (number.size != VD_KEY_DIGITS)
        return VD_OK;
    memcpy(key.bytes + key.size, number.data, number.size);
    vd_str_t name = vd_bytes(key.bytes, key.size + number.size);
    vd_status_t status = vd_record_snapshot_read(value, name, self->out, &crc);
    if (status != VD_OK)
        return pass_over(self, number, vd_status_text(status));
    if (!is_meant(self->ask, self->out))
        return VD_OK;
    vd_buffer_clear(&self->body);
    vd_key_snapshot(&key, VD_KEY_STATES, vd_str(self->out->session), vd_str(self->out->observer),
                    self->out->index);
    status = vd_leveldb_get(self->store, &key, &self->body, why, sizeof why);
    if (status == VD_OK)
        status = vd_record_state_read(vd_buffer_view(&self->body), self->out, crc, &state);
    if (status != VD_OK)
        return pass_over(self, number, why[0] != 0 ? why : vd_status_text(status));
    if (!vd_buffer_add(self->state, state.data, state.size))
        return VD_NO_MEMORY;
    self->found = true;
    return VD_CANCELLED;
}

vd_status_t vd_leveldb_load_snapshot(vd_store_t *store, const vd_store_snapshot_ask_t *ask,
                                     vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                     size_t error_size)
{
    vd_key_t prefix;
    char before[VD_KEY_DIGITS + 1] = "";
    search_t search = {.store = (vd_leveldb_t *)store,
                       .ask = ask,
                       .out = out,
                       .state = state,
                       .error = error,
                       .error_size = error_size};
    if (ask->below > 0)
        snprintf(before, sizeof before, "%020" PRIu64, ask->below);
    vd_buffer_init(&search.body, BODY_BYTES_CAP);
    vd_key_snapshots(&prefix, VD_KEY_SNAPSHOTS, vd_str(ask->session), vd_str(ask->observer));
    vd_status_t status = walk(search.store, &prefix, before, look_at, &search);
    vd_buffer_free(&search.body);
    if (search.found)
        return VD_OK;
    if (status == VD_CORRUPT && error[0] == 0)
        snprintf(error, error_size,
                 "store %s: the list of states of observer %s in session %s is damaged",
                 search.store->dir, ask->observer, ask->session);
    return status == VD_OK || status == VD_CORRUPT ? VD_NOT_FOUND : status;
}

/* ---- all of them ---- */

typedef struct listing {
    bool (*each)(void *arg, const vd_store_snapshot_t *snapshot);
    void *arg;
    vd_store_snapshot_t snapshot;
    bool damaged;
} listing_t;

static vd_status_t list_one(void *arg, vd_str_t name, vd_bytes_t value)
{
    listing_t *self = arg;
    uint32_t crc;
    if (vd_record_snapshot_read(value, name, &self->snapshot, &crc) != VD_OK) {
        self->damaged = true;
        return VD_OK;
    }
    return self->each(self->arg, &self->snapshot) ? VD_OK : VD_CANCELLED;
}

vd_status_t vd_leveldb_snapshots(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_snapshot_t *), void *arg)
{
    vd_key_t prefix;
    listing_t listing = {.each = each, .arg = arg};
    vd_key_name(&prefix, VD_KEY_SNAPSHOTS, vd_str(""));
    vd_status_t status = walk((vd_leveldb_t *)store, &prefix, NULL, list_one, &listing);
    return status == VD_OK && listing.damaged ? VD_CORRUPT : status;
}
