/* frames.c: the ring of frames without outcome. */
#include "emit/frames.h"

#include <assert.h>
#include <stdlib.h>

enum { ROOM_BYTES_MIN = 256 }; /* so that a small frame can hold the reason why it was rejected */

bool vd_frames_init(vd_frames_t *self, uint32_t bytes_max)
{
    assert(self != NULL && bytes_max > ROOM_BYTES_MIN);
    *self = (vd_frames_t){.bytes_max = bytes_max};
    self->list = calloc(VD_EMIT_FRAMES_MAX, sizeof *self->list);
    self->bytes = malloc(bytes_max);
    if (self->list != NULL && self->bytes != NULL)
        return true;
    vd_frames_free(self);
    return false;
}

void vd_frames_free(vd_frames_t *self)
{
    assert(self != NULL);
    free(self->list);
    free(self->bytes);
    *self = (vd_frames_t){0};
}

/* Finds `room` free bytes in one piece. */
static bool find_room(const vd_frames_t *self, uint32_t room, uint32_t *at)
{
    *at = 0;
    if (self->count == 0)
        return room <= self->bytes_max;
    uint32_t oldest = vd_frames_at(self, 0)->at;
    if (self->write_at > oldest) {
        if (self->bytes_max - self->write_at >= room)
            *at = self->write_at;
        else if (oldest < room)
            return false;
        return true;
    }
    *at = self->write_at;
    return oldest - self->write_at >= room;
}

vd_frame_t *vd_frames_put(vd_frames_t *self, vd_str_t session, vd_str_t record, vd_bytes_t run,
                          uint32_t count, uint64_t token)
{
    assert(count > 0 && run.size > 0 && session.size > 0);
    size_t size = session.size + record.size + run.size;
    uint32_t at;
    if (self->count == VD_EMIT_FRAMES_MAX || size > self->bytes_max)
        return NULL;
    uint32_t room = size < ROOM_BYTES_MIN ? ROOM_BYTES_MIN : (uint32_t)size;
    if (!find_room(self, room, &at))
        return NULL;
    memcpy(self->bytes + at, session.data, session.size);
    if (record.size > 0)
        memcpy(self->bytes + at + session.size, record.data, record.size);
    memcpy(self->bytes + at + session.size + record.size, run.data, run.size);
    self->write_at = at + room;
    vd_frame_t *frame = &self->list[(self->head + self->count++) % VD_EMIT_FRAMES_MAX];
    *frame = (vd_frame_t){.token = token,
                          .count = count,
                          .status = VD_OK,
                          .at = at,
                          .room = room,
                          .session_size = (uint32_t)session.size,
                          .record_size = (uint32_t)record.size,
                          .run_size = (uint32_t)run.size};
    return frame;
}

vd_frame_t *vd_frames_at(const vd_frames_t *self, uint32_t place)
{
    assert(place < self->count && self->count <= VD_EMIT_FRAMES_MAX);
    return &self->list[(self->head + place) % VD_EMIT_FRAMES_MAX];
}

void vd_frames_pop(vd_frames_t *self)
{
    assert(self->count > 0);
    self->head = (self->head + 1) % VD_EMIT_FRAMES_MAX;
    self->count--;
}

vd_str_t vd_frames_session(const vd_frames_t *self, const vd_frame_t *frame)
{
    assert(frame->session_size > 0 && frame->session_size < frame->room);
    return vd_bytes(self->bytes + frame->at, frame->session_size);
}

vd_str_t vd_frames_record(const vd_frames_t *self, const vd_frame_t *frame)
{
    assert(frame->status == VD_OK);
    return vd_bytes(self->bytes + frame->at + frame->session_size, frame->record_size);
}

vd_bytes_t vd_frames_run(const vd_frames_t *self, const vd_frame_t *frame)
{
    assert(frame->status == VD_OK);
    return vd_bytes(self->bytes + frame->at + frame->session_size + frame->record_size,
                    frame->run_size);
}

void vd_frames_reject(vd_frames_t *self, vd_frame_t *frame, vd_status_t status, uint64_t seq,
                      vd_str_t text)
{
    assert(status != VD_OK && frame->session_size < frame->room);
    if (frame->status != VD_OK)
        return;
    frame->status = status;
    frame->seq = seq;
    uint32_t room = frame->room - frame->session_size;
    frame->text_size = text.size < room ? (uint32_t)text.size : room;
    if (frame->text_size > VD_TEXT_BYTES_MAX)
        frame->text_size = VD_TEXT_BYTES_MAX;
    if (frame->text_size > 0)
        memcpy(self->bytes + frame->at + frame->session_size, text.data, frame->text_size);
}

vd_str_t vd_frames_text(const vd_frames_t *self, const vd_frame_t *frame)
{
    assert(frame->status != VD_OK);
    return vd_bytes(self->bytes + frame->at + frame->session_size, frame->text_size);
}
