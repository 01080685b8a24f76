/* histories.c: holds a history against the store. */
#include "histories.h"

#include "book.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SESSION = -1 };

/* A session as the store has it. */
typedef struct known {
    uint64_t last;   /* its last event */
    uint64_t passed; /* its last event before the place where the reader is */
    uint8_t *shown;  /* a bit for each event */
    bool in_scope;
} known_t;

typedef struct history {
    problems_t *problems;
    const char *who;
    book_view_t book, store;
    known_t *sessions;                  /* by number in the store's book */
    int32_t numbers[BOOK_SESSIONS_MAX]; /* of the history's sessions in the store's book */
    uint64_t at;                        /* the reader has passed so many events of the store */
    bool alive_again;                   /* nothing was shown since a LIFE */
    uint64_t shown, again, stored;
    uint64_t missing, doubled, reordered, different, foreign, gaps;
} history_t;

static const char *name_of(const book_view_t *view, const book_record_t *record)
{
    return view->head.sessions[record->session].name;
}

static void open_both(history_t *self, const char *path, const char *store)
{
    book_view_open(&self->book, path);
    book_view_open(&self->store, store);
    self->who = self->book.head.name;
    self->sessions = calloc(BOOK_SESSIONS_MAX, sizeof *self->sessions);
    bool all = strcmp(self->book.head.scope, "*") == 0;
    for (uint32_t i = 0; i < self->store.head.session_count; i++) {
        const book_session_t *row = &self->store.head.sessions[i];
        self->sessions[i] = (known_t){
            .last = row->last,
            .shown = calloc(row->last / 8 + 1, 1),
            .in_scope = all || strcmp(row->name, self->book.head.scope) == 0,
        };
    }
    for (uint32_t i = 0; i < self->book.head.session_count; i++) {
        self->numbers[i] = NO_SESSION;
        for (uint32_t k = 0; k < self->store.head.session_count; k++)
            if (strcmp(self->book.head.sessions[i].name, self->store.head.sessions[k].name) == 0)
                self->numbers[i] = (int32_t)k;
    }
}

static void close_both(history_t *self)
{
    for (uint32_t i = 0; i < self->store.head.session_count; i++)
        free(self->sessions[i].shown);
    free(self->sessions);
    book_view_close(&self->book);
    book_view_close(&self->store);
}

static bool is_shown(const known_t *known, uint64_t seq)
{
    return known->shown[seq / 8] >> seq % 8 & 1;
}

/* Goes on to the event, which lies ahead; what is passed on the way was not shown. Returns how much that is. */
static uint64_t go_to(history_t *self, uint32_t number, uint64_t seq)
{
    uint64_t passed = 0;
    while (self->at < self->store.head.count) {
        const book_record_t *record = book_view_at(&self->store, ++self->at);
        known_t *known = &self->sessions[record->session];
        known->passed = record->seq;
        if (record->session == number && record->seq == seq)
            return passed;
        passed += known->in_scope;
    }
    return passed;
}

/* Goes back to before the event. */
static void go_back(history_t *self, uint32_t number, uint64_t seq)
{
    while (self->at > 0) {
        const book_record_t *record = book_view_at(&self->store, self->at--);
        self->sessions[record->session].passed = record->seq - 1;
        if (record->session == number && record->seq == seq)
            return;
    }
}

/* An event of the store that was shown, ahead of the place where the reader is. */
static void take_ahead(history_t *self, const book_record_t *shown, uint32_t number)
{
    known_t *known = &self->sessions[number];
    uint64_t left_out = go_to(self, number, shown->seq);
    const book_record_t *stored = book_view_at(&self->store, self->at);
    if (left_out > 0) {
        self->gaps++;
        if (self->book.head.kind != BOOK_HINTS)
            problem(self->problems, self->who, "gap", self->gaps - 1,
                    "%" PRIu64 " events of the store are left out before %s:%" PRIu64, left_out,
                    name_of(&self->store, stored), shown->seq);
    }
    if (is_shown(known, shown->seq))
        self->again++;
    else
        self->stored++;
    known->shown[shown->seq / 8] |= (uint8_t)(1u << shown->seq % 8);
    if (stored->crc != shown->crc)
        problem(self->problems, self->who, "different", self->different++,
                "%s:%" PRIu64 " has other bytes in the store", name_of(&self->store, stored),
                shown->seq);
}

