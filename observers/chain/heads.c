/* heads.c: the heads that a node has shown, and the reorganizations between them. */
#include "work.h"

static void write_line(vd_work_t *work, vd_buffer_t *data, const char *key, uint32_t fork,
                       uint32_t tip)
{
    uint32_t line[VD_CHAIN_LISTED_MAX];
    size_t count = vd_graph_line(work->graph, fork, tip, line, VD_CHAIN_LISTED_MAX);
    vd_write_text(data, key);
    vd_write_array(data, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        vd_write_str(data, vd_graph_id(work->graph, line[at]));
}

static void tell_reorg(vd_work_t *work, const vd_heard_t *heard, uint32_t previous, uint32_t from,
                       uint32_t to, const vd_sample_record_t *cause)
{
    vd_graph_path_t path = vd_graph_path(work->graph, from, to);
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 8);
    vd_write_pair_str(data, "node", heard->name);
    vd_write_pair_str(data, "previous", vd_graph_id(work->graph, previous));
    vd_write_pair_str(data, "from", vd_graph_id(work->graph, from));
    vd_write_pair_str(data, "to", vd_graph_id(work->graph, to));
    vd_write_pair_str(data, "fork_point", vd_graph_id(work->graph, path.fork));
    vd_write_pair_u64(data, "depth", path.removed);
    write_line(work, data, "removed", path.fork, from);
    write_line(work, data, "added", path.fork, to);
    vd_work_tell(work, "reorg", data, cause);
}

/* The head from which a node's new one is looked at: the one that it left, if it went back since. */
static uint32_t head_before(const vd_work_t *work, const vd_chain_node_t *node)
{
    uint32_t left =
        node && node->left[0] ? vd_graph_find(work->graph, vd_str(node->left)) : VD_BLOCK_NONE;
    if (left != VD_BLOCK_NONE || !node || !node->head[0])
        return left;
    return vd_graph_find(work->graph, vd_str(node->head));
}

/* `left`: the head before, while it is back on its own branch, else VD_BLOCK_NONE. */
static void tell_head(vd_work_t *work, const vd_heard_t *heard, const vd_chain_head_t *head,
                      uint32_t left, const vd_sample_record_t *cause)
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
    vd_work_tell(work, "head_changed", data, cause);
}

/* ---- the branch that was left ---- */

/* Were the tips read after the node went to this head? They list it then, or one that is no lower. */
static bool is_later(const vd_answer_t *tips, const vd_chain_head_t *head)
{
    for (uint32_t at = 0; at < tips->tip_count; at++)
        if (vd_bytes_equal(tips->tips[at].id, head->tip) ||
            (tips->tips[at].active && tips->tips[at].height >= head->height))
            return true;
    return false;
}

/* A tip that may stand on the block which was left: it is to be read. Can it be still? */
static bool want_stale(vd_work_t *work, vd_heard_t *heard, vd_str_t id)
{
    const vd_sample_record_t *sample = vd_work_header(work, heard, id);
    if (heard->stale_count == VD_CHAIN_STALE_MAX || (sample && !vd_str_is(sample->status, "ok")))
        return false;
    vd_str_copy(heard->stale[heard->stale_count++], sizeof heard->stale[0], id);
    return true;
}

/* Looks for the highest block of the branch that the node left, from the last head seen on. Is there
 * something to wait for? */
static bool look_left(vd_work_t *work, vd_heard_t *heard, const vd_answer_t *tips, uint32_t *left)
{
    bool waits = false;
    uint32_t seen = *left;
    for (uint32_t at = 0; at < tips->tip_count; at++) {
        const vd_node_tip_t *tip = &tips->tips[at];
        if (tip->active || tip->height <= vd_graph_height(work->graph, seen))
            continue;
        uint32_t block = vd_graph_find(work->graph, tip->id);
        if (block == VD_BLOCK_NONE)
            waits |= want_stale(work, heard, tip->id);
        else if (vd_graph_descends(work->graph, block, seen) &&
                 vd_graph_height(work->graph, block) > vd_graph_height(work->graph, *left))
            *left = block;
    }
    return waits;
}

/* The same, from what the node tells of its tips. */
static bool find_left(vd_work_t *work, vd_heard_t *heard, const vd_chain_head_t *head,
                      uint32_t *left)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t tips = {0};
    const vd_reader_t *reader = heard->reader;
    if (!reader->tips.op[0] || !heard->sample)
        return false;
    const vd_sample_record_t *sample =
        vd_samples_find(work->samples, heard->name, reader->tips.op, reader->tips.target);
    if (sample && (!vd_str_is(sample->status, "ok") ||
                   !reader->read_tips(sample->content, vd_str(""), &tips, error, sizeof error)))
        return false;
    bool later = sample && is_later(&tips, head);
    /* Old ones are asked for again with each read of the head. */
    heard->wants_tips = !later && (!sample || vd_samples_is_new(work->samples, heard->sample));
    bool waits = !later || look_left(work, heard, &tips, left);
    vd_answer_free(&tips);
    return waits;
}

/* ---- heads ---- */

/* May a head that is not in the graph be passed over? */
static bool is_given_up(const vd_work_t *work, const vd_heard_t *heard, vd_str_t id, uint32_t age)
{
    const vd_sample_record_t *header = vd_work_header(work, heard, id);
    return age >= VD_CHAIN_PATIENCE || heard->foreign ||
           (header && !vd_str_is(header->status, "ok"));
}

/* False: it has to wait, and with it those after it. */
static bool judge_head(vd_work_t *work, vd_heard_t *heard, const vd_chain_head_t *head,
                       const vd_sample_record_t *sample, uint32_t age)
{
    uint32_t block = vd_graph_find(work->graph, head->tip);
    if (block == VD_BLOCK_NONE)
        return is_given_up(work, heard, head->tip, age);
    if (vd_graph_height(work->graph, block) != head->height) {
        vd_work_refuse(work, heard->name, head->tip, "wrong_height", sample);
        return true;
    }
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    if (node && vd_str_is(head->tip, node->head))
        return true;
    vd_work_judge_syncing(work, heard, head, sample);
    uint32_t before = head_before(work, node), back = VD_BLOCK_NONE;
    if (before != VD_BLOCK_NONE && before != block &&
        vd_graph_descends(work->graph, before, block)) {
        back = before;
    } else if (before != VD_BLOCK_NONE && !head->syncing &&
               !vd_graph_descends(work->graph, block, before)) {
        uint32_t left = before;
        if (find_left(work, heard, head, &left) && age < VD_CHAIN_PATIENCE)
            return false;
        tell_reorg(work, heard, before, left, block, sample);
    }
    tell_head(work, heard, head, back, sample);
    return true;
}

/* Those that it has shown since the one that is known of it, the oldest first: one whose header came when
 * the node had already gone on counts as well. */
void vd_work_judge_heads(vd_work_t *work, vd_heard_t *heard)
{
    for (uint32_t at = heard->head_count; at-- > 0 && !work->full;)
        if (!judge_head(work, heard, &heard->heads[at].head, heard->samples[at], heard->ages[at]))
            break;
}
