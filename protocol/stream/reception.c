/* reception.c: the reading end of both streams: its life, and what comes. */
#include "stream/reception_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MS        INT64_C(1000)
#define QUIET_US  (1200 * MS) /* without a frame before the reader asks */
#define SILENT_US (3000 * MS) /* without a frame before it takes a new connection */
#define BEAT_US   (VD_SUBSCRIBER_BEAT_MS * MS)
/* Correlations from here on are this core's, so that its connection may carry other requests
 * too. */
#define CORRELATION_BASE (UINT64_C(1) << 48)

vd_reception_t *vd_reception_new(uint16_t port, const vd_peer_t *peer, uint32_t timer,
                                 const vd_subscriber_handler_t *handler, void *arg)
{
    assert(peer != NULL && handler != NULL && handler->event != NULL);
    assert(handler->stopped != NULL && timer < VD_TIMERS_MAX);
    vd_reception_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->port = port;
    self->peer = *peer;
    self->timer = timer;
    self->intake.handler = handler;
    self->intake.arg = arg;
    self->live.live = true;
    self->correlation = CORRELATION_BASE;
    return self;
}

void vd_reception_destroy(vd_reception_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_buffer_free(&(*self)->early);
    free(*self);
    *self = NULL;
}

const vd_position_t *vd_reception_position(const vd_reception_t *self)
{
    return &self->intake.position;
}

void vd_reception_look(const vd_reception_t *self, vd_reception_view_t *view)
{
    *view = (vd_reception_view_t){
        .mode = self->modes.mode,
        .since_us = self->modes.since_ms * MS,
        .lag = self->intake.known ? vd_lag(self->head, self->intake.position.index) : 0,
        .queue = vd_reception_waiting(self).items + self->early_tally.items,
        .head = self->head,
        .held = self->held,
        .reading = self->reading,
    };
}

void vd_reception_done(vd_reception_t *self, uint64_t index)
{
    self->done = index;
}

void vd_reception_consumed(vd_reception_t *self, vd_now_t now, uint64_t events, uint64_t bytes,
                           vd_effects_t *effects)
{
    self->used.items += events;
    self->used.bytes += bytes;
    assert(self->used.items <= self->intake.handed.items);
    assert(self->used.bytes <= self->intake.handed.bytes);
    if (!self->on)
        return;
    if (self->reading && !self->taking) {
        vd_reception_read_on(self, now, effects);
        return;
    }
    if (self->modes.mode == VD_MODE_PAUSED)
        vd_reception_judge(self, now, vd_reception_waiting(self).items, effects);
    vd_reception_credit_if_due(self, now, &self->live, effects);
    vd_reception_credit_if_due(self, now, &self->commit, effects);
}

/* ---- beginning and ending ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void vd_reception_set_timer(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->on) {
        vd_effects_timer_clear(effects, self->timer);
        return;
    }
    const vd_lane_t *lanes[] = {&self->live, &self->commit};
    int64_t at_us = self->reading ? self->read_due_us : INT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        if (lanes[i]->state == VD_LANE_RUNNING)
            at_us = earlier(at_us, now.mono_us + VD_RECEPTION_TICK_US);
        else if (lanes[i]->state != VD_LANE_IDLE)
            at_us = earlier(at_us, lanes[i]->due_us);
    }
    if (at_us < INT64_MAX)
        vd_effects_timer(effects, self->timer, at_us);
}

static vd_stream_mode_t first_mode(const vd_subscription_t *wanted)
{
    bool live =
        wanted->streams == VD_STREAMS_LIVE ||
        (wanted->streams == VD_STREAMS_BOTH && wanted->head && wanted->position.store[0] == 0);
    return live ? VD_MODE_LIVE_ONLY : VD_MODE_COMMITS_ONLY;
}

/* Begins the stream of the mode. Without a connection yet, vd_reception_connect does. */
static void begin(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_lane_t *lane = self->modes.mode == VD_MODE_LIVE_ONLY ? &self->live : &self->commit;
    lane->heard_us = now.mono_us;
    if (self->endpoint[0] != 0) {
        vd_reception_begin(self, now, lane, effects);
        return;
    }
    lane->state = VD_LANE_WAITING;
    lane->due_us = INT64_MAX;
}

