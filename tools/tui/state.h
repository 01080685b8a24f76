/* state.h: what the events of one session say, up to one of them.
 *
 * 1. It is a fold: the same events in the same order give the same state, byte by byte when saved,
 *    whoever reads them and when. What is not in an event is not in it.
 * 2. Its memory is bounded whatever the length of the session. Where a table is full, what finds no
 *    room in it is counted as left out; the counts of events stay exact.
 * 3. Texts end with a zero byte and are cut at whole characters. Data of another kind than the
 *    catalogue says are as good as absent.
 * 4. Times are milliseconds since 1970 in UTC. The clock of a session is the latest time that an
 *    event had so far: it never goes back.
 * 5. Events whose types say nothing to it are counted and not decoded.
 */
#ifndef TUI_STATE_H
#define TUI_STATE_H

#include "tui/progress.h"
#include "wire/run.h"

enum {
    TUI_NAME_BYTES = 64,
    TUI_NOTE_BYTES = 160, /* of a text for people */
    TUI_ACTORS_MAX = 512,
    TUI_SOURCES_MAX = 16384,
    TUI_SUBSCRIBERS_MAX = 512,
    TUI_OBSERVERS_MAX = 128,
    TUI_TYPES_MAX = 256,
    TUI_FAULTS_MAX = 256,
    TUI_RATE_SECONDS = 120,
    TUI_STATE_BYTES_MAX = 8 << 20, /* of a saved state */
};

typedef enum tui_session_state {
    TUI_SESSION_UNKNOWN = 0, /* no event yet */
    TUI_SESSION_ACTIVE,
    TUI_SESSION_COMPLETED,
    TUI_SESSION_FAILED,
} tui_session_state_t;

typedef struct tui_session {
    char id[TUI_NAME_BYTES + 1];
    char name[TUI_NAME_BYTES + 1];
    char command[TUI_NOTE_BYTES + 1];
    char status[TUI_NOTE_BYTES + 1]; /* what it said of itself last */
    char text[TUI_NOTE_BYTES + 1];   /* what its end says */
    char continues[TUI_NAME_BYTES + 1];
    char continued_by[TUI_NAME_BYTES + 1];
    tui_session_state_t state;
    bool owned;
    int64_t begun_ms;    /* the first event that was seen */
    int64_t last_ms;     /* the last one */
    int64_t clock_ms;    /* law 4 */
    int64_t ended_ms;    /* 0: it has not */
    int64_t exit;        /* code of its command; below 0: none is told */
    int64_t signal;      /* that ended its command; below 0: none is told */
    int64_t duration_ms; /* below 0: none is told */
} tui_session_t;

typedef enum tui_actor_state {
    TUI_ACTOR_STARTING = 0,
    TUI_ACTOR_READY,
    TUI_ACTOR_STOPPED, /* it has ended, by wish */
    TUI_ACTOR_DEAD,    /* it has ended, otherwise */
    TUI_ACTOR_FAILED,  /* ... and is not started again */
    TUI_ACTOR_STATES,
} tui_actor_state_t;

typedef struct tui_actor {
    char name[TUI_NAME_BYTES + 1];
    char kind[TUI_NAME_BYTES + 1];
    char error[TUI_NOTE_BYTES + 1]; /* how it died last; "": it never did */
    tui_actor_state_t state;
    uint64_t pid;
    uint64_t restarts;
    uint64_t deaths;    /* that nobody wished */
    uint64_t seq;       /* of the last event about it */
    int64_t since_ms;   /* in this state */
    int64_t started_ms; /* this life */
    int64_t error_ms;
} tui_actor_t;

/* A source that the cause of an event names. */
typedef struct tui_source {
    char name[TUI_NAME_BYTES + 1];
    uint16_t observer; /* whose event was the last: a row of the observers, or TUI_OBSERVERS_MAX */
    uint64_t sample;   /* its position in that event's cause */
    uint64_t events;
    uint64_t seq; /* of the last */
    int64_t last_ms;
    int64_t first_ms;
} tui_source_t;

/* An observer that the cause of an event names. */
typedef struct tui_observer {
    char name[TUI_NAME_BYTES + 1];
    char source[TUI_NAME_BYTES + 1]; /* that its last event came from: a source or an observer */
    uint64_t turn;                   /* of the last event */
    uint64_t events;
    uint64_t seq;
    int64_t last_ms;
    int64_t first_ms;
} tui_observer_t;

typedef struct tui_subscriber {
    char name[TUI_NAME_BYTES + 1];
    char publisher[TUI_NAME_BYTES + 1]; /* the relay that serves it; "": the ingestor */
    char mode[TUI_NAME_BYTES + 1];      /* "live_only", ..., "dropped" */
    char before[TUI_NAME_BYTES + 1];    /* the mode before that */
    char text[TUI_NOTE_BYTES + 1];      /* why it was dropped last */
    bool dropped;
    uint64_t lag;   /* when it took this mode */
    uint64_t queue; /* likewise */
    uint64_t changes;
    uint64_t drops;
    uint64_t seq;
    int64_t since_ms;
} tui_subscriber_t;

