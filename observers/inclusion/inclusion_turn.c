/* inclusion_turn.c: from what is known and what nodes answer to the events between them.
 *
 * A turn works on a graph over that of the state and on a copy of what is known, to which each event is
 * applied as it is told: so what follows is judged on what will then be known.
 */
#include "pools.h"
#include "searches.h"

#include <assert.h>
#include <stdlib.h>

/* So many blocks are asked for again in one turn. */
enum { ASKS = 16 };

typedef struct work {
    const vd_inclusion_t *state;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_pursuit_t pursuit;
    vd_pools_t pools;
    vd_searches_t searches;
    vd_included_t known;
    uint32_t best; /* in the graph of the turn */
    bool searched; /* the whole best branch, for all that is watched */
    bool full;
} work_t;

/* ---- telling ---- */

static bool tell(work_t *work, const char *type, const vd_buffer_t *data,
                 const vd_sample_record_t *cause)
{
    if (work->full || !vd_turn_event(work->turn, type, vd_buffer_view(data), cause)) {
        work->full = true;
        return false;
    }
    vd_event_t event = {.type = vd_str(type), .data = vd_buffer_view(data)};
    vd_included_apply(&work->known, work->state->graph, &event);
    return true;
}

static void write_text_or_nil(vd_buffer_t *out, const char *key, vd_str_t text)
{
    vd_write_text(out, key);
    if (text.size > 0)
        vd_write_str(out, text);
    else
        vd_write_nil(out);
}

/* ---- blocks ---- */

/* Keeps which watched transactions the answered block has. */
static void block_answered(void *arg, const vd_pursued_t *node, const vd_answer_t *answer,
                           const vd_sample_record_t *cause)
{
    work_t *work = arg;
    const vd_chain_block_t *block = &answer->block;
    (void)node;
    if (!block->has_txs || vd_searches_find(&work->searches, block->id))
        return;
    vd_search_t *search = vd_searches_add(&work->searches, block->id, block->parent, cause);
    for (uint32_t at = 0; at < block->tx_count && search; at++) {
        const vd_watched_tx_t *tx = vd_txs_find(&work->known.txs, block->txs[at].id);
        if (tx && !vd_search_found(search, (uint32_t)(tx - work->known.txs.list)))
            search = NULL;
    }
    work->full |= !search; /* without memory the rest is left to the next turn */
}

static bool tell_block(work_t *work, uint32_t block, vd_str_t parent, vd_search_t *search,
                       const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 5);
    vd_write_pair_str(data, "id", vd_graph_id(work->pursuit.graph, block));
    vd_write_pair_str(data, "parent", parent);
    vd_write_pair_u64(data, "height", vd_graph_height(work->pursuit.graph, block));
    vd_write_pair_str(data, "node", vd_graph_source(work->pursuit.graph, block));
    vd_write_text(data, "txs");
    if (search)
        vd_write_array(data, search->count);
    else
        vd_write_nil(data);
    for (uint32_t at = 0; search && at < search->count; at++)
        vd_write_text(data, work->known.txs.list[search->found[at]].id);
    if (search)
        search->told = true;
    return tell(work, "block_read", data, cause);
}

static bool block_added(void *arg, uint32_t block, vd_str_t parent, const vd_sample_record_t *cause)
{
    work_t *work = arg;
    return tell_block(work, block, parent,
                      vd_searches_find(&work->searches, vd_graph_id(work->pursuit.graph, block)),
                      cause);
}

/* Who contradicts what is known is not followed; to name it is the business of others. */
static void block_refused(void *arg, vd_str_t node, vd_str_t block, vd_verdict_t verdict,
                          const vd_sample_record_t *cause)
{
    (void)arg, (void)node, (void)block, (void)verdict, (void)cause;
}

