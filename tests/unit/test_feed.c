/* test_feed.c: both ends of a feed: the history, the answers, and a conversation over a lossy
 * network. */
#include "feed/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PORT_ROUTER = 1, PORT_PUB, PORT_REQUEST, PORT_SUB, TIMER_READER = 3 };

/* ---- the publisher's world: a chain over all items, so that order and count show in one number
 * ---- */

typedef struct source {
    vd_feed_publisher_t publisher;
    uint64_t chain; /* over all items of all incarnations */
    vd_buffer_t scratch;
} source_t;

static uint64_t chain_on(uint64_t chain, uint64_t value)
{
    uint64_t seed = chain * 31 + value;
    return vd_random_next(&seed);
}

static void write_snapshot(void *arg, vd_buffer_t *out)
{
    source_t *self = arg;
    vd_write_u64(out, self->chain);
}

/* An item is [value, filling]. */
static void publish(source_t *self, uint64_t value, size_t filling, vd_effects_t *effects)
{
    vd_buffer_t item;
    vd_buffer_init(&item, VD_SNAPSHOT_BYTES_MAX);
    vd_write_array(&item, 2);
    vd_write_u64(&item, value);
    uint8_t *bytes = calloc(1, filling + 1);
    vd_write_bin(&item, vd_bytes(bytes, filling));
    free(bytes);
    self->chain = chain_on(self->chain, value);
    vd_feed_publish(&self->publisher, effects, vd_buffer_view(&item));
    vd_buffer_free(&item);
}

static void source_begin(source_t *self, uint64_t inc, uint32_t items, uint32_t bytes)
{
    assert_true(vd_feed_publisher_init(&self->publisher, "test", inc, PORT_PUB, items, bytes));
    if (self->scratch.cap == 0)
        vd_buffer_init(&self->scratch, VD_SNAPSHOT_BYTES_MAX);
}

/* ---- asking the publisher directly ---- */

static vd_message_t decode(const vd_effects_t *effects, uint32_t at)
{
    vd_message_t message = {.id = 0};
    const vd_effect_t *effect = &effects->list[at];
    assert_true(at < effects->count && effect->kind == VD_EFFECT_SEND);
    assert_int_equal(vd_message_decode(vd_effect_header(effects, effect),
                                       vd_effect_body(effects, effect),
                                       vd_effect_payload(effects, effect), &message),
                     VD_OK);
    return message;
}

static vd_message_t ask(source_t *self, vd_effects_t *effects, const vd_message_t *question)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = PORT_ROUTER,
                        .peer = vd_peer_named("asker"),
                        .message = question};
    vd_effects_clear(effects);
    assert_true(
        vd_feed_answer(&self->publisher, &input, effects, write_snapshot, self, &self->scratch));
    assert_int_equal(effects->count, 1);
    vd_message_t answer = decode(effects, 0);
    assert_int_equal(answer.correlation, question->correlation);
    return answer;
}

static vd_message_t read_question(uint64_t inc, uint64_t after)
{
    vd_message_t question = {.id = VD_MESSAGE_READ, .correlation = 12};
    question.read_items.feed = vd_str("test");
    question.read_items.inc = inc;
    question.read_items.after = after;
    return question;
}

static void publisher_answers_every_position(void **state)
{
    (void)state;
    source_t source = {.chain = 1};
    vd_effects_t *effects = vd_effects_new();
    source_begin(&source, 5, 4, 4096);
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 11};
    get.get.feed = vd_str("test");
    vd_message_t answer = ask(&source, effects, &get);
    assert_int_equal(answer.id, VD_MESSAGE_SNAPSHOT);
    assert_int_equal(answer.snapshot.n, 0);
    for (uint64_t n = 1; n <= 6; n++)
        publish(&source, n, 10, effects);

    vd_message_t question = read_question(5, 2);
    answer = ask(&source, effects, &question); /* 3..6 are held */
    assert_int_equal(answer.id, VD_MESSAGE_ITEMS);
    assert_int_equal(answer.items.first, 3);
    assert_int_equal(answer.items.count, 4);
    assert_int_equal(answer.items.head, 6);
    question.read_items.items_max = 2;
    answer = ask(&source, effects, &question);
    assert_int_equal(answer.items.count, 2);
    question = read_question(5, 6);
    answer = ask(&source, effects, &question);
    assert_int_equal(answer.items.count, 0);

    static const struct {
        uint64_t inc, after;
        const char *status;
    } resets[] = {{5, 1, "pruned"}, {5, 7, "went_back"}, {4, 6, "restarted"}};
    for (size_t at = 0; at < sizeof resets / sizeof *resets; at++) {
        question = read_question(resets[at].inc, resets[at].after);
        answer = ask(&source, effects, &question);
        assert_int_equal(answer.id, VD_MESSAGE_RESET);
        assert_int_equal(answer.reset.n, 6);
        assert_true(vd_str_is(answer.reset.status, resets[at].status));
    }
    vd_message_t other = read_question(5, 6);
    other.read_items.feed = vd_str("tes");
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .message = &other};
    assert_false(vd_feed_answer(&source.publisher, &input, effects, write_snapshot, &source,
                                &source.scratch));
    vd_feed_publisher_free(&source.publisher);
    vd_buffer_free(&source.scratch);
    vd_effects_destroy(&effects);
}

