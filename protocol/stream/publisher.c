/* publisher.c: the publishing end of the commit stream: table of subscribers, turns, signs of
 * life. */
#include "stream/resolve.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US 250000
/* Work of one step; the rest follows in the next, so that questions are answered in between. */
#define FRAMES_PER_STEP 16u
#define BYTES_PER_STEP  (1024u * 1024)
/* What a frame takes beside its payload. */
#define FRAME_OVERHEAD 128u

typedef struct subscriber {
    vd_peer_t peer;
    uint64_t correlation;
    char session[VD_NAME_BYTES_MAX + 1];
    char type[VD_NAME_BYTES_MAX + 1];
    vd_place_t place; /* everything before it was looked at */
    vd_place_t sent;  /* everything before it was sent */
    uint64_t credit_items, credit_bytes;
    uint64_t spent_items, spent_bytes;
    uint64_t uncredited_bytes; /* of frames without events since it was heard last */
    int64_t heard_us;
    int64_t told_us; /* the last frame that carried the head */
    bool caught_up;  /* it has been told that it was at the head, once */
} subscriber_t;

struct vd_publisher {
    uint16_t port;
    uint32_t timer;
    const vd_stream_source_t *source;
    void *arg;
    uint32_t count;
    uint32_t turn; /* who is served first */
    bool ticking;
    vd_stream_tail_t tail;
    vd_frame_t frame;
    vd_publisher_totals_t totals;
    subscriber_t subscribers[VD_SUBSCRIBERS_MAX];
};

vd_publisher_t *vd_publisher_new(const vd_publisher_options_t *options)
{
    assert(options->source != NULL && options->timer + 1 < VD_TIMERS_MAX);
    vd_publisher_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->port = options->port;
    self->timer = options->timer;
    self->source = options->source;
    self->arg = options->source_arg;
    vd_frame_init(&self->frame);
    return self;
}

void vd_publisher_destroy(vd_publisher_t **self)
{
    assert(self != NULL);
    if (*self == NULL)
        return;
    vd_frame_free(&(*self)->frame);
    free(*self);
    *self = NULL;
}

uint32_t vd_publisher_subscribers(const vd_publisher_t *self)
{
    return self->count;
}

const vd_publisher_totals_t *vd_publisher_totals(const vd_publisher_t *self)
{
    return &self->totals;
}

static subscriber_t *find_subscriber(vd_publisher_t *self, const vd_peer_t *peer)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (vd_peer_equal(&self->subscribers[i].peer, peer))
            return &self->subscribers[i];
    return NULL;
}

static void remove_subscriber(vd_publisher_t *self, subscriber_t *subscriber)
{
    assert(subscriber >= self->subscribers && subscriber < self->subscribers + self->count);
    self->count--;
    *subscriber = self->subscribers[self->count];
}

/* ---- what is sent ---- */

static void send_drop(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                      vd_status_t status, const char *text, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_DROP, .correlation = correlation};
    message.drop.status = vd_str(vd_status_name(status));
    message.drop.text = vd_str(text);
    vd_effects_send(effects, self->port, peer, &message);
}

static void send_head(vd_publisher_t *self, vd_now_t now, subscriber_t *to, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_HEAD, .correlation = to->correlation};
    message.head.store = vd_str(self->tail.store);
    message.head.head = self->tail.head;
    message.head.sent = to->sent.index;
    message.head.sent_offset = to->sent.offset;
    vd_effects_send(effects, self->port, &to->peer, &message);
    to->told_us = now.mono_us;
}

static void send_reset(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                       vd_status_t status, const char *text, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_STREAM_RESET, .correlation = correlation};
    message.stream_reset.store = vd_str(self->tail.store);
    message.stream_reset.status = vd_str(vd_status_name(status));
    message.stream_reset.first = self->tail.first;
    message.stream_reset.head = self->tail.head;
    message.stream_reset.text = vd_str(text);
    vd_effects_send(effects, self->port, peer, &message);
}

