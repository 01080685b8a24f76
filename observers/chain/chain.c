/* chain.c: the observer chain: its configuration, its reads and its life. */
#include "chain.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORPHANS_MAX = 2048, ORPHANS_PER_NODE_MAX = 512, PRUNE_STEP_SHARE = 4 };

static const vd_config_row_t rows[] = {
    {"interval", VD_CONFIG_DURATION, "\"200ms\"", 10, 86400000, "between reads of each node", NULL},
    {"deadline", VD_CONFIG_DURATION, "\"2s\"", 10, 60000, "for one read of a node", NULL},
    {"app", VD_CONFIG_STR, "\"chain\"", 0, 0,
     "label \"app\" of the sources of adapter http that are nodes of this chain", NULL},
    {"history", VD_CONFIG_INT, "1000", 1, 100000,
     "so many blocks below what is final are kept, and read at the start below the first head",
     NULL},
    {"confirmations", VD_CONFIG_INT, "100", 1, 100000,
     "where no node says what is irreversible, a block is final with so many above it", NULL},
    {"lagging_after", VD_CONFIG_INT, "10", 1, 100000,
     "a node lags when its head is so many blocks below the best", NULL},
    {0}};

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    static const vd_graph_limits_t limits = {VD_CHAIN_BLOCKS_MAX, ORPHANS_MAX,
                                             ORPHANS_PER_NODE_MAX};
    const char *app = vd_config_str(config, VD_CHAIN_TABLE, "app");
    *state = NULL;
    if (strlen(app) == 0 || strlen(app) > VD_NAME_BYTES_MAX) {
        snprintf(error, error_size, "app has to be a name of 1 to %d bytes", VD_NAME_BYTES_MAX);
        return VD_CONFIG;
    }
    vd_watched_chain_t *self = calloc(1, sizeof *self);
    if (self)
        self->graph = vd_graph_new(&limits);
    if (!self || !self->graph) {
        free(self);
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    *state = self;
    vd_str_copy(self->app, sizeof self->app, vd_str(app));
    self->interval_ms = vd_config_duration_ms(config, VD_CHAIN_TABLE, "interval");
    self->deadline_ms = vd_config_duration_ms(config, VD_CHAIN_TABLE, "deadline");
    self->history = (uint64_t)vd_config_int(config, VD_CHAIN_TABLE, "history");
    self->confirmations = (uint64_t)vd_config_int(config, VD_CHAIN_TABLE, "confirmations");
    self->lagging_after = (uint64_t)vd_config_int(config, VD_CHAIN_TABLE, "lagging_after");
    return VD_OK;
}

static void destroy(void **state)
{
    assert(state);
    vd_watched_chain_t *self = *state;
    if (self) {
        vd_graph_destroy(&self->graph);
        vd_chain_walks_free(self);
    }
    free(self);
    *state = NULL;
}

static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_watched_chain_t *self = state;
    assert(self && source && reads);
    (void)samples;
    const vd_reader_t *reader = vd_pursuit_reader(self->app, source);
    if (reader)
        vd_pursuit_declare(reader, self->interval_ms, self->deadline_ms, VD_CHAIN_HEADS_KEPT,
                           reads);
}

static void discover(vd_watched_chain_t *self, const vd_value_t *data)
{
    vd_graph_claim_t claim = {vd_value_get_str(data, "id"), vd_value_get_str(data, "parent"),
                              vd_value_get_u64(data, "height", VD_HEIGHT_UNKNOWN),
                              vd_value_get_str(data, "node")};
    if (vd_graph_root(self->graph) == VD_BLOCK_NONE)
        vd_graph_plant(self->graph, &claim);
    else
        vd_graph_add(self->graph, &claim);
}

/* Forgets what is more than the history below what is final, some blocks at a time. */
static void forget(vd_watched_chain_t *self)
{
    uint32_t final = vd_graph_find(self->graph, vd_str(self->nodes.final));
    if (final == VD_BLOCK_NONE || self->nodes.final_height < self->history)
        return;
    uint64_t root = vd_graph_height(self->graph, vd_graph_root(self->graph));
    uint64_t wanted = self->nodes.final_height - self->history;
    if (wanted > root + self->history / PRUNE_STEP_SHARE)
        vd_graph_prune(self->graph, vd_graph_ancestor_at(self->graph, final, wanted));
}

static void apply(void *state, const vd_event_t *event)
{
    vd_watched_chain_t *self = state;
    assert(self && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    vd_chain_nodes_apply(&self->nodes, event);
    vd_chain_walks_apply(self, event);
    if (vd_str_is(event->type, "block_discovered"))
        discover(self, &data);
    else if (vd_str_is(event->type, "finality_advanced"))
        forget(self);
}

static void save(const void *state, vd_buffer_t *out)
{
    const vd_watched_chain_t *self = state;
    assert(self && out);
    vd_write_map(out, 3);
    vd_write_text(out, "graph");
    vd_graph_save(self->graph, out);
    vd_write_text(out, "nodes");
    vd_chain_nodes_save(&self->nodes, out);
    vd_write_text(out, "walks");
    vd_chain_walks_save(self, out);
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_watched_chain_t *self = state;
    assert(self);
    vd_value_t map, graph, nodes, walks;
    if (!vd_value_of(value, &map) || !vd_value_get(&map, "graph", &graph) ||
        !vd_value_get(&map, "nodes", &nodes) || !vd_value_get(&map, "walks", &walks))
        return VD_MALFORMED;
    vd_status_t status = vd_graph_load(self->graph, graph.raw);
    if (status == VD_OK)
        status = vd_chain_nodes_load(&self->nodes, &nodes);
    return status == VD_OK ? vd_chain_walks_load(self, &walks) : status;
}

const vd_observer_t vd_chain_observer = {
    .name = "chain",
    .summary = "The nodes of a chain of blocks: their heads, forks and reorganizations, and what "
               "is final.",
    .kinds = "block_discovered ancestors_read head_changed reorg node_syncing node_synced "
             "node_lagging node_caught_up node_refused node_removed finality_advanced divergence "
             "divergence_ended",
    .on_demand = true,
    .version = 2,
    .config = rows,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_chain_turn,
    .apply = apply,
    .view = vd_chain_view,
    .layout = vd_chain_layout,
    .queries = vd_chain_queries,
    .query = vd_chain_query,
    .save = save,
    .load = load,
};
