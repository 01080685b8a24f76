/* message_decode.c: frames into messages and records, by the tables of the catalogue. */
#include "wire/catalogue.h"
#include "wire/message.h"

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

static const vd_field_t *find_field(const vd_shape_t *shape, vd_str_t key, size_t guess)
{
    /* Writers keep the order of the catalogue mostly: look where the key should be first. */
    if (guess < shape->field_count && vd_str_is(key, shape->fields[guess].name))
        return &shape->fields[guess];
    for (size_t i = 0; i < shape->field_count; i++)
        if (vd_str_is(key, shape->fields[i].name))
            return &shape->fields[i];
    return NULL;
}

/* `map` has been scanned. */
static vd_status_t decode_map(const vd_shape_t *shape, vd_bytes_t map, void *body)
{
    assert(shape->field_count <= 64);
    vd_value_t value;
    if (!vd_value_next(&map, &value) || value.kind != VD_KIND_MAP)
        return VD_MALFORMED;
    uint64_t seen = 0;
    vd_bytes_t rest = value.bytes;
    for (uint32_t i = 0; i < value.count; i++) {
        vd_value_t key, item;
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &item))
            return VD_MALFORMED;
        const vd_field_t *field = find_field(shape, vd_value_str(&key), i);
        if (field == NULL)
            continue;
        vd_status_t status = read_field(field, &item, (char *)body + field->offset);
        if (status != VD_OK)
            return status;
        seen |= 1ull << (field - shape->fields);
    }
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].required && !(seen >> i & 1))
            return VD_MISSING_FIELD;
    return VD_OK;
}

static vd_status_t decode_header(vd_bytes_t header, vd_message_t *message)
{
    if (header.size > VD_HEADER_BYTES_MAX)
        return VD_TOO_LARGE;
    vd_status_t status = vd_scan_exact(header, 4);
    if (status != VD_OK)
        return status;
    vd_value_t array, version, id, correlation;
    if (!vd_value_of(header, &array) || array.kind != VD_KIND_ARRAY || array.count < 3)
        return VD_MALFORMED;
    vd_bytes_t rest = array.bytes;
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
    status = vd_scan_exact(body, VD_DEPTH_MAX);
    if (status != VD_OK)
        return status;
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
    vd_status_t status = vd_scan_exact(map, VD_DEPTH_MAX);
    return status == VD_OK ? decode_map(shape, map, record) : status;
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
