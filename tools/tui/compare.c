/* compare.c: see compare.h. */
#include "tui/compare.h"

#include "vedette/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sheet {
    tui_compared_t *rows;
    size_t count;
} sheet_t;

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right); /* the name stands first */
}

void tui_summary_take(tui_summary_t *self, const tui_state_t *state)
{
    const tui_session_t *session = tui_state_session(state);
    const tui_totals_t *totals = tui_state_totals(state);
    *self = (tui_summary_t){.state = session->state,
                            .begun_ms = session->begun_ms,
                            .last_ms = session->last_ms,
                            .exit = session->exit,
                            .events = totals->events,
                            .missing = totals->missing,
                            .work = *tui_progress_all(tui_state_progress(state))};
    vd_str_copy(self->session, sizeof self->session, vd_str(session->id));
    vd_str_copy(self->name, sizeof self->name, vd_str(session->name));
    self->lasted_ms =
        session->clock_ms > session->begun_ms ? session->clock_ms - session->begun_ms : 0;
    memcpy(self->faults, totals->faults, sizeof self->faults);
    tui_state_actors(state, &self->actors);
    tui_state_sources(state, &self->sources);
    tui_state_observers(state, &self->observers);
    const tui_type_t *types = tui_state_types(state, &self->type_count);
    for (size_t i = 0; i < self->type_count; i++) {
        vd_str_copy(self->types[i].name, sizeof self->types[i].name, vd_str(types[i].name));
        self->types[i].events = types[i].events;
    }
    qsort(self->types, self->type_count, sizeof *self->types, compare_names);
}

static tui_compared_t *add(sheet_t *sheet, const char *label)
{
    if (sheet->count == TUI_COMPARE_ROWS_MAX)
        return NULL;
    tui_compared_t *row = &sheet->rows[sheet->count++];
    *row = (tui_compared_t){.change = ""};
    snprintf(row->label, sizeof row->label, "%s", label);
    return row;
}

static void add_words(sheet_t *sheet, const char *label, const char *left, const char *right)
{
    tui_compared_t *row = add(sheet, label);
    if (row == NULL)
        return;
    vd_str_copy(row->left, sizeof row->left, vd_str(left[0] != 0 ? left : "-"));
    vd_str_copy(row->right, sizeof row->right, vd_str(right[0] != 0 ? right : "-"));
    if (strcmp(left, right) != 0)
        snprintf(row->change, sizeof row->change, "differs");
}

static void add_count(sheet_t *sheet, const char *label, uint64_t left, uint64_t right)
{
    tui_compared_t *row = add(sheet, label);
    if (row == NULL)
        return;
    snprintf(row->left, sizeof row->left, "%" PRIu64, left);
    snprintf(row->right, sizeof row->right, "%" PRIu64, right);
    if (left != right)
        snprintf(row->change, sizeof row->change, "%s%" PRIu64, right > left ? "+" : "-",
                 right > left ? right - left : left - right);
}

/* Counts of what neither has done say nothing. */
static void add_work(sheet_t *sheet, const char *label, uint64_t left, uint64_t right)
{
    if (left + right > 0)
        add_count(sheet, label, left, right);
}

static void add_span(sheet_t *sheet, const char *label, int64_t left_ms, int64_t right_ms)
{
    char span[32];
    tui_compared_t *row = add(sheet, label);
    if (row == NULL)
        return;
    cli_format_duration(left_ms, row->left, sizeof row->left);
    cli_format_duration(right_ms, row->right, sizeof row->right);
    cli_format_duration(right_ms > left_ms ? right_ms - left_ms : left_ms - right_ms, span,
                        sizeof span);
    if (left_ms != right_ms)
        snprintf(row->change, sizeof row->change, "%s%s", right_ms > left_ms ? "+" : "-", span);
}

static int64_t mean_ms(const tui_progress_all_t *work)
{
    return work->answered > 0 ? (int64_t)(work->latency_sum_ms / work->answered) : 0;
}

static void compare_work(sheet_t *sheet, const tui_progress_all_t *left,
                         const tui_progress_all_t *right)
{
    add_work(sheet, "generations", left->generations, right->generations);
    add_work(sheet, "generations that failed", left->generations_failed, right->generations_failed);
    add_work(sheet, "nodes complete", left->complete, right->complete);
    add_work(sheet, "nodes failed", left->failed, right->failed);
    add_work(sheet, "nodes skipped", left->skipped, right->skipped);
    add_work(sheet, "requests enqueued", left->enqueued, right->enqueued);
    add_work(sheet, "requests deduplicated", left->deduplicated, right->deduplicated);
    add_work(sheet, "requests sent", left->sent, right->sent);
    add_work(sheet, "requests answered", left->answered, right->answered);
    add_work(sheet, "requests that failed", left->request_failures, right->request_failures);
    add_work(sheet, "requests retried", left->retried, right->retried);
    if (left->answered + right->answered > 0) {
        add_span(sheet, "mean time of an answer", mean_ms(left), mean_ms(right));
        add_span(sheet, "longest time of an answer", (int64_t)left->latency_most_ms,
                 (int64_t)right->latency_most_ms);
    }
    add_work(sheet, "files scanned", left->scanned, right->scanned);
}

static void compare_types(sheet_t *sheet, const tui_summary_t *left, const tui_summary_t *right)
{
    size_t l = 0, r = 0;
    char label[TUI_NAME_BYTES + 16];
    while (l < left->type_count || r < right->type_count) {
        int order = l == left->type_count    ? 1
                    : r == right->type_count ? -1
                                             : strcmp(left->types[l].name, right->types[r].name);
        snprintf(label, sizeof label, "event %s",
                 order <= 0 ? left->types[l].name : right->types[r].name);
        add_count(sheet, label, order <= 0 ? left->types[l].events : 0,
                  order >= 0 ? right->types[r].events : 0);
        l += order <= 0;
        r += order >= 0;
    }
}

size_t tui_compare(const tui_summary_t *left, const tui_summary_t *right, tui_compared_t *rows)
{
    char label[64], exits[2][24] = {"", ""};
    sheet_t sheet = {rows, 0};
    add_words(&sheet, "state", tui_session_state_word(left->state),
              tui_session_state_word(right->state));
    for (int i = 0; i < 2; i++) {
        int64_t exit = i == 0 ? left->exit : right->exit;
        if (exit >= 0)
            snprintf(exits[i], sizeof exits[i], "%" PRId64, exit);
    }
    if (left->exit >= 0 || right->exit >= 0)
        add_words(&sheet, "exit code", exits[0], exits[1]);
    add_span(&sheet, "lasted", left->lasted_ms, right->lasted_ms);
    add_count(&sheet, "events", left->events, right->events);
    add_work(&sheet, "events missing", left->missing, right->missing);
    for (int i = 0; i < TUI_FAULT_KINDS; i++) {
        snprintf(label, sizeof label, "faults: %s", tui_fault_kind_word((tui_fault_kind_t)i));
        add_work(&sheet, label, left->faults[i], right->faults[i]);
    }
    add_work(&sheet, "actors", left->actors, right->actors);
    add_work(&sheet, "observers", left->observers, right->observers);
    add_work(&sheet, "sources", left->sources, right->sources);
    compare_work(&sheet, &left->work, &right->work);
    compare_types(&sheet, left, right);
    return sheet.count;
}
