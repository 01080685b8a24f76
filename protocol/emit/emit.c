/* emit.c: the producer's end of emit: opening, window, sending again, outcomes. */
#include "emit/emit_parts.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RETRY_MAX_US = 1000000,
    CONNECT_US = 3000000, /* without a word after something was sent, before a new connection */
    EFFECTS_LEFT = VD_EFFECTS_MAX / 2, /* others may have something to say in the same step */
    ARENA_BYTES = VD_EFFECT_BYTES_MAX / 2,
    BODY_BYTES = 1024, /* header and body of an EMIT need less */
    BYTES_MIN = 2 * VD_EMIT_BYTES_MAX,
};

vd_emit_t *vd_emit_new(const char *producer, uint64_t life, uint16_t port, const vd_peer_t *peer,
                       uint32_t timer, uint32_t bytes_max, vd_outcome_fn *outcome, void *arg)
{
    assert(vd_name_valid(vd_str(producer)) && peer != NULL && outcome != NULL);
    assert(life > 0 && timer < VD_TIMERS_MAX && bytes_max >= BYTES_MIN);
    vd_emit_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    if (!vd_frames_init(&self->frames, bytes_max)) {
        free(self);
        return NULL;
    }
    vd_str_copy(self->producer, sizeof self->producer, vd_str(producer));
    self->port = port;
    self->timer = timer;
    self->peer = *peer;
    self->outcome = outcome;
    self->arg = arg;
    self->state = VD_EMIT_CLOSED;
    self->seed = life;
    self->life = life;
    self->retry_us = VD_EMIT_RETRY_MIN_US;
    self->burst = self->burst_fast = VD_EMIT_FRAMES_MAX;
    return self;
}

void vd_emit_destroy(vd_emit_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_frames_free(&(*self)->frames);
    free(*self);
    *self = NULL;
}

vd_emit_state_t vd_emit_state(const vd_emit_t *self)
{
    return self->state;
}

const char *vd_emit_trouble(const vd_emit_t *self)
{
    return self->trouble;
}

uint64_t vd_emit_pending(const vd_emit_t *self)
{
    return self->pending;
}

uint64_t vd_emit_epoch(const vd_emit_t *self)
{
    return self->epoch;
}

bool vd_emit_is_open(const vd_emit_t *self)
{
    return self->state == VD_EMIT_READY || self->state == VD_EMIT_WAITING;
}

/* ---- time ---- */

static void sooner(int64_t *due, int64_t at_us)
{
    if (at_us != 0 && (*due == 0 || at_us < *due))
        *due = at_us;
}

/* Sets the timer to the next thing that is due. A timer that is due earlier stays: it will be set
 * anew. */
static void arm(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t due = 0;
    sooner(&due, self->silent_us);
    if (self->asked_us != 0)
        sooner(&due, self->asked_us + CONNECT_US);
    if (self->more)
        sooner(&due, now.mono_us);
    if (self->state == VD_EMIT_WAITING)
        sooner(&due, self->wait_us);
    if (vd_emit_is_open(self))
        sooner(&due, self->beat_us);
    if (due == 0 || (self->timer_us != 0 && self->timer_us <= due))
        return;
    self->timer_us = due;
    vd_effects_timer(effects, self->timer, due);
}

int64_t vd_emit_jittered(vd_emit_t *self, int64_t us)
{
    return us - us / 8 + (int64_t)(vd_random_next(&self->seed) % (uint64_t)(us / 4));
}

static void back_off(vd_emit_t *self, vd_now_t now)
{
    self->silent_us = now.mono_us + vd_emit_jittered(self, self->retry_us);
    self->retry_us = self->retry_us * 2 > RETRY_MAX_US ? RETRY_MAX_US : self->retry_us * 2;
}

/* ---- the connection ---- */

static void send_message(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                         vd_effects_t *effects)
{
    vd_effects_send(effects, self->port, &self->peer, message);
    self->beat_us = now.mono_us + VD_EMIT_BEAT_MS * 1000LL;
    if (self->asked_us == 0)
        self->asked_us = now.mono_us;
}

/* Takes a new connection when nothing that is sent is answered: the other end of the old one may be
 * gone without a word. What is out is sent again at once. */
static void renew(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->asked_us == 0 || now.mono_us - self->asked_us < CONNECT_US)
        return;
    self->asked_us = 0;
    vd_effects_disconnect(effects, self->port, &self->peer);
    vd_effects_connect(effects, self->port, &self->peer, self->endpoint);
    if (self->silent_us != 0)
        self->silent_us = now.mono_us;
    self->beat_us = now.mono_us;
}

