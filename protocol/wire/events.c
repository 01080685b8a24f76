/* events.c: the catalogue of event types, and the check against it. */
#include "wire/events.h"

#include "wire/run.h"
#include "wire/value.h"

#include <assert.h>
#include <stdio.h>

/* clang-format off */
#define VD_NEED_REQUIRED true
#define VD_NEED_OPTIONAL false
/* The row at the end keeps a table without fields legal C; it is never read. */
#define VD_EVENT_BEGIN(type, group, meaning) static const vd_event_field_t type##_fields[] = {
#define VD_EVENT_FIELD(type, kind_, name_, need, unit_, meaning_)                                  \
    {.name = #name_, .kind = VD_EVENT_##kind_, .required = VD_NEED_##need, .unit = unit_, .meaning = meaning_},
#define VD_EVENT_END(type) {.name = NULL}};
#include "wire/events.def"
#undef VD_EVENT_BEGIN
#undef VD_EVENT_FIELD
#undef VD_EVENT_END

#define VD_EVENT_BEGIN(type, group_, meaning_)                                                     \
    {.name = #type, .group = group_, .meaning = meaning_, .fields = type##_fields,                 \
     .field_count = sizeof type##_fields / sizeof *type##_fields - 1},
#define VD_EVENT_FIELD(type, kind, name, need, unit, meaning)
#define VD_EVENT_END(type)
static const vd_event_type_t types[] = {
#include "wire/events.def"
};
#undef VD_EVENT_BEGIN
#undef VD_EVENT_FIELD
#undef VD_EVENT_END
/* clang-format on */

enum { TYPE_COUNT = sizeof types / sizeof *types };

const vd_event_type_t *vd_event_types(size_t *count)
{
    assert(count != NULL);
    *count = TYPE_COUNT;
    return types;
}

const vd_event_type_t *vd_event_type(vd_str_t name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (vd_str_is(name, types[i].name))
            return &types[i];
    return NULL;
}

const char *vd_event_kind_name(vd_event_kind_t kind)
{
    static const char *const names[] = {
        [VD_EVENT_TEXT] = "text",   [VD_EVENT_COUNT] = "count", [VD_EVENT_NUMBER] = "number",
        [VD_EVENT_BOOL] = "bool",   [VD_EVENT_TIME] = "time",   [VD_EVENT_CHOICE] = "choice",
        [VD_EVENT_BYTES] = "bytes", [VD_EVENT_LIST] = "list",   [VD_EVENT_MAP] = "map",
    };
    assert(kind >= VD_EVENT_TEXT && kind <= VD_EVENT_MAP);
    return names[kind];
}

/* What a field of a kind has to be, in words. */
static const char *wanted_words(vd_event_kind_t kind)
{
    static const char *const words[] = {
        [VD_EVENT_TEXT] = "text",
        [VD_EVENT_COUNT] = "a whole number from 0",
        [VD_EVENT_NUMBER] = "a number",
        [VD_EVENT_BOOL] = "true or false",
        [VD_EVENT_TIME] = "a time stamp like 2026-01-31T10:15:00.123Z",
        [VD_EVENT_CHOICE] = "one of ",
        [VD_EVENT_BYTES] = "bytes",
        [VD_EVENT_LIST] = "a list",
        [VD_EVENT_MAP] = "a map",
    };
    assert(kind >= VD_EVENT_TEXT && kind <= VD_EVENT_MAP);
    return words[kind];
}

/* Is `word` one of `words`, which have | between them? */
static bool is_choice(const char *words, vd_str_t word)
{
    assert(words != NULL && *words != 0);
    for (const char *at = words;; at++) {
        size_t size = 0;
        while (at[size] != 0 && at[size] != '|')
            size++;
        if (vd_bytes_equal(word, vd_bytes(at, size)))
            return true;
        at += size;
        if (*at == 0)
            return false;
    }
}

static bool is_kind(const vd_event_field_t *field, const vd_value_t *value)
{
    int64_t wall_ms;
    switch (field->kind) {
    case VD_EVENT_TEXT:
        return value->kind == VD_KIND_STR;
    case VD_EVENT_COUNT:
        return value->kind == VD_KIND_U64;
    case VD_EVENT_NUMBER:
        return value->kind == VD_KIND_U64 || value->kind == VD_KIND_I64 ||
               value->kind == VD_KIND_F64;
    case VD_EVENT_BOOL:
        return value->kind == VD_KIND_BOOL;
    case VD_EVENT_TIME:
        return value->kind == VD_KIND_STR && vd_ts_parse(value->bytes, &wall_ms);
    case VD_EVENT_CHOICE:
        return value->kind == VD_KIND_STR && is_choice(field->unit, value->bytes);
    case VD_EVENT_BYTES:
        return value->kind == VD_KIND_BIN;
    case VD_EVENT_LIST:
        return value->kind == VD_KIND_ARRAY;
    case VD_EVENT_MAP:
        return value->kind == VD_KIND_MAP;
    }
    return false;
}

/* Says that a field is missing or is not what it has to be. */
static vd_status_t refuse(const vd_event_type_t *type, const vd_event_field_t *field,
                          const char *problem, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s: %s %s: it has to be %s%s", type->name, field->name, problem,
             wanted_words(field->kind), field->kind == VD_EVENT_CHOICE ? field->unit : "");
    return VD_BAD_EVENT;
}

vd_status_t vd_event_check(vd_str_t name, vd_bytes_t data, char *error, size_t error_size)
{
    assert(error != NULL && error_size > 0);
    error[0] = 0;
    const vd_event_type_t *type = vd_event_type(name);
    if (type == NULL)
        return VD_OK;
    vd_value_t map = {.kind = VD_KIND_NIL}, value;
    if (data.size > 0 && !vd_value_of(data, &map))
        map.kind = VD_KIND_EXT;
    if (map.kind != VD_KIND_MAP && map.kind != VD_KIND_NIL) {
        snprintf(error, error_size, "%s: its data has to be a map", type->name);
        return VD_BAD_EVENT;
    }
    for (size_t i = 0; i < type->field_count; i++) {
        const vd_event_field_t *field = &type->fields[i];
        bool there = map.kind == VD_KIND_MAP && vd_value_get(&map, field->name, &value) &&
                     value.kind != VD_KIND_NIL;
        if (!there && field->required)
            return refuse(type, field, "is missing", error, error_size);
        if (there && !is_kind(field, &value))
            return refuse(type, field, "is not valid", error, error_size);
    }
    return VD_OK;
}
