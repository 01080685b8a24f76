#include "supervisor.h"
#include "state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define LIFECYCLE_ITEMS 256
#define LIFECYCLE_BYTES 131072

vd_supervisor_t *vd_supervisor_new(const vd_supervisor_setup_t *setup)
{
    assert(setup && setup->session[0] != '\0');
    assert(setup->session_roll_us > 0 && setup->session_roll_events > 0);
    assert(setup->pollers_max >= 1 && setup->pollers_max <= VD_SUPERVISOR_POLLERS_MAX);
    assert(setup->fixed_count <= VD_SUPERVISOR_FIXED_MAX);
    vd_supervisor_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->setup = *setup;
    self->timer_us = VD_CHILD_NO_DEADLINE;
    vd_buffer_init(&self->scratch, VD_SNAPSHOT_BYTES_MAX);
    vd_feed_reader_init(&self->membership, "membership", VD_SUPERVISOR_BROKER,
                        VD_SUPERVISOR_MEMBERSHIP, VD_TIMER_FEED, &VD_POLLERS_HANDLER, self);
    if (!vd_sources_init(&self->sources) ||
        !vd_session_init(&self->session, setup->session, &setup->session_ids, setup->inc,
                         VD_SUPERVISOR_INGESTOR, VD_TIMER_EMIT) ||
        !vd_feed_publisher_init(&self->lifecycle, "lifecycle", setup->inc, VD_SUPERVISOR_LIFECYCLE,
                                LIFECYCLE_ITEMS, LIFECYCLE_BYTES))
        vd_supervisor_destroy(&self);
    return self;
}

void vd_supervisor_destroy(vd_supervisor_t **self)
{
    assert(self);
    if (!*self)
        return;
    vd_session_free(&(*self)->session);
    vd_sources_free(&(*self)->sources);
    vd_feed_publisher_free(&(*self)->lifecycle);
    vd_buffer_free(&(*self)->scratch);
    free(*self);
    *self = NULL;
}

vd_child_t *vd_supervisor_find(vd_supervisor_t *self, const char *name)
{
    assert(self && name && name[0] != '\0');
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++)
        if (strcmp(self->children[i].name, name) == 0)
            return &self->children[i];
    return NULL;
}

const vd_child_t *vd_supervisor_child(const vd_supervisor_t *self, const char *name)
{
    return vd_supervisor_find((vd_supervisor_t *)self, name);
}

void vd_supervisor_publish(vd_supervisor_t *self, const vd_child_t *child, vd_effects_t *effects)
{
    vd_child_record_t record;
    vd_child_describe(child, &record);
    vd_buffer_clear(&self->scratch);
    vd_status_t status = vd_record_encode(VD_RECORD_child, &record, &self->scratch);
    assert(status == VD_OK);
    (void)status;
    (void)vd_feed_publish(&self->lifecycle, effects, vd_buffer_view(&self->scratch));
}

vd_child_t *vd_supervisor_add(vd_supervisor_t *self, vd_now_t now, const char *name,
                              const char *kind, const char *program, uint8_t rank,
                              vd_effects_t *effects)
{
    assert(rank < VD_RANKS && !vd_supervisor_find(self, name));
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        vd_child_t *child = &self->children[i];
        if (child->name[0] != '\0')
            continue;
        vd_child_init(child, now, name, kind, program, rank);
        vd_supervisor_publish(self, child, effects);
        return child;
    }
    return NULL;
}

/* Carries an action out as an effect on the child's process. */
static void perform(vd_supervisor_t *self, vd_child_t *child, vd_child_action_t action,
                    vd_effects_t *effects)
{
    switch (action) {
    case VD_CHILD_SPAWN:
        child->life = ++self->lives;
        strcpy(child->session, self->session.id);
        vd_effects_do(effects, VD_DO_SPAWN, child->life, child);
        break;
    case VD_CHILD_TERMINATE:
        vd_effects_do(effects, VD_DO_TERMINATE, child->life, NULL);
        break;
    case VD_CHILD_SIGKILL:
        vd_effects_log(effects, VD_WARN, "%s: %s: killing it", child->name, child->note);
        vd_effects_do(effects, VD_DO_KILL, child->life, NULL);
        break;
    case VD_CHILD_ASKED_KILL:
        vd_effects_do(effects, VD_DO_KILL, child->life, NULL);
        break;
    case VD_CHILD_FREEZE:
        vd_effects_do(effects, VD_DO_FREEZE, child->life, NULL);
        break;
    case VD_CHILD_THAW:
        vd_effects_do(effects, VD_DO_THAW, child->life, NULL);
        break;
    case VD_CHILD_GIVE_UP:
        vd_effects_log(effects, VD_ERROR, "%s: failed, and is not started again: %s", child->name,
                       child->reason);
        break;
    case VD_CHILD_NOTHING:
    case VD_CHILD_REFUSE:
    case VD_CHILD_NOTE_READY:
    case VD_CHILD_RETRY_LATER:
    case VD_CHILD_REST:
        break;
    }
}

