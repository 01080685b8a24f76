/* engine.c: runs the pure cores of a client on ZeroMQ sockets, inside the caller's calls. */
#include "client/client_impl.h"

#include <assert.h>
#include <errno.h>

enum {
    DRAIN_MESSAGES_MAX = 64, /* of one socket in one round, so that timers are not kept waiting */
    SLEEP_US_MAX = 1000 * 1000, /* the longest single poll */
};

vd_status_t vd_engine_add(vd_engine_t *self, vd_client_t *client, vd_engine_step_fn *step,
                          void *arg, uint16_t dealer_port, uint16_t sub_port)
{
    assert(step != NULL && dealer_port != sub_port);
    if (client->effects == NULL)
        client->effects = vd_effects_new();
    if (client->effects == NULL)
        return vd_client_fail(client, VD_NO_MEMORY, "no memory for a connection");
    *self = (vd_engine_t){.client = client, .step = step, .arg = arg, .next = client->engines};
    self->ports[0].port = dealer_port;
    self->ports[0].type = ZMQ_DEALER;
    self->ports[1].port = sub_port;
    self->ports[1].type = ZMQ_SUB;
    for (size_t i = 0; i < VD_ENGINE_TIMERS_MAX; i++)
        self->timers_us[i] = -1;
    self->heard_us = vd_client_mono_us();
    self->wake_fd = -1;
    client->engines = self;
    return VD_OK;
}

static void drop_link(vd_link_t *link)
{
    if (link->socket != NULL)
        zmq_close(link->socket);
    *link = (vd_link_t){0};
}

void vd_engine_remove(vd_engine_t *self)
{
    if (self->client == NULL)
        return;
    vd_engine_t **at = &self->client->engines;
    while (*at != NULL && *at != self)
        at = &(*at)->next;
    assert(*at == self);
    *at = self->next;
    for (size_t i = 0; i < VD_ENGINE_LINKS_MAX; i++)
        drop_link(&self->links[i]);
    *self = (vd_engine_t){0};
}

static int type_of(const vd_engine_t *self, uint16_t port)
{
    for (size_t i = 0; i < VD_ENGINE_PORTS_MAX; i++)
        if (self->ports[i].port == port)
            return self->ports[i].type;
    return -1;
}

/* The link of a port (of a SUB: whoever the peer is); NULL when there is none. */
static vd_link_t *find_link(vd_engine_t *self, uint16_t port, const vd_peer_t *peer)
{
    for (size_t i = 0; i < VD_ENGINE_LINKS_MAX; i++) {
        vd_link_t *link = &self->links[i];
        if (link->socket != NULL && link->port == port &&
            (link->type == ZMQ_SUB || vd_peer_equal(&link->peer, peer)))
            return link;
    }
    return NULL;
}

static vd_link_t *make_link(vd_engine_t *self, uint16_t port, const vd_peer_t *peer)
{
    int type = type_of(self, port);
    assert(type >= 0);
    for (size_t i = 0; i < VD_ENGINE_LINKS_MAX; i++) {
        vd_link_t *link = &self->links[i];
        if (link->socket != NULL)
            continue;
        link->socket = vd_client_socket(self->client, type);
        if (link->socket == NULL)
            return NULL;
        link->port = port;
        link->type = type;
        link->peer = *peer;
        return link;
    }
    assert(!"a core of the client has more connections than an engine holds");
    return NULL;
}

static void connect_link(vd_link_t *link)
{
    link->problem = zmq_connect(link->socket, link->endpoint) == 0 ? 0 : errno;
}

static void do_connect(vd_engine_t *self, const vd_effect_t *effect, const char *endpoint)
{
    vd_link_t *link = find_link(self, effect->port, &effect->peer);
    if (link != NULL && strcmp(link->endpoint, endpoint) == 0)
        return;
    if (link != NULL && link->type == ZMQ_DEALER) {
        drop_link(link);
        link = NULL;
    }
    if (link == NULL)
        link = make_link(self, effect->port, &effect->peer);
    if (link == NULL)
        return;
    if (link->endpoint[0] != 0)
        zmq_disconnect(link->socket, link->endpoint);
    vd_str_copy(link->endpoint, sizeof link->endpoint, vd_str(endpoint));
    connect_link(link);
}

