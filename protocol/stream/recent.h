/* recent.h: the newest commits in memory, encoded once as they stand in the payload of COMMITS.
 *
 * 1. What is held has no hole: commits lowest..head, in order. The newest push the oldest out, so
 *    that not more than `bytes_max` is held; a commit that is larger alone is not held at all.
 * 2. One thread writes (begin, add) and another may read meanwhile. A commit that was taken lives
 *    until it is released, whatever is written.
 * 3. Whoever reads a source beside it fills it after the source shows a commit: it never leads the
 *    source. It is begun again, behind the newest commit, when what it holds changes elsewhere: a
 *    session was pruned, the store was opened again.
 */
#ifndef VD_RECENT_H
#define VD_RECENT_H

#include "core/shared.h"
#include "stream/publisher.h"

#define VD_RECENT_BYTES_DEFAULT ((size_t)32 * 1024 * 1024)

typedef struct vd_recent vd_recent_t;

/* A commit that is held. */
typedef struct vd_recent_commit {
    vd_commit_t commit;   /* its runs point into the bytes */
    uint32_t before;      /* chain of the commit before it; 0: not known */
    vd_shared_t *bytes;   /* its value as it stands in the payload of COMMITS */
    uint64_t events;      /* that are there */
    uint64_t event_bytes; /* of them, as credit counts them */
} vd_recent_commit_t;

/* Makes an empty memory that knows no store. NULL without memory. */
vd_recent_t *vd_recent_new(size_t bytes_max);
void vd_recent_destroy(vd_recent_t **self);

/* ---- by the writing thread ---- */

/* Forgets everything; the next commit will be the one behind `index`, whose chain is `chain`. */
void vd_recent_begin(vd_recent_t *self, const char *store, uint64_t index, uint32_t chain);
/* Adds a copy of `commit`, the newest, absent runs and all. One that does not follow on the head is
 * a new beginning: what was held is forgotten. Without memory, or when it is too large, the memory
 * begins behind it; false then. */
bool vd_recent_add(vd_recent_t *self, const vd_commit_t *commit);

/* ---- by the reading thread ---- */

/* What is held: `first` is the lowest commit, 0 when there is none; head 0: nothing is known. */
void vd_recent_tail(vd_recent_t *self, vd_stream_tail_t *tail);
/* The chain of commit `index`, from the one before the lowest to the head. VD_OK, VD_NOT_FOUND
 * (beyond the head) or VD_PRUNED (no longer known). */
vd_status_t vd_recent_chain(vd_recent_t *self, uint64_t index, uint32_t *chain);
/* The commit `index`, to be released; NULL when it is not held. */
const vd_recent_commit_t *vd_recent_take(vd_recent_t *self, uint64_t index);
/* Lets go and nulls the caller's pointer. */
void vd_recent_release(const vd_recent_commit_t **commit);
/* Bytes that are held now. */
size_t vd_recent_bytes(vd_recent_t *self);

#endif
