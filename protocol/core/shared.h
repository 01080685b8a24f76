/* shared.h: bytes that are made once and held by several, in any thread.
 *
 * 1. They are freed when the last who holds them lets go.
 * 2. Only their maker writes into them, and only before anybody else holds them.
 */
#ifndef VD_SHARED_H
#define VD_SHARED_H

#include "wire/buffer.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct vd_shared {
    atomic_uint holders;
    size_t size;
    uint8_t data[];
} vd_shared_t;

/* Makes `room` bytes, held by the caller alone; `size` is 0 and for the caller to set. NULL without
 * memory. */
static inline vd_shared_t *vd_shared_new(size_t room)
{
    vd_shared_t *self = malloc(sizeof *self + room);
    if (self == NULL)
        return NULL;
    /* Not atomic_init: who lets go last may be a thread of ZeroMQ, whose queues order it unseen. */
    atomic_store_explicit(&self->holders, 1, memory_order_relaxed);
    self->size = 0;
    return self;
}

/* One more holds them. */
static inline vd_shared_t *vd_shared_hold(vd_shared_t *self)
{
    unsigned before = atomic_fetch_add_explicit(&self->holders, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return self;
}

/* Lets go and nulls the caller's pointer. */
static inline void vd_shared_release(vd_shared_t **self)
{
    vd_shared_t *shared = *self;
    *self = NULL;
    if (shared != NULL && atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) == 1)
        free(shared);
}

static inline vd_bytes_t vd_shared_view(const vd_shared_t *self)
{
    return vd_bytes(self->data, self->size);
}

#endif
