/* json_lines.h: one MessagePack value as lines of formatted JSON with tones.
 *
 * 1. Any bytes do: what is no value is said to be none. Lines are bounded as lines.h has it, and the
 *    time by a pass over the bytes for each level that is shown.
 * 2. A map or list of plain values that fits stands in one line; others have a line for each element.
 * 3. Below `depth` levels a map or list is folded: "{3 keys}", "[120 elements]".
 * 4. What JSON cannot say is written as everywhere in Vedette (run.h) and remarked on behind it: bin as
 *    base64, of which the beginning is shown; NaN and infinities as null.
 */
#ifndef TUI_JSON_LINES_H
#define TUI_JSON_LINES_H

#include "tui/lines.h"

enum {
    TUI_JSON_TEXT_MAX = 4096, /* bytes shown of one text */
    TUI_JSON_BIN_MAX = 48,    /* bytes shown of one bin */
};

/* Appends the lines of `value`, so many columns in; the first goes on in a line that was begun. */
void tui_json_lines(tui_lines_t *lines, vd_bytes_t value, int indent, unsigned depth);

#endif
