/* wallet_view.c: what the observer shows, and the questions that it answers. */
#include "wallet.h"

#include <assert.h>
#include <stdlib.h>

enum { TIPS_SHOWN_MAX = 16, COINS_SHOWN_MAX = 1000 };

/* ---- balances ---- */

static void write_block(const vd_watched_wallets_t *self, uint32_t block, vd_buffer_t *out)
{
    vd_write_pair_str(out, "tip", vd_graph_id(self->graph, block));
    vd_write_pair_u64(out, "height", vd_graph_height(self->graph, block));
}

/* The balances of all wallets at a block, by name; nil where the block's content is not known. */
static void write_balances(const vd_watched_wallets_t *self, uint32_t block, vd_buffer_t *out)
{
    uint64_t balances[VD_LEDGER_WALLETS_MAX];
    uint32_t count = vd_ledger_wallet_count(self->ledger);
    vd_write_text(out, "balances");
    if (vd_ledger_balances(self->ledger, self->graph, block, balances) != VD_OK) {
        vd_write_nil(out);
        return;
    }
    vd_write_map(out, count);
    for (uint32_t at = 0; at < count; at++) {
        vd_write_str(out, vd_ledger_wallet_name(self->ledger, at));
        vd_write_u64(out, balances[at]);
    }
}

static void write_tip(const vd_watched_wallets_t *self, uint32_t block, vd_buffer_t *out)
{
    vd_write_map(out, 3);
    write_block(self, block, out);
    write_balances(self, block, out);
}

/* ---- the snapshot ---- */

static void write_text_or_nil(vd_buffer_t *out, const char *key, const char *text)
{
    vd_write_text(out, key);
    if (text[0])
        vd_write_text(out, text);
    else
        vd_write_nil(out);
}

static void write_wallets(const vd_watched_wallets_t *self, vd_buffer_t *out)
{
    uint64_t balances[VD_LEDGER_WALLETS_MAX] = {0};
    uint32_t count = vd_ledger_wallet_count(self->ledger), best = vd_graph_best(self->graph);
    if (best != VD_BLOCK_NONE)
        vd_ledger_balances(self->ledger, self->graph, best, balances);
    vd_write_array(out, count);
    for (uint32_t at = 0; at < count; at++) {
        vd_write_map(out, 3);
        vd_write_pair_str(out, "name", vd_ledger_wallet_name(self->ledger, at));
        vd_write_pair_u64(out, "balance", balances[at]);
        vd_write_pair_u64(out, "since", self->since[at]);
    }
}

