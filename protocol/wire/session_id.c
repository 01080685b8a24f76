/* session_id.c: makes ids of sessions. */
#include "wire/session_id.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBER_MAX ((UINT64_C(1) << 48) - 1)
#define FIRST_MASK ((UINT64_C(1) << 47) - 1) /* leaves room for the steps of a millisecond */
#define STEP_MASK  ((UINT64_C(1) << 30) - 1)

void vd_session_id_next(vd_session_ids_t *self, int64_t wall_ms, uint64_t random,
                        char out[VD_SESSION_ID_SIZE])
{
    assert(self != NULL && out != NULL);
    uint64_t step = 1 + (random & STEP_MASK);
    if (wall_ms > self->last_ms) {
        self->last_ms = wall_ms;
        self->last = random & FIRST_MASK;
    } else if (self->last + step <= NUMBER_MAX) {
        self->last += step;
    } else {
        self->last_ms++;
        self->last = random & FIRST_MASK;
    }
    char ts[VD_TS_SIZE];
    vd_ts_format(self->last_ms, ts);
    size_t size = 0;
    for (const char *at = ts; *at != 0; at++)
        if (*at != '-' && *at != ':' && *at != '.')
            out[size++] = *at;
    int written = snprintf(out + size, VD_SESSION_ID_SIZE - size, "-%012" PRIx64, self->last);
    assert(size + (size_t)written == VD_SESSION_ID_SIZE - 1);
    (void)written;
}
