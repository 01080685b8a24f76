/* leveldb_tables.h: which tables of a database hold keys of a range, as LevelDB tells it.
 *
 * 1. They come in the order in which LevelDB looks through them, but for those of level 0 among
 *    themselves.
 * 2. A table whose keys are none of leveldb_keys.h is left out.
 */
#ifndef VD_STORE_LEVELDB_TABLES_H
#define VD_STORE_LEVELDB_TABLES_H

#include "store/leveldb_keys.h"

#include <leveldb/c.h>

typedef struct vd_leveldb_range {
    vd_key_t from, to; /* `to` is not in it */
} vd_leveldb_range_t;

typedef struct vd_leveldb_span {
    unsigned level;
    vd_key_t first, last;
} vd_leveldb_span_t;

typedef struct vd_leveldb_tables {
    vd_leveldb_span_t *spans;
    size_t count, room;
} vd_leveldb_tables_t;

int vd_leveldb_key_compare(const vd_key_t *a, const vd_key_t *b);
/* Lists the tables that may hold keys of the range. False without memory. */
bool vd_leveldb_tables_list(vd_leveldb_tables_t *self, leveldb_t *db,
                            const vd_leveldb_range_t *range);
/* Finds a key of the range that is not there and that two of the tables are read for. False: there
 * is none. */
bool vd_leveldb_tables_shared(const vd_leveldb_tables_t *self, const vd_leveldb_range_t *range,
                              vd_key_t *key);
void vd_leveldb_tables_free(vd_leveldb_tables_t *self);

#endif
