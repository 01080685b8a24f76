/* json.c: MessagePack as JSON text, and JSON text as MessagePack. */
#include "wire/limits.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void add_text(vd_buffer_t *out, const char *text)
{
    vd_buffer_add(out, text, strlen(text));
}

/* The length of the UTF-8 sequence at the front, 0 if it is none (overlong forms and surrogates
 * included). */
static size_t utf8_size(vd_bytes_t rest)
{
    const uint8_t *at = rest.data;
    if (at[0] < 0x80)
        return 1;
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || rest.size < size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool outside = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return overlong || outside ? 0 : size;
}

static void add_escaped(vd_buffer_t *out, uint8_t c)
{
    char text[8];
    switch (c) {
    case '"':
        add_text(out, "\\\"");
        break;
    case '\\':
        add_text(out, "\\\\");
        break;
    case '\n':
        add_text(out, "\\n");
        break;
    case '\r':
        add_text(out, "\\r");
        break;
    case '\t':
        add_text(out, "\\t");
        break;
    default:
        snprintf(text, sizeof text, "\\u%04x", c);
        add_text(out, text);
        break;
    }
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
}

static void add_string(vd_buffer_t *out, vd_str_t text)
{
    add_text(out, "\"");
    for (size_t at = 0; at < text.size;) {
        size_t plain = at;
        while (plain < text.size && is_plain(text.data[plain]))
            plain++;
        vd_buffer_add(out, text.data + at, plain - at);
        at = plain;
        if (at == text.size)
            break;
        size_t size = utf8_size(vd_bytes(text.data + at, text.size - at));
        if (size == 0)
            add_text(out, "\xef\xbf\xbd");
        else if (size == 1)
            add_escaped(out, text.data[at]);
        else
            vd_buffer_add(out, text.data + at, size);
        at += size == 0 ? 1 : size;
    }
    add_text(out, "\"");
}

static void add_base64(vd_buffer_t *out, vd_bytes_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    add_text(out, "\"");
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                        digits[group & 63]};
        if (left < 3)
            four[3] = '=';
        if (left < 2)
            four[2] = '=';
        vd_buffer_add(out, four, sizeof four);
    }
    add_text(out, "\"");
}

static void add_float(vd_buffer_t *out, double number)
{
    if (!isfinite(number)) {
        add_text(out, "null");
        return;
    }
    /* The shortest text that reads back as the same number. */
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    add_text(out, text);
}

static void add_key(vd_buffer_t *out, const vd_value_t *key)
{
    if (key->kind == VD_KIND_STR) {
        add_string(out, key->bytes);
        return;
    }
    size_t before = out->size;
    vd_value_json(out, key->raw);
    if (out->full)
        return;
    /* Quote what was written: as a copy, because the text moves. */
    size_t size = out->size - before;
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return;
    memcpy(copy, out->data + before, size);
    vd_buffer_cut(out, before);
    add_string(out, vd_bytes(copy, size));
    free(copy);
}

static void add_container(vd_buffer_t *out, const vd_value_t *value)
{
    bool is_map = value->kind == VD_KIND_MAP;
    vd_bytes_t rest = value->bytes;
    add_text(out, is_map ? "{" : "[");
    for (uint32_t i = 0; i < value->count; i++) {
        vd_value_t item;
        if (i > 0)
            add_text(out, ",");
        if (!vd_value_next(&rest, &item))
            break;
        if (is_map) {
            add_key(out, &item);
            add_text(out, ":");
            if (!vd_value_next(&rest, &item))
                break;
        }
        vd_value_json(out, item.raw);
    }
    add_text(out, is_map ? "}" : "]");
}

