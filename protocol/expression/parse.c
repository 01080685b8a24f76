/* parse.c: reads an expression into its parts, from the left, one token ahead. */
#include "expression/parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum token {
    TOKEN_END = 0,
    TOKEN_NUMBER,
    TOKEN_TEXT,
    TOKEN_NAME,
    TOKEN_SIGN, /* an operator or a bracket: the bytes themselves say which */
} token_t;

typedef struct parser {
    vd_expression_t *out;
    vd_expression_error_t *error;
    size_t at;                    /* behind the token at hand */
    token_t token;                /* at hand */
    size_t start, size;           /* where it stands */
    vd_expression_part_t literal; /* of a NUMBER or a TEXT */
    unsigned depth;
    unsigned items; /* conditions around us, in which `item` has a meaning */
    bool failed;
} parser_t;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && is_digit(c));
}

static char char_at(const parser_t *self, size_t at)
{
    return at < self->out->source_size ? self->out->source[at] : 0;
}

/* How many bytes of the character at `at` there are: those that continue it belong to it. */
static size_t char_size(const parser_t *self, size_t at)
{
    size_t size = 1;
    while (at + size < self->out->source_size &&
           ((uint8_t)self->out->source[at + size] & 0xc0) == 0x80)
        size++;
    return size;
}

/* Keeps the first error. Nothing is read any more. */
static void fail_at(parser_t *self, size_t at, size_t size, const char *expected)
{
    enum { FOUND_MAX = 24 };
    if (self->failed)
        return;
    self->failed = true;
    self->token = TOKEN_END;
    size_t column = 1;
    for (size_t i = 0; i < at; i++)
        column += ((uint8_t)self->out->source[i] & 0xc0) != 0x80;
    self->error->column = column;
    snprintf(self->error->expected, sizeof self->error->expected, "%s", expected);
    size_t shown = 0;
    while (shown < size && shown < FOUND_MAX)
        shown += char_size(self, at + shown);
    snprintf(self->error->text, sizeof self->error->text, "column %zu: expected %s, found %.*s",
             column, expected, size > 0 ? (int)shown : 7,
             size > 0 ? self->out->source + at : "the end");
}

static void fail(parser_t *self, const char *expected)
{
    fail_at(self, self->start, self->size, expected);
}

/* ---- tokens ---- */

/* A float's digits without its point, so that no locale has a say: 1.25e3 is read as 125e1. */
static double read_float(const char *text, size_t size)
{
    char digits[VD_EXPRESSION_BYTES_MAX + 32];
    size_t count = 0, at = 0;
    long exponent = 0;
    bool point = false;
    for (; at < size && text[at] != 'e' && text[at] != 'E'; at++) {
        if (text[at] == '.')
            point = true;
        else
            digits[count++] = text[at];
        exponent -= point && text[at] != '.';
    }
    if (at < size) {
        long written = strtol(text + at + 1, NULL, 10); /* at its ends when it is out of range */
        exponent += written > 1000000 ? 1000000 : written < -1000000 ? -1000000 : written;
    }
    snprintf(digits + count, sizeof digits - count, "e%ld", exponent);
    return strtod(digits, NULL);
}

