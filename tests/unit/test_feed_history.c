/* test_feed_history.c: what the publisher of a feed holds, by each of its bounds, and where a reader
 * may begin in it. */
#include "feed/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUTER = 1, PUB, REQUEST, SUB, INC = 5 };

typedef struct world {
    vd_feed_publisher_t publisher;
    vd_feed_reader_t reader;
    vd_effects_t *effects;
    vd_buffer_t scratch;
    vd_now_t now;
    uint64_t next, last; /* applied: the first and the last number */
    uint64_t snapshots;
} world_t;

static void write_snapshot(void *arg, vd_buffer_t *out)
{
    (void)arg;
    vd_write_u64(out, 1);
}

static void begin(world_t *self, uint32_t items_max, uint32_t bytes_max)
{
    *self = (world_t){.effects = vd_effects_new(), .now = {.mono_us = 1000000}};
    vd_buffer_init(&self->scratch, VD_SNAPSHOT_BYTES_MAX);
    assert_true(vd_feed_publisher_init(&self->publisher, "state", INC, PUB, items_max, bytes_max));
}

static void end(world_t *self)
{
    vd_feed_publisher_free(&self->publisher);
    vd_buffer_free(&self->scratch);
    vd_effects_destroy(&self->effects);
}

/* Publishes `count` items of `size` bytes, `gap_ms` after each other. */
static void publish(world_t *self, uint32_t count, size_t size, int64_t gap_ms)
{
    uint8_t *bytes = calloc(1, size);
    assert_true(size >= 8 && size < 65536);
    bytes[0] = 0xc5; /* bin 16 */
    bytes[1] = (uint8_t)((size - 3) >> 8);
    bytes[2] = (uint8_t)(size - 3);
    for (uint32_t at = 0; at < count; at++) {
        self->now.mono_us += gap_ms * 1000;
        vd_effects_clear(self->effects);
        vd_feed_publisher_tick(&self->publisher, self->now);
        vd_feed_publish(&self->publisher, self->effects, vd_bytes(bytes, size));
    }
    free(bytes);
}

static uint64_t held(const world_t *self)
{
    return self->publisher.head + 1 - self->publisher.first;
}

static void by_count(void **state)
{
    (void)state;
    world_t world;
    begin(&world, 10, 65536);
    publish(&world, 7, 20, 1);
    assert_int_equal(held(&world), 7);
    publish(&world, 50, 20, 1);
    assert_int_equal(held(&world), 10);
    assert_int_equal(world.publisher.head, 57);
    end(&world);
}

static void by_bytes(void **state)
{
    (void)state;
    world_t world;
    begin(&world, 1000, 10000);
    publish(&world, 50, 200, 1);
    assert_int_equal(held(&world), 50); /* 10,000 bytes exactly */
    publish(&world, 1, 200, 1);
    assert_int_equal(held(&world), 50);
    publish(&world, 3, 4000, 1);
    assert_true(held(&world) <= 2 && held(&world) >= 1);
    end(&world);
}

static void by_age(void **state)
{
    (void)state;
    world_t world;
    begin(&world, 1000, 65536);
    publish(&world, 20, 20, 100);
    assert_int_equal(held(&world), 20); /* without a bound nothing is too old */
    world.publisher.age_us_max = 1000000;
    vd_feed_publisher_tick(&world.publisher, world.now);
    assert_int_equal(held(&world), 11); /* 0 to 1,000 ms */
    publish(&world, 30, 20, 100);
    assert_int_equal(held(&world), 11);
    /* Time passes without an item: all of it goes, and numbers go on. */
    world.now.mono_us += 1000001;
    vd_feed_publisher_tick(&world.publisher, world.now);
    assert_int_equal(held(&world), 0);
    publish(&world, 1, 20, 100);
    assert_int_equal(held(&world), 1);
    assert_int_equal(world.publisher.head, 51);
    end(&world);
}

/* ---- beginning in it ---- */

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    world_t *self = arg;
    (void)now, (void)value, (void)effects;
    assert_true(complete);
    self->snapshots++;
    self->next = 0;
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    world_t *self = arg;
    (void)now, (void)value, (void)effects;
    if (self->next == 0)
        self->next = n;
    else
        assert_int_equal(n, self->last + 1);
    self->last = n;
}