void vd_value_json(vd_buffer_t *out, vd_bytes_t bytes)
{
    vd_value_t value;
    char text[64];
    if (!vd_value_next(&bytes, &value)) {
        add_text(out, "null");
        return;
    }
    switch (value.kind) {
    case VD_KIND_NIL:
        add_text(out, "null");
        break;
    case VD_KIND_BOOL:
        add_text(out, value.boolean ? "true" : "false");
        break;
    case VD_KIND_U64:
        snprintf(text, sizeof text, "%" PRIu64, value.u64);
        add_text(out, text);
        break;
    case VD_KIND_I64:
        snprintf(text, sizeof text, "%" PRId64, value.i64);
        add_text(out, text);
        break;
    case VD_KIND_F64:
        add_float(out, value.f64);
        break;
    case VD_KIND_STR:
        add_string(out, value.bytes);
        break;
    case VD_KIND_BIN:
        add_base64(out, value.bytes);
        break;
    case VD_KIND_EXT:
        snprintf(text, sizeof text, "{\"ext\":%d,\"base64\":", (int8_t)value.bytes.data[0]);
        add_text(out, text);
        add_base64(out, vd_bytes(value.bytes.data + 1, value.bytes.size - 1));
        add_text(out, "}");
        break;
    default:
        add_container(out, &value);
        break;
    }
}

static bool is_shown_first(vd_str_t key)
{
    return vd_str_is(key, "ts") || vd_str_is(key, "type") || vd_str_is(key, "data") ||
           vd_str_is(key, "session") || vd_str_is(key, "seq");
}

void vd_event_json(vd_buffer_t *out, const vd_event_t *event)
{
    char text[32];
    add_text(out, "{\"ts\":");
    add_string(out, event->ts);
    add_text(out, ",\"session\":");
    add_string(out, event->session);
    snprintf(text, sizeof text, ",\"seq\":%" PRIu64, event->seq);
    add_text(out, text);
    add_text(out, ",\"type\":");
    add_string(out, event->type);
    add_text(out, ",\"data\":");
    vd_value_json(out, event->data);
    vd_value_t map;
    if (vd_value_of(event->raw, &map) && map.kind == VD_KIND_MAP) {
        vd_bytes_t rest = map.bytes;
        vd_value_t key, value;
        while (vd_value_next(&rest, &key) && vd_value_next(&rest, &value)) {
            if (is_shown_first(vd_value_str(&key)))
                continue;
            add_text(out, ",");
            add_key(out, &key);
            add_text(out, ":");
            vd_value_json(out, value.raw);
        }
    }
    add_text(out, "}");
}

/* jansson bounds the nesting itself (2048); ours is lower and checked on what was written. */
static void write_json(const json_t *json, vd_buffer_t *out, unsigned depth)
{
    const char *key;
    json_t *item;
    size_t at;
    if (depth > VD_DEPTH_MAX) {
        out->full = true;
        return;
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        vd_write_map(out, (uint32_t)json_object_size(json));
        json_object_foreach((json_t *)json, key, item)
        {
            vd_write_text(out, key);
            write_json(item, out, depth + 1);
        }
        break;
    case JSON_ARRAY:
        vd_write_array(out, (uint32_t)json_array_size(json));
        json_array_foreach(json, at, item) write_json(item, out, depth + 1);
        break;
    case JSON_STRING:
        vd_write_str(out, vd_bytes(json_string_value(json), json_string_length(json)));
        break;
    case JSON_INTEGER:
        vd_write_i64(out, json_integer_value(json));
        break;
    case JSON_REAL:
        vd_write_f64(out, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        vd_write_bool(out, json_is_true(json));
        break;
    case JSON_NULL:
        vd_write_nil(out);
        break;
    }
}

vd_status_t vd_json_parse(vd_str_t text, vd_buffer_t *out, char *error, size_t error_size)
{
    assert(error != NULL && error_size > 0);
    json_error_t problem;
    json_t *json = json_loadb((const char *)text.data, text.size,
                              JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
    if (json == NULL) {
        snprintf(error, error_size, "line %d, column %d: %s", problem.line, problem.column,
                 problem.text);
        return VD_MALFORMED;
    }
    size_t before = out->size;
    write_json(json, out, 1);
    json_decref(json);
    if (!out->full)
        return VD_OK;
    vd_buffer_cut(out, before);
    snprintf(error, error_size, "too large (over %zu bytes) or nested deeper than %d", out->cap,
             VD_DEPTH_MAX);
    return VD_TOO_LARGE;
}