static void send_frame(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                       const vd_place_t *after, const vd_place_t *place, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_COMMITS, .correlation = correlation};
    message.payload = vd_buffer_view(&self->frame.payload);
    message.commits.store = vd_str(self->tail.store);
    message.commits.after = after->index;
    message.commits.after_offset = after->offset;
    message.commits.index = place->index;
    message.commits.offset = place->offset;
    message.commits.chain = place->chain;
    message.commits.events = self->frame.events;
    message.commits.head = self->tail.head;
    vd_effects_send(effects, self->port, peer, &message);
}

static void send_commits(vd_publisher_t *self, vd_now_t now, subscriber_t *to,
                         vd_effects_t *effects)
{
    send_frame(self, &to->peer, to->correlation, &to->sent, &to->place, effects);
    to->sent = to->place;
    to->spent_items += self->frame.events;
    to->spent_bytes += self->frame.bytes;
    if (self->frame.events == 0)
        to->uncredited_bytes += self->frame.payload.size + FRAME_OVERHEAD;
    to->told_us = now.mono_us;
}

/* ---- serving ---- */

static bool is_behind(const vd_publisher_t *self, const subscriber_t *subscriber)
{
    return subscriber->place.index < self->tail.head &&
           subscriber->spent_items < subscriber->credit_items &&
           subscriber->spent_bytes < subscriber->credit_bytes &&
           subscriber->uncredited_bytes < VD_UNCREDITED_BYTES_MAX;
}

/* Is it no use to try again? What a newer version has written stays as it is, too. */
static bool ends_stream(vd_status_t status)
{
    return status == VD_CORRUPT || status == VD_PRUNED || status == VD_UNSUPPORTED;
}

/* Few commits in a frame near the head, so that each goes out at once; many far behind it. */
static uint32_t commits_for_lag(uint64_t lag)
{
    return lag > 1000 ? 100 : lag > 100 ? 20 : lag > 10 ? 5 : 1;
}

/* Sends one frame. False when the subscriber is gone or cannot be served now. */
static bool serve(vd_publisher_t *self, vd_now_t now, subscriber_t *subscriber,
                  vd_effects_t *effects)
{
    assert(is_behind(self, subscriber));
    vd_frame_want_t want = {
        .session = subscriber->session,
        .type = subscriber->type,
        .items_max = subscriber->credit_items - subscriber->spent_items,
        .bytes_max = subscriber->credit_bytes - subscriber->spent_bytes,
        .commits_max = commits_for_lag(self->tail.head - subscriber->place.index),
    };
    vd_status_t status = vd_frame_fill(&self->frame, self->source, self->arg, &self->tail, &want,
                                       &subscriber->place);
    if (status == VD_OK) {
        bool at_head = subscriber->place.index >= self->tail.head;
        /* The first arrival at the head is told even when the filter left all of the rest out:
         * whoever replays up to the head need not wait for it. */
        if (self->frame.payload.size > 0 || (at_head && !subscriber->caught_up))
            send_commits(self, now, subscriber, effects);
        subscriber->caught_up = subscriber->caught_up || at_head;
        return true;
    }
    if (ends_stream(status)) {
        vd_effects_log(effects, VD_ERROR, "stream ended: %s", self->frame.error);
        send_reset(self, &subscriber->peer, subscriber->correlation, status, self->frame.error,
                   effects);
        remove_subscriber(self, subscriber);
    }
    return false;
}

/* Gives everyone who is behind and has credit one frame, beginning with whoever was left out last
 * time. */
