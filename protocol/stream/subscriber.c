/* subscriber.c: the reading end of the commit stream. */
#include "stream/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MS               INT64_C(1000)
#define QUIET_US         (1200 * MS) /* without a frame before the subscriber asks */
#define SILENT_US        (3000 * MS) /* without a frame before it takes a new connection */
#define BEAT_US          (VD_SUBSCRIBER_BEAT_MS * MS)
#define ANSWER_US        (1000 * MS) /* for the answer to START */
#define ATTEMPTS_AT_ONCE 3u
#define BACKOFF_US_MIN   (100 * MS)
#define BACKOFF_US_MAX   (10000 * MS)
/* So often is a damaged frame asked for again before the stream stops. */
#define DAMAGED_MAX 5u
/* Correlations from here on are this core's, so that its connection may carry other requests
 * too. */
#define CORRELATION_BASE (UINT64_C(1) << 48)

struct vd_subscriber {
    uint16_t port;
    vd_peer_t peer;
    uint32_t timer;
    const vd_subscriber_handler_t *handler;
    void *arg;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_subscription_t subscription;
    vd_subscriber_state_t state;
    uint64_t correlation; /* of the START that counts */
    bool known;           /* position is one */
    vd_position_t position;
    uint64_t head;
    uint64_t window_items, window_bytes;
    uint64_t handed_items, handed_bytes; /* in this life, to the handler */
    uint64_t used_items, used_bytes;     /* in this life, dealt with by the handler */
    uint64_t base_items, base_bytes;     /* handed at START */
    uint64_t granted_items, granted_bytes;
    uint64_t uncredited_bytes; /* of frames without events since credit was granted last */
    uint32_t attempts;         /* STARTs since the stream last went on */
    uint32_t damaged;          /* of these, for a damaged frame */
    int64_t heard_us;
    int64_t asked_us; /* START or CREDIT sent */
    int64_t due_us;   /* WAITING: when to START; STARTING: when the answer is overdue */
    uint64_t seed;
    vd_commit_run_t runs[VD_COMMIT_PIECES_MAX];
};

vd_subscriber_t *vd_subscriber_new(uint16_t port, const vd_peer_t *peer, uint32_t timer,
                                   const vd_subscriber_handler_t *handler, void *arg)
{
    assert(peer != NULL && handler != NULL && handler->event != NULL);
    assert(handler->stopped != NULL && timer < VD_TIMERS_MAX);
    vd_subscriber_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->port = port;
    self->peer = *peer;
    self->timer = timer;
    self->handler = handler;
    self->arg = arg;
    self->state = VD_SUBSCRIBER_IDLE;
    self->correlation = CORRELATION_BASE;
    return self;
}

void vd_subscriber_destroy(vd_subscriber_t **self)
{
    assert(self != NULL);
    free(*self);
    *self = NULL;
}

vd_subscriber_state_t vd_subscriber_state(const vd_subscriber_t *self)
{
    return self->state;
}

const vd_position_t *vd_subscriber_position(const vd_subscriber_t *self)
{
    return &self->position;
}

uint64_t vd_subscriber_head(const vd_subscriber_t *self)
{
    return self->head;
}

/* ---- credit ---- */

/* What may be sent in total since START, so that never more than the window is out. */
static uint64_t grant(uint64_t window, uint64_t used, uint64_t base)
{
    return window + used > base ? window + used - base : 0;
}

static void send_credit(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_CREDIT, .correlation = self->correlation};
    self->granted_items = grant(self->window_items, self->used_items, self->base_items);
    self->granted_bytes = grant(self->window_bytes, self->used_bytes, self->base_bytes);
    message.credit.items = self->granted_items;
    message.credit.bytes = self->granted_bytes;
    self->uncredited_bytes = 0;
    vd_effects_send(effects, self->port, &self->peer, &message);
    self->asked_us = now.mono_us;
}

