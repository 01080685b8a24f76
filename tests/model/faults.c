/* faults.c: what goes wrong: planned from the seed, carried out in the run. */
#include "whole.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

static const char *const names[FAULT_KINDS] = {
    [FAULT_KILL] = "kill",
    [FAULT_KILL_SUPERVISOR] = "kill the supervisor",
    [FAULT_MACHINE] = "the machine stops",
    [FAULT_FREEZE] = "freeze",
    [FAULT_CUT] = "cut",
    [FAULT_ISOLATE] = "isolate",
    [FAULT_STORE] = "the store fails",
    [FAULT_CRASH_LOOP] = "crash in a loop",
    [FAULT_SOURCE_COMES] = "a source comes",
    [FAULT_SOURCE_GOES] = "a source leaves",
    [FAULT_SOURCE_MOVES] = "a source moves",
    [FAULT_SOURCE_HANGS] = "a source hangs",
    [FAULT_SOURCE_FAILS] = "a source fails",
    [FAULT_LISTING] = "the listing fails",
    [FAULT_CONTROL] = "control by hand",
    [FAULT_DOWN] = "down",
    [FAULT_FORGE] = "a number is used again",
    [FAULT_RIVAL] = "a rival takes a name",
    [FAULT_CLOCK] = "the clock jumps",
    [FAULT_END_SESSION] = "the session is ended by hand",
    [FAULT_STORM] = "a storm",
    [FAULT_STRANGER] = "a stranger asks",
    [FAULT_BACK] = "the store goes back",
    [FAULT_DAMAGE] = "a run is damaged",
    [FAULT_STEER] = "an operator steers a subscriber",
};

const char *vd_fault_name(vd_fault_kind_t kind)
{
    assert(kind < FAULT_KINDS);
    return names[kind];
}

/* How often each kind is taken. */
static const uint8_t weights[FAULT_KINDS] = {
    [FAULT_KILL] = 16,        [FAULT_KILL_SUPERVISOR] = 2,
    [FAULT_MACHINE] = 2,      [FAULT_FREEZE] = 8,
    [FAULT_CUT] = 8,          [FAULT_ISOLATE] = 4,
    [FAULT_STORE] = 5,        [FAULT_CRASH_LOOP] = 5,
    [FAULT_SOURCE_COMES] = 6, [FAULT_SOURCE_GOES] = 5,
    [FAULT_SOURCE_MOVES] = 3, [FAULT_SOURCE_HANGS] = 3,
    [FAULT_SOURCE_FAILS] = 3, [FAULT_LISTING] = 3,
    [FAULT_CONTROL] = 7,      [FAULT_DOWN] = 2,
    [FAULT_FORGE] = 6,        [FAULT_RIVAL] = 1,
    [FAULT_CLOCK] = 2,        [FAULT_END_SESSION] = 2,
    [FAULT_STORM] = 4,        [FAULT_STRANGER] = 6,
    [FAULT_BACK] = 1,         [FAULT_DAMAGE] = 2,
    [FAULT_STEER] = 5,
};

static vd_fault_kind_t some_kind(uint64_t *seed)
{
    uint32_t sum = 0;
    for (int i = 0; i < FAULT_KINDS; i++)
        sum += weights[i];
    uint32_t die = (uint32_t)(vd_random_next(seed) % sum);
    int kind = 0;
    while (die >= weights[kind])
        die -= weights[kind++];
    return (vd_fault_kind_t)kind;
}

