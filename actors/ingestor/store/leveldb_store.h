/* leveldb_store.h: what the files of the backend "leveldb" share: the open database and its lock.
 *
 * 1. `db` changes only under the write lock (open, reopen, close). Every reader holds the read lock
 *    for as long as it uses `db` or an iterator of it; the appending thread needs none, for it is
 *    the one that reopens.
 * 2. An iterator belongs to a cursor, and the cursor to the list, so that reopening finds and ends
 *    them all: closing a database that has iterators would abort the process.
 * 3. `tail` is what readers may see: it moves when an append has returned.
 * 4. Who only reads stands on an overlay (leveldb_env.h). In quarantine, lists leave out what cannot
 *    be read, and say nothing of it: the commits do.
 */
#ifndef VD_STORE_LEVELDB_STORE_H
#define VD_STORE_LEVELDB_STORE_H

#include "store/backend.h"
#include "store/leveldb_env.h"
#include "store/leveldb_keys.h"

#include <leveldb/c.h>
#include <pthread.h>

#define VD_LEVELDB_WRITE_BUFFER (4u * 1024 * 1024)

typedef struct vd_leveldb_cursor vd_leveldb_cursor_t;

typedef struct vd_leveldb {
    vd_store_t base;
    char dir[512];
    vd_store_mode_t mode;
    vd_leveldb_env_t *env;
    pthread_rwlock_t lock;
    leveldb_t *db; /* NULL when a reopening closed it and could not open it */
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_readoptions_t *read;
    leveldb_writeoptions_t *write;
    leveldb_writebatch_t *batch;
    vd_buffer_t value; /* of the appending thread */
    bool failed;
    vd_store_head_t head;
    pthread_mutex_t tail_lock;
    vd_store_tail_t tail;
    vd_leveldb_cursor_t *cursors; /* changed and walked under the write lock */
} vd_leveldb_t;

/* Where a run's session and bytes stand in the cursor's bytes while these may still move. */
typedef struct vd_run_place {
    size_t session_at;
    size_t run_at;
} vd_run_place_t;

struct vd_leveldb_cursor {
    vd_store_cursor_t base;
    vd_leveldb_t *store;
    vd_leveldb_cursor_t *following;
    leveldb_iterator_t *commits; /* NULL: none now */
    leveldb_iterator_t *events;
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t index; /* the next commit to be read, at least */
    uint64_t end;   /* the last that this cursor sees */
    uint64_t first; /* the first that is held */
    uint64_t seq;   /* with session: first sequence of the next run; 0: not found yet */
    bool chained;   /* `chain` is that of commit index - 1 */
    uint32_t chain;
    vd_buffer_t bytes; /* of the commit that was read */
    vd_commit_run_t *runs;
    vd_run_place_t *places;
    uint32_t run_room;
};

/* Reads the record under `key` into `out` (appended). VD_OK, VD_NOT_FOUND, VD_CORRUPT or VD_IO,
 * with text. The caller holds the read lock. */
vd_status_t vd_leveldb_get(vd_leveldb_t *self, const vd_key_t *key, vd_buffer_t *out, char *error,
                           size_t error_size);
/* The tail as readers may see it. */
void vd_leveldb_tail(vd_store_t *store, vd_store_tail_t *tail);

/* Ends the iterators of a cursor. */
void vd_leveldb_cursor_rest(vd_leveldb_cursor_t *cursor);

vd_status_t vd_leveldb_producers(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_producer_t *), void *arg);
vd_status_t vd_leveldb_sessions(vd_store_t *store, bool (*each)(void *, const vd_store_session_t *),
                                void *arg);
vd_status_t vd_leveldb_session(vd_store_t *store, const char *session, vd_store_session_t *out);
vd_status_t vd_leveldb_find(vd_store_t *store, const char *session, uint64_t seq, uint64_t *index,
                            uint64_t *at);
vd_status_t vd_leveldb_chain(vd_store_t *store, uint64_t index, uint32_t *chain);
/* Places `events` at the run of `session` that holds `seq`: the last that begins at or before it.
 * VD_OK with the run's first sequence, or VD_NOT_FOUND. The caller holds the read lock. */
vd_status_t vd_leveldb_seek_run(leveldb_iterator_t *events, vd_str_t session, uint64_t seq,
                                uint64_t *first_seq);
vd_status_t vd_leveldb_cursor_new(vd_store_t *store, vd_store_cursor_t **cursor);
void vd_leveldb_cursor_destroy(vd_store_cursor_t *cursor);
vd_status_t vd_leveldb_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session);
vd_status_t vd_leveldb_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                   size_t error_size);

#endif
