/* history.h: checks the committed history as it is read, commit by commit.
 *
 * 1. Every commit comes, in order, cut into pieces as frames cut them, and all runs of it. What is
 *    taken here was read from the store, not from anybody's memory.
 * 2. Of VD_HISTORY_SESSIONS_MAX sessions it knows how far they are; beyond, the one that is over, or
 *    else was silent longest, is forgotten. What comes of one that is not known is unknown, not
 *    violated, unless all there ever was has been read.
 * 3. It remembers the chains of the newest VD_HISTORY_CHAINS commits, so that what others say of
 *    them can be compared.
 * 4. A frame in which a run has no valid id of a session is not taken, but for the run of a commit of
 *    which nothing can be read.
 * 5. After a violation it goes on from what it was told: each defect is found once.
 */
#ifndef VD_AUDITOR_HISTORY_H
#define VD_AUDITOR_HISTORY_H

#include "book.h"
#include "wire/chain.h"
#include "wire/commit.h"

#define VD_HISTORY_SESSIONS_MAX 4096u
#define VD_HISTORY_CHAINS       65536u

typedef struct vd_history vd_history_t;

/* An event of the session that is watched, and of any session one that begins or ends it. `event`'s
 * data is read with vd_event_read. */
typedef void vd_history_fn(void *arg, vd_str_t session, uint64_t seq, uint64_t index, vd_str_t type,
                           const vd_entry_t *entry);

/* NULL without memory. The book must outlive it. */
vd_history_t *vd_history_new(vd_book_t *book, vd_history_fn *seen, void *arg);
void vd_history_destroy(vd_history_t **self);
/* Begins, behind a position. `known`: its chain is; `all`: nothing was ever committed before. What
 * was known is forgotten. */
void vd_history_begin(vd_history_t *self, const vd_position_t *position, bool known, bool all);
/* Has the events of this session told. It is the runtime's: by which one it is continued is held to
 * be true, while users may write of theirs what they like. */
void vd_history_watch(vd_history_t *self, const char *session);
/* Was every event of it there, as far as it was read? */
bool vd_history_watched_whole(const vd_history_t *self);
/* Was the beginning of this session seen? */
bool vd_history_has_begun(const vd_history_t *self, const char *session);
/* Takes what a COMMITS frame brings, which leads on from the position. False when the frame does not:
 * it is not the answer to what was asked. */
bool vd_history_take(vd_history_t *self, const vd_commits_body_t *body, vd_bytes_t payload);

/* Everything up to here was checked. */
const vd_position_t *vd_history_position(const vd_history_t *self);
/* The chain of a commit. False where it is not remembered, or not known. */
bool vd_history_chain(const vd_history_t *self, uint64_t index, uint32_t *chain);
/* Commits and events that were checked, over all beginnings. */
uint64_t vd_history_commits(const vd_history_t *self);
uint64_t vd_history_events(const vd_history_t *self);
/* Sessions that are known, and how many were forgotten for want of room. */
uint32_t vd_history_sessions(const vd_history_t *self);
uint64_t vd_history_forgotten(const vd_history_t *self);

#endif
