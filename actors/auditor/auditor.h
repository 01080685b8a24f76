/* auditor.h: the core of the auditor: reads all that is committed, asks everybody what they say of it,
 * and tells what does not agree.
 *
 * 1. It reads with FETCH, one question and one answer from its own position, behind the newest commit
 *    or from the first one on: what it checks is what the store holds, and an outage, a lost frame or
 *    its own slowness only delay it. Where it could not go on it says from which commit on it has
 *    checked (`from`).
 * 2. What others say (live streams, what is published, relays, positions, observers, pollers, the
 *    membership, the lifecycle) it looks at by sample, and settles by what it has read (claims.h).
 *    Whoever does not answer is not violated but unknown.
 * 3. A violation (book.h) is told as an event `invariant_violated` of the runtime's session, as the
 *    trouble of the process, and in the answer to GET of `audit`.
 * 4. After the store was another one or went back, and after the auditor itself stood still, what
 *    others say is left alone until they had the time to learn of it.
 * 5. Memory is bounded: VD_AUDITOR_ACTORS_MAX actors, VD_AUDITOR_CHILDREN_MAX processes,
 *    VD_AUDITOR_READS_MAX sources, and what history.h, claims.h and book.h have. What is over a bound
 *    is counted.
 * 6. Anybody may write into the session. What only its events tell gives way to what the membership
 *    and the supervisor tell, and of two events that contradict each other it takes the one that
 *    agrees with them.
 */
#ifndef VD_AUDITOR_H
#define VD_AUDITOR_H

#include "book.h"
#include "core/core.h"

#define VD_AUDITOR_ACTORS_MAX   64u
#define VD_AUDITOR_CHILDREN_MAX 192u /* more than a supervisor has: those known from events alone */
#define VD_AUDITOR_READS_MAX    1024u
#define VD_AUDIT_FEED           "audit"

enum vd_auditor_port {
    VD_AUDITOR_REQUESTS = 1, /* ROUTER: GET of audit */
    VD_AUDITOR_ASK,          /* DEALER: everybody */
    VD_AUDITOR_EVENTS,       /* SUB: what the ingestor publishes */
    VD_AUDITOR_MEMBERSHIP,   /* SUB */
    VD_AUDITOR_LIFECYCLE,    /* SUB */
};

/* An effect of kind DO: object is a text (const char *): the trouble of this process; empty: none. No
 * DONE. */
enum { VD_AUDITOR_TELL_TROUBLE = 1 };

typedef struct vd_auditor_options {
    const char *name;
    uint64_t inc; /* of this life */
    /* Of the runtime, as far as is known; empty, or no valid id: not known. */
    const char *session;
    const char *read, *emit, *events;   /* ports of the ingestor */
    const char *control, *membership;   /* of the broker */
    const char *supervisor, *lifecycle; /* of the supervisor */
    bool from_start;   /* begins with the first commit that is held; else behind the newest */
    int64_t canary_us; /* between events of its own that it looks for in the store; 0: none */
} vd_auditor_options_t;

typedef struct vd_auditor vd_auditor_t;

/* NULL without memory. The options are copied. */
vd_auditor_t *vd_auditor_new(const vd_auditor_options_t *options);
void vd_auditor_destroy(vd_auditor_t **self);
/* The step function (vd_step_fn); `state` is a vd_auditor_t. */
void vd_auditor_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

const vd_book_t *vd_auditor_book(const vd_auditor_t *self);

/* How far it is. */
typedef struct vd_auditor_view {
    uint64_t from;     /* the first commit that was checked, without a hole since; 0: none yet */
    uint64_t position; /* the last one */
    uint64_t head;     /* the newest one that the ingestor told of */
    uint64_t commits, events;
    uint32_t sessions;
    uint64_t sessions_forgotten;
    uint64_t unanswered; /* questions that got no answer in time */
    uint64_t restarts;   /* how often it had to begin somewhere else */
    /* How often an actor, a process or a source was over the bounds when it was told of, and
     * violations that were not told. */
    uint64_t left_out;
} vd_auditor_view_t;
void vd_auditor_look(const vd_auditor_t *self, vd_auditor_view_t *view);

#endif
