/* measure.c: clock, percentiles and the line of JSON of every measurement. */
#include "benchmarks/measure.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double vd_bench_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void vd_bench_print_with(const char *name, double *figures, size_t count, const char *more)
{
    assert(count > 0);
    qsort(figures, count, sizeof *figures, compare);
    printf("{\"measurement\":\"%s\",\"count\":%zu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%."
           "1f%s%s}\n",
           name, count, figures[count / 2], figures[count * 9 / 10], figures[count * 99 / 100],
           figures[count - 1], more[0] ? "," : "", more);
}

void vd_bench_print(const char *name, double *figures, size_t count)
{
    vd_bench_print_with(name, figures, count, "");
}

void vd_bench_print_rate(const char *name, size_t count, double us)
{
    assert(count > 0 && us > 0);
    printf("{\"measurement\":\"%s\",\"count\":%zu,\"seconds\":%.6f,\"rate\":%.1f}\n", name, count,
           us / 1e6, (double)count * 1e6 / us);
}

size_t vd_bench_count(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (*end != 0 || number < 1 || number > 100000000)
        vd_bench_fail("%s: not a count between 1 and 100000000", text);
    return (size_t)number;
}

void vd_bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "vd-bench: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}
