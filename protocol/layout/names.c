/* names.c: the words of layouts. */
#include "layout/layout.h"

#include <assert.h>

static const char *const kinds[VD_LAYOUT_KINDS] = {"text", "fields", "table",
                                                   "bars", "graph",  "tree"};
static const char *const units[VD_UNITS] = {"",   "plain", "bytes", "bytes_per_s", "percent", "ms",
                                            "us", "time",  "date",  "age",         "id"};
static const char *const tones[VD_TONES] = {"bad",  "warn", "accent", "good",
                                            "bold", "dim",  "plain"};

const char *vd_layout_kind_name(vd_layout_kind_t kind)
{
    assert(kind < VD_LAYOUT_KINDS);
    return kinds[kind];
}

const char *vd_layout_unit_name(vd_layout_unit_t unit)
{
    assert(unit < VD_UNITS);
    return units[unit];
}

const char *vd_layout_tone_name(vd_layout_tone_t tone)
{
    assert(tone < VD_TONES);
    return tones[tone];
}
