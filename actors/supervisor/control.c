#include "state.h"

#include <assert.h>
#include <stdio.h>

typedef struct verb {
    const char *name;
    vd_child_event_t event;
    vd_child_want_t wanted; /* what is wanted from then on */
    bool keeps_wanted;
    const char *refused; /* "there is nothing to ..." */
} verb_t;

static const verb_t VERBS[] = {
    {"start", VD_CHILD_START, VD_WANT_UP, false, "start"},
    {"stop", VD_CHILD_STOP, VD_WANT_DOWN, false, "stop"},
    {"restart", VD_CHILD_RESTART, VD_WANT_UP, false, "restart"},
    {"kill", VD_CHILD_KILL, VD_WANT_UP, true, "kill"},
    {"pause", VD_CHILD_PAUSE, VD_WANT_UP, true, "pause"},
    {"resume", VD_CHILD_RESUME, VD_WANT_UP, true, "resume"},
};

#define VERB_COUNT (sizeof VERBS / sizeof VERBS[0])

static const verb_t *verb_of(vd_str_t name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (vd_str_is(name, VERBS[i].name))
            return &VERBS[i];
    return NULL;
}

static void carry_out(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                      vd_child_t *child, const verb_t *verb, vd_effects_t *effects)
{
    vd_child_state_t before = child->state;
    vd_child_want_t wanted_before = child->wanted;
    if (!verb->keeps_wanted)
        child->wanted = verb->wanted;
    vd_child_action_t action = VD_CHILD_NOTHING;
    bool starts = verb->event == VD_CHILD_START || verb->event == VD_CHILD_RESTART;
    if (!starts || !child->held)
        action = vd_supervisor_apply(self, now, child, verb->event, effects);
    if (action == VD_CHILD_REFUSE) {
        vd_effects_reply_error(effects, input, VD_NOT_READY, "%s is %s: there is nothing to %s",
                               child->name, vd_child_state_name(before), verb->refused);
        return;
    }
    if (child->wanted != wanted_before && child->state == before)
        vd_supervisor_publish(self, child, effects);
    vd_effects_log(effects, VD_INFO, "%s: %s as asked", child->name, verb->name);
    char text[VD_TEXT_BYTES_MAX];
    (void)snprintf(text, sizeof text, "%s: %s, was %s", child->name, verb->name,
                   vd_child_state_name(before));
    vd_message_t reply = {.id = VD_MESSAGE_DONE, .done = {.text = vd_str(text)}};
    vd_effects_reply(effects, input, &reply);
}

static void answer_control(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                           vd_effects_t *effects)
{
    const vd_control_body_t *body = &input->message->control;
    const verb_t *verb = verb_of(body->verb);
    int size = (int)body->actor.size;
    const char *actor = (const char *)body->actor.data;
    if (!verb) {
        vd_effects_reply_error(effects, input, VD_USAGE,
                               "unknown verb \"%.*s\"; known are start, stop, restart, kill, "
                               "pause and resume",
                               (int)body->verb.size, (const char *)body->verb.data);
        return;
    }
    if (vd_str_is(body->actor, "supervisor")) {
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "the supervisor does not %s itself; end the runtime with: "
                               "vedette down",
                               verb->name);
        return;
    }
    char name[VD_NAME_BYTES_MAX + 1];
    vd_child_t *child = NULL;
    if (vd_str_copy(name, sizeof name, body->actor))
        child = vd_supervisor_find(self, name);
    if (!child)
        vd_effects_reply_error(effects, input, VD_NOT_FOUND,
                               "no actor \"%.*s\" here; see: vedette ps", size, actor);
    else if (self->stopping)
        vd_effects_reply_error(effects, input, VD_CANCELLED,
                               "the runtime is stopping; %s is left to that", child->name);
    else
        carry_out(self, now, input, child, verb, effects);
}

bool vd_control_all_ready(const vd_supervisor_t *self)
{
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        const vd_child_t *child = &self->children[i];
        if (child->name[0] != '\0' && child->wanted == VD_WANT_UP && !vd_child_is_up(child))
            return false;
    }
    return self->session.state == VD_SESSION_OPEN;
}