static void pump(vd_publisher_t *self, vd_now_t now, vd_effects_t *effects)
{
    uint32_t frames = 0;
    size_t bytes = 0;
    bool more = false;
    self->source->tail(self->arg, &self->tail);
    uint32_t begin = self->count > 0 ? self->turn % self->count : 0;
    self->turn = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t at = (begin + i) % self->count;
        subscriber_t *subscriber = &self->subscribers[at];
        if (!is_behind(self, subscriber))
            continue;
        if (frames == FRAMES_PER_STEP || bytes >= BYTES_PER_STEP) {
            self->turn = at;
            more = true;
            break;
        }
        if (!serve(self, now, subscriber, effects))
            continue;
        frames++;
        bytes += self->frame.payload.size;
        more = more || is_behind(self, subscriber);
    }
    if (more)
        vd_effects_timer(effects, self->timer + 1, now.mono_us);
}

static void tick(vd_publisher_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->source->tail(self->arg, &self->tail);
    for (uint32_t i = self->count; i-- > 0;) {
        subscriber_t *subscriber = &self->subscribers[i];
        if (now.mono_us - subscriber->heard_us > VD_SUBSCRIBER_SILENT_MS * INT64_C(1000)) {
            send_drop(self, &subscriber->peer, subscriber->correlation, VD_SILENT,
                      "no CREDIT came for 10 s", effects);
            remove_subscriber(self, subscriber);
        } else if (now.mono_us - subscriber->told_us >= VD_HEAD_INTERVAL_MS * INT64_C(1000)) {
            /* What a filter left out is told now and then, so that the position goes on. */
            if (subscriber->sent.index < subscriber->place.index) {
                vd_frame_clear(&self->frame);
                send_commits(self, now, subscriber, effects);
            } else {
                send_head(self, now, subscriber, effects);
            }
        }
    }
    self->ticking = self->count > 0;
    if (self->ticking)
        vd_effects_timer(effects, self->timer, now.mono_us + TICK_US);
}

/* ---- what is asked ---- */

/* Answers a position that cannot be served. */
static void refuse(vd_publisher_t *self, const vd_input_t *input, vd_status_t status,
                   const char *text, vd_effects_t *effects)
{
    if (status == VD_WENT_BACK || ends_stream(status))
        send_reset(self, &input->peer, input->message->correlation, status, text, effects);
    else
        vd_effects_reply_error(effects, input, status, "%s", text);
}

static void on_start(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects)
{
    const vd_start_body_t *start = &input->message->start;
    char text[VD_TEXT_BYTES_MAX];
    vd_place_t place = {0};
    vd_request_t request = {start->store,   start->index, start->offset, start->chain,
                            start->session, start->seq,   start->type,   start->head};
    subscriber_t *subscriber = find_subscriber(self, &input->peer);
    if (subscriber != NULL)
        remove_subscriber(self, subscriber);
    vd_status_t status =
        vd_resolve(self->source, self->arg, &self->tail, &request, &place, text, sizeof text);
    if (status != VD_OK) {
        refuse(self, input, status, text, effects);
        return;
    }
    if (self->count == VD_SUBSCRIBERS_MAX) {
        vd_effects_reply_error(effects, input, VD_OVERLOADED,
                               "%d subscribers are served here already; try again later",
                               VD_SUBSCRIBERS_MAX);
        return;
    }
    subscriber = &self->subscribers[self->count++];
    *subscriber = (subscriber_t){.peer = input->peer,
                                 .correlation = input->message->correlation,
                                 .place = place,
                                 .sent = place,
                                 .credit_items = start->items,
                                 .credit_bytes = start->bytes,
                                 .heard_us = now.mono_us,
                                 .told_us = now.mono_us};
    vd_str_copy(subscriber->session, sizeof subscriber->session, start->session);
    vd_str_copy(subscriber->type, sizeof subscriber->type, start->type);
    vd_message_t answer = {.id = VD_MESSAGE_STARTED};
    answer.started.store = vd_str(self->tail.store);
    answer.started.index = place.index;
    answer.started.offset = place.offset;
    answer.started.chain = place.chain;
    answer.started.head = self->tail.head;
    vd_effects_reply(effects, input, &answer);
    if (!self->ticking)
        tick(self, now, effects);
    pump(self, now, effects);
}

