/* relay_world.h: a publisher, a relay behind it and many subscribers of the relay, on a lossy
 * network, under a virtual clock and one seed.
 *
 * 1. Frames of a connection stay in order, but may be lost. A new connection has a new identity;
 *    what was under way on the old one is lost, and what is sent to the dead.
 * 2. Every event carries its number in the list of all events, from 0.
 * 3. Each subscriber checks itself: every event that it wants, once, in order.
 */
#ifndef VD_TESTS_RELAY_WORLD_H
#define VD_TESTS_RELAY_WORLD_H

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay.h"

#define CLIENTS_MAX 64
#define COMMITS_MAX 4096

enum { NODE_ORIGIN, NODE_RELAY, NODE_CLIENTS, NODES = NODE_CLIENTS + CLIENTS_MAX };

typedef struct made {
    vd_commit_t commit;
    vd_commit_run_t runs[3];
    vd_buffer_t bytes[3];
    uint64_t number; /* of its first event */
    uint64_t events;
} made_t;

typedef struct client {
    struct relay_world *world;
    vd_subscriber_t *subscriber;
    vd_subscription_t wanted;
    uint64_t next;   /* number of the next event, without a session; else its sequence */
    uint64_t handed; /* events */
    uint64_t absent, lost;
    uint32_t stops;
    vd_status_t status; /* of the last stop */
    char text[VD_TEXT_BYTES_MAX];
    bool slow; /* deals with what came only when told */
    uint64_t held, held_bytes;
    vd_position_t position;
} client_t;

typedef struct relay_world {
    uint64_t seed;
    unsigned loss_percent;
    vd_now_t now;
    vd_effects_t *effects;
    /* The origin. */
    char store[VD_STORE_ID_SIZE];
    uint64_t first;
    uint64_t corrupt; /* a commit of which nothing can be read; 0: none */
    char pruned[16];  /* a session that is */
    made_t *made[COMMITS_MAX];
    uint64_t count;
    uint64_t numbers;
    uint64_t seqs[3];
    bool origin_up;
    vd_publisher_t *publisher;
    uint64_t asked[256]; /* messages that came to the origin, by their id */
    vd_commit_run_t filtered;
    /* The relay. */
    vd_relay_options_t options;
    bool relay_up, relay_frozen;
    vd_relay_t *relay;
    char trouble[VD_TEXT_BYTES_MAX];
    /* The others. */
    uint32_t client_count;
    client_t clients[CLIENTS_MAX];
    uint16_t answer_id; /* of the last message to a client that no subscriber took */
    uint64_t answer_correlation;
    vd_status_t answer_status;
    int64_t due_us[NODES][VD_TIMERS_MAX];
    struct net *net;
} relay_world_t;

extern const char *const relay_sessions[3];
/* What is committed, for a publisher; its argument is the world. */
extern const vd_stream_source_t relay_origin_source;

/* `windows` and `recent` are the relay's bytes. */
relay_world_t *relay_world_new(uint64_t seed, size_t recent, size_t windows);
void relay_world_free(relay_world_t *w);
/* Commits up to three runs of up to `events_max` events of up to `size` bytes each. */
void relay_world_commit(relay_world_t *w, unsigned events_max, size_t size);
void relay_world_kill_origin(relay_world_t *w);
void relay_world_start_origin(relay_world_t *w);
void relay_world_kill_relay(relay_world_t *w);
void relay_world_start_relay(relay_world_t *w);
/* What connects the relay to the origin now is dead, and nobody is told. */
void relay_world_half_open(relay_world_t *w);
/* The origin, which is down, has gone back to its first `count` commits. */
void relay_world_go_back(relay_world_t *w, uint64_t count);
/* The position behind `offset` events of the commit after `index`. */
vd_position_t relay_world_position(const relay_world_t *w, uint64_t index, uint64_t offset);
/* One more subscriber, through the relay. */
client_t *relay_world_subscribe(relay_world_t *w, const vd_subscription_t *subscription);
/* The same: of all sessions, from the position behind `offset` events of the commit after `index`. */
client_t *relay_world_subscribe_at(relay_world_t *w, uint64_t index, uint64_t offset);
/* The same: of one session, from event `seq` on. */
client_t *relay_world_subscribe_session(relay_world_t *w, unsigned session, uint64_t seq);
void relay_world_commit_some(relay_world_t *w, unsigned count, unsigned events_max, size_t size);
/* Sends a message to the relay as a connection of client `c` would. */
void relay_world_send(relay_world_t *w, client_t *c, const vd_message_t *message);
/* A slow client deals with what it has, and is slow no more. */
void relay_world_consume(relay_world_t *w, client_t *c);
void relay_world_run(relay_world_t *w, int64_t us);
/* Until every client that has not stopped has everything; fails after `us`. */
void relay_world_settle(relay_world_t *w, int64_t us);
bool relay_world_has_all(const relay_world_t *w, const client_t *c);

#endif
