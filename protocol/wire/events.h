/* events.h: the catalogue events.def as a table, and the check of an event against it.
 *
 * 1. Whoever asks for it has an event checked before it is written: a type of the catalogue needs
 *    its required fields, and every field that is listed has to be of its kind.
 * 2. Unknown types, and unknown fields of known types, always pass.
 * 3. A required field that is nil counts as missing, an optional one as absent.
 */
#ifndef VD_EVENTS_H
#define VD_EVENTS_H

#include "wire/buffer.h"
#include "wire/status.h"

typedef enum vd_event_kind {
    VD_EVENT_TEXT = 1,
    VD_EVENT_COUNT,
    VD_EVENT_NUMBER,
    VD_EVENT_BOOL,
    VD_EVENT_TIME,
    VD_EVENT_CHOICE,
    VD_EVENT_BYTES,
    VD_EVENT_LIST,
    VD_EVENT_MAP,
} vd_event_kind_t;

typedef struct vd_event_field {
    const char *name;
    vd_event_kind_t kind;
    bool required;
    const char *unit; /* CHOICE: its words with | between them */
    const char *meaning;
} vd_event_field_t;

typedef struct vd_event_type {
    const char *name;
    const char *group;
    const char *meaning;
    const vd_event_field_t *fields;
    size_t field_count;
} vd_event_type_t;

/* All types in the order of the catalogue. */
const vd_event_type_t *vd_event_types(size_t *count);
/* One of them; NULL when it is not in the catalogue. */
const vd_event_type_t *vd_event_type(vd_str_t name);
/* "text", "count", ... */
const char *vd_event_kind_name(vd_event_kind_t kind);
/* Checks an event of type `type` with `data`, one scanned MessagePack value. VD_OK, or VD_BAD_EVENT
 * with a text in `error` that names the type, the field and what it should be. */
vd_status_t vd_event_check(vd_str_t type, vd_bytes_t data, char *error, size_t error_size);

#endif
