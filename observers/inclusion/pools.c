/* pools.c: pools and lists, from their samples. */
#include "pools.h"

#include <assert.h>
#include <stdio.h>

/* ---- pools ---- */

static void hear(vd_node_pool_t *pool, const vd_pursuit_t *pursuit, const vd_pursued_t *node)
{
    char error[VD_TEXT_BYTES_MAX];
    const vd_reader_t *reader = node->reader;
    const vd_sample_record_t *sample =
        vd_samples_find(pursuit->samples, node->name, reader->pool.op, reader->pool.target);
    for (; sample && pool->count < VD_POOL_LOOKS;
         sample = vd_samples_before(pursuit->samples, sample)) {
        vd_answer_t *answer = &pool->answers[pool->count];
        if (!vd_str_is(sample->status, "ok") ||
            !reader->read_pool(sample->content, vd_str(""), answer, error, sizeof error))
            return;
        pool->samples[pool->count++] = sample;
    }
}

void vd_pools_hear(vd_pools_t *self, const vd_pursuit_t *pursuit)
{
    assert(self && pursuit);
    for (uint32_t at = 0; at < pursuit->count; at++)
        if (pursuit->nodes[at].sample && pursuit->nodes[at].reader->read_pool)
            hear(&self->nodes[at], pursuit, &pursuit->nodes[at]);
}

void vd_pools_close(vd_pools_t *self)
{
    assert(self);
    for (uint32_t at = 0; at < VD_PURSUIT_NODES_MAX; at++)
        for (uint32_t look = 0; look < self->nodes[at].count; look++)
            vd_answer_free(&self->nodes[at].answers[look]);
}

static bool read_tip(const vd_reader_t *reader, const vd_sample_record_t *sample,
                     char tip[VD_TX_ID_SIZE])
{
    char error[VD_TEXT_BYTES_MAX];
    vd_answer_t answer = {0};
    if (!vd_str_is(sample->status, "ok") ||
        !reader->read_head(sample->content, vd_str(""), &answer, error, sizeof error))
        return false;
    vd_str_copy(tip, VD_TX_ID_SIZE, answer.head.tip);
    vd_answer_free(&answer);
    return true;
}

bool vd_pools_head(const vd_pools_t *self, const vd_pursuit_t *pursuit, uint32_t node,
                   char head[VD_TX_ID_SIZE])
{
    assert(self && pursuit && node < pursuit->count && self->nodes[node].count > 0);
    int64_t at_ms = self->nodes[node].samples[0]->at_ms;
    char after[VD_TX_ID_SIZE] = "", tip[VD_TX_ID_SIZE];
    head[0] = 0;
    const vd_pursued_t *pursued = &pursuit->nodes[node];
    const vd_sample_record_t *sample = vd_samples_find(
        pursuit->samples, pursued->name, pursued->reader->head.op, pursued->reader->head.target);
    for (; sample; sample = vd_samples_before(pursuit->samples, sample)) {
        if (!read_tip(pursued->reader, sample, tip))
            continue;
        if (sample->at_ms >= at_ms) {
            memcpy(after, tip, sizeof after);
            continue;
        }
        if (strcmp(after, tip) == 0)
            memcpy(head, tip, sizeof tip);
        break;
    }
    return after[0] != 0;
}

void vd_pools_mark(const vd_pools_t *self, const vd_pursuit_t *pursuit, const vd_txs_t *txs,
                   bool *marks)
{
    assert(self && pursuit && txs && marks);
    for (uint32_t at = 0; at < pursuit->count; at++)
        for (uint32_t look = 0; look < self->nodes[at].count; look++) {
            const vd_answer_t *answer = &self->nodes[at].answers[look];
            for (uint32_t id = 0; id < answer->pool_count; id++) {
                const vd_watched_tx_t *tx = vd_txs_find(txs, answer->pool[id]);
                if (tx)
                    marks[tx - txs->list] = true;
            }
        }
}

bool vd_pools_are_settled(const vd_pools_t *self, const vd_pursuit_t *pursuit)
{
    assert(self && pursuit);
    bool any = false;
    for (uint32_t at = 0; at < pursuit->count; at++) {
        const vd_pursued_t *node = &pursuit->nodes[at];
        const vd_node_pool_t *pool = &self->nodes[at];
        if (!node->sample || !node->reader->read_pool)
            continue;
        any = true;
        if (pool->count < VD_POOL_LOOKS ||
            node->sample->at_ms < pool->samples[VD_POOL_LOOKS - 1]->at_ms ||
            vd_graph_find(pursuit->graph, node->answer.head.tip) == VD_BLOCK_NONE)
            return false;
    }
    return any;
}

/* ---- lists ---- */

vd_str_t vd_inclusion_list(const vd_source_record_t *source)
{
    vd_value_t labels;
    assert(source);
    if (!vd_str_is(source->adapter, "file") || !vd_value_of(source->labels, &labels))
        return vd_str("");
    vd_str_t file = vd_value_get_str(&labels, VD_INCLUSION_LIST_LABEL);
    return file.size <= VD_TEXT_BYTES_MAX ? file : vd_str("");
}

static vd_str_t trimmed(vd_str_t line)
{
    while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
        line = vd_bytes(line.data + 1, line.size - 1);
    while (line.size > 0 && strchr(" \t\r", line.data[line.size - 1]))
        line.size--;
    return line;
}

bool vd_inclusion_next_id(vd_bytes_t *content, vd_str_t *id, uint32_t *bad)
{
    assert(content && id && bad);
    while (content->size > 0) {
        const uint8_t *end = memchr(content->data, '\n', content->size);
        size_t size = end ? (size_t)(end - content->data) : content->size;
        *id = trimmed(vd_bytes(content->data, size));
        *content =
            vd_bytes(content->data + size + (end != NULL), content->size - size - (end != NULL));
        if (vd_is_chain_id(*id))
            return true;
        *bad += id->size > 0 && id->data[0] != '#';
    }
    return false;
}

static void want(vd_txs_t *wanted, vd_str_t id, const char *by, vd_str_t list)
{
    vd_watched_tx_t *tx = vd_txs_put(wanted, id);
    if (tx && !tx->by[0])
        snprintf(tx->by, sizeof tx->by, "%s%.*s", by, (int)list.size,
                 list.size ? (const char *)list.data : "");
}

bool vd_lists_read(const vd_inclusion_t *self, const vd_samples_t *samples, vd_txs_t *wanted)
{
    assert(self && samples && wanted);
    bool complete = vd_samples_is_complete(samples);
    for (uint32_t at = 0; at < self->configured.count; at++)
        want(wanted, vd_str(self->configured.list[at].id), VD_BY_CONFIG, vd_str(""));
    for (size_t at = 0; at < vd_samples_source_count(samples); at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        char file[VD_TEXT_BYTES_MAX + 1];
        vd_str_t id;
        uint32_t bad = 0;
        if (vd_inclusion_list(source).size == 0)
            continue;
        vd_str_copy(file, sizeof file, vd_inclusion_list(source));
        const vd_sample_record_t *sample = vd_samples_find(samples, source->name, "read", file);
        if (!sample || !vd_str_is(sample->status, "ok")) {
            complete = false;
            continue;
        }
        vd_bytes_t rest = sample->content;
        while (vd_inclusion_next_id(&rest, &id, &bad))
            want(wanted, id, VD_BY_LIST, source->name);
    }
    return complete;
}
