/* test_shell_threads.c: an actor of two threads: what stops one is seen from outside, and each
 * tells what the process lacks. */
#include "kit/actor.h"
#include "kit/shell.h"
#include "unit/actor_under_test.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { PORT = 1, SILENCE_MS = 3000 };

/* ---- the actor: "main" on the loop, "side" in a thread of its own ---- */

typedef struct two_threads {
    vd_actor_t *actor;
    vd_shell_t *shell; /* of the other thread */
    zloop_t *loop;
    sem_t held;
} two_threads_t;

static void answer(const vd_input_t *input, vd_effects_t *effects)
{
    vd_message_t reply = {.id = VD_MESSAGE_DONE, .done = {.text = vd_str("so it is")}};
    vd_effects_reply(effects, input, &reply);
}

static void main_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    two_threads_t *self = state;
    (void)now;
    if (input->kind == VD_INPUT_STOP) {
        vd_effects_exit(effects, VD_OK, "%s", "");
    } else if (input->kind == VD_INPUT_MESSAGE) {
        if (vd_str_is(input->message->get.feed, "let go"))
            sem_post(&self->held);
        else
            vd_actor_set_trouble(self->actor, "no room");
        answer(input, effects);
    }
}

static void side_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    two_threads_t *self = state;
    (void)now;
    if (input->kind != VD_INPUT_MESSAGE)
        return;
    answer(input, effects);
    while (vd_str_is(input->message->get.feed, "stick") && sem_wait(&self->held) != 0)
        continue;
}

static int never_ends(void *arg)
{
    (void)arg;
    return 0;
}

static void *run_side(void *arg)
{
    two_threads_t *self = arg;
    zloop_start(self->loop);
    return NULL;
}

static void add_cores(two_threads_t *self)
{
    static const vd_port_t main_ports[] = {{PORT, VD_PORT_ROUTER, "requests"}};
    static const vd_port_t side_ports[] = {{PORT, VD_PORT_ROUTER, "side"}};
    vd_core_spec_t core = {
        .name = "main", .step = main_step, .state = self, .ports = main_ports, .port_count = 1};
    vd_shell_spec_t spec = {.actor = self->actor,
                            .name = vd_actor_name(self->actor),
                            .inc = vd_actor_inc(self->actor),
                            .paths = vd_actor_paths(self->actor),
                            .loop = self->loop,
                            .settle = never_ends};
    vd_status_t status = VD_OK;
    int handle = vd_actor_add_core(self->actor, &core);
    self->shell = vd_shell_new(&spec);
    assert_true(handle >= 0 && self->shell != NULL);
    core = (vd_core_spec_t){
        .name = "side", .step = side_step, .state = self, .ports = side_ports, .port_count = 1};
    assert_true(vd_shell_add(self->shell, &core, &status) >= 0);
    assert_int_equal(vd_actor_add_shell(self->actor, self->shell), VD_OK);
}

static int run_actor(int argc, char **argv)
{
    static const vd_actor_spec_t spec = {.kind = "test", .default_name = "test"};
    two_threads_t self = {.loop = zloop_new()};
    pthread_t thread;
    int exit_code = 0;
    self.actor = vd_actor_new(argc, argv, &spec, &exit_code);
    if (self.actor == NULL || sem_init(&self.held, 0, 0) != 0)
        return exit_code;
    add_cores(&self);
    zloop_set_nonstop(self.loop, true);
    if (pthread_create(&thread, NULL, run_side, &self) != 0)
        return 1;
    exit_code = vd_actor_run(self.actor);
    _exit(exit_code); /* the other thread may stick for ever: that is what is tested */
}

/* ---- the tests ---- */

typedef struct fixture {
    vd_aut_t aut;
    void *context;
    void *requests, *side;
} fixture_t;

static int set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof *self);
    vd_aut_init(&self->aut);
    self->context = zmq_ctx_new();
    vd_aut_start(&self->aut, NULL);
    if (!vd_aut_await(&self->aut, "ready"))
        return -1;
    self->requests = vd_aut_dealer(&self->aut, self->context, "test", "requests");
    self->side = vd_aut_dealer(&self->aut, self->context, "test", "side");
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *self = *state;
    zmq_close(self->requests);
    zmq_close(self->side);
    zmq_ctx_term(self->context);
    vd_aut_free(&self->aut);
    free(self);
    return 0;
}

static void tell(void *socket, const char *what)
{
    vd_message_t get = {.id = VD_MESSAGE_GET, .correlation = 1};
    get.get.feed = vd_str(what);
    vd_aut_send(socket, &get);
}

static void await_answer(void *socket)
{
    vd_message_t reply;
    assert_true(vd_aut_receive(socket, &reply));
    assert_int_equal(reply.id, VD_MESSAGE_DONE);
}

static void ask(void *socket, const char *what)
{
    tell(socket, what);
    await_answer(socket);
}

static void assert_trouble(void *socket, const char *text)
{
    vd_message_t ping = {.id = VD_MESSAGE_PING, .correlation = 2};
    vd_message_t reply;
    vd_aut_send(socket, &ping);
    assert_true(vd_aut_receive(socket, &reply));
    assert_int_equal(reply.id, VD_MESSAGE_PONG);
    assert_true(vd_str_is(reply.pong.trouble, text));
}

/* Takes what stands on the notify pipe until nothing comes for SILENCE_MS; how many bytes that
 * was. */
static size_t until_silent(fixture_t *self)
{
    size_t count = 0;
    char byte;
    struct pollfd item = {.fd = self->aut.notify_fd, .events = POLLIN};
    while (poll(&item, 1, SILENCE_MS) > 0 && count < 100) {
        assert_int_equal(read(item.fd, &byte, 1), 1);
        count++;
    }
    return count;
}

static void a_thread_that_sticks_is_no_life(void **state)
{
    fixture_t *self = *state;
    assert_true(vd_aut_await(&self->aut, "alive"));
    assert_true(vd_aut_await(&self->aut, "alive"));
    tell(self->side, "stick");
    /* One may have been told before, and one for the turns before it stuck. */
    assert_in_range(until_silent(self), 0, 2 * sizeof "alive");
    ask(self->requests, "let go");
    await_answer(self->side);
    assert_true(vd_aut_await(&self->aut, "alive"));
    kill(self->aut.pid, SIGTERM);
    assert_int_equal(vd_aut_wait(&self->aut), 0);
}

static void trouble_is_told_by_both(void **state)
{
    fixture_t *self = *state;
    assert_trouble(self->requests, "");
    assert_trouble(self->side, "");
    ask(self->requests, "make trouble");
    assert_trouble(self->requests, "no room");
    assert_trouble(self->side, "no room");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "actor") == 0)
        return run_actor(argc - 1, argv + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thread_that_sticks_is_no_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trouble_is_told_by_both, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
