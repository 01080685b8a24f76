/* stream_world.h: a publisher and a subscriber of commits on a lossy network, under a virtual clock
 * and one seed.
 *
 * 1. Frames between the two are kept in order, as a connection keeps them, but may be lost or
 *    delayed. A new connection has a new identity, and what was under way on the old one is lost.
 * 2. The source is a list of commits that grows. Every event carries its place in the list of all
 *    events.
 * 3. With a memory of recent commits (world_live) the publisher has live streams, and the reader is
 *    a reception of both; frames of different streams may then overtake each other.
 */
#ifndef VD_TESTS_STREAM_WORLD_H
#define VD_TESTS_STREAM_WORLD_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/recent.h"
#include "stream/reception.h"
#include "stream/stream.h"

#define WORLD_COMMITS_MAX 8192
#define WORLD_FRAMES_MAX  4096

enum { PORT_READ = 1, PORT_CLIENT = 2 };

typedef struct world_commit {
    vd_commit_t commit;
    vd_commit_run_t runs[3];
    vd_buffer_t bytes[3];
} world_commit_t;

typedef struct world_frame {
    bool to_publisher;
    uint32_t connection;
    uint64_t correlation;
    int64_t due_us;
    uint8_t *bytes;
    size_t header_size, body_size, payload_size;
} world_frame_t;

typedef struct world {
    uint64_t seed;
    unsigned loss_percent;
    int64_t delay_us_max;
    vd_now_t now;
    char store[VD_STORE_ID_SIZE];
    uint64_t first;   /* lowest commit held */
    bool anchored;    /* the chain of the commit before is known */
    uint64_t corrupt; /* a commit that cannot be read; 0: none */
    vd_status_t how;  /* it is told then */
    char pruned[16];  /* a session that is; empty: none */
    world_commit_t *commits[WORLD_COMMITS_MAX];
    uint64_t commit_count;
    uint64_t
        unseen; /* newest commits that the tail does not tell of yet, though they can be read */
    uint64_t seqs[3];
    vd_commit_run_t filtered; /* of the last read */
    vd_publisher_t *publisher;
    vd_subscriber_t *subscriber;
    uint32_t connection; /* of the subscriber */
    int64_t publisher_due_us[VD_TIMERS_MAX];
    int64_t subscriber_due_us[VD_TIMERS_MAX];
    vd_effects_t *effects;
    world_frame_t frames[WORLD_FRAMES_MAX]; /* a ring, in order of sending */
    uint64_t frame_head, frame_tail;
    uint64_t commits_frames; /* COMMITS delivered to the subscriber */
    uint64_t sent_bytes;     /* payloads that the publisher has sent, to whomever */
    /* What the subscriber told. */
    vd_subscription_t wanted;
    uint64_t expected; /* place of the next event in the list of all */
    uint64_t handed;
    uint64_t missing;       /* events that it told to be absent */
    uint64_t lost;          /* commits that it told to be lost */
    vd_position_t position; /* behind the last event or progress */
    unsigned stops;
    vd_status_t stop_status;
    bool consume;
    bool single;    /* commits have one run */
    unsigned exact; /* events in each run; 0: up to events_max */
    /* Of a reception. */
    vd_recent_t *recent;
    bool both;             /* it is one */
    unsigned swap_percent; /* of frames of different streams that overtake each other */
    bool swallow;          /* the COMMITS of streams are lost, all */
    uint64_t fetch;        /* the correlation of the last FETCH */
    uint64_t told_done;    /* by the last CREDIT */
    char trace[4096];      /* what the reader sent, but for CREDIT: "+live", "-live", ... */
    uint64_t streams[2];   /* live, commit: correlation of the last START; 0: stopped */
    char modes[2048];      /* in the order in which they were told */
    vd_stream_mode_t mode;
    bool reading;
    uint64_t waiting_events, waiting_bytes; /* handed on, not consumed */
    uint64_t gap_commits;                   /* told to live alone */
} world_t;

extern const char *const world_sessions[3];
extern const vd_stream_source_t world_source;

/* A number below `below`, from the seed. */
unsigned world_draw(world_t *w, unsigned below);
/* Moves w->expected to the next event that the subscription wants, or that must be told to be
 * absent: the event, its commit and place there. False: there is none. */
bool world_next_expected(world_t *w, vd_event_t *event, uint64_t *index, uint64_t *at,
                         vd_status_t *absent);

world_t *world_new(uint64_t seed);
void world_free(world_t *w);
/* Adds a commit with up to three runs; `events_max` events in each, of about `size` bytes. */
void world_commit(world_t *w, unsigned events_max, size_t size);
/* Run `r` of commit `index` is no longer there. */
void world_lose(world_t *w, uint64_t index, uint32_t r, vd_status_t why);
/* The publisher dies and another one takes its place. */
void world_restart_publisher(world_t *w);
/* The subscriber dies; another one begins with `subscription`. */
void world_subscribe(world_t *w, const vd_subscription_t *subscription);
/* Lets time pass. */
void world_run(world_t *w, int64_t us);
/* Runs until everything that matches was handed on; fails after `us`. */
void world_settle(world_t *w, int64_t us);
/* From now on there is a memory of the newest commits, of so many bytes. */
void world_live(world_t *w, size_t bytes_max);
/* The application has dealt with so many events, of so many bytes. */
void world_consume(world_t *w, uint64_t events, uint64_t bytes);
/* Hands a message to the reader as if it came on its newest stream. */
void world_tell(world_t *w, vd_message_t *message);
/* Sends one message to the publisher as the subscriber's connection would. */
void world_send(world_t *w, const vd_message_t *message);

#endif
