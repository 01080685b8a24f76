/* state_rows.h: rows of one size that begin with their name, in the order in which they came up, and
 * found by that name.
 *
 * 1. A row begins with a name of TUI_NAME_BYTES and a zero byte; everything else in a new row is 0.
 * 2. Names are compared as they are stored: cut, and up to a zero byte.
 */
#ifndef TUI_STATE_ROWS_H
#define TUI_STATE_ROWS_H

#include "wire/buffer.h"

typedef struct tui_rows {
    uint8_t *data;
    size_t row_size;
    uint32_t count, room, max;
    uint16_t *slots; /* number of the row + 1; 0: free */
    uint32_t slot_count;
} tui_rows_t;

/* `max`: rows, below 65535. Allocates nothing yet. */
void tui_rows_init(tui_rows_t *self, size_t row_size, uint32_t max);
void tui_rows_free(tui_rows_t *self);
/* Forgets the rows, keeps the memory. */
void tui_rows_clear(tui_rows_t *self);
/* The row with this name, or NULL. */
void *tui_rows_find(const tui_rows_t *self, vd_str_t name);
/* A new row with a name that no row has; NULL when there is no room. Moves the others in memory. */
void *tui_rows_add(tui_rows_t *self, vd_str_t name);
/* Makes a row anew, in its place, with another name that no row has. */
void tui_rows_replace(tui_rows_t *self, void *row, vd_str_t name);

static inline void *tui_rows_at(const tui_rows_t *self, size_t index)
{
    return self->data + index * self->row_size;
}

/* Copies a text of any bytes, cut to `size` - 1 bytes of whole characters. */
void tui_text_copy(char *out, size_t size, vd_str_t text);
/* As much of a name as is kept of it. */
vd_str_t tui_name_cut(vd_str_t name);

#endif
