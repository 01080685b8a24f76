/* lines.h: lines of toned text, laid out for a width: what a pane scrolls through.
 *
 * 1. Bounded: by TUI_LINES_MAX lines, TUI_SPANS_MAX pieces and TUI_LINES_BYTES_MAX bytes. What is put
 *    in beyond is left out, the lines are `full`, and the last line says so.
 * 2. A line that is longer than the width goes on in the next one, two columns further in than it
 *    began, at a blank where one is near, or (`wrap` false) is cut with an ellipsis where it is drawn.
 * 3. Text is as the canvas takes it: control characters become '?'. A line end in it is one.
 */
#ifndef TUI_LINES_H
#define TUI_LINES_H

#include "tui/canvas.h"

enum {
    TUI_LINES_MAX = 4096,
    TUI_SPANS_MAX = 16384,
    TUI_LINES_BYTES_MAX = 262144,
};

typedef struct tui_lines tui_lines_t;

/* No lines. NULL without memory. */
tui_lines_t *tui_lines_new(void);
void tui_lines_destroy(tui_lines_t **self);
/* Forgets the lines; those to come are for so many columns (at least 8). */
void tui_lines_clear(tui_lines_t *self, int columns, bool wrap);
int tui_lines_width(const tui_lines_t *self);
/* Begins a line, so many columns in. A line that was begun and not ended is ended first. */
void tui_lines_begin(tui_lines_t *self, int indent);
/* Adds text to the line that was begun; without one, begins it. */
void tui_lines_put(tui_lines_t *self, tui_tone_t tone, vd_str_t text);
void tui_lines_putf(tui_lines_t *self, tui_tone_t tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tui_lines_end(tui_lines_t *self);
/* Was a line begun and not ended? */
bool tui_lines_is_open(const tui_lines_t *self);
/* Columns that the line that was begun has left; at least 0. */
int tui_lines_room(const tui_lines_t *self);
size_t tui_lines_count(const tui_lines_t *self);
bool tui_lines_full(const tui_lines_t *self);
/* Draws the lines from `first` on, from the top of the box. */
void tui_lines_draw(const tui_lines_t *self, tui_canvas_t *canvas, tui_box_t box, size_t first);
/* Appends all of them as text. */
void tui_lines_text(const tui_lines_t *self, vd_buffer_t *out);

#endif
