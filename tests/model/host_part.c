/* host_part.c: observer hosts, and what their events must lead to. */
#include "whole.h"

#include "observers/host/host_state.h"
#include "tally.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { NEW_BROKER_US = 20000000, LATE = 200 };

static const vd_wire_t wires[] = {
    {VD_HOST_PORT_BROKER, VD_WIRE_DEALER, "broker"},
    {VD_HOST_PORT_MEMBERSHIP, VD_WIRE_SUB, "membership"},
    {VD_HOST_PORT_EMIT, VD_WIRE_DEALER, "emit"},
    {VD_HOST_PORT_READ, VD_WIRE_DEALER, "read"},
    {VD_HOST_PORT_POLLER, VD_WIRE_DEALER, "poller"},
    {VD_HOST_PORT_SAMPLES, VD_WIRE_SUB, "samples"},
    {VD_HOST_PORT_REQUESTS, VD_WIRE_ROUTER, "requests"},
    {VD_HOST_PORT_CHANGES, VD_WIRE_PUB, "changes"},
};

/* The session that it was launched with, now and then one that has gone on in that since: who launches it may have taken
 * long. */
static const char *session_given(vd_world_t *world, const vd_model_host_t *self)
{
    const vd_whole_t *whole = self->whole;
    const char *given = vd_process_session(self->process);
    uint32_t root = vd_host_part_root(whole, vd_str(given));
    if (root == 0 || !vd_world_chance(world, LATE))
        return given;
    const vd_model_chain_t *chain = &whole->chains[vd_world_random(world, whole->chain_count)];
    bool same = chain->root == root && !vd_oracle_was_pruned(whole->oracle, vd_str(chain->session));
    return same ? chain->session : given;
}

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_model_host_t *self = arg;
    char error[256] = "";
    (void)node;
    vd_host_options_t options = {.observer = &vd_tally_observer,
                                 .name = self->name,
                                 .session = session_given(world, self),
                                 .inc = vd_process_inc(self->process),
                                 .interval_ms = self->whole->interval_ms,
                                 .history = 16,
                                 .history_bytes = VD_HISTORY_BYTES_MIN,
                                 .snapshot_events = self->whole->state_events,
                                 .snapshot_interval_ms = self->whole->state_ms,
                                 .snapshots_keep = self->whole->states_keep,
                                 .broker_control = VD_MODEL_BROKER_CONTROL,
                                 .broker_membership = VD_MODEL_BROKER_MEMBERSHIP,
                                 .ingestor_emit = VD_MODEL_EMIT,
                                 .ingestor_read = "ingestor.read"};
    self->cycle = 0;
    return vd_host_new(&options, error, sizeof error);
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_host_t *host = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_host_destroy(&host);
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    vd_model_host_t *self = arg;
    (void)node;
    assert(effect->id == VD_HOST_READY);
    (void)effect;
    vd_process_ready(world, self->process);
}

void vd_host_part_add(vd_whole_t *self)
{
    static const char *const names[WHOLE_HOSTS] = {"alpha", "beta"};
    uint32_t count = self->options.without_actors & WITHOUT_SECOND_HOST ? 1 : WHOLE_HOSTS;
    for (uint32_t i = 0; i < count; i++) {
        vd_model_host_t *host = &self->hosts[i];
        *host = (vd_model_host_t){.whole = self, .name = names[i]};
        vd_tally_observer.init(&host->shadow, NULL, NULL, 0);
        vd_buffer_init(&host->parts, VD_EMIT_BYTES_MAX);
        vd_process_spec_t spec = vd_runtime_spec(self, names[i], "observer");
        spec.holds_ready = true;
        host->process = vd_process_new(self->world, &spec);
        vd_node_spec_t node = {.step = vd_host_step,
                               .wires = wires,
                               .wire_count = sizeof wires / sizeof wires[0],
                               .boot = boot,
                               .end = end,
                               .perform = perform,
                               .arg = host};
        host->node = vd_process_add(self->world, host->process, &node);
    }
}