static void take(history_t *self, const book_record_t *shown)
{
    int32_t number = self->numbers[shown->session];
    const char *session = name_of(&self->book, shown);
    bool first = self->alive_again;
    self->alive_again = false;
    self->shown++;
    if (number == NO_SESSION || shown->seq == 0 || shown->seq > self->sessions[number].last ||
        !self->sessions[number].in_scope) {
        problem(self->problems, self->who, "foreign", self->foreign++,
                "was shown %s:%" PRIu64 ", which is not in the store", session, shown->seq);
        return;
    }
    known_t *known = &self->sessions[number];
    if (shown->seq <= known->passed && first && is_shown(known, shown->seq))
        go_back(self, (uint32_t)number, shown->seq);
    if (shown->seq > known->passed)
        take_ahead(self, shown, (uint32_t)number);
    else if (is_shown(known, shown->seq))
        problem(self->problems, self->who, "doubled", self->doubled++,
                "was shown %s:%" PRIu64 " twice", session, shown->seq);
    else {
        problem(self->problems, self->who, "reordered", self->reordered++,
                "was shown %s:%" PRIu64 " behind what is stored later", session, shown->seq);
        known->shown[shown->seq / 8] |= (uint8_t)(1u << shown->seq % 8);
        self->stored++;
    }
}

/* What is in scope and was never shown. */
static void count_missing(history_t *self, uint64_t upto)
{
    for (uint64_t n = 1; n <= upto; n++) {
        const book_record_t *record = book_view_at(&self->store, n);
        const known_t *known = &self->sessions[record->session];
        if (!known->in_scope || is_shown(known, record->seq))
            continue;
        self->missing++;
        if (self->book.head.kind != BOOK_HINTS)
            problem(self->problems, self->who, "missing", self->missing - 1,
                    "was never shown %s:%" PRIu64, name_of(&self->store, record), record->seq);
    }
}

void history_check(problems_t *problems, const char *path, const char *store, uint64_t upto)
{
    history_t *self = calloc(1, sizeof *self);
    self->problems = problems;
    open_both(self, path, store);
    for (uint64_t n = 1; n <= self->book.head.count; n++) {
        const book_record_t *record = book_view_at(&self->book, n);
        if (record->state == BOOK_LIFE)
            self->alive_again = self->book.head.kind == BOOK_AGAIN;
        else
            take(self, record);
    }
    count_missing(self, upto);
    if (self->book.head.told > 0)
        problem(problems, self->who, "told", 0,
                "was told %" PRIu64 " times that events are missing", self->book.head.told);
    if (self->shown == 0)
        problem(problems, self->who, "missing", self->missing, "was shown nothing at all");
    printf("{\"row\":\"reader\",\"name\":\"%s\",\"scope\":\"%s\",\"kind\":%" PRIu32
           ",\"shown\":%" PRIu64 ",\"again\":%" PRIu64 ",\"store\":%" PRIu64 ",\"missing\":%" PRIu64
           ",\"doubled\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"different\":%" PRIu64
           ",\"foreign\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"told\":%" PRIu64 ",\"lives\":%" PRIu64
           "}\n",
           self->who, self->book.head.scope, self->book.head.kind, self->shown, self->again,
           self->stored, self->missing, self->doubled, self->reordered, self->different,
           self->foreign, self->gaps, self->book.head.told, self->book.head.lives);
    close_both(self);
    free(self);
}
