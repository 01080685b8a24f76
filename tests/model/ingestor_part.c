/* ingestor_part.c: the ingestor as a process: sequencer, publication, and the reading side with its
 * memory of what is recent. */
#include "whole.h"

#include "actors/ingestor/kept.h"
#include "actors/ingestor/notices.h"
#include "actors/ingestor/publication.h"
#include "actors/ingestor/reading.h"
#include "sequencer.h"
#include "stream/recent.h"

#include <assert.h>
#include <stdlib.h>

struct vd_ingestor_part {
    vd_node_t *publication_node, *reading_node;
    vd_publication_t publication;
    vd_trouble_t trouble;
    vd_written_t written;
    vd_report_view_t view;
    vd_whole_t *whole;
    vd_recent_t *recent;
    size_t recent_bytes_max;
    vd_publisher_knobs_t knobs;
    vd_notices_t *notices;
    const vd_kept_write_t *keeping[VD_KEPT_WRITES]; /* positions on their way to the store */
};

static const vd_wire_t publication_wires[] = {{VD_PUBLICATION_PORT, VD_WIRE_PUB, "events"}};
static const vd_wire_t reading_wires[] = {{VD_READING_PORT, VD_WIRE_ROUTER, "read"},
                                          {VD_READING_PORT_STREAMS, VD_WIRE_ROUTER, "streams"}};

static void *publication_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_ingestor_part_t *self = arg;
    vd_store_tail_t tail;
    (void)world;
    (void)node;
    vd_store_tail(self->whole->ingestor.store, &tail);
    vd_publication_init(&self->publication, tail.id);
    return &self->publication;
}

/* ---- what subscribers go through ---- */

static void tell_notices(vd_world_t *world, void *arg, uint64_t life)
{
    vd_ingestor_part_t *self = arg;
    vd_node_t *node = self->whole->ingestor.node;
    vd_seq_notice_t notice;
    vd_input_t input = {
        .kind = VD_INPUT_DONE, .id = VD_SEQ_NOTICE, .status = VD_OK, .result = &notice};
    vd_notices_hush(self->notices);
    while (vd_node_is_up(node) && vd_node_life(node) == life &&
           vd_notices_take(self->notices, &notice))
        vd_node_input(world, node, &input);
}

static void take_news(void *arg, vd_now_t now, const vd_publisher_news_t *news,
                      vd_effects_t *effects)
{
    vd_ingestor_part_t *self = arg;
    vd_world_t *world = self->whole->world;
    vd_node_t *node = self->whole->ingestor.node;
    (void)now;
    (void)effects;
    vd_notices_put(self->notices, news);
    if (vd_node_is_up(node))
        vd_world_later(world, (int64_t)vd_world_random(world, 300), node, tell_notices, self,
                       vd_node_life(node));
}

/* ---- the reading thread ---- */

static void *reading_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_ingestor_part_t *self = arg;
    (void)world;
    (void)node;
    assert(self->whole->ingestor.store != NULL);
    vd_store_tail_t tail;
    self->recent = vd_recent_new(self->recent_bytes_max);
    self->notices = vd_notices_new();
    assert(self->recent != NULL && self->notices != NULL);
    vd_reading_options_t options = {
        .recent = self->recent, .knobs = &self->knobs, .news = take_news, .news_arg = self};
    vd_reading_t *reading = vd_reading_new(self->whole->ingestor.store, &options);
    assert(reading != NULL);
    vd_reading_set_view(reading, &self->view);
    vd_store_tail(self->whole->ingestor.store, &tail);
    vd_recent_begin(self->recent, tail.id, tail.index, tail.chain);
    return reading;
}

static void publication_end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    (void)world;
    (void)node;
    (void)state;
    (void)arg;
}

static void reading_end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_ingestor_part_t *self = arg;
    vd_reading_t *reading = state;
    (void)world;
    (void)node;
    vd_reading_destroy(&reading);
    vd_recent_destroy(&self->recent);
    vd_notices_destroy(&self->notices);
}

/* The one who writes keeps a position, or a state. */
static void keep(vd_world_t *world, void *arg, uint64_t token)
{
    vd_ingestor_part_t *self = arg;
    const vd_kept_write_t *write = self->keeping[token];
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_store_t *store = self->whole->ingestor.store;
    vd_status_t status = vd_kept_perform(store, write, error, sizeof error);
    vd_input_t input = {.kind = VD_INPUT_DONE,
                        .id = VD_KEPT_WRITE,
                        .token = token,
                        .status = status,
                        .result = error};
    vd_node_input(world, self->reading_node, &input);
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    vd_ingestor_part_t *self = arg;
    assert(effect->id == VD_KEPT_WRITE && effect->token < VD_KEPT_WRITES);
    self->keeping[effect->token] = effect->object;
    vd_world_later(world, (int64_t)vd_world_random(world, 3000), node, keep, arg, effect->token);
}

