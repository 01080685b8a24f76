/* json.c: MessagePack as JSON text, and JSON text as MessagePack. */
#include "wire/limits.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>
#include <stdio.h>
#include <stdlib.h>

static void add_text(vd_buffer_t *out, const char *text)
{
    vd_buffer_add(out, text, strlen(text));
}

size_t vd_utf8_size(vd_bytes_t rest)
{
    assert(rest.size > 0);
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

vd_str_t vd_text_copy(char *out, size_t size, vd_str_t text)
{
    assert(out != NULL && size > 0);
    size_t used = 0;
    while (text.size > 0) {
        size_t bytes = vd_utf8_size(text);
        bool is_character = bytes > 0 && text.data[0] != 0;
        if (!is_character)
            bytes = 1;
        if (used + bytes >= size)
            break;
        memcpy(out + used, is_character ? (const char *)text.data : "?", bytes);
        used += bytes;
        text = vd_bytes(text.data + bytes, text.size - bytes);
    }
    out[used] = 0;
    return vd_bytes(out, used);
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
        size_t size = vd_utf8_size(vd_bytes(text.data + at, text.size - at));
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

static void add_object(vd_buffer_t *out, const msgpack_object *object, bool in_key);

static void add_packed(vd_buffer_t *out, const msgpack_object *object)
{
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    if (msgpack_pack_object(&packer, *object) == 0)
        add_base64(out, vd_bytes(bytes.data, bytes.size));
    else
        out->full = true; /* no memory */
    msgpack_sbuffer_destroy(&bytes);
}

/* Texts within a key are quoted once more than others. If keys within keys were quoted again and again, a
 * few bytes would become as many as there is room for. */
static void add_key(vd_buffer_t *out, const msgpack_object *key, bool in_key)
{
    bool nests = key->type == MSGPACK_OBJECT_ARRAY || key->type == MSGPACK_OBJECT_MAP;
    if (key->type == MSGPACK_OBJECT_STR) {
        add_string(out, vd_bytes(key->via.str.ptr, key->via.str.size));
        return;
    }
    if (in_key && nests) {
        add_packed(out, key);
        return;
    }
    /* Written apart, then quoted. */
    vd_buffer_t text;
    vd_buffer_init(&text, out->cap);
    add_object(&text, key, true);
    add_string(out, vd_buffer_view(&text));
    out->full = out->full || text.full;
    vd_buffer_free(&text);
}

static void add_map(vd_buffer_t *out, const msgpack_object_map *map, bool in_key)
{
    add_text(out, "{");
    for (uint32_t i = 0; i < map->size; i++) {
        add_text(out, i > 0 ? "," : "");
        add_key(out, &map->ptr[i].key, in_key);
        add_text(out, ":");
        add_object(out, &map->ptr[i].val, in_key);
    }
    add_text(out, "}");
}

static void add_array(vd_buffer_t *out, const msgpack_object_array *array, bool in_key)
{
    add_text(out, "[");
    for (uint32_t i = 0; i < array->size; i++) {
        add_text(out, i > 0 ? "," : "");
        add_object(out, &array->ptr[i], in_key);
    }
    add_text(out, "]");
}

static void add_ext(vd_buffer_t *out, const msgpack_object_ext *ext)
{
    char text[32];
    snprintf(text, sizeof text, "{\"ext\":%d,\"base64\":", ext->type);
    add_text(out, text);
    add_base64(out, vd_bytes(ext->ptr, ext->size));
    add_text(out, "}");
}

static void add_integer(vd_buffer_t *out, const msgpack_object *object)
{
    char text[32];
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        snprintf(text, sizeof text, "%" PRIu64, object->via.u64);
    else
        snprintf(text, sizeof text, "%" PRId64, object->via.i64);
    add_text(out, text);
}

static void add_object(vd_buffer_t *out, const msgpack_object *object, bool in_key)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        add_text(out, "null");
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        add_text(out, object->via.boolean ? "true" : "false");
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        add_integer(out, object);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        add_float(out, object->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        add_string(out, vd_bytes(object->via.str.ptr, object->via.str.size));
        break;
    case MSGPACK_OBJECT_BIN:
        add_base64(out, vd_bytes(object->via.bin.ptr, object->via.bin.size));
        break;
    case MSGPACK_OBJECT_EXT:
        add_ext(out, &object->via.ext);
        break;
    case MSGPACK_OBJECT_ARRAY:
        add_array(out, &object->via.array, in_key);
        break;
    case MSGPACK_OBJECT_MAP:
        add_map(out, &object->via.map, in_key);
        break;
    }
}

/* Scanned before it is unpacked: msgpack-c believes the sizes that it reads. */
void vd_value_json(vd_buffer_t *out, vd_bytes_t value)
{
    size_t size = 0, unpacked_size = 0;
    if (vd_scan(value, VD_DEPTH_MAX, &size) != VD_OK) {
        add_text(out, "null");
        return;
    }
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    msgpack_unpack_return done =
        msgpack_unpack_next(&unpacked, (const char *)value.data, size, &unpacked_size);
    if (done == MSGPACK_UNPACK_SUCCESS) {
        assert(unpacked_size == size);
        add_object(out, &unpacked.data, false);
    } else {
        out->full = true; /* no memory for the tree */
    }
    msgpack_unpacked_destroy(&unpacked);
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
            add_string(out, vd_value_str(&key));
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
