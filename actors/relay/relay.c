/* relay.c: the stream upstream, and the turns of everything else. */
#include "relay_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_US     (100 * MS)
#define IDLE_US     (500 * MS)  /* the same while nothing is asked upstream */
#define AGAIN_US    (500 * MS)  /* before a stream that was refused is begun again */
#define SILENT_US   (3500 * MS) /* without a frame from upstream before it is told as trouble */
#define CREDIT      65536u
#define CREDIT_SIZE (16u * 1024 * 1024)

static const vd_subscriber_handler_t handler;

/* What subscribers go through is told upstream: the ingestor makes events of it. */
static void tell_news(void *arg, vd_now_t now, const vd_publisher_news_t *news,
                      vd_effects_t *effects)
{
    const vd_relay_t *self = arg;
    (void)now;
    vd_message_t message = {.id = VD_MESSAGE_SUBSCRIBER_NEWS};
    vd_subscriber_news_body_t *body = &message.subscriber_news;
    body->publisher = vd_str(self->name);
    body->name = vd_str(news->name);
    body->from = vd_str(news->before);
    body->to = vd_str(news->mode);
    body->lag = news->lag;
    body->queue = news->queue;
    if (news->kind == VD_NEWS_DROPPED) {
        body->status = vd_str(vd_status_name(news->status));
        body->text = vd_str(news->text);
        vd_effects_log(effects, VD_INFO, "subscriber %s was dropped (%s): %s",
                       news->name[0] != 0 ? news->name : "without a name",
                       vd_status_name(news->status), news->text);
    }
    vd_effects_send(effects, VD_RELAY_UPSTREAM, &self->ask, &message);
}

static bool make_publisher(vd_relay_t *self)
{
    vd_publisher_options_t options = {.port = VD_RELAY_READ,
                                      .admin_port = VD_RELAY_STREAMS,
                                      .timer = TIMER_PUBLISHER,
                                      .source = &vd_relay_source,
                                      .source_arg = self,
                                      .recent = self->recent,
                                      .knobs = &self->knobs,
                                      .news = tell_news,
                                      .news_arg = self};
    self->publisher = vd_publisher_new(&options);
    return self->publisher != NULL;
}

vd_relay_t *vd_relay_new(const vd_relay_options_t *options)
{
    assert(options != NULL && options->endpoint != NULL && options->recent_bytes > 0);
    vd_relay_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_str_copy(self->name, sizeof self->name, vd_str(options->name));
    vd_str_copy(self->upstream, sizeof self->upstream, vd_str(options->upstream));
    vd_str_copy(self->endpoint, sizeof self->endpoint, vd_str(options->endpoint));
    self->knobs = options->knobs != NULL ? *options->knobs : vd_publisher_knobs_default;
    self->seed = options->seed;
    self->live = vd_peer_named("stream");
    self->ask = vd_peer_named("ask");
    self->subscriber =
        vd_subscriber_new(VD_RELAY_UPSTREAM, &self->live, TIMER_SUBSCRIBER, &handler, self);
    self->joiner = vd_joiner_new();
    self->recent = vd_recent_new(options->recent_bytes);
    self->windows = vd_windows_new(options->windows_bytes);
    if (self->subscriber == NULL || self->joiner == NULL || self->recent == NULL ||
        self->windows == NULL || !make_publisher(self))
        vd_relay_destroy(&self);
    return self;
}

void vd_relay_destroy(vd_relay_t **self)
{
    assert(self != NULL);
    vd_relay_t *relay = *self;
    if (relay == NULL)
        return;
    vd_recent_release(&relay->taken);
    vd_publisher_destroy(&relay->publisher);
    vd_windows_destroy(&relay->windows);
    vd_recent_destroy(&relay->recent);
    vd_joiner_destroy(&relay->joiner);
    vd_subscriber_destroy(&relay->subscriber);
    vd_asks_free(&relay->asks);
    free(relay);
    *self = NULL;
}

/* ---- figures ---- */

uint32_t vd_relay_subscribers(const vd_relay_t *self)
{
    return vd_publisher_subscribers(self->publisher);
}

uint64_t vd_relay_head(const vd_relay_t *self)
{
    vd_stream_tail_t tail;
    vd_recent_tail(self->recent, &tail);
    return tail.head;
}

uint64_t vd_relay_upstream_head(const vd_relay_t *self)
{
    return vd_subscriber_head(self->subscriber);
}

size_t vd_relay_recent_bytes(const vd_relay_t *self)
{
    return vd_recent_bytes(self->recent);
}

size_t vd_relay_windows_bytes(const vd_relay_t *self)
{
    return vd_windows_bytes(self->windows);
}

const vd_relay_totals_t *vd_relay_totals(const vd_relay_t *self)
{
    return &self->totals;
}

const vd_publisher_totals_t *vd_relay_publisher_totals(const vd_relay_t *self)
{
    return vd_publisher_totals(self->publisher);
}

/* ---- the stream upstream ---- */

