/* json_read.h: an event back from its line of JSON, so that its line is the same again.
 *
 * 1. What vd_event_json wrote and vd_event_of_json read, vd_event_json writes byte for byte alike:
 *    every integer of 64 bits, every finite double, every string with its control characters, the
 *    order of keys and keys that stand there twice. The bytes on the wire may differ: JSON does not
 *    tell bin from text, nor a key that was no string from one that was.
 * 2. {"ext":type,"base64":text} becomes the ext that it was written from.
 * 3. Base64 text stays text, as long as the event fits: an event with bin is shorter than its JSON.
 *    Over EVENT_BYTES_MAX, long base64 text is kept as bin, doubles that are floats as floats, and
 *    U+FFFD as the byte ff, which shows as it.
 */
#ifndef VD_JSON_READ_H
#define VD_JSON_READ_H

#include "wire/limits.h"
#include "wire/run.h"

/* The longest line that is read; vd_follow_json gives no longer one. */
#define VD_EVENT_LINE_MAX (16 * VD_EVENT_BYTES_MAX)

/* Appends the wire bytes of the event in `line` to `out`, which needs room for twice
 * EVENT_BYTES_MAX. Session and sequence come from the line too. VD_OK; VD_MALFORMED, VD_BAD_EVENT,
 * VD_TOO_LARGE or VD_TOO_DEEP, with what is wrong in `error` (VD_TEXT_BYTES_MAX) and nothing
 * appended. */
vd_status_t vd_event_of_json(vd_str_t line, vd_buffer_t *out, char session[VD_NAME_BYTES_MAX + 1],
                             uint64_t *seq, char *error, size_t error_size);

#endif
