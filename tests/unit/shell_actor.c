/* shell_actor.c: an actor with a port of each kind that does what it is asked. */
#include "unit/shell_actor.h"

#include "kit/actor.h"

enum { PORT_REQUESTS = 1, PORT_CHANGES, PORT_SELF, PORT_FEED };
enum { TIMER_LATER = 1, TIMER_NEVER = 2, OPERATION = 7 };

typedef struct test_core {
    vd_actor_t *actor;
    int handle;
    vd_peer_t asker;
    uint64_t correlation;
    int object;
    uint64_t requests;
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
    self->requests++;
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

static void tell_metrics(const void *state, vd_metric_list_t *list)
{
    vd_metric(list, "test_requests", ((const test_core_t *)state)->requests);
}

int shell_actor_run(int argc, char **argv)
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
                                .perform_arg = &core,
                                .metrics = tell_metrics};
    core.handle = vd_actor_add_core(actor, &core_spec);
    exit_code = vd_actor_run(actor);
    vd_actor_destroy(&actor);
    return exit_code;
}
