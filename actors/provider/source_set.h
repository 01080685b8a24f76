/* source_set.h: a set of sources that were found in any order, as a sorted array of records.
 *
 * 1. The same sources give the same bytes, in whatever order they were found.
 * 2. A source that is found twice is one; two that have a name in common and are not the same are
 *    an error.
 */
#ifndef VD_SOURCE_SET_H
#define VD_SOURCE_SET_H

#include "target.h"

typedef struct vd_source_set {
    const vd_target_form_t *form;
    vd_buffer_t rows;
    struct vd_source_place *places;
    uint32_t count, room;
} vd_source_set_t;

/* An empty set; `form` says what becomes of what is added, and stays the caller's. */
void vd_source_set_init(vd_source_set_t *self, const vd_target_form_t *form);
void vd_source_set_free(vd_source_set_t *self);
/* Adds a source. `target` fills the form's template; without a template `address` is taken as it
 * stands. `labels` is a map or empty. VD_OK, or why not with text in `error`. */
vd_status_t vd_source_set_add(vd_source_set_t *self, vd_str_t name, vd_str_t target,
                              vd_str_t address, vd_bytes_t labels, char *error, size_t error_size);
/* Appends the set to `out`. VD_OK, or VD_MALFORMED or VD_TOO_LARGE with text in `error`. */
vd_status_t vd_source_set_write(vd_source_set_t *self, vd_buffer_t *out, char *error,
                                size_t error_size);

#endif
