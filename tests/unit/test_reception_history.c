/* test_reception_history.c: two streams of different histories of a store, one before it went back in
 * time and one after it, are never joined; and what a publisher said of a hold ends with its life. */
/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/reception.h"
#include "wire/run.h"

#include <string.h>

#define PORT  1
#define TIMER 3
#define STORE "00000000000000aa"

typedef struct rig {
    vd_now_t now;
    vd_effects_t *effects;
    vd_reception_t *reception;
    vd_buffer_t run;
    uint64_t handed[8]; /* commits whose events were handed on */
    uint32_t count;
    vd_stream_mode_t mode;
    vd_message_t start; /* the last START that was sent */
    bool live;          /* it begins a live stream */
} rig_t;

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    rig_t *rig = arg;
    (void)now, (void)event, (void)position, (void)effects;
    assert_true(rig->count < 8);
    rig->handed[rig->count++] = commit->index;
}

static void on_mode(void *arg, vd_now_t now, vd_stream_mode_t mode, bool reading,
                    vd_effects_t *effects)
{
    rig_t *rig = arg;
    (void)now, (void)reading, (void)effects;
    rig->mode = mode;
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    (void)arg, (void)now, (void)status, (void)first, (void)head, (void)effects;
    fail_msg("stopped: %s", text);
}

/* Keeps the last START. */
static void look(rig_t *rig)
{
    for (uint32_t i = 0; i < rig->effects->count; i++) {
        const vd_effect_t *effect = &rig->effects->list[i];
        vd_message_t message;
        if (effect->kind != VD_EFFECT_SEND)
            continue;
        assert_int_equal(vd_message_decode(vd_effect_header(rig->effects, effect),
                                           vd_effect_body(rig->effects, effect), vd_bytes(NULL, 0),
                                           &message),
                         VD_OK);
        if (message.id != VD_MESSAGE_START)
            continue;
        rig->start = message;
        rig->live = vd_str_is(message.start.stream, "live");
    }
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
    look(rig);
}

static void started(rig_t *rig, uint64_t correlation, uint64_t index, uint32_t chain)
{
    vd_message_t message = {.id = VD_MESSAGE_STARTED};
    message.started.store = vd_str(STORE);
    message.started.index = index;
    message.started.chain = chain;
    message.started.head = 4;
    tell(rig, correlation, &message);
}

/* A frame that leads from `after` to `index`, with one event in each commit from `first` on. The chain
 * of commit i is i * 10 + history. */
static void brings(rig_t *rig, uint64_t correlation, uint64_t after, uint64_t first, uint64_t index,
                   uint32_t history)
{
    vd_buffer_t payload;
    vd_buffer_init(&payload, VD_FRAME_BYTES_MAX);
    vd_message_t message = {.id = VD_MESSAGE_COMMITS};
    for (uint64_t at = first; at <= index; at++) {
        const vd_commit_run_t run = {.session = vd_str("red"),
                                     .first_seq = at,
                                     .count = 1,
                                     .run = vd_buffer_view(&rig->run)};
        const vd_commit_t commit = {
            .index = at, .chain = (uint32_t)at * 10 + history, .run_count = 1, .runs = &run};
        vd_commit_write(&payload, &commit);
        message.commits.events++;
    }
    message.payload = vd_buffer_view(&payload);
    message.commits.store = vd_str(STORE);
    message.commits.after = after;
    message.commits.index = index;
    message.commits.chain = index * 10 + history;
    message.commits.head = 4;
    tell(rig, correlation, &message);
    vd_buffer_free(&payload);
}

/* Both streams run: commits behind commit 0, live behind commit 2 of a history. */
static void rig_begin(rig_t *rig, uint32_t history, uint64_t *commit, uint64_t *live)
{
    static const vd_subscriber_handler_t handler = {
        .event = on_event, .stopped = on_stopped, .mode = on_mode};
    const vd_subscription_t wanted = {.name = "test"};
    vd_peer_t peer = vd_peer_named("ingestor");
    vd_buffer_t event;
    *rig = (rig_t){.now = {.mono_us = 1000000, .wall_ms = 1700000000000}};
    vd_buffer_init(&event, VD_EVENT_BYTES_MAX);
    vd_buffer_init(&rig->run, VD_EVENT_BYTES_MAX);
    vd_event_write(&event, rig->now.wall_ms, vd_str("count"), vd_str("\xc0"), vd_str(""));
    assert_true(vd_run_add(&rig->run, vd_buffer_view(&event)));
    vd_buffer_free(&event);
    rig->effects = vd_effects_new();
    rig->reception = vd_reception_new(PORT, &peer, TIMER, &handler, rig);
    assert_non_null(rig->effects);
    assert_non_null(rig->reception);
    vd_reception_start(rig->reception, rig->now, &wanted, rig->effects);
    vd_reception_connect(rig->reception, rig->now, "ipc://nowhere", rig->effects);
    look(rig);
    *commit = rig->start.correlation;
    started(rig, *commit, 0, 0);
    assert_int_equal(rig->mode, VD_MODE_OVERLAP);
    assert_true(rig->live);
    *live = rig->start.correlation;
    started(rig, *live, 2, 20 + history);
}

