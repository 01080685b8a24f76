/* joiner.h: puts a commit together again that came in pieces, cut by the credit or the size of
 * frames.
 *
 * 1. Pieces come in order, each where the one before ended. A run that was cut is one run again, so
 *    that the chain of the commit can be checked.
 * 2. Everything is copied: the pieces need not live on.
 */
#ifndef VD_RELAY_JOINER_H
#define VD_RELAY_JOINER_H

#include "wire/commit.h"

/* Runs and bytes of the largest commit there can be, with some absent runs cut once more. */
#define VD_JOINER_RUNS_MAX  (2u * VD_COMMIT_FRAMES_MAX)
#define VD_JOINER_BYTES_MAX (8u * 1024 * 1024)

typedef struct vd_joiner vd_joiner_t;

/* NULL without memory. */
vd_joiner_t *vd_joiner_new(void);
void vd_joiner_destroy(vd_joiner_t **self);
/* Forgets what it has. */
void vd_joiner_clear(vd_joiner_t *self);
/* Has it a piece? Then of which commit. */
bool vd_joiner_open(const vd_joiner_t *self, uint64_t *index);
/* Adds a piece. VD_OK; VD_MALFORMED when it does not follow on what is there; VD_TOO_LARGE. */
vd_status_t vd_joiner_add(vd_joiner_t *self, const vd_commit_t *piece);
/* The commit, whole, with what was added. It lives until the joiner is used again. */
const vd_commit_t *vd_joiner_commit(vd_joiner_t *self);

#endif
