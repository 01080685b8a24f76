/* runtime.c: the supervisor of the world, and processes as its children. */
#include "whole.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

enum { ALIVE_US = 1000000 };

static const vd_wire_t wires[] = {
    {VD_SUPERVISOR_CONTROL, VD_WIRE_ROUTER, "control"},
    {VD_SUPERVISOR_LIFECYCLE, VD_WIRE_PUB, "lifecycle"},
    {VD_SUPERVISOR_BROKER, VD_WIRE_DEALER, "broker"},
    {VD_SUPERVISOR_MEMBERSHIP, VD_WIRE_SUB, "membership"},
    {VD_SUPERVISOR_INGESTOR, VD_WIRE_DEALER, "ingestor"},
    {VD_SUPERVISOR_READ, VD_WIRE_DEALER, "read"},
};

/* ---- children ---- */

vd_process_spec_t vd_runtime_spec(vd_whole_t *self, const char *name, const char *kind)
{
    assert(self->child_count < WHOLE_CHILDREN);
    vd_model_child_t *child = &self->children[self->child_count++];
    *child = (vd_model_child_t){.whole = self, .died_us = -1};
    return (vd_process_spec_t){.name = name,
                               .kind = kind,
                               .registers = true,
                               .ready = vd_runtime_ready,
                               .ended = vd_runtime_ended,
                               .arg = child};
}

vd_model_child_t *vd_runtime_child(vd_whole_t *self, const char *name)
{
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].process != NULL &&
            strcmp(vd_process_name(self->children[i].process), name) == 0)
            return &self->children[i];
    return NULL;
}

static vd_model_child_t *child_of_token(vd_whole_t *self, uint64_t token)
{
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].token == token && token != 0)
            return &self->children[i];
    return NULL;
}

/* Gives the supervisor the end of an operation. */
static void complete(vd_whole_t *self, uint32_t operation, uint64_t token, const void *result)
{
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = operation, .token = token, .result = result};
    if (vd_node_is_up(self->supervisor_node))
        vd_node_input(self->world, self->supervisor_node, &input);
}

static void tell_ready(vd_world_t *world, void *arg, uint64_t token)
{
    (void)world;
    complete(arg, VD_DONE_IS_READY, token, NULL);
}

static void tell_alive(vd_world_t *world, void *arg, uint64_t token)
{
    vd_model_child_t *child = child_of_token(arg, token);
    if (child != NULL)
        child->alive_us = vd_world_now(world).mono_us;
    complete(arg, VD_DONE_ALIVE, token, NULL);
}

/* A sign of life, for as long as the process's loop turns. */
static void beat(vd_world_t *world, void *arg, uint64_t token)
{
    vd_model_child_t *self = arg;
    vd_whole_t *whole = self->whole;
    if (self->token != token)
        return;
    vd_world_later(world, ALIVE_US, vd_process_node(self->process), beat, self, token);
    if (vd_node_is_up(whole->supervisor_node))
        vd_world_later(world, 100, whole->supervisor_node, tell_alive, whole, token);
}

void vd_runtime_ready(vd_world_t *world, vd_process_t *process, void *arg)
{
    vd_model_child_t *self = arg;
    vd_whole_t *whole = self->whole;
    if (vd_node_is_up(whole->supervisor_node))
        vd_world_later(world, 1 + (int64_t)vd_world_random(world, 3000), whole->supervisor_node,
                       tell_ready, whole, self->token);
    vd_world_later(world, ALIVE_US, vd_process_node(process), beat, self, self->token);
}

/* How a life ended: the death of each token, until its supervisor is told. */
static vd_death_t death_of(uint64_t number)
{
    int how = (int)(number >> 8 & 0xff), what = (int)(number & 0xff);
    return (vd_death_t){.how = (vd_death_how_t)how, .number = what};
}

static void tell_died(vd_world_t *world, void *arg, uint64_t number)
{
    vd_death_t death = death_of(number);
    (void)world;
    complete(arg, VD_DONE_DIED, number >> 16, &death);
}

