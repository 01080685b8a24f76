/* follow.c: a follower of committed events: the stream's subscriber core behind a blocking call.
 *
 * 1. Events wait, copied, in one buffer until the caller takes them. The sockets are read only
 * while it is empty, so that credit bounds it; what was taken is credited when it is empty again.
 * 2. A session's end shows as its last event. It also shows in the list of sessions, which is asked
 * when nothing came for a while: the event may be behind the beginning or hidden by the filter.
 * 3. A follow that was given no session goes on in the session that continues its own, from that
 * one's beginning: the end names it, in the event and in the list. Its positions name the session
 * that they are in, since sessions overlap in the order of commits.
 */
#include "client/client_impl.h"
#include "client/follow_wish.h"
#include "stream/stream.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PORT_READ = 1,
    PORT_NONE = 2,
    TIMER_STREAM = 0,
    TIMER_SESSION = 1,
    CREDIT_EVENTS = 4096,
    CREDIT_BYTES = 1048576,
    QUEUE_BYTES_MAX = 2 * CREDIT_BYTES + 2 * VD_EVENT_BYTES_MAX + CREDIT_EVENTS * 256,
    QUEUE_BYTES_KEEP = 262144, /* a buffer that a burst has grown is given back when it is over */
    SESSION_EVERY_MS = 2000,   /* between looks whether the session has ended unseen */
    HEIRLESS_LOOKS = 3,        /* for a session that goes on from one whose end names none */
    HEIR_ROWS = 32,            /* of active sessions, newest first */
    UNKNOWN_AGAIN_MS = 250,    /* before a session that there is not is tried again */
    SILENT_MS = 2000,          /* without a word before it is looked whether the runtime is there */
};

/* Correlations of the stream count from 1; those of the look at the session stand apart. */
static const uint64_t session_correlation = UINT64_C(1) << 63;

/* A part of an event's bytes. */
typedef struct span {
    uint32_t at, size;
} span_t;

/* What stands before each event in the queue, or stands for events that are not there. */
typedef struct queued {
    vd_position_t position;
    uint64_t seq;
    uint32_t raw_size;
    /* Where its parts stand in its bytes: they are taken apart once. */
    span_t ts, type, data, cause;
    /* VD_OK: an event follows; else `missing` events from `seq` on are not there. */
    vd_status_t absent;
    uint64_t missing;
    char session[VD_NAME_BYTES_MAX + 1];
} queued_t;

struct vd_follow {
    vd_engine_t engine;
    vd_client_t *client;
    vd_subscriber_t *subscriber;
    vd_subscription_t wanted;
    bool until_head;
    bool has_target;
    bool reached;                     /* the target */
    bool closed;                      /* the session has ended */
    bool rolls;                       /* it goes on in the next session */
    char next[VD_NAME_BYTES_MAX + 1]; /* with closed: that one; empty: there is none */
    int heirless;                     /* looks for it that found nothing */
    bool pruned;                      /* the session is gone */
    bool dry;                         /* no memory for an event: go on from the last one kept */
    uint64_t target;
    vd_status_t stopped; /* VD_OK while the stream goes on */
    char stopped_text[VD_TEXT_BYTES_MAX + 1];
    vd_position_t position; /* behind everything that was queued */
    vd_buffer_t queue;
    size_t queue_at;
    size_t absent_at; /* where the last thing in the queue stands when it is an absent range */
    bool absent_last;
    uint64_t taken_events, taken_bytes;
    queued_t current; /* what the caller has */
    bool has_current;
    vd_event_t event;
    char ts[VD_TS_SIZE];
    char type[VD_NAME_BYTES_MAX + 1];
    vd_buffer_t json;
};

static bool is_single(const vd_follow_t *self)
{
    return self->wanted.session[0] != 0;
}

static span_t span_of(const vd_event_t *event, vd_bytes_t part)
{
    if (part.size == 0)
        return (span_t){0};
    assert(part.data >= event->raw.data &&
           part.data + part.size <= event->raw.data + event->raw.size);
    return (span_t){(uint32_t)(part.data - event->raw.data), (uint32_t)part.size};
}

static vd_bytes_t part_of(vd_bytes_t raw, span_t span)
{
    assert(span.at + span.size <= raw.size);
    return span.size > 0 ? vd_bytes(raw.data + span.at, span.size) : vd_bytes(NULL, 0);
}

