/* replay.h: makes an observer's state from the store, as of now or of a moment of the past: the newest
 * kept state within the moment, and the committed events behind it.
 *
 * 1. It begins with a session and goes back over those that it continues, to the newest one that
 *    holds this observer's state: kept by SAVE_SNAPSHOT, written there as events, or from its first
 *    event on. From there on the observer's events are applied, session by session.
 * 2. A state of another version or kind of observer, one that cannot be loaded, and one whose position the store
 *    does not know (it went back, or was pruned) are left out: an older one is tried, then all
 *    events. What it ends with is always what the stored events lead to.
 * 3. Events that are damaged or gone are told as an error of stage state; the others are applied.
 * 4. It ends as done or failed. Callbacks there are none: its owner looks at `phase` after each step.
 */
#ifndef VD_REPLAY_H
#define VD_REPLAY_H

#include "faults.h"
#include "observer.h"
#include "place.h"
#include "stream/stream.h"

#define VD_LINKS_MAX 64 /* sessions that a replay goes back */
/* The type of the events with a saved state: data {observer, kind, version, part, parts, state}. */
#define VD_OBSERVER_STATE "observer_state"

/* Everything up to it, and nothing behind. */
typedef struct vd_moment {
    uint64_t seq;  /* of the session that is begun with; 0: no bound */
    int64_t at_ms; /* of a commit, UTC; 0: no bound */
    bool find;     /* begin with the session of that time: one that began later is gone back from */
} vd_moment_t;

typedef struct vd_replay_spec {
    const vd_observer_t *observer;
    const vd_config_t *config;
    const char *name;     /* whose events are applied */
    const char *endpoint; /* of the ingestor, port read */
    const char *peer;     /* name of the connection, which may be shared */
    uint16_t port;
    uint32_t stream_timer;
    uint32_t ask_timer;
    uint64_t seed;
    vd_faults_t *faults;
    const char *origin; /* of a collector; see place.h */
} vd_replay_spec_t;

typedef enum vd_replay_phase {
    VD_REPLAY_IDLE = 0,
    VD_REPLAY_ROW,     /* a session's row is asked for */
    VD_REPLAY_LOADING, /* a kept state is asked for */
    VD_REPLAY_READING, /* events are read */
    VD_REPLAY_DONE,
    VD_REPLAY_FAILED,
} vd_replay_phase_t;

/* The sessions of a replay. */
typedef struct vd_links {
    char ids[VD_LINKS_MAX][VD_NAME_BYTES_MAX + 1]; /* the newest first */
    uint32_t count;
    uint32_t at;                        /* the one that is replayed */
    char before[VD_NAME_BYTES_MAX + 1]; /* what the oldest of them continues; empty: nothing */
    bool based;                         /* the state is one that events can be applied to */
    bool stated;                        /* the newest session holds it */
    bool cut;                           /* what was before the oldest of them is lost */
    vd_buffer_t parts;                  /* of an observer_state so far */
    uint64_t part;                      /* the next one */
} vd_links_t;

typedef struct vd_replay {
    vd_replay_spec_t spec;
    vd_replay_phase_t phase;
    vd_status_t status; /* why it failed */
    char text[VD_TEXT_BYTES_MAX + 1];
    vd_moment_t moment;
    vd_links_t links;
    vd_subscriber_t *subscriber;
    bool passed;  /* the session at hand has been read up to the head, its end, or the moment */
    bool stopped; /* its stream cannot go on: `status` and `text` say why */
    uint64_t end_index; /* the moment as a commit, for the sessions before; 0: unknown */

    char asked[VD_NAME_BYTES_MAX + 1]; /* the row of this session */
    uint64_t correlation;
    uint32_t unanswered; /* questions in a row */
    uint64_t below;      /* the next kept state is to be older than this commit; 0: the newest */
    bool from_kept;      /* the session at hand is read from the position of a kept state */
    uint32_t refused;    /* kept states in a row that were of no use */

    /* What it has made. */
    void *state;
    vd_input_place_t place;     /* that goes with the state */
    vd_position_t position;     /* up to which the store is in it */
    vd_position_t own_position; /* behind the last event of the session that was read */
    uint64_t cycle;             /* highest turn of the observer */
    uint64_t kept_index;        /* commit of the kept state that it began with; 0: none */
    uint64_t applied;           /* the observer's events behind that */
    uint64_t read;              /* all events behind that */
    uint64_t seq;               /* of the observer's last event; 0: there is none, or unknown */
    int64_t at_ms;              /* time of its commit */
    char session[VD_NAME_BYTES_MAX + 1]; /* that it is in */
} vd_replay_t;

/* The version under which states are kept: that of the observer, and of which kind it is, since another
 * kind may have been run under the same name. */
uint64_t vd_replay_version(const vd_observer_t *observer);

/* The names of the spec must outlive the replay. */
void vd_replay_init(vd_replay_t *self, const vd_replay_spec_t *spec);
void vd_replay_free(vd_replay_t *self);
/* Begins with the session of `row`, up to now. */
void vd_replay_begin(vd_replay_t *self, vd_now_t now, const vd_session_record_t *row,
                     vd_effects_t *effects);
/* Begins with `session`, whose row it asks for, up to `moment`. */
void vd_replay_begin_past(vd_replay_t *self, vd_now_t now, const char *session,
                          const vd_moment_t *moment, vd_effects_t *effects);
/* Takes an input. Returns whether it was for this replay. */
bool vd_replay_step(vd_replay_t *self, vd_now_t now, const vd_input_t *input,
                    vd_effects_t *effects);
/* The state, which is then the caller's; after DONE. */
void *vd_replay_take_state(vd_replay_t *self);
/* Ends it, whatever its phase; the connection stays. */
void vd_replay_rest(vd_replay_t *self, vd_now_t now, vd_effects_t *effects);

/* replay_state.c, for replay.c: a fresh state; an event of the session at hand; an answer to
 * LOAD_SNAPSHOT (false: not one of use). */
bool vd_replay_fresh(vd_replay_t *self);
void vd_replay_take_event(vd_replay_t *self, const vd_event_t *event, const vd_commit_t *commit,
                          vd_effects_t *effects);
bool vd_replay_load_kept(vd_replay_t *self, const vd_message_t *message, vd_effects_t *effects);

#endif
