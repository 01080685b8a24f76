/* store.h: the contract of an event store, and its backends.
 *
 * 1. One writer. vd_store_append writes a batch whole or not at all, and VD_OK means it is on disk.
 * 2. Any other answer of append leaves the outcome of the batch unknown and the store `failed`:
 *    nothing more can be appended until vd_store_reopen has succeeded and told the tail; reads go
 *    on meanwhile as far as they can.
 * 3. Reads may run in other threads than appends and see whole batches only, each after its append
 *    returned.
 * 4. What is read is checked: a run whose CRCs or place do not match its commit is handed on as
 *    absent (wire/commit.h law 3), VD_CORRUPT with a text that names it: never served, never
 *    deleted.
 * 5. Every record begins with its format version; one of a newer format is VD_UNSUPPORTED, not
 *    garbage. Keys:
 *      obs_sessions/<session>               when it began
 *      obs_session_meta/<session>           what is known of it
 *      obs_events/<session>:<20-digit seq>  a run, under the sequence of its first event
 *      obs_records/<session> <record>       first sequence of the frame with this record id
 *      obs_commits/<20-digit index>         what a commit consists of, in order
 *      obs_producers/<name>                 epoch, life, mark, what was rejected
 *      obs_positions/<name>                 where a subscriber goes on
 *      obs_snapshots/<session> <observer> <20-digit index>  what a state of an observer is
 *      obs_states/<session> <observer> <20-digit index>     and the state itself
 *      obs_tombstones/<session>             that it was pruned
 *      obs_freeing/<session>                that its space is still to be freed on disk
 *      obs_store                            id, format, epoch counter, anchor
 * 6. Whole sessions are pruned, in two steps: marking (durable; from then on the session is gone
 *    from view, and only its tombstone says VD_PRUNED), and freeing what it holds in bounded parts.
 *    Its runs stay in their commits as absent, with their digests. Commits at the beginning in
 *    which nothing is left are removed; the last removed one stays as anchor, so that a reader
 *    that stands there goes on. A tombstone goes with the last commit that names its session.
 * 7. Positions of subscribers are kept under a name, at most POSITIONS_MAX. They are no commits and
 *    are not synced: they outlive the death of the process, and after that of the machine an older
 *    one, or none, may stand there; never one beyond what the store holds.
 * 8. States of observers are kept likewise, no commits and not synced, each with the position that it
 *    was made at, and with its session: they are gone from view when that is marked as pruned. One
 *    that is damaged, or whose position is not in the store any more, is as if it were not there.
 */
#ifndef VD_STORE_H
#define VD_STORE_H

#include "wire/buffer.h"
#include "wire/commit.h"
#include "wire/status.h"

#include <stddef.h>

/* The newest format of records that is written and read. */
#define VD_STORE_FORMAT 2

/* A range of numbers that was rejected and not yet confirmed by its producer. */
typedef struct vd_store_reject {
    uint64_t first;
    uint32_t count;
    vd_status_t status;
    uint64_t seq; /* with VD_EXISTS: first sequence that was stored under the same record */
} vd_store_reject_t;

typedef struct vd_store_producer {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t epoch;
    uint64_t life;                       /* of the producer that holds the epoch */
    uint64_t mark;                       /* highest number consumed */
    int64_t used_ms;                     /* last use, UTC */
    char session[VD_NAME_BYTES_MAX + 1]; /* of event `mark`; empty when it was rejected */
    uint64_t seq;
    uint32_t reject_count;
    vd_store_reject_t rejects[VD_REJECTS_PER_PRODUCER_MAX];
    uint32_t past_count;
    uint64_t past[VD_LIVES_REMEMBERED]; /* lives that were fenced, newest first: their OPENs are
                                           refused */
} vd_store_producer_t;

typedef enum vd_session_state {
    VD_SESSION_ACTIVE = 1,
    VD_SESSION_COMPLETED,
    VD_SESSION_FAILED,
    VD_SESSION_INTERRUPTED,
    VD_SESSION_PRUNED, /* a tombstone: gone from view, its space is being freed */
} vd_session_state_t;

#define VD_SESSION_ERROR_SIZE 256

