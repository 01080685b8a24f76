/* follow_impl.h: what the files of a follow share: follow.c (its life, the next event),
 * follow_queue.c (events that wait), follow_session.c (the end of a session, and what goes on from
 * it), follow_keep.c (a position under a name), follow_take.c (items that are out), follow_via.c
 * (whom it reads from).
 *
 * 1. Events wait, copied, in one buffer until the caller takes them. The sockets are read when it is
 *    empty, and now and then, so that the streams live; so credit bounds it. What was taken is
 *    credited before they are read.
 * 2. A session's end shows as its last event. It also shows in the list of sessions, which is asked
 *    when nothing came for a while: the event may be behind the beginning or hidden by the filter.
 * 3. A follow that was given no session goes on in the session that continues its own, from that
 *    one's beginning: the end names it, in the event and in the list. Its positions name the session
 *    that they are in, since sessions overlap in the order of commits.
 * 4. The caller stands behind what it came back from: vd_follow_next and vd_follow_close count the
 *    event of the call before, vd_follow_take what is done without a hole. That is the place that is
 *    kept.
 */
#ifndef VD_FOLLOW_IMPL_H
#define VD_FOLLOW_IMPL_H

#include "client/client_impl.h"
#include "client/follow_wish.h"
#include "stream/reception.h"

#include <stdatomic.h>

enum {
    VD_FOLLOW_PORT_READ = 1,
    VD_FOLLOW_PORT_NONE = 2,
    VD_FOLLOW_TIMER_STREAM = 0,
    VD_FOLLOW_TIMER_SESSION = 1,
    VD_FOLLOW_TIMER_VIA = 2,
    /* Enough that half of it keeps both ends busy while CREDIT is on its way and not scheduled. */
    VD_FOLLOW_CREDIT_EVENTS = 8192,
    VD_FOLLOW_CREDIT_BYTES = 2097152,
    VD_FOLLOW_QUEUE_BYTES_MAX =
        2 * VD_FOLLOW_CREDIT_BYTES + 2 * VD_EVENT_BYTES_MAX + VD_FOLLOW_CREDIT_EVENTS * 256,
    VD_FOLLOW_SESSION_EVERY_MS = 2000, /* between looks whether the session has ended unseen */
    VD_FOLLOW_ROUND_EVENTS = 256,      /* read in one round; then the caller has its turn */
};

/* Correlations of the streams count from 1 << 48; those of other requests stand apart. */
#define VD_FOLLOW_SESSION_CORRELATION (UINT64_C(1) << 63)
#define VD_FOLLOW_HEIR_CORRELATION    ((UINT64_C(1) << 63) + 1)
#define VD_FOLLOW_SAVE_CORRELATION    ((UINT64_C(1) << 63) + 2)

/* A part of an event's bytes. */
typedef struct vd_follow_span {
    uint32_t at, size;
} vd_follow_span_t;

/* What stands before each event in the queue, or stands for events that are not there. */
typedef struct vd_follow_queued {
    vd_position_t position;
    uint64_t seq;
    uint32_t raw_size;
    /* Where its parts stand in its bytes: they are taken apart once. */
    vd_follow_span_t ts, type, data, cause, aux;
    /* VD_OK: an event follows; else `missing` events from `seq` on are not there. VD_TOO_SLOW:
     * commits from `seq` on were lost to live alone. */
    vd_status_t absent;
    uint64_t missing;
    char session[VD_NAME_BYTES_MAX + 1];
} vd_follow_queued_t;

/* A position, and the session that it is in. */
typedef struct vd_follow_place {
    vd_position_t position;
    char session[VD_NAME_BYTES_MAX + 1];
} vd_follow_place_t;

/* An item that is out. `event` comes first: its address is what the caller has. */
typedef struct vd_follow_item {
    vd_follow_event_t event;
    atomic_bool done;
    bool out;
    vd_follow_place_t place; /* behind it, and behind what was told to be missing after it */
    uint64_t turn;           /* in the order of taking */
    vd_buffer_t raw;
    char ts[VD_TS_SIZE];
    char type[VD_NAME_BYTES_MAX + 1];
    char session[VD_NAME_BYTES_MAX + 1];
} vd_follow_item_t;

