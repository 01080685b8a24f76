/* value_head.h: the first bytes of a MessagePack value, shared by scanning and reading. */
#ifndef VD_VALUE_HEAD_H
#define VD_VALUE_HEAD_H

#include "wire/value.h"

typedef struct vd_head {
    vd_kind_t kind;
    uint8_t size;     /* of the head itself */
    bool single;      /* F64 that stands as a 4-byte float */
    uint32_t count;   /* ARRAY: elements, MAP: pairs */
    uint64_t number;  /* BOOL, integers and the bits of floats */
    uint64_t content; /* STR, BIN, EXT: bytes behind the head, never more than there are */
} vd_head_t;

/* Reads the head at the front of `bytes` when its lead byte is one of c0 to df; the caller has seen
 * it. VD_OK or VD_MALFORMED. */
vd_status_t vd_head_read_long(vd_bytes_t bytes, vd_head_t *head);

/* Reads the head at the front of `bytes`. VD_OK or VD_MALFORMED. Inline: every value of every
 * message goes through it. */
static inline vd_status_t vd_head_read(vd_bytes_t bytes, vd_head_t *head)
{
    if (bytes.size == 0)
        return VD_MALFORMED;
    uint8_t lead = bytes.data[0];
    *head = (vd_head_t){.size = 1};
    if (lead <= 0x7f || lead >= 0xe0) {
        head->kind = lead <= 0x7f ? VD_KIND_U64 : VD_KIND_I64;
        head->number = (uint64_t)(int64_t)(int8_t)lead;
    } else if (lead <= 0x8f) {
        head->kind = VD_KIND_MAP;
        head->count = lead & 0x0f;
    } else if (lead <= 0x9f) {
        head->kind = VD_KIND_ARRAY;
        head->count = lead & 0x0f;
    } else if (lead <= 0xbf) {
        head->kind = VD_KIND_STR;
        head->content = lead & 0x1f;
    } else {
        return vd_head_read_long(bytes, head);
    }
    return head->content <= bytes.size - head->size ? VD_OK : VD_MALFORMED;
}

#endif