void vd_host_part_free(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        vd_model_host_t *host = &self->hosts[i];
        if (host->whole == NULL)
            continue;
        vd_tally_observer.destroy(&host->shadow);
        if (host->fork != NULL)
            vd_tally_observer.destroy(&host->fork);
        vd_buffer_free(&host->parts);
    }
}

void vd_host_part_forget(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        vd_model_host_t *host = &self->hosts[i];
        if (host->whole == NULL)
            continue;
        host->root = 0;
        host->applied = 0;
        vd_tally_observer.destroy(&host->shadow);
        vd_tally_observer.init(&host->shadow, NULL, NULL, 0);
        if (host->fork != NULL)
            vd_tally_observer.destroy(&host->fork);
        host->fork = NULL;
        vd_buffer_clear(&host->parts);
    }
    self->chain_count = 0;
}

/* ---- the state that the stored events lead to ---- */

static bool same_state(const void *a, const void *b)
{
    vd_buffer_t first, second;
    vd_buffer_init(&first, 65536);
    vd_buffer_init(&second, 65536);
    vd_tally_observer.save(a, &first);
    vd_tally_observer.save(b, &second);
    assert(!first.full && !second.full);
    bool same = vd_bytes_equal(vd_buffer_view(&first), vd_buffer_view(&second));
    vd_buffer_free(&first);
    vd_buffer_free(&second);
    return same;
}

/* Saves a state and loads it again. */
static void *copy_state(const void *state)
{
    vd_buffer_t saved;
    void *copy = NULL;
    vd_buffer_init(&saved, 65536);
    vd_tally_observer.save(state, &saved);
    vd_tally_observer.init(&copy, NULL, NULL, 0);
    vd_status_t status = vd_tally_observer.load(copy, vd_buffer_view(&saved));
    assert(status == VD_OK);
    (void)status;
    vd_buffer_free(&saved);
    return copy;
}

/* ---- chains of sessions: what an observer knows is what those of one chain say ---- */

void vd_host_part_session(vd_whole_t *self, vd_str_t session, vd_str_t continues)
{
    vd_model_chain_t *chain = &self->chains[self->chain_count % WHOLE_CHAINS];
    if (self->chain_count++ >= WHOLE_CHAINS) {
        vd_whole_fail(self, "[model] more than %d sessions of runtimes", WHOLE_CHAINS);
        return;
    }
    vd_str_copy(chain->session, sizeof chain->session, session);
    chain->root = self->chain_count;
    for (uint32_t i = 0; i + 1 < self->chain_count; i++)
        if (vd_str_is(continues, self->chains[i].session))
            chain->root = self->chains[i].root;
}

/* What an observer knew may be lost with sessions that were pruned while it was away. */
bool vd_host_part_may_have_lost(const vd_whole_t *self, uint32_t root)
{
    for (uint32_t i = 0; i < self->chain_count; i++)
        if (self->chains[i].root == root &&
            vd_oracle_was_pruned(self->oracle, vd_str(self->chains[i].session)))
            return true;
    return false;
}

static bool may_have_lost(const vd_model_host_t *self)
{
    return vd_host_part_may_have_lost(self->whole, self->root);
}

uint32_t vd_host_part_root(const vd_whole_t *self, vd_str_t session)
{
    for (uint32_t i = 0; i < self->chain_count; i++)
        if (vd_str_is(session, self->chains[i].session))
            return self->chains[i].root;
    return 0;
}

uint32_t vd_host_part_session_root(const vd_whole_t *self, uint32_t host)
{
    const vd_node_t *node = self->hosts[host].node;
    const vd_host_t *core = vd_node_is_up(node) ? vd_node_state(node) : NULL;
    if (core == NULL || core->phase != VD_HOST_RUNNING || core->moving)
        return 0;
    return vd_host_part_root(self, vd_str(core->session));
}

/* The shadow of a chain begins with nothing. */
static void turn_to(vd_model_host_t *self, uint32_t root)
{
    if (root == 0 || root <= self->root)
        return;
    self->root = root;
    vd_tally_observer.destroy(&self->shadow);
    vd_tally_observer.init(&self->shadow, NULL, NULL, 0);
    if (self->fork != NULL)
        vd_tally_observer.destroy(&self->fork);
    self->fork = NULL;
}

