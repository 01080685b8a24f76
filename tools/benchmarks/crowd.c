/* crowd.c: readers as processes, counted in shared memory. */
#include "benchmarks/crowd.h"

#include "benchmarks/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_US = 50, PATIENCE_US = 60 * 1000 * 1000 };

void *vd_bench_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        vd_bench_fail("%zu bytes of shared memory: %s", size, strerror(errno));
    return memory;
}

static void be_reader(const vd_bench_crowd_t *self, size_t process, vd_bench_reader_fn *read,
                      void *arg)
{
    size_t first = self->readers * process / self->processes;
    size_t behind = self->readers * (process + 1) / self->processes;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!atomic_load(&self->hall->open))
        usleep(LOOK_US);
    read(self->hall, first, behind - first, arg);
    _exit(0);
}

void vd_bench_crowd_start(vd_bench_crowd_t *self, size_t readers, size_t processes,
                          vd_bench_reader_fn *read, void *arg)
{
    if (readers > VD_BENCH_READERS_MAX || processes > readers)
        vd_bench_fail("at most %d readers, and no more processes than readers",
                      VD_BENCH_READERS_MAX);
    *self = (vd_bench_crowd_t){.readers = readers, .processes = processes};
    self->hall = vd_bench_shared(sizeof *self->hall);
    for (size_t i = 0; i < processes; i++) {
        self->pids[i] = fork();
        if (self->pids[i] < 0)
            vd_bench_fail("fork: %s", strerror(errno));
        if (self->pids[i] == 0)
            be_reader(self, i, read, arg);
    }
}

void vd_bench_crowd_open(vd_bench_crowd_t *self)
{
    atomic_store(&self->hall->open, true);
}

/* Ends the program when a process of the crowd has failed. */
static void look(vd_bench_crowd_t *self)
{
    for (size_t i = 0; i < self->processes; i++) {
        int state = 0;
        if (self->pids[i] == 0 || waitpid(self->pids[i], &state, WNOHANG) == 0)
            continue;
        if (state != 0)
            vd_bench_fail("a reader failed");
        self->pids[i] = 0; /* it has ended, in good order */
    }
}

static uint64_t slowest(const vd_bench_crowd_t *self)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < self->readers; i++) {
        uint64_t seen = atomic_load_explicit(&self->hall->seats[i].seen, memory_order_relaxed);
        least = seen < least ? seen : least;
    }
    return least;
}

bool vd_bench_crowd_reached(vd_bench_crowd_t *self, uint64_t wanted)
{
    return slowest(self) >= wanted;
}

void vd_bench_crowd_wait(vd_bench_crowd_t *self, uint64_t wanted)
{
    double begun = vd_bench_now_us();
    while (slowest(self) < wanted) {
        usleep(LOOK_US);
        look(self);
        if (vd_bench_now_us() - begun > PATIENCE_US)
            vd_bench_fail("a reader is at %" PRIu64 " of %" PRIu64 " and gets on no more",
                          slowest(self), wanted);
    }
}

void vd_bench_crowd_end(vd_bench_crowd_t *self)
{
    for (size_t i = 0; i < self->processes; i++) {
        int state = 0;
        if (self->pids[i] != 0 && (waitpid(self->pids[i], &state, 0) < 0 || state != 0))
            vd_bench_fail("a reader failed");
    }
    munmap(self->hall, sizeof *self->hall);
}
