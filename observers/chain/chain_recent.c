/* chain_recent.c: the blocks from which the forks of the moment can be drawn. */
#include "chain.h"

#include <assert.h>
#include <stdlib.h>

enum { WANTED_MAX = 24, TIPS_WANTED_MAX = 8 };

typedef struct recent {
    const vd_graph_t *graph;
    uint32_t count;
    uint32_t blocks[VD_CHAIN_RECENT_MAX];
} recent_t;

static bool is_listed(const recent_t *self, uint32_t block)
{
    for (uint32_t at = 0; at < self->count; at++)
        if (self->blocks[at] == block)
            return true;
    return false;
}

static void add(recent_t *self, uint32_t block, uint32_t most)
{
    if (block != VD_BLOCK_NONE && self->count < most && !is_listed(self, block))
        self->blocks[self->count++] = block;
}

/* Does `a` stand before `b`: higher, or of equal height and told first? */
static bool is_before(const vd_graph_t *graph, uint32_t a, uint32_t b)
{
    uint64_t height_a = vd_graph_height(graph, a), height_b = vd_graph_height(graph, b);
    return height_a != height_b ? height_a > height_b
                                : vd_graph_serial(graph, a) < vd_graph_serial(graph, b);
}

/* What has to be seen, and where its branches meet. */
static void add_wanted(recent_t *self, const vd_watched_chain_t *chain)
{
    uint32_t tips[TIPS_WANTED_MAX];
    add(self, vd_graph_best(chain->graph), WANTED_MAX);
    add(self, vd_graph_find(chain->graph, vd_str(chain->nodes.final)), WANTED_MAX);
    for (uint32_t at = 0; at < chain->nodes.count; at++)
        add(self, vd_graph_find(chain->graph, vd_str(chain->nodes.list[at].head)), WANTED_MAX);
    size_t count = vd_graph_tips(chain->graph, tips, TIPS_WANTED_MAX);
    for (size_t at = 0; at < count && at < TIPS_WANTED_MAX; at++)
        add(self, tips[at], WANTED_MAX);
    uint32_t wanted = self->count;
    for (uint32_t a = 0; a < wanted; a++)
        for (uint32_t b = a + 1; b < wanted; b++)
            add(self, vd_graph_fork(chain->graph, self->blocks[a], self->blocks[b]),
                VD_CHAIN_RECENT_MAX);
}

/* The rest from the top downwards. */
static void add_below(recent_t *self)
{
    uint32_t next;
    do {
        next = VD_BLOCK_NONE;
        for (uint32_t at = 0; at < self->count; at++) {
            uint32_t parent = vd_graph_parent(self->graph, self->blocks[at]);
            if (parent != VD_BLOCK_NONE && !is_listed(self, parent) &&
                (next == VD_BLOCK_NONE || is_before(self->graph, parent, next)))
                next = parent;
        }
        add(self, next, VD_CHAIN_RECENT_MAX);
    } while (next != VD_BLOCK_NONE && self->count < VD_CHAIN_RECENT_MAX);
}

static void sort(recent_t *self)
{
    for (uint32_t at = 1; at < self->count; at++) {
        uint32_t block = self->blocks[at], to = at;
        for (; to > 0 && is_before(self->graph, block, self->blocks[to - 1]); to--)
            self->blocks[to] = self->blocks[to - 1];
        self->blocks[to] = block;
    }
}

/* `at` is among sorted blocks: what it descends from stands behind it, the highest first. */
static uint32_t below(const recent_t *self, uint32_t at)
{
    uint32_t block = self->blocks[at];
    for (uint32_t other = at + 1; other < self->count; other++)
        if (vd_graph_descends(self->graph, block, self->blocks[other]))
            return self->blocks[other];
    return VD_BLOCK_NONE;
}

void vd_chain_write_recent(const vd_watched_chain_t *self, vd_buffer_t *out)
{
    assert(self && out);
    recent_t recent = {.graph = self->graph};
    add_wanted(&recent, self);
    add_below(&recent);
    sort(&recent);
    vd_write_array(out, recent.count);
    for (uint32_t at = 0; at < recent.count; at++) {
        uint32_t block = recent.blocks[at], joins = below(&recent, at);
        vd_write_map(out, 4);
        vd_write_pair_str(out, "id", vd_graph_id(self->graph, block));
        vd_write_pair_u64(out, "height", vd_graph_height(self->graph, block));
        vd_write_pair_str(out, "node", vd_graph_source(self->graph, block));
        vd_write_text(out, "below");
        if (joins != VD_BLOCK_NONE)
            vd_write_str(out, vd_graph_id(self->graph, joins));
        else
            vd_write_nil(out);
    }
}
