/* source_table.h: the sources of the membership: unique names, a bound on count and bytes, stable
 * places.
 *
 * 1. A name stands for at most one source at a time. A source keeps its place (an index) while it
 *    lives.
 * 2. A source that is removed leaves a trace in its place until its going has been told (forget).
 *    The trace is not found by name any more, so that the name can come back in another place at
 *    once.
 * 3. Count and bytes are bounded. The bytes are what all sources take at most in a snapshot, each
 *    with the longest poller's name that was announced (vd_source_table_poller_name).
 */
#ifndef VD_SOURCE_TABLE_H
#define VD_SOURCE_TABLE_H

#include "wire/message.h"

#define VD_SOURCE_NONE UINT32_MAX

typedef enum vd_source_use { VD_SOURCE_FREE, VD_SOURCE_LIVE, VD_SOURCE_GONE } vd_source_use_t;

typedef struct vd_source {
    vd_source_use_t use;
    bool dirty;        /* the caller's: changed since it was last told */
    uint16_t provider; /* who holds it: place in the caller's table */
    int32_t poller;    /* place in the caller's table, or -1 */
    uint32_t next;     /* of the free list */
    uint64_t inc;
    uint64_t hash; /* of the name */
    uint64_t mark; /* the announced set that named it last */
    char name[VD_NAME_BYTES_MAX + 1];
    char adapter[VD_NAME_BYTES_MAX + 1];
    uint8_t *blob; /* address, auth, labels, spec, one after the other */
    uint32_t address_size, auth_size, labels_size, spec_size;
    uint32_t bytes;
} vd_source_t;

typedef struct vd_source_table {
    uint32_t count_max, bytes_max;
    uint32_t live, gone;
    uint32_t high; /* places from here on were never used */
    uint32_t free; /* first of the free list */
    uint32_t poller_name_bytes;
    uint64_t bytes;
    vd_source_t *slots;
    uint32_t *index; /* open addressing, place + 1 */
    uint32_t index_size;
} vd_source_table_t;

/* False without memory. */
bool vd_source_table_init(vd_source_table_t *self, uint32_t count_max, uint32_t bytes_max);
void vd_source_table_free(vd_source_table_t *self);

/* The place of a live source, or VD_SOURCE_NONE. */
uint32_t vd_source_table_find(const vd_source_table_t *self, vd_str_t name);
/* Adds a source that is not there yet; record->provider is who holds it. VD_OK with its place, VD_OVERLOADED or VD_NO_MEMORY. */
vd_status_t vd_source_table_add(vd_source_table_t *self, const vd_source_record_t *record,
                                uint16_t provider, uint64_t inc, uint32_t *at);
/* Gives a live source the adapter, address, auth, labels and spec of `record`. VD_OK,
 * VD_OVERLOADED, VD_NO_MEMORY. */
vd_status_t vd_source_table_update(vd_source_table_t *self, uint32_t at,
                                   const vd_source_record_t *record);
/* Is the source still the same one (adapter and address)? And is it the same to the last byte? */
bool vd_source_same_place(const vd_source_t *source, const vd_source_record_t *record);
bool vd_source_same(const vd_source_t *source, const vd_source_record_t *record);
/* Takes a live source out; its place keeps name and inc until it is forgotten. */
void vd_source_table_remove(vd_source_table_t *self, uint32_t at);
void vd_source_table_forget(vd_source_table_t *self, uint32_t at);
/* Accounts for pollers' names of up to `size` bytes. VD_OK or VD_OVERLOADED. */
vd_status_t vd_source_table_poller_name(vd_source_table_t *self, uint32_t size);
/* Views of the source as a record; provider and poller are left empty. */
void vd_source_view(const vd_source_t *source, vd_source_record_t *record);

#endif
