/* reception_mode.c: the streams follow the mode: begun, stopped, granted credit; early frames. */
#include "stream/reception_state.h"

#include <assert.h>

/* ---- credit ---- */

vd_tally_t vd_reception_waiting(const vd_reception_t *self)
{
    return (vd_tally_t){self->intake.handed.items - self->used.items,
                        self->intake.handed.bytes - self->used.bytes};
}

uint64_t vd_reception_standing(const vd_reception_t *self)
{
    uint64_t used = self->used.items;
    if (self->modes.mode == VD_MODE_PAUSED)
        return vd_reception_waiting(self).items + self->early_tally.items;
    return (self->stood > used ? self->stood - used : 0) + self->early_tally.items;
}

void vd_reception_mark_tick(vd_reception_t *self, vd_now_t now)
{
    if (now.mono_us - self->ticked_us < VD_RECEPTION_TICK_US)
        return;
    self->stood = self->ticked;
    self->ticked = self->intake.handed.items;
    self->ticked_us = now.mono_us;
}

/* What waits on account of a stream: early frames block the live stream, not the commits that they
 * wait for. */
static vd_tally_t waiting_of(const vd_reception_t *self, const vd_lane_t *lane)
{
    vd_tally_t waiting = vd_reception_waiting(self);
    if (lane->live) {
        waiting.items += self->early_tally.items;
        waiting.bytes += self->early_tally.bytes;
    }
    return waiting;
}

/* A commit stream that stands idle gets no credit: in a pause, and until live has begun after it. */
static vd_tally_t grant_of(const vd_reception_t *self, const vd_lane_t *lane)
{
    bool live_begins = self->modes.mode == VD_MODE_LIVE_ONLY && self->live.state != VD_LANE_RUNNING;
    if (self->modes.mode == VD_MODE_PAUSED || (live_begins && !lane->live))
        return lane->granted;
    return vd_lane_grant(lane, self->window, waiting_of(self, lane));
}

void vd_reception_credit(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_CREDIT, .correlation = lane->correlation};
    assert(lane->state == VD_LANE_RUNNING);
    lane->granted = grant_of(self, lane);
    lane->uncredited_bytes = 0;
    message.credit.items = lane->granted.items;
    message.credit.bytes = lane->granted.bytes;
    message.credit.mode = vd_str(vd_mode_name(self->modes.mode));
    message.credit.queue = vd_reception_waiting(self).items + self->early_tally.items;
    message.credit.done = self->prompt ? vd_reception_position(self)->index : self->done;
    vd_effects_send(effects, self->port, &self->peer, &message);
    lane->asked_us = now.mono_us;
}

void vd_reception_credit_if_due(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                                vd_effects_t *effects)
{
    if (lane->state != VD_LANE_RUNNING)
        return;
    if (lane->uncredited_bytes > VD_UNCREDITED_BYTES_MAX / 4 ||
        vd_lane_is_due(lane, self->window, grant_of(self, lane)))
        vd_reception_credit(self, now, lane, effects);
}

/* ---- streams ---- */

static void send_stop(vd_reception_t *self, const vd_lane_t *lane, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_STOP, .correlation = lane->correlation};
    if (lane->state == VD_LANE_STARTING || lane->state == VD_LANE_RUNNING)
        vd_effects_send(effects, self->port, &self->peer, &message);
}

void vd_reception_stop_lane(vd_reception_t *self, vd_lane_t *lane, vd_effects_t *effects)
{
    send_stop(self, lane, effects);
    lane->state = VD_LANE_IDLE;
    lane->attempts = 0;
    if (lane->live)
        vd_reception_drop_early(self);
}

void vd_reception_begin(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects)
{
    static const vd_tally_t nothing;
    vd_message_t message;
    bool known = self->intake.known;
    bool idle = self->modes.mode == VD_MODE_PAUSED && !self->held && !lane->live;
    bool overlap = lane->live && self->modes.mode == VD_MODE_OVERLAP;
    bool head = known ? overlap : self->wanted.head;
    if (lane->live)
        vd_reception_drop_early(self);
    if (overlap && vd_lag(self->head, self->intake.position.index) >=
                       self->modes.knobs.start_commit_sync_lag) {
        /* It fell behind while this stream was interrupted: the machine will see that. */
        vd_reception_stop_lane(self, lane, effects);
        return;
    }
    vd_lane_t fresh = {0};
    vd_tally_t window = vd_lane_grant(&fresh, self->window, waiting_of(self, lane));
    vd_lane_begin(lane, now, ++self->correlation, &self->wanted, &self->intake.position, head,
                  idle ? nothing : window, &self->seed, &message);
    message.start.mode = vd_str(vd_mode_name(self->modes.mode));
    vd_effects_send(effects, self->port, &self->peer, &message);
    vd_reception_set_timer(self, now, effects);
}

