/* texts.c: the texts of a layout: words with values in them, their units and tones. */
#include "layout/read.h"

#include <assert.h>

enum { WIDTH_MAX = 500, WEIGHT_MAX = 1000 };

static bool ends_with(vd_str_t name, const char *end)
{
    size_t size = strlen(end);
    return name.size >= size && memcmp(name.data + name.size - size, end, size) == 0;
}

static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* By the name at the end of an expression: item.age_ms is in milliseconds. */
static uint8_t unit_of_name(vd_str_t expression)
{
    static const struct {
        const char *end;
        uint8_t unit;
    } ends[] = {{"bytes_per_s", VD_UNIT_BYTES_PER_S},
                {"bytes", VD_UNIT_BYTES},
                {"percent", VD_UNIT_PERCENT},
                {"_ms", VD_UNIT_MS},
                {"_us", VD_UNIT_US}};
    size_t at = expression.size;
    if (at == 0)
        return VD_UNIT_PLAIN;
    while (at > 0 && is_name_char(expression.data[at - 1]))
        at--;
    vd_str_t name = vd_bytes(expression.data + at, expression.size - at);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i].end))
            return ends[i].unit;
    return VD_UNIT_PLAIN;
}

static bool find_unit(vd_str_t name, uint8_t *unit)
{
    for (uint8_t at = VD_UNIT_PLAIN; at < VD_UNITS; at++)
        if (vd_str_is(name, vd_layout_unit_name((vd_layout_unit_t)at))) {
            *unit = at;
            return true;
        }
    return false;
}

static void add_piece(vd_layout_reader_t *self, vd_layout_piece_t piece)
{
    if (self->failed)
        return;
    if (self->out->piece_count == VD_LAYOUT_PIECES_MAX)
        vd_layout_fail(self, "at most %d pieces of text", VD_LAYOUT_PIECES_MAX);
    else
        self->out->pieces[self->out->piece_count++] = piece;
}

/* What stands between braces: an expression, and perhaps the unit behind its last colon. */
static void add_value(vd_layout_reader_t *self, vd_str_t inside)
{
    size_t at = inside.size;
    vd_layout_piece_t piece = {.unit = VD_UNIT_OF_NAME};
    while (at > 0 && is_name_char(inside.data[at - 1]))
        at--;
    if (at > 1 && inside.data[at - 1] == ':' &&
        find_unit(vd_bytes(inside.data + at, inside.size - at), &piece.unit))
        inside.size = at - 1;
    if (piece.unit == VD_UNIT_OF_NAME)
        piece.unit = unit_of_name(inside);
    piece.expression = vd_layout_parse(self, inside);
    add_piece(self, piece);
}

static void add_words(vd_layout_reader_t *self, vd_str_t words)
{
    if (words.size > 0)
        add_piece(self, (vd_layout_piece_t){.text = words, .expression = VD_LAYOUT_NONE});
}

/* "term {term} since {since:time}"; a brace of its own is written twice. */
static void read_pieces(vd_layout_reader_t *self, vd_str_t text)
{
    size_t from = 0, at = 0;
    while (at < text.size && !self->failed) {
        uint8_t c = text.data[at];
        bool twice = at + 1 < text.size && text.data[at + 1] == c;
        if (c != '{' && c != '}') {
            at++;
            continue;
        }
        add_words(self, vd_bytes(text.data + from, at + twice - from));
        at += 1 + twice;
        from = at;
        if (twice)
            continue;
        const uint8_t *end = c == '{' ? memchr(text.data + at, '}', text.size - at) : NULL;
        if (end == NULL) {
            vd_layout_fail(self,
                           c == '{' ? "a brace is not closed" : "a closing brace without one");
            return;
        }
        add_value(self, vd_bytes(text.data + at, (size_t)(end - text.data) - at));
        from = at = (size_t)(end - text.data) + 1;
    }
    if (!self->failed)
        add_words(self, vd_bytes(text.data + from, text.size - from));
}

