/* leveldb_compact.h: gives disk space back behind pruning, in a thread of its own.
 *
 * 1. LevelDB keeps what was deleted until it rewrites the tables that hold it, and nothing makes it
 *    rewrite those that nobody writes to any more.
 * 2. It is never ordered to compact keys that tables hold (leveldb_compact_range): LevelDB 1.23
 *    forgets such an order when a write fails meanwhile, be it of the log or of a table, and its
 *    thread then follows a null pointer. The one order that is given is for keys behind every
 *    table: it writes down what is in memory, and the rest of it begins and ends under one hold of
 *    LevelDB's lock.
 * 3. Instead LevelDB is led to do it by itself. Of a lookup that two tables have to be read for the
 *    first is charged, and a table that was charged often enough is merged with the level below:
 *    the same way that every write goes. So a key that is not there is looked up where two tables
 *    overlap, until no two do, or nothing of the range is left.
 * 4. What was pruned before it had left memory stands in one table with its deletion. Then the ends
 *    of the range are deleted, which are not there: that makes the second table.
 * 5. What is to be freed is known from the disk: VD_KEY_FREEING, written with the last deletions of
 *    a session and removed when its space is free; and, for commits, the anchor. Less than
 *    VD_LEVELDB_COMPACT_WORTH in a row, with what was deleted next to it, is left to the compactions
 *    that writing brings.
 * 6. Appends go on meanwhile. Closing and reopening wait for one lookup or one table of the memory,
 *    not for compactions. A failed write ends it until more is pruned or the store is opened: where a
 *    damaged table is the cause, which cannot be merged, writing would fail again and again.
 */
#ifndef VD_STORE_LEVELDB_COMPACT_H
#define VD_STORE_LEVELDB_COMPACT_H

#include "store/leveldb_store.h"

#define VD_LEVELDB_COMPACT_WORTH (64u * 1024)

typedef struct vd_leveldb_compact vd_leveldb_compact_t;

/* NULL without memory. */
vd_leveldb_compact_t *vd_leveldb_compact_new(vd_leveldb_t *store);
/* Ends the thread; what is left is gone on with after the next opening. */
void vd_leveldb_compact_destroy(vd_leveldb_compact_t **self);
/* Frees what there is to free. `written`: since the opening, so that it may still be in memory. */
void vd_leveldb_compact_go(vd_leveldb_compact_t *self, bool written);

#endif
