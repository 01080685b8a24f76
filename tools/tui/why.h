/* why.h: the story of one event: what it came of, as far back as the store and the runtime tell, and
 * what the runtime did around it.
 *
 * 1. Pure. The story says what it wants to know next, is told what came of that, and says the next;
 *    every want is told once, and there are at most TUI_WHY_WANTS_MAX of them.
 * 2. It is a list of facts. Each says which fact it is, of which event, and who tells it: the store,
 *    the broker or a poller, as they know it now, or the catalogue of event types.
 * 3. What is not known any more is a fact, too: events that were pruned or are damaged, a source that is
 *    gone, a runtime that is not up.
 * 4. A story fails only when its own event cannot be read: then there is an error, and no facts.
 * 5. A turn is all events with the same observer and turn in their cause, within TUI_WHY_TURN_EVENTS
 *    before and behind: a turn is one commit unit of no more than so many.
 * 6. A collector's event came of the newest event of the other observer at or before the place that its
 *    cause names; that is followed back for at most TUI_WHY_LEVELS_MAX events.
 * 7. A source has one fact of who reads it: of one read in whole; of many what they have in common and those
 *    that fail, with all of them as its value.
 */
#ifndef TUI_WHY_H
#define TUI_WHY_H

#include "tui/lines.h"
#include "wire/limits.h"
#include "wire/run.h"

enum {
    TUI_WHY_WANTS_MAX = 160,
    TUI_WHY_LEVELS_MAX = 16,
    TUI_WHY_TURN_EVENTS = VD_TURN_EVENTS_MAX,
    TUI_WHY_AROUND_EVENTS = 2048, /* before and behind, in which the runtime's own are looked for */
    TUI_WHY_AROUND_MS = 5 * 60000, /* and no further away */
    TUI_WHY_AROUND_MAX = 4,        /* the nearest so many on each side */
    TUI_WHY_FACTS_MAX = 256,
    TUI_WHY_TEXT_MAX = 1536, /* bytes of a fact's text */
};

typedef struct tui_why tui_why_t;

typedef enum tui_why_want_kind {
    TUI_WHY_NOTHING = 0, /* the story is told, or has failed */
    TUI_WHY_EVENTS,      /* of `session`, `count` from `seq` on, as far as there are any */
    TUI_WHY_SESSION,     /* the row of `session` */
    TUI_WHY_SESSIONS,    /* the rows of the newest sessions */
    TUI_WHY_MEMBERSHIP,  /* the snapshot of the broker's feed "membership" */
    TUI_WHY_READINGS,    /* the snapshot of the feed "readings" of the poller `actor` */
} tui_why_want_kind_t;

typedef struct tui_why_want {
    tui_why_want_kind_t kind;
    const char *session;
    uint64_t seq, count;
    const char *actor;
} tui_why_want_t;

typedef struct tui_why_fact {
    const char *topic; /* "event", "type", "turn", "sample", "source", "poller", "origin", "before",
                          "after", "missing" */
    unsigned level;    /* 0: of the event itself; above: of the event so many steps back */
    const char *from;  /* who tells it: "store", "broker", "catalogue", the name of a poller */
    const char *text;
    tui_tone_t tone;
    const char *session; /* of the event that it is about; "": none */
    uint64_t seq;        /* 0: none */
    vd_bytes_t value;    /* what there is for programs: one value, or empty */
} tui_why_fact_t;

/* The story of an event. `live` false: there is no runtime to be asked, only a store. NULL without
 * memory. */
tui_why_t *tui_why_new(const char *session, uint64_t seq, bool live);
void tui_why_destroy(tui_why_t **self);
/* What it wants to know. Lives until the next tui_why_answer. */
const tui_why_want_t *tui_why_want(const tui_why_t *self);
/* Tells it an event of those that it wants, in their order. */
void tui_why_event(tui_why_t *self, const vd_event_t *event);
/* Tells it that events are not there: `missing` (0: unknown) from `seq` on, VD_PRUNED or VD_CORRUPT. */
void tui_why_hole(tui_why_t *self, vd_status_t status, uint64_t seq, uint64_t missing);
/* Ends the want. Not VD_OK: why it could not be had, and `error` in words. `value`: the rows or the
 * snapshot. */
void tui_why_answer(tui_why_t *self, vd_status_t status, const char *error, vd_bytes_t value);

/* VD_OK, or why the story could not begin, with the text. */
vd_status_t tui_why_status(const tui_why_t *self, const char **error);
size_t tui_why_count(const tui_why_t *self);
tui_why_fact_t tui_why_fact(const tui_why_t *self, size_t at);
/* Appends the story as one value: {session, seq, facts: [{topic, level, from, tone, text, session, seq,
 * value}]}. */
void tui_why_value(const tui_why_t *self, vd_buffer_t *out);
/* Appends the lines of such a value: the topic, the text, and who tells it where that is not the
 * store. */
void tui_why_lines(vd_bytes_t story, tui_lines_t *lines);

#endif
