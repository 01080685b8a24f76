/* world_state.h: the state of the model's world and what its files offer each other.
 *
 *   world.c    clock, dice, nodes and their steps     network.c   connections and frames between nodes
 */
#ifndef VD_MODEL_WORLD_STATE_H
#define VD_MODEL_WORLD_STATE_H

#include "world.h"

enum {
    VD_MODEL_NODES_MAX = 96,
    VD_MODEL_HELD_MAX = 4096, /* frames that wait for a node, without those that were published */
    VD_MODEL_CUTS_MAX = 16,
    VD_MODEL_SUBSCRIPTIONS_MAX = 96,
    VD_MODEL_ANY_LIFE = 0
};

/* A connection of one life of a node. */
typedef struct vd_link {
    vd_node_t *client;
    uint64_t life;
    uint16_t port;
    vd_peer_t name;
    vd_peer_t identity;
    vd_node_t *server; /* NULL: nobody is ever bound there */
    const vd_wire_t *bound;
    uint64_t server_life; /* that the connection stands to */
    int64_t up_us;        /* since when, or from when on */
    int64_t last_us[2];   /* when the last frame arrives: at the server, at the client */
    bool sub;
} vd_link_t;

typedef struct vd_packet {
    vd_node_t *from; /* NULL: a stranger */
    vd_node_t *to;
    uint64_t life; /* VD_MODEL_ANY_LIFE: whoever is there */
    uint64_t from_life;
    uint64_t sent_life; /* of the receiver, when it was sent */
    bool published;
    uint16_t port;
    vd_peer_t peer;
    uint32_t header_size, body_size, payload_size;
    uint8_t bytes[];
} vd_packet_t;

typedef struct vd_happening {
    int64_t at_us;
    uint64_t order;
    vd_node_t *node; /* of a timer or of a callback's life */
    uint64_t life;
    vd_packet_t *packet;
    vd_world_fn *fn;
    void *arg;
    uint64_t number; /* of a callback; of a timer: its id */
} vd_happening_t;

struct vd_node {
    vd_node_spec_t spec;
    bool up, may_tear, frozen, exited, tapped;
    vd_happening_t *held; /* what waits until it is thawed, or boots */
    int64_t bytes;        /* held of the memory, as far as it is counted */
    uint32_t held_count, held_room, held_published;
    uint64_t life;
    void *state;
    int64_t due_us[VD_TIMERS_MAX]; /* below 0: not set */
    char subscriptions[VD_MODEL_SUBSCRIPTIONS_MAX][VD_FEED_BYTES_MAX + 1];
    uint16_t subscription_ports[VD_MODEL_SUBSCRIPTIONS_MAX];
    int64_t subscribed_us[VD_MODEL_SUBSCRIPTIONS_MAX]; /* from when on the publisher knows */
    uint32_t subscription_count;
};

typedef struct vd_cut {
    const void *a, *b; /* processes; b NULL: everybody */
    int64_t until_us;
} vd_cut_t;

struct vd_world {
    uint64_t seed;
    int64_t now_us;
    FILE *trace;
    uint64_t sum, steps, order;
    vd_weather_t weather;
    vd_node_t *nodes[VD_MODEL_NODES_MAX];
    uint32_t node_count;
    vd_link_t *links;
    uint32_t link_count, link_room;
    vd_happening_t *heap;
    uint32_t heap_count, heap_room;
    vd_cut_t cuts[VD_MODEL_CUTS_MAX];
    uint32_t cut_count;
    vd_effects_t *spare[8]; /* for steps inside of steps */
    uint32_t depth;
    uint64_t pids;
    int64_t wall_offset_ms;
    vd_tap_fn *tap;
    void *tap_arg;
    vd_account_fn *account; /* NULL: nobody counts */
    int64_t *accounted;
    vd_stepped_fn *stepped;
    void *stepped_arg;
    bool ended;
};

/* Ends the life of a node, and of nothing else. */
void vd_node_end_life(vd_world_t *self, vd_node_t *node, vd_status_t status);
/* Keeps what is to happen to a node until it is thawed or boots. */
void vd_node_hold(vd_node_t *node, vd_happening_t happening);
/* Lets it happen now; or, when the node is gone, never. */
void vd_node_release(vd_world_t *self, vd_node_t *node, bool happens);
/* Tells the listener of a message. */
void vd_world_tell_tap(vd_world_t *self, vd_node_t *node, const vd_effects_t *effects,
                       const vd_effect_t *effect);
/* Answers PING, as the shell of every process does. Returns whether it was one. */
bool vd_network_pong(vd_world_t *self, vd_node_t *node, const vd_packet_t *packet,
                     const vd_message_t *message);
/* The process of a node, or the node itself. */
const void *vd_node_process(const vd_node_t *node);

/* Adds what is to happen. */
void vd_world_push(vd_world_t *self, vd_happening_t happening);
/* A line in the trace about a message. */
void vd_world_note_message(vd_world_t *self, const char *what, const char *who,
                           const vd_message_t *message);
/* Ends the connections of a node: all, or the one called `name` on `port`. */
void vd_network_drop(vd_world_t *self, const vd_node_t *node, const vd_peer_t *name, uint16_t port);
void vd_network_connect(vd_world_t *self, vd_node_t *node, const vd_effect_t *effect,
                        const char *endpoint);
/* Sends a frame of `node` where its port and peer, or topic, say. */
void vd_network_send(vd_world_t *self, vd_node_t *node, const vd_effects_t *effects,
                     const vd_effect_t *effect);

#endif
