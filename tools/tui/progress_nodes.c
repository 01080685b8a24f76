/* progress_nodes.c: the nodes and levels of a round, and how they go from state to state. */
#include "tui/progress_impl.h"

#include <assert.h>
#include <stdlib.h>

/* ---- levels ---- */

/* The level of this number, made if it is new; they stand by their numbers. NULL without room. */
tui_progress_level_t *progress_level(tui_progress_t *self, uint64_t number)
{
    size_t at = self->level_count;
    while (at > 0 && self->levels[at - 1].number > number)
        at--;
    if (at > 0 && self->levels[at - 1].number == number)
        return &self->levels[at - 1];
    if (self->level_count == TUI_PROGRESS_LEVELS_MAX)
        return NULL;
    memmove(&self->levels[at + 1], &self->levels[at],
            (self->level_count - at) * sizeof *self->levels);
    self->level_count++;
    self->levels[at] = (tui_progress_level_t){.number = number};
    return &self->levels[at];
}

static uint64_t *level_count_of(tui_progress_t *self, const tui_progress_node_t *node)
{
    if (node->level == 0)
        return NULL;
    tui_progress_level_t *level = progress_level(self, node->level - 1);
    return level != NULL ? &level->count[node->state] : NULL;
}

/* ---- the table ---- */

tui_progress_node_t *progress_node_by_key(tui_progress_t *self, uint64_t key)
{
    int32_t at = self->node_index.heads[key % PROGRESS_HEADS];
    while (at != PROGRESS_NONE && self->nodes[at].key != key)
        at = self->node_index.next[at];
    return at != PROGRESS_NONE ? &self->nodes[at] : NULL;
}

void progress_nodes_clear(tui_progress_t *self)
{
    for (size_t i = 0; i < self->node_count; i++)
        free(self->nodes[i].error);
    self->node_count = self->hand = 0;
    progress_index_clear(&self->node_index);
}

static bool is_over(const tui_progress_node_t *node)
{
    return (node->state == TUI_PROGRESS_COMPLETE || node->state == TUI_PROGRESS_SKIPPED) &&
           node->open == 0;
}

/* A slot that a node gives up of which nothing more is expected. */
static tui_progress_node_t *given_up(tui_progress_t *self)
{
    const tui_progress_round_t *round = &self->round;
    uint64_t over = round->node[TUI_PROGRESS_COMPLETE] + round->node[TUI_PROGRESS_SKIPPED];
    if (over <= round->stray[TUI_PROGRESS_COMPLETE] + round->stray[TUI_PROGRESS_SKIPPED])
        return NULL;
    for (size_t i = 0; i < self->node_count; i++) {
        size_t at = (self->hand + i) % self->node_count;
        tui_progress_node_t *node = &self->nodes[at];
        if (!is_over(node))
            continue;
        self->hand = (at + 1) % self->node_count;
        self->round.stray[node->state]++;
        progress_index_remove(&self->node_index, node->key, at);
        free(node->error);
        return node;
    }
    return NULL;
}

tui_progress_node_t *progress_node_slot(tui_progress_t *self)
{
    if (self->node_count == TUI_PROGRESS_NODES_MAX)
        return given_up(self);
    if (self->node_count == self->node_room) {
        size_t room = self->node_room > 0 ? self->node_room * 2 : 64;
        tui_progress_node_t *nodes = realloc(self->nodes, room * sizeof *nodes);
        if (nodes == NULL)
            return NULL;
        self->nodes = nodes;
        self->node_room = room;
    }
    return &self->nodes[self->node_count++];
}

/* What a node that is not known was, going by what happens to it now: where others found no room it
 * is one of them. */
static tui_progress_state_t was(const tui_progress_t *self, tui_progress_state_t next,
                                uint64_t attempt)
{
    const uint64_t *count = self->round.stray;
    bool ends = next == TUI_PROGRESS_COMPLETE || next == TUI_PROGRESS_FAILED;
    if (next == TUI_PROGRESS_RUNNING && attempt > 1 && count[TUI_PROGRESS_FAILED] > 0)
        return TUI_PROGRESS_FAILED;
    return ends && count[TUI_PROGRESS_RUNNING] > 0 ? TUI_PROGRESS_RUNNING : TUI_PROGRESS_WAITING;
}

tui_progress_node_t *progress_node(tui_progress_t *self, vd_str_t name, tui_progress_state_t next,
                                   uint64_t attempt)
{
    if (name.size == 0)
        return NULL;
    uint64_t key = progress_key(name);
    tui_progress_node_t *node = progress_node_by_key(self, key);
    if (node != NULL)
        return node;
    uint8_t state = (uint8_t)was(self, next, attempt);
    node = progress_node_slot(self);
    if (node == NULL) {
        free(self->stray.error);
        self->stray = (tui_progress_node_t){.state = state};
        return &self->stray;
    }
    *node = (tui_progress_node_t){.key = key, .order = ++self->round.nodes_seen, .state = state};
    progress_name(node->name, name);
    progress_index_add(&self->node_index, key, (size_t)(node - self->nodes));
    if (state == TUI_PROGRESS_WAITING)
        self->round.node[state]++;
    else
        self->round.stray[state]--; /* it has room now */
    return node;
}

