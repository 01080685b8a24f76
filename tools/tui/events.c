/* events.c: events as they travel to the screen: packed one behind the other, each behind a head with
 * its sizes: they never leave the process. */
#include "tui/ask.h"

#include <assert.h>

typedef struct packed_head {
    uint64_t seq;
    uint32_t session_size, raw_size;
} packed_head_t;

bool tui_events_add(vd_buffer_t *out, vd_str_t session, uint64_t seq, vd_bytes_t raw)
{
    size_t size = out->size;
    assert(session.size <= UINT32_MAX && raw.size <= UINT32_MAX);
    packed_head_t head = {seq, (uint32_t)session.size, (uint32_t)raw.size};
    if (vd_buffer_add(out, &head, sizeof head) && vd_buffer_add(out, session.data, session.size) &&
        vd_buffer_add(out, raw.data, raw.size))
        return true;
    vd_buffer_cut(out, size);
    return false;
}

static vd_bytes_t cut(vd_bytes_t *rest, size_t size)
{
    vd_bytes_t front = vd_bytes(rest->data, size);
    assert(size <= rest->size);
    *rest = vd_bytes(rest->data + size, rest->size - size);
    return front;
}

bool tui_events_next(vd_bytes_t *rest, vd_event_t *event)
{
    while (rest->size > 0) {
        packed_head_t head;
        memcpy(&head, cut(rest, sizeof head).data, sizeof head);
        *event = (vd_event_t){.session = cut(rest, head.session_size), .seq = head.seq};
        if (vd_event_read(cut(rest, head.raw_size), event) == VD_OK)
            return true;
    }
    return false;
}
