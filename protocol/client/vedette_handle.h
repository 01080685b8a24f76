/* vedette_handle.h: hold on to an observer: its snapshot, its deltas in order, its last error, waits
 * and hooks.
 *
 * 1. The laws of vedette.h hold. Handles are independent of each other: an observer that dies, hangs
 *    or dies again and again harms no handle of another one, on the same client too.
 * 2. Deltas are what the cycles of an observer tell, one for each: its number, its time and its
 *    events, which are on disk; also those of its first cycle, of cycles in which sources failed,
 *    and of cycles without events (figures have changed then). Between cycles there are deltas that
 *    tell of an error that came or is over.
 * 3. A handle gives each delta from where it begins exactly once, in order. Where that cannot be
 *    kept it gives a snapshot in their place, once, and says why: VD_RESTARTED, the observer has a
 *    new life; VD_PRUNED, its history does not reach back so far (its settings history, history_age
 *    and history_bytes bound it). Deltas go on behind the snapshot: never a silent gap. The events
 *    of a gap are in the store, where a follow finds them; `seq` in the snapshot says up to which one
 *    of its session its state has them.
 * 4. A cursor is the place behind a delta, as a text to keep. A handle that begins there gives
 *    history first and then what comes, without a gap or a repeat at the seam; also in another
 *    process.
 * 5. A source that has left is in no snapshot from the next cycle on, and nothing waits for it.
 * 6. The last error is kept after it is over, by the handle also over the observer's death.
 */
#ifndef VEDETTE_HANDLE_H
#define VEDETTE_HANDLE_H

#include "vedette.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vd_handle vd_handle_t;

typedef enum vd_handle_kind {
    VD_HANDLE_SNAPSHOT = 1, /* the beginning, or deltas before it are missing */
    VD_HANDLE_CYCLE,
    VD_HANDLE_ERROR, /* an error came or is over; see vd_handle_last_error */
} vd_handle_kind_t;

typedef struct vd_handle_delta {
    vd_handle_kind_t kind;
    vd_status_t why;    /* of a snapshot: VD_OK at the beginning, else why deltas are missing */
    const char *cursor; /* the place behind it */
    uint64_t cycle;
    const char *at;       /* ISO 8601, UTC; "" before the first cycle of all */
    uint32_t event_count; /* see vd_handle_next_event */
    vd_blob_t raw;        /* the whole: a map; of a snapshot that of vd_client_snapshot */
} vd_handle_delta_t;

/* Return not 0 to end vd_handle_run. Hooks are called inside of it alone, may make any call, and
 * destroy none of the handles that run. */
typedef struct vd_handle_hooks {
    /* The observer runs. Once in each of its lives, and again when it comes back from where it was
     * not reached. */
    int (*on_ready)(void *arg, vd_handle_t *handle);
    /* A cycle, or a snapshot in place of those that are missing. */
    int (*on_cycle)(void *arg, vd_handle_t *handle, const vd_handle_delta_t *delta);
    /* What on_ready told of is over: VD_RESTARTED (there is a new life, on_ready follows),
     * VD_NOT_READY (it is not there now), VD_UNREACHABLE (there is no runtime), VD_CANCELLED (the
     * handle is destroyed, the one call outside of vd_handle_run). Once for each on_ready. */
    int (*on_stop)(void *arg, vd_handle_t *handle, vd_status_t why);
    void *arg;
} vd_handle_hooks_t;

typedef struct vd_handle_options {
    const char *after; /* a cursor; "": with the first delta that is held; NULL: with a snapshot of
                          now */
    int until_head;    /* not 0: it ends with the newest delta there is when it begins */
    vd_handle_hooks_t hooks; /* any may be NULL */
} vd_handle_options_t;

/* How long ago is told by the clock of this machine. */
typedef struct vd_handle_error {
    const char *stage; /* "membership", "read", "turn", "commit" or "state" */
    const char *text;
    const char *at;           /* when it began: ISO 8601 */
    int64_t age_ms;           /* so long ago */
    int64_t recovered_age_ms; /* it is over for so long; -1: it still holds */
    uint64_t count;           /* errors of this stage in the life that told of it */
} vd_handle_error_t;

