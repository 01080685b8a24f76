/* fuzz_layout.c: a layout that an observer may declare, as a value or as JSON, and any snapshot drawn by it. */
#include "fuzz.h"
#include "layout/layout.h"
#include "tui/layout.h"

/* What is read has everything within its bounds. */
static void look(const vd_layout_t *layout)
{
    FUZZ_HOLDS(layout->element_count <= VD_LAYOUT_ELEMENTS_MAX);
    FUZZ_HOLDS(layout->cell_count <= VD_LAYOUT_CELLS_MAX);
    FUZZ_HOLDS(layout->piece_count <= VD_LAYOUT_PIECES_MAX);
    FUZZ_HOLDS(layout->expression_count <= VD_LAYOUT_PIECES_MAX);
    for (uint16_t i = 0; i < layout->cell_count; i++)
        FUZZ_HOLDS(layout->cells[i].piece + layout->cells[i].piece_count <= layout->piece_count);
    for (uint16_t i = 0; i < layout->element_count; i++) {
        const vd_layout_element_t *element = &layout->elements[i];
        FUZZ_HOLDS(element->kind < VD_LAYOUT_KINDS);
        FUZZ_HOLDS(element->cell + element->cell_count <= layout->cell_count);
        FUZZ_HOLDS(element->list < layout->expression_count);
    }
    for (uint16_t i = 0; i < layout->piece_count; i++)
        FUZZ_HOLDS(layout->pieces[i].expression < layout->expression_count);
}

/* Lines are no wider than they may be, and of ASCII where that is asked for. */
static void look_at_lines(vd_bytes_t text, int width, bool ascii)
{
    size_t begun = 0;
    for (size_t i = 0; i < text.size; i++) {
        FUZZ_HOLDS(text.data[i] == '\n' || text.data[i] >= 0x20);
        FUZZ_HOLDS(!ascii || text.data[i] < 0x80);
        if (text.data[i] != '\n')
            continue;
        FUZZ_HOLDS(tui_columns(vd_bytes(text.data + begun, i - begun)) <= width);
        begun = i + 1;
    }
}

static void draw(tui_layout_t *page, int width, bool ascii)
{
    vd_buffer_t text, again;
    tui_canvas_t *canvas = tui_canvas_new(width, 12, ascii);
    FUZZ_HOLDS(canvas != NULL);
    vd_buffer_init(&text, 16 << 20);
    vd_buffer_init(&again, 16 << 20);
    for (int i = 0; i < 3; i++) {
        tui_layout_draw(page, canvas, tui_canvas_box(canvas));
        FUZZ_HOLDS(tui_layout_lines(page) == 0 || tui_layout_top(page) < tui_layout_lines(page));
        tui_layout_move(page, 3);
        tui_layout_unfold(page, 1);
    }
    tui_layout_last(page);
    tui_layout_draw(page, canvas, tui_canvas_box(canvas));
    tui_canvas_text(canvas, &text);
    look_at_lines(vd_buffer_view(&text), width, ascii);
    vd_buffer_clear(&text);
    tui_layout_text(page, width, ascii, &text);
    tui_layout_text(page, width, ascii, &again);
    FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(&text), vd_buffer_view(&again)));
    look_at_lines(vd_buffer_view(&text), width, ascii);
    vd_buffer_free(&text);
    vd_buffer_free(&again);
    tui_canvas_destroy(&canvas);
}

void fuzz_one(vd_bytes_t input)
{
    char error[VD_TEXT_BYTES_MAX + 1] = "";
    uint8_t how = fuzz_byte(&input);
    vd_bytes_t given = fuzz_part(&input);
    vd_buffer_t value;
    vd_buffer_init(&value, 1 << 20);
    if ((how & 1) != 0) {
        char *json = fuzz_text(given);
        vd_status_t status = vd_layout_of_json(json, &value, error, sizeof error);
        FUZZ_HOLDS((status == VD_OK) == (error[0] == 0));
        free(json);
        given = vd_buffer_view(&value);
        if (status != VD_OK)
            given.size = 0;
    }
    vd_layout_t *layout = vd_layout_new(given, error, sizeof error);
    FUZZ_HOLDS(layout != NULL || error[0] != 0);
    FUZZ_HOLDS(layout != NULL || (how & 1) == 0 || given.size == 0);
    tui_layout_t *page = tui_layout_new();
    FUZZ_HOLDS(page != NULL);
    bool taken = tui_layout_take(page, given);
    FUZZ_HOLDS(taken || tui_layout_error(page) != NULL);
    FUZZ_HOLDS(taken || layout == NULL);
    if (layout != NULL)
        look(layout);
    if (tui_layout_show(page, input))
        draw(page, 8 + (how >> 2), (how & 2) != 0);
    tui_layout_destroy(&page);
    vd_layout_destroy(&layout);
    vd_buffer_free(&value);
}
