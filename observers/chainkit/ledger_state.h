/* ledger_state.h: how a ledger is kept, for the files that make it up.
 *
 * 1. A touch joins a coin and a block: the block created it, or spent it. It is in two lists: of its
 *    block, in the order of the delta, and of its coin.
 * 2. A coin lives as long as it is of the base or has a touch.
 * 3. Rows stand at the handles of the graph; the serial tells whose they are.
 */
#ifndef VD_LEDGER_STATE_H
#define VD_LEDGER_STATE_H

#include "chainkit/graph_state.h"
#include "chainkit/ledger.h"

#define VD_NONE UINT32_MAX

typedef struct vd_ledger_address {
    char text[VD_ADDRESS_SIZE_MAX];
    uint8_t size;
    uint8_t wallet;
    uint32_t next; /* of the same bucket */
} vd_ledger_address_t;

typedef struct vd_ledger_coin {
    char tx[VD_NAME_BYTES_MAX];
    uint8_t tx_size; /* 0: free; then next is the next free one */
    uint8_t wallet;
    bool base; /* unspent at the root */
    uint32_t index;
    uint32_t hash;
    uint32_t next; /* of the same bucket */
    uint32_t touch;
    uint64_t value;
    uint64_t serial;
} vd_ledger_coin_t;

typedef struct vd_touch {
    uint32_t coin;
    uint32_t block;
    uint32_t next_of_block; /* also of the free ones */
    uint32_t next_of_coin;
    bool spent;
} vd_touch_t;

typedef struct vd_ledger_row {
    uint64_t serial; /* 0: none */
    uint32_t first, last;
} vd_ledger_row_t;

typedef struct vd_kept_balances {
    uint64_t serial; /* of its block; 0: free */
    uint64_t used;
    uint32_t block;
} vd_kept_balances_t;

/* What a question may change. */
typedef struct vd_ledger_cache {
    vd_kept_balances_t *kept;
    uint64_t *values;   /* of each one kept, those of all wallets */
    uint32_t *of_block; /* the one kept for a handle, or VD_NONE */
    uint32_t block_room;
    uint64_t clock;
} vd_ledger_cache_t;

struct vd_ledger {
    vd_ledger_limits_t limits;
    uint32_t wallet_count;
    char wallets[VD_LEDGER_WALLETS_MAX][VD_NAME_BYTES_MAX + 1];
    uint64_t base[VD_LEDGER_WALLETS_MAX];  /* balances of the base coins */
    uint64_t total[VD_LEDGER_WALLETS_MAX]; /* of all coins that are known, more than any balance */
    vd_ledger_address_t *addresses;
    uint32_t address_count, address_room;
    uint32_t *address_buckets;
    uint32_t address_bucket_count;
    vd_ledger_coin_t *coins;
    uint32_t coin_count, coin_room, coin_slots, free_coin;
    uint32_t *coin_buckets;
    uint32_t coin_bucket_count;
    uint64_t serial; /* of the newest coin */
    vd_touch_t *touches;
    uint32_t touch_slots, touch_room, free_touch;
    vd_ledger_row_t *rows;
    uint32_t row_count;
    vd_ledger_cache_t *cache;
};

/* VD_NONE when it is not known. */
uint32_t vd_ledger_find_coin(const vd_ledger_t *self, vd_str_t tx, uint32_t index);
/* Adds one that is not known. VD_OK, VD_TOO_LARGE or VD_NO_MEMORY. */
vd_status_t vd_ledger_add_coin(vd_ledger_t *self, const vd_move_t *move, uint32_t *coin);
/* Frees a coin that nothing holds any longer. */
void vd_ledger_settle_coin(vd_ledger_t *self, uint32_t coin);
/* Makes the row of a block. False without memory. */
bool vd_ledger_add_row(vd_ledger_t *self, uint32_t block, uint64_t serial);
/* Appends a touch to the block's row. False without memory. */
bool vd_ledger_touch(vd_ledger_t *self, uint32_t block, uint32_t coin, bool spent);
/* Removes the first touch of the block's row from both lists. */
void vd_ledger_untouch_first(vd_ledger_t *self, uint32_t block);
/* Is it, at this block, created and unspent? `created`: is it created? */
bool vd_ledger_is_unspent(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t coin,
                          uint32_t block, bool *created);
void vd_ledger_forget_balances(const vd_ledger_t *self);
/* The same with the room for them, which is made for so many wallets. */
void vd_ledger_drop_balances(vd_ledger_t *self);

#endif
