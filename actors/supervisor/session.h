/* session.h: the session of one up, as the supervisor writes it.
 *
 * 1. Nothing is written before session_started, nothing after session_ended.
 * 2. Runtime events wait in one bounded run while the ingestor is away or a frame is out; what
 *    does not fit is counted and logged.
 * 3. The session is open from the commit of session_started on.
 */
#ifndef VD_SUPERVISOR_SESSION_H
#define VD_SUPERVISOR_SESSION_H

#include "emit/emit.h"

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

typedef struct vd_session {
    vd_session_state_t state;
    const char *id;
    vd_emit_t *emit;
    vd_buffer_t pending; /* a run */
    vd_buffer_t event;   /* scratch */
    vd_buffer_t data;    /* scratch */
    uint32_t pending_count;
    uint64_t dropped;
    bool out; /* a frame waits for its outcome */
    char text[VD_TEXT_BYTES_MAX + 1];
} vd_session_t;

/* `id` stays the caller's, `life` is fresh for each life of the process. False without memory. */
bool vd_session_init(vd_session_t *self, const char *id, uint64_t life, uint16_t port,
                     uint32_t timer);
void vd_session_free(vd_session_t *self);
/* Connects to the ingestor and sends session_started. Once. */
void vd_session_begin(vd_session_t *self, vd_now_t now, const char *endpoint, const char *name,
                      const char *command, const char *host, vd_effects_t *effects);
/* Sends what waits, and session_ended behind it. Only while OPEN. */
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

#endif
