/* frame.h: fills one COMMITS frame: commits after a place, cut by filter, credit and size.
 *
 * 1. A place is a position without its store. Filling moves the place behind what was looked at,
 *    whether it matched or not.
 * 2. The first event of a frame always fits; every further one only within all limits. Absent runs
 *    cost no credit, only room, and pass every filter of types.
 * 3. A commit that memory holds, that no filter cuts and that fits is taken as it stands there; a
 *    frame of one such commit is its bytes, without a copy.
 * 4. Without a filter every commit is given, those without events too (they are free): the chain
 *    can be checked from one to the next.
 */
#ifndef VD_STREAM_FRAME_H
#define VD_STREAM_FRAME_H

#include "stream/recent.h"

typedef struct vd_place {
    uint64_t index;
    uint64_t offset;
    uint32_t chain;
} vd_place_t;

/* What may go into the frame. */
typedef struct vd_frame_want {
    const char *session; /* empty: all */
    const char *type;    /* glob; empty: all */
    uint64_t items_max;  /* above 0 */
    uint64_t bytes_max;  /* of events; above 0 */
    uint32_t commits_max;
} vd_frame_want_t;

/* Where commits come from. */
typedef struct vd_frame_from {
    const vd_stream_source_t *source; /* NULL: from memory alone */
    void *arg;
    vd_recent_t *recent;          /* looked at first; NULL: there is none */
    const vd_stream_tail_t *tail; /* nothing behind its head is given */
} vd_frame_from_t;

/* Commits whose cut is remembered: so many readers may be in the middle of a large one. */
#define VD_FRAME_CUTS 4

/* Where a run was cut: what comes before it need not be walked over once more. */
typedef struct vd_frame_cut {
    uint64_t index;
    uint32_t chain;  /* 0: none */
    uint64_t run_at; /* the run, which may be a piece of what the commit has */
    uint32_t run_count;
    uint64_t at;  /* the place of the event at which it was cut */
    size_t bytes; /* of the run before that */
} vd_frame_cut_t;

typedef struct vd_frame {
    vd_buffer_t payload;
    vd_shared_t *alone; /* in place of the payload: one commit as memory has it */
    uint32_t commits;
    uint64_t events;
    uint64_t bytes;     /* of events */
    bool cut_by_credit; /* more would have fitted */
    uint32_t reads;     /* commits looked at */
    size_t scanned;     /* bytes looked at */
    vd_frame_cut_t cuts[VD_FRAME_CUTS];
    uint32_t cut_next;
    vd_commit_run_t pieces[VD_COMMIT_PIECES_MAX];
    char error[VD_TEXT_BYTES_MAX];
} vd_frame_t;

void vd_frame_init(vd_frame_t *self);
void vd_frame_free(vd_frame_t *self);
/* Makes the frame empty. */
void vd_frame_clear(vd_frame_t *self);
/* Fills the frame and moves `place`. VD_OK (also with no event in it); VD_CORRUPT or VD_PRUNED, with
 * text in `error`, when the stream cannot go on behind `place`; any other status: not now. A commit
 * of which nothing can be read is told as such (wire/commit.h law 4). */
vd_status_t vd_frame_fill(vd_frame_t *self, const vd_frame_from_t *from,
                          const vd_frame_want_t *want, vd_place_t *place);
/* The payload as bytes that the caller then holds; the frame stays as it is. NULL without memory. */
vd_shared_t *vd_frame_take(const vd_frame_t *self);

#endif
