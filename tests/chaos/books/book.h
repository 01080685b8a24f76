/* book.h: a file of fixed records that outlives whoever writes it: a producer's ledger, a reader's history, the store's
 * order of events.
 *
 * 1. A book is written through a shared mapping: what was written is in the file when its writer is killed at
 *    any moment. A record counts from when `count` covers it; before that nobody looks at it.
 * 2. In a ledger, record n is the producer's event n: written as TAKEN before the library gets the event, then
 *    as what its receipt says. TAKEN at the end: unknown, only the store knows.
 * 3. In a history, records are events in the order in which they were shown, LIFE where a reader began again.
 * 4. Sessions are numbered within the book, in the order of their first appearance.
 * 5. The file is sparse and as long as the fullest book while it is written; closing cuts it.
 * 6. Layout and numbers are little endian, and the same in tests/chaos/book.py.
 */
#ifndef VD_BOOK_H
#define VD_BOOK_H

#include <stddef.h>
#include <stdint.h>

#define BOOK_MAGIC "vdbook1"

enum {
    BOOK_HEAD_BYTES = 393216, /* the records begin here */
    BOOK_SESSIONS_MAX = 4096,
    BOOK_RECORDS_MAX = 1 << 28,
    BOOK_NAME_SIZE = 72,
    BOOK_PLACE_SIZE = 160,
};

typedef enum book_kind {
    BOOK_LEDGER = 1, /* of a producer */
    BOOK_HISTORY,    /* of a reader that is shown everything, once */
    BOOK_AGAIN,      /* of one that after a LIFE may be shown again what it was shown before */
    BOOK_HINTS,      /* of one that may miss anything */
    BOOK_STORE,      /* what the store holds, in the order of commits */
} book_kind_t;

typedef enum book_state {
    BOOK_NOTHING = 0,
    BOOK_TAKEN, /* may be on its way */
    BOOK_COMMITTED,
    BOOK_REJECTED, /* `status` says why */
    BOOK_FENCED,   /* the receipt says that nobody here knows */
    BOOK_SHOWN,
    BOOK_LIFE,
} book_state_t;

typedef struct book_record {
    uint64_t seq;     /* in its session; 0 in a ledger: not told */
    uint32_t crc;     /* CRC32C: of an event's data in a ledger, of its wire bytes elsewhere */
    uint16_t session; /* number in the book */
    uint8_t state;
    uint8_t status; /* of a rejection; of what is TAKEN the life, counted modulo 256 */
} book_record_t;

typedef struct book_session {
    uint64_t last; /* highest sequence that was shown */
    char name[BOOK_NAME_SIZE];
} book_session_t;

/* Where its reader goes on: behind the first `count` records. */
typedef struct book_keep {
    uint64_t count;
    char place[BOOK_PLACE_SIZE];
} book_keep_t;

typedef struct book_head {
    char magic[8];
    uint32_t kind;
    uint32_t session_count;
    uint64_t count; /* records */
    uint64_t committed, rejected;
    uint64_t told; /* times that a reader was told that something is missing */
    uint64_t lives;
    uint32_t keep_now; /* which one of `keep` holds */
    uint32_t spare;
    book_keep_t keep[2];
    char name[BOOK_NAME_SIZE];  /* of the producer or reader */
    char scope[BOOK_NAME_SIZE]; /* the session that is read, or * */
    book_session_t sessions[BOOK_SESSIONS_MAX];
} book_head_t;

typedef struct book {
    int file;
    book_head_t *head;
    book_record_t *records;
    uint16_t session; /* the last one asked for */
} book_t;

/* Opens the book in `path` for writing, as it was left, or makes it. Counts a life. Ends the process
 * with a message when that cannot be. */
void book_open(book_t *self, const char *path, book_kind_t kind, const char *name,
               const char *scope);
void book_close(book_t *self);
/* Record `n`, from 1; ends the process when the book is full. */
book_record_t *book_record(book_t *self, uint64_t n);
/* The number of a session, which is new when it has none yet. */
uint16_t book_session(book_t *self, const char *name);
/* From now on `count` records count. */
void book_count(book_t *self, uint64_t count);
/* Adds a record at the end. */
void book_append(book_t *self, const book_record_t *record);
/* Adds an event that was shown. */
void book_show(book_t *self, const char *session, uint64_t seq, uint32_t crc);
/* Keeps where the reader goes on, behind all records that there are. */
void book_keep(book_t *self, const char *place);
/* Forgets what was shown behind the place that was kept last; that place, "" for the beginning. */
const char *book_go_back(book_t *self);

/* ---- reading what others have written ---- */

typedef struct book_view {
    int file;
    book_head_t head;
    uint64_t window_first; /* number of its first record */
    uint32_t window_count;
    book_record_t *window;
} book_view_t;

/* Opens a book for reading; what comes in behind is not seen. Ends the process when it is none. */
void book_view_open(book_view_t *self, const char *path);
void book_view_close(book_view_t *self);
/* Record `n`, from 1 to head.count; lives until the next call. */
const book_record_t *book_view_at(book_view_t *self, uint64_t n);

#endif
