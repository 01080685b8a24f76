/* schedule.h: when the next standing read is due: a heap of moments, and the grid that they lie on.
 *
 * 1. Reads of one interval lie on a grid of that interval, shifted by a hash of their source: reads
 *    of one source come together, sources spread over the interval, in 64 steps: reads that come
 *    together cost much less than reads one after the other.
 * 2. Ticks that pass while a read is out or the process stands still are missed: the next one is in
 *    the future, at least half an interval after the last start. Nothing is made up for.
 */
#ifndef VD_SCHEDULE_H
#define VD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define VD_SCHEDULE_NONE UINT32_MAX

typedef struct vd_schedule_entry {
    int64_t due_us;
    uint32_t id;
} vd_schedule_entry_t;

typedef struct vd_schedule {
    uint32_t count, count_max;
    vd_schedule_entry_t *heap;
    uint32_t *place; /* of each id in the heap, + 1; 0: not in it */
} vd_schedule_t;

/* Room for the ids 0 to count_max - 1. False without memory. */
bool vd_schedule_init(vd_schedule_t *self, uint32_t count_max);
void vd_schedule_free(vd_schedule_t *self);
/* Sets when `id` is due, whether it was set before or not. */
void vd_schedule_set(vd_schedule_t *self, uint32_t id, int64_t due_us);
void vd_schedule_clear(vd_schedule_t *self, uint32_t id);
/* The id that is due first and when; VD_SCHEDULE_NONE when there is none. */
uint32_t vd_schedule_first(const vd_schedule_t *self, int64_t *due_us);

/* The first read of a source that is new: soon, spread over a tenth of a second. */
int64_t vd_schedule_soon(int64_t now_us, int64_t interval_us, uint64_t source_hash);
/* The next point of the grid after `now_us`, for a read that was last started at `started_us`. */
int64_t vd_schedule_next(int64_t now_us, int64_t started_us, int64_t interval_us,
                         uint64_t source_hash);

#endif
