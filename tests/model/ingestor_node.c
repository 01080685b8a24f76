/* ingestor_node.c: the sequencer's life in the model. */
#include "ingestor_node.h"

#include "process.h"
#include "sequencer.h"

#include <assert.h>

static const vd_wire_t wires[] = {{VD_SEQ_PORT_EMIT, VD_WIRE_ROUTER, "emit"},
                                  {VD_SEQ_PORT_CONTROL, VD_WIRE_ROUTER, "control"}};

static bool restore_producer(void *arg, const vd_store_producer_t *record)
{
    bool restored = vd_sequencer_restore_producer(arg, record);
    assert(restored);
    return restored;
}

static bool restore_session(void *arg, const vd_store_session_t *record)
{
    bool restored = vd_sequencer_restore_session(arg, record);
    assert(restored);
    return restored;
}

static vd_status_t lookup_record(void *arg, const char *session, const char *record, uint64_t *seq)
{
    vd_model_ingestor_t *self = arg;
    return vd_store_record(self->store, session, record, seq);
}

static vd_status_t lookup_session(void *arg, const char *session)
{
    vd_model_ingestor_t *self = arg;
    vd_store_session_t record;
    return vd_store_session(self->store, session, &record);
}

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    (void)world;
    (void)node;
    vd_model_ingestor_t *self = arg;
    vd_status_t status = vd_memory_image_open(self->image, &self->store);
    assert(status == VD_OK);
    (void)status;
    vd_oracle_reopened(self->oracle, self->store);
    vd_store_tail_t tail;
    vd_store_tail(self->store, &tail);
    vd_sequencer_t *sequencer = vd_sequencer_new(&tail);
    assert(sequencer != NULL);
    vd_sequencer_lookup_t lookup = {self, lookup_record, lookup_session};
    vd_prune_limits_t limits = {self->prune_older_ms, self->prune_keep};
    vd_sequencer_set_lookup(sequencer, &lookup);
    vd_sequencer_set_policy(sequencer, &limits);
    vd_store_producers(self->store, restore_producer, sequencer);
    vd_store_sessions(self->store, restore_session, sequencer);
    if (self->process != NULL)
        vd_sequencer_set_runtime(sequencer, vd_str(vd_process_session(self->process)));
    return sequencer;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    (void)node;
    vd_model_ingestor_t *self = arg;
    vd_sequencer_t *sequencer = state;
    /* The write that was on its way may have reached the disk. */
    if (self->out != NULL && !self->done && vd_world_chance(world, 500))
        vd_store_append(self->store, self->out, self->error, sizeof self->error);
    self->out = NULL;
    self->done = false;
    vd_sequencer_destroy(&sequencer);
    vd_store_close(&self->store);
    vd_memory_crash(self->image, vd_world_random(world, 3));
    if (self->process != NULL && vd_world_chance(world, 200))
        vd_memory_lose_states(self->image, vd_world_random(world, UINT64_MAX));
}

static void boot_again(vd_world_t *world, void *arg, uint64_t number)
{
    (void)number;
    vd_model_ingestor_t *self = arg;
    if (!vd_node_is_up(self->node))
        vd_node_boot(world, self->node);
}

static void ended(vd_world_t *world, vd_node_t *node, vd_status_t status, void *arg)
{
    (void)node;
    vd_model_ingestor_t *self = arg;
    if (status == VD_WENT_BACK)
        vd_oracle_fail(self->oracle, "the store has gone back");
    if (self->restarts)
        vd_world_later(world, 1000 + (int64_t)vd_world_random(world, 400000), NULL, boot_again,
                       self, 0);
}

static void tell_appended(vd_world_t *world, void *arg, uint64_t index)
{
    vd_model_ingestor_t *self = arg;
    assert(self->out != NULL && self->done);
    self->out = NULL;
    self->done = false;
    vd_input_t input = {
        .kind = VD_INPUT_DONE, .id = VD_SEQ_APPEND, .token = index, .status = VD_OK};
    vd_node_input(world, self->node, &input);
}

static bool is_cursed(const vd_model_ingestor_t *self)
{
    for (uint32_t i = 0; self->cursed[0] != 0 && i < self->out->commit.run_count; i++)
        if (vd_str_is(self->out->commit.runs[i].session, self->cursed))
            return true;
    return false;
}

static void append(vd_world_t *world, void *arg, uint64_t index)
{
    vd_model_ingestor_t *self = arg;
    assert(self->out != NULL && self->out->commit.index == index);
    if (is_cursed(self)) {
        self->failures++;
        vd_oracle_outage(self->oracle);
        vd_memory_fail(self->image, VD_IO, false, 0);
    } else if (self->fail > 0 && vd_world_chance(world, self->fail)) {
        self->failures++;
        vd_oracle_outage(self->oracle);
        for (uint32_t i = 0; i < self->out->commit.run_count; i++)
            vd_oracle_bad_luck(self->oracle, self->out->commit.runs[i].session);
        vd_memory_fail(self->image, vd_world_chance(world, 500) ? VD_IO : VD_NO_SPACE,
                       vd_world_chance(world, 500), (unsigned)vd_world_random(world, 4));
    }
    vd_status_t status = vd_store_append(self->store, self->out, self->error, sizeof self->error);
    vd_world_note(world, "%-12s commit %d: %s", "store", (int)index, vd_status_name(status));
    if (status == VD_OK) {
        self->done = true;
        if (self->grown != NULL)
            self->grown(self->shown_arg, world);
        vd_world_later(world, (int64_t)vd_world_random(world, 300), self->node, tell_appended, self,
                       index);
        return;
    }
    self->out = NULL;
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_SEQ_APPEND,
                        .token = index,
                        .status = status,
                        .result = self->error};
    vd_node_input(world, self->node, &input);
}

