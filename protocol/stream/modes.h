/* modes.h: which of the two streams a subscriber takes: a pure machine of four modes.
 *
 * 1. LIVE_ONLY takes the live stream; COMMITS_ONLY the commit stream; OVERLAP both, while the commit
 *    stream closes up to where the live stream began; PAUSED takes no events.
 * 2. Lag counts commits, from what was received to the head; in OVERLAP to where the live stream
 *    began, so that 0 means that the streams have joined. Queue counts events that were received and
 *    wait for the application; in OVERLAP those that are held back, too.
 * 3. Whatever takes live away happens at once: to COMMITS_ONLY when lag reaches
 *    start_commit_sync_lag or live cannot be had, to PAUSED when the queue reaches pause_live_queue
 *    or an operator holds the subscriber. A queue does not pause what takes commits: credit bounds
 *    that. So OVERLAP falls back to COMMITS_ONLY, and COMMITS_ONLY does not look at its queue but to
 *    go on to OVERLAP.
 * 4. PAUSED is left when the queue is down to resume_live_queue and nobody holds: to COMMITS_ONLY at
 *    once when lag is start_commit_sync_lag or more, else to LIVE_ONLY.
 * 5. The way back to live (COMMITS_ONLY to OVERLAP to LIVE_ONLY, PAUSED to LIVE_ONLY) waits: each
 *    change of mode costs dwell_ms, what happens at once may go into debt (of three changes at most),
 *    the way back waits until all is paid. So changes come at most once in dwell_ms on average, and
 *    no way back comes within dwell_ms of the change before.
 * 6. Numbers are compared by their difference, so that they may wrap.
 */
#ifndef VD_STREAM_MODES_H
#define VD_STREAM_MODES_H

#include "wire/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum vd_stream_mode {
    VD_MODE_LIVE_ONLY = 1,
    VD_MODE_COMMITS_ONLY,
    VD_MODE_OVERLAP,
    VD_MODE_PAUSED,
} vd_stream_mode_t;

/* Streams that may be taken at all. With one of them alone the modes are that one and PAUSED. */
typedef enum vd_streams {
    VD_STREAMS_BOTH = 0,
    VD_STREAMS_LIVE,
    VD_STREAMS_COMMIT,
} vd_streams_t;

typedef struct vd_mode_knobs {
    uint64_t start_commit_sync_lag; /* commits: from here on commits alone */
    uint64_t resume_live_lag;       /* commits: from here down live again, too */
    uint64_t stop_commit_sync_lag;  /* commits: from here down live alone */
    uint64_t pause_live_queue;      /* events: from here on no live */
    uint64_t resume_live_queue;     /* events: from here down live again */
    uint64_t dwell_ms;
} vd_mode_knobs_t;

/* 50, 10, 0, 500, 50 and 2 s. */
extern const vd_mode_knobs_t vd_mode_knobs_default;

enum {
    VD_MODE_KNOB_MAX = 1000000000, /* commits or events */
    VD_MODE_DWELL_MS_MAX = 3600000,
};

/* What the machine looks at. */
typedef struct vd_mode_view {
    uint64_t lag;
    uint64_t queue;
    bool held;    /* by an operator */
    bool no_live; /* live cannot be had from here: commits are missing in between */
    bool apart;   /* of OVERLAP: the streams have not joined, however small the lag is */
} vd_mode_view_t;

typedef struct vd_modes {
    vd_mode_knobs_t knobs;
    vd_streams_t streams;
    vd_stream_mode_t mode;
    int64_t since_ms; /* of the mode */
    int64_t paid_ms;  /* when the changes up to now are paid */
} vd_modes_t;

/* Do the knobs fit each other? VD_OK, or VD_USAGE with a text in `error` that names the knob, its
 * value and what it may be. */
vd_status_t vd_modes_check(const vd_mode_knobs_t *knobs, char *error, size_t error_size);
/* Begins in `mode`, without debt. The knobs have been checked. */
void vd_modes_init(vd_modes_t *self, const vd_mode_knobs_t *knobs, vd_streams_t streams,
                   vd_stream_mode_t mode, int64_t now_ms);
/* Takes a look and makes at most one change. Returns the mode from now on. */
vd_stream_mode_t vd_modes_look(vd_modes_t *self, int64_t now_ms, const vd_mode_view_t *view);
/* To COMMITS_ONLY at once, whatever the machine would wish; as a change, it costs what others do. Not
 * for live alone. */
void vd_modes_fall_back(vd_modes_t *self, int64_t now_ms);
/* "live_only", "commits_only", "overlap", "paused". */
const char *vd_mode_name(vd_stream_mode_t mode);
/* How many commits `index` is behind `head`; 0 when it is not. */
uint64_t vd_lag(uint64_t head, uint64_t index);

#endif
