/* whole.h: the whole runtime in one world: every process with its production cores, from one seed.
 *
 *   whole.c          what there is, how a run goes          faults.c        what goes wrong, and when
 *   runtime.c        the supervisor and its children        broker_part.c   broker and provider
 *   poller_part.c    pollers and the sources they read      ingestor_part.c the ingestor's three cores
 *   host_part.c      observer hosts (observer tally.c)      reader_part.c   subscribers of commits
 *   past_part.c      states that are kept, and the past     collector_part.c  who reads an observer
 *   stream_part.c    subscribers of both streams            follower_part.c who follows feeds
 *   auditor_part.c   who checks all of it              relay_part.c    a relay
 *   history_watch.c  which history a stream is of
 *   ledger.c         every event in order, for comparing    rules.c         checks on membership and restarts
 *
 * 1. A run has two times: one in which faults happen, one of calm in which everything has to come to
 *    rest. Safety is checked always, liveness at the end of the calm.
 * 2. What goes wrong is planned from the seed before the run begins, so that single faults can be
 *    left out and the rest stays.
 * 3. Every check has a name, "[name] what was seen"; README.md lists them.
 */
#ifndef VD_MODEL_WHOLE_H
#define VD_MODEL_WHOLE_H

#include "ingestor_node.h"
#include "ledger.h"
#include "process.h"
#include "producer_node.h"
#include "supervisor/supervisor.h"

enum {
    WHOLE_POLLERS = 3,
    WHOLE_HOSTS = 2,
    WHOLE_SOURCES = 6,
    WHOLE_PRODUCERS = 3, /* the last one takes the name of the first */
    WHOLE_READERS = 3,
    WHOLE_STREAMS = 5, /* readers of both streams; the last two by way of a relay */
    WHOLE_CHILDREN = 5 + WHOLE_POLLERS + WHOLE_HOSTS, /* and a place that is not used */
    WHOLE_READS = 256,
    WHOLE_DEATHS = 64,
    WHOLE_FAULTS_MAX = 64,
    WHOLE_CHAINS = 64,
};

typedef struct vd_whole vd_whole_t;

/* ---- what can be left out, for shrinking ---- */

typedef struct vd_whole_options {
    uint64_t seed;
    FILE *trace;
    uint64_t without_faults; /* bit n: fault n of the plan does not happen */
    uint32_t without_actors; /* bits of vd_whole_actor_t */
    int64_t chaos_ms;        /* below 0: as the seed says */
    bool clear;              /* the network is good from the beginning */
    bool repeats;            /* the network repeats frames, also where it would not by the seed */
} vd_whole_options_t;

typedef enum vd_whole_actor {
    WITHOUT_PRODUCERS = 1,
    WITHOUT_READERS = 2,
    WITHOUT_SECOND_HOST = 4,
    WITHOUT_STRANGERS = 8,
    WITHOUT_ROLLS = 16,
    WITHOUT_FOLLOWERS = 32,
    WITHOUT_STREAMS = 64,
    WITHOUT_AUDITOR = 128,
} vd_whole_actor_t;

/* ---- parts ---- */

/* Something to be observed. */
typedef struct vd_model_source {
    char name[16];
    char address[16];
    bool exists, hangs, fails;
    uint64_t value;
    int64_t changed_us;    /* came, left or moved */
    uint32_t changes;      /* so often */
    uint64_t known_life;   /* the newest life of the broker that knew it */
    uint64_t unheard_life; /* the newest that was complete without ever having heard of it */
    int64_t read_us[WHOLE_POLLERS]; /* when each poller began to read it last */
} vd_model_source_t;

/* A read that a poller has let out. */
typedef struct vd_model_read {
    bool used;
    uint32_t poller;
    uint64_t serial, life, token, key; /* key: of source and target */
    uint32_t source;
    bool once, standing;
    int64_t started_us;
} vd_model_read_t;

typedef struct vd_model_poller {
    vd_whole_t *whole;
    uint32_t number;
    vd_process_t *process;
    vd_node_t *node;
} vd_model_poller_t;

typedef struct vd_model_host {
    vd_whole_t *whole;
    const char *name;
    vd_process_t *process;
    vd_node_t *node;
    uint64_t cycle; /* when it was looked at last */
    void *shadow;   /* state of the observer, made of what is stored */
    void *fork;     /* the same, made of a saved one and what came after; NULL: none */
    uint64_t applied;
    uint32_t root;     /* the chain of sessions that the shadow is of */
    vd_buffer_t parts; /* of a saved state in the store */
} vd_model_host_t;