static void forget(vd_reception_t *self)
{
    self->intake.life++;
    self->live.state = self->commit.state = VD_LANE_IDLE;
    self->live.attempts = self->commit.attempts = 0;
    self->rounds = self->damaged = self->read_attempts = 0;
    self->reading = self->read_out = false;
    self->held = self->no_live = false;
    vd_reception_drop_early(self);
}

void vd_reception_start(vd_reception_t *self, vd_now_t now, const vd_subscription_t *subscription,
                        vd_effects_t *effects)
{
    assert(subscription != NULL);
    assert(subscription->seq == 0 || subscription->session[0] != 0);
    const vd_subscription_t *wanted = &self->wanted;
    vd_lane_t *lanes[] = {&self->live, &self->commit};
    /* A START replaces the stream of its kind; one of the other kind has to be stopped. */
    for (unsigned i = 0; i < 2; i++)
        if ((first_mode(subscription) == VD_MODE_LIVE_ONLY) != lanes[i]->live)
            vd_reception_stop_lane(self, lanes[i], effects);
    forget(self);
    self->wanted = *subscription;
    self->window.items = wanted->credit_items ? wanted->credit_items : VD_CREDIT_ITEMS_DEFAULT;
    self->window.bytes = wanted->credit_bytes ? wanted->credit_bytes : VD_CREDIT_BYTES_DEFAULT;
    vd_buffer_init(&self->early, 2 * self->window.bytes + 4 * (size_t)VD_ITEMS_BYTES_MAX);
    self->intake.position = wanted->position;
    self->intake.known = wanted->position.store[0] != 0;
    self->seed ^= wanted->seed;
    self->used = self->intake.handed;
    self->head = 0;
    self->done = wanted->position.index;
    self->on = true;
    vd_modes_init(&self->modes,
                  wanted->knobs.start_commit_sync_lag > 0 ? &wanted->knobs : &vd_mode_knobs_default,
                  wanted->streams, first_mode(wanted), now.mono_us / 1000);
    begin(self, now, effects);
    if (self->intake.handler->mode != NULL)
        self->intake.handler->mode(self->intake.arg, now, self->modes.mode, false, effects);
}

void vd_reception_stop(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_reception_stop_lane(self, &self->live, effects);
    vd_reception_stop_lane(self, &self->commit, effects);
    forget(self);
    self->on = false;
    vd_reception_set_timer(self, now, effects);
}

void vd_reception_end(vd_reception_t *self, vd_now_t now, vd_status_t status, vd_str_t text,
                      uint64_t first, vd_effects_t *effects)
{
    char copy[VD_TEXT_BYTES_MAX + 1];
    vd_str_copy(copy, sizeof copy, text);
    vd_reception_stop(self, now, effects);
    self->intake.handler->stopped(self->intake.arg, now, status, copy, first, self->head, effects);
}

void vd_reception_reconnect(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_effects_disconnect(effects, self->port, &self->peer);
    vd_effects_connect(effects, self->port, &self->peer, self->endpoint);
    vd_reception_forget_hold(self, effects);
    vd_lane_t *lanes[] = {&self->live, &self->commit};
    for (unsigned i = 0; i < 2; i++)
        if (lanes[i]->state != VD_LANE_IDLE) {
            lanes[i]->heard_us = now.mono_us;
            vd_reception_begin(self, now, lanes[i], effects);
        }
}

void vd_reception_connect(vd_reception_t *self, vd_now_t now, const char *endpoint,
                          vd_effects_t *effects)
{
    assert(endpoint != NULL && endpoint[0] != 0 && strlen(endpoint) <= VD_ENDPOINT_BYTES_MAX);
    bool first = self->endpoint[0] == 0;
    memcpy(self->endpoint, endpoint, strlen(endpoint) + 1);
    if (!first)
        vd_effects_disconnect(effects, self->port, &self->peer);
    vd_effects_connect(effects, self->port, &self->peer, self->endpoint);
    self->live.attempts = self->commit.attempts = self->read_attempts = 0;
    vd_reception_forget_hold(self, effects);
    if (self->live.state != VD_LANE_IDLE)
        vd_reception_begin(self, now, &self->live, effects);
    if (self->commit.state != VD_LANE_IDLE)
        vd_reception_begin(self, now, &self->commit, effects);
    self->read_out = false;
    if (self->reading)
        vd_reception_read_on(self, now, effects);
}

/* ---- what comes ---- */

bool vd_reception_is_passing(vd_status_t status)
{
    return status == VD_OVERLOADED || status == VD_IO || status == VD_STORE_TROUBLE ||
           status == VD_NOT_READY || status == VD_BUSY;
}

