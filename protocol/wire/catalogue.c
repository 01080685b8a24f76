/* catalogue.c: the catalogue messages.def as tables. */
#include "wire/catalogue.h"

#include <assert.h>
#include <stddef.h>

/* clang-format off */
#define VD_NEED_REQUIRED true
#define VD_NEED_OPTIONAL false
#define VD_FIELD(owner, kind, key, need, bound, text)                                              \
    {.name = #key, .type = VD_TYPE_##kind, .required = VD_NEED_##need, .limit = bound,             \
     .offset = offsetof(struct vd_##owner##_owner, key), .name_size = sizeof #key - 1, .meaning = text},
/* The row at the end keeps a table without fields legal C; it is never read. */
#define VD_RECORD_BEGIN(name, meaning) static const vd_field_t name##_fields[] = {
#define VD_RECORD_END(owner) {.name = NULL}};
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning) static const vd_field_t name##_fields[] = {
#define VD_MESSAGE_END(upper, owner) {.name = NULL}};
#include "wire/messages.def"
#undef VD_FIELD
#undef VD_RECORD_BEGIN
#undef VD_RECORD_END
#undef VD_MESSAGE_BEGIN
#undef VD_MESSAGE_END

#define VD_FIELD(owner, kind, key, need, bound, text)
#define VD_RECORD_END(name)
#define VD_MESSAGE_END(upper, name)
#define VD_FIELDS_OF(name) .fields = name##_fields, .field_count = sizeof name##_fields / sizeof *name##_fields - 1

#define VD_RECORD_BEGIN(name, meaning)
static const vd_shape_t messages[] = {
#define VD_MESSAGE_BEGIN(upper_, name_, id_, direction_, meaning_)                                 \
    {.upper = #upper_, .name = #name_, .id = id_, VD_FIELDS_OF(name_), .direction = direction_, .meaning = meaning_},
#include "wire/messages.def"
#undef VD_MESSAGE_BEGIN
#undef VD_RECORD_BEGIN
};

/* Where the shape of a message stands, by its id, from 1. */
enum place {
    NO_PLACE,
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning) PLACE_##name,
#define VD_RECORD_BEGIN(name, meaning)
#include "wire/messages.def"
#undef VD_MESSAGE_BEGIN
};
static const uint8_t places[] = {
#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning) [id] = PLACE_##name,
#include "wire/messages.def"
#undef VD_MESSAGE_BEGIN
#undef VD_RECORD_BEGIN
};

#define VD_MESSAGE_BEGIN(upper, name, id, direction, meaning)
static const vd_shape_t records[] = {
#define VD_RECORD_BEGIN(name_, meaning_)                                                           \
    {.name = #name_, .id = VD_RECORD_##name_, VD_FIELDS_OF(name_), .meaning = meaning_},
#include "wire/messages.def"
#undef VD_RECORD_BEGIN
};
#undef VD_MESSAGE_BEGIN
/* clang-format on */

enum { MESSAGE_COUNT = sizeof messages / sizeof *messages };
enum { RECORD_COUNT = sizeof records / sizeof *records };

const vd_shape_t *vd_shapes_of_messages(size_t *count)
{
    *count = MESSAGE_COUNT;
    return messages;
}

const vd_shape_t *vd_shapes_of_records(size_t *count)
{
    *count = RECORD_COUNT;
    return records;
}

const vd_shape_t *vd_shape_of_message(uint16_t id)
{
    if (id >= sizeof places / sizeof *places || places[id] == NO_PLACE)
        return NULL;
    const vd_shape_t *shape = &messages[places[id] - 1];
    assert(shape->id == id);
    return shape;
}

const vd_shape_t *vd_shape_of_record(vd_record_id_t id)
{
    assert(id > VD_RECORD_none && (size_t)id <= RECORD_COUNT);
    const vd_shape_t *shape = &records[id - 1];
    assert(shape->id == id);
    return shape;
}

const char *vd_message_name(uint16_t id)
{
    const vd_shape_t *shape = vd_shape_of_message(id);
    return shape ? shape->upper : NULL;
}
