/* reader_hsd.c: the readers of hsd and bcoin, whose HTTP answers have one form.
 *
 * GET / tells the head, POST / getchaintips the tips, /mempool the pool, /block and /header by hash or
 * height, /tx by hash. bcoin serves no headers: whole blocks stand in for them. The `coin` of an input is
 * not looked at: blocks off the best chain have none, nor is their `depth`, which is positive there too.
 */
#include "chainkit/reader_json.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

/* A node that is behind says how far it is, as a share of 1; whoever waits for blocks is a little below
 * 1 too. */
static const double synced_progress = 0.999;

static const char no_id[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* ---- asking ---- */

static void ask(const char *what, vd_str_t id, uint64_t height, vd_ask_t *out)
{
    *out = (vd_ask_t){.op = "get"};
    if (id.size > 0)
        snprintf(out->target, sizeof out->target, "/%s/%.*s", what, (int)id.size,
                 (const char *)id.data);
    else
        snprintf(out->target, sizeof out->target, "/%s/%llu", what, (unsigned long long)height);
}

static void ask_block(vd_str_t id, uint64_t height, vd_ask_t *out)
{
    ask("block", id, height, out);
}

static void ask_header(vd_str_t id, uint64_t height, vd_ask_t *out)
{
    ask("header", id, height, out);
}

static void ask_tx(vd_str_t id, vd_ask_t *out)
{
    ask("tx", id, 0, out);
}

/* ---- head and tips ---- */

static bool fill_head(const vd_place_t *place, const json_t *root, vd_chain_head_t *head)
{
    uint64_t outbound = 0, inbound = 0;
    vd_place_t chain_place = vd_place_at(place, "chain", -1);
    const json_t *chain = vd_place_object(place, root, "chain");
    if (!chain || !vd_place_id(&chain_place, chain, "tip", &head->tip) ||
        !vd_place_u64(&chain_place, chain, "height", VD_HEIGHT_MAX, &head->height))
        return false;
    const json_t *network = json_object_get(root, "network");
    head->network = vd_bytes(json_string_value(network), json_string_length(network));
    if (head->network.size > VD_NAME_BYTES_MAX)
        return vd_place_fail(place, "network", "is too long");
    const json_t *progress = json_object_get(chain, "progress");
    head->syncing = json_is_number(progress) && json_number_value(progress) < synced_progress;
    const json_t *pool = json_object_get(root, "pool");
    head->has_peers = json_is_object(pool) && vd_json_u64(pool, "outbound", &outbound) &&
                      vd_json_u64(pool, "inbound", &inbound) && outbound <= UINT32_MAX &&
                      inbound <= UINT32_MAX;
    head->peers = head->has_peers ? outbound + inbound : 0;
    return true;
}

static bool read_head(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                      size_t error_size)
{
    (void)asked;
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(answer, content, false, error, error_size);
    if (root && fill_head(&place, root, &answer->head))
        return true;
    vd_answer_free(answer);
    return false;
}

static bool fill_tips(const vd_place_t *place, const json_t *root, vd_answer_t *answer)
{
    const json_t *list = vd_place_array(place, root, "result", VD_NODE_TIPS_MAX), *row;
    vd_node_tip_t *tips =
        list ? vd_answer_rows(answer, 0, json_array_size(list), sizeof *tips, place) : NULL;
    if (!tips)
        return false;
    size_t at;
    json_array_foreach(list, at, row)
    {
        vd_place_t tip = vd_place_at(place, "result", (int64_t)at);
        if (!vd_place_id(&tip, row, "hash", &tips[at].id) ||
            !vd_place_u64(&tip, row, "height", VD_HEIGHT_MAX, &tips[at].height))
            return false;
        const json_t *status = json_object_get(row, "status");
        tips[at].active = json_is_string(status) && !strcmp(json_string_value(status), "active");
    }
    answer->tips = tips;
    answer->tip_count = (uint32_t)json_array_size(list);
    return true;
}

static bool read_tips(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                      size_t error_size)
{
    (void)asked;
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(answer, content, false, error, error_size);
    if (root && fill_tips(&place, root, answer))
        return true;
    vd_answer_free(answer);
    return false;
}

static bool fill_pool(const vd_place_t *place, const json_t *list, vd_answer_t *answer)
{
    size_t at, count = json_array_size(list);
    const json_t *row;
    if (count > VD_POOL_TXS_MAX)
        return vd_place_fail(place, "the pool", "has too many transactions");
    vd_str_t *ids = vd_answer_rows(answer, 0, count, sizeof *ids, place);
    if (!ids)
        return false;
    json_array_foreach(list, at, row)
    {
        vd_place_t id = vd_place_at(place, "", (int64_t)at);
        ids[at] = vd_bytes(json_string_value(row), json_string_length(row));
        if (!vd_is_chain_id(ids[at]))
            return vd_place_fail(&id, "", "is not an id of 64 lower-case hexadecimal digits");
    }
    answer->pool = ids;
    answer->pool_count = (uint32_t)count;
    return true;
}

static bool read_pool(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                      size_t error_size)
{
    (void)asked;
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *list = vd_answer_open(answer, content, true, error, error_size);
    if (list && fill_pool(&place, list, answer))
        return true;
    vd_answer_free(answer);
    return false;
}

/* ---- transactions ---- */

static bool fill_input(const vd_place_t *place, const json_t *row, vd_tx_input_t *input)
{
    uint64_t index;
    const json_t *prevout = vd_place_object(place, row, "prevout");
    vd_place_t at = vd_place_at(place, "prevout", -1);
    if (!prevout || !vd_place_id(&at, prevout, "hash", &input->tx) ||
        !vd_place_u64(&at, prevout, "index", UINT32_MAX, &index))
        return false;
    input->index = (uint32_t)index;
    if (index == UINT32_MAX && vd_str_is(input->tx, no_id))
        input->tx = vd_str(""); /* a reward spends nothing */
    return true;
}

static bool fill_output(const vd_place_t *place, const json_t *row, vd_tx_output_t *output)
{
    const json_t *address = json_object_get(row, "address");
    output->address = vd_bytes(json_string_value(address), json_string_length(address));
    if (output->address.size > VD_ADDRESS_SIZE_MAX)
        return vd_place_fail(place, "address", "is too long");
    return vd_place_u64(place, row, "value", UINT64_MAX, &output->value);
}

/* Fills a transaction, its ends into the rows from *input and *output on. */
static bool fill_tx(const vd_place_t *place, const json_t *row, vd_chain_tx_t *tx,
                    vd_tx_input_t **input, vd_tx_output_t **output)
{
    size_t at;
    const json_t *end, *inputs = json_object_get(row, "inputs"),
                       *outputs = json_object_get(row, "outputs");
    tx->height = VD_HEIGHT_UNKNOWN;
    tx->inputs = *input;
    tx->outputs = *output;
    if (!vd_place_id(place, row, "hash", &tx->id))
        return false;
    json_array_foreach(inputs, at, end)
    {
        vd_place_t below = vd_place_at(place, "inputs", (int64_t)at);
        if (!fill_input(&below, end, (*input)++))
            return false;
    }
    json_array_foreach(outputs, at, end)
    {
        vd_place_t below = vd_place_at(place, "outputs", (int64_t)at);
        if (!fill_output(&below, end, (*output)++))
            return false;
    }
    tx->input_count = (uint32_t)json_array_size(inputs);
    tx->output_count = (uint32_t)json_array_size(outputs);
    return true;
}

/* Adds the ends of a transaction to *inputs and *outputs; false beyond the bound. */
static bool count_ends(const vd_place_t *place, const json_t *row, size_t *inputs, size_t *outputs)
{
    const json_t *from = vd_place_array(place, row, "inputs", VD_TX_ENDS_MAX);
    const json_t *to = from ? vd_place_array(place, row, "outputs", VD_TX_ENDS_MAX) : NULL;
    if (!to)
        return false;
    *inputs += json_array_size(from);
    *outputs += json_array_size(to);
    return *inputs + *outputs <= VD_TX_ENDS_MAX ||
           vd_place_fail(place, "", "and those before it have too many inputs and outputs");
}

static bool fill_tx_answer(const vd_place_t *place, const json_t *root, vd_str_t asked,
                           vd_answer_t *answer)
{
    size_t inputs = 0, outputs = 0;
    if (!count_ends(place, root, &inputs, &outputs))
        return false;
    vd_tx_input_t *input = vd_answer_rows(answer, 1, inputs, sizeof *input, place);
    vd_tx_output_t *output = vd_answer_rows(answer, 2, outputs, sizeof *output, place);
    vd_chain_tx_t *tx = &answer->tx;
    if (!input || !output || !fill_tx(place, root, tx, &input, &output))
        return false;
    if (asked.size > 0 && !vd_bytes_equal(asked, tx->id))
        return vd_place_fail(place, "hash", "is not the transaction that was asked for");
    if (!json_is_string(json_object_get(root, "block")))
        return true; /* it waits in the pool */
    return vd_place_id(place, root, "block", &tx->block) &&
           vd_place_u64(place, root, "height", VD_HEIGHT_MAX, &tx->height);
}

static bool read_tx(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                    size_t error_size)
{
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(answer, content, false, error, error_size);
    if (root && fill_tx_answer(&place, root, asked, answer))
        return true;
    vd_answer_free(answer);
    return false;
}

/* ---- blocks ---- */

static bool fill_txs(const vd_place_t *place, const json_t *list, vd_answer_t *answer)
{
    size_t at, inputs = 0, outputs = 0;
    const json_t *row;
    json_array_foreach(list, at, row)
    {
        vd_place_t below = vd_place_at(place, "txs", (int64_t)at);
        if (!count_ends(&below, row, &inputs, &outputs))
            return false;
    }
    vd_chain_tx_t *txs = vd_answer_rows(answer, 0, json_array_size(list), sizeof *txs, place);
    vd_tx_input_t *input = vd_answer_rows(answer, 1, inputs, sizeof *input, place);
    vd_tx_output_t *output = vd_answer_rows(answer, 2, outputs, sizeof *output, place);
    if (!txs || !input || !output)
        return false;
    json_array_foreach(list, at, row)
    {
        vd_place_t below = vd_place_at(place, "txs", (int64_t)at);
        if (!fill_tx(&below, row, &txs[at], &input, &output))
            return false;
    }
    answer->block.has_txs = true;
    answer->block.txs = txs;
    answer->block.tx_count = (uint32_t)json_array_size(list);
    return true;
}

static bool fill_block(const vd_place_t *place, const json_t *root, vd_str_t asked,
                       vd_answer_t *answer)
{
    vd_chain_block_t *block = &answer->block;
    if (!vd_place_id(place, root, "hash", &block->id) ||
        !vd_place_id(place, root, "prevBlock", &block->parent) ||
        !vd_place_u64(place, root, "height", VD_HEIGHT_MAX, &block->height) ||
        !vd_place_u64(place, root, "time", VD_HEIGHT_MAX, &block->time_s))
        return false;
    if (asked.size > 0 && !vd_bytes_equal(asked, block->id))
        return vd_place_fail(place, "hash", "is not the block that was asked for");
    if (!json_object_get(root, "txs"))
        return true; /* a header */
    const json_t *list = vd_place_array(place, root, "txs", VD_BLOCK_TXS_MAX);
    return list && fill_txs(place, list, answer);
}

static bool read_block(vd_bytes_t content, vd_str_t asked, vd_answer_t *answer, char *error,
                       size_t error_size)
{
    vd_place_t place = {.error = error, .error_size = error_size};
    const json_t *root = vd_answer_open(answer, content, false, error, error_size);
    if (root && fill_block(&place, root, asked, answer))
        return true;
    vd_answer_free(answer);
    return false;
}

#define READER_OF(label, header)                                                                   \
    {                                                                                              \
        .name = label, .head = {"get", "/", ""},                                                   \
        .tips = {"post", "/", "{\"method\":\"getchaintips\",\"params\":[]}"},                      \
        .pool = {"get", "/mempool", ""}, .ask_block = ask_block, .ask_header = header,             \
        .ask_tx = ask_tx, .read_head = read_head, .read_tips = read_tips, .read_pool = read_pool,  \
        .read_block = read_block, .read_tx = read_tx,                                              \
    }

const vd_reader_t vd_hsd_reader = READER_OF("hsd", ask_header);
const vd_reader_t vd_bcoin_reader = READER_OF("bcoin", ask_block);