/* Which session goes on from the one that ends so? */
static void note_end(vd_follow_t *self, vd_bytes_t data)
{
    vd_value_t map;
    bool is_map = vd_value_of(data, &map) && map.kind == VD_KIND_MAP;
    vd_str_t next = is_map ? vd_value_get_str(&map, "continued_by") : vd_str("");
    self->next[0] = 0;
    if (self->rolls && vd_name_valid(next))
        vd_str_copy(self->next, sizeof self->next, next);
}

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)effects;
    if (self->dry || self->closed || self->reached)
        return;
    if (self->has_target && commit->index > self->target) {
        self->reached = true;
        return;
    }
    bool ended = is_single(self) && vd_str_is(event->type, "session_ended");
    if (ended)
        note_end(self, event->data);
    if (ended && self->wanted.type[0] != 0 &&
        !vd_glob_match(vd_str(self->wanted.type), event->type)) {
        /* It came to tell the end alone. */
        self->position = *position;
        self->closed = true;
        return;
    }
    queued_t head = {.position = *position,
                     .seq = event->seq,
                     .raw_size = (uint32_t)event->raw.size,
                     .ts = span_of(event, event->ts),
                     .type = span_of(event, event->type),
                     .data = span_of(event, event->data),
                     .cause = span_of(event, event->cause)};
    vd_str_copy(head.session, sizeof head.session, event->session);
    size_t before = self->queue.size;
    if (!vd_buffer_add(&self->queue, &head, sizeof head) ||
        !vd_buffer_add(&self->queue, event->raw.data, event->raw.size)) {
        vd_buffer_cut(&self->queue, before);
        self->dry = true;
        return;
    }
    self->position = *position;
    self->closed = ended;
    self->absent_last = false;
}

/* Ranges that follow on each other are told as one. */
static bool extend_absent(vd_follow_t *self, const queued_t *next)
{
    queued_t last;
    if (!self->absent_last || next->missing == 0)
        return false;
    memcpy(&last, self->queue.data + self->absent_at, sizeof last);
    if (last.absent != next->absent || strcmp(last.session, next->session) != 0 ||
        last.seq + last.missing != next->seq)
        return false;
    last.missing += next->missing;
    last.position = next->position;
    memcpy(self->queue.data + self->absent_at, &last, sizeof last);
    return true;
}

static void on_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                      vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)effects;
    if (self->dry || self->closed || self->reached)
        return;
    uint64_t index = position->index + (position->offset > 0 ? 1 : 0);
    if (self->has_target && index > self->target) {
        self->reached = true;
        return;
    }
    queued_t head = {.position = *position, .seq = first, .absent = status, .missing = count};
    vd_str_copy(head.session, sizeof head.session, session);
    if (!extend_absent(self, &head)) {
        self->absent_at = self->queue.size;
        self->absent_last = vd_buffer_add(&self->queue, &head, sizeof head);
        self->dry = !self->absent_last;
    }
    if (!self->dry)
        self->position = *position;
}

static void on_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                        vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)effects;
    if (self->dry)
        return;
    self->position = *position;
    if (self->until_head && !self->has_target) {
        self->has_target = true;
        self->target = head;
    }
    if (self->has_target && position->index >= self->target)
        self->reached = true;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    (void)now, (void)first, (void)head, (void)effects;
    self->stopped = status == VD_OK ? VD_FAILED : status;
    vd_str_copy(self->stopped_text, sizeof self->stopped_text, vd_str(text));
}

static const vd_subscriber_handler_t handler = {
    .event = on_event, .absent = on_absent, .progress = on_progress, .stopped = on_stopped};

static void ask_session(vd_follow_t *self, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS, .correlation = session_correlation};
    message.sessions.session = vd_str(self->wanted.session);
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_send(effects, PORT_READ, &peer, &message);
}

/* A session that the ingestor has given up cannot name its successor, which names it. */
static void ask_heir(vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_SESSIONS, .correlation = session_correlation + 1};
    message.sessions.state = vd_str("active");
    message.sessions.rows_max = HEIR_ROWS;
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_effects_send(effects, PORT_READ, &peer, &message);
}

static void on_session_rows(vd_follow_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    vd_bytes_t payload = message->payload;
    vd_value_t rows, row;
    vd_session_record_t session;
    if (vd_scan_exact(payload, VD_DEPTH_MAX) != VD_OK || !vd_value_of(payload, &rows) ||
        rows.kind != VD_KIND_ARRAY)
        return;
    vd_bytes_t rest = rows.bytes;
    if (!vd_value_next(&rest, &row) ||
        vd_record_decode(row.raw, VD_RECORD_session, &session) != VD_OK)
        return;
    bool ended = vd_str_is(session.state, "completed") || vd_str_is(session.state, "failed");
    if (!ended || self->closed || !vd_str_is(session.session, self->wanted.session) ||
        self->position.store[0] == 0 || self->position.index < session.last_index)
        return;
    self->next[0] = 0;
    if (self->rolls && vd_name_valid(session.continued_by))
        vd_str_copy(self->next, sizeof self->next, session.continued_by);
    if (self->rolls && self->next[0] == 0 && self->heirless++ < HEIRLESS_LOOKS)
        ask_heir(effects);
    else
        self->closed = true;
}

