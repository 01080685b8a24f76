/* launch.h: a supervisor, started again as it was started before.
 *
 * 1. What it was started with (executable, arguments, environment, directory) is kept in files FILE.*
 *    of mode 0600, so that another process can do it, too.
 * 2. It is left in the background; its words go on to the file that they went to, else (a terminal, a pipe) to
 *    supervisor.log, as those of `up --detach`.
 * 3. An executable that was replaced while it ran is started as what stands in its place now.
 */
#ifndef CHAOS_LAUNCH_H
#define CHAOS_LAUNCH_H

#include "chaos/process.h"

/* Keeps what the process was started with; `logs` is the folder of supervisor.log. False with errno, and nothing is kept:
 * it could not be started again. */
bool chaos_launch_save(const chaos_process_t *process, const char *file, const char *logs);
/* Starts it from what was kept. 0, or the errno. Whether it stays is not waited for: it ends at once
 * when another one is up, or actors of the one before are left. */
int chaos_launch_again(const char *file);
/* Forgets what was kept. */
void chaos_launch_forget(const char *file);

#endif
