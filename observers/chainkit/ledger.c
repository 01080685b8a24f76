/* ledger.c: wallets, coins and rows of a ledger. */
#include "chainkit/ledger_state.h"
#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 64, ROOM_MIN = 64, TOUCHES_PER_COIN = 4 };

vd_ledger_t *vd_ledger_new(const vd_ledger_limits_t *limits)
{
    assert(limits && limits->addresses_max > 0 && limits->addresses_max <= VD_LEDGER_ADDRESSES_MAX);
    assert(limits->coins_max > 0 && limits->coins_max <= VD_LEDGER_COINS_MAX);
    assert(limits->kept_max > 0 && limits->kept_max <= VD_LEDGER_KEPT_MAX);
    vd_ledger_t *self = calloc(1, sizeof *self);
    vd_ledger_cache_t *cache = calloc(1, sizeof *cache);
    if (!self || !cache) {
        free(self);
        free(cache);
        return NULL;
    }
    self->limits = *limits;
    self->cache = cache;
    self->free_coin = self->free_touch = VD_NONE;
    return self;
}

void vd_ledger_destroy(vd_ledger_t **self_p)
{
    assert(self_p);
    vd_ledger_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    free(self->cache->kept);
    free(self->cache->values);
    free(self->cache->of_block);
    free(self->cache);
    free(self->addresses);
    free(self->address_buckets);
    free(self->coins);
    free(self->coin_buckets);
    free(self->touches);
    free(self->rows);
    free(self);
}

/* ---- wallets ---- */

uint32_t vd_ledger_add_wallet(vd_ledger_t *self, vd_str_t name)
{
    assert(self);
    if (self->wallet_count == VD_LEDGER_WALLETS_MAX || name.size == 0 ||
        name.size > VD_NAME_BYTES_MAX || vd_ledger_wallet(self, name) != VD_WALLET_NONE)
        return VD_WALLET_NONE;
    vd_str_copy(self->wallets[self->wallet_count], sizeof self->wallets[0], name);
    vd_ledger_drop_balances(self);
    return self->wallet_count++;
}

uint32_t vd_ledger_wallet_count(const vd_ledger_t *self)
{
    return self->wallet_count;
}

uint32_t vd_ledger_wallet(const vd_ledger_t *self, vd_str_t name)
{
    for (uint32_t at = 0; at < self->wallet_count; at++)
        if (vd_str_is(name, self->wallets[at]))
            return at;
    return VD_WALLET_NONE;
}

vd_str_t vd_ledger_wallet_name(const vd_ledger_t *self, uint32_t wallet)
{
    assert(wallet < self->wallet_count);
    return vd_str(self->wallets[wallet]);
}

uint32_t vd_ledger_address_count(const vd_ledger_t *self)
{
    return self->address_count;
}

static uint32_t *empty_buckets(uint32_t count)
{
    uint32_t *buckets = malloc(count * sizeof *buckets);
    if (buckets)
        memset(buckets, 0xff, count * sizeof *buckets); /* VD_NONE */
    return buckets;
}

static uint32_t find_address(const vd_ledger_t *self, vd_str_t address)
{
    if (self->address_bucket_count == 0 || address.size == 0)
        return VD_NONE;
    uint32_t at = self->address_buckets[vd_hash(0, address) & (self->address_bucket_count - 1)];
    while (at != VD_NONE &&
           !vd_bytes_equal(vd_bytes(self->addresses[at].text, self->addresses[at].size), address))
        at = self->addresses[at].next;
    return at;
}

uint32_t vd_ledger_owner(const vd_ledger_t *self, vd_str_t address)
{
    uint32_t at = find_address(self, address);
    return at == VD_NONE ? VD_WALLET_NONE : self->addresses[at].wallet;
}

static void enter_address(vd_ledger_t *self, uint32_t at)
{
    vd_ledger_address_t *address = &self->addresses[at];
    uint64_t hash = vd_hash(0, vd_bytes(address->text, address->size));
    uint32_t *bucket = &self->address_buckets[hash & (self->address_bucket_count - 1)];
    address->next = *bucket;
    *bucket = at;
}

