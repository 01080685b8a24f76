/* graph_add.c: claims: judged, taken, or kept as orphans until their parent is known. */
#include "chainkit/graph_state.h"
#include "core/hash.h"

#include <assert.h>

const char *vd_verdict_name(vd_verdict_t verdict)
{
    static const char *const names[] = {"added", "known",        "orphan",   "bad_claim",
                                        "cycle", "wrong_height", "changed",  "below",
                                        "full",  "crowded",      "no_memory"};
    assert((int)verdict >= 0 && (size_t)verdict < sizeof names / sizeof names[0]);
    return names[verdict];
}

bool vd_verdict_is_lie(vd_verdict_t verdict)
{
    return verdict == VD_VERDICT_BAD_CLAIM || verdict == VD_VERDICT_CYCLE ||
           verdict == VD_VERDICT_WRONG_HEIGHT || verdict == VD_VERDICT_CHANGED;
}

const uint32_t *vd_graph_added(const vd_graph_t *self, size_t *count)
{
    assert(self && count);
    *count = self->added_count;
    return self->added;
}

const vd_graph_refusal_t *vd_graph_refused(const vd_graph_t *self, size_t *count)
{
    assert(self && count);
    *count = self->refused_count;
    return self->refused;
}

uint32_t vd_graph_orphan_count(const vd_graph_t *self)
{
    return self->orphan_count;
}

/* ---- orphans ---- */

static uint32_t hash_of(vd_str_t id)
{
    return (uint32_t)vd_hash(0, id);
}

static vd_str_t orphan_id(const vd_orphan_t *orphan)
{
    return vd_bytes(orphan->id, orphan->id_size);
}

static vd_str_t orphan_parent(const vd_orphan_t *orphan)
{
    return vd_bytes(orphan->parent, orphan->parent_size);
}

static void remove_orphan(vd_graph_t *self, uint32_t at)
{
    self->orphan_count--;
    memmove(&self->orphans[at], &self->orphans[at + 1],
            (self->orphan_count - at) * sizeof *self->orphans);
}

/* Removes an orphan that is refused, and keeps who said it. */
static void refuse_orphan(vd_graph_t *self, uint32_t at, vd_verdict_t verdict)
{
    const vd_orphan_t *orphan = &self->orphans[at];
    if (vd_graph_room((void **)&self->refused, &self->refused_room, self->refused_count,
                      VD_GRAPH_ORPHANS_MAX, sizeof *self->refused)) {
        vd_graph_refusal_t *refusal = &self->refused[self->refused_count++];
        *refusal = (vd_graph_refusal_t){.verdict = verdict};
        vd_str_copy(refusal->id, sizeof refusal->id, orphan_id(orphan));
        vd_str_copy(refusal->source, sizeof refusal->source, vd_str(orphan->source));
    }
    remove_orphan(self, at);
}

static const vd_orphan_t *orphan_of(const vd_graph_t *self, vd_str_t id, vd_str_t source)
{
    uint32_t hash = hash_of(id);
    for (uint32_t at = 0; at < self->orphan_count; at++)
        if (self->orphans[at].id_hash == hash &&
            vd_bytes_equal(orphan_id(&self->orphans[at]), id) &&
            vd_str_is(source, self->orphans[at].source))
            return &self->orphans[at];
    return NULL;
}

bool vd_graph_orphan_parent(const vd_graph_t *self, vd_str_t id, vd_str_t source, vd_str_t *parent)
{
    assert(self && parent);
    const vd_orphan_t *orphan = orphan_of(self, id, source);
    if (orphan)
        *parent = orphan_parent(orphan);
    return orphan != NULL;
}

/* Would the claim close a ring of what its source says? */
static bool closes_ring(const vd_graph_t *self, const vd_graph_claim_t *claim)
{
    vd_str_t parent = claim->parent;
    for (uint32_t step = 0; step <= self->orphan_count; step++) {
        if (vd_bytes_equal(parent, claim->id))
            return true;
        const vd_orphan_t *orphan = orphan_of(self, parent, claim->source);
        if (!orphan)
            return false;
        parent = orphan_parent(orphan);
    }
    return false;
}

static bool fits(uint64_t parent_height, uint64_t height)
{
    return parent_height == VD_HEIGHT_UNKNOWN || height == VD_HEIGHT_UNKNOWN ||
           height == parent_height + 1;
}

