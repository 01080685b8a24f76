/* test_client.c: libvedette without a runtime: statuses, texts, refusals, and how soon it gives
 * up. */
#include "client/vedette.h" /* first: it is its own numbers that are compared */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

static char dir[64];
static vd_client_t *client;

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/vdt-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    client = vd_client_new(dir);
    return client == NULL;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    vd_client_destroy(&client);
    assert_null(client);
    snprintf(path, sizeof path, "%s/run/ingestor.read", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/run", dir);
    rmdir(path);
    return rmdir(dir);
}

static void without_a_runtime_everything_is_unreachable_at_once(void **state)
{
    vd_blob_t blob;
    vd_follow_t *follow = NULL;
    vd_producer_t *producer = NULL;
    vd_follow_options_t options = {.session = "s", .from = VD_FROM_START};
    (void)state;
    int64_t begun = mono_ms();
    assert_int_equal(vd_client_actors(client, 10000, &blob), VD_UNREACHABLE);
    assert_non_null(strstr(vd_client_error(client), "start one: vedette up"));
    assert_non_null(strstr(vd_client_error(client), dir));
    assert_int_equal(vd_client_sources(client, 10000, &blob), VD_UNREACHABLE);
    assert_int_equal(vd_client_sessions(client, NULL, 0, 10000, &blob), VD_UNREACHABLE);
    assert_int_equal(vd_client_snapshot(client, "host", 10000, &blob), VD_UNREACHABLE);
    assert_int_equal(vd_wait(client, "host", "true", 10000, &blob), VD_UNREACHABLE);
    assert_true(blob.size == 0);
    assert_int_equal(vd_follow_new(&follow, client, NULL, 10000), VD_UNREACHABLE);
    assert_int_equal(vd_follow_new(&follow, client, &options, 10000), VD_UNREACHABLE);
    assert_null(follow);
    assert_int_equal(vd_producer_open(&producer, client, "p", NULL, NULL, 10000), VD_UNREACHABLE);
    assert_null(producer);
    assert_true(mono_ms() - begun < 1000);
}

/* Every call says what is wrong in the environment: the variable, the row and the remedy. */
static void refused_by_environment(const char *rows, const char *word)
{
    vd_blob_t blob;
    vd_follow_t *follow = NULL;
    setenv("VEDETTE_ENDPOINTS", rows, 1);
    vd_client_t *other = vd_client_new(dir);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vd_client_use_endpoint(other, "?", "", NULL), VD_USAGE);
        vd_status_t status = i == 0 ? vd_client_sessions(other, NULL, 0, 10000, &blob)
                                    : vd_follow_new(&follow, other, NULL, 10000);
        const char *error = vd_client_error(other);
        if (status != VD_USAGE || strncmp(error, "VEDETTE_ENDPOINTS: ", 19) != 0 ||
            strstr(error, word) == NULL)
            fail_msg("%.300s: %s, %s, lacks %s", rows, vd_client_status_name(status), error, word);
    }
    vd_client_destroy(&other);
    unsetenv("VEDETTE_ENDPOINTS");
}

static void bad_ports_of_the_environment_are_named(void **state)
{
    static const struct {
        const char *rows, *word;
    } bad[] = {
        {"ingestor.read", "'ingestor.read' is not of the form ACTOR.PORT=ENDPOINT"},
        {"read=tcp://127.0.0.1:1", "ACTOR.PORT=ENDPOINT"},
        {"x.=tcp://127.0.0.1:1", "'x.'"},
        {"ingestor.read=127.0.0.1:1", "ingestor.read: the endpoint 127.0.0.1:1"},
        {"ingestor.read=tcp://127.0.0.1:1 .", "'.'"},
        {"ingestor.read=tcp://127.0.0.1", "tcp://HOST:PORT"},
        {"ingestor.read=tcp://", "tcp://HOST:PORT"},
        {"ingestor.read=tcp://h:x", "tcp://HOST:PORT"},
        {"x.y=ipc:///x,ingestor.emit=tcp://10.0.0.5:7001", "ingestor.emit: connecting to"},
        {"ingestor.emit=tcp://10.0.0.5:7001", "leaves this machine"},
        {"a.b=ipc://relative", "not absolute"},
    };
    char rows[4096] = "", *at = rows;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused_by_environment(bad[i].rows, bad[i].word);
    for (int i = 0; i < 17; i++)
        at += snprintf(at, (size_t)(rows + sizeof rows - at), "a.b%d=ipc:///x,", i);
    refused_by_environment(rows, "a.b16: a client has at most 16");
    memset(rows, 'y', sizeof rows - 1);
    refused_by_environment(rows, "yyyyyyyy' is not of the form");
    snprintf(rows, sizeof rows, "a.b=ipc:///%0107d", 0);
    refused_by_environment(rows, "107 bytes");
}

