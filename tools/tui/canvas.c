/* canvas.c: see canvas.h. */
#include "tui/canvas.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

struct tui_canvas {
    tui_cell_t *cells;
    int width, height;
    bool ascii;
};

static const struct {
    const char *text, *ascii;
} glyphs[TUI_GLYPHS] = {
    [TUI_HLINE] = {"─", "-"},     [TUI_VLINE] = {"│", "|"},       [TUI_TOP_LEFT] = {"┌", "+"},
    [TUI_TOP_RIGHT] = {"┐", "+"}, [TUI_BOTTOM_LEFT] = {"└", "+"}, [TUI_BOTTOM_RIGHT] = {"┘", "+"},
    [TUI_TEE_LEFT] = {"├", "+"},  [TUI_TEE_RIGHT] = {"┤", "+"},   [TUI_TEE_DOWN] = {"┬", "+"},
    [TUI_TEE_UP] = {"┴", "+"},    [TUI_CROSS] = {"┼", "+"},       [TUI_DOT] = {"●", "*"},
    [TUI_RING] = {"○", "o"},      [TUI_DIAMOND] = {"◆", "#"},     [TUI_UP] = {"▲", "^"},
    [TUI_DOWN] = {"▼", "v"},      [TUI_RIGHT] = {"▶", ">"},       [TUI_ELLIPSIS] = {"…", "~"},
    [TUI_BAR_0] = {" ", " "},     [TUI_BAR_1] = {"▁", "_"},       [TUI_BAR_2] = {"▂", "."},
    [TUI_BAR_3] = {"▃", ":"},     [TUI_BAR_4] = {"▄", "-"},       [TUI_BAR_5] = {"▅", "="},
    [TUI_BAR_6] = {"▆", "+"},     [TUI_BAR_7] = {"█", "#"},
};

