/* sessions.h: what the sequencer knows of each session, and the rules of a session's life.
 *
 * 1. session_started as the first event of a frame for an id that never was begins a session; it
 *    gets sequence 1.
 * 2. session_ended is the last event of its frame and of its session; nothing follows it.
 * 3. The id of a session that has ended stays taken; of it only the name is held in memory.
 * 4. An owned session whose owner shows no sign of life for OWNER_SILENT_MS is interrupted. That is
 *    a state, not an event: the owner resumes it with a sign of life under the epoch that began it,
 *    or by writing to it.
 */
#ifndef VD_SESSIONS_H
#define VD_SESSIONS_H

#include "core/core.h"
#include "names.h"
#include "store/store.h"

/* Appends that failed with events of a session in them. */
typedef struct vd_suspicion {
    uint32_t streak;      /* in a row */
    uint32_t failures;    /* of them, those between which the store wrote something else */
    uint64_t failed_head; /* newest commit when the last of those failed */
} vd_suspicion_t;

typedef struct vd_session_open {
    vd_store_session_t assigned;           /* when everything taken in is on disk */
    vd_store_session_t durable;            /* as on disk; state 0: not there */
    int64_t alive_us;                      /* last sign of life of its owner */
    char continues[VD_NAME_BYTES_MAX + 1]; /* the session that it goes on from; empty: none */
    /* The store failed with something of it, or would not take anything for it: since when that is
     * to be told in it; 0: nothing to tell. */
    int64_t hurt_ms;
    bool telling; /* the event that tells it is assigned */
    vd_suspicion_t suspicion;
} vd_session_open_t;

typedef struct vd_session {
    char id[VD_NAME_BYTES_MAX + 1]; /* first member: begins with the name */
    vd_session_open_t *open;        /* NULL: has ended, on disk */
    uint64_t batch;                 /* id of the last batch it is part of */
    uint32_t batch_run;             /* its run there; UINT32_MAX: none */
    int64_t ended_ms;               /* once it has ended, as the rest of these */
    uint64_t events, bytes;
    uint64_t kept_look; /* the look for what to prune that found it to be continued */
    struct vd_session *next_open, *previous_open; /* in the list of those that are open */
} vd_session_t;

/* What a frame would do to its session. */
typedef struct vd_verdict {
    vd_status_t status; /* VD_OK, or why the frame is rejected */
    bool begins;
    bool ends;
    vd_bytes_t started; /* data of session_started */
    vd_bytes_t ended;   /* data of session_ended */
    uint32_t tells;     /* place + 1 of its last session_status; 0: none */
    uint32_t shows;     /* likewise of the last that has a snapshot */
    uint64_t seq;       /* with VD_EXISTS: where the frame's record stands */
    char text[256];
} vd_verdict_t;

/* Makes a session without a record on disk. NULL without memory. */
vd_session_t *vd_session_new(vd_str_t id);
void vd_session_destroy(vd_session_t *self);
bool vd_session_is_closed(const vd_store_session_t *record);
/* Judges a frame whose events have been checked; `session` is NULL when the id is unknown. */
void vd_session_judge(const vd_session_t *session, vd_str_t id, vd_bytes_t run, uint32_t count,
                      vd_verdict_t *verdict);
/* Applies an accepted frame of `producer`: state, owner, labels; not the sequence. */
void vd_session_apply(vd_session_t *self, const vd_verdict_t *verdict,
                      const vd_store_producer_t *producer, vd_now_t now);
/* The state that an open session should have, seen from its owner's record and last sign of life
 * (INT64_MIN: none). Notes the sign of life. */
vd_session_state_t vd_session_state_due(vd_session_t *self, const vd_store_producer_t *owner,
                                        int64_t heard_us, vd_now_t now);

#endif