/* What the claim is beside the other orphans of its source. */
static vd_verdict_t judge_among_orphans(const vd_graph_t *self, const vd_graph_claim_t *claim)
{
    uint32_t count = 0, id = hash_of(claim->id), parent = hash_of(claim->parent);
    bool has_child = false, wrong = false;
    for (uint32_t at = 0; at < self->orphan_count; at++) {
        const vd_orphan_t *orphan = &self->orphans[at];
        if (!vd_str_is(claim->source, orphan->source))
            continue;
        count++;
        if (orphan->id_hash == id && vd_bytes_equal(orphan_id(orphan), claim->id))
            return vd_bytes_equal(orphan_parent(orphan), claim->parent) &&
                           orphan->height == claim->height
                       ? VD_VERDICT_KNOWN
                       : VD_VERDICT_CHANGED;
        if (orphan->id_hash == parent && vd_bytes_equal(orphan_id(orphan), claim->parent))
            wrong |= !fits(orphan->height, claim->height);
        if (orphan->parent_hash == id && vd_bytes_equal(orphan_parent(orphan), claim->id)) {
            has_child = true;
            wrong |= !fits(claim->height, orphan->height);
        }
    }
    /* Whoever closes a ring has a child already. */
    if (has_child && closes_ring(self, claim))
        return VD_VERDICT_CYCLE;
    if (wrong)
        return VD_VERDICT_WRONG_HEIGHT;
    return count < self->limits.orphans_per_source_max &&
                   self->orphan_count < self->limits.orphans_max
               ? VD_VERDICT_ORPHAN
               : VD_VERDICT_CROWDED;
}

static vd_verdict_t keep_orphan(vd_graph_t *self, const vd_graph_claim_t *claim)
{
    vd_verdict_t verdict = judge_among_orphans(self, claim);
    if (verdict != VD_VERDICT_ORPHAN)
        return verdict;
    if (!vd_graph_room((void **)&self->orphans, &self->orphan_room, self->orphan_count,
                       self->limits.orphans_max, sizeof *self->orphans))
        return VD_VERDICT_NO_MEMORY;
    vd_orphan_t *orphan = &self->orphans[self->orphan_count++];
    *orphan = (vd_orphan_t){.id_size = (uint8_t)claim->id.size,
                            .parent_size = (uint8_t)claim->parent.size,
                            .id_hash = hash_of(claim->id),
                            .parent_hash = hash_of(claim->parent),
                            .height = claim->height};
    memcpy(orphan->id, claim->id.data, claim->id.size);
    memcpy(orphan->parent, claim->parent.data, claim->parent.size);
    vd_str_copy(orphan->source, sizeof orphan->source, claim->source);
    return VD_VERDICT_ORPHAN;
}

/* Refuses what the source said to stand on this block. */
static void refuse_children(vd_graph_t *self, vd_str_t id, vd_str_t source)
{
    for (uint32_t at = self->orphan_count; at-- > 0;)
        if (vd_bytes_equal(orphan_parent(&self->orphans[at]), id) &&
            vd_str_is(source, self->orphans[at].source))
            refuse_orphan(self, at, VD_VERDICT_BELOW);
}

/* What the source said to stand on a block that can never be in the graph goes with it. */
static void drop_above(vd_graph_t *self, const vd_graph_claim_t *claim)
{
    refuse_children(self, claim->id, claim->source);
    for (uint32_t at = 0; at < self->refused_count; at++) {
        vd_graph_refusal_t refused = self->refused[at]; /* the list may move */
        refuse_children(self, vd_str(refused.id), claim->source);
    }
}

void vd_graph_drop_low_orphans(vd_graph_t *self, uint64_t root_height)
{
    for (uint32_t at = self->orphan_count; at-- > 0;)
        if (self->orphans[at].height != VD_HEIGHT_UNKNOWN &&
            self->orphans[at].height <= root_height)
            remove_orphan(self, at);
}

/* ---- claims ---- */

static bool push_added(vd_graph_t *self, uint32_t block)
{
    if (!vd_graph_room((void **)&self->added, &self->added_room, self->added_count,
                       VD_GRAPH_ORPHANS_MAX + 1, sizeof *self->added))
        return false;
    self->added[self->added_count++] = block;
    return true;
}

/* Is the claim what is known of this block? */
static vd_verdict_t compare_known(const vd_graph_t *self, uint32_t block,
                                  const vd_graph_claim_t *claim)
{
    const vd_block_slot_t *slot = vd_graph_slot(self, block);
    if (claim->height != VD_HEIGHT_UNKNOWN && claim->height != slot->height)
        return VD_VERDICT_CHANGED;
    if (slot->parent == VD_BLOCK_NONE)
        return VD_VERDICT_KNOWN; /* of the root's parent nothing is known */
    return vd_bytes_equal(vd_graph_id(self, slot->parent), claim->parent) ? VD_VERDICT_KNOWN
                                                                          : VD_VERDICT_CHANGED;
}

/* Adds a block on one that is known. */
static vd_verdict_t put(vd_graph_t *self, uint32_t parent, vd_str_t id, uint64_t height,
                        vd_str_t source)
{
    uint32_t block;
    uint64_t expected = vd_graph_height(self, parent) + 1;
    if (height != VD_HEIGHT_UNKNOWN && height != expected)
        return VD_VERDICT_WRONG_HEIGHT;
    if (!vd_graph_room((void **)&self->added, &self->added_room, self->added_count,
                       VD_GRAPH_ORPHANS_MAX + 1, sizeof *self->added))
        return VD_VERDICT_NO_MEMORY;
    vd_verdict_t verdict =
        vd_graph_attach(self, parent, id, expected, vd_graph_source_number(self, source), &block);
    if (verdict == VD_VERDICT_ADDED)
        push_added(self, block);
    return verdict;
}