void vd_subscriber_consumed(vd_subscriber_t *self, vd_now_t now, uint64_t events, uint64_t bytes,
                            vd_effects_t *effects)
{
    self->used_items += events;
    self->used_bytes += bytes;
    assert(self->used_items <= self->handed_items && self->used_bytes <= self->handed_bytes);
    if (self->state != VD_SUBSCRIBER_RUNNING)
        return;
    uint64_t items = grant(self->window_items, self->used_items, self->base_items);
    uint64_t more_bytes = grant(self->window_bytes, self->used_bytes, self->base_bytes);
    if (items > self->granted_items + self->window_items / 2 ||
        more_bytes > self->granted_bytes + self->window_bytes / 2)
        send_credit(self, now, effects);
}

/* ---- beginning, again and again ---- */

static void set_timer(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t at_us = now.mono_us + 200 * MS;
    if (self->state == VD_SUBSCRIBER_IDLE) {
        vd_effects_timer_clear(effects, self->timer);
        return;
    }
    if (self->state != VD_SUBSCRIBER_RUNNING)
        at_us = self->due_us;
    vd_effects_timer(effects, self->timer, at_us);
}

static int64_t backoff_us(vd_subscriber_t *self)
{
    if (self->attempts < ATTEMPTS_AT_ONCE)
        return 0;
    uint32_t doublings = self->attempts - ATTEMPTS_AT_ONCE;
    int64_t us = doublings >= 7 ? BACKOFF_US_MAX : BACKOFF_US_MIN << doublings;
    us = us > BACKOFF_US_MAX ? BACKOFF_US_MAX : us;
    /* Half to the whole of it, so that subscribers that were dropped together do not come
     * together. */
    return us / 2 + (int64_t)(vd_random_next(&self->seed) % (uint64_t)(us / 2 + 1));
}

static void send_start(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_START, .correlation = ++self->correlation};
    const vd_subscription_t *wanted = &self->subscription;
    self->base_items = self->handed_items;
    self->base_bytes = self->handed_bytes;
    self->uncredited_bytes = 0;
    self->granted_items = grant(self->window_items, self->used_items, self->base_items);
    self->granted_bytes = grant(self->window_bytes, self->used_bytes, self->base_bytes);
    message.start.name = vd_str(wanted->name);
    message.start.session = vd_str(wanted->session);
    message.start.type = vd_str(wanted->type);
    message.start.items = self->granted_items;
    message.start.bytes = self->granted_bytes;
    if (self->known) {
        message.start.store = vd_str(self->position.store);
        message.start.index = self->position.index;
        message.start.offset = self->position.offset;
        message.start.chain = self->position.chain;
    } else {
        message.start.seq = wanted->seq;
        message.start.head = wanted->head;
    }
    vd_effects_send(effects, self->port, &self->peer, &message);
    self->state = VD_SUBSCRIBER_STARTING;
    self->asked_us = now.mono_us;
    self->attempts++;
    /* The frame waits in the connection for a publisher that comes back, so it need not be repeated
     * often. */
    int64_t patience_us = backoff_us(self);
    self->due_us = now.mono_us + (patience_us > ANSWER_US ? patience_us : ANSWER_US);
    set_timer(self, now, effects);
}

/* Goes on from the own position: now, or after a while when that was tried too often. */
static void restart(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t wait_us = backoff_us(self);
    if (wait_us == 0) {
        send_start(self, now, effects);
        return;
    }
    self->state = VD_SUBSCRIBER_WAITING;
    self->due_us = now.mono_us + wait_us;
    set_timer(self, now, effects);
}

/* Takes a new connection: the old one may hang on to a publisher that is gone. */
static void reconnect(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_effects_disconnect(effects, self->port, &self->peer);
    vd_effects_connect(effects, self->port, &self->peer, self->endpoint);
    send_start(self, now, effects);
}

void vd_subscriber_connect(vd_subscriber_t *self, vd_now_t now, const char *endpoint,
                           vd_effects_t *effects)
{
    assert(endpoint != NULL && endpoint[0] != 0 && strlen(endpoint) <= VD_ENDPOINT_BYTES_MAX);
    bool first = self->endpoint[0] == 0;
    memcpy(self->endpoint, endpoint, strlen(endpoint) + 1);
    if (!first)
        vd_effects_disconnect(effects, self->port, &self->peer);
    vd_effects_connect(effects, self->port, &self->peer, self->endpoint);
    if (self->state == VD_SUBSCRIBER_IDLE)
        return;
    self->attempts = 0;
    send_start(self, now, effects);
}

