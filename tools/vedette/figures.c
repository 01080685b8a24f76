/* figures.c: values as people read them, figures by the unit at the end of their name. */
#include "figures.h"
#include "text.h"
#include "wire/limits.h"
#include "wire/run.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* A number of milliseconds above this is a point in time, below it a span. */
static const double wall_ms_min = 1e11;

enum { LINE_BYTES = 512 };

void cli_brief(vd_bytes_t value, size_t columns, char *out, size_t size)
{
    assert(size > 0 && columns > 0);
    out[0] = 0;
    vd_buffer_t json;
    vd_buffer_init(&json, 16 * VD_FRAME_BYTES_MAX);
    vd_value_json(&json, value);
    if (!json.full) {
        vd_str_t text = vd_buffer_view(&json);
        char line[LINE_BYTES * 2];
        size_t width = cli_clean(text, line, sizeof line);
        bool cut = width > columns || width >= sizeof line - 4;
        vd_str_copy(out, size, vd_str(line));
        if (cut && columns > 3) {
            /* Columns are characters: walks to where the dots go. */
            size_t at = 0;
            for (size_t shown = 0; out[at] != 0 && shown < columns - 3; shown++)
                do
                    at++;
                while (((uint8_t)out[at] & 0xc0) == 0x80);
            if (at + 4 <= size)
                memcpy(out + at, "...", 4);
        }
    }
    vd_buffer_free(&json);
}

void cli_format_time(const vd_value_t *value, char *out, size_t size)
{
    int64_t ms = vd_value_i64(value, 0);
    char ts[VD_TS_SIZE] = "-";
    if (ms > 0)
        vd_ts_format(ms, ts);
    snprintf(out, size, "%s", ts);
}

static bool number_of(const vd_value_t *value, double *number)
{
    switch (value->kind) {
    case VD_KIND_U64:
        *number = (double)value->u64;
        return true;
    case VD_KIND_I64:
        *number = (double)value->i64;
        return true;
    case VD_KIND_F64:
        *number = value->f64;
        return isfinite(value->f64);
    default:
        return false;
    }
}

/* Text and whole numbers as they are, others with as many digits as tell something. */
static void plain(const vd_value_t *value, char *out, size_t size)
{
    if (value->kind == VD_KIND_STR)
        cli_clean(value->bytes.size > 0 ? value->bytes : vd_str("-"), out, size);
    else if (value->kind == VD_KIND_BOOL)
        snprintf(out, size, "%s", value->boolean ? "yes" : "no");
    else if (value->kind != VD_KIND_F64 || !isfinite(value->f64))
        cli_brief(value->raw, size, out, size);
    else if (value->f64 != 0 && (fabs(value->f64) < 0.01 || fabs(value->f64) >= 1e15))
        snprintf(out, size, "%.3g", value->f64);
    else
        snprintf(out, size, fabs(value->f64) < 1000 ? "%.2f" : "%.0f", value->f64);
}

static void bytes(const vd_value_t *value, char *out, size_t size)
{
    double number;
    if (number_of(value, &number) && number >= 0 && number < 0x1p64)
        cli_format_bytes((uint64_t)number, out, size);
    else
        plain(value, out, size);
}

static void byte_rate(const vd_value_t *value, char *out, size_t size)
{
    double number;
    bytes(value, out, size);
    size_t used = strlen(out);
    if (number_of(value, &number) && used + 3 <= size)
        memcpy(out + used, "/s", 3);
}

static void percent(const vd_value_t *value, char *out, size_t size)
{
    double number;
    if (number_of(value, &number))
        snprintf(out, size, "%.1f%%", number);
    else
        plain(value, out, size);
}

static void milliseconds(const vd_value_t *value, char *out, size_t size)
{
    double number;
    if (!number_of(value, &number) || number < 0 || number >= 0x1p53)
        plain(value, out, size);
    else if (number >= wall_ms_min)
        cli_format_time(value, out, size);
    else if (number < 1000 && number != floor(number))
        snprintf(out, size, "%.2fms", number);
    else
        cli_format_duration((int64_t)number, out, size);
}

static void microseconds(const vd_value_t *value, char *out, size_t size)
{
    double number;
    if (!number_of(value, &number) || number < 0 || number >= 0x1p53)
        plain(value, out, size);
    else if (number < 1000)
        snprintf(out, size, "%.0fus", number);
    else if (number < 1000000)
        snprintf(out, size, "%.2fms", number / 1000);
    else
        cli_format_duration((int64_t)(number / 1000), out, size);
}

static bool ends_with(vd_str_t key, const char *end)
{
    size_t size = strlen(end);
    return key.size >= size && memcmp(key.data + key.size - size, end, size) == 0;
}

cli_format_t *cli_figure_format(vd_str_t key)
{
    static const struct {
        const char *unit;
        cli_format_t *format;
    } units[] = {{"bytes", bytes},
                 {"bytes_per_s", byte_rate},
                 {"percent", percent},
                 {"_ms", milliseconds},
                 {"_us", microseconds}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (ends_with(key, units[i].unit))
            return units[i].format;
    return plain;
}