static void write_tips(const vd_watched_wallets_t *self, vd_buffer_t *out)
{
    uint32_t tips[TIPS_SHOWN_MAX];
    size_t count = vd_graph_tips(self->graph, tips, TIPS_SHOWN_MAX);
    count = count < TIPS_SHOWN_MAX ? count : TIPS_SHOWN_MAX;
    vd_write_array(out, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        write_tip(self, tips[at], out);
}

/* The status of a source: that of the first of its standing reads that fails, else "ok"; empty: none was
 * read yet. Answers to one-off reads do not count: a block that a node has not is no failure of it. */
static vd_str_t status_of(const vd_samples_t *samples, vd_str_t name, const char *op,
                          const char *target)
{
    const vd_sample_record_t *sample = vd_samples_find(samples, name, op, target);
    return sample ? sample->status : vd_str("");
}

static void write_node(const vd_watched_wallets_t *self, const vd_samples_t *samples,
                       const vd_source_record_t *source, const vd_reader_t *reader,
                       vd_buffer_t *out)
{
    const vd_wallet_node_t *node = vd_wallet_node(self, source->name);
    vd_str_t status = status_of(samples, source->name, reader->head.op, reader->head.target);
    vd_answer_t answer = {0};
    char error[VD_TEXT_BYTES_MAX];
    const vd_sample_record_t *sample =
        vd_samples_find(samples, source->name, reader->head.op, reader->head.target);
    bool heard = sample && vd_str_is(status, "ok") &&
                 reader->read_head(sample->content, vd_str(""), &answer, error, sizeof error);
    uint32_t tip = heard ? vd_graph_find(self->graph, answer.head.tip) : VD_BLOCK_NONE;
    if (sample && vd_str_is(status, "ok") && !heard)
        status = vd_str("unreadable");
    vd_write_map(out, 7);
    vd_write_pair_str(out, "name", source->name);
    vd_write_pair_str(out, "status", status);
    vd_write_text(out, "tip");
    if (heard)
        vd_write_str(out, answer.head.tip);
    else
        vd_write_nil(out);
    vd_write_pair_u64(out, "height", heard ? answer.head.height : 0);
    vd_write_pair_bool(out, "known", tip != VD_BLOCK_NONE);
    write_text_or_nil(out, "refused", node ? node->refused : "");
    write_text_or_nil(out, "reason", node ? node->reason : "");
    vd_answer_free(&answer);
}

static void write_address_source(const vd_watched_wallets_t *self, const vd_samples_t *samples,
                                 const vd_address_source_t *source, vd_buffer_t *out)
{
    char target[256];
    const vd_wallet_history_t *history = vd_wallet_history(self, source->name);
    vd_str_t status;
    if (source->form == VD_ADDRESSES_SERVER) {
        vd_address_page(source, vd_str(""), target, sizeof target);
        status = status_of(samples, source->name, "get", target);
    } else {
        status = status_of(samples, source->name, "read", source->target);
    }
    vd_write_map(out, 4);
    vd_write_pair_str(out, "name", source->name);
    vd_write_pair_str(out, "wallet", source->wallet);
    vd_write_pair_str(out, "status", status);
    vd_write_pair_bool(out, "read",
                       source->form == VD_ADDRESSES_FILE ? vd_str_is(status, "ok")
                                                         : history && history->done);
}

/* How many sources are nodes, or sources of addresses. */
static uint32_t count_sources(const vd_watched_wallets_t *self, const vd_samples_t *samples,
                              bool nodes)
{
    uint32_t count = 0;
    for (size_t at = 0; at < vd_samples_source_count(samples); at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        count += nodes ? vd_pursuit_reader(self->app, source) != NULL
                       : vd_address_source_of(self->app, source).form != VD_ADDRESSES_NONE;
    }
    return count;
}

static void write_sources(const vd_watched_wallets_t *self, const vd_samples_t *samples, bool nodes,
                          vd_buffer_t *out)
{
    vd_write_array(out, count_sources(self, samples, nodes));
    for (size_t at = 0; at < vd_samples_source_count(samples); at++) {
        const vd_source_record_t *source = vd_samples_source_at(samples, at);
        const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
        vd_address_source_t addresses = vd_address_source_of(self->app, source);
        if (nodes && reader)
            write_node(self, samples, source, reader, out);
        else if (!nodes && addresses.form != VD_ADDRESSES_NONE)
            write_address_source(self, samples, &addresses, out);
    }
}

void vd_wallet_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_watched_wallets_t *self = state;
    assert(self && samples && out);
    uint32_t root = vd_graph_root(self->graph);
    vd_write_map(out, 9);
    vd_write_pair_u64(out, "blocks", vd_graph_count(self->graph));
    vd_write_pair_u64(out, "base", root == VD_BLOCK_NONE ? 0 : vd_graph_height(self->graph, root));
    vd_write_pair_u64(out, "addresses", vd_ledger_address_count(self->ledger));
    vd_write_pair_u64(out, "coins", vd_ledger_coin_count(self->ledger));
    vd_write_pair_u64(out, "to_look_at", vd_looks_count(self->looks));
    vd_write_text(out, "wallets");
    write_wallets(self, out);
    vd_write_text(out, "tips");
    write_tips(self, out);
    vd_write_text(out, "nodes");
    write_sources(self, samples, true, out);
    vd_write_text(out, "sources");
    write_sources(self, samples, false, out);
}

/* ---- questions ---- */

