/* chain_turn.c: from what is known and what nodes answer to the events between them.
 *
 * A turn works on a graph over that of the state and on a copy of the nodes, to which each event is
 * applied as it is told: so what follows is judged on what will then be known.
 */
#include "chain.h"

#include <assert.h>
#include <stdlib.h>

typedef struct work {
    const vd_watched_chain_t *chain;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_graph_t *graph; /* over the state's */
    vd_chain_nodes_t nodes;
    vd_pursuit_t pursuit;
    bool full;
} work_t;

/* ---- telling ---- */

static void tell(work_t *work, const char *type, const vd_buffer_t *data,
                 const vd_sample_record_t *cause)
{
    if (work->full || !vd_turn_event(work->turn, type, vd_buffer_view(data), cause)) {
        work->full = true;
        return;
    }
    vd_event_t event = {.type = vd_str(type), .data = vd_buffer_view(data)};
    vd_chain_nodes_apply(&work->nodes, &event);
}

static void tell_block(work_t *work, uint32_t block, vd_str_t parent,
                       const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "id", vd_graph_id(work->graph, block));
    vd_write_pair_str(data, "parent", parent);
    vd_write_pair_u64(data, "height", vd_graph_height(work->graph, block));
    vd_write_pair_str(data, "node", vd_graph_source(work->graph, block));
    tell(work, "block_discovered", data, cause);
}

static void tell_refused(work_t *work, vd_str_t name, vd_str_t block, vd_verdict_t verdict,
                         const vd_sample_record_t *cause)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, name);
    if (!vd_samples_is_new(work->samples, cause))
        return; /* told when it came */
    if (node && vd_str_is(block, node->refused) &&
        strcmp(node->reason, vd_verdict_name(verdict)) == 0)
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 3);
    vd_write_pair_str(data, "node", name);
    vd_write_pair_str(data, "block", block);
    vd_write_pair_text(data, "reason", vd_verdict_name(verdict));
    tell(work, "node_refused", data, cause);
}

/* ---- blocks ---- */

static bool added(void *arg, uint32_t block, vd_str_t parent, const vd_sample_record_t *cause)
{
    work_t *work = arg;
    tell_block(work, block, parent, cause);
    return !work->full;
}

static void refused(void *arg, vd_str_t node, vd_str_t block, vd_verdict_t verdict,
                    const vd_sample_record_t *cause)
{
    tell_refused(arg, node, block, verdict, cause);
}

/* ---- heads ---- */

static void write_line(work_t *work, vd_buffer_t *data, const char *key, uint32_t fork,
                       uint32_t tip)
{
    uint32_t line[VD_CHAIN_LISTED_MAX];
    size_t count = vd_graph_line(work->graph, fork, tip, line, VD_CHAIN_LISTED_MAX);
    vd_write_text(data, key);
    vd_write_array(data, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        vd_write_str(data, vd_graph_id(work->graph, line[at]));
}

/* Tells a reorganization, if the way from one head to the other is one. */
static void tell_reorg(work_t *work, const vd_pursued_t *heard, uint32_t from, uint32_t to,
                       const vd_sample_record_t *cause)
{
    vd_graph_path_t path = vd_graph_path(work->graph, from, to);
    if (path.removed == 0 || path.added == 0)
        return; /* it only went on, or back on its own branch */
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 7);
    vd_write_pair_str(data, "node", heard->name);
    vd_write_pair_str(data, "from", vd_graph_id(work->graph, from));
    vd_write_pair_str(data, "to", vd_graph_id(work->graph, to));
    vd_write_pair_str(data, "fork_point", vd_graph_id(work->graph, path.fork));
    vd_write_pair_u64(data, "depth", path.removed);
    write_line(work, data, "removed", path.fork, from);
    write_line(work, data, "added", path.fork, to);
    tell(work, "reorg", data, cause);
}

/* The head from which a node's new one is looked at: the one that it left, if it went back since. */
static uint32_t head_before(const work_t *work, const vd_chain_node_t *node)
{
    uint32_t left =
        node && node->left[0] ? vd_graph_find(work->graph, vd_str(node->left)) : VD_BLOCK_NONE;
    if (left != VD_BLOCK_NONE || !node || !node->head[0])
        return left;
    return vd_graph_find(work->graph, vd_str(node->head));
}

