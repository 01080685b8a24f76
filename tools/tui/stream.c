/* stream.c: see stream.h: the cursor, the view, and what has to be read for it. */
#include "tui/stream.h"

#include "tui/stream_filter.h"
#include "tui/stream_window.h"

#include <assert.h>
#include <stdlib.h>

enum { JSON_BYTES = 8 << 20, HEIGHT_MAX = 1024, PREFETCH_ROWS = 64 };

enum { MATCH_UNKNOWN = 0, MATCH_YES, MATCH_NO };

struct tui_stream {
    char session[VD_NAME_BYTES_MAX + 1];
    tui_window_t window;
    tui_stream_filter_t filter;
    uint64_t head, limit, passed;
    bool follows;
    uint64_t cursor; /* sequence; 0: none yet */
    size_t above;    /* rows of the view above the cursor */
    size_t height;   /* of the newest view */
    /* What is being read. */
    tui_piece_t *read; /* NULL: nothing is */
    bool stuck;
    bool blocked; /* what would be read has no room beside what is shown */
    uint64_t read_from;
    int pages; /* read since the last key */
};

tui_stream_t *tui_stream_new(void)
{
    tui_stream_t *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->follows = true;
    self->height = 1;
    vd_buffer_init(&self->filter.json, JSON_BYTES);
    return self;
}

void tui_stream_destroy(tui_stream_t **self)
{
    if (*self == NULL)
        return;
    tui_window_clear(&(*self)->window);
    tui_piece_destroy(&(*self)->read);
    vd_buffer_free(&(*self)->filter.json);
    free(*self);
    *self = NULL;
}

const char *tui_stream_session(const tui_stream_t *self)
{
    return self->session;
}

/* What is known of the window is void; what is being read is not waited for. */
static void forget(tui_stream_t *self)
{
    tui_window_clear(&self->window);
    tui_piece_destroy(&self->read);
}

static void key_pressed(tui_stream_t *self)
{
    self->pages = 0;
    self->stuck = false;
}

void tui_stream_open(tui_stream_t *self, const char *session)
{
    if (strcmp(self->session, session) == 0)
        return;
    forget(self);
    key_pressed(self);
    vd_str_copy(self->session, sizeof self->session, vd_str(session));
    self->head = self->limit = self->passed = self->cursor = 0;
    self->follows = true;
}

void tui_stream_event(tui_stream_t *self, uint64_t seq, vd_bytes_t raw)
{
    uint64_t last = tui_window_last(&self->window), before = self->head;
    bool follows = self->follows && self->limit == 0;
    self->passed++;
    tui_stream_head(self, seq);
    /* Only what follows on the window belongs into it; anything else is read when it is looked at. */
    if (last > 0 ? seq > last && before <= last : follows)
        tui_window_append(&self->window, seq, raw, follows);
}

void tui_stream_head(tui_stream_t *self, uint64_t seq)
{
    self->head = seq > self->head ? seq : self->head;
}

bool tui_stream_filter(tui_stream_t *self, const char *filter, char *error, size_t size)
{
    if (!tui_stream_filter_read(&self->filter, filter, error, size))
        return false;
    for (size_t i = 0; i < self->window.count; i++)
        for (uint32_t at = 0; at < self->window.pieces[i]->count; at++)
            self->window.pieces[i]->entries[at].match = MATCH_UNKNOWN;
    key_pressed(self);
    return true;
}

/* ---- what is shown ---- */

/* The newest sequence that may be shown. */
static uint64_t newest_of(const tui_stream_t *self)
{
    return self->limit > 0 ? self->limit : self->head;
}

static bool is_shown(tui_stream_t *self, tui_place_t place)
{
    tui_entry_t *entry = tui_window_entry(&self->window, place);
    if (self->limit > 0 && entry->seq > self->limit)
        return false;
    if (entry->match == MATCH_UNKNOWN)
        entry->match =
            tui_stream_filter_match(&self->filter, entry->seq, tui_window_raw(&self->window, place))
                ? MATCH_YES
                : MATCH_NO;
    return entry->match == MATCH_YES;
}

/* To the next place that is shown; the place stays as it is where there is none. */
static bool step_shown(tui_stream_t *self, tui_place_t *place, int direction)
{
    tui_place_t at = *place;
    while (tui_window_step(&self->window, &at, direction))
        if (is_shown(self, at)) {
            *place = at;
            return true;
        }
    return false;
}

/* Steps so many rows, or as many as there are, and returns how many. */
static size_t step_rows(tui_stream_t *self, tui_place_t *place, int direction, size_t rows)
{
    size_t count = 0;
    while (count < rows && step_shown(self, place, direction))
        count++;
    return count;
}

