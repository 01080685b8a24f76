/* evaluate.c: what an expression says about a snapshot. */
#include "expression/parts.h"
#include "wire/run.h"

#include <assert.h>

typedef struct look {
    const vd_expression_t *self;
    const vd_over_t *over;
    uint64_t work; /* bytes that may still be looked at */
    bool spent;
    /* Paths that begin at the snapshot are looked up once: conditions ask again for each item. */
    bool is_known[VD_EXPRESSION_PARTS_MAX + 1];
    vd_value_t known[VD_EXPRESSION_PARTS_MAX + 1];
} look_t;

static const vd_value_t null = {.kind = VD_KIND_NIL};

static vd_value_t truth(bool value)
{
    return (vd_value_t){.kind = VD_KIND_BOOL, .boolean = value};
}

/* Counts the work. False when there was too much: everything is null from then on. */
static bool spend(look_t *self, uint64_t bytes)
{
    self->spent = self->spent || bytes >= self->work;
    if (!self->spent)
        self->work -= bytes;
    return !self->spent;
}

static vd_str_t text_of(const look_t *self, const vd_expression_part_t *part)
{
    assert(part->text.at + part->text.size <= self->self->texts_size);
    return vd_bytes(self->self->texts + part->text.at, part->text.size);
}

static bool is_container(const vd_value_t *value)
{
    return value->kind == VD_KIND_ARRAY || value->kind == VD_KIND_MAP;
}

/* The next element of a list, or the next value of a map. */
static bool next_item(const vd_value_t *from, vd_bytes_t *rest, vd_value_t *item)
{
    vd_value_t key;
    if (from->kind == VD_KIND_MAP && !vd_value_next(rest, &key))
        return false;
    return vd_value_next(rest, item);
}

static vd_value_t value_at(const vd_value_t *from, uint64_t index)
{
    vd_bytes_t rest = from->bytes;
    vd_value_t item;
    if (from->kind != VD_KIND_ARRAY || index >= from->count)
        return null;
    for (uint64_t i = 0; i <= index; i++)
        if (!vd_value_next(&rest, &item))
            return null;
    return item;
}

static vd_value_t value_under(const vd_value_t *from, vd_str_t wanted)
{
    vd_bytes_t rest = from->bytes;
    vd_value_t key, value;
    if (from->kind != VD_KIND_MAP)
        return null;
    for (uint32_t i = 0; i < from->count; i++) {
        if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &value))
            return null;
        if (key.kind == VD_KIND_STR && vd_bytes_equal(key.bytes, wanted))
            return value;
    }
    return null;
}

static vd_value_t walk(look_t *self, uint16_t step, vd_value_t value)
{
    const vd_expression_part_t *parts = self->self->parts;
    for (; step != 0; step = parts[step].next) {
        if (!is_container(&value) || !spend(self, value.raw.size))
            return null;
        value = parts[step].kind == VD_PART_INDEX
                    ? value_at(&value, parts[step].u64)
                    : value_under(&value, text_of(self, &parts[step]));
    }
    return value;
}

/* The first step of a path in the state is a key, which is known where there are not too many. */
static vd_value_t walk_state(look_t *self, uint16_t step)
{
    const vd_over_t *over = self->over;
    const vd_expression_part_t *part = &self->self->parts[step];
    if (step == 0 || part->kind != VD_PART_KEY || over->state.count > over->pair_count)
        return walk(self, step, over->state);
    for (uint32_t at = 0; at < over->pair_count; at++)
        if (vd_bytes_equal(over->keys[at], text_of(self, part)))
            return walk(self, part->next, over->values[at]);
    return null;
}

static vd_value_t path_value(look_t *self, uint16_t at)
{
    if (!self->is_known[at]) {
        const vd_expression_part_t *part = &self->self->parts[at];
        self->known[at] = part->kind == VD_PART_STATE
                              ? walk_state(self, part->first)
                              : walk(self, part->first, self->over->snapshot);
        self->is_known[at] = true;
    }
    return self->known[at];
}

static vd_value_t evaluate(look_t *self, uint16_t at, const vd_value_t *item);

static vd_value_t over_items(look_t *self, uint16_t at, const vd_value_t *item)
{
    const vd_expression_part_t *part = &self->self->parts[at];
    vd_value_t list = evaluate(self, part->first, item), one;
    uint64_t count = 0;
    if (!is_container(&list) || !spend(self, list.raw.size))
        return part->kind == VD_PART_COUNT ? null : truth(false);
    vd_bytes_t rest = list.bytes;
    for (uint32_t i = 0; i < list.count && !self->spent && next_item(&list, &rest, &one); i++) {
        vd_value_t said = evaluate(self, part->second, &one);
        bool is_true = vd_expression_is_true(&said);
        count += is_true;
        if (part->kind != VD_PART_COUNT && is_true == (part->kind == VD_PART_ANY))
            return truth(is_true);
    }
    if (part->kind == VD_PART_COUNT)
        return (vd_value_t){.kind = VD_KIND_U64, .u64 = count};
    return truth(part->kind == VD_PART_ALL);
}

