/* chain_view.c: what the observer shows, and the questions about the graph that it answers. */
#include "chain.h"

#include <assert.h>

enum { TIPS_SHOWN_MAX = 64 };

static void write_text_or_nil(vd_buffer_t *out, const char *key, const char *text)
{
    vd_write_text(out, key);
    if (text[0])
        vd_write_text(out, text);
    else
        vd_write_nil(out);
}

static void write_block(const vd_watched_chain_t *self, uint32_t block, vd_buffer_t *out)
{
    vd_write_map(out, 3);
    vd_write_pair_str(out, "id", vd_graph_id(self->graph, block));
    vd_write_pair_u64(out, "height", vd_graph_height(self->graph, block));
    vd_write_pair_str(out, "node", vd_graph_source(self->graph, block));
}

static void write_tips(const vd_watched_chain_t *self, vd_buffer_t *out)
{
    uint32_t tips[TIPS_SHOWN_MAX];
    size_t count = vd_graph_tips(self->graph, tips, TIPS_SHOWN_MAX);
    count = count < TIPS_SHOWN_MAX ? count : TIPS_SHOWN_MAX;
    vd_write_array(out, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        write_block(self, tips[at], out);
}

static void write_node(const vd_watched_chain_t *self, const vd_samples_t *samples,
                       const vd_chain_node_t *node, vd_buffer_t *out)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    vd_str_t status = vd_str("");
    const vd_chain_refusal_t *refused = vd_chain_refused(node);
    for (size_t at = 0; at < vd_samples_source_count(samples); at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
        if (!reader || !vd_str_is(source->name, node->name))
            continue;
        const vd_sample_record_t *sample =
            vd_samples_find(samples, source->name, reader->head.op, reader->head.target);
        status = sample ? sample->status : status;
        if (vd_str_is(status, "ok"))
            reader->read_head(sample->content, vd_str(""), &answer, error, sizeof error);
    }
    vd_write_map(out, 12);
    vd_write_pair_text(out, "name", node->name);
    write_text_or_nil(out, "head", node->head);
    vd_write_pair_u64(out, "height", node->height);
    vd_write_pair_bool(out, "lagging", node->lagging);
    vd_write_pair_bool(out, "syncing", node->syncing);
    vd_write_pair_bool(out, "diverged", node->diverged);
    vd_write_pair_u64(out, "refusals", node->refusals);
    write_text_or_nil(out, "refused", refused ? refused->block : "");
    write_text_or_nil(out, "reason", refused ? refused->reason : "");
    vd_write_pair_str(out, "status", status);
    vd_write_text(out, "shown");
    if (answer.head.tip.size)
        vd_write_str(out, answer.head.tip);
    else
        vd_write_nil(out);
    vd_write_text(out, "shown_height");
    if (answer.head.tip.size)
        vd_write_u64(out, answer.head.height);
    else
        vd_write_nil(out);
    vd_answer_free(&answer);
}

void vd_chain_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_watched_chain_t *self = state;
    assert(self && samples && out);
    uint32_t best = vd_graph_best(self->graph);
    vd_write_map(out, 8);
    vd_write_pair_u64(out, "blocks", vd_graph_count(self->graph));
    vd_write_text(out, "best");
    if (best == VD_BLOCK_NONE)
        vd_write_nil(out);
    else
        write_block(self, best, out);
    write_text_or_nil(out, "final", self->nodes.final);
    vd_write_pair_u64(out, "final_height", self->nodes.final_height);
    vd_write_pair_bool(out, "diverged", vd_chain_diverged(&self->nodes));
    vd_write_text(out, "tips");
    write_tips(self, out);
    vd_write_text(out, "nodes");
    vd_write_array(out, self->nodes.count);
    for (uint32_t at = 0; at < self->nodes.count; at++)
        write_node(self, samples, &self->nodes.list[at], out);
    vd_write_text(out, "recent");
    vd_chain_write_recent(self, out);
}

/* ---- questions ---- */

const vd_query_row_t vd_chain_queries[] = {
    {"tips", "", "the blocks without children, the highest first"},
    {"path", "A B",
     "what is removed and added on the way from block A to block B, and the fork point"},
    {"common", "A B", "the highest block from which both descend"},
    {"ancestor", "A B", "whether block A is block B or an ancestor of it"},
    {0},
};

static vd_status_t find_blocks(const vd_watched_chain_t *self, vd_bytes_t args, uint32_t blocks[2])
{
    vd_value_t list, id;
    if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY || list.count != 2)
        return VD_USAGE;
    for (int at = 0; at < 2; at++) {
        if (!vd_value_next(&list.bytes, &id) || id.kind != VD_KIND_STR)
            return VD_USAGE;
        blocks[at] = vd_graph_find(self->graph, vd_value_str(&id));
        if (blocks[at] == VD_BLOCK_NONE)
            return VD_NOT_FOUND;
    }
    return VD_OK;
}

static void write_line(const vd_watched_chain_t *self, const char *key, uint32_t fork, uint32_t tip,
                       vd_buffer_t *out)
{
    uint32_t line[VD_CHAIN_LISTED_MAX];
    size_t count = vd_graph_line(self->graph, fork, tip, line, VD_CHAIN_LISTED_MAX);
    vd_write_text(out, key);
    vd_write_array(out, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        vd_write_str(out, vd_graph_id(self->graph, line[at]));
}

static bool is_offered(vd_str_t name)
{
    for (const vd_query_row_t *row = vd_chain_queries; row->name; row++)
        if (vd_str_is(name, row->name))
            return true;
    return false;
}

vd_status_t vd_chain_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                           vd_bytes_t args, vd_buffer_t *out)
{
    const vd_watched_chain_t *self = state;
    assert(self && out);
    (void)samples;
    uint32_t blocks[2];
    if (!is_offered(name))
        return VD_NOT_FOUND;
    if (vd_str_is(name, "tips")) {
        write_tips(self, out);
        return VD_OK;
    }
    vd_status_t status = find_blocks(self, args, blocks);
    if (status != VD_OK)
        return status;
    vd_graph_path_t path = vd_graph_path(self->graph, blocks[0], blocks[1]);
    if (vd_str_is(name, "common")) {
        write_block(self, path.fork, out);
    } else if (vd_str_is(name, "ancestor")) {
        vd_write_bool(out, path.removed == 0);
    } else {
        vd_write_map(out, 4);
        vd_write_pair_str(out, "fork_point", vd_graph_id(self->graph, path.fork));
        vd_write_pair_u64(out, "depth", path.removed);
        write_line(self, "removed", path.fork, blocks[0], out);
        write_line(self, "added", path.fork, blocks[1], out);
    }
    return VD_OK;
}
