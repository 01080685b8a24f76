/* graph_walk.c: questions to a graph. */
#include "chainkit/graph_state.h"

#include <assert.h>
#include <stdlib.h>

uint32_t vd_graph_count(const vd_graph_t *self)
{
    uint32_t count = 0;
    for (; self; self = self->under)
        count += self->block_count;
    return count;
}

uint32_t vd_graph_root(const vd_graph_t *self)
{
    while (self->root == VD_BLOCK_NONE && self->under)
        self = self->under;
    return self->root;
}

vd_str_t vd_graph_id(const vd_graph_t *self, uint32_t block)
{
    const vd_block_slot_t *slot = vd_graph_slot(self, block);
    return vd_bytes(slot->id, slot->id_size);
}

uint64_t vd_graph_height(const vd_graph_t *self, uint32_t block)
{
    return vd_graph_slot(self, block)->height;
}

uint32_t vd_graph_parent(const vd_graph_t *self, uint32_t block)
{
    return vd_graph_slot(self, block)->parent;
}

uint64_t vd_graph_serial(const vd_graph_t *self, uint32_t block)
{
    return vd_graph_slot(self, block)->serial;
}

vd_str_t vd_graph_source(const vd_graph_t *self, uint32_t block)
{
    uint16_t number = vd_graph_slot(self, block)->source;
    while (block < self->first)
        self = self->under;
    return number == VD_SOURCE_UNKNOWN ? vd_str("") : vd_str(self->sources[number]);
}

bool vd_graph_is(const vd_graph_t *self, uint32_t block, uint64_t serial)
{
    if (block == VD_BLOCK_NONE || block >= self->first + self->slot_count)
        return false;
    const vd_block_slot_t *slot = vd_graph_slot(self, block);
    return slot->id_size > 0 && slot->serial == serial;
}

/* ---- ancestry ---- */

uint32_t vd_graph_ancestor_at(const vd_graph_t *self, uint32_t block, uint64_t height)
{
    uint64_t root_height = vd_graph_height(self, vd_graph_root(self));
    const vd_block_slot_t *slot = vd_graph_slot(self, block);
    if (height > slot->height || height < root_height)
        return VD_BLOCK_NONE;
    while (slot->height > height) {
        /* Not below the height is not below the root either: the jump is whole. */
        block = slot->jump_height >= height ? slot->jump : slot->parent;
        slot = vd_graph_slot(self, block);
    }
    return block;
}

bool vd_graph_descends(const vd_graph_t *self, uint32_t above, uint32_t block)
{
    return vd_graph_ancestor_at(self, above, vd_graph_height(self, block)) == block;
}

uint32_t vd_graph_fork(const vd_graph_t *self, uint32_t a, uint32_t b)
{
    uint64_t a_height = vd_graph_height(self, a), b_height = vd_graph_height(self, b);
    uint64_t root_height = vd_graph_height(self, vd_graph_root(self));
    a = vd_graph_ancestor_at(self, a, a_height < b_height ? a_height : b_height);
    b = vd_graph_ancestor_at(self, b, a_height < b_height ? a_height : b_height);
    while (a != b) {
        const vd_block_slot_t *left = vd_graph_slot(self, a), *right = vd_graph_slot(self, b);
        bool far = left->jump_height == right->jump_height && left->jump_height >= root_height &&
                   left->jump != right->jump;
        a = far ? left->jump : left->parent;
        b = far ? right->jump : right->parent;
        assert(a != VD_BLOCK_NONE && b != VD_BLOCK_NONE);
    }
    return a;
}

vd_graph_path_t vd_graph_path(const vd_graph_t *self, uint32_t from, uint32_t to)
{
    vd_graph_path_t path = {.from = from, .to = to, .fork = vd_graph_fork(self, from, to)};
    uint64_t height = vd_graph_height(self, path.fork);
    path.removed = vd_graph_height(self, from) - height;
    path.added = vd_graph_height(self, to) - height;
    return path;
}

size_t vd_graph_line(const vd_graph_t *self, uint32_t below, uint32_t tip, uint32_t *out,
                     size_t max)
{
    assert(vd_graph_descends(self, tip, below) && (out || max == 0));
    uint64_t length = vd_graph_height(self, tip) - vd_graph_height(self, below);
    size_t count = length < max ? (size_t)length : max;
    for (size_t at = count; at-- > 0;) {
        out[at] = tip;
        tip = vd_graph_parent(self, tip);
    }
    return count;
}

/* ---- tips ---- */

/* Has the upper graph put a child on this block of a lower one? */
static bool is_covered(const vd_graph_t *self, const vd_graph_t *owner, uint32_t block)
{
    for (; self != owner; self = self->under)
        for (uint32_t at = 0; at < self->slot_count; at++)
            if (self->slots[at].id_size && self->slots[at].parent == block)
                return true;
    return false;
}

static bool is_better(const vd_graph_t *self, uint32_t a, uint32_t b)
{
    const vd_block_slot_t *left = vd_graph_slot(self, a), *right = vd_graph_slot(self, b);
    return left->height > right->height ||
           (left->height == right->height && left->serial < right->serial);
}

/* Puts a tip in its place among the best so far. */
static size_t place(const vd_graph_t *self, uint32_t tip, uint32_t *out, size_t count, size_t max)
{
    size_t at = count;
    while (at > 0 && is_better(self, tip, out[at - 1]))
        at--;
    if (at == max)
        return count;
    count += count < max;
    memmove(&out[at + 1], &out[at], (count - at - 1) * sizeof *out);
    out[at] = tip;
    return count;
}

size_t vd_graph_tips(const vd_graph_t *self, uint32_t *out, size_t max)
{
    assert(self && (out || max == 0));
    size_t found = 0, kept = 0;
    for (const vd_graph_t *owner = self; owner; owner = owner->under)
        for (uint32_t at = 0; at < owner->tip_count; at++) {
            if (is_covered(self, owner, owner->tips[at]))
                continue;
            found++;
            if (max > 0)
                kept = place(self, owner->tips[at], out, kept, max);
        }
    return found;
}

uint32_t vd_graph_best(const vd_graph_t *self)
{
    uint32_t best = VD_BLOCK_NONE;
    vd_graph_tips(self, &best, 1);
    return best;
}

/* ---- order ---- */

typedef struct ranked {
    uint64_t serial;
    uint32_t block;
} ranked_t;

static int compare_ranked(const void *a_p, const void *b_p)
{
    const ranked_t *a = a_p, *b = b_p;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

uint32_t *vd_graph_in_order(const vd_graph_t *self)
{
    assert(self && !self->under);
    uint32_t count = 0;
    ranked_t *ranked = malloc((self->block_count + (size_t)1) * sizeof *ranked);
    uint32_t *order = malloc((self->block_count + (size_t)1) * sizeof *order);
    for (uint32_t at = 0; ranked && order && at < self->slot_count; at++)
        if (self->slots[at].id_size)
            ranked[count++] = (ranked_t){self->slots[at].serial, at};
    if (count > 0)
        qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (uint32_t at = 0; at < count; at++)
        order[at] = ranked[at].block;
    free(ranked);
    if (count > 0)
        return order;
    free(order);
    return NULL;
}
