/* collector_part.c: an observer that reads another one, and what it makes of its events. */
#include "whole.h"

#include "mirror.h"
#include "observers/host/host_state.h"
#include "tally.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { AT_ONCE_US = 5000000 };

#define READ "alpha"

/* An event of the observer that is read. */
typedef struct said {
    uint32_t root; /* of its chain of sessions */
    char session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq;
    int64_t seen_us;
} said_t;

struct vd_collector_part {
    vd_whole_t *whole;
    vd_process_t *process;
    vd_node_t *node;
    said_t *said; /* in the order of the store */
    uint64_t count, room;
    uint32_t root; /* of the collector's session */
    uint64_t next; /* everything of the chain before it was said again */
    void *shadow;  /* the state that its events lead to */
    uint64_t cycle;
};

static const vd_wire_t wires[] = {
    {VD_HOST_PORT_BROKER, VD_WIRE_DEALER, "broker"},
    {VD_HOST_PORT_MEMBERSHIP, VD_WIRE_SUB, "membership"},
    {VD_HOST_PORT_EMIT, VD_WIRE_DEALER, "emit"},
    {VD_HOST_PORT_READ, VD_WIRE_DEALER, "read"},
    {VD_HOST_PORT_POLLER, VD_WIRE_DEALER, "poller"},
    {VD_HOST_PORT_SAMPLES, VD_WIRE_SUB, "samples"},
    {VD_HOST_PORT_REQUESTS, VD_WIRE_ROUTER, "requests"},
    {VD_HOST_PORT_CHANGES, VD_WIRE_PUB, "changes"},
    {VD_HOST_PORT_INPUT, VD_WIRE_DEALER, "input"},
    {VD_HOST_PORT_ORIGIN, VD_WIRE_DEALER, "origin"},
};

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_collector_part_t *self = arg;
    char error[256] = "";
    (void)world;
    (void)node;
    vd_host_options_t options = {.observer = &vd_mirror_observer,
                                 .name = "gamma",
                                 .session = vd_process_session(self->process),
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
                                 .ingestor_read = "ingestor.read",
                                 .reads = READ,
                                 .origin_requests = READ ".requests"};
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
    vd_collector_part_t *self = arg;
    (void)node;
    assert(effect->id == VD_HOST_READY);
    (void)effect;
    vd_process_ready(world, self->process);
}

void vd_collector_part_add(vd_whole_t *whole)
{
    vd_collector_part_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->whole = whole;
    whole->collector = self;
    vd_mirror_observer.init(&self->shadow, NULL, NULL, 0);
    vd_process_spec_t spec = vd_runtime_spec(whole, "gamma", "observer");
    spec.holds_ready = true;
    self->process = vd_process_new(whole->world, &spec);
    vd_node_spec_t node = {.step = vd_host_step,
                           .wires = wires,
                           .wire_count = sizeof wires / sizeof wires[0],
                           .boot = boot,
                           .end = end,
                           .perform = perform,
                           .arg = self};
    self->node = vd_process_add(whole->world, self->process, &node);
}

vd_process_t *vd_collector_part_process(vd_whole_t *self)
{
    return self->collector->process;
}

void vd_collector_part_free(vd_whole_t *self)
{
    vd_mirror_observer.destroy(&self->collector->shadow);
    free(self->collector->said);
    free(self->collector);
    self->collector = NULL;
}

static void begin(vd_collector_part_t *self, uint32_t root)
{
    self->root = root;
    self->next = 0;
    vd_mirror_observer.destroy(&self->shadow);
    vd_mirror_observer.init(&self->shadow, NULL, NULL, 0);
}

void vd_collector_part_forget(vd_whole_t *self)
{
    self->collector->count = 0;
    begin(self->collector, 0);
}

/* ---- what it says ---- */

static void note_said(vd_collector_part_t *self, const vd_seen_t *seen)
{
    if (self->count == self->room) {
        self->room = self->room * 2 + 64;
        self->said = realloc(self->said, self->room * sizeof *self->said);
        assert(self->said != NULL);
    }
    said_t *said = &self->said[self->count++];
    *said = (said_t){.root = vd_host_part_root(self->whole, seen->session),
                     .seq = seen->seq,
                     .seen_us = vd_whole_now_us(self->whole)};
    vd_str_copy(said->session, sizeof said->session, seen->session);
}

/* The first that was not said again; NULL: there is none. */
static const said_t *next_said(vd_collector_part_t *self)
{
    while (self->next < self->count && self->said[self->next].root != self->root)
        self->next++;
    return self->next < self->count ? &self->said[self->next] : NULL;
}

/* May events of the chain be missing to whoever reads it? Of those that are damaged nobody knows whose
 * they were. */
static bool may_lack(const vd_collector_part_t *self)
{
    const vd_whole_t *whole = self->whole;
    if (vd_host_part_may_have_lost(whole, self->root))
        return true;
    if (vd_oracle_sums(whole->oracle).damaged == 0)
        return false;
    for (uint64_t i = 0; i < vd_ledger_count(whole->ledger); i++) {
        const vd_ledger_entry_t *entry = vd_ledger_at(whole->ledger, i);
        const char *session = vd_ledger_session(whole->ledger, entry->session);
        if (entry->damaged && vd_host_part_root(whole, vd_str(session)) == self->root)
            return true;
    }
    return false;
}

/* Where the event stands, from the next one on; UINT64_MAX: nowhere. */
static uint64_t place_of(const vd_collector_part_t *self, vd_str_t session, uint64_t seq)
{
    for (uint64_t i = self->next; i < self->count; i++)
        if (self->said[i].root == self->root && self->said[i].seq == seq &&
            vd_str_is(session, self->said[i].session))
            return i;
    return UINT64_MAX;
}

