/* written.h: what the writing thread has written since the process began, and how long it took.
 *
 * 1. Both ends may be used at any time, each from any thread.
 */
#ifndef VD_WRITTEN_H
#define VD_WRITTEN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define VD_WRITTEN_TIMES 1024 /* writes of which the time is kept */

typedef struct vd_written {
    pthread_mutex_t lock;
    uint64_t commits, events, failures;
    uint64_t timed; /* of all commits; the newest VD_WRITTEN_TIMES are kept */
    uint32_t times_us[VD_WRITTEN_TIMES];
} vd_written_t;

#define VD_WRITTEN_NONE                                                                            \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

typedef struct vd_written_figures {
    uint64_t commits, events, failures;
    uint64_t us_p50, us_p99; /* of a write with its sync; 0: none yet */
} vd_written_figures_t;

/* A write of so many events has ended after so long. */
void vd_written_note(vd_written_t *self, bool good, uint64_t events, uint64_t us);
void vd_written_read(vd_written_t *self, vd_written_figures_t *figures);

#endif