/* A child as its supervisor's world sees it: for the checks on restarts. */
typedef struct vd_model_child {
    vd_whole_t *whole;
    vd_process_t *process;
    uint64_t token; /* that the supervisor calls its process */
    char session[VD_NAME_BYTES_MAX + 1];
    uint32_t crashes; /* so many next lives die soon */
    int64_t crash_us; /* after so long */
    bool asked;       /* its death was asked for */
    bool by_hand;     /* somebody has asked for a start */
    uint64_t doomed;  /* the process of this token is signalled as soon as it is there */
    uint32_t doom;    /* so */
    int64_t alive_us; /* when the supervisor heard of it last */
    uint32_t level;   /* early deaths in a row */
    int64_t died_us;
    int64_t not_before_us; /* it may not be started again before */
    uint32_t death_count;
    int64_t deaths[WHOLE_DEATHS];
    uint64_t spawns;
} vd_model_child_t;

/* A session of a runtime, and the first of those that it goes on from. */
typedef struct vd_model_chain {
    char session[VD_NAME_BYTES_MAX + 1];
    uint32_t root;
} vd_model_chain_t;

typedef enum vd_fault_kind {
    FAULT_KILL,
    FAULT_KILL_SUPERVISOR,
    FAULT_MACHINE,
    FAULT_FREEZE,
    FAULT_CUT,
    FAULT_ISOLATE,
    FAULT_STORE,
    FAULT_CRASH_LOOP,
    FAULT_SOURCE_COMES,
    FAULT_SOURCE_GOES,
    FAULT_SOURCE_MOVES,
    FAULT_SOURCE_HANGS,
    FAULT_SOURCE_FAILS,
    FAULT_LISTING,
    FAULT_CONTROL,
    FAULT_DOWN,
    FAULT_FORGE,
    FAULT_RIVAL,
    FAULT_CLOCK,
    FAULT_END_SESSION,
    FAULT_STORM,
    FAULT_STRANGER,
    FAULT_BACK,
    FAULT_DAMAGE,
    FAULT_STEER,
    FAULT_KINDS
} vd_fault_kind_t;

typedef struct vd_model_fault {
    vd_fault_kind_t kind;
    int64_t at_us;
    uint32_t a, b; /* who, how: taken modulo */
    int64_t for_us;
} vd_model_fault_t;

typedef struct vd_reader_part vd_reader_part_t;
typedef struct vd_follower_part vd_follower_part_t;
typedef struct vd_stream_part vd_stream_part_t;
typedef struct vd_relay_part vd_relay_part_t;
typedef struct vd_auditor_part vd_auditor_part_t;
typedef struct vd_past_part vd_past_part_t;
typedef struct vd_collector_part vd_collector_part_t;
typedef struct vd_rules vd_rules_t;
typedef struct vd_history_watch vd_history_watch_t;
typedef struct vd_ingestor_part vd_ingestor_part_t;

struct vd_whole {
    vd_whole_options_t options;
    vd_world_t *world;
    vd_oracle_t *oracle;
    vd_ledger_t *ledger;
    vd_ledger_t *ledger_before; /* of the store before it went back; NULL: it never did */
    uint64_t kept;              /* so many events are in both */
    bool calm;
    int64_t calm_us; /* since when */
    int64_t chaos_until_us;
    uint64_t settled; /* so many events were stored a while before the end */
    vd_weather_t weather;

    vd_process_t *supervisor, *broker, *provider;
    vd_node_t *supervisor_node, *broker_node, *provider_node;
    vd_model_ingestor_t ingestor;
    vd_ingestor_part_t *ingestor_part;
    vd_model_producer_t producers[WHOLE_PRODUCERS];
    vd_model_poller_t pollers[WHOLE_POLLERS];
    vd_model_host_t hosts[WHOLE_HOSTS];
    vd_reader_part_t *readers;
    vd_follower_part_t *followers;
    vd_stream_part_t *streams;
    vd_relay_part_t *relay;
    vd_auditor_part_t *auditor;
    vd_past_part_t *past;
    vd_collector_part_t *collector;
    uint64_t kicks; /* of operators, at readers of streams */

    /* The supervisor. */
    vd_supervisor_setup_t setup;
    vd_model_child_t children[WHOLE_CHILDREN];
    uint32_t child_count;
    bool again; /* it is started again when it has ended */
    uint32_t ups;
    bool supervisor_slept; /* it was frozen at some time */
    vd_model_chain_t chains[WHOLE_CHAINS];
    uint32_t chain_count;