/* Is it an element of a list that is written in the expression? */
static bool is_listed(look_t *self, const vd_value_t *value, uint16_t list, const vd_value_t *item)
{
    const vd_expression_part_t *parts = self->self->parts;
    for (uint16_t at = parts[list].first; at != 0; at = parts[at].next) {
        vd_value_t element = evaluate(self, at, item);
        if (vd_values_equal(value, &element))
            return true;
    }
    return false;
}

static bool is_in(look_t *self, const vd_value_t *value, const vd_value_t *in)
{
    vd_bytes_t rest = in->bytes;
    vd_value_t element;
    if (!spend(self, in->bytes.size))
        return false;
    if (value->kind == VD_KIND_STR && in->kind == VD_KIND_STR)
        return value->bytes.size == 0 ||
               (in->bytes.size > 0 && memmem(in->bytes.data, in->bytes.size, value->bytes.data,
                                             value->bytes.size) != NULL);
    if (!is_container(in))
        return false;
    for (uint32_t i = 0; i < in->count && vd_value_next(&rest, &element); i++) {
        vd_value_t ignored;
        if (vd_values_equal(value, &element) &&
            (in->kind == VD_KIND_ARRAY || value->kind == VD_KIND_STR))
            return true;
        if (in->kind == VD_KIND_MAP && !vd_value_next(&rest, &ignored))
            return false;
    }
    return false;
}

static vd_value_t length_of(look_t *self, const vd_value_t *value)
{
    uint64_t length = value->count;
    if (value->kind == VD_KIND_BIN)
        length = value->bytes.size;
    else if (value->kind == VD_KIND_STR && spend(self, value->bytes.size))
        for (size_t i = 0; i < value->bytes.size; i++)
            length += (value->bytes.data[i] & 0xc0) != 0x80;
    else if (!is_container(value))
        return null;
    return (vd_value_t){.kind = VD_KIND_U64, .u64 = length};
}

static bool matches(look_t *self, const vd_value_t *text, const vd_value_t *glob)
{
    return text->kind == VD_KIND_STR && glob->kind == VD_KIND_STR &&
           spend(self, (uint64_t)text->bytes.size * (glob->bytes.size + 1)) &&
           vd_glob_match(glob->bytes, text->bytes);
}

static bool compares(uint8_t kind, const vd_value_t *a, const vd_value_t *b)
{
    vd_order_t order = vd_values_order(a, b);
    switch (kind) {
    case VD_PART_EQUAL:
        return vd_values_equal(a, b);
    case VD_PART_UNEQUAL:
        return vd_values_differ(a, b);
    case VD_PART_LESS:
        return order == VD_ORDER_LESS;
    case VD_PART_LESS_EQUAL:
        return order == VD_ORDER_LESS || order == VD_ORDER_SAME;
    case VD_PART_GREATER:
        return order == VD_ORDER_GREATER;
    default:
        assert(kind == VD_PART_GREATER_EQUAL);
        return order == VD_ORDER_GREATER || order == VD_ORDER_SAME;
    }
}

/* x != null: is there a value? Only the word asks so, not a path that leads to nothing. */
static bool asks_for_value(const look_t *self, const vd_expression_part_t *part)
{
    const vd_expression_part_t *parts = self->self->parts;
    return part->kind == VD_PART_UNEQUAL &&
           (parts[part->first].kind == VD_PART_NULL || parts[part->second].kind == VD_PART_NULL);
}

/* Operators and functions of one or two values. */
static vd_value_t operate(look_t *self, uint16_t at, const vd_value_t *item)
{
    const vd_expression_part_t *part = &self->self->parts[at];
    vd_value_t a = evaluate(self, part->first, item), b = null;
    bool is_true = vd_expression_is_true(&a);
    if (part->kind == VD_PART_NOT)
        return truth(!is_true);
    if (part->kind == VD_PART_LENGTH)
        return length_of(self, &a);
    if ((part->kind == VD_PART_AND && !is_true) || (part->kind == VD_PART_OR && is_true))
        return truth(is_true);
    if (part->kind == VD_PART_IN && self->self->parts[part->second].kind == VD_PART_LIST)
        return truth(is_listed(self, &a, part->second, item));
    b = evaluate(self, part->second, item);
    if (part->kind == VD_PART_AND || part->kind == VD_PART_OR)
        return truth(vd_expression_is_true(&b));
    if (part->kind == VD_PART_IN)
        return truth(is_in(self, &a, &b));
    if (part->kind == VD_PART_MATCHES)
        return truth(matches(self, &a, &b));
    if (asks_for_value(self, part))
        return truth(!vd_values_equal(&a, &b));
    if (a.kind == VD_KIND_STR && b.kind == VD_KIND_STR)
        spend(self, a.bytes.size < b.bytes.size ? a.bytes.size : b.bytes.size);
    return truth(compares(part->kind, &a, &b));
}