static void rig_end(rig_t *rig)
{
    vd_reception_destroy(&rig->reception);
    vd_effects_destroy(&rig->effects);
    vd_buffer_free(&rig->run);
}

/* The live stream has begun again behind commit `index`, where the reader stands. */
static void assert_asked(const rig_t *rig, uint64_t live, uint64_t index)
{
    assert_true(rig->live && rig->start.correlation > live);
    assert_int_equal(rig->start.start.index, index);
    assert_int_equal(rig->start.start.chain, index * 10);
    assert_int_equal(vd_reception_position(rig->reception)->index, index);
}

static void test_what_is_held_back_is_joined_in_one_history(void **state)
{
    (void)state;
    rig_t rig;
    uint64_t commit, live;
    rig_begin(&rig, 0, &commit, &live);
    brings(&rig, live, 2, 3, 3, 0);
    assert_int_equal(rig.count, 0);
    brings(&rig, commit, 0, 1, 2, 0);
    assert_int_equal(rig.count, 3);
    assert_int_equal(rig.handed[2], 3);
    assert_int_equal(rig.start.correlation, live);
    rig_end(&rig);
}

static void test_what_is_held_back_of_another_history_is_not_taken(void **state)
{
    (void)state;
    rig_t rig;
    uint64_t commit, live;
    rig_begin(&rig, 5, &commit, &live);
    brings(&rig, live, 2, 3, 3, 5);
    brings(&rig, commit, 0, 1, 2, 0);
    assert_int_equal(rig.count, 2);
    assert_asked(&rig, live, 2);
    rig_end(&rig);
}

/* The reader stands inside of what live brings: behind commit 3 of 2 to 4. */
static void test_a_frame_that_reaches_beyond_is_compared_inside(void **state)
{
    (void)state;
    for (uint32_t history = 0; history <= 5; history += 5) {
        rig_t rig;
        uint64_t commit, live;
        rig_begin(&rig, history, &commit, &live);
        brings(&rig, live, 2, 3, 4, history);
        brings(&rig, commit, 0, 1, 3, 0);
        assert_int_equal(rig.count, history == 0 ? 4 : 3);
        if (history != 0)
            assert_asked(&rig, live, 3);
        rig_end(&rig);
    }
}

/* A filter has left out the commit behind which the reader stands: commits lead up to the frame's end. */
static void test_a_frame_that_does_not_tell_waits_for_its_end(void **state)
{
    (void)state;
    for (uint32_t history = 0; history <= 5; history += 5) {
        rig_t rig;
        uint64_t commit, live;
        rig_begin(&rig, history, &commit, &live);
        brings(&rig, live, 2, 4, 4, history);
        brings(&rig, commit, 0, 1, 3, 0);
        assert_int_equal(rig.count, 3);
        assert_int_equal(rig.start.correlation, live);
        brings(&rig, commit, 3, 4, 4, 0);
        assert_int_equal(rig.count, 4);
        if (history != 0)
            assert_asked(&rig, live, 4);
        rig_end(&rig);
    }
}

/* What comes late of a stream of the old history, after the other one has led on. */
static void test_a_late_frame_of_the_old_history_is_not_taken(void **state)
{
    (void)state;
    rig_t rig;
    uint64_t commit, live;
    rig_begin(&rig, 0, &commit, &live);
    brings(&rig, commit, 0, 1, 2, 0);
    brings(&rig, live, 2, 3, 3, 0);
    assert_int_equal(rig.count, 3);
    brings(&rig, commit, 2, 3, 4, 5);
    assert_int_equal(rig.count, 3);
    assert_false(rig.live);
    assert_int_equal(rig.start.start.index, 3);
    rig_end(&rig);
}

/* Another life of the publisher holds nobody: live is not taken beside commits then. */
static void test_a_hold_ends_with_the_stream(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        rig_t rig;
        uint64_t lanes[2];
        vd_message_t hold = {.id = VD_MESSAGE_HOLD, .hold = {.held = true}};
        vd_message_t drop = {.id = VD_MESSAGE_DROP, .drop = {.status = vd_str("not_found")}};
        rig_begin(&rig, 0, &lanes[0], &lanes[1]);
        tell(&rig, lanes[0], &hold);
        assert_int_equal(rig.mode, VD_MODE_PAUSED);
        for (unsigned i = 0; i < 2; i++) {
            tell(&rig, lanes[i ^ first], &drop);
            assert_false(rig.live && rig.start.correlation > lanes[1]);
        }
        assert_true(rig.start.correlation > lanes[1]); /* commits have begun again */
        rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_held_back_is_joined_in_one_history),
        cmocka_unit_test(test_what_is_held_back_of_another_history_is_not_taken),
        cmocka_unit_test(test_a_frame_that_reaches_beyond_is_compared_inside),
        cmocka_unit_test(test_a_frame_that_does_not_tell_waits_for_its_end),
        cmocka_unit_test(test_a_late_frame_of_the_old_history_is_not_taken),
        cmocka_unit_test(test_a_hold_ends_with_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
