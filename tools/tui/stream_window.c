/* stream_window.c: see stream_window.h. */
#include "tui/stream_window.h"

#include <assert.h>
#include <stdlib.h>

tui_piece_t *tui_piece_new(void)
{
    tui_piece_t *self = calloc(1, sizeof *self);
    if (self != NULL)
        vd_buffer_init(&self->bytes, TUI_PIECE_READ);
    return self;
}

void tui_piece_destroy(tui_piece_t **self)
{
    if (*self == NULL)
        return;
    vd_buffer_free(&(*self)->bytes);
    free(*self);
    *self = NULL;
}

static bool add(tui_piece_t *self, uint64_t seq, vd_bytes_t raw)
{
    if (self->count == TUI_PIECE_EVENTS || self->bytes.size + raw.size > TUI_PIECE_READ ||
        !vd_buffer_add(&self->bytes, raw.data, raw.size))
        return false;
    self->entries[self->count++] = (tui_entry_t){
        .seq = seq, .at = (uint32_t)(self->bytes.size - raw.size), .size = (uint32_t)raw.size};
    return true;
}

static void drop_first(tui_piece_t *self)
{
    uint32_t size = self->entries[0].size;
    memmove(self->bytes.data, self->bytes.data + size, self->bytes.size - size);
    vd_buffer_cut(&self->bytes, self->bytes.size - size);
    self->count--;
    memmove(self->entries, self->entries + 1, self->count * sizeof *self->entries);
    for (uint32_t i = 0; i < self->count; i++)
        self->entries[i].at -= size;
}

void tui_piece_add(tui_piece_t *self, uint64_t seq, vd_bytes_t raw, bool backwards)
{
    if (self->full)
        return;
    while (backwards && self->count > 0 &&
           (self->count == TUI_PIECE_EVENTS || self->bytes.size + raw.size > TUI_PIECE_READ))
        drop_first(self);
    self->full = !add(self, seq, raw) && !backwards;
}

void tui_window_clear(tui_window_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        tui_piece_destroy(&self->pieces[i]);
    self->count = self->bytes = 0;
}

uint64_t tui_window_first(const tui_window_t *self)
{
    return self->count > 0 ? self->pieces[0]->entries[0].seq : 0;
}

uint64_t tui_window_last(const tui_window_t *self)
{
    if (self->count == 0)
        return 0;
    const tui_piece_t *piece = self->pieces[self->count - 1];
    return piece->entries[piece->count - 1].seq;
}

static void drop(tui_window_t *self, size_t at)
{
    self->bytes -= self->pieces[at]->bytes.size;
    tui_piece_destroy(&self->pieces[at]);
    self->count--;
    memmove(self->pieces + at, self->pieces + at + 1, (self->count - at) * sizeof *self->pieces);
}

static bool has_room(const tui_window_t *self, size_t size, bool piece)
{
    return self->bytes + size <= TUI_STREAM_BYTES && (!piece || self->count < TUI_PIECES_MAX);
}

bool tui_window_append(tui_window_t *self, uint64_t seq, vd_bytes_t raw, bool may)
{
    tui_piece_t *last = self->count > 0 ? self->pieces[self->count - 1] : NULL;
    bool piece =
        last == NULL || last->count == TUI_PIECE_EVENTS || last->bytes.size >= TUI_PIECE_BYTES;
    while (!has_room(self, raw.size, piece)) {
        if (!may || self->count < 2)
            return false;
        drop(self, 0);
    }
    if (piece) {
        last = tui_piece_new();
        if (last == NULL)
            return false;
        self->pieces[self->count++] = last;
    }
    bool added = add(last, seq, raw);
    if (added)
        self->bytes += raw.size;
    else if (last->count == 0)
        drop(self, self->count - 1);
    return added;
}

bool tui_window_fits(const tui_window_t *self, tui_place_t place, bool front)
{
    size_t from = front ? 0 : place.piece, to = front ? place.piece + 1 : self->count, bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += self->pieces[i]->bytes.size;
    return bytes + TUI_PIECE_READ <= TUI_STREAM_BYTES && to - from < TUI_PIECES_MAX;
}

void tui_window_put(tui_window_t *self, tui_piece_t *piece, bool front)
{
    assert(piece->count > 0);
    while (!has_room(self, piece->bytes.size, true) && self->count > 0)
        drop(self, front ? self->count - 1 : 0);
    if (front)
        memmove(self->pieces + 1, self->pieces, self->count * sizeof *self->pieces);
    self->pieces[front ? 0 : self->count] = piece;
    self->count++;
    self->bytes += piece->bytes.size;
}

bool tui_window_find(const tui_window_t *self, uint64_t seq, tui_place_t *place)
{
    if (self->count == 0)
        return false;
    size_t low = 0, high = self->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->pieces[middle]->entries[0].seq <= seq)
            low = middle;
        else
            high = middle;
    }
    const tui_piece_t *piece = self->pieces[low];
    uint32_t from = 0, to = piece->count;
    while (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        if (piece->entries[middle].seq <= seq)
            from = middle;
        else
            to = middle;
    }
    *place = (tui_place_t){low, from};
    return true;
}

bool tui_window_step(const tui_window_t *self, tui_place_t *place, int direction)
{
    if (direction > 0) {
        if (place->entry + 1 < self->pieces[place->piece]->count)
            place->entry++;
        else if (place->piece + 1 < self->count)
            *place = (tui_place_t){place->piece + 1, 0};
        else
            return false;
    } else if (place->entry > 0) {
        place->entry--;
    } else if (place->piece > 0) {
        *place = (tui_place_t){place->piece - 1, self->pieces[place->piece - 1]->count - 1};
    } else {
        return false;
    }
    return true;
}

tui_entry_t *tui_window_entry(const tui_window_t *self, tui_place_t place)
{
    return &self->pieces[place.piece]->entries[place.entry];
}

vd_bytes_t tui_window_raw(const tui_window_t *self, tui_place_t place)
{
    const tui_entry_t *entry = tui_window_entry(self, place);
    return vd_bytes(self->pieces[place.piece]->bytes.data + entry->at, entry->size);
}
