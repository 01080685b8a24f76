/* listing.c: see listing.h. */
#include "tui/listing.h"

#include <stdio.h>

enum { DETAIL_ROWS_MIN = 8, LABEL_COLUMNS = 12, DETAIL_SHARE = 2 };

bool tui_listing_open(tui_listing_t *self, const tui_column_t *columns, int count)
{
    if (self->table == NULL)
        self->table = tui_table_new(columns, count);
    if (self->lines == NULL)
        self->lines = tui_lines_new();
    return self->table != NULL && self->lines != NULL;
}

void tui_listing_close(tui_listing_t *self)
{
    tui_table_destroy(&self->table);
    tui_lines_destroy(&self->lines);
}

void tui_listing_set(tui_listing_t *self, const tui_list_t *rows, const char *filter)
{
    self->note[0] = 0;
    if (self->table == NULL)
        return;
    tui_table_rows(self->table, rows);
    tui_table_filter(self->table, filter);
}

void tui_listing_note(tui_listing_t *self, uint64_t count, const char *what)
{
    size_t used = strlen(self->note);
    if (count > 0)
        snprintf(self->note + used, sizeof self->note - used, "; %llu %s",
                 (unsigned long long)count, what);
}

bool tui_listing_key(tui_listing_t *self, int key)
{
    if (self->table == NULL)
        return false;
    if (key == TUI_KEY_ENTER && !tui_table_choosing(self->table)) {
        self->detail = !self->detail;
        self->top = 0;
        return true;
    }
    if (key == TUI_KEY_ESCAPE && self->detail && !tui_table_choosing(self->table)) {
        self->detail = false;
        return true;
    }
    return tui_table_key(self->table, key);
}

/* Every cell of the chosen row, whole. */
static void draw_detail(tui_listing_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    size_t row;
    int count;
    tui_item_t item;
    const tui_column_t *columns = tui_table_columns(self->table, &count);
    tui_rule(canvas, box, 0, "detail");
    if (!tui_table_selected(self->table, &row))
        return;
    tui_lines_clear(self->lines, box.width, true);
    for (int i = 0; i < count; i++) {
        tui_table_cell(self->table, row, i, &item);
        if (item.text[0] == 0)
            continue;
        tui_lines_begin(self->lines, 0);
        tui_lines_putf(self->lines, TUI_DIM, "%-*s ", LABEL_COLUMNS, columns[i].title);
        tui_lines_put(self->lines, item.tone, vd_str(item.text));
        tui_lines_end(self->lines);
    }
    tui_lines_draw(self->lines, canvas, tui_within(box, 0, 1, 0, 0), self->top);
}

void tui_listing_draw(tui_listing_t *self, tui_canvas_t *canvas, tui_box_t box, const char *title,
                      const char *empty)
{
    char text[280];
    if (self->table == NULL || self->lines == NULL) {
        tui_put(canvas, box, 0, 0, TUI_BAD, "no memory");
        return;
    }
    size_t shown = tui_table_shown(self->table), count = tui_table_count(self->table);
    if (shown < count)
        snprintf(text, sizeof text, "%s: %zu of %zu%s", title, shown, count, self->note);
    else
        snprintf(text, sizeof text, "%s: %zu%s", title, count, self->note);
    tui_rule(canvas, box, 0, text);
    int below = self->detail && box.height > DETAIL_ROWS_MIN ? box.height / DETAIL_SHARE : 0;
    tui_box_t upper = tui_within(box, 0, 1, 0, box.height - 1 - below);
    if (count == 0)
        tui_put(canvas, upper, 0, 0, TUI_DIM, empty);
    else
        tui_table_draw(self->table, canvas, upper);
    if (below > 0)
        draw_detail(self, canvas, tui_within(box, 0, box.height - below, 0, below));
}

void tui_listing_text(tui_listing_t *self, bool chosen, vd_buffer_t *out)
{
    if (self->table == NULL)
        return;
    if (chosen)
        tui_table_row_text(self->table, out);
    else
        tui_table_text(self->table, out);
}
