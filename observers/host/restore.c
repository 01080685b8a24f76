/* restore.c: the state before the first turn, from what is stored. */
#include "host_state.h"

#include <assert.h>
#include <stdio.h>

enum { RETRY_US = 500000 };

/* Back to a fresh state: what is there may be of another store. */
static bool fresh_state(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    vd_collecting_forget(self, now, effects);
    self->observer->destroy(&self->state);
    self->view_old = true;
    vd_status_t status =
        self->observer->init(&self->state, self->options.config, error, sizeof error);
    if (status == VD_OK)
        return true;
    self->ended = true;
    vd_effects_exit(effects, status, "observer %s: %s", self->name, error);
    return false;
}

void vd_host_restore_init(vd_host_t *self)
{
    vd_replay_spec_t spec = {.observer = self->observer,
                             .config = self->options.config,
                             .name = self->name,
                             .endpoint = self->endpoints[3],
                             .peer = "ingestor",
                             .port = VD_HOST_PORT_READ,
                             .stream_timer = VD_HOST_TIMER_RESTORE,
                             .ask_timer = VD_HOST_TIMER_ASK,
                             .seed = self->options.inc,
                             .faults = &self->faults,
                             .origin = self->collecting.origin};
    vd_replay_init(&self->replay, &spec);
}

void vd_host_restore_begin(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_OPENING || self->phase == VD_HOST_RESTORING);
    self->phase = VD_HOST_RESTORING;
    self->opened_us = now.mono_us;
    self->epoch = vd_emit_epoch(self->emit);
    self->seq = 0;
    self->seq_unknown = false;
    vd_replay_rest(&self->replay, now, effects);
    vd_chain_ask(self, now, VD_ASK_FORWARD, self->session, effects);
}

void vd_host_restore_found(vd_host_t *self, vd_now_t now, const vd_session_record_t *row,
                           vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RESTORING && vd_str_is(row->session, self->chain.asked));
    strcpy(self->session, self->chain.asked);
    vd_chain_rest(self, effects);
    vd_replay_begin(&self->replay, now, row, effects);
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

/* It is tried again from the newest session on. */
static void settle_failure(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    const vd_replay_t *replay = &self->replay;
    if (vd_faults_set(&self->faults, VD_STAGE_COMMIT, now.wall_ms,
                      "the events of session %s cannot be replayed: %s",
                      replay->links.count > 0 ? replay->links.ids[replay->links.at] : self->session,
                      replay->text))
        vd_effects_log(effects, VD_WARN, "%s", self->faults.stages[VD_STAGE_COMMIT].text);
    vd_replay_rest(&self->replay, now, effects);
    vd_effects_timer(effects, VD_HOST_TIMER_RETRY, now.mono_us + RETRY_US);
}

static void tell_restored(const vd_host_t *self, vd_effects_t *effects)
{
    const vd_replay_t *replay = &self->replay;
    char kept[64] = "";
    if (replay->kept_index > 0)
        snprintf(kept, sizeof kept, "the state kept at commit %llu and ",
                 (unsigned long long)replay->kept_index);
    vd_effects_log(effects, VD_INFO, "restored from %s%llu events of session %s up to commit %llu",
                   kept, (unsigned long long)replay->applied, self->session,
                   (unsigned long long)self->position.index);
}

bool vd_host_restore_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->phase == VD_HOST_RESTORING);
    vd_replay_t *replay = &self->replay;
    if (replay->phase == VD_REPLAY_FAILED)
        settle_failure(self, now, effects);
    if (replay->phase != VD_REPLAY_DONE)
        return false;
    vd_failpoint("observer.restored");
    bool stated = replay->links.stated;
    self->observer->destroy(&self->state);
    self->state = vd_replay_take_state(replay);
    self->collecting.place = replay->place;
    self->position = replay->position;
    if (replay->cycle > self->cycle)
        self->cycle = replay->cycle;
    self->replayed = replay->applied;
    bool told = strcmp(replay->session, self->session) == 0;
    self->seq = told ? replay->seq : 0;
    self->seq_unknown = told && replay->seq == 0;
    vd_host_keep_restored(self, now);
    vd_faults_clear(&self->faults, VD_STAGE_COMMIT, now.wall_ms);
    self->phase = VD_HOST_RUNNING;
    self->watched_us = now.mono_us;
    tell_restored(self, effects);
    vd_collecting_begin(self, now, replay->links.ids[replay->links.count - 1], replay->links.cut,
                        effects);
    vd_replay_rest(replay, now, effects);
    if (!stated)
        vd_host_move_in(self, now, effects);
    return true;
}
