/* buffer.c: the growing byte buffer. */
#include "wire/buffer.h"

#include <assert.h>
#include <stdlib.h>

bool vd_str_copy(char *out, size_t size, vd_str_t text)
{
    assert(out != NULL && size > 0);
    size_t copied = text.size < size ? text.size : size - 1;
    if (copied > 0)
        memcpy(out, text.data, copied);
    out[copied] = 0;
    return copied == text.size;
}

void vd_buffer_init(vd_buffer_t *self, size_t cap)
{
    assert(self != NULL && cap > 0);
    *self = (vd_buffer_t){.cap = cap};
}

void vd_buffer_free(vd_buffer_t *self)
{
    assert(self != NULL);
    free(self->data);
    *self = (vd_buffer_t){.cap = self->cap};
}

void vd_buffer_clear(vd_buffer_t *self)
{
    self->size = 0;
    self->full = false;
}

uint8_t *vd_buffer_grow(vd_buffer_t *self, size_t size)
{
    assert(self->cap > 0 && self->size <= self->room);
    if (self->full)
        return NULL;
    if (self->room - self->size >= size)
        return self->data + self->size;
    if (size > self->cap || self->size > self->cap - size) {
        self->full = true;
        return NULL;
    }
    size_t room = self->room < 128 ? 256 : self->room * 2;
    while (room < self->size + size)
        room *= 2;
    if (room > self->cap)
        room = self->cap;
    uint8_t *data = realloc(self->data, room);
    if (data == NULL) {
        self->full = true;
        return NULL;
    }
    self->data = data;
    self->room = room;
    return self->data + self->size;
}

void vd_buffer_cut(vd_buffer_t *self, size_t size)
{
    assert(size <= self->size);
    self->size = size;
    self->full = false;
}
