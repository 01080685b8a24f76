/* frames.c: multipart messages on ZeroMQ handles. */
#include "kit/frames.h"

#include <assert.h>

static void drop_rest(void *socket)
{
    zmq_msg_t part;
    bool more = true;
    while (more) {
        zmq_msg_init(&part);
        more = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
}

bool vd_frames_receive(void *socket, vd_frames_t *frames)
{
    assert(socket != NULL && frames != NULL);
    frames->count = 0;
    frames->excess = false;
    for (bool more = true; more;) {
        if (frames->count == VD_FRAMES_PARTS_MAX) {
            frames->excess = true;
            drop_rest(socket);
            return true;
        }
        zmq_msg_t *part = &frames->parts[frames->count];
        zmq_msg_init(part);
        if (zmq_msg_recv(part, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(part);
            /* Messages are atomic: only the first part can be missing, unless memory is. */
            vd_frames_close(frames);
            return false;
        }
        frames->count++;
        more = zmq_msg_more(part) != 0;
    }
    return true;
}

void vd_frames_close(vd_frames_t *frames)
{
    assert(frames->count <= VD_FRAMES_PARTS_MAX);
    for (uint32_t at = 0; at < frames->count; at++)
        zmq_msg_close(&frames->parts[at]);
    frames->count = 0;
}

vd_bytes_t vd_frames_part(vd_frames_t *frames, uint32_t at)
{
    assert(frames->count <= VD_FRAMES_PARTS_MAX);
    if (at >= frames->count)
        return vd_bytes(NULL, 0);
    return vd_bytes(zmq_msg_data(&frames->parts[at]), zmq_msg_size(&frames->parts[at]));
}

static bool send_part(void *socket, vd_bytes_t part, const vd_frames_held_t *held, int flags)
{
    zmq_msg_t message;
    if (held == NULL)
        return zmq_send(socket, part.data, part.size, flags) >= 0;
    if (zmq_msg_init_data(&message, (void *)(uintptr_t)part.data, part.size, held->let_go,
                          held->hint) != 0) {
        held->let_go((void *)(uintptr_t)part.data, held->hint);
        return false;
    }
    if (zmq_msg_send(&message, socket, flags) >= 0)
        return true;
    zmq_msg_close(&message);
    return false;
}

static bool send_parts(void *socket, const vd_bytes_t *parts, int count,
                       const vd_frames_held_t *last)
{
    bool whole = true;
    for (int at = 0; at < count; at++) {
        bool more = at + 1 < count;
        int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
        if (send_part(socket, parts[at], more ? NULL : last, flags))
            continue;
        if (at == 0) {
            if (more && last != NULL)
                last->let_go((void *)(uintptr_t)parts[count - 1].data, last->hint);
            return false;
        }
        /* The connection went away between two parts: the socket now swallows parts up to the end
         * of the message, so the end has to be sent, or it would swallow the next message. */
        whole = false;
    }
    return whole;
}

bool vd_frames_send(void *socket, const vd_bytes_t *first, vd_bytes_t header, vd_bytes_t body,
                    vd_bytes_t payload)
{
    assert(socket != NULL && header.size > 0 && body.size > 0);
    vd_bytes_t parts[VD_FRAMES_PARTS_MAX];
    int count = 0;
    if (first != NULL)
        parts[count++] = *first;
    parts[count++] = header;
    parts[count++] = body;
    if (payload.size > 0)
        parts[count++] = payload;
    return send_parts(socket, parts, count, NULL);
}

bool vd_frames_send_held(void *socket, const vd_bytes_t *first, vd_bytes_t header, vd_bytes_t body,
                         vd_bytes_t payload, const vd_frames_held_t *held)
{
    assert(socket != NULL && header.size > 0 && body.size > 0 && payload.size > 0);
    vd_bytes_t parts[VD_FRAMES_PARTS_MAX];
    int count = 0;
    if (first != NULL)
        parts[count++] = *first;
    parts[count++] = header;
    parts[count++] = body;
    parts[count++] = payload;
    return send_parts(socket, parts, count, held);
}
