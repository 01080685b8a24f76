/* reads.c: the table of standing reads. */
#include "reads.h"

#include "core/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool vd_reads_init(vd_reads_t *self, uint32_t count_max, uint64_t bytes_max)
{
    assert(self != NULL && count_max > 0 && bytes_max > 0);
    *self = (vd_reads_t){.count_max = count_max, .bytes_max = bytes_max, .free = VD_STANDING_NONE};
    self->index_size = 4;
    while (self->index_size < count_max * 2)
        self->index_size *= 2;
    self->slots = calloc(count_max, sizeof *self->slots);
    self->index = calloc(self->index_size, sizeof *self->index);
    if (self->slots != NULL && self->index != NULL)
        return true;
    vd_reads_free(self);
    return false;
}

static void release(vd_standing_t *read)
{
    free(read->parts);
    free(read->leases);
    for (int i = 0; i < VD_SAMPLES_KEPT; i++)
        if (read->samples[i].cap > 0)
            vd_buffer_free(&read->samples[i]);
}

void vd_reads_free(vd_reads_t *self)
{
    assert(self != NULL && (self->slots != NULL || self->high == 0));
    for (uint32_t i = 0; i < self->high; i++)
        if (self->slots[i].used)
            release(&self->slots[i]);
    free(self->slots);
    free(self->index);
    *self = (vd_reads_t){0};
}

static void list_parts(const vd_read_record_t *read, vd_bytes_t parts[VD_PARTS])
{
    parts[VD_PART_SOURCE] = read->source;
    parts[VD_PART_ADAPTER] = read->adapter;
    parts[VD_PART_ADDRESS] = read->address;
    parts[VD_PART_AUTH] = read->auth;
    parts[VD_PART_OP] = read->op;
    parts[VD_PART_TARGET] = read->target;
    parts[VD_PART_ARGS] = read->args;
}

uint64_t vd_read_key(const vd_read_record_t *read)
{
    vd_bytes_t parts[VD_PARTS];
    list_parts(read, parts);
    uint64_t key = vd_hash_mix(read->source_inc);
    for (int i = 0; i < VD_PARTS; i++)
        key = vd_hash(key, parts[i]);
    return key;
}

vd_bytes_t vd_standing_part(const vd_standing_t *read, vd_read_part_t part)
{
    assert(read->used && part < VD_PARTS);
    const uint8_t *at = read->parts;
    for (int i = 0; i < (int)part; i++)
        at += read->part_sizes[i];
    return vd_bytes(at, read->part_sizes[part]);
}

static bool is_same(const vd_standing_t *standing, const vd_read_record_t *read)
{
    vd_bytes_t parts[VD_PARTS];
    list_parts(read, parts);
    for (int i = 0; i < VD_PARTS; i++)
        if (!vd_bytes_equal(vd_standing_part(standing, (vd_read_part_t)i), parts[i]))
            return false;
    return standing->source_inc == read->source_inc;
}

static uint32_t index_find(const vd_reads_t *self, uint64_t key)
{
    uint32_t mask = self->index_size - 1;
    uint32_t i = (uint32_t)key & mask;
    while (self->index[i] != 0 && self->slots[self->index[i] - 1].key != key)
        i = (i + 1) & mask;
    return i;
}

static void index_remove(vd_reads_t *self, uint32_t hole)
{
    assert(self->index[hole] != 0);
    uint32_t mask = self->index_size - 1;
    self->index[hole] = 0;
    for (uint32_t i = (hole + 1) & mask; self->index[i] != 0; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)self->slots[self->index[i] - 1].key & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        self->index[hole] = self->index[i];
        self->index[i] = 0;
        hole = i;
    }
}

uint32_t vd_reads_find(const vd_reads_t *self, uint64_t key)
{
    uint32_t entry = self->index[index_find(self, key)];
    assert(entry == 0 || self->slots[entry - 1].used);
    return entry == 0 ? VD_STANDING_NONE : entry - 1;
}

