/* test_lease.c: the lease core: renewal, the broker's absence and return, the end. */
#include "kit/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    vd_lease_t lease;
    vd_effects_t *effects;
    vd_now_t now;
    vd_buffer_t rows;
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    self->effects = vd_effects_new();
    self->now.mono_us = 5000000;
    vd_buffer_init(&self->rows, 1024);
    vd_write_array(&self->rows, 1);
    vd_endpoint_record_t record = {.port = vd_str("read"), .endpoint = vd_str("ipc:///r")};
    vd_record_encode(VD_RECORD_endpoint, &record, &self->rows);
    self->lease = (vd_lease_t){.name = "ingestor",
                               .kind = "ingestor",
                               .inc = 77,
                               .pid = 123,
                               .endpoints = vd_buffer_view(&self->rows),
                               .broker = "ipc:///broker"};
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    vd_effects_destroy(&self->effects);
    vd_buffer_free(&self->rows);
    free(self);
    return 0;
}

static void step(fixture_t *self, vd_input_kind_t kind, const vd_message_t *message)
{
    vd_input_t input = {
        .kind = kind, .port = VD_LEASE_PORT, .peer = vd_peer_named("broker"), .message = message};
    vd_effects_clear(self->effects);
    vd_lease_step(&self->lease, self->now, &input, self->effects);
    assert_false(self->effects->overflow);
}

static const vd_effect_t *find(const fixture_t *self, vd_effect_kind_t kind)
{
    for (uint32_t at = 0; at < self->effects->count; at++)
        if (self->effects->list[at].kind == kind)
            return &self->effects->list[at];
    return NULL;
}

static vd_message_t sent(const fixture_t *self)
{
    const vd_effect_t *effect = find(self, VD_EFFECT_SEND);
    assert_non_null(effect);
    vd_message_t message = {.id = 0};
    assert_int_equal(vd_message_decode(vd_effect_header(self->effects, effect),
                                       vd_effect_body(self->effects, effect), vd_bytes(NULL, 0),
                                       &message),
                     VD_OK);
    return message;
}

static void registered(fixture_t *self, uint64_t inc)
{
    vd_message_t message = {.id = VD_MESSAGE_REGISTERED};
    message.registered.inc = inc;
    message.registered.lease_ms = VD_LEASE_MS;
    step(self, VD_INPUT_MESSAGE, &message);
}

static void fire(fixture_t *self)
{
    self->now.mono_us += VD_LEASE_RENEW_MS * INT64_C(1000);
    step(self, VD_INPUT_TIMER, NULL);
}

static void registers_and_renews(void **state)
{
    fixture_t *self = *state;
    step(self, VD_INPUT_START, NULL);
    const vd_effect_t *connect = find(self, VD_EFFECT_CONNECT);
    assert_non_null(connect);
    assert_string_equal(vd_effect_text(self->effects, connect), "ipc:///broker");
    for (int at = 0; at < 3; at++) {
        vd_message_t message = sent(self);
        assert_int_equal(message.id, VD_MESSAGE_REGISTER);
        assert_true(vd_str_is(message.register_actor.name, "ingestor"));
        assert_int_equal(message.register_actor.inc, 77);
        assert_int_equal(message.register_actor.pid, 123);
        assert_int_equal(vd_rows_count(message.register_actor.endpoints), 1);
        const vd_effect_t *timer = find(self, VD_EFFECT_TIMER);
        assert_non_null(timer);
        assert_int_equal(timer->at_us, self->now.mono_us + VD_LEASE_RENEW_MS * INT64_C(1000));
        registered(self, 5);
        assert_null(find(self, VD_EFFECT_LOG));
        fire(self);
        assert_null(find(self, VD_EFFECT_CONNECT));
    }
}

static void goes_on_without_a_broker_and_says_so_once(void **state)
{
    fixture_t *self = *state;
    step(self, VD_INPUT_START, NULL);
    int told = 0, connected = 0;
    for (int second = 1; second <= 60; second++) {
        fire(self);
        assert_int_equal(sent(self).id, VD_MESSAGE_REGISTER);
        assert_null(find(self, VD_EFFECT_EXIT));
        told += find(self, VD_EFFECT_LOG) != NULL;
        connected += find(self, VD_EFFECT_CONNECT) != NULL;
    }
    assert_int_equal(told, 1);
    assert_in_range(connected, 10, 12); /* a fresh connection each lease: nothing piles up */
    registered(self, 5);
    assert_non_null(find(self, VD_EFFECT_LOG)); /* it is back */
    registered(self, 5);
    assert_null(find(self, VD_EFFECT_LOG));
    registered(self, 6);
    assert_non_null(find(self, VD_EFFECT_LOG)); /* another one */
}

static void hears_a_refusal(void **state)
{
    fixture_t *self = *state;
    step(self, VD_INPUT_START, NULL);
    vd_message_t error = {.id = VD_MESSAGE_ERROR};
    error.error.status = vd_str("denied");
    error.error.text = vd_str("too many");
    step(self, VD_INPUT_MESSAGE, &error);
    const vd_effect_t *log = find(self, VD_EFFECT_LOG);
    assert_non_null(log);
    assert_non_null(strstr(vd_effect_text(self->effects, log), "too many"));
    assert_null(find(self, VD_EFFECT_EXIT));
}

static void leaves_in_good_order(void **state)
{
    fixture_t *self = *state;
    step(self, VD_INPUT_START, NULL);
    step(self, VD_INPUT_STOP, NULL);
    vd_message_t message = sent(self);
    assert_int_equal(message.id, VD_MESSAGE_LEAVE);
    assert_int_equal(message.leave.inc, 77);
    assert_int_equal(message.correlation, 0);
    const vd_effect_t *end = find(self, VD_EFFECT_EXIT);
    assert_non_null(end);
    assert_int_equal(end->status, VD_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(registers_and_renews),
        TEST(goes_on_without_a_broker_and_says_so_once),
        TEST(hears_a_refusal),
        TEST(leaves_in_good_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
