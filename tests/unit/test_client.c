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
