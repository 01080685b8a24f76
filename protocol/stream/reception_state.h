/* reception_state.h: what the files of the reception share: its state, and the parts it is split
 * into: reception.c (its life, what comes), reception_mode.c (which streams, early frames, credit),
 * reception_read.c (reading by FETCH), reception_live.c (what live cannot bring). */
#ifndef VD_STREAM_RECEPTION_STATE_H
#define VD_STREAM_RECEPTION_STATE_H

#include "stream/lane.h"
#include "stream/reception.h"

/* How long an event waits until it counts as queued. */
#define VD_RECEPTION_TICK_US INT64_C(200000)

enum {
    /* So often is a damaged frame asked for again before the reception stops. */
    VD_RECEPTION_DAMAGED_MAX = 5,
    VD_RECEPTION_ROUNDS_MAX = 5, /* of catching up without progress */
};

struct vd_reception {
    uint16_t port;
    vd_peer_t peer;
    uint32_t timer;
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
    vd_subscription_t wanted;
    bool on;     /* started, and not ended */
    bool taking; /* inside of the handler */
    vd_tally_t window;
    vd_modes_t modes;
    bool held, no_live; /* as vd_mode_view_t has them */
    uint64_t head;
    uint64_t done;
    bool prompt; /* what was handed on is dealt with at once: `done` is the position */
    vd_intake_t intake;
    vd_tally_t used;        /* in this life, of intake.handed */
    uint64_t ticked, stood; /* intake.handed.items at a tick, and at the tick before */
    int64_t ticked_us;
    vd_lane_t live, commit;
    uint64_t correlation; /* the newest of all */
    uint64_t seed;
    vd_buffer_t early; /* frames of the live stream that wait for the commit stream */
    size_t early_at;
    vd_tally_t early_tally;
    uint32_t rounds;  /* of catching up that brought nothing */
    uint32_t damaged; /* frames since the last good one */
    bool reading;
    bool read_out; /* a FETCH is */
    uint64_t read_correlation;
    uint32_t read_attempts;
    int64_t read_due_us;
};

/* ---- reception.c ---- */

/* Ends what runs and tells why. */
void vd_reception_end(vd_reception_t *self, vd_now_t now, vd_status_t status, vd_str_t text,
                      uint64_t first, vd_effects_t *effects);
void vd_reception_set_timer(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes a new connection: the old one may hang on to a publisher that is gone. */
void vd_reception_reconnect(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
/* Is this the status of a publisher that cannot serve now? */
bool vd_reception_is_passing(vd_status_t status);
/* Hands on where it stands. */
void vd_reception_progress(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
/* The publisher told of this head. */
void vd_reception_note_head(vd_reception_t *self, uint64_t head);
/* Takes a frame in, from where the position is or before. As vd_intake_take. */
vd_status_t vd_reception_take(vd_reception_t *self, vd_now_t now, const vd_commits_body_t *commits,
                              vd_bytes_t payload, vd_tally_t *received, vd_effects_t *effects);

/* Is a place beyond what the stream has brought, so that a frame in between is lost? */
bool vd_reception_is_beyond(const vd_lane_t *lane, uint64_t index, uint64_t offset);

/* ---- reception_live.c ---- */

/* Live alone: tells of commits that were lost to it, and goes on behind them. */
void vd_reception_tell_gap(vd_reception_t *self, vd_now_t now, const vd_position_t *behind,
                           vd_effects_t *effects);
void vd_reception_on_gap(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                         const vd_gap_body_t *gap, vd_effects_t *effects);
void vd_reception_on_use_commits(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                                 const vd_use_commits_body_t *use, vd_effects_t *effects);

/* ---- reception_mode.c ---- */

/* Events that wait for the application. */
vd_tally_t vd_reception_waiting(const vd_reception_t *self);
/* Events that have waited for a tick or longer, and what is held back: what a frame has just brought
 * is no queue yet for who looks between two frames. In PAUSED all that wait. */
uint64_t vd_reception_standing(const vd_reception_t *self);
/* The timer is due: a tick, if the last one was long enough ago. */
void vd_reception_mark_tick(vd_reception_t *self, vd_now_t now);
/* Sends CREDIT: what may be granted now, and what there is to tell. */
void vd_reception_credit(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                         vd_effects_t *effects);
void vd_reception_credit_if_due(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                                vd_effects_t *effects);
/* Begins a stream from the own position, or where the mode has it begin. */
void vd_reception_begin(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects);
/* Begins the live stream at the own position: lets the publisher say whether it can go on there. */
void vd_reception_begin_at_position(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                                    vd_effects_t *effects);
/* To a new connection nobody has said anything: without a hold, a pause takes no live beside
 * commits. */
void vd_reception_forget_hold(vd_reception_t *self, vd_effects_t *effects);
/* The same, after a while when that was tried too often; by FETCH when it is no use. */
void vd_reception_restart(vd_reception_t *self, vd_now_t now, vd_lane_t *lane,
                          vd_effects_t *effects);
void vd_reception_stop_lane(vd_reception_t *self, vd_lane_t *lane, vd_effects_t *effects);
/* Lets the machine look, with so many events waiting, and has the streams follow its mode. */
void vd_reception_judge(vd_reception_t *self, vd_now_t now, uint64_t queue, vd_effects_t *effects);
/* A lane's frame is not of the position's history, or does not tell (vd_intake_check): has the
 * publisher say whether it can go on from there. */
void vd_reception_part(vd_reception_t *self, vd_now_t now, vd_lane_t *lane, vd_effects_t *effects);
/* Holds a frame of the live stream back, which leads on from a place with this chain. False: no room. */
bool vd_reception_keep_early(vd_reception_t *self, const vd_commits_body_t *commits,
                             uint32_t after_chain, vd_bytes_t payload);
/* Takes in the early frames that follow on now. VD_OK, VD_CANCELLED, or what is wrong with one. */
vd_status_t vd_reception_take_early(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
void vd_reception_drop_early(vd_reception_t *self);

/* ---- reception_read.c ---- */

void vd_reception_read(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
void vd_reception_read_on(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);
void vd_reception_read_answer(vd_reception_t *self, vd_now_t now, const vd_message_t *message,
                              vd_effects_t *effects);
/* The answer is overdue, or it is time to ask again. */
void vd_reception_read_due(vd_reception_t *self, vd_now_t now, vd_effects_t *effects);

#endif
