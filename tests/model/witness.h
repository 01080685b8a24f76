/* witness.h: compares what a reader of streams is handed with what the store holds.
 *
 * 1. Each event comes once, in order, as it is stored; what is passed over was pruned, or not for this
 *    reader; what is damaged is told.
 * 2. When the store goes back in time, a reader who has seen what is lost has to be told; one who has
 *    not may go on. A relay may hand on what the store has lost until it hears of that itself: then its
 *    reader has seen it, too.
 */
#ifndef VD_MODEL_WITNESS_H
#define VD_MODEL_WITNESS_H

#include "whole.h"

typedef struct vd_witness {
    vd_whole_t *whole;
    const char *name;
    bool ticks;          /* the reader follows the type "tick" alone */
    bool relayed;        /* it may read from a relay */
    vd_ledger_t *ledger; /* of the store, or of the one before it went back */
    uint64_t at;         /* there: the next entry that may come */
    uint64_t events;
} vd_witness_t;

/* Behind an event that a reader was handed: in the midst of a commit, or right behind its last event. */
typedef struct vd_mark {
    vd_position_t position; /* no store: there is no mark */
    vd_witness_t witness;
} vd_mark_t;

/* The reader begins with the first commit. */
void vd_witness_begin(vd_witness_t *self);
/* As vd_subscriber_handler_t's. */
void vd_witness_event(vd_witness_t *self, const vd_event_t *event, const vd_commit_t *commit,
                      const vd_position_t *position);
void vd_witness_absent(vd_witness_t *self, vd_str_t session, uint64_t first, uint32_t count,
                       vd_status_t status, const vd_position_t *position);
/* The reader cannot go on and begins with the first commit that there is. */
void vd_witness_stopped(vd_witness_t *self, vd_status_t status, const char *text);
/* Marks the place behind an event, if none is marked: not each one, so that it can be any. */
void vd_witness_mark(const vd_witness_t *self, const vd_position_t *position, vd_mark_t *mark);
/* How long a reader goes on before it begins anew behind its mark; below 0: it never does. */
int64_t vd_witness_turn_us(const vd_witness_t *self);
/* At the end of the calm. */
void vd_witness_finish(vd_witness_t *self);
/* Reads what is new in the store. */
void vd_witness_look(vd_whole_t *whole);

#endif
