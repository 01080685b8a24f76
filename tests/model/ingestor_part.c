/* ingestor_part.c: the ingestor as a process: sequencer, publication, and the reading side. */
#include "whole.h"

#include "actors/ingestor/publication.h"
#include "actors/ingestor/reading.h"
#include "stream/stream.h"

#include <assert.h>
#include <stdlib.h>

struct vd_ingestor_part {
    vd_node_t *publication_node, *reading_node;
    vd_publication_t publication;
    vd_trouble_t trouble;
    vd_written_t written;
    vd_report_view_t view;
    vd_whole_t *whole;
};

static const vd_wire_t publication_wires[] = {{VD_PUBLICATION_PORT, VD_WIRE_PUB, "events"}};
static const vd_wire_t reading_wires[] = {{VD_READING_PORT, VD_WIRE_ROUTER, "read"}};

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

static void *reading_boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_ingestor_part_t *self = arg;
    (void)world;
    (void)node;
    assert(self->whole->ingestor.store != NULL);
    vd_reading_t *reading = vd_reading_new(self->whole->ingestor.store, NULL);
    assert(reading != NULL);
    vd_reading_set_view(reading, &self->view);
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
    vd_reading_t *reading = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_reading_destroy(&reading);
}

static void tell_grown(vd_world_t *world, void *arg, uint64_t number)
{
    vd_ingestor_part_t *self = arg;
    (void)number;
    vd_input_t input = {.kind = VD_INPUT_DONE, .id = VD_STREAM_GROWN};
    vd_node_input(world, self->reading_node, &input);
}

/* The reading thread is woken right after the sync. */
static void grown(void *arg, vd_world_t *world)
{
    vd_ingestor_part_t *self = arg;
    vd_oracle_read(self->whole->oracle, self->whole->ingestor.store);
    vd_written_note(&self->written, true, 1, 100);
    if (vd_node_is_up(self->reading_node))
        vd_world_later(world, (int64_t)vd_world_random(world, 400), self->reading_node, tell_grown,
                       self, 0);
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
    vd_process_spec_t spec = vd_runtime_spec(whole, "ingestor", "ingestor");
    whole->ingestor_part = self;
    whole->ingestor.process = vd_process_new(whole->world, &spec);
    whole->ingestor.grown = grown;
    whole->ingestor.shown = shown;
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
                            .wire_count = 1,
                            .boot = reading_boot,
                            .end = reading_end,
                            .arg = self};
    self->reading_node = vd_process_add(whole->world, whole->ingestor.process, &node);
}

void vd_ingestor_part_free(vd_whole_t *self)
{
    free(self->ingestor_part);
    self->ingestor_part = NULL;
}
