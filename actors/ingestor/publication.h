/* publication.h: what has become durable, for whoever has a bare SUB: a core with one PUB port.
 *
 * 1. Each run goes out under the topic events/<session>, cut into frames of at most
 *    PUB_FRAME_BYTES_MAX. An event that is larger goes out as a frame without payload: a hint to
 *    fetch it.
 * 2. VD_PUBLICATION_SHOW (an input DONE) carries a const vd_store_batch_t * that is on disk. A
 *    batch may need several steps: while vd_publication_pending, give the same input again.
 */
#ifndef VD_PUBLICATION_H
#define VD_PUBLICATION_H

#include "core/core.h"
#include "store/store.h"

enum { VD_PUBLICATION_PORT = 1, VD_PUBLICATION_SHOW = 1 };

typedef struct vd_publication {
    char store[VD_STORE_ID_SIZE];
    bool pending;
    uint32_t run;    /* which run of the batch is next */
    uint32_t place;  /* which event of it */
    vd_bytes_t rest; /* from this event on */
} vd_publication_t;

void vd_publication_init(vd_publication_t *self, const char *store);
bool vd_publication_pending(const vd_publication_t *self);
/* The step function (vd_step_fn); `state` is a vd_publication_t. */
void vd_publication_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
