/* stall.h: the collector of stalls: whether the tip of a chain, each of its nodes, and what is final go on
 * within their limits, from the events of an observer of kind chain.
 *
 * 1. What has to move is a subject (subjects.h). It is stalled when its gap has lasted as long as its limit
 *    (`tip_after`, `node_after`, `final_after`), and moves again with its next move.
 * 2. A node has nothing to follow while no other is above it: when nobody mines, the tip is stalled, and
 *    no node. One that goes to another branch moves.
 * 3. All times are those of the events that are read. A stall is found at its limit, by the clock, when
 *    nothing more is to be read; else by the next event, however late that is read.
 * 4. Where events are missing, what is found elsewhere has moved at the time of the snapshot, and the
 *    gap before is not counted.
 *
 * Events:
 *   moved {what, height, at, gap_ms}                 0: no gap ran, or it is not known
 *   stalled {what, height, since, limit_ms}
 *   moving_again {what, height, at, since, gap_ms}   it was stalled
 *   stall_dropped {what, at}                         the node is there no more
 */
#ifndef VD_STALL_H
#define VD_STALL_H

#include "observer.h"
#include "subjects.h"

#define VD_STALL_TABLE "observers.stall"

typedef struct vd_stall {
    int64_t tip_after_ms, node_after_ms, final_after_ms;
    vd_subjects_t subjects;
} vd_stall_t;

/* stall_turn.c */
vd_status_t vd_stall_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);

extern const char vd_stall_layout[]; /* layout.json */
extern const vd_observer_t vd_stall_observer;

#endif
