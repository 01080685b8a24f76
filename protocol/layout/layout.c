/* layout.c: reads the elements of a layout. */
#include "layout/layout.h"
#include "layout/read.h"
#include "wire/run.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- where we are, and what is wrong there ---- */

void vd_layout_fail(vd_layout_reader_t *self, const char *format, ...)
{
    char text[256];
    va_list arguments;
    if (self->failed)
        return;
    self->failed = true;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(self->error, self->error_size, "layout: %s%s%s",
             self->place_size > 0 ? self->place : "", self->place_size > 0 ? ": " : "", text);
}

size_t vd_layout_enter(vd_layout_reader_t *self, const char *key, uint32_t at)
{
    size_t back = self->place_size, room = sizeof self->place - back;
    int size = key != NULL ? snprintf(self->place + back, room, "%s%.32s", back > 0 ? "." : "", key)
                           : snprintf(self->place + back, room, "[%u]", at);
    assert(size >= 0);
    self->place_size = (size_t)size < room ? back + (size_t)size : sizeof self->place - 1;
    return back;
}

void vd_layout_leave(vd_layout_reader_t *self, size_t back)
{
    assert(back <= self->place_size);
    self->place_size = back;
    self->place[back] = 0;
}

/* ---- values of keys ---- */

static bool is_listed(vd_str_t word, const char *words)
{
    while (*words != 0) {
        size_t size = strcspn(words, " ");
        if (vd_bytes_equal(word, vd_bytes(words, size)))
            return true;
        words += size + (words[size] != 0);
    }
    return false;
}

bool vd_layout_keys(vd_layout_reader_t *self, const vd_value_t *map, const char *thing,
                    const char *keys)
{
    vd_value_t key, value;
    vd_bytes_t rest = map->bytes;
    if (self->failed)
        return false;
    if (map->kind != VD_KIND_MAP) {
        vd_layout_fail(self, "%s has to be a map", thing);
        return false;
    }
    for (uint32_t at = 0; at < map->count; at++) {
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &value))
            break;
        if (key.kind != VD_KIND_STR || !is_listed(key.bytes, keys))
            vd_layout_fail(self, "unknown key \"%.*s\"; %s has %s",
                           key.kind == VD_KIND_STR && key.bytes.size < 32 ? (int)key.bytes.size : 0,
                           (const char *)key.bytes.data, thing, keys);
    }
    return !self->failed;
}

/* The value under the key, of this kind. */
static bool find(vd_layout_reader_t *self, const vd_value_t *map, const char *key, vd_kind_t kind,
                 const char *thing, vd_value_t *value)
{
    if (self->failed || !vd_value_get(map, key, value))
        return false;
    if (value->kind == kind)
        return true;
    size_t back = vd_layout_enter(self, key, 0);
    vd_layout_fail(self, "has to be %s", thing);
    vd_layout_leave(self, back);
    return false;
}

vd_str_t vd_layout_words(vd_layout_reader_t *self, const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return find(self, map, key, VD_KIND_STR, "a text", &value) ? value.bytes : vd_str("");
}

bool vd_layout_flag(vd_layout_reader_t *self, const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return find(self, map, key, VD_KIND_BOOL, "true or false", &value) && value.boolean;
}

uint16_t vd_layout_number(vd_layout_reader_t *self, const vd_value_t *map, const char *key,
                          uint16_t most)
{
    vd_value_t value;
    if (!find(self, map, key, VD_KIND_U64, "a whole number", &value))
        return 0;
    if (value.u64 <= most)
        return (uint16_t)value.u64;
    size_t back = vd_layout_enter(self, key, 0);
    vd_layout_fail(self, "has to be at most %u", most);
    vd_layout_leave(self, back);
    return 0;
}

