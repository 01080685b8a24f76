/* actor.h: what every process of the runtime shares: start, loop, sockets, life cycle, end.
 *
 * 1. An actor is one or more pure cores (core/core.h) in one CZMQ loop of one thread. The shell
 *    decodes frames into inputs, runs the core's step, and carries out its effects in order. It
 *    holds no rule of its own.
 * 2. Start: options, paths, configuration, log, lock (one process for each actor name and
 *    directory, so that no endpoint is bound twice), sockets bound, cores started, readiness told.
 * 3. Options of every actor: --dir DIR, --name NAME, --config FILE, --session ID, --log-level L,
 *    --log-json, --check-config, --print-config, --version, --help. Environment of a supervised
 *    actor: VEDETTE_NOTIFY_FD (a pipe: "ready\n" once, then "alive\n" each second in which the
 *    loop of every thread turned), VEDETTE_LOCK_FD (the runtime's lock, kept open, nothing done
 *    with it), VEDETTE_FIRST (nothing of the runtime ran before it). Children of an actor inherit
 *    none.
 * 4. On every ROUTER port the shell itself answers PING and GET of the feed "metrics" (metrics.h),
 *    counts and answers garbage with ERROR where there is someone to answer, and answers unknown
 *    messages with ERROR unsupported. Garbage never reaches a core.
 * 5. SIGTERM and SIGINT become VD_INPUT_STOP for every core; the actor ends when each has answered
 *    with EXIT, or after 5 s. A core's own EXIT stops the others likewise. The end of the reader of
 *    the notify pipe is a STOP too.
 * 6. With `registers`, the actor keeps a lease at the broker with all its bound endpoints, through
 *    broker deaths, and leaves it in good order.
 * 7. With `supervises`, the actor is on its own: it outlives the reader of its notify pipe, its
 *    cores bound the time of their end themselves, each further signal is one more STOP, and its
 *    lease begins before it is ready.
 */
#ifndef VD_ACTOR_H
#define VD_ACTOR_H

#include "core/core.h"
#include "kit/config.h"
#include "kit/metrics.h"
#include "wire/paths.h"

#include <czmq.h>

typedef enum vd_port_kind {
    VD_PORT_ROUTER = 1, /* bound; endpoint ipc://<run>/<actor>.<name> */
    VD_PORT_PUB,        /* bound, likewise */
    VD_PORT_DEALER,     /* connects; one socket for each CONNECT, with a fresh identity */
    VD_PORT_SUB,        /* connects; one socket, any number of CONNECTs */
} vd_port_kind_t;

typedef struct vd_port {
    uint16_t port; /* the core's number */
    vd_port_kind_t kind;
    const char *name; /* goes into the endpoint and the membership */
} vd_port_t;

typedef struct vd_actor vd_actor_t;
struct vd_shell;

/* Carries out an effect of kind DO. Answers, now or later, with vd_actor_complete on the loop's
 * thread. The operations of a step are begun after its other effects; an answer from within runs
 * the core's step at once. */
typedef void vd_perform_fn(void *arg, vd_actor_t *actor, const vd_effect_t *effect);

/* Tells what a core counts, with vd_metric (kit/metrics.h), from the core's state. Called between
 * steps, by the thread that runs them. */
typedef void vd_metrics_fn(const void *state, vd_metric_list_t *list);

typedef struct vd_core_spec {
    const char *name;
    vd_step_fn *step;
    void *state;
    const vd_port_t *ports;
    size_t port_count;
    int64_t
        frame_bytes_max; /* of what its ports take in; more ends the connection without a word. 0: FRAME_BYTES_MAX */
    vd_perform_fn *perform; /* may be NULL when the core has no DO */
    void *perform_arg;
    vd_metrics_fn *metrics; /* may be NULL */
} vd_core_spec_t;

typedef struct vd_actor_spec {
    const char *kind;         /* broker, ingestor, ... */
    const char *default_name; /* the name without --name */
    bool registers;
    const vd_config_table_t *config; /* tables this actor reads, see config.h */
    size_t config_count;
    /* Checks what the rows of its tables cannot say. VD_OK, or VD_CONFIG with text; may be NULL. */
    vd_status_t (*check)(const vd_config_t *config, char *error, size_t error_size);
    bool supervises; /* law 7 */
    const char
        *help; /* lines for --help on arguments of its own, taken out of argv before; or NULL */
} vd_actor_spec_t;

