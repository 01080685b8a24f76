/* ledger_read.c: from the content of a block to its delta, and from the delta into the ledger. */
#include "chainkit/ledger_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOVES_MAX = 2 * VD_TX_ENDS_MAX };

bool vd_delta_add(vd_delta_t *self, const vd_move_t *move)
{
    assert(self && move);
    if (!vd_graph_room((void **)&self->moves, &self->room, self->count, MOVES_MAX,
                       sizeof *self->moves))
        return false;
    self->moves[self->count++] = *move;
    return true;
}

void vd_delta_free(vd_delta_t *self)
{
    assert(self);
    free(self->moves);
    self->moves = NULL;
    self->count = self->room = 0;
}

/* ---- reading ---- */

typedef struct reading {
    const vd_ledger_t *ledger;
    const vd_graph_t *graph;
    uint32_t parent; /* VD_BLOCK_NONE: the block is the root */
    vd_delta_t *out;
    char *error;
    size_t error_size;
} reading_t;

/* What is known of an outpoint just before the place that is read. */
typedef struct known {
    bool created, spent;
    uint32_t wallet;
    uint64_t value;
} known_t;

static void look_in_moves(const vd_delta_t *delta, vd_str_t tx, uint32_t index, known_t *known)
{
    for (uint32_t at = 0; at < delta->count; at++) {
        const vd_move_t *move = &delta->moves[at];
        if (move->index != index || !vd_bytes_equal(move->tx, tx))
            continue;
        known->wallet = move->wallet;
        known->value = move->value;
        known->created |= !move->spent;
        known->spent |= move->spent;
    }
}

static known_t look_up(const reading_t *reading, vd_str_t tx, uint32_t index)
{
    known_t known = {.wallet = VD_WALLET_NONE};
    const vd_ledger_t *ledger = reading->ledger;
    uint32_t coin = vd_ledger_find_coin(ledger, tx, index);
    if (coin != VD_NONE) {
        known.wallet = ledger->coins[coin].wallet;
        known.value = ledger->coins[coin].value;
        known.created = ledger->coins[coin].base;
        if (reading->parent != VD_BLOCK_NONE) {
            bool unspent =
                vd_ledger_is_unspent(ledger, reading->graph, coin, reading->parent, &known.created);
            known.spent = known.created && !unspent;
        }
    }
    for (const vd_delta_t *delta = reading->out->before; delta; delta = delta->before)
        if (reading->parent != VD_BLOCK_NONE &&
            vd_graph_descends(reading->graph, reading->parent, delta->block))
            look_in_moves(delta, tx, index, &known);
    look_in_moves(reading->out, tx, index, &known);
    return known;
}

static vd_status_t refuse(const reading_t *reading, vd_str_t tx, uint32_t index, const char *what)
{
    snprintf(reading->error, reading->error_size, "%.*s:%u %s", (int)tx.size, (const char *)tx.data,
             index, what);
    return VD_MALFORMED;
}

static vd_status_t read_input(const reading_t *reading, const vd_tx_input_t *input)
{
    if (input->tx.size == 0)
        return VD_OK;
    known_t known = look_up(reading, input->tx, input->index);
    if (!known.created)
        return VD_OK; /* no coin of ours */
    if (known.spent)
        return refuse(reading, input->tx, input->index, "is spent twice");
    vd_move_t move = {input->tx, input->index, known.wallet, known.value, true};
    return vd_delta_add(reading->out, &move) ? VD_OK : VD_NO_MEMORY;
}

static vd_status_t read_output(const reading_t *reading, vd_str_t tx, uint32_t index,
                               const vd_tx_output_t *output)
{
    uint32_t wallet = vd_ledger_owner(reading->ledger, output->address);
    if (wallet == VD_WALLET_NONE)
        return VD_OK;
    known_t known = look_up(reading, tx, index);
    if (known.wallet != VD_WALLET_NONE && (known.wallet != wallet || known.value != output->value))
        return refuse(reading, tx, index, "was another output in another block");
    if (known.created && reading->parent == VD_BLOCK_NONE)
        return VD_OK; /* the root's content is in the base already */
    if (known.created)
        return refuse(reading, tx, index, "is created twice");
    vd_move_t move = {tx, index, wallet, output->value, false};
    return vd_delta_add(reading->out, &move) ? VD_OK : VD_NO_MEMORY;
}

static vd_status_t read_tx(const reading_t *reading, const vd_chain_tx_t *tx)
{
    vd_status_t status = VD_OK;
    if (tx->id.size == 0 || tx->id.size > VD_NAME_BYTES_MAX)
        return refuse(reading, vd_str("a transaction"), 0, "has no id that can be");
    for (uint32_t at = 0; at < tx->input_count && status == VD_OK; at++)
        status = read_input(reading, &tx->inputs[at]);
    for (uint32_t at = 0; at < tx->output_count && status == VD_OK; at++)
        status = read_output(reading, tx->id, at, &tx->outputs[at]);
    return status;
}

static bool is_before(const vd_delta_t *delta, uint32_t block)
{
    for (; delta; delta = delta->before)
        if (delta->block == block)
            return true;
    return false;
}

