/* sync_target.h: the observer of synchronization: where most public nodes stand, and whether all local ones
 * are there.
 *
 * 1. A node is a source as chainkit/pursuit.h takes it, whose label "group" is "local" or "public". It is
 *    reachable when one of its newest `unreachable_after` heads can be read; that head counts.
 * 2. The target is the head that more than half of the reachable public nodes have. While no head has so
 *    many, and until every public node has answered or failed, it stays what it was.
 * 3. A local node is there when its head is the target, or when its own branch has the target at the
 *    target's height; of a node that cannot be asked by height, when it knows the target's block. It
 *    stays there until it is `lost_after` blocks behind, on another branch, or unreachable.
 * 4. While not all of them are there, the progress is told, at the first target and then each
 *    `progress`.
 *
 * Events:
 *   target_changed {id, height, agreeing, reachable, previous}
 *   local_reached {node, id, height}                          id, height: its head
 *   local_lost {node, id, height, behind, reason}        behind, other_branch or unreachable;
 *                                                        again when that changes
 *   local_removed {node}
 *   sync_reached {id, height, nodes}                        the target; all local nodes are there
 *   sync_lost {id, height, missing}                         names, at most 64
 *   sync_progress {id, height, there, nodes, lowest}        lowest: of the reachable local heads
 */
#ifndef VD_SYNC_TARGET_H
#define VD_SYNC_TARGET_H

#include "chainkit/reader.h"
#include "observer.h"

#define VD_SYNC_TARGET_TABLE "observers.sync_target"
#define VD_SYNC_NODES_MAX    256
#define VD_SYNC_LISTED_MAX   64
#define VD_SYNC_REASON_SIZE  16
#define VD_SYNC_ID_SIZE      (VD_CHAIN_ID_DIGITS + 1)

/* A local node, by the events. */
typedef struct vd_sync_node {
    char name[VD_NAME_BYTES_MAX + 1];
    bool there;
    char reason[VD_SYNC_REASON_SIZE]; /* why it is not */
} vd_sync_node_t;

typedef struct vd_sync_known {
    char id[VD_SYNC_ID_SIZE]; /* the target; empty: none yet */
    uint64_t height;
    bool reached;
    int64_t told_ms; /* when progress was told; 0: never */
    uint32_t count;
    vd_sync_node_t nodes[VD_SYNC_NODES_MAX]; /* in the order of their names */
} vd_sync_known_t;

typedef struct vd_sync_target {
    char app[VD_NAME_BYTES_MAX + 1];
    int64_t interval_ms, deadline_ms, progress_ms;
    uint32_t unreachable_after;
    uint64_t lost_after;
    vd_sync_known_t known;
} vd_sync_target_t;

/* ---- sync_look.c: nodes as this moment's samples show them ---- */

typedef enum vd_sync_place {
    VD_SYNC_UNKNOWN, /* not answered yet */
    VD_SYNC_THERE,
    VD_SYNC_BEHIND,
    VD_SYNC_OTHER_BRANCH,
    VD_SYNC_UNREACHABLE,
} vd_sync_place_t;
/* "unknown", "there", "behind", ... */
const char *vd_sync_place_name(vd_sync_place_t place);

typedef struct vd_sync_look {
    vd_str_t name;
    bool local;
    const vd_reader_t *reader;
    const vd_sample_record_t *sample; /* of the head that counts; NULL: it is not reachable */
    bool silent;                      /* it failed often enough to be unreachable */
    char id[VD_SYNC_ID_SIZE];
    uint64_t height;
} vd_sync_look_t;

typedef struct vd_sync_looks {
    uint32_t count;
    vd_sync_look_t list[VD_SYNC_NODES_MAX];
    uint32_t locals, publics, reachable; /* reachable: of the public ones */
    bool complete;                       /* every public one has answered or failed */
    const vd_sync_look_t *target;        /* one of those that agree; NULL: no majority */
    uint32_t agreeing;
} vd_sync_looks_t;

/* The reader of a node of either group, whose name goes into `local`; NULL: it is none. */
const vd_reader_t *vd_sync_reader(const vd_sync_target_t *self, const vd_source_record_t *source,
                                  bool *local);
/* The question whether a node has the target on its branch; false: there is none. */
bool vd_sync_ask(const vd_sync_known_t *known, const vd_reader_t *reader, vd_ask_t *ask);
/* NULL without memory; to be freed. */
vd_sync_looks_t *vd_sync_looks(const vd_sync_target_t *self, const vd_samples_t *samples);
/* Where a local node stands to the known target. */
vd_sync_place_t vd_sync_place(const vd_sync_target_t *self, const vd_samples_t *samples,
                              const vd_sync_look_t *look);
/* NULL: it is not known. */
const vd_sync_node_t *vd_sync_node(const vd_sync_known_t *self, vd_str_t name);

/* sync_turn.c, sync_view.c */
vd_status_t vd_sync_turn(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
void vd_sync_view(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
extern const vd_query_row_t vd_sync_queries[];
vd_status_t vd_sync_query(const void *state, const vd_samples_t *samples, vd_str_t name,
                          vd_bytes_t args, vd_buffer_t *out);

extern const char vd_sync_target_layout[]; /* layout.json */
extern const vd_observer_t vd_sync_target_observer;

#endif
