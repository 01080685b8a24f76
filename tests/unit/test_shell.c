/* test_shell.c: a real actor in a process of its own: messages, garbage, timers, operations, the
 * end. */
#include "kit/actor.h"
#include "kit/metrics.h"
#include "unit/actor_under_test.h"
#include "unit/shell_actor.h"
#include "wire/run.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- the tests ---- */

typedef struct fixture {
    vd_aut_t aut;
    void *context;
    void *socket;
    uint64_t correlation;
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    vd_aut_init(&self->aut);
    self->context = zmq_ctx_new();
    *state = self;
    return 0;
}

static int set_up_running(void **state)
{
    set_up(state);
    fixture_t *self = *state;
    vd_aut_start(&self->aut, NULL);
    if (!vd_aut_await(&self->aut, "ready"))
        return -1;
    self->socket = vd_aut_dealer(&self->aut, self->context, "test", "requests");
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    if (self->socket != NULL)
        zmq_close(self->socket);
    zmq_ctx_term(self->context);
    vd_aut_free(&self->aut);
    free(self);
    return 0;
}

static vd_message_t ask(fixture_t *self, const char *what, vd_bytes_t payload)
{
    vd_message_t get = {
        .id = VD_MESSAGE_GET, .correlation = ++self->correlation, .payload = payload};
    get.get.feed = vd_str(what);
    vd_aut_send(self->socket, &get);
    vd_message_t reply = {.id = 0};
    assert_true(vd_aut_receive(self->socket, &reply));
    assert_int_equal(reply.correlation, self->correlation);
    return reply;
}

static vd_message_t ping(fixture_t *self)
{
    vd_message_t message = {.id = VD_MESSAGE_PING, .correlation = ++self->correlation};
    vd_aut_send(self->socket, &message);
    vd_message_t reply = {.id = 0};
    assert_true(vd_aut_receive(self->socket, &reply));
    assert_int_equal(reply.id, VD_MESSAGE_PONG);
    assert_int_equal(reply.correlation, self->correlation);
    return reply;
}

static void answers_ping(void **state)
{
    fixture_t *self = *state;
    vd_message_t pong = ping(self);
    assert_true(vd_str_is(pong.pong.name, "test"));
    assert_true(pong.pong.inc != 0);
    assert_int_equal(pong.pong.pid, self->aut.pid);
    assert_true(vd_str_is(pong.pong.version, VD_VERSION));
    assert_int_equal(pong.pong.garbage, 0);
}

/* More than one burst, and nothing comes behind it that would wake the loop. */
static void takes_all_that_came_while_it_stood_still(void **state)
{
    enum { MESSAGES = 600 };
    fixture_t *self = *state;
    ping(self);
    kill(self->aut.pid, SIGSTOP);
    for (uint64_t i = 1; i <= MESSAGES; i++) {
        vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = self->correlation + i};
        get.get.feed = vd_str("echo");
        vd_aut_send(self->socket, &get);
    }
    kill(self->aut.pid, SIGCONT);
    for (uint64_t i = 1; i <= MESSAGES; i++) {
        vd_message_t reply = {.id = 0};
        assert_true(vd_aut_receive(self->socket, &reply));
        assert_int_equal(reply.correlation, self->correlation + i);
    }
}

/* The number under `name` in an answer to GET metrics. */
static uint64_t metric(const vd_message_t *reply, const char *name)
{
    vd_value_t map, value;
    assert_int_equal(reply->id, VD_MESSAGE_SNAPSHOT);
    assert_true(vd_str_is(reply->snapshot.feed, "metrics"));
    assert_int_equal(vd_scan_exact(reply->payload, 2), VD_OK);
    assert_true(vd_value_of(reply->payload, &map) && map.kind == VD_KIND_MAP);
    if (!vd_value_get(&map, name, &value))
        fail_msg("no number %s", name);
    assert_int_equal(value.kind, VD_KIND_U64);
    return value.u64;
}

static void tells_its_metrics(void **state)
{
    fixture_t *self = *state;
    vd_message_t reply = ask(self, "metrics", vd_bytes(NULL, 0));
    assert_true(reply.snapshot.inc != 0 && reply.snapshot.complete);
    assert_int_equal(metric(&reply, "garbage"), 0);
    uint64_t in = metric(&reply, "frames_in"), out = metric(&reply, "frames_out");
    assert_true(metric(&reply, "rss_anon_bytes") > 65536);
    assert_true(metric(&reply, "cpu_ms") < 60000);
    assert_true(metric(&reply, "uptime_ms") < 60000);
    assert_int_equal(metric(&reply, "test_requests"),
                     0); /* the core's own; it never saw this one */
    ask(self, "echo", vd_bytes(NULL, 0));
    vd_aut_send_raw(self->socket, &(vd_bytes_t){(const uint8_t *)"x", 1}, 1);
    assert_true(vd_aut_receive(self->socket, &reply));
    reply = ask(self, "metrics", vd_bytes(NULL, 0));
    assert_int_equal(metric(&reply, "garbage"), 1);
    assert_int_equal(metric(&reply, "frames_in"), in + 3);
    assert_int_equal(metric(&reply, "frames_out"), out + 3);
    assert_int_equal(metric(&reply, "test_requests"), 1);
    assert_true(metric(&reply, "steps") >= 2);
}

