/* inclusion.c: the observer inclusion: its configuration, its reads and its life. */
#include "inclusion.h"

#include "pools.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORPHANS_MAX = 2048, ORPHANS_PER_NODE_MAX = 512, PRUNE_STEP_SHARE = 4, HEADS_KEPT = 8 };

static const vd_config_row_t rows[] = {
    {"interval", VD_CONFIG_DURATION, "\"200ms\"", 10, 86400000, "between reads of each node's head",
     NULL},
    {"pool_interval", VD_CONFIG_DURATION, "\"1s\"", 10, 86400000,
     "between reads of each node's pool, and of lists", NULL},
    {"deadline", VD_CONFIG_DURATION, "\"2s\"", 10, 60000, "for one read", NULL},
    {"app", VD_CONFIG_STR, "\"chain\"", 0, 0,
     "label \"app\" of the sources of adapter http that are nodes of this chain", NULL},
    {"transactions", VD_CONFIG_LIST, "[]", 0, 0, "ids of transactions to watch", NULL},
    {"mempools", VD_CONFIG_BOOL, "false", 0, 0,
     "watch every transaction that appears in the pool of a node", NULL},
    {"transactions_max", VD_CONFIG_INT, "1000", 1, VD_TXS_MAX,
     "nothing new is watched beyond so many", NULL},
    {"depths", VD_CONFIG_LIST, "[\"6\"]", 0, 0,
     "a transaction is told confirmed when its block has these depths; 1: it is the head", NULL},
    {"history", VD_CONFIG_INT, "100", 1, 2000,
     "so many blocks below the head are kept, and read at the start; no depth may be greater",
     NULL},
    {0}};

static bool read_depths(vd_inclusion_t *self, const vd_config_t *config, char *error, size_t size)
{
    size_t count = vd_config_list_count(config, VD_INCLUSION_TABLE, "depths");
    if (count > VD_INCLUSION_DEPTHS_MAX) {
        snprintf(error, size, "depths has more than %d elements", VD_INCLUSION_DEPTHS_MAX);
        return false;
    }
    for (size_t at = 0; at < count; at++) {
        const char *text = vd_config_list_at(config, VD_INCLUSION_TABLE, "depths", at);
        char *end;
        unsigned long long depth = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || depth == 0 || depth > self->history ||
            (at > 0 && depth <= self->depths[at - 1])) {
            snprintf(error, size,
                     "depths: \"%.40s\" has to be a number from 1 to history (%llu), "
                     "greater than the one before",
                     text, (unsigned long long)self->history);
            return false;
        }
        self->depths[self->depth_count++] = depth;
    }
    return true;
}

static bool read_transactions(vd_inclusion_t *self, const vd_config_t *config, char *error,
                              size_t size)
{
    size_t count = vd_config_list_count(config, VD_INCLUSION_TABLE, "transactions");
    for (size_t at = 0; at < count; at++) {
        const char *id = vd_config_list_at(config, VD_INCLUSION_TABLE, "transactions", at);
        if (!vd_is_chain_id(vd_str(id))) {
            snprintf(error, size,
                     "transactions: \"%.70s\" is not an id of %d lower-case "
                     "hexadecimal digits",
                     id, VD_CHAIN_ID_DIGITS);
            return false;
        }
        if (!vd_txs_put(&self->configured, vd_str(id)) || self->configured.count > self->txs_max) {
            snprintf(error, size, "transactions: more than transactions_max (%u)", self->txs_max);
            return false;
        }
    }
    return true;
}

static void destroy(void **state)
{
    assert(state);
    vd_inclusion_t *self = *state;
    if (self) {
        vd_graph_destroy(&self->graph);
        vd_txs_free(&self->configured);
        vd_txs_free(&self->known.txs);
    }
    free(self);
    *state = NULL;
}

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    static const vd_graph_limits_t limits = {VD_INCLUSION_BLOCKS_MAX, ORPHANS_MAX,
                                             ORPHANS_PER_NODE_MAX};
    const char *app = vd_config_str(config, VD_INCLUSION_TABLE, "app");
    *state = NULL;
    if (strlen(app) == 0 || strlen(app) > VD_NAME_BYTES_MAX) {
        snprintf(error, error_size, "app has to be a name of 1 to %d bytes", VD_NAME_BYTES_MAX);
        return VD_CONFIG;
    }
    vd_inclusion_t *self = calloc(1, sizeof *self);
    *state = self;
    if (self)
        self->graph = vd_graph_new(&limits);
    if (!self || !self->graph) {
        destroy(state);
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    vd_str_copy(self->app, sizeof self->app, vd_str(app));
    self->interval_ms = vd_config_duration_ms(config, VD_INCLUSION_TABLE, "interval");
    self->pool_interval_ms = vd_config_duration_ms(config, VD_INCLUSION_TABLE, "pool_interval");
    self->deadline_ms = vd_config_duration_ms(config, VD_INCLUSION_TABLE, "deadline");
    self->mempools = vd_config_bool(config, VD_INCLUSION_TABLE, "mempools");
    self->history = (uint64_t)vd_config_int(config, VD_INCLUSION_TABLE, "history");
    self->txs_max = (uint32_t)vd_config_int(config, VD_INCLUSION_TABLE, "transactions_max");
    if (read_depths(self, config, error, error_size) &&
        read_transactions(self, config, error, error_size))
        return VD_OK;
    destroy(state);
    return VD_CONFIG;
}