int16_t vd_layout_parse(vd_layout_reader_t *self, vd_str_t text)
{
    vd_expression_error_t error;
    if (self->failed)
        return VD_LAYOUT_NONE;
    if (self->out->expression_count == VD_LAYOUT_PIECES_MAX) {
        vd_layout_fail(self, "at most %d expressions", VD_LAYOUT_PIECES_MAX);
        return VD_LAYOUT_NONE;
    }
    vd_expression_t *expression = &self->out->expressions[self->out->expression_count];
    vd_status_t status = self->of_item ? vd_expression_parse_item(expression, text, &error)
                                       : vd_expression_parse(expression, text, &error);
    if (status != VD_OK) {
        vd_layout_fail(self, "%s", error.text);
        return VD_LAYOUT_NONE;
    }
    return (int16_t)self->out->expression_count++;
}

int16_t vd_layout_expression(vd_layout_reader_t *self, const vd_value_t *map, const char *key,
                             bool wanted)
{
    vd_value_t value;
    int16_t at = VD_LAYOUT_NONE;
    if (find(self, map, key, VD_KIND_STR, "an expression, as text", &value)) {
        size_t back = vd_layout_enter(self, key, 0);
        at = vd_layout_parse(self, value.bytes);
        vd_layout_leave(self, back);
    } else if (wanted) {
        vd_layout_fail(self, "\"%s\" is missing", key);
    }
    return at;
}

/* ---- elements ---- */

static uint32_t begin_list(vd_layout_reader_t *self, const vd_value_t *map, const char *key,
                           vd_value_t *list)
{
    if (find(self, map, key, VD_KIND_ARRAY, "a list", list))
        return list->count;
    vd_layout_fail(self, "\"%s\" is missing", key);
    return 0;
}

/* The texts under `key`, each a map. */
static void read_cells(vd_layout_reader_t *self, const vd_value_t *map, const char *key,
                       const char *thing, vd_layout_element_t *element)
{
    vd_value_t list, one;
    uint32_t count = begin_list(self, map, key, &list);
    size_t back = vd_layout_enter(self, key, 0);
    element->cell = self->out->cell_count;
    if (!self->failed && count == 0)
        vd_layout_fail(self, "has to have one at least");
    for (uint32_t at = 0; at < count && !self->failed; at++) {
        size_t inner = vd_layout_enter(self, NULL, at);
        if (vd_value_next(&list.bytes, &one) &&
            vd_layout_keys(self, &one, thing, "title value unit text tone width weight right"))
            vd_layout_cell(self, &one, "text", "value");
        vd_layout_leave(self, inner);
    }
    element->cell_count = (uint16_t)(self->out->cell_count - element->cell);
    vd_layout_leave(self, back);
}

static void read_mark(vd_layout_reader_t *self, const vd_value_t *map)
{
    if (!vd_layout_keys(self, map, "a mark", "list id label tone"))
        return;
    if (self->out->mark_count == VD_LAYOUT_MARKS_MAX) {
        vd_layout_fail(self, "at most %d marks in all", VD_LAYOUT_MARKS_MAX);
        return;
    }
    vd_layout_mark_t *mark = &self->out->marks[self->out->mark_count++];
    self->of_item = false;
    mark->list = vd_layout_expression(self, map, "list", false);
    self->of_item = mark->list != VD_LAYOUT_NONE;
    mark->id = vd_layout_expression(self, map, "id", true);
    mark->cell = vd_layout_cell(self, map, "label", NULL);
}

static void read_marks(vd_layout_reader_t *self, const vd_value_t *map,
                       vd_layout_element_t *element)
{
    vd_value_t list, one;
    element->mark = self->out->mark_count;
    if (!find(self, map, "marks", VD_KIND_ARRAY, "a list", &list))
        return;
    size_t back = vd_layout_enter(self, "marks", 0);
    for (uint32_t at = 0; at < list.count && !self->failed; at++) {
        size_t inner = vd_layout_enter(self, NULL, at);
        if (vd_value_next(&list.bytes, &one))
            read_mark(self, &one);
        vd_layout_leave(self, inner);
    }
    element->mark_count = (uint16_t)(self->out->mark_count - element->mark);
    vd_layout_leave(self, back);
}