static void carries_messages_and_payloads(void **state)
{
    fixture_t *self = *state;
    vd_message_t reply = ask(self, "echo", vd_bytes(NULL, 0));
    assert_int_equal(reply.id, VD_MESSAGE_SNAPSHOT);
    assert_int_equal(reply.payload.size, 0);
    size_t size = 1000000;
    uint8_t *bytes = malloc(size);
    memset(bytes, 7, size);
    reply = ask(self, "echo", vd_bytes(bytes, size));
    assert_true(vd_bytes_equal(reply.payload, vd_bytes(bytes, size)));
    free(bytes);
    vd_message_t stop = {.id = VD_MESSAGE_SHUTDOWN, .correlation = 5};
    vd_aut_send(self->socket, &stop);
    assert_true(vd_aut_receive(self->socket, &reply));
    assert_int_equal(reply.id, VD_MESSAGE_ERROR);
    assert_true(vd_str_is(reply.error.status, "unsupported"));
}

static void keeps_timers_and_clears_them(void **state)
{
    fixture_t *self = *state;
    vd_message_t reply = ask(self, "later", vd_bytes(NULL, 0));
    assert_int_equal(reply.snapshot.n, 3);
}

static void begins_operations_after_the_other_effects(void **state)
{
    fixture_t *self = *state;
    vd_message_t reply = ask(self, "do", vd_bytes(NULL, 0));
    assert_int_equal(reply.snapshot.n, 1);
    assert_true(vd_aut_receive(self->socket, &reply));
    assert_int_equal(reply.snapshot.n, 2);
}

static void talks_through_connecting_ports(void **state)
{
    fixture_t *self = *state;
    vd_message_t reply = ask(self, "relay", vd_bytes(NULL, 0));
    assert_int_equal(reply.snapshot.n, 5);
    reply = ask(self, "publish", vd_bytes(NULL, 0));
    assert_int_equal(reply.snapshot.n, 4);
    assert_true(vd_bytes_equal(reply.payload, vd_bytes("\x05", 1)));
}

static void tells_that_effects_were_lost(void **state)
{
    fixture_t *self = *state;
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 1};
    get.get.feed = vd_str("flood");
    vd_aut_send(self->socket, &get);
    assert_true(vd_aut_log_has(&self->aut, "effects of a step were lost"));
    ping(self);
}

/* ---- garbage ---- */

typedef struct garbage_row {
    const char *what;
    const char *status;
    vd_bytes_t frames[5];
    size_t count;
} garbage_row_t;

#define FRAME(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define GOOD_HEADER FRAME("\x93\x01\x03\x05") /* version 1, PING, correlation 5 */
#define GOOD_BODY   FRAME("\x80")

static void survives_garbage(void **state)
{
    static uint8_t huge[300000];
    const garbage_row_t rows[] = {
        {"one empty frame", "malformed", {FRAME("")}, 1},
        {"a header alone", "malformed", {GOOD_HEADER}, 1},
        {"two empty frames", "malformed", {FRAME(""), FRAME("")}, 2},
        {"no MessagePack", "malformed", {FRAME("\xc1\xc1"), GOOD_BODY}, 2},
        {"text for a header", "malformed", {FRAME("GET / HTTP/1.1"), GOOD_BODY}, 2},
        {"a bomb for a header", "malformed", {FRAME("\xdd\x08\x00\x00\x00"), GOOD_BODY}, 2},
        {"a bomb for a body", "malformed", {GOOD_HEADER, FRAME("\xdd\x08\x00\x00\x00")}, 2},
        {"a body that is no map", "malformed", {GOOD_HEADER, FRAME("\x01")}, 2},
        {"a cut body",
         "malformed",
         {GOOD_HEADER, FRAME("\x81\xa4"
                             "fe")},
         2},
        {"too many frames", "malformed", {GOOD_HEADER, GOOD_BODY, FRAME("a"), FRAME("b")}, 4},
        {"far too many frames",
         "malformed",
         {GOOD_HEADER, GOOD_BODY, FRAME("a"), FRAME("b"), FRAME("c")},
         5},
        {"a huge header", NULL, {{huge, sizeof huge}, GOOD_BODY}, 2},
        {"a huge body", NULL, {GOOD_HEADER, {huge, sizeof huge}}, 2},
        {"a newer version", "unsupported", {FRAME("\x93\x02\x03\x05"), GOOD_BODY}, 2},
        {"an unknown message", "unsupported", {FRAME("\x93\x01\xcd\x7f\xff\x05"), GOOD_BODY}, 2},
        {"a missing field", "missing_field", {FRAME("\x93\x01\x20\x05"), GOOD_BODY}, 2},
        {"a field of another type",
         "wrong_type",
         {FRAME("\x93\x01\x20\x05"), FRAME("\x81\xa4"
                                           "feed\x01")},
         2},
    };
    fixture_t *self = *state;
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        vd_aut_send_raw(self->socket, rows[at].frames, rows[at].count);
        vd_message_t reply = {.id = 0};
        if (!vd_aut_receive(self->socket, &reply) || reply.id != VD_MESSAGE_ERROR)
            fail_msg("%s: no ERROR came back", rows[at].what);
        if (rows[at].status != NULL && !vd_str_is(reply.error.status, rows[at].status))
            fail_msg("%s: %.*s", rows[at].what, (int)reply.error.status.size,
                     (const char *)reply.error.status.data);
        assert_true(reply.error.text.size > 10);
        if (rows[at].status != NULL && strcmp(rows[at].status, "unsupported") == 0)
            assert_int_equal(reply.correlation, 5);
        assert_int_equal(ping(self).pong.garbage, at + 1);
    }
}

