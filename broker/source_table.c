/* source_table.c: sources by name and by place. */
#include "source_table.h"

#include "core/hash.h"

#include <assert.h>
#include <stdlib.h>

/* Of one record as a map, at most: its head, its keys, the heads of its texts and the incarnation;
 * and what a part that may be absent adds to its own size. */
#define RECORD_OVERHEAD_BYTES 64
#define AUTH_OVERHEAD_BYTES   8
#define LABELS_OVERHEAD_BYTES 7
#define SPEC_OVERHEAD_BYTES   5

bool vd_source_table_init(vd_source_table_t *self, uint32_t count_max, uint32_t bytes_max)
{
    assert(self != NULL && count_max > 0 && bytes_max > 0);
    *self =
        (vd_source_table_t){.count_max = count_max, .bytes_max = bytes_max, .free = VD_SOURCE_NONE};
    self->index_size = 4;
    while (self->index_size < count_max * 2)
        self->index_size *= 2;
    /* Twice the count: traces of the gone take places too until they are told. */
    self->slots = calloc((size_t)count_max * 2, sizeof *self->slots);
    self->index = calloc(self->index_size, sizeof *self->index);
    if (self->slots != NULL && self->index != NULL)
        return true;
    vd_source_table_free(self);
    return false;
}

void vd_source_table_free(vd_source_table_t *self)
{
    assert(self != NULL && (self->slots != NULL || self->high == 0));
    for (uint32_t i = 0; i < self->high; i++)
        free(self->slots[i].blob);
    free(self->slots);
    free(self->index);
    *self = (vd_source_table_t){0};
}

static uint64_t name_hash(vd_str_t name)
{
    return vd_hash(0, name);
}

/* Where `name` stands in the index, or the empty place where it would. */
static uint32_t index_find(const vd_source_table_t *self, vd_str_t name, uint64_t hash)
{
    uint32_t mask = self->index_size - 1;
    uint32_t i = (uint32_t)hash & mask;
    while (self->index[i] != 0) {
        const vd_source_t *source = &self->slots[self->index[i] - 1];
        if (source->hash == hash && vd_str_is(name, source->name))
            break;
        i = (i + 1) & mask;
    }
    return i;
}

uint32_t vd_source_table_find(const vd_source_table_t *self, vd_str_t name)
{
    uint32_t entry = self->index[index_find(self, name, name_hash(name))];
    assert(entry == 0 || self->slots[entry - 1].use == VD_SOURCE_LIVE);
    return entry == 0 ? VD_SOURCE_NONE : entry - 1;
}

/* Empties a place of the index and moves up what was pushed behind it. */
static void index_remove(vd_source_table_t *self, uint32_t hole)
{
    assert(self->index[hole] != 0);
    uint32_t mask = self->index_size - 1;
    self->index[hole] = 0;
    for (uint32_t i = (hole + 1) & mask; self->index[i] != 0; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)self->slots[self->index[i] - 1].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        self->index[hole] = self->index[i];
        self->index[i] = 0;
        hole = i;
    }
}

static size_t part_bytes(vd_bytes_t part, size_t overhead)
{
    return part.size > 0 ? part.size + overhead : 0;
}

static uint32_t record_bytes(const vd_source_record_t *record)
{
    return (uint32_t)(RECORD_OVERHEAD_BYTES + record->name.size + record->adapter.size +
                      record->address.size + record->provider.size +
                      part_bytes(record->auth, AUTH_OVERHEAD_BYTES) +
                      part_bytes(record->labels, LABELS_OVERHEAD_BYTES) +
                      part_bytes(record->spec, SPEC_OVERHEAD_BYTES));
}

static bool fits(const vd_source_table_t *self, uint64_t bytes, uint64_t count)
{
    return bytes + count * self->poller_name_bytes <= self->bytes_max;
}

vd_status_t vd_source_table_poller_name(vd_source_table_t *self, uint32_t size)
{
    assert(size <= VD_NAME_BYTES_MAX);
    if (size <= self->poller_name_bytes)
        return VD_OK;
    if (self->bytes + (uint64_t)self->live * size > self->bytes_max)
        return VD_OVERLOADED;
    self->poller_name_bytes = size;
    return VD_OK;
}

