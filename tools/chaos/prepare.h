/* prepare.h: a runtime whose disk, clocks and executables can be broken: what `vedette chaos up` prepares.
 *
 * 1. In PLACE (beside the store): bin/ with a stand-in for each executable, clock/ with the clock of each actor, disk/
 *    with what tells the disk of each to fail. The supervisor is started with VEDETTE_BIN=PLACE/bin and variables
 *    VD_CHAOS_*, from which a stand-in knows the rest (fault/exec.c).
 * 2. A process is prepared when it was started so: its environment says it, not what lies in PLACE.
 */
#ifndef CHAOS_PREPARE_H
#define CHAOS_PREPARE_H

#include "chaos/process.h"
#include "wire/paths.h"
#include "wire/status.h"

/* Prepares PLACE and this process's environment, for a supervisor that takes its place or comes from it; executables
 * stand in `bin`. VD_OK, or the status with the reason and the remedy in `error` (CHAOS_ERROR_BYTES of script.h). Without
 * libfaketime the clocks cannot be broken: *clocks. */
vd_status_t chaos_prepare(const char *place, const vd_paths_t *paths, const char *bin, bool *clocks,
                          char *error);
/* The value of a variable in the environment of a process, in `out`. False when it has none. */
bool chaos_prepared(const chaos_process_t *process, const char *variable, char *out, size_t size);
/* Removes what killed processes with a clock of ours have left in shared memory. */
void chaos_sweep(void);

#endif
