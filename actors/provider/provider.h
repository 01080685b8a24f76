/* provider.h: tells the broker the whole set of sources, whenever it must, as a pure core.
 *
 * 1. A listing leaves as an effect DO of operation VD_PROVIDER_LIST and is completed with DONE and
 *    a vd_listing_t. One is out at a time.
 * 2. The set is announced when it has changed, when the broker is of another incarnation (found out
 *    by PING each LEASE_RENEW_MS), and each VD_PROVIDER_ANNOUNCE_MS anyhow. Parts go one at a time,
 *    each after the answer to the one before; a set that is not answered is begun again from its
 *    first part under the next number.
 * 3. An input DONE of operation VD_PROVIDER_CHANGED has the sources listed at once, or again when
 *    the listing that is out has ended.
 * 4. When a listing fails, the last good set is announced with its age and the error; without one,
 *    the error alone. It is tried again soon.
 */
#ifndef VD_PROVIDER_H
#define VD_PROVIDER_H

#include "core/core.h"
#include "listing.h"

enum { VD_PROVIDER_BROKER = 1 }; /* port, of a connecting kind */
/* Operations: LIST as an effect and its end; CHANGED as an input alone. */
enum { VD_PROVIDER_LIST = 1, VD_PROVIDER_CHANGED };
enum {
    VD_PROVIDER_ANNOUNCE_MS = 10000,
    VD_PROVIDER_ANSWER_MS = 3000,
    VD_PROVIDER_RETRY_MS = 2000, /* after a listing that failed, unless the refresh comes earlier */
};

typedef struct vd_provider {
    /* Filled by the owner before the start. */
    const char *name;
    uint64_t inc;
    const char *broker; /* endpoint of the broker's control port */
    int64_t refresh_us;
    vd_buffer_t sources; /* the last good set; initialized, empty */
    vd_buffer_t part;    /* scratch; initialized */

    bool listed;     /* there was a good set */
    bool listing;    /* a listing is out */
    bool again;      /* list again when it is back: there may be another set */
    bool announcing; /* a part is out */
    bool due;        /* a set should be announced */
    bool warned;
    int64_t good_us;  /* of the last good listing */
    int64_t list_us;  /* when to list again */
    int64_t told_us;  /* the last set was told completely */
    int64_t asked_us; /* the part that is out */
    int64_t heard_us;
    uint64_t broker_inc;
    uint64_t correlation; /* of the last message */
    uint64_t asked;       /* of the part that is out */
    uint64_t set, part_number;
    vd_bytes_t rest; /* rows that are still to be told */
    uint32_t rest_count;
    char error[VD_TEXT_BYTES_MAX + 1];
} vd_provider_t;

/* A vd_step_fn; `state` is the vd_provider_t. */
void vd_provider_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
