/* readings.h: the observer's reads at the pollers: standing ones that it renews, and one-off ones.
 *
 * 1. A standing read is asked for at the poller that the membership names for its source, and
 *    renewed; samples are taken only from that poller's incarnation that answered.
 * 2. A sample supersedes those before it, so a gap that ends in a newer sample needs no repair. A
 *    newest sample that was not seen (the answer to STAND names it) or was too large to publish is
 *    asked for with READ.
 * 3. At most one STAND round is out for each poller; one that is unanswered for VD_STAND_TIMEOUT_MS
 *    is given up with its connection, and asked anew.
 * 4. Every one-off read ends in a sample: the poller's answer, or one that says timed_out.
 */
#ifndef VD_READINGS_H
#define VD_READINGS_H

#include "faults.h"
#include "roster.h"

#define VD_STAND_TIMEOUT_MS 2000
#define VD_ONCE_TIMEOUT_MS  (VD_SAMPLE_DEADLINE_MS + 1000)

typedef struct vd_readings {
    vd_samples_t *samples;
    vd_roster_t *roster;
    vd_faults_t *faults;
    const char *observer;
    uint64_t inc;
    int64_t interval_ms; /* of reads that name none */
    int64_t renew_ms;    /* between renewals; the lease is three of them */
    uint16_t poller_port;
    uint16_t samples_port;
    uint32_t timer;
    int64_t renew_us;
    uint64_t correlation;
    uint64_t taken;    /* samples of standing reads */
    uint64_t answered; /* one-off reads */
    uint64_t missed;   /* numbers of samples that were never seen */
    uint64_t foreign;  /* samples of another poller or incarnation, or not understood */
    bool fetch_waits;  /* some slot has to ask for its newest sample */
    vd_buffer_t rows;
    vd_effects_t *effects; /* of the step at hand */
} vd_readings_t;

void vd_readings_init(vd_readings_t *self, vd_samples_t *samples, vd_roster_t *roster,
                      vd_faults_t *faults, const char *observer, uint64_t inc, int64_t interval_ms,
                      uint16_t poller_port, uint16_t samples_port, uint32_t timer);
void vd_readings_free(vd_readings_t *self);
/* Begins a step, and ends it: what became due or possible in it is sent. */
void vd_readings_begin(vd_readings_t *self, vd_effects_t *effects);
void vd_readings_settle(vd_readings_t *self, vd_now_t now, vd_effects_t *effects);
/* Takes an input. Returns whether it was for this part (its ports, its timer). */
bool vd_readings_step(vd_readings_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);
/* Reads once, unless the same read is out already. */
void vd_readings_once(vd_readings_t *self, vd_now_t now, const vd_read_record_t *read);
/* Is a one-off read out that is not answered yet? */
bool vd_readings_wait(const vd_readings_t *self);

#endif