vd_child_action_t vd_supervisor_apply(vd_supervisor_t *self, vd_now_t now, vd_child_t *child,
                                      vd_child_event_t event, vd_effects_t *effects)
{
    vd_child_state_t before = child->state;
    vd_child_action_t action = vd_child_step(child, &self->setup.policy, now, event);
    perform(self, child, action, effects);
    /* A start is published with its process id, when that is known. */
    if (child->state != before && action != VD_CHILD_SPAWN)
        vd_supervisor_publish(self, child, effects);
    if (action == VD_CHILD_GIVE_UP)
        vd_session_actor_failed(&self->session, now, child, effects);
    if (child->state == VD_CHILD_GONE)
        memset(child, 0, sizeof *child);
    return action;
}

static vd_child_t *child_of_life(vd_supervisor_t *self, uint64_t life)
{
    for (uint32_t i = 0; life != 0 && i < VD_SUPERVISOR_CHILDREN_MAX; i++)
        if (self->children[i].name[0] != '\0' && self->children[i].life == life)
            return &self->children[i];
    return NULL;
}

/* Tells the broker at once, so that nobody waits for the lease to lapse. */
static void tell_broker(vd_supervisor_t *self, const vd_child_t *child, uint64_t pid,
                        vd_effects_t *effects)
{
    if (!self->broker_connected || child->rank == VD_RANK_BROKER || pid == 0)
        return;
    vd_message_t message = {.id = VD_MESSAGE_DIED};
    message.died = (vd_died_body_t){.name = vd_str(child->name), .pid = pid};
    vd_peer_t broker = vd_peer_named("broker");
    vd_effects_send(effects, VD_SUPERVISOR_BROKER, &broker, &message);
}

static void take_death(vd_supervisor_t *self, vd_now_t now, vd_child_t *child,
                       const vd_death_t *death, vd_effects_t *effects)
{
    assert(death);
    uint64_t pid = child->pid;
    bool asked = child->asked;
    tell_broker(self, child, pid, effects);
    vd_child_event_t event = vd_child_death(child, &self->setup.policy, now, death);
    vd_effects_log(effects, asked ? VD_INFO : VD_WARN, "%s: dead, pid %llu: %s", child->name,
                   (unsigned long long)pid, child->reason);
    vd_session_actor_exited(&self->session, now, child, pid, death, effects);
    (void)vd_supervisor_apply(self, now, child, event, effects);
}

static void take_spawned(vd_supervisor_t *self, vd_now_t now, vd_child_t *child, uint64_t pid,
                         vd_effects_t *effects)
{
    assert(pid != 0);
    child->pid = pid;
    vd_effects_log(effects, VD_INFO, "%s: started, pid %llu", child->name, (unsigned long long)pid);
    vd_session_actor_started(&self->session, now, child, effects);
    vd_supervisor_publish(self, child, effects);
}

static void take_ready(vd_supervisor_t *self, vd_now_t now, vd_child_t *child,
                       vd_effects_t *effects)
{
    const vd_supervisor_setup_t *setup = &self->setup;
    if (vd_supervisor_apply(self, now, child, VD_CHILD_IS_READY, effects) != VD_CHILD_NOTE_READY)
        return;
    vd_effects_log(effects, VD_INFO, "%s: ready", child->name);
    vd_session_actor_ready(&self->session, now, child, effects);
    if (child->rank == VD_RANK_BROKER && !self->broker_connected) {
        vd_peer_t broker = vd_peer_named("broker");
        vd_feed_reader_connect(&self->membership, now, &broker, setup->broker_control,
                               setup->broker_membership, effects);
        self->broker_connected = true;
    }
    if (child->rank == VD_RANK_INGESTOR && self->session.state == VD_SESSION_NONE) {
        const vd_session_facts_t facts = {setup->session_name, setup->command, setup->host};
        vd_session_begin(&self->session, now, setup->ingestor_emit, &facts, effects);
        vd_roll_start(self, now, effects);
    }
}

