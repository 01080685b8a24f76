/* process.h: the processes behind the supervisor's children: fork, exec, signals, readiness, death.
 *
 * 1. A child gets: standard input from /dev/null, standard output and error to
 *    <logs>/<actor>.log, the notify pipe and the runtime's lock as the only other descriptors,
 *    a process group of its own (so that Ctrl-C reaches the supervisor alone), no blocked or
 *    ignored signal, SIGKILL when its supervisor dies.
 * 2. A death is noticed through a pidfd in the loop, after all that the process had still to
 *    tell.
 * 3. Signals go through the pidfd: they cannot reach another process of the same number.
 * 4. An executable that cannot be executed is a death with the errno of exec and its path.
 */
#ifndef VD_SUPERVISOR_PROCESS_H
#define VD_SUPERVISOR_PROCESS_H

#include "kit/actor.h"

typedef struct vd_processes vd_processes_t;

typedef struct vd_processes_spec {
    vd_actor_t *actor;
    const char *bin;    /* directory of the executables that are named without a slash */
    const char *dir;    /* --dir for the children; empty: none */
    const char *config; /* --config for the children; empty: none */
    const char *logs;   /* directory */
    int64_t log_bytes_max;
    int lock_fd; /* inherited by every child */
} vd_processes_spec_t;

/* Makes an empty set. NULL without memory. The strings of `spec` must outlive it. */
vd_processes_t *vd_processes_new(const vd_processes_spec_t *spec);
/* Kills and reaps what is left. */
void vd_processes_destroy(vd_processes_t **self);
/* Names the core that gets the inputs. */
void vd_processes_report_to(vd_processes_t *self, int handle);
/* Carries out the operations of supervisor.h (vd_perform_fn; `arg` is a vd_processes_t). */
void vd_processes_perform(void *arg, vd_actor_t *actor, const vd_effect_t *effect);

#endif
