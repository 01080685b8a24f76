/* judge.c: who lags, who is syncing, what is final, and who contradicts what is. */
#include "work.h"

/* ---- lag and syncing ---- */

/* The highest head of all nodes that is in the graph, of equal ones the one that came first. */
static uint32_t best_head(const vd_work_t *work)
{
    uint32_t best = VD_BLOCK_NONE;
    for (uint32_t at = 0; at < work->nodes.count; at++) {
        uint32_t block = vd_graph_find(work->graph, vd_str(work->nodes.list[at].head));
        if (block == VD_BLOCK_NONE)
            continue;
        uint64_t height = vd_graph_height(work->graph, block);
        if (best == VD_BLOCK_NONE || height > vd_graph_height(work->graph, best) ||
            (height == vd_graph_height(work->graph, best) &&
             vd_graph_serial(work->graph, block) < vd_graph_serial(work->graph, best)))
            best = block;
    }
    return best;
}

static void judge_lag(vd_work_t *work, const vd_heard_t *heard, uint64_t best)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint64_t height = vd_heard_head(heard)->height;
    bool lags = best > height && best - height >= work->chain->lagging_after;
    if (lags == (node && node->lagging))
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, lags ? 4 : 2);
    vd_write_pair_str(data, "node", heard->name);
    vd_write_pair_u64(data, "height", height);
    if (lags) {
        vd_write_pair_u64(data, "best", best);
        vd_write_pair_u64(data, "behind", best - height);
    }
    vd_work_tell(work, lags ? "node_lagging" : "node_caught_up", data, heard->sample);
}

void vd_work_judge_syncing(vd_work_t *work, const vd_heard_t *heard, const vd_chain_head_t *head,
                           const vd_sample_record_t *sample)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    if (head->syncing == (node && node->syncing))
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_pair_str(data, "node", heard->name);
    vd_write_pair_u64(data, "height", head->height);
    vd_work_tell(work, head->syncing ? "node_syncing" : "node_synced", data, sample);
}

/* ---- finality ---- */

/* What a node has to say of what is final. */
typedef struct voice {
    bool counts; /* it has a say */
    uint32_t block;
} voice_t;

/* The last irreversible block of a node; VD_BLOCK_NONE: it says none, or it is not in the graph. */
static uint32_t said_final(const vd_work_t *work, const vd_heard_t *heard)
{
    vd_str_t id = heard->sample ? vd_heard_head(heard)->final : vd_str("");
    return id.size ? vd_graph_find(work->graph, id) : VD_BLOCK_NONE;
}

/* So many blocks below the head that is known of the node: while it is caught up with it keeps its say. */
static uint32_t deep_enough(const vd_work_t *work, const vd_heard_t *heard, bool *counts)
{
    uint64_t depth = work->chain->confirmations;
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint32_t head = node ? vd_graph_find(work->graph, vd_str(node->head)) : VD_BLOCK_NONE;
    *counts = head != VD_BLOCK_NONE;
    if (!*counts || vd_graph_height(work->graph, head) < depth)
        return VD_BLOCK_NONE;
    return vd_graph_ancestor_at(work->graph, head, vd_graph_height(work->graph, head) - depth);
}

static void listen(const vd_work_t *work, voice_t *voices)
{
    bool said = false;
    for (uint32_t at = 0; at < work->count; at++)
        said |= work->heard[at].sample && vd_heard_head(&work->heard[at])->final.size > 0;
    for (uint32_t at = 0; at < work->count; at++) {
        const vd_heard_t *heard = &work->heard[at];
        voices[at] = (voice_t){.block = VD_BLOCK_NONE};
        if (!heard->sample || heard->foreign || vd_heard_head(heard)->syncing)
            continue;
        if (said) {
            voices[at].block = said_final(work, heard);
            voices[at].counts = vd_heard_head(heard)->final.size > 0;
        } else {
            voices[at].block = deep_enough(work, heard, &voices[at].counts);
        }
    }
}

/* The highest block that more than half of the voices stand on. */
static uint32_t agreed(const vd_work_t *work, const voice_t *voices)
{
    uint32_t best = VD_BLOCK_NONE, count = 0;
    for (uint32_t at = 0; at < work->count; at++)
        count += voices[at].counts;
    for (uint32_t at = 0; at < work->count; at++) {
        uint32_t block = voices[at].block, on = 0;
        if (block == VD_BLOCK_NONE ||
            (best != VD_BLOCK_NONE &&
             vd_graph_height(work->graph, block) <= vd_graph_height(work->graph, best)))
            continue;
        for (uint32_t other = 0; other < work->count; other++)
            on += voices[other].block != VD_BLOCK_NONE &&
                  vd_graph_descends(work->graph, voices[other].block, block);
        if (2 * on > count)
            best = block;
    }
    return best;
}