static void take_done(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects)
{
    vd_child_t *child = child_of_life(self, input->token);
    if (!child)
        return;
    switch (input->id) {
    case VD_DONE_SPAWN:
        take_spawned(self, now, child, *(const uint64_t *)input->result, effects);
        break;
    case VD_DONE_IS_READY:
        take_ready(self, now, child, effects);
        break;
    case VD_DONE_ALIVE:
        vd_child_alive(child, &self->setup.policy, now);
        break;
    case VD_DONE_DIED:
        take_death(self, now, child, input->result, effects);
        break;
    default:
        assert(!"an operation that this core does not have");
    }
}

static void start(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    self->started_ms = now.wall_ms;
    for (uint32_t i = 0; i < self->setup.fixed_count; i++) {
        const vd_fixed_child_t *fixed = &self->setup.fixed[i];
        (void)vd_supervisor_add(self, now, fixed->name, fixed->kind, fixed->program, fixed->rank,
                                effects);
    }
}

/* Lets every child take the steps that are due. Returns whether there was one. */
static bool advance_children(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    bool moved = false;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        vd_child_t *child = &self->children[i];
        while (child->name[0] != '\0') {
            vd_child_event_t event = vd_child_next(child, now);
            if (event == VD_CHILD_NO_EVENT)
                break;
            moved = true;
            (void)vd_supervisor_apply(self, now, child, event, effects);
        }
    }
    return moved;
}

static void set_timer(vd_supervisor_t *self, vd_effects_t *effects)
{
    int64_t earliest_us = VD_CHILD_NO_DEADLINE;
    for (uint32_t i = 0; i < VD_SUPERVISOR_CHILDREN_MAX; i++) {
        const vd_child_t *child = &self->children[i];
        if (child->name[0] != '\0' && child->deadline_us < earliest_us)
            earliest_us = child->deadline_us;
    }
    /* A timer that comes too early costs less than one that is moved with each sign of life. */
    if (earliest_us >= self->timer_us)
        return;
    self->timer_us = earliest_us;
    vd_effects_timer(effects, VD_TIMER_CHILDREN, earliest_us);
}

/* After each input: brings what is nearer to what is wanted, as far as it goes now. */
static void settle(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects)
{
    do {
        if (self->stopping) {
            vd_order_go_on(self, now, effects);
        } else {
            vd_pollers_follow(self, now, effects);
            vd_order_start(self, effects);
        }
    } while (advance_children(self, now, effects));
    set_timer(self, effects);
    vd_roll_tell(self, now, effects);
    if (!self->was_ready && !self->stopping && vd_control_all_ready(self)) {
        self->was_ready = true;
        vd_effects_log(effects, VD_INFO, "every actor is ready");
        vd_effects_do(effects, VD_DO_TELL_READY, 0, NULL);
    }
}

void vd_supervisor_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_supervisor_t *self = state;
    assert(self && input && effects);
    switch (input->kind) {
    case VD_INPUT_START:
        start(self, now, effects);
        break;
    case VD_INPUT_STOP:
        vd_order_stop(self, now, effects);
        break;
    case VD_INPUT_DONE:
        take_done(self, now, input, effects);
        if (input->id == VD_DONE_ALIVE) /* moves nothing, and comes often */
            return;
        break;
    case VD_INPUT_TIMER:
        if (input->id == VD_TIMER_CHILDREN)
            self->timer_us = VD_CHILD_NO_DEADLINE;
        else if (!vd_session_step(&self->session, now, input, effects) &&
                 !vd_roll_step(self, now, input, effects))
            (void)vd_feed_reader_step(&self->membership, now, input, effects);
        break;
    case VD_INPUT_MESSAGE:
        /* What is left are answers to DIED: nothing hangs on them. */
        if (!vd_control_answer(self, now, input, effects) &&
            !vd_session_step(&self->session, now, input, effects) &&
            !vd_roll_step(self, now, input, effects))
            (void)vd_feed_reader_step(&self->membership, now, input, effects);
        break;
    }
    settle(self, now, effects);
}
