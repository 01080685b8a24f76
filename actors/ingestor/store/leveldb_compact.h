/* leveldb_compact.h: gives disk space back behind pruning, in a thread of its own.
 *
 * 1. LevelDB keeps what was deleted until it rewrites the tables that hold it, and nothing makes it
 *    rewrite those that nobody writes to any more. So it is told to, range by range.
 * 2. The thread begins with the first range. Appends go on meanwhile. Closing and reopening wait
 *    for the range that is being rewritten.
 * 3. What was pruned so soon that it had not left memory yet (the write buffer) goes into one table
 *    with its deletion; its space comes back when LevelDB rewrites that table by itself.
 */
#ifndef VD_STORE_LEVELDB_COMPACT_H
#define VD_STORE_LEVELDB_COMPACT_H

#include "store/leveldb_store.h"

typedef struct vd_leveldb_compact vd_leveldb_compact_t;

/* NULL without memory. */
vd_leveldb_compact_t *vd_leveldb_compact_new(vd_leveldb_t *store);
/* Ends the thread; what was not begun is left out. */
void vd_leveldb_compact_destroy(vd_leveldb_compact_t **self);
/* Frees what the runs and records of a session held. */
void vd_leveldb_compact_session(vd_leveldb_compact_t *self, const char *session);
/* Frees what the commits up to `index` held. */
void vd_leveldb_compact_commits(vd_leveldb_compact_t *self, uint64_t index);

#endif
