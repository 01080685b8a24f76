/* nodes.c: the nodes in order, and what each event says of them. */
#include "chain.h"

#include <assert.h>

const vd_chain_refusal_t *vd_chain_refused(const vd_chain_node_t *node)
{
    return node->refusals == 0 ? NULL
                               : &node->refused[(node->refusals - 1) % VD_CHAIN_REFUSED_KEPT];
}

bool vd_chain_was_refused(const vd_chain_node_t *node, vd_str_t block, const char *reason)
{
    for (uint32_t at = 0; at < VD_CHAIN_REFUSED_KEPT && at < node->refusals; at++)
        if (vd_str_is(block, node->refused[at].block) &&
            strcmp(node->refused[at].reason, reason) == 0)
            return true;
    return false;
}

bool vd_chain_diverged(const vd_chain_nodes_t *self)
{
    for (uint32_t at = 0; at < self->count; at++)
        if (self->list[at].diverged)
            return true;
    return false;
}

static uint32_t place(const vd_chain_nodes_t *self, vd_str_t name, bool *found)
{
    uint32_t at = 0;
    for (; at < self->count; at++) {
        vd_str_t other = vd_str(self->list[at].name);
        size_t least = other.size < name.size ? other.size : name.size;
        int order = least ? memcmp(other.data, name.data, least) : 0;
        if (order > 0 || (order == 0 && other.size >= name.size))
            break;
    }
    *found = at < self->count && vd_str_is(name, self->list[at].name);
    return at;
}

const vd_chain_node_t *vd_chain_node(const vd_chain_nodes_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place(self, name, &found);
    return found ? &self->list[at] : NULL;
}

/* The node, made if need be; NULL for a name that cannot be, or one too many. */
static vd_chain_node_t *put(vd_chain_nodes_t *self, vd_str_t name)
{
    bool found;
    uint32_t at = place(self, name, &found);
    if (found)
        return &self->list[at];
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX || self->count == VD_CHAIN_NODES_MAX)
        return NULL;
    memmove(&self->list[at + 1], &self->list[at], (self->count - at) * sizeof *self->list);
    self->list[at] = (vd_chain_node_t){0};
    vd_str_copy(self->list[at].name, sizeof self->list[at].name, name);
    self->count++;
    return &self->list[at];
}

static void take_text(char *out, size_t size, const vd_value_t *data, const char *key)
{
    vd_str_copy(out, size, vd_value_get_str(data, key));
}

static void head_changed(vd_chain_nodes_t *self, const vd_value_t *data)
{
    vd_chain_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (!node)
        return;
    take_text(node->head, sizeof node->head, data, "id");
    take_text(node->left, sizeof node->left, data, "left");
    node->height = vd_value_get_u64(data, "height", 0);
}

static void lagging(vd_chain_nodes_t *self, const vd_value_t *data)
{
    vd_chain_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (node)
        node->lagging = true;
}

static void caught_up(vd_chain_nodes_t *self, const vd_value_t *data)
{
    vd_chain_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (node)
        node->lagging = false;
}

static void syncing(vd_chain_nodes_t *self, const vd_value_t *data)
{
    vd_chain_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (node)
        node->syncing = true;
}

static void synced(vd_chain_nodes_t *self, const vd_value_t *data)
{
    vd_chain_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (node)
        node->syncing = false;
}

static void refused(vd_chain_nodes_t *self, const vd_value_t *data)
{
    vd_chain_node_t *node = put(self, vd_value_get_str(data, "node"));
    if (!node)
        return;
    vd_chain_refusal_t *refusal = &node->refused[node->refusals++ % VD_CHAIN_REFUSED_KEPT];
    take_text(refusal->block, sizeof refusal->block, data, "block");
    take_text(refusal->reason, sizeof refusal->reason, data, "reason");
    node->until_ms = (int64_t)vd_value_get_u64(data, "until_ms", (uint64_t)node->until_ms);
}

static void removed(vd_chain_nodes_t *self, const vd_value_t *data)
{
    bool found;
    uint32_t at = place(self, vd_value_get_str(data, "node"), &found);
    if (!found)
        return;
    self->count--;
    memmove(&self->list[at], &self->list[at + 1], (self->count - at) * sizeof *self->list);
}

static void final_advanced(vd_chain_nodes_t *self, const vd_value_t *data)
{
    take_text(self->final, sizeof self->final, data, "id");
    self->final_height = vd_value_get_u64(data, "height", 0);
}

static void mark(vd_chain_nodes_t *self, const vd_value_t *data, bool is_diverged)
{
    vd_value_t list, name;
    if (!vd_value_get(data, "nodes", &list) || list.kind != VD_KIND_ARRAY)
        return;
    while (vd_value_next(&list.bytes, &name)) {
        vd_chain_node_t *node = put(self, vd_value_str(&name));
        if (node)
            node->diverged = is_diverged;
    }
}

static void diverged(vd_chain_nodes_t *self, const vd_value_t *data)
{
    mark(self, data, true);
}

static void agreed(vd_chain_nodes_t *self, const vd_value_t *data)
{
    mark(self, data, false);
}