static const char *const keys[VD_LAYOUT_KINDS] = {
    [VD_LAYOUT_TEXT] = "text when title tone",
    [VD_LAYOUT_FIELDS] = "fields when title",
    [VD_LAYOUT_TABLE] = "table when title columns sort descending empty",
    [VD_LAYOUT_BARS] = "bars when title label value unit most tone empty",
    [VD_LAYOUT_GRAPH] = "graph when title id parent height label tone marks empty",
    [VD_LAYOUT_TREE] = "tree when title",
};

static void read_list_element(vd_layout_reader_t *self, const vd_value_t *map,
                              vd_layout_element_t *element)
{
    element->list = vd_layout_expression(self, map, vd_layout_kind_name(element->kind), true);
    if (element->kind == VD_LAYOUT_BARS)
        element->most = vd_layout_expression(self, map, "most", false);
    self->of_item = true;
    if (element->kind == VD_LAYOUT_TABLE) {
        read_cells(self, map, "columns", "a column", element);
        element->sort = vd_layout_expression(self, map, "sort", false);
        element->descending = vd_layout_flag(self, map, "descending");
    } else if (element->kind == VD_LAYOUT_BARS) {
        element->cell = vd_layout_cell(self, map, "label", NULL);
        vd_layout_cell(self, map, "\nno such key", "value");
        element->cell_count = 2;
    } else {
        element->id = vd_layout_expression(self, map, "id", true);
        element->parent = vd_layout_expression(self, map, "parent", true);
        element->height = vd_layout_expression(self, map, "height", true);
        element->cell = vd_layout_cell(self, map, "label", NULL);
        element->cell_count = 1;
        read_marks(self, map, element);
    }
    self->of_item = false;
}

static void read_kind(vd_layout_reader_t *self, const vd_value_t *map, vd_layout_element_t *element)
{
    switch (element->kind) {
    case VD_LAYOUT_TEXT:
        element->cell = vd_layout_cell(self, map, "text", NULL);
        element->cell_count = 1;
        break;
    case VD_LAYOUT_FIELDS:
        read_cells(self, map, "fields", "a field", element);
        break;
    case VD_LAYOUT_TREE:
        element->list = vd_layout_expression(self, map, "tree", true);
        break;
    default:
        read_list_element(self, map, element);
        break;
    }
}

/* An element is of the kind whose name is one of its keys. */
static void read_element(vd_layout_reader_t *self, const vd_value_t *map)
{
    vd_value_t found;
    char thing[32];
    int kind = 0;
    if (map->kind != VD_KIND_MAP) {
        vd_layout_fail(self, "an element has to be a map");
        return;
    }
    if (self->out->element_count == VD_LAYOUT_ELEMENTS_MAX) {
        vd_layout_fail(self, "at most %d elements", VD_LAYOUT_ELEMENTS_MAX);
        return;
    }
    while (kind < VD_LAYOUT_KINDS &&
           !vd_value_get(map, vd_layout_kind_name((vd_layout_kind_t)kind), &found))
        kind++;
    if (kind == VD_LAYOUT_KINDS) {
        vd_layout_fail(self, "is none of text, fields, table, bars, graph and tree");
        return;
    }
    snprintf(thing, sizeof thing, "an element \"%s\"", vd_layout_kind_name((vd_layout_kind_t)kind));
    if (!vd_layout_keys(self, map, thing, keys[kind]))
        return;
    vd_layout_element_t *element = &self->out->elements[self->out->element_count++];
    *element = (vd_layout_element_t){.kind = (vd_layout_kind_t)kind,
                                     .list = VD_LAYOUT_NONE,
                                     .sort = VD_LAYOUT_NONE,
                                     .most = VD_LAYOUT_NONE,
                                     .id = VD_LAYOUT_NONE,
                                     .parent = VD_LAYOUT_NONE,
                                     .height = VD_LAYOUT_NONE};
    element->when = vd_layout_expression(self, map, "when", false);
    element->title = vd_layout_words(self, map, "title");
    element->empty = vd_layout_words(self, map, "empty");
    read_kind(self, map, element);
}

