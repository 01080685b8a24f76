/* histories.h: what a reader was shown, against the store's order of events.
 *
 * 1. Shown is what is in scope (one session, or all), each once, in the order of commits, with the bytes that are stored,
 *    without a gap up to where readers were waited for.
 * 2. After a LIFE a reader of kind AGAIN may be shown again what it was shown before, without a gap to it.
 * 3. A reader of kind HINTS may miss anything: what it was shown is stored, once and in order.
 */
#ifndef VD_HISTORIES_H
#define VD_HISTORIES_H

#include "problems.h"

#include <stdint.h>

/* Holds the history in `path` against the book of the store in `store`, of which readers have to have the first `upto`
 * events. Tells its row on stdout. */
void history_check(problems_t *problems, const char *path, const char *store, uint64_t upto);

#endif
