/* json_read.c: a line of JSON as an event. */
#include "wire/json_read.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NUMBER_CHARS_MAX = 1100, /* the longest double, written out */
    BIN_CHARS_MIN = 64,      /* of base64 text that is worth being bin */
};

typedef struct reader {
    const uint8_t *begin, *at, *end;
    vd_buffer_t *out;
    vd_buffer_t text; /* the last string that was read */
    bool tight;
    vd_status_t status;
    char *error;
    size_t error_size;
} reader_t;

__attribute__((format(printf, 3, 4))) static bool fail(reader_t *self, vd_status_t status,
                                                       const char *format, ...)
{
    if (self->status != VD_OK)
        return false;
    self->status = status;
    int used = snprintf(self->error, self->error_size,
                        "column %zu: ", (size_t)(self->at - self->begin) + 1);
    va_list args;
    va_start(args, format);
    if (used > 0 && (size_t)used < self->error_size)
        vsnprintf(self->error + used, self->error_size - (size_t)used, format, args);
    va_end(args);
    return false;
}

static void skip_blanks(reader_t *self)
{
    while (self->at < self->end &&
           (*self->at == ' ' || *self->at == '\t' || *self->at == '\r' || *self->at == '\n'))
        self->at++;
}

static bool take(reader_t *self, char wanted)
{
    skip_blanks(self);
    if (self->at == self->end || *self->at != (uint8_t)wanted)
        return false;
    self->at++;
    return true;
}

static bool expect(reader_t *self, char wanted)
{
    if (take(self, wanted))
        return true;
    return fail(self, VD_MALFORMED,
                self->at == self->end ? "'%c' is missing, the line ends here" : "'%c' is missing",
                wanted);
}

/* ---- strings ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_unit(reader_t *self, uint32_t *unit)
{
    *unit = 0;
    if (self->end - self->at < 4)
        return fail(self, VD_MALFORMED, "\\u needs four digits");
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(self->at[i]);
        if (digit < 0)
            return fail(self, VD_MALFORMED, "\\u needs four digits");
        *unit = *unit << 4 | (uint32_t)digit;
    }
    self->at += 4;
    return true;
}

static void add_utf8(vd_buffer_t *out, uint32_t point)
{
    uint8_t bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, point >>= 6)
        bytes[i] = (uint8_t)(0x80 | (point & 0x3f));
    bytes[0] = (uint8_t)(leads[size] | point);
    vd_buffer_add(out, bytes, size);
}

static bool take_point(reader_t *self)
{
    uint32_t point, low;
    if (!take_unit(self, &point))
        return false;
    if (point >= 0xd800 && point < 0xdc00) {
        if (self->end - self->at < 2 || self->at[0] != '\\' || self->at[1] != 'u')
            return fail(self, VD_MALFORMED, "half of a pair of \\u");
        self->at += 2;
        if (!take_unit(self, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(self, VD_MALFORMED, "half of a pair of \\u");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point <= 0xdfff) {
        return fail(self, VD_MALFORMED, "half of a pair of \\u");
    }
    add_utf8(&self->text, point);
    return true;
}

static bool take_escape(reader_t *self)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (self->at == self->end)
        return fail(self, VD_MALFORMED, "the line ends inside a string");
    uint8_t c = *self->at++;
    if (c == 'u')
        return take_point(self);
    const char *found = c != 0 ? strchr(from, c) : NULL;
    if (found == NULL)
        return fail(self, VD_MALFORMED, "no escape begins like this");
    return vd_buffer_add(&self->text, &to[found - from], 1);
}

/* Takes a sequence of UTF-8 beyond ASCII. */
static bool take_wide(reader_t *self)
{
    vd_bytes_t rest = vd_bytes(self->at, (size_t)(self->end - self->at));
    size_t size = vd_utf8_size(rest);
    if (size == 0)
        return fail(self, VD_MALFORMED, "a byte that is not UTF-8");
    bool replaced = size == 3 && memcmp(self->at, "\xef\xbf\xbd", 3) == 0;
    if (self->tight && replaced)
        vd_buffer_add(&self->text, "\xff", 1);
    else
        vd_buffer_add(&self->text, self->at, size);
    self->at += size;
    return true;
}

