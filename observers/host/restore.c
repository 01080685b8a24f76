/* restore.c: makes the state from the session's committed events before the first turn. */
#include "host_state.h"

#include <assert.h>

enum { RETRY_US = 500000 };

/* Is the event one of this observer's? */
static bool is_own(const vd_host_t *self, const vd_event_t *event, uint64_t *turn)
{
    vd_value_t cause;
    if (event->cause.size == 0 || !vd_value_of(event->cause, &cause) || cause.kind != VD_KIND_MAP)
        return false;
    if (!vd_str_is(vd_value_get_str(&cause, "observer"), self->name))
        return false;
    *turn = vd_value_get_u64(&cause, "turn", 0);
    return true;
}

static void take_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                       const vd_position_t *position, vd_effects_t *effects)
{
    vd_host_t *self = arg;
    uint64_t turn = 0;
    assert(self->phase == VD_HOST_RESTORING && self->subscriber);
    (void)commit, (void)position;
    if (is_own(self, event, &turn)) {
        self->observer->apply(self->state, event);
        self->replayed++;
        if (turn > self->cycle)
            self->cycle = turn;
    }
    vd_subscriber_consumed(self->subscriber, now, 1, event->raw.size, effects);
}

static void take_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                          vd_effects_t *effects)
{
    vd_host_t *self = arg;
    (void)now, (void)effects;
    self->position = *position;
    if (position->store[0] && position->index >= head)
        self->restored = true;
}

static void take_stop(void *arg, vd_now_t now, vd_status_t status, const char *text, uint64_t first,
                      uint64_t head, vd_effects_t *effects)
{
    vd_host_t *self = arg;
    (void)first, (void)head;
    self->replay_failed = true;
    if (vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the events of session %s cannot be replayed: %s%s%s", self->session,
                      vd_status_text(status), text && text[0] ? ": " : "", text ? text : ""))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_COMMIT].text);
}

static const vd_subscriber_handler_t handler = {take_event, take_progress, take_stop};

/* Back to a fresh state: what was replayed so far may be of another store. */
static bool fresh_state(vd_host_t *self, vd_effects_t *effects)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    self->observer->destroy(&self->state);
    self->replayed = 0;
    vd_status_t status =
        self->observer->init(&self->state, self->options.config, error, sizeof error);
    if (status == VD_OK)
        return true;
    self->ended = true;
    vd_effects_exit(effects, status, "observer %s: %s", self->name, error);
    return false;
}

void vd_host_restore_begin(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_OPENING || self->phase == VD_HOST_RESTORING);
    vd_peer_t peer = vd_peer_named("ingestor");
    self->phase = VD_HOST_RESTORING;
    self->opened_us = now.mono_us;
    self->restored = self->replay_failed = false;
    self->epoch = vd_emit_epoch(self->emit);
    if (!self->subscriber) {
        self->subscriber =
            vd_subscriber_new(VD_HOST_PORT_READ, &peer, VD_HOST_TIMER_RESTORE, &handler, self);
        if (!self->subscriber) {
            self->ended = true;
            vd_effects_exit(effects, VD_NO_MEMORY, "observer %s: no memory for the replay",
                            self->name);
            return;
        }
        vd_subscriber_connect(self->subscriber, now, self->endpoints[3], effects);
    }
    vd_subscription_t subscription = {.seq = 1, .seed = self->options.inc};
    strcpy(subscription.name, self->name);
    strcpy(subscription.session, self->session);
    vd_subscriber_start(self->subscriber, now, &subscription, effects);
}

void vd_host_restore_again(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RUNNING && !self->outstanding);
    if (vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the store is not the one that the state came from: it is replayed again"))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_COMMIT].text);
    self->phase = VD_HOST_OPENING;
    if (fresh_state(self, effects))
        vd_host_restore_begin(self, now, effects);
}

bool vd_host_restore_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RESTORING);
    if (self->replay_failed) {
        self->replay_failed = self->restored = false;
        if (fresh_state(self, effects))
            vd_effects_timer(effects, VD_HOST_TIMER_RETRY, now.mono_us + RETRY_US);
        return false;
    }
    if (!self->restored)
        return false;
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_subscriber_stop(self->subscriber, now, effects);
    vd_subscriber_destroy(&self->subscriber);
    vd_effects_timer_clear(effects, VD_HOST_TIMER_RESTORE);
    vd_effects_disconnect(effects, VD_HOST_PORT_READ, &peer);
    vd_faults_clear(&self->faults, VD_STAGE_COMMIT, now.wall_ms);
    self->phase = VD_HOST_RUNNING;
    vd_effects_log(effects, VD_INFO, "restored from %llu events of session %s up to commit %llu",
                   (unsigned long long)self->replayed, self->session,
                   (unsigned long long)self->position.index);
    return true;
}
