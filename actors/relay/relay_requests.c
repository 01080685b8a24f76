/* relay_requests.c: what is asked here and answered upstream, and what the relay itself asks. */
#include "relay_parts.h"

#include <assert.h>

#define ANSWER_US  (5000 * MS) /* for the answer to what is handed on */
#define PLACE_US   (2000 * MS) /* and for the place of a stream: its subscriber asks again */
#define REPEAT_US  (1000 * MS) /* of silence before it is asked again; grows with each time */
#define CONNECT_US (3000 * MS) /* of silence before a new connection is taken */
#define BACKOFF_US (200 * MS)  /* before a window that upstream could not give is asked for again */

static void fail(vd_relay_t *self, const vd_peer_t *peer, uint64_t correlation, vd_status_t status,
                 const char *text, vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_ERROR, .correlation = correlation};
    message.error.status = vd_str(vd_status_name(status));
    message.error.text = vd_str(text);
    vd_effects_send(effects, VD_RELAY_READ, peer, &message);
    (void)self;
}

/* ---- what memory alone can tell ---- */

/* A position that memory holds, and what follows is in it. One that memory contradicts may be right
 * upstream, when that went back and the relay has not been told yet. Whether a session still is can be told upstream alone, as long as that is there. */
static bool is_held(const vd_relay_t *self, vd_str_t store, uint64_t index, uint64_t offset,
                    uint32_t wanted, vd_str_t session)
{
    vd_stream_tail_t tail;
    uint32_t chain;
    vd_recent_tail(self->recent, &tail);
    uint64_t base = tail.first > 0 ? tail.first - 1 : tail.head;
    if (!self->known || (session.size > 0 && self->trouble[0] == 0) || store.size == 0 ||
        !vd_str_is(store, tail.store) || index < base || index > tail.head ||
        (offset > 0 && index == tail.head))
        return false;
    return vd_recent_chain(self->recent, offset > 0 ? index + 1 : index, &chain) == VD_OK &&
           chain == wanted;
}

/* ---- requests ---- */

static void send_ask(vd_relay_t *self, vd_ask_t *ask, vd_effects_t *effects)
{
    vd_message_t message = vd_ask_message(ask);
    if (ask->kind == VD_ASK_PLACE) {
        /* A stream without credit: it tells where it begins, and no more. */
        message.start.stream = vd_str("");
        message.start.name = vd_str(self->name);
        message.start.mode = vd_str("");
        message.start.items = 0;
        message.start.bytes = 0;
    }
    message.correlation = ask->correlation;
    ask->sent_us = self->now.mono_us;
    ask->tries++;
    vd_effects_send(effects, VD_RELAY_UPSTREAM, &self->ask, &message);
}

static void hand_on(vd_relay_t *self, vd_ask_kind_t kind, const vd_input_t *input,
                    vd_effects_t *effects)
{
    const vd_peer_t *peer = &input->peer;
    uint64_t correlation = input->message->correlation;
    /* It came once more, since the answer takes its time. */
    if (vd_asks_of(&self->asks, peer, correlation) != NULL)
        return;
    vd_ask_t *ask = NULL;
    if (vd_asks_count_of(&self->asks, peer) < VD_ASKS_PER_PEER_MAX)
        ask = vd_asks_add(&self->asks, kind, peer, input->message);
    if (ask == NULL) {
        fail(self, peer, correlation, VD_OVERLOADED,
             "too much was asked here that has to be asked upstream; try again later", effects);
        return;
    }
    ask->deadline_us = self->now.mono_us + (kind == VD_ASK_PLACE ? PLACE_US : ANSWER_US);
    self->totals.forwards++;
    send_ask(self, ask, effects);
}

static bool is_live(const vd_message_t *start)
{
    return vd_str_is(start->start.stream, "live");
}

/* A peer has one stream of a kind: what it asked for before in its place is forgotten. */
static void forget_start(vd_relay_t *self, const vd_input_t *input)
{
    for (uint32_t i = 0; i < self->asks.count; i++) {
        vd_ask_t *ask = self->asks.list[i];
        if (ask->kind != VD_ASK_PLACE || !vd_peer_equal(&ask->peer, &input->peer))
            continue;
        vd_message_t start = vd_ask_message(ask);
        if (is_live(&start) == is_live(input->message)) {
            vd_asks_remove(&self->asks, ask);
            return;
        }
    }
}