void vd_faults_plan(vd_whole_t *self)
{
    /* Mixed twice: the plans of neighbouring seeds must not be parts of one and the same sequence. */
    uint64_t first = ~self->options.seed;
    uint64_t seed = vd_random_next(&first);
    uint32_t count = (uint32_t)(vd_random_next(&seed) % 28);
    int64_t chaos_us = 8000000 + (int64_t)(vd_random_next(&seed) % 22000000);
    if (self->options.chaos_ms >= 0)
        self->chaos_until_us = self->options.chaos_ms * 1000;
    else
        self->chaos_until_us = chaos_us;
    for (uint32_t i = 0; i < count; i++) {
        vd_model_fault_t *fault = &self->faults[self->fault_count++];
        fault->kind = some_kind(&seed);
        fault->at_us = 100000 + (int64_t)(vd_random_next(&seed) % (uint64_t)chaos_us);
        fault->a = (uint32_t)vd_random_next(&seed);
        fault->b = (uint32_t)vd_random_next(&seed);
        fault->for_us = 1000 + (int64_t)(vd_random_next(&seed) % 6000000);
        if (fault->b % 8 == 0)
            fault->for_us *= 3;
    }
}

/* ---- carrying them out ---- */

static vd_process_t *some_process(vd_whole_t *self, uint32_t die)
{
    uint32_t at = die % (self->child_count + 4);
    if (at < self->child_count)
        return self->children[at].process;
    return at % 2 == 0 ? self->ingestor.process : self->broker;
}

static void thaw(vd_world_t *world, void *arg, uint64_t life)
{
    vd_process_t *process = arg;
    if (vd_process_life(process) == life)
        vd_process_thaw(world, process);
}

static void heal_source(vd_world_t *world, void *arg, uint64_t kind)
{
    vd_model_source_t *source = arg;
    (void)world;
    if (kind == FAULT_SOURCE_HANGS)
        source->hangs = false;
    else
        source->fails = false;
}

static void heal_listing(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    (void)world;
    (void)number;
    self->listing_fails = self->listing_hangs = false;
}

static void heal_store(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    (void)world;
    (void)number;
    self->ingestor.fail = 0;
}

static void heal_weather(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    (void)number;
    if (!self->calm)
        vd_world_weather(world, &self->weather);
}

static void freeze(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_process_t *process = some_process(self, fault->a);
    if (fault->a % 29 == 0)
        process = self->supervisor;
    else if (fault->b % 4 == 1 && self->streams != NULL)
        process = vd_stream_part_process(self, fault->a);
    else if (fault->b % 16 == 2)
        process = vd_relay_part_process(self);
    else if (fault->b % 16 == 3 && self->auditor != NULL)
        process = vd_auditor_part_process(self);
    self->supervisor_slept = self->supervisor_slept || process == self->supervisor;
    vd_process_freeze(self->world, process);
    vd_world_later(self->world, fault->for_us * (fault->b % 5 == 0 ? 3 : 1), NULL, thaw, process,
                   vd_process_life(process));
}

static void cut(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_process_t *a = some_process(self, fault->a), *b = some_process(self, fault->b);
    int64_t until_us = vd_whole_now_us(self) + fault->for_us;
    if (fault->b % 6 == 1 && self->streams != NULL)
        b = vd_stream_part_process(self, fault->a);
    else if (fault->b % 12 == 2)
        b = vd_relay_part_process(self);
    else if (fault->b % 12 == 3 && self->auditor != NULL)
        b = vd_auditor_part_process(self);
    if (fault->kind == FAULT_ISOLATE)
        vd_world_cut(self->world, vd_process_node(a), NULL, until_us);
    else if (fault->b % 7 == 0 && !(self->options.without_actors & WITHOUT_PRODUCERS))
        vd_world_cut(self->world, self->producers[fault->a % WHOLE_PRODUCERS].node,
                     self->ingestor.node, until_us);
    else if (a != b)
        vd_world_cut(self->world, vd_process_node(a), vd_process_node(b), until_us);
}

/* The relay may run on another one, and goes on with what it has in memory. */
static void stop_machine(vd_whole_t *self, bool relay)
{
    vd_world_note(self->world, "%-12s stops: everything that runs is gone", "machine");
    for (int i = 0; i < WHOLE_PRODUCERS && self->producers[i].node != NULL; i++)
        vd_node_kill(self->world, self->producers[i].node);
    if (relay)
        vd_process_kill(self->world, vd_relay_part_process(self));
    vd_process_kill(self->world, self->supervisor);
}