void vd_subscriber_start(vd_subscriber_t *self, vd_now_t now, const vd_subscription_t *subscription,
                         vd_effects_t *effects)
{
    assert(subscription != NULL);
    assert(subscription->seq == 0 || subscription->session[0] != 0);
    self->subscription = *subscription;
    self->window_items =
        subscription->credit_items ? subscription->credit_items : VD_CREDIT_ITEMS_DEFAULT;
    self->window_bytes =
        subscription->credit_bytes ? subscription->credit_bytes : VD_CREDIT_BYTES_DEFAULT;
    self->position = subscription->position;
    self->known = subscription->position.store[0] != 0;
    self->seed ^= subscription->seed;
    self->head = 0;
    self->attempts = 0;
    self->damaged = 0;
    self->heard_us = now.mono_us;
    if (self->endpoint[0] != 0) {
        send_start(self, now, effects);
        return;
    }
    /* Without a connection yet, vd_subscriber_connect begins. */
    self->state = VD_SUBSCRIBER_WAITING;
    self->due_us = INT64_MAX;
}

void vd_subscriber_stop(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->state == VD_SUBSCRIBER_STARTING || self->state == VD_SUBSCRIBER_RUNNING) {
        vd_message_t message = {.id = VD_MESSAGE_STOP, .correlation = self->correlation};
        vd_effects_send(effects, self->port, &self->peer, &message);
    }
    self->state = VD_SUBSCRIBER_IDLE;
    set_timer(self, now, effects);
}

static void end(vd_subscriber_t *self, vd_now_t now, vd_status_t status, vd_str_t text,
                uint64_t first, vd_effects_t *effects)
{
    char copy[VD_TEXT_BYTES_MAX + 1];
    vd_str_copy(copy, sizeof copy, text);
    self->state = VD_SUBSCRIBER_IDLE;
    set_timer(self, now, effects);
    self->handler->stopped(self->arg, now, status, copy, first, self->head, effects);
}

/* A frame that cannot be used is asked for again, but not for ever. */
static void ask_again(vd_subscriber_t *self, vd_now_t now, vd_status_t status, const char *text,
                      vd_effects_t *effects)
{
    if (++self->damaged > DAMAGED_MAX)
        end(self, now, status, vd_str(text), 0, effects);
    else
        restart(self, now, effects);
}

/* ---- what comes ---- */

static void progress(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (self->handler->progress != NULL)
        self->handler->progress(self->arg, now, &self->position, self->head, effects);
}

/* Is place `at` of commit `index` behind the position? */
static bool is_new(const vd_subscriber_t *self, uint64_t index, uint64_t at)
{
    return index > self->position.index + 1 ||
           (index == self->position.index + 1 && at >= self->position.offset);
}

/* Hands on the events of one run. VD_CANCELLED: the handler ended this stream. */
static vd_status_t take_run(vd_subscriber_t *self, vd_now_t now, const vd_commit_t *commit,
                            const vd_commit_run_t *run, vd_effects_t *effects)
{
    vd_bytes_t rest = run->run;
    uint64_t correlation = self->correlation;
    for (uint32_t i = 0; i < run->count; i++) {
        vd_entry_t entry;
        vd_event_t event = {.session = run->session, .seq = run->first_seq + i};
        vd_status_t status = vd_run_next(&rest, &entry);
        if (status != VD_OK)
            return VD_MALFORMED;
        if (vd_crc32c(0, entry.event) != entry.crc)
            return VD_BAD_CRC;
        status = vd_event_read(entry.event, &event);
        if (status != VD_OK)
            return status;
        self->handed_items++;
        self->handed_bytes += entry.event.size;
        if (!is_new(self, commit->index, run->at + i)) {
            self->used_items++;
            self->used_bytes += entry.event.size;
            continue;
        }
        self->position.index = commit->index - 1;
        self->position.offset = run->at + i + 1;
        self->position.chain = commit->chain;
        vd_position_t position = self->position;
        self->handler->event(self->arg, now, &event, commit, &position, effects);
        if (self->state != VD_SUBSCRIBER_RUNNING || self->correlation != correlation)
            return VD_CANCELLED;
    }
    return rest.size == 0 ? VD_OK : VD_MALFORMED;
}

