/* layout_lanes.c: see layout_lanes.h. */
#include "tui/layout_lanes.h"

#include <assert.h>
#include <stddef.h>

typedef struct lanes {
    const tui_fork_node_t *nodes;
    uint32_t awaited[TUI_LANES_MAX]; /* the node that each leads to */
    uint32_t busy;                   /* a set */
    tui_fork_size_t size;
    tui_fork_draw_t *draw;
    void *context;
} lanes_t;

static void row(lanes_t *self, tui_fork_row_t row)
{
    self->size.rows++;
    for (uint32_t lane = 0; lane < TUI_LANES_MAX; lane++)
        if (row.lanes >> lane & 1 && lane >= self->size.lanes)
            self->size.lanes = lane + 1;
    if (self->draw != NULL)
        self->draw(self->context, &row);
}

static uint32_t shown_parent(const tui_fork_node_t *nodes, uint32_t node, bool *cut)
{
    *cut = nodes[node].cut;
    node = nodes[node].parent;
    while (node != TUI_NODE_NONE && nodes[node].hidden) {
        *cut = nodes[node].cut;
        node = nodes[node].parent;
    }
    return node;
}

/* The lanes that lead to the node; TUI_LANES_MAX of none. */
static uint32_t arrive(lanes_t *self, uint32_t node)
{
    uint32_t first = TUI_LANES_MAX, joining = 0;
    for (uint32_t lane = 0; lane < TUI_LANES_MAX; lane++) {
        if (!(self->busy >> lane & 1) || self->awaited[lane] != node)
            continue;
        if (first == TUI_LANES_MAX)
            first = lane;
        else
            joining |= 1u << lane;
    }
    if (joining != 0)
        row(self, (tui_fork_row_t){.kind = TUI_FORK_JOIN,
                                   .node = node,
                                   .lane = first,
                                   .lanes = self->busy,
                                   .joining = joining});
    self->busy &= ~joining;
    for (uint32_t lane = 0; lane < TUI_LANES_MAX && first == TUI_LANES_MAX; lane++)
        if (!(self->busy >> lane & 1))
            first = lane;
    return first;
}

static void leave(lanes_t *self, uint32_t node, uint32_t lane)
{
    bool cut;
    uint32_t parent = shown_parent(self->nodes, node, &cut);
    uint64_t missing = 0;
    if (parent != TUI_NODE_NONE && self->nodes[node].height > self->nodes[parent].height)
        missing = self->nodes[node].height - self->nodes[parent].height - 1;
    if (missing > 0 || (parent == TUI_NODE_NONE && cut))
        row(self, (tui_fork_row_t){.kind = TUI_FORK_GAP,
                                   .node = node,
                                   .lane = lane,
                                   .lanes = self->busy,
                                   .missing = missing});
    self->awaited[lane] = parent;
    if (parent == TUI_NODE_NONE)
        self->busy &= ~(1u << lane);
}

tui_fork_size_t tui_fork_lay(const tui_fork_node_t *nodes, uint32_t count, tui_fork_draw_t *draw,
                             void *context)
{
    lanes_t self = {.nodes = nodes, .draw = draw, .context = context};
    for (uint32_t at = 0; at < count; at++) {
        if (nodes[at].hidden)
            continue;
        assert(nodes[at].parent == TUI_NODE_NONE || nodes[at].parent > at);
        uint32_t lane = arrive(&self, at);
        if (lane == TUI_LANES_MAX) {
            self.size.left_out++;
            continue;
        }
        self.busy |= 1u << lane;
        row(&self,
            (tui_fork_row_t){.kind = TUI_FORK_NODE, .node = at, .lane = lane, .lanes = self.busy});
        leave(&self, at, lane);
    }
    return self.size;
}

/* Nothing is to be told of it, nor of one beside it on its branch. */
static bool is_dull(const tui_fork_node_t *nodes, uint32_t at)
{
    const tui_fork_node_t *node = &nodes[at];
    return !node->marked && node->children == 1 && node->parent != TUI_NODE_NONE &&
           nodes[node->parent].children == 1;
}

/* Hides the `wanted` lowest of those that may be hidden. Returns how many there were. */
static uint32_t hide(tui_fork_node_t *nodes, uint32_t count, uint32_t wanted)
{
    uint32_t hidden = 0;
    for (uint32_t at = count; at > 0; at--) {
        nodes[at - 1].hidden = hidden < wanted && is_dull(nodes, at - 1);
        hidden += nodes[at - 1].hidden;
    }
    return hidden;
}

void tui_fork_fold(tui_fork_node_t *nodes, uint32_t count, uint32_t rows)
{
    uint32_t low = 0, high = hide(nodes, count, count);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        hide(nodes, count, middle);
        if (tui_fork_lay(nodes, count, NULL, NULL).rows <= rows)
            high = middle;
        else
            low = middle + 1;
    }
    hide(nodes, count, low);
}
