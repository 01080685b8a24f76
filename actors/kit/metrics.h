/* metrics.h: the counters of an actor. The rows stand in metrics.def. They only grow, from 0 at its
 * start. */
#ifndef VD_METRICS_H
#define VD_METRICS_H

#include <stddef.h>
#include <stdint.h>

typedef struct vd_metrics {
#define VD_METRIC(name, meaning) uint64_t name;
#include "kit/metrics.def"
#undef VD_METRIC
} vd_metrics_t;

/* Writes "frames_in=1 frames_out=2 ..." into `out`. */
void vd_metrics_print(const vd_metrics_t *metrics, char *out, size_t size);

#endif
