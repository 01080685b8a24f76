/* reading.h: the reading side of the ingestor as a core: live and commit streams, FETCH, the list of
 * sessions, positions under names, states of observers, and on a port of its own who is served.
 *
 * 1. It reads from the store's contract alone and writes nothing: what has to be written is an
 *    operation (kept.h). VD_INPUT_DONE with VD_STREAM_GROWN tells it that a commit is visible.
 * 2. STORE and VERIFY: see report.h. A part of VERIFY is bounded, so that streams go on in between.
 * 3. SESSIONS is answered newest id first, at most SESSION_ROWS_MAX rows in one answer.
 */
#ifndef VD_READING_H
#define VD_READING_H

#include "core/core.h"
#include "report.h"
#include "store/store.h"
#include "stream/publisher.h"

enum { VD_READING_PORT = 1, VD_READING_PORT_STREAMS };

typedef struct vd_reading_options {
    struct vd_recent *recent;          /* (stream/recent.h) NULL: there are no live streams */
    const vd_publisher_knobs_t *knobs; /* NULL: the defaults */
    /* As of vd_publisher_options_t. */
    void (*news)(void *arg, vd_now_t now, const vd_publisher_news_t *news, vd_effects_t *effects);
    void *news_arg;
} vd_reading_options_t;

typedef struct vd_reading vd_reading_t;

/* NULL without memory. The store, and the memory of what is recent, stay the caller's; `options` may
 * be NULL. */
vd_reading_t *vd_reading_new(vd_store_t *store, const vd_reading_options_t *options);
void vd_reading_destroy(vd_reading_t **self);
/* Readers that have a stream now. */
uint32_t vd_reading_subscribers(const vd_reading_t *self);
const vd_publisher_totals_t *vd_reading_totals(const vd_reading_t *self);
/* Before the first step: what the writing side tells, also in the rows of sessions that have not
 * ended. It outlives `self`. */
void vd_reading_set_view(vd_reading_t *self, const vd_report_view_t *view);
/* The step function (vd_step_fn); `state` is a vd_reading_t. */
void vd_reading_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
