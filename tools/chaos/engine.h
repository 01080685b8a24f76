/* engine.h: lines of faults, made one line after the other, each fault watched to its end.
 *
 * 1. A line is over when everything in it is undone and recovered from, or has failed.
 * 2. What happens is told through `tell`, in order, as it happens.
 * 3. Once it was asked to end, what is broken is undone and nothing new is begun.
 * 4. It breaks one runtime: when that is ended by somebody else, nothing new is begun either, in no
 *    runtime that may come after it.
 */
#ifndef CHAOS_ENGINE_H
#define CHAOS_ENGINE_H

#include "chaos/faults.h"
#include "chaos/report.h"

typedef void chaos_tell_t(void *arg, const chaos_note_t *note);

typedef struct chaos_engine {
    chaos_ground_t ground;
    chaos_report_t *report;
    chaos_tell_t *tell;
    void *arg;
    bool (*asked_to_end)(void);
    uint64_t number; /* of the last fault */
    chaos_fault_t faults[CHAOS_STEPS_MAX];
    size_t count;
    double ended_ms;              /* of the line before; 0: none */
    chaos_process_t supervisor;   /* of the runtime that is broken; pid 0: a fault has ended it */
    char gone[CHAOS_ERROR_BYTES]; /* what has become of the runtime; empty: it is there */
} chaos_engine_t;

/* Looks at the runtime and starts the keeper. VD_OK, or the status with the reason in `error`
 * (CHAOS_ERROR_BYTES). */
vd_status_t chaos_engine_open(chaos_engine_t *self, vd_client_t *client, const char *dir,
                              char *error);
void chaos_engine_close(chaos_engine_t *self);
/* Has the line a target that nobody knows? Then says so in `error`. */
bool chaos_engine_knows(chaos_engine_t *self, const chaos_line_t *line, char *error);
/* Was the runtime ended, and not by a fault? Then `gone` says so, from then on. */
bool chaos_engine_gone(chaos_engine_t *self);
/* Begins a line; the line before is over. It is made `after_ms` later. */
void chaos_engine_begin(chaos_engine_t *self, const chaos_line_t *line, uint64_t line_number);
/* Goes on for at most about `wait_ms`. True while the line is not over. */
bool chaos_engine_go(chaos_engine_t *self, int wait_ms);
/* Did every fault of the line go well? */
bool chaos_engine_good(const chaos_engine_t *self);

#endif
