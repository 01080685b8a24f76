/* reader.c: the reader's end of a feed: snapshot first, then items in order and once, gaps
 * repaired. */
#include "feed/feed.h"

#include <assert.h>

enum {
    ANSWER_MS = 1000,     /* an answer that stays out so long is asked for again */
    ANSWER_MS_MAX = 8000, /* and ever more patiently: the publisher may be slow */
    REFETCH_MS = 1000,
    QUIET_MS = 2000,
    /* Each item may make effects: not more of them in one step than the list of effects can
     * take. */
    ITEMS_PER_ANSWER = 128,
};

void vd_feed_reader_init(vd_feed_reader_t *self, const char *feed, uint16_t request_port,
                         uint16_t sub_port, uint32_t timer, const vd_feed_handler_t *handler,
                         void *arg)
{
    assert(feed != NULL && strlen(feed) <= VD_FEED_BYTES_MAX);
    assert(timer < VD_TIMERS_MAX || timer == VD_FEED_NO_TIMER);
    assert(handler != NULL && handler->snapshot != NULL && handler->item != NULL);
    *self = (vd_feed_reader_t){.request_port = request_port,
                               .sub_port = sub_port,
                               .timer = timer,
                               .handler = handler,
                               .arg = arg,
                               .quiet_ms = QUIET_MS};
    vd_str_copy(self->feed, sizeof self->feed, vd_str(feed));
    /* Readers that share a connection tell their answers apart by correlation: FNV-1a of the feed's
     * name in the upper bits, a counter in the lower. */
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = feed; *c != 0; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    self->correlation = hash << 20;
}

void vd_feed_reader_begin_at(vd_feed_reader_t *self, uint64_t inc, uint64_t n)
{
    assert(!self->connected && self->handler != NULL);
    self->synced = self->complete = true;
    self->inc = inc;
    self->n = inc != 0 ? n : 0;
}

/* ---- asking ---- */

static int64_t patience_us(const vd_feed_reader_t *self)
{
    int64_t ms = ANSWER_MS;
    for (uint32_t at = 0; at < self->unanswered && ms < ANSWER_MS_MAX; at++)
        ms *= 2;
    return ms * 1000;
}

/* When something is to be asked again, if nothing is heard until then. */
static int64_t due_us(const vd_feed_reader_t *self)
{
    if (self->asking)
        return self->asked_us + patience_us(self);
    int64_t due = self->heard_us + self->quiet_ms * 1000;
    int64_t refetch = self->fetched_us + REFETCH_MS * INT64_C(1000);
    return self->refetch && refetch < due ? refetch : due;
}

static void set_timer(const vd_feed_reader_t *self, vd_effects_t *effects)
{
    if (self->timer != VD_FEED_NO_TIMER)
        vd_effects_timer(effects, self->timer, due_us(self));
}

/* Asks for the snapshot, or for what comes after the last item. */
static void ask(vd_feed_reader_t *self, vd_now_t now, bool get, vd_effects_t *effects)
{
    assert(self->connected && (get || self->synced));
    self->asking = true;
    self->asking_get = get;
    self->asked_us = now.mono_us;
    self->asked_n = self->n;
    self->correlation++;
    vd_message_t message = {.correlation = self->correlation};
    if (get) {
        message.id = VD_MESSAGE_GET;
        message.get.feed = vd_str(self->feed);
    } else {
        message.id = VD_MESSAGE_READ;
        message.read_items.feed = vd_str(self->feed);
        message.read_items.inc = self->inc;
        message.read_items.after = self->n;
        message.read_items.items_max = ITEMS_PER_ANSWER;
    }
    vd_effects_send(effects, self->request_port, &self->peer, &message);
    set_timer(self, effects);
}

static void ask_unless_asking(vd_feed_reader_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->asking)
        ask(self, now, !self->synced, effects);
}

void vd_feed_reader_connect(vd_feed_reader_t *self, vd_now_t now, const vd_peer_t *peer,
                            const char *request_endpoint, const char *pub_endpoint,
                            vd_effects_t *effects)
{
    assert(peer != NULL && request_endpoint != NULL && pub_endpoint != NULL);
    vd_effects_connect(effects, self->sub_port, peer, pub_endpoint);
    if (!self->connected)
        vd_effects_subscribe(effects, self->sub_port, self->feed);
    self->connected = true;
    self->peer = *peer;
    self->unanswered = 0;
    self->heard_us = now.mono_us;
    vd_effects_connect(effects, self->request_port, peer, request_endpoint);
    ask(self, now, !self->synced, effects);
}