void vd_chain_nodes_apply(vd_chain_nodes_t *self, const vd_event_t *event)
{
    static const struct {
        const char *type;
        void (*apply)(vd_chain_nodes_t *self, const vd_value_t *data);
    } effects[] = {
        {"head_changed", head_changed}, {"node_lagging", lagging},
        {"node_caught_up", caught_up},  {"node_refused", refused},
        {"node_removed", removed},      {"finality_advanced", final_advanced},
        {"divergence", diverged},       {"divergence_ended", agreed},
        {"node_syncing", syncing},      {"node_synced", synced},
    };
    assert(self && event);
    vd_value_t data;
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    for (size_t at = 0; at < sizeof effects / sizeof effects[0]; at++)
        if (vd_str_is(event->type, effects[at].type))
            effects[at].apply(self, &data);
}

static void save_node(const vd_chain_node_t *node, vd_buffer_t *out)
{
    uint64_t kept = node->refusals < VD_CHAIN_REFUSED_KEPT ? node->refusals : VD_CHAIN_REFUSED_KEPT;
    vd_write_map(out, 10);
    vd_write_pair_text(out, "name", node->name);
    vd_write_pair_text(out, "head", node->head);
    vd_write_pair_text(out, "left", node->left);
    vd_write_pair_u64(out, "height", node->height);
    vd_write_pair_bool(out, "lagging", node->lagging);
    vd_write_pair_bool(out, "syncing", node->syncing);
    vd_write_pair_bool(out, "diverged", node->diverged);
    vd_write_pair_u64(out, "until_ms", (uint64_t)node->until_ms);
    vd_write_pair_u64(out, "refusals", node->refusals);
    vd_write_text(out, "refused");
    vd_write_array(out, (uint32_t)(2 * kept));
    for (uint64_t at = node->refusals - kept; at < node->refusals; at++) {
        vd_write_text(out, node->refused[at % VD_CHAIN_REFUSED_KEPT].block);
        vd_write_text(out, node->refused[at % VD_CHAIN_REFUSED_KEPT].reason);
    }
}

void vd_chain_nodes_save(const vd_chain_nodes_t *self, vd_buffer_t *out)
{
    assert(self && out);
    vd_write_map(out, 3);
    vd_write_pair_text(out, "final", self->final);
    vd_write_pair_u64(out, "final_height", self->final_height);
    vd_write_text(out, "nodes");
    vd_write_array(out, self->count);
    for (uint32_t at = 0; at < self->count; at++)
        save_node(&self->list[at], out);
}

static bool is_true(const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) && value.kind == VD_KIND_BOOL && value.boolean;
}

static vd_status_t load_refused(vd_chain_node_t *node, const vd_value_t *row)
{
    vd_value_t list, block, reason;
    node->refusals = vd_value_get_u64(row, "refusals", 0);
    uint64_t kept = node->refusals < VD_CHAIN_REFUSED_KEPT ? node->refusals : VD_CHAIN_REFUSED_KEPT;
    if (!vd_value_get(row, "refused", &list) || list.kind != VD_KIND_ARRAY ||
        list.count != 2 * kept)
        return VD_MALFORMED;
    for (uint64_t at = node->refusals - kept; at < node->refusals; at++) {
        vd_chain_refusal_t *refusal = &node->refused[at % VD_CHAIN_REFUSED_KEPT];
        if (!vd_value_next(&list.bytes, &block) || !vd_value_next(&list.bytes, &reason))
            return VD_MALFORMED;
        vd_str_copy(refusal->block, sizeof refusal->block, vd_value_str(&block));
        vd_str_copy(refusal->reason, sizeof refusal->reason, vd_value_str(&reason));
    }
    return VD_OK;
}

static vd_status_t load_node(vd_chain_nodes_t *self, const vd_value_t *row)
{
    vd_chain_node_t *node =
        row->kind == VD_KIND_MAP ? put(self, vd_value_get_str(row, "name")) : NULL;
    if (!node)
        return VD_MALFORMED;
    take_text(node->head, sizeof node->head, row, "head");
    take_text(node->left, sizeof node->left, row, "left");
    node->height = vd_value_get_u64(row, "height", 0);
    node->lagging = is_true(row, "lagging");
    node->syncing = is_true(row, "syncing");
    node->diverged = is_true(row, "diverged");
    node->until_ms = (int64_t)vd_value_get_u64(row, "until_ms", 0);
    return load_refused(node, row);
}

vd_status_t vd_chain_nodes_load(vd_chain_nodes_t *self, const vd_value_t *map)
{
    assert(self && map && self->count == 0);
    vd_value_t list, row;
    vd_status_t status = VD_OK;
    if (map->kind != VD_KIND_MAP || !vd_value_get(map, "nodes", &list) ||
        list.kind != VD_KIND_ARRAY)
        return VD_MALFORMED;
    take_text(self->final, sizeof self->final, map, "final");
    self->final_height = vd_value_get_u64(map, "final_height", 0);
    while (status == VD_OK && vd_value_next(&list.bytes, &row))
        status = load_node(self, &row);
    return status;
}