typedef struct vd_store_session {
    char session[VD_NAME_BYTES_MAX + 1];
    char name[VD_NAME_BYTES_MAX + 1];
    char owner[VD_NAME_BYTES_MAX + 1];
    uint64_t owner_epoch; /* under which the owner began it or last wrote to it; 0: no owner */
    vd_session_state_t state;
    int64_t started_ms, ended_ms, last_ms;
    uint64_t last_seq, last_index;
    uint32_t labels_size;
    uint8_t labels[1024];              /* one MessagePack map; cut to an empty map beyond */
    uint64_t status_seq;               /* of the newest session_status; 0: none */
    uint64_t snapshot_seq;             /* of the newest session_status with a snapshot; 0: none */
    uint64_t bytes;                    /* of its events, as they stand in the runs */
    char error[VD_SESSION_ERROR_SIZE]; /* why it failed, when its writer did not say so itself */
} vd_store_session_t;

/* A caller's id of a frame: the session takes each id once. */
typedef struct vd_store_record {
    vd_str_t session;
    vd_str_t record;
    uint64_t seq; /* of the frame's first event */
} vd_store_record_t;

/* One durable unit: the commit with the producers and sessions as they stand after it.
 * commit.run_count may be 0: a batch of rejections and openings alone is a commit too. */
typedef struct vd_store_batch {
    vd_commit_t commit;
    uint64_t epoch_counter; /* highest epoch ever given */
    const vd_store_producer_t *const *producers;
    uint32_t producer_count;
    const vd_store_session_t *const *sessions;
    uint32_t session_count;
    const char *const *forgotten; /* names of producers whose records are removed */
    uint32_t forgotten_count;
    const vd_store_record_t *records; /* of the frames in this batch that have one */
    uint32_t record_count;
} vd_store_batch_t;

/* Where a subscriber goes on, in this store. */
typedef struct vd_store_position {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t index;                      /* every commit up to this one is known */
    uint64_t offset;                     /* and so many events of the next one */
    uint32_t chain;                      /* of that commit */
    char session[VD_NAME_BYTES_MAX + 1]; /* the filter it was read under; empty: all */
    int64_t saved_ms;
} vd_store_position_t;

/* What a state of an observer is. */
typedef struct vd_store_snapshot {
    char session[VD_NAME_BYTES_MAX + 1]; /* the one whose events led to it */
    char observer[VD_NAME_BYTES_MAX + 1];
    uint64_t version; /* of the state's form, the observer's own */
    uint64_t index;   /* every commit up to this one is in it */
    uint64_t offset;  /* and so many events of the next one */
    uint32_t chain;   /* of the commit that it reaches into */
    uint64_t seq;     /* the last event of the session that is in it; 0: unknown */
    uint64_t cycle;   /* the observer's */
    int64_t at_ms;    /* time of the commit at the position, UTC */
    int64_t saved_ms;
    uint32_t size; /* bytes of the state */
} vd_store_snapshot_t;

/* Which state is meant: the newest that is within every bound. */
typedef struct vd_store_snapshot_ask {
    const char *session, *observer;
    uint64_t version;
    uint64_t below; /* with a lower index; 0: any */
    uint64_t seq;   /* with no event beyond this one; 0: any */
    int64_t at_ms;  /* of a commit that is no later; 0: any */
} vd_store_snapshot_ask_t;

/* Where the store ends. */
typedef struct vd_store_tail {
    char id[VD_STORE_ID_SIZE];
    uint64_t first_index; /* lowest commit that is held; 0: none; the anchor is the one before */
    uint64_t index;       /* highest commit; 0: none */
    int64_t time_ms;
    uint32_t chain;
    uint64_t epoch_counter;
} vd_store_tail_t;

typedef struct vd_store vd_store_t;

/* What an append that has returned survives. */
typedef enum vd_durability {
    VD_DURABILITY_POWER = 0, /* the loss of power: it is synced */
    VD_DURABILITY_PROCESS,   /* the death of the process, not that of the machine */
} vd_durability_t;

typedef enum vd_store_mode {
    VD_STORE_WRITE = 0,  /* everything */
    VD_STORE_READ,       /* a store that is there; nothing is appended to it */
    VD_STORE_QUARANTINE, /* a damaged store: what is readable of it; nothing is appended to it */
} vd_store_mode_t;

/* All zero: the defaults. */
typedef struct vd_store_options {
    vd_durability_t durability;
    vd_store_mode_t mode;
} vd_store_options_t;

/* What can be told of a store beside its records. */
typedef struct vd_store_info {
    char dir[512];
    vd_store_mode_t mode;
    vd_durability_t durability;
    uint64_t format; /* of its newest records */
    int64_t created_ms;
    uint64_t pruning; /* sessions that are marked and whose space is not freed yet */
    uint64_t disk_bytes, files, free_bytes;
} vd_store_info_t;