void vd_feed_reader_disconnect(vd_feed_reader_t *self, vd_effects_t *effects)
{
    if (!self->connected)
        return;
    vd_effects_unsubscribe(effects, self->sub_port, self->feed);
    if (self->timer != VD_FEED_NO_TIMER)
        vd_effects_timer_clear(effects, self->timer);
    self->connected = false;
    self->asking = false;
}

/* ---- applying ---- */

static void notice(vd_feed_reader_t *self, uint64_t inc, uint64_t n)
{
    if (self->seen_inc != inc) {
        self->seen_inc = inc;
        self->seen = 0;
    }
    if (n > self->seen)
        self->seen = n;
}

/* Is there, as far as it has heard, more than it has? */
static bool lags(const vd_feed_reader_t *self)
{
    return self->seen_inc != 0 && (self->seen_inc != self->inc || self->seen > self->n);
}

static void apply_item(vd_feed_reader_t *self, vd_now_t now, vd_bytes_t value,
                       vd_effects_t *effects)
{
    assert(self->synced);
    self->n++;
    self->handler->item(self->arg, now, self->n, value, effects);
}

static void apply_snapshot(vd_feed_reader_t *self, vd_now_t now, uint64_t inc, uint64_t n,
                           bool complete, vd_bytes_t value, vd_effects_t *effects)
{
    self->inc = inc;
    self->n = n;
    self->synced = true;
    self->complete = complete;
    self->refetch = !complete;
    self->fetched_us = now.mono_us;
    if (self->seen_inc != inc)
        notice(self, inc, n);
    self->handler->snapshot(self->arg, now, value, complete, effects);
}

static void take_snapshot(vd_feed_reader_t *self, vd_now_t now, const vd_input_t *input,
                          uint64_t inc, uint64_t n, bool complete, vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    vd_bytes_t value = message->payload;
    bool older = self->synced && inc == self->inc && n < self->n &&
                 message->id == VD_MESSAGE_RESET && !self->asking_get;
    /* Items that came meanwhile have closed the gap: the answer is older than what is known. */
    if (older && vd_str_is(message->reset.status, vd_status_name(VD_PRUNED)))
        return;
    if (vd_scan_exact(value, VD_DEPTH_MAX + 1) != VD_OK) {
        vd_effects_log(effects, VD_WARN, "feed %s: a snapshot that is no value was left out",
                       self->feed);
        return;
    }
    self->reset =
        message->id == VD_MESSAGE_RESET ? vd_status_of_name(message->reset.status) : VD_OK;
    apply_snapshot(self, now, inc, n, complete, value, effects);
}

/* With the first answer a reader that begins with whatever is held learns where that is. */
static void settle_place(vd_feed_reader_t *self, const vd_items_body_t *body)
{
    if (self->inc != 0 || body->inc == 0 || body->first == 0)
        return;
    self->inc = body->inc;
    self->n = self->asked_n = body->first - 1;
}

/* Returns whether it has brought the reader further. */
static bool take_items(vd_feed_reader_t *self, vd_now_t now, const vd_message_t *message,
                       vd_effects_t *effects)
{
    const vd_items_body_t *body = &message->items;
    settle_place(self, body);
    if (!self->synced || body->inc != self->inc || body->first != self->asked_n + 1)
        return false;
    vd_value_t array, value;
    if (vd_scan_exact(message->payload, VD_DEPTH_MAX + 1) != VD_OK ||
        !vd_value_of(message->payload, &array) || array.kind != VD_KIND_ARRAY ||
        array.count != body->count)
        return false;
    vd_bytes_t rest = array.bytes;
    for (uint64_t n = body->first; vd_value_next(&rest, &value); n++)
        if (n == self->n + 1)
            apply_item(self, now, value.raw, effects);
    notice(self, body->inc, body->head);
    /* With at least one item the next question asks for later ones. Without, one that says that
     * there is more would be asked for ever. */
    return body->count > 0;
}