static void survives_a_frame_over_the_limit(void **state)
{
    fixture_t *self = *state;
    void *other = vd_aut_dealer(&self->aut, self->context, "test", "requests");
    size_t size = VD_FRAME_BYTES_MAX + 1;
    uint8_t *bytes = calloc(1, size);
    vd_bytes_t frames[] = {GOOD_HEADER, {bytes, size}};
    vd_aut_send_raw(other, frames, 2);
    free(bytes);
    ping(self);
    zmq_close(other);
}

static void drops_answers_to_those_who_left(void **state)
{
    fixture_t *self = *state;
    void *other = vd_aut_dealer(&self->aut, self->context, "test", "requests");
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 1};
    get.get.feed = vd_str("later");
    vd_aut_send(other, &get);
    vd_message_t ping_message = {.id = VD_MESSAGE_PING, .correlation = 2};
    vd_aut_send(other, &ping_message);
    vd_message_t reply;
    assert_true(vd_aut_receive(other, &reply)); /* so the request has arrived */
    zmq_close(other);
    assert_true(vd_aut_await(&self->aut, "alive"));
    assert_true(vd_aut_await(&self->aut, "alive"));
    ping(self);
    kill(self->aut.pid, SIGTERM);
    assert_int_equal(vd_aut_wait(&self->aut), 0);
    assert_true(vd_aut_log_has(&self->aut, " drops=1 "));
}

/* ---- life ---- */

