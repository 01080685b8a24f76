/* json_lines.c: see json_lines.h. */
#include "tui/json_lines.h"

#include "vedette/text.h"
#include "wire/limits.h"
#include "wire/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { STEP = 2, SCRATCH_BYTES = 4096 };

typedef struct layout {
    tui_lines_t *lines;
    unsigned depth_max;
} layout_t;

static bool holds_values(const vd_value_t *value)
{
    return value->kind == VD_KIND_MAP || value->kind == VD_KIND_ARRAY;
}

/* Puts a value as JSON; it is small. */
static void put_json(layout_t *self, tui_tone_t tone, vd_bytes_t raw)
{
    vd_buffer_t json;
    vd_buffer_init(&json, 6 * TUI_JSON_TEXT_MAX + 64);
    vd_value_json(&json, raw);
    tui_lines_put(self->lines, tone, json.full ? vd_str("...") : vd_buffer_view(&json));
    vd_buffer_free(&json);
}

/* The beginning of a text or bin as a value of its own, with a remark on how much there is. */
static void put_beginning(layout_t *self, tui_tone_t tone, const vd_value_t *value, size_t most)
{
    vd_buffer_t part;
    char size[32];
    bool text = value->kind == VD_KIND_STR;
    size_t shown = value->bytes.size < most ? value->bytes.size : most;
    while (text && shown > 0 && shown < value->bytes.size &&
           (value->bytes.data[shown] & 0xc0) == 0x80)
        shown--;
    vd_buffer_init(&part, most + 16);
    if (text)
        vd_write_str(&part, vd_bytes(value->bytes.data, shown));
    else
        vd_write_bin(&part, vd_bytes(value->bytes.data, shown));
    put_json(self, tone, vd_buffer_view(&part));
    vd_buffer_free(&part);
    cli_format_bytes(value->bytes.size, size, sizeof size);
    bool cut = shown < value->bytes.size;
    if (cut || !text)
        tui_lines_putf(self->lines, TUI_DIM, "%s (%s%s bytes)", cut ? "..." : "",
                       text ? "" : "bin, ", size);
}

static void put_plain(layout_t *self, const vd_value_t *value)
{
    switch (value->kind) {
    case VD_KIND_STR:
        put_beginning(self, TUI_GOOD, value, TUI_JSON_TEXT_MAX);
        break;
    case VD_KIND_BIN:
        put_beginning(self, TUI_DIM, value, TUI_JSON_BIN_MAX);
        break;
    case VD_KIND_EXT:
        tui_lines_putf(self->lines, TUI_DIM, "(ext, %zu bytes)", value->bytes.size);
        break;
    case VD_KIND_F64:
        put_json(self, TUI_ACCENT, value->raw);
        if (!isfinite(value->f64))
            tui_lines_put(self->lines, TUI_DIM,
                          vd_str(isnan(value->f64)  ? " (NaN)"
                                 : value->f64 > 0.0 ? " (infinity)"
                                                    : " (-infinity)"));
        break;
    case VD_KIND_NIL:
        tui_lines_put(self->lines, TUI_DIM, vd_str("null"));
        break;
    default:
        put_json(self, TUI_ACCENT, value->raw);
    }
}

static void put_key(layout_t *self, const vd_value_t *key)
{
    vd_buffer_t json;
    if (key->kind == VD_KIND_STR) {
        put_beginning(self, TUI_TITLE, key, TUI_JSON_TEXT_MAX);
    } else { /* as JSON has it: its text in quotes */
        vd_buffer_init(&json, SCRATCH_BYTES);
        vd_value_json(&json, key->raw);
        tui_lines_put(self->lines, TUI_TITLE, vd_str("\""));
        tui_lines_put(self->lines, TUI_TITLE, json.full ? vd_str("...") : vd_buffer_view(&json));
        tui_lines_put(self->lines, TUI_TITLE, vd_str("\""));
        vd_buffer_free(&json);
    }
    tui_lines_put(self->lines, TUI_PLAIN, vd_str(": "));
}