/* ---- opening ---- */

static void send_open(vd_emit_t *self, vd_now_t now, uint64_t epoch, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_OPEN, .correlation = self->opening};
    message.open.producer = vd_str(self->producer);
    message.open.life = self->life;
    message.open.epoch = epoch;
    send_message(self, now, &message, effects);
}

static void begin_opening(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->state = VD_EMIT_OPENING;
    self->opening = vd_random_next(&self->seed) | 1;
    self->sent = 0;
    self->sent_count = 0;
    self->more = false;
    self->retry_us = VD_EMIT_RETRY_MIN_US;
    send_open(self, now, 0, effects);
    back_off(self, now);
}

void vd_emit_open_anew(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->life = vd_random_next(&self->seed) | 1;
    begin_opening(self, now, effects);
}

/* ---- sending ---- */

static void send_frame(vd_emit_t *self, vd_now_t now, const vd_frame_t *frame,
                       vd_effects_t *effects)
{
    assert(frame->first > self->answered && frame->status == VD_OK);
    vd_message_t message = {.id = VD_MESSAGE_EMIT, .correlation = frame->first};
    message.emit.producer = vd_str(self->producer);
    message.emit.epoch = self->epoch;
    message.emit.first = frame->first;
    message.emit.count = frame->count;
    message.emit.session = vd_frames_session(&self->frames, frame);
    message.emit.answered = self->answered;
    message.emit.record = vd_frames_record(&self->frames, frame);
    message.payload = vd_frames_run(&self->frames, frame);
    send_message(self, now, &message, effects);
}

void vd_emit_pump(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->more = false;
    if (self->state != VD_EMIT_READY || self->settling)
        return;
    while (self->sent < self->frames.count && self->sent < self->burst) {
        const vd_frame_t *frame = vd_frames_at(&self->frames, self->sent);
        if (self->sent_count > 0 && self->sent_count + frame->count > self->window)
            break;
        size_t size = (size_t)frame->run_size + BODY_BYTES;
        if (vd_effects_room(effects) <= EFFECTS_LEFT || effects->arena.size + size > ARENA_BYTES) {
            self->more = true;
            break;
        }
        if (frame->status == VD_OK)
            send_frame(self, now, frame, effects);
        self->sent++;
        self->sent_count += frame->count;
    }
    if (self->sent > 0 && self->silent_us == 0)
        back_off(self, now);
}

void vd_emit_go_back(vd_emit_t *self, uint32_t place)
{
    while (self->sent > place)
        self->sent_count -= vd_frames_at(&self->frames, --self->sent)->count;
    assert(self->sent > 0 || self->sent_count == 0);
}

/* After silence a few frames go out again, more when they are answered: a slow ingestor is not
 * helped by hearing everything twice. */
static void resend_slowly(vd_emit_t *self)
{
    self->burst = 1;
    self->burst_fast = VD_EMIT_FRAMES_MAX;
    vd_emit_go_back(self, 0);
}

/* ---- outcomes ---- */

void vd_emit_end_frame(vd_emit_t *self, vd_now_t now, vd_outcome_t *outcome, vd_effects_t *effects)
{
    const vd_frame_t *frame = vd_frames_at(&self->frames, 0);
    assert(self->pending >= frame->count);
    outcome->token = frame->token;
    outcome->first = frame->first;
    outcome->count = frame->count;
    self->pending -= frame->count;
    if (frame->first > 0)
        self->answered = frame->first + frame->count - 1;
    if (self->sent > 0) {
        self->sent--;
        self->sent_count -= frame->count;
    }
    vd_frames_pop(&self->frames);
    self->settling = true;
    self->outcome(self->arg, now, outcome, effects);
    self->settling = false;
}

