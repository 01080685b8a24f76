/* leveldb_store.h: what the files of the backend "leveldb" share: the open database and its lock.
 *
 * 1. `db` changes only under the write lock (open, reopen, close). Every reader holds the read lock
 *    for as long as it uses `db` or an iterator of it; the appending thread needs none, for it is
 *    the one that reopens.
 * 2. An iterator belongs to a cursor, and the cursor to the list, so that reopening finds and ends
 *    them all: closing a database that has iterators would abort the process. The list is changed
 *    under the read lock and tail_lock, so that nobody has to wait for whoever reads for long.
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
#include <stdatomic.h>

/* Up to two of them are held in memory, and one is replayed when a store is opened. The larger, the
 * less often what is written has to be merged with what is there. */
#define VD_LEVELDB_WRITE_BUFFER (16u * 1024 * 1024)

/* Id of a damaged store whose own cannot be read. */
#define VD_LEVELDB_UNKNOWN_ID "0000000000000000"

typedef struct vd_leveldb_cursor vd_leveldb_cursor_t;
typedef struct vd_leveldb_prune vd_leveldb_prune_t;

typedef struct vd_leveldb {
    vd_store_t base;
    char dir[512];
    vd_store_mode_t mode;
    vd_leveldb_env_t *env;
    pthread_rwlock_t lock;
    pthread_mutex_t write_lock; /* held while a batch is written, and while files are copied */
    leveldb_t *db;              /* NULL when a reopening closed it and could not open it */
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *filter;
    leveldb_readoptions_t *read;
    leveldb_readoptions_t *read_through; /* for who reads everything in order: nothing is cached */
    leveldb_writeoptions_t *write;
    leveldb_writeoptions_t *write_unsynced;
    leveldb_writebatch_t *batch;
    vd_buffer_t value;  /* of the appending thread */
    atomic_bool failed; /* set under write_lock */
    bool kept;    /* something was written since the opening, which can no longer be taken back */
    bool damaged; /* it was found that writing fails because of damage: it is over */
    uint32_t failures;       /* in a row, each soon after a reopening */
    uint64_t reopened_index; /* where the store ended then */
    vd_store_head_t head;
    pthread_mutex_t tail_lock;
    vd_store_tail_t tail;
    int64_t tail_created_ms;
    uint64_t anchor; /* as in the head, for readers */
    uint32_t anchor_chain;
    vd_leveldb_prune_t *prune;
    vd_leveldb_cursor_t *cursors; /* see 2 */
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
    vd_buffer_t again; /* its record, read once more */
    vd_commit_run_t *runs;
    vd_run_place_t *places;
    uint32_t run_room;
};

/* Reads the record under `key` into `out` (appended). VD_OK, VD_NOT_FOUND, VD_CORRUPT or VD_IO,
 * with text. The caller holds the read lock. */
vd_status_t vd_leveldb_get(vd_leveldb_t *self, const vd_key_t *key, vd_buffer_t *out, char *error,
                           size_t error_size);
/* Writes a batch, from any thread; the caller holds the read lock, or is the one that reopens. VD_OK;
 * VD_STORE_TROUBLE: the handle was `failed` already; VD_NO_SPACE or VD_IO with text: it is now. */
vd_status_t vd_leveldb_write_batch(vd_leveldb_t *self, leveldb_writebatch_t *batch, char *error,
                                   size_t error_size);
/* The same for self->batch. */
vd_status_t vd_leveldb_write(vd_leveldb_t *self, char *error, size_t error_size);
/* And without a sync, whatever the store's durability. */
vd_status_t vd_leveldb_write_unsynced(vd_leveldb_t *self, char *error, size_t error_size);
/* Puts self->value under `key` into self->batch, and empties it. */
void vd_leveldb_put(vd_leveldb_t *self, const vd_key_t *key);
void vd_leveldb_put_head(vd_leveldb_t *self);
/* Finds the tail of the database that was just opened and checks the newest commits. VD_OK, or
 * VD_CORRUPT and the like with text; in quarantine what can be read of it. */
vd_status_t vd_leveldb_check_tail(vd_leveldb_t *self, vd_store_tail_t *tail, char *error,
                                  size_t error_size);
/* The tail as readers may see it. */
void vd_leveldb_tail(vd_store_t *store, vd_store_tail_t *tail);

/* Ends the iterators of a cursor. */
void vd_leveldb_cursor_rest(vd_leveldb_cursor_t *cursor);

typedef struct vd_leveldb_walk {
    const char *prefix;
    const char *before; /* not NULL: backwards, from below this name on */
    vd_status_t (*each)(void *arg, vd_str_t name, vd_bytes_t value);
    void *arg;
} vd_leveldb_walk_t;

/* Calls `each` for every record under `prefix`, until it returns something else than VD_OK;
 * VD_CANCELLED is a good end. */
vd_status_t vd_leveldb_walk(vd_leveldb_t *self, const vd_leveldb_walk_t *way);