/* A part of a state that a host has stored: all of them are what its events have led to. */
static void take_part(vd_model_host_t *self, const vd_seen_t *seen, const vd_value_t *data)
{
    vd_value_t state;
    if (!vd_value_get(data, "state", &state) || state.kind != VD_KIND_BIN) {
        vd_whole_fail(self->whole, "[saved state] %s has stored a state without one", self->name);
        return;
    }
    if (vd_value_get_u64(data, "part", 0) == 1)
        vd_buffer_clear(&self->parts);
    vd_buffer_add(&self->parts, state.bytes.data, state.bytes.size);
    if (vd_value_get_u64(data, "part", 0) != vd_value_get_u64(data, "parts", 0))
        return;
    void *loaded = NULL;
    vd_tally_observer.init(&loaded, NULL, NULL, 0);
    bool good = vd_tally_observer.load(loaded, vd_buffer_view(&self->parts)) == VD_OK;
    if (good && may_have_lost(self) && !same_state(loaded, self->shadow)) {
        void *lost = self->shadow;
        self->shadow = loaded;
        loaded = lost;
        if (self->fork != NULL)
            vd_tally_observer.destroy(&self->fork);
        self->fork = NULL;
    } else if (!good || !same_state(loaded, self->shadow))
        vd_whole_fail(
            self->whole,
            "[saved state] what %s has stored in %.*s:%" PRIu64 " is not what its events lead to",
            self->name, (int)seen->session.size, (const char *)seen->session.data, seen->seq);
    vd_tally_observer.destroy(&loaded);
}

static vd_model_host_t *host_named(vd_whole_t *self, vd_str_t name)
{
    for (int i = 0; i < WHOLE_HOSTS; i++)
        if (self->hosts[i].whole != NULL && vd_str_is(name, self->hosts[i].name))
            return &self->hosts[i];
    return NULL;
}

/* A source that was always there never leaves. A broker that is new may not have heard of it, and who
 * was asleep meanwhile takes its word later. */
static void check_left(vd_whole_t *self, const vd_model_host_t *host, const vd_event_t *event,
                       const vd_value_t *data)
{
    vd_str_t name = vd_value_get_str(data, "source");
    int64_t age_us = vd_whole_now_us(self) - vd_process_ready_us(self->broker);
    bool new_broker = age_us < NEW_BROKER_US;
    if (age_us < VD_LEASE_MS * INT64_C(1000) && self->broker_lived_us > NEW_BROKER_US)
        new_broker = false; /* it does not say that it is complete, and the one before was */
    uint64_t life = vd_process_life(self->broker);
    for (int i = 0; i < WHOLE_SOURCES; i++) {
        const vd_model_source_t *source = &self->sources[i];
        bool unheard = source->unheard_life > 0 && source->unheard_life + 1 >= life;
        if (vd_str_is(event->type, "source_left") && vd_str_is(name, source->name) &&
            source->exists && source->changes == 0 && !new_broker && !unheard)
            vd_whole_fail(self, "[invents nothing] %s says that %s has left, which never did",
                          host->name, source->name);
    }
}

bool vd_host_part_seen(vd_whole_t *self, const vd_seen_t *seen)
{
    vd_value_t cause, data;
    const vd_event_t *event = seen->event;
    if (event->cause.size == 0 || !vd_value_of(event->cause, &cause) || cause.kind != VD_KIND_MAP ||
        !vd_value_of(event->data, &data))
        return false;
    vd_model_host_t *host = host_named(self, vd_value_get_str(&cause, "observer"));
    if (host == NULL)
        return false;
    turn_to(host, vd_host_part_root(self, seen->session));
    if (vd_host_part_root(self, seen->session) != host->root)
        vd_whole_fail(self, "[observer order] %s writes to a session of a runtime that is over",
                      host->name);
    if (vd_str_is(event->type, VD_OBSERVER_STATE)) {
        take_part(host, seen, &data);
        vd_past_part_note(self, (uint32_t)(host - self->hosts), seen);
        return true;
    }
    check_left(self, host, event, &data);
    const char *objection = vd_tally_objection(host->shadow, event);
    if (objection != NULL)
        vd_whole_fail(self, "[observer order] an event of %s at %.*s:%" PRIu64 " %s", host->name,
                      (int)seen->session.size, (const char *)seen->session.data, seen->seq,
                      objection);
    vd_tally_observer.apply(host->shadow, event);
    vd_past_part_note(self, (uint32_t)(host - self->hosts), seen);
    if (host->fork != NULL)
        vd_tally_observer.apply(host->fork, event);
    if (++host->applied % 16 == 5) {
        if (host->fork != NULL && !same_state(host->fork, host->shadow))
            vd_whole_fail(self, "[load and save] of %s: what was loaded differs", host->name);
        if (host->fork != NULL)
            vd_tally_observer.destroy(&host->fork);
        host->fork = copy_state(host->shadow);
    }
    return true;
}

