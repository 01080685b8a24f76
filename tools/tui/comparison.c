/* comparison.c: see comparison.h. */
#include "tui/comparison.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHAT, LEFT, RIGHT, CHANGE };

static const tui_column_t columns[] = {
    [WHAT] = {"FIGURE", 26, 100, false, true, false},
    [LEFT] = {"FIRST", 14, 90, true, false, false},
    [RIGHT] = {"SECOND", 14, 90, true, false, false},
    [CHANGE] = {"CHANGE", 12, 95, true, false, false},
};

struct tui_comparison {
    char sessions[2][VD_NAME_BYTES_MAX + 1];
    uint64_t last[2];
    int side; /* that is being read; 2: both were */
    uint64_t next, asked;
    tui_state_t *state; /* of the side that is being read */
    tui_summary_t summaries[2];
    tui_compared_t rows[TUI_COMPARE_ROWS_MAX];
    size_t count;
    char trouble[240];
    tui_table_t *table;
};

tui_comparison_t *tui_comparison_new(const char *left, uint64_t left_last, const char *right,
                                     uint64_t right_last)
{
    tui_comparison_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_str_copy(self->sessions[0], sizeof self->sessions[0], vd_str(left));
    vd_str_copy(self->sessions[1], sizeof self->sessions[1], vd_str(right));
    self->last[0] = left_last;
    self->last[1] = right_last;
    self->next = 1;
    self->state = tui_state_new();
    self->table = tui_table_new(columns, sizeof columns / sizeof *columns);
    if (self->state == NULL || self->table == NULL)
        tui_comparison_destroy(&self);
    return self;
}

void tui_comparison_destroy(tui_comparison_t **self)
{
    if (*self == NULL)
        return;
    tui_state_destroy(&(*self)->state);
    tui_table_destroy(&(*self)->table);
    free(*self);
    *self = NULL;
}

/* The side is read: keeps what is to be compared. */
static void end_side(tui_comparison_t *self)
{
    tui_summary_take(&self->summaries[self->side], self->state);
    self->side++;
    self->next = 1;
    if (self->side < 2) {
        tui_state_clear(self->state);
        return;
    }
    tui_state_destroy(&self->state);
    self->count = tui_compare(&self->summaries[0], &self->summaries[1], self->rows);
}

bool tui_comparison_wants(tui_comparison_t *self, tui_ask_t *ask)
{
    while (self->side < 2 && self->asked == 0 && self->next > self->last[self->side])
        end_side(self);
    if (self->side == 2 || self->asked != 0 || self->trouble[0] != 0)
        return false;
    uint64_t left = self->last[self->side] - self->next + 1;
    *ask = (tui_ask_t){.kind = TUI_ASK_EVENTS,
                       .seq = self->next,
                       .count = left < TUI_COMPARE_PAGE ? left : TUI_COMPARE_PAGE};
    vd_str_copy(ask->name, sizeof ask->name, vd_str(self->sessions[self->side]));
    return true;
}

void tui_comparison_asked(tui_comparison_t *self, uint64_t number)
{
    self->asked = number;
}

bool tui_comparison_answer(tui_comparison_t *self, const tui_input_t *answer)
{
    vd_bytes_t rest = answer->value;
    vd_event_t event;
    if (answer->number == 0 || answer->number != self->asked)
        return false;
    while (tui_events_next(&rest, &event)) {
        tui_state_apply(self->state, &event);
        self->next = event.seq + 1;
    }
    if (answer->more && answer->status != VD_OK && answer->count > 0) {
        tui_state_skip(self->state, answer->seq + answer->count - 1);
        self->next = answer->seq + answer->count;
    }
    if (answer->more)
        return true;
    self->asked = 0;
    if (answer->status != VD_OK)
        vd_str_copy(self->trouble, sizeof self->trouble,
                    vd_str(answer->text != NULL ? answer->text : vd_status_text(answer->status)));
    return true;
}

static vd_str_t key_of(const void *context, size_t row)
{
    return vd_str(((const tui_comparison_t *)context)->rows[row].label);
}

static void cell_of(const void *context, size_t row, int column, tui_item_t *item)
{
    const tui_compared_t *compared = &((const tui_comparison_t *)context)->rows[row];
    tui_tone_t tone = compared->change[0] != 0 ? TUI_ACCENT : TUI_PLAIN;
    const char *text = column == WHAT    ? compared->label
                       : column == LEFT  ? compared->left
                       : column == RIGHT ? compared->right
                                         : compared->change;
    tui_item_text(item, tone, column == CHANGE && text[0] == 0 ? "=" : text);
}

bool tui_comparison_key(tui_comparison_t *self, int key)
{
    return tui_table_key(self->table, key);
}

static void draw_reading(const tui_comparison_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    if (self->trouble[0] != 0)
        tui_putf(canvas, box, 0, 0, TUI_BAD, "%s cannot be read: %s",
                 self->sessions[self->side < 2 ? self->side : 1], self->trouble);
    else
        tui_putf(canvas, box, 0, 0, TUI_DIM, "reading %s: %" PRIu64 " of %" PRIu64 " events",
                 self->sessions[self->side], self->next - 1, self->last[self->side]);
}

void tui_comparison_draw(tui_comparison_t *self, tui_canvas_t *canvas, tui_box_t box,
                         const char *filter)
{
    static const char *const titles[] = {"first ", "second"};
    tui_list_t rows = {self, self->count, key_of, cell_of};
    size_t differ = 0;
    for (int i = 0; i < 2; i++) {
        const tui_summary_t *summary = &self->summaries[i];
        int x = tui_putf(canvas, box, 0, i, TUI_TITLE, "%s ", titles[i]);
        x += tui_put(canvas, box, x, i, TUI_PLAIN, self->sessions[i]);
        tui_putf(canvas, box, x, i, TUI_DIM, "  %s", summary->name);
    }
    if (self->side < 2) {
        draw_reading(self, canvas, tui_within(box, 0, 3, 0, 0));
        return;
    }
    for (size_t i = 0; i < self->count; i++)
        differ += self->rows[i].change[0] != 0;
    tui_putf(canvas, box, 0, 2, differ > 0 ? TUI_ACCENT : TUI_GOOD, "%zu of %zu figures differ",
             differ, self->count);
    tui_table_rows(self->table, &rows);
    tui_table_filter(self->table, filter);
    tui_table_draw(self->table, canvas, tui_within(box, 0, 3, 0, 0));
}

void tui_comparison_text(tui_comparison_t *self, bool chosen, vd_buffer_t *out)
{
    if (chosen)
        tui_table_row_text(self->table, out);
    else
        tui_table_text(self->table, out);
}
