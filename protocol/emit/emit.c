/* emit.c: the producer's end of emit: opening, window, sending again, outcomes. */
#include "emit/emit.h"

#include "emit/frames.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RETRY_MIN_US = 50000, /* an ingestor that was killed is back in twice that */
    RETRY_MAX_US = 1000000,
    TROUBLE_BYTES = 512,
    BACK_PAUSE_US = 50000, /* another NOT_NOW within this is about what was sent before */
    WAIT_MAX_MS = 10000,
    EFFECTS_LEFT = VD_EFFECTS_MAX / 2, /* others may have something to say in the same step */
    ARENA_BYTES = VD_EFFECT_BYTES_MAX / 2,
    BODY_BYTES = 1024, /* header and body of an EMIT need less */
    BYTES_MIN = 2 * VD_EMIT_BYTES_MAX,
};

struct vd_emit {
    char producer[VD_NAME_BYTES_MAX + 1];
    uint16_t port;
    uint32_t timer;
    vd_peer_t peer;
    vd_outcome_fn *outcome;
    void *arg;
    vd_emit_state_t state;
    uint64_t seed; /* of lives, correlations and the jitter of retries */
    uint64_t life;
    uint64_t opening; /* correlation of OPEN */
    uint64_t epoch;
    uint64_t window;
    uint64_t next;     /* number for the next frame that gets one */
    uint64_t answered; /* every number up to this one has its outcome */
    vd_frames_t frames;
    uint64_t pending;    /* events in frames */
    uint32_t sent;       /* frames from the oldest on that are out */
    uint64_t sent_count; /* events in these */
    bool settling;       /* inside a call of `outcome` */
    bool more;           /* effects were full: go on at once */
    int64_t retry_us;
    int64_t silent_us; /* when silence is long enough to send again; 0: nothing is out */
    int64_t wait_us;   /* WAITING: until then */
    int64_t beat_us;   /* when a sign of life is due */
    int64_t timer_us;  /* what the timer is set to; 0: not set */
    int64_t back_us;   /* when NOT_NOW last made it go back; 0: not yet */
    /* Frames that may be out: one after silence; with each answer twice as many up to `burst_fast`,
     * then one more. Frames that arrive out of order halve both. */
    uint32_t burst, burst_fast;
    char trouble[TROUBLE_BYTES]; /* of the last NOT_NOW store_trouble; empty when it is over */
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
    self->retry_us = RETRY_MIN_US;
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

static bool is_open(const vd_emit_t *self)
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
    if (self->more)
        sooner(&due, now.mono_us);
    if (self->state == VD_EMIT_WAITING)
        sooner(&due, self->wait_us);
    if (is_open(self))
        sooner(&due, self->beat_us);
    if (due == 0 || (self->timer_us != 0 && self->timer_us <= due))
        return;
    self->timer_us = due;
    vd_effects_timer(effects, self->timer, due);
}

static int64_t jittered(vd_emit_t *self, int64_t us)
{
    return us - us / 8 + (int64_t)(vd_random_next(&self->seed) % (uint64_t)(us / 4));
}

static void back_off(vd_emit_t *self, vd_now_t now)
{
    self->silent_us = now.mono_us + jittered(self, self->retry_us);
    self->retry_us = self->retry_us * 2 > RETRY_MAX_US ? RETRY_MAX_US : self->retry_us * 2;
}

/* ---- opening ---- */

static void send_open(vd_emit_t *self, vd_now_t now, uint64_t epoch, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_OPEN, .correlation = self->opening};
    message.open.producer = vd_str(self->producer);
    message.open.life = self->life;
    message.open.epoch = epoch;
    vd_effects_send(effects, self->port, &self->peer, &message);
    self->beat_us = now.mono_us + VD_EMIT_BEAT_MS * 1000LL;
}

