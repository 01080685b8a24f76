/* writing.h: the new store, written commit by commit.
 *
 * 1. Batches are bounded; the last one is synced, and until then the directory is no store for
 *    anybody: its head comes last.
 */
#ifndef VD_REPAIR_WRITING_H
#define VD_REPAIR_WRITING_H

#include "store/leveldb_env.h"
#include "store/leveldb_keys.h"

typedef struct vd_writing {
    vd_leveldb_env_t *env;
    leveldb_options_t *options;
    leveldb_writeoptions_t *write;
    leveldb_writebatch_t *batch;
    leveldb_t *db;
    size_t waiting; /* bytes in the batch */
    vd_buffer_t value;
    char error[512]; /* empty: all is well */
} vd_writing_t;

/* Begins a database in the directory `into`, which is there and empty. False with `error` set. */
bool vd_writing_begin(vd_writing_t *self, const char *into);
/* Adds the bytes in `value`, and empties it. */
void vd_writing_put(vd_writing_t *self, const vd_key_t *key);
void vd_writing_put_bytes(vd_writing_t *self, const vd_key_t *key, vd_bytes_t bytes);
/* Writes and syncs everything and closes. False with `error` set. */
bool vd_writing_end(vd_writing_t *self);
void vd_writing_free(vd_writing_t *self);

#endif
