/* logfile.h: the log file of a child, capped, with one rotation.
 *
 * 1. The child holds the file itself, opened for appending, so that its log never waits for the
 *    supervisor.
 * 2. Above the cap the content moves to <path>.1, over the one before. While the child runs
 *    that is a copy and a truncation: a line that is written between the two is lost.
 */
#ifndef VD_SUPERVISOR_LOGFILE_H
#define VD_SUPERVISOR_LOGFILE_H

#include "wire/status.h"

#include <stdbool.h>

#include <stddef.h>
#include <stdint.h>

/* Opens (creates, mode 0600) the file for appending. The descriptor, closed by exec, or -1 with
 * errno. `size` is how much is in it. */
int vd_logfile_open(const char *path, int64_t bytes_max, int64_t *size);
/* Rotates while a child writes. VD_OK also when there is nothing to do. */
vd_status_t vd_logfile_trim(const char *path, int64_t bytes_max);
/* Copies what the last line that was written after `from` says, without time stamp, level and
 * name, into `out`; empty when there is none. */
void vd_logfile_last_line(const char *path, int64_t from, char *out, size_t size);

#endif
