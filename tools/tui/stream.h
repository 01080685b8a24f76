/* stream.h: the events around the place that is looked at: a bounded window on a session, raw.
 *
 * 1. The window is one stretch of the session's events, in their order, of at most TUI_STREAM_BYTES. It
 *    grows at its end by what the head gives, and at either end by what is read; what is furthest from
 *    the place that is looked at goes, in pieces.
 * 2. The cursor follows the newest event, or stays on its own: then new ones are taken while there is
 *    room and counted in any case; what was counted alone is read when it is looked at.
 * 3. A limit is the moment that is looked at: nothing behind it is shown, and the cursor stands at it
 *    whenever it is set.
 * 4. Nothing of an event is formatted or decoded but to draw it or to hold it against a filter, once.
 * 5. A filter is words with blanks between them, which must all hold; `!` in front of one inverts it, `!`
 *    alone all that follow together. `type:GLOB` (a glob over the whole type), `seq:A-B`, `seq:A-`,
 *    `seq:-B`, `seq:A`; anything else is text, in any case of letters, in the type or in the data as
 *    JSON.
 */
#ifndef TUI_STREAM_H
#define TUI_STREAM_H

#include "wire/limits.h"
#include "wire/run.h"

enum {
    TUI_STREAM_BYTES = 4 << 20,
    TUI_STREAM_PAGE = 256,        /* events asked for at a time */
    TUI_STREAM_SEARCH_PAGES = 32, /* read one after the other for a filter, until the next key */
};

typedef struct tui_stream tui_stream_t;

tui_stream_t *tui_stream_new(void);
void tui_stream_destroy(tui_stream_t **self);
/* Begins with a session of which nothing is known. Nothing changes when it is that session. */
void tui_stream_open(tui_stream_t *self, const char *session);
const char *tui_stream_session(const tui_stream_t *self);
/* The next event of the head, in wire bytes. */
void tui_stream_event(tui_stream_t *self, uint64_t seq, vd_bytes_t raw);
/* The head has this event, whether it was given or not. */
void tui_stream_head(tui_stream_t *self, uint64_t seq);
/* Nothing behind `seq` is shown; 0: everything is. */
void tui_stream_limit(tui_stream_t *self, uint64_t seq);
/* False: it is no filter; `error` says why, and the one before stays. */
bool tui_stream_filter(tui_stream_t *self, const char *filter, char *error, size_t size);

/* ---- reading ---- */

/* What has to be read for what is to be shown: `count` events from `seq` on. False: nothing, or it was
 * asked for already. */
bool tui_stream_wants(tui_stream_t *self, uint64_t *seq, uint64_t *count);
/* An event of the answer, in order. */
void tui_stream_read(tui_stream_t *self, uint64_t seq, vd_bytes_t raw);
/* The answer is over; not VD_OK: no more is asked for until the next key. */
void tui_stream_read_done(tui_stream_t *self, vd_status_t status);
bool tui_stream_reading(const tui_stream_t *self);

/* ---- what is shown ---- */

/* One event of the window. */
typedef struct tui_row {
    uint64_t seq;
    vd_bytes_t raw; /* lives until the window changes */
    bool chosen;
} tui_row_t;

/* The rows of a view of `height` lines, from its first. Returns how many there are. */
size_t tui_stream_rows(tui_stream_t *self, size_t height, tui_row_t *rows);
/* The event under the cursor. False when none is shown. */
bool tui_stream_chosen(tui_stream_t *self, tui_row_t *row);
/* Moves the cursor by so many rows that are shown. */
void tui_stream_move(tui_stream_t *self, int64_t rows);
/* To the first event of the session, or to the newest, which it follows from then on. */
void tui_stream_home(tui_stream_t *self);
void tui_stream_end(tui_stream_t *self);
/* Stays on the event under the cursor. */
void tui_stream_hold(tui_stream_t *self);
bool tui_stream_follows(const tui_stream_t *self);
/* To the event with this sequence, which is read if need be. */
void tui_stream_go(tui_stream_t *self, uint64_t seq);
/* To the next row (1) or the one before (-1) in the window that a filter matches. False: there is
 * none, or it is no filter. */
bool tui_stream_seek(tui_stream_t *self, const char *filter, int direction);
/* Goes through the rows that are shown, the oldest first, until `take` returns false. */
void tui_stream_each(tui_stream_t *self, bool (*take)(void *arg, const tui_row_t *row), void *arg);

typedef struct tui_stream_figures {
    uint64_t passed;      /* events that the head gave */
    uint64_t first, last; /* of the window; 0: it is empty */
    uint64_t head;        /* newest sequence */
    uint64_t limit;       /* 0: none */
    uint64_t newer;       /* than the newest of the window */
    size_t bytes, events; /* in the window */
    bool stopped;         /* a search has read as much as it may */
} tui_stream_figures_t;

tui_stream_figures_t tui_stream_figures(const tui_stream_t *self);

#endif