static void post_death(vd_whole_t *self, uint64_t token, vd_death_t death)
{
    uint64_t number = token << 16 | (uint64_t)death.how << 8 | (uint64_t)(death.number & 0xff);
    vd_world_later(self->world, 1 + (int64_t)vd_world_random(self->world, 4000),
                   self->supervisor_node, tell_died, self, number);
}

void vd_runtime_ended(vd_world_t *world, vd_process_t *process, vd_status_t status, bool killed,
                      void *arg)
{
    vd_model_child_t *self = arg;
    (void)world;
    vd_rules_died(self->whole, self, vd_process_ready_us(process));
    if (process == self->whole->broker && vd_process_ready_us(process) >= 0)
        self->whole->broker_lived_us = vd_whole_now_us(self->whole) - vd_process_ready_us(process);
    self->died_us = vd_whole_now_us(self->whole);
    vd_death_t death = {.how = VD_DEATH_EXITED, .number = vd_status_exit_code(status)};
    if (killed)
        death = (vd_death_t){.how = VD_DEATH_KILLED, .number = SIGKILL};
    if (vd_node_is_up(self->whole->supervisor_node))
        post_death(self->whole, self->token, death);
}

/* ---- what the supervisor wants done ---- */

static void crash(vd_world_t *world, void *arg, uint64_t life)
{
    vd_model_child_t *self = arg;
    if (vd_process_is_up(self->process) && vd_process_life(self->process) == life)
        vd_process_kill(world, self->process);
}

/* A shell has started the process before it carries out the next wish. */
static void end_doomed(vd_model_child_t *self)
{
    self->doomed = 0;
    self->asked = true;
    if (self->doom == VD_DO_KILL)
        vd_process_kill(self->whole->world, self->process);
    else
        vd_process_stop(self->whole->world, self->process);
}

static void spawn(vd_world_t *world, void *arg, uint64_t number)
{
    vd_model_child_t *child = arg;
    vd_whole_t *self = child->whole;
    (void)number;
    if (child->crashes > 0 && child->crash_us == 0) {
        child->crashes--;
        vd_rules_died(self, child, -1);
        post_death(self, child->token, (vd_death_t){.how = VD_DEATH_NOT_STARTED, .number = ENOMEM});
        return;
    }
    uint64_t token = child->token;
    vd_process_boot(world, child->process, child->session, token == 1);
    uint64_t pid = vd_process_pid(child->process);
    complete(self, VD_DONE_SPAWN, token, &pid);
    if (child->doomed == token && vd_process_is_up(child->process))
        end_doomed(child);
    if (child->crashes == 0 || !vd_process_is_up(child->process))
        return;
    child->crashes--;
    vd_world_later(world, child->crash_us, NULL, crash, child, vd_process_life(child->process));
}

static void begin_spawn(vd_whole_t *self, const vd_child_t *wanted)
{
    vd_model_child_t *child = vd_runtime_child(self, wanted->name);
    if (child == NULL || vd_process_is_up(child->process)) {
        vd_whole_fail(self, "[one life] %s is started %s", wanted->name,
                      child == NULL ? "and nobody is called so" : "and still lives");
        return;
    }
    child->token = wanted->life;
    child->alive_us = vd_whole_now_us(self);
    memcpy(child->session, wanted->session, sizeof child->session);
    vd_rules_spawned(self, child);
    vd_world_later(self->world, 0, self->supervisor_node, spawn, child, 0);
}

/* Nobody is killed for silence who was heard, but for those who do not end when they should. */
static void check_kill(vd_whole_t *self, const vd_model_child_t *child)
{
    int64_t silent_us = vd_whole_now_us(self) - child->alive_us;
    if (vd_whole_now_us(self) - vd_process_ready_us(child->process) < 1000000)
        return; /* word of its readiness may be on its way */
    if (!child->asked && !child->by_hand && vd_process_is_ready(child->process) &&
        silent_us < self->setup.policy.silence_us && !self->supervisor_slept &&
        !vd_process_is_stopping(self->supervisor))
        vd_whole_fail(self, "[kills nobody who lives] %s is killed and was heard %.3f s ago",
                      vd_process_name(child->process), (double)silent_us / 1000000);
}