/* The configuration tables of every actor: runtime, network. Read besides those of its spec. */
#define VD_ACTOR_TABLES 2
extern const vd_config_table_t vd_actor_tables[VD_ACTOR_TABLES];
/* The table of the pollers, for them and for their supervisor. */
#define VD_POLLERS_MAX 64
extern const vd_config_row_t vd_pollers_rows[];
extern const vd_config_table_t vd_pollers_table;
/* The table of the relays, likewise. */
#define VD_RELAYS_MAX 32
extern const vd_config_row_t vd_relay_rows[];
extern const vd_config_table_t vd_relay_table;
/* The table of the auditor, likewise. */
extern const vd_config_row_t vd_auditor_rows[];
extern const vd_config_table_t vd_auditor_table;

/* Parses options, resolves paths, reads and checks the configuration, opens the log, takes the
 * lock. On --help, --check-config and the like, and on errors, prints and sets *exit_code; returns
 * NULL. */
vd_actor_t *vd_actor_new(int argc, char **argv, const vd_actor_spec_t *spec, int *exit_code);
void vd_actor_destroy(vd_actor_t **self);

const char *vd_actor_name(const vd_actor_t *self);
uint64_t vd_actor_inc(const vd_actor_t *self); /* random, fresh in each life */
bool vd_actor_first(const vd_actor_t *self);   /* nothing of the runtime ran before it */
const vd_paths_t *vd_actor_paths(const vd_actor_t *self);
const char *vd_actor_session(const vd_actor_t *self);     /* --session; empty if none */
const char *vd_actor_config_file(const vd_actor_t *self); /* --config; empty if none */
const vd_config_t *vd_actor_config(const vd_actor_t *self);
zloop_t *vd_actor_loop(vd_actor_t *self);
vd_now_t vd_actor_now(const vd_actor_t *self);
/* The endpoint that port `name` of this actor is (or will be) bound to. */
const char *vd_actor_endpoint(const vd_actor_t *self, const char *name);

/* Adds a core and binds its ports. Returns its handle (>= 0) or -1 with the error logged. The state
 * stays the caller's. */
int vd_actor_add_core(vd_actor_t *self, const vd_core_spec_t *spec);
/* Adds a shell (kit/shell.h) of this actor's name that another thread is going to run, with its
 * cores: its bound ports are registered with the actor's own, and all ports are bound to further
 * endpoints now. So add the cores of the actor before, and start the thread after. VD_OK, or why
 * not, with the error logged. */
vd_status_t vd_actor_add_shell(vd_actor_t *self, struct vd_shell *shell);
/* Says whether a thread without a shell has progressed, or had nothing to do, since it was asked
 * last. */
typedef bool vd_progress_fn(void *arg);
/* Has `watch` asked each second before "alive" is told: a thread that stands still is a process
 * that does. */
void vd_actor_watch(vd_actor_t *self, vd_progress_fn *watch, void *arg);
/* Is anybody subscribed to something on port `name` of core `handle`, a PUB? */
bool vd_actor_has_subscribers(const vd_actor_t *self, int handle, const char *name);
/* Gives core `handle` the input DONE. Only on the loop's thread, not from inside a step. */
void vd_actor_complete(vd_actor_t *self, int handle, uint32_t operation, uint64_t token,
                       vd_status_t status, const void *result);
/* Tells in every PONG from now on what this actor cannot do at the moment; empty: all is well. */
void vd_actor_set_trouble(vd_actor_t *self, const char *text);
/* Gives core `handle` any input. Same rules. */
void vd_actor_input(vd_actor_t *self, int handle, const vd_input_t *input);
/* Tells readiness. Called by vd_actor_run after START of every core, unless vd_actor_hold_ready was
 * called before. */
void vd_actor_hold_ready(vd_actor_t *self);
void vd_actor_ready(vd_actor_t *self);
/* Runs until the end. Returns the exit code: that of the worst EXIT status. */
int vd_actor_run(vd_actor_t *self);

#endif
