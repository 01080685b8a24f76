/* restore.c: makes the state from committed events before the first turn: those since the newest
 * saved state in the chain of sessions. */
#include "host_state.h"

#include <assert.h>
#include <stdio.h>

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

/* Takes the whole of a saved state in place of what is there. A state that cannot be loaded is left
 * out: what came before it leads to the same. */
static void load(vd_host_t *self, vd_effects_t *effects)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    void *fresh = NULL;
    vd_status_t status = self->observer->init(&fresh, self->options.config, error, sizeof error);
    if (status == VD_OK)
        status = vd_collecting_load(self, fresh, vd_buffer_view(&self->links.parts));
    if (status != VD_OK) {
        vd_effects_log(effects, VD_WARN, "the state in session %s cannot be loaded: %s",
                       self->links.ids[self->links.at], vd_status_text(status));
        if (fresh)
            self->observer->destroy(&fresh);
        return;
    }
    self->observer->destroy(&self->state);
    self->state = fresh;
    self->links.based = true;
    self->links.stated = self->links.at == 0;
}

/* The next part of a saved state. Parts are one frame, and so one after the other. */
static void take_part(vd_host_t *self, const vd_event_t *event, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    vd_value_t data, state;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP ||
        !vd_value_get(&data, "state", &state) || state.kind != VD_KIND_BIN)
        return;
    uint64_t part = vd_value_get_u64(&data, "part", 0);
    if (part == 1) {
        vd_buffer_clear(&links->parts);
        links->part = 1;
    }
    if (part != links->part || !vd_buffer_add(&links->parts, state.bytes.data, state.bytes.size)) {
        links->part = 0; /* a part is missing: nothing but a new first one helps */
        return;
    }
    if (links->part++ == vd_value_get_u64(&data, "parts", 0))
        load(self, effects);
}

static void apply(vd_host_t *self, const vd_event_t *event)
{
    self->observer->apply(self->state, event);
    vd_collecting_replay(self, event);
}

static void take_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                       const vd_position_t *position, vd_effects_t *effects)
{
    vd_host_t *self = arg;
    uint64_t turn = 0;
    assert(self->phase == VD_HOST_RESTORING && self->subscriber);
    (void)commit, (void)position;
    if (is_own(self, event, &turn)) {
        bool is_state = vd_str_is(event->type, VD_OBSERVER_STATE);
        if (is_state)
            take_part(self, event, effects);
        else if (self->links.based)
            apply(self, event);
        if (self->links.at == 0)
            self->seq = event->seq;
        self->replayed += self->links.based && !is_state;
        if (turn > self->cycle)
            self->cycle = turn;
    }
    /* Nothing follows the end: the sessions behind it need not wait for the head. */
    if (self->links.at > 0 && vd_str_is(event->type, "session_ended"))
        self->restored = true;
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

static void tell_replay(vd_host_t *self, vd_now_t now, const char *session, vd_status_t status,
                        const char *text, vd_effects_t *effects)
{
    if (vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the events of session %s cannot be replayed: %s%s%s", session,
                      vd_status_text(status), text && text[0] ? ": " : "", text ? text : ""))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_COMMIT].text);
}

static void take_stop(void *arg, vd_now_t now, vd_status_t status, const char *text, uint64_t first,
                      uint64_t head, vd_effects_t *effects)
{
    vd_host_t *self = arg;
    (void)first, (void)head;
    self->replay_failed = true;
    self->replay_status = status;
    tell_replay(self, now, self->links.ids[self->links.at], status, text, effects);
}

/* The state is then what the other events say, or the sessions before if the saved state is what is
 * missing; the next turns find from the sources what is missing in it. */
static void take_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                        vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    vd_host_t *self = arg;
    char which[64] = "events of a commit";
    self->position = *position;
    if (count > 0)
        snprintf(which, sizeof which, "events %llu to %llu", (unsigned long long)first,
                 (unsigned long long)(first + count - 1));
    if (vd_faults_set(&self->faults, VD_STAGE_STATE, now.wall_ms,
                      "session %.*s: %s cannot be replayed: %s; observer %s goes on without them",
                      (int)session.size, session.size > 0 ? (const char *)session.data : "", which,
                      vd_status_text(status), self->name))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_STATE].text);
}

static const vd_subscriber_handler_t handler = {
    .event = take_event, .absent = take_absent, .progress = take_progress, .stopped = take_stop};

/* Back to a fresh state: what was replayed so far may be of another store. */
static bool fresh_state(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_collecting_forget(self, now, effects);
    self->observer->destroy(&self->state);
    self->replayed = 0;
    self->view_old = true;
    vd_status_t status =
        self->observer->init(&self->state, self->options.config, error, sizeof error);
    if (status == VD_OK)
        return true;
    self->ended = true;
    vd_effects_exit(effects, status, "observer %s: %s", self->name, error);
    return false;
}