static void publisher_leaves_large_items_to_requests(void **state)
{
    (void)state;
    source_t source = {.chain = 1};
    vd_effects_t *effects = vd_effects_new();
    source_begin(&source, 5, 8, 1 << 20);
    publish(&source, 1, VD_PUB_FRAME_BYTES_MAX - 8, effects);
    assert_true(decode(effects, 0).payload.size > 0);
    assert_string_equal(vd_effect_text(effects, &effects->list[0]), "test");
    vd_effects_clear(effects);
    publish(&source, 2, VD_PUB_FRAME_BYTES_MAX, effects);
    assert_int_equal(decode(effects, 0).payload.size, 0);
    for (uint64_t n = 3; n <= 5; n++)
        publish(&source, n, 150000, effects);
    vd_message_t question = read_question(5, 1);
    vd_message_t answer = ask(&source, effects, &question);
    assert_int_equal(answer.items.count, 2); /* 2 and 3: 4 would pass ITEMS_BYTES_MAX */
    assert_int_equal(answer.items.head, 5);
    vd_feed_publisher_free(&source.publisher);
    vd_buffer_free(&source.scratch);
    vd_effects_destroy(&effects);
}

/* Whatever the sizes: what is held is the newest, whole, and the newest item is always held. */
static void history_keeps_the_newest_items_whole(void **state)
{
    (void)state;
    enum { ITEMS = 16, BYTES = 2000, COUNT = 20000 };
    uint64_t seed = 7;
    source_t source = {.chain = 1};
    vd_effects_t *effects = vd_effects_new();
    source_begin(&source, 5, ITEMS, BYTES);
    uint64_t held_total = 0;
    for (uint64_t n = 1; n <= COUNT; n++) {
        vd_effects_clear(effects);
        uint64_t kind = vd_random_next(&seed) % 10;
        size_t size = kind == 0 ? BYTES / 2 - 20 : vd_random_next(&seed) % (kind < 5 ? 20 : 300);
        publish(&source, n, size, effects);
        const vd_feed_publisher_t *publisher = &source.publisher;
        assert_int_equal(publisher->head, n);
        assert_true(publisher->first <= n && n - publisher->first < ITEMS);
        vd_message_t question = read_question(5, publisher->first - 1);
        vd_message_t answer = ask(&source, effects, &question);
        assert_int_equal(answer.id, VD_MESSAGE_ITEMS);
        assert_int_equal(answer.items.count, n + 1 - publisher->first);
        held_total += answer.items.count;
        vd_value_t array, item, value;
        assert_int_equal(vd_scan_exact(answer.payload, VD_DEPTH_MAX), VD_OK);
        assert_true(vd_value_of(answer.payload, &array));
        vd_bytes_t rest = array.bytes;
        for (uint64_t at = publisher->first; at <= n; at++) {
            assert_true(vd_value_next(&rest, &item));
            vd_bytes_t inside = item.bytes;
            assert_true(vd_value_next(&inside, &value));
            assert_int_equal(vd_value_u64(&value, 0), at);
        }
    }
    assert_true(held_total > COUNT * 4); /* it does keep a history */
    vd_feed_publisher_free(&source.publisher);
    vd_buffer_free(&source.scratch);
    vd_effects_destroy(&effects);
}

/* ---- a lossy network under a virtual clock ---- */

enum { PACKETS_MAX = 4096, STEP_US = 5000 };

typedef struct packet {
    int64_t at_us; /* when it arrives */
    uint16_t port; /* where */
    vd_buffer_t bytes;
    size_t header_size, body_size;
} packet_t;

