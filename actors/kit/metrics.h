/* metrics.h: what an actor counts, and how it is told.
 *
 * 1. The counters of every actor stand in metrics.def. They only grow, from 0 at its start. One
 *    thread counts (vd_count), any thread reads.
 * 2. GET of the feed "metrics" on any ROUTER port is answered by the shell with one map of name to
 *    number: the counters, what the process uses (VD_PROCESS_METRICS), and what the cores of the
 *    thread that serves the port have to add (vd_core_spec_t.metrics).
 */
#ifndef VD_METRICS_H
#define VD_METRICS_H

#include "wire/buffer.h"

#include <stdatomic.h>

#define VD_METRICS_FEED "metrics"

typedef struct vd_metrics {
#define VD_METRIC(name, meaning) _Atomic uint64_t name;
#include "kit/metrics.def"
#undef VD_METRIC
} vd_metrics_t;

/* One more. Only the thread that the counter belongs to may call it. */
static inline void vd_count(_Atomic uint64_t *counter)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + 1, memory_order_relaxed);
}

/* Adds the counters of `one` to `sum`, which is the caller's own. */
void vd_metrics_add(vd_metrics_t *sum, const vd_metrics_t *one);
/* Writes "frames_in=1 frames_out=2 ..." into `out`. */
void vd_metrics_print(const vd_metrics_t *metrics, char *out, size_t size);

/* A map of names to numbers while it is being written. */
typedef struct vd_metric_list {
    vd_buffer_t *pairs;
    uint32_t count;
} vd_metric_list_t;

/* Adds one number. Names are lower case with _, units last; each stands once in an actor. */
void vd_metric(vd_metric_list_t *list, const char *name, uint64_t value);
/* Adds every counter. */
void vd_metrics_list(const vd_metrics_t *metrics, vd_metric_list_t *list);
/* Adds what this process uses, cpu_ms (of all its threads) and rss_anon_bytes (memory that is its own
 * and resident), and what its clock says: clock_ms, since 1970 in UTC. */
void vd_metrics_list_process(vd_metric_list_t *list);

#endif