void vd_reception_progress(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->on && self->intake.known && self->intake.handler->progress != NULL)
        self->intake.handler->progress(self->intake.arg, now, &self->intake.position, self->head,
                                       effects);
}

void vd_reception_note_head(vd_reception_t *self, uint64_t head)
{
    if (vd_lag(head, self->head) > 0)
        self->head = head;
}

vd_status_t vd_reception_take(vd_reception_t *self, vd_now_t now, const vd_commits_body_t *commits,
                              vd_bytes_t payload, vd_tally_t *received, vd_effects_t *effects)
{
    self->taking = true;
    vd_status_t status = vd_intake_take(&self->intake, now, commits, payload, received, effects);
    self->taking = false;
    return status;
}

/* A frame that cannot be used is asked for again, but not for ever. */
static void ask_again(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_status_t status,
                      vd_effects_t *effects)
{
    if (++self->damaged > VD_RECEPTION_DAMAGED_MAX)
        vd_reception_end(self, now, status,
                         vd_str("the publisher's frames are damaged time after time"), 0, effects);
    else
        vd_reception_restart(self, now, lane, effects);
}

/* A frame of the live stream that leads on from beyond the position waits for the commits before
 * it. */
static vd_status_t hold_back(vd_reception_t *self, vd_lane_t *lane,
                             const vd_commits_body_t *commits, uint32_t after_chain,
                             vd_bytes_t payload)
{
    vd_tally_t tally = {0};
    vd_status_t status = vd_intake_count(&self->intake, payload, &tally);
    if (status != VD_OK)
        return status;
    lane->received.items += tally.items;
    lane->received.bytes += tally.bytes;
    if (self->no_live)
        return VD_OK;
    if (!vd_reception_keep_early(self, commits, after_chain, payload)) {
        self->no_live = true;
        return VD_OK;
    }
    self->early_tally.items += tally.items;
    self->early_tally.bytes += tally.bytes;
    return VD_OK;
}

static vd_status_t take_frame(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                              const vd_commits_body_t *commits, vd_bytes_t payload,
                              vd_effects_t *effects)
{
    const vd_position_t *position = &self->intake.position;
    bool follows = vd_place_compare(commits->after, commits->after_offset, &lane->reach) == 0;
    uint32_t after_chain = follows ? lane->reach.chain : 0;
    if (vd_place_compare(commits->after, commits->after_offset, position) > 0)
        return hold_back(self, lane, commits, after_chain, payload);
    vd_position_t before = *position;
    vd_status_t status = vd_intake_check(&self->intake, commits, after_chain, payload);
    if (status == VD_NOT_FOUND && lane->live && self->commit.state == VD_LANE_RUNNING)
        return hold_back(self, lane, commits, after_chain, payload);
    if (status == VD_OK)
        status = vd_reception_take(self, now, commits, payload, &lane->received, effects);
    if (status == VD_OK)
        status = vd_reception_take_early(self, now, effects);
    if (status == VD_OK && vd_place_compare(before.index, before.offset, position) != 0)
        self->rounds = 0;
    return status;
}

/* Is a place beyond what the stream has brought, so that a frame in between is lost? Also when the
 * other stream has brought the same: what is lost would be missing in the count of credit. */
bool vd_reception_is_beyond(const vd_lane_t *lane, uint64_t index, uint64_t offset)
{
    return vd_place_compare(index, offset, &lane->reach) > 0;
}

static void on_commits(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                       const vd_message_t *message, vd_effects_t *effects)
{
    const vd_commits_body_t *commits = &message->commits;
    if (lane->state != VD_LANE_RUNNING || /* STARTED was lost */
        !vd_str_is(commits->store, self->intake.position.store) ||
        vd_reception_is_beyond(lane, commits->after, commits->after_offset)) {
        vd_reception_restart(self, now, lane, effects);
        return;
    }
    vd_reception_note_head(self, commits->head);
    /* Whoever is held is sent no events: this is another life of the publisher, which holds nobody. */
    self->held = self->held && commits->events == 0;
    uint64_t queue = vd_reception_waiting(self).items + self->early_tally.items;
    vd_status_t status = take_frame(self, now, lane, commits, message->payload, effects);
    if (status == VD_CANCELLED)
        return;
    if (status == VD_WENT_BACK || status == VD_NOT_FOUND) {
        vd_reception_part(self, now, lane, effects);
        return;
    }
    if (status != VD_OK) {
        ask_again(self, now, lane, status, effects);
        return;
    }
    if (vd_place_compare(commits->index, commits->offset, &lane->reach) > 0) {
        lane->reach.index = commits->index;
        lane->reach.offset = commits->offset;
        lane->reach.chain = (uint32_t)commits->chain;
    }
    lane->attempts = 0;
    self->damaged = 0;
    if (commits->events == 0)
        lane->uncredited_bytes += message->payload.size;
    vd_reception_judge(self, now, queue, effects);
    vd_reception_credit_if_due(self, now, &self->live, effects);
    vd_reception_credit_if_due(self, now, &self->commit, effects);
    vd_reception_progress(self, now, effects);
}

