/* session.h: the session of one up, as the supervisor writes it, and the next ones that it rolls
 * into.
 *
 * 1. Nothing is written before session_started, nothing after session_ended.
 * 2. Runtime events wait in one bounded run while the ingestor is away or a frame is out; what
 *    does not fit is counted and logged.
 * 3. The session is open from the commit of session_started on.
 * 4. Rolling: session_started {continues} of the next one is committed first; then session_ended
 *    {continued_by}, behind what still waits, is sent to the old one, and from then on the next
 *    one is the session. So whoever finds the old one ended finds the next one begun, and a death
 *    in between leaves two that are open, the newer one naming the older.
 * 5. Runtime events that were rejected because somebody else has ended the session wait for the
 *    next one.
 * 6. What is told of the next session's actors goes out when the old one's end is answered: what
 *    was rejected there stands before it.
 * 7. Ids sort by time, also when the clock goes back.
 */
#ifndef VD_SUPERVISOR_SESSION_H
#define VD_SUPERVISOR_SESSION_H

#include "emit/emit.h"
#include "wire/session_id.h"

#include "child.h"

#define VD_SESSION_EVENTS_MAX 512
#define VD_SESSION_BYTES_MAX  131072

typedef enum vd_session_state {
    VD_SESSION_NONE = 1,  /* the ingestor was not there yet */
    VD_SESSION_BEGINNING, /* session_started is on its way */
    VD_SESSION_OPEN,
    VD_SESSION_ENDING, /* session_ended is on its way */
    VD_SESSION_ENDED,
    VD_SESSION_REFUSED, /* the ingestor has rejected session_started; `text` says why */
} vd_session_state_t;

/* What session_started tells. The strings stay the caller's. */
typedef struct vd_session_facts {
    const char *name;
    const char *command;
    const char *host;
} vd_session_facts_t;

/* A copy of the runtime events of a frame that is out. */
typedef struct vd_session_out {
    vd_buffer_t run;
    uint32_t count;
    bool out;
} vd_session_out_t;

typedef struct vd_session {
    vd_session_state_t state;
    char id[VD_NAME_BYTES_MAX + 1];
    char next[VD_NAME_BYTES_MAX + 1]; /* being begun, or begun; empty: it does not roll */
    char last[VD_NAME_BYTES_MAX + 1]; /* being ended after a roll; empty: none */
    bool next_begun;
    bool went_over; /* and its actors are not told yet */
    bool closed;    /* somebody else has ended it, or it was pruned */
    vd_session_facts_t facts;
    vd_session_ids_t ids;
    uint64_t seed;    /* of ids */
    int64_t begun_us; /* when the session at hand was on disk */
    vd_emit_t *emit;
    vd_buffer_t pending; /* a run */
    vd_buffer_t event;   /* scratch */
    vd_buffer_t data;    /* scratch */
    uint32_t pending_count;
    uint64_t dropped;
    vd_session_out_t events; /* the frame of runtime events */
    vd_session_out_t ending; /* those in the frame that ends a session after a roll */
    char text[VD_TEXT_BYTES_MAX + 1];
} vd_session_t;

/* `id` was made by `ids`; `life` is fresh for each life of the process. False without
 * memory. */
bool vd_session_init(vd_session_t *self, const char *id, const vd_session_ids_t *ids, uint64_t life,
                     uint16_t port, uint32_t timer);
void vd_session_free(vd_session_t *self);
/* Connects to the ingestor and sends session_started. Once. */
void vd_session_begin(vd_session_t *self, vd_now_t now, const char *endpoint,
                      const vd_session_facts_t *facts, vd_effects_t *effects);
/* Begins the next session; when it is on disk, ends this one. Only while OPEN, and not while
 * vd_session_is_rolling. */
void vd_session_roll(vd_session_t *self, vd_now_t now, vd_effects_t *effects);
/* Is the next session being begun, or the one before being ended? */
bool vd_session_is_rolling(const vd_session_t *self);
/* Sends what waits, and session_ended behind it. Only while OPEN and not rolling. */
void vd_session_end(vd_session_t *self, vd_now_t now, vd_effects_t *effects);
/* Why it is not on disk, or that it is not yet. */
const char *vd_session_trouble(const vd_session_t *self);
/* Takes an input. Returns whether it was for the session. */
bool vd_session_step(vd_session_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects);

/* Runtime events. */
void vd_session_actor_started(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                              vd_effects_t *effects);
void vd_session_actor_ready(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                            vd_effects_t *effects);
/* `pid` is that of the dead process, 0 if it never ran. */
void vd_session_actor_exited(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                             uint64_t pid, const vd_death_t *death, vd_effects_t *effects);
void vd_session_actor_failed(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                             vd_effects_t *effects);
/* What the child is, for a session that goes on from another. */
void vd_session_actor_runs(vd_session_t *self, vd_now_t now, const vd_child_t *child,
                           vd_effects_t *effects);
/* Has it gone over to the next session since this was asked last? Its actors are to be told then. */
bool vd_session_went_over(vd_session_t *self);

#endif
