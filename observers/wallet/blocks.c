/* blocks.c: from the blocks that nodes answer to what they do to the coins of wallets. */
#include "work.h"

#include <assert.h>
#include <stdlib.h>

/* LOOKS: blocks that are asked for again in one turn. */
enum { MOVES_PER_EVENT = 400, LOOKS = 16, LOOKED_AT_MAX = 256, ANSWERS_MAX = 2048 };

/* A block that some sample holds. */
typedef struct vd_block_answer {
    char id[VD_WALLET_ID_SIZE];
    const vd_sample_record_t *sample;
} vd_block_answer_t;

/* What was told of a block. The delta comes first, so that the chain of deltas leads back to these. */
typedef struct vd_block_told {
    vd_delta_t delta;
    char *texts; /* that its moves are views into */
} vd_block_told_t;

/* ---- telling ---- */

void vd_wallet_tell_refused(vd_wallet_work_t *work, vd_str_t name, vd_str_t block,
                            const char *reason, const char *text, const vd_sample_record_t *cause)
{
    const vd_wallet_node_t *node = vd_wallet_node(work->state, name);
    if (!vd_samples_is_new(work->samples, cause))
        return; /* told when it came */
    if (node && vd_str_is(block, node->refused) && strcmp(node->reason, reason) == 0)
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "node", name);
    vd_write_pair_str(data, "block", block);
    vd_write_pair_text(data, "reason", reason);
    vd_write_pair_text(data, "text", text);
    vd_wallet_tell(work, "node_refused", data, cause);
}

static void write_moves(const vd_wallet_work_t *work, const vd_delta_t *delta, uint32_t from,
                        uint32_t count, vd_buffer_t *data)
{
    vd_write_text(data, "moves");
    vd_write_array(data, count);
    for (uint32_t at = from; at < from + count; at++) {
        const vd_move_t *move = &delta->moves[at];
        vd_write_map(data, 5);
        vd_write_pair_str(data, "wallet", vd_ledger_wallet_name(work->state->ledger, move->wallet));
        vd_write_pair_str(data, "tx", move->tx);
        vd_write_pair_u64(data, "index", move->index);
        vd_write_pair_u64(data, "value", move->value);
        vd_write_pair_bool(data, "spent", move->spent);
    }
    vd_write_pair_bool(data, "more", from + count < delta->count);
}

static uint32_t part_of(const vd_delta_t *delta, uint32_t from)
{
    uint32_t left = delta->count - from;
    return left < MOVES_PER_EVENT ? left : MOVES_PER_EVENT;
}

/* Tells the moves from `from` on, as what was read again. */
static void tell_reread(vd_wallet_work_t *work, const vd_delta_t *delta, uint32_t from,
                        const vd_sample_record_t *cause)
{
    do {
        uint32_t count = part_of(delta, from);
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 3);
        vd_write_pair_str(data, "id", vd_graph_id(work->pursuit.graph, delta->block));
        write_moves(work, delta, from, count, data);
        if (!vd_wallet_tell(work, "block_reread", data, cause))
            return;
        from += count;
    } while (from < delta->count);
}

static void tell_taken(vd_wallet_work_t *work, const vd_delta_t *delta, vd_str_t parent,
                       const vd_chain_block_t *content, const vd_sample_record_t *cause)
{
    uint8_t filter[VD_FILTER_BYTES_MAX];
    const vd_graph_t *graph = work->pursuit.graph;
    size_t filter_size = vd_filter_make(content, filter);
    uint32_t count = part_of(delta, 0);
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 7);
    vd_write_pair_str(data, "id", vd_graph_id(graph, delta->block));
    vd_write_pair_str(data, "parent", parent);
    vd_write_pair_u64(data, "height", vd_graph_height(graph, delta->block));
    vd_write_pair_str(data, "node", cause->source);
    vd_write_text(data, "filter");
    vd_write_bin(data, vd_bytes(filter, filter_size));
    write_moves(work, delta, 0, count, data);
    if (vd_wallet_tell(work, "block_taken", data, cause) && count < delta->count)
        tell_reread(work, delta, count, cause);
}

/* ---- taking ---- */

const vd_delta_t *vd_wallet_told(const vd_wallet_work_t *work)
{
    return work->told ? &work->told->delta : NULL;
}