static bool on_start(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_start_body_t *start = &input->message->start;
    forget_start(self, input);
    if (is_held(self, start->store, start->index, start->offset, (uint32_t)start->chain,
                start->session))
        return false;
    /* Nobody knows of anything newer. */
    if (start->head && start->store.size == 0 && self->known && self->trouble[0] != 0)
        return false;
    hand_on(self, VD_ASK_PLACE, input, effects);
    return true;
}

/* A STOP or a CREDIT for a stream that has not begun yet. */
static bool on_early(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    vd_ask_t *ask = vd_asks_of(&self->asks, &input->peer, input->message->correlation);
    if (ask == NULL || ask->kind != VD_ASK_PLACE)
        return false;
    if (input->message->id == VD_MESSAGE_STOP) {
        vd_message_t done = {.id = VD_MESSAGE_DONE};
        vd_effects_reply(effects, input, &done);
        vd_asks_remove(&self->asks, ask);
    }
    return true;
}

bool vd_relay_on_request(vd_relay_t *self, const vd_input_t *input, vd_effects_t *effects)
{
    const vd_fetch_body_t *fetch = &input->message->fetch;
    switch (input->message->id) {
    case VD_MESSAGE_START:
        return on_start(self, input, effects);
    case VD_MESSAGE_STOP:
    case VD_MESSAGE_CREDIT:
        return on_early(self, input, effects);
    case VD_MESSAGE_FETCH:
        if (is_held(self, fetch->store, fetch->index, fetch->offset, (uint32_t)fetch->chain,
                    fetch->session))
            return false;
        hand_on(self, VD_ASK_FORWARD, input, effects);
        return true;
    case VD_MESSAGE_SUBSCRIBER_NEWS:
        vd_effects_send(effects, VD_RELAY_UPSTREAM, &self->ask, input->message);
        return true;
    case VD_MESSAGE_SESSIONS:
    case VD_MESSAGE_SAVE_POSITION:
    case VD_MESSAGE_LOAD_POSITION:
    case VD_MESSAGE_STORE:
    case VD_MESSAGE_VERIFY:
        hand_on(self, VD_ASK_FORWARD, input, effects);
        return true;
    default:
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "a relay's port for reading takes START, CREDIT, STOP, FETCH, "
                               "SESSIONS, SAVE_POSITION, LOAD_POSITION, STORE and VERIFY");
        return true;
    }
}

/* ---- windows ---- */

static void send_fetch(vd_relay_t *self, vd_ask_t *ask, const vd_window_ask_t *window,
                       vd_effects_t *effects)
{
    vd_message_t message = {.id = VD_MESSAGE_FETCH, .correlation = ask->correlation};
    message.fetch.store = vd_str(self->place.store);
    message.fetch.index = window->place.index;
    message.fetch.offset = window->place.offset;
    message.fetch.chain = window->place.chain;
    message.fetch.session = vd_str(window->session);
    ask->sent_us = self->now.mono_us;
    ask->tries = 1;
    self->totals.windows++;
    vd_effects_send(effects, VD_RELAY_UPSTREAM, &self->ask, &message);
}

void vd_relay_ask_windows(vd_relay_t *self, vd_effects_t *effects)
{
    vd_window_ask_t window;
    while (self->known && self->asks.count < VD_ASKS_MAX &&
           vd_windows_ask(self->windows, self->now.mono_us, &window)) {
        vd_ask_t *ask = vd_asks_add(&self->asks, VD_ASK_WINDOW, NULL, NULL);
        if (ask == NULL) {
            vd_windows_again(self->windows, window.token, self->now.mono_us + BACKOFF_US);
            return;
        }
        ask->token = window.token;
        send_fetch(self, ask, &window, effects);
    }
}

