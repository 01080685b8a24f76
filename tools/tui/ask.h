/* ask.h: what a screen wants to know or to have done, and what comes in from outside.
 *
 * 1. An ask is an effect: whoever runs the screens carries it out and answers with an input of the same
 *    number. COPY, EXPORT, SUSPEND, REDRAW and QUIT are answered only when there is something to say.
 * 2. An answer carries a status and, unless it is VD_OK, a text that names the thing, the place and the
 *    remedy.
 * 3. Events travel packed: see tui_events_next.
 */
#ifndef TUI_ASK_H
#define TUI_ASK_H

#include "wire/limits.h"
#include "wire/run.h"

typedef enum tui_ask_kind {
    TUI_ASK_EVENTS =
        1,        /* `count` events of session `name` from `seq` on -> packed events, in parts */
    TUI_ASK_PAST, /* the snapshot of observer `name` after `seq` of session `word` */
    TUI_ASK_SNAPSHOT, /* the snapshot of observer `name` as of now */
    TUI_ASK_LAYOUT,   /* the layout that observer `name` declares */
    TUI_ASK_QUERY,    /* query `word` of observer `name`, arguments in `bytes` */
    TUI_ASK_SESSIONS, /* at most `count` sessions, newest first -> an array of session records */
    TUI_ASK_OPEN,     /* follow session `name` ("": the newest active one, once there is one) from
                         its first event on: OPENED comes before VD_OK. Else what was followed
                         goes on. Only the newest of these asks counts */
    TUI_ASK_CONTROL,  /* verb `word` to actor `name` */
    TUI_ASK_STEER,    /* verb `word` to the subscribers of name `name`, or to the one with `id` */
    TUI_ASK_WHY,      /* the story of event `seq` of session `name`: see why.h -> its value */
    TUI_ASK_COPY,     /* `bytes` to the clipboard of the terminal */
    TUI_ASK_EXPORT,   /* `bytes` into the file `name`; `count` lines of more than that, 0: all */
    TUI_ASK_SUSPEND,  /* stop this process, as Ctrl-Z does */
    TUI_ASK_REDRAW,   /* write every cell again */
    TUI_ASK_QUIT,
} tui_ask_kind_t;

typedef struct tui_ask {
    tui_ask_kind_t kind;
    uint64_t number; /* from 1; set when it is asked */
    char name[VD_NAME_BYTES_MAX + 1];
    char word[VD_NAME_BYTES_MAX + 1];
    char at[VD_NAME_BYTES_MAX + 1];
    char confirm[VD_NAME_BYTES_MAX + 24]; /* what has to be typed first; "": the name */
    uint64_t seq, count, id;
    vd_buffer_t bytes; /* of whoever has the ask: frees it */
} tui_ask_t;

/* What belongs to now alone, each from a process that knows it. */
typedef enum tui_feed {
    TUI_FEED_STATUS = 1,  /* the body of STATUS_IS */
    TUI_FEED_CHILDREN,    /* an array of child records */
    TUI_FEED_PROCESSES,   /* an array of maps {"pid","cpu_ms","rss_bytes"}: cpu since its start */
    TUI_FEED_MEMBERSHIP,  /* the map of the broker's feed membership */
    TUI_FEED_READINGS,    /* an array of maps {"poller","rows"}: readings, as it tells them */
    TUI_FEED_SUBSCRIBERS, /* an array of maps {"publisher","rows"}: subscriber records. In both:
                             without "rows" one did not answer */
    TUI_FEED_STORE,       /* the body of STORE_IS */
    TUI_FEED_SESSION,     /* the record of the session that is followed */
    TUI_FEED_AUDIT,       /* what the auditor answers to PING; {} where none is ready */
    TUI_FEEDS,
} tui_feed_t;

typedef enum tui_input_kind {
    TUI_INPUT_KEY = 1,
    TUI_INPUT_EVENTS, /* `value`: events of the session that is followed, packed, just arrived;
                         `more`: not all that there is by now; those up to `seq` were there before
                         it was opened. VD_PRUNED, VD_CORRUPT: `count` from
                         `seq` on are not there; VD_WENT_BACK: it is followed from its first again */
    TUI_INPUT_NOW,    /* `value` of `feed`; a status other than VD_OK: it could not be asked */
    TUI_INPUT_ANSWER, /* to the ask `number`: `status`, `text`, `value`; `more`: parts follow. Among
                         parts of EVENTS: VD_PRUNED, VD_CORRUPT with `more`, as in EVENTS */
    TUI_INPUT_LINK,   /* the runtime is there (VD_OK), or is not (`status`, `text`); VD_TIMED_OUT:
                         it does not answer in time, told again and again */
    TUI_INPUT_OPENED, /* session `text` is followed from now on; `value`: its session record */
    TUI_INPUT_CLOSED, /* it has ended (VD_SESSION_CLOSED), or why it is not followed any more */
    TUI_INPUT_TICK,   /* time has passed */
} tui_input_kind_t;

typedef struct tui_input {
    tui_input_kind_t kind;
    int key;
    tui_feed_t feed;
    uint64_t number, seq, count;
    vd_status_t status;
    bool more;
    const char *text; /* may be NULL */
    vd_bytes_t value; /* may be empty */
} tui_input_t;

/* Appends an event to packed ones: its session, its sequence and its wire bytes. */
bool tui_events_add(vd_buffer_t *out, vd_str_t session, uint64_t seq, vd_bytes_t raw);
/* Takes the event at the front of packed ones; its texts are views into them. False at the end; an
 * event that is none is left out. */
bool tui_events_next(vd_bytes_t *rest, vd_event_t *event);

#endif