static void signal_child(vd_whole_t *self, const vd_effect_t *effect)
{
    vd_model_child_t *child = child_of_token(self, effect->token);
    if (child != NULL && !vd_process_is_up(child->process) &&
        (effect->id == VD_DO_KILL || effect->id == VD_DO_TERMINATE)) {
        child->doomed = effect->token;
        child->doom = effect->id;
    }
    if (child == NULL || !vd_process_is_up(child->process))
        return;
    switch (effect->id) {
    case VD_DO_TERMINATE:
        child->asked = true;
        vd_process_thaw(self->world, child->process);
        vd_process_stop(self->world, child->process);
        break;
    case VD_DO_KILL:
        check_kill(self, child);
        child->asked = child->asked || child->by_hand;
        vd_process_kill(self->world, child->process);
        break;
    case VD_DO_FREEZE:
        vd_process_freeze(self->world, child->process);
        break;
    default:
        assert(effect->id == VD_DO_THAW);
        vd_process_thaw(self->world, child->process);
        break;
    }
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    vd_whole_t *self = arg;
    if (effect->id == VD_DO_TELL_READY)
        return;
    if (effect->id != VD_DO_SPAWN) {
        signal_child(self, effect);
        return;
    }
    (void)world;
    (void)node;
    begin_spawn(self, effect->object);
}

/* ---- the supervisor's own life ---- */

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_whole_t *self = arg;
    (void)node;
    vd_session_ids_t ids = {0};
    vd_session_id_next(&ids, vd_world_now(world).wall_ms, vd_world_random(world, UINT64_MAX),
                       self->setup.session);
    self->setup.session_ids = ids;
    self->setup.inc = vd_process_inc(self->supervisor);
    self->setup.pid = vd_process_pid(self->supervisor);
    self->ups++;
    for (uint32_t i = 0; i < self->child_count; i++) {
        vd_model_child_t *child = &self->children[i];
        child->token = child->doomed = 0;
        child->level = child->death_count = 0;
        child->not_before_us = 0;
        child->asked = child->by_hand = false;
    }
    return vd_supervisor_new(&self->setup);
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_supervisor_t *supervisor = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_supervisor_destroy(&supervisor);
}

static void up_again(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    (void)number;
    if (self->again && !vd_process_is_up(self->supervisor))
        vd_process_boot(world, self->supervisor, "", true);
}

/* Its children die with it. */
static void ended(vd_world_t *world, vd_process_t *process, vd_status_t status, bool killed,
                  void *arg)
{
    vd_whole_t *self = arg;
    (void)process;
    (void)status;
    (void)killed;
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].process != NULL)
            vd_process_kill(world, self->children[i].process);
    vd_world_later(world, 100000 + (int64_t)vd_world_random(world, 2000000), NULL, up_again, self,
                   0);
}

static void add_fixed(vd_whole_t *self, const char *name, const char *kind, uint8_t rank)
{
    vd_fixed_child_t *fixed = &self->setup.fixed[self->setup.fixed_count++];
    snprintf(fixed->name, sizeof fixed->name, "%s", name);
    snprintf(fixed->kind, sizeof fixed->kind, "%s", kind);
    snprintf(fixed->program, sizeof fixed->program, "vedette-%s", kind);
    fixed->rank = rank;
}

