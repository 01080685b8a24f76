/* message_decode.c: frames into messages and records, by the tables of the catalogue. */
#include "wire/catalogue.h"
#include "wire/message.h"
#include "wire/value_head.h"

#include <assert.h>

static vd_status_t read_bytes(const vd_field_t *field, const vd_value_t *value, vd_bytes_t *to)
{
    vd_kind_t wanted = field->type == VD_TYPE_STR ? VD_KIND_STR : VD_KIND_BIN;
    if (value->kind != wanted)
        return VD_WRONG_TYPE;
    if (value->bytes.size > field->limit)
        return VD_TOO_LARGE;
    if (wanted == VD_KIND_STR && memchr(value->bytes.data, 0, value->bytes.size))
        return VD_MALFORMED;
    *to = value->bytes;
    return VD_OK;
}

static vd_status_t read_number(const vd_field_t *field, const vd_value_t *value, void *to)
{
    bool is_number = value->kind == VD_KIND_U64 || value->kind == VD_KIND_I64;
    switch (field->type) {
    case VD_TYPE_U64:
        if (value->kind != VD_KIND_U64)
            return VD_WRONG_TYPE;
        *(uint64_t *)to = value->u64;
        return VD_OK;
    case VD_TYPE_I64:
        if (!is_number || (value->kind == VD_KIND_U64 && value->u64 > INT64_MAX))
            return VD_WRONG_TYPE;
        *(int64_t *)to = vd_value_i64(value, 0);
        return VD_OK;
    case VD_TYPE_F64:
        if (!is_number && value->kind != VD_KIND_F64)
            return VD_WRONG_TYPE;
        *(double *)to = vd_value_f64(value, 0);
        return VD_OK;
    default:
        assert(field->type == VD_TYPE_BOOL);
        if (value->kind != VD_KIND_BOOL)
            return VD_WRONG_TYPE;
        *(bool *)to = value->boolean;
        return VD_OK;
    }
}

static vd_status_t read_field(const vd_field_t *field, const vd_value_t *value, void *to)
{
    /* nil reads as absent: languages without optional fields send it. */
    if (value->kind == VD_KIND_NIL && !field->required)
        return VD_OK;
    switch (field->type) {
    case VD_TYPE_STR:
    case VD_TYPE_BIN:
        return read_bytes(field, value, to);
    case VD_TYPE_VALUE:
        if (value->raw.size > field->limit)
            return VD_TOO_LARGE;
        *(vd_bytes_t *)to = value->raw;
        return VD_OK;
    case VD_TYPE_ROWS:
        if (value->kind != VD_KIND_ARRAY)
            return VD_WRONG_TYPE;
        if (value->count > field->limit)
            return VD_TOO_LARGE;
        *(vd_bytes_t *)to = value->raw;
        return VD_OK;
    default:
        return read_number(field, value, to);
    }
}

static const vd_field_t *find_field(const vd_shape_t *shape, vd_str_t key)
{
    for (size_t i = 0; i < shape->field_count; i++)
        if (key.size == shape->fields[i].name_size &&
            memcmp(key.data, shape->fields[i].name, key.size) == 0)
            return &shape->fields[i];
    return NULL;
}

/* Takes a key off `rest` and finds its field; NULL for one that is not known. `guess`: writers keep the order of the
 * catalogue mostly. */
static bool take_key(const vd_shape_t *shape, vd_bytes_t *rest, size_t guess,
                     const vd_field_t **field)
{
    enum { SHORT_TEXT = 0xa0, SHORT_TEXT_MAX = 31 };
    *field = guess < shape->field_count ? &shape->fields[guess] : NULL;
    size_t size = *field != NULL ? (*field)->name_size : SHORT_TEXT_MAX + 1;
    if (size <= SHORT_TEXT_MAX && rest->size > size && rest->data[0] == (SHORT_TEXT | size) &&
        memcmp(rest->data + 1, (*field)->name, size) == 0) {
        *rest = vd_bytes(rest->data + 1 + size, rest->size - 1 - size);
        return true;
    }
    vd_value_t key;
    if (!vd_value_next_within(rest, &key, VD_DEPTH_MAX - 1))
        return false;
    *field = find_field(shape, vd_value_str(&key));
    return true;
}

/* Reads a map in one walk, which scans each of its values on the way. What it says about bytes that are not one
 * sound value is not the whole truth (see decode_map). */
