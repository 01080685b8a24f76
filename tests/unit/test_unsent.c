/* test_unsent.c: payloads that wait in a real ROUTER for a peer are counted until they have gone. */
#include "kit/frames.h"
#include "kit/unsent.h"

#include <poll.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PAYLOAD = 65536, COUNT = 200 };

static const vd_peer_t ann = {.size = 3, .bytes = "ann"}, bob = {.size = 3, .bytes = "bob"};

static vd_shared_t *payload_of(size_t size)
{
    vd_shared_t *payload = vd_shared_new(size);
    assert_non_null(payload);
    for (payload->size = 0; payload->size < size; payload->size++)
        payload->data[payload->size] = 7;
    return payload;
}

static void test_it_counts_for_each_peer(void **state)
{
    (void)state;
    vd_unsent_t *table = vd_unsent_new();
    vd_shared_t *payload = payload_of(100);
    vd_unsent_ticket_t *first = vd_unsent_count(table, &ann, payload);
    vd_unsent_ticket_t *second = vd_unsent_count(table, &ann, payload);
    vd_unsent_ticket_t *third = vd_unsent_count(table, &bob, payload);
    assert_int_equal(atomic_load(&payload->holders), 4);
    assert_int_equal(vd_unsent_bytes(table, &ann), 200);
    assert_int_equal(vd_unsent_bytes(table, &bob), 100);
    vd_unsent_let_go(payload->data, first);
    assert_int_equal(vd_unsent_bytes(table, &ann), 100);
    vd_unsent_let_go(payload->data, third);
    assert_int_equal(vd_unsent_bytes(table, &bob), 0);
    /* The table may go first. */
    vd_unsent_destroy(&table);
    assert_null(table);
    vd_unsent_let_go(payload->data, second);
    assert_int_equal(atomic_load(&payload->holders), 1);
    vd_shared_release(&payload);
}

/* More peers than there are buckets come, leave something and go. */
static void test_peers_come_and_go(void **state)
{
    (void)state;
    vd_unsent_t *table = vd_unsent_new();
    vd_shared_t *payload = payload_of(10);
    for (uint32_t i = 0; i < 20000; i++) {
        vd_peer_t peer = vd_peer_of(&i, sizeof i);
        vd_unsent_ticket_t *ticket = vd_unsent_count(table, &peer, payload);
        assert_int_equal(vd_unsent_bytes(table, &peer), 10);
        vd_unsent_let_go(payload->data, ticket);
        assert_int_equal(vd_unsent_bytes(table, &peer), 0);
    }
    vd_unsent_destroy(&table);
    vd_shared_release(&payload);
}

static bool send_one(void *router, vd_unsent_t *table, vd_shared_t *payload)
{
    vd_bytes_t first = vd_bytes(ann.bytes, ann.size);
    vd_unsent_ticket_t *ticket = vd_unsent_count(table, &ann, payload);
    assert_non_null(ticket);
    const vd_frames_held_t held = {.let_go = vd_unsent_let_go, .hint = ticket};
    return vd_frames_send_held(router, &first, vd_str("header"), vd_str("body"),
                               vd_shared_view(payload), &held);
}

static void await_unsent(const vd_unsent_t *table, size_t most)
{
    for (int i = 0; vd_unsent_bytes(table, &ann) > most; i++) {
        assert_true(i < 30000);
        poll(NULL, 0, 1);
    }
}

/* What is sent to nobody is let go of; what a peer does not read waits; what it has read does not. */
static void test_what_is_read_waits_no_more(void **state)
{
    (void)state;
    int one = 1, zero = 0, patience_ms = 10000;
    char endpoint[256];
    size_t size = sizeof endpoint;
    void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER);
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    vd_unsent_t *table = vd_unsent_new();
    vd_shared_t *payload = payload_of(PAYLOAD);
    zmq_setsockopt(router, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    zmq_setsockopt(router, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(router, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(dealer, ZMQ_IDENTITY, ann.bytes, ann.size);
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(dealer, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_false(send_one(router, table, payload));
    assert_int_equal(vd_unsent_bytes(table, &ann), 0);
    assert_int_equal(zmq_connect(dealer, endpoint), 0);
    assert_int_equal(zmq_send(dealer, "hello", 5, 0), 5);
    char word[8];
    assert_int_equal(zmq_recv(router, word, sizeof word, 0), 3);
    assert_int_equal(zmq_recv(router, word, sizeof word, 0), 5);
    /* The kernel takes a part of it, and the rest of it waits. */
    for (int i = 0; i < COUNT; i++)
        assert_true(send_one(router, table, payload));
    assert_true(vd_unsent_bytes(table, &ann) > PAYLOAD);
    for (int i = 0; i < COUNT; i++) {
        vd_frames_t frames;
        zmq_pollitem_t item = {dealer, 0, ZMQ_POLLIN, 0};
        assert_int_equal(zmq_poll(&item, 1, patience_ms), 1);
        assert_true(vd_frames_receive(dealer, &frames));
        assert_int_equal(vd_frames_part(&frames, 2).size, PAYLOAD);
        vd_frames_close(&frames);
    }
    await_unsent(table, 0);
    assert_int_equal(atomic_load(&payload->holders), 1);
    /* Nor does what goes with the connection. */
    for (int i = 0; i < COUNT; i++)
        assert_true(send_one(router, table, payload));
    zmq_close(dealer);
    zmq_close(router);
    zmq_ctx_term(context);
    await_unsent(table, 0);
    assert_int_equal(atomic_load(&payload->holders), 1);
    vd_shared_release(&payload);
    vd_unsent_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_counts_for_each_peer),
        cmocka_unit_test(test_peers_come_and_go),
        cmocka_unit_test(test_what_is_read_waits_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
