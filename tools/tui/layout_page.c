/* layout_page.c: see layout_page.h. */
#include "tui/layout_page.h"

#include <assert.h>
#include <stdlib.h>

void tui_page_init(tui_page_t *self)
{
    *self = (tui_page_t){0};
    vd_buffer_init(&self->text, TUI_PAGE_BYTES_MAX);
}

void tui_page_free(tui_page_t *self)
{
    free(self->lines);
    free(self->parts);
    vd_buffer_free(&self->text);
    *self = (tui_page_t){0};
}

void tui_page_clear(tui_page_t *self)
{
    self->line_count = self->part_count = 0;
    self->full = false;
    vd_buffer_clear(&self->text);
}

/* Room for one more of `size` bytes. False when there is none. */
static bool grow(void **list, uint32_t *room, uint32_t count, uint32_t most, size_t size)
{
    if (count < *room)
        return true;
    uint32_t wanted = *room > 0 ? 2 * *room : 64;
    wanted = wanted < most ? wanted : most;
    void *grown = count < wanted ? realloc(*list, wanted * size) : NULL;
    if (grown == NULL)
        return false;
    *list = grown;
    *room = wanted;
    return true;
}

void tui_page_line(tui_page_t *self, uint64_t key)
{
    void *lines = self->lines;
    if (self->full || !grow(&lines, &self->line_room, self->line_count, TUI_PAGE_LINES_MAX,
                            sizeof *self->lines)) {
        self->full = true;
        return;
    }
    self->lines = lines;
    self->lines[self->line_count++] = (tui_line_t){.part = self->part_count, .key = key};
}

static void add(tui_page_t *self, tui_part_t part)
{
    void *parts = self->parts;
    if (self->full || self->line_count == 0 ||
        !grow(&parts, &self->part_room, self->part_count, TUI_PAGE_PARTS_MAX,
              sizeof *self->parts)) {
        self->full = true;
        return;
    }
    self->parts = parts;
    self->parts[self->part_count++] = part;
    self->lines[self->line_count - 1].count++;
}

void tui_page_put(tui_page_t *self, int x, int columns, bool right, tui_tone_t tone, vd_str_t text)
{
    if (x < 0 || x >= TUI_COLUMNS_MAX || columns <= 0)
        return;
    columns = columns < TUI_COLUMNS_MAX ? columns : TUI_COLUMNS_MAX;
    size_t at = self->text.size;
    if (!vd_buffer_add(&self->text, text.data, text.size)) {
        self->full = true;
        return;
    }
    add(self, (tui_part_t){.x = (int16_t)x,
                           .columns = (int16_t)columns,
                           .tone = (uint8_t)tone,
                           .glyph = TUI_GLYPHS,
                           .right = right,
                           .at = (uint32_t)at,
                           .size = (uint32_t)text.size});
}

void tui_page_glyph(tui_page_t *self, int x, tui_tone_t tone, tui_glyph_t glyph)
{
    assert(glyph < TUI_GLYPHS);
    if (x >= 0 && x < TUI_COLUMNS_MAX)
        add(self, (tui_part_t){.x = (int16_t)x, .columns = 1, .tone = tone, .glyph = glyph});
}

static void draw_line(const tui_page_t *self, const tui_line_t *line, tui_canvas_t *canvas,
                      tui_box_t box, int y)
{
    for (uint32_t at = line->part; at < line->part + line->count; at++) {
        const tui_part_t *part = &self->parts[at];
        vd_str_t text = vd_bytes(self->text.data + part->at, part->size);
        if (part->glyph < TUI_GLYPHS)
            tui_put_glyph(canvas, box, part->x, y, (tui_tone_t)part->tone,
                          (tui_glyph_t)part->glyph);
        else
            tui_put_cell(canvas, box, part->x, y, part->columns, part->right,
                         (tui_tone_t)part->tone, text);
    }
}

void tui_page_draw(const tui_page_t *self, tui_canvas_t *canvas, tui_box_t box, uint32_t first)
{
    for (int y = 0; y < box.height && first + (uint32_t)y < self->line_count; y++)
        draw_line(self, &self->lines[first + (uint32_t)y], canvas, box, y);
}

uint64_t tui_page_key(uint64_t element, vd_str_t text)
{
    uint64_t key = (14695981039346656037u ^ element) * 1099511628211u; /* FNV-1a */
    for (size_t at = 0; at < text.size; at++)
        key = (key ^ text.data[at]) * 1099511628211u;
    return key != 0 ? key : 1;
}
