/* fuzz_diff.c: two snapshots of any bytes. */
#include "diff/diff.h"
#include "fuzz.h"
#include "wire/value.h"

void fuzz_one(vd_bytes_t input)
{
    vd_bytes_t before = fuzz_part(&input);
    vd_buffer_t rows;
    vd_buffer_init(&rows, 1 << 20);
    if (vd_diff(before, input, &rows) == VD_OK)
        FUZZ_HOLDS(vd_scan_exact(vd_buffer_view(&rows), VD_DEPTH_MAX + 4) == VD_OK);
    vd_buffer_clear(&rows);
    if (vd_diff(input, input, &rows) == VD_OK) {
        vd_value_t array;
        FUZZ_HOLDS(vd_value_of(vd_buffer_view(&rows), &array));
    }
    vd_buffer_free(&rows);
}