    /* What is observed. */
    vd_model_source_t sources[WHOLE_SOURCES];
    vd_model_read_t reads[WHOLE_READS];
    uint64_t reads_begun;
    int64_t interval_ms;
    /* How often hosts keep their states; 0 events: never. */
    uint64_t state_events;
    int64_t state_ms;
    uint32_t states_keep;
    bool listing_fails, listing_hangs;
    int64_t broker_lived_us;          /* the broker before the one of the moment */
    uint64_t hand_epoch, hand_number; /* of the producer "hand" */

    vd_model_fault_t faults[WHOLE_FAULTS_MAX];
    uint32_t fault_count;
    vd_rules_t *rules;
    vd_history_watch_t *histories;
};

void vd_whole_fail(vd_whole_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t vd_whole_now_us(const vd_whole_t *self);
/* While nothing of the runtime runs, its store is put back to what it was `commits` commits ago. */
void vd_whole_go_back(vd_whole_t *self, uint64_t commits);
/* A run of one of the newest commits cannot be read any more. */
void vd_whole_damage(vd_whole_t *self, uint32_t die);
/* The process called so; NULL: there is none. */
vd_process_t *vd_whole_process(vd_whole_t *self, const char *name);

/* runtime.c */
void vd_runtime_add(vd_whole_t *self);
void vd_runtime_boot(vd_whole_t *self);
vd_model_child_t *vd_runtime_child(vd_whole_t *self, const char *name);
/* A child's process is ready, or has ended: spec functions of every child. */
void vd_runtime_ready(vd_world_t *world, vd_process_t *process, void *arg);
void vd_runtime_ended(vd_world_t *world, vd_process_t *process, vd_status_t status, bool killed,
                      void *arg);
/* A spec for a process that the supervisor starts. */
vd_process_spec_t vd_runtime_spec(vd_whole_t *self, const char *name, const char *kind);
/* What the supervisor holds of a child; NULL: nothing, or it is down. */
const vd_child_t *vd_runtime_held(vd_whole_t *self, const char *name);
/* The session of the moment; empty: none. */
const char *vd_held_session(const vd_supervisor_t *supervisor);
const char *vd_runtime_session(vd_whole_t *self);
/* Asks the supervisor for something, as a tool does. */
void vd_runtime_control(vd_whole_t *self, const char *verb, const char *actor);

void vd_broker_part_add(vd_whole_t *self);
/* The set of sources has changed. */
void vd_provider_part_changed(vd_whole_t *self);

void vd_poller_part_add(vd_whole_t *self);
void vd_sources_begin(vd_whole_t *self);
void vd_sources_calm(vd_whole_t *self);
void vd_poller_part_finish(vd_whole_t *self);

void vd_ingestor_part_add(vd_whole_t *self);
void vd_ingestor_part_free(vd_whole_t *self);

void vd_host_part_add(vd_whole_t *self);
void vd_host_part_free(vd_whole_t *self);
/* Forgets what was stored: it will be told again from the beginning. */
void vd_host_part_forget(vd_whole_t *self);
/* A session of a runtime begins, and goes on from another one or not. */
void vd_host_part_session(vd_whole_t *self, vd_str_t session, vd_str_t continues);
/* An event of the store; whether it is an observer's. */
bool vd_host_part_seen(vd_whole_t *self, const vd_seen_t *seen);
/* The root of a session's chain; 0: there is none. */
uint32_t vd_host_part_root(const vd_whole_t *self, vd_str_t session);
/* That of the session which a host writes to; 0: it is not at work. */
uint32_t vd_host_part_session_root(const vd_whole_t *self, uint32_t host);
/* Was a session of the chain pruned, with what an observer knew? */
bool vd_host_part_may_have_lost(const vd_whole_t *self, uint32_t root);
void vd_host_part_stepped(vd_whole_t *self, vd_node_t *node);
/* Is every observer at work, and not just on its way from one session to the next? */
bool vd_host_part_rests(vd_whole_t *self);
void vd_host_part_finish(vd_whole_t *self);

void vd_collector_part_add(vd_whole_t *self);
void vd_collector_part_free(vd_whole_t *self);
vd_process_t *vd_collector_part_process(vd_whole_t *self);
/* As vd_host_part_seen, for the events of the collector and of the observer that it reads. */
bool vd_collector_part_seen(vd_whole_t *self, const vd_seen_t *seen);
void vd_collector_part_forget(vd_whole_t *self);
void vd_collector_part_stepped(vd_whole_t *self, vd_node_t *node);
bool vd_collector_part_rests(vd_whole_t *self);
void vd_collector_part_finish(vd_whole_t *self);

void vd_past_part_add(vd_whole_t *self);
void vd_past_part_free(vd_whole_t *self);
/* An event of a host's observer has been applied to what is known of it. */
void vd_past_part_note(vd_whole_t *self, uint32_t host, const vd_seen_t *seen);
void vd_past_part_forget(vd_whole_t *self);
void vd_past_part_heard(vd_whole_t *self, const vd_node_t *node, bool arrives, const char *topic,
                        const vd_message_t *message);
void vd_past_part_finish(vd_whole_t *self);

void vd_reader_part_add(vd_whole_t *self);
void vd_reader_part_free(vd_whole_t *self);
/* One of them dies, and comes back. */
void vd_reader_part_kill(vd_whole_t *self, uint32_t die);
void vd_reader_part_finish(vd_whole_t *self);

void vd_relay_part_add(vd_whole_t *self);
void vd_relay_part_free(vd_whole_t *self);
vd_process_t *vd_relay_part_process(vd_whole_t *self);
void vd_relay_part_stepped(vd_whole_t *self, vd_node_t *node);

/* history_watch.c */
void vd_history_watch_add(vd_whole_t *self);
void vd_history_watch_free(vd_whole_t *self);
void vd_history_watch_heard(vd_whole_t *self, const vd_node_t *node, bool arrives,
                            const vd_peer_t *peer, const vd_message_t *message);

void vd_auditor_part_add(vd_whole_t *self);
void vd_auditor_part_free(vd_whole_t *self);
/* NULL: there is none. */
vd_process_t *vd_auditor_part_process(vd_whole_t *self);
void vd_auditor_part_stepped(vd_whole_t *self, vd_node_t *node);
void vd_auditor_part_finish(vd_whole_t *self);

void vd_stream_part_add(vd_whole_t *self);
void vd_stream_part_free(vd_whole_t *self);
void vd_stream_part_heard(vd_whole_t *self, const vd_node_t *node, bool arrives,
                          const vd_message_t *message);
void vd_stream_part_stepped(vd_whole_t *self, vd_node_t *node);
/* One of them; NULL: there is none. */
vd_process_t *vd_stream_part_process(vd_whole_t *self, uint32_t die);
/* An operator pauses, resumes or kicks one of them. */
void vd_stream_part_steer(vd_whole_t *self, const char *verb, uint32_t die);
/* Is no subscriber paused? A pause lasts until all changes of mode are paid (modes.h law 5). */
bool vd_stream_part_rests(const vd_whole_t *self);
void vd_stream_part_finish(vd_whole_t *self);

void vd_follower_part_add(vd_whole_t *self);
void vd_follower_part_free(vd_whole_t *self);
void vd_follower_part_finish(vd_whole_t *self);

void vd_faults_plan(vd_whole_t *self);
void vd_faults_begin(vd_whole_t *self);
void vd_faults_calm(vd_whole_t *self);
const char *vd_fault_name(vd_fault_kind_t kind);

/* strangers.c: somebody asks something of somebody. */
void vd_strangers_ask(vd_whole_t *self, uint32_t what, uint32_t whom);

/* rules.c */
void vd_rules_add(vd_whole_t *self);
void vd_rules_free(vd_whole_t *self);
void vd_rules_heard(vd_whole_t *self, vd_node_t *node, bool arrives, uint16_t port,
                    const char *topic, const vd_message_t *message);
void vd_rules_stepped(vd_whole_t *self, vd_node_t *node);
void vd_rules_spawned(vd_whole_t *self, vd_model_child_t *child);
void vd_rules_died(vd_whole_t *self, vd_model_child_t *child, int64_t ready_us);
void vd_rules_finish(vd_whole_t *self);

/* tally.c: the observer of the model. */
struct vd_observer;

typedef struct vd_whole_result {
    char failure[512]; /* empty: none */
    uint64_t sum, steps, events, commits, kills;
    int64_t simulated_us;
    uint32_t faults;
} vd_whole_result_t;

/* Runs one seed. */
void vd_whole_run(const vd_whole_options_t *options, vd_whole_result_t *result);
/* Prints the plan of faults of a seed. */
void vd_whole_print_plan(const vd_whole_options_t *options, FILE *out);

#endif