/* Where events are missing, a snapshot stands for all of them. */
static void check_snapshot(vd_collector_part_t *self)
{
    if (!may_lack(self))
        vd_whole_fail(self->whole, "[collector] gamma takes a snapshot of " READ
                                   " while no event of it is missing");
}

static void check_order(vd_collector_part_t *self, const vd_seen_t *seen, const vd_value_t *cause,
                        const vd_value_t *data)
{
    uint64_t seq = vd_value_get_u64(data, "seq", 0);
    vd_str_t session = vd_value_get_str(cause, "session");
    if (!vd_str_is(vd_value_get_str(cause, "source"), READ))
        vd_whole_fail(self->whole, "[collector] gamma does not say what it has read at %" PRIu64,
                      seen->seq);
    if (seq == 0) {
        check_snapshot(self);
        return;
    }
    const said_t *next = next_said(self);
    uint64_t place = place_of(self, session, seq);
    if (place == UINT64_MAX || (place != self->next && !may_lack(self))) {
        vd_whole_fail(self->whole,
                      "[collector] gamma says event %" PRIu64 " of %.*s again, and not %" PRIu64
                      " of %s",
                      seq, (int)session.size, (const char *)session.data,
                      next != NULL ? next->seq : 0, next != NULL ? next->session : "nothing");
        return;
    }
    self->next = place + 1;
}

bool vd_collector_part_seen(vd_whole_t *whole, const vd_seen_t *seen)
{
    vd_collector_part_t *self = whole->collector;
    vd_value_t cause, data;
    const vd_event_t *event = seen->event;
    if (event->cause.size == 0 || !vd_value_of(event->cause, &cause) || cause.kind != VD_KIND_MAP ||
        !vd_value_of(event->data, &data))
        return false;
    vd_str_t name = vd_value_get_str(&cause, "observer");
    bool state = vd_str_is(event->type, VD_OBSERVER_STATE);
    if (vd_str_is(name, READ) && !state)
        note_said(self, seen);
    if (!vd_str_is(name, "gamma"))
        return false;
    uint32_t root = vd_host_part_root(whole, seen->session);
    if (root > self->root)
        begin(self, root);
    if (root < self->root)
        vd_whole_fail(whole,
                      "[observer order] gamma writes to a session of a runtime that is over");
    if (state)
        return true;
    check_order(self, seen, &cause, &data);
    vd_mirror_observer.apply(self->shadow, event);
    return true;
}

/* ---- what it knows ---- */

static bool same_state(const void *a, const void *b)
{
    vd_buffer_t first, second;
    vd_buffer_init(&first, 65536);
    vd_buffer_init(&second, 65536);
    vd_mirror_observer.save(a, &first);
    vd_mirror_observer.save(b, &second);
    bool same = vd_bytes_equal(vd_buffer_view(&first), vd_buffer_view(&second));
    vd_buffer_free(&first);
    vd_buffer_free(&second);
    return same;
}

static void compare(vd_collector_part_t *self, const vd_host_t *host)
{
    vd_whole_t *whole = self->whole;
    if (host->phase != VD_HOST_RUNNING || host->outstanding || host->ended ||
        vd_emit_state(host->emit) == VD_EMIT_FENCED || vd_emit_epoch(host->emit) != host->epoch)
        return;
    if (whole->ingestor.store != NULL)
        vd_oracle_read(whole->oracle, whole->ingestor.store);
    uint32_t root = vd_host_part_root(whole, vd_str(host->session));
    if (root > self->root)
        begin(self, root);
    if (!vd_host_part_may_have_lost(whole, self->root) && !same_state(host->state, self->shadow))
        vd_whole_fail(whole,
                      "[replay equals live] the state of gamma in cycle %" PRIu64
                      " is not what its stored events lead to",
                      host->cycle);
}

void vd_collector_part_stepped(vd_whole_t *whole, vd_node_t *node)
{
    vd_collector_part_t *self = whole->collector;
    if (node != self->node)
        return;
    const vd_host_t *host = vd_node_state(node);
    if (host->cycle == self->cycle && host->phase == VD_HOST_RUNNING)
        return;
    self->cycle = host->cycle;
    compare(self, host);
}

bool vd_collector_part_rests(vd_whole_t *self)
{
    if (!vd_node_is_up(self->collector->node))
        return true;
    const vd_host_t *host = vd_node_state(self->collector->node);
    return host->phase == VD_HOST_RUNNING && !host->moving && !host->outstanding;
}

void vd_collector_part_finish(vd_whole_t *whole)
{
    vd_collector_part_t *self = whole->collector;
    if (!vd_node_is_up(self->node)) {
        vd_whole_fail(whole, "[comes to rest] gamma is down at the end");
        return;
    }
    const vd_host_t *host = vd_node_state(self->node);
    if (host->phase != VD_HOST_RUNNING || host->moving)
        vd_whole_fail(whole, "[comes to rest] gamma does not run at the end, phase %d",
                      (int)host->phase);
    compare(self, host);
    const said_t *next = next_said(self);
    int64_t age_us = next != NULL ? vd_whole_now_us(whole) - next->seen_us : 0;
    if (age_us > AT_ONCE_US && !may_lack(self))
        vd_whole_fail(whole, "[collector] gamma has not said again %s:%" PRIu64 " for %.3f s",
                      next->session, next->seq, (double)age_us / 1000000);
}