static void read_number(parser_t *self)
{
    const char *text = self->out->source + self->start;
    size_t at = self->start + (char_at(self, self->start) == '-');
    bool negative = at > self->start, whole = true, fits = true;
    uint64_t number = 0;
    for (; is_digit(char_at(self, at)); at++) {
        unsigned digit = (unsigned)(char_at(self, at) - '0');
        fits = fits && number <= (UINT64_MAX - digit) / 10;
        number = fits ? number * 10 + digit : number;
    }
    if (char_at(self, at) == '.' && is_digit(char_at(self, at + 1)))
        for (whole = false, at++; is_digit(char_at(self, at)); at++)
            continue;
    size_t sign = at + 1 + (char_at(self, at + 1) == '-' || char_at(self, at + 1) == '+');
    if ((char_at(self, at) == 'e' || char_at(self, at) == 'E') && is_digit(char_at(self, sign)))
        for (whole = false, at = sign; is_digit(char_at(self, at)); at++)
            continue;
    self->size = at - self->start;
    self->token = TOKEN_NUMBER;
    self->literal = (vd_expression_part_t){.kind = VD_PART_U64, .u64 = number};
    if (!whole) {
        self->literal.kind = VD_PART_F64;
        self->literal.f64 = read_float(text, self->size);
        fits = self->literal.f64 - self->literal.f64 == 0; /* finite */
    } else if (negative && number > 0) {
        fits = fits && number <= (uint64_t)INT64_MAX + 1;
        self->literal.kind = VD_PART_I64;
        self->literal.i64 = fits ? -(int64_t)(number - 1) - 1 : 0;
    }
    if (!fits)
        fail(self, "a number of 64 bits");
}

/* Adds bytes to the texts: never more than the source has. */
static void add_text(vd_expression_t *out, const char *text, size_t size)
{
    assert(out->texts_size + size < sizeof out->texts);
    memcpy(out->texts + out->texts_size, text, size);
    out->texts_size = (uint16_t)(out->texts_size + size);
}

static void read_text(parser_t *self)
{
    static const char escapes[] = "\\\\\"\"''n\nr\rt\t"; /* as written, as meant */
    vd_expression_t *out = self->out;
    char quote = char_at(self, self->start);
    size_t at = self->start + 1;
    self->token = TOKEN_TEXT;
    self->literal = (vd_expression_part_t){.kind = VD_PART_TEXT, .text.at = out->texts_size};
    for (; at < out->source_size && out->source[at] != quote; at++) {
        const char *meant = NULL;
        if (out->source[at] != '\\') {
            add_text(out, &out->source[at], 1);
            continue;
        }
        for (size_t i = 0; escapes[i] != 0 && at + 1 < out->source_size; i += 2)
            if (escapes[i] == out->source[at + 1])
                meant = &escapes[i + 1];
        if (meant == NULL) {
            fail_at(self, at, at + 1 < out->source_size ? 1 + char_size(self, at + 1) : 1,
                    "one of \\\\ \\\" \\' \\n \\r \\t");
            return;
        }
        add_text(out, meant, 1);
        at++;
    }
    self->literal.text.size = (uint16_t)(out->texts_size - self->literal.text.at);
    self->size = at + 1 - self->start;
    if (at == out->source_size) {
        self->size = at - self->start;
        fail(self, "a closing quote");
    }
}

static bool is_two(const char *pair, char a, char b)
{
    return pair[0] == a && pair[1] == b;
}

static void read_sign(parser_t *self)
{
    static const char doubles[][3] = {"==", "!=", "<=", ">=", "&&", "||"};
    char a = char_at(self, self->start), b = char_at(self, self->start + 1);
    self->token = TOKEN_SIGN;
    self->size = char_size(self, self->start);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        if (is_two(doubles[i], a, b))
            self->size = 2;
    if (self->size == 1 && (a == '=' || a == '&' || a == '|'))
        fail(self, a == '=' ? "==" : a == '&' ? "&&" : "||");
}

/* Takes the next token to hand. */
static void advance(parser_t *self)
{
    if (self->failed)
        return;
    while (self->at < self->out->source_size && memchr(" \t\r\n", char_at(self, self->at), 4))
        self->at++;
    self->start = self->at;
    self->size = 0;
    char c = char_at(self, self->at);
    if (self->at == self->out->source_size) {
        self->token = TOKEN_END;
    } else if (is_digit(c) || (c == '-' && is_digit(char_at(self, self->at + 1)))) {
        read_number(self);
    } else if (c == '"' || c == '\'') {
        read_text(self);
    } else if (is_name_char(c, true)) {
        self->token = TOKEN_NAME;
        while (is_name_char(char_at(self, self->at + self->size), false))
            self->size++;
    } else {
        read_sign(self);
    }
    self->at = self->start + self->size;
}

