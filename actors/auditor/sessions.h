/* sessions.h: how far each session is that the auditor has seen, in bounded memory.
 *
 * 1. When the table is full, the session that is over and was touched longest ago goes; if none is
 *    over, the one that was touched longest ago.
 */
#ifndef VD_AUDITOR_SESSIONS_H
#define VD_AUDITOR_SESSIONS_H

#include "wire/buffer.h"
#include "wire/limits.h"

typedef struct vd_audited_session {
    char id[VD_NAME_BYTES_MAX + 1];
    char continues[VD_NAME_BYTES_MAX + 1]; /* as its session_started says */
    uint64_t last_seq;
    int64_t last_ms;      /* of the commit of its last event */
    uint64_t ended_index; /* of the commit that ended it; 0: it is not over */
    uint64_t touched;
    bool begun; /* its session_started was seen */
    bool loose; /* what comes next may begin anywhere: something before was lost */
    uint32_t next;
} vd_audited_session_t;

typedef struct vd_audited_sessions vd_audited_sessions_t;

vd_audited_sessions_t *vd_audited_sessions_new(uint32_t room);
void vd_audited_sessions_destroy(vd_audited_sessions_t **self);
void vd_audited_sessions_clear(vd_audited_sessions_t *self);
/* NULL: it is not known. */
vd_audited_session_t *vd_audited_sessions_find(vd_audited_sessions_t *self, vd_str_t id);
/* Of one that is not known. */
vd_audited_session_t *vd_audited_sessions_add(vd_audited_sessions_t *self, vd_str_t id);
/* It was touched now. */
void vd_audited_sessions_touch(vd_audited_sessions_t *self, vd_audited_session_t *session);
/* What comes next of any of them may begin anywhere. */
void vd_audited_sessions_loosen(vd_audited_sessions_t *self);
uint32_t vd_audited_sessions_count(const vd_audited_sessions_t *self);
/* How many went for want of room since the table was empty. */
uint64_t vd_audited_sessions_forgotten(const vd_audited_sessions_t *self);

#endif
