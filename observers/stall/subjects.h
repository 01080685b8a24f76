/* subjects.h: the state of the observer stall: what has to move, when it last did, and the longest it did
 * not.
 *
 * 1. A subject has one name: "tip", "final", or "node/" and the node's. They stand in the order of their
 *    names: equal states save to equal bytes.
 * 2. The tip is the greatest height that any node has had; it moves when that grows. What is final moves
 *    with its id. A node moves when its head changes.
 * 3. A gap runs from the last move on; of a node, while another one is above it, and from when that came
 *    to be so. 0: no gap runs.
 */
#ifndef VD_SUBJECTS_H
#define VD_SUBJECTS_H

#include "wire/limits.h"
#include "wire/run.h"
#include "wire/value.h"

#define VD_SUBJECTS_MAX      258 /* tip, final, and nodes */
#define VD_SUBJECT_NAME_SIZE (VD_NAME_BYTES_MAX + 8)
#define VD_SUBJECT_TIP       "tip"
#define VD_SUBJECT_FINAL     "final"
#define VD_SUBJECT_NODE      "node/"

typedef struct vd_subject {
    char name[VD_SUBJECT_NAME_SIZE];
    uint64_t height;
    int64_t moved_ms; /* when it last moved */
    int64_t since_ms; /* from when on its gap runs; 0: none does */
    bool stalled;
    uint64_t stalls;
    uint64_t worst_ms;      /* the longest gap that has ended, or was told as a stall */
    int64_t worst_since_ms; /* when that began */
} vd_subject_t;

typedef struct vd_subjects {
    uint32_t count;
    vd_subject_t list[VD_SUBJECTS_MAX];
} vd_subjects_t;

bool vd_subject_is_node(const vd_subject_t *self);
/* NULL when there is none of this name. */
const vd_subject_t *vd_subjects_find(const vd_subjects_t *self, vd_str_t name);
/* The greatest height of a node now; 0 without nodes. */
uint64_t vd_subjects_best(const vd_subjects_t *self);
/* What an event of this observer says. Others, and what does not fit, change nothing. */
void vd_subjects_apply(vd_subjects_t *self, const vd_event_t *event);

/* One subject as a map, its times as texts. */
void vd_subject_write(vd_buffer_t *out, const vd_subject_t *subject);
/* All of them as an array, and back into an empty table. */
void vd_subjects_save(const vd_subjects_t *self, vd_buffer_t *out);
vd_status_t vd_subjects_load(vd_subjects_t *self, const vd_value_t *array);

#endif