static void read_layout(vd_layout_reader_t *self, const vd_value_t *map)
{
    vd_value_t list, one;
    if (!vd_layout_keys(self, map, "a layout", "elements"))
        return;
    uint32_t count = begin_list(self, map, "elements", &list);
    size_t back = vd_layout_enter(self, "elements", 0);
    if (!self->failed && count == 0)
        vd_layout_fail(self, "has to have one at least");
    for (uint32_t at = 0; at < count && !self->failed; at++) {
        size_t inner = vd_layout_enter(self, NULL, at);
        if (vd_value_next(&list.bytes, &one))
            read_element(self, &one);
        vd_layout_leave(self, inner);
    }
    vd_layout_leave(self, back);
}

/* ---- life ---- */

static vd_layout_t *allocate(vd_bytes_t value)
{
    vd_layout_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->bytes = malloc(value.size);
    self->expressions = calloc(VD_LAYOUT_PIECES_MAX, sizeof *self->expressions);
    if (self->bytes == NULL || self->expressions == NULL)
        vd_layout_destroy(&self);
    else
        memcpy(self->bytes, value.data, value.size);
    return self;
}

vd_layout_t *vd_layout_new(vd_bytes_t value, char *error, size_t error_size)
{
    assert(error != NULL && error_size > 0);
    vd_value_t map;
    if (value.size == 0 || value.size > VD_LAYOUT_BYTES_MAX ||
        vd_scan_exact(value, VD_DEPTH_MAX) != VD_OK) {
        snprintf(error, error_size, "layout: it has to be one value of at most %d bytes",
                 VD_LAYOUT_BYTES_MAX);
        return NULL;
    }
    vd_layout_t *self = allocate(value);
    if (self == NULL) {
        snprintf(error, error_size, "layout: no memory");
        return NULL;
    }
    vd_layout_reader_t reader = {.out = self, .error = error, .error_size = error_size};
    bool whole = vd_value_of(vd_bytes(self->bytes, value.size), &map);
    assert(whole); /* it was scanned */
    read_layout(&reader, &map);
    if (reader.failed)
        vd_layout_destroy(&self);
    return self;
}

void vd_layout_destroy(vd_layout_t **self_p)
{
    assert(self_p != NULL);
    if (*self_p == NULL)
        return;
    free((*self_p)->expressions);
    free((*self_p)->bytes);
    free(*self_p);
    *self_p = NULL;
}

vd_status_t vd_layout_of_json(const char *json, vd_buffer_t *out, char *error, size_t error_size)
{
    assert(json != NULL && out != NULL);
    char text[VD_TEXT_BYTES_MAX + 1] = "";
    size_t before = out->size;
    if (strlen(json) > VD_LAYOUT_BYTES_MAX) {
        snprintf(error, error_size, "layout: it has more than %d bytes", VD_LAYOUT_BYTES_MAX);
        return VD_TOO_LARGE;
    }
    if (vd_json_parse(vd_str(json), out, text, sizeof text) != VD_OK) {
        snprintf(error, error_size, "layout: %.900s", text);
        return VD_MALFORMED;
    }
    if (out->full)
        return VD_NO_MEMORY;
    vd_layout_t *layout =
        vd_layout_new(vd_bytes(out->data + before, out->size - before), text, sizeof text);
    if (layout == NULL)
        snprintf(error, error_size, "%.1000s", text);
    vd_status_t status = layout != NULL ? VD_OK : VD_MALFORMED;
    vd_layout_destroy(&layout);
    return status;
}