/* An answer to the question that is out. */
static void take_answer(vd_feed_reader_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    bool progress = true;
    self->asking = false;
    self->heard_us = now.mono_us;
    self->unanswered = 0;
    self->answered++;
    if (message->id == VD_MESSAGE_SNAPSHOT)
        take_snapshot(self, now, input, message->snapshot.inc, message->snapshot.n,
                      message->snapshot.complete, effects);
    else if (message->id == VD_MESSAGE_RESET)
        take_snapshot(self, now, input, message->reset.inc, message->reset.n,
                      message->reset.complete, effects);
    else
        progress = take_items(self, now, message, effects);
    if (!self->connected)
        return; /* its handler has disconnected it */
    /* Without progress the next question waits for its time: two ends that disagree must not
     * spin. */
    if (progress && self->synced && lags(self))
        ask(self, now, false, effects);
    else
        set_timer(self, effects);
}

/* An item that was published. */
static void take_item(vd_feed_reader_t *self, vd_now_t now, const vd_message_t *message,
                      vd_effects_t *effects)
{
    const vd_item_body_t *body = &message->item;
    notice(self, body->inc, body->n);
    if (!self->synced || (self->asking && self->asking_get)) {
        ask_unless_asking(self, now, effects);
        return;
    }
    if (body->inc == self->inc && body->n <= self->n)
        return;
    bool next = body->inc == self->inc && body->n == self->n + 1;
    if (next && message->payload.size > 0 &&
        vd_scan_exact(message->payload, VD_DEPTH_MAX) == VD_OK) {
        self->heard_us = now.mono_us;
        apply_item(self, now, message->payload, effects);
        return;
    }
    ask_unless_asking(self, now, effects);
}

/* ---- inputs ---- */

static void on_time(vd_feed_reader_t *self, vd_now_t now, vd_effects_t *effects)
{
    if (!self->connected)
        return;
    if (now.mono_us < due_us(self)) {
        set_timer(self, effects); /* something was heard since it was set */
        return;
    }
    if (self->asking && self->unanswered < UINT32_MAX)
        self->unanswered++;
    bool refetch = self->refetch && now.mono_us >= self->fetched_us + REFETCH_MS * INT64_C(1000);
    bool get = !self->synced || refetch || (self->asking && self->asking_get);
    ask(self, now, get, effects);
}

void vd_feed_reader_tick(vd_feed_reader_t *self, vd_now_t now, vd_effects_t *effects)
{
    assert(self->timer == VD_FEED_NO_TIMER);
    if (self->connected && now.mono_us >= due_us(self))
        on_time(self, now, effects);
}

/* The feed that a message is about; empty when it is about none. */
static vd_str_t feed_of(const vd_message_t *message)
{
    switch (message->id) {
    case VD_MESSAGE_SNAPSHOT:
        return message->snapshot.feed;
    case VD_MESSAGE_RESET:
        return message->reset.feed;
    case VD_MESSAGE_ITEMS:
        return message->items.feed;
    case VD_MESSAGE_ITEM:
        return message->item.feed;
    default:
        return vd_bytes(NULL, 0);
    }
}

static bool take_message(vd_feed_reader_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    const vd_message_t *message = input->message;
    bool mine = vd_str_is(feed_of(message), self->feed);
    if (input->port == self->sub_port && message->id == VD_MESSAGE_ITEM && mine) {
        take_item(self, now, message, effects);
        return true;
    }
    if (input->port != self->request_port || !vd_peer_equal(&input->peer, &self->peer))
        return false;
    bool answer = self->asking && message->correlation == self->correlation;
    if (message->id == VD_MESSAGE_ERROR && answer) /* asked again when the answer is overdue */
        vd_effects_log(effects, VD_WARN, "feed %s is refused: %.*s", self->feed,
                       (int)message->error.text.size, (const char *)message->error.text.data);
    if (message->id == VD_MESSAGE_ERROR)
        return answer;
    if (!mine || message->id == VD_MESSAGE_ITEM)
        return false;
    if (answer)
        take_answer(self, now, input, effects);
    return true; /* else the answer to a question that was given up */
}

bool vd_feed_reader_step(vd_feed_reader_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    assert(self->handler != NULL && effects != NULL);
    if (input->kind == VD_INPUT_TIMER && input->id == self->timer) {
        on_time(self, now, effects);
        return true;
    }
    if (input->kind != VD_INPUT_MESSAGE || !self->connected)
        return false;
    return take_message(self, now, input, effects);
}
