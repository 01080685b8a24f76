/* child.h: the life of one child process as one table: state x event -> action, next state.
 *
 * 1. What is wanted (up, down, gone) is kept apart from what is. An event changes the state by
 *    the table alone; vd_child_next then says which event brings the state nearer to what is
 *    wanted.
 * 2. Nothing here starts or signals a process: an action says what is to be done.
 * 3. A child has one deadline; the state says what it is for: readiness, a sign of life, the
 *    end after SIGTERM, the next start.
 * 4. A death is early before `early` has passed since readiness. Only early deaths count: they
 *    raise the backoff, and too many of them in a window end in `failed`. A death that was
 *    asked for never counts.
 * 5. The first restart is immediate; later ones wait backoff_min, doubled each time up to
 *    backoff_max. A life that was ready for backoff_reset sets the backoff to zero.
 * 6. A deadline that is seen much too late means that the supervisor itself stood still: the
 *    child gets a fresh grace instead of a kill that it did not earn.
 */
#ifndef VD_CHILD_H
#define VD_CHILD_H

#include "core/core.h"

#define VD_CHILD_DEATHS_MAX                                                                        \
    64 /* early deaths remembered: the upper bound of intensity_restarts                           \
        */
#define VD_CHILD_REASON_BYTES 512
#define VD_CHILD_NO_DEADLINE  INT64_MAX

typedef enum vd_child_state {
    VD_CHILD_STOPPED = 0,
    VD_CHILD_STARTING,
    VD_CHILD_READY,
    VD_CHILD_PAUSED,
    VD_CHILD_STOPPING,
    VD_CHILD_BACKOFF,
    VD_CHILD_FAILED,
    VD_CHILD_GONE,
    VD_CHILD_STATES,
} vd_child_state_t;

typedef enum vd_child_event {
    VD_CHILD_START = 0, /* it is wanted up */
    VD_CHILD_STOP,      /* it is no longer wanted up */
    VD_CHILD_IS_READY,  /* the process has told readiness */
    VD_CHILD_DIED,      /* the process is dead and may be started again */
    VD_CHILD_BROKEN,    /* the process is dead and starting it again is pointless */
    VD_CHILD_DUE,       /* the deadline has passed */
    VD_CHILD_PAUSE,
    VD_CHILD_RESUME,
    VD_CHILD_KILL,
    VD_CHILD_RESTART,
    VD_CHILD_FORGET, /* it is no longer managed */
    VD_CHILD_EVENTS,
    VD_CHILD_NO_EVENT,
} vd_child_event_t;

typedef enum vd_child_action {
    VD_CHILD_NOTHING = 0,
    VD_CHILD_REFUSE,      /* the event makes no sense in this state; nothing changed */
    VD_CHILD_SPAWN,       /* start a process */
    VD_CHILD_NOTE_READY,  /* it is ready: watch for signs of life */
    VD_CHILD_TERMINATE,   /* SIGTERM, and SIGCONT so that a paused one can obey */
    VD_CHILD_SIGKILL,     /* because the deadline has passed */
    VD_CHILD_ASKED_KILL,  /* SIGKILL because someone asked */
    VD_CHILD_FREEZE,      /* SIGSTOP */
    VD_CHILD_THAW,        /* SIGCONT */
    VD_CHILD_RETRY_LATER, /* wait for the next start */
    VD_CHILD_GIVE_UP,     /* stay down until someone asks */
    VD_CHILD_REST,        /* it is down as wanted */
} vd_child_action_t;

typedef struct vd_child_row {
    uint8_t action;
    uint8_t next;
} vd_child_row_t;

/* The table, for its readers and its test. */
extern const vd_child_row_t VD_CHILD_TABLE[VD_CHILD_EVENTS][VD_CHILD_STATES];

typedef enum vd_child_want { VD_WANT_DOWN = 0, VD_WANT_UP, VD_WANT_GONE } vd_child_want_t;

