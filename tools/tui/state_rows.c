/* state_rows.c: an array of rows and a table of open places that leads to them. */
#include "tui/state_rows.h"
#include "core/hash.h"
#include "tui/state.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_ROOM = 16 };

static size_t cut_size(vd_str_t text, size_t most)
{
    size_t size = text.size < most ? text.size : most;
    const void *zero = size > 0 ? memchr(text.data, 0, size) : NULL;
    if (zero != NULL)
        return (size_t)((const uint8_t *)zero - text.data);
    /* Not in the middle of a character. */
    if (size < text.size)
        for (size_t back = 0; back < 4 && size > 0 && (text.data[size] & 0xc0) == 0x80; back++)
            size--;
    return size;
}

void tui_text_copy(char *out, size_t size, vd_str_t text)
{
    assert(out != NULL && size > 0);
    size_t length = cut_size(text, size - 1);
    if (length > 0)
        memcpy(out, text.data, length);
    out[length] = 0;
}

vd_str_t tui_name_cut(vd_str_t name)
{
    return vd_bytes(name.data, cut_size(name, TUI_NAME_BYTES));
}

void tui_rows_init(tui_rows_t *self, size_t row_size, uint32_t max)
{
    assert(row_size > TUI_NAME_BYTES && max > 0 && max < UINT16_MAX);
    *self = (tui_rows_t){.row_size = row_size, .max = max};
}

void tui_rows_free(tui_rows_t *self)
{
    free(self->data);
    free(self->slots);
    tui_rows_init(self, self->row_size, self->max);
}

void tui_rows_clear(tui_rows_t *self)
{
    self->count = 0;
    if (self->slots != NULL)
        memset(self->slots, 0, self->slot_count * sizeof self->slots[0]);
}

static uint32_t home(const tui_rows_t *self, vd_str_t name)
{
    return (uint32_t)vd_hash(0, name) & (self->slot_count - 1);
}

static vd_str_t name_of(const tui_rows_t *self, uint16_t slot)
{
    assert(slot > 0 && slot <= self->count);
    return vd_str((const char *)tui_rows_at(self, slot - 1U));
}

static bool has_name(const tui_rows_t *self, uint16_t slot, vd_str_t name)
{
    const char *row = tui_rows_at(self, slot - 1U);
    return memcmp(row, name.data, name.size) == 0 && row[name.size] == 0;
}

void *tui_rows_find(const tui_rows_t *self, vd_str_t name)
{
    if (self->count == 0)
        return NULL;
    name = tui_name_cut(name);
    if (name.size == 0)
        name.data = (const uint8_t *)"";
    for (uint32_t at = home(self, name);; at = (at + 1) & (self->slot_count - 1)) {
        uint16_t slot = self->slots[at];
        if (slot == 0)
            return NULL;
        if (has_name(self, slot, name))
            return tui_rows_at(self, slot - 1U);
    }
}

static void enter(tui_rows_t *self, vd_str_t name, uint32_t index)
{
    uint32_t at = home(self, name);
    while (self->slots[at] != 0)
        at = (at + 1) & (self->slot_count - 1);
    self->slots[at] = (uint16_t)(index + 1);
}

/* Twice the room, and four open places for each row at most half of which are taken. */
static bool grow(tui_rows_t *self)
{
    uint32_t room = self->room == 0 ? FIRST_ROOM : self->room * 2;
    if (room > self->max)
        room = self->max;
    uint32_t slot_count = 1;
    while (slot_count < room * 2)
        slot_count *= 2;
    uint16_t *slots = calloc(slot_count, sizeof *slots);
    uint8_t *data = slots != NULL ? realloc(self->data, room * self->row_size) : NULL;
    if (data == NULL) {
        free(slots);
        return false;
    }
    free(self->slots);
    self->data = data;
    self->slots = slots;
    self->slot_count = slot_count;
    self->room = room;
    for (uint32_t i = 0; i < self->count; i++)
        enter(self, name_of(self, (uint16_t)(i + 1)), i);
    return true;
}

static void *begin(tui_rows_t *self, uint32_t index, vd_str_t name)
{
    char *row = tui_rows_at(self, index);
    memset(row, 0, self->row_size);
    tui_text_copy(row, TUI_NAME_BYTES + 1, name);
    enter(self, vd_str(row), index);
    return row;
}

void *tui_rows_add(tui_rows_t *self, vd_str_t name)
{
    assert(tui_rows_find(self, name) == NULL);
    if (self->count == self->max || (self->count == self->room && !grow(self)))
        return NULL;
    return begin(self, self->count++, name);
}

/* Takes the row's place out, and moves those behind it up that would not be found any more. */
static void leave(tui_rows_t *self, uint32_t index)
{
    uint32_t mask = self->slot_count - 1;
    uint32_t at = home(self, name_of(self, (uint16_t)(index + 1)));
    while (self->slots[at] != index + 1)
        at = (at + 1) & mask;
    for (uint32_t next = (at + 1) & mask; self->slots[next] != 0; next = (next + 1) & mask) {
        uint32_t wanted = home(self, name_of(self, self->slots[next]));
        if (((next - wanted) & mask) < ((next - at) & mask))
            continue;
        self->slots[at] = self->slots[next];
        at = next;
    }
    self->slots[at] = 0;
}

void tui_rows_replace(tui_rows_t *self, void *row, vd_str_t name)
{
    uint32_t index = (uint32_t)((size_t)((uint8_t *)row - self->data) / self->row_size);
    assert(index < self->count && tui_rows_find(self, name) == NULL);
    leave(self, index);
    begin(self, index, name);
}
