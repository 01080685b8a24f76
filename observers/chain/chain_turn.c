/* chain_turn.c: from what is known and what nodes answer to the events between them. */
#include "work.h"

#include <assert.h>
#include <stdlib.h>

/* ---- hearing ---- */

/* The heads of the newest reads, down to the one that is known of the node. */
static void hear_heads(vd_work_t *work, vd_heard_t *heard, const vd_sample_record_t *newest)
{
    char error[VD_TEXT_BYTES_MAX];
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint32_t age = 0;
    for (const vd_sample_record_t *sample = newest; sample && age < VD_CHAIN_HEADS_KEPT;
         sample = vd_samples_before(work->samples, sample), age++) {
        vd_answer_t *answer = &heard->heads[heard->head_count];
        if (!vd_str_is(sample->status, "ok"))
            continue;
        if (!heard->reader->read_head(sample->content, vd_str(""), answer, error, sizeof error)) {
            vd_work_refuse(work, heard->name, vd_str(""), "bad_answer", sample);
            continue;
        }
        if (age == 0)
            heard->sample = sample;
        heard->samples[heard->head_count] = sample;
        heard->ages[heard->head_count++] = age;
        if (node && vd_str_is(answer->head.tip, node->head))
            break;
    }
}

static void hear(vd_work_t *work, const vd_source_record_t *source)
{
    vd_ask_t by_height;
    const vd_reader_t *reader = vd_pursuit_reader(work->chain->app, source);
    if (!reader || work->count == VD_CHAIN_NODES_MAX)
        return;
    vd_heard_t *heard = &work->heard[work->count++];
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, source->name);
    reader->ask_header(vd_str(""), 1, &by_height);
    heard->name = source->name;
    heard->reader = reader;
    heard->by_height = by_height.op[0] != 0;
    heard->foreign = node && node->until_ms > vd_turn_now_ms(work->turn);
    hear_heads(work, heard,
               vd_samples_find(work->samples, source->name, reader->head.op, reader->head.target));
}

vd_heard_t *vd_work_heard(vd_work_t *work, vd_str_t name)
{
    for (uint32_t at = 0; at < work->count; at++)
        if (vd_bytes_equal(work->heard[at].name, name))
            return &work->heard[at];
    return NULL;
}

uint64_t vd_work_root_height(const vd_work_t *work)
{
    uint32_t root = vd_graph_root(work->graph);
    return root == VD_BLOCK_NONE ? 0 : vd_graph_height(work->graph, root);
}

bool vd_work_wants(const vd_work_t *work, const vd_heard_t *heard, const vd_chain_head_t *head)
{
    uint32_t root = vd_graph_root(work->graph);
    if (!heard->sample || heard->foreign)
        return false;
    return root == VD_BLOCK_NONE || (head->height > vd_graph_height(work->graph, root) &&
                                     vd_graph_find(work->graph, head->tip) == VD_BLOCK_NONE);
}

/* ---- whole ---- */

static void tell_removed(vd_work_t *work)
{
    if (!vd_samples_is_complete(work->samples))
        return;
    for (uint32_t at = work->nodes.count; at-- > 0 && !work->full;) {
        vd_chain_node_t gone = work->nodes.list[at]; /* it goes while it is told */
        if (vd_work_heard(work, vd_str(gone.name)))
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 1);
        vd_write_pair_text(data, "node", gone.name);
        vd_work_tell(work, "node_removed", data, NULL);
    }
}

static void run(vd_work_t *work)
{
    for (size_t at = 0; at < vd_samples_source_count(work->samples); at++)
        hear(work, vd_samples_source_at(work->samples, at));
    tell_removed(work);
    vd_work_take_headers(work);
    vd_work_join_walks(work);
    if (!work->full)
        vd_work_judge(work);
    vd_work_keep_walks(work);
    vd_work_ask(work);
}

vd_status_t vd_chain_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_watched_chain_t *chain = state;
    assert(chain && samples && turn);
    vd_work_t *work = calloc(1, sizeof *work);
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
    run(work);
    for (uint32_t at = 0; at < work->count; at++)
        for (uint32_t head = 0; head < work->heard[at].head_count; head++)
            vd_answer_free(&work->heard[at].heads[head]);
    vd_graph_destroy(&graph);
    free(work);
    return VD_OK;
}
