/* reads.h: the standing reads of a poller: merged, leased, with their last samples and their
 * health.
 *
 * 1. Reads that agree in source, incarnation, adapter, address, auth, operation, target and
 *    arguments are one read with one feed. Each observer holds it by a lease; among live leases the
 *    shortest interval, the longest deadline and the largest content win. Without a live lease a
 *    read ends.
 * 2. A feed's samples are numbered by one. A read that begins is numbered on from the highest
 *    number that any feed of this process had, so that a reader of an earlier read of the same name
 *    never takes new for old.
 * 3. The last two samples are kept. All samples together are bounded: first the second-newest ones
 *    go.
 */
#ifndef VD_READS_H
#define VD_READS_H

#include "wire/message.h"

#define VD_STANDING_NONE        UINT32_MAX
#define VD_LEASES_PER_READ_MAX  64
#define VD_READ_ERROR_BYTES     160
#define VD_SAMPLES_KEPT         2
#define VD_READ_INTERVAL_MS_MIN 10
#define VD_READ_INTERVAL_MS_MAX 86400000
#define VD_READ_LEASE_MS_MAX    604800000

typedef struct vd_lease {
    char observer[VD_NAME_BYTES_MAX + 1];
    uint64_t inc;
    int64_t until_us;
    int64_t interval_us;
    int64_t deadline_us;
    uint64_t bytes_max;
} vd_read_lease_t;

/* What makes a read the one it is. */
typedef enum vd_read_part {
    VD_PART_SOURCE,
    VD_PART_ADAPTER,
    VD_PART_ADDRESS,
    VD_PART_AUTH,
    VD_PART_OP,
    VD_PART_TARGET,
    VD_PART_ARGS,
    VD_PARTS
} vd_read_part_t;

typedef struct vd_standing {
    bool used;
    bool running; /* a read is out */
    uint64_t key;
    uint64_t source_hash;
    uint64_t source_inc;
    uint32_t next;   /* of the free list */
    int32_t adapter; /* place in the table of adapters */
    uint8_t *parts;  /* one after the other */
    uint32_t part_sizes[VD_PARTS];
    vd_read_lease_t *leases;
    uint32_t lease_count, lease_room;
    int64_t interval_us, deadline_us; /* what the live leases come to */
    uint64_t bytes_max;
    int64_t started_us;
    uint64_t n; /* of the newest sample; before the first one: where the numbers go on from */
    vd_buffer_t samples[VD_SAMPLES_KEPT]; /* [0] is the newest; empty: none */
    /* Health, kept after recovery. */
    uint64_t reads, failures;
    vd_status_t status;
    int64_t at_ms, ok_at_ms, error_at_ms;
    uint64_t took_us;
    char error[VD_READ_ERROR_BYTES];
} vd_standing_t;

typedef struct vd_reads {
    uint32_t count, count_max;
    uint32_t high, free;
    uint32_t hand; /* where the search for samples to drop goes on */
    uint64_t n_max;
    uint64_t bytes, bytes_max; /* of samples */
    vd_standing_t *slots;
    uint32_t *index; /* open addressing by key, place + 1 */
    uint32_t index_size;
} vd_reads_t;

/* False without memory. */
bool vd_reads_init(vd_reads_t *self, uint32_t count_max, uint64_t bytes_max);
void vd_reads_free(vd_reads_t *self);

/* The key of a read: the hash in its feed's name. */
uint64_t vd_read_key(const vd_read_record_t *read);
/* Finds the read, or adds it without a lease. VD_OK, VD_OVERLOADED, VD_NO_MEMORY, or VD_EXISTS when
 * another read has the same key. */
vd_status_t vd_reads_take(vd_reads_t *self, const vd_read_record_t *read, int32_t adapter,
                          uint32_t *at);
/* The read with this key, or VD_STANDING_NONE. */
uint32_t vd_reads_find(const vd_reads_t *self, uint64_t key);
/* Begins or renews a lease; an earlier incarnation of the observer loses its own. VD_OK or
 * VD_OVERLOADED. */
vd_status_t vd_reads_lease(vd_reads_t *self, uint32_t at, int64_t now_us,
                           const vd_read_lease_t *lease);
/* Drops lapsed leases. Returns whether any is left. */
bool vd_reads_live(vd_reads_t *self, uint32_t at, int64_t now_us);
void vd_reads_remove(vd_reads_t *self, uint32_t at);

/* A part as bytes. */
vd_bytes_t vd_standing_part(const vd_standing_t *read, vd_read_part_t part);
/* Writes sample/<source>/<key> into `out` (VD_FEED_BYTES_MAX + 1 bytes). */
void vd_read_feed(vd_str_t source, uint64_t key, char *out);
/* The read that `feed` names, or VD_STANDING_NONE. */
uint32_t vd_reads_of_feed(const vd_reads_t *self, vd_str_t feed);
/* Keeps the next sample, numbered read->n + 1 by the caller in its bytes. VD_OK, or VD_OVERLOADED:
 * all samples together have reached the bound; nothing was kept and the read's earlier samples made
 * room. */
vd_status_t vd_reads_keep(vd_reads_t *self, uint32_t at, vd_bytes_t sample);

#endif
