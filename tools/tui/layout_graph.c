/* layout_graph.c: a list of nodes with parents as a graph of forks. */
#include "tui/layout_impl.h"
#include "tui/layout_lanes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { MARKS_MAX = 256, ROWS_LEAST = 8 };

typedef struct seen {
    vd_bytes_t id; /* as it stands in the snapshot */
    uint64_t height;
    uint32_t item;
} seen_t;

typedef struct mark {
    uint32_t node; /* TUI_NODE_NONE: it is not among them */
    tui_tone_t tone;
    char text[64];
} mark_t;

typedef struct graph {
    tui_scribe_t *scribe;
    const vd_layout_element_t *element;
    tui_items_t items;
    uint32_t count;
    seen_t *seen; /* the highest first */
    tui_fork_node_t *nodes;
    uint32_t *by_id;
    mark_t *marks;
    uint32_t mark_count;
    int label_x;
} graph_t;

/* ---- nodes ---- */

static int by_height(const void *left, const void *right)
{
    const seen_t *a = left, *b = right;
    if (a->height != b->height)
        return a->height > b->height ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

static int compare_ids(vd_bytes_t a, vd_bytes_t b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int said = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return said != 0 ? said : (a.size > b.size) - (a.size < b.size);
}

/* The first place in `by_id` whose id is not before `id`. */
static uint32_t place_of(const graph_t *self, vd_bytes_t id, uint32_t count)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_ids(self->seen[self->by_id[middle]].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t find(const graph_t *self, vd_bytes_t id)
{
    uint32_t at = place_of(self, id, self->count);
    bool found = at < self->count && vd_bytes_equal(self->seen[self->by_id[at]].id, id);
    return found ? self->by_id[at] : TUI_NODE_NONE;
}

/* Sorts by id; of several with one id the first stays. */
static void index_ids(graph_t *self)
{
    uint32_t kept = 0;
    for (uint32_t at = 0; at < self->count; at++) {
        seen_t one = self->seen[at];
        uint32_t to = place_of(self, one.id, kept);
        if (to < kept && vd_bytes_equal(self->seen[self->by_id[to]].id, one.id))
            continue;
        self->seen[kept] = one;
        memmove(&self->by_id[to + 1], &self->by_id[to], (kept - to) * sizeof *self->by_id);
        self->by_id[to] = kept++;
    }
    self->count = kept;
}

static uint64_t height_of(graph_t *self, const vd_value_t *item)
{
    vd_value_t height = tui_evaluate(self->scribe, self->element->height, item);
    return vd_value_u64(&height, 0);
}

static void take_nodes(graph_t *self)
{
    for (uint32_t at = 0; at < self->items.count; at++) {
        const vd_value_t *item = &self->items.list[at];
        vd_value_t id = tui_evaluate(self->scribe, self->element->id, item);
        if (id.kind != VD_KIND_NIL && id.raw.size > 0)
            self->seen[self->count++] = (seen_t){id.raw, height_of(self, item), at};
    }
    qsort(self->seen, self->count, sizeof *self->seen, by_height);
    if (self->count > TUI_LAYOUT_NODES_MAX)
        self->count = TUI_LAYOUT_NODES_MAX;
    index_ids(self);
}

/* A parent that is not lower is none: so there are no circles. */
static void take_parents(graph_t *self)
{
    for (uint32_t at = 0; at < self->count; at++) {
        const vd_value_t *item = &self->items.list[self->seen[at].item];
        vd_value_t id = tui_evaluate(self->scribe, self->element->parent, item);
        uint32_t parent = id.kind != VD_KIND_NIL ? find(self, id.raw) : TUI_NODE_NONE;
        bool lower = parent != TUI_NODE_NONE && self->seen[parent].height < self->seen[at].height;
        assert(!lower || parent > at);
        self->nodes[at].height = self->seen[at].height;
        self->nodes[at].parent = lower ? parent : TUI_NODE_NONE;
        self->nodes[at].cut = !lower && id.kind != VD_KIND_NIL;
        if (lower)
            self->nodes[parent].children++;
    }
}

/* ---- marks ---- */

static void add_mark(graph_t *self, const vd_layout_mark_t *mark, const vd_value_t *item)
{
    char text[TUI_FIGURE_BYTES];
    vd_value_t id = tui_evaluate(self->scribe, mark->id, item);
    if (id.kind == VD_KIND_NIL || self->mark_count == MARKS_MAX)
        return;
    mark_t *made = &self->marks[self->mark_count++];
    made->node = find(self, id.raw);
    made->tone = tui_cell_text(self->scribe, &self->scribe->layout->cells[mark->cell], item, text);
    tui_copy(vd_str(text), made->text, sizeof made->text);
    if (made->node != TUI_NODE_NONE)
        self->nodes[made->node].marked = true;
}

static void take_marks(graph_t *self)
{
    for (uint16_t at = 0; at < self->element->mark_count; at++) {
        const vd_layout_mark_t *mark = &self->scribe->layout->marks[self->element->mark + at];
        tui_items_t items;
        if (mark->list < 0) {
            add_mark(self, mark, NULL);
            continue;
        }
        if (tui_items_of(self->scribe, mark->list, &items))
            for (uint32_t i = 0; i < items.count; i++)
                add_mark(self, mark, &items.list[i]);
        tui_items_free(&items);
    }
}

/* ---- drawing ---- */

static void draw_lanes(graph_t *self, uint32_t lanes, uint32_t except)
{
    for (uint32_t lane = 0; lane < TUI_LANES_MAX; lane++)
        if (lanes >> lane & 1 && lane != except)
            tui_page_glyph(self->scribe->page, 2 * (int)lane, TUI_DIM, TUI_VLINE);
}

static void draw_join(graph_t *self, const tui_fork_row_t *row)
{
    uint32_t last = TUI_LANES_MAX - 1;
    while (!(row->joining >> last & 1))
        last--;
    tui_page_line(self->scribe->page, 0);
    for (uint32_t lane = 0; lane < TUI_LANES_MAX; lane++) {
        bool busy = row->lanes >> lane & 1, joins = row->joining >> lane & 1;
        bool between = lane > row->lane && lane < last;
        tui_glyph_t glyph = TUI_VLINE;
        if (lane == row->lane)
            glyph = TUI_TEE_LEFT;
        else if (lane == last)
            glyph = TUI_BOTTOM_RIGHT;
        else if (between)
            glyph = joins ? TUI_TEE_UP : busy ? TUI_CROSS : TUI_HLINE;
        if (busy || between)
            tui_page_glyph(self->scribe->page, 2 * (int)lane, TUI_DIM, glyph);
        if (lane >= row->lane && lane < last)
            tui_page_glyph(self->scribe->page, 2 * (int)lane + 1, TUI_DIM, TUI_HLINE);
    }
}

static void draw_gap(graph_t *self, const tui_fork_row_t *row)
{
    char text[48];
    tui_page_line(self->scribe->page, 0);
    draw_lanes(self, row->lanes, row->lane);
    tui_page_glyph(self->scribe->page, 2 * (int)row->lane, TUI_DIM, TUI_ELLIPSIS);
    if (row->missing > 0)
        snprintf(text, sizeof text, "%llu more", (unsigned long long)row->missing);
    else
        snprintf(text, sizeof text, "goes on below");
    tui_page_put(self->scribe->page, self->label_x, self->scribe->width - self->label_x, false,
                 TUI_DIM, vd_str(text));
}

/* The marks of a node, as many as have room. */
static void draw_marks(graph_t *self, uint32_t node, int x)
{
    uint32_t left = 0;
    for (uint32_t at = 0; at < self->mark_count; at++)
        left += self->marks[at].node == node;
    for (uint32_t at = 0; at < self->mark_count && left > 0; at++) {
        const mark_t *mark = &self->marks[at];
        int columns = tui_columns(vd_str(mark->text));
        if (mark->node != node)
            continue;
        if (x + columns + (left > 1 ? 5 : 0) > self->scribe->width)
            break;
        tui_page_put(self->scribe->page, x, columns, false, mark->tone, vd_str(mark->text));
        x += columns + 1;
        left--;
    }
    if (left > 0) {
        char text[16];
        snprintf(text, sizeof text, "+%u", left);
        tui_page_put(self->scribe->page, x, self->scribe->width - x, false, TUI_DIM, vd_str(text));
    }
}

static void draw_node(graph_t *self, const tui_fork_row_t *row)
{
    char text[TUI_FIGURE_BYTES];
    const tui_fork_node_t *node = &self->nodes[row->node];
    const seen_t *seen = &self->seen[row->node];
    const vd_layout_cell_t *cell = &self->scribe->layout->cells[self->element->cell];
    tui_tone_t tone = tui_cell_text(self->scribe, cell, &self->items.list[seen->item], text);
    tui_page_line(self->scribe->page, tui_page_key(self->scribe->element, seen->id));
    draw_lanes(self, row->lanes, row->lane);
    tui_page_glyph(self->scribe->page, 2 * (int)row->lane, tone,
                   node->marked || node->children == 0 ? TUI_DOT : TUI_RING);
    int columns = tui_columns(vd_str(text)), room = self->scribe->width - self->label_x;
    tui_page_put(self->scribe->page, self->label_x, columns < room ? columns : room, false, tone,
                 vd_str(text));
    draw_marks(self, row->node, self->label_x + columns + 2);
}

static void draw_row(void *context, const tui_fork_row_t *row)
{
    graph_t *self = context;
    if (row->kind == TUI_FORK_NODE)
        draw_node(self, row);
    else if (row->kind == TUI_FORK_JOIN)
        draw_join(self, row);
    else
        draw_gap(self, row);
}

/* What stands at nodes that are not drawn. */
static void draw_elsewhere(graph_t *self)
{
    char text[TUI_FIGURE_BYTES] = "elsewhere:";
    size_t used = strlen(text), before = used;
    for (uint32_t at = 0; at < self->mark_count; at++) {
        size_t size = strlen(self->marks[at].text);
        if (self->marks[at].node != TUI_NODE_NONE || used + size + 2 > sizeof text)
            continue;
        text[used] = ' ';
        memcpy(text + used + 1, self->marks[at].text, size + 1);
        used += size + 1;
    }
    if (used > before)
        tui_say(self->scribe, 0, TUI_DIM, text);
}

static void draw(graph_t *self)
{
    tui_scribe_t *scribe = self->scribe;
    int rows = scribe->height - (int)scribe->page->line_count;
    if (scribe->unfolded <= 0)
        tui_fork_fold(self->nodes, self->count, (uint32_t)(rows > ROWS_LEAST ? rows : ROWS_LEAST));
    tui_fork_size_t size = tui_fork_lay(self->nodes, self->count, NULL, NULL);
    self->label_x = 2 * (int)size.lanes;
    tui_fork_lay(self->nodes, self->count, draw_row, self);
    uint64_t left_out = self->items.total - self->count + size.left_out;
    if (left_out > 0) {
        char text[64];
        snprintf(text, sizeof text, "%llu more are not shown", (unsigned long long)left_out);
        tui_say(scribe, 0, TUI_DIM, text);
    }
    draw_elsewhere(self);
}

static bool allocate(graph_t *self)
{
    size_t count = self->items.count > 0 ? self->items.count : 1;
    self->seen = malloc(count * sizeof *self->seen);
    self->nodes = calloc(count, sizeof *self->nodes);
    self->by_id = malloc(count * sizeof *self->by_id);
    self->marks = malloc(MARKS_MAX * sizeof *self->marks);
    return self->seen != NULL && self->nodes != NULL && self->by_id != NULL && self->marks != NULL;
}

void tui_draw_graph(tui_scribe_t *self, const vd_layout_element_t *element)
{
    graph_t graph = {.scribe = self, .element = element};
    if (!tui_items_of(self, element->list, &graph.items) || !allocate(&graph)) {
        tui_say(self, 0, TUI_WARN, "no memory for this graph");
    } else {
        take_nodes(&graph);
        take_parents(&graph);
        take_marks(&graph);
        if (graph.count == 0) {
            tui_page_line(self->page, 0);
            tui_page_put(self->page, 0, self->width, false, TUI_DIM,
                         element->empty.size > 0 ? element->empty : vd_str("none"));
        } else {
            draw(&graph);
        }
    }
    free(graph.seen);
    free(graph.nodes);
    free(graph.by_id);
    free(graph.marks);
    tui_items_free(&graph.items);
}