static bool is_at(const parser_t *self, token_t token, const char *text)
{
    return !self->failed && self->token == token &&
           vd_str_is(vd_bytes(self->out->source + self->start, self->size), text);
}

static bool take(parser_t *self, token_t token, const char *text)
{
    if (!is_at(self, token, text))
        return false;
    advance(self);
    return true;
}

static void want(parser_t *self, const char *sign)
{
    if (!take(self, TOKEN_SIGN, sign))
        fail(self, sign);
}

/* ---- parts ---- */

/* A new part, at the token at hand. 0 when it failed. */
static uint16_t add_part(parser_t *self, vd_expression_part_t part)
{
    char expected[64];
    if (self->failed)
        return 0;
    if (self->out->count == VD_EXPRESSION_PARTS_MAX) {
        snprintf(expected, sizeof expected, "at most %d parts", VD_EXPRESSION_PARTS_MAX);
        fail(self, expected);
        return 0;
    }
    part.at = (uint16_t)self->start;
    part.size = (uint16_t)self->size;
    self->out->parts[++self->out->count] = part;
    return self->out->count;
}

/* Goes a level deeper, at the token at hand. Is left by depth--. */
static void enter(parser_t *self)
{
    char expected[64];
    snprintf(expected, sizeof expected, "at most %d levels", VD_EXPRESSION_DEPTH_MAX);
    if (++self->depth > VD_EXPRESSION_DEPTH_MAX)
        fail(self, expected);
}

static uint16_t read_or(parser_t *self);

/* The step at hand, a name or the inside of brackets, behind the step or path `last`. */
static uint16_t read_step(parser_t *self, vd_expression_part_t step, uint16_t *last, bool first)
{
    uint16_t at = add_part(self, step);
    if (at == 0)
        return 0;
    if (first)
        self->out->parts[*last].first = at;
    else
        self->out->parts[*last].next = at;
    *last = at;
    return at;
}

static vd_expression_part_t key_at_hand(parser_t *self)
{
    vd_expression_part_t key = {.kind = VD_PART_KEY, .text.at = self->out->texts_size};
    add_text(self->out, self->out->source + self->start, self->size);
    key.text.size = (uint16_t)self->size;
    return key;
}

static void read_bracket(parser_t *self, uint16_t *last, bool first)
{
    vd_expression_part_t step = self->literal;
    if (!self->failed && self->token == TOKEN_NUMBER && step.kind == VD_PART_U64) {
        step.kind = VD_PART_INDEX;
    } else if (!self->failed && self->token == TOKEN_TEXT) {
        step.kind = VD_PART_KEY;
    } else {
        fail(self, "an index or a key in quotes");
        return;
    }
    read_step(self, step, last, first);
    advance(self);
    want(self, "]");
}

/* The steps of `path`, as far as they go; `last` is the last one there is, or the path itself. */
static uint16_t read_steps(parser_t *self, uint16_t path, uint16_t last)
{
    bool first = path == last;
    while (!self->failed) {
        if (take(self, TOKEN_SIGN, ".")) {
            if (self->token != TOKEN_NAME) {
                fail(self, "a name");
                break;
            }
            read_step(self, key_at_hand(self), &last, first);
            advance(self);
        } else if (take(self, TOKEN_SIGN, "[")) {
            read_bracket(self, &last, first);
        } else {
            break;
        }
        first = false;
    }
    if (self->failed)
        return 0;
    vd_expression_part_t *part = &self->out->parts[path];
    size_t end = self->start;
    while (end > part->at && memchr(" \t\r\n", self->out->source[end - 1], 4))
        end--;
    part->size = (uint16_t)(end - part->at);
    return path;
}

