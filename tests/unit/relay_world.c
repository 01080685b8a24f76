/* relay_world.c: time, network and origin of the relay's tests. */
#include "relay_world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX  65536u
#define LINKS_MAX   4096u
#define PORT_CLIENT 2

/* A connection of a DEALER to a ROUTER. */
typedef struct conn {
    unsigned owner, target;
    vd_peer_t name; /* as its owner calls it */
    uint16_t port;  /* of its owner */
    bool open;
    bool half_open; /* nothing passes, and neither end is told */
} conn_t;

typedef struct frame {
    uint32_t conn;
    bool back; /* from the ROUTER */
    int64_t due_us;
    uint8_t *bytes;
    size_t header_size, body_size, payload_size;
} frame_t;

struct net {
    uint32_t conn_count;
    conn_t conns[LINKS_MAX];
    uint64_t head, tail;
    frame_t frames[FRAMES_MAX];
};

static unsigned draw(relay_world_t *w, unsigned below)
{
    return (unsigned)(vd_random_next(&w->seed) % below);
}

/* ---- what is checked ---- */

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    client_t *c = arg;
    vd_value_t data, number;
    assert_true(vd_value_of(event->data, &data));
    vd_bytes_t rest = data.bytes;
    assert_true(vd_value_next(&rest, &number));
    if (c->wanted.session[0] != 0) {
        assert_true(vd_str_is(event->session, c->wanted.session));
        assert_int_equal(event->seq, c->next);
    } else {
        assert_int_equal(number.u64, c->next);
    }
    const made_t *made = c->world->made[commit->index - 1];
    assert_int_equal(commit->chain, made->commit.chain);
    assert_int_equal(number.u64, made->number + position->offset - 1);
    c->next++;
    c->handed++;
    c->position = *position;
    c->held++;
    c->held_bytes += event->raw.size;
    if (c->slow)
        return;
    vd_subscriber_consumed(c->subscriber, now, c->held, c->held_bytes, effects);
    c->held = c->held_bytes = 0;
}

static void on_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                      vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    client_t *c = arg;
    (void)now;
    (void)session;
    (void)effects;
    c->position = *position;
    if (count == 0) {
        assert_int_equal(status, VD_CORRUPT);
        assert_int_equal(position->index, c->world->corrupt);
        c->next += c->world->made[position->index - 1]->events;
        c->lost++;
        return;
    }
    if (c->wanted.session[0] != 0)
        assert_int_equal(first, c->next);
    c->next += count;
    c->absent += count;
}

static void on_progress(void *arg, vd_now_t now, const vd_position_t *position, uint64_t head,
                        vd_effects_t *effects)
{
    client_t *c = arg;
    (void)now;
    (void)head;
    (void)effects;
    /* Behind the head begins what is not known before. */
    if (c->position.store[0] == 0 && c->wanted.head)
        c->next = position->index < c->world->count ? c->world->made[position->index]->number
                                                    : c->world->numbers;
    c->position = *position;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    client_t *c = arg;
    (void)now;
    (void)first;
    (void)head;
    (void)effects;
    c->stops++;
    c->status = status;
    snprintf(c->text, sizeof c->text, "%s", text);
}

bool relay_world_has_all(const relay_world_t *w, const client_t *c)
{
    if (c->wanted.type[0] != 0)
        return c->position.index == w->count;
    if (c->wanted.session[0] == 0)
        return c->next == w->numbers && c->position.index == w->count;
    for (unsigned s = 0; s < 3; s++)
        if (strcmp(c->wanted.session, relay_sessions[s]) == 0)
            return c->next == w->seqs[s] + 1;
    return false;
}

/* ---- network ---- */

static bool is_up(const relay_world_t *w, unsigned node)
{
    if (node == NODE_ORIGIN)
        return w->origin_up;
    return node == NODE_RELAY ? w->relay_up : w->clients[node - NODE_CLIENTS].subscriber != NULL;
}