const vd_reader_t *vd_inclusion_reader(const vd_inclusion_t *self, const vd_source_record_t *source)
{
    const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
    return reader && reader->read_pool ? reader : NULL;
}

static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_inclusion_t *self = state;
    assert(self && source && reads);
    (void)samples;
    const vd_reader_t *reader = vd_inclusion_reader(self, source);
    char file[VD_TEXT_BYTES_MAX + 1];
    if (reader) {
        vd_pursuit_declare(reader, self->interval_ms, self->deadline_ms, HEADS_KEPT, reads);
        vd_reads_add_spec(reads, &(vd_read_spec_t){.op = reader->pool.op,
                                                   .target = reader->pool.target,
                                                   .keep = VD_POOL_LOOKS,
                                                   .interval_ms = self->pool_interval_ms,
                                                   .deadline_ms = self->deadline_ms});
    } else if (vd_inclusion_list(source).size > 0) {
        vd_str_copy(file, sizeof file, vd_inclusion_list(source));
        vd_reads_add(reads, "read", file, self->pool_interval_ms);
    }
}

static void take_block(vd_inclusion_t *self, const vd_value_t *data)
{
    vd_graph_claim_t claim = {vd_value_get_str(data, "id"), vd_value_get_str(data, "parent"),
                              vd_value_get_u64(data, "height", VD_HEIGHT_UNKNOWN),
                              vd_value_get_str(data, "node")};
    if (vd_graph_root(self->graph) == VD_BLOCK_NONE)
        vd_graph_plant(self->graph, &claim);
    else
        vd_graph_add(self->graph, &claim);
}

/* Drops the blocks of transactions that the graph has forgotten. */
static void forget_blocks(vd_inclusion_t *self)
{
    for (uint32_t at = 0; at < self->known.txs.count; at++) {
        vd_watched_tx_t *tx = &self->known.txs.list[at];
        uint32_t kept = 0;
        for (uint32_t block = 0; block < tx->block_count; block++)
            if (vd_graph_find(self->graph, vd_str(tx->blocks[block])) != VD_BLOCK_NONE)
                memmove(tx->blocks[kept++], tx->blocks[block], sizeof tx->blocks[0]);
        for (uint32_t block = kept; block < tx->block_count; block++)
            memset(tx->blocks[block], 0, sizeof tx->blocks[block]);
        tx->block_count = kept;
    }
}

/* Forgets what is more than the history below the best head, some blocks at a time. */
static void forget(vd_inclusion_t *self)
{
    uint32_t best = vd_graph_find(self->graph, vd_str(self->known.best));
    if (best == VD_BLOCK_NONE || self->known.best_height < self->history)
        return;
    uint64_t root = vd_graph_height(self->graph, vd_graph_root(self->graph));
    uint64_t wanted = self->known.best_height - self->history;
    if (wanted <= root + self->history / PRUNE_STEP_SHARE)
        return;
    vd_graph_prune(self->graph, vd_graph_ancestor_at(self->graph, best, wanted));
    forget_blocks(self);
}

static void apply(void *state, const vd_event_t *event)
{
    vd_inclusion_t *self = state;
    assert(self && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    if (vd_str_is(event->type, "block_read"))
        take_block(self, &data);
    vd_included_apply(&self->known, self->graph, event);
    if (vd_str_is(event->type, "best_changed"))
        forget(self);
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_inclusion_t *self = state;
    assert(self && out);
    vd_write_map(out, 2);
    vd_write_text(out, "graph");
    vd_graph_save(self->graph, out);
    vd_write_text(out, "known");
    vd_included_save(&self->known, self->graph, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_inclusion_t *self = state;
    assert(self);
    vd_value_t map, graph, known;
    if (!vd_value_of(value, &map) || !vd_value_get(&map, "graph", &graph) ||
        !vd_value_get(&map, "known", &known) || known.kind != VD_KIND_MAP)
        return VD_MALFORMED;
    vd_status_t status = vd_graph_load(self->graph, graph.raw);
    return status == VD_OK ? vd_included_load(&self->known, self->graph, &known) : status;
}

const vd_observer_t vd_inclusion_observer = {
    .name = "inclusion",
    .summary = "Transactions of a chain: seen, waiting, in a block and how deep, or dropped.",
    .kinds = "block_read best_changed tx_watched tx_seen tx_included tx_confirmed tx_dropped "
             "tx_forgotten",
    .on_demand = true,
    .version = 1,
    .config = rows,
    .layout = vd_inclusion_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_inclusion_turn,
    .apply = apply,
    .view = vd_inclusion_view,
    .queries = vd_inclusion_queries,
    .query = vd_inclusion_query,
    .save = save,
    .load = load,
};