/* Carries questions and answers until there is none. */
static void converse(world_t *self)
{
    static const vd_peer_t none = {0};
    vd_effects_t *answers = vd_effects_new();
    for (bool any = true; any;) {
        any = false;
        vd_effects_clear(answers);
        for (uint32_t at = 0; at < self->effects->count; at++) {
            const vd_effect_t *effect = &self->effects->list[at];
            vd_message_t message;
            if (effect->kind != VD_EFFECT_SEND || effect->port != REQUEST)
                continue;
            assert_int_equal(vd_message_decode(vd_effect_header(self->effects, effect),
                                               vd_effect_body(self->effects, effect),
                                               vd_effect_payload(self->effects, effect), &message),
                             VD_OK);
            vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = ROUTER, .peer = none};
            input.message = &message;
            assert_true(vd_feed_answer(&self->publisher, &input, answers, write_snapshot, self,
                                       &self->scratch));
        }
        vd_effects_clear(self->effects);
        for (uint32_t at = 0; at < answers->count; at++) {
            const vd_effect_t *effect = &answers->list[at];
            vd_message_t message;
            assert_int_equal(vd_message_decode(vd_effect_header(answers, effect),
                                               vd_effect_body(answers, effect),
                                               vd_effect_payload(answers, effect), &message),
                             VD_OK);
            vd_input_t input = {.kind = VD_INPUT_MESSAGE, .port = REQUEST};
            input.peer = self->reader.peer;
            input.message = &message;
            any = vd_feed_reader_step(&self->reader, self->now, &input, self->effects) || any;
        }
    }
    vd_effects_destroy(&answers);
}

static void read_from(world_t *self, uint64_t inc, uint64_t n)
{
    static const vd_feed_handler_t handler = {on_snapshot, on_item};
    vd_peer_t peer = vd_peer_named("host");
    self->next = self->last = self->snapshots = 0;
    vd_effects_clear(self->effects);
    vd_feed_reader_init(&self->reader, "state", REQUEST, SUB, VD_FEED_NO_TIMER, &handler, self);
    vd_feed_reader_begin_at(&self->reader, inc, n);
    vd_feed_reader_connect(&self->reader, self->now, &peer, "ipc://a", "ipc://b", self->effects);
    converse(self);
}

static void assert_read(const world_t *self, uint64_t snapshots, uint64_t first, uint64_t last,
                        vd_status_t why)
{
    assert_int_equal(self->snapshots, snapshots);
    assert_int_equal(self->next, first);
    assert_int_equal(self->last, last);
    assert_int_equal(self->reader.reset, why);
    assert_int_equal(self->reader.inc, self->publisher.inc);
    assert_int_equal(self->reader.n, self->publisher.head);
}

static void a_reader_begins_where_it_stood(void **state)
{
    (void)state;
    world_t world;
    begin(&world, 600, 65536);
    read_from(&world, 0, 0);
    assert_read(&world, 0, 0, 0, VD_OK); /* nothing is held: it waits for the first */
    publish(&world, 900, 20, 1);
    read_from(&world, 0, 0); /* more than one answer */
    assert_read(&world, 0, 301, 900, VD_OK);
    read_from(&world, INC, 880);
    assert_read(&world, 0, 881, 900, VD_OK);
    read_from(&world, INC, 900);
    assert_read(&world, 0, 0, 0, VD_OK);
    read_from(&world, INC, 300);
    assert_read(&world, 0, 301, 900, VD_OK);
    read_from(&world, INC, 299);
    assert_read(&world, 1, 0, 0, VD_PRUNED);
    read_from(&world, INC, 901);
    assert_read(&world, 1, 0, 0, VD_WENT_BACK);
    read_from(&world, INC + 1, 900);
    assert_read(&world, 1, 0, 0, VD_RESTARTED);
    end(&world);
}

static void what_was_told_may_be_taken_back(void **state)
{
    (void)state;
    world_t world;
    begin(&world, 100, 65536);
    publish(&world, 40, 20, 1);
    read_from(&world, INC, 30);
    assert_read(&world, 0, 31, 40, VD_OK);
    vd_feed_publisher_renew(&world.publisher);
    assert_int_equal(held(&world), 0);
    read_from(&world, INC, 40);
    assert_read(&world, 1, 0, 0, VD_RESTARTED);
    publish(&world, 3, 20, 1);
    read_from(&world, 0, 0);
    assert_read(&world, 0, 1, 3, VD_OK);
    end(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_count),
        cmocka_unit_test(by_bytes),
        cmocka_unit_test(by_age),
        cmocka_unit_test(a_reader_begins_where_it_stood),
        cmocka_unit_test(what_was_told_may_be_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
