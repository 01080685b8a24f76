/* publisher.h: the publishing end of both streams as a pure core: live from memory, commits from a
 * source, under each reader's credit.
 *
 * 1. The publisher only obeys: it keeps a bounded table, does a bounded amount of work in a step
 *    and serves subscribers in turn; live streams first, so that replay yields. While live events go
 *    out, commit streams from before what memory holds rest between frames, so that those who wait
 *    for live events find a processor.
 * 2. A peer has at most one live and one commit stream. Each has its own START, STOP, CREDIT and
 *    correlation; neither disturbs the other.
 * 3. A live stream is given every commit at once, from memory alone, all that is there in one frame
 *    up to the limits. What memory has lost before it could be sent is told by GAP, free of credit;
 *    the stream goes on behind the newest commit. A START at a position that memory does not hold
 *    is answered with USE_COMMITS, never with a gap.
 * 4. Between two CREDITs a subscriber is sent at most `bytes_max`, over both streams and whatever it
 *    granted; less by what still waited for it at the last (vd_input_t.unsent): a sign of life does
 *    not say that it reads. A FETCH while so much waits for it is refused.
 * 5. It is dropped, with a reason, when it gave no sign of life for SUBSCRIBER_SILENT_MS (silent),
 *    when there was something to send and no credit for it for `credit_deadline_ms` (too_slow), and
 *    when an operator says so (kicked). One that an operator holds is sent no events. Its deadline
 *    does not run, nor that of one that says that it is paused.
 * 6. A frame is encoded once for all who stand at the same place with the same filter and limits.
 */
#ifndef VD_PUBLISHER_H
#define VD_PUBLISHER_H

#include "core/core.h"
#include "wire/commit.h"

/* Where what can be read ends. */
typedef struct vd_stream_tail {
    char store[VD_STORE_ID_SIZE];
    uint64_t first; /* lowest commit that is held; 0: none */
    uint64_t head;  /* highest commit; 0: none */
    uint32_t chain; /* of the highest */
} vd_stream_tail_t;

/* What a publisher reads from: a store, or a memory of what was committed. Called from inside a
 * step. */
typedef struct vd_stream_source {
    void (*tail)(void *arg, vd_stream_tail_t *tail);
    /* The chain of commit `index`. VD_OK, VD_NOT_FOUND (never was), VD_PRUNED, VD_CORRUPT (the
     * commit cannot be read), or another status. */
    vd_status_t (*chain)(void *arg, uint64_t index, uint32_t *chain);
    /* Highest sequence of a session. VD_OK, VD_NOT_FOUND or VD_PRUNED. */
    vd_status_t (*session)(void *arg, const char *session, uint64_t *last_seq);
    /* The commit with session:seq and the event's place in it. VD_OK, VD_NOT_FOUND, VD_PRUNED or
     * VD_CORRUPT. */
    vd_status_t (*find)(void *arg, const char *session, uint64_t seq, uint64_t *index,
                        uint64_t *at);
    /* The first commit from `index` on; with `session` not empty, the first that has a run of it,
     * with this run alone. Bytes live until the next call. VD_OK; VD_NOT_FOUND: none up to the
     * tail; VD_CORRUPT with `error` and commit->index set: nothing of it can be read; VD_PRUNED with
     * `error`: the session is; any other status: not now. */
    vd_status_t (*read)(void *arg, uint64_t index, const char *session, vd_commit_t *commit,
                        char *error, size_t error_size);
    /* Tells, before a read, the place behind which it reads: a position without its store. For a
     * source that itself has to ask somewhere for what it does not hold; may be NULL. */
    void (*at)(void *arg, uint64_t index, uint64_t offset, uint32_t chain);
} vd_stream_source_t;

/* The operation of a VD_INPUT_DONE by which the shell says: the source has grown. */
#define VD_STREAM_GROWN 0x5747u

/* How far a commit stream is behind decides how many commits go into one frame. */
#define VD_BATCH_STEPS 3