/* Does one of the active sessions go on from ours? */
static void on_heir_rows(vd_follow_t *self, const vd_message_t *message)
{
    vd_bytes_t rows = message->payload;
    vd_session_record_t row;
    vd_status_t status;
    if (self->closed || !self->rolls || vd_scan_exact(rows, VD_DEPTH_MAX) != VD_OK)
        return;
    while ((status = vd_rows_next(&rows, VD_RECORD_session, &row)) != VD_NOT_FOUND)
        if (status == VD_OK && vd_str_is(row.continues, self->wanted.session)) {
            vd_str_copy(self->next, sizeof self->next, row.session);
            self->closed = true;
            return;
        }
}

static bool step(void *arg, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    if (input->kind == VD_INPUT_TIMER && input->id == TIMER_SESSION) {
        bool alive = now.mono_us - self->engine.heard_us < SILENT_MS * 1000;
        if (is_single(self) && !self->closed && alive)
            ask_session(self, effects);
        vd_effects_timer(effects, TIMER_SESSION, now.mono_us + SESSION_EVERY_MS * 1000);
        return true;
    }
    if (input->kind == VD_INPUT_MESSAGE && input->message->id == VD_MESSAGE_SESSION_ROWS &&
        input->message->correlation == session_correlation) {
        on_session_rows(self, input->message, effects);
        return true;
    }
    if (input->kind == VD_INPUT_MESSAGE && input->message->id == VD_MESSAGE_SESSION_ROWS &&
        input->message->correlation == session_correlation + 1) {
        on_heir_rows(self, input->message);
        return true;
    }
    return vd_subscriber_step(self->subscriber, now, input, effects);
}