static void tell_head(work_t *work, const vd_pursued_t *heard, const vd_chain_head_t *head,
                      uint32_t left, const vd_sample_record_t *sample)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    char previous[VD_CHAIN_ID_SIZE] = ""; /* it goes while it is told */
    if (node)
        vd_str_copy(previous, sizeof previous, vd_str(node->head));
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, left == VD_BLOCK_NONE ? 4 : 5);
    vd_write_pair_str(data, "node", heard->name);
    vd_write_pair_str(data, "id", head->tip);
    vd_write_pair_u64(data, "height", head->height);
    vd_write_text(data, "previous");
    if (previous[0])
        vd_write_text(data, previous);
    else
        vd_write_nil(data);
    if (left != VD_BLOCK_NONE)
        vd_write_pair_str(data, "left", vd_graph_id(work->graph, left));
    tell(work, "head_changed", data, sample);
}

static void judge_head(work_t *work, const vd_pursued_t *heard, const vd_chain_head_t *head,
                       const vd_sample_record_t *sample)
{
    uint32_t block = vd_graph_find(work->graph, head->tip);
    if (block == VD_BLOCK_NONE)
        return;
    if (vd_graph_height(work->graph, block) != head->height) {
        tell_refused(work, heard->name, head->tip, VD_VERDICT_WRONG_HEIGHT, sample);
        return;
    }
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    if (node && vd_str_is(head->tip, node->head))
        return;
    uint32_t before = head_before(work, node);
    bool is_back =
        before != VD_BLOCK_NONE && before != block && vd_graph_descends(work->graph, before, block);
    if (before != VD_BLOCK_NONE)
        tell_reorg(work, heard, before, block, sample);
    tell_head(work, heard, head, is_back ? before : VD_BLOCK_NONE, sample);
}

/* Judges the heads that the node has shown since the one that is known of it, the oldest first: one whose
 * header came when the node had already gone on counts as well. */
static void judge_heads(work_t *work, const vd_pursued_t *heard)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answers[VD_CHAIN_HEADS_KEPT] = {0};
    const vd_sample_record_t *samples[VD_CHAIN_HEADS_KEPT];
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint32_t count = 0;
    for (const vd_sample_record_t *sample = heard->sample; sample && count < VD_CHAIN_HEADS_KEPT;
         sample = vd_samples_before(work->samples, sample)) {
        samples[count] = sample;
        if (!vd_str_is(sample->status, "ok") ||
            !heard->reader->read_head(sample->content, vd_str(""), &answers[count], error,
                                      sizeof error))
            continue;
        count++;
        if (node && vd_str_is(answers[count - 1].head.tip, node->head))
            break;
    }
    for (uint32_t at = count; at-- > 0;) {
        if (!work->full)
            judge_head(work, heard, &answers[at].head, samples[at]);
        vd_answer_free(&answers[at]);
    }
}

/* The highest head of all nodes that is in the graph, of equal ones the one that came first. */
static uint32_t best_head(const work_t *work)
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

static void judge_lag(work_t *work, const vd_pursued_t *heard, uint64_t best)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint64_t height = heard->answer.head.height;
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
    tell(work, lags ? "node_lagging" : "node_caught_up", data, heard->sample);
}

/* ---- finality ---- */

/* Do nodes say what is irreversible? *block: the highest such one that is in the graph. */
static bool said_final(const work_t *work, uint32_t *block)
{
    bool said = false;
    *block = VD_BLOCK_NONE;
    for (uint32_t at = 0; at < work->pursuit.count; at++) {
        vd_str_t id = work->pursuit.nodes[at].answer.head.final;
        uint32_t found = id.size ? vd_graph_find(work->graph, id) : VD_BLOCK_NONE;
        said |= id.size > 0;
        if (found != VD_BLOCK_NONE &&
            (*block == VD_BLOCK_NONE ||
             vd_graph_height(work->graph, found) > vd_graph_height(work->graph, *block)))
            *block = found;
    }
    return said;
}

