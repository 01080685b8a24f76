/* fuzz_sequencer.c: what producers, tools and strangers may say to the single writer, on a store in memory that now and
 * then fails. */
#include "sequencer.h"
#include "stage.h"
#include "store/memory.h"
#include "store/verify.h"

typedef struct writer {
    vd_memory_image_t *image;
    vd_store_t *store;
    uint32_t operation; /* that waits; 0: none */
    uint64_t token;
    const vd_store_batch_t *batch;
    uint32_t prune_operation;
    const vd_prune_job_t *prune_job;
} writer_t;

/* ---- what was acknowledged is on disk ---- */

typedef struct told {
    uint64_t epoch, mark;
    bool stored;
} told_t;

static bool compare(void *arg, const vd_store_producer_t *producer)
{
    told_t *told = arg;
    if (producer->epoch == told->epoch)
        told->stored = producer->mark >= told->mark;
    return true;
}

static void sent(fuzz_stage_t *stage, const vd_effect_t *effect, const vd_message_t *message)
{
    writer_t *self = stage->arg;
    vd_store_tail_t tail;
    (void)effect;
    if (message->id != VD_MESSAGE_COMMITTED)
        return;
    told_t told = {message->committed.epoch, message->committed.mark, false};
    vd_store_producers(self->store, compare, &told);
    vd_store_tail(self->store, &tail);
    FUZZ_HOLDS(told.stored && message->committed.index <= tail.index);
}

/* ---- operations ---- */

static void perform(fuzz_stage_t *stage, const vd_effect_t *effect)
{
    writer_t *self = stage->arg;
    uint32_t chain = 0;
    if (effect->id == VD_SEQ_VISIBLE) {
        const vd_store_batch_t *batch = effect->object;
        FUZZ_HOLDS(batch->commit.index == effect->token);
        FUZZ_HOLDS(vd_store_chain(self->store, effect->token, &chain) == VD_OK &&
                   chain == batch->commit.chain);
    } else if (effect->id == VD_SEQ_PRUNE || effect->id == VD_SEQ_FREE) {
        FUZZ_HOLDS(self->prune_operation == 0);
        self->prune_operation = effect->id;
        self->prune_job = effect->object;
    } else {
        FUZZ_HOLDS(self->operation == 0);
        self->operation = effect->id;
        self->token = effect->token;
        self->batch = effect->object;
    }
}

static void prune(fuzz_stage_t *stage)
{
    writer_t *self = stage->arg;
    char error[VD_TEXT_BYTES_MAX] = "";
    bool more = false;
    uint32_t operation = self->prune_operation;
    vd_status_t status = operation == VD_SEQ_PRUNE
                             ? vd_store_prune_mark(self->store, self->prune_job->names,
                                                   self->prune_job->count, error, sizeof error)
                             : vd_store_prune_step(self->store, &more, error, sizeof error);
    vd_input_t done = {.kind = VD_INPUT_DONE,
                       .id = operation,
                       .status = status,
                       .result = status == VD_OK ? (const void *)&more : error};
    self->prune_operation = 0;
    fuzz_stage_input(stage, &done);
}

static void write(fuzz_stage_t *stage, uint8_t how)
{
    static vd_store_tail_t tail;
    writer_t *self = stage->arg;
    char error[VD_TEXT_BYTES_MAX] = "";
    uint32_t operation = self->operation;
    vd_input_t done = {.kind = VD_INPUT_DONE, .id = operation, .token = self->token};
    if ((how & 0x18) == 0x18 && operation == VD_SEQ_APPEND)
        vd_memory_fail(self->image, (how & 0x20) != 0 ? VD_IO : VD_NO_SPACE, (how & 0x40) != 0,
                       how >> 7);
    if (operation == VD_SEQ_APPEND)
        done.status = vd_store_append(self->store, self->batch, error, sizeof error);
    else
        done.status = vd_store_reopen(self->store, &tail, error, sizeof error);
    done.result = error;
    if (operation == VD_SEQ_REOPEN && done.status == VD_OK)
        done.result = &tail;
    self->operation = 0;
    fuzz_stage_input(stage, &done);
}

static void complete(fuzz_stage_t *stage, uint8_t how, vd_bytes_t *input)
{
    writer_t *self = stage->arg;
    (void)input;
    if (self->operation != 0)
        write(stage, how);
    else if (self->prune_operation != 0)
        prune(stage);
}

static vd_status_t look_up_record(void *arg, const char *session, const char *record, uint64_t *seq)
{
    writer_t *self = arg;
    return vd_store_record(self->store, session, record, seq);
}

static vd_status_t look_up_session(void *arg, const char *session)
{
    writer_t *self = arg;
    vd_store_session_t row;
    return vd_store_session(self->store, session, &row);
}

/* All of the store is there and whole. */
static void verify(vd_store_t *store)
{
    static vd_store_verified_t part;
    vd_store_cursor_t *cursor = NULL;
    char error[VD_TEXT_BYTES_MAX];
    FUZZ_HOLDS(vd_store_cursor_new(store, &cursor) == VD_OK);
    part = (vd_store_verified_t){.more = true};
    while (part.more) {
        FUZZ_HOLDS(vd_store_verify(store, cursor, part.index, part.chain, &part, error,
                                   sizeof error) == VD_OK);
        FUZZ_HOLDS(part.damage_count == 0);
    }
    vd_store_cursor_destroy(&cursor);
}

void fuzz_one(vd_bytes_t input)
{
    writer_t own = {.image = vd_memory_image_new(5)};
    fuzz_stage_t stage;
    vd_store_tail_t tail;
    FUZZ_HOLDS(own.image != NULL && vd_memory_image_open(own.image, &own.store) == VD_OK);
    vd_store_tail(own.store, &tail);
    vd_sequencer_t *sequencer = vd_sequencer_new(&tail);
    vd_sequencer_lookup_t lookup = {&own, look_up_record, look_up_session};
    vd_prune_limits_t limits = {.older_than_ms = fuzz_byte(&input) * 100U, .keep = 1};
    FUZZ_HOLDS(sequencer != NULL);
    vd_sequencer_set_lookup(sequencer, &lookup);
    vd_sequencer_set_policy(sequencer, &limits);
    vd_sequencer_set_runtime(sequencer, vd_str("s"));
    fuzz_stage_open(&stage, vd_sequencer_step, sequencer);
    fuzz_stage_port(&stage, VD_SEQ_PORT_EMIT, FUZZ_ROUTER);
    fuzz_stage_port(&stage, VD_SEQ_PORT_CONTROL, FUZZ_ROUTER);
    stage.perform = perform;
    stage.complete = complete;
    stage.sent = sent;
    stage.arg = &own;
    fuzz_stage_run(&stage, &input);
    for (int i = 0; i < 8; i++)
        complete(&stage, 0, &input);
    verify(own.store);
    fuzz_stage_close(&stage);
    vd_sequencer_destroy(&sequencer);
    vd_store_close(&own.store);
    vd_memory_image_destroy(&own.image);
}