/* Reads a string into self->text. */
static bool read_text(reader_t *self)
{
    vd_buffer_clear(&self->text);
    if (!expect(self, '"'))
        return false;
    for (;;) {
        const uint8_t *plain = self->at;
        while (self->at < self->end && *self->at >= 0x20 && *self->at < 0x80 && *self->at != '"' &&
               *self->at != '\\')
            self->at++;
        vd_buffer_add(&self->text, plain, (size_t)(self->at - plain));
        if (self->at == self->end)
            return fail(self, VD_MALFORMED, "the line ends inside a string");
        if (*self->at == '"')
            break;
        if (*self->at < 0x20)
            return fail(self, VD_MALFORMED, "a control character inside a string");
        bool taken = *self->at == '\\' ? (self->at++, take_escape(self)) : take_wide(self);
        if (!taken && self->status != VD_OK)
            return false;
    }
    self->at++;
    return !self->text.full || fail(self, VD_NO_MEMORY, "no memory for a string");
}

/* ---- base64 ---- */

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes text in place into its front, if it is base64 as it would be written. */
static bool decode_base64(uint8_t *text, size_t size, size_t *decoded)
{
    size_t pads = 0, to = 0;
    *decoded = 0;
    if (size % 4 != 0)
        return false;
    while (pads < 2 && pads < size && text[size - 1 - pads] == '=')
        pads++;
    for (size_t i = 0; i < size - pads; i++)
        if (base64_digit(text[i]) < 0)
            return false;
    /* The bits that the padding cuts off have to be zero, else it would be written otherwise. */
    unsigned cut = pads == 1 ? 0x3 : pads == 2 ? 0xf : 0;
    if (pads > 0 && ((unsigned)base64_digit(text[size - pads - 1]) & cut) != 0)
        return false;
    for (size_t i = 0; i < size; i += 4) {
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++)
            group = group << 6 | (text[i + k] != '=' ? (uint32_t)base64_digit(text[i + k]) : 0);
        text[to++] = (uint8_t)(group >> 16);
        text[to++] = (uint8_t)(group >> 8);
        text[to++] = (uint8_t)group;
    }
    *decoded = to - pads;
    return true;
}

/* ---- values ---- */

static bool read_value(reader_t *self, unsigned depth);

static bool read_string(reader_t *self)
{
    size_t size;
    if (!read_text(self))
        return false;
    if (self->tight && self->text.size >= BIN_CHARS_MIN &&
        decode_base64(self->text.data, self->text.size, &size))
        vd_write_bin(self->out, vd_bytes(self->text.data, size));
    else
        vd_write_str(self->out, vd_buffer_view(&self->text));
    return true;
}

static void write_double(reader_t *self, double number)
{
    float single = (float)number;
    if (!self->tight || (double)single != number) {
        vd_write_f64(self->out, number);
        return;
    }
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    uint8_t bytes[5] = {0xca, (uint8_t)(bits >> 24), (uint8_t)(bits >> 16), (uint8_t)(bits >> 8),
                        (uint8_t)bits};
    vd_buffer_add(self->out, bytes, sizeof bytes);
}

