/* text.h: words, numbers, durations and sizes as people write and read them.
 *
 * 1. Nothing here knows a command, a terminal or a clock.
 */
#ifndef VD_CLI_TEXT_H
#define VD_CLI_TEXT_H

#include "wire/buffer.h"

/* "250ms", "1.5s", "5m", "2h", "1d"; a bare number is seconds. False if it is none or over 10
 * years. */
bool cli_parse_duration(const char *text, int64_t *ms);
bool cli_parse_number(const char *text, uint64_t *number);
/* "3s", "4m12s", "2h05m", "3d04h". */
void cli_format_duration(int64_t ms, char *out, size_t size);
/* "1 event", "2 events". Returns `out`. */
const char *cli_count(uint64_t count, const char *thing, char *out, size_t size);
#define CLI_COUNT(count, thing) cli_count((count), (thing), (char[64]){0}, 64)
/* A time to wait as the client library takes it: never more than it can. */
int cli_wait_ms(int64_t ms);
/* "812", "4.0K", "1.3M". */
void cli_format_bytes(uint64_t bytes, char *out, size_t size);
/* The nearest of `count` names, or NULL when none is near enough to be meant. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);
/* Copies text for a terminal: control characters and broken UTF-8 become '?'. Returns how many
 * columns it takes. */
size_t cli_clean(vd_str_t text, char *out, size_t size);

#endif
