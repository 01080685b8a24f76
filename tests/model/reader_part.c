/* reader_part.c: who follows the store: subscribers that remember a position, die, and go on from
 * it; and a bare SUB. */
#include "witness.h"

#include "actors/ingestor/publication.h"
#include "stream/stream.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PORT_READ = 1, PORT_EVENTS, TIMER_STREAM = 1, TIMER_SAVE, TIMER_TURN };

typedef struct reader {
    vd_whole_t *whole;
    vd_process_t *process;
    vd_node_t *node;
    uint32_t number;
    char name[16];
    vd_subscriber_t *subscriber;
    vd_witness_t witness;
    vd_position_t saved; /* what survives its death; empty store: nothing */
    vd_witness_t saved_witness;
    bool turns; /* now and then it begins anew behind its mark */
    vd_mark_t mark;
} reader_t;

struct vd_reader_part {
    reader_t readers[WHOLE_READERS];
    uint32_t count;
    /* The bare SUB. */
    vd_process_t *process;
    vd_node_t *node;
    uint64_t published;
};

static const vd_wire_t wires[] = {{PORT_READ, VD_WIRE_DEALER, "read"}};
static const vd_wire_t bare_wires[] = {{PORT_EVENTS, VD_WIRE_SUB, "events"}};

/* ---- what comes ---- */

static void on_event(void *arg, vd_now_t now, const vd_event_t *event, const vd_commit_t *commit,
                     const vd_position_t *position, vd_effects_t *effects)
{
    reader_t *self = arg;
    vd_witness_event(&self->witness, event, commit, position);
    if (self->turns)
        vd_witness_mark(&self->witness, position, &self->mark);
    vd_subscriber_consumed(self->subscriber, now, 1, event->raw.size, effects);
}

static void on_absent(void *arg, vd_now_t now, vd_str_t session, uint64_t first, uint32_t count,
                      vd_status_t status, const vd_position_t *position, vd_effects_t *effects)
{
    reader_t *self = arg;
    (void)now;
    (void)effects;
    vd_witness_absent(&self->witness, session, first, count, status, position);
}

static void begin(reader_t *self, vd_now_t now, vd_effects_t *effects)
{
    vd_subscription_t subscription = {.position = self->saved,
                                      .seed = vd_process_inc(self->process),
                                      .credit_items = self->number == 1 ? 3 : 0,
                                      .credit_bytes = self->number == 1 ? 2000 : 0};
    snprintf(subscription.name, sizeof subscription.name, "%s", self->name);
    if (self->witness.ticks)
        snprintf(subscription.type, sizeof subscription.type, "tick");
    vd_subscriber_start(self->subscriber, now, &subscription, effects);
}

static void on_stopped(void *arg, vd_now_t now, vd_status_t status, const char *text,
                       uint64_t first, uint64_t head, vd_effects_t *effects)
{
    reader_t *self = arg;
    (void)first;
    (void)head;
    vd_witness_stopped(&self->witness, status, text);
    self->saved = (vd_position_t){.index = 0};
    begin(self, now, effects);
}

static const vd_subscriber_handler_t handler = {
    .event = on_event, .absent = on_absent, .stopped = on_stopped};

static void turn(reader_t *self, vd_now_t now, vd_effects_t *effects)
{
    int64_t wait_us = vd_witness_turn_us(&self->witness);
    if (wait_us < 0)
        return;
    vd_effects_timer(effects, TIMER_TURN, now.mono_us + wait_us);
    if (self->mark.position.store[0] == 0)
        return;
    self->saved = self->mark.position;
    self->saved_witness = self->witness = self->mark.witness;
    self->mark.position.store[0] = 0;
    vd_world_note(self->whole->world, "%-12s begins anew behind %" PRIu64 ".%" PRIu64, self->name,
                  self->saved.index, self->saved.offset);
    begin(self, now, effects);
}

static void step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    reader_t *self = state;
    if (input->kind == VD_INPUT_START) {
        vd_subscriber_connect(self->subscriber, now, "ingestor.read", effects);
        begin(self, now, effects);
        vd_effects_timer(effects, TIMER_SAVE, now.mono_us + 100000);
        if (self->turns)
            vd_effects_timer(effects, TIMER_TURN, now.mono_us + 1000000);
    } else if (input->kind == VD_INPUT_TIMER && input->id == TIMER_TURN) {
        turn(self, now, effects);
    } else if (input->kind == VD_INPUT_TIMER && input->id == TIMER_SAVE) {
        const vd_position_t *position = vd_subscriber_position(self->subscriber);
        if (position->store[0] != 0) {
            self->saved = *position;
            self->saved_witness = self->witness;
        }
        vd_effects_timer(effects, TIMER_SAVE,
                         now.mono_us + 50000 +
                             (int64_t)vd_world_random(self->whole->world, 2000000));
    } else {
        vd_subscriber_step(self->subscriber, now, input, effects);
    }
}

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    reader_t *self = arg;
    vd_peer_t peer = vd_peer_named("ingestor");
    (void)world;
    (void)node;
    self->subscriber = vd_subscriber_new(PORT_READ, &peer, TIMER_STREAM, &handler, self);
    assert(self->subscriber != NULL);
    if (self->saved.store[0] != 0)
        self->witness = self->saved_witness;
    else
        vd_witness_begin(&self->witness);
    return self;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    reader_t *self = arg;
    (void)world;
    (void)node;
    (void)state;
    vd_subscriber_destroy(&self->subscriber);
}