static void begin_stream(vd_relay_t *self, vd_effects_t *effects)
{
    vd_subscription_t wanted = {.head = true,
                                .credit_items = CREDIT,
                                .credit_bytes = CREDIT_SIZE,
                                .seed = vd_random_next(&self->seed)};
    vd_str_copy(wanted.name, sizeof wanted.name, vd_str(self->name));
    if (self->known)
        wanted.position = self->place;
    self->again_us = 0;
    vd_subscriber_start(self->subscriber, self->now, &wanted, effects);
}

void vd_relay_reset(vd_relay_t *self, vd_effects_t *effects)
{
    self->totals.resets++;
    self->known = false;
    self->first = 0;
    vd_joiner_clear(self->joiner);
    self->torn = false;
    vd_windows_clear(self->windows);
    vd_recent_release(&self->taken);
    vd_recent_begin(self->recent, "", 0, 0);
    vd_relay_forget_places(self);
    vd_publisher_end_all(self->publisher, self->now,
                         "what this relay reads is another store, or went back; START again",
                         effects);
}

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    vd_relay_t *self = arg;
    (void)commit;
    (void)position;
    vd_subscriber_consumed(self->subscriber, now, 1, event->raw.size, effects);
}

static void on_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                        vd_effects_t *effects)
{
    vd_relay_t *self = arg;
    (void)head;
    if (self->known || self->again_us > 0)
        return;
    if (position->offset > 0) { /* behind the newest commit there is nothing in pieces */
        self->again_us = now.mono_us + AGAIN_US;
        return;
    }
    self->known = true;
    self->place = *position;
    vd_recent_begin(self->recent, position->store, position->index, position->chain);
    vd_effects_log(effects, VD_INFO, "reading store %s from %s, behind commit %llu",
                   position->store, self->upstream, (unsigned long long)position->index);
    self->grown = true;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    vd_relay_t *self = arg;
    (void)first;
    (void)head;
    vd_effects_log(effects, VD_WARN, "the stream of %s has ended: %s: %s; beginning anew",
                   self->upstream, vd_status_text(status), text);
    self->again_us = now.mono_us + AGAIN_US;
    if (status != VD_WENT_BACK && status != VD_PRUNED && status != VD_CORRUPT)
        return; /* from the same place: an operator has ended it, or what comes is not understood */
    /* Behind a position that does not hold there is one that does: the newest. */
    if (self->known)
        vd_relay_reset(self, effects);
    self->again_us = now.mono_us;
}

static const vd_subscriber_handler_t handler = {
    .event = on_event, .progress = on_progress, .stopped = on_stopped};

/* Takes a whole commit. */
static void add_commit(vd_relay_t *self, const vd_commit_t *commit, vd_effects_t *effects)
{
    self->totals.commits++;
    self->grown = true;
    if (!vd_recent_add(self->recent, commit))
        vd_effects_log(effects, VD_WARN,
                       "commit %llu is too large for memory; raise relay.recent_bytes",
                       (unsigned long long)commit->index);
}

/* Takes one commit of a frame, or a piece of it. False when it does not follow. */
static bool take_commit(vd_relay_t *self, const vd_commit_t *commit, uint64_t whole_upto,
                        vd_effects_t *effects)
{
    uint64_t index = 0;
    bool open = vd_joiner_open(self->joiner, &index);
    if (commit->index != self->place.index + 1)
        return false;
    bool whole = commit->index <= whole_upto;
    if (whole && !open) {
        add_commit(self, commit, effects);
    } else {
        if (vd_joiner_add(self->joiner, commit) != VD_OK)
            return false;
        if (whole) {
            add_commit(self, vd_joiner_commit(self->joiner), effects);
            vd_joiner_clear(self->joiner);
        }
    }
    if (whole) {
        self->place.index = commit->index;
        self->place.offset = 0;
        self->place.chain = commit->chain;
    }
    return true;
}

/* Takes a frame whose events the subscriber has found good. False when it does not lead on from
 * where the relay is. */
static bool take_frame(vd_relay_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    const vd_commits_body_t *body = &message->commits;
    vd_bytes_t payload = message->payload;
    vd_commit_t commit;
    if (body->after != self->place.index || body->after_offset != self->place.offset)
        return false;
    while (vd_commit_next(&payload, &commit, self->pieces, VD_COMMIT_PIECES_MAX) == VD_OK)
        if (!take_commit(self, &commit, body->index, effects))
            return false;
    if (payload.size > 0 || self->place.index != body->index)
        return false;
    self->place.offset = body->offset;
    self->place.chain = (uint32_t)body->chain;
    return true;
}

/* Goes on from where the relay itself is: a piece of a commit that it had is forgotten. */
static void restart_stream(vd_relay_t *self, vd_effects_t *effects)
{
    vd_effects_log(effects, VD_WARN, "a frame from %s does not follow; asking for it again",
                   self->upstream);
    if (self->place.offset > 0)
        vd_relay_reset(self, effects);
    vd_joiner_clear(self->joiner);
    begin_stream(self, effects);
}