static void begin_opening(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->state = VD_EMIT_OPENING;
    self->opening = vd_random_next(&self->seed) | 1;
    self->sent = 0;
    self->sent_count = 0;
    self->more = false;
    self->retry_us = RETRY_MIN_US;
    send_open(self, now, 0, effects);
    back_off(self, now);
}

/* Numbers can be given anew only under a new epoch, else a frame that is still on its way under its
 * old number could be stored beside itself. */
static void open_anew(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
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
    vd_effects_send(effects, self->port, &self->peer, &message);
    self->beat_us = now.mono_us + VD_EMIT_BEAT_MS * 1000LL;
}

/* Sends what the window and the effects allow. */
static void pump(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
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

/* Everything from `place` on is to be sent again. */
static void go_back(vd_emit_t *self, uint32_t place)
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
    go_back(self, 0);
}

/* ---- outcomes ---- */

static void end_frame(vd_emit_t *self, vd_now_t now, vd_outcome_t *outcome, vd_effects_t *effects)
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

/* Ends frames in order: those that were rejected, and the others up to `mark`. */
static void settle(vd_emit_t *self, vd_now_t now, uint64_t mark, const vd_outcome_t *covered,
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
        end_frame(self, now, &outcome, effects);
        progress = true;
    }
    if (!progress)
        return;
    self->burst = self->burst * 2 <= self->burst_fast ? self->burst * 2 : self->burst + 1;
    if (self->burst > VD_EMIT_FRAMES_MAX)
        self->burst = VD_EMIT_FRAMES_MAX;
    self->retry_us = RETRY_MIN_US;
    self->silent_us = 0;
    if (self->sent > 0)
        back_off(self, now);
}

/* Marks the frames that a row of rejects names. */
static void mark_rejects(vd_emit_t *self, vd_bytes_t rows)
{
    vd_reject_record_t row;
    vd_status_t read;
    while ((read = vd_rows_next(&rows, VD_RECORD_reject, &row)) != VD_NOT_FOUND) {
        vd_status_t status = vd_status_of_name(row.status);
        if (read != VD_OK || status == VD_OK)
            continue;
        for (uint32_t i = 0; i < self->frames.count; i++) {
            vd_frame_t *frame = vd_frames_at(&self->frames, i);
            if (frame->first > 0 && frame->first >= row.first &&
                frame->first - row.first < row.count)
                vd_frames_reject(&self->frames, frame, status, row.seq,
                                 vd_str(vd_status_text(status)));
        }
    }
}

static void end_fenced(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_effects_log(effects, VD_ERROR,
                   "producer %s is fenced: a newer process has taken its name; this one must end",
                   self->producer);
    self->state = VD_EMIT_FENCED;
    self->silent_us = 0;
    self->more = false;
    while (self->frames.count > 0) {
        vd_outcome_t outcome = {.status = VD_FENCED};
        vd_str_copy(outcome.text, sizeof outcome.text, vd_str(vd_status_text(VD_FENCED)));
        end_frame(self, now, &outcome, effects);
    }
}

/* ---- answers ---- */

static void take_opened(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                        vd_effects_t *effects)
{
    if (self->state != VD_EMIT_OPENING || message->correlation != self->opening ||
        message->opened.epoch == 0)
        return;
    vd_outcome_t covered = {0};
    vd_str_copy(covered.position.store, sizeof covered.position.store, message->opened.store);
    mark_rejects(self, message->opened.rejects);
    settle(self, now, message->opened.mark, &covered, effects);
    self->state = VD_EMIT_READY;
    self->epoch = message->opened.epoch;
    self->window = message->opened.window > 0 ? message->opened.window : 1;
    if (self->window > VD_EMIT_WINDOW_EVENTS_MAX)
        self->window = VD_EMIT_WINDOW_EVENTS_MAX;
    self->answered = message->opened.mark;
    self->next = self->answered + 1;
    for (uint32_t i = 0; i < self->frames.count; i++) {
        vd_frame_t *frame = vd_frames_at(&self->frames, i);
        frame->first = frame->status == VD_OK ? self->next : 0;
        self->next += frame->status == VD_OK ? frame->count : 0;
    }
    self->silent_us = 0;
    self->retry_us = RETRY_MIN_US;
    self->back_us = 0;
    pump(self, now, effects);
}