static vd_peer_t identity(uint32_t conn)
{
    char text[16];
    snprintf(text, sizeof text, "c%u", conn);
    return vd_peer_named(text);
}

static conn_t *find_conn(relay_world_t *w, unsigned owner, const vd_peer_t *name, uint32_t *number)
{
    for (uint32_t i = w->net->conn_count; i-- > 0;) {
        conn_t *conn = &w->net->conns[i];
        if (conn->open && conn->owner == owner && vd_peer_equal(&conn->name, name)) {
            *number = i;
            return conn;
        }
    }
    return NULL;
}

static void carry(relay_world_t *w, unsigned from, const vd_effect_t *effect)
{
    struct net *net = w->net;
    uint32_t number = 0;
    bool back = from == NODE_ORIGIN || (from == NODE_RELAY && effect->port != VD_RELAY_UPSTREAM);
    if (back)
        number = (uint32_t)strtoul(effect->peer.bytes + 1, NULL, 10);
    else if (find_conn(w, from, &effect->peer, &number) == NULL)
        fail_msg("a message without a connection");
    conn_t *conn = &net->conns[number];
    if (!conn->open || conn->half_open || draw(w, 100) < w->loss_percent)
        return;
    vd_bytes_t parts[3] = {vd_effect_header(w->effects, effect), vd_effect_body(w->effects, effect),
                           vd_effect_payload(w->effects, effect)};
    assert_true(net->tail - net->head < FRAMES_MAX);
    frame_t *frame = &net->frames[net->tail++ % FRAMES_MAX];
    *frame = (frame_t){.conn = number,
                       .back = back,
                       .due_us = w->now.mono_us + 200,
                       .header_size = parts[0].size,
                       .body_size = parts[1].size,
                       .payload_size = parts[2].size};
    frame->bytes = malloc(parts[0].size + parts[1].size + parts[2].size + 1);
    assert_non_null(frame->bytes);
    size_t at = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (parts[i].size > 0)
            memcpy(frame->bytes + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
}

void relay_world_half_open(relay_world_t *w)
{
    for (uint32_t i = 0; i < w->net->conn_count; i++)
        if (w->net->conns[i].owner == NODE_RELAY)
            w->net->conns[i].half_open = true;
}

static void connect_to(relay_world_t *w, unsigned owner, const vd_effect_t *effect)
{
    uint32_t number;
    conn_t *old = find_conn(w, owner, &effect->peer, &number);
    if (old != NULL)
        old->open = false;
    assert_true(w->net->conn_count < LINKS_MAX);
    w->net->conns[w->net->conn_count++] =
        (conn_t){.owner = owner,
                 .target = strcmp(vd_effect_text(w->effects, effect), "origin") == 0 ? NODE_ORIGIN
                                                                                     : NODE_RELAY,
                 .name = effect->peer,
                 .port = effect->port,
                 .open = true};
}

static void carry_out(relay_world_t *w, unsigned node)
{
    uint32_t number;
    assert_false(w->effects->overflow);
    for (uint32_t i = 0; i < w->effects->count; i++) {
        const vd_effect_t *effect = &w->effects->list[i];
        conn_t *conn;
        switch (effect->kind) {
        case VD_EFFECT_SEND:
            carry(w, node, effect);
            break;
        case VD_EFFECT_CONNECT:
            connect_to(w, node, effect);
            break;
        case VD_EFFECT_DISCONNECT:
            conn = find_conn(w, node, &effect->peer, &number);
            if (conn != NULL)
                conn->open = false;
            break;
        case VD_EFFECT_TIMER:
            w->due_us[node][effect->id] = effect->at_us < 0 ? INT64_MAX : effect->at_us;
            break;
        case VD_EFFECT_DO:
            assert_int_equal(effect->id, VD_RELAY_TELL_TROUBLE);
            snprintf(w->trouble, sizeof w->trouble, "%s", (const char *)effect->object);
            break;
        case VD_EFFECT_LOG:
            break;
        default:
            fail_msg("effect %d", effect->kind);
        }
    }
}

/* What the origin does beside its streams. */
static void origin_answer(relay_world_t *w, const vd_input_t *input)
{
    vd_message_t rows = {.id = VD_MESSAGE_SESSION_ROWS, .payload = vd_bytes("\x90", 1)};
    if (input->message->id == VD_MESSAGE_SESSIONS)
        vd_effects_reply(w->effects, input, &rows);
    else
        vd_effects_reply_error(w->effects, input, VD_NOT_FOUND, "nothing is kept under that name");
}

static void step(relay_world_t *w, unsigned node, const vd_input_t *input)
{
    vd_effects_clear(w->effects);
    if (node == NODE_ORIGIN) {
        if (input->kind == VD_INPUT_MESSAGE)
            w->asked[input->message->id]++;
        if (!vd_publisher_step(w->publisher, w->now, input, w->effects))
            origin_answer(w, input);
    } else if (node == NODE_RELAY) {
        vd_relay_step(w->relay, w->now, input, w->effects);
    } else {
        client_t *c = &w->clients[node - NODE_CLIENTS];
        if (!vd_subscriber_step(c->subscriber, w->now, input, w->effects)) {
            w->answer_id = input->message->id;
            w->answer_correlation = input->message->correlation;
            if (w->answer_id == VD_MESSAGE_ERROR)
                w->answer_status = vd_status_of_name(input->message->error.status);
        }
    }
    carry_out(w, node);
}

static void deliver(relay_world_t *w, const frame_t *frame)
{
    vd_message_t message;
    const conn_t *conn = &w->net->conns[frame->conn];
    const uint8_t *body = frame->bytes + frame->header_size;
    unsigned to = frame->back ? conn->owner : conn->target;
    assert_int_equal(vd_message_decode(vd_bytes(frame->bytes, frame->header_size),
                                       vd_bytes(body, frame->body_size),
                                       vd_bytes(body + frame->body_size, frame->payload_size),
                                       &message),
                     VD_OK);
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = VD_RELAY_READ, .message = &message};
    input.peer = frame->back ? conn->name : identity(frame->conn);
    if (frame->back)
        input.port = conn->port;
    if (conn->open && is_up(w, to))
        step(w, to, &input);
}

