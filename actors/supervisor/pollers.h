/* pollers.h: how many sources there are, as the broker's membership tells it.
 *
 * 1. Names are kept as 64-bit hashes in an open table; the number is all that is asked for.
 * 2. Beyond SOURCES_MAX nothing is added: the number of pollers has long reached its bound.
 */
#ifndef VD_SUPERVISOR_POLLERS_H
#define VD_SUPERVISOR_POLLERS_H

#include "core/core.h"

#define VD_SOURCES_SLOTS 32768 /* a power of two, twice SOURCES_MAX */

typedef struct vd_sources {
    uint64_t *slots; /* 0: free */
    uint32_t count;
} vd_sources_t;

/* False without memory. */
bool vd_sources_init(vd_sources_t *self);
void vd_sources_free(vd_sources_t *self);
void vd_sources_clear(vd_sources_t *self);
void vd_sources_add(vd_sources_t *self, vd_str_t name);
void vd_sources_remove(vd_sources_t *self, vd_str_t name);

#endif