static void set_up(vd_whole_t *self)
{
    vd_world_t *world = self->world;
    vd_supervisor_setup_t *setup = &self->setup;
    setup->policy = vd_child_policy_default();
    if (vd_world_chance(world, 500))
        setup->policy.silence_us = 5000000;
    if (vd_world_chance(world, 300))
        setup->policy.intensity_restarts = 3;
    setup->pollers_max = 1 + (uint32_t)vd_world_random(world, WHOLE_POLLERS);
    setup->session_roll_us = 86400000000;
    setup->session_roll_events = 10000000;
    bool rolls = vd_world_chance(world, 600);
    int64_t roll_us = 3000000 + (int64_t)vd_world_random(world, 20000000);
    uint64_t roll_events = 20 + vd_world_random(world, 200);
    if (rolls && !(self->options.without_actors & WITHOUT_ROLLS)) {
        setup->session_roll_us = roll_us;
        setup->session_roll_events = roll_events;
    }
    snprintf(setup->session_name, sizeof setup->session_name, "model");
    snprintf(setup->command, sizeof setup->command, "vedette up");
    snprintf(setup->host, sizeof setup->host, "here");
    snprintf(setup->broker_control, sizeof setup->broker_control, VD_MODEL_BROKER_CONTROL);
    snprintf(setup->broker_membership, sizeof setup->broker_membership, VD_MODEL_BROKER_MEMBERSHIP);
    snprintf(setup->ingestor_emit, sizeof setup->ingestor_emit, VD_MODEL_EMIT);
    snprintf(setup->ingestor_read, sizeof setup->ingestor_read, "ingestor.read");
    add_fixed(self, "broker", "broker", VD_RANK_BROKER);
    add_fixed(self, "ingestor", "ingestor", VD_RANK_INGESTOR);
    add_fixed(self, "static", "provider", VD_RANK_PROVIDER);
    for (int i = 0; i < WHOLE_HOSTS; i++)
        if (self->hosts[i].whole != NULL)
            add_fixed(self, self->hosts[i].name, "observer", VD_RANK_OBSERVER);
    add_fixed(self, "gamma", "observer", VD_RANK_OBSERVER);
}

/* The processes are known now: each child gets its own. */
static void join_children(vd_whole_t *self)
{
    vd_process_t *processes[WHOLE_CHILDREN] = {self->broker, self->provider,
                                               self->ingestor.process};
    uint32_t count = 3;
    for (int i = 0; i < WHOLE_POLLERS; i++)
        processes[count++] = self->pollers[i].process;
    for (int i = 0; i < WHOLE_HOSTS; i++)
        if (self->hosts[i].whole != NULL)
            processes[count++] = self->hosts[i].process;
    processes[count++] = vd_collector_part_process(self);
    assert(count == self->child_count);
    for (uint32_t i = 0; i < count; i++)
        self->children[i].process = processes[i];
}

void vd_runtime_add(vd_whole_t *self)
{
    join_children(self);
    set_up(self);
    vd_process_spec_t spec = {
        .name = "supervisor", .kind = "supervisor", .registers = true, .ended = ended, .arg = self};
    self->supervisor = vd_process_new(self->world, &spec);
    vd_node_spec_t node = {.step = vd_supervisor_step,
                           .wires = wires,
                           .wire_count = sizeof wires / sizeof wires[0],
                           .boot = boot,
                           .end = end,
                           .perform = perform,
                           .arg = self};
    self->supervisor_node = vd_process_add(self->world, self->supervisor, &node);
}

void vd_runtime_boot(vd_whole_t *self)
{
    self->again = true;
    vd_process_boot(self->world, self->supervisor, "", true);
}

const vd_child_t *vd_runtime_held(vd_whole_t *self, const char *name)
{
    if (!vd_node_is_up(self->supervisor_node))
        return NULL;
    return vd_supervisor_child(vd_node_state(self->supervisor_node), name);
}

const char *vd_runtime_session(vd_whole_t *self)
{
    const vd_supervisor_t *supervisor = vd_node_state(self->supervisor_node);
    return supervisor != NULL ? vd_held_session(supervisor) : "";
}

void vd_runtime_control(vd_whole_t *self, const char *verb, const char *actor)
{
    vd_message_t message = {.id = VD_MESSAGE_CONTROL, .correlation = 7};
    message.control = (vd_control_body_t){.verb = vd_str(verb), .actor = vd_str(actor)};
    vd_world_inject(self->world, VD_MODEL_STRANGER, "supervisor.control", &message);
}
