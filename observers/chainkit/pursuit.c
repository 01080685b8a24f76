/* pursuit.c: heads heard, blocks taken, blocks asked for. */
#include "chainkit/pursuit.h"

#include <assert.h>

/* ASKS: one-off reads of one turn, of all nodes: fewer than a poller takes at a time, and than the host
 * holds answers of in eight turns. */
enum { ASKS = 48, DOWNWARDS = 32, WISHES = 64 };

const vd_reader_t *vd_pursuit_reader(const char *app, const vd_source_record_t *source)
{
    assert(app && source);
    vd_value_t labels, wallet;
    if (!vd_str_is(source->adapter, "http") || !vd_value_of(source->labels, &labels) ||
        !vd_str_is(vd_value_get_str(&labels, "app"), app) ||
        vd_value_get(&labels, "wallet", &wallet))
        return NULL;
    return vd_reader_named(vd_value_get_str(&labels, "reader"));
}

void vd_pursuit_declare(const vd_reader_t *reader, int64_t interval_ms, int64_t deadline_ms,
                        uint32_t keep, vd_reads_t *reads)
{
    assert(reader && reads);
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = reader->head.op,
                                               .target = reader->head.target,
                                               .keep = keep,
                                               .interval_ms = interval_ms,
                                               .deadline_ms = deadline_ms});
}

/* ---- hearing ---- */

static void hear(vd_pursuit_t *self, const vd_source_record_t *source)
{
    char error[VD_TEXT_BYTES_MAX];
    const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
    if (!reader || self->count == VD_PURSUIT_NODES_MAX)
        return;
    vd_pursued_t *node = &self->nodes[self->count++];
    *node = (vd_pursued_t){.name = source->name, .reader = reader};
    const vd_sample_record_t *sample =
        vd_samples_find(self->samples, source->name, reader->head.op, reader->head.target);
    if (sample && vd_str_is(sample->status, "ok") &&
        reader->read_head(sample->content, vd_str(""), &node->answer, error, sizeof error))
        node->sample = sample;
}

void vd_pursuit_hear(vd_pursuit_t *self)
{
    assert(self && self->samples && self->graph && self->count == 0);
    for (size_t at = 0; at < vd_samples_source_count(self->samples); at++)
        hear(self, vd_samples_source_at(self->samples, at));
}

vd_pursued_t *vd_pursuit_node(vd_pursuit_t *self, vd_str_t name)
{
    for (uint32_t at = 0; at < self->count; at++)
        if (vd_bytes_equal(self->nodes[at].name, name))
            return &self->nodes[at];
    return NULL;
}

void vd_pursuit_close(vd_pursuit_t *self)
{
    assert(self);
    for (uint32_t at = 0; at < self->count; at++)
        vd_answer_free(&self->nodes[at].answer);
    self->count = 0;
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

static uint64_t root_height_of(const vd_pursuit_t *self, const vd_pursued_t *node)
{
    uint64_t height = node->answer.head.height;
    uint64_t root = height > self->history ? height - self->history : 0;
    return root > self->from ? root : self->from;
}

/* Takes one claim into the graph and tells what it brings in. False: no more is taken. */
static bool take_claim(vd_pursuit_t *self, vd_pursued_t *node, const vd_graph_claim_t *claim,
                       const vd_sample_record_t *sample)
{
    size_t count;
    bool goes_on = true;
    vd_verdict_t verdict = VD_VERDICT_ORPHAN;
    if (vd_graph_root(self->graph) != VD_BLOCK_NONE)
        verdict = vd_graph_add(self->graph, claim);
    else if (node->sample && claim->height == root_height_of(self, node))
        verdict = vd_graph_plant(self->graph, claim);
    const uint32_t *added = vd_graph_added(self->graph, &count);
    for (size_t at = 0; verdict == VD_VERDICT_ADDED && at < count && goes_on; at++) {
        uint32_t parent = vd_graph_parent(self->graph, added[at]);
        goes_on = self->added(
            self->arg, added[at],
            parent == VD_BLOCK_NONE ? claim->parent : vd_graph_id(self->graph, parent), sample);
    }
    if (vd_verdict_is_lie(verdict))
        self->refused(self->arg, node->name, claim->id, verdict, sample);
    const vd_graph_refusal_t *refused = vd_graph_refused(self->graph, &count);
    for (size_t at = 0; verdict == VD_VERDICT_ADDED && at < count; at++)
        if (vd_verdict_is_lie(refused[at].verdict))
            self->refused(self->arg, vd_str(refused[at].source), vd_str(refused[at].id),
                          refused[at].verdict, sample);
    uint32_t block = vd_graph_find(self->graph, claim->id);
    if (block != VD_BLOCK_NONE && vd_graph_height(self->graph, block) > node->reached)
        node->reached = vd_graph_height(self->graph, block);
    return goes_on;
}

/* Takes one answered block. False: no more is taken. */
static bool take(vd_pursuit_t *self, vd_pursued_t *node, const vd_sample_record_t *sample)
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    vd_str_t asked = asked_id(sample->target);
    if (!node->reader->read_block(sample->content, asked, &answer, error, sizeof error)) {
        if (self->unreadable)
            self->unreadable(self->arg, node, asked, error, sample);
        return true;
    }
    if (self->answered)
        self->answered(self->arg, node, &answer, sample);
    vd_graph_claim_t claim = {answer.block.id, answer.block.parent, answer.block.height,
                              node->name};
    bool goes_on = take_claim(self, node, &claim, sample);
    vd_answer_free(&answer);
    return goes_on;
}

