/* descent.c: from a head down to what is known, one ancestor after the other.
 *
 * Answers live for a few turns only: what a longer way has found is told (ancestors_read), and stands in
 * the state from then on. A walk that has come to a block of the graph brings its blocks in from below.
 */
#include "work.h"

#include <string.h>

enum { STEPS_MAX = 256, HEADERS_MIN = 2 };

/* What was read below a block, in this turn's samples. */
typedef struct descent {
    const vd_chain_walk_t *walk; /* that it goes on from; NULL: it begins */
    uint64_t height;             /* of the block at the top of all, or VD_HEIGHT_UNKNOWN */
    uint32_t count;
    vd_str_t ids[STEPS_MAX]; /* downwards; views into the graph's orphans */
    vd_str_t next;           /* what stands below them */
} descent_t;

static bool is_zero(vd_str_t id)
{
    for (size_t at = 0; at < id.size; at++)
        if (id.data[at] != '0')
            return false;
    return true;
}

static void follow(const vd_work_t *work, const vd_heard_t *heard, vd_str_t top, descent_t *descent)
{
    vd_str_t parent;
    descent->next = top;
    while (descent->count < STEPS_MAX &&
           vd_graph_orphan_parent(work->graph, descent->next, heard->name, &parent)) {
        descent->ids[descent->count++] = descent->next;
        descent->next = parent;
    }
}

/* The way on which the node's blocks are being read; false: there is none. */
static bool find_descent(const vd_work_t *work, const vd_heard_t *heard, descent_t *descent)
{
    *descent = (descent_t){.walk = vd_chain_walk(work->chain, heard->name)};
    if (descent->walk) {
        descent->height = descent->walk->height;
        follow(work, heard, vd_str(descent->walk->next), descent);
        return true;
    }
    for (uint32_t at = heard->head_count; at-- > 0 && descent->count < HEADERS_MIN;) {
        const vd_chain_head_t *head = &heard->heads[at].head;
        descent->count = 0;
        descent->height = head->height;
        if (vd_work_wants(work, heard, head))
            follow(work, heard, head->tip, descent);
    }
    for (uint32_t at = 0; at < heard->stale_count && descent->count < HEADERS_MIN; at++) {
        descent->count = 0;
        descent->height = VD_HEIGHT_UNKNOWN;
        follow(work, heard, vd_str(heard->stale[at]), descent);
    }
    return descent->count >= HEADERS_MIN;
}

static uint64_t length_of(const descent_t *descent)
{
    return (descent->walk ? descent->walk->count : 0) + (uint64_t)descent->count;
}

/* ---- joining ---- */

/* The walk's blocks from below, each on the one before. */
static void bring_in(vd_work_t *work, const vd_heard_t *heard, const vd_chain_walk_t *walk)
{
    for (uint32_t at = walk->count; at-- > 0 && !work->full;) {
        vd_graph_claim_t claim = {vd_str(walk->ids[at]),
                                  vd_str(at + 1 < walk->count ? walk->ids[at + 1] : walk->next),
                                  VD_HEIGHT_UNKNOWN, heard->name};
        if (vd_graph_find(work->graph, claim.id) == VD_BLOCK_NONE)
            vd_work_take_claim(work, &claim, heard->sample);
    }
}

/* Makes the lowest block of a long enough way the root. */
static void plant(vd_work_t *work, const vd_heard_t *heard)
{
    descent_t descent;
    uint64_t most = work->chain->history + 1;
    if (heard->by_height || !heard->sample || !find_descent(work, heard, &descent))
        return;
    uint64_t length = length_of(&descent);
    most = most < VD_CHAIN_WALK_MAX ? most : VD_CHAIN_WALK_MAX;
    if (descent.height == VD_HEIGHT_UNKNOWN || descent.height + 1 < length ||
        (length < most && descent.height + 1 > length && !is_zero(descent.next)))
        return;
    char id[VD_CHAIN_ID_SIZE], parent[VD_CHAIN_ID_SIZE]; /* the orphans change */
    vd_str_copy(id, sizeof id,
                descent.count ? descent.ids[descent.count - 1]
                              : vd_str(descent.walk->ids[descent.walk->count - 1]));
    vd_str_copy(parent, sizeof parent, descent.next);
    vd_graph_claim_t claim = {vd_str(id), vd_str(parent), descent.height + 1 - length, heard->name};
    vd_work_take_claim(work, &claim, heard->sample);
}

void vd_work_join_walks(vd_work_t *work)
{
    for (uint32_t at = 0; at < work->count && !work->full; at++) {
        const vd_heard_t *heard = &work->heard[at];
        if (vd_graph_root(work->graph) == VD_BLOCK_NONE)
            plant(work, heard);
        const vd_chain_walk_t *walk = vd_chain_walk(work->chain, heard->name);
        if (walk && vd_graph_find(work->graph, vd_str(walk->next)) != VD_BLOCK_NONE)
            bring_in(work, heard, walk);
    }
}

/* ---- keeping ---- */

/* Has it gone past the root without meeting it? */
static bool is_foreign(const vd_work_t *work, const descent_t *descent)
{
    uint64_t length = length_of(descent);
    if (vd_graph_root(work->graph) == VD_BLOCK_NONE)
        return descent->height != VD_HEIGHT_UNKNOWN && descent->height + 1 < length;
    if (descent->height == VD_HEIGHT_UNKNOWN)
        return length > VD_CHAIN_WALK_MAX;
    return descent->height < length + vd_work_root_height(work) || is_zero(descent->next) ||
           length > VD_CHAIN_WALK_MAX;
}

static void tell(vd_work_t *work, const vd_heard_t *heard, const descent_t *descent)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "node", heard->name);
    vd_write_text(data, "height");
    if (descent->height == VD_HEIGHT_UNKNOWN)
        vd_write_nil(data);
    else
        vd_write_u64(data, descent->height - (descent->walk ? descent->walk->count : 0));
    vd_write_text(data, "blocks");
    vd_write_array(data, descent->count);
    for (uint32_t at = 0; at < descent->count; at++)
        vd_write_str(data, descent->ids[at]);
    vd_write_pair_str(data, "next", descent->next);
    vd_work_tell(work, "ancestors_read", data, heard->sample);
}

void vd_work_keep_walks(vd_work_t *work)
{
    descent_t descent;
    for (uint32_t at = 0; at < work->count && !work->full; at++) {
        vd_heard_t *heard = &work->heard[at];
        if (!heard->sample || heard->foreign || !find_descent(work, heard, &descent) ||
            vd_graph_find(work->graph, descent.next) != VD_BLOCK_NONE)
            continue;
        if (is_foreign(work, &descent))
            vd_work_refuse_chain(work, heard,
                                 descent.walk ? vd_str(descent.walk->ids[0]) : descent.ids[0],
                                 heard->sample);
        else if (descent.count > 0)
            tell(work, heard, &descent);
    }
}
