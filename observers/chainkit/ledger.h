/* ledger.h: the coins of many wallets on every branch of a graph, and their balances on any block.
 *
 * 1. A coin is an output to a watched address. Blocks say which coins they create and which they
 *    spend (their delta). The state at a block is what its ancestors' deltas and its own make of the
 *    coins at the root; no branch knows of another.
 * 2. What an input spends is found among the ledger's own coins by its outpoint alone: nodes do not
 *    tell it of blocks that are off their best chain.
 * 3. A delta is taken parents first, and as a whole: what it says must be possible at its block. The
 *    same one again changes nothing; one that says more than before (since more addresses are
 *    watched) adds that. What was pruned into the base is not taken again.
 * 4. Balances are found by walking down to the nearest block whose balances are kept, and are kept
 *    then; a bounded number of them, of all branches, the least used going first. So they are the
 *    same whatever was asked before.
 * 5. Pruning makes the coins at the new root the base, and forgets what other branches did.
 * 6. Values and balances are exact: a coin that would let a balance pass UINT64_MAX is refused.
 */
#ifndef VD_LEDGER_H
#define VD_LEDGER_H

#include "chainkit/content.h"

#define VD_LEDGER_WALLETS_MAX   256
#define VD_LEDGER_ADDRESSES_MAX 262144
#define VD_LEDGER_COINS_MAX     4194304
#define VD_LEDGER_KEPT_MAX      4096
#define VD_WALLET_NONE          UINT32_MAX

typedef struct vd_ledger vd_ledger_t;

typedef struct vd_ledger_limits {
    uint32_t addresses_max; /* 1 to VD_LEDGER_ADDRESSES_MAX */
    uint32_t coins_max;     /* 1 to VD_LEDGER_COINS_MAX */
    uint32_t kept_max;      /* blocks whose balances are kept, 1 to VD_LEDGER_KEPT_MAX */
} vd_ledger_limits_t;

/* NULL without memory. */
vd_ledger_t *vd_ledger_new(const vd_ledger_limits_t *limits);
void vd_ledger_destroy(vd_ledger_t **self_p);

/* ---- wallets ---- */

/* Adds a wallet, at any time. Its number, from 0; VD_WALLET_NONE when the name is known, too long or
 * one too many. */
uint32_t vd_ledger_add_wallet(vd_ledger_t *self, vd_str_t name);
uint32_t vd_ledger_wallet_count(const vd_ledger_t *self);
/* VD_WALLET_NONE: there is none of this name. */
uint32_t vd_ledger_wallet(const vd_ledger_t *self, vd_str_t name);
vd_str_t vd_ledger_wallet_name(const vd_ledger_t *self, uint32_t wallet);
/* Watches an address for a wallet. VD_OK, also when it does so already; VD_EXISTS: for another
 * wallet; VD_TOO_LARGE; VD_NO_MEMORY. */
vd_status_t vd_ledger_watch(vd_ledger_t *self, uint32_t wallet, vd_str_t address);
uint32_t vd_ledger_address_count(const vd_ledger_t *self);
/* Whose address is it? */
uint32_t vd_ledger_owner(const vd_ledger_t *self, vd_str_t address);

/* ---- deltas ---- */

typedef struct vd_move {
    vd_str_t tx; /* the outpoint */
    uint32_t index;
    uint32_t wallet;
    uint64_t value;
    bool spent; /* else created */
} vd_move_t;

/* The moves of one block, in order. Texts are views into what it was read from. */
typedef struct vd_delta {
    uint32_t block;
    uint32_t count, room;
    vd_move_t *moves;
    const struct vd_delta *before; /* one that is not yet taken, of any branch; NULL: none */
} vd_delta_t;

bool vd_delta_add(vd_delta_t *self, const vd_move_t *move);
void vd_delta_free(vd_delta_t *self);

/* Reads what a block does to the watched coins. `graph` may lie over the ledger's own, and ancestors
 * that the ledger has not taken yet stand in the chain `out->before`; out->block says which block it
 * is. VD_NOT_FOUND: the content of an ancestor is missing; VD_MALFORMED: it cannot be, with the reason
 * in `error`; VD_NO_MEMORY. */
vd_status_t vd_ledger_read(const vd_ledger_t *self, const vd_graph_t *graph,
                           const vd_chain_block_t *content, vd_delta_t *out, char *error,
                           size_t error_size);
/* Takes a delta. VD_NOT_FOUND: that of the parent is missing; VD_MALFORMED: it cannot be; VD_TOO_LARGE:
 * too many coins, or too much; VD_NO_MEMORY. Anything but VD_OK changes nothing. */
vd_status_t vd_ledger_take(vd_ledger_t *self, const vd_graph_t *graph, const vd_delta_t *delta);
/* Takes out of a delta what the ledger has of it already. */
void vd_ledger_strip(const vd_ledger_t *self, vd_delta_t *delta);
/* Was the delta of this block taken? */
bool vd_ledger_has(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block);

/* ---- answers ---- */

/* The balance of every wallet at a block, into `balances`. VD_NOT_FOUND when its delta was not
 * taken. */
vd_status_t vd_ledger_balances(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                               uint64_t *balances);
/* The same at a block of a graph that may lie over the ledger's own, where deltas that are not taken yet
 * stand in the chain `last`. */
vd_status_t vd_ledger_balances_ahead(const vd_ledger_t *self, const vd_graph_t *graph,
                                     uint32_t block, const vd_delta_t *last, uint64_t *balances);
typedef struct vd_coin {
    vd_str_t tx;
    uint32_t index;
    uint64_t value;
} vd_coin_t;
/* The unspent coins of a wallet at a block, in the order in which they were first seen; at most `max`
 * are written. Returns how many there are. */
size_t vd_ledger_coins(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block,
                       uint32_t wallet, vd_coin_t *out, size_t max);
/* How many coins are known, spent ones included. */
uint32_t vd_ledger_coin_count(const vd_ledger_t *self);

/* ---- bounds and storage ---- */

/* Prunes the graph and the ledger to this root. VD_NOT_FOUND, with nothing done: the delta of a block
 * up to it was not taken. */
vd_status_t vd_ledger_prune(vd_ledger_t *self, vd_graph_t *graph, uint32_t root);
/* The state as one MessagePack value; the graph is saved beside it. */
void vd_ledger_save(const vd_ledger_t *self, const vd_graph_t *graph, vd_buffer_t *out);
/* Into a ledger without deltas, with the graph that was saved beside it. A ledger that has wallets must
 * have those that were saved. It has to be destroyed when this fails. */
vd_status_t vd_ledger_load(vd_ledger_t *self, const vd_graph_t *graph, vd_bytes_t value);

#endif