static void tell_grown(vd_world_t *world, void *arg, uint64_t number)
{
    vd_ingestor_part_t *self = arg;
    (void)number;
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
    vd_node_input(world, self->reading_node, &input);
}

static void grown(void *arg, vd_world_t *world)
{
    vd_ingestor_part_t *self = arg;
    vd_oracle_read(self->whole->oracle, self->whole->ingestor.store);
    (void)world;
    vd_written_note(&self->written, true, 1, 100);
}

static void wake(vd_ingestor_part_t *self, vd_world_t *world)
{
    if (vd_node_is_up(self->reading_node))
        vd_world_later(world, (int64_t)vd_world_random(world, 400), self->reading_node, tell_grown,
                       self, 0);
}

/* The store was opened again, or a session is out of view. */
static void changed(void *arg, vd_world_t *world)
{
    vd_ingestor_part_t *self = arg;
    vd_store_tail_t tail;
    if (self->recent == NULL)
        return;
    vd_store_tail(self->whole->ingestor.store, &tail);
    vd_recent_begin(self->recent, tail.id, tail.index, tail.chain);
    wake(self, world);
}

static void shown(void *arg, vd_world_t *world, const vd_store_batch_t *batch)
{
    vd_ingestor_part_t *self = arg;
    vd_node_t *node = self->publication_node;
    uint64_t life = vd_node_life(node);
    vd_input_t input = {
        .kind = VD_INPUT_DONE, .id = VD_PUBLICATION_SHOW, .status = VD_OK, .result = batch};
    do {
        if (!vd_node_is_up(node) || vd_node_life(node) != life)
            return;
        vd_node_input(world, node, &input);
    } while (vd_publication_pending(&self->publication));
    if (self->recent == NULL)
        return;
    vd_recent_add(self->recent, &batch->commit);
    if (vd_recent_bytes(self->recent) > self->recent_bytes_max)
        vd_whole_fail(self->whole, "[bounds] %zu bytes of recent commits are held",
                      vd_recent_bytes(self->recent));
    wake(self, world);
}

void vd_ingestor_part_add(vd_whole_t *whole)
{
    static const vd_trouble_t no_trouble = VD_TROUBLE_NONE;
    static const vd_written_t nothing = VD_WRITTEN_NONE;
    vd_ingestor_part_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->whole = whole;
    self->trouble = no_trouble;
    self->written = nothing;
    self->view = (vd_report_view_t){&self->trouble, &self->written};
    /* A few commits, or all of a run. */
    self->recent_bytes_max = (size_t)1500 << vd_world_random(whole->world, 10);
    self->knobs = vd_publisher_knobs_default;
    self->knobs.credit_deadline_ms = 3000 + (uint32_t)vd_world_random(whole->world, 20000);
    vd_process_spec_t spec = vd_runtime_spec(whole, "ingestor", "ingestor");
    whole->ingestor_part = self;
    whole->ingestor.process = vd_process_new(whole->world, &spec);
    whole->ingestor.grown = grown;
    whole->ingestor.shown = shown;
    whole->ingestor.changed = changed;
    whole->ingestor.shown_arg = self;
    vd_model_ingestor_add(&whole->ingestor, whole->world, whole->oracle);
    vd_node_tap(whole->ingestor.node);
    vd_node_spec_t node = {.core = "publication",
                           .step = vd_publication_step,
                           .wires = publication_wires,
                           .wire_count = 1,
                           .boot = publication_boot,
                           .end = publication_end,
                           .arg = self};
    self->publication_node = vd_process_add(whole->world, whole->ingestor.process, &node);
    node = (vd_node_spec_t){.core = "reading",
                            .step = vd_reading_step,
                            .wires = reading_wires,
                            .wire_count = 2,
                            .boot = reading_boot,
                            .perform = perform,
                            .end = reading_end,
                            .arg = self};
    self->reading_node = vd_process_add(whole->world, whole->ingestor.process, &node);
    vd_node_tap(self->reading_node);
}

void vd_ingestor_part_free(vd_whole_t *self)
{
    free(self->ingestor_part);
    self->ingestor_part = NULL;
}
