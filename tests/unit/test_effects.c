/* test_effects.c: the list of effects: order, copies, limits. */
#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = vd_effects_new();
    return *state == NULL;
}

static int tear_down(void **state)
{
    vd_effects_t *effects = *state;
    vd_effects_destroy(&effects);
    assert_null(effects);
    vd_effects_destroy(&effects);
    return 0;
}

static vd_message_t decode(const vd_effects_t *effects, uint32_t at)
{
    vd_message_t message = {.id = 0};
    const vd_effect_t *effect = &effects->list[at];
    assert_int_equal(vd_message_decode(vd_effect_header(effects, effect),
                                       vd_effect_body(effects, effect),
                                       vd_effect_payload(effects, effect), &message),
                     VD_OK);
    return message;
}

static void keeps_the_order_and_copies_what_it_is_given(void **state)
{
    vd_effects_t *effects = *state;
    int object = 0;
    char endpoint[] = "ipc:///tmp/x";
    char payload[] = "payload";
    vd_peer_t peer = vd_peer_named("peer");
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 9, .payload = vd_str(payload)};
    get.get.feed = vd_str("feed");
    vd_effects_connect(effects, 1, &peer, endpoint);
    vd_effects_subscribe(effects, 2, "");
    vd_effects_send(effects, 3, &peer, &get);
    get.payload = vd_bytes(NULL, 0);
    vd_effects_publish(effects, 4, "topic", &get);
    vd_effects_timer(effects, 5, 1234);
    vd_effects_timer_clear(effects, 6);
    vd_effects_do(effects, 7, 8, &object);
    vd_effects_log(effects, VD_WARN, "text %d", 10);
    vd_effects_unsubscribe(effects, 2, "");
    vd_effects_disconnect(effects, 1, &peer);
    vd_effects_exit(effects, VD_BUSY, "%s", "");
    memset(endpoint, 'x', sizeof endpoint - 1);
    memset(payload, 'x', sizeof payload - 1);

    static const vd_effect_kind_t kinds[] = {
        VD_EFFECT_CONNECT,     VD_EFFECT_SUBSCRIBE,  VD_EFFECT_SEND, VD_EFFECT_SEND,
        VD_EFFECT_TIMER,       VD_EFFECT_TIMER,      VD_EFFECT_DO,   VD_EFFECT_LOG,
        VD_EFFECT_UNSUBSCRIBE, VD_EFFECT_DISCONNECT, VD_EFFECT_EXIT};
    assert_int_equal(effects->count, sizeof kinds / sizeof *kinds);
    assert_int_equal(vd_effects_room(effects), VD_EFFECTS_MAX - effects->count);
    assert_false(effects->overflow);
    const vd_effect_t *list = effects->list;
    for (uint32_t at = 0; at < effects->count; at++)
        assert_int_equal(list[at].kind, kinds[at]);
    assert_string_equal(vd_effect_text(effects, &list[0]), "ipc:///tmp/x");
    assert_true(vd_peer_equal(&list[0].peer, &peer));
    assert_string_equal(vd_effect_text(effects, &list[1]), "");
    assert_true(list[1].text_size > 0); /* an empty topic is not an absent one */
    vd_message_t sent = decode(effects, 2);
    assert_int_equal(sent.correlation, 9);
    assert_true(vd_str_is(sent.get.feed, "feed"));
    assert_true(vd_str_is(sent.payload, "payload"));
    assert_int_equal(list[2].text_size, 0);
    assert_string_equal(vd_effect_text(effects, &list[3]), "topic");
    assert_int_equal(decode(effects, 3).payload.size, 0);
    assert_int_equal(list[4].at_us, 1234);
    assert_int_equal(list[5].at_us, -1);
    assert_ptr_equal(list[6].object, &object);
    assert_int_equal(list[6].token, 8);
    assert_string_equal(vd_effect_text(effects, &list[7]), "text 10");
    assert_int_equal(list[10].status, VD_BUSY);
}

static void answers_where_the_question_came_from(void **state)
{
    vd_effects_t *effects = *state;
    vd_message_t question = {.id = VD_MESSAGE_PING, .correlation = UINT64_MAX};
    vd_input_t input = {.kind = VD_INPUT_MESSAGE,
                        .port = 12,
                        .peer = vd_peer_of("\0\1\2", 3),
                        .message = &question};
    vd_message_t done = {.id = VD_MESSAGE_DONE};
    vd_effects_reply(effects, &input, &done);
    vd_effects_reply_error(effects, &input, VD_NOT_FOUND, "no %s here", "thing");
    for (uint32_t at = 0; at < 2; at++) {
        assert_int_equal(effects->list[at].port, 12);
        assert_true(vd_peer_equal(&effects->list[at].peer, &input.peer));
        assert_int_equal(decode(effects, at).correlation, UINT64_MAX);
    }
    vd_message_t error = decode(effects, 1);
    assert_true(vd_str_is(error.error.status, "not_found"));
    assert_true(vd_str_is(error.error.text, "no thing here"));
}

