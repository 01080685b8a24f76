/* ledgers.h: what producers were told, against what the store holds.
 *
 * 1. Each ledger is held against the store's events while those go by once, in the order of commits; afterwards what was
 *    not among them is known.
 * 2. produced = committed + rejected + unknown; of the unknown some are stored, some are not: of those of one life in one
 *    session the first ones.
 * 3. Rejected is what goes into a session that has ended, and nothing else.
 * 4. Receipts say where events are stored: a single one may leave it out, but not all of a ledger.
 */
#ifndef VD_LEDGERS_H
#define VD_LEDGERS_H

#include "book.h"
#include "problems.h"
#include "wire/limits.h"
#include "wire/run.h"

enum { LEDGERS_MAX = 64 };

typedef struct ledger {
    book_view_t book;
    uint64_t produced, committed, rejected, unknown, unknown_stored;
    uint64_t lost;      /* acknowledged and not stored */
    uint64_t doubled;   /* stored twice */
    uint64_t reordered; /* stored behind a later one */
    uint64_t different; /* not the bytes that were emitted, or not where the receipt says */
    uint64_t foreign;   /* stored, and never emitted or rejected */
    uint64_t refused;   /* rejected, and the session has not ended */
    uint64_t holes;     /* stored without one before it that is unknown */
    uint64_t untold;    /* without any state */
    uint64_t placed;    /* acknowledged with their sequence */
    uint64_t highest;   /* number of the last stored one */
    uint8_t *stored;    /* a bit for each event */
    uint8_t life;       /* that of the last unknown one */
    uint64_t
        *absent; /* in each session the last unknown one of that life that is not stored; 0: none */
} ledger_t;

typedef struct ledgers {
    ledger_t rows[LEDGERS_MAX];
    uint32_t count;
    uint32_t last;
    uint64_t strangers; /* events that say that they are of somebody without a ledger */
    problems_t *problems;
} ledgers_t;

void ledgers_add(ledgers_t *self, const char *path);
/* An event of the store with wire bytes `bytes`. Returns whether it is of one of the producers; `own`: it is to be one. */
void ledgers_take(ledgers_t *self, const vd_event_t *event, bool own);
/* The store has no more; `ended` says whether a session has ended. Tells each ledger's row on stdout. */
void ledgers_end(ledgers_t *self, bool (*ended)(void *arg, const char *session), void *arg);
void ledgers_free(ledgers_t *self);

#endif
