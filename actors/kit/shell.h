/* shell.h: runs pure cores on sockets: frames become inputs, effects become frames, timers and
 * calls.
 *
 * 1. One step at a time; its effects are carried out, in order, before the next. Operations (DO) of
 *    a step are begun after its other effects, so that they may complete at once.
 * 2. A readable socket is drained in bursts of at most SHELL_BURST messages, then the others have
 *    their turn.
 * 3. Nothing here waits: what cannot be sent now is dropped and counted.
 * 4. A core that has answered EXIT gets no further input.
 */
#ifndef VD_SHELL_H
#define VD_SHELL_H

#include "kit/actor.h"
#include "kit/metrics.h"

typedef struct vd_shell vd_shell_t;

typedef struct vd_shell_spec {
    vd_actor_t *actor; /* handed to perform functions */
    const char *name;  /* of the actor */
    uint64_t inc;
    const vd_paths_t *paths;
    zloop_t *loop;
    /* Called from the loop, between steps, after a core has exited or vd_shell_wake; -1 ends the
     * loop. */
    int (*settle)(void *arg);
    void *settle_arg;
} vd_shell_spec_t;

/* Makes a shell. NULL without memory or descriptors. The strings and paths of `spec` must outlive
 * it. */
vd_shell_t *vd_shell_new(const vd_shell_spec_t *spec);
/* Closes every socket. */
void vd_shell_destroy(vd_shell_t **self);

/* Adds a core and binds its ports. Its handle (>= 0), or -1 with the reason logged and in
 * *status. */
int vd_shell_add(vd_shell_t *self, const vd_core_spec_t *spec, vd_status_t *status);
/* Binds port `name` of any core to a further endpoint. VD_NOT_FOUND when there is no such bound
 * port. */
vd_status_t vd_shell_bind_also(vd_shell_t *self, const char *name, const char *endpoint,
                               char *error, size_t error_size);
/* Joins a shell of the same actor that another thread is going to run: from now on its bound ports
 * are among this one's for vd_shell_bind_also and vd_shell_endpoints. It must outlive this one's
 * use of them. The counters of both are told by each. False without memory. */
bool vd_shell_join(vd_shell_t *self, vd_shell_t *other);
/* Did the loop of the shell that this one has joined turn since the last call? True when there is
 * none. */
bool vd_shell_joined_progresses(vd_shell_t *self);
/* What PONG tells of this process from now on, through the ports of a joined shell too: what it
 * cannot do at the moment; empty: all is well. */
void vd_shell_set_trouble(vd_shell_t *self, const char *text);
/* Runs one step. Not from inside a step. Ignored when the core has exited. */
void vd_shell_input(vd_shell_t *self, int handle, const vd_input_t *input);
/* Has `settle` called soon. */
void vd_shell_wake(vd_shell_t *self);

/* Is anybody subscribed to something on port `name` of a core, a PUB? */
bool vd_shell_has_subscribers(const vd_shell_t *self, int handle, const char *name);

int vd_shell_core_count(const vd_shell_t *self);
const char *vd_shell_core_name(const vd_shell_t *self, int handle);
bool vd_shell_core_exited(const vd_shell_t *self, int handle, vd_status_t *status);
/* The counters of this shell and of the one that it has joined or that has joined it. */
void vd_shell_metrics(const vd_shell_t *self, vd_metrics_t *sum);
/* Appends an array of endpoint records for all bound ports. Returns how many there are. */
uint32_t vd_shell_endpoints(const vd_shell_t *self, vd_buffer_t *out);

vd_now_t vd_shell_now(void);

#endif
