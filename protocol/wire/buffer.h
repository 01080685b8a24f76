/* buffer.h: a view of bytes, and a byte buffer that grows to a cap.
 *
 * 1. A view owns nothing; it lives as long as what it points into.
 * 2. A buffer that would pass its cap, or gets no memory, stops growing, stays as it was and is
 *    `full` from then on; whoever writes checks once at the end.
 */
#ifndef VD_BUFFER_H
#define VD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes or a string (not ended with a zero byte) that someone else owns. */
typedef struct vd_bytes {
    const uint8_t *data;
    size_t size;
} vd_bytes_t;

typedef vd_bytes_t vd_str_t;

static inline vd_bytes_t vd_bytes(const void *data, size_t size)
{
    return (vd_bytes_t){(const uint8_t *)data, size};
}

static inline vd_str_t vd_str(const char *text)
{
    return vd_bytes(text, text ? strlen(text) : 0);
}

static inline bool vd_str_is(vd_str_t a, const char *text)
{
    size_t size = strlen(text);
    return a.size == size && (size == 0 || memcmp(a.data, text, size) == 0);
}

static inline bool vd_bytes_equal(vd_bytes_t a, vd_bytes_t b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Copies a string into `out` (`size` bytes, zero-ended). Returns false, with `out` cut, if it does
 * not fit. */
bool vd_str_copy(char *out, size_t size, vd_str_t text);

typedef struct vd_buffer {
    uint8_t *data;
    size_t size;
    size_t room;
    size_t cap;
    bool full;
} vd_buffer_t;

/* Makes an empty buffer that may grow to `cap` bytes. Allocates nothing yet. */
void vd_buffer_init(vd_buffer_t *self, size_t cap);
/* Frees the bytes. The buffer is then empty and may be used again. */
void vd_buffer_free(vd_buffer_t *self);
/* Forgets the content, keeps the memory. */
void vd_buffer_clear(vd_buffer_t *self);
/* Grows so that `size` more bytes fit: what vd_buffer_reserve does when they do not yet. */
uint8_t *vd_buffer_grow(vd_buffer_t *self, size_t size);
/* Cuts the content to `size` bytes, which must not be more than it has; clears `full`. */
void vd_buffer_cut(vd_buffer_t *self, size_t size);

/* Makes room for `size` more bytes and returns where they go, NULL when full; the caller writes
 * there and adds to `size`. */
static inline uint8_t *vd_buffer_reserve(vd_buffer_t *self, size_t size)
{
    if (!self->full && self->room - self->size >= size && self->data != NULL)
        return self->data + self->size;
    return vd_buffer_grow(self, size);
}

/* Appends bytes. Returns false, with nothing appended, when full. */
static inline bool vd_buffer_add(vd_buffer_t *self, const void *data, size_t size)
{
    if (size == 0)
        return !self->full;
    uint8_t *to = vd_buffer_reserve(self, size);
    if (to == NULL)
        return false;
    memcpy(to, data, size);
    self->size += size;
    return true;
}

static inline vd_bytes_t vd_buffer_view(const vd_buffer_t *self)
{
    return vd_bytes(self->data, self->size);
}

#endif