static const struct {
    const char *name;
    uint8_t kind;
    uint8_t operands;
    bool condition; /* the second one is about an item */
} functions[] = {
    {"any", VD_PART_ANY, 2, true},          {"all", VD_PART_ALL, 2, true},
    {"count", VD_PART_COUNT, 2, true},      {"length", VD_PART_LENGTH, 1, false},
    {"matches", VD_PART_MATCHES, 2, false},
};

/* A function whose name is `name`; the bracket is at hand. */
static uint16_t read_call(parser_t *self, vd_str_t name, size_t start)
{
    size_t i = 0, count = sizeof functions / sizeof *functions;
    while (i < count && !vd_str_is(name, functions[i].name))
        i++;
    if (i == count) {
        fail_at(self, start, name.size, "any, all, count, length or matches");
        return 0;
    }
    enter(self);
    uint16_t at = add_part(self, (vd_expression_part_t){.kind = functions[i].kind});
    advance(self);
    uint16_t first = read_or(self), second = 0;
    if (functions[i].operands == 2) {
        want(self, ",");
        self->items += functions[i].condition;
        second = read_or(self);
        self->items -= functions[i].condition;
    }
    want(self, ")");
    self->depth--;
    if (self->failed)
        return 0;
    self->out->parts[at].first = first;
    self->out->parts[at].second = second;
    return at;
}

/* A name that begins an operand: a word of the language, a function, or a path. */
static uint16_t read_name(parser_t *self)
{
    vd_str_t name = vd_bytes(self->out->source + self->start, self->size);
    vd_expression_part_t part = {.kind = VD_PART_STATE};
    size_t start = self->start;
    if (vd_str_is(name, "null"))
        part.kind = VD_PART_NULL;
    else if (vd_str_is(name, "true") || vd_str_is(name, "false"))
        part = (vd_expression_part_t){.kind = VD_PART_BOOL, .boolean = vd_str_is(name, "true")};
    else if (vd_str_is(name, "item"))
        part.kind = VD_PART_ITEM;
    else if (vd_str_is(name, "and") || vd_str_is(name, "or") || vd_str_is(name, "in"))
        fail(self, "a value");
    if (part.kind == VD_PART_ITEM && self->items == 0)
        fail(self, "item only inside of any, all or count");
    if (part.kind != VD_PART_STATE) {
        uint16_t at = add_part(self, part);
        advance(self);
        return part.kind == VD_PART_ITEM ? read_steps(self, at, at) : at;
    }
    size_t size = self->size;
    advance(self);
    if (is_at(self, TOKEN_SIGN, "("))
        return read_call(self, name, start);
    size_t behind = self->start, behind_size = self->size;
    self->start = start;
    self->size = size;
    uint16_t at = add_part(self, part), last = at;
    read_step(self, key_at_hand(self), &last, true);
    self->start = behind;
    self->size = behind_size;
    return read_steps(self, at, last);
}

/* The list at hand, "[" taken. */
static uint16_t read_list(parser_t *self)
{
    enter(self);
    uint16_t list = add_part(self, (vd_expression_part_t){.kind = VD_PART_LIST}), last = 0;
    advance(self);
    while (!self->failed && !is_at(self, TOKEN_SIGN, "]")) {
        if (last != 0)
            want(self, ",");
        uint16_t element = read_or(self);
        if (self->failed)
            break;
        /* An element may have a next of its own only as a step, which it is not. */
        if (last == 0)
            self->out->parts[list].first = element;
        else
            self->out->parts[last].next = element;
        last = element;
    }
    want(self, "]");
    self->depth--;
    return self->failed ? 0 : list;
}

static uint16_t read_operand(parser_t *self)
{
    if (self->failed)
        return 0;
    if (self->token == TOKEN_NUMBER || self->token == TOKEN_TEXT) {
        uint16_t at = add_part(self, self->literal);
        advance(self);
        return at;
    }
    if (self->token == TOKEN_NAME)
        return read_name(self);
    if (is_at(self, TOKEN_SIGN, "$")) {
        uint16_t at = add_part(self, (vd_expression_part_t){.kind = VD_PART_SNAPSHOT});
        advance(self);
        return read_steps(self, at, at);
    }
    if (is_at(self, TOKEN_SIGN, "(")) {
        enter(self);
        advance(self);
        uint16_t at = read_or(self);
        want(self, ")");
        self->depth--;
        return at;
    }
    fail(self, "a value");
    return 0;
}

