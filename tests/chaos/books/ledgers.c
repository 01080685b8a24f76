/* ledgers.c: holds ledgers against the store. */
#include "ledgers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ledgers_add(ledgers_t *self, const char *path)
{
    if (self->count == LEDGERS_MAX) {
        fprintf(stderr, "books: more than %d ledgers\n", LEDGERS_MAX);
        exit(2);
    }
    ledger_t *row = &self->rows[self->count++];
    book_view_open(&row->book, path);
    row->produced = row->book.head.count;
    row->stored = calloc(row->produced / 8 + 1, 1);
    row->absent = calloc(BOOK_SESSIONS_MAX, sizeof *row->absent);
    if (row->stored == NULL || row->absent == NULL || row->book.head.kind != BOOK_LEDGER) {
        fprintf(stderr, "books: %s is not a ledger\n", path);
        exit(2);
    }
}

static ledger_t *find(ledgers_t *self, vd_str_t name)
{
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t at = (self->last + i) % self->count;
        if (vd_str_is(name, self->rows[at].book.head.name)) {
            self->last = at;
            return &self->rows[at];
        }
    }
    return NULL;
}

static const char *session_of(const ledger_t *row, const book_record_t *record)
{
    return row->book.head.sessions[record->session].name;
}

/* The event is what was emitted, and where the receipt says. */
static void compare(ledgers_t *self, ledger_t *row, uint64_t n, const vd_event_t *event)
{
    const book_record_t *record = book_view_at(&row->book, n);
    const char *who = row->book.head.name;
    char at[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(at, sizeof at, event->session);
    if (record->state == BOOK_REJECTED || record->state == BOOK_NOTHING) {
        problem(self->problems, who, "foreign", row->foreign++,
                "event %" PRIu64 " is stored as %s:%" PRIu64 " and was %s", n, at, event->seq,
                record->state == BOOK_REJECTED ? "rejected" : "never emitted");
        return;
    }
    bool placed = vd_str_is(event->session, session_of(row, record)) &&
                  (record->seq == 0 || record->seq == event->seq);
    if (!placed)
        problem(self->problems, who, "different", row->different++,
                "event %" PRIu64 " is stored as %s:%" PRIu64 ", the ledger has %s:%" PRIu64, n, at,
                event->seq, session_of(row, record), record->seq);
    else if (record->crc != vd_crc32c(0, event->data))
        problem(self->problems, who, "different", row->different++,
                "event %" PRIu64 ", %s:%" PRIu64 ", has other data than were emitted", n, at,
                event->seq);
}

static void take(ledgers_t *self, ledger_t *row, uint64_t n, const vd_event_t *event)
{
    const char *who = row->book.head.name;
    char at[VD_NAME_BYTES_MAX + 1];
    vd_str_copy(at, sizeof at, event->session);
    if (n == 0 || n > row->produced) {
        problem(self->problems, who, "foreign", row->foreign++,
                "event %" PRIu64 " is stored as %s:%" PRIu64 " and was never emitted", n, at,
                event->seq);
        return;
    }
    uint8_t *byte = &row->stored[n / 8], bit = (uint8_t)(1u << n % 8);
    if (*byte & bit) {
        problem(self->problems, who, "doubled", row->doubled++,
                "event %" PRIu64 " is stored again as %s:%" PRIu64, n, at, event->seq);
        return;
    }
    *byte |= bit;
    if (n < row->highest)
        problem(self->problems, who, "reordered", row->reordered++,
                "event %" PRIu64 " is stored as %s:%" PRIu64 " behind event %" PRIu64, n, at,
                event->seq, row->highest);
    else
        row->highest = n;
    compare(self, row, n, event);
}

void ledgers_take(ledgers_t *self, const vd_event_t *event, bool own)
{
    vd_value_t data;
    if (!vd_str_is(event->type, "chaos") || !vd_value_of(event->data, &data))
        return;
    vd_str_t name = vd_value_get_str(&data, "p");
    ledger_t *row = find(self, name);
    if (row != NULL)
        take(self, row, vd_value_get_u64(&data, "n", 0), event);
    else if (own)
        problem(self->problems, "nobody", "foreign", self->strangers++,
                "%.*s:%" PRIu64 " says that it is of %.*s, who has no ledger",
                (int)event->session.size, (const char *)event->session.data, event->seq,
                (int)name.size, (const char *)name.data);
}

/* ---- the end ---- */

/* Of the unknown events of one life that go into one session the first ones are stored: they are taken in order. */
static void check_hole(ledgers_t *self, ledger_t *row, uint64_t n, bool stored)
{
    const book_record_t *record = book_view_at(&row->book, n);
    uint64_t *absent = &row->absent[record->session];
    if (record->status != row->life)
        memset(row->absent, 0, BOOK_SESSIONS_MAX * sizeof *row->absent);
    row->life = record->status;
    if (!stored)
        *absent = n;
    else if (*absent != 0)
        problem(self->problems, row->book.head.name, "hole", row->holes++,
                "event %" PRIu64 " of %s is stored and event %" PRIu64 " before it is not", n,
                session_of(row, record), *absent);
}

static void settle(ledgers_t *self, ledger_t *row, uint64_t n,
                   bool (*ended)(void *arg, const char *session), void *arg)
{
    const book_record_t *record = book_view_at(&row->book, n);
    const char *who = row->book.head.name;
    bool stored = row->stored[n / 8] >> n % 8 & 1;
    switch (record->state) {
    case BOOK_COMMITTED:
        row->committed++;
        row->placed += record->seq != 0;
        if (!stored)
            problem(self->problems, who, "lost", row->lost++,
                    "event %" PRIu64 " was acknowledged as %s:%" PRIu64 " and is not stored", n,
                    session_of(row, record), record->seq);
        break;
    case BOOK_REJECTED:
        row->rejected++;
        if (record->status != VD_SESSION_CLOSED || !ended(arg, session_of(row, record)))
            problem(self->problems, who, "refused", row->refused++,
                    "event %" PRIu64 " of %s was rejected: %s", n, session_of(row, record),
                    vd_status_text((vd_status_t)record->status));
        break;
    case BOOK_TAKEN:
        check_hole(self, row, n, stored);
        /* fall through */
    case BOOK_FENCED:
        row->unknown++;
        row->unknown_stored += stored;
        break;
    default:
        problem(self->problems, who, "untold", row->untold++,
                "event %" PRIu64 " has the state %d, which is none of a ledger", n, record->state);
    }
}

void ledgers_end(ledgers_t *self, bool (*ended)(void *arg, const char *session), void *arg)
{
    for (uint32_t i = 0; i < self->count; i++) {
        ledger_t *row = &self->rows[i];
        for (uint64_t n = 1; n <= row->produced; n++)
            settle(self, row, n, ended, arg);
        if (row->placed == 0 && row->committed > 0)
            problem(self->problems, row->book.head.name, "unplaced", 0,
                    "%" PRIu64 " events were acknowledged, and of none was it told where it is",
                    row->committed);
        printf("{\"row\":\"producer\",\"name\":\"%s\",\"produced\":%" PRIu64
               ",\"committed\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"unknown\":%" PRIu64
               ",\"unknown_stored\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
               ",\"reordered\":%" PRIu64 ",\"different\":%" PRIu64 ",\"foreign\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"holes\":%" PRIu64 ",\"lives\":%" PRIu64 "}\n",
               row->book.head.name, row->produced, row->committed, row->rejected, row->unknown,
               row->unknown_stored, row->lost, row->doubled, row->reordered, row->different,
               row->foreign, row->refused, row->holes, row->book.head.lives);
    }
}

void ledgers_free(ledgers_t *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        book_view_close(&self->rows[i].book);
        free(self->rows[i].stored);
        free(self->rows[i].absent);
    }
    self->count = 0;
}
