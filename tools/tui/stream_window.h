/* stream_window.h: one stretch of events in memory, in pieces that come and go as a whole.
 *
 * 1. Events stand in the order of their sequences. It holds at most TUI_STREAM_BYTES of them.
 */
#ifndef TUI_STREAM_WINDOW_H
#define TUI_STREAM_WINDOW_H

#include "tui/stream.h"

enum {
    TUI_PIECES_MAX = 160,
    TUI_PIECE_EVENTS = TUI_STREAM_PAGE,
    TUI_PIECE_BYTES = 65536,  /* a piece that has come so far takes no more of the head */
    TUI_PIECE_READ = 1 << 20, /* what is read at once holds no more */
};

typedef struct tui_entry {
    uint64_t seq;
    uint32_t at, size;
    uint8_t match; /* of whoever filters: 0: not known */
} tui_entry_t;

typedef struct tui_piece {
    vd_buffer_t bytes;
    uint32_t count;
    bool full; /* an event found no room */
    tui_entry_t entries[TUI_PIECE_EVENTS];
} tui_piece_t;

typedef struct tui_window {
    tui_piece_t *pieces[TUI_PIECES_MAX];
    size_t count, bytes;
} tui_window_t;

typedef struct tui_place {
    size_t piece;
    uint32_t entry;
} tui_place_t;

tui_piece_t *tui_piece_new(void);
void tui_piece_destroy(tui_piece_t **self);
/* Adds an event. Where there is no room the oldest go for it (`backwards`), or it is left out with all
 * that follow. */
void tui_piece_add(tui_piece_t *self, uint64_t seq, vd_bytes_t raw, bool backwards);

void tui_window_clear(tui_window_t *self);
/* Sequences of the first and last event; 0: it is empty. */
uint64_t tui_window_first(const tui_window_t *self);
uint64_t tui_window_last(const tui_window_t *self);
/* Appends an event; what stands at the front goes for it if it `may`. False: no room. */
bool tui_window_append(tui_window_t *self, uint64_t seq, vd_bytes_t raw, bool may);
/* Is there room for a page at one of its ends while this place stays? */
bool tui_window_fits(const tui_window_t *self, tui_place_t place, bool front);
/* Takes a piece, which is not empty, to one of its ends; at the other end pieces go for it. */
void tui_window_put(tui_window_t *self, tui_piece_t *piece, bool front);
/* The last event at or before `seq`, else the first. False: it is empty. */
bool tui_window_find(const tui_window_t *self, uint64_t seq, tui_place_t *place);
/* To the next event in a direction. False, with the place as it was: there is none. */
bool tui_window_step(const tui_window_t *self, tui_place_t *place, int direction);
tui_entry_t *tui_window_entry(const tui_window_t *self, tui_place_t place);
vd_bytes_t tui_window_raw(const tui_window_t *self, tui_place_t place);

#endif