/* Replaces the variable part. */
static vd_status_t fill(vd_source_t *source, const vd_source_record_t *record)
{
    size_t size =
        record->address.size + record->auth.size + record->labels.size + record->spec.size;
    uint8_t *blob = malloc(size + 1);
    if (blob == NULL)
        return VD_NO_MEMORY;
    vd_bytes_t parts[] = {record->address, record->auth, record->labels, record->spec};
    uint8_t *to = blob;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].size > 0)
            memcpy(to, parts[i].data, parts[i].size);
        to += parts[i].size;
    }
    free(source->blob);
    source->blob = blob;
    source->address_size = (uint32_t)record->address.size;
    source->auth_size = (uint32_t)record->auth.size;
    source->labels_size = (uint32_t)record->labels.size;
    source->spec_size = (uint32_t)record->spec.size;
    bool copied = vd_str_copy(source->adapter, sizeof source->adapter, record->adapter);
    assert(copied);
    source->bytes = record_bytes(record);
    return VD_OK;
}

vd_status_t vd_source_table_add(vd_source_table_t *self, const vd_source_record_t *record,
                                uint16_t provider, uint64_t inc, uint32_t *at)
{
    assert(vd_source_table_find(self, record->name) == VD_SOURCE_NONE);
    if (self->live == self->count_max || self->gone == self->count_max ||
        !fits(self, self->bytes + record_bytes(record), self->live + 1))
        return VD_OVERLOADED;
    uint32_t slot = self->free != VD_SOURCE_NONE ? self->free : self->high;
    vd_source_t *source = &self->slots[slot];
    assert(source->use == VD_SOURCE_FREE && source->blob == NULL);
    uint32_t next = source->next;
    if (fill(source, record) != VD_OK)
        return VD_NO_MEMORY;
    if (slot == self->high)
        self->high++;
    else
        self->free = next;
    bool copied = vd_str_copy(source->name, sizeof source->name, record->name);
    assert(copied);
    source->use = VD_SOURCE_LIVE;
    source->dirty = false;
    source->provider = provider;
    source->poller = -1;
    source->inc = inc;
    source->mark = 0;
    source->hash = name_hash(record->name);
    self->index[index_find(self, record->name, source->hash)] = slot + 1;
    self->live++;
    self->bytes += source->bytes;
    *at = slot;
    return VD_OK;
}

vd_status_t vd_source_table_update(vd_source_table_t *self, uint32_t at,
                                   const vd_source_record_t *record)
{
    vd_source_t *source = &self->slots[at];
    assert(at < self->high && source->use == VD_SOURCE_LIVE);
    assert(vd_str_is(record->name, source->name));
    uint64_t bytes = self->bytes - source->bytes + record_bytes(record);
    if (!fits(self, bytes, self->live))
        return VD_OVERLOADED;
    if (fill(source, record) != VD_OK)
        return VD_NO_MEMORY;
    self->bytes = bytes;
    return VD_OK;
}

void vd_source_view(const vd_source_t *source, vd_source_record_t *record)
{
    assert(source->use == VD_SOURCE_LIVE);
    const uint8_t *auth = source->blob + source->address_size;
    const uint8_t *labels = auth + source->auth_size;
    *record = (vd_source_record_t){
        .name = vd_str(source->name),
        .adapter = vd_str(source->adapter),
        .address = vd_bytes(source->blob, source->address_size),
        .auth = vd_bytes(auth, source->auth_size),
        .inc = source->inc,
        .labels = vd_bytes(labels, source->labels_size),
        .spec = vd_bytes(labels + source->labels_size, source->spec_size),
    };
}

bool vd_source_same_place(const vd_source_t *source, const vd_source_record_t *record)
{
    vd_source_record_t now;
    vd_source_view(source, &now);
    return vd_bytes_equal(now.adapter, record->adapter) &&
           vd_bytes_equal(now.address, record->address);
}

bool vd_source_same(const vd_source_t *source, const vd_source_record_t *record)
{
    vd_source_record_t now;
    vd_source_view(source, &now);
    return vd_source_same_place(source, record) && vd_bytes_equal(now.auth, record->auth) &&
           vd_bytes_equal(now.labels, record->labels) && vd_bytes_equal(now.spec, record->spec);
}

void vd_source_table_remove(vd_source_table_t *self, uint32_t at)
{
    vd_source_t *source = &self->slots[at];
    assert(at < self->high && source->use == VD_SOURCE_LIVE);
    index_remove(self, index_find(self, vd_str(source->name), source->hash));
    source->use = VD_SOURCE_GONE;
    source->poller = -1;
    free(source->blob);
    source->blob = NULL;
    self->bytes -= source->bytes;
    self->live--;
    self->gone++;
}

void vd_source_table_forget(vd_source_table_t *self, uint32_t at)
{
    vd_source_t *source = &self->slots[at];
    assert(at < self->high && source->use == VD_SOURCE_GONE);
    assert(!source->dirty);
    source->use = VD_SOURCE_FREE;
    source->next = self->free;
    self->free = at;
    self->gone--;
}