static vd_status_t walk_map(const vd_shape_t *shape, vd_bytes_t map, void *body)
{
    vd_head_t head;
    if (vd_head_read(map, &head) != VD_OK || head.kind != VD_KIND_MAP)
        return VD_MALFORMED;
    uint64_t seen = 0;
    vd_bytes_t rest = vd_bytes(map.data + head.size, map.size - head.size);
    for (uint32_t i = 0; i < head.count; i++) {
        const vd_field_t *field;
        vd_value_t item;
        if (!take_key(shape, &rest, i, &field) ||
            !vd_value_next_within(&rest, &item, VD_DEPTH_MAX - 1))
            return VD_MALFORMED;
        if (field == NULL)
            continue;
        vd_status_t status = read_field(field, &item, (char *)body + field->offset);
        if (status != VD_OK)
            return status;
        seen |= 1ull << (field - shape->fields);
    }
    if (rest.size > 0)
        return VD_MALFORMED;
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].required && !(seen >> i & 1))
            return VD_MISSING_FIELD;
    return VD_OK;
}

/* Bytes that are no sound value are malformed or too deep, whatever the walk met first. */
static vd_status_t decode_map(const vd_shape_t *shape, vd_bytes_t map, void *body)
{
    assert(shape->field_count <= 64);
    vd_status_t status = walk_map(shape, map, body);
    vd_status_t scanned = status == VD_OK ? VD_OK : vd_scan_exact(map, VD_DEPTH_MAX);
    return scanned != VD_OK ? scanned : status;
}

static vd_status_t decode_header(vd_bytes_t header, vd_message_t *message)
{
    enum { HEADER_DEPTH_MAX = 4 };
    if (header.size > VD_HEADER_BYTES_MAX)
        return VD_TOO_LARGE;
    vd_head_t array;
    vd_value_t version, id, correlation;
    vd_status_t status = vd_scan_exact(header, HEADER_DEPTH_MAX);
    if (status != VD_OK)
        return status;
    if (vd_head_read(header, &array) != VD_OK || array.kind != VD_KIND_ARRAY || array.count < 3)
        return VD_MALFORMED;
    vd_bytes_t rest = vd_bytes(header.data + array.size, header.size - array.size);
    if (!vd_value_next(&rest, &version) || !vd_value_next(&rest, &id) ||
        !vd_value_next(&rest, &correlation))
        return VD_MALFORMED;
    if (version.kind != VD_KIND_U64 || id.kind != VD_KIND_U64 || correlation.kind != VD_KIND_U64)
        return VD_MALFORMED;
    message->correlation = correlation.u64;
    message->id = id.u64 <= UINT16_MAX ? (uint16_t)id.u64 : 0;
    return version.u64 == VD_PROTOCOL_VERSION && id.u64 <= UINT16_MAX ? VD_OK : VD_UNSUPPORTED;
}

vd_status_t vd_message_decode(vd_bytes_t header, vd_bytes_t body, vd_bytes_t payload,
                              vd_message_t *message)
{
    assert(message != NULL);
    memset(message, 0, sizeof *message);
    vd_status_t status = decode_header(header, message);
    if (status != VD_OK)
        return status;
    const vd_shape_t *shape = vd_shape_of_message(message->id);
    if (shape == NULL)
        return VD_UNSUPPORTED;
    if (body.size > VD_BODY_BYTES_MAX)
        return VD_TOO_LARGE;
    message->payload = payload;
    return decode_map(shape, body, &message->done);
}

vd_status_t vd_record_decode(vd_bytes_t map, vd_record_id_t id, void *record)
{
    const vd_shape_t *shape = vd_shape_of_record(id);
    for (size_t i = 0; i < shape->field_count; i++) {
        size_t size = shape->fields[i].type == VD_TYPE_BOOL ? sizeof(bool) : sizeof(uint64_t);
        bool wide = shape->fields[i].type != VD_TYPE_BOOL && shape->fields[i].type != VD_TYPE_U64 &&
                    shape->fields[i].type != VD_TYPE_I64 && shape->fields[i].type != VD_TYPE_F64;
        memset((char *)record + shape->fields[i].offset, 0, wide ? sizeof(vd_bytes_t) : size);
    }
    return decode_map(shape, map, record);
}

vd_status_t vd_rows_next(vd_bytes_t *rows, vd_record_id_t id, void *record)
{
    assert(rows != NULL && record != NULL);
    vd_value_t value;
    vd_bytes_t rest = *rows;
    if (!vd_value_next(&rest, &value))
        return VD_NOT_FOUND;
    /* The first call sees the array itself; from then on `rows` is the elements that are left. */
    if (value.kind == VD_KIND_ARRAY) {
        *rows = rest = value.bytes;
        if (!vd_value_next(&rest, &value))
            return VD_NOT_FOUND;
    }
    *rows = rest;
    return vd_record_decode(value.raw, id, record);
}

uint32_t vd_rows_count(vd_bytes_t rows)
{
    vd_value_t value;
    return vd_value_next(&rows, &value) && value.kind == VD_KIND_ARRAY ? value.count : 0;
}
