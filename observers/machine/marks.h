/* marks.h: the state of the observer host: what the committed events say of each machine.
 *
 * 1. A mark is a fact that holds: a machine is described, an interface is there, an alarm is
 *    raised. Events set and clear marks, by one table.
 * 2. Marks stand in the order of source, kind and name: equal states save to equal bytes.
 */
#ifndef VD_MARKS_H
#define VD_MARKS_H

#include "wire/limits.h"
#include "wire/run.h"

#define VD_MARK_NAME_SIZE 257

typedef enum vd_mark_kind {
    VD_MARK_DESCRIBED = 1,
    VD_MARK_INTERFACE,
    VD_MARK_LOAD, /* from here on: alarms */
    VD_MARK_MEMORY,
    VD_MARK_PRESSURE,
    VD_MARK_DISK,
    VD_MARK_LINK, /* an interface that is down */
} vd_mark_kind_t;

typedef struct vd_mark {
    char source[VD_NAME_BYTES_MAX + 1];
    vd_mark_kind_t kind;
    char name[VD_MARK_NAME_SIZE];
    char since[VD_TS_SIZE];
} vd_mark_t;

typedef struct vd_marks {
    uint32_t count, room;
    vd_mark_t *list;
} vd_marks_t;

/* "load", "memory", ...; "unknown" for a number that is no kind. */
const char *vd_mark_kind_name(vd_mark_kind_t kind);
bool vd_marks_has(const vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind, const char *name);
/* The place of the first mark of `source` from `kind` on. */
uint32_t vd_marks_from(const vd_marks_t *self, vd_str_t source, vd_mark_kind_t kind);
/* Applies an event; those of other observers are ignored. */
void vd_marks_apply(vd_marks_t *self, const vd_event_t *event);
void vd_marks_save(const vd_marks_t *self, vd_buffer_t *out);
vd_status_t vd_marks_load(vd_marks_t *self, vd_bytes_t value);
void vd_marks_free(vd_marks_t *self);

#endif
