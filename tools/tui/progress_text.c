/* progress_text.c: the progress model in words and in order; see progress_draw.h. */
#include "tui/progress_draw.h"

#include "vedette/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

tui_tone_t tui_progress_tone(tui_progress_state_t state)
{
    static const tui_tone_t tones[TUI_PROGRESS_STATES] = {
        [TUI_PROGRESS_WAITING] = TUI_PLAIN, [TUI_PROGRESS_RUNNING] = TUI_ACCENT,
        [TUI_PROGRESS_COMPLETE] = TUI_GOOD, [TUI_PROGRESS_FAILED] = TUI_BAD,
        [TUI_PROGRESS_SKIPPED] = TUI_DIM,
    };
    assert(state < TUI_PROGRESS_STATES);
    return tones[state];
}

unsigned tui_progress_percent(const tui_progress_t *self)
{
    uint64_t total = tui_progress_total(self), done = tui_progress_done(self);
    return total > 0 ? (unsigned)((double)done / (double)total * 100) : 0;
}

/* ---- order ---- */

static int rank(const tui_progress_node_t *node)
{
    static const int ranks[TUI_PROGRESS_STATES] = {
        [TUI_PROGRESS_FAILED] = 0,   [TUI_PROGRESS_RUNNING] = 1, [TUI_PROGRESS_WAITING] = 2,
        [TUI_PROGRESS_COMPLETE] = 3, [TUI_PROGRESS_SKIPPED] = 4,
    };
    return ranks[node->state];
}

static int compare(const void *left, const void *right)
{
    const tui_progress_node_t *a = *(const tui_progress_node_t *const *)left;
    const tui_progress_node_t *b = *(const tui_progress_node_t *const *)right;
    if (rank(a) != rank(b))
        return rank(a) < rank(b) ? -1 : 1;
    if (a->state == TUI_PROGRESS_COMPLETE && a->ended_ms != b->ended_ms)
        return a->ended_ms > b->ended_ms ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

size_t tui_progress_sorted(const tui_progress_t *self,
                           const tui_progress_node_t *sorted[TUI_PROGRESS_NODES_MAX])
{
    size_t count = tui_progress_node_count(self);
    for (size_t i = 0; i < count; i++)
        sorted[i] = tui_progress_node(self, i);
    qsort(sorted, count, sizeof(const tui_progress_node_t *), compare);
    return count;
}

/* ---- words ---- */

int64_t tui_progress_node_ms(const tui_progress_node_t *node, int64_t now_ms)
{
    if (node->state != TUI_PROGRESS_RUNNING)
        return (int64_t)node->duration_ms;
    /* In whole seconds: what runs is not drawn anew for less. */
    int64_t ms = node->started_ms > 0 && now_ms > node->started_ms ? now_ms - node->started_ms : 0;
    return ms - ms % 1000;
}

static const char *provider_name(const tui_progress_t *self, const tui_progress_step_t *step)
{
    if (step->provider == 0 || step->provider > tui_progress_provider_count(self))
        return "the provider";
    return tui_progress_provider(self, step->provider - 1u)->name;
}

void tui_progress_step_text(const tui_progress_t *self, const tui_progress_node_t *node,
                            const tui_progress_step_t *step, char out[TUI_PROGRESS_LINE_SIZE])
{
    char took[32], attempt[32] = "";
    const char *provider = provider_name(self, step);
    cli_format_duration((int64_t)step->ms, took, sizeof took);
    if (step->attempt > 0)
        snprintf(attempt, sizeof attempt, ", attempt %" PRIu32, step->attempt);
    switch ((tui_progress_deed_t)step->deed) {
    case TUI_PROGRESS_CHECK_PASSED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "what it stands on is there");
        break;
    case TUI_PROGRESS_CHECK_FAILED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "what it stands on is not there");
        break;
    case TUI_PROGRESS_STARTED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "started%s", attempt);
        break;
    case TUI_PROGRESS_ENQUEUED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "its request waits");
        break;
    case TUI_PROGRESS_JOINED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "its request joins another");
        break;
    case TUI_PROGRESS_TURN:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "its turn has come after %s", took);
        break;
    case TUI_PROGRESS_SENT:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "sent to %s%s", provider, attempt);
        break;
    case TUI_PROGRESS_ANSWERED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "%s answered in %s", provider, took);
        break;
    case TUI_PROGRESS_REQUEST_FAILED:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "%s failed after %s%s", provider, took, attempt);
        break;
    case TUI_PROGRESS_RETRYING:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "again in %s%s", took, attempt);
        break;
    case TUI_PROGRESS_ENDED:
    case TUI_PROGRESS_DEEDS:
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "%s%s%s",
                 tui_progress_state_name((tui_progress_state_t)node->state),
                 step->ms > 0 ? " after " : "", step->ms > 0 ? took : "");
        break;
    }
}

void tui_progress_node_text(const tui_progress_t *self, const tui_progress_node_t *node,
                            char out[TUI_PROGRESS_LINE_SIZE])
{
    char size[32];
    out[0] = 0;
    if (node->state == TUI_PROGRESS_COMPLETE && node->size_bytes > 0) {
        cli_format_bytes(node->size_bytes, size, sizeof size);
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "%s bytes", size);
    } else if (node->state != TUI_PROGRESS_RUNNING && node->error != NULL) {
        snprintf(out, TUI_PROGRESS_LINE_SIZE, "%s", node->error);
    } else if (node->steps > 0 && node->state != TUI_PROGRESS_COMPLETE) {
        size_t last = (node->steps - 1) % TUI_PROGRESS_STEPS;
        tui_progress_step_text(self, node, &node->step[last], out);
    }
}
