/* fuzz_run.c: runs of events, as producers send and stores hold them, and events as lines of JSON. */
#include "fuzz.h"
#include "wire/events.h"
#include "wire/json_read.h"
#include "wire/run.h"

/* The line of an event reads back into an event with the same line. */
static void line_and_back(vd_event_t *event)
{
    char session[VD_NAME_BYTES_MAX + 1], error[VD_TEXT_BYTES_MAX];
    vd_buffer_t line, bytes, again;
    vd_buffer_init(&line, VD_EVENT_LINE_MAX + 4096);
    vd_buffer_init(&bytes, 4 * VD_EVENT_BYTES_MAX);
    vd_buffer_init(&again, VD_EVENT_LINE_MAX + 4096);
    event->session = vd_str("s");
    event->seq = 1;
    vd_event_json(&line, event);
    uint64_t seq = 0;
    vd_status_t status =
        vd_event_of_json(vd_buffer_view(&line), &bytes, session, &seq, error, sizeof error);
    vd_event_t back = {.session = event->session, .seq = event->seq};
    if (status == VD_OK) {
        FUZZ_HOLDS(seq == 1 && strcmp(session, "s") == 0);
        FUZZ_HOLDS(vd_event_read(vd_buffer_view(&bytes), &back) == VD_OK);
        vd_event_json(&again, &back);
        FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(&line), vd_buffer_view(&again)));
    }
    vd_buffer_free(&line);
    vd_buffer_free(&bytes);
    vd_buffer_free(&again);
}

void fuzz_one(vd_bytes_t input)
{
    uint64_t bad = 0, count = 0;
    vd_bytes_t rest = input;
    vd_entry_t entry;
    vd_event_t event = {.seq = 0};
    while (vd_run_next(&rest, &entry) == VD_OK) {
        count++;
        FUZZ_HOLDS(entry.event.size < entry.raw.size);
        vd_status_t status = vd_event_read(entry.event, &event);
        if (status == VD_OK && vd_scan_exact(entry.event, VD_DEPTH_MAX) == VD_OK)
            line_and_back(&event);
    }
    vd_run_check(input, count, &bad);
    vd_run_digest(0, input);
    /* The same bytes as one event without its entry. */
    if (vd_event_read(input, &event) == VD_OK && vd_scan_exact(input, VD_DEPTH_MAX) == VD_OK) {
        FUZZ_HOLDS(vd_bytes_equal(vd_event_peek_type(input), event.type));
        line_and_back(&event);
    }
}