/* Replays the session at `links.at`. */
static void replay(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->links.at < self->links.count);
    vd_peer_t peer = vd_peer_named("ingestor");
    self->restored = self->replay_failed = false;
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
    strcpy(subscription.session, self->links.ids[self->links.at]);
    vd_subscriber_start(self->subscriber, now, &subscription, effects);
}

void vd_host_restore_begin(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_OPENING || self->phase == VD_HOST_RESTORING);
    self->phase = VD_HOST_RESTORING;
    self->opened_us = now.mono_us;
    self->restored = self->replay_failed = false;
    self->epoch = vd_emit_epoch(self->emit);
    self->links.count = 0;
    self->links.cut = false;
    self->seq = 0;
    self->seq_unknown = false;
    vd_chain_ask(self, now, VD_ASK_FORWARD, self->session, effects);
}

void vd_host_restore_found(vd_host_t *self, vd_now_t now, const vd_session_record_t *row,
                           vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    assert(self->phase == VD_HOST_RESTORING && links->count < VD_LINKS_MAX);
    strcpy(links->ids[links->count], self->chain.asked);
    vd_str_copy(links->before, sizeof links->before, row->continues);
    if (links->count == 0)
        strcpy(self->session, self->chain.asked);
    links->at = links->count++;
    links->based = links->before[0] == 0;
    links->stated = links->based && links->at == 0; /* all there is, is there */
    vd_chain_rest(self, effects);
    replay(self, now, effects);
}

void vd_host_restore_cut(vd_host_t *self, vd_now_t now, vd_status_t status, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    assert(self->phase == VD_HOST_RESTORING && links->count > 0);
    if (vd_faults_set(&self->faults, VD_STAGE_STATE, now.wall_ms,
                      "session %s, which session %s goes on from, is not to be had (%s): what "
                      "observer %s knew before is lost",
                      links->before, links->ids[links->count - 1], vd_status_text(status),
                      self->name))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_STATE].text);
    links->before[0] = 0;
    links->cut = true;
    links->at = links->count - 1;
    links->based = true;
    vd_chain_rest(self, effects);
    replay(self, now, effects);
}

void vd_host_restore_again(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RUNNING && !self->outstanding);
    if (vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the store is not the one that the state came from: it is replayed again"))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_COMMIT].text);
    self->phase = VD_HOST_OPENING;
    self->moving = self->turn_waits = false;
    vd_feed_publisher_renew(&self->publisher); /* events may be told otherwise now */
    if (fresh_state(self, now, effects))
        vd_host_restore_begin(self, now, effects);
}

/* A session that cannot be replayed: the newest one is tried again, one before is left out. */
static void settle_failure(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    bool gone = self->replay_status == VD_PRUNED || self->replay_status == VD_UNKNOWN_SESSION;
    self->replay_failed = self->restored = false;
    if (!fresh_state(self, now, effects))
        return;
    if (!gone || links->at == 0) {
        vd_effects_timer(effects, VD_HOST_TIMER_RETRY, now.mono_us + RETRY_US);
        return;
    }
    links->count = links->at;
    strcpy(links->before, links->ids[links->at]);
    vd_host_restore_cut(self, now, self->replay_status, effects);
}

/* The replay of one session is over. Returns whether it was the last one. */
static bool settle_link(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_links_t *links = &self->links;
    self->restored = false;
    if (links->based && links->at == 0)
        return true;
    if (links->based) {
        links->at--;
        replay(self, now, effects);
    } else if (links->count == VD_LINKS_MAX) {
        vd_host_restore_cut(self, now, VD_TOO_LARGE, effects);
    } else {
        vd_subscriber_stop(self->subscriber, now, effects);
        vd_chain_ask(self, now, VD_ASK_BACK, links->before, effects);
    }
    return false;
}

bool vd_host_restore_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RESTORING);
    if (self->replay_failed) {
        settle_failure(self, now, effects);
        return false;
    }
    if (!self->restored || !settle_link(self, now, effects))
        return false;
    vd_subscriber_stop(self->subscriber, now, effects);
    vd_subscriber_destroy(&self->subscriber);
    vd_effects_timer_clear(effects, VD_HOST_TIMER_RESTORE);
    vd_buffer_free(&self->links.parts);
    vd_faults_clear(&self->faults, VD_STAGE_COMMIT, now.wall_ms);
    self->phase = VD_HOST_RUNNING;
    self->watched_us = now.mono_us;
    vd_effects_log(effects, VD_INFO, "restored from %llu events of session %s up to commit %llu",
                   (unsigned long long)self->replayed, self->session,
                   (unsigned long long)self->position.index);
    vd_collecting_begin(self, now, self->links.ids[self->links.count - 1], self->links.cut,
                        effects);
    if (!self->links.stated)
        vd_host_move_in(self, now, effects);
    return true;
}
