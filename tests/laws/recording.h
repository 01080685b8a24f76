/* recording.h: what came before the turns of an observer that ran on a real machine, as a file.
 *
 * 1. A recording is a sequence of MessagePack maps, one for each turn that had something new before
 *    it: {at_ms, complete, sources?, samples, input?}. Samples and sources are records as they
 *    travel (sources: all there are, whenever one has come, gone or changed), the input is the
 *    record that a collector had before it. Strings and records are whole: no compression.
 * 2. laws/recorder.c writes one, laws/record makes it do so.
 */
#ifndef VD_RECORDING_H
#define VD_RECORDING_H

#include "host/samples.h"

#define VD_RECORDING_BYTES_MAX (1 << 20)

/* What is before one turn; views into the recording. */
typedef struct vd_recorded {
    int64_t at_ms;
    bool complete;      /* vd_samples_is_complete */
    bool has_sources;   /* else they are as they were */
    vd_bytes_t sources; /* source records, one after the other */
    vd_bytes_t samples; /* sample records, likewise */
    bool has_input;     /* else there is none, or the one of the turn before */
    vd_sample_record_t input;
} vd_recorded_t;

/* The next turn of what is left. False at the end; what is not a recording is VD_MALFORMED in
 * *status. */
bool vd_recorded_next(vd_bytes_t *rest, vd_recorded_t *turn, vd_status_t *status);

/* Writes down what is new. */
typedef struct vd_recorder {
    vd_buffer_t out;     /* the turn at hand, when it has anything new */
    vd_buffer_t sources; /* as they were written last */
    vd_buffer_t scratch;
    uint64_t serial; /* of the newest sample that was written */
    uint64_t input;  /* number of the input that was written last */
    bool begun;
} vd_recorder_t;

void vd_recorder_init(vd_recorder_t *self);
void vd_recorder_free(vd_recorder_t *self);
/* Leaves the turn in `out`, which is empty when there is nothing new. */
void vd_recorder_turn(vd_recorder_t *self, const vd_samples_t *samples, int64_t at_ms);

#endif