/* Takes the orphans that the block decides: its children, and other claims about itself. */
static void take_orphans(vd_graph_t *self, uint32_t block)
{
    uint32_t hash = hash_of(vd_graph_id(self, block));
    for (uint32_t at = 0; at < self->orphan_count;) {
        if (self->orphans[at].id_hash != hash && self->orphans[at].parent_hash != hash) {
            at++;
            continue;
        }
        vd_orphan_t orphan = self->orphans[at]; /* the list changes */
        vd_graph_claim_t claim = {orphan_id(&orphan), orphan_parent(&orphan), orphan.height,
                                  vd_str(orphan.source)};
        uint32_t same = vd_graph_find(self, claim.id);
        vd_verdict_t verdict = VD_VERDICT_ORPHAN;
        if (same != VD_BLOCK_NONE)
            verdict = compare_known(self, same, &claim);
        else if (vd_bytes_equal(claim.parent, vd_graph_id(self, block)))
            verdict = put(self, block, claim.id, claim.height, claim.source);
        if (verdict == VD_VERDICT_ADDED || verdict == VD_VERDICT_KNOWN)
            remove_orphan(self, at);
        else if (vd_verdict_is_lie(verdict))
            refuse_orphan(self, at, verdict);
        else
            at++;
    }
}

static void begin(vd_graph_t *self)
{
    self->added_count = 0;
    self->refused_count = 0;
}

static bool is_sound(const vd_graph_claim_t *claim, bool with_parent)
{
    return claim->id.size > 0 && claim->id.size <= VD_NAME_BYTES_MAX &&
           (!with_parent || (claim->parent.size > 0 && claim->parent.size <= VD_NAME_BYTES_MAX)) &&
           claim->source.size <= VD_NAME_BYTES_MAX &&
           (claim->height <= VD_HEIGHT_MAX || claim->height == VD_HEIGHT_UNKNOWN);
}

vd_verdict_t vd_graph_plant(vd_graph_t *self, const vd_graph_claim_t *claim)
{
    assert(self && claim && vd_graph_root(self) == VD_BLOCK_NONE);
    uint32_t block;
    begin(self);
    if (!is_sound(claim, false) || claim->height == VD_HEIGHT_UNKNOWN)
        return VD_VERDICT_BAD_CLAIM;
    vd_verdict_t verdict = vd_graph_attach(self, VD_BLOCK_NONE, claim->id, claim->height,
                                           vd_graph_source_number(self, claim->source), &block);
    if (verdict != VD_VERDICT_ADDED)
        return verdict;
    push_added(self, block);
    for (uint32_t at = 0; at < self->added_count; at++)
        take_orphans(self, self->added[at]);
    return VD_VERDICT_ADDED;
}

vd_verdict_t vd_graph_add(vd_graph_t *self, const vd_graph_claim_t *claim)
{
    assert(self && claim);
    begin(self);
    if (!is_sound(claim, true))
        return VD_VERDICT_BAD_CLAIM;
    if (vd_bytes_equal(claim->id, claim->parent))
        return VD_VERDICT_CYCLE;
    uint32_t known = vd_graph_find(self, claim->id), root = vd_graph_root(self);
    if (known != VD_BLOCK_NONE)
        return compare_known(self, known, claim);
    uint32_t parent = vd_graph_find(self, claim->parent);
    if (parent == VD_BLOCK_NONE) {
        bool below = root != VD_BLOCK_NONE && claim->height <= vd_graph_height(self, root);
        if (!below)
            return keep_orphan(self, claim);
        drop_above(self, claim);
        return VD_VERDICT_BELOW;
    }
    vd_verdict_t verdict = put(self, parent, claim->id, claim->height, claim->source);
    for (uint32_t at = 0; at < self->added_count; at++)
        take_orphans(self, self->added[at]);
    return verdict;
}

/* ---- wishes ---- */

size_t vd_graph_wishes(const vd_graph_t *self, vd_graph_wish_t *out, size_t max)
{
    assert(self && (out || max == 0));
    size_t count = 0;
    for (uint32_t at = 0; at < self->orphan_count && count < max; at++) {
        const vd_orphan_t *orphan = &self->orphans[at];
        vd_str_t parent = orphan_parent(orphan);
        bool known = vd_graph_find(self, parent) != VD_BLOCK_NONE;
        for (uint32_t other = 0; !known && other < self->orphan_count; other++)
            known = vd_bytes_equal(orphan_id(&self->orphans[other]), parent);
        for (size_t before = 0; !known && before < count; before++)
            known = vd_bytes_equal(out[before].id, parent);
        if (!known)
            out[count++] = (vd_graph_wish_t){
                .id = parent,
                .source = vd_str(orphan->source),
                .height = orphan->height == VD_HEIGHT_UNKNOWN || orphan->height == 0
                              ? VD_HEIGHT_UNKNOWN
                              : orphan->height - 1,
            };
    }
    return count;
}
