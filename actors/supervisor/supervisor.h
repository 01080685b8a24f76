/* supervisor.h: the core of the supervisor: which processes are wanted, in what order they come.
 *
 * 1. It knows processes only as children (child.h). Starting and signalling are effects of kind
 *    DO; deaths, readiness and signs of life arrive as inputs of kind DONE, with the operations
 *    below.
 * 2. Start: broker, ingestor, relays, providers, pollers, observers, auditor. A rank starts when
 *    each child of the ranks before it has been ready or has died once: who crashes in a loop delays
 *    nobody.
 *    Observers also wait until session_started is on disk.
 * 3. Stop: the reverse; between provider and relay session_ended is committed, or given up
 *    after 5 s. A
 *    second STOP, at least STOP_AGAIN later, kills at once: Ctrl-C may arrive twice as one.
 * 4. Pollers follow the broker's membership: as many as sources, at least one, at most
 *    pollers_max. More come at once, fewer after POLLERS_LINGER; the highest number goes first.
 *    One that has died early of late stays until that is forgotten (child.h law 5), or until
 *    somebody stops it. An incomplete membership takes none away.
 * 5. A process is named by its life, a number that is never used twice. What comes from an
 *    older life is ignored.
 * 6. The session rolls (session.h) when it is session_roll_us old, when the ingestor counts
 *    session_roll_events in it, or when somebody else has ended it. A process that is started gets
 *    the session of the moment.
 * 7. The feed `lifecycle` has one item for each change of a child; runtime events go into the
 *    session of this up (session.h). Control by hand overrides what is wanted until the next
 *    word by hand.
 */
#ifndef VD_SUPERVISOR_H
#define VD_SUPERVISOR_H

#include "child.h"
#include "wire/session_id.h"

#define VD_SUPERVISOR_FIXED_MAX    64
#define VD_SUPERVISOR_POLLERS_MAX  64
#define VD_SUPERVISOR_CHILDREN_MAX (VD_SUPERVISOR_FIXED_MAX + VD_SUPERVISOR_POLLERS_MAX)
#define VD_POLLERS_LINGER_US       5000000
#define VD_SESSION_END_US          5000000
#define VD_SESSION_ASK_US          1000000  /* between looks at how many events it has */
#define VD_SESSION_AGAIN_US        60000000 /* after a roll that was refused */
#define VD_STOP_AGAIN_US           500000

enum vd_supervisor_port {
    VD_SUPERVISOR_CONTROL = 1, /* ROUTER control */
    VD_SUPERVISOR_LIFECYCLE,   /* PUB lifecycle */
    VD_SUPERVISOR_BROKER,      /* DEALER */
    VD_SUPERVISOR_MEMBERSHIP,  /* SUB */
    VD_SUPERVISOR_INGESTOR,    /* DEALER */
    VD_SUPERVISOR_READ,        /* DEALER, to the ingestor */
};

/* Operations. The token is the life of the process that is meant. */
enum vd_supervisor_operation {
    /* As effects. */
    VD_DO_SPAWN = 1, /* object: const vd_child_t *, until the step after; DONE: below */
    VD_DO_TERMINATE, /* SIGTERM, then SIGCONT; no DONE, as with the next ones */
    VD_DO_KILL,
    VD_DO_FREEZE,
    VD_DO_THAW,
    VD_DO_TELL_READY, /* every wanted actor is ready for the first time; no token */
    /* As inputs. */
    VD_DONE_SPAWN,    /* status VD_OK: result is const uint64_t *, the process id */
    VD_DONE_IS_READY, /* the process has told readiness */
    VD_DONE_ALIVE,    /* the process has given a sign of life */
    VD_DONE_DIED,     /* result: const vd_death_t *; also when it could not be started */
};

enum vd_supervisor_rank {
    VD_RANK_BROKER,
    VD_RANK_INGESTOR,
    VD_RANK_RELAY,
    VD_RANK_PROVIDER,
    VD_RANK_POLLER,
    VD_RANK_OBSERVER,
    VD_RANK_AUDITOR,
    VD_RANKS,
};

typedef struct vd_fixed_child {
    char name[VD_NAME_BYTES_MAX + 1];
    char kind[VD_NAME_BYTES_MAX + 1];
    char program[VD_PROGRAM_SIZE];
    uint8_t rank;
} vd_fixed_child_t;

/* What the shell knows before the first step. */
typedef struct vd_supervisor_setup {
    char session[VD_NAME_BYTES_MAX + 1]; /* fresh; its name sorts by time */
    vd_session_ids_t session_ids;        /* that made it */
    char session_name[VD_NAME_BYTES_MAX + 1];
    char command[VD_TEXT_BYTES_MAX + 1];
    char host[VD_NAME_BYTES_MAX + 1];
    char data[VD_TEXT_BYTES_MAX + 1]; /* directory of the store */
    char broker_control[VD_ENDPOINT_BYTES_MAX + 1];
    char broker_membership[VD_ENDPOINT_BYTES_MAX + 1];
    char ingestor_emit[VD_ENDPOINT_BYTES_MAX + 1];
    char ingestor_read[VD_ENDPOINT_BYTES_MAX + 1];
    int64_t session_roll_us;
    uint64_t session_roll_events;
    uint64_t inc;
    uint64_t pid;
    uint32_t pollers_max; /* 1 to VD_SUPERVISOR_POLLERS_MAX */
    vd_child_policy_t policy;
    uint32_t fixed_count;
    vd_fixed_child_t fixed[VD_SUPERVISOR_FIXED_MAX];
} vd_supervisor_setup_t;

typedef struct vd_supervisor vd_supervisor_t;

/* Makes the core; the setup is copied. NULL without memory. */
vd_supervisor_t *vd_supervisor_new(const vd_supervisor_setup_t *setup);
void vd_supervisor_destroy(vd_supervisor_t **self);
/* The step function (vd_step_fn); `state` is a vd_supervisor_t. */
void vd_supervisor_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);
/* A child by name, for looking at; NULL if there is none. */
const vd_child_t *vd_supervisor_child(const vd_supervisor_t *self, const char *name);

#endif
