/* positions.c: positions of subscribers from a damaged store to a new one. */
#include "repair/positions.h"

#include <assert.h>
#include <stdlib.h>

static vd_status_t take(void *arg, vd_str_t name, vd_bytes_t value)
{
    vd_positions_t *self = arg;
    vd_store_position_t position;
    if (name.size == 0 || name.size > VD_NAME_BYTES_MAX || self->count == VD_POSITIONS_MAX ||
        vd_record_position_read(value, name, &position) != VD_OK)
        return VD_OK;
    self->list[self->count++].position = position;
    return VD_OK;
}

/* The newest commit of which it knows something: its chain is that of the position. */
static uint64_t touched(const vd_position_kept_t *entry)
{
    return entry->position.index + (entry->position.offset > 0 ? 1 : 0);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = touched(a), right = touched(b);
    return (left > right) - (left < right);
}

vd_status_t vd_positions_load(vd_positions_t *self, vd_source_t *source, uint64_t anchor,
                              uint32_t anchor_chain)
{
    *self = (vd_positions_t){.list = calloc(VD_POSITIONS_MAX, sizeof *self->list)};
    if (self->list == NULL)
        return VD_NO_MEMORY;
    vd_status_t status = vd_source_walk(source, VD_KEY_POSITIONS, take, self);
    if (status != VD_OK)
        return status;
    qsort(self->list, self->count, sizeof *self->list, compare);
    /* What stands before the first commit stands there still. */
    for (; self->next < self->count && touched(&self->list[self->next]) <= anchor; self->next++)
        self->list[self->next].kept = true;
    self->met = anchor;
    self->met_chain = anchor_chain;
    return VD_OK;
}

void vd_positions_meet(vd_positions_t *self, uint64_t index, uint32_t chain, uint32_t new_chain)
{
    for (; self->next < self->count && touched(&self->list[self->next]) <= index; self->next++) {
        vd_position_kept_t *entry = &self->list[self->next];
        entry->kept = touched(entry) == index && entry->position.chain == chain;
        entry->position.chain = new_chain;
    }
    self->met = index;
    self->met_chain = new_chain;
}

void vd_positions_meet_lost(vd_positions_t *self, uint64_t index)
{
    assert(index > 0);
    for (; self->next < self->count && touched(&self->list[self->next]) <= index; self->next++) {
        vd_position_kept_t *entry = &self->list[self->next];
        entry->kept = entry->position.offset > 0 && entry->position.index == self->met;
        entry->position.offset = 0;
        entry->position.chain = self->met_chain;
    }
}

void vd_positions_put(const vd_positions_t *self, vd_writing_t *writing, FILE *out)
{
    vd_key_t key;
    for (uint32_t i = 0; i < self->count; i++) {
        const vd_position_kept_t *entry = &self->list[i];
        if (!entry->kept) {
            fprintf(out, "lost   position %s: commit %llu, behind which it stands\n",
                    entry->position.name, (unsigned long long)entry->position.index);
            continue;
        }
        vd_key_name(&key, VD_KEY_POSITIONS, vd_str(entry->position.name));
        vd_record_position_write(&writing->value, &entry->position);
        vd_writing_put(writing, &key);
    }
}

void vd_positions_free(vd_positions_t *self)
{
    free(self->list);
    *self = (vd_positions_t){0};
}
