/* run.c: runs of events: entries of a checksum and the event's bytes. */
#include "wire/run.h"
#include "wire/limits.h"
#include "wire/value_head.h"

#include <assert.h>

enum { CRC_LEAD = 0xce, CRC_SIZE = 5, BIN8_LEAD = 0xc4, BIN16_LEAD = 0xc5 };

/* The sizes of an event's head and of what follows it; nearly every event has 65535 bytes at most. */
static inline bool read_sizes(vd_bytes_t bytes, size_t *head_size, size_t *content)
{
    if (bytes.size >= 3 && bytes.data[0] == BIN16_LEAD) {
        *head_size = 3;
        *content = (size_t)bytes.data[1] << 8 | bytes.data[2];
        return *content <= bytes.size - 3;
    }
    if (bytes.size >= 2 && bytes.data[0] == BIN8_LEAD) {
        *head_size = 2;
        *content = bytes.data[1];
        return *content <= bytes.size - 2;
    }
    vd_head_t head;
    if (vd_head_read(bytes, &head) != VD_OK || head.kind != VD_KIND_BIN)
        return false;
    *head_size = head.size;
    *content = (size_t)head.content;
    return true;
}

vd_status_t vd_run_next(vd_bytes_t *run, vd_entry_t *entry)
{
    assert(run != NULL && entry != NULL);
    if (run->size == 0)
        return VD_NOT_FOUND;
    if (run->size < CRC_SIZE || run->data[0] != CRC_LEAD)
        return VD_MALFORMED;
    const uint8_t *at = run->data;
    size_t head_size, content;
    if (!read_sizes(vd_bytes(at + CRC_SIZE, run->size - CRC_SIZE), &head_size, &content))
        return VD_MALFORMED;
    size_t size = CRC_SIZE + head_size + content;
    assert(size <= run->size);
    entry->crc = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
    entry->event = vd_bytes(at + CRC_SIZE + head_size, content);
    entry->raw = vd_bytes(at, size);
    *run = vd_bytes(at + size, run->size - size);
    return VD_OK;
}

bool vd_run_add(vd_buffer_t *run, vd_bytes_t event)
{
    size_t before = run->size;
    uint32_t crc = vd_crc32c(0, event);
    uint8_t lead[CRC_SIZE] = {CRC_LEAD, (uint8_t)(crc >> 24), (uint8_t)(crc >> 16),
                              (uint8_t)(crc >> 8), (uint8_t)crc};
    vd_buffer_add(run, lead, sizeof lead);
    vd_write_bin(run, event);
    if (!run->full)
        return true;
    vd_buffer_cut(run, before);
    return false;
}

static vd_status_t check_entry(const vd_entry_t *entry)
{
    if (entry->event.size > VD_EVENT_BYTES_MAX)
        return VD_TOO_LARGE;
    if (vd_crc32c(0, entry->event) != entry->crc)
        return VD_BAD_CRC;
    vd_event_t event;
    return vd_event_read(entry->event, &event);
}

vd_status_t vd_run_check(vd_bytes_t run, uint64_t count, uint64_t *bad)
{
    assert(bad != NULL);
    *bad = 0;
    if (run.size > VD_EMIT_BYTES_MAX)
        return VD_TOO_LARGE;
    for (uint64_t i = 0; i < count; i++) {
        vd_entry_t entry;
        *bad = i;
        vd_status_t status = vd_run_next(&run, &entry);
        if (status == VD_OK)
            status = check_entry(&entry);
        if (status != VD_OK)
            return status == VD_NOT_FOUND ? VD_MALFORMED : status;
    }
    *bad = count;
    return run.size == 0 ? VD_OK : VD_MALFORMED;
}

uint32_t vd_run_digest(uint32_t crc, vd_bytes_t run)
{
    vd_entry_t entry;
    while (vd_run_next(&run, &entry) == VD_OK)
        crc = vd_crc32c(crc, vd_bytes(entry.raw.data + 1, 4));
    return crc;
}
