/* producers.h: what the sequencer knows of each producer.
 *
 * 1. `assigned` is as it will be when everything taken in is on disk; `durable` is as it is on
 *    disk.
 * 2. For the latest NUMBERS_REMEMBERED numbers the digest of their frame is kept while the process
 *    lives, so that a number that comes again with other bytes is noticed.
 */
#ifndef VD_PRODUCERS_H
#define VD_PRODUCERS_H

#include "core/core.h"
#include "names.h"
#include "store/store.h"

typedef struct vd_digest {
    uint64_t first;
    uint32_t count;
    uint32_t digest; /* CRC32C of the session's name and the CRCs of the events */
} vd_digest_t;

typedef struct vd_producer {
    vd_store_producer_t assigned; /* first member: begins with the name */
    vd_store_producer_t durable;  /* epoch 0: nothing on disk */
    vd_peer_t peer;               /* where answers go: who spoke last under the epoch */
    int64_t heard_us;             /* last sign of life under the epoch; INT64_MIN: none */
    uint64_t confirmed;           /* `answered` of the producer */
    uint64_t batch;               /* id of the last batch it is part of */
    uint32_t batch_at;            /* its place there */
    bool leaving;                 /* being forgotten */
    uint64_t owner_look;          /* the look at marks that found it to own an open session */
    /* The OPEN that waits for its batch. */
    uint64_t open_life; /* 0: none */
    uint64_t open_correlation;
    vd_peer_t open_peer;
    /* Ring of digests, ascending. */
    vd_digest_t *digests;
    uint32_t digest_room, digest_head, digest_count;
} vd_producer_t;

typedef enum vd_recall {
    VD_RECALL_UNKNOWN = 1, /* too old to tell */
    VD_RECALL_SAME,
    VD_RECALL_OTHER, /* these numbers were used with other bytes */
} vd_recall_t;

/* Makes a producer without a record on disk. NULL without memory. */
vd_producer_t *vd_producer_new(vd_str_t name);
void vd_producer_destroy(vd_producer_t *self);
/* Notes a sign of life under the epoch, and where answers go from now on. */
void vd_producer_hear(vd_producer_t *self, vd_now_t now, const vd_input_t *input);
/* Notes that a frame has been given its numbers. Without memory the digest is not kept. */
void vd_producer_remember(vd_producer_t *self, uint64_t first, uint32_t count, uint32_t digest);
/* Forgets the digests of numbers above `mark`: they were never used after all. */
void vd_producer_unremember(vd_producer_t *self, uint64_t mark);
vd_recall_t vd_producer_recall(const vd_producer_t *self, uint64_t first, uint32_t count,
                               uint32_t digest);
/* Drops the rejected ranges that the producer has heard of. */
void vd_producer_confirm(vd_producer_t *self, uint64_t answered);
/* Is there room for one more rejected range? */
bool vd_producer_can_reject(const vd_producer_t *self);
/* Notes numbers as rejected. `seq`: with VD_EXISTS, where the record stands. */
void vd_producer_reject(vd_producer_t *self, uint64_t first, uint32_t count, vd_status_t status,
                        uint64_t seq);
/* Takes a new life, moving the one before to those that are fenced. */
void vd_producer_take(vd_producer_t *self, uint64_t life, uint64_t epoch);
/* Is `life` among those that `record` names as fenced? */
bool vd_producer_is_past(const vd_store_producer_t *record, uint64_t life);

#endif
