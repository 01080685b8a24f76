/* membership_parts.h: what the files of the membership core share; for them alone.
 *
 * 1. members.c knows actors and leases, announce.c providers and their sets, tell.c what the feed
 *    says of them, membership.c when each of them is called.
 * 2. A change marks its record dirty; nothing but tell.c publishes.
 */
#ifndef VD_MEMBERSHIP_PARTS_H
#define VD_MEMBERSHIP_PARTS_H

#include "assignment.h"
#include "feed/feed.h"
#include "membership.h"
#include "source_table.h"

/* How the bytes of a snapshot are shared out; the rest is for providers. */
#define VD_SOURCES_BYTES_MAX (VD_MEMBERSHIP_BYTES_MAX / 8 * 7)
#define VD_MEMBERS_BYTES_MAX (VD_MEMBERSHIP_BYTES_MAX / 32 * 3)

#define VD_DEAD_MAX             128
#define VD_PROVIDER_ERROR_BYTES 256
#define VD_ITEMS_PER_STEP_MAX   128
#define VD_MEMBER_NONE          (-1)

typedef struct vd_member_endpoint {
    char port[VD_NAME_BYTES_MAX + 1];
    char endpoint[VD_ENDPOINT_BYTES_MAX + 1];
} vd_member_endpoint_t;

typedef struct vd_member {
    bool used;
    bool own; /* the broker itself: without a lease */
    bool suspect;
    bool dirty;
    char name[VD_NAME_BYTES_MAX + 1];
    char kind[VD_NAME_BYTES_MAX + 1];
    uint64_t inc, pid;
    int64_t deadline_us; /* of the lease; of the removal when suspect */
    uint32_t bytes;
    uint32_t endpoint_count;
    vd_member_endpoint_t endpoints[VD_ENDPOINTS_PER_ACTOR_MAX];
} vd_member_t;

/* Someone whose end was told; late words of it count for nothing. */
typedef struct vd_dead {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t inc; /* 0: was not known */
    uint64_t pid;
    int64_t at_us;
} vd_dead_t;

typedef struct vd_provider_row {
    bool used;
    bool dirty;
    bool open; /* a set is being announced */
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t inc;
    uint64_t set, part; /* the open set and its next part */
    uint64_t mark;      /* what its sources carry */
    uint32_t sources;
    int64_t good_us; /* when the last good set was true; 0: never */
    char error[VD_PROVIDER_ERROR_BYTES];
    char conflict[VD_PROVIDER_ERROR_BYTES]; /* of the open set */
} vd_provider_row_t;

struct vd_membership {
    uint64_t inc;
    uint64_t seed;
    uint64_t removals; /* sources that left, ever */
    uint64_t mark;
    int64_t started_us;
    bool started;
    bool first; /* as configured */
    bool complete;
    bool layout_due;
    uint32_t member_count;
    uint32_t member_bytes;
    uint32_t dead_at;
    uint32_t dirty_sources;
    vd_member_t *members; /* ACTORS_MAX */
    vd_provider_row_t *providers;
    vd_dead_t dead[VD_DEAD_MAX];
    vd_source_table_t sources;
    vd_assignment_t *assignment;
    vd_assign_source_t *layout;
    vd_assign_poller_t *pollers;
    int32_t *poller_members; /* place among pollers -> member */
    vd_feed_publisher_t feed;
    vd_buffer_t scratch, rows, item;
};

/* members.c */
bool vd_members_add_own(vd_membership_t *self, const vd_membership_config_t *config);
void vd_members_register(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                         vd_effects_t *effects);
void vd_members_leave(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                      vd_effects_t *effects);
void vd_members_died(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                     vd_effects_t *effects);
/* Marks and removes what is overdue, a bounded number. Returns when to look again, INT64_MAX for
 * never. */
int64_t vd_members_lapse(vd_membership_t *self, vd_now_t now, vd_effects_t *effects);
/* Lays out sources over pollers. */
void vd_members_layout(vd_membership_t *self);

/* announce.c */
void vd_announce(vd_membership_t *self, vd_now_t now, const vd_input_t *input,
                 vd_effects_t *effects);
/* The provider `name` has ended as `how` says. */
void vd_announce_provider_ended(vd_membership_t *self, const char *name, const char *how);

/* tell.c */
void vd_tell_member_gone(vd_membership_t *self, const vd_member_t *member, const char *reason,
                         vd_effects_t *effects);
/* Publishes what is dirty, a bounded number. Returns whether all is told. */
bool vd_tell_changes(vd_membership_t *self, vd_now_t now, vd_effects_t *effects);
/* Writes the snapshot. */
void vd_tell_snapshot(vd_membership_t *self, vd_now_t now, vd_buffer_t *out);
void vd_mark_source_dirty(vd_membership_t *self, vd_source_t *source);

#endif
