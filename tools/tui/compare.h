/* compare.h: two sessions side by side: what was counted in each, and where they differ.
 *
 * 1. A summary is what remains of a state of a whole session: it holds no pointer.
 * 2. Rows come in one order: the session, its faults, its work, its types of events by name.
 */
#ifndef TUI_COMPARE_H
#define TUI_COMPARE_H

#include "tui/state.h"

enum { TUI_COMPARE_ROWS_MAX = 64 + 2 * TUI_TYPES_MAX, TUI_COMPARE_TEXT = 48 };

typedef struct tui_summary {
    char session[TUI_NAME_BYTES + 1], name[TUI_NAME_BYTES + 1];
    tui_session_state_t state;
    int64_t begun_ms, last_ms, lasted_ms, exit;
    uint64_t events, missing;
    uint64_t faults[TUI_FAULT_KINDS];
    tui_progress_all_t work;
    size_t actors, sources, observers;
    size_t type_count;
    struct {
        char name[TUI_NAME_BYTES + 1];
        uint64_t events;
    } types[TUI_TYPES_MAX]; /* by name */
} tui_summary_t;

typedef struct tui_compared {
    char label[TUI_NAME_BYTES + 16];
    char left[TUI_COMPARE_TEXT], right[TUI_COMPARE_TEXT];
    char change[TUI_COMPARE_TEXT]; /* "+3", "-1.2s", "differs"; "": they are equal */
} tui_compared_t;

void tui_summary_take(tui_summary_t *self, const tui_state_t *state);
/* Fills in at most TUI_COMPARE_ROWS_MAX rows and returns how many. */
size_t tui_compare(const tui_summary_t *left, const tui_summary_t *right, tui_compared_t *rows);

#endif
