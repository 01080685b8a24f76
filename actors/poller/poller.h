/* poller.h: when which source is read and who gets the samples, as a pure core.
 *
 * 1. STAND begins or renews standing reads (reads.h), which are read on a grid (schedule.h), at
 *    most one at a time for each. READ_ONCE reads at once and answers with SAMPLE under the same
 *    correlation.
 * 2. A read leaves as an effect DO of operation VD_POLLER_READ, whose object is a vd_poller_job_t,
 *    and is completed with DONE and a vd_read_result_t. The core keeps the deadline: what is not
 *    done in time is cancelled (VD_POLLER_CANCEL, same token) and becomes a sample with the status
 *    timed_out. A late DONE counts for nothing.
 * 3. Of each adapter at most `out_max` standing reads are out; further ones that are due wait their
 *    turn, and hold up no other adapter's. One-off reads have places of their own and get ERROR
 *    overloaded when they are taken.
 * 4. Each standing read has a feed sample/<source>/<key>: numbered samples on PUB, the last two on
 *    request. Feed "readings" (GET only) is one row for each standing read: its age, latency,
 *    status, last error and failures, kept after recovery. When rows do not fit into a snapshot, it
 *    says complete=false.
 * 5. A failing read is a sample with a status; it changes nothing for other reads.
 */
#ifndef VD_POLLER_H
#define VD_POLLER_H

#include "adapter.h"
#include "core/core.h"

enum { VD_POLLER_REQUESTS = 1, VD_POLLER_SAMPLES = 2 }; /* ports: ROUTER, PUB */
enum { VD_POLLER_READ = 1, VD_POLLER_CANCEL = 2 };      /* operations; CANCEL is not completed */
enum { VD_POLLER_ONCE_MAX = 64 };
enum { VD_POLLER_SAMPLES_BYTES_MAX = 67108864 };

typedef struct vd_poller_job {
    int32_t adapter; /* place in the table of adapters */
    vd_read_request_t request;
} vd_poller_job_t;

typedef struct vd_poller_config {
    uint64_t inc;
    const vd_adapter_t *const
        *adapters; /* ended by NULL; only names and operations are looked at */
    uint32_t reads_max;
    uint64_t samples_bytes_max;
} vd_poller_config_t;

typedef struct vd_poller vd_poller_t;

/* NULL without memory. */
vd_poller_t *vd_poller_new(const vd_poller_config_t *config);
void vd_poller_destroy(vd_poller_t **self);
/* A vd_step_fn; `state` is the vd_poller_t. The token of VD_POLLER_CANCEL is that of the read. */
void vd_poller_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);
/* Ends of standing reads since the start, and how many of them failed. */
uint64_t vd_poller_reads(const vd_poller_t *self);
uint64_t vd_poller_failures(const vd_poller_t *self);
/* Standing reads and reads that are out. */
uint32_t vd_poller_standing(const vd_poller_t *self);
uint32_t vd_poller_out(const vd_poller_t *self);

#endif
