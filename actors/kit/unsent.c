/* unsent.c: a table of counters, each held by the table and by the payloads that it counts. */
#include "kit/unsent.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BUCKETS = 256 };

typedef struct counter {
    struct counter *next; /* the table's alone */
    vd_peer_t peer;
    atomic_uint holders;
    atomic_size_t bytes;
} counter_t;

struct vd_unsent_ticket {
    vd_shared_t *payload;
    counter_t *counter;
};

struct vd_unsent {
    counter_t *buckets[BUCKETS];
};

static void release(counter_t *counter)
{
    if (atomic_fetch_sub_explicit(&counter->holders, 1, memory_order_acq_rel) == 1)
        free(counter);
}

/* FNV-1a. */
static uint32_t bucket_of(const vd_peer_t *peer)
{
    uint32_t hash = 2166136261u;
    for (uint8_t i = 0; i < peer->size; i++)
        hash = (hash ^ (uint8_t)peer->bytes[i]) * 16777619u;
    return hash % BUCKETS;
}

vd_unsent_t *vd_unsent_new(void)
{
    return calloc(1, sizeof(vd_unsent_t));
}

void vd_unsent_destroy(vd_unsent_t **self)
{
    assert(self != NULL);
    for (uint32_t at = 0; *self != NULL && at < BUCKETS; at++)
        while ((*self)->buckets[at] != NULL) {
            counter_t *counter = (*self)->buckets[at];
            (*self)->buckets[at] = counter->next;
            release(counter);
        }
    free(*self);
    *self = NULL;
}

static counter_t *find(const vd_unsent_t *self, const vd_peer_t *peer)
{
    counter_t *counter = self->buckets[bucket_of(peer)];
    while (counter != NULL && !vd_peer_equal(&counter->peer, peer))
        counter = counter->next;
    return counter;
}

size_t vd_unsent_bytes(const vd_unsent_t *self, const vd_peer_t *peer)
{
    const counter_t *counter = find(self, peer);
    return counter != NULL ? atomic_load_explicit(&counter->bytes, memory_order_relaxed) : 0;
}

/* Only this thread counts more, so that what is at 0 stays there. */
static void sweep(counter_t **at)
{
    while (*at != NULL) {
        counter_t *counter = *at;
        if (atomic_load_explicit(&counter->bytes, memory_order_relaxed) > 0) {
            at = &counter->next;
            continue;
        }
        *at = counter->next;
        release(counter);
    }
}

static counter_t *find_or_make(vd_unsent_t *self, const vd_peer_t *peer)
{
    counter_t *counter = find(self, peer);
    if (counter != NULL)
        return counter;
    counter_t **bucket = &self->buckets[bucket_of(peer)];
    sweep(bucket);
    counter = malloc(sizeof *counter);
    if (counter == NULL)
        return NULL;
    counter->peer = *peer;
    counter->next = *bucket;
    atomic_store_explicit(&counter->holders, 1, memory_order_relaxed);
    atomic_store_explicit(&counter->bytes, 0, memory_order_relaxed);
    *bucket = counter;
    return counter;
}

vd_unsent_ticket_t *vd_unsent_count(vd_unsent_t *self, const vd_peer_t *peer, vd_shared_t *payload)
{
    assert(self != NULL && payload != NULL);
    counter_t *counter = find_or_make(self, peer);
    vd_unsent_ticket_t *ticket = counter != NULL ? malloc(sizeof *ticket) : NULL;
    if (ticket == NULL)
        return NULL;
    ticket->payload = vd_shared_hold(payload);
    ticket->counter = counter;
    atomic_fetch_add_explicit(&counter->holders, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counter->bytes, payload->size, memory_order_relaxed);
    return ticket;
}

void vd_unsent_let_go(void *data, void *hint)
{
    vd_unsent_ticket_t *ticket = hint;
    (void)data;
    size_t size = ticket->payload->size;
    size_t before = atomic_fetch_sub_explicit(&ticket->counter->bytes, size, memory_order_relaxed);
    assert(before >= size);
    (void)before;
    release(ticket->counter);
    vd_shared_release(&ticket->payload);
    free(ticket);
}