static void on_credit(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    const vd_credit_body_t *credit = &input->message->credit;
    subscriber_t *subscriber = find_subscriber(self, &input->peer);
    if (subscriber == NULL || subscriber->correlation != input->message->correlation) {
        send_drop(self, &input->peer, input->message->correlation, VD_NOT_FOUND,
                  "there is no such stream here; START it", effects);
        return;
    }
    subscriber->heard_us = now.mono_us;
    bool grants =
        credit->items > subscriber->credit_items || credit->bytes > subscriber->credit_bytes;
    bool goes_on = subscriber->uncredited_bytes >= VD_UNCREDITED_BYTES_MAX;
    subscriber->uncredited_bytes = 0;
    if (!grants) {
        self->source->tail(self->arg, &self->tail);
        send_head(self, now, subscriber, effects);
    }
    if (!grants && !goes_on)
        return;
    if (credit->items > subscriber->credit_items)
        subscriber->credit_items = credit->items;
    if (credit->bytes > subscriber->credit_bytes)
        subscriber->credit_bytes = credit->bytes;
    pump(self, now, effects);
}

static void on_stop(vd_publisher_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_message_t done = {.id = VD_MESSAGE_DONE};
    subscriber_t *subscriber = find_subscriber(self, &input->peer);
    if (subscriber != NULL)
        remove_subscriber(self, subscriber);
    vd_effects_reply(effects, input, &done);
}

static void on_fetch(vd_publisher_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_fetch_body_t *fetch = &input->message->fetch;
    char text[VD_TEXT_BYTES_MAX];
    char session[VD_NAME_BYTES_MAX + 1], type[VD_NAME_BYTES_MAX + 1];
    vd_place_t place = {0};
    vd_request_t request = {fetch->store,   fetch->index, fetch->offset, fetch->chain,
                            fetch->session, fetch->seq,   fetch->type,   false};
    vd_status_t status =
        vd_resolve(self->source, self->arg, &self->tail, &request, &place, text, sizeof text);
    if (status != VD_OK) {
        refuse(self, input, status, text, effects);
        return;
    }
    vd_str_copy(session, sizeof session, fetch->session);
    vd_str_copy(type, sizeof type, fetch->type);
    vd_frame_want_t want = {.session = session,
                            .type = type,
                            .items_max = fetch->items_max ? fetch->items_max : UINT64_MAX,
                            .bytes_max = VD_ITEMS_BYTES_MAX,
                            .commits_max = UINT32_MAX};
    vd_place_t after = place;
    status = vd_frame_fill(&self->frame, self->source, self->arg, &self->tail, &want, &place);
    if (status == VD_OK)
        send_frame(self, &input->peer, input->message->correlation, &after, &place, effects);
    else
        refuse(self, input, status, self->frame.error, effects);
}

static bool on_message(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    switch (input->message->id) {
    case VD_MESSAGE_START:
        on_start(self, now, input, effects);
        return true;
    case VD_MESSAGE_CREDIT:
        on_credit(self, now, input, effects);
        return true;
    case VD_MESSAGE_STOP:
        on_stop(self, input, effects);
        return true;
    case VD_MESSAGE_FETCH:
        on_fetch(self, input, effects);
        return true;
    default:
        return false;
    }
}

bool vd_publisher_step(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    assert(self != NULL && input != NULL && effects != NULL);
    assert(self->count <= VD_SUBSCRIBERS_MAX);
    if (input->kind == VD_INPUT_MESSAGE && input->port == self->port)
        return on_message(self, now, input, effects);
    if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        tick(self, now, effects);
        pump(self, now, effects);
        return true;
    }
    bool grown = input->kind == VD_INPUT_DONE && input->id == VD_STREAM_GROWN;
    if (grown || (input->kind == VD_INPUT_TIMER && input->id == self->timer + 1)) {
        pump(self, now, effects);
        return true;
    }
    return false;
}
