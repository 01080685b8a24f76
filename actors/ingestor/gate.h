/* gate.h: the port for writing: the sequencer behind it, or, while the store cannot be written to,
 * an answer that says why.
 *
 * 1. Without a sequencer OPEN and EMIT are answered with NOT_NOW, store_trouble and the text:
 *    producers wait and ask again, nothing of theirs is consumed. Everything else gets an ERROR.
 * 2. A sequencer may come later, once; it gets its START from whoever brings it.
 */
#ifndef VD_GATE_H
#define VD_GATE_H

#include "sequencer.h"

typedef struct vd_gate {
    vd_sequencer_t *sequencer;    /* NULL: none yet */
    char text[VD_TEXT_BYTES_MAX]; /* why there is none */
    uint64_t not_now;             /* so often told */
} vd_gate_t;

/* The step function (vd_step_fn) on the ports of the sequencer; `state` is a vd_gate_t. */
void vd_gate_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
