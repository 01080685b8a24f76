/* world.h: many cores in one process under a virtual clock and a network that loses, repeats and
 * reorders.
 *
 * 1. A node is one core with its ports, which boots, is killed at any step, and boots again. It is
 *    a process of its own, or one of several cores of one (process.h).
 * 2. The world is the shell of every core: it carries out SEND, CONNECT, SUBSCRIBE, TIMER, EXIT; a
 *    node's `perform` carries out DO. Messages travel as frames and are decoded on arrival, as
 *    between processes.
 * 3. A bound port has the endpoint "<name>.<port name>". What a DEALER sends to a node that is down
 *    waits for its next life or is lost; a frame to a connection of an earlier life is lost. What is
 *    published before a connection stands, or over PUB_HWM behind a reader that does not read, is
 *    lost without a word.
 * 4. A frozen node takes nothing: frames, timers and callbacks wait until it is thawed.
 * 5. Everything follows from the seed: the same seed gives the same trace, byte for byte.
 */
#ifndef VD_MODEL_WORLD_H
#define VD_MODEL_WORLD_H

#include "core/core.h"

#include <stdio.h>

typedef enum vd_wire_kind {
    VD_WIRE_ROUTER = 1,
    VD_WIRE_PUB,
    VD_WIRE_DEALER,
    VD_WIRE_SUB,
} vd_wire_kind_t;

typedef struct vd_wire {
    uint16_t port;
    vd_wire_kind_t kind;
    const char *name;
} vd_wire_t;

typedef struct vd_world vd_world_t;
typedef struct vd_node vd_node_t;
struct vd_process;

typedef struct vd_node_spec {
    const char *name;           /* of the process: in endpoints and in the trace */
    const char *core;           /* which of its cores; NULL: it has only this one */
    struct vd_process *process; /* NULL: the node is its own process */
    vd_step_fn *step;
    const vd_wire_t *wires;
    size_t wire_count;
    /* Makes the core's state for a new life. */
    void *(*boot)(vd_world_t *world, vd_node_t *node, void *arg);
    /* Ends a life: by a kill at any moment, or after EXIT. */
    void (*end)(vd_world_t *world, vd_node_t *node, void *state, void *arg);
    void (*perform)(vd_world_t *world, vd_node_t *node, const vd_effect_t *effect, void *arg);
    /* After a life has ended: decides about the next one. */
    void (*ended)(vd_world_t *world, vd_node_t *node, vd_status_t status, void *arg);
    void *arg;
} vd_node_spec_t;

/* What the network does to a frame, in 1/1000. */
typedef struct vd_weather {
    uint32_t lose, repeat, slow; /* slow: up to 50 times the delay */
    uint32_t delay_min_us, delay_max_us;
    bool ordered; /* what goes over one connection keeps its order */
    uint32_t
        tear; /* of a step of a node that may be torn: the node is killed between two effects */
} vd_weather_t;

vd_world_t *vd_world_new(uint64_t seed, FILE *trace);
void vd_world_destroy(vd_world_t **self);
vd_now_t vd_world_now(const vd_world_t *self);
/* A random number below `bound` (> 0). */
uint64_t vd_world_random(vd_world_t *self, uint64_t bound);
bool vd_world_chance(vd_world_t *self, uint32_t permille);
void vd_world_weather(vd_world_t *self, const vd_weather_t *weather);
/* Sum over everything that happened. */
uint64_t vd_world_sum(const vd_world_t *self);
uint64_t vd_world_steps(const vd_world_t *self);
/* The next process id, never given twice. */
uint64_t vd_world_next_pid(vd_world_t *self);

vd_node_t *vd_world_add(vd_world_t *self, const vd_node_spec_t *spec);
void vd_node_boot(vd_world_t *self, vd_node_t *node);
void vd_node_kill(vd_world_t *self, vd_node_t *node);
bool vd_node_is_up(const vd_node_t *node);
uint64_t vd_node_life(const vd_node_t *node);
void *vd_node_state(const vd_node_t *node);
const char *vd_node_name(const vd_node_t *node);
/* Lets the weather tear this node's steps. */
void vd_node_may_tear(vd_node_t *node);
/* Gives the core an input (DONE), now. */
void vd_node_input(vd_world_t *self, vd_node_t *node, const vd_input_t *input);
/* Nothing passes between two processes until then; with `b` NULL, between one and all others. Each is
 * meant by any of its nodes. */
void vd_world_cut(vd_world_t *self, const vd_node_t *a, const vd_node_t *b, int64_t until_us);
/* Every cut heals. */
void vd_world_heal(vd_world_t *self);
/* Is nothing cut off from this node's process? */
bool vd_world_is_whole(const vd_world_t *self, const vd_node_t *node);
void vd_node_freeze(vd_world_t *self, vd_node_t *node);
void vd_node_thaw(vd_world_t *self, vd_node_t *node);
/* Whoever listens is told of each message that a node takes, and of those that it sends if it is
 * tapped. `peer` is who it is from, or for. */
typedef void vd_tap_fn(void *arg, vd_node_t *node, bool arrives, uint16_t port,
                       const vd_peer_t *peer, const char *topic, const vd_message_t *message);
void vd_world_listen(vd_world_t *self, vd_tap_fn *tap, void *arg);
void vd_node_tap(vd_node_t *node);
/* Called after each step. */
typedef void vd_stepped_fn(void *arg, vd_node_t *node);
void vd_world_watch(vd_world_t *self, vd_stepped_fn *stepped, void *arg);
/* Has what each node allocates, from its boot on, counted: see account.h. */
typedef void vd_account_fn(int64_t *of);
void vd_world_account(vd_world_t *self, vd_account_fn *account);
int64_t vd_node_bytes(const vd_node_t *node);
/* Which of its process's cores it is; empty: the only one. */
const char *vd_node_core(const vd_node_t *node);
/* Ends the run at once: something has failed. */
void vd_world_end(vd_world_t *self);
/* How long the wall clock is ahead of where it began, beyond the time that has passed. */
void vd_world_set_wall(vd_world_t *self, int64_t offset_ms);
/* Sends `message` to a ROUTER port's endpoint as `peer`, who is nobody, with the same weather. What is
 * answered reaches nobody but the tap, whose topic then is the peer's name. */
void vd_world_inject(vd_world_t *self, const char *peer, const char *endpoint,
                     const vd_message_t *message);
#define VD_MODEL_STRANGER  "stranger"
#define VD_MODEL_FORGER    "forger"
#define VD_MODEL_HISTORIAN "historian"

typedef void vd_world_fn(vd_world_t *self, void *arg, uint64_t number);
/* Calls `fn` after `delay_us`; with a node, only if its life is then still the same. */
void vd_world_later(vd_world_t *self, int64_t delay_us, vd_node_t *node, vd_world_fn *fn, void *arg,
                    uint64_t number);
/* Runs until the clock shows `until_us`. */
void vd_world_run(vd_world_t *self, int64_t until_us);
/* A line in the trace. */
void vd_world_note(vd_world_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