/* Did the stream run, with commits to give and leave to give them, and give none? */
static bool was_fruitless(const vd_reception_t *self, const vd_lane_t *lane)
{
    const vd_position_t *position = &self->intake.position;
    return lane->ran && self->intake.known && self->modes.mode != VD_MODE_PAUSED &&
           self->modes.streams != VD_STREAMS_LIVE && lane->granted.items > 0 &&
           lane->granted.bytes > 0 && vd_lag(self->head, position->index) > 0 &&
           vd_place_compare(lane->from.index, lane->from.offset, position) == 0;
}

void vd_reception_restart(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                          vd_effects_t *effects)
{
    if (was_fruitless(self, lane) && ++self->rounds >= VD_RECEPTION_ROUNDS_MAX) {
        vd_reception_read(self, now, effects);
        return;
    }
    lane->ran = false;
    int64_t wait_us = vd_lane_backoff_us(lane->attempts, &self->seed);
    if (wait_us == 0) {
        vd_reception_begin(self, now, lane, effects);
        return;
    }
    send_stop(self, lane, effects);
    lane->state = VD_LANE_WAITING;
    lane->due_us = now.mono_us + wait_us;
    if (lane->live)
        vd_reception_drop_early(self);
    vd_reception_set_timer(self, now, effects);
}

void vd_reception_begin_at_position(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                                    vd_effects_t *effects)
{
    vd_message_t message;
    vd_lane_t fresh = {0};
    vd_tally_t window = vd_lane_grant(&fresh, self->window, waiting_of(self, lane));
    vd_lane_begin(lane, now, ++self->correlation, &self->wanted, &self->intake.position, false,
                  window, &self->seed, &message);
    message.start.mode = vd_str(vd_mode_name(self->modes.mode));
    vd_effects_send(effects, self->port, &self->peer, &message);
    vd_reception_set_timer(self, now, effects);
}

void vd_reception_part(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects)
{
    if (!lane->live) {
        vd_reception_restart(self, now, lane, effects);
        return;
    }
    vd_reception_drop_early(self);
    vd_reception_begin_at_position(self, now, lane, effects);
}

void vd_reception_forget_hold(vd_reception_t *self, vd_effects_t *effects)
{
    self->held = false;
    if (self->modes.mode == VD_MODE_PAUSED && self->commit.state != VD_LANE_IDLE)
        vd_reception_stop_lane(self, &self->live, effects);
}

/* ---- early frames ---- */

typedef struct early {
    vd_commits_body_t commits; /* its store is that of the position */
    uint32_t after_chain;
    size_t size;
} early_t;

bool vd_reception_keep_early(vd_reception_t *self, const vd_commits_body_t *commits,
                             uint32_t after_chain, vd_bytes_t payload)
{
    early_t head = {.commits = *commits, .after_chain = after_chain, .size = payload.size};
    size_t before = self->early.size;
    if (vd_buffer_add(&self->early, &head, sizeof head) &&
        vd_buffer_add(&self->early, payload.data, payload.size))
        return true;
    vd_buffer_cut(&self->early, before);
    return false;
}

void vd_reception_drop_early(vd_reception_t *self)
{
    vd_buffer_free(&self->early);
    self->early_at = 0;
    self->early_tally = (vd_tally_t){0};
}

static bool next_early(const vd_reception_t *self, early_t *head)
{
    if (self->early_at == self->early.size)
        return false;
    assert(self->early.size - self->early_at >= sizeof *head);
    memcpy(head, self->early.data + self->early_at, sizeof *head);
    return true;
}

