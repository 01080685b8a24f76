/* source.h: the damaged store, as far as it can be read. */
#ifndef VD_REPAIR_SOURCE_H
#define VD_REPAIR_SOURCE_H

#include "store/leveldb_env.h"
#include "store/leveldb_keys.h"

typedef struct vd_source {
    vd_leveldb_env_t *env;
    leveldb_options_t *options;
    leveldb_readoptions_t *read;
    leveldb_t *db;
    char copy[600]; /* the directory of the copy that was repaired; empty: there is none */
} vd_source_t;

/* Opens the store in `from`; a copy, if one is needed, goes into `copy`. */
vd_status_t vd_source_open(vd_source_t *self, const char *from, const char *copy, char *error,
                           size_t error_size);
/* Closes it and removes the copy. */
void vd_source_close(vd_source_t *self);
/* Appends the value under `key`. VD_OK, VD_NOT_FOUND or VD_CORRUPT. */
vd_status_t vd_source_get(vd_source_t *self, const vd_key_t *key, vd_buffer_t *out);
/* Calls `each` for every record under `prefix` that can be read, until it returns something else
 * than VD_OK, which is returned. */
vd_status_t vd_source_walk(vd_source_t *self, const char *prefix,
                           vd_status_t (*each)(void *arg, vd_str_t name, vd_bytes_t value),
                           void *arg);

#endif