typedef struct vd_child_policy {
    int64_t backoff_min_us, backoff_max_us, backoff_reset_us;
    int64_t intensity_window_us;
    int64_t start_timeout_us, stop_timeout_us, silence_us;
    int64_t early_us; /* a death sooner after readiness counts */
    uint32_t
        intensity_restarts; /* in the window; one more early death is failure. 1 to DEATHS_MAX */
} vd_child_policy_t;

/* The policy without configuration. */
vd_child_policy_t vd_child_policy_default(void);

typedef enum vd_death_how {
    VD_DEATH_EXITED = 1,   /* number: the exit code */
    VD_DEATH_KILLED,       /* number: the signal */
    VD_DEATH_DUMPED,       /* number: the signal; a core was dumped */
    VD_DEATH_NOT_EXECUTED, /* number: errno of exec */
    VD_DEATH_NOT_STARTED,  /* number: errno of fork and what belongs to it */
} vd_death_how_t;

typedef struct vd_death {
    vd_death_how_t how;
    int number;
    char detail[256]; /* the path that was not executed; the last words of one that exited; or empty
                       */
} vd_death_t;

typedef struct vd_child_death {
    int64_t at_us;
    vd_death_how_t how;
    int number;
} vd_child_death_t;

/* A name beside the supervisor, or with a slash a path. */
#define VD_PROGRAM_SIZE (VD_TEXT_BYTES_MAX + 1)

typedef struct vd_child {
    char name[VD_NAME_BYTES_MAX + 1]; /* empty: the slot is free */
    char kind[VD_NAME_BYTES_MAX + 1];
    char program[VD_PROGRAM_SIZE];
    uint8_t rank; /* ranks start in order and stop in reverse */
    vd_child_state_t state;
    vd_child_want_t wanted;
    bool held;     /* not to be started yet: earlier ranks come first */
    bool tried;    /* its first start is over, well or not: it holds nobody back any more */
    bool asked;    /* its death was asked for */
    uint64_t life; /* number of the process, given by the owner at each SPAWN; 0: none */
    uint64_t pid;
    char session[VD_NAME_BYTES_MAX + 1]; /* that its process was started with; set by the owner */
    uint64_t restarts;
    int64_t since_ms, started_ms, retry_ms; /* wall clock */
    int64_t ready_us;                       /* of this life; 0: not yet */
    int64_t deadline_us;
    uint32_t level; /* of the backoff; 0: start at once */
    uint32_t death_count;
    vd_child_death_t deaths[VD_CHILD_DEATHS_MAX]; /* early ones, oldest first */
    char note[128];                               /* why it is being killed */
    char reason[VD_CHILD_REASON_BYTES];
} vd_child_t;

/* Makes a child that is stopped, held and wanted up. */
void vd_child_init(vd_child_t *self, vd_now_t now, const char *name, const char *kind,
                   const char *program, uint8_t rank);
/* Takes an event. Returns the action to carry out now. */
vd_child_action_t vd_child_step(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                                vd_child_event_t event);
/* Judges a death: DIED or BROKEN, to be given to vd_child_step at once. Puts it into words as the
 * reason. */
vd_child_event_t vd_child_death(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now,
                                const vd_death_t *death);
/* A sign of life from the process. */
void vd_child_alive(vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now);
/* The event that is due now (a deadline, or a step towards what is wanted), or NO_EVENT. May move a
 * deadline that the supervisor overslept. */
vd_child_event_t vd_child_next(vd_child_t *self, vd_now_t now);

/* Has it lived long enough for its early deaths to be forgotten? */
bool vd_child_is_settled(const vd_child_t *self, const vd_child_policy_t *policy, vd_now_t now);
/* Does it count as up for whoever waits: wanted up and ready? */
bool vd_child_is_up(const vd_child_t *self);
/* Is there no process, and none to come by itself? */
bool vd_child_is_down(const vd_child_t *self);
/* The state's name on the wire. */
const char *vd_child_state_name(vd_child_state_t state);
/* Fills the record of the feed lifecycle; views into `self`. */
void vd_child_describe(const vd_child_t *self, vd_child_record_t *record);
/* Writes a death in words: "exit code 3", "killed by SIGKILL". */
void vd_death_words(vd_death_how_t how, int number, char *out, size_t size);

#endif
