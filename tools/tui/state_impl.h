/* state_impl.h: what the files of the state share: state.c (its life, what is read from it),
 * state_take.c (what an event does to it), state_save.c (as bytes and back).
 */
#ifndef TUI_STATE_IMPL_H
#define TUI_STATE_IMPL_H

#include "tui/state.h"
#include "tui/state_rows.h"

enum {
    TUI_SECOND_BYTES = 19, /* of a time stamp, before its milliseconds */
    TUI_CARE_PROGRESS = 0x80,
};

struct tui_state {
    tui_session_t session;
    tui_totals_t totals;
    tui_rows_t actors, sources, observers, subscribers, types;
    tui_progress_t *progress;
    bool has_progress;                  /* it was told of an event */
    tui_fault_t faults[TUI_FAULTS_MAX]; /* the one with number n, from 0, stands at n % max */
    uint64_t fault_total;
    uint32_t rates[TUI_RATE_SECONDS]; /* second s stands at s % seconds */
    int64_t rate_second;              /* the newest; below 0: none */
    /* Time stamps of one second are read once. */
    char second[TUI_SECOND_BYTES];
    int64_t second_ms; /* below 0: none was read */
};

/* Empties the progress, when there is anything in it. False without memory. */
bool tui_state_clear_progress(tui_state_t *self);
/* What a type of event means to the state: a number, with TUI_CARE_PROGRESS where it is of a
 * workflow. */
uint8_t tui_state_care(vd_str_t type);

#endif