static void judge_finality(vd_work_t *work)
{
    voice_t voices[VD_CHAIN_NODES_MAX];
    listen(work, voices);
    uint32_t final = agreed(work, voices);
    uint32_t known = vd_graph_find(work->graph, vd_str(work->nodes.final));
    if (final == VD_BLOCK_NONE || final == known ||
        (known != VD_BLOCK_NONE && !vd_graph_descends(work->graph, final, known)))
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_pair_str(data, "id", vd_graph_id(work->graph, final));
    vd_write_pair_u64(data, "height", vd_graph_height(work->graph, final));
    vd_work_tell(work, "finality_advanced", data, NULL);
}

/* ---- divergence ---- */

static bool conflict(const vd_work_t *work, const vd_heard_t *a, const vd_heard_t *b)
{
    uint32_t left = said_final(work, a), right = said_final(work, b);
    return left != VD_BLOCK_NONE && right != VD_BLOCK_NONE &&
           !vd_graph_descends(work->graph, left, right) &&
           !vd_graph_descends(work->graph, right, left);
}

static bool is_diverged(const vd_work_t *work, vd_str_t name)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, name);
    return node && node->diverged;
}

static void tell_divergence(vd_work_t *work, const vd_heard_t *a, const vd_heard_t *b)
{
    uint32_t fork = vd_graph_fork(work->graph, said_final(work, a), said_final(work, b));
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 3);
    vd_write_text(data, "nodes");
    vd_write_array(data, 2);
    vd_write_str(data, a->name);
    vd_write_str(data, b->name);
    vd_write_text(data, "blocks");
    vd_write_array(data, 2);
    vd_write_str(data, vd_heard_head(a)->final);
    vd_write_str(data, vd_heard_head(b)->final);
    vd_write_pair_str(data, "fork_point", vd_graph_id(work->graph, fork));
    vd_work_tell(work, "divergence", data, b->sample);
}

/* It is over when all that were part of it say what does not conflict any more. */
static void judge_agreement(vd_work_t *work, bool conflicts)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < work->nodes.count; at++) {
        const vd_chain_node_t *node = &work->nodes.list[at];
        const vd_heard_t *heard = vd_work_heard(work, vd_str(node->name));
        if (!node->diverged)
            continue;
        count++;
        if (!heard || said_final(work, heard) == VD_BLOCK_NONE)
            return;
    }
    if (count == 0 || conflicts)
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 1);
    vd_write_text(data, "nodes");
    vd_write_array(data, count);
    for (uint32_t at = 0; at < work->nodes.count; at++)
        if (work->nodes.list[at].diverged)
            vd_write_text(data, work->nodes.list[at].name);
    vd_work_tell(work, "divergence_ended", data, NULL);
}

static void judge_divergence(vd_work_t *work)
{
    bool conflicts = false;
    for (uint32_t at = 0; at < work->count; at++)
        for (uint32_t other = 0; other < at && !work->full; other++) {
            const vd_heard_t *a = &work->heard[other], *b = &work->heard[at];
            if (!conflict(work, a, b))
                continue;
            conflicts = true;
            if (!is_diverged(work, a->name) || !is_diverged(work, b->name))
                tell_divergence(work, a, b);
        }
    judge_agreement(work, conflicts);
}

void vd_work_judge(vd_work_t *work)
{
    for (uint32_t at = 0; at < work->count && !work->full; at++) {
        vd_heard_t *heard = &work->heard[at];
        vd_work_judge_heads(work, heard);
        if (heard->sample) /* whether or not its head is known */
            vd_work_judge_syncing(work, heard, vd_heard_head(heard), heard->sample);
    }
    uint32_t best = best_head(work);
    if (best == VD_BLOCK_NONE || work->full)
        return;
    for (uint32_t at = 0; at < work->count && !work->full; at++)
        if (work->heard[at].sample)
            judge_lag(work, &work->heard[at], vd_graph_height(work->graph, best));
    if (work->full)
        return;
    judge_divergence(work);
    judge_finality(work);
}