static void renew_link(vd_engine_t *self, vd_link_t *link)
{
    if (link->type == ZMQ_SUB) { /* it keeps its subscriptions */
        zmq_disconnect(link->socket, link->endpoint);
    } else {
        void *socket = vd_client_socket(self->client, link->type);
        if (socket == NULL)
            return;
        zmq_close(link->socket);
        link->socket = socket;
    }
    connect_link(link);
}

void vd_engine_renew(vd_engine_t *self, int silent_ms)
{
    int64_t now_us = vd_client_mono_us();
    int64_t since_us = self->heard_us > self->renewed_us ? self->heard_us : self->renewed_us;
    if (now_us - since_us < silent_ms * INT64_C(1000))
        return;
    self->renewed_us = now_us;
    for (size_t i = 0; i < VD_ENGINE_LINKS_MAX; i++)
        if (self->links[i].socket != NULL && strncmp(self->links[i].endpoint, "tcp://", 6) == 0)
            renew_link(self, &self->links[i]);
}

/* A message that the socket does not take is lost, as on any wire: the cores send again after
 * silence. */
static void do_send(vd_engine_t *self, const vd_effect_t *effect)
{
    vd_link_t *link = find_link(self, effect->port, &effect->peer);
    if (link == NULL || link->type != ZMQ_DEALER || link->problem != 0)
        return;
    const vd_effects_t *effects = self->client->effects;
    vd_bytes_t parts[3] = {vd_effect_header(effects, effect), vd_effect_body(effects, effect),
                           vd_effect_payload(effects, effect)};
    size_t count = parts[2].size > 0 ? 3 : 2;
    for (size_t i = 0; i < count; i++) {
        int flags = i + 1 < count ? ZMQ_SNDMORE : 0;
        if (zmq_send(link->socket, parts[i].data, parts[i].size, flags) < 0)
            return;
    }
}

static void do_subscribe(vd_engine_t *self, const vd_effect_t *effect, const char *topic)
{
    vd_link_t *link = find_link(self, effect->port, &effect->peer);
    if (link == NULL)
        link = make_link(self, effect->port, &effect->peer);
    if (link == NULL || link->type != ZMQ_SUB)
        return;
    int option = effect->kind == VD_EFFECT_SUBSCRIBE ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
    zmq_setsockopt(link->socket, option, topic, strlen(topic));
}

static void carry_out_one(vd_engine_t *self, const vd_effect_t *effect)
{
    const char *text = vd_effect_text(self->client->effects, effect);
    switch (effect->kind) {
    case VD_EFFECT_SEND:
        do_send(self, effect);
        return;
    case VD_EFFECT_CONNECT:
        do_connect(self, effect, text);
        return;
    case VD_EFFECT_DISCONNECT: {
        vd_link_t *link = find_link(self, effect->port, &effect->peer);
        if (link != NULL)
            drop_link(link);
        return;
    }
    case VD_EFFECT_SUBSCRIBE:
    case VD_EFFECT_UNSUBSCRIBE:
        do_subscribe(self, effect, text);
        return;
    case VD_EFFECT_TIMER:
        assert(effect->id < VD_ENGINE_TIMERS_MAX);
        self->timers_us[effect->id] = effect->at_us;
        return;
    case VD_EFFECT_LOG:  /* a library writes no log */
    case VD_EFFECT_EXIT: /* its cores end when their objects do */
    case VD_EFFECT_DO:
        return;
    }
}

void vd_engine_carry_out(vd_engine_t *self)
{
    vd_effects_t *effects = self->client->effects;
    assert(!effects->overflow);
    for (uint32_t i = 0; i < effects->count; i++)
        carry_out_one(self, &effects->list[i]);
    vd_effects_clear(effects);
}

vd_effects_t *vd_engine_effects(vd_engine_t *self)
{
    assert(self->client != NULL && self->client->effects != NULL);
    vd_effects_clear(self->client->effects);
    return self->client->effects;
}

static void step(vd_engine_t *self, const vd_input_t *input)
{
    self->step(self->arg, vd_client_now(), input, vd_engine_effects(self));
    vd_engine_carry_out(self);
}

static void fire_timers(vd_engine_t *self)
{
    int64_t now_us = vd_client_mono_us();
    for (uint32_t i = 0; i < VD_ENGINE_TIMERS_MAX; i++) {
        if (self->timers_us[i] < 0 || self->timers_us[i] > now_us)
            continue;
        self->timers_us[i] = -1;
        vd_input_t input = {.kind = VD_INPUT_TIMER, .id = i};
        step(self, &input);
    }
}