vd_status_t vd_reception_take_early(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    early_t head;
    while (next_early(self, &head) &&
           vd_place_compare(head.commits.after, head.commits.after_offset,
                            &self->intake.position) <= 0) {
        const uint8_t *payload = self->early.data + self->early_at + sizeof head;
        vd_bytes_t bytes = vd_bytes(payload, head.size);
        vd_tally_t taken = {0};
        uint64_t life = self->intake.life;
        vd_status_t status = vd_intake_check(&self->intake, &head.commits, head.after_chain, bytes);
        if (status == VD_NOT_FOUND && self->commit.state == VD_LANE_RUNNING)
            return VD_OK; /* it leads up to the frame's end, which tells */
        if (status == VD_WENT_BACK || status == VD_NOT_FOUND) {
            vd_reception_part(self, now, &self->live, effects);
            return VD_OK;
        }
        /* The frame waits no more as early; what of it is new waits for the application. */
        if (status == VD_OK)
            status = vd_reception_take(self, now, &head.commits, bytes, &taken, effects);
        if (self->intake.life != life)
            return VD_CANCELLED;
        if (status != VD_OK)
            return status;
        self->early_at += sizeof head + head.size;
        self->early_tally.items -= taken.items;
        self->early_tally.bytes -= taken.bytes;
    }
    if (self->early_at == self->early.size)
        vd_reception_drop_early(self);
    return VD_OK;
}

/* ---- the mode ---- */

/* Has everything come that lies before the live stream's beginning? */
static bool is_joined(const vd_reception_t *self)
{
    const vd_position_t *begin = &self->live.begin;
    return self->live.state == VD_LANE_RUNNING && self->early.size == 0 &&
           vd_place_compare(begin->index, begin->offset, &self->intake.position) <= 0;
}

static uint64_t overlap_lag(const vd_reception_t *self)
{
    early_t head;
    uint64_t index = self->intake.position.index;
    if (self->live.state != VD_LANE_RUNNING)
        return vd_lag(self->head, index);
    return vd_lag(next_early(self, &head) ? head.commits.after : self->live.begin.index, index);
}

/* UINT64_MAX while it is not known: then commits are as good as live is not. */
static uint64_t lag_of(const vd_reception_t *self)
{
    uint64_t behind = vd_lag(self->head, self->intake.position.index);
    switch (self->modes.mode) {
    case VD_MODE_LIVE_ONLY:
        return self->live.state == VD_LANE_RUNNING ? behind : 0;
    case VD_MODE_COMMITS_ONLY:
        return self->commit.state == VD_LANE_RUNNING ? behind : UINT64_MAX;
    case VD_MODE_OVERLAP:
        return overlap_lag(self);
    case VD_MODE_PAUSED:
        break;
    }
    return behind;
}

static void want(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects)
{
    if (lane->state == VD_LANE_IDLE)
        vd_reception_begin(self, now, lane, effects);
}

/* Which streams the mode wants: live is stopped before commits begin, but for a pause, in which a
 * stream has to stand all the time. */
static void follow_mode(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    switch (self->modes.mode) {
    case VD_MODE_LIVE_ONLY:
        want(self, now, &self->live, effects);
        if (self->commit.state != VD_LANE_IDLE && is_joined(self))
            vd_reception_stop_lane(self, &self->commit, effects);
        return;
    case VD_MODE_COMMITS_ONLY:
        if (self->live.state != VD_LANE_IDLE)
            vd_reception_stop_lane(self, &self->live, effects);
        self->no_live = false;
        want(self, now, &self->commit, effects);
        return;
    case VD_MODE_OVERLAP:
        want(self, now, &self->commit, effects);
        want(self, now, &self->live, effects);
        return;
    case VD_MODE_PAUSED:
        break;
    }
    if (self->held && (self->live.state != VD_LANE_IDLE || self->commit.state != VD_LANE_IDLE))
        return;
    want(self, now, &self->commit, effects);
    if (self->live.state != VD_LANE_IDLE)
        vd_reception_stop_lane(self, &self->live, effects);
}

void vd_reception_judge(vd_reception_t *self, vd_now_t now, uint64_t queue, vd_effects_t *effects)
{
    if (!self->on || self->reading || self->taking)
        return;
    vd_mode_view_t view = {.lag = lag_of(self),
                           .queue = queue,
                           .held = self->held,
                           .no_live = self->no_live,
                           .apart = self->live.state != VD_LANE_RUNNING};
    vd_stream_mode_t before = self->modes.mode;
    vd_stream_mode_t mode = vd_modes_look(&self->modes, now.mono_us / 1000, &view);
    uint64_t newest = self->correlation;
    follow_mode(self, now, effects);
    if (mode == before)
        return;
    vd_lane_t *lanes[] = {&self->live, &self->commit};
    for (unsigned i = 0; i < 2; i++)
        if (lanes[i]->state == VD_LANE_RUNNING && lanes[i]->correlation <= newest)
            vd_reception_credit(self, now, lanes[i], effects);
    if (self->intake.handler->mode != NULL)
        self->intake.handler->mode(self->intake.arg, now, mode, false, effects);
}