/* Takes the answer for a window. */
static void on_window(vd_relay_t *self, uint64_t token, const vd_message_t *message,
                      vd_effects_t *effects)
{
    int64_t now_us = self->now.mono_us;
    vd_status_t status;
    switch (message->id) {
    case VD_MESSAGE_COMMITS:
        if (!vd_str_is(message->commits.store, self->place.store)) {
            vd_windows_again(self->windows, token, now_us + BACKOFF_US);
            return;
        }
        (void)vd_windows_take(self->windows, now_us, token, &message->commits, message->payload);
        break;
    case VD_MESSAGE_STREAM_RESET:
        status = vd_status_of_name(message->stream_reset.status);
        if (vd_str_is(message->stream_reset.store, self->place.store) &&
            message->stream_reset.first > self->first)
            self->first = message->stream_reset.first;
        /* The positions that are read here were good once: whoever has one asks anew. */
        if (status == VD_WENT_BACK) {
            if (vd_windows_waits(self->windows, token)) {
                vd_relay_reset(self, effects);
                self->again_us = now_us;
            }
            return;
        }
        vd_windows_refuse(self->windows, now_us, token, status, message->stream_reset.text);
        break;
    default:
        vd_windows_again(self->windows, token, now_us + BACKOFF_US);
        return;
    }
    self->grown = true;
}

/* ---- answers ---- */

static void on_place(vd_relay_t *self, vd_ask_t *ask, const vd_message_t *message,
                     vd_effects_t *effects)
{
    if (message->id != VD_MESSAGE_STARTED) {
        vd_message_t answer = *message;
        answer.correlation = ask->from;
        vd_effects_send(effects, VD_RELAY_READ, &ask->peer, &answer);
        vd_asks_remove(&self->asks, ask);
        return;
    }
    const vd_started_body_t *started = &message->started;
    vd_message_t stop = {.id = VD_MESSAGE_STOP, .correlation = ask->correlation};
    vd_effects_send(effects, VD_RELAY_UPSTREAM, &self->ask, &stop);
    ask->answered = true;
    ask->place = (vd_position_t){
        .index = started->index, .offset = started->offset, .chain = (uint32_t)started->chain};
    vd_str_copy(ask->place.store, sizeof ask->place.store, started->store);
}

void vd_relay_on_answer(vd_relay_t *self, const vd_message_t *message, vd_effects_t *effects)
{
    self->ask_heard_us = self->now.mono_us;
    self->ask_unheard = false;
    vd_ask_t *ask = vd_asks_find(&self->asks, message->correlation);
    if (ask == NULL) {
        /* A stream of which nobody waits to know where it begins any more. */
        vd_message_t stop = {.id = VD_MESSAGE_STOP, .correlation = message->correlation};
        if (message->id == VD_MESSAGE_STARTED)
            vd_effects_send(effects, VD_RELAY_UPSTREAM, &self->ask, &stop);
        return;
    }
    switch (ask->kind) {
    case VD_ASK_PLACE:
        /* HEAD, DROP and the DONE of its STOP have its correlation, too. */
        if (!ask->answered &&
            (message->id == VD_MESSAGE_STARTED || message->id == VD_MESSAGE_STREAM_RESET ||
             message->id == VD_MESSAGE_ERROR))
            on_place(self, ask, message, effects);
        break;
    case VD_ASK_FORWARD: {
        vd_message_t answer = *message;
        answer.correlation = ask->from;
        vd_effects_send(effects, VD_RELAY_READ, &ask->peer, &answer);
        vd_asks_remove(&self->asks, ask);
        break;
    }
    case VD_ASK_WINDOW: {
        uint64_t token = ask->token;
        vd_asks_remove(&self->asks, ask);
        on_window(self, token, message, effects);
        break;
    }
    }
}

/* ---- beginning ---- */

static bool is_reached(const vd_relay_t *self, const vd_ask_t *ask)
{
    vd_stream_tail_t tail;
    if (ask->kind != VD_ASK_PLACE || !ask->answered || !self->known)
        return false;
    vd_recent_tail(self->recent, &tail);
    return strcmp(tail.store, ask->place.store) == 0 &&
           ask->place.index + (ask->place.offset > 0) <= tail.head;
}

