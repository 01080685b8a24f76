/* wallet.h: the observer of wallets on a chain of blocks: what each of them has on every branch.
 *
 * 1. A node is a source of adapter http whose label "app" is the configured one and which has no label
 *    "wallet"; its label "reader" says in which form it answers (chainkit/reader.h). Blocks are read with
 *    their transactions, parents first, from height `from` on.
 * 2. Where a wallet's addresses come from is a source with label "app" and a label "wallet" that names the
 *    wallet: a file (adapter file, label "file") with one address in each line, or the wallet server of a
 *    node (adapter http, label "reader"), which tells its wallet of that name. Several sources may feed
 *    one wallet. Addresses only grow; an address belongs to the wallet of which it was told first.
 * 3. The balance of a wallet at a block is what the block and its ancestors make of the coins at its
 *    addresses; no branch knows of another. What waits in a pool is not in it.
 * 4. When an address appears later, the kept blocks that may pay it, and those that may spend what was
 *    found, are looked at again. What is older than the kept blocks is not found: `since` of a wallet is
 *    the height from which on all its coins are counted.
 * 5. So that nothing is missed at the start, blocks are read once the sources of addresses that answer have
 *    been read through. One that fails keeps nobody waiting.
 * 6. Blocks more than `history` below the best one are forgotten; what they left is the base.
 * 7. What nodes tell of a block's transactions cannot be checked against its id: whoever tells a block
 *    first is believed, as long as what it does is possible.
 *
 * Events:
 *   addresses_watched {wallet, source, addresses}
 *   history_read {source, first, after, done}       how far back a wallet server's list was read
 *   block_taken {id, parent, height, node, filter, moves, more}   parents first; moves are
 *     {wallet, tx, index, value, spent}; with more, the rest follows as block_reread
 *   block_reread {id, moves, more}                  what was not known when it was taken
 *   balance_changed {wallet, node, tip, height, balance, previous}
 *   base_moved {id, height}
 *   node_refused {node, block, reason, text}
 *   node_removed {node}, source_removed {source}
 */
#ifndef VD_WALLET_OBSERVER_H
#define VD_WALLET_OBSERVER_H

#include "addresses.h"
#include "chainkit/ledger.h"
#include "chainkit/pursuit.h"
#include "looks.h"

#define VD_WALLET_TABLE         "observers.wallet"
#define VD_WALLET_SOURCES_MAX   256
#define VD_WALLET_ADDRESSES_MAX 65536
#define VD_WALLET_COINS_MAX     1048576
#define VD_WALLET_BLOCKS_MAX    200000
#define VD_WALLET_KEPT_MAX      256 /* blocks whose balances are kept */
#define VD_WALLET_ID_SIZE       (VD_NAME_BYTES_MAX + 1)
#define VD_WALLET_REASON_SIZE   24

/* What was told of a node. */
typedef struct vd_wallet_node {
    char name[VD_NAME_BYTES_MAX + 1];
    char tip[VD_WALLET_ID_SIZE]; /* of its balances; empty: none was told */
    uint64_t height;
    char refused[VD_WALLET_ID_SIZE]; /* the last block that was refused from it */
    char reason[VD_WALLET_REASON_SIZE];
    uint64_t balances[VD_LEDGER_WALLETS_MAX];
} vd_wallet_node_t;

/* How far back the list of a wallet server was read. */
typedef struct vd_wallet_history {
    char source[VD_NAME_BYTES_MAX + 1];
    char mark[VD_WALLET_ID_SIZE];  /* this transaction and all before it were read */
    char first[VD_WALLET_ID_SIZE]; /* while it is read: the newest; then it becomes the mark */
    char after[VD_WALLET_ID_SIZE]; /* likewise: up to this one it was read; empty: not at it */
    bool done;                     /* it was read through once */
} vd_wallet_history_t;

typedef struct vd_watched_wallets {
    char app[VD_NAME_BYTES_MAX + 1];
    int64_t interval_ms, addresses_interval_ms, deadline_ms;
    uint64_t history, from;
    vd_graph_t *graph;
    vd_ledger_t *ledger;
    vd_looks_t *looks;
    uint64_t since[VD_LEDGER_WALLETS_MAX];
    uint32_t node_count, history_count;
    vd_wallet_node_t nodes[VD_PURSUIT_NODES_MAX];         /* in the order of their names */
    vd_wallet_history_t histories[VD_WALLET_SOURCES_MAX]; /* likewise */
} vd_watched_wallets_t;

/* told.c: what events say beside blocks and coins. */
const vd_wallet_node_t *vd_wallet_node(const vd_watched_wallets_t *self, vd_str_t name);
const vd_wallet_history_t *vd_wallet_history(const vd_watched_wallets_t *self, vd_str_t source);
void vd_wallet_apply(void *state, const vd_event_t *event);
void vd_wallet_save(const void *state, vd_buffer_t *out);
vd_status_t vd_wallet_load(void *state, vd_bytes_t value);

/* wallet_turn.c, wallet_view.c */
vd_status_t vd_wallet_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_wallet_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
extern const vd_query_row_t vd_wallet_queries[];
vd_status_t vd_wallet_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                            vd_bytes_t args, vd_buffer_t *out);

extern const char vd_wallet_layout[]; /* layout.json */
extern const vd_observer_t vd_wallet_observer;

#endif