/* Makes the delta live longer than what it was read from. False without memory. */
static bool keep_texts(vd_block_told_t *told)
{
    vd_delta_t *delta = &told->delta;
    told->texts = malloc(((size_t)delta->count + 1) * VD_NAME_BYTES_MAX);
    for (uint32_t at = 0; told->texts && at < delta->count; at++) {
        char *text = &told->texts[(size_t)at * VD_NAME_BYTES_MAX];
        memcpy(text, delta->moves[at].tx.data, delta->moves[at].tx.size);
        delta->moves[at].tx.data = (const uint8_t *)text;
    }
    return told->texts;
}

static void free_told(vd_block_told_t *told)
{
    vd_delta_free(&told->delta);
    free(told->texts);
    free(told);
}

/* Reads what a block does; NULL: it cannot be, or what its ancestors do is not known. */
static vd_block_told_t *read_content(vd_wallet_work_t *work, uint32_t block,
                                     const vd_chain_block_t *content,
                                     const vd_sample_record_t *cause)
{
    char error[VD_TEXT_BYTES_MAX] = "";
    vd_block_told_t *told = calloc(1, sizeof *told);
    vd_status_t status = VD_NO_MEMORY;
    if (told) {
        told->delta = (vd_delta_t){.block = block, .before = vd_wallet_told(work)};
        status = vd_ledger_read(work->state->ledger, work->pursuit.graph, content, &told->delta,
                                error, sizeof error);
    }
    if (status == VD_OK && !keep_texts(told))
        status = VD_NO_MEMORY;
    if (status == VD_OK)
        return told;
    if (status == VD_MALFORMED)
        vd_wallet_tell_refused(work, cause->source, content->id, "impossible", error, cause);
    work->reading_failed |= status == VD_NO_MEMORY;
    if (told)
        free_told(told);
    return NULL;
}

/* Reads what a new block does, and tells it. */
static void take_content(vd_wallet_work_t *work, uint32_t block, vd_str_t parent,
                         const vd_chain_block_t *content, const vd_sample_record_t *cause)
{
    vd_block_told_t *told = read_content(work, block, content, cause);
    work->untold |= !told;
    if (!told)
        return;
    tell_taken(work, &told->delta, parent, content, cause);
    work->told = told;
}

static bool take_answer(vd_wallet_work_t *work, uint32_t block, vd_str_t parent,
                        const vd_answer_t *answer, const vd_sample_record_t *cause)
{
    if (answer->block.has_txs)
        take_content(work, block, parent, &answer->block, cause);
    else
        vd_wallet_tell_refused(work, cause->source, answer->block.id, "without_transactions", "",
                               cause);
    work->untold |= !answer->block.has_txs;
    return !work->full && !work->reading_failed;
}

/* A block that waited for its parent came into the graph: what holds it is read anew. */
static bool take_waiting(vd_wallet_work_t *work, uint32_t block, vd_str_t parent)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_str_t id = vd_graph_id(work->pursuit.graph, block);
    const vd_sample_record_t *sample = NULL;
    for (uint32_t at = 0; at < work->answer_count && !sample; at++)
        if (vd_str_is(id, work->answers[at].id))
            sample = work->answers[at].sample;
    const vd_pursued_t *node = sample ? vd_pursuit_node(&work->pursuit, sample->source) : NULL;
    vd_answer_t answer = {0};
    if (!node || !node->reader->read_block(sample->content, id, &answer, error, sizeof error))
        return true;
    bool goes_on = take_answer(work, block, parent, &answer, sample);
    vd_answer_free(&answer);
    return goes_on;
}

static bool added(void *arg, uint32_t block, vd_str_t parent, const vd_sample_record_t *cause)
{
    vd_wallet_work_t *work = arg;
    vd_str_t id = vd_graph_id(work->pursuit.graph, block);
    if (vd_bytes_equal(id, work->answer->block.id))
        return take_answer(work, block, parent, work->answer, cause);
    return take_waiting(work, block, parent);
}

static void refused(void *arg, vd_str_t node, vd_str_t block, vd_verdict_t verdict,
                    const vd_sample_record_t *cause)
{
    vd_wallet_tell_refused(arg, node, block, vd_verdict_name(verdict), "", cause);
}

static void unreadable(void *arg, const vd_pursued_t *node, vd_str_t asked, const char *error,
                       const vd_sample_record_t *sample)
{
    vd_wallet_tell_refused(arg, node->name, asked, "unreadable", error, sample);
}

/* ---- looking again ---- */

