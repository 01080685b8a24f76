/* inclusion_view.c: what the observer shows, and the questions that it answers. */
#include "inclusion.h"

#include <assert.h>

enum { SHOWN_MAX = 500 };

static void write_text_or_nil(vd_buffer_t *out, const char *key, const char *text)
{
    vd_write_text(out, key);
    if (text[0])
        vd_write_text(out, text);
    else
        vd_write_nil(out);
}

static void write_tx(const vd_inclusion_t *self, const vd_watched_tx_t *tx, vd_buffer_t *out)
{
    bool included = tx->state == VD_TX_INCLUDED;
    vd_write_map(out, 6);
    vd_write_pair_text(out, "tx", tx->id);
    vd_write_pair_text(out, "by", tx->by);
    vd_write_pair_text(out, "state", vd_tx_state_name(tx->state));
    write_text_or_nil(out, "block", included ? tx->block : "");
    vd_write_text(out, "height");
    if (included)
        vd_write_u64(out, tx->height);
    else
        vd_write_nil(out);
    bool above = included && tx->height <= self->known.best_height;
    vd_write_pair_u64(out, "depth", above ? self->known.best_height - tx->height + 1 : 0);
}

static uint32_t count_in(const vd_inclusion_t *self, vd_tx_state_t state)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < self->known.txs.count; at++)
        count += self->known.txs.list[at].state == state;
    return count;
}

static void write_totals(const vd_inclusion_counts_t *counts, vd_buffer_t *out)
{
    vd_write_map(out, 5);
    vd_write_pair_u64(out, "seen", counts->seen);
    vd_write_pair_u64(out, "included", counts->included);
    vd_write_pair_u64(out, "confirmed", counts->confirmed);
    vd_write_pair_u64(out, "reorged", counts->reorged);
    vd_write_pair_u64(out, "evicted", counts->evicted);
}

/* Lines of lists that are no ids, as their newest samples have them. */
static uint32_t count_bad_lines(const vd_samples_t *samples)
{
    uint32_t bad = 0;
    char file[VD_TEXT_BYTES_MAX + 1];
    vd_str_t id;
    for (size_t at = 0; at < vd_samples_source_count(samples); at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        vd_str_copy(file, sizeof file, vd_inclusion_list(source));
        const vd_sample_record_t *sample =
            file[0] ? vd_samples_find(samples, source->name, "read", file) : NULL;
        if (!sample || !vd_str_is(sample->status, "ok"))
            continue;
        vd_bytes_t rest = sample->content;
        while (vd_inclusion_next_id(&rest, &id, &bad))
            ;
    }
    return bad;
}

void vd_inclusion_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_inclusion_t *self = state;
    assert(self && samples && out);
    const vd_txs_t *txs = &self->known.txs;
    uint32_t shown = txs->count < SHOWN_MAX ? txs->count : SHOWN_MAX;
    vd_write_map(out, 6 + VD_TX_STATES);
    write_text_or_nil(out, "best", self->known.best);
    vd_write_pair_u64(out, "height", self->known.best_height);
    for (int at = 0; at < VD_TX_STATES; at++)
        vd_write_pair_u64(out, vd_tx_state_name((vd_tx_state_t)at),
                          count_in(self, (vd_tx_state_t)at));
    vd_write_pair_bool(out, "full", txs->count >= self->txs_max);
    vd_write_pair_u64(out, "bad_lines", count_bad_lines(samples));
    vd_write_text(out, "totals");
    write_totals(&self->known.counts, out);
    vd_write_text(out, "transactions");
    vd_write_array(out, shown);
    for (uint32_t at = 0; at < shown; at++)
        write_tx(self, &txs->list[at], out);
}

/* ---- questions ---- */

const vd_query_row_t vd_inclusion_queries[] = {
    {"tx", "ID", "one transaction: its state, block and depth"},
    {"in", "STATE", "the transactions that are unseen, mempool, included or dropped"},
    {0},
};

static vd_status_t answer_in(const vd_inclusion_t *self, vd_str_t name, vd_buffer_t *out)
{
    for (int state = 0; state < VD_TX_STATES; state++) {
        if (!vd_str_is(name, vd_tx_state_name((vd_tx_state_t)state)))
            continue;
        vd_write_array(out, count_in(self, (vd_tx_state_t)state));
        for (uint32_t at = 0; at < self->known.txs.count; at++)
            if (self->known.txs.list[at].state == (vd_tx_state_t)state)
                write_tx(self, &self->known.txs.list[at], out);
        return VD_OK;
    }
    return VD_USAGE;
}

vd_status_t vd_inclusion_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                               vd_bytes_t args, vd_buffer_t *out)
{
    const vd_inclusion_t *self = state;
    assert(self && out);
    (void)samples;
    vd_value_t list, wanted;
    bool tx = vd_str_is(name, "tx");
    if (!tx && !vd_str_is(name, "in"))
        return VD_NOT_FOUND;
    if (!vd_value_of(args, &list) || list.kind != VD_KIND_ARRAY || list.count != 1 ||
        !vd_value_next(&list.bytes, &wanted) || wanted.kind != VD_KIND_STR)
        return VD_USAGE;
    if (!tx)
        return answer_in(self, vd_value_str(&wanted), out);
    const vd_watched_tx_t *found = vd_txs_find(&self->known.txs, vd_value_str(&wanted));
    if (found)
        write_tx(self, found, out);
    return found ? VD_OK : VD_NOT_FOUND;
}
