/* auditor_part.c: an auditor beside the runtime, on a machine of its own: it says violated when the
 * store went back or was damaged, and never else. */
#include "whole.h"

#include "auditor/auditor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct vd_auditor_part {
    vd_whole_t *whole;
    vd_process_t *process;
    vd_node_t *node;
    vd_auditor_options_t options;
    uint64_t violations; /* in this life, that were looked at */
    int64_t booted_us;
};

static const vd_wire_t wires[] = {{VD_AUDITOR_REQUESTS, VD_WIRE_ROUTER, "requests"},
                                  {VD_AUDITOR_ASK, VD_WIRE_DEALER, "ask"},
                                  {VD_AUDITOR_EVENTS, VD_WIRE_SUB, "events"},
                                  {VD_AUDITOR_MEMBERSHIP, VD_WIRE_SUB, "membership"},
                                  {VD_AUDITOR_LIFECYCLE, VD_WIRE_SUB, "lifecycle"}};

static void *boot(vd_world_t *world, vd_node_t *node, void *arg)
{
    vd_auditor_part_t *self = arg;
    (void)world;
    (void)node;
    self->options.inc = vd_process_inc(self->process);
    self->violations = 0;
    self->booted_us = vd_whole_now_us(self->whole);
    vd_auditor_t *auditor = vd_auditor_new(&self->options);
    assert(auditor != NULL);
    return auditor;
}

static void end(vd_world_t *world, vd_node_t *node, void *state, void *arg)
{
    vd_auditor_t *auditor = state;
    (void)world;
    (void)node;
    (void)arg;
    vd_auditor_destroy(&auditor);
}

static void perform(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg)
{
    (void)node;
    (void)arg;
    assert(effect->id == VD_AUDITOR_TELL_TROUBLE);
    vd_world_note(world, "%-12s says: %s", "auditor", (const char *)effect->object);
}

void vd_auditor_part_add(vd_whole_t *whole)
{
    if ((whole->options.without_actors & WITHOUT_AUDITOR) || !vd_world_chance(whole->world, 700))
        return;
    vd_auditor_part_t *self = calloc(1, sizeof *self);
    assert(self != NULL);
    self->whole = whole;
    whole->auditor = self;
    self->options =
        (vd_auditor_options_t){.name = "auditor",
                               .session = "",
                               .read = "ingestor.read",
                               .emit = "ingestor.emit",
                               .events = "ingestor.events",
                               .control = VD_MODEL_BROKER_CONTROL,
                               .membership = VD_MODEL_BROKER_MEMBERSHIP,
                               .supervisor = "supervisor.control",
                               .lifecycle = "supervisor.lifecycle",
                               .from_start = vd_world_chance(whole->world, 300),
                               .canary_us = vd_world_chance(whole->world, 300) ? 700000 : 0};
    vd_process_spec_t spec = {.name = "auditor", .kind = "auditor", .again_us = 2000000};
    self->process = vd_process_new(whole->world, &spec);
    vd_node_spec_t node = {.step = vd_auditor_step,
                           .wires = wires,
                           .wire_count = sizeof wires / sizeof wires[0],
                           .boot = boot,
                           .end = end,
                           .perform = perform,
                           .arg = self};
    self->node = vd_process_add(whole->world, self->process, &node);
    vd_process_boot(whole->world, self->process, "", false);
}

void vd_auditor_part_free(vd_whole_t *self)
{
    if (self->auditor != NULL)
        vd_process_destroy(&self->auditor->process);
    free(self->auditor);
    self->auditor = NULL;
}

vd_process_t *vd_auditor_part_process(vd_whole_t *self)
{
    return self->auditor != NULL ? self->auditor->process : NULL;
}

/* Is it true? When the store went back, whoever was told of what it has lost is ahead of it, or knows it
 * otherwise. */
static bool is_so(vd_whole_t *self, vd_invariant_t invariant)
{
    switch (invariant) {
    case VD_INVARIANT_store_kept:
    case VD_INVARIANT_head_grows:
    case VD_INVARIANT_acknowledged_stored:
    case VD_INVARIANT_live_same:
    case VD_INVARIANT_published_same:
    case VD_INVARIANT_relay_same:
    case VD_INVARIANT_relay_head:
    case VD_INVARIANT_positions_held:
    case VD_INVARIANT_observer_position:
        return self->ledger_before != NULL;
    case VD_INVARIANT_store_whole:
        return vd_oracle_sums(self->oracle).damaged > 0;
    default:
        return false;
    }
}

void vd_auditor_part_stepped(vd_whole_t *self, vd_node_t *node)
{
    vd_auditor_part_t *part = self->auditor;
    if (part == NULL || node != part->node || !vd_node_is_up(node))
        return;
    const vd_book_t *book = vd_auditor_book(vd_node_state(node));
    uint64_t violations = vd_book_violations(book);
    if (violations == part->violations)
        return;
    part->violations = violations;
    for (uint32_t i = 0; i < VD_INVARIANTS; i++)
        if (book->violated[i] > 0 && !is_so(self, i))
            vd_whole_fail(self, "[auditor] says violated: %s: %s (%s)", vd_invariant_name(i),
                          book->last[i].text, book->last[i].evidence);
}

void vd_auditor_part_finish(vd_whole_t *self)
{
    vd_auditor_view_t view;
    if (self->auditor == NULL || !vd_node_is_up(self->auditor->node))
        return;
    const vd_auditor_t *auditor = vd_node_state(self->auditor->node);
    const vd_book_t *book = vd_auditor_book(auditor);
    vd_auditor_look(auditor, &view);
    if (view.position + 50 < vd_oracle_index(self->oracle))
        vd_whole_fail(self, "[auditor] has read up to commit %" PRIu64 " of %" PRIu64,
                      view.position, vd_oracle_index(self->oracle));
    /* For a while after the store went back it leaves alone what others say. */
    bool rests = view.restarts > 0 || book->violated[VD_INVARIANT_head_grows] > 0 ||
                 self->auditor->booted_us >= self->calm_us;
    if (book->checked[VD_INVARIANT_head_grows] == 0 ||
        (!rests && book->checked[VD_INVARIANT_live_same] == 0))
        vd_whole_fail(self, "[auditor] has checked nothing in the calm");
}