static void stops_in_good_order(void **state)
{
    fixture_t *self = *state;
    assert_true(vd_aut_await(&self->aut, "alive"));
    kill(self->aut.pid, SIGTERM);
    assert_int_equal(vd_aut_wait(&self->aut), 0);
    assert_true(vd_aut_log_has(&self->aut, "INFO  test: ready"));
    assert_true(vd_aut_log_has(&self->aut, "ended, exit code 0"));
    char path[128];
    snprintf(path, sizeof path, "%s/run/test.requests", self->aut.dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void ends_with_the_status_of_its_core(void **state)
{
    fixture_t *self = *state;
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 1};
    get.get.feed = vd_str("exit");
    vd_aut_send(self->socket, &get);
    assert_int_equal(vd_aut_wait(&self->aut), 124);
    assert_true(vd_aut_log_has(&self->aut, "asked to fail"));
}

static void ends_when_its_supervisor_is_gone(void **state)
{
    fixture_t *self = *state;
    close(self->aut.notify_fd);
    self->aut.notify_fd = -1;
    assert_int_equal(vd_aut_wait(&self->aut), 0);
    assert_true(vd_aut_log_has(&self->aut, "the supervisor is gone"));
}

static void is_refused_while_another_runs(void **state)
{
    fixture_t *self = *state;
    vd_aut_t second = {.notify_fd = -1, .stderr_fd = -1};
    memcpy(second.dir, self->aut.dir, sizeof second.dir);
    vd_aut_start(&second, NULL);
    assert_int_equal(vd_aut_wait(&second), 1);
    char text[64];
    snprintf(text, sizeof text, "already running with pid %ld", (long)self->aut.pid);
    assert_true(vd_aut_log_has(&second, text));
    close(second.notify_fd);
    close(second.stderr_fd);
    ping(self); /* and the first was not harmed */
    kill(self->aut.pid, SIGKILL);
    assert_int_equal(vd_aut_wait(&self->aut), 128 + SIGKILL);
    close(self->aut.notify_fd);
    close(self->aut.stderr_fd);
    vd_aut_start(&self->aut,
                 NULL); /* the lock and the socket files of a killed one do not matter */
    assert_true(vd_aut_await(&self->aut, "ready"));
    ping(self);
}

static void write_config(fixture_t *self, char path[128], const char *text)
{
    snprintf(path, 128, "%s/test.toml", self->aut.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Runs the actor with a configuration to its end. */
static int run_with(fixture_t *self, const char *config)
{
    char path[128];
    write_config(self, path, config);
    vd_aut_start(&self->aut, (const char *const[]){"--config", path, NULL});
    int code = vd_aut_wait(&self->aut);
    close(self->aut.notify_fd);
    close(self->aut.stderr_fd);
    self->aut.notify_fd = self->aut.stderr_fd = -1;
    return code;
}

static void refuses_what_it_cannot_start_with(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(run_with(self, "[test]\nstuborn = true\n"), 2);
    assert_non_null(strstr(self->aut.log, "test.toml:2: "));
    assert_non_null(strstr(self->aut.log, "did you mean \"stubborn\"?"));
    assert_int_equal(run_with(self, "[network]\nbind = [\"test.requests=tcp://0.0.0.0:17711\"]\n"),
                     2);
    assert_non_null(strstr(self->aut.log, "tcp://0.0.0.0:17711 is refused"));
    assert_int_equal(run_with(self, "[network]\nbind = [\"test.control=tcp://127.0.0.1:17711\"]\n"),
                     2);
    assert_non_null(strstr(self->aut.log, "control stays"));
    assert_int_equal(run_with(self, "[network]\nbind = [\"test.nothing=tcp://127.0.0.1:17711\"]\n"),
                     2);
    assert_non_null(strstr(self->aut.log, "no port nothing"));
    assert_int_equal(run_with(self, "[runtime]\nlog_level = \"loud\"\n"), 2);
    vd_aut_start(&self->aut, (const char *const[]){"--nonsense", NULL});
    assert_int_equal(vd_aut_wait(&self->aut), 2);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void binds_to_loopback_where_the_configuration_says_so(void **state)
{
    fixture_t *self = *state;
    char path[128], text[256], endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", free_port());
    snprintf(text, sizeof text,
             "[network]\nbind = [\"other.requests=tcp://127.0.0.1:5\", "
             "\"test.requests=%s\"]\n",
             endpoint);
    write_config(self, path, text);
    vd_aut_start(&self->aut, (const char *const[]){"--config", path, NULL});
    assert_true(vd_aut_await(&self->aut, "ready"));
    self->socket = vd_aut_dealer(&self->aut, self->context, "test", "requests");
    ping(self);
    assert_int_equal(zmq_connect(self->socket, endpoint), 0);
    char ipc[128];
    snprintf(ipc, sizeof ipc, "ipc://%s/run/test.requests", self->aut.dir);
    assert_int_equal(zmq_disconnect(self->socket, ipc), 0);
    ping(self);
}

static void ends_at_once_on_a_second_signal(void **state)
{
    fixture_t *self = *state;
    char path[128];
    write_config(self, path, "[test]\nstubborn = true\n");
    vd_aut_start(&self->aut, (const char *const[]){"--config", path, "--log-json", NULL});
    assert_true(vd_aut_await(&self->aut, "ready"));
    assert_true(
        vd_aut_log_has(&self->aut, "\"level\":\"info\",\"actor\":\"test\",\"text\":\"ready"));
    kill(self->aut.pid, SIGTERM);
    assert_true(vd_aut_log_has(&self->aut, "stopping"));
    kill(self->aut.pid, SIGTERM);
    assert_int_equal(vd_aut_wait(&self->aut), 1);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "actor") == 0)
        return shell_actor_run(argc - 1, argv + 1);
#define RUNNING(test) cmocka_unit_test_setup_teardown(test, set_up_running, tear_down)
#define STOPPED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RUNNING(answers_ping),
        RUNNING(takes_all_that_came_while_it_stood_still),
        RUNNING(tells_its_metrics),
        RUNNING(carries_messages_and_payloads),
        RUNNING(keeps_timers_and_clears_them),
        RUNNING(begins_operations_after_the_other_effects),
        RUNNING(talks_through_connecting_ports),
        RUNNING(tells_that_effects_were_lost),
        RUNNING(survives_garbage),
        RUNNING(survives_a_frame_over_the_limit),
        RUNNING(drops_answers_to_those_who_left),
        RUNNING(stops_in_good_order),
        RUNNING(ends_with_the_status_of_its_core),
        RUNNING(ends_when_its_supervisor_is_gone),
        RUNNING(is_refused_while_another_runs),
        STOPPED(refuses_what_it_cannot_start_with),
        STOPPED(binds_to_loopback_where_the_configuration_says_so),
        STOPPED(ends_at_once_on_a_second_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