typedef struct world {
    uint64_t seed;
    vd_now_t now;
    unsigned loss; /* of 100 */
    source_t source;
    vd_feed_reader_t reader;
    uint64_t chain;   /* the reader's */
    uint64_t applied; /* its last item */
    uint64_t snapshots, items, questions;
    int64_t timer_us; /* -1: not set */
    vd_effects_t *effects;
    packet_t packets[PACKETS_MAX];
    size_t packet_count;
} world_t;

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    (void)now;
    (void)complete;
    (void)effects;
    world_t *self = arg;
    vd_value_t chain;
    assert_true(vd_value_of(value, &chain));
    self->chain = vd_value_u64(&chain, 0);
    self->applied = self->reader.n;
    self->snapshots++;
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    (void)now;
    (void)effects;
    world_t *self = arg;
    vd_value_t item, number;
    assert_int_equal(n, self->applied + 1); /* in order, once */
    self->applied = n;
    assert_true(vd_value_of(value, &item));
    vd_bytes_t inside = item.bytes;
    assert_true(vd_value_next(&inside, &number));
    self->chain = chain_on(self->chain, vd_value_u64(&number, 0));
    self->items++;
}

static void carry(world_t *self, const vd_effect_t *effect, uint16_t port)
{
    bool lost = vd_random_next(&self->seed) % 100 < self->loss;
    bool doubled = vd_random_next(&self->seed) % 100 < self->loss;
    unsigned copies = lost ? 0 : doubled ? 2 : 1;
    for (unsigned copy = 0; copy < copies && self->packet_count < PACKETS_MAX; copy++) {
        packet_t *packet = &self->packets[self->packet_count++];
        vd_bytes_t parts[] = {vd_effect_header(self->effects, effect),
                              vd_effect_body(self->effects, effect),
                              vd_effect_payload(self->effects, effect)};
        int64_t delay = self->loss == 0 ? 1000 : (int64_t)(vd_random_next(&self->seed) % 40000);
        if (self->loss > 0 && vd_random_next(&self->seed) % 50 == 0)
            delay += 3000000; /* long after its question was given up */
        *packet = (packet_t){.at_us = self->now.mono_us + delay,
                             .port = port,
                             .header_size = parts[0].size,
                             .body_size = parts[1].size};
        vd_buffer_init(&packet->bytes, VD_EFFECT_BYTES_MAX);
        for (int at = 0; at < 3; at++)
            vd_buffer_add(&packet->bytes, parts[at].data, parts[at].size);
    }
}

static void carry_out(world_t *self)
{
    assert_false(self->effects->overflow);
    for (uint32_t at = 0; at < self->effects->count; at++) {
        const vd_effect_t *effect = &self->effects->list[at];
        if (effect->kind == VD_EFFECT_TIMER)
            self->timer_us = effect->at_us;
        if (effect->kind != VD_EFFECT_SEND)
            continue;
        self->questions += effect->port == PORT_REQUEST;
        uint16_t to = effect->port == PORT_PUB       ? PORT_SUB
                      : effect->port == PORT_REQUEST ? PORT_ROUTER
                                                     : PORT_REQUEST;
        carry(self, effect, to);
    }
    vd_effects_clear(self->effects);
}

static void deliver(world_t *self, packet_t packet)
{
    const uint8_t *data = packet.bytes.data;
    size_t head = packet.header_size + packet.body_size;
    vd_message_t message;
    assert_int_equal(vd_message_decode(vd_bytes(data, packet.header_size),
                                       vd_bytes(data + packet.header_size, packet.body_size),
                                       vd_bytes(data + head, packet.bytes.size - head), &message),
                     VD_OK);
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = packet.port, .message = &message};
    if (packet.port == PORT_REQUEST)
        input.peer = vd_peer_named("publisher");
    if (packet.port == PORT_ROUTER)
        assert_true(vd_feed_answer(&self->source.publisher, &input, self->effects, write_snapshot,
                                   &self->source, &self->source.scratch));
    else
        assert_true(vd_feed_reader_step(&self->reader, self->now, &input, self->effects));
    carry_out(self);
    vd_buffer_free(&packet.bytes);
}

static void run(world_t *self, int64_t us)
{
    for (int64_t end = self->now.mono_us + us; self->now.mono_us < end;
         self->now.mono_us += STEP_US) {
        for (size_t at = 0; at < self->packet_count;) {
            packet_t packet = self->packets[at];
            if (packet.at_us > self->now.mono_us) {
                at++;
                continue;
            }
            self->packets[at] = self->packets[--self->packet_count];
            deliver(self, packet);
        }
        if (self->timer_us >= 0 && self->timer_us <= self->now.mono_us) {
            vd_input_t input = {.kind = VD_INPUT_TIMER, .id = TIMER_READER};
            self->timer_us = -1;
            assert_true(vd_feed_reader_step(&self->reader, self->now, &input, self->effects));
            carry_out(self);
        }
    }
}

