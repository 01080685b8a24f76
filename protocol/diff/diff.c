/* diff.c: walks two values side by side. */
#include "diff/diff.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { PATH_BYTES_MAX = 65536, HEAD_BYTES = 5 };

typedef struct walk {
    vd_buffer_t *rows;
    vd_buffer_t path; /* empty: the state as a whole */
    uint32_t count;
    uint64_t work; /* bytes looked at */
} walk_t;

static void compare(walk_t *self, const vd_value_t *before, const vd_value_t *after);

/* ---- paths ---- */

/* Can the text stand in a path as it is? At the beginning some words cannot. */
static bool is_name(vd_str_t text, bool first)
{
    static const char *const words[] = {"and", "or", "not", "in", "true", "false", "null", "item"};
    for (size_t at = 0; at < text.size; at++) {
        char c = (char)text.data[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (at == 0 || c < '0' || c > '9'))
            return false;
    }
    for (size_t at = 0; first && at < sizeof words / sizeof words[0]; at++)
        if (vd_str_is(text, words[at]))
            return false;
    return text.size > 0;
}

static void add_text(vd_buffer_t *out, const char *text)
{
    vd_buffer_add(out, text, strlen(text));
}

static void add_key(walk_t *self, vd_str_t key)
{
    vd_buffer_t *path = &self->path;
    bool first = path->size == 0;
    if (is_name(key, first)) {
        add_text(path, first ? "" : ".");
        vd_buffer_add(path, key.data, key.size);
        return;
    }
    add_text(path, first ? "$.state[\"" : "[\"");
    for (size_t at = 0; at < key.size; at++) {
        char c = (char)key.data[at];
        if (c == '\\' || c == '"')
            add_text(path, "\\");
        if (c == '\n' || c == '\r' || c == '\t')
            add_text(path, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else
            vd_buffer_add(path, &c, 1);
    }
    add_text(path, "\"]");
}

static void add_index(walk_t *self, uint32_t index)
{
    char text[32];
    snprintf(text, sizeof text, "%s[%" PRIu32 "]", self->path.size == 0 ? "$.state" : "", index);
    add_text(&self->path, text);
}

/* ---- values ---- */

static bool is_number(const vd_value_t *value)
{
    return value->kind == VD_KIND_U64 || value->kind == VD_KIND_I64 || value->kind == VD_KIND_F64;
}

/* Is the integer exactly this float? */
static bool is_float(const vd_value_t *integer, double number)
{
    if (integer->kind == VD_KIND_U64)
        return number >= 0 && number < 18446744073709551616.0 && (uint64_t)number == integer->u64 &&
               (double)(uint64_t)number == number;
    return number < 0 && number >= -9223372036854775808.0 && (int64_t)number == integer->i64 &&
           (double)(int64_t)number == number;
}

static bool same(const vd_value_t *a, const vd_value_t *b)
{
    if (vd_bytes_equal(a->raw, b->raw))
        return true;
    if (is_number(a) && is_number(b)) {
        if (a->kind == VD_KIND_F64 && b->kind == VD_KIND_F64)
            return a->f64 >= b->f64 && a->f64 <= b->f64;
        if (a->kind == VD_KIND_F64)
            return is_float(b, a->f64);
        if (b->kind == VD_KIND_F64)
            return is_float(a, b->f64);
        return a->kind == b->kind && a->u64 == b->u64; /* of one kind, by the same bits */
    }
    bool bytes = a->kind == VD_KIND_STR || a->kind == VD_KIND_BIN;
    return bytes && a->kind == b->kind && vd_bytes_equal(a->bytes, b->bytes);
}

static void write_value(vd_buffer_t *out, const vd_value_t *value)
{
    if (value)
        vd_write_raw(out, value->raw);
    else
        vd_write_nil(out);
}

/* NULL: it is not there. */
static void add_row(walk_t *self, const vd_value_t *before, const vd_value_t *after)
{
    vd_str_t path = self->path.size > 0 ? vd_buffer_view(&self->path) : vd_str("$.state");
    vd_write_map(self->rows, 3);
    vd_write_pair_str(self->rows, "path", path);
    vd_write_text(self->rows, "before");
    write_value(self->rows, before);
    vd_write_text(self->rows, "after");
    write_value(self->rows, after);
    self->count++;
}

/* ---- maps and lists ---- */

static bool has_text_keys(const vd_value_t *map)
{
    vd_bytes_t rest = map->bytes;
    vd_value_t key, value;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (key.kind != VD_KIND_STR)
            return false;
    return true;
}

/* Finds the value under a key: where the last one was found, or anywhere. */
static bool find(walk_t *self, const vd_value_t *map, vd_bytes_t *near, vd_str_t wanted,
                 vd_value_t *value)
{
    vd_value_t key;
    vd_bytes_t rest = *near;
    for (int round = 0; round < 2; round++) {
        while (self->work < VD_EXPRESSION_WORK_MAX && vd_value_next(&rest, &key) &&
               vd_value_next(&rest, value)) {
            self->work += key.raw.size + value->raw.size;
            if (!vd_bytes_equal(key.bytes, wanted))
                continue;
            *near = rest;
            return true;
        }
        rest = map->bytes;
    }
    return false;
}

static void step_key(walk_t *self, vd_str_t key, const vd_value_t *before, const vd_value_t *after)
{
    size_t size = self->path.size;
    add_key(self, key);
    compare(self, before, after);
    self->path.size = size;
}

static void compare_maps(walk_t *self, const vd_value_t *before, const vd_value_t *after)
{
    vd_bytes_t rest = before->bytes, near = after->bytes;
    vd_value_t key, value, other;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        step_key(self, key.bytes, &value,
                 find(self, after, &near, key.bytes, &other) ? &other : NULL);
    rest = after->bytes;
    near = before->bytes;
    while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value))
        if (!find(self, before, &near, key.bytes, &other))
            step_key(self, key.bytes, NULL, &value);
}

