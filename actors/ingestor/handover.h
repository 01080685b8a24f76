/* handover.h: positions and states on their way from the reading thread to the writing one, and the outcomes on
 * their way back.
 *
 * 1. While nobody writes, what is given is answered at once with the status and text that
 *    vd_handover_close was given.
 * 2. At most VD_KEPT_WRITES are on their way, counting outcomes that were not taken: the core that
 *    gives them sees to it (kept.h).
 */
#ifndef VD_HANDOVER_H
#define VD_HANDOVER_H

#include "kept.h"

typedef struct vd_handover vd_handover_t;

typedef struct vd_handover_outcome {
    uint64_t token;
    vd_status_t status;
    char text[VD_TEXT_BYTES_MAX];
} vd_handover_outcome_t;

typedef void vd_handover_fn(void *arg);

/* Makes one that is closed, as vd_handover_close. `back` is called when there are outcomes, by any
 * thread. NULL without memory. */
vd_handover_t *vd_handover_new(vd_handover_fn *back, void *back_arg, vd_status_t status,
                               const char *text);
void vd_handover_destroy(vd_handover_t **self);

/* ---- by the reading thread ---- */

void vd_handover_give(vd_handover_t *self, uint64_t token, const vd_kept_write_t *write);
/* False when there is none. */
bool vd_handover_take_outcome(vd_handover_t *self, vd_handover_outcome_t *outcome);

/* ---- by the writing side ---- */

/* From now on somebody writes, who is woken with `wake` for each. */
void vd_handover_open(vd_handover_t *self, vd_handover_fn *wake, void *wake_arg);
/* From now on nobody does; `wake` is not called any more when this returns. */
void vd_handover_close(vd_handover_t *self, vd_status_t status, const char *text);
/* The next one to be written. False when there is none. */
bool vd_handover_take(vd_handover_t *self, uint64_t *token, vd_kept_write_t *write);
/* `text` of a failure. */
void vd_handover_answer(vd_handover_t *self, uint64_t token, vd_status_t status, const char *text);

#endif