void progress_node_move(tui_progress_t *self, tui_progress_node_t *node, tui_progress_state_t state)
{
    uint64_t *level = level_count_of(self, node);
    if (level != NULL)
        progress_less(level);
    /* A stray that waited was counted nowhere: what waits is what is left of the total. */
    bool is_stray = node == &self->stray,
         counted = !is_stray || node->state != TUI_PROGRESS_WAITING;
    if (counted)
        progress_less(&self->round.node[node->state]);
    if (counted && is_stray)
        progress_less(&self->round.stray[node->state]);
    node->state = (uint8_t)state;
    self->round.node[state]++;
    if (is_stray)
        self->round.stray[state]++;
    level = level_count_of(self, node);
    if (level != NULL)
        (*level)++;
}

void progress_node_step(tui_progress_node_t *node, tui_progress_deed_t deed,
                        const progress_event_t *event, uint64_t ms, uint8_t provider)
{
    uint64_t attempt = progress_count(event->data, "attempt");
    node->step[node->steps++ % TUI_PROGRESS_STEPS] =
        (tui_progress_step_t){.at_ms = event->at_ms,
                              .ms = ms,
                              .attempt = attempt < UINT32_MAX ? (uint32_t)attempt : UINT32_MAX,
                              .deed = (uint8_t)deed,
                              .provider = provider};
}

/* ---- events of nodes ---- */

static vd_str_t node_name(const progress_event_t *event)
{
    return vd_value_get_str(event->data, "node");
}

static uint64_t duration(const progress_event_t *event)
{
    return progress_count(event->data, "duration_ms");
}

void progress_check_started(tui_progress_t *self, const progress_event_t *event)
{
    self->round.checks_begun++;
    progress_node(self, node_name(event), TUI_PROGRESS_WAITING, 0);
}

void progress_check_passed(tui_progress_t *self, const progress_event_t *event)
{
    self->round.checks_passed++;
    tui_progress_node_t *node = progress_node(self, node_name(event), TUI_PROGRESS_WAITING, 0);
    if (node != NULL)
        progress_node_step(node, TUI_PROGRESS_CHECK_PASSED, event, duration(event), 0);
}

void progress_check_failed(tui_progress_t *self, const progress_event_t *event)
{
    self->round.checks_failed++;
    tui_progress_node_t *node = progress_node(self, node_name(event), TUI_PROGRESS_WAITING, 0);
    if (node == NULL)
        return;
    progress_node_step(node, TUI_PROGRESS_CHECK_FAILED, event, duration(event), 0);
    progress_set_text(&node->error, vd_value_get_str(event->data, "error"));
}

/* The end of a node, whatever it was. */
static void end_node(tui_progress_t *self, tui_progress_node_t *node, tui_progress_state_t state,
                     const progress_event_t *event, const char *why)
{
    uint64_t ms = duration(event);
    if (ms == 0 && node->started_ms > 0 && event->at_ms > node->started_ms)
        ms = (uint64_t)(event->at_ms - node->started_ms);
    progress_node_move(self, node, state);
    node->told = true;
    node->duration_ms = ms;
    node->ended_ms = event->at_ms;
    progress_set_text(&node->error,
                      why != NULL ? vd_value_get_str(event->data, why) : vd_bytes(NULL, 0));
    progress_node_step(node, TUI_PROGRESS_ENDED, event, ms, 0);
}

void progress_node_skipped(tui_progress_t *self, const progress_event_t *event)
{
    tui_progress_node_t *node = progress_node(self, node_name(event), TUI_PROGRESS_SKIPPED, 0);
    if (node == NULL)
        return;
    self->all.skipped++;
    end_node(self, node, TUI_PROGRESS_SKIPPED, event, "reason");
}

void progress_node_started(tui_progress_t *self, const progress_event_t *event)
{
    uint64_t attempt = progress_count(event->data, "attempt");
    tui_progress_node_t *node =
        progress_node(self, node_name(event), TUI_PROGRESS_RUNNING, attempt);
    if (node == NULL)
        return;
    vd_value_t level;
    uint64_t *counted = level_count_of(self, node);
    if (vd_value_get(event->data, "level", &level) && level.kind == VD_KIND_U64) {
        if (counted != NULL)
            progress_less(counted);
        node->level = progress_count(event->data, "level") + 1;
        counted = level_count_of(self, node);
        if (counted != NULL)
            (*counted)++;
    }
    progress_node_move(self, node, TUI_PROGRESS_RUNNING);
    node->told = true;
    node->attempt = attempt;
    node->started_ms = event->at_ms;
    node->ended_ms = 0;
    node->duration_ms = 0;
    progress_set_text(&node->error, vd_bytes(NULL, 0));
    progress_node_step(node, TUI_PROGRESS_STARTED, event, 0, 0);
}

void progress_node_completed(tui_progress_t *self, const progress_event_t *event)
{
    tui_progress_node_t *node = progress_node(self, node_name(event), TUI_PROGRESS_COMPLETE, 0);
    if (node == NULL)
        return;
    self->all.complete++;
    node->size_bytes = progress_count(event->data, "size_bytes");
    end_node(self, node, TUI_PROGRESS_COMPLETE, event, NULL);
}

void progress_node_failed(tui_progress_t *self, const progress_event_t *event)
{
    uint64_t attempt = progress_count(event->data, "attempt");
    tui_progress_node_t *node = progress_node(self, node_name(event), TUI_PROGRESS_FAILED, attempt);
    if (node == NULL)
        return;
    self->all.failed++;
    node->attempt = attempt > 0 ? attempt : node->attempt;
    end_node(self, node, TUI_PROGRESS_FAILED, event, "error");
}