/* Hands on that a run is absent. VD_CANCELLED: the handler ended this stream. */
static vd_status_t take_absent(vd_subscriber_t *self, vd_now_t now, const vd_commit_t *commit,
                               const vd_commit_run_t *run, vd_effects_t *effects)
{
    uint64_t correlation = self->correlation;
    uint64_t end = run->at + run->count, known = 0;
    if (!is_new(self, commit->index, run->count > 0 ? end - 1 : 0))
        return VD_OK;
    if (commit->index == self->position.index + 1 && self->position.offset > run->at)
        known = self->position.offset - run->at;
    self->position.index = run->count > 0 ? commit->index - 1 : commit->index;
    self->position.offset = end;
    self->position.chain = commit->chain;
    if (self->handler->absent == NULL)
        return VD_OK;
    vd_position_t position = self->position;
    assert(known < run->count || run->count == 0);
    self->handler->absent(self->arg, now, run->session, run->first_seq + known,
                          run->count - (uint32_t)known, run->absent, &position, effects);
    bool same = self->state == VD_SUBSCRIBER_RUNNING && self->correlation == correlation;
    return same ? VD_OK : VD_CANCELLED;
}

static vd_status_t take_commits(vd_subscriber_t *self, vd_now_t now, vd_bytes_t payload,
                                vd_effects_t *effects)
{
    for (;;) {
        vd_commit_t commit;
        vd_status_t status = vd_commit_next(&payload, &commit, self->runs, VD_COMMIT_PIECES_MAX);
        if (status == VD_NOT_FOUND)
            return VD_OK;
        if (status != VD_OK || commit.index == 0)
            return VD_MALFORMED;
        for (uint32_t r = 0; r < commit.run_count; r++) {
            const vd_commit_run_t *run = &commit.runs[r];
            status = run->absent == VD_OK ? take_run(self, now, &commit, run, effects)
                                          : take_absent(self, now, &commit, run, effects);
            if (status != VD_OK)
                return status;
        }
    }
}

static int compare_place(uint64_t index, uint64_t offset, const vd_position_t *position)
{
    if (index != position->index)
        return index < position->index ? -1 : 1;
    return offset < position->offset ? -1 : offset > position->offset;
}

static void on_commits(vd_subscriber_t *self, vd_now_t now, const vd_message_t *message,
                       vd_effects_t *effects)
{
    const vd_commits_body_t *commits = &message->commits;
    if (!vd_str_is(commits->store, self->position.store) ||
        compare_place(commits->after, commits->after_offset, &self->position) > 0) {
        restart(self, now, effects);
        return;
    }
    self->head = commits->head;
    vd_status_t status = take_commits(self, now, message->payload, effects);
    if (status == VD_CANCELLED)
        return;
    if (status != VD_OK) {
        ask_again(self, now, status, "the publisher's frames are damaged time after time", effects);
        return;
    }
    if (compare_place(commits->index, commits->offset, &self->position) > 0) {
        self->position.index = commits->index;
        self->position.offset = commits->offset;
        self->position.chain = (uint32_t)commits->chain;
    }
    self->attempts = 0;
    self->damaged = 0;
    if (commits->events == 0)
        self->uncredited_bytes += message->payload.size;
    if (self->uncredited_bytes > VD_UNCREDITED_BYTES_MAX / 4)
        send_credit(self, now, effects);
    progress(self, now, effects);
}