typedef struct tui_type {
    char name[TUI_NAME_BYTES + 1];
    uint8_t care; /* the state's own */
    uint64_t events;
    uint64_t seq; /* of the last */
    int64_t last_ms;
} tui_type_t;

typedef enum tui_fault_kind {
    TUI_FAULT_DEATH = 0,   /* of an actor, not by wish */
    TUI_FAULT_GIVEN_UP,    /* an actor that is not started again */
    TUI_FAULT_INTERRUPTED, /* nothing could be written */
    TUI_FAULT_DROPPED,     /* a subscriber */
    TUI_FAULT_FAILURE,     /* of the work that is observed, by the catalogue of event types */
    TUI_FAULT_MADE,        /* on purpose */
    TUI_FAULT_KINDS,
} tui_fault_kind_t;

typedef struct tui_fault {
    uint64_t seq;
    int64_t at_ms;
    tui_fault_kind_t kind;
    char type[TUI_NAME_BYTES + 1];
    char name[TUI_NAME_BYTES + 1]; /* of the actor, subscriber, node, request; "": none is told */
    char text[TUI_NOTE_BYTES + 1];
} tui_fault_t;

typedef struct tui_totals {
    uint64_t events;  /* folded */
    uint64_t seq;     /* of the last one, or of the last one that is missing; 0: none yet */
    uint64_t missing; /* events that are not there, before or between those */
    uint64_t faults[TUI_FAULT_KINDS];
    /* Events that found no room. */
    uint64_t actors_left_out, sources_left_out, observers_left_out, subscribers_left_out;
    uint64_t types_left_out;
    uint64_t rows_replaced; /* actors that were gone and subscribers, for newer ones */
    uint64_t untold;        /* changes of subscribers that the runtime did not write */
} tui_totals_t;

typedef struct tui_state tui_state_t;

/* A state before any event. NULL without memory. */
tui_state_t *tui_state_new(void);
void tui_state_destroy(tui_state_t **self);
/* Forgets everything. */
void tui_state_clear(tui_state_t *self);
/* Takes the next event. Sequences that were left out count as missing; false, with nothing changed,
 * for one that is not behind the last. The session is that of the first event. */
bool tui_state_apply(tui_state_t *self, const vd_event_t *event);
/* Events up to `seq` are not there: it goes on behind it. */
void tui_state_skip(tui_state_t *self, uint64_t seq);

/* Appends all of it as one MessagePack value. False when `out` is full. */
bool tui_state_save(const tui_state_t *self, vd_buffer_t *out);
/* Becomes what was saved. VD_OK; VD_MALFORMED, also without memory: it is empty then. */
vd_status_t tui_state_load(tui_state_t *self, vd_bytes_t saved);
/* Of the saved bytes. 0 without memory. */
uint64_t tui_state_hash(const tui_state_t *self);

const tui_session_t *tui_state_session(const tui_state_t *self);
const tui_totals_t *tui_state_totals(const tui_state_t *self);
/* Rows in the order in which they came up. They live until the state is changed. */
const tui_actor_t *tui_state_actors(const tui_state_t *self, size_t *count);
const tui_source_t *tui_state_sources(const tui_state_t *self, size_t *count);
const tui_observer_t *tui_state_observers(const tui_state_t *self, size_t *count);
const tui_subscriber_t *tui_state_subscribers(const tui_state_t *self, size_t *count);
const tui_type_t *tui_state_types(const tui_state_t *self, size_t *count);
/* What they say of a workflow; of none, nothing. */
const tui_progress_t *tui_state_progress(const tui_state_t *self);
/* By their name; NULL: not known. */
const tui_actor_t *tui_state_actor(const tui_state_t *self, vd_str_t name);
const tui_source_t *tui_state_source(const tui_state_t *self, vd_str_t name);
const tui_observer_t *tui_state_observer(const tui_state_t *self, vd_str_t name);
const tui_subscriber_t *tui_state_subscriber(const tui_state_t *self, vd_str_t name);
const tui_type_t *tui_state_type(const tui_state_t *self, vd_str_t name);
/* How many faults there were. */
uint64_t tui_state_fault_total(const tui_state_t *self);
/* How many of them are kept, the newest ones; and one of them: 0 is the newest. */
size_t tui_state_fault_count(const tui_state_t *self);
const tui_fault_t *tui_state_fault(const tui_state_t *self, size_t index);
/* Events in each of the last seconds, oldest first. Returns the second in which they end. */
int64_t tui_state_rates(const tui_state_t *self, uint64_t events[TUI_RATE_SECONDS]);

/* "active", ... ; "starting", ... ; "death", ... */
const char *tui_session_state_word(tui_session_state_t state);
const char *tui_actor_state_word(tui_actor_state_t state);
const char *tui_fault_kind_word(tui_fault_kind_t kind);

#endif
