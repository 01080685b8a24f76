/* run_lines.c: bytes to lines, lines to text. */
#include "run_lines.h"

#include <assert.h>
#include <stdlib.h>

bool run_lines_init(run_lines_t *self, size_t max)
{
    assert(max >= 8);
    *self = (run_lines_t){.max = max};
    self->data = malloc(max);
    return self->data != NULL;
}

void run_lines_free(run_lines_t *self)
{
    free(self->data);
    *self = (run_lines_t){0};
}

/* Size of the character at the front of `bytes`: 0 when there is none; `wanted` is how many bytes
 * it has by its first one. */
static size_t character(vd_bytes_t bytes, size_t *wanted)
{
    const uint8_t *at = bytes.data;
    uint8_t low = 0x80, high = 0xbf;
    *wanted = 1;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    *wanted = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        low = 0xa0;
    else if (at[0] == 0xed)
        high = 0x9f;
    else if (at[0] == 0xf0)
        low = 0x90;
    else if (at[0] == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < *wanted; i++) {
        if (i >= bytes.size || at[i] < low || at[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return *wanted;
}

bool run_text(vd_bytes_t bytes, vd_buffer_t *out)
{
    bool whole = true;
    size_t good = 0; /* bytes at the front that are not yet copied */
    while (good < bytes.size) {
        size_t wanted;
        size_t size = character(vd_bytes(bytes.data + good, bytes.size - good), &wanted);
        if (size > 0) {
            good += size;
            continue;
        }
        vd_buffer_add(out, bytes.data, good);
        vd_buffer_add(out, "\xef\xbf\xbd", 3);
        bytes = vd_bytes(bytes.data + good + 1, bytes.size - good - 1);
        good = 0;
        whole = false;
    }
    if (good > 0)
        vd_buffer_add(out, bytes.data, good);
    return whole;
}

/* Where to cut so that no character is: in front of a last one that has only begun. */
static size_t before_part(const uint8_t *data, size_t size)
{
    for (size_t back = 1; back <= 3 && back < size; back++) {
        size_t wanted;
        const uint8_t *at = data + size - back;
        if (*at >= 0x80 && *at < 0xc0)
            continue;
        size_t found = character(vd_bytes(at, back), &wanted);
        return found == 0 && wanted > back ? size - back : size;
    }
    return size;
}

static void keep(run_lines_t *self, const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    size_t room = self->max - self->size;
    size_t taken = size < room ? size : room;
    memcpy(self->data + self->size, data, taken);
    self->size += taken;
    self->cut += size - taken;
}

/* Adds bytes without a line feed. A carriage return at the end waits for what follows it. */
static void add(run_lines_t *self, const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    self->begun = true;
    if (self->returned)
        keep(self, (const uint8_t *)"\r", 1);
    self->returned = data[size - 1] == '\r';
    keep(self, data, size - self->returned);
}

static void finish(run_lines_t *self, bool unended, run_line_t *line)
{
    if (self->cut > 0) {
        size_t size = before_part(self->data, self->size);
        self->cut += self->size - size;
        self->size = size;
    }
    *line = (run_line_t){vd_bytes(self->data, self->size), self->cut, unended};
    self->size = 0;
    self->cut = 0;
    self->begun = self->returned = false;
}

bool run_lines_take(run_lines_t *self, vd_bytes_t *rest, run_line_t *line)
{
    assert(self->data != NULL && self->size <= self->max);
    if (rest->size == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    add(self, rest->data, size);
    size_t taken = size + (end != NULL);
    *rest = vd_bytes(rest->data + taken, rest->size - taken);
    if (end == NULL)
        return false;
    finish(self, false, line);
    return true;
}

bool run_lines_end(run_lines_t *self, run_line_t *line)
{
    assert(self->data != NULL);
    if (!self->begun)
        return false;
    if (self->returned)
        keep(self, (const uint8_t *)"\r", 1);
    finish(self, true, line);
    return true;
}
