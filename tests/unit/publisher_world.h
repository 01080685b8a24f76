/* publisher_world.h: one publisher with a source, a memory of recent commits and any number of
 * peers, stepped by hand under a virtual clock.
 *
 * 1. Everything that the publisher sends is kept, in order, and can be looked at until
 *    world_forget.
 * 2. Commits are added to the source and, while `remember`, to the memory; the publisher hears of
 *    them by world_grown.
 */
#ifndef VD_TESTS_PUBLISHER_WORLD_H
#define VD_TESTS_PUBLISHER_WORLD_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/recent.h"

#define WORLD_COMMITS_MAX 4096
#define WORLD_SENT_MAX    8192

enum { PORT_READ = 1, PORT_STREAMS = 2, TIMER = 4 };

typedef struct made_commit {
    vd_commit_t commit;
    vd_commit_run_t runs[2];
    vd_buffer_t bytes[2];
} made_commit_t;

typedef struct sent {
    uint16_t port;
    vd_peer_t peer;
    vd_message_t message; /* its views are into the bytes */
    uint8_t *bytes;
    const void *shared; /* the payload that was shared; NULL: it was copied */
} sent_t;

typedef struct heard {
    vd_publisher_news_t news;
    char name[VD_NAME_BYTES_MAX + 1], streams[VD_NAME_BYTES_MAX + 1];
    char before[VD_NAME_BYTES_MAX + 1], mode[VD_NAME_BYTES_MAX + 1];
} heard_t;

typedef struct world {
    vd_now_t now;
    char store[VD_STORE_ID_SIZE];
    bool remember;
    bool credited; /* subscribers that are started by world_live and the like get much credit */
    made_commit_t *commits[WORLD_COMMITS_MAX];
    uint64_t commit_count;
    uint64_t first; /* lowest that the source holds */
    uint64_t seqs[2];
    vd_commit_run_t filtered;
    vd_recent_t *recent;
    vd_publisher_t *publisher;
    vd_effects_t *effects;
    int64_t due_us[2];
    sent_t sent[WORLD_SENT_MAX];
    uint32_t sent_count;
    size_t step_bytes; /* payloads sent by the last step */
    size_t unsent;     /* waits for whoever sends next */
    heard_t heard[64]; /* the newest ones, in a ring */
    uint32_t heard_count;
} world_t;

/* With `knobs` NULL: the defaults. */
world_t *world_new(size_t recent_bytes, const vd_publisher_knobs_t *knobs);
void world_free(world_t *w);
/* Adds a commit: `events` events of type count.up in session red, each with `size` bytes; every
 * third one also has one event of type other in session blue. */
void world_commit(world_t *w, unsigned events, size_t size);
void world_commits(world_t *w, unsigned count, unsigned events, size_t size);
/* The publisher hears that the source has grown. */
void world_grown(world_t *w);
/* Lets time pass, timers included. */
void world_pass(world_t *w, int64_t us);
/* The same while peer `name` sends the CREDIT {items, bytes} for each of two correlations (0: none)
 * every second. */
void world_pass_alive(world_t *w, int64_t us, const char *name, uint64_t first, uint64_t second);
void world_send(world_t *w, uint16_t port, const char *name, const vd_message_t *message);
void world_start(world_t *w, const char *name, uint64_t correlation, const vd_start_body_t *start);
/* START behind the newest commit, with much credit. */
void world_live(world_t *w, const char *name, uint64_t correlation);
/* START a commit stream at the first commit, with much credit. */
void world_replay(world_t *w, const char *name, uint64_t correlation);
void world_credit(world_t *w, const char *name, uint64_t correlation, uint64_t items,
                  uint64_t bytes, const char *mode);
void world_stop(world_t *w, const char *name, uint64_t correlation);
void world_steer(world_t *w, const char *verb, const char *name, uint64_t id);
/* The position behind commit `index`. */
void world_position(const world_t *w, uint64_t index, vd_start_body_t *start);
/* The rows that SUBSCRIBERS tells. Returns how many. */
uint32_t world_rows(world_t *w, const char *name, vd_subscriber_record_t *rows, uint32_t room);

/* Forgets what was sent. */
void world_forget(world_t *w);
/* How many messages `id` were sent to `name` under `correlation` (0: any). */
uint32_t world_count(const world_t *w, const char *name, uint64_t correlation, uint16_t id);
/* The last of them; fails when there is none. */
const sent_t *world_last(const world_t *w, const char *name, uint64_t correlation, uint16_t id);
/* Events in the COMMITS sent to `name` under `correlation`. */
uint64_t world_events(const world_t *w, const char *name, uint64_t correlation);
/* Commits in a COMMITS frame. */
uint32_t world_frame_commits(const sent_t *frame);

#endif
