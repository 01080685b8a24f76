/* drawn.h: what is drawn can be shown: no control character is in a cell, whatever the text was. */
#ifndef VD_FUZZ_DRAWN_H
#define VD_FUZZ_DRAWN_H

#include "fuzz.h"
#include "tui/lines.h"

static inline void fuzz_can_be_shown(const tui_canvas_t *canvas)
{
    for (int y = 0; y < tui_canvas_height(canvas); y++)
        for (int x = 0; x < tui_canvas_width(canvas); x++) {
            const tui_cell_t *cell = tui_canvas_at(canvas, x, y);
            FUZZ_HOLDS(cell->tone < TUI_TONES);
            for (const char *at = cell->text; *at != 0; at++)
                FUZZ_HOLDS((uint8_t)*at >= 0x20 && *at != 0x7f);
        }
}

/* Lines, drawn on a page of `width` columns. */
static inline void fuzz_drawn(const tui_lines_t *lines, int width)
{
    tui_canvas_t *canvas = tui_canvas_new(width, 20, false);
    FUZZ_HOLDS(canvas != NULL);
    tui_lines_draw(lines, canvas, tui_canvas_box(canvas), 0);
    fuzz_can_be_shown(canvas);
    tui_canvas_destroy(&canvas);
}

#endif
