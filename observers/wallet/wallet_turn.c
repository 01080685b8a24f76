/* wallet_turn.c: a turn: addresses, then blocks, then balances, and what is asked next. */
#include "work.h"

#include <assert.h>
#include <stdlib.h>

enum { BASE_STEP_SHARE = 4, COINS_SPARE = 65536 };

bool vd_wallet_tell(vd_wallet_work_t *work, const char *type, const vd_buffer_t *data,
                    const vd_sample_record_t *cause)
{
    work->full |= work->full || !vd_turn_event(work->turn, type, vd_buffer_view(data), cause);
    return !work->full;
}

/* ---- balances ---- */

static void tell_balance(vd_wallet_work_t *work, const vd_pursued_t *node, uint32_t wallet,
                         uint64_t balance, uint64_t previous)
{
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 6);
    vd_write_pair_str(data, "wallet", vd_ledger_wallet_name(work->state->ledger, wallet));
    vd_write_pair_str(data, "node", node->name);
    vd_write_pair_str(data, "tip", node->answer.head.tip);
    vd_write_pair_u64(data, "height", node->answer.head.height);
    vd_write_pair_u64(data, "balance", balance);
    vd_write_pair_u64(data, "previous", previous);
    vd_wallet_tell(work, "balance_changed", data, node->sample);
}

static void judge_node(vd_wallet_work_t *work, const vd_pursued_t *node)
{
    uint64_t balances[VD_LEDGER_WALLETS_MAX];
    const vd_ledger_t *ledger = work->state->ledger;
    const vd_graph_t *graph = work->pursuit.graph;
    uint32_t block = node->sample ? vd_graph_find(graph, node->answer.head.tip) : VD_BLOCK_NONE;
    if (block == VD_BLOCK_NONE)
        return;
    if (vd_graph_height(graph, block) != node->answer.head.height) {
        vd_wallet_tell_refused(work, node->name, node->answer.head.tip,
                               vd_verdict_name(VD_VERDICT_WRONG_HEIGHT), "", node->sample);
        return;
    }
    if (vd_ledger_balances_ahead(ledger, graph, block, vd_wallet_told(work), balances) != VD_OK)
        return;
    const vd_wallet_node_t *known = vd_wallet_node(work->state, node->name);
    for (uint32_t at = 0; at < vd_ledger_wallet_count(ledger) && !work->full; at++) {
        uint64_t previous = known ? known->balances[at] : 0;
        if (balances[at] != previous)
            tell_balance(work, node, at, balances[at], previous);
    }
}

/* While a block is known in part, or is told again just now, balances are not what they will be. */
static void judge_balances(vd_wallet_work_t *work)
{
    if (vd_looks_part_count(work->state->looks) > 0 || work->reread_count > 0)
        return;
    for (uint32_t at = 0; at < work->pursuit.count && !work->full; at++)
        judge_node(work, &work->pursuit.nodes[at]);
}

/* ---- nodes that have left, and the base ---- */

static void tell_removed(vd_wallet_work_t *work)
{
    const vd_watched_wallets_t *state = work->state;
    if (!vd_samples_is_complete(work->samples))
        return;
    for (uint32_t at = 0; at < state->node_count && !work->full; at++) {
        if (vd_pursuit_node(&work->pursuit, vd_str(state->nodes[at].name)))
            continue;
        vd_buffer_t *data = vd_turn_scratch(work->turn);
        vd_write_map(data, 1);
        vd_write_pair_text(data, "node", state->nodes[at].name);
        vd_wallet_tell(work, "node_removed", data, NULL);
    }
}

/* Moves the base up, some blocks at a time; for blocks that have to be looked at it waits a while. */
static void move_base(vd_wallet_work_t *work)
{
    const vd_watched_wallets_t *state = work->state;
    uint32_t best = vd_graph_best(state->graph);
    if (best == VD_BLOCK_NONE || work->full)
        return;
    uint64_t height = vd_graph_height(state->graph, best);
    uint64_t root = vd_graph_height(state->graph, vd_graph_root(state->graph));
    uint64_t step =
        vd_looks_count(state->looks) > 0 ? state->history : state->history / BASE_STEP_SHARE;
    if (height < state->history || height - state->history <= root + step)
        return;
    uint32_t base = vd_graph_ancestor_at(state->graph, best, height - state->history);
    if (!vd_ledger_has(state->ledger, state->graph, base))
        return;
    vd_buffer_t *data = vd_turn_scratch(work->turn);
    vd_write_map(data, 2);
    vd_write_pair_str(data, "id", vd_graph_id(state->graph, base));
    vd_write_pair_u64(data, "height", height - state->history);
    vd_wallet_tell(work, "base_moved", data, NULL);
}

/* ---- whole ---- */

/* Is anything to be read of the chain yet? */
static bool may_read(const vd_wallet_work_t *work)
{
    return vd_graph_root(work->state->graph) != VD_BLOCK_NONE || !work->unread;
}

static void ask(vd_wallet_work_t *work)
{
    uint32_t best = vd_graph_best(work->state->graph);
    uint64_t known = best == VD_BLOCK_NONE ? 0 : vd_graph_height(work->state->graph, best);
    for (uint32_t at = 0; at < work->pursuit.count; at++) {
        vd_pursued_t *node = &work->pursuit.nodes[at];
        uint64_t head = node->answer.head.height;
        node->known = known < head || head == 0 ? known : head - 1;
    }
    /* A block that is in the graph and could not be told still has to be asked for, of others too. */
    if (work->untold)
        work->pursuit.graph = work->state->graph;
    vd_pursuit_ask(&work->pursuit);
    vd_wallet_ask_again(work);
}

static void run(vd_wallet_work_t *work)
{
    vd_pursuit_hear(&work->pursuit);
    tell_removed(work);
    vd_wallet_watch(work);
    if (!may_read(work))
        return;
    if (!work->full && !work->watched) {
        vd_wallet_take_blocks(work);
        if (!work->full)
            judge_balances(work);
        move_base(work);
    }
    ask(work);
}

vd_status_t vd_wallet_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn)
{
    const vd_watched_wallets_t *wallets = state;
    assert(wallets && samples && turn);
    if (vd_ledger_coin_count(wallets->ledger) > VD_WALLET_COINS_MAX - COINS_SPARE)
        return vd_turn_fail(turn, VD_TOO_LARGE,
                            "the wallets have more than %d coins in the kept blocks; set history "
                            "of table " VD_WALLET_TABLE " lower",
                            VD_WALLET_COINS_MAX - COINS_SPARE);
    vd_wallet_work_t *work = calloc(1, sizeof *work);
    vd_graph_t *graph = work ? vd_graph_over(wallets->graph) : NULL;
    if (!graph) {
        free(work);
        return vd_turn_fail(turn, VD_NO_MEMORY, "no memory for a turn");
    }
    work->state = wallets;
    work->samples = samples;
    work->turn = turn;
    work->pursuit = (vd_pursuit_t){.app = wallets->app,
                                   .history = VD_HEIGHT_MAX,
                                   .from = wallets->from,
                                   .whole = true,
                                   .samples = samples,
                                   .turn = turn,
                                   .graph = graph,
                                   .arg = work};
    run(work);
    bool failed = work->reading_failed;
    vd_pursuit_close(&work->pursuit);
    vd_wallet_blocks_close(work);
    vd_graph_destroy(&graph);
    free(work);
    return failed ? vd_turn_fail(turn, VD_NO_MEMORY, "no memory for the blocks of a turn") : VD_OK;
}