static void cuts_long_texts_to_what_a_message_takes(void **state)
{
    vd_effects_t *effects = *state;
    char text[VD_TEXT_BYTES_MAX * 2];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    vd_message_t question = {.id = VD_MESSAGE_PING};
    vd_input_t input = {.kind = VD_INPUT_MESSAGE, .message = &question};
    vd_effects_reply_error(effects, &input, VD_FAILED, "%s", text);
    vd_effects_log(effects, VD_INFO, "%s", text);
    assert_false(effects->overflow);
    assert_int_equal(decode(effects, 0).error.text.size, VD_TEXT_BYTES_MAX);
    assert_int_equal(strlen(vd_effect_text(effects, &effects->list[1])), VD_TEXT_BYTES_MAX);
}

static void says_when_something_did_not_fit(void **state)
{
    vd_effects_t *effects = *state;
    for (int at = 0; at < VD_EFFECTS_MAX; at++)
        vd_effects_timer(effects, 1, at);
    assert_int_equal(vd_effects_room(effects), 0);
    assert_false(effects->overflow);
    vd_effects_timer(effects, 1, 0);
    assert_true(effects->overflow);
    assert_int_equal(effects->count, VD_EFFECTS_MAX);
    vd_effects_clear(effects);
    assert_false(effects->overflow);
    assert_int_equal(effects->count, 0);
}

static void leaves_out_what_cannot_be_encoded_and_goes_on(void **state)
{
    vd_effects_t *effects = *state;
    vd_peer_t peer = vd_peer_named("peer");
    char name[VD_FEED_BYTES_MAX + 2];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    vd_message_t get = {.id = VD_MESSAGE_GET};
    get.get.feed = vd_str(name);
    vd_effects_send(effects, 1, &peer, &get);
    assert_true(effects->overflow);
    assert_int_equal(effects->count, 0);
    assert_int_equal(effects->arena.size, 0);

    vd_effects_clear(effects);
    uint8_t *bytes = calloc(1, VD_FRAME_BYTES_MAX + 1);
    get.get.feed = vd_str("feed");
    get.payload = vd_bytes(bytes, VD_FRAME_BYTES_MAX + 1);
    vd_effects_send(effects, 1, &peer, &get);
    assert_true(effects->overflow);
    assert_int_equal(effects->count, 0);

    vd_effects_clear(effects);
    get.payload = vd_bytes(bytes, VD_EFFECT_BYTES_MAX / 4);
    for (int at = 0; at < 4; at++) /* the fourth passes the limit by its header */
        vd_effects_send(effects, 1, &peer, &get);
    assert_true(effects->overflow);
    assert_int_equal(effects->count, 3);
    get.payload = vd_bytes(NULL, 0);
    vd_effects_send(effects, 1, &peer, &get); /* a small one still fits */
    assert_int_equal(effects->count, 4);
    assert_true(vd_str_is(decode(effects, 3).get.feed, "feed"));
    vd_effects_clear(effects);
    assert_true(effects->arena.room <= 1048576); /* large memory is given back */
    free(bytes);
}

static void shares_a_payload_without_a_copy(void **state)
{
    vd_effects_t *effects = *state;
    vd_peer_t peer = vd_peer_named("peer");
    vd_message_t get = {.id = VD_MESSAGE_GET};
    get.get.feed = vd_str("feed");
    vd_shared_t *payload = vd_shared_new(VD_FRAME_BYTES_MAX);
    assert_non_null(payload);
    payload->size = VD_FRAME_BYTES_MAX;
    payload->data[0] = 7;
    for (int at = 0; at < 32; at++) /* more than the arena could hold */
        vd_effects_send_shared(effects, 1, &peer, &get, payload);
    assert_false(effects->overflow);
    assert_int_equal(effects->count, 32);
    assert_int_equal(atomic_load(&payload->holders), 33);
    for (uint32_t at = 0; at < 32; at++)
        assert_ptr_equal(vd_effect_payload(effects, &effects->list[at]).data, payload->data);
    assert_true(vd_str_is(decode(effects, 31).get.feed, "feed"));
    vd_effects_clear(effects);
    assert_int_equal(atomic_load(&payload->holders), 1);

    /* A full list holds nothing, and an effect after it shares nothing. */
    for (uint32_t at = 0; at < VD_EFFECTS_MAX; at++)
        vd_effects_timer(effects, 1, at);
    vd_effects_send_shared(effects, 1, &peer, &get, payload);
    assert_true(effects->overflow);
    assert_int_equal(atomic_load(&payload->holders), 1);
    vd_effects_clear(effects);
    vd_effects_send(effects, 1, &peer, &get);
    assert_int_equal(vd_effect_payload(effects, &effects->list[0]).size, 0);
    vd_shared_release(&payload);
}

static void random_numbers_are_those_of_splitmix64(void **state)
{
    (void)state;
    uint64_t seed = 1234567;
    assert_int_equal(vd_random_next(&seed), UINT64_C(6457827717110365317));
    assert_int_equal(vd_random_next(&seed), UINT64_C(3203168211198807973));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_order_and_copies_what_it_is_given),
        TEST(answers_where_the_question_came_from),
        TEST(cuts_long_texts_to_what_a_message_takes),
        TEST(says_when_something_did_not_fit),
        TEST(leaves_out_what_cannot_be_encoded_and_goes_on),
        TEST(shares_a_payload_without_a_copy),
        TEST(random_numbers_are_those_of_splitmix64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