/* Live begins at a head that lies before what was handed on, or is another commit: the store went
 * back, or the publisher is behind. */
static bool is_doubtful(const vd_reception_t *self, const vd_position_t *begin)
{
    const vd_position_t *position = &self->intake.position;
    int order = vd_place_compare(begin->index, begin->offset, position);
    return order < 0 || (order == 0 && begin->chain != position->chain);
}

/* Has a stream that runs begun once more? What had come of it before is in the reader's count of
 * credit and not in the publisher's: more than the window could come. */
static bool has_begun_twice(const vd_lane_t *lane, const vd_position_t *begin)
{
    return lane->state == VD_LANE_RUNNING &&
           (lane->received.items > 0 ||
            vd_place_compare(begin->index, begin->offset, &lane->begin) != 0);
}

static void on_started(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                       const vd_started_body_t *started, vd_effects_t *effects)
{
    vd_position_t begin = {
        .index = started->index, .offset = started->offset, .chain = (uint32_t)started->chain};
    if (has_begun_twice(lane, &begin)) {
        vd_reception_restart(self, now, lane, effects);
        return;
    }
    if (lane->state != VD_LANE_STARTING)
        return;
    vd_str_copy(begin.store, sizeof begin.store, started->store);
    uint64_t life = self->intake.life;
    bool alone = self->modes.streams == VD_STREAMS_LIVE;
    if (!self->intake.known) {
        self->intake.position = begin;
        self->intake.known = true;
        self->done = begin.index;
    } else if (lane->live && strcmp(begin.store, self->intake.position.store) != 0) {
        /* Another store: the commit stream, which begins at the position, is told so. */
        self->no_live = !alone;
    } else if (lane->live && !alone && is_doubtful(self, &begin)) {
        vd_reception_begin_at_position(self, now, lane, effects);
        return;
    } else if (alone && vd_place_compare(begin.index, begin.offset, &self->intake.position) > 0) {
        vd_reception_tell_gap(self, now, &begin, effects);
        if (self->intake.life != life)
            return;
    }
    lane->begin = lane->reach = begin;
    lane->state = VD_LANE_RUNNING;
    lane->ran = true;
    self->head = self->intake.position.index; /* a store that went back may have less than it had */
    vd_reception_note_head(self, started->head);
    bool beyond = vd_place_compare(begin.index, begin.offset, &self->intake.position) > 0;
    if (lane->live && beyond && self->commit.state == VD_LANE_IDLE)
        self->no_live = !alone;
    vd_reception_set_timer(self, now, effects);
    vd_reception_judge(self, now, vd_reception_waiting(self).items, effects);
    vd_reception_credit_if_due(self, now, lane, effects);
    vd_reception_progress(self, now, effects);
}

static void on_head(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, const vd_head_body_t *head,
                    vd_effects_t *effects)
{
    if (lane->state == VD_LANE_STARTING ||
        (lane->state == VD_LANE_RUNNING &&
         vd_reception_is_beyond(lane, head->sent, head->sent_offset))) {
        vd_reception_restart(self, now, lane, effects);
        return;
    }
    vd_reception_note_head(self, head->head);
    if (lane->state != VD_LANE_RUNNING)
        return;
    lane->attempts = 0;
    vd_reception_judge(self, now, vd_reception_standing(self), effects);
    vd_reception_progress(self, now, effects);
}

static void on_drop(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, const vd_drop_body_t *drop,
                    vd_effects_t *effects)
{
    if (vd_str_is(drop->status, vd_status_name(VD_KICKED))) {
        lane->state = VD_LANE_IDLE;
        vd_reception_end(self, now, VD_KICKED, drop->text, 0, effects);
        return;
    }
    vd_reception_forget_hold(self, effects);
    if (lane->state != VD_LANE_WAITING && lane->state != VD_LANE_IDLE)
        vd_reception_restart(self, now, lane, effects);
}