static void on_stream(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    self->heard_us = self->now.mono_us;
    if (!vd_subscriber_step(self->subscriber, self->now, input, effects) ||
        message->id != VD_MESSAGE_COMMITS || !self->known)
        return;
    if (vd_subscriber_state(self->subscriber) != VD_SUBSCRIBER_RUNNING)
        return;
    const vd_position_t *position = vd_subscriber_position(self->subscriber);
    if (position->index != message->commits.index || position->offset != message->commits.offset)
        return; /* it was refused, and is asked for again from there */
    if (!take_frame(self, message, effects))
        restart_stream(self, effects);
}

/* ---- the step ---- */

static void tell_trouble(vd_relay_t *self, vd_effects_t *effects)
{
    bool silent = self->now.mono_us - self->heard_us > SILENT_US;
    if (silent == (self->trouble[0] != 0))
        return;
    self->trouble[0] = 0;
    if (silent)
        snprintf(self->trouble, sizeof self->trouble,
                 "%s at %s is silent; what is in memory is served", self->upstream, self->endpoint);
    vd_effects_log(effects, silent ? VD_WARN : VD_INFO, "%s",
                   silent ? self->trouble : "the publisher above is there again");
    vd_effects_do(effects, VD_RELAY_TELL_TROUBLE, 0, self->trouble);
}

static void on_tick(vd_relay_t *self, vd_effects_t *effects)
{
    self->ticking = false;
    if (self->again_us > 0 && self->now.mono_us >= self->again_us)
        begin_stream(self, effects);
    vd_relay_tick_asks(self, effects);
    tell_trouble(self, effects);
}

static void give(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    assert(!self->stepped);
    self->stepped = true;
    vd_publisher_step(self->publisher, self->now, input, effects);
    vd_recent_release(&self->taken);
}

static void on_start(vd_relay_t *self, vd_effects_t *effects)
{
    self->heard_us = self->ask_heard_us = self->now.mono_us;
    begin_stream(self, effects);
    vd_subscriber_connect(self->subscriber, self->now, self->endpoint, effects);
    vd_effects_connect(effects, VD_RELAY_UPSTREAM, &self->ask, self->endpoint);
}

static void on_message(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    if (input->port == VD_RELAY_UPSTREAM && vd_peer_equal(&input->peer, &self->ask))
        vd_relay_on_answer(self, input->message, effects);
    else if (input->port == VD_RELAY_UPSTREAM)
        on_stream(self, input, effects);
    else if (input->port != VD_RELAY_READ || !vd_relay_on_request(self, input, effects))
        give(self, input, effects);
}

/* What was read contradicts memory: the store upstream went back, and the relay's own stream has not
 * been told yet. */
static void mend(vd_relay_t *self, vd_effects_t *effects)
{
    vd_effects_log(effects, VD_WARN, "what is read at %s does not follow on what is in memory",
                   self->upstream);
    vd_relay_reset(self, effects);
    begin_stream(self, effects);
}

/* What is left to do after the input: at most one input for the publisher, the rest soon. */
static void settle(vd_relay_t *self, vd_effects_t *effects)
{
    if (!self->stepped && vd_relay_begin_one(self, effects)) {
        self->stepped = true;
        vd_recent_release(&self->taken);
    } else if (!self->stepped && self->grown) {
        const vd_input_t grown = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
        self->grown = false;
        give(self, &grown, effects);
    }
    if (self->torn)
        mend(self, effects);
    vd_relay_ask_windows(self, effects);
    if ((self->grown || vd_relay_may_begin(self)) && !self->working) {
        self->working = true;
        vd_effects_timer(effects, TIMER_WORK, self->now.mono_us);
    }
    if (!self->ticking) {
        self->ticking = true;
        bool idle = self->asks.count == 0 && vd_windows_idle(self->windows) && self->again_us == 0;
        vd_effects_timer(effects, TIMER_TICK, self->now.mono_us + (idle ? IDLE_US : TICK_US));
    }
}

void vd_relay_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_relay_t *self = state;
    assert(self != NULL && input != NULL && effects != NULL);
    self->now = now;
    self->stepped = false;
    switch (input->kind) {
    case VD_INPUT_START:
        on_start(self, effects);
        break;
    case VD_INPUT_STOP:
        vd_effects_exit(effects, VD_OK, "%u subscribers", vd_relay_subscribers(self));
        return;
    case VD_INPUT_MESSAGE:
        on_message(self, input, effects);
        break;
    case VD_INPUT_TIMER:
        if (input->id == TIMER_TICK)
            on_tick(self, effects);
        else if (input->id == TIMER_WORK)
            self->working = false;
        else if (!vd_subscriber_step(self->subscriber, now, input, effects))
            give(self, input, effects);
        break;
    case VD_INPUT_DONE:
        break;
    }
    settle(self, effects);
}
