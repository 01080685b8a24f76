/* frames.h: the ring of frames that a producer has taken and that have no outcome yet.
 *
 * 1. Frames are in the order in which they were taken; place 0 is the oldest. A frame's bytes never
 *    wrap.
 * 2. A frame that was rejected while older ones are still open keeps its session, and the reason
 *    where its other bytes were, which are needed no more.
 * 3. Allocates in vd_frames_init only.
 */
#ifndef VD_EMIT_FRAMES_H
#define VD_EMIT_FRAMES_H

#include "emit/emit.h"

typedef struct vd_frame {
    uint64_t token;
    uint64_t first; /* number of its first event; 0: has none yet, or none any more */
    uint32_t count;
    vd_status_t status; /* VD_OK, or why it was rejected */
    uint64_t seq;       /* rejected with VD_EXISTS: where the record stands */
    uint32_t at;        /* its bytes in the ring: session, record, run */
    uint32_t room;
    uint32_t session_size;
    uint32_t record_size;
    uint32_t run_size;
    uint32_t text_size; /* of the reason, once rejected */
} vd_frame_t;

typedef struct vd_frames {
    vd_frame_t *list; /* ring of VD_EMIT_FRAMES_MAX */
    uint32_t head;
    uint32_t count;
    uint8_t *bytes; /* ring of `bytes_max` */
    uint32_t bytes_max;
    uint32_t write_at;
} vd_frames_t;

/* False without memory. */
bool vd_frames_init(vd_frames_t *self, uint32_t bytes_max);
void vd_frames_free(vd_frames_t *self);
/* Takes a copy of a frame, with no number; `record` may be empty. NULL when it does not fit. */
vd_frame_t *vd_frames_put(vd_frames_t *self, vd_str_t session, vd_str_t record, vd_bytes_t run,
                          uint32_t count, uint64_t token);
/* The frame at `place` (< count). */
vd_frame_t *vd_frames_at(const vd_frames_t *self, uint32_t place);
/* Removes the oldest frame. */
void vd_frames_pop(vd_frames_t *self);
vd_str_t vd_frames_session(const vd_frames_t *self, const vd_frame_t *frame);
vd_str_t vd_frames_record(const vd_frames_t *self, const vd_frame_t *frame);
vd_bytes_t vd_frames_run(const vd_frames_t *self, const vd_frame_t *frame);
/* Marks a frame as rejected; `text` is cut to what fits. The first reason stays. */
void vd_frames_reject(vd_frames_t *self, vd_frame_t *frame, vd_status_t status, uint64_t seq,
                      vd_str_t text);
vd_str_t vd_frames_text(const vd_frames_t *self, const vd_frame_t *frame);

#endif