vd_status_t vd_ledger_read(const vd_ledger_t *self, const vd_graph_t *graph,
                           const vd_chain_block_t *content, vd_delta_t *out, char *error,
                           size_t error_size)
{
    assert(self && graph && content && out && out->count == 0 && error && error_size > 0);
    reading_t reading = {self, graph, vd_graph_parent(graph, out->block), out, error, error_size};
    vd_status_t status = VD_OK;
    error[0] = 0;
    if (reading.parent != VD_BLOCK_NONE && !vd_ledger_has(self, graph, reading.parent) &&
        !is_before(out->before, reading.parent))
        return VD_NOT_FOUND;
    for (uint32_t at = 0; at < content->tx_count && status == VD_OK; at++)
        status = read_tx(&reading, &content->txs[at]);
    if (status != VD_OK)
        vd_delta_free(out);
    return status;
}

/* ---- taking ---- */

static bool has_touch(const vd_ledger_t *self, uint32_t coin, uint32_t block, bool spent)
{
    for (uint32_t at = self->coins[coin].touch; at != VD_NONE; at = self->touches[at].next_of_coin)
        if (self->touches[at].block == block && self->touches[at].spent == spent)
            return true;
    return false;
}

void vd_ledger_strip(const vd_ledger_t *self, vd_delta_t *delta)
{
    assert(self && delta);
    uint32_t left = 0;
    for (uint32_t at = 0; at < delta->count; at++) {
        const vd_move_t *move = &delta->moves[at];
        uint32_t coin = vd_ledger_find_coin(self, move->tx, move->index);
        if (coin == VD_NONE || !has_touch(self, coin, delta->block, move->spent))
            delta->moves[left++] = *move;
    }
    delta->count = left;
}

static vd_status_t take_created(vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                                const vd_move_t *move)
{
    bool created = false;
    uint32_t coin = vd_ledger_find_coin(self, move->tx, move->index);
    if (coin != VD_NONE) {
        const vd_ledger_coin_t *known = &self->coins[coin];
        if (known->wallet != move->wallet || known->value != move->value)
            return VD_MALFORMED;
        if (has_touch(self, coin, block, false))
            return VD_OK;
        vd_ledger_is_unspent(self, graph, coin, block, &created);
        if (created)
            return VD_MALFORMED;
    } else {
        vd_status_t status = vd_ledger_add_coin(self, move, &coin);
        if (status != VD_OK)
            return status;
    }
    if (vd_ledger_touch(self, block, coin, false))
        return VD_OK;
    vd_ledger_settle_coin(self, coin);
    return VD_NO_MEMORY;
}

static vd_status_t take_spent(vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                              const vd_move_t *move)
{
    bool created;
    uint32_t coin = vd_ledger_find_coin(self, move->tx, move->index);
    if (coin == VD_NONE)
        return VD_MALFORMED;
    if (has_touch(self, coin, block, true))
        return VD_OK;
    if (!vd_ledger_is_unspent(self, graph, coin, block, &created))
        return VD_MALFORMED;
    return vd_ledger_touch(self, block, coin, true) ? VD_OK : VD_NO_MEMORY;
}

/* Takes back what was touched after `last`: the row's later touches are moved to a row of their own,
 * which is emptied from its front. */
static void take_back(vd_ledger_t *self, uint32_t block, uint32_t last)
{
    vd_ledger_row_t *row = &self->rows[block], kept = *row;
    uint32_t after = last == VD_NONE ? row->first : self->touches[last].next_of_block;
    row->first = after;
    while (row->first != VD_NONE) {
        uint32_t coin = self->touches[row->first].coin;
        vd_ledger_untouch_first(self, block);
        vd_ledger_settle_coin(self, coin);
    }
    row->first = last == VD_NONE ? VD_NONE : kept.first;
    row->last = last;
    if (last != VD_NONE)
        self->touches[last].next_of_block = VD_NONE;
}

vd_status_t vd_ledger_take(vd_ledger_t *self, const vd_graph_t *graph, const vd_delta_t *delta)
{
    assert(self && graph && delta);
    uint32_t block = delta->block, parent = vd_graph_parent(graph, block);
    bool had = vd_ledger_has(self, graph, block);
    vd_status_t status = VD_OK;
    if (parent != VD_BLOCK_NONE && !vd_ledger_has(self, graph, parent))
        return VD_NOT_FOUND;
    if (!had && !vd_ledger_add_row(self, block, vd_graph_serial(graph, block)))
        return VD_NO_MEMORY;
    uint32_t last = self->rows[block].last;
    for (uint32_t at = 0; at < delta->count && status == VD_OK; at++) {
        const vd_move_t *move = &delta->moves[at];
        if (move->wallet >= self->wallet_count || move->tx.size == 0 ||
            move->tx.size > VD_NAME_BYTES_MAX)
            status = VD_MALFORMED;
        else
            status = move->spent ? take_spent(self, graph, block, move)
                                 : take_created(self, graph, block, move);
    }
    if (status != VD_OK) {
        take_back(self, block, last);
        if (!had)
            self->rows[block] = (vd_ledger_row_t){.first = VD_NONE, .last = VD_NONE};
    } else if (had && self->rows[block].last != last) {
        vd_ledger_forget_balances(self);
    }
    return status;
}
