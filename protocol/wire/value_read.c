/* value_read.c: reads MessagePack values as views, without a copy. */
#include "wire/limits.h"
#include "wire/value.h"
#include "wire/value_head.h"

#include <assert.h>

static double float_of_bits(const vd_head_t *head)
{
    if (head->single) {
        uint32_t bits = (uint32_t)head->number;
        float number;
        memcpy(&number, &bits, sizeof number);
        return (double)number;
    }
    double number;
    memcpy(&number, &head->number, sizeof number);
    return number;
}

bool vd_value_next(vd_bytes_t *rest, vd_value_t *value)
{
    return vd_value_next_within(rest, value, VD_DEPTH_MAX);
}

bool vd_value_next_within(vd_bytes_t *rest, vd_value_t *value, unsigned depth_max)
{
    assert(rest != NULL && value != NULL);
    vd_head_t head;
    if (vd_head_read(*rest, &head) != VD_OK)
        return false;
    size_t size = head.size + (size_t)head.content;
    if (head.count > 0 && vd_scan(*rest, depth_max, &size) != VD_OK)
        return false;
    assert(size <= rest->size);

    *value = (vd_value_t){.kind = head.kind, .count = head.count};
    value->raw = vd_bytes(rest->data, size);
    value->bytes = vd_bytes(rest->data + head.size, size - head.size);
    switch (head.kind) {
    case VD_KIND_BOOL:
        value->boolean = head.number != 0;
        break;
    case VD_KIND_I64:
        value->i64 = (int64_t)head.number;
        break;
    case VD_KIND_F64:
        value->f64 = float_of_bits(&head);
        break;
    case VD_KIND_U64:
        value->u64 = head.number;
        break;
    default:
        break;
    }
    *rest = vd_bytes(rest->data + size, rest->size - size);
    return true;
}

bool vd_value_of(vd_bytes_t bytes, vd_value_t *value)
{
    return vd_value_next(&bytes, value) && bytes.size == 0;
}

bool vd_value_get(const vd_value_t *map, const char *key, vd_value_t *value)
{
    assert(map != NULL && key != NULL);
    if (map->kind != VD_KIND_MAP)
        return false;
    vd_bytes_t rest = map->bytes;
    for (uint32_t i = 0; i < map->count; i++) {
        vd_value_t name;
        if (!vd_value_next(&rest, &name) || !vd_value_next(&rest, value))
            return false;
        if (name.kind == VD_KIND_STR && vd_str_is(name.bytes, key))
            return true;
    }
    return false;
}

uint64_t vd_value_u64(const vd_value_t *value, uint64_t fallback)
{
    return value->kind == VD_KIND_U64 ? value->u64 : fallback;
}

int64_t vd_value_i64(const vd_value_t *value, int64_t fallback)
{
    if (value->kind == VD_KIND_I64)
        return value->i64;
    return value->kind == VD_KIND_U64 && value->u64 <= INT64_MAX ? (int64_t)value->u64 : fallback;
}

double vd_value_f64(const vd_value_t *value, double fallback)
{
    switch (value->kind) {
    case VD_KIND_F64:
        return value->f64;
    case VD_KIND_U64:
        return (double)value->u64;
    case VD_KIND_I64:
        return (double)value->i64;
    default:
        return fallback;
    }
}

vd_str_t vd_value_str(const vd_value_t *value)
{
    return value->kind == VD_KIND_STR ? value->bytes : vd_bytes(NULL, 0);
}

uint64_t vd_value_get_u64(const vd_value_t *map, const char *key, uint64_t fallback)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) ? vd_value_u64(&value, fallback) : fallback;
}

double vd_value_get_f64(const vd_value_t *map, const char *key, double fallback)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) ? vd_value_f64(&value, fallback) : fallback;
}

vd_str_t vd_value_get_str(const vd_value_t *map, const char *key)
{
    vd_value_t value;
    return vd_value_get(map, key, &value) ? vd_value_str(&value) : vd_bytes(NULL, 0);
}
