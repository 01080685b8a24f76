/* lines.c: see lines.h. */
#include "tui/lines.h"

#include "wire/run.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH_MIN = 8, GO_ON_INDENT = 2 };

typedef struct span {
    uint32_t at, size;
    uint8_t tone;
} span_t;

typedef struct line {
    uint32_t first, count; /* spans */
    uint16_t indent;
} line_t;

struct tui_lines {
    vd_buffer_t text;
    span_t *spans;
    line_t *lines;
    size_t span_count, line_count;
    int columns, used; /* of the line that was begun */
    int indent;        /* that it began with; what goes on stands further in */
    bool wrap, open, full;
};

tui_lines_t *tui_lines_new(void)
{
    tui_lines_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->text, TUI_LINES_BYTES_MAX);
    self->spans = calloc(TUI_SPANS_MAX, sizeof *self->spans);
    self->lines = calloc(TUI_LINES_MAX, sizeof *self->lines);
    self->columns = TUI_COLUMNS_MAX;
    if (self->spans == NULL || self->lines == NULL)
        tui_lines_destroy(&self);
    return self;
}

void tui_lines_destroy(tui_lines_t **self)
{
    if (*self == NULL)
        return;
    vd_buffer_free(&(*self)->text);
    free((*self)->spans);
    free((*self)->lines);
    free(*self);
    *self = NULL;
}

void tui_lines_clear(tui_lines_t *self, int columns, bool wrap)
{
    vd_buffer_clear(&self->text);
    self->text.full = false;
    self->span_count = self->line_count = 0;
    self->columns = columns < WIDTH_MIN ? WIDTH_MIN : columns;
    self->wrap = wrap;
    self->open = self->full = false;
    self->used = self->indent = 0;
}

int tui_lines_width(const tui_lines_t *self)
{
    return self->columns;
}

size_t tui_lines_count(const tui_lines_t *self)
{
    return self->line_count;
}

bool tui_lines_full(const tui_lines_t *self)
{
    return self->full;
}

bool tui_lines_is_open(const tui_lines_t *self)
{
    return self->open;
}

int tui_lines_room(const tui_lines_t *self)
{
    return self->used < self->columns ? self->columns - self->used : 0;
}

/* An indent leaves half of the width to the text. */
static int indent_within(const tui_lines_t *self, int indent)
{
    int most = self->columns / 2;
    return indent < 0 ? 0 : indent > most ? most : indent;
}

static void add_span(tui_lines_t *self, tui_tone_t tone, const void *text, size_t size)
{
    if (self->span_count == TUI_SPANS_MAX || !vd_buffer_add(&self->text, text, size)) {
        self->full = true;
        return;
    }
    self->spans[self->span_count++] =
        (span_t){(uint32_t)(self->text.size - size), (uint32_t)size, (uint8_t)tone};
    self->lines[self->line_count - 1].count++;
}

/* The last line is kept for saying that there would be more. */
static void new_line(tui_lines_t *self, int indent)
{
    if (self->full)
        return;
    bool last = self->line_count == TUI_LINES_MAX - 1;
    self->lines[self->line_count++] = (line_t){(uint32_t)self->span_count, 0, (uint16_t)indent};
    self->used = indent;
    if (last) {
        static const char more[] = "(the rest is left out)";
        add_span(self, TUI_WARN, more, sizeof more - 1);
        self->full = true;
    }
}

void tui_lines_begin(tui_lines_t *self, int indent)
{
    self->indent = indent_within(self, indent);
    new_line(self, self->indent);
    self->open = true;
}

void tui_lines_end(tui_lines_t *self)
{
    self->open = false;
}

/* Bytes of the character at the front, and how many columns it takes. */
static size_t character(vd_str_t text, int *columns)
{
    size_t size = text.data[0] < 0x80 ? 1 : vd_utf8_size(text);
    size = size == 0 ? 1 : size;
    *columns = text.data[0] < 0x80 ? 1 : tui_columns(vd_bytes(text.data, size));
    return size;
}

static void go_on(tui_lines_t *self)
{
    new_line(self, indent_within(self, self->indent + GO_ON_INDENT));
}

/* Where a line that is full at `at` is to end: behind a blank that is near enough, else there. */
static size_t break_before(vd_str_t text, size_t from, size_t at)
{
    enum { NEAR = 24 };
    for (size_t back = at; back > from + 1 && at - back < NEAR; back--)
        if (text.data[back - 1] == ' ')
            return back;
    return at;
}

void tui_lines_put(tui_lines_t *self, tui_tone_t tone, vd_str_t text)
{
    assert(tone < TUI_TONES);
    if (!self->open)
        tui_lines_begin(self, 0);
    size_t from = 0, at = 0;
    while (at < text.size && !self->full) {
        int columns = 1;
        vd_str_t rest = vd_bytes(text.data + at, text.size - at);
        size_t size = character(rest, &columns);
        bool ends = text.data[at] == '\n';
        if (ends || (self->wrap && self->used + columns > self->columns)) {
            size_t to = ends ? at : break_before(text, from, at);
            if (to > from)
                add_span(self, tone, text.data + from, to - from);
            go_on(self);
            from = to + (ends ? size : 0);
            if (ends || to < at) { /* what is behind the blank goes on there */
                at = from;
                continue;
            }
        }
        self->used += columns;
        at += size;
    }
    if (at > from && !self->full)
        add_span(self, tone, text.data + from, at - from);
}

void tui_lines_putf(tui_lines_t *self, tui_tone_t tone, const char *format, ...)
{
    char text[TUI_COLUMNS_MAX * 4];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tui_lines_put(self, tone, vd_str(text));
}

static void draw_line(const tui_lines_t *self, const line_t *line, tui_canvas_t *canvas,
                      tui_box_t box, int y)
{
    int x = line->indent;
    for (uint32_t i = line->first; i < line->first + line->count && x < box.width; i++) {
        const span_t *span = &self->spans[i];
        vd_str_t text = vd_bytes(self->text.data + span->at, span->size);
        int columns = tui_columns(text), room = box.width - x;
        if (columns > room)
            tui_put_cell(canvas, box, x, y, room, false, (tui_tone_t)span->tone, text);
        else
            tui_put_str(canvas, box, x, y, (tui_tone_t)span->tone, text);
        x += columns;
        /* Something follows and there is no column left for it. */
        if (x == box.width && i + 1 < line->first + line->count)
            tui_put_glyph(canvas, box, x - 1, y, TUI_DIM, TUI_ELLIPSIS);
    }
}

void tui_lines_draw(const tui_lines_t *self, tui_canvas_t *canvas, tui_box_t box, size_t first)
{
    for (int y = 0; y < box.height && first + (size_t)y < self->line_count; y++)
        draw_line(self, &self->lines[first + (size_t)y], canvas, box, y);
}

void tui_lines_text(const tui_lines_t *self, vd_buffer_t *out)
{
    for (size_t i = 0; i < self->line_count; i++) {
        const line_t *line = &self->lines[i];
        for (int x = 0; x < line->indent; x++)
            vd_buffer_add(out, " ", 1);
        for (uint32_t at = line->first; at < line->first + line->count; at++)
            vd_buffer_add(out, self->text.data + self->spans[at].at, self->spans[at].size);
        vd_buffer_add(out, "\n", 1);
    }
}