static void change_source(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_model_source_t *source = &self->sources[fault->a % WHOLE_SOURCES];
    bool exists = source->exists;
    switch (fault->kind) {
    case FAULT_SOURCE_COMES:
        source->exists = true;
        break;
    case FAULT_SOURCE_GOES:
        source->exists = false;
        break;
    case FAULT_SOURCE_MOVES:
        snprintf(source->address, sizeof source->address, "/s%u.%u",
                 (unsigned)(fault->a % WHOLE_SOURCES), (unsigned)(fault->b % 1000));
        break;
    case FAULT_SOURCE_HANGS:
        source->hangs = true;
        break;
    default:
        source->fails = true;
        break;
    }
    vd_world_note(self->world, "%-12s %s", source->name, vd_fault_name(fault->kind));
    if (fault->kind == FAULT_SOURCE_HANGS || fault->kind == FAULT_SOURCE_FAILS) {
        vd_world_later(self->world, fault->for_us, NULL, heal_source, source, fault->kind);
        return;
    }
    if (exists != source->exists || fault->kind == FAULT_SOURCE_MOVES) {
        source->changed_us = vd_whole_now_us(self);
        source->changes++;
    }
    vd_provider_part_changed(self);
}

static void control(vd_whole_t *self, const vd_model_fault_t *fault)
{
    static const char *const verbs[] = {"start", "stop",   "restart", "kill",
                                        "pause", "resume", "restart", "dance"};
    const vd_process_t *process = some_process(self, fault->a);
    vd_runtime_control(self, verbs[fault->b % 8],
                       fault->b % 31 == 0   ? "nobody"
                       : fault->b % 37 == 0 ? "supervisor"
                                            : vd_process_name(process));
}

static void crash_loop(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_model_child_t *child = &self->children[fault->a % self->child_count];
    child->crashes = 1 + fault->b % 13;
    child->crash_us = fault->b % 4 == 0 ? 0 : 1 + (int64_t)(fault->b % 3000000);
    vd_world_note(self->world, "%-12s will die %u times, each after %.3f s",
                  vd_process_name(child->process), child->crashes,
                  (double)child->crash_us / 1000000);
    vd_process_kill(self->world, child->process);
}

/* Somebody emits session_ended into the session of the runtime. */
static void end_session(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_buffer_t run, event, data;
    vd_message_t message = {.id = VD_MESSAGE_OPEN, .correlation = 1};
    const char *session = vd_runtime_session(self);
    (void)fault;
    if (session[0] == 0)
        return;
    vd_buffer_init(&run, 4096);
    vd_buffer_init(&event, 4096);
    vd_buffer_init(&data, 4096);
    vd_write_map(&data, 2);
    vd_write_pair_text(&data, "status", "completed");
    vd_write_pair_text(&data, "by", "hand");
    vd_event_write(&event, vd_world_now(self->world).wall_ms, vd_str("session_ended"),
                   vd_buffer_view(&data), vd_bytes(NULL, 0));
    vd_run_add(&run, vd_buffer_view(&event));
    message.open.producer = vd_str("hand");
    message.open.life = 1;
    vd_world_inject(self->world, VD_MODEL_STRANGER, VD_MODEL_EMIT, &message);
    vd_store_tail_t tail = {.epoch_counter = 0};
    if (self->ingestor.store != NULL)
        vd_store_tail(self->ingestor.store, &tail);
    /* The name's first epoch is the next one, if nobody opens meanwhile. */
    message = (vd_message_t){.id = VD_MESSAGE_EMIT, .correlation = 2};
    message.emit.producer = vd_str("hand");
    message.emit.epoch = self->hand_epoch == 0 ? tail.epoch_counter + 1 : self->hand_epoch;
    self->hand_epoch = message.emit.epoch;
    message.emit.first = ++self->hand_number;
    message.emit.count = 1;
    message.emit.session = vd_str(session);
    message.payload = vd_buffer_view(&run);
    vd_world_inject(self->world, VD_MODEL_STRANGER, VD_MODEL_EMIT, &message);
    vd_buffer_free(&run);
    vd_buffer_free(&event);
    vd_buffer_free(&data);
}

