/* members.h: the state of the observer raft: what the committed events say of a cluster.
 *
 * 1. Members stand in the order of their names: equal states save to equal bytes.
 * 2. vd_raft_members_apply is the only function that changes it; one row of a table for each type.
 */
#ifndef VD_RAFT_MEMBERS_H
#define VD_RAFT_MEMBERS_H

#include "voice.h"

typedef struct vd_raft_member {
    char name[VD_NAME_BYTES_MAX + 1];
    char id[VD_RAFT_ID_SIZE]; /* empty: it has never said it */
    bool unreachable;
    char since[VD_TS_SIZE];    /* when it joined, was lost or recovered */
    char heard_at[VD_TS_SIZE]; /* while unreachable: when it was heard last; empty: never */
} vd_raft_member_t;

typedef struct vd_raft_members {
    uint32_t count, room;
    vd_raft_member_t *list;
    uint64_t term;                      /* of the cluster; 0: none known */
    char leader[VD_NAME_BYTES_MAX + 1]; /* empty: none is agreed */
    uint64_t leader_term;
    char leader_since[VD_TS_SIZE]; /* when it was elected, or the one before it lost */
    char previous[VD_NAME_BYTES_MAX + 1];
    bool split;
    char split_since[VD_TS_SIZE];
} vd_raft_members_t;

/* NULL when there is none of this name. */
const vd_raft_member_t *vd_raft_member(const vd_raft_members_t *self, vd_str_t name);
/* How many are not unreachable. */
uint32_t vd_raft_reachable(const vd_raft_members_t *self);
/* The least number of members that is a majority. */
uint32_t vd_raft_majority(const vd_raft_members_t *self);
/* Applies an event; those of other observers are ignored. */
void vd_raft_members_apply(vd_raft_members_t *self, const vd_event_t *event);
/* A copy of its own. False without memory. */
bool vd_raft_members_copy(const vd_raft_members_t *self, vd_raft_members_t *copy);
void vd_raft_members_save(const vd_raft_members_t *self, vd_buffer_t *out);
/* Into an empty state. */
vd_status_t vd_raft_members_load(vd_raft_members_t *self, vd_bytes_t value);
void vd_raft_members_free(vd_raft_members_t *self);

#endif
