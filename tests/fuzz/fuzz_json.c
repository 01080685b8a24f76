/* fuzz_json.c: JSON text from users, files and services. */
#include "fuzz.h"
#include "wire/json_read.h"
#include "wire/run.h"

void fuzz_one(vd_bytes_t input)
{
    char error[VD_TEXT_BYTES_MAX + 1], session[VD_NAME_BYTES_MAX + 1];
    uint64_t seq = 0;
    vd_buffer_t value, json, again;
    vd_buffer_init(&value, 8 << 20);
    vd_buffer_init(&json, 32 << 20);
    vd_buffer_init(&again, 8 << 20);
    if (vd_json_parse(input, &value, error, sizeof error) == VD_OK) {
        FUZZ_HOLDS(vd_scan_exact(vd_buffer_view(&value), VD_DEPTH_MAX) == VD_OK);
        vd_value_json(&json, vd_buffer_view(&value));
        FUZZ_HOLDS(vd_json_parse(vd_buffer_view(&json), &again, error, sizeof error) == VD_OK);
        FUZZ_HOLDS(vd_bytes_equal(vd_buffer_view(&value), vd_buffer_view(&again)));
    }
    vd_buffer_clear(&value);
    if (vd_event_of_json(input, &value, session, &seq, error, sizeof error) == VD_OK) {
        vd_event_t event = {.seq = 0};
        FUZZ_HOLDS(vd_event_read(vd_buffer_view(&value), &event) == VD_OK);
    } else {
        FUZZ_HOLDS(value.size == 0);
    }
    vd_buffer_free(&value);
    vd_buffer_free(&json);
    vd_buffer_free(&again);
}
