/* why_state.h: what the files of why.h share: the story as it is being told.
 *
 * 1. Facts stand in the order of their level and topic, those of one in the order in which they came.
 */
#ifndef TUI_WHY_STATE_H
#define TUI_WHY_STATE_H

#include "tui/why.h"

typedef enum why_stage {
    WHY_FIND = 1, /* the event itself */
    WHY_LAST,     /* it is not there: which is the last of its session? */
    WHY_AROUND,   /* the events around the one of this level: its turn; the runtime's own */
    WHY_ORIGIN,   /* the event of the other observer that a collector had read up to */
    WHY_BACK,     /* the newest one of that observer before */
    WHY_MEMBERSHIP,
    WHY_READINGS,
    WHY_SESSIONS, /* which was the runtime's own then? */
    WHY_LOCATE,   /* where in it is the time of the event? */
    WHY_RUNTIME,  /* the runtime's own events there */
    WHY_TOLD,
} why_stage_t;

/* In the order in which they are shown. */
typedef enum why_topic {
    WHY_EVENT = 0,
    WHY_TYPE,
    WHY_TURN,
    WHY_SAMPLE,
    WHY_SOURCE,
    WHY_POLLER,
    WHY_CAUSE,
    WHY_MISSING,
    WHY_BEFORE,
    WHY_AFTER,
} why_topic_t;

typedef struct why_fact {
    why_topic_t topic;
    unsigned level;
    tui_tone_t tone;
    char from[VD_NAME_BYTES_MAX + 1], session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq;
    size_t text;           /* where it begins in `texts` */
    size_t value, value_n; /* in `values` */
} why_fact_t;

/* The event that is asked about, or that one came of. */
typedef struct why_event {
    char session[VD_NAME_BYTES_MAX + 1], type[VD_NAME_BYTES_MAX + 1];
    char observer[VD_NAME_BYTES_MAX + 1], source[VD_NAME_BYTES_MAX + 1];
    char origin[VD_NAME_BYTES_MAX + 1]; /* a collector's: the session that it had read in */
    char rest[16];
    uint64_t seq, turn, sample;
    int64_t ms;
    bool has_sample;
} why_event_t;

/* One of the runtime's own events. */
typedef struct why_near {
    char actor[VD_NAME_BYTES_MAX + 1], session[VD_NAME_BYTES_MAX + 1];
    char text[512];
    tui_tone_t tone;
    uint64_t seq;
    int64_t ms;
} why_near_t;

struct tui_why {
    why_stage_t stage;
    tui_why_want_t want;
    char want_session[VD_NAME_BYTES_MAX + 1], want_actor[VD_NAME_BYTES_MAX + 1];
    bool live;
    vd_status_t status;
    char error[VD_TEXT_BYTES_MAX + 1];

    unsigned level;
    why_event_t first;    /* the event of level 0 */
    why_event_t event;    /* of this level */
    bool found;           /* what was looked for is in `next` */
    why_event_t next;     /* what it came of */
    vd_buffer_t next_raw; /* the event as it stands */
    vd_status_t hole;     /* VD_OK: none over the one that was looked for */
    uint64_t turn_events, turn_from, turn_to, turn_told;
    size_t turn_fact;
    char poller[VD_NAME_BYTES_MAX + 1]; /* of the source */

    why_near_t before[TUI_WHY_AROUND_MAX], after[TUI_WHY_AROUND_MAX];
    size_t before_count, after_count;
    char runtime[VD_NAME_BYTES_MAX + 1]; /* its session then */
    uint64_t low, high;                  /* sequences there that the time lies between */

    why_fact_t facts[TUI_WHY_FACTS_MAX];
    size_t fact_count;
    vd_buffer_t texts, values;
};

/* ---- why_tell.c: what there is to say ---- */

/* Adds a fact of this level, and returns its place; `value` may be empty. Beyond the limit it is left
 * out. */
size_t why_add(tui_why_t *self, why_topic_t topic, tui_tone_t tone, const char *from,
               vd_bytes_t value, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The event that it is about. */
void why_about(tui_why_t *self, size_t fact, const char *session, uint64_t seq);
/* Replaces the text of a fact. */
void why_say(tui_why_t *self, size_t fact, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Reads what is needed of an event. */
void why_read(why_event_t *self, const char *session, const vd_event_t *event);
void why_tell_event(tui_why_t *self, const vd_event_t *event);
void why_tell_cause(tui_why_t *self, const vd_event_t *event);
/* An event around: is it of the same turn? Then, once all were told, the turn as a whole. */
void why_tell_turn_event(tui_why_t *self, const vd_event_t *event);
void why_tell_turn(tui_why_t *self);
void why_tell_membership(tui_why_t *self, vd_bytes_t snapshot);
void why_tell_readings(tui_why_t *self, vd_bytes_t rows);
void why_tell_near(tui_why_t *self);
/* Keeps one of the runtime's own events if it is near enough; `session` is where it stands. */
void why_keep_near(tui_why_t *self, const char *session, const vd_event_t *event);

#endif