/* Takes one message from a link. Returns whether there was one. What is not of the protocol is left
 * out. */
static bool take_message(vd_engine_t *self, vd_link_t *link)
{
    zmq_msg_t frames[4];
    int count = vd_client_receive(link->socket, frames, 4);
    if (count == 0)
        return false;
    int first = link->type == ZMQ_SUB ? 1 : 0;
    if (count == first + 2 || count == first + 3) {
        vd_bytes_t payload =
            count == first + 3 ? vd_client_frame(&frames[first + 2]) : vd_bytes(NULL, 0);
        vd_message_t message;
        vd_status_t status =
            vd_message_decode(vd_client_frame(&frames[first]), vd_client_frame(&frames[first + 1]),
                              payload, &message);
        if (status == VD_OK) {
            self->heard_us = vd_client_mono_us();
            vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = link->port, .peer = link->peer};
            input.message = &message;
            step(self, &input);
        }
    }
    for (int i = 0; i < count; i++)
        zmq_msg_close(&frames[i]);
    return true;
}

/* One round over all engines: timers that are due, then what has arrived. Returns whether anything
 * had. */
static bool round_of_all(vd_client_t *client)
{
    bool any = false;
    for (vd_engine_t *engine = client->engines; engine != NULL; engine = engine->next) {
        fire_timers(engine);
        for (size_t i = 0; i < VD_ENGINE_LINKS_MAX; i++)
            for (int taken = 0; engine->links[i].socket != NULL && taken < DRAIN_MESSAGES_MAX;
                 taken++) {
                if ((engine->full != NULL && engine->full(engine->arg)) ||
                    !take_message(engine, &engine->links[i]))
                    break;
                any = true;
            }
    }
    return any;
}

/* Waits for something to arrive, at most until `until_us` or the next timer. False after a
 * signal. */
static bool wait_for_any(vd_client_t *client, int64_t until_us)
{
    zmq_pollitem_t items[64];
    int count = 0;
    for (vd_engine_t *engine = client->engines; engine != NULL; engine = engine->next) {
        /* What is not taken is no reason to wake up. */
        bool full = engine->full != NULL && engine->full(engine->arg);
        for (size_t i = 0; i < VD_ENGINE_LINKS_MAX && !full; i++)
            if (engine->links[i].socket != NULL && count < 64)
                items[count++] =
                    (zmq_pollitem_t){.socket = engine->links[i].socket, .events = ZMQ_POLLIN};
        if (engine->wake_fd >= 0 && count < 64)
            items[count++] = (zmq_pollitem_t){.fd = engine->wake_fd, .events = ZMQ_POLLIN};
        for (size_t i = 0; i < VD_ENGINE_TIMERS_MAX; i++)
            if (engine->timers_us[i] >= 0 && engine->timers_us[i] < until_us)
                until_us = engine->timers_us[i];
    }
    int64_t rest_us = until_us - vd_client_mono_us();
    if (rest_us <= 0)
        return true;
    if (rest_us > SLEEP_US_MAX)
        rest_us = SLEEP_US_MAX;
    return zmq_poll(items, count, (long)((rest_us + 999) / 1000)) >= 0 || errno != EINTR;
}

/* Nothing will ever come through a connection that could not be begun. */
static vd_status_t connections(vd_client_t *client)
{
    for (const vd_engine_t *engine = client->engines; engine != NULL; engine = engine->next)
        for (size_t i = 0; i < VD_ENGINE_LINKS_MAX; i++)
            if (engine->links[i].socket != NULL && engine->links[i].problem != 0)
                return vd_client_fail(client, VD_FAILED, "cannot connect to %s: %s",
                                      engine->links[i].endpoint,
                                      zmq_strerror(engine->links[i].problem));
    return VD_OK;
}

vd_status_t vd_engine_run(vd_client_t *client, int64_t deadline_us, vd_engine_done_fn *done,
                          void *arg)
{
    assert(done != NULL);
    for (;;) {
        if (done(arg))
            return VD_OK;
        bool any = round_of_all(client);
        if (done(arg))
            return VD_OK;
        vd_status_t status = connections(client);
        if (status != VD_OK)
            return status;
        if (vd_client_mono_us() >= deadline_us)
            return VD_TIMED_OUT;
        if (!any && !wait_for_any(client, deadline_us))
            return vd_client_fail(client, VD_CANCELLED, "a signal ended the call");
    }
}
