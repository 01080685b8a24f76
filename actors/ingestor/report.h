/* report.h: what is told of the store as a whole: STORE and VERIFY.
 *
 * 1. Counts come from the records of sessions: no event is read for them.
 */
#ifndef VD_REPORT_H
#define VD_REPORT_H

#include "core/core.h"
#include "store/store.h"
#include "trouble.h"
#include "written.h"

/* What the writing side tells. Each may be NULL. */
typedef struct vd_report_view {
    vd_trouble_t *trouble;
    vd_written_t *written;
} vd_report_view_t;

/* Answers STORE. */
void vd_report_store(vd_store_t *store, const vd_report_view_t *view, const vd_input_t *input,
                     vd_effects_t *effects);
/* Answers VERIFY, with a cursor of the store's that nobody else is in the middle of. */
void vd_report_verify(vd_store_t *store, vd_store_cursor_t *cursor, const vd_input_t *input,
                      vd_effects_t *effects);

#endif