static void storm(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_weather_t weather = self->weather;
    weather.lose = 100 + fault->a % 700;
    weather.repeat = fault->b % 300;
    weather.slow = fault->b % 200;
    vd_world_weather(self->world, &weather);
    vd_world_note(self->world, "%-12s for %.3f s", "storm", (double)fault->for_us / 1000000);
    vd_world_later(self->world, fault->for_us, NULL, heal_weather, self, 0);
}

static void kill_one(vd_whole_t *self, const vd_model_fault_t *fault)
{
    if (fault->b % 5 == 0 && self->readers != NULL)
        vd_reader_part_kill(self, fault->a);
    else if (fault->b % 10 == 2)
        vd_process_kill(self->world, vd_relay_part_process(self));
    else if (fault->b % 20 == 3 && self->auditor != NULL)
        vd_process_kill(self->world, vd_auditor_part_process(self));
    else if (fault->b % 5 == 1 && self->streams != NULL)
        vd_process_kill(self->world, vd_stream_part_process(self, fault->a));
    else if (fault->b % 6 == 0 && !(self->options.without_actors & WITHOUT_PRODUCERS))
        vd_node_kill(self->world, self->producers[fault->a % WHOLE_PRODUCERS].node);
    else
        vd_process_kill(self->world, some_process(self, fault->a));
}

static void jump(vd_whole_t *self, const vd_model_fault_t *fault)
{
    int ms = (int)(fault->a % 120000) - 60000;
    vd_world_note(self->world, "%-12s jumps by %d ms", "clock", ms);
    vd_world_set_wall(self->world, ms);
}

static void hurt_store(vd_whole_t *self, const vd_model_fault_t *fault)
{
    if (fault->kind == FAULT_STORE) {
        self->ingestor.fail = 100 + fault->a % 900;
        vd_world_later(self->world, fault->for_us, NULL, heal_store, self, 0);
    } else if (fault->kind == FAULT_BACK) {
        stop_machine(self, false);
        vd_whole_go_back(self, 1 + fault->a % 60);
        if (fault->b % 2 == 0) /* the relay hears of it late */
            vd_world_cut(self->world, vd_process_node(vd_relay_part_process(self)),
                         self->ingestor.node, vd_whole_now_us(self) + fault->for_us);
    } else {
        for (uint32_t i = 0; i < 1 + fault->b % 6; i++)
            vd_whole_damage(self, fault->a / (i + 1));
    }
}

static void fail_listing(vd_whole_t *self, const vd_model_fault_t *fault)
{
    self->listing_fails = fault->a % 2 == 0;
    self->listing_hangs = !self->listing_fails;
    if (fault->b % 2 == 0)
        vd_process_kill(self->world, self->provider);
    vd_world_later(self->world, fault->for_us, NULL, heal_listing, self, 0);
}

static const char *const steering[] = {"pause", "resume", "pause", "kick"};