client_t *relay_world_subscribe_at(relay_world_t *w, uint64_t index, uint64_t offset)
{
    vd_subscription_t wanted = {.position = relay_world_position(w, index, offset)};
    return relay_world_subscribe(w, &wanted);
}

client_t *relay_world_subscribe_session(relay_world_t *w, unsigned session, uint64_t seq)
{
    vd_subscription_t wanted = {.seq = seq};
    snprintf(wanted.session, sizeof wanted.session, "%s", relay_sessions[session]);
    return relay_world_subscribe(w, &wanted);
}

void relay_world_commit_some(relay_world_t *w, unsigned count, unsigned events_max, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        relay_world_commit(w, events_max, size);
}

void relay_world_send(relay_world_t *w, client_t *c, const vd_message_t *message)
{
    vd_peer_t peer = vd_peer_named("up");
    vd_effects_clear(w->effects);
    vd_effects_send(w->effects, PORT_CLIENT, &peer, message);
    carry_out(w, NODE_CLIENTS + (unsigned)(c - w->clients));
}

void relay_world_consume(relay_world_t *w, client_t *c)
{
    c->slow = false;
    vd_effects_clear(w->effects);
    vd_subscriber_consumed(c->subscriber, w->now, c->held, c->held_bytes, w->effects);
    c->held = c->held_bytes = 0;
    carry_out(w, NODE_CLIENTS + (unsigned)(c - w->clients));
}

/* ---- time ---- */

static bool is_frozen(const relay_world_t *w, const frame_t *frame)
{
    const conn_t *conn = &w->net->conns[frame->conn];
    return w->relay_frozen && (frame->back ? conn->owner : conn->target) == NODE_RELAY;
}