static void on_error(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                     const vd_error_body_t *error, vd_effects_t *effects)
{
    vd_status_t status = vd_status_of_name(error->status);
    if (lane->state != VD_LANE_STARTING)
        return;
    if (vd_reception_is_passing(status)) {
        vd_reception_restart(self, now, lane, effects);
        return;
    }
    lane->state = VD_LANE_IDLE;
    vd_reception_end(self, now, status, error->text, 0, effects);
}

static void on_message(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                       const vd_message_t *message, vd_effects_t *effects)
{
    vd_lane_heard(lane, now);
    switch (message->id) {
    case VD_MESSAGE_STARTED:
        on_started(self, now, lane, &message->started, effects);
        break;
    case VD_MESSAGE_COMMITS:
        if (lane->state != VD_LANE_WAITING)
            on_commits(self, now, lane, message, effects);
        break;
    case VD_MESSAGE_HEAD:
        on_head(self, now, lane, &message->head, effects);
        break;
    case VD_MESSAGE_GAP:
        if (lane->live && lane->state != VD_LANE_WAITING)
            vd_reception_on_gap(self, now, lane, &message->gap, effects);
        break;
    case VD_MESSAGE_USE_COMMITS:
        if (lane->live)
            vd_reception_on_use_commits(self, now, lane, &message->use_commits, effects);
        break;
    case VD_MESSAGE_HOLD:
        self->held = message->hold.held;
        vd_reception_judge(self, now, vd_reception_waiting(self).items, effects);
        break;
    case VD_MESSAGE_DROP:
        on_drop(self, now, lane, &message->drop, effects);
        break;
    case VD_MESSAGE_STREAM_RESET:
        self->head = message->stream_reset.head;
        lane->state = VD_LANE_IDLE;
        vd_reception_end(self, now, vd_status_of_name(message->stream_reset.status),
                         message->stream_reset.text, message->stream_reset.first, effects);
        break;
    case VD_MESSAGE_ERROR:
        on_error(self, now, lane, &message->error, effects);
        break;
    default:
        break;
    }
}

/* ---- time ---- */

/* Returns false when a new connection was taken. */
static bool tick(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects)
{
    int64_t quiet_us = now.mono_us - lane->heard_us, since_us = now.mono_us - lane->asked_us;
    bool due = now.mono_us >= lane->due_us;
    if (lane->state == VD_LANE_WAITING && due)
        vd_reception_begin(self, now, lane, effects);
    else if ((lane->state == VD_LANE_STARTING && due) ||
             (lane->state == VD_LANE_RUNNING && quiet_us > SILENT_US)) {
        vd_reception_reconnect(self, now, effects);
        return false;
    } else if (lane->state == VD_LANE_RUNNING &&
               (since_us >= BEAT_US || (quiet_us > QUIET_US && since_us > QUIET_US / 2)))
        vd_reception_credit(self, now, lane, effects);
    return true;
}

static void on_timer(vd_reception_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->on)
        return;
    vd_reception_mark_tick(self, now);
    if (self->reading)
        vd_reception_read_due(self, now, effects);
    else if (tick(self, now, &self->live, effects) && tick(self, now, &self->commit, effects))
        vd_reception_judge(self, now, vd_reception_standing(self), effects);
    vd_reception_set_timer(self, now, effects);
}

bool vd_reception_step(vd_reception_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && effects != NULL);
    if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        on_timer(self, now, effects);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE || input->port != self->port ||
        input->message->correlation <= CORRELATION_BASE ||
        input->message->correlation > self->correlation ||
        !vd_peer_equal(&input->peer, &self->peer))
        return false;
    uint64_t correlation = input->message->correlation;
    if (self->on && self->live.state != VD_LANE_IDLE && correlation == self->live.correlation)
        on_message(self, now, &self->live, input->message, effects);
    else if (self->on && self->commit.state != VD_LANE_IDLE &&
             correlation == self->commit.correlation)
        on_message(self, now, &self->commit, input->message, effects);
    else if (self->on && self->reading && self->read_out && correlation == self->read_correlation)
        vd_reception_read_answer(self, now, input->message, effects);
    return true;
}
