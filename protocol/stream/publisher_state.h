/* publisher_state.h: what the parts of the publisher share: its table of subscribers and what each
 * part does for the others.
 *
 * 1. A subscriber is a peer. It has its place in the table while it has a stream, and for
 *    SUBSCRIBER_SILENT_MS after its last one ended by STOP: what it said of itself, and that an
 *    operator holds it, outlive a change from one stream to the other.
 * 2. Its place in the table may change whenever one is removed.
 */
#ifndef VD_PUBLISHER_STATE_H
#define VD_PUBLISHER_STATE_H

#include "stream/recent.h"
#include "stream/resolve.h"

/* Frames that are remembered, to be sent again to others as they are. */
#define VD_MEMOS 4u
/* Effects of a step that are left for answers and timers. */
#define VD_EFFECTS_KEPT 32u
/* Names whose drops are counted. */
#define VD_DROP_NAMES 256u

enum { VD_LIVE = 0, VD_COMMIT, VD_STREAM_KINDS };

typedef struct vd_outflow {
    bool open;
    uint64_t correlation;
    char session[VD_NAME_BYTES_MAX + 1];
    char type[VD_NAME_BYTES_MAX + 1];
    vd_place_t place; /* everything before it was looked at */
    vd_place_t sent;  /* everything before it was sent, or told to be a gap */
    uint64_t credit_items, credit_bytes;
    uint64_t spent_items, spent_bytes;
    uint64_t uncredited_bytes; /* of frames without events since it was heard last */
    uint64_t batch_max;        /* commits in one frame, as it wishes; 0: no wish */
    uint64_t batch;            /* commits in the last frame */
    int64_t heard_us;
    int64_t told_us;    /* the last frame that carried the head */
    int64_t starved_us; /* since when there was something to send and no credit; 0: it was not so */
    int64_t rest_us;    /* until then it rests, if it is a replay */
    bool caught_up;     /* it has been told that it was at the head, once */
} vd_outflow_t;

typedef struct vd_reader_row {
    vd_peer_t peer;
    uint64_t id;
    char name[VD_NAME_BYTES_MAX + 1];
    char mode[VD_NAME_BYTES_MAX + 1];
    uint64_t queue;
    uint64_t done;
    bool done_known;
    bool held;
    int64_t since_ms;
    int64_t left_us; /* when its last stream ended; 0: it has one */
    /* Waited for it when it was heard last, and was sent to it since. */
    uint64_t burst_bytes;
    uint64_t events, bytes, gaps;
    vd_outflow_t flows[VD_STREAM_KINDS];
} vd_reader_row_t;

/* A frame that was sent: whoever stands at the same place with the same filter gets it, too. */
typedef struct vd_memo {
    vd_shared_t *payload; /* NULL: there is none */
    uint64_t head;
    char session[VD_NAME_BYTES_MAX + 1];
    char type[VD_NAME_BYTES_MAX + 1];
    vd_place_t after, place;
    uint32_t commits, commits_max;
    uint64_t events, bytes;
} vd_memo_t;

typedef struct vd_drop_count {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t drops;
} vd_drop_count_t;

struct vd_publisher {
    vd_publisher_options_t options;
    vd_publisher_knobs_t knobs;
    vd_publisher_totals_t totals;
    vd_stream_tail_t tail; /* of the source */
    vd_stream_tail_t live; /* of the memory; it never leads the source */
    uint64_t head;         /* the highest commit that is known of */
    bool ticking;
    uint32_t turns[VD_STREAM_KINDS]; /* who is served first */
    int64_t live_us;                 /* live events went out last; 0: never */
    vd_frame_t frame;
    vd_shared_t *nothing; /* the payload of an empty frame */
    vd_memo_t memos[VD_MEMOS];
    uint32_t memo_next;
    uint64_t last_id;
    uint32_t drop_next;
    vd_drop_count_t drops[VD_DROP_NAMES];
    uint32_t count;
    vd_reader_row_t rows[VD_SUBSCRIBERS_MAX];
};

/* ---- subscribers.c: the table ---- */

vd_reader_row_t *vd_row_find(vd_publisher_t *self, const vd_peer_t *peer);
/* The row of `peer`, made if there is none. NULL: the table is full. */
vd_reader_row_t *vd_row_make(vd_publisher_t *self, vd_now_t now, const vd_peer_t *peer);
void vd_row_remove(vd_publisher_t *self, vd_reader_row_t *row);
bool vd_row_streams(const vd_reader_row_t *row);
/* live, commit, live+commit, or none. */
const char *vd_row_streams_name(const vd_reader_row_t *row);
uint64_t vd_row_lag(const vd_publisher_t *self, const vd_reader_row_t *row);
/* One of its streams has ended; the row stays for a while. */
void vd_row_close(vd_reader_row_t *row, vd_now_t now, vd_outflow_t *flow);
/* Takes what the subscriber says of itself. */
void vd_row_says(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_str_t mode,
                 vd_effects_t *effects);
uint64_t vd_drops_of(const vd_publisher_t *self, const char *name);
/* Ends one stream (or all, with `flow` NULL) with a reason. The row is gone when none is left: false
 * then. */
bool vd_row_drop(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_outflow_t *flow,
                 vd_status_t status, const char *text, vd_effects_t *effects);

/* ---- answering.c: what is sent beside commits ---- */

void vd_send_drop(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                  vd_status_t status, const char *text, vd_effects_t *effects);
void vd_send_head(vd_publisher_t *self, vd_now_t now, const vd_reader_row_t *row,
                  vd_outflow_t *flow, vd_effects_t *effects);
void vd_send_hold(vd_publisher_t *self, const vd_reader_row_t *row, const vd_outflow_t *flow,
                  const char *text, vd_effects_t *effects);
void vd_send_reset(vd_publisher_t *self, const vd_peer_t *peer, uint64_t correlation,
                   vd_status_t status, const char *text, vd_effects_t *effects);
/* Is it no use to try again? */
bool vd_ends_stream(vd_status_t status);

/* ---- serving.c ---- */

void vd_look_at_tails(vd_publisher_t *self);
/* Sends what can be sent: live streams first. */
void vd_pump(vd_publisher_t *self, vd_now_t now, vd_effects_t *effects);
/* Tells of the commits that a filter has left out since the last frame, so that the position goes on:
 * now and then, and when it counts. False: there are none. */
bool vd_tell_passed(vd_publisher_t *self, vd_now_t now, vd_reader_row_t *row, vd_outflow_t *flow,
                    vd_effects_t *effects);
/* Signs of life, both ways; begins the ticking, which goes on while anybody is there. */
void vd_tick(vd_publisher_t *self, vd_now_t now, vd_effects_t *effects);

/* ---- asking.c and steering.c ---- */

bool vd_asked(vd_publisher_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);
bool vd_steered(vd_publisher_t *self, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
