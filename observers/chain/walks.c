/* walks.c: the ways down that the state keeps. */
#include "chain.h"

#include "chainkit/graph_state.h"

#include <assert.h>
#include <stdlib.h>

static vd_chain_walk_t *find(vd_watched_chain_t *self, vd_str_t node)
{
    for (uint32_t at = 0; at < VD_CHAIN_NODES_MAX; at++)
        if (self->walks[at].node[0] && vd_str_is(node, self->walks[at].node))
            return &self->walks[at];
    return NULL;
}

const vd_chain_walk_t *vd_chain_walk(const vd_watched_chain_t *self, vd_str_t node)
{
    return find((vd_watched_chain_t *)self, node);
}

static void end(vd_chain_walk_t *walk)
{
    if (!walk)
        return;
    free(walk->ids);
    *walk = (vd_chain_walk_t){0};
}

void vd_chain_walks_free(vd_watched_chain_t *self)
{
    for (uint32_t at = 0; at < VD_CHAIN_NODES_MAX; at++)
        end(&self->walks[at]);
}

static vd_chain_walk_t *begin(vd_watched_chain_t *self, vd_str_t node, uint64_t height)
{
    end(find(self, node));
    for (uint32_t at = 0; at < VD_CHAIN_NODES_MAX && node.size > 0; at++)
        if (!self->walks[at].node[0] &&
            vd_str_copy(self->walks[at].node, sizeof self->walks[at].node, node)) {
            self->walks[at].height = height;
            return &self->walks[at];
        }
    return NULL;
}

static bool add(vd_chain_walk_t *walk, vd_str_t id)
{
    return vd_graph_room((void **)&walk->ids, &walk->room, walk->count, 2 * VD_CHAIN_WALK_MAX,
                         sizeof *walk->ids) &&
           vd_str_copy(walk->ids[walk->count++], sizeof *walk->ids, id);
}

/* Goes on from where the node's walk stands, or begins anew. */
static void read_on(vd_watched_chain_t *self, const vd_value_t *data)
{
    vd_value_t list, id;
    vd_str_t node = vd_value_get_str(data, "node");
    vd_chain_walk_t *walk = find(self, node);
    if (!vd_value_get(data, "blocks", &list) || list.kind != VD_KIND_ARRAY || list.count == 0)
        return;
    bool first = true;
    while (vd_value_next(&list.bytes, &id)) {
        if (first && (!walk || !vd_str_is(vd_value_str(&id), walk->next)))
            walk = begin(self, node, vd_value_get_u64(data, "height", VD_HEIGHT_UNKNOWN));
        first = false;
        if (!walk || !add(walk, vd_value_str(&id))) {
            end(walk); /* it is begun again */
            return;
        }
    }
    if (walk)
        vd_str_copy(walk->next, sizeof walk->next, vd_value_get_str(data, "next"));
}

/* Whoever's walk began with this block has come to its end. */
static void arrive(vd_watched_chain_t *self, vd_str_t id)
{
    for (uint32_t at = 0; at < VD_CHAIN_NODES_MAX; at++)
        if (self->walks[at].count > 0 && vd_str_is(id, self->walks[at].ids[0]))
            end(&self->walks[at]);
}

void vd_chain_walks_apply(vd_watched_chain_t *self, const vd_event_t *event)
{
    vd_value_t data;
    assert(self && event);
    if (!vd_value_of(event->data, &data) || data.kind != VD_KIND_MAP)
        return;
    if (vd_str_is(event->type, "ancestors_read"))
        read_on(self, &data);
    else if (vd_str_is(event->type, "block_discovered"))
        arrive(self, vd_value_get_str(&data, "id"));
    else if (vd_str_is(event->type, "head_changed") || vd_str_is(event->type, "node_removed") ||
             (vd_str_is(event->type, "node_refused") && vd_value_get_u64(&data, "until_ms", 0) > 0))
        end(find(self, vd_value_get_str(&data, "node")));
}

/* In the order of the nodes, whatever the places. */
void vd_chain_walks_save(const vd_watched_chain_t *self, vd_buffer_t *out)
{
    const vd_chain_walk_t *ordered[VD_CHAIN_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t at = 0; at < VD_CHAIN_NODES_MAX; at++) {
        const vd_chain_walk_t *walk = &self->walks[at];
        uint32_t place = count;
        if (!walk->node[0])
            continue;
        for (; place > 0 && strcmp(ordered[place - 1]->node, walk->node) > 0; place--)
            ordered[place] = ordered[place - 1];
        ordered[place] = walk;
        count++;
    }
    vd_write_array(out, count);
    for (uint32_t at = 0; at < count; at++) {
        const vd_chain_walk_t *walk = ordered[at];
        vd_write_map(out, 4);
        vd_write_pair_text(out, "node", walk->node);
        vd_write_pair_u64(out, "height", walk->height);
        vd_write_pair_text(out, "next", walk->next);
        vd_write_text(out, "blocks");
        vd_write_array(out, walk->count);
        for (uint32_t id = 0; id < walk->count; id++)
            vd_graph_write_id(out, vd_str(walk->ids[id]));
    }
}

static vd_status_t load_walk(vd_watched_chain_t *self, const vd_value_t *row)
{
    vd_value_t list, value;
    char id[VD_CHAIN_ID_SIZE];
    size_t size;
    vd_str_t node = vd_value_get_str(row, "node"), next = vd_value_get_str(row, "next");
    if (find(self, node) || next.size == 0 || next.size > VD_NAME_BYTES_MAX ||
        !vd_value_get(row, "blocks", &list) || list.kind != VD_KIND_ARRAY || list.count == 0)
        return VD_MALFORMED;
    vd_chain_walk_t *walk = begin(self, node, vd_value_get_u64(row, "height", VD_HEIGHT_UNKNOWN));
    if (!walk)
        return VD_MALFORMED;
    vd_str_copy(walk->next, sizeof walk->next, next);
    while (vd_value_next(&list.bytes, &value))
        if (!vd_graph_read_id(&value, id, &size) || !add(walk, vd_bytes(id, size)))
            return VD_MALFORMED;
    return VD_OK;
}

vd_status_t vd_chain_walks_load(vd_watched_chain_t *self, const vd_value_t *list)
{
    vd_value_t rest = *list, row;
    vd_status_t status = list->kind == VD_KIND_ARRAY ? VD_OK : VD_MALFORMED;
    while (status == VD_OK && vd_value_next(&rest.bytes, &row))
        status = row.kind == VD_KIND_MAP ? load_walk(self, &row) : VD_MALFORMED;
    return status;
}
