/* layout_bars.c: values of a list as bars beside each other. */
#include "tui/layout_impl.h"

#include <stdio.h>

enum { LABEL_MAX = 24, BAR_MAX = 60, BAR_MIN = 4 };

typedef struct widths {
    int label, value, bar;
    double most;
} widths_t;

/* The number in the value of the element; 0 where there is none. */
static double number_of(tui_scribe_t *self, const vd_layout_element_t *element,
                        const vd_value_t *item)
{
    const vd_layout_cell_t *cell = &self->layout->cells[element->cell + 1];
    vd_value_t value = tui_evaluate(self, self->layout->pieces[cell->piece].expression, item);
    double number = vd_value_f64(&value, 0);
    if (value.kind == VD_KIND_U64)
        number = (double)value.u64;
    return number > 0 && number < 1e300 ? number : 0;
}

static widths_t measure(tui_scribe_t *self, const vd_layout_element_t *element,
                        const tui_items_t *items, uint32_t shown)
{
    char text[TUI_FIGURE_BYTES];
    widths_t widths = {0};
    for (uint32_t at = 0; at < shown; at++) {
        const vd_layout_cell_t *cells = &self->layout->cells[element->cell];
        tui_cell_text(self, &cells[0], &items->list[at], text);
        int label = tui_columns(vd_str(text));
        tui_cell_text(self, &cells[1], &items->list[at], text);
        int value = tui_columns(vd_str(text));
        double number = number_of(self, element, &items->list[at]);
        widths.label = label > widths.label ? label : widths.label;
        widths.value = value > widths.value ? value : widths.value;
        widths.most = number > widths.most ? number : widths.most;
    }
    vd_value_t most = tui_evaluate(self, element->most, NULL);
    double given = vd_value_f64(&most, most.kind == VD_KIND_U64 ? (double)most.u64 : 0);
    if (given > 0 && given < 1e300)
        widths.most = given;
    widths.label = widths.label < LABEL_MAX ? widths.label : LABEL_MAX;
    widths.bar = self->width - widths.label - widths.value - 4;
    widths.bar = widths.bar < BAR_MAX ? widths.bar : BAR_MAX;
    return widths;
}

static void draw_bar(tui_scribe_t *self, const vd_layout_element_t *element, const vd_value_t *item,
                     const widths_t *widths)
{
    char text[TUI_FIGURE_BYTES];
    const vd_layout_cell_t *cells = &self->layout->cells[element->cell];
    tui_cell_text(self, &cells[0], item, text);
    tui_page_line(self->page, tui_page_key(self->element, vd_str(text)));
    tui_page_put(self->page, 0, widths->label, false, TUI_PLAIN, vd_str(text));
    tui_tone_t tone = tui_cell_text(self, &cells[1], item, text);
    int x = widths->label + 1;
    if (widths->bar >= BAR_MIN) {
        double part = widths->most > 0 ? number_of(self, element, item) / widths->most : 0;
        part = part > 1 ? 1 : part;
        int full = (int)(part * widths->bar + 0.5);
        full = full == 0 && part > 0 ? 1 : full;
        tui_page_put(self->page, x, 1, false, TUI_DIM, vd_str("["));
        for (int at = 0; at < full; at++)
            tui_page_glyph(self->page, x + 1 + at, tone, TUI_BAR_7);
        tui_page_put(self->page, x + 1 + widths->bar, 1, false, TUI_DIM, vd_str("]"));
        x += widths->bar + 3;
    }
    tui_page_put(self->page, x, widths->value, true, tone, vd_str(text));
}

void tui_draw_bars(tui_scribe_t *self, const vd_layout_element_t *element)
{
    tui_items_t items;
    if (!tui_items_of(self, element->list, &items)) {
        tui_say(self, 0, TUI_WARN, "no memory for these bars");
    } else if (items.count == 0) {
        tui_page_line(self->page, 0);
        tui_page_put(self->page, 0, self->width, false, TUI_DIM,
                     element->empty.size > 0 ? element->empty : vd_str("none"));
    } else {
        uint32_t shown = items.count < TUI_LAYOUT_SHOWN_MAX ? items.count : TUI_LAYOUT_SHOWN_MAX;
        widths_t widths = measure(self, element, &items, shown);
        for (uint32_t at = 0; at < shown; at++)
            draw_bar(self, element, &items.list[at], &widths);
        if (shown < items.total) {
            char text[64];
            snprintf(text, sizeof text, "%llu more are not shown",
                     (unsigned long long)(items.total - shown));
            tui_say(self, 0, TUI_DIM, text);
        }
    }
    tui_items_free(&items);
}