static bool grow_address_buckets(vd_ledger_t *self)
{
    if (self->address_count < self->address_bucket_count)
        return true;
    uint32_t count = self->address_bucket_count ? 2 * self->address_bucket_count : BUCKETS_MIN;
    uint32_t *buckets = empty_buckets(count);
    if (!buckets)
        return false;
    free(self->address_buckets);
    self->address_buckets = buckets;
    self->address_bucket_count = count;
    for (uint32_t at = 0; at < self->address_count; at++)
        enter_address(self, at);
    return true;
}

vd_status_t vd_ledger_watch(vd_ledger_t *self, uint32_t wallet, vd_str_t address)
{
    assert(self && wallet < self->wallet_count);
    uint32_t owner = vd_ledger_owner(self, address);
    if (owner != VD_WALLET_NONE)
        return owner == wallet ? VD_OK : VD_EXISTS;
    if (address.size == 0 || address.size > VD_ADDRESS_SIZE_MAX ||
        self->address_count == self->limits.addresses_max)
        return VD_TOO_LARGE;
    if (!grow_address_buckets(self) ||
        !vd_graph_room((void **)&self->addresses, &self->address_room, self->address_count,
                       VD_LEDGER_ADDRESSES_MAX, sizeof *self->addresses))
        return VD_NO_MEMORY;
    vd_ledger_address_t *row = &self->addresses[self->address_count];
    *row = (vd_ledger_address_t){.size = (uint8_t)address.size, .wallet = (uint8_t)wallet};
    memcpy(row->text, address.data, address.size);
    enter_address(self, self->address_count++);
    return VD_OK;
}

/* ---- coins ---- */

uint32_t vd_ledger_coin_count(const vd_ledger_t *self)
{
    return self->coin_count;
}

static uint32_t outpoint_hash(vd_str_t tx, uint32_t index)
{
    return (uint32_t)vd_hash(index, tx);
}

uint32_t vd_ledger_find_coin(const vd_ledger_t *self, vd_str_t tx, uint32_t index)
{
    if (self->coin_bucket_count == 0)
        return VD_NONE;
    uint32_t hash = outpoint_hash(tx, index);
    uint32_t at = self->coin_buckets[hash & (self->coin_bucket_count - 1)];
    for (; at != VD_NONE; at = self->coins[at].next) {
        const vd_ledger_coin_t *coin = &self->coins[at];
        if (coin->hash == hash && coin->index == index &&
            vd_bytes_equal(vd_bytes(coin->tx, coin->tx_size), tx))
            break;
    }
    return at;
}

static void enter_coin(vd_ledger_t *self, uint32_t at)
{
    vd_ledger_coin_t *coin = &self->coins[at];
    uint32_t *bucket = &self->coin_buckets[coin->hash & (self->coin_bucket_count - 1)];
    coin->next = *bucket;
    *bucket = at;
}

static bool grow_coin_buckets(vd_ledger_t *self)
{
    if (self->coin_count < self->coin_bucket_count)
        return true;
    uint32_t count = self->coin_bucket_count ? 2 * self->coin_bucket_count : BUCKETS_MIN;
    uint32_t *buckets = empty_buckets(count);
    if (!buckets)
        return false;
    free(self->coin_buckets);
    self->coin_buckets = buckets;
    self->coin_bucket_count = count;
    for (uint32_t at = 0; at < self->coin_slots; at++)
        if (self->coins[at].tx_size)
            enter_coin(self, at);
    return true;
}

vd_status_t vd_ledger_add_coin(vd_ledger_t *self, const vd_move_t *move, uint32_t *coin)
{
    assert(move->wallet < self->wallet_count && move->tx.size > 0 &&
           move->tx.size <= VD_NAME_BYTES_MAX);
    uint64_t *total = &self->total[move->wallet];
    if (self->coin_count == self->limits.coins_max || move->value > UINT64_MAX - *total)
        return VD_TOO_LARGE;
    if (!grow_coin_buckets(self))
        return VD_NO_MEMORY;
    uint32_t at = self->free_coin;
    if (at != VD_NONE)
        self->free_coin = self->coins[at].next;
    else if (vd_graph_room((void **)&self->coins, &self->coin_room, self->coin_slots,
                           VD_LEDGER_COINS_MAX, sizeof *self->coins))
        at = self->coin_slots++;
    else
        return VD_NO_MEMORY;
    self->coins[at] = (vd_ledger_coin_t){.tx_size = (uint8_t)move->tx.size,
                                         .wallet = (uint8_t)move->wallet,
                                         .index = move->index,
                                         .hash = outpoint_hash(move->tx, move->index),
                                         .touch = VD_NONE,
                                         .value = move->value,
                                         .serial = ++self->serial};
    memcpy(self->coins[at].tx, move->tx.data, move->tx.size);
    enter_coin(self, at);
    self->coin_count++;
    *total += move->value;
    *coin = at;
    return VD_OK;
}