static void carry_out(vd_whole_t *self, const vd_model_fault_t *fault)
{
    vd_world_t *world = self->world;
    bool producers = !(self->options.without_actors & WITHOUT_PRODUCERS);
    switch (fault->kind) {
    case FAULT_KILL:
        kill_one(self, fault);
        break;
    case FAULT_KILL_SUPERVISOR:
        vd_process_kill(world, self->supervisor);
        break;
    case FAULT_MACHINE:
        stop_machine(self, true);
        break;
    case FAULT_FREEZE:
        freeze(self, fault);
        break;
    case FAULT_CUT:
    case FAULT_ISOLATE:
        cut(self, fault);
        break;
    case FAULT_STORE:
    case FAULT_BACK:
    case FAULT_DAMAGE:
        hurt_store(self, fault);
        break;
    case FAULT_CRASH_LOOP:
        crash_loop(self, fault);
        break;
    case FAULT_SOURCE_COMES:
    case FAULT_SOURCE_GOES:
    case FAULT_SOURCE_MOVES:
    case FAULT_SOURCE_HANGS:
    case FAULT_SOURCE_FAILS:
        change_source(self, fault);
        break;
    case FAULT_LISTING:
        fail_listing(self, fault);
        break;
    case FAULT_CONTROL:
        control(self, fault);
        break;
    case FAULT_DOWN:
        vd_process_stop(world, self->supervisor);
        break;
    case FAULT_FORGE:
        if (producers)
            vd_model_producer_forge(&self->producers[fault->a % WHOLE_PRODUCERS]);
        break;
    case FAULT_RIVAL:
        if (producers && !vd_node_is_up(self->producers[WHOLE_PRODUCERS - 1].node))
            vd_node_boot(world, self->producers[WHOLE_PRODUCERS - 1].node);
        break;
    case FAULT_CLOCK:
        jump(self, fault);
        break;
    case FAULT_END_SESSION:
        end_session(self, fault);
        break;
    case FAULT_STORM:
        storm(self, fault);
        break;
    case FAULT_STEER:
        vd_stream_part_steer(self, steering[fault->b % 4], fault->a);
        break;
    default:
        if (!(self->options.without_actors & WITHOUT_STRANGERS))
            vd_strangers_ask(self, fault->a, fault->b);
        break;
    }
}

static void happen(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    const vd_model_fault_t *fault = &self->faults[number];
    if (vd_whole_now_us(self) > self->chaos_until_us || self->calm ||
        (self->options.without_faults >> number & 1))
        return;
    vd_world_note(world, "---- fault %" PRIu64 ": %s", number, vd_fault_name(fault->kind));
    carry_out(self, fault);
}

void vd_faults_begin(vd_whole_t *self)
{
    for (uint32_t i = 0; i < self->fault_count; i++)
        vd_world_later(self->world, self->faults[i].at_us, NULL, happen, self, i);
}

/* What people do when it is over: what was stopped by hand, or has failed, is started. */
static void start_all(vd_world_t *world, void *arg, uint64_t number)
{
    vd_whole_t *self = arg;
    (void)world;
    for (uint32_t i = 0; i < self->child_count; i++) {
        const char *name = vd_process_name(self->children[i].process);
        const vd_child_t *child = vd_runtime_held(self, name);
        if (child != NULL && child->state == VD_CHILD_PAUSED)
            vd_runtime_control(self, "resume", name);
        else if (child != NULL &&
                 (child->state == VD_CHILD_FAILED || child->wanted == VD_WANT_DOWN))
            vd_runtime_control(self, "start", name);
    }
    for (uint32_t i = 0; i < WHOLE_STREAMS; i++)
        vd_stream_part_steer(self, "resume", i);
    if (number < 2)
        vd_world_later(self->world, 3000000, NULL, start_all, self, number + 1);
}

void vd_faults_calm(vd_whole_t *self)
{
    vd_weather_t fair = {.delay_min_us = 50, .delay_max_us = 500, .ordered = true};
    self->calm = true;
    self->calm_us = vd_whole_now_us(self);
    vd_world_note(self->world, "---- calm");
    vd_world_heal(self->world);
    vd_world_weather(self->world, &fair);
    self->ingestor.fail = 0;
    self->listing_fails = self->listing_hangs = false;
    vd_sources_calm(self);
    vd_process_thaw(self->world, self->supervisor);
    for (uint32_t i = 0; i < self->child_count; i++) {
        const char *name = vd_process_name(self->children[i].process);
        const vd_child_t *child = vd_runtime_held(self, name);
        self->children[i].crashes = 0;
        if (child == NULL || child->state != VD_CHILD_PAUSED)
            vd_process_thaw(self->world, self->children[i].process);
    }
    vd_world_later(self->world, 2000000, NULL, start_all, self, 0);
}