/* Does it fit into what is left of the line, with a blank behind each ',' and ':'? Only plain values
 * are put behind one another. */
static bool fits(const layout_t *self, const vd_value_t *value)
{
    int room = tui_lines_room(self->lines);
    vd_bytes_t rest = value->bytes;
    vd_value_t part;
    if (value->count > (uint32_t)room || value->raw.size > (size_t)room * 4)
        return false;
    while (vd_value_next(&rest, &part))
        if (holds_values(&part) || part.kind == VD_KIND_BIN || part.kind == VD_KIND_EXT)
            return false;
    vd_buffer_t json;
    vd_buffer_init(&json, SCRATCH_BYTES);
    vd_value_json(&json, value->raw);
    int blanks = (int)value->count * (value->kind == VD_KIND_MAP ? 2 : 1);
    bool is = !json.full && tui_columns(vd_buffer_view(&json)) + blanks <= room;
    vd_buffer_free(&json);
    return is;
}

static void put_value(layout_t *self, const vd_value_t *value, int indent, unsigned depth);

static void put_inline(layout_t *self, const vd_value_t *value, bool map)
{
    vd_bytes_t rest = value->bytes;
    vd_value_t key, part;
    bool first = true;
    tui_lines_put(self->lines, TUI_PLAIN, vd_str(map ? "{" : "["));
    while ((!map || vd_value_next(&rest, &key)) && vd_value_next(&rest, &part)) {
        if (!first)
            tui_lines_put(self->lines, TUI_PLAIN, vd_str(", "));
        first = false;
        if (map)
            put_key(self, &key);
        put_plain(self, &part);
    }
    tui_lines_put(self->lines, TUI_PLAIN, vd_str(map ? "}" : "]"));
}

static void put_container(layout_t *self, const vd_value_t *value, int indent, unsigned depth)
{
    bool map = value->kind == VD_KIND_MAP;
    vd_bytes_t rest = value->bytes;
    vd_value_t key, part;
    if (fits(self, value)) {
        put_inline(self, value, map);
        return;
    }
    if (depth >= self->depth_max) {
        tui_lines_putf(self->lines, TUI_DIM, map ? "{%s}" : "[%s]",
                       CLI_COUNT(value->count, map ? "key" : "element"));
        return;
    }
    tui_lines_put(self->lines, TUI_PLAIN, vd_str(map ? "{" : "["));
    for (uint32_t i = 0; i < value->count && !tui_lines_full(self->lines); i++) {
        if ((map && !vd_value_next(&rest, &key)) || !vd_value_next(&rest, &part))
            break;
        tui_lines_begin(self->lines, indent + STEP);
        if (map)
            put_key(self, &key);
        put_value(self, &part, indent + STEP, depth + 1);
        if (i + 1 < value->count)
            tui_lines_put(self->lines, TUI_PLAIN, vd_str(","));
    }
    tui_lines_begin(self->lines, indent);
    tui_lines_put(self->lines, TUI_PLAIN, vd_str(map ? "}" : "]"));
}

static void put_value(layout_t *self, const vd_value_t *value, int indent, unsigned depth)
{
    if (holds_values(value))
        put_container(self, value, indent, depth);
    else
        put_plain(self, value);
}

void tui_json_lines(tui_lines_t *lines, vd_bytes_t value, int indent, unsigned depth)
{
    layout_t self = {lines, depth < VD_DEPTH_MAX ? depth : VD_DEPTH_MAX};
    vd_value_t root;
    if (!tui_lines_is_open(lines))
        tui_lines_begin(lines, indent);
    if (vd_scan_exact(value, VD_DEPTH_MAX) != VD_OK || !vd_value_of(value, &root))
        tui_lines_putf(lines, TUI_BAD, "(%zu bytes that are no value)", value.size);
    else
        put_value(&self, &root, indent, 0);
    tui_lines_end(lines);
}
