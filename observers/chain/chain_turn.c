/* chain_turn.c: from what is known and what nodes answer to the events between them.
 *
 * A turn works on a graph over that of the state and on a copy of the nodes, to which each event is
 * applied as it is told: so what follows is judged on what will then be known.
 */
#include "chain.h"

#include <assert.h>
#include <stdlib.h>

/* ASKS: one-off reads of one turn, of all nodes: fewer than a poller takes at a time, and than the host
 * holds answers of in eight turns. */
enum { ASKS = 48, DOWNWARDS = 32, WISHES = 64 };

/* A node as this moment's samples show it. */
typedef struct heard {
    vd_str_t name;
    const vd_reader_t *reader;
    const vd_sample_record_t *sample; /* its head; NULL: not read yet, or not to be read */
    vd_answer_t answer;               /* of the head, with sample */
    uint64_t reached;                 /* the highest block of its answers that is in the graph */
    uint32_t asks;                    /* how much more may be asked of it in this turn */
} heard_t;

typedef struct work {
    const vd_watched_chain_t *chain;
    const vd_samples_t *samples;
    vd_turn_t *turn;
    vd_graph_t *graph; /* over the state's */
    vd_chain_nodes_t nodes;
    uint32_t count;
    heard_t heard[VD_CHAIN_NODES_MAX];
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

/* ---- hearing ---- */

static void hear(work_t *work, const vd_source_record_t *source)
{
    char error[VD_TEXT_BYTES_MAX];
    const vd_reader_t *reader = vd_chain_reader(work->chain, source);
    if (!reader || work->count == VD_CHAIN_NODES_MAX)
        return;
    heard_t *heard = &work->heard[work->count++];
    *heard = (heard_t){.name = source->name, .reader = reader};
    const vd_sample_record_t *sample =
        vd_samples_find(work->samples, source->name, reader->head.op, reader->head.target);
    if (sample && vd_str_is(sample->status, "ok") &&
        reader->read_head(sample->content, vd_str(""), &heard->answer, error, sizeof error))
        heard->sample = sample;
}

static heard_t *heard_of(work_t *work, vd_str_t name)
{
    for (uint32_t at = 0; at < work->count; at++)
        if (vd_bytes_equal(work->heard[at].name, name))
            return &work->heard[at];
    return NULL;
}

/* ---- blocks ---- */

/* The id that a read asked for; empty: it asked by height. */
static vd_str_t asked_id(vd_str_t target)
{
    if (target.size < VD_CHAIN_ID_DIGITS)
        return vd_str("");
    vd_str_t tail = vd_bytes(target.data + target.size - VD_CHAIN_ID_DIGITS, VD_CHAIN_ID_DIGITS);
    return vd_is_chain_id(tail) ? tail : vd_str("");
}

static uint64_t root_height_of(const work_t *work, const heard_t *heard)
{
    uint64_t height = heard->answer.head.height, history = work->chain->history;
    return height > history ? height - history : 0;
}

/* Takes one answered header: into the graph, with what it brings in told. */
static void take_header(work_t *work, heard_t *heard, const vd_sample_record_t *sample)
{
    char error[VD_TEXT_BYTES_MAX];
    size_t count;
    vd_answer_t answer = {0};
    if (!heard->reader->read_block(sample->content, asked_id(sample->target), &answer, error,
                                   sizeof error))
        return;
    vd_graph_claim_t claim = {answer.block.id, answer.block.parent, answer.block.height,
                              heard->name};
    bool planted = vd_graph_root(work->graph) != VD_BLOCK_NONE;
    vd_verdict_t verdict = VD_VERDICT_ORPHAN;
    if (planted)
        verdict = vd_graph_add(work->graph, &claim);
    else if (heard->sample && claim.height == root_height_of(work, heard))
        verdict = vd_graph_plant(work->graph, &claim);
    const uint32_t *added = vd_graph_added(work->graph, &count);
    for (size_t at = 0; verdict == VD_VERDICT_ADDED && at < count && !work->full; at++) {
        uint32_t parent = vd_graph_parent(work->graph, added[at]);
        tell_block(work, added[at],
                   parent == VD_BLOCK_NONE ? claim.parent : vd_graph_id(work->graph, parent),
                   sample);
    }
    if (vd_verdict_is_lie(verdict))
        tell_refused(work, heard->name, claim.id, verdict, sample);
    const vd_graph_refusal_t *refused = vd_graph_refused(work->graph, &count);
    for (size_t at = 0; verdict == VD_VERDICT_ADDED && at < count; at++)
        if (vd_verdict_is_lie(refused[at].verdict))
            tell_refused(work, vd_str(refused[at].source), vd_str(refused[at].id),
                         refused[at].verdict, sample);
    uint32_t block = vd_graph_find(work->graph, claim.id);
    if (block != VD_BLOCK_NONE && vd_graph_height(work->graph, block) > heard->reached)
        heard->reached = vd_graph_height(work->graph, block);
    vd_answer_free(&answer);
}

static void take_headers(work_t *work)
{
    size_t count = vd_samples_count(work->samples);
    for (size_t at = 0; at < count && !work->full; at++) {
        const vd_sample_record_t *sample = vd_samples_at(work->samples, at);
        heard_t *heard = heard_of(work, sample->source);
        if (heard && vd_str_is(sample->status, "ok") &&
            !vd_str_is(sample->target, heard->reader->head.target))
            take_header(work, heard, sample);
    }
}

/* ---- asking ---- */

static void ask(work_t *work, heard_t *heard, vd_str_t id, uint64_t height)
{
    vd_ask_t ask;
    vd_buffer_t args;
    heard->reader->ask_header(id, height, &ask);
    if (heard->asks == 0 || !ask.op[0] ||
        vd_samples_find(work->samples, heard->name, ask.op, ask.target))
        return; /* it was answered just now, well or not */
    heard->asks--;
    vd_buffer_init(&args, 512);
    if (ask.body[0]) {
        vd_write_map(&args, 1);
        vd_write_pair_text(&args, "body", ask.body);
    }
    vd_turn_read_args(work->turn, heard->name, ask.op, ask.target, vd_buffer_view(&args));
    vd_buffer_free(&args);
}

/* The height from which on the node's blocks are asked for upwards. */
static uint64_t known_height(const work_t *work, const heard_t *heard, uint64_t root_height)
{
    const vd_chain_node_t *node = vd_chain_node(&work->nodes, heard->name);
    uint64_t from = heard->reached, head = heard->answer.head.height;
    if (node && node->head[0] && node->height > from && node->height < head)
        from = node->height;
    return from > root_height ? from : root_height;
}

/* Asks for what lies between the graph and the node's head. */
static void ask_upwards(work_t *work, heard_t *heard, uint64_t root_height)
{
    uint64_t from = known_height(work, heard, root_height), head = heard->answer.head.height;
    ask(work, heard, heard->answer.head.tip, 0);
    /* In windows: the next one begins when this one is in the graph, so that little is ever out. */
    uint64_t window = (from / ASKS + 1) * ASKS;
    for (uint64_t height = from + 1; height < head && height <= window; height++)
        ask(work, heard, vd_str(""), height);
}

/* Asks for what lies below the orphans, where it is not asked for upwards. */
static void ask_downwards(work_t *work, uint64_t root_height)
{
    vd_graph_wish_t wishes[WISHES];
    size_t count = vd_graph_wishes(work->graph, wishes, WISHES);
    for (size_t at = 0; at < count; at++) {
        uint64_t height = wishes[at].height;
        heard_t *heard = heard_of(work, wishes[at].source);
        if (!heard || !heard->sample ||
            (height != VD_HEIGHT_UNKNOWN && height > known_height(work, heard, root_height)))
            continue;
        ask(work, heard, wishes[at].id, 0);
        for (uint32_t step = 0; height != VD_HEIGHT_UNKNOWN && step < DOWNWARDS; step++)
            if (height > root_height + step)
                ask(work, heard, vd_str(""), height - step);
    }
}

/* Is there something to ask this node for? */
static bool is_behind(const work_t *work, const heard_t *heard)
{
    uint32_t root = vd_graph_root(work->graph);
    return heard->sample && (root == VD_BLOCK_NONE ||
                             (heard->answer.head.height > vd_graph_height(work->graph, root) &&
                              vd_graph_find(work->graph, heard->answer.head.tip) == VD_BLOCK_NONE));
}

static void ask_all(work_t *work)
{
    uint32_t root = vd_graph_root(work->graph), asked = 0;
    uint64_t root_height = root == VD_BLOCK_NONE ? 0 : vd_graph_height(work->graph, root);
    for (uint32_t at = 0; at < work->count; at++)
        asked += is_behind(work, &work->heard[at]);
    for (uint32_t at = 0; at < work->count; at++)
        work->heard[at].asks = asked ? (ASKS + asked - 1) / asked : 0;
    /* First what joins that which was answered to the graph, then what lies above it. */
    ask_downwards(work, root_height);
    for (uint32_t at = 0; at < work->count; at++) {
        heard_t *heard = &work->heard[at];
        if (!is_behind(work, heard))
            continue;
        if (root == VD_BLOCK_NONE)
            ask(work, heard, vd_str(""), root_height_of(work, heard));
        else
            ask_upwards(work, heard, root_height);
    }
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
static void tell_reorg(work_t *work, const heard_t *heard, uint32_t from, uint32_t to,
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

static void tell_head(work_t *work, const heard_t *heard, const vd_chain_head_t *head,
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

static void judge_head(work_t *work, const heard_t *heard, const vd_chain_head_t *head,
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
static void judge_heads(work_t *work, const heard_t *heard)
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

static void judge_lag(work_t *work, const heard_t *heard, uint64_t best)
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
    for (uint32_t at = 0; at < work->count; at++) {
        vd_str_t id = work->heard[at].answer.head.final;
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

static void tell_divergence(work_t *work, const heard_t *a, const heard_t *b)
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
    for (uint32_t at = 0; at < work->count; at++)
        for (uint32_t other = 0; other < at && !work->nodes.diverged; other++) {
            const heard_t *a = &work->heard[other], *b = &work->heard[at];
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
        if (heard_of(work, vd_str(gone.name)))
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 1);
        vd_write_pair_text(data, "node", gone.name);
        tell(work, "node_removed", data, NULL);
    }
}

static void judge(work_t *work)
{
    for (uint32_t at = 0; at < work->count && !work->full; at++)
        if (work->heard[at].sample)
            judge_heads(work, &work->heard[at]);
    uint32_t best = best_head(work);
    if (best == VD_BLOCK_NONE || work->full)
        return;
    for (uint32_t at = 0; at < work->count && !work->full; at++)
        if (work->heard[at].sample)
            judge_lag(work, &work->heard[at], vd_graph_height(work->graph, best));
    judge_divergence(work);
    judge_finality(work, best);
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
    for (size_t at = 0; at < vd_samples_source_count(samples); at++)
        hear(work, vd_samples_source_at(samples, at));
    tell_removed(work);
    take_headers(work);
    if (!work->full)
        judge(work);
    ask_all(work);
    for (uint32_t at = 0; at < work->count; at++)
        vd_answer_free(&work->heard[at].answer);
    vd_graph_destroy(&graph);
    free(work);
    return VD_OK;
}
