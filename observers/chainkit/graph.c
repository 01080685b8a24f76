/* graph.c: the slots of a graph: finding, attaching and releasing blocks. */
#include "chainkit/graph_state.h"
#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 64, ROOM_MIN = 16 };

bool vd_graph_room(void **list, uint32_t *room, uint32_t count, uint32_t max, size_t size)
{
    assert(list && room && count <= *room);
    if (count < *room)
        return true;
    if (count >= max)
        return false;
    uint32_t wanted = count < ROOM_MIN ? ROOM_MIN : count > max / 2 ? max : 2 * count;
    void *grown = realloc(*list, (size_t)wanted * size);
    if (!grown)
        return false;
    *list = grown;
    *room = wanted;
    return true;
}

static vd_graph_t *make(const vd_graph_limits_t *limits, const vd_graph_t *under)
{
    vd_graph_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->limits = *limits;
    self->under = under;
    self->root = self->free_slot = VD_BLOCK_NONE;
    return self;
}

vd_graph_t *vd_graph_new(const vd_graph_limits_t *limits)
{
    assert(limits && limits->blocks_max > 0 && limits->blocks_max <= VD_GRAPH_BLOCKS_MAX);
    assert(limits->orphans_max > 0 && limits->orphans_max <= VD_GRAPH_ORPHANS_MAX);
    assert(limits->orphans_per_source_max > 0 &&
           limits->orphans_per_source_max <= limits->orphans_max);
    return make(limits, NULL);
}

vd_graph_t *vd_graph_over(const vd_graph_t *under)
{
    assert(under);
    vd_graph_t *self = make(&under->limits, under);
    if (!self)
        return NULL;
    self->first = under->first + under->slot_count;
    self->serial = under->serial;
    return self;
}

void vd_graph_destroy(vd_graph_t **self_p)
{
    assert(self_p);
    vd_graph_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    free(self->slots);
    free(self->buckets);
    free(self->tips);
    free(self->sources);
    free(self->orphans);
    free(self->added);
    free(self->refused);
    free(self);
}

static vd_block_slot_t *own_slot(vd_graph_t *self, uint32_t block)
{
    assert(block >= self->first && block - self->first < self->slot_count);
    return &self->slots[block - self->first];
}

const vd_block_slot_t *vd_graph_slot(const vd_graph_t *self, uint32_t block)
{
    while (block < self->first) {
        self = self->under;
        assert(self);
    }
    assert(block - self->first < self->slot_count);
    return &self->slots[block - self->first];
}

static uint32_t find_own(const vd_graph_t *self, vd_str_t id, uint32_t hash)
{
    if (self->bucket_count == 0)
        return VD_BLOCK_NONE;
    uint32_t at = self->buckets[hash & (self->bucket_count - 1)];
    while (at != VD_BLOCK_NONE) {
        const vd_block_slot_t *slot = &self->slots[at - self->first];
        if (slot->hash == hash && vd_bytes_equal(vd_bytes(slot->id, slot->id_size), id))
            return at;
        at = slot->next;
    }
    return VD_BLOCK_NONE;
}

uint32_t vd_graph_find(const vd_graph_t *self, vd_str_t id)
{
    assert(self);
    uint32_t hash = (uint32_t)vd_hash(0, id);
    for (; self; self = self->under) {
        uint32_t found = find_own(self, id, hash);
        if (found != VD_BLOCK_NONE)
            return found;
    }
    return VD_BLOCK_NONE;
}

static void enter(vd_graph_t *self, uint32_t block)
{
    vd_block_slot_t *slot = own_slot(self, block);
    uint32_t *bucket = &self->buckets[slot->hash & (self->bucket_count - 1)];
    slot->next = *bucket;
    *bucket = block;
}

/* At least one bucket for each block. */
static bool grow_buckets(vd_graph_t *self)
{
    if (self->block_count < self->bucket_count)
        return true;
    uint32_t count = self->bucket_count ? 2 * self->bucket_count : BUCKETS_MIN;
    uint32_t *buckets = malloc(count * sizeof *buckets);
    if (!buckets)
        return false;
    memset(buckets, 0xff, count * sizeof *buckets); /* VD_BLOCK_NONE */
    free(self->buckets);
    self->buckets = buckets;
    self->bucket_count = count;
    for (uint32_t at = 0; at < self->slot_count; at++)
        if (self->slots[at].id_size)
            enter(self, self->first + at);
    return true;
}