/* Opens the store in directory `dir` and checks its tail. With VD_STORE_WRITE it is created (mode
 * 0700) with a fresh id if there is none; with the other modes not a byte of the directory changes. `options` may be NULL. Backends: "leveldb"; "memory" (dir
 * and options are not used; see store/memory.h for what tests can do to it). VD_OK; VD_BUSY
 * (another process has it), VD_NO_SPACE, VD_DENIED, VD_IO, VD_CORRUPT, VD_UNSUPPORTED, VD_NOT_FOUND
 * (there is none, and it is not to be made) with text in `error`. */
vd_status_t vd_store_open(const char *backend, const char *dir, const vd_store_options_t *options,
                          vd_store_t **self, char *error, size_t error_size);
void vd_store_close(vd_store_t **self);
void vd_store_tail(vd_store_t *self, vd_store_tail_t *tail);
/* From any thread; looks at the directory. */
void vd_store_info(vd_store_t *self, vd_store_info_t *info);
/* Writes one batch durably. On VD_OK every later read sees it. VD_DENIED in a store that was not
 * opened for writing. */
vd_status_t vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                            size_t error_size);
/* After a failed append: closes, opens again, verifies. VD_OK, or why not yet (reads still work);
 * try again later. */
vd_status_t vd_store_reopen(vd_store_t *self, vd_store_tail_t *tail, char *error,
                            size_t error_size);

/* Calls `each` for every producer, and every session (oldest id first; no tombstones), until it
 * returns false. A session's record that is damaged is left out; the status then is VD_CORRUPT. */
vd_status_t vd_store_producers(vd_store_t *self,
                               bool (*each)(void *arg, const vd_store_producer_t *), void *arg);
vd_status_t vd_store_sessions(vd_store_t *self, bool (*each)(void *arg, const vd_store_session_t *),
                              void *arg);
/* Likewise the sessions whose ids are below `before` (empty: all), newest id first: what a page of a
 * list needs, without the rest. */
vd_status_t vd_store_sessions_before(vd_store_t *self, const char *before,
                                     bool (*each)(void *arg, const vd_store_session_t *),
                                     void *arg);
/* Calls `each` for every tombstone: the session was pruned and its id is not free yet. */
vd_status_t vd_store_tombstones(vd_store_t *self, bool (*each)(void *arg, const char *session),
                                void *arg);
/* One session. VD_OK, VD_NOT_FOUND, or VD_PRUNED (there is a tombstone). */
vd_status_t vd_store_session(vd_store_t *self, const char *session, vd_store_session_t *out);
/* The first sequence that was stored in `session` under the id `record`. VD_OK, VD_NOT_FOUND, or
 * trouble. Cheap where there is none. */
vd_status_t vd_store_record(vd_store_t *self, const char *session, const char *record,
                            uint64_t *seq);
/* The commit with the event session:seq, and the event's place in it. VD_OK, VD_NOT_FOUND (never
 * was), VD_PRUNED, VD_CORRUPT (its run is lost, or the records that lead there are). */
vd_status_t vd_store_find(vd_store_t *self, const char *session, uint64_t seq, uint64_t *index,
                          uint64_t *at);

/* Reading commits in order. A cursor sees the store as it was at its last seek. */
typedef struct vd_store_cursor vd_store_cursor_t;
vd_status_t vd_store_cursor_new(vd_store_t *self, vd_store_cursor_t **cursor);
void vd_store_cursor_destroy(vd_store_cursor_t **cursor);
/* Places the cursor before commit `index`; with `session`, only this session's runs are read. */
vd_status_t vd_store_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session);
/* The next commit (with `session`: the next that has a run of it). Bytes live until the next call
 * on this cursor. VD_OK, with a text in `error` when a run turned out damaged and is handed on as
 * absent; VD_NOT_FOUND at the end; VD_CORRUPT with text in `error` when what the commit consists of
 * cannot be read (the cursor then stands behind it); VD_PRUNED when the session is; VD_IO. */
vd_status_t vd_store_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                 size_t error_size);
/* The chain of commit `index` (0 has chain 0); the anchor has one, too. VD_OK, VD_NOT_FOUND (never
 * was), VD_PRUNED or VD_CORRUPT. */
