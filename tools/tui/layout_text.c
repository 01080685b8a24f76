/* layout_text.c: values as text, and the elements that are made of text alone. */
#include "tui/layout_impl.h"

#include "vedette/figures.h"
#include "vedette/text.h"
#include "wire/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ID_CHARACTERS = 10, LINES_MAX = 16, BRIEF_DEPTH = 8 };

/* ---- values ---- */

void tui_copy(vd_str_t text, char *out, size_t size)
{
    size_t taken = text.size < size ? text.size : size - 1;
    while (taken > 0 && taken < text.size && (text.data[taken] & 0xc0) == 0x80)
        taken--;
    if (taken > 0)
        memcpy(out, text.data, taken);
    out[taken] = 0;
}

typedef struct brief {
    char *out;
    size_t size, used;
} brief_t;

static bool add(brief_t *self, vd_str_t text)
{
    size_t room = self->size - self->used;
    tui_copy(text, self->out + self->used, room);
    self->used += text.size < room ? text.size : room - 1;
    return text.size < room;
}

static bool add_value(brief_t *self, const vd_value_t *value, int depth);

static bool add_elements(brief_t *self, const vd_value_t *value, int depth)
{
    bool map = value->kind == VD_KIND_MAP, more = add(self, vd_str(map ? "{" : "["));
    vd_bytes_t rest = value->bytes;
    vd_value_t key, one;
    for (uint32_t at = 0; at < value->count && more; at++) {
        more = at == 0 || add(self, vd_str(", "));
        if (map && (!vd_value_next(&rest, &key) || !add_value(self, &key, depth) ||
                    !add(self, vd_str(": "))))
            return false;
        more = more && vd_value_next(&rest, &one) && add_value(self, &one, depth);
    }
    return more && add(self, vd_str(map ? "}" : "]"));
}

static bool add_value(brief_t *self, const vd_value_t *value, int depth)
{
    char text[TUI_FIGURE_BYTES];
    bool inside = value->kind == VD_KIND_ARRAY || value->kind == VD_KIND_MAP;
    if (inside && depth > 0)
        return add_elements(self, value, depth - 1);
    if (inside)
        return add(self, vd_str("..."));
    tui_figure(value, VD_UNIT_PLAIN, text);
    return add(self, vd_str(text));
}

void tui_brief(const vd_value_t *value, char *out, size_t size)
{
    assert(size > 0);
    brief_t brief = {.out = out, .size = size};
    out[0] = 0;
    add_value(&brief, value, BRIEF_DEPTH);
}

static void plain(const vd_value_t *value, char out[TUI_FIGURE_BYTES])
{
    switch (value->kind) {
    case VD_KIND_NIL:
        snprintf(out, TUI_FIGURE_BYTES, "-");
        break;
    case VD_KIND_STR:
        tui_copy(value->bytes.size > 0 ? value->bytes : vd_str("-"), out, TUI_FIGURE_BYTES);
        break;
    case VD_KIND_U64:
        snprintf(out, TUI_FIGURE_BYTES, "%llu", (unsigned long long)value->u64);
        break;
    case VD_KIND_I64:
        snprintf(out, TUI_FIGURE_BYTES, "%lld", (long long)value->i64);
        break;
    case VD_KIND_BIN:
    case VD_KIND_EXT:
        snprintf(out, TUI_FIGURE_BYTES, "(%zu bytes)", value->bytes.size);
        break;
    case VD_KIND_ARRAY:
    case VD_KIND_MAP:
        tui_brief(value, out, TUI_FIGURE_BYTES);
        break;
    default:
        cli_figure_format(vd_str(""))(value, out, TUI_FIGURE_BYTES);
        break;
    }
}

/* "2026-01-02T14:02:11.123Z" or wall milliseconds as "14:02:11Z", or with the day before it. */
static bool moment(const vd_value_t *value, bool day, char out[TUI_FIGURE_BYTES])
{
    char text[VD_TS_SIZE];
    int64_t ms = vd_value_i64(value, 0);
    if (value->kind == VD_KIND_STR && !vd_ts_parse(value->bytes, &ms))
        return false;
    if (ms <= 0)
        return false;
    vd_ts_format(ms, text);
    assert(strlen(text) >= 19);
    if (day)
        snprintf(out, TUI_FIGURE_BYTES, "%.10s %.8sZ", text, text + 11);
    else
        snprintf(out, TUI_FIGURE_BYTES, "%.8sZ", text + 11);
    return true;
}