static void take_committed(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                           vd_effects_t *effects)
{
    const vd_committed_body_t *body = &message->committed;
    if (!is_open(self) || body->epoch != self->epoch || body->mark <= self->answered)
        return;
    if (body->mark >= self->next) {
        vd_effects_log(effects, VD_WARN,
                       "the ingestor confirms number %" PRIu64 " of %s, which was never sent",
                       body->mark, self->producer);
        return;
    }
    vd_outcome_t covered = {.seq = body->seq};
    covered.position.index = body->index;
    covered.position.chain = (uint32_t)body->chain;
    vd_str_copy(covered.position.store, sizeof covered.position.store, body->store);
    vd_str_copy(covered.session, sizeof covered.session, body->session);
    mark_rejects(self, body->rejects);
    settle(self, now, body->mark, &covered, effects);
    self->state = VD_EMIT_READY;
    pump(self, now, effects);
}

static vd_frame_t *frame_numbered(const vd_emit_t *self, uint64_t first, uint32_t *place)
{
    for (*place = 0; *place < self->frames.count; ++*place) {
        vd_frame_t *frame = vd_frames_at(&self->frames, *place);
        if (first > 0 && frame->first == first)
            return frame;
    }
    return NULL;
}

static void take_rejected(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                          vd_effects_t *effects)
{
    const vd_rejected_body_t *body = &message->rejected;
    vd_status_t status = vd_status_of_name(body->status);
    bool for_open = body->epoch == 0 && message->correlation == self->opening;
    if (!for_open && (!is_open(self) || body->epoch != self->epoch))
        return;
    if (status == VD_FENCED) {
        end_fenced(self, now, effects);
        return;
    }
    uint32_t place;
    vd_frame_t *frame = frame_numbered(self, body->first, &place);
    if (for_open || frame == NULL || status == VD_OK)
        return;
    vd_frames_reject(&self->frames, frame, status, body->seq, body->text);
    if (body->count == 0) {
        vd_effects_log(effects, VD_ERROR, "number %" PRIu64 " of %s is refused: %.*s; opening anew",
                       body->first, self->producer, (int)body->text.size,
                       body->text.size > 0 ? (const char *)body->text.data : "");
        open_anew(self, now, effects);
        return;
    }
    settle(self, now, 0, NULL, effects);
    pump(self, now, effects);
}

/* Keeps what the ingestor says of its store. */
static void note_trouble(vd_emit_t *self, const vd_not_now_body_t *body)
{
    if (vd_status_of_name(body->status) == VD_STORE_TROUBLE)
        snprintf(self->trouble, sizeof self->trouble, "%.*s", (int)body->text.size,
                 body->text.size > 0 ? (const char *)body->text.data : "");
}

static void take_not_now_open(vd_emit_t *self, vd_now_t now, const vd_not_now_body_t *body,
                              vd_effects_t *effects)
{
    uint64_t wait_ms = body->retry_ms < WAIT_MAX_MS ? body->retry_ms : WAIT_MAX_MS;
    if (self->state == VD_EMIT_OPENING)
        self->silent_us = now.mono_us + jittered(self, (int64_t)wait_ms * 1000 + RETRY_MIN_US);
    else if (vd_status_of_name(body->status) == VD_WENT_BACK)
        open_anew(self, now, effects);
}

