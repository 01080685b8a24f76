/* wallet.c: the observer wallet: its configuration, its reads and its life. */
#include "wallet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORPHANS_MAX = 2048, ORPHANS_PER_NODE_MAX = 512 };

static const vd_config_row_t rows[] = {
    {"interval", VD_CONFIG_DURATION, "\"200ms\"", 10, 86400000, "between reads of each node", NULL},
    {"addresses_interval", VD_CONFIG_DURATION, "\"1s\"", 10, 86400000,
     "between reads of each source of addresses", NULL},
    {"deadline", VD_CONFIG_DURATION, "\"2s\"", 10, 60000, "for one read", NULL},
    {"app", VD_CONFIG_STR, "\"chain\"", 0, 0,
     "label \"app\" of the nodes of this chain and of the sources of addresses", NULL},
    {"from", VD_CONFIG_INT, "0", 0, 9007199254740991,
     "height of the first block that is read; what wallets had before it is not counted", NULL},
    {"history", VD_CONFIG_INT, "1000", 1, 100000,
     "so many blocks below the best one are kept, with their branches; in them an address that "
     "appears later is looked for",
     NULL},
    {0}};

static vd_status_t open_parts(vd_watched_wallets_t *self)
{
    static const vd_graph_limits_t graph = {VD_WALLET_BLOCKS_MAX, ORPHANS_MAX,
                                            ORPHANS_PER_NODE_MAX};
    static const vd_ledger_limits_t ledger = {VD_WALLET_ADDRESSES_MAX, VD_WALLET_COINS_MAX,
                                              VD_WALLET_KEPT_MAX};
    self->graph = vd_graph_new(&graph);
    self->ledger = vd_ledger_new(&ledger);
    self->looks = vd_looks_new();
    return self->graph && self->ledger && self->looks ? VD_OK : VD_NO_MEMORY;
}

static void destroy(void **state)
{
    assert(state);
    vd_watched_wallets_t *self = *state;
    if (self) {
        vd_graph_destroy(&self->graph);
        vd_ledger_destroy(&self->ledger);
        vd_looks_destroy(&self->looks);
    }
    free(self);
    *state = NULL;
}

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    const char *app = vd_config_str(config, VD_WALLET_TABLE, "app");
    *state = NULL;
    if (strlen(app) == 0 || strlen(app) > VD_NAME_BYTES_MAX) {
        snprintf(error, error_size, "app has to be a name of 1 to %d bytes", VD_NAME_BYTES_MAX);
        return VD_CONFIG;
    }
    vd_watched_wallets_t *self = calloc(1, sizeof *self);
    *state = self;
    if (!self || open_parts(self) != VD_OK) {
        destroy(state);
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    vd_str_copy(self->app, sizeof self->app, vd_str(app));
    self->interval_ms = vd_config_duration_ms(config, VD_WALLET_TABLE, "interval");
    self->addresses_interval_ms =
        vd_config_duration_ms(config, VD_WALLET_TABLE, "addresses_interval");
    self->deadline_ms = vd_config_duration_ms(config, VD_WALLET_TABLE, "deadline");
    self->from = (uint64_t)vd_config_int(config, VD_WALLET_TABLE, "from");
    self->history = (uint64_t)vd_config_int(config, VD_WALLET_TABLE, "history");
    return VD_OK;
}

static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_watched_wallets_t *self = state;
    assert(self && source && reads);
    const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
    vd_address_source_t addresses = vd_address_source_of(self->app, source);
    if (reader)
        vd_pursuit_declare(reader, self->interval_ms, self->deadline_ms, 1, reads);
    else if (addresses.form != VD_ADDRESSES_NONE)
        vd_address_reads(&addresses, samples, self->addresses_interval_ms, self->deadline_ms,
                         reads);
}

const vd_observer_t vd_wallet_observer = {
    .name = "wallet",
    .summary = "Wallets on a chain of blocks: what each of them has, at every block of every "
               "branch.",
    .kinds = "addresses_watched history_read block_taken block_reread balance_changed base_moved "
             "node_refused node_removed source_removed",
    .on_demand = true,
    .version = 1,
    .config = rows,
    .layout = vd_wallet_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_wallet_turn,
    .apply = vd_wallet_apply,
    .view = vd_wallet_view,
    .queries = vd_wallet_queries,
    .query = vd_wallet_query,
    .save = vd_wallet_save,
    .load = vd_wallet_load,
};
