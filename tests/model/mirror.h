/* mirror.h: the collector of the model: it says again what the observer tally says.
 *
 * 1. Each event of the other observer is one of its own, which names the sequence of that one (0: it
 *    comes from a snapshot); so one that is passed over or taken twice shows.
 */
#ifndef VD_MODEL_MIRROR_H
#define VD_MODEL_MIRROR_H

#include "observers/observer.h"

enum { MIRROR_SOURCES_MAX = 16 };

typedef struct vd_mirror_row {
    char source[VD_NAME_BYTES_MAX + 1];
    uint64_t value;
} vd_mirror_row_t;

typedef struct vd_mirror {
    vd_mirror_row_t rows[MIRROR_SOURCES_MAX]; /* by name */
    uint32_t count;
    uint64_t events;
} vd_mirror_t;

extern const vd_observer_t vd_mirror_observer;

#endif
