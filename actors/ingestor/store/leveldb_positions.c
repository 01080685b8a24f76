/* leveldb_positions.c: positions of subscribers in the backend "leveldb". */
#include "store/leveldb_store.h"

#include <assert.h>
#include <stdio.h>

enum { VALUE_BYTES = 512 }; /* of a record, at most */

static vd_status_t tell_failed(const vd_leveldb_t *self, char *error, size_t error_size)
{
    snprintf(error, error_size, "store %s: a write has failed before; it must be reopened",
             self->dir);
    return VD_STORE_TROUBLE;
}

static vd_status_t read_record(vd_leveldb_t *self, const char *name, vd_store_position_t *out,
                               char *error, size_t error_size)
{
    vd_key_t key;
    vd_buffer_t value;
    if (strlen(name) > VD_NAME_BYTES_MAX) {
        snprintf(error, error_size, "a name has at most %d bytes", VD_NAME_BYTES_MAX);
        return VD_NOT_FOUND;
    }
    vd_key_name(&key, VD_KEY_POSITIONS, vd_str(name));
    vd_buffer_init(&value, VALUE_BYTES);
    pthread_rwlock_rdlock(&self->lock);
    vd_status_t status = vd_leveldb_get(self, &key, &value, error, error_size);
    pthread_rwlock_unlock(&self->lock);
    if (status == VD_OK) {
        status = vd_record_position_read(vd_buffer_view(&value), vd_str(name), out);
        if (status != VD_OK)
            snprintf(error, error_size, "store %s: record %s: %s", self->dir, key.bytes,
                     vd_status_text(status));
    }
    vd_buffer_free(&value);
    return status;
}

static bool count_one(void *arg, const vd_store_position_t *position)
{
    uint32_t *count = arg;
    (void)position;
    return ++*count < VD_POSITIONS_MAX;
}

vd_status_t vd_leveldb_save_position(vd_store_t *store, const vd_store_position_t *position,
                                     char *error, size_t error_size)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_store_position_t before;
    vd_key_t key;
    uint32_t count = 0;
    if (atomic_load(&self->failed))
        return tell_failed(self, error, error_size);
    assert(self->db != NULL);
    vd_status_t status = read_record(self, position->name, &before, error, error_size);
    /* A name that is new takes a place; a list that cannot be read to its end counts what it can. */
    if (status == VD_NOT_FOUND)
        vd_leveldb_positions(store, count_one, &count);
    if (count >= VD_POSITIONS_MAX) {
        snprintf(error, error_size,
                 "store %s keeps positions under %d names already; forget one: vedette subscriber "
                 "forget NAME",
                 self->dir, VD_POSITIONS_MAX);
        return VD_TOO_LARGE;
    }
    error[0] = 0;
    leveldb_writebatch_clear(self->batch);
    vd_buffer_clear(&self->value);
    vd_key_name(&key, VD_KEY_POSITIONS, vd_str(position->name));
    vd_record_position_write(&self->value, position);
    vd_leveldb_put(self, &key);
    return vd_leveldb_write_unsynced(self, error, error_size);
}

vd_status_t vd_leveldb_forget_position(vd_store_t *store, const char *name, char *error,
                                       size_t error_size)
{
    vd_leveldb_t *self = (vd_leveldb_t *)store;
    vd_store_position_t before;
    vd_key_t key;
    if (atomic_load(&self->failed))
        return tell_failed(self, error, error_size);
    assert(self->db != NULL);
    if (read_record(self, name, &before, error, error_size) == VD_NOT_FOUND) {
        snprintf(error, error_size, "no position is kept under the name %.64s", name);
        return VD_NOT_FOUND;
    }
    error[0] = 0;
    leveldb_writebatch_clear(self->batch);
    vd_key_name(&key, VD_KEY_POSITIONS, vd_str(name));
    leveldb_writebatch_delete(self->batch, key.bytes, key.size);
    return vd_leveldb_write_unsynced(self, error, error_size);
}

vd_status_t vd_leveldb_position(vd_store_t *store, const char *name, vd_store_position_t *out)
{
    char error[VD_TEXT_BYTES_MAX];
    return read_record((vd_leveldb_t *)store, name, out, error, sizeof error);
}

typedef struct position_walk {
    bool (*each)(void *arg, const vd_store_position_t *position);
    void *arg;
    vd_store_position_t position;
    bool damaged;
} position_walk_t;

static vd_status_t each_position(void *arg, vd_str_t name, vd_bytes_t value)
{
    position_walk_t *self = arg;
    if (vd_record_position_read(value, name, &self->position) != VD_OK) {
        self->damaged = true;
        return VD_OK;
    }
    return self->each(self->arg, &self->position) ? VD_OK : VD_CANCELLED;
}

vd_status_t vd_leveldb_positions(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_position_t *), void *arg)
{
    position_walk_t positions = {.each = each, .arg = arg};
    vd_leveldb_walk_t way = {.prefix = VD_KEY_POSITIONS, .each = each_position, .arg = &positions};
    vd_status_t status = vd_leveldb_walk((vd_leveldb_t *)store, &way);
    return status == VD_OK && positions.damaged ? VD_CORRUPT : status;
}
