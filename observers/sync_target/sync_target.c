/* sync_target.c: the observer sync_target: its configuration, its reads, its life, and what its events say. */
#include "sync_target.h"

#include "chainkit/pursuit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const vd_config_row_t rows[] = {
    {"interval", VD_CONFIG_DURATION, "\"1s\"", 10, 86400000, "between reads of each node", NULL},
    {"deadline", VD_CONFIG_DURATION, "\"2s\"", 10, 60000, "for one read of a node", NULL},
    {"app", VD_CONFIG_STR, "\"chain\"", 0, 0,
     "label \"app\" of the sources of adapter http that are nodes of this chain", NULL},
    {"unreachable_after", VD_CONFIG_INT, "3", 1, VD_KEEP_MAX,
     "a node is unreachable when so many reads in a row have failed", NULL},
    {"lost_after", VD_CONFIG_INT, "10", 1, 1000000,
     "a local node that was there is lost when it is so many blocks behind the target", NULL},
    {"progress", VD_CONFIG_DURATION, "\"10s\"", 100, 86400000,
     "between lines of progress while not all local nodes are there", NULL},
    {0}};

static vd_status_t init(void **state, const vd_config_t *config, char *error, size_t error_size)
{
    assert(state && config && error);
    const char *app = vd_config_str(config, VD_SYNC_TARGET_TABLE, "app");
    *state = NULL;
    if (strlen(app) == 0 || strlen(app) > VD_NAME_BYTES_MAX) {
        snprintf(error, error_size, "app has to be a name of 1 to %d bytes", VD_NAME_BYTES_MAX);
        return VD_CONFIG;
    }
    vd_sync_target_t *self = calloc(1, sizeof *self);
    if (!self) {
        snprintf(error, error_size, "no memory");
        return VD_NO_MEMORY;
    }
    *state = self;
    vd_str_copy(self->app, sizeof self->app, vd_str(app));
    self->interval_ms = vd_config_duration_ms(config, VD_SYNC_TARGET_TABLE, "interval");
    self->deadline_ms = vd_config_duration_ms(config, VD_SYNC_TARGET_TABLE, "deadline");
    self->progress_ms = vd_config_duration_ms(config, VD_SYNC_TARGET_TABLE, "progress");
    self->unreachable_after =
        (uint32_t)vd_config_int(config, VD_SYNC_TARGET_TABLE, "unreachable_after");
    self->lost_after = (uint64_t)vd_config_int(config, VD_SYNC_TARGET_TABLE, "lost_after");
    return VD_OK;
}

static void destroy(void **state)
{
    assert(state);
    free(*state);
    *state = NULL;
}

/* Of each node the head; of a local one also whether it has the target. */
static void declare_reads(const void *state, const vd_samples_t *samples,
                          const vd_source_record_t *source, vd_reads_t *reads)
{
    const vd_sync_target_t *self = state;
    assert(self && source && reads);
    (void)samples;
    bool local;
    vd_ask_t ask;
    vd_buffer_t args;
    const vd_reader_t *reader = vd_sync_reader(self, source, &local);
    if (!reader)
        return;
    vd_pursuit_declare(reader, self->interval_ms, self->deadline_ms, self->unreachable_after,
                       reads);
    if (!local || !vd_sync_ask(&self->known, reader, &ask))
        return;
    vd_buffer_init(&args, 512);
    if (ask.body[0]) {
        vd_write_map(&args, 1);
        vd_write_pair_text(&args, "body", ask.body);
    }
    vd_reads_add_spec(reads, &(vd_read_spec_t){.op = ask.op,
                                               .target = ask.target,
                                               .args = vd_buffer_view(&args),
                                               .optional = true,
                                               .interval_ms = self->interval_ms,
                                               .deadline_ms = self->deadline_ms});
    vd_buffer_free(&args);
}

/* ---- events ---- */

static uint32_t place_of(const vd_sync_known_t *self, vd_str_t name, bool *found)
{
    uint32_t at = 0;
    for (; at < self->count; at++) {
        vd_str_t other = vd_str(self->nodes[at].name);
        size_t least = other.size < name.size ? other.size : name.size;
        int order = least ? memcmp(other.data, name.data, least) : 0;
        if (order > 0 || (order == 0 && other.size >= name.size))
            break;
    }
    *found = at < self->count && vd_str_is(name, self->nodes[at].name);
    return at;
}

const vd_sync_node_t *vd_sync_node(const vd_sync_known_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place_of(self, name, &found);
    return found ? &self->nodes[at] : NULL;
}

/* The node, made if need be; NULL for a name that cannot be, or one too many. */
static vd_sync_node_t *put(vd_sync_known_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place_of(self, name, &found);
    if (found)
        return &self->nodes[at];
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX || self->count == VD_SYNC_NODES_MAX)
        return NULL;
    memmove(&self->nodes[at + 1], &self->nodes[at], (self->count - at) * sizeof *self->nodes);
    self->nodes[at] = (vd_sync_node_t){0};
    vd_str_copy(self->nodes[at].name, sizeof self->nodes[at].name, name);
    self->count++;
    return &self->nodes[at];
}

