/* listing.h: a table with a pane below it that shows the chosen row whole: what most screens are.
 *
 * 1. Enter opens the pane, Esc closes it. The other keys are the table's.
 */
#ifndef TUI_LISTING_H
#define TUI_LISTING_H

#include "tui/lines.h"
#include "tui/table.h"

typedef struct tui_listing {
    tui_table_t *table; /* NULL without memory */
    tui_lines_t *lines;
    bool detail;
    size_t top;     /* of the pane */
    char note[112]; /* stands behind the title: what is not listed, and why; "": nothing is */
} tui_listing_t;

/* Makes what is not there yet; the columns live as long as the listing. */
bool tui_listing_open(tui_listing_t *self, const tui_column_t *columns, int count);
void tui_listing_close(tui_listing_t *self);
/* The rows as they are now, and the filter. There is no note until it is added. */
void tui_listing_set(tui_listing_t *self, const tui_list_t *rows, const char *filter);
/* Adds to the note when `count` is not 0: "; COUNT WHAT". */
void tui_listing_note(tui_listing_t *self, uint64_t count, const char *what);
bool tui_listing_key(tui_listing_t *self, int key);
/* Draws what is listed under a line with `title`; `empty` says why there is nothing. */
void tui_listing_draw(tui_listing_t *self, tui_canvas_t *canvas, tui_box_t box, const char *title,
                      const char *empty);
/* What `y` copies, or `e` exports. */
void tui_listing_text(tui_listing_t *self, bool chosen, vd_buffer_t *out);

#endif