static void take_not_now(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                         vd_effects_t *effects)
{
    const vd_not_now_body_t *body = &message->not_now;
    note_trouble(self, body);
    if (body->epoch == 0 && message->correlation == self->opening) {
        take_not_now_open(self, now, body, effects);
        return;
    }
    if (!is_open(self) || body->epoch != self->epoch)
        return;
    if (vd_status_of_name(body->status) == VD_WENT_BACK) {
        vd_effects_log(effects, VD_WARN,
                       "the store has lost what it had answered to %s; opening anew",
                       self->producer);
        open_anew(self, now, effects);
        return;
    }
    uint32_t place;
    if (frame_numbered(self, body->from, &place) == NULL || place >= self->sent)
        return;
    if (body->retry_ms > 0 && self->state == VD_EMIT_READY) {
        uint64_t wait_ms = body->retry_ms < WAIT_MAX_MS ? body->retry_ms : WAIT_MAX_MS;
        self->state = VD_EMIT_WAITING;
        self->wait_us = now.mono_us + (int64_t)wait_ms * 1000;
        self->silent_us = 0;
    } else if (self->back_us != 0 && now.mono_us - self->back_us < BACK_PAUSE_US) {
        return;
    }
    self->back_us = now.mono_us;
    self->burst = self->burst_fast = self->burst > 1 ? self->burst / 2 : 1;
    go_back(self, place);
    pump(self, now, effects);
}

static void take_message(vd_emit_t *self, vd_now_t now, const vd_message_t *message,
                         vd_effects_t *effects)
{
    switch (message->id) {
    case VD_MESSAGE_OPENED:
        self->trouble[0] = 0;
        take_opened(self, now, message, effects);
        break;
    case VD_MESSAGE_COMMITTED:
        self->trouble[0] = 0;
        take_committed(self, now, message, effects);
        break;
    case VD_MESSAGE_REJECTED:
        take_rejected(self, now, message, effects);
        break;
    case VD_MESSAGE_NOT_NOW:
        take_not_now(self, now, message, effects);
        break;
    case VD_MESSAGE_ERROR:
        vd_effects_log(effects, VD_WARN, "the ingestor answers %s: %.*s", self->producer,
                       (int)message->error.text.size,
                       message->error.text.size > 0 ? (const char *)message->error.text.data : "");
        break;
    default:
        break;
    }
}

static void take_timer(vd_emit_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->timer_us = 0;
    if (self->state == VD_EMIT_WAITING && now.mono_us >= self->wait_us) {
        self->state = VD_EMIT_READY;
        self->silent_us = 0;
    }
    if (self->silent_us != 0 && now.mono_us >= self->silent_us) {
        if (self->state == VD_EMIT_OPENING)
            send_open(self, now, 0, effects);
        else
            resend_slowly(self);
        back_off(self, now);
    }
    pump(self, now, effects);
    if (is_open(self) && now.mono_us >= self->beat_us)
        send_open(self, now, self->epoch, effects);
}

/* ---- the interface ---- */

void vd_emit_open(vd_emit_t *self, vd_now_t now, const char *endpoint, vd_effects_t *effects)
{
    assert(self != NULL && endpoint != NULL && !self->settling);
    if (self->state == VD_EMIT_FENCED)
        return;
    vd_effects_connect(effects, self->port, &self->peer, endpoint);
    if (is_open(self)) {
        self->state = VD_EMIT_READY;
        self->silent_us = 0;
        self->retry_us = RETRY_MIN_US;
        resend_slowly(self);
        pump(self, now, effects);
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
    if (is_open(self)) {
        frame->first = self->next;
        self->next += count;
    }
    pump(self, now, effects);
    arm(self, now, effects);
    return VD_OK;
}

bool vd_emit_step(vd_emit_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && !self->settling);
    if (input->kind == VD_INPUT_MESSAGE && input->port == self->port &&
        vd_peer_equal(&input->peer, &self->peer)) {
        if (self->state != VD_EMIT_CLOSED && self->state != VD_EMIT_FENCED)
            take_message(self, now, input->message, effects);
    } else if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        if (self->state != VD_EMIT_CLOSED && self->state != VD_EMIT_FENCED)
            take_timer(self, now, effects);
    } else {
        return false;
    }
    arm(self, now, effects);
    return true;
}
