/* owners.c: sessions whose owner is silent, or is heard again. */
#include "sequencer_state.h"

enum { OWNERS_EVERY_US = 1000000 };

void vd_seq_look_at_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    /* A process that stood still has heard nobody: that is no silence of theirs. */
    int64_t since_us = now.mono_us - self->owners_us;
    bool stood_still = since_us > 5LL * OWNERS_EVERY_US;
    self->owners_us = now.mono_us;
    vd_effects_timer(effects, VD_SEQ_TIMER_OWNERS, now.mono_us + OWNERS_EVERY_US);
    for (vd_session_t *session = self->open; session != NULL && !self->trouble;
         session = session->next_open) {
        if (vd_session_is_closed(&session->open->assigned) || session->open->assigned.owner[0] == 0)
            continue;
        if (stood_still)
            session->open->alive_us += since_us;
        vd_store_session_t *record = &session->open->assigned;
        vd_producer_t *owner = vd_names_get(&self->producers, vd_str(record->owner));
        vd_session_state_t due = vd_session_state_due(session, owner ? &owner->assigned : NULL,
                                                      owner ? owner->heard_us : INT64_MIN, now);
        vd_batch_t *batch = due != record->state ? vd_seq_collect(self, now, NULL, 0, 0) : NULL;
        if (batch == NULL)
            continue;
        self->active -= record->state == VD_SESSION_ACTIVE;
        self->active += due == VD_SESSION_ACTIVE;
        record->state = due;
        vd_batch_touch_session(batch, session);
        vd_effects_log(effects, VD_INFO, "session %s is %s", session->id,
                       due == VD_SESSION_ACTIVE ? "active again"
                                                : "interrupted: its owner is silent");
    }
}

void vd_seq_start_owners(vd_sequencer_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->start_us = self->owners_us = now.mono_us;
    for (vd_session_t *session = self->open; session != NULL; session = session->next_open) {
        bool interrupted = session->open->assigned.state == VD_SESSION_INTERRUPTED;
        session->open->alive_us = now.mono_us - (interrupted ? VD_OWNER_SILENT_MS * 1000LL : 0);
    }
    vd_effects_timer(effects, VD_SEQ_TIMER_OWNERS, now.mono_us + OWNERS_EVERY_US);
}