static void on_started(vd_subscriber_t *self, vd_now_t now, const vd_started_body_t *started,
                       vd_effects_t *effects)
{
    if (self->state != VD_SUBSCRIBER_STARTING)
        return;
    if (!self->known) {
        vd_str_copy(self->position.store, sizeof self->position.store, started->store);
        self->position.index = started->index;
        self->position.offset = started->offset;
        self->position.chain = (uint32_t)started->chain;
        self->known = true;
    }
    self->state = VD_SUBSCRIBER_RUNNING;
    self->head = started->head;
    set_timer(self, now, effects);
    progress(self, now, effects);
}

static void on_head(vd_subscriber_t *self, vd_now_t now, const vd_head_body_t *head,
                    vd_effects_t *effects)
{
    self->head = head->head;
    if (self->state != VD_SUBSCRIBER_RUNNING)
        return;
    /* More was sent than has come: the frame in between is lost. */
    if (compare_place(head->sent, head->sent_offset, &self->position) > 0) {
        restart(self, now, effects);
        return;
    }
    self->attempts = 0;
    progress(self, now, effects);
}

static void on_error(vd_subscriber_t *self, vd_now_t now, const vd_error_body_t *error,
                     vd_effects_t *effects)
{
    vd_status_t status = vd_status_of_name(error->status);
    if (self->state != VD_SUBSCRIBER_STARTING)
        return;
    if (status == VD_OVERLOADED || status == VD_IO || status == VD_STORE_TROUBLE ||
        status == VD_NOT_READY || status == VD_BUSY)
        restart(self, now, effects);
    else
        end(self, now, status, error->text, 0, effects);
}

static void on_message(vd_subscriber_t *self, vd_now_t now, const vd_message_t *message,
                       vd_effects_t *effects)
{
    self->heard_us = now.mono_us;
    switch (message->id) {
    case VD_MESSAGE_STARTED:
        on_started(self, now, &message->started, effects);
        break;
    case VD_MESSAGE_COMMITS:
        if (self->state == VD_SUBSCRIBER_RUNNING)
            on_commits(self, now, message, effects);
        else if (self->state == VD_SUBSCRIBER_STARTING)
            restart(self, now, effects); /* STARTED was lost */
        break;
    case VD_MESSAGE_HEAD:
        if (self->state == VD_SUBSCRIBER_STARTING)
            restart(self, now, effects);
        else
            on_head(self, now, &message->head, effects);
        break;
    case VD_MESSAGE_DROP:
        if (self->state != VD_SUBSCRIBER_WAITING)
            restart(self, now, effects);
        break;
    case VD_MESSAGE_STREAM_RESET:
        self->head = message->stream_reset.head;
        end(self, now, vd_status_of_name(message->stream_reset.status), message->stream_reset.text,
            message->stream_reset.first, effects);
        break;
    case VD_MESSAGE_ERROR:
        on_error(self, now, &message->error, effects);
        break;
    default:
        break;
    }
}

static void on_timer(vd_subscriber_t *self, vd_now_t now, vd_effects_t *effects)
{
    switch (self->state) {
    case VD_SUBSCRIBER_IDLE:
        return;
    case VD_SUBSCRIBER_WAITING:
        if (now.mono_us >= self->due_us)
            send_start(self, now, effects);
        return;
    case VD_SUBSCRIBER_STARTING:
        if (now.mono_us >= self->due_us)
            reconnect(self, now, effects);
        return;
    case VD_SUBSCRIBER_RUNNING:
        break;
    }
    int64_t quiet_us = now.mono_us - self->heard_us;
    int64_t since_us = now.mono_us - self->asked_us;
    if (quiet_us > SILENT_US) {
        self->heard_us = now.mono_us;
        reconnect(self, now, effects);
        return;
    }
    if (since_us >= BEAT_US || (quiet_us > QUIET_US && since_us > QUIET_US / 2))
        send_credit(self, now, effects);
    set_timer(self, now, effects);
}

bool vd_subscriber_step(vd_subscriber_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && effects != NULL);
    if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        on_timer(self, now, effects);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE || input->port != self->port ||
        input->message->correlation != self->correlation ||
        !vd_peer_equal(&input->peer, &self->peer))
        return false;
    if (self->state != VD_SUBSCRIBER_IDLE)
        on_message(self, now, input->message, effects);
    return true;
}