static vd_value_t literal(const look_t *self, const vd_expression_part_t *part)
{
    switch (part->kind) {
    case VD_PART_BOOL:
        return truth(part->boolean);
    case VD_PART_U64:
        return (vd_value_t){.kind = VD_KIND_U64, .u64 = part->u64};
    case VD_PART_I64:
        return (vd_value_t){.kind = VD_KIND_I64, .i64 = part->i64};
    case VD_PART_F64:
        return (vd_value_t){.kind = VD_KIND_F64, .f64 = part->f64};
    case VD_PART_TEXT:
        return (vd_value_t){.kind = VD_KIND_STR, .bytes = text_of(self, part)};
    default:
        assert(part->kind == VD_PART_NULL);
        return null;
    }
}

/* The depth of this recursion is bounded by the number of parts. */
static vd_value_t evaluate(look_t *self, uint16_t at, const vd_value_t *item)
{
    assert(at > 0 && at <= self->self->count);
    const vd_expression_part_t *part = &self->self->parts[at];
    if (!spend(self, 1))
        return null;
    switch (part->kind) {
    case VD_PART_STATE:
    case VD_PART_SNAPSHOT:
        return path_value(self, at);
    case VD_PART_ITEM:
        assert(item != NULL); /* the parser saw to it, or who evaluates */
        return walk(self, part->first, *item);
    case VD_PART_ANY:
    case VD_PART_ALL:
    case VD_PART_COUNT:
        return over_items(self, at, item);
    default:
        return part->kind >= VD_PART_NOT ? operate(self, at, item) : literal(self, part);
    }
}

static void look_at(look_t *self, const vd_expression_t *expression, const vd_over_t *over)
{
    self->self = expression;
    self->over = over;
    self->work = over->work;
    self->spent = false;
    memset(self->is_known, 0, sizeof self->is_known);
}

void vd_over_open(vd_over_t *self, vd_bytes_t snapshot)
{
    vd_value_t key;
    assert(self != NULL);
    self->work = VD_EXPRESSION_WORK_MAX;
    self->pair_count = 0;
    if (!vd_value_of(snapshot, &self->snapshot))
        self->snapshot = null;
    self->state = value_under(&self->snapshot, vd_str("state"));
    vd_bytes_t rest = self->state.bytes;
    if (self->state.kind != VD_KIND_MAP || self->state.count > VD_OVER_PAIRS_MAX)
        return;
    while (self->pair_count < self->state.count && vd_value_next(&rest, &key) &&
           vd_value_next(&rest, &self->values[self->pair_count]))
        self->keys[self->pair_count++] =
            key.kind == VD_KIND_STR ? key.bytes : vd_bytes(NULL, SIZE_MAX);
}

vd_status_t vd_expression_evaluate_item(const vd_expression_t *self, vd_over_t *over,
                                        const vd_value_t *item, vd_value_t *result)
{
    assert(self != NULL && over != NULL && result != NULL);
    assert(self->root > 0 && self->root <= self->count);
    look_t look;
    look_at(&look, self, over);
    *result = evaluate(&look, self->root, item != NULL ? item : &null);
    over->work = look.spent ? 0 : look.work;
    if (!look.spent)
        return VD_OK;
    *result = null;
    return VD_TOO_LARGE;
}

vd_status_t vd_expression_evaluate(const vd_expression_t *self, vd_bytes_t snapshot,
                                   vd_value_t *result)
{
    vd_over_t over;
    vd_over_open(&over, snapshot);
    return vd_expression_evaluate_item(self, &over, NULL, result);
}

bool vd_expression_next_path(const vd_expression_t *self, vd_bytes_t snapshot, uint16_t *at,
                             vd_str_t *path, vd_value_t *value)
{
    assert(self != NULL && at != NULL && path != NULL && value != NULL);
    look_t look;
    vd_over_t over;
    vd_over_open(&over, snapshot);
    for (uint16_t i = *at > 0 ? *at : 1; i <= self->count; i++) {
        uint8_t kind = self->parts[i].kind;
        if (kind != VD_PART_STATE && kind != VD_PART_SNAPSHOT)
            continue;
        look_at(&look, self, &over);
        *value = path_value(&look, i);
        *path = vd_bytes(self->source + self->parts[i].at, self->parts[i].size);
        *at = (uint16_t)(i + 1);
        return true;
    }
    return false;
}
