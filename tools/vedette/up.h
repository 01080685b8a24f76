/* up.h: the ways in which `up` runs a supervisor: in its place, beside it, behind it.
 *
 * 1. On a terminal `up` tells where and what next; the log goes to supervisor.log. With -v, and
 *    without a terminal (a service, a container), it becomes the supervisor and stderr is the log.
 * 2. A signal to `up` reaches the supervisor once, and ends the runtime in order: exit code 0.
 * 3. When `up` dies its supervisor is told to end.
 */
#ifndef VD_CLI_UP_H
#define VD_CLI_UP_H

#include "cli.h"

typedef struct up_supervisor {
    char path[4096];
    char log[600]; /* where its log goes when stderr is not its own */
    char *argv[8];
} up_supervisor_t;

/* Becomes the supervisor. Does not return. */
void up_become(const up_supervisor_t *supervisor) __attribute__((noreturn));
/* Runs one for so long, with this process's stderr, and stops it in order. Returns its exit
 * code. */
int up_run_for(const up_supervisor_t *supervisor, int64_t for_ms);
/* Runs one with its log in a file until it ends, is interrupted, or `for_ms` (0: no end) are over.
 * Returns the exit code. */
int up_in_terminal(cli_t *cli, up_supervisor_t *supervisor, int64_t for_ms);
/* Opens the log, whose end is *from then. -1 with the error told and *exit_code set, also when a
 * runtime is up there. */
int up_open_log(cli_t *cli, up_supervisor_t *supervisor, int64_t *from, int *exit_code);
/* Tells the errors that the log got behind `from`, of a supervisor that ended with `code`. Returns
 * the exit code. */
int up_tell_end(const cli_t *cli, const up_supervisor_t *supervisor, int64_t from, int code);

#endif
