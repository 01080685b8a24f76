/* value_scan.c: checks MessagePack from outside before anything else looks at it. */
#include "wire/value.h"
#include "wire/value_head.h"

#include <assert.h>
#include <endian.h>

/* One row for each lead byte from c0 to df: kind, bytes of the number or length behind the lead
 * byte, fixed content. */
typedef struct vd_lead {
    uint8_t kind;
    uint8_t width;
    uint8_t fixed;
} vd_lead_t;

static const vd_lead_t leads[32] = {
    [0x00] = {VD_KIND_NIL, 0, 0},   [0x02] = {VD_KIND_BOOL, 0, 0},  [0x03] = {VD_KIND_BOOL, 0, 0},
    [0x04] = {VD_KIND_BIN, 1, 0},   [0x05] = {VD_KIND_BIN, 2, 0},   [0x06] = {VD_KIND_BIN, 4, 0},
    [0x07] = {VD_KIND_EXT, 1, 1},   [0x08] = {VD_KIND_EXT, 2, 1},   [0x09] = {VD_KIND_EXT, 4, 1},
    [0x0a] = {VD_KIND_F64, 4, 0},   [0x0b] = {VD_KIND_F64, 8, 0},   [0x0c] = {VD_KIND_U64, 1, 0},
    [0x0d] = {VD_KIND_U64, 2, 0},   [0x0e] = {VD_KIND_U64, 4, 0},   [0x0f] = {VD_KIND_U64, 8, 0},
    [0x10] = {VD_KIND_I64, 1, 0},   [0x11] = {VD_KIND_I64, 2, 0},   [0x12] = {VD_KIND_I64, 4, 0},
    [0x13] = {VD_KIND_I64, 8, 0},   [0x14] = {VD_KIND_EXT, 0, 2},   [0x15] = {VD_KIND_EXT, 0, 3},
    [0x16] = {VD_KIND_EXT, 0, 5},   [0x17] = {VD_KIND_EXT, 0, 9},   [0x18] = {VD_KIND_EXT, 0, 17},
    [0x19] = {VD_KIND_STR, 1, 0},   [0x1a] = {VD_KIND_STR, 2, 0},   [0x1b] = {VD_KIND_STR, 4, 0},
    [0x1c] = {VD_KIND_ARRAY, 2, 0}, [0x1d] = {VD_KIND_ARRAY, 4, 0}, [0x1e] = {VD_KIND_MAP, 2, 0},
    [0x1f] = {VD_KIND_MAP, 4, 0},
};

static uint64_t read_big_endian(const uint8_t *at, unsigned width)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (width) {
    case 0:
        return 0;
    case 1:
        return at[0];
    case 2:
        memcpy(&two, at, sizeof two);
        return be16toh(two);
    case 4:
        memcpy(&four, at, sizeof four);
        return be32toh(four);
    default:
        assert(width == 8);
        memcpy(&eight, at, sizeof eight);
        return be64toh(eight);
    }
}

/* Signed integers on the wire may be non-negative; they read as U64 all the same. */
static void set_signed(vd_head_t *head, unsigned width)
{
    assert(width >= 1 && width <= 8);
    unsigned shift = 64 - 8 * width;
    int64_t value = (int64_t)(head->number << shift) >> shift;
    head->number = (uint64_t)value;
    head->kind = value < 0 ? VD_KIND_I64 : VD_KIND_U64;
}

vd_status_t vd_head_read_long(vd_bytes_t bytes, vd_head_t *head)
{
    uint8_t lead = bytes.data[0];
    assert(lead >= 0xc0 && lead <= 0xdf);
    const vd_lead_t *row = &leads[lead - 0xc0];
    if (row->kind == 0 || bytes.size < 1u + row->width)
        return VD_MALFORMED;
    uint64_t number = read_big_endian(bytes.data + 1, row->width);
    head->kind = (vd_kind_t)row->kind;
    head->size = (uint8_t)(1 + row->width);
    switch (head->kind) {
    case VD_KIND_STR:
    case VD_KIND_BIN:
    case VD_KIND_EXT:
        head->content = number + row->fixed;
        return head->content <= bytes.size - head->size ? VD_OK : VD_MALFORMED;
    case VD_KIND_ARRAY:
    case VD_KIND_MAP:
        head->count = (uint32_t)number;
        return VD_OK;
    case VD_KIND_BOOL:
        head->number = lead == 0xc3;
        return VD_OK;
    case VD_KIND_I64:
        head->number = number;
        set_signed(head, row->width);
        return VD_OK;
    default:
        head->number = number;
        head->single = row->width == 4;
        return VD_OK;
    }
}

/* Walks without recursion: `left[d]` values are still to come at depth d. */
vd_status_t vd_scan(vd_bytes_t bytes, unsigned depth_max, size_t *size)
{
    enum { DEPTH_ROOM = 64 };
    assert(depth_max < DEPTH_ROOM && size != NULL);
    uint64_t left[DEPTH_ROOM];
    unsigned depth = 0;
    size_t at = 0;
    if (bytes.size == 0) /* nothing may stand nowhere */
        return VD_MALFORMED;
    left[0] = 1;

    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) {
                *size = at;
                return VD_OK;
            }
            depth--;
        }
        vd_head_t head;
        vd_status_t status = vd_head_read(vd_bytes(bytes.data + at, bytes.size - at), &head);
        if (status != VD_OK)
            return status;
        left[depth]--;
        at += head.size + (size_t)head.content;
        uint64_t inside = head.kind == VD_KIND_MAP ? 2ull * head.count : head.count;
        if (inside == 0)
            continue;
        /* Every value takes a byte at least: a count that the bytes cannot hold is refused here,
         * before anything believes it. */
        if (inside > bytes.size - at)
            return VD_MALFORMED;
        if (depth == depth_max)
            return VD_TOO_DEEP;
        left[++depth] = inside;
    }
}

vd_status_t vd_scan_exact(vd_bytes_t bytes, unsigned depth_max)
{
    size_t size = 0;
    vd_status_t status = vd_scan(bytes, depth_max, &size);
    if (status != VD_OK)
        return status;
    assert(size <= bytes.size);
    return size == bytes.size ? VD_OK : VD_MALFORMED;
}