/* Ports may be elsewhere than in the directory: as the caller says, or the environment. */
static void ports_may_be_elsewhere(void **state)
{
    static const char *const bad[] = {
        "udp://127.0.0.1:1",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:65536",
        "tcp://10.0.0.5:1",
        "ipc://relative",
        "",
        "tcp://127.evil.example:1",
        "tcp://lo:1",
        "tcp://[::1]:7000",
    };
    vd_blob_t blob;
    (void)state;
    assert_int_equal(vd_client_use_endpoint(client, "in gestor", "read", "tcp://127.0.0.1:1"),
                     VD_USAGE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(vd_client_use_endpoint(client, "ingestor", "read", bad[i]), VD_USAGE);
        assert_memory_equal(vd_client_error(client), "ingestor.read: ", 15);
    }
    assert_int_equal(vd_client_use_endpoint(client, "ingestor", "read", NULL), VD_USAGE);
    assert_int_equal(vd_client_use_endpoint(client, "ingestor", "read", "tcp://127.0.0.1:1"),
                     VD_OK);
    /* Nobody is there, which on tcp shows in time alone. */
    assert_int_equal(vd_client_sessions(client, NULL, 0, 50, &blob), VD_TIMED_OUT);
    assert_int_equal(vd_client_actors(client, 10000, &blob), VD_UNREACHABLE);
    setenv("VEDETTE_ENDPOINTS", "x.y=ipc:///tmp/x,\n\tingestor.read=tcp://127.0.0.1:1\n", 1);
    vd_client_t *other = vd_client_new(dir);
    assert_int_equal(vd_client_sessions(other, NULL, 0, 50, &blob), VD_TIMED_OUT);
    vd_client_destroy(&other);
    unsetenv("VEDETTE_ENDPOINTS");
}

/* A watch over tcp that is told nothing asks on other connections: the far end of the first may be
 * gone. */
static void a_silent_watch_takes_other_connections(void **state)
{
    char endpoint[64], who[2][64] = {{0}};
    size_t size = sizeof endpoint;
    vd_watch_t *watch = NULL;
    vd_blob_t blob;
    int snapshot = 0;
    (void)state;
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_int_equal(vd_client_use_endpoint(client, "host", "requests", endpoint), VD_OK);
    assert_int_equal(vd_client_use_endpoint(client, "host", "changes", "tcp://127.0.0.1:1"), VD_OK);
    assert_int_equal(vd_watch_new(&watch, client, "host", "requests", "changes", "state"), VD_OK);
    int64_t begun = mono_ms();
    while (who[1][0] == 0 && mono_ms() - begun < 30000) {
        assert_int_equal(vd_watch_next(watch, 100, &blob, &snapshot), VD_TIMED_OUT);
        char frame[64];
        int more = 0, length;
        size_t more_size = sizeof more;
        while ((length = zmq_recv(router, frame, sizeof frame, ZMQ_DONTWAIT)) > 0) {
            unsigned at = who[0][0] != 0 && memcmp(who[0] + 1, frame, (size_t)length) != 0;
            who[at][0] = 1;
            memcpy(who[at] + 1, frame, (size_t)length < 62 ? (size_t)length : 62);
            do
                zmq_getsockopt(router, ZMQ_RCVMORE, &more, &more_size);
            while (more && zmq_recv(router, frame, sizeof frame, ZMQ_DONTWAIT) >= 0);
        }
    }
    assert_true(who[1][0]);
    vd_watch_destroy(&watch);
    zmq_close(router);
    zmq_ctx_term(context);
}