void vd_relay_forget_places(vd_relay_t *self)
{
    for (uint32_t i = 0; i < self->asks.count; i++)
        self->asks.list[i]->answered = false;
}

bool vd_relay_may_begin(const vd_relay_t *self)
{
    for (uint32_t i = 0; i < self->asks.count; i++)
        if (is_reached(self, self->asks.list[i]))
            return true;
    return false;
}

bool vd_relay_begin_one(vd_relay_t *self, vd_effects_t *effects)
{
    vd_ask_t *ask = NULL;
    for (uint32_t i = 0; i < self->asks.count && ask == NULL; i++)
        if (is_reached(self, self->asks.list[i]))
            ask = self->asks.list[i];
    if (ask == NULL)
        return false;
    const vd_place_t place = {ask->place.index, ask->place.offset, ask->place.chain};
    if (vd_relay_is_torn(self, &place)) {
        self->torn = true;
        return false;
    }
    vd_message_t message = vd_ask_message(ask);
    message.start.store = vd_str(ask->place.store);
    message.start.index = ask->place.index;
    message.start.offset = ask->place.offset;
    message.start.chain = ask->place.chain;
    message.start.seq = 0;
    message.start.head = false;
    const vd_input_t input = {
        .kind = VD_INPUT_MESSAGE, .port = VD_RELAY_READ, .peer = ask->peer, .message = &message};
    self->beginning = true;
    self->beginning_at = ask->place.index + (ask->place.offset > 0);
    self->beginning_chain = ask->place.chain;
    vd_publisher_step(self->publisher, self->now, &input, effects);
    self->beginning = false;
    vd_asks_remove(&self->asks, ask);
    return true;
}

/* ---- time ---- */

static void give_up(vd_relay_t *self, vd_ask_t *ask, vd_effects_t *effects)
{
    self->totals.unknown++;
    fail(self, &ask->peer, ask->from, VD_NOT_READY,
         ask->answered ? "this relay has not come as far as that position; try again later"
                       : "the publisher above this relay does not answer; try again later",
         effects);
    vd_asks_remove(&self->asks, ask);
}

/* Asks once more, under a new correlation: what comes under the old one is of no use any more. */
static void repeat(vd_relay_t *self, vd_ask_t *ask, vd_effects_t *effects)
{
    self->ask_unheard = true;
    if (ask->kind == VD_ASK_WINDOW) {
        vd_windows_again(self->windows, ask->token, self->now.mono_us);
        vd_asks_remove(&self->asks, ask);
        return;
    }
    ask->correlation = ++self->asks.correlation;
    send_ask(self, ask, effects);
}

/* Takes a new connection when nothing that is asked is answered: the other end of the old one may be
 * gone without a word. What is out is asked for again at once. */
static void renew(vd_relay_t *self, vd_effects_t *effects)
{
    if (!self->ask_unheard || self->now.mono_us - self->ask_heard_us <= CONNECT_US)
        return;
    self->ask_unheard = false;
    self->ask_heard_us = self->now.mono_us;
    vd_effects_disconnect(effects, VD_RELAY_UPSTREAM, &self->ask);
    vd_effects_connect(effects, VD_RELAY_UPSTREAM, &self->ask, self->endpoint);
    for (uint32_t i = 0; i < self->asks.count; i++) {
        vd_ask_t *ask = self->asks.list[i];
        ask->sent_us = self->now.mono_us - REPEAT_US * (2 + ask->tries / 2);
    }
}

void vd_relay_tick_asks(vd_relay_t *self, vd_effects_t *effects)
{
    int64_t now_us = self->now.mono_us;
    renew(self, effects);
    for (uint32_t i = self->asks.count; i-- > 0 && vd_effects_room(effects) > 16;) {
        vd_ask_t *ask = self->asks.list[i];
        if (ask->kind != VD_ASK_WINDOW && now_us >= ask->deadline_us)
            give_up(self, ask, effects);
        else if (!ask->answered && now_us - ask->sent_us > REPEAT_US * (1 + ask->tries / 2))
            repeat(self, ask, effects);
    }
}