/* Blocks that were known, and now are searched for what came since. */
static void tell_searched_again(work_t *work)
{
    for (uint32_t at = 0; at < work->searches.count && !work->full; at++) {
        vd_search_t *search = &work->searches.list[at];
        uint32_t known = vd_graph_find(work->state->graph, vd_str(search->id));
        if (!search->told && known != VD_BLOCK_NONE && !vd_included_searched(&work->known, known))
            tell_block(work, known, vd_str(search->parent), search, search->cause);
    }
}

/* ---- what is watched ---- */

static void watch(work_t *work, vd_str_t id, const char *by, vd_str_t node, vd_str_t head,
                  const vd_sample_record_t *cause)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "tx", id);
    vd_write_pair_text(data, "by", by);
    write_text_or_nil(data, "node", node);
    write_text_or_nil(data, "head", head);
    tell(work, "tx_watched", data, cause);
}

static void forget(work_t *work, vd_str_t id, const char *reason)
{
    char tx[VD_TX_ID_SIZE]; /* it goes while it is told */
    vd_str_copy(tx, sizeof tx, id);
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_pair_text(data, "tx", tx);
    vd_write_pair_text(data, "reason", reason);
    tell(work, "tx_forgotten", data, NULL);
}

static void watch_lists(work_t *work)
{
    vd_txs_t wanted = {0};
    bool complete = vd_lists_read(work->state, work->samples, &wanted);
    for (uint32_t at = work->known.txs.count; complete && at-- > 0 && !work->full;) {
        const vd_watched_tx_t *tx = &work->known.txs.list[at];
        if (strcmp(tx->by, VD_BY_MEMPOOL) != 0 && !vd_txs_find(&wanted, vd_str(tx->id)))
            forget(work, vd_str(tx->id), "unlisted");
    }
    for (uint32_t at = 0; at < wanted.count && !work->full; at++) {
        vd_str_t id = vd_str(wanted.list[at].id);
        const vd_watched_tx_t *tx = vd_txs_find(&work->known.txs, id);
        bool other = tx && strcmp(tx->by, wanted.list[at].by) != 0 &&
                     (complete || strcmp(tx->by, VD_BY_MEMPOOL) == 0);
        if (other || (!tx && work->known.txs.count < work->state->txs_max))
            watch(work, id, wanted.list[at].by, vd_str(""), vd_str(""), NULL);
    }
    vd_txs_free(&wanted);
}

static void watch_pool(work_t *work, uint32_t node)
{
    const vd_node_pool_t *pool = &work->pools.nodes[node];
    char head[VD_TX_ID_SIZE];
    if (pool->count == 0 || !vd_pools_head(&work->pools, &work->pursuit, node, head))
        return;
    if (vd_graph_find(work->state->graph, vd_str(head)) == VD_BLOCK_NONE)
        head[0] = 0;
    const vd_answer_t *answer = &pool->answers[0];
    for (uint32_t at = 0; at < answer->pool_count && !work->full; at++)
        if (work->known.txs.count < work->state->txs_max &&
            !vd_txs_find(&work->known.txs, answer->pool[at]))
            watch(work, answer->pool[at], VD_BY_MEMPOOL, work->pursuit.nodes[node].name,
                  vd_str(head), pool->samples[0]);
}

/* ---- the best branch ---- */

/* Has it shown its head, well or not? */
static bool is_heard(const work_t *work, const vd_pursued_t *node)
{
    return vd_samples_find(work->samples, node->name, node->reader->head.op,
                           node->reader->head.target) != NULL;
}

