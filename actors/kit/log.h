/* log.h: the log of a process: lines of text or JSON on standard error.
 *
 * 1. One line is one write, so that lines of several processes on one pipe stay whole.
 * 2. A text that repeats is written once and then counted: the count follows when LOG_REPEAT_MS
 *    have passed.
 * 3. Beyond a burst, lines below VD_ERROR are left out and counted. So is what cannot be written at
 *    once: logging never waits.
 * 4. Any thread may log. Before vd_log_open lines go out as text at level INFO.
 */
#ifndef VD_LOG_H
#define VD_LOG_H

#include "core/core.h"

/* Sets the name of the actor (copied), the lowest level that is written, and the form of lines. */
void vd_log_open(const char *actor, vd_level_t level, bool json);
/* Writes one line. Control characters in it become spaces; it is cut at TEXT_BYTES_MAX bytes. */
void vd_log(vd_level_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes the counts that are due. Called each second by the loop and at the end. */
void vd_log_flush(bool end);
/* Reads debug, info, warn or error. False for any other text. */
bool vd_level_parse(const char *text, vd_level_t *level);

#endif
