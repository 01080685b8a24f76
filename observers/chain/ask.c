/* ask.c: which headers are asked for, of whom. */
#include "work.h"

/* A way down by height: near the orphan each block, further down ever fewer. */
enum { LINEAR = 8, WISHES = 64 };

static void send(vd_work_t *work, vd_heard_t *heard, const vd_ask_t *ask)
{
    vd_buffer_t args;
    heard->asks--;
    vd_buffer_init(&args, 512);
    if (ask->body[0]) {
        vd_write_map(&args, 1);
        vd_write_pair_text(&args, "body", ask->body);
    }
    vd_turn_read_args(work->turn, heard->name, ask->op, ask->target, vd_buffer_view(&args));
    vd_buffer_free(&args);
}

/* Unless it was answered just now, well or not. */
static void ask_header(vd_work_t *work, vd_heard_t *heard, vd_str_t id, uint64_t height)
{
    vd_ask_t ask;
    heard->reader->ask_header(id, height, &ask);
    if (heard->asks > 0 && ask.op[0] &&
        !vd_samples_find(work->samples, heard->name, ask.op, ask.target))
        send(work, heard, &ask);
}

const vd_sample_record_t *vd_work_header(const vd_work_t *work, const vd_heard_t *heard,
                                         vd_str_t id)
{
    vd_ask_t ask;
    heard->reader->ask_header(id, 0, &ask);
    return ask.op[0] ? vd_samples_find(work->samples, heard->name, ask.op, ask.target) : NULL;
}

/* Has the node a head that is to be caught up with? */
static bool is_behind(const vd_work_t *work, const vd_heard_t *heard)
{
    return heard->sample && vd_work_wants(work, heard, vd_heard_head(heard));
}

static bool has_wishes(const vd_work_t *work, const vd_heard_t *heard)
{
    bool wants = heard->wants_tips || heard->stale_count > 0 ||
                 (heard->sample && vd_chain_walk(work->chain, heard->name));
    for (uint32_t at = 0; at < heard->head_count && !wants; at++)
        wants = vd_work_wants(work, heard, &heard->heads[at].head);
    return wants && !heard->foreign;
}

/* The height above which the blocks below the node's head are asked for upwards. */
static uint64_t known_height(const vd_work_t *work, const vd_heard_t *heard)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint64_t root = vd_work_root_height(work), head = vd_heard_head(heard)->height;
    if (heard->has_reached && heard->reached < head)
        return heard->reached > root ? heard->reached : root;
    return node && node->head[0] && node->height > root && node->height < head ? node->height
                                                                               : root;
}

static void ask_by_id(vd_work_t *work, vd_heard_t *heard)
{
    for (uint32_t at = 0; at < heard->head_count; at++)
        if (vd_work_wants(work, heard, &heard->heads[at].head))
            ask_header(work, heard, heard->heads[at].head.tip, 0);
    for (uint32_t at = 0; at < heard->stale_count; at++)
        ask_header(work, heard, vd_str(heard->stale[at]), 0);
    const vd_chain_walk_t *walk = vd_chain_walk(work->chain, heard->name);
    if (walk && heard->sample && vd_graph_find(work->graph, vd_str(walk->next)) == VD_BLOCK_NONE)
        ask_header(work, heard, vd_str(walk->next), 0);
    if (heard->wants_tips && heard->asks > 0)
        send(work, heard, &heard->reader->tips);
}

/* From the height of a missing block down to the root, in growing steps: so it shows where the node's
 * chain leaves what is known, however deep that is. */
static void ask_down_from(vd_work_t *work, vd_heard_t *heard, uint64_t height)
{
    uint64_t root = vd_work_root_height(work);
    uint64_t at = height, down = 1;
    while (at > root) {
        at = height > root + down ? height - down : root;
        ask_header(work, heard, vd_str(""), at);
        down = down < LINEAR ? down + 1 : 2 * down;
    }
    if (height <= root)
        ask_header(work, heard, vd_str(""), root); /* is it of another chain? */
}

/* What lies below the orphans, where it is not asked for upwards. */
static void ask_downwards(vd_work_t *work)
{
    vd_graph_wish_t wishes[WISHES];
    size_t count = vd_graph_wishes(work->graph, wishes, WISHES);
    for (size_t at = 0; at < count; at++) {
        uint64_t height = wishes[at].height;
        vd_heard_t *heard = vd_work_heard(work, wishes[at].source);
        if (!heard || !heard->sample || heard->foreign ||
            (heard->by_height && height != VD_HEIGHT_UNKNOWN && is_behind(work, heard) &&
             height > known_height(work, heard)))
            continue;
        ask_header(work, heard, wishes[at].id, 0);
        if (heard->by_height && height != VD_HEIGHT_UNKNOWN && is_behind(work, heard))
            ask_down_from(work, heard, height);
    }
}

/* What lies between the graph and the node's head. */
static void ask_upwards(vd_work_t *work, vd_heard_t *heard)
{
    uint64_t from = known_height(work, heard), head = vd_heard_head(heard)->height;
    /* In windows: the next one begins when this one is in the graph, so that little is ever out. */
    uint64_t window = (from / VD_CHAIN_ASKS + 1) * VD_CHAIN_ASKS;
    for (uint64_t height = from + 1; height < head && height <= window; height++)
        ask_header(work, heard, vd_str(""), height);
}

void vd_work_ask(vd_work_t *work)
{
    uint32_t asked = 0;
    bool planted = vd_graph_root(work->graph) != VD_BLOCK_NONE;
    for (uint32_t at = 0; at < work->count; at++)
        asked += has_wishes(work, &work->heard[at]);
    for (uint32_t at = 0; at < work->count; at++) {
        vd_heard_t *heard = &work->heard[at];
        heard->asks = has_wishes(work, heard) ? (VD_CHAIN_ASKS + asked - 1) / asked : 0;
        if (planted || !heard->by_height)
            ask_by_id(work, heard);
    }
    /* First what joins that which was answered to the graph, then what lies above it. */
    ask_downwards(work);
    for (uint32_t at = 0; at < work->count; at++) {
        vd_heard_t *heard = &work->heard[at];
        uint64_t history = work->chain->history;
        if (!heard->by_height || heard->foreign || !is_behind(work, heard))
            continue;
        uint64_t head = vd_heard_head(heard)->height;
        if (planted)
            ask_upwards(work, heard);
        else
            ask_header(work, heard, vd_str(""), head > history ? head - history : 0);
    }
}
