/* supervisor_world.h: a supervisor's core under a virtual clock, with processes that are only
 * remembered.
 *
 * 1. Everything is delivered in order and at once; time moves only when nothing is left to deliver.
 * 2. A process answers by its behaviour: it tells readiness some time after its start, obeys
 *    SIGTERM or not.
 * 3. The ingestor commits what is emitted while its process is ready; the broker is a real feed
 *    publisher.
 */
#ifndef VD_SUPERVISOR_WORLD_H
#define VD_SUPERVISOR_WORLD_H

#include "actors/supervisor/supervisor.h"
#include "feed/feed.h"

#define WORLD_PROCESSES_MAX 4096
#define WORLD_EVENTS_MAX    4096
#define WORLD_QUEUE_MAX     4096
#define WORLD_SOURCES_MAX   128
#define WORLD_SESSIONS_MAX  64
#define WORLD_TIMERS        64

typedef struct world_process {
    uint64_t life;
    uint64_t pid;
    char name[VD_NAME_BYTES_MAX + 1];
    bool alive, ready, frozen;
    int64_t ready_at_us; /* INT64_MAX: never */
    int64_t alive_at_us; /* next sign of life */
    int64_t dies_at_us;
    vd_death_t death;
} world_process_t;

typedef struct world_behaviour {
    char name[VD_NAME_BYTES_MAX + 1];
    int64_t ready_after_us; /* INT64_MAX: never */
    int64_t dies_after_us;  /* of its start, INT64_MAX: never */
    vd_death_t death;       /* of that */
    bool ignores_term;
    bool silent;
} world_behaviour_t;

/* A session as the ingestor has it. */
typedef struct world_session {
    char id[VD_NAME_BYTES_MAX + 1];
    char state[VD_NAME_BYTES_MAX + 1];
    char continues[VD_NAME_BYTES_MAX + 1];
    char continued_by[VD_NAME_BYTES_MAX + 1];
    uint64_t events; /* also those that others have written: a test may add some */
    uint32_t actors; /* of these, events of the supervisor about what becomes of actors */
    uint32_t runs;   /* and about what they are when it begins */
    char told[WORLD_PROCESSES_MAX][2 * VD_NAME_BYTES_MAX + 2]; /* "NAME STATE" of those */
} world_session_t;

typedef struct world_input {
    vd_input_t input;
    vd_message_t message;
    vd_buffer_t bytes; /* what the message points into */
    uint64_t pid;
    vd_death_t death;
} world_input_t;

typedef struct world {
    vd_supervisor_t *core;
    vd_effects_t *effects;
    vd_effects_t *broker_effects;
    int64_t us;
    int64_t timers[WORLD_TIMERS];
    world_process_t processes[WORLD_PROCESSES_MAX];
    size_t process_count;
    world_behaviour_t behaviours[16];
    size_t behaviour_count;
    world_input_t *queue[WORLD_QUEUE_MAX];
    size_t queue_first, queue_count;
    /* What happened, in order: "spawn NAME", "term NAME", "commit TYPE", "ready". */
    char trace[WORLD_EVENTS_MAX][VD_NAME_BYTES_MAX + 16];
    size_t trace_count;
    char sources[WORLD_SOURCES_MAX][VD_NAME_BYTES_MAX + 1];
    size_t source_count;
    vd_feed_publisher_t membership;
    vd_buffer_t scratch;
    uint64_t mark; /* of producer supervisor at the ingestor */
    world_session_t sessions[WORLD_SESSIONS_MAX];
    size_t session_count;
    uint64_t rejected;     /* events */
    bool refuses_sessions; /* session_started is rejected */
    bool mute;             /* it commits, and its answers are lost */
    /* The ingestor dies when it has committed so many frames, or, with `early`, just before that;
     * 0: it does not. */
    uint64_t dies_at_frame;
    bool early;
    uint64_t frames;
    bool told_ready;
    bool exited;
    vd_status_t exit_status;
    vd_message_t answer; /* the last one on the control port; views live until the next */
    vd_buffer_t answer_bytes;
    uint64_t died_told; /* DIED messages to the broker */
} world_t;

/* A setup with broker, ingestor, static, host and services. */
vd_supervisor_setup_t world_setup(void);
void world_begin(world_t *self, const vd_supervisor_setup_t *setup);
void world_end(world_t *self);
/* How processes of `name` behave from their next start on; without one: ready after 10 ms. */
world_behaviour_t *world_behaviour(world_t *self, const char *name);
/* Lets time pass. */
void world_run(world_t *self, int64_t us);
/* Runs until `done` or `us` have passed. Returns whether it was. */
bool world_run_until(world_t *self, int64_t us, bool (*done)(const world_t *self));
/* The process of `name` that is alive, NULL if none. Its death now. */
world_process_t *world_process(world_t *self, const char *name);
void world_kill(world_t *self, const char *name);
void world_stop(world_t *self);
/* Asks on the control port; the answer is in self->answer. */
void world_control(world_t *self, const char *verb, const char *actor);
void world_ask(world_t *self, vd_message_id_t id);
/* The broker's membership changes. */
void world_add_source(world_t *self, const char *name);
void world_remove_source(world_t *self, const char *name);
/* Inside the world: an EMIT is judged and stored, unless it was before; a session by its id; a line
 * of the trace. */
vd_status_t world_store(world_t *self, const vd_message_t *message);
world_session_t *world_session_named(world_t *self, vd_str_t id);
void world_note(world_t *self, const char *what, const char *name);
/* The session at place `at`, in the order in which they were begun; counted from the end if
 * negative. NULL if there is none. */
world_session_t *world_session(world_t *self, int at);
/* Where `what` is in the trace, at or after `from`; -1 if not. */
int world_find(const world_t *self, const char *what, int from);
size_t world_alive(const world_t *self);

#endif