void vd_emit_settle(vd_emit_t *self, vd_now_t now, uint64_t mark, const vd_outcome_t *covered,
                    vd_effects_t *effects)
{
    bool progress = false;
    vd_outcome_t outcome = {.status = VD_OK};
    while (self->frames.count > 0) {
        const vd_frame_t *frame = vd_frames_at(&self->frames, 0);
        uint64_t last = frame->first + frame->count - 1;
        outcome.status = VD_OK;
        outcome.text[0] = outcome.session[0] = 0;
        outcome.mark = outcome.seq = 0;
        outcome.position = (vd_position_t){0};
        if (frame->status != VD_OK) {
            outcome.status = frame->status;
            if (frame->status == VD_EXISTS) {
                outcome.seq = frame->seq;
                vd_str_copy(outcome.session, sizeof outcome.session,
                            vd_frames_session(&self->frames, frame));
            }
            vd_str_copy(outcome.text, sizeof outcome.text, vd_frames_text(&self->frames, frame));
        } else if (frame->first > 0 && last <= mark) {
            assert(covered != NULL);
            outcome.position = covered->position;
            outcome.mark = last;
            if (last == mark) {
                memcpy(outcome.session, covered->session, sizeof outcome.session);
                outcome.seq = covered->seq;
            }
        } else {
            break;
        }
        vd_emit_end_frame(self, now, &outcome, effects);
        progress = true;
    }
    if (!progress)
        return;
    self->burst = self->burst * 2 <= self->burst_fast ? self->burst * 2 : self->burst + 1;
    if (self->burst > VD_EMIT_FRAMES_MAX)
        self->burst = VD_EMIT_FRAMES_MAX;
    self->retry_us = VD_EMIT_RETRY_MIN_US;
    self->silent_us = 0;
    if (self->sent > 0)
        back_off(self, now);
}

/* ---- time ---- */

static void take_timer(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->timer_us = 0;
    if (self->state == VD_EMIT_WAITING && now.mono_us >= self->wait_us) {
        self->state = VD_EMIT_READY;
        self->silent_us = 0;
    }
    renew(self, now, effects);
    if (self->silent_us != 0 && now.mono_us >= self->silent_us) {
        if (self->state == VD_EMIT_OPENING)
            send_open(self, now, 0, effects);
        else
            resend_slowly(self);
        back_off(self, now);
    }
    vd_emit_pump(self, now, effects);
    if (vd_emit_is_open(self) && now.mono_us >= self->beat_us)
        send_open(self, now, self->epoch, effects);
}

/* ---- the interface ---- */

void vd_emit_open(vd_emit_t *self, vd_now_t now, const char *endpoint, vd_effects_t *effects)
{
    assert(self != NULL && endpoint != NULL && !self->settling);
    assert(strlen(endpoint) <= VD_ENDPOINT_BYTES_MAX);
    if (self->state == VD_EMIT_FENCED)
        return;
    memcpy(self->endpoint, endpoint, strlen(endpoint) + 1);
    self->asked_us = 0;
    vd_effects_connect(effects, self->port, &self->peer, endpoint);
    if (vd_emit_is_open(self)) {
        self->state = VD_EMIT_READY;
        self->silent_us = 0;
        self->retry_us = VD_EMIT_RETRY_MIN_US;
        resend_slowly(self);
        vd_emit_pump(self, now, effects);
    } else {
        begin_opening(self, now, effects);
    }
    arm(self, now, effects);
}

vd_status_t vd_emit_offer_record(vd_emit_t *self, vd_now_t now, vd_str_t session, vd_str_t record,
                                 vd_bytes_t run, uint32_t count, uint64_t token,
                                 vd_effects_t *effects)
{
    assert(self != NULL && vd_name_valid(session) && count > 0 && run.size > 0);
    assert(record.size == 0 || vd_name_valid(record));
    if (self->state == VD_EMIT_FENCED)
        return VD_FENCED;
    if (count > VD_EMIT_EVENTS_MAX || run.size > VD_EMIT_BYTES_MAX)
        return VD_TOO_LARGE;
    vd_frame_t *frame = vd_frames_put(&self->frames, session, record, run, count, token);
    if (frame == NULL)
        return VD_OVERLOADED;
    self->pending += count;
    if (vd_emit_is_open(self)) {
        frame->first = self->next;
        self->next += count;
    }
    vd_emit_pump(self, now, effects);
    arm(self, now, effects);
    return VD_OK;
}

bool vd_emit_step(vd_emit_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && !self->settling);
    if (input->kind == VD_INPUT_MESSAGE && input->port == self->port &&
        vd_peer_equal(&input->peer, &self->peer)) {
        if (self->state != VD_EMIT_CLOSED && self->state != VD_EMIT_FENCED)
            vd_emit_take(self, now, input->message, effects);
    } else if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        if (self->state != VD_EMIT_CLOSED && self->state != VD_EMIT_FENCED)
            take_timer(self, now, effects);
    } else {
        return false;
    }
    arm(self, now, effects);
    return true;
}
