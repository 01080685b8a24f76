/* availability.h: the collector of outages: what is up or down, since when, how often and for how
 * long, from the events of the observer that it reads.
 *
 * 1. A component is a thing that the other observer tells of: a service ("service/SOURCE/PROTOCOL/
 *    ADDRESS:PORT"), a member of a cluster ("member/NAME"), or that a cluster has a leader
 *    ("leader"). Which event says what of which is a row in rules.c.
 * 2. All times are those of the events that are read (of the snapshot, where events are missing),
 *    whenever this observer comes to read them.
 * 3. What is down for longer than `forget_after` is forgotten; it is found again when it is up.
 *    Beyond `components_max` nothing new is found.
 *
 * Events:
 *   component_found {component, at}                     up, as far as is known
 *   outage_began {component, at, reason}                reason: the event that told, or snapshot
 *   outage_ended {component, at, began, duration_ms}
 *   component_dropped {component, at, reason}           left (it is a member no more), or forgotten
 */
#ifndef VD_AVAILABILITY_H
#define VD_AVAILABILITY_H

#include "components.h"
#include "observer.h"

#define VD_AVAILABILITY_TABLE "observers.availability"

typedef struct vd_availability {
    int64_t forget_after_ms;
    uint32_t components_max;
    vd_components_t components; /* what the committed events say */
} vd_availability_t;

typedef enum vd_says { VD_SAYS_NOTHING, VD_SAYS_UP, VD_SAYS_DOWN, VD_SAYS_LEFT } vd_says_t;

/* rules.c: what an event says of which component, whose name goes into `name`. */
vd_says_t vd_availability_rule(const vd_sample_record_t *event, char *name, size_t name_size);

/* What a snapshot says of a component. */
typedef void vd_says_fn(void *arg, const char *name, vd_says_t says);
/* Tells what a snapshot says of the components that it mentions, and of those that are known and
 * that it would mention. False when it is of no form that is known. */
bool vd_availability_snapshot(const vd_components_t *known, const vd_sample_record_t *snapshot,
                              vd_says_fn *tell, void *arg);

/* availability_turn.c */
vd_status_t vd_availability_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);

extern const char vd_availability_layout[]; /* layout.json */
extern const vd_observer_t vd_availability_observer;

#endif
