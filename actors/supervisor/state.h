/* state.h: what the files of the supervisor's core share: its state and the calls between them. */
#ifndef VD_SUPERVISOR_STATE_H
#define VD_SUPERVISOR_STATE_H

#include "feed/feed.h"

#include "pollers.h"
#include "session.h"
#include "supervisor.h"

enum vd_supervisor_timer {
    VD_TIMER_CHILDREN = 1, /* the earliest deadline of all children */
    VD_TIMER_FEED,
    VD_TIMER_EMIT,
    VD_TIMER_PHASE,   /* the session's end is given up */
    VD_TIMER_POLLERS, /* fewer pollers, if it is still so */
    VD_TIMER_ROLL,    /* a look at the session */
};

struct vd_supervisor {
    vd_supervisor_setup_t setup;
    vd_child_t children[VD_SUPERVISOR_CHILDREN_MAX];
    uint64_t lives;
    int64_t started_ms;
    int64_t timer_us; /* what VD_TIMER_CHILDREN is set to */
    bool broker_connected;
    bool was_ready; /* every wanted actor has been ready at the same time */
    bool stopping;
    bool hurry;   /* a second STOP: no more patience */
    bool exiting; /* EXIT is out */
    uint8_t stop_rank;
    int64_t stopping_us;         /* since when */
    int64_t session_deadline_us; /* while session_ended is waited for; 0: not yet */
    vd_session_t session;
    bool roll_asks;            /* the timer of the looks runs */
    uint64_t roll_correlation; /* of the newest question for the session's row */
    int64_t roll_refused_us;   /* when a roll was refused; 0: it was not */
    vd_sources_t sources;
    int64_t shrink_at_us; /* pollers above the wanted number go then; 0: none do */
    vd_feed_publisher_t lifecycle;
    vd_feed_reader_t membership;
    vd_buffer_t scratch;
};

/* supervisor.c */
/* Gives a child an event and carries out what the table says. */
vd_child_action_t vd_supervisor_apply(vd_supervisor_t *self, vd_now_t now, vd_child_t *child,
                                      vd_child_event_t event, vd_effects_t *effects);
/* Publishes a child as it is now. */
void vd_supervisor_publish(vd_supervisor_t *self, const vd_child_t *child, vd_effects_t *effects);
/* Adds a child that is wanted up and held. NULL without a free slot. */
vd_child_t *vd_supervisor_add(vd_supervisor_t *self, vd_now_t now, const char *name,
                              const char *kind, const char *program, uint8_t rank,
                              vd_effects_t *effects);
vd_child_t *vd_supervisor_find(vd_supervisor_t *self, const char *name);

/* order.c */
/* Releases the children whose turn to start has come. */
void vd_order_start(vd_supervisor_t *self, vd_effects_t *effects);
/* Begins to stop everything; again: kills. */
void vd_order_stop(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects);
/* Goes on stopping. */
void vd_order_go_on(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects);

/* roll.c */
/* Begins to look at the session from time to time. */
void vd_roll_start(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes an input. Returns whether it was for this part. */
bool vd_roll_step(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                  vd_effects_t *effects);
/* When the session has just gone over to the next one: tells it of every child. */
void vd_roll_tell(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects);

/* control.c */
bool vd_control_answer(vd_supervisor_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects);
/* Is every wanted actor ready and the session open? */
bool vd_control_all_ready(const vd_supervisor_t *self);

/* pollers.c */
/* Brings the number of pollers to that of the sources. */
void vd_pollers_follow(vd_supervisor_t *self, vd_now_t now, vd_effects_t *effects);
extern const vd_feed_handler_t VD_POLLERS_HANDLER; /* arg: the supervisor */

#endif
