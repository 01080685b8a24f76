/* layout_table.c: tables: which rows, which columns, and how wide each is. */
#include "tui/layout_impl.h"

#include "expression/parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS_MAX = 32, GAP = 2, LEAST = 10 };

typedef struct column {
    const vd_layout_cell_t *cell;
    int natural; /* as wide as what it shows */
    int width;
    bool bare; /* it shows nothing */
    bool left_out;
} column_t;

typedef struct table {
    tui_scribe_t *scribe;
    tui_items_t items;
    uint32_t *order; /* of the items */
    uint32_t shown;
    column_t columns[COLUMNS_MAX];
    uint32_t column_count;
} table_t;

/* ---- rows ---- */

typedef struct keyed {
    vd_value_t value;
    uint32_t at;
} keyed_t;

/* Nulls and values of other kinds stand behind; equal ones keep their order. */
static int rank(const vd_value_t *value)
{
    switch (value->kind) {
    case VD_KIND_BOOL:
        return 0;
    case VD_KIND_U64:
    case VD_KIND_I64:
    case VD_KIND_F64:
        return 1;
    case VD_KIND_STR:
        return 2;
    default:
        return 3;
    }
}

static int compare(const void *left, const void *right)
{
    const keyed_t *a = left, *b = right;
    int kinds = rank(&a->value) - rank(&b->value), said = 0;
    if (kinds != 0)
        return kinds;
    if (rank(&a->value) == 0)
        said = (int)a->value.boolean - (int)b->value.boolean;
    else if (rank(&a->value) < 3)
        said = (int)vd_values_order(&a->value, &b->value);
    /* Not a number: behind all numbers, so that the order is one. */
    if (said == (int)VD_ORDER_NONE)
        said = (int)(a->value.f64 != a->value.f64 && a->value.kind == VD_KIND_F64) -
               (int)(b->value.f64 != b->value.f64 && b->value.kind == VD_KIND_F64);
    return said != 0 ? said : (a->at > b->at) - (a->at < b->at);
}

static bool sort_rows(table_t *self, const vd_layout_element_t *element)
{
    uint32_t count = self->items.count;
    keyed_t *keys = malloc((count > 0 ? count : 1) * sizeof *keys);
    self->order = malloc((count > 0 ? count : 1) * sizeof *self->order);
    if (keys == NULL || self->order == NULL) {
        free(keys);
        return false;
    }
    for (uint32_t at = 0; at < count; at++)
        keys[at] = (keyed_t){tui_evaluate(self->scribe, element->sort, &self->items.list[at]), at};
    if (element->sort >= 0)
        qsort(keys, count, sizeof *keys, compare);
    for (uint32_t at = 0; at < count; at++)
        self->order[at] = keys[element->descending ? count - 1 - at : at].at;
    self->shown = count < TUI_LAYOUT_SHOWN_MAX ? count : TUI_LAYOUT_SHOWN_MAX;
    free(keys);
    return true;
}

/* ---- columns ---- */

static void measure(table_t *self, column_t *column)
{
    char text[TUI_FIGURE_BYTES];
    column->natural = tui_columns(column->cell->title);
    column->bare = true;
    for (uint32_t at = 0; at < self->shown; at++) {
        tui_cell_text(self->scribe, column->cell, &self->items.list[self->order[at]], text);
        int columns = tui_columns(vd_str(text));
        column->natural = columns > column->natural ? columns : column->natural;
        column->bare = column->bare && (text[0] == 0 || strcmp(text, "-") == 0);
    }
    if (column->cell->width > 0)
        column->natural = column->cell->width;
}

/* The room that a column has at least: its title is whole. */
static int least(const column_t *column)
{
    int title = tui_columns(column->cell->title), some = title > LEAST ? title : LEAST;
    return column->natural < some || column->cell->right ? column->natural : some;
}