/* What can be tuned. */
typedef struct vd_publisher_knobs {
    /* A lag above batch_lag[i] (the highest first) gives batch_commits[i]; a smaller one gives
     * batch_commits[VD_BATCH_STEPS]. */
    uint64_t batch_lag[VD_BATCH_STEPS];
    uint32_t batch_commits[VD_BATCH_STEPS + 1];
    uint32_t credit_deadline_ms; /* without credit while there is something to send; 0: none */
    uint64_t bytes_max;          /* that may wait for one subscriber (law 4) */
    uint64_t live_bytes_max;     /* of live streams, in one step */
    uint64_t step_bytes_max;     /* of commit streams, in one step */
    uint64_t yield_bytes_max;    /* the same while there are live streams */
    /* Of a commit stream from before what memory holds, in a second, while live events go out; 0: as
     * much as can be. */
    uint64_t replay_bytes_per_s_max;
} vd_publisher_knobs_t;

/* 1000: 100, 100: 20, 10: 5, else 1; 60 s; 8 MiB; 8 MiB; 1 MiB; 256 KiB; 48 MiB. */
extern const vd_publisher_knobs_t vd_publisher_knobs_default;
/* VD_OK, or VD_CONFIG with the knob and the remedy in `text`. */
vd_status_t vd_publisher_knobs_check(const vd_publisher_knobs_t *knobs, char *text,
                                     size_t text_size);

typedef enum vd_publisher_news_kind {
    VD_NEWS_MODE = 1, /* a subscriber says that it is in another mode */
    VD_NEWS_DROPPED,  /* a subscriber, or one of its streams, was dropped */
} vd_publisher_news_kind_t;

/* Something that whoever runs the publisher tells on. */
typedef struct vd_publisher_news {
    vd_publisher_news_kind_t kind;
    uint64_t id;         /* of the subscriber */
    const char *name;    /* as it calls itself; may be empty */
    const char *where;   /* the relay that serves it; empty: this publisher */
    const char *streams; /* live, commit or live+commit: that it has, or that were dropped */
    const char *before;  /* its mode until now; empty: it had told none */
    const char *mode;    /* its mode */
    uint64_t lag;        /* commits that it is behind the head */
    uint64_t queue;      /* events that it says wait for the application */
    vd_status_t status;  /* DROPPED: VD_SILENT, VD_TOO_SLOW or VD_KICKED */
    const char *text;    /* DROPPED: why, for people */
} vd_publisher_news_t;

typedef struct vd_publisher_options {
    uint16_t port;       /* ROUTER: START, CREDIT, STOP, FETCH */
    uint16_t admin_port; /* ROUTER: SUBSCRIBERS, STEER; 0: there is none */
    uint32_t timer;      /* this timer and the next one are the publisher's */
    const vd_stream_source_t *source;
    void *source_arg;
    struct vd_recent *recent;          /* (stream/recent.h) NULL: there are no live streams */
    const vd_publisher_knobs_t *knobs; /* NULL: the defaults */
    /* Called inside a step; may be NULL. The strings live until it returns. */
    void (*news)(void *arg, vd_now_t now, const vd_publisher_news_t *news, vd_effects_t *effects);
    void *news_arg;
} vd_publisher_options_t;

/* What a publisher has done in its life. */
typedef struct vd_publisher_totals {
    uint64_t frames;      /* COMMITS of streams that were sent */
    uint64_t encoded;     /* of them made anew: the others were copies of the one before */
    uint64_t events;      /* sent in them */
    uint64_t event_bytes; /* sent in them */
    uint64_t gaps;        /* told to live streams */
    uint64_t dropped_silent, dropped_too_slow, dropped_kicked;
    uint64_t modes; /* changes of mode that subscribers told */
} vd_publisher_totals_t;

typedef struct vd_publisher vd_publisher_t;

/* Makes a publisher; what `options` points to is copied, but for the source and the memory. NULL
 * without memory. */
vd_publisher_t *vd_publisher_new(const vd_publisher_options_t *options);
void vd_publisher_destroy(vd_publisher_t **self);
/* Takes an input. Returns whether it was for the publisher: START, CREDIT, STOP, FETCH, SUBSCRIBERS,
 * STEER, its timers, GROWN. */
bool vd_publisher_step(vd_publisher_t *self, vd_now_t now, const vd_input_t *input,
                       vd_effects_t *effects);
/* Ends every stream with DROP (not_found): what is read has become another, and each subscriber has
 * to START from its own position. */
void vd_publisher_end_all(vd_publisher_t *self, vd_now_t now, const char *text,
                          vd_effects_t *effects);
/* Subscribers that have a stream now. */
uint32_t vd_publisher_subscribers(const vd_publisher_t *self);
const vd_publisher_totals_t *vd_publisher_totals(const vd_publisher_t *self);

#endif