void vd_ledger_settle_coin(vd_ledger_t *self, uint32_t at)
{
    vd_ledger_coin_t *coin = &self->coins[at];
    if (coin->base || coin->touch != VD_NONE)
        return;
    uint32_t *from = &self->coin_buckets[coin->hash & (self->coin_bucket_count - 1)];
    while (*from != at)
        from = &self->coins[*from].next;
    *from = coin->next;
    self->total[coin->wallet] -= coin->value;
    *coin = (vd_ledger_coin_t){.next = self->free_coin};
    self->free_coin = at;
    self->coin_count--;
}

/* ---- rows ---- */

bool vd_ledger_has(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t block)
{
    return block < self->row_count && self->rows[block].serial != 0 &&
           self->rows[block].serial == vd_graph_serial(graph, block);
}

bool vd_ledger_add_row(vd_ledger_t *self, uint32_t block, uint64_t serial)
{
    assert(serial != 0 && block < VD_GRAPH_BLOCKS_MAX);
    if (block >= self->row_count) {
        uint32_t count = self->row_count < ROOM_MIN ? ROOM_MIN : 2 * self->row_count;
        while (count <= block)
            count *= 2;
        vd_ledger_row_t *rows = realloc(self->rows, count * sizeof *rows);
        if (!rows)
            return false;
        memset(rows + self->row_count, 0, (count - self->row_count) * sizeof *rows);
        self->rows = rows;
        self->row_count = count;
    }
    self->rows[block] = (vd_ledger_row_t){.serial = serial, .first = VD_NONE, .last = VD_NONE};
    return true;
}

bool vd_ledger_touch(vd_ledger_t *self, uint32_t block, uint32_t coin, bool spent)
{
    vd_ledger_row_t *row = &self->rows[block];
    uint32_t at = self->free_touch;
    if (at != VD_NONE)
        self->free_touch = self->touches[at].next_of_block;
    else if (vd_graph_room((void **)&self->touches, &self->touch_room, self->touch_slots,
                           TOUCHES_PER_COIN * VD_LEDGER_COINS_MAX, sizeof *self->touches))
        at = self->touch_slots++;
    else
        return false;
    self->touches[at] = (vd_touch_t){.coin = coin,
                                     .block = block,
                                     .next_of_block = VD_NONE,
                                     .next_of_coin = self->coins[coin].touch,
                                     .spent = spent};
    self->coins[coin].touch = at;
    if (row->last == VD_NONE)
        row->first = at;
    else
        self->touches[row->last].next_of_block = at;
    row->last = at;
    return true;
}

void vd_ledger_untouch_first(vd_ledger_t *self, uint32_t block)
{
    vd_ledger_row_t *row = &self->rows[block];
    uint32_t at = row->first;
    assert(at != VD_NONE);
    vd_touch_t *touch = &self->touches[at];
    uint32_t *from = &self->coins[touch->coin].touch;
    while (*from != at)
        from = &self->touches[*from].next_of_coin;
    *from = touch->next_of_coin;
    row->first = touch->next_of_block;
    if (row->first == VD_NONE)
        row->last = VD_NONE;
    touch->next_of_block = self->free_touch;
    self->free_touch = at;
}

bool vd_ledger_is_unspent(const vd_ledger_t *self, const vd_graph_t *graph, uint32_t coin,
                          uint32_t block, bool *created)
{
    bool spent = false;
    *created = self->coins[coin].base;
    for (uint32_t at = self->coins[coin].touch; at != VD_NONE;
         at = self->touches[at].next_of_coin) {
        const vd_touch_t *touch = &self->touches[at];
        if (!vd_graph_descends(graph, block, touch->block))
            continue;
        spent |= touch->spent;
        *created |= !touch->spent;
    }
    return *created && !spent;
}
