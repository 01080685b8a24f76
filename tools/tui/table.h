/* table.h: rows and columns on the canvas: filter, sort, choice of columns, selection, scrolling.
 *
 * 1. The rows stay with whoever has them; the table asks for a cell when it needs it. After they have
 *    changed, tui_table_rows is called before the next draw or key.
 * 2. The selection stays on the row with its key wherever that moves to; when that row is gone, it
 *    stays at its place.
 * 3. The filter is text that is looked for in all cells of a row, in any case of letters; with `!` in
 *    front the rows without it are shown. n and N go to the next and the previous row that matches the
 *    newest filter, also when that is shown no more.
 * 4. A column that sorts by numbers is one whose cells are given a number; rows that are equal stay in
 *    the order in which they came.
 * 5. Where the box is narrow, columns of least weight are left out first; the first one never is.
 */
#ifndef TUI_TABLE_H
#define TUI_TABLE_H

#include "tui/canvas.h"
#include "tui/keys.h"

enum {
    TUI_TABLE_COLUMNS_MAX = 24,
    TUI_TABLE_KEY_BYTES = 136,
    TUI_FILTER_BYTES = 96,
    TUI_ITEM_BYTES = 400, /* of a cell's text */
};

typedef struct tui_column {
    const char *title;
    int width;     /* in cells; the title fits in any case */
    int weight;    /* the higher, the longer it is kept on a narrow screen */
    bool right;    /* numbers stand on the right */
    bool stretch;  /* takes what is left; at most one */
    bool optional; /* not shown until it is chosen with c */
} tui_column_t;

/* One cell as it is shown. */
typedef struct tui_item {
    char text[TUI_ITEM_BYTES];
    tui_tone_t tone;
    bool has_number;
    double number; /* what it is sorted by; without one, its text */
} tui_item_t;

/* Where the rows come from. */
typedef struct tui_rows {
    const void *context;
    size_t count;
    /* What a row is known by. */
    vd_str_t (*key)(const void *context, size_t row);
    /* Fills in the cell, which is empty and plain. */
    void (*cell)(const void *context, size_t row, int column, tui_item_t *item);
} tui_list_t;

typedef struct tui_table tui_table_t;

/* The columns live as long as the table. NULL without memory. */
tui_table_t *tui_table_new(const tui_column_t *columns, int count);
void tui_table_destroy(tui_table_t **self);
/* The rows as they are now: filters and sorts them. Without memory the table is empty. */
void tui_table_rows(tui_table_t *self, const tui_list_t *rows);
/* A filter; "" or NULL: none. */
void tui_table_filter(tui_table_t *self, const char *filter);
const char *tui_table_filtered(const tui_table_t *self);
/* Sorts by a column; below 0: as the rows came. */
void tui_table_sort(tui_table_t *self, int column, bool down);
/* Arrows, PgUp, PgDn, Home, End, j, k, g, G; s and S (sort by the next column, the other way round);
 * c (choose columns); n, N. False for a key that is none of the table's. */
bool tui_table_key(tui_table_t *self, int key);
/* The columns are being chosen: every key goes to the table. */
bool tui_table_choosing(const tui_table_t *self);
void tui_table_draw(tui_table_t *self, tui_canvas_t *canvas, tui_box_t box);
/* The chosen row, as its number among those that were given. False when none is shown. */
bool tui_table_selected(const tui_table_t *self, size_t *row);
/* Chooses the row with this key. False, with the selection as it was, when it is not shown. */
bool tui_table_select(tui_table_t *self, vd_str_t key);
/* Rows that are shown, of those that there are. */
size_t tui_table_shown(const tui_table_t *self);
size_t tui_table_count(const tui_table_t *self);
/* A cell of a row, by its number among those that were given; a column. */
void tui_table_cell(const tui_table_t *self, size_t row, int column, tui_item_t *item);
const tui_column_t *tui_table_columns(const tui_table_t *self, int *count);
/* Appends the rows that are shown, whole and in columns that are as wide as they need to be; or the
 * chosen row alone, its cells with a tab between them. */
void tui_table_text(tui_table_t *self, vd_buffer_t *out);
void tui_table_row_text(tui_table_t *self, vd_buffer_t *out);

/* ---- filling in a cell ---- */

void tui_item_text(tui_item_t *item, tui_tone_t tone, const char *text);
void tui_item_str(tui_item_t *item, tui_tone_t tone, vd_str_t text);
void tui_item_number(tui_item_t *item, tui_tone_t tone, double number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Does the text have the words of the filter in it, as law 3 has it? */
bool tui_filter_match(const char *filter, const char *text);

#endif
