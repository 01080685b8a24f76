/* parts.h: what parser and evaluator share: the kinds of parts, and how values compare. */
#ifndef VD_EXPRESSION_PARTS_H
#define VD_EXPRESSION_PARTS_H

#include "expression/expression.h"

enum {
    VD_PART_NULL = 1,
    VD_PART_BOOL,
    VD_PART_U64,
    VD_PART_I64,
    VD_PART_F64,
    VD_PART_TEXT,
    VD_PART_LIST,     /* first: its first element */
    VD_PART_STATE,    /* a path; first: its first step */
    VD_PART_SNAPSHOT, /* likewise */
    VD_PART_ITEM,     /* likewise */
    VD_PART_KEY,      /* a step: text */
    VD_PART_INDEX,    /* a step: u64 */
    VD_PART_NOT,
    VD_PART_AND,
    VD_PART_OR,
    VD_PART_EQUAL,
    VD_PART_UNEQUAL,
    VD_PART_LESS,
    VD_PART_LESS_EQUAL,
    VD_PART_GREATER,
    VD_PART_GREATER_EQUAL,
    VD_PART_IN,
    VD_PART_ANY,
    VD_PART_ALL,
    VD_PART_COUNT,
    VD_PART_LENGTH,
    VD_PART_MATCHES,
};

/* How two values stand to each other; those of different kinds, and NaN, are not ordered. */
typedef enum vd_order {
    VD_ORDER_LESS = -1,
    VD_ORDER_SAME,
    VD_ORDER_GREATER,
    VD_ORDER_NONE
} vd_order_t;

/* The order of two numbers, exact over all kinds of numbers, or of two texts, by their bytes. */
vd_order_t vd_values_order(const vd_value_t *a, const vd_value_t *b);
/* Are they the same number, text, bytes, truth value, or both nil? Lists and maps never are. */
bool vd_values_equal(const vd_value_t *a, const vd_value_t *b);
/* Are they two numbers, texts, bytes or truth values, and not the same? */
bool vd_values_differ(const vd_value_t *a, const vd_value_t *b);

#endif
