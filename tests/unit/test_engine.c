/* test_engine.c: connections of a client that cannot be begun end what waits for them. */
#include "client/client_impl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PORT_ASK = 1, PORT_NONE = 2 };

static bool step(void *arg, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    (void)arg;
    (void)now;
    (void)input;
    (void)effects;
    return false;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void connect_to(vd_engine_t *engine, const char *endpoint)
{
    vd_peer_t peer = vd_peer_named("host");
    vd_effects_connect(vd_engine_effects(engine), PORT_ASK, &peer, endpoint);
    vd_engine_carry_out(engine);
}

static vd_status_t run(vd_client_t *client, int timeout_ms)
{
    return vd_engine_run(client, vd_client_deadline_us(timeout_ms), never, NULL);
}

static void what_cannot_be_connected_ends_the_call(void **state)
{
    vd_engine_t engine;
    vd_client_t *client = vd_client_new("/tmp/vdt-nowhere");
    (void)state;
    assert_non_null(client);
    assert_int_equal(vd_engine_add(&engine, client, step, NULL, PORT_ASK, PORT_NONE), VD_OK);
    connect_to(&engine, "tcp://127.0.0.1");
    for (int i = 0; i < 2; i++) { /* each call says so, whatever failed between */
        int64_t begun_us = vd_client_mono_us();
        assert_int_equal(run(client, 60000), VD_FAILED);
        assert_true(vd_client_mono_us() - begun_us < 30000000);
        assert_string_equal(vd_client_error(client),
                            "cannot connect to tcp://127.0.0.1: Invalid argument");
        vd_client_fail(client, VD_NOT_FOUND, "something else");
        vd_engine_renew(&engine, 0);
    }
    connect_to(&engine, "tcp://127.0.0.1:1");
    assert_int_equal(run(client, 10), VD_TIMED_OUT);
    vd_engine_remove(&engine);
    assert_int_equal(run(client, 10), VD_TIMED_OUT);
    vd_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_connected_ends_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
