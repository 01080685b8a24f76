/* process.h: the processes of the world: cores that live and die together, with a lease at the
 * broker.
 *
 * 1. A process is what the kit makes of an actor (kit/actor.h): its cores boot in order, readiness
 *    begins the lease, SIGTERM is a STOP for each core and for the lease last, a core's EXIT stops
 *    the others, and what has not ended STOP_MS after that is killed.
 * 2. It is killed as a whole, at any step, and frozen as a whole.
 */
#ifndef VD_MODEL_PROCESS_H
#define VD_MODEL_PROCESS_H

#include "world.h"

#define VD_MODEL_BROKER_CONTROL    "broker.control"
#define VD_MODEL_BROKER_MEMBERSHIP "broker.membership"

typedef struct vd_process vd_process_t;

typedef struct vd_process_spec {
    const char *name;
    const char *kind;
    bool registers;   /* keeps a lease at the broker */
    bool holds_ready; /* ready when vd_process_ready is called, and not before */
    int64_t
        again_us; /* when it has ended it boots again, at most so much later; 0: not by itself */
    /* May be NULL. */
    void (*ready)(vd_world_t *world, vd_process_t *process, void *arg);
    void (*ended)(vd_world_t *world, vd_process_t *process, vd_status_t status, bool killed,
                  void *arg);
    void *arg;
} vd_process_spec_t;

vd_process_t *vd_process_new(vd_world_t *world, const vd_process_spec_t *spec);
void vd_process_destroy(vd_process_t **self);
/* Adds a core; name and process of the spec are filled in. */
vd_node_t *vd_process_add(vd_world_t *world, vd_process_t *self, const vd_node_spec_t *spec);
/* A new life, for `session`; `first`: nothing of its runtime ran before. */
void vd_process_boot(vd_world_t *world, vd_process_t *self, const char *session, bool first);
void vd_process_ready(vd_world_t *world, vd_process_t *self);
void vd_process_kill(vd_world_t *world, vd_process_t *self);
void vd_process_stop(vd_world_t *world, vd_process_t *self);
void vd_process_freeze(vd_world_t *world, vd_process_t *self);
void vd_process_thaw(vd_world_t *world, vd_process_t *self);
/* One of its cores has answered EXIT. */
void vd_process_exited(vd_world_t *world, vd_process_t *self, vd_node_t *node, vd_status_t status);

bool vd_process_is_up(const vd_process_t *self);
bool vd_process_is_ready(const vd_process_t *self);
/* It was asked to stop, or one of its cores has ended. */
bool vd_process_is_stopping(const vd_process_t *self);
bool vd_process_is_frozen(const vd_process_t *self);
bool vd_process_is_first(const vd_process_t *self);
const char *vd_process_name(const vd_process_t *self);
const char *vd_process_kind(const vd_process_t *self);
const char *vd_process_session(const vd_process_t *self);
uint64_t vd_process_life(const vd_process_t *self);
uint64_t vd_process_inc(const vd_process_t *self);
uint64_t vd_process_pid(const vd_process_t *self);
/* Its first core's node: what stands for it in the network. */
vd_node_t *vd_process_node(const vd_process_t *self);
/* When it was ready in this life, or the last one; -1: it was not. */
int64_t vd_process_ready_us(const vd_process_t *self);
/* Since when it runs: its boot, or the end of its last freeze. */
int64_t vd_process_awake_us(const vd_process_t *self);

#endif
