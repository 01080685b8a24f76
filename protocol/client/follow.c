/* follow.c: a follower of committed events: the reception of both streams behind a blocking call. */
#include "client/follow_impl.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUEUE_BYTES_KEEP = 262144, /* a buffer that a burst has grown is given back when it is over: */
    QUEUE_KEEP_US = 1000000,   /* so long after its last event */
    UNKNOWN_AGAIN_MS = 250,    /* before a session that there is not is tried again */
    SILENT_MS = 2000,          /* without a word before it is looked whether the runtime is there */
    CALLS_PER_LOOK = 32,       /* at the clock, while events are at hand */
    BREATHE_US = 250000,       /* the sockets are read so often, however many events wait */
    KEEP_MS = 2000,            /* for saving the place at the end */
};

static bool step(void *arg, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_follow_t *self = arg;
    if (input->kind == VD_INPUT_MESSAGE &&
        input->message->correlation == VD_FOLLOW_SAVE_CORRELATION) {
        vd_follow_kept(self, input->message);
        return true;
    }
    return vd_follow_session_step(self, now, input, effects) ||
           vd_follow_via_step(self, now, input, effects) ||
           vd_reception_step(self->reception, now, input, effects);
}

/* One round of the sockets brings so much at most. */
static bool is_full(void *arg)
{
    const vd_follow_t *self = arg;
    return self->round_events >= VD_FOLLOW_ROUND_EVENTS;
}

/* Begins the streams anew: from the position behind what is queued, or as `wanted` says. */
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
    vd_reception_start(self->reception, now, &self->wanted, vd_engine_effects(&self->engine));
    vd_engine_carry_out(&self->engine);
}

vd_follow_place_t vd_follow_here(const vd_follow_t *self)
{
    vd_follow_place_t place = {.position =
                                   self->has_current ? self->current.position : self->position};
    if (vd_follow_is_single(self))
        strcpy(place.session, self->has_current ? self->current.session : self->wanted.session);
    return place;
}

vd_status_t vd_follow_position(const vd_follow_t *self, char text[VD_POSITION_TEXT_MAX])
{
    /* With nothing in hand the queue is empty, and its end is where the caller stands; with items
     * out it stands where they are done. */
    vd_follow_place_t place = self->items != NULL ? self->place : vd_follow_here(self);
    const vd_position_t *position = &place.position;
    text[0] = 0;
    if (position->store[0] == 0)
        return vd_client_fail(self->client, VD_NOT_READY, "the follow has no position yet");
    snprintf(text, VD_POSITION_TEXT_MAX, "%s:%" PRIu64 ":%" PRIu64 ":%08" PRIx32 "%s%s",
             position->store, position->index, position->offset, position->chain,
             self->rolls ? ":" : "", self->rolls ? place.session : "");
    return VD_OK;
}

void vd_follow_mode(const vd_follow_t *self, vd_follow_mode_t *mode)
{
    vd_reception_view_t view;
    vd_reception_look(self->reception, &view);
    *mode = (vd_follow_mode_t){.name = vd_mode_name(view.mode),
                               .lag = view.lag,
                               .queue = view.queue,
                               .since_ms = (vd_client_mono_us() - view.since_us) / 1000,
                               .held = view.held,
                               .reading = view.reading};
}

static vd_status_t begin(vd_follow_t *self, const char *endpoint)
{
    vd_status_t status = vd_engine_add(&self->engine, self->client, step, self, VD_FOLLOW_PORT_READ,
                                       VD_FOLLOW_PORT_NONE);
    if (status != VD_OK)
        return status;
    self->engine.full = is_full;
    vd_peer_t peer = vd_peer_named("ingestor");
    self->reception = vd_reception_new(VD_FOLLOW_PORT_READ, &peer, VD_FOLLOW_TIMER_STREAM,
                                       &vd_follow_handler, self);
    if (self->reception == NULL)
        return vd_client_fail(self->client, VD_NO_MEMORY, "no memory for a follow");
    vd_now_t now = vd_client_now();
    vd_effects_t *effects = vd_engine_effects(&self->engine);
    vd_reception_connect(self->reception, now, endpoint, effects);
    vd_reception_start(self->reception, now, &self->wanted, effects);
    vd_effects_timer(effects, VD_FOLLOW_TIMER_SESSION,
                     now.mono_us + VD_FOLLOW_SESSION_EVERY_MS * 500);
    vd_follow_watch_via(self, now, effects);
    vd_engine_carry_out(&self->engine);
    self->round_us = self->moved_us = now.mono_us;
    return VD_OK;
}

/* Takes what the options wish. */
static void adopt(vd_follow_t *self, const vd_follow_options_t *options,
                  const vd_follow_wish_t *wish)
{
    self->wanted = wish->wanted;
    self->wanted.credit_items = VD_FOLLOW_CREDIT_EVENTS;
    self->wanted.credit_bytes = VD_FOLLOW_CREDIT_BYTES;
    self->wanted.seed = (uint64_t)vd_client_mono_us() ^ (uint64_t)(uintptr_t)self;
    self->until_head = wish->until_head;
    self->rolls = wish->rolls;
    self->on_mode = options->on_mode;
    self->on_mode_arg = options->on_mode_arg;
    self->via_seed = self->wanted.seed;
    vd_str_copy(self->via, sizeof self->via, vd_str(options->via));
    self->parallel = options->parallel > 0 ? options->parallel : 1;
    vd_str_copy(self->durable, sizeof self->durable, vd_str(options->durable));
}