static int within(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void blank(tui_canvas_t *self)
{
    size_t count = (size_t)self->width * (size_t)self->height;
    for (size_t i = 0; i < count; i++)
        self->cells[i] = (tui_cell_t){.text = " "};
}

tui_canvas_t *tui_canvas_new(int width, int height, bool ascii)
{
    tui_canvas_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->ascii = ascii;
    if (!tui_canvas_clear(self, width, height))
        tui_canvas_destroy(&self);
    return self;
}

void tui_canvas_destroy(tui_canvas_t **self)
{
    if (*self == NULL)
        return;
    free((*self)->cells);
    free(*self);
    *self = NULL;
}

bool tui_canvas_clear(tui_canvas_t *self, int width, int height)
{
    width = within(width, 1, TUI_COLUMNS_MAX);
    height = within(height, 1, TUI_ROWS_MAX);
    if (self->cells == NULL || width != self->width || height != self->height) {
        tui_cell_t *cells = malloc((size_t)width * (size_t)height * sizeof *cells);
        if (cells == NULL)
            return false;
        free(self->cells);
        self->cells = cells;
        self->width = width;
        self->height = height;
    }
    blank(self);
    return true;
}

int tui_canvas_width(const tui_canvas_t *self)
{
    return self->width;
}

int tui_canvas_height(const tui_canvas_t *self)
{
    return self->height;
}

bool tui_canvas_ascii(const tui_canvas_t *self)
{
    return self->ascii;
}

tui_box_t tui_canvas_box(const tui_canvas_t *self)
{
    return (tui_box_t){0, 0, self->width, self->height};
}

const tui_cell_t *tui_canvas_at(const tui_canvas_t *self, int x, int y)
{
    assert(x >= 0 && y >= 0 && x < self->width && y < self->height);
    return &self->cells[(size_t)y * (size_t)self->width + (size_t)x];
}

void tui_canvas_text(const tui_canvas_t *self, vd_buffer_t *out)
{
    for (int y = 0; y < self->height; y++) {
        int last = self->width - 1;
        while (last >= 0 && strcmp(tui_canvas_at(self, last, y)->text, " ") == 0)
            last--;
        for (int x = 0; x <= last; x++) {
            const char *text = tui_canvas_at(self, x, y)->text;
            vd_buffer_add(out, text, strlen(text));
        }
        vd_buffer_add(out, "\n", 1);
    }
}

/* ---- characters ---- */

/* One character of a text as it is drawn. */
typedef struct drawn {
    const char *text;
    size_t size;  /* bytes of `text` */
    size_t taken; /* bytes of the input */
    int columns;  /* 0: joins the one before */
} drawn_t;

static drawn_t next_character(vd_str_t text, bool ascii)
{
    mbstate_t state = {0};
    wchar_t wide = 0;
    size_t taken = mbrtowc(&wide, (const char *)text.data, text.size, &state);
    if (taken == 0 || taken > text.size) /* a zero byte, or no character */
        return (drawn_t){"?", 1, 1, 1};
    int columns = wcwidth(wide);
    bool shown = columns >= 0 && taken <= TUI_CELL_BYTES;
    if (!shown || (ascii && taken > 1))
        return (drawn_t){"?", columns == 0 && ascii ? 0 : 1, taken, columns == 0 && ascii ? 0 : 1};
    return (drawn_t){(const char *)text.data, taken, taken, columns};
}

static vd_str_t behind(vd_str_t text, size_t size)
{
    return vd_bytes(text.data + size, text.size - size);
}

int tui_columns(vd_str_t text)
{
    int columns = 0;
    while (text.size > 0) {
        drawn_t drawn = next_character(text, false);
        columns += drawn.columns;
        text = behind(text, drawn.taken);
    }
    return columns;
}

/* ---- drawing ---- */

static tui_cell_t *cell_at(tui_canvas_t *self, tui_box_t box, int x, int y)
{
    if (x < 0 || y < 0 || x >= box.width || y >= box.height)
        return NULL;
    x += box.x;
    y += box.y;
    if (x < 0 || y < 0 || x >= self->width || y >= self->height)
        return NULL;
    return &self->cells[(size_t)y * (size_t)self->width + (size_t)x];
}

static void set_cell(tui_cell_t *cell, tui_tone_t tone, const char *text, size_t size)
{
    if (cell == NULL)
        return;
    memcpy(cell->text, text, size);
    cell->text[size] = 0;
    cell->tone = (uint8_t)tone;
}

static void join_cell(tui_cell_t *cell, const char *text, size_t size)
{
    size_t used = cell != NULL ? strlen(cell->text) : TUI_CELL_BYTES;
    if (used + size > TUI_CELL_BYTES)
        return;
    memcpy(cell->text + used, text, size);
    cell->text[used + size] = 0;
}

static void set_character(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone,
                          const drawn_t *drawn)
{
    if (drawn->columns == 0) {
        if (drawn->size > 0 && x > 0)
            join_cell(cell_at(self, box, x - 1, y), drawn->text, drawn->size);
        return;
    }
    tui_cell_t *second = drawn->columns == 2 ? cell_at(self, box, x + 1, y) : NULL;
    if (drawn->columns == 2 && second == NULL) {
        set_cell(cell_at(self, box, x, y), tone, " ", 1);
        return;
    }
    set_cell(cell_at(self, box, x, y), tone, drawn->text, drawn->size);
    set_cell(second, tone, "", 0);
}

int tui_put_str(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone, vd_str_t text)
{
    assert(tone < TUI_TONES);
    int columns = 0;
    while (text.size > 0 && x + columns < box.width) {
        drawn_t drawn = next_character(text, self->ascii);
        set_character(self, box, x + columns, y, tone, &drawn);
        columns += drawn.columns;
        text = behind(text, drawn.taken);
    }
    return columns;
}

int tui_put(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone, const char *text)
{
    return tui_put_str(self, box, x, y, tone, vd_str(text));
}

int tui_putf(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone, const char *format,
             ...)
{
    char text[TUI_COLUMNS_MAX * 4];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return tui_put(self, box, x, y, tone, text);
}

int tui_put_glyph(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone,
                  tui_glyph_t glyph)
{
    assert(tone < TUI_TONES && glyph < TUI_GLYPHS);
    const char *text = self->ascii ? glyphs[glyph].ascii : glyphs[glyph].text;
    set_cell(cell_at(self, box, x, y), tone, text, strlen(text));
    return 1;
}

void tui_put_cell(tui_canvas_t *self, tui_box_t box, int x, int y, int columns, bool right,
                  tui_tone_t tone, vd_str_t text)
{
    if (columns <= 0)
        return;
    int wide = tui_columns(text);
    tui_box_t inside = {box.x + x, box.y + y, columns < box.width - x ? columns : box.width - x, 1};
    if (y < 0 || y >= box.height)
        return;
    for (int i = 0; i < inside.width; i++)
        set_cell(cell_at(self, inside, i, 0), tone, " ", 1);
    tui_put_str(self, inside, right && wide < columns ? columns - wide : 0, 0, tone, text);
    if (wide <= columns)
        return;
    /* The ellipsis may stand on the second half of a wide character: its first goes too. */
    tui_cell_t *last = cell_at(self, inside, columns - 1, 0);
    if (last != NULL && last->text[0] == 0)
        set_cell(cell_at(self, inside, columns - 2, 0), tone, " ", 1);
    tui_put_glyph(self, inside, columns - 1, 0, tone, TUI_ELLIPSIS);
}

void tui_rule(tui_canvas_t *self, tui_box_t box, int y, const char *title)
{
    for (int x = 0; x < box.width; x++)
        tui_put_glyph(self, box, x, y, TUI_DIM, TUI_HLINE);
    if (title == NULL || title[0] == 0 || box.width < 6)
        return;
    int columns = tui_columns(vd_str(title));
    columns = columns < box.width - 4 ? columns : box.width - 4;
    tui_put(self, box, 1, y, TUI_DIM, " ");
    tui_put_cell(self, box, 2, y, columns, false, TUI_TITLE, vd_str(title));
    tui_put(self, box, 2 + columns, y, TUI_DIM, " ");
}

void tui_mark(tui_canvas_t *self, tui_box_t box, int y)
{
    for (int x = 0; x < box.width; x++) {
        tui_cell_t *cell = cell_at(self, box, x, y);
        if (cell != NULL)
            cell->marked = true;
    }
}

void tui_sparkline(tui_canvas_t *self, tui_box_t box, int x, int y, tui_tone_t tone,
                   const uint64_t *values, size_t count)
{
    enum { HEIGHTS = TUI_BAR_7 - TUI_BAR_0 };
    uint64_t most = 1;
    for (size_t i = 0; i < count; i++)
        most = values[i] > most ? values[i] : most;
    for (size_t i = 0; i < count; i++) {
        /* What is not nothing is seen. */
        double part = (double)values[i] / (double)most * HEIGHTS;
        int height = values[i] == 0 ? 0 : within((int)(part + 0.5), 1, HEIGHTS);
        tui_put_glyph(self, box, x + (int)i, y, tone, (tui_glyph_t)(TUI_BAR_0 + height));
    }
}

tui_box_t tui_within(tui_box_t box, int x, int y, int width, int height)
{
    tui_box_t inside = {box.x + x, box.y + y, width > 0 ? width : box.width - x + width,
                        height > 0 ? height : box.height - y + height};
    inside.width = within(inside.width, 0, box.width > x ? box.width - x : 0);
    inside.height = within(inside.height, 0, box.height > y ? box.height - y : 0);
    return inside;
}
