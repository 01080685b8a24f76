/* gate.h: the ports for writing and control: the sequencer behind them, or, while the store cannot
 * be written to, an answer that says why; and copies of the store, which need no sequencer.
 *
 * 1. Without a sequencer OPEN and EMIT are answered with NOT_NOW, store_trouble and the text:
 *    producers wait and ask again, nothing of theirs is consumed. Everything else gets an ERROR.
 * 2. A sequencer may come later, once; it gets its START from whoever brings it.
 * 3. CHECKPOINT is answered when the copy is there, one at a time. Operation, beside those of the
 *    sequencer:
 *      VD_GATE_CHECKPOINT  object const char *, the directory, alive until DONE. DONE: status, and
 *                          as result the text of a failure.
 */
#ifndef VD_GATE_H
#define VD_GATE_H

#include "sequencer.h"

enum { VD_GATE_CHECKPOINT = 100 };

typedef struct vd_gate {
    vd_sequencer_t *sequencer;    /* NULL: none yet */
    char text[VD_TEXT_BYTES_MAX]; /* why there is none */
    uint64_t not_now;             /* so often told */
    bool open;                    /* there is a store, to be read at least */
    bool copying;                 /* a CHECKPOINT is under way, for this peer */
    vd_peer_t peer;
    uint64_t correlation;
    char dir[VD_TEXT_BYTES_MAX + 1];
} vd_gate_t;

/* The step function (vd_step_fn) on the ports of the sequencer; `state` is a vd_gate_t. */
void vd_gate_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