static int needed(const table_t *self)
{
    int sum = -GAP;
    for (uint32_t at = 0; at < self->column_count; at++)
        if (!self->columns[at].left_out)
            sum += least(&self->columns[at]) + GAP;
    return sum;
}

/* The column that goes first: one that shows nothing, then the lightest, of equal ones the last. */
static column_t *lightest(table_t *self)
{
    column_t *found = NULL;
    for (uint32_t at = 0; at < self->column_count; at++) {
        column_t *column = &self->columns[at];
        bool lighter = found == NULL || (column->bare && !found->bare) ||
                       (column->bare == found->bare && column->cell->weight <= found->cell->weight);
        if (!column->left_out && lighter)
            found = column;
    }
    return found;
}

static uint32_t count_kept(const table_t *self)
{
    uint32_t kept = 0;
    for (uint32_t at = 0; at < self->column_count; at++)
        kept += !self->columns[at].left_out;
    return kept;
}

static void fit(table_t *self)
{
    while (needed(self) > self->scribe->width && count_kept(self) > 1)
        lightest(self)->left_out = true;
    int rest = self->scribe->width - needed(self);
    rest = rest > 0 ? rest : 0;
    for (uint32_t at = 0; at < self->column_count; at++) {
        column_t *column = &self->columns[at];
        int more = column->natural - least(column);
        more = more < rest ? more : rest;
        if (column->left_out)
            continue;
        column->width = least(column) + more;
        rest -= more;
    }
}

/* ---- drawing ---- */

static void draw_titles(table_t *self)
{
    int x = 0;
    tui_page_line(self->scribe->page, 0);
    for (uint32_t at = 0; at < self->column_count; at++) {
        const column_t *column = &self->columns[at];
        if (column->left_out)
            continue;
        tui_page_put(self->scribe->page, x, column->width, column->cell->right, TUI_TITLE,
                     column->cell->title);
        x += column->width + GAP;
    }
}

static void draw_row(table_t *self, const vd_value_t *item)
{
    char text[TUI_FIGURE_BYTES];
    int x = 0;
    tui_cell_text(self->scribe, self->columns[0].cell, item, text);
    tui_page_line(self->scribe->page, tui_page_key(self->scribe->element, vd_str(text)));
    for (uint32_t at = 0; at < self->column_count; at++) {
        const column_t *column = &self->columns[at];
        if (column->left_out)
            continue;
        tui_tone_t tone = tui_cell_text(self->scribe, column->cell, item, text);
        tui_page_put(self->scribe->page, x, column->width, column->cell->right, tone, vd_str(text));
        x += column->width + GAP;
    }
}

static void draw(table_t *self)
{
    draw_titles(self);
    for (uint32_t at = 0; at < self->shown; at++)
        draw_row(self, &self->items.list[self->order[at]]);
    if (self->shown < self->items.total) {
        char text[64];
        snprintf(text, sizeof text, "%llu more are not shown",
                 (unsigned long long)(self->items.total - self->shown));
        tui_say(self->scribe, 0, TUI_DIM, text);
    }
}

void tui_draw_table(tui_scribe_t *self, const vd_layout_element_t *element)
{
    table_t table = {.scribe = self};
    if (!tui_items_of(self, element->list, &table.items) || !sort_rows(&table, element)) {
        tui_say(self, 0, TUI_WARN, "no memory for this table");
    } else if (table.items.count == 0) {
        char text[TUI_FIGURE_BYTES];
        snprintf(text, sizeof text, "%.*s", (int)element->empty.size,
                 (const char *)element->empty.data);
        tui_say(self, 0, TUI_DIM, element->empty.size > 0 ? text : "none");
    } else {
        for (uint16_t at = 0; at < element->cell_count && at < COLUMNS_MAX; at++) {
            column_t *column = &table.columns[table.column_count++];
            column->cell = &self->layout->cells[element->cell + at];
            measure(&table, column);
        }
        fit(&table);
        draw(&table);
    }
    free(table.order);
    tui_items_free(&table.items);
}
