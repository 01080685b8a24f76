/* raft.h: the observer of one Raft cluster: who its members are, who leads, and whether they agree.
 *
 * 1. A member is a source of adapter http whose labels match `selector`; its label `reader` says in
 *    which form it tells its state. One observer watches one cluster.
 * 2. What a member says (its voice) is its newest good sample among its newest `unreachable_after`
 *    ones. A sample is good when the read was, and its content is what the reader expects. A member
 *    is silent when it has so many samples and none is good.
 * 3. The term of the cluster is the highest one that a member claims to lead in, or that a majority
 *    of the members knows. One member alone that has run ahead changes nothing.
 * 4. The agreed leader is the one member that itself claims to lead in the term of the cluster,
 *    while it is not unreachable, and neither are so many others that no majority is left. What
 *    others say of a leader never counts.
 * 5. Everything that is told follows from the state and the samples: the same ones again tell
 *    nothing.
 *
 * Events:
 *   member_joined {member, id, reader}         its first voice, or its first silence (id null)
 *   member_left {member, id, reason}           removed (no source) or replaced (another id)
 *   member_unreachable {member, samples, error, heard_at}
 *   member_recovered {member, id}              `recovered_after` good samples in a row
 *   term_advanced {term, previous}
 *   term_reset {term, previous}                the cluster was made anew: all are in lower terms
 *   leader_lost {leader, term, reason}         removed, unreachable, quorum, new_term, stepped_down
 *                                              or split
 *   leader_elected {leader, term, previous}    previous: who led before, or null
 *   split_brain_suspected {reason, claims}     same_term, or sustained for `split_after` samples
 *   split_brain_ended {claims}
 * A change of the leader is always leader_lost and then leader_elected, in one turn if both are
 * known.
 */
#ifndef VD_RAFT_H
#define VD_RAFT_H

#include "members.h"
#include "observer.h"

#define VD_RAFT_LABELS_MAX 8
#define VD_RAFT_TABLE      "observers.raft"

typedef struct vd_raft_label {
    char key[VD_NAME_BYTES_MAX + 1];
    char value[VD_NAME_BYTES_MAX + 1];
} vd_raft_label_t;

typedef struct vd_raft {
    vd_raft_label_t labels[VD_RAFT_LABELS_MAX]; /* all have to match */
    uint32_t label_count;
    int64_t interval_ms;
    int64_t deadline_ms;
    uint32_t unreachable_after;
    uint32_t recovered_after;
    uint32_t split_after;
    vd_raft_members_t members; /* what the committed events say */
} vd_raft_t;

/* raft_turn.c, raft_view.c */
vd_status_t vd_raft_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_raft_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
/* "leader": the agreed leader's row, or nil. "member" [name]: the row of a member. "members":
 * all. */
vd_status_t vd_raft_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                          vd_bytes_t args, vd_buffer_t *out);

extern const char vd_raft_layout[]; /* layout.json */
extern const vd_observer_t vd_raft_observer;

#endif