static vd_status_t copy_parts(vd_standing_t *standing, const vd_read_record_t *read)
{
    vd_bytes_t parts[VD_PARTS];
    list_parts(read, parts);
    size_t size = 1;
    for (int i = 0; i < VD_PARTS; i++)
        size += parts[i].size;
    standing->parts = malloc(size);
    if (standing->parts == NULL)
        return VD_NO_MEMORY;
    uint8_t *to = standing->parts;
    for (int i = 0; i < VD_PARTS; i++) {
        standing->part_sizes[i] = (uint32_t)parts[i].size;
        if (parts[i].size > 0)
            memcpy(to, parts[i].data, parts[i].size);
        to += parts[i].size;
    }
    return VD_OK;
}

vd_status_t vd_reads_take(vd_reads_t *self, const vd_read_record_t *read, int32_t adapter,
                          uint32_t *at)
{
    uint64_t key = vd_read_key(read);
    uint32_t place = vd_reads_find(self, key);
    *at = place;
    if (place != VD_STANDING_NONE)
        return is_same(&self->slots[place], read) ? VD_OK : VD_EXISTS;
    if (self->count == self->count_max)
        return VD_OVERLOADED;
    place = self->free != VD_STANDING_NONE ? self->free : self->high;
    vd_standing_t *standing = &self->slots[place];
    assert(place < self->count_max && !standing->used);
    uint32_t next = standing->next;
    *standing = (vd_standing_t){.used = true,
                                .key = key,
                                .source_hash = vd_hash(0, read->source),
                                .source_inc = read->source_inc,
                                .adapter = adapter,
                                .n = self->n_max,
                                .status = VD_NOT_READY};
    if (copy_parts(standing, read) != VD_OK) {
        *standing = (vd_standing_t){.next = next};
        return VD_NO_MEMORY;
    }
    for (int i = 0; i < VD_SAMPLES_KEPT; i++)
        vd_buffer_init(&standing->samples[i], VD_FRAME_BYTES_MAX);
    if (place == self->high)
        self->high++;
    else
        self->free = next;
    self->index[index_find(self, key)] = place + 1;
    self->count++;
    *at = place;
    return VD_OK;
}

/* What the leases come to. */
static void merge(vd_standing_t *read)
{
    assert(read->lease_count > 0);
    read->interval_us = INT64_MAX;
    read->deadline_us = 0;
    read->bytes_max = 0;
    for (uint32_t i = 0; i < read->lease_count; i++) {
        const vd_read_lease_t *lease = &read->leases[i];
        if (lease->interval_us < read->interval_us)
            read->interval_us = lease->interval_us;
        if (lease->deadline_us > read->deadline_us)
            read->deadline_us = lease->deadline_us;
        if (lease->bytes_max > read->bytes_max)
            read->bytes_max = lease->bytes_max;
    }
}

vd_status_t vd_reads_lease(vd_reads_t *self, uint32_t at, int64_t now_us,
                           const vd_read_lease_t *lease)
{
    vd_standing_t *read = &self->slots[at];
    assert(at < self->high && read->used && lease->interval_us > 0);
    vd_reads_live(self, at, now_us);
    uint32_t i = 0;
    while (i < read->lease_count && strcmp(read->leases[i].observer, lease->observer) != 0)
        i++;
    if (i == VD_LEASES_PER_READ_MAX)
        return VD_OVERLOADED;
    if (i == read->lease_room) {
        uint32_t room = read->lease_room == 0 ? 1 : read->lease_room * 2;
        vd_read_lease_t *leases = realloc(read->leases, room * sizeof *leases);
        if (leases == NULL)
            return VD_OVERLOADED;
        read->leases = leases;
        read->lease_room = room;
    }
    read->leases[i] = *lease;
    if (i == read->lease_count)
        read->lease_count++;
    merge(read);
    return VD_OK;
}