/* Is this how JSON writes numbers? Tells whether it is whole. */
static bool is_number(const char *text, bool *whole)
{
    const char *at = text + (text[0] == '-');
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || (digits > 1 && at[0] == '0'))
        return false;
    at += digits;
    *whole = *at == 0;
    if (*at == '.') {
        digits = strspn(++at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        digits = strspn(at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    return *at == 0;
}

/* A whole number of 64 bits. */
static bool write_whole(reader_t *self, const char *text)
{
    bool negative = text[0] == '-';
    uint64_t number = 0, most = negative ? UINT64_C(1) << 63 : UINT64_MAX;
    for (const char *c = text + negative; *c != 0; c++) {
        unsigned digit = (unsigned)(*c - '0');
        if (number > (most - digit) / 10)
            return fail(self, VD_MALFORMED, "%s is beyond 64 bits", text);
        number = number * 10 + digit;
    }
    if (negative && number > 0)
        vd_write_i64(self->out, (int64_t)(0 - number));
    else
        vd_write_u64(self->out, number);
    return true;
}

static bool read_number(reader_t *self)
{
    char text[NUMBER_CHARS_MAX + 1];
    size_t size = 0;
    bool whole = false;
    const uint8_t *c = self->at;
    while (c < self->end && size < NUMBER_CHARS_MAX && *c != 0 && strchr("0123456789+-.eE", *c))
        text[size++] = (char)*c++;
    text[size] = 0;
    if (!is_number(text, &whole))
        return fail(self, VD_MALFORMED, "no value begins like this");
    if (whole && !write_whole(self, text))
        return false;
    if (!whole) {
        double number = strtod(text, NULL);
        if (!isfinite(number))
            return fail(self, VD_MALFORMED, "%s is beyond the doubles", text);
        write_double(self, number);
    }
    self->at = c;
    return true;
}

static bool read_word(reader_t *self)
{
    static const struct {
        const char *word;
        uint8_t byte;
    } words[] = {{"null", 0xc0}, {"false", 0xc2}, {"true", 0xc3}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i].word);
        if ((size_t)(self->end - self->at) < size || memcmp(self->at, words[i].word, size) != 0)
            continue;
        self->at += size;
        vd_buffer_add(self->out, &words[i].byte, 1);
        return true;
    }
    return fail(self, VD_MALFORMED, "no value begins like this");
}

/* Puts the head of an array or map before what was written from `before` on. */
static bool put_head(reader_t *self, size_t before, uint32_t count, bool map)
{
    uint8_t bytes[8];
    vd_buffer_t head = {.data = bytes, .room = sizeof bytes, .cap = sizeof bytes};
    if (map)
        vd_write_map(&head, count);
    else
        vd_write_array(&head, count);
    assert(head.data == bytes && head.size > 0 && !head.full);
    size_t size = self->out->size - before;
    if (vd_buffer_reserve(self->out, head.size) == NULL)
        return false;
    memmove(self->out->data + before + head.size, self->out->data + before, size);
    memcpy(self->out->data + before, bytes, head.size);
    self->out->size += head.size;
    return true;
}

/* A map {"ext":type,"base64":text} that was written from `before` on becomes the ext it came
 * from. */