/* The next frame that can be delivered now, or NULL. Frames to a stopped relay wait. */
static bool take_frame(relay_world_t *w, frame_t *frame)
{
    struct net *net = w->net;
    for (uint64_t i = net->head; i < net->tail; i++) {
        frame_t *one = &net->frames[i % FRAMES_MAX];
        if (one->bytes == NULL || is_frozen(w, one))
            continue;
        if (one->due_us > w->now.mono_us)
            return false;
        *frame = *one;
        one->bytes = NULL;
        while (net->head < net->tail && net->frames[net->head % FRAMES_MAX].bytes == NULL)
            net->head++;
        return true;
    }
    return false;
}

static int64_t next_due(const relay_world_t *w)
{
    int64_t due_us = INT64_MAX;
    const struct net *net = w->net;
    for (uint64_t i = net->head; i < net->tail && due_us == INT64_MAX; i++)
        if (net->frames[i % FRAMES_MAX].bytes != NULL &&
            !is_frozen(w, &net->frames[i % FRAMES_MAX]))
            due_us = net->frames[i % FRAMES_MAX].due_us;
    for (unsigned node = 0; node < NODE_CLIENTS + w->client_count; node++)
        for (uint32_t id = 0; id < 16 && !(node == NODE_RELAY && w->relay_frozen); id++)
            due_us = w->due_us[node][id] < due_us ? w->due_us[node][id] : due_us;
    return due_us;
}

static void fire_timers(relay_world_t *w)
{
    for (unsigned node = 0; node < NODE_CLIENTS + w->client_count; node++)
        for (uint32_t id = 0; id < 16; id++) {
            vd_input_t input = {.kind = VD_INPUT_TIMER, .id = id};
            if (w->due_us[node][id] > w->now.mono_us || (node == NODE_RELAY && w->relay_frozen))
                continue;
            w->due_us[node][id] = INT64_MAX;
            if (is_up(w, node))
                step(w, node, &input);
        }
}

void relay_world_run(relay_world_t *w, int64_t us)
{
    const vd_input_t grown = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
    int64_t end_us = w->now.mono_us + us;
    frame_t frame;
    if (w->origin_up)
        step(w, NODE_ORIGIN, &grown);
    for (;;) {
        int64_t due_us = next_due(w);
        if (due_us > end_us)
            break;
        if (due_us > w->now.mono_us) {
            w->now.wall_ms += (due_us - w->now.mono_us) / 1000;
            w->now.mono_us = due_us;
        }
        if (take_frame(w, &frame)) {
            deliver(w, &frame);
            free(frame.bytes);
        } else {
            fire_timers(w);
        }
    }
    w->now.mono_us = end_us;
}

void relay_world_settle(relay_world_t *w, int64_t us)
{
    int64_t end_us = w->now.mono_us + us;
    for (uint32_t i = 0; i < w->client_count; i++) {
        const client_t *c = &w->clients[i];
        while (c->subscriber != NULL && c->stops == 0 && !relay_world_has_all(w, c)) {
            if (w->now.mono_us > end_us)
                fail_msg("seed: client %u has %llu events, then nothing; at %llu.%llu of %llu, "
                         "next %llu of %llu",
                         i, (unsigned long long)c->handed, (unsigned long long)c->position.index,
                         (unsigned long long)c->position.offset, (unsigned long long)w->count,
                         (unsigned long long)c->next, (unsigned long long)w->numbers);
            relay_world_run(w, 5000);
        }
    }
}

/* ---- lives ---- */

static void no_timers(relay_world_t *w, unsigned node)
{
    for (uint32_t id = 0; id < VD_TIMERS_MAX; id++)
        w->due_us[node][id] = INT64_MAX;
}

void relay_world_kill_origin(relay_world_t *w)
{
    vd_publisher_destroy(&w->publisher);
    w->origin_up = false;
    no_timers(w, NODE_ORIGIN);
}

