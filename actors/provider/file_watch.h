/* file_watch.h: tells when a file may have changed: written in place, replaced, removed, made.
 *
 * 1. The directory is watched, because a file that is replaced is another one. A directory that is
 *    not there, or goes, is tried again with vd_file_watch_renew.
 * 2. A burst of changes is one: it is told when the writer has closed or moved the file and nothing
 *    came for FILE_SETTLE_MS, or after FILE_WRITING_MS without a change when the file is still
 *    being written, and after FILE_PATIENCE_MS in any case.
 * 3. A symbolic link may change wherever it leads: each change in its directory counts then.
 */
#ifndef VD_FILE_WATCH_H
#define VD_FILE_WATCH_H

#include <stdbool.h>

struct _zloop_t;

enum { VD_FILE_SETTLE_MS = 10, VD_FILE_WRITING_MS = 200, VD_FILE_PATIENCE_MS = 1000 };

typedef struct vd_file_watch vd_file_watch_t;
typedef void vd_file_changed_fn(void *arg);

/* Watches `path` from the loop; `changed` is called on its thread. NULL, with errno, without memory
 * or descriptors. */
vd_file_watch_t *vd_file_watch_new(struct _zloop_t *loop, const char *path,
                                   vd_file_changed_fn *changed, void *arg);
/* Watches the directory if it is not watched. False, with errno, when it cannot be. */
bool vd_file_watch_renew(vd_file_watch_t *self);
void vd_file_watch_destroy(vd_file_watch_t **self);

#endif
