/* written.c: figures of the writing thread. */
#include "written.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void vd_written_note(vd_written_t *self, bool good, uint64_t events, uint64_t us)
{
    assert(self != NULL);
    pthread_mutex_lock(&self->lock);
    if (good) {
        self->commits++;
        self->events += events;
        self->times_us[self->timed++ % VD_WRITTEN_TIMES] =
            us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    } else {
        self->failures++;
    }
    pthread_mutex_unlock(&self->lock);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

void vd_written_read(vd_written_t *self, vd_written_figures_t *figures)
{
    uint32_t times[VD_WRITTEN_TIMES];
    pthread_mutex_lock(&self->lock);
    uint64_t count = self->timed < VD_WRITTEN_TIMES ? self->timed : VD_WRITTEN_TIMES;
    memcpy(times, self->times_us, count * sizeof *times);
    *figures = (vd_written_figures_t){
        .commits = self->commits, .events = self->events, .failures = self->failures};
    pthread_mutex_unlock(&self->lock);
    if (count == 0)
        return;
    qsort(times, count, sizeof *times, compare);
    figures->us_p50 = times[(count - 1) / 2];
    figures->us_p99 = times[(count - 1) * 99 / 100];
}
