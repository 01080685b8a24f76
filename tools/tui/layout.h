/* layout.h: the view of an observer: its snapshot, drawn as its layout says.
 *
 * 1. Layouts and snapshots come from other processes: whatever they hold, drawing is bounded and says
 *    what it left out. What is not there is "-".
 * 2. The same layout, snapshot, box and place give the same cells. A snapshot may be of now or of the
 *    past.
 * 3. Without a layout, or with one that cannot be used, the snapshot's state is shown as a tree, as deep
 *    as there is room for.
 * 4. A row that is chosen stays chosen when another snapshot comes, as long as it is there.
 */
#ifndef TUI_LAYOUT_H
#define TUI_LAYOUT_H

#include "tui/canvas.h"
#include "wire/value.h"

typedef struct tui_layout tui_layout_t;

/* NULL without memory. */
tui_layout_t *tui_layout_new(void);
void tui_layout_destroy(tui_layout_t **self_p);

/* What the observer answered to the query `layout`: one value, nil for none. It is copied. False when it
 * cannot be used: the error says why. */
bool tui_layout_take(tui_layout_t *self, vd_bytes_t value);
const char *tui_layout_error(const tui_layout_t *self);
/* The snapshot to be shown, copied; no bytes: none. False when it is too large or no value: none is shown. */
bool tui_layout_show(tui_layout_t *self, vd_bytes_t snapshot);
/* Whether it has a snapshot. */
bool tui_layout_has(const tui_layout_t *self);

void tui_layout_draw(tui_layout_t *self, tui_canvas_t *canvas, tui_box_t box);

/* Goes so many rows down (negative: up), or lines, where there are no rows. */
void tui_layout_move(tui_layout_t *self, int rows);
/* So many heights of the box. */
void tui_layout_turn(tui_layout_t *self, int pages);
void tui_layout_first(tui_layout_t *self);
void tui_layout_last(tui_layout_t *self);
/* Trees open, graphs unfold (+1), or back (-1). */
void tui_layout_unfold(tui_layout_t *self, int levels);
/* Where it stands: the first line that is shown, and how many there are. */
uint32_t tui_layout_top(const tui_layout_t *self);
uint32_t tui_layout_lines(const tui_layout_t *self);
/* Everything as lines of text, `width` columns wide, in the order in which it would be scrolled. */
void tui_layout_text(tui_layout_t *self, int width, bool ascii, vd_buffer_t *out);

#endif
