/* metrics.c: counters in words and as a map. */
#include "kit/metrics.h"

#include "wire/value.h"

#include <assert.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void vd_metrics_add(vd_metrics_t *sum, const vd_metrics_t *one)
{
#define VD_METRIC(name, meaning) sum->name += one->name;
#include "kit/metrics.def"
#undef VD_METRIC
}

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

void vd_metric(vd_metric_list_t *list, const char *name, uint64_t value)
{
    assert(list->pairs != NULL && name[0] != 0);
    vd_write_pair_u64(list->pairs, name, value);
    list->count++;
}

void vd_metrics_list(const vd_metrics_t *metrics, vd_metric_list_t *list)
{
#define VD_METRIC(name, meaning) vd_metric(list, #name, metrics->name);
#include "kit/metrics.def"
#undef VD_METRIC
}

void vd_metrics_list_process(vd_metric_list_t *list)
{
    struct rusage used;
    struct timespec now;
    unsigned long long size, resident, shared;
    if (clock_gettime(CLOCK_REALTIME, &now) == 0)
        vd_metric(list, "clock_ms", (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
    if (getrusage(RUSAGE_SELF, &used) == 0)
        vd_metric(list, "cpu_ms",
                  (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                      (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%llu %llu %llu", &size, &resident, &shared) == 3 && resident >= shared)
        vd_metric(list, "rss_anon_bytes",
                  (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE));
    fclose(file);
}
