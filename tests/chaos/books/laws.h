/* laws.h: the store's own laws, held against its commits as they go by; what they hold is written down as a book.
 *
 *   commits    index +1, time never before the one before, the chain, nothing absent
 *   events     their checksum; sequences of a session +1 from 1; session_started first and once; nothing behind
 *              session_ended
 *   bounds     what readers were waited for is there
 */
#ifndef VD_LAWS_H
#define VD_LAWS_H

#include "book.h"
#include "ledgers.h"
#include "problems.h"
#include "wire/chain.h"

enum { OWN_MAX = 16 };

/* An event that was acknowledged, up to which readers were waited for. */
typedef struct bound {
    char session[BOOK_NAME_SIZE];
    uint64_t seq;
    bool met;
} bound_t;

typedef struct laws {
    problems_t *problems;
    ledgers_t *ledgers;
    book_t store;                     /* what is written down */
    uint8_t ended[BOOK_SESSIONS_MAX]; /* by number in that book */
    const char *own[OWN_MAX];         /* sessions that nobody else writes into */
    uint32_t own_count;
    bound_t bounds[OWN_MAX];
    uint32_t bound_count;
    uint64_t upto; /* number of the last event that readers have to have */
    vd_chain_t chain;
    uint64_t index, commits, broken;
    int64_t time_ms;
} laws_t;

void laws_begin(laws_t *self);
/* Takes a commit, or a piece of one. */
void laws_take(void *self, const vd_commit_t *piece);
/* Has the session ended? An argument of ledgers_end. */
bool laws_ended(void *self, const char *session);
/* The store has no more. Tells its row on stdout. */
void laws_end(laws_t *self);

#endif