vd_status_t vd_store_chain(vd_store_t *self, uint64_t index, uint32_t *chain);

/* ---- positions of subscribers ---- */

/* Keeps a position under its name, in place of the one before. By the appending thread, between
 * appends. VD_OK; VD_TOO_LARGE: so many names are kept already; VD_DENIED as of an append; any other
 * status as that of an append, law 2 included. */
vd_status_t vd_store_save_position(vd_store_t *self, const vd_store_position_t *position,
                                   char *error, size_t error_size);
/* Likewise forgets a name. VD_NOT_FOUND: none is kept under it. */
vd_status_t vd_store_forget_position(vd_store_t *self, const char *name, char *error,
                                     size_t error_size);
/* From any thread. VD_OK, VD_NOT_FOUND, VD_CORRUPT (its record is damaged), or trouble. */
vd_status_t vd_store_position(vd_store_t *self, const char *name, vd_store_position_t *out);
/* Calls `each` for every position, by name, until it returns false. A damaged record is left out;
 * the status then is VD_CORRUPT. */
vd_status_t vd_store_positions(vd_store_t *self,
                               bool (*each)(void *arg, const vd_store_position_t *), void *arg);

/* Is the place in this store: behind commit `index` and `offset` events of the next one, with the
 * chain of the commit that it reaches into? VD_OK; VD_PRUNED: it was once, as far as can be told;
 * VD_WENT_BACK: it is not; or trouble. */
vd_status_t vd_store_holds(vd_store_t *self, uint64_t index, uint64_t offset, uint32_t chain);

/* ---- states of observers ---- */

/* Keeps a state of STATE_BYTES_MAX at most, in place of one at the same index, and then only the
 * newest `keep` of this observer and session (0: STATES_MAX, which is the most). `size` need not be
 * set. By the appending thread, between appends. VD_OK; with text VD_UNKNOWN_SESSION or VD_PRUNED (the
 * session), VD_WENT_BACK or VD_PRUNED (the position), VD_TOO_LARGE (the state, or the session has
 * states of so many observers), VD_USAGE (it is at the beginning, where nothing has happened yet),
 * VD_DENIED as of an append; any other status as that of an append, law 2 included. */
vd_status_t vd_store_save_snapshot(vd_store_t *self, const vd_store_snapshot_t *snapshot,
                                   vd_bytes_t state, uint32_t keep, char *error, size_t error_size);
/* From any thread. Appends the state to `state`. VD_OK, VD_NOT_FOUND, VD_PRUNED (the session), or
 * trouble. With a text in `error` where damaged ones were passed over, also with VD_OK. */
vd_status_t vd_store_load_snapshot(vd_store_t *self, const vd_store_snapshot_ask_t *ask,
                                   vd_store_snapshot_t *out, vd_buffer_t *state, char *error,
                                   size_t error_size);
/* Calls `each` for every state, by session, observer and index, until it returns false: also for
 * those that would not be handed out. A damaged record is left out; the status then is VD_CORRUPT. */
vd_status_t vd_store_snapshots(vd_store_t *self,
                               bool (*each)(void *arg, const vd_store_snapshot_t *), void *arg);

/* Makes a copy of the store as it is now in the directory `dir`, which does not exist yet: a store
 * of the same id. From any thread; appends wait no longer than files are linked (copied, where
 * `dir` is on another file system). The copy was opened and compared when this returns VD_OK;
 * VD_EXISTS, VD_NO_SPACE, VD_DENIED, VD_IO, VD_CORRUPT, VD_USAGE, VD_UNSUPPORTED (by the backend)
 * with text. */
vd_status_t vd_store_checkpoint(vd_store_t *self, const char *dir, char *error, size_t error_size);

/* ---- pruning: by the appending thread, between appends ---- */

/* Takes completed or failed sessions out of view, durably, all or none; those that are tombstones
 * already are passed over. VD_OK; VD_NOT_FOUND, VD_BUSY (active or interrupted), VD_CORRUPT (what is
 * known of one is damaged) or VD_NO_MEMORY with text and nothing done; any other status as that of an
 * append, law 2 included. */
vd_status_t vd_store_prune_mark(vd_store_t *self, const char *const *sessions, uint32_t count,
                                char *error, size_t error_size);
/* Frees a bounded part of what tombstones hold. *more: call it again. VD_OK, or as of an append. */
vd_status_t vd_store_prune_step(vd_store_t *self, bool *more, char *error, size_t error_size);

#endif
