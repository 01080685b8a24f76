/* membership.h: who is there, what can be observed and who reads it, as a pure core: the broker's
 * rules.
 *
 * 1. REGISTER begins or renews a lease (LEASE_MS); another incarnation of a name replaces the one
 *    before. A lapsed lease marks an actor suspect and nothing more; one that stays suspect for
 *    SUSPECT_REMOVE_MS, with no death told, is removed. What is told (LEAVE, DIED) is acted on at
 *    once and cannot be undone by a late REGISTER of the dead.
 * 2. A provider announces its whole set in parts. What the complete set does not name has left. A
 *    set that is voided (a part missing, a bad row, no room) removes nothing. A set with an error
 *    and no source reports the error and keeps the last good set; so does the provider's end. The
 *    provider's row tells its age and error.
 * 3. Source names are unique over providers: the first holder keeps a name, the other's row tells
 *    the conflict. A name that comes back, or whose adapter or address changes, gets a new
 *    incarnation. A new broker gives a source that it hears of for the first time the incarnation
 *    that the old one gave it for the same reason.
 * 4. Sources are laid out over pollers (assignment.h). What a removed poller read gets another at
 *    once.
 * 5. The broker is soft state, rebuilt by its actors: for SETTLE_MS after its start it places
 *    nothing, so that the pollers can register; for LEASE_MS its feed says complete=false, and
 *    nothing is removed for silence and no source with a poller gets another, unless that poller's
 *    end is told. The first broker of a runtime has nothing to find again: it places at once, and
 *    lays out anew as pollers come.
 * 6. The feed "membership" tells actors, sources and providers; items are whole records and may be
 *    applied twice. A step publishes a bounded number of items; the rest follows in the next.
 * 7. All tables are fixed; what does not fit is answered with ERROR overloaded. The snapshot always
 *    fits into MEMBERSHIP_BYTES_MAX.
 */
#ifndef VD_MEMBERSHIP_H
#define VD_MEMBERSHIP_H

#include "core/core.h"

#include <stdbool.h>

enum { VD_MEMBERSHIP_CONTROL = 1, VD_MEMBERSHIP_PUB = 2 }; /* ports: ROUTER, PUB */

enum {
    VD_MEMBERSHIP_SUSPECT_REMOVE_MS = 30000,
    VD_MEMBERSHIP_SETTLE_MS = VD_LEASE_RENEW_MS + 250,
};

typedef struct vd_membership_config {
    const char *name; /* of the broker, which is an actor of the membership too */
    uint64_t inc;
    uint64_t pid;
    const char *control_endpoint;
    const char *membership_endpoint;
    uint64_t seed;
    bool first; /* the first broker of its runtime: nobody read anything before */
} vd_membership_config_t;

typedef struct vd_membership vd_membership_t;

/* NULL without memory. */
vd_membership_t *vd_membership_new(const vd_membership_config_t *config);
void vd_membership_destroy(vd_membership_t **self);
/* A vd_step_fn; `state` is the vd_membership_t. */
void vd_membership_step(void *state, vd_now_t now, const vd_input_t *input, vd_effects_t *effects);

/* How it stands: for logs and tests. */
uint32_t vd_membership_actors(const vd_membership_t *self);
uint32_t vd_membership_sources(const vd_membership_t *self);
/* Has the first lease after the start passed? */
bool vd_membership_complete(const vd_membership_t *self);

#endif
