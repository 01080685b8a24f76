/* message_encode.c: messages and records into frames, by the tables of the catalogue. */
#include "wire/catalogue.h"
#include "wire/message.h"

#include <assert.h>

static bool is_absent(const vd_field_t *field, const void *from)
{
    if (field->required)
        return false;
    switch (field->type) {
    case VD_TYPE_U64:
    case VD_TYPE_I64:
        return *(const uint64_t *)from == 0;
    case VD_TYPE_F64:
        return *(const double *)from == 0;
    case VD_TYPE_BOOL:
        return !*(const bool *)from;
    default:
        return ((const vd_bytes_t *)from)->size == 0;
    }
}

static vd_status_t write_bytes_field(const vd_field_t *field, const vd_bytes_t *from,
                                     vd_buffer_t *out)
{
    if (field->type != VD_TYPE_ROWS && from->size > field->limit)
        return VD_TOO_LARGE;
    switch (field->type) {
    case VD_TYPE_STR:
        vd_write_str(out, *from);
        return VD_OK;
    case VD_TYPE_BIN:
        vd_write_bin(out, *from);
        return VD_OK;
    case VD_TYPE_ROWS:
        if (from->size == 0)
            vd_write_array(out, 0);
        else if (vd_rows_count(*from) > field->limit)
            return VD_TOO_LARGE;
        vd_write_raw(out, *from);
        return VD_OK;
    default:
        assert(field->type == VD_TYPE_VALUE);
        if (from->size == 0)
            vd_write_nil(out);
        vd_write_raw(out, *from);
        return VD_OK;
    }
}

static vd_status_t write_field(const vd_field_t *field, const void *from, vd_buffer_t *out)
{
    vd_write_str(out, vd_bytes(field->name, field->name_size));
    switch (field->type) {
    case VD_TYPE_U64:
        vd_write_u64(out, *(const uint64_t *)from);
        return VD_OK;
    case VD_TYPE_I64:
        vd_write_i64(out, *(const int64_t *)from);
        return VD_OK;
    case VD_TYPE_F64:
        vd_write_f64(out, *(const double *)from);
        return VD_OK;
    case VD_TYPE_BOOL:
        vd_write_bool(out, *(const bool *)from);
        return VD_OK;
    default:
        return write_bytes_field(field, from, out);
    }
}

static vd_status_t encode_map(const vd_shape_t *shape, const void *body, vd_buffer_t *out)
{
    uint32_t pairs = 0;
    for (size_t i = 0; i < shape->field_count; i++)
        pairs += !is_absent(&shape->fields[i], (const char *)body + shape->fields[i].offset);
    vd_write_map(out, pairs);
    for (size_t i = 0; i < shape->field_count; i++) {
        const void *from = (const char *)body + shape->fields[i].offset;
        if (is_absent(&shape->fields[i], from))
            continue;
        vd_status_t status = write_field(&shape->fields[i], from, out);
        if (status != VD_OK)
            return status;
    }
    return out->full ? VD_TOO_LARGE : VD_OK;
}

vd_status_t vd_record_encode(vd_record_id_t id, const void *record, vd_buffer_t *out)
{
    size_t before = out->size;
    vd_status_t status = encode_map(vd_shape_of_record(id), record, out);
    if (status != VD_OK)
        vd_buffer_cut(out, before);
    return status;
}

vd_status_t vd_message_encode(const vd_message_t *message, vd_buffer_t *out, size_t *header_size)
{
    const vd_shape_t *shape = vd_shape_of_message(message->id);
    assert(shape != NULL && header_size != NULL);
    size_t before = out->size;
    vd_write_array(out, 3);
    vd_write_u64(out, VD_PROTOCOL_VERSION);
    vd_write_u64(out, message->id);
    vd_write_u64(out, message->correlation);
    *header_size = out->size - before;
    vd_status_t status = encode_map(shape, &message->done, out);
    if (status == VD_OK && out->size - before - *header_size > VD_BODY_BYTES_MAX)
        status = VD_TOO_LARGE;
    if (status != VD_OK)
        vd_buffer_cut(out, before);
    return status;
}
