/* metrics.c: counters in words. */
#include "kit/metrics.h"

#include <assert.h>
#include <stdio.h>

void vd_metrics_print(const vd_metrics_t *metrics, char *out, size_t size)
{
    assert(metrics != NULL && out != NULL && size > 0);
    size_t at = 0;
    out[0] = 0;
#define VD_METRIC(name, meaning)                                                                   \
    if (at < size)                                                                                 \
        at += (size_t)snprintf(out + at, size - at, "%s%s=%llu", at > 0 ? " " : "", #name,         \
                               (unsigned long long)metrics->name);
#include "kit/metrics.def"
#undef VD_METRIC
}
