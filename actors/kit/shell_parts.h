/* shell_parts.h: the inside of the shell, shared by its files. Private to shell*.c. */
#ifndef VD_SHELL_PARTS_H
#define VD_SHELL_PARTS_H

#include "kit/links.h"
#include "kit/shell.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    SHELL_CORES_MAX = 8,
    SHELL_PORTS_MAX = 16, /* of one core */
};

#define NEVER_US INT64_MAX

typedef struct vd_shell_core {
    vd_shell_t *shell;
    int handle;
    vd_core_spec_t spec;
    vd_port_t ports[SHELL_PORTS_MAX];
    vd_links_t links;
    int64_t due_us[VD_TIMERS_MAX]; /* NEVER_US: not set */
    int64_t next_us;               /* not after the earliest of them */
    bool exited;
    vd_status_t status;
} vd_shell_core_t;

/* An operation that waits until the other effects of its step are carried out. */
typedef struct vd_operation {
    int handle;
    uint32_t id;
    uint64_t token;
    void *object;
} vd_operation_t;

struct vd_shell {
    vd_shell_spec_t spec;
    vd_effects_t *effects;
    vd_shell_core_t *cores[SHELL_CORES_MAX];
    int core_count;
    bool stepping;   /* a step runs or its effects are being carried out */
    bool performing; /* operations are being begun, further up the stack */
    bool wake;
    bool used; /* a link may be: see links.h */
    vd_operation_t *operations;
    size_t operation_at, operation_count, operation_room;
    int timer_fd;
    int64_t armed_us;
    vd_metrics_t metrics;
    pthread_mutex_t trouble_lock;
    char trouble[VD_TEXT_BYTES_MAX + 1]; /* written by the thread of the shell that has joined it */
    _Atomic uint32_t beats;              /* turns of a joined shell's loop, twice a second */
    uint32_t beats_seen;                 /* of the one that is joined */
    vd_shell_t *joined;    /* run by another thread; only its ports and counters are looked at */
    vd_shell_t *joined_by; /* likewise; only its counters */
    int64_t begun_us;
};

/* Copies what vd_shell_set_trouble has set. */
void vd_shell_trouble(vd_shell_t *self, char text[VD_TEXT_BYTES_MAX + 1]);

/* Sends through a ROUTER, with what waits there for the peer counted and, but for what is shared,
 * bounded. False when it was not sent. */
bool vd_shell_send_counted(vd_link_t *link, const vd_peer_t *peer, vd_bytes_t header,
                           vd_bytes_t body, vd_bytes_t payload, vd_shared_t *shared);

/* Runs one step at a given time. */
void vd_shell_step(vd_shell_t *self, int handle, vd_now_t now, const vd_input_t *input);

/* Opens the timer's descriptor and puts it into the loop. False without descriptors. */
bool vd_shell_timers_begin(vd_shell_t *self);
void vd_shell_timers_end(vd_shell_t *self);
/* Sets timer `id` of a core; below 0 clears it. */
void vd_shell_timer_set(vd_shell_core_t *core, uint32_t id, int64_t at_us);

/* Notes that a link was used, otherwise than by reading it to its end. */
void vd_shell_used(vd_shell_t *self, vd_link_t *link);
/* Has the timer's descriptor wake the loop when a message is there that nothing else tells of. At
 * the end of whatever the loop calls. */
void vd_shell_look(vd_shell_t *self);
/* Takes messages that vd_shell_look has found. */
void vd_shell_take_found(vd_shell_t *self);
/* Has the loop call the timers' handler at once. */
void vd_shell_hurry(vd_shell_t *self);

/* Drains a burst of messages of the link that `arg` is. */
int vd_shell_on_readable(zloop_t *loop, zmq_pollitem_t *item, void *arg);

#endif