static void world_begin(world_t *self, uint64_t seed, unsigned loss)
{
    static const vd_feed_handler_t handler = {on_snapshot, on_item};
    *self = (world_t){.seed = seed, .loss = loss, .timer_us = -1, .now = {.mono_us = 1000000}};
    self->effects = vd_effects_new();
    self->source.chain = seed;
    source_begin(&self->source, seed + 1, 128, 100000);
    vd_feed_reader_init(&self->reader, "test", PORT_REQUEST, PORT_SUB, TIMER_READER, &handler,
                        self);
    vd_peer_t peer = vd_peer_named("publisher");
    vd_feed_reader_connect(&self->reader, self->now, &peer, "ipc:///r", "ipc:///p", self->effects);
    carry_out(self);
}

static void world_end(world_t *self)
{
    for (size_t at = 0; at < self->packet_count; at++)
        vd_buffer_free(&self->packets[at].bytes);
    vd_feed_publisher_free(&self->source.publisher);
    vd_buffer_free(&self->source.scratch);
    vd_effects_destroy(&self->effects);
}

static void publish_some(world_t *self, unsigned count)
{
    for (unsigned at = 0; at < count; at++) {
        uint64_t dice = vd_random_next(&self->seed);
        publish(&self->source, dice, dice % 40 == 0 ? VD_PUB_FRAME_BYTES_MAX + 100 : dice % 100,
                self->effects);
        carry_out(self);
    }
}

static void restart(world_t *self)
{
    uint64_t inc = self->source.publisher.inc + 1000000;
    vd_feed_publisher_free(&self->source.publisher);
    source_begin(&self->source, inc, 128, 100000);
    self->source.publisher.complete = false;
}

static void check_joined(const world_t *self, uint64_t seed)
{
    if (self->chain != self->source.chain || self->reader.n != self->source.publisher.head ||
        self->reader.inc != self->source.publisher.inc || !self->reader.complete)
        fail_msg("seed %llu: the reader stands at %llu of %llu", (unsigned long long)seed,
                 (unsigned long long)self->reader.n,
                 (unsigned long long)self->source.publisher.head);
}

static void converges_over_a_lossy_network(void **state)
{
    (void)state;
    world_t *world = malloc(sizeof *world);
    uint64_t items = 0, snapshots = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        world_begin(world, seed * 7919, (unsigned)(seed % 4) * 20);
        for (int round = 0; round < 400; round++) {
            uint64_t dice = vd_random_next(&world->seed) % 100;
            if (dice == 0)
                restart(world);
            world->source.publisher.complete |= dice > 90;
            publish_some(world, dice < 60 ? (unsigned)dice % 4 : 0);
            if (dice >= 97)
                publish_some(world, dice == 99 ? 200 : 40); /* 200: more than the history holds */
            run(world, 50000);
        }
        world->source.publisher.complete = true;
        world->loss = 0;
        run(world, 20000000);
        check_joined(world, seed);
        items += world->items;
        snapshots += world->snapshots;
        world_end(world);
    }
    free(world);
    printf("%llu items, %llu snapshots\n", (unsigned long long)items,
           (unsigned long long)snapshots);
    assert_true(items > 30000); /* it lives on items, not on snapshots */
    assert_true(snapshots < items / 4);
}

static void asks_seldom_when_nothing_is_lost(void **state)
{
    (void)state;
    world_t *world = malloc(sizeof *world);
    world_begin(world, 3, 0);
    run(world, 100000);
    assert_int_equal(world->snapshots, 1);
    assert_int_equal(world->questions, 1);
    for (int at = 0; at < 100; at++) {
        uint64_t value = (uint64_t)at;
        publish(&world->source, value, 10, world->effects);
        carry_out(world);
        run(world, 100000);
    }
    assert_int_equal(world->questions, 1);
    assert_int_equal(world->items, 100);
    run(world, 10000000); /* in quiet: once each 2 s */
    assert_in_range(world->questions, 5, 7);
    world_end(world);
    free(world);
}

static void waits_ever_longer_for_a_publisher_that_is_away(void **state)
{
    (void)state;
    world_t *world = malloc(sizeof *world);
    world_begin(world, 3, 100);
    run(world, 60000000);
    assert_in_range(world->questions, 6, 14);
    assert_int_equal(world->snapshots, 0);
    world->loss = 0;
    run(world, 10000000);
    check_joined(world, 3);
    world_end(world);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publisher_answers_every_position),
        cmocka_unit_test(publisher_leaves_large_items_to_requests),
        cmocka_unit_test(history_keeps_the_newest_items_whole),
        cmocka_unit_test(converges_over_a_lossy_network),
        cmocka_unit_test(asks_seldom_when_nothing_is_lost),
        cmocka_unit_test(waits_ever_longer_for_a_publisher_that_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
