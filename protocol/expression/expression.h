/* expression.h: a question to a snapshot, such as: count > 3 && any(services, item.port == 8080).
 *
 * The language is written down in EXPRESSIONS.md; vectors/expressions.json has examples of each
 * rule.
 *
 * 1. Parsing copies the text into the expression, allocates nothing, and is bounded: by
 *    VD_EXPRESSION_BYTES_MAX, VD_EXPRESSION_PARTS_MAX and VD_EXPRESSION_DEPTH_MAX. An expression
 *    may be moved and copied as a structure.
 * 2. Evaluating reads the snapshot's bytes where they are, changes nothing, allocates nothing, and
 *    looks at VD_EXPRESSION_WORK_MAX bytes at most. The snapshot may be any bytes at all.
 * 3. There are no errors of evaluation but that of law 2: what is missing is null, and what does
 *    not fit together compares as false.
 */
#ifndef VD_EXPRESSION_H
#define VD_EXPRESSION_H

#include "wire/limits.h"
#include "wire/value.h"

#define VD_OVER_PAIRS_MAX 48

/* One part: a literal, an operator, a function, a list, a path, or a step of a path. */
typedef struct vd_expression_part {
    uint8_t kind;
    uint16_t first, second; /* operands, by place in `parts` */
    uint16_t next;          /* the next step of a path, or element of a list; 0: none */
    uint16_t at, size;      /* where it stands in `source` */
    union {
        uint64_t u64;
        int64_t i64;
        double f64;
        bool boolean;
        struct {
            uint16_t at, size; /* in `texts` */
        } text;
    };
} vd_expression_part_t;

typedef struct vd_expression {
    char source[VD_EXPRESSION_BYTES_MAX + 1];
    char texts[VD_EXPRESSION_BYTES_MAX + 1]; /* names and texts, escapes resolved */
    uint16_t source_size, texts_size;
    uint16_t root;
    uint16_t count; /* of parts; the one at 0 is not used */
    vd_expression_part_t parts[VD_EXPRESSION_PARTS_MAX + 1];
} vd_expression_t;

typedef struct vd_expression_error {
    size_t column;     /* in characters, from 1 */
    char expected[64]; /* "a value" */
    char text[160];    /* "column 9: expected a value, found the end" */
} vd_expression_error_t;

/* Reads an expression. VD_OK, or VD_USAGE with `error` filled. */
vd_status_t vd_expression_parse(vd_expression_t *self, vd_str_t text, vd_expression_error_t *error);

/* The same for an expression about one element of something, to which `item` stands for it from the
 * beginning. */
vd_status_t vd_expression_parse_item(vd_expression_t *self, vd_str_t text,
                                     vd_expression_error_t *error);

/* Evaluates it over a snapshot, a map with the key "state". `result` is a view into both. VD_OK, or
 * VD_TOO_LARGE when it would take too much. */
vd_status_t vd_expression_evaluate(const vd_expression_t *self, vd_bytes_t snapshot,
                                   vd_value_t *result);
/* A snapshot and its state, found once for many evaluations, and how many bytes all of them together
 * may still look at: VD_EXPRESSION_WORK_MAX in the beginning. Views. */
typedef struct vd_over {
    vd_value_t snapshot, state;
    uint64_t work;
    /* The pairs of the state, where there are no more: a path that begins there need not pass over
     * what stands before it. */
    uint32_t pair_count;
    vd_str_t keys[VD_OVER_PAIRS_MAX];
    vd_value_t values[VD_OVER_PAIRS_MAX];
} vd_over_t;
void vd_over_open(vd_over_t *self, vd_bytes_t snapshot);
/* The same over these, and with `item` for an expression of vd_expression_parse_item (NULL: null). */
vd_status_t vd_expression_evaluate_item(const vd_expression_t *self, vd_over_t *over,
                                        const vd_value_t *item, vd_value_t *result);
/* Does it count as true? Everything but null, false, 0, and what is empty. */
bool vd_expression_is_true(const vd_value_t *result);

/* The paths that begin at the snapshot, for telling what was seen: the next one at or behind `*at`
 * (0 at the beginning), as it is written, and its value (nil: there is none). False at the end. */
bool vd_expression_next_path(const vd_expression_t *self, vd_bytes_t snapshot, uint16_t *at,
                             vd_str_t *path, vd_value_t *value);

#endif
