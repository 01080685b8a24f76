/* fuzz_feed.c: what a publisher may send to the reader of a feed, and a reader to a publisher. */
#include "feed/feed.h"
#include "fuzz.h"

enum { REQUESTS = 1, CHANGES = 2, TIMER = 3, STEPS_MAX = 64 };

typedef struct heard {
    uint64_t n;
} heard_t;

static void on_snapshot(void *arg, vd_now_t now, vd_bytes_t value, bool complete,
                        vd_effects_t *effects)
{
    heard_t *heard = arg;
    (void)now;
    (void)value;
    (void)complete;
    (void)effects;
    heard->n = 0;
}

static void on_item(void *arg, vd_now_t now, uint64_t n, vd_bytes_t value, vd_effects_t *effects)
{
    heard_t *heard = arg;
    (void)now;
    (void)value;
    (void)effects;
    FUZZ_HOLDS(heard->n == 0 || n == heard->n + 1);
    heard->n = n;
}

static void write_snapshot(void *arg, vd_buffer_t *out)
{
    (void)arg;
    vd_write_nil(out);
}

void fuzz_one(vd_bytes_t input)
{
    static const vd_feed_handler_t handler = {on_snapshot, on_item};
    heard_t heard = {0};
    vd_peer_t peer = vd_peer_named("broker");
    vd_feed_reader_t reader;
    vd_feed_publisher_t publisher;
    vd_buffer_t scratch;
    vd_effects_t *effects = vd_effects_new();
    vd_buffer_init(&scratch, 1 << 20);
    FUZZ_HOLDS(effects != NULL &&
               vd_feed_publisher_init(&publisher, "state", 7, CHANGES, 8, 1 << 16));
    vd_now_t now = {.mono_us = 1000000, .wall_ms = 1700000000000};
    vd_feed_reader_init(&reader, "state", REQUESTS, CHANGES, TIMER, &handler, &heard);
    vd_feed_reader_connect(&reader, now, &peer, "ipc://a", "ipc://b", effects);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        vd_message_t message;
        uint8_t how = fuzz_byte(&input);
        vd_bytes_t header = fuzz_part(&input), body = fuzz_part(&input), load = fuzz_part(&input);
        vd_input_t step = {.kind = VD_INPUT_TIMER, .id = TIMER, .peer = peer};
        if (vd_message_decode(header, body, load, &message) == VD_OK) {
            step.kind = VD_INPUT_MESSAGE;
            step.port = how & 1 ? CHANGES : REQUESTS;
            step.message = &message;
            if (how & 2)
                message.correlation = reader.correlation;
        }
        now.mono_us += 700000;
        vd_effects_clear(effects);
        if (how & 4)
            vd_feed_publish(&publisher, effects, vd_bytes("\xc0", 1));
        if (step.kind == VD_INPUT_MESSAGE)
            vd_feed_answer(&publisher, &step, effects, write_snapshot, NULL, &scratch);
        vd_feed_reader_step(&reader, now, &step, effects);
        FUZZ_HOLDS(!effects->overflow);
    }
    vd_feed_publisher_free(&publisher);
    vd_effects_destroy(&effects);
    vd_buffer_free(&scratch);
}