vd_status_t vd_leveldb_producers(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_producer_t *), void *arg);
vd_status_t vd_leveldb_sessions(vd_store_t *store, bool (*each)(void *, const vd_store_session_t *),
                                void *arg);
vd_status_t vd_leveldb_sessions_before(vd_store_t *store, const char *before,
                                       bool (*each)(void *, const vd_store_session_t *), void *arg);
vd_status_t vd_leveldb_tombstones(vd_store_t *store, bool (*each)(void *, const char *), void *arg);
vd_status_t vd_leveldb_session(vd_store_t *store, const char *session, vd_store_session_t *out);
/* The same for a caller that holds the read lock. */
vd_status_t vd_leveldb_session_locked(vd_leveldb_t *self, const char *name,
                                      vd_store_session_t *out);
vd_status_t vd_leveldb_record(vd_store_t *store, const char *session, const char *record,
                              uint64_t *seq);
vd_status_t vd_leveldb_find(vd_store_t *store, const char *session, uint64_t seq, uint64_t *index,
                            uint64_t *at);
vd_status_t vd_leveldb_chain(vd_store_t *store, uint64_t index, uint32_t *chain);
/* Places `events` at the run of `session` that holds `seq`: the last that begins at or before it.
 * VD_OK with the run's first sequence, or VD_NOT_FOUND. The caller holds the read lock. */
vd_status_t vd_leveldb_seek_run(leveldb_iterator_t *events, vd_str_t session, uint64_t seq,
                                uint64_t *first_seq);
/* A run as its key or its commit tells it. */
typedef struct vd_session_place {
    uint64_t index, at, first_seq;
    uint32_t count;
    bool lost; /* nothing says where these events were; `index` is a commit behind which they cannot
                  be */
} vd_session_place_t;

/* The first run of the session at or behind sequence `seq` in commits from..end, by what the commits
 * say: where runs are lost, their keys lead nowhere. It looks through all of them. VD_OK or
 * VD_NOT_FOUND. The caller holds the read lock. */
vd_status_t vd_leveldb_scan_commits(vd_leveldb_t *store, const char *session, uint64_t from,
                                    uint64_t end, uint64_t seq, vd_session_place_t *place);
/* The session's next run for a cursor that reads one session. VD_OK; VD_NOT_FOUND: none up to the
 * cursor's end; VD_PRUNED, VD_CORRUPT or VD_IO with text. The caller holds the read lock. */
vd_status_t vd_leveldb_next_of_session(vd_leveldb_cursor_t *cursor, vd_session_place_t *place,
                                       char *error, size_t error_size);
vd_status_t vd_leveldb_cursor_new(vd_store_t *store, vd_store_cursor_t **cursor);
void vd_leveldb_cursor_destroy(vd_store_cursor_t *cursor);
vd_status_t vd_leveldb_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session);
vd_status_t vd_leveldb_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                   size_t error_size);

/* ---- leveldb_positions.c ---- */

vd_status_t vd_leveldb_save_position(vd_store_t *store, const vd_store_position_t *position,
                                     char *error, size_t error_size);
vd_status_t vd_leveldb_forget_position(vd_store_t *store, const char *name, char *error,
                                       size_t error_size);
vd_status_t vd_leveldb_position(vd_store_t *store, const char *name, vd_store_position_t *out);
vd_status_t vd_leveldb_positions(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_position_t *), void *arg);

/* ---- leveldb_snapshots.c ---- */

vd_status_t vd_leveldb_save_snapshot(vd_store_t *store, const vd_store_snapshot_t *snapshot,
                                     vd_bytes_t state, uint32_t keep, char *error,
                                     size_t error_size);
vd_status_t vd_leveldb_load_snapshot(vd_store_t *store, const vd_store_snapshot_ask_t *ask,
                                     vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                     size_t error_size);
vd_status_t vd_leveldb_snapshots(vd_store_t *store,
                                 bool (*each)(void *, const vd_store_snapshot_t *), void *arg);

/* ---- leveldb_checkpoint.c ---- */

vd_status_t vd_leveldb_checkpoint(vd_store_t *store, const char *dir, char *error,
                                  size_t error_size);

/* ---- leveldb_prune.c ---- */

/* NULL without memory. */
vd_leveldb_prune_t *vd_leveldb_prune_new(vd_leveldb_t *store);
/* Ends what frees disk space in the background. */
void vd_leveldb_prune_destroy(vd_leveldb_prune_t **self);
/* Reads what is to be gone on with from the database, after it was opened. */
vd_status_t vd_leveldb_prune_load(vd_leveldb_t *self, char *error, size_t error_size);
/* When the opening has gone well: goes on with freeing disk space in the background. */
void vd_leveldb_prune_resume(vd_leveldb_t *self);
vd_status_t vd_leveldb_prune_mark(vd_store_t *store, const char *const *sessions, uint32_t count,
                                  char *error, size_t error_size);
vd_status_t vd_leveldb_prune_step(vd_store_t *store, bool *more, char *error, size_t error_size);
/* Sessions whose space is being freed. From any thread. */
uint64_t vd_leveldb_prune_pending(vd_leveldb_t *self);

#endif