/* The session has ended, and all of it was taken: goes on in the one that continues it. */
static void go_over(vd_follow_t *self)
{
    assert(self->closed && self->next[0] != 0 && self->queue.size == 0);
    strcpy(self->wanted.session, self->next);
    self->next[0] = 0;
    self->heirless = 0;
    self->closed = self->reached = false;
    self->wanted.position = self->position = (vd_position_t){0};
    self->wanted.head = false;
    self->wanted.seq = 1;
    self->stopped = VD_OK;
    vd_subscriber_start(self->subscriber, vd_client_now(), &self->wanted,
                        vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
}

/* Begins the stream anew: from the position behind what is queued, or as `wanted` says. */
static void start(vd_follow_t *self, bool from_position)
{
    vd_now_t now = vd_client_now();
    if (from_position && self->position.store[0] != 0) {
        self->wanted.position = self->position;
        self->wanted.head = false;
        self->wanted.seq = 0;
    }
    self->stopped = VD_OK;
    self->dry = false;
    vd_subscriber_start(self->subscriber, now, &self->wanted, vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
}

vd_status_t vd_follow_position(const vd_follow_t *self, char text[VD_POSITION_TEXT_MAX])
{
    /* With nothing in hand the queue is empty, and its end is where the caller stands. */
    const vd_position_t *position = self->has_current ? &self->current.position : &self->position;
    text[0] = 0;
    if (position->store[0] == 0)
        return vd_client_fail(self->client, VD_NOT_READY, "the follow has no position yet");
    const char *session = self->has_current ? self->current.session : self->wanted.session;
    snprintf(text, VD_POSITION_TEXT_MAX, "%s:%" PRIu64 ":%" PRIu64 ":%08" PRIx32 "%s%s",
             position->store, position->index, position->offset, position->chain,
             self->rolls ? ":" : "", self->rolls ? session : "");
    return VD_OK;
}

static vd_status_t begin(vd_follow_t *self, const char *endpoint)
{
    vd_status_t status =
        vd_engine_add(&self->engine, self->client, step, self, PORT_READ, PORT_NONE);
    if (status != VD_OK)
        return status;
    vd_peer_t peer = vd_peer_named("ingestor");
    self->subscriber = vd_subscriber_new(PORT_READ, &peer, TIMER_STREAM, &handler, self);
    if (self->subscriber == NULL)
        return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for a follow");
    vd_now_t now = vd_client_now();
    vd_effects_t *effects = vd_engine_effects(&self->engine);
    vd_subscriber_connect(self->subscriber, now, endpoint, effects);
    vd_subscriber_start(self->subscriber, now, &self->wanted, effects);
    vd_effects_timer(effects, TIMER_SESSION, now.mono_us + SESSION_EVERY_MS * 500);
    vd_engine_carry_out(&self->engine);
    return VD_OK;
}

vd_status_t vd_follow_new(vd_follow_t **self_p, vd_client_t *client,
                          const vd_follow_options_t *options, int timeout_ms)
{
    assert(self_p != NULL && client != NULL);
    static const vd_follow_options_t none = {0};
    *self_p = NULL;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_status_t status = vd_client_endpoint(client, "ingestor", "read", endpoint);
    if (status != VD_OK)
        return status;
    vd_follow_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for a follow");
    self->client = client;
    vd_buffer_init(&self->queue, QUEUE_BYTES_MAX);
    vd_buffer_init(&self->json, 16 * VD_EVENT_BYTES_MAX);
    vd_follow_wish_t wish;
    status = vd_follow_wish(client, options != NULL ? options : &none, timeout_ms, &wish);
    self->wanted = wish.wanted;
    self->wanted.credit_items = CREDIT_EVENTS;
    self->wanted.credit_bytes = CREDIT_BYTES;
    self->wanted.seed = (uint64_t)vd_client_mono_us() ^ (uint64_t)(uintptr_t)self;
    self->until_head = wish.until_head;
    self->rolls = wish.rolls;
    if (status == VD_OK && vd_client_probe(client, endpoint) == VD_UNREACHABLE)
        status = vd_client_unreachable(client);
    if (status == VD_OK)
        status = begin(self, endpoint);
    if (status != VD_OK)
        vd_follow_destroy(&self);
    *self_p = self;
    return status;
}

void vd_follow_destroy(vd_follow_t **self_p)
{
    assert(self_p != NULL);
    vd_follow_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->subscriber != NULL) {
        vd_subscriber_stop(self->subscriber, vd_client_now(), vd_engine_effects(&self->engine));
        vd_engine_carry_out(&self->engine);
    }
    vd_engine_remove(&self->engine);
    vd_subscriber_destroy(&self->subscriber);
    vd_buffer_free(&self->queue);
    vd_buffer_free(&self->json);
    free(self);
    *self_p = NULL;
}

/* Everything queued was taken: gives the credit back. */
static void settle(vd_follow_t *self)
{
    assert(self->queue_at == self->queue.size);
    if (self->taken_events > 0 && self->stopped == VD_OK && !self->closed) {
        vd_subscriber_consumed(self->subscriber, vd_client_now(), self->taken_events,
                               self->taken_bytes, vd_engine_effects(&self->engine));
        vd_engine_carry_out(&self->engine);
    }
    self->taken_events = self->taken_bytes = 0;
    self->queue_at = 0;
    self->has_current = false;
    self->absent_last = false;
    vd_buffer_clear(&self->queue);
}

/* Tells a range of events that are not there. */
static vd_status_t tell_absent(vd_follow_t *self, vd_follow_event_t *event)
{
    const queued_t *range = &self->current;
    const char *why = range->absent == VD_PRUNED ? "pruned" : "damaged or lost";
    assert(range->absent != VD_OK && range->raw_size == 0);
    self->queue_at += sizeof *range;
    if (range->missing == 0)
        return vd_client_fail(self->client, range->absent,
                              "commit %" PRIu64 " cannot be read: the events in it are %s",
                              range->position.index, why);
    *event = (vd_follow_event_t){
        .session = range->session, .seq = range->seq, .missing = range->missing};
    return vd_client_fail(self->client, range->absent,
                          "session %s: events %" PRIu64 " to %" PRIu64 " are %s", range->session,
                          range->seq, range->seq + range->missing - 1, why);
}

/* Hands out what stands first in the queue. */
static vd_status_t take(vd_follow_t *self, vd_follow_event_t *event)
{
    assert(self->queue.size - self->queue_at >= sizeof self->current);
    memcpy(&self->current, self->queue.data + self->queue_at, sizeof self->current);
    self->has_current = true;
    if (self->current.absent != VD_OK)
        return tell_absent(self, event);
    vd_bytes_t raw =
        vd_bytes(self->queue.data + self->queue_at + sizeof self->current, self->current.raw_size);
    self->queue_at += sizeof self->current + raw.size;
    self->taken_events++;
    self->taken_bytes += raw.size;
    self->event = (vd_event_t){.ts = part_of(raw, self->current.ts),
                               .session = vd_str(self->current.session),
                               .seq = self->current.seq,
                               .type = part_of(raw, self->current.type),
                               .data = part_of(raw, self->current.data),
                               .cause = part_of(raw, self->current.cause),
                               .raw = raw};
    vd_str_copy(self->ts, sizeof self->ts, self->event.ts);
    vd_str_copy(self->type, sizeof self->type, self->event.type);
    *event = (vd_follow_event_t){.ts = self->ts,
                                 .session = self->current.session,
                                 .seq = self->current.seq,
                                 .type = self->type,
                                 .data = {self->event.data.data, self->event.data.size},
                                 .raw = {raw.data, raw.size}};
    return VD_OK;
}

/* Tells once why the stream has stopped and begins it again where the store can. */
static vd_status_t tell_stop(vd_follow_t *self, int64_t deadline_us)
{
    vd_status_t status = self->stopped;
    if (status == VD_UNKNOWN_SESSION) {
        int64_t rest_us = deadline_us - vd_client_mono_us();
        if (rest_us > 0)
            zmq_poll(NULL, 0,
                     rest_us / 1000 < UNKNOWN_AGAIN_MS ? (long)(rest_us / 1000) : UNKNOWN_AGAIN_MS);
        start(self, false);
        return vd_client_fail(self->client, status,
                              "there is no session '%s'; see: vedette session ls",
                              self->wanted.session);
    }
    bool skip = status == VD_CORRUPT || status == VD_UNSUPPORTED;
    bool whole = is_single(self) && self->wanted.position.store[0] == 0;
    if (status == VD_PRUNED && whole) {
        self->closed = self->pruned = true;
        return vd_client_fail(self->client, status, "session %s was pruned", self->wanted.session);
    }
    self->wanted.position = self->position = (vd_position_t){0};
    self->wanted.seq = 0;
    self->wanted.head = skip;
    char text[VD_TEXT_BYTES_MAX + 1];
    vd_str_copy(text, sizeof text, vd_str(self->stopped_text));
    start(self, false);
    return vd_client_fail(self->client, status, "%s%s%s; going on from %s", vd_status_text(status),
                          text[0] != 0 ? ": " : "", text,
                          skip ? "the newest commit" : "the first event that is held");
}

static bool has_news(void *arg)
{
    const vd_follow_t *self = arg;
    return self->queue.size > 0 || self->stopped != VD_OK || self->closed || self->reached ||
           self->dry;
}

/* Nothing came: is it quiet, or is nobody there? */
static vd_status_t tell_silence(vd_follow_t *self)
{
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    bool silent = vd_client_mono_us() - self->engine.heard_us > SILENT_MS * 1000;
    if (silent && vd_client_endpoint(self->client, "ingestor", "read", endpoint) == VD_OK &&
        vd_client_probe(self->client, endpoint) == VD_UNREACHABLE)
        return vd_client_unreachable(self->client);
    return VD_TIMED_OUT;
}

vd_status_t vd_follow_next(vd_follow_t *self, int timeout_ms, vd_follow_event_t *event)
{
    assert(event != NULL);
    *event = (vd_follow_event_t){0};
    if (self->queue_at < self->queue.size) /* mostly, and without a look at the clock */
        return take(self, event);
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    for (;;) {
        if (self->queue_at < self->queue.size)
            return take(self, event);
        settle(self);
        if (self->closed && self->next[0] != 0) {
            go_over(self);
            continue;
        }
        if (self->closed)
            return vd_client_fail(self->client, VD_SESSION_CLOSED, "session %s %s",
                                  self->wanted.session, self->pruned ? "was pruned" : "has ended");
        if (self->reached)
            return vd_client_fail(self->client, VD_NOT_FOUND, "nothing more up to commit %" PRIu64,
                                  self->target);
        if (self->stopped != VD_OK)
            return tell_stop(self, deadline_us);
        if (self->dry) {
            start(self, true);
            return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for an event; call again");
        }
        vd_status_t status = vd_engine_run(self->client, deadline_us, has_news, self);
        if (status == VD_TIMED_OUT && self->queue.room > QUEUE_BYTES_KEEP)
            vd_buffer_free(&self->queue);
        if (status == VD_TIMED_OUT)
            return tell_silence(self);
        if (status != VD_OK)
            return status;
    }
}

const char *vd_follow_json(vd_follow_t *self)
{
    if (!self->has_current || self->current.absent != VD_OK)
        return NULL;
    vd_buffer_clear(&self->json);
    vd_event_json(&self->json, &self->event);
    return vd_buffer_add(&self->json, "", 1) ? (const char *)self->json.data : NULL;
}

const char *vd_follow_session(const vd_follow_t *self)
{
    return is_single(self) ? self->wanted.session : "*";
}
