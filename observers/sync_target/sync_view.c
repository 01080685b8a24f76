/* sync_view.c: what the observer shows, and the questions that it answers. */
#include "sync_target.h"

#include <assert.h>
#include <stdlib.h>

static void write_text_or_nil(vd_buffer_t *out, const char *key, const char *text)
{
    vd_write_text(out, key);
    if (text[0])
        vd_write_text(out, text);
    else
        vd_write_nil(out);
}

static void write_node(const vd_sync_target_t *self, const vd_sync_look_t *look, vd_buffer_t *out)
{
    const vd_sync_node_t *node = look->local ? vd_sync_node(&self->known, look->name) : NULL;
    uint64_t target = self->known.height;
    vd_write_map(out, 8);
    vd_write_pair_str(out, "name", look->name);
    vd_write_pair_text(out, "group", look->local ? "local" : "public");
    vd_write_pair_bool(out, "reachable", look->sample != NULL);
    write_text_or_nil(out, "head", look->id);
    vd_write_pair_u64(out, "height", look->height);
    vd_write_pair_u64(out, "behind",
                      look->sample && look->height < target ? target - look->height : 0);
    vd_write_text(out, "there");
    if (node)
        vd_write_bool(out, node->there);
    else
        vd_write_nil(out);
    write_text_or_nil(out, "reason", node ? node->reason : "");
}

void vd_sync_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out)
{
    const vd_sync_target_t *self = state;
    assert(self && samples && out);
    vd_sync_looks_t *looks = vd_sync_looks(self, samples);
    out->full |= !looks;
    if (!looks)
        return;
    vd_write_map(out, 8);
    write_text_or_nil(out, "target", self->known.id);
    vd_write_pair_u64(out, "height", self->known.height);
    vd_write_pair_u64(out, "agreeing", looks->agreeing);
    vd_write_pair_u64(out, "reachable", looks->reachable);
    vd_write_pair_u64(out, "public", looks->publics);
    vd_write_pair_u64(out, "local", looks->locals);
    vd_write_pair_bool(out, "reached", self->known.reached);
    vd_write_text(out, "nodes");
    vd_write_array(out, looks->count);
    for (uint32_t at = 0; at < looks->count; at++)
        write_node(self, &looks->list[at], out);
    free(looks);
}

const vd_query_row_t vd_sync_queries[] = {
    {"missing", "", "the local nodes that are not there, and why"},
    {0},
};

vd_status_t vd_sync_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                          vd_bytes_t args, vd_buffer_t *out)
{
    const vd_sync_target_t *self = state;
    assert(self && out);
    (void)samples, (void)args;
    uint32_t missing = 0;
    if (!vd_str_is(name, "missing"))
        return VD_NOT_FOUND;
    for (uint32_t at = 0; at < self->known.count; at++)
        missing += !self->known.nodes[at].there;
    vd_write_array(out, missing);
    for (uint32_t at = 0; at < self->known.count; at++) {
        if (self->known.nodes[at].there)
            continue;
        vd_write_map(out, 2);
        vd_write_pair_text(out, "name", self->known.nodes[at].name);
        vd_write_pair_text(out, "reason", self->known.nodes[at].reason);
    }
    return VD_OK;
}
