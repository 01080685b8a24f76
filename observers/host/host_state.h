/* host_state.h: the inside of the observer host, shared by its parts. */
#ifndef VD_HOST_STATE_H
#define VD_HOST_STATE_H

#include "collecting.h"
#include "host.h"
#include "kit/failpoint.h"

#define VD_VIEW_BYTES_MAX (VD_SNAPSHOT_BYTES_MAX / 4 * 3)

enum {
    VD_HOST_TIMER_MEMBERSHIP = 1,
    VD_HOST_TIMER_EMIT,
    VD_HOST_TIMER_RESTORE,
    VD_HOST_TIMER_READINGS,
    VD_HOST_TIMER_TURN,
    VD_HOST_TIMER_CHECK,
    VD_HOST_TIMER_RETRY,
    VD_HOST_TIMER_CHAIN,
    VD_HOST_TIMER_INPUT,
    VD_HOST_TIMER_COLLECT,
    VD_HOST_TIMER_ASK,
    VD_HOST_TIMER_PAST,
    VD_HOST_TIMER_PAST_STREAM,
    VD_HOST_TIMER_PAST_ASK,
};

enum {
    VD_INPUTS_PER_TURN = 64,    /* that are gone through at once while they yield no event */
    VD_DECLARED_PER_STEP = 128, /* sources behind a cycle, so that requests are answered between */
};

/* Why a session's row is asked for. */
typedef enum vd_asking {
    VD_ASK_NOTHING,
    VD_ASK_WATCH,   /* has our session ended? */
    VD_ASK_MOVE,    /* it has: which session is to be gone to? */
    VD_ASK_FORWARD, /* restoring: which session is the newest? */
} vd_asking_t;

typedef struct vd_chain {
    vd_asking_t asking;
    char asked[VD_NAME_BYTES_MAX + 1];
    bool by_list; /* asked for is the list of sessions: does one continue `asked`? */
    bool listed;  /* restoring: it was looked for there, and none does */
    char before[VD_NAME_BYTES_MAX + 1]; /* where the next page of the list begins; empty: first */
    uint64_t correlation;
    uint32_t unanswered, unknown; /* in a row */
} vd_chain_t;

/* The state that is kept at the ingestor. */
typedef struct vd_keeping {
    bool changed;    /* the state is not the one that was kept last */
    uint64_t events; /* since that, those of others that a replay has read over included */
    int64_t at_us;   /* when it was kept, or tried last */
    bool out;        /* SAVE_SNAPSHOT is not answered */
    bool off;        /* this ingestor keeps none */
    bool told;       /* the fault of stage state is ours */
    uint64_t correlation;
    uint64_t seq;  /* of our last event in our session; 0: unknown */
    int64_t at_ms; /* no earlier than its commit */
} vd_keeping_t;

#define VD_PAST_WAITING_MAX 4

/* A question for the past. */
typedef struct vd_past_asked {
    uint16_t port;
    vd_peer_t peer;
    uint64_t correlation;
    char session[VD_NAME_BYTES_MAX + 1];
    vd_moment_t moment;
} vd_past_asked_t;

/* One at a time, the others wait. */
typedef struct vd_past {
    vd_replay_t replay;
    vd_faults_t faults;    /* of the answer at hand */
    vd_samples_t *samples; /* none */
    vd_past_asked_t asked[1 + VD_PAST_WAITING_MAX];
    uint32_t count;
    bool runs; /* the first of them */
} vd_past_t;

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
    vd_replay_t replay; /* while restoring */
    vd_chain_t chain;
    vd_collecting_t collecting;
    vd_keeping_t keeping;
    vd_past_t past;
    vd_feed_publisher_t publisher;
    vd_turn_t turn;
    vd_buffer_t view;    /* last good */
    vd_buffer_t drawing; /* the view in the making */
    vd_buffer_t scratch;
    vd_buffer_t layout; /* as a value, checked */

    uint64_t cycle; /* last turn that succeeded, or highest stored */
    int64_t cycle_ms;
    int64_t wall_ms; /* of the step at hand */
    int64_t turn_ms; /* of the last cycle, its commit included */
    vd_position_t position;
    uint64_t seq;      /* of our session: the state says what its events up to here say */
    bool seq_unknown;  /* the answer to a turn did not tell */
    bool view_old;     /* the last good view is not of the state as it is */
    uint64_t offered;  /* turns sent to the ingestor in this life */
    uint64_t watched;  /* of them, when it was asked whether our session has ended */
    uint64_t epoch;    /* of the emit conversation when the replay began */
    uint64_t replayed; /* events applied from the store */

    bool outstanding;      /* a frame is at the ingestor */
    bool moving;           /* our session has ended: on the way to the next one */
    bool stating;          /* the frame is the state */
    bool turn_waits;       /* the turn at hand was rejected by the session that has ended */
    uint32_t state_count;  /* events of the state's frame */
    int64_t watched_us;    /* when it was last asked whether our session has ended */
    uint64_t turn_serial;  /* samples that the turn at hand has seen */
    int64_t turn_us;       /* when the last turn began; 0: none yet */
    int64_t new_us;        /* when the first unseen sample came; 0: there is none */
    uint64_t seen_answers; /* of readings.answered */
    bool urgent;           /* an answer to a turn's read has come */
    bool again;            /* the last turn was full */
    bool failed;           /* the last turn failed: wait for the interval */
    bool declaring;        /* sources are still to be asked for their reads since the last cycle */
    uint32_t declare_at;   /* the next one of them */
    int64_t opened_us;     /* when the phase began */
    uint64_t seen_membership;
    uint64_t seen_malformed;
    uint64_t published_faults;
};

