/* canvas.h: a grid of character cells that screens draw on, and that a terminal shows or a test reads.
 *
 * 1. Drawing is pure: the same calls give the same cells. Nothing here knows a terminal.
 * 2. What is drawn is cut to its box and to the canvas; a box may lie partly or wholly outside.
 * 3. Text is UTF-8. Control characters and bytes that are none become '?'. A wide character takes two
 *    cells or, where only one is left, a blank. Combining characters join the cell before them.
 *    Widths are those of the C library: the process has set a UTF-8 locale.
 * 4. On a canvas that is `ascii` every glyph has its ASCII form, and other characters beyond ASCII
 *    are '?'.
 * 5. A tone says what a cell means, not which colour it has.
 */
#ifndef TUI_CANVAS_H
#define TUI_CANVAS_H

#include "wire/buffer.h"

enum {
    TUI_CELL_BYTES = 15,    /* of one character with what joins it */
    TUI_COLUMNS_MAX = 1024, /* of a canvas */
    TUI_ROWS_MAX = 512,
};

typedef enum tui_tone {
    TUI_PLAIN = 0,
    TUI_DIM,    /* what matters least */
    TUI_BOLD,   /* what matters most */
    TUI_TITLE,  /* of a screen, a pane, a column */
    TUI_GOOD,   /* up, complete */
    TUI_WARN,   /* late, waiting, paused */
    TUI_BAD,    /* down, failed */
    TUI_ACCENT, /* running, changed, found */
    TUI_TONES,
} tui_tone_t;

/* Drawing characters, each with an ASCII form. */
typedef enum tui_glyph {
    TUI_HLINE = 0,
    TUI_VLINE,
    TUI_TOP_LEFT,
    TUI_TOP_RIGHT,
    TUI_BOTTOM_LEFT,
    TUI_BOTTOM_RIGHT,
    TUI_TEE_LEFT,  /* a vertical line from which one goes to the right */
    TUI_TEE_RIGHT, /* ... to the left */
    TUI_TEE_DOWN,
    TUI_TEE_UP,
    TUI_CROSS,
    TUI_DOT,      /* a thing, filled */
    TUI_RING,     /* a thing, empty */
    TUI_DIAMOND,  /* a moment, a mark */
    TUI_UP,       /* sorted upwards, more above */
    TUI_DOWN,     /* sorted downwards, more below */
    TUI_RIGHT,    /* closed, leads to */
    TUI_ELLIPSIS, /* cut */
    TUI_BAR_0,    /* eight heights of a bar, from nothing to full */
    TUI_BAR_1,
    TUI_BAR_2,
    TUI_BAR_3,
    TUI_BAR_4,
    TUI_BAR_5,
    TUI_BAR_6,
    TUI_BAR_7,
    TUI_GLYPHS,
} tui_glyph_t;

typedef struct tui_box {
    int x, y, width, height;
} tui_box_t;

typedef struct tui_cell {
    char text[TUI_CELL_BYTES + 1]; /* "" in the second cell of a wide character */
    uint8_t tone;                  /* tui_tone_t */
    bool marked;                   /* shown in reverse: the row that is chosen */
} tui_cell_t;

typedef struct tui_canvas tui_canvas_t;

/* A canvas of blanks. NULL without memory; sizes are brought within the limits. */
tui_canvas_t *tui_canvas_new(int width, int height, bool ascii);
void tui_canvas_destroy(tui_canvas_t **self);
/* Blanks everything, and takes a new size. False without memory: it is as it was. */
bool tui_canvas_clear(tui_canvas_t *self, int width, int height);
int tui_canvas_width(const tui_canvas_t *self);
int tui_canvas_height(const tui_canvas_t *self);
bool tui_canvas_ascii(const tui_canvas_t *self);
/* The whole of it. */
tui_box_t tui_canvas_box(const tui_canvas_t *self);
/* The cell, which must be inside. */
const tui_cell_t *tui_canvas_at(const tui_canvas_t *self, int x, int y);
/* Appends what it shows as lines of text, without the blanks at their ends. */
void tui_canvas_text(const tui_canvas_t *self, vd_buffer_t *out);

/* Draws text at (x, y) of `box`, and returns how many columns it took. */
int tui_put(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone, const char *text);
int tui_put_str(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone, vd_str_t text);
int tui_putf(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone, const char *format,
             ...) __attribute__((format(printf, 6, 7)));
/* The same, in exactly `columns` cells (0 or less: nothing), filled with blanks; text that is too
 * long ends with an ellipsis. `right`: the blanks stand before it. */
void tui_put_cell(tui_canvas_t *self, tui_box_t box, int x, int y, int columns, bool right,
                  tui_tone_t tone, vd_str_t text);
/* Draws a glyph. Returns 1. */
int tui_put_glyph(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone,
                  tui_glyph_t glyph);
/* A horizontal line over the width of the box, with `title` (may be NULL) near its beginning. */
void tui_rule(tui_canvas_t *self, tui_box_t box, int y, const char *title);
/* Marks a row of the box as chosen. */
void tui_mark(tui_canvas_t *self, tui_box_t box, int y);
/* One bar a value, the highest at full height; `y` is its only row. */
void tui_sparkline(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone,
                   const uint64_t *values, size_t count);

/* A box inside another: `x`, `y` from its corner; a width or height of 0 or less reaches so far from the
 * other edge. */
tui_box_t tui_within(tui_box_t box, int x, int y, int width, int height);
/* How many columns a text takes, as it would be drawn. */
int tui_columns(vd_str_t text);

#endif