/* The longest power of two of seconds that it is over. */
static void age(const vd_value_t *value, char out[TUI_FIGURE_BYTES])
{
    char span[32];
    int64_t ms = vd_value_i64(value, 0), over_ms = 2000;
    if (ms < over_ms) {
        snprintf(out, TUI_FIGURE_BYTES, "fresh");
        return;
    }
    while (ms / 2 >= over_ms)
        over_ms *= 2;
    cli_format_duration(over_ms, span, sizeof span);
    snprintf(out, TUI_FIGURE_BYTES, "over %s", span);
}

/* The first characters of a longer text. */
static void shorten(char out[TUI_FIGURE_BYTES])
{
    size_t at = 0, characters = 0;
    while (out[at] != 0 && characters < ID_CHARACTERS) {
        at++;
        while (((uint8_t)out[at] & 0xc0) == 0x80)
            at++;
        characters++;
    }
    out[at] = 0;
}

void tui_figure(const vd_value_t *value, vd_layout_unit_t unit, char out[TUI_FIGURE_BYTES])
{
    static const char *const names[VD_UNITS] = {[VD_UNIT_BYTES] = "bytes",
                                                [VD_UNIT_BYTES_PER_S] = "bytes_per_s",
                                                [VD_UNIT_PERCENT] = "percent",
                                                [VD_UNIT_MS] = "_ms",
                                                [VD_UNIT_US] = "_us"};
    bool number =
        value->kind == VD_KIND_U64 || value->kind == VD_KIND_I64 || value->kind == VD_KIND_F64;
    if (number && names[unit] != NULL) {
        cli_figure_format(vd_str(names[unit]))(value, out, TUI_FIGURE_BYTES);
        return;
    }
    if (number && unit == VD_UNIT_AGE) {
        age(value, out);
        return;
    }
    if ((unit == VD_UNIT_TIME || unit == VD_UNIT_DATE) && moment(value, unit == VD_UNIT_DATE, out))
        return;
    plain(value, out);
    if (unit == VD_UNIT_ID)
        shorten(out);
}

/* ---- expressions ---- */

vd_value_t tui_evaluate(tui_scribe_t *self, int expression, const vd_value_t *item)
{
    vd_value_t value = {.kind = VD_KIND_NIL};
    assert(expression < self->layout->expression_count);
    if (expression >= 0)
        vd_expression_evaluate_item(&self->layout->expressions[expression], &self->over, item,
                                    &value);
    return value;
}

bool tui_holds(tui_scribe_t *self, int expression, const vd_value_t *item)
{
    if (expression < 0)
        return true;
    vd_value_t value = tui_evaluate(self, expression, item);
    return vd_expression_is_true(&value);
}

static tui_tone_t tone_of(tui_scribe_t *self, const vd_layout_tones_t *tones,
                          const vd_value_t *item)
{
    static const tui_tone_t drawn[VD_TONES] = {
        [VD_TONE_BAD] = TUI_BAD,     [VD_TONE_WARN] = TUI_WARN, [VD_TONE_ACCENT] = TUI_ACCENT,
        [VD_TONE_GOOD] = TUI_GOOD,   [VD_TONE_BOLD] = TUI_BOLD, [VD_TONE_DIM] = TUI_DIM,
        [VD_TONE_PLAIN] = TUI_PLAIN,
    };
    for (int tone = 0; tone < VD_TONE_PLAIN; tone++)
        if (tones->when[tone] >= 0 && tui_holds(self, tones->when[tone], item))
            return drawn[tone];
    return drawn[tones->otherwise];
}

tui_tone_t tui_cell_text(tui_scribe_t *self, const vd_layout_cell_t *cell, const vd_value_t *item,
                         char out[TUI_FIGURE_BYTES])
{
    char figure[TUI_FIGURE_BYTES];
    brief_t text = {.out = out, .size = TUI_FIGURE_BYTES};
    bool more = true;
    out[0] = 0;
    for (uint16_t at = cell->piece; at < cell->piece + cell->piece_count && more; at++) {
        const vd_layout_piece_t *piece = &self->layout->pieces[at];
        if (piece->expression < 0) {
            more = add(&text, piece->text);
            continue;
        }
        vd_value_t value = tui_evaluate(self, piece->expression, item);
        tui_figure(&value, (vd_layout_unit_t)piece->unit, figure);
        more = add(&text, vd_str(figure));
    }
    return tone_of(self, &cell->tones, item);
}

