/* crowd.h: readers in a few processes, how far each has come, and a writer who never runs far ahead of the slowest.
 *
 * 1. Raw limits and Vedette's figures are measured with the same crowd, so that the reading side costs the same.
 * 2. Readers wait for the gate, which the writer opens when there is something to connect to.
 * 3. A reader that fails ends the measurement; one that does not get on for a while does too. Readers die with their
 *    writer.
 */
#ifndef VD_BENCH_CROWD_H
#define VD_BENCH_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { VD_BENCH_READERS_MAX = 512 };

/* Of one reader, alone in its cache line. */
typedef struct vd_bench_seat {
    _Alignas(64) atomic_uint_least64_t seen;
} vd_bench_seat_t;

/* In memory that all processes share. */
typedef struct vd_bench_hall {
    atomic_bool open;
    vd_bench_seat_t seats[VD_BENCH_READERS_MAX];
} vd_bench_hall_t;

typedef struct vd_bench_crowd {
    vd_bench_hall_t *hall;
    size_t readers, processes;
    pid_t pids[VD_BENCH_READERS_MAX];
} vd_bench_crowd_t;

/* What a process does for the readers `first` to `first + count - 1`, once the gate is open. */
typedef void vd_bench_reader_fn(vd_bench_hall_t *hall, size_t first, size_t count, void *arg);

/* Memory that the processes forked later share, with zeroes in it. */
void *vd_bench_shared(size_t size);
/* Forks: before anything that does not survive it, such as a ZeroMQ context, is made. */
void vd_bench_crowd_start(vd_bench_crowd_t *self, size_t readers, size_t processes,
                          vd_bench_reader_fn *read, void *arg);
void vd_bench_crowd_open(vd_bench_crowd_t *self);
/* Has every reader seen so much? Ends the program when a reader has failed. */
bool vd_bench_crowd_reached(vd_bench_crowd_t *self, uint64_t wanted);
/* Waits until every reader has seen so much. */
void vd_bench_crowd_wait(vd_bench_crowd_t *self, uint64_t wanted);
/* Waits until every process has ended. */
void vd_bench_crowd_end(vd_bench_crowd_t *self);

#endif
