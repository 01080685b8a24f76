/* http_plain_parse.c: answers over HTTP that hold nothing unusual. */
#include "http_plain.h"

#include <string.h>
#include <strings.h>

#define HEAD_BYTES_MAX 16384
#define LENGTH_DIGITS  10

/* Cuts a line off. Returns it without its end; only lines that end in CR LF count. */
static bool take_line(vd_bytes_t *rest, vd_bytes_t *line)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    if (end == NULL || end == rest->data || end[-1] != '\r')
        return false;
    size_t size = (size_t)(end - rest->data) + 1;
    *line = vd_bytes(rest->data, size - 2);
    *rest = vd_bytes(rest->data + size, rest->size - size);
    return true;
}

static bool is_named(vd_bytes_t line, const char *name, vd_bytes_t *value)
{
    size_t size = strlen(name);
    if (line.size <= size || line.data[size] != ':' ||
        strncasecmp((const char *)line.data, name, size) != 0)
        return false;
    *value = vd_bytes(line.data + size + 1, line.size - size - 1);
    while (value->size > 0 && (value->data[0] == ' ' || value->data[0] == '\t'))
        *value = vd_bytes(value->data + 1, value->size - 1);
    while (value->size > 0 &&
           (value->data[value->size - 1] == ' ' || value->data[value->size - 1] == '\t'))
        value->size--;
    return true;
}

static bool read_length(vd_bytes_t digits, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        *length = *length * 10 + (digits.data[i] - '0');
    }
    return digits.size > 0 && digits.size <= LENGTH_DIGITS;
}

/* A name, a colon, and bytes that are text. */
static bool is_header(vd_bytes_t line)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (colon == NULL || colon == line.data || memchr(line.data, 0, line.size) != NULL ||
        memchr(line.data, '\r', line.size) != NULL)
        return false;
    for (const uint8_t *at = line.data; at < colon; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return true;
}

static bool take_headers(vd_bytes_t head, uint64_t *length, bool *keep)
{
    vd_bytes_t line, value;
    bool has_length = false;
    *keep = true;
    while (take_line(&head, &line) && line.size > 0) {
        if (!is_header(line) || is_named(line, "transfer-encoding", &value))
            return false;
        if (is_named(line, "content-length", &value)) {
            if (has_length || !read_length(value, length))
                return false;
            has_length = true;
        } else if (is_named(line, "connection", &value)) {
            *keep = *keep && value.size == 10 &&
                    strncasecmp((const char *)value.data, "keep-alive", 10) == 0;
        }
    }
    return has_length && head.size == 0;
}

vd_status_t vd_http_plain_parse(vd_bytes_t bytes, uint64_t content_max, vd_bytes_t *head,
                                vd_bytes_t *content, bool *keep)
{
    static const char START[] = "HTTP/1.1 200";
    size_t start = sizeof START - 1;
    vd_bytes_t rest = bytes, line;
    uint64_t length;
    if (memcmp(bytes.data, START, bytes.size < start ? bytes.size : start) != 0)
        return VD_UNSUPPORTED;
    const uint8_t *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
    size_t head_size = end != NULL ? (size_t)(end - bytes.data) + 4 : bytes.size;
    if (head_size > HEAD_BYTES_MAX)
        return VD_UNSUPPORTED;
    if (end == NULL)
        return VD_NOT_READY;
    rest.size = head_size;
    if (!take_line(&rest, &line) || (line.size > start && line.data[start] != ' ') ||
        line.size < start || !take_headers(rest, &length, keep) || length > content_max)
        return VD_UNSUPPORTED;
    size_t there = bytes.size - head_size;
    if (there > length)
        return VD_UNSUPPORTED;
    if (there < length)
        return VD_NOT_READY;
    *head = rest;
    *content = vd_bytes(bytes.data + head_size, there);
    return VD_OK;
}