/* A head that is better than what is known, or all that is left. */
static uint32_t choose_best(const work_t *work)
{
    const vd_graph_t *graph = work->pursuit.graph;
    uint32_t known = vd_graph_find(graph, vd_str(work->known.best)), top = VD_BLOCK_NONE;
    bool all = vd_samples_is_complete(work->samples), beside = true;
    for (uint32_t at = 0; at < work->pursuit.count; at++) {
        const vd_pursued_t *node = &work->pursuit.nodes[at];
        if (!node->reader->read_pool)
            continue;
        uint32_t block = node->sample ? vd_graph_find(graph, node->answer.head.tip) : VD_BLOCK_NONE;
        all = all && is_heard(work, node) && (!node->sample || block != VD_BLOCK_NONE);
        if (block == VD_BLOCK_NONE || vd_graph_height(graph, block) != node->answer.head.height)
            continue;
        if (known != VD_BLOCK_NONE &&
            (vd_graph_descends(graph, known, block) || vd_graph_descends(graph, block, known)))
            beside = false;
        uint64_t height = vd_graph_height(graph, block);
        if (top == VD_BLOCK_NONE || height > vd_graph_height(graph, top) ||
            (height == vd_graph_height(graph, top) &&
             vd_graph_serial(graph, block) < vd_graph_serial(graph, top)))
            top = block;
    }
    if (known == VD_BLOCK_NONE)
        return top;
    bool higher = top != VD_BLOCK_NONE && vd_graph_height(graph, top) > work->known.best_height;
    return higher || (top != VD_BLOCK_NONE && all && beside) ? top : known;
}

static void judge_best(work_t *work)
{
    const vd_graph_t *graph = work->pursuit.graph;
    uint32_t known = vd_graph_find(graph, vd_str(work->known.best));
    work->best = choose_best(work);
    if (work->best == known || work->best == VD_BLOCK_NONE)
        return;
    char previous[VD_TX_ID_SIZE]; /* it goes while it is told */
    memcpy(previous, work->known.best, sizeof previous);
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_str(data, "id", vd_graph_id(graph, work->best));
    vd_write_pair_u64(data, "height", vd_graph_height(graph, work->best));
    write_text_or_nil(data, "previous", vd_str(previous));
    vd_write_pair_u64(data, "depth",
                      known == VD_BLOCK_NONE ? 0 : vd_graph_path(graph, known, work->best).removed);
    if (!tell(work, "best_changed", data, NULL))
        work->best = known;
}

/* Is the block, of the graph of the turn, searched? What came in this turn is. */
static bool is_searched(const work_t *work, uint32_t block)
{
    uint32_t known = vd_graph_find(work->state->graph, vd_graph_id(work->pursuit.graph, block));
    return known == VD_BLOCK_NONE || vd_included_searched(&work->known, known);
}

/* Asks again for the blocks of the best branch that are not searched for all. */
static void search_again(work_t *work)
{
    const vd_graph_t *graph = work->pursuit.graph;
    uint32_t asks = ASKS;
    for (uint32_t block = work->best; block != VD_BLOCK_NONE && asks > 0;
         block = vd_graph_parent(graph, block)) {
        if (is_searched(work, block))
            continue;
        vd_pursued_t *node = vd_pursuit_node(&work->pursuit, vd_graph_source(graph, block));
        for (uint32_t at = 0; at < work->pursuit.count && (!node || !node->sample); at++)
            node = &work->pursuit.nodes[at];
        if (node && node->sample)
            asks -= vd_pursuit_ask_block(&work->pursuit, node, vd_graph_id(graph, block), 0);
    }
}

/* ---- transactions ---- */

static void tell_included(work_t *work, const vd_watched_tx_t *tx, uint32_t block)
{
    char id[VD_TX_ID_SIZE], previous[VD_TX_ID_SIZE] = "";
    memcpy(id, tx->id, sizeof id);
    if (tx->state == VD_TX_INCLUDED)
        memcpy(previous, tx->block, sizeof previous);
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 4);
    vd_write_pair_text(data, "tx", id);
    vd_write_pair_str(data, "block", vd_graph_id(work->pursuit.graph, block));
    vd_write_pair_u64(data, "height", vd_graph_height(work->pursuit.graph, block));
    write_text_or_nil(data, "previous", vd_str(previous));
    tell(work, "tx_included", data, NULL);
}

