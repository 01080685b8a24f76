/* writing.c: batches into a fresh database. */
#include "repair/writing.h"

#include <assert.h>
#include <stdio.h>

enum { BATCH_BYTES = 1 << 20, VALUE_BYTES_CAP = 64 << 20 };

static void fail(vd_writing_t *self, char *trouble)
{
    if (trouble != NULL && self->error[0] == 0)
        snprintf(self->error, sizeof self->error, "%s", trouble);
    leveldb_free(trouble);
}

bool vd_writing_begin(vd_writing_t *self, const char *into)
{
    char *trouble = NULL;
    *self = (vd_writing_t){.env = vd_leveldb_env_new(VD_LEVELDB_DIRECT)};
    vd_buffer_init(&self->value, VALUE_BYTES_CAP);
    self->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(self->options, 1);
    leveldb_options_set_error_if_exists(self->options, 1);
    if (self->env != NULL)
        leveldb_options_set_env(self->options, vd_leveldb_env_handle(self->env));
    self->write = leveldb_writeoptions_create();
    self->batch = leveldb_writebatch_create();
    self->db = leveldb_open(self->options, into, &trouble);
    fail(self, trouble);
    return self->db != NULL;
}

static void flush(vd_writing_t *self, bool sync)
{
    char *trouble = NULL;
    leveldb_writeoptions_set_sync(self->write, sync);
    if (self->error[0] == 0)
        leveldb_write(self->db, self->write, self->batch, &trouble);
    fail(self, trouble);
    leveldb_writebatch_clear(self->batch);
    self->waiting = 0;
}

void vd_writing_put_bytes(vd_writing_t *self, const vd_key_t *key, vd_bytes_t bytes)
{
    assert(self->db != NULL);
    leveldb_writebatch_put(self->batch, key->bytes, key->size, (const char *)bytes.data,
                           bytes.size);
    self->waiting += key->size + bytes.size;
    if (self->waiting > BATCH_BYTES)
        flush(self, false);
}

void vd_writing_put(vd_writing_t *self, const vd_key_t *key)
{
    if (self->value.full && self->error[0] == 0)
        snprintf(self->error, sizeof self->error, "record %s is too large", key->bytes);
    vd_writing_put_bytes(self, key, vd_buffer_view(&self->value));
    vd_buffer_clear(&self->value);
}

bool vd_writing_end(vd_writing_t *self)
{
    flush(self, true);
    leveldb_close(self->db);
    self->db = NULL;
    return self->error[0] == 0;
}

void vd_writing_free(vd_writing_t *self)
{
    if (self->db != NULL)
        leveldb_close(self->db);
    if (self->batch == NULL)
        return;
    leveldb_writebatch_destroy(self->batch);
    leveldb_writeoptions_destroy(self->write);
    leveldb_options_destroy(self->options);
    vd_leveldb_env_destroy(&self->env);
    vd_buffer_free(&self->value);
    self->batch = NULL;
}