static void tell_changed(vd_model_ingestor_t *self, vd_world_t *world)
{
    if (self->changed != NULL && vd_node_is_up(self->node) && self->store != NULL)
        self->changed(self->shown_arg, world);
}

static void reopen(vd_world_t *world, void *arg, uint64_t index)
{
    vd_model_ingestor_t *self = arg;
    vd_status_t status = vd_store_reopen(self->store, &self->tail, self->error, sizeof self->error);
    vd_world_note(world, "%-12s reopened: %s", "store", vd_status_name(status));
    const void *result = status == VD_OK ? (const void *)&self->tail : self->error;
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_SEQ_REOPEN,
                        .token = index,
                        .status = status,
                        .result = result};
    vd_node_input(world, self->node, &input);
    if (status == VD_OK)
        tell_changed(self, world);
}

/* One part of pruning: taking out of view, or freeing. */
static void prune(vd_world_t *world, void *arg, uint64_t operation)
{
    vd_model_ingestor_t *self = arg;
    const vd_prune_job_t *job = self->prune_job;
    bool marking = operation == VD_SEQ_PRUNE, more = false;
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_status_t status;
    if (marking)
        status = vd_store_prune_mark(self->store, (const char *const *)job->names, job->count,
                                     error, sizeof error);
    else
        status = vd_store_prune_step(self->store, &more, error, sizeof error);
    vd_world_note(world, "%-12s %s: %s %s", "store", marking ? "pruned" : "freed",
                  vd_status_name(status), error);
    for (uint32_t i = 0; marking && status == VD_OK && i < job->count; i++)
        vd_oracle_pruned(self->oracle, job->names[i]);
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = (uint32_t)operation,
                        .status = status,
                        .result = status == VD_OK ? (const void *)&more : error};
    vd_node_input(world, self->node, &input);
    if (status == VD_OK && marking)
        tell_changed(self, world);
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    vd_model_ingestor_t *self = arg;
    int64_t delay_us = 1 + (int64_t)vd_world_random(world, (uint64_t)self->append_us_max);
    if (effect->id == VD_SEQ_APPEND) {
        assert(self->out == NULL);
        self->out = effect->object;
        vd_world_later(world, delay_us, node, append, self, effect->token);
    } else if (effect->id == VD_SEQ_REOPEN) {
        vd_world_later(world, delay_us, node, reopen, self, effect->token);
    } else if (effect->id == VD_SEQ_PRUNE || effect->id == VD_SEQ_FREE) {
        self->prune_job = effect->object;
        vd_world_later(world, delay_us, node, prune, self, effect->id);
    } else {
        const vd_store_batch_t *batch = effect->object;
        uint32_t chain = 0;
        assert(effect->id == VD_SEQ_VISIBLE && batch->commit.index == effect->token);
        if (vd_store_chain(self->store, batch->commit.index, &chain) != VD_OK ||
            chain != batch->commit.chain)
            vd_oracle_fail(self->oracle, "commit %d is shown and not in the store",
                           (int)effect->token);
        vd_oracle_read(self->oracle, self->store);
        if (self->shown != NULL)
            self->shown(self->shown_arg, world, batch);
        for (uint32_t i = 0; i < batch->session_count; i++)
            if (batch->sessions[i]->error[0] != 0)
                vd_oracle_given_up(self->oracle, batch->sessions[i]->session);
    }
}

void vd_model_ingestor_add(vd_model_ingestor_t *self, vd_world_t *world, vd_oracle_t *oracle)
{
    self->oracle = oracle;
    self->image = vd_memory_image_new(vd_world_random(world, UINT64_MAX));
    assert(self->image != NULL && self->append_us_max > 0);
    vd_node_spec_t spec = {.name = "ingestor",
                           .core = "sequencer",
                           .step = vd_sequencer_step,
                           .wires = wires,
                           .wire_count = 2,
                           .boot = boot,
                           .end = end,
                           .perform = perform,
                           .ended = ended,
                           .arg = self};
    self->node = self->process != NULL ? vd_process_add(world, self->process, &spec)
                                       : vd_world_add(world, &spec);
    vd_node_may_tear(self->node);
}

void vd_model_ingestor_start(vd_model_ingestor_t *self, vd_world_t *world, vd_oracle_t *oracle)
{
    vd_model_ingestor_add(self, world, oracle);
    vd_node_boot(world, self->node);
}

void vd_model_ingestor_free(vd_model_ingestor_t *self)
{
    vd_memory_image_destroy(&self->image);
}
