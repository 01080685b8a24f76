/* undo_kinds.h: the kinds of records: what each changes, and what undoes it.
 *
 * 1. A record is a list of fields; the first is the name of its kind. What it changes stands in it, so that two that
 *    change the same thing can be told before the second is written.
 */
#ifndef CHAOS_UNDO_KINDS_H
#define CHAOS_UNDO_KINDS_H

#include <stdbool.h>
#include <stddef.h>

/* Undoes it; `left`: whoever recorded it is dead. 0, or the errno; EAGAIN: it is not known yet what is to be done. EBADMSG:
 * there is no such record. */
int chaos_kind_undo(const char *const *fields, size_t count, bool left);
/* Is the runtime asked when it is undone for one that is dead? */
bool chaos_kind_asks(const char *const *fields, size_t count);
/* Would undoing one of them undo the other, too? */
bool chaos_kind_same(const char *const *a, size_t a_count, const char *const *b, size_t b_count);
/* What it changes, in words; only for one that is the same as another. */
void chaos_kind_say(const char *const *fields, size_t count, char *out, size_t size);

#endif
