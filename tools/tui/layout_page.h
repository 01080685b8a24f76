/* layout_page.h: lines of text with tones, made once and drawn many times.
 *
 * 1. A page is bounded: in lines, in parts of lines, and in bytes. What is beyond is not kept, and the
 *    page is `full` from then on.
 * 2. Texts are copied and may hold any bytes: the canvas makes them fit for a terminal.
 * 3. A line may be a row: something that can be chosen, known by its key.
 */
#ifndef TUI_LAYOUT_PAGE_H
#define TUI_LAYOUT_PAGE_H

#include "tui/canvas.h"

enum {
    TUI_PAGE_LINES_MAX = 4096,
    TUI_PAGE_PARTS_MAX = 65536,
    TUI_PAGE_BYTES_MAX = 1048576,
};

typedef struct tui_part {
    int16_t x, columns;
    uint8_t tone;
    uint8_t glyph; /* TUI_GLYPHS: a text */
    bool right;
    uint32_t at, size; /* of the text */
} tui_part_t;

typedef struct tui_line {
    uint32_t part, count;
    uint64_t key; /* of a row; 0: none */
} tui_line_t;

typedef struct tui_page {
    tui_line_t *lines;
    tui_part_t *parts;
    uint32_t line_count, part_count, line_room, part_room;
    vd_buffer_t text;
    bool full;
} tui_page_t;

void tui_page_init(tui_page_t *self);
void tui_page_free(tui_page_t *self);
void tui_page_clear(tui_page_t *self);
/* Begins a line; `key` of a row, else 0. */
void tui_page_line(tui_page_t *self, uint64_t key);
/* Into the line at hand: text in exactly `columns`, or a glyph. */
void tui_page_put(tui_page_t *self, int x, int columns, bool right, tui_tone_t tone, vd_str_t text);
void tui_page_glyph(tui_page_t *self, int x, tui_tone_t tone, tui_glyph_t glyph);
/* Draws the lines from `first` on, as many as the box has room for. */
void tui_page_draw(const tui_page_t *self, tui_canvas_t *canvas, tui_box_t box, uint32_t first);
/* A key of the bytes, other than 0. */
uint64_t tui_page_key(uint64_t element, vd_str_t text);

#endif
