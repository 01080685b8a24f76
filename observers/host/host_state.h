/* host_state.h: the inside of the observer host, shared by its parts. */
#ifndef VD_HOST_STATE_H
#define VD_HOST_STATE_H

#include "host.h"

#define VD_VIEW_BYTES_MAX (VD_SNAPSHOT_BYTES_MAX / 4 * 3)

enum {
    VD_HOST_TIMER_MEMBERSHIP = 1,
    VD_HOST_TIMER_EMIT,
    VD_HOST_TIMER_RESTORE,
    VD_HOST_TIMER_READINGS,
    VD_HOST_TIMER_TURN,
    VD_HOST_TIMER_CHECK,
    VD_HOST_TIMER_RETRY,
};

typedef enum vd_host_phase {
    VD_HOST_OPENING = 1, /* OPEN is out */
    VD_HOST_RESTORING,   /* the session's events are being replayed */
    VD_HOST_RUNNING,
} vd_host_phase_t;

struct vd_host {
    vd_host_options_t options;
    char name[VD_NAME_BYTES_MAX + 1];
    char session[VD_NAME_BYTES_MAX + 1];
    char endpoints[4][VD_ENDPOINT_BYTES_MAX + 1];
    const vd_observer_t *observer;
    void *state;
    vd_host_phase_t phase;
    bool ended;

    vd_samples_t *samples;
    vd_roster_t roster;
    vd_readings_t readings;
    vd_faults_t faults;
    vd_emit_t *emit;
    vd_subscriber_t *subscriber; /* while restoring */
    bool restored;               /* the replay has reached the head: the subscriber can go */
    bool replay_failed;
    vd_feed_publisher_t publisher;
    vd_turn_t turn;
    vd_buffer_t view;    /* last good */
    vd_buffer_t drawing; /* the view in the making */
    vd_buffer_t scratch;

    uint64_t cycle; /* last turn that succeeded, or highest stored */
    int64_t cycle_ms;
    int64_t wall_ms; /* of the step at hand */
    int64_t turn_ms; /* of the last cycle, its commit included */
    vd_position_t position;
    uint64_t epoch;    /* of the emit conversation when the replay began */
    uint64_t replayed; /* events applied from the store */

    bool outstanding;      /* a turn's frame is at the ingestor */
    uint64_t turn_serial;  /* samples that the turn at hand has seen */
    int64_t turn_us;       /* when the last turn began; 0: none yet */
    int64_t new_us;        /* when the first unseen sample came; 0: there is none */
    uint64_t seen_answers; /* of readings.answered */
    bool urgent;           /* an answer to a turn's read has come */
    bool again;            /* the last turn was full */
    bool failed;           /* the last turn failed: wait for the interval */
    int64_t opened_us;     /* when the phase began */
    uint64_t seen_membership;
    uint64_t seen_malformed;
    uint64_t published_faults;
};

/* report.c: the snapshot of the feed "state", and one item of it. */
vd_feed_snapshot_fn vd_host_write_snapshot;
/* Publishes the cycle at hand: `seq` is that of the last event (0: unknown or none), `run` its
 * events. */
void vd_host_publish(vd_host_t *self, vd_now_t now, uint64_t seq, vd_bytes_t run, uint32_t count,
                     vd_effects_t *effects);

/* query.c: answers a QUERY. */
void vd_host_answer_query(vd_host_t *self, const vd_input_t *input, vd_effects_t *effects);

/* restore.c */
void vd_host_restore_begin(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* The ingestor's store has lost what it had answered, or is another one: a fresh state and a new
 * replay. */
void vd_host_restore_again(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* After each step while restoring: ends it when the head is reached. Returns whether it has just
 * ended. */
bool vd_host_restore_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects);

/* turns.c */
bool vd_host_is_turn_due(const vd_host_t *self, vd_now_t now);
void vd_host_run_turn(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
vd_outcome_fn vd_host_outcome;
/* Sets the timer of the next turn. */
void vd_host_schedule(vd_host_t *self, vd_now_t now, vd_effects_t *effects);

#endif
