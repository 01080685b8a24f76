/* store.h: the contract of an event store, and its backends.
 *
 * 1. One writer. vd_store_append writes a batch whole or not at all, and VD_OK means it is on disk.
 * 2. Any other answer of append leaves the outcome of the batch unknown and the store `failed`:
 *    nothing more can be appended until vd_store_reopen has succeeded and told the tail; reads go
 *    on meanwhile as far as they can.
 * 3. Reads may run in other threads than appends and see whole batches only, each after its append
 *    returned.
 * 4. What is read is checked: a run whose CRCs or place do not match its commit is VD_CORRUPT with
 *    a text that names it, never served, never deleted.
 * 5. Every record begins with its format version; one of a newer format is VD_UNSUPPORTED, not
 *    garbage. Keys:
 *      obs_sessions/<session>               when it began
 *      obs_session_meta/<session>           what is known of it
 *      obs_events/<session>:<20-digit seq>  a run, under the sequence of its first event
 *      obs_commits/<20-digit index>         what a commit consists of, in order
 *      obs_producers/<name>                 epoch, life, mark, what was rejected
 *      obs_snapshots/                       states of observers
 *      obs_store                            id, format, epoch counter
 */
#ifndef VD_STORE_H
#define VD_STORE_H

#include "wire/commit.h"
#include "wire/status.h"

#include <stddef.h>

#define VD_STORE_FORMAT 1

/* A range of numbers that was rejected and not yet confirmed by its producer. */
typedef struct vd_store_reject {
    uint64_t first;
    uint32_t count;
    vd_status_t status;
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
} vd_session_state_t;

typedef struct vd_store_session {
    char session[VD_NAME_BYTES_MAX + 1];
    char name[VD_NAME_BYTES_MAX + 1];
    char owner[VD_NAME_BYTES_MAX + 1];
    uint64_t owner_epoch; /* under which the owner began it or last wrote to it; 0: no owner */
    vd_session_state_t state;
    int64_t started_ms, ended_ms, last_ms;
    uint64_t last_seq, last_index;
    uint32_t labels_size;
    uint8_t labels[1024]; /* one MessagePack map; cut to an empty map beyond */
} vd_store_session_t;

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
} vd_store_batch_t;

/* Where the store ends. */
typedef struct vd_store_tail {
    char id[VD_STORE_ID_SIZE];
    uint64_t first_index; /* lowest commit that is held; 0: none */
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
    VD_STORE_QUARANTINE, /* a damaged store: what is readable of it, from a copy beside it; the
                            directory itself stays as it is, to the last byte */
} vd_store_mode_t;

/* All zero: the defaults. */
typedef struct vd_store_options {
    vd_durability_t durability;
    vd_store_mode_t mode;
} vd_store_options_t;

/* Opens the store in directory `dir` and checks its tail. With VD_STORE_WRITE it is created (mode
 * 0700) with a fresh id if there is none. `options` may be NULL. Backends: "leveldb"; "memory" (dir
 * and options are not used; see store/memory.h for what tests can do to it). VD_OK; VD_BUSY
 * (another process has it), VD_NO_SPACE, VD_DENIED, VD_IO, VD_CORRUPT, VD_UNSUPPORTED, VD_NOT_FOUND
 * (there is none, and it is not to be made) with text in `error`. */
vd_status_t vd_store_open(const char *backend, const char *dir, const vd_store_options_t *options,
                          vd_store_t **self, char *error, size_t error_size);
void vd_store_close(vd_store_t **self);
void vd_store_tail(vd_store_t *self, vd_store_tail_t *tail);
/* Writes one batch durably. On VD_OK every later read sees it. Only with VD_STORE_WRITE. */
vd_status_t vd_store_append(vd_store_t *self, const vd_store_batch_t *batch, char *error,
                            size_t error_size);
/* After a failed append: closes, opens again, verifies. VD_OK, or why not yet (reads still work);
 * try again later. */
vd_status_t vd_store_reopen(vd_store_t *self, vd_store_tail_t *tail, char *error,
                            size_t error_size);

/* Calls `each` for every producer, and every session (oldest id first), until it returns false. */
vd_status_t vd_store_producers(vd_store_t *self,
                               bool (*each)(void *arg, const vd_store_producer_t *), void *arg);
vd_status_t vd_store_sessions(vd_store_t *self, bool (*each)(void *arg, const vd_store_session_t *),
                              void *arg);
/* One session. VD_OK or VD_NOT_FOUND. */
vd_status_t vd_store_session(vd_store_t *self, const char *session, vd_store_session_t *out);
/* The commit with the event session:seq, and the event's place in it. VD_OK, VD_NOT_FOUND (never
 * was), VD_PRUNED. */
vd_status_t vd_store_find(vd_store_t *self, const char *session, uint64_t seq, uint64_t *index,
                          uint64_t *at);

/* Reading commits in order. A cursor sees the store as it was at its last seek. */
typedef struct vd_store_cursor vd_store_cursor_t;
vd_status_t vd_store_cursor_new(vd_store_t *self, vd_store_cursor_t **cursor);
void vd_store_cursor_destroy(vd_store_cursor_t **cursor);
/* Places the cursor before commit `index`; with `session`, only this session's runs are read. */
vd_status_t vd_store_cursor_seek(vd_store_cursor_t *cursor, uint64_t index, const char *session);
/* The next commit (with `session`: the next that has a run of it). Bytes live until the next call
 * on this cursor. VD_OK; VD_NOT_FOUND at the end; VD_CORRUPT with text in `error` (the cursor then
 * stands behind it); VD_IO. */
vd_status_t vd_store_cursor_next(vd_store_cursor_t *cursor, vd_commit_t *commit, char *error,
                                 size_t error_size);
/* The chain of commit `index` (0 has chain 0). VD_OK, VD_NOT_FOUND (never was) or VD_PRUNED. */
vd_status_t vd_store_chain(vd_store_t *self, uint64_t index, uint32_t *chain);

#endif
