/* fuzz_value.c: MessagePack values: scanning, reading, JSON. */
#include "fuzz.h"
#include "wire/run.h"
#include "wire/value.h"

/* Reads everything below a value; what was scanned is as the scan said. */
static size_t walk(vd_bytes_t bytes, unsigned depth)
{
    size_t count = 0;
    vd_value_t value;
    while (vd_value_next(&bytes, &value)) {
        count++;
        FUZZ_HOLDS(value.raw.size > 0 && value.bytes.size <= value.raw.size);
        bool deep = value.kind == VD_KIND_ARRAY || value.kind == VD_KIND_MAP;
        if (!deep || depth == 0)
            continue;
        size_t below = walk(value.bytes, depth - 1);
        size_t told = value.kind == VD_KIND_MAP ? 2 * (size_t)value.count : value.count;
        FUZZ_HOLDS(depth == 1 || below >= told);
    }
    return count;
}

void fuzz_one(vd_bytes_t input)
{
    size_t size = 0;
    vd_value_t value, inside;
    vd_buffer_t json, again;
    vd_status_t status = vd_scan(input, VD_DEPTH_MAX, &size);
    FUZZ_HOLDS(vd_value_of(input, &value) || vd_scan_exact(input, VD_DEPTH_MAX) != VD_OK);
    if (status != VD_OK) {
        walk(input, VD_DEPTH_MAX); /* safe all the same */
        return;
    }
    FUZZ_HOLDS(size > 0 && size <= input.size);
    vd_bytes_t whole = vd_bytes(input.data, size);
    walk(whole, VD_DEPTH_MAX);
    FUZZ_HOLDS(vd_value_of(whole, &value) && value.raw.size == size);
    vd_value_get(&value, "state", &inside);
    vd_buffer_init(&json, 64 << 20);
    vd_buffer_init(&again, 64 << 20);
    vd_value_json(&json, whole);
    FUZZ_HOLDS(!json.full && json.size > 0 && json.size <= 12 * size);
    char error[VD_TEXT_BYTES_MAX];
    /* What is written is JSON, but a map may have a key twice, and a text a zero byte. */
    status = vd_json_parse(vd_buffer_view(&json), &again, error, sizeof error);
    FUZZ_HOLDS(status == VD_OK || again.size == 0);
    vd_buffer_free(&json);
    vd_buffer_free(&again);
}
