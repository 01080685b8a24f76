/* timeline.h: from which moment a session is looked at: live, or as of any event or time of it.
 *
 * 1. The head is told every event of a session in order, from its first. The state as of a moment is
 *    what the head was then, byte by byte, whichever way leads there.
 * 2. What it needs of the past it asks for as a range of events of a session, under a number. Only
 *    the newest number counts: what is answered to another is refused, and may be cancelled.
 * 3. A moment is an event, or a time: then all events before the first with which the session's clock
 *    passes it.
 * 4. Until the moment that is wished for is reached, the one before is shown, or one on the way
 *    between them; `reading` says so.
 * 5. Where events are missing, the state goes on from what there is, and says how many.
 * 6. A session that goes on in another: who looks at it live goes over. Who looks at a moment of it
 *    stays there until live is wished for.
 * 7. Memory is bounded whatever the length of sessions: saved states get sparser, marks get wider.
 * 8. It knows no clock: where time matters, `now_ms` is an input, of which only differences count.
 */
#ifndef TUI_TIMELINE_H
#define TUI_TIMELINE_H

#include "tui/state.h"

enum {
    TUI_TIMELINE_SAVED_BYTES = 6 << 20, /* of saved states in all */
    TUI_TIMELINE_CACHE_BYTES = 1 << 20, /* of events around the moment */
    TUI_TIMELINE_CACHE_EVENTS = 1024,
    TUI_TIMELINE_MARKS = 1024,
};

typedef enum tui_timeline_mode {
    TUI_TIMELINE_LIVE = 0,
    TUI_TIMELINE_FROZEN,  /* at what was the head when it was frozen */
    TUI_TIMELINE_PAST,    /* at a moment */
    TUI_TIMELINE_PLAYING, /* at a moment that moves on */
} tui_timeline_mode_t;

/* Where it stands. Texts live until the timeline is changed. */
typedef struct tui_moment {
    tui_timeline_mode_t mode;
    const char *session; /* that is shown; "": none yet */
    const char *next;    /* the one that it goes on in; "": none that is known */
    uint64_t seq;        /* that is shown */
    int64_t at_ms;       /* the time that is shown; 0: before any event */
    uint64_t head_seq;   /* of the session that is shown, as far as it was heard */
    int64_t begun_ms;    /* its first event */
    int64_t head_ms;     /* its clock at the head */
    bool catching_up;    /* the head has not heard all yet */
    bool ended;          /* no event will follow at the head */
    bool reading;        /* law 4 */
    bool waits;          /* ... for what the head has not heard yet */
    uint64_t missing;    /* events before the moment that are not there */
    uint64_t gap_seq;    /* the first of the last of them that were told; 0: none */
    uint64_t gap_count;
    double factor;       /* while it plays */
    uint64_t went_back;  /* how often the store did, under this session */
    vd_status_t trouble; /* why the past cannot be read; VD_OK: it can */
    const char *text;    /* what was said of it */
} tui_moment_t;

typedef struct tui_range {
    uint64_t wish;       /* its number */
    const char *session; /* lives until the timeline is changed */
    uint64_t from, to;   /* sequences, both included */
} tui_range_t;

/* Faults in a part of the session. */
typedef struct tui_mark {
    uint64_t seq; /* of the first; 0: none */
    int64_t at_ms;
    uint64_t faults; /* without the failures */
    uint64_t failures;
    tui_fault_kind_t kind; /* the gravest */
} tui_mark_t;

typedef struct tui_timeline tui_timeline_t;

/* `saved_bytes`: 0: TUI_TIMELINE_SAVED_BYTES. NULL without memory. */
tui_timeline_t *tui_timeline_new(size_t saved_bytes);
void tui_timeline_destroy(tui_timeline_t **self);
/* Begins with a session of which nothing is known yet, live. */
void tui_timeline_open(tui_timeline_t *self, vd_str_t session);

/* ---- the head ---- */

/* The next event that the head gave; of another session: it goes on in that. False: it was known. */
bool tui_timeline_event(tui_timeline_t *self, const vd_event_t *event);
/* The head says that `count` events from `seq` on are not there. */
void tui_timeline_missing(tui_timeline_t *self, uint64_t seq, uint64_t count);
/* The head has given all that there is by now; may be said again and again. Before that, a wish for
 * what is not heard yet waits. */
void tui_timeline_caught_up(tui_timeline_t *self);
/* Nothing follows at the head. */
void tui_timeline_ended(tui_timeline_t *self);
/* The store went back in time: all that was heard of the session is void. The head has to be
 * followed again from its first event; a moment that is looked at is sought again. */
void tui_timeline_went_back(tui_timeline_t *self);

/* ---- wishes ---- */

void tui_timeline_live(tui_timeline_t *self);
/* Stays at what the head is now; at a moment of the past, it stops playing. */
void tui_timeline_freeze(tui_timeline_t *self);
/* To an event, to a time, by so many events, by so much time, to the next (1) or the previous (-1)
 * mark. What is beyond an end is the end. */
void tui_timeline_seek(tui_timeline_t *self, uint64_t seq);
void tui_timeline_seek_ms(tui_timeline_t *self, int64_t at_ms);
void tui_timeline_step(tui_timeline_t *self, int64_t events);
void tui_timeline_step_ms(tui_timeline_t *self, int64_t ms);
void tui_timeline_step_mark(tui_timeline_t *self, int direction);
/* Lets the session's time go on from the moment, so many times as fast as time does (0.1 to 1000);
 * 0: stops. At the head of a session that goes on, it is live. */
void tui_timeline_play(tui_timeline_t *self, double factor, int64_t now_ms);
void tui_timeline_tick(tui_timeline_t *self, int64_t now_ms);

/* ---- reading ---- */

/* What has to be read now. False: nothing. The same number: what was asked for already. */
bool tui_timeline_wants(tui_timeline_t *self, tui_range_t *range);
/* The next event of an answer. False: no more of this wish is needed; its answer may be cancelled. */
bool tui_timeline_read(tui_timeline_t *self, uint64_t wish, const vd_event_t *event);
/* The answer says that `count` events from `seq` on are not there. */
bool tui_timeline_read_missing(tui_timeline_t *self, uint64_t wish, uint64_t seq, uint64_t count);
/* The answer is over. VD_OK: what is still needed is asked for under another number. VD_PRUNED,
 * VD_CORRUPT, VD_UNKNOWN_SESSION: the rest of the range is not there. Anything else is trouble, with
 * its text: nothing is asked for until the next wish, or until somebody tries again. */
void tui_timeline_read_done(tui_timeline_t *self, uint64_t wish, vd_status_t status,
                            const char *text);
void tui_timeline_retry(tui_timeline_t *self);

/* ---- what is shown ---- */

/* The state as of the moment. Never NULL; lives until the timeline is changed. */
const tui_state_t *tui_timeline_state(const tui_timeline_t *self);
/* The state at the head. */
const tui_state_t *tui_timeline_head(const tui_timeline_t *self);
void tui_timeline_moment(const tui_timeline_t *self, tui_moment_t *moment);
/* The session's time in so many columns: the faults in each. Returns the column of the moment. */
size_t tui_timeline_marks(const tui_timeline_t *self, size_t columns, tui_mark_t *marks);
/* "live", "frozen", "past", "playing". */
const char *tui_timeline_mode_word(tui_timeline_mode_t mode);
/* Bytes of saved states, and of events, that it holds. */
size_t tui_timeline_bytes(const tui_timeline_t *self);

#endif
