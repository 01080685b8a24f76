/* worker_pool.h: a bounded pool of threads for work that may block, or hang.
 *
 * 1. Work is taken in order by at most `workers` threads, which start when there is work and stay.
 * 2. What is done is told through a descriptor (an eventfd) and taken with vd_pool_take on the
 *    owner's thread.
 * 3. Cancelled work that waits is given back at once; cancelled work that runs is given up: its
 *    thread is stuck, another one takes its place (at most `stuck_max` times at once), and what it
 *    gives in the end is freed unseen.
 * 4. While as much work is done and not taken as there are workers, no more is begun: results are
 *    bounded.
 * 5. Threads that hang in the kernel are left behind when the pool is destroyed; the last one frees
 *    what is shared.
 */
#ifndef VD_WORKER_POOL_H
#define VD_WORKER_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* A piece of work, at the front of the owner's own structure. */
typedef struct vd_work {
    uint64_t token;
    struct vd_work *next; /* the pool's */
    bool given_up;        /* the pool's */
} vd_work_t;

typedef struct vd_pool_spec {
    uint32_t workers;
    uint32_t stuck_max;
    uint32_t stack_bytes;             /* of a thread; 0: 128 KiB */
    void (*run)(vd_work_t *work);     /* on a worker's thread */
    void (*give_up)(vd_work_t *work); /* asks work that runs to end early; on the owner's thread */
    void (*release)(vd_work_t *work); /* of work that is cancelled or left over; on any thread */
} vd_pool_spec_t;

typedef enum vd_pool_cancelled {
    VD_POOL_UNKNOWN = 1, /* no such work: done and taken already */
    VD_POOL_RELEASED,    /* it had not begun, or was done */
    VD_POOL_STUCK,       /* it runs on, unseen, until it ends */
} vd_pool_cancelled_t;

typedef struct vd_pool vd_pool_t;

/* NULL without memory or descriptors. */
vd_pool_t *vd_pool_new(const vd_pool_spec_t *spec);
void vd_pool_destroy(vd_pool_t **self);
/* Becomes readable when work is done. */
int vd_pool_fd(const vd_pool_t *self);
/* Takes over `work`, whose token is unique among what is out. */
void vd_pool_start(vd_pool_t *self, vd_work_t *work);
/* Puts `work` straight among what is done: its result is known without running. */
void vd_pool_finish(vd_pool_t *self, vd_work_t *work);
/* Gives back one piece of work that is done, NULL when there is none (the descriptor is then
 * quiet). */
vd_work_t *vd_pool_take(vd_pool_t *self);
vd_pool_cancelled_t vd_pool_cancel(vd_pool_t *self, uint64_t token);
/* Threads that are stuck now. */
uint32_t vd_pool_stuck(vd_pool_t *self);
/* Does any work that is stuck match? */
bool vd_pool_stuck_matches(vd_pool_t *self, bool (*match)(const vd_work_t *work, const void *arg),
                           const void *arg);

#endif
