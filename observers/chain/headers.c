/* headers.c: the headers that nodes answered with, as claims about the graph. */
#include "work.h"

static void tell_block(vd_work_t *work, uint32_t block, vd_str_t parent,
                       const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "id", vd_graph_id(work->graph, block));
    vd_write_pair_str(data, "parent", parent);
    vd_write_pair_u64(data, "height", vd_graph_height(work->graph, block));
    vd_write_pair_str(data, "node", vd_graph_source(work->graph, block));
    vd_work_tell(work, "block_discovered", data, cause);
}

static bool is_told(vd_verdict_t verdict)
{
    return vd_verdict_is_lie(verdict) || verdict == VD_VERDICT_FULL ||
           verdict == VD_VERDICT_CROWDED;
}

/* Tells what a claim brought in, and what it decided of orphans. */
static void tell_verdict(vd_work_t *work, const vd_graph_claim_t *claim, vd_verdict_t verdict,
                         const vd_sample_record_t *cause)
{
    size_t count;
    const uint32_t *added = vd_graph_added(work->graph, &count);
    for (size_t at = 0; verdict == VD_VERDICT_ADDED && at < count && !work->full; at++) {
        uint32_t parent = vd_graph_parent(work->graph, added[at]);
        tell_block(work, added[at],
                   parent == VD_BLOCK_NONE ? claim->parent : vd_graph_id(work->graph, parent),
                   cause);
    }
    if (is_told(verdict))
        vd_work_refuse(work, claim->source, claim->id, vd_verdict_name(verdict), cause);
    const vd_graph_refusal_t *refused = vd_graph_refused(work->graph, &count);
    for (size_t at = 0; verdict == VD_VERDICT_ADDED && at < count; at++)
        if (vd_verdict_is_lie(refused[at].verdict))
            vd_work_refuse(work, vd_str(refused[at].source), vd_str(refused[at].id),
                           vd_verdict_name(refused[at].verdict), cause);
}

void vd_work_take_claim(vd_work_t *work, const vd_graph_claim_t *claim,
                        const vd_sample_record_t *cause)
{
    bool planted = vd_graph_root(work->graph) != VD_BLOCK_NONE;
    vd_verdict_t verdict =
        planted ? vd_graph_add(work->graph, claim) : vd_graph_plant(work->graph, claim);
    tell_verdict(work, claim, verdict, cause);
}

/* The id that a read asked for; empty: it asked by height. */
static vd_str_t asked_id(vd_str_t target)
{
    if (target.size < VD_CHAIN_ID_DIGITS)
        return vd_str("");
    vd_str_t tail = vd_bytes(target.data + target.size - VD_CHAIN_ID_DIGITS, VD_CHAIN_ID_DIGITS);
    return vd_is_chain_id(tail) ? tail : vd_str("");
}

static uint64_t asked_height(vd_str_t target)
{
    uint64_t height = 0;
    size_t at = target.size;
    while (at > 0 && target.data[at - 1] >= '0' && target.data[at - 1] <= '9')
        at--;
    if (at == target.size || target.size - at > 18)
        return VD_HEIGHT_UNKNOWN;
    for (; at < target.size; at++)
        height = 10 * height + (uint64_t)(target.data[at] - '0');
    return height;
}

/* Where the graph begins, if this node is the first. */
static uint64_t first_height(const vd_work_t *work, const vd_heard_t *heard)
{
    uint64_t height = vd_heard_head(heard)->height, history = work->chain->history;
    return height > history ? height - history : 0;
}

/* What the node has at a height of its best chain. */
static void take_at_height(vd_work_t *work, vd_heard_t *heard, const vd_graph_claim_t *claim,
                           uint64_t height, const vd_sample_record_t *sample)
{
    uint32_t root = vd_graph_root(work->graph);
    if (claim->height != height) {
        vd_work_refuse(work, heard->name, claim->id, "wrong_height", sample);
        return;
    }
    if (root == VD_BLOCK_NONE && (!heard->sample || height != first_height(work, heard)))
        return;
    if (root != VD_BLOCK_NONE && height == vd_graph_height(work->graph, root) &&
        !vd_bytes_equal(claim->id, vd_graph_id(work->graph, root))) {
        vd_work_refuse_chain(work, heard, claim->id, sample);
        return;
    }
    vd_work_take_claim(work, claim, sample);
    uint32_t block = vd_graph_find(work->graph, claim->id);
    if (block != VD_BLOCK_NONE && (!heard->has_reached || height > heard->reached)) {
        heard->has_reached = true;
        heard->reached = height;
    }
}

/* By its id: as an orphan too while there is no root, since the way down may lead to one. */
static void take_by_id(vd_work_t *work, vd_heard_t *heard, const vd_graph_claim_t *claim,
                       const vd_sample_record_t *sample)
{
    if (vd_graph_root(work->graph) == VD_BLOCK_NONE) {
        if (!heard->by_height)
            tell_verdict(work, claim, vd_graph_add(work->graph, claim), sample);
        return;
    }
    vd_work_take_claim(work, claim, sample);
}

static void take_header(vd_work_t *work, vd_heard_t *heard, const vd_sample_record_t *sample)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    vd_str_t id = asked_id(sample->target);
    if (vd_str_is(sample->status, "not_found") && id.size > 0)
        vd_work_refuse(work, heard->name, id, "missing", sample);
    if (!vd_str_is(sample->status, "ok"))
        return;
    if (!heard->reader->read_block(sample->content, id, &answer, error, sizeof error)) {
        vd_work_refuse(work, heard->name, id, "bad_answer", sample);
        return;
    }
    vd_graph_claim_t claim = {answer.block.id, answer.block.parent, answer.block.height,
                              heard->name};
    if (id.size > 0)
        take_by_id(work, heard, &claim, sample);
    else
        take_at_height(work, heard, &claim, asked_height(sample->target), sample);
    vd_answer_free(&answer);
}

void vd_work_take_headers(vd_work_t *work)
{
    size_t count = vd_samples_count(work->samples);
    for (size_t at = 0; at < count && !work->full; at++) {
        const vd_sample_record_t *sample = vd_samples_at(work->samples, at);
        vd_heard_t *heard = vd_work_heard(work, sample->source);
        if (heard && !vd_str_is(sample->target, heard->reader->head.target))
            take_header(work, heard, sample);
    }
}