static void put_ext(reader_t *self, size_t before)
{
    vd_value_t map, key, type, name, text;
    vd_bytes_t written = vd_bytes(self->out->data + before, self->out->size - before);
    if (!vd_value_of(written, &map) || map.kind != VD_KIND_MAP || map.count != 2)
        return;
    vd_bytes_t rest = map.bytes;
    if (!vd_value_next(&rest, &key) || !vd_value_next(&rest, &type) ||
        !vd_value_next(&rest, &name) || !vd_value_next(&rest, &text))
        return;
    bool form = key.kind == VD_KIND_STR && vd_str_is(key.bytes, "ext") &&
                name.kind == VD_KIND_STR && vd_str_is(name.bytes, "base64");
    bool number = type.kind == VD_KIND_U64 || type.kind == VD_KIND_I64;
    int64_t code = number ? vd_value_i64(&type, INT64_MAX) : INT64_MAX;
    size_t size = text.bytes.size;
    bool decoded = text.kind == VD_KIND_BIN; /* tight: it is bytes already */
    if (!form || code < INT8_MIN || code > INT8_MAX || (!decoded && text.kind != VD_KIND_STR))
        return;
    vd_buffer_clear(&self->text);
    vd_buffer_add(&self->text, text.bytes.data, size);
    if (self->text.full || (!decoded && !decode_base64(self->text.data, size, &size)))
        return;
    uint8_t head[6] = {
        0xc9,          (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
        (uint8_t)size, (uint8_t)code};
    vd_buffer_cut(self->out, before);
    vd_buffer_add(self->out, head, sizeof head);
    vd_buffer_add(self->out, self->text.data, size);
}

static bool read_array(reader_t *self, unsigned depth)
{
    size_t before = self->out->size;
    uint32_t count = 0;
    self->at++;
    if (!take(self, ']'))
        do {
            if (!read_value(self, depth + 1))
                return false;
            count++;
        } while (take(self, ','));
    bool ends = count == 0 || expect(self, ']');
    return ends && put_head(self, before, count, false);
}

static bool read_map(reader_t *self, unsigned depth)
{
    size_t before = self->out->size;
    uint32_t count = 0;
    self->at++;
    if (!take(self, '}'))
        do {
            if (!read_text(self))
                return false;
            vd_write_str(self->out, vd_buffer_view(&self->text));
            if (!expect(self, ':') || !read_value(self, depth + 1))
                return false;
            count++;
        } while (take(self, ','));
    if ((count > 0 && !expect(self, '}')) || !put_head(self, before, count, true))
        return false;
    if (count == 2)
        put_ext(self, before);
    return true;
}

static bool read_value(reader_t *self, unsigned depth)
{
    skip_blanks(self);
    /* An ext shows as a map: what is stored is measured in the end. */
    if (depth > VD_DEPTH_MAX + 2)
        return fail(self, VD_TOO_DEEP, "nested deeper than %d", VD_DEPTH_MAX);
    if (self->out->full)
        return false;
    if (self->at == self->end)
        return fail(self, VD_MALFORMED, "a value is missing, the line ends here");
    switch (*self->at) {
    case '{':
        return read_map(self, depth);
    case '[':
        return read_array(self, depth);
    case '"':
        return read_string(self);
    case 't':
    case 'f':
    case 'n':
        return read_word(self);
    default:
        return read_number(self);
    }
}

/* ---- the event ---- */

typedef struct event_line {
    char *session;
    uint64_t *seq;
    unsigned seen; /* bits, in the order of `names` */
    uint32_t count;
} event_line_t;

enum { TS = 1, TYPE = 2, DATA = 4, SESSION = 8, SEQ = 16, CAUSE = 32, AUX = 64 };

static const char *const names[] = {"ts", "type", "data", "session", "seq"};

/* Checks the value under one of the names that every event has, and takes what is not stored. */
static bool check_member(reader_t *self, event_line_t *line, unsigned bit, size_t before)
{
    vd_value_t value;
    int64_t wall_ms;
    if (!vd_value_of(vd_bytes(self->out->data + before, self->out->size - before), &value))
        return fail(self, VD_BAD_EVENT, "no value that can be read");
    bool text = value.kind == VD_KIND_STR;
    if (bit == TS && (!text || !vd_ts_parse(value.bytes, &wall_ms)))
        return fail(self, VD_BAD_EVENT, "ts has to be YYYY-MM-DDTHH:MM:SS.mmmZ");
    if (bit == TYPE && (!text || !vd_type_valid(value.bytes)))
        return fail(self, VD_BAD_EVENT, "type has to be 1 to %d of a-z A-Z 0-9 _ . -",
                    VD_NAME_BYTES_MAX);
    if (bit == SESSION) {
        if (!text || !vd_name_valid(value.bytes))
            return fail(self, VD_BAD_EVENT, "session has to be a session id");
        vd_str_copy(line->session, VD_NAME_BYTES_MAX + 1, value.bytes);
    }
    if (bit == SEQ) {
        *line->seq = value.kind == VD_KIND_U64 ? value.u64 : 0;
        if (*line->seq == 0)
            return fail(self, VD_BAD_EVENT, "seq has to be a number from 1");
    }
    return true;
}

/* The bytes of a producer's own are bin, whatever their size; an event has them once. */
static bool read_aux(reader_t *self, event_line_t *line, size_t value_at)
{
    vd_value_t value;
    size_t size;
    if (!vd_value_of(vd_bytes(self->out->data + value_at, self->out->size - value_at), &value) ||
        value.kind != VD_KIND_STR)
        return true;
    vd_buffer_clear(&self->text);
    if (!vd_buffer_add(&self->text, value.bytes.data, value.bytes.size))
        return fail(self, VD_NO_MEMORY, "no memory for aux");
    if (decode_base64(self->text.data, self->text.size, &size)) {
        vd_buffer_cut(self->out, value_at);
        vd_write_bin(self->out, vd_bytes(self->text.data, size));
        if ((line->seen & AUX) != 0)
            return fail(self, VD_BAD_EVENT, "this field stands there twice");
        line->seen |= AUX;
    }
    return true;
}

static bool read_member(reader_t *self, event_line_t *line)
{
    size_t before = self->out->size;
    unsigned bit = 0;
    if (!read_text(self))
        return false;
    bool aux = vd_str_is(vd_buffer_view(&self->text), "aux");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (vd_str_is(vd_buffer_view(&self->text), names[i]))
            bit = 1u << i;
    if (vd_str_is(vd_buffer_view(&self->text), "cause"))
        bit = CAUSE;
    if ((line->seen & bit) != 0)
        return fail(self, VD_BAD_EVENT, "this field stands there twice");
    line->seen |= bit;
    vd_write_str(self->out, vd_buffer_view(&self->text));
    size_t value_at = self->out->size;
    if (!expect(self, ':') || !read_value(self, 2) || self->out->full)
        return false;
    if (aux && !read_aux(self, line, value_at))
        return false;
    if (bit != 0 && bit != DATA && !check_member(self, line, bit, value_at))
        return false;
    if (bit == SESSION || bit == SEQ)
        vd_buffer_cut(self->out, before);
    else
        line->count++;
    return true;
}

static bool read_event(reader_t *self, event_line_t *line)
{
    size_t before = self->out->size;
    if (!expect(self, '{'))
        return false;
    if (!take(self, '}'))
        do {
            if (!read_member(self, line))
                return false;
        } while (take(self, ','));
    if (line->count > 0 && !expect(self, '}'))
        return false;
    skip_blanks(self);
    if (self->at < self->end)
        return fail(self, VD_MALFORMED, "something stands behind the event");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if ((line->seen & 1u << i) == 0)
            return fail(self, VD_BAD_EVENT, "%s is missing", names[i]);
    return put_head(self, before, line->count, true);
}

vd_status_t vd_event_of_json(vd_str_t line, vd_buffer_t *out, char session[VD_NAME_BYTES_MAX + 1],
                             uint64_t *seq, char *error, size_t error_size)
{
    assert(out != NULL && session != NULL && seq != NULL && error_size > 0);
    size_t before = out->size;
    vd_status_t status = VD_TOO_LARGE;
    for (int tight = 0; tight < 2 && status == VD_TOO_LARGE; tight++) {
        event_line_t event = {.session = session, .seq = seq};
        reader_t self = {.begin = line.data,
                         .at = line.data,
                         .end = line.data + line.size,
                         .out = out,
                         .tight = tight != 0,
                         .error = error,
                         .error_size = error_size};
        vd_buffer_init(&self.text, VD_EVENT_LINE_MAX);
        error[0] = 0;
        bool whole = read_event(&self, &event);
        vd_buffer_free(&self.text);
        assert(whole || self.status != VD_OK || out->full);
        status = self.status;
        if (status == VD_OK && (!whole || out->size - before > VD_EVENT_BYTES_MAX))
            status = VD_TOO_LARGE;
        if (status == VD_OK)
            status = vd_scan_exact(vd_bytes(out->data + before, out->size - before), VD_DEPTH_MAX);
        if (status != VD_OK)
            vd_buffer_cut(out, before);
    }
    if (status == VD_TOO_LARGE && error[0] == 0)
        snprintf(error, error_size, "an event has at most %d bytes", VD_EVENT_BYTES_MAX);
    else if (status != VD_OK && error[0] == 0)
        snprintf(error, error_size, "%s", vd_status_text(status));
    return status;
}