/* What is wrong, for people: the first actor that is not as it is wanted, failed ones before
 * others. */
static const vd_child_t *worst(const vd_supervisor_t *self)
{
    const vd_child_t *found = NULL;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        const vd_child_t *child = &self->children[i];
        if (child->name[0] == '\0' || child->wanted != VD_WANT_UP || vd_child_is_up(child))
            continue;
        if (!found || (child->state == VD_CHILD_FAILED && found->state != VD_CHILD_FAILED))
            found = child;
    }
    return found;
}

static const char *runtime_state(const vd_supervisor_t *self, const vd_child_t *bad)
{
    if (self->stopping)
        return "stopping";
    if (self->session.state == VD_SESSION_REFUSED || (bad && bad->state == VD_CHILD_FAILED))
        return "failed";
    if (vd_control_all_ready(self))
        return "ready";
    return self->was_ready ? "degraded" : "starting";
}

static void answer_status(const vd_supervisor_t *self, const vd_input_t *input,
                          vd_effects_t *effects)
{
    uint64_t wanted = 0;
    uint64_t ready = 0;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        const vd_child_t *child = &self->children[i];
        wanted += child->name[0] != '\0' && child->wanted == VD_WANT_UP;
        ready += child->name[0] != '\0' && vd_child_is_up(child);
    }
    const vd_child_t *bad = worst(self);
    char text[VD_TEXT_BYTES_MAX] = "";
    if (bad)
        (void)snprintf(text, sizeof text, "%s %s%s%s%s", bad->name,
                       bad->state == VD_CHILD_BACKOFF  ? "waits to be started again"
                       : bad->state == VD_CHILD_FAILED ? "has failed"
                                                       : "is ",
                       bad->state == VD_CHILD_BACKOFF || bad->state == VD_CHILD_FAILED
                           ? ""
                           : vd_child_state_name(bad->state),
                       bad->reason[0] ? ": " : "", bad->reason);
    else if (self->session.text[0] != '\0')
        (void)snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, self->session.text);
    vd_message_t reply = {.id = VD_MESSAGE_STATUS_IS};
    reply.status_is = (vd_status_is_body_t){
        .state = vd_str(runtime_state(self, bad)),
        .session = vd_str(self->session.id),
        .pid = self->setup.pid,
        .started_ms = self->started_ms,
        .actors = wanted,
        .ready = ready,
        .version = vd_str(VD_VERSION),
        .data = vd_str(self->setup.data),
        .text = vd_str(text),
    };
    vd_effects_reply(effects, input, &reply);
}

static void write_children(void *arg, vd_buffer_t *out)
{
    const vd_supervisor_t *self = arg;
    uint32_t count = 0;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++)
        count += self->children[i].name[0] != '\0';
    vd_write_array(out, count);
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        if (self->children[i].name[0] == '\0')
            continue;
        vd_child_record_t record;
        vd_child_describe(&self->children[i], &record);
        vd_status_t status = vd_record_encode(VD_RECORD_child, &record, out);
        assert(status == VD_OK || out->full);
        (void)status;
    }
}

bool vd_control_answer(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects)
{
    assert(self && input && input->message);
    if (input->port != VD_SUPERVISOR_CONTROL)
        return false;
    if (vd_feed_answer(&self->lifecycle, input, effects, write_children, self, &self->scratch))
        return true;
    vd_message_t done = {.id = VD_MESSAGE_DONE, .done = {.text = vd_str("stopping")}};
    switch (input->message->id) {
    case VD_MESSAGE_CONTROL:
        answer_control(self, now, input, effects);
        return true;
    case VD_MESSAGE_STATUS:
        answer_status(self, input, effects);
        return true;
    case VD_MESSAGE_SHUTDOWN:
        vd_effects_reply(effects, input, &done);
        if (!self->stopping)
            vd_order_stop(self, now, effects);
        return true;
    default:
        vd_effects_reply_error(effects, input, VD_UNSUPPORTED,
                               "the supervisor does not answer %s on its control port",
                               vd_message_name(input->message->id));
        return true;
    }
}