/* What a host knows is what its stored events lead to, whenever none of them is under way. */
static void compare(vd_model_host_t *self)
{
    const vd_host_t *host = vd_node_state(self->node);
    if (host->phase != VD_HOST_RUNNING || host->outstanding || host->ended ||
        vd_emit_state(host->emit) == VD_EMIT_FENCED || vd_emit_epoch(host->emit) != host->epoch)
        return;
    if (self->whole->ingestor.store != NULL)
        vd_oracle_read(self->whole->oracle, self->whole->ingestor.store);
    turn_to(self, vd_host_part_root(self->whole, vd_str(host->session)));
    if (host->moving && may_have_lost(self))
        return; /* what it has is told next */
    if (!same_state(host->state, self->shadow))
        vd_whole_fail(self->whole,
                      "[replay equals live] the state of %s in cycle %" PRIu64
                      " is not what its stored events lead to",
                      self->name, host->cycle);
}

void vd_host_part_stepped(vd_whole_t *self, vd_node_t *node)
{
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        vd_model_host_t *host = &self->hosts[i];
        if (host->node != node || host->whole == NULL)
            continue;
        const vd_host_t *core = vd_node_state(node);
        if (core->cycle == host->cycle && core->phase == VD_HOST_RUNNING)
            return;
        host->cycle = core->cycle;
        compare(host);
    }
}

bool vd_host_part_rests(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_HOSTS; i++) {
        const vd_model_host_t *host = &self->hosts[i];
        if (host->whole == NULL || !vd_node_is_up(host->node))
            continue;
        const vd_host_t *core = vd_node_state(host->node);
        if (core->phase != VD_HOST_RUNNING || core->moving || core->outstanding)
            return false;
    }
    return true;
}

static void finish_one(vd_model_host_t *self)
{
    vd_whole_t *whole = self->whole;
    if (!vd_node_is_up(self->node)) {
        vd_whole_fail(whole, "[comes to rest] %s is down at the end", self->name);
        return;
    }
    const vd_host_t *host = vd_node_state(self->node);
    const vd_tally_t *state = host->state;
    if (host->phase != VD_HOST_RUNNING || host->moving)
        vd_whole_fail(whole, "[comes to rest] %s does not run at the end, phase %d", self->name,
                      (int)host->phase);
    compare(self);
    for (int i = 0; i < WHOLE_SOURCES; i++) {
        const vd_model_source_t *source = &whole->sources[i];
        const vd_tally_row_t *row = vd_tally_find(state, vd_str(source->name));
        if (!source->exists && row != NULL)
            vd_whole_fail(whole, "[omits nothing] %s still knows %s, which has left", self->name,
                          source->name);
        if (source->exists && (row == NULL || row->value != source->value))
            vd_whole_fail(whole,
                          "[omits nothing] %s says %" PRIu64 " of %s, which is %" PRIu64 " since "
                          "long",
                          self->name, row != NULL ? row->value : 0, source->name, source->value);
    }
}

void vd_host_part_finish(vd_whole_t *self)
{
    for (int i = 0; i < WHOLE_HOSTS; i++)
        if (self->hosts[i].whole != NULL)
            finish_one(&self->hosts[i]);
}