/* Takes an answer to a block that was asked for; of other standing reads only the head's is known. False:
 * no more is taken. */
static bool take_sample(vd_pursuit_t *self, vd_pursued_t *node, const vd_sample_record_t *sample)
{
    if (vd_str_is(sample->target, node->reader->head.target))
        return true;
    if (vd_str_is(sample->status, "ok"))
        return take(self, node, sample);
    if (vd_str_is(sample->status, "too_large") && self->unreadable)
        self->unreadable(self->arg, node, asked_id(sample->target),
                         "the answer is larger than a sample may be", sample);
    return true;
}

void vd_pursuit_take(vd_pursuit_t *self)
{
    assert(self && self->added && self->refused);
    size_t count = vd_samples_count(self->samples);
    bool goes_on = true;
    for (size_t at = 0; at < count && goes_on; at++) {
        const vd_sample_record_t *sample = vd_samples_at(self->samples, at);
        vd_pursued_t *node = vd_pursuit_node(self, sample->source);
        if (node)
            goes_on = take_sample(self, node, sample);
    }
}

/* ---- asking ---- */

bool vd_pursuit_ask_block(vd_pursuit_t *self, const vd_pursued_t *node, vd_str_t id,
                          uint64_t height)
{
    vd_ask_t ask;
    vd_buffer_t args;
    if (self->whole)
        node->reader->ask_block(id, height, &ask);
    else
        node->reader->ask_header(id, height, &ask);
    if (!ask.op[0] || vd_samples_find(self->samples, node->name, ask.op, ask.target))
        return false;
    vd_buffer_init(&args, 512);
    if (ask.body[0]) {
        vd_write_map(&args, 1);
        vd_write_pair_text(&args, "body", ask.body);
    }
    bool asked =
        vd_turn_read_args(self->turn, node->name, ask.op, ask.target, vd_buffer_view(&args));
    vd_buffer_free(&args);
    return asked;
}

static void ask(vd_pursuit_t *self, vd_pursued_t *node, vd_str_t id, uint64_t height)
{
    if (node->asks > 0 && vd_pursuit_ask_block(self, node, id, height))
        node->asks--;
}

/* The height from which on the node's blocks are asked for upwards. */
static uint64_t known_height(const vd_pursued_t *node, uint64_t root_height)
{
    uint64_t from = node->reached, head = node->answer.head.height;
    if (node->known > from && node->known < head)
        from = node->known;
    return from > root_height ? from : root_height;
}

/* Asks for what lies between the graph and the node's head. */
static void ask_upwards(vd_pursuit_t *self, vd_pursued_t *node, uint64_t root_height)
{
    uint64_t from = known_height(node, root_height), head = node->answer.head.height;
    ask(self, node, node->answer.head.tip, 0);
    /* In windows: the next one begins when this one is in the graph, so that little is ever out. */
    uint64_t window = (from / ASKS + 1) * ASKS;
    for (uint64_t height = from + 1; height < head && height <= window; height++)
        ask(self, node, vd_str(""), height);
}

/* Asks for what lies below the orphans, where it is not asked for upwards. */
static void ask_downwards(vd_pursuit_t *self, uint64_t root_height)
{
    vd_graph_wish_t wishes[WISHES];
    size_t count = vd_graph_wishes(self->graph, wishes, WISHES);
    for (size_t at = 0; at < count; at++) {
        uint64_t height = wishes[at].height;
        vd_pursued_t *node = vd_pursuit_node(self, wishes[at].source);
        if (!node || !node->sample ||
            (height != VD_HEIGHT_UNKNOWN && height > known_height(node, root_height)))
            continue;
        ask(self, node, wishes[at].id, 0);
        for (uint32_t step = 0; height != VD_HEIGHT_UNKNOWN && step < DOWNWARDS; step++)
            if (height > root_height + step)
                ask(self, node, vd_str(""), height - step);
    }
}

/* Is there something to ask this node for? */
static bool is_behind(const vd_pursuit_t *self, const vd_pursued_t *node)
{
    uint32_t root = vd_graph_root(self->graph);
    if (!node->sample)
        return false;
    if (root == VD_BLOCK_NONE)
        return node->answer.head.height >= root_height_of(self, node);
    return node->answer.head.height > vd_graph_height(self->graph, root) &&
           vd_graph_find(self->graph, node->answer.head.tip) == VD_BLOCK_NONE;
}

void vd_pursuit_ask(vd_pursuit_t *self)
{
    assert(self && self->turn);
    uint32_t root = vd_graph_root(self->graph), asked = 0;
    uint64_t root_height = root == VD_BLOCK_NONE ? 0 : vd_graph_height(self->graph, root);
    for (uint32_t at = 0; at < self->count; at++)
        asked += is_behind(self, &self->nodes[at]);
    for (uint32_t at = 0; at < self->count; at++)
        self->nodes[at].asks = asked ? (ASKS + asked - 1) / asked : 0;
    /* First what joins that which was answered to the graph, then what lies above it. */
    ask_downwards(self, root_height);
    for (uint32_t at = 0; at < self->count; at++) {
        vd_pursued_t *node = &self->nodes[at];
        if (!is_behind(self, node))
            continue;
        if (root == VD_BLOCK_NONE)
            ask(self, node, vd_str(""), root_height_of(self, node));
        else
            ask_upwards(self, node, root_height);
    }
}
