/* layout.c: see layout.h. */
#include "tui/layout.h"
#include "tui/layout_impl.h"

#include "wire/message.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOT_BYTES_MAX = 2 * VD_SNAPSHOT_BYTES_MAX, UNFOLDED_MAX = 12 };

struct tui_layout {
    vd_layout_t *layout; /* NULL: a tree */
    char error[VD_TEXT_BYTES_MAX + 1];
    vd_buffer_t snapshot;
    tui_page_t page;
    bool made; /* the page is of this layout, snapshot and size */
    int width, height;
    bool ascii;
    int unfolded;
    uint32_t top;
    uint64_t chosen;    /* the key of a row; 0: none */
    uint32_t chosen_at; /* the line in which it was */
};

tui_layout_t *tui_layout_new(void)
{
    tui_layout_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    vd_buffer_init(&self->snapshot, SNAPSHOT_BYTES_MAX);
    tui_page_init(&self->page);
    return self;
}

void tui_layout_destroy(tui_layout_t **self_p)
{
    tui_layout_t *self = *self_p;
    if (self == NULL)
        return;
    vd_layout_destroy(&self->layout);
    vd_buffer_free(&self->snapshot);
    tui_page_free(&self->page);
    free(self);
    *self_p = NULL;
}

bool tui_layout_take(tui_layout_t *self, vd_bytes_t value)
{
    vd_value_t given;
    bool none = value.size == 0 || (vd_scan_exact(value, VD_DEPTH_MAX) == VD_OK &&
                                    vd_value_of(value, &given) && given.kind == VD_KIND_NIL);
    self->made = false;
    self->error[0] = 0;
    self->chosen = 0;
    self->top = 0;
    vd_layout_destroy(&self->layout);
    if (!none)
        self->layout = vd_layout_new(value, self->error, sizeof self->error);
    return none || self->layout != NULL;
}

const char *tui_layout_error(const tui_layout_t *self)
{
    return self->error;
}

bool tui_layout_show(tui_layout_t *self, vd_bytes_t snapshot)
{
    vd_buffer_clear(&self->snapshot);
    self->made = false;
    if (snapshot.size == 0)
        return true;
    bool good = vd_scan_exact(snapshot, VD_DEPTH_MAX) == VD_OK &&
                vd_buffer_add(&self->snapshot, snapshot.data, snapshot.size);
    if (!good)
        vd_buffer_clear(&self->snapshot);
    return good;
}

bool tui_layout_has(const tui_layout_t *self)
{
    return self->snapshot.size > 0;
}

/* ---- making the page ---- */

static void draw_title(tui_scribe_t *self, vd_str_t title)
{
    if (title.size == 0)
        return;
    int columns = tui_columns(title);
    columns = columns < self->width ? columns : self->width;
    tui_page_line(self->page, 0);
    tui_page_put(self->page, 0, columns, false, TUI_TITLE, title);
    for (int x = columns + 1; x < self->width; x++)
        tui_page_glyph(self->page, x, TUI_DIM, TUI_HLINE);
}

static void draw_element(tui_scribe_t *self, const vd_layout_element_t *element)
{
    if (!tui_holds(self, element->when, NULL))
        return;
    draw_title(self, element->title);
    if (element->kind == VD_LAYOUT_TEXT)
        tui_draw_text(self, element);
    else if (element->kind == VD_LAYOUT_FIELDS)
        tui_draw_fields(self, element);
    else if (element->kind == VD_LAYOUT_TABLE)
        tui_draw_table(self, element);
    else if (element->kind == VD_LAYOUT_BARS)
        tui_draw_bars(self, element);
    else if (element->kind == VD_LAYOUT_GRAPH)
        tui_draw_graph(self, element);
    else {
        vd_value_t value = tui_evaluate(self, element->list, NULL);
        tui_draw_tree(self, &value);
    }
}

static void make(tui_layout_t *self, int width, int height, bool ascii)
{
    if (self->made && self->width == width && self->height == height && self->ascii == ascii)
        return;
    tui_scribe_t scribe = {.layout = self->layout,
                           .page = &self->page,
                           .width = width,
                           .height = height,
                           .unfolded = self->unfolded,
                           .ascii = ascii};
    vd_over_open(&scribe.over, vd_buffer_view(&self->snapshot));
    scribe.over.work = TUI_LAYOUT_WORK_MAX;
    self->width = width;
    self->height = height;
    self->ascii = ascii;
    self->made = true;
    tui_page_clear(&self->page);
    if (!tui_layout_has(self))
        return;
    if (self->layout == NULL)
        tui_draw_tree(&scribe, &scribe.over.state);
    for (uint16_t at = 0; self->layout != NULL && at < self->layout->element_count; at++) {
        scribe.element = at;
        draw_element(&scribe, &self->layout->elements[at]);
    }
    if (scribe.over.work == 0)
        tui_say(&scribe, 0, TUI_WARN, "not all of this is shown: the layout asks for too much");
}

/* ---- where we stand ---- */

