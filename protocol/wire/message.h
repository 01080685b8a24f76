/* message.h: the messages of the protocol as structures, made from the catalogue messages.def, and
 * their codec.
 *
 * 1. A decoded message is views into the frames it came from: it lives as long as they do.
 * 2. Unknown keys are skipped; an unknown message id is VD_UNSUPPORTED with id and correlation
 *    filled in, so that it can be answered. A header of another version likewise.
 * 3. Every frame is scanned before it is read. Field limits of the catalogue hold on both ways:
 *    what would break one is not encoded (VD_TOO_LARGE).
 * 4. Strings are views (size, no zero byte at the end) and contain no zero byte.
 */
#ifndef VD_MESSAGE_H
#define VD_MESSAGE_H

#include "wire/buffer.h"
#include "wire/limits.h"
#include "wire/status.h"
#include "wire/value.h"

#include <stdint.h>
#include <stdio.h>

typedef vd_str_t vd_field_STR;
typedef uint64_t vd_field_U64;
typedef int64_t vd_field_I64;
typedef double vd_field_F64;
typedef bool vd_field_BOOL;
typedef vd_bytes_t vd_field_BIN;
typedef vd_bytes_t vd_field_VALUE;
typedef vd_bytes_t vd_field_ROWS; /* a whole array; read it with vd_rows_next */

/* Structures vd_<name>_record_t, one for each record. */
#define VD_RECORD_BEGIN(name, meaning) typedef struct vd_##name##_owner {
#define VD_RECORD_END(name)                                                                        \
    }                                                                                              \
    vd_##name##_record_t;
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning)                                      \
    typedef struct vd_##name##_owner {                                                             \
        char vd_nothing; /* keeps a body without fields legal C */
#define VD_MESSAGE_END(upper, name)                                                                \
    }                                                                                              \
    vd_##name##_body_t;
#define VD_FIELD(owner, type, name, need, limit, meaning) vd_field_##type name;
#include "wire/messages.def"
#undef VD_RECORD_BEGIN
#undef VD_RECORD_END
#undef VD_MESSAGE_BEGIN
#undef VD_MESSAGE_END
#undef VD_FIELD

#define VD_RECORD_BEGIN(name, meaning)
#define VD_RECORD_END(name)
#define VD_MESSAGE_END(upper, name)
#define VD_FIELD(owner, type, name, need, limit, meaning)
typedef enum vd_message_id {
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning) VD_MESSAGE_##upper = id,
#include "wire/messages.def"
#undef VD_MESSAGE_BEGIN
} vd_message_id_t;

typedef struct vd_message {
    uint16_t id;
    uint64_t correlation; /* copied into the answer; 0: none is expected */
    vd_bytes_t payload;   /* may be empty */
    union {
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning) vd_##name##_body_t name;
#include "wire/messages.def"
#undef VD_MESSAGE_BEGIN
    };
} vd_message_t;

typedef enum vd_record_id {
    VD_RECORD_none,
#undef VD_RECORD_BEGIN
#define VD_RECORD_BEGIN(name, meaning) VD_RECORD_##name,
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning)
#include "wire/messages.def"
#undef VD_MESSAGE_BEGIN
} vd_record_id_t;
#undef VD_RECORD_BEGIN
#undef VD_RECORD_END
#undef VD_MESSAGE_END
#undef VD_FIELD

/* Decodes header, body and payload frames. `header` and `body` are scanned here; the payload is
 * kept as it is, each message's handler scans it as the message demands. */
vd_status_t vd_message_decode(vd_bytes_t header, vd_bytes_t body, vd_bytes_t payload,
                              vd_message_t *message);
/* Appends the header frame and, behind it, the body frame to `out`; `header_size` tells where the
 * first ends. The payload is not touched. */
vd_status_t vd_message_encode(const vd_message_t *message, vd_buffer_t *out, size_t *header_size);
/* The name of a message id, "OPEN"; NULL when unknown. */
const char *vd_message_name(uint16_t id);
/* Writes one line for people: name and fields, long values cut. */
void vd_message_print(const vd_message_t *message, vd_buffer_t *out);

/* Reads the next row of a ROWS field into the structure of `id`. `rows` is the field, cut down by
 * each call. Returns VD_OK, VD_NOT_FOUND at the end, or why the row is not valid (the rest can be
 * read on). */
vd_status_t vd_rows_next(vd_bytes_t *rows, vd_record_id_t id, void *record);
/* How many rows a field has. */
uint32_t vd_rows_count(vd_bytes_t rows);
/* Reads a map as the structure of `id`. */
vd_status_t vd_record_decode(vd_bytes_t map, vd_record_id_t id, void *record);
/* Appends a record as a map. A ROWS field is made with vd_write_array and this. */
vd_status_t vd_record_encode(vd_record_id_t id, const void *record, vd_buffer_t *out);

/* Prints the catalogue as the reference part of SPEC.md (Markdown). */
void vd_catalogue_print(FILE *out);

#endif