vd_status_t vd_follow_new(vd_follow_t **self_p, vd_client_t *client,
                          const vd_follow_options_t *options, int timeout_ms)
{
    assert(self_p != NULL && client != NULL);
    static const vd_follow_options_t none = {0};
    *self_p = NULL;
    options = options != NULL ? options : &none;
    int64_t deadline_us = vd_client_deadline_us(timeout_ms);
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_follow_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for a follow");
    self->client = client;
    self->wake_fd = -1;
    vd_buffer_init(&self->queue, VD_FOLLOW_QUEUE_BYTES_MAX);
    vd_buffer_init(&self->json, 16 * VD_EVENT_BYTES_MAX);
    vd_follow_wish_t wish;
    vd_status_t status = vd_follow_wish(client, options, timeout_ms, &wish);
    if (status == VD_OK) {
        adopt(self, options, &wish);
        status = vd_follow_choose(self, endpoint);
    }
    if (status == VD_OK && vd_client_probe(client, endpoint) == VD_UNREACHABLE)
        status = vd_client_unreachable(client);
    if (status == VD_OK && self->durable[0] != 0)
        status = vd_follow_load(self, vd_client_rest_ms(deadline_us));
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
    if (self->reception != NULL) {
        vd_reception_stop(self->reception, vd_client_now(), vd_engine_effects(&self->engine));
        vd_engine_carry_out(&self->engine);
        vd_follow_all_done(self);
        vd_follow_keep_now(self, KEEP_MS);
    }
    vd_engine_remove(&self->engine);
    vd_reception_destroy(&self->reception);
    vd_follow_items_free(self);
    vd_buffer_free(&self->queue);
    vd_buffer_free(&self->json);
    free(self);
    *self_p = NULL;
}

/* Tells once why the stream has stopped and begins it again where the store can. */
static vd_status_t tell_stop(vd_follow_t *self, int64_t deadline_us)
{
    vd_status_t status = self->stopped;
    if (status == VD_KICKED)
        return vd_client_fail(self->client, status, "an operator has ended this follow%s%s",
                              self->stopped_text[0] != 0 ? ": " : "", self->stopped_text);
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
    bool whole = vd_follow_is_single(self) && self->wanted.position.store[0] == 0;
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

/* Nothing came: is it quiet, or is nobody there? */
static vd_status_t tell_silence(vd_follow_t *self)
{
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    bool silent = vd_client_mono_us() - self->engine.heard_us > SILENT_MS * 1000;
    if (silent && vd_client_endpoint(self->client, self->actor, "read", endpoint) == VD_OK &&
        vd_client_probe(self->client, endpoint) == VD_UNREACHABLE)
        return vd_client_unreachable(self->client);
    return VD_TIMED_OUT;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* Reads the sockets although events wait, when that was long ago: signs of life go both ways, and
 * the queue of a caller who is slower than the stream shows. */
static void breathe(vd_follow_t *self)
{
    self->calls = 0;
    int64_t now_us = vd_client_mono_us();
    if (now_us - self->round_us < BREATHE_US)
        return;
    self->round_us = now_us;
    self->round_events = 0;
    vd_follow_settle(self);
    vd_engine_run(self->client, 0, never, self);
    vd_follow_keep(self, now_us);
}

/* Waits for something to tell, the queue being empty. */
static vd_status_t wait_for_news(vd_follow_t *self, int64_t deadline_us)
{
    self->round_us = vd_client_mono_us();
    self->round_events = 0;
    vd_follow_keep(self, self->round_us);
    vd_status_t status = vd_engine_run(self->client, deadline_us, vd_follow_has_news, self);
    if (status != VD_TIMED_OUT)
        return status;
    if (self->queue.room > QUEUE_BYTES_KEEP &&
        vd_client_mono_us() - self->queued_us > QUEUE_KEEP_US)
        vd_buffer_free(&self->queue);
    return tell_silence(self);
}

/* What there is to tell beside events; VD_OK: nothing. */
static vd_status_t tell(vd_follow_t *self, int64_t deadline_us)
{
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
    return VD_OK;
}

vd_status_t vd_follow_advance(vd_follow_t *self, int64_t deadline_us, vd_follow_event_t *event)
{
    assert(!self->has_current);
    for (;;) {
        if (++self->calls >= CALLS_PER_LOOK)
            breathe(self);
        if (self->queue_at < self->queue.size)
            return vd_follow_pull(self, event);
        vd_follow_settle(self);
        if (self->closed && self->next[0] != 0) {
            vd_follow_go_over(self);
            continue;
        }
        vd_status_t status = tell(self, deadline_us);
        if (status == VD_OK)
            status = wait_for_news(self, deadline_us);
        if (status != VD_OK)
            return status;
    }
}

void vd_follow_come_back(vd_follow_t *self)
{
    if (!self->has_current)
        return;
    if (self->durable[0] != 0)
        self->place = vd_follow_here(self);
    else
        self->place.position.index = self->current.position.index; /* as people see it */
    self->has_current = false;
}

vd_status_t vd_follow_next(vd_follow_t *self, int timeout_ms, vd_follow_event_t *event)
{
    assert(event != NULL);
    *event = (vd_follow_event_t){0};
    if (self->has_current)
        vd_follow_come_back(self);
    else if (self->queue_at == self->queue.size && self->items == NULL)
        self->place = vd_follow_here(self);
    if (self->queue_at < self->queue.size && self->calls + 1 < CALLS_PER_LOOK) {
        self->calls++;
        return vd_follow_pull(self, event); /* mostly, and without a look at the clock */
    }
    return vd_follow_advance(self, vd_client_deadline_us(timeout_ms), event);
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
    return vd_follow_is_single(self) ? self->wanted.session : "*";
}
