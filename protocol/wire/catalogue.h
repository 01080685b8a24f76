/* catalogue.h: the catalogue messages.def as tables: what codec, printing and documentation
 * read. */
#ifndef VD_CATALOGUE_H
#define VD_CATALOGUE_H

#include "wire/message.h"

typedef enum vd_field_type {
    VD_TYPE_STR = 1,
    VD_TYPE_U64,
    VD_TYPE_I64,
    VD_TYPE_F64,
    VD_TYPE_BOOL,
    VD_TYPE_BIN,
    VD_TYPE_VALUE,
    VD_TYPE_ROWS,
} vd_field_type_t;

typedef struct vd_field {
    const char *name;
    vd_field_type_t type;
    bool required;
    uint32_t limit; /* bytes, or rows of ROWS; 0: no limit */
    uint16_t offset;
    uint8_t name_size;
    const char *meaning;
} vd_field_t;

/* A message body or a record. */
typedef struct vd_shape {
    const char *upper; /* "OPEN"; NULL for a record */
    const char *name;  /* "open" */
    uint16_t id;       /* message id, or record id */
    uint16_t field_count;
    const vd_field_t *fields;
    const char *direction; /* NULL for a record */
    const char *meaning;
} vd_shape_t;

/* The shape of a message; NULL when the id is unknown. */
const vd_shape_t *vd_shape_of_message(uint16_t id);
const vd_shape_t *vd_shape_of_record(vd_record_id_t id);
/* All shapes in the order of the catalogue. */
const vd_shape_t *vd_shapes_of_messages(size_t *count);
const vd_shape_t *vd_shapes_of_records(size_t *count);

#endif
