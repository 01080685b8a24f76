/* measure.h: the measurements of vd-bench: each runs once and prints one line of JSON.
 *
 * 1. Raw limits and Vedette's figures are measured by the same program, so that one run compares
 *    them.
 * 2. A measurement checks what it measures: a wrong answer ends it with an error, not with a
 *    figure.
 */
#ifndef VD_MEASURE_H
#define VD_MEASURE_H

#include <stddef.h>
#include <stdint.h>

int vd_bench_visible(int argc, char **argv);
int vd_bench_roundtrip(int argc, char **argv);
int vd_bench_sync(int argc, char **argv);
/* leveldb.c */
int vd_bench_leveldb_write(int argc, char **argv);
int vd_bench_leveldb_read(int argc, char **argv);
/* ingest.c */
int vd_bench_ingest(int argc, char **argv);
int vd_bench_acknowledge(int argc, char **argv);
int vd_bench_replay(int argc, char **argv);
int vd_bench_recover(int argc, char **argv);
/* live.c */
int vd_bench_live(int argc, char **argv);
/* rejoin.c */
int vd_bench_rejoin(int argc, char **argv);
/* fanout.c */
int vd_bench_fanout(int argc, char **argv);
int vd_bench_raw_fanout(int argc, char **argv);
/* steady.c */
int vd_bench_steady(int argc, char **argv);
/* wallets.c */
int vd_bench_wallets(int argc, char **argv);
/* Not measurements: what is measured against, until stdin ends. */
int vd_bench_respond(int argc, char **argv);
int vd_bench_samples(int argc, char **argv);

/* Microseconds of the monotonic clock. */
double vd_bench_now_us(void);
/* Sorts the figures and prints {"measurement": name, "count", "p50", "p90", "p99", "max"} in
 * microseconds. */
void vd_bench_print(const char *name, double *figures, size_t count);
/* The same with further fields, written as JSON has them; empty: none. */
void vd_bench_print_with(const char *name, double *figures, size_t count, const char *more);
/* Prints {"measurement": name, "count", "seconds", "rate"}: so many a second. */
void vd_bench_print_rate(const char *name, size_t count, double us);
/* The decimal number in `text`, or ends the program with a usage error that names it. */
size_t vd_bench_count(const char *text);
/* Ends the program with a message. */
_Noreturn void vd_bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