static bool was_reread(const vd_wallet_work_t *work, uint32_t block)
{
    for (uint32_t at = 0; at < work->reread_count; at++)
        if (work->reread[at] == block)
            return true;
    return false;
}

/* Tells what a known block does that was not known when it was taken. What was just told of its ancestors
 * counts. */
static void reread(vd_wallet_work_t *work, uint32_t block, const vd_chain_block_t *content,
                   const vd_sample_record_t *cause)
{
    if (work->reread_count == VD_WALLET_REREADS_MAX || was_reread(work, block))
        return;
    vd_block_told_t *told = read_content(work, block, content, cause);
    if (!told)
        return;
    work->reread[work->reread_count++] = block;
    vd_ledger_strip(work->state->ledger, &told->delta);
    tell_reread(work, &told->delta, 0, cause);
    work->told = told;
}

static bool is_told(const vd_wallet_work_t *work, uint32_t block)
{
    const vd_delta_t *delta = vd_wallet_told(work);
    while (delta && delta->block != block)
        delta = delta->before;
    return delta;
}

/* The id of the parent of a block that is not the root. */
static vd_str_t parent_of(const vd_wallet_work_t *work, uint32_t block)
{
    uint32_t parent = vd_graph_parent(work->pursuit.graph, block);
    return parent == VD_BLOCK_NONE ? vd_str("") : vd_graph_id(work->pursuit.graph, parent);
}

static void answered(void *arg, const vd_pursued_t *node, const vd_answer_t *answer,
                     const vd_sample_record_t *sample)
{
    vd_wallet_work_t *work = arg;
    const vd_chain_block_t *content = &answer->block;
    (void)node;
    work->answer = answer;
    uint32_t known = vd_graph_find(work->state->graph, content->id);
    uint32_t block = vd_graph_find(work->pursuit.graph, content->id);
    if (known != VD_BLOCK_NONE) {
        if (content->has_txs && vd_looks_wants(work->state->looks, work->state->graph, known))
            reread(work, known, content, sample);
        return;
    }
    /* What another node told of it could not be: this may. */
    if (block != VD_BLOCK_NONE && !is_told(work, block) &&
        vd_bytes_equal(content->parent, parent_of(work, block)))
        take_answer(work, block, content->parent, answer, sample);
    if (work->answer_count == ANSWERS_MAX)
        return; /* more than the host holds */
    if (!work->answers)
        work->answers = calloc(ANSWERS_MAX, sizeof *work->answers);
    work->reading_failed |= !work->answers;
    if (!work->answers)
        return;
    vd_block_answer_t *row = &work->answers[work->answer_count++];
    vd_str_copy(row->id, sizeof row->id, content->id);
    row->sample = sample;
}

/* Nodes are asked in turn, so that one that has not the block does not hide that another has it. */
static bool ask_again(vd_wallet_work_t *work, uint32_t block)
{
    vd_pursuit_t *pursuit = &work->pursuit;
    uint64_t first = vd_graph_serial(work->state->graph, block);
    vd_str_t id = vd_graph_id(work->state->graph, block);
    for (uint32_t at = 0; at < pursuit->count; at++) {
        const vd_pursued_t *node = &pursuit->nodes[(first + at) % pursuit->count];
        if (node->sample && vd_pursuit_ask_block(pursuit, node, id, 0))
            return true;
    }
    return false;
}

void vd_wallet_ask_again(vd_wallet_work_t *work)
{
    uint32_t from = 0, asked = 0, blocks[LOOKED_AT_MAX];
    size_t count = vd_looks_next(work->state->looks, &from, blocks, LOOKED_AT_MAX);
    for (size_t at = 0; at < count && asked < LOOKS; at++)
        if (!was_reread(work, blocks[at]))
            asked += ask_again(work, blocks[at]);
}

/* ---- whole ---- */

void vd_wallet_take_blocks(vd_wallet_work_t *work)
{
    assert(work && work->pursuit.graph);
    work->pursuit.added = added;
    work->pursuit.refused = refused;
    work->pursuit.answered = answered;
    work->pursuit.unreadable = unreadable;
    vd_pursuit_take(&work->pursuit);
    work->answer = NULL;
}

void vd_wallet_blocks_close(vd_wallet_work_t *work)
{
    assert(work);
    while (work->told) {
        vd_block_told_t *told = work->told;
        work->told = (vd_block_told_t *)told->delta.before;
        free_told(told);
    }
    free(work->answers);
    work->answers = NULL;
}
