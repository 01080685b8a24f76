/* stream_events.c: see stream_events.h. */
#include "stream_events.h"

#include "wire/value.h"

enum { BYTES = 1 << 20 };

vd_bytes_t stream_event(uint64_t seq)
{
    static vd_buffer_t out, data, cause;
    vd_buffer_free(&out);
    vd_buffer_free(&data);
    vd_buffer_free(&cause);
    vd_buffer_init(&out, BYTES);
    vd_buffer_init(&data, BYTES);
    vd_buffer_init(&cause, BYTES);
    vd_write_map(&data, 2);
    vd_write_pair_u64(&data, "number", seq);
    vd_write_pair_text(&data, "Weekday", seq % 7 == 0 ? "Sunday" : "workday");
    vd_write_map(&cause, 4);
    vd_write_pair_text(&cause, "observer", "services");
    vd_write_pair_text(&cause, "source", "local");
    vd_write_pair_u64(&cause, "sample", seq);
    vd_write_pair_u64(&cause, "turn", seq);
    vd_event_write(&out, STREAM_EVENTS_MS + (int64_t)seq,
                   vd_str(seq % 10 == 0 ? "tenth_failed" : "tick"), vd_buffer_view(&data),
                   vd_buffer_view(&cause));
    return vd_buffer_view(&out);
}
