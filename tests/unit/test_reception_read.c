/* test_reception_read.c: reading by request, when streams bring nothing: what waits is bounded. */
/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/reception.h"
#include "wire/run.h"

#include <string.h>

#define PORT       1
#define TIMER      3
#define STORE      "00000000000000aa"
#define EVENT_SIZE 100000u

typedef struct rig {
    vd_now_t now;
    vd_effects_t *effects;
    vd_reception_t *reception;
    vd_buffer_t run;
    uint64_t index; /* commits that were given */
    uint64_t handed, handed_bytes;
} rig_t;

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    rig_t *rig = arg;
    (void)now, (void)commit, (void)position, (void)effects;
    rig->handed++;
    rig->handed_bytes += event->raw.size;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    (void)arg, (void)now, (void)status, (void)first, (void)head, (void)effects;
    fail_msg("stopped: %s", text);
}

static const vd_subscriber_handler_t handler = {.event = on_event, .stopped = on_stopped};

static void rig_begin(rig_t *rig)
{
    static const uint8_t filling[EVENT_SIZE];
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_buffer_t event, data;
    *rig = (rig_t){.now = {.mono_us = 1000000, .wall_ms = 1700000000000}};
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&data, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&rig->run, VD_EVENT_BYTES_MAX + 64);
    vd_write_bin(&data, vd_bytes(filling, sizeof filling));
    vd_event_write(&event, rig->now.wall_ms, vd_str("count"), vd_buffer_view(&data), vd_str(""));
    assert_true(vd_run_add(&rig->run, vd_buffer_view(&event)));
    vd_buffer_free(&event);
    vd_buffer_free(&data);
    rig->effects = vd_effects_new();
    rig->reception = vd_reception_new(PORT, &peer, TIMER, &handler, rig);
    assert_non_null(rig->effects);
    assert_non_null(rig->reception);
}

static void rig_end(rig_t *rig)
{
    vd_reception_destroy(&rig->reception);
    vd_effects_destroy(&rig->effects);
    vd_buffer_free(&rig->run);
}

/* The correlation of the last message `id` that was sent; 0: there is none. */
static uint64_t sent(const rig_t *rig, uint16_t id)
{
    uint64_t correlation = 0;
    for (uint32_t i = 0; i < rig->effects->count; i++) {
        const vd_effect_t *effect = &rig->effects->list[i];
        vd_message_t message;
        if (effect->kind != VD_EFFECT_SEND)
            continue;
        assert_int_equal(vd_message_decode(vd_effect_header(rig->effects, effect),
                                           vd_effect_body(rig->effects, effect), vd_bytes(NULL, 0),
                                           &message),
                         VD_OK);
        if (message.id == id)
            correlation = message.correlation;
    }
    return correlation;
}

static void tell(rig_t *rig, uint64_t correlation, vd_message_t *message)
{
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = PORT,
                        .peer = vd_peer_named("ingestor"),
                        .message = message};
    message->correlation = correlation;
    vd_effects_clear(rig->effects);
    assert_true(vd_reception_step(rig->reception, rig->now, &input, rig->effects));
}

/* The stream begins, brings nothing and is dropped. */
static void bring_nothing(rig_t *rig, uint64_t start)
{
    vd_message_t started = {.id = VD_MESSAGE_STARTED}, drop = {.id = VD_MESSAGE_DROP};
    started.started.store = vd_str(STORE);
    started.started.head = 100000;
    tell(rig, start, &started);
    drop.drop.status = vd_str("too_slow");
    tell(rig, start, &drop);
}

/* Answers a FETCH with the next commit. */
static void answer(rig_t *rig, uint64_t fetch)
{
    vd_buffer_t payload;
    const vd_commit_run_t run = {.session = vd_str("red"),
                                 .first_seq = rig->index + 1,
                                 .count = 1,
                                 .run = vd_buffer_view(&rig->run)};
    const vd_commit_t commit = {.index = rig->index + 1, .run_count = 1, .runs = &run};
    vd_buffer_init(&payload, VD_FRAME_BYTES_MAX);
    vd_commit_write(&payload, &commit);
    vd_message_t message = {.id = VD_MESSAGE_COMMITS, .payload = vd_buffer_view(&payload)};
    message.commits.store = vd_str(STORE);
    message.commits.after = rig->index;
    message.commits.index = ++rig->index;
    message.commits.events = 1;
    message.commits.head = 100000;
    tell(rig, fetch, &message);
    vd_buffer_free(&payload);
}

static void test_what_waits_is_bounded_by_bytes_too(void **state)
{
    (void)state;
    rig_t rig;
    rig_begin(&rig);
    vd_subscription_t wanted = {.credit_items = 1000, .credit_bytes = 10 * EVENT_SIZE};
    vd_reception_start(rig.reception, rig.now, &wanted, rig.effects);
    vd_reception_connect(rig.reception, rig.now, "ipc://nowhere", rig.effects);
    uint64_t fetch = 0;
    for (unsigned round = 0; fetch == 0; round++) {
        assert_true(round < 20);
        uint64_t start = sent(&rig, VD_MESSAGE_START);
        if (start != 0) {
            bring_nothing(&rig, start);
        } else {
            vd_input_t due = {.kind = VD_INPUT_TIMER, .id = TIMER};
            rig.now.mono_us += 900000;
            vd_effects_clear(rig.effects);
            vd_reception_step(rig.reception, rig.now, &due, rig.effects);
        }
        fetch = sent(&rig, VD_MESSAGE_FETCH);
    }
    /* Nobody deals with what comes. */
    for (; fetch != 0; fetch = sent(&rig, VD_MESSAGE_FETCH)) {
        assert_true(rig.handed < 500);
        answer(&rig, fetch);
    }
    assert_true(rig.handed_bytes >= 10 * EVENT_SIZE);
    assert_true(rig.handed_bytes < 11 * EVENT_SIZE);
    /* It goes on as soon as there is room. */
    vd_effects_clear(rig.effects);
    vd_reception_consumed(rig.reception, rig.now, rig.handed, rig.handed_bytes, rig.effects);
    assert_int_not_equal(sent(&rig, VD_MESSAGE_FETCH), 0);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_waits_is_bounded_by_bytes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