static void judge_depth(work_t *work, const vd_watched_tx_t *tx)
{
    uint64_t depth = work->known.best_height - tx->height + 1;
    for (uint32_t at = 0; at < work->state->depth_count && !work->full; at++) {
        uint64_t wanted = work->state->depths[at];
        if (tx->height > work->known.best_height || depth < wanted || tx->confirmed >= wanted)
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 4);
        vd_write_pair_text(data, "tx", tx->id);
        vd_write_pair_text(data, "block", tx->block);
        vd_write_pair_u64(data, "height", tx->height);
        vd_write_pair_u64(data, "depth", wanted);
        tell(work, "tx_confirmed", data, NULL);
    }
}

static void tell_dropped(work_t *work, const vd_watched_tx_t *tx, const char *reason)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 3);
    vd_write_pair_text(data, "tx", tx->id);
    write_text_or_nil(data, "block", vd_str(tx->state == VD_TX_INCLUDED ? tx->block : ""));
    vd_write_pair_text(data, "reason", reason);
    tell(work, "tx_dropped", data, NULL);
}

/* The block of the branch up to `tip` that it is in. */
static uint32_t block_under(const work_t *work, const vd_watched_tx_t *tx, uint32_t tip)
{
    for (uint32_t at = 0; at < tx->block_count; at++) {
        uint32_t block = vd_graph_find(work->pursuit.graph, vd_str(tx->blocks[at]));
        if (block != VD_BLOCK_NONE && vd_graph_descends(work->pursuit.graph, tip, block))
            return block;
    }
    return VD_BLOCK_NONE;
}

static void judge_inclusion(work_t *work, const vd_watched_tx_t *tx)
{
    uint32_t block = block_under(work, tx, work->best);
    bool included = tx->state == VD_TX_INCLUDED;
    if (block != VD_BLOCK_NONE) {
        if (!included || !vd_str_is(vd_graph_id(work->pursuit.graph, block), tx->block))
            tell_included(work, tx, block);
        judge_depth(work, tx);
    } else if (included) {
        if (vd_graph_find(work->pursuit.graph, vd_str(tx->block)) != VD_BLOCK_NONE &&
            work->searched)
            tell_dropped(work, tx, "reorg");
        else
            judge_depth(work, tx);
    }
}

static void judge_seen(work_t *work, uint32_t node)
{
    const vd_node_pool_t *pool = &work->pools.nodes[node];
    for (uint32_t at = 0; pool->count > 0 && at < pool->answers[0].pool_count; at++) {
        const vd_watched_tx_t *tx = vd_txs_find(&work->known.txs, pool->answers[0].pool[at]);
        if (!tx || (tx->state != VD_TX_UNSEEN && tx->state != VD_TX_DROPPED) || work->full)
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 2);
        vd_write_pair_text(data, "tx", tx->id);
        vd_write_pair_str(data, "node", work->pursuit.nodes[node].name);
        tell(work, "tx_seen", data, pool->samples[0]);
    }
}

/* Is it in a block of any node's branch? */
static bool is_anywhere(const work_t *work, const vd_watched_tx_t *tx)
{
    for (uint32_t at = 0; at < work->pursuit.count; at++) {
        const vd_pursued_t *node = &work->pursuit.nodes[at];
        uint32_t tip = node->sample ? vd_graph_find(work->pursuit.graph, node->answer.head.tip)
                                    : VD_BLOCK_NONE;
        if (tip != VD_BLOCK_NONE && block_under(work, tx, tip) != VD_BLOCK_NONE)
            return true;
    }
    return false;
}