static void target_changed(vd_sync_known_t *self, const vd_value_t *data)
{
    vd_str_copy(self->id, sizeof self->id, vd_value_get_str(data, "id"));
    self->height = vd_value_get_u64(data, "height", 0);
}

static void node_placed(vd_sync_known_t *self, const vd_value_t *data, bool there)
{
    vd_sync_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (!node)
        return;
    node->there = there;
    memset(node->reason, 0, sizeof node->reason);
    if (!there)
        vd_str_copy(node->reason, sizeof node->reason, vd_value_get_str(data, "reason"));
}

static void local_removed(vd_sync_known_t *self, const vd_value_t *data)
{
    bool found;
    uint32_t at = place_of(self, vd_value_get_str(data, "node"), &found);
    if (!found)
        return;
    self->count--;
    memmove(&self->nodes[at], &self->nodes[at + 1], (self->count - at) * sizeof *self->nodes);
}

static void apply(void *state, const vd_event_t *event)
{
    vd_sync_target_t *self = state;
    assert(self && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    if (vd_str_is(event->type, "target_changed"))
        target_changed(&self->known, &data);
    else if (vd_str_is(event->type, "local_reached"))
        node_placed(&self->known, &data, true);
    else if (vd_str_is(event->type, "local_lost"))
        node_placed(&self->known, &data, false);
    else if (vd_str_is(event->type, "local_removed"))
        local_removed(&self->known, &data);
    else if (vd_str_is(event->type, "sync_reached"))
        self->known.reached = true;
    else if (vd_str_is(event->type, "sync_lost"))
        self->known.reached = false;
    else if (vd_str_is(event->type, "sync_progress"))
        vd_ts_parse(event->ts, &self->known.told_ms);
}

/* ---- storage ---- */

static void save(const void *state, vd_buffer_t *out)
{
    const vd_sync_target_t *self = state;
    assert(self && out);
    vd_write_map(out, 5);
    vd_write_pair_text(out, "id", self->known.id);
    vd_write_pair_u64(out, "height", self->known.height);
    vd_write_pair_bool(out, "reached", self->known.reached);
    vd_write_pair_i64(out, "told_ms", self->known.told_ms);
    vd_write_text(out, "nodes");
    vd_write_array(out, self->known.count);
    for (uint32_t at = 0; at < self->known.count; at++) {
        const vd_sync_node_t *node = &self->known.nodes[at];
        vd_write_map(out, 3);
        vd_write_pair_text(out, "name", node->name);
        vd_write_pair_bool(out, "there", node->there);
        vd_write_pair_text(out, "reason", node->reason);
    }
}

static bool is_true(const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) && value.kind == VD_KIND_BOOL && value.boolean;
}

static vd_status_t load(void *state, vd_bytes_t value)
{
    vd_sync_target_t *self = state;
    assert(self && self->known.count == 0);
    vd_value_t map, list, row, told;
    if (!vd_value_of(value, &map) || map.kind != VD_KIND_MAP ||
        !vd_value_get(&map, "nodes", &list) || list.kind != VD_KIND_ARRAY ||
        !vd_value_get(&map, "told_ms", &told))
        return VD_MALFORMED;
    vd_str_t id = vd_value_get_str(&map, "id");
    if (id.size > 0 && !vd_is_chain_id(id))
        return VD_MALFORMED;
    vd_str_copy(self->known.id, sizeof self->known.id, id);
    self->known.height = vd_value_get_u64(&map, "height", 0);
    self->known.reached = is_true(&map, "reached");
    self->known.told_ms = vd_value_i64(&told, 0);
    while (vd_value_next(&list.bytes, &row)) {
        vd_sync_node_t *node = put(&self->known, vd_value_get_str(&row, "name"));
        if (!node)
            return VD_MALFORMED;
        node->there = is_true(&row, "there");
        vd_str_copy(node->reason, sizeof node->reason, vd_value_get_str(&row, "reason"));
    }
    return VD_OK;
}

const vd_observer_t vd_sync_target_observer = {
    .name = "sync_target",
    .summary = "Where most public nodes of a chain stand, and whether all local ones are there.",
    .kinds = "target_changed local_reached local_lost local_removed sync_reached sync_lost "
             "sync_progress",
    .on_demand = true,
    .version = 1,
    .config = rows,
    .layout = vd_sync_target_layout,
    .init = init,
    .destroy = destroy,
    .reads = declare_reads,
    .turn = vd_sync_turn,
    .apply = apply,
    .view = vd_sync_view,
    .queries = vd_sync_queries,
    .query = vd_sync_query,
    .save = save,
    .load = load,
};
