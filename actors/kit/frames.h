/* frames.h: one multipart message in zmq_msg_t parts, received and sent without waiting.
 *
 * 1. Views into received parts live until vd_frames_close.
 * 2. A message of more parts than FRAMES_MAX is taken off the socket whole and marked `excess`.
 */
#ifndef VD_FRAMES_H
#define VD_FRAMES_H

#include "core/core.h"

#include <zmq.h>

enum { VD_FRAMES_PARTS_MAX = 4 }; /* topic or identity, header, body, payload */

typedef struct vd_frames {
    uint32_t count;
    bool excess;
    zmq_msg_t parts[VD_FRAMES_PARTS_MAX];
} vd_frames_t;

/* Takes the next message of `socket` (a ZeroMQ handle). False when there is none. */
bool vd_frames_receive(void *socket, vd_frames_t *frames);
void vd_frames_close(vd_frames_t *frames);
/* Part `at`; empty when there is none. */
vd_bytes_t vd_frames_part(vd_frames_t *frames, uint32_t at);
/* Sends first (left out when NULL), header, body and, unless empty, payload. False when it cannot
 * be sent now. */
bool vd_frames_send(void *socket, const vd_bytes_t *first, vd_bytes_t header, vd_bytes_t body,
                    vd_bytes_t payload);
/* The same with a payload that is not copied: `held` lets go of it, once, when it went out or was
 * thrown away, in any thread, and also when this returns false. */
typedef struct vd_frames_held {
    zmq_free_fn *let_go; /* (payload, hint) */
    void *hint;
} vd_frames_held_t;
bool vd_frames_send_held(void *socket, const vd_bytes_t *first, vd_bytes_t header, vd_bytes_t body,
                         vd_bytes_t payload, const vd_frames_held_t *held);

#endif
