/* roster.h: the sources that exist and the pollers that read them, as the broker's feed tells.
 *
 * 1. A snapshot that is not complete only adds: what is known stays until the broker knows
 *    everything.
 * 2. A poller that is gone or comes with a new incarnation is a reset of what is read through it,
 *    never an event.
 */
#ifndef VD_ROSTER_H
#define VD_ROSTER_H

#include "feed/feed.h"
#include "samples.h"

/* A poller. */
typedef struct vd_outlet {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t inc;
    char requests[VD_ENDPOINT_BYTES_MAX + 1];
    char samples[VD_ENDPOINT_BYTES_MAX + 1];
    bool marked; /* seen in the snapshot at hand */
    bool gone;   /* to be disconnected and forgotten */
    bool moved;  /* another incarnation or other endpoints than those connected to */

    /* What the transport knows (readings.c). */
    bool connected;
    bool dirty;        /* there are reads that do not stand */
    uint64_t standing; /* incarnation that answered last */
    int64_t out_us;    /* since when a STAND is unanswered; 0: none is */
} vd_outlet_t;

typedef struct vd_roster {
    vd_feed_reader_t reader;
    vd_samples_t *samples;
    uint32_t outlet_count;
    vd_outlet_t *outlets[VD_ACTORS_MAX];
    uint64_t changes;   /* grows with everything that touches sources or pollers */
    uint64_t malformed; /* records of the feed that were not understood */
} vd_roster_t;

void vd_roster_init(vd_roster_t *self, vd_samples_t *samples, uint16_t request_port,
                    uint16_t sub_port, uint32_t timer);
void vd_roster_free(vd_roster_t *self);
/* NULL when there is none of this name, or when it is going. */
vd_outlet_t *vd_roster_outlet(const vd_roster_t *self, vd_str_t name);
/* Takes the outlet out of the table and frees it. */
void vd_roster_forget(vd_roster_t *self, vd_outlet_t *outlet);

#endif