/* A socket that a killed process has left behind refuses: that is no runtime either. */
static void a_deserted_socket_is_no_runtime(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char run[128];
    vd_blob_t blob;
    (void)state;
    snprintf(run, sizeof run, "%s/run", dir);
    assert_int_equal(mkdir(run, 0700), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run/ingestor.read", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    int64_t begun = mono_ms();
    assert_int_equal(vd_client_sessions(client, NULL, 0, 10000, &blob), VD_UNREACHABLE);
    assert_true(mono_ms() - begun < 1000);
}

/* Somebody who accepts and says nothing: the timeout holds. */
static void silence_ends_with_the_timeout(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char run[128];
    vd_blob_t blob;
    (void)state;
    snprintf(run, sizeof run, "%s/run", dir);
    assert_int_equal(mkdir(run, 0700), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run/ingestor.read", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    int64_t begun = mono_ms();
    assert_int_equal(vd_client_sessions(client, NULL, 0, 700, &blob), VD_TIMED_OUT);
    int64_t took = mono_ms() - begun;
    assert_in_range(took, 650, 3000);
    assert_non_null(strstr(vd_client_error(client), "ingestor"));
    close(fd);
}

static void bad_options_are_refused_before_anything_is_sent(void **state)
{
    vd_follow_t *follow = NULL;
    vd_producer_t *producer = NULL;
    vd_blob_t blob;
    static const vd_follow_options_t bad[] = {
        {.session = "no such name"},
        {.session = "s", .type = "a b"},
        {.session = "s", .from = VD_FROM_SEQ},
        {.session = "*", .from = VD_FROM_SEQ, .seq = 1},
        {.session = "*", .from = VD_FROM_TAIL, .seq = 1},
        {.session = "s", .from = VD_FROM_POSITION},
        {.session = "s", .from = VD_FROM_POSITION, .position = "0123456789abcdef:1:2"},
        {.session = "s", .from = VD_FROM_POSITION, .position = "0123456789abcdef:1:2:0g"},
        {.session = "s", .from = (vd_from_t)9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vd_follow_new(&follow, client, &bad[i], 0), VD_USAGE);
        assert_null(follow);
        assert_true(vd_client_error(client)[0] != 0);
    }
    assert_int_equal(vd_producer_open(&producer, client, "", NULL, NULL, 0), VD_USAGE);
    assert_int_equal(vd_client_snapshot(client, "../x", 0, &blob), VD_USAGE);
    assert_int_equal(vd_client_snapshot(client, "", 0, &blob), VD_USAGE);
    assert_int_equal(vd_wait(client, "host", "a ==", 0, &blob), VD_USAGE);
    assert_non_null(strstr(vd_client_error(client), "column 5: expected a value, found the end"));
    assert_int_equal(vd_wait(client, "host", NULL, 0, &blob), VD_USAGE);
    assert_int_equal(vd_wait(client, "../x", "true", 0, &blob), VD_USAGE);
    assert_int_equal(vd_wait(client, NULL, "true", 0, &blob), VD_USAGE);
    char name[128];
    memset(name, 'a', 100);
    name[100] = 0;
    assert_int_equal(vd_client_snapshot(client, name, 0, &blob), VD_USAGE);
}

static void a_directory_that_is_too_long_is_usage(void **state)
{
    char name[200] = "/tmp/";
    vd_blob_t blob;
    (void)state;
    memset(name + 5, 'x', 150);
    vd_client_t *other = vd_client_new(name);
    assert_non_null(other);
    assert_int_equal(vd_client_actors(other, 0, &blob), VD_USAGE);
    assert_non_null(strstr(vd_client_error(other), "too long"));
    vd_client_destroy(&other);
    vd_client_destroy(&other);
}

static void json_goes_there_and_back(void **state)
{
    static const char json[] =
        "{\"a\":[1,-2,9223372036854775807,2.5,null,true],\"b\":\"\xc3\xbc\"}";
    vd_blob_t value;
    (void)state;
    assert_int_equal(vd_client_pack(client, json, sizeof json - 1, &value), VD_OK);
    assert_string_equal(vd_client_json(client, value), json);
    assert_int_equal(vd_client_pack(client, "{\"a\":}", 6, &value), VD_MALFORMED);
    assert_non_null(strstr(vd_client_error(client), "line 1"));
    assert_null(vd_client_json(client, (vd_blob_t){(const uint8_t *)"\xdd\x08\0\0\0", 5}));
}

static void the_statuses_are_those_of_the_protocol(void **state)
{
    (void)state;
#define VD_STATUS(name, number, wire, exit_code, text)                                             \
    assert_int_equal(VD_##name, number);                                                           \
    assert_string_equal(vd_client_status_name(VD_##name), wire);                                   \
    assert_string_equal(vd_client_status_text(VD_##name), text);
#include "wire/status.def"
#undef VD_STATUS
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_runtime_everything_is_unreachable_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bad_ports_of_the_environment_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ports_may_be_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_watch_takes_other_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deserted_socket_is_no_runtime, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_ends_with_the_timeout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_options_are_refused_before_anything_is_sent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_too_long_is_usage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_goes_there_and_back, set_up, tear_down),
        cmocka_unit_test(the_statuses_are_those_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
