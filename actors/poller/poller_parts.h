/* poller_parts.h: what the files of the poller core share; for them alone.
 *
 * 1. stand.c takes requests for reads, answer.c requests for samples and readings, poller.c starts
 *    reads and ends them.
 */
#ifndef VD_POLLER_PARTS_H
#define VD_POLLER_PARTS_H

#include "poller.h"
#include "reads.h"
#include "schedule.h"

#define VD_OUT_NONE UINT32_MAX

/* A read that is out. */
typedef struct vd_out {
    bool used;
    uint32_t next; /* of the free list */
    bool once;     /* answers a READ_ONCE, else a standing read */
    uint32_t age;  /* counts the uses of this place; part of the token */
    uint32_t standing;
    int64_t started_us, deadline_us;
    vd_poller_job_t job;
    /* Of READ_ONCE. */
    vd_peer_t peer;
    uint64_t correlation;
    uint8_t *bytes; /* a copy of the row */
    vd_read_record_t read;
} vd_out_t;

struct vd_poller {
    uint64_t inc;
    const vd_adapter_t *const *adapters;
    vd_reads_t reads;
    uint32_t adapter_count;
    vd_schedule_t schedules[VD_ADAPTERS_MAX]; /* when each adapter's standing reads are due */
    uint32_t outs[VD_ADAPTERS_MAX];           /* of each adapter, standing */
    vd_schedule_t deadlines;                  /* of what is out, by place */
    uint32_t out_count, out_max, once_count;
    uint32_t out_high, out_free;
    uint64_t readings_n; /* samples since the start: the number of the feed "readings" */
    uint64_t failures;   /* of these, without content */
    vd_out_t *out;
    vd_buffer_t rows, sample, scratch;
    char error[VD_TEXT_BYTES_MAX + 1]; /* of the sample that is written */
};

/* stand.c */
void vd_poller_stand(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects);
/* VD_OK with the adapter's place, or why the read is refused. */
vd_status_t vd_poller_check(const vd_poller_t *self, const vd_read_record_t *read,
                            int32_t *adapter);

/* answer.c */
/* Answers GET and READ. */
void vd_poller_answer(vd_poller_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);

#endif