#ifdef VD_FAILPOINTS
#define vd_host_failpoint_sent(effects, name)                                                      \
    vd_effects_do((effects), VD_HOST_PLACE, 0, (void *)(name))
#else
#define vd_host_failpoint_sent(effects, name) ((void)0)
#endif

/* report.c: the snapshot of the feed "state", and one item of it. */
vd_feed_snapshot_fn vd_host_write_snapshot;
/* Publishes the cycle at hand, with the events of its turn: `seq` is that of the last one (0:
 * unknown or none). */
void vd_host_publish_cycle(vd_host_t *self, vd_now_t now, uint64_t seq, vd_effects_t *effects);
/* Publishes that an error came or is over, between two cycles. */
void vd_host_publish_error(vd_host_t *self, vd_now_t now, vd_effects_t *effects);

/* Writes the snapshot of the past that the replay of `past` has ended with; `view` is its state's. */
void vd_host_write_past(const vd_host_t *self, vd_bytes_t view, vd_buffer_t *out);

/* query.c: answers a QUERY. */
void vd_host_answer_query(vd_host_t *self, const vd_input_t *input, vd_effects_t *effects);

/* chain.c */
/* Asks for the row of `session`, until it is answered. */
void vd_chain_ask(vd_host_t *self, vd_now_t now, vd_asking_t asking, const char *session,
                  vd_effects_t *effects);
/* Asks VD_ASK_MOVE for our session after a while. */
void vd_chain_later(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
void vd_chain_rest(vd_host_t *self, vd_effects_t *effects);
/* The timer: asks again. */
void vd_chain_again(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* Does it answer a question for rows? */
bool vd_chain_is_asking(const vd_host_t *self, const vd_message_t *message);
void vd_chain_answered(vd_host_t *self, vd_now_t now, const vd_message_t *message,
                       vd_effects_t *effects);

/* move.c */
/* Our session has ended: finds the next one. */
void vd_host_move(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* Goes to the session that was asked for, which is open. */
void vd_host_move_to(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* Writes the state to our session, which does not have it. */
void vd_host_move_in(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
void vd_host_state_outcome(vd_host_t *self, vd_now_t now, const vd_outcome_t *outcome,
                           vd_effects_t *effects);

/* restore.c */
void vd_host_restore_init(vd_host_t *self);
/* The row that was asked for, of the newest session. */
void vd_host_restore_found(vd_host_t *self, vd_now_t now, const vd_session_record_t *row,
                           vd_effects_t *effects);
void vd_host_restore_begin(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* The ingestor's store has lost what it had answered, or is another one: a fresh state and a new
 * replay. */
void vd_host_restore_again(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* After each step while restoring: ends it when the head is reached. Returns whether it has just
 * ended. */
bool vd_host_restore_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects);

/* keep.c: the state is kept at the ingestor, every so many events or so often. */
/* It was restored; so many of our events, up to `seq` (0: unknown), were committed and applied; our
 * session is another one, in which our last event is `seq`. */
void vd_host_keep_restored(vd_host_t *self, vd_now_t now);
void vd_host_keep_applied(vd_host_t *self, vd_now_t now, uint32_t count, uint64_t seq);
void vd_host_keep_moved(vd_host_t *self, vd_now_t now, uint64_t seq);
/* A session was begun without the state, which is told: it is kept there as soon as may be. */
void vd_host_keep_soon(vd_host_t *self);
/* After each step: keeps it when that is due. */
void vd_host_keep_settle(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
/* Does the input answer a SAVE_SNAPSHOT? Then it is taken. */
bool vd_host_keep_answered(vd_host_t *self, vd_now_t now, const vd_input_t *input,
                           vd_effects_t *effects);

/* past.c: answers PAST by a second replay beside the state. */
void vd_host_past_init(vd_host_t *self);
void vd_host_past_free(vd_host_t *self);
void vd_host_past_asked(vd_host_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects);
/* Takes an input. Returns whether it was for the past. */
bool vd_host_past_step(vd_host_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects);

/* turns.c */
bool vd_host_is_turn_due(const vd_host_t *self, vd_now_t now);
void vd_host_run_turn(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
vd_outcome_fn vd_host_outcome;
/* Sends the events of the turn at hand to our session. */
void vd_host_offer_turn(vd_host_t *self, vd_now_t now, vd_effects_t *effects);
void vd_host_turn_failed(vd_host_t *self, vd_now_t now, const char *what, const char *text,
                         vd_effects_t *effects);
/* Sets the timer of the next turn. */
void vd_host_schedule(vd_host_t *self, vd_now_t now, vd_effects_t *effects);

#endif