/* ---- lists ---- */

/* Each pair of a map as a map of its own. */
static void make_pairs(tui_items_t *items, const vd_value_t *map)
{
    vd_bytes_t rest = map->bytes;
    vd_value_t key, value;
    for (uint32_t at = 0; at < map->count && at < TUI_LAYOUT_ROWS_MAX; at++) {
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &value))
            break;
        vd_write_map(&items->made, 2);
        vd_write_text(&items->made, "key");
        vd_write_raw(&items->made, key.raw);
        vd_write_text(&items->made, "value");
        vd_write_raw(&items->made, value.raw);
    }
}

bool tui_items_of(tui_scribe_t *self, int expression, tui_items_t *items)
{
    *items = (tui_items_t){0};
    vd_buffer_init(&items->made, 2 * VD_SNAPSHOT_BYTES_MAX);
    vd_value_t list = tui_evaluate(self, expression, NULL);
    if (list.kind != VD_KIND_ARRAY && list.kind != VD_KIND_MAP)
        return true;
    items->total = list.count;
    uint32_t most = list.count < TUI_LAYOUT_ROWS_MAX ? list.count : TUI_LAYOUT_ROWS_MAX;
    items->list = malloc((most > 0 ? most : 1) * sizeof *items->list);
    if (items->list == NULL)
        return false;
    vd_bytes_t rest = list.bytes;
    if (list.kind == VD_KIND_MAP) {
        make_pairs(items, &list);
        rest = vd_buffer_view(&items->made);
    }
    while (items->count < most && vd_value_next(&rest, &items->list[items->count]))
        items->count++;
    return true;
}

void tui_items_free(tui_items_t *items)
{
    free(items->list);
    vd_buffer_free(&items->made);
    *items = (tui_items_t){0};
}

/* ---- elements ---- */

void tui_say(tui_scribe_t *self, int x, tui_tone_t tone, const char *text)
{
    tui_page_line(self->page, 0);
    tui_page_put(self->page, x, self->width - x, false, tone, vd_str(text));
}

/* How many bytes of `text` one line takes: up to the last blank that has room. */
static size_t line_size(const char *text, int width)
{
    size_t at = 0, blank = 0;
    while (text[at] != 0) {
        size_t next = at + 1;
        while (((uint8_t)text[next] & 0xc0) == 0x80)
            next++;
        if (tui_columns(vd_bytes(text, next)) > width)
            return blank > 0 ? blank : at > 0 ? at : next;
        if (text[at] == ' ')
            blank = at;
        at = next;
    }
    return at;
}

void tui_draw_text(tui_scribe_t *self, const vd_layout_element_t *element)
{
    char text[TUI_FIGURE_BYTES];
    tui_tone_t tone = tui_cell_text(self, &self->layout->cells[element->cell], NULL, text);
    const char *rest = text;
    for (int line = 0; line < LINES_MAX && *rest != 0; line++) {
        size_t size = line_size(rest, self->width);
        tui_page_line(self->page, 0);
        tui_page_put(self->page, 0, self->width, false, tone, vd_bytes(rest, size));
        rest += size;
        while (*rest == ' ')
            rest++;
    }
}

void tui_draw_fields(tui_scribe_t *self, const vd_layout_element_t *element)
{
    enum { GAP = 3 };
    int x = 0;
    for (uint16_t at = 0; at < element->cell_count; at++) {
        const vd_layout_cell_t *cell = &self->layout->cells[element->cell + at];
        char text[TUI_FIGURE_BYTES];
        tui_tone_t tone = tui_cell_text(self, cell, NULL, text);
        int title = tui_columns(cell->title), value = tui_columns(vd_str(text));
        int gap = title > 0 ? 1 : 0;
        if (x == 0 || x + title + gap + value > self->width) {
            tui_page_line(self->page, 0);
            x = 0;
        }
        tui_page_put(self->page, x, title, false, TUI_DIM, cell->title);
        x += title + gap;
        int room = self->width - x;
        tui_page_put(self->page, x, value < room ? value : room, false, tone, vd_str(text));
        x += value + GAP;
    }
}
