/* lease.h: the lease of an actor at the broker, as a pure core.
 *
 * 1. REGISTER goes out at the start and then each LEASE_RENEW_MS, answered or not. While the broker
 *    is away they wait in the connection and arrive with its return; a broker of another
 *    incarnation thus knows this actor within one renewal.
 * 2. A connection that was silent for LEASE_MS is replaced, so that what waits in it does not pile
 *    up.
 * 3. The broker's absence is told once and is never fatal. At the end LEAVE goes out, and nothing
 *    waits for it.
 */
#ifndef VD_LEASE_H
#define VD_LEASE_H

#include "core/core.h"

#define VD_LEASE_PORT 1 /* connecting kind */

typedef struct vd_lease {
    /* Filled by the owner before the start; the strings and the array must outlive the core. */
    const char *name;
    const char *kind;
    uint64_t inc;
    uint64_t pid;
    vd_bytes_t endpoints; /* an array of endpoint records */
    const char *broker;   /* endpoint of the broker's control port */

    uint64_t broker_inc; /* 0: never heard */
    uint64_t correlation;
    int64_t heard_us; /* the last answer, or the last new connection */
    bool away;        /* the broker's absence has been told */
    bool registered;  /* at least once */
} vd_lease_t;

void vd_lease_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

#endif