static bool find_tone(vd_str_t name, uint8_t *tone)
{
    for (uint8_t at = 0; at < VD_TONES; at++)
        if (vd_str_is(name, vd_layout_tone_name((vd_layout_tone_t)at))) {
            *tone = at;
            return true;
        }
    return false;
}

static void read_conditions(vd_layout_reader_t *self, const vd_value_t *map,
                            vd_layout_tones_t *tones)
{
    vd_bytes_t rest = map->bytes;
    vd_value_t key, value;
    for (uint32_t at = 0; at < map->count && !self->failed; at++) {
        uint8_t tone = VD_TONE_PLAIN;
        char name[32];
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &value))
            return;
        vd_str_copy(name, sizeof name, vd_value_str(&key));
        size_t back = vd_layout_enter(self, name, 0);
        if (!find_tone(vd_value_str(&key), &tone) || tone == VD_TONE_PLAIN)
            vd_layout_fail(self, "no tone; there are bad, warn, accent, good, bold and dim");
        else if (value.kind != VD_KIND_STR)
            vd_layout_fail(self, "has to be a condition, as text");
        else
            tones->when[tone] = vd_layout_parse(self, value.bytes);
        vd_layout_leave(self, back);
    }
}

static void read_tones(vd_layout_reader_t *self, const vd_value_t *map, vd_layout_tones_t *tones)
{
    vd_value_t value;
    tones->otherwise = VD_TONE_PLAIN;
    for (int at = 0; at < VD_TONE_PLAIN; at++)
        tones->when[at] = VD_LAYOUT_NONE;
    if (self->failed || !vd_value_get(map, "tone", &value))
        return;
    size_t back = vd_layout_enter(self, "tone", 0);
    if (value.kind == VD_KIND_MAP)
        read_conditions(self, &value, tones);
    else if (value.kind != VD_KIND_STR || !find_tone(value.bytes, &tones->otherwise))
        vd_layout_fail(self, "has to be a tone, or a map of tones with the condition of each");
    vd_layout_leave(self, back);
}

/* The value of the cell that is an expression as a whole. */
static void read_value(vd_layout_reader_t *self, const vd_value_t *map, const char *key)
{
    vd_layout_piece_t piece = {.expression = vd_layout_expression(self, map, key, true)};
    vd_str_t unit = vd_layout_words(self, map, "unit");
    piece.unit = unit_of_name(vd_value_get_str(map, key));
    if (unit.size > 0 && !find_unit(unit, &piece.unit)) {
        size_t back = vd_layout_enter(self, "unit", 0);
        vd_layout_fail(self, "no unit; there are plain, bytes, bytes_per_s, percent, ms, us, "
                             "time, date, age and id");
        vd_layout_leave(self, back);
    }
    add_piece(self, piece);
}

uint16_t vd_layout_cell(vd_layout_reader_t *self, const vd_value_t *map, const char *text,
                        const char *value)
{
    vd_value_t found;
    if (self->failed)
        return 0;
    if (self->out->cell_count == VD_LAYOUT_CELLS_MAX) {
        vd_layout_fail(self, "at most %d texts in all", VD_LAYOUT_CELLS_MAX);
        return 0;
    }
    uint16_t at = self->out->cell_count++;
    vd_layout_cell_t *cell = &self->out->cells[at];
    *cell = (vd_layout_cell_t){.piece = self->out->piece_count};
    if (value != NULL && !vd_value_get(map, text, &found)) {
        read_value(self, map, value);
    } else {
        vd_str_t words = vd_layout_words(self, map, text);
        size_t back = vd_layout_enter(self, text, 0);
        if (words.size == 0)
            vd_layout_fail(self, "has to be a text");
        else
            read_pieces(self, words);
        vd_layout_leave(self, back);
    }
    cell->piece_count = (uint16_t)(self->out->piece_count - cell->piece);
    cell->title = vd_layout_words(self, map, "title");
    cell->width = vd_layout_number(self, map, "width", WIDTH_MAX);
    cell->weight = vd_layout_number(self, map, "weight", WEIGHT_MAX);
    cell->right = vd_layout_flag(self, map, "right");
    read_tones(self, map, &cell->tones);
    return at;
}