/* Where the cursor stands: on its event, else on the nearest before that is shown, else behind. */
static bool cursor_place(tui_stream_t *self, tui_place_t *place)
{
    uint64_t end = self->limit > 0 ? self->limit : UINT64_MAX;
    uint64_t wanted = self->follows || self->cursor == 0 || self->cursor > end ? end : self->cursor;
    if (!tui_window_find(&self->window, wanted, place))
        return false;
    if (!is_shown(self, *place) && !step_shown(self, place, -1) && !step_shown(self, place, 1))
        return false;
    self->cursor = tui_window_entry(&self->window, *place)->seq;
    return true;
}

static tui_row_t row_at(const tui_stream_t *self, tui_place_t place)
{
    uint64_t seq = tui_window_entry(&self->window, place)->seq;
    return (tui_row_t){
        .seq = seq, .raw = tui_window_raw(&self->window, place), .chosen = seq == self->cursor};
}

/* The first and the last place of the view. False: nothing is shown. */
static bool view_of(tui_stream_t *self, tui_place_t *top, tui_place_t *bottom, size_t *count)
{
    tui_place_t cursor;
    size_t height = self->height;
    if (!cursor_place(self, &cursor))
        return false;
    if (self->follows || self->above >= height)
        self->above = height - 1;
    *top = *bottom = cursor;
    size_t above = step_rows(self, top, -1, self->above);
    size_t below = step_rows(self, bottom, 1, height - 1 - above);
    /* Where rows are missing below, more of those above are shown. */
    above += step_rows(self, top, -1, height - 1 - above - below);
    self->above = above;
    *count = above + below + 1;
    return true;
}

size_t tui_stream_rows(tui_stream_t *self, size_t height, tui_row_t *rows)
{
    tui_place_t top, bottom;
    size_t count = 0;
    assert(height > 0);
    self->height = height < HEIGHT_MAX ? height : HEIGHT_MAX;
    if (!view_of(self, &top, &bottom, &count))
        return 0;
    rows[0] = row_at(self, top);
    for (size_t i = 1; i < count && step_shown(self, &top, 1); i++)
        rows[i] = row_at(self, top);
    return count;
}

bool tui_stream_chosen(tui_stream_t *self, tui_row_t *row)
{
    tui_place_t place;
    if (!cursor_place(self, &place))
        return false;
    *row = row_at(self, place);
    return true;
}

void tui_stream_each(tui_stream_t *self, bool (*take)(void *arg, const tui_row_t *row), void *arg)
{
    tui_place_t at = {0, 0};
    if (self->window.count == 0)
        return;
    do {
        tui_row_t row = row_at(self, at);
        if (is_shown(self, at) && !take(arg, &row))
            return;
    } while (tui_window_step(&self->window, &at, 1));
}

/* ---- moving ---- */

bool tui_stream_follows(const tui_stream_t *self)
{
    return self->follows;
}

void tui_stream_hold(tui_stream_t *self)
{
    tui_place_t place;
    if (cursor_place(self, &place))
        self->follows = false;
}

/* Is the window's end the end of what there is? */
static bool at_end(const tui_stream_t *self)
{
    return tui_window_last(&self->window) >= newest_of(self);
}

void tui_stream_move(tui_stream_t *self, int64_t rows)
{
    tui_place_t place;
    int direction = rows < 0 ? -1 : 1;
    key_pressed(self);
    if (!cursor_place(self, &place))
        return;
    size_t most = (size_t)(rows < 0 ? -rows : rows);
    size_t moved = step_rows(self, &place, direction, most);
    self->cursor = tui_window_entry(&self->window, place)->seq;
    if (direction < 0)
        self->above -= self->above < moved ? self->above : moved;
    else
        self->above = self->above + moved < self->height ? self->above + moved : self->height - 1;
    /* Down from the newest one: it is followed. */
    if (direction > 0 && moved < most && at_end(self))
        self->follows = true;
    else if (moved > 0 || direction < 0)
        self->follows = false;
}

/* Forgets the window unless this event is in it, or next to it. */
static void look_at(tui_stream_t *self, uint64_t seq)
{
    uint64_t first = tui_window_first(&self->window), last = tui_window_last(&self->window);
    if (first == 0 || seq + 1 < first || seq > last + 1)
        forget(self);
}

void tui_stream_home(tui_stream_t *self)
{
    tui_stream_go(self, 1);
    self->above = 0;
}

void tui_stream_end(tui_stream_t *self)
{
    key_pressed(self);
    look_at(self, newest_of(self));
    /* What the head gives next is to stand behind the window. */
    if (!at_end(self) && self->limit == 0)
        forget(self);
    self->follows = true;
    self->above = self->height - 1;
}

void tui_stream_go(tui_stream_t *self, uint64_t seq)
{
    key_pressed(self);
    look_at(self, seq);
    self->follows = false;
    self->cursor = seq;
    self->above = self->height / 2;
}

