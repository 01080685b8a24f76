/* test_shell.c: a real actor in a process of its own: messages, garbage, timers, operations, the
 * end. */
#include "kit/actor.h"
#include "kit/metrics.h"
#include "unit/actor_under_test.h"
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

/* ---- the actor ---- */

enum { PORT_REQUESTS = 1, PORT_CHANGES, PORT_SELF, PORT_FEED };
enum { TIMER_LATER = 1, TIMER_NEVER = 2, OPERATION = 7 };

typedef struct test_core {
    vd_actor_t *actor;
    int handle;
    vd_peer_t asker;
    uint64_t correlation;
    int object;
    bool stubborn;
} test_core_t;

static void answer(test_core_t *self, uint64_t n, vd_bytes_t payload, vd_effects_t *effects)
{
    vd_message_t reply = {
        .id = VD_MESSAGE_SNAPSHOT, .correlation = self->correlation, .payload = payload};
    reply.snapshot.feed = vd_str("test");
    reply.snapshot.inc = vd_actor_inc(self->actor);
    reply.snapshot.n = n;
    reply.snapshot.complete = true;
    vd_effects_send(effects, PORT_REQUESTS, &self->asker, &reply);
}

static void take_request(test_core_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    vd_str_t what = input->message->get.feed;
    vd_peer_t me = vd_peer_named("me");
    if (!vd_str_is(what, "inner")) {
        self->asker = input->peer;
        self->correlation = input->message->correlation;
    }
    if (vd_str_is(what, "echo")) {
        answer(self, 0, input->message->payload, effects);
    } else if (vd_str_is(what, "inner")) {
        vd_message_t done = {.id = VD_MESSAGE_DONE};
        done.done.text = vd_str("inner");
        vd_effects_reply(effects, input, &done);
    } else if (vd_str_is(what, "later")) {
        vd_effects_timer(effects, TIMER_NEVER, now.mono_us + 150000);
        vd_effects_timer(effects, TIMER_LATER, now.mono_us + 300000);
        vd_effects_timer_clear(effects, TIMER_NEVER);
    } else if (vd_str_is(what, "do")) {
        vd_effects_do(effects, OPERATION, 9, &self->object);
        answer(self, 1, vd_bytes(NULL, 0), effects);
    } else if (vd_str_is(what, "publish")) {
        vd_message_t item = {.id = VD_MESSAGE_ITEM, .payload = vd_bytes("\x05", 1)};
        item.item.feed = vd_str("topic");
        item.item.inc = 1;
        item.item.n = 4;
        vd_effects_publish(effects, PORT_CHANGES, "topic", &item);
    } else if (vd_str_is(what, "relay")) {
        vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 77};
        get.get.feed = vd_str("inner");
        vd_effects_send(effects, PORT_SELF, &me, &get);
    } else if (vd_str_is(what, "flood")) {
        for (int at = 0; at < VD_EFFECTS_MAX + 1; at++)
            vd_effects_log(effects, VD_DEBUG, "flood");
    } else if (vd_str_is(what, "exit")) {
        vd_effects_exit(effects, VD_TIMED_OUT, "asked to fail");
    }
}

static void take_message(test_core_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects)
{
    if (input->port == PORT_REQUESTS && input->message->id == VD_MESSAGE_GET)
        take_request(self, now, input, effects);
    else if (input->port == PORT_REQUESTS)
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED, "not here");
    else if (input->port == PORT_SELF && input->message->correlation == 77 &&
             vd_peer_equal(&input->peer, &(vd_peer_t){.size = 2, .bytes = "me"}))
        answer(self, 5, vd_bytes(NULL, 0), effects);
    else if (input->port == PORT_FEED && input->message->id == VD_MESSAGE_ITEM)
        answer(self, input->message->item.n, input->message->payload, effects);
}

static void test_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    test_core_t *self = state;
    vd_peer_t me = vd_peer_named("me");
    switch (input->kind) {
    case VD_INPUT_START:
        vd_effects_connect(effects, PORT_SELF, &me, vd_actor_endpoint(self->actor, "requests"));
        vd_effects_connect(effects, PORT_FEED, &me, vd_actor_endpoint(self->actor, "changes"));
        vd_effects_subscribe(effects, PORT_FEED, "topic");
        break;
    case VD_INPUT_MESSAGE:
        take_message(self, now, input, effects);
        break;
    case VD_INPUT_TIMER:
        answer(self, input->id == TIMER_LATER ? 3 : 99, vd_bytes(NULL, 0), effects);
        break;
    case VD_INPUT_DONE:
        answer(self, input->token == 9 && *(const int *)input->result == 42 ? 2 : 99,
               vd_bytes(NULL, 0), effects);
        break;
    case VD_INPUT_STOP:
        if (!self->stubborn)
            vd_effects_exit(effects, VD_OK, "%s", "");
        break;
    }
}

static void perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect)
{
    test_core_t *self = arg;
    int result = effect->object == &self->object ? 42 : 0;
    vd_actor_complete(actor, self->handle, effect->id, effect->token, VD_OK, &result);
}

static int run_actor(int argc, char **argv)
{
    static const vd_config_row_t rows[] = {
        {.key = "stubborn", .type = VD_CONFIG_BOOL, .fallback = "false", .help = "never stops"},
        {.key = NULL},
    };
    static const vd_config_table_t tables[] = {{.path = "test", .help = "Test", .rows = rows}};
    static const vd_actor_spec_t spec = {
        .kind = "test", .default_name = "test", .config = tables, .config_count = 1};
    static const vd_port_t ports[] = {
        {PORT_REQUESTS, VD_PORT_ROUTER, "requests"},
        {PORT_CHANGES, VD_PORT_PUB, "changes"},
        {PORT_SELF, VD_PORT_DEALER, "self"},
        {PORT_FEED, VD_PORT_SUB, "feed"},
    };
    int exit_code;
    vd_actor_t *actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (actor == NULL)
        return exit_code;
    test_core_t core = {.actor = actor,
                        .stubborn = vd_config_bool(vd_actor_config(actor), "test", "stubborn")};
    vd_core_spec_t core_spec = {.name = "test",
                                .step = test_step,
                                .state = &core,
                                .ports = ports,
                                .port_count = sizeof ports / sizeof *ports,
                                .perform = perform,
                                .perform_arg = &core};
    core.handle = vd_actor_add_core(actor, &core_spec);
    exit_code = vd_actor_run(actor);
    vd_actor_destroy(&actor);
    return exit_code;
}

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
        return run_actor(argc - 1, argv + 1);
#define RUNNING(test) cmocka_unit_test_setup_teardown(test, set_up_running, tear_down)
#define STOPPED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RUNNING(answers_ping),
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
