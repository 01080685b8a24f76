/* compare.c: how values of expressions compare. */
#include "expression/parts.h"

#include <math.h>

static bool is_number(const vd_value_t *value)
{
    return value->kind == VD_KIND_U64 || value->kind == VD_KIND_I64 || value->kind == VD_KIND_F64;
}

/* Exact: an integer is never rounded to a float. */
static vd_order_t order_with_integer(double number, const vd_value_t *integer)
{
    if (isnan(number))
        return VD_ORDER_NONE;
    if (integer->kind == VD_KIND_U64) {
        if (number < 0)
            return VD_ORDER_LESS;
        if (number >= 0x1p64)
            return VD_ORDER_GREATER;
        uint64_t whole = (uint64_t)number;
        if (whole != integer->u64)
            return whole < integer->u64 ? VD_ORDER_LESS : VD_ORDER_GREATER;
        return number > (double)whole ? VD_ORDER_GREATER : VD_ORDER_SAME;
    }
    if (number >= 0)
        return VD_ORDER_GREATER;
    if (number < -0x1p63)
        return VD_ORDER_LESS;
    int64_t whole = (int64_t)number;
    if (whole != integer->i64)
        return whole < integer->i64 ? VD_ORDER_LESS : VD_ORDER_GREATER;
    return number < (double)whole ? VD_ORDER_LESS : VD_ORDER_SAME;
}

static vd_order_t reversed(vd_order_t order)
{
    return order == VD_ORDER_LESS      ? VD_ORDER_GREATER
           : order == VD_ORDER_GREATER ? VD_ORDER_LESS
                                       : order;
}

static vd_order_t order_numbers(const vd_value_t *a, const vd_value_t *b)
{
    if (a->kind == VD_KIND_F64 && b->kind == VD_KIND_F64) {
        if (isnan(a->f64) || isnan(b->f64))
            return VD_ORDER_NONE;
        return a->f64 < b->f64 ? VD_ORDER_LESS : a->f64 > b->f64 ? VD_ORDER_GREATER : VD_ORDER_SAME;
    }
    if (a->kind == VD_KIND_F64)
        return order_with_integer(a->f64, b);
    if (b->kind == VD_KIND_F64)
        return reversed(order_with_integer(b->f64, a));
    if (a->kind != b->kind)
        return a->kind == VD_KIND_I64 ? VD_ORDER_LESS : VD_ORDER_GREATER;
    if (a->kind == VD_KIND_I64)
        return a->i64 < b->i64 ? VD_ORDER_LESS : a->i64 > b->i64 ? VD_ORDER_GREATER : VD_ORDER_SAME;
    return a->u64 < b->u64 ? VD_ORDER_LESS : a->u64 > b->u64 ? VD_ORDER_GREATER : VD_ORDER_SAME;
}

static vd_order_t order_texts(vd_str_t a, vd_str_t b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least > 0 ? memcmp(a.data, b.data, least) : 0;
    if (order == 0)
        order = (a.size > b.size) - (a.size < b.size);
    return order < 0 ? VD_ORDER_LESS : order > 0 ? VD_ORDER_GREATER : VD_ORDER_SAME;
}

vd_order_t vd_values_order(const vd_value_t *a, const vd_value_t *b)
{
    if (is_number(a) && is_number(b))
        return order_numbers(a, b);
    if (a->kind == VD_KIND_STR && b->kind == VD_KIND_STR)
        return order_texts(a->bytes, b->bytes);
    return VD_ORDER_NONE;
}

bool vd_values_equal(const vd_value_t *a, const vd_value_t *b)
{
    if (is_number(a) && is_number(b))
        return order_numbers(a, b) == VD_ORDER_SAME;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VD_KIND_NIL:
        return true;
    case VD_KIND_BOOL:
        return a->boolean == b->boolean;
    case VD_KIND_STR:
    case VD_KIND_BIN:
        return vd_bytes_equal(a->bytes, b->bytes);
    default:
        return false;
    }
}

bool vd_values_differ(const vd_value_t *a, const vd_value_t *b)
{
    bool is_plain = a->kind == VD_KIND_STR || a->kind == VD_KIND_BIN || a->kind == VD_KIND_BOOL;
    bool is_alike = (is_number(a) && is_number(b)) || (is_plain && a->kind == b->kind);
    return is_alike && !vd_values_equal(a, b);
}

bool vd_expression_is_true(const vd_value_t *result)
{
    switch (result->kind) {
    case VD_KIND_NIL:
        return false;
    case VD_KIND_BOOL:
        return result->boolean;
    case VD_KIND_U64:
        return result->u64 != 0;
    case VD_KIND_F64:
        return result->f64 != 0;
    case VD_KIND_STR:
    case VD_KIND_BIN:
        return result->bytes.size > 0;
    case VD_KIND_ARRAY:
    case VD_KIND_MAP:
        return result->count > 0;
    default:
        return true;
    }
}