bool vd_reads_live(vd_reads_t *self, uint32_t at, int64_t now_us)
{
    vd_standing_t *read = &self->slots[at];
    assert(at < self->high && read->used);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < read->lease_count; i++)
        if (read->leases[i].until_us > now_us)
            read->leases[kept++] = read->leases[i];
    bool changed = kept != read->lease_count;
    read->lease_count = kept;
    if (changed && kept > 0)
        merge(read);
    return kept > 0;
}

void vd_reads_remove(vd_reads_t *self, uint32_t at)
{
    vd_standing_t *read = &self->slots[at];
    assert(at < self->high && read->used && !read->running);
    index_remove(self, index_find(self, read->key));
    for (int i = 0; i < VD_SAMPLES_KEPT; i++)
        self->bytes -= read->samples[i].room;
    release(read);
    *read = (vd_standing_t){.next = self->free};
    self->free = at;
    self->count--;
}

void vd_read_feed(vd_str_t source, uint64_t key, char *out)
{
    static_assert(VD_NAME_BYTES_MAX + 24 < VD_FEED_BYTES_MAX, "a feed's name takes its source's");
    assert(source.size <= VD_NAME_BYTES_MAX);
    snprintf(out, VD_FEED_BYTES_MAX + 1, "sample/%.*s/%016" PRIx64, (int)source.size,
             (const char *)source.data, key);
}

uint32_t vd_reads_of_feed(const vd_reads_t *self, vd_str_t feed)
{
    char text[VD_FEED_BYTES_MAX + 1];
    if (!vd_str_copy(text, sizeof text, feed) || feed.size < 17)
        return VD_STANDING_NONE;
    uint64_t key = strtoull(text + feed.size - 16, NULL, 16);
    uint32_t at = vd_reads_find(self, key);
    if (at == VD_STANDING_NONE)
        return at;
    char name[VD_FEED_BYTES_MAX + 1];
    vd_read_feed(vd_standing_part(&self->slots[at], VD_PART_SOURCE), key, name);
    return strcmp(name, text) == 0 ? at : VD_STANDING_NONE;
}

static void drop(vd_reads_t *self, vd_buffer_t *sample)
{
    assert(self->bytes >= sample->room);
    self->bytes -= sample->room;
    vd_buffer_free(sample);
}

/* Drops second-newest samples, in turn, until `size` bytes fit. */
static bool make_room(vd_reads_t *self, size_t size)
{
    for (uint32_t i = 0; i < self->high && self->bytes + size > self->bytes_max; i++) {
        vd_standing_t *read = &self->slots[self->hand++ % self->high];
        if (read->used)
            drop(self, &read->samples[1]);
    }
    return self->bytes + size <= self->bytes_max;
}

vd_status_t vd_reads_keep(vd_reads_t *self, uint32_t at, vd_bytes_t sample)
{
    vd_standing_t *read = &self->slots[at];
    assert(at < self->high && read->used && sample.size > 0);
    vd_buffer_t next;
    vd_buffer_init(&next, (sample.size + 63) / 64 * 64);
    /* The oldest goes anyhow: when the next is of about the same size, its memory is used again. */
    if (read->samples[1].room >= sample.size && read->samples[1].room / 2 <= sample.size) {
        next = read->samples[1];
        vd_buffer_clear(&next);
        read->samples[1] = (vd_buffer_t){.cap = VD_FRAME_BYTES_MAX};
        self->bytes -= next.room;
    } else {
        drop(self, &read->samples[1]);
    }
    if (!make_room(self, next.room > 0 ? next.room : next.cap) ||
        !vd_buffer_add(&next, sample.data, sample.size)) {
        vd_buffer_free(&next);
        drop(self, &read->samples[0]);
        return VD_OVERLOADED;
    }
    self->bytes += next.room;
    read->samples[1] = read->samples[0];
    read->samples[0] = next;
    read->n++;
    if (read->n > self->n_max)
        self->n_max = read->n;
    return VD_OK;
}