static uint16_t add_operation(parser_t *self, uint8_t kind, uint16_t first, uint16_t second)
{
    return add_part(self, (vd_expression_part_t){.kind = kind, .first = first, .second = second});
}

static uint16_t read_comparison(parser_t *self)
{
    static const struct {
        const char *sign;
        uint8_t kind;
    } signs[] = {{"==", VD_PART_EQUAL},  {"!=", VD_PART_UNEQUAL},
                 {"<", VD_PART_LESS},    {"<=", VD_PART_LESS_EQUAL},
                 {">", VD_PART_GREATER}, {">=", VD_PART_GREATER_EQUAL}};
    uint16_t first = read_operand(self);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (take(self, TOKEN_SIGN, signs[i].sign))
            return add_operation(self, signs[i].kind, first, read_operand(self));
    if (!take(self, TOKEN_NAME, "in"))
        return first;
    uint16_t second = is_at(self, TOKEN_SIGN, "[") ? read_list(self) : read_operand(self);
    return add_operation(self, VD_PART_IN, first, second);
}

static uint16_t read_not(parser_t *self)
{
    if (!is_at(self, TOKEN_SIGN, "!") && !is_at(self, TOKEN_NAME, "not"))
        return read_comparison(self);
    enter(self);
    advance(self);
    uint16_t first = read_not(self);
    self->depth--;
    return add_operation(self, VD_PART_NOT, first, 0);
}

static uint16_t read_and(parser_t *self)
{
    uint16_t first = read_not(self);
    while (take(self, TOKEN_SIGN, "&&") || take(self, TOKEN_NAME, "and"))
        first = add_operation(self, VD_PART_AND, first, read_not(self));
    return first;
}

static uint16_t read_or(parser_t *self)
{
    uint16_t first = read_and(self);
    while (take(self, TOKEN_SIGN, "||") || take(self, TOKEN_NAME, "or"))
        first = add_operation(self, VD_PART_OR, first, read_and(self));
    return first;
}

static vd_status_t parse(vd_expression_t *self, vd_str_t text, unsigned items,
                         vd_expression_error_t *error)
{
    assert(self != NULL && error != NULL);
    parser_t parser = {.out = self, .error = error, .items = items};
    *error = (vd_expression_error_t){0};
    self->source_size = self->texts_size = self->root = self->count = 0;
    if (text.size > VD_EXPRESSION_BYTES_MAX) {
        char expected[64];
        snprintf(expected, sizeof expected, "at most %d bytes", VD_EXPRESSION_BYTES_MAX);
        fail_at(&parser, 0, 0, expected);
        snprintf(error->text, sizeof error->text, "the expression has %zu bytes: expected %s",
                 text.size, expected);
        return VD_USAGE;
    }
    if (text.size > 0)
        memcpy(self->source, text.data, text.size);
    self->source[text.size] = 0;
    self->source_size = (uint16_t)text.size;
    advance(&parser);
    self->root = read_or(&parser);
    if (!parser.failed && parser.token != TOKEN_END)
        fail(&parser, "an operator or the end");
    assert(parser.failed || (self->root > 0 && parser.depth == 0 && parser.items == items));
    return parser.failed ? VD_USAGE : VD_OK;
}

vd_status_t vd_expression_parse(vd_expression_t *self, vd_str_t text, vd_expression_error_t *error)
{
    return parse(self, text, 0, error);
}

vd_status_t vd_expression_parse_item(vd_expression_t *self, vd_str_t text,
                                     vd_expression_error_t *error)
{
    return parse(self, text, 1, error);
}