const vd_query_row_t vd_wallet_queries[] = {
    {"balance", "WALLET [TIP]", "what the wallet has at block TIP, by default the best one"},
    {"balances", "[TIP]", "what every wallet has at block TIP"},
    {"coins", "WALLET [TIP]", "the unspent coins of the wallet at block TIP, the oldest first"},
    {0},
};

/* The arguments: a wallet, if the question is of one, and a block, by default the best. */
static vd_status_t find_arguments(const vd_watched_wallets_t *self, vd_bytes_t args, bool of_wallet,
                                  uint32_t *wallet, uint32_t *block)
{
    vd_value_t list = {.kind = VD_KIND_ARRAY}, text;
    uint32_t least = of_wallet ? 1 : 0;
    if ((args.size > 0 && !vd_value_of(args, &list)) || list.kind != VD_KIND_ARRAY ||
        list.count < least || list.count > least + 1)
        return VD_USAGE;
    if (of_wallet) {
        if (!vd_value_next(&list.bytes, &text) || text.kind != VD_KIND_STR)
            return VD_USAGE;
        *wallet = vd_ledger_wallet(self->ledger, vd_value_str(&text));
        if (*wallet == VD_WALLET_NONE)
            return VD_NOT_FOUND;
    }
    *block = vd_graph_best(self->graph);
    if (list.count > least) {
        if (!vd_value_next(&list.bytes, &text) || text.kind != VD_KIND_STR)
            return VD_USAGE;
        *block = vd_graph_find(self->graph, vd_value_str(&text));
    }
    return *block != VD_BLOCK_NONE && vd_ledger_has(self->ledger, self->graph, *block)
               ? VD_OK
               : VD_NOT_FOUND;
}

static void write_balance(const vd_watched_wallets_t *self, uint32_t wallet, uint32_t block,
                          uint32_t pairs, vd_buffer_t *out)
{
    uint64_t balances[VD_LEDGER_WALLETS_MAX] = {0};
    vd_ledger_balances(self->ledger, self->graph, block, balances);
    vd_write_map(out, pairs);
    vd_write_pair_str(out, "wallet", vd_ledger_wallet_name(self->ledger, wallet));
    write_block(self, block, out);
    vd_write_pair_u64(out, "balance", balances[wallet]);
    vd_write_pair_u64(out, "since", self->since[wallet]);
}

static vd_status_t write_coins(const vd_watched_wallets_t *self, uint32_t wallet, uint32_t block,
                               vd_buffer_t *out)
{
    vd_coin_t *coins = calloc(COINS_SHOWN_MAX, sizeof *coins);
    if (!coins)
        return VD_NO_MEMORY;
    size_t count =
        vd_ledger_coins(self->ledger, self->graph, block, wallet, coins, COINS_SHOWN_MAX);
    size_t shown = count < COINS_SHOWN_MAX ? count : COINS_SHOWN_MAX;
    write_balance(self, wallet, block, 7, out);
    vd_write_pair_u64(out, "count", count);
    vd_write_text(out, "coins");
    vd_write_array(out, (uint32_t)shown);
    for (size_t at = 0; at < shown; at++) {
        vd_write_map(out, 3);
        vd_write_pair_str(out, "tx", coins[at].tx);
        vd_write_pair_u64(out, "index", coins[at].index);
        vd_write_pair_u64(out, "value", coins[at].value);
    }
    free(coins);
    return VD_OK;
}

vd_status_t vd_wallet_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                            vd_bytes_t args, vd_buffer_t *out)
{
    const vd_watched_wallets_t *self = state;
    assert(self && out);
    (void)samples;
    uint32_t wallet = VD_WALLET_NONE, block;
    bool of_all = vd_str_is(name, "balances"), of_coins = vd_str_is(name, "coins");
    if (!of_all && !of_coins && !vd_str_is(name, "balance"))
        return VD_NOT_FOUND;
    vd_status_t status = find_arguments(self, args, !of_all, &wallet, &block);
    if (status == VD_OK && of_coins)
        return write_coins(self, wallet, block, out);
    if (status == VD_OK && of_all)
        write_tip(self, block, out);
    else if (status == VD_OK)
        write_balance(self, wallet, block, 5, out);
    return status;
}