static bool is_row(const tui_layout_t *self, uint32_t line)
{
    return line < self->page.line_count && self->page.lines[line].key != 0;
}

/* The line of the chosen row, or of the nearest to where it was; line_count: there are none. */
static uint32_t chosen_line(const tui_layout_t *self)
{
    uint32_t count = self->page.line_count, near = count;
    for (uint32_t at = 0; at < count && self->chosen != 0; at++)
        if (self->page.lines[at].key == self->chosen)
            return at;
    for (uint32_t at = 0; at < count; at++) {
        uint32_t far = at > self->chosen_at ? at - self->chosen_at : self->chosen_at - at;
        uint32_t best = near > self->chosen_at ? near - self->chosen_at : self->chosen_at - near;
        if (is_row(self, at) && (near == count || far < best))
            near = at;
    }
    return near;
}

static uint32_t top_max(const tui_layout_t *self)
{
    uint32_t height = self->height > 0 ? (uint32_t)self->height : 0;
    return self->page.line_count > height ? self->page.line_count - height : 0;
}

static void choose(tui_layout_t *self, uint32_t line)
{
    uint32_t height = self->height > 0 ? (uint32_t)self->height : 1;
    if (!is_row(self, line))
        return;
    self->chosen = self->page.lines[line].key;
    self->chosen_at = line;
    if (line < self->top)
        self->top = line;
    else if (line >= self->top + height)
        self->top = line - height + 1;
}

static void scroll(tui_layout_t *self, int64_t lines)
{
    int64_t to = (int64_t)self->top + lines;
    self->top = to < 0 ? 0 : to > top_max(self) ? top_max(self) : (uint32_t)to;
}

void tui_layout_draw(tui_layout_t *self, tui_canvas_t *canvas, tui_box_t box)
{
    if (box.width <= 0 || box.height <= 0)
        return;
    make(self, box.width, box.height, tui_canvas_ascii(canvas));
    scroll(self, 0);
    tui_page_draw(&self->page, canvas, box, self->top);
    uint32_t chosen = self->chosen != 0 ? chosen_line(self) : self->page.line_count;
    if (chosen < self->page.line_count)
        tui_mark(canvas, box, (int)((int64_t)chosen - self->top));
}

void tui_layout_move(tui_layout_t *self, int rows)
{
    uint32_t line = chosen_line(self), to = line;
    if (line == self->page.line_count) {
        scroll(self, rows);
        return;
    }
    if (self->chosen == 0) { /* the first key only shows where we are */
        choose(self, line);
        return;
    }
    int step = rows < 0 ? -1 : 1;
    for (int left = rows * step; left > 0; left--) {
        int64_t next = (int64_t)to + step;
        while (next >= 0 && next < self->page.line_count && !is_row(self, (uint32_t)next))
            next += step;
        if (next < 0 || next >= self->page.line_count) {
            scroll(self, step); /* what stands before the first row, and behind the last */
            break;
        }
        to = (uint32_t)next;
    }
    if (to != line)
        choose(self, to);
}

void tui_layout_turn(tui_layout_t *self, int pages)
{
    scroll(self, (int64_t)pages * (self->height > 1 ? self->height - 1 : 1));
    uint32_t at = self->top;
    while (at < self->page.line_count && !is_row(self, at))
        at++;
    if (at < self->page.line_count && at < self->top + (uint32_t)self->height)
        choose(self, at);
}

void tui_layout_first(tui_layout_t *self)
{
    uint32_t at = 0;
    while (at < self->page.line_count && !is_row(self, at))
        at++;
    choose(self, at);
    self->top = 0;
}

void tui_layout_last(tui_layout_t *self)
{
    uint32_t at = self->page.line_count;
    while (at > 0 && !is_row(self, at - 1))
        at--;
    if (at > 0)
        choose(self, at - 1);
    self->top = top_max(self);
}

void tui_layout_unfold(tui_layout_t *self, int levels)
{
    int to = self->unfolded + levels;
    self->unfolded = to < -UNFOLDED_MAX ? -UNFOLDED_MAX : to > UNFOLDED_MAX ? UNFOLDED_MAX : to;
    self->made = false;
}

uint32_t tui_layout_top(const tui_layout_t *self)
{
    return self->top;
}

uint32_t tui_layout_lines(const tui_layout_t *self)
{
    return self->page.line_count;
}

void tui_layout_text(tui_layout_t *self, int width, bool ascii, vd_buffer_t *out)
{
    tui_canvas_t *canvas = tui_canvas_new(width, 1, ascii);
    if (canvas == NULL)
        return;
    make(self, tui_canvas_width(canvas), self->height > 0 ? self->height : 1, ascii);
    for (uint32_t at = 0; at < self->page.line_count; at++) {
        tui_canvas_clear(canvas, width, 1);
        tui_page_draw(&self->page, canvas, tui_canvas_box(canvas), at);
        tui_canvas_text(canvas, out);
    }
    tui_canvas_destroy(&canvas);
}
