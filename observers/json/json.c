/* json.c: bounds, then jansson. */
#include "json/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { INT64_DIGITS = 19 };

/* The first bound that the text breaks; NULL: none. Counts commas and brackets outside strings,
 * which is at least the number of values. */
static const char *broken_bound(vd_bytes_t text, const vd_json_bounds_t *bounds)
{
    uint32_t depth = 0, values = 1;
    bool in_string = false;
    if (text.size > bounds->bytes_max)
        return "it is larger than this observer reads";
    for (size_t at = 0; at < text.size; at++) {
        uint8_t c = text.data[at];
        if (in_string) {
            if (c == '\\')
                at++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        in_string = c == '"';
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        values += c == ',' || c == '[' || c == '{';
        if (depth > bounds->depth_max)
            return "it is nested too deeply";
        if (values > bounds->values_max)
            return "it has too many values";
    }
    return NULL;
}

/* The size of the bare integer at `at`, if it may be too large for jansson; else 0. */
static size_t large_integer(vd_bytes_t text, size_t at)
{
    size_t end = at;
    if (at > 0 && !strchr(":,[ \t\r\n", text.data[at - 1]))
        return 0;
    while (end < text.size && text.data[end] >= '0' && text.data[end] <= '9')
        end++;
    if (end - at < INT64_DIGITS || (end < text.size && strchr(".eE", text.data[end])))
        return 0;
    return end - at;
}

/* Copies the text with large integers in quotes, where every reader here takes them as well. */
static size_t quote_large(vd_bytes_t text, char *out)
{
    size_t size = 0;
    bool in_string = false, escaped = false;
    for (size_t at = 0; at < text.size; at++) {
        size_t digits = in_string ? 0 : large_integer(text, at);
        if (digits > 0) {
            out[size++] = '"';
            memcpy(out + size, text.data + at, digits);
            size += digits;
            out[size++] = '"';
            at += digits - 1;
            continue;
        }
        uint8_t c = text.data[at];
        out[size++] = (char)c;
        if (c == '"' && !escaped)
            in_string = !in_string;
        escaped = in_string && c == '\\' && !escaped;
    }
    return size;
}

static json_t *load(vd_bytes_t text, json_error_t *problem)
{
    /* A quoted integer has two bytes more, for each INT64_DIGITS at least. */
    char *copy = malloc(text.size + 2 * (text.size / INT64_DIGITS) + 1);
    if (!copy) {
        *problem = (json_error_t){.text = "no memory"};
        return NULL;
    }
    json_t *value = json_loadb(copy, quote_large(text, copy), JSON_REJECT_DUPLICATES, problem);
    free(copy);
    return value;
}

json_t *vd_json_read(vd_bytes_t content, const vd_json_bounds_t *bounds, char *error,
                     size_t error_size)
{
    assert(bounds && error && error_size > 0);
    json_error_t problem;
    const char *broken = broken_bound(content, bounds);
    if (broken) {
        snprintf(error, error_size, "not JSON to be read: %s (%zu bytes)", broken, content.size);
        return NULL;
    }
    json_t *value = load(content, &problem);
    if (!value)
        snprintf(error, error_size, "not JSON: %s (at byte %d of %zu)", problem.text,
                 problem.position, content.size);
    return value;
}

json_t *vd_json_object(vd_bytes_t content, char *error, size_t error_size)
{
    static const vd_json_bounds_t usual = {VD_JSON_BYTES_MAX, VD_JSON_DEPTH_MAX,
                                           VD_JSON_VALUES_MAX};
    json_t *value = vd_json_read(content, &usual, error, error_size);
    if (!value || json_is_object(value))
        return value;
    snprintf(error, error_size, "an object is expected, not this JSON");
    json_decref(value);
    return NULL;
}

static bool parse_u64(const char *text, size_t size, uint64_t *value)
{
    uint64_t sum = 0;
    if (size == 0 || size > 20)
        return false;
    for (size_t at = 0; at < size; at++) {
        uint64_t digit = (uint64_t)(text[at] - '0');
        if (text[at] < '0' || text[at] > '9' || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool vd_json_u64(const json_t *object, const char *key, uint64_t *value)
{
    assert(object && key && value);
    const json_t *found = json_object_get(object, key);
    if (json_is_string(found))
        return parse_u64(json_string_value(found), json_string_length(found), value);
    if (!json_is_integer(found) || json_integer_value(found) < 0)
        return false;
    *value = (uint64_t)json_integer_value(found);
    return true;
}

bool vd_json_text(const json_t *value, char *text, size_t size)
{
    assert(text && size > 0);
    if (json_is_integer(value)) {
        int length = snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return length > 0 && (size_t)length < size;
    }
    return json_is_string(value) &&
           vd_str_copy(text, size, vd_bytes(json_string_value(value), json_string_length(value)));
}