static void judge_finality(work_t *work, uint32_t best)
{
    uint32_t final;
    uint32_t known = vd_graph_find(work->graph, vd_str(work->nodes.final));
    uint64_t depth = work->chain->confirmations, height = vd_graph_height(work->graph, best);
    if (!said_final(work, &final))
        final = height < depth ? VD_BLOCK_NONE
                               : vd_graph_ancestor_at(work->graph, best, height - depth);
    if (final == VD_BLOCK_NONE || final == known ||
        (known != VD_BLOCK_NONE && !vd_graph_descends(work->graph, final, known)))
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_pair_str(data, "id", vd_graph_id(work->graph, final));
    vd_write_pair_u64(data, "height", vd_graph_height(work->graph, final));
    tell(work, "finality_advanced", data, NULL);
}

static void tell_divergence(work_t *work, const vd_pursued_t *a, const vd_pursued_t *b)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_text(data, "nodes");
    vd_write_array(data, 2);
    vd_write_str(data, a->name);
    vd_write_str(data, b->name);
    vd_write_text(data, "blocks");
    vd_write_array(data, 2);
    vd_write_str(data, a->answer.head.final);
    vd_write_str(data, b->answer.head.final);
    tell(work, "divergence", data, b->sample);
}

static void judge_divergence(work_t *work)
{
    for (uint32_t at = 0; at < work->pursuit.count; at++)
        for (uint32_t other = 0; other < at && !work->nodes.diverged; other++) {
            const vd_pursued_t *a = &work->pursuit.nodes[other], *b = &work->pursuit.nodes[at];
            vd_str_t a_id = a->answer.head.final, b_id = b->answer.head.final;
            uint32_t left = a_id.size ? vd_graph_find(work->graph, a_id) : VD_BLOCK_NONE;
            uint32_t right = b_id.size ? vd_graph_find(work->graph, b_id) : VD_BLOCK_NONE;
            if (left != VD_BLOCK_NONE && right != VD_BLOCK_NONE &&
                !vd_graph_descends(work->graph, left, right) &&
                !vd_graph_descends(work->graph, right, left))
                tell_divergence(work, a, b);
        }
}

/* ---- whole ---- */

static void tell_removed(work_t *work)
{
    if (!vd_samples_is_complete(work->samples))
        return;
    for (uint32_t at = work->nodes.count; at-- > 0 && !work->full;) {
        vd_chain_node_t gone = work->nodes.list[at]; /* it goes while it is told */
        if (vd_pursuit_node(&work->pursuit, vd_str(gone.name)))
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 1);
        vd_write_pair_text(data, "node", gone.name);
        tell(work, "node_removed", data, NULL);
    }
}

static void judge(work_t *work)
{
    for (uint32_t at = 0; at < work->pursuit.count && !work->full; at++)
        if (work->pursuit.nodes[at].sample)
            judge_heads(work, &work->pursuit.nodes[at]);
    uint32_t best = best_head(work);
    if (best == VD_BLOCK_NONE || work->full)
        return;
    for (uint32_t at = 0; at < work->pursuit.count && !work->full; at++)
        if (work->pursuit.nodes[at].sample)
            judge_lag(work, &work->pursuit.nodes[at], vd_graph_height(work->graph, best));
    judge_divergence(work);
    judge_finality(work, best);
}

static void ask(work_t *work)
{
    for (uint32_t at = 0; at < work->pursuit.count; at++) {
        const vd_chain_node_t *node = vd_chain_node(&work->nodes, work->pursuit.nodes[at].name);
        work->pursuit.nodes[at].known = node && node->head[0] ? node->height : 0;
    }
    vd_pursuit_ask(&work->pursuit);
}

vd_status_t vd_chain_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_watched_chain_t *chain = state;
    assert(chain && samples && turn);
    work_t *work = calloc(1, sizeof *work);
    vd_graph_t *graph = work ? vd_graph_over(chain->graph) : NULL;
    if (!graph) {
        free(work);
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for a turn");
    }
    work->chain = chain;
    work->samples = samples;
    work->turn = turn;
    work->graph = graph;
    work->nodes = chain->nodes;
    work->pursuit = (vd_pursuit_t){.app = chain->app,
                                   .history = chain->history,
                                   .samples = samples,
                                   .turn = turn,
                                   .graph = graph,
                                   .arg = work,
                                   .added = added,
                                   .refused = refused};
    vd_pursuit_hear(&work->pursuit);
    tell_removed(work);
    if (!work->full)
        vd_pursuit_take(&work->pursuit);
    if (!work->full)
        judge(work);
    ask(work);
    vd_pursuit_close(&work->pursuit);
    vd_graph_destroy(&graph);
    free(work);
    return VD_OK;
}
