/* paths.h: where a runtime lives: directories and endpoints, the same for every process and client.
 *
 * 1. With a directory (--dir or VEDETTE_DIR): sockets in DIR/run, store in DIR/store, logs in
 *    DIR/logs, sources that were added by hand in DIR/sources.json.
 * 2. Without: sockets in $XDG_RUNTIME_DIR/vedette (else /tmp/vedette-<uid>), store, logs and
 *    sources.json under $XDG_STATE_HOME/vedette (else ~/.local/state/vedette).
 * 3. A socket's path is <run>/<actor>.<port> and must fit IPC_PATH_BYTES_MAX; a run directory that
 *    leaves no room for the longest is refused with a clear error.
 */
#ifndef VD_PATHS_H
#define VD_PATHS_H

#include "wire/limits.h"
#include "wire/status.h"

#include <stddef.h>

typedef struct vd_paths {
    char run[512];
    char store[512];
    char logs[512];
    char sources[512]; /* the file; beside the store */
    char dir[512];     /* as given, absolute; empty by default */
} vd_paths_t;

/* Resolves. `dir` NULL or empty: VEDETTE_DIR, else the defaults. VD_OK, or VD_USAGE with text in
 * `error`. */
vd_status_t vd_paths_resolve(const char *dir, vd_paths_t *paths, char *error, size_t error_size);
/* Creates the directories, mode 0700. VD_OK, or the status with text in `error` (names the
 * directory). */
vd_status_t vd_paths_create(const vd_paths_t *paths, char *error, size_t error_size);
/* Writes ipc://<run>/<actor>.<port> into `out` (VD_ENDPOINT_BYTES_MAX + 1 bytes). */
void vd_paths_endpoint(const vd_paths_t *paths, const char *actor, const char *port, char *out);

#endif
