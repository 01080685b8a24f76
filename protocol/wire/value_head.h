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

/* Reads the head at the front of `bytes`. VD_OK or VD_MALFORMED. */
vd_status_t vd_head_read(vd_bytes_t bytes, vd_head_t *head);
/* The same for lead bytes c0 to df; the caller has seen the lead byte. */
vd_status_t vd_head_read_long(vd_bytes_t bytes, vd_head_t *head);

#endif