typedef struct vd_handle_source {
    const char *name;
    int64_t age_ms; /* of its newest good sample when the snapshot was asked for; -1: none yet */
    const char *status; /* "ok", "waiting" (for its first sample), or how it fails */
    const char *error;  /* "" if there is none */
} vd_handle_source_t;

typedef struct vd_handle_view {
    const char *observer;
    const char *session;
    const char *phase; /* "opening", "restoring" or "running" */
    uint64_t cycle;
    const char *observed_at; /* of that cycle; "" before the first */
    int64_t age_ms;          /* since then; -1 before the first */
    uint64_t source_count;   /* all that there are */
    uint64_t sources_failed; /* of all, those whose status is neither "ok" nor "waiting" */
    const vd_handle_source_t *sources;
    uint32_t sources_told; /* in `sources`; at most 512 */
    const vd_handle_error_t *errors;
    uint32_t error_count; /* the last of each stage */
    vd_blob_t state;      /* what it has seen; nil until the first cycle of its life is over */
    vd_blob_t raw;
} vd_handle_view_t;

/* Makes a handle of the observer called `observer`. Does not block; the observer need not be there
 * yet. `options` may be NULL. VD_OK; VD_USAGE for a name or a cursor that is none; VD_UNREACHABLE
 * if there is no runtime; VD_NO_MEMORY. */
VD_API vd_status_t vd_handle_new(vd_handle_t **self, vd_client_t *client, const char *observer,
                                 const vd_handle_options_t *options);
/* Calls on_stop first if it is due. */
VD_API void vd_handle_destroy(vd_handle_t **self);
VD_API const char *vd_handle_observer(const vd_handle_t *self);

/* The next delta.
 *   VD_OK           here it is
 *   VD_TIMED_OUT    none within the time; call again
 *   VD_NOT_READY    the observer is not there now; said once for each time that it goes; call again
 *   VD_UNREACHABLE  there is no runtime any more; call again
 *   VD_NOT_FOUND    `until_head`: that was all; said again by every further call
 *   VD_CANCELLED    a signal */
VD_API vd_status_t vd_handle_next(vd_handle_t *self, int timeout_ms, vd_handle_delta_t *delta);
/* The next event of the delta of the last VD_OK: VD_OK, or VD_NOT_FOUND behind the last one. Its ts
 * is the delta's time, session is "", and seq is 0 where an answer that was lost made it unknown. */
VD_API vd_status_t vd_handle_next_event(vd_handle_t *self, vd_follow_event_t *event);
/* The place behind the delta of the last VD_OK; where it was made to begin before there was one, ""
 * if that is not known. */
VD_API const char *vd_handle_cursor(const vd_handle_t *self);

/* Asks for the latest snapshot. The deltas go on unharmed. Statuses as of vd_client_snapshot. What
 * it gives lives until the next vd_handle_snapshot or vd_handle_wait on this handle. */
VD_API vd_status_t vd_handle_snapshot(vd_handle_t *self, int timeout_ms,
                                      vd_handle_view_t *snapshot);
/* vd_wait on the handle's observer, with its statuses; on VD_OK and VD_TIMED_OUT `snapshot` is the
 * one that was seen last (its raw is empty when there was none). It may be NULL. */
VD_API vd_status_t vd_handle_wait(vd_handle_t *self, const char *expression, int timeout_ms,
                                  vd_handle_view_t *snapshot);
/* The last error that a delta or a snapshot told of, of what is over and what holds. VD_OK, or
 * VD_NOT_FOUND: there was none. Asks nobody. Lives until the next call on this handle. */
VD_API vd_status_t vd_handle_last_error(vd_handle_t *self, vd_handle_error_t *error);

/* Takes the deltas of `count` handles of one client and calls their hooks, until a hook ends it
 * (VD_OK), the time is over (VD_TIMED_OUT), every handle has come to its head (VD_NOT_FOUND) or a
 * signal came (VD_CANCELLED). It goes on over deaths and over the end of the runtime. */
VD_API vd_status_t vd_handle_run(vd_handle_t *const *handles, size_t count, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
