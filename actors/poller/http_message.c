/* http_message.c: arguments of a read over HTTP, and the meta of its sample. */
#include "http_message.h"

#include "wire/limits.h"
#include "wire/value.h"

#include <assert.h>
#include <stdio.h>

#define HEADERS_MAX      48
#define HEADER_BYTES_MAX 512
#define META_BYTES_MAX   6144

static bool is_token(vd_str_t text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte <= ' ' || byte > '~' || strchr("()<>@,;:\\\"/[]?={}", byte) != NULL)
            return false;
    }
    return text.size > 0;
}

static bool is_one_line(vd_str_t text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7f)
            return false;
    return true;
}

static char lower(uint8_t byte)
{
    return (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
}

static bool same_name(vd_str_t name, const char *text)
{
    if (name.size != strlen(text))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (lower(name.data[i]) != text[i])
            return false;
    return true;
}

static const char *check_headers(const vd_value_t *map)
{
    if (map->kind != VD_KIND_MAP || map->count > HEADERS_MAX)
        return "headers must be a map of at most 48 texts by name";
    vd_bytes_t rest = map->bytes;
    vd_value_t name, value;
    while (vd_value_next(&rest, &name) && vd_value_next(&rest, &value)) {
        if (name.kind != VD_KIND_STR || value.kind != VD_KIND_STR || !is_token(name.bytes) ||
            !is_one_line(value.bytes) || name.bytes.size + value.bytes.size > HEADER_BYTES_MAX)
            return "a header must be a name and one line of text, together at most 512 bytes";
        if (same_name(name.bytes, "content-length") || same_name(name.bytes, "transfer-encoding"))
            return "the length of the body cannot be set by a header";
    }
    return NULL;
}

static const char *check_ok(const vd_value_t *array)
{
    if (array->kind != VD_KIND_ARRAY || array->count == 0)
        return "ok must be an array of codes";
    vd_bytes_t rest = array->bytes;
    vd_value_t code;
    while (vd_value_next(&rest, &code))
        if (vd_value_u64(&code, 0) < 200 || vd_value_u64(&code, 0) > 599)
            return "ok must name codes from 200 to 599";
    return NULL;
}

const char *vd_http_args(vd_bytes_t args, vd_http_args_t *out)
{
    assert(out != NULL);
    *out = (vd_http_args_t){0};
    vd_value_t map, value;
    if (args.size == 0)
        return NULL;
    if (!vd_value_of(args, &map) || map.kind != VD_KIND_MAP)
        return "args must be a map";
    const char *wrong = NULL;
    if (vd_value_get(&map, "body", &value)) {
        out->body = value.bytes;
        out->has_body = true;
        if (value.kind != VD_KIND_STR && value.kind != VD_KIND_BIN)
            wrong = "body must be a text or bytes";
    }
    if (wrong == NULL && vd_value_get(&map, "headers", &value)) {
        out->headers = value.bytes;
        wrong = check_headers(&value);
    }
    if (wrong == NULL && vd_value_get(&map, "ok", &value)) {
        out->ok = value.bytes;
        wrong = check_ok(&value);
    }
    return wrong;
}

bool vd_http_next_header(vd_bytes_t *headers, char *out, size_t size)
{
    vd_value_t name, value;
    if (!vd_value_next(headers, &name) || !vd_value_next(headers, &value))
        return false;
    /* An empty value is written with a semicolon for libcurl, which takes "name:" for a removal. */
    int written =
        value.bytes.size == 0
            ? snprintf(out, size, "%.*s;", (int)name.bytes.size, (const char *)name.bytes.data)
            : snprintf(out, size, "%.*s: %.*s", (int)name.bytes.size, (const char *)name.bytes.data,
                       (int)value.bytes.size, (const char *)value.bytes.data);
    assert(written > 0 && (size_t)written < size);
    return true;
}

bool vd_http_is_ok(const vd_http_args_t *args, long code)
{
    if (args->ok.size == 0)
        return code >= 200 && code <= 299;
    vd_bytes_t rest = args->ok;
    vd_value_t one;
    while (vd_value_next(&rest, &one))
        if (vd_value_u64(&one, 0) == (uint64_t)code)
            return true;
    return false;
}

bool vd_http_is_redirect(long code)
{
    return (code >= 301 && code <= 303) || code == 307 || code == 308;
}

vd_status_t vd_http_code_status(long code)
{
    switch (code) {
    case 401:
    case 403:
    case 407:
        return VD_DENIED;
    case 404:
    case 410:
        return VD_NOT_FOUND;
    default:
        return VD_FAILED;
    }
}

/* ---- meta ---- */

typedef struct vd_header {
    vd_str_t name, value;
} vd_header_t;

static vd_str_t trim(vd_str_t text)
{
    static const char BLANKS[] = {' ', '\t', '\r', '\n'};
    while (text.size > 0 && memchr(BLANKS, text.data[text.size - 1], sizeof BLANKS) != NULL)
        text.size--;
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    return text;
}

static bool take_line(vd_bytes_t *head, vd_str_t *line)
{
    if (head->size == 0)
        return false;
    const uint8_t *end = memchr(head->data, '\n', head->size);
    size_t size = end != NULL ? (size_t)(end - head->data) + 1 : head->size;
    *line = vd_bytes(head->data, size);
    *head = vd_bytes(head->data + size, head->size - size);
    return true;
}

/* The headers that are told, in order. Returns how many. */
static uint32_t list_headers(vd_bytes_t head, vd_header_t headers[HEADERS_MAX])
{
    uint32_t count = 0;
    vd_str_t line;
    while (count < HEADERS_MAX && take_line(&head, &line)) {
        const uint8_t *colon = memchr(line.data, ':', line.size);
        if (colon == NULL)
            continue;
        vd_str_t name = trim(vd_bytes(line.data, (size_t)(colon - line.data)));
        if (!is_token(name) || name.size > VD_NAME_BYTES_MAX || same_name(name, "set-cookie") ||
            same_name(name, "set-cookie2"))
            continue;
        size_t before = (size_t)(colon + 1 - line.data);
        headers[count++] =
            (vd_header_t){name, trim(vd_bytes(line.data + before, line.size - before))};
    }
    return count;
}

static bool equal_names(vd_str_t a, vd_str_t b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static size_t add_value(char *out, size_t used, vd_str_t value)
{
    for (size_t i = 0; i < value.size && used < HEADER_BYTES_MAX; i++) {
        uint8_t byte = value.data[i];
        out[used++] = (char)((byte >= ' ' && byte <= '~') || byte == '\t' ? byte : '?');
    }
    return used;
}

/* Writes header `at` with those of the same name behind it, which are then done. */
static void write_header(vd_header_t *headers, uint32_t count, uint32_t at, vd_buffer_t *out)
{
    char name[VD_NAME_BYTES_MAX], value[HEADER_BYTES_MAX];
    vd_str_t wanted = headers[at].name;
    for (size_t i = 0; i < wanted.size; i++)
        name[i] = lower(wanted.data[i]);
    size_t used = 0;
    for (uint32_t i = at; i < count; i++) {
        if (!equal_names(headers[i].name, wanted))
            continue;
        if (i != at)
            used = add_value(value, used, vd_str(", "));
        used = add_value(value, used, headers[i].value);
        if (i != at)
            headers[i].name.size = 0;
    }
    vd_write_str(out, vd_bytes(name, wanted.size));
    vd_write_str(out, vd_bytes(value, used));
}

/* Headers whose names come again are told with the first one; those over the bound are left out. */
static uint32_t choose(const vd_header_t *headers, uint32_t *count, uint32_t chosen[HEADERS_MAX])
{
    uint32_t told = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < *count; i++) {
        bool again = false;
        for (uint32_t j = 0; j < i && !again; j++)
            again = equal_names(headers[j].name, headers[i].name);
        size_t size =
            headers[i].value.size < HEADER_BYTES_MAX ? headers[i].value.size : HEADER_BYTES_MAX;
        bytes += headers[i].name.size + size + 8;
        if (bytes > META_BYTES_MAX) {
            *count = i;
            break;
        }
        if (!again)
            chosen[told++] = i;
    }
    return told;
}

void vd_http_write_meta(long code, uint32_t redirects, vd_bytes_t head, vd_buffer_t *out)
{
    static_assert(META_BYTES_MAX + 64 < VD_SPEC_BYTES_MAX, "the meta of a sample takes it");
    assert(out != NULL);
    vd_header_t headers[HEADERS_MAX];
    uint32_t chosen[HEADERS_MAX];
    uint32_t count = list_headers(head, headers);
    uint32_t told = choose(headers, &count, chosen);
    vd_write_map(out, 3);
    vd_write_pair_u64(out, "code", (uint64_t)code);
    vd_write_pair_u64(out, "redirects", redirects);
    vd_write_text(out, "headers");
    vd_write_map(out, told);
    for (uint32_t i = 0; i < told; i++)
        write_header(headers, count, chosen[i], out);
}