void relay_world_start_origin(relay_world_t *w)
{
    vd_publisher_options_t options = {
        .port = VD_RELAY_READ, .timer = 1, .source = &relay_origin_source, .source_arg = w};
    w->publisher = vd_publisher_new(&options);
    assert_non_null(w->publisher);
    w->origin_up = true;
}

void relay_world_kill_relay(relay_world_t *w)
{
    vd_relay_destroy(&w->relay);
    w->relay_up = false;
    no_timers(w, NODE_RELAY);
    for (uint32_t i = 0; i < w->net->conn_count; i++)
        if (w->net->conns[i].owner == NODE_RELAY)
            w->net->conns[i].open = false;
}

void relay_world_start_relay(relay_world_t *w)
{
    const vd_input_t start = {.kind = VD_INPUT_START};
    w->options.seed = vd_random_next(&w->seed);
    w->relay = vd_relay_new(&w->options);
    assert_non_null(w->relay);
    w->relay_up = true;
    step(w, NODE_RELAY, &start);
}

client_t *relay_world_subscribe(relay_world_t *w, const vd_subscription_t *subscription)
{
    static const vd_subscriber_handler_t handler = {
        .event = on_event, .absent = on_absent, .progress = on_progress, .stopped = on_stopped};
    vd_peer_t peer = vd_peer_named("up");
    assert_true(w->client_count < CLIENTS_MAX);
    client_t *c = &w->clients[w->client_count];
    unsigned node = NODE_CLIENTS + w->client_count++;
    const vd_position_t *position = &subscription->position;
    *c = (client_t){.world = w, .wanted = *subscription, .position = *position};
    c->wanted.seed = vd_random_next(&w->seed);
    if (subscription->session[0] != 0)
        c->next = subscription->seq > 0 ? subscription->seq : 1;
    else if (position->store[0] != 0 && position->index < w->count)
        c->next = w->made[position->index]->number + position->offset;
    else if (position->store[0] != 0)
        c->next = w->numbers;
    else
        c->next = w->first <= w->count ? w->made[w->first - 1]->number : 0;
    c->subscriber = vd_subscriber_new(PORT_CLIENT, &peer, 3, &handler, c);
    assert_non_null(c->subscriber);
    vd_effects_clear(w->effects);
    vd_subscriber_connect(c->subscriber, w->now, "relay", w->effects);
    vd_subscriber_start(c->subscriber, w->now, &c->wanted, w->effects);
    carry_out(w, node);
    return c;
}

relay_world_t *relay_world_new(uint64_t seed, size_t recent, size_t windows)
{
    relay_world_t *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->net = calloc(1, sizeof *w->net);
    assert_non_null(w->net);
    w->seed = seed;
    w->first = 1;
    w->now = (vd_now_t){.mono_us = 1000000, .wall_ms = 1700000000000};
    w->options = (vd_relay_options_t){.name = "relay-1",
                                      .upstream = "ingestor",
                                      .endpoint = "origin",
                                      .recent_bytes = recent,
                                      .windows_bytes = windows};
    memcpy(w->store, "0123456789abcdef", VD_STORE_ID_SIZE);
    w->effects = vd_effects_new();
    for (unsigned node = 0; node < NODES; node++)
        no_timers(w, node);
    relay_world_start_origin(w);
    relay_world_start_relay(w);
    return w;
}

void relay_world_free(relay_world_t *w)
{
    vd_publisher_destroy(&w->publisher);
    vd_relay_destroy(&w->relay);
    for (uint32_t i = 0; i < w->client_count; i++)
        vd_subscriber_destroy(&w->clients[i].subscriber);
    vd_effects_destroy(&w->effects);
    for (uint64_t i = w->net->head; i < w->net->tail; i++)
        free(w->net->frames[i % FRAMES_MAX].bytes);
    free(w->net);
    w->origin_up = false;
    relay_world_go_back(w, 0);
    free(w);
}