uint16_t vd_graph_source_number(vd_graph_t *self, vd_str_t source)
{
    for (uint32_t at = 0; at < self->source_count; at++)
        if (vd_str_is(source, self->sources[at]))
            return (uint16_t)at;
    if (source.size > VD_NAME_BYTES_MAX ||
        !vd_graph_room((void **)&self->sources, &self->source_room, self->source_count,
                       VD_GRAPH_SOURCES_MAX, sizeof *self->sources))
        return VD_SOURCE_UNKNOWN;
    vd_str_copy(self->sources[self->source_count], sizeof *self->sources, source);
    return (uint16_t)self->source_count++;
}

bool vd_graph_make_tip(vd_graph_t *self, uint32_t block)
{
    if (!vd_graph_room((void **)&self->tips, &self->tip_room, self->tip_count, VD_GRAPH_BLOCKS_MAX,
                       sizeof *self->tips))
        return false;
    own_slot(self, block)->tip = self->tip_count;
    self->tips[self->tip_count++] = block;
    return true;
}

static void end_tip(vd_graph_t *self, vd_block_slot_t *slot)
{
    if (slot->tip == VD_BLOCK_NONE)
        return;
    uint32_t last = self->tips[--self->tip_count];
    self->tips[slot->tip] = last;
    own_slot(self, last)->tip = slot->tip;
    slot->tip = VD_BLOCK_NONE;
}

static uint32_t take_slot(vd_graph_t *self)
{
    uint32_t block = self->free_slot;
    if (block != VD_BLOCK_NONE) {
        self->free_slot = own_slot(self, block)->next_sibling;
        return block;
    }
    if (!vd_graph_room((void **)&self->slots, &self->slot_room, self->slot_count,
                       VD_GRAPH_BLOCKS_MAX, sizeof *self->slots))
        return VD_BLOCK_NONE;
    return self->first + self->slot_count++;
}

static void free_slot(vd_graph_t *self, uint32_t block)
{
    vd_block_slot_t *slot = own_slot(self, block);
    *slot = (vd_block_slot_t){.next_sibling = self->free_slot};
    self->free_slot = block;
}

static void choose_jump(const vd_graph_t *self, uint32_t parent, vd_block_slot_t *slot)
{
    const vd_block_slot_t *up = vd_graph_slot(self, parent);
    uint64_t root_height = vd_graph_height(self, vd_graph_root(self));
    slot->jump = parent;
    slot->jump_height = up->height;
    if (up->jump_height < root_height)
        return;
    const vd_block_slot_t *far = vd_graph_slot(self, up->jump);
    if (far->jump_height >= root_height &&
        up->height - up->jump_height == far->height - far->jump_height) {
        slot->jump = far->jump;
        slot->jump_height = far->jump_height;
    }
}

vd_verdict_t vd_graph_attach(vd_graph_t *self, uint32_t parent, vd_str_t id, uint64_t height,
                             uint16_t source, uint32_t *block)
{
    assert(id.size > 0 && id.size <= VD_NAME_BYTES_MAX);
    if (self->block_count == self->limits.blocks_max)
        return VD_VERDICT_FULL;
    if (!grow_buckets(self))
        return VD_VERDICT_NO_MEMORY;
    *block = take_slot(self);
    if (*block == VD_BLOCK_NONE)
        return VD_VERDICT_NO_MEMORY;
    vd_block_slot_t *slot = own_slot(self, *block);
    *slot = (vd_block_slot_t){0};
    if (!vd_graph_make_tip(self, *block)) {
        free_slot(self, *block);
        return VD_VERDICT_NO_MEMORY;
    }
    memcpy(slot->id, id.data, id.size);
    slot->id_size = (uint8_t)id.size;
    slot->hash = (uint32_t)vd_hash(0, id);
    slot->source = source;
    slot->parent = parent;
    slot->height = height;
    slot->first_child = slot->next_sibling = VD_BLOCK_NONE;
    slot->serial = ++self->serial;
    self->block_count++;
    enter(self, *block);
    if (parent == VD_BLOCK_NONE) {
        self->root = slot->jump = *block;
        slot->jump_height = height;
        return VD_VERDICT_ADDED;
    }
    choose_jump(self, parent, slot);
    if (parent >= self->first) {
        vd_block_slot_t *up = own_slot(self, parent);
        end_tip(self, up);
        slot->next_sibling = up->first_child;
        up->first_child = *block;
    }
    return VD_VERDICT_ADDED;
}

void vd_graph_release(vd_graph_t *self, uint32_t block)
{
    vd_block_slot_t *slot = own_slot(self, block);
    assert(slot->id_size > 0);
    uint32_t *from = &self->buckets[slot->hash & (self->bucket_count - 1)];
    while (*from != block)
        from = &own_slot(self, *from)->next;
    *from = slot->next;
    end_tip(self, slot);
    free_slot(self, block);
    self->block_count--;
}