static void judge_evicted(work_t *work)
{
    if (!work->searched || !vd_pools_are_settled(&work->pools, &work->pursuit))
        return;
    bool *marks = calloc(work->known.txs.count + (size_t)1, sizeof *marks);
    if (!marks)
        return; /* the next turn may have memory */
    vd_pools_mark(&work->pools, &work->pursuit, &work->known.txs, marks);
    for (uint32_t at = 0; at < work->known.txs.count && !work->full; at++) {
        const vd_watched_tx_t *tx = &work->known.txs.list[at];
        if (tx->state == VD_TX_MEMPOOL && !marks[at] && !is_anywhere(work, tx))
            tell_dropped(work, tx, "evicted");
    }
    free(marks);
}

/* What only a pool brought in goes when there is nothing more to be told of it. */
static void forget_done(work_t *work)
{
    for (uint32_t at = work->known.txs.count; at-- > 0 && !work->full;) {
        const vd_watched_tx_t *tx = &work->known.txs.list[at];
        if (strcmp(tx->by, VD_BY_MEMPOOL) != 0)
            continue;
        if (tx->state == VD_TX_DROPPED && tx->block_count == 0)
            forget(work, vd_str(tx->id), "evicted");
        else if (tx->state == VD_TX_INCLUDED &&
                 vd_graph_find(work->pursuit.graph, vd_str(tx->block)) == VD_BLOCK_NONE)
            forget(work, vd_str(tx->id), "settled");
    }
}

/* ---- whole ---- */

static void judge(work_t *work)
{
    judge_best(work);
    work->searched = work->best != VD_BLOCK_NONE;
    for (uint32_t block = work->best; block != VD_BLOCK_NONE && work->searched;
         block = vd_graph_parent(work->pursuit.graph, block))
        work->searched = is_searched(work, block);
    for (uint32_t at = 0; at < work->known.txs.count && work->best != VD_BLOCK_NONE && !work->full;
         at++)
        judge_inclusion(work, &work->known.txs.list[at]);
    for (uint32_t at = 0; at < work->pursuit.count && !work->full; at++)
        judge_seen(work, at);
    judge_evicted(work);
    forget_done(work);
}

static void hear(work_t *work)
{
    vd_pursuit_hear(&work->pursuit);
    vd_pools_hear(&work->pools, &work->pursuit);
    /* Below what is known nothing is asked for upwards. */
    for (uint32_t at = 0; at < work->pursuit.count && work->known.best[0]; at++) {
        vd_pursued_t *node = &work->pursuit.nodes[at];
        uint64_t below = node->answer.head.height ? node->answer.head.height - 1 : 0;
        node->known = below < work->known.best_height ? below : work->known.best_height;
    }
}

vd_status_t vd_inclusion_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_inclusion_t *self = state;
    assert(self && samples && turn);
    work_t *work = calloc(1, sizeof *work);
    vd_graph_t *graph = work ? vd_graph_over(self->graph) : NULL;
    if (graph)
        work->known = self->known;
    if (work)
        work->known.txs = (vd_txs_t){0};
    if (!graph || !vd_txs_copy(&work->known.txs, &self->known.txs)) {
        vd_graph_destroy(&graph);
        free(work);
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for a turn");
    }
    work->state = self;
    work->samples = samples;
    work->turn = turn;
    work->pursuit = (vd_pursuit_t){.app = self->app,
                                   .history = self->history,
                                   .whole = true,
                                   .samples = samples,
                                   .turn = turn,
                                   .graph = graph,
                                   .arg = work,
                                   .added = block_added,
                                   .refused = block_refused,
                                   .answered = block_answered};
    hear(work);
    watch_lists(work);
    for (uint32_t at = 0; at < work->pursuit.count && self->mempools; at++)
        watch_pool(work, at);
    if (!work->full)
        vd_pursuit_take(&work->pursuit);
    tell_searched_again(work);
    if (!work->full)
        judge(work);
    vd_pursuit_ask(&work->pursuit);
    search_again(work);
    vd_pools_close(&work->pools);
    vd_pursuit_close(&work->pursuit);
    vd_searches_free(&work->searches);
    vd_txs_free(&work->known.txs);
    vd_graph_destroy(&graph);
    free(work);
    return VD_OK;
}
