/* fuzz_state.c: events of a session folded into what a screen knows, and saved states of that. */
#include "fuzz.h"
#include "tui/canvas.h"
#include "tui/compare.h"
#include "tui/progress_draw.h"
#include "tui/state.h"
#include "wire/value.h"

enum { EVENTS_MAX = 400 };

static void save(const tui_state_t *state, vd_buffer_t *out)
{
    vd_buffer_clear(out);
    FUZZ_HOLDS(tui_state_save(state, out));
    FUZZ_HOLDS(vd_scan_exact(vd_buffer_view(out), VD_DEPTH_MAX) == VD_OK);
}

/* load(save(s)) is s; two that are alike are alike after the same events. */
static void same_again(const tui_state_t *state, vd_buffer_t *saved, vd_buffer_t *again)
{
    tui_state_t *copy = tui_state_new();
    FUZZ_HOLDS(copy != NULL);
    save(state, saved);
    FUZZ_HOLDS(tui_state_load(copy, vd_buffer_view(saved)) == VD_OK);
    save(copy, again);
    FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(saved), vd_buffer_view(again)));
    FUZZ_HOLDS(tui_state_hash(copy) == tui_state_hash(state));
    tui_state_destroy(&copy);
}

static void fold(vd_bytes_t run, vd_buffer_t *saved, vd_buffer_t *again)
{
    vd_entry_t entry;
    tui_state_t *state = tui_state_new(), *fork = NULL;
    uint64_t seq = 0;
    FUZZ_HOLDS(state != NULL);
    for (int i = 0; i < EVENTS_MAX && vd_run_next(&run, &entry) == VD_OK; i++) {
        vd_event_t event = {.session = vd_str("s")};
        if (vd_event_read(entry.event, &event) != VD_OK ||
            vd_scan_exact(entry.event, VD_DEPTH_MAX) != VD_OK)
            continue;
        event.seq = ++seq;
        FUZZ_HOLDS(tui_state_apply(state, &event));
        if (fork != NULL)
            FUZZ_HOLDS(tui_state_apply(fork, &event));
        if (i != 3)
            continue;
        fork = tui_state_new();
        save(state, saved);
        FUZZ_HOLDS(fork != NULL && tui_state_load(fork, vd_buffer_view(saved)) == VD_OK);
    }
    FUZZ_HOLDS(fork == NULL || tui_state_hash(fork) == tui_state_hash(state));
    FUZZ_HOLDS(tui_state_totals(state)->events == seq && tui_state_totals(state)->seq == seq);
    same_again(state, saved, again);
    static tui_summary_t summary;
    static tui_compared_t rows[TUI_COMPARE_ROWS_MAX];
    tui_summary_take(&summary, state);
    FUZZ_HOLDS(tui_compare(&summary, &summary, rows) <= TUI_COMPARE_ROWS_MAX);
    tui_state_destroy(&fork);
    tui_state_destroy(&state);
}

void fuzz_one(vd_bytes_t input)
{
    vd_buffer_t saved, again;
    uint8_t how = fuzz_byte(&input);
    vd_buffer_init(&saved, 2 * TUI_STATE_BYTES_MAX);
    vd_buffer_init(&again, 2 * TUI_STATE_BYTES_MAX);
    if (how % 3 == 0) {
        fold(input, &saved, &again);
    } else if (how % 3 == 1) {
        tui_state_t *state = tui_state_new();
        FUZZ_HOLDS(state != NULL);
        if (tui_state_load(state, input) == VD_OK)
            same_again(state, &saved, &again);
        else
            FUZZ_HOLDS(tui_state_totals(state)->events == 0);
        tui_state_destroy(&state);
    } else {
        tui_progress_t *progress = tui_progress_new(), *copy = tui_progress_new();
        FUZZ_HOLDS(progress != NULL && copy != NULL);
        if (vd_scan_exact(input, VD_DEPTH_MAX) == VD_OK &&
            tui_progress_load(progress, input) == VD_OK) {
            tui_progress_save(progress, &saved);
            FUZZ_HOLDS(tui_progress_load(copy, vd_buffer_view(&saved)) == VD_OK);
            tui_progress_save(copy, &again);
            FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(&saved), vd_buffer_view(&again)));
        }
        tui_progress_destroy(&progress);
        tui_progress_destroy(&copy);
    }
    vd_buffer_free(&saved);
    vd_buffer_free(&again);
}