bool tui_stream_seek(tui_stream_t *self, const char *filter, int direction)
{
    tui_stream_filter_t wanted = {0};
    tui_place_t place;
    char error[TUI_FILTER_TEXT];
    bool found = false;
    key_pressed(self);
    vd_buffer_init(&wanted.json, JSON_BYTES);
    if (tui_stream_filter_read(&wanted, filter, error, sizeof error) && cursor_place(self, &place))
        while (!found && step_shown(self, &place, direction))
            found = tui_stream_filter_match(&wanted, tui_window_entry(&self->window, place)->seq,
                                            tui_window_raw(&self->window, place));
    if (found) {
        self->cursor = tui_window_entry(&self->window, place)->seq;
        self->follows = false;
        self->above = self->height / 2;
    }
    vd_buffer_free(&wanted.json);
    return found;
}

void tui_stream_limit(tui_stream_t *self, uint64_t seq)
{
    if (seq == self->limit)
        return;
    self->limit = seq;
    tui_stream_end(self);
}

/* ---- reading ---- */

bool tui_stream_reading(const tui_stream_t *self)
{
    return self->read != NULL;
}

static bool begin_reading(tui_stream_t *self, uint64_t from, uint64_t count, uint64_t *seq,
                          uint64_t *events)
{
    self->read = tui_piece_new();
    self->read_from = from;
    self->pages++;
    *seq = from;
    *events = count;
    return self->read != NULL;
}

/* Are more rows wanted before, behind those of the window? What is shown, or followed, does not go for
 * them. */
static void lacks(tui_stream_t *self, bool *above, bool *below)
{
    tui_place_t top, bottom, cursor, kept;
    size_t rows = 0;
    bool any = view_of(self, &top, &bottom, &rows);
    *above = !any || step_rows(self, &top, -1, PREFETCH_ROWS) < PREFETCH_ROWS;
    *below = !any || step_rows(self, &bottom, 1, PREFETCH_ROWS) < PREFETCH_ROWS;
    self->blocked = false;
    tui_window_find(&self->window, UINT64_MAX, &kept);
    if (!self->follows && cursor_place(self, &cursor))
        kept = cursor;
    else if (!self->follows)
        return; /* there is nothing to be kept */
    if (*above && !tui_window_fits(&self->window, kept, true)) {
        self->blocked = true;
        *above = false;
    }
    *below = *below && tui_window_fits(&self->window, kept, false);
}

bool tui_stream_wants(tui_stream_t *self, uint64_t *seq, uint64_t *count)
{
    const uint64_t page = TUI_STREAM_PAGE;
    uint64_t newest = newest_of(self);
    uint64_t first = tui_window_first(&self->window), last = tui_window_last(&self->window);
    if (self->read != NULL || self->stuck || newest == 0 || self->session[0] == 0 ||
        self->pages >= TUI_STREAM_SEARCH_PAGES)
        return false;
    if (first == 0) {
        bool at_head = self->follows || self->cursor == 0 || self->cursor + page / 2 > newest;
        uint64_t to = at_head ? newest : self->cursor + page / 2;
        uint64_t from = to > page ? to - page + 1 : 1;
        return begin_reading(self, from, to - from + 1, seq, count);
    }
    bool above, below;
    lacks(self, &above, &below);
    if (above && first > 1) {
        uint64_t from = first > page ? first - page : 1;
        return begin_reading(self, from, first - from, seq, count);
    }
    return below && last < newest &&
           begin_reading(self, last + 1, newest - last < page ? newest - last : page, seq, count);
}

void tui_stream_read(tui_stream_t *self, uint64_t seq, vd_bytes_t raw)
{
    tui_piece_t *piece = self->read;
    uint64_t first = tui_window_first(&self->window), last = tui_window_last(&self->window);
    if (piece == NULL || seq < self->read_from ||
        (piece->count > 0 && seq <= piece->entries[piece->count - 1].seq))
        return;
    /* The head may have given what was asked for, meanwhile. */
    bool before = first > 0 && self->read_from < first;
    if (first == 0 || (before ? seq < first : seq > last))
        tui_piece_add(piece, seq, raw, before || first == 0);
}

void tui_stream_read_done(tui_stream_t *self, vd_status_t status)
{
    tui_piece_t *piece = self->read;
    if (piece == NULL)
        return;
    self->read = NULL;
    self->stuck = status != VD_OK || piece->count == 0;
    if (piece->count == 0) {
        tui_piece_destroy(&piece);
        return;
    }
    tui_stream_head(self, piece->entries[piece->count - 1].seq);
    tui_window_put(&self->window, piece, piece->entries[0].seq < tui_window_first(&self->window));
}

tui_stream_figures_t tui_stream_figures(const tui_stream_t *self)
{
    size_t events = 0;
    for (size_t i = 0; i < self->window.count; i++)
        events += self->window.pieces[i]->count;
    uint64_t last = tui_window_last(&self->window);
    return (tui_stream_figures_t){
        .passed = self->passed,
        .first = tui_window_first(&self->window),
        .last = last,
        .head = self->head,
        .limit = self->limit,
        .newer = last > 0 && self->head > last ? self->head - last : 0,
        .bytes = self->window.bytes,
        .events = events,
        .stopped = self->blocked || self->pages >= TUI_STREAM_SEARCH_PAGES,
    };
}