struct vd_follow {
    vd_engine_t engine;
    vd_client_t *client;
    vd_reception_t *reception;
    vd_subscription_t wanted;
    bool until_head;
    bool has_target;
    bool reached;                     /* the target */
    bool closed;                      /* the session has ended */
    bool rolls;                       /* it goes on in the next session */
    char next[VD_NAME_BYTES_MAX + 1]; /* with closed: that one; empty: there is none */
    int heirless;                     /* looks for it that found nothing */
    bool pruned;                      /* the session is gone */
    bool dry;                         /* no memory for an event: go on from the last one kept */
    uint64_t target;
    vd_status_t stopped; /* VD_OK while the stream goes on */
    char stopped_text[VD_TEXT_BYTES_MAX + 1];
    vd_position_t position; /* behind everything that was queued */
    vd_buffer_t queue;
    size_t queue_at;
    size_t absent_at; /* where the last thing in the queue stands when it is an absent range */
    bool absent_last;
    uint64_t taken_events, taken_bytes; /* since they were credited */
    uint64_t round_events;              /* queued since the sockets were read last */
    int64_t queued_us;                  /* the last event was */
    int64_t round_us;
    unsigned calls;             /* since the clock was read */
    vd_follow_queued_t current; /* what the caller has */
    bool has_current;
    vd_event_t event;
    char ts[VD_TS_SIZE];
    char type[VD_NAME_BYTES_MAX + 1];
    vd_buffer_t json;
    /* Whom it reads from. */
    char via[VD_NAME_BYTES_MAX + 1];   /* as wished; empty: the ingestor */
    char actor[VD_NAME_BYTES_MAX + 1]; /* now */
    uint64_t via_seed;
    int64_t via_due_us; /* when it is looked at again */
    int64_t moved_us;   /* when it was taken */
    /* The mode, as told. */
    vd_follow_mode_fn *on_mode;
    void *on_mode_arg;
    /* Where the caller stands. */
    vd_follow_place_t place;
    char durable[VD_NAME_BYTES_MAX + 1];
    vd_follow_place_t saving, saved;
    int64_t saving_us;
    bool save_out;
    /* Items that are out. */
    vd_follow_item_t *items;
    uint32_t parallel;
    uint64_t turn;
    int wake_fd; /* -1: none */
};

static inline bool vd_follow_is_single(const vd_follow_t *self)
{
    return self->wanted.session[0] != 0;
}

/* ---- follow_queue.c ---- */

extern const vd_subscriber_handler_t vd_follow_handler;
/* Is there something to tell the caller? */
bool vd_follow_has_news(void *arg);
/* Gives credit for what was taken, and makes room. */
void vd_follow_settle(vd_follow_t *self);
/* Hands out what stands first in the queue: VD_OK with self->event, or what is missing there. */
vd_status_t vd_follow_pull(vd_follow_t *self, vd_follow_event_t *event);

/* ---- follow_session.c ---- */

/* Which session goes on from the one that ends with these data? */
void vd_follow_note_end(vd_follow_t *self, vd_bytes_t data);
/* Looks now and then whether the session has ended. Returns whether the input was for that. */
bool vd_follow_session_step(vd_follow_t *self, vd_now_t now, const vd_input_t *input,
                            vd_effects_t *effects);
/* The session has ended, and all of it was taken: goes on in the one that continues it. */
void vd_follow_go_over(vd_follow_t *self);

/* ---- follow_keep.c ---- */

/* Begins where the name stands, when it stands anywhere. */
vd_status_t vd_follow_load(vd_follow_t *self, int timeout_ms);
/* Saves the place, when it is another one and the last time is a second ago. */
void vd_follow_keep(vd_follow_t *self, int64_t now_us);
/* Saves it, and waits for the answer. */
vd_status_t vd_follow_keep_now(vd_follow_t *self, int timeout_ms);
void vd_follow_kept(vd_follow_t *self, const vd_message_t *message);

/* ---- follow_take.c ---- */

/* Has nothing been taken that is not done? */
bool vd_follow_all_done(vd_follow_t *self);
void vd_follow_items_free(vd_follow_t *self);
/* Something that is no item was told: `place` is behind it. */
void vd_follow_pass(vd_follow_t *self, const vd_follow_place_t *place);

/* ---- follow_via.c ---- */

/* Chooses whom to read from, another than before: as `via` wishes, or a relay, or the ingestor. */
vd_status_t vd_follow_choose(vd_follow_t *self, char endpoint[VD_ENDPOINT_BYTES_MAX + 1]);
/* Begins to watch that. */
void vd_follow_watch_via(vd_follow_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes another one when it is gone. Returns whether the input was for that. */
bool vd_follow_via_step(vd_follow_t *self, vd_now_t now, const vd_input_t *input,
                        vd_effects_t *effects);

/* ---- follow.c ---- */

/* The caller has come back from what it had in hand, if it had anything. */
void vd_follow_come_back(vd_follow_t *self);

/* The place behind what the caller has in hand; without that, behind all that came. */
vd_follow_place_t vd_follow_here(const vd_follow_t *self);

/* The next event or what there is to tell, as vd_follow_next returns it. */
vd_status_t vd_follow_advance(vd_follow_t *self, int64_t deadline_us, vd_follow_event_t *event);

#endif
