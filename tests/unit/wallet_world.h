/* wallet_world.h: nodes of a chain, with wallets that pay each other on its branches, before the observer
 * wallet.
 *
 * 1. Blocks and transactions are numbered; block 0 is the first. What is paid or spent goes into the next
 *    block that is grown.
 * 2. Alice's addresses stand in a file (source w-alice), Bob's are told by a wallet server (w-bob).
 */
#ifndef VD_WALLET_WORLD_H
#define VD_WALLET_WORLD_H

#include "laws/observer_fixture.h"
#include "wallet/wallet.h"

enum { WALLET_NODES = 3, WALLET_BLOCKS = 4000, WALLET_TXS = 4000 };

typedef enum wallet { WALLET_ALICE, WALLET_BOB, WALLET_OTHER } wallet_t;

typedef enum wallet_lie {
    WALLET_LIE_NONE,
    WALLET_LIE_HEIGHT, /* another height */
    WALLET_LIE_TWICE,  /* the coin of a transaction is spent once more */
    WALLET_LIE_VALUE,  /* a value that is no whole number */
    WALLET_LIE_HEADER, /* the header alone */
    WALLET_LIE_TEXT,   /* half of the answer */
    WALLET_LIE_LARGE,  /* an answer that is too large */
} wallet_lie_t;

typedef struct wallet_output {
    wallet_t owner;
    uint32_t address; /* of the owner's, from 1 */
    uint64_t value;
} wallet_output_t;

typedef struct wallet_tx {
    uint32_t block;
    int32_t spends; /* a transaction; negative: what nobody knows */
    uint32_t spends_index;
    uint32_t output_count;
    uint32_t crowd; /* so many outputs of 1 to Alice instead */
    wallet_output_t outputs[2];
} wallet_tx_t;

typedef struct wallet_world {
    vd_bench_t bench;
    uint32_t count;
    int32_t parent[WALLET_BLOCKS];
    uint32_t height[WALLET_BLOCKS];
    uint32_t tx_count, pending; /* transactions from `pending` on are in no block yet */
    wallet_tx_t txs[WALLET_TXS];
    uint32_t paid[3];
    uint32_t crowd; /* of the next block */
    uint32_t head[WALLET_NODES];
    bool silent[WALLET_NODES];
    uint32_t liar, lied;
    wallet_lie_t lie;
    bool hidden[3];            /* Alice's file is empty */
    const char *file;          /* what stands in it instead; NULL: her addresses */
    const char *server_status; /* empty: it was not read */
    bool forget_page;          /* the next page that is asked for is gone */
    bool lost;                 /* the next turns are never committed */
    uint32_t asked;            /* one-off reads of blocks */
    vd_buffer_t text;          /* what was told since it was cleared */
} wallet_world_t;

void wallet_world_open(wallet_world_t *world, const char *toml);
void wallet_world_close(wallet_world_t *world);
const vd_watched_wallets_t *wallet_world_state(const wallet_world_t *world);

void wallet_world_id(uint32_t block, char id[65]);
/* Pays from nobody that is known to a wallet's next address. */
void wallet_world_pay(wallet_world_t *world, wallet_t wallet, uint64_t value);
/* Spends a coin that the wallet has after block `on`, if there is one of that value; the change goes
 * back. */
void wallet_world_spend(wallet_world_t *world, uint32_t on, wallet_t from, wallet_t to,
                        uint64_t value);
uint32_t wallet_world_grow(wallet_world_t *world, uint32_t on, uint32_t count);
uint32_t wallet_world_ancestor(const wallet_world_t *world, uint32_t block, uint32_t height);
void wallet_world_all_at(wallet_world_t *world, uint32_t block);

/* One turn with the newest samples; its reads are answered. Was there anything to do? */
bool wallet_world_step(wallet_world_t *world);
/* Goes on until nothing is told any longer; returns what was. */
const char *wallet_world_settle(wallet_world_t *world);
const char *wallet_world_told(wallet_world_t *world);
uint32_t wallet_world_times(const char *text, const char *part);

/* The balance by the observer, and by a scan of all blocks up to this one. */
uint64_t wallet_world_balance(const wallet_world_t *world, wallet_t wallet, uint32_t block);
uint64_t wallet_world_scan(const wallet_world_t *world, wallet_t wallet, uint32_t block);
/* Both agree on every block that the observer knows, and for each node at its head. */
void wallet_world_expect(const wallet_world_t *world);

#endif
