/* repair.h: a new store from what can be read of a damaged one.
 *
 * 1. The damaged store is never changed. It is read through an overlay; where LevelDB cannot even
 *    open it (no CURRENT, no MANIFEST), LevelDB's own repair makes what it can of a copy beside the
 *    new store, and the copy goes at the end.
 * 2. Nothing is believed that cannot be checked: an event by its CRC, a run by the commit and the
 *    place that both its own record and that of its commit give, a commit by the chain.
 * 3. The new store has an id of its own, the same indices and sequences, and a chain of its own.
 *    What is lost stays named in its commit as absent, VD_CORRUPT, and in the report. Where the
 *    record of a commit is lost, its runs are found by their own records; its time is that of the
 *    commit before.
 * 4. A session whose record is lost is put together from its events. Marks of producers that are
 *    lost are gone: such a producer begins anew. Stored snapshots are not taken over.
 */
#ifndef VD_REPAIR_H
#define VD_REPAIR_H

#include "wire/status.h"

#include <stddef.h>
#include <stdio.h>

/* Makes the store `into`, a directory that does not exist yet or is empty, from the store `from`,
 * which nobody may have open. One line on `out` for each thing that is lost, and a summary. VD_OK,
 * or why not, with text in `error`; nothing is left in `into` then. */
vd_status_t vd_repair(const char *from, const char *into, FILE *out, char *error,
                      size_t error_size);

#endif