/* ---- the bare SUB: what is published is on disk ---- */

/* Does the store hold what was published: as it is, or as it was before it went back? */
static bool is_stored(const vd_ledger_t *ledger, const vd_committed_run_body_t *body, uint64_t seq,
                      const vd_entry_t *entry)
{
    uint64_t at = ledger != NULL ? vd_ledger_find(ledger, body->index, 0) : 0;
    for (; ledger != NULL && at < vd_ledger_count(ledger); at++) {
        const vd_ledger_entry_t *stored = vd_ledger_at(ledger, at);
        if (stored->index != body->index)
            return false;
        if (stored->seq == seq &&
            vd_str_is(body->session, vd_ledger_session(ledger, stored->session)))
            return stored->crc == entry->crc;
    }
    return false;
}

static void bare_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects)
{
    vd_whole_t *self = state;
    (void)now;
    if (input->kind == VD_INPUT_START) {
        vd_peer_t peer = vd_peer_named("ingestor");
        vd_effects_subscribe(effects, PORT_EVENTS, "events/");
        vd_effects_connect(effects, PORT_EVENTS, &peer, "ingestor.events");
        return;
    }
    if (input->kind != VD_INPUT_MESSAGE || input->message->id != VD_MESSAGE_COMMITTED_RUN)
        return;
    const vd_committed_run_body_t *body = &input->message->committed_run;
    vd_bytes_t rest = input->message->payload;
    vd_entry_t entry;
    vd_witness_look(self);
    uint64_t seq = body->first;
    while (vd_run_next(&rest, &entry) == VD_OK) {
        if (!is_stored(self->ledger, body, seq, &entry) &&
            !is_stored(self->ledger_before, body, seq, &entry))
            vd_whole_fail(self,
                          "[visible is durable] %.*s:%" PRIu64 " was published and is not so "
                          "in the store",
                          (int)body->session.size, (const char *)body->session.data, seq);
        seq++;
        self->readers->published++;
    }
}

static void *bare_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    (void)world;
    (void)node;
    return arg;
}

static void bare_end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    (void)world;
    (void)node;
    (void)state;
    (void)arg;
}

/* ---- all of them ---- */

static void add_reader(vd_whole_t *whole, reader_t *self, uint32_t number)
{
    *self = (reader_t){.whole = whole, .number = number};
    snprintf(self->name, sizeof self->name, "reader-%u", number);
    self->witness = (vd_witness_t){.whole = whole, .name = self->name, .ticks = number == 2};
    self->turns = vd_world_chance(whole->world, 300);
    vd_process_spec_t spec = {.name = self->name, .kind = "reader", .again_us = 1000000};
    self->process = vd_process_new(whole->world, &spec);
    vd_node_spec_t node = {
        .step = step, .wires = wires, .wire_count = 1, .boot = boot, .end = end, .arg = self};
    self->node = vd_process_add(whole->world, self->process, &node);
    vd_process_boot(whole->world, self->process, "", false);
}

void vd_reader_part_add(vd_whole_t *self)
{
    if (self->options.without_actors & WITHOUT_READERS)
        return;
    self->readers = calloc(1, sizeof *self->readers);
    assert(self->readers != NULL);
    self->readers->count = WHOLE_READERS;
    for (uint32_t i = 0; i < WHOLE_READERS; i++)
        add_reader(self, &self->readers->readers[i], i);
    vd_process_spec_t spec = {.name = "bare", .kind = "reader", .again_us = 1000000};
    self->readers->process = vd_process_new(self->world, &spec);
    vd_node_spec_t node = {.step = bare_step,
                           .wires = bare_wires,
                           .wire_count = 1,
                           .boot = bare_boot,
                           .end = bare_end,
                           .arg = self};
    self->readers->node = vd_process_add(self->world, self->readers->process, &node);
    vd_process_boot(self->world, self->readers->process, "", false);
}

void vd_reader_part_free(vd_whole_t *self)
{
    if (self->readers == NULL)
        return;
    for (uint32_t i = 0; i < self->readers->count; i++)
        vd_process_destroy(&self->readers->readers[i].process);
    vd_process_destroy(&self->readers->process);
    free(self->readers);
    self->readers = NULL;
}

void vd_reader_part_kill(vd_whole_t *self, uint32_t die)
{
    if (self->readers == NULL)
        return;
    uint32_t at = die % (self->readers->count + 1);
    vd_process_kill(self->world, at < self->readers->count ? self->readers->readers[at].process
                                                           : self->readers->process);
}

void vd_reader_part_finish(vd_whole_t *self)
{
    for (uint32_t i = 0; self->readers != NULL && i < self->readers->count; i++)
        vd_witness_finish(&self->readers->readers[i].witness);
}