static void compare_lists(walk_t *self, const vd_value_t *before, const vd_value_t *after)
{
    vd_bytes_t left = before->bytes, right = after->bytes;
    for (uint32_t at = 0; at < before->count || at < after->count; at++) {
        vd_value_t a, b;
        bool has_a = at < before->count && vd_value_next(&left, &a);
        bool has_b = at < after->count && vd_value_next(&right, &b);
        size_t size = self->path.size;
        if (!has_a && !has_b)
            return;
        add_index(self, at);
        compare(self, has_a ? &a : NULL, has_b ? &b : NULL);
        self->path.size = size;
    }
}

static void compare(walk_t *self, const vd_value_t *before, const vd_value_t *after)
{
    bool no_before = !before || before->kind == VD_KIND_NIL;
    bool no_after = !after || after->kind == VD_KIND_NIL;
    if (self->work >= VD_EXPRESSION_WORK_MAX || self->rows->full || (no_before && no_after))
        return;
    if (no_before || no_after) {
        add_row(self, before, after);
        return;
    }
    self->work += before->raw.size + after->raw.size;
    if (same(before, after))
        return;
    if (before->kind == VD_KIND_MAP && after->kind == VD_KIND_MAP && has_text_keys(before) &&
        has_text_keys(after))
        compare_maps(self, before, after);
    else if (before->kind == VD_KIND_ARRAY && after->kind == VD_KIND_ARRAY)
        compare_lists(self, before, after);
    else
        add_row(self, before, after);
}

/* The state of a snapshot; false: it has none. */
static bool state_of(vd_bytes_t snapshot, vd_value_t *state)
{
    vd_value_t all;
    return vd_scan_exact(snapshot, VD_DEPTH_MAX) == VD_OK && vd_value_of(snapshot, &all) &&
           vd_value_get(&all, "state", state);
}

vd_status_t vd_diff(vd_bytes_t before, vd_bytes_t after, vd_buffer_t *rows)
{
    assert(rows != NULL);
    vd_value_t left, right;
    walk_t walk = {.rows = rows};
    vd_buffer_init(&walk.path, PATH_BYTES_MAX);
    bool has_left = state_of(before, &left), has_right = state_of(after, &right);
    /* The array's head comes last, when the count is known: five bytes are kept for it. */
    static const uint8_t head_room[HEAD_BYTES] = {0xdd, 0, 0, 0, 0};
    size_t head_at = rows->size;
    vd_buffer_add(rows, head_room, HEAD_BYTES);
    compare(&walk, has_left ? &left : NULL, has_right ? &right : NULL);
    bool whole = !rows->full && !walk.path.full && walk.work < VD_EXPRESSION_WORK_MAX;
    vd_buffer_free(&walk.path);
    if (!whole)
        return VD_TOO_LARGE;
    for (uint32_t i = 0; i < 4; i++)
        rows->data[head_at + 1 + i] = (uint8_t)(walk.count >> (24 - 8 * i));
    return VD_OK;
}
