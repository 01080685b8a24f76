#include "state.h"

#include <assert.h>
#include <stdio.h>

/* Does this child still hold back the ranks behind it? */
static bool holds_back(const vd_child_t *child)
{
    return child->wanted == VD_WANT_UP && !child->tried;
}

void vd_order_start(vd_supervisor_t *self, vd_effects_t *effects)
{
    assert(!self->stopping);
    const vd_child_t *waits_for[VD_RANKS + 1] = {NULL};
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        const vd_child_t *child = &self->children[i];
        assert(child->rank < VD_RANKS);
        if (child->name[0] != '\0' && holds_back(child) && !waits_for[child->rank + 1])
            waits_for[child->rank + 1] = child;
    }
    for (int rank = 1; rank < VD_RANKS; rank++)
        if (waits_for[rank - 1])
            waits_for[rank] = waits_for[rank - 1];
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        vd_child_t *child = &self->children[i];
        if (child->name[0] == '\0' || !child->held || child->wanted != VD_WANT_UP)
            continue;
        const vd_child_t *first = waits_for[child->rank];
        bool no_session = child->rank == VD_RANK_OBSERVER && self->session.state != VD_SESSION_OPEN;
        char why[VD_CHILD_REASON_BYTES];
        if (first)
            (void)snprintf(why, sizeof why, "waits for %s", first->name);
        else if (no_session)
            (void)snprintf(why, sizeof why, "waits for the session: %.300s",
                           vd_session_trouble(&self->session));
        child->held = first || no_session;
        if (child->held && strcmp(child->reason, why) != 0) {
            (void)snprintf(child->reason, sizeof child->reason, "%s", why);
            vd_supervisor_publish(self, child, effects);
        }
    }
}

static void kill_all(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        vd_child_t *child = &self->children[i];
        if (child->name[0] == '\0')
            continue;
        child->wanted = VD_WANT_DOWN;
        (void)vd_supervisor_apply(self, now, child, VD_CHILD_STOP, effects);
        if (child->life != 0)
            (void)vd_supervisor_apply(self, now, child, VD_CHILD_KILL, effects);
    }
}

void vd_order_stop(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    bool again = self->stopping && now.mono_us - self->stopping_us >= VD_STOP_AGAIN_US;
    if (again && !self->hurry) {
        self->hurry = true;
        vd_effects_log(effects, VD_WARN, "asked to stop once more: killing what is left");
        kill_all(self, now, effects);
        return;
    }
    if (self->stopping)
        return;
    vd_effects_log(effects, VD_INFO, "stopping");
    self->stopping = true;
    self->stopping_us = now.mono_us;
    self->stop_rank = VD_RANKS - 1;
    /* What never started is not going to. */
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++)
        if (self->children[i].name[0] != '\0' && self->children[i].held)
            self->children[i].wanted = VD_WANT_DOWN;
}

/* Stops the children of a rank. Returns whether all of them are down. */
static bool stop_rank(vd_supervisor_t *self, vd_now_t now, uint8_t rank, vd_effects_t *effects)
{
    bool down = true;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        vd_child_t *child = &self->children[i];
        if (child->name[0] == '\0' || child->rank != rank)
            continue;
        if (child->wanted == VD_WANT_UP) {
            child->wanted = VD_WANT_DOWN;
            (void)vd_supervisor_apply(self, now, child, VD_CHILD_STOP, effects);
        }
        down = down && vd_child_is_down(child);
    }
    return down;
}

/* Could session_ended still be committed? */
static bool ingestor_may_answer(const vd_supervisor_t *self)
{
    const vd_child_t *ingestor = vd_supervisor_child(self, "ingestor");
    return ingestor && ingestor->wanted == VD_WANT_UP && ingestor->state != VD_CHILD_FAILED &&
           ingestor->state != VD_CHILD_PAUSED;
}

/* Ends the session. Returns whether the ingestor is no longer needed. */
static bool end_session(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_session_state_t state = self->session.state;
    if (self->hurry || state == VD_SESSION_NONE || state == VD_SESSION_ENDED ||
        state == VD_SESSION_REFUSED ||
        (state == VD_SESSION_BEGINNING && vd_emit_trouble(self->session.emit)[0] != '\0'))
        return true;
    if (self->session_deadline_us == 0) {
        self->session_deadline_us = now.mono_us + VD_SESSION_END_US;
        vd_effects_timer(effects, VD_TIMER_PHASE, self->session_deadline_us);
    }
    bool rolls = self->session.next[0] != '\0'; /* what was begun is brought to its end first */
    if (state == VD_SESSION_OPEN && !rolls)
        vd_session_end(&self->session, now, effects);
    if (self->session.state == VD_SESSION_ENDED)
        return true;
    if (ingestor_may_answer(self) && now.mono_us < self->session_deadline_us)
        return false;
    vd_effects_log(effects, VD_WARN,
                   "session %s is left open: the ingestor does not answer; it will be marked "
                   "interrupted",
                   self->session.id);
    self->session.state = VD_SESSION_ENDED;
    return true;
}

void vd_order_go_on(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->stopping);
    while (!self->exiting) {
        /* Whoever follows through a relay sees the end of the session, too. */
        if (self->stop_rank == VD_RANK_RELAY && !end_session(self, now, effects))
            return;
        if (!stop_rank(self, now, self->stop_rank, effects))
            return;
        if (self->stop_rank > 0) {
            self->stop_rank--;
            continue;
        }
        self->exiting = true;
        vd_effects_exit(effects, VD_OK, "every actor has ended");
    }
}
